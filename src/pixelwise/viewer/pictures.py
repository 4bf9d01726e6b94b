"""Pictures: what the page shows of an entry, as bytes of JPEG (thumbnails of images) or PNG (all else, exact).

Labels are sent as class ids, never as colors: gray values in a PNG of 8 bits, or, for ids beyond 255, red and green as
the low and the high byte. The page gives them colors by writing a palette into the PNG, so that a change of colors
costs neither a request nor a pass over the pixels.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ..codecs.decoding import decode_preview
from ..codecs.png import encode_png
from ..codecs.stored import Stored
from ..counts.per_sample import read_labels_only
from ..dataset.sources import FileSource, image_file_of
from ..drawing.pixels import scaled_image, scaled_label
from ..errors import UsageError
from ..files.reading import read_bytes
from ..labels import check_pair
from ..types import U8, Label, Size
from .entries import Item

THUMBNAIL: Final = 224
"""The longer side of a thumbnail, in pixels: what the page's cells show."""
_ENOUGH: Final = 1.25
"""A thumbnail of an image may be larger by this factor."""
_QUALITY: Final = 78
RIGHT, WRONG_CLASS, NO_TRUTH, NO_CLASS = range(4)
"""The values of an error map: right; wrong; void in the truth; the prediction is not a class."""


class Encoded(NamedTuple):
    """A picture as bytes, and their media type."""

    data: bytes
    type: str


def thumbnail(entry: Item) -> Encoded:
    """The image, small, as JPEG. Raises as reading it does."""
    return small_pixels(image_pixels(entry, THUMBNAIL))


def exact_image(entry: Item) -> Encoded:
    """The image, exact, as PNG. Raises as reading it does."""
    return exact_pixels(image_pixels(entry))


def exact_pixels(pixels: U8) -> Encoded:
    """(H, W, 3) uint8 as PNG."""
    return Encoded(encode_png(pixels, level=1), "image/png")


def small_pixels(image: U8, size: Size | None = None) -> Encoded:
    """(H, W, 3) uint8 as a thumbnail of it, JPEG. size: of the image, if this is a smaller one of it."""
    # What is decoded at a part of its size is seldom far from the goal. The page scales it to its cell in any case, and
    # to do it here as well would take a third of the time.
    near = max(image.shape[:2]) <= THUMBNAIL * _ENOUGH
    small = np.ascontiguousarray(image if near else scaled_image(image, small_size(size or image.shape[:2])))
    data = simplejpeg.encode_jpeg(small, quality=_QUALITY, colorspace="RGB", colorsubsampling="420", fastdct=True)
    return Encoded(data, "image/jpeg")


def ids_picture(ids: NDArray[Any], *, small: bool = False) -> Encoded:
    """(H, W) numbers in 0..65535 as PNG. small: as large as a thumbnail, nearest by pixel centers."""
    if small:
        ids = scaled_label(ids, small_size((ids.shape[0], ids.shape[1])))
    if ids.dtype != np.uint8:
        wide = ids.astype(np.uint16)
        ids = np.stack([wide & 255, wide >> 8, np.zeros_like(wide)], axis=-1).astype(np.uint8)
    return Encoded(encode_png(ids, level=1), "image/png")


def small_size(size: Size) -> Size:
    """The size of a thumbnail of an image of `size`, which is not enlarged."""
    factor = min(1.0, THUMBNAIL / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


# -- pixels ---------------------------------------------------------------------------------------------------


def image_pixels(entry: Item, side: int | None = None) -> U8:
    """(H, W, 3) uint8 RGB. side: a smaller one is enough, see `decode_preview`. Reads no label if files are apart."""
    split, index = entry
    found = image_file_of(split.source, split.position(index))
    if found is None:
        return split.read(index).image
    source, at = found
    path = source.path(source.images, at)
    data = read_bytes(path)
    if side is not None and source.decoding.plain_images:
        return decode_preview(data, path, side)
    return source.decoding.image(data, path)


def label_ids(entry: Item) -> Label:
    """(H, W) class ids. Raises as reading it does, PairError `size-mismatch` if the image has another size."""
    split, index = entry
    label = read_labels_only(split, index)
    height, width = split.sizes(np.array([index]))[0].tolist()
    check_pair((height, width), label.shape, split.names[index])
    return label


def instance_numbers(entry: Item) -> Label:
    """(H, W) object numbers. UsageError `no-instances` if the sample has none."""
    split, index = entry
    found = split.read(index).instances
    if found is None:
        raise UsageError("the sample has no objects", code="no-instances", where=split.names[index])
    return found


def label_path(entry: Item) -> str | None:
    """The file of the label, as the dataset's own format reads it; None if labels are not files of their own."""
    source = entry.split.source
    if not isinstance(source, FileSource) or source.labels is None:
        return None
    return source.path(source.labels, entry.split.position(entry.at))


def stored_label(entry: Item, path: str) -> Stored:
    """What the label's file stores. Raises as reading it does."""
    source = entry.split.source
    assert isinstance(source, FileSource)
    return source.decoding.stored(read_bytes(path), path)


def stored_picture(entry: Item) -> Encoded:
    """The values that the label's file stores, as PNG: as `ids_picture`, or RGB for a label in colors.

    UsageError `no-label-file` if labels are not files of their own, and what reading it raises.
    """
    path = label_path(entry)
    if path is None:
        name = entry.split.names[entry.at]
        raise UsageError("the label is not a file of its own", code="no-label-file", where=name)
    pixels: NDArray[Any] = stored_label(entry, path).pixels
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        pixels = pixels[..., 0]
    if pixels.ndim == 2:
        return ids_picture(pixels)
    if pixels.dtype != np.uint8:
        pixels = (pixels >> 8).astype(np.uint8)
    return Encoded(encode_png(np.ascontiguousarray(pixels[..., :3]), level=1), "image/png")


def marked_errors(ids: NDArray[Any], truth: Label, classes: int, void: int | None) -> U8:
    """(H, W) uint8: RIGHT, WRONG_CLASS, NO_TRUTH or NO_CLASS for each pixel of a prediction (H, W)."""
    out = np.where(ids == truth, RIGHT, WRONG_CLASS).astype(np.uint8)
    out[(ids < 0) | (ids >= classes)] = NO_CLASS
    if void is not None:
        out[truth == void] = NO_TRUTH
    return out
