"""`phon check`: which samples are valid, and where the others break."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import click

from pipeline.errors import PipelineError
from pipeline.notation import Choice, notation_options
from pipeline.options import json_option
from pipeline.pronounce import open_text, read_lines
from pipeline.show import printable
from train.notation import Notation

MARGIN = 30  # characters shown on either side of a problem
NOT_ENDED = "stopped at the length limit, before its end"


@dataclass(frozen=True)
class Verdict:
    """One sample and what is wrong with it.

    Attributes:
        line: Its line in the input, from 1.
        text: The sample.
        problems: Where it breaks and why; offsets in characters.
        ended: Whether it came to its end; False when generation was cut off at the length limit.
    """

    line: int
    text: str
    problems: tuple[tuple[int, int, str], ...]
    ended: bool

    @property
    def is_valid(self) -> bool:
        """Whether nothing is wrong."""
        return self.ended and not self.problems


def read_sample(line: str, number: int, name: str) -> tuple[str, bool]:
    """The sample on a line and whether it ended; the line is the sample, or JSON with a `text` field.

    Raises:
        PipelineError: a JSON object without a text.
    """
    if not line.startswith("{"):
        return line, True
    try:
        record: Any = json.loads(line)
    except ValueError:
        return line, True  # a sample that happens to start with a brace
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise PipelineError(
            f'{name}, line {number}: a JSON object without a "text"',
            hint="the lines that phon generate --json prints have one",
        )
    return record["text"], record.get("ended") is not False


def check(lines: Iterable[str], notation: Notation, *, name: str = "input") -> Iterator[Verdict]:
    """A verdict on each sample. Empty lines are no samples.

    Args:
        lines: Samples, or JSON objects with a `text` and perhaps `ended`.
        notation: What they are written in.
        name: What to call the input in errors.
    """
    for number, line in enumerate(lines, 1):
        if line:
            text, ended = read_sample(line, number, name)
            problems = tuple((start, end, reason) for start, end, reason in notation.problems(text))
            yield Verdict(number, text, problems, ended)


def explain(verdict: Verdict) -> str:
    """A verdict for people: the line, and under each problem a mark and the reason."""
    shown = [f"line {verdict.line}: {'valid' if verdict.is_valid else 'not valid'}"]
    for start, end, reason in verdict.problems:
        left = max(0, start - MARGIN)
        excerpt = printable(verdict.text[left : end + MARGIN])
        mark = " " * (start - left) + "^" * max(1, min(end, len(verdict.text)) - start)
        shown += [f"  {excerpt}", f"  {mark} column {start + 1}: {reason}"]
    if not verdict.ended:
        shown.append(f"  {NOT_ENDED}")
    return "\n".join(shown)


def as_record(verdict: Verdict) -> dict[str, Any]:
    """A verdict for programs."""
    problems = [{"start": start, "end": end, "reason": reason} for start, end, reason in verdict.problems]
    return {
        "line": verdict.line,
        "valid": verdict.is_valid,
        "ended": verdict.ended,
        "problems": problems,
        "text": verdict.text,
    }


@click.command("check")
@click.argument("file", default="-")
@notation_options
@json_option
@click.pass_context
def command(context: click.Context, file: str, chosen: Choice, as_json: bool) -> None:
    """Tell which samples are valid, and where the others break.

    Reads FILE or standard input: a sample a line, or the lines that phon generate --json prints. Exits with 1 when a
    sample is not valid.

    Example: echo "phonetic English" | phon pronounce | phon check
    """
    notation = chosen.build()
    name = "standard input" if file == "-" else file
    samples = valid = 0
    with open_text(file) as stream:
        for verdict in check(read_lines(stream, name), notation, name=name):
            samples += 1
            valid += verdict.is_valid
            click.echo(json.dumps(as_record(verdict), ensure_ascii=False) if as_json else explain(verdict))
    if not as_json:
        share = f" ({valid / samples:.1%})" if samples else ""
        click.echo(f"{valid} of {samples} samples valid{share}")
    if valid < samples:
        context.exit(1)
