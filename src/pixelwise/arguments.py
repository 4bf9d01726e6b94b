"""Checks of arguments, with one message for each kind of mistake."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import UsageError
from .types import Range


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse what is none of the choices."""
    if value not in choices:
        raise UsageError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_count(name: str, value: object) -> None:
    """Refuse what is no whole number above 0."""
    if not is_whole(value) or value < 1:  # type: ignore[operator]
        raise UsageError(f"{name} must be a whole number above 0, got {value!r}")


_LONGEST = 10_000_000


def is_whole(value: Any) -> bool:
    """Whether it is an integer, and not True or False."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def check_size(height: Any, width: Any) -> None:
    if not (is_whole(height) and is_whole(width) and 0 < height <= _LONGEST and 0 < width <= _LONGEST):
        raise UsageError(f"a size is two whole numbers in 1..{_LONGEST}, got {height!r} x {width!r}")


def check_probability(p: Any) -> None:
    if not isinstance(p, (int, float, np.number)) or not 0.0 <= p <= 1.0:
        raise UsageError(f"p is a probability in 0..1, got {p!r}")


def check_range(name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> Range:
    """`value` as (low, high) with low <= high, both within the bounds."""
    try:
        first, last = (float(v) for v in value)
    except (TypeError, ValueError):
        raise UsageError(f"{name} is two numbers (low, high), got {value!r}") from None
    if not low <= first <= last <= high:
        raise UsageError(f"{name} must be low <= high within {low:g}..{high:g}, got {value!r}")
    return first, last
