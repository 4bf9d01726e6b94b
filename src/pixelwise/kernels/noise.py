"""Normal noise by address: each pixel's number depends on the key, its row and its column only."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import jit
from .draw import philox


@jit
def normal(key0: Any, key1: Any, table: Any, out: Any) -> None:
    """out (C, H, W) float32: table[16 random bits]. table: the 65,536 quantiles of the wanted distribution."""
    for c in range(out.shape[0]):
        for y in range(out.shape[1]):
            line = out[c, y]
            for x in range(0, line.shape[0], 8):
                a, b, d, e = philox(np.uint32(x), np.uint32(y), np.uint32(c), np.uint32(0x0153), key0, key1)
                words = (np.uint32(a), np.uint32(b), np.uint32(d), np.uint32(e))
                for k in range(min(8, line.shape[0] - x)):
                    bits = words[k >> 1] >> np.uint32(16 * (k & 1))
                    line[x + k] = table[np.uint32(bits & np.uint32(0xFFFF))]
