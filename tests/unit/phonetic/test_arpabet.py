import sys
from collections import Counter

import pytest

from phonetic.arpabet import Arpabet
from phonetic.errors import PhoneticError
from phonetic.phones import NAMES

ENGLISH = 'He said, "Wait (a moment)!" - then left.'


def test_the_product_in_one_line() -> None:
    assert Arpabet().convert(["phonetic English"]) == ["fA0nE1tI0k I1GglI0S"]
    assert Arpabet(form="spaced").convert(["phonetic English"]) == ["F AH0 N EH1 T IH0 K | IH1 NG G L IH0 SH"]


def test_nothing_to_say_is_the_empty_sample() -> None:
    assert Arpabet().convert(["", " \n", "😀", "—", '"', "..."]) == [""] * 6


def test_options_are_named_when_they_are_wrong() -> None:
    with pytest.raises(PhoneticError, match="arpabet has no form 'ipa'") as caught:
        Arpabet(form="ipa")
    assert caught.value.hint == "its forms are: compact, spaced"
    with pytest.raises(PhoneticError, match="arpabet's stress is 'no'"):
        Arpabet(stress="no")  # type: ignore[arg-type]


def test_symbols_are_the_phones_with_their_stress() -> None:
    assert len(Arpabet().symbols) == 24 + 3 * 15
    assert len(Arpabet(stress=False).symbols) == 39
    assert {"A0", "A1", "A2", "f", "G"} <= set(Arpabet().symbols)
    assert {"AH0", "NG"} <= set(Arpabet(form="spaced").symbols)


def test_options_describe_the_instance() -> None:
    assert Arpabet(stress=False).options == {"form": "compact", "stress": False}


def test_the_tally_counts_guessed_words_and_what_was_dropped() -> None:
    tally: dict[str, Counter[str]] = {}
    notation = Arpabet()
    notation.convert(["Gammarus and gammarus 😀 <b>x</b> 日本"], tally)
    notation.convert(["gammarus"], tally)
    assert tally["oov"] == {"gammarus": 3}
    assert tally["dropped"] == {"emoji or symbol": 1, "markup": 2, "letter of another script": 2}


def test_the_grammar_names_every_symbol() -> None:
    for form in ("compact", "spaced"):
        notation = Arpabet(form=form)
        assert all(f'"{symbol}"' in notation.grammar() for symbol in notation.symbols)


def test_g2p_en_is_never_imported() -> None:
    Arpabet().convert(["gammarus"])
    assert "g2p_en" not in sys.modules
    assert "nltk" not in sys.modules


@pytest.mark.parametrize("form", ["compact", "spaced"])
@pytest.mark.parametrize("stress", [True, False])
def test_every_small_damage_to_a_sample_is_found(form: str, stress: bool) -> None:
    notation = Arpabet(form=form, stress=stress)
    (sample,) = notation.convert([ENGLISH])
    assert notation.problems(sample) == []
    for at, character in enumerate(sample):
        rest = sample[:at], sample[at + 1 :]
        if character in "012":
            assert notation.problems("".join(rest)), f"{at}: stress digit gone"
        if character == " ":
            assert notation.problems("  ".join(rest)), f"{at}: space doubled"
        for strange in "7xqB§\n" if form == "compact" else "7§\n":
            assert notation.problems(f"{sample[:at]}{strange}{sample[at:]}"), f"{at}: {strange!r} inserted"
        if stress or form == "compact":
            assert notation.problems(f"{sample[:at]}0{sample[at:]}"), f"{at}: digit inserted"


@pytest.mark.parametrize(
    ("sample", "start", "end", "reason"),
    [
        ("hA0lo1 ", 6, 7, "a space that parts no words"),
        (" hA0lo1", 0, 1, "a space that parts no words"),
        ("hAlo1", 1, 2, "a vowel without its stress digit"),
        ("h0A0lo1", 1, 2, "a digit that follows no vowel"),
        ("hA0lo1 ,", 7, 8, "punctuation without a word"),
        ("hA0,lo1", 3, 4, "punctuation inside a word"),
        ("hA0lo1,,", 6, 8, "punctuation that does not close a word"),
        ('""hA0lo1', 0, 2, "punctuation that does not open a word"),
        ("hA0lo1 zdk", 7, 10, "a word without a vowel"),
        ("- hA0lo1", 0, 1, "a dash stands only between two words"),
        ("hA0 - - lo1", 6, 7, "a second dash"),
        ("hA0-lo1", 3, 4, "a dash inside a word"),
        ("hA0\tlo1", 0, 7, "white space other than a space"),
        ("hA0 xlo1", 4, 5, "no symbol of this notation"),
    ],
)
def test_a_problem_says_where_and_why(sample: str, start: int, end: int, reason: str) -> None:
    assert (start, end, reason) in Arpabet().problems(sample)


def test_words_without_a_vowel_are_valid_if_the_lexicon_knows_them() -> None:
    assert Arpabet().problems("hm, S, m") == []
    assert Arpabet(form="spaced", stress=False).problems("HH M , | SH") == []
    assert Arpabet().problems("St")


def test_spaced_problems_have_offsets_of_the_spaced_text() -> None:
    notation = Arpabet(form="spaced")
    assert notation.problems("HH AH0 | XX OW1") == [(9, 11, "no symbol of this notation")]
    assert notation.problems("HH AH | OW1") == [(3, 5, "a vowel without its stress digit")]
    assert notation.problems("OW1 . . .") == [(4, 9, "punctuation that does not close a word")]
    assert notation.problems("ow1")
    assert notation.problems("OW1 | | OW1")


def test_every_compact_letter_has_a_name() -> None:
    assert len(NAMES) == 39
