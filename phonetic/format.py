"""How phones, words and punctuation stand in a sample of ARPAbet, and where a sample breaks these rules.

A word is its phones with at most one opening `"`, `(`, `"(` or `("` before it, and after it closing marks (`"`, `)`,
`")` or `)"`), one of `. , ; : ? ! ... ?!`, and closing marks again, each of these or none. Words are apart by one
space, `-` stands alone between two words for a dash. In the spaced form phones and marks are items apart by one space,
words apart by ` | `.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from phonetic.lexicon import vowelless
from phonetic.phones import CONSONANT_LETTERS, NAMES, STRESSES, VOWEL_LETTERS, without_stress

FORMS = ("compact", "spaced")
TERMINALS = ("...", "?!", ".", ",", ";", ":", "?", "!")
GAP = " | "

_CLOSERS = r'(?:"\)?|\)"?)'
_OPENING = r'(?:"\(?|\("?)?'
_CLOSING = rf"{_CLOSERS}?(?:T{_CLOSERS}?)?"
_KEPT = r"\{[^\s{}]+\}"  # what cannot be said, where it is kept
_ITEM = re.compile(rf"{_KEPT}|{'|'.join(map(re.escape, TERMINALS))}|[{VOWEL_LETTERS}][{STRESSES}]?|[^\s]")
WORD = re.compile(rf"""(["(]*)({_KEPT}|[A-Za-z@0-2]+)([^A-Za-z@{{}}]*)""")  # a written word, compact
BREAK = "-"  # between syllables
# What a word's sounds may be, by the kinds of its tokens: V a vowel, C a consonant, S a stress mark, D a break between
# syllables, H one that parts two vowels which would else be read as one.
ONE_PIECE = "[CV]+"
IN_SYLLABLES = "C*VC*(?:[DH]C*VC*)*|C+"
STRESSED = "(?:[CVH]|S(?=C*V))+"
STRESSED_SYLLABLES = "S?C*VC*(?:[SDH]C*VC*)*|C+"
Words = Callable[[str, list["Problem"]], Iterator[list["Token"]]]


class Problem(NamedTuple):
    """One place where a sample breaks the rules; offsets in characters."""

    start: int
    end: int
    reason: str


class Token(NamedTuple):
    """A phone or a mark of a sample, as compact text, and where it stands."""

    text: str
    start: int
    end: int


@functools.lru_cache(maxsize=4096)
def opening(marks: str) -> str:
    """Opening marks as the format has them: `"`, `(`, `"(`, `("` or nothing."""
    return "".join(dict.fromkeys("(" if mark in "([{" else mark for mark in marks if mark in '"([{'))


@functools.lru_cache(maxsize=4096)
def closing(marks: str) -> str:
    """Closing marks as the format has them; a run of stops becomes the one that says most."""
    stops = [at for at, mark in enumerate(marks) if mark in ".,;:?!"]
    if not stops:
        return _closers(marks)
    return _closers(marks[: stops[0]]) + _stop("".join(marks[at] for at in stops)) + _closers(marks[stops[0] + 1 :])


def _closers(marks: str) -> str:
    return "".join(dict.fromkeys(")" if mark in ")]}" else mark for mark in marks if mark in '")]}'))


def _stop(run: str) -> str:
    if "?" in run:
        return "?!" if "!" in run else "?"
    if "!" in run:
        return "!"
    others = run.replace(".", "")
    if others:
        return others[-1]
    return "..." if len(run) > 2 else "."


@functools.lru_cache(maxsize=1 << 14)
def add_closing(word: str, marks: str) -> str:
    """A written word with more punctuation after it."""
    bare = word.rstrip('.,;:?!")')
    return bare + closing(word[len(bare) :] + marks)


def parts_of(word: str) -> tuple[str, str, str]:
    """Of a written word, compact, the marks before it, its phones or what is kept, the marks after it."""
    match = WORD.fullmatch(word)
    return (match[1], match[2], match[3]) if match else (word, "", "")


def spaced(word: str) -> str:
    """One written word, compact, as the items of the spaced form."""
    return " ".join(NAMES.get(item[0], item[0]) + item[1:] for item in _ITEM.findall(word))


def compact_to_spaced(sample: str) -> str:
    """A valid compact sample in the spaced form."""
    return GAP.join(map(spaced, sample.split(" "))) if sample else ""


def spaced_to_compact(sample: str) -> str:
    """A valid spaced sample in the compact form."""
    return " ".join("".join(token.text for token in word) for word in _spaced_words(sample, [])) if sample else ""


class Checker:
    """Finds where samples of one form break its rules.

    Args:
        words: The words of a sample as tokens; it adds to the problems what it finds wrong between them.
        kinds: Token to its kind, see above; T a stop, K what is kept, quotes and brackets themselves.
        sounds: The kinds that a word's sounds may be made of, in which order.
        vowelless: The words without a vowel that there are; None if they may be any.
        reason: Why a token is none.
    """

    def __init__(
        self,
        words: Words,
        kinds: Mapping[str, str],
        sounds: str,
        vowelless: Iterable[str] | None,
        reason: Callable[[str], str],
    ) -> None:
        self._words = words
        self._kinds = dict(kinds) | dict.fromkeys(TERMINALS, "T") | {mark: mark for mark in '"()'}
        self._keeps = "K" in kinds.values()
        self._shape = re.compile(f"{_OPENING}({sounds}|K){_CLOSING}")
        self._vowelless = None if vowelless is None else frozenset(vowelless)
        self._reason = reason

    def _kind(self, token: str) -> str:
        return self._kinds.get(token) or ("K" if self._keeps and re.fullmatch(_KEPT, token) else "x")

    def problems(self, sample: str) -> list[Problem]:
        """Every place where the sample is not valid, in order; empty when it is."""
        if not sample:
            return []
        found: list[Problem] = []
        words = list(self._words(sample, found))
        for at, word in enumerate(words):
            if len(word) == 1 and word[0].text == "-":
                if at == 0 or at == len(words) - 1:
                    found.append(_problem(word, "a dash stands only between two words"))
                elif at and [token.text for token in words[at - 1]] == ["-"]:
                    found.append(_problem(word, "a second dash"))
            elif word:
                found += self._word_problems(word)
        return sorted(found)

    def _word_problems(self, word: list[Token]) -> Iterator[Problem]:
        kinds = "".join(self._kind(token.text) for token in word)
        match = self._shape.fullmatch(kinds)
        if match is None:
            yield from self._broken(word, kinds)
        elif self._vowelless is not None and "V" not in kinds and "K" not in kinds:
            phones = word[match.start(1) : match.end(1)]
            if "".join(token.text for token in phones) not in self._vowelless:
                yield _problem(phones, "a word without a vowel")

    def _broken(self, word: list[Token], kinds: str) -> Iterator[Problem]:
        strange = [token for token, kind in zip(word, kinds, strict=True) if kind == "x"]
        for token in strange:
            yield _problem([token], self._reason(token.text))
        if strange:
            return
        phones = [at for at, kind in enumerate(kinds) if kind in "CVSDHK"]
        if not phones:
            yield _problem(word, "punctuation without a word")
            return
        first, last = phones[0], phones[-1]
        if not re.fullmatch(_OPENING, kinds[:first]):
            yield _problem(word[:first], "punctuation that does not open a word")
        inside = [at for at in range(first, last) if at not in phones]
        if inside:
            yield _problem(word[inside[0] : inside[-1] + 1], "punctuation inside a word")
        is_closed = re.fullmatch(_CLOSING, kinds[last + 1 :])
        if not is_closed:
            yield _problem(word[last + 1 :], "punctuation that does not close a word")
        if is_closed and not inside and re.fullmatch(_OPENING, kinds[:first]):
            yield _problem(word[first : last + 1], "marks of stress or syllables out of place")


def arpabet_checker(
    form: str, stress: bool, *, syllables: bool = False, keep: bool = False, any_word: bool = False
) -> Checker:
    """The checker of one form of ARPAbet; `any_word` allows words without a vowel that are not known."""
    digits = STRESSES if stress else ("",)
    kinds = dict.fromkeys(CONSONANT_LETTERS, "C") | {v + digit: "V" for v in VOWEL_LETTERS for digit in digits}
    if syllables:
        kinds[BREAK] = "D"
    if keep:
        kinds["{}"] = "K"
    known = vowelless()

    def reason(text: str) -> str:
        if text[0] in VOWEL_LETTERS and len(text) == 1 and stress:
            return "a vowel without its stress digit"
        if text[0] in VOWEL_LETTERS and text[1:] in tuple(STRESSES) and not stress:
            return "a stress digit, which this notation leaves out"
        if text.isdigit():
            return "a digit that follows no vowel"
        return "a dash inside a word" if text == BREAK else "no symbol of this notation"

    return Checker(
        _compact_words if form == "compact" else _spaced_words,
        kinds,
        IN_SYLLABLES if syllables else ONE_PIECE,
        None if any_word else known if stress else map(without_stress, known),
        reason,
    )


def _problem(tokens: list[Token], reason: str) -> Problem:
    return Problem(tokens[0].start, tokens[-1].end, reason)


def _compact_words(sample: str, found: list[Problem]) -> Iterator[list[Token]]:
    return words_by(_ITEM, sample, found)


def words_by(item: re.Pattern[str], sample: str, found: list[Problem]) -> Iterator[list[Token]]:
    """The words of a sample that a space parts, cut into tokens by `item`, which matches all but white space."""
    at = 0
    for word in sample.split(" "):
        if not word:
            found.append(Problem(max(0, at - 1), max(1, at), "a space that parts no words"))
        tokens = []
        end = 0
        for match in item.finditer(word):
            tokens.append(Token(match[0], at + match.start(), at + match.end()))
            end += len(match[0])
        if end < len(word):
            found.append(Problem(at, at + len(word), "white space other than a space"))
        yield tokens
        at += len(word) + 1


_SPACED_ITEMS = {name: letter for letter, name in NAMES.items()} | dict.fromkeys([*TERMINALS, '"', "(", ")", "-"], "")


def _spaced_words(sample: str, found: list[Problem]) -> Iterator[list[Token]]:
    at = 0
    for word in sample.split(GAP):
        tokens = []
        for item in word.split(" "):
            end = at + len(item)
            if not item:
                found.append(Problem(max(0, at - 1), max(1, at), "a space that parts no items"))
            else:
                tokens.append(Token(_compact_item(item), at, end))
            at = end + 1
        yield tokens
        at += len(GAP) - 1


def _compact_item(item: str) -> str:
    """One item of the spaced form as compact text; itself when it is none."""
    name = item.rstrip(STRESSES) if item[-1] in STRESSES and item[:-1] in _SPACED_ITEMS else item
    letter = _SPACED_ITEMS.get(name)
    if letter is None and re.fullmatch(_KEPT, item):
        return item
    if letter is None or (name != item and letter not in VOWEL_LETTERS):
        return f"\0{item}"  # what no token may hold
    return (letter or name) + item[len(name) :]
