import math
import random
from collections import Counter, defaultdict

import numpy as np
import pytest

from pipeline.ngrams import FALLBACK, KneserNey, discounts_of

SIZE = 6  # symbols 1 to 5, and the end
END = 0


def learnt(documents: list[list[int]]) -> KneserNey:
    lengths = np.array([len(document) for document in documents])
    return KneserNey(np.concatenate(documents).astype(np.uint16), lengths, SIZE)


def some_documents(seed: int, n: int = 40) -> list[list[int]]:
    draw = random.Random(seed)
    return [[*draw.choices(range(1, SIZE), (5, 4, 3, 2, 1), k=draw.randrange(12)), END] for _ in range(n)]


class Slow:
    """The same by the formulas as they are printed, from dictionaries."""

    def __init__(self, documents: list[list[int]], order: int) -> None:
        grams = [
            Counter(
                tuple([SIZE, *document][at - n + 1 : at + 1])
                for document in documents
                for at in range(max(1, n - 1), len(document) + 1)
            )
            for n in range(1, order + 1)
        ]
        self.counts = []
        for n, counts in enumerate(grams, 1):
            before: defaultdict[tuple[int, ...], set[int]] = defaultdict(set)
            for gram in grams[n] if n < order else ():
                before[gram[1:]].add(gram[0])
            self.counts.append({gram: len(before[gram]) or count for gram, count in counts.items()})
        self.discounts = [discounts_of(np.array(list(counts.values()))) for counts in self.counts]

    def probability(self, symbol: int, context: tuple[int, ...]) -> float:
        lower = self.probability(symbol, context[1:]) if context else 1 / SIZE
        counts, discounts = self.counts[len(context)], (0.0, *self.discounts[len(context)])
        after = {gram[-1]: count for gram, count in counts.items() if gram[:-1] == context}
        if not after:
            return lower
        left = sum(discounts[min(count, 3)] for count in after.values())
        count = after.get(symbol, 0)
        return (count - discounts[min(count, 3)] + left * lower) / sum(after.values())


def test_a_document_small_enough_to_work_out_by_hand() -> None:
    # All counts are one, of which 0.5 is taken: an order gives half to what it has seen, and half to the one below.
    model = KneserNey(np.array([1, 2, END], np.uint16), np.array([3]), 3)
    assert model.distribution([], 1) == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert model.distribution([], 2) == pytest.approx([1 / 6, 4 / 6, 1 / 6])
    assert model.distribution([1], 3) == pytest.approx([1 / 12, 1 / 12, 10 / 12])
    assert model.nats(np.array([1, 2, END], np.uint16), np.array([3]))[1] == pytest.approx([-3 * math.log(4 / 6)])


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_add_up_to_one_after_any_context(seed: int) -> None:
    model, draw = learnt(some_documents(seed)), random.Random(seed)
    for _ in range(20):
        context = draw.choices(range(1, SIZE), k=draw.randrange(9))
        for order in range(1, model.order + 1):
            shares = model.distribution(context, order)
            assert shares.sum() == pytest.approx(1, abs=1e-12)
            assert (shares > 0).all()


@pytest.mark.parametrize("order", [1, 2, 4])
def test_unseen_text_is_as_likely_as_the_formulas_say(order: int) -> None:
    documents, unseen = some_documents(1), some_documents(2, 12)
    slow = Slow(documents, order)
    expected = []
    for document in unseen:
        text = [SIZE, *document]
        shares = [slow.probability(text[at], tuple(text[max(0, at - order + 1) : at])) for at in range(1, len(text))]
        expected.append(-sum(map(math.log, shares)))
    lengths = np.array([len(document) for document in unseen])
    found = learnt(documents).nats(np.concatenate(unseen).astype(np.uint16), lengths)
    assert found[order - 1] == pytest.approx(expected)


def test_discounts_are_those_of_the_counts_of_counts() -> None:
    # 8 ones, 4 twos, 2 threes, 1 four: Y = 8 / 16; D = 1 - 2Y 4/8, 2 - 3Y 2/4, 3 - 4Y 1/2
    counts = np.repeat([1, 2, 3, 4, 9], [8, 4, 2, 1, 3])
    assert discounts_of(counts) == pytest.approx((0.5, 1.25, 2.0))
    assert discounts_of(np.array([1, 1, 5])) == FALLBACK
