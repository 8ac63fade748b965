import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from tests.models import random_model
from train.contract import Contract
from train.draw import Sampling
from train.errors import TrainError
from train.generate import generate
from train.gpt2 import Shape, hf_config

SHAPE = Shape(vocab_size=24, seq_len=32, n_layer=2, n_head=2, n_embd=16, n_inner=32, tied=False)
CONTRACT = Contract({}, 24, 0, 1, 2, {"": [0]}, {"": 1}, "")


@pytest.mark.parametrize("penalty", [None, 1.5])
def test_beams_find_what_transformers_finds_in_its_own_model(penalty: float | None) -> None:
    model = random_model(SHAPE)
    other = GPT2LMHeadModel(GPT2Config(**hf_config(SHAPE, bos=0, eos=1, pad=2))).eval()
    other.load_state_dict(model.weights(), strict=False)
    given = torch.tensor([[0, 9, 8]])
    options = {"max_new_tokens": 12, "suppress_tokens": [0, 2], "repetition_penalty": penalty or 1.0}
    found = other.generate(
        given, attention_mask=torch.ones_like(given), num_beams=4, num_return_sequences=3, do_sample=False, **options
    )
    expected = [[i for i in row if i not in (1, 2)] for row in found[:, 1:].tolist()]
    sampling = Sampling(0.0, max_new_tokens=12, num_beams=4, repetition_penalty=penalty)
    for reading in (model, model.reader()):
        samples = list(generate(reading, CONTRACT, n=3, prompt_ids=[9, 8], sampling=sampling))
        assert [sample.ids for sample in samples] == expected
        assert len({tuple(sample.ids) for sample in samples}) == 3


def test_more_samples_than_beams_are_refused() -> None:
    with pytest.raises(TrainError, match="3 beams find 3 samples of a type or source, and 4 are asked for"):
        generate(random_model(SHAPE), CONTRACT, n=4, sampling=Sampling(0.0, num_beams=3))


def test_what_is_for_drawing_is_refused_with_beams() -> None:
    for other in ({"temperature": 0.7}, {"temperature": 0.0, "top_k": 3}, {"temperature": 0.0, "typical_p": 0.5}):
        with pytest.raises(TrainError, match="are for drawing them"):
            Sampling(num_beams=3, **other)  # type: ignore[arg-type]
