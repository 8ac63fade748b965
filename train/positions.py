"""Where a token stands, told to attention: rotary and xPos turn queries and keys, ALiBi takes from far scores."""

import math

import torch
from torch import Tensor

XPOS_SCALE = 512.0  # positions over which a pair fades (Sun et al. 2022)
XPOS_LEAST = 0.4  # how fast the slowest does

Turn = tuple[Tensor, Tensor, Tensor | None]  # cosines, sines; how much queries grow and keys shrink


def turn(places: Tensor, width: int, base: float, *, fades_about: int | None) -> Turn:
    """What turns heads of `width` at `places` (B or 1, T): each (B or 1, 1, T, width / 2), the last (..., width).

    Args:
        fades_about: xPos: scores fade with distance; the place where queries and keys keep their size. None: rotary.

    Source: Su et al. 2021 (rotary); Sun et al. 2022 (xPos).
    """
    angles = places[:, None, :, None] * waves(width // 2, base, places.device)
    if fades_about is None:
        return angles.cos(), angles.sin(), None
    pairs = torch.arange(0, width, 2, device=places.device)
    fade = (pairs + XPOS_LEAST * width) / ((1 + XPOS_LEAST) * width)
    scale = fade ** ((places[:, None, :, None] - fades_about) / XPOS_SCALE)
    return angles.cos(), angles.sin(), torch.cat([scale, scale], -1)


def turned(x: Tensor, by: Turn, *, is_key: bool) -> Tensor:
    """Queries or keys (B, heads, T, head width) turned pair by pair: channel i and channel i + half the width."""
    cos, sin = by[0].to(x.dtype), by[1].to(x.dtype)
    a, b = x.chunk(2, -1)
    out = torch.cat([a * cos - b * sin, b * cos + a * sin], -1)
    if by[2] is None:
        return out
    scale = by[2].to(x.dtype)
    return out / scale if is_key else out * scale


def waves(n: int, base: float, device: torch.device) -> Tensor:
    """(n,) Frequencies from 1 down to almost 1 / base, evenly spaced in their logarithm."""
    return base ** (-torch.arange(n, device=device, dtype=torch.float32) / n)


def alibi_slopes(n: int, n_head: int, device: torch.device) -> Tensor:
    """(n_head,) What the first `n` heads lose with each position of distance; the others lose nothing.

    Source: Press et al. 2022: powers of 2^(-8/n); where n is no power of two, every other of the next one fills up.
    """
    whole = 2 ** math.floor(math.log2(n))
    slopes = [2 ** (-8 * (i + 1) / whole) for i in range(whole)]
    slopes += [2 ** (-4 * (2 * i + 1) / whole) for i in range(n - whole)]
    return torch.tensor([*slopes, *[0.0] * (n_head - n)], device=device)
