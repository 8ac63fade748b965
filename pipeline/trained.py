"""The model of a run, found by the run's name or by a path."""

from pathlib import Path
from typing import NamedTuple

from pipeline.errors import PipelineError
from train.workspace import Workspace

TRAIN = 'train one first: "accelerate launch train/run.py"'


class Source(NamedTuple):
    """A model folder, the run it is of as `--run` takes it, and the checkpoint if it is one."""

    folder: Path
    run: str
    checkpoint: str | None = None


def find_model(workspace: Workspace, run: str | None = None) -> Source:
    """The model of a run, or while it has none yet, its newest checkpoint.

    Args:
        run: A run's name, or the path of a run's folder or of a model's; None for the newest run.

    Raises:
        PipelineError: no such run, or it has nothing to sample from yet.
    """
    if run is None:
        run = pointer(workspace.runs / "LATEST")
        if run is None:
            raise PipelineError(f"no run in {workspace.runs}", hint=f"{TRAIN}, or pass --workspace or --run")
        if Path(run).name != run:
            raise PipelineError(f"{workspace.runs / 'LATEST'} names no run: {run[:40]!r}", hint="pass a run to --run")
    folder = workspace.runs / run
    if not folder.is_dir():
        folder = Path(run)
    if not folder.is_dir():
        there = ", ".join(sorted(path.name for path in workspace.runs.glob("[!.]*/"))) or "none"
        raise PipelineError(f"no run {run!r} in {workspace.runs}", hint=f"there are: {there}; a path will do as well")
    if (folder / "config.json").is_file():
        return Source(folder, run)
    if (folder / "model").is_dir():
        return Source(folder / "model", run)
    latest = folder / "checkpoints" / "LATEST"
    checkpoint = pointer(latest)
    if checkpoint is None and not latest.is_file():
        raise PipelineError(f"{folder} has neither a model nor a checkpoint yet", hint="let its training go on")
    if not checkpoint or Path(checkpoint).name != checkpoint or not (folder / "checkpoints" / checkpoint).is_dir():
        raise PipelineError(
            f"{latest} names no checkpoint: {(checkpoint or '')[:40]!r}",
            hint="pass one of that folder's checkpoints to --run, or let its training go on",
        )
    return Source(folder / "checkpoints" / checkpoint, run, checkpoint)


def pointer(path: Path) -> str | None:
    """The name that a LATEST file holds."""
    return path.read_text(encoding="utf-8", errors="replace").strip() or None if path.is_file() else None
