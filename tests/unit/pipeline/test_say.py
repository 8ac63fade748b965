"""`phon say` and `phon spell` as commands."""

import sys
import wave
from pathlib import Path

import pytest
from click.testing import CliRunner

from phonetic.errors import PhoneticError
from phonetic.spell import Speller
from pipeline import say
from pipeline import spell as spelling
from pipeline.errors import PipelineError
from pipeline.say import find_player, phones_of, write_wav
from pipeline.spell import spell, spellers


class Beeper:
    """A voice that says a hundred samples for each word."""

    sample_rate = 1000

    def __init__(self, *options: object) -> None:
        self.said: list[str] = []

    def __enter__(self) -> "Beeper":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def wave(self, line: str) -> bytes:
        self.said.append(line)
        return b"\1\2" * 100 * len(line.split())


@pytest.fixture
def beeper(monkeypatch: pytest.MonkeyPatch) -> Beeper:
    made = Beeper()
    monkeypatch.setattr(say, "Voice", lambda *options: made)
    return made


def test_phones_and_english_are_told_apart() -> None:
    lines = ["hello", "hA0lo1", "HH AH0 L OW1", "həˈloʊ"]
    assert list(phones_of(lines)) == ["hA0lo1"] * 4
    assert list(phones_of(["sat"], "phones")) == ["sat"]
    assert list(phones_of(["sat"], "english")) == ["s@1t"]
    with pytest.raises(PipelineError, match=r"line 2, column 1: 'x'"):
        list(phones_of(["sat", "xx"], "phones"))


def test_a_wav_has_a_pause_between_lines(tmp_path: Path, beeper: Beeper) -> None:
    out = tmp_path / "said.wav"
    done = CliRunner().invoke(say.command, ["--out", str(out)], input="hello there\n\nA1v\n", catch_exceptions=False)
    assert done.exit_code == 0
    with wave.open(str(out)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 1000)
        assert file.getnframes() == 200 + 400 + 100
    assert beeper.said == ["hA0lo1 DE1r", "", "A1v"]


def test_a_wav_is_whole_or_not_there(tmp_path: Path, beeper: Beeper, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(line: str) -> bytes:
        raise PhoneticError("broke down")

    out = tmp_path / "said.wav"
    monkeypatch.setattr(beeper, "wave", fail)
    assert isinstance(CliRunner().invoke(say.command, ["hello", "--out", str(out)]).exception, PhoneticError)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PhoneticError, match="nothing to say"), out.open("wb") as file:
        write_wav(file, beeper, [])  # type: ignore[arg-type]


def test_without_a_player_a_file_is_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PipelineError) as caught:
        find_player()
    assert "--out" in str(caught.value.hint)


def test_it_is_played_where_no_file_is_asked_for(
    tmp_path: Path, beeper: Beeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(say, "PLAYERS", ((sys.executable, "-c", PLAYER, str(tmp_path / "heard")),))
    CliRunner().invoke(say.command, ["hello"], catch_exceptions=False)
    assert (tmp_path / "heard").read_text() == "100"


PLAYER = "import sys, wave; print(wave.open(sys.argv[2]).getnframes(), end='', file=open(sys.argv[1], 'w'))"


def test_a_line_in_is_a_line_out_in_english(tmp_path: Path) -> None:
    run = CliRunner().invoke(
        spelling.command, ["--workspace", str(tmp_path)], input="fA1n, sA1n!\n\nF AH1 N | - | S AH1 N\nfʌn\n"
    )
    assert run.output == "Fun, sun!\n\nFun – sun\nFun\n"
    (tmp_path / "a.txt").write_text("glO1fA0", encoding="utf-8")
    run = CliRunner().invoke(spelling.command, [str(tmp_path / "a.txt"), "--mark", "--workspace", str(tmp_path)])
    assert run.output.startswith("*Gl") and run.output.endswith("*\n")


def test_malformed_phones_are_placed(tmp_path: Path) -> None:
    make = spellers(None)
    with pytest.raises(PipelineError, match=r"notes, line 2, column 6: 'x': no symbol"):
        list(spell(["fA1n", "fA1n xQ"], make, name="notes"))
    with pytest.raises(PipelineError, match="column 2: 'ə': no symbol"):
        list(spell(["fən"], make, form="compact"))


def test_lines_are_spelled_as_they_come() -> None:
    asked: list[bool] = []

    def make(stress: bool) -> Speller:
        asked.append(stress)
        return SPELLER

    lines = spell(iter(["fA1n", "fAn"]), make, at_once=1)
    assert next(lines) == "Fun"
    assert asked == [True]


SPELLER = Speller()
