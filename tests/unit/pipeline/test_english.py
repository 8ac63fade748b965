"""Samples in English word by word, and as phones to be said."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from phonetic.arpabet import Arpabet
from phonetic.ipa import Ipa
from phonetic.mnemonics import mnemonics
from pipeline.english import saying, spelling
from pipeline.errors import PipelineError
from pipeline.notation import PlainText
from train.workspace import Workspace

NOWHERE = Workspace(Path("nowhere"))
NOTATIONS: Sequence[Any] = [Arpabet(), Arpabet(form="spaced", syllables=True), Ipa()]


@pytest.mark.parametrize("notation", NOTATIONS, ids=["compact", "spaced", "ipa"])
def test_each_word_is_told_where_it_stands_and_what_is_none_is_left_as_it_is(notation: Any) -> None:
    sample = notation.convert(["The people - hello."])[0]
    words = sample.split(notation.gap)
    spell, say = spelling(notation, NOWHERE), saying(notation)
    assert spell(sample).text == "The people – hello."
    assert [sample[at:].split(notation.gap)[0] for at, _ in spell(sample).words] == words
    assert say(sample) == "DA0 pi1pA0l - hA0lo1."
    broken = notation.gap.join([*words, "Я1x", "{", ""])  # no word, a brace, nothing
    assert spell(broken).text.startswith("The people – hello. Я1x")
    assert len(spell(broken).words) == len(words) + 3
    assert mnemonics(say(broken)).rstrip("– ") == mnemonics(say(sample))


def test_nothing_is_nothing() -> None:
    assert spelling(Arpabet(), NOWHERE)("") == ("", []) and saying(Arpabet())("") == ""


def test_plain_text_is_its_own_english_and_is_said_as_read() -> None:
    assert spelling(PlainText(), NOWHERE)("hello there").text == "hello there"
    assert saying(PlainText())("hello there") == "hA0lo1 DE1r"


def test_what_cannot_be_spelled_is_refused() -> None:
    class Mute(PlainText):
        name = "mute"

        def spell(self, sample: str) -> Any:
            return None

    for make in (lambda: spelling(Mute(), NOWHERE), lambda: saying(Mute())):
        with pytest.raises(PipelineError, match="mute cannot be turned into English"):
            make()
