"""Any text to chunks of plain ASCII letters, digits and signs, so that nothing after this sees Unicode.

White space and dashes part words. Accents go, ligatures open, curly quotes straighten. What English has no words for
(other scripts, emoji, markup, control characters) becomes what unspeakable.py has for it, usually a gap between words.
"""

import functools
import re
import unicodedata
from collections import Counter

from phonetic.unspeakable import CONTROL, join_runs, kept, stand_in

SPOKEN_SIGNS = "£€¥₹₩₽₺₪฿₱₫₦¢°§±×÷©♯♭\u00b5\u2126"  # signs outside ASCII that normalize.py has words for

_FOLDED = {
    **dict.fromkeys("‘’‚‛ʼʻʹ′`´＇", "'"),
    **dict.fromkeys("“”„‟«»″〝〞＂", '"'),
    **dict.fromkeys("‹›", "'"),
    **dict.fromkeys("‐‑⁃", "-"),
    **dict.fromkeys("‒–", "–"),  # a range between digits, else a dash
    **dict.fromkeys("—―⸺⸻﹘", " – "),
    "−": "-",
    "…": "...",
    "⁄": "/",
    "∕": "/",
    "∗": "*",
    "·": " ",
    "•": " ",
    "¡": " ",
    "¿": " ",
    "。": ". ",
    "、": ", ",
    "\u00ad": "",  # soft hyphen: where a word may break, not a gap
    "\u2060": "",  # word joiner
    "ß": "ss",
    "ẞ": "SS",
    "æ": "ae",
    "Æ": "Ae",
    "œ": "oe",
    "Œ": "Oe",
    "ø": "o",
    "Ø": "O",
    "đ": "d",
    "Đ": "D",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "Th",
    "ł": "l",
    "Ł": "L",
    "ı": "i",
    "ħ": "h",
    "Ħ": "H",
    "ŋ": "ng",
    "Ŋ": "Ng",
    "ə": "a",
    "Ə": "A",
    "º": "°",
    "″": '"',
    "№": "No. ",
    "™": " ",
    "®": " ",
    "ℓ": "L",
    "≤": "<=",
    "⩽": "<=",
    "≥": ">=",
    "⩾": ">=",
    "≠": "!=",
    "≈": "~",
    "≅": "~",
    "→": " ",
    **{
        sign: f" {name} "
        for sign, name in {
            "√": "square root of",
            "∞": "infinity",
            "∑": "sum of",
            "∏": "product of",
            "∫": "integral of",
            "∂": "partial",
            "∆": "delta",
            "∇": "del",
            "∈": "in",
            "∴": "therefore",
            "‰": "per mille",
        }.items()
    },
}
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ"
_FLAT = str.maketrans(_SUPERSCRIPTS, "0123456789+-n")
# A raised number is a power after a number, a sign or a short symbol; after a word it points to a note.
_POWER = re.compile(f"((?<![A-Za-z])[A-Za-z]{{1,3}}|[0-9₀-₉)])?([{_SUPERSCRIPTS}]+)")
_GREEK = r"[\u0370-\u03ff\u1f00-\u1fff\u0300-\u036f]"
_LONE_GREEK = re.compile(f"(?<!{_GREEK})[Α-Ωα-ω](?!{_GREEK})")
_MICRO = re.compile("\u03bc(?=[A-Za-z\u03a9\u2126])")
_OHM = re.compile(f"(?<=[0-9kM])\u03a9(?!{_GREEK})")
_MARKUP = re.compile(r"<(?:/?[A-Za-z][^<>]{0,300}|!--.{0,300}?--)>", re.DOTALL)
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " ", "mdash": " – ", "ndash": "–"}
_ENTITY = re.compile(r"&(" + "|".join(_ENTITIES) + ");")
_DASHES = re.compile("-{2,}|—")
# What `clean` may join with its neighbours or take away together with them; and what `joined` leaves as it is.
_BY_TEXT = re.compile(rf"<!--|{_ENTITY.pattern}|^n't\b", re.IGNORECASE)
_JOINED = re.compile(r"/$|'(?:t|s|d|m|re|ve|ll)\b", re.IGNORECASE)
_PER = re.compile(r" / (?=[hs]\b)(?<=[a-z] / )")  # 26 km / h
# Tokenised corpora part clitics from their word: did n't, it 's.
_PARTED = re.compile(r" '(?=(?:t|s|d|m|re|ve|ll)\b)(?<=[A-Za-z] ')", re.IGNORECASE)  # soon found by its beginning
_PARTED_NOT = re.compile(r" (?=n't\b)(?<=[A-Za-z] )", re.IGNORECASE)
_LONE_EN_DASH = re.compile(r"(?<!\d)–|–(?![\d$£€])")
_REASONS = {"C": CONTROL, "L": "letter of another script", "N": "number of another script"}


def clean(text: str) -> str:
    """The text with its entities read, its dashes apart from the words beside them."""
    if "&" in text:
        text = _ENTITY.sub(lambda match: _ENTITIES[match[1]], text)
    if "—" in text or "--" in text:
        text = _DASHES.sub(" – ", text)
    text = joined(text)
    return _PARTED_NOT.sub("", text) if " n't" in text.lower() else text


def joined(text: str) -> str:
    """The text with clitics and units joined to what they were parted from; for n't, see `clean`."""
    if "/" in text and " / " in text:  # the first is sooner seen
        text = _PER.sub("/", text)
    return _PARTED.sub("'", text) if " '" in text else text


def may_join(chunk: str) -> bool:
    """Whether `joined` might join the chunk with others; n't apart, which always needs `clean`."""
    return _JOINED.match(chunk) is not None


def without_markup(text: str, dropped: Counter[str] | None = None, policy: str = "drop") -> str:
    """The text with something else in the place of its markup."""
    if policy != "drop":
        return _MARKUP.sub(lambda match: stand_in(match[0], "markup", policy, dropped), text)
    text, found = _MARKUP.subn(" ", text)  # as `stand_in` has it, without a call for each
    if found and dropped is not None:
        dropped["markup"] += found
    return text


def _fold_character(character: str) -> tuple[str, str]:
    """The ASCII for one character, and why it was dropped if it was."""
    if character in _FOLDED:
        return _FOLDED[character], ""
    if character in SPOKEN_SIGNS:
        return character, ""
    category = unicodedata.category(character)
    if character.isascii():
        return (" ", _REASONS["C"]) if category == "Cc" else (character, "")
    if category[0] == "M":
        return "", ""  # an accent
    if category == "Cf" or category[0] == "Z":
        return " ", ""  # zero-width and other invisible characters part words
    if category == "Nd":
        return str(unicodedata.digit(character)), ""
    plain = unicodedata.normalize("NFKD", character)
    plain = "".join(_FOLDED.get(c, c) for c in plain if unicodedata.category(c) != "Mn")
    if plain.isascii() and plain.isprintable() and plain.strip():
        return (f" {plain}" if "/" in plain else plain), ""  # a vulgar fraction stands apart from the whole number
    if category in ("Pi", "Pf"):
        return '"', ""
    if category == "Pd":
        return " – ", ""
    return " ", _REASONS.get(category[0], "emoji or symbol")


def _open_symbols(chunk: str) -> str:
    """The chunk with raised numbers as `^2`, micro and ohm as their own signs, other lone Greek letters by name."""
    chunk = _POWER.sub(lambda match: f"{match[1]}^{match[2].translate(_FLAT)}" if match[1] else " ", chunk)
    chunk = _OHM.sub("\u2126", _MICRO.sub("\u00b5", chunk.replace("\u00b5", "\u03bc")))
    return _LONE_GREEK.sub(_letter_name, chunk)


def _letter_name(match: re.Match[str]) -> str:
    """A Greek letter's English name, apart from letters and digits beside it."""
    name = unicodedata.name(match[0]).rpartition(" ")[2].lower().replace("lamda", "lambda")
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    return " " * before.isalnum() + name + " " * after.isalnum()


@functools.lru_cache(maxsize=1 << 16)
def fold(chunk: str, policy: str = "drop") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """One chunk that is not plain ASCII as plain chunks, and the reasons for what was dropped from it."""
    if not chunk.isascii():
        chunk = _open_symbols(chunk)
    dropped: Counter[str] = Counter()
    parts = [
        stand_in(character, reason, policy, dropped) if reason else part
        for character, (part, reason) in zip(chunk, map(_fold_character, chunk), strict=True)
    ]
    folded = _LONE_EN_DASH.sub(" – ", join_runs("".join(parts)))
    return tuple(folded.split()), tuple(dropped.elements())


def parts_of(chunk: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """What `chunks_of` makes of a chunk in a `joined` text, and why it drops of it; None if the text decides."""
    if _BY_TEXT.search(chunk):
        return None
    if chunk.isascii() and chunk.isprintable() and "<" not in chunk and "--" not in chunk:
        return (chunk,), ()
    dropped: Counter[str] = Counter()
    parts = chunks_of(chunk, dropped)
    if "<" in chunk and ("/" in parts or "<" in "".join(parts)):
        return None
    return tuple(parts), tuple(dropped.elements())


def chunks_of(text: str, dropped: Counter[str] | None = None, policy: str = "drop") -> list[str]:
    """The text's chunks between white space, folded.

    Besides ASCII they hold only the en dash, alone or between digits, and the signs in SPOKEN_SIGNS.
    """
    return folded(without_markup(text, dropped, policy), dropped, policy)


def folded(text: str, dropped: Counter[str] | None = None, policy: str = "drop") -> list[str]:
    """The same of a text that `without_markup` has seen; a second time it might find more."""
    chunks = clean(text).split()
    if text.isascii() and "".join(chunks).isprintable():
        return chunks
    found: list[str] = []
    for chunk in chunks:
        if chunk.isascii() and chunk.isprintable():
            found.append(chunk)
            continue
        if kept(chunk):  # markup
            found.append(chunk)
            continue
        plain, reasons = fold(chunk, policy)
        found += plain
        if dropped is not None:
            dropped.update(reasons)
    return found
