from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.models import random_model
from train import sieve
from train.contract import Contract
from train.draw import Sampling
from train.generate import generate
from train.gpt2 import Shape
from train.sieve import Sieve

SHAPE = Shape(vocab_size=300, seq_len=24, n_layer=2, n_head=2, n_embd=16, n_inner=32)
CONTRACT = Contract({}, 300, 0, 1, 2, {"": [0]}, {"": 1}, "")

pytestmark = pytest.mark.skipif(
    not torch.cpu._is_vnni_supported(), reason="this processor has no instructions for products of bytes"
)


def left_alone(logits: Tensor) -> None:
    """A mask that takes nothing."""


@given(
    st.integers(0, 2**32),
    st.integers(1, 3000),
    st.sampled_from([1, 8, 40]),
    st.integers(1, 60),
    st.floats(0, 1),
    st.sampled_from([1e-6, 1.0, 1e3]),
    st.sampled_from([0.0, 1e-4, 1e-2, 1.0]),
    st.booleans(),
)
def test_the_largest_are_found_however_close_they_are(
    seed: int, V: int, C: int, k: int, forbidden: float, scale: float, apart: float, whole: bool
) -> None:
    """Rows that differ by less than bytes tell lie in another order there."""
    draw = torch.Generator().manual_seed(seed)
    head = torch.randn(1, C, generator=draw) + apart * torch.randn(V, C, generator=draw)
    if whole:
        head = (64 * head).round().clamp(-127, 127)
        head[:, 0] = 127
    head *= scale
    x = torch.randn(1, C, generator=draw) * torch.randn(1, C, generator=draw).exp()
    taken = torch.rand(V, generator=draw) < forbidden

    def mask(logits: Tensor) -> None:
        logits[:, taken] = -torch.inf

    logits = (head.double() @ x[0].double())[None]
    mask(logits)
    k = min(k, int((~taken).sum()))
    sieve = Sieve(head)
    found = sieve.largest(x, max(k, 1), mask)
    if sieve.failures:  # more than half may be among them
        assert found is None
        off = 0.02 * float(head.norm(dim=1).max() * x.norm())
        assert (logits[0] >= logits.topk(k).values[0, -1] - 4 * off).sum() > V // 2
        return
    if not k:
        assert found is None
        return
    assert found is not None
    values, ids = found
    assert ids[0].tolist() == sorted({*ids[0].tolist()})
    assert not taken[ids[0]].any()
    off = 1e-6 * float(head.norm(dim=1).max() * x.norm())
    torch.testing.assert_close(values.double(), logits[:, ids[0]], rtol=0, atol=off)
    least = logits.topk(k).values[0, -1]
    surely = (logits[0] > least + off).nonzero()[:, 0]
    assert {*surely.tolist()} <= {*ids[0].tolist()}
    assert ids.shape[1] >= k


@pytest.mark.parametrize("step", [1 / 127, 1 / 127 / sieve.FINE])
def test_what_lies_between_two_steps_of_x_counts(step: float) -> None:
    """The first row is told exactly, and so is the second but for 199 numbers that are just less than half a step."""
    x = torch.full((1, 200), 0.49 * step)
    x[0, 0] = 1
    head = torch.zeros(1000, 200)
    head[0, 0] = 127
    head[1] = 127 / (1 + 190 * 0.49 * step)  # a little more with the rest of x
    logits = head.double() @ x[0].double()
    assert logits[1] > logits[0]
    found = Sieve(head).largest(x, 1, left_alone)
    assert found is not None
    assert 1 in found[1][0].tolist()


def test_few_are_read() -> None:
    draw = torch.Generator().manual_seed(0)
    found = Sieve(torch.randn(40_000, 64, generator=draw)).largest(torch.randn(1, 64, generator=draw), 50, left_alone)
    assert found is not None
    assert 50 <= found[1].shape[1] <= 100


@pytest.mark.parametrize("odd", [torch.inf, -torch.inf, torch.nan])
def test_what_is_not_finite_is_left_to_others(odd: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sieve, "LEAST_BYTES", 0)
    head = torch.randn(100, 8)
    assert Sieve.suits(head)
    assert Sieve(head).largest(torch.full((1, 8), odd), 5, left_alone) is None
    head[50, 3] = odd
    assert not Sieve.suits(head)


def test_nothing_of_nothing() -> None:
    assert Sieve(torch.zeros(100, 8)).largest(torch.randn(1, 8), 5, left_alone) is None
    assert Sieve(torch.randn(100, 8)).largest(torch.zeros(1, 8), 5, left_alone) is None


def test_a_head_of_which_it_tells_too_little_is_soon_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(SHAPE)
    with torch.no_grad():
        model.wte.weight[:] = model.wte.weight[:1] + 1e-6 * model.wte.weight
    sampling = Sampling(1.0, top_k=20)
    plain = list(generate(model.reader(), CONTRACT, n=6, sampling=sampling, batch_size=1))
    monkeypatch.setattr(sieve, "LEAST_BYTES", 0)
    asked: list[int] = []
    largest = Sieve.largest

    def counted(self: Sieve, x: Tensor, k: int, mask: Callable[[Tensor], None]) -> object:
        asked.append(k)
        return largest(self, x, k, mask)

    monkeypatch.setattr(Sieve, "largest", counted)
    assert list(generate(model.reader(), CONTRACT, n=6, sampling=sampling, batch_size=1)) == plain
    assert len(asked) == sieve.PATIENCE < sum(len(sample.ids) for sample in plain)


@pytest.mark.parametrize("sampling", [Sampling(0.0), Sampling(3.0, top_k=20), Sampling(2.0, top_k=50, top_p=0.9)])
def test_samples_are_the_same_with_and_without_it(sampling: Sampling, monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(SHAPE)

    def made(size: int) -> object:
        return list(generate(model.reader(), CONTRACT, n=12, sampling=sampling, seed=3, batch_size=size))

    plain = made(1)
    monkeypatch.setattr(sieve, "LEAST_BYTES", 0)
    found: list[object] = []
    largest = Sieve.largest

    def noted(self: Sieve, x: Tensor, k: int, mask: Callable[[Tensor], None]) -> object:
        found.append(largest(self, x, k, mask))
        return found[-1]

    monkeypatch.setattr(Sieve, "largest", noted)
    assert made(1) == plain
    assert len(found) >= 12
    assert None not in found
    assert made(5) == plain
