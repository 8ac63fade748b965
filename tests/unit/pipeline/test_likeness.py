"""Figures for answers: worked examples small enough to check by hand, and published ones."""

import pytest

from pipeline.likeness import chrf, compare, edits, splitter
from train.notation import Notation, load_notation


def notation(name: str, **options: object) -> Notation:
    return load_notation({"name": name, "options": options})


@pytest.mark.parametrize(
    ("found", "wanted", "distance"),
    [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("abc", "abc", 0), ("ab", "ba", 2)],
)
def test_edits_are_the_fewest_changes(found: str, wanted: str, distance: int) -> None:
    assert edits(found, wanted) == distance


@pytest.mark.parametrize(
    ("name", "options", "text", "symbols"),
    [
        ("arpabet", {}, "k@1t sI1ts", ["k", "@1", "t", " ", "s", "I1", "t", "s"]),
        ("arpabet", {"form": "spaced"}, "K AE1 T | S", ["K", "AE1", "T", " ", "S"]),
        ("text", {}, "a cat", ["a", " ", "c", "a", "t"]),
        ("text", {}, "", []),
    ],
)
def test_text_is_split_into_the_symbols_of_its_notation(
    name: str, options: dict[str, object], text: str, symbols: list[str]
) -> None:
    assert splitter(notation(name, **options))(text) == symbols


def test_chrf_of_a_word_by_hand() -> None:
    # n = 1: a and b of 3; n = 2: ab of 2; n = 3: none of 1. Longer ones neither side has.
    assert chrf([("abc", "abd")]) == pytest.approx(100 * (2 / 3 + 1 / 2 + 0) / 3)


def test_chrf_counts_recall_twice() -> None:
    # Only n = 1 is on both sides: precision 1, recall 1/2.
    assert chrf([("a", "ab")]) == pytest.approx(100 * 5 * 1 * 0.5 / (4 * 1 + 0.5))


def test_chrf_is_100_for_the_same_and_0_for_nothing_in_common() -> None:
    same = "Niemand hat die Absicht, eine Mauer zu errichten"
    assert chrf([(same, same)]) == pytest.approx(100)
    assert chrf([("abcdefg", "hijklmnop")]) == chrf([("", "b")]) == chrf([]) == 0


def test_chrf_of_a_sentence_is_near_the_published_figure() -> None:
    # 63.36 in the tests of sacreBLEU, which there takes the mean of F-scores where the paper has an F-score of means.
    answer = (
        "risk assessment must be made of those who are qualified and expertise in the sector "
        "- these are the scientists ."
    )
    wanted = (
        "risk assessment has to be undertaken by those who are qualified and expert in that area "
        "- that is the scientists ."
    )
    assert chrf([(answer, wanted)]) == pytest.approx(63.36, abs=0.2)


def test_an_answer_is_held_to_the_nearest_of_its_references() -> None:
    figures = compare(["k@1t", "dc1g"], [["x", "k@1t"], ["da1g"]], notation("arpabet"))
    assert figures["exact_match"] == 0.5
    assert figures["symbol_error_rate"] == pytest.approx(1 / 6)
