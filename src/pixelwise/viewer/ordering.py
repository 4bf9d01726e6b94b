"""Ordering: the order of all entries by a key. It is kept, so that a filter costs no sorting."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..types import U64

_KEPT: Final = 8
"""Keep at most so many orders."""

Ranking = NDArray[np.uint32]


class Orders:
    """The last orders that were asked for, 4 bytes for each entry, as long as what they are of stays the same.

    Thread-safe: at worst two threads make the same one.
    """

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[object, Ranking]] = {}

    def find(self, name: Hashable, known: object, make: Callable[[], Ranking]) -> Ranking:
        """The order of that name, made again if something else was known when it was made."""
        kept = self._kept.pop(name, None)
        found = kept if kept is not None and kept[0] == known else (known, make())
        self._kept[name] = found
        for oldest in list(self._kept)[:-_KEPT]:
            self._kept.pop(oldest, None)
        return found[1]


def order_by(keys: NDArray[Any], descending: bool = False) -> Ranking:
    """(n,) uint32: the places of the keys, numbers of any kind, in their order; equal ones by place, NaN at the end."""
    wanted = _digits(np.asarray(keys), descending)
    order = np.empty(len(wanted), np.uint32)
    kernels.ordering.order_of(wanted, order, np.empty_like(wanted), np.empty_like(order))
    return order


def _digits(keys: NDArray[Any], descending: bool) -> U64:
    """(n,) uint64 that ascend as the keys do, or as they descend."""
    if keys.dtype.kind in "bu":
        wide = keys.astype(np.uint64)
        return ~wide if descending else wide
    floats = keys.dtype.kind == "f"
    wide = (keys.astype(np.float64) + 0.0 if floats else keys.astype(np.int64)).view(np.int64)  # + 0.0: no -0.0
    if floats:  # without the sign, IEEE 754 ascends as an integer does
        wide ^= (wide >> 63) & np.iinfo(np.int64).max
    out = wide.view(np.uint64) ^ np.uint64(1 << 63)
    if descending:
        np.invert(out, out=out)
    if floats:
        out[np.isnan(keys)] = np.iinfo(np.uint64).max
    return out
