"""Phones in whichever form they are written, as the compact phones that the rest of the program reads."""

import functools
import re
from typing import NamedTuple

from phonetic.format import BREAK, Checker, Problem, arpabet_checker, spaced_to_compact
from phonetic.ipa import MARKS, Ipa
from phonetic.phones import CONSONANTS, STRESSES, VOWELS

COMPACT, SPACED, IPA = "compact", "spaced", "ipa"
_NAME = re.compile(rf"(?:{'|'.join(VOWELS)})[{STRESSES}]?|{'|'.join(CONSONANTS)}|[.,;:?!\"()|-]+|\{{\S+\}}")
_IPA = re.compile("[ˈˌəɚɝɑæʌɔɛɪʊɹθðʃʒŋɡ\u0361]")
_KEPT = re.compile(r"\{\S+?\}")


class Phones(NamedTuple):
    """A line of phones."""

    line: str  # compact
    stress: bool  # whether it bears stress


def form_of(line: str) -> str:
    """In which form a line is written."""
    bare = _KEPT.sub("", line)
    if _IPA.search(bare):
        return IPA
    return SPACED if bare and all(map(_NAME.fullmatch, bare.split())) else COMPACT


def read_phones(line: str, form: str = "") -> tuple[Phones, list[Problem]]:
    """A line as compact phones, without the breaks between syllables, and where it is not what its form allows.

    Args:
        line: Phones and punctuation.
        form: COMPACT, SPACED or IPA; told from the line if not given.
    """
    form = form or form_of(line)
    if form == IPA:
        stress = any(mark in line for mark in MARKS.values())
        plain, parted = _ipa(stress, False), _ipa(stress, True)
        problems = plain.problems(line)
        ipa = parted if problems and not parted.problems(line) else plain
        return Phones(ipa.compact(line), stress), [] if ipa is parted else problems
    stress = any(digit in _KEPT.sub("", line) for digit in STRESSES)
    has_breaks = re.search(rf"\w {BREAK} \w" if form == SPACED else rf"\w{BREAK}\w", line) is not None
    problems = _checker(form, stress, has_breaks).problems(line)
    compact = spaced_to_compact(line) if form == SPACED and not problems else line
    if has_breaks and not problems:
        compact = " ".join(word if word[:1] in "{-" else word.replace(BREAK, "") for word in compact.split(" "))
    return Phones(compact, stress), problems


@functools.cache
def _checker(form: str, stress: bool, syllables: bool) -> Checker:
    return arpabet_checker(form, stress, syllables=syllables, keep=True)


@functools.cache
def _ipa(stress: bool, syllables: bool) -> Ipa:
    return Ipa(stress=stress, syllables=syllables, unspeakable="keep")


def is_phones(line: str) -> bool:
    """Whether a line is surely phones, not English: it obeys the rules and English would not look so."""
    form = form_of(line)
    phones, problems = read_phones(line, form)
    if problems or not line.strip():
        return False
    return form != COMPACT or phones.stress
