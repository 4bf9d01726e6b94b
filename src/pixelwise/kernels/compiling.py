"""How kernels are compiled: `jit` and `jit_fast` for those that Python calls, `part` and `part_fast` for their parts.

Parts are always inlined. A part that is called keeps a copy in each kernel, and which copy runs depends on what was
compiled in this process and what was loaded from the cache, so the last bit of a float could differ from run to run.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])
_njit: Any = partial(numba.njit, nogil=True, cache=True, boundscheck=False, error_model="numpy")


def jit(function: F) -> F:
    """Compile for exact arithmetic: integers, counts, bytes."""
    return _njit(function)  # type: ignore[no-any-return]


def jit_of(*signatures: str) -> Callable[[F], F]:
    """As `jit`, for these types only: others are refused, and the module compiles its kernel when it is loaded."""
    return _njit(list(signatures))  # type: ignore[no-any-return]


def jit_fast(function: F) -> F:
    """Compile for float pixels: fused multiply-add and reordering allowed, which vectorization needs."""
    return _njit(function, fastmath=True)  # type: ignore[no-any-return]


def jit_fast_of(signatures: Any) -> Callable[[F], F]:
    """As `jit_fast`, for these types only."""
    return _njit(signatures, fastmath=True)  # type: ignore[no-any-return]


def part(function: F) -> F:
    """As `jit`, inlined into the kernels that use it."""
    return _njit(function, forceinline=True)  # type: ignore[no-any-return]


def part_fast(function: F) -> F:
    """As `jit_fast`, inlined into the kernels that use it."""
    return _njit(function, fastmath=True, forceinline=True)  # type: ignore[no-any-return]
