"""Build phonetic/data/letters.zz from the lexicon: `python scripts/build_letters.py`.

Letters are aligned to phones by expectation maximisation, one phone or two with one to four letters; the units found
are counted by the three before them, discounted, and pruned. The same lexicon gives the same bytes.

Source: Bisani and Ney 2008, "Joint-sequence models for grapheme-to-phoneme conversion"; absolute discounting as in Ney,
Essen and Kneser 1994.
"""

import functools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from phonetic.letters import BEGIN, END, Letters, Order, Units, phones_of
from phonetic.lexicon import DATA, lexicon
from scripts.lexicon_pairs import is_held_out

OUTPUT = DATA / "letters.zz"
# Phones and letters of a unit, and how readily it is taken: what is longer must be worth it.
SHAPES = {(1, 1): 1.0, (1, 2): 0.5, (1, 3): 0.2, (1, 4): 0.1, (2, 1): 0.02, (2, 2): 0.0005}
SAMPLE = 12_000  # words that the alignment is learnt from
ROUNDS = 6
ORDER = 4  # units of an n-gram
DISCOUNT = 0.7
LEAST = (1, 1, 2, 2)  # times that an n-gram was seen, by its length
LEAST_UNIT = 3
Entry = tuple[str, list[str]]  # a word and its phones
Unit = tuple[str, str]
Arc = tuple[int, int, int, int, Unit]  # from phone and letter, to phone and letter, by which unit


def entries(held_out: bool) -> list[Entry]:
    """The words of letters alone, with each pronunciation; with `held_out` without those kept to measure on."""
    return [
        (word, phones_of(said))
        for word, entry in lexicon().items()
        if word.isalpha() and len(word) > 1 and not (held_out and is_held_out(word))
        for said in entry.split(" ")
    ]


def arcs(word: str, phones: Sequence[str]) -> Iterator[Arc]:
    """All units that a word might be made of, in order of where they begin."""
    for i in range(len(phones)):
        for j in range(len(word)):
            for width, length in SHAPES:
                if i + width <= len(phones) and j + length <= len(word):
                    yield i, j, i + width, j + length, ("".join(phones[i : i + width]), word[j : j + length])


def expect(words: Iterable[Entry], weight: Callable[[Unit], float]) -> dict[Unit, float]:
    """How often each unit is used, over all alignments of all words by their probability."""
    expected: dict[Unit, float] = defaultdict(float)
    for word, phones in words:
        end = len(phones), len(word)
        forward: dict[tuple[int, int], float] = defaultdict(float, {(0, 0): 1.0})
        used = []
        for i, j, k, m, unit in arcs(word, phones):
            if forward[i, j] and (p := weight(unit)):
                forward[k, m] += forward[i, j] * p
                used.append(((i, j), (k, m), unit, p))
        if not forward[end]:
            continue
        backward: dict[tuple[int, int], float] = defaultdict(float, {end: 1.0})
        for here, there, unit, p in reversed(used):
            backward[here] += p * backward[there]
            expected[unit] += forward[here] * p * backward[there] / forward[end]
    return expected


def shape(unit: Unit) -> float:
    """How readily a unit is taken for its length."""
    return SHAPES[len(phones_of(unit[0])), len(unit[1])]


def _weight(weights: Mapping[Unit, float] | None, unit: Unit) -> float:
    return shape(unit) if weights is None else weights.get(unit, 0.0)


def best(word: str, phones: Sequence[str], costs: Mapping[Unit, float]) -> list[Unit]:
    """The likeliest alignment of a word; empty if it has none."""
    reached: dict[tuple[int, int], tuple[float, tuple[int, int], Unit]] = {(0, 0): (0.0, (0, 0), ("", ""))}
    for i, j, k, m, unit in arcs(word, phones):
        if (i, j) in reached and unit in costs:
            cost = reached[i, j][0] + costs[unit]
            if (k, m) not in reached or cost < reached[k, m][0]:
                reached[k, m] = cost, (i, j), unit
    at = len(phones), len(word)
    found: list[Unit] = []
    while at != (0, 0):
        if at not in reached:
            return []
        _, at, unit = reached[at]
        found.append(unit)
    return found[::-1]


def align(words: Sequence[Entry]) -> list[list[Unit]]:
    """Each word as units, those left out that cannot be aligned."""
    sample = random.Random(0).sample(words, min(SAMPLE, len(words)))
    weights: dict[Unit, float] = {}
    for turn in range(ROUNDS):
        expected = expect(sample, functools.partial(_weight, weights if turn else None))
        total = sum(expected.values())
        weights = {unit: n / total * shape(unit) for unit, n in expected.items() if n > 0.02}
    rows = []
    for _ in range(2):
        costs = {unit: -math.log(weight) for unit, weight in weights.items()}
        rows = [row for word, phones in words if (row := best(word, phones, costs))]
        counts = Counter(unit for row in rows for unit in row)
        weights = {unit: n / counts.total() * shape(unit) for unit, n in counts.items() if n >= LEAST_UNIT}
    return [row for row in rows if all(unit in weights for unit in row)]


def learn(rows: Sequence[Sequence[Unit]]) -> Letters:
    """The model of aligned words."""
    units: list[Unit] = [("^", ""), ("$", ""), *sorted({unit for row in rows for unit in row})]
    numbers = {unit: number for number, unit in enumerate(units)}
    counts: list[dict[Units, Counter[int]]] = [defaultdict(Counter) for _ in range(ORDER)]
    for row in rows:
        line = (*(BEGIN,) * (ORDER - 1), *(numbers[unit] for unit in row), END)
        for at in range(ORDER - 1, len(line)):
            for length in range(ORDER):
                counts[length][line[at - length : at]][line[at]] += 1
    orders: list[Order] = []
    model = Letters(units, orders)
    for length in range(ORDER):
        table: dict[Units, dict[int, float]] = {}
        back: dict[Units, float] = {}
        for history, seen in sorted(counts[length].items()):
            kept = {unit: n for unit, n in sorted(seen.items()) if n >= LEAST[length]}
            if not kept:
                continue
            total = seen.total()
            lower = {unit: math.exp(-model.cost(history[1:], unit)) if length else 0.0 for unit in kept}
            spare = 1 - sum(n - DISCOUNT * bool(length) for n in kept.values()) / total
            chance = {unit: (n - DISCOUNT * bool(length)) / total + spare * lower[unit] for unit, n in kept.items()}
            table[history] = {unit: -math.log(p) for unit, p in chance.items()}
            rest = max(1 - sum(chance.values()), 1e-6) / max(1 - sum(lower.values()), 1e-6)
            back[history] = max(0.0, -math.log(rest))
        orders.append((table, back))
    return model


@click.command()
@click.option("--held-out", is_flag=True, help="Learn without the words of scripts/lexicon_pairs.py to measure on.")
@click.option("--out", default=OUTPUT, show_default=True, type=click.Path(path_type=Path), help="Where to write.")
def main(held_out: bool, out: Path) -> None:
    """Learn the model and write it."""
    words = entries(held_out)
    rows = align(words)
    data = learn(rows).dump()
    out.write_bytes(data)
    print(f"{len(words):,} pronunciations, {len(rows):,} aligned, {len(data):,} bytes in {out}")


if __name__ == "__main__":
    main()
