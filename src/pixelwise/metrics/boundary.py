"""Scores near boundaries: boundary IoU, and the trimap of DeepLab's plots."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .confusion import Confusion
from .rates import F64, Totals, mean, ratio

_VOID, _OUTSIDE = np.uint16(65_534), np.uint16(65_535)  # no class of a Confusion is as large


def band_width(height: int, width: int, dilation_ratio: float = 0.02) -> int:
    """`dilation_ratio` of the image's diagonal in pixels, rounded, at least 1 (Cheng et al. 2021)."""
    return max(1, round(dilation_ratio * float(np.hypot(height, width))))


def boundary_band(label: NDArray[Any], width: int) -> NDArray[np.bool_]:
    """(H, W) bool: pixels with another value within `width` rows and columns, or so near to the image's edge.

    For the pixels of one class this is the class's mask less its erosion by a square of `2 * width + 1`,
    which is what boundary IoU erodes (`mask_to_boundary` of bowenc0221/boundary-iou-api erodes `width`
    times by 3 x 3). label: (H, W) uint8 or uint16. Thread-safe.
    """
    _check(label, width)
    band = _near(label, width, lambda low, high: low != high)
    for edge in (band[:width], band[-width:], band[:, :width], band[:, -width:]):
        edge[...] = True
    return band


def trimap(
    truth: NDArray[Any],
    width: int,
    ignore_index: int = 255,
    around: Literal["boundaries", "void"] = "boundaries",
) -> NDArray[Any]:
    """A copy of `truth` that is void but for a band of `width` pixels around its boundaries; feed it to a
    Confusion.

    around "boundaries": pixels with another value, void included, within `width` rows and columns (Kohli,
    Ladicky, Torr: Robust higher order potentials, IJCV 2009). around "void": pixels with void within that
    square, which is what DeepLab plots on VOC, where void marks the boundaries (MyVOCevalsegBoundary.m
    dilates void by a square of `2 * width + 1`). truth: (H, W) uint8 or uint16.
    """
    _check(truth, width)
    if around == "void":
        band = _near((truth == ignore_index).astype(np.uint8), width, lambda low, high: high > 0)
    else:
        band = _near(truth, width, lambda low, high: low != high)
    return np.where(band, truth, truth.dtype.type(ignore_index))


class BoundaryConfusion:
    """Boundary IoU, summed over images: the IoU of each class within its own inner boundary bands.

    Cheng, Girshick, Dollar, Berg, Kirillov: Boundary IoU, CVPR 2021. For class c it is the IoU of two sets:
    pixels of c in the truth that are nearer to the edge of c's truth than the band's width, and the same of
    the prediction. The paper defines it for binary masks; here the counts of each class are summed over
    images first, like IoU. The band's width is `dilation_ratio` of each image's diagonal (the paper's
    0.02), or `width` pixels where given. Void truth is made void in the prediction too, before the bands
    are found, so that both see the same edges of void; void pixels are not scored.

    plain: the Confusion of the same images, so that IoU stands beside boundary IoU. num_classes: at most
    4095. Thread-safe, and merges by addition, as Confusion.
    """

    def __init__(
        self,
        num_classes: int,
        ignore_index: int | None = 255,
        *,
        dilation_ratio: float = 0.02,
        width: int | None = None,
    ) -> None:
        if width is None and not 0 < dilation_ratio < 1:
            raise UsageError(f"dilation_ratio must lie in 0..1, got {dilation_ratio}")
        if width is not None and width < 1:
            raise UsageError(f"the band's width must be at least 1 pixel, got {width}")
        self.dilation_ratio, self.width = float(dilation_ratio), width
        self.plain = Confusion(num_classes, ignore_index)
        # One class more, for pixels inside: a pixel may be in the band of one side only.
        self._bands = Confusion(num_classes + 1, int(_VOID))

    def update(self, prediction: Any, truth: Any, name: str | None = None) -> BoundaryConfusion:
        """Count one image: (H, W) integer ids each. Errors as `Confusion.update`. Returns self."""
        truth, prediction = np.asarray(truth), np.asarray(prediction)
        if truth.ndim != 2 or prediction.dtype.kind not in "iub":
            what = f"one image (H, W) of class ids at a time, got {prediction.dtype} {truth.shape}"
            raise UsageError(what, where=name)
        # First, because it refuses wrong sizes and wrong truth before a band is counted.
        self.plain.update(prediction, truth, name)
        classes, ignore = self.plain.num_classes, self.plain.ignore_index
        void = np.zeros(truth.shape, bool) if ignore is None else truth == ignore
        width = self.width or band_width(truth.shape[0], truth.shape[1], self.dilation_ratio)
        truth = np.where(void, _VOID, truth).astype(np.uint16)
        known = (prediction >= 0) & (prediction < classes)
        prediction = np.where(void, _VOID, np.where(known, prediction, _OUTSIDE)).astype(np.uint16)
        bands = [
            np.where(boundary_band(label, width) | void, label, np.uint16(classes))
            for label in (prediction, truth)
        ]
        self._bands.update(bands[0], bands[1])
        return self

    @property
    def iou(self) -> F64:
        """(C,) float64: boundary IoU by class, NaN where neither side has a boundary of the class."""
        totals = Totals.of(self._bands.counts)
        return ratio(totals.agreed, totals.truth + totals.predicted - totals.agreed)[:-1]

    @property
    def miou(self) -> float:
        """The mean of `iou` over the classes that have one."""
        return float(mean(self.iou))

    def __iadd__(self, other: BoundaryConfusion) -> BoundaryConfusion:
        if not isinstance(other, BoundaryConfusion):
            return NotImplemented
        if (self.dilation_ratio, self.width) != (other.dilation_ratio, other.width):
            raise UsageError("cannot add boundary confusions of different bands", code="confusions-differ")
        self.plain += other.plain
        self._bands += other._bands
        return self

    def __add__(self, other: BoundaryConfusion) -> BoundaryConfusion:
        if not isinstance(other, BoundaryConfusion):
            return NotImplemented
        classes, ignore = self.plain.num_classes, self.plain.ignore_index
        out = BoundaryConfusion(classes, ignore, dilation_ratio=self.dilation_ratio, width=self.width)
        out += self
        out += other
        return out


def _near(label: NDArray[Any], width: int, test: Any) -> NDArray[np.bool_]:
    # The smallest and the largest value in a square around each pixel; beyond the edge OpenCV counts nothing.
    import cv2

    square = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    out: NDArray[np.bool_] = test(cv2.erode(label, square), cv2.dilate(label, square))
    return out


def _check(label: NDArray[Any], width: int) -> None:
    if label.ndim != 2 or label.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"labels must be (H, W) uint8 or uint16, got {label.shape} {label.dtype}")
    if width < 1:
        raise UsageError(f"the band's width must be at least 1 pixel, got {width}")
