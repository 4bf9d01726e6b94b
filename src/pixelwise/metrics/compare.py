"""All protocols on one confusion, side by side, and why their numbers differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import PixelwiseError
from .confusion import Confusion
from .protocols import PROTOCOLS
from .rates import Scores, Totals


@dataclass(frozen=True, slots=True)
class Comparison:
    """The scores of every protocol. scores: by protocol, in the order of `PROTOCOLS`. refused: by protocol,
    why it gives no number. reasons: what in these predictions makes the numbers differ. `str()` is a table.
    """

    scores: dict[str, Scores]
    refused: dict[str, str]
    reasons: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "scores": {name: scores.to_dict() for name, scores in self.scores.items()},
            "refused": dict(self.refused),
            "reasons": list(self.reasons),
        }

    def __str__(self) -> str:
        width = max(len(name) for name in PROTOCOLS)
        lines = [f"{'protocol':<{width}}  mIoU %  pixel accuracy %  mean over"]
        for name, rule in PROTOCOLS.items():
            if name in self.refused:
                lines.append(f"{name:<{width}}       -                 -  {self.refused[name]}")
                continue
            found = self.scores[name]
            over = {
                "classes": f"{int(found.counted.sum())} of {len(found.names)} classes",
                "pixels": "all pixels",
                "images": f"{found.images} images",
            }[rule.average]
            lines.append(
                f"{name:<{width}}  {100 * found.miou:6.2f}  {100 * found.pixel_accuracy:16.2f}  {over}"
            )
        return "\n".join([*lines, "", *self.reasons])


def compare_protocols(confusion: Confusion) -> Comparison:
    """Score `confusion` by every protocol. ScoreError `nothing-scored` for an empty one."""
    confusion.scores("mmseg")  # refuses an empty confusion
    scores, refused = {}, {}
    for name in PROTOCOLS:
        try:
            scores[name] = confusion.scores(name)
        except PixelwiseError as error:
            refused[name] = (
                f"{error.message}; {error.fix}" if error.code == "needs-per-image" else error.message
            )
    return Comparison(scores, refused, _reasons(confusion))


def _reasons(confusion: Confusion) -> tuple[str, ...]:
    counts, names = confusion.counts, np.array(confusion.class_names)
    totals = Totals.of(counts)
    invented = (totals.truth == 0) & (totals.predicted > 0)
    nowhere = (totals.truth == 0) & (totals.predicted == 0)
    outside, void = int(totals.outside.sum()), int(counts[-1].sum())
    reasons = ["Why they differ:"]
    if invented.any():
        reasons.append(
            f"- predicted, but in no truth: {_list(names[invented])}. detectron2 leaves these classes out of "
            "the mean, the others average IoU 0."
        )
    if nowhere.any():
        reasons.append(
            f"- neither in the truth nor predicted: {_list(names[nowhere])}. ade20k averages IoU 0, the "
            "others leave these classes out."
        )
    if outside:
        reasons.append(
            f"- {outside:,} pixels are predicted outside the classes. cityscapes, ade20k and mmseg count "
            "misses, detectron2 leaves the pixels out, voc and torchmetrics refuse."
        )
    reasons.append("- torchmetrics-micro pools the pixels of all classes, so that the largest class decides.")
    reasons.append(
        "- per-image averages over images, so that small images and absent classes weigh differently."
    )
    if void:
        reasons.append(
            f"- void-as-background scores {void:,} void pixels as class {names[0]}; no other does."
        )
    return tuple(reasons)


def _list(names: Any) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
