from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.generation.logits_process import TopKLogitsWarper, TypicalLogitsWarper

from tests.models import random_model
from train import generate as module
from train.contract import Contract
from train.draw import Sampling, choose, likeliest
from train.errors import TrainError
from train.generate import Sample, alike, draw_types, fitting_batch, generate, stream
from train.gpt2 import GPT2, Shape, hf_config

BOS, EOS, PAD, POEM, PLAY = range(5)
SHAPE = Shape(vocab_size=24, seq_len=32, n_layer=2, n_head=2, n_embd=16, n_inner=32)
CONTRACT = Contract(
    notation={"name": "text"},
    vocab_size=24,
    bos=BOS,
    eos=EOS,
    pad=PAD,
    openings={"": [BOS], "poems": [BOS, POEM], "plays": [BOS, PLAY]},
    documents={"": 1, "poems": 6, "plays": 3},
    tokenizer_sha256="",
)


class Counting(GPT2):
    """A model of fixed logits that notes what it is given to read."""

    def __init__(self, logits: Sequence[float]) -> None:
        super().__init__(SHAPE)
        self.fixed = torch.tensor(logits)
        self.given: list[torch.Tensor] = []

    def read(self, tokens: torch.Tensor, cache: Any) -> torch.Tensor:
        self.given.append(tokens.clone())
        cache.length += tokens.shape[1]
        return self.fixed.repeat(len(tokens), 1)


def made(model: GPT2, **options: Any) -> list[Sample]:
    return list(generate(model, CONTRACT, **options))


@pytest.mark.parametrize("batch_size", [1, 3, 16])
@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(1.0),
        Sampling(3.0, top_k=20),
        Sampling(8.0, top_p=0.98, min_p=0.01),
        Sampling(3.0, typical_p=0.9, repetition_penalty=1.3),
    ],
)
def test_a_sample_is_the_same_whatever_its_batch(batch_size: int, sampling: Sampling) -> None:
    model = random_model(SHAPE)
    together = made(model, n=20, sampling=sampling, seed=3, batch_size=20)
    assert made(model, n=20, sampling=sampling, seed=3, batch_size=batch_size) == together
    assert len({tuple(sample.ids) for sample in together}) > 15
    assert any(sample.ended for sample in together)  # so rows left the batch


def test_more_samples_begin_with_the_same_ones() -> None:
    model = random_model(SHAPE)
    assert made(model, n=12, seed=1)[:5] == made(model, n=5, seed=1)


def test_samples_from_the_middle_are_those_that_all_together_have_there() -> None:
    model = random_model(SHAPE)
    together = made(model, n=12, seed=1, batch_size=4, sampling=Sampling(2.0))
    for first in (0, 4, 8, 12):  # where a batch begins
        assert made(model, n=12, first=first, seed=1, batch_size=4, sampling=Sampling(2.0)) == together[first:]


def test_another_seed_gives_other_samples() -> None:
    model = random_model(SHAPE)
    assert [sample.ids for sample in made(model, n=5, seed=1)] != [sample.ids for sample in made(model, n=5, seed=2)]


def test_samples_come_in_order_of_index() -> None:
    assert [sample.index for sample in made(random_model(SHAPE), n=23, batch_size=4)] == list(range(23))


def test_every_sample_starts_with_the_opening_of_its_type_then_the_prompt() -> None:
    model = Counting([0.0] * 24)
    samples = made(model, n=3, types=["poems", "", "plays"], prompt_ids=[9, 8], batch_size=3)
    assert [sample.type for sample in samples] == ["poems", "", "plays"]
    firsts = [row for given in model.given if given.shape[1] > 1 for row in given.tolist()]
    assert sorted(firsts) == [[BOS, POEM, 9, 8], [BOS, PLAY, 9, 8], [BOS, 9, 8]]
    assert all(sample.ids[:2] == [9, 8] for sample in samples)


def test_no_special_token_but_the_end_is_ever_sampled() -> None:
    likes_specials = [9.0] * 5 + [0.0] * 19
    likes_specials[EOS] = -9.0
    for temperature in (0.0, 1.0, 1e9):
        samples = made(Counting(likes_specials), n=40, sampling=Sampling(temperature))
        assert not {BOS, EOS, PAD, POEM, PLAY} & {i for sample in samples for i in sample.ids}


def test_ids_beyond_the_tokenizers_are_never_sampled() -> None:
    model = Counting([0.0] * 20 + [9.0] * 4)
    contract = Contract(**{**vars(CONTRACT), "vocab_size": 20})
    assert max(i for sample in generate(model, contract, n=20) for i in sample.ids) < 20


def test_the_end_ends_a_sample_and_is_no_part_of_it() -> None:
    loves_ends = [0.0] * 24
    loves_ends[EOS] = 60.0
    model = Counting(loves_ends)
    assert made(model, n=2, prompt_ids=[7], types=["poems"]) == [Sample([7], True, "poems", 0, i) for i in (0, 1)]
    assert len(model.given) == 1  # and the batch stops with the last of its samples


def test_a_sample_is_there_before_the_whole_batch_is_done() -> None:
    model = Counting([0.0] * 24)
    samples = generate(model, CONTRACT, n=8, types=["poems"])
    next(samples)
    first = len(model.given)
    list(samples)
    assert first < len(model.given)


def test_rows_that_ended_leave_the_batch() -> None:
    model = Counting([0.0] * 24)
    samples = made(model, n=16, types=["poems"], batch_size=16)
    sizes = [len(given) for given in model.given]
    assert sizes[0] == 16 and sizes == sorted(sizes, reverse=True)
    lengths = sorted(len(sample.ids) for sample in samples)
    for step, size in enumerate(sizes):
        assert size * 3 <= 4 * max(1, sum(length >= step for length in lengths)) + 3


def test_greedy_takes_the_likeliest_token_each_time() -> None:
    model = random_model(SHAPE)
    ids = [BOS, POEM]
    with torch.no_grad():
        while len(ids) < SHAPE.seq_len and ids[-1] != EOS:
            logits = model.read(torch.tensor([ids]), model.start(1, len(ids)))[0]
            logits[[BOS, PAD, POEM, PLAY]] = -torch.inf
            ids.append(int(logits.argmax()))
    for batch_size in (1, 2):
        for sample in made(model, n=2, types=["poems"], sampling=Sampling(0.0), batch_size=batch_size):
            assert sample.ids == [i for i in ids[2:] if i != EOS]


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(1.0), [0.4, 0.3, 0.2, 0.1]),
        (Sampling(0.5), [16 / 30, 9 / 30, 4 / 30, 1 / 30]),
        (Sampling(1.0, top_k=2), [4 / 7, 3 / 7, 0, 0]),
        (Sampling(1.0, top_k=9), [0.4, 0.3, 0.2, 0.1]),
        (Sampling(1.0, top_p=0.65), [4 / 7, 3 / 7, 0, 0]),
        (Sampling(1.0, top_p=0.75), [4 / 9, 3 / 9, 2 / 9, 0]),
        (Sampling(1.0, top_p=0.01), [1, 0, 0, 0]),
        (Sampling(1.0, min_p=0.45), [4 / 9, 3 / 9, 2 / 9, 0]),
        (Sampling(1.0, min_p=1.0), [1, 0, 0, 0]),
        (Sampling(1.0, top_k=3, top_p=0.7), [4 / 7, 3 / 7, 0, 0]),  # top_p counts among the three that are left
        (Sampling(1e-300), [1, 0, 0, 0]),
    ],
)
def test_tokens_are_as_frequent_as_their_probability(sampling: Sampling, expected: list[float]) -> None:
    order = [2, 0, 3, 1]  # the likeliest need not have the lowest id
    logits = torch.empty(1, 4)
    logits[0, order] = torch.tensor([0.4, 0.3, 0.2, 0.1]).log()
    n = 10_000
    numbers = (torch.arange(n, dtype=torch.float64) + 0.5) / n  # even, so the counts are all but exact
    chosen = choose(logits.expand(n, 4), sampling, numbers)
    assert torch.bincount(chosen, minlength=4)[order].div(n).tolist() == pytest.approx(expected, abs=2 / n)


@pytest.mark.parametrize("mass", [0.2, 0.6, 0.95])
def test_what_is_typical_is_what_transformers_calls_so(mass: float) -> None:
    logits = torch.randn(1, 60, generator=torch.Generator().manual_seed(0)) * 2
    scores: Any = TopKLogitsWarper(40)(None, logits / 0.8)
    expected = TypicalLogitsWarper(mass)(None, scores).softmax(-1)[0]
    assert 1 < (expected > 0).sum() < 40
    n = 20_000
    numbers = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    chosen = choose(logits.expand(n, 60), Sampling(0.8, top_k=40, typical_p=mass), numbers)
    torch.testing.assert_close(torch.bincount(chosen, minlength=60) / n, expected, rtol=0, atol=2 / n)


def test_repetitions_are_as_unlikely_as_transformers_makes_them() -> None:
    model = random_model(SHAPE)
    other = GPT2LMHeadModel(GPT2Config(**hf_config(SHAPE, bos=BOS, eos=EOS, pad=PAD))).eval()
    other.load_state_dict(model.weights(), strict=False)
    never = [BOS, PAD, POEM, PLAY]
    options = {"do_sample": False, "max_new_tokens": 20, "suppress_tokens": never, "repetition_penalty": 1.7}
    given = torch.tensor([[BOS, POEM, 9, 8]])
    expected = other.generate(given, attention_mask=torch.ones_like(given), **options)[0, 2:].tolist()
    sampling = Sampling(0.0, max_new_tokens=20, repetition_penalty=1.7)
    (sample, *_) = made(model, n=3, types=["poems"], prompt_ids=[9, 8], sampling=sampling)
    assert sample.ids == [i for i in expected if i != EOS]
    (plain, *_) = made(model, n=3, types=["poems"], prompt_ids=[9, 8], sampling=Sampling(0.0, max_new_tokens=20))
    assert plain.ids != sample.ids


def test_no_number_chooses_a_token_that_cannot_be() -> None:
    logits = torch.full((3, 6), -torch.inf)
    logits[:, [1, 4]] = torch.tensor([0.0, -30.0])
    numbers = torch.tensor([0.0, 1 - 2.0**-53, 1.0], dtype=torch.float64)
    assert set(choose(logits, Sampling(1.0), numbers).tolist()) <= {1, 4}


@pytest.mark.parametrize("size", [8192, 1000, 129, 128, 77])
@pytest.mark.parametrize("sampling", [Sampling(temperature=0.7), Sampling(temperature=1.5, top_k=50)])
def test_a_number_chooses_as_the_inverse_of_the_sums_does(size: int, sampling: Sampling) -> None:
    drawn = torch.Generator().manual_seed(size)
    logits = 3 * torch.randn(200, size, generator=drawn)
    logits[:, ::3] = -torch.inf
    numbers = torch.rand(200, dtype=torch.float64, generator=drawn)
    kept = logits.double()
    if sampling.top_k:
        kept = kept.masked_fill(logits < logits.topk(sampling.top_k).values[:, -1:], -torch.inf)
    sums = (kept / sampling.temperature).softmax(-1).cumsum(-1)
    expected = torch.searchsorted(sums, numbers[:, None] * sums[:, -1:], right=True)[:, 0]
    assert torch.equal(choose(logits, sampling, numbers), expected)
    assert torch.equal(choose(logits[7:8], sampling, numbers[7:8]), expected[7:8])


@pytest.mark.parametrize(("size", "k"), [(8192, 50), (50257, 1), (1000, 50), (77, 76), (100, 3), (64, 50)])
def test_the_likeliest_are_found_in_order_of_ids(size: int, k: int) -> None:
    logits = torch.randn(9, size, generator=torch.Generator().manual_seed(0))
    values, ids = likeliest(logits, k)
    expected = logits.topk(k).indices.sort(-1).values
    assert torch.equal(ids, expected) and torch.equal(values, logits.gather(1, expected))
    one = torch.full((1, size), -torch.inf)
    one[0, -1] = 2.0
    values, ids = likeliest(one, k)
    assert values[values > -torch.inf].tolist() == [2.0] and ids[values > -torch.inf].tolist() == [size - 1]


def test_types_are_drawn_as_often_as_the_corpus_has_them() -> None:
    drawn = Counter(draw_types(CONTRACT, range(4000), seed=0))
    assert drawn["poems"] / 4000 == pytest.approx(0.6, abs=0.03)
    assert drawn["plays"] / 4000 == pytest.approx(0.3, abs=0.03)
    assert drawn[""] / 4000 == pytest.approx(0.1, abs=0.03)
    assert draw_types(CONTRACT, range(3, 7), seed=5) == draw_types(CONTRACT, range(50), seed=5)[3:7]


def test_a_type_without_documents_is_not_drawn() -> None:
    contract = Contract(**{**vars(CONTRACT), "documents": {"": 0, "plays": 0, "poems": 2}})
    assert set(draw_types(contract, range(50), seed=0)) == {"poems"}


def test_random_streams_differ_by_seed_index_and_purpose_and_stay_what_they_are() -> None:
    firsts = [stream(*key, 3).tolist() for key in [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]]
    assert len({tuple(first) for first in firsts}) == 4
    assert stream(0, 0, 0, 9).tolist()[:3] == firsts[0]
    assert firsts[0] == [0.810243512110891, 0.5461260857686415, 0.4817011004763435]
    numbers = np.concatenate([stream(0, i, 0, 100) for i in range(100)])
    assert numbers.min() >= 0 and numbers.max() < 1 and abs(numbers.mean() - 0.5) < 0.01


def test_a_batch_holds_prefixes_of_one_length_only() -> None:
    assert list(alike({5: 2, 6: 1, 7: 2, 8: 2})) == [[6], [5, 7, 8]]


def test_the_batch_is_as_large_as_its_cache_allows() -> None:
    assert fitting_batch(SHAPE) == module.LARGEST_BATCH
    assert fitting_batch(Shape(50257, 1024, 48, 25, 1600, 6400)) == 1


def test_the_limit_is_what_is_left_of_the_context() -> None:
    never_ends = [0.0] * 24
    never_ends[EOS] = -torch.inf
    for prompt in ([], [9] * 20, [9] * 29):
        (sample,) = made(Counting(never_ends), n=1, types=["poems"], prompt_ids=prompt)
        assert len(sample.ids) == SHAPE.seq_len - 2 and not sample.ended
    (short,) = made(Counting(never_ends), n=1, prompt_ids=[9], sampling=Sampling(max_new_tokens=4))
    assert len(short.ids) == 5


def test_a_prompt_longer_than_the_context_is_refused_with_both_lengths() -> None:
    with pytest.raises(TrainError, match=r"prompt has 40 tokens, with its opening 42; the model's context has 32") as e:
        generate(random_model(SHAPE), CONTRACT, n=1, types=["poems"], prompt_ids=[9] * 40)
    assert "29 tokens or fewer" in e.value.hint
    generate(random_model(SHAPE), CONTRACT, n=1, types=["poems"], prompt_ids=[9] * 29)


def test_a_limit_beyond_the_context_is_refused() -> None:
    with pytest.raises(TrainError, match=r"max_new_tokens = 28, but of the context of 32 .* take 5") as e:
        generate(
            random_model(SHAPE),
            CONTRACT,
            n=1,
            types=["poems"],
            prompt_ids=[9] * 3,
            sampling=Sampling(max_new_tokens=28),
        )
    assert e.value.hint == "pass 27 or fewer"


def test_an_unknown_type_is_refused_with_those_there_are() -> None:
    with pytest.raises(TrainError, match="no type 'letters'") as e:
        generate(random_model(SHAPE), CONTRACT, n=1, types=["letters"])
    assert "plays, poems" in e.value.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", float("inf")),
        ("top_k", 0),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", float("nan")),
        ("min_p", -0.1),
        ("min_p", 1.5),
        ("max_new_tokens", 0),
        ("typical_p", 0.0),
        ("repetition_penalty", 0.0),
    ],
)
def test_a_setting_that_means_nothing_is_refused(name: str, value: float) -> None:
    with pytest.raises(TrainError, match=f"{name} = {value} means nothing") as e:
        Sampling(**{name: value})  # type: ignore[arg-type]
    assert e.value.exit_code == 2 and e.value.hint


@pytest.mark.parametrize(("name", "value"), [("n", 0), ("seed", -1), ("batch_size", 0), ("first", 2)])
def test_numbers_that_mean_nothing_are_refused(name: str, value: int) -> None:
    with pytest.raises(TrainError, match=f"{name} = {value} means nothing") as e:
        generate(random_model(SHAPE), CONTRACT, **{"n": 1, name: value})  # type: ignore[arg-type]
    assert e.value.exit_code == 2


def test_sampling_leaves_the_caller_outside_inference_mode() -> None:
    for _ in generate(random_model(SHAPE), CONTRACT, n=2):
        assert not torch.is_inference_mode_enabled()


def test_a_watcher_hears_every_token_and_can_end_it() -> None:
    heard: dict[int, list[int]] = {}

    def watch(news: Any) -> None:
        for index, ids in news:
            heard.setdefault(index, []).extend(ids)

    samples = made(random_model(SHAPE), n=5, sampling=Sampling(3.0), batch_size=3, watch=watch)
    assert [heard[one.index] for one in samples] == [[*one.ids, *([EOS] if one.ended else [])] for one in samples]

    def refuse(news: Any) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        made(random_model(SHAPE), n=5, watch=refuse)
