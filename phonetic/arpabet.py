"""ARPAbet: ordinary English as phones, compact (`fA0nE1tI0k`) or spaced (`F AH0 N EH1 T IH0 K`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from phonetic.errors import PhoneticError
from phonetic.format import BREAK, FORMS, GAP, Checker, arpabet_checker, spaced
from phonetic.grammar import lark
from phonetic.lexicon import vowelless
from phonetic.phones import CONSONANTS, NAMES, STRESSES, VOWEL_LETTERS, VOWELS, without_stress
from phonetic.sounds import Sounds
from phonetic.written import Reads, Written

ENGINES = ("phon", "g2p-en")


class Arpabet(Written):
    """American English in ARPAbet phones, with stress, word boundaries and punctuation.

    Args:
        form: `compact`, a letter a phone and a space between words, or `spaced`, ARPAbet's own names and ` | `.
        stress: Whether a vowel carries its stress digit: 0 none, 1 primary, 2 secondary.
        syllables: Whether a `-` stands between syllables.
        engine: `phon`, or `g2p-en` for the phones that g2p-en 2.1.0 gives, faults and all.
        variant: See written.py, as for the rest.

    Raises:
        PhoneticError: an option has a value that there is not.
    """

    name = "arpabet"
    version = "2"

    def __init__(
        self,
        form: str = "compact",
        stress: bool = True,
        syllables: bool = False,
        variant: Sequence[str] = (),
        unspeakable: str = "drop",
        lexicon: Mapping[str, str] | None = None,
        engine: str = "phon",
        reduced: bool = False,
    ) -> None:
        if engine not in ENGINES:
            raise PhoneticError(f"arpabet has no engine {engine!r}", hint=f"its engines are: {', '.join(ENGINES)}")
        if engine == "g2p-en" and unspeakable != "drop":
            raise PhoneticError(
                f"g2p-en deletes what it cannot say, so unspeakable cannot be {unspeakable!r}",
                hint="leave --unspeakable out, or --engine g2p-en",
            )
        if engine == "g2p-en" and reduced:
            raise PhoneticError("g2p-en says no reduced forms", hint="leave --reduced out, or --engine g2p-en")
        if form not in FORMS:
            raise PhoneticError(f"arpabet has no form {form!r}", hint=f"its forms are: {', '.join(FORMS)}")
        self.form = form
        self.engine = engine
        super().__init__(stress, syllables, variant, unspeakable, lexicon, reduced)
        self.symbols: Sequence[str] = _symbols(form, stress)
        self.gap = GAP if form == "spaced" else " "
        self._is_plain = form == "compact" and not (syllables or self.variant or self.keep)
        self.is_compact = self._is_plain and stress

    def own_options(self) -> Mapping[str, Any]:
        """The form, and the engine where it is not ours."""
        return {"form": self.form, **({"engine": self.engine} if self.engine != "phon" else {})}

    def reader(self, unspeakable: str, own: Mapping[str, str]) -> Reads:
        """The engine; its data is read when the first text comes."""
        if self.engine == "phon":
            return super().reader(unspeakable, own)
        from phonetic.parity import Parity  # which few want

        return Parity(own)

    def checker(self) -> Checker:
        """What tells valid samples from others."""
        any_word = self.engine == "g2p-en"  # which says some words without a vowel
        return arpabet_checker(self.form, self.stress, syllables=self.syllables, keep=self.keep, any_word=any_word)

    def grammar(self) -> str:
        """A Lark grammar of the valid samples."""
        is_spaced = self.form == "spaced"
        silent = [word if self.stress else without_stress(word) for word in vowelless()]
        return lark(
            [said for vowel in VOWEL_LETTERS for said in self.sounds().phones[vowel].values()],
            CONSONANTS if is_spaced else CONSONANTS.values(),
            [spaced(word) if is_spaced else word for word in silent],
            apart='" "' if is_spaced else "",
            gap='" | "' if is_spaced else '" "',
            syllable=BREAK if self.syllables else "",
            keep=self.keep,
            any_word=self.engine == "g2p-en",
        )

    def sounds(self) -> Sounds:
        """How it writes each phone."""
        digits = STRESSES if self.stress else ("",)
        names = NAMES if self.form == "spaced" else {letter: letter for letter in NAMES}
        phones = {
            letter: {digit: name + digit for digit in digits} if letter in VOWEL_LETTERS else {"": name}
            for letter, name in names.items()
        }
        apart = " " if self.form == "spaced" else ""
        return Sounds(phones, VOWEL_LETTERS, {}, self.gap, apart, [BREAK] if self.syllables else [])

    def word(self, opening: str, said: Sequence[str], closing: str) -> str:
        """A word in this form."""
        said = self._unstressed(said)
        if self.form == "compact":
            return opening + (BREAK if self.syllables else "").join(said) + closing
        phones = (f" {BREAK} " if self.syllables else " ").join(map(spaced, said))
        return " ".join(filter(None, [spaced(opening), phones, spaced(closing)]))

    def write(self, text: str) -> str:
        """Text that is compact phones with stress already, in this form."""
        if self._is_plain:
            return text if self.stress else without_stress(text)
        return super().write(text)


def _symbols(form: str, stress: bool) -> list[str]:
    """The phones of a form; with stress, each vowel three times."""
    digits = STRESSES if stress else ("",)
    phones = VOWELS | CONSONANTS
    names = [name + digit for name in VOWELS for digit in digits] + list(CONSONANTS)
    if form == "spaced":
        return names
    return [phones[name.rstrip(STRESSES)] + name[len(name.rstrip(STRESSES)) :] for name in names]
