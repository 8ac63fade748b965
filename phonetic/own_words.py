"""The user's own words: a file of words and their ARPAbet, which come before all that is built in."""

import re
from collections.abc import Mapping
from pathlib import Path

from phonetic.errors import PhoneticError
from phonetic.phones import CONSONANTS, STRESSES, VOWELS, compact, has_vowel

_WORD = re.compile("'?[a-z]+(?:['-][a-z]+)*'?")
_EXAMPLE = "a line is a word and its phones, as in: gnocchi N Y OW1 K IY0"


def read_words(path: Path) -> dict[str, str]:
    """The words of a file, in lower case, and their ARPAbet. `#` or `;;;` begins a comment.

    Raises:
        PhoneticError: the file cannot be read, or a line of it; says which.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"cannot be read: {error.strerror}"
        raise PhoneticError(f"the lexicon {path} {why}", hint="give a text file: " + _EXAMPLE) from error
    found: dict[str, str] = {}
    first: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        entry = re.split(r"\s#|^\s*(?:#|;;;)", line)[0].split(maxsplit=1)
        if not entry:
            continue
        word = entry[0].lower()
        if word in found:
            raise PhoneticError(
                f"{path}, line {number}: {entry[0]!r} stands on line {first[word]} already",
                hint="a word has one pronunciation: remove one of the lines",
            )
        if (wrong := _wrong(word, " ".join(entry[1:]))) is not None:
            raise PhoneticError(f"{path}, line {number}: {wrong}", hint=_EXAMPLE)
        found[word] = " ".join(entry[1].upper().split())
        first[word] = number
    return found


def compact_words(words: Mapping[str, str]) -> dict[str, str]:
    """Words and their ARPAbet with compact pronunciations.

    Raises:
        PhoneticError: one of them is not right.
    """
    said = {}
    for word, phones in words.items():
        if (wrong := _wrong(word, phones)) is not None:
            raise PhoneticError(f"in the lexicon: {wrong}", hint=_EXAMPLE)
        said[word] = compact(phones.upper())
    return said


def _wrong(word: str, phones: str) -> str | None:
    """What is wrong with a word or its phones, if anything."""
    if not _WORD.fullmatch(word):
        return f"{word!r} is no word of letters, apostrophes and hyphens"
    if not phones:
        return f"{word!r} has no phones"
    for phone in phones.upper().split():
        name = phone.rstrip(STRESSES)
        if name in VOWELS and phone == name:
            return f"the vowel {phone!r} of {word!r} has no stress: {name}0, {name}1 or {name}2"
        if phone != name and (name in CONSONANTS or len(phone) > len(name) + 1):
            return f"{phone!r} in {word!r} has a stress digit too many"
        if name not in VOWELS and name not in CONSONANTS:
            return f"{phone!r} in {word!r} is no ARPAbet phone"
    return None if has_vowel(compact(phones.upper())) else f"{word!r} has no vowel"
