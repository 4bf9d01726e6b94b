"""Scores of classes that weigh every object alike, for predictions without objects: iIoU, mIoU^K."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..arguments import as_array, as_ids, check_whole
from ..classes import ClassTable
from ..errors import ScoreError, UsageError
from ..hints import answering, hinted
from ..results import Result, in_percent
from ..types import F64, I64, Displayed, Rows
from .confusion import Confusion
from .counting import codes_of
from .protocols import CITYSCAPES_CATEGORIES, CITYSCAPES_CLASSES
from .rates import mean, ratio
from .sums import Sum

CITYSCAPES_OBJECT_SIZES: Final[Mapping[str, float]] = MappingProxyType(
    {
        "person": 3462.4756337644, "rider": 3930.4788056518, "car": 12794.0202738185, "truck": 27855.1264367816,
        "bus": 35732.1511111111, "train": 67583.7075812274, "motorcycle": 6298.7200839748, "bicycle": 4672.3249222261,
    }
)  # fmt: skip
"""Mean pixels of an object (cityscapesscripts, evaluation/evalPixelLevelSemanticLabeling.py: avgClassSize)."""

_CITYSCAPES_FIRST = 1001  # there: instanceNp > 1000; below are classes without objects, and crowds
_MOST_SLOTS = 1 << 24


@answering
@dataclass(frozen=True, slots=True, eq=False)
class InstanceScores(Result):
    """Scores by object, as fractions from 0 to 1; NaN if there is none.

    iiou: (C,) float64, the instance-weighted IoU of Cityscapes, of classes that have an object size. object_iou: (C,)
    float64, the mean IoU of the objects of a class (IoU^K of Wang et al. 2023); of a class without objects, of its
    images. objects: (C,) int64, how many there are. miiou, object_miou: the means over classes. categories: name ->
    iIoU, for the classes of Cityscapes only, where it is for human and vehicle.
    """

    class_names: tuple[str, ...]
    iiou: F64
    object_iou: F64
    objects: I64
    miiou: float
    object_miou: float
    categories: Mapping[str, float] | None = None

    @property
    def category_miiou(self) -> float | None:
        """The mean of the categories that have one, or None."""
        return None if self.categories is None else float(mean(np.array(list(self.categories.values()))))

    def __repr__(self) -> str:
        found = f"mean iIoU {in_percent(self.miiou)} %, mean IoU of objects {in_percent(self.object_miou)} %"
        return f"InstanceScores({int(self.objects.sum()):,} objects: {found})"

    def __str__(self) -> str:
        width = max(10, *(len(name) for name in self.class_names))
        rows = zip(self.class_names, self.objects, self.iiou, self.object_iou, strict=True)
        lines = [f"{'':<{width}}  {'objects':>8}  iIoU %  IoU of objects %"]
        for name, n, one, two in [*rows, ("mean", self.objects.sum(), self.miiou, self.object_miou)]:
            lines.append(f"{name:<{width}}  {n:>8,}  {in_percent(one):>6}  {in_percent(two):>16}")
        if self.categories is not None:
            lines += ["", *(f"{k:<{width}}  {'':>8}  {in_percent(v):>6}" for k, v in self.categories.items())]
        return "\n".join(lines)


def first_object_of(names: tuple[str, ...]) -> int:
    """The smallest number of an object in the instance maps of a dataset with these classes."""
    return _CITYSCAPES_FIRST if names == CITYSCAPES_CLASSES else 1


@hinted
class InstanceConfusion(Sum, Displayed):
    """Pixels of the objects of the truth, by what was predicted there; the prediction has classes only.

    Two scores come from it. iIoU (Cordts et al., CVPR 2016) counts each pixel of an object by the average size of its
    class over the size of the object; false positives count plainly. IoU^K (Wang et al., NeurIPS 2023) is the IoU of
    each object, where the false positives of a class in an image are shared out by size; then the mean over objects.

    num_classes, ignore_index, class_names: as for Confusion. sizes: class name -> average pixels of an object; default:
    Cityscapes' own for its classes, else the mean of the objects that were counted. first_object: the smallest number
    of an object; default: 1, and 1001 for the classes of Cityscapes, as its instance maps are. plain: the Confusion of
    the same images, with the totals of each. Thread-safe, and merges by addition; `str()` of the scores is a table.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> truth = np.array([[0, 1, 1, 1, 1, 1]])
    >>> confusion = pw.InstanceConfusion(2, class_names=("road", "car"))
    >>> confusion.update([[0, 1, 1, 1, 1, 0]], truth, [[0, 7, 7, 7, 7, 8]])  # the large car is found, the small one not
    InstanceConfusion(num_classes=2: 2 objects in 1 images)
    >>> found = confusion.scores()
    >>> float(confusion.plain.scores().iou[1]), float(found.iiou[1]), float(found.object_iou[1])
    (0.8, 0.5, 0.5)
    """

    _format = "pixelwise-instance-confusion"

    def __init__(
        self,
        num_classes: int | ClassTable,
        ignore_index: int | None = 255,
        *,
        class_names: Sequence[str] | None = None,
        sizes: Mapping[str, float] | None = None,
        first_object: int | None = None,
    ) -> None:
        self.plain: Confusion = Confusion(num_classes, ignore_index, class_names=class_names, per_image=True)
        self._official = self.plain.class_names == CITYSCAPES_CLASSES
        default = first_object_of(self.plain.class_names)
        given = first_object if first_object is None else check_whole("first_object", first_object, 0, 1 << 32)
        self.first_object: int = default if given is None else given
        self.sizes: dict[str, float] | None = None if sizes is None else _checked_sizes(sizes, self.plain.class_names)
        self._objects: list[tuple[int, ...]] = []
        self._lock = threading.Lock()

    def update(
        self, prediction: Any, truth: Any, instances: Any, names: str | Sequence[str] | None = None
    ) -> InstanceConfusion:
        """Count one image; returns self.

        prediction: (H, W) class ids. truth: (H, W) class ids. instances: (H, W) object numbers of the truth, of which
        those below `first_object` are none; an object is the pixels of one number and one class. names: the image's
        name. Raises as `Confusion.update`, and ScoreError `wrong-size` if the instances have another size.
        """
        prediction = as_array("prediction", prediction)
        truth = as_ids("truth", truth, void=self.plain.ignore_index)
        instances = as_ids("instances", instances, void=None)
        if truth.ndim != 2 or prediction.dtype.kind not in "iub":
            what = f"objects are counted in class ids of one image (H, W), got {prediction.dtype} {prediction.shape}"
            raise UsageError(what)
        if instances.shape != truth.shape:
            what = f"instances are {instances.shape}, truth is {truth.shape}"
            raise ScoreError(what, code="wrong-size", fix="give the object numbers of the same image")
        one = self.plain._empty()
        one.update(prediction, truth, names)
        objects = self._found(prediction, truth, instances, one)
        with self._lock:
            self.plain += one  # refuses an image that was counted before
            self._objects.extend(objects)
        return self

    def _found(
        self, prediction: NDArray[Any], truth: NDArray[Any], instances: NDArray[Any], one: Confusion
    ) -> list[tuple[int, ...]]:
        # class, pixels, those that agree, those of the category; then of its class in the image: false positives,
        # pixels of all objects.
        classes, first = self.plain.num_classes, self.first_object
        flat = np.ascontiguousarray(instances).reshape(-1)
        largest = int(flat.max()) if flat.size else -1
        if largest < first:
            return []
        if largest >= _MOST_SLOTS:
            known = flat >= first
            numbers = np.zeros(len(flat), np.int32)
            numbers[known] = 1 + np.unique(flat[known], return_inverse=True)[1]
            first, largest = 1, int(numbers.max())
        else:
            numbers = flat if flat.dtype.itemsize < 4 or flat.dtype.kind == "u" else np.maximum(flat, -1)
        p, t = (codes.reshape(-1) for codes in codes_of(prediction, truth, classes, self.plain.ignore_index))
        plain = numbers.dtype in (np.uint8, np.uint16) and t.dtype == np.uint8
        numbers = np.require(numbers, None if plain else np.int32, "W")
        n, room, groups = -1, min(largest - first + 1, 64), self._groups()
        while n < 0:
            slots, counts = np.zeros(largest + 1, np.int32), np.zeros((room, classes, 3), np.int64)
            room *= 4
            n = kernels.objects.count_objects(p, t, numbers, classes, first, slots, groups, counts)
        counts = counts[:n]
        agreed, _, predicted, _ = one.images.totals[0]
        false, whole = predicted - agreed, counts[:, :, 0].sum(axis=0)
        return [
            (int(c), *map(int, counts[k, c]), int(false[c]), int(whole[c])) for k, c in np.argwhere(counts[:, :, 0])
        ]

    def _groups(self) -> NDArray[np.int32]:
        groups = np.arange(self.plain.num_classes, dtype=np.int32)
        if self._official:
            for members in CITYSCAPES_CATEGORIES.values():
                groups[list(members)] = members[0]
        return groups

    @property
    def objects(self) -> I64:
        """(K, 4) int64, a copy in no particular order: class, pixels, pixels that agree, those of the category."""
        with self._lock:
            return np.array([o[:4] for o in self._objects], np.int64).reshape(-1, 4)

    def scores(self) -> InstanceScores:
        """The scores; see `InstanceScores`. ScoreError `nothing-scored` if no object was counted."""
        with self._lock:
            objects = np.array(self._objects, np.int64).reshape(-1, 6)
        if not len(objects):
            what = f"no object was counted: no number from {self.first_object} on is on a pixel of a class"
            raise ScoreError(what, code="nothing-scored", fix="give object numbers, or first_object=")
        names, counts = self.plain.class_names, self.plain.counts
        by_class = [objects[objects[:, 0] == c] for c in range(len(names))]
        number = np.array([len(found) for found in by_class], np.int64)
        sizes = self._sizes(by_class)
        matrix = counts[:-1, :-1]
        false = matrix.sum(axis=0) - np.diagonal(matrix)
        weighted = [_weighted(found, sizes[c], 2) for c, found in enumerate(by_class)]
        iiou = np.array([_iou(*w, int(f)) if s > 0 else np.nan for w, f, s in zip(weighted, false, sizes, strict=True)])
        object_iou = np.array([_mean_iou(found) if len(found) else np.nan for found in by_class])
        agreed, truth, predicted, _ = np.moveaxis(self.plain.images.totals, 1, 0)
        of_images = mean(np.where(truth > 0, ratio(agreed, truth + predicted - agreed), np.nan), axis=0)
        object_iou = np.where(number > 0, object_iou, of_images)
        categories = self._categories(matrix, by_class, sizes) if self._official else None
        return InstanceScores(
            names, iiou, object_iou, number, float(mean(iiou)), float(mean(object_iou)), categories
        )

    def _sizes(self, by_class: list[I64]) -> F64:
        known: Mapping[str, float] | None = self.sizes
        if known is None and self._official:
            known = CITYSCAPES_OBJECT_SIZES
        if known is None:
            return np.array([found[:, 1].mean() if len(found) else 0.0 for found in by_class])
        return np.array([known.get(name, 0.0) for name in self.plain.class_names])

    @staticmethod
    def _categories(matrix: I64, by_class: list[I64], sizes: F64) -> dict[str, float]:
        out = {}
        for name, members in CITYSCAPES_CATEGORIES.items():
            if not all(sizes[c] > 0 for c in members):
                continue
            parts = [_weighted(by_class[c], sizes[c], 3) for c in members]
            others = [c for c in range(len(matrix)) if c not in members]
            hits, misses = (math.fsum(part) for part in zip(*parts, strict=True))
            out[name] = _iou(hits, misses, int(matrix[np.ix_(others, members)].sum()))
        return out

    def __iadd__(self, other: InstanceConfusion) -> InstanceConfusion:
        if not isinstance(other, InstanceConfusion):
            return NotImplemented
        if (self.first_object, self.sizes) != (other.first_object, other.sizes):
            raise UsageError("cannot add instance confusions of different options", code="confusions-differ")
        with other._lock:
            objects = list(other._objects)
        with self._lock:
            self.plain += other.plain
            self._objects.extend(objects)
        return self

    def _empty(self) -> InstanceConfusion:
        return self._like(self.plain, self.sizes, self.first_object)

    @classmethod
    def _like(cls, plain: Confusion, sizes: Mapping[str, float] | None, first: int) -> InstanceConfusion:
        names = plain.class_names
        return cls(plain.num_classes, plain.ignore_index, class_names=names, sizes=sizes, first_object=first)

    def to_frame(self) -> Rows:
        """The classes: class, objects, their pixels, those that agree."""
        objects = self.objects
        found = ((name, objects[objects[:, 0] == c]) for c, name in enumerate(self.plain.class_names))
        return [{"class": n, "objects": len(o), "pixels": int(o[:, 1].sum()), "agree": int(o[:, 2].sum())}
                for n, o in found]  # fmt: skip

    def _values(self) -> dict[str, Any]:
        with self._lock:
            objects = sorted(map(list, self._objects))
            plain = self.plain.to_dict()
        return {"sizes": self.sizes, "first_object": self.first_object, "objects": objects, "plain": plain}

    @classmethod
    def _from_values(cls, data: Mapping[str, Any]) -> InstanceConfusion:
        plain = Confusion.from_dict(data["plain"])
        out = cls._like(plain, data["sizes"], data["first_object"])
        out.plain += plain
        objects = np.array(data["objects"], np.int64).reshape(-1, 6)
        if (objects < 0).any() or (objects[:, 0] >= plain.num_classes).any() or (objects[:, 1] < 1).any():
            raise ValueError("objects must be whole numbers from 0, of a class, with pixels")
        out._objects.extend(tuple(map(int, row)) for row in objects)
        return out

    def __repr__(self) -> str:
        images, objects = len(self.plain.images.totals), len(self._objects)
        return f"InstanceConfusion(num_classes={self.plain.num_classes}: {objects} objects in {images} images)"


def _weighted(objects: I64, size: float, column: int) -> tuple[float, float]:
    # Weighted pixels that agree (by class or by category), and those that do not; the order of objects does not matter.
    hits = [float(o[column]) * (size / float(o[1])) for o in objects]
    misses = [float(o[1] - o[column]) * (size / float(o[1])) for o in objects]
    return math.fsum(hits), math.fsum(misses)


def _iou(hits: float, misses: float, false: float) -> float:
    whole = hits + misses + false
    return hits / whole if whole else float("nan")


def _mean_iou(objects: I64) -> float:
    _, size, hits, _, false, whole = objects.T
    return math.fsum(hits / (size + false * (size / whole))) / len(objects)


def _checked_sizes(sizes: Any, names: Sequence[str]) -> dict[str, float]:
    if not isinstance(sizes, Mapping) or not all(
        name in names and isinstance(v, (int, float)) and math.isfinite(v) and v > 0 for name, v in sizes.items()
    ):
        raise UsageError(f"sizes must be a dict of class names and pixels above 0, got {sizes!r}")
    return {str(name): float(v) for name, v in sizes.items()}
