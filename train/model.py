"""What training and sampling know of a model, whatever its family."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Shape(Protocol):
    """The size and make of a model, before it is built: immutable, and equal where two models are alike."""

    @property
    def vocab_size(self) -> int:
        """Tokens it tells apart."""
        ...

    @property
    def seq_len(self) -> int:
        """Its longest context."""
        ...

    @property
    def n_layer(self) -> int:
        """Blocks, those of an encoder too."""
        ...

    @property
    def n_head(self) -> int:
        """Heads of each block."""
        ...

    @property
    def has_encoder(self) -> bool:
        """Whether it reads a source beside its tokens."""
        ...

    @property
    def n_embd(self) -> int:
        """Width of the residual stream."""
        ...

    @property
    def sizes(self) -> tuple[int, ...]:
        """All numbers that set how large it is."""
        ...

    @property
    def said(self) -> str:
        """Its make in a few words."""
        ...

    @property
    def n_parameters(self) -> int:
        """Weights, each once."""
        ...

    @property
    def n_embeddings(self) -> int:
        """Of these, weights of tokens, positions and, where it has its own, the head."""
        ...

    @property
    def flops_per_token(self) -> int:
        """Floating-point operations of forward and backward, a token of a full row.

        Source: Chowdhery et al. 2022, appendix B: 6 a matrix weight and 12·L·d·T for attention.
        """
        ...

    @property
    def cached(self) -> int:
        """Numbers that its cache holds for a sample of `seq_len` tokens."""
        ...

    @property
    def shares_rows(self) -> bool:
        """Whether documents that share a row do not see each other, given positions; else each has a row of its own."""
        ...

    def build(self) -> "Model":
        """The model, its weights not drawn yet."""
        ...

    def library_config(self, *, bos: int, eos: int, pad: int) -> dict[str, Any]:
        """config.json, as transformers reads it."""
        ...


class Cache(Protocol):
    """What a model remembers of the tokens it has read, for each row of a batch."""

    length: int  # positions read

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows of the batch alone, in this order."""
        ...


class Reading(Protocol):
    """What samples are drawn from: a model, or its weights laid out for nothing else."""

    @property
    def shape(self) -> Shape:
        """Its size and make."""
        ...

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        ...

    def start(self, batch: int, length: int, source: Tensor | None = None) -> Cache:
        """An empty cache for `batch` rows of up to `length` tokens; of what the encoder makes of `source` (B, S)."""
        ...

    def read(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Logits (B, V) after the last of `tokens` (B, T), which follow what `cache` holds; it is filled on."""
        ...

    def largest(
        self, tokens: Tensor, cache: Cache, k: int, mask: Callable[[Tensor], None]
    ) -> tuple[Tensor, Tensor | None]:
        """The logits of `read`, fp32 and masked, of one row (1, T): at least the `k` largest, in order of ids.

        Args:
            mask: Sets logits (1, V) to -inf that are not to be had.

        Returns:
            (1, n) The logits, and their ids if these are not all.
        """
        ...


class Model(nn.Module):
    """A language model that makes its own loss and reads with a cache."""

    shape: Shape
    prefix = ""  # of the names of weights in a model folder
    checkpointing = False  # compute each block's activations twice rather than keep them

    @property
    def blocks(self) -> Sequence[nn.Module]:
        """What it consists of beside embeddings and head, in order: shared out, compiled and recomputed one by one."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights."""
        raise NotImplementedError

    def forward(
        self, tokens: Tensor, targets: Tensor, positions: Tensor | None = None, source: Tensor | None = None
    ) -> Tensor:
        """Sum of the cross-entropy over targets that count, in nats, fp32.

        Args:
            tokens: (B, T) ids.
            targets: (B, T) the id after each token, or `IGNORE`.
            positions: (B, T) where rows hold several pieces: each counts from 0, and sees itself alone.
            source: (B, S) ids that an encoder reads, padded at their end.
        """
        raise NotImplementedError

    def start(self, batch: int, length: int, source: Tensor | None = None) -> Cache:
        """An empty cache, as `Reading.start` says."""
        raise NotImplementedError

    def read(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Logits after the last of `tokens`, as `Reading.read` says."""
        raise NotImplementedError

    def largest(
        self, tokens: Tensor, cache: Cache, k: int, mask: Callable[[Tensor], None]
    ) -> tuple[Tensor, Tensor | None]:
        """All logits, masked: what `Reading.largest` may give."""
        logits = self.read(tokens, cache).float()
        mask(logits)
        return logits, None

    def reader(self) -> Reading:
        """What samples fastest here, with the weights as they are now; they may take as much memory again."""
        return self

    def after_each(self, tokens: Tensor, source: Tensor | None = None) -> Tensor:
        """Logits (B, T, V) after each of `tokens` (B, T), which start a text; `source` as in `forward`."""
        raise NotImplementedError

    def weights(self, values: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """The weights under the names and in the layout of a model folder.

        Args:
            values: The parameters by our names, where others than the model's own are meant.
        """
        found = dict(self.named_parameters()) if values is None else values
        return {self.prefix + name: p.detach().contiguous() for name, p in found.items()}

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take weights as `weights` gives them."""
        with torch.no_grad():
            for name, p in self.named_parameters():
                p.copy_(weights[self.prefix + name])
