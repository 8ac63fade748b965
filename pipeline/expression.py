"""Expressions of what a text may be, and the automata made of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from pipeline.automaton import (
    BYTES,
    MOST_STATES,
    Automaton,
    Found,
    Ints,
    distinct,
    finer,
    from_edges,
    noise,
    refined,
    smallest,
    spread,
)
from pipeline.dictionary import dictionary
from pipeline.errors import PipelineError

FEW = 200  # texts whose automaton is kept for the next time
Expression = Callable[["Nfa", int], int]  # adds itself after a state, and gives the state where it ends


class Nfa:
    """An automaton while it is built: states by number, with edges that a byte takes and edges that nothing takes."""

    def __init__(self) -> None:
        self.n_states = 0
        self.edges: list[tuple[int, frozenset[int], int]] = []
        self.free: dict[int, list[int]] = {}
        self.parts: list[tuple[int, Automaton]] = []  # the first state of each

    def state(self, n: int = 1) -> int:
        """A new state, or the first of several."""
        self.n_states += n
        if self.n_states > MOST_STATES:
            raise PipelineError(f"the grammar has more than {MOST_STATES:,} states", hint="repeat less in it")
        return self.n_states - n

    def skip(self, state: int, to: int) -> None:
        """An edge that nothing takes."""
        self.free.setdefault(state, []).append(to)

    def closure(self, state: int) -> list[int]:
        """What a state reaches by nothing, and by bytes goes on from or ends in."""
        found = {state}
        waiting = [state]
        while waiting:
            for after in self.free.get(waiting.pop(), ()):
                if after not in found:
                    found.add(after)
                    waiting.append(after)
        return sorted(found)


def literal(text: str) -> Expression:
    """The text itself, as UTF-8."""
    return sequence(*(one_byte(frozenset([byte])) for byte in text.encode()))


def one_byte(allowed: frozenset[int]) -> Expression:
    """Any one of some bytes."""

    def add(nfa: Nfa, state: int) -> int:
        end = nfa.state()
        nfa.edges.append((state, allowed, end))
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
            nfa.skip(state, begin)
            nfa.skip(choice(nfa, begin), end)
        return end

    return add


def anyone(texts: Iterable[str]) -> Expression:
    """Any one of some texts."""
    given = tuple(sorted({text.encode() for text in texts}))
    return embedded((kept_dictionary if len(given) < FEW else dictionary)(given))


def repeat(part: Expression, least: int = 0, most: int | None = None) -> Expression:
    """So many times at least and at most; without end if `most` is None."""

    def add(nfa: Nfa, state: int) -> int:
        for _ in range(least):
            state = part(nfa, state)
        if most is None:
            loop = nfa.state()
            nfa.skip(state, loop)
            nfa.skip(part(nfa, loop), loop)
            state = loop
        end = nfa.state()
        for _ in range((most or 0) - least):
            nfa.skip(state, end)
            state = part(nfa, state)
        nfa.skip(state, end)
        return end

    return add


def separated(part: Expression, between: Expression) -> Expression:
    """One or more, with something between them. The part is there once, however large it is."""

    def add(nfa: Nfa, state: int) -> int:
        begin = nfa.state()
        nfa.skip(state, begin)
        end = part(nfa, begin)
        nfa.skip(between(nfa, end), begin)
        return end

    return add


def respelled(given: Automaton, byte: int, text: str) -> Expression:
    """An automaton with a text for a byte."""
    kinds = given.kinds.copy()
    kinds[byte] = kinds.max() + 1  # which no edge is of
    of_byte = given.by == given.kinds[byte]
    edges = list(zip(given.sources[of_byte].tolist(), given.to[of_byte].tolist(), strict=True))

    def add(nfa: Nfa, state: int) -> int:
        end = embedded(replace(given, kinds=kinds))(nfa, state)
        begin = nfa.parts[-1][0]
        for source, to in edges:
            nfa.skip(literal(text)(nfa, begin + source), begin + to)
        return end

    return add


def chained(lines: Sequence[Automaton], gap: str, dash: str) -> Automaton:
    """Texts of all these, one after the other, with a gap between them and after it perhaps a dash and another gap.

    It is not made smaller: lines that are small already make a small one.
    """
    known: dict[int, Automaton] = {}
    for line in lines[:-1]:
        if id(line) not in known:
            known[id(line)] = automaton(sequence(embedded(line), literal(gap)))
    parts = [*(known[id(line)] for line in lines[:-1]), lines[-1]]
    after = (dash + gap).encode()
    kinds = finer([kinds_of({frozenset([byte]) for byte in after}), *(part.kinds for part in parts)])
    finer_of = {id(part): refined(part, kinds) for part in parts}
    parts = [finer_of[id(part)] for part in parts]
    begins = np.cumsum([0, *(len(part.ends) for part in parts)])
    size = int(begins[-1])
    columns: list[tuple[Any, Any, Any]] = [
        (part.sources + begin, part.by, part.to + begin) for part, begin in zip(parts, begins, strict=False)
    ]
    for part, following, at, begin in zip(parts, parts[1:], begins, begins[1:], strict=False):
        (end,) = np.flatnonzero(part.ends)  # it is after the gap, where no line goes on
        first = slice(0, following.begins[1])
        path = [at + end, *range(size, size + len(after) - 1), begin]
        size += len(after) - 1
        columns.append((np.full(first.stop, at + end), following.by[first], following.to[first] + begin))
        columns.append((np.array(path[:-1]), kinds[list(after)], np.array(path[1:])))
    ends = np.zeros(size, bool)
    ends[begins[-2] : begins[-1]] = parts[-1].ends
    source, by, to = (np.concatenate(column).astype(np.int64) for column in zip(*columns, strict=True))
    return from_edges(source, by, to, kinds, ends)


def embedded(given: Automaton) -> Expression:
    """An automaton as a part of others."""

    def add(nfa: Nfa, state: int) -> int:
        begin = nfa.state(len(given.ends))
        end = nfa.state()
        nfa.skip(state, begin)
        nfa.parts.append((begin, given))
        for one in np.flatnonzero(given.ends).tolist():
            nfa.skip(begin + one, end)
        return end

    return add


def automaton(expression: Expression) -> Automaton:
    """The smallest automaton of an expression.

    Source: subset construction, Rabin and Scott 1959.
    """
    nfa = Nfa()
    start = nfa.state()
    end = expression(nfa, start)
    kinds, source, by, to = all_edges(nfa)
    # A subset has the states that bytes leave, and the end; of each edge it gets what its target reaches by nothing.
    matters = np.zeros(nfa.n_states, bool)
    matters[source] = matters[end] = True
    reached = {state: nfa.closure(state) for state in {start, *nfa.free}}
    begins = np.zeros(nfa.n_states + 1, np.int64)
    counts = np.ones(nfa.n_states, np.int64)
    for state, states in reached.items():
        counts[state] = len(states)
    np.cumsum(counts, out=begins[1:])
    closures = np.empty(begins[-1], np.int64)
    closures[begins[:-1]] = np.arange(nfa.n_states)
    for state, states in reached.items():
        closures[begins[state] : begins[state + 1]] = states
    edge, place = spread(begins[to], counts[to])
    useful = matters[closures[place]]
    edge, target = edge[useful], closures[place[useful]]
    order = np.argsort(source[edge], kind="stable")
    by, target = by[edge][order], target[order]
    bounds = np.searchsorted(source[edge][order], np.arange(nfa.n_states + 1))

    signs = noise(nfa.n_states)
    found = Found()
    members = np.array([state for state in reached[start] if matters[state]], np.int64)
    owners = np.zeros(len(members), np.int64)
    found.number(np.array([signs[members].sum(dtype=np.uint64)], np.uint64))
    n_kinds = int(kinds.max()) + 1
    edges, ends, at = [], [], 0
    while True:
        size = len(found) - at
        if not size:
            break
        ends.append(np.bincount(owners[members == end], minlength=size) > 0)
        one, place = spread(bounds[members], bounds[members + 1] - bounds[members])
        keys = distinct((owners[one] * n_kinds + by[place]) * nfa.n_states + target[place])
        groups, members = np.divmod(keys, nfa.n_states)
        firsts = np.flatnonzero(np.diff(groups, prepend=-1))
        sums = np.add.reduceat(signs[members], firsts) if len(firsts) else np.empty(0, np.uint64)
        # Subsets are told apart by sums of 64 bits: the odds that two of a million are mistaken are 1 in 10 million.
        numbers, new = found.number(sums)
        groups = groups[firsts]
        edges.append((at + groups // n_kinds, groups % n_kinds, numbers))
        at += size
        lengths = np.diff(np.append(firsts, len(members)))
        owners, place = spread(firsts[new], lengths[new])
        members = members[place]
    source, by, to = (np.concatenate(column) for column in zip(*edges, strict=True))
    return smallest(from_edges(source, by, to, kinds, np.concatenate(ends)))


def all_edges(nfa: Nfa) -> tuple[Ints, Ints, Ints, Ints]:
    """The kinds of bytes, and the edges that bytes take: where from, by which kind, where to."""
    sets = {allowed for _, allowed, _ in nfa.edges}
    kinds = finer([kinds_of(sets), *(part.kinds for _, part in nfa.parts)])
    of_set = {one: np.unique(kinds[sorted(one)]) for one in sets}
    columns = [
        np.array([(source, kind, to) for source, allowed, to in nfa.edges for kind in of_set[allowed]], np.int64)
    ]
    known: dict[int, Automaton] = {}
    for begin, part in nfa.parts:
        one = known.setdefault(id(part), refined(part, kinds))
        columns.append(np.column_stack([one.sources + begin, one.by, one.to + begin]).astype(np.int64))
    source, by, to = np.concatenate([column.reshape(-1, 3) for column in columns]).T
    return kinds, source, by, to


def kinds_of(sets: Iterable[frozenset[int]]) -> Ints:
    """(256,) a number for each byte, the same for those that are in the same sets."""
    signs: list[list[int]] = [[] for _ in range(BYTES)]
    for number, one in enumerate(sorted(sets, key=sorted)):
        for byte in one:
            signs[byte].append(number)
    ids: dict[tuple[int, ...], int] = {}
    return np.array([ids.setdefault(tuple(sign), len(ids)) for sign in signs])


kept_dictionary = lru_cache(maxsize=256)(dictionary)
