"""Words that rhyme: the same from the stressed vowel on."""

import re
from collections.abc import Sequence

from phonetic.lexicon import lexicon
from phonetic.phones import VOWEL_LETTERS, without_stress

_FROM_STRESS = [re.compile(f"[{VOWEL_LETTERS}]{digit}(?!.*{digit}).*") for digit in "12"]
_LAST_VOWEL = re.compile(f"[{VOWEL_LETTERS}][^{VOWEL_LETTERS}]*$")


def ending(pronunciation: str) -> str:
    """What two words that rhyme share: all from the last stressed vowel on, without stress."""
    for pattern in (*_FROM_STRESS, _LAST_VOWEL):
        if match := pattern.search(pronunciation):
            return without_stress(match[0])
    return pronunciation


def rhymes(pronunciations: Sequence[str]) -> dict[int, list[str]]:
    """Words of the lexicon that rhyme with any of these, by their number of syllables; none that sounds the same."""
    endings = {ending(said) for said in pronunciations}
    tails = tuple({tail[-1] for tail in endings})
    found: dict[int, list[str]] = {}
    for word, entry in lexicon().items():
        if not word.isalpha():
            continue
        for said in entry.split(" "):
            # The last phone first: it rules out nearly all words.
            if said.rstrip("012").endswith(tails) and said not in pronunciations and ending(said) in endings:
                found.setdefault(sum(said.count(vowel) for vowel in VOWEL_LETTERS), []).append(word)
                break
    return {count: sorted(words) for count, words in sorted(found.items())}
