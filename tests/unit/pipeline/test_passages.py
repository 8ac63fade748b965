"""Where texts are cut: at paragraphs, then lines of verse, then sentences, then words."""

import pytest

from pipeline.passages import LONGEST_PARAGRAPH, cut, paragraphs, passages


def test_paragraphs_are_what_blank_lines_separate() -> None:
    assert list(paragraphs(["", "a", "b", " \t", "", "c", ""])) == ["a\nb", "c"]


def test_passages_are_whole_paragraphs_filled_in_order() -> None:
    assert list(passages(["a a", "b b", "c", "d d d", "e"], 5)) == ["a a\n\nb b\n\nc", "d d d\n\ne"]


def test_prose_is_cut_at_sentence_ends_into_near_equal_parts() -> None:
    sentences = [f"Number {n} is\na sentence." for n in range(10)]  # 5 words each
    assert [part.split() for part in cut(" ".join(sentences), 40)] == [
        " ".join(sentences[:5]).split(),
        " ".join(sentences[5:]).split(),
    ]


def test_titles_initials_and_lower_case_end_no_sentence() -> None:
    text = "Mr. Bell met Dr. J. K. Watson at 3 p.m. on St. Giles St. and said “No! never.” He left. “Why?” I asked."
    assert cut(text, 19) == [
        "Mr. Bell met Dr. J. K. Watson at 3 p.m. on St. Giles St. and said “No! never.”",
        "He left. “Why?” I asked.",
    ]


def test_verse_is_cut_at_line_ends() -> None:
    verse = "Tyger tyger burning bright\nIn the forests of the night\nWhat immortal hand or eye\nCould frame thy"
    assert cut(verse, 10) == [
        "Tyger tyger burning bright\nIn the forests of the night",
        "What immortal hand or eye\nCould frame thy",
    ]


def test_wrapped_prose_is_not_verse() -> None:
    prose = "It was a dark\nnight. The rain fell\nin torrents except\nat times. It was cold."
    assert cut(prose, 8) == ["It was a dark\nnight.", "The rain fell\nin torrents except\nat times.", "It was cold."]


@pytest.mark.parametrize(
    ("count", "limit", "sizes"), [(401, 400, [200, 201]), (10, 3, [2, 3, 2, 3]), (9, 3, [3, 3, 3])]
)
def test_an_endless_sentence_is_cut_between_words_evenly(count: int, limit: int, sizes: list[int]) -> None:
    assert [len(part.split()) for part in cut(" ".join(["so"] * count), limit)] == sizes


def test_a_paragraph_without_end_does_not_fill_the_memory() -> None:
    line = "x" * 1023
    found = list(paragraphs([line] * (3 * 1024)))
    assert len(found) == 3
    assert max(map(len, found)) <= LONGEST_PARAGRAPH + 2048


def test_marks_without_words_between_take_linear_time() -> None:
    assert "".join(cut("!" * 1_000_000 + " a" * 401, 400)).count("!") == 1_000_000
