"""Hugging Face's Parquet: data/SPLIT-00000-of-00001.parquet with the columns image and label, and id2label.json.

https://huggingface.co/docs/datasets/about_dataset_features : an image is a struct of the bytes of a file and its path;
the schema's metadata say that the columns are images, so that `datasets.load_dataset(folder)` gives pictures. Beside
that, the metadata hold the class table for our reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from ...classes import ClassTable
from ...codecs.png import encode_png
from ...errors import UsageError
from ...files.reading import read_bytes
from ...files.writing import atomic_write
from ...types import Sample
from ..known.huggingface import OURS, arrow_parquet
from ..opening import open as open_dataset
from ..unfinished import FRAGMENTS
from .target import Ending, SampleJob, Target, dumped, plain_table, usual_ids, write_file, write_json

_ROWS: Final = 100
"""Rows of a group: what `datasets` writes of images."""
_SHARD_BYTES: Final = 500_000_000
"""`datasets` cuts its files at this size."""


class ParquetRows(Target):
    """data/SPLIT-*.parquet and id2label.json; until all samples are there, their files."""

    images = FRAGMENTS + "/images/{split}/{path}.{ext}"
    labels = FRAGMENTS + "/labels/{split}/{path}.png"
    result = "id2label.json"
    embeds = True
    turns = True

    def check(self, root: Path, table: ClassTable, jobs: Sequence[SampleJob]) -> None:
        """UsageError `bad-name` for a split whose name `datasets` does not take. MissingExtraError without pyarrow."""
        arrow_parquet()
        for split in dict.fromkeys(job.split for job in jobs):
            if not re.fullmatch(r"[A-Za-z]\w*", split, re.ASCII):
                what = f"the split {split!r}: Hugging Face's are letters, digits and underscores"
                raise UsageError(what, code="bad-name", where=root, fix="rename the split")

    def write_label(self, root: Path, job: SampleJob, sample: Sample, table: ClassTable, ext: str) -> None:
        """The PNG, in which void has its usual number."""
        assert sample.label is not None
        write_file(job.place(root, self.labels), encode_png(usual_ids(sample.label, table)))

    def finish(self, end: Ending) -> None:
        """The Parquet files of each split, and id2label.json."""
        for split, jobs in end.splits.items():
            shards = list(_shards([(job, job.place(end.root, self.images, ext)) for job, ext in jobs]))
            for n, shard in enumerate(shards):
                path = end.root / f"data/{split}-{n:05}-of-{len(shards):05}.parquet"
                self._write(path, end, shard, end.source[split].has_labels)
        write_json(end.root / self.result, {str(i): name for i, name in enumerate(end.table.names)})

    def _write(self, path: Path, end: Ending, shard: Sequence[tuple[SampleJob, Path]], labeled: bool) -> None:
        import pyarrow as pa

        names = ["image", "label"][: 1 + labeled]
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        features = {name: {"_type": "Image"} for name in names}
        table = plain_table(end.table).to_dict()
        metadata = {b"huggingface": dumped({"info": {"features": features}}).encode(), OURS: dumped(table).encode()}
        schema = pa.schema([(name, kind) for name in names], metadata)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path, alone=False) as file, arrow_parquet().ParquetWriter(file, schema) as writer:
            for k in range(0, len(shard), _ROWS):
                rows = shard[k : k + _ROWS]
                places = {
                    "image": [(p, f"{job.name}{p.suffix}") for job, p in rows],
                    "label": [(job.place(end.root, self.labels), f"{job.name}.png") for job, _ in rows],
                }
                columns = [[{"bytes": read_bytes(p), "path": name} for p, name in places[c]] for c in names]
                arrays = [pa.array(column, kind) for column in columns]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))

    def reopened(self, root: Path, table: ClassTable) -> Any:
        """As anyone opens it."""
        return open_dataset(root, format="hf_parquet")


def _shards(rows: Sequence[tuple[SampleJob, Path]]) -> Iterator[list[tuple[SampleJob, Path]]]:
    """The rows of each file; one file for a split without samples."""
    shard: list[tuple[SampleJob, Path]] = []
    size = 0
    for row in rows:
        own = row[1].stat().st_size
        if shard and size + own > _SHARD_BYTES:
            yield shard
            shard, size = [], 0
        shard.append(row)
        size += own
    yield shard


PARQUET_ROWS = ParquetRows()
