"""The values that travel through pixelwise: Window, Sample, Finding, Plan.

Sizes are `(height, width)`, windows `(y0, x0, y1, x1)` half open, colors RGB. Pixel `i` covers `[i, i + 1)` and
has its center at `i + 0.5`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from math import atan2, ceil, copysign, degrees, floor, hypot
from time import perf_counter
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .errors import PixelwiseError, UsageError, printable, shown
from .hints import answering

U8: TypeAlias = NDArray[np.uint8]
F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]
U64: TypeAlias = NDArray[np.uint64]
Bool: TypeAlias = NDArray[np.bool_]
Label: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
Size: TypeAlias = tuple[int, int]
Range: TypeAlias = tuple[float, float]
RGB: TypeAlias = tuple[float, float, float]
Rows: TypeAlias = list[dict[str, Any]]
Progress: TypeAlias = Callable[[int, int | None], None]
Severity: TypeAlias = Literal["error", "warning", "note"]
Interpolation: TypeAlias = Literal["area", "antialias", "bicubic"]
RADIUS: Final[dict[Interpolation, float]] = {"area": 0.5, "antialias": 1.0, "bicubic": 2.0}
"""How far an interpolation reaches, in output pixels where it shrinks, and in source pixels elsewhere."""
Pixels = TypeVar("Pixels", bound=NDArray[Any])


class Displayed:
    """What a notebook displays as a table, with pictures where there are any.

    `to_frame()` gives the rows: `pandas.DataFrame(x.to_frame())`, `polars.DataFrame(x.to_frame())`.
    """

    __slots__ = ()

    def to_frame(self) -> Rows:
        """The rows of a table: one dict per row, the same keys in each, plain values; None for what there is not."""
        raise NotImplementedError

    def _repr_html_(self) -> str:
        # Drawing is far above the values that are drawn, so they name it instead of importing it.
        found: str = import_module(".drawing.notebook", __package__).as_html(self)
        return found


@answering
class Window(NamedTuple):
    """A rectangle of pixels, half open: rows `y0:y1`, columns `x0:x1`."""

    y0: int
    x0: int
    y1: int
    x1: int

    def cut(self, pixels: Pixels) -> Pixels:
        """The window's pixels of an (H, W, ...) array, as a view."""
        return pixels[self.y0 : self.y1, self.x0 : self.x1]  # type: ignore[return-value]

    def fits(self, size: Size) -> bool:
        """Whether it holds pixels, and none outside an image of this (height, width)."""
        return 0 <= self.y0 < self.y1 <= size[0] and 0 <= self.x0 < self.x1 <= size[1]


@answering
@dataclass(frozen=True, slots=True, eq=False)
class Sample(Displayed):
    """One image and the classes of its pixels. Two samples are equal if their names and all their pixels are.

        >>> sample = pw.open("VOCdevkit/VOC2012")["train"][0]
        >>> sample.name, sample.size, np.unique(sample.label).tolist()
        ('2008_000000', (375, 500), [0, 8, 15, 255])
        >>> image, label = sample

    image: (H, W, 3) uint8, RGB. label: (H, W) class ids, uint8 or uint16, or None if the dataset has none.
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

    def cut(self, window: Window) -> Sample:
        """The pixels of a window, as views; without instances, which only whole samples have."""
        return Sample(self.name, window.cut(self.image), None if self.label is None else window.cut(self.label))

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Image and label. UsageError `no-labels` without a label."""
        return iter((self.image, labels_of(self.label, f"the sample {self.name!r}", "sample.image")))

    def to_frame(self) -> Rows:
        """The ids in the label: id, pixels, share of the pixels. No rows without a label."""
        if self.label is None:
            return []
        ids, counts = np.unique(self.label, return_counts=True)
        found = zip(ids.tolist(), counts.tolist(), strict=True)
        return [{"id": i, "pixels": n, "share": n / self.label.size} for i, n in found]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sample):
            return NotImplemented
        pairs = ((self.image, other.image), (self.label, other.label), (self.instances, other.instances))
        return self.name == other.name and all(np.array_equal(a, b) for a, b in pairs)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        arrays = {"image": self.image, "label": self.label, "instances": self.instances}
        return f"Sample({self.name!r}{in_words(arrays)})"


def labels_of(labels: NDArray[Any] | None, whose: str, instead: str) -> NDArray[Any]:
    """The labels. UsageError `no-labels` if there are none. instead: what has the images."""
    if labels is None:
        fix = f"{instead} has the images; check the dataset if there should be labels"
        raise UsageError(f"{whose} has no labels to unpack", code="no-labels", fix=fix)
    return labels


def in_words(arrays: dict[str, NDArray[Any] | None]) -> str:
    """", label (375, 500) uint8" for each array that there is."""
    return "".join(f", {name} {a.shape} {a.dtype}" for name, a in arrays.items() if a is not None)


@answering
@dataclass(frozen=True, slots=True)
class Finding:
    """One problem in a dataset. `code` is the code of the error that the same problem raises."""

    code: str
    severity: Severity
    where: str
    what: str
    fix: str = ""

    def __post_init__(self) -> None:
        for name in ("where", "what", "fix"):  # a name of a file may hold anything
            object.__setattr__(self, name, printable(getattr(self, name)))

    @classmethod
    def from_error(cls, error: PixelwiseError, where: object = None) -> Finding:
        """The finding of a problem that was raised. where: its place, if the error does not name one."""
        what = "; ".join([error.message, *getattr(error, "__notes__", [])])
        return cls(error.code, "error", error.where or str(where or ""), what, error.fix or "")

    def __str__(self) -> str:
        return shown(f"{self.where}: {self.what}" + (f"; {self.fix}" if self.fix else "") + f" [{self.code}]")

    def to_dict(self) -> dict[str, str]:
        """The finding as JSON values."""
        return asdict(self)


class Origin(NamedTuple):
    """What a sample is made from. Two samples of the same origin are one, as long as the files do not change.

    image: names the image that is read, and nothing else, the same in every process: the full path of a file, or a file
    and a row, or a record of a pack, or a digest of pixels in memory. files: full paths of what is read (one may be
    absent). how: what else decides about image and label, as text.
    """

    image: str
    files: tuple[str, ...]
    how: str


class Clock:
    """Seconds that one thread spent per stage. `lap` adds the time since the last lap (or `start`) to a stage."""

    __slots__ = ("_last", "seconds")

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = perf_counter()

    def start(self) -> None:
        """Forget the time since the last lap."""
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to `stage`."""
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now

    def move(self, before: str, after: str, seconds: float) -> None:
        """Take seconds from one stage, and give them to another."""
        self.seconds[before] = self.seconds.get(before, 0.0) - seconds
        self.seconds[after] = self.seconds.get(after, 0.0) + seconds


class _NoClock(Clock):
    """Measures nothing, and costs next to nothing."""

    __slots__ = ()

    def start(self) -> None:
        pass

    def lap(self, stage: str) -> None:
        pass

    def move(self, before: str, after: str, seconds: float) -> None:
        pass


NO_CLOCK: Final[Clock] = _NoClock()
"""For reads that are not timed."""


class HeldPixels(NamedTuple):
    """Samples whose pixels are in memory, as long as this lives.

    images: (n,) uint64 addresses of (H, W, 3) uint8 without gaps; 0 for a sample that is to be read by itself, which
    may raise. labels: likewise, (H, W), or None. itemsize: bytes per label pixel. owners: what the memory belongs to.
    """

    images: U64
    labels: U64 | None
    itemsize: int
    owners: object


@runtime_checkable
class MappedSource(Protocol):
    """A source whose pixels may be in memory already, so that one call of a kernel can render many samples.

    `is_raw`: whether they are. `held(indices)`: where those of these samples are, each checked once to be as it was
    written. `check()` raises if memory that was given out must not be touched.
    """

    @property
    def is_raw(self) -> bool: ...
    def check(self) -> None: ...
    def held(self, indices: I64) -> HeldPixels: ...


@answering
@dataclass(frozen=True, slots=True)
class Plan(Displayed):
    """What to cut from one source image and how to render it. Made before any pixel is read.

    source, size: (height, width) of the source and of the output. matrix: 2x3, maps an output point (x, y, 1) to
    the source point (x, y); pixel i has its center at i + 0.5. tone: 256 values for each channel, from gray level to a
    value in 0..1, or None for level / 255. color: 3x4, applied to those values and 1, or None. limits: (lowest,
    highest) final value of each channel, to which colors are clamped, or None. interpolation: of the image; see
    `transforms.filters`. `str()` says it in words.
    """

    source: Size
    size: Size
    matrix: tuple[tuple[float, float, float], tuple[float, float, float]]
    color: tuple[tuple[float, float, float, float], ...] | None = None
    tone: tuple[tuple[float, ...], ...] | None = None
    limits: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    interpolation: Interpolation = "area"

    def __str__(self) -> str:
        """In words: "rows 10..330, columns 5..485 of 375x500, mirrored left-right, to 320x480"."""
        (a, b, _), (d, e, _) = self.matrix
        (h, w), (oh, ow) = self.source, self.size
        xs, ys = zip(*self.corners, strict=True)
        words = [f"rows {min(ys):.6g}..{max(ys):.6g}, columns {min(xs):.6g}..{max(xs):.6g} of {h}x{w}"]
        if b == 0 == d:
            words += ["mirrored left-right"] * (a < 0) + ["mirrored upside down"] * (e < 0)
            if (abs(a), abs(e)) != (1, 1):
                words.append(f"scaled by {1 / abs(e):.4g} down and {1 / abs(a):.4g} across")
        else:
            turn, mirrored = degrees(atan2(-b, e)), a * e - b * d < 0
            upside_down = mirrored and abs(turn) > 90  # the same by the smaller turn
            words += [f"mirrored {'upside down' if upside_down else 'left-right'}"] * mirrored
            words.append(f"turned by {turn - copysign(180, turn) * upside_down:.4g} degrees")
            words.append(f"scaled by {abs(a * e - b * d) ** -0.5:.4g}")
        words.append(f"to {oh}x{ow}")
        words += [self.interpolation] * (self.interpolation != "area")
        if min(xs) < 0 or min(ys) < 0 or max(xs) > w or max(ys) > h:
            words.append("padded")
        if self.tone is not None or self.color is not None:
            words.append("colors changed")
        return ", ".join(words)

    def __repr__(self) -> str:
        return f"Plan({self})"

    def to_frame(self) -> Rows:
        """One row: heights and widths of source, window and output, and whether pixels are copied."""
        (h, w), (oh, ow), (y0, x0, y1, x1) = self.source, self.size, self.window
        return [
            {
                "source height": h, "source width": w, "height": oh, "width": ow,
                "y0": y0, "x0": x0, "y1": y1, "x1": x1, "is copy": self.is_copy,
            }
        ]  # fmt: skip

    @property
    def is_copy(self) -> bool:
        """Whether output pixels are source pixels: crop, flip and pad only."""
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
        """(height, width) of an output pixel in source pixels, at least 1: the box that "area" averages."""
        (a, b, _), (d, e, _) = self.matrix
        return max(1.0, hypot(d, e)), max(1.0, hypot(a, b))

    @property
    def window(self) -> Window:
        """The source pixels that the output needs, clipped to the source; empty if all of them are outside."""
        down, across = (0, 0) if self.is_copy else (ceil(side * RADIUS[self.interpolation]) + 1 for side in self.box)
        xs, ys = zip(*self.corners, strict=True)
        h, w = self.source
        y0, y1 = (min(max(v, 0), h) for v in (floor(min(ys)) - down, ceil(max(ys)) + down))
        x0, x1 = (min(max(v, 0), w) for v in (floor(min(xs)) - across, ceil(max(xs)) + across))
        return Window(y0, x0, y1, x1)
