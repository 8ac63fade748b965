"""Cleaning and cutting as g2p-en does it. scripts/compare_g2p_en.py compares much more, where its data lies."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonetic.tweets import KEPT, clean, tokens


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("It's 5", "it's five"),
        ("1,234 and 12,345", "twelve thirty-four and twelve thousand, three hundred forty-five"),
        ("1000 1001 1900 1905 1999", "one thousand ten oh one nineteen hundred nineteen oh five nineteen ninety-nine"),
        ("2000 2005 2010 3000", "two thousand two thousand five twenty ten three thousand"),
        ("1000005 007 0", "one million five seven zero"),
        ("3.14 1.2.3", "three point fourteen one point two.three"),
        ("1st 2nd 12th 21st 101st 1000th", "first second twelfth twenty-first one hundred and first one thousandth"),
        ("20th 1005th 0th 1stop", "twentieth one thousand and fifth zeroth firstop"),
        ("$1 $3.50 $0.01 $0 £5", "one dollar three dollars, fifty cents one cent zero dollars five pounds"),
        ("$1.2.3 $1,500", "one point two.three dollars fifteen hundred dollars"),
        ("i.e. E.G. phi.e.", "that is for example phthat is"),
        ("well—known 3:30 yes/no", "wellknown threethirty yesno"),
        ("Straße Ångström İ ΣΑΣ don’t 日本", "strae angstrom i  dont "),
        ("a\tb\u00a0c\nd", "abcd"),
        ("$,5 " + "9" * 37, "five dollars " + " ".join(["nine"] * 37)),  # g2p-en fails at both
    ],
)
def test_text_is_cleaned_with_g2p_en_s_faults(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


@pytest.mark.parametrize(
    ("cleaned", "cut"),
    [
        ("the end.the end.", ["the", "end.the", "end", "."]),
        ("o'clock dogs' 'tis re- well-known", ["o'clock", "dogs", "'", "'", "tis", "re", "-", "well-known"]),
        (".... . ,,,,, ?!", ["... .", ",", ",", ",", "?", "!"]),
        ("word.  . word", ["word", ".  .", "word"]),
        ("a.b ab.c ab.cd ab-cd.ef abc.defghijklmnopq", ["a", ".", "b", "ab", ".", "c", "ab.cd", "ab-cd.ef", "abc", ".",
                                                        "defghijklmnopq"]),
        ("", []),
        ("a ", ["a"]),
    ],
)  # fmt: skip
def test_words_and_marks_are_cut_as_in_tweets(cleaned: str, cut: list[str]) -> None:
    assert tokens(cleaned) == cut


@given(st.text("abz.'- ,?!", max_size=40) | st.text(KEPT, max_size=40))
def test_nltk_cuts_the_same(cleaned: str) -> None:
    casual = pytest.importorskip("nltk.tokenize.casual")
    assert tokens(cleaned) == casual.TweetTokenizer().tokenize(cleaned)


@given(st.text(max_size=60))
def test_chunks_are_cleaned_apart_as_together(text: str) -> None:
    assert " ".join(map(clean, text.split(" "))) == clean(text)
    assert re.fullmatch(f"[{KEPT}]*", clean(text))
