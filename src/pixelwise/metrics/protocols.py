"""The scoring protocols: one formula for each score, and a table of what each protocol does where they
differ.

Every score derives from four counts a class: pixels where truth and prediction agree, pixels of the truth,
pixels of the prediction where the truth has a class, and pixels of the truth whose prediction is no class.
Protocols differ in what they do with void, with predictions that are no class, with classes that are
absent, and over what they average. `PROTOCOLS` says it for each, with the place where it is defined;
`print(PROTOCOLS["voc"])` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ..errors import UnknownNameError

_VOID = {
    "left out": "pixels whose truth is void are left out, whatever is predicted there",
    "class 0": "pixels whose truth is void count as truth of class 0",
}
_OUTSIDE = {
    "error anywhere": "an error, even where the truth is void",
    "error": "an error where the truth has a class",
    "miss": "a miss: the pixel stays in the truth's count, no class gets a false positive",
    "drop": "the pixel is left out altogether",
}
_ABSENT = {
    "union": "absent from the truth but predicted: IoU 0, averaged; absent from both: no IoU, not averaged",
    "truth": "absent from the truth: no IoU, not averaged, even where predicted; absent from both: likewise",
    "all": "absent from the truth but predicted, or absent from both: IoU 0, averaged",
}
_AVERAGE = {
    "classes": "means are taken over classes, each of equal weight, from counts summed over all images",
    "pixels": "counts are summed over classes first, so that large classes weigh more",
    "images": "scores are taken in each image, and then averaged over images",
}


@dataclass(frozen=True, slots=True)
class Protocol:
    """What one protocol does; `str(protocol)` says it. counted: the classes that enter the mean."""

    name: str
    outside: Literal["error anywhere", "error", "miss", "drop"]
    counted: Literal["union", "truth", "all"]
    source: str
    average: Literal["classes", "pixels", "images"] = "classes"
    void: Literal["left out", "class 0"] = "left out"
    accuracy_counted: Literal["union", "truth"] = "truth"
    note: str = ""

    def __str__(self) -> str:
        lines = (
            ("void", _VOID[self.void]),
            ("predicted outside the classes", _OUTSIDE[self.outside]),
            ("absent classes", _ABSENT[self.counted]),
            ("average", _AVERAGE[self.average]),
            ("defined in", self.source),
            ("note", self.note),
        )
        return "\n".join([self.name, *(f"  {key}: {text}" for key, text in lines if text)])


_ENTRIES = (
    Protocol(
        "voc",
        outside="error anywhere",
        counted="union",
        source="VOCdevkit, VOCcode/VOCevalseg.m",
        note="the devkit gives no number (0/0) when a class is absent from both, which never happens "
        "on the official "
        "splits; here such a class is not averaged",
    ),
    Protocol(
        "cityscapes",
        outside="miss",
        counted="union",
        source="cityscapesscripts, evaluation/evalPixelLevelSemanticLabeling.py: getIouScoreForLabel, "
        "getIouScoreForCategory, getScoreAverage",
        note="ids that the script ignores in evaluation are void in the truth and outside the classes in a "
        "prediction. With the 19 official classes there are also scores for the 7 categories, where "
        "a confusion "
        "inside a category is a hit. Instance-weighted scores (iIoU) need instances and are not made",
    ),
    Protocol(
        "ade20k",
        outside="miss",
        counted="all",
        source="CSAILVision/sceneparsing, demoEvaluation.m and evaluationCode/intersectionAndUnion.m",
        note="IoU = intersection / (eps + union), so a class that is nowhere counts 0. The "
        "challenge's final score "
        "is the mean of pixel accuracy and mIoU",
    ),
    Protocol(
        "mmseg",
        outside="miss",
        counted="union",
        source="mmsegmentation, mmseg/evaluation/metrics/iou_metric.py: IoUMetric; Hugging Face "
        "evaluate, mean_iou",
        note="counted here in integers; IoUMetric sums float32 histograms, exact to 2^24 pixels "
        "only, rounds to "
        "0.01 %, and drops truth outside the classes in silence, which here is an error",
    ),
    Protocol(
        "detectron2",
        outside="drop",
        counted="truth",
        source="detectron2, detectron2/evaluation/sem_seg_evaluation.py: SemSegEvaluator.evaluate",
        note="a class that is predicted where no image has it costs nothing itself; only the classes "
        "that it hides "
        "lose",
    ),
    Protocol(
        "torchmetrics-macro",
        outside="error",
        counted="union",
        accuracy_counted="union",
        source="torchmetrics 1.9, functional/classification/jaccard.py: "
        "_jaccard_index_reduce(average='macro')",
        note="accuracy follows MulticlassAccuracy(average='macro'), which averages 0 for a class "
        "that is predicted "
        "but absent from the truth; torchmetrics turns the counts into float32 first",
    ),
    Protocol(
        "torchmetrics-micro",
        outside="error",
        counted="union",
        average="pixels",
        source="torchmetrics 1.9, functional/classification/jaccard.py: "
        "_jaccard_index_reduce(average='micro')",
        note="a function of pixel accuracy a alone, a / (2 - a): it says nothing about rare classes",
    ),
    Protocol(
        "per-image",
        outside="miss",
        counted="union",
        average="images",
        source="Csurka, Larlus, Perronnin: What is a good evaluation measure for semantic "
        "segmentation? BMVC 2013, "
        "for the average over images; the classes of an image are those in its truth or its prediction",
        note="an image whose truth is all void has no score and is not averaged. A class's IoU is "
        "the mean over the "
        "images in whose truth or prediction it is",
    ),
    Protocol(
        "void-as-background",
        outside="miss",
        counted="union",
        void="class 0",
        source="no benchmark: what a label reader does that turns unknown colors or 255 into class 0",
        note="here to show what the mistake costs; not for reporting",
    ),
)

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType({p.name: p for p in _ENTRIES})
"""Every protocol by its name."""

CITYSCAPES_CLASSES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation",
    "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
"""The classes of the Cityscapes benchmark by train id (cityscapesscripts, helpers/labels.py)."""

CITYSCAPES_CATEGORIES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "flat": (0, 1),
        "construction": (2, 3, 4),
        "object": (5, 6, 7),
        "nature": (8, 9),
        "sky": (10,),
        "human": (11, 12),
        "vehicle": (13, 14, 15, 16, 17, 18),
    }
)
"""The train ids of each Cityscapes category (cityscapesscripts, helpers/labels.py)."""


def protocol_named(name: str) -> Protocol:
    """The protocol of that name. UnknownNameError with all names otherwise."""
    try:
        return PROTOCOLS[name]
    except (KeyError, TypeError):
        raise UnknownNameError(
            f"no protocol named {name!r}",
            code="unknown-protocol",
            fix=f"the protocols are: {', '.join(PROTOCOLS)}",
        ) from None
