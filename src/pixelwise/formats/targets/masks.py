"""index, voc, cityscapes: PNGs of class ids, lists, and a pixelwise.toml that describes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...classes import ClassTable
from ...codecs.png import encode_png
from ...types import Sample
from ..toml import FILE, class_section, comment, text_of
from .target import Ending, SampleJob, Target, write_file

SIGNED = "# conversion "
"""The beginning of the line of a pixelwise.toml that says which conversion it is."""


@dataclass(frozen=True)
class Masks(Target):
    """Templates, and whether labels have a palette."""

    images: str
    labels: str
    instances: str
    lists: str
    palette: bool = False
    signed: bool = True

    def write_label(self, root: Path, job: SampleJob, sample: Sample, table: ClassTable, ext: str) -> None:
        """Instances, if they fit in 16 bits, then the label."""
        numbers: Any = sample.instances
        if numbers is not None and (numbers.dtype.itemsize <= 2 or int(numbers.max()) <= 65_535):
            stored = numbers if numbers.itemsize <= 2 else numbers.astype(np.uint16)
            write_file(job.place(root, self.instances), encode_png(stored))
        assert sample.label is not None
        palette = table.palette if self.palette and sample.label.dtype == np.uint8 else None
        write_file(job.place(root, self.labels), encode_png(sample.label, palette))

    def has_instances(self, root: Path, job: SampleJob) -> bool:
        """Whether its file is there."""
        return job.place(root, self.instances).exists()

    def finish(self, end: Ending) -> None:
        """The lists, then pixelwise.toml."""
        for split, jobs in end.splits.items():
            write_file(end.root / self.lists.replace("{split}", split), list_of(job.name for job, _ in jobs))
        write_file(end.root / FILE, self._description(end).encode())

    def _description(self, end: Ending) -> str:
        exts = set(end.exts)
        ext = next(iter(exts)) if len(exts) == 1 else "{ext}"
        unlabeled = list(dict.fromkeys(job.split for job in end.jobs if not job.of.has_labels))
        labeled = any(job.of.has_labels for job in end.jobs)
        lines = [
            comment(f"Converted from {end.source.root} ({end.source.format}) by pixelwise."),
            *map(comment, end.source.history),
            SIGNED + end.identity,
            "",
            "[images]",
            f"path = {text_of(self.images.replace('{ext}', ext))}",
        ]
        if labeled:
            lines += ["", "[labels]", f"path = {text_of(self.labels)}"]
            lines += [f"instances = {text_of(self.instances)}"] if end.instances else []
        lines += ["", "[splits]", f"lists = {text_of(self.lists)}"]
        lines += [f"unlabeled = {text_of(unlabeled)}"] if labeled and unlabeled else []
        return "\n".join([*lines, "", *class_section(end.table)]) + "\n"


def list_of(names: Iterable[str]) -> bytes:
    """The file of a list of names."""
    return "".join(f"{name}\n" for name in names).encode("utf-8", "surrogatepass")


VOC_FOLDERS = Masks(
    "JPEGImages/{path}.{ext}", "SegmentationClass/{path}.png", "SegmentationObject/{path}.png",
    "ImageSets/Segmentation/{split}.txt", True,
)  # fmt: skip
INDEX_FOLDERS = Masks("images/{path}.{ext}", "labels/{path}.png", "instances/{path}.png", "lists/{split}.txt")
CITYSCAPES_FOLDERS = Masks(
    "leftImg8bit/{split}/{path}_leftImg8bit.{ext}", "gtFine/{split}/{path}_gtFine_labelTrainIds.png",
    "gtFine/{split}/{path}_gtFine_instanceIds.png", "lists/{split}.txt",
)  # fmt: skip
