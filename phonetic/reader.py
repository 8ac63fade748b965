"""Reads text aloud: any text to compact phones with punctuation, one line a text.

A chunk between white space that does not depend on its neighbours is worked out once and remembered, so ordinary prose
is split, looked up and joined. Homographs, numbers and short forms are read where they stand.
"""

import itertools
import re
from collections import Counter
from collections.abc import Mapping, MutableMapping, Sequence

from phonetic import abbreviations as short
from phonetic import signs
from phonetic.fold import chunks_of, parts_of
from phonetic.format import add_closing, closing, opening
from phonetic.g2p import HYPHEN_PARTS, LETTERS, Pronouncer, spell_out
from phonetic.homographs import Homographs
from phonetic.lexicon import look_up
from phonetic.normalize import DOTTED, ROMAN, SMALL_ROMAN, core, expand, is_marks, split_marks
from phonetic.phones import VOWEL_LETTERS
from phonetic.places import DIRECTIONS, STATES, TOWN_STATES
from phonetic.reduced import marked, may_reduce, reduce
from phonetic.units import CURRENCY_CODES
from phonetic.unspeakable import Unspeakable, kept

Tally = MutableMapping[str, Counter[str]]
Piece = tuple[str, str]  # finished words, or "" and the marks to put after the word before

GUESSED = "\x01"  # on either side of the spelling of guessed words, before their phones, until those are counted
NEAR = "\x02"  # in the place of a chunk that neighbours decide
CACHE = 1 << 18  # chunks kept; past that all are forgotten, so that memory stays flat
REACH = 5  # a chunk is read by one chunk before it and fewer than five from it on

SIMPLE = re.compile(r"""(["(\[{']*)([A-Za-z]+(?:'[A-Za-z]+)*'?)([.,;:?!")\]}']*)""")
_WORDS_AND_MARKS = re.compile(r"""[A-Za-z'"()\[\]{}.,;:?!-]*[A-Za-z][A-Za-z'"()\[\]{}.,;:?!-]*""")
_PIECE = re.compile(r"(?:[A-Za-z]\.){2,}|~[A-Za-z]+|'?[A-Za-z]+(?:'[A-Za-z]+)*'?|[^A-Za-z'~]+|['~]")
_STOP = re.compile("[.,;:?!]")
OPERATORS = frozenset([*signs.BETWEEN, "+", "×", "÷", "±"])
THE = re.compile(rf"""DA0 (?<![^ "(\n]DA0 )(?=["(]*[{VOWEL_LETTERS}])""")  # "the" before a vowel
_SHORT_FORMS = frozenset([*short.ALWAYS, *short.BEFORE_NAME, *short.BEFORE_NUMBER, *short.AFTER_NAME]) | {
    form.lower() for form in [*short.CAPITALISED, *short.DAYS_TOO, *TOWN_STATES]
}
_CAPITALS = frozenset([*short.BARE, *short.CAPITALS, *short.NAMED, *short.BARE_MONTHS, *short.BARE_STREETS, "A"]) | {
    *STATES,
    *DIRECTIONS,
    *CURRENCY_CODES,
}
_BEFORE_NUMERAL = frozenset(word.capitalize() for word in short.NUMBERED_FROM_ONE | short.RULERS)
_NEVER_PLAIN = _CAPITALS | _BEFORE_NUMERAL  # capitalised words that neighbours decide


class Said(dict[str, str]):
    """Chunks and their words; NEAR for others, which are noted."""

    def __init__(self) -> None:
        super().__init__()
        self.missed: list[str] = []

    def __missing__(self, chunk: str) -> str:
        self.missed.append(chunk)
        return NEAR


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
        self._words = Pronouncer(self._own)
        self._homographs = Homographs()
        self._special = {*self._homographs.words, *SMALL_ROMAN, *self._own}  # which the lexicon does not decide
        self._raw = Said()  # chunk as it stands -> finished words, or NEAR
        self._by_text: set[str] = set()  # of NEAR, those that all of the text may decide
        self._lost: dict[str, tuple[str, ...]] = {}  # of the others, why something is dropped of them, if it is
        self._opened: dict[str, tuple[str, ...]] = {}  # chunk as it stands -> what it is folded to, if not to itself
        self._chunks: dict[str, str] = {}  # folded chunk -> finished words, or NEAR
        self._choices: dict[str, tuple[str, str, str]] = {}  # chunk -> the homograph in it, and the marks around it
        self._alone: set[str] = set()  # chunks that are only marks, which are read alike in any company
        self._expanded: dict[tuple[str, ...] | str, tuple[list[Piece], int, list[str]]] = {}
        self._pieces: dict[str, Piece] = {}

    def read(self, texts: Sequence[str], tally: Tally | None = None) -> list[str]:
        """Each text as compact phones with stress; see format.py for how words and marks stand."""
        if max(len(self._raw), len(self._chunks)) > CACHE:
            for memory in (
                self._raw,
                self._by_text,
                self._lost,
                self._opened,
                self._chunks,
                self._choices,
                self._alone,
            ):
                memory.clear()
        dropped: list[str] = []
        said, missed = self._raw.__getitem__, self._raw.missed
        lines: list[str] = []
        for text in texts:
            chunks = text.split()
            found = list(map(said, chunks))
            line = " ".join(found)
            if NEAR in line:
                if missed:  # learn all that is new in what is left at once, so that no line is read in vain but this
                    missed.clear()
                    self._meet(set(" ".join(texts[len(lines) :]).split()) - self._raw.keys())
                    found = list(map(said, chunks))
                    line = " ".join(found)
                if NEAR in line:  # while its chunks are at hand
                    line = self._read_in_context(text, chunks, found, line, dropped)
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

    def _read_in_context(self, text: str, chunks: list[str], said: list[str], line: str, dropped: list[str]) -> str:
        """A text of which chunks depend on their neighbours, but for how "the" is said.

        Args:
            text: What is read.
            chunks: What is between its white space.
            said: What is known of each, NEAR where its neighbours decide; used up.
            line: The same as one line.
            dropped: Gets the reasons for what is left out.
        """
        near = places_of(NEAR, said)
        those = list(map(chunks.__getitem__, near))
        if not self._by_text.isdisjoint(those):
            chunks = self._fold(text, dropped)
        else:
            choices, opened = self._choices, self._opened
            folded = near  # in ASCII, only chunks are that neighbours decide
            if not text.isascii():
                folded = list(itertools.compress(itertools.count(), map(opened.__contains__, chunks)))
            elif all(map(choices.__contains__, those)):
                rest = line.split(NEAR)
                rest[1:] = [self._choose(chunks, i) + after for i, after in zip(near, rest[1:], strict=True)]
                return "".join(rest)
            for reasons in filter(None, map(self._lost.get, those)):
                dropped += reasons
            for i in reversed(folded):
                if (parts := opened.get(chunks[i])) is not None:
                    chunks[i : i + 1] = parts
                    said[i : i + 1] = map(self._chunks.__getitem__, parts)
                    near = []
            return " ".join(self._in_context(chunks, said, near or places_of(NEAR, said), dropped))
        try:
            said = list(map(self._chunks.__getitem__, chunks))
        except KeyError:
            self._learn({chunk for chunk in chunks if chunk not in self._chunks})
            said = list(map(self._chunks.__getitem__, chunks))
        return " ".join(self._in_context(chunks, said, places_of(NEAR, said), dropped))

    def _split(self, text: str) -> list[str]:
        """The chunks of a text that was read, folded."""
        chunks = text.split()
        if not self._by_text.isdisjoint(chunks):
            return self._fold(text, [])
        opened = self._opened
        if opened.keys().isdisjoint(chunks):
            return chunks
        return [part for chunk in chunks for part in opened.get(chunk, (chunk,))]

    def _fold(self, text: str, dropped: list[str]) -> list[str]:
        lost: Counter[str] = Counter()
        try:
            chunks = chunks_of(text, lost, self._policy)
        except Unspeakable as error:
            raise error.within(text) from None
        dropped += lost.elements()
        return chunks

    def _meet(self, raws: set[str]) -> None:
        """Remember chunks as they stand in a text: their words, if nothing around them matters."""
        found = {}
        for raw in raws:
            if (said := self._plain_word(raw)) is None:
                found[raw] = parts_of(raw)
            else:
                self._raw[raw] = self._chunks[raw] = said
        self._learn({part for one in found.values() if one for part in one[0] if part not in self._chunks})
        for raw, one in found.items():
            if one is None or (one[1] and self._policy != "drop"):
                self._raw[raw] = NEAR
                self._by_text.add(raw)
                continue
            parts, reasons = one
            if parts != (raw,):
                self._opened[raw] = parts
            if reasons:
                self._lost[raw] = reasons
            said = " ".join(map(self._chunks.__getitem__, parts))
            self._raw[raw] = NEAR if NEAR in said or reasons or not said else said

    def _learn(self, chunks: set[str]) -> None:
        """Remember chunks, guessing all their unknown words in one batch."""
        again = []
        for chunk in chunks:
            said = None if self._needs_context(chunk) else self._plain(chunk)
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
            elif not said and is_marks(chunk):
                self._alone.add(chunk)
        if self._words.pending:
            self._words.guess_pending()
        for chunk in again:
            said = self._plain_now(chunk)
            self._chunks[chunk] = f"{GUESSED}{','.join(self._words.unknown)}{GUESSED}{said}"
            self._words.unknown.clear()

    def _plain_word(self, chunk: str) -> str | None:
        """A word of the lexicon and stops after it, where neighbours do not matter, as `_plain` has it, but sooner."""
        word = chunk.rstrip(".,;:?!")
        low = word.lower()
        if not (low.isalpha() and low.isascii()) or low in self._special or self._reduced:
            return None
        if word in _NEVER_PLAIN or not (word == low or word[1:].islower()):
            return None
        tail = chunk[len(word) :]
        if tail[:1] == "." and low in _SHORT_FORMS:
            return None
        said = look_up(low)
        return said and said + closing(tail)

    def _needs_context(self, chunk: str) -> bool:
        """Whether neighbours may decide how the chunk is read, or it is no plain word."""
        match = SIMPLE.fullmatch(chunk)
        if match is None:
            if kept(chunk):
                return False
            if _WORDS_AND_MARKS.fullmatch(chunk) is None or _STOP.match(chunk):
                return True
            inner = core(chunk)
            if "." not in inner and "(" not in inner:
                return signs.is_formula(inner)
            return DOTTED.fullmatch(inner) is not None or signs.is_read_apart(inner)
        word, tail = match[2], match[3]
        low = word.lower()
        if low in self._own:
            return False
        if tail[:1] == "." and (low in _SHORT_FORMS or (len(word) == 1 and word.isupper())):
            return True
        if word[0].isupper() and not word[1:].islower() and signs.is_formula(word):
            return True
        if word in short.BARE:
            return True
        if word[0].isupper() and (word in _NEVER_PLAIN or ROMAN.fullmatch(word)):
            return word != "I"
        return low in self._homographs or low in SMALL_ROMAN

    def _plain(self, chunk: str) -> str:
        """A chunk of words and marks by itself, perhaps several words; `""` when there is no word in it."""
        match = SIMPLE.fullmatch(chunk)
        if match is not None:
            lead, word, tail = match.groups()
            if lead[-1:] == "'" and _is_elided(word.lower()):
                word = "'" + word.rstrip("'")
            said = self._words.say(word)
            if self._reduced and not tail and may_reduce(word) and word.lower() not in self._own:
                said = marked(word, said)
            return opening(lead) + said + closing(tail)
        if whole_piece := kept(chunk):
            return opening(whole_piece[0]) + whole_piece[1] + closing(whole_piece[2])
        lead, inner, tail = split_marks(chunk)
        first, hyphen, rest = inner.lower().partition("-")
        if hyphen:  # the lexicon may have the whole word: x-ray, cooperate
            if inner.lower() in self._own:
                return opening(lead) + self._own[inner.lower()] + closing(tail)
            whole = inner if look_up(inner.lower()) else first + rest if first in HYPHEN_PARTS else ""
            if look_up(whole.lower()):
                return opening(lead) + self._words.say(whole) + closing(tail)
        words: list[str] = []
        lead = ""
        pieces = _PIECE.findall(chunk)
        for at, piece in enumerate(pieces):
            if (
                (piece[-1].isalpha() and piece[-1].isascii())
                or (piece[-1] == "'" and len(piece) > 1)
                or (piece[-1] == "." and piece[0].isalpha())
            ):
                words.append(opening(lead) + self._piece(piece, pieces[at + 1] if at + 1 < len(pieces) else ""))
                lead = ""
            elif at + 1 == len(pieces) or (words and piece[0] not in "([{"):
                if words:
                    words[-1] = add_closing(words[-1], piece)
            else:
                lead = piece
        return " ".join(words)

    def _plain_now(self, chunk: str) -> str:
        """Like `_plain`, with unknown words guessed at once."""
        said = self._plain(chunk)
        if self._words.pending:
            self._words.guess_pending()
            self._words.unknown.clear()
            said = self._plain(chunk)
        return said

    def _piece(self, piece: str, after: str) -> str:
        """One word of several in a chunk."""
        if piece[0] == "~" or piece[-1] == ".":
            return spell_out(re.sub("[^A-Za-z]", "", piece))
        if after[:1] == "-":
            if len(piece) == 1:
                return LETTERS[piece.lower()]
            if piece.lower() in HYPHEN_PARTS:
                return HYPHEN_PARTS[piece.lower()]
        return self._words.say(piece)

    def _in_context(self, chunks: Sequence[str], out: list[str], near: Sequence[int], dropped: list[str]) -> list[str]:
        """The words of a line, those that depend on their neighbours put in at the places `near`, where NEAR stands."""
        choices = self._choices
        end = shift = 0  # chunks read, and how many more words than chunks there are before them
        for i in near:
            if i < end:
                continue  # read with the chunk before it
            end, at = i + 1, i + shift
            if chunks[i] in choices:
                out[at] = self._choose(chunks, i)
                continue
            pieces, used = self._expand(chunks, i, dropped)
            end = i + used
            if at and out[at - 1] == "A0" and chunks[i] in OPERATORS and pieces:
                out[at - 1] = LETTERS["a"]  # a = b
            begin = max(0, at - 1)
            put = out[begin:at]  # the word before, which marks may close
            for words, marks in pieces:
                _append(put, words, marks)
            out[begin : at + used] = put
            shift += begin + len(put) - (at + used)
        while out and out[-1] == "-":
            out.pop()
        return out

    def _choose(self, chunks: Sequence[str], i: int) -> str:
        """A homograph among its neighbours, and its marks."""
        before, word, after = self._choices[chunks[i]]
        return before + self._homographs.choose(word, chunks, i) + after

    def _expand(self, chunks: Sequence[str], i: int, dropped: list[str]) -> tuple[list[Piece], int]:
        """What `expand` makes of a chunk among its neighbours, pronounced; remembered by all it looks at."""
        around: tuple[str, ...] | str = chunks[i]
        if around not in self._alone:
            around = ("before" if i else "", *chunks[max(0, i - 1) : i + REACH])
        found = self._expanded.get(around)
        if found is None:
            lost: Counter[str] = Counter()
            try:
                plain, used = expand(chunks, i, lost, self._policy)
            except Unspeakable as error:
                raise error.within(" ".join(chunks)) from None
            found = ([self._pronounce(plain, at) for at in range(len(plain))], used, [*lost.elements()])
            if len(self._expanded) > CACHE:
                self._expanded.clear()
            self._expanded[around] = found
        dropped += found[2]
        return found[0], found[1]

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
            said = self._plain_now(piece)
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


def _is_elided(word: str) -> bool:
    """Whether the apostrophe before a word is its own: 'em, 'tis, 'gainst, but not a quoted 'word."""
    word = word.rstrip("'")
    return look_up("'" + word) is not None or (look_up(word) is None and look_up("a" + word) is not None)


def _append(out: list[str], words: str, marks: str) -> None:
    """Add words, a dash between words, or marks that close the word before."""
    if words == "-":
        if out and out[-1] != "-":
            out.append(words)
    elif words:
        out.append(words)
    elif marks and out and out[-1] != "-":
        out[-1] = add_closing(out[-1], marks)
