"""original: image files as they are, labels as PNG: a seventh of the size of raw pixels."""

from __future__ import annotations

from ...codecs.decoding import decode_image, parse_header
from ...codecs.png import encode_png
from ...types import U8, Finding, Size
from .encoding import Encoding


def _encode_image(image: U8, file: bytes | None) -> bytes:
    if file is not None:
        header = parse_header(file, "the image")
        if header.kind in ("jpeg", "png") and header.bits <= 8 and (header.height, header.width) == image.shape[:2]:
            return file
    return encode_png(image)


def _decode_image(data: U8, size: Size, where: object, notes: list[Finding] | None) -> U8:
    return decode_image(data.tobytes(), where, notes)


ORIGINAL = Encoding(
    "original", "image files as they are and labels as PNG, smallest", _encode_image, _decode_image, has_jpegs=True
)
