from typing import Literal

import pytest
import torch
from torch import Tensor

from train.average import Average
from train.config import OptimConfig
from train.gpt2 import GPT2, Shape
from train.muon import orthogonal
from train.optim import build_optimizer

SHAPE = Shape(vocab_size=32, seq_len=8, n_layer=2, n_head=2, n_embd=16, n_inner=64)
LR = 0.01


def updates(name: Literal["adamw", "muon"], *, weight_decay: float = 0.0) -> dict[str, tuple[Tensor, Tensor]]:
    """Every parameter before and after one step of an optimizer, from the same start and gradient."""
    model = GPT2(SHAPE)
    model.initialise(torch.Generator().manual_seed(3))
    before = {key: p.detach().clone() for key, p in model.named_parameters()}
    optimizer = build_optimizer(model, OptimConfig(name=name, lr=LR, weight_decay=weight_decay))
    tokens = torch.randint(32, (64, 8), generator=torch.Generator().manual_seed(4))
    torch.autograd.backward(model(tokens, tokens.roll(-1)))
    optimizer.step()
    return {key: (before[key], p.detach()) for key, p in model.named_parameters()}


@pytest.mark.parametrize("shape", [(3, 16, 64), (2, 64, 16), (1, 32, 32)])
def test_orthogonal_keeps_directions_and_makes_sizes_alike(shape: tuple[int, int, int]) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    left, _, right = torch.linalg.svd(x, full_matrices=False)
    sizes = torch.linalg.svdvals(orthogonal(x).float())
    assert sizes.min() > 0.6
    assert sizes.max() < 1.25
    # In the frame of x's own singular vectors, the result is close to diagonal.
    turned = left.transpose(1, 2) @ orthogonal(x).float() @ right.transpose(1, 2)
    off = turned - torch.diag_embed(turned.diagonal(dim1=1, dim2=2))
    assert off.abs().max() < 0.1


def test_muon_moves_matrices_as_far_as_adamw_would_and_leaves_the_rest_to_it() -> None:
    muon, adamw = updates("muon"), updates("adamw")
    matrices = {key for key in muon if key.startswith("h.") and key.endswith("weight") and "ln_" not in key}
    assert len(matrices) == 2 * 4
    for key, (before, after) in muon.items():
        if key in matrices:
            moved = (after - before).square().mean().sqrt()
            assert 0.14 * LR < moved < 0.25 * LR, key
            assert not torch.equal(after, adamw[key][1])
        else:
            assert torch.equal(after, adamw[key][1]), key


def test_the_average_of_the_weights_lags_behind_and_is_lent_for_measuring() -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    average = Average(model, 0.75)
    seen = model.weight.item()
    for step in range(1, 40):
        torch.nn.init.constant_(model.weight, step)
        average.update(step)
        decay = min(0.75, (1 + step) / (10 + step))
        seen = decay * seen + (1 - decay) * step
    with average.in_place():
        assert model.weight.item() == pytest.approx(seen)
    assert model.weight.item() == 39
    average.take()
    with average.in_place():
        assert model.weight.item() == 39


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_weight_decay_is_on_matrices_alone(name: Literal["adamw", "muon"]) -> None:
    without, decayed = updates(name), updates(name, weight_decay=0.5)
    for key, (before, after) in decayed.items():
        is_matrix = key.startswith("h.") and key.endswith("weight") and "ln_" not in key
        expected = without[key][1] - (LR * 0.5 * before if is_matrix else 0)
        torch.testing.assert_close(after, expected, rtol=1e-4, atol=1e-6)
