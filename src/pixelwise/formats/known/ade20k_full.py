"""The full ADE20K: images/ADE/SPLIT/.../*.jpg with *_seg.png beside them, and index_ade20k.pkl for the names, or else
the JSONs beside the images.

https://groups.csail.mit.edu/vision/datasets/ADE20K . A pixel's object is R // 10 * 256 + G of its color, its number
in the image B (CSAILVision/ADE20K, utils/utils_ade20k.py); object k is the k-th of the index's `objectnames`, 0 none.
The JSONs give the number of each object's name in that list, `name_ndx`; without the index, names that no JSON has are
called by their numbers, so that the ids are the same.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...classes import ClassTable
from ...codecs.decoding import decode_stored
from ...dataset.dataset import Dataset
from ...dataset.sources import FileSource, PathRule
from ...dataset.splits import Split, Splits
from ...errors import FormatError, LabelError, reason
from ...files.reading import parse_json, read_bytes
from ...labels import check_pair
from ...threads import in_order
from ...types import Finding, Label, Size
from ..format import Format
from ..paths import first, matches
from ..rasterize import DrawnFrom, DrawnSource

_INDEX = "index_ade20k.pkl"
_SPLITS = {"train": "training", "val": "validation"}
_VOID = 65_535
_RESTORE = f"restore it from the dataset, or {_INDEX}"


def _find(path: Path) -> Path | None:
    """`path` if it contains the full ADE20K."""
    inside = path / "images/ADE/training" if path.is_dir() else path
    return path if inside.is_dir() and first(inside, "{path}_seg.png") is not None else None


def _load(root: Path, *, classes: ClassTable | None = None) -> Dataset:
    """classes: what the object numbers from 1 on mean; by default what the dataset's index says."""
    index = root / _INDEX
    names = (_object_names(index) if index.is_file() else _names_of_jsons(root)) if classes is None else ()
    table = classes or ClassTable(tuple(names), ignore_index=_VOID)
    makers = {name: partial(_split, root, name, on_disk, table) for name, on_disk in _SPLITS.items()
              if (root / "images/ADE" / on_disk).is_dir()}  # fmt: skip
    return Dataset(root, "ade20k_full", table, Splits(makers))


def _object_names(path: Path) -> list[str]:
    """`objectnames` of the index, a pickle: read without running anything that is in it. FormatError `bad-index`.

    A name that comes up again is followed by its number.
    """
    data = read_bytes(path)
    try:
        index = _Plain(io.BytesIO(data)).load()
        listed = [str(n) for n in index["objectnames"]]
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        what = f"not an index of ADE20K: {error}"
        raise FormatError(what, code="bad-index", where=path, fix="download it again") from None
    return _told_apart(listed)


def _told_apart(listed: Sequence[str]) -> list[str]:
    seen: set[str] = set()
    names = []
    for k, name in enumerate(listed, 1):
        names.append(name if name not in seen else f"{name} ({k})")
        seen.add(name)
    return names


def _names_of_jsons(root: Path) -> list[str]:
    """The object names by the JSONs of all images. FormatError `bad-index` if there are none, or two disagree."""
    found: dict[int, tuple[str, str]] = {}
    paths = [m.path for on_disk in _SPLITS.values() for m in matches(root, f"images/ADE/{on_disk}/{{path}}.json")]
    for path, objects in zip(paths, in_order(partial(_objects, root), paths), strict=True):
        for number, name in objects:
            known = found.setdefault(number, (name, path))
            if known[0] != name:
                what = f"object {number} is {name!r} here, and {known[0]!r} in {known[1]}"
                raise FormatError(what, code="bad-index", where=root / path, fix=_RESTORE)
    if not found:
        what = f"neither {_INDEX} nor the JSONs of the images say what the objects are"
        raise FormatError(what, code="bad-index", where=root, fix=_RESTORE)
    return _told_apart([found[k][0] if k in found else f"object {k}" for k in range(1, max(found) + 1)])


def _objects(root: Path, path: str) -> list[tuple[int, str]]:
    """The numbers and names of a JSON's objects."""
    # A few of the dataset's JSONs are not UTF-8; names are.
    data = parse_json(read_bytes(root / path).decode("utf-8", "replace"), root / path, "a JSON of ADE20K", _RESTORE)
    try:
        listed = data["annotation"]["object"]
        found = [(int(o["name_ndx"]), str(o["name"])) for o in listed]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"not a JSON of ADE20K: {reason(error)}"
        raise FormatError(what, code="bad-json", where=root / path, fix=_RESTORE) from None
    if wrong := next((n for n, _ in found if not 0 < n < _VOID), None):
        raise FormatError(f"an object of the number {wrong}", code="bad-json", where=root / path, fix=_RESTORE)
    return found


class _Plain(pickle.Unpickler):
    """Arrays, lists, strings and numbers; any other object in a pickle could be code."""

    def find_class(self, module: str, name: str) -> Any:
        array = module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
        known = array and name in ("ndarray", "dtype", "_reconstruct", "scalar")
        if known or (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}")


def _split(root: Path, name: str, on_disk: str, table: ClassTable) -> Split:
    folder = f"images/ADE/{on_disk}/"
    names = [m.name for m in matches(root, folder + "{path}.jpg")]
    files = FileSource(root, names, table, PathRule(names, folder + "{}.jpg"))
    labels = [root / folder / f"{n}_seg.png" for n in names]
    return Split(name, table, DrawnSource(files, partial(_read, labels, table), DrawnFrom(labels)))


def _read(
    labels: Sequence[Path], table: ClassTable, index: int, size: Size, notes: list[Finding] | None
) -> tuple[Label, Label]:
    path = labels[index]
    pixels = decode_stored(read_bytes(path), path, notes).pixels
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise LabelError("a label of the full ADE20K is RGB with 8 bits", code="unsupported-label-mode", where=path)
    check_pair(size, pixels.shape[:2], path)
    objects: Any = pixels[..., 0].astype(np.uint16) // 10 * 256 + pixels[..., 1]
    if int(objects.max()) > len(table):
        y, x = (int(v) for v in np.argwhere(objects > len(table))[0])
        what = f"object {int(objects[y, x])} at x={x}, y={y} is none of {len(table)}"
        fix = "labels and index are of different versions of the dataset"
        raise LabelError(what, code="class-out-of-range", where=path, fix=fix)
    void = _VOID if table.ignore_index is None else table.ignore_index
    label: Any = np.where(objects == 0, void, objects.astype(np.int64) - 1).astype(table.dtype)
    numbers: Any = np.ascontiguousarray(pixels[..., 2])
    return label, numbers


FORMAT = Format(
    "ade20k_full", "the full ADE20K (images/ADE/training/**/*_seg.png, and index_ade20k.pkl or the JSONs)", _find, _load
)
