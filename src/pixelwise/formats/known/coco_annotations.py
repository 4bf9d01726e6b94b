"""The annotations of COCO instances: each becomes a shape, or a fault of its image that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ...classes import ClassTable
from ...errors import FormatError, LabelError, PixelwiseError
from ...labels import check_pair
from ...types import Finding, Size
from ..forms import counts_of
from ..rasterize import Shape, area, polygon
from ..stated import no_regions


class Annotations(NamedTuple):
    """What is known of each image, by its position. shapes: the largest first. without: ids of annotations that have no
    region. faults: of images with bad annotations, one each. notes: about annotations that belong to no image.
    """

    shapes: list[list[Shape]]
    without: list[list[Any]]
    faults: Mapping[int, Sequence[PixelwiseError]]
    notes: tuple[Finding, ...]


def check_stated(size: Size, image: Mapping[str, Any], where: object) -> None:
    """PairError `size-mismatch` if the entry of an image states another size than its file has."""
    height, width = image.get("height"), image.get("width")
    if all(isinstance(side, (int, float)) and side > 0 for side in (height, width)):
        check_pair(size, (int(height), int(width)), where)  # type: ignore[arg-type]


def read_annotations(
    data: Mapping[str, Any], path: Path, table: ClassTable, ids: Mapping[int, int], void_crowds: bool
) -> Annotations:
    """The annotations as compact arrays: a JSON's lists of numbers take ten times the memory. A bad one is a fault of
    its image only. LabelError `no-regions` if there is a region in none of them.
    """
    images = data["images"]
    at = {int(image["id"]): k for k, image in enumerate(images)}
    read = Annotations([[] for _ in images], [[] for _ in images], {}, ())
    faults: dict[int, list[PixelwiseError]] = {}
    notes: list[Finding] = []
    entries = data["annotations"]
    if not isinstance(entries, list):
        raise FormatError("annotations is not a list", code="bad-json", where=path)
    for n, entry in enumerate(entries):
        number = entry.get("id", None) if isinstance(entry, dict) else None
        named = f"annotation {number}" if number is not None else f"annotations[{n}]"
        index = at.get(_whole(entry.get("image_id"))) if isinstance(entry, dict) else None
        if index is None:
            stated = entry.get("image_id") if isinstance(entry, dict) else entry
            what = f"belongs to no image: image_id is {stated!r:.80}"
            fix = "it is left out; correct it, or export it again"
            notes.append(Finding("unknown-image", "error", f"{path} ({named})", what, fix))
            continue
        where = f"{path} ({named} of {images[index]['file_name']})"
        try:
            shape = _annotation(entry, ids, table, len(read.shapes[index]) + 1, void_crowds, where)
        except PixelwiseError as error:
            faults.setdefault(index, []).append(error)
            continue
        if shape is None:
            read.without[index].append(number if number is not None else n)
        else:
            read.shapes[index].append(shape)
    if entries and not any(read.shapes) and not faults:
        boxes = sum(isinstance(e, dict) and bool(e.get("bbox")) and not e.get("segmentation") for e in entries)
        what = f"of {len(entries)} annotations, {boxes} are boxes alone, {len(notes)} belong to no image"
        raise no_regions(len(images), what, path)
    for own in read.shapes:
        own.sort(key=area, reverse=True)
    return read._replace(faults=faults, notes=tuple(notes))


def _whole(value: Any) -> int:
    """A whole number, or -1."""
    try:
        return int(value) if int(value) == float(value) else -1
    except (TypeError, ValueError, OverflowError):
        return -1


def _annotation(
    entry: Mapping[str, Any], ids: Mapping[int, int], table: ClassTable, number: int, void_crowds: bool, where: str
) -> Shape | None:
    """The shape, or None if there is only a box."""
    category = ids.get(_whole(entry.get("category_id")))
    if category is None:
        what = f"category_id {entry.get('category_id')!r} is none of the categories"
        raise LabelError(what, code="unknown-class", where=where, fix="add the category, or correct the annotation")
    if "segmentation" not in entry:
        raise LabelError("it has no segmentation", code="bad-json", where=where, fix="export it again")
    segmentation = entry["segmentation"]
    if segmentation is None or segmentation == []:
        return None
    if number > 65_535:
        raise LabelError("more than 65,535 annotations in one image", code="bad-json", where=where)
    if void_crowds and entry.get("iscrowd", 0):
        category = table.ignore_index or 0
    shape = replace(shape_of(segmentation, category, number, where), crowd=bool(entry.get("iscrowd", 0)))
    area(shape)  # raises for damaged run lengths
    return shape


def shape_of(segmentation: Any, category: int, number: int, where: str) -> Shape:
    """Polygons or run lengths as JSON has them. LabelError `bad-polygon`, `bad-rle`."""
    if isinstance(segmentation, dict):
        return Shape(category, number, runs=counts_of(segmentation.get("counts"), where), where=where,
                     size=_size(segmentation.get("size"), where))  # fmt: skip
    if not isinstance(segmentation, list):
        fix = "a segmentation is a list of polygons, or an object with counts and size"
        raise LabelError("neither polygons nor run lengths", code="bad-polygon", where=where, fix=fix)
    if all(isinstance(v, (int, float)) for v in segmentation):
        what = "a list of numbers, expected a list of polygons"
        fix = "a bracket is missing: [[x1, y1, x2, y2, x3, y3, ...]]"
        if len(segmentation) == 4:
            fix = "it looks like a box; leave the segmentation empty, or draw the region"
        raise LabelError(what, code="bad-polygon", where=where, fix=fix)
    return Shape(category, number, tuple(polygon(p, where) for p in segmentation), where=where)


def _size(stated: Any, where: str) -> Size:
    if not isinstance(stated, list) or len(stated) != 2 or not all(_whole(v) > 0 for v in stated):
        what = f"run lengths whose size is {stated!r:.80}, expected [height, width]"
        raise LabelError(what, code="bad-rle", where=where, fix="export it again")
    return _whole(stated[0]), _whole(stated[1])
