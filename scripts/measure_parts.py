"""How words are said through their parts: `python scripts/measure_parts.py`.

Takes one class of words after the other out of the lexicon, reads them without it, and prints the share of phones that
are wrong, without stress. Parts that are in no lexicon are guessed by a model that may have learnt from these words.
"""

from collections.abc import Callable

from phonetic.lexicon import lexicon
from phonetic.phones import CONSONANT_LETTERS, VOWEL_LETTERS, without_stress
from phonetic.reader import Reader
from pipeline.likeness import compare
from train.notation import load_notation

CLASSES: dict[str, Callable[[str], bool]] = {
    "possessives": lambda word: word.endswith("'s") and len(word) > 3,
    "others with an apostrophe": lambda word: "'" in word and not word.endswith("'s"),
    "with a hyphen": lambda word: "-" in word and word[0] != "-",
}


def main() -> None:
    """Print the figures of each class."""
    notation = load_notation({"name": "arpabet", "options": {"stress": False}})
    for name, belongs in CLASSES.items():
        left_out = {word: entry for word, entry in lexicon().items() if belongs(word)}
        for word in left_out:
            del lexicon()[word]
        lines = Reader().read(list(left_out))
        lexicon().update(left_out)
        said = ["".join(letter for letter in line if letter in VOWEL_LETTERS + CONSONANT_LETTERS) for line in lines]
        wanted = [[without_stress(one) for one in entry.split(" ")] for entry in left_out.values()]
        figures = compare(said, wanted, notation)
        print(f"{name}: {len(left_out):,} words, {figures['symbol_error_rate']:.1%} of their phones wrong")


if __name__ == "__main__":
    main()
