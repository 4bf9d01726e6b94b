"""Tiles of logits into the rows of a large image, and finished rows to class ids.

The accumulator `acc` is (R, C, W) float64, a ring of rows: row y of the image is at y % R.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit, part


@jit
def add_rows(
    logits: Any, first: Any, last: Any,
    low_y: Any, high_y: Any, part_y: Any, low_x: Any, high_x: Any, part_x: Any,
    resized: Any, softmax: Any, weight_y: Any, weight_x: Any, joint: Any, y0: Any, x0: Any, scratch: Any, acc: Any,
) -> None:  # fmt: skip
    """Add rows first..last of a tile, (C, h, w) float32 logits, at (y0, x0), weighted by `weight_y * weight_x`.

    joint: (rows, columns) weights instead of those, if it is not empty.
    resized: output row i is between logit rows low_y[i] and high_y[i], part_y[i] of the way, columns likewise; else
    output pixels are logits. softmax: add probabilities instead. scratch: (C + 2, n) float64, n the tile's columns.
    Every class goes through the same operations, each of them monotonic, so a class that leads everywhere leads in the
    sum.
    """
    classes, n = logits.shape[0], scratch.shape[1]
    for i in range(first, last):
        row = acc[(y0 + i) % acc.shape[0]]
        for c in range(classes):
            line = scratch[c]
            if resized:
                top, bottom = logits[c, low_y[i]], logits[c, high_y[i]]
                t = part_y[i]
                for j in range(n):
                    s = part_x[j]
                    a = top[low_x[j]] * (1.0 - s) + top[high_x[j]] * s
                    b = bottom[low_x[j]] * (1.0 - s) + bottom[high_x[j]] * s
                    line[j] = a * (1.0 - t) + b * t
            else:
                plane = logits[c, i]
                for j in range(n):
                    line[j] = np.float64(plane[j])
        if softmax:
            _softmax(scratch, scratch[classes], scratch[classes + 1], classes)
        for c in range(classes):
            line = scratch[c]
            out = row[c, x0 : x0 + n]
            if joint.shape[0]:
                for j in range(n):
                    out[j] += joint[i, j] * line[j]
            else:
                for j in range(n):
                    out[j] += weight_y[i] * weight_x[j] * line[j]


@part
def _softmax(values: Any, best: Any, total: Any, classes: Any) -> None:
    n = values.shape[1]
    for j in range(n):
        best[j] = values[0, j]
        total[j] = 0.0
    for c in range(1, classes):
        for j in range(n):
            best[j] = max(best[j], values[c, j])
    for c in range(classes):
        for j in range(n):
            values[c, j] = np.exp(values[c, j] - best[j])
            total[j] += values[c, j]
    for c in range(classes):
        for j in range(n):
            values[c, j] /= total[j]


@jit
def take_rows(acc: Any, first: Any, last: Any, best: Any, ids: Any, out: Any) -> int:
    """The class of each pixel of rows first..last into `out` (H, W): the first of equal maxima; the rows become 0.

    best: (W,) float64, ids: (W,) int32, scratch. Returns the first row that has a NaN, or -1.
    """
    strange = -1
    for y in range(first, last):
        row = acc[y % acc.shape[0]]
        n = row.shape[1]
        bad = 0
        for j in range(n):
            best[j] = row[0, j]
            ids[j] = 0
        for c in range(row.shape[0]):
            for j in range(n):
                v = row[c, j]
                better = v > best[j]
                best[j] = v if better else best[j]
                ids[j] = np.int32(c) if better else ids[j]
                bad += v != v
                row[c, j] = 0.0
        for j in range(n):
            out[y, j] = ids[j]
        if bad and strange < 0:
            strange = y
    return strange
