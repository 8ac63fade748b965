from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phonetic.arpabet import Arpabet
from phonetic.ipa import Ipa
from pipeline import guide as module
from pipeline.automaton import DEAD, EVERYTHING, Automaton
from pipeline.errors import PipelineError
from pipeline.expression import automaton
from pipeline.grammar import lark, regex
from pipeline.guide import Guide
from pipeline.vocabulary import Vocabulary
from tests.models import random_model
from train.contract import Contract
from train.draw import Sampling
from train.errors import TrainError
from train.generate import Sample, generate
from train.gpt2 import Shape

BOS, EOS, PAD = range(3)
LONGER = [b"A0", b" DA0 ", b"E1n, ", b"(k", b'" - t', b"..", "ɪŋ ".encode(), b"ab"]
TOKENS = [bytes([byte]) for byte in range(256)] + LONGER
IDS = {3 + at: token for at, token in enumerate(TOKENS)}
SHAPE = Shape(vocab_size=3 + len(TOKENS), seq_len=64, n_layer=1, n_head=2, n_embd=16, n_inner=32)
CONTRACT = Contract(
    notation={"name": "arpabet", "version": "2", "options": {}}, vocab_size=SHAPE.vocab_size, bos=BOS, eos=EOS, pad=PAD,
    openings={"": [BOS]}, documents={"": 1}, tokenizer_sha256="",
)  # fmt: skip
NOTATIONS: list[Any] = [
    Arpabet(), Arpabet(stress=False), Arpabet(form="spaced"), Arpabet(syllables=True), Arpabet(unspeakable="keep"),
    Ipa(), Ipa(stress=False), Ipa(syllables=True), Ipa(stress=False, syllables=True, unspeakable="keep"),
]  # fmt: skip


def vocabulary() -> Vocabulary:
    return Vocabulary(IDS, SHAPE.vocab_size, EOS)


def grammar(notation: Any) -> Automaton:
    return automaton(lark(notation.grammar() or ""))


def text(sample: Sample) -> str:
    return b"".join(IDS[token] for token in sample.ids).decode()


def sampled(guide: Guide | None, temperature: float = 1.0, limit: int = 24, **more: Any) -> list[Sample]:
    sampling = Sampling(temperature, max_new_tokens=limit)
    return list(generate(random_model(SHAPE), CONTRACT, sampling=sampling, guide=guide, **{"n": 20, **more}))


@pytest.mark.parametrize("notation", NOTATIONS, ids=lambda notation: f"{notation.name} {notation.options}")
def test_every_sample_of_an_untrained_model_is_valid_at_any_temperature(notation: Any) -> None:
    guide = Guide(grammar(notation), vocabulary())
    for temperature in (0.0, 0.7, 1.0, 1.5):
        for sample in sampled(guide, temperature=temperature):
            assert sample.ended and notation.problems(text(sample)) == [], text(sample)


def test_beams_are_valid_too_and_end_in_time() -> None:
    notation = Arpabet()
    sampling = Sampling(0.0, max_new_tokens=9, num_beams=4)
    made = generate(random_model(SHAPE), CONTRACT, n=4, sampling=sampling, guide=Guide(grammar(notation), vocabulary()))
    texts = [text(sample) for sample in made if sample.ended]
    assert len({*texts}) == 4
    assert [notation.problems(one) for one in texts] == [[]] * 4


def test_where_all_is_allowed_the_samples_are_those_without() -> None:
    free = sampled(None, n=12, limit=60)
    held = sampled(Guide(EVERYTHING, vocabulary()), n=12, limit=60)
    assert [one.ids for one in held if one.ended and len(one.ids) < 50] == [
        one.ids for one in free if one.ended and len(one.ids) < 50
    ]
    assert any(one.ended for one in free)


def test_a_sample_is_the_same_whatever_its_batch() -> None:
    guide = Guide(grammar(Arpabet()), vocabulary())
    assert sampled(guide, batch_size=1) == sampled(guide, batch_size=3) == sampled(guide, batch_size=20)


def test_rows_that_are_worked_out_as_they_are_met_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sampled(Guide(grammar(Arpabet()), vocabulary()))
    monkeypatch.setattr(module, "WHOLE", 0)
    monkeypatch.setattr(module, "KEPT", 4 * SHAPE.vocab_size)
    assert sampled(Guide(grammar(Arpabet()), vocabulary())) == whole


@given(st.sampled_from(["(ab|b)*", "a(A0|[A-Z]0)*", "[^x]*", "é|ɪŋ .*"]), st.data())
def test_a_token_leads_where_its_bytes_lead(pattern: str, data: st.DataObject) -> None:
    made = automaton(regex(pattern))
    state = data.draw(st.integers(0, len(made.ends) - 1))
    row = vocabulary().walk(made, np.array([state], np.int32))[0]
    for token, said in IDS.items():
        assert row[token] == made.run(said, state)
    assert row[EOS] == (state if made.ends[state] else DEAD) and row[BOS] == row[PAD] == DEAD


def test_there_is_always_room_for_the_end() -> None:
    guide = Guide(automaton(regex("(?:\\(k+\\))+[.]{6}")), vocabulary())
    assert guide.least == 1 + 1 + 3 + 1  # "(k" ")" ".." ".." ".." and the end
    for limit in range(guide.least, guide.least + 6):
        for sample in sampled(guide, limit=limit, temperature=1.5):
            assert sample.ended and text(sample).endswith(")......")
    with pytest.raises(TrainError, match="the shortest valid sample takes 6 tokens, and there is room for 5"):
        sampled(guide, limit=5)


def test_a_prompt_is_gone_on_from() -> None:
    made = grammar(Arpabet())
    guide = Guide(made, vocabulary(), "DA0 k")
    prompt = [IDS_OF[bytes([byte])] for byte in b"DA0 k"]
    for sample in generate(random_model(SHAPE), CONTRACT, n=5, prompt_ids=prompt, guide=guide):
        assert text(sample).startswith("DA0 k") and made.accepts(text(sample))
    with pytest.raises(PipelineError, match="nothing valid begins with the prompt 'A7'"):
        Guide(made, vocabulary(), "A7")


IDS_OF = {token: number for number, token in IDS.items()}


def test_what_is_refused_has_no_chance() -> None:
    guide = Guide(grammar(Arpabet()), vocabulary())
    states = guide.begin(2, torch.device("cpu"))
    logits = torch.zeros(2, SHAPE.vocab_size)
    guide.mask(logits, states, 9)
    allowed = (logits[0] == 0).nonzero()[0]
    assert (logits[:, BOS] == -torch.inf).all() and guide.follow(states[:1], allowed)[0] != DEAD


def test_a_token_of_no_bytes_never_comes() -> None:
    assert Vocabulary({3: b"a", 4: b""}, 5, EOS).walk(automaton(regex("a*")), np.array([0], np.int32)).tolist() == [
        [DEAD, 0, DEAD, 0, DEAD]
    ]


@settings(max_examples=30)
@given(st.sampled_from(["(ab|b)*kk", "a(A0|[A-Z]0)*\\.\\.", "(\\(k)*\\)", "é|ɪŋ {3}"]))
def test_an_ending_is_no_farther_than_is_said(pattern: str) -> None:
    made = automaton(regex(pattern))
    said = vocabulary().left(made)
    after = vocabulary().walk(made, np.arange(len(made.ends), dtype=np.int32))
    exact = np.where(made.ends, 0, 99)
    for _ in range(9):
        exact = np.minimum(exact, 1 + np.where(after == DEAD, 99, exact[after]).min(axis=1))
    assert (exact <= said[:-1]).all() and (said[:-1] <= made.left).all()
