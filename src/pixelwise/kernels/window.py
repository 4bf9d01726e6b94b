"""Render crops and flips of many samples in one call: windows of pixels, anywhere in memory, to batch slots.

A table of jobs, one row a job, says what goes where; the kernels of `resample` read the same table. A job fills
the rectangle TOP, LEFT, ROWS, COLUMNS of its slot: the plan's pixels in the rectangle's top left corner, padding
elsewhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from .compiling import jit, jit_fast

# Columns of the job table, all int64. Addresses are those of source pixel (0, 0): only the pixels LOW..HIGH are
# there to be read, the rest of the source need not be in memory.
IMAGE, IMAGE_STRIDE, LABEL, LABEL_STRIDE = 0, 1, 2, 3  # address, bytes a row
HEIGHT, WIDTH = 4, 5  # of the source
Y0, X0 = 6, 7  # copies: source row and column of the window's top left; outside the source lies padding
OUT_H, OUT_W = 8, 9  # size of the plan's output
FLIP_X, FLIP_Y = 10, 11  # copies: mirrored
KIND = 12
SLOT, TOP, LEFT, ROWS, COLUMNS = 13, 14, 15, 16, 17
LOW_Y, LOW_X, HIGH_Y, HIGH_X = 18, 19, 20, 21
ZERO = 22  # always 0, which the compiler does not know: see `rounded`
WIDE = 23

# What KIND can be.
COPY, SCALE, WARP, NOTHING = 0, 1, 2, 3


@intrinsic
def pointer(_context: Any, address: Any) -> Any:
    """An integer address as a pointer to bytes, which `carray` makes an array of."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.uint8)(address), generate


@intrinsic
def four_bytes(_context: Any, address: Any) -> Any:
    """The uint32 at any address, aligned or not: one load for the three channels of a pixel and one byte more."""

    def generate(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.load(builder.inttoptr(args[0], ir.IntType(32).as_pointer()), align=1)

    return types.uint32(address), generate


@jit
def rounded(product: Any, zero: Any) -> Any:
    """`product`, as float64 has it. Without this detour LLVM fuses it with a following sum, and rounds once less than
    NumPy: enough to put a point that lies on the edge of a pixel into the other one.
    """
    return np.int64(np.float64(product).view(np.int64) ^ zero).view(np.float64)


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
def shade(line: Any, m: Any, tones: Any, color: Any, plain: Any, limits: Any, r: Any, g: Any, b: Any) -> None:
    """m pixels of three planes of gray levels (float32, changed) to their final color in r, g and b.

    tones: (3, 257) tables with values at whole levels, or nothing. color: (3, 4); plain: only its diagonal and last
    column count. limits: (2, 3) lowest and highest value of each channel.
    """
    if tones.shape[0]:
        for c in range(3):
            plane, table = line[c], tones[c]
            for j in range(m):
                k = np.uint64(plane[j])
                low = table[k]
                plane[j] = low + (table[k + np.uint64(1)] - low) * (plane[j] - np.float32(k))
    for c in range(3):
        p, q, s, t = color[c, 0], color[c, 1], color[c, 2], color[c, 3]
        least, most = limits[0, c], limits[1, c]
        dst = r if c == 0 else (g if c == 1 else b)
        if plain:
            plane, f = line[c], color[c, c]
            for j in range(m):
                v = plane[j] * f + t
                v = v if v > least else least
                dst[j] = v if v < most else most
        else:
            x, y, z = line[0], line[1], line[2]
            for j in range(m):
                v = x[j] * p + y[j] * q + z[j] * s + t
                v = v if v > least else least
                dst[j] = v if v < most else most


@jit_fast
def render_float(jobs: Any, first: Any, last: Any, color: Any, fill: Any, out: Any) -> None:
    """Copies, uint8 HWC to float CHW: level * color[n, c, c] + color[n, c, 3]; fill[n, c] where there is none.

    A planar uint8 row lies in between: it is what lets LLVM vectorize both loops.
    """
    row = np.empty((3, out.shape[3]), np.uint8)
    for n in range(first, last):
        job = jobs[n]
        if job[KIND] != COPY:
            continue
        slot, top, left, width = job[SLOT], job[TOP], job[LEFT], job[COLUMNS]
        x, m, start = _clip(job)
        for i in range(job[ROWS]):
            y = _source_row(job, i)
            if y < 0 or m == 0:
                for c in range(3):
                    out[slot, c, top + i][left : left + width] = fill[n, c]
                continue
            src = carray(pointer(job[IMAGE] + y * job[IMAGE_STRIDE] + 3 * x), (3 * m,))
            _deal(src, m, job[FLIP_X], row)
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
        if job[KIND] != COPY:
            continue
        slot, top, left, width = job[SLOT], job[TOP], job[LEFT], job[COLUMNS]
        x, m, start = _clip(job)
        for i in range(job[ROWS]):
            y = _source_row(job, i)
            if y < 0 or m == 0:
                for c in range(3):
                    out[slot, c, top + i][left : left + width] = fill[n, c]
                continue
            if m < width:
                for c in range(3):
                    line = out[slot, c, top + i][left : left + width]
                    line[:start] = fill[n, c]
                    line[start + m :] = fill[n, c]
            _deal(carray(pointer(job[IMAGE] + y * job[IMAGE_STRIDE] + 3 * x), (3 * m,)), m, job[FLIP_X], row)
            for c in range(3):
                plane, level = row[c], levels[c]
                for j in range(m):
                    level[j] = plane[j]
            at = left + start
            shade(levels, m, tones[n], color[n], plain[n], limits[n],
                  out[slot, 0, top + i][at:], out[slot, 1, top + i][at:], out[slot, 2, top + i][at:])  # fmt: skip


@jit_fast
def render_planar(jobs: Any, first: Any, last: Any, fill: Any, out: Any) -> None:
    """Copies, uint8 HWC to uint8 CHW, values unchanged; fill[n, c] uint8 where there is no pixel."""
    for n in range(first, last):
        job = jobs[n]
        if job[KIND] != COPY:
            continue
        slot, top, left, width = job[SLOT], job[TOP], job[LEFT], job[COLUMNS]
        x, m, start = _clip(job)
        for i in range(job[ROWS]):
            y = _source_row(job, i)
            if y < 0 or m == 0:
                for c in range(3):
                    out[slot, c, top + i][left : left + width] = fill[n, c]
                continue
            if m < width:
                for c in range(3):
                    line = out[slot, c, top + i][left : left + width]
                    line[:start] = fill[n, c]
                    line[start + m :] = fill[n, c]
            src = carray(pointer(job[IMAGE] + y * job[IMAGE_STRIDE] + 3 * x), (3 * m,))
            at = left + start
            r, g, b = out[slot, 0, top + i][at:], out[slot, 1, top + i][at:], out[slot, 2, top + i][at:]
            if job[FLIP_X]:
                for j in range(m):
                    k = np.uint64(m - 1 - j)
                    r[k], g[k], b[k] = src[3 * j], src[3 * j + 1], src[3 * j + 2]
            else:
                for j in range(m):
                    r[j], g[j], b[j] = src[3 * j], src[3 * j + 1], src[3 * j + 2]


@jit_fast
def render_packed(jobs: Any, first: Any, last: Any, fill: Any, out: Any) -> None:
    """Copies, uint8 HWC to uint8 HWC, values unchanged; fill[n, c] uint8 where there is no pixel."""
    for n in range(first, last):
        job = jobs[n]
        if job[KIND] != COPY:
            continue
        slot, top, left, width = job[SLOT], job[TOP], job[LEFT], job[COLUMNS]
        x, m, start = _clip(job)
        for i in range(job[ROWS]):
            y = _source_row(job, i)
            line = out[slot, top + i][left : left + width]
            if y < 0 or m == 0:
                line[:] = fill[n]
                continue
            if m < width:
                line[:start] = fill[n]
                line[start + m :] = fill[n]
            src = carray(pointer(job[IMAGE] + y * job[IMAGE_STRIDE] + 3 * x), (3 * m,))
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
    """Copies of labels to (B, H, W) of any integer type; `ignore` where there is none. sample: a zero as stored."""
    for n in range(first, last):
        job = jobs[n]
        if job[KIND] != COPY:
            continue
        slot, top, left, width = job[SLOT], job[TOP], job[LEFT], job[COLUMNS]
        x, m, start = _clip(job)
        for i in range(job[ROWS]):
            y = _source_row(job, i)
            line = out[slot, top + i][left : left + width]
            if y < 0 or m == 0:
                line[:] = ignore
                continue
            if m < width:
                line[:start] = ignore
                line[start + m :] = ignore
            at = job[LABEL] + y * job[LABEL_STRIDE] + sample.itemsize * x
            src = carray(pointer(at), (sample.itemsize * m,)).view(sample.dtype)
            dst = line[start : start + m]
            if job[FLIP_X]:
                for j in range(m):
                    dst[np.uint64(m - 1 - j)] = src[j]
            else:
                for j in range(m):
                    dst[j] = src[j]


@jit_fast
def to_half(src: Any, dst: Any) -> None:
    """float32 to the bits of float16 (uint16), flat, rounded to nearest even; NumPy's own cast takes ten times as long.

    Too large becomes infinite. F. Giesen's float_to_half_fast3_rtne: numbers below float16's normal range are
    rounded by adding 0.5, whose last bit is worth as much as theirs.
    """
    words = src.view(np.uint32)
    for k in range(src.shape[0]):
        bits = words[k]
        rest = np.uint32(bits & np.uint32(0x7FFFFFFF))
        normal = np.uint32(rest + np.uint32(0xC8000FFF) + ((rest >> np.uint32(13)) & np.uint32(1))) >> np.uint32(13)
        tiny = np.float32(abs(src[k]) + np.float32(0.5)).view(np.uint32) - np.uint32(0x3F000000)
        half = tiny if rest < np.uint32(0x38800000) else normal
        half = half if rest < np.uint32(0x47800000) else np.uint32(0x7C00)
        dst[k] = np.uint16(half | ((bits >> np.uint32(16)) & np.uint32(0x8000)))
