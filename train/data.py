"""Batches as a pure function of where training is: (shards, layout, seed, position) and nothing else."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.config import DataConfig
from train.contract import Contract
from train.errors import TrainError
from train.order import Order
from train.packing import Batch, Layout, Packing, best_fit, stream
from train.pairs import pair_rows
from train.shards import Shards
from train.spans import span_rows

SAMPLED = 50  # steps that padding is worked out on


def lay_out(shards: Shards, data: DataConfig, seq_len: int, contract: Contract | None, seed: int) -> Layout:
    """The rows of one split, by the objective and by what the corpus is.

    Args:
        contract: The tokenizer's; None stands for one of plain documents.
        seed: Of what is drawn anew in each epoch.
    """
    if contract and contract.pairs:
        return pair_rows(shards, seq_len)
    if data.objective == "spans":
        assert contract, "sentinels are the tokenizer's"
        return span_rows(shards, seq_len, contract, data.span_rate, data.span_mean, seed)
    return pack_rows(shards, data.packing, seq_len)


def pack_rows(shards: Shards, kind: str, seq_len: int) -> Packing:
    """The rows of one split: `kind` is "best-fit", "document" or "stream"."""
    if kind == "stream":
        return stream(shards.n_tokens, seq_len)
    return best_fit(shards.starts, shards.lengths, seq_len, shared=kind == "best-fit")


@dataclass(frozen=True)
class Rows:
    """Rows of one split as arrays."""

    shards: Shards
    packing: Layout
    pad: int

    @property
    def n_bytes(self) -> int:
        """UTF-8 bytes of the original texts that the rows predict."""
        return self.packing.n_bytes(self.shards)

    def read(self, rows: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Tokens, targets and, where there are any, positions and sources: what a model's `forward` takes."""
        return self.packing.read(self.shards, rows, self.pad)


class Schedule:
    """Which rows each step takes: epochs of shuffled rows, end to end, cut into steps of `rows_per_step`.

    A step may take the last rows of one epoch and the first of the next: none is dropped and none seen twice in an
    epoch. Rows of unlike length stand in order of it within a step, so that those of a micro-step are about equal.
    """

    def __init__(self, packing: Layout, *, rows_per_step: int, seed: int) -> None:
        if not packing.n_rows:
            raise TrainError("the training split has no documents", hint='run "phon prepare" on a larger corpus')
        self.packing = packing
        self.n_rows = packing.n_rows
        self.filled = packing.filled()
        self.sizes = packing.sizes
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
        if self.packing.is_ragged:
            longest_first = np.argsort(-self.sizes[found], kind="stable")
            found, epochs = found[longest_first], epochs[longest_first]
        return found + epochs * self.n_rows if self.packing.is_fresh else found

    def predictions(self, step: int) -> int:
        """Targets that count in one step, over all processes: known to each without asking the others."""
        return int(self.filled[self.rows(step) % self.n_rows].sum())

    def padding(self, micro_batch: int) -> float:
        """Share of what is computed that holds nothing, over the first steps."""
        steps = range(min(SAMPLED, math.ceil(self.n_rows / self.rows_per_step)))
        return self.packing.padding_in(rows for step in steps for rows in self.rows(step).reshape(-1, micro_batch))

    def epoch(self, step: int) -> float:
        """Epochs seen after `step` steps."""
        return step * self.rows_per_step / self.n_rows

    def _order(self, epoch: int) -> Order:
        if epoch not in self._orders:
            self._orders = {epoch: Order(self.n_rows, self.seed, epoch), **dict(list(self._orders.items())[-1:])}
        return self._orders[epoch]
