"""What every notation of phones can be asked for: syllables, mergers, policies, the user's own words."""

from collections import Counter
from pathlib import Path

import pytest

from phonetic.arpabet import Arpabet
from phonetic.errors import PhoneticError
from phonetic.lexicon import look_up
from phonetic.own_words import read_words
from phonetic.syllables import syllables
from phonetic.variants import MERGERS, merge

ODD = "I <b>love</b> 日本 😀, a|b."


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("phonetic", "fA0-nE1-tI0k"),
        ("extra", "E1k-strA0"),
        ("million", "mI1l-yA0n"),
        ("computer", "kA0m-pyu1-tR0"),
        ("singing", "sI1G-I0G"),
        ("abstract", "@0b-str@1kt"),
        ("hamburger", "h@1m-bR0-gR0"),
        ("sawing", "sc1-I0G"),
        ("strengths", "strE1GkTs"),
        ("hmm", "hm"),
    ],
)
def test_as_many_consonants_as_can_begin_a_word_open_a_syllable(word: str, parts: str) -> None:
    assert "-".join(syllables(look_up(word) or "")) == parts


def test_syllables_are_marked_on_request() -> None:
    assert Arpabet(syllables=True).convert(["phonetic, hmm!"]) == ["fA0-nE1-tI0k, hm!"]
    assert Arpabet("spaced", syllables=True).convert(["phonetic - it"]) == ["F AH0 - N EH1 - T IH0 K | - | IH1 T"]
    assert Arpabet(syllables=True).problems("fA0-nE1tI0k")
    assert Arpabet().problems("fA0-nE1-tI0k")


@pytest.mark.parametrize(
    ("name", "word", "same_as"),
    [
        ("cot-caught", "caught", "cot"),
        ("pin-pen", "pen", "pin"),
        ("mary-merry", "mary", "merry"),
        ("mary-merry", "marry", "merry"),
        ("fill-feel", "feel", "fill"),
        ("pull-pool", "pool", "pull"),
        ("latter-ladder", "latter", "ladder"),
    ],
)
def test_a_merger_makes_two_words_one(name: str, word: str, same_as: str) -> None:
    usual, merged = Arpabet(), Arpabet(variant=[name])
    assert merged.convert([word]) == merged.convert([same_as]) == usual.convert([same_as])
    assert merged.options["variant"] == [name]


def test_mergers_stop_where_speakers_stop() -> None:
    assert merge("kc1rt", ["cot-caught"]) == "kc1rt"  # court
    assert merge("A0t@1k", ["latter-ladder"]) == "A0t@1k"  # attack
    assert merge("sI1GI0G", ["weak-vowel"]) == "sI1GI0G"  # singing
    assert set(MERGERS) == {name for name in MERGERS if MERGERS[name][0]}


def test_what_cannot_be_said_is_dropped_and_counted() -> None:
    tally: dict[str, Counter[str]] = {}
    assert Arpabet().convert([ODD], tally) == ["Y1 lA1v, A0 bi1."]
    assert tally["dropped"] == {"markup": 2, "letter of another script": 2, "emoji or symbol": 1, "sign": 1}


def test_or_kept_between_braces() -> None:
    for notation in (Arpabet(unspeakable="keep"), Arpabet("spaced", unspeakable="keep", stress=False)):
        (sample,) = notation.convert([ODD])
        assert [piece for piece in sample.split(" ") if piece[0] == "{"][:2] == ["{<b>}", "{</b>}"]
        assert "{日本}" in sample
        assert notation.problems(sample) == []
        assert type(notation)(notation.form).problems(sample)
    assert Arpabet(unspeakable="keep", stress=False).convert(["<h1> 語1"]) == ["{<h1>} {語} wAn"]


def test_or_spelled_out() -> None:
    spelled = Arpabet(unspeakable="spell")
    assert spelled.convert(["α-β да 😀"]) == spelled.convert(["alpha-beta de a grinning face"])


def test_or_refused_with_the_place() -> None:
    with pytest.raises(PhoneticError, match="'日' cannot be said: letter of another script: 'we love 日本'") as caught:
        Arpabet(unspeakable="error").convert(["fine", "we love 日本"])
    assert caught.value.hint == "pass --unspeakable drop, keep or spell"
    with pytest.raises(PhoneticError, match="there is no policy 'skip'"):
        Arpabet(unspeakable="skip")


def test_own_words_come_before_all_others() -> None:
    own = Arpabet(lexicon={"blorg": "B L AO1 R G", "lead": "L EH1 D", "x-ray": "EH1 K S"})
    assert own.convert(["the Blorg's blorgs blorged, lead! X-ray"]) == ["DA0 blc1rgz blc1rgz blc1rgd, lE1d! E1ks"]
    assert own.options["lexicon"] == {"blorg": "B L AO1 R G", "lead": "L EH1 D", "x-ray": "EH1 K S"}


def test_a_lexicon_is_a_file_of_words_and_phones(tmp_path: Path) -> None:
    file = tmp_path / "own.txt"
    file.write_text(";;; mine\nGnocchi  n y ow1 k iy0  # not g\n\n# end\nsql S IY1 K W AH0 L\n", encoding="utf-8")
    assert read_words(file) == {"gnocchi": "N Y OW1 K IY0", "sql": "S IY1 K W AH0 L"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("word", "'word' has no phones"),
        ("word W ER D", "the vowel 'ER' of 'word' has no stress: ER0, ER1 or ER2"),
        ("word W1 ER1 D", "'W1' in 'word' has a stress digit too many"),
        ("word W XX1 D", "'XX1' in 'word' is no ARPAbet phone"),
        ("w0rd W ER1 D", "'w0rd' is no word of letters, apostrophes and hyphens"),
        ("shh SH", "'shh' has no vowel"),
        ("ok OW2 K EY1", "'ok' stands on line 1 already"),
    ],
)
def test_a_mistake_in_it_is_told_with_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "own.txt"
    file.write_text(f"ok OW2 K EY1\n{line}\n", encoding="utf-8")
    with pytest.raises(PhoneticError) as caught:
        read_words(file)
    assert str(caught.value) == f"{file}, line 2: {message}"
    assert caught.value.hint


def test_a_lexicon_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PhoneticError, match=r"none.txt cannot be read: No such file"):
        read_words(tmp_path / "none.txt")
