"""train/run.py with one fault in it, on one rank: what the tests of many processes launch.

Usage: faults.py KIND@RANK:STEP -- what run.py takes
"""

import atexit
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from train import folder, run, step


def main() -> None:
    """Plant the fault, then be run.py."""
    kind, where = sys.argv[1].split("@")
    rank, moment = map(int, where.split(":"))
    honest_step, honest_micro_step = step.accumulate, step.micro_step
    now = [-1]

    def accumulate(t: Any, rows: Any, predictions: int, number: int) -> Any:
        if kind == "limit" and now[0] == moment < number:  # that step was made; plots and the like need their room
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        now[0] = number
        return honest_step(t, rows, predictions, number)

    def micro_step(t: Any, rows: Any, predictions: int, seed: int) -> torch.Tensor:
        is_here = int(os.environ.get("RANK", "0")) == rank and now[0] == moment
        if kind == "limit" and is_here and resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text().split()[0])  # no more than 60 MB from here on
            room = pages * resource.getpagesize() + 60 * 2**20
            resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
        if kind == "memory" and is_here and len(rows) > 2:
            # As a device does it: some of the gradients are there already.
            next(t.model.parameters()).grad = torch.ones_like(next(t.model.parameters()))
            raise torch.OutOfMemoryError("planted")
        if kind == "one-row" and is_here and not t.model.checkpointing:
            raise torch.OutOfMemoryError("planted")
        if kind == "stop" and is_here:
            os.kill(os.getpid(), signal.SIGSTOP)
        if kind == "kill" and is_here:
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "sleep" and is_here:
            print("asleep", file=sys.stderr, flush=True)
            time.sleep(60)
        if kind == "leave" and is_here:
            os._exit(0)
        if kind == "raise" and is_here:
            raise OSError(5, "Input/output error", "shard-of-this-rank")
        if kind == "nan-loss" and is_here:
            honest, t.forward = t.forward, lambda *batch: honest(*batch) * float("nan")
            try:
                return honest_micro_step(t, rows, predictions, seed)
            finally:
                t.forward = honest
        nats = honest_micro_step(t, rows, predictions, seed)
        is_later = int(os.environ.get("RANK", "0")) == rank and now[0] > moment
        if (kind == "nan" and is_here) or (kind == "nan-forever" and (is_here or is_later)):
            next(t.model.parameters()).grad *= float("nan")
            return nats * float("nan")
        return nats

    if kind == "no-folder" and os.environ.get("RANK", "0") == "0":

        def refuse(*arguments: Any) -> None:
            raise PermissionError(13, "Permission denied", "a-folder-of-runs")

        vars(folder).update(start=refuse)
    if kind == "teardown":
        atexit.register(print, "Python is torn down", flush=True)
    vars(step).update(accumulate=accumulate, micro_step=micro_step)
    run.main(args=sys.argv[3:])


if __name__ == "__main__":
    main()
