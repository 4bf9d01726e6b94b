"""The values that travel through pixelwise: Window, Sample, Finding, Plan, Batch.

Sizes are `(height, width)`, windows `(y0, x0, y1, x1)` half open, colours RGB. Pixel `i` covers `[i, i + 1)` and
has its centre at `i + 0.5`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

U8: TypeAlias = NDArray[np.uint8]
Label: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
Size: TypeAlias = tuple[int, int]
Severity: TypeAlias = Literal["error", "warning", "note"]


class Window(NamedTuple):
    """A rectangle of pixels, half open: rows `y0:y1`, columns `x0:x1`."""

    y0: int
    x0: int
    y1: int
    x1: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One image and what its pixels are.

    image: (H, W, 3) uint8, RGB. label: (H, W) class ids, uint8 or uint16, or None where the dataset gives none.
    instances: (H, W) object numbers as the dataset stores them, or None. The arrays belong to the caller.
    """

    name: str
    image: U8
    label: Label | None
    instances: Label | None = None

    @property
    def size(self) -> Size:
        """(height, width)."""
        return (int(self.image.shape[0]), int(self.image.shape[1]))


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem in a dataset. `code` is the name that the error of the same problem carries."""

    code: str
    severity: Severity
    where: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.fix}" if self.fix else "") + f" [{self.code}]"


@runtime_checkable
class Source(Protocol):
    """The one seam for bytes. Files, pack and test doubles implement it. Thread-safe: read from any thread.

    `names[i]` is the sample's name. `sizes(indices)` gives an (n, 2) int64 array of (height, width) without
    decoding pixels. `read(i, window)` gives the pixels of that window of sample i, exact, or raises a DataError.
    """

    @property
    def names(self) -> "list[str] | tuple[str, ...]": ...
    def __len__(self) -> int: ...
    def sizes(self, indices: NDArray[np.int64]) -> NDArray[np.int64]: ...
    def read(self, index: int, window: Window | None = None) -> Sample: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """What a Loader yields.

    images: (B, 3, H, W) float32, or uint8. labels: (B, H, W) class ids with `ignore_index` where there is no
    class, or None for a split without labels. names: B sample names. indices: (B,) int64 positions in the split.
    sizes: (B, 2) int64, the height and width of each sample inside its slot; the rest is padding.
    real: (B,) bool, False where a shard repeats a sample to fill its last batch.
    """

    images: NDArray[Any]
    labels: NDArray[Any] | None
    names: tuple[str, ...]
    indices: NDArray[np.int64]
    sizes: NDArray[np.int64]
    real: NDArray[np.bool_] = field(default_factory=lambda: np.ones(0, bool))

    def __len__(self) -> int:
        return len(self.names)
