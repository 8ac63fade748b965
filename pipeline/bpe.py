"""Byte-pair encoding trained from word counts, with symbols that no token splits.

Words are byte-level strings: each byte of the UTF-8 text stands as one printable character, as in GPT-2. The merges
that build the notation's symbols come first in the list, whatever their counts; the rest are the usual ones, in
the order in which the `tokenizers` library would find them.

Source: Sennrich, Haddow and Birch 2016, algorithm 1; the byte alphabet is GPT-2's (Radford et al. 2019, section 2.2).
"""

import heapq
import itertools
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

Merge = tuple[str, str]

SHIFT = 32  # a pair of ids is one integer: left << SHIFT | right, which also sorts as the pair does
MIN_COUNT = 2  # a pair seen once teaches nothing


def byte_characters() -> list[str]:
    """The character that stands for each byte: itself where it prints, else one from U+0100 on."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def byte_level(text: str) -> str:
    """The text with each byte of its UTF-8 as one character."""
    characters = byte_characters()
    return "".join(characters[byte] for byte in text.encode())


def symbol_merges(symbols: Sequence[str]) -> list[Merge]:
    """The merges that build every symbol, in the order in which they are to be applied.

    Characters of several bytes come first, so that no symbol can take half a character from its neighbour. Then the
    symbols, short ones before the long ones that contain them, each read from left to right.
    """
    merges: dict[Merge, None] = {}  # an ordered set

    def chain(parts: Sequence[str]) -> None:
        made = parts[0]
        for part in parts[1:]:
            merges[made, part] = None
            made += part

    for character in sorted(set("".join(symbols))):
        chain(byte_level(character))
    units: list[str] = []  # the longest first
    for symbol in sorted(set(symbols), key=lambda symbol: (len(symbol), symbol)):
        parts, rest = [], symbol
        while rest:
            part = next((unit for unit in units if rest.startswith(unit)), rest[:1])
            parts.append(byte_level(part))
            rest = rest[len(part) :]
        if parts:
            chain(parts)
            units.insert(0, symbol)
    return list(merges)


def least_vocabulary(symbols: Sequence[str]) -> int:
    """Entries that no vocabulary can do without: the bytes, the symbols and the steps towards them."""
    return 256 + len({left + right for left, right in symbol_merges(symbols)})


def train_bpe(
    counts: Mapping[str, int], symbols: Sequence[str], vocab_size: int, *, reserved: Collection[str] = ()
) -> tuple[list[str], list[Merge]]:
    """Vocabulary and merges for these words.

    Args:
        counts: Byte-level word -> how often it occurs. The order does not matter.
        symbols: Strings of the text, not byte-level, that become one token each before anything else.
        vocab_size: Most entries of the vocabulary, and at least `least_vocabulary(symbols)`; fewer come out when no
            pair occurs twice any more.
        reserved: Strings that no merge may spell, since special tokens bear them.

    Returns:
        The vocabulary in the order of ids, and the merges in the order of rank.
    """
    vocabulary = sorted(byte_characters())
    ids = {token: index for index, token in enumerate(vocabulary)}
    merges = symbol_merges(symbols)
    ranked = set()
    for first, second in merges:
        if first + second not in ids:
            ids[first + second] = len(vocabulary)
            vocabulary.append(first + second)
        ranked.add(ids[first] << SHIFT | ids[second])
    assert len(vocabulary) <= vocab_size, "check least_vocabulary first"

    words = _segment(list(counts), merges, ids)
    frequencies = list(counts.values())
    pairs, places = _count_pairs(words, frequencies)
    heap = [(-count, pair) for pair, count in pairs.items() if count >= MIN_COUNT]
    heapq.heapify(heap)
    while heap and len(vocabulary) < vocab_size:
        negative, pair = heapq.heappop(heap)
        if -negative != pairs[pair]:  # the count changed since: put it where it belongs now
            if pairs[pair] >= MIN_COUNT:
                heapq.heappush(heap, (-pairs[pair], pair))
            continue
        left, right = pair >> SHIFT, pair & (1 << SHIFT) - 1
        token = vocabulary[left] + vocabulary[right]
        if token in reserved:
            continue
        if token not in ids:
            ids[token] = len(vocabulary)
            vocabulary.append(token)
        if pair not in ranked:  # else another merge made its left or right part anew: the rank it has applies
            ranked.add(pair)
            merges.append((vocabulary[left], vocabulary[right]))
        for grown in _apply(left, right, ids[token], places.pop(pair), words, frequencies, pairs, places):
            if pairs[grown] >= MIN_COUNT:
                heapq.heappush(heap, (-pairs[grown], grown))
        pairs[pair] = 0
    return vocabulary, merges


def _segment(words: Sequence[str], merges: Sequence[Merge], ids: Mapping[str, int]) -> list[list[int]]:
    """Each word as ids after `merges`.

    All words stand in one string, one character for each unit so far, so that a merge is one str.replace: it goes
    from left to right through every word, as the encoder does.
    """
    characters = {token: token for token in byte_characters()}
    text = "\n".join(words)  # no byte is written as a line end
    for left, right in merges:
        made = characters.setdefault(left + right, chr(0xF0000 + len(characters)))  # private use: no byte's character
        text = text.replace(characters[left] + characters[right], made)
    by_character = {character: ids[token] for token, character in characters.items()}
    return [[by_character[character] for character in word] for word in text.split("\n")] if words else []


def _count_pairs(
    words: Sequence[Sequence[int]], frequencies: Sequence[int]
) -> tuple[defaultdict[int, int], defaultdict[int, list[int]]]:
    """How often each pair of neighbours occurs, and in which words."""
    pairs: defaultdict[int, int] = defaultdict(int)
    places: defaultdict[int, list[int]] = defaultdict(list)
    for index, word in enumerate(words):
        frequency = frequencies[index]
        for left, right in itertools.pairwise(word):
            pair = left << SHIFT | right
            pairs[pair] += frequency
            places[pair].append(index)
    return pairs, places


def _apply(
    left: int,
    right: int,
    made: int,
    indices: Sequence[int],
    words: Sequence[list[int]],
    frequencies: Sequence[int],
    pairs: defaultdict[int, int],
    places: defaultdict[int, list[int]],
) -> set[int]:
    """Merge `left` and `right` into `made` in the words at `indices`; returns the pairs that occur more often now.

    A word listed twice is done once: the second time the pair is not there. In a run of one unit (aaaa) the counts
    of its pair go down by less than they should, as in `tokenizers`, whose order of merges this keeps.
    """
    grown = set()
    for index in indices:
        word, frequency = words[index], frequencies[index]
        at = 0
        while True:
            try:
                at = word.index(left, at, -1)  # not the last: nothing follows it
            except ValueError:
                break
            if word[at + 1] != right:
                at += 1
                continue
            if at:
                before = word[at - 1] << SHIFT
                pairs[before | left] -= frequency
                pairs[before | made] += frequency
                places[before | made].append(index)
                grown.add(before | made)
            word[at : at + 2] = [made]
            at += 1
            if at < len(word):
                after = word[at]
                pairs[right << SHIFT | after] -= frequency
                pairs[made << SHIFT | after] += frequency
                places[made << SHIFT | after].append(index)
                grown.add(made << SHIFT | after)
    return grown
