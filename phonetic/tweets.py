"""What g2p-en hears in a text: numbers in words, then letters and a few marks alone, cut as nltk cuts tweets.

Each step is g2p-en's own, its faults too: what is no letter is deleted, not replaced, so that `well—known` is one word;
`$3.5` has five cents. Of nltk's pattern for tweets stands here what can still match when all else is deleted. Every
step but one works within the chunks between spaces: a row of dots may hold spaces.

Source: found by running g2p-en 2.1.0, inflect 7.6.0 and nltk 3.10.4, beside which scripts/compare_g2p_en.py sets it.
"""

import re
import unicodedata

from phonetic.numbers import ONES, ORDINALS, SCALES, TENS, one_by_one

KEPT = "abcdefghijklmnopqrstuvwxyz '.,?!-"
_DELETED = re.compile(f"[^{KEPT}]")
_ASCII = {code: kept if (kept := chr(code).lower()) in KEPT else None for code in range(128)}

_DIGIT = re.compile("[0-9]")
_COMMAS = re.compile("[0-9][0-9,]+[0-9]")
_POUNDS = re.compile("£([0-9,]*[0-9])")
_DOLLARS = re.compile(r"\$([0-9.,]*[0-9])")
_DECIMAL = re.compile(r"([0-9]+)\.([0-9]+)")
_NUMBER = re.compile("([0-9]+)(st|nd|rd|th)?")

_RUN = re.compile(r"([^a-z])\1{3,}")  # a mark more than three times in a row counts as three
_TOKEN = re.compile(
    r"[a-z]+(?:[.-][a-z]+){0,126}\.[a-z]{2,13}\b"  # what looks like an address: end.the
    r"|[a-z][a-z'-]+[a-z]|[a-z]+"
    r"|\.(?: *\.)+"
    r"|[^ ]"
)


def clean(text: str) -> str:
    """The text in lower-case letters, spaces and `' . , ? ! -`."""
    if text.isascii() and text.isalpha():
        return text.lower()
    if _DIGIT.search(text):
        text = _spell_numbers(text)
    text = text.translate(_ASCII) if text.isascii() else _DELETED.sub("", unicodedata.normalize("NFD", text).lower())
    return text.replace("i.e.", "that is").replace("e.g.", "for example") if "." in text else text


def tokens(cleaned: str) -> list[str]:
    """The words and marks of a cleaned text."""
    if cleaned.isalpha():
        return [cleaned]
    if cleaned[:-1].isalpha() and cleaned[-1] != " ":
        return [cleaned[:-1], cleaned[-1]]
    return _TOKEN.findall(_RUN.sub(r"\1\1\1", cleaned))


def _spell_numbers(text: str) -> str:
    text = _COMMAS.sub(lambda match: match[0].replace(",", ""), text)
    text = _POUNDS.sub(r"\1 pounds", text)
    text = _DOLLARS.sub(_dollars, text)
    text = _DECIMAL.sub(r"\1 point \2", text)
    return _NUMBER.sub(lambda match: _ordinal(match[1]) if match[2] else _number(match[1]), text)


def _dollars(match: re.Match[str]) -> str:
    """Dollars and cents. Where g2p-en fails, because a comma is left, it is taken out."""
    whole, *cents = match[1].split(".")
    if len(cents) > 1:
        return match[1] + " dollars"
    amounts = (whole, "dollar"), ("".join(cents), "cent")
    counted = [(amount.replace(",", "").lstrip("0"), unit) for amount, unit in amounts]
    said = [f"{number} {unit}{'' if number == '1' else 's'}" for number, unit in counted if number]
    return ", ".join(said) or "zero dollars"


def _number(digits: str) -> str:
    """How g2p-en says a number: from 1001 to 2999 as a year."""
    digits = digits.lstrip("0") or "0"
    if len(digits) != 4 or not "1000" < digits < "3000" or digits == "2000":
        return _cardinal(digits)
    century, rest = _below_hundred(int(digits[:2])), int(digits[2:])
    if not rest:
        return f"{century} hundred"
    if digits < "2010" and digits > "2000":
        return f"two thousand {ONES[rest]}"
    return f"{century} {'oh ' if rest < 10 else ''}{_below_hundred(rest)}"


def _ordinal(digits: str) -> str:
    said = _cardinal(digits.lstrip("0") or "0", "and ")
    for last, ordinal in (*ORDINALS.items(), ("ty", "tieth")):
        if said.endswith(last):
            return said.removesuffix(last) + ordinal
    return said + "th"


def _cardinal(digits: str, joint: str = "") -> str:
    """How many, with commas between the thousands. Past the decillions, where g2p-en fails, digit by digit.

    Args:
        digits: No zero in front.
        joint: What stands before the tens and units.
    """
    if len(digits) > 3 * len(SCALES) + 3:
        return one_by_one(digits)
    groups: list[str] = []
    for scale, end in zip(("", *SCALES), range(len(digits), 0, -3), strict=False):
        hundreds, rest = divmod(int(digits[max(0, end - 3) : end]), 100)
        said = [f"{ONES[hundreds]} hundred"] if hundreds else []
        if rest:
            said.append((joint if hundreds else "") + _below_hundred(rest))
        if said:
            groups.append(" ".join([*said, *filter(None, [scale])]))
    *large, units = groups[::-1] or [ONES[0]]
    if large and int(digits[-3:]) in range(1, 100):
        return f"{', '.join(large)} {joint}{units}"
    return ", ".join([*large, units])


def _below_hundred(number: int) -> str:
    if number < 20:
        return ONES[number]
    return TENS[number // 10] + (f"-{ONES[number % 10]}" if number % 10 else "")
