"""Trainings of a study, each on a device of its own; killed or not, they can be gone on with."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.devices import Device, Process
from train.errors import TrainError
from train.files import lock
from train.history import History, read_history
from train.workspace import Workspace

PAUSE_S = 0.2


@dataclass(frozen=True)
class Job:
    """A training.

    Args:
        name: Of its run's folder.
        config: By name or file.
        overrides: As on the command line.
        flops: That it takes to its end.
    """

    name: str
    cell: str
    seed: int
    place: Workspace
    config: str
    overrides: tuple[str, ...]
    flops: float

    @property
    def arguments(self) -> list[str]:
        """Of train/run.py: what trains it, or goes on with it."""
        settings = [*self.overrides, f"train.seed={self.seed}", f"log.name={self.name}"]
        return ["--plain", "--config", self.config, "--workspace", str(self.place.root.resolve()), *settings]

    def history(self) -> History | None:
        """What it has told; None before it began."""
        with contextlib.suppress(TrainError, OSError):  # it may be beginning this moment
            return read_history(self.place.runs / self.name)
        return None

    @property
    def is_whole(self) -> bool:
        """Whether it was trained to its end."""
        history = self.history()
        return history is not None and history.manifest is not None


@dataclass(frozen=True)
class Running:
    """A training that goes on."""

    job: Job
    device: Device
    process: Process
    claim: contextlib.ExitStack
    said: Path


@dataclass
class Pool:
    """Runs trainings on free devices. Several such programs can share a folder: each claims what it trains.

    Args:
        folder: The study's, where claims and what trainings say are kept.
        done: Cell and seed of what is finished, by whichever program.
        tick: Called now and then with what goes on.
    """

    folder: Path
    devices: Sequence[Device]
    done: Callable[[], set[tuple[str, int]]]
    tick: Callable[[list[Job]], None]
    running: list[Running] = field(default_factory=list)

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, str]]:
        """Each job that was run here, as it ends, with what it said where it failed, "" where it did not."""
        todo, free = list(jobs), list(self.devices)
        try:
            while todo or self.running:
                done = self.done() if free and todo else set()
                for job in [*todo] if free else []:
                    if (job.cell, job.seed) in done:
                        todo.remove(job)
                    elif free and self.start(job, free[0]):
                        todo.remove(job)
                        free.pop(0)
                for one, code in [(one, one.process.poll()) for one in self.running]:
                    if code is not None:
                        self.running.remove(one)
                        free.append(one.device)
                        yield one.job, "" if one.job.is_whole else told(one.said, code)
                        one.claim.close()
                self.tick([one.job for one in self.running])
                time.sleep(PAUSE_S)
        finally:
            self.stop()

    def start(self, job: Job, device: Device) -> bool:
        """Start a job, unless another program trains it."""
        claim = contextlib.ExitStack()
        try:
            descriptor = claim.enter_context(lock(self.folder / "claims" / job.name))
        except TrainError:
            return False
        said = self.folder / "said" / f"{job.name}.txt"
        said.parent.mkdir(exist_ok=True)
        self.running.append(Running(job, device, device.start(job.arguments, said, descriptor), claim, said))
        return True

    def stop(self) -> None:
        """Ask all that still train to save and leave, and wait for them."""
        for one in self.running:
            one.process.stop()
        while any(one.process.poll() is None for one in self.running):
            time.sleep(PAUSE_S)
        for one in self.running:
            one.claim.close()
        self.running.clear()


def told(said: Path, code: int) -> str:
    """Why a training failed, in a line."""
    lines = said.read_text(encoding="utf-8", errors="replace").splitlines() if said.is_file() else []
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return errors[-1] if errors else f"it ended with {code}; see {said}"
