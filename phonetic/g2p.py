"""One word to phones: the lexicon, then rules that build on it, then the guesser."""

import functools
import re
from collections.abc import Callable, Mapping
from functools import partial

from phonetic.lexicon import DATA, look_up
from phonetic.phones import has_vowel, words

Find = Callable[[str], str | None]  # a lower-case word to its pronunciation
Parts = tuple[frozenset[str], frozenset[str]]  # words that begin compounds, words that end them
PART = 3  # letters of the shortest word in a compound
LETTERS = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        words(
            "e1 bi1 si1 di1 i1 E1f Ji1 e1C Y1 Je1 ke1 E1l E1m E1n o1 pi1 kyu1 a1r E1s ti1 yu1 vi1 dA1bA0lyu0 E1ks "
            "wY1 zi1"
        ),
        strict=True,
    )
)
CACHE = 1 << 17  # guessed words kept
LONGEST = 24  # letters said at once: the guesser has learnt no longer words

_SIBILANT = tuple("szSZCJ")
_VOICELESS = tuple("ptkfT")
_CLITICS = {"'ll": "A0l", "'ve": "A0v", "'re": "R0", "'m": "m"}
_CLITICS |= {
    "'t": "t",
    "'st": "st",
    "'rt": "rt",
    "'lt": "lt",
    "'n": "A0n",
    "'ld": "d",
}  # know't, know'st, thou'rt, fall'n
_PREFIXES = {
    "un": "A0n",
    "re": "ri0",
    "non": "na2n",
    "over": "o2vR0",
    "under": "A2ndR0",
    "out": "W2t",
    "mis": "mI0s",
    "pre": "pri0",
    "anti": "@2nti0",
    "inter": "I2ntR0",
    "super": "su2pR0",
    "semi": "sE2mi0",
    "multi": "mA2lti0",
    "counter": "kW2ntR0",
    "sub": "sA0b",
    "micro": "mY2kro0",
    "fore": "fc2r",
    "self": "sE2lf",
}
# Parts of a hyphenated word that are no words, or other ones.
HYPHEN_PARTS = {"re": "ri1", "co": "ko1", "pre": "pri1", "de": "di1", "anti": "@1nti0", "semi": "sE1mi0", "ex": "E1ks"}
HYPHEN_PARTS |= {
    "st": "se1nt",
    "jean": "Za1n",
    "al": "a1l",
    "multi": "mA1lti0",
    "non": "na1n",
    "vice": "vY1s",
    "bi": "bY1",
}
HYPHEN_PARTS |= {
    "tri": "trY1",
    "uni": "yu1nI0",
    "micro": "mY1kro0",
    "neo": "ni1o0",
    "pseudo": "su1do0",
    "quasi": "kwa1zi0",
}
# Before an apostrophe: Irish and French names, and you.
_CLIPPED = {"o'": "o0", "d'": "d", "l'": "l", "y'": "yA0"}
_SUFFIXES = {"ly": "li0", "ness": "nA0s", "less": "lA0s", "ful": "fA0l", "like": "lY2k", "ship": "SI0p", "man": "mA0n"}
_SUFFIXES |= {"men": "mI0n", "ward": "wR0d", "wards": "wR0dz", "er": "R0", "ers": "R0z", "est": "A0st", "eth": "A0T"}
_SUFFIXES |= {"ish": "I0S", "able": "A0bA0l", "est": "A0st", "ism": "I2zA0m", "ist": "A0st", "ists": "A0sts"}
# British spellings, as the lexicon has them.
_BRITISH = [
    (re.compile(pattern), american)
    for pattern, american in (
        (r"is(e|ed|es|er|ers|ing|ation|ations)$", r"iz\1"),
        (r"ys(e|ed|es|er|ers|ing)$", r"yz\1"),
        (r"our(|s|ed|ing|ite|ites|able|ful|less|hood|er|ers)$", r"or\1"),
        (r"([bt])re(|s|d)$", r"\1er\2"),
        (r"ll(ed|ing|er|ers)$", r"l\1"),
        (r"ogue(|s|d)$", r"og\1"),
        (r"aem|oem", "em"),
        (r"aed|oed", "ed"),
        (r"ence(|s)$", r"ense\1"),
    )
]
_REPEATS = re.compile(r"(.)\1{2,}")
_PLURAL_LETTERS = re.compile("([A-Z]{2,})s")
# Capitals that can be said as a word: no run of three consonants, none doubled at the start.
_SAYABLE = re.compile(
    r"(?:[BCDFGHJKLMNPRSTVWYZ]|[BCDFGKPST][LRHW]|S[CKLMNPTW])?[AEIOU]{1,2}"
    r"(?:[BCDFGHJKLMNPQRSTVWXYZ]{1,2}[AEIOUY]{1,2})*(?:[BCDFGKLMNPRSTX]|[LNRS][DKPT])?"
)
# The words in one with capitals inside: GitHub, iOS, BlackLivesMatter.
CAMEL = re.compile("[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_MC = "mI0k"
_DEMOTED = str.maketrans("1", "2")


def spell_out(letters: str) -> str:
    """The names of the letters, the last one stressed most: FBI is `E2fbi2Y1`."""
    *front, last = (LETTERS[letter] for letter in letters.lower())
    return "".join(front).translate(_DEMOTED) + last


def add_s(stem: str) -> str:
    """The plural, possessive or third person of a pronunciation."""
    if stem.endswith(_SIBILANT):
        return stem + "I0z"
    return stem + ("s" if stem.endswith(_VOICELESS) else "z")


def add_ed(stem: str) -> str:
    """The past tense of a pronunciation."""
    if stem.endswith(("t", "d")):
        return stem + "I0d"
    return stem + ("t" if stem.endswith((*_VOICELESS, "s", "S", "C")) else "d")


def add(stem: str, ending: str) -> str:
    """A pronunciation with an ending that never changes."""
    return stem + ending


def _stem_before_vowel(stem: str, look_up: Find = look_up) -> str | None:
    """The pronunciation of the word that lost its e or doubled its last letter before -ed, -ing, -er."""
    if len(stem) < 2:
        return None
    if stem[-1] == stem[-2] and stem[-1] not in "aeiou":
        return look_up(stem) or look_up(stem[:-1])
    if stem[-1] in "aeiou" or (stem[-2] in "aeiouy" and stem[-1] not in "wxy"):
        return look_up(stem + "e") or look_up(stem)
    return look_up(stem) or look_up(stem + "e")


def inflected(word: str, look_up: Find = look_up) -> str | None:
    """A regular form of a word that `look_up` has: plurals, past tenses, -ing, -ly, -ness, un- and their like."""
    if len(word) < 4:
        return None
    stem: str | None
    if word.endswith("ies") and (stem := look_up(word[:-3] + "y")):
        return stem + "z"
    if word.endswith("es") and word[:-2].endswith(("s", "x", "z", "ch", "sh", "o")) and (stem := look_up(word[:-2])):
        return add_s(stem)
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and (stem := look_up(word[:-1])):
        return add_s(stem)
    if word.endswith("ied") and (stem := look_up(word[:-3] + "y")):
        return stem + "d"
    if word.endswith("ed") and (stem := _stem_before_vowel(word[:-2], look_up)):
        return add_ed(stem)
    if word.endswith("ing") and (stem := _stem_before_vowel(word[:-3], look_up)):
        return stem + "I0G"
    if word.endswith("ings") and (stem := _stem_before_vowel(word[:-4], look_up)):
        return stem + "I0Gz"
    if word.endswith("st") and word[-3] not in "aio" and (stem := look_up(word[:-2])):
        return stem + "st"  # thou didst
    if word.endswith("ily") and (stem := look_up(word[:-3] + "y")):
        return stem[:-2] + "A0li0"
    if word.endswith("ically") and (stem := look_up(word[:-4])):
        return stem + "li0"
    if word.endswith("bly") and (stem := look_up(word[:-1] + "e")):
        return stem[:-3] + "li0"
    for suffix, said in _SUFFIXES.items():
        if word.endswith(suffix) and len(word) > len(suffix) + 2:
            base = word[: -len(suffix)]
            stem = _stem_before_vowel(base, look_up) if suffix[0] in "aei" else look_up(base)
            if stem is None and base.endswith("i"):
                stem = look_up(base[:-1] + "y")
            if stem is not None:
                return (stem[:-1] if stem[-1] == said[0] == "l" else stem) + said
    for prefix, said in _PREFIXES.items():
        if word.startswith(prefix) and len(word) > len(prefix) + 3:
            stem = look_up(word[len(prefix) :])
            if stem is not None:
                return said + stem
    return None


def american(word: str) -> str | None:
    """A British spelling said as the American word."""
    for pattern, replacement in _BRITISH:
        spelling, changed = pattern.subn(replacement, word)
        if changed and (said := look_up(spelling) or inflected(spelling)):
            return said
    return None


@functools.cache
def _parts() -> Parts:
    """The words that begin and that end compounds, as scripts/build_compounds.py learnt them."""
    first, last = (DATA / "compounds.txt").read_text(encoding="ascii").splitlines()
    return frozenset(words(first)), frozenset(words(last))


def compound(word: str, parts: Parts | None = None) -> str | None:
    """Two lexicon words in one, the first stressed, one of them known to make compounds: `lobsterboat`."""
    begin, end = parts or _parts()
    for cut in range(len(word) - PART, PART - 1, -1):
        if word[:cut] in begin or word[cut:] in end:
            first, second = look_up(word[:cut]), look_up(word[cut:])
            if first and second and has_vowel(first) and has_vowel(second):
                return first + second.translate(_DEMOTED)
    return None


class Pronouncer:
    """Words to phones, with the words it had to guess remembered.

    `say` answers at once from lexicon and rules; for a word that must be guessed it returns `""` until
    `guess_pending` has run the guesser over all such words together.

    Args:
        own: The user's words and their pronunciations, which come before the lexicon's.

    Attributes:
        guessed: Words the guesser has been run on.
        pending: Words it has not been run on yet.
        how: By what the word that `say` was asked for last was found.
        unknown: Words outside the lexicon and the rules among all that `say` was asked for; the caller empties it.
    """

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        self.own = own or {}
        self.guessed: dict[str, str] = {}
        self.pending: set[str] = set()
        self.how = ""
        self.unknown: list[str] = []

    def say(self, word: str) -> str:
        """The pronunciation of a word of ASCII letters and apostrophes, as written; `""` when it is pending."""
        low = word.lower()
        said = look_up(low)
        self.how = "lexicon"
        if self.own and (own := self.own.get(low) or (inflected(low, self.own.get) if said is None else None)):
            self.how = "user"
            return own
        if said is None:
            said = self._known(word, low)
            if said and not has_vowel(said):
                said = spell_out(re.sub("[^a-z]", "", low))  # hmms
        return said

    def guess_pending(self) -> None:
        """Guess all pending words in one batch."""
        from phonetic.oov import guesser  # numpy, which takes longer to load than all of this package

        if len(self.guessed) + len(self.pending) > CACHE:
            self.guessed.clear()
        words = sorted(self.pending)
        pieces = {word: [word[at : at + LONGEST] for at in range(0, len(word), LONGEST)] for word in words}
        flat = sorted({piece for parts in pieces.values() for piece in parts})
        said = dict(zip(flat, guesser().predict(flat), strict=True))
        for word in words:
            phones = "".join(said[piece] for piece in pieces[word])
            self.guessed[word] = phones if has_vowel(phones) else spell_out(word)
        self.pending.clear()

    def _known(self, word: str, low: str) -> str:
        known: str | None
        if "'" in word:
            said = self._with_apostrophe(word, low)
            self.how = "parts" if self.how == "lexicon" else self.how
            return said
        if plural := _PLURAL_LETTERS.fullmatch(word):
            self.how = "letters"
            stem = look_up(low[:-1]) or spell_out(plural[1])
            return add_s(stem)
        if not word.isupper() or len(word) > 4:
            known = inflected(low) or american(low)
            if known is not None:
                self.how = "parts"
                return known
        if word[1:] != low[1:] and not word.isupper() and (parts := CAMEL.findall(word))[1:]:
            said = self._camel(parts)
            self.how = "parts"
            return said
        if _REPEATS.search(low):
            drawn_out = low[-1] == low[-3] and low[-1] != "e"  # sooo is so; but goood is good, seee is see
            for times in (r"\1", r"\1\1") if drawn_out else (r"\1\1", r"\1"):
                shorter = _REPEATS.sub(times, low)
                known = look_up(shorter) or inflected(shorter)
                if known is not None:
                    self.how = "drawn out"
                    return known
            word = low = _REPEATS.sub(r"\1\1", low)
        if not re.search("[aeiouy]", low) or (word.isupper() and _is_acronym(word)):
            self.how = "letters"
            return spell_out(low)
        known = compound(low)
        if known is not None:
            self.how = "parts"
            return known
        self.how = "guess"
        self.unknown.append(low)
        guess = self.guessed.get(low)
        if guess is None:
            self.pending.add(low)
            return ""
        return guess

    def _camel(self, parts: list[str]) -> str:
        """A word of several with capitals inside: single letters by name; `""` when a part is pending."""
        said = [_MC if part == "Mc" else LETTERS[part.lower()] if len(part) == 1 else self.say(part) for part in parts]
        return "".join([said[0], *(one.translate(_DEMOTED) for one in said[1:])]) if all(said) else ""

    def _with_apostrophe(self, word: str, low: str) -> str:
        """Possessives, contractions, old elisions and clipped -ing; else as if the apostrophe were not there."""
        if (clipped := _CLIPPED.get(low[:2])) and len(low) > 4:
            rest = self.say(word[2:])
            return clipped + rest if rest else ""
        if low.endswith("'s"):
            return self._extend(word, "'s", add_s)
        if low.endswith("in'") and (said := look_up(low[:-1] + "g")) and said.endswith("I0G"):
            return said[:-1] + "n"
        if low[0] == "'" and (said := look_up("a" + low[1:])) and said.startswith("A0"):
            return said[2:]  # 'gainst, 'mongst
        if low[0] == "'" or low[-1] == "'":
            return self.say(word.strip("'"))
        if low.endswith("'d"):
            stem = low[:-2]
            past = look_up(stem + "ed") or (look_up(stem + "d") if stem.endswith("e") else None)
            return past or self._extend(word, "'d", add_ed)
        if low.endswith("n't"):
            return self._extend(word, "n't", lambda stem: stem + "A0nt")
        for clitic, ending in _CLITICS.items():
            if low.endswith(clitic):
                return self._extend(word, clitic, partial(add, ending=ending))
        return self.say(word.replace("'", ""))

    def _extend(self, word: str, clitic: str, ending: Callable[[str], str]) -> str:
        """The word's stem with an ending; the letters of the clitic as a word when nothing stands before it."""
        stem = word[: -len(clitic)].strip("'")
        if not stem:
            return self.say(clitic.replace("'", ""))
        said = self.say(stem)
        return ending(said) if said else ""  # pending


def _is_acronym(word: str) -> bool:
    """Whether capitals outside the lexicon are spelled: short ones are, unless they can be said as a word."""
    return len(word) <= 5 and (len(word) <= 3 or not _SAYABLE.fullmatch(word))
