"""Parts of speech as nltk's averaged perceptron tagger gives them, of single words and of many at once.

The tagger goes from left to right, and what it says of a word depends on the two tags before it. Words that are all but
never ambiguous have one tag, so that two of them side by side end all dependence on what came before: to tag a word,
begin behind the nearest such pair.

Source: Collins 2002 for the averaged perceptron; nltk 3.10.4 for the features, which the names in its weights show.
"""

from collections.abc import Mapping, Sequence

import numpy as np

START = ("-START-", "-START2-")
END = ("-END-", "-END2-")


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
        column = {tag: at for at, tag in enumerate(self._classes)}
        self._rows = {feature: row for row, feature in enumerate(weights)}
        self._none = len(weights)  # a row of zeros, for features without weights
        self._weights = np.zeros((len(weights) + 1, len(classes)))
        at = [(row, column[tag]) for row, scores in enumerate(weights.values()) for tag in scores]
        values = [weight for scores in weights.values() for weight in scores.values()]
        if at:
            self._weights[tuple(zip(*at, strict=True))] = values

    def tag(self, places: Sequence[tuple[Sequence[str], int]]) -> list[str]:
        """The tag of one word in each of some token lists, given by its index: what nltk gives it in the whole list."""
        found = [""] * len(places)
        # Which place, its tokens, the next index to tag, the last index, the two tags before.
        going = [(which, tokens, *self._begin(tokens, at)) for which, (tokens, at) in enumerate(places)]
        while going:
            features: list[list[int]] = []
            waiting = []
            for which, tokens, i, before, before2 in going:
                end = places[which][1]
                while i <= end and (tag := self._known.get(tokens[i])):
                    i, before, before2 = i + 1, tag, before
                if i > end:
                    found[which] = before
                else:
                    features.append(self._features(tokens, i, before, before2))
                    waiting.append((which, tokens, i, before))
            if not waiting:
                break
            # Summed feature by feature: float sums depend on the order, and a tie must fall as it falls in nltk.
            scores = self._weights[features].sum(axis=1)
            going = []
            for (which, tokens, i, before), best in zip(waiting, scores.argmax(axis=1).tolist(), strict=True):
                going.append((which, tokens, i + 1, self._classes[best], before))
        return found

    def _begin(self, tokens: Sequence[str], at: int) -> tuple[int, str, str]:
        """Where to begin so that what comes before does not matter, and the two tags before."""
        known = self._known
        for i in range(at, 1, -1):
            if (before := known.get(tokens[i - 1])) and (before2 := known.get(tokens[i - 2])):
                return i, before, before2
        return 0, *START

    def _features(self, tokens: Sequence[str], i: int, before: str, before2: str) -> list[int]:
        """The rows of the weights that count for a word, in nltk's order."""
        token = tokens[i]
        word = _normal(token)
        last = _normal(tokens[i - 1]) if i > 0 else START[1]
        last2 = _normal(tokens[i - 2]) if i > 1 else START[i]
        left = len(tokens) - i - 1
        next1 = _normal(tokens[i + 1]) if left > 0 else END[0]
        next2 = _normal(tokens[i + 2]) if left > 1 else END[1 - left]
        row, none = self._rows.get, self._none
        return [
            row("bias", none),
            row(f"i suffix {token[-3:]}", none),
            row(f"i pref1 {token[0]}", none),
            row(f"i-1 tag {before}", none),
            row(f"i-2 tag {before2}", none),
            row(f"i tag+i-2 tag {before} {before2}", none),
            row(f"i word {word}", none),
            row(f"i-1 tag+i word {before} {word}", none),
            row(f"i-1 word {last}", none),
            row(f"i-1 suffix {last[-3:]}", none),
            row(f"i-2 word {last2}", none),
            row(f"i+1 word {next1}", none),
            row(f"i+1 suffix {next1[-3:]}", none),
            row(f"i+2 word {next2}", none),
        ]


def _normal(token: str) -> str:
    """A token as the features name it. Those of g2p-en hold no digits and no capitals."""
    return "!HYPHEN" if "-" in token and token[0] != "-" else token
