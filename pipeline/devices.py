"""What trainings of a study run on: the GPUs of this machine, or shares of its cores."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from train.environment import THREADS, usable_cores

ROOT = Path(__file__).parents[1]  # where the package train is, whatever lies in the folder we were called from
ONE = (
    *("-m", "accelerate.commands.launch", "--quiet", "--num_processes", "1", "--num_machines", "1"),
    *("--mixed_precision", "no", "--dynamo_backend", "no", "-m", "train.run"),
)


class Process(Protocol):
    """A training that was started."""

    def poll(self) -> int | None:
        """Its exit code, once it and all that it started has ended."""
        ...

    def stop(self) -> None:
        """Ask it to save and leave; may be asked twice."""
        ...


class Device(Protocol):
    """What one training gets."""

    def start(self, arguments: Sequence[str], said: Path, claim: int) -> Process:
        """Start a training, what it says going to a file.

        Args:
            arguments: Of train/run.py.
            claim: A lock's descriptor, for the training to hold even if we are killed.
        """
        ...


@dataclass(frozen=True)
class Here:
    """A GPU of this machine, or as many of its cores as `threads`."""

    gpu: int | None
    threads: int

    def start(self, arguments: Sequence[str], said: Path, claim: int) -> "Group":
        """A process group of its own, out of reach of a terminal's Ctrl-C: it is stopped once, by us."""
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "" if self.gpu is None else str(self.gpu)}
        if self.gpu is None:
            environment[THREADS] = str(self.threads)
        with said.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, *ONE, *arguments],
                stdout=file,
                stderr=file,
                env=environment,
                cwd=ROOT,
                start_new_session=True,
                pass_fds=(claim,),
            )
        return Group(process)


@dataclass(frozen=True)
class Group:
    """A launcher and the training it started, which outlives it while it saves."""

    process: "subprocess.Popen[bytes]"

    def poll(self) -> int | None:
        """The launcher's exit code, once the training is gone too."""
        code = self.process.poll()
        if code is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, 0)
                return None
        return code

    def stop(self) -> None:
        """Both."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGTERM)

    def wait(self) -> int:
        """Its exit code, at its end."""
        while (code := self.poll()) is None:
            time.sleep(0.05)
        return code


def here(at_once: int | None) -> list[Here]:
    """The GPUs there are, one training each; without one, shares of the cores, by default one core each.

    Args:
        at_once: Trainings at a time at most.
    """
    import torch  # slow to import

    gpus, cores = torch.cuda.device_count(), usable_cores()
    if gpus:
        return [Here(gpu, 0) for gpu in range(min(gpus, at_once or gpus))]
    n = max(1, min(at_once or cores, cores))
    return [Here(None, max(1, cores // n)) for _ in range(n)]
