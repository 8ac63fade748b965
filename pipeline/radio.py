"""Samples aloud: a WAV each, and `radio.wav` of all, one after the other."""

import contextlib
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from phonetic.voice import Voice
from pipeline.say import PAUSE_S
from train.files import write_atomic

NAME = "radio.wav"
BETWEEN_S = 1.0  # seconds between two samples
MOST_BYTES = 2**32 - 2**16  # of sound that a WAV holds: 27 hours

Say = Callable[[str, Sequence[str]], float]


@contextlib.contextmanager
def radio(folder: Path) -> Iterator[Say]:
    """What says samples into `folder`: a function of a file's name and lines of compact phones to the seconds it lasts.

    It answers 0 where there is nothing to say, and writes no file. `radio.wav` is there at the end, if anything was
    said: of the first 27 hours of it, as a WAV holds no more.

    Raises:
        PhoneticError: espeak-ng is not installed, or breaks down.
    """
    with Voice() as voice, contextlib.ExitStack() as stack:
        whole: wave.Wave_write | None = None
        size = 0

        def say(name: str, lines: Sequence[str]) -> float:
            nonlocal whole, size
            said = [sound for line in lines if (sound := voice.wave(line))]
            sound = silence(voice, PAUSE_S).join(said)
            if not said:
                return 0.0
            with write_atomic(folder / name) as file, wave.open(file, "wb") as target:
                begin(target, voice).writeframes(sound)
            if whole is None:
                file = stack.enter_context(write_atomic(folder / NAME))
                whole = begin(stack.enter_context(wave.open(file, "wb")), voice)
            else:
                sound = silence(voice, BETWEEN_S) + sound
            size += len(sound)
            if size <= MOST_BYTES:
                whole.writeframesraw(sound)
            return len(b"".join(said)) / 2 / voice.sample_rate

        yield say


def begin(target: wave.Wave_write, voice: Voice) -> wave.Wave_write:
    """A WAV of 16-bit samples on one channel."""
    target.setparams((1, 2, voice.sample_rate, 0, "NONE", ""))
    return target


def silence(voice: Voice, seconds: float) -> bytes:
    """No sound, for so long."""
    return bytes(2 * int(seconds * voice.sample_rate))
