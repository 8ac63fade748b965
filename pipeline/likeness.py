"""How like answers are to what they should be: exact matches, symbols to change, n-grams in common."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pipeline.pretoken import word_separator
from train.notation import Notation, describe

ORDERS = 6  # chrF: n-grams of up to so many characters
BETA = 2  # and recall counts so many times as much as precision


def splitter(notation: Notation) -> Callable[[str], list[str]]:
    """A function from a text to its symbols: the notation's own, any other character, and the spaces between words."""
    longest_first = sorted(notation.symbols, key=lambda symbol: (-len(symbol), symbol))
    find = re.compile("|".join([*map(re.escape, longest_first), r"\S"])).findall
    separator = word_separator(describe(notation))

    def split(text: str) -> list[str]:
        symbols: list[str] = []
        for number, word in enumerate(text.split(separator) if text else ()):
            symbols += [" ", *find(word)] if number else find(word)
        return symbols

    return split


def edits(found: Sequence[str], wanted: Sequence[str]) -> int:
    """The fewest insertions, deletions and replacements that turn one into the other.

    Source: Wagner and Fischer 1974.
    """
    row = list(range(len(wanted) + 1))
    for i, symbol in enumerate(found, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(wanted, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (symbol != other))
    return row[-1]


def grams(text: str, n: int) -> Counter[str]:
    """How often each run of `n` characters occurs, without white space."""
    joined = "".join(text.split())
    return Counter(joined[start : start + n] for start in range(len(joined) - n + 1))


def chrf(pairs: Iterable[tuple[str, str]]) -> float:
    """chrF2 of (answer, reference) over all together, from 0 to 100.

    Precision and recall are means over the orders of n-grams that both sides have any of.

    Source: Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation", with β = 2 as she recommends in
        2016; n-grams are counted over the whole corpus.
    """
    counts = [[0, 0, 0] for _ in range(ORDERS)]  # of answers, of references, in common
    for answer, reference in pairs:
        for n, sums in enumerate(counts, 1):
            found, wanted = grams(answer, n), grams(reference, n)
            sums[0] += found.total()
            sums[1] += wanted.total()
            sums[2] += (found & wanted).total()
    shares = [(common / found, common / wanted) for found, wanted, common in counts if found and wanted]
    if not shares:
        return 0.0
    precision, recall = (sum(side) / len(shares) for side in zip(*shares, strict=True))
    weighed = BETA**2 * precision + recall
    return 100 * (1 + BETA**2) * precision * recall / weighed if weighed else 0.0


def compare(answers: Sequence[str], references: Sequence[Sequence[str]], notation: Notation) -> dict[str, Any]:
    """What answers are worth, each held to the nearest of its references."""
    split = splitter(notation)
    changed = symbols = exact = 0
    nearest: list[tuple[str, str]] = []
    for answer, wanted in zip(answers, references, strict=True):
        found = split(answer)
        distances = [(edits(found, split(text)), text) for text in wanted]
        distance, text = min(distances)
        changed += distance
        symbols += len(split(text))
        exact += answer in wanted
        nearest.append((answer, text))
    return {
        "exact_match": exact / max(1, len(answers)),
        "symbol_error_rate": changed / max(1, symbols),
        "chrf": chrf(nearest),
    }
