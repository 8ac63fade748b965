from pipeline.notation import PlainText
from train.notation import Problem
from train.score import UNENDED, judge, valid_share


def test_a_sample_that_parses_and_ends_is_valid() -> None:
    assert judge(PlainText(), "to be", ended=True) == (True, [])


def test_the_notations_problems_come_first_and_a_missing_end_last() -> None:
    valid, problems = judge(PlainText(), "to  be", ended=False)
    assert not valid
    assert problems == [Problem(3, 4, "a space that separates no words"), Problem(6, 6, UNENDED)]


def test_without_a_notation_only_the_end_counts() -> None:
    assert judge(None, "to  be", ended=True) == (True, [])
    assert judge(None, "to be", ended=False) == (False, [Problem(5, 5, UNENDED)])


def test_the_share_of_valid_samples() -> None:
    assert valid_share(PlainText(), [("a", True), ("a", False), ("a  b", True), ("a b", True)]) == 0.5
    assert valid_share(PlainText(), []) == 0.0
