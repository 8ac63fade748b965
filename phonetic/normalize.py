"""Numbers, abbreviations and signs as the words a reader says, by what stands beside them.

`expand` takes the chunk that is no plain word and gives plain chunks: words of letters with their punctuation, a lone
`-` for a dash, or `~FBI` for letters to be spelled out.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from phonetic import abbreviations as short
from phonetic import measures, numbers, signs

MARKS = re.compile(r"""([("\[{']*)(.*?)([.,;:?!")\]}']*)""", re.DOTALL)
DOTTED = re.compile(r"(?:[A-Za-z]{1,2}\.)+[A-Za-z]{1,2}")
ROMAN = re.compile(r"([IVXLCDM]+)('s)?")
SMALL_ROMAN = frozenset(
    ["ii", "iii", "iv", "vi", "vii", "viii", "ix", "xii", "xiii", "xiv", "xv", "xvi", "xvii", "xviii", "xix", "xx"]
)
_STOPS = re.compile("[.,;:?!]+(?=[^.,;:?!0-9])")


class Reading(NamedTuple):
    """What a reader says for one chunk or more."""

    words: str
    used: int = 1  # chunks read
    tail: str | None = None  # the punctuation after, when it is not that of the one chunk


def split_marks(chunk: str) -> tuple[str, str, str]:
    """Opening punctuation, what it encloses, closing punctuation."""
    match = MARKS.fullmatch(chunk)
    assert match is not None  # the expression matches every string
    lead, core, tail = match.groups()
    return lead, core, tail


def core(chunk: str) -> str:
    """A chunk without the punctuation around it."""
    return split_marks(chunk)[1]


def expand(chunks: Sequence[str], i: int, dropped: Counter[str] | None = None) -> tuple[list[str], int]:
    """Plain chunks for `chunks[i]` and perhaps some after it, and how many of them they stand for."""
    chunk = chunks[i]
    if chunk in signs.DASHES:
        between = 0 < i < len(chunks) - 1 and chunks[i - 1][-1].isdigit() and core(chunks[i + 1])[:1].isdigit()
        return ["to" if between and chunk != "--" else "-"], 1
    if stops := _STOPS.match(chunk):
        return [stops[0], chunk[stops.end() :]], 1  # they belong to the word before
    lead, inner, tail = split_marks(chunk)
    if not inner:
        return [tail], 1
    if lead == "(" and tail == ")" and i + 1 < len(chunks) and measures.is_area_code(inner, chunks[i + 1]):
        lead = tail = ""
    reading = read(chunks, i, lead, inner, tail)
    if reading is None:
        reading = Reading(signs.read_pieces(chunks, i, inner, dropped))
    words = reading.words.split()
    closing = tail if reading.tail is None else reading.tail
    if not words:
        return [closing], reading.used
    words[0] = lead.replace("'", "") + words[0]
    words[-1] += closing
    return words, reading.used


def read(chunks: Sequence[str], i: int, lead: str, inner: str, tail: str) -> Reading | None:
    """The reading of a chunk that some rule knows, or None."""
    after = chunks[i + 1] if i + 1 < len(chunks) and not tail else ""
    before = chunks[i - 1] if i else ""
    if any(character.isdigit() for character in inner):
        found = measures.read_number(inner, before, after, lead, chunks[i + 2] if after and i + 2 < len(chunks) else "")
        if found is None:
            return None
        words, used = found
        if measures.FEET.fullmatch(inner) and tail[:1] == '"':
            return Reading(words, 1, tail[1:])  # the inches' own sign
        if used == 1:
            return Reading(words)
        last = i + used - 1
        ending = split_marks(chunks[last])[2]
        # A unit's or p.m.'s own stop is no full stop, unless a sentence ends there.
        if ending.startswith(".") and _is_short(chunks[last]):
            ending = _stop(chunks, last, ending[1:])
        return Reading(words, used, ending)
    if inner in numbers.CURRENCIES and after and core(after)[:1].isdigit():
        found = measures.read_number(inner + core(after), before, "", lead, "")
        return Reading(found[0], 2, split_marks(after)[2]) if found else None
    return _abbreviation(chunks, i, inner, tail, before) or _numeral(inner, tail, before, after) or _letter(chunks, i)


def _is_short(chunk: str) -> bool:
    """Whether a chunk that ends in a stop is a short form, of which the stop is a part."""
    inner = core(chunk)
    return DOTTED.fullmatch(inner) is not None or inner in short.UNITS or inner.lower() in short.SHORT_MONTHS


def _sentence_ends(chunks: Sequence[str], i: int) -> bool:
    """Whether the stop of the short form at `i` also ends a sentence."""
    if i + 1 >= len(chunks):
        return True
    following, inner = core(chunks[i + 1]), core(chunks[i])
    if not following[:1].isupper() or inner.lower() in short.NEVER_LAST:
        return False
    return following.lower() in short.OPENERS or (inner.islower() and following not in short.DAYS_AND_MONTHS)


def _stop(chunks: Sequence[str], i: int, rest: str) -> str:
    """The punctuation after a short form: its own stop only where a sentence ends."""
    return rest if (rest and rest[0] in ".,;:?!") or not _sentence_ends(chunks, i) else "." + rest


def _abbreviation(chunks: Sequence[str], i: int, inner: str, tail: str, before: str) -> Reading | None:
    low = inner.lower()
    following = core(chunks[i + 1]) if i + 1 < len(chunks) else ""
    if DOTTED.fullmatch(inner) and (tail.startswith(".") or low in short.DOTTED):
        words = short.DOTTED.get(low) or "~" + inner.replace(".", "")
        return Reading(words, 1, _stop(chunks, i, tail[1:]) if tail.startswith(".") else tail)
    if not tail.startswith("."):
        bare = short.BARE.get(inner)
        if bare is None or (inner in short.BARE_BEFORE_NAME and not (following[:1].isupper() and not tail)):
            return None
        return Reading(bare)
    named = following[:1].isupper() and following.lower() not in short.OPENERS and tail == "."
    after_name = before[:1].isupper() and before[-1:].isalpha()
    stop = _stop(chunks, i, tail[1:])
    if len(inner) == 1 and inner.isupper() and (inner != "I" or named):
        return Reading("~" + inner, 1, stop)
    if low in short.AFTER_NAME and after_name and not named:
        return Reading(short.AFTER_NAME[low], 1, stop)
    if (
        low in short.BEFORE_NUMBER
        and tail == "."
        and (following[:1].isdigit() or (len(following) > 1 and numbers.roman(following)))
    ):
        return Reading(short.BEFORE_NUMBER[low], 1, "")
    if low in short.BEFORE_NAME and named:
        return Reading(short.BEFORE_NAME[low], 1, "")
    if low in short.ALWAYS:
        return Reading(short.ALWAYS[low], 1, tail[1:] if low in short.TITLES and following else stop)
    return None


def _numeral(inner: str, tail: str, before: str, after: str) -> Reading | None:
    """A Roman numeral, where something before it says that it is one."""
    following = core(after)
    if inner.istitle() and following in ("I", "V", "X"):  # a single letter is read with the word before it
        ending = split_marks(after)[2]
        kind = inner.lower()
        if kind in short.NUMBERED_FROM_ONE:
            return Reading(f"{inner} {numbers.cardinal(str(numbers.roman(following)))}", 2, ending)
        if kind in short.RULERS and (following != "I" or ending):
            return Reading(f"{inner} the {numbers.ordinal(str(numbers.roman(following)))}", 2, ending)
        return None
    match = ROMAN.fullmatch(inner.upper() if inner in SMALL_ROMAN else inner)
    if match is None or len(match[1]) < 2:
        return None
    value = numbers.roman(match[1])
    if value is None:
        return None
    kind = core(before).lower() if before[-1:].isalpha() or before[-1:] == "." else ""
    possessive = match[2] or ""
    if kind in short.RULERS and before[:1].isupper():
        return Reading(f"the {numbers.ordinal(str(value))}{possessive}")
    if kind in short.NUMBERED or (
        set(match[1]) <= set("IVX") and (before[:1].isupper() or match[1] not in ("IV", "XX"))
    ):
        return Reading(numbers.cardinal(str(value)) + possessive)
    return None


def _letter(chunks: Sequence[str], i: int) -> Reading | None:
    """`A` as a letter, and pronouns in capitals that are none: US, IT, WHO."""
    _, inner, tail = split_marks(chunks[i])
    before = chunks[i - 1] if i else ""
    following = core(chunks[i + 1]) if i + 1 < len(chunks) else ""
    if inner == "A":
        named = core(before).lower() in short.LETTERED
        return Reading("~A") if named or (before and (tail or not following)) else Reading("a")
    if inner in short.CAPITALS:
        around = [word for word in (core(before), following) if len(word) > 1 and word.isalpha()]
        shouted = bool(around) and all(word.isupper() for word in around)
        return None if shouted else Reading("~" + inner)
    return None
