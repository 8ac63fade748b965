"""Mergers of American speech: sounds that many speakers do not tell apart, one written for both.

Source: Labov, Ash and Boberg 2006, "The Atlas of North American English", for where each is said.
"""

import re
from collections.abc import Sequence

from phonetic.errors import PhoneticError

# name -> what it does, and the replacements in a compact pronunciation that do it
MERGERS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "cot-caught": (
        "caught as cot; not before r (West, Canada, western Pennsylvania)",
        ((r"c(?=[012]?(?!r|[012]))", "a"),),
    ),
    "pin-pen": ("pen as pin, before m and n (South)", ((r"E(?=[012]?[mn])", "I"),)),
    "mary-merry": ("Mary and marry as merry (most of the country)", ((r"[@e](?=[012]?r)", "E"),)),
    "fill-feel": ("feel as fill, before l (South)", ((r"i(?=[012]?l)", "I"),)),
    "pull-pool": ("pool as pull, before l (western Pennsylvania)", ((r"u(?=[012]?l)", "U"),)),
    "weak-vowel": ("rabbit as abbot: unstressed IH as AH, not before ng", ((r"I0(?!G)", "A0"),)),
    "latter-ladder": (
        "latter as ladder: t between vowels, before an unstressed one",
        ((r"(?<=[012])t(?=[aAc@WYEReIiOoUu]0)", "d"),),
    ),
}
_RULES = {name: [(re.compile(pattern), by) for pattern, by in rules] for name, (_, rules) in MERGERS.items()}


def check(names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once, in one order.

    Raises:
        PhoneticError: there is no such variant.
    """
    for name in names:
        if name not in MERGERS:
            raise PhoneticError(f"there is no variant {name!r}", hint=f"there are: {', '.join(MERGERS)}")
    return tuple(name for name in MERGERS if name in names)


def merge(pronunciation: str, names: Sequence[str]) -> str:
    """A compact pronunciation, with stress, as speakers with these mergers say it."""
    for name in names:
        for pattern, by in _RULES[name]:
            pronunciation = pattern.sub(by, pronunciation)
    return pronunciation
