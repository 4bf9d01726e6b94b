"""Gray levels to final colors, and planes of float32 to what other outputs hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit_fast, part_fast


@part_fast
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


@jit_fast
def to_bfloat16(src: Any, dst: Any) -> None:
    """float32 to the bits of bfloat16 (uint16), flat, rounded to nearest even: the upper half of the bits. No NaN."""
    words = src.view(np.uint32)
    for k in range(src.shape[0]):
        bits = words[k]
        dst[k] = np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


@jit_fast
def to_pixels(src: Any, dst: Any) -> None:
    """Three planes (3, H, W) to pixels (H, W, 3) of the same type."""
    for y in range(src.shape[1]):
        red, green, blue, row = src[0, y], src[1, y], src[2, y], dst[y]
        for x in range(src.shape[2]):
            row[x, 0], row[x, 1], row[x, 2] = red[x], green[x], blue[x]
