"""What the notations made of phones have in common: their options, and each word rewritten once."""

import contextlib
import gc
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from phonetic import unspeakable as policies
from phonetic import variants
from phonetic.counts import WORDS
from phonetic.errors import PhoneticError
from phonetic.format import Checker, Problem, parts_of
from phonetic.own_words import compact_words
from phonetic.phones import without_stress
from phonetic.syllables import syllables

if TYPE_CHECKING:
    from phonetic.reader import Tally
    from phonetic.spell import Speller

CACHE = 1 << 18  # written words kept


class Reads(Protocol):
    """An engine: English to phones."""

    def read(self, texts: Sequence[str], tally: "Tally | None" = None) -> list[str]:
        """Each text as compact phones with stress; see format.py for how words and marks stand."""
        ...


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """No search for garbage in cycles: what a reader remembers has none, and to look it all through takes its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Written:
    """English in phones, written some way.

    Args:
        stress: Whether stress is written.
        syllables: Whether the breaks between syllables are written.
        variant: Mergers of variants.py.
        reduced: Whether small words are said as inside a phrase; see reduced.py.
        unspeakable: What becomes of what cannot be said: drop, keep, spell or error.
        lexicon: The user's own words, lower case, and their ARPAbet; they come before all that is built in.

    Raises:
        PhoneticError: an option has a value that there is not.
    """

    name = ""
    version = ""
    gap = " "  # between two words
    form = ""  # as forms.py calls it
    is_compact = False  # whether it is what engines write, and nothing else

    def __init__(
        self,
        stress: bool = True,
        syllables: bool = False,
        variant: Sequence[str] = (),
        unspeakable: str = "drop",
        lexicon: Mapping[str, str] | None = None,
        reduced: bool = False,
    ) -> None:
        for option, value in (("stress", stress), ("syllables", syllables), ("reduced", reduced)):
            if not isinstance(value, bool):
                raise PhoneticError(f"{self.name}'s {option} is {value!r}", hint="give true or false")
        if unspeakable not in policies.POLICIES:
            raise PhoneticError(
                f"there is no policy {unspeakable!r} for what cannot be said",
                hint=f"there are: {', '.join(policies.POLICIES)}",
            )
        self.stress = stress
        self.syllables = syllables
        self.reduced = reduced
        self.variant = variants.check([variant] if isinstance(variant, str) else variant)
        self.keep = unspeakable == "keep"
        # Only what is not usual, so that the description of ordinary data stays the same.
        unusual = {
            "syllables": syllables,
            "variant": list(self.variant),
            "reduced": reduced,
            "unspeakable": unspeakable if unspeakable != "drop" else "",
            "lexicon": dict(sorted((lexicon or {}).items())),
        }
        self.options: Mapping[str, Any] = {
            **self.own_options(),
            "stress": stress,
            **{name: value for name, value in unusual.items() if value},
        }
        with no_collection():  # while the lexicon is read
            self._reader = self.reader(unspeakable, compact_words(lexicon or {}))
        self._checker: Checker | None = None
        self._speller: Speller | None = None
        self._written: dict[str, str] = {}  # compact word -> as this notation writes it

    def convert(self, texts: Sequence[str], tally: "Tally | None" = None) -> list[str]:
        """Each text as phones on one line.

        Args:
            texts: Any strings; what cannot be said goes by the policy, usually a gap between words.
            tally: Counts, if given, `oov` words that were guessed and what was `dropped`, by reason; and where it has
                a place for `words` and `pairs`, how words are spelled: see counts.py.

        Raises:
            PhoneticError: something cannot be said, and the policy is `error`.
        """
        with no_collection():
            lines = self._reader.read(texts, tally)
            if tally is not None and WORDS in tally and (count := getattr(self._reader, "count", None)):
                count(texts, lines, tally)  # g2p-en's engine does not know which word became which
            return lines if self.is_compact else [self.write(line) for line in lines]

    def problems(self, sample: str) -> list[Problem]:
        """Where and why a sample is not what `convert` could have written; empty when it could."""
        if self._checker is None:  # it needs the lexicon
            self._checker = self.checker()
        return self._checker.problems(sample)

    def spell(self, sample: str) -> str | None:
        """The sample in English, as the texts that are built in are spelled; a corpus of one's own knows more."""
        if self._speller is None:
            from phonetic.spell import Speller  # slow to import, and it stands on what is here

            own = self.options.get("lexicon", {})
            self._speller = Speller(stress=self.stress, variant=self.variant, lexicon=own, reduced=self.reduced)
        from phonetic.forms import read_phones

        return self._speller.spell([read_phones(sample, self.form)[0].line])[0]

    def reader(self, unspeakable: str, own: Mapping[str, str]) -> Reads:
        """What turns text into compact phones."""
        from phonetic.scribe import Scribe  # slow to import

        return Scribe(unspeakable, own, reduced=self.reduced)

    def own_options(self) -> Mapping[str, Any]:
        """The options that this notation alone has."""
        return {}

    def checker(self) -> Checker:
        """What tells valid samples from others."""
        raise NotImplementedError

    def word(self, opening: str, said: Sequence[str], closing: str) -> str:
        """A word as this notation writes it: its opening marks, its syllables or what is kept, its closing marks."""
        raise NotImplementedError

    def write(self, text: str) -> str:
        """Text that is compact phones with stress already, as this notation writes it."""
        if not text:
            return text
        written = self._written
        words = text.split(" ")
        for word in words:
            if word not in written:
                written[word] = self._write_word(word)
        line = self.gap.join(map(written.__getitem__, words))
        if len(written) > CACHE:
            written.clear()
        return line

    def _write_word(self, word: str) -> str:
        opening, said, closing = parts_of(word)
        if not said:
            return word  # a dash
        if said[0] == "{":
            return self.word(opening, (said,), closing)
        return self.word(opening, syllables(variants.merge(said, self.variant)), closing)

    def _unstressed(self, said: Sequence[str]) -> Sequence[str]:
        """Syllables as they stand where stress is left out; what is kept is left alone."""
        return said if self.stress else [one if one[0] == "{" else without_stress(one) for one in said]
