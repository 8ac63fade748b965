"""Tokens as what they stand for: bytes, symbols and words."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.copied import OF_CORPUS
from pipeline.encode import Encoder
from pipeline.pretoken import ORDINARY_MARKS, word_separator
from train.notation import Notation, describe
from train.shards import Shards

END = 0  # the symbol that closes a document
TOKENS_AT_ONCE = 2**20
DISTINCT_KEPT = 2**20  # stretches between spaces that are remembered while a corpus is read
QUOTES = "“”‘’«»—–…[]{}"

Symbols = NDArray[np.uint16]
Integers = NDArray[np.int64]


class Spelling:
    """What the tokens of a model spell in its notation.

    A symbol is one of the notation's, or else a byte; in a notation that writes spaces between the sounds of a word
    these are left out. Any text is a sequence of them in one way.

    Attributes:
        size: Symbols are below it.
    """

    def __init__(self, folder: Path, notation: Notation) -> None:
        encoder = Encoder(folder)
        self._bytes = encoder.token_bytes
        self._eos = encoder.contract.eos
        self.separator = word_separator(describe(notation))
        self._marks = "".join({*ORDINARY_MARKS, *QUOTES, " "} - set("".join(notation.symbols)))
        named = sorted({symbol.encode() for symbol in notation.symbols}, key=lambda name: (-len(name), name))
        ids = {bytes([byte]): 1 + byte for byte in range(256)}
        ids |= {name: 257 + at for at, name in enumerate(name for name in named if len(name) > 1)}
        self.size = 1 + len(ids)
        is_left_out = b" " if self.separator != " " else None
        self._cut = re.compile(b"|".join([*map(re.escape, named), b"."]), re.DOTALL).findall
        spelled = [[ids[one] for one in self._cut(token) if one != is_left_out] for token in self._bytes]
        spelled[self._eos] = [END]
        self._lengths = np.array([len(one) for one in spelled], np.int64)
        self._begins = np.cumsum(self._lengths) - self._lengths
        self._flat: Symbols = np.array([symbol for one in spelled for symbol in one], np.uint16)
        self._names = [b"", *ids]
        self._ids, self._left_out = ids, is_left_out

    def symbols(self, tokens: Any) -> Symbols:
        """The symbols of tokens, the end of a document among them; none for openings."""
        lengths = self._lengths[tokens]
        places = np.repeat(self._begins[tokens] - np.cumsum(lengths) + lengths, lengths)
        return self._flat[places + np.arange(len(places))]

    def documents(self, shards: Shards, which: Integers) -> tuple[Symbols, Integers]:
        """The symbols of some documents end to end, each with its end, and how many each has."""
        parts = [self.symbols(shards.read(int(start), int(start + n))) for start, n in self._slices(shards, which)]
        return np.concatenate([np.zeros(0, np.uint16), *parts]), np.array([len(part) for part in parts], np.int64)

    def text(self, tokens: Any) -> bytes:
        """The bytes of tokens; none for openings and ends."""
        return b"".join(map(self._bytes.__getitem__, tokens.tolist()))

    def texts(self, shards: Shards, which: Integers) -> Iterator[bytes]:
        """Some documents."""
        for start, n in self._slices(shards, which):
            yield self.text(shards.read(int(start), int(start + n)))

    def stream(self, shards: Shards) -> Iterator[bytes]:
        """All documents in pieces of a few MB, parted by `OF_CORPUS`."""
        spelled = [*self._bytes]
        spelled[self._eos] = OF_CORPUS
        for start in range(0, shards.n_tokens, TOKENS_AT_ONCE):
            tokens = shards.read(start, min(start + TOKENS_AT_ONCE, shards.n_tokens))
            yield b"".join(map(spelled.__getitem__, tokens.tolist()))

    def read(self, text: str) -> list[int]:
        """The symbols of a text, without an end."""
        return [self._ids[one] for one in self._cut(text.encode()) if one != self._left_out]

    def inside(self, text: str, start: int, length: int) -> list[int]:
        """The symbols of a text that lie wholly within some of its bytes."""
        found, at = [], 0
        for one in self._cut(text.encode()):
            if start <= at and at + len(one) <= start + length and one != self._left_out:
                found.append(self._ids[one])
            at += len(one)
        return found

    def write(self, symbols: Iterable[int]) -> str:
        """Symbols as text; what would be no UTF-8 becomes U+FFFD."""
        return (self._left_out or b"").join(map(self._names.__getitem__, symbols)).decode("utf-8", "replace")

    def words(self, text: str) -> list[str]:
        """The words of a text without the marks around them."""
        bare = (word.strip(self._marks) for word in text.split(self.separator))
        return [word for word in bare if word]

    def unknown(self, words: Iterable[str], corpus: Iterable[bytes]) -> set[str]:
        """Those words that a corpus, in pieces, does not have."""
        missing, gap = set(words), self.separator.encode()
        seen: set[bytes] = set()
        rest = b""
        for piece in itertools.chain(corpus, [OF_CORPUS]):
            *stretches, rest = (rest + piece.replace(OF_CORPUS, gap)).split(gap)
            if missing and (new := set(stretches) - seen):
                missing -= set(self.words(gap.join(new).decode("utf-8", "replace")))
                seen = new if len(seen) > DISTINCT_KEPT else seen | new
        return missing

    @staticmethod
    def _slices(shards: Shards, which: Integers) -> Iterator[Sequence[int]]:
        return zip(shards.starts[which], shards.lengths[which], strict=True)
