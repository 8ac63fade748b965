"""Points to fit a power law to: from a table, from a study's ledger, or from the log of one run."""

import csv
import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from train.errors import TrainError
from train.files import read_bounded
from train.history import History, read_history
from train.ledger import Ledger
from train.powerlaw import Array, Law

COLUMNS = {  # what a column may be called, in any case
    "N": ("n", "params", "parameters"),
    "D": ("d", "tokens"),
    "U": ("u", "unique_tokens"),
    "s": ("s", "step", "steps"),
    "loss": ("l", "loss", "val_loss"),
    "flops": ("flops",),
}
RUN = ("run", "cell", "seed")  # the columns that together say which run a point is of
LARGEST_TABLE = 2**27  # bytes
TRIES = 100
LOSSES = ("val_loss", "bits_per_byte")  # in the order of a curve's points
SMALLEST, LARGEST = 1e-9, 1e30
MEND = "mend or delete that line"


@dataclass(frozen=True)
class Points:
    """Losses, what they were measured at, and of which run each is.

    Args:
        label: Where they come from, for messages.
        variables: Name -> (n,).
        runs: (n,), a number a run.
        flops: (n,) of the whole run up to there, where it is known.
        uninformed: The loss of one who takes every token for equally likely, where it is known.
    """

    label: str
    variables: Mapping[str, Array]
    loss: Array
    runs: NDArray[np.int64]
    flops: Array | None = None
    uninformed: float | None = None

    @cached_property
    def logs(self) -> dict[str, Array]:
        """The logarithms of the variables."""
        return {name: np.log(values) for name, values in self.variables.items()}

    @property
    def n_places(self) -> int:
        """How many of the points differ in a variable."""
        return len(np.unique(np.stack([*self.variables.values()]), axis=1).T)

    @property
    def n_runs(self) -> int:
        """How many runs they are of."""
        return len(np.unique(self.runs))

    def resample(self, draws: int, *, at_least: int, seed: int) -> Array:
        """How often each point counts in each of `draws` samples of as many runs, (draws, n).

        Of a run's several points, stretches of neighbours are drawn (a circular block bootstrap), since what a run
        measures at one step is much like what it measured before.

        Args:
            at_least: Different places that a sample has; one with fewer is drawn again.

        Source: Politis and Romano 1992; the length of a stretch is the usual cube root.
        """
        chance = np.random.default_rng(seed)
        members = [np.flatnonzero(self.runs == run) for run in np.unique(self.runs)]
        _, place = np.unique(np.stack([*self.variables.values()]), axis=1, return_inverse=True)
        is_at = np.eye(place.max() + 1)[place.ravel()]  # (n, places)
        weights = np.zeros((draws, len(self.loss)))
        again = np.arange(draws)
        for _ in range(TRIES):
            runs = chance.multinomial(len(members), [1 / len(members)] * len(members), len(again))
            weights[again] = 0
            for times, points in zip(runs.T, members, strict=True):
                weights[again[:, None], points] = blocks(times, len(points), chance)
            again = np.flatnonzero(((weights @ is_at) > 0).sum(1) < at_least)
            if not len(again):
                return weights
        weights[again] = 1  # a sample that cannot be had is the whole
        return weights


def blocks(times: NDArray[np.int64], size: int, chance: np.random.Generator) -> Array:
    """How often each of a run's `size` points counts in samples that hold the run so many times, (samples, size)."""
    if size == 1:
        return times[:, None].astype(float)
    length = max(1, round(size ** (1 / 3)))
    counts = np.zeros((len(times), size))
    for turn in range(int(times.max(initial=0))):
        held = np.flatnonzero(times > turn)
        first = chance.integers(0, size, (len(held), math.ceil(size / length)))
        drawn = (first[..., None] + np.arange(length)).reshape(len(held), -1)[:, :size] % size
        np.add.at(counts, (held[:, None], drawn), 1.0)
    return counts


def read_points(path: Path, law: Law, *, loss: str = "", cell: str = "", since: float = 0.0) -> Points:
    """The points of a table (.csv, .tsv), a ledger (.jsonl) or a run's folder.

    Args:
        loss: The name of the loss, where it is not the usual one: `bits_per_byte`.
        cell: Whose curve, of a ledger; laws of steps and tokens need it if there are several.
        since: Points of curves at fewer steps or tokens are left out.

    Raises:
        TrainError: something is missing, or is not a positive number.
    """
    is_curve, uninformed = len(law.variables) == 1, None
    if path.is_dir():
        rows = from_run(read_history(path), law, loss or LOSSES[0])
    elif path.suffix == ".jsonl":
        ledger = Ledger.read(path)
        rows = from_ledger(ledger, is_curve, loss or LOSSES[0], cell)
        if ledger.study.corpus.vocab_size > 1 and loss in ("", LOSSES[0]):
            uninformed = math.log(ledger.study.corpus.vocab_size)
    else:
        rows = from_table(path, law, loss)
    kept = [row for row in rows if not is_curve or row.values[law.variables[0]] >= since]
    if not kept:
        raise TrainError(f"{path}: there is no point to fit", hint="check the file, --cell and --since")
    names = {run: number for number, run in enumerate(dict.fromkeys(row.run for row in kept))}
    flops = [row.values.get("flops", math.nan) for row in kept]
    return Points(
        str(path),
        {name: np.array([row.values[name] for row in kept]) for name in law.variables},
        np.array([row.values["loss"] for row in kept]),
        np.array([names[row.run] for row in kept]),
        None if np.isnan(flops).any() else np.array(flops),
        uninformed,
    )


class Row(NamedTuple):
    """A point: its values, and of which run it is."""

    values: Mapping[str, float]
    run: Hashable


def from_ledger(ledger: Ledger, is_curve: bool, loss: str, cell: str) -> list[Row]:
    """What the finished runs came to, or the curves of a cell's.

    Raises:
        TrainError: no such cell, or one must be chosen; or no such loss.
    """
    if loss not in LOSSES:
        raise TrainError(f"a ledger has no {loss!r}", hint=f"there are: {', '.join(LOSSES)}", exit_code=2)
    names = [*ledger.cells]
    if cell not in ["", *names] or (is_curve and not cell and len(names) > 1):
        wrong = f"no cell {cell!r}" if cell else "a curve is of one cell, and there are several"
        raise TrainError(f"{ledger.path}: {wrong}", hint=f"--cell NAME, of {', '.join(names)}", exit_code=2)
    rows = []
    for name in [cell] if cell else names:
        size = ledger.cells[name]
        known = {"N": float(size.params), "D": float(size.tokens), "U": float(ledger.study.corpus.tokens)}
        known |= {"flops": float(size.flops)} if size.flops else {}
        for seed, run in ledger.of(name).items():
            if is_curve:
                at = 2 + LOSSES.index(loss)
                rows += [
                    Row({"s": point[0], "D": point[1], "loss": point[at]}, seed) for point in run.curve if point[0]
                ]
            else:
                rows.append(Row({**known, "loss": getattr(run, loss)}, (name, seed)))
    return rows


def from_run(run: History, law: Law, loss: str) -> list[Row]:
    """The measurements of a run.

    Raises:
        TrainError: the law is not of a curve, or there is no such loss.
    """
    if len(law.variables) > 1:
        raise TrainError(
            f"{run.path} is one run, and the law {law.name} is of several", hint="--law steps", exit_code=2
        )
    keys = dict(zip(LOSSES, ("val_loss", "val_bits_per_byte"), strict=True))
    if loss not in keys:
        raise TrainError(f"a run has no {loss!r}", hint=f"there are: {', '.join(LOSSES)}", exit_code=2)
    return [
        Row({"s": record["step"], "D": run.tokens_at(record["step"]), "loss": record[keys[loss]]}, 0)
        for record in run.measured
        if record["step"]
    ]


def from_table(path: Path, law: Law, loss: str) -> list[Row]:
    """The lines of a table with a head.

    Raises:
        TrainError: a column is missing, or something in one is not a positive number; with the line.
    """
    (_, first), *lines = cells_of(path)
    heads = [head.strip() for head in first]
    found = {head.lower(): place for place, head in enumerate(heads)}
    called = COLUMNS | ({"loss": (loss.lower(),)} if loss else {})
    columns = {
        name: next((found[known] for known in called[name] if known in found), None)
        for name in (*law.variables, "loss", "flops")
    }
    for name, place in columns.items():
        if place is None and name != "flops":
            raise TrainError(
                f"{path}, line 1: no column for {'the loss' if name == 'loss' else name}, "
                f"but {', '.join(heads) or 'nothing'}",
                hint=f"the law {law.name} needs {', '.join(law.variables)} and a loss; "
                f"that column may be called {', '.join(called[name])}",
            )
    runs = [found[name] for name in RUN if name in found]
    rows = []
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(heads):
            raise TrainError(f"{path}, line {line}: {len(cells)} columns, where line 1 has {len(heads)}", hint=MEND)
        values = {
            name: number(cells[place], f"{path}, line {line}, column {heads[place]}")
            for name, place in columns.items()
            if place is not None
        }
        is_alone = not runs and len(law.variables) > 1  # each line is a run, where none says otherwise
        rows.append(Row(values, line if is_alone else tuple(cells[place].strip() for place in runs)))
    return rows


def cells_of(path: Path) -> list[tuple[int, list[str]]]:
    """A table's lines with their numbers, at least one. Raises TrainError."""
    try:
        text = read_bounded(path, LARGEST_TABLE).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TrainError(f"{path}: byte {error.start} is not UTF-8", hint="convert the file to UTF-8") from error
    except ValueError as error:
        raise TrainError(f"{path}: {error}", hint="fit fewer points") from error
    reader = csv.reader(text.splitlines(), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        return [(reader.line_num, cells) for cells in reader] or [(1, [])]
    except csv.Error as error:
        raise TrainError(f"{path}, line {reader.line_num}: {error}", hint=MEND) from error


def number(text: str, place: str) -> float:
    """A positive number. Raises TrainError."""
    try:
        value = float(text)
    except ValueError as error:
        raise TrainError(f"{place}: {text.strip()!r} is not a number", hint=MEND) from error
    if not 0 < value < math.inf:
        raise TrainError(f"{place}: {value:g} is not a positive number", hint=MEND)
    if not SMALLEST <= value <= LARGEST:
        raise TrainError(f"{place}: {value:g} is no size, count or loss that there is", hint=MEND)
    return value
