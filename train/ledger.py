"""A study's ledger: JSON lines that say what is asked, what each cell is, and what each of its runs came to."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from train.errors import TrainError
from train.files import LIST_BYTES, PUT_BACK, check_depth, read_bounded, sync_folder

Record = dict[str, Any]
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Value = bool | int | float | str
Point = tuple[Count, Count, Number, Number]  # step, tokens, validation loss in nats a token, bits per byte


class Line(BaseModel, frozen=True, extra="ignore", strict=False):
    """A line of the ledger; keys that are not known are passed over."""


class Corpus(Line):
    """The text that all runs of a study learn from."""

    tokens: Count = 0
    bytes: Count = 0
    vocab_size: Count = 0
    sha256: str = ""


class Study(Line):
    """What is asked, and what is held equal."""

    name: str
    title: str = ""
    question: str = ""
    axes: dict[str, list[Value]] = {}
    hold: list[str] = []
    baseline: dict[str, Value] = {}
    within: list[str] = []
    seeds: list[int] = []
    lr: Literal["law", "shared", "tuned"] = "shared"
    config: str = ""
    machine: str = ""
    versions: dict[str, str] = {}
    corpus: Corpus = Corpus()
    definition: dict[str, Any] = {}  # the study's file, but for how many seeds there are to be


class Cell(Line):
    """One arm of the study, and its size."""

    cell: str
    axes: dict[str, Value] = {}
    overrides: list[str] = []
    params: Annotated[int, Field(gt=0)]
    params_without_embeddings: Count = 0
    flops_per_token: Count = 0
    tokens: Annotated[int, Field(gt=0)]
    flops: Count = 0
    mismatch: dict[str, Number] = {}
    lr: Number | None = None


class Run(Line):
    """What the training of a cell with a seed came to; a finished one has its losses."""

    cell: str
    seed: int
    state: Literal["finished", "failed", "unstable"]
    val_loss: Positive | None = None
    bits_per_byte: Positive | None = None
    tokens_per_s: Number | None = None
    peak_memory: Count | None = None
    elapsed_s: Number | None = None
    steps: Count | None = None
    curve: list[Point] = []
    error: str | None = None
    why: str = ""

    @model_validator(mode="after")
    def finished_runs_have_their_losses(self) -> Self:
        """Refuse a finished run that does not say what it came to."""
        if self.state == "finished" and (self.val_loss is None or self.bits_per_byte is None):
            raise ValueError("a finished run has val_loss and bits_per_byte")
        return self


class Trial(Line):
    """A shorter training, of settings that a cell might have; without bits per byte where it failed."""

    cell: str
    settings: dict[str, Number]
    bits_per_byte: Positive | None = None
    error: str | None = None


KINDS: dict[str, type[Line]] = {"study": Study, "cell": Cell, "run": Run, "trial": Trial}


@dataclass(frozen=True)
class Ledger:
    """A study so far.

    Args:
        cells: By name, in the order they were first written.
        runs: By cell and seed: the last finished one, or else the last.
        trials: Of each cell, in order.
    """

    path: Path
    study: Study
    cells: Mapping[str, Cell]
    runs: Mapping[tuple[str, int], Run]
    trials: Mapping[str, list[Trial]]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; a last line that a killed writer cut short is not there yet.

        Raises:
            TrainError: another line is damaged, or the file does not begin with a study.
        """
        study: Study | None = None
        cells: dict[str, Cell] = {}
        runs: dict[tuple[str, int], Run] = {}
        trials: dict[str, list[Trial]] = {}
        for number, line in read(path):
            match line:
                case Study():
                    study = line
                case Trial():
                    trials.setdefault(line.cell, []).append(line)
                case Cell():
                    cells[line.cell] = line
                case Run():
                    if line.cell not in cells:
                        raise TrainError(
                            f"{path}, line {number}: a run of the cell {line.cell!r}, which no line before describes",
                            hint=PUT_BACK,
                        )
                    key = (line.cell, line.seed)
                    if line.state == "finished" or key not in runs or runs[key].state != "finished":
                        runs[key] = line
        if study is None:
            raise TrainError(f"{path} is not a study's ledger: no line of the kind 'study'", hint="check the path")
        return cls(path, study, cells, runs, trials)

    def of(self, cell: str) -> dict[int, Run]:
        """The finished runs of a cell, by seed."""
        found = {run.seed: run for run in self.runs.values() if run.cell == cell and run.state == "finished"}
        return dict(sorted(found.items()))

    @property
    def baseline(self) -> str | None:
        """The name of the cell that the others are compared with."""
        return self._at(self.study.baseline)

    def against(self, name: str) -> str | None:
        """The name of the cell that one is compared with.

        That is the baseline, or with `within` the cell that has the baseline's values on all other axes; such a cell
        is itself compared with the baseline.
        """
        own = {axis: at for axis, at in self.cells[name].axes.items() if axis in self.study.within}
        near = self._at(self.study.baseline | own)
        found = near if near != name else self.baseline
        return found if found != name else None

    def _at(self, wanted: Mapping[str, Value]) -> str | None:
        """The name of the cell of these values; None without values."""
        for name, cell in self.cells.items():
            if wanted and all(cell.axes.get(axis) == at for axis, at in wanted.items()):
                return name
        return None


def read(path: Path) -> list[tuple[int, Line]]:
    """The lines that are whole, each with its number; those of an unknown kind are left out.

    Raises:
        TrainError: a line before the last is damaged.
    """
    *lines, _ = read_bounded(path, LIST_BYTES).split(b"\n")  # each ends in one: what follows is not written yet
    found = []
    for number, text in enumerate(lines, start=1):
        try:
            record = json.loads(text)
            check_depth(record)
            kind = record["kind"]
            if kind in KINDS:
                found.append((number, KINDS[kind].model_validate(record)))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise TrainError(
                f"{path}, line {number}: {place + ': ' if place else ''}{first['msg']}", hint=PUT_BACK
            ) from error
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise TrainError(f"{path}, line {number} is not a line of a ledger: {error}", hint=PUT_BACK) from error
    return found


def append(path: Path, record: Record) -> None:
    """Add a line, whole and on disk when this returns; several processes may do so at once.

    What a killed writer left of a line is taken away first.

    Args:
        record: With `kind`; of numbers only finite ones (null for what is not known).
    """
    import fcntl  # not on Windows, where this program trains under WSL

    line = json.dumps(record, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass") + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # freed as the file is closed
        end = _end_of_lines(file.fileno())
        os.ftruncate(file.fileno(), end)
        try:
            written = 0
            while written < len(line):
                written += os.write(file.fileno(), line[written:])
            os.fsync(file.fileno())
        except BaseException as error:
            os.ftruncate(file.fileno(), end)
            if isinstance(error, OSError) and error.filename is None:
                error.filename = str(path)
            raise
    sync_folder(path.parent)


def _end_of_lines(file: int) -> int:
    """Where the last whole line ends."""
    at = os.fstat(file).st_size
    while at:
        begin = max(0, at - 2**16)
        newline = os.pread(file, at - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        at = begin
    return 0
