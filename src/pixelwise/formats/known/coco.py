"""COCO: instances (polygons and run lengths, one JSON per split) and panoptic (colored PNGs with a JSON).

https://cocodataset.org/#format-data . The categories of the JSON are the class table: sorted by their ids, with
their colors if they have any. In `coco`, class 0 is background: what no annotation covers. If annotations overlap, the
smaller is on top: they are drawn by falling area (of the shape as drawn: the shoelace formula, or the pixels of the
runs), those of the same area in the order of the file. Crowds are drawn as what they are crowds of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ... import kernels
from ...classes import ClassTable, usual_void
from ...codecs.decoding import decode_stored
from ...dataset.dataset import Dataset
from ...dataset.lists import LineOf
from ...dataset.sources import FileSource
from ...dataset.splits import Split, Splits
from ...errors import FormatError, LabelError, MissingError, UsageError
from ...files import read_bytes
from ...labels import check_pair
from ...types import Finding, Label, Size
from ..class_tables import rgb
from ..format import Format
from ..paths import check_inside, hidden_notes, visible
from ..rasterize import DrawnFrom, DrawnSource, LabelCanvas, Shape, area, polygon

_IMAGES = ("{}", "images/{}", "images", "input_images", ".")
"""Folders of a split's images, relative to the dataset: its own folder, or a common one."""

_NAMED, _BESIDE = "annotations/instances_*.json", "*/_annotations.coco.json"
_PANOPTIC = ("annotations/panoptic_*.json", "panoptic_*.json")


# -- what both have in common -------------------------------------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
    """A COCO JSON; FormatError `bad-json` for anything else."""
    try:
        data = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not a JSON: {error}", code="bad-json", where=path, fix="download it again") from None
    if not isinstance(data, dict) or not all(isinstance(data.get(k), list) for k in ("images", "categories")):
        raise FormatError("not COCO annotations: they need lists of images and categories", code="bad-json", where=path)
    _look_at(data, "images", ("id", "file_name"), path)
    return data


def _look_at(data: Mapping[str, Any], key: str, needs: Sequence[str], path: Path) -> None:
    """FormatError if an entry of a list lacks one of `needs`; ids are whole numbers."""
    listed = data.get(key)
    if not isinstance(listed, list):
        raise FormatError(f"not COCO annotations: {key} is not a list", code="bad-json", where=path)
    for n, entry in enumerate(listed):
        for name in needs:
            value = entry.get(name) if isinstance(entry, dict) else None
            if not isinstance(value, str) if name == "file_name" else not _is_whole(value):
                what = "is not an entry" if not isinstance(entry, dict) else f"has the {name} {value!r}"
                raise FormatError(f"{key}[{n}] {what}", code="bad-json", where=path, fix="download it again")


def _is_whole(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit()
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _categories(data: Mapping[str, Any], path: Path, background: bool) -> tuple[ClassTable, dict[int, int]]:
    """The class table, and the class id of each category id."""
    try:
        listed = sorted(data["categories"], key=lambda c: int(c["id"]))
        names = ["background"] * background + [str(c["name"]) for c in listed]
        ids = {int(c["id"]): k + background for k, c in enumerate(listed)}
        has_colors = all("color" in c for c in listed)
        colors = [(0, 0, 0)] * background + [c["color"] for c in listed] if has_colors else []
        if len(ids) < len(listed):
            raise ValueError("a category id appears twice")
        return ClassTable(tuple(names), colors=rgb(colors), ignore_index=usual_void(len(names))), ids
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"bad categories: {error!r}", code="bad-json", where=path) from None


def _image_folder(root: Path, split: str, data: Mapping[str, Any], path: Path, chosen: str | None) -> str:
    """The folder of the split's images relative to the root: "" or a path that ends in /."""
    listed = data["images"]
    first = str(listed[0]["file_name"]) if listed else ""
    places = [chosen] if chosen is not None else [p.format(split) for p in _IMAGES]
    for place in places:
        if (root / place / first).exists():
            return "" if place == "." else f"{place}/"
    what = f"the images are not in {' or '.join(places)}: looked for {first}"
    raise MissingError(what, code="missing-file", where=path, fix="choose their folder with images=...")


def _dataset(root: Path, name: str, jsons: Mapping[str, Path], classes: ClassTable | None, make: Any) -> Dataset:
    """make(split, path, data) -> Split. The classes are those of the smallest JSON; every split must have the same."""
    smallest = min(jsons.values(), key=lambda p: p.stat().st_size)
    table, _ = _categories(_read(smallest), smallest, name == "coco")
    if classes is not None and len(classes) != len(table):
        raise UsageError(f"{smallest.name} has {len(table)} classes, the table {len(classes)}")
    chosen = classes or table

    def split(split_name: str, path: Path) -> Split:
        data = _read(path)
        own, _ = _categories(data, path, name == "coco")
        if own != table:
            raise FormatError(f"its categories are not those of {smallest.name}", code="bad-json", where=path)
        made: Split = make(split_name, path, data, chosen)
        return made

    notes = hidden_notes(root, *(_PANOPTIC if name == "coco_panoptic" else (_NAMED, _BESIDE)))
    return Dataset(root, name, chosen, Splits({s: partial(split, s, p) for s, p in jsons.items()}), notes)


def _files(root: Path, folder: str, listed: Sequence[Mapping[str, Any]], table: ClassTable, path: Path) -> FileSource:
    names = [str(PurePosixPath(str(i["file_name"])).with_suffix("")) for i in listed]
    if len(set(names)) < len(names):
        raise FormatError("an image appears twice", code="bad-json", where=path)
    check_inside(names, path)
    return FileSource(root, names, table, [folder + str(i["file_name"]) for i in listed], listed=LineOf(path))


# -- instances ----------------------------------------------------------------------------------------------


def _instance_jsons(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {path.stem.removeprefix("instances_"): path} if path.suffix == ".json" else {}
    named = {p.stem.removeprefix("instances_"): p for p in visible(path, _NAMED)}
    return named or {p.parent.name: p for p in visible(path, _BESIDE)}


def _find(path: Path) -> Path | None:
    """`path` if it contains COCO instances, or is a JSON of them."""
    if path.is_file():
        return path if path.suffix == ".json" and not (path.parent / path.stem).is_dir() else None
    return path if _instance_jsons(path) else None


def _load(root: Path, *, images: str | None = None, classes: ClassTable | None = None, crowd: str = "class") -> Dataset:
    """images: the folder of the images. crowd: "class", or "void" for no class at all."""
    if crowd not in ("class", "void"):
        raise UsageError(f"crowd is 'class' or 'void', got {crowd!r}")
    jsons = _instance_jsons(root)
    base = root.parent if root.is_file() else root

    def make(split: str, path: Path, data: Mapping[str, Any], table: ClassTable) -> Split:
        beside = "." if base == path.parent else path.parent.name
        folder = _image_folder(base, split, data, path, images or (beside if path.stem.startswith("_") else None))
        files = _files(base, folder, data["images"], table, path)
        ids = [int(i["id"]) for i in data["images"]]
        shapes = _shapes(data, path, crowd == "void")
        draw = partial(_draw, table, ids, shapes, path)
        return Split(split, table, DrawnSource(files, draw, DrawnFrom(common=[path]), f"crowd {crowd}"))

    return _dataset(base, "coco", jsons, classes, make)


def _draw(
    table: ClassTable, ids: Sequence[int], shapes: Mapping[int, Sequence[Shape]], path: Path, index: int, size: Size,
    notes: list[Finding] | None,
) -> tuple[Label, Label]:  # fmt: skip
    canvas = LabelCanvas(size, table, 0)
    for shape in shapes[ids[index]]:
        canvas.add(shape, f"{path} (image {ids[index]})")
    return canvas.label, canvas.instances


def _shapes(data: Mapping[str, Any], path: Path, void_crowds: bool) -> dict[int, list[Shape]]:
    """The annotations of each image, as compact arrays: a JSON's lists of numbers take ten times the memory."""
    table, ids = _categories(data, path, True)
    out: dict[int, list[Shape]] = {int(i["id"]): [] for i in data["images"]}
    entries = data.get("annotations", [])
    if not isinstance(entries, list):
        raise FormatError("annotations is not a list", code="bad-json", where=path)
    for n, entry in enumerate(entries):
        where = f"{path} (annotations[{n}])"
        try:
            own, category = out[int(entry["image_id"])], ids[int(entry["category_id"])]
            segmentation, is_crowd = entry["segmentation"], bool(entry.get("iscrowd", 0))
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            what = f"an annotation without image, category or segmentation: {error!r}"
            raise FormatError(what, code="bad-json", where=where) from None
        if segmentation == [] or segmentation is None:  # only a box: there is nothing to draw
            continue
        category = table.ignore_index or 0 if is_crowd and void_crowds else category
        own.append(_shape(segmentation, category, len(own) + 1, where))
    for own in out.values():
        own.sort(key=area, reverse=True)
    return out


def _shape(segmentation: Any, category: int, number: int, where: str) -> Shape:
    if isinstance(segmentation, dict):
        counts = segmentation.get("counts")
        if isinstance(counts, str):
            return Shape(category, number, runs=counts.encode("utf-8", "replace"))
        try:
            return Shape(category, number, runs=np.array(counts, np.int64).reshape(-1))
        except (TypeError, ValueError, OverflowError):
            raise LabelError("damaged run lengths", code="bad-rle", where=where) from None
    if not isinstance(segmentation, list):
        raise LabelError("neither polygons nor run lengths", code="bad-polygon", where=where)
    return Shape(category, number, tuple(polygon(p, where) for p in segmentation))


# -- panoptic -----------------------------------------------------------------------------------------------


def _panoptic_jsons(root: Path) -> Iterator[tuple[str, Path, Path]]:
    """(split, JSON, folder of PNGs) of each split."""
    for path in sorted({p for pattern in _PANOPTIC for p in visible(root, pattern)}):
        folder = next((f for f in (path.with_suffix(""), root / path.stem) if f.is_dir()), None)
        if folder is not None:
            yield path.stem.removeprefix("panoptic_"), path, folder


def _find_panoptic(path: Path) -> Path | None:
    """`path` if it contains COCO panoptic labels."""
    return path if path.is_dir() and next(_panoptic_jsons(path), None) is not None else None


def _load_panoptic(root: Path, *, images: str | None = None, classes: ClassTable | None = None) -> Dataset:
    """images: the folder of the images. Instances are the segments' ids, 0 without a segment.

    A segment's id is R + 256 G + 65536 B (cocodataset/panopticapi, utils.rgb2id); id 0 is void.
    """
    found = {split: (path, folder) for split, path, folder in _panoptic_jsons(root)}

    def make(split: str, path: Path, data: Mapping[str, Any], table: ClassTable) -> Split:
        _look_at(data, "annotations", ("image_id", "file_name"), path)
        of = {a["image_id"]: a for a in data["annotations"]}
        listed = [i for i in data["images"] if i["id"] in of]
        files = _files(root, _image_folder(root, split, data, path, images), listed, table, path)
        _, ids = _categories(data, path, False)
        segments = [_segments(of[i["id"]], ids, table, path) for i in listed]
        pngs = [found[split][1] / str(of[i["id"]]["file_name"]) for i in listed]
        left = len(data["images"]) - len(listed)
        what = f"{left} images have no annotation and are left out"
        notes = (Finding("unannotated-images", "note", str(path), what),) if left else ()
        source = DrawnSource(files, partial(_read_panoptic, table, pngs, segments), DrawnFrom(pngs, [path]))
        return Split(split, table, source, notes=notes)

    return _dataset(root, "coco_panoptic", {s: p for s, (p, _) in found.items()}, classes, make)


def _segments(entry: Mapping[str, Any], ids: Mapping[int, int], table: ClassTable, path: Path) -> tuple[Any, Any]:
    """A PNG's segments' ids ascending, and their classes. Id 0 is void."""
    check_inside([entry["file_name"]], path)
    try:
        pairs = sorted((int(s["id"]), ids[int(s["category_id"])]) for s in entry["segments_info"])
        pairs.insert(0, (0, int(table.ignore_index or 0)))
        return np.array([p[0] for p in pairs], np.uint32), np.array([p[1] for p in pairs], np.uint16)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FormatError(f"a damaged annotation: {error!r}", code="bad-json", where=path) from None


def _read_panoptic(
    table: ClassTable, pngs: Sequence[Path], segments: Sequence[tuple[Any, Any]], index: int, size: Size,
    notes: list[Finding] | None,
) -> tuple[Label, Label]:  # fmt: skip
    path = pngs[index]
    pixels = decode_stored(read_bytes(path), path, notes).pixels
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise LabelError("a panoptic PNG is RGB with 8 bits", code="unsupported-label-mode", where=path)
    check_pair(size, pixels.shape[:2], path)  # first: the segments of another image's PNG are unknown too
    label: Any = np.empty(size, table.dtype)
    numbers: Any = np.empty(size, np.uint32)
    flat = np.ascontiguousarray(pixels).reshape(-1, 3)
    bad = kernels.polygon.look_up_ids(flat, *segments[index], label.reshape(-1), numbers.reshape(-1))
    if bad >= 0:
        r, g, b = (int(v) for v in flat[bad])
        raise LabelError(
            f"segment {r + 256 * g + 65536 * b}, first at x={bad % size[1]}, y={bad // size[1]}, is not in the JSON",
            code="unknown-segment", where=path, fix="PNG and JSON are of different versions: download both again",
        )  # fmt: skip
    return label, numbers


INSTANCES = Format(
    "coco",
    "COCO instances (annotations/instances_SPLIT.json and SPLIT/, or SPLIT/_annotations.coco.json, or a JSON)",
    _find, _load, anywhere=True,
)  # fmt: skip
PANOPTIC = Format(
    "coco_panoptic",
    "COCO panoptic (annotations/panoptic_SPLIT.json, a folder of PNGs of that name, and SPLIT/)",
    _find_panoptic, _load_panoptic,
)  # fmt: skip
