"""Markdown in which what is put in stays what it is: tables, words of code, blocks of text."""

import re
from collections.abc import Iterable, Sequence


class Code(str):
    """A word of code within a line."""

    def __new__(cls, text: object) -> "Code":
        """Between more backticks than it holds."""
        fence = "`" * (1 + longest(str(text)))
        gap = " " if "`" in str(text) else ""
        return super().__new__(cls, f"{fence}{gap}{text}{gap}{fence}")


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; numbers with separators."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def cell(value: object) -> str:
    """A value within a table."""
    if isinstance(value, Code):
        return value.replace("|", r"\|")
    return plain(f"{value:,}" if isinstance(value, int) else str(value))


def plain(text: str) -> str:
    """Text on one line, no sign of which means anything."""
    return re.sub(r"([\\`*_\[\]<>|#&])", r"\\\1", " ".join(text.split()))


def block(text: str, language: str = "text") -> str:
    """Lines as they are."""
    fence = "`" * max(3, 1 + longest(text))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def longest(text: str) -> int:
    """The most backticks in a row."""
    return max(map(len, re.findall("`+", text)), default=0)
