"""A run's folder: found or made, claimed for one writer, and finished."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train.config import Config, to_toml
from train.errors import TrainError
from train.files import ASIDE, LOCK, read_checked, sha256_file, write_checked, write_text
from train.manifest import NAME, Manifest

CONFIG, FACTS, LATEST = "config.toml", "run.json", "LATEST"
STAGE = "train"
RESTORE = "put it back as it was, or start another run with --resume never"


@dataclass(frozen=True)
class Run:
    """A place to train in.

    Args:
        is_new: Nothing was there.
        is_finished: It was trained to its end.
    """

    path: Path
    is_new: bool
    is_finished: bool

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints lie."""
        return self.path / "checkpoints"


def find(runs: Path, name: str, config: Config, facts: dict[str, Any], *, resume: str) -> Run:
    """The folder of this very work, or a new one beside those of other work.

    Args:
        runs: Holds all runs.
        name: What to call it; `name-2` and so on where that is taken.
        facts: What the weights depend on beside the config: the shards' checksum, for one.
        resume: "auto" to go on with the same config and facts, "never" for a new folder always.
    """
    text = to_toml(config)
    number = 1
    while True:
        path = runs / (name if number == 1 else f"{name}-{number}")
        if not (path / FACTS).is_file():
            if not path.exists() or all(_is_beginning(file.name) for file in path.iterdir()):
                return Run(path, is_new=True, is_finished=False)
        elif resume == "auto" and read_facts(path) == facts and _text(path / CONFIG) == text:
            finished = Manifest.read(path)
            return Run(path, is_new=False, is_finished=finished is not None and finished.stage == STAGE)
        number += 1


def open_path(path: Path, facts: dict[str, Any]) -> Run:
    """The run that `--resume PATH` names.

    Raises:
        TrainError: it is no run, or was started on other data.
    """
    if not (path / FACTS).is_file():
        raise TrainError(f"{path} is not a run: it has no {FACTS}", hint="pass a folder of runs/, or --resume auto")
    then = read_facts(path)
    for key in sorted(facts):
        if then.get(key) != facts[key]:
            raise TrainError(
                f"{path} was started with another {key.replace('_', ' ')}",
                hint="put back what it was trained on, or start a new run with --resume never",
            )
    finished = Manifest.read(path)
    return Run(path, is_new=False, is_finished=finished is not None and finished.stage == STAGE)


def start(run: Run, config: Config, facts: dict[str, Any]) -> None:
    """Write what the run is before its first step, and make it the newest."""
    if run.is_new:
        write_text(run.path / CONFIG, to_toml(config))
        write_checked(run.path / FACTS, {**facts, "config": sha256_file(run.path / CONFIG)})
    write_text(run.path.parent / LATEST, run.path.name)


def read_facts(run: Path) -> dict[str, Any]:
    """What a run's weights depend on beside its config, which is held to what it was.

    Raises:
        TrainError: run.json or config.toml is damaged.
    """
    try:
        facts = read_checked(run / FACTS)
    except TrainError as error:
        raise TrainError(str(error), hint=RESTORE) from error
    if not (run / CONFIG).is_file():
        raise TrainError(f"{run / CONFIG} is missing", hint=RESTORE)
    if sha256_file(run / CONFIG) != facts.pop("config", None):
        raise TrainError(f"{run / CONFIG} was changed or damaged: its checksum does not match", hint=RESTORE)
    return facts


def check_name(name: str) -> str:
    """A run's name as a folder's name.

    Raises:
        TrainError: it cannot be one.
    """
    if not re.fullmatch(r"[\w][\w.+-]*", name):
        raise TrainError(f"log.name = {name!r} cannot be a folder", hint="use letters, digits, '-', '_' and '.'")
    return name


def check_model(model: Path) -> None:
    """Refuse a model folder or checkpoint that is not as its run wrote it; one that came alone is taken as it is.

    Raises:
        TrainError: a file is missing or damaged.
    """
    from train import checkpoint  # loads torch, which reading a run's folder can do without

    run = model.parent
    if (model / checkpoint.STATE).is_file():
        problem = checkpoint.damage(model)
        if problem:
            raise TrainError(f"{model}: {problem}", hint="pass --run with another checkpoint, or train again")
        return
    manifest = Manifest.read(run)
    if manifest and manifest.stage == STAGE:
        problem = manifest.damage(run, f"{model.name}/")
        if problem:
            raise TrainError(
                problem, hint=f"delete {run / NAME} and train again: the model is made anew from its last checkpoint"
            )


def _is_beginning(name: str) -> bool:
    """Whether a run that was killed before it had begun may have left this."""
    return name in (LOCK, CONFIG) or name.startswith(ASIDE)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
