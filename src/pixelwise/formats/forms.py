"""The forms in which labeling tools store a region, each of which becomes a Shape when its image's size is known.

Nothing is decoded before that: a file of annotations says little, and what it declares may be a thousand times larger.
"""

from __future__ import annotations

import zlib
from base64 import b64decode
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .. import kernels
from ..codecs.decoding import decode_stored
from ..errors import LabelError
from ..labels import check_pair
from ..types import F64, I64, U8, Bool, Size
from .rasterize import Patch, Shape, polygon

_MOST = 100_000_000
"""Of whole numbers in annotations: no side and no run is longer."""


class Form(Protocol):
    """A region as it is stored."""

    def shape(self, size: Size, category: int, number: int, where: str) -> Shape:
        """It in an image of `size`. LabelError for one that cannot be drawn, PairError if it states another size."""
        ...


@dataclass(frozen=True, slots=True)
class Polygons:
    """The union of polygons, (n, 2) float64 of (x, y), without what the holes cover. percent: of width and height."""

    outer: tuple[F64, ...]
    holes: tuple[F64, ...] = ()
    percent: bool = False

    def shape(self, size: Size, category: int, number: int, where: str) -> Shape:
        """The polygons in pixels."""
        scale = np.array([size[1], size[0]], np.float64) / 100 if self.percent else 1.0
        outer, holes = (tuple(p * scale for p in ps) for ps in (self.outer, self.holes))
        return Shape(category, number, outer, where=where, holes=holes)


@dataclass(frozen=True, slots=True)
class Ellipse:
    """The pixels whose centers are inside an ellipse: center, radii, and degrees by which it is turned clockwise."""

    x: float
    y: float
    rx: float
    ry: float
    turned: float = 0.0
    percent: bool = False

    def shape(self, size: Size, category: int, number: int, where: str) -> Shape:
        """The ellipse as the part of its patch that is in the image."""
        sx, sy = (size[1] / 100, size[0] / 100) if self.percent else (1.0, 1.0)
        x, y, rx, ry = self.x * sx, self.y * sy, self.rx * sx, self.ry * sy
        if rx <= 0 or ry <= 0 or max(abs(x), abs(y), rx, ry) > 1e6:
            fix = "center and radii are pixels of the image"
            raise LabelError(f"an ellipse of the radii {rx:g}, {ry:g}", code="bad-polygon", where=where, fix=fix)
        r = max(rx, ry) + 1
        y0, y1 = (int(np.clip(v, 0, size[0])) for v in (y - r, y + r + 1))
        x0, x1 = (int(np.clip(v, 0, size[1])) for v in (x - r, x + r + 1))
        dy, dx = np.arange(y0, y1)[:, None] + 0.5 - y, np.arange(x0, x1) + 0.5 - x
        cos, sin = np.cos(np.radians(self.turned)), np.sin(np.radians(self.turned))
        inside = ((dx * cos + dy * sin) / rx) ** 2 + ((dy * cos - dx * sin) / ry) ** 2 <= 1
        return Shape(category, number, where=where, patch=Patch(y0, x0, inside.astype(np.uint8)))


@dataclass(frozen=True, slots=True)
class Runs:
    """The run lengths of COCO, (n,) int64 or compressed, and the size that is stated with them."""

    counts: Any
    stated: Size

    def shape(self, size: Size, category: int, number: int, where: str) -> Shape:
        """The runs as they are."""
        return Shape(category, number, runs=self.counts, size=self.stated, where=where)


@dataclass(frozen=True, slots=True)
class BoxRuns:
    """Lengths of runs outside and inside by turns, along the rows of a box within the image."""

    top: int
    left: int
    height: int
    width: int
    runs: Any

    def shape(self, size: Size, category: int, number: int, where: str) -> Shape:
        """The runs as a patch."""
        bottom, right = self.top + self.height, self.left + self.width
        if min(self.top, self.left) < 0 or bottom > size[0] or right > size[1]:
            what = f"a mask of {self.width} x {self.height} at x={self.left}, y={self.top}, which leaves the image of "
            what += f"{size[1]} x {size[0]}"
            raise LabelError(what, code="bad-mask", where=where, fix="it belongs to an image of another size")
        if int(self.runs.sum()) != self.height * self.width:
            what = f"run lengths of {int(self.runs.sum())} pixels, the mask is {self.width} x {self.height}"
            raise LabelError(what, code="bad-rle", where=where, fix="export it again")
        inside = np.repeat((np.arange(len(self.runs)) & 1).astype(np.uint8), self.runs)
        patch = Patch(self.top, self.left, inside.reshape(self.height, self.width))
        return Shape(category, number, where=where, patch=patch)


@dataclass(frozen=True, slots=True)
class Bitmap:
    """A PNG of the pixels from (top, left) on, in zlib and base64; what its transparency leaves is inside."""

    top: int
    left: int
    data: str

    def shape(self, size: Size, category: int, number: int, where: str) -> Shape:
        """The PNG as a patch."""
        most = 16 * size[0] * size[1] + (1 << 16)
        try:
            inflating = zlib.decompressobj()
            png = inflating.decompress(b64decode(self.data, validate=True), most)
        except (ValueError, zlib.error) as error:
            fix = "a bitmap is a PNG in zlib and base64"
            raise LabelError(f"not a bitmap: {error}", code="bad-mask", where=where, fix=fix) from None
        if inflating.unconsumed_tail or not inflating.eof:
            what = f"a bitmap that is cut, or is over {most} bytes"
            raise LabelError(what, code="bad-mask", where=where, fix="export it again")
        inside = _opaque(png, where)
        return Shape(category, number, where=where, patch=Patch(self.top, self.left, inside.astype(np.uint8)))


def _opaque(png: bytes, where: str) -> Bool:
    """The pixels with an alpha that is not 0; of a PNG without transparency, those that are not 0."""
    import io

    from PIL import Image

    stored = decode_stored(png, where)  # refuses what is damaged or too large
    if stored.pixels.ndim == 3 and stored.pixels.shape[2] in (2, 4):
        inside: Bool = stored.pixels[..., -1] != 0
    elif stored.transparent and stored.palette is not None:
        with Image.open(io.BytesIO(png)) as image:
            inside = np.asarray(image.convert("RGBA"))[..., 3] != 0
    elif stored.pixels.ndim == 2:
        inside = stored.pixels != 0
    else:
        raise LabelError("a bitmap in colors", code="bad-mask", where=where, fix="a mask is 0 and one other value")
    return inside


@dataclass(frozen=True, slots=True)
class Brush:
    """RGBA in the packed run lengths of Label Studio, and the size that is stated with them. Alpha is the mask."""

    data: bytes
    stated: Size

    def shape(self, size: Size, category: int, number: int, where: str) -> Shape:
        """The alpha as a patch."""
        check_pair(size, self.stated, where)
        mask: U8 = np.zeros(size, np.uint8)
        wrong = kernels.polygon.fill_packed(np.frombuffer(self.data, np.uint8), mask)
        if wrong:
            what = ("it ends too early", "its words are not bytes", f"it is not RGBA of {size[1]} x {size[0]}",
                    "a run ends beyond the image")[wrong - 1]  # fmt: skip
            raise LabelError(f"damaged brush: {what}", code="bad-rle", where=where, fix="export it again")
        return Shape(category, number, where=where, patch=Patch(0, 0, mask))


# -- what JSON holds -----------------------------------------------------------------------------------------------


def runs_of(segmentation: Any, where: str) -> Runs:
    """COCO's `{"counts": ..., "size": [height, width]}`. LabelError `bad-rle`."""
    if not isinstance(segmentation, dict):
        fix = "run lengths are an object with counts and size"
        raise LabelError(f"{str(segmentation)[:60]!r} has no run lengths", code="bad-rle", where=where, fix=fix)
    size = segmentation.get("size")
    height, width = size if isinstance(size, list) and len(size) == 2 else (None, None)
    return Runs(counts_of(segmentation.get("counts"), where), stated_size(height, width, where))


def counts_of(counts: Any, where: str) -> I64 | bytes:
    """The counts of COCO's run lengths, (n,) int64, or as they are compressed. LabelError `bad-rle`."""
    if isinstance(counts, str):
        return counts.encode("utf-8", "replace")
    if not isinstance(counts, list) or not all(type(v) is int and 0 <= v < 1 << 40 for v in counts):
        what = "damaged run lengths: counts are whole numbers, or a string"
        raise LabelError(what, code="bad-rle", where=where, fix="export it again")
    return np.array(counts, np.int64)


def stated_size(height: Any, width: Any, where: str) -> Size:
    """A stated size. LabelError `bad-size` for anything but two whole numbers above 0."""
    h, w = whole(height), whole(width)
    if h is None or w is None or h < 1 or w < 1:
        what = f"a size of {str(height)[:20]} x {str(width)[:20]} (height, width)"
        raise LabelError(what, code="bad-size", where=where, fix="sides are whole numbers above 0")
    return h, w


def whole(value: Any) -> int | None:
    """A whole number of pixels as a number or as text; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() and abs(number) <= _MOST else None


def real(value: Any, where: str) -> float:
    """A finite number as a number or as text. LabelError `bad-polygon`."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if not np.isfinite(number):
        what = f"{str(value)[:20]!r} is not a finite number"
        raise LabelError(what, code="bad-polygon", where=where, fix="coordinates are pixels")
    return number


def points_of(pairs: Any, where: str, percent: bool = False) -> F64:
    """`[[x, y], ...]` as a polygon. LabelError `bad-polygon`."""
    if not isinstance(pairs, list) or not all(isinstance(p, (list, tuple)) and len(p) == 2 for p in pairs):
        fix = "points are a list of pairs x, y"
        raise LabelError("a polygon that is not a list of points", code="bad-polygon", where=where, fix=fix)
    points = polygon(pairs, where)
    if percent and (points.min() < -1 or points.max() > 101):
        what = f"the coordinate {points.flat[int(np.argmax(np.abs(points - 50)))]:g}, expected percent: 0..100"
        raise LabelError(what, code="bad-polygon", where=where, fix="divide x by the width and y by the height")
    return points
