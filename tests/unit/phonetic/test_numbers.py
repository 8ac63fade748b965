import pytest

from phonetic import numbers


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "zero"),
        ("21", "twenty one"),
        ("110", "one hundred ten"),
        ("1000000", "one million"),
        ("1234567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("1" + "0" * 33, "one decillion"),
        ("1" + "0" * 40, "one" + " zero" * 40),
    ],
)
def test_cardinals(digits: str, words: str) -> None:
    assert numbers.cardinal(digits) == words


def test_ordinals() -> None:
    said = [numbers.ordinal(digits) for digits in ("1", "8", "12", "20", "21", "100")]
    assert said == ["first", "eighth", "twelfth", "twentieth", "twenty first", "one hundredth"]


def test_years() -> None:
    said = [numbers.year(digits) for digits in ("1066", "1900", "1905", "2000", "2005", "2024")]
    assert said == [
        "ten sixty six",
        "nineteen hundred",
        "nineteen oh five",
        "two thousand",
        "two thousand five",
        "twenty twenty four",
    ]


def test_money() -> None:
    assert numbers.money("$", "0.01") == "one cent"
    assert numbers.money("£", "1") == "one pound"
    assert numbers.money("€", "1,234.56") == "one thousand two hundred thirty four euros and fifty six cents"


def test_decades() -> None:
    assert [numbers.decade(digits) for digits in ("1980", "80", "1900")] == [
        "nineteen eighties",
        "eighties",
        "nineteen hundreds",
    ]


def test_roman_numerals_must_be_well_formed() -> None:
    assert [numbers.roman(numeral) for numeral in ("IV", "XIX", "MCMXLV")] == [4, 19, 1945]
    assert [numbers.roman(numeral) for numeral in ("IIII", "VX", "")] == [None] * 3
