"""The kinds of files in a table, and the functions that decode any of them."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Set
from typing import Any, Final

from ..errors import FileError, SystemFault, only_ours
from ..files.reading import READ_FLAGS, open_error
from ..types import U8, Finding, Range, Size, Window
from .encoded import EncodedFile
from .header import Header
from .jpeg import JpegFile
from .npy import NpyFile
from .pillow import BmpFile, GifFile, WebpFile
from .png import PngFile
from .stored import LabelNumbers, Stored
from .tiff import TiffFile

FILE_KINDS: Final[tuple[type[EncodedFile], ...]] = (JpegFile, PngFile, TiffFile, BmpFile, WebpFile, GifFile, NpyFile)
"""Every kind that is read."""

EXTENSIONS: Final = {ending: kind.kind for kind in FILE_KINDS for ending in kind.extensions}
"""The kind that the ending of a name announces."""

UNCOMMON_KINDS: Final = frozenset(kind.kind for kind in FILE_KINDS if not kind.common)
"""The kinds that a label may have only if the caller of `decode_stored` allows them."""

_MISTAKEN: Final = (
    (rb"(?s).(PNG|\xff\xd8\xff)", "an image damaged by a text-mode transfer", "transfer it again in binary mode"),
    (rb"(?i)\s*(<!doctype|<html|<\?xml|{)", "a web page or text, as servers send with an error", "download it again"),
    (rb"\0+\Z", "zero bytes, as a crash leaves them before the file is on disk", "copy or download it again"),
    (rb"\x1f\x8b", "gzip data", "unpack it"),
)
"""How a file begins that is mistaken for an image, what it is, and what to do."""


def recognize(
    data: bytes,
    where: object,
    notes: list[Finding] | None = None,
    max_pixels: int | None = None,
    descriptor: int | None = None,
) -> EncodedFile:
    """A file as an object of its kind, by its first bytes. The arguments are those of EncodedFile.

    FileError `empty-file`, `git-lfs-pointer`, `not-an-image`.
    """
    for kind in FILE_KINDS:
        if kind.signature.match(data):
            return kind(data, where, notes, max_pixels, descriptor)
    head = data[:32]
    if not head:
        raise FileError("the file is empty", code="empty-file", where=where, fix="copy or download it again")
    if head.startswith(b"version https://git-lfs"):
        what = "a Git LFS pointer, not the image itself"
        raise FileError(what, code="git-lfs-pointer", where=where, fix="run: git lfs pull")
    unknown = f"bytes {head[:8].hex(' ')}", "copy or download it again"
    seen, fix = next((found for pattern, *found in _MISTAKEN if re.match(pattern, head)), unknown)
    raise FileError(f"not an image, but {seen}", code="not-an-image", where=where, fix=fix)


def read_header(path: str | os.PathLike[str]) -> Header:
    """The header of the file at `path`, from its first 2 kB and only as much more as needed.

    Raises MissingError `missing-file`, FileError `not-a-file` and as `parse_header`, SystemFault `unreadable`.
    """
    try:
        descriptor = os.open(path, READ_FLAGS)
    except (OSError, ValueError) as error:
        raise open_error(path, error) from None
    try:
        with only_ours(path):
            return recognize(os.read(descriptor, 2048), path, descriptor=descriptor).header
    except SystemFault as error:
        if getattr(error.__cause__, "errno", None) in (errno.EISDIR, errno.EAGAIN, errno.ESPIPE):
            raise FileError("is a folder or a pipe", code="not-a-file", where=path) from None
        raise
    finally:
        os.close(descriptor)


def parse_header(data: bytes, where: object, notes: list[Finding] | None = None) -> Header:
    """The header of a whole file in memory. Limits of size are not applied.

    Raises FileError `empty-file`, `not-an-image`, `git-lfs-pointer`, `truncated`, `corrupt`, `unsupported-format`.

    >>> import numpy as np
    >>> from pixelwise.codecs.png import encode_png
    >>> parse_header(encode_png(np.zeros((2, 3), np.uint8)), "memory")
    Header(kind='png', height=2, width=3, channels=1, bits=8, orientation=None)
    """
    with only_ours(where):
        return recognize(data, where, notes).header


def decode_image(
    data: bytes,
    where: object,
    notes: list[Finding] | None = None,
    value_range: Range | None = None,
    bands: tuple[int, int, int] | None = None,
    max_pixels: int | None = None,
) -> U8:
    """An image file as (H, W, 3) uint8 RGB, C-contiguous, new, owned by the caller; never turned by EXIF.

    Gray is repeated, palettes are applied, alpha is dropped (the colors under it are used), gamma and color
    profiles are ignored. 16-bit PNG is scaled by its full range, `round(v * 255 / 65535)`; it needs value_range
    if no value is above 4095, as in images of 10 or 12 bits. JPEG and PNG are recognized by their content; other
    kinds are read only if the extension of `where` is theirs or unknown.

    value_range: (lowest, highest): pixels of more than 8 bits are scaled so that these become 0 and 255,
    values beyond are clipped. TIFF with more than 8 bits needs it. bands: which three bands are red, green,
    blue, for TIFF that is not gray, RGB or RGBA. max_pixels: another limit than `header.pixel_limit`.

    Raises FileError: `truncated`, `crc`, `corrupt`, `empty-file`, `not-an-image`, `git-lfs-pointer`, `too-large`,
    `too-large-side`, `unsupported-format`, `value-range-needed`, `bands-needed`, `not-finite`. Notes:
    `exif-orientation`, `exif-invalid`, `missing-eoi`, `missing-iend`, `extra-data`, `trailing-data`, `chunk-order`,
    `animated`, `extension-mismatch`, `alpha-dropped`, `alpha-divided`, `bad-metadata`, `white-is-zero`, `bands-unread`.
    Whatever a damaged file makes a decoder raise is `corrupt`, with the cause.

    >>> import numpy as np
    >>> from pixelwise.codecs.png import encode_png
    >>> decode_image(encode_png(np.array([[0, 128]], np.uint8)), "gray.png").tolist()
    [[[0, 0, 0], [128, 128, 128]]]
    """
    with only_ours(where):
        file = recognize(data, where, notes, max_pixels)
        if not file.common or notes is not None:
            _check_name(file)
        return file.image(value_range, bands)


def decode_preview(data: bytes, where: object, side: int, max_pixels: int | None = None) -> U8:
    """As `decode_image`, for a small picture of it: a JPEG is decoded at a part of its size, which takes less time.

    side: the square in pixels into which the image will be fitted; the result is not smaller than that, unless the
    image is. max_pixels: another limit than `header.pixel_limit`. (h, w, 3) uint8 RGB. Raises as `decode_image`.
    """
    with only_ours(where):
        return recognize(data, where, None, max_pixels).preview(side)


def decode_window(
    data: Any,
    where: object,
    window: Window,
    value_range: Range | None = None,
    bands: tuple[int, int, int] | None = None,
) -> U8 | None:
    """A window of `decode_image`, read without the rest of the file; None if it cannot be read alone.

    TIFF of every compression but JPEG, without alpha, strip by strip or tile by tile. Memory follows the window, so the
    limit of pixels is that of the window. data: bytes, or a memory map. Raises as `decode_image`, for what is read.
    """
    with only_ours(where):
        return recognize(data, where).image_window(window, value_range, bands)


def stored_window(
    data: Any, where: object, window: Window, allow: Set[str] = frozenset(), size: Size | None = None
) -> Stored | None:
    """A window of `decode_stored`, read without the rest of the file; None if it cannot be read alone.

    TIFF as in `decode_window`; PNG that is not interlaced, down to the window's last row. size: None as well if this is
    not the (height, width) of the whole.
    """
    with only_ours(where):
        file = _label_file(recognize(data, where), allow)
        if size is not None and (file.header.height, file.header.width) != size:
            return None
        return file.stored_window(window)


def decode_stored(
    data: bytes,
    where: object,
    notes: list[Finding] | None = None,
    allow: Set[str] = frozenset(),
    max_pixels: int | None = None,
) -> Stored:
    """The values in a label file exactly as stored: no palette, gamma, transparency or orientation applied.

    PNG always; "tiff", "bmp", "gif", "webp" (lossless) and "npy" if `allow` names them. max_pixels: another limit
    than `header.pixel_limit`.

    Raises FileError as `decode_image`, LabelError `lossy-label` for JPEG and other lossy files, and
    `class-out-of-range` for numbers that are not in 0..65535. Notes as `decode_image`.

    >>> import numpy as np
    >>> from pixelwise.codecs.png import encode_png
    >>> palette = np.array([[0, 0, 0], [128, 0, 0]], np.uint8)
    >>> stored = decode_stored(encode_png(np.array([[0, 1]], np.uint8), palette), "label.png")
    >>> stored.mode, stored.pixels.tolist()
    ('palette', [[0, 1]])
    """
    with only_ours(where):
        return _label_file(recognize(data, where, notes, max_pixels), allow).stored()


def decode_numbers(data: bytes, where: object, allow: Set[str] = frozenset()) -> LabelNumbers:
    """The numbers of a label file: as `decode_stored`, but TIFF and NPY of any real type.

    Raises as `decode_stored`, without `class-out-of-range`.
    """
    with only_ours(where):
        file = _label_file(recognize(data, where), allow)
        return file.numbers()


def glance(data: bytes, where: object, allow: Set[str] = frozenset()) -> LabelNumbers | None:
    """Some rows of `decode_numbers` of a large file, to see what it holds; None if all have to be read for that.

    TIFF: rows from all over. PNG of at most 256 values: the first. Raises as `decode_numbers`, for what is read.
    """
    with only_ours(where):
        file = _label_file(recognize(data, where), allow)
        file.check_size(file.header.height, file.header.width)
        return file.glance()


def _label_file(file: EncodedFile, allow: Set[str]) -> EncodedFile:
    """The file, if it may be a label: of exact values, and of an allowed kind."""
    if file.lossy:
        raise file.lossy_label(file.kind.upper())
    if not file.common and file.kind not in allow:
        what = f"a label stored as {file.kind.upper()}, which this dataset's format does not expect"
        raise file.unsupported(what, "convert it to PNG, or declare the format")
    if file.common and file.notes is not None:
        _check_name(file)
    return file


def _check_name(file: EncodedFile) -> None:
    """Note a common kind of file, and refuse another one, if the name has the extension of a different kind."""
    named = EXTENSIONS.get(os.path.splitext(str(file.where))[1].lower(), file.kind)
    content = f"the content is {file.kind.upper()}"
    if named != file.kind and not file.common:
        fix = f"rename it to {file.extensions[0]}, or convert it to PNG"
        raise file.unsupported(f"{content}, the name ends as {named.upper()}", fix)
    if named != file.kind:
        file.warn("extension-mismatch", content, "rename the file")
