"""Servers of `phon serve` that tests talk to: of models that learnt nothing, and of one that never ends."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from phonetic.errors import PhoneticError
from pipeline.aloud import Aloud
from pipeline.api import Service
from pipeline.messages import Done, Start, Wish
from pipeline.sampler import Sampler
from pipeline.serve import bind, open_server
from pipeline.writer import Listener, Writer
from tests.models import make_tokenizer, random_model
from train.contract import Contract
from train.export import Vocabulary, write_model
from train.gpt2 import Shape
from train.workspace import Workspace

JSON = {"content-type": "application/json"}
HOSTILE = "<script>document.title='owned'</script> \u202ereversed &amp;"
SEED = 9  # of samples that are not over at once
TOKEN = "a-token-of-20-letters"


class Beeper:
    """A voice that says a hundred samples a word."""

    sample_rate = 8000

    def wave(self, line: str) -> bytes:
        return b"\1\2" * 100 * len(line.split())

    def close(self) -> None:
        pass


@dataclass
class Place:
    """A server that runs."""

    port: int
    writer: Any = None

    def ask(
        self, path: str, body: object = None, method: str = "", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method or ("GET" if body is None else "POST"), path, data, {**JSON, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def json(self, path: str, body: object = None, **options: Any) -> tuple[int, Any]:
        """Status and body."""
        status, _, data = self.ask(path, body, **options)
        return status, json.loads(data)

    def stream(self, wish: object) -> list[Any]:
        """The events of a wish, but for those on waiting."""
        status, headers, data = self.ask("/api/samples/stream", wish)
        assert (status, headers["content-type"]) == (200, "application/x-ndjson")
        return [event for event in map(json.loads, data.splitlines()) if event["event"] != "queued"]


@contextlib.contextmanager
def serving(service: Service, token: str = "", host: str = "127.0.0.1") -> Iterator[Place]:
    """A server in a thread, for as long as it is needed."""
    with bind("127.0.0.1", 0) as bound:
        server = open_server(service, host=host, token=token)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield Place(bound.getsockname()[1], service._writer)
        finally:
            server.should_exit = True
            thread.join()


def model_folder(folder: Path, notation: dict[str, Any]) -> Path:
    """A model that learnt nothing, whose tokens are bytes."""
    tokenizer = make_tokenizer(folder / "tokenizer")
    replace(Contract.read(tokenizer), notation=notation).write(tokenizer)
    shape = Shape(vocab_size=261, seq_len=160, n_layer=1, n_head=2, n_embd=32, n_inner=64)
    (folder / "model").mkdir()
    write_model(folder / "model", shape, random_model(shape).weights(), Vocabulary.read(tokenizer))
    return folder / "model"


def writer_of(folder: Path) -> Writer:
    return Writer(Sampler.open(folder), "random", Workspace(folder))


@pytest.fixture(scope="module")
def phones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server of a model of phones, with a voice."""
    spec = {"name": "arpabet", "version": "2", "options": {"form": "compact", "stress": True}}
    folder = model_folder(tmp_path_factory.mktemp("phones"), spec)
    aloud = Aloud(lambda: Beeper())  # type: ignore[arg-type,return-value]
    with serving(Service(writer_of(folder), aloud, name="random", places=8, limit_s=60)) as place:
        yield place


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server of a model of plain text, where nothing can be said."""
    folder = model_folder(tmp_path_factory.mktemp("text"), {"name": "text", "version": "1", "options": {}})
    with serving(Service(writer_of(folder), silent(), name="<b>text</b>", places=4, limit_s=60)) as place:
        yield place


def silent() -> Aloud:
    def absent() -> Any:
        raise PhoneticError("there is no espeak-ng to speak with", hint="install it")

    return Aloud(absent)


class Slow(Writer):
    """One that writes until it is let go, or nobody wants it."""

    def __init__(self) -> None:
        shape = SimpleNamespace(seq_len=8, n_parameters=1)
        notation = SimpleNamespace(name="none", options={})
        contract = SimpleNamespace(openings={}, pairs=None)
        self.sampler: Any = SimpleNamespace(model=SimpleNamespace(shape=shape), notation=notation, contract=contract)
        self.let_go = threading.Event()
        self.begun: list[str] = []
        self.left: list[str] = []

    def write(self, wish: Wish, listener: Listener, *, tokens: bool) -> None:
        self.begun.append(wish.prompt)
        listener.tell(Start(prompt="", seed=0))
        try:
            while not self.let_go.wait(0.01):
                listener.check()
        except BaseException:
            self.left.append(wish.prompt)
            raise
        listener.tell(Done(valid=0, n_tokens=0, seconds=0, command=""))

    def close(self) -> None:
        self.let_go.set()


@contextlib.contextmanager
def slow(*, places: int, limit_s: float = 30) -> Iterator[Place]:
    with serving(Service(Slow(), silent(), name="slow", places=places, limit_s=limit_s)) as place:
        yield place


def soon(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def hanging(place: Place, prompt: str) -> socket.socket:
    """A client that has asked and reads nothing."""
    body = json.dumps({"prompt": prompt}).encode()
    client = socket.create_connection(("127.0.0.1", place.port))
    head = "POST /api/samples/stream HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return client
