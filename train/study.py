"""A study: one question, asked of several models at one budget, each from several seeds."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from train.config import FOLDER, Settings, first_reason, no_such, read_toml
from train.errors import TrainError

BUILT_IN = FOLDER / "studies"
DATA = ("prepare", "tokenizer")  # sections of an axis that changes the data: options of these commands
Held = Literal["params", "flops", "tokens", "bytes", "time", "memory"]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """One of the models that a study compares.

    Args:
        axes: What is its own: keys of a config, or options of `phon prepare` and `phon tokenizer`, with their values.
    """

    name: str
    axes: dict[str, Any]

    @property
    def folder(self) -> str:
        """What its runs' folders are called."""
        return as_folder(self.name)

    @property
    def settings(self) -> list[str]:
        """Of its config, as on the command line."""
        return [f"{key}={said(value)}" for key, value in self.axes.items() if key.partition(".")[0] not in DATA]

    def options(self, command: str) -> list[str]:
        """Of `phon prepare` or `phon tokenizer`."""
        found = []
        for key, value in self.axes.items():
            section, _, name = key.partition(".")
            if section == command and value is not False:
                found += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
        return found


class Study(Settings):
    """What a study's file says."""

    title: str
    question: str
    config: str = "tiny"  # that of all cells, by name or file
    settings: tuple[str, ...] = ()  # and what differs from it, as on the command line
    axes: dict[str, tuple[Any, ...]] = Field({})  # every combination is a cell
    cells: tuple[dict[str, Any], ...] = ()  # or each by itself, with a name if it likes
    baseline: dict[str, Any] | str  # the cell that others are compared with: its values, or its name
    within: tuple[str, ...] = ()  # axes: each of their values has a baseline of its own, which meets the first one
    hold: tuple[Held, ...]  # what every cell has as much of as the baseline
    free: tuple[str, ...] = ("model.n_embd", "model.n_inner")  # what may give way for it
    seeds: int = Field(3, ge=1)
    lr: Literal["shared", "law", "search", "optuna"] = "shared"  # of the baseline; or for each cell
    trials: int = Field(12, ge=2)  # of optuna, for each cell

    @model_validator(mode="after")
    def it_compares(self) -> Self:
        """There are cells, and one way to list them."""
        if bool(self.axes) == bool(self.cells):
            raise TrainError("give [axes] or [[cells]], one of the two", hint="see docs/studies.md")
        names = [cell.name for cell in self.listed]
        if len(names) < 2 or len({cell.folder for cell in self.listed}) < len(names):
            raise TrainError(
                f"the cells are {', '.join(names)}", hint="a study compares two or more, each of its own name"
            )
        assert self.first
        if wrong := [axis for axis in self.within if axis not in self.axes]:
            raise TrainError(f"within = {wrong[0]!r} is no axis", hint=f"the axes are {', '.join(self.axes)}")
        if "time" in self.hold and {"tokens", "bytes", "flops"} & {*self.hold}:
            raise TrainError(
                "time is held by the number of steps, and tokens, bytes or flops would set it too",
                hint='hold time by itself, or with "params" or "memory"',
            )
        return self

    @property
    def listed(self) -> list[Cell]:
        """Every cell, in the file's order."""
        if self.cells:
            each = [{key: value for key, value in cell.items() if key != "name"} for cell in self.cells]
            return [
                Cell(str(cell.get("name") or named(axes)), axes) for cell, axes in zip(self.cells, each, strict=True)
            ]
        product = (dict(zip(self.axes, values, strict=True)) for values in itertools.product(*self.axes.values()))
        return [Cell(named(axes), axes) for axes in product]

    @property
    def first(self) -> Cell:
        """The baseline.

        Raises:
            TrainError: it is no cell.
        """
        for cell in self.listed:
            if self.baseline in (cell.name, cell.axes):
                return cell
        names = ", ".join(cell.name for cell in self.listed)
        raise TrainError(f"baseline = {self.baseline!r} is no cell", hint=f"the cells are {names}")

    @property
    def makes_data(self) -> bool:
        """Whether cells differ in their data."""
        return any(key.partition(".")[0] in DATA for cell in self.listed for key in cell.axes)


def named(axes: Values) -> str:
    """A cell's name from its values: n_layer-8-n_head-4."""
    parts = [f"{key.partition('.')[2]}-{said(value)}" for key, value in axes.items()]
    return as_folder("-".join(parts))


def as_folder(name: str) -> str:
    """The name with what no folder of a run may have left out."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.+") or "plain"


def said(value: Any) -> str:
    """A value as the command line takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def names() -> list[str]:
    """The studies that come with the program."""
    return sorted(path.stem for path in BUILT_IN.glob("*.toml"))


def load(name_or_file: str) -> tuple[str, Study]:
    """A study by name or from a file, with the name of its folder.

    Raises:
        TrainError: there is no such study, or it is not whole.
    """
    path = Path(name_or_file)
    path = path if path.suffix else BUILT_IN / f"{name_or_file}.toml"
    if not path.is_file():
        raise no_such("study", name_or_file, names())
    try:
        return path.stem, Study(**read_toml(path))
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise TrainError(f"{path}: {place}: {first_reason(error)}", hint="see docs/studies.md") from error
    except (ValueError, RecursionError) as error:
        raise TrainError(f"{path}: {error}", hint="it must be TOML: see docs/studies.md") from error
    except TrainError as error:
        raise TrainError(f"{path}: {error}", hint=error.hint) from error


def in_turn(study: Study) -> Iterator[tuple[Cell, int]]:
    """Every run's cell and seed: all cells of a seed before the next, so that a study cut short still compares."""
    for seed in range(study.seeds):
        for cell in study.listed:
            yield cell, seed
