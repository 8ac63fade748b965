"""Which slices of the token stream make which row: computed from the documents' ends, never stored.

A document of n tokens asks for n - 1 predictions: token i, then token i + 1. A *piece* is a run of them, named by
where it starts in the stream and how many it holds, so it reads tokens [start, start + length] and a row of
`seq_len` predictions is a list of pieces. Every prediction is in exactly one piece, so an epoch sees each once.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from train.order import Order
from train.shards import Shards
from train.targets import IGNORE

Ints = NDArray[np.int64]
Batch = tuple[Any, ...]  # tokens, targets, positions, source: arrays, or None, that a model's `forward` takes


class Layout(Protocol):
    """Which tokens make which row."""

    @property
    def seq_len(self) -> int:
        """The longest row."""
        ...

    @property
    def n_rows(self) -> int:
        """Rows in an epoch."""
        ...

    @property
    def n_predictions(self) -> int:
        """Targets in an epoch."""
        ...

    @property
    def row_tokens(self) -> int:
        """What a row counts as in a batch of so many tokens."""
        ...

    @property
    def is_ragged(self) -> bool:
        """Whether rows are of unlike length, so that a step puts them in order."""
        ...

    @property
    def is_fresh(self) -> bool:
        """Whether a row differs in each epoch: row r of epoch e is then asked for as e * n_rows + r."""
        ...

    @property
    def sizes(self) -> Ints:
        """How large each row is."""
        ...

    def filled(self) -> Ints:
        """Predictions in each row."""
        ...

    def n_bytes(self, shards: Shards) -> int:
        """UTF-8 bytes of the original texts that an epoch predicts."""
        ...

    def said(self) -> str:
        """What the rows are, in a few words."""
        ...

    def padding_in(self, batches: Iterable[Ints]) -> float:
        """Share of what is computed that holds nothing, in these batches of rows."""
        ...

    def read(self, shards: Shards, rows: Sequence[int] | Ints, pad: int) -> Batch:
        """These rows as arrays, each (len(rows), longest); room that holds nothing is `pad` and `IGNORE`."""
        ...


@dataclass(frozen=True)
class Packing:
    """Rows as pieces: row r is pieces `rows[r]` to `rows[r + 1]`, in order.

    Args:
        starts: Where each piece starts in the token stream.
        lengths: Predictions in each piece; one token more is read, as the last target.
        rows: First piece of each row, and the number of pieces at the end.
        share: Of the split's predictions.
    """

    seq_len: int
    starts: Ints
    lengths: Ints
    rows: Ints
    share: float = 1.0

    @property
    def n_rows(self) -> int:
        """Rows in an epoch."""
        return len(self.rows) - 1

    is_ragged = False
    is_fresh = False

    @property
    def row_tokens(self) -> int:
        """All rows are equally long."""
        return self.seq_len

    @property
    def sizes(self) -> Ints:
        """By how much they hold."""
        return self.filled()

    @property
    def is_shared(self) -> bool:
        """Whether any row holds more than one piece."""
        return len(self.starts) > self.n_rows

    @property
    def n_predictions(self) -> int:
        """Targets in an epoch."""
        return int(self.lengths.sum())

    def padding_in(self, batches: Iterable[Ints]) -> float:
        """That of all rows, since all are equally long."""
        return self.padding

    @property
    def padding(self) -> float:
        """Share of the rows' room that holds nothing."""
        return 1 - self.n_predictions / max(1, self.n_rows * self.seq_len)

    def filled(self) -> Ints:
        """Predictions in each row."""
        return np.add.reduceat(self.lengths, self.rows[:-1]) if self.n_rows else np.zeros(0, np.int64)

    def n_bytes(self, shards: Shards) -> int:
        """All of the split's, or the share that is here."""
        return round(shards.n_bytes * self.share)

    def said(self) -> str:
        """How many, and how long."""
        return f"{self.n_rows:,} rows of {self.seq_len}"

    def up_to(self, max_tokens: int) -> Self:
        """The first rows of one fixed shuffle, as many as hold so many predictions: fewer are a part of more."""
        order = Order(self.n_rows, 0, 0)(np.arange(self.n_rows))
        kept = order[: max(1, int(np.searchsorted(np.cumsum(self.filled()[order]), max_tokens, side="right")))]
        counts = np.diff(self.rows)[kept]
        rows = np.concatenate([[0], np.cumsum(counts)])
        pieces = np.repeat(self.rows[kept] - rows[:-1], counts) + np.arange(rows[-1])
        share = float(self.lengths[pieces].sum() / self.n_predictions) * self.share
        return replace(self, starts=self.starts[pieces], lengths=self.lengths[pieces], rows=rows, share=share)

    def read(self, shards: Shards, rows: Sequence[int] | Ints, pad: int) -> Batch:
        """Tokens, targets and, where rows are shared, positions.

        A position counts from the start of its piece, so that a document in any place of a row has the positions that
        a sample will have.
        """
        tokens = np.full((len(rows), self.seq_len), pad, np.int64)
        targets = np.full((len(rows), self.seq_len), IGNORE, np.int64)
        positions = np.tile(np.arange(self.seq_len), (len(rows), 1))
        for i, row in enumerate(rows):
            at = 0
            for piece in range(int(self.rows[row]), int(self.rows[row + 1])):
                start, length = int(self.starts[piece]), int(self.lengths[piece])
                ids = shards.read(start, start + length + 1)
                tokens[i, at : at + length] = ids[:-1]
                targets[i, at : at + length] = ids[1:]
                positions[i, at:] -= positions[i, at]
                at += length
            positions[i, at:] -= positions[i, at:][:1]
        return (tokens, targets, positions) if self.is_shared else (tokens, targets)


def stream(n_tokens: int, seq_len: int) -> Packing:
    """Rows cut from the documents end to end: no padding but the last row's, documents cut anywhere."""
    starts = np.arange(0, max(0, n_tokens - 1), seq_len, dtype=np.int64)
    lengths = np.minimum(seq_len, n_tokens - 1 - starts)
    return Packing(seq_len, starts, lengths, np.arange(len(starts) + 1, dtype=np.int64))


def best_fit(document_starts: Ints, document_lengths: Ints, seq_len: int, *, shared: bool = True) -> Packing:
    """Rows of whole documents; only documents longer than a row are cut.

    Longest first, each into the fullest row that has room. A long document is cut so that its *first* piece is the
    short one: rows then start with an opening, or are one full slice from the middle of a document.

    Args:
        shared: Whether a row may hold several documents.

    Source: best-fit decreasing; for training text, Ding et al. 2024 (arXiv 2404.10830).
    """
    predictions = document_lengths - 1
    documents = np.flatnonzero(predictions > 0)
    predictions, begin = predictions[documents], document_starts[documents]
    n_full = (predictions - 1) // seq_len  # full slices after the first piece
    head = predictions - n_full * seq_len  # 1 to seq_len
    which = np.repeat(np.arange(len(documents)), n_full)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(n_full) - n_full, n_full)
    tail_starts = (begin + head)[which] + nth * seq_len

    order = np.argsort(-head, kind="stable")
    row_of = _assign(head[order], seq_len) if shared else np.arange(len(order), dtype=np.int64)
    n_headed = int(row_of.max()) + 1 if len(row_of) else 0
    starts = np.concatenate([begin[order], tail_starts])
    lengths = np.concatenate([head[order], np.full(len(tail_starts), seq_len, np.int64)])
    row_of = np.concatenate([row_of, n_headed + np.arange(len(tail_starts), dtype=np.int64)])
    by_row = np.argsort(row_of, kind="stable")
    n_rows = n_headed + len(tail_starts)
    rows = np.searchsorted(row_of[by_row], np.arange(n_rows + 1)).astype(np.int64)
    return Packing(seq_len, starts[by_row], lengths[by_row], rows)


def _assign(lengths: Ints, seq_len: int) -> Ints:
    """The row of each piece, for lengths in falling order: best fit, with one step for many equal pieces.

    Rows are kept by the room they have left; all pieces of one length fill all rows of one room together.
    """
    row_of = np.empty(len(lengths), np.int64)
    rooms: dict[int, list[Ints]] = {}  # room left -> rows, as arrays
    n_rows = 0
    bounds = np.flatnonzero(np.diff(lengths, prepend=-1, append=-1))
    for first, last in itertools.pairwise(bounds):
        length, at = int(lengths[first]), int(first)
        while at < last:
            room = min((room for room in rooms if room >= length), default=0)
            if room:
                rows = np.concatenate(rooms.pop(room))
                taken, left = rows[: last - at], rows[last - at :]
                if len(left):
                    rooms[room] = [left]
            else:
                # As many rows as the pieces need at one piece a row would waste those that hold several.
                per_row = seq_len // length
                n_new = -(-(int(last) - at) // per_row)
                taken = np.arange(n_rows, n_rows + n_new, dtype=np.int64)
                n_rows += n_new
                room = seq_len
            row_of[at : at + len(taken)] = taken
            at += len(taken)
            if room > length:
                rooms.setdefault(room - length, []).append(taken)
    return row_of
