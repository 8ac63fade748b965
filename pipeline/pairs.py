"""Pairs of a source and a target: how each side is written, and the options that say so on the command line."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import click
from click.core import ParameterSource

from phonetic.errors import PhoneticError
from pipeline.blocks import Converted
from pipeline.document import Document
from pipeline.errors import PipelineError
from pipeline.notation import OPTIONS, flag
from train.contract import Contract
from train.errors import TrainError
from train.notation import Notation, load_notation

SIDES = ("source", "target")
Text = tuple[str, str]  # a source and its target
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Sides:
    """The notations of sources and targets.

    Args:
        written: The sides whose text is in its notation already; the others are converted.
    """

    source: Notation
    target: Notation
    written: tuple[str, ...] = ()

    @classmethod
    def of(cls, contract: Contract) -> Self:
        """Those that a model of pairs was trained on.

        Raises:
            TrainError: one of them is not installed as it was.
        """
        assert contract.pairs
        return cls(
            load_notation(contract.pairs.notation), load_notation(contract.notation), tuple(contract.pairs.written)
        )

    def notation(self, side: str) -> Notation:
        """That of one side."""
        return self.source if side == "source" else self.target

    def convert(self, side: str, texts: Sequence[str], tally: dict[str, Counter[str]] | None = None) -> list[str]:
        """Texts of one side in its notation."""
        if side in self.written:
            return [" ".join(text.split()) for text in texts]
        return self.notation(side).convert(texts, tally)

    def checked(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The same documents.

        Raises:
            PipelineError: what should be in its notation already breaks its rules.
        """
        for document in documents:
            for side in self.written:
                text = (document.given or "") if side == "source" else document.text
                self.check(side, text, document.place)
            yield document

    def check(self, side: str, text: str, place: str) -> None:
        """Refuse a text that is to be in its notation already and is not."""
        if side not in self.written:
            return
        (text,) = self.convert(side, [text])
        for start, end, reason in self.notation(side).problems(text) if text else ():
            raise PipelineError(
                f"{place}: the {side} is not {self.notation(side).name}: {text[start:end]!r} at character "
                f"{start + 1}: {reason}",
                hint=f"mend the line, or leave out --written {side} to have it converted",
            )


def load_sides(pairing: dict[str, Any], target: dict[str, Any]) -> Sides:
    """The sides by their specs; for a worker, to which notations do not travel."""
    return Sides(load_notation(pairing["notation"]), load_notation(target), tuple(pairing["written"]))


def convert(sides: Sides, pairs: Sequence[Text]) -> Converted:
    """The pairs of a block, each side in its notation; runs in a worker. A pair of which nothing is left is empty."""
    tally: dict[str, Counter[str]] = {"oov": Counter(), "dropped": Counter()}
    given = sides.convert("source", [source for source, _ in pairs], tally)
    texts = sides.convert("target", [target for _, target in pairs], tally)
    texts = [text if source else "" for source, text in zip(given, texts, strict=True)]
    words = sum(len(target.split()) for (_, target), text in zip(pairs, texts, strict=True) if text)
    return Converted(texts, words, tally["oov"], tally["dropped"], given)


def read_notation(said: str, option: str) -> Notation:
    """The notation that `NAME` or `NAME:key=value,key=value` says.

    Raises:
        PipelineError: it says nothing of the kind, or an option that the notation does not have.
    """
    name, _, rest = said.partition(":")
    options: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        if not equals:
            raise PipelineError(
                f"{option} {said}: {part!r} is not key=value",
                hint="as in arpabet:form=spaced,stress=false",
                exit_code=2,
            )
        options[key] = {"true": True, "false": False}.get(value, value)
    try:
        return load_notation({"name": name, "options": options})
    except (PhoneticError, TrainError) as error:
        raise PipelineError(f"{option} {said}: {error}", hint=error.hint, exit_code=2) from error


def pair_options(function: F) -> F:
    """The options of pairs for `phon prepare`."""
    for option in (
        click.option(
            "--written",
            multiple=True,
            type=click.Choice(SIDES),
            help="A side that is in its notation already: it is checked, not converted.",
        ),
        click.option(
            "--target-notation",
            default="arpabet",
            show_default=True,
            metavar="NOTATION",
            help="What targets are converted to; as in arpabet:form=spaced,stress=false.",
        ),
        click.option(
            "--source-notation",
            default="text",
            show_default=True,
            metavar="NOTATION",
            help="What sources are converted to.",
        ),
        click.option("--target-field", default="target", show_default=True, help="A record's field with its target."),
        click.option("--source-field", default="source", show_default=True, help="A record's field with its source."),
        click.option("--pairs", is_flag=True, help="The corpus is records of a source and a target."),
    ):
        function = option(function)
    return function


def refuse_others(pairs: bool) -> None:
    """Refuse options of the other kind of corpus: of documents with --pairs, of pairs without.

    Raises:
        PipelineError: one is given.
    """
    instead = dict.fromkeys(("to", *OPTIONS), "--target-notation")
    instead["text_field"] = "--source-field and --target-field"
    of_pairs = dict.fromkeys(
        ("source_field", "target_field", "source_notation", "target_notation", "written"), "--pairs"
    )
    context = click.get_current_context()
    for name, better in (instead if pairs else of_pairs).items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = flag(name.replace("_", "-"))
            why = "means nothing for pairs" if pairs else "is for pairs"
            raise PipelineError(f"{option} {why}", hint=f"pass {better}, or leave {option} out", exit_code=2)
