"""What a file says about itself before a pixel is read: its kind, its size, its EXIF orientation; and the
limits.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import Final

from ..errors import FileError
from ..types import Finding

MAX_PIXELS: Final = 500_000_000
"""Largest image that is decoded unless the caller allows more: a 20,000 x 20,000 tile (400 Mpx, 1.2 GB as
RGB) passes, the usual decompression bombs (30,000 x 30,000 and up, from 100 kB files) do not.
"""

MAX_SIDE: Final = 1_000_000
"""Longest side; libpng's own default (PNG_USER_WIDTH_MAX, PNG_USER_HEIGHT_MAX in pngconf.h)."""

EXTENSIONS: Final = {
    ".jpg": "jpeg", ".jpeg": "jpeg", ".jpe": "jpeg", ".jfif": "jpeg", ".png": "png", ".apng": "png",
    ".tif": "tiff", ".tiff": "tiff", ".bmp": "bmp", ".webp": "webp", ".gif": "gif", ".npy": "npy",
}  # fmt: skip
"""What a name's ending says about the content."""


@dataclass(frozen=True, slots=True)
class Header:
    """kind: "jpeg", "png", "tiff", "bmp", "webp" or "gif". height, width: pixels as stored, never turned.

    channels: samples per pixel as stored (1 for a palette). bits: per sample. orientation: EXIF 1..8, or None
    where the file has none that is valid.
    """

    kind: str
    height: int
    width: int
    channels: int
    bits: int
    orientation: int | None = None


def extension(where: object) -> str:
    """The kind that the name `where` ends in says ("jpeg", "png", ...), or "" for none that is known."""
    return EXTENSIONS.get(os.path.splitext(str(where))[1].lower(), "")


def sniff(data: bytes | memoryview, where: object) -> str:
    """The kind of a file by its first bytes (at least 32 of them where the file has so many).

    FileError `empty-file`, `git-lfs-pointer` or `not-an-image` for what is no image.
    """
    head = bytes(data[:32])
    if head[:3] == b"\xff\xd8\xff" or head == b"\xff\xd8":
        return "jpeg"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[:2] == b"BM" and len(head) >= 26 and head[6:10] == b"\0\0\0\0":
        return "bmp"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:6] == b"\x93NUMPY":
        return "npy"
    raise _no_image(head, where)


def _no_image(head: bytes, where: object) -> FileError:
    if not head:
        return FileError("the file is empty", code="empty-file", where=where, fix="copy or download it again")
    if head.startswith(b"version https://git-lfs"):
        return FileError(
            "a Git LFS pointer, not the image itself",
            code="git-lfs-pointer",
            where=where,
            fix="run: git lfs pull",
        )
    text = head.lstrip().lower()
    if head[1:4] == b"PNG" or head[1:].startswith(b"\xff\xd8\xff"):
        seen, fix = "an image damaged by a text-mode transfer", "transfer it again in binary mode"
    elif text.startswith((b"<!doctype", b"<html", b"<?xml", b"{")):
        seen, fix = "a web page or text, as servers send with an error", "download it again"
    elif not any(head):
        seen, fix = (
            "zero bytes, as a crash leaves them before the file is on disk",
            "copy or download it again",
        )
    elif head[:2] == b"\x1f\x8b":
        seen, fix = "gzip data", "unpack it"
    else:
        seen, fix = f"bytes {head[:8].hex(' ')}", "copy or download it again"
    return FileError(f"no image, but {seen}", code="not-an-image", where=where, fix=fix)


def check_size(height: int, width: int, where: object, max_pixels: int | None = None) -> None:
    """FileError `corrupt` for an empty image, `too-large` and `too-large-side` over the limits."""
    if height <= 0 or width <= 0:
        raise FileError(f"the header says {height} x {width} pixels", code="corrupt", where=where)
    limit = MAX_PIXELS if max_pixels is None else max_pixels
    if height * width > limit:
        raise FileError(
            f"the header says {height} x {width} pixels, the limit is {limit:,} in all",
            code="too-large",
            where=where,
            fix="raise max_pixels if the image is really that large",
        )
    if max(height, width) > MAX_SIDE:
        raise FileError(
            f"the header says {height} x {width} pixels, the limit is {MAX_SIDE:,} a side",
            code="too-large-side",
            where=where,
        )


def warn(notes: list[Finding] | None, code: str, where: object, what: str, fix: str = "") -> None:
    """Adds a warning to `notes`, where the caller asked for notes."""
    if notes is not None:
        notes.append(Finding(code, "warning", str(where), what, fix))


def truncated(what: str, where: object) -> FileError:
    """The error of a file that ends too early."""
    return FileError(what, code="truncated", where=where, fix="copy or download it again")


def corrupt(what: str, where: object) -> FileError:
    """The error of a file whose structure is broken."""
    return FileError(what, code="corrupt", where=where, fix="copy or download it again")


def exif_orientation(exif: bytes | memoryview, where: object, notes: list[Finding] | None) -> int | None:
    """The orientation 1..8 in a TIFF-structured EXIF block, or None.

    Only the first directory is read, once, so loops of directories do no harm. A value outside 1..8 is noted
    as `exif-invalid`, one that turns the image as `exif-orientation`: the stored pixels are used, never
    turned.
    """
    value = _orientation_tag(exif)
    return None if value is None else exif_value(value, where, notes)


def exif_value(value: int, where: object, notes: list[Finding] | None) -> int | None:
    """The orientation if it is one, with the notes that `exif_orientation` gives."""
    if not 1 <= value <= 8:
        warn(notes, "exif-invalid", where, f"EXIF orientation is {value}, not 1..8; it is ignored")
        return None
    if value != 1:
        warn(
            notes,
            "exif-orientation",
            where,
            f"EXIF orientation {value} asks viewers to turn the image; its pixels are used as stored",
            "make sure that image and label were saved the same way round",
        )
    return value


def _orientation_tag(exif: bytes | memoryview) -> int | None:
    if len(exif) < 14:
        return None
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(exif[:4]))
    if order is None:
        return None
    (at,) = struct.unpack_from(order + "I", exif, 4)
    if at + 2 > len(exif):
        return None
    (count,) = struct.unpack_from(order + "H", exif, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind = struct.unpack_from(order + "HH", exif, entry)
        if tag == 0x0112:
            return int(struct.unpack_from(order + ("I" if kind == 4 else "H"), exif, entry + 8)[0])
    return None
