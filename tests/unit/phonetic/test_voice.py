"""Speech: what is said to espeak-ng, the protocol with its process, and what happens when that fails."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from array import array
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from phonetic import espeak
from phonetic.arpabet import Arpabet
from phonetic.errors import PhoneticError
from phonetic.mnemonics import mnemonics
from phonetic.voice import Voice

HELPER = """
import json, sys, time
print(json.dumps({"ready": "toy"}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    BODY
"""
SPEAK = """
    sound = asked["text"].encode() * 2
    print(json.dumps({"bytes": len(sound), "sample_rate": 8000}), flush=True)
    sys.stdout.buffer.write(sound); sys.stdout.flush()
"""


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[object]:
    """Makes the command of a helper whose answer to a request is some code."""

    def make(body: str = SPEAK) -> list[str]:
        path = tmp_path / "helper.py"
        code = HELPER.replace("    BODY", textwrap.indent(textwrap.dedent(body), "    "))
        path.write_text(code, encoding="utf-8")
        return [sys.executable, "-I", str(path)]

    yield make


def is_gone(process: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, 0)
        return False
    return True


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("fA0nE1tI0k I1GglI0S", "[[f|@|n|'E|t|I|k 'I|N|g|l|I|S]]"),
        ("nA1tSE2l,", "[[n|'V|t|S|,E|l]],"),
        ('"no1," hi0 sE1d - DE1n?!', "[[n|'oU]], [[h|i: s|'E|d]] – [[D|'E|n]]?!"),
        ("Di0 hW1s A1v kA1rdz", "[[D|i: h|'aU|s V|v k|'V|r|d|z]]"),  # "of" has no stress among others
        ("A1v", "[['V|v]]"),
        ("fAnEtIk", "[[f|@|n|'E|t|I|k]]"),  # stress as in the lexicon
        ("flAgE", "[[f|l|'V|g|E]]"),
        ("{日本} ...", ""),
    ],
)
def test_phones_become_mnemonics(line: str, text: str) -> None:
    assert mnemonics(line) == text


def test_one_process_says_many_lines(helper) -> None:  # type: ignore[no-untyped-def]
    with Voice(command=helper()) as voice:
        first = voice._process.pid
        for line in ("fA1n", "sA1n", "fA1n"):
            assert voice.wave(line) == mnemonics(line).encode() * 2
        assert voice._process.pid == first
        assert voice.sample_rate == 8000
        assert voice.wave("") == b""
    assert is_gone(first)


def test_a_helper_that_dies_is_told(helper) -> None:  # type: ignore[no-untyped-def]
    voice = Voice(command=helper("sys.exit(3)"))
    with pytest.raises(PhoneticError, match=r"broke down \(exit code 3\)"):
        voice.wave("fA1n")
    voice.close()


def test_a_helper_that_hangs_is_ended_in_time(helper) -> None:  # type: ignore[no-untyped-def]
    voice = Voice(command=helper("time.sleep(60)"), limit_s=0.3)
    started = time.monotonic()
    with pytest.raises(PhoneticError, match=r"not answered for 0\.3 seconds"):
        voice.wave("fA1n")
    assert time.monotonic() - started < 5
    assert is_gone(voice._process.pid)


def test_an_answer_that_is_none_is_told(helper) -> None:  # type: ignore[no-untyped-def]
    with Voice(command=helper("print('what?', flush=True)")) as voice, pytest.raises(PhoneticError, match="broke down"):
        voice.wave("fA1n")


def test_its_errors_are_passed_on(helper) -> None:  # type: ignore[no-untyped-def]
    body = "print(json.dumps({'error': 'there is no voice ' + asked['voice']}), flush=True)"
    with Voice("xx", command=helper(body)) as voice, pytest.raises(PhoneticError, match="no voice xx"):
        voice.wave("fA1n")


def test_without_espeak_it_says_what_to_install() -> None:
    absent = [sys.executable, "-c", """print('{"error": "absent"}')"""]
    with pytest.raises(PhoneticError, match="no espeak-ng") as caught:
        Voice(command=absent)
    assert "phon[speech]" in str(caught.value.hint)


def test_a_rate_that_cannot_be_is_refused() -> None:
    with pytest.raises(PhoneticError, match="20 words a minute"):
        Voice(rate=20)


def test_the_helper_answers_and_ends_with_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def speak(text: str, voice: str, rate: int) -> tuple[bytes, int]:
        if voice == "xx":
            raise LookupError("there is no voice 'xx'")
        return text.encode() * rate, 22050

    written = io.BytesIO()
    asked = [{"text": "ab", "voice": "en-us", "rate": 2}, {"text": "ab", "voice": "xx", "rate": 2}]
    requests = b"".join(json.dumps(one).encode() + b"\n" for one in asked)
    monkeypatch.setattr(espeak, "by_library", lambda: speak)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(requests)))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written))
    monkeypatch.setattr("signal.signal", lambda *handler: None)
    espeak.main()
    lines = written.getvalue().split(b"\n")
    assert json.loads(lines[0]) == {"ready": "library"}
    assert json.loads(lines[1]) == {"bytes": 4, "sample_rate": 22050}
    assert lines[2].startswith(b"abab")
    assert json.loads(lines[2].removeprefix(b"abab")) == {"error": "there is no voice 'xx'"}


def test_nothing_of_ours_is_loaded_beside_espeak() -> None:
    code = "import sys; sys.path.insert(0, 'phonetic'); import espeak; print(*sys.modules)"
    root = Path(espeak.__file__).parents[1]
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert not {"phonetic", "pipeline", "train"} & {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.skipif(
    find_spec("espeakng_loader") is None and shutil.which(espeak.PROGRAM) is None, reason="espeak-ng is not installed"
)
def test_real_speech_lasts_as_long_as_it_should_and_is_heard() -> None:
    with Voice() as voice, Voice(rate=300) as hasty:
        line = Arpabet().convert(["phonetic English"])[0]
        sound, fast = voice.wave(line), hasty.wave(line)
        paused = voice.wave(line.replace(" ", ". "))
    samples = array("h", sound)
    assert 0.7 < len(samples) / voice.sample_rate < 2
    assert (sum(sample * sample for sample in samples) / len(samples)) ** 0.5 > 500
    assert len(fast) < 0.8 * len(sound) < len(sound) < len(paused)
