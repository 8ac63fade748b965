"""Deterministic automata over bytes: as small as they can be, intersected, chained, turned round."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np

from pipeline.errors import PipelineError

States = np.ndarray[Any, np.dtype[np.int32]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Signs = np.ndarray[Any, np.dtype[np.uint64]]

BYTES = 256
DEAD = -1
MOST_STATES = 1 << 22  # more is a mistake in the grammar
LARGE = 1 << 14  # states
DENSE = 1 << 22  # entries of a table of all states and kinds; a larger automaton is asked by halving
NEVER = np.iinfo(np.int32).max  # the distance to an end that is not there


@dataclass(frozen=True, eq=False)
class Automaton:
    """A deterministic automaton; it starts in state 0.

    Args:
        begins: (S + 1,) where the edges of each state begin.
        by: (E,) the kind of byte that takes each edge, ascending for each state.
        to: (E,) where it leads.
        kinds: (256,) the kind of each byte: bytes that are never told apart are of one.
        ends: (S,) whether a text may end there.
    """

    begins: Ints
    by: np.ndarray[Any, np.dtype[np.uint8]]
    to: States
    kinds: Ints
    ends: np.ndarray[Any, np.dtype[np.bool_]]

    @property
    def sources(self) -> Ints:
        """(E,) where each edge comes from."""
        return np.repeat(np.arange(len(self.ends)), np.diff(self.begins))

    @cached_property
    def after(self) -> States:
        """(S, K) the state after a byte of each kind, or DEAD."""
        table = np.full((len(self.ends), int(self.kinds.max()) + 1), DEAD, np.int32)
        table[self.sources, self.by] = self.to
        return table

    def step(self, states: Ints, kinds: Ints) -> States:
        """The states after bytes of these kinds, or DEAD."""
        if len(self.ends) * (int(self.kinds.max()) + 1) <= DENSE:
            return self.after[states, kinds]
        low, high = self.begins[states], self.begins[states + 1]
        last = high - 1
        for _ in range(8):  # an edge a kind: 256 at most
            middle = np.minimum((low + high) // 2, len(self.by) - 1)
            is_below = (self.by[middle] < kinds) & (low < high)
            low, high = np.where(is_below, middle + 1, low), np.where(is_below, high, middle)
        place = np.minimum(low, len(self.by) - 1)
        return np.where((low <= last) & (self.by[place] == kinds), self.to[place], DEAD)

    @cached_property
    def left(self) -> States:
        """(S,) bytes that the shortest ending takes from each state; NEVER if there is none."""
        order = np.argsort(self.to, kind="stable")
        sources = self.sources[order]
        bounds = np.searchsorted(self.to[order], np.arange(len(self.ends) + 1))
        left = np.where(self.ends, 0, NEVER).astype(np.int32)
        ring = np.flatnonzero(self.ends)
        distance = 0
        while len(ring):
            distance += 1
            before = sources[spread(bounds[ring], bounds[ring + 1] - bounds[ring])[1]]
            ring = distinct(before[left[before] == NEVER])
            left[ring] = distance
        return left

    def run(self, text: bytes, state: int = 0) -> int:
        """The state after a text, or DEAD."""
        for kind in self.kinds[list(text)].tolist():
            if state == DEAD:
                return DEAD
            state = int(self.step(np.array(state), np.array(kind)))
        return state

    def accepts(self, text: str) -> bool:
        """Whether the text is valid as it is."""
        state = self.run(text.encode())
        return state != DEAD and bool(self.ends[state])


class Found:
    """Numbers for keys, in the order in which they come."""

    def __init__(self) -> None:
        self._keys = np.empty(0, np.uint64)
        self._numbers = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self._keys)

    def number(self, keys: Signs) -> tuple[Ints, Ints]:
        """The number of each, and where those are that never came before.

        Raises:
            PipelineError: there are too many.
        """
        some, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        at = np.searchsorted(self._keys, some)
        is_new = np.ones(len(some), bool)
        inside = at < len(self._keys)
        is_new[inside] = self._keys[at[inside]] != some[inside]
        numbers = np.empty(len(some), np.int64)
        numbers[~is_new] = self._numbers[at[~is_new]]
        order = np.argsort(first[is_new])
        fresh = np.empty(len(order), np.int64)
        fresh[order] = np.arange(len(self), len(self) + len(order))
        numbers[is_new] = fresh
        if len(self) + len(order) > MOST_STATES:
            raise PipelineError(f"together the constraints have more than {MOST_STATES:,} states", hint="ask for less")
        self._keys = np.insert(self._keys, at[is_new], some[is_new])
        self._numbers = np.insert(self._numbers, at[is_new], fresh)
        return numbers[inverse.reshape(-1)], first[is_new][order]


def spread(begins: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Of runs of places, given by where they begin and how long they are: the run of each place, and the place."""
    owners = np.repeat(np.arange(len(counts)), counts)
    return owners, np.arange(len(owners)) + np.repeat(begins - (np.cumsum(counts) - counts), counts)


def distinct(values: Ints) -> Ints:
    """The values, sorted and once each. `np.unique` hashes, which takes several times as long for so many."""
    ordered = np.sort(values)
    found: Ints = ordered[np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]]
    return found


def noise(n: int) -> Signs:
    """Random odd numbers, the same each time."""
    return np.random.Generator(np.random.PCG64(0)).integers(0, 2**63, n, np.uint64) * np.uint64(2) + np.uint64(1)


def from_edges(source: Ints, by: Ints, to: Ints, kinds: Ints, ends: np.ndarray[Any, np.dtype[np.bool_]]) -> Automaton:
    """The automaton of edges in any order."""
    order = np.argsort(source * BYTES + by, kind="stable")
    begins = np.searchsorted(source[order], np.arange(len(ends) + 1))
    return Automaton(begins, by[order].astype(np.uint8), to[order].astype(np.int32), kinds, ends)


def finer(partitions: Sequence[Ints]) -> Ints:
    """Kinds of bytes that tell apart all that any of these does."""

    def both(a: Ints, b: Ints) -> Ints:
        _, first, inverse = np.unique(a * BYTES + b, return_index=True, return_inverse=True)
        ranks: Ints = np.argsort(np.argsort(first))  # by the first byte of each
        made: Ints = ranks[inverse.reshape(-1)]
        return made

    return reduce(both, partitions)


def refined(given: Automaton, kinds: Ints) -> Automaton:
    """The same with finer kinds."""
    pairs = np.unique(given.kinds * BYTES + kinds)
    coarse, fine = np.divmod(pairs, BYTES)
    bounds = np.searchsorted(coarse, np.arange(BYTES + 1))
    edge, place = spread(bounds[given.by], np.diff(bounds)[given.by])
    return from_edges(given.sources[edge], fine[place], given.to[edge].astype(np.int64), kinds, given.ends)


def smallest(given: Automaton) -> Automaton:
    """The same language with as few states as can be, numbered as a walk from the start meets them.

    Of a large automaton only states are taken for one from which the same edges go out.

    Source: Moore 1956: states are split until those of one class go to the same classes.
    """
    useful = given.left != NEVER
    if not useful[0]:
        return Automaton(np.zeros(2, np.int64), *NOTHING, np.zeros(BYTES, np.int64), np.array([False]))
    n = len(given.ends)
    is_kept = useful[given.to]  # what does not lead to an end does not come before one
    source, by, to = given.sources[is_kept], given.by[is_kept].astype(np.int64), given.to[is_kept].astype(np.int64)
    bounds = np.searchsorted(source, np.arange(n + 1))
    is_large = n > LARGE
    weights, salts, own = noise(BYTES), noise(3 * n)[:n], noise(3 * n)[n:]
    is_end = np.where(useful, given.ends, 2)
    classes = np.arange(n) if is_large else np.unique(is_end, return_inverse=True)[1].reshape(-1)
    n_classes = -1
    while classes.max() != n_classes:
        n_classes = classes.max()
        sums = np.zeros(len(to) + 1, np.uint64)
        np.cumsum(weights[by] * salts[classes[to]], out=sums[1:])
        signs = sums[bounds[1:]] - sums[bounds[:-1]] + (own[is_end] if is_large else own[classes])
        classes = np.unique(signs, return_inverse=True)[1].reshape(-1)
    _, first = np.unique(classes, return_index=True)  # a state of each class
    return renumbered(given, first, classes, (bounds, by, classes[to]))


def renumbered(given: Automaton, first: Ints, classes: Ints, edges: tuple[Ints, Ints, Ints]) -> Automaton:
    """An automaton of classes of states, each with its first one's edges, numbered as a walk meets them."""
    bounds, by, to = edges
    number = np.full(len(first), DEAD, np.int64)
    ring = classes[:1]
    rows, source, kinds, target = [], [], [], []
    n = 0
    while len(ring):
        number[ring] = np.arange(n, n + len(ring))
        n += len(ring)
        rows.append(first[ring])
        owner, place = spread(bounds[rows[-1]], bounds[rows[-1] + 1] - bounds[rows[-1]])
        source.append(number[ring[owner]])
        kinds.append(by[place])
        target.append(to[place])
        new = target[-1][number[target[-1]] == DEAD]
        ring = new[np.sort(np.unique(new, return_index=True)[1])]
    columns = np.concatenate(source), np.concatenate(kinds), number[np.concatenate(target)]
    merged = merged_kinds(*columns, given.kinds, n)
    of_kind = np.zeros(BYTES, np.int64)
    of_kind[given.kinds] = merged
    edge = distinct((columns[0] * BYTES + of_kind[columns[1]]) * (n + 1) + columns[2])
    pairs, to = np.divmod(edge, n + 1)
    return from_edges(*np.divmod(pairs, BYTES), to, merged, given.ends[np.concatenate(rows)])


def merged_kinds(source: Ints, by: Ints, to: Ints, kinds: Ints, n: int) -> Ints:
    """(256,) kinds of bytes, those that no edge tells apart made one."""
    signs = np.zeros(BYTES, np.uint64)
    a, b = noise(2 * n)[:n], noise(2 * n)[n:]
    np.add.at(signs, by, a[source] * b[to])
    return finer([np.unique(signs[kinds], return_inverse=True)[1].reshape(-1)])


def both(a: Automaton, b: Automaton) -> Automaton:
    """The texts that are valid for both.

    Raises:
        PipelineError: it would be too large.
    """
    kinds = finer([a.kinds, b.kinds])
    a, b = refined(a, kinds), refined(b, kinds)
    if len(a.by) * len(b.ends) > len(b.by) * len(a.ends):
        a, b = b, a  # the edges of the one are tried on the other
    n = len(b.ends)
    found = Found()
    found.number(np.zeros(1, np.uint64))
    ring = np.zeros(1, np.int64)
    pairs, edges, at = [ring], [], 0
    while len(ring):
        x, y = np.divmod(ring, n)
        owner, place = spread(a.begins[x], a.begins[x + 1] - a.begins[x])
        kind = a.by[place].astype(np.int64)
        after = b.step(y[owner], kind)
        lives = after != DEAD
        owner, kind = owner[lives], kind[lives]
        keys = a.to[place[lives]].astype(np.int64) * n + after[lives]
        numbers, new = found.number(keys.astype(np.uint64))
        edges.append((at + owner, kind, numbers))
        at += len(ring)
        ring = keys[new]
        pairs.append(ring)
    x, y = np.divmod(np.concatenate(pairs), n)
    source, by, to = (np.concatenate(column) for column in zip(*edges, strict=True))
    return smallest(from_edges(source, by, to, kinds, a.ends[x] & b.ends[y]))


def all_but(given: Automaton) -> Automaton:
    """The texts that are not valid, whatever bytes they are of."""
    sink, n_kinds = len(given.ends), int(given.kinds.max()) + 1
    after = np.vstack([np.where(given.after == DEAD, sink, given.after), np.full(n_kinds, sink)])
    source, by = np.divmod(np.arange(after.size), n_kinds)
    ends = ~np.append(given.ends, False)
    return smallest(from_edges(source, by, after.reshape(-1).astype(np.int64), given.kinds, ends))


def all_of(automata: Sequence[Automaton]) -> Automaton:
    """The texts that are valid for all, the smallest combined first."""
    return reduce(both, sorted(automata, key=lambda one: len(one.ends)))


NOTHING = np.empty(0, np.uint8), np.empty(0, np.int32)  # no edges
_ALONE = np.zeros(1, np.int64)
EVERYTHING = from_edges(_ALONE, _ALONE, _ALONE, np.zeros(BYTES, np.int64), np.array([True]))
