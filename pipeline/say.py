"""`phon say`: phones or English aloud, into a WAV or through the loudspeaker."""

import contextlib
import itertools
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import click

from phonetic.errors import PhoneticError
from phonetic.forms import is_phones, read_phones
from phonetic.voice import FASTEST, SLOWEST, VOICE, WORDS_A_MINUTE, Voice
from pipeline.errors import PipelineError
from pipeline.pronounce import open_text, read_lines
from train.files import write_atomic

AUTO, PHONES, ENGLISH = "auto", "phones", "english"
PAUSE_S = 0.4  # between two lines
# Programs that play a WAV, in the order in which they are looked for.
PLAYERS = (("paplay",), ("pw-play",), ("aplay", "-q"), ("afplay",), ("play", "-q"), ("ffplay", "-nodisp", "-autoexit"))


def phones_of(lines: Iterable[str], what: str = AUTO) -> Iterator[str]:
    """Each line as compact phones.

    Args:
        lines: Phones in any form, or English.
        what: PHONES, ENGLISH, or AUTO: a line is phones if it could be nothing else, as forms.py tells.

    Raises:
        PipelineError: a line that should be phones breaks their rules.
    """
    convert: Callable[[list[str]], list[str]] | None = None
    for number, line in enumerate(lines, 1):
        if what == PHONES or (what == AUTO and is_phones(line)):
            phones, problems = read_phones(line)
            for start, end, reason in problems:
                raise PipelineError(
                    f"line {number}, column {start + 1}: {line[start:end]!r}: {reason}",
                    hint="mend it, or pass --as english if it is English",
                )
            yield phones.line
            continue
        if convert is None:
            from phonetic.arpabet import Arpabet  # slow to import

            convert = Arpabet().convert
        yield from convert([line])


def write_wav(file: IO[bytes], voice: Voice, lines: Iterable[str]) -> float:
    """Say lines of compact phones into a WAV file; the seconds it lasts.

    Raises:
        PhoneticError: the voice cannot, or there was nothing to say.
    """
    sounds = filter(None, map(voice.wave, lines))
    first = next(sounds, None)
    if first is None:
        raise PhoneticError("there is nothing to say", hint="give it a line with a word in it")
    pause = bytes(2 * int(PAUSE_S * voice.sample_rate))
    size = 0
    with wave.open(file, "wb") as target:
        target.setparams((1, 2, voice.sample_rate, 0, "NONE", ""))
        for sound in itertools.chain([first], (pause + sound for sound in sounds)):
            target.writeframes(sound)
            size += len(sound)
    return size / 2 / voice.sample_rate


def find_player() -> tuple[str, ...]:
    """The program that plays a WAV here.

    Raises:
        PipelineError: there is none.
    """
    for player in PLAYERS:
        if shutil.which(player[0]):
            return player
    raise PipelineError(
        f"there is no program here to play sound ({', '.join(player[0] for player in PLAYERS)})",
        hint="pass --out FILE.wav to have it written instead",
    )


@contextlib.contextmanager
def _lines(text: tuple[str, ...], file: str) -> Iterator[Iterable[str]]:
    """What to say: the words of the command line, or the lines of a file."""
    if text:
        yield [" ".join(text)]
        return
    with open_text(file) as stream:
        yield read_lines(stream, "standard input" if file == "-" else file)


@click.command("say")
@click.argument("text", nargs=-1)
@click.option("--file", default="-", metavar="FILE", help="Lines to say, where no TEXT is given; - is standard input.")
@click.option(
    "--as",
    "what",
    type=click.Choice([AUTO, PHONES, ENGLISH]),
    default=AUTO,
    show_default=True,
    help="What the lines are; by itself, a line is phones if it could not be English.",
)
@click.option("--voice", "name", default=VOICE, show_default=True, metavar="NAME", help="A voice of espeak-ng.")
@click.option(
    "--rate",
    type=click.IntRange(SLOWEST, FASTEST),
    default=WORDS_A_MINUTE,
    show_default=True,
    help="Words a minute.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.wav", help="Write it instead of playing it."
)
def command(text: tuple[str, ...], file: str, what: str, name: str, rate: int, out: Path | None) -> None:
    """Say phones or English aloud, or write them as a WAV. Reads TEXT, FILE or standard input.

    It needs espeak-ng: pip install 'phon[speech]', or the system's package.

    Example: phon say "fA0nE1tI0k I1GglI0S" --out phonetic.wav
    """
    player = find_player() if out is None else ()
    with Voice(name, rate) as voice:
        if out is not None:
            with _lines(text, file) as lines, write_atomic(out) as target:
                seconds = write_wav(target, voice, phones_of(lines, what))
            click.echo(f"{out}: {seconds:.1f} s", err=True)
            return
        with _lines(text, file) as lines, tempfile.NamedTemporaryFile(suffix=".wav") as target:
            write_wav(target, voice, phones_of(lines, what))
            target.flush()
            subprocess.run([*player, target.name], stdin=subprocess.DEVNULL, check=False)
