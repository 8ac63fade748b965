"""Muon: momentum made orthogonal for matrices, AdamW for the rest, in one optimizer with one learning rate.

Ours rather than torch.optim.Muon because that one works on a matrix at a time, which on a CPU costs a sixth of a small
step; here all matrices of a shape are made orthogonal together.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of the quintic iteration
ITERATIONS = 5
MATCH_ADAMW = 0.2  # the usual root mean square of an update of AdamW, which ours is scaled to


class Muon(torch.optim.AdamW):
    """Muon on `matrices`, AdamW on what `add_param_group` adds: both take the group's `lr` and `weight_decay`.

    Args:
        matrices: Parameters of two dimensions; not embeddings.
        momentum: Of the matrices' gradients, in Nesterov's form.
        betas, eps: AdamW's.

    Source: Jordan et al. 2024, "Muon"; the scale by which AdamW's learning rate and decay serve both: Liu et al. 2025,
        arXiv 2502.16982, section 2.2.
    """

    def __init__(
        self,
        matrices: Iterable[nn.Parameter],
        *,
        lr: float,
        weight_decay: float,
        momentum: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        super().__init__(
            [{"params": list(matrices), "momentum": momentum}],
            lr=lr,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            fused=True,
        )
        self._step_supports_amp_scaling = False  # the scaler leaves out a step whose gradients are not finite

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient; those of the matrices are gone afterwards."""
        for group in self.param_groups:
            if "momentum" not in group:
                continue
            by_shape: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    by_shape[p.shape].append(p)
            for shape, matrices in by_shape.items():
                scale = group["lr"] * MATCH_ADAMW * max(shape) ** 0.5
                updates = orthogonal(torch.stack([self.nesterov(p, group["momentum"]) for p in matrices]))
                for p, update in zip(matrices, updates.unbind(), strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-scale)
                    p.grad = None  # so that AdamW passes it over
        super().step(closure)

    def nesterov(self, p: nn.Parameter, momentum: float) -> Tensor:
        """The direction of one matrix: its gradient and the running mean of all so far."""
        assert p.grad is not None
        state = self.state[p]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(p)
        running: Tensor = state["momentum"]
        running.lerp_(p.grad, 1 - momentum)
        return torch.lerp(p.grad, running, momentum)


def orthogonal(x: Tensor) -> Tensor:
    """About the nearest matrices with all singular values alike, near 1, in bfloat16.

    Args:
        x: (N, rows, columns).

    Source: Jordan et al. 2024, whose iteration lets the singular values end between 0.7 and 1.2.
    """
    a, b, c = NEWTON_SCHULZ
    is_tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if is_tall else x
    x = (x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    for _ in range(ITERATIONS):
        square = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.transpose(1, 2) if is_tall else x
