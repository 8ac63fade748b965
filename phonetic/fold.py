"""Any text to chunks of plain ASCII letters, digits and signs, so that nothing after this sees Unicode.

White space and dashes part words. Accents go, ligatures open, curly quotes straighten. What English has no words for
(other scripts, emoji, markup, control characters) becomes a gap between words and is counted.
"""

import functools
import re
import unicodedata
from collections import Counter

SPOKEN_SIGNS = "£€¥₹¢°§±×÷"  # signs outside ASCII that normalize.py has words for

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
    "²": "^2",
    "³": "^3",
    "µ": "u",
    "μ": "u",
    "º": "°",
    "№": "No. ",
    "™": " ",
    "®": " ",
    "©": " ",
}
_MARKUP = re.compile(r"<(?:/?[A-Za-z][^<>]{0,300}|!--.{0,300}?--)>", re.DOTALL)
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " ", "mdash": " – ", "ndash": "–"}
_ENTITY = re.compile(r"&(" + "|".join(_ENTITIES) + ");")
_DASHES = re.compile("-{2,}|—")
_PER = re.compile(r"(?<=[a-z]) / (?=[hs]\b)")  # 26 km / h
# Tokenised corpora part clitics from their word: did n't, it 's.
_PARTED = re.compile(r"(?<=[A-Za-z]) (?='(?:t|s|d|m|re|ve|ll)\b|n't\b)", re.IGNORECASE)
_LONE_EN_DASH = re.compile(r"(?<!\d)–|–(?![\d$£€])")
_REASONS = {"C": "control or unassigned character", "L": "letter of another script", "N": "number of another script"}


def clean(text: str, dropped: Counter[str] | None = None) -> str:
    """The text without markup, its entities read, its dashes apart from the words beside them."""
    if "<" in text:
        text, count = _MARKUP.subn(" ", text)
        if count and dropped is not None:
            dropped["markup"] += count
    if "&" in text:
        text = _ENTITY.sub(lambda match: _ENTITIES[match[1]], text)
    if "—" in text or "--" in text:
        text = _DASHES.sub(" – ", text)
    if " / " in text:
        text = _PER.sub("/", text)
    if " '" in text or " n't" in text:
        text = _PARTED.sub("", text)
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


@functools.lru_cache(maxsize=1 << 16)
def fold(chunk: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """One chunk that is not plain ASCII as plain chunks, and the reasons for what was dropped from it."""
    parts, reasons = zip(*map(_fold_character, chunk), strict=True)
    folded = _LONE_EN_DASH.sub(" – ", "".join(parts))
    return tuple(folded.split()), tuple(reason for reason in reasons if reason)


def chunks_of(text: str, dropped: Counter[str] | None = None) -> list[str]:
    """The text's chunks between white space, folded.

    Besides ASCII they hold only the en dash, alone or between digits, and the signs in SPOKEN_SIGNS.
    """
    chunks = clean(text, dropped).split()
    if text.isascii() and text.isprintable():
        return chunks
    folded: list[str] = []
    for chunk in chunks:
        if chunk.isascii() and chunk.isprintable():
            folded.append(chunk)
            continue
        plain, reasons = fold(chunk)
        folded += plain
        if dropped is not None:
            dropped.update(reasons)
    return folded
