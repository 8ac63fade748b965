"""Dates and times of day as they are said."""

import re

from phonetic import abbreviations as short
from phonetic import numbers

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})")
_HALF_SIGN = r"([ap]\.?m)"
_TIME = re.compile(rf"(\d{{1,2}}):([0-5]\d)(?::([0-5]\d))?{_HALF_SIGN}?", re.IGNORECASE)
_HOUR = re.compile(rf"(\d{{1,2}}){_HALF_SIGN}", re.IGNORECASE)
_HALF = re.compile(r"([AaPp])\.?[Mm]")
_OPEN_HOURS = re.compile(rf"(\d{{1,2}}:[0-5]\d{_HALF_SIGN}?)[-–](\d{{1,2}}.*)", re.IGNORECASE)
_MILITARY = re.compile(r"([01]\d|2[0-3])([0-5]\d)")
_AT = frozenset(("at", "by", "until", "till", "from", "around", "to"))  # before 1430 hours: when, not how long
_MARKS = ".,;:?!\")]}'"


def is_month(chunk: str) -> bool:
    """Whether a chunk names a month, in full or short."""
    if chunk in short.MONTHS or chunk in short.BARE_MONTHS:
        return True
    return chunk[:1].isupper() and chunk[-1:] == "." and chunk[:-1].lower() in short.SHORT_MONTHS


def read(inner: str, before: str, after: str) -> tuple[str, int] | None:
    """What to say for a date or a time of day, and for how many chunks it stands."""
    if inner.isdigit():
        return _time(inner, before, after)
    return _date(inner) or _hours(inner, after) or _time(inner, before, after)


def _date(inner: str) -> tuple[str, int] | None:
    if match := _ISO.fullmatch(inner):
        year, month, day = match.groups()
    elif match := _SLASHED.fullmatch(inner):
        month, day, year = match.groups()
        if int(month) > 12:
            month, day = day, month
    else:
        return None
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    said = numbers.year(year) if len(year) == 4 else numbers.two_digits(year)
    return f"{short.MONTHS[int(month) - 1]} {numbers.ordinal(day)} {said}", 1


def _hours(inner: str, after: str) -> tuple[str, int] | None:
    """9:30-11:00 nine thirty to eleven o'clock."""
    match = _OPEN_HOURS.fullmatch(inner)
    if match is None:
        return None
    first, last = _time(match[1], "", ""), _time(match[3], "", after)
    if first and last is None and match[3].isdigit() and int(match[3]) <= 24:
        last = numbers.cardinal(match[3]), 1
    return (f"{first[0]} to {last[0]}", last[1]) if first and last else None


def _time(inner: str, before: str, after: str) -> tuple[str, int] | None:
    half_after = None
    if after:
        after = after.rstrip(_MARKS)
        half_after = _HALF.fullmatch(after)
    if match := _TIME.fullmatch(inner):
        hours, minutes, seconds, own = match.groups()
        if int(hours) > 24:
            return None
    elif match := _HOUR.fullmatch(inner):
        hours, own = match.groups()
        minutes, seconds = "00", None
    elif half_after and re.fullmatch(r"1[0-2]|[1-9]", inner) and (after[1:2] in (".", "m") or after[:2].isupper()):
        hours, minutes, seconds, own = inner, "00", None, None
    elif after in ("hours", "hrs") and (match := _MILITARY.fullmatch(inner)):
        if inner[0] != "0" and before.lower() not in _AT:
            return None
        return f"{numbers.two_digits(match[1])} {_military_minutes(match[2])}", 1
    else:
        return None
    half = own or (half_after[0] if half_after else None)
    said = numbers.clock(hours, minutes, half_of_day=half is not None)
    if seconds:
        said += " " + numbers.two_digits(seconds)
    used = 2 if half and not own else 1
    return (f"{said} ~{half[0].upper()}M" if half else said), used


def _military_minutes(minutes: str) -> str:
    return "hundred" if minutes == "00" else numbers.two_digits(minutes)
