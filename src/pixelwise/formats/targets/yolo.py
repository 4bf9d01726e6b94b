"""YOLO segmentation: images/SPLIT/, labels/SPLIT/*.txt with a polygon per line, and data.yaml.

A polygon is the border of a piece's pixels as fractions. A hole is joined to its border by a line that is walked twice,
and so are the pieces of one object of the instance map. Void cannot be stored if there is a class background.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...classes import ClassTable
from ...errors import UsageError
from ...types import Sample
from ..opening import open as open_dataset
from ..tracing import Path32, joined_path
from ..yaml_names import YamlError, yaml_names
from .target import (
    Ending,
    SampleJob,
    Target,
    background_of,
    cannot_hold,
    dumped,
    objects,
    plain_table,
    void_of,
    write_file,
)


class Texts(Target):
    """images/SPLIT/, labels/SPLIT/, data.yaml."""

    images = "images/{split}/{path}.{ext}"
    labels = "labels/{split}/{path}.txt"

    def check(self, root: Path, table: ClassTable, jobs: Sequence[SampleJob]) -> None:
        """UsageError `bad-name` for class names that data.yaml does not give back."""
        wanted = [name for i, name in enumerate(table.names) if i != _left_out(table)]
        try:
            back = [name for _, name, _ in yaml_names(_names(table)) or ()]
        except YamlError:
            back = []
        if back != wanted:
            what = "a class has a name that data.yaml cannot hold"
            raise UsageError(what, code="bad-name", where=root, fix="rename the classes, by `remap` or `subset`")

    def write_label(self, root: Path, job: SampleJob, sample: Sample, table: ClassTable, ext: str) -> None:
        """A line for each piece, or for each object that has a number. UsageError `cannot-hold` for void."""
        label: Any = sample.label
        background = background_of(table)
        if background is not None and (count := int(np.count_nonzero(void_of(label, table)))):
            what = f"{count} pixels are void, which YOLO cannot store"
            raise cannot_hold(what, job.called, "void='background' (--void background) in a new folder, or coco")
        height, width = label.shape
        lines = []
        for of in objects(label, sample.instances, table):
            pieces = [joined_path(paths) for paths in of.parts]
            for path in [joined_path(tuple(pieces))] if of.number else pieces:
                number = of.category - (_left_out(table) == 0)
                lines.append(f"{number} {_fractions(path, height, width)}\n")
        write_file(job.place(root, self.labels), "".join(lines).encode())

    def finish(self, end: Ending) -> None:
        """data.yaml."""
        lines = [f"# Converted from {dumped(str(end.source.root))} ({end.source.format}) by pixelwise.\n"]
        lines += [f"{split}: images/{split}\n" for split in end.splits]
        write_file(end.root / "data.yaml", ("".join(lines) + _names(end.table)).encode())

    def reopened(self, root: Path, table: ClassTable) -> Any:
        """With the colors, which data.yaml has not."""
        plain = plain_table(table)
        return open_dataset(root, format="yolo", classes=plain if _left_out(table) == 0 else None)


def _left_out(table: ClassTable) -> int | None:
    """The class that data.yaml does not list, as is usual for background if it is the first; else None."""
    return 0 if background_of(table) == 0 and len(table) > 1 else None


def _names(table: ClassTable) -> str:
    names = [name for i, name in enumerate(table.names) if i != _left_out(table)]
    text = "names:\n" + "".join(f"  {i}: {_quoted(name)}\n" for i, name in enumerate(names))
    if _left_out(table) is None:
        rest = background_of(table)
        text += f"uncovered: {'void' if rest is None else _quoted(table.names[rest])}\n"
    return text


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _fractions(path: Path32, height: int, width: int) -> str:
    """The corners as parts of width and height, so that no reader gets less than the corner.

    ultralytics reads them in float32 and cuts to whole numbers: 4.9999 would be the pixel before. Our reader allows a
    tenth of a pixel, and the next float32 is less than that for a side of a million pixels.
    """
    size = np.array([width, height], np.float64)
    shares = (path / size).astype(np.float32)
    texts = np.array([f"{v:.9g}" for v in shares.reshape(-1)], "U24").reshape(shares.shape)
    short = (texts.astype(np.float64) * size < path) | (shares * size.astype(np.float32) < path)
    for k in zip(*np.nonzero(short), strict=True):
        texts[k] = f"{min(1.0, float(np.nextafter(np.nextafter(shares[k], np.float32(2)), np.float32(2)))):.9g}"
    return " ".join(texts.reshape(-1).tolist())


YOLO_TEXTS = Texts()
