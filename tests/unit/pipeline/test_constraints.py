import re
from pathlib import Path
from typing import Any

import pytest

from phonetic.arpabet import Arpabet
from phonetic.ipa import Ipa
from phonetic.lexicon import lexicon
from phonetic.rhymes import ending
from pipeline.asked import Constraints
from pipeline.constraints import Constrained
from pipeline.errors import PipelineError
from pipeline.guide import Guide
from pipeline.notation import PlainText
from pipeline.vocabulary import Vocabulary
from tests.models import random_model
from train.contract import Contract
from train.draw import Sampling
from train.generate import generate
from train.gpt2 import Shape

POEM = "The woods are lovely, dark and deep."
FORMS: list[Any] = [Arpabet(), Arpabet(form="spaced"), Arpabet(syllables=True), Ipa()]
SHAPE = Shape(vocab_size=259, seq_len=400, n_layer=1, n_head=2, n_embd=16, n_inner=32)
CONTRACT = Contract(
    notation={"name": "arpabet", "version": "2", "options": {}}, vocab_size=259, bos=0, eos=1, pad=2,
    openings={"": [0]}, documents={"": 1}, tokenizer_sha256="",
)  # fmt: skip


def accepts(notation: Any, english: str, **asked: Any) -> bool:
    return Constrained(notation, Constraints(**asked)).automaton.accepts(notation.convert([english])[0])


def sampled(of: Constrained, n: int = 6) -> list[str]:
    guide = Guide(of.automaton, Vocabulary({3 + byte: bytes([byte]) for byte in range(256)}, 259, 1))
    made = generate(random_model(SHAPE), CONTRACT, n=n, sampling=Sampling(1.0, max_new_tokens=300), guide=guide)
    return [bytes(token - 3 for token in sample.ids).decode() for sample in made]


@pytest.mark.parametrize("notation", FORMS, ids=lambda notation: f"{notation.name} {notation.options}")
def test_metre_syllables_and_rhyme_are_heard_in_every_notation_of_sounds(notation: Any) -> None:
    assert accepts(notation, POEM, meter="u/u/u/u/")
    assert not accepts(notation, POEM, meter="u/u/u/u") and not accepts(notation, "Lovely water", meter="u/u/")
    assert accepts(notation, POEM, syllables=(8,)) and not accepts(notation, POEM, syllables=(7,))
    assert accepts(notation, POEM, rhyme_with="sleep") and not accepts(notation, POEM, rhyme_with="deep")
    assert not accepts(notation, POEM, rhyme_with="dark")
    assert accepts(notation, POEM, avoid=("wood", "deeps")) and not accepts(notation, POEM, avoid=("wood", "Dark"))
    assert accepts(notation, POEM, lines=2) and not accepts(notation, "The woods are", lines=1)


def test_lines_are_counted_in_turn() -> None:
    haiku = "An old silent pond. A frog jumps into the pond - splash! Silence again."
    assert accepts(Arpabet(), haiku, syllables=(5, 7, 5))
    assert not accepts(Arpabet(), haiku, syllables=(3, 9, 5)) and not accepts(Arpabet(), haiku, syllables=(5, 7))
    of = Constrained(Arpabet(), Constraints(syllables=(5, 7, 5)))
    said = Arpabet().convert([haiku])[0]
    lines = of.lines_of(said)
    assert " ".join(lines) == said and [len(re.findall("[012]", line)) for line in lines] == [5, 7, 5]


def test_constraints_combine_in_what_is_sampled() -> None:
    notation = Arpabet()
    of = Constrained(notation, Constraints(meter="u/u/", lines=3, rhyme_with="day", avoid=("say",)))
    for text in sampled(of):
        assert notation.problems(text) == []
        lines = of.lines_of(text)
        assert len(lines) == 3 and " ".join(lines) == text
        for line in lines:
            assert len(re.findall("[012]", line)) == 4
            assert ending(re.sub("[^A-Za-z@0-2]", "", line.split(" ")[-1])) == "e"
            assert "se1" not in re.sub(r"[^\w@ ]", "", line).split(" ")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """A lexicon of a few hundred words, as its pronunciations."""
    words = {word: entry for word, entry in lexicon().items() if len(word) in (3, 4) and word[0] in "mst"}
    assert 500 < len(words) < 5000
    monkeypatch.setattr("pipeline.constraints.lexicon", lambda: words)
    return {one for entry in words.values() for one in entry.split(" ")}


def words_of(text: str) -> list[str]:
    return list(filter(None, re.sub(r"[^\w@ ]", "", text).split(" ")))


def test_only_words_of_the_lexicon(tmp_path: Path, few: set[str]) -> None:
    notation = Arpabet(lexicon={"zyzzy": "Z IH1 Z IY0"})
    asked = Constraints(words_only=True, rhyme_with="moon")
    of = Constrained(notation, asked, cache=tmp_path)
    for text in sampled(of, 3):
        words = words_of(text)
        assert {*few, "zI1zi0"}.issuperset(words) and ending(words[-1]) == "un" and words[-1] != "mu1n"
    assert (
        of.automaton.accepts("zI1zi0 su1n")
        and not of.automaton.accepts("bE1d su1n")
        and not of.automaton.accepts("zI1zo0 su1n")
    )
    kept = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    assert len(kept) == 2  # the grammar, and the words
    again = Constrained(notation, asked, cache=tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")} == kept
    assert (again.automaton.to == of.automaton.to).all()
    for path in tmp_path.glob("grammar*.npz"):
        path.write_bytes(b"damaged")
    assert Constrained(notation, cache=tmp_path).automaton.accepts("DA0 mu1n.")


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("notation", [Arpabet(), Ipa()], ids=lambda notation: notation.name)
def test_words_metre_and_rhyme_combine(notation: Any) -> None:
    of = Constrained(notation, Constraints(words_only=True, meter="u/u/", lines=2, rhyme_with="moon"))
    for text in sampled(of, 3):
        assert notation.problems(text) == [] and len(of.lines_of(text)) == 2 and " ".join(of.lines_of(text)) == text


def test_a_rhyme_is_from_the_stressed_vowel_on() -> None:
    for notation in (Arpabet(), Ipa()):
        assert accepts(notation, "below", rhyme_with="snow") and not accepts(notation, "window", rhyme_with="snow")
        assert accepts(notation, "a nation", rhyme_with="station") and not accepts(
            notation, "an ocean", rhyme_with="ration"
        )


def test_a_diphthong_is_one_syllable() -> None:
    assert accepts(Ipa(), "The boy", syllables=(2,)) and not accepts(Ipa(), "The boy", syllables=(3,))
    assert accepts(Ipa(), "Sawing", syllables=(2,)) and not accepts(Ipa(), "Sawing", syllables=(1,))


def test_own_grammars_and_expressions_are_kept_to() -> None:
    of = Constrained(Arpabet(), Constraints(grammar='start: ("DA0 mu1n" | "hE1l") "!"', regex="D.*"))
    assert set(sampled(of)) == {"DA0 mu1n!"}


@pytest.mark.parametrize(
    ("notation", "asked", "message"),
    [
        (Arpabet(), {"meter": "u/u/", "syllables": (5,)}, "line 1 cannot have 5 syllables and a metre of 4"),
        (Arpabet(), {"meter": "ta-dum"}, "'ta-dum' is no metre"),
        (Arpabet(stress=False), {"meter": "u/"}, "writes no stress"),
        (Arpabet(), {"syllables": (5, 0)}, "a line has one or more"),
        (Arpabet(), {"rhyme_with": "..."}, "is no word that could rhyme"),
        (Arpabet(), {"regex": "hE1l", "lines": 1}, "nothing is valid under lines, regex together"),
        (PlainText(), {"lines": 3}, "text does not say how sounds are written"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_sampled(notation: Any, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=re.escape(message)):
        Constrained(notation, Constraints(**asked))
