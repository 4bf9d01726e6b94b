"""Sources over other sources: other classes, several one after the other. Lazy: nothing is read until a sample is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..classes import ClassTable
from ..types import Clock, Finding, Label, Origin, Sample, Source, Window, origin_of

I64 = NDArray[np.int64]


class Part(Protocol):
    """What a concatenation is made of: samples that can be counted, measured and read. A Split is one."""

    @property
    def names(self) -> Sequence[str]: ...
    def __len__(self) -> int: ...
    def sizes(self, positions: I64 | None = None) -> I64: ...
    def read(
        self,
        index: int,
        window: Window | None = None,
        *,
        clock: Clock | None = None,
        notes: list[Finding] | None = None,
    ) -> Sample: ...


class RelabeledSource:
    """The samples of `source` under another class table: id i of a label becomes `ids[i]`. Thread-safe.

    ids: (65536,) int32, an id of `classes` or its ignore_index for every id that a label can hold.
    """

    def __init__(self, source: Source, classes: ClassTable, ids: NDArray[np.int32]) -> None:
        self.source = source
        self.classes = classes
        self.ids = ids

    def __len__(self) -> int:
        return len(self.source)

    @property
    def names(self) -> Sequence[str]:
        """The samples' names."""
        return self.source.names

    @property
    def has_labels(self) -> bool:
        """Whether samples carry a label."""
        return self.source.has_labels

    def origin(self, index: int) -> Origin | None:
        """The origin of the sample under its old classes, and what they become."""
        found = origin_of(self.source, index)
        return found and Origin(found.files, f"{found.how} {self._how}")

    @cached_property
    def _how(self) -> str:
        return "as " + hashlib.sha256(self.ids.tobytes() + repr(self.classes.to_dict()).encode()).hexdigest()[:16]

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width)."""
        return self.source.sizes(indices)

    def read(
        self,
        index: int,
        window: Window | None = None,
        *,
        clock: Clock | None = None,
        notes: list[Finding] | None = None,
    ) -> Sample:
        """The sample with its label in the ids of `classes`; instances are as they were."""
        sample = self.source.read(index, window, clock=clock, notes=notes)
        label = None if sample.label is None else relabel(sample.label, self.ids, self.classes)
        if clock is not None:
            clock.lap("decoding")
        return Sample(sample.name, sample.image, label, sample.instances)


def relabel(label: Label, ids: NDArray[np.int32], classes: ClassTable) -> Label:
    """(H, W) ids through the table `ids`, as `classes.dtype`."""
    out: NDArray[Any] = np.empty(label.shape, classes.dtype)
    kernels.values.map_values(np.ascontiguousarray(label).reshape(-1), ids, out.reshape(-1))
    return out


class JoinedSource:
    """The samples of several parts, one after the other. Thread-safe where they are."""

    def __init__(self, parts: Sequence[Part], names: Sequence[str], has_labels: bool) -> None:
        self.parts = parts
        self.names = names
        self.has_labels = has_labels
        self._ends = np.cumsum([len(p) for p in parts])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def place(self, index: int) -> tuple[int, int]:
        """The part that holds sample `index`, and its position there."""
        part = int(np.searchsorted(self._ends, index, side="right"))
        return part, index - (int(self._ends[part - 1]) if part else 0)

    def origin(self, index: int) -> Origin | None:
        """The origin of the sample in its part."""
        part, at = self.place(index)
        found = getattr(self.parts[part], "origin", None)
        return None if found is None else found(at)

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64 (height, width)."""
        wanted = np.arange(len(self)) if indices is None else np.asarray(indices, np.int64)
        out = np.zeros((len(wanted), 2), np.int64)
        of = np.searchsorted(self._ends, wanted, side="right")
        for k, part in enumerate(self.parts):
            mine = of == k
            if mine.any():
                out[mine] = part.sizes(wanted[mine] - (int(self._ends[k - 1]) if k else 0))
        return out

    def read(
        self,
        index: int,
        window: Window | None = None,
        *,
        clock: Clock | None = None,
        notes: list[Finding] | None = None,
    ) -> Sample:
        """The sample of the part that holds it, under its name in the whole."""
        part, at = self.place(index)
        sample = self.parts[part].read(at, window, clock=clock, notes=notes)
        return Sample(self.names[index], sample.image, sample.label, sample.instances)
