"""The values that travel through pixelwise: Window, Sample, Finding, Plan, Batch.

Sizes are `(height, width)`, windows `(y0, x0, y1, x1)` half open, colors RGB. Pixel `i` covers `[i, i + 1)` and
has its center at `i + 0.5`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import atan2, ceil, degrees, floor, hypot
from time import perf_counter
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .errors import PixelwiseError

U8: TypeAlias = NDArray[np.uint8]
F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]
Bool: TypeAlias = NDArray[np.bool_]
Label: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
Size: TypeAlias = tuple[int, int]
Range: TypeAlias = tuple[float, float]
RGB: TypeAlias = tuple[float, float, float]
Progress: TypeAlias = Callable[[int, int | None], None]
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

    @classmethod
    def from_error(cls, error: PixelwiseError, where: object = None) -> Finding:
        """The finding of a problem that was raised. where: its place, if the error does not name one."""
        what = "; ".join([error.message, *getattr(error, "__notes__", [])])
        return cls(error.code, "error", error.where or str(where or ""), what, error.fix or "")

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f"; {self.fix}" if self.fix else "") + f" [{self.code}]"


class Origin(NamedTuple):
    """What a sample is made of: the files it is read from (one may be absent), and how, as text."""

    files: tuple[str, ...]
    how: str


def origin_of(source: Source, index: int) -> Origin | None:
    """The origin of sample `index`, where its source has a method `origin(index)`; None where that is not known.

    Two samples of the same name and origin have the same pixels as long as the files do not change.
    """
    find = getattr(source, "origin", None)
    return None if find is None else find(index)


class Clock:
    """Seconds that one thread spent by stage. `lap` books the time since the last lap (or `start`) on a stage."""

    __slots__ = ("_last", "seconds")

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = perf_counter()

    def start(self) -> None:
        """Forget the time since the last lap."""
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """Book the time since the last lap on `stage`."""
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now


@runtime_checkable
class Source(Protocol):
    """The one seam for bytes. Files, pack and test doubles implement it. Thread-safe: read from any thread.

    `names[i]` is the sample's name. `has_labels` tells whether samples carry a label. `sizes(indices)` gives an
    (n, 2) int64 array of (height, width) without decoding pixels (of all samples where indices is None).
    `read(i, window)` gives the pixels of that window of sample i, exact, or raises a DataError; a clock books
    the time on "reading" and "decoding", and `notes` collects what is odd but not wrong.
    """

    @property
    def names(self) -> Sequence[str]: ...
    @property
    def has_labels(self) -> bool: ...
    def __len__(self) -> int: ...
    def sizes(self, indices: NDArray[np.int64] | None = None) -> NDArray[np.int64]: ...
    def read(
        self,
        index: int,
        window: Window | None = None,
        *,
        clock: Clock | None = None,
        notes: list[Finding] | None = None,
    ) -> Sample: ...


@runtime_checkable
class MappedSource(Protocol):
    """A Source whose pixels may lie in memory as they are, so that a kernel can render many samples at one call.

    `is_raw`: whether they do. `addresses(indices)`: (n,) uint64 addresses of the images, (H, W, 3) uint8 without gaps,
    and of the labels or None, and the bytes of a label pixel. `check()` raises where that memory must not be touched.
    """

    @property
    def is_raw(self) -> bool: ...
    def check(self) -> None: ...
    def addresses(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.uint64] | None, int]: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What to cut from one source image and how to render it. Made before any pixel is read.

    source, size: (height, width) of the source and of the output. matrix: 2x3, maps an output point (x, y, 1) to
    the source point (x, y); pixel i has its center at i + 0.5. tone: a table of 256 for each channel, from gray level
    to a value in 0..1, or None for level / 255. color: 3x4, applied to those values and 1, or None. limits: (lowest,
    highest) final value of each channel, to which colors are clamped, or None.
    """

    source: Size
    size: Size
    matrix: tuple[tuple[float, float, float], tuple[float, float, float]]
    color: tuple[tuple[float, float, float, float], ...] | None = None
    tone: tuple[tuple[float, ...], ...] | None = None
    limits: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def __str__(self) -> str:
        """What the plan does, in words: "rows 10..330, columns 5..485 of 375x500, mirrored left-right, to 320x480"."""
        (a, b, _), (d, e, _) = self.matrix
        (h, w), (oh, ow) = self.source, self.size
        xs, ys = zip(*self.corners, strict=True)
        words = [f"rows {min(ys):.6g}..{max(ys):.6g}, columns {min(xs):.6g}..{max(xs):.6g} of {h}x{w}"]
        if b == 0 == d:
            words += ["mirrored left-right"] * (a < 0) + ["mirrored upside down"] * (e < 0)
            if (abs(a), abs(e)) != (1, 1):
                words.append(f"scaled by {1 / abs(e):.4g} down and {1 / abs(a):.4g} across")
        else:
            words.append(f"turned by {degrees(atan2(-b, a)):.4g} degrees" + ", mirrored" * (a * e - b * d < 0))
            words.append(f"scaled by {abs(a * e - b * d) ** -0.5:.4g}")
        words.append(f"to {oh}x{ow}")
        if min(xs) < 0 or min(ys) < 0 or max(xs) > w or max(ys) > h:
            words.append("padded")
        if self.tone is not None or self.color is not None:
            words.append("colors changed")
        return ", ".join(words)

    @property
    def is_copy(self) -> bool:
        """True where output pixels are source pixels: crop, flip and pad only."""
        (a, b, c), (d, e, f) = self.matrix
        return b == 0 == d and abs(a) == 1 == abs(e) and c == int(c) and f == int(f)

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """The output's corners in the source as (x, y): top left, top right, bottom right, bottom left."""
        h, w = self.size
        (a, b, c), (d, e, f) = self.matrix
        return tuple((a * x + b * y + c, d * x + e * y + f) for x, y in ((0, 0), (w, 0), (w, h), (0, h)))

    @property
    def box(self) -> tuple[float, float]:
        """(height, width) in source pixels of what an output pixel averages: at least 1, which is bilinear."""
        (a, b, _), (d, e, _) = self.matrix
        return max(1.0, hypot(d, e)), max(1.0, hypot(a, b))

    @property
    def window(self) -> Window:
        """The source pixels that the output needs, clipped to the source; empty where it lies outside."""
        down, across = (0, 0) if self.is_copy else (ceil(side / 2) + 1 for side in self.box)
        xs, ys = zip(*self.corners, strict=True)
        h, w = self.source
        y0, y1 = (min(max(v, 0), h) for v in (floor(min(ys)) - down, ceil(max(ys)) + down))
        x0, x1 = (min(max(v, 0), w) for v in (floor(min(xs)) - across, ceil(max(xs)) + across))
        return Window(y0, x0, y1, x1)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a Loader yields.

    images: (B, 3, H, W) float32, float16 or uint8, or (B, H, W, 3) uint8 for the output "uint8-hwc". labels: (B, H, W)
    class ids with `ignore_index` where there is no class, or None for a split without labels. names: B sample names.
    indices: (B,) int64 positions in the split. sizes: (B, 2) int64, the height and width of each sample inside its
    slot; the rest is padding. real: (B,) bool, False where a shard repeats a sample to fill its last batch, and where
    `on_error="skip"` left one out.
    """

    images: NDArray[Any]
    labels: NDArray[Any] | None
    names: tuple[str, ...]
    indices: NDArray[np.int64]
    sizes: NDArray[np.int64]
    real: NDArray[np.bool_] = field(default_factory=lambda: np.ones(0, bool))

    def __len__(self) -> int:
        return len(self.names)
