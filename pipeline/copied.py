"""The longest span that each of some texts has in common with a corpus: exact, the corpus read as a stream.

A span of 2a - 1 bytes or more covers one of the corpus's blocks of `a` bytes whole. So each block of the corpus is
looked up among all windows of `a` bytes of the texts; where it is found, both are followed in both directions. Texts
for which that was too coarse, since no span of theirs is so long, are looked for again with blocks half as large. It
takes memory in proportion to the texts, and time to the corpus.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCKS = (16, 8, 4, 2, 1)
MIXERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)  # odd; of xxHash64
PAIRS_AT_ONCE = 2**20
WORD = 8  # bytes compared in one step
OF_TEXTS, OF_CORPUS = b"\xff", b"\xfe"  # no UTF-8 has them: they end documents, and are never alike

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Integers = NDArray[np.int64]


class Span(NamedTuple):
    """Where in a text it stands, in bytes."""

    start: int
    length: int


def longest_spans(texts: Sequence[bytes], corpus: Callable[[], Iterable[bytes]]) -> list[Span]:
    """The longest span of each text that the corpus has too, the first of equals found.

    Args:
        texts: UTF-8.
        corpus: Hands out UTF-8 in pieces of any size, documents parted by `OF_CORPUS`, from the beginning each time.
    """
    search = Search(list(texts))
    for block in BLOCKS:
        if not search.narrow(block):
            continue
        tail = b""
        for piece in corpus():
            search.read(tail + piece)
            tail = (tail + piece)[-search.reach :]
    return [Span(int(at), int(length)) for at, length in zip(search.at - search.begin, search.best, strict=True)]


@dataclass
class Search:
    """What is known of the texts so far.

    Attributes:
        best: The longest span found of each.
        at: Where it starts, in the texts end to end.
        reach: Bytes of the corpus that a span may go back.
    """

    texts: list[bytes]
    flat: Words = field(init=False)  # the eight bytes from each place on

    def __post_init__(self) -> None:
        self.lengths = np.array([len(text) for text in self.texts], np.int64)
        whole = np.frombuffer(OF_TEXTS * WORD + b"".join(text + OF_TEXTS for text in self.texts), np.uint8)
        self.flat = words(whole)
        self.begin = WORD + np.cumsum(self.lengths + 1) - self.lengths - 1
        self.owner = np.repeat(np.arange(len(self.texts)), self.lengths + 1)
        self.best = np.zeros(len(self.texts), np.int64)
        self.at = self.begin.copy()
        self.reach = max(map(len, self.texts), default=0) + 2 * BLOCKS[0]

    def narrow(self, block: int) -> bool:
        """Look for blocks of so many bytes from now on; whether there is anything to look for."""
        self.block = block
        coarse = 4 * block - 1  # what the blocks before these cannot have missed
        self.open = (self.best < self.lengths) & ((self.best < coarse - 1) | (block == BLOCKS[0]))
        places = np.arange(len(self.owner)) + WORD
        starts = places[self.open[self.owner] & (places + block <= (self.begin + self.lengths)[self.owner])]
        keys = self._keys(self.flat[starts], self.flat[starts + WORD] if block > WORD else None)
        order = np.argsort(keys)
        self.keys, self.starts = keys[order], starts[order]
        self.shift = np.uint64(64 - min(26, max(10, (16 * len(starts)).bit_length())))
        self.maybe = np.zeros(1 << 64 - int(self.shift), bool)  # most blocks are in no text: told without a search
        self.maybe[self.keys * MIXERS[0] >> self.shift] = True
        return len(starts) > 0

    def _keys(self, first: Words, second: Words | None) -> Words:
        """A number for each block; of up to eight bytes they are the number."""
        if second is None:
            return first & mask(self.block)
        mixed: Words = first * MIXERS[0] ^ (second * MIXERS[1] >> np.uint64(1))
        return mixed

    def read(self, piece: bytes) -> None:
        """Follow what a piece of the corpus has in common with the texts."""
        there = words(np.frombuffer(OF_CORPUS * WORD + piece + OF_CORPUS, np.uint8))
        blocks = np.arange(WORD, WORD + len(piece) - self.block + 1, self.block)
        step = slice(WORD, WORD + max(0, len(piece) - self.block + 1), self.block)
        later = slice(2 * WORD, 2 * WORD + max(0, len(piece) - self.block + 1), self.block)
        keys = self._keys(there[step], there[later] if self.block > WORD else None)
        hit = np.flatnonzero(self.maybe[keys * MIXERS[0] >> self.shift])
        keys, blocks = keys[hit], blocks[hit]
        low = np.searchsorted(self.keys, keys, "left")
        ends = np.cumsum(np.searchsorted(self.keys, keys, "right") - low)
        first = 0
        while first < len(ends):  # so many pairs of a block and a window at a time
            before = int(ends[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(ends, before + PAIRS_AT_ONCE, "right")))
            counts = np.diff(ends[first:last], prepend=before)
            of = np.repeat(np.arange(first, last), counts)
            nth = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
            self._follow(there, blocks[of], self.starts[low[of] + nth])
            first = last

    def _follow(self, there: Words, p: Integers, q: Integers) -> None:
        """Take the spans around places `p` of the corpus and `q` of the texts into account."""
        side = self.block // 2  # a span of 2a - 1 has as much before the block or after it
        after = (there[p + self.block] ^ self.flat[q + self.block]) & mask(side)
        before = (there[p - side] ^ self.flat[q - side]) & mask(side)
        chosen = (after == 0) | (before == 0)
        p, q = p[chosen], q[chosen]
        right = common(there, self.flat, p, q, 1)
        left = common(there, self.flat, p - WORD, q - WORD, -1)
        total, owner = left + right, self.owner[q - WORD]
        better = np.flatnonzero(total > self.best[owner])
        better = better[np.argsort(total[better], kind="stable")]  # of several, the last one stays
        self.best[owner[better]] = total[better]
        self.at[owner[better]] = (q - left)[better]


def words(data: Bytes) -> Words:
    """The eight bytes from each place on as a number, the first the lowest; past the end are zeros."""
    padded = np.concatenate([data, np.zeros(4 * WORD, np.uint8)])
    found = np.empty(len(padded) - WORD, np.uint64)
    for shift in range(WORD):
        whole = padded[shift : shift + (len(padded) - shift) // WORD * WORD].view("<u8")
        found[shift::WORD] = whole[: len(found[shift::WORD])]
    return found


def mask(size: int) -> np.uint64:
    """The lowest `size` bytes of a number, eight at most."""
    return np.uint64((1 << 8 * size) - 1)


def common(one: Words, other: Words, p: Integers, q: Integers, way: int) -> Integers:
    """How many bytes are equal from places `p` and `q` on, or with `way` -1 back from the words that start there."""
    found = np.zeros(len(p), np.int64)
    left = np.arange(len(p))
    while len(left):
        unlike: Any = one[p] ^ other[q]
        if way < 0:
            unlike = unlike.byteswap()
        equal = np.bitwise_count((unlike & -unlike) - np.uint64(1)).astype(np.int64) // 8
        found[left] += equal
        on = equal == WORD
        left, p, q = left[on], p[on] + way * WORD, q[on] + way * WORD
    return found
