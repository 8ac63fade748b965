"""The processes of a job watch each other: one that is stopped, frozen or cut off ends the job within a minute."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

BEAT_S = 2.0  # between signs of life
ANSWER_S = 5.0  # for the launcher's store to answer
SILENT_S = 30.0  # without one; a collective of torch waits for many minutes, since saving and sampling may be long


@contextlib.contextmanager
def watched(rank: int, world: int) -> Iterator[None]:
    """While it lasts, this process gives signs of life and ends the job when another gives none.

    The signs go through the launcher's own store, by a thread: waiting for others or for a disk is no silence.
    """
    if world == 1:
        yield
        return
    from torch.distributed import barrier

    store = _store()
    ended = threading.Event()
    store.set(f"phon/who/{rank}", f"{socket.gethostname()} {os.getpid()}")
    store.set(f"phon/beat/{rank}", "0")
    barrier()
    thread = threading.Thread(target=_watch, args=(store, rank, world, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        with contextlib.suppress(Exception):  # a launcher that is gone needs no farewell
            store.set(f"phon/beat/{rank}", "done")


def _watch(store: Any, rank: int, world: int, ended: threading.Event) -> None:
    others = [other for other in range(world) if other != rank]
    heard = dict.fromkeys(others, (b"", time.monotonic()))
    beat, launcher = 0, os.getppid()
    while not ended.wait(BEAT_S):
        beat += 1
        now = time.monotonic()
        try:
            store.set(f"phon/beat/{rank}", str(beat))
            for other, sign in zip(others, store.multi_get([f"phon/beat/{other}" for other in others]), strict=True):
                if sign != heard[other][0]:
                    heard[other] = sign, now
            silent = [other for other in others if heard[other][0] != b"done" and now - heard[other][1] > SILENT_S]
            if silent and not ended.is_set():
                _end(store, silent)
            is_orphan = os.getppid() != launcher
        except RuntimeError:  # torch's DistNetworkError: whoever kept the store is gone
            is_orphan = True
        if is_orphan and not ended.is_set():
            _say("the launcher is gone, so this process ends too; the last checkpoint is whole")
            os._exit(1)


def _end(store: Any, silent: list[int]) -> None:
    """Name the silent, end those that are on this machine, and leave: the launcher ends the rest."""
    who = [store.get(f"phon/who/{rank}").decode().split() for rank in silent]
    named = ", ".join(f"rank {rank} (pid {pid} on {host})" for rank, (host, pid) in zip(silent, who, strict=True))
    if store.add("phon/told", 1) == 1:
        _say(
            f"{named} gave no sign of life for {SILENT_S:.0f} s: it is stopped, frozen or cut off\n"
            "hint: the last checkpoint is whole; see to that machine and run the same command again"
        )
    for host, pid in who:
        if host == socket.gethostname():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    os._exit(1)


def _say(message: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone with the launcher
        print(f"error: {message}", file=sys.stderr, flush=True)


def is_first_to_fail() -> bool:
    """Whether no other process of the job has told of a failure yet; so that one failure of all is told once."""
    from torch import distributed

    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the launcher's, where the main process told first
    if os.environ.get("RANK", "0") != "0":
        time.sleep(2 if not distributed.is_initialized() else 0.5)  # what befalls all is the main process's to tell
    if not distributed.is_initialized():
        return True
    found: list[int] = []

    def ask() -> None:
        with contextlib.suppress(RuntimeError):
            found.append(_store().add("phon/told", 1))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWER_S)  # a launcher that is gone would be waited for in vain
    return found in ([], [1])


def _store() -> Any:
    """The launcher's store, by a connection of its own: a wait on the usual one would hold it up."""
    from torch.distributed import distributed_c10d

    store: Any = distributed_c10d._get_default_store()
    return store.clone()
