"""An exponential moving average of the weights: what is measured, sampled and kept, where a config asks for it."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Average:
    """Follows a model's parameters at a distance.

    Args:
        decay: Share of the old average that a step leaves, between 0 and 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.parameters = list(model.parameters())
        self.decay = decay
        self.values: list[Tensor] = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` updates; early on the average is short, so that it forgets the start."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.values, [p.detach() for p in self.parameters], 1 - decay)

    @torch.no_grad()
    def take(self) -> None:
        """Start anew from the weights as they are."""
        torch._foreach_copy_(self.values, [p.detach() for p in self.parameters])

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Put the average where the weights are, and the weights back afterwards."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for p, value in zip(self.parameters, self.values, strict=True):
            p.data, value.data = value.data, p.data
