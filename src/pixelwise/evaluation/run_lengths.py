"""One file of run lengths from a run of predictions: a CSV as competitions on Kaggle take it, or COCO results (JSON).

Both count down the columns of an image. `pixelwise.score` reads both.
"""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..dataset.sources import image_file_of
from ..dataset.splits import Split
from ..errors import DataError, ScoreError, UsageError
from ..files.writing import atomic_write
from ..formats.known.coco_annotations import shape_of
from ..formats.targets.rle_table import COLUMNS, rows_of
from ..formats.targets.target import background_of
from ..formats.tracing import compressed, run_lengths, runs
from ..threads import in_order
from ..types import Progress, Size
from .prediction_files import Holding, PredictionFile, all_or_none, read_ids
from .result_files import DrawnPrediction, ScoredShape, image_ids, stated_of

_Masks: TypeAlias = list[tuple[int, NDArray[np.bool_]]]
"""The classes that an image shows, each with its mask (H, W)."""


class RunFile(Protocol):
    """A form of such a file, for one split. title: what it is called. ids: what it calls each sample."""

    title: str
    ids: Sequence[Any]

    def begun(self) -> bytes:
        """What comes first."""
        ...

    def lines(self, index: int, masks: _Masks, size: Size) -> bytes:
        """What is said of sample `index`."""
        ...

    def ended(self) -> bytes:
        """What comes last."""
        ...

    def read(self, file: BinaryIO, where: Path) -> Iterator[tuple[Any, DrawnPrediction]]:
        """What a file says of the images that it names, in its order."""
        ...


class KaggleRuns:
    """With one class besides background, a row per image: `ImageId,EncodedPixels`; with more, `ImageId,ClassId,
    EncodedPixels` and a row per class that is there. An image without any has one empty row.
    """

    title: str = "a CSV of run lengths"

    def __init__(self, split: Split, target: Path) -> None:
        if background_of(split.classes) is None:
            what = "no class is called background, so every pixel would be in a run"
            fix = "name what no run is to cover, by remap()"
            raise UsageError(what, code="other-classes", where=target, fix=fix)
        self.ids: Sequence[Any] = [_file_name(split, i) for i in range(len(split))]
        if len(set(self.ids)) < len(self.ids):
            raise UsageError("two samples have the same file name", code="bad-name", where=target)
        self._one: int | None = 1 - (background_of(split.classes) or 0) if len(split.classes) == 2 else None

    def begun(self) -> bytes:
        return rows_of([COLUMNS if self._one is None else [COLUMNS[0], COLUMNS[2]]])

    def lines(self, index: int, masks: _Masks, size: Size) -> bytes:
        rows: list[list[object]] = []
        for k, mask in masks:
            starts, lengths = runs(mask, (0, 0, size[1], size[0]), size)
            text = " ".join(map(str, np.stack([starts + 1, lengths], axis=1).reshape(-1).tolist()))
            rows.append([k, text] if self._one is None else [text])
        none: list[object] = ["", ""] if self._one is None else [""]
        return rows_of([[self.ids[index], *row] for row in rows or [none]])

    def ended(self) -> bytes:
        return b""

    def read(self, file: BinaryIO, where: Path) -> Iterator[tuple[Any, DrawnPrediction]]:
        with open(file.name, encoding="utf-8", newline="") as again:
            for name, group in groupby(csv.DictReader(again), lambda line: line["ImageId"]):
                found = [(line.get("ClassId") or self._one, line["EncodedPixels"]) for line in group]
                rows = [(0, int(k), text) for k, text in found if k is not None and text]
                yield name, DrawnPrediction(where, rows=rows)


class CocoResults:
    """COCO results: a list of `{"image_id", "category_id", "segmentation", "score"}` with compressed run lengths, an
    object a class and image; the score is 1. Ids are those of the dataset's own COCO JSON, else `image_ids` and class
    ids. Background, or a class that has no category, is what nothing covers.
    """

    title: str = "COCO results"

    def __init__(self, split: Split, target: Path) -> None:
        stated = stated_of(split)
        self.ids: Sequence[Any] = image_ids(split, stated)
        self._rest: int | None = background_of(split.classes)
        own = {c: c for c in range(len(split.classes)) if c != self._rest} if stated is None else stated.classes
        self._categories: dict[int, int] = {c: number for number, c in sorted(own.items(), reverse=True)}
        bare = set(range(len(split.classes))) - self._categories.keys() - {self._rest}
        if bare:
            what = f"the class {split.classes.name(min(bare))!r} has no category in the dataset's JSON"
            raise UsageError(what, code="other-classes", where=target, fix="leave such classes out, by remap()")
        self._separator: bytes = b"\n"

    def begun(self) -> bytes:
        return b"["

    def lines(self, index: int, masks: _Masks, size: Size) -> bytes:
        out = b""
        for k, mask in masks:
            if k not in self._categories:
                continue
            counts = compressed(run_lengths(mask, (0, 0, size[1], size[0]), size))
            entry = {"image_id": self.ids[index], "category_id": self._categories[k],
                     "segmentation": {"size": list(size), "counts": counts}, "score": 1.0}  # fmt: skip
            out += self._separator + json.dumps(entry).encode()
            self._separator = b",\n"
        return out

    def ended(self) -> bytes:
        return b"\n]\n"

    def read(self, file: BinaryIO, where: Path) -> Iterator[tuple[Any, DrawnPrediction]]:
        classes = {number: c for c, number in self._categories.items()}
        with open(file.name, encoding="utf-8") as again:
            entries = (json.loads(line.rstrip(",\n")) for line in again if line.startswith("{"))
            for image, group in groupby(entries, lambda entry: entry["image_id"]):
                found = [shape_of(e["segmentation"], classes[e["category_id"]], 1, str(where)) for e in group]
                yield image, DrawnPrediction(where, [ScoredShape(shape, None) for shape in found])


RUN_FILES: Final[dict[str, tuple[type[KaggleRuns] | type[CocoResults], str]]] = {
    "rle-csv": (KaggleRuns, ".csv"),
    "coco-results": (CocoResults, ".json"),
}
"""The forms by name, and the suffix of each."""


class _Image(NamedTuple):
    masks: _Masks
    size: Size
    checksum: int


def write_runs(
    form: str, split: Split, files: Sequence[PredictionFile], target: Path, predictions: Any, holds: Holding,
    threads: int | None, progress: Progress | None,
) -> tuple[list[str], int]:  # fmt: skip
    """Write the file of a form, read it back and compare. What it calls the images, and its size."""
    kind, suffix = RUN_FILES[form]
    if target.suffix.lower() != suffix:
        raise UsageError(f"{form} is a {suffix}, got {target.name!r}", code="bad-suffix", where=target)
    writer: RunFile = kind(split, target)
    rest = background_of(split.classes)
    sums: list[int] = []
    with atomic_write(target) as part:
        part.write(writer.begun())
        work = partial(_image, split, files, rest, holds)
        results = in_order(work, range(len(split)), threads)
        for i, found in enumerate(all_or_none(results, len(split), progress, predictions)):
            part.write(writer.lines(i, found.masks, found.size))
            sums.append(found.checksum)
        part.write(writer.ended())
        part.flush()
        _compare(writer.read(part, target), writer.ids, target, split, sums)
        size = part.seek(0, 2)
    return [str(name) for name in writer.ids], size


def _file_name(split: Split, index: int) -> str:
    of = image_file_of(split.source, split.position(index))
    return split.names[index] if of is None else of[0].path(of[0].images, of[1]).replace("\\", "/").rpartition("/")[2]


def _image(
    split: Split, files: Sequence[PredictionFile], rest: int | None, holds: Holding, i: int
) -> _Image | DataError:
    size = _size_of(split, i)
    try:
        ids = read_ids(files[i], split.classes, size, holds)
    except DataError as error:
        return error
    return _Image([(k, ids == k) for k in np.unique(ids).tolist() if k != rest], size, _sum(ids))


def _sum(ids: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(ids.astype(np.uint16)).tobytes())


def _compare(
    found: Iterable[tuple[Any, DrawnPrediction]], ids: Sequence[Any], where: Path, split: Split, sums: list[int]
) -> None:
    """Draw what the file says, and hold it against what was meant. Images of which it says nothing show nothing."""
    at = {name: i for i, name in enumerate(ids)}
    left = set(range(len(ids)))
    same = True
    for name, drawn in found:
        i = at.get(name, -1)
        same = same and i in left and _sum(drawn.ids(split.classes, _size_of(split, i))) == sums[i]
        left.discard(i)
    empty = DrawnPrediction(where)
    same = same and all(_sum(empty.ids(split.classes, _size_of(split, i))) == sums[i] for i in sorted(left))
    if not same:
        what = "reading the file back gives something else"
        raise ScoreError(what, code="archive-differs", where=where, fix="check the disk")


def _size_of(split: Split, index: int) -> Size:
    height, width = split.sizes(np.array([index]))[0].tolist()
    return height, width
