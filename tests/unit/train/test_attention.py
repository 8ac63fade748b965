"""Attention gives the same whichever way it is computed: at once, some rows at a time, in blocks, after a cache."""

import math
import warnings

import pytest
import torch

from train import attention
from train.attention import Look, attend, pieces

B, H, T, D = 2, 4, 128, 16
PLACES = torch.stack([torch.arange(T) % 50, torch.arange(T)])
SLOPES = torch.tensor([0.5, 0.25, 0.125, 0.0])
LOOKS = {
    "plain": Look(),
    "window": Look(window=9),
    "alibi": Look(slopes=SLOPES),
    "soft cap": Look(softcap=2.0),
    "scale": Look(scale=0.5),
    "pieces": Look(pieces=pieces(PLACES)),
    "padding": Look(counts=torch.arange(T) >= torch.tensor([[5], [0]])),
    "both ways": Look(causal=False, counts=torch.arange(T) < torch.tensor([[100], [128]])),
    "both ways, window": Look(causal=False, window=7),
    "all": Look(window=30, slopes=SLOPES, softcap=3.0, scale=0.4, pieces=pieces(PLACES)),
}


def drawn(kv_heads: int = H) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(B, heads, T, D, generator=generator) for heads in (H, kv_heads, kv_heads)]


def by_hand(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, look: Look) -> torch.Tensor:
    """As the definitions have it, score by score."""
    k, v = (x.repeat_interleave(H // x.shape[1], 1) for x in (k, v))
    scores = q @ k.transpose(2, 3) * (look.scale or 1 / math.sqrt(D))
    if look.softcap:
        scores = look.softcap * torch.tanh(scores / look.softcap)
    i, j = torch.arange(T)[:, None], torch.arange(T)[None]
    sees = (j <= i if look.causal else torch.ones(T, T, dtype=torch.bool)).expand(B, H, T, T)
    if look.window:
        sees = sees & ((i - j).abs() < look.window)
    if look.slopes is not None:
        scores = scores - look.slopes[:, None, None] * (i - j).abs()
    if look.pieces is not None:
        sees = sees & (look.pieces[:, None, :, None] == look.pieces[:, None, None])
    if look.counts is not None:
        sees = (sees & look.counts[:, None, None]) | (i == j)
    return scores.masked_fill(~sees, -math.inf).softmax(-1) @ v


@pytest.mark.parametrize("kv_heads", [H, 2, 1])
@pytest.mark.parametrize("name", LOOKS)
def test_attention_is_what_its_definition_says(name: str, kv_heads: int) -> None:
    q, k, v = drawn(kv_heads)
    look = LOOKS[name]
    expected = by_hand(q, k, v, look)
    torch.testing.assert_close(attend(q, k, v, look), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(attend(q, k, v, look.prepared(PLACES, in_blocks=False)), expected, rtol=1e-4, atol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells that without compiling it is slow
        in_blocks = attend(q, k, v, look.prepared(PLACES, in_blocks=True))
    torch.testing.assert_close(in_blocks, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LOOKS)
def test_some_rows_at_a_time_give_the_same_gradient(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gradients = []
    for most in (attention.WHOLE, 40 * H * T):
        monkeypatch.setattr(attention, "WHOLE", most)
        q, k, v = (x.requires_grad_() for x in drawn(2))
        torch.autograd.backward(attend(q, k, v, LOOKS[name].prepared(PLACES, in_blocks=False)).square().sum())
        gradients.append([q.grad, k.grad, v.grad])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kv_heads", [H, 2, 1])
@pytest.mark.parametrize("name", [name for name, look in LOOKS.items() if look.causal and look.pieces is None])
def test_queries_that_come_later_see_what_they_would_have_seen(name: str, kv_heads: int) -> None:
    q, k, v = drawn(kv_heads)
    look = LOOKS[name]
    expected = by_hand(q, k, v, look)
    for start, stop in ((0, 40), (40, 41), (41, T), (T - 1, T)):
        mixed = attend(q[:, :, start:stop], k[:, :, :stop], v[:, :, :stop], look, start=start)
        torch.testing.assert_close(mixed, expected[:, :, start:stop], rtol=1e-4, atol=1e-5)
    if look.window:  # keys that no query sees any more may be gone
        mixed = attend(q[:, :, 100:], k[:, :, 60:], v[:, :, 60:], look, start=100, origin=60)
        torch.testing.assert_close(mixed, expected[:, :, 100:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name, look in LOOKS.items() if look.softcap is None])
def test_narrow_heads_are_computed_in_float32_on_a_cpu(name: str) -> None:
    q, k, v = (x.bfloat16() for x in drawn(2))
    look = LOOKS[name].prepared(PLACES, in_blocks=False)
    expected = attend(q.float(), k.float(), v.float(), look).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(attend(q, k, v, look), expected)
