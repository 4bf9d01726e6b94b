"""The numba kernels: array in, array out, `out=` given by the caller, no checks, no Python objects.

Every kernel releases the GIL and is cached on disk, so that only the first run ever compiles it. Callers
check shapes and dtypes; a kernel that is handed wrong ones reads or writes foreign memory. One module a
subject, so that a program loads only what it uses. Importing this package imports numba: rooms that are
reachable from `import pixelwise` import kernels inside the functions that run them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compile for exact arithmetic: integers, counts, bytes."""
    return numba.njit(nogil=True, cache=True, boundscheck=False, error_model="numpy")(function)  # type: ignore[no-any-return]


def jit_fast(function: F) -> F:
    """Compile for float pixels: fused multiply-add and reordering allowed, which vectorisation needs."""
    return numba.njit(nogil=True, cache=True, boundscheck=False, error_model="numpy", fastmath=True)(function)  # type: ignore[no-any-return]
