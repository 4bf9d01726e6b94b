"""Bytes to headers and pixels, strictly: decoded exactly or refused with the reason. Floor 1.

An image is what a network sees: (H, W, 3) uint8 RGB. A label is what a file stores: its samples, unconverted.
Nothing is repaired in silence; what is odd but harmless becomes a Finding in `notes`, where the caller passes
a list. All functions are thread-safe and release the GIL while they decode.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Set
from functools import partial

import numpy as np

from ..errors import FileError
from ..files import open_error
from ..types import U8, Finding
from . import jpeg, png, rare, rgb, tiff
from .header import MAX_PIXELS, MAX_SIDE, Header, check_size, extension, sniff, warn
from .jpeg import encode as encode_jpeg
from .png import encode as encode_png
from .stored import Stored

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "Header",
    "Stored",
    "decode_image",
    "decode_stored",
    "encode_jpeg",
    "encode_png",
    "parse_header",
    "read_header",
]

# O_NONBLOCK: opening a named pipe that lies among the images must not wait for a writer.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def read_header(path: str | os.PathLike[str]) -> Header:
    """The header of the file at `path`, from its first 2 kB and only what must be read beyond.

    MissingError `missing-file`, FileError `not-a-file` and as `parse_header`, SystemFault `unreadable`.
    """
    try:
        fd = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        raise open_error(path, error) from None
    try:
        head = os.read(fd, 2048)
        more = partial(_read_at, fd) if len(head) == 2048 else None
        return _parse(head, path, None, more)
    except OSError as error:
        if error.errno in (errno.EISDIR, errno.EAGAIN, errno.ESPIPE):
            raise FileError("is a folder or a pipe", code="not-a-file", where=path) from None
        raise open_error(path, error) from None
    finally:
        os.close(fd)


def _read_at(fd: int, offset: int, size: int) -> bytes:
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, size)


def parse_header(data: bytes, where: object, notes: list[Finding] | None = None) -> Header:
    """The header of a whole file in memory.

    FileError `empty-file`, `not-an-image`, `git-lfs-pointer`, `truncated`, `corrupt`, `unsupported-format`.
    Limits of size are not applied: the size is told, whatever it is.
    """
    return _parse(data, where, notes, None)


def _parse(data: bytes, where: object, notes: list[Finding] | None, more: jpeg.More | None) -> Header:
    kind = sniff(data, where)
    if kind == "jpeg":
        header, _ = jpeg.parse(data, where, notes, more)
        return header
    if kind == "png":
        return png.header(data, where, notes, more)
    fetch = more or partial(_slice, data)
    if kind == "tiff":
        return tiff.header(tiff.parse(fetch, where), where, notes)
    if kind in rare.PILLOW:
        return rare.header(kind, where, notes, fetch)
    raise FileError(f"{kind.upper()} is no image format", code="unsupported-format", where=where)


def _slice(data: bytes, offset: int, size: int) -> bytes:
    return data[offset : offset + size]


def decode_image(
    data: bytes,
    where: object,
    notes: list[Finding] | None = None,
    value_range: tuple[float, float] | None = None,
    bands: tuple[int, int, int] | None = None,
    max_pixels: int | None = None,
) -> U8:
    """An image file as (H, W, 3) uint8 RGB, C-contiguous, fresh, owned by the caller; never turned by EXIF.

    Gray is repeated, palettes are applied, alpha is dropped (the colors under it are used), gamma and color
    profiles are ignored. 16-bit PNG is scaled by its full range, `round(v * 255 / 65535)`. JPEG and PNG are
    known by their content; TIFF, BMP, WebP and GIF are read only where `where` ends in such a name or in
    none.

    value_range: (lowest, highest): pixels of more than 8 bits are scaled so that these become 0 and 255,
    values beyond are clipped. TIFF with more than 8 bits needs it. bands: which three bands are red, green,
    blue, for TIFF that is not gray, RGB or RGBA. max_pixels: another limit than MAX_PIXELS.

    Raises FileError: `truncated`, `crc`, `corrupt`, `empty-file`, `not-an-image`, `git-lfs-pointer`,
    `too-large`, `too-large-side`, `unsupported-format`, `value-range-needed`, `bands-needed`,
    `not-finite`. Notes: `exif-orientation`, `exif-invalid`, `missing-eoi`, `missing-iend`, `extra-data`,
        `trailing-data`,
    `chunk-order`, `animated`, `extension-mismatch`, `alpha-dropped`.
    """
    kind = sniff(data, where)
    if kind in ("jpeg", "png"):
        if notes is not None and extension(where) not in (kind, ""):
            warn(notes, "extension-mismatch", where, f"the content is {kind.upper()}", "rename the file")
        if kind == "jpeg":
            return jpeg.decode(data, where, notes, max_pixels)
        return rgb.from_stored(png.read(data, where, notes, max_pixels), where, notes, value_range)
    if kind == "npy" or extension(where) not in (kind, ""):
        raise FileError(
            f"the content is {kind.upper()}, the name says otherwise",
            code="unsupported-format",
            where=where,
            fix="convert it to PNG" if kind == "npy" else f"rename it to .{kind}, or convert it to PNG",
        )
    header = _parse(data, where, notes, None)
    check_size(header.height, header.width, where, max_pixels)
    if kind != "tiff":
        return rare.pillow_rgb(data, rare.PILLOW[kind], header, where, notes)
    tags = tiff.parse(partial(_slice, data), where)
    if tiff.is_plain(tags):
        return rgb.from_raster(tiff.read(data, tags, where, notes, max_pixels), where, notes, value_range, bands)
    if header.bits != 8:
        raise FileError(
            f"TIFF compression {tiff.compression(tags)} with {header.bits} bits a sample",
            code="unsupported-format",
            where=where,
            fix="save it with LZW or Deflate compression",
        )
    return rare.pillow_rgb(data, "TIFF", header, where, notes)


def decode_stored(
    data: bytes,
    where: object,
    notes: list[Finding] | None = None,
    allow: Set[str] = frozenset(),
    max_pixels: int | None = None,
) -> Stored:
    """A label file's samples exactly as stored: no palette, gamma, transparency or orientation applied.

    PNG always; "tiff", "bmp", "gif", "webp" (lossless) and "npy" where `allow` names them. Raises FileError
    as `decode_image`, and LabelError `lossy-label` for JPEG. Notes as `decode_image`.
    """
    kind = sniff(data, where)
    if kind == "png":
        if notes is not None and extension(where) not in ("png", ""):
            warn(notes, "extension-mismatch", where, "the content is PNG", "rename the file")
        return png.read(data, where, notes, max_pixels)
    if kind == "jpeg":
        raise rare.lossy(where, "JPEG")
    if kind not in allow:
        raise FileError(
            f"a label stored as {kind.upper()}, which this dataset's format does not expect",
            code="unsupported-format",
            where=where,
            fix="convert it to PNG, or declare the format",
        )
    if kind == "npy":
        return rare.npy(data, where, max_pixels)
    header = _parse(data, where, notes, None)
    check_size(header.height, header.width, where, max_pixels)
    if kind != "tiff":
        return rare.stored(data, kind, where, notes)
    tags = tiff.parse(partial(_slice, data), where)
    if tiff.compression(tags) in (6, 7):
        raise rare.lossy(where, "TIFF with JPEG compression")
    if not tiff.is_plain(tags):
        raise FileError(
            f"a TIFF label with compression {tiff.compression(tags)}",
            code="unsupported-format",
            where=where,
            fix="save it with LZW or Deflate compression, or as PNG",
        )
    return _stored_tiff(tiff.read(data, tags, where, notes, max_pixels), where)


def _stored_tiff(raster: tiff.Raster, where: object) -> Stored:
    pixels = raster.pixels
    count = pixels.shape[2]
    if pixels.dtype.kind not in "ui" or count > 4:
        raise FileError(
            f"a label with {count} bands of {pixels.dtype}, expected class values or colors",
            code="unsupported-format",
            where=where,
        )
    values = np.ascontiguousarray(pixels[..., 0] if count == 1 else pixels)
    if values.dtype in (np.uint8, np.uint16):
        return Stored("tiff", values, raster.palette, raster.bits)
    return rare.whole_numbers("tiff", values, where)
