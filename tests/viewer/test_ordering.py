"""An order is that of a plain stable sort, for keys of every kind, and is made again when more is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from pixelwise.viewer.ordering import Orders, order_by

KINDS = ("float64", "float32", "int64", "int32", "uint8", "uint16", "uint32", "uint64", "bool")


def plain(keys: NDArray, descending: bool) -> list[int]:
    """By Python's sort, which is stable, of exact numbers."""
    known = [i for i, key in enumerate(keys.tolist()) if key == key]
    unknown = [i for i, key in enumerate(keys.tolist()) if key != key]
    return sorted(known, key=lambda i: -keys[i].item() if descending else keys[i].item()) + unknown


@given(st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, st.integers(0, 60))), st.booleans())
def test_an_order_is_that_of_a_stable_sort(keys: NDArray, descending: bool) -> None:
    found = order_by(keys, descending)
    assert found.dtype == np.uint32
    assert found.tolist() == plain(keys, descending)


@given(arrays.arrays("float64", 50, elements=st.sampled_from([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324])))
def test_equal_keys_stay_as_they_were(keys: NDArray) -> None:
    assert order_by(keys).tolist() == plain(keys, False)
    assert order_by(keys, True).tolist() == plain(keys, True)


@pytest.mark.parametrize("descending", [False, True])
def test_an_order_of_many_keys_is_that_of_numpy(descending: bool) -> None:
    rng = np.random.default_rng(0)
    for keys in (rng.random(100_003), rng.standard_normal(100_003), rng.integers(0, 21, 100_003), np.zeros(5000)):
        expected = np.argsort(-keys if descending else keys, kind="stable")
        assert np.array_equal(order_by(keys, descending), expected)


def test_an_order_is_kept_while_what_is_known_stays_the_same() -> None:
    orders, made = Orders(), []

    def order(name: str, known: int) -> int:
        return int(orders.find(name, known, lambda: made.append(name) or order_by(np.arange(known)))[-1])

    assert [order("a", 3), order("a", 3), order("a", 5), order("b", 2)] == [2, 2, 4, 1]
    assert made == ["a", "a", "b"]
    for name in "cdefghi":
        order(name, 1)
    order("b", 2)
    assert made[3:] == list("cdefghi")  # b is among the last eight
    order("a", 5)
    assert made[10:] == ["a"]
