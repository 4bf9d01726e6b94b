"""What is in an image or a label, in one pass each: counts of values, sums of channels, edges, hashes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit


@jit
def channel_sums(pixels: Any, sums: Any) -> None:
    """sums[0, c] += x and sums[1, c] += x * x over the channels c of (n, 3) uint8; sums: (2, 3) uint64, exact.

    The block keeps the inner sums in 32 bits (65,536 * 255^2 < 2^32), which twice as many lanes hold.
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


@jit
def edges_between(values: Any, void: Any, step: Any, out: Any) -> None:
    """Counts along the rows and columns of (H, W) unsigned values, where no void takes part, into out (2,) int64:
    neighbors that differ, and values that lie strictly between two neighbors on opposite sides.

    void: the stored value of void, or a value that no label holds. step: looks at every step-th row and, for the
    columns, at every step-th row with its neighbors, which samples both evenly. A clean label steps from class to
    class; one that was interpolated passes through the values between.
    """
    height, width = values.shape
    steps = np.int64(0)
    mixed = np.int64(0)
    for y in range(0, height, step):
        row = values[y]
        left, middle, right = row[:-2], row[1:-1], row[2:]
        a = np.int32(0)
        b = np.int32(0)
        for x in range(width - 2):
            p, m, q = left[x], middle[x], right[x]
            known = (p != void) & (m != void)
            a += np.int32((p != m) & known)
            b += np.int32((((p < m) & (m < q)) | ((p > m) & (m > q))) & known & (q != void))
        steps += np.int64(a)
        mixed += np.int64(b)
    for y in range(1, height - 1, step):
        above, row, below = values[y - 1], values[y], values[y + 1]
        a = np.int32(0)
        b = np.int32(0)
        for x in range(width):
            p, m, q = above[x], row[x], below[x]
            known = (p != void) & (m != void)
            a += np.int32((p != m) & known)
            b += np.int32((((p < m) & (m < q)) | ((p > m) & (m > q))) & known & (q != void))
        steps += np.int64(a)
        mixed += np.int64(b)
    out[0] = steps
    out[1] = mixed


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


_P1 = np.uint64(0x9E3779B185EBCA87)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_P3 = np.uint64(0x165667B19E3779F9)
_P4 = np.uint64(0x85EBCA77C2B2AE63)
_P5 = np.uint64(0x27D4EB2F165667C5)


@jit
def _rotate(value: Any, bits: Any) -> Any:
    return value << np.uint64(bits) | value >> np.uint64(64 - bits)


@jit
def _round(state: Any, word: Any) -> Any:
    return _rotate(state + word * _P2, 31) * _P1


@jit
def xxh64(data: Any, words: Any, seed: Any) -> Any:
    """XXH64 of the (n,) bytes `data`, which `words` gives as (n // 8,) little-endian uint64. A uint64.

    Yann Collet's specification, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
    """
    n = data.shape[0]
    k = 0
    if n >= 32:
        a = seed + _P1 + _P2
        b = seed + _P2
        c = seed
        d = seed - _P1
        for _ in range(n // 32):
            a = _round(a, words[k])
            b = _round(b, words[k + 1])
            c = _round(c, words[k + 2])
            d = _round(d, words[k + 3])
            k += 4
        h = _rotate(a, 1) + _rotate(b, 7) + _rotate(c, 12) + _rotate(d, 18)
        zero = np.uint64(0)
        for lane in (a, b, c, d):
            h = (h ^ _round(zero, lane)) * _P1 + _P4
    else:
        h = seed + _P5
    h += np.uint64(n)
    while k < words.shape[0]:
        h = _rotate(h ^ _round(np.uint64(0), words[k]), 27) * _P1 + _P4
        k += 1
    at = 8 * k
    if n - at >= 4:
        four = np.uint64(0)
        for j in range(4):
            four |= np.uint64(data[at + j]) << np.uint64(8 * j)
        h = _rotate(h ^ four * _P1, 23) * _P2 + _P3
        at += 4
    while at < n:
        h = _rotate(h ^ np.uint64(data[at]) * _P5, 11) * _P1
        at += 1
    h = (h ^ h >> np.uint64(33)) * _P2
    h = (h ^ h >> np.uint64(29)) * _P3
    return h ^ h >> np.uint64(32)
