"""The phones of American English, and the two ways ARPAbet is written here.

Inside this package a pronunciation is a compact string: one letter a phone, each vowel followed by its stress digit,
`fA0nE1tI0k` for F AH0 N EH1 T IH0 K. The spaced names are made from it at the door.
"""

import re
from collections.abc import Mapping

VOWELS = {
    "AA": "a",
    "AE": "@",
    "AH": "A",
    "AO": "c",
    "AW": "W",
    "AY": "Y",
    "EH": "E",
    "ER": "R",
    "EY": "e",
    "IH": "I",
    "IY": "i",
    "OW": "o",
    "OY": "O",
    "UH": "U",
    "UW": "u",
}
CONSONANTS = {
    "B": "b",
    "CH": "C",
    "D": "d",
    "DH": "D",
    "F": "f",
    "G": "g",
    "HH": "h",
    "JH": "J",
    "K": "k",
    "L": "l",
    "M": "m",
    "N": "n",
    "NG": "G",
    "P": "p",
    "R": "r",
    "S": "s",
    "SH": "S",
    "T": "t",
    "TH": "T",
    "V": "v",
    "W": "w",
    "Y": "y",
    "Z": "z",
    "ZH": "Z",
}
STRESSES = "012"

VOWEL_LETTERS = "".join(VOWELS.values())
CONSONANT_LETTERS = "".join(CONSONANTS.values())
NAMES = {letter: name for name, letter in (VOWELS | CONSONANTS).items()}  # compact letter -> ARPAbet name

_PHONE = re.compile(f"[{VOWEL_LETTERS}][{STRESSES}]?|[{CONSONANT_LETTERS}]")
_VOWEL = re.compile(f"[{VOWEL_LETTERS}]")
_STRESS_DIGITS = str.maketrans("", "", STRESSES)


def split_phones(pronunciation: str) -> list[str]:
    """The phones of a compact string, each with its stress digit if it has one."""
    return _PHONE.findall(pronunciation)


def by_phone(
    vowels: Mapping[str, str], unstressed: Mapping[str, str], consonants: Mapping[str, str], marks: Mapping[str, str]
) -> dict[str, str]:
    """How each compact phone is written, stress digit and all.

    Args:
        vowels: ARPAbet's name of a vowel to what stands for it.
        unstressed: The same for vowels that look otherwise without stress.
        consonants: The same for consonants.
        marks: Stress digit, or "" for none given, to what stands before the vowel.
    """
    written = {letter: consonants[name] for name, letter in CONSONANTS.items()}
    for name, letter in VOWELS.items():
        for digit, mark in marks.items():
            symbol = unstressed.get(name, vowels[name]) if digit == "0" else vowels[name]
            written[letter + digit] = mark + symbol
    return written


def compact(phones: str) -> str:
    """The compact string for spaced ARPAbet: `F AH0` becomes `fA0`.

    Raises:
        KeyError: a name that is no phone.
    """
    return "".join(
        VOWELS[name[:-1]] + name[-1] if name[-1] in STRESSES else CONSONANTS.get(name) or VOWELS[name]
        for name in phones.split()
    )


def phone_names(pronunciation: str) -> list[str]:
    """The ARPAbet names in a compact string, with stress where it has stress."""
    return [NAMES[phone[0]] + phone[1:] for phone in split_phones(pronunciation)]


def has_vowel(pronunciation: str) -> bool:
    """Whether a compact string has a syllable in it."""
    return _VOWEL.search(pronunciation) is not None


def without_stress(text: str) -> str:
    """Compact text without its stress digits."""
    return text.translate(_STRESS_DIGITS)


def words(text: str) -> tuple[str, ...]:
    """The words of a list that is written as one string."""
    return tuple(text.split())
