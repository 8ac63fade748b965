import pytest
import torch

from tests.models import random_model
from train.contract import Contract
from train.draw import Sampling
from train.generate import generate
from train.gpt2 import Shape
from train.graphs import BUCKET, Replayer
from train.reader import Reader

SHAPE = Shape(vocab_size=24, seq_len=3 * BUCKET - 7, n_layer=2, n_head=2, n_embd=16, n_inner=32)
CONTRACT = Contract({}, 24, 0, 1, 2, {"": [0]}, {"": 1}, "")


@pytest.mark.parametrize("kind", [Reader, Replayer])
@pytest.mark.parametrize("tied", [True, False])
@torch.inference_mode()
def test_it_reads_as_the_model_does(kind: type[Reader], tied: bool) -> None:
    model = random_model(Shape(**{**vars(SHAPE), "tied": tied}))
    reader = kind(model)
    caches = model.start(3, SHAPE.seq_len), reader.start(3, SHAPE.seq_len)

    def read_alike(*lengths: int) -> None:
        for T in lengths:
            tokens = torch.randint(0, 24, (rows, T))
            expected, found = model.read(tokens, caches[0]), reader.read(tokens, caches[1])
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)

    rows = 3
    read_alike(5, 1, 4, *[1] * (BUCKET + 2))  # a prompt, a step, and several tokens after those
    for order in ([2, 0, 0], [1, 0]):  # as beams change places, and as rows end
        rows = len(order)
        for cache in caches:
            cache.keep(torch.tensor(order))
        read_alike(1, 1)
    read_alike(BUCKET, *[1] * (SHAPE.seq_len - caches[0].length - BUCKET))


def test_its_samples_are_the_models_and_the_same_whatever_their_batch() -> None:
    model = random_model(SHAPE)
    readings = ((model, 20), (model.reader(), 20), (model.reader(), 3), (Replayer(model), 20), (Replayer(model), 1))
    made = [
        list(generate(by, CONTRACT, n=20, sampling=Sampling(3.0), seed=3, batch_size=size)) for by, size in readings
    ]
    assert all(samples == made[0] for samples in made)
    assert len({tuple(sample.ids) for sample in made[0]}) > 15


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recorded_steps_on_a_gpu_sample_as_the_model_does() -> None:
    model = random_model(SHAPE).cuda()
    reader = model.reader()
    assert isinstance(reader, Replayer)
    made = [
        list(generate(by, CONTRACT, n=20, sampling=Sampling(3.0), seed=3, batch_size=size))
        for by, size in ((model, 20), (reader, 20), (reader, 1))
    ]
    assert made[0] == made[1] == made[2]
