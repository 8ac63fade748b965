"""`phon serve`: its API and stream, its limits, who may ask, and its page in a browser."""

import contextlib
import http.client
import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.aloud import Aloud
from pipeline.cli import main
from pipeline.errors import PipelineError
from tests.models import make_tokenizer, random_model
from tests.unit.pipeline.conftest import MakeRun
from tests.unit.pipeline.conftest import make_run as make_run
from train.contract import Contract
from train.export import Vocabulary, write_model
from train.gpt2 import Shape

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from benchmarks.serve import load
from pipeline.api import Service
from pipeline.messages import Done, Start, Wish
from pipeline.serve import bind, choose_token, open_server
from pipeline.spell import spellers
from pipeline.writer import Listener, Writer

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
    from pipeline.sampler import Sampler

    return Writer(Sampler.open(folder), "random", spellers(None))


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
    from phonetic.errors import PhoneticError

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


# What is written


def test_samples_come_in_phones_and_english_with_surprisal(phones: Place) -> None:
    wish = {"prompt": "The cat sat", "n": 2, "seed": SEED, "max_new_tokens": 40, "type": "poems"}
    status, answer = phones.json("/api/samples", wish)
    assert status == 200
    assert (answer["prompt"], answer["seed"], answer["valid"]) == ("DA0 k@1t s@1t", SEED, 2)
    for sample in answer["samples"]:
        assert sample["type"] == "poems" and sample["valid"] and sample["problems"] == []
        written = answer["prompt"] + "".join(piece["text"] for piece in sample["pieces"])
        assert sample["text"] == written.strip(" ")
        assert sample["english"].startswith("The cat sat")
        assert sum(piece["bits"] for piece in sample["pieces"]) > 1
    assert phones.json("/api/samples", wish)[1]["samples"] == answer["samples"]
    assert phones.json("/api/samples", {**wish, "seed": SEED + 1})[1]["samples"] != answer["samples"]
    assert answer["command"] == (
        f"phon generate --run random --seed {SEED} --n 2 --type poems --temperature 0.7 --max-new-tokens 40 "
        "--prompt 'The cat sat'"
    )


def test_the_stream_tells_tokens_before_samples_and_ends(phones: Place) -> None:
    events = phones.stream({"n": 2, "seed": 1, "max_new_tokens": 60})
    kinds = [event["event"] for event in events]
    assert kinds[0] == "start" and kinds[-1] == "done" and kinds.index("tokens") < kinds.index("sample")
    for sample in (event for event in events if event["event"] == "sample"):
        told = [e["pieces"] for e in events if e["event"] == "tokens" and e["index"] == sample["index"]]
        assert [piece for pieces in told for piece in pieces] == sample["pieces"]


def test_verse_is_asked_for_by_its_sounds(phones: Place) -> None:
    wish = {"n": 1, "seed": 2, "syllables": [3, 2], "rhyme_with": "day", "max_new_tokens": 120}
    (sample,) = phones.json("/api/samples", wish)[1]["samples"]
    assert len(sample["lines"]) == len(sample["english"].split("\n")) == 2
    assert [sum(mark.isdigit() for mark in line) for line in sample["lines"]] == [3, 2]
    assert all(line.rstrip(".,;:?!-)\"' ")[-2] == "e" for line in sample["lines"])
    status, trouble = phones.json("/api/samples", {"syllables": [3], "meter": "u/"})
    assert status == 400 and "3 syllables and a metre of 2" in trouble["error"] and trouble["hint"]


def test_what_the_model_cannot_do_is_told_in_one_line(phones: Place) -> None:
    for wish, words in (
        ({"type": "letters"}, "no type 'letters'"),
        ({"max_new_tokens": 4000}, "max_new_tokens = 4000"),
        ({"source": "a", "prompt": "b"}, "no source"),
        ({"prompt_phones": "xx"}, "character 1"),
    ):
        status, trouble = phones.json("/api/samples", wish)
        assert status == 400 and words in trouble["error"], trouble
        (event,) = phones.stream(wish)
        assert (event["event"], event["status"], event["error"]) == ("error", 400, trouble["error"])


def test_a_sample_can_be_heard(phones: Place, text: Place) -> None:
    status, headers, sound = phones.ask("/api/say", {"text": "k@1t\nhA0lo1 hA0lo1", "as": "phones"})
    assert (status, headers["content-type"], sound[:4]) == (200, "audio/wav", b"RIFF")
    assert len(sound) == 44 + 2 * (300 + 3200)  # three words, and a pause between two lines
    assert phones.json("/api/say", {"text": "xx", "as": "phones"})[0] == 400
    status, trouble = text.json("/api/say", {"text": "hello"})
    assert status == 503 and trouble["error"] == "there is no espeak-ng to speak with; install it"
    assert text.json("/api/model")[1]["speech"] is False


# Limits


def test_requests_beyond_the_line_are_turned_away_and_those_that_go_make_room() -> None:
    with slow(places=1) as place:
        first, second = hanging(place, "first"), None
        soon(lambda: place.writer.begun == ["first"])
        second = hanging(place, "second")
        soon(lambda: place.json("/api/model")[1]["waiting"] == 1)
        status, headers, body = place.ask("/api/samples", {})
        assert status == 429 and int(headers["retry-after"]) >= 1 and b"too many requests" in body
        assert place.ask("/api/samples/stream", {})[0] == 429
        first.close()
        soon(lambda: place.writer.begun == ["first", "second"])
        assert place.writer.left == ["first"]
        second.close()
        soon(lambda: place.writer.left == ["first", "second"])


def test_what_takes_too_long_is_given_up() -> None:
    with slow(places=1, limit_s=0.5) as place:
        client = hanging(place, "first")
        soon(lambda: len(place.writer.begun) == 1)
        place.writer.let_go.clear()
        status, trouble = place.json("/api/samples", {"prompt": "second"})
        assert (status, "second" in place.writer.begun) in ((503, False), (504, True)), trouble
        assert place.json("/api/samples", {"prompt": "third"})[0] == 504
        soon(lambda: "third" in place.writer.left)
        assert b'"status": 504' in client.recv(4096)
        client.close()


def test_a_server_that_stops_tells_those_who_wait() -> None:
    with slow(places=1) as place:
        client = hanging(place, "first")
        soon(lambda: place.writer.begun == ["first"])
    data = b"".join(iter(lambda: client.recv(4096), b""))
    client.close()
    assert b"the server is stopping" in data


def test_a_body_that_is_too_large_or_is_no_wish_is_refused(text: Place) -> None:
    assert text.ask("/api/samples", b"x" * 70_000)[0] == 413
    chunks = (b"x" * 1000 for _ in range(100))
    connection = http.client.HTTPConnection("127.0.0.1", text.port, timeout=30)
    with contextlib.closing(connection), contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.request("POST", "/api/samples", chunks, JSON, encode_chunked=True)
        assert connection.getresponse().status == 413
    for body, words in (
        (b"{", "JSON"),
        (b"[" * 30_000, ""),
        (b'{"prompt": "\\ud800"}', "unicode"),
        (b'{"temperature": NaN}', "temperature"),
        ({"n": 33}, "n: "),
        ({"n": "3"}, "n: "),
        ({"wish": 1}, "wish: "),
        ({"prompt": "a" * 4001}, "prompt: "),
        ({"syllables": [0]}, "syllables.0: "),
    ):
        status, trouble = text.json("/api/samples", body)
        assert status in (400, 422) and words in trouble["error"], trouble


# Who may ask


def test_only_its_own_name_and_its_own_pages_are_answered(text: Place) -> None:
    good = f"localhost:{text.port}"
    for headers, expected in (
        ({"host": good}, 200),
        ({"host": "[::1]:80"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": ""}, 403),
        ({"host": good, "origin": f"http://{good}"}, 200),
        ({"host": good, "origin": "http://evil.example"}, 403),
        ({"host": good, "origin": "null"}, 403),
        ({"host": good, "sec-fetch-site": "cross-site"}, 403),
    ):
        status, answered, _ = text.ask("/api/samples", {"n": 1, "max_new_tokens": 1}, headers=headers)
        assert status == expected, headers
        assert "access-control-allow-origin" not in answered


def test_every_answer_carries_the_headers_of_security(text: Place) -> None:
    for path, method in (("/", "GET"), ("/page.js", "GET"), ("/nowhere", "GET"), ("/api/samples", "GET"), ("/", "PUT")):
        _, headers, _ = text.ask(path, method=method)
        assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'") and "unsafe" not in policy
    page = text.ask("/")[2].decode()
    assert "style=" not in page and "onclick" not in page and "http" not in page.replace("http-equiv", "")


def test_with_a_token_nothing_is_answered_without_it() -> None:
    service = Service(Slow(), silent(), name="slow", places=1, limit_s=9)
    with serving(service, TOKEN, host="0.0.0.0") as place:
        for headers, expected in (
            ({}, 401),
            ({"authorization": "Bearer wrong"}, 401),
            ({"authorization": f"Bearer {TOKEN}"}, 200),
            ({"cookie": f"phon-token={TOKEN}"}, 200),
            ({"cookie": "phon-token=\u00ff"}, 401),
            ({"authorization": f"Bearer {TOKEN}", "host": "evil.example"}, 403),
            ({"authorization": f"Bearer {TOKEN}", "host": "192.168.1.7:8000"}, 200),
        ):
            assert place.ask("/api/model", headers=headers)[0] == expected, headers
        status, headers, _ = place.ask(f"/?token={TOKEN}")
        assert (status, headers["location"]) == (303, "/") and "HttpOnly; SameSite=Strict" in headers["set-cookie"]
        assert place.ask("/?token=wrong")[0] == 401


def test_a_server_beyond_this_machine_has_a_token_that_cannot_be_guessed() -> None:
    assert choose_token("127.0.0.1", None) == choose_token("localhost", None) == ""
    assert len(choose_token("0.0.0.0", None)) >= 32 and choose_token("0.0.0.0", TOKEN) == TOKEN
    for bad in ("short", "a space in a long token"):
        with pytest.raises(PipelineError, match="--token is too short"):
            choose_token("0.0.0.0", bad)


# Load and hostile input


def test_many_clients_at_once_get_samples_or_are_turned_away(text: Place) -> None:
    import asyncio

    found = asyncio.run(load(text.port, clients=24, seconds=1.5))
    assert found.statuses.keys() <= {"200", "429"}
    assert found.statuses["200"] > 4 and found.samples == found.statuses["200"]
    soon(lambda: text.json("/api/model")[1]["waiting"] == 0)


def test_the_api_is_as_it_describes_itself_whatever_is_sent(text: Place) -> None:
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings

    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{text.port}/openapi.json")
    accepted = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")  # a wish may be beyond this model
    quick = settings(
        max_examples=6, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    seen = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        seen.add(operation.path)

        @quick
        @given(case=operation.as_strategy())
        def answered(case: Any) -> None:
            if isinstance(case.body, dict):
                case.body.update(max_new_tokens=3, n=1)
            case.call_and_validate(excluded_checks=[accepted])

        answered()
    assert seen == {"/api/model", "/api/samples", "/api/samples/stream", "/api/say"}


# The command


def test_a_mistake_is_told_before_the_model_is_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.serve import command

    with pytest.raises(PipelineError, match="no run in"):
        command.main(["--workspace", str(tmp_path)], standalone_mode=False)
    (tmp_path / "config.json").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(PipelineError, match=f"cannot listen on 127.0.0.1, port {port}: "):
            command.main(["--run", str(tmp_path), "--port", port], standalone_mode=False)
    assert main(["serve", "--port", "x"]) == 2


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, {"name": "text", "version": "1", "options": {}})
    code = "from pipeline.serve import command; command()"
    arguments = [sys.executable, "-c", code, "--run", str(folder), "--port", "0"]
    server = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    line = server.stderr.readline()
    assert "is at http://127.0.0.1:" in line
    port = int(line.split("127.0.0.1:")[1].split("/")[0])
    client = hanging(Place(port), "a" * 100)
    assert b" 200 " in client.recv(64)
    server.send_signal(signal.SIGINT)
    said = server.communicate(timeout=20)[1]
    client.close()
    assert (server.returncode, said) == (0, "stopped\n")


# The page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--autoplay-policy=no-user-gesture-required"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    play = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium")
    with play.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page as narrow as a small phone, on which nothing may go wrong unseen."""
    opened = browser.new_page(viewport={"width": 360, "height": 740})
    opened.set_default_timeout(20_000)
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield opened
    opened.close()
    assert [line for line in wrong if "Failed to load resource" not in line] == []


def is_narrow(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_the_page_writes_plays_and_fits_a_phone(phones: Place, page: Any) -> None:
    page.goto(f"http://127.0.0.1:{phones.port}/")
    page.get_by_text("random · arpabet").wait_for()
    assert page.locator("#type option").all_inner_texts() == ["any", "plays", "poems"]
    page.get_by_label("Begin with").fill("The cat")
    page.get_by_label("Type").select_option("poems")
    page.get_by_role("spinbutton", name="Samples").fill("2")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Most tokens").fill("40")
    page.get_by_label("Seed").fill(str(SEED))
    page.get_by_text("Verse and words").click()
    assert is_narrow(page)
    page.get_by_role("button", name="Write").click()
    page.get_by_text("Done: 2 of 2 valid").wait_for()
    assert page.get_by_role("status").inner_text().startswith("Done: 2 of 2 valid")
    assert page.get_by_role("article").count() == 2 and page.get_by_text("✓ valid").count() == 2
    assert page.locator(".phones").first.inner_text().startswith("DA0 k@1t")
    assert page.locator(".english").first.inner_text().startswith("The cat")
    assert page.locator(".phones span[class^=s]").count() > 15 and is_narrow(page)
    tint = "getComputedStyle(document.querySelector('.phones .s6, .phones .s5, .phones .s4')).backgroundColor"
    assert page.evaluate(tint) != "rgba(0, 0, 0, 0)"
    page.get_by_label("Colour by surprisal").uncheck()
    assert page.evaluate(tint) == "rgba(0, 0, 0, 0)"
    with page.expect_response("**/api/say") as said:
        page.get_by_role("button", name="Play: sample 1").click()
    assert said.value.status == 200 and page.locator("#error").inner_text() == ""


def test_the_page_on_a_training_is_there_with_its_style(make_run: MakeRun, page: Any) -> None:
    with serving(Service(Slow(), silent(), name="slow", run=make_run(), places=1, limit_s=9)) as place:
        page.goto(f"http://127.0.0.1:{place.port}/")
        page.get_by_role("link", name="Training report").click()
        page.get_by_text("Validation, bits per byte").wait_for()
        assert page.evaluate("getComputedStyle(document.body).maxWidth") == "800px" and is_narrow(page)
    with slow(places=1) as place:
        assert place.ask("/report")[0] == 404 and place.json("/api/model")[1]["report"] is False


def test_the_page_works_by_keyboard_alone_and_can_be_stopped(page: Any) -> None:
    with slow(places=1) as place:
        page.goto(f"http://127.0.0.1:{place.port}/")
        page.get_by_text("slow · none").wait_for()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "prompt"
        page.keyboard.type("abc")
        page.keyboard.press("Control+Enter")
        page.get_by_text("Writing …").wait_for()
        assert page.get_by_role("button", name="Stop").is_enabled()
        page.keyboard.press("Escape")
        page.get_by_text("Stopped.").wait_for()
        soon(lambda: place.writer.left == ["abc"])
        order = []
        for _ in range(6):
            page.keyboard.press("Tab")
            order.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
        assert order == ["n", "temperature", "SUMMARY", "write", "colour", "A"]


def test_the_page_says_what_went_wrong(text: Place, page: Any) -> None:
    page.goto(f"http://127.0.0.1:{text.port}/")
    page.get_by_label("Begin with").fill("word " * 60)
    page.get_by_role("button", name="Write").click()
    page.get_by_role("alert").get_by_text("the model's context has 160").wait_for()
    page.route("**/api/samples/stream", lambda route: route.fulfill(
        status=429, headers={"retry-after": "7"}, json={"error": "too many", "hint": ""}
    ))  # fmt: skip
    page.get_by_role("button", name="Write").click()
    page.get_by_role("alert").get_by_text("too many (try again in 7 seconds)").wait_for()
    page.unroute("**/api/samples/stream")
    page.route("**/api/samples/stream", lambda route: route.abort())
    page.get_by_role("button", name="Write").click()
    page.get_by_role("alert").get_by_text("the server does not answer").wait_for()


def test_what_a_model_writes_is_never_more_than_text(text: Place, page: Any) -> None:
    page.goto(f"http://127.0.0.1:{text.port}/")
    page.get_by_text("<b>text</b>").wait_for()
    page.get_by_label("Begin with").fill(HOSTILE)
    page.get_by_label("Temperature").fill("2")
    page.get_by_role("button", name="Write").click()
    page.get_by_text("Done:").wait_for()
    shown = page.locator(".phones").first.inner_text()
    assert shown.startswith("<script>document.title='owned'</script> ") and "\u202e" not in shown
    assert not any(ord(mark) < 32 and mark != "\n" for mark in shown)
    assert page.locator("#samples script").count() == 0 and page.title() == "phon"
    silence = page.get_by_role("button", name="No voice here: sample 1")
    assert silence.get_attribute("aria-disabled") == "true"
    silence.click(force=True)
    page.get_by_role("alert").get_by_text("there is no espeak-ng to speak with").wait_for()
