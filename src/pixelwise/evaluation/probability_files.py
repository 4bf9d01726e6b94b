"""Probability files: NAME.npy with (C, H, W) float16 per sample, written and read in strips of rows.

Plain NPY, so that `numpy.load(path, mmap_mode="r")` reads any part of one. A file is there completely or not at all.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_choice, is_number
from ..classes import ClassTable
from ..dataset.splits import Split
from ..errors import FileError, MissingError, PixelwiseError, ScoreError, UsageError
from ..files.addresses import local_path
from ..files.reading import open_error, open_regular
from ..files.writing import atomic_write
from ..types import F64, Label, Size
from .tiles import Tiling

Activation = Literal["softmax", "sigmoid", "none"]
ROWS = 256
"""Rows that are read at once."""


class Soft(NamedTuple):
    """What `predict` does with probabilities. threshold: of one channel, or None. folder: where they go, or None."""

    threshold: float | None
    folder: Path | None
    activation: Activation

    def done(self, name: str) -> bool:
        """Whether the file of a sample is there, if there is to be one."""
        return self.folder is None or probability_path(self.folder, name).exists()

    def settings(self) -> dict[str, str]:
        """What a folder of predictions remembers of this; nothing for a plain run."""
        out = {} if self.threshold is None else {"threshold": repr(self.threshold)}
        return out if self.folder is None else out | {"activation": self.activation}


def check_threshold(table: ClassTable, threshold: Any) -> float | None:
    """A threshold of one channel, or None. UsageError for anything else, or for another number of classes."""
    if threshold is None:
        return None
    if not is_number(threshold):
        raise UsageError(f"threshold must be a number, got {threshold!r}", fix="0 for logits, 0.5 for probabilities")
    if len(table) != 2:
        what = f"threshold is for two classes, the split has {len(table)}"
        raise UsageError(what, fix="leave it out: logits have a maximum")
    return float(threshold)


def above(path: Path, table: ClassTable, size: Size, threshold: float) -> Label:
    """(H, W) class ids: 1 where the only channel of an NPY is above the threshold. Raises as `Probabilities`.

    UsageError `one-channel` for two channels, ScoreError `nan-logits`.
    """
    values, *more = Probabilities([path], 2, size).strip(0, size[0])
    if more:
        what, fix = "has two channels, a threshold is for one", "leave threshold out and save class ids"
        raise UsageError(what, code="one-channel", where=path, fix=fix)
    if (strange := np.isnan(values)).any():
        y, x = np.argwhere(strange)[0].tolist()
        fix = "the model diverged or divides by zero"
        raise ScoreError(f"is NaN at x={x}, y={y}", code="nan-logits", where=path, fix=fix)
    out: Label = (values > np.float64(threshold)).astype(table.dtype)  # not rounded to the type of the values
    return out


def soft_of(
    split: Split, tiling: Tiling, threshold: float | None, folder: Any, activation: Activation | None
) -> Soft:
    """The arguments of `predict` about probabilities, checked. UsageError."""
    threshold = check_threshold(split.classes, threshold)
    kind: Activation = ("softmax" if threshold is None else "sigmoid") if activation is None else activation
    check_choice("activation", kind, ("softmax", "sigmoid", "none"))
    if threshold is not None and kind == "softmax":
        raise UsageError("one channel has no softmax", fix='say activation="sigmoid", or "none" for probabilities')
    if tiling.average == "probabilities" and kind != "softmax":
        what = 'average="probabilities" is a softmax over the classes'
        raise UsageError(what, fix='say average="logits": what the model returns is averaged')
    limit = None if threshold is None else np.float32(threshold)
    if limit is not None and threshold is not None and float(limit) > threshold:
        limit = np.nextafter(limit, np.float32(-np.inf))  # the same float32 values are above it as above the threshold
    place = None if folder is None else local_path(folder, "predict")
    return Soft(None if limit is None else float(limit), place, kind)


class ProbabilityWriter:
    """Takes strips of blended logits, in the order of rows, and writes their probabilities.

    activation: "softmax" over the classes, "sigmoid" of each, or "none" for what are probabilities already. one: the
    logits are (threshold, value), of which the value is written alone. `close(True)` makes the file appear.
    """

    def __init__(self, path: Path, classes: int, size: Size, activation: Activation, one: bool) -> None:
        self._stack = ExitStack()
        self._file: BinaryIO | None = None
        self._path, self._shape = path, (1 if one else classes, *size)
        self._activation, self._one = activation, one
        self._start = 0

    def write(self, first: int, means: F64) -> None:
        """The rows from `first` on, (C, n, W) float64. ScoreError `not-probabilities` for "none" and values outside."""
        if self._one:
            means = means[1:]
        found = _activated(means, self._activation)
        if self._activation == "none" and not (found.min(initial=0) >= -1e-6 and found.max(initial=0) <= 1 + 1e-6):
            raise ScoreError(
                f"the model gives {found.min():g}..{found.max():g}, expected 0..1",
                code="not-probabilities", where=self._path.stem, fix='say activation="softmax" or "sigmoid" for logits',
            )  # fmt: skip
        half = np.clip(found, 0, 1).astype("<f2")
        file = self._opened()
        _, height, width = self._shape
        for c, plane in enumerate(half):
            file.seek(self._start + (c * height + first) * width * 2)
            file.write(plane.tobytes())

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._stack.enter_context(atomic_write(self._path, alone=False))
            header = {"descr": "<f2", "fortran_order": False, "shape": self._shape}
            np.lib.format.write_array_header_1_0(self._file, header)
            self._start = self._file.tell()
            self._file.truncate(self._start + 2 * int(np.prod(self._shape)))
        return self._file

    def close(self, whole: bool) -> None:
        """End the file; without `whole` it does not appear."""
        if whole:
            self._stack.close()
        else:
            self._stack.__exit__(RuntimeError, RuntimeError("incomplete"), None)


def _activated(means: F64, activation: Activation) -> F64:
    if activation == "none":
        return means
    if activation == "sigmoid":
        # Two forms, neither of which overflows.
        e = np.exp(-np.abs(means))
        return np.where(means >= 0, 1 / (1 + e), e / (1 + e))
    weights: F64 = np.exp(means - means.max(axis=0))
    weights /= weights.sum(axis=0)
    return weights


def probability_path(root: Path, name: str) -> Path:
    """Where the probabilities of sample `name` are."""
    return root / (name + ".npy")


class Probabilities:
    """One image's probabilities, the mean over several files, which are mapped: a strip is read when it is taken."""

    def __init__(self, paths: list[Path], classes: int, size: Size, activation: Activation = "none") -> None:
        self.size = size
        self._first, self._activation = paths[0], activation
        self._arrays = [_mapped(path, classes, size) for path in paths]
        shapes = {a.shape[0] for a in self._arrays}
        if len(shapes) > 1:
            what = f"has {self._arrays[-1].shape[0]} planes, {paths[0]} has {self._arrays[0].shape[0]}"
            raise ScoreError(what, code="wrong-size", where=paths[-1], fix="average runs of one kind")

    def strip(self, first: int, last: int) -> NDArray[Any]:
        """(C, n, W): what one file holds, or float64: what an activation makes of it, the mean of several files."""
        parts = [np.asarray(a[:, first:last]) for a in self._arrays]
        if self._activation == "softmax" and len(parts[0]) == 1:
            fix = 'say activation="sigmoid"'
            raise UsageError("one plane has no softmax", code="one-channel", where=self._first, fix=fix)
        if self._activation != "none":
            parts = [_activated(p.astype(np.float64), self._activation) for p in parts]
        return parts[0] if len(parts) == 1 else np.mean([p.astype(np.float64) for p in parts], axis=0)


def _mapped(path: Path, classes: int, size: Size) -> NDArray[Any]:
    try:
        with open_regular(path):  # NumPy would wait for a pipe
            found = np.load(path, mmap_mode="r", allow_pickle=False)
    except MissingError:
        fix = "predict all samples of the split"
        raise MissingError("no such probabilities", code="missing-prediction", where=path, fix=fix) from None
    except (OSError, PixelwiseError) as error:
        raise open_error(path, error) from error
    except Exception as error:  # NumPy evaluates the header as a Python literal, and so meets all that can be wrong
        what = f"not a readable NPY file: {str(error).splitlines()[0][:80] if str(error) else type(error).__name__}"
        raise FileError(what, code="corrupt", where=path, fix="save it again with numpy.save") from None
    if not isinstance(found, np.ndarray) or found.ndim not in (2, 3) or found.dtype.kind != "f":
        what = f"holds {getattr(found, 'dtype', 'no array')} {getattr(found, 'shape', '')}"
        fix = f"save ({classes}, H, W) floats"
        raise FileError(what, code="unsupported-format", where=path, fix=fix)
    planes = found[None] if found.ndim == 2 else found
    if planes.shape[1:] != size or len(planes) not in ({1, 2} if classes == 2 else {classes}):
        raise ScoreError(
            f"is {planes.shape}, expected {(classes, *size)} (classes, height, width)",
            code="wrong-size", where=path, fix="predict at the image's own size, one plane per class",
        )  # fmt: skip
    return planes
