"""LabelMe: a JSON of shapes beside each labeled image, a folder per split, and labels.txt.

A piece is a polygon through the centers of its outermost pixels if Pillow, by which LabelMe draws, makes exactly its
pixels of that; else a mask, as one with holes is. The pieces of an object of the instance map are a group. Void is
`__ignore__`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...classes import ClassTable
from ...codecs.png import encode_png
from ...errors import UsageError
from ...types import Sample
from ..class_files import BACKGROUND, IGNORE
from ..layout import SPLIT_NAMES
from ..opening import open as open_dataset
from ..tracing import Path32, Traced, centers
from .target import (
    Ending,
    SampleJob,
    Target,
    background_of,
    cannot_hold,
    check_flat,
    objects,
    plain_table,
    write_file,
    write_json,
)  # fmt: skip


class Shapes(Target):
    """SPLIT/ with images and JSONs, labels.txt."""

    images = "{split}/{path}.{ext}"
    labels = "{split}/{path}.json"

    def check(self, root: Path, table: ClassTable, jobs: Sequence[SampleJob]) -> None:
        """UsageError `cannot-hold` for samples in folders and for a split without labels that is not called like one,
        `bad-name` for class names that labels.txt does not give back.
        """
        bare = dict.fromkeys(job.split for job in jobs if not job.of.has_labels)
        if odd := next((split for split in bare if not SPLIT_NAMES.fullmatch(split)), None):
            what = f"the split {odd} has no labels, and a folder without JSONs is a split only if it is called like one"
            raise cannot_hold(what, root, "call it test, or leave it out: choose the splits with splits= or --split")
        check_flat(root, jobs, "LabelMe")
        for name in table.names:
            if name != name.strip() or name.startswith("#") or not name.isprintable() or ":" in name or name == IGNORE:
                what, fix = f"the class name {name!r} cannot be in labels.txt", "rename the class, by `remap`"
                raise UsageError(what, code="bad-name", where=root, fix=fix)

    def write_label(self, root: Path, job: SampleJob, sample: Sample, table: ClassTable, ext: str) -> None:
        """The JSON."""
        label: Any = sample.label
        shapes = [shape for of in objects(label, sample.instances, _drawing(table)) for shape in _shapes(of, table)]
        name = job.name.rpartition("/")[2]
        data = {
            "version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": f"{name}.{ext}", "imageData": None,
            "imageHeight": label.shape[0], "imageWidth": label.shape[1],
        }  # fmt: skip
        write_json(job.place(root, self.labels), data)

    def finish(self, end: Ending) -> None:
        """labels.txt."""
        names = [IGNORE, *([] if background_of(end.table) is not None else [BACKGROUND]), *end.table.names]
        write_file(end.root / "labels.txt", "".join(f"{name}\n" for name in names).encode())

    def reopened(self, root: Path, table: ClassTable) -> Any:
        """With the given classes: LabelMe always has a background, which these may not have."""
        return open_dataset(root, format="labelme", classes=plain_table(table))


def _drawing(table: ClassTable) -> ClassTable:
    """The table with a background, or without void, so that void is drawn in any case."""
    if background_of(table) is not None:
        return table
    return ClassTable(table.names, table.colors, None)


def _shapes(of: Traced, table: ClassTable) -> Iterator[dict[str, Any]]:
    name = IGNORE if of.category == table.ignore_index else table.names[of.category]
    group = of.number if of.number and len(of.parts) > 1 else None
    common: dict[str, Any] = {"label": name, "group_id": group, "description": "", "flags": {}}
    polygons = [] if of.has_holes else [centers(path) for (path,) in of.parts]
    if polygons and np.array_equal(_drawn(polygons, of), of.mask()):
        for path in polygons:
            yield {**common, "points": path.tolist(), "shape_type": "polygon", "mask": None}
        return
    x0, y0, x1, y1 = of.box
    mask = b64encode(encode_png(of.mask().astype(np.uint8))).decode()
    yield {**common, "points": [[x0, y0], [x1 - 1, y1 - 1]], "shape_type": "mask", "mask": mask}


def _drawn(polygons: Sequence[Path32], of: Traced) -> NDArray[np.bool_]:
    """What LabelMe makes of the polygons, in the object's box."""
    from PIL import Image, ImageDraw

    x0, y0, x1, y1 = of.box
    image = Image.new("1", (x1 - x0, y1 - y0))
    for path in polygons:
        ImageDraw.Draw(image).polygon([(x - x0, y - y0) for x, y in path.tolist()], outline=1, fill=1)
    return np.asarray(image)


LABELME_SHAPES = Shapes()
