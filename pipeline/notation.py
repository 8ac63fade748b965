"""Choosing a notation on the command line, the plain-text baseline, and `phon notations`."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from pipeline.errors import PipelineError
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


def build(to: str, form: str | None, stress: bool) -> Notation:
    """The notation that the command line names.

    Args:
        to: Its registered name.
        form: How to write it, for notations that have forms; None for the notation's own default.
        stress: False to leave stress out.

    Raises:
        PipelineError: an option that this notation does not have.
        TrainError: no such notation.
    """
    options: dict[str, Any] = {}
    if form is not None:
        options["form"] = form
    if not stress:
        options["stress"] = False
    if to == PlainText.name and options:
        given = "--form" if form is not None else "--no-stress"
        raise PipelineError(f"{given} means nothing for plain text", hint=f"leave {given} out, or pass --to arpabet")
    return load_notation({"name": to, "options": options})


def notation_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options `to`, `form` and `stress`, the same for each command that converts."""
    for option in (
        click.option("--no-stress", "stress", is_flag=True, flag_value=False, default=True, help="Leave stress out."),
        click.option("--form", metavar="FORM", help="How to write it: compact (arpabet's default) or spaced."),
        click.option("--to", default="arpabet", show_default=True, metavar="NOTATION", help="What to convert to."),
    ):
        function = option(function)
    return function


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
