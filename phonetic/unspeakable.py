"""What becomes of what English has no words for: other scripts, emoji, markup, signs of code.

It is dropped and counted, kept between braces, spelled out by name, or refused. Control characters and what is no
character at all are dropped whatever the policy but the last.
"""

import re
import unicodedata
from collections import Counter

from phonetic.errors import PhoneticError

POLICIES = ("drop", "keep", "spell", "error")
CONTROL = "control or unassigned character"
# Private-use characters around what is kept, on its way through the reader; in a text itself they are never kept.
_OPEN, _CLOSE = "\ue000", "\ue001"
_NO_BRACES = str.maketrans("{}", "()")
_RUN = re.compile(f"{_CLOSE}  {_OPEN}")
_KEPT = re.compile(f"([^{_OPEN}]*){_OPEN}([^{_CLOSE}]*){_CLOSE}(.*)", re.DOTALL)


class Unspeakable(PhoneticError):
    """Something that cannot be said, where that is refused.

    Args:
        what: The character or piece.
        reason: What kind of thing it is.
    """

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what!r} cannot be said: {reason}", hint="pass --unspeakable drop, keep or spell")
        self.what = what
        self.reason = reason

    def __reduce__(self) -> tuple[type, tuple[str, str], dict[str, object]]:
        return type(self), (self.what, self.reason), self.__dict__

    def within(self, text: str) -> PhoneticError:
        """The same, told with the words around it."""
        at = max(text.find(self.what), 0)
        around = text[max(0, at - 30) : at + 30].strip()
        return PhoneticError(f"{self}: {around!r}", hint=self.hint)


def stand_in(what: str, reason: str, policy: str, dropped: Counter[str] | None) -> str:
    """What stands for something unspeakable, apart from its neighbours.

    Raises:
        Unspeakable: the policy is `error`.
    """
    if policy == "error":
        raise Unspeakable(what, reason)
    if policy == "drop" or reason == CONTROL:
        if dropped is not None:
            dropped[reason] += 1
        return " "
    if policy == "keep":
        kept = what.translate(_NO_BRACES).split()
        return "".join(f" {_OPEN}{piece}{_CLOSE} " for piece in kept)
    return f" {spelled(what)} "


def join_runs(text: str) -> str:
    """Kept characters that stood side by side as one piece again."""
    return _RUN.sub("", text)


def kept(chunk: str) -> tuple[str, str, str] | None:
    """Of a kept chunk the marks before it, what it is, and the marks after it; None for any other chunk."""
    match = _KEPT.fullmatch(chunk) if _OPEN in chunk else None
    return (match[1], "{" + match[2] + "}", match[3]) if match else None


def spelled(what: str) -> str:
    """The names of the characters, in words of ASCII letters and digits."""
    return " ".join(
        piece if piece.isascii() and piece.isalnum() else _name(piece)
        for piece in re.findall(r"[A-Za-z]+|[0-9]+|[^A-Za-z0-9\s]", what)
    )


def _name(character: str) -> str:
    """`GREEK SMALL LETTER ALPHA WITH TONOS` is alpha, `CJK UNIFIED IDEOGRAPH-65E5` ideograph six five E five."""
    name = unicodedata.name(character, "unknown character").lower().partition(" with ")[0]
    name = re.sub(r".* (?:letter|syllable|ideogram|radical)s? ", "", name)
    kind, hyphen, code = name.rpartition("-")
    if hyphen and re.fullmatch("[0-9a-f]{4,6}", code):
        return f"{kind.split(' ')[-1]} {' '.join(code.upper())}"
    return name.replace("-", " ")
