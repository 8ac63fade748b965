import torch

from tests.models import random_model
from train.contract import Contract
from train.draw import Sampling
from train.generate import generate
from train.gpt2 import Shape
from train.reader import Reader

SHAPE = Shape(vocab_size=24, seq_len=32, n_layer=2, n_head=2, n_embd=16, n_inner=32)
CONTRACT = Contract({}, 24, 0, 1, 2, {"": [0]}, {"": 1}, "")


@torch.inference_mode()
def test_it_reads_as_the_model_does_whatever_has_its_own_head() -> None:
    for tied in (True, False):
        model = random_model(Shape(**{**vars(SHAPE), "tied": tied}))
        reader = model.reader()
        assert isinstance(reader, Reader)
        caches = model.start(3, 12), reader.start(3, 12)
        for T in (5, 1, 4, 1, 1):  # a prompt, a step, and several tokens after those
            tokens = torch.randint(0, 24, (3, T))
            expected, found = model.read(tokens, caches[0]), reader.read(tokens, caches[1])
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        for cache in caches:
            cache.keep(torch.tensor([2, 0]))
        tokens = torch.randint(0, 24, (2, 1))
        found = reader.read(tokens, caches[1])
        torch.testing.assert_close(found, model.read(tokens, caches[0]), rtol=1e-5, atol=1e-5)


def test_its_samples_are_the_models_and_the_same_whatever_their_batch() -> None:
    model = random_model(SHAPE)
    made = [
        list(generate(by, CONTRACT, n=20, sampling=Sampling(3.0), seed=3, batch_size=size))
        for by, size in ((model, 20), (model.reader(), 20), (model.reader(), 3))
    ]
    assert made[0] == made[1] == made[2]
    assert len({tuple(sample.ids) for sample in made[0]}) > 15
