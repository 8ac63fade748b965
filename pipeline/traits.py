"""What sets some texts apart from others: how many are valid, new, alike, copied, of real words, repetitive."""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonetic.lexicon import lexicon
from pipeline.copied import Span
from pipeline.sampler import Judged
from pipeline.symbols import Spelling
from train.notation import Notation
from train.significance import wilson

GRAMS = (1, 2, 3)  # symbols of the n-grams whose frequencies are compared
LOOP = 12  # symbols of an n-gram that should not come twice in a text: two or three words

Keys = NDArray[np.uint64]


def traits(
    rows: Mapping[str, Sequence[Judged]],
    others: Sequence[Judged],
    spans: Mapping[str, Sequence[Span]],
    unknown: set[str],
    is_real: Callable[[str], bool] | None,
    spelling: Spelling,
) -> dict[str, dict[str, Any]]:
    """The figures of each row of texts; those that depend on how much there is are taken of equal amounts.

    Args:
        others: Held-out texts, with whose lengths and n-grams those of each row are compared.
        spans: The longest that each text has in common with the training text.
        unknown: Words of all these that the training text does not have.
        is_real: Whether a word, in the notation, is one that there is; None where that is not known.
    """
    symbols = {name: [spelling.read(one.text) for one in row] for name, row in rows.items()}
    words = {name: [word for one in row for word in spelling.words(one.text)] for name, row in rows.items()}
    n_symbols = min(sum(map(len, row)) for row in symbols.values())
    n_words = min(map(len, words.values()))
    target = [spelling.read(one.text) for one in others]
    found = {}
    for name, row in rows.items():
        valid, parses = sum(one.valid for one in row), sum(map(holds_so_far, row))
        copied = [spelling.inside(one.text, *span) for one, span in zip(row, spans[name], strict=True)]
        longest = max(copied, key=len)
        new = sum(span.length < len(one.text.encode()) for one, span in zip(row, spans[name], strict=True))
        found[name] = {
            "n": len(row),
            "valid": valid / len(row),
            "valid_interval": wilson(valid, len(row)),
            "parses": parses / len(row),
            "parses_interval": wilson(parses, len(row)),
            "ended": sum(one.ended for one in row) / len(row),
            "distinct": len({one.text for one in row}) / len(row),
            "novel": new / len(row),
            "words": len(words[name]),
            "words_distinct": len(set(words[name][:n_words])) / max(1, n_words),
            "words_novel": share(words[name], unknown.__contains__),
            "words_real": None if is_real is None else share(words[name], is_real),
            "copied_median": median(map(len, copied)),
            "copied_most": len(longest),
            "copied_text": spelling.write(longest),
            "repeated": repetition(symbols[name]),
            "length_mean": sum(map(len, symbols[name])) / len(row),
            "length_divergence": divergence(lengths(symbols[name]), lengths(target)),
            "gram_divergence": {
                str(n): divergence(grams(symbols[name], n, spelling.size, n_symbols), grams(target, n, spelling.size))
                for n in GRAMS
            },
        }
    return found


def holds_so_far(one: Judged) -> bool:
    """Whether a text breaks no rule before the place where it was cut, if it was."""
    return all(not one.ended and problem.end >= len(one.text) for problem in one.problems)


def divergence(one: Mapping[Any, int], other: Mapping[Any, int]) -> float | None:
    """How unlike two frequencies are: 0 bits for the same, 1 for nothing in common; None where there is nothing.

    Source: Lin 1991, "Divergence measures based on the Shannon entropy", eq. 4.1 with equal weights.
    """
    sums = sum(one.values()), sum(other.values())
    if not all(sums):
        return None
    total = 0.0
    for key in one.keys() | other.keys():
        shares = one.get(key, 0) / sums[0], other.get(key, 0) / sums[1]
        middle = sum(shares) / 2
        total += sum(p * math.log2(p / middle) for p in shares if p) / 2
    return max(0.0, total)


def grams(texts: Sequence[Sequence[int]], n: int, size: int, most: int | None = None) -> dict[int, int]:
    """How often each n-gram of symbols occurs in texts, of which the first `most` symbols count."""
    keys: list[Any] = [np.zeros(0, np.int64)]
    left = math.inf if most is None else most
    for text in texts:
        keys.append(windows(np.array(text[: int(min(left, len(text)))], np.int64), n, size))
        left -= len(text)
        if left <= 0:
            break
    distinct, counts = np.unique(np.concatenate(keys), return_counts=True)
    return dict(zip(distinct.tolist(), counts.tolist(), strict=True))


def windows(text: NDArray[np.int64], n: int, size: int) -> NDArray[np.int64]:
    """Each n-gram of a text as a number."""
    places = len(text) - n + 1
    return sum((text[at : at + places] * size ** (n - 1 - at) for at in range(n)), np.zeros(max(0, places), np.int64))


def lengths(texts: Sequence[Sequence[int]]) -> dict[int, int]:
    """How many texts are of about each length: two classes to a doubling."""
    classes = [int(2 * math.log2(1 + len(text))) for text in texts]
    return {one: classes.count(one) for one in classes}


def repetition(texts: Sequence[Sequence[int]]) -> float:
    """The share of n-grams that came before in the same text.

    Source: seq-rep-n of Welleck et al. 2019, "Neural text generation with unlikelihood training", here of symbols,
        since a loop need not be of words.
    """
    total = again = 0
    for text in texts:
        found = [tuple(text[at : at + LOOP]) for at in range(len(text) - LOOP + 1)]
        total += len(found)
        again += len(found) - len(set(found))
    return again / max(1, total)


def share(words: Sequence[str], holds: Callable[[str], bool]) -> float:
    """How many of the words something holds for."""
    return sum(map(holds, words)) / max(1, len(words))


def real_words(notation: Notation) -> Callable[[str], bool] | None:
    """Whether a word is one of the lexicon or of the user's own, as the notation writes them; None where it cannot."""
    if notation.name == "text":
        return lambda word: word.lower() in lexicon()
    write = getattr(notation, "write", None)
    if write is None:
        return None
    own = notation.convert(list(notation.options.get("lexicon") or {}))
    return {*own, *(write(said) for entry in lexicon().values() for said in entry.split(" "))}.__contains__
