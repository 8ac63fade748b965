"""What keeping samples valid costs, and whether it keeps its promise.

The cost is CPU time of sampling with the notation's grammar over that without: the median of many pairs of short runs,
one after the other and each first in turn, the same number of tokens each. With --samples, samples of a model are
judged by the notation instead.

Example: python benchmarks/valid.py --quick
"""

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.generation import PROMPT, SHAPES, TEMPERATURE, measure
from benchmarks.machine import describe
from phonetic.arpabet import Arpabet
from phonetic.ipa import Ipa
from phonetic.lexicon import lexicon
from pipeline.asked import Constraints
from pipeline.automaton import Automaton
from pipeline.bpe import byte_characters, train_bpe
from pipeline.constraints import Constrained
from pipeline.guide import Guide
from pipeline.vocabulary import Vocabulary
from train.contract import Contract
from train.draw import Sampling
from train.export import read_model
from train.generate import generate
from train.gpt2 import GPT2, Shape
from train.notation import load_notation

NOTATIONS: dict[str, Any] = {"arpabet": Arpabet, "arpabet, spaced": lambda: Arpabet(form="spaced"), "ipa": Ipa}
SHAPE = SHAPES["4 layers, width 256"]
N_NEW = 48
BATCHES = (1, 16)
TEMPERATURES = (0.7, 1.0, 1.5)
LIMIT = 95  # tokens of a sample that is judged
CONSTRAINTS: dict[str, dict[str, Any]] = {
    "the grammar": {},
    "--lines 14": {"lines": 14},
    "--syllables 5,7,5": {"syllables": (5, 7, 5)},
    "--meter u/u/u/u/u/ --lines 14": {"meter": "u/u/u/u/u/", "lines": 14},
    "--rhyme-with day": {"rhyme_with": "day"},
    "--words-only": {"words_only": True},
    "--words-only --syllables 5,7,5": {"words_only": True, "syllables": (5, 7, 5)},
}  # fmt: skip


def vocabulary(notation: Any, size: int) -> Vocabulary:
    """BPE of so many tokens, trained on words of the lexicon as they would stand in a text."""
    chance = random.Random(0)
    entries = [entry.partition(" ")[0] for entry in lexicon().values()]
    byte_of = dict(enumerate(byte_characters()))
    words = ("".join(byte_of[byte] for byte in f" {notation.write(one)}".encode()) for one in entries)
    counts = {word: chance.randint(1, 99) for word in words}
    tokens, _ = train_bpe(counts, notation.symbols, size - 3)
    back = {character: byte for byte, character in byte_of.items()}
    return Vocabulary({3 + at: bytes(back[one] for one in token) for at, token in enumerate(tokens)}, size, 1)


def run(model: GPT2, batch: int, guide: Guide | None) -> Callable[[], int]:
    contract = Contract({}, SHAPE.vocab_size, 0, -1 if guide is None else 1, 2, {"": PROMPT[:1]}, {"": 1}, "")
    sampling = Sampling(temperature=TEMPERATURE, max_new_tokens=N_NEW)

    def made() -> int:
        samples = generate(model.reader(), contract, n=batch, sampling=sampling, batch_size=batch, guide=guide)
        return sum(len(sample.ids) + sample.ended for sample in samples)

    return made


def cost(rounds: int) -> None:
    """Print what the grammars of notations cost, as a share of the CPU time of sampling without."""
    model = GPT2(SHAPE)
    model.initialise(torch.Generator().manual_seed(0))
    print("| notation | batch | without, tok/s | with, tok/s | more CPU time |\n|---|---|---|---|---|")
    for name, notation in NOTATIONS.items():
        found = vocabulary(notation(), SHAPE.vocab_size)
        held = Constrained(notation()).automaton
        for batch in BATCHES:
            # Nothing but the limit ends a sample, so that both runs take as many tokens.
            endless = Endless(held, found)
            contestants = run(model, batch, None), run(model, batch, endless)
            tokens = batch * N_NEW
            for one in contestants:
                one()
            times = []
            for at in range(rounds):
                order = (0, 1) if at % 2 else (1, 0)
                taken = {who: measure(contestants[who], tokens)[1] for who in order}
                times.append((taken[0], taken[1]))
            without, with_ = (tokens / median(row[who] for row in times) for who in (0, 1))
            more = median(row[1] / row[0] for row in times) - 1
            print(f"| {name} | {batch} | {without:,.0f} | {with_:,.0f} | {more:+.1%} |", flush=True)


class Endless(Guide):
    """A guide under which no sample ends before the limit."""

    def __init__(self, automaton: Automaton, vocabulary: Vocabulary) -> None:
        super().__init__(automaton, vocabulary)
        self._allows[:, vocabulary.eos] = -torch.inf
        self._longest = -1


def first_time() -> None:
    """Print how long constraints take before the first sample, with nothing cached."""
    print("| constraint | notation | states | automaton, s | for 16,384 tokens, s |\n|---|---|---|---|---|")
    for name, notation in NOTATIONS.items():
        found = vocabulary(notation(), 1 << 14)
        for asked, options in CONSTRAINTS.items():
            started = time.process_time()
            held = Constrained(notation(), Constraints(**options)).automaton
            made = time.process_time()
            Guide(held, found)
            ready = time.process_time()
            print(f"| {asked} | {name} | {len(held.ends):,} | {made - started:.2f} | {ready - made:.2f} |", flush=True)


def judge(folder: Path | None, n: int) -> None:
    """Print how many of `n` samples the notation accepts: of a model, or of untrained ones."""
    print("| model | notation | temperature | ended | accepted |\n|---|---|---|---|---|")
    cases: list[tuple[Any, Any, Contract, Vocabulary]] = []
    if folder is not None:
        model, contract, tokenizer = read_model(folder)
        cases.append((load_notation(contract.notation), model, contract, Vocabulary.of(tokenizer, contract)))
    else:
        shape = Shape(vocab_size=2048, seq_len=LIMIT + 1, n_layer=2, n_head=2, n_embd=64, n_inner=256)
        for make in NOTATIONS.values():
            untrained = GPT2(shape)
            untrained.initialise(torch.Generator().manual_seed(0))
            contract = Contract({}, shape.vocab_size, 0, 1, 2, {"": [0]}, {"": 1}, "")
            cases.append((make(), untrained, contract, vocabulary(make(), shape.vocab_size)))
    for notation, one, contract, found in cases:
        guide = Guide(Constrained(notation).automaton, found)
        for temperature in TEMPERATURES:
            sampling = Sampling(temperature, max_new_tokens=LIMIT)
            ended = accepted = 0
            for sample in generate(one.reader(), contract, n=n, sampling=sampling, guide=guide):
                text = b"".join(found.tokens[token] for token in sample.ids).decode()
                ended += sample.ended
                accepted += sample.ended and not notation.problems(text)
            of = f"{folder or 'untrained'} | {notation.name} {dict(notation.options)}"
            print(f"| {of} | {temperature} | {ended:,} | {accepted:,} of {n:,} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="30 pairs instead of 120")
    parser.add_argument("--first", action="store_true", help="how long constraints take the first time")
    parser.add_argument("--samples", type=int, metavar="N", help="judge so many samples at each temperature")
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="of this model; else of untrained ones")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{describe()}\n")
    if arguments.samples:
        judge(arguments.model, arguments.samples)
    elif arguments.first:
        first_time()
    else:
        cost(30 if arguments.quick else 120)


if __name__ == "__main__":
    main()
