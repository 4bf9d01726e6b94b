"""Checks of arguments. Each returns the value in its one canonical form, or raises UsageError `bad-argument`.

The message is always "NAME must be ..., got ...".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, isfinite
from typing import Any, TypeGuard, TypeVar

import numpy as np

from .errors import UsageError
from .types import Range, Size

T = TypeVar("T")

LONGEST = 10_000_000
"""The largest height or width that an argument may ask for, in pixels."""


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether it is an integer, and not True or False."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a finite number, and not True or False."""
    return (is_whole(value) or isinstance(value, (float, np.floating))) and isfinite(value)


def check_choice(name: str, value: Any, choices: Sequence[T]) -> T:
    """The value, which must be one of the choices."""
    if value not in choices:
        raise _wrong(name, f"one of {', '.join(map(repr, choices))}", value)
    return value  # type: ignore[no-any-return]


def check_whole(name: str, value: Any, low: int = 0, high: int | None = None) -> int:
    """A whole number in low..high, both included."""
    if not is_whole(value) or value < low or (high is not None and value > high):
        raise _wrong(name, f"a whole number{_within(low, inf if high is None else high)}", value)
    return int(value)


def check_count(name: str, value: Any) -> int:
    """A whole number, at least 1."""
    return check_whole(name, value, 1)


def check_seed(seed: Any) -> int:
    """A whole number in 0..2^64-1."""
    if not is_whole(seed) or not 0 <= seed < 1 << 64:
        raise _wrong("seed", "a whole number in 0..2^64-1", seed)
    return int(seed)


def check_number(name: str, value: Any, low: float = -inf, high: float = inf) -> float:
    """A finite number in low..high, both included."""
    if not is_number(value) or not low <= value <= high:
        raise _wrong(name, f"a number{_within(low, high)}", value)
    return float(value)


def check_probability(p: Any) -> float:
    """`p`, a number in 0..1."""
    return check_number("p", p, 0.0, 1.0)


def check_numbers(name: str, value: Any, count: int, low: float = -inf, high: float = inf) -> tuple[float, ...]:
    """`count` finite numbers, each in low..high."""
    values = _listed(value)
    if len(values) != count or not all(is_number(v) and low <= v <= high for v in values):
        raise _wrong(name, f"{count} numbers{_within(low, high)}", value)
    return tuple(float(v) for v in values)


def check_range(
    name: str, value: Any, low: float = -inf, high: float = inf, *, around: float | None = None, single: bool = False
) -> Range:
    """A pair (first, last) with low <= first <= last <= high.

    around: a number x may stand for the pair around - x..around + x, cut off at `low`. single: a number may stand for
    itself twice.
    """
    pair, instead = _listed(value), ""
    if around is not None:
        instead = f", or one number x for {around:g} - x..{around:g} + x" if around else ", or one number x for -x..x"
        if is_number(value) and value >= 0:
            pair = (max(low, around - float(value)), around + float(value))
    elif single:
        instead = ", or one number"
        if is_number(value):
            pair = (value, value)
    if len(pair) != 2 or not all(map(is_number, pair)) or not low <= pair[0] <= pair[1] <= high:
        raise _wrong(name, f"a pair (low, high){_within(low, high)}{instead}", value)
    return float(pair[0]), float(pair[1])


def check_size(name: str, size: Any, width: Any = None) -> Size:
    """(height, width) in pixels, from one pair, from two whole numbers, or from one for a square."""
    given = size if width is None else (size, width)
    pair = (given, given) if is_whole(given) else _listed(given)
    if len(pair) != 2 or not all(is_whole(side) and 1 <= side <= LONGEST for side in pair):
        raise _wrong(name, f"height and width, whole numbers in 1..{LONGEST}", given)
    return int(pair[0]), int(pair[1])


def check_several(name: str, value: Any, expected: str, fits: Callable[[Any], bool]) -> tuple[Any, ...]:
    """One value or several that fit, at least one; as a tuple."""
    values = _listed(value) or (value,)
    if not all(map(fits, values)):
        raise _wrong(name, expected, value)
    return values


def _listed(value: Any) -> tuple[Any, ...]:
    """The elements of a sequence; () for anything else."""
    if isinstance(value, (str, bytes)):
        return ()
    try:
        return tuple(value)
    except TypeError:
        return ()


def _within(low: float, high: float) -> str:
    first, last = (str(v) if isinstance(v, int) else f"{v:g}" for v in (low, high))
    if high < inf:
        return f" in {first}..{last}" if low > -inf else f", at most {last}"
    return f", at least {first}" if low > -inf else ""


def _wrong(name: str, expected: str, value: object) -> UsageError:
    return UsageError(f"{name} must be {expected}, got {value!r}")
