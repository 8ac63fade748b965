from pathlib import Path

import pytest

from pipeline.copied import Span
from pipeline.sampler import Judged
from pipeline.symbols import Spelling
from pipeline.traits import divergence, grams, holds_so_far, real_words, repetition, traits
from tests.models import make_tokenizer
from train.notation import load_notation
from train.score import judge
from train.significance import wilson

COMPACT = load_notation({"name": "arpabet"})


@pytest.fixture
def compact(tmp_path: Path) -> Spelling:
    return Spelling(make_tokenizer(tmp_path / "tokenizer"), COMPACT)


def sample(index: int, text: str, ended: bool = True) -> Judged:
    valid, problems = judge(COMPACT, text, ended)
    return Judged(index, "", text, ended, valid, problems, 9)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (9, 10), (289, 300), (300, 300)])
def test_the_interval_of_a_share_is_wilsons(hits: int, n: int) -> None:
    # Its ends are the shares that are 1.96 of their own standard errors away from the one found.
    for end in wilson(hits, n):
        assert abs(end - hits / n) == pytest.approx(1.959964 * (end * (1 - end) / n) ** 0.5, abs=1e-6)
    assert wilson(0, 10) == pytest.approx((0.0, 0.27753), abs=1e-5)


def test_divergence_is_zero_for_the_same_and_one_bit_for_nothing_in_common() -> None:
    assert divergence({1: 2, 2: 6}, {1: 1, 2: 3}) == 0
    assert divergence({1: 2}, {2: 5}) == 1
    assert divergence({1: 1, 2: 1}, {1: 1}) == pytest.approx(0.311278, abs=1e-6)  # H(3/4, 1/4) - H(1/2, 1/2) / 2
    assert divergence({}, {1: 1}) is None


def test_what_comes_again_in_a_text_is_counted_within_it_alone() -> None:
    once, loop = list(range(12)), [1, 2, 3] * 8
    assert repetition([once, once]) == 0
    assert repetition([loop]) == pytest.approx(10 / 13)
    assert grams([[1, 1, 2], [1, 1]], 2, 9) == {10: 2, 11: 1}
    assert grams([[1, 1, 2], [1, 1]], 2, 9, most=2) == {10: 1}


def test_symbols_and_words_are_the_notations(tmp_path: Path, compact: Spelling) -> None:
    text = '"fA0nE1tI0k, I1GglI0S."'
    assert compact.write(compact.read(text)) == text
    assert len(compact.read(text)) == 18
    assert compact.words(text + " - D@1t") == ["fA0nE1tI0k", "I1GglI0S", "D@1t"]
    assert compact.write(compact.inside("fA0nE1t", 2, 4)) == "nE1"  # half a vowel is none
    spaced = Spelling(
        make_tokenizer(tmp_path / "other"), load_notation({"name": "arpabet", "options": {"form": "spaced"}})
    )
    assert len(spaced.read("F AH0 N | DH AE1 T ,")) == 8
    assert spaced.words("F AH0 N | DH AE1 T ,") == ["F AH0 N", "DH AE1 T"]
    assert spaced.write(spaced.read("F AH0 N | DH AE1 T ,")) == "F AH0 N | DH AE1 T ,"


def test_words_that_a_corpus_lacks_are_found_whatever_its_pieces(compact: Spelling) -> None:
    corpus = b'D@1t, iz\xfe"h@1t" re1n'
    pieces = [corpus[at : at + 3] for at in range(0, len(corpus), 3)]
    assert compact.unknown({"D@1t", "iz", "h@1t", "re1n", "re1"}, pieces) == {"re1"}


def test_a_row_says_what_is_valid_new_and_real(compact: Spelling) -> None:
    row = [sample(0, "D@1t re1n"), sample(1, "D@1t re1n"), sample(2, "blA1rk f"), sample(3, "D@1t r", ended=False)]
    spans = [Span(0, 9), Span(0, 9), Span(0, 0), Span(0, 5)]
    found = traits({"0.7": row}, row, {"0.7": spans}, {"blA1rk"}, real_words(COMPACT), compact)["0.7"]
    assert [holds_so_far(one) for one in row] == [True, True, False, True]
    assert (found["valid"], found["parses"], found["ended"]) == (0.5, 0.75, 0.75)
    assert (found["distinct"], found["novel"]) == (0.75, 0.5)
    assert (found["words_novel"], found["words_real"]) == (1 / 8, 5 / 8)
    assert (found["copied_most"], found["copied_text"], found["length_divergence"]) == (7, "D@1t re1n", 0)
