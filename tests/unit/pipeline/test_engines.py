"""Tasks over processes: same results, same order, flat memory, and a plain word when a worker dies."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pipeline import engines
from pipeline.engines import map_ordered
from pipeline.errors import PipelineError


def offset(value: int) -> int:
    return value


def add(state: int, item: int) -> int:
    return state + item


def add_slowly_at_first(state: int, item: int) -> int:
    time.sleep(0.2 if item == 0 else 0)
    return state + item


def where(state: int, item: int) -> int:
    return os.getpid()


def die_at(state: int, item: int) -> int:
    if item == state:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def refuse(state: int, item: int) -> int:
    raise PipelineError("no", hint="yes", exit_code=4)


def large(state: int, item: int) -> bytes:
    return bytes(8_000_000)


def wait(state: int, item: int) -> None:
    time.sleep(60)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_with_their_items_in_order(workers: int) -> None:
    found = list(map_ordered(add_slowly_at_first, range(12), task=int, make=partial(offset, 10), workers=workers))
    assert found == [(item, item + 10) for item in range(12)]


def test_few_items_stay_in_this_process() -> None:
    assert {pid for _, pid in map_ordered(where, range(engines.FEW), task=int, make=int, workers=2)} == {os.getpid()}


def test_many_items_go_to_others() -> None:
    assert os.getpid() not in {
        pid for _, pid in map_ordered(where, range(engines.FEW + 1), task=int, make=int, workers=2)
    }


@pytest.mark.parametrize("items", [0, 1])
def test_no_or_one_item_is_no_special_case(items: int) -> None:
    assert list(map_ordered(add, range(items), task=int, make=int, workers=2)) == [(0, 0)][:items]


@pytest.mark.parametrize("workers", [1, 2])
def test_items_are_read_no_further_than_needed(workers: int) -> None:
    read = 0

    def count() -> Iterator[int]:
        nonlocal read
        for number in range(1000):
            read = number + 1
            yield number

    results = map_ordered(add, count(), task=int, make=int, workers=workers)
    for _ in range(10):
        next(results)
    results.close()
    assert read <= 10 + workers * engines.AHEAD + engines.FEW


def test_a_killed_worker_is_named() -> None:
    with pytest.raises(PipelineError, match=r"worker process ended .*pid \d+, SIGKILL") as caught:
        list(map_ordered(die_at, range(20), task=int, make=partial(offset, 7), workers=2))
    assert "--workers" in caught.value.hint


def test_a_users_error_comes_through_whole() -> None:
    with pytest.raises(PipelineError, match=r"^no$") as caught:
        list(map_ordered(refuse, range(10), task=int, make=int, workers=2))
    assert (caught.value.hint, caught.value.exit_code) == ("yes", 4)


SLOWLY = """
import os, time
from multiprocessing.connection import Connection
def close(self, close=os.close):
    handle = self._handle
    time.sleep(0.02)
    close(handle)
Connection._close = close
"""  # so that two that close the same end of a pipe at once are sure to meet


@pytest.mark.parametrize("closing", ["", SLOWLY], ids=["as it is", "slowly"])
def test_closing_while_workers_hand_over_results_never_hangs(closing: str) -> None:
    # In a process of its own, since a hang would take this one along.
    script = """
import time
from tests.unit.pipeline.test_engines import large
from pipeline.engines import map_ordered
if __name__ == "__main__":
    for i in range(12):
        results = map_ordered(large, range(100), task=int, make=int, workers=2)
        next(results)
        time.sleep(0.004 * (i % 7))
        results.close()
"""
    command = [sys.executable, "-c", closing + script]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], timeout=120, check=False)
    assert done.returncode == 0


def test_closing_ends_the_workers_at_once() -> None:
    before = time.monotonic()
    results = map_ordered(wait, range(10), task=int, make=int, workers=2)
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    signal.alarm(2)
    try:
        with pytest.raises(KeyboardInterrupt):
            next(results)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert multiprocessing.active_children() == []
    assert time.monotonic() - before < 20
