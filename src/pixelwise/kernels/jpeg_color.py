"""JPEG: planes of luma and chroma to interleaved RGB, with chroma enlarged as libjpeg-turbo does by default, bit for
bit.

Chroma of half the width is enlarged by a triangle filter: 3/4 of the nearer sample and 1/4 of the farther, in both
directions if the height is halved too (libjpeg's jdsample.c, "fancy upsampling"). Colors are those of JFIF 1.02 with
factors of 16 bits (jdcolor.c).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .compiling import jit
from .words import BYTE, HALF, LONG, WORD, at, constant, get8, put8

BYTES, HALVES, WORDS = (ir.VectorType(kind, 16) for kind in (BYTE, HALF, WORD))
EIGHT_BYTES, EIGHT_HALVES, EIGHT_WORDS = (ir.VectorType(kind, 8) for kind in (BYTE, HALF, WORD))
EVEN, ODD, PLAIN = range(3)
"""Whether 16 pixels begin at an even column, at an odd one, or have chroma that is not enlarged."""


def _levels(b: Any, address: Any, kind: Any) -> Any:
    return b.zext(b.load(at(b, address, ir.VectorType(BYTE, kind.count)), align=1), kind)


def _all_lanes(b: Any, scalar: Any, kind: Any) -> Any:
    one = b.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(WORD, 0))
    zeros = ir.Constant(ir.VectorType(WORD, kind.count), [0] * kind.count)
    return b.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


def _enlarged(b: Any, near: Any, far: Any, phase: int, even: Any, odd: Any) -> Any:
    """16 samples of a row of chroma, from the nearer and the farther row of samples: weights 9, 3, 3, 1 of 16."""

    def column(k: int) -> Any:
        here = _levels(b, b.add(near, ir.Constant(LONG, k)), EIGHT_HALVES)
        there = _levels(b, b.add(far, ir.Constant(LONG, k)), EIGHT_HALVES)
        return b.add(b.mul(here, constant(EIGHT_HALVES, 3)), there)

    def mixed(nearer: Any, farther: Any, rounding: Any) -> Any:
        total = b.add(b.mul(nearer, constant(EIGHT_HALVES, 3)), farther)
        total = b.add(total, _all_lanes(b, b.trunc(rounding, HALF), EIGHT_HALVES))
        return b.lshr(total, constant(EIGHT_HALVES, 4))

    here, right = column(0), column(1)
    if phase == EVEN:
        first, second = mixed(here, column(-1), even), mixed(here, right, odd)
    else:
        first, second = mixed(here, right, odd), mixed(right, here, even)
    return b.shuffle_vector(first, second, ir.Constant(WORDS, [j // 2 + j % 2 * 8 for j in range(16)]))


def _fraction(b: Any, x: Any, n: int) -> Any:
    """(n * x + 32768) >> 16, by the high half of a product, which is one instruction."""
    product = b.mul(b.sext(b.add(x, x), WORDS), constant(WORDS, n))
    high = b.trunc(b.ashr(product, constant(WORDS, 16)), HALVES)
    return b.ashr(b.add(high, constant(HALVES, 1)), constant(HALVES, 1))


def _colors(b: Any, y: Any, blueness: Any, redness: Any) -> list[Any]:
    """Red, green and blue, cut to 0..255, of luma and of both chromas less 128.

    The factors are 1.402, 0.344136, 0.714136 and 1.772 times 65,536, less whole numbers if 16 bits are too few.
    """
    red = b.add(b.add(y, redness), _fraction(b, redness, 26_345))
    blue = b.add(b.add(y, b.add(blueness, blueness)), _fraction(b, blueness, -14_942))
    less_blue = b.mul(b.sext(blueness, WORDS), constant(WORDS, -22_554))
    both = b.add(less_blue, b.mul(b.sext(redness, WORDS), constant(WORDS, 18_734)))
    share = b.trunc(b.ashr(b.add(both, constant(WORDS, 32_768)), constant(WORDS, 16)), HALVES)
    green = b.add(b.sub(y, redness), share)
    least, most = constant(HALVES, 0), constant(HALVES, 255)
    out = []
    for x in (red, green, blue):
        cut = b.select(b.icmp_signed(">", x, least), x, least)
        out.append(b.select(b.icmp_signed("<", cut, most), cut, most))
    return out


def _store(b: Any, red: Any, green: Any, blue: Any, address: Any) -> None:
    """16 pixels of three bytes."""
    red, green, blue = (b.trunc(x, BYTES) for x in (red, green, blue))
    lanes = ir.VectorType(WORD, 32)
    both = b.shuffle_vector(red, green, ir.Constant(lanes, list(range(32))))
    last = b.shuffle_vector(blue, blue, ir.Constant(lanes, list(range(32))))
    order = [j // 3 + j % 3 * 16 for j in range(48)]
    pixels = b.shuffle_vector(both, last, ir.Constant(ir.VectorType(WORD, 48), order))
    b.store(pixels, at(b, address, ir.VectorType(BYTE, 48)), align=1)


def _shade(phase: int) -> Any:
    """16 pixels of a row. luma, near, far, near2, far2: addresses of the first pixel's luma and of its sample of both
    chromas, in the nearer and in the farther row. even, odd: what rounds at even and at odd columns.
    """

    @intrinsic
    def shade(
        _context: Any, luma: Any, near: Any, far: Any, near2: Any, far2: Any, out: Any, even: Any, odd: Any
    ) -> Any:
        def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
            luma, near, far, near2, far2, out, even, odd = args
            chromas = []
            for here, there in ((near, far), (near2, far2)):
                level = _levels(b, here, HALVES) if phase == PLAIN else _enlarged(b, here, there, phase, even, odd)
                chromas.append(b.sub(level, constant(HALVES, 128)))
            red, green, blue = _colors(b, _levels(b, luma, HALVES), chromas[0], chromas[1])
            _store(b, red, green, blue, out)
            return ir.Constant(LONG, 0)

        return types.int64(luma, near, far, near2, far2, out, even, odd), generate

    return shade


shade_even, shade_odd, shade_plain = map(_shade, (EVEN, ODD, PLAIN))


@intrinsic
def shade_gray(_context: Any, luma: Any, out: Any) -> Any:
    """16 pixels of a row without chroma."""

    def generate(_target: Any, b: Any, _signature: Any, args: Any) -> Any:
        y = _levels(b, args[0], HALVES)
        _store(b, y, y, y, args[1])
        return ir.Constant(LONG, 0)

    return types.int64(luma, out), generate


@jit
def to_rgb(
    luma: Any, luma_stride: Any, chroma: Any, stride: Any, plane: Any, enlarge: Any, origin: Any, rows: Any, y0: Any,
    x0: Any, h: Any, w: Any, row: Any, out: Any, out_stride: Any,
) -> None:  # fmt: skip
    """The window of the image at (y0, x0), h x w, from its planes to (h, w, 3) uint8 at `out`.

    luma, chroma: addresses of the planes; a row of them may be read 64 bytes beyond its end. plane: bytes from one
    chroma to the other. origin: (y, x) of the first luma sample and of the first chroma sample in the image. enlarge:
    -1 no chroma, 0 not, 1 in columns, 2 in both directions. rows: of chroma in the image. row: room for 16 pixels.
    """
    even, odd = (4, 8) if enlarge == 1 else (8, 7)
    for i in range(h):
        y = y0 + i
        line = luma + (y - origin[0]) * luma_stride - origin[1]
        near = far = y
        if enlarge == 2:
            near = y >> 1
            far = min(max(near + 1 if y & 1 else near - 1, 0), rows - 1)
        p = chroma + (near - origin[2]) * stride - origin[3]
        q = chroma + (far - origin[2]) * stride - origin[3]
        j = np.int64(0)
        while j < w:
            if j + 16 > w >= 16:
                j = w - 16  # some pixels once more, instead of a remainder
            target = out + i * out_stride + 3 * j if w >= 16 else row
            x = x0 + j
            k = x >> 1
            if enlarge < 0:
                shade_gray(line + x, target)
            elif enlarge == 0:
                shade_plain(line + x, p + x, p + x, p + x + plane, p + x + plane, target, 0, 0)
            elif x & 1:
                shade_odd(line + x, p + k, q + k, p + k + plane, q + k + plane, target, even, odd)
            else:
                shade_even(line + x, p + k, q + k, p + k + plane, q + k + plane, target, even, odd)
            j += 16
        if w < 16:
            for k in range(3 * w):
                put8(out + i * out_stride + k, get8(row + k))
