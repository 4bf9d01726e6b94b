"""Prediction files: a folder with a PNG, NPY or NPZ of class ids per sample, named by the sample.

`pixelwise.predict` writes such folders; `pixelwise.score` and `pixelwise.submit` read them, completely or not at all.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..classes import ClassTable
from ..codecs.decoding import decode_stored
from ..codecs.header import pixel_limit
from ..codecs.png import encode_png
from ..dataset.splits import Split
from ..errors import DataError, FileError, LabelError, MissingError, ScoreError, UsageError
from ..files.reading import read_bytes, similar_name
from ..files.writing import atomic_write
from ..formats.unfinished import PREDICTION, read_mark
from ..labels import to_ids
from ..threads import with_progress
from ..types import Label, Progress, Size
from .probability_files import above, check_threshold

R = TypeVar("R")
SUFFIXES = (".png", ".npy", ".npz")
_FRAME = re.compile(r"(?:.*/)?([^/_]+_\d{6}_\d{6})[^/]*")
"""A Cityscapes frame: CITY_SEQUENCE_FRAME, and what may follow (cityscapesscripts, getPrediction)."""
FileValues = Literal["ids", "stored values", "masks", "numbers"]
"""What prediction files hold."""
SHOWN = 20
"""At most this many problems are named one by one; the rest are counted."""


# -- which files --------------------------------------------------------------------------------------------


def file_of(root: Path, name: str) -> Path:
    """The path of the PNG of sample `name`. UsageError for a name that leads out of the folder."""
    relative = Path(name + ".png")
    if relative.is_absolute() or ".." in relative.parts:
        raise UsageError(f"the sample name {name!r} leads out of the folder", code="bad-name", where=root)
    return root / relative


def find_files(root: Path, names: Sequence[str]) -> list[Path]:
    """The prediction file of each sample, in the order of `names`; `root` may have subfolders, as names may.

    Where every name is a Cityscapes frame, CITY/CITY_SEQUENCE_FRAME, its file may also be CITY_SEQUENCE_FRAME*.png
    anywhere below `root`, which is what the official script looks for.

    Hidden files and other suffixes are ignored. Raises MissingError if there is no folder, ScoreError
    `missing-prediction`, `extra-prediction` (no sample has that name: another split, or a wrong name) and
    `two-predictions` (such as PNG and NPY), of which up to `SHOWN` are named.
    """
    if not root.is_dir():
        raise MissingError("no such folder of predictions", code="missing-file", where=root, fix="check the path")
    unfinished = (read_mark(root / PREDICTION) or {}).get("complete") is False
    rest = "predict was stopped here: run it again" if unfinished else "predict all samples of the split"
    found: dict[str, Path] = {}
    problems: list[DataError] = []
    frames = _frames(names)
    for path in _walk(root):
        stem = path.relative_to(root).as_posix()[: -len(path.suffix)]
        if stem not in frames.values() and (frame := _FRAME.fullmatch(stem)):
            stem = frames.get(frame[1], stem)
        if stem in found:
            fix = "keep one of them"
            problems.append(
                ScoreError(f"there is also {found[stem].name}", code="two-predictions", where=path, fix=fix)
            )
        found[stem] = path
    for name in names:
        if name not in found:
            path = file_of(root, name)
            fix = similar_name(path) or rest
            problems.append(ScoreError("no such prediction", code="missing-prediction", where=path, fix=fix))
    for stem in sorted(found.keys() - set(names)):
        what = "no sample of the split has this name"
        problems.append(ScoreError(what, code="extra-prediction", where=found[stem], fix="remove it"))
    refuse(problems, f"predictions for {len(names)} samples", root)
    return [found[name] for name in names]


def _frames(names: Sequence[str]) -> dict[str, str]:
    # Of a dataset of Cityscapes frames: each frame's sample. Otherwise, and where two samples show one, nothing.
    matches = [_FRAME.fullmatch(name) for name in names]
    found = {match[1]: match[0] for match in matches if match}
    return found if len(found) == len(names) else {}


def _walk(root: Path) -> Iterable[Path]:
    for folder, below, files in os.walk(root):
        below[:] = sorted(d for d in below if not d.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and name.endswith(SUFFIXES):
                yield Path(folder, name)


def refuse(problems: Sequence[DataError], what: str, where: object) -> None:
    """Raise the only problem, or a ScoreError that counts them, with the first `SHOWN` of them as notes."""
    if not problems:
        return
    if len(problems) == 1:
        raise problems[0]
    codes = {p.code for p in problems}
    error = ScoreError(
        f"{len(problems)} problems with the {what}; nothing was used",
        code=codes.pop() if len(codes) == 1 else "bad-predictions", where=where,
    )  # fmt: skip
    for problem in problems[:SHOWN]:
        error.add_note(str(problem))
    if len(problems) > SHOWN:
        error.add_note(f"and {len(problems) - SHOWN} more")
    raise error


def all_or_none(
    results: Iterable[R | DataError], total: int, progress: Progress | None, where: object, what: str = "predictions"
) -> Iterator[R]:
    """The results before the first problem; all problems are raised in the end. See `refuse`."""
    problems: list[DataError] = []
    for found in with_progress(results, total, progress):
        if isinstance(found, DataError):
            problems.append(found)
        elif not problems:
            yield found
    refuse(problems, f"{total} {what}", where)


# -- what is in them ----------------------------------------------------------------------------------------


class Drawn(Protocol):
    """A prediction that is drawn from a file about the whole split."""

    def ids(self, table: ClassTable, size: Size) -> NDArray[Any]:
        """(H, W) class ids, or numbers outside 0..C-1."""
        ...


PredictionFile = Path | Drawn


class Holding(NamedTuple):
    """What files of predictions hold: class ids; the numbers that the dataset's own labels store; of two classes, masks
    of 0 and 255; or numbers, of which those above the threshold are class 1.
    """

    values: FileValues = "ids"
    threshold: float | None = None


IDS: Final = Holding()
"""Class ids, as `pixelwise.predict` writes them."""


def holding(table: ClassTable, stored_values: bool, masks: bool, threshold: float | None) -> Holding:
    """What the arguments of `pixelwise.score` say. UsageError for two of them, or if the classes are not two."""
    if stored_values + masks + (threshold is not None) > 1:
        what = "files hold stored values, or masks, or numbers for a threshold: one of them"
        raise UsageError(what, fix="leave the others out")
    if masks and len(table) != 2:
        raise UsageError(f"masks are for two classes, the split has {len(table)}", fix="leave masks out")
    if threshold is not None:
        return Holding("numbers", check_threshold(table, threshold))
    return Holding("masks" if masks else "stored values" if stored_values else "ids")


def read_prediction(path: PredictionFile, table: ClassTable, size: Size, holds: Holding = IDS) -> NDArray[Any]:
    """(H, W) class ids from an index, palette or color PNG, or an NPY or NPZ. Thread-safe.

    A pixel that is not a class keeps a number outside 0..C-1: `check_ids` refuses it, a Confusion counts it.

    Raises FileError if the file cannot be read exactly; LabelError for an unknown color or a renumbered palette, and
    `gray-rgb` for ids in three equal channels; ScoreError `wrong-size` if it is not (height, width) `size`,
    `mask-values` for values that are not those of a mask, and `stored-values` if it holds stored values instead of ids:
    label ids of Cityscapes mistaken for train ids would score near 0 and look like a bad model.
    """
    if not isinstance(path, Path):
        if holds.values != "ids":
            what = "results hold objects, not stored values, masks or numbers"
            raise UsageError(what, fix="leave stored_values, masks and threshold out")
        return path.ids(table, size)
    if holds.threshold is not None:
        return above(path, table, size, holds.threshold)
    data = read_bytes(path)
    found = decode_stored(_unzipped(data, path) if path.suffix == ".npz" else data, path, allow=frozenset({"npy"}))
    check_own_size(found.pixels.shape, size, path)
    if holds.values == "masks":
        return _of_mask(found.pixels, table, path)
    meant = table if holds.values == "stored values" else _by_id(table)
    try:
        return to_ids(found, meant, path)
    except LabelError as error:
        if error.code == "unknown-color" and found.pixels.ndim == 3 and not np.ptp(found.pixels[..., :3], axis=2).any():
            what = "holds gray in three channels, which are class ids or a picture, not the classes' colors"
            raise LabelError(what, code="gray-rgb", where=path, fix="save one channel") from None
        if error.code != "class-out-of-range":
            raise
        ids = np.asarray(meant.value_ids[found.pixels])
    if meant is not table and (table.value_ids[found.pixels] >= 0).all():
        raise ScoreError(
            f"{int(found.pixels[ids < 0][0])} is a stored label value, not a class id (0..{len(table) - 1})",
            code="stored-values", where=path,
            fix="if the predictions hold stored values, say stored_values=True (--stored-values)",
        )  # fmt: skip
    return ids


def check_own_size(shape: tuple[int, ...], size: Size, where: object) -> None:
    """ScoreError `wrong-size` if a prediction is not of its sample's (height, width)."""
    if shape[:2] != size:
        raise ScoreError(
            f"is {shape[0]} x {shape[1]}, its sample is {size[0]} x {size[1]} (height x width)",
            code="wrong-size", where=where,
            fix="predict at the image's own size: resize logits to it before taking the maximum, labels never",
        )  # fmt: skip


def _unzipped(data: bytes, where: Path) -> bytes:
    # The only array of an NPZ.
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) != 1:
                names = ", ".join(m.filename for m in members[:5])
                what = f"holds {len(members)} arrays ({names}), expected one"
                raise FileError(what, code="unsupported-format", where=where, fix="save each prediction alone")
            if members[0].file_size > 8 * pixel_limit() + 65_536:
                what = f"holds {members[0].file_size:,} bytes, more than an image of {pixel_limit():,} pixels"
                fix = "set PIXELWISE_MAX_PIXELS, if the file is right"
                raise FileError(what, code="too-large", where=where, fix=fix)
            return archive.read(members[0])
    except FileError:
        raise
    except Exception as error:  # zipfile's, and those of four decompressors
        what = f"not a readable NPZ file: {str(error)[:80]}"
        raise FileError(what, code="corrupt", where=where, fix="save it again with numpy.savez") from None


def _of_mask(pixels: NDArray[Any], table: ClassTable, where: Path) -> NDArray[Any]:
    if pixels.ndim != 2 or not ((pixels == 0) | (pixels == 255)).all():
        seen = np.unique(pixels)[:5].tolist() if pixels.ndim == 2 else f"{pixels.shape[2]} channels"
        raise ScoreError(f"holds {seen}, expected 0 and 255", code="mask-values", where=where, fix="leave masks out")
    return np.asarray(pixels == 255, table.dtype)


def check_not_mask(ids: NDArray[Any], truth: Label, table: ClassTable, where: object) -> None:
    """ScoreError `mask-values` for 0 and 255 where the classes are 0 and 1 and the truth is not void."""
    if _like_mask(ids, table) and (truth[ids == 255] < 2).any():
        raise ScoreError(
            "holds 0 and 255, as masks do; the classes are 0 and 1",
            code="mask-values", where=where, fix="say masks=True (--masks): 255 is class 1 then",
        )  # fmt: skip


@lru_cache(maxsize=8)
def _by_id(table: ClassTable) -> ClassTable:
    return table if table.values is None else replace(table, values=None)


def read_ids(path: PredictionFile, table: ClassTable, size: Size, holds: Holding = IDS) -> NDArray[Any]:
    """(H, W) ids of a prediction, all of them classes. Raises as `read_prediction` and `check_ids`."""
    ids = read_prediction(path, table, size, holds)
    check_ids(ids, table, path)
    return ids


def check_ids(ids: NDArray[Any], table: ClassTable, where: object, among: Any = True) -> None:
    """ScoreError `prediction-out-of-range` if a pixel (of those in the mask `among`) is not a class 0..C-1."""
    stray = ((ids < 0) | (ids >= len(table))) & among
    if not stray.any():
        return
    y, x = np.argwhere(stray)[0].tolist()
    void = table.ignore_index is not None and (ids[stray] == table.ignore_index).all()
    what = f"{int(stray.sum())} pixels are {'void' if void else 'not a class'}"
    fix = "predict a class for every pixel"
    if _like_mask(ids, table):
        meaning = "void" if void else "no class"
        what = f"{int(stray.sum())} pixels are 255 and all others 0, as in a mask; 255 is {meaning}"
        fix = "if 255 means class 1, save 1 for it, or say masks=True (--masks)"
    raise ScoreError(
        f"{what}, first at x={x}, y={y}; the classes are 0..{len(table) - 1}",
        code="prediction-out-of-range", where=where, fix=fix,
    )  # fmt: skip


def _like_mask(ids: NDArray[Any], table: ClassTable) -> bool:
    """Whether ids of two classes are 0 and 255 only."""
    return len(table) == 2 and bool((ids == 255).any()) and bool(((ids == 0) | (ids == 255)).all())


def check_samples(split: Split) -> None:
    """UsageError `empty-split` if there is nothing to predict, score or submit."""
    if not len(split):
        raise UsageError(f"the split {split.name!r} has no samples", code="empty-split", fix="choose another split")


def check_labels(split: Split) -> None:
    """UsageError `no-labels` if there is nothing to score against."""
    if not split.has_labels:
        raise UsageError(f"the split {split.name!r} has no labels", code="no-labels", fix="choose a split with labels")


def write_prediction(path: Path, ids: Label, table: ClassTable) -> None:
    """Write class ids as a PNG in the table's colors (16-bit gray beyond 256 ids), completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, alone=False) as file:
        file.write(encode_png(ids, table.palette if ids.dtype == np.uint8 else None))
