"""A reader that can tell how what it said is spelled: each word beside its pronunciation, and their counts."""

import itertools
import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from phonetic.company import edged
from phonetic.counts import AFTER_CAPITAL, AFTER_SMALL, BEGINNING, FIRST, PAIRS, WORDS
from phonetic.format import parts_of
from phonetic.normalize import core
from phonetic.plain import SIMPLE
from phonetic.reader import CACHE, NEAR, READINGS, Reader, Tally

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
    keys: tuple[str, str, str]  # in the counts of words: where a sentence begins, after a small letter, after a capital


class Items:
    """The different words met in the texts that are counted, by number, and what is told of each in columns.

    Number 0 is what stands before the first word of a text.
    """

    def __init__(self) -> None:
        self.numbers: dict[tuple[str, str], int] = {}
        self._words: dict[str, int] = {BEGINNING: 0}  # in lower case
        self._keys: dict[str, int] = {"": 0}
        self._rows = array("q", [0, True, False, False, False, 0, 0, 0])  # the fields of one after the other

    def row(self, told: Sequence[tuple[str, str]]) -> list[int]:
        """The numbers of words as spelled and as said."""
        try:
            return list(map(self.numbers.__getitem__, told))
        except KeyError:
            return [self.numbers.get(pair) or self._add(pair) for pair in told]

    def _add(self, pair: tuple[str, str]) -> int:
        low, place, is_quoted, keys = _item(*pair)
        number = self.numbers[pair] = len(self.numbers) + 1
        of_keys = [self._keys.setdefault(key, len(self._keys)) for key in keys]
        self._rows.extend((self._words.setdefault(low, len(self._words)), *place, is_quoted, *of_keys))
        return number

    def count(self, numbers: Sequence[int]) -> tuple[dict[str, int], dict[str, int]]:
        """How often each word and each pair stands in texts, each with a 0 before it."""
        import numpy as np  # slow to import

        low, ends, pauses, is_capital, is_quoted, *keys = np.frombuffer(self._rows, np.int64).reshape(-1, 8).T
        here = np.array(numbers)
        before, here = here[:-1], here[1:]
        begins = (ends[before] | (is_quoted[here] & pauses[before])) > 0
        is_word = here > 0
        place = np.where(begins, 0, 1 + is_capital[before])  # the first, second or third of its keys
        words, of_words = np.unique(np.choose(place, [key[here] for key in keys])[is_word], return_counts=True)
        pairs = np.where(begins, 0, low[before]) * len(self._words) + low[here]
        pairs, of_pairs = np.unique(pairs[is_word], return_counts=True)
        all_keys, all_words = list(self._keys), list(self._words)
        first, second = (part.tolist() for part in np.divmod(pairs, len(all_words)))
        return (
            {all_keys[key]: number for key, number in zip(words.tolist(), of_words.tolist(), strict=True) if key},
            {
                f"{all_words[a]} {all_words[b]}": number
                for a, b, number in zip(first, second, of_pairs.tolist(), strict=True)
            },
        )


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
        self._readings: dict[tuple[str, ...], tuple[str, ...]] = {}  # what a chunk is read as -> its words
        self._items = Items()

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
        if len(self._items.numbers) > CACHE:
            self._items = Items()
        numbers: list[int] = []
        for text, line in zip(texts, lines, strict=True):
            numbers.append(0)
            numbers += self._items.row(self.spelled(text, line))
        for name, found in zip((WORDS, PAIRS), self._items.count(numbers or [0]), strict=True):
            tally[name].update(found)

    def _words_of(self, text: str) -> list[str]:
        """The words that `read` says for a text, as far as it is known how they are spelled."""
        [text] = self._whole([text], Counter())
        raws = text.split()
        chunks = self._split(text, raws, [])
        memory = self._said if chunks is raws else self._folded
        known = self._spellings
        if len(known) > CACHE:
            known.clear()
        try:
            return list(itertools.chain.from_iterable(map(known.__getitem__, chunks)))
        except KeyError:
            words: list[str] = []
        at = 0
        around: list[str] = []
        for i, (chunk, spelled) in enumerate(zip(chunks, map(known.get, chunks), strict=True)):
            if i < at:
                continue  # read with the chunk before it
            if spelled is None:
                said = self._chunks[chunk]
                if said == NEAR:
                    around = around or edged(chunks)
                    near, _ = self._near(chunks, around, i, memory)
                    spelled, at = self._readings.get(near.plain) or self._in_words(near.plain), i + near.used
                    _join(words, spelled)
                    continue
                spelled = known[chunk] = _spelled(chunk, said)
            words += spelled
        while words and words[-1] == DASH:
            words.pop()
        return words

    def _in_words(self, plain: tuple[str, ...]) -> tuple[str, ...]:
        """The words of what a chunk is read as."""
        words: list[str] = []
        for at, piece in enumerate(plain):
            said, _ = self._pronounce(plain, at)
            if said:
                words += (DASH,) if said == DASH else _spelled(piece, said)
        if len(self._readings) > READINGS:
            self._readings.clear()
        found = self._readings[plain] = tuple(words)
        return found


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
        return Item(DASH if spelling == DASH else "", place_after("", closing), '"' in opening, ("", "", ""))
    ending = f"\t{phones}"
    is_name_like = spelling[0].isupper() and spelling == spelling.capitalize()
    first = FIRST + low if is_name_like else AFTER_SMALL + spelling
    keys = (first + ending, AFTER_SMALL + spelling + ending, AFTER_CAPITAL + spelling + ending)
    return Item(low, place_after(spelling, closing), '"' in opening, keys)
