import pytest

from phonetic.g2p import Pronouncer, compound, spell_out


def say(word: str) -> str:
    pronouncer = Pronouncer()
    said = pronouncer.say(word)
    if pronouncer.pending:
        pronouncer.guess_pending()
        said = pronouncer.say(word)
    return said


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("lobsterboat", "la1bstR0bo2t"),  # two words in one
        ("snowlight", "sno1lY2t"),
        ("BlackRock", "bl@1kra2k"),
        ("iOS", "Y2o2E1s"),
        ("O'Wombat", "o0wa1mb@2t"),
        ("y'see", "yA0si1"),
        ("unweaved", "A0nwi1vd"),
        ("blogged", "blc1gd"),
        ("Klaus's", "klW1sI0z"),
        ("lobsters'", "la1bstR0z"),
        ("walkin'", "wc1kI0n"),
        ("who'd've", "hu1dA0v"),
        ("wash'd", "wa1St"),
        ("'gainst", "gE1nst"),
        ("didst", "dI1dst"),
        ("organised", "c1rgA0nY2zd"),
        ("CDs", "si2di1z"),
        ("HTML", "e2Cti2E2mE1l"),
        ("NASA", "n@1sA0"),
        ("whyyyy", "wY1"),
        ("goood", "gU1d"),
        ("xkcd", "E2kske2si2di1"),
    ],
)
def test_rules_build_on_the_lexicon(word: str, said: str) -> None:
    assert say(word) == said


def test_words_that_only_look_like_two_are_no_compounds() -> None:
    assert compound("gibeault") is None  # gibe, ault
    assert compound("debutante") is None  # debut, ante


@pytest.mark.parametrize("word", ["'s", "n't", "'d", "x", "zzzzzzzzz", "q" * 500, "ab" * 300, "A'B'C'"])
def test_every_word_has_a_pronunciation(word: str) -> None:
    assert say(word)


def test_unknown_words_are_guessed_together() -> None:
    pronouncer = Pronouncer()
    assert [pronouncer.say(word) for word in ("gammarus", "homarus's")] == ["", ""]
    assert pronouncer.pending == {"gammarus", "homarus"}
    pronouncer.guess_pending()
    assert pronouncer.say("gammarus") == "g@1mR0A0s"
    assert pronouncer.say("homarus's") == pronouncer.say("homarus") + "I0z"


def test_initials_are_stressed_on_the_last() -> None:
    assert spell_out("FBI") == "E2fbi2Y1"
