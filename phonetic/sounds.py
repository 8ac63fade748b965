"""How a notation writes each phone: what constraints on samples (rhyme, metre, syllables) are made of."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Sounds(NamedTuple):
    """The sounds of a notation.

    Args:
        phones: Compact letter -> how it is written, by stress digit, or under "" where that makes no difference.
        vowels: The letters of those that are syllables.
        marks: Stress digit -> what stands before a syllable of that stress, where vowels do not show it.
        gap: Between two words.
        apart: Between two items of a word.
        breaks: What may stand between two syllables.
    """

    phones: Mapping[str, Mapping[str, str]]
    vowels: str
    marks: Mapping[str, str]
    gap: str
    apart: str
    breaks: Sequence[str]

    @property
    def has_stress(self) -> bool:
        """Whether stress is written."""
        return bool(self.marks) or any("1" in self.phones[vowel] for vowel in self.vowels)
