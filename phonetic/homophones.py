"""Which of the words that sound alike was meant: counts of words and of pairs, and the likeliest way through a line.

A pair's probability is discounted and filled up with that of the word alone.

Source: Ney, Essen and Kneser 1994, "On structuring probabilistic dependences in stochastic language modelling"
(absolute discounting); Viterbi 1967, "Error bounds for convolutional codes" (the way through).
"""

from collections.abc import Iterable, Sequence

from phonetic.counts import AFTER_CAPITAL, FIRST, Counts

DISCOUNT = 0.75  # taken off each count of a pair
UNSEEN = 0.05  # as often, as it were, was a word written that no text has
ELSEWHERE = 0.05  # what a way of writing counts that was seen in another place
BEGINS, SMALL, CAPITAL = range(3)  # what stands before a word: nothing of its sentence, a small letter, a capital
Followers = dict[str, float]  # the words after another, and how often; behind "" how many they are
Choices = Sequence[tuple[str, float]]  # spellings in lower case, and how likely each has this sound


class Model:
    """What counts tell: how likely a word is after another, and how it is written.

    Args:
        counts: Counts of several texts, each with its weight.

    Attributes:
        rows: How often a spelling in lower case was said in some way.
        words: How often it was written at all.
    """

    def __init__(self, counts: Iterable[tuple[Counts, float]] = ()) -> None:
        self.rows: dict[tuple[str, str], float] = {}
        self.words: dict[str, float] = {}
        self._followers: dict[str, Followers] = {}
        self._spare: dict[str, tuple[float, float]] = {}  # how many stand after a word, and what is left for all others
        self._casings: dict[str, dict[str, list[float]]] = {}
        self._written: dict[tuple[str, int], str] = {}
        for one, weight in counts:
            self._add_words(one, weight)
            self._add_pairs(one, weight)
        for before, after in self._followers.items():
            number = max(after.pop(""), self.words.get(before, 0.0))  # rare pairs may have been forgotten
            spare = number - sum([n - DISCOUNT for n in after.values() if n > DISCOUNT])
            self._spare[before] = number, spare + UNSEEN
        self._total = sum(self.words.values()) + 1.0

    def _add_words(self, counts: Counts, weight: float) -> None:
        for key, number in counts.words.items():
            spelling, _, phones = key[1:].partition("\t")
            low, n = spelling.lower(), number * weight
            self.rows[low, phones] = self.rows.get((low, phones), 0.0) + n
            self.words[low] = self.words.get(low, 0.0) + n
            if key[0] != FIRST:
                casing = self._casings.setdefault(low, {}).setdefault(spelling, [0.0, 0.0])
                casing[key[0] == AFTER_CAPITAL] += n

    def _add_pairs(self, counts: Counts, weight: float) -> None:
        followers = self._followers
        for pair, number in counts.pairs.items():
            before, _, word = pair.partition(" ")
            n = number * weight
            after = followers.get(before)
            if after is None:
                followers[before] = {"": n, word: n}
            else:
                after[""] += n
                after[word] = after.get(word, 0.0) + n

    def chance(self, before: str, word: str) -> float:
        """The probability of a word after another; `.` stands before a sentence's first."""
        alone = (self.words.get(word, 0.0) + UNSEEN) / self._total
        after = self._followers.get(before)
        if after is None:
            return alone
        number, spare = self._spare[before]
        pair = after.get(word, 0.0)
        return (pair - DISCOUNT + spare * alone) / number if pair > DISCOUNT else spare * alone / number

    def likeliest(self, before: str, rows: Sequence[Choices], after: str) -> tuple[str, ...]:
        """The likeliest words for a piece of a line.

        Args:
            before: The word before the piece, or `.`.
            rows: The choices for each of its words.
            after: The word after it, or "".
        """
        chance = self.chance
        paths: list[tuple[float, tuple[str, ...]]]
        paths = [(chance(before, word) * sound, (word,)) for word, sound in rows[0]]
        for row in rows[1:]:
            paths = [
                max([(p * chance(path[-1], word) * sound, (*path, word)) for p, path in paths]) for word, sound in row
            ]
            most = max(paths)[0]
            paths = [(p / most, path) for p, path in paths]  # so that no line is too long for a float
        if after:
            paths = [(p * chance(path[-1], after), path) for p, path in paths]
        return max(paths)[1]

    def written(self, low: str, place: int) -> str:
        """A word in the letters that it is mostly written in.

        Args:
            low: The word in lower case.
            place: What stands before it: BEGINS, SMALL or CAPITAL.
        """
        found = self._written.get((low, place))
        if found is None:
            found = self._written[low, place] = self._write(low, place)
        return found

    def _write(self, low: str, place: int) -> str:
        casings = self._casings.get(low)
        if casings is None:
            stem, ending = (low[:-2], low[-2:]) if low.endswith("'s") else (low, "")
            casings = self._casings.get(stem, {stem: [0.0, 0.0]})
        else:
            ending = ""
        small, capital = {BEGINS: (1.0, 1.0), SMALL: (1.0, ELSEWHERE), CAPITAL: (ELSEWHERE, 1.0)}[place]
        best = max(casings, key=lambda one: (casings[one][0] * small + casings[one][1] * capital, one)) + ending
        return capitalised(best) if place == BEGINS else best


def capitalised(word: str) -> str:
    """A word with its first letter a capital."""
    for at, letter in enumerate(word):
        if letter.isalpha():
            return word[:at] + letter.upper() + word[at + 1 :]
    return word
