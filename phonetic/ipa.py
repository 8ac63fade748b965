"""IPA: General American in the International Phonetic Alphabet, made from the phones by a table.

Each phone has one symbol and each symbol one phone, so a sample can be turned back into ARPAbet: affricates bear a tie
bar, and where AO and IH meet a dot keeps them from being read as OY. Stress stands before its syllable.

Source: the table of the Handbook of the International Phonetic Association (1999), American English, with the
symbols for stressed and unstressed vowels told apart as dictionaries do.
"""

import functools
import re
from collections.abc import Iterator, Sequence

from phonetic.format import (
    IN_SYLLABLES,
    ONE_PIECE,
    STRESSED,
    STRESSED_SYLLABLES,
    TERMINALS,
    Checker,
    Problem,
    Token,
    words_by,
)
from phonetic.grammar import lark
from phonetic.lexicon import vowelless
from phonetic.phones import CONSONANTS, STRESSES, VOWEL_LETTERS, VOWELS, by_phone, split_phones
from phonetic.sounds import Sounds
from phonetic.written import Written

# By ARPAbet; two vowels look otherwise without stress.
_VOWELS = {
    "AA": "ɑ",
    "AE": "æ",
    "AH": "ʌ",
    "AO": "ɔ",
    "AW": "aʊ",
    "AY": "aɪ",
    "EH": "ɛ",
    "ER": "ɝ",
    "EY": "eɪ",
    "IH": "ɪ",
    "IY": "i",
    "OW": "oʊ",
    "OY": "ɔɪ",
    "UH": "ʊ",
    "UW": "u",
}
_UNSTRESSED = {"AH": "ə", "ER": "ɚ"}
_CONSONANTS = {name: letter for name, letter in CONSONANTS.items() if letter.islower()} | {
    "CH": "t͡ʃ",
    "DH": "ð",
    "G": "ɡ",
    "JH": "d͡ʒ",
    "NG": "ŋ",
    "R": "ɹ",
    "SH": "ʃ",
    "TH": "θ",
    "Y": "j",
    "ZH": "ʒ",
}
MARKS = {"1": "ˈ", "2": "ˌ"}
DOT = "."  # between syllables
# Compact phone, stress digit and all -> symbol without its stress mark.
_SYMBOLS = by_phone(_VOWELS, _UNSTRESSED, _CONSONANTS, dict.fromkeys(("", *STRESSES), ""))
_NUCLEI = list(dict.fromkeys([*_VOWELS.values(), *_UNSTRESSED.values()]))
_ALL = sorted([*_NUCLEI, *_CONSONANTS.values()], key=lambda symbol: (-len(symbol), symbol))
_HIATUS = "ɔ", "ɪ"
_LETTERS = "".join(sorted({symbol[0] for symbol in _ALL} | set(MARKS.values())))
_ITEM = re.compile(
    rf"\{{[^\s{{}}]+\}}|{'|'.join(map(re.escape, TERMINALS[:2]))}|\.(?=[{_LETTERS}])|{'|'.join(_ALL)}|[^\s]"
)
_BACK = {symbol: letter for letter, symbol in reversed(_SYMBOLS.items()) if len(letter) == 1} | {"ə": "A", "ɚ": "R"}


class Ipa(Written):
    """American English in the International Phonetic Alphabet, with stress, word boundaries and punctuation.

    Stress marks and syllables are written before the syllable: a dot only where no stress mark stands.
    """

    name = "ipa"
    form = "ipa"
    version = "1"

    @property
    def symbols(self) -> Sequence[str]:
        """The phones, and the stress marks where stress is written."""
        return [*_NUCLEI, *_CONSONANTS.values(), *(MARKS.values() if self.stress else ())]

    def checker(self) -> Checker:
        """What tells valid samples from others."""
        kinds = dict.fromkeys(_NUCLEI, "V") | dict.fromkeys(_CONSONANTS.values(), "C") | {"hiatus": "H"}
        if self.stress:
            kinds |= dict.fromkeys(MARKS.values(), "S")
            sounds = STRESSED_SYLLABLES if self.syllables else STRESSED
        else:
            sounds = IN_SYLLABLES if self.syllables else ONE_PIECE.replace("CV", "CVH")
        if self.syllables:
            kinds["break"] = "D"
        if self.keep:
            kinds["{}"] = "K"
        return Checker(_words, kinds, sounds, map(_plain, vowelless()), self._reason)

    def grammar(self) -> str:
        """A Lark grammar of the valid samples."""
        hiatus = [] if self.syllables else [DOT.join(_HIATUS)]
        return lark(
            [*_NUCLEI, *hiatus],
            _CONSONANTS.values(),
            map(_plain, vowelless()),
            stress=MARKS.values() if self.stress else (),
            syllable=DOT if self.syllables else "",
            keep=self.keep,
        )

    def sounds(self) -> Sounds:
        """How it writes each phone."""
        phones = {letter: {"": _CONSONANTS[name]} for name, letter in CONSONANTS.items()}
        for name, letter in VOWELS.items():
            phones[letter] = {"": _VOWELS[name]} | ({"0": _UNSTRESSED[name]} if name in _UNSTRESSED else {})
        return Sounds(phones, VOWEL_LETTERS, MARKS if self.stress else {}, self.gap, "", [DOT])

    def word(self, opening: str, said: Sequence[str], closing: str) -> str:
        """A word in IPA."""
        if said[0][0] == "{":
            return opening + said[0] + closing
        written = ""
        for syllable in said:
            digit = next((character for character in syllable if character in "12"), "")
            mark = MARKS.get(digit, "") if self.stress else ""
            symbols = _plain(syllable)
            if not mark and written and (self.syllables or (written[-1:], symbols[:1]) == _HIATUS):
                mark = DOT
            written += mark + symbols
        return opening + written + closing

    def compact(self, sample: str) -> str:
        """A valid sample in compact ARPAbet, without syllables."""
        words = []
        for tokens in _words(sample, []):
            word, digit = "", ""
            for text in (token.text for token in tokens):
                if text in MARKS.values():
                    digit = "1" if text == MARKS["1"] else "2"
                elif text in _NUCLEI:
                    word += _BACK[text] + (digit or "0" if self.stress else "")
                    digit = ""
                elif text not in ("break", "hiatus"):
                    word += _BACK.get(text, text)
            words.append(word)
        return " ".join(words)

    def _reason(self, text: str) -> str:
        if text in MARKS.values():
            return "a stress mark, which this notation leaves out"
        if text in ("break", "hiatus"):
            return "a dot between sounds, which this notation leaves out"
        return "no symbol of this notation"


@functools.lru_cache(maxsize=1 << 14)
def _plain(phones: str) -> str:
    """Compact phones as symbols, without stress marks."""
    return "".join(_SYMBOLS[phone] for phone in split_phones(phones))


def _words(sample: str, found: list[Problem]) -> Iterator[list[Token]]:
    """The words of a sample as tokens; a dot between two sounds becomes `break`, or `hiatus` where it must stand."""
    for word in words_by(_ITEM, sample, found):
        for at, token in enumerate(word):
            if token.text == DOT and at + 1 < len(word) and sample[token.end : token.end + 1] in _LETTERS:
                is_needed = at and (word[at - 1].text, word[at + 1].text) == _HIATUS
                word[at] = token._replace(text="hiatus" if is_needed else "break")
        yield word
