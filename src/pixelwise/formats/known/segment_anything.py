"""SA-1B, the data of Segment Anything: sa_N.jpg with sa_N.json beside it.

https://ai.meta.com/datasets/segment-anything : masks are run lengths of COCO without classes, so that there is one,
object; what no mask covers is background. Masks overlap: larger ones are drawn first, equal ones in the order of the
file. Instances are the masks by their place in the file, from 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...classes import ClassTable
from ...dataset.dataset import Dataset
from ...dataset.sources import FileSource
from ...dataset.splits import Split, Splits
from ...errors import FormatError, LabelError, PixelwiseError
from ...types import Label, Size
from ..format import Format
from ..forms import runs_of, stated_size
from ..paths import first, matches
from ..rasterize import DrawnFrom, DrawnSource, Shape, area
from ..regions import Annotated, Region, RegionClasses, draw_regions, head_of, read_json

_TABLE = ClassTable(("background", "object"))


def _find(path: Path) -> Path | None:
    """`path` if it contains such pairs."""
    if not path.is_dir():
        return None
    json = first(path, "sa_{name}.json")
    return path if json is not None and b'"image"' in head_of(path / json.path, 1 << 16) else None


def _load(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """classes: another table of two classes."""
    known = RegionClasses(classes or _TABLE, 0)
    return Dataset(root, "segment_anything", known.table, Splits({"all": partial(_split, root, known)}))


def _split(root: Path, known: RegionClasses) -> Split:
    names = [f"sa_{m.name}" for m in matches(root, "sa_{name}.json")]
    jsons = [root / f"{name}.json" for name in names]
    files = FileSource(root, names, known.table, [f"{name}.jpg" for name in names], listed=partial(_listed, jsons))
    source = DrawnSource(files, partial(_draw, jsons, known), DrawnFrom(jsons))
    return Split("all", known.table, source)


def _listed(jsons: Sequence[Path], index: int) -> str:
    return str(jsons[index])


def _draw(
    jsons: Sequence[Path], known: RegionClasses, index: int, size: Size, notes: list[Any] | None
) -> tuple[Label, Label]:
    return draw_regions(_read(jsons[index], known), known, size, notes)


def _read(path: Path, known: RegionClasses) -> Annotated:
    data = read_json(path, "SA-1B")
    if not isinstance(data, dict) or not isinstance(listed := data.get("annotations"), list):
        raise FormatError("no list of annotations", code="bad-json", where=path, fix="download it again")
    entry = Annotated(path.stem, str(path))
    image = data.get("image")
    try:
        stated = image if isinstance(image, dict) else {}
        entry.size = stated_size(stated.get("height"), stated.get("width"), entry.where)
    except PixelwiseError as error:
        entry.faults.append(error)
    for n, annotation in enumerate(listed):
        entry.add(partial(_region, annotation, n + 1, known.table.names[1]), f"annotations[{n}]")
    return entry


def _region(annotation: Any, number: int, label: str, where: str) -> Region:
    if not isinstance(annotation, dict):
        raise LabelError("not an annotation", code="bad-json", where=where, fix="download it again")
    form = runs_of(annotation.get("segmentation"), where)
    covered = area(Shape(1, number, runs=form.counts, where=where))
    return Region(label, form, where, -covered, number)


FORMAT = Format("segment_anything", "SA-1B of Segment Anything (sa_N.jpg and sa_N.json in one folder)", _find, _load)
