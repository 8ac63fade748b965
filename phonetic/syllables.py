"""Where a word's syllables part: as many consonants as can begin an English word belong to the vowel after them.

Source: the maximal onset principle, Kahn 1976, "Syllable-based generalizations in English phonology".
"""

import functools
import re

from phonetic.phones import CONSONANT_LETTERS, STRESSES, VOWEL_LETTERS, words

# Pairs and triples of consonants that begin words; `y` after a consonant only before the vowel of "cue".
_ONSETS = frozenset(
    words(
        "pl pr bl br tr tw dr dw kl kr kw gl gr gw fl fr Tr Tw Sr Sl Sm Sn Sw sp st sk sm sn sl sw sf spl spr str skr "
        "skl skw hw"
    )
) | {f"{first}y" for first in words("p b t d k g f v T h m n l s z sp st sk")}
_NEVER_FIRST = "G"  # the consonant of "sing"
_SYLLABLE = re.compile(f"([{CONSONANT_LETTERS}]*)([{VOWEL_LETTERS}][{STRESSES}]?)")


@functools.lru_cache(maxsize=1 << 16)
def syllables(pronunciation: str) -> tuple[str, ...]:
    """The syllables of a compact pronunciation, `fA0nE1tI0k` as `fA0 nE1 tI0k`; a word without a vowel is one."""
    found: list[str] = []
    end = 0
    for match in _SYLLABLE.finditer(pronunciation):
        consonants, vowel = match.groups()
        cut = 0 if not found else _onset(consonants, vowel)
        if found:
            found[-1] += consonants[:cut]
        found.append(consonants[cut:] + vowel)
        end = match.end()
    if not found:
        return (pronunciation,)
    found[-1] += pronunciation[end:]
    return tuple(found)


def _onset(consonants: str, vowel: str) -> int:
    """Where the onset of a vowel begins among the consonants before it."""
    for at in range(max(0, len(consonants) - 3), len(consonants)):
        onset = consonants[at:]
        if len(onset) == 1:
            return at if onset != _NEVER_FIRST else at + 1
        if onset in _ONSETS and not (onset[-1] == "y" and vowel[0] not in "uU"):
            return at
    return len(consonants)
