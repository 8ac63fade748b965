"""`phon serve`: its API and stream, its limits, and who may ask."""

import asyncio
import contextlib
import http.client
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.serve import load
from pipeline.api import Service
from pipeline.cli import main
from pipeline.errors import PipelineError
from pipeline.serve import choose_token, command
from tests.served import JSON, SEED, TOKEN, Place, Slow, hanging, model_folder, serving, silent, slow, soon
from tests.served import phones as phones
from tests.served import text as text

# What is written


def test_samples_come_in_phones_and_english_with_surprisal(phones: Place) -> None:
    wish = {"prompt": "The cat sat", "n": 2, "seed": SEED, "max_new_tokens": 40, "type": "poems"}
    status, answer = phones.json("/api/samples", wish)
    assert status == 200
    assert (answer["prompt"], answer["seed"], answer["valid"]) == ("DA0 k@1t s@1t", SEED, 2)
    for sample in answer["samples"]:
        assert sample["type"] == "poems" and sample["valid"] and sample["problems"] == []
        assert "".join(sample["text"][one["start"] : one["end"]] for one in sample["symbols"]) == sample["text"]
        assert sample["text"][sample["symbols"][4]["start"] :].startswith("k@1t ")
        assert sample["english"].startswith("The cat sat")
        assert sum(one["bits"] for one in sample["tokens"]) > 10
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
        told = [e["text"] for e in events if e["event"] == "tokens" and e["index"] == sample["index"]]
        assert "".join(told).strip(" ") == sample["text"]


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
    status, headers, sound = phones.ask("/api/say", {"text": "k@1t\nhA0lo1 xx hA0lo1"})
    assert (status, headers["content-type"], sound[:4]) == (200, "audio/wav", b"RIFF")
    assert len(sound) == 44 + 2 * (400 + 3200)  # four words, and a pause between two lines
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
            case.call_and_validate(excluded_checks=[accepted], timeout=60)

        answered()
    assert seen == {"/api/model", "/api/samples", "/api/samples/stream", "/api/say"}


# The command


def test_a_mistake_is_told_before_the_model_is_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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
    said = server.communicate(timeout=60)[1]
    client.close()
    assert (server.returncode, said) == (0, "stopped\n")
