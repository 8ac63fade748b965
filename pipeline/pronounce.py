"""`phon pronounce`: the conversion as a filter, a line in, a line out."""

import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import click

from pipeline.errors import PipelineError
from pipeline.notation import build, notation_options
from train.notation import Notation

BATCH = 256  # lines converted together when nobody waits for each


def read_lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    """The lines of a stream of UTF-8, without their ends.

    Raises:
        PipelineError: a line that is not UTF-8; says which, and where in it.
    """
    for number, line in enumerate(stream, 1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as err:
            raise PipelineError(
                f"{name}, line {number}, byte {err.start + 1}: {line[err.start]:#04x} is not UTF-8",
                hint="convert the text to UTF-8 first, for example with iconv -f cp1252 -t utf-8",
            ) from err
        yield text.rstrip("\r\n")


def pronounce(lines: Iterable[str], notation: Notation, *, at_once: int = BATCH) -> Iterator[str]:
    """Each line in `notation`, as many lines as came in.

    Args:
        lines: Text, converted as it comes.
        notation: Any registered notation.
        at_once: Lines to gather before converting; 1 answers each at once.
    """
    rest = iter(lines)
    while batch := list(itertools.islice(rest, at_once)):
        yield from notation.convert(batch)


def open_text(file: str) -> BinaryIO:
    """The bytes of a file, or of standard input for `-`.

    Raises:
        PipelineError: there is no such file.
    """
    if file == "-":
        return sys.stdin.buffer
    path = Path(file)
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise PipelineError(f"{file} {found}", hint="give a text file, or - for standard input")
    return path.open("rb")


@click.command("pronounce")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@notation_options
def command(files: tuple[str, ...], to: str, form: str | None, stress: bool) -> None:
    """Convert lines of text: a line in, a line out. Reads FILEs or standard input.

    Example: echo "phonetic English" | phon pronounce --form spaced
    """
    notation = build(to, form, stress)
    for file in files or ("-",):
        with open_text(file) as stream:
            at_once = 1 if stream.isatty() or sys.stdout.isatty() else BATCH
            name = "standard input" if file == "-" else file
            for line in pronounce(read_lines(stream, name), notation, at_once=at_once):
                click.echo(line)
