"""Choosing a notation on the command line, the plain-text baseline, and `phon notations`."""

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from phonetic.errors import PhoneticError
from phonetic.own_words import read_words
from phonetic.unspeakable import POLICIES
from phonetic.variants import MERGERS
from pipeline.errors import PipelineError
from train.errors import TrainError
from train.notation import Notation, Problem, Tally, load_notation, registered


class PlainText:
    """Ordinary text on one line: the baseline every notation is compared with."""

    name = "text"
    version = "1"
    symbols: Sequence[str] = ()

    def __init__(self) -> None:
        self.options: Mapping[str, Any] = {}

    def convert(self, texts: Sequence[str], tally: Tally | None = None) -> list[str]:
        """White space, line ends too, becomes single spaces; nothing else changes."""
        return [" ".join(text.split()) for text in texts]

    def problems(self, sample: str) -> list[Problem]:
        """White space other than one space between words is all that can be wrong."""
        found = []
        at = 0
        for word in sample.split(" "):
            if not word:
                found.append(Problem(at, at + 1, "a space that separates no words"))
            elif word.split() != [word]:
                found.append(Problem(at, at + len(word), "white space other than a space"))
            at += len(word) + 1
        return found if sample else []

    def grammar(self) -> str | None:
        """None: any text is valid."""
        return None

    def spell(self, sample: str) -> str:
        """The sample: it is ordinary language already."""
        return sample


OPTIONS = ("engine", "form", "stress", "syllables", "variant", "reduced", "unspeakable", "lexicon")
F = Callable[..., None]


@dataclass(frozen=True)
class Choice:
    """What the command line says of a notation: its registered name, and the options given."""

    to: str
    options: Mapping[str, Any]

    def build(self) -> Notation:
        """The notation.

        Raises:
            PipelineError: an option that plain text does not have.
            PhoneticError: a lexicon that is not right; says which line.
            TrainError: no such notation, or an option it does not have.
        """
        options = dict(self.options)
        if self.to == PlainText.name and options:
            given = flag(next(iter(options)))
            raise PipelineError(
                f"{given} means nothing for plain text",
                hint=f"leave {given} out, or pass --to arpabet",
                exit_code=2,
            )
        if "lexicon" in options:
            options["lexicon"] = read_words(Path(options["lexicon"]))
        try:
            return load_notation({"name": self.to, "options": options})
        except (PhoneticError, TrainError) as error:
            error.exit_code = 2  # elsewhere a notation is what a file says
            raise


def flag(option: str) -> str:
    """An option as it is typed."""
    return "--no-stress" if option == "stress" else f"--{option}"


def notation_options(function: F) -> F:
    """The options of each command that converts; it gets `chosen`, a Choice."""

    @functools.wraps(function)
    def command(*args: Any, to: str, **others: Any) -> None:
        usual: dict[str, Any] = {
            "engine": "phon",
            "stress": True,
            "syllables": False,
            "variant": (),
            "reduced": False,
            "unspeakable": "drop",
        }
        given = {name: others.pop(name) for name in OPTIONS}
        options = {name: value for name, value in given.items() if value != usual.get(name)}
        function(*args, chosen=Choice(to, options), **others)

    for option in (
        click.option(
            "--lexicon",
            metavar="FILE",
            help="Your own words: a word and its ARPAbet on each line; they come before all others.",
        ),
        click.option(
            "--unspeakable",
            type=click.Choice(POLICIES),
            default="drop",
            show_default=True,
            help="What becomes of other scripts, emoji, markup and signs of code.",
        ),
        click.option(
            "--variant", multiple=True, type=click.Choice(list(MERGERS)), help="A merger of sounds; may be repeated."
        ),
        click.option("--reduced", is_flag=True, help="Say small words as inside a phrase: to as tA0, of as A0v."),
        click.option("--syllables", is_flag=True, help="Mark where syllables part."),
        click.option("--no-stress", "stress", is_flag=True, flag_value=False, default=True, help="Leave stress out."),
        click.option(
            "--engine",
            metavar="ENGINE",
            default="phon",
            show_default=True,
            help="Of arpabet: ours, or g2p-en for the phones of g2p-en 2.1.0, faults and all.",
        ),
        click.option("--form", metavar="FORM", help="How to write it: compact (arpabet's default) or spaced."),
        click.option("--to", default="arpabet", show_default=True, metavar="NOTATION", help="What to convert to."),
    ):
        command = option(command)
    return command


def list_notations() -> list[dict[str, Any]]:
    """Each installed notation: name, where it comes from, its forms and the first line of its description."""
    listed = []
    for name, entry in registered().items():
        factory = entry.load()
        distribution = entry.dist.name if entry.dist else ""
        summary = (factory.__doc__ or "").strip().splitlines()[0]
        example = load_notation({"name": name}).convert(["Phonetic English, at 3:30."])[0]
        listed.append({"name": name, "package": distribution, "summary": summary, "example": example})
    return listed


@click.command("notations")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List the notations that text can be converted to.

    Example: phon notations
    """
    listed = list_notations()
    if as_json:
        click.echo(json.dumps(listed, indent=2))
        return
    for row in listed:
        click.echo(f"{row['name']:10} {row['summary']}  ({row['package']})\n{'':10} {row['example']}")
