"""ARPAbet: ordinary English as phones, compact (`fA0nE1tI0k`) or spaced (`F AH0 N EH1 T IH0 K`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from phonetic.errors import PhoneticError
from phonetic.format import FORMS, GAP, Checker, Problem, lark, spaced
from phonetic.phones import CONSONANTS, STRESSES, VOWELS, without_stress
from phonetic.reader import Reader, Tally

CACHE = 1 << 18  # written words kept by the spaced form


class Arpabet:
    """American English in ARPAbet phones, with stress, word boundaries and punctuation.

    Args:
        form: `compact`, a letter a phone and a space between words, or `spaced`, ARPAbet's own names and ` | `.
        stress: Whether a vowel carries its stress digit: 0 none, 1 primary, 2 secondary.

    Raises:
        PhoneticError: another form, or a stress that is not true or false.
    """

    name = "arpabet"
    version = "2"

    def __init__(self, form: str = "compact", stress: bool = True) -> None:
        if form not in FORMS:
            raise PhoneticError(f"arpabet has no form {form!r}", hint=f"its forms are: {', '.join(FORMS)}")
        if not isinstance(stress, bool):
            raise PhoneticError(f"arpabet's stress is {stress!r}", hint="give true or false")
        self.form = form
        self.stress = stress
        self.options: Mapping[str, Any] = {"form": form, "stress": stress}
        self.symbols: Sequence[str] = _symbols(form, stress)
        self._reader = Reader()
        self._checker: Checker | None = None
        self._written: dict[str, str] = {}  # compact word -> as the spaced form writes it

    def convert(self, texts: Sequence[str], tally: Tally | None = None) -> list[str]:
        """Each text as phones on one line.

        Args:
            texts: Any strings; what cannot be said is left out as a gap between words.
            tally: Counts, if given, `oov` words that were guessed and what was `dropped`, by reason.
        """
        return [self._write(line) for line in self._reader.read(texts, tally)]

    def problems(self, sample: str) -> list[Problem]:
        """Where and why a sample is not what `convert` could have written; empty when it could."""
        if self._checker is None:  # it needs the lexicon
            self._checker = Checker(self.form, self.stress)
        return self._checker.problems(sample)

    def grammar(self) -> str:
        """A Lark grammar of the valid samples."""
        return lark(self.form, self.stress)

    def spell(self, sample: str) -> str | None:
        """None: phones are not turned back into spelling yet."""
        return None

    def _write(self, text: str) -> str:
        """Finished compact text in this notation's form."""
        if not self.stress:
            text = without_stress(text)
        if self.form == "compact" or not text:
            return text
        written = self._written
        words = text.split(" ")
        for word in words:
            if word not in written:
                written[word] = spaced(word)
        line = GAP.join(map(written.__getitem__, words))
        if len(written) > CACHE:
            written.clear()
        return line


def _symbols(form: str, stress: bool) -> list[str]:
    """The phones of a form; with stress, each vowel three times."""
    digits = STRESSES if stress else ("",)
    phones = VOWELS | CONSONANTS
    names = [name + digit for name in VOWELS for digit in digits] + list(CONSONANTS)
    if form == "spaced":
        return names
    return [phones[name.rstrip(STRESSES)] + name[len(name.rstrip(STRESSES)) :] for name in names]
