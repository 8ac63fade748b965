"""accelerate launch train/run.py: train a model on the shards, resume it, leave a Hugging Face folder."""

import sys
from pathlib import Path

if not __package__:  # launched as a script: imports are searched beside train/, never inside it
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import contextlib
import errno
import faulthandler
import os
import signal
import time
from types import FrameType

import click

from train.errors import TrainError
from train.log import printable

TWICE_S = 1.0  # a launcher passes on what the terminal has sent already: a signal within this time is the same one


class Stop:
    """Whether SIGTERM, SIGINT or SIGUSR1 came. Before the loop it ends the program; within, the loop saves and leaves.

    A second one ends the program at once. Clusters send SIGUSR1 some time before they take a machine away.
    """

    def __init__(self) -> None:
        self.came_at: float | None = None
        self.is_training = False
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, self._handle)

    def __call__(self) -> bool:
        """Whether it came."""
        return self.came_at is not None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.is_training or (self.came_at is not None and now - self.came_at > TWICE_S):
            raise KeyboardInterrupt
        self.came_at = self.came_at or now


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="NAME|FILE", help="One of configs/, or a TOML file. Default: what fits the corpus.")
@click.option("--resume", default="auto", show_default=True, metavar="auto|never|PATH", help="Go on with a run.")
@click.option("--workspace", metavar="DIR", help="Where data/ and runs/ are. Default: PHON_WORKSPACE, else here.")
@click.option("--plain", is_flag=True, help="Lines on a terminal too, in place of the dashboard.")
@click.argument("overrides", nargs=-1, metavar="[SECTION.KEY=VALUE]...")
def main(config: str | None, resume: str, workspace: str | None, plain: bool, overrides: tuple[str, ...]) -> None:
    """Train a model from scratch on what "phon tokenizer" packed.

    \b
    Example: accelerate launch train/run.py --config tiny train.max_steps=200 optim.lr=0.002
    Two CPU processes: torchrun --nproc_per_node 2 train/run.py
    """
    stop = Stop()
    with contextlib.suppress(OSError, ValueError):  # no terminal, no file
        faulthandler.enable()  # says where, when a disk fails under a mapped file
    try:
        check_launch()
        from train.session import Request, train_run  # slow: torch

        train_run(Request(config, resume, workspace, overrides, plain), stop)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            # All is written. What torch keeps of a process group has threads, and one of them that wants Python back
            # while Python ends aborts the process, which the launcher would take for a failure.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
    except TrainError as error:
        fail(str(error), error.hint, error.exit_code)
    except RuntimeError as error:
        if not is_lost_connection(error):
            raise
        fail("another process of this job is gone", "the launcher's report names it; run the same command again", 1)
    except KeyboardInterrupt:
        fail("interrupted", "run the same command again to go on", 5)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        place = error.filename or "a file in the workspace"
        if full:
            fail(f"the disk is full: {place} could not be written", "free some space and run the same command again", 1)
        fail(f"{place}: {error.strerror or error}", "", 1)


def check_launch() -> None:
    """Refuse a launch that looks like several processes and is one.

    Raises:
        TrainError: `accelerate launch --cpu --num_processes N`, which starts one process (accelerate 1.15), whether
            N stands on the command line or in a launch file.
    """
    env = os.environ
    if "MASTER_ADDR" in env and "ACCELERATE_MIXED_PRECISION" in env and "WORLD_SIZE" not in env:
        raise TrainError(
            "accelerate launch was asked for several processes and started one: on CPU it does so",
            hint="for two CPU processes type: torchrun --nproc_per_node 2 train/run.py",
            exit_code=2,
        )


def is_lost_connection(error: RuntimeError) -> bool:
    """Whether the error is what is left of a talk with a process that died."""
    from torch.distributed import DistError

    text = str(error)
    signs = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "remote process exited")
    return isinstance(error, DistError) or any(sign in text for sign in signs)


def fail(message: str, hint: str, exit_code: int) -> None:
    """Say what is wrong in one line and what to do in another, once for all processes, and leave."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    is_first = True
    if world > 1:
        from train.watch import is_first_to_fail

        is_first = is_first_to_fail()
    if is_first:
        where = f" on rank {rank}" if rank else ""
        message, hint = (printable(" ".join(text.split())) for text in (message, hint))
        with contextlib.suppress(OSError):  # the terminal may be gone
            click.echo(f"error{where}: {message}" + (f"\nhint: {hint}" if hint else ""), err=True)
            sys.stderr.flush()
    if world > 1:
        os._exit(exit_code)  # the others may wait for us in a collective: the launcher ends them
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
