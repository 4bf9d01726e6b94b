"""An index of where the classes are, and crops around their pixels."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arguments import check_probability, check_several, check_size, is_whole
from ..errors import FileError, UsageError
from ..files.reading import read_bytes
from ..files.writing import atomic_write
from ..hints import answering, hinted
from ..types import F64, I64, Bool, Size
from .geometry import place
from .plans import Plans, Transform, Uniform, draw_integer, settle

_MAGIC = b"pixelwise class index 1\n"


@answering
@dataclass(frozen=True, eq=False)
class ClassIndex:
    """Pixels of each class in each sample, and some of their positions. Made by `class_index`; saves and loads.

    start: (N + 1,) int64 for N samples; sample i has the entries start[i]:start[i + 1], one for each class that it
    shows. classes: (E,) uint16, the class of each entry. counts: (E,) int64, its pixels. positions: (E, M, 2) uint32
    (y, x), M of them drawn uniformly, with repetition. names: of the classes. split: fingerprint of the split. About
    100 bytes per entry if M is 16.
    """

    start: I64
    classes: NDArray[np.uint16]
    counts: I64
    positions: NDArray[np.uint32]
    names: tuple[str, ...]
    split: str

    def __len__(self) -> int:
        return len(self.start) - 1

    def __repr__(self) -> str:
        return f"ClassIndex({len(self)} samples, {len(self.classes)} entries, {self._digest})"

    @cached_property
    def _digest(self) -> str:
        return hashlib.sha256(self.positions.tobytes() + self.classes.tobytes()).hexdigest()[:12]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the index to one file, whole or not at all. Returns the path."""
        arrays = (self.start, self.classes, self.counts, self.positions)
        head = {"names": self.names, "split": self.split, "arrays": [[a.dtype.str, a.shape] for a in arrays]}
        body = json.dumps(head).encode() + b"\n" + b"".join(a.tobytes() for a in arrays)
        with atomic_write(path) as file:
            file.write(_MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ClassIndex:
        """Read what `save` wrote. FileError `corrupt` for another file."""
        data = read_bytes(path)
        body = data[len(_MAGIC) + 65 :]
        if not data.startswith(_MAGIC) or data[len(_MAGIC) :][:64] != hashlib.sha256(body).hexdigest().encode():
            what = "not a class index, or a damaged one"
            raise FileError(what, code="corrupt", where=path, fix="delete it, and make it again")
        line, _, rest = body.partition(b"\n")
        head, arrays = json.loads(line), []
        for dtype, shape in head["arrays"]:
            size = int(np.prod(shape)) * np.dtype(dtype).itemsize
            arrays.append(np.frombuffer(rest[:size], dtype).reshape(shape))
            rest = rest[size:]
        return cls(arrays[0], arrays[1], arrays[2], arrays[3], tuple(head["names"]), head["split"])


@hinted
@dataclass(frozen=True)
class RandomClassCrop(Transform):
    """Cut height x width around a pixel of a chosen class with probability p, otherwise at a uniformly drawn place.

    The class is drawn uniformly from those of `classes` (names or ids, one or several; by default all) that the sample
    shows, the pixel uniformly from the index's positions of it. The window is drawn uniformly from those that hold the
    pixel, and moved as little as needed to stay inside the image, so it always shows the class: nothing is drawn again,
    and the probabilities are known. A sample that shows none of the classes is cropped uniformly. Smaller images are
    padded as by RandomCrop(pad_if_needed=True). Comes after transforms that keep the pixel inside the image (scale,
    flip). UsageError `other-index` if the Loader reads another split than the one that the index was made from.
    """

    size: Size
    index: ClassIndex
    classes: tuple[str | int, ...] | None
    p: float

    def __init__(
        self, size: int | Size, width: int | None = None, *, index: ClassIndex,
        classes: str | int | Sequence[str | int] | None = None, p: float = 1.0,
    ) -> None:  # fmt: skip
        if not isinstance(index, ClassIndex):
            raise UsageError(
                f"index must be a ClassIndex, got {type(index).__name__}", fix="make it with pw.class_index(split)"
            )
        settle(
            self, size=check_size("size", size, width), index=index,
            classes=None if classes is None else _check_classes(classes, index.names), p=check_probability(p),
        )  # fmt: skip

    @cached_property
    def _wanted(self) -> Bool:
        names = self.index.names
        chosen = range(len(names)) if self.classes is None else self.classes
        wanted = np.zeros(len(names), bool)
        wanted[[names.index(c) if isinstance(c, str) else c for c in chosen]] = True
        return wanted

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0, 1: the uniform place; 2: whether to look for a class; 3: the class; 4: the pixel; 5, 6: where in the
        window the pixel is.
        """
        samples = plans.samples
        if samples is None or samples.max(initial=-1) >= len(self.index):
            what = "RandomClassCrop needs to know which samples it cuts, from the split that its index was made from"
            raise UsageError(what, code="bad-transforms")
        # Positions of other images would be taken without a word.
        if getattr(plans.split, "fingerprint", self.index.split) != self.index.split:
            fix = "make it with pw.class_index from the split that the Loader reads"
            raise UsageError("the index of RandomClassCrop was made from another split", code="other-index", fix=fix)
        spare = plans.size - self.size
        corner = place(spare, uniform(0), uniform(1))
        seek, which, pixel = uniform(2) < self.p, uniform(3), uniform(4)
        inside = np.stack([draw_integer(uniform(5), self.size[0]), draw_integer(uniform(6), self.size[1])], axis=1)
        for k in np.flatnonzero(seek).tolist():
            if (point := self._point(int(samples[k]), which[k], pixel[k])) is None:
                continue
            matrix = plans.matrix[k]
            x, y = np.linalg.solve(matrix[:, :2], point - matrix[:, 2])
            around = np.floor([y, x]).astype(np.int64) - inside[k]
            corner[k] = np.where(spare[k] >= 0, np.clip(around, 0, np.maximum(spare[k], 0)), corner[k])
        plans.window(corner[:, 0], corner[:, 1], *self.size)

    def _point(self, sample: int, which: float, pixel: float) -> F64 | None:
        entries = np.arange(self.index.start[sample], self.index.start[sample + 1])
        entries = entries[self._wanted[self.index.classes[entries]]]
        if not len(entries):
            return None
        entry = entries[int(which * len(entries))]
        y, x = self.index.positions[entry, int(pixel * self.index.positions.shape[1])]
        return np.array([x + 0.5, y + 0.5])


def _check_classes(classes: Any, names: tuple[str, ...]) -> tuple[str | int, ...]:
    chosen = check_several("classes", classes, "class names or ids", lambda c: isinstance(c, str) or is_whole(c))
    for c in chosen:
        if c not in names and c not in range(len(names)):
            raise UsageError(f"no class {c!r}", code="unknown-class", fix=f"classes: {', '.join(names)}")
    return tuple(c if isinstance(c, str) else int(c) for c in chosen)
