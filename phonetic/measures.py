"""Chunks with digits in them: money, percentages, ranges, fractions, units, and plain numbers."""

import re
from collections.abc import Callable

from phonetic import dates, numbers, units
from phonetic.phones import words
from phonetic.places import DIRECTIONS, house

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
CURRENCY = f"[{''.join(numbers.CURRENCIES)}]"
_MONEY = re.compile(rf"([-+]?)([A-Z]{{1,2}})?({CURRENCY})({NUMBER})([a-zA-Z]{{1,2}})?")
_MONEY_SCALE = re.compile(rf"({CURRENCY})({NUMBER})-(thousand|million|billion|trillion)")
_CENTS = re.compile(rf"({NUMBER})¢")
_PERCENT = re.compile(rf"([-+±]?)({NUMBER})%")
_ORDINAL = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th|(?<=\d[23])d)", re.IGNORECASE)
_DECADE = re.compile(r"(\d0|\d{3}0)'?s")
_NAMED_AFTER = re.compile(rf"({NUMBER})('?)s")  # 1994's, two 747s
_POWERED = re.compile(r"([a-z]{1,2})\^?([23])")
_SCIENTIFIC = re.compile(rf"({NUMBER})[eE]([-+]?\d{{1,3}})")
_PER = re.compile(r"([^/]*\d[^/]*)/([A-Za-z]+)")
_RANGE = re.compile(rf"({CURRENCY}?)({NUMBER})([A-Za-z%°]{{0,2}})[-–]({CURRENCY}?)((?:{NUMBER})\S*)")
_FRACTION = re.compile(r"(?:(\d{1,3})-)?(\d{1,3})/(\d{1,3})(?:rds|ths)?")
FEET = re.compile(r"(\d+)'(\d+)")
_VERSION = re.compile(r"(v\.?)?(\d+(?:\.\d+)*)")
_VERSIONED = frozenset(words("version release python java node ubuntu android ios macos php ruby kernel perl swift"))
_DURATION = re.compile(r"(\d+)h(\d+)m?(?:in)?")
_ROUND = {"10": "ten", "100": "hundred", "1000": "thousand", "1,000": "thousand"}
_RATIO = re.compile(r"(\d+):(\d+)")
_SIZE = re.compile(rf"({NUMBER})[x×]({NUMBER})")
_UNIT = r"[a-zA-Z°/\u00b5\u2126]"
_PLAIN = re.compile(rf"([-+±~]?)({NUMBER})({_UNIT}*)(?:\^?([23]))?")
_UNIT_AFTER = re.compile(rf"({_UNIT}+|%)(?:\^?([23]))?[.,;:?!)\]\"']*")
_NOUN = re.compile("[a-z]{3,}")
_ARC = re.compile(r"(\d+)°(?:(\d+)')?(?:(\d+(?:\.\d+)?)\"?)?([NSEW])?")
_YEAR = re.compile("1[1-9][0-9][0-9]|20[0-9][0-9]")
_OLD_YEAR = re.compile("10[1-9][0-9]")
_WHEN = frozenset(words("in since year until till circa c. ad a.d."))
_SIGN = {"-": "minus ", "+": "plus ", "±": "plus or minus ", "~": "about ", "": ""}
_POWER = {"2": "square ", "3": "cubic "}


def read_number(
    inner: str, before: str, after: str, lead: str = "", then: Callable[[], str] = str
) -> tuple[str, int] | None:
    """What to say for `inner`, and for how many chunks it stands: it and perhaps those after it.

    Args:
        inner: The chunk without the punctuation around it.
        before: The whole chunk before it.
        after: The whole chunk after it, empty when punctuation parts them.
        lead: The punctuation that opens the chunk: an apostrophe shortens a year.
        then: What gives the chunk after `after`.
    """
    if lead.endswith("'") and re.fullmatch(r"\d\d", inner):
        return numbers.two_digits(inner), 1
    if (found := dates.read(inner, before, after)) is not None:
        return found
    if inner.isdigit():
        return _counted(inner, before, after, then)
    for read in (_money, _range, _other):
        if (found := read(inner, before, after, then)) is not None:
            return found
    return _counted(inner, before, after, then)


def _describes(before: str, following: str) -> bool:
    """Whether what stands between describes the noun that follows: a $20 million deal, a 10 m pool."""
    noun = _NOUN.match(following)
    if noun is None or noun[0] in units.NO_NOUNS:
        return False
    return before.lower() in units.DETERMINERS or (before.lower() == "the" and not noun[0].endswith("ed"))


def _money(inner: str, before: str, after: str, then: Callable[[], str]) -> tuple[str, int] | None:
    if match := _CENTS.fullmatch(inner):
        return f"{numbers.decimal(match[1])} {'cent' if match[1] == '1' else 'cents'}", 1
    if match := _MONEY_SCALE.fullmatch(inner):  # a $1-billion plan
        return f"{numbers.decimal(match[2])} {match[3]} {numbers.CURRENCIES[match[1]][0]}", 1
    match = _MONEY.fullmatch(inner)
    if match is None:
        return None
    sign, country, symbol, amount, glued = match.groups()
    scale = units.GLUED_SCALES.get(glued or "")
    if glued and scale is None:
        return None
    used = 1
    if scale is None and after and (word := re.sub(r"[^a-z].*", "", after.lower())) in units.SCALES:
        scale, used = word, 2
    said = numbers.money(symbol, amount, scale or "")
    is_note = re.match(r"(?:bills?|notes?|coins?)\b", after) is not None
    if ("." not in amount or scale) and (is_note or _describes(before, then() if used == 2 else after)):
        said = " ".join([numbers.decimal(amount), *([scale] if scale else []), numbers.CURRENCIES[symbol][0]])
    if country in units.DOLLARS_OF and symbol == "$":
        amount_said, _, unit = said.rpartition(" ")
        said = f"{amount_said} {units.DOLLARS_OF[country]} {unit}"
    return _SIGN[sign] + said, used


def _range(inner: str, before: str, after: str, then: Callable[[], str]) -> tuple[str, int] | None:
    match = _RANGE.fullmatch(inner)
    if match is None:
        return None
    left_currency, left, left_unit, right_currency, right = match.groups()
    first = read_number(left + left_unit, before, "")
    currency = right_currency or left_currency
    if _YEAR.fullmatch(left) and re.fullmatch(r"\d\d", right):
        first = numbers.year(left), 1
        second: tuple[str, int] | None = (numbers.two_digits(right), 1)
    else:
        second = read_number(currency + right, before if dates.is_month(before) else "", after)
    if first is None or second is None:
        return None
    said = read_number(left_currency + left, "", "") if left_currency and right_currency else first
    return (f"{said[0]} to {second[0]}", second[1]) if said else None


def _other(inner: str, before: str, after: str, then: Callable[[], str]) -> tuple[str, int] | None:
    """What a number's own shape tells: a percentage, an ordinal, a decade, a rate, a power of ten, an angle."""
    said: str | None = None
    if match := _PERCENT.fullmatch(inner):
        said = f"{_SIGN[match[1]]}{numbers.decimal(match[2])} percent"
    elif match := _ORDINAL.fullmatch(inner):
        said = numbers.ordinal(match[1].replace(",", ""))
    elif match := _DECADE.fullmatch(inner):
        said = numbers.decade(match[1])
    elif match := _NAMED_AFTER.fullmatch(inner):
        number, apostrophe = match.groups()
        if number in _ROUND or not apostrophe:
            is_name = re.fullmatch(r"\d{3}", number) is not None
            said = numbers.plural(_ROUND.get(number) or (house(number) if is_name else _bare(number, "", "")))
        else:
            said = _bare(number, "", "") + "'s"
    elif match := _POWERED.fullmatch(inner):
        said = _unit(match[1], match[2], "1")
    elif match := _PER.fullmatch(inner):
        left = read_number(match[1], "", "")
        one = _unit_of_rate(match[2])
        said = f"{left[0]} per {one}" if left and one else None
    elif match := _SCIENTIFIC.fullmatch(inner):
        said = f"{numbers.decimal(match[1])} times ten {numbers.power(match[2], named=False)}"
    elif (match := _ARC.fullmatch(inner)) and (match[2] or match[4]):
        said = _arc(*match.groups())
    else:
        said = _shape(inner, before)
    return (said, 1) if said else None


def _shape(inner: str, before: str) -> str | None:
    """Numbers joined by a sign: fractions, feet and inches, versions, ratios, sizes."""
    if match := _FRACTION.fullmatch(inner):
        whole, over, under = match.groups()
        if 0 < int(over) < int(under) and (int(under) <= 10 or int(under) in (12, 16, 20, 32, 64, 100)):
            part = numbers.fraction(over, under)
            return f"{numbers.cardinal(whole)} and {part.replace('one ', 'a ', 1)}" if whole else part
        return None if whole else f"{numbers.cardinal(over)} {numbers.cardinal(under)}"
    if match := FEET.fullmatch(inner):
        return f"{numbers.cardinal(match[1])} foot {numbers.cardinal(match[2])}"
    if match := _VERSION.fullmatch(inner):
        parts = match[2].split(".")
        named = bool(match[1]) or _bare_word(before) in _VERSIONED
        if len(parts) > 2 or (named and len(parts) == 2 and parts[1][0] != "0") or match[1]:
            joined = f" {'dot' if len(parts) == 4 and not named else 'point'} ".join(map(numbers.cardinal, parts))
            return f"version {joined}" if match[1] else joined
    if match := _RATIO.fullmatch(inner):
        return f"{numbers.cardinal(match[1])} to {numbers.cardinal(match[2])}"
    if match := _SIZE.fullmatch(inner):
        return f"{numbers.decimal(match[1])} by {numbers.decimal(match[2])}"
    if match := _DURATION.fullmatch(inner):
        parts = [_many(part, name) for part, name in zip(match.groups(), ("hour", "minute"), strict=True) if part]
        return " ".join(parts)
    return None


def _bare_word(chunk: str) -> str:
    return chunk.strip("\"'(").lower()


def _many(digits: str, name: str) -> str:
    return f"{numbers.cardinal(digits)} {name if digits.lstrip('0') == '1' else name + 's'}"


def _arc(degrees: str, minutes: str | None, seconds: str | None, side: str | None) -> str:
    """40°26'46"N forty degrees twenty six minutes forty six seconds north."""
    said = [_many(degrees, "degree")]
    if minutes:
        said.append(_many(minutes, "minute"))
    if seconds:
        said.append(f"{numbers.decimal(seconds)} seconds")
    return " ".join([*said, *([DIRECTIONS[side]] if side else [])])


def _counted(inner: str, before: str, after: str, then: Callable[[], str]) -> tuple[str, int] | None:
    """A plain number with what it counts: a day of a month, a year, a mixed number, a unit."""
    match = _PLAIN.fullmatch(inner)
    if match is None:
        return None
    sign, number, unit, power = match.groups()
    amount = _SIGN[sign] + numbers.decimal(number)
    if unit:
        scale = "~K" if unit == "K" else units.GLUED_SCALES.get(unit) if unit in ("k", "M", "bn") else None
        if scale and not power:
            return f"{amount} {scale}", 1
        named = _unit(unit, power, "1" if _describes(before, after) else number, inch=True)
        return (f"{amount} {named}", 1) if named else None
    if power:
        return None
    if after and (found := _measured(amount, number, before, after, then)):
        return found
    return _SIGN[sign] + _bare(number, before, after), 1


def _measured(amount: str, number: str, before: str, after: str, then: Callable[[], str]) -> tuple[str, int] | None:
    """A number with the unit or the fraction in the chunks after it."""
    name = _UNIT_AFTER.fullmatch(after)
    if name and name[1] == "%":
        return f"{amount} percent", 2
    is_initial = after[1:2] == "." and after[0].isupper()
    if name and not is_initial and _unit(name[1], name[2], number, inch=True):
        # "in" is an inch only with its stop, or where brackets close on it, as in (24 in).
        inch = after[2:3] == "." or after[-1] in ")]" or before.rstrip(".") in ("ft", "feet", "foot")
        inch = inch or then() in ("wide", "long", "high", "tall", "deep", "thick")
        if named := _unit(name[1], name[2], "1" if _describes(before, then()) else number, inch=inch):
            return f"{amount} {named}", 2
    if after in ("sq", "sq.", "cu", "cu.") and (name := _UNIT_AFTER.fullmatch(then())):
        named = _unit(name[1], "2" if after[0] == "s" else "3", "1" if _describes(before, then()) else number)
        if named:
            return f"{amount} {named}", 3
    mixed = _FRACTION.match(after)
    if mixed and not mixed[1] and number.isdigit() and 0 < int(mixed[2]) < int(mixed[3]):
        part = numbers.fraction(mixed[2], mixed[3]).replace("one ", "a ", 1)
        unit_after = re.fullmatch(r"([A-Za-z]+)[.,;:?!)\]\"']*", then()) if after == mixed[0] else None
        named = _unit(unit_after[1], None, number="") if unit_after else None
        said = f"{numbers.cardinal(number)} and {part}"
        if after[len(mixed[0]) :] == '"':
            return f"{said} inches", 2
        return (f"{said} {named}", 3) if named else (said, 2)
    return None


def _bare(number: str, before: str, after: str) -> str:
    """A number with no unit: the day of a month, a year, a code with a zero in front, or how many."""
    if not number.isdigit():
        return numbers.decimal(number)
    if len(number) <= 2 and 1 <= int(number) <= 31:
        if dates.is_month(before):
            return numbers.ordinal(number)
        if after[:1].isupper() and (dates.is_month(after.rstrip(",;:)")) or dates.is_month(after.rstrip('.,;:?!)"'))):
            return f"{'' if before.lower() == 'the' else 'the '}{numbers.ordinal(number)} of"
    is_year = _YEAR.fullmatch(number) is not None or (len(number) == 4 and before.lower() == "year")
    is_year = is_year or (before.lower() in _WHEN and _OLD_YEAR.fullmatch(number) is not None)
    if is_year and re.sub(r"\W+$", "", after.lower()) not in units.COUNTED:
        return numbers.year(number)
    if before in ("-", "–") and len(number) == 2:  # 2001 – 02
        return numbers.two_digits(number)
    if number[0] == "0" and len(number) > 1:
        return numbers.one_by_one(number)
    return numbers.cardinal(number)


def _unit(name: str, power: str | None, number: str, *, inch: bool = False) -> str | None:
    """The unit's name as `number` wants it, or None."""
    head, stroke, rest = name.partition("/")
    if head == "in" and (inch or power):
        forms: tuple[str, str] | None = ("inch", "inches")
    else:
        forms = units.UNITS.get(head)
    if forms is None:
        return None
    form = forms[0 if number == "1" else 1]
    if not stroke:
        return _POWER.get(power or "", "") + form
    one = _unit_of_rate(rest)
    if one is None:
        return None
    if rest in units.PER:
        return f"{form} per {one}" + (f" {numbers.power(power)}" if power else "")
    return f"{form} per {_POWER.get(power or '', '')}{one}"


def unit_alone(name: str) -> str | None:
    """A unit of a rate with no number before it: m/s, mg/kg."""
    head, _, rest = name.partition("/")
    match = re.fullmatch(r"(\w+)(?:\^([23]))?", rest)
    return _unit(f"{head}/{match[1]}", match[2], "") if match and match[1] in units.UNITS | units.PER else None


def _unit_of_rate(name: str) -> str | None:
    """What stands after the stroke of a rate: miles/hour, mg/kg, $5/day."""
    if name in units.PER:
        return units.PER[name]
    if name in units.UNITS:
        return units.UNITS[name][0]
    return name if name.islower() and len(name) > 2 else None
