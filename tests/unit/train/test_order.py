import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.order import Order


@given(st.integers(1, 3_000), st.integers(0, 2**31), st.integers(0, 50))
def test_an_order_holds_each_row_once(n: int, seed: int, epoch: int) -> None:
    assert sorted(Order(n, seed, epoch)(np.arange(n)).tolist()) == list(range(n))


def test_seeds_and_epochs_have_orders_of_their_own() -> None:
    places = np.arange(1000)
    orders = {tuple(Order(1000, seed, epoch)(places).tolist()) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def test_an_order_looks_random() -> None:
    order = Order(100_000, 17, 0)(np.arange(100_000))
    assert abs(np.corrcoef(order[1:], order[:-1])[0, 1]) < 0.02
    assert abs(np.corrcoef(order, np.arange(100_000))[0, 1]) < 0.02


def test_orders_are_the_same_in_every_release() -> None:
    assert Order(10, 17, 0)(np.arange(10)).tolist() == EXPECTED


@pytest.mark.parametrize("n", [10**9, 10**12])
def test_a_place_in_a_huge_epoch_is_found_without_making_the_epoch(n: int) -> None:
    rows = Order(n, 1, 0)(np.array([0, 1, n - 1]))
    assert len(set(rows.tolist())) == 3
    assert ((rows >= 0) & (rows < n)).all()


EXPECTED = [4, 5, 3, 1, 9, 7, 6, 8, 2, 0]
