"""Run lengths in a CSV, as competitions on Kaggle have them: SPLIT.csv, SPLIT_images/ and id2label.json.

Pixels are counted from 1 down the columns; a row is an object, ClassId its class by id2label.json. Void are rows of the
number of void, unless no class is background: then it is what no row covers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...classes import ClassTable
from ...files.writing import atomic_write
from ...types import Sample
from ..opening import open as open_dataset
from ..tracing import runs
from .target import (
    FRAGMENT,
    Ending,
    SampleJob,
    Target,
    objects,
    plain_table,
    usual_ids,
    write_json,
)  # fmt: skip

COLUMNS = ("ImageId", "ClassId", "EncodedPixels")


class RunTable(Target):
    """SPLIT.csv, SPLIT_images/, id2label.json."""

    images = "{split}_images/{path}.{ext}"
    labels = FRAGMENT
    result = "{split}.csv"

    def write_label(self, root: Path, job: SampleJob, sample: Sample, table: ClassTable, ext: str) -> None:
        """The class and the runs of each object."""
        label: Any = sample.label
        plain = plain_table(table)
        size = (label.shape[0], label.shape[1])
        rows = []
        for of in objects(usual_ids(label, table), sample.instances, plain):
            starts, lengths = runs(of.mask(), of.box, size)
            pairs = np.stack([starts + 1, lengths], axis=1).reshape(-1).tolist()
            rows.append([of.category, " ".join(map(str, pairs))])
        write_json(job.place(root, FRAGMENT), rows)

    def finish(self, end: Ending) -> None:
        """The CSVs and id2label.json. A split without labels has no CSV."""
        for split in end.labeled:
            with atomic_write(end.root / self.result.replace("{split}", split), alone=False) as file:
                file.write(rows_of([COLUMNS]))
                for job, ext, rows in end.fragments(split):
                    image = f"{job.name}.{ext}"
                    file.write(rows_of([[image, *row] for row in rows] or [[image, "", ""]]))
        write_json(end.root / "id2label.json", {str(i): name for i, name in enumerate(end.table.names)})

    def reopened(self, root: Path, table: ClassTable) -> Any:
        """With the colors, which the files have not."""
        return open_dataset(root, format="rle_csv", classes=plain_table(table))


def rows_of(rows: Sequence[Sequence[object]]) -> bytes:
    """Lines of a CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


RUN_LENGTHS = RunTable()
