"""Chunks with digits in them: dates, times, money, percentages, ranges, fractions, units, telephone numbers."""

import re

from phonetic import abbreviations as short
from phonetic import numbers

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
CURRENCY = "[$£€¥₹]"
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})")
_PHONE = re.compile(r"(?:\+?(\d{1,2})[-. ])?(?:\(?(\d{3})\)?[-. ])?(\d{3})[-.](\d{4})")
_TIME = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?([ap]\.?m)?", re.IGNORECASE)
_HOUR = re.compile(r"(\d{1,2})([ap]\.?m)", re.IGNORECASE)
_HALF = re.compile(r"([AaPp])\.?[Mm]")
_MONEY = re.compile(rf"([-+]?)([A-Z]{{1,2}})?({CURRENCY})({NUMBER})([a-zA-Z]{{1,2}})?")
_MONEY_SCALE = re.compile(rf"({CURRENCY})({NUMBER})-(thousand|million|billion|trillion)")
_CENTS = re.compile(rf"({NUMBER})¢")
_PERCENT = re.compile(rf"([-+±]?)({NUMBER})%")
_ORDINAL = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th|(?<=\d[23])d)", re.IGNORECASE)
_DECADE = re.compile(r"(\d0|\d{3}0)'?s")
_NAMED_AFTER = re.compile(rf"({NUMBER})('?)s")  # 1994's, two 747s
_POWERED = re.compile(r"([a-z]{1,2})\^?([23])")
_RANGE = re.compile(rf"({CURRENCY}?)({NUMBER})([a-z%°]{{0,2}})[-–]({CURRENCY}?)((?:{NUMBER})\S*)")
_FRACTION = re.compile(r"(\d{1,3})/(\d{1,3})")
FEET = re.compile(r"(\d+)'(\d+)")
_VERSION = re.compile(r"\d+(?:\.\d+){2,}")
_RATIO = re.compile(r"(\d+):(\d+)")
_SIZE = re.compile(rf"({NUMBER})[x×]({NUMBER})")
_PLAIN = re.compile(rf"([-+±~]?)({NUMBER})([a-zA-Z°/]*)(?:\^?([23]))?")
_YEAR = re.compile("1[1-9][0-9][0-9]|20[0-9][0-9]")
_SIGN = {"-": "minus ", "+": "plus ", "±": "plus or minus ", "~": "about ", "": ""}
_POWER = {"2": "square ", "3": "cubic "}


def read_number(inner: str, before: str, after: str, lead: str = "", after_next: str = "") -> tuple[str, int] | None:
    """What to say for `inner`, and for how many chunks it stands: it and perhaps those after it.

    Args:
        inner: The chunk without the punctuation around it.
        before: The whole chunk before it.
        after: The whole chunk after it, empty when punctuation parts them.
        lead: The punctuation that opens the chunk: an apostrophe shortens a year.
        after_next: The chunk after `after`.
    """
    if lead.endswith("'") and re.fullmatch(r"\d\d", inner):
        return numbers.two_digits(inner), 1
    for read in (_date, _telephone, _time, _money, _range, _other):
        if (found := read(inner, before, after)) is not None:
            return found
    return _counted(inner, before, after, after_next)


def _date(inner: str, before: str, after: str) -> tuple[str, int] | None:
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


def is_area_code(inner: str, after: str) -> bool:
    """Whether (555) stands before the rest of a telephone number."""
    return re.fullmatch(r"\d{3}", inner) is not None and re.match(r"\d{3}-\d{4}\b", after) is not None


def _telephone(inner: str, before: str, after: str) -> tuple[str, int] | None:
    if is_area_code(inner, after):
        return numbers.one_by_one(inner + after[:3] + after[4:8]), 2
    if match := _PHONE.fullmatch(inner):
        return numbers.one_by_one("".join(group or "" for group in match.groups())), 1
    if inner.isdigit() and len(inner) > 9:
        return numbers.one_by_one(inner), 1
    return None


def _time(inner: str, before: str, after: str) -> tuple[str, int] | None:
    half_after = _HALF.fullmatch(re.sub(r"""[.,;:?!")\]}']+$""", "", after))
    if match := _TIME.fullmatch(inner):
        hours, minutes, seconds, own = match.groups()
        if int(hours) > 24:
            return None
    elif match := _HOUR.fullmatch(inner):
        hours, own = match.groups()
        minutes, seconds = "00", None
    elif half_after and re.fullmatch(r"1[0-2]|[1-9]", inner) and (after[1:2] in ".m" or after[:2].isupper()):
        hours, minutes, seconds, own = inner, "00", None, None
    else:
        return None
    half = own or (half_after[0] if half_after else None)
    said = numbers.clock(hours, minutes, half_of_day=half is not None)
    if seconds:
        said += " " + numbers.two_digits(seconds)
    used = 2 if half and not own else 1
    return (f"{said} ~{half[0].upper()}M" if half else said), used


def _money(inner: str, before: str, after: str) -> tuple[str, int] | None:
    if match := _CENTS.fullmatch(inner):
        return f"{numbers.decimal(match[1])} {'cent' if match[1] == '1' else 'cents'}", 1
    if match := _MONEY_SCALE.fullmatch(inner):  # a $1-billion plan
        return f"{numbers.decimal(match[2])} {match[3]} {numbers.CURRENCIES[match[1]][0]}", 1
    match = _MONEY.fullmatch(inner)
    if match is None:
        return None
    sign, country, symbol, amount, glued = match.groups()
    scale = short.GLUED_SCALES.get(glued or "")
    if glued and scale is None:
        return None
    used = 1
    if scale is None and after and (word := re.sub(r"[^a-z].*", "", after.lower())) in short.SCALES:
        scale, used = word, 2
    said = numbers.money(symbol, amount, scale or "")
    if re.match(r"(?:bills?|notes?|coins?)\b", after) and "." not in amount:
        said = f"{numbers.decimal(amount)} {numbers.CURRENCIES[symbol][0]}"
    if country in short.DOLLARS_OF and symbol == "$":
        amount_said, _, unit = said.rpartition(" ")
        said = f"{amount_said} {short.DOLLARS_OF[country]} {unit}"
    return _SIGN[sign] + said, used


def _range(inner: str, before: str, after: str) -> tuple[str, int] | None:
    match = _RANGE.fullmatch(inner)
    if match is None:
        return None
    left_currency, left, left_unit, right_currency, right = match.groups()
    first = read_number(left + left_unit, before, "")
    currency = right_currency or left_currency
    if _YEAR.fullmatch(left) and re.fullmatch(r"\d\d", right):
        second: tuple[str, int] | None = (numbers.two_digits(right), 1)
    else:
        second = read_number(currency + right, before if _month(before) else "", after)
    if first is None or second is None:
        return None
    said = read_number(left_currency + left, "", "") if left_currency and right_currency else first
    return (f"{said[0]} to {second[0]}", second[1]) if said else None


def _other(inner: str, before: str, after: str) -> tuple[str, int] | None:
    """Percentages, ordinals, decades, fractions, feet and inches, versions, ratios, sizes."""
    if match := _PERCENT.fullmatch(inner):
        return f"{_SIGN[match[1]]}{numbers.decimal(match[2])} percent", 1
    if match := _ORDINAL.fullmatch(inner):
        return numbers.ordinal(match[1].replace(",", "")), 1
    if match := _DECADE.fullmatch(inner):
        return numbers.decade(match[1]), 1
    if match := _NAMED_AFTER.fullmatch(inner):
        said = _bare(match[1], "", "")
        return f"{said}'s" if match[2] else numbers.plural(said), 1
    if (match := _POWERED.fullmatch(inner)) and (unit := _unit(match[1], match[2], "1")):
        return unit, 1
    if match := _FRACTION.fullmatch(inner):
        over, under = match.groups()
        if 0 < int(over) < int(under) and (int(under) <= 10 or int(under) in (12, 16, 20, 32, 64, 100)):
            return numbers.fraction(over, under), 1
        return f"{numbers.cardinal(over)} {numbers.cardinal(under)}", 1
    if match := FEET.fullmatch(inner):
        return f"{numbers.cardinal(match[1])} foot {numbers.cardinal(match[2])}", 1
    if _VERSION.fullmatch(inner):
        return " point ".join(numbers.cardinal(part) for part in inner.split(".")), 1
    if match := _RATIO.fullmatch(inner):
        return f"{numbers.cardinal(match[1])} to {numbers.cardinal(match[2])}", 1
    if match := _SIZE.fullmatch(inner):
        return f"{numbers.decimal(match[1])} by {numbers.decimal(match[2])}", 1
    return None


def _month(chunk: str) -> bool:
    """Whether a chunk names a month, in full or short with a stop."""
    return chunk in short.MONTHS or (
        chunk[:1].isupper() and chunk[-1:] == "." and chunk[:-1].lower() in short.SHORT_MONTHS
    )


def _counted(inner: str, before: str, after: str, after_next: str) -> tuple[str, int] | None:
    """A plain number with what it counts: a day of a month, a year, a mixed number, a unit."""
    match = _PLAIN.fullmatch(inner)
    if match is None:
        return None
    sign, number, unit, power = match.groups()
    if unit:
        scale = short.GLUED_SCALES.get(unit) if unit in ("k", "K", "M", "bn") else None
        if scale and not power:
            return f"{_SIGN[sign]}{numbers.decimal(number)} {scale}", 1
        named = _unit(unit, power, number)
        return (f"{_SIGN[sign]}{numbers.decimal(number)} {named}", 1) if named else None
    if power:
        return None
    if after:
        # "in" is an inch only where brackets close on it, as in (24 in).
        name = re.fullmatch(r"([A-Za-z°/]+|%)(?:\^?([23]))?[.,;:?!)\]\"']*", after)
        if name and name[1] == "%":
            return f"{_SIGN[sign]}{numbers.decimal(number)} percent", 2
        inch = name is not None and name[1] == "in" and after[-1] in ")]"
        named = _unit(name[1], name[2], number, inch=inch) if name else None
        if named:
            return f"{_SIGN[sign]}{numbers.decimal(number)} {named}", 2
        if (after[:2] == "sq" and (name := re.fullmatch(r"([A-Za-z]+)[.,;:?!)\]\"']*", after_next))) and after in (
            "sq",
            "sq.",
        ):
            named = _unit(name[1], "2", number)
            if named:
                return f"{_SIGN[sign]}{numbers.decimal(number)} {named}", 3
        mixed = _FRACTION.match(after)
        if mixed and number.isdigit() and 0 < int(mixed[1]) < int(mixed[2]):
            part = numbers.fraction(mixed[1], mixed[2]).replace("one ", "a ", 1)
            unit_after = re.fullmatch(r"([A-Za-z]+)[.,;:?!)\]\"']*", after_next) if after == mixed[0] else None
            named = _unit(unit_after[1], None, number="") if unit_after else None
            said = f"{numbers.cardinal(number)} and {part}"
            return (f"{said} {named}", 3) if named else (said, 2)
    return _SIGN[sign] + _bare(number, before, after), 1


def _bare(number: str, before: str, after: str) -> str:
    """A number with no unit: the day of a month, a year, a code with a zero in front, or how many."""
    if not number.isdigit():
        return numbers.decimal(number)
    if len(number) <= 2 and 1 <= int(number) <= 31:
        if _month(before):
            return numbers.ordinal(number)
        if re.match(r"[A-Z][a-z]+", after) and (
            _month(after.rstrip(",;:)")) or after.rstrip('.,;:?!)"') in short.MONTHS
        ):
            return f"{'' if before.lower() == 'the' else 'the '}{numbers.ordinal(number)} of"
    if _YEAR.fullmatch(number) and re.sub(r"\W+$", "", after.lower()) not in short.COUNTED:
        return numbers.year(number)
    if before in ("-", "–") and len(number) == 2:  # 2001 – 02
        return numbers.two_digits(number)
    if number[0] == "0" and len(number) > 1:
        return numbers.one_by_one(number)
    return numbers.cardinal(number)


def _unit(name: str, power: str | None, number: str, *, inch: bool = False) -> str | None:
    """The unit's name as `number` wants it, or None."""
    if name == "in" and (inch or power):
        forms: tuple[str, str] | None = ("inch", "inches")
    else:
        forms = short.UNITS.get(name)
    if forms is None:
        return None
    return _POWER.get(power or "", "") + forms[0 if number == "1" else 1]
