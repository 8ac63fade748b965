"""What llama.cpp makes of a GGUF file that phon wrote, beside what phon makes of the model: ids, logits, greedy tokens.

Usage: python scripts/llama_cpp.py MODEL_FOLDER FILE.gguf, with llama-cpp-python installed, which phon does not ask for.
"""

import random
import sys
from pathlib import Path

import numpy as np
import torch
from llama_cpp import Llama

from train.contract import Contract
from train.export import read_model
from train.model import Model

TEXTS, LENGTH = 3000, 30
ODD = ["naïve 日本 🙂 a’b 'tis “x”  two\t tabs\nline\r\n — … Ω", "  first", "it's don't 'so' a''b", "\0 zero"]
GREEDY = 40


def after(model: Model, ids: list[int]) -> torch.Tensor:
    """The logits after these tokens."""
    with torch.no_grad():
        return model.read(torch.tensor([ids]), model.start(1, len(ids)))[0]


def greedy(model: Model, ids: list[int], contract: Contract) -> list[int]:
    """The likeliest tokens that follow."""
    made: list[int] = []
    while len(made) < GREEDY and made[-1:] != [contract.eos]:
        made.append(int(after(model, ids + made).argmax()))
    return made


def main(folder: Path, path: Path) -> None:
    """Print what agrees."""
    model, contract, tokenizer = read_model(folder)
    other = Llama(str(path), n_ctx=model.shape.seq_len, logits_all=True, verbose=False, n_threads=1)
    draw = random.Random(1)
    ids = sorted({*range(contract.vocab_size)} - contract.special_ids())
    drawn = (tokenizer.decode([draw.choice(ids) for _ in range(LENGTH)]) for _ in range(TEXTS))
    texts = [text.replace("\u2581", "") for text in (*drawn, *ODD)]
    same = sum(
        other.tokenize(text.encode(), add_bos=False, special=False)
        == tokenizer.encode(text, add_special_tokens=False).ids
        for text in texts
    )
    print(f"{same:,} of {len(texts):,} texts have the same ids")
    opening = [*contract.openings.values()][-1]
    row = opening + tokenizer.encode(texts[0], add_special_tokens=False).ids[:20]
    other.eval(row)
    ours = torch.stack([after(model, row[: n + 1]) for n in range(len(row))]).numpy()
    theirs = np.array(other.scores[: len(row)])
    print(f"logits differ by {np.abs(ours - theirs).max():.4f} at most; their spread is {ours.std():.2f}")
    other.reset()
    found: list[int] = []
    for token in other.generate(list(opening), temp=0.0):
        found.append(token)
        if token == contract.eos or len(found) == GREEDY:
            break
    print(f"greedy tokens from the opening are the same: {found == greedy(model, opening, contract)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
