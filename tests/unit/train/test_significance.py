import random

import pytest

from train.significance import (
    Mean,
    difference,
    holm,
    mean,
    power,
    seeds_needed,
    t_cdf,
    t_quantile,
    wilson,
)


@pytest.mark.parametrize(("df", "value"), [(1, 12.7062), (2, 4.30265), (4, 2.77645), (30, 2.04227), (1000, 1.96234)])
def test_students_quantiles_are_those_of_the_tables(df: int, value: float) -> None:
    assert t_quantile(0.975, df) == pytest.approx(value, rel=1e-5)
    assert t_cdf(value, df) == pytest.approx(0.975, abs=1e-6)
    assert t_cdf(-value, df) == pytest.approx(0.025, abs=1e-6)


def test_a_mean_of_three_has_the_interval_worked_by_hand() -> None:
    found = mean([1.0, 2.0, 3.0])  # standard deviation 1, so 4.3027 / sqrt(3)
    assert (found.value, found.spread) == (2.0, 1.0)
    assert found.half == pytest.approx(2.48414, abs=1e-5)
    assert not found.excludes_zero and mean([9.0, 10.0, 11.0]).excludes_zero


def test_one_value_tells_nothing_of_its_spread() -> None:
    assert mean([2.0]) == Mean(2.0, None, None, 1)
    assert not mean([2.0]).excludes_zero


def test_a_difference_is_taken_seed_by_seed() -> None:
    # Seeds differ by far more than the arms do; only what both arms have is compared.
    ours, theirs = {0: 5.2, 1: 1.1, 2: 9.3, 7: 0.0}, {0: 5.0, 1: 1.0, 2: 9.0, 8: 0.0}
    found = difference(ours, theirs)
    assert found is not None and found.mean.n == 3
    assert found.mean.value == pytest.approx(0.2)
    assert found.p == pytest.approx(0.0741799, abs=1e-6)  # t = 0.2 / (0.1 / sqrt(3)) = 3.4641 with 2 degrees
    assert difference({0: 1.0}, {1: 1.0}) is None


@pytest.mark.parametrize(("ours", "p"), [({0: 1.0}, None), ({0: 1.0, 1: 1.0}, 1.0), ({0: 2.0, 1: 2.0}, 0.0)])
def test_a_difference_without_spread_is_certain_or_nothing(ours: dict[int, float], p: float | None) -> None:
    found = difference(ours, {0: 1.0, 1: 1.0})
    assert found is not None and found.p == p


def test_holm_raises_the_least_p_most_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(("n", "effect", "value"), [(34, 0.5, 0.8078), (15, 0.8, 0.8213), (10, 1.0, 0.8031)])
def test_power_is_that_of_the_tables(n: int, effect: float, value: float) -> None:
    assert power(n, effect) == pytest.approx(value, abs=2e-4)


def test_as_many_seeds_are_asked_for_as_find_the_difference_four_times_in_five() -> None:
    assert [seeds_needed(Mean(value, 1.0, 1.0, 3)) for value in (-0.5, 1.0, 0.05)] == [34, 10, None]
    assert seeds_needed(Mean(1.0, None, None, 1)) is None
    more = seeds_needed(Mean(1.0, 1.0, 1.0, 3), tests=10)
    assert more is not None and more > 10
    chance = random.Random(0)
    pairs = ([chance.gauss(1, 1) for _ in range(10)] for _ in range(2000))
    found = sum(mean(values).excludes_zero for values in pairs)
    assert 0.77 < found / 2000 < 0.83


def test_wilsons_interval_is_that_of_the_tables() -> None:
    assert wilson(0, 10) == pytest.approx((0, 0.27753), abs=1e-5)
    assert wilson(8, 10) == pytest.approx((0.49016, 0.94332), abs=1e-5)
    assert wilson(10, 10)[1] == pytest.approx(1)
