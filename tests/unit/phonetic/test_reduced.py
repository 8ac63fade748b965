"""Reduced forms: small words inside a phrase, full before a mark or an end."""

import pytest

from phonetic.arpabet import Arpabet
from phonetic.errors import PhoneticError
from phonetic.explain import Explainer
from phonetic.ipa import Ipa
from phonetic.lexicon import look_up
from phonetic.reduced import REDUCED

REDUCING = Arpabet(reduced=True)


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        ("Go to bed and to eat", "go1 tA0 bE1d A0n tu0 i1t"),
        ("What is it for? For me.", "wA1t I1z I1t fc1r? fR0 mi1."),
        ("it came to, and from", "I1t ke1m tu1, A0n frA1m"),
        ('"To be (or not)"', '"tA0 bi0 (R0 na1t)"'),
        ("bread and apples of ours", "brE1d A0nd @1pA0lz A0v W1R0z"),
        ("OF the people", "A1v DA0 pi1pA0l"),
        ("bought to — of all things", "bc1t tu1 - A0v c1l TI1Gz"),
        ("a walk-to shop; two for ten", "A0 wc1k tu1 Sa1p; tu1 fR0 tE1n"),
    ],
)
def test_small_words_are_reduced_inside_a_phrase_only(text: str, phones: str) -> None:
    assert REDUCING.convert([text]) == [phones]


def test_a_word_has_its_full_form_where_reducing_was_not_asked_for() -> None:
    for word in REDUCED:
        (said,) = Arpabet().convert([f"{word} now"])
        assert said == f"{look_up(word)} nW1"
        assert REDUCING.convert([f"{word} now"]) != [said]


def test_reducing_is_kept_with_the_data_and_only_where_it_was_asked_for() -> None:
    assert REDUCING.options["reduced"] is True
    assert "reduced" not in Arpabet().options
    assert Ipa(**Ipa(reduced=True).options).convert(["to go"]) == ["tə ˈɡoʊ"]


def test_the_users_own_pronunciation_is_not_reduced() -> None:
    assert Arpabet(reduced=True, lexicon={"to": "T OW1"}).convert(["to go"]) == ["to1 go1"]


def test_reduced_text_is_spelled_back() -> None:
    text = "He was at home and you could go to him for some of it"
    assert REDUCING.spell(REDUCING.convert([text])[0]) == text


def test_an_explanation_has_the_phones_of_the_line_and_no_marks() -> None:
    text = "to eat of the wumblegong's apple to"
    rows = Explainer(reduced=True).explain(text)
    assert " ".join(row.phones for row in rows) == REDUCING.convert([text])[0]


def test_g2p_en_reduces_nothing() -> None:
    with pytest.raises(PhoneticError, match="g2p-en says no reduced forms"):
        Arpabet(engine="g2p-en", reduced=True)
