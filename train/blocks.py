"""What a decoder is made of: attention, feed-forward, and how they join the residual stream, each with its options."""

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.attention import Look, attend
from train.options import Options
from train.positions import Turn, turned
from train.recall import Room

EPS = 1e-5


@dataclass(frozen=True)
class Frame:
    """What all layers of one pass share.

    Args:
        turn: What turns queries and keys.
        starts: (B or 1, T, 1) Whether a position is the first of its piece.
        place: The first position's slot in the cache.
        memory: (B, S, n_embd) What an encoder made of its source.
        counts: (B, S) Which of the source is no padding.
    """

    look: Look
    turn: Turn | None
    starts: Tensor | None
    place: int = 0
    memory: Tensor | None = None
    counts: Tensor | None = None


def norm(o: Options) -> nn.Module:
    """A norm over the channels.

    Source: Ba et al. 2016; without mean and bias: Zhang and Sennrich 2019 (RMSNorm).
    """
    return nn.RMSNorm(o.n_embd, eps=EPS) if o.norm == "rms" else nn.LayerNorm(o.n_embd, eps=EPS, bias=o.bias)


class Attention(nn.Module):
    """Self-attention; heads of keys and values may each serve several heads of queries.

    Source: Vaswani et al. 2017; shared keys and values: Shazeer 2019, Ainslie et al. 2023; norms of queries and keys:
        Henry et al. 2020; value residual: Zhou et al. 2024 (arXiv 2410.17897), here with a learned share.
    """

    def __init__(self, o: Options, layer: int) -> None:
        super().__init__()
        self.o = o
        self.split = [o.n_head * o.width, o.kv_heads * o.width, o.kv_heads * o.width]
        self.qkv = nn.Linear(o.n_embd, sum(self.split), bias=o.bias)
        self.proj = nn.Linear(o.n_head * o.width, o.n_embd, bias=o.bias)
        if o.value_residual and layer:
            self.mix = nn.Parameter(torch.tensor([0.5]))

    def forward(self, x: Tensor, first: Tensor | None, frame: Frame, room: Room | None) -> tuple[Tensor, Tensor]:
        """(B, T, C) to (B, T, C), and the values (B, n_kv_head, T, head width); `first`: those of the first layer."""
        B, T, _ = x.shape
        q, k, v = (part.view(B, T, -1, self.o.width).transpose(1, 2) for part in self.qkv(x).split(self.split, -1))
        if self.o.qk_norm:
            q, k = (F.rms_norm(part, (self.o.width,)).to(v.dtype) for part in (q, k))
        if frame.turn is not None:
            q, k = turned(q, frame.turn, is_key=False), turned(k, frame.turn, is_key=True)
        if first is not None:
            v = first + self.mix.to(v.dtype) * (v - first)
        keys, values, origin = (k, v, 0) if room is None else room.add(k, v)
        dropout = self.o.attn_dropout if self.training else 0.0
        mixed = attend(q, keys, values, frame.look, dropout, start=frame.place, origin=origin)
        return self.proj(mixed.transpose(1, 2).reshape(B, T, -1)), v


class CrossAttention(nn.Module):
    """Attention of a decoder to what an encoder made of its source."""

    def __init__(self, o: Options) -> None:
        super().__init__()
        self.o = o
        self.q = nn.Linear(o.n_embd, o.n_head * o.width, bias=o.bias)
        self.kv = nn.Linear(o.n_embd, 2 * o.kv_heads * o.width, bias=o.bias)
        self.proj = nn.Linear(o.n_head * o.width, o.n_embd, bias=o.bias)

    def forward(self, x: Tensor, frame: Frame, room: Room | None) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        B, T, _ = x.shape
        q = self.q(x).view(B, T, -1, self.o.width).transpose(1, 2)
        if room is None or room.across is None:
            assert frame.memory is not None
            S = frame.memory.shape[1]
            across = self.kv(frame.memory).view(B, S, 2, -1, self.o.width).permute(2, 0, 3, 1, 4)
            if room is not None:
                room.across = across
        else:
            across = room.across
        k, v = across.unbind(0)
        if self.o.qk_norm:
            q, k = (F.rms_norm(part, (self.o.width,)).to(v.dtype) for part in (q, k))
        groups = self.o.n_head // self.o.kv_heads
        k, v = (part.repeat_interleave(groups, 1) for part in (k, v))
        assert frame.counts is not None
        dropout = self.o.attn_dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(
            q, k, v, attn_mask=frame.counts[:, None, None], dropout_p=dropout, scale=self.o.attn_scale
        )
        return cast(Tensor, self.proj(mixed.transpose(1, 2).reshape(B, T, -1)))


class FeedForward(nn.Module):
    """Two layers with a bend between; gated, the bend of one half multiplies the other.

    Source: Hendrycks and Gimpel 2016 (GELU, in the tanh form of GPT-2); So et al. 2021 (squared ReLU); Shazeer 2020.
    """

    def __init__(self, o: Options) -> None:
        super().__init__()
        self.kind = o.feed_forward
        self.up = nn.Linear(o.n_embd, o.inner * (2 if o.is_gated else 1), bias=o.bias)
        self.proj = nn.Linear(o.inner, o.n_embd, bias=o.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) to (B, T, C)."""
        h: Tensor = self.up(x)
        match self.kind:
            case "gelu":
                h = gelu(h)
            case "relu2":
                h = F.relu(h).square()
            case "swiglu":
                h, gate = h.chunk(2, -1)
                h = h * F.silu(gate)
            case "geglu":
                h, gate = h.chunk(2, -1)
                h = h * gelu(gate)
            case "reglu":
                h, gate = h.chunk(2, -1)
                h = h * F.relu(gate)
        return cast(Tensor, self.proj(h))


def gelu(x: Tensor) -> Tensor:
    """GELU in its tanh form; compiled, by a sigmoid, of which the compiler makes faster code."""
    if torch.compiler.is_compiling():
        return x * torch.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    return F.gelu(x, approximate="tanh")


class Join(nn.Module):
    """How a branch leaves the residual stream and comes back to it: norms, token shift, dropout.

    Source: norm before: Xiong et al. 2020; after: Vaswani et al. 2017; both: Ding et al. 2021 (sandwich); DeepNorm:
        Wang et al. 2022; token shift: Peng (RWKV), as in x-transformers.
    """

    def __init__(self, o: Options, alpha: float) -> None:
        super().__init__()
        self.at, self.alpha, self.shifts = o.norm_at, alpha, o.token_shift
        if o.norm_at in ("pre", "sandwich"):
            self.before = norm(o)
        if o.norm_at != "pre":
            self.after = norm(o)
        self.drop = nn.Dropout(o.dropout)

    def leave(self, x: Tensor, frame: Frame, room: Room | None, name: str) -> Tensor:
        """What the branch gets; half of its channels are those of the token before, where tokens are shifted."""
        if self.at in ("pre", "sandwich"):
            x = self.before(x)
        if not self.shifts:
            return x
        kept, moved = x.chunk(2, -1)
        last = room.last.get(name) if room is not None else None
        if room is not None:
            room.last[name] = moved[:, -1:]
        came = torch.cat([torch.zeros_like(moved[:, :1]) if last is None else last, moved[:, :-1]], 1)
        if frame.starts is not None:
            came = came.masked_fill(frame.starts, 0.0)
        return torch.cat([kept, came], -1)

    def come(self, x: Tensor, y: Tensor) -> Tensor:
        """The stream `x` with what the branch made, `y`."""
        y = self.drop(y)
        match self.at:
            case "pre":
                return x + y
            case "sandwich":
                return x + cast(Tensor, self.after(y))
            case _:
                return cast(Tensor, self.after(self.alpha * x + y))


class Block(nn.Module):
    """Attention, attention to an encoder where there is one, feed-forward."""

    def __init__(self, o: Options, layer: int, alpha: float, *, crosses: bool = False) -> None:
        super().__init__()
        self.attn, self.attn_join = Attention(o, layer), Join(o, alpha)
        if crosses:
            self.cross, self.cross_join = CrossAttention(o), Join(o, alpha)
        self.crosses = crosses
        self.mlp, self.mlp_join = FeedForward(o), Join(o, alpha)

    def forward(self, x: Tensor, first: Tensor | None, frame: Frame, room: Room | None) -> tuple[Tensor, Tensor]:
        """(B, T, C) to (B, T, C), and the attention's values."""
        y, values = self.attn(self.attn_join.leave(x, frame, room, "attn"), first, frame, room)
        x = self.attn_join.come(x, y)
        if self.crosses:
            x = self.cross_join.come(x, self.cross(self.cross_join.leave(x, frame, room, "cross"), frame, room))
        x = self.mlp_join.come(x, self.mlp(self.mlp_join.leave(x, frame, room, "mlp")))
        return x, values
