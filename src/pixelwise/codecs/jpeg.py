"""JPEG: the header by hand, the pixels by libjpeg-turbo (simplejpeg) with every warning an error."""

from __future__ import annotations

import re
import struct
from contextlib import suppress
from typing import Any, ClassVar, Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ..types import U8, Range
from .encoded import EncodedFile
from .header import Header, exif_orientation
from .pillow import pillow_rgb

MAX_SCANS: Final = 500
"""Most scans of a progressive file. libjpeg-turbo's fuzzers draw the same line (TJPARAM_SCANLIMIT, fuzz/decompress.cc);
common encoders write 10.
"""
_MOST_VISITS, _FREE_VISITS = 12, 4_000_000
"""Most visits of a block by scans, on average, and those that do not count; a visit takes up to 40 ns."""

_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ARITHMETIC = frozenset(range(0xC9, 0xD0))  # a bit of which may stand for many blocks
_APP0, _APP1, _APP14, _COM = 0xE0, 0xE1, 0xEE, 0xFE
_NEXT = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd8]")  # passes over fill bytes, and markers without a length
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # the end of a scan
_SOS, _EOI = b"\xff\xda", b"\xff\xd9"
_JFIF = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"


class JpegFile(EncodedFile):
    """JPEG with 8 bits per sample: gray, YCbCr, RGB, CMYK; baseline or progressive."""

    kind = "jpeg"
    signature: ClassVar[re.Pattern[bytes]] = re.compile(rb"\xff\xd8(\xff|\Z)")
    extensions: ClassVar[tuple[str, ...]] = (".jpg", ".jpeg", ".jpe", ".jfif")
    common = True
    lossy = True
    _frame: int
    """Where the frame header is; known once the header is."""

    def _read_header(self) -> Header:
        """The header from the segments before the first frame's SOF marker, and of that.

        What stands between two segments is passed over, as by every reader.
        """
        at, orientation = 2, None
        while True:
            at, marker, length, head = self._segment(at)
            if marker == 0xD9:
                raise self.error("truncated", "the file holds no image: its end marker follows its start marker")
            if length < 2 or marker == 0xDA:
                raise self.error(
                    "corrupt", f"marker 0x{marker:02x} at byte {at} is out of place or has length {length}"
                )
            if marker in _SOF:
                break
            if marker == _APP1 and head[4:] == b"Exif\0\0":
                orientation = self.orientation(exif_orientation(self.fetch(at + 10, max(0, length - 8))))
            at += 2 + length
        if len(head) < 10:
            raise self.error("truncated", "the file ends inside its header")
        bits, height, width, channels = struct.unpack_from(">BHHB", head, 4)
        if length != 8 + 3 * channels or channels not in (1, 3, 4):
            raise self.error("corrupt", f"the frame header has {channels} channels and length {length}")
        self._frame = at
        return Header(self.kind, height, width, channels, bits, orientation)

    def _segment(self, at: int) -> tuple[int, int, int, bytes]:
        """The next segment from byte `at` on: where it is, its marker, its length and its first 10 bytes."""
        head = self.fetch(at, 10)
        while not _NEXT.match(head):
            block = self.fetch(at, 4096)
            found = _NEXT.search(block)
            if found is None and len(block) < 2:
                raise self.error("truncated", f"the file ends at byte {at + len(block)}, before the image's size")
            at += len(block) - 1 if found is None else found.start()  # a marker may lie across two blocks
            head = self.fetch(at, 10)
        if len(head) < 4 and head[1] != 0xD9:
            raise self.error("truncated", f"the file ends at byte {at + len(head)}, before the image's size")
        return at, head[1], int.from_bytes(head[2:4], "big"), head

    # -- pixels -----------------------------------------------------------------------------------------------

    def image(self, value_range: Range | None = None, bands: tuple[int, int, int] | None = None) -> U8:
        """(H, W, 3) uint8 RGB of the first image; gray is repeated, CMYK converted by libjpeg-turbo.

        `value_range` and `bands` have no effect. FileError `truncated`, `corrupt`, `too-large`, `too-large-side`,
        `unsupported-format`. Notes `missing-eoi`, and `bad-metadata` for what is wrong outside of the pixels.
        """
        data, header = self.data, self.header
        self.check_size(header.height, header.width)
        if header.bits != 8:
            raise self.unsupported(f"{header.bits} bits per sample; only 8-bit JPEG is read", "convert it to PNG")
        self._check_cost(header)
        # The end marker of an EXIF thumbnail comes before the last scan.
        has_end = data.endswith(_EOI) or data.rfind(_EOI) > data.rfind(_SOS)
        whole = data if has_end else data + _EOI
        pixels, reason = _decode(whole)
        if pixels is None and "subsampling" in reason:  # 4:1:0 and the like, which simplejpeg does not know
            # Pillow refuses a file that ends early, but does not pass on libjpeg's other warnings.
            if not has_end:
                raise self.error("truncated", f"the file ends at byte {len(data)} without an end marker")
            return pillow_rgb(self, "JPEG")
        if pixels is None and (essential := _essentials(whole)) != whole:
            pixels, _ = _decode(essential)
            if pixels is not None:
                self.warn("bad-metadata", f"damaged outside of the pixels, which are whole: {reason}")
        if pixels is None and has_end and "Premature end of JPEG file" not in reason:
            raise self.error("corrupt", f"damaged: {reason}")
        if pixels is None or not (has_end or _all_scans(data)):
            raise self.error("truncated", f"the file ends at byte {len(data)}, before its last pixels")
        if not has_end:
            self.warn("missing-eoi", "the end marker is missing; all pixels are there")
        return pixels

    def preview(self, side: int) -> U8:
        """As `image`, perhaps smaller, but not smaller than when it is fitted into a square of `side` pixels: the
        transform of each block gives fewer pixels, which takes less time. The same files are refused.
        """
        header = self.header
        if header.bits == 8 and self.data.endswith(_EOI):
            self.check_size(header.height, header.width)
            self._check_cost(header)
            least = [-(-n * side // max(header.height, header.width)) for n in (header.height, header.width)]
            with suppress(ValueError):  # what libjpeg-turbo does not take as it is, `image` reads or refuses
                small: U8 = simplejpeg.decode_jpeg(self.data, "RGB", True, True, *least, strict=True)
                return small
        return self.image()

    def _check_cost(self, header: Header) -> None:
        """FileError for a file that is too short for its pixels, or goes over them too often."""
        data, at = self.data, self._frame
        parts = [data[k : k + 2] for k in range(at + 10, at + 10 + 3 * header.channels, 3)]
        if len(parts[-1]) < 2:
            raise self.error("truncated", "the file ends inside its header")
        factors = [(p[1] >> 4, p[1] & 15) for p in parts]
        across, down = (max(f) for f in zip(*factors, strict=True))
        if min(map(min, factors)) < 1:
            raise self.error("corrupt", f"the frame header has sampling factors {factors}")
        blocks = {
            part[0]: -(-header.width * h // (8 * across)) * -(-header.height * v // (8 * down))
            for part, (h, v) in zip(parts, factors, strict=True)
        }
        if data[at + 1] not in _ARITHMETIC:  # the first scan of a component has at least a bit for each block
            self.check_fits(len(data), sum(blocks.values()), 8, f"{header.height} x {header.width} pixels of JPEG")
        if data[at + 1] in _PROGRESSIVE:
            self._check_scans(blocks)

    def _check_scans(self, blocks: dict[int, int]) -> None:
        # A scan of a progressive file may say in a few bits that it changes nothing, but it visits every block.
        visits = 0
        for scans, found in enumerate(re.finditer(_SOS, self.data), 1):
            at = found.end()
            count = self.data[at + 2] if at + 2 < len(self.data) else 0
            visits += sum(blocks.get(part, 0) for part in self.data[at + 3 : at + 3 + 2 * count : 2])
            if scans > MAX_SCANS or visits > _FREE_VISITS + _MOST_VISITS * sum(blocks.values()):
                what = f"{scans} scans and more of {sum(blocks.values()):,} blocks: a decompression bomb"
                raise self.error("too-large", what, None)


def _decode(data: bytes) -> tuple[U8 | None, str]:
    """The pixels, or what libjpeg-turbo says is wrong."""
    try:
        return simplejpeg.decode_jpeg(data, "RGB", strict=True), ""
    except ValueError as error:
        return None, str(error)


def _essentials(data: bytes) -> bytes:
    """The file with only what its pixels depend on: without metadata, and without what stands between segments."""
    kept, at, end = [data[:2]], 2, len(data)
    while found := _NEXT.search(data, at):
        at, marker = found.start(), data[found.start() + 1]
        if marker == 0xD9:
            return b"".join([*kept, _EOI])
        stop = min(end, at + 2 + int.from_bytes(data[at + 2 : at + 4], "big"))
        body = data[at + 4 : at + 11]
        if marker == 0xDA:
            following = _MARKER.search(data, stop)
            stop = end if following is None else following.start()
        if marker == _APP0 and body.startswith(b"JFIF\0"):  # it says that the colors are YCbCr
            kept.append(data[at:stop] if body.startswith(b"JFIF\0\1") else _JFIF)
        elif not (_APP0 <= marker <= 0xEF or marker == _COM) or (marker == _APP14 and body.startswith(b"Adobe")):
            kept.append(data[at:stop])
        at = max(stop, at + 2)
    return b"".join(kept)


def _all_scans(data: bytes) -> bool:
    """Whether the scans deliver every coefficient of every component to its last bit.

    A file cut between two scans decodes without a warning: blurred, or without its colors.
    """
    missing: dict[int, NDArray[Any]] = {}  # component -> (64,) int8: bits that each coefficient still lacks
    for found in _MARKER.finditer(data, 2):
        i, marker = found.start(), data[found.start() + 1]
        if marker in _SOF:
            parts = data[i + 10 : i + 10 + 3 * data[i + 9] : 3] if i + 10 <= len(data) else b""
            missing = {part: np.full(64, 99, np.int8) for part in parts}
        elif marker == 0xDA and missing and i + 5 <= len(data):
            n = data[i + 4]
            if i + 8 + 2 * n > len(data):
                return False
            start, end, approximation = data[i + 5 + 2 * n : i + 8 + 2 * n]
            for k in range(n):
                if (bits := missing.get(data[i + 5 + 2 * k])) is not None:
                    bits[start : end + 1] = approximation & 15
    return bool(missing) and all(not bits.any() for bits in missing.values())
