"""Chunks that no rule knows whole, piece by piece: signs, formulas, letters mixed with digits."""

import re
from collections import Counter

from phonetic import measures, numbers, places
from phonetic.company import Company
from phonetic.g2p import CAMEL
from phonetic.lexicon import look_up
from phonetic.units import UNITS
from phonetic.unspeakable import stand_in

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
    "¢": "cents",
    "©": "copyright",
    "♯": "sharp",
    "♭": "flat",
    "\u00b5": "micro",
    "\u2126": "ohms",
} | {sign: names[1] for sign, names in numbers.CURRENCIES.items()}
BETWEEN = {"=": "equals", "*": "times", "<": "is less than", ">": "is greater than", "/": "over"}
BETWEEN |= {"<=": "is less than or equal to", ">=": "is greater than or equal to", "!=": "is not equal to"}
BETWEEN |= {"==": "equals", "~": "approximately"}
COMPARED = frozenset(("<", ">", "<=", ">=", "~"))  # said before a number too: <5, ~ 10
FUNCTIONS = {"sin": "sine", "cos": "cosine", "tan": "tangent", "log": "log", "ln": "natural log", "exp": "exponential"}
FUNCTIONS |= {"sqrt": "square root", "arcsin": "arc sine", "arccos": "arc cosine", "arctan": "arc tangent"}
_FUNCTION = re.compile(rf"(?:{'|'.join(FUNCTIONS)})\(")
# Elements met in formulas of which no symbol is also a common word or the name of a road or an aircraft.
_ELEMENT = "(?:A[lgru]|B[ar]?|C[adloru]?|F[e]?|H[eg]?|I|K|Li|M[gn]|N[aei]?|O|P[bt]?|S[in]?|Ti|U|Zn)"
_FORMULA = re.compile(rf"(?:{_ELEMENT}\d*|\((?:{_ELEMENT}\d*)+\)\d*)+(?:\^?\d*[+-])?")
_IN_FORMULA = re.compile(rf"{_ELEMENT}|\d+|[+-]")
_PIECE = re.compile(
    rf"\^[-+]?(?:\d+|[A-Za-z])(?![A-Za-z])|[<>!=]=|{measures.CURRENCY}?(?:{measures.NUMBER})(?:(?:st|nd|rd|th|'?s)\b)?|[A-Za-z]+(?:'[A-Za-z]+)*|[.,;:?!]+|[^A-Za-z0-9]",
    re.ASCII,
)


def is_formula(inner: str) -> bool:
    """Whether a chunk is chemistry that needs reading letter by letter: NaCl, H2O, Ca^2+, but no word or code."""
    if not _FORMULA.fullmatch(inner):
        return False
    symbols = re.findall(_ELEMENT, inner)
    if len(inner) < 3 and not inner[1:].isdigit():
        return False
    return any(character in "0123456789+" for character in inner) or (
        len(symbols) > 1 and not inner.isupper() and look_up(inner.lower()) is None
    )


def is_read_apart(inner: str) -> bool:
    """Whether a chunk of letters and marks alone is no word: an address, a formula, a function."""
    return places.is_address(inner) or is_formula(inner) or _FUNCTION.match(inner) is not None


def _formula(inner: str) -> str:
    """H2SO4 H two S O four, Na+ N A plus."""
    said = []
    for piece in _IN_FORMULA.findall(inner):
        if piece.isalpha():
            said.append("~" + piece)
        else:
            said.append(numbers.cardinal(piece) if piece.isdigit() else SPOKEN.get(piece, "minus"))
    return " ".join(said)


def read_pieces(near: Company, inner: str, dropped: Counter[str] | None = None, policy: str = "drop") -> str:
    """The words for a chunk's pieces; signs that are not said go by the policy of unspeakable.py."""
    if places.is_address(inner):
        return places.read_address(inner)
    if is_formula(inner):
        return _formula(inner)
    if inner in BETWEEN:
        # Alone it is said between two words or numbers, not where it frames a heading or marks a list.
        first, second = near[-1], near[1]
        wanted = "[0-9]" if inner in ("*", "/") else "[A-Za-z0-9]"
        if re.search(wanted, first) and re.search(wanted, second) and inner != "/":
            return BETWEEN[inner]
        if inner == "/" and first[-1:].isdigit() and second[:1].isdigit() and near[2] == "=":
            return "divided by"
        if second[:1].isdigit() and inner in COMPARED:
            return BETWEEN[inner].removeprefix("is ")
        return stand_in(inner, "sign", policy, dropped).strip()
    pieces = _PIECE.findall(inner)
    words: list[str] = []
    for at, piece in enumerate(pieces):
        before = pieces[at - 1] if at else ""
        after = pieces[at + 1] if at + 1 < len(pieces) else ""
        if at > 1 and before == "-" and pieces[at - 2][0].isdigit() and len(piece) > 1 and piece in UNITS:
            said = UNITS[piece][0]  # a 5-km walk
        else:
            said = _piece(piece, before, after, before if at else near[-1])
        if piece[0] in '.,;:?!()[]{}"':
            if words:
                words[-1] += piece if piece[0] not in '([{"' else ""
        elif said:
            words.append(said)
        elif piece not in "-–/'":
            words += stand_in(piece, "sign", policy, dropped).split()
    return " ".join(words)


def _piece(piece: str, before: str, after: str, chunk_before: str) -> str:
    if piece[0] == "^" and piece[1:]:
        return numbers.power(piece[1:])
    if piece[-1].isdigit() or piece[0].isdigit():
        found = measures.read_number(piece, chunk_before, "")
        return found[0] if found else numbers.one_by_one(re.sub(r"\D", "", piece))
    if piece[0].isascii() and piece[0].isalpha():
        if piece in FUNCTIONS and after == "(":
            return f"{FUNCTIONS[piece]} of"
        if after[:1] == "^" and len(piece) < 4:
            return f"~{piece}"
        if before in ("#", "@") and not piece.isupper():
            return " ".join(CAMEL.findall(piece))
        in_code = any(side[:1] == "&" or side[:1].isdigit() for side in (before, after))
        code = in_code and piece.isupper() and len(piece) < 4
        return f"~{piece}" if (len(piece) == 1 and piece != "a") or code else piece
    if piece == "#":
        return "number" if after[:1].isdigit() else "hashtag" if after[:1].isalpha() else ""
    if piece in BETWEEN:
        numeric = before[-1:].isdigit() and after[:1].isdigit()
        if numeric or (piece[-1] == "=" and before and after):
            return BETWEEN[piece]
        if after[:1].isdigit() and piece in COMPARED:
            return BETWEEN[piece].removeprefix("is ")
        return ""
    if piece == "-" and not before and after[:1].isdigit():
        return "minus"
    return SPOKEN.get(piece, "")
