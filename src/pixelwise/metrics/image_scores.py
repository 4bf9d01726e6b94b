"""The scores of each image, their fine-grained means, and those of the worst images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..arguments import check_choice, is_whole
from ..errors import ScoreError, UsageError
from ..hints import answering, hinted
from ..results import Result, in_percent
from ..types import F64, Bool
from .confusion import Confusion
from .protocols import PROTOCOLS, ProtocolName
from .rates import mean, mean_of, rates_of_images

_SHARES = tuple(range(10, 110, 10))


@answering
@dataclass(frozen=True, slots=True, eq=False)
class ImageScores(Result):
    """The IoU of each class in each image, and the means of Wang et al. (NeurIPS 2023), as fractions from 0 to 1.

    names: N names, empty if the images have none. iou: (N, C) float64, NaN where a class does not count in an image.
    images: (N,) float64, the mean over the classes of an image. classes: (C,) float64, the mean over the images of a
    class. Images whose truth is all void are not there. miou_images, miou_classes: their means, mIoU^I and mIoU^C; of
    all summaries these are means of independent images, so their bootstrap intervals hold what they promise.
    """

    names: tuple[str, ...]
    class_names: tuple[str, ...]
    iou: F64
    images: F64
    classes: F64

    @property
    def miou_images(self) -> float:
        """mIoU^I: the mean over images of each image's mean over its classes."""
        return float(mean(self.images))

    @property
    def miou_classes(self) -> float:
        """mIoU^C: the mean over classes of each class's mean over its images."""
        return float(mean(self.classes))

    def worst_images(self, percent: float | None = None) -> float:
        """mIoU^I of the worst `percent` of the images, at least one; None: the mean over 10, 20, ... 100 percent.

        As JDTLosses, metrics/accuracy_metric.py: reduceI. UsageError if `percent` is not above 0 and at most 100.
        """
        known = np.sort(self.images[~np.isnan(self.images)])
        return _over_shares(percent, lambda q: float(mean(known[: max(1, int(q / 100 * len(known)))])))

    def worst_classes(self, percent: float | None = None) -> float:
        """mIoU^C where each class has only the worst `percent` of its images, at least one; None: as `worst_images`.

        As JDTLosses, metrics/accuracy_metric.py: reduceC.
        """
        ordered = np.sort(self.iou, axis=0)  # NaN comes last
        shown = (~np.isnan(self.iou)).sum(axis=0)
        columns = [ordered[:n, c] for c, n in enumerate(shown) if n]
        return _over_shares(
            percent, lambda q: float(np.mean([v[: max(1, int(q / 100 * len(v)))].mean() for v in columns]))
        )

    def rows(self) -> list[dict[str, Any]]:
        """One dict per image: name, mIoU and the IoU of each class in percent; `pandas.DataFrame(rows)` takes it."""
        names = self.names or tuple(str(i) for i in range(len(self.iou)))
        return [
            {"name": name, "mIoU": 100 * float(value)}
            | {c: None if np.isnan(v) else 100 * float(v) for c, v in zip(self.class_names, row, strict=True)}
            for name, value, row in zip(names, self.images, self.iou, strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON values, with the means."""
        out = Result.to_dict(self) | {"miou_images": self.miou_images, "miou_classes": self.miou_classes}
        return out | {"worst_images": self.worst_images(), "worst_classes": self.worst_classes()}

    def __repr__(self) -> str:
        found = f"mIoU of images {in_percent(self.miou_images)} %, of classes {in_percent(self.miou_classes)} %"
        return f"ImageScores({len(self.iou)} images: {found})"

    def __str__(self) -> str:
        rows = [("all", self.miou_images, self.miou_classes)]
        rows += [(f"worst {q} %", self.worst_images(q), self.worst_classes(q)) for q in (1, 5, 10)]
        rows.append(("mean of worst 10 to 100 %", self.worst_images(), self.worst_classes()))
        width = max(len(name) for name, *_ in rows)
        lines = [f"{f'{len(self.iou):,} images':<{width}}  by image %  by class %"]
        return "\n".join(
            [*lines, *(f"{name:<{width}}  {in_percent(i):>10}  {in_percent(c):>10}" for name, i, c in rows)]
        )


@hinted
def image_scores(
    confusion: Confusion,
    *,
    absent: Literal["left out", "union", "right"] = "left out",
    exclude_background: bool = False,
) -> ImageScores:
    """The scores of each image of a Confusion with `per_image=True`.

    absent: what a class is in an image whose truth does not have it. "left out": not scored (Wang et al. 2023, MONAI).
    "union": IoU 0 if it is predicted, else not scored (nnU-Net). "right": IoU 0 if it is predicted, else 1 (Kaggle;
    with exclude_background, and background and one class, the binary case of Wang et al.). exclude_background: class 0
    does not enter the means of images. UsageError `needs-per-image`, ScoreError `nothing-scored`.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> confusion = pw.Confusion(2, per_image=True)
    >>> for wrong in range(4):
    ...     _ = confusion.update(np.repeat([0, 1], [wrong, 10 - wrong]), np.repeat([0, 1], [0, 10]))
    >>> found = pw.image_scores(confusion)
    >>> found
    ImageScores(4 images: mIoU of images 85.00 %, of classes 85.00 %)
    >>> found.worst_images(50)
    0.75
    """
    check_choice("absent", absent, ("left out", "union", "right"))
    rules: dict[str, ProtocolName] = {
        "left out": "per-image", "union": "per-image-union", "right": "per-image-empties",
    }  # fmt: skip
    rule = PROTOCOLS[rules[absent]]
    names, totals = confusion.images
    scored: Bool = np.asarray(totals[:, 1].any(axis=1))
    if not scored.any():
        what = "no image has a pixel that is not void"
        raise ScoreError(what, code="nothing-scored", fix="update the confusion first")
    enter: Bool = np.arange(confusion.num_classes) >= int(bool(exclude_background))
    if not enter.any():
        raise UsageError("no class is left to average", fix="keep the background")
    iou = np.where(enter, rates_of_images(totals[scored], rule).iou, np.nan)
    kept = tuple(name for name, known in zip(names, scored, strict=True) if known) if names else ()
    return ImageScores(kept, confusion.class_names, iou, mean_of(iou, enter), mean(iou, axis=0))


def _over_shares(percent: float | None, of: Any) -> float:
    if percent is None:
        return float(np.mean([of(q) for q in _SHARES]))
    if not (is_whole(percent) or isinstance(percent, float)) or not 0 < percent <= 100:
        raise UsageError(f"percent must be above 0 and at most 100, got {percent!r}", fix="5 means 5 %")
    return float(of(percent))
