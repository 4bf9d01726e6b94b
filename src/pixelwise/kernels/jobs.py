"""The table of jobs that the rendering kernels work through, and what they share: one job per sample of a batch.

A job fills a rectangle of its slot, `rows` x `columns` from (top, left): the plan's pixels in the rectangle's top left
corner, padding elsewhere. `copy`, `scale` and `warp` render the jobs of their kind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compiling import part, part_fast

JOB = np.dtype(
    [(name, np.int64) for name in (
        "image", "image_stride", "label", "label_stride",  # addresses of source pixel (0, 0); bytes from row to row
        "height", "width",  # of the source
        "low_y", "low_x", "high_y", "high_x",  # the source pixels that are in memory; the rest need not be
        "y0", "x0",  # copies: source row and column of the window's top left, which may be outside the source
        "flip_x", "flip_y",  # copies: mirrored
        "out_h", "out_w",  # size of the plan's output
        "kind", "slot", "top", "left", "rows", "columns",
        "zero",  # always 0, which the compiler does not know: see `rounded`
    )]
)  # fmt: skip

# What `kind` can be.
COPY, SCALE, WARP = 0, 1, 2


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


@part
def rounded(product: Any, zero: Any) -> Any:
    """`product`, rounded to float64. Without this detour LLVM fuses it with a following sum and rounds once less than
    NumPy, which is enough to move a point on the edge of a pixel into the next one.
    """
    return np.int64(np.float64(product).view(np.int64) ^ zero).view(np.float64)


@part_fast
def level(word: Any, shift: Any) -> Any:
    return np.float32(np.int32((word >> shift) & np.uint32(255)))


@part_fast
def pad(job: Any, n: Any, i: Any, start: Any, m: Any, fill: Any, out: Any) -> None:
    """Row i of the job's rectangle: everything but columns start .. start + m becomes fill."""
    slot, row, left, width = job.slot, job.top + i, job.left, job.columns
    for c in range(3):
        line = out[slot, c, row]
        line[left : left + start] = fill[n, c]
        line[left + start + m : left + width] = fill[n, c]
