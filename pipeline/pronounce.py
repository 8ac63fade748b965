"""`phon pronounce`: the conversion as a filter, a line in, a line out."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from phonetic.own_words import compact_words
from pipeline.errors import PipelineError
from pipeline.lots import gather
from pipeline.notation import Choice, notation_options
from pipeline.options import json_option
from pipeline.show import printable
from train.notation import Notation

if TYPE_CHECKING:
    from phonetic.explain import Explained

BATCH = 1 << 18  # characters of lines converted together when nobody waits for each


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
        at_once: Characters of lines to gather before converting; 1 answers each line at once.
    """
    for batch in gather(lines, weight, at_once):
        yield from notation.convert(batch)


def weight(line: str) -> int:
    """Characters of a line with its end."""
    return len(line) + 1


class Told:
    """What `--explain` prints.

    Args:
        notation: What to convert to; it must be one of phones.
        as_json: Whether to print an object for each word.

    Raises:
        PipelineError: it is none of phones.
    """

    def __init__(self, notation: Notation, as_json: bool) -> None:
        from phonetic.explain import Explainer  # slow to import
        from phonetic.written import Written

        if not isinstance(notation, Written):
            raise PipelineError(
                f"{notation.name} has no phones to explain", hint="pass --to arpabet or ipa", exit_code=2
            )
        if notation.options.get("engine"):
            raise PipelineError("--explain tells of phon's own engine", hint="leave --engine out", exit_code=2)
        self._notation = notation
        self._explainer = Explainer(compact_words(notation.options.get("lexicon", {})), reduced=notation.reduced)
        self._as_json = as_json

    def lines(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines of the tables of some lines, an empty one after each table."""
        for line in lines:
            rows = [
                row._replace(phones=self._written(row.phones), others=tuple(map(self._written, row.others)))
                for row in self._explainer.explain(line)
            ]
            if self._as_json:
                yield from (json.dumps(row._asdict(), ensure_ascii=False) for row in rows)
            elif rows:
                yield from _table(rows)

    def _written(self, phones: str) -> str:
        return self._notation.write(phones)


def _table(rows: Sequence["Explained"]) -> Iterator[str]:
    """Rows in columns."""
    shown = [("word", "found by", "phones", "or")]
    for row in rows:
        found = f"{row.found}: {row.detail}" if row.detail else row.found
        shown.append((row.written, found, row.phones, ", ".join(row.others)))
    widths = [max(len(row[at]) for row in shown) for at in range(3)]
    for word, found, phones, others in shown:
        cells = [cell.ljust(width) for cell, width in zip((word, found, phones), widths, strict=True)]
        yield printable("  ".join([*cells, others]).rstrip())
    yield ""


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
@click.option("--explain", "is_explained", is_flag=True, help="Tell how each word was read, instead of converting.")
@json_option
def command(files: tuple[str, ...], chosen: Choice, is_explained: bool, as_json: bool) -> None:
    """Convert lines of text: a line in, a line out. Reads FILEs or standard input.

    With --explain a table of each line's words: what was read, where its phones come from, what else it might be.

    Example: echo "phonetic English" | phon pronounce --form spaced
    """
    if as_json and not is_explained:
        raise PipelineError("--json is for --explain", hint="leave --json out: lines go out as lines", exit_code=2)
    notation = chosen.build()
    told = Told(notation, as_json) if is_explained else None
    for file in files or ("-",):
        with open_text(file) as stream:
            at_once = 1 if stream.isatty() or sys.stdout.isatty() else BATCH
            name = "standard input" if file == "-" else file
            lines = read_lines(stream, name)
            for line in told.lines(lines) if told else pronounce(lines, notation, at_once=at_once):
                click.echo(line)
