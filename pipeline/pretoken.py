"""Pre-tokens: the stretches of text inside which BPE may merge, and how often each occurs in a corpus."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tokenizers.pre_tokenizers import PreTokenizer

DISTINCT_KEPT = 2_000_000  # chunks of text that are told apart while counting; beyond, the rarest are forgotten
LONGEST_CHUNK = 4096  # characters; a longer unbroken run is counted in pieces, since training is slow on it
ORDINARY_MARKS = frozenset(".,;:?!\"'()-|")  # stand apart from the words beside them, even as symbols of a notation


def pattern(symbols: Collection[str]) -> str:
    """The regular expression that cuts text into pre-tokens.

    A word with the space before it, a run of other marks with the space before it, or one white space. Words hold
    letters, marks, digits, apostrophes between these, and whatever else the notation writes inside its symbols (`@`
    is a vowel in compact ARPAbet). No pre-token has a space anywhere but at its start, so text can be cut before
    each space and the pieces encoded apart.
    """
    joined = [symbol for symbol in symbols if not ORDINARY_MARKS.issuperset(symbol)]
    marks = sorted({mark for mark in "".join(joined) if not mark.isalnum() and not mark.isspace()})
    inside = r"\p{L}\p{M}\p{N}" + "".join(f"\\{mark}" if mark.isascii() else mark for mark in marks)
    return rf" ?[{inside}]+(?:['’][{inside}]+)*| ?[^\s{inside}]+|\s"


def pre_tokenizer(symbols: Collection[str]) -> "PreTokenizer":
    """Cuts text by `pattern`, then writes each byte as its character."""
    from tokenizers import Regex, pre_tokenizers  # slow to import

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern(symbols)), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False, trim_offsets=False),
        ]
    )


def word_separator(notation: Mapping[str, Any]) -> str:
    """What stands between two words of a notation, given its spec."""
    return " | " if notation["options"].get("form") == "spaced" else " "


def count_chunks(batches: Iterable[Any], kept: int = DISTINCT_KEPT) -> Counter[str]:
    """How often each chunk occurs in the texts: the first word of a text, or a later one with its space before it.

    Args:
        batches: Arrow arrays of strings.
        kept: How many are told apart. When there are more, the rarest go, until half as many are left: memory stays
            flat, and the same texts in the same order give the same counts.
    """
    import pyarrow as pa  # slow to import
    import pyarrow.compute as pc

    counts: Counter[str] = Counter()
    for texts in batches:
        words = pc.split_pattern(texts, " ")
        is_first = np.zeros(len(words.values), dtype=bool)
        is_first[words.offsets.to_numpy()[:-1]] = True
        for space, chosen in (("", is_first), (" ", ~is_first)):
            distinct = pc.value_counts(words.values.filter(pa.array(chosen)))
            for word, count in zip(distinct.field(0).to_pylist(), distinct.field(1).to_pylist(), strict=True):
                counts[space + word] += count
        if len(counts) > kept:
            ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            counts = Counter(dict(ranked[: kept // 2]))
    return counts


def count_pretokens(chunks: Mapping[str, int], symbols: Sequence[str]) -> Counter[str]:
    """How often each pre-token occurs, byte-level, in chunks of text that occur so often."""
    cut = pre_tokenizer(symbols).pre_tokenize_str
    counts: Counter[str] = Counter()
    for chunk, count in chunks.items():
        for start in range(0, len(chunk), LONGEST_CHUNK):
            for pretoken, _ in cut(chunk[start : start + LONGEST_CHUNK]):
                counts[pretoken] += count
    return counts
