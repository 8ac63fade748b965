"""Phones back to English: the likeliest of the words that sound alike, and new words by their sound."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from phonetic import variants
from phonetic.coin import coin
from phonetic.counts import BEGINNING, Counts, common
from phonetic.format import parts_of
from phonetic.homographs import Homographs
from phonetic.homophones import BEGINS, CAPITAL, SMALL, Choices, Model
from phonetic.lexicon import PREFERRED, lexicon
from phonetic.own_words import compact_words
from phonetic.phones import without_stress
from phonetic.reader import Reader
from phonetic.reduced import REDUCED
from phonetic.scribe import DASH

COMMON = 0.5  # what a word of the texts that are built in counts beside one of the user's
# What a pronunciation of the lexicon counts that no text has: a word's first, another one that the engine may choose,
# one that it never says.
FIRST, READING, OTHER = 0.05, 0.02, 0.0001
APOSTROPHE = 0.3  # of that, if there is one in the word: plurals are commoner than possessives
RARE = 1 / 100  # a spelling that is as rare beside another one of the same sound is left out of account
MEMORY = 1 << 18  # answers kept
DASH_MARK = "–"
_ENDS, _PAUSES = frozenset(".?!"), frozenset(",:")


class Said(NamedTuple):
    """A written word, ready to be spelled."""

    low: str  # its spelling in lower case; "" where there are several
    phones: str
    choices: Choices
    opening: str
    closing: str
    is_quoted: bool
    ends: bool  # its sentence ends with it
    pauses: bool  # a quotation may begin after it
    is_new: bool  # nobody has written it before


class Speller:
    """Compact phones to English.

    Args:
        counts: What the user's own text tells of spelling; there are some of our own besides.
        stress: Whether the phones to come bear stress.
        variant: The mergers they were written with; see variants.py.
        lexicon: The user's own words, lower case, and their ARPAbet.
        reduced: Whether small words were written as inside a phrase; see reduced.py.

    Raises:
        PhoneticError: there is no such variant, or a word of the lexicon is not right.
    """

    def __init__(
        self,
        counts: Counts | None = None,
        *,
        stress: bool = True,
        variant: Sequence[str] = (),
        lexicon: Mapping[str, str] | None = None,
        reduced: bool = False,
    ) -> None:
        own = compact_words(lexicon or {})
        self._stress = stress
        self._variant = variants.check(variant)
        self._reader = Reader(own=own)
        self._model = Model([(counts, 1.0), (common(), COMMON)] if counts else [(common(), 1.0)])
        self._spellings: dict[str, dict[str, float]] = {}  # phones -> spellings and how often
        self._gather(own, REDUCED if reduced else {})
        self._said: dict[str, Said] = {}
        self._paths: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._coined: dict[str, str] = {}

    def spell(self, lines: Sequence[str], mark: str = "") -> list[str]:
        """Each line of compact phones in English.

        Args:
            lines: Words as format.py has them, apart by spaces. What is none is left as it is.
            mark: What to put around each word that is in no lexicon and no text.
        """
        split = [line.split(" ") for line in lines]
        known = self._said
        if len(known) > MEMORY:
            known.clear()
            self._coined.clear()
        try:
            rows = [[known[word] for word in words] for words in split]
        except KeyError:
            self._learn({word for words in split for word in words if word not in known})
            rows = [[known[word] for word in words] for words in split]
        return [self._line(row, mark) for row in rows]

    def _key(self, phones: str) -> str:
        """A pronunciation as it stands in the lines to come."""
        merged = variants.merge(phones, self._variant)
        return merged if self._stress else without_stress(merged)

    def _gather(self, own: Mapping[str, str], reduced: Mapping[str, Sequence[str]]) -> None:
        """Turn the lexicon round."""
        is_plain = self._stress and not self._variant
        spellings = self._spellings

        def add(phones: str, low: str, number: float) -> None:
            row = spellings.setdefault(phones if is_plain else self._key(phones), {})
            row[low] = row.get(low, 0.0) + number

        for (low, phones), number in self._model.rows.items():
            add(phones, low, number)
            for form in set(reduced.get(low, ())) - {phones}:
                add(form, low, number)
        homographs = Homographs()
        for word, entry in lexicon().items():
            if "." in word:
                continue  # what ends in a stop is read with what follows
            number = FIRST * APOSTROPHE if "'" in word else FIRST
            for phones in entry.split(" "):
                add(phones, word, number)
                number = OTHER
            if word in homographs:
                for phones in homographs.readings(word):
                    add(phones, word, READING)
        for words, number in ((PREFERRED, FIRST), (own, 1.0)):
            for word, phones in words.items():
                add(phones, word, number)

    def _learn(self, words: Iterable[str]) -> None:
        """Remember written words, coining spellings for all new ones together."""
        parts = {word: parts_of(word) for word in sorted(words)}
        new = {
            phones
            for _, phones, _ in parts.values()
            if phones and phones[0] != "{" and phones not in self._spellings and phones not in self._coined
        }
        if new:
            self._coined.update(
                (phones, found[0]) for phones, found in coin(sorted(new), self._read, self.words).items()
            )
        for word, (opening, phones, closing) in parts.items():
            choices = self._choices(phones)
            marks = frozenset(closing)
            self._said[word] = Said(
                choices[0][0] if len(choices) == 1 else "",
                phones,
                choices,
                DASH_MARK if word == DASH else opening,
                closing,
                '"' in opening,
                bool(marks & _ENDS),
                bool(marks & _PAUSES),
                phones in self._coined,
            )

    def _read(self, words: Sequence[str]) -> list[str]:
        return [self._key(said) for said in self._reader.read(words)]

    def words(self, phones: str) -> list[str]:
        """The commonest spelling of a word, if it has one."""
        row = self._spellings.get(phones, {})
        return [max(row, key=lambda low: (row[low], low))] if row else []

    def _choices(self, phones: str) -> Choices:
        """The spellings of a word that are to be reckoned with, the commonest first."""
        found = self._spellings.get(phones)
        if found is None:
            return ((self._coined.get(phones, phones.strip("{}")), 1.0),)
        least = max(found.values()) * RARE
        words = self._model.words
        ranked = sorted((-number, low) for low, number in found.items() if number >= least)
        return tuple((low, -number / (words.get(low, 0.0) + FIRST)) for number, low in ranked)

    def _line(self, row: Sequence[Said], mark: str) -> str:
        lows = [said[0] for said in row]
        if "" in lows:
            self._choose(row, lows)
        written = self._model.written
        out = []
        ends, pauses, place = True, False, SMALL
        for (_, _, _, opening, closing, is_quoted, now_ends, now_pauses, is_new), low in zip(row, lows, strict=True):
            word = written(low, BEGINS if ends or (pauses and is_quoted) else place)
            place = CAPITAL if "A" <= word[:1] <= "Z" else SMALL
            out.append(f"{opening}{mark}{word}{mark}{closing}" if is_new else opening + word + closing)
            ends, pauses = now_ends, now_pauses
        return " ".join(out)

    def _choose(self, row: Sequence[Said], lows: list[str]) -> None:
        """Fill in the words of a line that have several spellings, each run of them at once."""
        at, end = 0, len(row)
        while "" in lows[at:]:
            first = at = lows.index("", at)
            before = BEGINNING if self._begins(row, at) else lows[at - 1]
            at += 1
            while at < end and not lows[at] and not self._begins(row, at):
                at += 1
            after = lows[at] if at < end and lows[at] and not self._begins(row, at) else ""
            key = (before, *[said.phones for said in row[first:at]], after)
            found = self._paths.get(key)
            if found is None:
                if len(self._paths) > MEMORY:
                    self._paths.clear()
                found = self._paths[key] = self._model.likeliest(
                    before, [said.choices for said in row[first:at]], after
                )
            lows[first:at] = found

    def _begins(self, row: Sequence[Said], at: int) -> bool:
        """Whether a sentence begins with a word."""
        if not at:
            return True
        before = row[at - 1]
        return before.ends or (before.pauses and row[at].is_quoted)
