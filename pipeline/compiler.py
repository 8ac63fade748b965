"""Constraints worked out in a process of their own, so that one that takes too long or too much can be given up."""

import multiprocessing
import resource
import signal
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phonetic.errors import PhoneticError
from pipeline.asked import Constraints
from pipeline.errors import PipelineError
from train.errors import TrainError
from train.notation import Notation, describe, load_notation

if TYPE_CHECKING:
    from pipeline.constraints import Constrained

KEPT = 4  # constraints that are kept worked out
POLL_S = 0.05
ROOMY = 2**19  # KiB of memory beyond which the process begins anew
Asked = tuple[Constraints, bool]


class Compiler:
    """Constraints of one notation, worked out. Close it.

    Args:
        cache: A folder for what takes long, as `Constrained` has it.
    """

    def __init__(self, notation: Notation, cache: Path) -> None:
        self._notation = notation
        self._cache = cache
        self._kept: OrderedDict[Asked, Constrained] = OrderedDict()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def constrained(self, wanted: Constraints, *, grammar: bool, check: Callable[[], None]) -> "Constrained":
        """What samples must be.

        Args:
            check: Called while it is worked out; what it raises gives the work up.

        Raises:
            PipelineError: what `Constrained` refuses, or the process broke down.
        """
        from pipeline.constraints import Constrained  # slow to import: numpy

        asked = (wanted, grammar)
        found = self._kept.pop(asked, None)
        if found is None and not wanted.asked():
            found = Constrained(self._notation, wanted, grammar=grammar, cache=self._cache)
        if found is None:
            found = self._work_out(asked, check)
            found.belong(self._notation)
        self._kept[asked] = found
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return found

    def close(self) -> None:
        """End the process."""
        if self._process and self._pipe:
            self._process.kill()
            self._process.join()
            self._process.close()
            self._pipe.close()
        self._process = self._pipe = None

    def start(self) -> None:
        """Start the process, unless it is there."""
        if self._process and self._process.is_alive():
            return
        self.close()
        context = multiprocessing.get_context("spawn")  # a fork would take the model's threads along
        self._pipe, end = context.Pipe()
        self._process = context.Process(
            target=serve, args=(end, describe(self._notation), self._cache), name="phon-constraints", daemon=True
        )
        self._process.start()
        end.close()

    def _work_out(self, asked: Asked, check: Callable[[], None]) -> "Constrained":
        self.start()
        assert self._pipe
        try:
            self._pipe.send(asked)
            while not self._pipe.poll(POLL_S):
                check()
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            self.close()
            raise PipelineError("the process that works out constraints broke down", hint="ask for less") from error
        except BaseException:
            self.close()
            raise
        if isinstance(answer, Exception):
            raise answer
        found: Constrained = answer
        return found


def serve(pipe: Connection, spec: Mapping[str, Any], cache: Path) -> None:
    """Answer until nobody asks."""
    from pipeline.constraints import Constrained

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us ends us
    notation = load_notation(spec)
    while True:
        try:
            wanted, grammar = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(Constrained(notation, wanted, grammar=grammar, cache=cache))
        except (PipelineError, PhoneticError, TrainError) as error:
            pipe.send(error)
        unit = 1024 if sys.platform == "darwin" else 1
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit > ROOMY:
            return
