"""What a decoder remembers of the tokens it has read: keys and values, channels to shift, the type of a document."""

import torch
from torch import Tensor

from train.options import Options


class Room:
    """What one layer remembers: keys and values, as far as its window reaches, and channels to shift."""

    def __init__(self, o: Options, batch: int, length: int, like: Tensor) -> None:
        self.window = o.window
        self.capacity = min(length, 2 * (o.window or length))
        self.kv = like.new_empty(2, batch, o.kv_heads, self.capacity, o.width)
        self.origin = self.filled = 0
        self.last: dict[str, Tensor] = {}  # of each branch: (B, 1, n_embd / 2)
        self.across: Tensor | None = None  # keys and values of an encoder's memory

    def add(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, int]:
        """Remember keys and values (B, n_kv_head, T, head width): all that their queries see, and its first slot."""
        T, new = k.shape[2], torch.stack([k, v])
        if self.filled + T <= self.capacity:
            self.kv[:, :, :, self.filled : self.filled + T] = new
            self.filled += T
            return self.kv[0, :, :, : self.filled], self.kv[1, :, :, : self.filled], self.origin
        assert self.window is not None, "the cache is full"
        kept = min(self.filled, self.window - 1)
        everything = torch.cat([self.kv[:, :, :, self.filled - kept : self.filled], new], 3)
        origin = self.origin + self.filled - kept
        self.filled = min(self.window, kept + T)
        self.kv[:, :, :, : self.filled] = everything[:, :, :, kept + T - self.filled :]
        self.origin = origin + kept + T - self.filled
        return everything[0], everything[1], origin

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows of the batch alone."""
        before, self.kv = self.kv, self.kv.new_empty(2, len(rows), *self.kv.shape[2:])
        self.kv[:, :, :, : self.filled] = before[:, :, :, : self.filled][:, rows]
        self.last = {name: x[rows] for name, x in self.last.items()}
        if self.across is not None:
            self.across = self.across[:, rows]


class Memory:
    """The cache of a decoder.

    Args:
        length: Tokens that it has room for; 0: it keeps nothing.
        pads: (B,) Tokens before each row's first, where prompts of unlike length end together.
    """

    def __init__(self, o: Options, batch: int, length: int, like: Tensor, pads: Tensor | None = None) -> None:
        self.rooms = [Room(o, batch, length, like) for _ in range(o.n_layer if length else 0)]
        self.length = 0
        self.pads = pads
        self.type: Tensor | None = None  # (B, 1) of the document that each row is in
        self.memory: Tensor | None = None
        self.counts: Tensor | None = None

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows of the batch alone, in this order."""
        for room in self.rooms:
            room.keep(rows)
        for name in ("pads", "type", "memory", "counts"):
            if getattr(self, name) is not None:
                setattr(self, name, getattr(self, name)[rows])
