"""The largest logits of one row, exact, without reading all of a large head.

At batch 1 a token costs the reading of all weights, and of a small GPT-2 a third of these are its head. In a byte a
weight it tells, within an error that is known, which of its rows can give one of the k largest logits; those are read.
"""

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

LEAST_BYTES = 1 << 25  # of a head that is worth it: a smaller one stays near the processor
ROUNDING = 2.0**-21  # of a sum in fp32, for each of its terms: eight times what it is, for norms are rounded too
LEAST = torch.finfo(torch.float32).min
MOST = 127  # of a byte with a sign
FINE = 2 * MOST  # fine steps of x in a coarse one
ROWS = 512  # of the head that are turned into bytes at a time, so that they stay near the processor
BLOCK = 64  # logits, the largest of which stands for all
PATIENCE = 16  # steps at which it told too little, after which it is not asked any more


class Sieve:
    """Finds the largest logits of a head that stays as it is.

    Args:
        head: (V, C) fp32, finite, on a CPU.

    Attributes:
        failures: Steps at which it told so little that the whole head is read sooner.
    """

    def __init__(self, head: Tensor) -> None:
        self._head = head
        self.failures = 0
        (V, C), quantized = head.shape, torch.empty(head.shape, dtype=torch.int8)
        self._scale, lost, norm = torch.empty(3, V)
        for first in range(0, V, ROWS):
            some = slice(first, first + ROWS)
            rows = head[some]
            scale = rows.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / MOST
            rough = (rows / scale[:, None]).round_()
            quantized[some], self._scale[some] = rough, scale
            lost[some] = torch.linalg.vector_norm(rough.mul_(scale[:, None]).sub_(rows), dim=1)
            norm[some] = torch.linalg.vector_norm(rows, dim=1)
        self._packed = torch.ops.onednn.qlinear_prepack(quantized, None)
        self._zero_point = torch.zeros(V, dtype=torch.int32)
        # Of a rough logit, as a share of the norm of x: by Cauchy-Schwarz, for the weights and for half a fine step of
        # each part of x, and by what sums lose.
        self._error = lost * (1 + 2**-10) + norm * (C * ROUNDING + C**0.5 / (MOST * FINE))

    @staticmethod
    def suits(head: Tensor) -> bool:
        """Whether it saves time: the head is large, and there are products of bytes for it on this processor."""
        is_large = head.is_cpu and head.nbytes >= LEAST_BYTES
        if not is_large or head.dtype != torch.float32:
            return False
        return _has_products() and all(abs(float(end)) < torch.inf for end in head.aminmax())

    def largest(self, x: Tensor, k: int, mask: Callable[[Tensor], None]) -> tuple[Tensor, Tensor] | None:
        """At least the `k` largest of the logits of `x` (1, C), masked, and their ids: both (1, n), in order of ids.

        There are fewer than `k` if the mask leaves fewer. None where it cannot tell, or the mask leaves none.

        Args:
            mask: Sets logits (1, V) to -inf that are not to be had.
        """
        coarse = float(x.abs().max()) / MOST
        if not 0 < coarse < torch.inf:
            return None
        rough = self._products(x, coarse)
        mask(rough)
        error = self._error * float(x.norm())
        bound = max(_reached(rough[0] - error, k), LEAST)
        # numpy finds them ten times as fast as torch
        ids = torch.from_numpy(np.flatnonzero((rough[0] + error).numpy() >= bound))
        if len(ids) > rough.shape[1] // 2:
            self.failures += 1
            return None
        return (torch.mv(self._head.index_select(0, ids), x[0])[None], ids[None]) if len(ids) else None

    def _products(self, x: Tensor, coarse: float) -> Tensor:
        """The rough logits (1, V) of `x` in so coarse steps and fine ones: whole numbers, of which no sum loses any."""
        fine = coarse / FINE
        high = (x / coarse).round_()
        low = ((x - high * coarse) / fine).round_().clamp_(-MOST, MOST)
        both = torch.cat((high, low)).to(torch.int8)
        sums = torch.ops.onednn.qlinear_pointwise(
            both, 1.0, 0, self._packed, self._scale, self._zero_point, None, 1.0, 0, torch.float32, "none", [], ""
        )
        rough: Tensor = sums[:1].mul_(coarse).add_(sums[1:], alpha=fine)
        return rough


@functools.cache
def _has_products() -> bool:
    """Whether bytes are multiplied here as this file asks for it, which is as torch's own compiler does.

    No public function takes a packed matrix of bytes. A processor without VNNI adds products in pairs of 16 bits, which
    have no room for all.
    """
    if not torch.cpu._is_vnni_supported():
        return False
    try:
        rough = Sieve(torch.eye(64))._products(torch.ones(1, 64), 1 / MOST)
    except (AttributeError, RuntimeError, TypeError):  # another version of torch
        return False
    return bool((rough - 1).abs().max() < 1e-4)


def _reached(values: Tensor, k: int) -> float:
    """A number that the `k` largest of values (V,), or all if there are fewer, reach, and hardly any others."""
    n = len(values) // BLOCK
    if n >= 8 * k:  # most of the largest are each alone in their block, and blocks are soon searched
        values = values[: n * BLOCK].view(n, BLOCK).amax(1)
    return float(values.topk(min(k, len(values)), sorted=False).values.min())
