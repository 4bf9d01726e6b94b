"""BMP, WebP and GIF: the header by hand, the pixels by Pillow."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from ..types import U8, Range
from .encoded import EncodedFile
from .header import Header, exif_orientation
from .stored import Stored


def pillow_rgb(file: EncodedFile, format_name: str) -> U8:
    """(H, W, 3) uint8 RGB of the first frame by Pillow, alpha dropped; `format_name` is Pillow's name of the kind.

    FileError `corrupt` also if the size is not the one that the header declares.
    """
    image = _open(file, format_name)
    height, width = expected = file.header.height, file.header.width
    if image.size != (width, height):
        raise file.error("corrupt", f"decodes to {image.size[::-1]}, the header declares {expected}")
    pixels, least = np.empty((height, width, 3), np.uint8), 255
    step = max(1, (1 << 20) // width)  # rows at a time: Pillow takes some copies to hand over its pixels
    for y in range(0, height, step):
        part = image.crop((0, y, width, min(height, y + step)))
        if file.notes is not None and image.has_transparency_data:
            least = min(least, int(np.asarray(part.convert("RGBA"))[..., 3].min()))
        pixels[y : y + step] = np.asarray(part.convert("RGBA" if image.mode == "PA" else "RGB"))[..., :3]
    if least < 255:
        file.warn("alpha-dropped", "some pixels are transparent; their colors are used")
    return pixels


def _open(file: EncodedFile, format_name: str) -> Any:
    """The loaded Pillow image. FileError `truncated`, `corrupt`, `too-large`, `unsupported-format`."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(io.BytesIO(file.data), formats=[format_name])
        image.load()
        _note_frames(file, image)
        return image
    except UnidentifiedImageError:
        raise file.unsupported(f"not a {format_name} file that can be read", "convert it to PNG") from None
    except Image.DecompressionBombError:  # Pillow's limit is below ours
        raise file.error("too-large", f"too many pixels for a {format_name} file", "convert it to PNG") from None
    except Exception as error:  # Pillow's parsers raise whatever a damaged file makes them raise
        reason = str(error)
        if "truncated" in reason or "buffer" in reason or "not enough" in reason:
            raise file.error("truncated", f"the file ends before its last pixels: {reason}") from None
        raise file.error("corrupt", f"damaged: {reason}") from None


def _note_frames(file: EncodedFile, image: Any) -> None:
    # A JPEG with several frames (MPO, from stereo cameras) has one main image by definition; TIFF's are known already.
    if file.notes is None or image.format in ("MPO", "TIFF"):
        return
    try:
        several = getattr(image, "is_animated", False)  # which goes to the second frame; counting would go to all
    except Exception as error:  # of whatever a damaged frame makes it raise; the first is whole
        file.warn("trailing-data", f"what follows the first frame is damaged and ignored: {error}")
    else:
        if several:
            file.warn("animated", "several frames; the first is used")


class _PillowFile(EncodedFile):
    format_name: ClassVar[str]
    """Pillow's name of the kind."""

    def _read_header(self) -> Header:
        try:
            return self._unpack_header(self.fetch(0, 64))
        except (struct.error, IndexError):
            raise self.error("truncated", "the file ends inside its header") from None

    def _unpack_header(self, head: bytes) -> Header:
        """The header from the first 64 bytes; struct.error or IndexError if there are too few."""
        raise NotImplementedError

    def _is_lossy(self) -> bool:
        return False

    def image(self, value_range: Range | None = None, bands: tuple[int, int, int] | None = None) -> U8:
        """(H, W, 3) uint8 RGB; `value_range` and `bands` have no effect. FileError as `pillow_rgb`."""
        self.check_size(self.header.height, self.header.width)
        return pillow_rgb(self, self.format_name)

    def stored(self) -> Stored:
        """Palette indices, gray values or colors as stored. FileError as `pillow_rgb`, LabelError `lossy-label`."""
        self.check_size(self.header.height, self.header.width)
        if self._is_lossy():
            raise self.lossy_label(f"lossy {self.format_name}")
        image = _open(self, self.format_name)
        pixels = np.array(image)
        if image.mode == "1":
            return Stored(self.kind, pixels.astype(np.uint8), None, 1)
        if image.mode == "P":
            palette = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
            if self.kind == "gif" and (palette == palette[:, :1]).all() and int(pixels.max()) < len(palette):
                # GIF has no gray values: writers put them into a palette, in the order in which they come.
                return Stored(self.kind, palette[:, 0][pixels], None, 8)
            return Stored(self.kind, pixels, palette, 8, "transparency" in image.info)
        if image.mode in ("L", "LA", "RGB", "RGBA"):
            return Stored(self.kind, pixels, None, 8)
        raise self.unsupported(f"a label cannot be a {self.kind.upper()} of mode {image.mode}", "save it as PNG")


class BmpFile(_PillowFile):
    """BMP of any header version."""

    kind = "bmp"
    signature: ClassVar[re.Pattern[bytes]] = re.compile(rb"BM.{4}\0\0\0\0.{16}", re.DOTALL)
    extensions: ClassVar[tuple[str, ...]] = (".bmp",)
    format_name = "BMP"

    def _unpack_header(self, head: bytes) -> Header:
        # The header of OS/2 1.x, 12 bytes long, has 16-bit sizes.
        width, height, _, bits = struct.unpack_from("<HHHH" if head[14] == 12 else "<iiHH", head, 18)
        channels = {24: 3, 16: 3, 32: 4}.get(bits, 1)
        return Header(self.kind, abs(height), width, channels, min(bits, 8))  # a negative height: rows top down


class GifFile(_PillowFile):
    """GIF; of an animation the first frame."""

    kind = "gif"
    signature: ClassVar[re.Pattern[bytes]] = re.compile(rb"GIF8[79]a")
    extensions: ClassVar[tuple[str, ...]] = (".gif",)
    format_name = "GIF"

    def _unpack_header(self, head: bytes) -> Header:
        width, height = struct.unpack_from("<HH", head, 6)
        return Header(self.kind, height, width, 1, 8)


class WebpFile(_PillowFile):
    """WebP; a label only if it is lossless."""

    kind = "webp"
    signature: ClassVar[re.Pattern[bytes]] = re.compile(rb"RIFF.{4}WEBP", re.DOTALL)
    extensions: ClassVar[tuple[str, ...]] = (".webp",)
    format_name = "WEBP"
    weight = 2  # Pillow's decoder keeps four canvases

    def _unpack_header(self, head: bytes) -> Header:
        chunk = head[12:16]
        if chunk == b"VP8X":
            flags = head[20]
            width, height = (1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
            orientation = self._exif_orientation() if flags & 8 else None
            return Header(self.kind, height, width, 4 if flags & 16 else 3, 8, orientation)
        if chunk == b"VP8L" and head[20] == 0x2F:
            (bits,) = struct.unpack_from("<I", head, 21)
            return Header(self.kind, 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF), 4 if bits >> 28 & 1 else 3, 8)
        if chunk == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
            width, height = struct.unpack_from("<HH", head, 26)
            return Header(self.kind, height & 0x3FFF, width & 0x3FFF, 3, 8)
        raise self.error("corrupt", f"the first chunk is {chunk!r}, expected VP8, VP8L or VP8X")

    def _is_lossy(self) -> bool:
        return any(name == b"VP8 " for name, _, _ in self._chunks())

    def _exif_orientation(self) -> int | None:
        for name, at, length in self._chunks():
            if name == b"EXIF":
                block = self.fetch(at, min(length, 1 << 20))
                return self.orientation(exif_orientation(block.removeprefix(b"Exif\0\0")))
        return None

    def _chunks(self) -> Iterator[tuple[bytes, int, int]]:
        """(name, offset, length) of each chunk."""
        at = 12
        while len(start := self.fetch(at, 8)) == 8:
            name, length = struct.unpack("<4sI", start)
            yield name, at + 8, length
            at += 8 + length + (length & 1)
