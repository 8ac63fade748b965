"""A GPT-2 laid out for sampling on a CPU: some tokens of a few rows at a time.

Products of so few rows take hardly longer than what is around them, so a step is one flat list of calls, and the
matrices lie as such a product reads them: transposed, which for 4 to 64 rows is up to twice as fast.
"""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from train.attention import Look, attend
from train.gpt2 import GPT2, Block, Cache, Shape
from train.model import Cache as AnyCache
from train.sieve import PATIENCE, Sieve


class Affine(NamedTuple):
    """A matrix from input to output, or a norm's weight, and the bias."""

    weight: Tensor
    bias: Tensor


class Weights(NamedTuple):
    """Of one block, in the order of use."""

    before_attention: Affine
    qkv: Affine
    proj: Affine
    before_mlp: Affine
    up: Affine
    down: Affine


class Reader:
    """What a GPT-2 computes as it reads, from weights that are laid out anew and stay as they are now."""

    def __init__(self, model: GPT2) -> None:
        self.shape: Shape = model.shape
        self._tokens, self.places = model.wte.weight.detach(), model.wpe.weight.detach()
        self._rows = model.head.detach()
        self._head = self._rows.t().contiguous()
        self._last = _norm(model.ln_f)
        self._blocks = [
            Weights(
                _norm(block.ln_1),
                _matrix(block.attn.c_attn),
                _matrix(block.attn.c_proj),
                _norm(block.ln_2),
                _matrix(block.mlp.c_fc),
                _matrix(block.mlp.c_proj),
            )
            for block in cast(list[Block], model.blocks)
        ]

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self._head.device

    def start(self, batch: int, length: int, source: Tensor | None = None) -> Cache:
        """An empty cache, as `Model.start` says."""
        assert source is None, "GPT-2 has no encoder"
        return Cache(self.shape, batch, length, self._tokens)

    def read(self, tokens: Tensor, cache: AnyCache) -> Tensor:
        """Logits (B, V) after the last of `tokens` (B, T), as `Model.read` says."""
        return self.last(tokens, cache) @ self._head

    def largest(
        self, tokens: Tensor, cache: AnyCache, k: int, mask: Callable[[Tensor], None]
    ) -> tuple[Tensor, Tensor | None]:
        """The `k` largest logits of a row and perhaps others, as `Reading.largest` says."""
        sieve = self._sieve
        if sieve is None or sieve.failures == PATIENCE:
            logits = self.read(tokens, cache).float()
        else:
            x = self.last(tokens, cache)
            if (found := sieve.largest(x, k, mask)) is not None:
                return found
            logits = x @ self._head
        mask(logits)
        return logits, None

    @cached_property
    def _sieve(self) -> Sieve | None:
        return Sieve(self._rows) if Sieve.suits(self._rows) else None

    def last(self, tokens: Tensor, cache: AnyCache) -> Tensor:
        """What the head turns into the logits (B, V) of `read`: (B, C)."""
        assert isinstance(cache, Cache)
        T, start = tokens.shape[1], cache.length
        stop = cache.length = start + T

        news = cache.room.narrow(4, start, T).unbind(0)
        keys, values = (seen.unbind(0) for seen in cache.room.narrow(4, 0, stop).unbind(2))

        def mix(layer: int, qkv: Tensor) -> Tensor:
            news[layer].copy_(qkv.narrow(1, 1, 2))
            q, k, v = qkv.select(1, 0), keys[layer], values[layer]
            return F.scaled_dot_product_attention(q, k, v) if T == 1 else attend(q, k, v, Look(), start=start)

        return self.through(tokens, self.places[start:stop], mix)

    def through(self, tokens: Tensor, places: Tensor, mix: Callable[[int, Tensor], Tensor]) -> Tensor:
        """What comes out of the last block and norm for the last of `tokens` (B, T): (B, C).

        Args:
            places: (T, C) What is added to the tokens' embeddings.
            mix: A block's number and its queries, keys and values (B, 3, n_head, T, width) to mixed values
                (B, n_head, T, width); it keeps what is new.
        """
        (B, T), C, H = tokens.shape, self.shape.n_embd, self.shape.n_head
        x = (F.embedding(tokens, self._tokens) + places).view(B * T, C)
        for layer, block in enumerate(self._blocks):
            qkv = _through(block.qkv, _normed(block.before_attention, x))
            if T == 1:  # which needs no change of order, and each call counts
                mixed = mix(layer, qkv.view(B, 3, H, 1, C // H)).reshape(B, C)
            else:
                mixed = mix(layer, qkv.view(B, T, 3, H, C // H).permute(0, 2, 3, 1, 4)).transpose(1, 2).reshape(-1, C)
            x += _through(block.proj, mixed)
            h = _through(block.up, _normed(block.before_mlp, x))
            x += _through(block.down, F.gelu(h, approximate="tanh"))
        return _normed(self._last, x.view(B, T, C)[:, -1])


def _through(layer: Affine, x: Tensor) -> Tensor:
    return torch.addmm(layer.bias, x, layer.weight)


def _normed(norm: Affine, x: Tensor) -> Tensor:
    return torch.layer_norm(x, norm.bias.shape, norm.weight, norm.bias)


def _matrix(layer: nn.Linear) -> Affine:
    return Affine(layer.weight.detach().t().contiguous(), layer.bias.detach())


def _norm(layer: nn.LayerNorm) -> Affine:
    return Affine(layer.weight.detach(), layer.bias.detach())
