"""What symbols follow which: n-grams with interpolated Kneser-Ney smoothing, the baseline that a model has to beat."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORDER = 6  # the longest n-gram
KEY_BITS = 64  # that an n-gram may take
AT_ONCE = 2**20  # symbols whose probabilities are worked out together
FALLBACK = (0.5, 1.0, 1.5)  # discounts where the counts are too few to tell, as KenLM's

Symbols = NDArray[np.uint16]
Keys = NDArray[np.uint64]
Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Counts:
    """N-grams of one order by their counts, ready to be asked.

    Args:
        grams: Sorted; the last symbol in the lowest bits.
        shares: Discounted count of each by the sum of counts in its context.
        contexts: Sorted; all but the last symbol.
        rest: Of each context, what the discounts leave to the next lower order.
    """

    grams: Keys
    shares: Numbers
    contexts: Keys
    rest: Numbers

    @classmethod
    def of(cls, grams: Keys, counts: Integers, bits: int) -> "Counts":
        """The discounted counts of sorted n-grams."""
        discounts = np.array([0.0, *discounts_of(counts)])[np.minimum(counts, 3)]
        of = grams >> np.uint64(bits)
        first = starts(of)
        sums = np.add.reduceat(counts, first) if len(first) else counts
        sizes = np.diff(first, append=len(of))
        left = np.add.reduceat(discounts, first) / sums if len(first) else discounts
        return cls(grams, (counts - discounts) / np.repeat(sums, sizes), of[first], left)

    def interpolate(self, asked: Keys, lower: Numbers, bits: int) -> Numbers:
        """The probability of the last symbol of each n-gram, given that of the next lower order."""
        if not len(self.grams):
            return lower  # every document is shorter
        at, is_known = find(self.contexts, asked >> np.uint64(bits))
        found = np.where(is_known, self.rest[at], 1.0) * lower
        at, is_known = find(self.grams, asked)
        return found + np.where(is_known, self.shares[at], 0.0)


class KneserNey:
    """Models of order 1 to `ORDER` of the same symbols.

    A document is a start, its symbols and its end, which is a symbol too; no n-gram leaves its document. The highest
    order of a model counts n-grams, those below count how many symbols stand before them; where none can, at the start,
    they count n-grams too. The lowest is interpolated with all symbols being alike, so that nothing is impossible.

    Args:
        symbols: Documents end to end, each with its end.
        lengths: Symbols in each.
        size: Symbols are below it.

    Source: Chen and Goodman 1998, "An Empirical Study of Smoothing Techniques for Language Modeling", modified
        Kneser-Ney, interpolated (eq. 18 and 24 to 26); counts at the start as Heafield et al. 2013, section 3.
    """

    def __init__(self, symbols: Symbols, lengths: Integers, size: int) -> None:
        self.size = size
        self.bits = int(size).bit_length()  # `size` itself is the start
        self.order = min(ORDER, KEY_BITS // self.bits)
        counted: list[tuple[Keys, Integers]] = []
        windows = self._windows(symbols, lengths)
        places = within(lengths)
        for order in range(1, self.order + 1):
            asked = next(windows)[places >= max(1, order - 1)]
            asked.sort()
            first = starts(asked)
            counted.append((asked[first], np.diff(first, append=len(asked))))
        self._highest = [Counts.of(*one, self.bits) for one in counted]
        self._lower = [
            Counts.of(grams, self._before(order, grams, counts, counted[order][0]), self.bits)
            for order, (grams, counts) in enumerate(counted[:-1], 1)
        ]

    def nats(self, symbols: Symbols, lengths: Integers) -> Numbers:
        """(orders, documents) the negative log-likelihood of documents, each with its end, under each model."""
        found = np.empty((self.order, len(lengths)))
        ends = np.cumsum(lengths)
        first = begin = 0
        while first < len(lengths):
            last = max(first + 1, int(np.searchsorted(ends, begin + AT_ONCE, side="right")))
            part = symbols[begin : ends[last - 1]]
            shares = self._probabilities(list(self._windows(part, lengths[first:last])))
            is_start = within(lengths[first:last]) == 0
            rows = np.cumsum([0, *lengths[first : last - 1]])
            for order, of in enumerate(shares):
                found[order, first:last] = np.add.reduceat(-np.log(of[~is_start]), rows)
            first, begin = last, int(ends[last - 1])
        return found

    def distribution(self, context: Sequence[int], order: int) -> Numbers:
        """The probability of each symbol after these of a document, its start included where they reach so far."""
        after = np.full((self.size, 1), self.size), *(np.full((self.size, 1), one) for one in context)
        stream = np.hstack([*after, np.arange(self.size)[:, None]]).astype(np.uint64)[:, -self.order :]
        windows = []
        for n in range(1, self.order + 1):
            key = np.zeros(self.size, np.uint64)
            for column in stream.T[-n:]:
                key = key << np.uint64(self.bits) | column
            # Longer than all there is: what no document has, so that the next lower order decides.
            windows.append(key if n <= stream.shape[1] else np.full(self.size, np.iinfo(np.uint64).max))
        return self._probabilities(windows)[order - 1]

    def _probabilities(self, windows: Sequence[Keys]) -> list[Numbers]:
        """The probability of the last symbol of each window under each model."""
        lower = np.full(len(windows[0]), 1.0 / self.size)
        found = []
        for order, asked in enumerate(windows):
            found.append(self._highest[order].interpolate(asked, lower, self.bits))
            if order < len(self._lower):
                lower = self._lower[order].interpolate(asked, lower, self.bits)
        return found

    def _windows(self, symbols: Symbols, lengths: Integers) -> Iterator[Keys]:
        """The n-gram that ends at each symbol, the starts of documents among them, for n from 1 on."""
        stream = np.full(len(symbols) + len(lengths), self.size, np.uint64)
        stream[within(lengths) > 0] = symbols
        key = stream
        yield key.copy()
        for n in range(1, self.order):
            key = key.copy()
            key[n:] |= stream[:-n] << np.uint64(n * self.bits)
            yield key

    def _before(self, order: int, grams: Keys, counts: Integers, longer: Keys) -> Integers:
        """How many symbols stand before each n-gram; before those at a start, how often they do."""
        ends = np.sort(longer & np.uint64((1 << order * self.bits) - 1))
        first = starts(ends)
        at, is_there = find(ends[first], grams)
        found = counts.copy()
        found[is_there] = np.diff(first, append=len(ends))[at[is_there]]
        return found


def discounts_of(counts: Integers) -> tuple[float, float, float]:
    """What is taken from counts of one, two, and three or more.

    Source: Chen and Goodman 1998, eq. 26.
    """
    ones, twos, threes, fours = (int((counts == n).sum()) for n in (1, 2, 3, 4))
    if not (ones and twos and threes):
        return FALLBACK
    share = ones / (ones + 2 * twos)
    found = (1 - 2 * share * twos / ones, 2 - 3 * share * threes / twos, 3 - 4 * share * fours / threes)
    return found if all(0 < taken < n for n, taken in enumerate(found, 1)) else FALLBACK


def within(lengths: Integers) -> Integers:
    """Places in each document, from its start, which is 0."""
    sizes = lengths + 1
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def starts(values: NDArray[Any]) -> Integers:
    """Where each run of equal values starts."""
    return np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])) if len(values) else np.zeros(0, np.int64)


def find(known: Keys, asked: Keys) -> tuple[Integers, NDArray[np.bool_]]:
    """Where each of the asked stands among the known, which are sorted, and whether it does."""
    if not len(known):
        return np.zeros(len(asked), np.int64), np.zeros(len(asked), bool)
    distinct, back = np.unique(asked, return_inverse=True)  # in order they are found several times as fast
    at = np.minimum(np.searchsorted(known, distinct), len(known) - 1)
    return at[back], (known[at] == distinct)[back]
