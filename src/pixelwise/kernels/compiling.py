"""`jit` and `jit_fast`: how kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

_OPTIONS: Any = {"nogil": True, "cache": True, "boundscheck": False, "error_model": "numpy"}
F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compile for exact arithmetic: integers, counts, bytes."""
    return numba.njit(**_OPTIONS)(function)  # type: ignore[no-any-return]


def jit_fast(function: F) -> F:
    """Compile for float pixels: fused multiply-add and reordering allowed, which vectorization needs."""
    return numba.njit(**_OPTIONS, fastmath=True)(function)  # type: ignore[no-any-return]
