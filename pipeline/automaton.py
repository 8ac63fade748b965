"""Finite automata over bytes: built from expressions, made deterministic, as small as they can be, and intersected."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np

from pipeline.errors import PipelineError

States = np.ndarray[Any, np.dtype[np.int32]]

BYTES = 256
DEAD = -1
MOST_STATES = 1 << 20  # more is a mistake in the grammar
LARGE = 1 << 18  # states
NEVER = np.iinfo(np.int32).max  # the distance to an end that is not there

Expression = Callable[["Nfa", int], int]  # adds itself after a state, and gives the state where it ends


class Nfa:
    """An automaton while it is built: states by number, with edges that a byte takes and edges that nothing takes."""

    def __init__(self) -> None:
        self.edges: list[list[tuple[frozenset[int], int]]] = []
        self.free: list[list[int]] = []

    def state(self) -> int:
        """A new state."""
        if len(self.edges) == MOST_STATES:
            raise PipelineError(f"the grammar has more than {MOST_STATES:,} states", hint="repeat less in it")
        self.edges.append([])
        self.free.append([])
        return len(self.edges) - 1

    def closure(self, states: Iterable[int]) -> frozenset[int]:
        """What these states reach by nothing."""
        found = set(states)
        waiting = list(found)
        while waiting:
            for after in self.free[waiting.pop()]:
                if after not in found:
                    found.add(after)
                    waiting.append(after)
        return frozenset(found)


def literal(text: str) -> Expression:
    """The text itself, as UTF-8."""
    return sequence(*(one_byte(frozenset([byte])) for byte in text.encode()))


def one_byte(allowed: frozenset[int]) -> Expression:
    """Any one of some bytes."""

    def add(nfa: Nfa, state: int) -> int:
        end = nfa.state()
        nfa.edges[state].append((allowed, end))
        return end

    return add


def one_character(ranges: Sequence[tuple[int, int]]) -> Expression:
    """Any one character of some ranges of code points, both ends among them, as UTF-8."""
    spans = [span for first, last in ranges for span in utf8_spans(first, last)]
    return either(*(sequence(*(one_byte(frozenset(range(a, b + 1))) for a, b in span)) for span in spans))


def utf8_spans(first: int, last: int) -> list[list[tuple[int, int]]]:
    """Code points as runs of bytes: each a range for every byte, all of whose combinations are in it."""
    found = []
    for low, high in ((0, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF)):
        a, b = max(first, low), min(last, high)
        if a <= b:
            found += _spans(chr(a).encode(), chr(b).encode())
    return found


def _spans(first: bytes, last: bytes) -> list[list[tuple[int, int]]]:
    if len(first) == 1:
        return [[(first[0], last[0])]]
    least, most = b"\x80" * (len(first) - 1), b"\xbf" * (len(first) - 1)
    if first[0] == last[0]:
        return [[(first[0], first[0]), *span] for span in _spans(first[1:], last[1:])]
    if first[1:] != least:
        rest = [[(first[0], first[0]), *span] for span in _spans(first[1:], most)]
        return rest + _spans(bytes([first[0] + 1]) + least, last)
    if last[1:] != most:
        rest = _spans(first, bytes([last[0] - 1]) + most)
        return rest + [[(last[0], last[0]), *span] for span in _spans(least, last[1:])]
    return [[(first[0], last[0]), *([(0x80, 0xBF)] * len(least))]]


def sequence(*parts: Expression) -> Expression:
    """One after the other."""
    return lambda nfa, state: reduce(lambda at, part: part(nfa, at), parts, state)


def either(*choices: Expression) -> Expression:
    """Any one of them; of none nothing is valid."""

    def add(nfa: Nfa, state: int) -> int:
        end = nfa.state()
        for choice in choices:
            begin = nfa.state()
            nfa.free[state].append(begin)
            nfa.free[choice(nfa, begin)].append(end)
        return end

    return add


def anyone(texts: Iterable[str]) -> Expression:
    """Any one of some texts: their common beginnings are walked together, and so are their common ends."""
    given = tuple(sorted({text.encode() for text in texts}))

    def add(nfa: Nfa, state: int) -> int:
        end = nfa.state()
        states: dict[tuple[bytes, ...], int] = {(b"",): end}  # by what may follow
        waiting = [(given, state)]
        for follows, at in waiting:  # grows while it is read
            after: dict[tuple[bytes, ...], list[int]] = {}
            for first, group in itertools.groupby(filter(None, follows), key=lambda text: text[0]):
                after.setdefault(tuple(text[1:] for text in group), []).append(first)
            for rest, bytes_ in after.items():
                if rest not in states:
                    states[rest] = nfa.state()
                    waiting.append((rest, states[rest]))
                nfa.edges[at].append((frozenset(bytes_), states[rest]))
            if b"" in follows:
                nfa.free[at].append(end)
        return end

    return add


def repeat(part: Expression, least: int = 0, most: int | None = None) -> Expression:
    """So many times at least and at most; without end if `most` is None."""

    def add(nfa: Nfa, state: int) -> int:
        for _ in range(least):
            state = part(nfa, state)
        if most is None:
            loop = nfa.state()
            nfa.free[state].append(loop)
            nfa.free[part(nfa, loop)].append(loop)
            state = loop
        end = nfa.state()
        for _ in range((most or 0) - least):
            nfa.free[state].append(end)
            state = part(nfa, state)
        nfa.free[state].append(end)
        return end

    return add


@dataclass(frozen=True, eq=False)
class Automaton:
    """A deterministic automaton; it starts in state 0.

    Args:
        after: (S, K) the state after a byte of each kind, or DEAD.
        kinds: (256,) the kind of each byte: bytes that are never told apart are of one.
        ends: (S,) whether a text may end there.
    """

    after: States
    kinds: np.ndarray[Any, np.dtype[np.int64]]
    ends: np.ndarray[Any, np.dtype[np.bool_]]

    @cached_property
    def left(self) -> States:
        """(S,) bytes that the shortest ending takes from each state; NEVER if there is none."""
        sources, _ = np.nonzero(self.after != DEAD)
        targets = self.after[self.after != DEAD]
        order = np.argsort(targets, kind="stable")
        sources = sources[order]
        bounds = np.searchsorted(targets[order], np.arange(len(self.ends) + 1))
        left = np.where(self.ends, 0, NEVER).astype(np.int32)
        ring = np.flatnonzero(self.ends)
        distance = 0
        while len(ring):
            distance += 1
            before = np.unique(np.concatenate([sources[bounds[state] : bounds[state + 1]] for state in ring]))
            ring = before[left[before] == NEVER]
            left[ring] = distance
        return left

    def run(self, text: bytes, state: int = 0) -> int:
        """The state after a text, or DEAD."""
        for byte in text:
            if state == DEAD:
                return DEAD
            state = int(self.after[state, self.kinds[byte]])
        return state

    def accepts(self, text: str) -> bool:
        """Whether the text is valid as it is."""
        state = self.run(text.encode())
        return state != DEAD and bool(self.ends[state])


def automaton(expression: Expression) -> Automaton:
    """The smallest automaton of an expression.

    Source: subset construction, Rabin and Scott 1959.
    """
    nfa = Nfa()
    start = nfa.state()
    end = expression(nfa, start)
    sets = {edge[0] for edges in nfa.edges for edge in edges}
    kinds = kinds_of(sets)
    of_set = {one: np.unique(kinds[sorted(one)]).tolist() for one in sets}
    ids = {nfa.closure([start]): 0}
    order = list(ids)
    rows = []
    for states in order:  # grows while it is read
        reached: dict[int, set[int]] = {}
        for state in states:
            for allowed, target in nfa.edges[state]:
                for kind in of_set[allowed]:
                    reached.setdefault(kind, set()).add(target)
        row = [DEAD] * (int(kinds.max()) + 1)
        for kind, targets in reached.items():
            found = nfa.closure(targets)
            if found not in ids:
                ids[found] = len(order)
                order.append(found)
            row[kind] = ids[found]
        rows.append(row)
    return smallest(Automaton(np.array(rows, np.int32), kinds, np.array([end in states for states in order])))


def kinds_of(sets: Iterable[frozenset[int]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """(256,) a number for each byte, the same for those that are in the same sets."""
    signs: list[list[int]] = [[] for _ in range(BYTES)]
    for number, one in enumerate(sorted(sets, key=sorted)):
        for byte in one:
            signs[byte].append(number)
    ids: dict[tuple[int, ...], int] = {}
    return np.array([ids.setdefault(tuple(sign), len(ids)) for sign in signs])


def smallest(given: Automaton) -> Automaton:
    """The same language with as few states as can be, numbered as a walk from the start meets them.

    Of a large automaton only the states are taken away from which there is no end.

    Source: Moore 1956: states are split until those of one class go to the same classes.
    """
    useful = given.left != NEVER
    if not useful[0]:
        return Automaton(np.full((1, 1), DEAD, np.int32), np.zeros(BYTES, np.int64), np.array([False]))
    after = np.where((given.after != DEAD) & useful[given.after], given.after, DEAD)
    if len(given.ends) > LARGE:
        return Automaton(after.astype(np.int32), given.kinds, given.ends)
    classes = np.unique(np.where(useful, given.ends, 2), return_inverse=True)[1]
    n_classes = 0
    weights = np.random.Generator(np.random.PCG64(0)).integers(1, 2**63, after.shape[1] + 1, np.uint64)
    while classes.max() >= n_classes:
        n_classes = int(classes.max()) + 1
        to = np.column_stack([classes, np.where(after == DEAD, DEAD, classes[after])])
        # Rows are told apart by sums of 64 bits: the odds that two of a million are mistaken are 1 in 10 million.
        classes = np.unique((to.astype(np.uint64) * weights).sum(axis=1, dtype=np.uint64), return_inverse=True)[1]
    _, first = np.unique(classes, return_index=True)  # a state of each class
    order = {int(classes[0]): 0}
    for kind in (waiting := [int(classes[0])]):  # grows while it is read
        for state in after[first[kind]]:
            if state != DEAD and int(classes[state]) not in order:
                order[int(classes[state])] = len(order)
                waiting.append(int(classes[state]))
    number = np.full(n_classes, DEAD, np.int32)
    number[waiting] = np.arange(len(waiting))
    rows = after[first[waiting]]
    return Automaton(np.where(rows == DEAD, DEAD, number[classes[rows]]), given.kinds, given.ends[first[waiting]])


def embedded(given: Automaton) -> Expression:
    """An automaton as a part of others."""

    def add(nfa: Nfa, state: int) -> int:
        states = [nfa.state() for _ in given.ends]
        end = nfa.state()
        nfa.free[state].append(states[0])
        of_kind = [frozenset((given.kinds == kind).nonzero()[0].tolist()) for kind in range(given.after.shape[1])]
        for number, row in enumerate(given.after.tolist()):
            for kind, after in enumerate(row):
                if after != DEAD:
                    nfa.edges[states[number]].append((of_kind[kind], states[after]))
            if given.ends[number]:
                nfa.free[states[number]].append(end)
        return end

    return add


def both(a: Automaton, b: Automaton) -> Automaton:
    """The texts that are valid for both.

    Raises:
        PipelineError: it would be too large.
    """
    pair_of, kinds = np.unique(a.kinds * BYTES + b.kinds, return_inverse=True)
    of_a, of_b = np.divmod(pair_of, BYTES)
    n = len(b.ends)
    seen, numbers = np.array([0]), np.array([0], np.int32)  # pairs of states, sorted, and the number of each
    rings, rows = [seen], []
    while len(rings[-1]):
        x = a.after[rings[-1] // n][:, of_a].astype(np.int64)
        y = b.after[rings[-1] % n][:, of_b]
        keys = np.where((x != DEAD) & (y != DEAD), x * n + y, DEAD)
        rings.append(np.setdiff1d(keys, np.append(seen, DEAD)))
        if len(seen) + len(rings[-1]) > MOST_STATES:
            raise PipelineError(f"together the constraints have more than {MOST_STATES:,} states", hint="ask for less")
        at = np.searchsorted(seen, rings[-1])
        numbers = np.insert(numbers, at, np.arange(len(seen), len(seen) + len(rings[-1]), dtype=np.int32))
        seen = np.insert(seen, at, rings[-1])
        rows.append(np.where(keys == DEAD, DEAD, numbers[np.searchsorted(seen, np.maximum(keys, 0))]))
    pairs = np.concatenate(rings)
    return smallest(Automaton(np.concatenate(rows), kinds.reshape(-1), a.ends[pairs // n] & b.ends[pairs % n]))


def all_but(given: Automaton) -> Automaton:
    """The texts that are not valid, whatever bytes they are of."""
    sink = len(given.ends)
    after = np.vstack([np.where(given.after == DEAD, sink, given.after), np.full(given.after.shape[1], sink, np.int32)])
    return smallest(Automaton(after, given.kinds, ~np.append(given.ends, False)))


def all_of(automata: Sequence[Automaton]) -> Automaton:
    """The texts that are valid for all, the smallest combined first."""
    return reduce(both, sorted(automata, key=lambda one: len(one.ends)))
