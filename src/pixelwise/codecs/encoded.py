"""EncodedFile: the bytes of one file, and what the kinds of files have in common."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import ClassVar, Final

from ..errors import FileError, LabelError
from ..types import U8, Finding, Range, Window
from .header import MAX_PIXELS_VARIABLE, MAX_SIDE, Header, pixel_limit
from .stored import LabelNumbers, Stored

MOST_INFLATION: Final = 1032
"""Most bytes that a byte of Deflate unpacks to (zlib's technical details)."""


@dataclass(eq=False)
class EncodedFile:
    """One file, parsed when it is first asked for something, and only as far as needed.

    A subclass is one kind of file. It gives `_read_header`, `image` and `stored`; what it does not give is refused.

    data: the bytes of the file, or its beginning if `descriptor` is given. where: the file's name in messages. notes:
    gets a Finding for whatever is odd but harmless; None: nothing is noted. max_pixels: another limit than
    `header.pixel_limit`. descriptor: of the open file, from which `fetch` reads what `data` lacks.
    """

    kind: ClassVar[str]
    """The name of the kind: "png"."""
    signature: ClassVar[re.Pattern[bytes]]
    """Matches the beginning of every file of this kind, in the first 32 bytes."""
    extensions: ClassVar[tuple[str, ...]]
    """The endings of names of such files, lowercase: (".png", ".apng")."""
    common: ClassVar[bool] = False
    """Whether such a file is read under any name, and as a label without being allowed."""
    lossy: ClassVar[bool] = False
    """Whether every such file has lost exact values, so that it cannot be a label."""
    weight: ClassVar[int] = 1
    """How many pixels a pixel counts as for the limit: more than one if decoding it costs more than usual."""

    data: bytes
    where: object
    notes: list[Finding] | None = None
    max_pixels: int | None = None
    descriptor: int | None = None
    _header: Header | None = field(default=None, init=False)
    _block: tuple[int, bytes] = field(default=(0, b""), init=False)

    @property
    def header(self) -> Header:
        """Size and so on; limits of size are not applied. FileError if it is damaged or not that of an image."""
        if self._header is None:
            self._header = self._read_header()
        return self._header

    def _read_header(self) -> Header:
        raise self.unsupported(f"{self.kind.upper()} is not an image format", "convert it to PNG")

    def image(self, value_range: Range | None = None, bands: tuple[int, int, int] | None = None) -> U8:
        """(H, W, 3) uint8 RGB; see `decoding.decode_image`."""
        raise self.unsupported(f"{self.kind.upper()} is not an image format", "convert it to PNG")

    def preview(self, side: int) -> U8:
        """The image, perhaps smaller; see `decoding.decode_preview`."""
        return self.image()

    def stored(self) -> Stored:
        """The values as stored; see `decoding.decode_stored`."""
        raise self.lossy_label(self.kind.upper())

    def image_window(
        self, window: Window, value_range: Range | None = None, bands: tuple[int, int, int] | None = None
    ) -> U8 | None:
        """A window of `image`, or None if this file is only read whole; see `decoding.decode_window`."""
        return None

    def stored_window(self, window: Window) -> Stored | None:
        """A window of `stored`, or None if this file is only read whole; see `decoding.stored_window`."""
        return None

    def numbers(self) -> LabelNumbers:
        """The numbers of a label of any real type; see `decoding.decode_numbers`."""
        stored = self.stored()
        return LabelNumbers(self.kind, stored.pixels, stored)

    def glance(self) -> LabelNumbers | None:
        """Some rows of `numbers`, or None if reading them takes about as long as reading all; see `decoding.glance`."""
        return None

    def fetch(self, offset: int, size: int) -> bytes:
        """`size` bytes of the file from `offset` on; fewer only at its end."""
        if self.descriptor is None or offset + size <= len(self.data):
            return self.data[offset : offset + size]
        at, block = self._block
        if not at <= offset <= offset + size <= at + len(block):
            # At least a page: a file of many small segments is then read in few calls.
            at, block = self._block = offset, self._read(offset, max(size, 4096))
        return block[offset - at : offset - at + size]

    def _read(self, offset: int, size: int) -> bytes:
        assert self.descriptor is not None
        size = min(size, max(0, os.fstat(self.descriptor).st_size - offset))  # no memory for what is only claimed
        if not size:
            return b""
        os.lseek(self.descriptor, offset, os.SEEK_SET)
        return os.read(self.descriptor, size)

    def check_size(self, height: int, width: int) -> None:
        """FileError `corrupt` for an empty image, `too-large` or `too-large-side` over the limits."""
        declared = f"the header declares {height} x {width} pixels"
        if height <= 0 or width <= 0:
            raise self.error("corrupt", declared)
        limit, cost = pixel_limit(self.max_pixels), height * width * self.weight
        if cost > limit:
            raise self.too_large(f"{declared}, the limit is {limit // self.weight:,} in all", cost)
        if max(height, width) > MAX_SIDE:
            raise self.error("too-large-side", f"{declared}, the limit is {MAX_SIDE:,} per side", None)

    def check_window(self, window: Window, header: Header) -> None:
        """FileError `corrupt` for a window that is empty or not within the image, and as `check_size` for its size."""
        self.check_size(window.y1 - window.y0, window.x1 - window.x0)
        if not window.fits((header.height, header.width)):
            raise self.error("corrupt", f"{window} is not within the file's {header.height} x {header.width} pixels")

    def check_bytes(self, size: int, most: int) -> None:
        """FileError `too-large` for samples of `size` bytes, if the limit of pixels times `most` bytes is less."""
        limit = pixel_limit(self.max_pixels)
        if size > most * limit:
            raise self.too_large(f"the samples take {size:,} bytes, the limit is {most * limit:,}", -(-size // most))

    def check_fits(self, packed: int, needed: int, best: int, of: str) -> None:
        """FileError `truncated` if `packed` bytes are too few for `needed`, of which a byte gives at most `best`.

        So nothing is unpacked, and no memory taken, for what a file only claims. of: what the bytes should hold.
        """
        if needed > best * packed:
            raise self.error("truncated", f"{packed:,} bytes cannot hold {of}")

    def too_large(self, what: str, pixels: int) -> FileError:
        """The error of a file over the limit of pixels, which would have to be `pixels`."""
        fix = f"if the image is really that large, set the environment variable {MAX_PIXELS_VARIABLE}={pixels}"
        return self.error("too-large", what, fix)

    def orientation(self, value: int | None) -> int | None:
        """`value` if EXIF defines it (1..8), else None.

        Notes `exif-invalid` for other values, `exif-orientation` for one that turns the image.
        """
        if value in (None, 1):
            return value
        if not 1 <= value <= 8:
            self.warn("exif-invalid", f"EXIF orientation is {value}, not 1..8; it is ignored")
            return None
        what = f"EXIF orientation {value} asks viewers to turn the image; its pixels are used as stored"
        self.warn("exif-orientation", what, "make sure that image and label were saved the same way round")
        return value

    def warn(self, code: str, what: str, fix: str = "") -> None:
        """Add a warning to `notes`, if there is such a list."""
        if self.notes is not None:
            self.notes.append(Finding(code, "warning", str(self.where), what, fix))

    def error(self, code: str, what: str, fix: str | None = "copy or download it again") -> FileError:
        """The error of this file."""
        return FileError(what, code=code, where=self.where, fix=fix)

    def unsupported(self, what: str, fix: str | None = None) -> FileError:
        """The error of a file that is whole, but of a kind or variant that is not read."""
        return self.error("unsupported-format", what, fix)

    def lossy_label(self, what: str) -> LabelError:
        """The error of a label in a lossy format."""
        what, fix = f"a label stored as {what}: compression has changed its values", "restore the label from its source"
        return LabelError(what, code="lossy-label", where=self.where, fix=f"{fix} and save it as PNG")
