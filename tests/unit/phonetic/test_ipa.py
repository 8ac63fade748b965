import pytest

from phonetic.arpabet import Arpabet
from phonetic.errors import PhoneticError
from phonetic.ipa import Ipa

ENGLISH = 'He said, "Wait (a moment)!" - then left, drawing hmm.'


@pytest.mark.parametrize(
    ("english", "ipa"),
    [
        ("phonetic English", "fəˈnɛtɪk ˈɪŋɡlɪʃ"),
        ("church judge", "ˈt͡ʃɝt͡ʃ ˈd͡ʒʌd͡ʒ"),
        ("vision, courtship; father!", "ˈvɪʒən, ˈkɔɹˌt͡ʃɪp; ˈfɑðɚ!"),
        ("boy drawing", "ˈbɔɪ ˈdɹɔ.ɪŋ"),
        ('a "house" now', 'ə "ˈhaʊs" ˈnaʊ'),
    ],
)
def test_general_american_in_ipa(english: str, ipa: str) -> None:
    assert Ipa().convert([english]) == [ipa]
    assert Ipa().problems(ipa) == []


def test_stress_and_syllables_are_options() -> None:
    assert Ipa(stress=False).convert(["phonetic English"]) == ["fənɛtɪk ɪŋɡlɪʃ"]
    assert Ipa(syllables=True).convert(["phonetic English"]) == ["fəˈnɛ.tɪk ˈɪŋ.ɡlɪʃ"]
    assert Ipa(syllables=True, stress=False).convert(["phonetic"]) == ["fə.nɛ.tɪk"]


def test_a_sample_is_turned_back_into_arpabet() -> None:
    for notation in (Ipa(), Ipa(stress=False), Ipa(syllables=True)):
        there = notation.convert([ENGLISH])[0]
        assert notation.compact(there) == Arpabet(stress=notation.stress).convert([ENGLISH])[0]


@pytest.mark.parametrize(
    ("sample", "start", "end", "reason"),
    [
        ("həˈlo", 4, 5, "no symbol of this notation"),
        ("hˈ", 0, 2, "marks of stress or syllables out of place"),
        ("ˈˈɪŋ", 0, 4, "marks of stress or syllables out of place"),
        ("fə.nɛ", 2, 3, "a dot between sounds, which this notation leaves out"),
        ("ˈɪŋ,ɪŋ", 3, 4, "punctuation inside a word"),
        ("ʃt", 0, 2, "a word without a vowel"),
    ],
)
def test_a_problem_says_where_and_why(sample: str, start: int, end: int, reason: str) -> None:
    assert (start, end, reason) in Ipa().problems(sample)


def test_a_stress_mark_is_none_where_stress_is_left_out() -> None:
    assert Ipa(stress=False).problems("ˈɪŋ") == [(0, 1, "a stress mark, which this notation leaves out")]


def test_every_small_damage_to_a_sample_is_found() -> None:
    notation = Ipa(syllables=True)
    (sample,) = notation.convert([ENGLISH])
    for at in range(len(sample) + 1):
        for strange in "7xAgɛ̃§\n".replace("ɛ", ""):
            assert notation.problems(f"{sample[:at]}{strange}{sample[at:]}"), f"{at}: {strange!r} inserted"


def test_the_grammar_names_every_symbol() -> None:
    for notation in (Ipa(), Ipa(stress=False), Ipa(syllables=True)):
        assert all(f'"{symbol}"' in notation.grammar() for symbol in notation.symbols)


def test_what_does_not_exist_is_named() -> None:
    with pytest.raises(PhoneticError, match="ipa's syllables is 'yes'"):
        Ipa(syllables="yes")  # type: ignore[arg-type]
    with pytest.raises(PhoneticError, match="there is no variant 'scots'"):
        Ipa(variant=["scots"])
