"""Trainings of a study, each a process of its own on a device of its own; killed or not, they can be gone on with."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from train.environment import usable_cores
from train.errors import TrainError
from train.files import lock
from train.history import History, read_history
from train.workspace import Workspace

ONE = (
    *("-m", "accelerate.commands.launch", "--quiet", "--num_processes", "1", "--num_machines", "1"),
    *("--mixed_precision", "no", "--dynamo_backend", "no", "-m", "train.run"),
)
PAUSE_S = 0.2
ROOT = Path(__file__).parents[1]  # where the package train is, whatever lies in the folder we were called from


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
    def run(self) -> Path:
        """Its folder."""
        return self.place.runs / self.name

    @property
    def command(self) -> list[str]:
        """What trains it, or goes on with it."""
        settings = [*self.overrides, f"train.seed={self.seed}", f"log.name={self.name}"]
        return [
            sys.executable,
            *ONE,
            "--plain",
            "--config",
            self.config,
            "--workspace",
            str(self.place.root.resolve()),
            *settings,
        ]

    def history(self) -> History | None:
        """What it has told; None before it began."""
        with contextlib.suppress(TrainError, OSError):  # it may be beginning this moment
            return read_history(self.run)
        return None


@dataclass(frozen=True)
class Device:
    """What one training gets: a GPU, or some cores."""

    gpu: int | None
    cores: tuple[int, ...]

    def start(self, job: Job, said: Path, claim: int) -> subprocess.Popen[bytes]:
        """Start a training on it, what it says going to a file; it holds its `claim` even if we are killed."""
        environment = dict(os.environ)
        if self.gpu is not None:
            environment["CUDA_VISIBLE_DEVICES"] = str(self.gpu)
        else:
            environment |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": str(len(self.cores))}
        said.parent.mkdir(parents=True, exist_ok=True)
        cores = self.cores if hasattr(os, "sched_setaffinity") else ()
        with said.open("wb") as file:
            process = subprocess.Popen(
                job.command,
                stdout=file,
                stderr=file,
                env=environment,
                cwd=ROOT,
                start_new_session=True,
                pass_fds=(claim,),
            )
        if cores:  # launchers of one process set the number of threads aside, but not this
            with contextlib.suppress(OSError):
                os.sched_setaffinity(process.pid, cores)
        return process


def devices(jobs: int | None) -> list[Device]:
    """The GPUs there are, one training each; without one, `jobs` shares of the cores, by default one core each.

    Args:
        jobs: Trainings at a time at most.
    """
    import torch  # slow to import

    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [*range(usable_cores())]
    gpus = torch.cuda.device_count()
    if gpus:
        return [Device(gpu, ()) for gpu in range(min(gpus, jobs or gpus))]
    n = max(1, min(jobs or len(cores), len(cores)))
    return [Device(None, tuple(cores[i * len(cores) // n : (i + 1) * len(cores) // n])) for i in range(n)]


@dataclass
class Running:
    """A training that goes on."""

    job: Job
    device: Device
    process: subprocess.Popen[bytes]
    claim: contextlib.ExitStack
    said: Path


@dataclass
class Pool:
    """Runs trainings on free devices. Several such programs can share a folder: each claims what it trains.

    Args:
        folder: The study's, where claims and what trainings say are kept.
        is_done: Whether another program has finished a job.
        tick: Called now and then with what goes on.
    """

    folder: Path
    devices: Sequence[Device]
    is_done: Callable[[Job], bool]
    tick: Callable[[list[Job]], None]
    running: list[Running] = field(default_factory=list)

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, str]]:
        """Each job that was run here, as it ends, with what it said where it failed, "" where it did not."""
        todo, free = list(jobs), list(self.devices)
        try:
            while todo or self.running:
                for job in [*todo] if free else []:
                    if self.is_done(job):
                        todo.remove(job)
                    elif free and (claim := self.claim(job)):
                        todo.remove(job)
                        said, device = self.folder / "said" / f"{job.name}.txt", free.pop(0)
                        self.running.append(Running(job, device, device.start(job, said, claim[1]), claim[0], said))
                for one in [one for one in self.running if one.process.poll() is not None]:
                    wait_for_group(one.process.pid)
                    self.running.remove(one)
                    free.append(one.device)
                    yield one.job, "" if self.is_whole(one.job) else told(one)
                    one.claim.close()
                self.tick([one.job for one in self.running])
                time.sleep(PAUSE_S)
        finally:
            self.stop()

    @staticmethod
    def is_whole(job: Job) -> bool:
        """Whether it was trained to its end."""
        history = job.history()
        return history is not None and history.manifest is not None

    def claim(self, job: Job) -> tuple[contextlib.ExitStack, int] | None:
        """The sole right to train a job and its descriptor, None if another program has it."""
        stack = contextlib.ExitStack()
        try:
            return stack, stack.enter_context(lock(self.folder / "claims" / job.name))
        except TrainError:
            return None

    def stop(self) -> None:
        """Ask all that still train to save and leave, and wait for them."""
        for one in self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(one.process.pid, signal.SIGTERM)
        for one in self.running:
            one.process.wait()
            wait_for_group(one.process.pid)
            one.claim.close()
        self.running.clear()


def wait_for_group(group: int) -> None:
    """Wait for what a launcher that is gone has left behind: the training itself, which saves before it leaves."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while True:
            os.killpg(group, 0)
            time.sleep(0.05)


def told(one: Running) -> str:
    """Why a training failed, in a line."""
    lines = one.said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return errors[-1] if errors else f"it ended with {one.process.returncode}; see {one.said}"
