"""Phones as espeak-ng writes them: each word in its mnemonics, stress before the vowel, and marks for the pauses."""

import functools

from phonetic.format import parts_of
from phonetic.lexicon import lexicon, look_up
from phonetic.phones import CONSONANTS, by_phone, has_vowel, split_phones, without_stress, words

# Source: espeak-ng 1.52, docs/phonemes.md, and phsource/ph_english_us for the vowels.
_VOWELS = {
    "AA": "A:",
    "AE": "a",
    "AH": "V",
    "AO": "O:",
    "AW": "aU",
    "AY": "aI",
    "EH": "E",
    "ER": "3:",
    "EY": "eI",
    "IH": "I",
    "IY": "i:",
    "OW": "oU",
    "OY": "OI",
    "UH": "U",
    "UW": "u:",
}
_UNSTRESSED = {"AH": "@", "ER": "3"}
_CONSONANTS = {name: letter for name, letter in CONSONANTS.items() if letter.islower()} | {
    "CH": "tS",
    "DH": "D",
    "HH": "h",
    "JH": "dZ",
    "NG": "N",
    "R": "r",
    "SH": "S",
    "TH": "T",
    "Y": "j",
    "ZH": "Z",
}
_STRESS = {"0": "", "1": "'", "2": ","}
_MNEMONICS = by_phone(_VOWELS, _UNSTRESSED, _CONSONANTS, _STRESS)
_APART = "|"  # between two phones, which might else be read as one: t S in nutshell
WEAK = words(
    "a an the of to in on at by for from with as and or but nor if than that i you he she it we they me him her us "
    "them my your his its our their is am are was were be been has have had do does did can could will would shall "
    "should may might must not there some"
)
_DASH = " –"
_PAUSES = frozenset(".,;:?!")


def mnemonics(line: str) -> str:
    """A line of compact phones as text for espeak-ng; what has no phones is left out.

    Among others, short words of grammar lose their stress, as in speech.
    """
    said: list[str] = []
    row = line.split(" ")
    for word in row:
        _, phones, closing = parts_of(word)
        if word == "-":
            said.append(_DASH)
        elif phones and phones[0] != "{":
            marks = "".join(mark for mark in closing if mark in _PAUSES)
            spoken = word_mnemonics(phones)
            if len(row) > 1 and phones in _weak():
                spoken = spoken.replace(_STRESS["1"], "")
            said.append(f" [[{spoken}]]{marks}")
    return "".join(said).strip().replace("]] [[", " ")


@functools.lru_cache(maxsize=1 << 14)
def word_mnemonics(phones: str) -> str:
    """One word in mnemonics. Without stress it gets that of the lexicon, or else on its first vowel."""
    if has_vowel(phones) and not any(digit in phones for digit in _STRESS):
        phones = _stressed().get(phones) or _with_stress(phones)
    return _APART.join(_MNEMONICS[phone] for phone in split_phones(phones))


@functools.cache
def _weak() -> frozenset[str]:
    """How the short words of grammar are said when they stand alone."""
    return frozenset(said for word in WEAK if (said := look_up(word)))


def _with_stress(phones: str) -> str:
    vowels = iter("1")
    return "".join(phone + next(vowels, "0") if has_vowel(phone) else phone for phone in split_phones(phones))


@functools.cache
def _stressed() -> dict[str, str]:
    """The lexicon's pronunciations by what they are without stress."""
    return {without_stress(said): said for entry in lexicon().values() for said in reversed(entry.split(" "))}
