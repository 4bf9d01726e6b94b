"""Headers: the same whether from memory or from a file, right for every kind, and never more than is needed."""

from __future__ import annotations

import io
import os
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelwise.codecs.decoding import decode_image, parse_header, read_header
from pixelwise.codecs.encoded import EncodedFile
from pixelwise.codecs.header import Header, exif_orientation
from pixelwise.errors import FileError, MissingError
from pixelwise.types import Finding


def saved(kind: str, mode: str, **options: Any) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (13, 29, 4), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode", "options", "channels", "bits"),
    [
        ("PNG", "L", {}, 1, 8), ("PNG", "1", {}, 1, 1), ("PNG", "LA", {}, 2, 8), ("PNG", "RGBA", {}, 4, 8),
        ("JPEG", "L", {}, 1, 8), ("JPEG", "RGB", {"progressive": True}, 3, 8), ("TIFF", "RGB", {}, 3, 8),
        ("TIFF", "RGBA", {"compression": "tiff_lzw"}, 4, 8), ("TIFF", "1", {}, 1, 1), ("BMP", "RGB", {}, 3, 8),
        ("BMP", "P", {}, 1, 8), ("BMP", "1", {}, 1, 1), ("GIF", "P", {}, 1, 8), ("WEBP", "RGB", {}, 3, 8),
        ("WEBP", "RGBA", {"lossless": True}, 4, 8), ("WEBP", "RGB", {"lossless": True}, 3, 8),
        ("WEBP", "RGBA", {}, 4, 8),
    ],
)  # fmt: skip
def test_every_kind(tmp_path: Path, kind: str, mode: str, options: dict[str, Any], channels: int, bits: int) -> None:
    data = saved(kind, mode, **options)
    path = tmp_path / f"x.{kind.lower()}"
    path.write_bytes(data)
    expected = Header(kind.lower(), 13, 29, channels, bits)
    assert parse_header(data, path) == read_header(path) == expected
    image = decode_image(data, path)
    with Image.open(path) as opened:
        assert np.abs(image.astype(int) - np.array(opened.convert("RGBA"))[..., :3]).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_of_every_kind(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(kind, "RGB", exif=exif.tobytes() if kind != "TIFF" else exif)
    path = tmp_path / f"x.{kind.lower()}"
    path.write_bytes(data)
    assert read_header(path).orientation == parse_header(data, path).orientation == orientation
    notes: list[Finding] = []
    assert decode_image(data, path, notes).shape == (13, 29, 3)  # never turned
    assert [n.code for n in notes] == (["exif-orientation"] if orientation > 1 else [])


@pytest.mark.parametrize("kind", ["BMP", "GIF", "WEBP", "TIFF"])
def test_a_kind_is_read_only_under_its_name(kind: str) -> None:
    data = saved(kind, "RGB")
    assert decode_image(data, f"a.{kind}").shape == (13, 29, 3)
    assert decode_image(data, "in memory").shape == (13, 29, 3)
    with pytest.raises(FileError) as caught:
        decode_image(data, "a.jpg")
    assert caught.value.code == "unsupported-format"


@pytest.mark.parametrize("kind", ["BMP", "GIF", "WEBP", "PNG", "JPEG", "TIFF"])
def test_cut_files_raise_file_errors(kind: str, tmp_path: Path) -> None:
    data = saved(kind, "RGB")
    path = tmp_path / f"x.{kind.lower()}"
    for length in [*range(0, 70, 3), len(data) // 2, len(data) * 9 // 10]:
        path.write_bytes(data[:length])
        with pytest.raises(FileError):
            decode_image(data[:length], path)
        try:
            from_file = read_header(path)
        except FileError as error:
            with pytest.raises(FileError) as caught:
                parse_header(data[:length], path)
            assert caught.value.code == error.code
        else:
            assert from_file == parse_header(data[:length], path)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        read_header(tmp_path / "none.jpg")
    with pytest.raises(MissingError):
        read_header(tmp_path / "no\0name.jpg")
    with pytest.raises(FileError) as caught:
        read_header(tmp_path)
    assert caught.value.code == "not-a-file"


@pytest.mark.parametrize("offset", [5_000, 1 << 40, 1 << 45, 1 << 62, (1 << 63) + 5])
def test_an_offset_beyond_every_file(offset: int, tmp_path: Path) -> None:
    """A BigTIFF whose directory is at an offset that the file system, or the system call, does not allow."""
    path = tmp_path / "x.tif"
    path.write_bytes(b"II+\0" + struct.pack("<HHQ", 8, 0, offset) + bytes(3_000))
    for read in (lambda: read_header(path), lambda: parse_header(path.read_bytes(), path)):
        with pytest.raises(FileError) as caught:
            read()
        assert caught.value.code == "truncated"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(FileError) as caught:
        read_header(tmp_path / "pipe.jpg")
    assert caught.value.code in ("not-a-file", "empty-file")


def exif_block(order: str, value: int, kind: int = 3, at: int = 8, count: int = 1) -> bytes:
    field = struct.pack(order + ("I" if kind == 4 else "H"), value).ljust(4, b"\0")
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    return head + struct.pack(order + "HHHI", count, 0x0112, kind, 1) + field + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_exif_values(order: str, kind: int) -> None:
    notes: list[Finding] = []
    file = EncodedFile(b"", "x", notes)
    assert exif_orientation(exif_block(order, 6, kind)) == file.orientation(6) == 6
    assert exif_orientation(exif_block(order, 9, kind)) == 9
    assert file.orientation(9) is None
    assert [n.code for n in notes] == ["exif-orientation", "exif-invalid"]


def test_damaged_exif_has_no_orientation() -> None:
    good = exif_block("<", 6)
    for block in (b"", good[:10], good[:15], b"XX" + good[2:], exif_block("<", 6, at=1 << 31), bytes(200)):
        assert exif_orientation(block) is None
    assert exif_orientation(exif_block("<", 6, count=65_535)) == 6
    rng = np.random.default_rng(0)
    for _ in range(300):
        exif_orientation(b"II*\0" + rng.bytes(int(rng.integers(0, 60))))


def test_headers_are_read_fast(voc_root: Path) -> None:
    """At least 5,000 files a second with a warm cache on any machine; the benchmark reports the real number."""
    paths = [os.fspath(p) for p in sorted((voc_root / "JPEGImages").glob("*.jpg"))]
    best = 9.0
    for _ in range(5):
        start = time.perf_counter()
        for path in paths:
            read_header(path)
        best = min(best, time.perf_counter() - start)
    assert len(paths) / best > 5_000
