"""Polygons and run lengths to masks, pixel for pixel as pycocotools draws them.

A polygon's outline is a path on a grid of `SCALE` steps a pixel. Where it steps into the sub-column that holds a
pixel column's center, the column changes between inside and outside, at the row below which the outline passes. The
rule is that of the COCO mask API (github.com/cocodataset/cocoapi, common/maskApi.c, rleFrPoly), in our own code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit, part

SCALE = 5


@part
def _flip(column: int, v: int, top: int, left_column: int, flips: Any) -> None:
    """Book a crossing of `column` whose upper end is at the step `v` of the fine grid."""
    last = flips.shape[0] - 1
    y = np.ceil((v + 0.5) / SCALE - 0.5) - top
    row = 0 if y < 0 else last if y > last else int(y)
    flips[row, column - left_column] ^= 1


@jit
def outline(points: Any, top: int, left: int, flips: Any) -> None:
    """Find where the outline of the closed polygon (n, 2) float64 of (x, y) pixels crosses the centers of columns.

    flips: (h + 1, w) uint8, inverted where a column changes, for the window of h rows from `top` on and w columns from
    `left` on: the whole image, or a part that holds all of the polygon that is in the image. Coordinates are never
    moved to the window, which would round them differently. The cost is that of the columns that are crossed.

    An edge steps through the grid along its longer axis. It crosses column c where it steps between the sub-columns
    SCALE c + 2 and SCALE c + 3: the one step that is looked at.
    """
    n = points.shape[0]
    for j in range(n):
        k = j + 1 if j + 1 < n else 0
        xs, ys = int(SCALE * points[j, 0] + 0.5), int(SCALE * points[j, 1] + 0.5)
        xe, ye = int(SCALE * points[k, 0] + 0.5), int(SCALE * points[k, 1] + 0.5)
        wide = abs(xe - xs) >= abs(ye - ys)
        if (wide and xs > xe) or (not wide and ys > ye):
            xs, xe, ys, ye = xe, xs, ye, ys
        steps = xe - xs if wide else ye - ys
        slope = 0.0
        if steps > 0:
            slope = (ye - ys) / steps if wide else (xe - xs) / steps
        low, high = min(xs, xe), max(xs, xe)
        half = SCALE // 2
        first = max(left, -((half - low) // SCALE))
        for c in range(first, min(left + flips.shape[1], (high - 1 - half) // SCALE + 1)):
            u = SCALE * c + half
            if wide:
                v = int(ys + slope * (u - xs) + 0.5)
                _flip(c, min(v, int(ys + slope * (u + 1 - xs) + 0.5)), top, left, flips)
                continue
            # The step at which the edge leaves u, or comes to it: estimated, then made exact.
            t = min(max(int((u + 0.5 - xs) / slope), 1), steps)
            if slope > 0:
                while t > 1 and int(xs + slope * (t - 1) + 0.5) > u:
                    t -= 1
                while t < steps and int(xs + slope * t + 0.5) <= u:
                    t += 1
            else:
                while t > 1 and int(xs + slope * (t - 1) + 0.5) <= u:
                    t -= 1
                while t < steps and int(xs + slope * t + 0.5) > u:
                    t += 1
            _flip(c, t - 1 + ys, top, left, flips)


@jit
def fill(flips: Any, mask: Any) -> None:
    """mask |= what is inside, (H, W) uint8; flips is cleared."""
    height, width = mask.shape
    inside = np.zeros(width, np.uint8)
    for y in range(height):
        row, out = flips[y], mask[y]
        for x in range(width):
            inside[x] ^= row[x]
            out[x] |= inside[x]
            row[x] = 0
    flips[height] = 0


@jit
def fill_runs(counts: Any, mask: Any) -> bool:
    """mask |= the runs of a COCO RLE: (n,) int64 lengths, outside first, down the columns. Whether they fit exactly."""
    height, width = mask.shape
    at = 0
    for k in range(counts.shape[0]):
        end = at + counts[k]
        if counts[k] < 0 or end > height * width:
            return False
        if k & 1:
            for i in range(at, end):
                mask[i % height, i // height] = 1
        at = end
    return bool(at == height * width)


@jit
def run_lengths(text: Any, counts: Any) -> int:
    """Decode the (n,) uint8 characters of a compressed COCO RLE into counts; how many, or -1 if it is damaged.

    Six bits a character from 48 on: five of the number, the lowest first, and one that says that more follow. From the
    fourth on, numbers are differences to the one two before.
    """
    n, at = 0, 0
    while at < text.shape[0]:
        value, shift, more = 0, 0, True
        while more:
            if at >= text.shape[0] or shift > 60:
                return -1
            c = np.int64(text[at]) - 48
            if c < 0 or c > 63:
                return -1
            value |= (c & 31) << shift
            more = c & 32 != 0
            shift += 5
            at += 1
            if not more and c & 16:
                value |= np.int64(-1) << shift
        if n > 2:
            value += counts[n - 2]
        counts[n] = value
        n += 1
    return n


@jit
def paint(mask: Any, value: Any, out: Any) -> int:
    """out = value where mask, both (H, W); how many pixels that are."""
    count = 0
    for y in range(mask.shape[0]):
        row, to = mask[y], out[y]
        for x in range(mask.shape[1]):
            if row[x]:
                to[x] = value
                count += 1
    return count


@jit
def look_up_ids(pixels: Any, ids: Any, classes: Any, out: Any, numbers: Any) -> int:
    """Panoptic colors (N, 3) uint8 to classes and ids; the index of the first pixel whose id is unknown, or -1.

    ids: (n,) uint32 ascending, with class classes[k] (uint16). out: (N,) uint8 or uint16. numbers: (N,) uint32, the id
    R + 256 G + 65536 B of each pixel.
    """
    last, current, known = np.uint32(0xFFFFFFFF), classes[0], False
    for i in range(pixels.shape[0]):
        r, g, b = np.uint32(pixels[i, 0]), np.uint32(pixels[i, 1]), np.uint32(pixels[i, 2])
        key = r | g << np.uint32(8) | b << np.uint32(16)
        if key != last or not known:
            k = np.searchsorted(ids, key)
            if k >= ids.shape[0] or ids[k] != key:
                return i
            last, current, known = key, classes[k], True
        out[i] = current
        numbers[i] = key
    return -1


@part
def _bits(data: Any, at: int, count: int) -> int:
    """`count` bits of the (n,) uint8 from bit `at` on, the highest first; -1 beyond the end."""
    if at + count > 8 * data.shape[0]:
        return -1
    value = np.int64(0)
    for k in range(at, at + count):
        value = value << 1 | (data[k >> 3] >> (7 - (k & 7))) & 1
    return int(value)


@jit
def fill_packed(data: Any, mask: Any) -> int:
    """mask |= where alpha is not 0, of RGBA packed as @thi.ng/rle-pack packs bytes; 0, or what is wrong with it.

    data: (n,) uint8 bits, the highest first: 32 of the number of bytes, 5 of the word's size, 4 of each of the four
    sizes of a run's length (all less one); then tokens: 1 bit, 2 which size, the length less one, and one word that is
    repeated if the bit is 1, else a word for each. mask: (H, W) uint8. 1: it ends too early, 2: not 8 bits per word,
    3: not 4 H W bytes, 4: a run beyond the end.
    """
    total = 4 * mask.size
    width = mask.shape[1]
    sizes = np.zeros(4, np.int64)
    for k in range(4):
        sizes[k] = _bits(data, 37 + 4 * k, 4) + 1
    if 8 * data.shape[0] < 53:
        return 1
    if _bits(data, 32, 5) != 7:
        return 2
    if _bits(data, 0, 32) != total:
        return 3
    at, i = 53, 0
    while i < total:
        kind, which = _bits(data, at, 1), _bits(data, at + 1, 2)
        if which < 0:
            return 1
        length = _bits(data, at + 3, sizes[which])
        at += 3 + sizes[which]
        end = i + length + 1
        if length < 0:
            return 1
        if end > total:
            return 4
        if kind == 1:
            word = _bits(data, at, 8)
            at += 8
            if word < 0:
                return 1
            if word > 0:
                for k in range(i | 3, end, 4):
                    mask[(k >> 2) // width, (k >> 2) % width] = 1
            i = end
            continue
        if at + 8 * (end - i) > 8 * data.shape[0]:
            return 1
        for k in range(i, end):
            if k & 3 == 3 and _bits(data, at, 8) > 0:
                mask[(k >> 2) // width, (k >> 2) % width] = 1
            at += 8
        i = end
    return 0
