"""Whole numbers of the trained model: `python scripts/export_oov.py weights.pt` writes phonetic/data/oov.npz.

Weights become one byte each, with a scale for each output; what flows between the layers becomes whole numbers up to
`MOST`, by the largest values met on the words of our own lexicon. No sum can then reach 2**24, up to which float32 has
every whole number: this is checked for the worst input there could be.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from phonetic.lexicon import DATA, lexicon
from phonetic.oov import N_LETTERS, REACH, UNIT
from scripts.oov_model import SHIPPED, Model
from scripts.pronunciations import is_plain
from scripts.train_oov import SHARES

MOST = 1023
SAMPLE = 4000  # words that show how large values become
EXACT = 2**24


def largest(model: Model, words: list[str]) -> tuple[float, list[float], float]:
    """The largest values of the stream, of each branch's middle, and of what the decoder gets, on some words."""
    met: dict[str, float] = {}

    def meet(name: str) -> Callable[[torch.nn.Module, Any, torch.Tensor], None]:
        def note(_: torch.nn.Module, __: Any, found: torch.Tensor) -> None:
            met[name] = max(met.get(name, 0.0), float(found.max()), 0.0 if "middle" in name else float(-found.min()))

        return note

    hooks = [model.letters.register_forward_hook(meet("stream")), model.here.register_forward_hook(meet("here"))]
    for i, block in enumerate(model.blocks):
        hooks.append(block.register_forward_hook(meet("stream")))
        hooks.append(block.into.register_forward_hook(meet(f"middle {i}")))
    for length in {len(word) for word in words}:
        letters = torch.tensor([[ord(letter) - 96 for letter in word] for word in words if len(word) == length])
        with torch.no_grad():
            model.encode(letters, torch.zeros(len(letters), dtype=torch.long))
    for hook in hooks:
        hook.remove()
    return met["stream"], [met[f"middle {i}"] for i in range(len(model.blocks))], met["here"]


def whole(weight: Any, bias: Any, given: float, wanted: float, most: int = MOST) -> tuple[Any, Any, Any]:
    """A layer as bytes (in, out), a whole bias and a scale: `given` and `wanted` are a unit's size before and after."""
    weight, bias = weight.detach().double().numpy().T, bias.detach().double().numpy()
    sums = np.abs(weight).sum(axis=0) * most + np.abs(bias) * given
    by = np.minimum(127 / np.abs(weight).max(axis=0), 0.99 * EXACT / sums)
    small, large = np.rint(weight * by).astype(np.int8), np.rint(bias * by * given).astype(np.int32)
    worst = (np.abs(small.astype(int)).sum(axis=0) * most + np.abs(large)).max()
    assert worst < EXACT, f"a sum can be {worst}"
    return small, large, (wanted / (by * given)).astype(np.float32)


def export(model: Model, labels: list[str]) -> dict[str, Any]:
    """The arrays of the data file."""
    words = sorted(word for word in lexicon() if is_plain(word) and len(word) <= 20)
    stream, inner, here = largest(model, words[:: len(words) // SAMPLE])
    x, decoder = MOST / stream, MOST / (1.5 * here)
    letters = model.letters.weight.detach().double().numpy().T
    tables = letters[: -model.n_sources].reshape(2 * REACH + 1, N_LETTERS, -1).copy()
    tables[REACH] += letters[-model.n_sources] + model.letters.bias.detach().double().numpy()  # as CMUdict writes
    n = len(labels) + 1
    past = np.rint(model.past.weight.detach().double().numpy().T * decoder).astype(np.int16)
    found: dict[str, Any] = {
        "chunks": np.frombuffer(" ".join(labels).encode("ascii"), np.uint8),
        "limits": np.array([MOST] * 3),
        "dilations": np.array([block.dilation for block in model.blocks]),
        "letters": np.rint(tables * x).astype(np.int16).reshape(-1, tables.shape[2]),
        "before": past[:n],
        "earlier": past[n : 2 * n],
        "state": past[2 * n :],
    }
    for i, block in enumerate(model.blocks):
        middle = MOST / inner[i]
        names = [f"into.{i}", f"into_bias.{i}", f"into_scale.{i}"]
        found |= zip(names, whole(block.into.weight, block.into.bias, x, middle), strict=True)
        names = [f"out.{i}", f"out_bias.{i}", f"out_scale.{i}"]
        found |= zip(names, whole(block.out.weight, block.out.bias, middle, x), strict=True)
    found |= zip(
        ["here", "here_bias", "here_scale"], whole(model.here.weight, model.here.bias, x, decoder), strict=True
    )
    names = ["scores", "scores_bias", "scores_scale"]
    found |= zip(names, whole(model.scores.weight, model.scores.bias, decoder, UNIT), strict=True)
    return found


@click.command()
@click.argument("weights", type=click.Path(exists=True, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), default=DATA / "oov.npz", show_default=True)
def main(weights: Path, output: Path) -> None:
    """Write the data file of the trained WEIGHTS."""
    saved = torch.load(weights)
    model = Model(SHIPPED, len(saved["labels"]), len(SHARES)).eval()
    model.load_state_dict(saved["weights"])
    np.savez_compressed(output, **export(model, saved["labels"]))
    print(f"{output}: {output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
