"""Where labels change, contours and bands along it, and how far contour pixels are from those of another label."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..types import F64, I64, Bool

Bits = NDArray[np.uint64]


def changes(label: NDArray[Any]) -> tuple[Bits, Bits]:
    """The bits `right` and `below` of a (H, W) label; see `kernels.edges`."""
    # Bytes that differ are values that differ; kernels of fixed types take no read-only memory.
    label = np.require(label, requirements=["C", "W"]).view(f"u{label.itemsize}")
    right, below = np.empty((2, label.shape[0], -(-label.shape[1] // 64)), np.uint64)
    kernels.edges.changes(label, right, below)
    return right, below


def change_band(label: NDArray[Any], width: int) -> Bool:
    """(H, W) bool: pixels of a label that have another value within `width` rows and columns."""
    if not label.size:
        return np.zeros(label.shape, bool)
    bits, _ = _band_bits(label, width)
    found = np.unpackbits(bits.view(np.uint8).reshape(-1), bitorder="little").view(bool)
    return found.reshape(len(bits), -1)[:, : label.shape[1]]


def count_bands(prediction: NDArray[Any], truth: NDArray[Any], width: int, inside: int, counts: I64) -> None:
    """Add the pairs of two labels to `counts`, in which pixels that are farther than `width` from other values of their
    label and from the image's edge are `inside`, unless they are void.

    prediction, truth: (H, W) uint8 or uint16, as `codes_of` gives them. inside: the number of classes.
    """
    if truth.size:
        sides = [(*_band_bits(label, width), label) for label in (prediction, truth)]
        kernels.edges.count_bands(*sides[0], *sides[1], min(width, max(truth.shape)), inside, counts)


def _band_bits(label: NDArray[Any], width: int) -> tuple[Bits, Bits]:
    # Of the band, and the changes to the right.
    reach = min(width, max(label.shape))
    right, below = changes(label)
    height, words = right.shape
    row, rows = np.empty(words + reach // 64 + 2, np.uint64), np.empty((height + reach, words), np.uint64)
    out = np.empty_like(right)
    kernels.edges.band(right, below, label.shape[1], reach, row, rows, out)
    return out, right


class Contours(NamedTuple):
    """Contour pixels of a label, of all its values. bits: (H, K), as in `kernels.edges`; inner: without those that are
    contour as the image's edge only. label: (H, W) uint8 or uint16. size: how many pixels, or more.
    """

    bits: Bits
    inner: Bits
    label: NDArray[Any]
    size: int


def contours(label: NDArray[Any]) -> Contours:
    """The pixels that touch another value by a side, or the image's edge.

    With the image's edge those of a value are its mask less the mask's erosion by a cross
    (`scipy.ndimage.binary_erosion`), as MONAI's get_mask_edges and medpy's surface distances have it. label: (H, W)
    uint8 or uint16, not empty. Thread-safe.
    """
    right, below = changes(label)
    inner, every = np.empty((2, *right.shape), np.uint64)
    size = kernels.edges.contour(right, below, label.shape[1], inner, every)
    return Contours(every, inner, label, size)


class Between(NamedTuple):
    """Distances between the contours of a class in two labels. squares: (N,) float64, squared, from each pixel of the
    first label in the order of rows, then of the second, to the nearest of the other; inf without any. first: how many
    are of the first.
    """

    squares: F64
    first: int


class Comparison:
    """The contours of two labels of one size, to be compared class by class. Not thread-safe: it keeps its scratch, as
    fresh memory costs more than the search.
    """

    def __init__(self, one: Contours, other: Contours) -> None:
        height, words = one.bits.shape
        reach, most = kernels.distance.REACH, one.size + other.size
        self._pair = one.bits, other.bits, one.label, other.label
        self._inner = one.inner, other.inner, *self._pair[2:]
        self._planes = np.zeros((2, height + 2 * reach, words + 2), np.uint64)
        self._squares, self._far = np.empty(most), np.empty((2, 3, most), np.int32)
        self._found = np.empty(4, np.int64)

    @cached_property
    def _rows(self) -> NDArray[np.int32]:
        height, width = self._pair[2].shape
        return np.empty((height, -(-width // kernels.distance.BLOCK) * kernels.distance.BLOCK), np.int32)

    def distances(self, value: int | None, spacing: tuple[float, float] = (1.0, 1.0), limit: float = np.inf) -> Between:
        """The exact Euclidean distances of pixel centers of a class; infinite for some beyond `limit`.

        value: None for the contour of the class before, without the image's edge. spacing: of rows and of columns.
        """
        steps = float(spacing[0]), float(spacing[1]), float(limit)
        scratch = self._planes, self._squares, self._found, self._far
        kernels.distance.nearest(*self._contours_of(value), *steps, *scratch)
        first, second, *missing = self._found.tolist()
        for side in range(2):
            if missing[side]:
                far = np.ascontiguousarray(self._far[side, :, : missing[side]])
                least = np.empty(self._rows.shape[1] // kernels.distance.BLOCK, np.int32)
                kernels.distance.second(self._planes[1 - side], far, *steps, self._rows, least, self._squares)
        return Between(self._squares[: first + second].copy(), first)

    def _contours_of(self, value: int | None) -> tuple[Bits, Bits, NDArray[Any], NDArray[Any], int]:
        return (*self._inner, kernels.distance.INNER) if value is None else (*self._pair, value)

    def near(self, value: int | None, limit: float) -> tuple[int, int, int, int]:
        """The contour pixels of a class in each label, and how many of each have one of the other within `limit`.

        value: as in `distances`.
        """
        if limit >= kernels.distance.REACH + 1:
            squares, first = self.distances(value, limit=limit)
            near = np.sqrt(squares) <= limit
            return first, len(near) - first, int(near[:first].sum()), int(near[first:].sum())
        kernels.distance.count_near(*self._contours_of(value), _disk(limit), self._planes, self._found)
        ours, theirs, hits, found = self._found.tolist()
        return ours, theirs, hits, found


@lru_cache
def _disk(limit: float) -> Bits:
    # As kernels.distance.count_near takes it.
    reach = kernels.distance.REACH
    across = range(-reach, reach + 1)
    rows = [sum(1 << x + reach for x in across if np.sqrt(x * x + y * y) <= limit) for y in range(int(limit) + 1)]
    return np.array(rows, np.uint64)


def border_map(mask: Bool) -> Bool:
    """(H, W) bool: pixels whose right, lower or lower right neighbor is on the other side of the mask's contour.

    The contour map of the Berkeley benchmark, as DAVIS uses it (davis2017-evaluation, metrics.py: _seg2bmap).
    """
    out: Bool = np.zeros(mask.shape, bool)
    out[:, :-1] = mask[:, :-1] ^ mask[:, 1:]
    out[:-1] |= mask[:-1] ^ mask[1:]
    out[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return out


def pixels_of(mask: Bool) -> Contours:
    """All pixels of a mask (H, W), which is not empty, as those of value 1."""
    label = np.ascontiguousarray(mask).view(np.uint8)
    wide = np.zeros((len(mask), -(-mask.shape[1] // 64) * 64), np.uint8)
    wide[:, : mask.shape[1]] = label
    bits = np.packbits(wide, axis=1, bitorder="little").view(np.uint64)
    return Contours(bits, bits, label, int(np.count_nonzero(mask)))
