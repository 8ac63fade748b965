from typing import Any

import pytest
import torch
from torch.nn import functional as F

from train.head import CPU_ROWS, cross_entropy
from train.targets import IGNORE

N, C, V = 2 * CPU_ROWS + 77, 24, 301  # a last part that is shorter than the others


def inputs(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, C, generator=generator, dtype=torch.float64)
    weight = torch.randn(V, C, generator=generator, dtype=torch.float64)
    targets = torch.randint(V, (N,), generator=generator)
    targets[5:90] = IGNORE
    return x.to(dtype).requires_grad_(), weight.to(dtype).requires_grad_(), targets


def plain(x: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(x @ weight.t(), targets, ignore_index=IGNORE, reduction="sum")


def exact() -> tuple[torch.Tensor, Any, Any]:
    x, weight, targets = inputs(torch.float64)
    nats = plain(x, weight, targets)
    torch.autograd.backward(nats)
    return nats, x.grad, weight.grad


def test_loss_and_gradients_are_those_of_all_logits_at_once() -> None:
    nats, of_x, of_weight = exact()
    x, weight, targets = inputs()
    ours = cross_entropy(x, weight, targets)
    torch.autograd.backward(ours / 7)
    with torch.no_grad():
        assert cross_entropy(x, weight, targets).item() == pytest.approx(ours.item(), rel=1e-6)
    assert ours.item() == pytest.approx(nats.item(), rel=1e-6)
    torch.testing.assert_close(x.grad, (of_x / 7).float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(weight.grad, (of_weight / 7).float(), rtol=1e-5, atol=1e-5)


def test_in_autocast_it_errs_no_more_than_the_plain_way() -> None:
    nats, of_x, of_weight = exact()

    def errors(loss_of: Any) -> tuple[float, float, float]:
        x, weight, targets = inputs()
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(x, weight, targets)
        torch.autograd.backward(loss)
        assert x.grad is not None
        assert weight.grad is not None
        assert weight.grad.dtype == torch.float32
        return (
            abs(loss.item() - nats.item()),
            (x.grad - of_x).norm().item(),
            (weight.grad - of_weight).norm().item(),
        )

    usual = errors(lambda x, w, y: F.cross_entropy(F.linear(x, w).float(), y, ignore_index=IGNORE, reduction="sum"))
    for ours, theirs in zip(errors(cross_entropy), usual, strict=True):
        assert ours <= 1.1 * theirs


def test_nothing_as_large_as_the_logits_is_kept_for_the_backward_pass() -> None:
    kept: list[int] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        cross_entropy(*inputs())
    assert 0 < max(kept) < N * V / 2
