"""Regions of equal numbers, and their outlines along the borders of pixels."""

from __future__ import annotations

from typing import Any

from .compiling import jit, part


@jit
def connect(keys: Any, drawn: Any, diagonal: Any, out: Any, stack: Any) -> int:
    """Number the connected regions of equal keys: out (H, W) int32 is 1, 2, ... in the order of their first pixels.

    keys: (H, W) int64. drawn: (H, W) bool; other pixels are 0. diagonal: whether pixels that touch at a corner are
    connected. stack: (H W,) int64, used inside. How many regions there are.
    """
    height, width = keys.shape
    out[:] = 0
    count = 0
    for y in range(height):
        for x in range(width):
            if not drawn[y, x] or out[y, x]:
                continue
            count += 1
            out[y, x] = count
            stack[0] = y * width + x
            n = 1
            while n:
                n -= 1
                at = stack[n]
                v, u = at // width, at % width
                for b in range(max(v - 1, 0), min(v + 2, height)):
                    for a in range(max(u - 1, 0), min(u + 2, width)):
                        corner = b != v and a != u
                        if out[b, a] or not drawn[b, a] or keys[b, a] != keys[y, x] or (corner and not diagonal):
                            continue
                        out[b, a] = count
                        stack[n] = b * width + a
                        n += 1
    return count


@part
def _is(regions: Any, y: int, x: int, number: int) -> bool:
    inside = 0 <= y < regions.shape[0] and 0 <= x < regions.shape[1]
    return bool(inside and regions[y, x] == number)


@jit
def outlines(regions: Any, seen: Any, points: Any, loops: Any) -> Any:
    """The outlines of all regions: closed paths along the borders of pixels, the region to the right of the way.

    regions: (H, W) int32 numbers above 0, 0 is none; regions are connected by the sides of pixels. seen: (H, W) bool,
    all False. points: (n, 2) int32, gets the corners (x, y) of all paths one after the other. loops: (m, 2) int64, gets
    for each path its region's number and the end of its corners. A region's first path is its outer border, its
    others are those of its holes. Returns how many paths and corners there are, also if there is no room for them.

    Where two pixels of a region touch only at a corner, the path turns there and does not cross itself.
    """
    count, n = 0, 0
    height, width = regions.shape
    for y in range(height):
        for x in range(width):
            number = regions[y, x]
            if number == 0 or seen[y, x] or _is(regions, y - 1, x, number):
                continue
            # The way: (dx, dy) is its direction, (u, v) the pixel to the right of it, whose border it follows.
            u, v, dx, dy = x, y, 1, 0
            while True:
                if dx == 1:
                    if seen[v, u]:
                        break
                    seen[v, u] = True
                turn = 0
                if not _is(regions, v + dy, u + dx, number):
                    turn = 1
                elif _is(regions, v + dy - dx, u + dx + dy, number):
                    turn = -1
                if turn:
                    if n < points.shape[0]:  # the corner at the end of this side of the pixel
                        points[n, 0] = u + (1 + dx + dy) // 2
                        points[n, 1] = v + (1 - dx + dy) // 2
                    n += 1
                if turn == 1:
                    dx, dy = -dy, dx
                elif turn == -1:
                    u, v = u + dx + dy, v + dy - dx
                    dx, dy = dy, -dx
                else:
                    u, v = u + dx, v + dy
            if count < loops.shape[0]:
                loops[count, 0] = number
                loops[count, 1] = n
            count += 1
    return count, n
