"""The memory that training takes on a GPU, in a first estimate: nothing is built or run for it."""

from typing import NamedTuple

from train.gpt2 import Shape as GPT2Shape
from train.head import CPU_ROWS, GPU_LOGITS
from train.model import Shape

STATES = 16  # bytes a weight: itself, its gradient and AdamW's two averages, in fp32


class Footprint(NamedTuple):
    """Memory, and whether the activations are in it."""

    size_bytes: int
    is_whole: bool

    @property
    def said(self) -> str:
        """What was counted."""
        if self.is_whole:
            return "weights, gradients, AdamW's averages and activations, in bf16 over fp32 weights"
        return "weights, gradients and AdamW's averages, in fp32; activations come on top"


def footprint(shape: Shape, micro_batch: int) -> Footprint:
    """The most that training holds at a time.

    Of a GPT-2 it is the larger of two moments: the end of the backward pass's start, when all activations are there
    and with them the logits that the head works on, and the optimizer's step after it. Of others, what each weight
    costs.

    Args:
        micro_batch: Rows of `seq_len` tokens at a time.

    Source: the closed form of a step in bf16 autocast with SDPA, held against a simulation of each operation: a token
        keeps 64·d bytes a layer and 12·d at the ends, a logit costs 14 while it is worked on. The head makes logits
        some rows at a time (`train.head`), and keeps its gradient; AdamW is fused, so it copies nothing.
    """
    n = shape.n_parameters
    if not isinstance(shape, GPT2Shape):
        return Footprint(STATES * n, False)
    V, d, L = shape.vocab_size, shape.n_embd, shape.n_layer
    tokens = micro_batch * shape.seq_len
    matrices = L * (4 * d * d + 2 * d * shape.n_inner) + V * d
    a_layer = 32 * d + 8 * shape.n_inner  # 64·d where the inner layer is 4 d wide
    logits = 14 * V * min(tokens, max(CPU_ROWS, GPU_LOGITS // V)) + 4 * V * d
    activations = tokens * (L * a_layer + 12 * d)
    return Footprint(
        max(12 * n + 2 * matrices + activations + logits, STATES * n + 2 * matrices + 4 * tokens * d), True
    )
