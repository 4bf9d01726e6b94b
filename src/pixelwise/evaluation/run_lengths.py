"""A CSV of run lengths from a folder of predictions, as competitions on Kaggle take it: column-major from 1."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from ..dataset.sources import image_file_of
from ..dataset.splits import Split
from ..errors import DataError, ScoreError, UsageError
from ..files.writing import atomic_write
from ..formats.targets.rle_table import COLUMNS, rows_of
from ..formats.targets.target import background_of
from ..formats.tracing import runs
from ..threads import in_order
from ..types import Progress
from .prediction_files import Holding, PredictionFile, read_ids, refuse

RUNS: Final = "rle-csv"
"""The name of this way to submit."""


def write_runs(
    split: Split, files: Sequence[PredictionFile], target: Path, predictions: Any, holds: Holding,
    threads: int | None, progress: Progress | None,
) -> tuple[list[str], int]:  # fmt: skip
    """Write the CSV, read it back and compare. The images' ids in it, which are the names of their files, and its size.

    With one class besides background, a row per image: `ImageId,EncodedPixels`; with more, `ImageId,ClassId,
    EncodedPixels` and a row per class that is there. An image without any has one empty row.
    """
    if target.suffix.lower() != ".csv":
        raise UsageError(f"run lengths are a .csv, got {target.name!r}", code="bad-suffix", where=target)
    rest = background_of(split.classes)
    if rest is None:
        what, fix = "no class is called background, so every pixel would be in a run", "name what no run is to cover"
        raise UsageError(what, code="other-classes", where=target, fix=f"{fix}, by remap()")
    ids = [_image_id(split, i) for i in range(len(split))]
    if len(set(ids)) < len(ids):
        raise UsageError("two samples have the same file name", code="bad-name", where=target)
    one = len(split.classes) == 2
    sums: list[int] = []
    problems: list[DataError] = []
    with atomic_write(target) as part:
        part.write(rows_of([[COLUMNS[0], COLUMNS[2]] if one else COLUMNS]))
        work = partial(_rows, split, files, rest, holds)
        for i, found in enumerate(in_order(work, range(len(split)), threads)):
            if isinstance(found, DataError):
                problems.append(found)
            elif not problems:
                listed = [[ids[i], text] if one else [ids[i], k, text] for k, text in found[0]]
                part.write(rows_of(listed or [[ids[i], ""] if one else [ids[i], "", ""]]))
                sums.append(found[1])
            if progress is not None:
                progress(i + 1, len(split))
        refuse(problems, f"{len(split)} predictions", predictions)
        part.flush()
        _compare(part, target, split, dict(zip(ids, sums, strict=True)), rest)
        size = part.seek(0, 2)
    return ids, size


def _image_id(split: Split, index: int) -> str:
    of = image_file_of(split.source, split.position(index))
    return split.names[index] if of is None else of[0].path(of[0].images, of[1]).replace("\\", "/").rpartition("/")[2]


def _rows(
    split: Split, files: Sequence[PredictionFile], rest: int, holds: Holding, i: int
) -> tuple[list[tuple[int, str]], int] | DataError:
    """Class and runs of each class that is there, and a checksum of the ids."""
    height, width = split.sizes(np.array([i]))[0].tolist()
    try:
        ids = read_ids(files[i], split.classes, (height, width), holds)
    except DataError as error:
        return error
    out = []
    for k in np.unique(ids).tolist():
        if k != rest:
            starts, lengths = runs(ids == k, (0, 0, width, height), (height, width))
            out.append((k, " ".join(map(str, np.stack([starts + 1, lengths], axis=1).reshape(-1).tolist()))))
    return out, _sum(ids)


def _sum(ids: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(ids.astype(np.uint16)).tobytes())


def _compare(file: BinaryIO, where: Path, split: Split, sums: dict[str, int], rest: int) -> None:
    """Draw what the CSV says, and hold it against what was meant."""
    with open(file.name, encoding="utf-8", newline="") as again:
        lines = list(csv.DictReader(again))
    of: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        of.setdefault(line["ImageId"], []).append(line)
    same = list(of) == list(sums)
    for i, (name, wanted) in enumerate(sums.items() if same else ()):
        height, width = split.sizes(np.array([i]))[0].tolist()
        flat = np.full(height * width, rest, np.uint16)
        for line in of[name]:
            numbers = [int(n) for n in line["EncodedPixels"].split()]
            for start, length in zip(numbers[::2], numbers[1::2], strict=True):
                flat[start - 1 : start - 1 + length] = int(line.get("ClassId") or 1 - rest)
        same = same and _sum(flat.reshape(width, height).T) == wanted
    if not same:
        what = "reading the CSV back gives something else"
        raise ScoreError(what, code="archive-differs", where=where, fix="check the disk")
