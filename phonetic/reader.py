"""Reads text aloud: any text to compact phones with punctuation, one line a text.

A chunk between white space that does not depend on its neighbours is worked out once and remembered, so ordinary prose
is split, looked up and joined. Homographs, numbers and short forms are read where they stand.
"""

import itertools
import re
from collections import Counter
from collections.abc import Mapping, MutableMapping, Sequence
from typing import NamedTuple

from phonetic import signs
from phonetic.company import WHOLE, Company, edged
from phonetic.fold import folded, parts_of, without_markup
from phonetic.format import add_closing, closing, opening
from phonetic.g2p import LETTERS
from phonetic.homographs import Homographs
from phonetic.normalize import expand
from phonetic.phones import VOWEL_LETTERS
from phonetic.plain import SIMPLE, Plain
from phonetic.reduced import reduce
from phonetic.unspeakable import Unspeakable

Tally = MutableMapping[str, Counter[str]]
Piece = tuple[str, str]  # finished words, or "" and the marks to put after the word before

GUESSED = "\x01"  # on either side of the spelling of guessed words, before their phones, until those are counted
NEAR = "\x02"  # in the place of a chunk that neighbours decide; also in what stands for these three
CHOICE = NEAR + "c"  # a homograph
RARE = "\x04"  # in these two: a single character is soon looked for
FOLDED = NEAR + RARE + "f"  # what is folded to other chunks, where neighbours decide or something is dropped
BY_TEXT = NEAR + RARE + "t"  # what all of the text may decide
CACHE = 1 << 18  # chunks kept; past that all are forgotten, so that memory stays flat

_STOP = re.compile("[.,;:?!]")
_DASHES = re.compile("-(?: -)+")
OPERATORS = frozenset([*signs.BETWEEN, "+", "×", "÷", "±"])
THE = re.compile(rf"""DA0 (?<![^ "(\n]DA0 )(?=["(]*[{VOWEL_LETTERS}])""")  # "the" before a vowel


class Said(dict[str, str]):
    """Chunks and their words; NEAR for others, which are noted."""

    def __init__(self) -> None:
        super().__init__()
        self.missed: list[str] = []

    def __missing__(self, chunk: str) -> str:
        self.missed.append(chunk)
        return NEAR


class Expansion(NamedTuple):
    """What is said for a chunk among others."""

    marks: Sequence[str]  # that close the word before it
    words: str
    used: int  # chunks that it is said for
    lost: Sequence[str]  # why something is dropped
    plain: tuple[str, ...]  # what `expand` makes of it
    is_words: bool  # for that chunk alone, and nothing else


class Reader:
    """English text to compact phones, with a memory of chunks it has read.

    Args:
        unspeakable: What becomes of what cannot be said; one of unspeakable.py's policies.
        own: The user's words, lower case, and their pronunciations.
        reduced: Whether small words are said as inside a phrase; see reduced.py.
    """

    def __init__(
        self, unspeakable: str = "drop", own: Mapping[str, str] | None = None, *, reduced: bool = False
    ) -> None:
        self._policy = unspeakable
        self._reduced = reduced
        self._own = own or {}
        self._homographs = Homographs()
        self._plain = Plain(self._homographs.words, self._own, reduced=reduced)
        self._words = self._plain.words
        self._raw = Said()  # chunk as it stands -> finished words, or what stands for them
        self._lost: dict[str, tuple[str, ...]] = {}  # of the folded, why something is dropped of them, if it is
        self._opened: dict[str, tuple[str, ...]] = {}  # chunk as it stands -> what it is folded to, if not to itself
        self._chunks: dict[str, str] = {}  # folded chunk -> finished words, NEAR or CHOICE
        self._choices: dict[str, tuple[str, str, str]] = {}  # chunk -> the homograph in it, and the marks around it
        self._expanded: dict[str | tuple[str, ...], int | Expansion] = {}  # by what was seen, or how far to see next
        self._settled: dict[tuple[str, ...], str] = {}  # words by all that can be seen, in one look
        self._pieces: dict[str, Piece] = {}

    def read(self, texts: Sequence[str], tally: Tally | None = None) -> list[str]:
        """Each text as compact phones with stress; see format.py for how words and marks stand."""
        if len(self._settled) > CACHE:
            self._settled.clear()
        if max(len(self._raw), len(self._chunks)) > CACHE:
            for memory in (self._raw, self._lost, self._opened, self._chunks, self._choices):
                memory.clear()
        markup: Counter[str] = Counter()
        texts = [self._without_markup(text, markup) if "<" in text else text for text in texts]
        dropped = [*markup.elements()]
        said, missed = self._raw.__getitem__, self._raw.missed
        lines: list[str] = []
        for text in texts:
            chunks = text.split()
            found = list(map(said, chunks))
            line = " ".join(found)
            if NEAR in line:
                if missed:  # learn all that is new in what is left at once, so that no line is read in vain but this
                    missed.clear()
                    self._meet(set(" ".join(texts[len(lines) :]).split()))
                    found = list(map(said, chunks))
                    line = " ".join(found)
                if NEAR in line:  # while its chunks are at hand
                    if RARE in line or not text.isascii():
                        chunks, found = self._folded(text, chunks, found, dropped)
                    line = self._in_context(chunks, found, dropped)
            lines.append(line)
        if tally is not None:
            tally.setdefault("dropped", Counter()).update(dropped)
        whole = "\n".join(lines)
        if GUESSED in whole:
            parts = whole.split(GUESSED)
            if tally is not None:
                tally.setdefault("oov", Counter()).update(",".join(parts[1::2]).split(","))
            whole = "".join(parts[::2])
        return THE.sub("Di0 ", reduce(whole) if self._reduced else whole).split("\n") if texts else []

    def _folded(self, text: str, chunks: list[str], said: list[str], dropped: list[str]) -> tuple[list[str], list[str]]:
        """The folded chunks of a text, from what is between its white space, and what is known of each."""
        if BY_TEXT in said:
            chunks = self._fold(text, dropped)
            self._learn({chunk for chunk in chunks if chunk not in self._chunks})
            return chunks, list(map(self._chunks.__getitem__, chunks))
        opened, places = self._opened, places_of(FOLDED, said)
        for i in places:
            dropped += self._lost.get(chunks[i], ())
        if not text.isascii():  # then chunks may be folded that are read alike anywhere
            places = [*itertools.compress(itertools.count(), map(opened.__contains__, chunks))]
        for i in reversed(places):
            parts = opened[chunks[i]]
            chunks[i : i + 1] = parts
            said[i : i + 1] = map(self._chunks.__getitem__, parts)
        return chunks, said

    def _split(self, text: str) -> list[str]:
        """The chunks of a text that was read, folded."""
        text = self._without_markup(text, Counter())
        chunks = text.split()
        if BY_TEXT in map(self._raw.__getitem__, chunks):
            return self._fold(text, [])
        opened = self._opened
        if opened.keys().isdisjoint(chunks):
            return chunks
        return [part for chunk in chunks for part in opened.get(chunk, (chunk,))]

    def _without_markup(self, text: str, dropped: Counter[str]) -> str:
        """The text without markup, where that is dropped; what else becomes of it `_fold` says."""
        return without_markup(text, dropped) if self._policy == "drop" else text

    def _fold(self, text: str, dropped: list[str]) -> list[str]:
        """The chunks of a text that `_without_markup` has seen."""
        lost: Counter[str] = Counter()
        try:
            if self._policy != "drop":
                text = without_markup(text, lost, self._policy)
            chunks = folded(text, lost, self._policy)
        except Unspeakable as error:
            raise error.within(text) from None
        dropped += lost.elements()
        return chunks

    def _meet(self, raws: set[str]) -> None:
        """Remember chunks as they stand in a text: their words, if nothing around them matters."""
        found = {}
        for raw in itertools.filterfalse(self._raw.__contains__, raws):
            if (said := self._plain.word(raw)) is None:
                found[raw] = parts_of(raw)
            else:
                self._raw[raw] = self._chunks[raw] = said
        self._learn({part for one in found.values() if one for part in one[0] if part not in self._chunks})
        for raw, one in found.items():
            if one is None or (one[1] and self._policy != "drop"):
                self._raw[raw] = BY_TEXT
                continue
            parts, reasons = one
            if parts != (raw,):
                self._opened[raw] = parts
            if reasons:
                self._lost[raw] = reasons
            said = " ".join(map(self._chunks.__getitem__, parts))
            is_settled = parts == (raw,) or (said and NEAR not in said)
            self._raw[raw] = said if is_settled and not reasons else FOLDED

    def _learn(self, chunks: set[str]) -> None:
        """Remember chunks, guessing all their unknown words in one batch."""
        again = []
        for chunk in chunks:
            said = None if self._plain.needs_context(chunk) else self._plain.say(chunk)
            if said is None:
                for word in re.findall("[A-Za-z]+", chunk):
                    self._words.say(word)  # should it be unknown, it is guessed with the rest
                self._words.unknown.clear()
            if self._words.unknown:
                again.append(chunk)
                self._words.unknown.clear()
            else:
                self._chunks[chunk] = NEAR if said is None else said
            match = None if said else SIMPLE.fullmatch(chunk)
            if match is not None and match[2].lower() in self._homographs:
                self._choices[chunk] = opening(match[1]), match[2], closing(match[3])
                self._chunks[chunk] = CHOICE
        if self._words.pending:
            self._words.guess_pending()
        for chunk in again:
            said = self._plain.say_now(chunk)
            self._chunks[chunk] = f"{GUESSED}{','.join(self._words.unknown)}{GUESSED}{said}"
            self._words.unknown.clear()

    def _in_context(self, chunks: list[str], said: list[str], dropped: list[str]) -> str:
        """The line of some chunks, with what depends on neighbours put in where NEAR or CHOICE stands."""
        choose, choices = self._homographs.choose, self._choices
        for i in places_of(CHOICE, said):
            before, word, after = choices[chunks[i]]
            said[i] = before + choose(word, chunks, i) + after
        places = places_of(NEAR, said)
        around, settled = edged(chunks) if places else [], self._settled
        for i in places:
            if not said[i]:
                continue  # it was read with a chunk before it
            company = tuple(around[i : i + WHOLE])
            if (words := settled.get(company)) is not None:
                said[i] = words
                continue
            found = self._expansion(around, i)
            said[i] = found.words
            if found.is_words:
                settled[company] = found.words
                continue
            if found.used > 1:
                said[i + 1 : i + found.used] = [""] * (found.used - 1)
            dropped += found.lost
            if i and (found.marks or chunks[i] in OPERATORS):
                last = i - 1  # where the word before it is
                while last and not said[last]:
                    last -= 1
                for marks in found.marks:
                    said[last] = _closed(said[last], marks)
                if chunks[i] in OPERATORS and f" {said[last]}".endswith(" A0"):
                    said[last] = said[last][:-2] + LETTERS["a"]  # a = b
        line = " ".join(filter(None, said) if "" in said else said)
        return _DASHES.sub("-", line).strip("- ") if "-" in line else line

    def _expansion(self, around: Sequence[str], i: int) -> Expansion:
        """What is said for a chunk among its neighbours; remembered by all that decides it.

        Args:
            around: The chunks, `edged`.
            i: Which one, counted without the edge.
        """
        found = self._expanded.get(around[i + 1])
        while isinstance(found, int):
            found = self._expanded.get(tuple(around[i : i + found + 2]))
        return found or self._expand(around, i)

    def _expand(self, around: Sequence[str], i: int) -> Expansion:
        """What `expand` makes of a chunk among its neighbours, pronounced."""
        near = Company(around, i)
        lost: Counter[str] = Counter()
        try:
            plain, used = expand(near, lost, self._policy)
        except Unspeakable as error:
            raise error.within(" ".join(around).strip(" ")) from None
        before: list[str] = []
        words: list[str] = []
        for at in range(len(plain)):
            said, marks = self._pronounce(plain, at)
            if said:
                words.append(said)
            elif words:
                words[-1] = _closed(words[-1], marks)
            elif marks:
                before.append(marks)
        if len(self._expanded) > CACHE:
            self._expanded.clear()
        is_words = used == 1 and not before and not lost and near[0] not in OPERATORS
        key: str | tuple[str, ...] = near[0]
        for reach in near.steps:
            self._expanded[key] = reach
            key = tuple(around[i : i + reach + 2])
        found = self._expanded[key] = Expansion(
            before, " ".join(words), used, [*lost.elements()] if lost else (), tuple(plain), is_words
        )
        return found

    def _pronounce(self, plain: Sequence[str], at: int) -> Piece:
        """A piece of a reading among the others: its words, or its marks if it has none."""
        piece = plain[at]
        if piece == "-":
            return "-", ""
        found = self._pieces.get(piece)
        if found is None:
            match = SIMPLE.fullmatch(piece)
            if match is not None and match[2].lower() in self._homographs:
                lead, word, tail = match.groups()
                return opening(lead) + self._homographs.choose(word, plain, at) + closing(tail), ""
            said = self._plain.say_now(piece)
            self._words.unknown.clear()
            if len(self._pieces) > CACHE:
                self._pieces.clear()
            # Of marks alone only the stops stay: a bracket with nothing in it closes nothing.
            found = self._pieces[piece] = (said, "" if said else "".join(_STOP.findall(piece)))
        return found


def places_of(item: str, items: Sequence[str]) -> list[int]:
    """Where something stands in a list."""
    i, places = -1, []
    for _ in range(items.count(item)):
        i = items.index(item, i + 1)
        places.append(i)
    return places


def _closed(word: str, marks: str) -> str:
    """A word with more marks after it; after a dash, or nothing, there is none that they could close."""
    return add_closing(word, marks) if marks and word and word[-1] != "-" else word
