"""Split: some samples in order. Splits: those of a dataset by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, NoReturn, overload

import numpy as np

from ..arguments import is_whole
from ..classes import ClassTable
from ..errors import DataError, PixelwiseError, UsageError
from ..hints import answering, briefly, unknown_name
from ..types import I64, NO_CLOCK, Clock, Displayed, Finding, Origin, Rows, Sample, Window
from .sources import ArraySource, Source, origin_of

EMPTY: Final = ("empty-split", "empty-list")
"""The codes of the note on a split without samples: in general, and if its list is why."""


class ChosenNames(Sequence[str]):
    """Some of the names, looked up when asked for. indices: which of them."""

    __slots__ = ("_indices", "_names")

    def __init__(self, names: Sequence[str], indices: I64 | range) -> None:
        self._names = names
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> ChosenNames: ...
    def __getitem__(self, index: int | slice) -> str | ChosenNames:
        if isinstance(index, slice):
            return ChosenNames(self._names, self._indices[index])
        return self._names[int(self._indices[index])]

    def __iter__(self) -> Iterator[str]:
        return (self._names[int(i)] for i in self._indices)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:3])) + (", ..." if len(self) > 3 else "")
        return f"ChosenNames({len(self)}: {shown})"


@answering
@dataclass(frozen=True, eq=False)
class Split(Displayed):
    """Some samples of a dataset, in order. `split[3]` and `split["name"]` are Samples, `split[:10]` a Split.

    Iterates Samples. Thread-safe.

    source: where the samples are read from. indices: their positions in the source, (n,) int64, or None for all of it.
    notes: what is odd about its list. root: that of the dataset that it was taken from, or None.

    >>> import pixelwise as pw
    >>> images, labels = [np.zeros((4, 6, 3), np.uint8)] * 3, [np.ones((4, 6), np.uint8)] * 3
    >>> split = Split("train", pw.ClassTable(("road", "car")), pw.ArraySource(images, labels, names=["a", "b", "c"]))
    >>> split[1:]
    Split('train': 2 samples, 2 classes, ArraySource)
    >>> split[-1].name, list(split[1:].names), split.sizes().tolist()
    ('c', ['b', 'c'], [[4, 6], [4, 6], [4, 6]])
    """

    name: str
    classes: ClassTable
    source: Source
    indices: I64 | None = None
    notes: tuple[Finding, ...] = ()
    root: Path | None = None

    def __repr__(self) -> str:
        labels = "" if self.has_labels else ", no labels"
        source = type(self.source).__name__
        return f"Split({self.name!r}: {len(self)} samples, {len(self.classes)} classes{labels}, {source})"

    def __len__(self) -> int:
        return len(self.source) if self.indices is None else len(self.indices)

    @overload
    def __getitem__(self, index: int | str) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Split: ...
    def __getitem__(self, index: int | str | slice) -> Sample | Split:
        """Raises IndexError for a number beyond the split, UnknownNameError `unknown-sample` for another name."""
        if isinstance(index, slice):
            return self.select(np.arange(len(self), dtype=np.int64)[index])
        if isinstance(index, str):
            return self.read(self._place(index))
        if not is_whole(index):
            what = f"a split is indexed by a number, a name or a slice, got {type(index).__name__}"
            raise UsageError(what, fix="split.select(numbers) gives several samples")
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)} in split {self.name!r}")
        return self.read(index % len(self))

    def __iter__(self) -> Iterator[Sample]:
        return (self.read(i) for i in range(len(self)))

    def read(
        self, index: int, window: Window | None = None, *, clock: Clock = NO_CLOCK, notes: list[Finding] | None = None
    ) -> Sample:
        """Sample `index` (0 .. len - 1), or a window of it; see Source.read."""
        position = self.position(index)
        if isinstance(self.source, ArraySource):  # files are held against their table when they are decoded
            self.source.hold(position, self.classes)
        return self.source.read(position, window, clock=clock, notes=notes)

    def _place(self, name: str) -> int:
        places = self._places.get(name)
        if places is None:
            raise unknown_name("sample", name, self.names, where=self.name)
        if places < 0:
            what = f"several samples are named {name!r}"
            raise UsageError(what, code="ambiguous-name", where=self.name, fix="take them by their numbers")
        return places

    @cached_property
    def _places(self) -> dict[str, int]:
        """The number of each name; -1 for a name that several samples have."""
        places: dict[str, int] = {}
        for i, name in enumerate(self.names):
            places[name] = -1 if name in places else i
        return places

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_places"}  # quickly found again

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.names[:1000])

    def to_frame(self) -> Rows:
        """The samples: index, name, height, width; None for a size that cannot be read. Reads every header."""
        sizes, _ = self.readable_sizes()
        found = enumerate(zip(self.names, sizes.tolist(), strict=True))
        return [{"index": i, "name": name, "height": h or None, "width": w or None} for i, (name, (h, w)) in found]

    def select(self, indices: I64) -> Split:
        """These samples of the split, in this order. indices: (n,) numbers from 0 on, which may repeat."""
        indices = np.asarray(indices)
        if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
            raise UsageError(f"a list of whole numbers selects samples, got {briefly(indices)}", fix="split[3] is one")
        if indices.size and not 0 <= indices.min() <= indices.max() < len(self):
            raise UsageError(f"numbers must be in 0..{len(self) - 1}, got {indices.min()}..{indices.max()}")
        return replace(self, indices=np.asarray(self.positions(indices.astype(np.int64))))

    @property
    def has_labels(self) -> bool:
        """Whether samples have a label."""
        return self.source.has_labels

    def position(self, index: int) -> int:
        """The position of sample `index` (0 .. len - 1) in the source."""
        return index if self.indices is None else int(self.indices[index])

    def positions(self, indices: I64 | None = None) -> I64:
        """(n,) int64: the positions of the samples `indices` (default: all) in the source."""
        if self.indices is None:
            return np.arange(len(self)) if indices is None else indices
        return self.indices if indices is None else self.indices[indices]

    def origin(self, index: int) -> Origin | None:
        """What sample `index` is made from, or None if that is not known."""
        return origin_of(self.source, self.position(index))

    @property
    def names(self) -> Sequence[str]:
        """The samples' names, in order; looked up when asked for."""
        return self.source.names if self.indices is None else ChosenNames(self.source.names, self.indices)

    def sizes(self, indices: I64 | None = None) -> I64:
        """(n, 2) int64: (height, width) of the samples `indices` (default: all), without decoding pixels."""
        return self.source.sizes(indices if self.indices is None else self.positions(indices))

    def readable_sizes(self, indices: I64 | None = None) -> tuple[I64, dict[int, DataError]]:
        """`sizes`, with (0, 0) for each sample whose header cannot be read, and its error by its number in the split.

        Halves what fails until only the samples that cannot be read are left, so good ones cost little.
        """
        wanted = np.arange(len(self), dtype=np.int64) if indices is None else np.asarray(indices, np.int64)
        out, errors = np.zeros((len(wanted), 2), np.int64), dict[int, DataError]()
        parts = [(0, len(wanted))] if len(wanted) else []
        while parts:
            first, last = parts.pop()
            try:
                out[first:last] = self.sizes(wanted[first:last])
            except DataError as error:
                if last - first == 1:
                    errors[int(wanted[first])] = error
                    continue
                middle = (first + last) // 2
                parts += [(middle, last), (first, middle)]
        return out, errors

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of the class table, all names, and the pixels of the first, the middle and the last sample.

        Two splits that share it have the same samples. It does not depend on where and how they are stored: a dataset
        and its pack share it. Pixels are read the first time; a sample that cannot be read counts as that.
        """
        digest = hashlib.sha256(repr(self.classes.to_dict()).encode())
        for name in self.names:
            digest.update(name.encode("utf-8", "surrogatepass") + b"\n")
        for index in sorted({0, len(self) // 2, len(self) - 1}) if len(self) else ():
            try:
                sample = self.read(index)
            except PixelwiseError as error:
                digest.update(error.code.encode())
                continue
            for pixels in (sample.image, sample.label):
                digest.update(b"none" if pixels is None else f"{pixels.shape} {pixels.dtype}".encode())
                digest.update(b"" if pixels is None else np.ascontiguousarray(pixels).data)
        return digest.hexdigest()[:16]


class Splits(Mapping[str, Split]):
    """The splits by name. A split's list is read when the split is first asked for: a broken list stops only its users.

    root: that of their dataset, which a Dataset sets; splits that know of none get it.
    """

    def __init__(self, makers: Mapping[str, Callable[[], Split]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Split] = {}
        self.root: Path | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Splits, not what makes them, which may be any function: so a dataset of any format can be pickled.
        made: dict[str, Callable[[], Split]] = {}
        for name in self._makers:
            try:
                made[name] = partial(_given, self[name])
            except PixelwiseError as error:
                made[name] = partial(_raise, error)
        return {"_makers": made, "_made": {}, "root": self.root}

    def __getitem__(self, name: str) -> Split:
        if name not in self._made:
            if name not in self._makers:
                raise unknown_name("split", name, self._makers)
            made = _with_note(self._makers[name]())
            self._made[name] = made if made.root is not None else replace(made, root=self.root)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def _ipython_key_completions_(self) -> list[str]:
        return list(self._makers)

    def __repr__(self) -> str:
        return f"Splits({', '.join(self._makers)})"


def _given(split: Split) -> Split:
    return split


def _raise(error: PixelwiseError) -> NoReturn:
    raise error


def _with_note(split: Split) -> Split:
    """The split; one without samples has a note that says so."""
    if len(split) or any(note.code in EMPTY for note in split.notes):
        return split
    fix = "fill its list or folder, or remove it"
    return replace(split, notes=(*split.notes, Finding(EMPTY[0], "note", split.name, "the split has no samples", fix)))
