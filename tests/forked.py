"""Work in processes forked from one that has torch loaded: a start takes milliseconds, so hundreds can end."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

from tests.crash import Crash

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.warm"])


class Fault(Crash):
    """Fails the `at`-th file operation, after half of it if it is a write, rather than ending the process."""

    error = 0

    def step(self, name: str, at_crash: Callable[[], object] = lambda: None) -> None:
        """One operation is about to happen."""
        self.count += 1
        if self.count == self.at:
            at_crash()
            raise OSError(self.error, os.strerror(self.error))


class Plan(NamedTuple):
    """What befalls a process: at its `at`-th file operation below `folder` it ends, or the operation fails."""

    folder: Path
    at: int
    error: int | None = None  # errno; None ends the process
    power: bool = False
    trace: Path | None = None

    @classmethod
    def none(cls, folder: Path, trace: Path) -> "Plan":
        """Nothing befalls it; its operations are listed in `trace`."""
        return cls(folder, 0, trace=trace)

    def install(self) -> None:
        """Make it happen in this process."""
        made = (Crash if self.error is None else Fault)(self.folder, self.at, power=self.power, trace=self.trace)
        if isinstance(made, Fault):
            made.error = self.error or 0
        made.install()
        tear_tensors(made)


def tear_tensors(crash: Crash) -> None:
    """Count the writing of a safetensors file, which the interpreter does not hear of; a crash leaves half of it."""
    import safetensors.torch

    honest = safetensors.torch.save_file

    def save_file(tensors: Any, path: Path, *rest: Any) -> None:
        def tear() -> None:
            honest(tensors, path, *rest)
            os.truncate(path, Path(path).stat().st_size // 2)

        crash.step(f"save {Path(path).name}", tear)
        honest(tensors, path, *rest)

    setattr(safetensors.torch, "save_file", save_file)  # noqa: B010


def fork(work: Callable[..., object], *arguments: Any) -> BaseProcess:
    """Start `work`, a function of this module."""
    process = CONTEXT.Process(target=work, args=arguments)
    process.start()
    return process


def done(work: Callable[..., object], *arguments: Any) -> int:
    """Do `work` to its end; its exit code."""
    process = fork(work, *arguments)
    process.join(240)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def train_by_a_mad_clock(arguments: Sequence[str], said: Path) -> None:
    """Be train/run.py where the time of day jumps by up to a year, back and forth, each time that it is asked for."""
    import random
    import time

    draw, honest = random.Random(0), time.time
    vars(time).update(time=lambda: honest() + draw.uniform(-1, 1) * 365 * 86400)
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()
    train(arguments, said)


def train(arguments: Sequence[str], said: Path, plan: Plan | None = None, stop_at: int | None = None) -> None:
    """Be train/run.py, with standard error in `said`; asked to stop in step `stop_at`, with 0 before any."""
    from train import loop, session, step
    from train.run import main

    handle = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    honest = step.optimizer_step

    def optimizer_step(t: Any, number: int) -> Any:
        if number + 1 == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return honest(t, number)

    def begin(t: Any) -> None:
        if stop_at == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        loop.train(t)

    vars(loop).update(optimizer_step=optimizer_step)
    vars(session).update(train=begin)
    if plan:
        plan.install()
    main(args=list(arguments), prog_name="train/run.py")


class Weights(NamedTuple):
    """What a checkpoint of a test holds: so many numbers, all of them the step."""

    numbers: int

    def save(self, folder: Path, step: int) -> Path:
        """Write the checkpoint of a step."""
        import torch

        from train import checkpoint
        from train.files import WEIGHTS, write_tensors

        def tensors() -> Any:
            return {"w": torch.full((self.numbers,), float(step))}

        return checkpoint.save(
            folder, checkpoint.State(step), lambda path: write_tensors(path / WEIGHTS, tensors()), tensors()
        )


def save(folder: Path, numbers: int, steps: Sequence[int], plan: Plan | None = None) -> None:
    """Write checkpoints of these steps."""
    if plan:
        plan.install()
    for step in steps:
        Weights(numbers).save(folder, step)
