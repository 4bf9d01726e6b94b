"""Render crops and flips of many samples in one call: windows of pixels, anywhere in memory, to batch slots."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from .compiling import jit_fast, part_fast
from .jobs import COPY, pad, pointer
from .shade import shade


@part_fast
def _clip(job: Any) -> Any:
    """Columns of the window that have pixels: (first source column, number, first output column)."""
    first = max(job.x0, 0)
    number = max(min(job.x0 + job.out_w, job.width) - first, 0)
    start = first - job.x0
    return first, number, (job.out_w - start - number if job.flip_x else start)


@part_fast
def _source_row(job: Any, i: Any) -> Any:
    """The source row of output row i, or -1 if there is none."""
    if i >= job.out_h:
        return -1
    y = job.y0 + (job.out_h - 1 - i if job.flip_y else i)
    return y if 0 <= y < job.height else -1


@jit_fast  # called, not inlined: see `render_float`; bytes do not round
def _deal(src: Any, m: Any, flip: Any, row: Any) -> None:
    """m interleaved pixels to three planes."""
    if flip:
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


@jit_fast
def render_float(jobs: Any, first: Any, last: Any, color: Any, fill: Any, out: Any) -> None:
    """Copies, uint8 HWC to float CHW: level * color[n, c, c] + color[n, c, 3]; padding is fill[n, c].

    By way of a planar uint8 row, so that LLVM vectorizes both loops; which it does only while `_deal` is called and
    padding is written here instead of by `pad` (a crop of 320x480 took 100 us instead of 67).
    """
    row = np.empty((3, out.shape[3]), np.uint8)
    for n in range(first, last):
        job = jobs[n]
        if job.kind != COPY:
            continue
        slot, top, left, width = job.slot, job.top, job.left, job.columns
        x, m, start = _clip(job)
        for i in range(job.rows):
            y = _source_row(job, i)
            if y < 0 or m == 0:
                for c in range(3):
                    out[slot, c, top + i][left : left + width] = fill[n, c]
                continue
            _deal(carray(pointer(job.image + y * job.image_stride + 3 * x), (3 * m,)), m, job.flip_x, row)
            for c in range(3):
                a, b, plane = color[n, c, c], color[n, c, 3], row[c]
                line = out[slot, c, top + i][left : left + width]
                if m < width:
                    line[:start] = fill[n, c]
                    line[start + m :] = fill[n, c]
                dst = line[start : start + m]
                for j in range(m):
                    dst[j] = plane[j] * a + b


@jit_fast
def render_colored(
    jobs: Any, first: Any, last: Any, tones: Any, color: Any, plain: Any, limits: Any, fill: Any, out: Any
) -> None:
    """Copies with any color transform, to any output: see `shade`. out: (B, 3, H, W), or a view of that shape."""
    row = np.empty((3, out.shape[3]), np.uint8)
    levels = np.empty((3, out.shape[3]), np.float32)
    for n in range(first, last):
        job = jobs[n]
        if job.kind != COPY:
            continue
        slot, top, left, width = job.slot, job.top, job.left, job.columns
        x, m, start = _clip(job)
        for i in range(job.rows):
            y = _source_row(job, i)
            if y < 0 or m == 0:
                pad(job, n, i, 0, 0, fill, out)
                continue
            if m < width:
                pad(job, n, i, start, m, fill, out)
            _deal(carray(pointer(job.image + y * job.image_stride + 3 * x), (3 * m,)), m, job.flip_x, row)
            for c in range(3):
                plane, level = row[c], levels[c]
                for j in range(m):
                    level[j] = plane[j]
            at = left + start
            shade(levels, m, tones[n], color[n], plain[n], limits[n],
                  out[slot, 0, top + i][at:], out[slot, 1, top + i][at:], out[slot, 2, top + i][at:])  # fmt: skip


@jit_fast
def render_planar(jobs: Any, first: Any, last: Any, fill: Any, out: Any) -> None:
    """Copies, uint8 HWC to uint8 CHW, values unchanged; padding is fill[n, c], uint8."""
    for n in range(first, last):
        job = jobs[n]
        if job.kind != COPY:
            continue
        slot, top, left, width = job.slot, job.top, job.left, job.columns
        x, m, start = _clip(job)
        for i in range(job.rows):
            y = _source_row(job, i)
            if y < 0 or m == 0:
                pad(job, n, i, 0, 0, fill, out)
                continue
            if m < width:
                pad(job, n, i, start, m, fill, out)
            src = carray(pointer(job.image + y * job.image_stride + 3 * x), (3 * m,))
            at = left + start
            r, g, b = out[slot, 0, top + i][at:], out[slot, 1, top + i][at:], out[slot, 2, top + i][at:]
            if job.flip_x:
                for j in range(m):
                    k = np.uint64(m - 1 - j)
                    r[k], g[k], b[k] = src[3 * j], src[3 * j + 1], src[3 * j + 2]
            else:
                for j in range(m):
                    r[j], g[j], b[j] = src[3 * j], src[3 * j + 1], src[3 * j + 2]


@jit_fast
def render_packed(jobs: Any, first: Any, last: Any, fill: Any, out: Any) -> None:
    """Copies, uint8 HWC to uint8 HWC, values unchanged; padding is fill[n, c], uint8."""
    for n in range(first, last):
        job = jobs[n]
        if job.kind != COPY:
            continue
        slot, top, left, width = job.slot, job.top, job.left, job.columns
        x, m, start = _clip(job)
        for i in range(job.rows):
            y = _source_row(job, i)
            line = out[slot, top + i][left : left + width]
            if y < 0 or m == 0:
                line[:] = fill[n]
                continue
            if m < width:
                line[:start] = fill[n]
                line[start + m :] = fill[n]
            src = carray(pointer(job.image + y * job.image_stride + 3 * x), (3 * m,))
            dst = line.reshape(-1)[3 * start : 3 * (start + m)]
            if job.flip_x:
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
    """Copies of labels to (B, H, W) of any integer type; padding is `ignore`. sample: a zero as stored."""
    for n in range(first, last):
        job = jobs[n]
        if job.kind != COPY:
            continue
        slot, top, left, width = job.slot, job.top, job.left, job.columns
        x, m, start = _clip(job)
        for i in range(job.rows):
            y = _source_row(job, i)
            line = out[slot, top + i][left : left + width]
            if y < 0 or m == 0:
                line[:] = ignore
                continue
            if m < width:
                line[:start] = ignore
                line[start + m :] = ignore
            at = job.label + y * job.label_stride + sample.itemsize * x
            src = carray(pointer(at), (sample.itemsize * m,)).view(sample.dtype)
            dst = line[start : start + m]
            if job.flip_x:
                for j in range(m):
                    dst[np.uint64(m - 1 - j)] = src[j]
            else:
                for j in range(m):
                    dst[j] = src[j]
