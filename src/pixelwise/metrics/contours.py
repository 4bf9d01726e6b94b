"""Where labels change, contours and bands along it, and how far contour pixels are from those of another label."""

from __future__ import annotations

from collections.abc import Sequence
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
    bits = _band_bits(label, width)
    found = np.unpackbits(bits.view(np.uint8).reshape(-1), bitorder="little").view(bool)
    return found.reshape(len(bits), -1)[:, : label.shape[1]]


def count_bands(prediction: NDArray[Any], truth: NDArray[Any], width: int, inside: int, counts: I64) -> None:
    """Add the pairs of two labels to `counts`, in which pixels that are farther than `width` from other values of their
    label and from the image's edge are `inside`, unless they are void.

    prediction, truth: (H, W) uint8 or uint16, as `codes_of` gives them. inside: the number of classes.
    """
    if truth.size:
        bits = _band_bits(prediction, width), _band_bits(truth, width)
        reach = min(width, max(truth.shape))
        kernels.edges.count_bands(*bits, prediction, truth, reach, inside, counts)


def _band_bits(label: NDArray[Any], width: int) -> Bits:
    reach = min(width, max(label.shape))
    right, below = changes(label)
    height, words = right.shape
    row, rows = np.empty(words + reach // 64 + 2, np.uint64), np.empty((height + reach, words), np.uint64)
    out = np.empty_like(right)
    kernels.edges.band(right, below, label.shape[1], reach, row, rows, out)
    return out


class Contours(NamedTuple):
    """Contour pixels by class and row, as `kernels.distance` takes them. width: of the image."""

    starts: I64
    xs: NDArray[np.int32]
    width: int

    @property
    def ends(self) -> list[int]:
        """S + 1 integers: where the pixels of each slot begin, and where the last ones end."""
        return [*self.starts[:, 0].tolist(), len(self.xs)]

    def distances(self, others: Contours, spacing: tuple[float, float] = (1.0, 1.0), limit: float = np.inf) -> F64:
        """(N,) float64: from each pixel to the nearest of its class in the other contours; inf without any.

        spacing: of rows and of columns. The exact Euclidean distance of pixel centers; infinite for some beyond
        `limit`. Both have the same classes. Thread-safe.
        """
        out = np.empty(len(self.xs))
        scratch = np.empty((self.starts.shape[1] - 1, self.width + 2 * kernels.distance.MARGIN), np.float32)
        steps = float(spacing[0]), float(spacing[1])
        kernels.distance.nearest(*self[:2], *others[:2], *steps, float(limit), scratch, out)
        return out

    @classmethod
    def of(
        cls, ys: NDArray[np.int32], xs: NDArray[np.int32], slots: NDArray[np.int32], kept: Bool, classes: int,
        size: tuple[int, ...],
    ) -> Contours:  # fmt: skip
        """Pixels in the order of rows, the slot of each, and which of them are meant."""
        starts = np.zeros((classes, size[0] + 1), np.int64)
        out = np.empty(len(ys), np.int32)
        kernels.distance.by_row(ys, xs, slots, kept, starts, out)
        return cls(starts, out[: starts[-1, -1]], size[1])


def contours(label: NDArray[Any], classes: Sequence[int]) -> tuple[Contours, Contours]:
    """Of each class, its pixels that touch another value by a side, or the image's edge; and without the latter.

    With the image's edge it is the mask less its erosion by a cross (`scipy.ndimage.binary_erosion`), as MONAI's
    get_mask_edges and medpy's surface distances have it. label: (H, W) uint8 or uint16. classes: S of them.
    Thread-safe.
    """
    numbers = np.full(np.iinfo(label.dtype).max + 1, -1, np.int32)
    numbers[list(classes)] = np.arange(len(classes))
    ys, xs, slots = np.empty((3, label.size + 1), np.int32)
    inner = np.empty(label.size + 1, bool)
    n = kernels.edges.contour_pixels(*changes(label), label, numbers, ys, xs, slots, inner)
    given = ys[:n], xs[:n], slots[:n]
    every = np.ones(n, bool)
    return tuple(Contours.of(*given, kept, len(classes), label.shape) for kept in (every, inner[:n]))  # type: ignore[return-value]


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
    """The pixels of a mask, as those of one class."""
    ys, xs = (axis.astype(np.int32) for axis in np.divmod(np.flatnonzero(mask), max(1, mask.shape[1])))
    return Contours.of(ys, xs, np.zeros(len(ys), np.int32), np.ones(len(ys), bool), 1, mask.shape)
