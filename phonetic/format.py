"""How phones, words and punctuation stand in a sample of ARPAbet, and where a sample breaks these rules.

A word is its phones with at most one opening `"`, `(`, `"(` or `("` before it, and after it closing marks (`"`, `)`,
`")` or `)"`), one of `. , ; : ? ! ... ?!`, and closing marks again, each of these or none. Words are apart by one
space, `-` stands alone between two words for a dash. In the spaced form phones and marks are items apart by one space,
words apart by ` | `.
"""

import functools
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from phonetic.lexicon import vowelless
from phonetic.phones import CONSONANT_LETTERS, NAMES, STRESSES, VOWEL_LETTERS, without_stress

FORMS = ("compact", "spaced")
TERMINALS = ("...", "?!", ".", ",", ";", ":", "?", "!")
GAP = " | "

_CLOSERS = r'(?:"\)?|\)"?)'
_OPENING = r'(?:"\(?|\("?)?'
_CLOSING = rf"{_CLOSERS}?(?:T{_CLOSERS}?)?"
_SHAPE = re.compile(f"{_OPENING}([CV]+){_CLOSING}")
_ITEM = re.compile(rf"{'|'.join(map(re.escape, TERMINALS))}|[{VOWEL_LETTERS}][{STRESSES}]?|[^\s]")


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


def add_closing(word: str, marks: str) -> str:
    """A written word with more punctuation after it."""
    bare = word.rstrip('.,;:?!")')
    return bare + closing(word[len(bare) :] + marks)


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
        form: `compact` or `spaced`.
        stress: Whether each vowel carries its stress digit.
    """

    def __init__(self, form: str, stress: bool) -> None:
        self.form = form
        self.stress = stress
        digits = STRESSES if stress else ("",)
        # A token as one character: V a vowel, C a consonant, T a stop, quotes and brackets themselves, x what is none.
        self._kinds = dict.fromkeys(CONSONANT_LETTERS, "C") | {
            v + digit: "V" for v in VOWEL_LETTERS for digit in digits
        }
        self._kinds |= dict.fromkeys(TERMINALS, "T") | {mark: mark for mark in '"()'}
        known = vowelless()
        self._vowelless = known if stress else frozenset(map(without_stress, known))

    def problems(self, sample: str) -> list[Problem]:
        """Every place where the sample is not valid, in order; empty when it is."""
        if not sample:
            return []
        found: list[Problem] = []
        words = list(_compact_words(sample, found) if self.form == "compact" else _spaced_words(sample, found))
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
        kinds = "".join(self._kinds.get(token.text, "x") for token in word)
        match = _SHAPE.fullmatch(kinds)
        if match is None:
            yield from self._broken(word, kinds)
        elif "V" not in kinds:
            phones = word[match.start(1) : match.end(1)]
            if "".join(token.text for token in phones) not in self._vowelless:
                yield _problem(phones, "a word without a vowel")

    def _broken(self, word: list[Token], kinds: str) -> Iterator[Problem]:
        strange = [token for token, kind in zip(word, kinds, strict=True) if kind == "x"]
        for token in strange:
            yield _problem([token], self._reason(token.text))
        if strange:
            return
        phones = [at for at, kind in enumerate(kinds) if kind in "CV"]
        if not phones:
            yield _problem(word, "punctuation without a word")
            return
        first, last = phones[0], phones[-1]
        if not re.fullmatch(_OPENING, kinds[:first]):
            yield _problem(word[:first], "punctuation that does not open a word")
        inside = [at for at in range(first, last) if at not in phones]
        if inside:
            yield _problem(word[inside[0] : inside[-1] + 1], "punctuation inside a word")
        if not re.fullmatch(_CLOSING, kinds[last + 1 :]):
            yield _problem(word[last + 1 :], "punctuation that does not close a word")

    def _reason(self, text: str) -> str:
        """Why a token is none."""
        if text[0] in VOWEL_LETTERS and len(text) == 1 and self.stress:
            return "a vowel without its stress digit"
        if text[0] in VOWEL_LETTERS and text[1:] in tuple(STRESSES) and not self.stress:
            return "a stress digit, which this notation leaves out"
        if text.isdigit():
            return "a digit that follows no vowel"
        if text == "-":
            return "a dash inside a word"
        return "no symbol of this notation"


def _problem(tokens: list[Token], reason: str) -> Problem:
    return Problem(tokens[0].start, tokens[-1].end, reason)


def _compact_words(sample: str, found: list[Problem]) -> Iterator[list[Token]]:
    at = 0
    for word in sample.split(" "):
        if not word:
            found.append(Problem(max(0, at - 1), max(1, at), "a space that parts no words"))
        tokens = []
        end = 0
        for match in _ITEM.finditer(word):
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
    if letter is None or (name != item and letter not in VOWEL_LETTERS):
        return f"\0{item}"  # what no token may hold
    return (letter or name) + item[len(name) :]


def lark(form: str, stress: bool) -> str:
    """A Lark grammar of the valid samples of one form."""
    is_spaced = form == "spaced"
    apart, gap = (' " "', '" | "') if is_spaced else ("", '" "')

    def either(symbols: Iterable[str]) -> str:
        return " | ".join(f'"{symbol}"' for symbol in symbols)

    def written(letter: str) -> str:
        return NAMES[letter] if is_spaced else letter

    digits = STRESSES if stress else ("",)
    silent = sorted({word if stress else without_stress(word) for word in vowelless()})
    return "\n".join(
        [
            f"start: (word ({gap} (dash)? word)*)?",
            f'dash: "-" {gap}',
            "word: opening? sounds closing",
            f"sounds: (CONSONANT{apart})* VOWEL ({apart} (CONSONANT | VOWEL))*",
            *(f"      | {either([spaced(word) if is_spaced else word])}" for word in silent),
            f"opening: QUOTE{apart} (OPEN{apart})? | OPEN{apart} (QUOTE{apart})?",
            f"closing: closers? ({apart} STOP closers?)?",
            f"closers: {apart} QUOTE ({apart} CLOSE)? | {apart} CLOSE ({apart} QUOTE)?",
            f"VOWEL: {either(written(v) + digit for v in VOWEL_LETTERS for digit in digits)}",
            f"CONSONANT: {either(map(written, CONSONANT_LETTERS))}",
            f"STOP: {either(TERMINALS)}",
            'QUOTE: "\\""',
            'OPEN: "("',
            'CLOSE: ")"',
            "",
        ]
    )
