"""Build phonetic/data/spellings.zz from texts: `python scripts/build_spellings.py addresses/ inaugurals/`.

It is for who has prepared no corpus: how often words were written, and which follow which where one of them has a sound
that others have too. Give texts in the public domain. The same texts give the same bytes.
"""

from collections import Counter
from pathlib import Path

import click

from phonetic.counts import PAIRS, WORDS, Counts
from phonetic.lexicon import DATA, lexicon
from phonetic.scribe import Scribe

OUTPUT = DATA / "spellings.zz"
LEAST_PAIR = 2  # times that a pair was seen
LAST_YEAR = 2030  # numbers up to here are counted too, as few texts have all of them
CLEAR = 20  # so many times rarer, a spelling does not make another one of the same sound unclear


def count(paths: list[Path]) -> Counts:
    """The counts of some files."""
    scribe = Scribe()
    tally = {WORDS: Counter[str](), PAIRS: Counter[str]()}
    for path in paths:
        texts = path.read_text(encoding="utf-8").splitlines()
        scribe.count(texts, scribe.read(texts), tally)
    numbers = list(map(str, range(1, LAST_YEAR))) * LEAST_PAIR
    scribe.count(numbers, scribe.read(numbers), tally)
    return Counts(tally[WORDS], tally[PAIRS])


def unclear(counts: Counts) -> set[str]:
    """The words in lower case that sound like another one which is not much rarer."""
    spellings: dict[str, Counter[str]] = {}
    for key, number in counts.words.items():
        spelling, _, phones = key[1:].partition("\t")
        spellings.setdefault(phones, Counter())[spelling.lower()] += number
    for word, entry in lexicon().items():
        for phones in entry.split(" "):
            if phones in spellings:
                spellings[phones].setdefault(word, 1)
    return {
        word
        for row in spellings.values()
        for word, number in row.items()
        if any(number < CLEAR * other for name, other in row.items() if name != word)
    }


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", default=OUTPUT, show_default=True, type=click.Path(path_type=Path), help="Where to write.")
def main(folders: tuple[Path, ...], out: Path) -> None:
    """Count the .txt files of FOLDERS."""
    counts = count(sorted(path for folder in folders for path in folder.rglob("*.txt")))
    doubtful = unclear(counts)
    pairs = {
        pair: number
        for pair, number in counts.pairs.items()
        if number >= LEAST_PAIR and not doubtful.isdisjoint(pair.split(" "))
    }
    data = Counts(counts.words, Counter(pairs)).dump()
    out.write_bytes(data)
    print(f"{len(counts.words):,} words, {len(pairs):,} of {len(counts.pairs):,} pairs, {len(data):,} bytes in {out}")


if __name__ == "__main__":
    main()
