"""A sample laid out for reading: its mark, its text in lines, and what is wrong under it."""

from collections.abc import Iterator

import click

from pipeline.sampler import Judged
from pipeline.show import printable

REASONS = 5  # problems told of one sample
EXCERPT = 24  # characters shown of each


def lay_out(sample: Judged, width: int) -> str:
    """A sample for reading: mark, number, type; its text with carets under what is wrong; then the reasons."""
    mark = click.style("✓", fg="green") if sample.valid else click.style("✗", fg="red")
    lines = [f"{mark} {sample.index + 1}" + (f" · {printable(sample.type)}" if sample.type else "")]
    for start, end in breaks(sample, width - 2):
        lines.append("  " + printable(sample.text[start:end]))
        wrong = {at for problem in sample.problems for at in range(problem.start, max(problem.end, problem.start + 1))}
        # An end that is missing stands after the last character.
        carets = "".join("^" if at in wrong else " " for at in range(start, end + (end == len(sample.text))))
        if carets.strip():
            lines.append("  " + click.style(carets.rstrip(), fg="red"))
    for problem in sample.problems[:REASONS]:
        what = printable(sample.text[problem.start : problem.end])
        cut = what if len(what) <= EXCERPT else what[:EXCERPT] + "…"
        lines.append(f"  character {problem.start + 1}{f' {cut!r}' if cut else ''}: {problem.reason}")
    if len(sample.problems) > REASONS:
        lines.append(f"  and {len(sample.problems) - REASONS} more")
    return "\n".join(lines) + "\n"


def breaks(sample: Judged, width: int) -> Iterator[tuple[int, int]]:
    """Where each line of a sample starts and ends, in its text: those of verse, or as many as the width makes."""
    if len(sample.lines) < 2:
        yield from wrap(sample.text, width)
        return
    at = 0
    for line in sample.lines:
        at = sample.text.index(line, at)
        yield from ((at + start, at + end) for start, end in wrap(line, width))
        at += len(line)


def wrap(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Where each line of `text` starts and ends, broken after spaces where there are any."""
    start = 0
    while len(text) - start > width:
        stop = text.rfind(" ", start, start + width) + 1 or start + width
        yield start, stop
        start = stop
    yield start, len(text)
