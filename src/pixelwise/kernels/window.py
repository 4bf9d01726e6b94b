"""Render crops and flips of many samples in one call: windows of pixels, anywhere in memory, to batch slots."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from . import jit_fast

# Columns of the job table, one row a sample, all int64.
IMAGE, IMAGE_STRIDE, LABEL, LABEL_STRIDE = 0, 1, 2, 3  # address of the first byte, bytes a row
HEIGHT, WIDTH = 4, 5  # of the pixels at that address
Y0, X0 = 6, 7  # first row and column of the window, in those pixels; outside them lies padding
OUT_H, OUT_W = 8, 9  # size of the window
FLIP_X, FLIP_Y = 10, 11
COLUMNS = 12


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(_context: Any, address: Any) -> Any:
    """An integer address as a pointer to bytes, which `carray` makes an array of."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.uint8)(address), generate


@jit_fast
def _clip(job: Any) -> Any:
    """Columns of the window that have pixels: (first source column, number, first output column)."""
    first = max(job[X0], 0)
    number = max(min(job[X0] + job[OUT_W], job[WIDTH]) - first, 0)
    start = first - job[X0]
    return first, number, (job[OUT_W] - start - number if job[FLIP_X] else start)


@jit_fast
def _source_row(job: Any, i: Any) -> Any:
    """The source row of output row i, or -1 where there is none."""
    if i >= job[OUT_H]:
        return -1
    y = job[Y0] + (job[OUT_H] - 1 - i if job[FLIP_Y] else i)
    return y if 0 <= y < job[HEIGHT] else -1


@jit_fast
def render_float(jobs: Any, first: Any, last: Any, scale: Any, bias: Any, fill: Any, out: Any) -> None:
    """uint8 HWC windows to float CHW: out[n, c, i, j] = pixel * scale[n, c] + bias[n, c]; fill[n, c] where there is none.

    A planar uint8 row lies in between: it is what lets LLVM vectorise both loops.
    """
    height, width = out.shape[2], out.shape[3]
    row = np.empty((3, width), np.uint8)
    for n in range(first, last):
        job = jobs[n]
        x, m, start = _clip(job)
        for i in range(height):
            y = _source_row(job, i)
            if y < 0 or m == 0:
                for c in range(3):
                    out[n, c, i, :] = fill[n, c]
                continue
            at = job[IMAGE] + y * job[IMAGE_STRIDE] + 3 * x
            src = carray(_pointer(at), (3 * m,))
            if job[FLIP_X]:
                for j in range(m):
                    k = np.uint64(m - 1 - j)
                    row[0, k] = src[3 * j]
                    row[1, k] = src[3 * j + 1]
                    row[2, k] = src[3 * j + 2]
            else:
                for j in range(m):
                    row[0, j] = src[3 * j]
                    row[1, j] = src[3 * j + 1]
                    row[2, j] = src[3 * j + 2]
            for c in range(3):
                a, b, plane = scale[n, c], bias[n, c], row[c]
                line = out[n, c, i]
                if m < width:
                    line[:start] = fill[n, c]
                    line[start + m :] = fill[n, c]
                dst = line[start : start + m]
                for j in range(m):
                    dst[j] = plane[j] * a + b


@jit_fast
def render_planar(jobs: Any, first: Any, last: Any, fill: Any, out: Any) -> None:
    """uint8 HWC windows to uint8 CHW, values unchanged; fill[n, c] uint8 where there is no pixel."""
    height, width = out.shape[2], out.shape[3]
    for n in range(first, last):
        job = jobs[n]
        x, m, start = _clip(job)
        for i in range(height):
            y = _source_row(job, i)
            if y < 0 or m == 0:
                for c in range(3):
                    out[n, c, i, :] = fill[n, c]
                continue
            if m < width:
                for c in range(3):
                    out[n, c, i, :start] = fill[n, c]
                    out[n, c, i, start + m :] = fill[n, c]
            src = carray(_pointer(job[IMAGE] + y * job[IMAGE_STRIDE] + 3 * x), (3 * m,))
            r, g, b = out[n, 0, i, start:], out[n, 1, i, start:], out[n, 2, i, start:]
            if job[FLIP_X]:
                for j in range(m):
                    k = np.uint64(m - 1 - j)
                    r[k], g[k], b[k] = src[3 * j], src[3 * j + 1], src[3 * j + 2]
            else:
                for j in range(m):
                    r[j], g[j], b[j] = src[3 * j], src[3 * j + 1], src[3 * j + 2]


@jit_fast
def render_packed(jobs: Any, first: Any, last: Any, fill: Any, out: Any) -> None:
    """uint8 HWC windows to uint8 HWC, values unchanged; fill[n, c] uint8 where there is no pixel."""
    height, width = out.shape[1], out.shape[2]
    for n in range(first, last):
        job = jobs[n]
        x, m, start = _clip(job)
        for i in range(height):
            y = _source_row(job, i)
            line = out[n, i]
            if y < 0 or m == 0:
                line[:] = fill[n]
                continue
            if m < width:
                line[:start] = fill[n]
                line[start + m :] = fill[n]
            src = carray(_pointer(job[IMAGE] + y * job[IMAGE_STRIDE] + 3 * x), (3 * m,))
            dst = line.reshape(-1)[3 * start : 3 * (start + m)]
            if job[FLIP_X]:
                for j in range(m):
                    k = np.uint64(3 * (m - 1 - j))
                    dst[k] = src[3 * j]
                    dst[k + np.uint64(1)] = src[3 * j + 1]
                    dst[k + np.uint64(2)] = src[3 * j + 2]
            else:
                for j in range(3 * m):
                    dst[j] = src[j]


@jit_fast
def render_label(jobs: Any, first: Any, last: Any, sample: Any, ignore: Any, out: Any) -> None:
    """Label windows to (B, H, W) of any integer type; `ignore` where there is no pixel. sample: the stored dtype's zero."""
    height, width = out.shape[1], out.shape[2]
    for n in range(first, last):
        job = jobs[n]
        x, m, start = _clip(job)
        for i in range(height):
            y = _source_row(job, i)
            line = out[n, i]
            if y < 0 or m == 0:
                line[:] = ignore
                continue
            if m < width:
                line[:start] = ignore
                line[start + m :] = ignore
            at = job[LABEL] + y * job[LABEL_STRIDE] + sample.itemsize * x
            src = carray(_pointer(at), (sample.itemsize * m,)).view(sample.dtype)
            dst = line[start : start + m]
            if job[FLIP_X]:
                for j in range(m):
                    dst[np.uint64(m - 1 - j)] = src[j]
            else:
                for j in range(m):
                    dst[j] = src[j]
