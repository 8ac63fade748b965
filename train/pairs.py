"""Rows that are pairs: a source for the encoder, a target to predict, each padded to the longest beside it.

Shards hold a pair as two documents, source and target, one after the other. A step takes pairs at random, as it takes
rows, then puts them in order of their length, so that those of one micro-step are about equally long.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from train.packing import Batch, Ints
from train.shards import Shards
from train.targets import IGNORE

HELD_WHOLE = 0.995  # of the pairs, by the length that phon chooses
LONGEST = 1024
ROUND = 4  # lengths are padded to multiples of it, so that memory is used again


@dataclass(frozen=True)
class Ragged:
    """Rows of a source and a target, no two of which need be equally long.

    Args:
        seq_len: Positions of the model, which both sides fit.
        lengths: (n, 2) Tokens of each source, predictions of its target.
    """

    seq_len: int
    lengths: Ints

    is_ragged = True

    @property
    def n_rows(self) -> int:
        """Pairs in an epoch."""
        return len(self.lengths)

    @property
    def n_predictions(self) -> int:
        """Targets in an epoch."""
        return int(self.lengths[:, 1].sum())

    @property
    def row_tokens(self) -> int:
        """The mean of source and target together."""
        return max(1, math.ceil(float(self.lengths.sum()) / max(1, self.n_rows)))

    @property
    def sizes(self) -> Ints:
        """Both sides together."""
        sums: Ints = self.lengths.sum(1)
        return sums

    def filled(self) -> Ints:
        """Predictions in each row."""
        return self.lengths[:, 1]

    def padding_in(self, batches: Iterable[Ints]) -> float:
        """Share of what these batches of rows compute that is padding."""
        room = held = 0
        for rows in batches:
            lengths = self.lengths[rows % self.n_rows]
            room += len(rows) * sum(padded(int(longest)) for longest in lengths.max(0))
            held += int(lengths.sum())
        return 1 - held / max(1, room)


@dataclass(frozen=True)
class Pairs(Ragged):
    """The pairs whose source and target fit a model of `seq_len` positions.

    Args:
        starts: (n, 2) Where source and target start in the token stream.
        target_bytes: Of all these targets' original texts.
        left_out: Pairs that are too long.
    """

    starts: Ints
    target_bytes: int
    left_out: int

    is_fresh = False

    def n_bytes(self, shards: Shards) -> int:
        """Those of targets alone."""
        return self.target_bytes

    def said(self) -> str:
        """What the rows are."""
        left_out = f"; {self.left_out:,} longer pairs are left out" if self.left_out else ""
        return f"{self.n_rows:,} pairs of up to {self.seq_len} tokens a side{left_out}"

    def read(self, shards: Shards, rows: Sequence[int] | Ints, pad: int) -> Batch:
        """Tokens, targets, no positions, and sources."""
        sources, targets = [], []
        for row in rows:
            (source, target), (n_source, n) = self.starts[row].tolist(), self.lengths[row].tolist()
            sources.append(shards.read(source, source + n_source).astype(np.int64))
            targets.append(shards.read(target, target + n + 1).astype(np.int64))
        return batch(sources, targets, pad)


def batch(sources: Sequence[Ints], targets: Sequence[Ints], pad: int) -> Batch:
    """Sources and targets as arrays: tokens, the token after each, no positions, sources."""
    return (
        filled_up([ids[:-1] for ids in targets], pad),
        filled_up([ids[1:] for ids in targets], IGNORE),
        None,
        filled_up(sources, pad),
    )


def filled_up(rows: Sequence[Ints], value: int) -> Ints:
    """Rows of unlike length as one array, with `value` after their ends."""
    made = np.full((len(rows), padded(max(map(len, rows)))), value, np.int64)
    for i, ids in enumerate(rows):
        made[i, : len(ids)] = ids
    return made


def padded(length: int) -> int:
    """A length with its padding."""
    return ROUND * math.ceil(length / ROUND)


def longest_sides(lengths: Ints) -> Ints:
    """Positions that each pair needs, from the tokens of all documents: a sample's end has its place too."""
    return np.maximum(lengths[::2], lengths[1::2])


def choose_length(lengths: Ints) -> int:
    """Positions a side that hold nearly all pairs: all, unless a few are more than twice as long as the rest."""
    needed = longest_sides(lengths)
    if not len(needed):
        return ROUND
    most, longest = math.ceil(np.quantile(needed, HELD_WHOLE)), int(needed.max())
    return min(LONGEST, padded(longest if longest <= 2 * most else most))


def pair_rows(shards: Shards, seq_len: int) -> Pairs:
    """The pairs of one split."""
    fits = longest_sides(shards.lengths) <= seq_len
    lengths = shards.lengths.reshape(-1, 2)[fits] - np.array([0, 1])
    target_bytes = int(shards.document_bytes.reshape(-1, 2)[fits].sum())
    return Pairs(seq_len, lengths, shards.starts.reshape(-1, 2)[fits], target_bytes, int((~fits).sum()))
