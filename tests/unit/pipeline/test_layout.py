"""Samples laid out: with their English, and with the surprisal of each symbol."""

from typing import Any

import click
import pytest

from pipeline.english import English
from pipeline.layout import SHADES, columns, lay_out, legend
from pipeline.sampler import Judged
from pipeline.surprisal import Piece, Surprisal
from train.notation import Problem

WORDS = [(0, "Hello"), (7, "there,"), (13, "sat"), (18, "there.")]
TEXT = "hA0lo1 DE1r, s@1t DE1r."


def judged(text: str = TEXT, **more: object) -> Judged:
    facts: dict[str, Any] = {"ended": True, "valid": True, "problems": [], "n_tokens": 4, **more}
    return Judged(0, "", text, **facts)


def shown(sample: Judged, width: int) -> list[str]:
    return click.unstyle(lay_out(sample, width)).splitlines()


def test_english_stands_beside_the_phones_where_there_is_room_and_under_them_elsewhere() -> None:
    sample = judged(f"{TEXT} {TEXT}", english=English("", [*WORDS, *((at + 24, word) for at, word in WORDS)]))
    assert shown(sample, 90) == [
        "✓ 1",
        f"  {'hA0lo1 DE1r, s@1t DE1r. hA0lo1 DE1r, s@1t ':42}   Hello there, sat there. Hello there, sat",
        f"  {'DE1r.':42}   there.",
    ]
    assert shown(sample, 40) == [
        "✓ 1",
        "  hA0lo1 DE1r, s@1t DE1r. hA0lo1 DE1r, ",
        "  Hello there, sat there. Hello there,",
        "  s@1t DE1r.",
        "  sat there.",
    ]


def test_carets_and_english_keep_to_their_columns_where_marks_combine() -> None:
    text = "t͡ʃt͡ʃ ə"
    lines = shown(judged(text, problems=[Problem(7, 8, "odd")], english=English("", [(0, "ch"), (7, "a")])), 90)
    assert columns(lines[1]) == 2 + 42 + 3 + len("ch a")
    assert lines[2] == f"  {'    ' + ' ' + '^'}"  # four letters and a space stand before it


def test_a_text_that_is_english_already_stands_once() -> None:
    assert len(shown(judged(english=English(TEXT, [(0, TEXT)])), 120)) == 2


def test_surprisal_is_shown_by_shades_and_without_colours_by_digits() -> None:
    pieces = [Piece(0, 1, 0.1), Piece(1, 3, 0.6), Piece(3, 4, 1.0), Piece(4, 6, 12.0), Piece(6, 7, 3.6)]
    sample = judged("hA0lo1 ", surprisal=Surprisal([Piece(0, 7, 17.3), Piece(7, 7, 0.7)], pieces))
    painted = lay_out(sample, 80)
    assert click.unstyle(painted) == "✓ 1 · 9.00 bits a token\n  hA0lo1 \n"
    shades = [bg for _, bg in SHADES]
    assert [painted.count(f"48;5;{bg}m") for bg in shades] == [1, 1, 1, 0, 1]
    plain = lay_out(sample, 80, in_color=False).splitlines()
    assert plain[1:] == ["  hA0lo1 ", "  ·1 19 4"]


@pytest.mark.parametrize("in_color", [True, False])
def test_the_legend_names_the_bounds(in_color: bool) -> None:
    assert "0.5" in legend(in_color) and ("8 or more" if in_color else "9 or more") in legend(in_color)
    assert ("\x1b[" in legend(in_color)) == in_color
