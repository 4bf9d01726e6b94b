"""Stored label values to class ids: checking, mapping, and which values occur."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import jit


@jit
def outside(values: Any, top: Any, ignore: Any) -> bool:
    """Whether any of the (n,) unsigned values is neither `ignore` nor in 0..top (of the same dtype)."""
    for start in range(0, values.shape[0], 4096):  # blocks: the inner loop has no exit, so that it vectorises
        block = values[start : start + 4096]
        bad = np.uint8(0)
        for i in range(block.shape[0]):
            bad |= np.uint8((block[i] > top) & (block[i] != ignore))
        if bad:
            return True
    return False


@jit
def map_values(values: Any, ids: Any, out: Any) -> bool:
    """out[i] = ids[values[i]] for (n,) unsigned values; whether all of these ids are >= 0."""
    bad = np.int32(0)
    for i in range(values.shape[0]):
        found = ids[values[i]]
        bad |= found
        out[i] = found
    return bool(bad >= 0)


@jit
def mark_present(values: Any, seen: Any) -> None:
    """seen[v] = 1 for every v in the (n,) unsigned values; seen is uint8 and as long as the values can be."""
    for i in range(values.shape[0]):
        seen[values[i]] = 1
