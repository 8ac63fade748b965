"""Trainings of a study on a Ray cluster, whose machines share the workspace and have phon installed."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.devices import ONE, ROOT, Group
from pipeline.errors import PipelineError
from train.environment import THREADS

INTERRUPTED = 5


@dataclass(frozen=True)
class There:
    """A GPU somewhere in the cluster, or a core."""

    remote: Any  # ray's handle on `train_there`

    def start(self, arguments: Sequence[str], said: Path, claim: int) -> "Task":
        """A task that waits for a training; the claim stays with us."""
        return Task(self.remote.remote([*arguments], str(said.resolve())))


@dataclass(frozen=True)
class Task:
    """A task of the cluster."""

    ref: Any

    def poll(self) -> int | None:
        """The training's exit code, once it has ended; 1 where its machine was lost."""
        import ray

        ended, _ = ray.wait([self.ref], timeout=0)
        if not ended:
            return None
        try:
            return int(ray.get(self.ref))
        except ray.exceptions.TaskCancelledError:
            return INTERRUPTED
        except ray.exceptions.RayError:
            return 1

    def stop(self) -> None:
        """It is interrupted, and so stops the training."""
        import ray

        ray.cancel(self.ref)


def train_there(arguments: list[str], said: str) -> int:
    """On a machine of the cluster: train, and hand back the exit code."""
    with Path(said).open("wb") as file:
        group = Group(
            subprocess.Popen(
                [sys.executable, *ONE, *arguments],
                stdout=file,
                stderr=file,
                env={**os.environ, THREADS: "1"},  # Ray counts cores, and leaves it to us to use no more
                cwd=ROOT,
                start_new_session=True,
            )
        )
    try:
        return group.wait()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        group.stop()
        group.wait()


def there(address: str | None, at_once: int | None) -> list[There]:
    """The cluster's GPUs, one training each; where it has none, its cores.

    Args:
        address: As `ray.init` takes it; None for RAY_ADDRESS, or a cluster of this machine alone.

    Raises:
        PipelineError: Ray is not installed, or there is no cluster.
    """
    try:
        import ray  # an extra, and slow to import
    except ImportError as error:
        raise PipelineError("--engine ray needs Ray", hint='pip install "phon[ray]"') from error
    try:
        ray.init(address=address, ignore_reinit_error=True, log_to_driver=False, logging_level="error")
    except (ConnectionError, ValueError) as error:
        told = " ".join(str(error).split())
        raise PipelineError(f"no Ray cluster at {address}: {told}", hint="start one: ray start --head") from error
    has = ray.cluster_resources()
    kind = "GPU" if has.get("GPU") else "CPU"
    n = int(has.get(kind, 1))
    asked = {"num_gpus": 1} if kind == "GPU" else {"num_cpus": 1}
    remote = ray.remote(max_retries=0, **asked)(train_there)
    return [There(remote) for _ in range(min(n, at_once or n))]
