"""Attention of every kind we have, the fastest way for device, length and kind."""

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention
from torch.utils.checkpoint import checkpoint

EXPLICIT_UP_TO = 256  # on CPU in bf16, attention written out beats SDPA's backward up to this length
NARROW = 32  # and for heads up to this width SDPA in float32 beats both, while a head's keys have up to
SMALL = 2**14  # so many entries
WHOLE = 2**26  # entries of a mask that is made at once; a larger one is made, used and forgotten some rows at a time


@dataclass(frozen=True)
class Look:
    """Who sees whom, and how scores bend, in all layers of one forward pass.

    Queries and keys stand at slots; the distance of two is that of their slots.

    Args:
        causal: A query sees nothing after itself.
        window: It sees no key so many slots away or more.
        slopes: (n_head,) What a score loses with each slot of distance: ALiBi.
        softcap: Scores stay between minus this and this.
        scale: Of queries times keys; 1 / sqrt(head width) if none.
        pieces: (B, S) The number of each slot's piece, where rows hold several that do not see each other.
        counts: (B, S) Whether a slot is more than padding; padding sees itself alone.
        whole: The mask of all slots at once, made once for all layers: (B, 1, S, S) of bool.
        blocks: The same for a compiled step on a GPU: blocks that no query sees are never computed.

    Source: ALiBi: Press et al. 2022; blocks: Dong et al. 2024 (FlexAttention, arXiv 2412.05496); soft cap: Bello et al.
        2017, as in Gemma 2.
    """

    causal: bool = True
    window: int | None = None
    slopes: Tensor | None = None
    softcap: float | None = None
    scale: float | None = None
    pieces: Tensor | None = None
    counts: Tensor | None = None
    whole: Tensor | None = None
    blocks: BlockMask | None = None

    def prepared(self, tokens: Tensor, *, in_blocks: bool) -> Self:
        """The same for rows like `tokens` (B, S), with what all layers share made in advance."""
        (B, S), device = tokens.shape, tokens.device
        if self.is_plain(S):
            return self
        if in_blocks:

            def sees(b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
                return self._sees(q, k, b)

            is_for_each = self.pieces is not None or self.counts is not None
            blocks = create_block_mask(sees, B if is_for_each else None, None, S, S, device=device)
            return type(self)(**{**vars(self), "blocks": blocks})
        if self.slopes is None and B * S * S <= WHOLE:
            return type(self)(**{**vars(self), "whole": self.mask(0, S, 0, S, device)})
        return self

    def is_plain(self, S: int) -> bool:
        """Whether S slots are seen in full, but for causality, and scores stay as they are."""
        is_narrow = self.window is not None and self.window < S
        return not is_narrow and all(x is None for x in (self.slopes, self.softcap, self.pieces, self.counts))

    def mask(self, q: int, q_stop: int, k: int, k_stop: int, device: torch.device) -> Tensor:
        """Whether the queries at slots q to q_stop see the keys at k to k_stop: (B or 1, 1, queries, keys) of bool."""
        queries = torch.arange(q, q_stop, device=device)[:, None]
        keys = torch.arange(k, k_stop, device=device)[None]
        return self._sees(queries, keys, slice(None))

    def bias(self, q: int, q_stop: int, k: int, k_stop: int, device: torch.device) -> Tensor:
        """What scores lose with distance: (1, n_head, queries, keys)."""
        assert self.slopes is not None
        distance = torch.arange(q, q_stop, device=device)[:, None] - torch.arange(k, k_stop, device=device)[None]
        return -self.slopes[None, :, None, None] * distance.abs()

    def bend(self, score: Tensor, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        """One score as FlexAttention asks for it."""
        if self.softcap is not None:
            score = self.softcap * torch.tanh(score / self.softcap)
        return score if self.slopes is None else score - self.slopes[h] * (q - k).abs()

    def _sees(self, q: Tensor, k: Tensor, b: Tensor | slice) -> Tensor:
        """For slots that broadcast against each other; `b` is the row, or a slice for all rows."""
        sees = q >= k if self.causal else (q >= 0) & (k >= 0)
        if self.window is not None:
            sees = sees & ((q - k).abs() < self.window)
        if isinstance(b, slice):
            sees = sees[None, None]
            if self.pieces is not None:
                own = self.pieces[:, None, q[:, 0], None]
                sees = sees & (own == self.pieces[:, None, None, k[0]])
            if self.counts is not None:
                sees = (sees & self.counts[:, None, None, k[0]]) | (q == k)
            return sees
        if self.pieces is not None:
            sees = sees & (self.pieces[b, q] == self.pieces[b, k])
        if self.counts is not None:
            sees = (sees & self.counts[b, k]) | (q == k)
        return sees


def pieces(positions: Tensor) -> Tensor:
    """The number of each position's piece in rows whose positions (B, T) count from 0 in each piece."""
    return (positions == 0).cumsum(1)


def attend(
    q: Tensor, k: Tensor, v: Tensor, look: Look, dropout: float = 0.0, *, start: int = 0, origin: int = 0
) -> Tensor:
    """Mixed values (B, n_head, T, head width).

    Args:
        q: (B, n_head, T, head width), at slots `start` and on.
        k, v: (B, n_kv_head, S, head width), at slots `origin` and on; each serves n_head / n_kv_head heads of queries.
        dropout: On the shares; none where there are blocks.
    """
    B, H, T, D = q.shape
    groups, S = H // k.shape[1], k.shape[2]
    mixed: Tensor
    if _is_widened(q, S) and look.softcap is None and not dropout:
        with torch.autocast("cpu", enabled=False):  # which would have SDPA in bf16
            return attend(q.float(), k.float(), v.float(), look, start=start, origin=origin).to(q.dtype)
    if look.blocks is not None:
        bend = look.bend if look.softcap is not None or look.slopes is not None else None
        mixed = flex_attention(q, k, v, bend, look.blocks, look.scale, enable_gqa=groups > 1)
        return mixed
    if T == 1 and groups > 1:  # heads that share keys stand as queries of one head: the keys are read once for all
        bias = None if look.is_plain(S) else _bias(look, start, start + 1, origin, origin + S, q)
        if bias is not None and look.slopes is not None:
            bias = bias.view(bias.shape[0], -1, groups, S)
        mixed = _mix(q.reshape(B, -1, groups, D), k, v, bias, look, 0.0, are_slots=False)
        return mixed.view(B, H, 1, D)
    if groups > 1:
        k, v = (x[:, :, None].expand(-1, -1, groups, -1, -1).reshape(B, H, S, D) for x in (k, v))
    if look.is_plain(S) and not origin and T == S:
        return _full(q, k, v, look, dropout)
    if look.is_plain(S) and (T == 1 or not look.causal):
        return _mix(q, k, v, None, look, dropout)
    if look.whole is not None and T == S:
        return _mix(q, k, v, look.whole, look, dropout)
    rows = max(1, WHOLE // (S * (H if look.slopes is not None else B)))
    parts = []
    for a in range(0, T, rows):
        stop = min(T, a + rows)
        args = (q[:, :, a:stop], k, v, look, dropout, start + a, origin)
        if rows < T and torch.is_grad_enabled():
            parts.append(checkpoint(_some_rows, *args, use_reentrant=False))  # its mask is not kept
        else:
            parts.append(_some_rows(*args))
    return torch.cat(parts, 2) if len(parts) > 1 else parts[0]


def _some_rows(q: Tensor, k: Tensor, v: Tensor, look: Look, dropout: float, start: int, origin: int) -> Tensor:
    """Attention of some queries, on no more keys than they can see."""
    stop = start + q.shape[2]
    first = 0 if look.window is None else max(0, start - look.window + 1 - origin)
    last = min(k.shape[2], stop - origin) if look.causal else k.shape[2]
    bias = _bias(look, start, stop, origin + first, origin + last, q)
    return _mix(q, k[:, :, first:last], v[:, :, first:last], bias, look, dropout)


def _bias(look: Look, q: int, q_stop: int, k: int, k_stop: int, like: Tensor) -> Tensor:
    """Mask and loss with distance in one: what is added to scores, or where it is only a mask, of bool."""
    sees = look.mask(q, q_stop, k, k_stop, like.device)
    if look.slopes is None:
        return sees
    return look.bias(q, q_stop, k, k_stop, like.device).masked_fill(~sees, float("-inf"))


def _full(q: Tensor, k: Tensor, v: Tensor, look: Look, dropout: float) -> Tensor:
    """All slots see all others, or where it is causal, all before them."""
    T = q.shape[2]
    if look.causal and _is_written_out(q, T):
        return _mix(q, k, v, torch.ones(T, T, dtype=torch.bool, device=q.device).tril(), look, dropout)
    return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=look.causal, scale=look.scale)


def is_small(S: int, D: int) -> bool:
    """Whether heads are so narrow, and see so few slots, that SDPA in float32 is quickest on a CPU in bf16."""
    return D <= NARROW and S * D <= SMALL


def _is_widened(q: Tensor, S: int) -> bool:
    return q.device.type == "cpu" and q.dtype is torch.bfloat16 and q.shape[2] > 1 and is_small(S, q.shape[3])


def _is_written_out(q: Tensor, S: int) -> bool:
    return q.device.type == "cpu" and q.dtype is torch.bfloat16 and S <= EXPLICIT_UP_TO


def _mix(
    q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, look: Look, dropout: float, *, are_slots: bool = True
) -> Tensor:
    """Values mixed by the softmax of the scores.

    Args:
        bias: Added to scores, or of bool: who sees whom; broadcasts against (B, n_head, T, S).
        are_slots: Whether the queries stand at the last T of the keys' slots.
    """
    scale = look.scale or 1.0 / math.sqrt(q.shape[-1])
    if look.softcap is not None or _is_written_out(q, k.shape[2]):
        scores = (q @ k.transpose(2, 3)) * scale
        if look.softcap is not None:
            scores = look.softcap * torch.tanh(scores / look.softcap)
        if bias is not None:
            scores = scores.masked_fill(~bias, float("-inf")) if bias.dtype is torch.bool else scores + bias
        shares = F.softmax(scores, dim=-1, dtype=torch.float32)
        return F.dropout(shares, dropout).to(q.dtype) @ v
    if bias is None:
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scale)
    if bias.dtype is torch.bool:  # numbers are faster than bool on CPU
        bias = torch.zeros_like(bias, dtype=q.dtype).masked_fill(~bias, float("-inf"))
    else:
        bias = bias.to(q.dtype)
    if q.device.type == "cpu" and not dropout and look.causal and are_slots and q.shape[2] == k.shape[2]:
        # What SDPA calls here, which may not be told itself that the mask is causal too: a quarter faster.
        kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        mixed: Tensor = kernel(q, k, v, 0.0, True, attn_mask=bias, scale=scale)[0]
        return mixed
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, dropout_p=dropout, scale=scale)
