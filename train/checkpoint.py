"""Checkpoints: written aside, hashed, renamed; `LATEST` moved last; the last two and the best kept; verified."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from train.average import Average
from train.errors import TrainError
from train.files import (
    ASIDE,
    WEIGHTS,
    read_json,
    remove,
    remove_asides,
    replace_folder,
    sha256_file,
    write_json,
    write_tensors,
    write_text,
)
from train.manifest import digest

KEPT = 2
STATE, OPTIMIZER, LATEST = "state.json", "optim.safetensors", "LATEST"
RAW = "raw"  # a weight beside its average


@dataclass
class State:
    """All that resuming needs beside weights and optimizer: rows and random draws follow from the step alone."""

    step: int = 0  # optimizer steps taken
    tokens: int = 0  # targets learned from
    looked: int = 0  # the last step whose validation and samples are in the log
    best: float = 0.0  # fewest bits per byte of the validation split, once there was one
    best_step: int = 0  # where; 0 before the first
    stale: int = 0  # measurements since then
    scaler: dict[str, Any] = field(default_factory=dict)  # fp16's loss scale

    def judge(self, bits_per_byte: float) -> None:
        """Take note of a measurement at this step."""
        if not self.best_step or bits_per_byte < self.best:
            self.best, self.best_step, self.stale = bits_per_byte, self.step, 0
        else:
            self.stale += 1


def save(
    folder: Path,
    state: State,
    write_model: Callable[[Path], None],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: Average | None = None,
) -> Path:
    """Write `step-...` into `folder`, then point `LATEST` at it, then let the oldest go, but never the best.

    Args:
        write_model: Writes the weights as a model folder, so that a checkpoint can be sampled from.
        model: Names the optimizer's tensors.
        average: If there is one, `write_model` writes it, and the weights themselves go beside the optimizer's state.
    """
    final = folder / name(state.step)
    aside = folder / f"{ASIDE}{final.name}"
    remove(aside)
    aside.mkdir(parents=True)
    write_model(aside)
    tensors = optimizer_tensors(model, optimizer)
    if average:
        tensors |= {f"{key}/{RAW}": p.detach().cpu().contiguous() for key, p in model.named_parameters()}
    write_tensors(aside / OPTIMIZER, tensors)
    names = sorted(path.name for path in aside.iterdir())
    hashes = {name: sha256_file(aside / name) for name in names}
    facts = {"format": 1, "state": asdict(state), "sha256": hashes}
    write_json(aside / STATE, {**facts, "checksum": digest(facts)})
    replace_folder(aside, final)
    write_text(folder / LATEST, final.name)
    for old in complete(folder)[:-KEPT]:
        if old.name != name(state.best_step):
            remove(old)
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
    latest = folder / LATEST
    pointed = folder / latest.read_text().strip() if latest.is_file() else None
    found = complete(folder)
    # LATEST moves last, so a checkpoint after the one it names is whole too, only not announced.
    candidates = sorted({*found, *([pointed] if pointed and pointed.is_dir() else [])}, reverse=True)
    for path in candidates:
        problem = damage(path)
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
    try:
        state = read_json(path / STATE)
        if state.pop("checksum") != digest(state):
            return f"{STATE} was changed or damaged: its checksum does not match"
        for name, expected in sorted(state["sha256"].items()):
            if not (path / name).is_file():
                return f"{name} is missing"
            if sha256_file(path / name) != expected:
                return f"{name} was changed or damaged: its checksum does not match"
        State(**state["state"])
    except FileNotFoundError:
        return f"it has no {STATE}"
    except (TrainError, TypeError, KeyError, AttributeError):
        return f"{STATE} is damaged"
    return None


def load(
    path: Path,
    load_weights: Callable[[dict[str, Tensor]], None],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: Average | None = None,
) -> State:
    """Bring model and optimizer to what `save` wrote into `path`, which `newest` found whole."""
    from safetensors.torch import load_file

    load_weights(load_file(path / WEIGHTS))
    if average:
        average.take()
    load_optimizer(model, optimizer, load_file(path / OPTIMIZER))
    state = State(**read_json(path / STATE)["state"])
    if not (path.parent / name(state.best_step)).is_dir():  # gone for a better one, which was damaged
        state.best_step = state.stale = 0
    return state


def load_best(folder: Path, state: State, load_weights: Callable[[dict[str, Tensor]], None]) -> None:
    """Take the weights of the best step.

    Raises:
        TrainError: its checkpoint is gone or damaged.
    """
    from safetensors.torch import load_file

    path = folder / name(state.best_step)
    problem = damage(path)
    if problem:
        raise TrainError(
            f"{path}, the best of the run, cannot be read: {problem}",
            hint="pass --resume never to train again",
        )
    load_weights(load_file(path / WEIGHTS))


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as `parameter/key` -> tensor."""
    return {
        f"{name}/{key}": cast(Tensor, value).detach().cpu().contiguous()
        for name, p in model.named_parameters()
        for key, value in optimizer.state.get(p, {}).items()
    }


def load_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Undo `optimizer_tensors`."""
    by_name = dict(model.named_parameters())
    for full, value in tensors.items():
        name, _, key = full.rpartition("/")
        p = by_name[name]
        if key == RAW:
            p.data.copy_(value)
        else:  # a fused optimizer keeps its step count beside the parameter
            optimizer.state[p][key] = value.to(p.device, copy=True)
