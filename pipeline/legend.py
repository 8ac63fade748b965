"""How a notation is read, for whoever meets it in a model card."""

from collections.abc import Mapping
from typing import Any

from phonetic.phones import CONSONANTS, VOWELS
from pipeline.markup import Code, plain, table
from train.notation import load_notation

EXAMPLE = "phonetic English"
# A word for each phone; a test holds that it is said with it.
WORDS = {
    **{"AA": "father", "AE": "cat", "AH": "cup", "AO": "thought", "AW": "house", "AY": "time", "EH": "bed"},
    **{"ER": "bird", "EY": "day", "IH": "ship", "IY": "sheep", "OW": "boat", "OY": "boy", "UH": "book", "UW": "moon"},
    **{"B": "bad", "CH": "chin", "D": "dog", "DH": "then", "F": "fish", "G": "get", "HH": "hat", "JH": "jam"},
    **{"K": "kite", "L": "leg", "M": "man", "N": "net", "NG": "sing", "P": "pen", "R": "red", "S": "sun"},
    **{"SH": "shop", "T": "ten", "TH": "thin", "V": "van", "W": "wet", "Y": "yes", "Z": "zoo", "ZH": "vision"},
}


def legend(spec: Mapping[str, Any]) -> str:
    """A notation in Markdown: its name and options, an example, and what its signs stand for."""
    notation = load_notation(spec)
    options = {name: value for name, value in spec["options"].items() if value not in (None, False, {}, [], ())}
    said = ", ".join(f"{name} {len(value) if isinstance(value, dict) else value}" for name, value in options.items())
    name = f"{spec['name']}, version {spec['version']}" + (f" ({said})" if said else "")
    parts = [f"The notation is {plain(name)}. *{EXAMPLE}* is {Code(notation.convert([EXAMPLE])[0])}."]
    if spec["name"] == "arpabet":
        parts += [arpabet(spec["options"].get("form") == "spaced", stress=spec["options"].get("stress", True))]
    elif spec["name"] == "ipa":
        parts += [
            "The International Phonetic Alphabet, for General American; a stress mark stands before its syllable."
        ]
    return "\n\n".join(parts)


def arpabet(spaced: bool, stress: bool) -> str:
    """What ARPAbet's signs stand for."""
    how = "Phones stand apart by a space, words by ` | `." if spaced else "One letter is one phone."
    if stress:
        how += " The digit after a vowel is its stress: 1 the strongest, 2 a weaker one, 0 none."
    rows = [
        [Code(name) if spaced else Code(letter), *([] if spaced else [name]), WORDS[name]]
        for name, letter in (VOWELS | CONSONANTS).items()
    ]
    half = (len(rows) + 1) // 2
    rows[half:] = [*rows[half:], *[[""] * len(rows[0])] * (2 * half - len(rows))]
    heads = ["phone", "as in"] if spaced else ["letter", "ARPAbet", "as in"]
    return f"{how}\n\n{table(heads * 2, [a + b for a, b in zip(rows[:half], rows[half:], strict=True)])}"
