"""Labels to objects and their outlines: exact, along the borders of pixels. The way back from `rasterize`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..types import I64, Label

Path32: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Traced:
    """An object of a label. category: its class id. number: in the instance map, or 0. area: its pixels. box: (x0, y0,
    x1, y1), half open. parts: of each piece that is connected by the sides of pixels, its outlines, (n, 2) int32 of
    corners (x, y): the outer border, clockwise, then the borders of its holes, the other way round.
    """

    category: int
    number: int
    area: int
    box: tuple[int, int, int, int]
    parts: tuple[tuple[Path32, ...], ...]

    @property
    def has_holes(self) -> bool:
        """Whether one of the pieces has a hole."""
        return any(len(paths) > 1 for paths in self.parts)

    def mask(self) -> NDArray[np.bool_]:
        """(y1 - y0, x1 - x0) bool: its pixels in its box."""
        x0, y0, x1, y1 = self.box
        flips = np.zeros((y1 - y0 + 1, x1 - x0), np.uint8)
        out = np.zeros((y1 - y0, x1 - x0), np.uint8)
        for paths in self.parts:
            for path in paths:
                kernels.polygon.outline(path.astype(np.float64), y0, x0, flips)
            kernels.polygon.fill(flips, out)
        return out.astype(bool)


def trace(label: Label, instances: Label | None, without: NDArray[np.bool_]) -> list[Traced]:
    """The objects of a label, by their numbers, then by their first pixels.

    Pixels of one class and one number of `instances` are an object; so are pixels of one class without a number (0, or
    no instances at all) that touch, be it at a corner. without: (H, W) bool, pixels that are of no object.
    """
    keys = label.astype(np.int64)
    if instances is not None:
        keys |= instances.astype(np.int64) << 16
    drawn, stack = ~without, np.empty(label.size, np.int64)
    pieces, regions = np.empty(label.shape, np.int32), np.empty(label.shape, np.int32)
    count = kernels.trace.connect(keys, drawn, False, pieces, stack)
    kernels.trace.connect(keys, drawn, True, regions, stack)
    _, first = np.unique(pieces[drawn], return_index=True)
    key, region = keys[drawn][first], regions[drawn][first]
    paths = _paths(pieces, count)
    areas = np.bincount(pieces.reshape(-1), minlength=count + 1)[1:]
    objects: dict[tuple[int, int], list[int]] = {}
    for k, (whose, r) in enumerate(zip(key.tolist(), region.tolist(), strict=True)):
        objects.setdefault((whose, 0 if whose >> 16 else r), []).append(k)
    made = [_object(whose, of, paths, areas) for (whose, _), of in objects.items()]
    return sorted(made, key=lambda o: (o.number == 0, o.number))


def _object(key: int, of: list[int], paths: list[list[Path32]], areas: I64) -> Traced:
    parts = tuple(tuple(paths[k]) for k in of)
    corners = np.concatenate([p[0] for p in parts])
    (x0, y0), (x1, y1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return Traced(key & 0xFFFF, key >> 16, int(areas[of].sum()), (x0, y0, x1, y1), parts)


def _paths(pieces: NDArray[np.int32], count: int) -> list[list[Path32]]:
    """The paths of each piece, its outer border first."""
    seen = np.zeros(pieces.shape, bool)
    points, loops = np.empty((1 << 12, 2), np.int32), np.empty((1 << 8, 2), np.int64)
    while True:
        m, n = kernels.trace.outlines(pieces, seen, points, loops)
        if m <= len(loops) and n <= len(points):
            break
        seen[:] = False
        points, loops = np.empty((n, 2), np.int32), np.empty((m, 2), np.int64)
    out: list[list[Path32]] = [[] for _ in range(count)]
    start = 0
    for number, end in loops[:m].tolist():
        out[number - 1].append(points[start:end])
        start = end
    return out


def joined_path(paths: tuple[Path32, ...]) -> Path32:
    """A piece as one path: each hole is joined to what is around it by a line that is walked twice, and so cancels."""
    whole = paths[0]
    for hole in sorted(paths[1:], key=lambda p: (int(p[:, 1].min()), int(p[:, 0].min()))):
        k = int(np.lexsort((hole[:, 0], hole[:, 1]))[0])
        away = np.abs(whole - hole[k]).sum(axis=1)
        at = int(away.argmin())
        around = np.concatenate([hole[k:], hole[: k + 1]])
        whole = np.concatenate([whole[: at + 1], around, whole[at:]])
    return whole


def centers(path: Path32) -> Path32:
    """The outer border of a piece as a path through the centers of its outermost pixels, (n, 2) int32 of (x, y)."""
    before = np.sign(path - np.roll(path, 1, axis=0))
    after = np.sign(np.roll(path, -1, axis=0) - path)
    right = np.stack([-before[:, 1], before[:, 0]], axis=1)
    convex = (before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]) > 0
    doubled = 2 * path + right + np.where(convex, -1, 1)[:, None] * before - 1
    return np.asarray(doubled // 2, np.int32)


def run_lengths(mask: NDArray[np.bool_], box: tuple[int, int, int, int], size: tuple[int, int]) -> list[int]:
    """A mask in its box, of an image of `size`, as run lengths of COCO: outside first, down the columns."""
    starts, lengths = runs(mask, box, size)
    ends = starts + lengths
    counts = np.zeros(2 * len(starts) + 1, np.int64)
    counts[1::2] = lengths
    counts[0:-1:2] = starts - np.concatenate([[0], ends[:-1]])
    counts[-1] = size[0] * size[1] - ends[-1]
    return [int(n) for n in (counts if counts[-1] else counts[:-1])]


def compressed(counts: list[int]) -> str:
    """Run lengths as a string of COCO: each less the one two before, from the fourth on, in groups of five bits, lowest
    first; a sixth bit says that more follow (cocoapi, common/maskApi.c: rleToString).
    """
    out = bytearray()
    for i, count in enumerate(counts):
        value = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            group = value & 31
            value >>= 5
            more = value != (-1 if group & 16 else 0)
            out.append(48 + (group | 32 if more else group))
    return out.decode()


def runs(mask: NDArray[np.bool_], box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[I64, I64]:
    """Where the runs of a mask's pixels begin, counted from 0 down the columns of the image, and how long they are."""
    x0, y0, x1, y1 = box
    columns: Any = np.zeros((x1 - x0, size[0]), np.int8)
    columns[:, y0:y1] = mask.T
    steps = np.diff(columns.reshape(-1), prepend=0, append=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return starts + x0 * size[0], ends - starts
