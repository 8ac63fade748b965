"""g2p-en 2.1.0 again: the same phones for every token, faults and all, for models that were trained on its output.

It takes g2p-en's weights and homographs from the installed distribution and its dictionary and tagger from nltk's
data, but imports neither. A chunk between spaces is worked out once; a homograph alone needs its line, and of that only
the words that its tag depends on.

What it gives is written as our notation has it: a run of marks is one, the apostrophe as a token is left out, and so
are marks before the first word of a line and dashes that part no two words.
"""

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence

from phonetic.errors import PhoneticError
from phonetic.format import add_closing
from phonetic.nltk_data import DOWNLOAD, read_text
from phonetic.oov import guesser, installed_file
from phonetic.perceptron import Tagger
from phonetic.phones import compact, phone_names
from phonetic.tweets import clean, tokens

CACHE = 1 << 18  # chunks kept, and words; past that all are forgotten, so that memory stays flat
_MARKS = "\0"  # begins an item of a line that is marks or a dash, which belong to the word before or stand between two
_HOMOGRAPH = "\1"  # stands for a chunk whose line decides how it is said
_ENTRY = re.compile(r"^(\S+) \d+ (.+)$", re.MULTILINE)
_LETTER = re.compile("[a-z]")
_BARE = re.compile("u(?![012])")  # the weights have UW without stress beside UW0, UW1 and UW2; no notation of ours has


class Parity:
    """English to phones as g2p-en has them, with a memory of chunks it has read.

    Args:
        own: The user's words, lower case, and their compact pronunciations; they come before all else.
    """

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        self._own = own or {}
        self._said: dict[str, str] = dict(self._own)  # word -> compact phones
        self._chunks: dict[str, str] = {}  # chunk -> its items, or what stands for a homograph
        self._tokens: dict[str, list[str]] = {}  # of chunks in lines with homographs
        self._guessed: dict[str, list[str]] = {}  # chunk -> the words in it that were guessed

    def read(self, texts: Sequence[str], tally: MutableMapping[str, Counter[str]] | None = None) -> list[str]:
        """Each text as compact phones with stress, on one line; see format.py for how words and marks stand.

        Lines are read one by one, for g2p-en would glue the last word of one to the first of the next.

        Raises:
            PhoneticError: g2p-en is not installed, or nltk's data is not there.
        """
        if any("\n" in text for text in texts):
            return [" ".join(filter(None, self.read(text.split("\n"), tally))) for text in texts]
        if len(self._chunks) > CACHE:
            self._chunks.clear()
            self._guessed.clear()
        lines = [text.split(" ") for text in texts]
        try:
            said = [" ".join(map(self._chunks.__getitem__, chunks)) for chunks in lines]
        except KeyError:
            self._learn({chunk for chunks in lines for chunk in chunks if chunk not in self._chunks})
            said = [" ".join(map(self._chunks.__getitem__, chunks)) for chunks in lines]
        if tally is not None and self._guessed:
            oov = tally.setdefault("oov", Counter())
            for chunks in lines:
                if not self._guessed.keys().isdisjoint(chunks):
                    for chunk in chunks:
                        oov.update(self._guessed.get(chunk, ()))
        self._decide(said, lines)
        return [_attached(line) if _MARKS in line else line for line in said]

    def phones(self, text: str) -> list[str]:
        """What `g2p_en.G2p()(text)` returns: phones, marks, and a space between tokens."""
        line = tokens(clean(text))
        self._learn_words(set(line))
        readings = iter(self._readings([line]))
        out: list[str] = []
        for token in line:
            if not _LETTER.search(token):
                out.append(token)
            elif token in self._homographs:
                out += phone_names(next(readings))
            else:
                out += phone_names(self._said[token])
            out.append(" ")
        return out[:-1]

    def _learn(self, chunks: Iterable[str]) -> None:
        """Remember chunks, guessing all their unknown words in one batch."""
        cut = {chunk: tokens(clean(chunk)) for chunk in chunks}
        guessed = self._learn_words({token for found in cut.values() for token in found})
        for chunk, found in cut.items():
            self._chunks[chunk] = self._written(found)
            if not guessed.isdisjoint(found):
                self._guessed[chunk] = [token for token in found if token in guessed]

    def _learn_words(self, words: set[str]) -> set[str]:
        """Remember how words are said; the ones that had to be guessed."""
        if len(self._said) > CACHE:
            self._said = dict(self._own)
        new = [word for word in words if word not in self._said and word not in self._homographs]
        unknown = set()
        for word in new:
            if (phones := self._lexicon.get(word)) is not None:
                self._said[word] = compact(phones)
            elif _LETTER.search(word):
                unknown.add(word)
        if unknown:
            self._said.update(zip(unknown, guesser(exact=True).predict([*unknown]), strict=True))
        return unknown

    def _decide(self, said: list[str], lines: Sequence[Sequence[str]]) -> None:
        """Fill in the homographs of some lines."""
        waiting = [at for at, line in enumerate(said) if _HOMOGRAPH in line]
        if not waiting:
            return
        readings = iter(self._readings([self._line(lines[at]) for at in waiting]))
        for at in waiting:
            said[at] = " ".join(
                self._written(self._cut(chunk), readings) if items == _HOMOGRAPH else items
                for chunk, items in zip(lines[at], map(self._chunks.__getitem__, lines[at]), strict=True)
            )

    def _line(self, chunks: Sequence[str]) -> list[str]:
        """The tokens of a line."""
        found = [token for chunk in chunks for token in self._cut(chunk)]
        return tokens(" ".join(map(clean, chunks))) if _has_spaced_dots(found) else found

    def _cut(self, chunk: str) -> list[str]:
        found = self._tokens.get(chunk)
        if found is None:
            if len(self._tokens) > CACHE:
                self._tokens.clear()
            found = self._tokens[chunk] = tokens(clean(chunk))
        return found

    def _readings(self, lines: Sequence[Sequence[str]]) -> list[str]:
        """How each homograph of some lines is said, in their order."""
        places = [(line, at) for line in lines for at, token in enumerate(line) if token in self._homographs]
        if not places:
            return []
        readings = []
        for (line, at), tag in zip(places, self._tagger.tag(places), strict=True):
            first, other, part_of_speech = self._homographs[line[at]]
            readings.append(first if tag.startswith(part_of_speech) else other)
        return readings

    def _written(self, found: Sequence[str], readings: Iterator[str] | None = None) -> str:
        """The tokens of a chunk as items of a line; without readings, a homograph's is the line's to decide."""
        items = []
        for token in found:
            if token in self._homographs:
                if readings is None:
                    return _HOMOGRAPH
                items.append(next(readings))
            elif _LETTER.search(token):
                items.append(_BARE.sub("u1", self._said[token]))
            else:
                items.append(_MARKS + token.replace(" ", "").replace("'", ""))
        line = " ".join(filter(None, items)) or _MARKS
        return line if line[0] == _MARKS or f"{_MARKS}-" in line else _attached(line)

    @functools.cached_property
    def _lexicon(self) -> dict[str, str]:
        """Word to ARPAbet; of several pronunciations the first."""
        entries = _ENTRY.findall(read_text("corpora", "cmudict", "cmudict"))
        return {word.lower(): phones for word, phones in reversed(entries)}

    @functools.cached_property
    def _homographs(self) -> dict[str, tuple[str, str, str]]:
        """Word to two pronunciations, and how the tags begin with which it is the first."""
        found = {}
        for line in installed_file("homographs.en").read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                word, first, other, part_of_speech = line.split("|")
                found[word.lower()] = (compact(first), compact(other), part_of_speech)
        return {word: reading for word, reading in found.items() if word not in self._own}

    @functools.cached_property
    def _tagger(self) -> Tagger:
        name = "averaged_perceptron_tagger_eng"
        files = [read_text("taggers", name, f"{name}.{part}.json") for part in ("weights", "tagdict", "classes")]
        try:
            return Tagger(*map(json.loads, files))
        except (ValueError, AttributeError, TypeError) as error:
            raise PhoneticError(f"nltk's {name} is damaged: {error}", hint=f"get it anew: {DOWNLOAD}") from error


def _has_spaced_dots(found: Sequence[str]) -> bool:
    """Whether dots of two chunks stand side by side, which are one token."""
    marks = [at for at, token in enumerate(found) if token[0] == "."]
    return any(at and found[at - 1][-1] == "." for at in marks)


def _attached(line: str) -> str:
    """The items of a line with marks put to the word before and dashes between two words."""
    first, *rest = line.split(_MARKS)
    out = [first.rstrip(" ")] if first else []
    is_dash = False
    for piece in rest:
        marks, _, words = piece.partition(" ")
        is_dash |= "-" in marks
        if out and (stops := marks.replace("-", "")):
            out[-1] = add_closing(out[-1], stops)
        if words := words.rstrip(" "):
            if out and is_dash:
                out.append("-")
            out.append(words)
            is_dash = False
    return " ".join(out)
