"""Reads text aloud: any text to compact phones with punctuation, one line a text.

A chunk between white space that does not depend on its neighbours is worked out once and remembered, so ordinary prose
is split, looked up and joined. Homographs, numbers and short forms are looked up together with their neighbours, and
read where they stand if that is new.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from itertools import accumulate, chain, compress, count, filterfalse

from phonetic import signs
from phonetic.company import Company, edged
from phonetic.fold import folded, joined, may_join, parts_of, without_markup
from phonetic.format import closing, opening
from phonetic.homographs import Homographs
from phonetic.normalize import expand
from phonetic.phones import VOWEL_LETTERS
from phonetic.plain import SIMPLE, Plain
from phonetic.reduced import reduce
from phonetic.said import Expansion, Said, closed, expansion, line_of
from phonetic.unspeakable import Unspeakable

Tally = MutableMapping[str, Counter[str]]
Piece = tuple[str, str]  # finished words, or "" and the marks to put after the word before

GUESSED = "\x01"  # on either side of the spelling of guessed words, before their phones, until those are counted
NEAR = "\x02"  # in the place of a chunk that neighbours decide
CHOICE = NEAR + "c"  # the same, of a homograph
CACHE = 1 << 18  # chunks kept; past that all are forgotten, so that memory stays flat
READINGS = 1 << 16  # readings among neighbours kept

_STOP = re.compile("[.,;:?!]")
OPERATORS = frozenset([*signs.BETWEEN, "+", "×", "÷", "±"])
THE = re.compile(rf"""DA0 (?<![^ "(\n]DA0 )(?=["(]*[{VOWEL_LETTERS}])""")  # "the" before a vowel


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
        self._said = Said()
        self._folded = Said()  # by company of texts that are folded; no words by themselves
        self._unsaid: set[str] = set()  # chunks as they stand in a text, met, that are not said alike anywhere
        self._by_text: set[str] = set()  # those of them that all of the text may decide
        self._opened: dict[str, tuple[str, ...]] = {}  # chunk as it stands -> what it is folded to, if not to itself
        self._lost: dict[str, tuple[str, ...]] = {}  # chunk as it stands -> why something of it is dropped, if it is
        self._chunks: dict[str, str] = {}  # folded chunk -> finished words, NEAR or CHOICE
        self._choices: dict[str, tuple[str, str, str]] = {}  # chunk -> the homograph in it, and the marks around it
        self._pieces: dict[str, Piece] = {}
        self._expansions: dict[tuple[tuple[str, ...], int, tuple[str, ...], bool], Expansion] = {}
        self._dropping: Counter[str] = Counter()  # why something is, where a chunk is expanded

    def read(self, texts: Sequence[str], tally: Tally | None = None) -> list[str]:
        """Each text as compact phones with stress; see format.py for how words and marks stand."""
        for said in (self._said, self._folded):
            if len(said.settled) > READINGS:
                said.forget_company()
        if max(len(self._said), len(self._chunks)) > CACHE:
            for memory in (self._said, self._opened, self._lost, self._chunks, self._choices):
                memory.clear()
            self._unsaid.clear()
            self._by_text.clear()
        self._said.pack()
        markup: Counter[str] = Counter()
        texts = self._whole(texts, markup)
        dropped = [*markup.elements()]
        lines: list[str] = []
        said, look_up, missed = self._said, self._said.__getitem__, self._said.missed
        missed.clear()
        sources: list[Iterable[list[str]]] = [map(str.split, texts)]
        for chunks in chain.from_iterable(sources):
            found = [*map(look_up, chunks)]
            if not missed:
                lines.append(" ".join(found))
                continue
            left, new = said.fill_in(chunks, found)
            if new and not self._unsaid.issuperset([chunks[i] for i in new]):
                rest_of_texts = [*sources[0]]
                sources.append(rest_of_texts)
                self._meet(set(chunks).union(*rest_of_texts))  # at once, so that words are guessed together
                found, left, new = said.line(chunks)
            if new:
                lines.append(self._line(texts[len(lines)], chunks, found, left, new, dropped))
            else:
                lines.append(line_of(found, left, dropped) if left else " ".join(found))
        if tally is not None:
            tally.setdefault("dropped", Counter()).update(dropped)
        whole = "\n".join(lines)
        if GUESSED in whole:
            parts = whole.split(GUESSED)
            if tally is not None:
                tally.setdefault("oov", Counter()).update(",".join(parts[1::2]).split(","))
            whole = "".join(parts[::2])
        return THE.sub("Di0 ", reduce(whole) if self._reduced else whole).split("\n") if texts else []

    def _line(
        self, text: str, raws: list[str], found: list[str], left: list[int], new: list[int], dropped: list[str]
    ) -> str:
        """The line of a text whose chunks were met and looked up, and some of which are new in this company."""
        chunks = [raws[i] for i in new]
        is_folded = self._by_text.isdisjoint(chunks)
        if is_folded and self._opened.keys().isdisjoint(raws):
            for i, reach in zip(new, self._read_near(raws, found, new), strict=True):
                self._said.settle(raws, i, found[i], reach)
            return line_of(found, left, dropped)
        chunks = self._split(text, raws, dropped)
        words = list(map(self._chunks.__getitem__, chunks))
        places = [*compress(count(), map({NEAR, CHOICE, ""}.__contains__, words))]
        reaches = self._read_near(chunks, words, places, self._folded)
        if is_folded:
            self._settle(raws, new, words, dict(zip(places, reaches, strict=True)))
        return line_of(words, places, dropped)

    def _parts(self, raws: Sequence[str]) -> list[tuple[str, ...]]:
        """What each chunk is folded to."""
        return list(map(self._opened.get, raws, zip(raws, strict=False)))

    def _settle(
        self, raws: Sequence[str], new: Sequence[int], found: Sequence[str], reaches: Mapping[int, int]
    ) -> None:
        """Remember what was found for folded chunks by their company as they stood in a text."""
        parts = self._parts(raws)
        if () in parts:
            return  # a chunk sees farther than its company
        starts = [*accumulate(map(len, parts), initial=0)]
        for i in new:
            here = range(starts[i], starts[i + 1])
            said, lost = found[here[0]], self._lost.get(raws[i], ())
            if len(here) > 1 or lost:
                pieces = [found[at] for at in here]
                if any(isinstance(piece, Expansion) and not piece.is_words for piece in pieces):
                    continue
                said = expansion(" ".join(pieces), lost=lost)
            elif isinstance(said, Expansion):
                taken = range(i, i + said.used)
                if any(len(parts[at]) > 1 or raws[at] in self._lost for at in taken):
                    continue
            self._said.settle(raws, i, said, max(reaches.get(at, 0) for at in here))

    def _split(self, text: str, chunks: list[str], dropped: list[str]) -> list[str]:
        """The chunks of a text, folded; the same list if that changes nothing."""
        if not self._by_text.isdisjoint(chunks):
            chunks = self._fold(text, dropped)
            if not all(map(self._chunks.__contains__, chunks)):
                self._meet(set(chunks))
                self._learn(set(chunks) - self._chunks.keys())
            return chunks
        if self._opened.keys().isdisjoint(chunks):
            return chunks
        if not self._lost.keys().isdisjoint(chunks):
            dropped += [reason for chunk in chunks for reason in self._lost.get(chunk, ())]
        return [*chain.from_iterable(self._parts(chunks))]

    def _whole(self, texts: Sequence[str], dropped: Counter[str]) -> Sequence[str]:
        """Texts without markup, where that is dropped, their words whole; what else becomes of it `_fold` says."""
        if self._policy != "drop":
            return texts
        return [
            joined(without_markup(text, dropped) if "<" in text else text)
            if "<" in text or "/" in text or ("'" in text and " '" in text)
            else text
            for text in texts
        ]

    def _fold(self, text: str, dropped: list[str]) -> list[str]:
        """The chunks of a text that `_whole` has seen."""
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
        for raw in filterfalse(self._said.__contains__, raws - self._unsaid):
            if (said := self._plain.word(raw)) is None:
                found[raw] = parts_of(raw)
            else:
                self._said[raw] = self._chunks[raw] = said
        self._learn({part for one in found.values() if one for part in one[0] if part not in self._chunks})
        for raw, one in found.items():
            if one is None or (self._policy != "drop" and (one[1] or may_join(raw))):
                self._by_text.add(raw)
                continue
            parts, reasons = one
            if parts != (raw,):
                self._opened[raw] = parts
            if reasons:
                self._lost[raw] = reasons
            said = " ".join(map(self._chunks.__getitem__, parts))
            if said and NEAR not in said and not reasons:
                self._said[raw] = said
        self._unsaid.update(filterfalse(self._said.__contains__, found))

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

    def _read_near(
        self, chunks: Sequence[str], said: list[str], places: Sequence[int], memory: Said | None = None
    ) -> list[int]:
        """Find what is said for some folded chunks that neighbours decide, and how many of these on either side may."""
        around: list[str] = []
        reaches = []
        for i in places:
            known = self._chunks[chunks[i]]
            if known == CHOICE:
                before, word, after = self._choices[chunks[i]]
                chosen, reach = self._homographs.choose_within(word, chunks, i)
                said[i] = before + chosen + after
            else:
                around = around or edged(chunks)
                said[i], reach = self._near(chunks, around, i, memory) if known == NEAR else (expansion(known), 0)
            reaches.append(reach)
        return reaches

    def _near(self, chunks: Sequence[str], around: Sequence[str], i: int, memory: Said | None) -> tuple[Expansion, int]:
        """What `_expand` makes of a chunk, from a memory if it is there; `around` are the same chunks, `edged`."""
        found = memory.find(chunks, i) if memory is not None else None
        if found is None:
            found = self._expand(around, i)
            if memory is not None:
                memory.settle(chunks, i, *found)
        return found

    def _expand(self, around: Sequence[str], i: int) -> tuple[Expansion, int]:
        """What `expand` makes of a chunk among its neighbours, pronounced, and how many on either side it looked at.

        Args:
            around: The chunks, `edged`.
            i: Which one, counted without the edge.
        """
        near = Company(around, i)
        lost = self._dropping
        lost.clear()
        try:
            plain, used = expand(near, lost, self._policy)
        except Unspeakable as error:
            raise error.within(" ".join(around).strip(" ")) from None
        key = (tuple(plain), used, tuple(lost.elements()) if lost else (), near[0] in OPERATORS)
        found = self._expansions.get(key)
        if found is None:
            if len(self._expansions) > READINGS:
                self._expansions.clear()
            found = self._expansions[key] = self._pronounced(*key)
        return found, near.reach

    def _pronounced(self, plain: tuple[str, ...], used: int, lost: tuple[str, ...], is_operator: bool) -> Expansion:
        """What is said for a chunk in plain words."""
        before: list[str] = []
        words: list[str] = []
        for at in range(len(plain)):
            said, marks = self._pronounce(plain, at)
            if said:
                words.append(said)
            elif words:
                words[-1] = closed(words[-1], marks)
            elif marks:
                before.append(marks)
        return expansion(" ".join(words), plain, used, before, lost, is_operator)

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
