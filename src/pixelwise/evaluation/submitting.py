"""Archives for the official servers, from a folder of predictions: checked, complete, read back.

pixelwise.submit("predictions", voc["test"], "comp6.tar.gz")
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_choice
from ..classes import VOC, VOC_NAMES, ClassTable
from ..codecs.decoding import decode_stored
from ..codecs.png import encode_png
from ..dataset.splits import Split
from ..errors import DataError, ScoreError, UsageError, shown
from ..files.addresses import local_path
from ..files.writing import atomic_write
from ..formats.given import Data, SplitNames, as_split
from ..hints import answering, hinted, unknown_name
from ..metrics.protocols import CITYSCAPES_CLASSES
from ..results import Result
from ..threads import Pool, in_order, run_in
from ..types import Progress
from .prediction_files import Holding, PredictionFile, all_or_none, holding, read_ids
from .result_files import predictions_of
from .run_lengths import RUN_FILES, write_runs

Competition = Literal["comp5", "comp6"]
_TAR, _ZIP = (".tar", ".tar.gz", ".tgz"), (".zip",)


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a server accepts.

    values: (C,) uint8, the number to write for each class id. suffixes: of the archive. palette: whether PNGs carry the
    VOC colors. member: the name of a sample's file in the archive.
    """

    name: str
    title: str
    values: NDArray[np.uint8]
    suffixes: tuple[str, ...]
    palette: bool
    member: Callable[[str, str, str], str]


def _voc_member(name: str, split: str, competition: str) -> str:
    return f"results/VOC2012/Segmentation/{competition}_{split}_cls/{name}.png"


def _cityscapes_member(name: str, split: str, competition: str) -> str:
    frame = re.match(r"(?:.*/)?([^/_]+_\d{6}_\d{6})[^/]*$", name)
    if frame is None:
        raise UsageError(
            f"{name!r} is not a Cityscapes name", code="bad-name", fix="such names end in CITY_SEQUENCE_FRAME"
        )
    return f"{frame[1]}_pred_labelIds.png"


def _plain_member(name: str, split: str, competition: str) -> str:
    return f"{name.rpartition('/')[2]}.png"


_LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)

BENCHMARKS = {
    b.name: b
    for b in (
        # VOCdevkit, VOCcode/VOCinit.m (seg.clsrespath), and the guidelines of the evaluation server.
        Benchmark("voc2012", "Pascal VOC2012", np.arange(21, dtype=np.uint8), _TAR, True, _voc_member),
        # cityscapesscripts, helpers/labels.py; evalPixelLevelSemanticLabeling.getPrediction looks for
        # CITY_SEQUENCE_FRAME*.png, one for each image, anywhere in the archive.
        Benchmark("cityscapes", "Cityscapes", np.array(_LABEL_IDS, np.uint8), _ZIP, False, _cityscapes_member),
        # CSAILVision/sceneparsing, README: masks named as the test images, values 1..150, 0 for anything else.
        Benchmark("ade20k", "ADE20K scene parsing", np.arange(1, 151, dtype=np.uint8), _ZIP, False, _plain_member),
    )
}
"""The servers by name."""


@answering
@dataclass(frozen=True, slots=True)
class Submission(Result):
    """A finished archive. members: the names of its files, in the order of the split. size: in bytes."""

    path: Path
    benchmark: str
    members: tuple[str, ...]
    size: int

    def __repr__(self) -> str:
        return f"Submission({self})"

    def __str__(self) -> str:
        runs = RUN_FILES.get(self.benchmark)
        title = BENCHMARKS[self.benchmark].title if runs is None else runs[0].title
        size = f"{self.size / 1e6:.1f} MB"
        return f"{shown(self.path)}: {len(self.members)} predictions for {title}, {size}, read back equal"


@hinted
def submit(
    predictions: str | os.PathLike[str],
    data: Data,
    out: str | os.PathLike[str],
    *,
    splits: SplitNames = None,
    benchmark: str | None = None,
    competition: Competition = "comp6",
    stored_values: bool = False,
    masks: bool = False,
    threshold: float | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    pool: Pool | None = None,
    **options: Any,
) -> Submission:
    """Make the archive that a server accepts, from the predictions of all images of a split.

    predictions, stored_values, masks, threshold, options: as for `pixelwise.score`. data, splits: a Split, or a path or
    Dataset with the name of one or more splits (default: "test", else the first); labels are not needed. out: the
    archive. benchmark: "voc2012" (palette PNGs in a tar or tar.gz), "cityscapes" (label ids in a zip) or "ade20k"
    (class + 1 in a zip); default: the one that has these classes. Or "rle-csv": run lengths in a CSV, as competitions
    on Kaggle take them (column-major from 1, images by their file names, a row per class), or "coco-results": COCO
    results in a JSON. competition: of VOC2012, "comp5" if the model was trained only on its own segmentation data,
    "comp6" otherwise. threads: default: one per core. progress: called with (done, total).
    pool: where predictions are read and encoded instead of on threads; see `Pool`.

    Every prediction must exist, have its image's size, and hold only classes. The archive is written under another
    name, read back, compared, and then renamed; its bytes depend only on the predictions. Raises ScoreError as `score`
    does, with all problems, and `archive-differs` if reading back gives something else; UsageError `bad-suffix`,
    `other-classes` if the split does not have the benchmark's classes, `bad-name` if its names do not fit.
    """
    split = as_split(data, splits, verb="submit", prefer=("test",), **options)
    check_choice("competition", competition, ("comp5", "comp6"))
    target = local_path(out, "submit")
    folder = local_path(predictions, "submit")
    holds = holding(split.classes, stored_values, masks, threshold)
    if benchmark in RUN_FILES:
        files = predictions_of(folder, split)
        with run_in(pool):
            ids, size = write_runs(benchmark, split, files, target, predictions, holds, threads, progress)
        return Submission(target, benchmark, tuple(ids), size)
    rule = _benchmark_for(split.classes, benchmark)
    if not target.name.lower().endswith(rule.suffixes):
        raise UsageError(
            f"{rule.title} takes {' or '.join(rule.suffixes)}, got {target.name!r}", code="bad-suffix", where=target
        )
    members = [rule.member(name, split.name, competition) for name in split.names]
    if len(set(members)) != len(members):
        raise UsageError("two samples have the same name in the archive", code="bad-name", where=target)
    encode = partial(_encode, split, predictions_of(folder, split), rule, holds)
    with run_in(pool):
        size = _write_archive(target, rule, members, encode, predictions, threads, progress)
    return Submission(target, rule.name, tuple(members), size)


def _write_archive(
    target: Path, rule: Benchmark, members: list[str], encode: Callable[[int], tuple[bytes, int] | DataError],
    predictions: Any, threads: int | None, progress: Progress | None,
) -> int:  # fmt: skip
    """The size of the archive."""
    sums: list[int] = []
    results = in_order(encode, range(len(members)), threads)
    with atomic_write(target) as part:
        with _archive(part, target.name) as add:
            whole = all_or_none(results, len(members), progress, predictions)
            for (data, checksum), member in zip(whole, members, strict=True):
                add(member, data)
                sums.append(checksum)
        part.flush()
        _read_back(part, target, rule, members, sums)
        return part.seek(0, os.SEEK_END)


def _benchmark_for(table: ClassTable, name: str | None) -> Benchmark:
    fits = {
        "voc2012": table.names == VOC_NAMES,
        "cityscapes": table.names == CITYSCAPES_CLASSES,
        "ade20k": len(table) == 150 and (table.values is None or table.id_values[:150].tolist() == [*range(1, 151)]),
    }
    known = f"the benchmarks are: {', '.join([*BENCHMARKS, *RUN_FILES])}"
    if name is None:
        name = next((n for n, fit in fits.items() if fit), None)
        if name is None:
            raise UsageError(f"no benchmark has these {len(table)} classes", code="unknown-benchmark", fix=known)
    if name not in BENCHMARKS:
        raise unknown_name("benchmark", name, BENCHMARKS)
    if not fits[name]:
        raise UsageError(
            f"the {len(table)} classes of the split are not those of {BENCHMARKS[name].title}", code="other-classes",
            fix="open the dataset with its official classes in their official order",
        )  # fmt: skip
    return BENCHMARKS[name]


def _encode(
    split: Split, files: Sequence[PredictionFile], rule: Benchmark, holds: Holding, i: int
) -> tuple[bytes, int] | DataError:
    height, width = split.sizes(np.array([i]))[0].tolist()
    try:
        ids = read_ids(files[i], split.classes, (height, width), holds)
    except DataError as error:
        return error
    values = rule.values[ids]
    return encode_png(values, VOC.palette if rule.palette else None), zlib.crc32(values.tobytes())


@contextmanager
def _archive(file: BinaryIO, name: str) -> Iterator[Callable[[str, bytes], None]]:
    # Without times, owners or names, so that equal predictions give equal bytes. PNGs are compressed already.
    if name.lower().endswith(_ZIP):
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as box:
            yield lambda member, data: box.writestr(zipfile.ZipInfo(member, (1980, 1, 1, 0, 0, 0)), data)
        return
    plain = name.lower().endswith(".tar")
    packer: Any = nullcontext(file) if plain else gzip.GzipFile("", "wb", 6, file, mtime=0)
    with packer as inner, tarfile.open(fileobj=inner, mode="w", format=tarfile.USTAR_FORMAT) as tar:

        def add(member: str, data: bytes) -> None:
            info = tarfile.TarInfo(member)
            info.size, info.mode = len(data), 0o644
            tar.addfile(info, io.BytesIO(data))

        yield add


def _read_back(file: BinaryIO, where: Path, rule: Benchmark, members: list[str], sums: list[int]) -> None:
    """Read the archive as a server does: it must have the right members, each with the intended pixels."""
    with open(file.name, "rb") as again:
        found = {}
        for name, data in _members(again, where.name):
            found[name] = zlib.crc32(decode_stored(data, f"{where}:{name}").pixels.tobytes())
    if found != dict(zip(members, sums, strict=True)):
        raise ScoreError(
            "reading the archive back gives something else", code="archive-differs", where=where, fix="check the disk"
        )


def _members(file: BinaryIO, name: str) -> Iterator[tuple[str, bytes]]:
    if name.lower().endswith(_ZIP):
        with zipfile.ZipFile(file) as box:
            yield from ((member, box.read(member)) for member in box.namelist())
        return
    with tarfile.open(fileobj=file, mode="r:*") as tar:
        for info in tar:
            data = tar.extractfile(info)
            assert data is not None
            yield info.name, data.read()
