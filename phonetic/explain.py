"""How each word of a text was read: from where its phones come, and what else it might have been."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from phonetic.company import edged
from phonetic.format import add_closing
from phonetic.lexicon import look_up
from phonetic.normalize import core
from phonetic.plain import SIMPLE
from phonetic.reader import CHOICE, GUESSED, NEAR, THE, Reader
from phonetic.reduced import reduce

_GUESSED_WORDS = re.compile(f"{GUESSED}[^{GUESSED}]*{GUESSED}")
_WORD = re.compile(r"'?[A-Za-z]+(?:'[A-Za-z]+)*'?")


class Explained(NamedTuple):
    """One word of a text, or several that are read together.

    Attributes:
        written: As it stands in the text.
        found: Where its phones come from: user, lexicon, homograph, parts, letters, drawn out, guess, or reading for
            what was first put into words.
        detail: What decided among a homograph's readings, how the parts were found, or the words of a reading.
        phones: Compact phones, as they stand in the line.
        others: Other pronunciations that it might have had.
    """

    written: str
    found: str
    detail: str
    phones: str
    others: tuple[str, ...] = ()


class Explainer(Reader):
    """A reader that tells how it reads."""

    def __init__(self, own: Mapping[str, str] | None = None, *, reduced: bool = False) -> None:
        super().__init__(own=own, reduced=reduced)

    def explain(self, text: str) -> list[Explained]:
        """Each word of a text; what is not said is left out. The phones are those that `read` gives."""
        self.read([text])  # so that all unknown words are guessed
        [text] = self._whole([text], Counter())
        chunks = self._fold(text, [])
        rows: list[Explained] = []
        i, around = 0, edged(chunks)
        while i < len(chunks):
            row, used = self._row(chunks, around, i)
            i += used
            if re.search("[A-Za-z@{]", row.phones):
                rows.append(row)
            elif rows and row.phones not in ("", "-"):
                rows[-1] = rows[-1]._replace(phones=add_closing(rows[-1].phones, row.phones))
        return [_in_line(row, rows[at + 1 :]) for at, row in enumerate(rows)]

    def _row(self, chunks: Sequence[str], around: Sequence[str], i: int) -> tuple[Explained, int]:
        chunk, said = chunks[i], self._chunks[chunks[i]]
        if NEAR not in said:
            return self._plain_row(chunk, _GUESSED_WORDS.sub("", said)), 1
        if said == CHOICE:
            before, word, after = self._choices[chunk]
            phones, how = self._homographs.decide(word, chunks, i)
            others = [other for other in self._homographs.readings(word.lower()) if other != phones]
            return Explained(chunk, "homograph", how, before + phones + after, tuple(others)), 1
        found, _ = self._expand(around, i)
        phones = " ".join(filter(None, [*found.marks, found]))
        read_as = " ".join(found.plain).replace("~", "")
        return Explained(" ".join(chunks[i : i + found.used]), "reading", read_as, phones), found.used

    def _plain_row(self, chunk: str, said: str) -> Explained:
        whole = SIMPLE.fullmatch(chunk)
        hyphened = core(chunk).lower()
        if whole is None and (hyphened in self._own or look_up(hyphened)):
            return Explained(chunk, "user" if hyphened in self._own else "lexicon", "", said)
        words = [whole[2]] if whole else _WORD.findall(chunk)
        ways = [(word, self._how(word)) for word in words]
        if len(ways) == 1:
            return Explained(chunk, ways[0][1], "", said)
        return Explained(chunk, "parts", ", ".join(f"{word}: {how}" for word, how in ways), said)

    def _how(self, word: str) -> str:
        self._words.say(word)
        self._words.unknown.clear()
        return self._words.how


def _in_line(row: Explained, rest: Sequence[Explained]) -> Explained:
    """The row with "the" and reduced forms as they are said before what follows."""
    following = rest[0].phones if rest else ""
    line = THE.sub("Di0 ", reduce(f"{row.phones} {following}".strip(" ")))
    return row._replace(phones=" ".join(line.split(" ")[: row.phones.count(" ") + 1]))
