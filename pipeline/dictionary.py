"""Many texts as one automaton: first as a tree of their beginnings, then with what they end in shared too."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pipeline.automaton import BYTES, Automaton, Ints, Signs, from_edges, noise


class Tree(NamedTuple):
    """Beginnings of texts by number, the empty one 0, shorter ones first.

    Args:
        levels: For each length: the beginnings without the last byte, that byte, and those with it.
        at: Where each text is.
        size: How many beginnings there are.
    """

    levels: list[tuple[Ints, Ints, Ints]]
    at: Ints
    size: int


def tree(texts: Sequence[bytes]) -> Tree:
    """The tree of some texts, which come sorted and once each."""
    lengths = np.array([len(text) for text in texts], np.int64)
    letters = np.full((len(texts), int(lengths.max(initial=0)) + 1), -1, np.int16)
    letters[np.arange(letters.shape[1]) < lengths[:, None]] = np.frombuffer(b"".join(texts), np.uint8)
    differs = np.ones(letters.shape, bool)  # whether it has another beginning than the text before, so many letters on
    np.logical_or.accumulate(letters[1:] != letters[:-1], axis=1, out=differs[1:])
    levels = []
    at, size = np.zeros(len(texts), np.int64), 1
    for place in range(letters.shape[1] - 1):
        inside = place < lengths
        new = inside & differs[:, place]
        up = at[new]
        at = np.where(inside, size - 1 + np.cumsum(new), at)
        levels.append((up, letters[new, place].astype(np.int64), at[new]))
        size += int(new.sum())
    return Tree(levels, at, size)


def dictionary(texts: Sequence[bytes]) -> Automaton:
    """The smallest automaton of some texts, which come sorted and once each.

    Source: states of one height are merged, the lowest first: Revuz 1992.
    """
    levels, at, n = tree(texts)
    ends = np.zeros(n, bool)
    ends[at] = True
    empty = (np.empty(0, np.int64),) * 3
    source, by, to = (np.concatenate(column) for column in zip(empty, *levels, strict=True))
    height = np.zeros(n, np.int64)
    for up, _, after in reversed(levels):
        np.maximum.at(height, up, height[after] + 1)
    order = np.argsort(height[source], kind="stable")
    source, by, to = source[order], by[order], to[order]
    bounds = np.searchsorted(height[source], np.arange(height.max() + 2))
    weights = noise(BYTES)
    signs = noise(2)[ends.astype(np.int64)]  # of what may follow: the same for states that are one
    for level in range(1, int(height.max()) + 1):
        edges = slice(bounds[level], bounds[level + 1])
        np.add.at(signs, source[edges], mixed(weights[by[edges]], signs[to[edges]]))
    _, first, state = np.unique(signs, return_index=True, return_inverse=True)
    state = (state + len(first) - state[0]) % len(first)  # the start is 0
    rows = np.empty(len(first), np.int64)
    rows[state[first]] = first
    is_kept = rows[state[source]] == source
    source, by, to = state[source[is_kept]], by[is_kept], state[to[is_kept]]
    return from_edges(source, by, to, np.arange(BYTES), ends[rows])


def mixed(weights: Signs, signs: Signs) -> Signs:
    """A sign of a letter and of what may follow it."""
    product = (signs ^ (signs >> np.uint64(31))) * weights
    return product ^ (product >> np.uint64(29))
