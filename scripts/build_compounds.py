"""Learn phonetic/data/compounds.txt from the lexicon: `python scripts/build_compounds.py [--measure]`.

Which words begin or end others as themselves: `light` in lighthouse and moonlight, not `rage` in average. A word counts
when it does so at least twice, and three times out of four that it could. `--measure` learns from half of the lexicon,
prints how the compounds that the rule finds in the other half are said, without stress, and writes nothing.
"""

import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection

from phonetic.g2p import PART, compound
from phonetic.lexicon import DATA, lexicon, look_up
from phonetic.phones import without_stress

LEAST = 2  # times that it is itself
SHARE = 0.75


def words() -> list[str]:
    """The lexicon's words that could be two."""
    return [word for word in lexicon() if word.isalpha() and len(word) >= 2 * PART]


def learn(among: Collection[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The words that begin and that end others as themselves."""
    counts: tuple[defaultdict[str, Counter[bool]], ...] = (defaultdict(Counter), defaultdict(Counter))
    for word in among:
        known = {without_stress(said) for said in lexicon()[word].split(" ")}
        for cut in range(PART, len(word) - PART + 1):
            first, last = look_up(word[:cut]), look_up(word[cut:])
            if first and last:
                is_itself = without_stress(first + last) in known
                counts[0][word[:cut]][is_itself] += 1
                counts[1][word[cut:]][is_itself] += 1
    good = [
        frozenset(part for part, seen in side.items() if seen[True] >= LEAST and seen[True] >= SHARE * seen.total())
        for side in counts
    ]
    return good[0], good[1]


def measure() -> None:
    """Learn from half of the words and print how the other half's compounds are said."""
    from pipeline.likeness import compare
    from train.notation import load_notation

    halves: tuple[list[str], list[str]] = ([], [])
    for word in words():
        halves[zlib.crc32(word.encode()) % 2].append(word)
    parts = learn(halves[0])
    found = {word: said for word in halves[1] if (said := compound(word, parts)) is not None}
    answers = [without_stress(said) for said in found.values()]
    wanted = [[without_stress(said) for said in lexicon()[word].split(" ")] for word in found]
    figures = compare(answers, wanted, load_notation({"name": "arpabet", "options": {"stress": False}}))
    print(f"{len(found)} compounds among {len(halves[1])} words: {figures}")


def main() -> None:
    """Learn from the whole lexicon, write the data file, say what is in it."""
    if "--measure" in sys.argv:
        measure()
        return
    first, last = learn(words())
    (DATA / "compounds.txt").write_text(f"{' '.join(sorted(first))}\n{' '.join(sorted(last))}\n", encoding="ascii")
    print(f"{len(first)} words that begin others, {len(last)} that end others, in {DATA / 'compounds.txt'}")


if __name__ == "__main__":
    main()
