"""The scoring protocols as data: what each of them does where they differ.

Every score derives from four counts per class: pixels where truth and prediction agree, pixels of the truth, pixels of
the prediction where the truth has a class, and pixels of the truth whose prediction is not a class. Protocols differ in
what they do with void, with predictions that are not a class, with absent classes, and in what they average.
`print(PROTOCOLS["voc"])` describes one; `docs/scores.md` has all of them, and how to add one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from ..hints import ByName, answering, unknown_name
from ..types import Bool

ProtocolName: TypeAlias = Literal[
    "voc", "cityscapes", "ade20k", "mmseg", "detectron2", "torchmetrics-macro", "torchmetrics-micro", "per-image",
    "per-image-classes", "per-image-foreground", "per-image-union", "per-image-empties", "per-image-micro", "nnunet",
    "context-59", "context-60", "coco-stuff", "lip", "mapillary", "kitti", "void-as-background",
]  # fmt: skip
"""The names of the protocols, so that a type checker finds a misspelt one."""

MEANING: Final[Mapping[str, Mapping[str, str]]] = {
    "void": {
        "left out": "pixels whose truth is void are left out, whatever is predicted there",
        "class 0": "pixels whose truth is void count as truth of class 0",
    },
    "outside": {
        "error anywhere": "an error, even if the truth is void",
        "error": "an error if the truth has a class",
        "miss": "a miss: the pixel stays in the truth's count, no class gets a false positive",
        "drop": "the pixel is left out altogether",
    },
    "counted": {
        "union": "absent from the truth but predicted: IoU 0, averaged; absent from both: no IoU, not averaged",
        "truth": "absent from the truth: no IoU, not averaged, even if predicted",
        "all": "absent from the truth but predicted, or absent from both: IoU 0, averaged",
        "empty is right": "absent from the truth but predicted: IoU 0, averaged; absent from both: IoU 1, averaged",
    },
    "average": {
        "classes": "means are taken over classes, each of equal weight, from counts summed over all images",
        "pixels": "counts are summed over classes first, so large classes weigh more",
        "images": "scores are taken for each image, then averaged: small images and absent classes weigh differently",
        "images by class": "a class's score is the mean over its images; the mean is over these scores of classes",
        "pixels by image": "each image's counts are summed over classes first, then the images' scores are averaged",
    },
    "background": {
        "averaged": "class 0 is a class like the others",
        "not averaged": "class 0 does not enter the means; what is wrong there still costs the other classes",
        "void": "pixels whose truth is class 0 are left out; class 0 predicted elsewhere is outside the classes",
    },
}
"""In words: what each value of these fields of a Protocol means."""


@answering
@dataclass(frozen=True, slots=True)
class Protocol:
    """What one protocol does; `str(protocol)` describes it, the values are explained in `MEANING`.

    counted: the classes that enter the mean IoU. accuracy_counted: those that enter the mean accuracy. categories: of
    the benchmark `classes`, groups of their ids that are also scored as one class each. background: what class 0 is.
    background_of: the number of classes of which 0 is the background, or 0 for any. final: whether the benchmark ranks
    by the mean of pixel accuracy and mIoU.
    """

    name: ProtocolName
    outside: Literal["error anywhere", "error", "miss", "drop"]
    counted: Literal["union", "truth", "all", "empty is right"]
    source: str
    average: Literal["classes", "pixels", "images", "images by class", "pixels by image"] = "classes"
    void: Literal["left out", "class 0"] = "left out"
    accuracy_counted: Literal["union", "truth"] = "truth"
    classes: tuple[str, ...] = ()
    categories: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    background: Literal["averaged", "not averaged", "void"] = "averaged"
    background_of: int = 0
    final: bool = False
    note: str = ""

    @property
    def forbids_outside(self) -> bool:
        """Whether a prediction that is not a class is an error if the truth has one."""
        return self.outside in ("error", "error anywhere")

    @property
    def forbids_outside_in_void(self) -> bool:
        """Whether it is an error even if the truth is void."""
        return self.outside == "error anywhere"

    @property
    def over_images(self) -> bool:
        """Whether scores are taken for each image first."""
        return self.average in ("images", "images by class", "pixels by image")

    @property
    def pooled(self) -> bool:
        """Whether counts are summed over classes before a score is taken."""
        return self.average in ("pixels", "pixels by image")

    def background_role(self, classes: int) -> Literal["averaged", "not averaged", "void"]:
        """What class 0 of a table of `classes` classes is."""
        if classes == 1 or self.background_of not in (0, classes):
            return "averaged"
        return self.background

    def averaged(self, truth: Any, union: Any) -> Bool:
        """(..., C) bool: which classes enter the mean, by the pixels of their truth and of truth or prediction."""
        if self.counted in ("all", "empty is right"):
            return np.ones(np.shape(union), bool)
        return np.asarray((truth if self.counted == "truth" else union) > 0)

    def __str__(self) -> str:
        lines = (
            ("void", MEANING["void"][self.void]),
            ("predicted outside the classes", MEANING["outside"][self.outside]),
            ("absent classes", MEANING["counted"][self.counted]),
            ("average", MEANING["average"][self.average]),
            ("background", "" if self.background == "averaged" else MEANING["background"][self.background]),
            ("defined in", self.source),
            ("note", self.note),
        )
        return "\n".join([self.name, *(f"  {key}: {text}" for key, text in lines if text)])


CITYSCAPES_CLASSES: Final = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation",
    "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
"""The classes of the Cityscapes benchmark by train id (cityscapesscripts, helpers/labels.py)."""

CITYSCAPES_CATEGORIES: Final[Mapping[str, tuple[int, ...]]] = {
    "flat": (0, 1),
    "construction": (2, 3, 4),
    "object": (5, 6, 7),
    "nature": (8, 9),
    "sky": (10,),
    "human": (11, 12),
    "vehicle": (13, 14, 15, 16, 17, 18),
}
"""The train ids of each Cityscapes category (cityscapesscripts, helpers/labels.py)."""

_ENTRIES = (
    Protocol(
        "voc",
        outside="error anywhere",
        counted="union",
        source="VOCdevkit, VOCcode/VOCevalseg.m",
        note="the devkit gives no number (0/0) when a class is absent from both, which never happens on the official "
        "splits; here such a class is not averaged",
    ),
    Protocol(
        "cityscapes",
        outside="miss",
        counted="union",
        source="cityscapesscripts, evaluation/evalPixelLevelSemanticLabeling.py: getIouScoreForLabel, "
        "getIouScoreForCategory, getScoreAverage",
        classes=CITYSCAPES_CLASSES,
        categories=CITYSCAPES_CATEGORIES,
        note="ids that the script ignores in evaluation are void in the truth and outside the classes in a "
        "prediction. With the 19 official classes there are also scores for the 7 categories, where a confusion "
        "inside a category is a hit. Instance-weighted scores (iIoU) need instances: InstanceConfusion",
    ),
    Protocol(
        "ade20k",
        outside="miss",
        counted="all",
        source="CSAILVision/sceneparsing, demoEvaluation.m and evaluationCode/intersectionAndUnion.m",
        final=True,
        note="IoU = intersection / (eps + union), so a class that is nowhere counts 0. The challenge's final score "
        "is the mean of pixel accuracy and mIoU. A prediction above the classes is a miss, as in the Python code "
        "(utils_eval.py); the MATLAB code counts it as a prediction of the last class",
    ),
    Protocol(
        "mmseg",
        outside="miss",
        counted="union",
        source="mmsegmentation, mmseg/evaluation/metrics/iou_metric.py: IoUMetric; Hugging Face evaluate, mean_iou",
        note="counted here in integers; IoUMetric sums float32 histograms, exact to 2^24 pixels only, rounds to "
        "0.01 %, and silently drops truth outside the classes, which here is an error. With one class its histogram "
        "counts another range of ids and gives other numbers",
    ),
    Protocol(
        "detectron2",
        outside="drop",
        counted="truth",
        source="detectron2, detectron2/evaluation/sem_seg_evaluation.py: SemSegEvaluator.evaluate",
        note="a class that is predicted but absent from every image costs nothing itself; only the classes that it "
        "hides lose",
    ),
    Protocol(
        "torchmetrics-macro",
        outside="error",
        counted="union",
        accuracy_counted="union",
        source="torchmetrics 1.9, functional/classification/jaccard.py: _jaccard_index_reduce(average='macro')",
        note="accuracy follows MulticlassAccuracy(average='macro'), which averages 0 for a class that is predicted "
        "but absent from the truth; torchmetrics turns the counts into float32 first",
    ),
    Protocol(
        "torchmetrics-micro",
        outside="error",
        counted="union",
        average="pixels",
        source="torchmetrics 1.9, functional/classification/jaccard.py: _jaccard_index_reduce(average='micro')",
        note="a function of pixel accuracy a alone, a / (2 - a): it says nothing about rare classes",
    ),
    Protocol(
        "per-image",
        outside="miss",
        counted="truth",
        average="images",
        source="mIoU^I of Wang et al.: Revisiting evaluation metrics for semantic segmentation, NeurIPS 2023, and "
        "JDTLosses, metrics/accuracy_metric.py; MONAI, MeanIoU and DiceMetric(include_background=True)",
        note="an image whose truth is all void has no score and is not averaged. The classes of an image are those of "
        "its truth: stray pixels of another class cost only the classes that they hide. A class's IoU is the mean over "
        "the images in whose truth it is",
    ),
    Protocol(
        "per-image-classes",
        outside="miss",
        counted="truth",
        average="images by class",
        source="mIoU^C of Wang et al. 2023, and JDTLosses, metrics/accuracy_metric.py",
        note="as per-image, but every class weighs the same, however many images it is in. Their code gives no mean "
        "(0/0) when a class is in no image; here such a class is not averaged",
    ),
    Protocol(
        "per-image-foreground",
        outside="miss",
        counted="empty is right",
        average="images",
        background="not averaged",
        source="mIoU^I of Wang et al. 2023 with binary=True (JDTLosses, metrics/accuracy_metric.py); Dice of Kaggle's "
        "mask challenges (Carvana, SIIM-ACR, Severstal), whose masks have no background class",
        note="class 0 is the background. An image without a class scores 1 for it if nothing is predicted, else 0",
    ),
    Protocol(
        "per-image-union",
        outside="miss",
        counted="union",
        average="images",
        source="Csurka, Larlus, Perronnin: What is a good evaluation measure for semantic segmentation? BMVC 2013, "
        "for the average over images; the classes of an image are those in its truth or its prediction",
        note="a few stray pixels of a class cost as much as a missed class, so with noisy predictions it is far lower "
        "than per-image. An image whose truth is all void has no score and is not averaged. A class's IoU is the mean "
        "over the images in whose truth or prediction it is",
    ),
    Protocol(
        "per-image-empties",
        outside="miss",
        counted="empty is right",
        average="images",
        source="MONAI, MeanIoU and DiceMetric(ignore_empty=False); segmentation_models.pytorch, iou_score and f1_score "
        "(reduction='macro-imagewise')",
        note="every class that is neither in an image nor predicted there counts 1, so it is high where classes are "
        "many and images hold few",
    ),
    Protocol(
        "per-image-micro",
        outside="miss",
        counted="union",
        average="pixels by image",
        source="segmentation_models.pytorch, iou_score and f1_score(reduction='micro-imagewise')",
        note="as torchmetrics-micro, of each image alone",
    ),
    Protocol(
        "nnunet",
        outside="miss",
        counted="union",
        average="images by class",
        background="not averaged",
        source="nnU-Net v2, evaluation/evaluate_predictions.py: compute_metrics, compute_metrics_on_folder "
        "(foreground_mean)",
        note="cases are images here. Class 0 is the background. Its Dice is mean_dice",
    ),
    Protocol(
        "context-59",
        outside="miss",
        counted="union",
        background="void",
        background_of=60,
        source="mmsegmentation, PascalContextDataset59 (reduce_zero_label=True) with IoUMetric",
        note="of a table of 60 classes, 0 is the background, which is void; a table of 59 classes has no background. "
        "A model of 60 classes loses the pixels that it calls background: give it no such class",
    ),
    Protocol(
        "context-60",
        outside="miss",
        counted="union",
        source="mmsegmentation, PascalContextDataset with IoUMetric",
        note="the background counts as a class",
    ),
    Protocol(
        "coco-stuff",
        outside="error anywhere",
        counted="truth",
        source="nightrome/cocostuffapi, PythonAPI/pycocotools/cocostuffeval.py: _accumulateConfusion, _computeMetrics",
        note="their code turns a prediction of 0 (no label) into one of the last class; here it is an error",
    ),
    Protocol(
        "lip",
        outside="error",
        counted="union",
        source="Gong et al.: Look into Person, CVPR 2017, which reports the scores of Long, Shelhamer, Darrell: Fully "
        "convolutional networks, CVPR 2015 (fast_hist of its score.py)",
        note="the background, class 0, counts as a class; their code stops at a prediction outside the classes",
    ),
    Protocol(
        "mapillary",
        outside="drop",
        counted="union",
        source="mapillary/mapillary_vistas, evaluation/confusion_matrix.py: "
        "reduce_evaluation_to_evaluated_categories, calculate_iou",
        note="rows and columns of labels that are not evaluated are cut out of the matrix, so a pixel predicted "
        "as such a label costs nothing",
    ),
    Protocol(
        "kitti",
        outside="miss",
        counted="union",
        source="the KITTI semantic benchmark, which runs cityscapesscripts, "
        "evaluation/evalPixelLevelSemanticLabeling.py, on its own images",
        classes=CITYSCAPES_CLASSES,
        categories=CITYSCAPES_CATEGORIES,
        note="the Cityscapes protocol; its instance-weighted scores need instances: InstanceConfusion",
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

PROTOCOLS: Final[Mapping[ProtocolName, Protocol]] = MappingProxyType(
    ByName("protocol", {p.name: p for p in _ENTRIES})
)
"""Every protocol by its name."""


def protocol_named(name: ProtocolName) -> Protocol:
    """The protocol of that name. UnknownNameError, which lists all names, if there is none."""
    try:
        return PROTOCOLS[name]
    except TypeError:  # not even hashable
        raise unknown_name("protocol", name, PROTOCOLS) from None
