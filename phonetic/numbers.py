"""Numbers as an educated American reads them aloud: digits in, English words out."""

import functools
import re

from phonetic.phones import words

ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
TENS = words("zero ten twenty thirty forty fifty sixty seventy eighty ninety")
SCALES = words(
    "thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion decillion"
)
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
# symbol -> singular, plural, cent, cents; no cents, no such words
CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "", ""),
    "₽": ("ruble", "rubles", "kopek", "kopeks"),
    "₺": ("lira", "lira", "", ""),
    "₪": ("shekel", "shekels", "", ""),
    "฿": ("baht", "baht", "", ""),
    "₱": ("peso", "pesos", "", ""),
    "₫": ("dong", "dong", "", ""),
    "₦": ("naira", "naira", "", ""),
}
ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
ROMAN_FORM = re.compile(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")


def one_by_one(digits: str) -> str:
    """Each digit by its name: telephone numbers, codes, what stands after a decimal point."""
    return " ".join(ONES[int(digit)] for digit in digits)


def _below_thousand(n: int) -> list[str]:
    words = [ONES[n // 100], "hundred"] if n >= 100 else []
    n %= 100
    if n >= 20:
        words.append(TENS[n // 10])
        n %= 10
    if n:
        words.append(ONES[n])
    return words


@functools.lru_cache(maxsize=1 << 12)
def cardinal(digits: str) -> str:
    """How many: `1234` is one thousand two hundred thirty four. Past the decillions, digit by digit."""
    digits = digits.lstrip("0") or "0"
    if len(digits) > 3 * len(SCALES) + 3:
        return one_by_one(digits)
    if digits == "0":
        return "zero"
    words: list[str] = []
    while digits:
        group = len(digits) - (len(digits) % 3 or 3)  # how many digits stand after this group
        head, digits = digits[: len(digits) - group], digits[len(digits) - group :]
        if int(head):
            words += _below_thousand(int(head))
            if group:
                words.append(SCALES[group // 3 - 1])
    return " ".join(words)


def ordinal(digits: str) -> str:
    """Which: `21` is twenty first."""
    *front, last = cardinal(digits).split(" ")
    if last in ORDINALS:
        last = ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "h" if last.endswith("t") else "th"
    return " ".join([*front, last])


def power(exponent: str, *, named: bool = True) -> str:
    """What follows a number or a symbol that is raised: squared, cubed, to the ten, to the minus three, to the n."""
    if named and exponent in ("2", "3"):
        return "squared" if exponent == "2" else "cubed"
    sign = {"-": "minus ", "+": "plus "}.get(exponent[0], "")
    digits = exponent.lstrip("+-")
    return f"to the {sign}{cardinal(digits) if digits.isdigit() else '~' + digits}"


def plural(words: str) -> str:
    """The plural of a number: eighty, eighties; six, sixes."""
    if words.endswith("y"):
        return words[:-1] + "ies"
    return words + ("es" if words.endswith("x") else "s")


def year(digits: str) -> str:
    """A year of four digits: 1914 nineteen fourteen, 1905 nineteen oh five, 2005 two thousand five."""
    century, rest = int(digits[:2]), int(digits[2:])
    if century % 10 == 0 and rest < 10:
        return cardinal(digits)
    if rest == 0:
        return f"{cardinal(digits[:2])} hundred"
    return f"{cardinal(digits[:2])} {two_digits(digits[2:])}"


def two_digits(digits: str) -> str:
    """The end of a year, the minutes of a time: `05` is oh five."""
    return f"oh {ONES[int(digits[1])]}" if digits[0] == "0" else cardinal(digits)


def decade(digits: str) -> str:
    """1980s, 80s, 1900s, without their s: nineteen eighties, eighties, nineteen hundreds."""
    return plural(year(digits) if len(digits) == 4 else cardinal(digits))


def decimal(number: str) -> str:
    """A number with or without commas and a decimal point: 3.14, .5, 1,234.5."""
    whole, point, places = number.replace(",", "").partition(".")
    words = [cardinal(whole)] if whole else []
    if point:
        words += ["point", one_by_one(places)]
    return " ".join(words)


def fraction(over: str, under: str) -> str:
    """1/2 one half, 3/4 three quarters, 2/3 two thirds."""
    one = int(over) == 1
    name = {2: "half", 4: "quarter"}.get(int(under)) or ordinal(under)
    if not one:
        name = "halves" if name == "half" else name + "s"
    return f"{cardinal(over)} {name}"


def money(symbol: str, amount: str, scale: str = "") -> str:
    """$3.50 three dollars and fifty cents, $1.5 with `scale` million one point five million dollars."""
    one, many, cent, cents = CURRENCIES[symbol]
    amount = amount.replace(",", "")
    whole, _, places = amount.partition(".")
    if scale:
        return f"{decimal(amount)} {scale} {many}"
    if len(places) != 2 or not cent:
        return f"{decimal(amount)} {one if amount == '1' else many}"
    small = f"{cardinal(places)} {cent if int(places) == 1 else cents}" if int(places) else ""
    if small and not int(whole or "0"):
        return small
    large = f"{cardinal(whole)} {one if int(whole or '0') == 1 else many}"
    return f"{large} and {small}" if small else large


def clock(hours: str, minutes: str, *, half_of_day: bool) -> str:
    """3:30 three thirty, 3:05 three oh five, 12:00 twelve o'clock, 15:00 fifteen hundred.

    Args:
        half_of_day: Whether a.m. or p.m. follows, and takes the place of o'clock.
    """
    if minutes != "00":
        return f"{cardinal(hours)} {two_digits(minutes)}"
    if half_of_day:
        return cardinal(hours)
    if 1 <= int(hours) <= 12:
        return f"{cardinal(hours)} o'clock"
    return f"{cardinal(hours)} hundred"


def roman(numeral: str) -> int | None:
    """The value of a well-formed Roman numeral in capitals, else None."""
    if not numeral or not ROMAN_FORM.fullmatch(numeral):
        return None
    total = 0
    for letter, after in zip(numeral, [*numeral[1:], ""], strict=True):
        value = ROMAN[letter]
        total += -value if after and ROMAN[after] > value else value
    return total
