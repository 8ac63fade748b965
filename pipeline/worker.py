"""One worker for what only one can use at a time: jobs wait in a short line, and can be given up at any moment."""

import asyncio
import contextlib
import math
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable

from phonetic.errors import PhoneticError
from pipeline.errors import PipelineError
from pipeline.messages import Event, Failed, Queued
from train.errors import TrainError

FIRST_GUESS_S = 2.0  # that a job takes, before one was timed
LONGEST_WAIT_S = 60
TRY_AGAIN = "try again in a while"


class Abandoned(Exception):
    """Nobody waits for this job any more."""


class Full(Exception):
    """No place in the line is free; `after_s` says when one may be."""

    def __init__(self, after_s: int) -> None:
        super().__init__()
        self.after_s = after_s


class Job:
    """Work that tells events from the worker's thread to one listener in the loop that made it.

    Args:
        work: Called with this job; it calls `check` often.
        limit_s: Seconds that waiting and working may take together.

    Attributes:
        begun: Whether it no longer waits.
    """

    def __init__(self, work: Callable[["Job"], None], limit_s: float) -> None:
        self.work = work
        self.begun = False
        self._limit_s = limit_s
        self._until = time.monotonic() + limit_s
        self._loop = asyncio.get_running_loop()
        self._told: asyncio.Queue[Event | None] = asyncio.Queue()
        self._given_up = threading.Event()

    def tell(self, event: Event | None) -> None:
        """Pass an event on; None is the end."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the server has stopped
            self._loop.call_soon_threadsafe(self._told.put_nowait, event)

    def fail(self, status: int, error: str, hint: str) -> None:
        """Pass on that it could not be done, which ends it."""
        self.tell(Failed(status=status, error=error, hint=hint))
        self.tell(None)

    def give_up(self) -> None:
        """Have the work end at its next `check`."""
        self._given_up.set()

    def check(self) -> None:
        """Raise Abandoned if there is nothing to go on for."""
        if self._given_up.is_set():
            raise Abandoned

    async def events(self) -> AsyncIterator[Event]:
        """What is told, to the end or until time is over."""
        while True:
            try:
                async with asyncio.timeout(max(0.0, self._until - time.monotonic())):
                    event = await self._told.get()
            except TimeoutError:
                self.give_up()
                said = f"this took longer than the {self._limit_s:g} seconds that are allowed"
                if self.begun:
                    yield Failed(status=504, error=said, hint="ask for fewer or shorter samples, or for less of them")
                else:
                    yield Failed(status=503, error="the model was busy all the time", hint=TRY_AGAIN)
                return
            if event is None:
                return
            yield event


class Worker:
    """A thread that does one job after the other. Close it.

    Args:
        places: Jobs that may wait beside the one that runs.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._line: deque[Job] = deque()
        self._running: Job | None = None
        self._closed = False
        self._mean_s = FIRST_GUESS_S
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="phon-worker", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many jobs stand in the line."""
        return len(self._line)

    def take(self, job: Job) -> None:
        """Put a job in the line.

        Raises:
            Full: there is no place for it.
        """
        with self._changed:
            if self._closed or len(self._line) >= self._places + (self._running is None):
                after_s = math.ceil((len(self._line) + 1) * self._mean_s)
                raise Full(max(1, min(LONGEST_WAIT_S, after_s)))
            self._line.append(job)
            self._changed.notify()
            self._tell_places()

    def drop(self, job: Job) -> None:
        """Give a job up, whether it waits, runs or has ended."""
        job.give_up()
        with self._changed:
            if job in self._line:
                self._line.remove(job)
                self._tell_places()

    def close(self) -> None:
        """Give up all jobs and end the thread."""
        with self._changed:
            self._closed = True
            jobs = [*self._line, *([self._running] if self._running else [])]
            self._line.clear()
            self._changed.notify()
        for job in jobs:
            job.fail(503, "the server is stopping", "start it again")
            job.give_up()
        self._thread.join(timeout=5)

    def _tell_places(self) -> None:
        for ahead, job in enumerate(self._line, int(self._running is not None)):
            if ahead:
                job.tell(Queued(ahead=ahead))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._running = None
                self._changed.wait_for(lambda: self._line or self._closed)
                if self._closed:
                    return
                job = self._running = self._line.popleft()
                job.begun = True
                self._tell_places()
            started = time.monotonic()
            try:
                job.work(job)
                job.tell(None)
            except Abandoned:
                job.tell(None)
            except (PipelineError, TrainError, PhoneticError) as error:
                job.fail(400, str(error), error.hint)
            except MemoryError:
                job.fail(503, "the memory does not suffice", "ask for less")
            except Exception:  # a bug: it is told where the server was started, and the next job goes on
                traceback.print_exc(file=sys.stderr)
                job.fail(500, "this failed inside of phon", "the server's terminal says why")
            self._mean_s += 0.2 * (time.monotonic() - started - self._mean_s)
