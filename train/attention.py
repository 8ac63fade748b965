"""Causal attention, on whole rows or on pieces that do not see each other, the fastest way for device and length."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

EXPLICIT_UP_TO = 256  # on CPU in bf16, attention written out beats SDPA's backward up to this length

Mask = Tensor | BlockMask | None  # what a position sees: (B, 1, T, T) of bool, the same in blocks, or all before it


def pieces(positions: Tensor, *, in_blocks: bool) -> Mask:
    """The mask of rows that hold several pieces, where positions (B, T) count from 0 in each.

    Args:
        in_blocks: For a compiled step on a GPU, without dropout: blocks that no query sees are never computed.

    Source: Dong et al. 2024 (FlexAttention, arXiv 2412.05496).
    """
    piece = (positions == 0).cumsum(1)
    if not in_blocks:
        return (piece[:, None, :, None] == piece[:, None, None, :]).tril()

    def sees(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        return (q >= k) & (piece[b, q] == piece[b, k])

    B, T = positions.shape
    return create_block_mask(sees, B, None, T, T, device=positions.device)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Mask, dropout: float) -> Tensor:
    """Mixed values (B, n_head, T, head width) of queries, keys and values of that shape.

    Args:
        dropout: On the shares; none where the mask is in blocks.
    """
    mixed: Tensor
    if isinstance(mask, BlockMask):
        mixed = flex_attention(q, k, v, block_mask=mask)
        return mixed
    T = q.shape[2]
    if q.device.type == "cpu" and q.dtype is torch.bfloat16 and T <= EXPLICIT_UP_TO:
        scores = (q @ k.transpose(2, 3)) * (1.0 / math.sqrt(q.shape[-1]))
        if mask is None:
            mask = torch.ones(T, T, dtype=torch.bool, device=q.device).tril()
        shares = F.softmax(scores.masked_fill(~mask, float("-inf")), dim=-1, dtype=torch.float32)
        return F.dropout(shares, dropout).to(q.dtype) @ v
    if mask is None:
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=True)
    bias = torch.zeros_like(mask, dtype=q.dtype).masked_fill(~mask, float("-inf"))  # faster than bool on CPU
    if q.device.type == "cpu" and not dropout:
        # What SDPA calls here, which may not be told itself that the mask is causal too: a quarter faster.
        kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        mixed = kernel(q, k, v, 0.0, True, attn_mask=bias)[0]
        return mixed
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout)
