"""Where tasks run: here, or on all cores of this machine. The results are the same, in the same order."""

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import chain, islice
from typing import Any, TypeVar

from pipeline.errors import PipelineError
from train.environment import usable_cores

State = TypeVar("State")
Item = TypeVar("Item")
Task = TypeVar("Task")
Result = TypeVar("Result")

FEW = 4  # so many tasks cost less than starting a process
AHEAD = 2  # tasks waiting for each worker, so that none is ever idle

_state: Any = None  # in a worker process: what `make` made


def map_ordered(
    function: Callable[[State, Task], Result],
    items: Iterable[Item],
    *,
    task: Callable[[Item], Task],
    make: Callable[[], State],
    workers: int | None = None,
) -> Generator[tuple[Item, Result], None, None]:
    """Each item with `function(state, task(item))`, in the order of the items.

    Items are read only as far ahead as the workers need, so memory stays flat. Close the iterator to stop early.

    Args:
        function: A function of a module, so that other processes find it. It may run again after a crash.
        items: What to work on.
        task: What of an item the function needs: only that travels to a worker.
        make: Makes the state, once in each process; it is pickled, the state is not.
        workers: Processes; by default one a core. With 1, or few items, the work is done in this process.

    Raises:
        PipelineError: a worker was killed.
    """
    workers = workers or usable_cores()
    waiting = iter(items)
    first = list(islice(waiting, FEW + 1)) if workers > 1 else []
    if workers == 1 or len(first) <= FEW:
        state = make()
        for item in chain(first, waiting):
            yield item, function(state, task(item))
        return
    yield from in_processes(function, chain(first, waiting), task, make, workers)


def in_processes(
    function: Callable[[State, Task], Result],
    items: Iterator[Item],
    task: Callable[[Item], Task],
    make: Callable[[], State],
    workers: int,
) -> Iterator[tuple[Item, Result]]:
    """`map_ordered` over worker processes."""
    import multiprocessing
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    # Spawned, not forked: a fork copies locks that other threads hold, and our hold on the folder's lock file.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (make,))
    before = {process.pid for process in multiprocessing.active_children()}
    started: dict[int | None, Any] = {}
    queue: deque[tuple[Item, Future[Result]]] = deque()
    finished = False
    try:
        while True:
            for item in islice(items, workers * AHEAD - len(queue)):
                queue.append((item, pool.submit(_work, function, task(item))))
                started |= {process.pid: process for process in multiprocessing.active_children()}
            if not queue:
                break
            item, future = queue.popleft()
            yield item, future.result()
        finished = True
    except BrokenProcessPool as error:
        pool.shutdown()  # so that the exit code of each is known
        raise PipelineError(
            f"a worker process ended before its work was done ({_cause(started, before)})",
            hint="often the memory ran out: run the same command again with fewer --workers",
        ) from error
    finally:
        if not finished:
            _end(pool, [process for pid, process in started.items() if pid not in before])
        pool.shutdown(cancel_futures=True)


def _end(pool: Any, processes: list[Any]) -> None:
    """End a pool's workers at once.

    One that ends while it hands over a result or takes a task leaves the pool's threads waiting for the rest of it for
    ever (CPython 3.11), unless the other ends of those pipes are closed here. That is done first: once a worker has
    ended, a thread of the pool closes one of them too, and two that close the same one at once break that thread.
    """
    if pool._result_queue:  # else it is shut down already
        pool._result_queue._writer.close()
        pool._call_queue._reader.close()
    for process in processes:
        process.terminate()
    for process in processes:
        process.join()


def _cause(processes: dict[int | None, Any], others: set[int | None]) -> str:
    """Which worker died first, and of what. The pool ends the others by SIGTERM."""
    for pid, process in processes.items():
        code = process.exitcode
        if pid not in others and code not in (None, 0, -signal.SIGTERM):
            return f"pid {pid}, {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"
    return "its cause is not known"


def _begin(make: Callable[[], Any]) -> None:
    """Set up a worker: Ctrl-C is the parent's to handle, and no worker outlives its parent."""
    import multiprocessing
    import threading

    global _state
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    _state = make()


def _follow(parent: Any) -> None:
    """End this process when its parent ends, however it ends."""
    parent.join()
    os._exit(1)


def _work(function: Callable[[Any, Any], Any], task: Any) -> Any:
    """One task, in a worker."""
    return function(_state, task)
