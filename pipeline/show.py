"""How commands speak: a progress line on a terminal's standard error, and one table at the end."""

import contextlib
import json
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from train.log import duration
from train.log import printable as printable

WIDTH = 100  # columns of a table
NEXT = "next"  # the label of a command to copy, which is never wrapped


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """A line that the function handed out rewrites; it vanishes at the end. Nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda line: None
        return
    from rich.console import Console  # slow to import, and only terminals need it
    from rich.text import Text

    with Console(stderr=True).status("") as status:
        yield lambda line: status.update(Text(line))


@contextlib.contextmanager
def bar(total: int, unit: str, begun: int = 0) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal's standard error: the function handed out is told how many of `total` are done.

    Args:
        begun: Were done before, and say nothing of the pace.
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = BarColumn(), TextColumn("{task.description}", markup=False)
    started = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{begun:,} of {total:,} {unit}", total=total, completed=begun)

        def tell(done: int) -> None:
            said = pace(done, total, unit, begun, time.monotonic() - started)
            progress.update(task, completed=done, description=said)

        yield tell


def pace(done: int, total: int, unit: str, begun: int, elapsed_s: float) -> str:
    """How far something is, how fast it goes, and when it will end."""
    rate = (done - begun) / max(elapsed_s, 1e-9)
    left = f", {rate:.1f}/s, {duration((total - done) / rate)} left" if rate else ""
    return f"{done:,} of {total:,} {unit}{left}"


def table(title: str, rows: Mapping[str, str]) -> None:
    """Print a title and rows of label and value on standard output; empty values are left out."""
    click.echo(title)
    label_width = max(map(len, rows)) + 4
    for label, value in rows.items():
        if value:
            line = printable(value)
            wrapped = [line] if label == NEXT else textwrap.wrap(line, WIDTH - label_width, break_on_hyphens=False)
            click.echo(f"  {label}".ljust(label_width) + f"\n{'':{label_width}}".join(wrapped))


def paragraph(text: str, indent: str = "  ") -> list[str]:
    """A text in lines of a table's width."""
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def as_json(value: Any) -> None:
    """Print a value on standard output as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def megabytes(size_bytes: float) -> str:
    """A size in MB, small ones with decimals."""
    return f"{size_bytes / 1e6:,.{1 if size_bytes >= 1e7 else 2}f} MB"


def counted(counts: Mapping[str, int]) -> str:
    """Counts by name in one line, the greatest first."""
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ranked)
