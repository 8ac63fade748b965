"""How often words were written which way and after which: what a corpus tells about spelling.

A word's key is what stood before it, its spelling, and behind a tab its compact phones: `^` before one that begins a
sentence, which is then in lower case, `a` after a small letter, `A` after a capital. A pair's key is two words in lower
case apart by a space, the first `.` where a sentence begins.
"""

import functools
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from phonetic.lexicon import DATA

WORDS, PAIRS = "words", "pairs"  # the names of the counts in a tally
FIRST, AFTER_SMALL, AFTER_CAPITAL = "^aA"
BEGINNING = "."  # what stands before the first word of a sentence, in a pair
MOST_WORDS, MOST_PAIRS = 200_000, 300_000  # kept; beyond, the rarest are forgotten


class Counts(NamedTuple):
    """Counts of words and of pairs."""

    words: Counter[str]
    pairs: Counter[str]

    @classmethod
    def empty(cls) -> Self:
        """No counts yet."""
        return cls(Counter(), Counter())

    def plus(self, other: Self) -> Self:
        """These and others, never much more in memory than what is kept. These are used up."""
        self.words.update(other.words)
        self.pairs.update(other.pairs)
        is_large = len(self.words) > 2 * MOST_WORDS or len(self.pairs) > 2 * MOST_PAIRS
        return self.pruned() if is_large else self

    def pruned(self) -> Self:
        """As many of the commonest as are kept."""
        return type(self)(_commonest(self.words, MOST_WORDS), _commonest(self.pairs, MOST_PAIRS))

    def dump(self) -> bytes:
        """The counts as bytes; the same for equal counts."""
        return zlib.compress("\n\n".join("\n".join(_lines(part)) for part in self).encode(), 6)

    @classmethod
    def load(cls, data: bytes) -> Self:
        """The counts that `dump` wrote.

        Raises:
            ValueError: it did not write these.
        """
        try:
            words, pairs = zlib.decompress(data).decode().split("\n\n")
        except zlib.error as error:
            raise ValueError(str(error)) from error
        return cls(_read(words), _read(pairs))

    @classmethod
    def merge(cls, parts: Iterable[Self]) -> Self:
        """The sum of many, never much more in memory than what is kept; the same for the same parts in order."""
        return functools.reduce(cls.plus, parts, cls.empty()).pruned()


def _commonest(counts: Counter[str], most: int) -> Counter[str]:
    if len(counts) <= most:
        return counts
    return Counter(dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]))


def _lines(counts: Mapping[str, int]) -> Iterable[str]:
    """A line for each count; a number that repeats the one before is left out of it."""
    return (f"{key}\t{count}" if count > 1 else key for key, count in sorted(counts.items()))


def _read(text: str) -> Counter[str]:
    return Counter(dict(map(_entry, text.split("\n")))) if text else Counter()


def _entry(line: str) -> tuple[str, int]:
    key, _, count = line.rpartition("\t")
    return (key, int(count)) if count.isdecimal() else (line, 1)


@functools.cache
def common() -> Counts:
    """The counts that are built in, of texts in the public domain: for who has none."""
    return Counts.load((DATA / "spellings.zz").read_bytes())
