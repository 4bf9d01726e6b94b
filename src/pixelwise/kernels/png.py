"""PNG rows: undo the five filters, unpack pixels of 1, 2 and 4 bits (specification, 9 and 7.2); look up colors."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit, part


@part
def _predict(a: Any, b: Any, c: Any) -> Any:
    """The Paeth predictor: of a (left), b (up) and c (upper left) the one nearest to a + b - c, the first if equal."""
    pa = abs(b - c)
    pb = abs(a - c)
    pc = abs(a + b - c - c)
    best, least = (b, pb) if pb <= pc else (c, pc)
    return a if pa <= least else best


@part
def sub(row: Any, out: Any, bpp: int) -> None:
    n = np.uint64(row.shape[0])
    if bpp == 3:
        r = g = b = np.uint8(0)
        for i in range(np.uint64(0), n, np.uint64(3)):
            r = np.uint8(r + row[i])
            g = np.uint8(g + row[i + np.uint64(1)])
            b = np.uint8(b + row[i + np.uint64(2)])
            out[i], out[i + np.uint64(1)], out[i + np.uint64(2)] = r, g, b
        return
    step = np.uint64(bpp)
    for lane in range(step):
        left = np.uint8(0)
        for i in range(lane, n, step):
            left = np.uint8(left + row[i])
            out[i] = left


@part
def average(row: Any, above: Any, out: Any, bpp: int) -> None:
    n = np.uint64(row.shape[0])
    step = np.uint64(bpp)
    for lane in range(step):
        left = np.int32(0)
        for i in range(lane, n, step):
            left = (np.int32(row[i]) + ((left + np.int32(above[i])) >> 1)) & 255
            out[i] = left


@part
def paeth(row: Any, above: Any, out: Any, bpp: int) -> None:
    n = np.uint64(row.shape[0])
    if bpp == 3:  # three independent chains side by side hide each other's latency
        a0 = a1 = a2 = c0 = c1 = c2 = np.int32(0)
        for i in range(np.uint64(0), n, np.uint64(3)):
            b0 = np.int32(above[i])
            b1 = np.int32(above[i + np.uint64(1)])
            b2 = np.int32(above[i + np.uint64(2)])
            a0 = (np.int32(row[i]) + _predict(a0, b0, c0)) & 255
            a1 = (np.int32(row[i + np.uint64(1)]) + _predict(a1, b1, c1)) & 255
            a2 = (np.int32(row[i + np.uint64(2)]) + _predict(a2, b2, c2)) & 255
            out[i], out[i + np.uint64(1)], out[i + np.uint64(2)] = a0, a1, a2
            c0, c1, c2 = b0, b1, b2
        return
    step = np.uint64(bpp)
    for lane in range(step):
        a = c = np.int32(0)
        for i in range(lane, n, step):
            b = np.int32(above[i])
            a = (np.int32(row[i]) + _predict(a, b, c)) & 255
            out[i] = a
            c = b


@jit
def unfilter(raw: Any, bpp: int, zero: Any, out: Any) -> int:
    """Filtered rows to plain rows: raw (h * (n + 1),) uint8 -> out (h, n) uint8.

    bpp: distance in bytes to the byte on the left that predicts a byte, 1..8. zero: (n,) uint8 zeros, the row above the
    first. Returns -1, or the first row with a filter type that does not exist.
    """
    height, n = out.shape
    above = zero
    for y in range(height):
        start = y * (n + 1)
        row = raw[start + 1 : start + 1 + n]
        current = out[y]
        kind = raw[start]
        if kind == 0:
            for i in range(n):
                current[i] = row[i]
        elif kind == 1:
            sub(row, current, bpp)
        elif kind == 2:
            for i in range(n):
                current[i] = row[i] + above[i]
        elif kind == 3:
            average(row, above, current, bpp)
        elif kind == 4:
            paeth(row, above, current, bpp)
        else:
            return y
        above = current
    return -1


@jit
def unpack(packed: Any, bits: int, out: Any) -> None:
    """Pixels of 1, 2 or 4 bits, leftmost in the high bits: (h, ceil(w * bits / 8)) -> out (h, w) uint8."""
    height, width = out.shape
    per = 8 // bits
    mask = np.uint8((1 << bits) - 1)
    whole = width // per
    for y in range(height):
        row, target = packed[y], out[y]
        for i in range(whole):
            byte = row[i]
            for k in range(per):
                target[i * per + k] = (byte >> np.uint8(8 - bits * (k + 1))) & mask
        for x in range(whole * per, width):
            target[x] = (row[x // per] >> np.uint8(8 - bits * (x % per + 1))) & mask


@jit
def look_up(values: Any, lut: Any, out: Any) -> int:
    """Indices to colors: values (n,) uint8, lut (m, 3) uint8 -> out (n, 3) uint8.

    Returns -1, or the position of the first value >= m, at which it stops.
    """
    m = lut.shape[0]
    for i in range(values.shape[0]):
        v = values[i]
        if v >= m:
            return i
        out[i, 0] = lut[v, 0]
        out[i, 1] = lut[v, 1]
        out[i, 2] = lut[v, 2]
    return -1
