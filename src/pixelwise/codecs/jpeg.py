"""JPEG: the header by hand, the pixels by libjpeg-turbo (simplejpeg) with every warning an error."""

from __future__ import annotations

import re
import struct
from typing import Any, Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ..types import U8, Range
from .encoded import EncodedFile
from .header import Header, exif_orientation
from .pillow import pillow_rgb

MAX_SCANS: Final = 500
"""Most scans of a progressive file; each costs a pass over all blocks. libjpeg-turbo's fuzzers draw the same
line (TJPARAM_SCANLIMIT, fuzz/decompress.cc); common encoders write 10.
"""

_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length: TEM, RST0..7, SOI
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_EOI = b"\xff\xd9"


class JpegFile(EncodedFile):
    """JPEG with 8 bits per sample: gray, YCbCr, RGB, CMYK; baseline or progressive."""

    kind = "jpeg"
    signature = re.compile(rb"\xff\xd8(\xff|\Z)")
    extensions = (".jpg", ".jpeg", ".jpe", ".jfif")
    common = True
    lossy = True
    _frame_marker: int
    """The SOF marker; known once the header is."""

    def _read_header(self) -> Header:
        """The header from the segments before the first frame's SOF marker, and of that."""
        at, orientation = 2, None
        while True:
            head = self.fetch(at, 10)
            if len(head) < 4:
                raise self.error("truncated", f"the file ends at byte {at + len(head)}, before the image's size")
            if head[0] != 0xFF:
                raise self.error("corrupt", f"byte {at} is {head[0]:#04x}, expected a marker (0xff)")
            marker = head[1]
            if marker == 0xFF or marker in _ALONE:
                at += 1 if marker == 0xFF else 2
                continue
            if marker == 0xD9:
                raise self.error("truncated", "the file holds no image: its end marker follows its start marker")
            length = head[2] << 8 | head[3]
            if length < 2 or marker == 0xDA:
                raise self.error(
                    "corrupt", f"marker 0x{marker:02x} at byte {at} is out of place or has length {length}"
                )
            if marker in _SOF:
                break
            if marker == 0xE1 and head[4:] == b"Exif\0\0":
                orientation = self.orientation(exif_orientation(self.fetch(at + 10, max(0, length - 8))))
            at += 2 + length
        if len(head) < 10:
            raise self.error("truncated", "the file ends inside its header")
        bits, height, width, channels = struct.unpack_from(">BHHB", head, 4)
        if length != 8 + 3 * channels or channels not in (1, 3, 4):
            raise self.error("corrupt", f"the frame header has {channels} channels and length {length}")
        self._frame_marker = marker
        return Header(self.kind, height, width, channels, bits, orientation)

    def image(self, value_range: Range | None = None, bands: tuple[int, int, int] | None = None) -> U8:
        """(H, W, 3) uint8 RGB of the first image; gray is repeated, CMYK converted by libjpeg-turbo.

        `value_range` and `bands` have no effect. FileError `truncated`, `corrupt`, `too-large`, `too-large-side`,
        `unsupported-format`.
        """
        data, header = self.data, self.header
        self.check_size(header.height, header.width)
        if header.bits != 8:
            raise self.unsupported(f"{header.bits} bits per sample; only 8-bit JPEG is read", "convert it to PNG")
        if self._frame_marker in _PROGRESSIVE and data.count(b"\xff\xda") > MAX_SCANS:
            raise self.error("too-large", f"more than {MAX_SCANS} scans: a decompression bomb", None)
        try:
            return simplejpeg.decode_jpeg(data, "RGB", strict=True)  # type: ignore[no-any-return]
        except ValueError as error:
            reason = str(error)
        # The end marker of an EXIF thumbnail comes before the last scan.
        has_end = data.rfind(_EOI) > data.rfind(b"\xff\xda")
        if "subsampling" in reason:  # 4:1:0 and the like, which simplejpeg does not know
            # Pillow refuses a file that ends early, but does not pass on libjpeg's other warnings.
            if not has_end:
                raise self.error("truncated", f"the file ends at byte {len(data)} without an end marker")
            return pillow_rgb(self, "JPEG")
        if has_end and "Premature end of JPEG file" not in reason:
            raise self.error("corrupt", f"damaged: {reason}")
        return self._without_end()

    def _without_end(self) -> U8:
        """The pixels of a file without its end marker, if nothing else is missing."""
        try:
            pixels = simplejpeg.decode_jpeg(self.data + _EOI, "RGB", strict=True)
        except ValueError:
            pixels = None
        if pixels is None or not _all_scans(self.data):
            raise self.error("truncated", f"the file ends at byte {len(self.data)}, before its last pixels")
        self.warn("missing-eoi", "the end marker is missing; all pixels are there")
        return pixels  # type: ignore[no-any-return]


def _all_scans(data: bytes) -> bool:
    """Whether the scans deliver every coefficient of every component to its last bit.

    A file cut between two scans decodes without a warning: blurred, or without its colors.
    """
    missing: dict[int, NDArray[Any]] = {}  # component -> (64,) int8: bits that each coefficient still lacks
    for found in _MARKER.finditer(data, 2):
        i, marker = found.start(), data[found.start() + 1]
        if marker in _SOF and i + 10 <= len(data):
            missing = {data[i + 10 + 3 * k]: np.full(64, 99, np.int8) for k in range(data[i + 9])}
        elif marker == 0xDA and missing and i + 5 <= len(data):
            n = data[i + 4]
            if i + 8 + 2 * n > len(data):
                return False
            start, end, approximation = data[i + 5 + 2 * n : i + 8 + 2 * n]
            for k in range(n):
                if (bits := missing.get(data[i + 5 + 2 * k])) is not None:
                    bits[start : end + 1] = approximation & 15
    return bool(missing) and all(not bits.any() for bits in missing.values())
