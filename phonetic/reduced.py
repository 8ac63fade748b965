"""Reduced forms: how the small words of grammar are said inside a phrase, where nobody stresses them.

A word keeps its full form before a mark, before a dash, at the end of a text and in capitals. "a", "an" and "the" are
said reduced anyway. Words that are often full inside a phrase too are left alone: "do", "have" and "some", say, which
are verbs and quantities of their own, and "that", which points.

Source: Roach 2009, "English Phonetics and Phonology", 4th ed., chapter 12, with r as Americans have it and h kept.
"""

import re

from phonetic.phones import VOWEL_LETTERS

# word -> as said before a consonant, and before a vowel
REDUCED = {
    word: (forms.split()[0], forms.split()[-1])
    for word, forms in {
        "am": "A0m",
        "and": "A0n A0nd",
        "are": "R0",
        "as": "A0z",
        "at": "A0t",
        "be": "bi0",
        "but": "bA0t",
        "can": "kA0n",
        "could": "kA0d",
        "for": "fR0",
        "from": "frA0m",
        "he": "hi0",
        "her": "hR0",
        "him": "hI0m",
        "his": "hI0z",
        "me": "mi0",
        "must": "mA0st",
        "of": "A0v",
        "or": "R0",
        "she": "Si0",
        "should": "SA0d",
        "than": "DA0n",
        "them": "DA0m",
        "to": "tA0 tu0",
        "us": "A0s",
        "was": "wA0z",
        "we": "wi0",
        "were": "wR0",
        "would": "wA0d",
        "you": "yA0 yu0",
        "your": "yR0",
    }.items()
}
_WORD = "\x03"  # on either side of a word that may be reduced, before its phones, until what follows is known
_FOLLOWED = re.compile(rf'{_WORD}(\w+){_WORD}([^ \n]+)(?= ["(]*(?:{_WORD}\w+{_WORD})?(([{VOWEL_LETTERS}])|[^-]))?')


def may_reduce(word: str) -> bool:
    """Whether a word, as written, has a reduced form."""
    return word.lower() in REDUCED and word[1:].islower()


def marked(word: str, said: str) -> str:
    """The full form of a word, marked so that `reduce` finds it."""
    return f"{_WORD}{word.lower()}{_WORD}{said}"


def reduce(lines: str) -> str:
    """Lines of compact phones with the marked words reduced where they stand inside a phrase."""
    return _FOLLOWED.sub(_form, lines) if _WORD in lines else lines


def _form(match: re.Match[str]) -> str:
    word, full, after, vowel = match.groups()
    return REDUCED[word][vowel is not None] if after and full[-1] not in '.,;:?!")' else full
