"""Render crops and flips of many samples in one call: windows of pixels, anywhere in memory, to batch slots."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray

from .compiling import jit_fast, part_fast
from .jobs import COPY, pad, pointer
from .rows import byte_row, fence, fill_bytes, fill_floats, float_row, pixel_row
from .shade import shade
from .words import put8


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


@jit_fast  # called, not inlined: LLVM vectorizes its loops only so; bytes do not round
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


@part_fast
def _row_of(out: Any, job: Any, c: Any, i: Any) -> Any:
    """The address of row i of the job's rectangle in plane c of (B, 3, H, W)."""
    row = out.ctypes.data + job.slot * out.strides[0] + c * out.strides[1] + (job.top + i) * out.strides[2]
    return row + job.left * out.strides[3]


@jit_fast
def render_float(jobs: Any, first: Any, last: Any, color: Any, fill: Any, streaming: Any, out: Any) -> None:
    """Copies, uint8 HWC to float CHW: level * color[n, c, c] + color[n, c, 3]; padding is fill[n, c].

    streaming: the stores bypass the caches, for batches that do not fit into them.
    """
    for n in range(first, last):
        job = jobs[n]
        if job.kind != COPY:
            continue
        x, m, start = _clip(job)
        for i in range(job.rows):
            y = _source_row(job, i)
            shown = m if y >= 0 else 0
            for c in range(3):
                line = _row_of(out, job, c, i)
                fill_floats(line, start if shown else job.columns, fill[n, c])
                if shown:
                    fill_floats(line + 4 * (start + m), job.columns - start - m, fill[n, c])
            if shown:
                source = job.image + y * job.image_stride + 3 * x
                red = _row_of(out, job, 0, i) + 4 * start
                green, blue = red + out.strides[1], red + 2 * out.strides[1]
                float_row(source, m, job.flip_x, red, green, blue, color[n, 0, 0], color[n, 0, 3], color[n, 1, 1],
                          color[n, 1, 3], color[n, 2, 2], color[n, 2, 3], streaming)  # fmt: skip
    if streaming:
        fence()


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
def render_planar(jobs: Any, first: Any, last: Any, fill: Any, streaming: Any, out: Any) -> None:
    """Copies, uint8 HWC to uint8 CHW, values unchanged; padding is fill[n, c], uint8. streaming: see `render_float`."""
    for n in range(first, last):
        job = jobs[n]
        if job.kind != COPY:
            continue
        x, m, start = _clip(job)
        for i in range(job.rows):
            y = _source_row(job, i)
            shown = m if y >= 0 else 0
            for c in range(3):
                line = _row_of(out, job, c, i)
                fill_bytes(line, start if shown else job.columns, fill[n, c])
                if shown:
                    fill_bytes(line + start + m, job.columns - start - m, fill[n, c])
            if shown:
                byte_row(job.image + y * job.image_stride + 3 * x, m, job.flip_x, _row_of(out, job, 0, i) + start,
                         _row_of(out, job, 1, i) + start, _row_of(out, job, 2, i) + start, streaming)  # fmt: skip
    if streaming:
        fence()


@part_fast
def _fill_pixels(address: Any, count: Any, fill: Any, n: Any) -> None:
    for j in range(count):
        for c in range(3):
            put8(address + 3 * j + c, fill[n, c])


@jit_fast
def render_packed(jobs: Any, first: Any, last: Any, fill: Any, streaming: Any, out: Any) -> None:
    """Copies, uint8 HWC to uint8 HWC, values unchanged; padding is fill[n, c], uint8. streaming: see `render_float`."""
    for n in range(first, last):
        job = jobs[n]
        if job.kind != COPY:
            continue
        x, m, start = _clip(job)
        for i in range(job.rows):
            y = _source_row(job, i)
            shown = m if y >= 0 else 0
            line = out.ctypes.data + job.slot * out.strides[0] + (job.top + i) * out.strides[1] + 3 * job.left
            _fill_pixels(line, start if shown else job.columns, fill, n)
            if shown:
                _fill_pixels(line + 3 * (start + m), job.columns - start - m, fill, n)
                source = job.image + y * job.image_stride + 3 * x
                pixel_row(source, m, job.flip_x, line + 3 * start, streaming)
    if streaming:
        fence()


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
