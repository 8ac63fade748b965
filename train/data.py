"""Batches as a pure function of where training is: (shards, packing, seed, position) and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.errors import TrainError
from train.head import IGNORE
from train.order import Order
from train.packing import Packing, best_fit, stream
from train.shards import Shards


def pack_rows(shards: Shards, kind: str, seq_len: int) -> Packing:
    """The rows of one split: `kind` is "best-fit", "document" or "stream"."""
    if kind == "stream":
        return stream(shards.n_tokens, seq_len)
    return best_fit(shards.starts, shards.lengths, seq_len, shared=kind == "best-fit")


@dataclass(frozen=True)
class Rows:
    """Rows of one split as arrays."""

    shards: Shards
    packing: Packing
    pad: int

    def read(self, rows: Sequence[int] | NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Tokens, targets and, where rows are shared, positions: what a model's `forward` takes.

        Each is (len(rows), seq_len). Room that holds nothing is `pad` and `IGNORE`. A position counts from the start
        of its piece, so that a document in any place of a row has the positions that a sample will have.
        """
        p = self.packing
        tokens = np.full((len(rows), p.seq_len), self.pad, np.int64)
        targets = np.full((len(rows), p.seq_len), IGNORE, np.int64)
        positions = np.tile(np.arange(p.seq_len), (len(rows), 1))
        for i, row in enumerate(rows):
            at = 0
            for piece in range(int(p.rows[row]), int(p.rows[row + 1])):
                start, length = int(p.starts[piece]), int(p.lengths[piece])
                ids = self.shards.read(start, start + length + 1)
                tokens[i, at : at + length] = ids[:-1]
                targets[i, at : at + length] = ids[1:]
                positions[i, at:] -= positions[i, at]
                at += length
            positions[i, at:] -= positions[i, at:][:1]
        return (tokens, targets, positions) if p.is_shared else (tokens, targets)


class Schedule:
    """Which rows each step takes: epochs of shuffled rows, end to end, cut into steps of `rows_per_step`.

    A step may take the last rows of one epoch and the first of the next: none is dropped and none seen twice in an
    epoch.
    """

    def __init__(self, packing: Packing, *, rows_per_step: int, seed: int) -> None:
        if not packing.n_rows:
            raise TrainError("the training split has no documents", hint='run "phon prepare" on a larger corpus')
        self.n_rows = packing.n_rows
        self.filled = packing.filled()
        self.rows_per_step = rows_per_step
        self.seed = seed
        self._orders: dict[int, Order] = {}

    def rows(self, step: int) -> NDArray[np.int64]:
        """The rows of one optimizer step, in order. O(rows_per_step), whatever the step."""
        places = np.arange(step * self.rows_per_step, (step + 1) * self.rows_per_step, dtype=np.int64)
        epochs = places // self.n_rows
        found = np.empty(len(places), np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            found[here] = self._order(int(epoch))(places[here] % self.n_rows)
        return found

    def predictions(self, step: int) -> int:
        """Targets that count in one step, over all processes: known to each without asking the others."""
        return int(self.filled[self.rows(step)].sum())

    def epoch(self, step: int) -> float:
        """Epochs seen after `step` steps."""
        return step * self.rows_per_step / self.n_rows

    def _order(self, epoch: int) -> Order:
        if epoch not in self._orders:
            self._orders = {epoch: Order(self.n_rows, self.seed, epoch), **dict(list(self._orders.items())[-1:])}
        return self._orders[epoch]
