"""Labels that are not images: polygons and run lengths, drawn when a sample is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..classes import ClassTable
from ..dataset.sources import FileSource, Source
from ..errors import LabelError, PixelwiseError
from ..labels import check_pair, count_values
from ..types import F64, I64, U8, Bool, Clock, Finding, Label, Origin, Sample, Size

Draw: TypeAlias = Callable[[int, Size, "list[Finding] | None"], "tuple[Label, Label | None]"]


@dataclass(frozen=True, slots=True)
class DrawnFrom:
    """The files that the label of sample i is drawn from: `common` ones, then its own, of `each`."""

    each: Sequence[Path] = ()
    common: Sequence[Path] = ()

    def __call__(self, index: int) -> list[Path]:
        return [*self.common, *self.each[index : index + 1]]


class Stated(NamedTuple):
    """What a COCO file calls the samples and classes of a source, by which files of results refer to them.

    images: the id of each sample. classes: the class id of each category's id. shapes: of each sample, its objects.
    things: the classes that have objects, or None if that is not said. crowds: of each sample, the numbers in
    `instances` that are crowds.
    """

    images: Sequence[Any]
    classes: Mapping[int, int]
    shapes: Sequence[Sequence[Shape]] = ()
    things: Sequence[int] | None = None
    crowds: Sequence[Sequence[int]] = ()


class DrawnSource(Source):
    """Image files whose labels `draw(index, size, notes)` makes: (H, W) class ids, and object numbers or None.

    drawn_from: the files that the label of sample i is drawn from. how: what else it depends on. faults: what is wrong
    with the annotations of some samples; reading such a sample raises the first of them. stated: see `Stated`. `draw`
    must be thread-safe, and both must pickle: partials, not closures. Every sample has a label, if only background.
    """

    def __init__(
        self, files: FileSource, draw: Draw, drawn_from: Callable[[int], Sequence[Path]], how: str = "",
        faults: Mapping[int, Sequence[PixelwiseError]] | None = None, stated: Stated | None = None,
    ) -> None:  # fmt: skip
        super().__init__(files.names, has_labels=True)
        self.files = files
        self.draw = draw
        self.drawn_from = drawn_from
        self.how = how
        self.faults: Mapping[int, Sequence[PixelwiseError]] = faults or {}
        self.stated = stated

    def origin(self, index: int) -> Origin:
        """The image, the files that the label is drawn from, and how."""
        image = self.files.origin(index)
        files = (*image.files, *map(str, self.drawn_from(index)))
        return Origin(image.image, files, f"{image.how} drawn {self.how}")

    def image_file(self, index: int) -> tuple[FileSource, int]:
        """The source of the images, and `index`."""
        return self.files, index

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width) from the headers of the images."""
        return self.files.sizes(indices)

    def _where(self, index: int) -> str:
        return str(self.drawn_from(index)[-1])

    def _whole(self, index: int, clock: Clock, notes: list[Finding] | None, *, instances: bool) -> Sample:
        if faults := self.faults.get(index):
            raise copy(faults[0])  # each reader gets one of its own: notes are added to it
        sample = self.files.read(index, clock=clock, notes=notes)
        label, numbers = self.draw(index, sample.size, notes)
        return Sample(sample.name, sample.image, label, numbers)


class Patch(NamedTuple):
    """(H, W) uint8 whose pixel (0, 0) is at (top, left) of the image, which it may leave; not 0 is inside."""

    top: int
    left: int
    mask: U8


@dataclass(frozen=True, slots=True)
class Shape:
    """One object: the union of its polygons, (n, 2) float64 of (x, y) in pixels each, without what `holes` cover; or
    runs, the lengths of a COCO RLE, (n,) int64 or compressed, of an image of `size`; or a patch. category: its class
    id. number: its pixels in `instances`. where: what messages call it. crowd: whether it is a group of objects.
    """

    category: int
    number: int
    polygons: tuple[F64, ...] = ()
    runs: I64 | bytes | None = None
    size: Size | None = None
    where: str = ""
    holes: tuple[F64, ...] = ()
    patch: Patch | None = None
    crowd: bool = False

    def mask(self, size: Size, table: ClassTable) -> Bool:
        """(H, W) bool: its pixels, as pycocotools draws them. Raises as `LabelCanvas.add`."""
        canvas = LabelCanvas(size, table, 0)
        canvas.add(replace(self, category=0, number=1))
        return np.asarray(canvas.instances != 0)


class LabelCanvas:
    """A label that is being drawn. background: the class id that pixels have before anything is drawn."""

    def __init__(self, size: Size, table: ClassTable, background: int) -> None:
        self.label: Any = np.full(size, background, table.dtype)
        self.instances: NDArray[np.uint16] = np.zeros(size, np.uint16)
        self._mask = np.zeros(size, np.uint8)
        self._flips = np.zeros((size[0] + 1, size[1]), np.uint8)

    def add(self, shape: Shape, notes: list[Finding] | None = None) -> None:
        """Draw `shape` over what is there, pixel for pixel as pycocotools does.

        LabelError `bad-rle`, PairError `size-mismatch`. Notes `empty-region` if it has no pixel in the image, and
        `region-outside` if a point is more than two pixels outside.
        """
        where = shape.where
        if shape.size is not None:
            check_pair(self.label.shape, shape.size, where)
        y0, y1, x0, x1 = 0, self.label.shape[0], 0, self.label.shape[1]
        if shape.runs is not None:
            runs = _lengths(shape.runs, self._mask.size, where)
            if not kernels.polygon.fill_runs(runs, self._mask):
                what = f"run lengths of {int(runs.sum())} pixels, the image has {self._mask.size}"
                fix = "the annotation belongs to an image of another size"
                raise LabelError(what, code="bad-rle", where=where, fix=fix)
        elif shape.patch is not None:
            top, left, patch = shape.patch
            y0, y1 = min(max(top, 0), y1), max(min(top + patch.shape[0], y1), 0)
            x0, x1 = min(max(left, 0), x1), max(min(left + patch.shape[1], x1), 0)
            self._mask[y0:y1, x0:x1] = patch[y0 - top : max(y1 - top, 0), x0 - left : max(x1 - left, 0)] != 0
        else:
            y0, y1, x0, x1 = _bounds(shape.polygons, (y1, x1))
            window = self._mask[y0:y1, x0:x1]
            self._fill(shape.polygons, y0, x0, window)
            if shape.holes:
                hole = np.zeros_like(window)
                self._fill(shape.holes, y0, x0, hole)
                window[hole != 0] = 0
        mask = self._mask[y0:y1, x0:x1]
        if notes is not None:
            self._note(shape, mask, notes)
        kernels.polygon.paint(mask, self.label.dtype.type(shape.category), self.label[y0:y1, x0:x1])
        kernels.polygon.paint(mask, np.uint16(shape.number), self.instances[y0:y1, x0:x1])
        mask[:] = 0

    def _fill(self, polygons: Sequence[F64], top: int, left: int, mask: U8) -> None:
        # One row more than the mask: the flips of a column end in the row below it.
        flips = self._flips[top : top + mask.shape[0] + 1, left : left + mask.shape[1]]
        for points in polygons:
            kernels.polygon.outline(points, top, left, flips)
            kernels.polygon.fill(flips, mask)

    def _note(self, shape: Shape, mask: U8, notes: list[Finding]) -> None:
        height, width = self.label.shape
        if not mask.any():
            what = "it has no pixel in the image"
            fix = "its coordinates lie outside, or it is thinner than a pixel"
            notes.append(Finding("empty-region", "warning", shape.where, what, fix))
        elif shape.polygons or shape.patch is not None:
            points = np.concatenate(shape.polygons or [_corners(shape.patch)])
            note_outside(points, (height, width), shape.where, notes)

    def covered(self, shapes: Sequence[Shape], notes: list[Finding]) -> None:
        """Note `covered-region` for each of the shapes that others cover completely."""
        note_covered(self.instances, {shape.where: shape.number for shape in shapes}, notes)


def note_outside(points: F64, size: Size, where: str, notes: list[Finding]) -> None:
    """Note `region-outside` if one of the points, (n, 2) of (x, y), is more than two pixels outside the image."""
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    if min(left, top) < -2 or right > size[1] + 2 or bottom > size[0] + 2:
        what = f"it reaches from x={left:g}, y={top:g} to x={right:g}, y={bottom:g}; the image is {size[1]} x {size[0]}"
        fix = "see that the coordinates are those of this image"
        notes.append(Finding("region-outside", "warning", where, what, fix))


def note_covered(instances: Label, numbers: Mapping[str, int], notes: list[Finding]) -> None:
    """Note `covered-region` for each region whose number is not in `instances`, and that is not known to be empty.

    numbers: of each region by its place.
    """
    seen = set(count_values(instances)[0].tolist())
    empty = {f.where for f in notes if f.code == "empty-region"}
    for where, number in numbers.items():
        if number not in seen and where not in empty:
            what = "others cover it completely, so the label does not show it"
            notes.append(Finding("covered-region", "warning", where, what, "correct the order or the shapes"))


def _corners(patch: Patch | None) -> F64:
    assert patch is not None
    top, left, mask = patch
    return np.array([(left, top), (left + mask.shape[1], top + mask.shape[0])], np.float64)


def _bounds(polygons: Sequence[F64], size: Size) -> tuple[int, int, int, int]:
    """Rows and columns that the polygons can touch: y0, y1, x0, x1, half open."""
    low = np.floor(np.min([p.min(axis=0) for p in polygons], axis=0)).astype(int) - 1
    high = np.ceil(np.max([p.max(axis=0) for p in polygons], axis=0)).astype(int) + 2
    (x0, y0), (x1, y1) = np.clip(low, 0, size[::-1]), np.clip(high, 0, size[::-1])
    return int(y0), int(max(y0, y1)), int(x0), int(max(x0, x1))


def polygon(values: Any, where: object) -> F64:
    """x1, y1, x2, y2, ... as (n, 2) float64. LabelError `bad-polygon` for fewer than three points, or not numbers."""
    fix = "write x1, y1, x2, y2, x3, y3, ..."
    try:
        numbers = np.array(values, np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        raise LabelError("a polygon of something else than numbers", code="bad-polygon", where=where, fix=fix) from None
    what = None
    if len(numbers) == 4:
        what, fix = "4 numbers: a box or a line, not a polygon", "leave the segmentation empty, or draw the region"
    elif len(numbers) < 6:
        what = f"a polygon of {len(numbers)} numbers, expected three points or more"
    elif len(numbers) % 2:
        what = f"a polygon of {len(numbers)} numbers, expected pairs"
    elif not np.isfinite(numbers).all() or np.abs(numbers).max() > 1e6:
        what = "a coordinate that is not a finite number, or is over a million"
    if what is not None:
        raise LabelError(what, code="bad-polygon", where=where, fix=fix)
    return numbers.reshape(-1, 2)


def _lengths(runs: I64 | bytes, pixels: int, where: object) -> I64:
    if not isinstance(runs, bytes):
        return runs
    counts = np.zeros(len(runs) + 1, np.int64)
    n = kernels.polygon.run_lengths(np.frombuffer(runs, np.uint8), counts)
    if n < 0:
        raise LabelError("damaged run lengths", code="bad-rle", where=where)
    return counts[:n]


def area(shape: Shape) -> float:
    """The area in pixels, for the drawing order: of polygons by the shoelace formula, of runs by counting."""
    if shape.runs is not None:
        return float(_lengths(shape.runs, 0, shape.where)[1::2].sum())
    if shape.patch is not None:
        return float(np.count_nonzero(shape.patch.mask))
    total = 0.0
    for p in shape.polygons:
        x, y = p[:, 0], p[:, 1]
        total += abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2
    return total
