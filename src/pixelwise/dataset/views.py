"""Sources over other sources: other classes, several one after the other. Lazy: nothing is read until a sample is."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..classes import ClassTable
from ..errors import LabelError
from ..types import I64, Clock, Finding, Origin, Sample, Window
from .identity import Identity
from .sources import Source, origin_of
from .splits import Split


class RelabeledSource(Source):
    """The samples of `source` under another class table: id i of a label becomes `ids[i]`.

    ids: (65536,) int32, an id of `classes` or its ignore_index for every id of the old table; -1 for what is none.
    same_ids: whether every id that does occur stays, so that samples are what they were.
    """

    def __init__(self, source: Source, classes: ClassTable, ids: NDArray[np.int32], *, same_ids: bool = False) -> None:
        super().__init__(source.names, source.has_labels)
        self.source = source
        self.classes = classes
        self.ids = ids
        self._same_ids = same_ids

    def origin(self, index: int) -> Origin | None:
        """The origin of the sample under its old classes, and what they become."""
        found = origin_of(self.source, index)
        return found and found._replace(how=f"{found.how} {self.how}".rstrip())

    def beneath(self, index: int) -> tuple[Source, int]:
        """The sample under its old classes."""
        return self.source, index

    @cached_property
    def how(self) -> str:
        """What the labels become, as text for `Origin.how`."""
        return (
            ""
            if self._same_ids
            else "as " + hashlib.sha256(self.ids.tobytes() + repr(self.classes.to_dict()).encode()).hexdigest()[:16]
        )

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width)."""
        return self.source.sizes(indices)

    def _load(self, index: int, window: Window | None, clock: Clock, notes: list[Finding] | None) -> Sample:
        sample = self.source.read(index, window, clock=clock, notes=notes)
        label: NDArray[Any] | None = None
        if sample.label is not None:
            label = np.empty(sample.label.shape, self.classes.dtype)
            flat = np.ascontiguousarray(sample.label).reshape(-1)
            if not kernels.values.map_values(flat, self.ids, label.reshape(-1)):
                what = f"value {int(flat[self.ids[flat] < 0][0])} is not a class of the table before"
                raise LabelError(what, code="class-out-of-range", where=sample.name, fix="correct the label")
        clock.lap("decoding")
        return replace(sample, label=label)


class JoinedSource(Source):
    """The samples of several splits, one after the other. names: of all of them, default their own."""

    def __init__(self, parts: Sequence[Split], names: Sequence[str] | None = None) -> None:
        own = list(chain.from_iterable(part.names for part in parts)) if names is None else names
        super().__init__(own, all(part.has_labels for part in parts if len(part)))
        self.parts = parts
        self._starts = np.cumsum([0, *map(len, parts)])[:-1]

    def place(self, index: int) -> tuple[Split, int]:
        """The split that sample `index` is in, and its number there."""
        part = int(np.searchsorted(self._starts, index, side="right")) - 1
        return self.parts[part], index - int(self._starts[part])

    def origin(self, index: int) -> Origin | None:
        """The origin of the sample in its split."""
        part, at = self.place(index)
        return part.origin(at)

    def beneath(self, index: int) -> tuple[Source, int]:
        """The sample in the source of its split."""
        part, at = self.place(index)
        return part.source, part.position(at)

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width)."""
        wanted = np.arange(len(self)) if indices is None else np.asarray(indices, np.int64)
        out = np.zeros((len(wanted), 2), np.int64)
        of = np.searchsorted(self._starts, wanted, side="right") - 1
        for k in np.unique(of).tolist():
            out[of == k] = self.parts[k].sizes(wanted[of == k] - self._starts[k])
        return out

    def _load(self, index: int, window: Window | None, clock: Clock, notes: list[Finding] | None) -> Sample:
        part, at = self.place(index)
        sample = part.read(at, window, clock=clock, notes=notes)
        return replace(sample, name=self.names[index])


def joined(name: str, classes: ClassTable, parts: Sequence[Split], names: Sequence[str] | None = None) -> Split:
    """Splits with the classes `classes`, one after the other, as one split. names: of its samples, default their own,
    with the split's name in front if different samples would share one: predictions are files by these names.

    It has labels if all parts have; it has the notes of all.
    """
    if names is None and _is_ambiguous(parts):
        names = [f"{part.name}/{name}" for part in parts for name in part.names]
    notes = tuple(chain.from_iterable(part.notes for part in parts))
    roots = {part.root for part in parts}
    return Split(name, classes, JoinedSource(parts, names), notes=notes, root=roots.pop() if len(roots) == 1 else None)


def _is_ambiguous(parts: Sequence[Split]) -> bool:
    """Whether samples of different images share a name."""
    names = Counter(chain.from_iterable(part.names for part in parts))
    if not names or max(names.values()) == 1:
        return False
    known, images = Identity(), dict[str, str]()
    return any(
        images.setdefault(name, image) != image
        for part in parts for i, name in enumerate(part.names) if names[name] > 1
        for image in [known.origin(part.source, part.position(i)).image]
    )  # fmt: skip
