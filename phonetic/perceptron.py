"""Parts of speech as nltk's averaged perceptron tagger gives them, of single words and of many at once.

The tagger goes from left to right, and what it says of a word depends on the two tags before it. Words that are all but
never ambiguous have one tag, so that two of them side by side end all dependence on what came before: to tag a word,
begin behind the nearest such pair.

Source: Collins 2002 for the averaged perceptron; nltk 3.10.4 for the features, which the names in its weights show.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Place = tuple[Sequence[str], int]  # tokens, and which of them
AHEAD = 2  # tokens after a word that its tag may depend on
START = ("-START-", "-START2-")
END = ("-END-", "-END2-")
CACHE = 1 << 16  # words whose features are kept


class Tagger:
    """Tags words in their sentences.

    Args:
        weights: Feature to the weight of each tag it speaks for or against.
        known: The tag of each word that has but one.
        classes: All tags.
    """

    def __init__(
        self, weights: Mapping[str, Mapping[str, float]], known: Mapping[str, str], classes: Sequence[str]
    ) -> None:
        self._known = known
        self._classes = sorted(classes, reverse=True)  # of equal scores the last in the alphabet wins: nltk's choice
        self._column = {tag: at for at, tag in enumerate(self._classes)}
        self._scores = weights
        # A row for each feature that was met, in its order; the first is of zeros, for features without weights. The
        # rest of the memory is not touched, so that a short text need not wait for all of them.
        self._rows = {"": 0}
        self._weights = np.zeros((len(weights) + 1, len(classes)))
        self._bias = self._row("bias")
        self._of_word = functools.lru_cache(CACHE)(self._word_features)
        self._of_tags = functools.lru_cache(CACHE)(self._tag_features)

    def tag(self, places: Sequence[Place]) -> list[str]:
        """The tag of one word in each of some token lists, given by its index: what nltk gives it in the whole list."""
        found = [""] * len(places)
        # Which place, its tokens, the next one to tag and the last, the two tags before.
        going = [
            (which, [*START, *tokens, *END], *self._begin(tokens, at), at + len(START))
            for which, (tokens, at) in enumerate(places)
        ]
        while going:
            waiting, features = [], []
            for which, tokens, i, before, before2, end in going:
                while i <= end and (tag := self._known.get(tokens[i])):
                    i, before, before2 = i + 1, tag, before
                if i > end:
                    found[which] = before
                else:
                    waiting.append((which, tokens, i, before, end))
                    features += self._features(tokens[i - 2 : i + 3], before, before2)
            if not waiting:
                break
            # Summed feature by feature: float sums depend on the order, and a tie must fall as it falls in nltk.
            scores = self._weights.take(features, axis=0).reshape(len(waiting), -1, len(self._classes)).sum(axis=1)
            going = [
                (which, tokens, i + 1, self._classes[best], before, end)
                for (which, tokens, i, before, end), best in zip(waiting, scores.argmax(axis=1).tolist(), strict=True)
            ]
        return found

    def is_settled_after(self, tokens: Sequence[str]) -> bool:
        """Whether nothing before these tokens matters to the tag of what comes after them."""
        return self._begin(tokens, len(tokens))[0] > len(START)

    def _begin(self, tokens: Sequence[str], at: int) -> tuple[int, str, str]:
        """Where to begin so that what comes before does not matter, START included, and the two tags before."""
        known = self._known
        for i in range(at, 1, -1):
            if (before := known.get(tokens[i - 1])) and (before2 := known.get(tokens[i - 2])):
                return i + len(START), before, before2
        return len(START), *START

    def _features(self, around: Sequence[str], before: str, before2: str) -> list[int]:
        """The rows of the weights that count for the word in the middle of five, in nltk's order."""
        last2, last, here, next1, next2 = map(self._of_word, around)
        tag, tag2, tags = self._of_tags(before, before2)
        tag_and_word = self._row(f"i-1 tag+i word {before} {here[0]}")
        return [
            self._bias, here[1], here[2], tag, tag2, tags, here[3], tag_and_word,
            last[4], last[5], last2[6], next1[7], next1[8], next2[9],
        ]  # fmt: skip

    def _word_features(self, token: str) -> tuple[Any, ...]:
        """A word as the features name it, and the rows of all features that it may stand in."""
        word = "!HYPHEN" if "-" in token and token[0] != "-" else token  # g2p-en's have no digits and no capitals
        features = (
            f"i suffix {token[-3:]}", f"i pref1 {token[0]}", f"i word {word}", f"i-1 word {word}",
            f"i-1 suffix {word[-3:]}", f"i-2 word {word}", f"i+1 word {word}", f"i+1 suffix {word[-3:]}",
            f"i+2 word {word}",
        )  # fmt: skip
        return word, *map(self._row, features)

    def _tag_features(self, before: str, before2: str) -> tuple[int, ...]:
        features = f"i-1 tag {before}", f"i-2 tag {before2}", f"i tag+i-2 tag {before} {before2}"
        return tuple(map(self._row, features))

    def _row(self, feature: str) -> int:
        """Where the weights of a feature are."""
        row = self._rows.get(feature)
        if row is not None:
            return row
        if (scores := self._scores.get(feature)) is None:
            return 0
        row = self._rows[feature] = len(self._rows)
        self._weights[row, [self._column[tag] for tag in scores]] = [*scores.values()]
        return row
