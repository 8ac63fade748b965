"""What is left of the watch when a training is over."""

import threading
import time
from typing import Any

import pytest

from train import watch


class SlowStore:
    """A launcher's store that takes its time to answer."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.values: dict[str, str] = {}

    def set(self, key: str, value: str) -> None:
        self.values[key] = value

    def multi_get(self, keys: list[str]) -> list[bytes]:
        self.asked.set()
        time.sleep(0.3)
        return [b"done" for _ in keys]


def test_no_thread_outlives_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    # One that came back from the store while Python ends would abort a training that is done.
    store = SlowStore()
    monkeypatch.setattr(watch, "_store", lambda: store)
    monkeypatch.setattr(watch, "BEAT_S", 0.0)
    monkeypatch.setattr("torch.distributed.barrier", lambda: None)
    before: list[Any] = threading.enumerate()
    with watch.watched(0, 2):
        assert store.asked.wait(10)
    assert threading.enumerate() == before
    assert store.values["phon/beat/0"] == "done"
