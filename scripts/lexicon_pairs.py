"""Write the lexicon as pairs of a word and its phones: `python scripts/lexicon_pairs.py lexicon`.

`lexicon/pairs.jsonl` is to train on, `lexicon/held-out.jsonl` to measure on: no word is in both. A word with several
pronunciations has a line for each. With --engine, the guesses of g2p-en's model for unknown words are measured
on the held-out ones instead.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import click

from phonetic.gru import guesser
from phonetic.lexicon import lexicon
from pipeline.likeness import compare
from train.files import write_text
from train.notation import load_notation

HELD_OUT = 20  # every so many words, by their hash


def words() -> Iterator[tuple[str, list[str]]]:
    """Words of letters alone, with their pronunciations, compact."""
    for word, entry in lexicon().items():
        if word.isascii() and word.isalpha() and len(word) > 1:
            yield word, entry.split(" ")


def is_held_out(word: str) -> bool:
    """Whether a word is to measure on."""
    return int.from_bytes(hashlib.sha256(f"held out: {word}".encode()).digest()[:8]) % HELD_OUT == 0


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--engine", is_flag=True, help="Measure g2p-en's guesses on the held-out words.")
@click.option("--most", type=int, help="Write only so many words of each file, for a try.")
def main(folder: Path, engine: bool, most: int | None) -> None:
    """Write pairs.jsonl and held-out.jsonl into FOLDER."""
    if engine:
        held_out = {word: entry for word, entry in words() if is_held_out(word)}
        guesses = guesser().predict(list(held_out))
        figures = compare(guesses, list(held_out.values()), load_notation({"name": "arpabet"}))
        print(json.dumps({"sources": len(held_out), **figures}))
        return
    for name, chosen in (("pairs.jsonl", False), ("held-out.jsonl", True)):
        entries = [(word, entry) for word, entry in words() if is_held_out(word) == chosen]
        entries.sort(key=lambda one: hashlib.sha256(one[0].encode()).digest() if most else one[0].encode())
        lines = [json.dumps({"word": word, "phones": phones}) for word, entry in entries[:most] for phones in entry]
        write_text(folder / name, "\n".join(lines) + "\n")
        print(f"{folder / name}: {len(entries[:most]):,} words, {len(lines):,} pronunciations")


if __name__ == "__main__":
    main()
