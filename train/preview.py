"""Samples for a run's log: what the model writes so far, at a temperature, and whether it is valid."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from train.contract import Contract
from train.data import Rows
from train.draw import Sampling
from train.errors import TrainError
from train.export import read_tokenizer
from train.generate import generate
from train.model import Model
from train.notation import load_notation
from train.score import judge


def previewer(
    contract: Contract,
    tokenizer_folder: Path,
    *,
    n: int,
    seed: int,
    say: Callable[[str], None],
    rows: Rows | None = None,
) -> Callable[[Model, float], list[dict[str, Any]]]:
    """A function from a model and a temperature to `n` samples: text, type, whether each ended and is valid.

    Args:
        rows: Of pairs: samples are of the sources of the first of them.
    """
    tokenizer = read_tokenizer(tokenizer_folder, contract)
    try:
        notation = load_notation(contract.notation)
    except TrainError as error:
        say(f"samples are not checked: {error} ({error.hint})")
        notation = None

    sources = None
    if rows and rows.packing.is_ragged:
        given = rows.read(range(min(n, rows.packing.n_rows)))[3]
        sources = [row[row != contract.pad].tolist() for row in given]

    def sample(model: Model, temperature: float) -> list[dict[str, Any]]:
        drawn, sampling = [], Sampling(temperature=temperature)
        for one in generate(model, contract, n=n, sources=sources, sampling=sampling, seed=seed):
            text = one.text(tokenizer)
            valid, _ = judge(notation, text, one.ended)
            drawn.append({"text": text, "type": one.type, "ended": one.ended, "valid": valid})
        return drawn

    return sample
