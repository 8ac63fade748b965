"""g2p-en 2.1.0 again: the same phones for every token, faults and all, for models that were trained on its output.

It takes g2p-en's weights and homographs from the installed distribution and its dictionary and tagger from nltk's
data, but imports neither. A chunk between spaces is worked out once; a homograph alone needs its line, and of that only
the words that its tag depends on.

What it gives is written as our notation has it: a run of marks is one, the apostrophe as a token is left out, and so
are marks before the first word of a line and dashes that part no two words.
"""

import functools
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence

from phonetic.errors import PhoneticError
from phonetic.format import add_closing
from phonetic.gru import guesser, installed_file
from phonetic.nltk_data import DOWNLOAD, find_package, read_text
from phonetic.perceptron import AHEAD, Place, Tagger
from phonetic.phones import compact, phone_names
from phonetic.tweets import clean, tokens

CACHE = 1 << 18  # chunks kept, and words; past that all are forgotten, so that memory stays flat
MOST_PHONES = 20  # of a guessed word
NEAR = 8  # chunks before a homograph, which nearly always hold all that its tag depends on
TAGGER = "averaged_perceptron_tagger_eng"
_ENTRY = re.compile(r"^(\S+) \d+ (.+)$", re.MULTILINE)
_LETTER = re.compile("[a-z]")
# What stands in a line until it is whole.
_MARKS = "\0"  # begins an item that is marks or a dash, which belong to the word before or stand between two
_HOMOGRAPH = "\1"  # is in the place of a chunk whose line decides how it is said
_GUESSED = "\2"  # is on either side of the spelling of a word that was guessed, behind its phones


class Parity:
    """English to phones as g2p-en has them, with a memory of chunks it has read.

    Args:
        own: The user's words, lower case, and their compact pronunciations; they come before all else.
    """

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        self._own = own or {}
        self._said: dict[str, str] = dict(self._own)  # word -> compact phones
        self._guesses: set[str] = set()  # the words of these that were guessed
        self._chunks: dict[str, str] = {}  # chunk -> its items, or what stands for a homograph
        self._tokens: dict[str, tuple[str, ...]] = {}  # of chunks near homographs

    def read(self, texts: Sequence[str], tally: MutableMapping[str, Counter[str]] | None = None) -> list[str]:
        """Each text as compact phones with stress, on one line; see format.py for how words and marks stand.

        Lines are read one by one, for g2p-en would glue the last word of one to the first of the next.

        Raises:
            PhoneticError: g2p-en is not installed, or nltk's data is not there.
        """
        if "\n" in "".join(texts):
            split = [text.split("\n") for text in texts]
            lines = iter(self.read([*itertools.chain.from_iterable(split)], tally))
            return [" ".join(filter(None, itertools.islice(lines, len(those)))) for those in split]
        if len(self._chunks) > CACHE:
            self._chunks.clear()
        look_up = self._chunks.__getitem__
        said: list[str] = []
        guessed: list[str] = []
        places: list[Place] = []  # of homographs
        waiting: list[tuple[int, list[tuple[str, ...]]]] = []  # lines with homographs, and the chunks that hold them
        for text in texts:
            chunks = text.split(" ")
            try:
                items = list(map(look_up, chunks))
            except KeyError:
                self._learn({chunk for text in texts for chunk in text.split(" ")} - self._chunks.keys())
                items = list(map(look_up, chunks))
            line = " ".join(items)
            if _HOMOGRAPH in line:
                which = list(_all(_HOMOGRAPH, items))
                waiting.append((len(said), [self._cut(chunks[i]) for i in which]))
                places += self._places(chunks, which, has_stops=_MARKS + "." in line)
                said.append(line)
            else:
                said.append(_finished(line, guessed) if _GUESSED in line or _MARKS in line else line)
        readings = iter(self._readings(places) if places else ())
        for at, cut in waiting:
            first, *rest = said[at].split(_HOMOGRAPH)
            decided = [self._written(found, readings) + after for found, after in zip(cut, rest, strict=True)]
            said[at] = _finished("".join([first, *decided]), guessed)
        if tally is not None:
            tally.setdefault("oov", Counter()).update(" ".join(guessed).split())
        return said

    def phones(self, text: str) -> list[str]:
        """What `g2p_en.G2p()(text)` returns: phones, marks, and a space between tokens."""
        line = tokens(clean(text))
        self._learn_words(set(line))
        readings = iter(self._readings(self._homographs_in(line)))
        out: list[str] = []
        for token in line:
            if not _LETTER.search(token):
                out.append(token)
            else:
                out += phone_names(next(readings) if token in self._homographs else self._said[token])
            out.append(" ")
        return out[:-1]

    def _learn(self, chunks: Iterable[str]) -> None:
        """Remember chunks, guessing all their unknown words in one batch."""
        cut = {chunk: tokens(clean(chunk)) for chunk in chunks}
        self._learn_words({token for found in cut.values() for token in found})
        self._chunks.update((chunk, self._written(found)) for chunk, found in cut.items())

    def _learn_words(self, words: Iterable[str]) -> None:
        """Remember how words are said."""
        if len(self._said) > CACHE:
            self._said = dict(self._own)
            self._guesses.clear()
        unknown = []
        for word in words:
            if word in self._said or word in self._homographs:
                continue
            if (phones := self._lexicon.get(word)) is not None:
                self._said[word] = compact(phones.upper())
            elif _LETTER.search(word):
                unknown.append(word)
        if unknown:
            self._said.update(zip(unknown, guesser(MOST_PHONES).predict(unknown), strict=True))
            self._guesses.update(unknown)

    def _written(self, found: Sequence[str], readings: Iterator[str] | None = None) -> str:
        """The tokens of a chunk as items of a line; without readings, a homograph is for its line to decide."""
        items = []
        for token in found:
            if token in self._homographs:
                if readings is None:
                    return _HOMOGRAPH
                items.append(next(readings))
            elif not _LETTER.search(token):
                items.append(_MARKS + token.replace(" ", "").replace("'", ""))
            elif token in self._guesses:
                items.append((self._said[token] or _MARKS) + _GUESSED + token + _GUESSED)
            else:
                items.append(self._said[token])
        line = " ".join(items) or _MARKS
        return line if line[0] == _MARKS or f"{_MARKS}-" in line else _attached(line)

    def _places(self, chunks: Sequence[str], which: Iterable[int], has_stops: bool) -> list[Place]:
        """The homographs of a line, each among the tokens that its tag depends on.

        Args:
            chunks: All of the line.
            which: The places of those that hold homographs.
            has_stops: Whether any chunk begins with a stop, which may be one token with dots before it.
        """
        if has_stops:
            return self._homographs_in(tokens(" ".join(map(clean, chunks))))
        places: list[Place] = []
        for i in which:
            here = self._cut(chunks[i])
            before, after = self._around(chunks[max(0, i - NEAR) : i]), self._around(chunks[i + 1 : i + 1 + AHEAD])
            if i > NEAR and not self._tagger.is_settled_after(before):
                before = self._around(chunks[:i])
            if len(after) < AHEAD:
                after = self._around(chunks[i + 1 :])
            places += self._homographs_in([*before, *here, *after[:AHEAD]], len(before), len(before) + len(here))
        return places

    def _around(self, chunks: Sequence[str]) -> list[str]:
        known = self._tokens.get
        return [token for chunk in chunks for token in known(chunk) or self._cut(chunk)]

    def _cut(self, chunk: str) -> tuple[str, ...]:
        """The tokens of a chunk near a homograph."""
        found = self._tokens.get(chunk)
        if found is None:
            if len(self._tokens) > CACHE:
                self._tokens.clear()
            found = self._tokens[chunk] = tuple(tokens(clean(chunk)))
        return found

    def _homographs_in(self, line: Sequence[str], first: int = 0, end: int | None = None) -> list[Place]:
        end = len(line) if end is None else end
        return [(line, at) for at in range(first, end) if line[at] in self._homographs]

    def _readings(self, places: Sequence[Place]) -> list[str]:
        """How each of some homographs is said."""
        readings = []
        for (line, at), tag in zip(places, self._tagger.tag(places), strict=True):
            first, other, part_of_speech = self._homographs[line[at]]
            readings.append(first if tag.startswith(part_of_speech) else other)
        return readings

    @functools.cached_property
    def _lexicon(self) -> dict[str, str]:
        """Word to ARPAbet, in lower case; of several pronunciations the first."""
        find_package("taggers", TAGGER)  # so that it is missed now, not at the first homograph
        entries = _ENTRY.findall(read_text("corpora", "cmudict", "cmudict").lower())
        return dict(reversed(entries))

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
        files = [read_text("taggers", TAGGER, f"{TAGGER}.{part}.json") for part in ("weights", "tagdict", "classes")]
        try:
            return Tagger(*map(json.loads, files))
        except (ValueError, AttributeError, LookupError, TypeError) as error:
            raise PhoneticError(f"nltk's {TAGGER} is damaged: {error}", hint=f"get it anew: {DOWNLOAD}") from error


def _all(item: str, items: Sequence[str]) -> Iterator[int]:
    """Where something stands in a list."""
    i = -1
    for _ in range(items.count(item)):
        i = items.index(item, i + 1)
        yield i


def _finished(line: str, guessed: list[str]) -> str:
    """A line from its items; the words in it that were guessed are added to a list."""
    if _GUESSED in line:
        parts = line.split(_GUESSED)
        guessed += parts[1::2]
        line = "".join(parts[::2])
    return _attached(line) if _MARKS in line else line


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
