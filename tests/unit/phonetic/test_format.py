import pytest

from phonetic.format import add_closing, closing, compact_to_spaced, opening, spaced_to_compact

COMPACT = '"hA0lo1," (hi1 sE1d) - gU1d..."'


def test_the_forms_say_the_same() -> None:
    spaced = '" HH AH0 L OW1 , " | ( HH IY1 | S EH1 D ) | - | G UH1 D ... "'
    assert compact_to_spaced(COMPACT) == spaced
    assert spaced_to_compact(spaced) == COMPACT
    assert compact_to_spaced("") == spaced_to_compact("") == ""


@pytest.mark.parametrize(
    ("marks", "normal"),
    [
        ("?!?!", "?!"),
        ("!?", "?!"),
        ("!!!", "!"),
        ("....", "..."),
        ("..", "."),
        (".,", ","),
        ('."', '."'),
        ('".', '".'),
        (".')", ".)"),
        ("]}", ")"),
        (';"":', ':"'),
    ],
)
def test_runs_of_closing_marks_become_one_of_a_closed_set(marks: str, normal: str) -> None:
    assert closing(marks) == normal


def test_opening_marks() -> None:
    assert opening('["') == '("'
    assert opening("''((") == "("


def test_marks_are_merged_with_those_a_word_has() -> None:
    assert add_closing('hi1,"', "!") == 'hi1!"'
