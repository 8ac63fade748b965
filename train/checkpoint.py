"""Checkpoints: written aside, hashed, renamed; `LATEST` moved last; the last two and the best kept; verified."""

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from train.average import Average
from train.errors import TrainError
from train.files import (
    ASIDE,
    WEIGHTS,
    discard_folder,
    read_checked,
    read_tensors,
    remove,
    remove_asides,
    replace_folder,
    sha256_file,
    write_atomic,
    write_checked,
    write_tensors,
    write_text,
)
from train.sharding import like

KEPT = 2
STATE, OPTIMIZER, LATEST = "state.json", "optim.safetensors", "LATEST"
RAW = "raw"  # a weight beside its average


@dataclass
class State:
    """All that resuming needs beside weights and optimizer: rows and random draws follow from the step alone."""

    step: int = 0  # optimizer steps taken
    tokens: int = 0  # targets learned from
    looked: int = 0  # the last step whose validation and samples are in the log
    logged: int = 0  # records in the log
    best: float = 0.0  # fewest bits per byte of the validation split, once there was one
    best_step: int = 0  # where; 0 before the first
    stale: int = 0  # measurements since then
    micro_batch: int = 0  # rows a micro-step, as found to fit; 0: not yet
    checkpointing: bool = False  # activations are computed twice
    skipped: int = 0  # steps in a row whose gradient was not finite
    scaler: dict[str, Any] = field(default_factory=dict)  # fp16's loss scale

    def judge(self, bits_per_byte: float) -> None:
        """Take note of a measurement at this step."""
        if not self.best_step or bits_per_byte < self.best:
            self.best, self.best_step, self.stale = bits_per_byte, self.step, 0
        else:
            self.stale += 1

    def check(self) -> None:
        """Refuse values that no training has. Raises TypeError."""
        for known in fields(self):
            value, kind = getattr(self, known.name), type(getattr(State(), known.name))
            if type(value) is not kind or (kind is int and not 0 <= value < 2**63):
                raise TypeError(f"{known.name} = {value!r:.40}")


def save(folder: Path, state: State, write_model: Callable[[Path], None], tensors: Mapping[str, Tensor]) -> Path:
    """Write `step-...` into `folder`, then point `LATEST` at it, then let the oldest go, but never the best.

    Args:
        write_model: Writes the weights as a model folder, so that a checkpoint can be sampled from.
        tensors: What else there is to keep, as `optimizer_tensors` gives it.
    """
    final = folder / name(state.step)
    aside = folder / f"{ASIDE}{final.name}"
    remove(aside)
    aside.mkdir(parents=True)
    write_model(aside)
    write_tensors(aside / OPTIMIZER, tensors)
    names = sorted(path.name for path in aside.iterdir())
    hashes = {name: sha256_file(aside / name) for name in names}
    write_checked(aside / STATE, {"format": 1, "state": asdict(state), "sha256": hashes})
    replace_folder(aside, final)
    write_text(folder / LATEST, final.name)
    for old in complete(folder)[:-KEPT]:
        if old.name != name(state.best_step):
            discard_folder(old)
    return final


def name(step: int) -> str:
    """The folder of a step's checkpoint."""
    return f"step-{step:08d}"


def complete(folder: Path) -> list[Path]:
    """The finished checkpoints of a run, oldest first."""
    return sorted(path for path in folder.glob("step-*") if path.is_dir())


def newest(folder: Path, say: Callable[[str], None]) -> Path | None:
    """The newest checkpoint that is whole; each that is not is named and passed over. None if there is none.

    Raises:
        TrainError: there are checkpoints, and none is whole.
    """
    remove_asides(folder)
    # LATEST moves last: a checkpoint after the one it names is whole too, only not announced.
    candidates = complete(folder)[::-1]
    for path in candidates:
        problem = damage(path)
        if problem is None and path.name != name(read_state(path).step):
            problem = f"{STATE} is of another step"
        if problem is None:
            return path
        say(f"refused {path.name}: {problem}")
    if candidates:
        raise TrainError(
            f"no checkpoint in {folder} is whole", hint="pass --resume never to train again from the start"
        )
    return None


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint, None if it is as it was written."""
    if not (path / STATE).is_file():
        return f"it has no {STATE}"
    try:
        facts = read_checked(path / STATE)
        State(**facts["state"]).check()
        hashes = dict(facts["sha256"])
    except (TrainError, TypeError, KeyError, ValueError) as error:
        what = str(error).removeprefix(f"{path / STATE} ") if isinstance(error, TrainError) else f"is damaged: {error}"
        return f"{STATE} {what}"
    if not {WEIGHTS, OPTIMIZER} <= hashes.keys() or not all(re.fullmatch(r"\w[\w.-]*", name) for name in hashes):
        return f"{STATE} is damaged: it does not name the files of a checkpoint"
    for name, expected in sorted(hashes.items()):
        if not (path / name).is_file():
            return f"{name} is missing"
        if sha256_file(path / name) != expected:
            return f"{name} was changed or damaged: its checksum does not match"
    return None


def read_state(path: Path) -> State:
    """The state that `save` wrote into `path`, which `newest` found whole."""
    state = State(**read_checked(path / STATE)["state"])
    if not (path.parent / name(state.best_step)).is_dir():  # gone for a better one, which was damaged
        state.best_step = state.stale = 0
    return state


def copy_model(path: Path, final: Path) -> None:
    """Make `final` the model folder of a checkpoint, without what only training needs.

    Raises:
        TrainError: the checkpoint is gone or damaged.
    """
    problem = damage(path)
    if problem:
        raise TrainError(
            f"{path}, whose weights the run keeps, cannot be read: {problem}",
            hint="pass --resume never to train again",
        )
    aside = final.with_name(ASIDE + final.name)
    remove(aside)
    aside.mkdir()
    for file in sorted(read_checked(path / STATE)["sha256"]):  # and nothing that was put beside them
        if file != OPTIMIZER:
            with (path / file).open("rb") as source, write_atomic(aside / file) as copy:
                shutil.copyfileobj(source, copy)
    replace_folder(aside, final)


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer, average: Average | None) -> dict[str, Tensor]:
    """The optimizer's state as `parameter/key` -> tensor; and the weights, where it is their average that is kept."""
    tensors = {
        f"{name}/{key}": cast(Tensor, value).detach().contiguous()
        for name, p in model.named_parameters()
        for key, value in optimizer.state.get(p, {}).items()
    }
    if average:
        tensors |= {f"{name}/{RAW}": p.detach().contiguous() for name, p in model.named_parameters()}
    return tensors


def load_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> None:
    """Undo `optimizer_tensors`, from what `save` wrote into `path`.

    Raises:
        TrainError: it is the state of another model's optimizer.
    """
    by_name = dict(model.named_parameters())
    for full, value in read_tensors(path / OPTIMIZER).items():
        name, _, key = full.rpartition("/")
        p = by_name.get(name)
        if p is None or tuple(value.shape) not in ((), tuple(p.shape)):
            raise TrainError(
                f"{path / OPTIMIZER} is of another model: {full} is {tuple(value.shape)}",
                hint="delete that checkpoint's folder to go on from the one before, or pass --resume never",
            )
        if key == RAW:
            p.data.copy_(value)
        else:  # a fused optimizer keeps its step count beside the parameter
            optimizer.state[p][key] = like(value, p)
