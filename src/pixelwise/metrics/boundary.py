"""Scores near boundaries: boundary IoU, and the trimap of DeepLab's plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..arguments import as_array, as_ids, check_choice, check_count, check_open_share, check_whole
from ..classes import ClassTable
from ..errors import UsageError
from ..hints import hinted
from ..results import in_percent
from ..types import F64, Bool
from .confusion import Confusion
from .contours import change_band, count_bands
from .counting import codes_of
from .rates import Totals, mean, ratio
from .sums import Sum

_VOID = 65_534  # of the saved bands; no class of a Confusion is as large


def band_width(height: int, width: int, dilation_ratio: float = 0.02) -> int:
    """`dilation_ratio` of the image's diagonal in pixels, rounded, at least 1 (Cheng et al. 2021)."""
    return max(1, round(dilation_ratio * float(np.hypot(height, width))))


def boundary_band(label: NDArray[Any], width: int) -> Bool:
    """(H, W) bool: pixels that have another value, or the image's edge, within `width` rows and columns.

    For the pixels of one class this is the class's mask less its erosion by a square of `2 * width + 1`, which is what
    boundary IoU erodes (`mask_to_boundary` of bowenc0221/boundary-iou-api erodes `width` times by 3 x 3). label: (H, W)
    integers of any type. Thread-safe.
    """
    label, width = _checked("label", label, None), check_count("width", width)
    band = change_band(label, width)
    for edge in (band[:width], band[-width:], band[:, :width], band[:, -width:]):
        edge[...] = True
    return band


@hinted
def trimap(
    truth: NDArray[Any], width: int, ignore_index: int = 255, around: Literal["boundaries", "void"] = "boundaries"
) -> NDArray[Any]:
    """A copy of `truth` that is void except in a band around its boundaries. Score against it to see errors there.

    width: of the band on each side, in pixels. around "boundaries": keep pixels that have another value, void included,
    within `width` rows and columns (Kohli, Ladicky, Torr: Robust higher order potentials, IJCV 2009). around "void":
    keep pixels that have void within that square, which is what DeepLab plots on VOC, whose boundaries are marked by
    void (MyVOCevalsegBoundary.m dilates void by a square of `2 * width + 1`). truth: (H, W) integers, any array that
    `Confusion.update` takes; masked pixels are void. ignore_index: a value that the dtype of the truth holds.
    UsageError for other arrays (`bad-array`), for another `ignore_index` and for a width below 1.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> truth = np.array([[0, 0, 0, 0, 1, 1, 1]], np.uint8)
    >>> pw.trimap(truth, width=2)
    array([[255, 255,   0,   0,   1,   1, 255]], dtype=uint8)
    >>> pw.Confusion(2).update(prediction=np.zeros_like(truth), truth=pw.trimap(truth, width=2))
    Confusion(num_classes=2, ignore_index=255: 4 pixels, 3 void)
    """
    ignore_index = check_whole("ignore_index", ignore_index, -(1 << 63), (1 << 64) - 1)
    truth, width = _checked("truth", truth, ignore_index), check_count("width", width)
    check_choice("around", around, ("boundaries", "void"))
    bounds = np.iinfo(truth.dtype)
    if not bounds.min <= ignore_index <= bounds.max:
        fix = "convert the truth, such as truth.astype(numpy.int64)"
        raise UsageError(f"ignore_index {ignore_index} does not fit into a truth of {truth.dtype}", fix=fix)
    void = truth == ignore_index
    band = change_band(void, width) | void if around == "void" else change_band(truth, width)
    return np.where(band, truth, truth.dtype.type(ignore_index))


@hinted
class BoundaryConfusion(Sum):
    """Boundary IoU, summed over images: the IoU of each class within its own inner boundary bands.

    Cheng, Girshick, Dollar, Berg, Kirillov: Boundary IoU, CVPR 2021. For class c it is the IoU of two sets: pixels of c
    in the truth that are nearer to the edge of c's truth than the band's width, and the same for the prediction. The
    paper defines it for binary masks; here the counts of each class are summed over images first, as for IoU. The
    band's width is `dilation_ratio` of each image's diagonal (the paper's 0.02), or `width` pixels if given. Void truth
    is made void in the prediction too, before the bands are found, so both have the same edges of void; void pixels
    are not scored.

    plain: the Confusion of the same images, for comparing IoU with boundary IoU. num_classes: at most 4095.
    ignore_index, class_names: as for Confusion. Thread-safe, and merges by addition, as Confusion. `str()` is a table.
    """

    _format = "pixelwise-boundary-confusion"

    def __init__(
        self,
        num_classes: int | ClassTable,
        ignore_index: int | None = 255,
        *,
        class_names: Sequence[str] | None = None,
        dilation_ratio: float = 0.02,
        width: int | None = None,
    ) -> None:
        self.dilation_ratio: float = check_open_share("dilation_ratio", dilation_ratio)
        self.width: int | None = None if width is None else check_count("width", width)
        self.plain: Confusion = Confusion(num_classes, ignore_index, class_names=class_names)
        # One more class, for pixels inside: a pixel may be in the band of one side only.
        self._bands = Confusion(self.plain.num_classes + 1, _VOID)

    def update(self, prediction: Any, truth: Any, names: str | Sequence[str] | None = None) -> BoundaryConfusion:
        """Count one image or a batch, (H, W) or (B, H, W) integer ids each; returns self.

        names: of the images, for messages. Raises as `Confusion.update`, and UsageError for logits.
        """
        prediction = as_array("prediction", prediction)
        truth = as_ids("truth", truth, void=self.plain.ignore_index)
        if truth.ndim not in (2, 3) or prediction.dtype.kind not in "iub":
            raise UsageError(
                "boundary IoU takes class ids of one image (H, W) or a batch (B, H, W), got "
                f"{prediction.dtype} {prediction.shape}",
                where=names if isinstance(names, str) else None,
            )
        # First, because it refuses wrong sizes and wrong truth before a band is counted.
        self.plain.update(prediction, truth, names)
        for p, t in zip(prediction, truth, strict=True) if truth.ndim == 3 else [(prediction, truth)]:
            self._update_bands(p, t)
        return self

    def _update_bands(self, prediction: NDArray[Any], truth: NDArray[Any]) -> None:
        classes = self.plain.num_classes
        width = self.width or band_width(truth.shape[0], truth.shape[1], self.dilation_ratio)
        sides = codes_of(prediction, truth, classes, self.plain.ignore_index)
        counts = np.zeros((classes + 2, classes + 2), np.int64)
        count_bands(*sides, width, classes, counts)
        self._bands._add(counts, (), (), truth.size)

    @property
    def iou(self) -> F64:
        """(C,) float64: boundary IoU by class, NaN if neither side has a boundary of the class."""
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

    def _empty(self) -> BoundaryConfusion:
        return self._like(self.plain, self.dilation_ratio, self.width)

    @classmethod
    def _like(cls, plain: Confusion, ratio: float, width: int | None) -> BoundaryConfusion:
        options: Any = {"class_names": plain.class_names, "dilation_ratio": ratio, "width": width}
        return cls(plain.num_classes, plain.ignore_index, **options)

    @property
    def _described(self) -> str:
        return f"{self.dilation_ratio:g} of the diagonal" if self.width is None else f"{self.width} pixels"

    def __repr__(self) -> str:
        classes, ignore = self.plain.num_classes, self.plain.ignore_index
        return (
            f"BoundaryConfusion(num_classes={classes}, ignore_index={ignore}: boundary mIoU {in_percent(self.miou)} %, "
            f"bands of {self._described})"
        )

    def __str__(self) -> str:
        width = max(len("mean IoU"), *(len(name) for name in self.plain.class_names))
        rows = [*zip(self.plain.class_names, self.iou, strict=True), ("mean IoU", self.miou)]
        lines = [f"{'bands':<{width}}  boundary IoU %", *(f"{name:<{width}}  {in_percent(v):>14}" for name, v in rows)]
        return "\n".join([*lines, "", f"bands of {self._described}"])

    def _values(self) -> dict[str, Any]:
        return {
            "dilation_ratio": self.dilation_ratio,
            "width": self.width,
            "plain": self.plain.to_dict(),
            "bands": self._bands.to_dict(),
        }

    @classmethod
    def _from_values(cls, data: Mapping[str, Any]) -> BoundaryConfusion:
        plain, bands = (Confusion.from_dict(data[name]) for name in ("plain", "bands"))
        out = cls._like(plain, data["dilation_ratio"], data["width"])
        out.plain += plain
        out._bands += bands
        return out


def _checked(name: str, label: Any, void: int | None) -> NDArray[Any]:
    found = as_ids(name, label, void=void)
    if found.ndim != 2:
        raise UsageError(f"{name} must be (H, W) integers, got {found.shape} {found.dtype}", code="bad-array")
    return found
