"""Letters with the phones they stand for: one chunk of up to two phones to each letter, found by EM.

The probability of a chunk given its letter is learnt from the words themselves, stress left out: soft counts over all
alignments of a sample, then the best alignment of each word. Words that fit badly, as initialisms do, are left out.

Source: Jiampojamarn, Kondrak and Sherif 2007 (many-to-many alignments), with one letter a chunk.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from phonetic.phones import CONSONANT_LETTERS, VOWEL_LETTERS, without_stress

Costs = dict[tuple[str, str], float]  # (letter, chunk) -> -log probability of the chunk given the letter
LONGEST = 2  # phones in a chunk
SAMPLE = 12_000
ROUNDS = 6
WORST = 4.0  # -log probability a letter, on average, of words that are kept
UNSEEN = 12.0
_PHONE = re.compile(f"[{VOWEL_LETTERS}][012]|[{CONSONANT_LETTERS}]")


def phones_of(said: str) -> list[str]:
    """The phones of a compact pronunciation, each with its stress."""
    return _PHONE.findall(said)


def _counts(word: str, plain: Sequence[str], chance: dict[tuple[str, str], float]) -> dict[tuple[str, str], float]:
    """The expected counts of a word's chunks over all its alignments; forward and backward."""
    n, m = len(word), len(plain)
    after = [[0.0] * (m + 1) for _ in range(n + 1)]
    after[n][m] = 1.0
    for i in range(n - 1, -1, -1):
        for j in range(max(0, m - LONGEST * (n - i)), min(m, LONGEST * i) + 1):
            after[i][j] = sum(
                chance.get((word[i], "".join(plain[j : j + k])), 0.0) * after[i + 1][j + k]
                for k in range(min(LONGEST, m - j) + 1)
            )
    found: dict[tuple[str, str], float] = defaultdict(float)
    total = after[0][0]
    if not total:
        return found
    before = [[0.0] * (m + 1) for _ in range(n + 1)]
    before[0][0] = 1.0
    for i in range(n):
        for j in range(m + 1):
            if before[i][j]:
                for k in range(min(LONGEST, m - j) + 1):
                    key = word[i], "".join(plain[j : j + k])
                    mass = before[i][j] * chance.get(key, 0.0)
                    if mass and after[i + 1][j + k]:
                        before[i + 1][j + k] += mass
                        found[key] += mass * after[i + 1][j + k] / total
    return found


def learn(pairs: Sequence[tuple[str, str]]) -> Costs:
    """What each chunk costs given its letter, from words and their compact pronunciations."""
    step = max(1, len(pairs) // SAMPLE)
    sample = [(word, [without_stress(phone) for phone in phones_of(said)]) for word, said in pairs[::step]]
    chance: dict[tuple[str, str], float] = {}
    for word, plain in sample:  # to begin with, shorter chunks are likelier
        for letter in word:
            for j in range(len(plain)):
                for k, weight in enumerate((0.1, 1.0, 0.05)):
                    chance[letter, "".join(plain[j : j + k])] = weight
    for _ in range(ROUNDS):
        sums: dict[tuple[str, str], float] = defaultdict(float)
        for word, plain in sample:
            for key, count in _counts(word, plain, chance).items():
                sums[key] += count
        totals: dict[str, float] = defaultdict(float)
        for (letter, _), count in sums.items():
            totals[letter] += count
        chance = {key: count / totals[key[0]] for key, count in sums.items() if count > 0.01}
    return {key: -math.log(share) for key, share in chance.items() if share > math.exp(-UNSEEN)}


def align(word: str, said: str, costs: Costs) -> list[str] | None:
    """The cheapest chunks of a pronunciation, one a letter, with stress; None where they fit badly."""
    phones = phones_of(said)
    plain = [without_stress(phone) for phone in phones]
    n, m = len(word), len(phones)
    if m > LONGEST * n:
        return None
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for i in range(n):
        now: dict[int, tuple[float, int]] = {}
        for j, (cost, _) in best[-1].items():
            for k in range(min(LONGEST, m - j) + 1):
                if m - j - k > LONGEST * (n - i - 1):
                    continue
                total = cost + costs.get((word[i], "".join(plain[j : j + k])), UNSEEN)
                if j + k not in now or total < now[j + k][0]:
                    now[j + k] = (total, k)
        best.append(now)
    if m not in best[n] or best[n][m][0] > WORST * n:
        return None
    chunks, j = [], m
    for i in range(n, 0, -1):
        k = best[i][j][1]
        chunks.append("".join(phones[j - k : j]))
        j -= k
    return chunks[::-1]


def align_all(pairs: Iterable[tuple[str, str]], costs: Costs) -> list[tuple[str, list[str]]]:
    """Each word that fits with its chunks."""
    found = ((word, align(word, said, costs)) for word, said in pairs)
    return [(word, chunks) for word, chunks in found if chunks is not None]
