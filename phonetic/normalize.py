"""Numbers, abbreviations and signs as the words a reader says, by what stands beside them.

`expand` takes the chunk that is no plain word and gives plain chunks: words of letters with their punctuation, a lone
`-` for a dash, or `~FBI` for letters to be spelled out.
"""

import re
from collections import Counter
from typing import NamedTuple

from phonetic import abbreviations as short
from phonetic import measures, numbers, places, signs
from phonetic.company import Company
from phonetic.units import CURRENCY_CODES, DETERMINERS, UNITS

MARKS = re.compile(r"""([("\[{']*)(.*?)([.,;:?!")\]}']*)""", re.DOTALL)
DOTTED = re.compile(r"(?:[A-Za-z]{1,2}\.)+[A-Za-z]{1,2}")
ROMAN = re.compile(r"([IVXLCDM]+)('s)?")
SMALL_ROMAN = frozenset(
    ["ii", "iii", "iv", "vi", "vii", "viii", "ix", "xii", "xiii", "xiv", "xv", "xvi", "xvii", "xviii", "xix", "xx"]
)
_BESIDE_DAY = frozenset(("and", "on", "or", "every", "&", "-", "–"))
_AFTER_RULER = frozenset(("", "of", "and", "died", "ruled", "reigned", "in"))  # not Elizabeth I think
_GLUED = re.compile(r"([A-Za-z]{1,4})\.(\d\S*)")  # p.5, No.7
_DIGIT = re.compile("[0-9]")
_STOPS = re.compile("[.,;:?!]+(?=[^.,;:?!0-9])")


class Reading(NamedTuple):
    """What a reader says for one chunk or more."""

    words: str
    used: int = 1  # chunks read
    tail: str | None = None  # the punctuation after, when it is not that of the one chunk


def is_series(first: str, last: str) -> bool:
    """Whether a dash between two names runs from one to the other: Monday – Friday, A – Z."""
    if len(first) == 1 and len(core(last)) == 1:
        return first.isupper() and core(last).isupper()
    return first in short.DAYS_AND_MONTHS and core(last) in short.DAYS_AND_MONTHS


def split_marks(chunk: str) -> tuple[str, str, str]:
    """Opening punctuation, what it encloses, closing punctuation."""
    match = MARKS.fullmatch(chunk)
    assert match is not None  # the expression matches every string
    lead, core, tail = match.groups()
    return lead, core, tail


def core(chunk: str) -> str:
    """A chunk without the punctuation around it."""
    return split_marks(chunk)[1]


def expand(near: Company, dropped: Counter[str] | None = None, policy: str = "drop") -> tuple[list[str], int]:
    """Plain chunks for a chunk and perhaps some after it, and how many of them they stand for."""
    chunk = near[0]
    if chunk in signs.DASHES:
        between = near[-1][-1:].isdigit() and core(near[1])[:1].isdigit()
        if chunk == "-" and between and near[2] == "=":
            return ["minus"], 1
        between = between or is_series(near[-1], near[1])
        return ["to" if between and chunk != "--" else "-"], 1
    if (stops := _STOPS.match(chunk)) and chunk not in signs.BETWEEN:
        return [stops[0], chunk[stops.end() :]], 1  # they belong to the word before
    lead, inner, tail = split_marks(chunk)
    if not inner:
        return [tail], 1
    if lead == "(" and tail == ")" and places.is_area_code(inner, near[1]):
        lead = tail = ""
    reading = read(near, lead, inner, tail)
    if reading is None:
        reading = Reading(signs.read_pieces(near, inner, dropped, policy))
    words = reading.words.split()
    closing = tail if reading.tail is None else reading.tail
    if not words:
        return [closing], reading.used
    words[0] = lead.replace("'", "") + words[0]
    words[-1] += closing
    return words, reading.used


def read(near: Company, lead: str, inner: str, tail: str) -> Reading | None:
    """The reading of a chunk that some rule knows, or None."""
    before, after = near[-1], "" if tail else near[1]
    if found := places.read(near, inner, tail):
        words, used = found
        ending = split_marks(near[used - 1])[2]
        return Reading(words, used, ending.removeprefix(".") if inner in places.DIRECTIONS else ending)
    if _DIGIT.search(inner):
        if signs.is_formula(inner) and not inner[0].isdigit():
            return None
        if (glued := _GLUED.fullmatch(inner)) and (word := short.BEFORE_NUMBER.get(glued[1].lower())):
            number = measures.read_number(glued[2], "", after)
            return Reading(f"{word} {number[0]}", number[1], None if number[1] == 1 else "") if number else None
        if inner.isdigit() and tail[:1] in ("'", '"') and before[-1:] == ("°" if tail[0] == "'" else "'"):
            return Reading(f"{numbers.cardinal(inner)} {'minutes' if tail[0] == chr(39) else 'seconds'}", 1, tail[1:])
        found = measures.read_number(inner, before, after, lead, lambda: near[2] if after else "")
        if found is None:
            return None
        words, used = found
        if used == 1 and tail[:1] == '"' and not lead and before in DETERMINERS and inner.isdigit() and near[1]:
            return Reading(words + " inch", 1, tail[1:])  # a 12" pizza
        if measures.FEET.fullmatch(inner) and tail[:1] == '"':
            return Reading(words, 1, tail[1:])  # the inches' own sign
        if used == 1:
            return Reading(words)
        last = near[used - 1]
        ending = split_marks(last)[2]
        # A unit's or p.m.'s own stop is no full stop, unless a sentence ends there.
        if ending.startswith(".") and _is_short(last):
            ending = _stop(last, near[used], ending[1:])
        return Reading(words, used, ending)
    if after and core(after)[:1].isdigit() and (sum_of := _money(inner, core(after), before, lead)):
        return Reading(sum_of, 2, split_marks(after)[2])
    if "/" in inner and (unit := measures.unit_alone(inner)):
        return Reading(unit)
    return (
        _abbreviation(near, inner, tail, before) or _numeral(near, inner, before, after) or _letter(near, inner, tail)
    )


def _money(inner: str, amount: str, before: str, lead: str) -> str | None:
    """A sum whose currency stands before it by itself: $ 5, CAD 50."""
    if inner in numbers.CURRENCIES:
        found = measures.read_number(inner + amount, before, "", lead)
    elif inner in CURRENCY_CODES:
        found = measures.read_number(amount, "", inner)
    else:
        return None
    return found[0] if found else None


def _is_short(chunk: str) -> bool:
    """Whether a chunk that ends in a stop is a short form, of which the stop is a part."""
    inner = core(chunk)
    return DOTTED.fullmatch(inner) is not None or inner in UNITS or inner == "in" or inner.lower() in short.SHORT_MONTHS


def _sentence_ends(chunk: str, after: str) -> bool:
    """Whether the stop of a short form also ends a sentence."""
    if not after:
        return True
    following, inner = core(after), core(chunk)
    if not following[:1].isupper() or inner.lower() in short.NEVER_LAST:
        return False
    return following.lower() in short.OPENERS or (inner.islower() and following not in short.DAYS_AND_MONTHS)


def _stop(chunk: str, after: str, rest: str) -> str:
    """The punctuation after a short form: its own stop only where a sentence ends."""
    return rest if (rest and rest[0] in ".,;:?!") or not _sentence_ends(chunk, after) else "." + rest


def _abbreviation(near: Company, inner: str, tail: str, before: str) -> Reading | None:
    low = inner.lower()
    if inner in short.NAMED:
        return Reading(short.NAMED[inner])
    following = core(near[1])
    if DOTTED.fullmatch(inner) and (tail.startswith(".") or low in short.DOTTED):
        words = short.DOTTED.get(low) or "~" + inner.replace(".", "")
        return Reading(words, 1, _stop(near[0], near[1], tail[1:]) if tail.startswith(".") else tail)
    if not tail.startswith("."):
        if inner in short.BARE_MONTHS and not tail.strip(",") and (following[:1].isdigit() or before[-1:].isdigit()):
            return Reading(short.BARE_MONTHS[inner])
        if inner in short.BARE_STREETS and (before[:1].isupper() or before[:1].isdigit()):
            return Reading(short.AFTER_NAME[low])
        bare = short.BARE.get(inner)
        if bare is None or (
            inner in short.BARE_BEFORE_NAME and not (following[:1].isupper() and len(following) > 1 and not tail)
        ):
            return None
        return Reading(bare)
    named = following[:1].isupper() and following.lower() not in short.OPENERS and tail == "."
    after_name = before[:1].isupper() and before[-1:].isalpha()
    stop = _stop(near[0], near[1], tail[1:])
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
    if inner in short.CAPITALISED or (inner in places.TOWN_STATES and re.fullmatch("[A-Z].*,", before)):
        return Reading((short.CAPITALISED | places.TOWN_STATES)[inner], 1, stop)
    if inner in short.DAYS_TOO and (tail[:2] == ".," or before in _BESIDE_DAY or following[:1].isdigit()):
        return Reading(short.DAYS_TOO[inner], 1, stop)
    if low in short.BEFORE_NAME and named:
        return Reading(short.BEFORE_NAME[low], 1, "")
    if low in short.ALWAYS:
        return Reading(short.ALWAYS[low], 1, tail[1:] if low in short.TITLES and following else stop)
    return None


def _numeral(near: Company, inner: str, before: str, after: str) -> Reading | None:
    """A Roman numeral, where something before it says that it is one."""
    following = core(after)
    if inner.istitle() and following in ("I", "V", "X"):  # a single letter is read with the word before it
        ending = split_marks(after)[2]
        kind = inner.lower()
        if kind in short.NUMBERED_FROM_ONE:
            return Reading(f"{inner} {numbers.cardinal(str(numbers.roman(following)))}", 2, ending)
        if kind in short.RULERS and (following != "I" or ending or near[2] in _AFTER_RULER):
            return Reading(f"{inner} the {numbers.ordinal(str(numbers.roman(following)))}", 2, ending)
        return None
    match = ROMAN.fullmatch(inner.upper() if inner in SMALL_ROMAN else inner)
    if match is None or len(match[1]) < 2:
        return None
    value = numbers.roman(match[1])
    if value is None:
        return None
    if len(match[1]) > 3 and 1000 < value < 2100 and inner[0] == "M":
        return Reading(numbers.year(str(value)))
    kind = core(before).lower() if before[-1:].isalpha() or before[-1:] == "." else ""
    possessive = match[2] or ""
    if kind in short.RULERS and before[:1].isupper():
        return Reading(f"the {numbers.ordinal(str(value))}{possessive}")
    if kind in short.NUMBERED or (
        set(match[1]) <= set("IVX") and (before[:1].isupper() or match[1] not in ("IV", "XX"))
    ):
        return Reading(numbers.cardinal(str(value)) + possessive)
    return None


def _letter(near: Company, inner: str, tail: str) -> Reading | None:
    """`A` as a letter, and pronouns in capitals that are none: US, IT, WHO."""
    if inner != "A" and inner not in short.CAPITALS:
        return None
    before, following = near[-1], core(near[1])
    if inner == "A":
        named = core(before).lower() in short.LETTERED
        return Reading("~A") if named or (before and (tail or not following)) else Reading("a")
    around = [word for word in (core(before), following) if len(word) > 1 and word.isalpha()]
    shouted = any(word.isupper() and word not in short.CAPITALS for word in around)
    shouted = shouted and all(word.isupper() for word in around)
    return None if shouted else Reading("~" + inner)
