"""Reads text aloud: any text to compact phones with punctuation, one line a text.

A chunk between white space that does not depend on its neighbours is worked out once and remembered, so ordinary prose
is split, looked up and joined. Homographs, numbers and short forms are looked up together with their neighbours, and
read where they stand if that is new.
"""

import re
from collections import Counter
from collections.abc import Mapping, MutableMapping, Sequence
from itertools import accumulate

from phonetic import signs
from phonetic.company import Company, edged
from phonetic.fold import folded, joined, may_join, parts_of, without_markup
from phonetic.format import add_closing, closing, opening
from phonetic.g2p import LETTERS
from phonetic.homographs import Homographs
from phonetic.normalize import expand
from phonetic.phones import VOWEL_LETTERS
from phonetic.plain import SIMPLE, Plain
from phonetic.reduced import reduce
from phonetic.said import Expansion, Said, put_in
from phonetic.unspeakable import Unspeakable

Tally = MutableMapping[str, Counter[str]]
Piece = tuple[str, str]  # finished words, or "" and the marks to put after the word before

GUESSED = "\x01"  # on either side of the spelling of guessed words, before their phones, until those are counted
NEAR = "\x02"  # in the place of a chunk that neighbours decide
CHOICE = NEAR + "c"  # the same, of a homograph
CACHE = 1 << 18  # chunks kept; past that all are forgotten, so that memory stays flat

_STOP = re.compile("[.,;:?!]")
_DASHES = re.compile("-(?: -)+")
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
        self._met: set[str] = set()  # chunks as they stand in a text
        self._by_text: set[str] = set()  # those of them that all of the text may decide
        self._opened: dict[str, tuple[str, ...]] = {}  # chunk as it stands -> what it is folded to, if not to itself
        self._lost: dict[str, tuple[str, ...]] = {}  # chunk as it stands -> why something of it is dropped, if it is
        self._chunks: dict[str, str] = {}  # folded chunk -> finished words, NEAR or CHOICE
        self._choices: dict[str, tuple[str, str, str]] = {}  # chunk -> the homograph in it, and the marks around it
        self._expanded: dict[str | tuple[str, ...], int | Expansion] = {}  # by what was seen, or how far to see next
        self._pieces: dict[str, Piece] = {}

    def read(self, texts: Sequence[str], tally: Tally | None = None) -> list[str]:
        """Each text as compact phones with stress; see format.py for how words and marks stand."""
        for settled in (self._said.settled, self._said.folded):
            if len(settled) > CACHE:
                settled.clear()
        if max(len(self._met), len(self._chunks)) > CACHE:
            for memory in (self._said, self._met, self._by_text, self._opened, self._lost, self._chunks, self._choices):
                memory.clear()
        markup: Counter[str] = Counter()
        texts = [
            self._whole(text, markup) if "<" in text or "/" in text or ("'" in text and " '" in text) else text
            for text in texts
        ]
        dropped = [*markup.elements()]
        look_up, left, new = self._said.line, self._said.left, self._said.new
        lines: list[str] = []
        for text in texts:
            chunks = text.split()
            found = look_up(chunks)
            if new:
                lines.append(self._anew(texts, len(lines), dropped))
            elif left:
                lines.append(self._put(found, dropped))
            else:
                lines.append(" ".join(found))
        if tally is not None:
            tally.setdefault("dropped", Counter()).update(dropped)
        whole = "\n".join(lines)
        if GUESSED in whole:
            parts = whole.split(GUESSED)
            if tally is not None:
                tally.setdefault("oov", Counter()).update(",".join(parts[1::2]).split(","))
            whole = "".join(parts[::2])
        return THE.sub("Di0 ", reduce(whole) if self._reduced else whole).split("\n") if texts else []

    def _anew(self, texts: Sequence[str], at: int, dropped: list[str]) -> str:
        """The line of a text in which something is new; all that is new in those after it is met as well."""
        text = texts[at]
        raws = text.split()
        if not all(map(self._met.__contains__, raws)):
            self._meet(set(" ".join(texts[at:]).split()))  # at once, so that unknown words are guessed together
        chunks = self._split(text, raws, dropped)
        if chunks is raws:
            return self._put(self._looked_up(chunks), dropped)
        found = self._looked_up(chunks, folded=True)
        if self._by_text.isdisjoint(raws):
            self._settle(raws, found)
        return self._put(found, dropped)

    def _settle(self, raws: Sequence[str], found: Sequence[str]) -> None:
        """Remember what was found for folded chunks by their company as they stood in a text."""
        parts = [self._opened.get(raw, (raw,)) for raw in raws]
        if () in parts:
            return  # a chunk would see farther than by how it stands
        for i, j in enumerate(accumulate(map(len, parts), initial=0)):
            if i == len(raws) or raws[i] in self._said or raws[i] in self._lost:
                continue
            said = found[j]
            if len(parts[i]) > 1:
                pieces = [put_in(piece) for piece in found[j : j + len(parts[i])]]
                if all(piece == "-" or not isinstance(piece, Expansion) for piece in pieces):
                    self._said.settle(raws, i, " ".join(pieces))
            elif not isinstance(said, Expansion) or all(len(part) == 1 for part in parts[i : i + said.used]):
                self._said.settle(raws, i, said)

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
        return [part for chunk in chunks for part in self._opened.get(chunk, (chunk,))]

    def _whole(self, text: str, dropped: Counter[str]) -> str:
        """The text without markup, where that is dropped, its words whole; what else becomes of it `_fold` says."""
        return joined(without_markup(text, dropped)) if self._policy == "drop" else text

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
        for raw in raws - self._met:
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
        self._met |= raws

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

    def _looked_up(self, chunks: Sequence[str], *, folded: bool = False) -> list[str]:
        """What is said for each of some folded chunks."""
        found = self._said.line(chunks, folded=folded)
        around: list[str] = []
        for i in self._said.new:
            said = self._chunks[chunks[i]]
            if said == CHOICE:
                before, word, after = self._choices[chunks[i]]
                said = before + self._homographs.choose(word, chunks, i) + after
            elif said == NEAR:
                around = around or edged(chunks)
                said = self._expansion(around, i)
            found[i] = said
            self._said.settle(chunks, i, said, folded=folded)
        return found

    def _put(self, said: list[str], dropped: list[str]) -> str:
        """The line of what was found for the chunks looked up last, with all that its expansions ask for."""
        for i in self._said.left:
            found = said[i]
            if not isinstance(found, Expansion):
                continue  # it is only words, or was read with a chunk before it
            if found.used > 1:
                said[i + 1 : i + found.used] = [""] * (found.used - 1)
            dropped += found.lost
            if i and (found.marks or found.is_operator):
                last = i - 1  # where the word before it is
                while last and not said[last]:
                    last -= 1
                for marks in found.marks:
                    said[last] = _closed(said[last], marks)
                if found.is_operator and f" {said[last]}".endswith(" A0"):
                    said[last] = said[last][:-2] + LETTERS["a"]  # a = b
        line = " ".join(filter(None, said))
        if "-" not in line:
            return line
        return (_DASHES.sub("-", line) if "- -" in line else line).strip("- ")

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
        key: str | tuple[str, ...] = near[0]
        for reach in near.steps:
            self._expanded[key] = reach
            key = tuple(around[i : i + reach + 2])
        found = self._expanded[key] = Expansion(
            " ".join(words),
            before,
            used,
            [*lost.elements()] if lost else (),
            tuple(plain),
            is_operator=near[0] in OPERATORS,
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


def _closed(word: str, marks: str) -> str:
    """A word with more marks after it; after a dash, or nothing, there is none that they could close."""
    return add_closing(word, marks) if marks and word and word[-1] != "-" else word
