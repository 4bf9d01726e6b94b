"""The table of jobs that the rendering kernels work through, and what they share: one row per sample of a batch.

A job fills the rectangle TOP, LEFT, ROWS, COLUMNS of its slot: the plan's pixels in the rectangle's top left corner,
padding elsewhere. `copy`, `scale` and `warp` render the jobs of their kind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compiling import jit, jit_fast

# Columns of the job table, all int64. Addresses are those of source pixel (0, 0): only the pixels LOW..HIGH are
# there to be read, the rest of the source need not be in memory.
IMAGE, IMAGE_STRIDE, LABEL, LABEL_STRIDE = 0, 1, 2, 3  # address, bytes per row
HEIGHT, WIDTH = 4, 5  # of the source
Y0, X0 = 6, 7  # copies: source row and column of the window's top left; the rest is padding
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
def level(word: Any, shift: Any) -> Any:
    return np.float32(np.int32((word >> shift) & np.uint32(255)))


@jit_fast
def pad(job: Any, n: Any, i: Any, start: Any, m: Any, fill: Any, out: Any) -> None:
    """Row i of the job's rectangle: everything but columns start .. start + m becomes fill."""
    slot, row, left, width = job[SLOT], job[TOP] + i, job[LEFT], job[COLUMNS]
    for c in range(3):
        line = out[slot, c, row]
        line[left : left + start] = fill[n, c]
        line[left + start + m : left + width] = fill[n, c]
