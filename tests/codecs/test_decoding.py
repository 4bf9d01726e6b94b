"""The table of file kinds, and that a file is parsed once."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise.codecs.decoding import EXTENSIONS, FILE_KINDS, decode_image, decode_stored, recognize
from pixelwise.codecs.encoded import EncodedFile
from pixelwise.codecs.jpeg import JpegFile
from pixelwise.codecs.pillow import BmpFile, GifFile, WebpFile
from pixelwise.codecs.png import PngFile
from pixelwise.codecs.tiff import TiffFile


def saved(kind: type[EncodedFile], **options: Any) -> bytes:
    if kind.kind == "npy":
        stream = io.BytesIO()
        np.save(stream, np.zeros((5, 7), np.uint8))
        return stream.getvalue()
    stream = io.BytesIO()
    Image.fromarray(np.arange(35, dtype=np.uint8).reshape(5, 7)).save(stream, kind.kind.upper(), **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", FILE_KINDS)
def test_one_kind_matches(kind: type[EncodedFile]) -> None:
    data = saved(kind)
    assert [k for k in FILE_KINDS if k.signature.match(data[:32])] == [kind]
    assert type(recognize(data, "x")) is kind
    assert all(EXTENSIONS[ending] == kind.kind for ending in kind.extensions)


@pytest.mark.parametrize(
    ("kind", "parser"),
    [
        (JpegFile, "_read_header"),
        (PngFile, "_read_ihdr"),
        (PngFile, "_read_chunks"),
        (TiffFile, "_read_header"),
        (BmpFile, "_unpack_header"),
        (GifFile, "_unpack_header"),
        (WebpFile, "_unpack_header"),
    ],
)
def test_a_file_is_parsed_once(kind: type[EncodedFile], parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(kind, **({"lossless": True} if kind is WebpFile else {}))
    calls = []
    real = getattr(kind, parser)

    def counted(file: EncodedFile, *args: Any) -> Any:
        calls.append(file)
        return real(file, *args)

    monkeypatch.setattr(kind, parser, counted)
    decode_image(data, "x", [])
    assert len(calls) == 1
    if not kind.lossy:
        decode_stored(data, "x", [], frozenset({kind.kind}))
        assert len(calls) == 2


@pytest.mark.parametrize("kind", [JpegFile, PngFile, TiffFile, WebpFile])
def test_pixels_and_header_of_one_object(kind: type[EncodedFile]) -> None:
    """In either order the same."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(kind, exif=exif)
    for first_pixels in (False, True):
        file = recognize(data, "x")
        if first_pixels:
            file.image()
        assert (file.header.height, file.header.width, file.header.orientation) == (5, 7, 6)
        assert file.image().shape == (5, 7, 3)
