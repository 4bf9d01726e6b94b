"""TIFF, BMP, WebP and GIF by Pillow, NPY by NumPy: kinds that are read only where the file's name announces them."""

from __future__ import annotations

import io
import warnings
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import FileError, LabelError
from ..types import U8, Finding
from .header import Header, check_size, corrupt, exif_orientation, truncated, warn
from .stored import Stored

PILLOW: Final = {"tiff": "TIFF", "bmp": "BMP", "webp": "WEBP", "gif": "GIF"}
_MODES: Final = {
    "1": (1, 1), "L": (1, 8), "P": (1, 8), "LA": (2, 8), "PA": (2, 8), "RGB": (3, 8), "RGBA": (4, 8), "RGBX": (4, 8),
    "CMYK": (4, 8), "I;16": (1, 16), "I;16B": (1, 16), "I;16L": (1, 16), "I": (1, 32), "F": (1, 32),
}  # fmt: skip
"""Pillow's modes: (channels, bits)."""


def open_pillow(data: Any, format_name: str, where: object, max_pixels: int | None = None) -> Any:
    """An unloaded Pillow image of exactly this format, its size checked."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our own limits follow; other remarks are not about pixels
            image = Image.open(io.BytesIO(data), formats=[format_name])
    except UnidentifiedImageError:
        raise FileError(
            f"not a {format_name} file that can be read", code="unsupported-format", where=where,
            fix="convert it to PNG",
        ) from None  # fmt: skip
    except Image.DecompressionBombError:
        raise FileError("the header says more pixels than the limit", code="too-large", where=where) from None
    except Exception as error:  # Pillow's parsers raise whatever a damaged file makes them
        raise corrupt(f"damaged {format_name} header: {error}", where) from None
    check_size(image.height, image.width, where, max_pixels)
    return image


def header(data: Any, kind: str, where: object, notes: list[Finding] | None = None) -> Header:
    """The header of a TIFF, BMP, WebP or GIF."""
    image = open_pillow(data, PILLOW[kind], where)
    channels, bits = _MODES.get(image.mode, (len(image.getbands()), 8))
    return Header(kind, image.height, image.width, channels, bits, _orientation(image, where, notes))


def _orientation(image: Any, where: object, notes: list[Finding] | None) -> int | None:
    try:
        value = image.getexif().get(0x0112)
    except Exception:  # a damaged EXIF block says nothing
        return None
    if not isinstance(value, int):
        return None
    block = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + (value & 0xFFFF).to_bytes(4, "little")
    return exif_orientation(block, where, notes)


def load(image: Any, where: object) -> NDArray[Any]:
    """Pillow's pixels as an array; FileError `truncated` or `corrupt` where they cannot be read whole."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
            return np.array(image)
    except Exception as error:  # as above
        reason = str(error)
        if "truncated" in reason or "buffer" in reason or "not enough" in reason:
            raise truncated(f"the file ends before its last pixels: {reason}", where) from None
        raise corrupt(f"damaged: {reason}", where) from None


def pillow_rgb(data: bytes, format_name: str, height: int, width: int, where: object) -> U8:
    """(H, W, 3) uint8 by Pillow, of the size that the header gave."""
    image = open_pillow(data, format_name, where, height * width)
    load(image, where)
    pixels = np.array(image.convert("RGB"))
    if pixels.shape != (height, width, 3):
        raise corrupt(f"decodes to {pixels.shape[:2]}, the header says {(height, width)}", where)
    return pixels


def image(
    data: bytes, kind: str, where: object, notes: list[Finding] | None = None, max_pixels: int | None = None
) -> U8:
    """(H, W, 3) uint8 of a BMP, WebP, GIF or plain 8-bit TIFF; alpha is dropped, the first frame is used."""
    opened = open_pillow(data, PILLOW[kind], where, max_pixels)
    _orientation(opened, where, notes)
    _note_frames(opened, where, notes)
    if _MODES.get(opened.mode, (len(opened.getbands()), 8))[1] > 8:
        raise FileError(
            f"pixels of mode {opened.mode}, which have no range of their own", code="value-range-needed",
            where=where, fix="give value_range=(lowest, highest)",
        )  # fmt: skip
    load(opened, where)
    try:
        with_alpha = opened.mode in ("LA", "PA", "RGBA") or "transparency" in opened.info
        if with_alpha and opened.convert("RGBA").getchannel("A").getextrema()[0] < 255:
            warn(notes, "alpha-dropped", where, "some pixels are transparent; their colours are used")
        return np.ascontiguousarray(opened.convert("RGB"))
    except Exception as error:
        raise corrupt(f"damaged: {error}", where) from None


def stored(
    data: bytes, kind: str, where: object, notes: list[Finding] | None = None, max_pixels: int | None = None
) -> Stored:
    """The samples of a BMP, GIF or WebP label as stored."""
    opened = open_pillow(data, PILLOW[kind], where, max_pixels)
    _orientation(opened, where, notes)
    _note_frames(opened, where, notes)
    if kind == "webp" and b"VP8 " in data[12:64]:
        raise lossy(where, "WebP (lossy)")
    mode = opened.mode
    pixels = load(opened, where)
    if mode == "1":
        return Stored(kind, pixels.astype(np.uint8), None, 1)
    if mode == "P":
        palette = np.array(opened.getpalette(), np.uint8).reshape(-1, 3)
        return Stored(kind, pixels, palette, 8, "transparency" in opened.info)
    if mode in ("L", "LA", "RGB", "RGBA"):
        return Stored(kind, pixels, None, 8)
    raise FileError(f"{kind} of mode {mode} cannot hold a label", code="unsupported-format", where=where)


def _note_frames(opened: Any, where: object, notes: list[Finding] | None) -> None:
    if notes is not None and getattr(opened, "n_frames", 1) > 1:
        warn(notes, "animated", where, f"{opened.n_frames} frames; the first is used")


def lossy(where: object, what: str) -> LabelError:
    """The error of a label in a lossy format."""
    return LabelError(
        f"a label stored as {what}: compression has changed its values",
        code="lossy-label",
        where=where,
        fix="restore the label from its source and save it as PNG",
    )


def npy(data: bytes, where: object, max_pixels: int | None = None) -> Stored:
    """A label saved by `numpy.save`: (H, W), (H, W, 3) or (H, W, 4) integers or booleans, values 0..65535."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        shape, _, dtype = (
            np.lib.format.read_array_header_1_0(stream) if version == (1, 0)
            else np.lib.format.read_array_header_2_0(stream)
        )  # fmt: skip
    except ValueError as error:
        raise corrupt(f"damaged NPY header: {error}", where) from None
    if dtype.kind not in "uib" or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (3, 4)):
        raise FileError(
            f"an array of shape {shape} and type {dtype}, expected (H, W) integers", code="unsupported-format",
            where=where,
        )  # fmt: skip
    check_size(shape[0], shape[1], where, max_pixels)
    expected, have = int(np.prod(shape)) * dtype.itemsize, len(data) - stream.tell()
    if have < expected:
        raise truncated(f"the file holds {have} of {expected} bytes of pixels", where)
    stream.seek(0)
    values = np.load(stream, allow_pickle=False)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65_535:
        raise LabelError(f"values {low}..{high}, expected 0..65535", code="class-out-of-range", where=where)
    wide = high > 255 or dtype.itemsize == 2
    pixels = np.ascontiguousarray(values, np.uint16 if wide else np.uint8)
    return Stored("npy", pixels, None, 16 if wide else 8)
