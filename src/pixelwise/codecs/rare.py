"""BMP, WebP and GIF by Pillow, NPY by NumPy: kinds that are read only where the file's name announces
them.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from ..errors import FileError, LabelError
from ..types import U8, Finding
from .header import Header, check_size, corrupt, exif_orientation, truncated, warn
from .stored import Stored

PILLOW: Final = {"bmp": "BMP", "webp": "WEBP", "gif": "GIF"}
"""Our names of kinds, and Pillow's."""


def header(kind: str, where: object, notes: list[Finding] | None, fetch: Callable[[int, int], bytes]) -> Header:
    """The header of a BMP, WebP or GIF. `fetch(offset, size)` gives bytes of the file."""
    head = fetch(0, 64)
    try:
        if kind == "gif":
            width, height = struct.unpack_from("<HH", head, 6)
            return Header(kind, height, width, 1, 8)
        if kind == "bmp":
            if head[14] == 12:  # the header of OS/2 1.x has 16-bit sizes
                width, height, _, bits = struct.unpack_from("<HHHH", head, 18)
            else:
                width, height, _, bits = struct.unpack_from("<iiHH", head, 18)
            channels = {24: 3, 16: 3, 32: 4}.get(bits, 1)
            return Header(kind, abs(height), width, channels, min(bits, 8))
        return _webp(head, where, notes, fetch)
    except (struct.error, IndexError):
        raise truncated("the file ends inside its header", where) from None


def _webp(head: bytes, where: object, notes: list[Finding] | None, fetch: Callable[[int, int], bytes]) -> Header:
    kind = head[12:16]
    if kind == b"VP8X":
        flags = head[20]
        width = 1 + int.from_bytes(head[24:27], "little")
        height = 1 + int.from_bytes(head[27:30], "little")
        orientation = _webp_exif(where, notes, fetch) if flags & 8 else None
        return Header("webp", height, width, 4 if flags & 16 else 3, 8, orientation)
    if kind == b"VP8L" and head[20] == 0x2F:
        (bits,) = struct.unpack_from("<I", head, 21)
        return Header("webp", 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF), 4 if bits >> 28 & 1 else 3, 8)
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 26)
        return Header("webp", height & 0x3FFF, width & 0x3FFF, 3, 8)
    raise corrupt(f"no WebP image begins with {kind!r}", where)


def _webp_exif(where: object, notes: list[Finding] | None, fetch: Callable[[int, int], bytes]) -> int | None:
    for kind, at, length in _riff_chunks(fetch):
        if kind == b"EXIF":
            block = fetch(at, min(length, 1 << 20))
            return exif_orientation(block.removeprefix(b"Exif\0\0"), where, notes)
    return None


def _riff_chunks(fetch: Callable[[int, int], bytes]) -> Iterator[tuple[bytes, int, int]]:
    """(name, offset, length) of each chunk of a WebP file."""
    at = 12
    while len(start := fetch(at, 8)) == 8:
        kind, length = struct.unpack("<4sI", start)
        yield kind, at + 8, length
        at += 8 + length + (length & 1)


def open_pillow(data: bytes, format_name: str, where: object) -> Any:
    """A loaded Pillow image of exactly this format. FileError `truncated`, `corrupt`, `too-large`."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(data), formats=[format_name])
        image.load()
        return image
    except UnidentifiedImageError:
        raise FileError(
            f"no {format_name} file that can be read",
            code="unsupported-format",
            where=where,
            fix="convert it to PNG",
        ) from None
    except Image.DecompressionBombError:  # Pillow's limit is below ours
        raise FileError(
            f"too many pixels for a {format_name} file",
            code="too-large",
            where=where,
            fix="convert it to PNG",
        ) from None
    except Exception as error:  # Pillow's parsers raise whatever a damaged file makes them
        reason = str(error)
        if "truncated" in reason or "buffer" in reason or "not enough" in reason:
            raise truncated(f"the file ends before its last pixels: {reason}", where) from None
        raise corrupt(f"damaged: {reason}", where) from None


def pillow_rgb(data: bytes, format_name: str, found: Header, where: object, notes: list[Finding] | None = None) -> U8:
    """(H, W, 3) uint8 by Pillow, of the size that the header gave; alpha is dropped, the first frame is
    used.
    """
    image = open_pillow(data, format_name, where)
    _note_frames(image, where, notes)
    try:
        if notes is not None and image.has_transparency_data:
            alpha = np.asarray(image.convert("RGBA"))[..., 3]
            if alpha.min() < 255:
                warn(notes, "alpha-dropped", where, "some pixels are transparent; their colors are used")
        pixels = np.array(image.convert("RGBA" if image.mode == "PA" else "RGB"))[..., :3]
    except Exception as error:  # as above
        raise corrupt(f"damaged: {error}", where) from None
    if pixels.shape != (found.height, found.width, 3):
        raise corrupt(f"decodes to {pixels.shape[:2]}, the header says {(found.height, found.width)}", where)
    return np.ascontiguousarray(pixels)


def stored(data: bytes, kind: str, where: object, notes: list[Finding] | None = None) -> Stored:
    """The samples of a BMP, GIF or lossless WebP label as stored."""
    if kind == "webp" and any(name == b"VP8 " for name, *_ in _riff_chunks(lambda at, n: data[at : at + n])):
        raise lossy(where, "lossy WebP")
    image = open_pillow(data, PILLOW[kind], where)
    _note_frames(image, where, notes)
    pixels = np.array(image)
    if image.mode == "1":
        return Stored(kind, pixels.astype(np.uint8), None, 1)
    if image.mode == "P":
        palette = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
        return Stored(kind, pixels, palette, 8, "transparency" in image.info)
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return Stored(kind, pixels, None, 8)
    raise FileError(f"{kind} of mode {image.mode} cannot hold a label", code="unsupported-format", where=where)


def _note_frames(image: Any, where: object, notes: list[Finding] | None) -> None:
    # A JPEG with several frames (MPO, from stereo cameras) has one main image by definition.
    if notes is not None and image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
        warn(notes, "animated", where, f"{image.n_frames} frames; the first is used")


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
        parse = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = parse(stream)
    except ValueError as error:
        raise corrupt(f"damaged NPY header: {error}", where) from None
    if dtype.kind not in "uib" or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))):
        raise FileError(
            f"an array of shape {shape} and type {dtype}, expected (H, W) integers",
            code="unsupported-format",
            where=where,
        )
    check_size(shape[0], shape[1], where, max_pixels)
    expected, have = int(np.prod(shape)) * dtype.itemsize, len(data) - stream.tell()
    if have < expected:
        raise truncated(f"the file holds {have} of {expected} bytes of pixels", where)
    stream.seek(0)
    return whole_numbers("npy", np.load(stream, allow_pickle=False), where)


def whole_numbers(kind: str, values: Any, where: object) -> Stored:
    """Integers of any width as stored label values; LabelError `class-out-of-range` beyond 0..65535."""
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65_535:
        raise LabelError(
            f"values {low}..{high}, expected 0..65535", code="class-out-of-range", where=where,
            fix="map them to class indices first",
        )  # fmt: skip
    if high > 255 or values.dtype.itemsize == 2:
        return Stored(kind, np.ascontiguousarray(values, np.uint16), None, 16)
    return Stored(kind, np.ascontiguousarray(values, np.uint8), None, 8)
