"""What a user may ask of samples besides being valid, and the options that ask for it."""

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from pipeline.errors import PipelineError

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Constraints:
    """What a user may ask of samples.

    Args:
        rhyme_with: A word that each line's last word rhymes with; the text's, where there are no lines.
        meter: Stressed (/) and unstressed (u) syllables of a line.
        syllables: How many each line has, in turn.
        lines: How many lines; without metre or syllables a line ends with a stop, and has no other.
        words_only: Only words of the lexicon.
        avoid: Words that do not stand.
        grammar: A Lark grammar of the whole text.
        json_schema: A JSON schema of the whole text.
        regex: A regular expression of the whole text.
    """

    rhyme_with: str | None = None
    meter: str | None = None
    syllables: tuple[int, ...] = ()
    lines: int | None = None
    words_only: bool = False
    avoid: tuple[str, ...] = ()
    grammar: str | None = None
    json_schema: str | None = None
    regex: str | None = None

    @property
    def sound(self) -> bool:
        """Whether any of them is about words or sounds, which only some notations know."""
        return bool(self.rhyme_with or self.meter or self.syllables or self.lines or self.words_only or self.avoid)

    def asked(self) -> dict[str, object]:
        """Those that are there, for a sample's record."""
        return {key: value for key, value in asdict(self).items() if value}


NOTHING = Constraints()


def constraint_options(function: F) -> F:
    """The options that constrain samples; the command gets `constraints`, a Constraints."""

    @functools.wraps(function)
    def command(
        *args: Any,
        syllables: str | None,
        avoid: Path | None,
        grammar: Path | None,
        json_schema: Path | None,
        **others: Any,
    ) -> None:
        own = {key: others.pop(key) for key in ("rhyme_with", "meter", "lines", "words_only", "regex")}
        constraints = Constraints(
            **own,
            syllables=counts(syllables) if syllables else (),
            avoid=tuple(read(avoid, "--avoid").split()) if avoid else (),
            grammar=read(grammar, "--grammar") if grammar else None,
            json_schema=read(json_schema, "--json-schema") if json_schema else None,
        )
        function(*args, constraints=constraints, **others)

    a_file = click.Path(path_type=Path)
    for option in (
        click.option("--regex", metavar="PATTERN", help="Samples that match this whole, in the model's notation."),
        click.option("--json-schema", type=a_file, metavar="FILE", help="Samples of this JSON schema."),
        click.option("--grammar", type=a_file, metavar="FILE", help="Samples of this Lark grammar, in its notation."),
        click.option("--avoid", type=a_file, metavar="FILE", help="English words that do not stand in samples."),
        click.option("--words-only", is_flag=True, help="Only words of the lexicon."),
        click.option("--lines", type=click.IntRange(1), metavar="N", help="So many lines, each ended by a stop."),
        click.option("--syllables", metavar="5,7,5", help="Lines of so many syllables."),
        click.option("--meter", metavar="u/u/u/u/", help="Lines of this metre: u unstressed, / stressed."),
        click.option("--rhyme-with", metavar="WORD", help="Each line's last word rhymes with this one."),
    ):
        command = option(command)
    return command  # type: ignore[return-value]


def counts(text: str) -> tuple[int, ...]:
    """Numbers with commas between them.

    Raises:
        PipelineError: they are none.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise PipelineError(f"--syllables {text!r} is no list of numbers", hint="as in 5,7,5", exit_code=2) from None


def read(path: Path, option: str) -> str:
    """A file of the command line.

    Raises:
        PipelineError: it is not there, or no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PipelineError(f"{option} {path} is not UTF-8", hint="save it as UTF-8", exit_code=2) from error
    except OSError as error:
        raise PipelineError(f"{option} {path}: {error.strerror}", hint="check the path", exit_code=2) from error
