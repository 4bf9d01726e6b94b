"""Each check returns the canonical value, or says "NAME must be ..., got ..."."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pixelwise.arguments import (
    check_choice,
    check_count,
    check_number,
    check_numbers,
    check_probability,
    check_range,
    check_seed,
    check_several,
    check_size,
    check_whole,
)
from pixelwise.errors import UsageError

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        (lambda: check_choice("x", "b", ("a", "b")), "b"),
        (lambda: check_choice("x", None, (None, "b")), None),
        (lambda: check_whole("x", np.uint8(7), -3, 7), 7),
        (lambda: check_count("x", np.int64(1)), 1),
        (lambda: check_seed((1 << 64) - 1), (1 << 64) - 1),
        (lambda: check_number("x", 2), 2.0),
        (lambda: check_number("x", np.float32(0.5), 0, 1), 0.5),
        (lambda: check_probability(1), 1.0),
        (lambda: check_numbers("x", np.array([1, 2, 3]), 3), (1.0, 2.0, 3.0)),
        (lambda: check_range("x", [1, 2]), (1.0, 2.0)),
        (lambda: check_range("x", 20, around=0.0), (-20.0, 20.0)),
        (lambda: check_range("x", 0.4, 0.0, around=1.0), (0.6, 1.4)),
        (lambda: check_range("x", 3, 0.0, around=1.0), (0.0, 4.0)),
        (lambda: check_range("x", (3, 4), 0.0, around=1.0), (3.0, 4.0)),
        (lambda: check_range("x", 1.5, 0.0, 2.0, single=True), (1.5, 1.5)),
        (lambda: check_size("x", 320, 480), (320, 480)),
        (lambda: check_size("x", [320, np.int32(480)]), (320, 480)),
        (lambda: check_size("x", np.array([320, 480])), (320, 480)),
        (lambda: check_size("x", 512), (512, 512)),
        (lambda: check_several("x", "person", "names", str.isalpha), ("person",)),
        (lambda: check_several("x", range(2), "ids", lambda v: v >= 0), (0, 1)),
    ],
)
def test_what_fits_comes_back_in_canonical_form(value: Callable[[], Any], canonical: Any) -> None:
    found = value()
    assert found == canonical
    assert type(found) is type(canonical)
    if isinstance(found, tuple):
        assert [type(v) for v in found] == [type(v) for v in canonical]


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: check_choice("x", "c", ("a", "b")), "one of 'a', 'b', got 'c'"),
        *((lambda v=v: check_count("x", v), "a whole number, at least 1, got ") for v in (0, 1.5, "1", True, None)),
        (lambda: check_whole("x", 300, 0, 255), "a whole number in 0..255, got 300"),
        (lambda: check_number("x", NAN), "a number, got nan"),
        (lambda: check_number("x", True, 0, 2), "a number in 0..2, got True"),
        (lambda: check_number("x", "1", high=2.0), "a number, at most 2, got '1'"),
        (lambda: check_numbers("x", (1, 2), 3, low=0.0), "3 numbers, at least 0, got (1, 2)"),
        (lambda: check_numbers("x", 5, 2), "2 numbers, got 5"),
        (lambda: check_range("x", (2, 1)), "a pair (low, high), got (2, 1)"),
        (lambda: check_range("x", (0, INF)), "a pair (low, high), got (0, inf)"),
        (lambda: check_range("x", (0, 2), 0.0, 1.0), "a pair (low, high) in 0..1, got (0, 2)"),
        (lambda: check_range("x", 0.5), "a pair (low, high), got 0.5"),
        (lambda: check_range("x", "ab"), "a pair (low, high), got 'ab'"),
        (lambda: check_range("x", -1, around=0.0), "a pair (low, high), or one number x for -x..x, got -1"),
        (lambda: check_range("x", "1", around=1.0), "a pair (low, high), or one number x for 1 - x..1 + x, got '1'"),
        (lambda: check_range("x", None, single=True), "a pair (low, high), or one number, got None"),
        (lambda: check_several("x", (), "ids", lambda v: v >= 0 if v else False), "ids, got ()"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_style(check: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check()
    assert caught.value.message.startswith(f"x must be {message}")
    assert caught.value.code == "bad-argument"


@pytest.mark.parametrize("seed", [-1, 1 << 64, 1.5, "0", True])
def test_a_seed_is_a_64_bit_integer(seed: object) -> None:
    with pytest.raises(UsageError, match=r"seed must be a whole number in 0\.\.2\^64-1, got"):
        check_seed(seed)


@pytest.mark.parametrize("size", [0, 2.5, True, 10**20, (1, 2, 3), (1, 0), "12", None, ((1, 2), 3), np.array(3.5)])
def test_a_size_is_two_whole_numbers_above_zero(size: Any) -> None:
    with pytest.raises(UsageError, match="size must be height and width"):
        check_size("size", size)
    with pytest.raises(UsageError, match="size must be height and width"):
        check_size("size", size, 5)
