"""COCO: instances (polygons and run lengths, one JSON per split) and panoptic (colored PNGs with a JSON).

https://cocodataset.org/#format-data . The categories of the JSON are the class table: sorted by their ids, with their
colors if they have any; a JSON that `convert` wrote holds the table itself, and its void. In `coco`, class 0 is
background: what no annotation covers. If annotations overlap, the smaller is on top: they are drawn by falling area (of
the shape as drawn: the shoelace formula, or the pixels of the runs), those of the same area in the order of the file.
Crowds are drawn as what they are crowds of.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ... import kernels
from ...classes import ClassTable, usual_void
from ...codecs.decoding import decode_stored
from ...dataset.dataset import Dataset
from ...dataset.lists import LineOf
from ...dataset.sources import FileSource
from ...dataset.splits import Split, Splits
from ...errors import DataError, FormatError, LabelError, PixelwiseError, UsageError, reason
from ...files.reading import parse_json, read_bytes
from ...labels import check_pair, count_values
from ...types import Finding, Label, Size
from ..class_tables import rgb
from ..format import Format
from ..paths import hidden_notes, leads_out, visible
from ..rasterize import DrawnFrom, DrawnSource, LabelCanvas, Stated
from ..regions import find_images, head_of, names_of
from ..stated import no_regions, plain, without_region
from .coco_annotations import Annotations, check_stated, read_annotations

_IMAGES = ("{}", "images/{}", "images", "input_images", ".")
"""Folders of a split's images, relative to the dataset: its own folder, or a common one."""

_NAMED, _BESIDE = "annotations/instances_*.json", "*/_annotations.coco.json"
_PANOPTIC = ("annotations/panoptic_*.json", "panoptic_*.json")


# -- what both have in common -------------------------------------------------------------------------------


def _read(path: Path, notes: list[Finding] | None = None) -> dict[str, Any]:
    """A COCO JSON; FormatError `bad-json` for anything else. Images without id or file name are left out and noted."""
    data = parse_json(read_bytes(path), path)
    if not isinstance(data, dict) or not all(isinstance(data.get(k), list) for k in ("images", "categories")):
        raise FormatError("not COCO annotations: they need lists of images and categories", code="bad-json", where=path)
    found = [] if notes is None else notes
    data["images"] = _once(_usable(data["images"], "images", ("id", "file_name"), path, found), path, found)
    return data


def _once(images: list[dict[str, Any]], path: Path, notes: list[Finding]) -> list[dict[str, Any]]:
    """The images without those that have the id or the file of an earlier one: whose annotations are they?"""
    good: list[dict[str, Any]] = []
    first: dict[tuple[str, Any], dict[str, Any]] = {}
    for entry in images:
        keys = (("id", int(entry["id"])), ("file", plain(entry["file_name"])))
        twice = next((key for key in keys if key in first), None)
        if twice is None:
            good.append(entry)
            first |= dict.fromkeys(keys, entry)
            continue
        what = f"{entry['file_name']} (id {entry['id']}) has the {twice[0]} of {first[twice]['file_name']}"
        what += f" (id {first[twice]['id']}); it is left out"
        notes.append(Finding("duplicate-id", "error", str(path), what, "export it again: ids and files occur once"))
    return good


def _usable(listed: Any, key: str, needs: Sequence[str], path: Path, notes: list[Finding]) -> list[dict[str, Any]]:
    """The entries that have all of `needs`; an error is noted for each of the others. Ids are whole numbers."""
    if not isinstance(listed, list):
        raise FormatError(f"not COCO annotations: {key} is not a list", code="bad-json", where=path)
    good = []
    for n, entry in enumerate(listed):
        wrong = next((name for name in needs if not _fits(name, entry)), None)
        if wrong is None:
            good.append(entry)
            continue
        what = f"has the {wrong} {entry.get(wrong)!r:.300}" if isinstance(entry, dict) else "is not an entry"
        if wrong == "file_name" and isinstance(entry, dict) and _leads_out(str(entry.get(wrong, ""))):
            what += ", which leads out of the dataset's folder"
        fix = "correct it, or export it again"
        notes.append(Finding("bad-json", "error", f"{path} ({key}[{n}])", f"{key}[{n}] {what}; it is left out", fix))
    return good


def _fits(name: str, entry: Any) -> bool:
    value = entry.get(name) if isinstance(entry, dict) else None
    if name == "file_name":
        return isinstance(value, str) and bool(plain(value)) and "\0" not in value and not _leads_out(value)
    return _is_whole(value)


def _leads_out(path: str) -> bool:
    return leads_out(plain(path).lstrip("/"))


def _is_whole(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() and value.isdigit() and len(value) < 20
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


class _Classes(NamedTuple):
    """The class table, the class id of each category id, and that of what no annotation covers."""

    table: ClassTable
    ids: dict[int, int]
    uncovered: int = 0


def _categories(data: Mapping[str, Any], path: Path, background: bool) -> _Classes:
    """The classes; those that `convert` has written into the JSON go before those of the categories alone."""
    try:
        info = data.get("info")
        ours = info.get("pixelwise") if isinstance(info, dict) else None
        if isinstance(ours, dict):
            table = ClassTable.from_dict(ours["classes"])
            numbers = {int(c["id"]): str(c["name"]) for c in data["categories"]}
            known = {k: table.names.index(v) for k, v in numbers.items() if k != ours.get("void")}
            if ours.get("void") is not None:
                known[int(ours["void"])] = int(table.padding_index)
            return _Classes(table, known, int(ours.get("uncovered") or 0))
        listed = sorted(data["categories"], key=lambda c: int(c["id"]))
        names = ["background"] * background + [str(c["name"]) for c in listed]
        ids = {int(c["id"]): k + background for k, c in enumerate(listed)}
        has_colors = all("color" in c for c in listed)
        colors = [(0, 0, 0)] * background + [c["color"] for c in listed] if has_colors else []
        if len(ids) < len(listed):
            raise ValueError("a category id appears twice")
        return _Classes(ClassTable(tuple(names), colors=rgb(colors), ignore_index=usual_void(len(names))), ids)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise FormatError(f"bad categories: {reason(error)}", code="bad-json", where=path) from None


def _dataset(root: Path, name: str, jsons: Mapping[str, Path], classes: ClassTable | None, make: Any) -> Dataset:
    """make(split, path, data) -> Split. The classes are those of the smallest JSON; every split must have the same."""
    smallest = min(jsons.values(), key=lambda p: p.stat().st_size)
    table = _categories(_read(smallest), smallest, name == "coco").table
    if classes is not None and len(classes) != len(table):
        raise UsageError(f"{smallest.name} has {len(table)} classes, the table {len(classes)}")
    chosen = classes or table

    def split(split_name: str, path: Path) -> Split:
        notes: list[Finding] = []
        data = _read(path, notes)
        own = _categories(data, path, name == "coco").table
        if own != table:
            raise FormatError(f"its categories are not those of {smallest.name}", code="bad-json", where=path)
        made: Split = make(split_name, path, data, chosen)
        return replace(made, notes=(*notes, *made.notes))

    notes = hidden_notes(root, *(_PANOPTIC if name == "coco_panoptic" else (_NAMED, _BESIDE)))
    return Dataset(root, name, chosen, Splits({s: partial(split, s, p) for s, p in jsons.items()}), notes)


def _files(
    root: Path, split: str, listed: Sequence[Mapping[str, Any]], table: ClassTable, path: Path, chosen: str | None
) -> tuple[FileSource, tuple[Finding, ...]]:
    """The images that an annotation file lists, and a note if their paths begin with folders that are not here."""
    stated = [str(i["file_name"]) for i in listed]
    paths, notes = find_images(root, stated, [p.format(split) for p in _IMAGES], path, chosen)
    return FileSource(root, names_of(stated), table, paths, listed=LineOf(path)), notes


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
        listed, folder = data["images"], images or (beside if path.stem.startswith("_") else None)
        files, notes = _files(base, split, listed, table, path, folder)
        notes += _beside(path) if root.is_file() else ()
        if "annotations" not in data:
            return Split(split, table, files, notes=notes)
        known = _categories(data, path, True)
        read = read_annotations(data, path, table, known.ids, crowd == "void")
        draw = partial(_draw, table, known.uncovered, listed, read, path)
        stated = Stated([i["id"] for i in listed], known.ids, read.shapes)
        source = DrawnSource(files, draw, DrawnFrom(common=[path]), f"crowd {crowd}", read.faults, stated)
        return Split(split, table, source, notes=(*notes, *read.notes))

    return _dataset(base, "coco", jsons, classes, make)


def _beside(path: Path) -> tuple[Finding, ...]:
    """The note that there are more annotation files than the one that was opened."""
    others = [p.name for p in visible(path.parent, "*.json") if p != path and _is_annotations(p)]
    if not others:
        return ()
    what = f"{len(others)} more annotation files are beside it: {', '.join(others[:5])}{', ...' * (len(others) > 5)}"
    return (Finding("other-annotations", "note", str(path), what, "open each of them"),)


def _is_annotations(path: Path) -> bool:
    head = head_of(path, 1 << 16)
    return b'"images"' in head or b'"annotations"' in head or b'"categories"' in head


def _draw(
    table: ClassTable, rest: int, listed: Sequence[Mapping[str, Any]], read: Annotations, path: Path, index: int,
    size: Size, notes: list[Finding] | None,
) -> tuple[Label, Label]:  # fmt: skip
    entry = listed[index]
    where = f"{path} (image {entry['id']}, {entry['file_name']})"
    check_stated(size, entry, where)
    canvas = LabelCanvas(size, table, rest)
    shapes = read.shapes[index]
    for shape in shapes:
        canvas.add(shape, notes)
    if notes is not None:
        canvas.covered(shapes, notes)
        notes += without_region(read.without[index], where)
    return canvas.label, canvas.instances


# -- panoptic -----------------------------------------------------------------------------------------------


def _panoptic_jsons(root: Path) -> Iterator[tuple[str, Path, Path]]:
    """(split, JSON, folder of PNGs) of each split."""
    for path in sorted({p for pattern in _PANOPTIC for p in visible(root, pattern)}):
        folder = next((f for f in (path.with_suffix(""), root / path.stem) if f.is_dir()), None)
        if folder is not None:
            yield path.stem.removeprefix("panoptic_"), path, folder


def _unlabeled_jsons(root: Path, labeled: Container[str]) -> Iterator[tuple[str, Path]]:
    """(split, JSON) of each split without annotations, and so without PNGs. A JSON that is not sound is passed over."""
    for path in sorted({p for pattern in _PANOPTIC for p in visible(root, pattern)}):
        split = path.stem.removeprefix("panoptic_")
        if split not in labeled:
            with suppress(DataError):
                if "annotations" not in _read(path):
                    yield split, path


def _find_panoptic(path: Path) -> Path | None:
    """`path` if it contains COCO panoptic labels."""
    return path if path.is_dir() and next(_panoptic_jsons(path), None) is not None else None


def _load_panoptic(root: Path, *, images: str | None = None, classes: ClassTable | None = None) -> Dataset:
    """images: the folder of the images. Instances are the segments' ids, 0 without a segment.

    A segment's id is R + 256 G + 65536 B (cocodataset/panopticapi, utils.rgb2id); id 0 is void.
    """
    found = {split: (path, folder) for split, path, folder in _panoptic_jsons(root)}

    def make(split: str, path: Path, data: Mapping[str, Any], table: ClassTable) -> Split:
        notes: list[Finding] = []
        if "annotations" not in data:
            files, said = _files(root, split, data["images"], table, path, images)
            return Split(split, table, files, notes=said)
        annotations = _usable(data.get("annotations"), "annotations", ("image_id", "file_name"), path, notes)
        of = {a["image_id"]: a for a in annotations}
        listed = [i for i in data["images"] if i["id"] in of]
        files, said = _files(root, split, listed, table, path, images)
        ids = _categories(data, path, False).ids
        segments: list[tuple[Any, Any]] = []
        faults: dict[int, Sequence[PixelwiseError]] = {}
        for k, image in enumerate(listed):
            try:
                segments.append(segments_of(of[image["id"]], ids, int(table.ignore_index or 0), path))
            except FormatError as error:
                segments.append((np.zeros(0, np.uint32), np.zeros(0, np.uint16)))
                faults[k] = (error,)
        if listed and not faults and all(len(s[0]) == 1 for s in segments):
            raise no_regions(len(listed), "segments_info is empty in all annotations", path)
        pngs = [found[split][1] / str(of[i["id"]]["file_name"]) for i in listed]
        left = len(data["images"]) - len(listed)
        if left:
            what = f"{left} images have no annotation and are left out"
            notes.append(Finding("unannotated-images", "note", str(path), what))
        draw = partial(_read_panoptic, table, pngs, segments, listed)
        crowds = [[s["id"] for s in of[i["id"]]["segments_info"] if s.get("iscrowd")] if k not in faults else []
                  for k, i in enumerate(listed)]  # fmt: skip
        things = [ids[int(c["id"])] for c in data["categories"] if c.get("isthing", 1)]
        stated = Stated([i["id"] for i in listed], ids, (), things, crowds)
        source = DrawnSource(files, draw, DrawnFrom(pngs, [path]), faults=faults, stated=stated)
        return Split(split, table, source, notes=(*notes, *said))

    jsons = {s: p for s, (p, _) in found.items()}
    jsons |= dict(_unlabeled_jsons(root, jsons))
    return _dataset(root, "coco_panoptic", {s: jsons[s] for s in sorted(jsons)}, classes, make)


def segments_of(entry: Mapping[str, Any], ids: Mapping[int, int], void: int, path: Path) -> tuple[Any, Any]:
    """A PNG's segments' ids ascending, and their classes. Id 0 is `void`."""
    try:
        pairs = sorted((int(s["id"]), ids[int(s["category_id"])]) for s in entry["segments_info"])
        pairs.insert(0, (0, void))
        return np.array([p[0] for p in pairs], np.uint32), np.array([p[1] for p in pairs], np.uint16)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        where = f"{path} (image {entry['image_id']}, {entry['file_name']})"
        raise FormatError(f"a damaged annotation: {reason(error)}", code="bad-json", where=where) from None


def _read_panoptic(
    table: ClassTable, pngs: Sequence[Path], segments: Sequence[tuple[Any, Any]], listed: Sequence[Mapping[str, Any]],
    index: int, size: Size, notes: list[Finding] | None,
) -> tuple[Label, Label]:  # fmt: skip
    return read_panoptic(table, pngs[index], segments[index], size, notes, listed[index])


def read_panoptic(
    table: ClassTable, path: Path, segments: tuple[Any, Any], size: Size, notes: list[Finding] | None = None,
    stated: Mapping[str, Any] | None = None,
) -> tuple[Label, Label]:  # fmt: skip
    """Class ids and segment ids of a panoptic PNG, (H, W) each. segments: its ids ascending, and their classes.

    LabelError `unsupported-label-mode`, `unknown-segment`, PairError, and what reading the file raises.
    """
    pixels = decode_stored(read_bytes(path), path, notes).pixels
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise LabelError("a panoptic PNG is RGB with 8 bits", code="unsupported-label-mode", where=path)
    check_pair(size, pixels.shape[:2], path)  # first: the segments of another image's PNG are unknown too
    check_stated(size, stated or {}, path)
    label: Any = np.empty(size, table.dtype)
    numbers: Any = np.empty(size, np.uint32)
    flat = np.ascontiguousarray(pixels).reshape(-1, 3)
    bad = kernels.polygon.look_up_ids(flat, *segments, label.reshape(-1), numbers.reshape(-1))
    if bad >= 0:
        r, g, b = (int(v) for v in flat[bad])
        raise LabelError(
            f"segment {r + 256 * g + 65536 * b}, first at x={bad % size[1]}, y={bad // size[1]}, is not in the JSON",
            code="unknown-segment", where=path, fix="PNG and JSON are of different versions: download both again",
        )  # fmt: skip
    if notes is not None:
        absent = np.setdiff1d(segments[0], count_values(numbers)[0])
        for number in absent[absent > 0].tolist():
            what = f"segment {number} of the JSON has no pixel in the PNG"
            notes.append(Finding("empty-region", "warning", str(path), what, "download both again"))
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
