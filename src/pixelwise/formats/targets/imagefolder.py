"""Hugging Face's imagefolder: SPLIT/ with images, SPLIT/labels/ with PNGs of ids, metadata.jsonl and id2label.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...classes import ClassTable
from ...codecs.png import encode_png
from ...types import Sample
from ..opening import open as open_dataset
from .target import Ending, SampleJob, Target, dumped, plain_table, usual_ids, write_file, write_json


class ImageFolder(Target):
    """SPLIT/metadata.jsonl with file_name and label_file_name."""

    images = "{split}/{path}.{ext}"
    labels = "{split}/labels/{path}.png"
    turns = True

    def write_label(self, root: Path, job: SampleJob, sample: Sample, table: ClassTable, ext: str) -> None:
        """The PNG, in which void has its usual number."""
        assert sample.label is not None
        write_file(job.place(root, self.labels), encode_png(usual_ids(sample.label, table)))

    def finish(self, end: Ending) -> None:
        """id2label.json, and the metadata of each split."""
        write_json(end.root / "id2label.json", {str(i): name for i, name in enumerate(end.table.names)})
        for split, jobs in end.splits.items():
            lines = []
            for job, ext in jobs:
                row = {"file_name": f"{job.name}.{ext}"}
                row |= {"label_file_name": f"labels/{job.name}.png"} if job.of.has_labels else {}
                lines.append(dumped(row) + "\n")
            write_file(end.root / split / "metadata.jsonl", "".join(lines).encode())

    def reopened(self, root: Path, table: ClassTable) -> Any:
        """With the colors, which the files have not."""
        return open_dataset(root, format="hf_imagefolder", classes=plain_table(table))


IMAGE_FOLDER = ImageFolder()
