"""A reader that can tell how what it said is spelled: each word beside its pronunciation, and their counts."""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from phonetic.counts import AFTER_CAPITAL, AFTER_SMALL, BEGINNING, FIRST, PAIRS, WORDS
from phonetic.format import parts_of
from phonetic.normalize import core, expand
from phonetic.reader import CACHE, NEAR, REACH, SIMPLE, Reader, Tally

_WORD = re.compile(r"(?:[A-Za-z]\.){2,}|'?[A-Za-z]+(?:'[A-Za-z]+)*'?")
DASH = "-"


class Place(NamedTuple):
    """What a word is for the one after it."""

    ends: bool  # a sentence ends with it
    pauses: bool  # a comma or colon stands after it: a quotation may begin
    is_capital: bool


class Item(NamedTuple):
    """A word as spelled and as said, ready to be counted."""

    low: str
    place: Place
    is_quoted: bool
    first: str  # its keys in the counts of words: where a sentence begins,
    after_small: str  # after a small letter,
    after_capital: str  # and after a capital


def place_after(spelling: str, closing: str) -> Place:
    """What a word with these closing marks is for the one after it."""
    return Place(any(mark in closing for mark in ".?!"), any(mark in closing for mark in ",:"), spelling[:1].isupper())


class Scribe(Reader):
    """A reader that knows the spelling of what it says."""

    def __init__(
        self, unspeakable: str = "drop", own: Mapping[str, str] | None = None, *, reduced: bool = False
    ) -> None:
        super().__init__(unspeakable, own, reduced=reduced)
        self._spellings: dict[str, tuple[str, ...]] = {}  # chunk -> its words
        self._readings: dict[tuple[str, ...], tuple[tuple[str, ...], int]] = {}  # chunk among others -> its words
        self._items: dict[tuple[str, str], Item] = {}

    def spelled(self, text: str, line: str) -> list[tuple[str, str]]:
        """Each word of a text as spelled and as said; numbers and short forms in words, "" for what has no spelling.

        Args:
            text: What was read.
            line: What `read` made of it.

        Returns:
            Nothing where it is not clear which word is which.
        """
        said = line.split(" ")
        spellings = self._words_of(text)
        return list(zip(spellings, said, strict=True)) if len(spellings) == len(said) else []

    def count(self, texts: Sequence[str], lines: Sequence[str], tally: Tally) -> None:
        """Add the words of texts, and which follows which, to `tally["words"]` and `tally["pairs"]`: see counts.py."""
        items = self._items
        if len(items) > CACHE:
            items.clear()
        words: list[str] = []
        pairs: list[str] = []
        for text, line in zip(texts, lines, strict=True):
            before, ends, pauses, is_capital = BEGINNING, True, False, False
            told = self.spelled(text, line)
            try:
                row = list(map(items.__getitem__, told))
            except KeyError:
                row = [items.get(pair) or items.setdefault(pair, _item(*pair)) for pair in told]
            for low, (now_ends, now_pauses, now_capital), is_quoted, first, after_small, after_capital in row:
                if ends or (is_quoted and pauses):
                    before = BEGINNING
                    words.append(first)
                else:
                    words.append(after_capital if is_capital else after_small)
                pairs.append(f"{before} {low}")
                before, ends, pauses, is_capital = low, now_ends, now_pauses, now_capital
        tally[WORDS].update(words)
        tally[PAIRS].update(pairs)
        del tally[WORDS][""]

    def _words_of(self, text: str) -> list[str]:
        """The words that `read` says for a text, as far as it is known how they are spelled."""
        chunks = self._split(text)
        known = self._spellings
        if len(known) > CACHE:
            known.clear()
        try:
            return list(itertools.chain.from_iterable(map(known.__getitem__, chunks)))
        except KeyError:
            words: list[str] = []
        at = 0
        for i, chunk in enumerate(chunks):
            if i < at:
                continue  # read with the chunk before it
            spelled = known.get(chunk)
            if spelled is None:
                said = self._chunks[chunk]
                if said == NEAR:
                    spelled, at = self._in_line(chunks, i)
                    _join(words, spelled)
                    continue
                spelled = known[chunk] = _spelled(chunk, said)
            words += spelled
        while words and words[-1] == DASH:
            words.pop()
        return words

    def _in_line(self, chunks: Sequence[str], i: int) -> tuple[tuple[str, ...], int]:
        """The words of a chunk among its neighbours, and the first chunk after what is read with it."""
        match = SIMPLE.fullmatch(chunks[i])
        if match is not None and match[2].lower() in self._homographs:
            return (match[2],), i + 1
        around = ("before" if i else "", *chunks[max(0, i - 1) : i + REACH])
        found = self._readings.get(around)
        if found is None:
            plain, used = expand(chunks, i, None, self._policy)
            words: list[str] = []
            for at, piece in enumerate(plain):
                said, _ = self._pronounce(plain, at)
                if said:
                    words += (DASH,) if said == DASH else _spelled(piece, said)
            if len(self._readings) > CACHE:
                self._readings.clear()
            found = self._readings[around] = (tuple(words), used)
        return found[0], i + found[1]


def _join(words: list[str], more: Sequence[str]) -> None:
    """Add words; a dash stands only between two."""
    for word in more:
        if word != DASH or (words and words[-1] != DASH):
            words.append(word)


def _spelled(chunk: str, said: str) -> tuple[str, ...]:
    """The spelling of each word that is said for a plain chunk."""
    n_said = said.count(" ") + 1 if said else 0
    match = SIMPLE.fullmatch(chunk)
    words = [match[2]] if match else [word.lstrip("'") for word in _WORD.findall(chunk)]
    if len(words) != n_said:
        words = [core(chunk)] if n_said == 1 else [""] * n_said
    return tuple(words)


def _item(spelling: str, said: str) -> Item:
    """A word with its marks, ready to be counted."""
    opening, phones, closing = parts_of(said)
    low = spelling.lower()
    if not spelling or not phones or phones[0] == "{":
        return Item(DASH if spelling == DASH else "", place_after("", closing), '"' in opening, "", "", "")
    ending = f"\t{phones}"
    first = (
        FIRST + low + ending
        if spelling[0].isupper() and spelling == spelling.capitalize()
        else AFTER_SMALL + spelling + ending
    )
    return Item(
        low,
        place_after(spelling, closing),
        '"' in opening,
        first,
        AFTER_SMALL + spelling + ending,
        AFTER_CAPITAL + spelling + ending,
    )
