from collections import Counter

import pytest

from phonetic.fold import chunks_of, clean


@pytest.mark.parametrize(
    ("text", "chunks"),
    [
        ("café Straße Ærø ﬁsh", ["cafe", "Strasse", "Aero", "fish"]),
        ("“don’t”", ['"don\'t"']),
        ("one\ttwo\u00a0three\u200bfour\r\nfive", ["one", "two", "three", "four", "five"]),
        ("co\u00adoperate", ["cooperate"]),
        ("well—known", ["well", "–", "known"]),
        ("1914–1918", ["1914–1918"]),
        ("London–Paris", ["London", "–", "Paris"]),
        ("3½", ["3", "1/2"]),
        ("did n't it 's", ["didn't", "it's"]),
        ("a\x00b", ["a", "b"]),
        ("e\u0301te\u0301", ["ete"]),
        ("٣ km", ["3", "km"]),
    ],
)
def test_text_becomes_plain_chunks(text: str, chunks: list[str]) -> None:
    assert chunks_of(text) == chunks


def test_what_has_no_words_is_a_gap_and_counted() -> None:
    dropped: Counter[str] = Counter()
    assert chunks_of("one日本two 😀 <i>x</i> \x07", dropped) == ["one", "two", "x"]
    assert dropped == {
        "letter of another script": 2,
        "emoji or symbol": 1,
        "markup": 2,
        "control or unassigned character": 1,
    }


def test_a_sign_for_less_is_no_markup() -> None:
    assert clean("1 < 2 and 3 > 2") == "1 < 2 and 3 > 2"
