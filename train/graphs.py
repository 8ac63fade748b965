"""Reads with GPT-2 on a GPU, its steps recorded and replayed: a step's hundred kernels start as one.

A recording holds addresses and sizes, so all that changes from step to step lies on the device: the tokens, where they
stand, and keys and values in a room of one size, of which a step sees the first multiple of `BUCKET` that is enough.
There is a recording for each such number, made when the first sample comes so far.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from train.gpt2 import Cache, Shape
from train.model import Cache as AnyCache
from train.reader import Reader

BUCKET = 64  # slots; kernels want a multiple of eight


class Steps(Cache):
    """Keys and values, what else a step reads, and the steps that were recorded."""

    def __init__(self, shape: Shape, batch: int, length: int, like: Tensor) -> None:
        super().__init__(shape, batch, -(-length // BUCKET) * BUCKET, like)
        self.room.zero_()  # what is not filled yet is multiplied by nought
        self.tokens = torch.zeros(batch, 1, dtype=torch.long, device=like.device)
        self.at = torch.zeros(1, dtype=torch.long, device=like.device)  # where they stand
        self.recorded: dict[int, Callable[[], Tensor]] = {}

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows of the batch alone; of fewer, steps are recorded anew."""
        if len(rows) == len(self.tokens):
            self.room.copy_(self.room[:, rows])
            return
        super().keep(rows)
        self.tokens = self.tokens[rows]
        self.recorded.clear()


class Replayer(Reader):
    """The same as a Reader."""

    def start(self, batch: int, length: int, source: Tensor | None = None) -> Steps:
        """An empty cache, as `Model.start` says."""
        assert source is None, "GPT-2 has no encoder"
        return Steps(self.shape, batch, length, self.places)

    def read(self, tokens: Tensor, cache: AnyCache) -> Tensor:
        """Logits (B, V) after the last of `tokens` (B, T), as `Model.read` says; they last until the next step."""
        assert isinstance(cache, Steps)
        if tokens.shape[1] > 1:
            return super().read(tokens, cache)
        seen = (cache.length // BUCKET + 1) * BUCKET
        cache.tokens.copy_(tokens)
        cache.at.fill_(cache.length)
        cache.length += 1
        if seen not in cache.recorded:
            cache.recorded[seen] = self._record(cache, seen)
        return cache.recorded[seen]()

    def _record(self, cache: Steps, seen: int) -> Callable[[], Tensor]:
        """What does one step among `seen` slots each time it is called."""
        slots = torch.arange(seen, device=self.device)

        def step() -> Tensor:
            bias = torch.zeros(seen, dtype=cache.room.dtype, device=self.device)
            bias = bias.masked_fill(slots > cache.at, -torch.inf)[None, None, None]

            def mix(layer: int, qkv: Tensor) -> Tensor:
                room = cache.room[layer]
                room.index_copy_(3, cache.at, qkv[:, 1:])
                k, v = room[:, :, :, :seen].unbind(1)
                return F.scaled_dot_product_attention(qkv[:, 0], k, v, attn_mask=bias)

            return self.through(cache.tokens, self.places[cache.at], mix) @ self._head

        if self.device.type != "cuda":
            return step
        aside = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(aside):  # libraries take their workspaces at a first call, which cannot be recorded
            step()
        torch.cuda.current_stream(self.device).wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits = step()

        def replay() -> Tensor:
            graph.replay()
            return logits

        return replay
