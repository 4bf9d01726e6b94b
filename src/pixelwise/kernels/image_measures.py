"""Measures of an image or a label, in one pass each: sums of channels, sums of cells, edges between values."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit, part


@jit
def channel_sums(pixels: Any, sums: Any) -> None:
    """sums[0, c] += x and sums[1, c] += x * x for each channel c of (n, 3) uint8; sums: (2, 3) uint64, exact.

    Blocks keep the inner sums in 32 bits (65,536 * 255^2 < 2^32), so that twice as many fit a vector.
    """
    for start in range(0, pixels.shape[0], 65_536):
        block = pixels[start : start + 65_536]
        for c in range(3):
            s = np.uint32(0)
            q = np.uint32(0)
            for i in range(block.shape[0]):
                v = np.uint32(block[i, c])
                s += v
                q += v * v
            sums[0, c] += np.uint64(s)
            sums[1, c] += np.uint64(q)


@part
def _edges_of(before: Any, at: Any, after: Any, void: Any) -> Any:
    """How many values differ from the one before, and how many are strictly between the two beside them."""
    steps, mixed = np.int32(0), np.int32(0)
    for x in range(at.shape[0]):
        p, m, q = before[x], at[x], after[x]
        known = (p != void) & (m != void)
        steps += np.int32((p != m) & known)
        mixed += np.int32((((p < m) & (m < q)) | ((p > m) & (m > q))) & known & (q != void))
    return steps, mixed


@jit
def edges_between(values: Any, void: Any, step: Any, out: Any) -> None:
    """Counts along the rows and columns of (H, W) unsigned values, leaving out void, into out (2,) int64: neighbors
    that differ, and values that are strictly between two neighbors on opposite sides.

    void: the stored value of void, or a value that the label does not hold. step: looks at every step-th row and, for
    the columns, at every step-th row with its neighbors, which samples both evenly. A clean label steps from class to
    class; one that was interpolated passes through the values between.
    """
    height = values.shape[0]
    steps, mixed = np.int64(0), np.int64(0)
    for y in range(0, height, step):
        row = values[y]
        a, b = _edges_of(row[:-2], row[1:-1], row[2:], void)
        steps += np.int64(a)
        mixed += np.int64(b)
    for y in range(1, height - 1, step):
        a, b = _edges_of(values[y - 1], values[y], values[y + 1], void)
        steps += np.int64(a)
        mixed += np.int64(b)
    out[0], out[1] = steps, mixed


@jit
def cell_sums(rows: Any, ys: Any, xs: Any, out: Any) -> None:
    """The sum of all bytes in each cell of an (H, B) uint8 grid: rows ys[i]:ys[i + 1], bytes xs[j]:xs[j + 1].

    out: (len(ys) - 1, len(xs) - 1) int64.
    """
    for i in range(out.shape[0]):
        out[i, :] = 0
        for y in range(ys[i], ys[i + 1]):
            row = rows[y]
            for j in range(out.shape[1]):
                part = row[xs[j] : xs[j + 1]]
                s = np.uint32(0)
                for x in range(part.shape[0]):
                    s += np.uint32(part[x])
                out[i, j] += np.int64(s)
