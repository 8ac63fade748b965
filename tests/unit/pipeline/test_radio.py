"""Samples as WAV files."""

import wave
from pathlib import Path

import pytest

from pipeline import radio as module
from pipeline.radio import radio
from tests.unit.pipeline.test_say import Beeper


def frames(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 1000)
        sound: bytes = file.readframes(file.getnframes())
    return sound


def test_each_sample_is_a_file_and_all_are_on_the_radio_with_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "Voice", Beeper)
    one, line, pause = b"\1\2" * 100, bytes(2 * 400), bytes(2 * 1000)
    with radio(tmp_path / "new" / "said") as say:
        assert say("1.wav", ["s@1t", "hA0lo1"]) == 0.2
        assert say("2.wav", ["", ""]) == 0.0
        assert say("3.wav", ["s@1t"]) == 0.1
    said = tmp_path / "new" / "said"
    assert sorted(path.name for path in said.iterdir()) == ["1.wav", "3.wav", "radio.wav"]
    assert frames(said / "1.wav") == one + line + one
    assert frames(said / "radio.wav") == one + line + one + pause + one


def test_what_a_wav_cannot_hold_is_left_out_of_the_radio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Voice", Beeper)
    monkeypatch.setattr(module, "MOST_BYTES", 300)
    with radio(tmp_path) as say:
        for name in ("1.wav", "2.wav"):
            say(name, ["s@1t"])
    assert len(frames(tmp_path / "radio.wav")) == 200 and (tmp_path / "2.wav").is_file()
