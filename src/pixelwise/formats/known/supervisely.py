"""Supervisely: meta.json with the classes; in each dataset of the project img/ and ann/IMAGE.json.

https://docs.supervisely.com/customization-and-integration/00_ann_format_navi : bitmaps (a PNG in zlib and base64, at an
origin) and polygons (an exterior, and interiors that are holes) are regions, drawn in the order of the file. The
classes are those of meta.json with their colors; background is what no region covers. A dataset of the project is a
split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...classes import ClassTable
from ...dataset.dataset import Dataset
from ...dataset.sources import FileSource
from ...dataset.splits import Split, Splits
from ...errors import FormatError, LabelError, PixelwiseError
from ...types import Finding, Label, Size
from ..class_files import read_class_file
from ..format import Format
from ..forms import Bitmap, Form, Polygons, points_of, stated_size, whole
from ..layout import plain_split, rank
from ..paths import matches, visible
from ..rasterize import DrawnFrom, DrawnSource
from ..regions import Annotated, Region, RegionClasses, classes_of, draw_regions, read_json
from ..stated import no_regions


def _datasets(root: Path) -> dict[str, tuple[str, str]]:
    """The folders of images and annotations of each dataset of the project, or those beside its meta.json."""
    places = [p.parent.name for p in visible(root, "*/ann") if p.is_dir() and (p.parent / "img").is_dir()]
    if not places and (root / "ann").is_dir() and (root / "img").is_dir():
        return {"all": ("img", "ann")}
    return {name: (f"{name}/img", f"{name}/ann") for name in places}


def _find(path: Path) -> Path | None:
    """`path` if it contains such a project."""
    return path if (path / "meta.json").is_file() and _datasets(path) else None


def _load(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """classes: another table."""
    named = read_class_file(root / "meta.json").table
    colors = [(int(r), int(g), int(b)) for r, g, b in named.colors.tolist()]
    known = classes_of(named.names, colors)
    if classes is not None:
        known = RegionClasses(classes, classes_of(classes.names).background)
    folders = _datasets(root)
    makers = {
        (split := plain_split(name, folders)): partial(_split, root, split, *of, known) for name, of in folders.items()
    }
    return Dataset(root, "supervisely", known.table, Splits({n: makers[n] for n in sorted(makers, key=rank)}))


def _split(root: Path, name: str, images: str, annotations: str, known: RegionClasses) -> Split:
    found = [(m.path, root / annotations / f"{m.path.removeprefix(images + '/')}.json")
             for m in matches(root, images + "/{name}.{ext}")]  # fmt: skip
    there = [(image, path) for image, path in found if path.is_file()]
    notes = []
    if left := len(found) - len(there):
        what = f"{left} images have no annotation and are left out"
        notes.append(Finding("unannotated-images", "note", str(root / annotations), what))
    stems = [Path(image).stem for image, _ in there]
    names = stems if len(set(stems)) == len(stems) else [Path(image).name for image, _ in there]
    files = FileSource(root, names, known.table, [image for image, _ in there])
    jsons = [path for _, path in there]
    if jsons and not any(map(_has_region, jsons)):
        raise no_regions(len(jsons), "no JSON has a bitmap or a polygon", root / annotations)
    source = DrawnSource(files, partial(_draw, jsons, known), DrawnFrom(jsons))
    return Split(name, known.table, source, notes=tuple(notes))


def _has_region(path: Path) -> bool:
    try:
        entry = _read(path)
    except PixelwiseError:  # said when its sample is read
        return True
    return bool(entry.regions or entry.faults)


def _draw(
    jsons: Sequence[Path], known: RegionClasses, index: int, size: Size, notes: list[Finding] | None
) -> tuple[Label, Label]:
    return draw_regions(_read(jsons[index]), known, size, notes)


def _read(path: Path) -> Annotated:
    data = read_json(path, "Supervisely")
    if not isinstance(data, dict) or not isinstance(objects := data.get("objects"), list):
        raise FormatError("no list of objects", code="bad-json", where=path, fix="export it again")
    entry = Annotated(path.stem, str(path))
    stated = data.get("size")
    if not isinstance(stated, dict):
        stated = {}
    try:
        entry.size = stated_size(stated.get("height"), stated.get("width"), entry.where)
    except PixelwiseError as error:
        entry.faults.append(error)
    for n, found in enumerate(objects):
        entry.add(partial(_region, found), f"objects[{n}]")
    return entry


def _region(found: Any, where: str) -> Region | None:
    if not isinstance(found, dict) or not isinstance(found.get("classTitle"), str):
        raise LabelError("an object without a classTitle", code="bad-json", where=where, fix="export it again")
    kind = found.get("geometryType", "bitmap" if found.get("bitmap") else "polygon")
    if kind not in ("bitmap", "polygon"):
        return None
    return Region(found["classTitle"], _bitmap(found, where) if kind == "bitmap" else _polygon(found, where), where)


def _bitmap(found: Mapping[str, Any], where: str) -> Form:
    bitmap = found.get("bitmap")
    origin = bitmap.get("origin") if isinstance(bitmap, dict) else None
    left, top = (whole(v) for v in origin) if isinstance(origin, list) and len(origin) == 2 else (None, None)
    if left is None or top is None or not isinstance(bitmap, dict) or not isinstance(bitmap.get("data"), str):
        raise LabelError("not a bitmap of Supervisely", code="bad-mask", where=where, fix="it has data and an origin")
    return Bitmap(top, left, bitmap["data"])


def _polygon(found: Mapping[str, Any], where: str) -> Form:
    points = found.get("points")
    if not isinstance(points, dict) or not isinstance(holes := points.get("interior") or [], list):
        fix = "its points are an exterior, and interiors"
        raise LabelError("not a polygon of Supervisely", code="bad-polygon", where=where, fix=fix)
    return Polygons((points_of(points.get("exterior"), where),), tuple(points_of(hole, where) for hole in holes))


FORMAT = Format("supervisely", "Supervisely (meta.json; DATASET/img/ and DATASET/ann/IMAGE.json)", _find, _load)
