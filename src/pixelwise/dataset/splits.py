"""Split: some samples in order. Splits: those of a dataset by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ..classes import ClassTable
from ..errors import UnknownNameError
from ..types import Clock, Finding, Origin, Sample, Source, Window, origin_of

I64 = NDArray[np.int64]


class Chosen(Sequence[str]):
    """Some of the names, without a list of them."""

    __slots__ = ("_indices", "_names")

    def __init__(self, names: Sequence[str], indices: I64) -> None:
        self._names = names
        self._indices = indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Chosen: ...
    def __getitem__(self, index: int | slice) -> str | Chosen:
        if isinstance(index, slice):
            return Chosen(self._names, self._indices[index])
        return self._names[int(self._indices[index])]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Split:
    """Some samples of a dataset, in order. `split[i]` is a Sample, `split[a:b]` a Split; iterates Samples.

    indices: positions in the source, or None for all of it. notes: what is odd about its list. Thread-safe.
    """

    name: str
    classes: ClassTable
    source: Source
    indices: I64 | None = field(default=None, repr=False)
    notes: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.source) if self.indices is None else len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> Split: ...
    def __getitem__(self, index: int | slice) -> Sample | Split:
        if isinstance(index, slice):
            return self.select(np.arange(len(self), dtype=np.int64)[index])
        if not -len(self) <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)} in split {self.name!r}")
        return self.read(index % len(self))

    def __iter__(self) -> Iterator[Sample]:
        return (self.read(i) for i in range(len(self)))

    def read(
        self,
        index: int,
        window: Window | None = None,
        *,
        clock: Clock | None = None,
        notes: list[Finding] | None = None,
    ) -> Sample:
        """Sample `index` (0 .. len - 1), or a window of it; see Source.read."""
        return self.source.read(self._position(index), window, clock=clock, notes=notes)

    def select(self, positions: I64) -> Split:
        """The samples at these positions of this split, in this order."""
        chosen = positions if self.indices is None else self.indices[positions]
        return Split(self.name, self.classes, self.source, np.asarray(chosen, np.int64), self.notes)

    def _position(self, index: int) -> int:
        return index if self.indices is None else int(self.indices[index])

    def positions(self, indices: I64) -> I64:
        """(n,) int64: where these samples of the split lie in its source."""
        return indices if self.indices is None else self.indices[indices]

    def origin(self, index: int) -> Origin | None:
        """The origin of sample `index`: see origin_of."""
        return origin_of(self.source, self._position(index))

    @property
    def names(self) -> Sequence[str]:
        """The samples' names, in order; looked up when asked for."""
        return self.source.names if self.indices is None else Chosen(self.source.names, self.indices)

    def sizes(self, positions: I64 | None = None) -> I64:
        """(n, 2) int64: height and width of the samples at `positions` (default: all), without decoding pixels."""
        if self.indices is None:
            return self.source.sizes(positions)
        return self.source.sizes(self.indices if positions is None else self.indices[positions])

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of the names and the class table: two splits with the same one hold the same samples."""
        digest = hashlib.sha256(repr(self.classes.to_dict()).encode())
        for name in self.names:
            digest.update(name.encode("utf-8", "surrogatepass") + b"\n")
        return digest.hexdigest()[:16]

    def __hash__(self) -> int:
        return id(self)


class Splits(Mapping[str, Split]):
    """The splits by name. A split's list is read when it is first asked for, so a broken list stops only its users."""

    def __init__(self, makers: Mapping[str, Callable[[], Split]]) -> None:
        self._makers = dict(makers)
        self._made: dict[str, Split] = {}

    def __getitem__(self, name: str) -> Split:
        if name not in self._made:
            if name not in self._makers:
                raise UnknownNameError(
                    f"no split named {name!r}",
                    code="unknown-split",
                    fix=f"the splits are: {', '.join(self._makers) or 'none'}",
                )
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __repr__(self) -> str:
        return f"Splits({', '.join(self._makers)})"
