"""Chunks that no rule knows whole, piece by piece: signs, addresses, letters mixed with digits."""

import re
from collections import Counter
from collections.abc import Sequence

from phonetic import abbreviations as short
from phonetic import measures, numbers

DASHES = frozenset(("-", "–", "--"))
# Signs that are said; those said only between digits stand below.
SPOKEN = {
    "&": "and",
    "%": "percent",
    "+": "plus",
    "@": "at",
    "°": "degrees",
    "§": "section",
    "×": "times",
    "÷": "divided by",
    "±": "plus or minus",
    "$": "dollars",
    "£": "pounds",
    "€": "euros",
    "¥": "yen",
    "₹": "rupees",
    "¢": "cents",
}
BETWEEN = {"=": "equals", "*": "times", "<": "is less than", ">": "is greater than", "/": "over", "^": "to the"}
IN_ADDRESS = {".": "dot", "@": "at", "/": "slash", "-": "dash", "_": "underscore", "+": "plus", "~": "tilde"}
IN_ADDRESS |= {"=": "equals", "#": "hash", ":": "colon", "%": "percent", "&": "and"}
_TOPS = "com|org|net|edu|gov|mil|int|io|co|uk|us|ca|au|de|fr|eu|info|tv|ai|dev|biz|html"
_ADDRESS = re.compile(
    rf"(?:[a-z]+://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:[\w-]+\.)+(?:{_TOPS})(?:/\S*)?", re.ASCII | re.IGNORECASE
)
_PIECE = re.compile(
    rf"{measures.CURRENCY}?(?:{measures.NUMBER})(?:(?:st|nd|rd|th|'?s)\b)?|[A-Za-z]+(?:'[A-Za-z]+)*|[.,;:?!]+|[^A-Za-z0-9]",
    re.ASCII,
)
_NAMED = {"C#": "C sharp", "F#": "F sharp", "C++": "C plus plus", "w/": "with", "w/o": "without", "b/c": "because"}


def is_address(inner: str) -> bool:
    """Whether a chunk is an e-mail or web address."""
    return _ADDRESS.fullmatch(inner) is not None


def read_pieces(chunks: Sequence[str], i: int, inner: str, dropped: Counter[str] | None = None) -> str:
    """The words for a chunk's pieces; signs that are not said are dropped and counted."""
    if inner in _NAMED:
        return _NAMED[inner]
    if is_address(inner):
        return _address(inner)
    if len(inner) == 1 and inner in "=<>/*":
        # Alone it is said between two words or numbers, not where it frames a heading or marks a list.
        sides = [chunks[j] if 0 <= j < len(chunks) else "" for j in (i - 1, i + 1)]
        alone = not all(re.search("[A-Za-z0-9]", side) for side in sides)
        if inner in "*/" and not all(re.search("[0-9]", side) for side in sides):
            alone = True
        if not alone and inner != "/":
            return BETWEEN[inner]
        if dropped is not None:
            dropped["sign"] += 1
        return ""
    pieces = _PIECE.findall(inner)
    words: list[str] = []
    for at, piece in enumerate(pieces):
        before = pieces[at - 1] if at else ""
        after = pieces[at + 1] if at + 1 < len(pieces) else ""
        if at > 1 and before == "-" and pieces[at - 2][0].isdigit() and len(piece) > 1 and piece in short.UNITS:
            said = short.UNITS[piece][0]  # a 5-km walk
        else:
            said = _piece(piece, before, after, chunks[i - 1] if i and not at else before)
        if piece[0] in '.,;:?!()[]{}"':
            if words:
                words[-1] += piece if piece[0] not in '([{"' else ""
        elif said:
            words.append(said)
        elif piece not in "-–/'" and dropped is not None:
            dropped["sign"] += 1
    return " ".join(words)


def _piece(piece: str, before: str, after: str, chunk_before: str) -> str:
    if piece[-1].isdigit() or piece[0].isdigit():
        found = measures.read_number(piece, chunk_before, "")
        return found[0] if found else numbers.one_by_one(re.sub(r"\D", "", piece))
    if piece[0].isalpha():
        in_code = any(side[:1] == "&" or side[:1].isdigit() for side in (before, after))
        code = in_code and piece.isupper() and len(piece) < 4
        return f"~{piece}" if (len(piece) == 1 and piece != "a") or code else piece
    if piece == "#":
        return "number" if after[:1].isdigit() else "hashtag" if after[:1].isalpha() else ""
    if piece in BETWEEN:
        numeric = before[-1:].isdigit() and after[:1].isdigit()
        return BETWEEN[piece] if numeric or (piece == "=" and before and after) else ""
    if piece == "-" and not before and after[:1].isdigit():
        return "minus"
    return SPOKEN.get(piece, "")


def _address(inner: str) -> str:
    """jane@example.com is jane at example dot com; the scheme is not said, www is."""
    inner = re.sub(r"^[a-z]+://", "", inner, flags=re.IGNORECASE).rstrip("/")
    words = []
    for piece in re.findall(r"[A-Za-z]+|\d+|[^A-Za-z0-9]", inner):
        if piece.isdigit():
            words.append(numbers.one_by_one(piece) if len(piece) != 4 else measures.read_number(piece, "", "")[0])  # type: ignore[index]
        elif piece.isalpha():
            words.append("~" + piece if len(piece) < 3 or piece.lower() in ("www", "edu") else piece)
        elif piece in IN_ADDRESS:
            words.append(IN_ADDRESS[piece])
    return " ".join(words)
