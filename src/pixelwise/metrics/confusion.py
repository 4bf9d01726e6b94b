"""Confusion: how often each class was predicted as each other. Every score derives from it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import as_array, as_ids, check_whole, is_number, is_whole, stray_id
from ..classes import ClassTable
from ..errors import LabelError, ScoreError, UsageError
from ..hints import hinted
from ..types import I64, Displayed, Rows
from .counting import add_counts, argmax_ids
from .protocols import ProtocolName, protocol_named
from .rates import Totals
from .scores import Scores, classes_among, scores_of
from .sums import Sum

_INT64 = np.iinfo(np.int64)
_MOST_CLASSES = 4096  # 134 MB of counts; beyond that a dense matrix is the wrong tool


class ImageTotals(NamedTuple):
    """What a Confusion with `per_image=True` keeps of each image.

    names: N names, empty if none were given. totals: (N, 4, C) int64: by class the pixels that agree, of the truth,
    of the prediction if the truth is not void, and of the truth whose prediction is not a class.
    """

    names: tuple[str, ...]
    totals: I64


@hinted
class Confusion(Sum, Displayed):
    """Pixels by true and predicted class, in int64.

    num_classes: C, 1 to 4096, or a ClassTable, which knows the number, the names and the value of void. ignore_index:
    the truth value of void pixels, a whole number outside 0..C-1, or None if there is no void. class_names: C names for
    the tables; default: the ids. per_image: also keep 32 * C bytes per image (672 bytes for the 21 VOC
    classes), for protocols that average over images, for bootstrap intervals and for the worst images. threshold: of
    two classes, for predictions of one channel: class 1 is where the value is above it (0 for logits, 0.5 for
    probabilities).

    Confusions of the same options add: `a + b`, `a += b`. Thread-safe: `update` may be called from many threads at
    once. Each call counts into its own memory without the GIL; a lock is held only to add the (C + 1)^2 sums.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> confusion = pw.Confusion(num_classes=2, ignore_index=255)
    >>> confusion.update(prediction=np.array([[0, 1, 1, 1]]), truth=np.array([[0, 0, 1, 255]]))
    Confusion(num_classes=2, ignore_index=255: 3 pixels, 1 void)
    >>> confusion.matrix  # truth by prediction; the last column is outside the classes
    array([[1, 1, 0],
           [0, 1, 0]])
    >>> confusion.scores("voc").miou
    0.5
    """

    _format = "pixelwise-confusion"

    def __init__(
        self,
        num_classes: int | ClassTable,
        ignore_index: int | None = 255,
        *,
        class_names: Sequence[str] | None = None,
        per_image: bool = False,
        threshold: float | None = None,
    ) -> None:
        if isinstance(num_classes, ClassTable):
            table, num_classes = num_classes, len(num_classes)
            class_names = table.names if class_names is None else class_names
            if ignore_index not in (255, table.ignore_index):  # 255 is the default of other calls
                what = f"the class table has the ignore_index {table.ignore_index}, got {ignore_index}"
                raise UsageError(what, fix=f"give the number of classes instead of the table: {num_classes}")
            ignore_index = table.ignore_index
        if is_whole(num_classes) and num_classes > _MOST_CLASSES:
            what = f"{num_classes:,} classes are too many for a confusion matrix: at most {_MOST_CLASSES:,} are counted"
            raise UsageError(what, fix="merge some of them first: dataset.merge_classes(...)")
        self.num_classes: int = check_whole("num_classes", num_classes, 1)
        self.ignore_index: int | None = _check_ignore(ignore_index, self.num_classes)
        self.class_names: tuple[str, ...] = _check_names(class_names, self.num_classes)
        self.per_image: bool = bool(per_image)
        self.threshold: float | None = _check_threshold(threshold, self.num_classes)
        self._pixels = 0
        self._counts = np.zeros((self.num_classes + 1, self.num_classes + 1), np.int64)
        self._image_names: list[str] = []
        self._image_totals: list[I64] = []
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    # -- counting --------------------------------------------------------------------------------------------

    def update(self, prediction: Any, truth: Any, names: str | Sequence[str] | None = None) -> Confusion:
        """Count one image or a batch; returns self.

        prediction: class ids of any integer type and the shape of the truth, of which any outside 0..C-1 is not a
        class; or float logits with a class axis, (C, H, W) or (B, C, H, W), of which the first maximum is taken; or,
        with a threshold, floats of one channel, with or without an axis for it.
        truth: class ids of any integer type, (H, W), (B, H, W) or any other shape. Both are arrays of any library, on
        any device, or lists. Masked pixels of the truth are void, if there is an `ignore_index`; a prediction must not
        be masked. names: the image's name, or B names; with `per_image` each name counts only once.

        Raises ScoreError `wrong-size` if sizes differ, `nan-logits` and `counted-twice`, LabelError
        `class-out-of-range` if the truth is neither a class nor `ignore_index`, UsageError `bad-array` and
        `masked-array`, and `one-channel` for logits of one channel, which have no maximum. Nothing is counted then.
        """
        prediction, truth = as_array("prediction", prediction), as_ids("truth", truth, void=self.ignore_index)
        named = (names,) if isinstance(names, str) else None if names is None else tuple(names)
        where = named[0] if named is not None and len(named) == 1 else None
        prediction = self._ids(prediction, truth, where)
        batch = truth.ndim == 3 and self.per_image
        n = len(truth) if batch else 1
        if self.per_image and named is not None and len(named) != n:
            raise UsageError(f"expected {n} names for {n} images, got {len(named)}")
        totals = []
        counts = np.zeros((self.num_classes + 2, self.num_classes + 1), np.int64)
        for p, t in zip(prediction, truth, strict=True) if batch else [(prediction, truth)]:
            own = np.zeros_like(counts) if batch else counts
            add_counts(p, t, self.num_classes, self.ignore_index, own)
            if self.per_image:
                totals.append(np.stack(Totals.of(own)))
            if batch:
                counts += own
        if counts[-1].any():
            raise LabelError(
                f"truth {stray_id(truth, self.num_classes, self.ignore_index)}", code="class-out-of-range", where=where,
                fix="map the values to class ids first (ClassTable), or set ignore_index to the value of void",
            )  # fmt: skip
        self._add(counts[:-1], totals, named or (), truth.size)
        return self

    def _ids(self, prediction: NDArray[Any], truth: NDArray[Any], where: object) -> NDArray[Any]:
        if prediction.dtype.kind in "iub":
            self._same_size(prediction.shape, truth.shape, where)
            return prediction.astype(np.uint8) if prediction.dtype.kind == "b" else prediction
        if self.threshold is not None and prediction.dtype.kind == "f":
            return self._above(prediction, truth, self.threshold, where)
        if prediction.dtype.kind != "f" or prediction.ndim not in (3, 4) or prediction.ndim != truth.ndim + 1:
            raise UsageError(
                f"prediction must be integer ids of shape {truth.shape}, or float logits with a class axis, "
                f"(C, H, W) or (B, C, H, W), got {prediction.dtype} {prediction.shape}",
                where=where,
            )
        axis = prediction.ndim - 3
        if prediction.shape[axis] == 1:
            raise UsageError(
                "logits of one channel have no maximum over classes", code="one-channel", where=where,
                fix="for two classes, make the confusion with threshold=0, or threshold=0.5 for probabilities",
            )  # fmt: skip
        if prediction.shape[axis] != self.num_classes:
            raise UsageError(f"logits have {prediction.shape[axis]} classes, expected {self.num_classes}", where=where)
        self._same_size(prediction.shape[:axis] + prediction.shape[axis + 1 :], truth.shape, where)
        out = np.empty(truth.shape, np.uint8 if self.num_classes <= 256 else np.uint16)
        for i, (logits, ids) in enumerate(zip(prediction, out, strict=True) if axis else [(prediction, out)]):
            bad = argmax_ids(logits, ids)
            if bad >= 0:
                y, x = divmod(bad, ids.shape[-1])
                raise ScoreError(
                    f"logits are NaN at x={x}, y={y}" + (f" of image {i}" if axis else ""),
                    code="nan-logits", where=where, fix="the model diverged or divides by zero; NaN has no argmax",
                )  # fmt: skip
        return out

    def _above(self, values: NDArray[Any], truth: NDArray[Any], threshold: float, where: object) -> NDArray[Any]:
        # (H, W), (1, H, W), (B, H, W) or (B, 1, H, W), as the truth's shape says.
        axis = truth.ndim - 2
        if values.ndim == truth.ndim + 1 and axis in (0, 1):
            if values.shape[axis] != 1:
                what = f"with a threshold, values have one channel, got {values.shape}"
                fix = "leave threshold out: two channels have a maximum"
                raise UsageError(what, code="one-channel", where=where, fix=fix)
            values = values.squeeze(axis)
        self._same_size(values.shape, truth.shape, where)
        if (strange := np.isnan(values)).any():
            *image, y, x = np.argwhere(strange.reshape(1, *values.shape) if values.ndim < 2 else strange)[0].tolist()
            what = f"logits are NaN at x={x}, y={y}" + (f" of image {image[0]}" if image else "")
            raise ScoreError(what, code="nan-logits", where=where, fix="the model diverged or divides by zero")
        return (values > np.float64(threshold)).astype(np.uint8)  # not rounded to the type of the values

    def _same_size(self, got: tuple[int, ...], expected: tuple[int, ...], where: object) -> None:
        if got != expected:
            raise ScoreError(
                f"prediction is {_size(got)}, truth is {_size(expected)}",
                code="wrong-size", where=where,
                fix="score at the truth's own size: resize the logits to it before taking the maximum",
            )  # fmt: skip

    def _add(self, counts: I64, totals: Sequence[I64], names: Sequence[str], pixels: int) -> None:
        with self._lock:
            if self._pixels + pixels > _INT64.max:
                what = f"{self._pixels} and {pixels} pixels are more than a 64-bit integer holds"
                raise ScoreError(what, code="too-many-pixels", fix="a file of counts was damaged, or added to itself")
            if self.per_image and totals:
                if self._image_totals and bool(self._image_names) != bool(names):
                    raise UsageError("some images have a name, others do not")
                if twice := self._seen.intersection(names) or _repeated(names):
                    raise ScoreError(
                        f"{len(twice)} images have been counted before, first {min(twice)!r}",
                        code="counted-twice", where=min(twice),
                        fix="count each image once: a sampler that pads its last batch repeats images",
                    )  # fmt: skip
                self._seen.update(names)
                self._image_names.extend(names)
                self._image_totals.extend(totals)
            self._counts += counts
            self._pixels += pixels

    # -- reading ---------------------------------------------------------------------------------------------

    @property
    def counts(self) -> I64:
        """(C + 1, C + 1) int64, a copy: `matrix`, and below it the row `void`."""
        with self._lock:
            return self._counts.copy()

    @property
    def matrix(self) -> I64:
        """(C, C + 1) int64, a copy: truth by prediction; the last column is outside the classes."""
        return self.counts[:-1]

    @property
    def void(self) -> I64:
        """(C + 1,) int64, a copy: what was predicted where the truth is void."""
        return self.counts[-1]  # type: ignore[no-any-return]

    @property
    def images(self) -> ImageTotals:
        """The totals of each image, in the order of counting. UsageError without `per_image`."""
        if not self.per_image:
            raise UsageError(
                "this confusion does not keep images", code="needs-per-image", fix="create it with per_image=True"
            )
        with self._lock:
            totals = np.array(self._image_totals, np.int64).reshape(-1, 4, self.num_classes)
            return ImageTotals(tuple(self._image_names), totals)

    def scores(
        self,
        protocol: ProtocolName = "voc",
        *,
        classes: Iterable[str | int] | None = None,
        exclude_background: bool = False,
    ) -> Scores:
        """Every score by one of `pixelwise.PROTOCOLS`; `print(pixelwise.PROTOCOLS[name])` describes it.

        classes: names or ids of those that enter the means; default: all that the protocol averages.
        exclude_background: class 0 does not enter the means. Neither leaves out pixels: what is taken for another class
        costs that class. (torchmetrics, MONAI and segmentation_models.pytorch mean the same.)

        Raises UnknownNameError, ScoreError `nothing-scored`, and `prediction-out-of-range` if the protocol forbids
        predictions outside the classes, UsageError `needs-per-image`, and for a class that is not there.
        """
        rule = protocol_named(protocol)
        images = self.images.totals if rule.over_images else None
        among = classes_among(self.class_names, rule, classes, exclude_background)
        return scores_of(self.counts, images, rule, self.class_names, among)

    # -- merging ---------------------------------------------------------------------------------------------

    def __iadd__(self, other: Confusion) -> Confusion:
        if not isinstance(other, Confusion):
            return NotImplemented
        mine, its = self._options(), other._options()
        if mine != its:
            numbers = [k for k in mine if k != "class_names" and mine[k] != its[k]]
            differs = ", ".join(f"{k} {mine[k]} and {its[k]}" for k in numbers) or "class_names"
            raise UsageError(f"cannot add confusions that differ: {differs}", code="confusions-differ")
        with other._lock:
            counts, totals, names = other._counts.copy(), list(other._image_totals), list(other._image_names)
            pixels = other._pixels
        self._add(counts, totals, names, pixels)
        return self

    def _empty(self) -> Confusion:
        return Confusion(**self._options())

    def __repr__(self) -> str:
        counts = self.counts
        images = f", {len(self._image_totals)} images" if self.per_image else ""
        return (
            f"Confusion(num_classes={self.num_classes}, ignore_index={self.ignore_index}: "
            f"{int(counts[:-1].sum())} pixels, {int(counts[-1].sum())} void{images})"
        )

    def to_frame(self) -> Rows:
        """The classes in pixels: class, of the truth, of the prediction outside void, of both; most often taken for."""
        matrix = self.matrix
        wrong = matrix - np.eye(*matrix.shape, dtype=np.int64) * matrix
        names = (*self.class_names, "outside the classes")
        taken = [names[k] if wrong[c, k] else None for c, k in enumerate(wrong.argmax(axis=1).tolist())]
        columns = (matrix.sum(axis=1), matrix.sum(axis=0)[:-1], matrix.diagonal())
        rows = zip(names[:-1], *(column.tolist() for column in columns), taken, strict=True)
        return [{"class": n, "truth": t, "prediction": p, "both": b, "taken for": f} for n, t, p, b, f in rows]

    # -- as data ---------------------------------------------------------------------------------------------

    def _options(self) -> dict[str, Any]:
        return {
            "num_classes": self.num_classes,
            "ignore_index": self.ignore_index,
            "class_names": list(self.class_names),
            "per_image": self.per_image,
            "threshold": self.threshold,
        }

    def _values(self) -> dict[str, Any]:
        with self._lock:
            return {
                **self._options(),
                "counts": self._counts.tolist(),
                "image_names": list(self._image_names),
                "image_totals": [t.tolist() for t in self._image_totals],
            }

    @classmethod
    def _from_values(cls, data: Mapping[str, Any]) -> Confusion:
        options = {name: data[name] for name in ("num_classes", "ignore_index", "class_names", "per_image")}
        out = cls(**options, threshold=data.get("threshold"))
        counts = _integers(data["counts"], out._counts.shape)
        totals = [_integers(t, (4, out.num_classes)) for t in data["image_totals"]]
        names = [str(n) for n in data["image_names"]]
        if len(names) not in (0, len(totals)) or (totals and not out.per_image):
            raise ValueError(f"{len(names)} image names for {len(totals)} images")
        out._add(counts, totals, names, sum(map(int, counts.flat)))
        return out


def _check_ignore(value: Any, classes: int) -> int | None:
    if value is None:
        return None
    if not is_whole(value) or not _INT64.min <= value <= _INT64.max:
        raise UsageError(f"ignore_index must be a whole number of 64 bits, or None, got {value!r}")
    if 0 <= value < classes:
        raise UsageError(
            f"ignore_index must be outside the classes 0..{classes - 1}, got {value}",
            fix="map that class to 255 in the truth",
        )
    return int(value)


def _check_threshold(value: Any, classes: int) -> float | None:
    if value is None:
        return None
    if not is_number(value) or not np.isfinite(value):
        raise UsageError(f"threshold must be a number, got {value!r}", fix="0 for logits, 0.5 for probabilities")
    if classes != 2:
        raise UsageError(f"threshold is for two classes, got {classes}", fix="leave it out: logits have a maximum")
    return float(value)


def _check_names(names: Any, classes: int) -> tuple[str, ...]:
    if names is None:
        return tuple(map(str, range(classes)))
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise UsageError(f"class_names must be a list of {classes} names, got {names!r}")
    if len(names) != classes:
        raise UsageError(f"expected {classes} class names, got {len(names)}")
    return tuple(map(str, names))


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape) + (" (height x width)" if len(shape) == 2 else "")


def _repeated(names: Sequence[str]) -> set[str]:
    return set() if len(set(names)) == len(names) else {n for n in names if names.count(n) > 1}


def _integers(values: Any, shape: tuple[int, ...]) -> I64:
    out = np.array(values, np.int64)
    if out.shape != shape or (out < 0).any() or not np.array_equal(out, np.array(values)):
        raise ValueError(f"counts must be {shape} whole numbers from 0, got shape {out.shape}")
    return out
