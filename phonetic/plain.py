"""Chunks that are read alike in any company, and which they are: words of letters with marks around or between them."""

import functools
import re
from collections.abc import Collection, Mapping

from phonetic import abbreviations as short
from phonetic import signs
from phonetic.format import add_closing, closing, opening
from phonetic.g2p import HYPHEN_PARTS, LETTERS, Pronouncer, spell_out
from phonetic.lexicon import PREFERRED, lexicon, look_up
from phonetic.normalize import DOTTED, ROMAN, SMALL_ROMAN, core, split_marks
from phonetic.places import DIRECTIONS, STATES, TOWN_STATES
from phonetic.reduced import marked, may_reduce
from phonetic.units import CURRENCY_CODES
from phonetic.unspeakable import kept

SIMPLE = re.compile(r"""(["(\[{']*)([A-Za-z]+(?:'[A-Za-z]+)*'?)([.,;:?!")\]}']*)""")
_WORDS_AND_MARKS = re.compile(r"""[A-Za-z'"()\[\]{}.,;:?!-]*[A-Za-z][A-Za-z'"()\[\]{}.,;:?!-]*""")
_PIECE = re.compile(r"(?:[A-Za-z]\.){2,}|~[A-Za-z]+|'?[A-Za-z]+(?:'[A-Za-z]+)*'?|[^A-Za-z'~]+|['~]")
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


class Plain:
    """What is said for a chunk by itself, with a memory of the words that had to be guessed.

    Args:
        homographs: The words that neighbours decide, in small letters.
        own: The user's words, lower case, and their pronunciations.
        reduced: Whether small words are said as inside a phrase; see reduced.py.

    Attributes:
        words: What says a word.
    """

    def __init__(self, homographs: Collection[str], own: Mapping[str, str], *, reduced: bool) -> None:
        self.words = Pronouncer(own)
        self._homographs, self._own, self._reduced = homographs, own, reduced
        self._special = {*homographs, *SMALL_ROMAN, *own, *PREFERRED}  # which the lexicon does not decide

    @functools.cached_property
    def _lexicon(self) -> Mapping[str, str]:
        return lexicon()  # not before there is a text

    def word(self, chunk: str) -> str | None:
        """A word of the lexicon and stops after it, where neighbours do not matter, as `say` has it, but sooner."""
        word = chunk.rstrip(".,;:?!")
        low = word.lower()
        entry = self._lexicon.get(low)
        if entry is None or low in self._special or self._reduced or not low.isalpha():
            return None
        if word in _NEVER_PLAIN or not (word == low or word[1:].islower()):
            return None
        said = entry.partition(" ")[0]
        if word == chunk:
            return said
        tail = chunk[len(word) :]
        return None if tail[0] == "." and low in _SHORT_FORMS else said + closing(tail)

    def needs_context(self, chunk: str) -> bool:
        """Whether neighbours may decide how the chunk is read, or it is no plain word."""
        match = SIMPLE.fullmatch(chunk)
        if match is None:
            if kept(chunk):
                return False
            if _WORDS_AND_MARKS.fullmatch(chunk) is None or chunk[0] in ".,;:?!":
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

    def say(self, chunk: str) -> str:
        """A chunk of words and marks by itself, perhaps several words; `""` when there is no word in it."""
        match = SIMPLE.fullmatch(chunk)
        if match is not None:
            lead, word, tail = match.groups()
            if lead[-1:] == "'" and _is_elided(word.lower()):
                word = "'" + word.rstrip("'")
            said = self.words.say(word)
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
                return opening(lead) + self.words.say(whole) + closing(tail)
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

    def say_now(self, chunk: str) -> str:
        """Like `say`, with unknown words guessed at once."""
        said = self.say(chunk)
        if self.words.pending:
            self.words.guess_pending()
            self.words.unknown.clear()
            said = self.say(chunk)
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
        return self.words.say(piece)


def _is_elided(word: str) -> bool:
    """Whether the apostrophe before a word is its own: 'em, 'tis, 'gainst, but not a quoted 'word."""
    word = word.rstrip("'")
    return look_up("'" + word) is not None or (look_up(word) is None and look_up("a" + word) is not None)
