"""A sample laid out for reading: its mark, its text in lines, what is wrong under it, and beside it what it means."""

import itertools
import shutil
import textwrap
import unicodedata
from collections.abc import Iterator

import click

from pipeline.sampler import Judged
from pipeline.show import printable

REASONS = 5  # problems told of one sample
EXCERPT = 24  # characters shown of each
NARROWEST, USUAL, WIDEST = 20, 100, 120  # columns
BESIDE = 90  # columns from which on English stands beside the phones, not under them
GAP = 3  # between the two
# Shades by the bits from which on they are given: of the background, which light and dark terminals show alike.
SHADES = ((0.5, 230), (1, 222), (2, 215), (4, 209), (8, 160))
INK, LIGHT_INK = 16, 231
FAINTEST = SHADES[0][0]
MOST = 9  # bits that a digit shows


def lay_out(sample: Judged, width: int, *, in_color: bool = True, name: str = "") -> str:
    """A sample for reading: mark, number, type; its text with what is wrong marked; English, if any; then the reasons.

    Args:
        width: Columns.
        in_color: Whether colours will be seen; without them surprisal is told by digits.
        name: What it is called; its number, if not given.
    """
    lines = [heading(sample, name or str(sample.index + 1))]
    english = sample.english if sample.english and sample.english.text != sample.text else None
    is_beside = english is not None and width >= BESIDE
    room = (width - 2 - GAP) // 2 if is_beside else width - 2
    for start, end in breaks(sample, room):
        left = list(rows(sample, start, end, in_color))
        right = []
        if english:
            last = end == len(sample.text)
            said = printable(" ".join(word for at, word in english.words if start <= at < end or (last and at >= end)))
            right = [click.style(line, dim=not is_beside) for line in textwrap.wrap(said, room, break_on_hyphens=False)]
        if is_beside:
            for one, other in itertools.zip_longest(left, right, fillvalue=""):
                lines.append(f"  {one}{' ' * (room - columns(click.unstyle(one)) + GAP)}{other}".rstrip())
        else:
            lines += [f"  {line}" for line in left + right]
    for problem in sample.problems[:REASONS]:
        what = printable(sample.text[problem.start : problem.end])
        cut = what if len(what) <= EXCERPT else what[:EXCERPT] + "…"
        lines.append(f"  character {problem.start + 1}{f' {cut!r}' if cut else ''}: {problem.reason}")
    if len(sample.problems) > REASONS:
        lines.append(f"  and {len(sample.problems) - REASONS} more")
    return "\n".join(lines) + "\n"


def heading(sample: Judged, name: str) -> str:
    """The first line of a sample."""
    mark = click.style("✓", fg="green") if sample.valid else click.style("✗", fg="red")
    facts = [f"{mark} {name}", printable(sample.type), printable(sample.wav or "")]
    if sample.surprisal:
        facts.append(f"{sample.surprisal.mean:.2f} bits a token")
    return " · ".join(filter(None, facts))


def rows(sample: Judged, start: int, end: int, in_color: bool) -> Iterator[str]:
    """A line of a sample; without colours the bits of its symbols; carets under what is wrong."""
    shown = printable(sample.text[start:end])
    if sample.surprisal is None:
        yield shown
    else:
        bits = {at: piece.bits for piece in sample.surprisal.symbols for at in range(piece.start, piece.end)}
        begins = {piece.start for piece in sample.surprisal.symbols}
        shares = [bits.get(at, 0.0) for at in range(start, end)]
        runs = itertools.groupby(zip(shown, shares, strict=True), lambda pair: shade(pair[1]))
        painted = "".join(paint("".join(mark for mark, _ in run), level) for level, run in runs)
        yield painted if in_color else shown
        if not in_color:
            told = (digit(share) if at in begins else " " for at, share in enumerate(shares, start))
            yield under(shown, told).rstrip()
    wrong = {at for problem in sample.problems for at in range(problem.start, max(problem.end, problem.start + 1))}
    # An end that is missing stands after the last character.
    marks = ["^" if at in wrong else " " for at in range(start, end + (end == len(sample.text)))]
    carets = under(f"{shown} ", marks).rstrip()
    if carets:
        yield click.style(carets, fg="red")


def shade(bits: float) -> int:
    """Which of the shades so many bits have; 0 for none."""
    return sum(bits >= least for least, _ in SHADES)


def paint(text: str, level: int) -> str:
    """Text in a shade."""
    if not level:
        return text
    return click.style(text, fg=LIGHT_INK if level == len(SHADES) else INK, bg=SHADES[level - 1][1])


def digit(bits: float) -> str:
    """Bits as a digit; a dot for few."""
    return "·" if bits < FAINTEST else str(min(MOST, round(bits)))


def columns_of_terminal() -> int:
    """The width to lay out for."""
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((USUAL, 24)).columns))


def legend(in_color: bool) -> str:
    """What shades, or digits, mean."""
    if not in_color:
        return f"bits of surprisal under each symbol: · less than {FAINTEST}, {MOST} for {MOST} or more"
    bounds = [f"{least:g}" for least, _ in SHADES]
    names = [f"{one} to {other}" for one, other in itertools.pairwise(bounds)] + [f"{bounds[-1]} or more"]
    shades = " ".join(paint(f" {name} ", level) for level, name in enumerate(names, 1))
    return f"bits of surprisal: less than {FAINTEST} {shades}"


def columns(text: str) -> int:
    """How wide text is: marks that combine take no column."""
    return sum(not unicodedata.combining(mark) for mark in text)


def under(shown: str, marks: Iterator[str] | list[str]) -> str:
    """Marks that stand each under its character of a line."""
    return "".join(mark for character, mark in zip(shown, marks, strict=False) if not unicodedata.combining(character))


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
