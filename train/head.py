"""The loss of a head without its logits: they are made, used and forgotten some rows at a time."""

from typing import Any

import torch
from torch import Tensor

from train.targets import IGNORE

CPU_ROWS = 512  # logits of so many rows stay near the processor; measured: 7 % of a step less than all at once
GPU_LOGITS = 2**27  # at a time: half a gigabyte in fp32, and products still large


def cross_entropy(x: Tensor, weight: Tensor, targets: Tensor, softcap: float | None = None) -> Tensor:
    """Sum of the cross-entropy of logits `x @ weight.T` against targets that are not `IGNORE`, in nats, fp32.

    Its gradient is worked out together with it, so that nothing of size (N, V) is kept for the backward pass, and no
    product is made twice. In autocast the products are of its precision; sums and exponentials are fp32.

    Args:
        x: (N, n_embd).
        weight: (V, n_embd).
        targets: (N).
        softcap: Logits stay between minus this and this.

    Source: Hsu et al. 2024 (Liger Kernel, arXiv 2410.10989), section 3.2, of which this is the idea in plain torch.
    """
    device = x.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
    x, rows = x.to(dtype), CPU_ROWS if device == "cpu" else max(CPU_ROWS, GPU_LOGITS // weight.shape[0])
    if torch.is_grad_enabled():
        nats: Tensor = _Loss.apply(x, weight, targets, rows, softcap)  # type: ignore[no-untyped-call]
        return nats
    weight = weight.to(dtype)
    nats = x.new_zeros((), dtype=torch.float32)
    for start in range(0, x.shape[0], rows):
        part = slice(start, start + rows)
        nats = nats + _nats(_logits(x[part], weight, softcap)[0], targets[part])[0]
    return nats


def _logits(x: Tensor, weight: Tensor, softcap: float | None) -> tuple[Tensor, Tensor | None]:
    """Logits, and where they are capped, their share of the way to the cap."""
    logits = x @ weight.t()
    if softcap is None:
        return logits, None
    share = torch.tanh(logits.float() / softcap)
    return softcap * share, share


def _nats(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The loss of some rows; and for its gradient: log-probabilities, targets from 0 on, which of them count."""
    counts = (targets != IGNORE)[:, None]
    index = targets.clamp_min(0)[:, None]
    log_p = torch.log_softmax(logits, 1, dtype=torch.float32)
    return -(log_p.gather(1, index) * counts).sum(), log_p, index, counts


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, targets: Tensor, rows: int, softcap: float | None) -> Tensor:
        low = weight.to(x.dtype)
        of_weight = torch.zeros(weight.shape, dtype=torch.float32, device=x.device)
        of_x, nats = [], x.new_zeros((), dtype=torch.float32)
        for start in range(0, x.shape[0], rows):
            h = x[start : start + rows]
            logits, share = _logits(h, low, softcap)
            loss, log_p, index, counts = _nats(logits, targets[start : start + rows])
            nats = nats + loss
            if torch.compiler.is_compiling():  # one pass over the logits
                of_logits = torch.exp(log_p) - (torch.arange(len(low), device=x.device) == index).float()
            else:
                of_logits = log_p.exp_().scatter_add_(1, index, -torch.ones_like(index, dtype=torch.float32))
            if share is not None:
                of_logits = of_logits * (1 - share**2)
            of_logits = of_logits.to(x.dtype)
            of_x.append((of_logits @ low) * counts)
            of_weight += of_logits.t() @ (h * counts)
            del logits, log_p, of_logits  # else they would still be there beside those of the next rows
        ctx.save_for_backward(torch.cat(of_x), of_weight)
        ctx.dtype = weight.dtype
        return nats

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        of_x, of_weight = ctx.saved_tensors
        scale = gradients[0]
        return of_x * scale.to(of_x.dtype), (of_weight * scale).to(ctx.dtype), None, None, None
