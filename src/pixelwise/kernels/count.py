"""Prediction against truth: joint counts of class ids, and the argmax of logits, at the speed of memory.

`counts` is (C + 2, C + 1) int64, rows truth, columns prediction. Row C is void (`ignore`), row C + 1 truth that is not
a class; column C is a prediction that is not a class. The counting kernels add to it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit, jit_of

ARGMAX_BLOCK = 1024
"""Pixels of one argmax block: few enough that best scores and ids stay in the first-level cache."""


@jit
def count_pairs(prediction: Any, truth: Any, classes: Any, has_ignore: bool, ignore: Any, counts: Any) -> None:
    """(N,) ids of any integer types that fit int64; `ignore` holds if `has_ignore`. The plain path, and the reference
    for `narrow` with `count_byte_pairs`.
    """
    for i in range(truth.shape[0]):
        t = np.int64(truth[i])
        p = np.int64(prediction[i])
        row = classes if has_ignore and t == ignore else t if 0 <= t < classes else classes + 1
        column = p if 0 <= p < classes else classes
        counts[row, column] += 1


@jit
def narrow(values: Any, classes: Any, has_ignore: bool, ignore: Any, void: Any, other: Any, out: Any) -> None:
    """(N,) ids of any integer type that fits int64 to (N,) uint8: the id, `void` for `ignore` if `has_ignore`,
    `other` for the rest.
    """
    for i in range(values.shape[0]):
        v = np.int64(values[i])
        out[i] = void if has_ignore and v == ignore else v if 0 <= v < classes else other


@jit_of("void(uint8[::1], uint8[::1], uint8, boolean, uint8, uint8[::1], uint8[::1])")
def share_void(
    prediction: Any, truth: Any, classes: Any, has_ignore: Any, ignore: Any, shared: Any, truth_out: Any
) -> None:
    """(N,) uint8 ids to codes: the class, `classes` + 1 where the truth is void, in both, + 2 outside the classes."""
    void, outside = np.uint8(classes + np.uint8(1)), np.uint8(classes + np.uint8(2))
    for i in range(truth.shape[0]):
        t, p = truth[i], prediction[i]
        code = t if t < classes else outside
        code = void if has_ignore and t == ignore else code
        other = p if p < classes else outside
        truth_out[i] = code
        shared[i] = void if code == void else other


@jit
def count_byte_pairs(
    prediction: Any, truth: Any, prediction8: Any, truth8: Any, rows: Any, columns: Any, lanes: Any, counts: Any
) -> None:
    """(N,) uint8 ids, N < 2^32, and their first bytes as (N // 8,) uint64. Same counts as `count_pairs`, faster.

    rows, columns: (256,) uint32, `row * (C + 1)` of a truth value and the column of a predicted one. lanes: (L, M)
    uint32 scratch of zeros, L a power of two, M the size of `counts`; it is zero again on return.

    Labels are flat: eight pixels that repeat one pair cost two loads and a compare. Other blocks are counted pixel by
    pixel into the lanes in turn, so that an increment need not wait for the one before.
    """
    spread = np.uint64(0x0101010101010101)
    low = np.uint64(0xFF)
    one = np.uint64(1)
    turn = np.uint64(lanes.shape[0] - 1)
    end = np.uint64(truth8.shape[0])
    k = np.uint64(0)
    while k < end:
        t = truth8[k]
        p = prediction8[k]
        if t == (t & low) * spread and p == (p & low) * spread:
            start = k
            k += one
            while k < end and ((truth8[k] ^ t) | (prediction8[k] ^ p)) == 0:
                k += one
            lanes[0, rows[t & low] + columns[p & low]] += np.uint32((k - start) << np.uint64(3))
        else:
            for j in range(8):
                shift = np.uint64(j << 3)
                lanes[np.uint64(j) & turn, rows[t >> shift & low] + columns[p >> shift & low]] += np.uint32(1)
            k += one
    for i in range(8 * truth8.shape[0], truth.shape[0]):
        lanes[0, rows[truth[i]] + columns[prediction[i]]] += np.uint32(1)
    width = counts.shape[1]
    for lane in range(lanes.shape[0]):
        for row in range(counts.shape[0]):
            for column in range(width):
                counts[row, column] += np.int64(lanes[lane, row * width + column])
                lanes[lane, row * width + column] = np.uint32(0)


@jit
def argmax(logits: Any, best: Any, ids: Any, out: Any) -> int:
    """(C, N) floats to (N,) ids in `out`, the first of equal maxima; the first pixel that has a NaN, or -1.

    best, ids: (ARGMAX_BLOCK,) scratch of the dtype of `logits`, and int32. One pass over the logits: each plane of a
    block is compared with the best so far, which vectorizes, and the block's ids are written once they are final.
    """
    for start in range(0, logits.shape[1], ARGMAX_BLOCK):
        n = min(ARGMAX_BLOCK, logits.shape[1] - start)
        for j in range(n):
            ids[j] = 0
            best[j] = logits[0, start + j]
        strange = 0
        for c in range(logits.shape[0]):
            plane = logits[c, start : start + n]
            for j in range(n):
                v = plane[j]
                better = v > best[j]
                best[j] = v if better else best[j]
                ids[j] = np.int32(c) if better else ids[j]
                strange += v != v
        if strange:
            for j in range(n):
                for c in range(logits.shape[0]):
                    if np.isnan(logits[c, start + j]):
                        return start + j
        for j in range(n):
            out[start + j] = ids[j]
    return -1


@jit
def count_by_value(values: Any, member: Any, known: Any, out: Any) -> None:
    """Add (N,) uint16 `values` to `out` (2, V) int64: to row 1 where `member`, else to row 0; only where `known`."""
    for i in range(values.shape[0]):
        if known[i]:
            out[1 if member[i] else 0, values[i]] += 1
