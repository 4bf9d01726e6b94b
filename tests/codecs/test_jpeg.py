"""JPEG: the same pixels as libjpeg-turbo gives, and no pixels at all from a file that ends early."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from pixelwise.codecs import jpeg
from pixelwise.codecs.decoding import decode_image, parse_header, read_header
from pixelwise.codecs.header import Header
from pixelwise.errors import FileError
from pixelwise.types import Finding


def photo(height: int = 61, width: int = 83) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(0).integers(0, 30, (height, width))
    return np.stack([x * 2 + noise, y * 3, 255 - x - noise], -1).clip(0, 255).astype(np.uint8)


def saved(image: np.ndarray, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


def test_images_equal_simplejpeg_and_pillow(voc_root: Path) -> None:
    for path in sorted((voc_root / "JPEGImages").glob("*.jpg"))[::10]:
        data = path.read_bytes()
        notes: list[Finding] = []
        image = decode_image(data, path, notes)
        assert np.array_equal(image, simplejpeg.decode_jpeg(data))
        with Image.open(path) as opened:  # Pillow has its own build of the same decoder
            assert np.abs(image.astype(int) - np.array(opened).astype(int)).max() <= 1
        assert not notes
        assert read_header(path) == parse_header(data, path) == Header("jpeg", *image.shape, 8)


@pytest.mark.parametrize("progressive", [False, True])
def test_every_cut_is_refused_or_complete(progressive: bool) -> None:
    """Cut anywhere: an error, or (where only the end marker is lost) exactly the pixels of the whole file."""
    data = saved(photo(24, 40), quality=60, progressive=progressive)
    whole = decode_image(data, "x.jpg")
    complete = []
    for length in range(1, len(data)):
        notes: list[Finding] = []
        try:
            image = decode_image(data[:length], "x.jpg", notes)
        except FileError as error:
            assert error.code in ("truncated", "not-an-image")
            continue
        complete.append(length)
        assert [n.code for n in notes] == ["missing-eoi"]
        assert np.array_equal(image, whole), length
    assert len(data) - 2 in complete
    assert len(complete) <= 3  # half an end marker; and a last byte that is only padding


def test_a_missing_scan_is_found_though_every_scan_is_whole() -> None:
    data = saved(photo(), progressive=True)
    scans = [i for i in range(len(data)) if data[i : i + 2] == b"\xff\xda"]
    assert len(scans) > 5
    for at in scans[2:]:
        cut = data[: data.rfind(b"\xff\xc4", 0, at) if data[at - 50 : at].count(b"\xff\xc4") else at]
        assert simplejpeg.decode_jpeg(cut + b"\xff\xd9", strict=True) is not None  # the decoder says nothing
        with pytest.raises(FileError) as caught:
            decode_image(cut, "x.jpg")
        assert caught.value.code == "truncated"


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_color_spaces(mode: str) -> None:
    data = saved(photo(), mode, quality=95)
    image = decode_image(data, "x.jpg")
    with Image.open(io.BytesIO(data)) as opened:
        assert np.abs(image.astype(int) - np.array(opened.convert("RGB")).astype(int)).max() <= 2
    assert parse_header(data, "x.jpg").channels == {"L": 1, "CMYK": 4, "RGB": 3}[mode]


def test_sampling_that_turbojpeg_does_not_name(shared_hostile: Path) -> None:
    path = shared_hostile / "images" / "samp_410.jpg"
    data = path.read_bytes()
    with pytest.raises(ValueError, match="subsampling"):
        simplejpeg.decode_jpeg(data)
    with Image.open(path) as opened:
        assert np.array_equal(decode_image(data, path), np.array(opened))
    for length in (len(data) // 2, len(data) - 20, len(data) - 2):
        with pytest.raises(FileError) as caught:
            decode_image(data[:length], path)
        assert caught.value.code == "truncated"


def test_header_far_behind_metadata(tmp_path: Path) -> None:
    """The size lies behind 150 kB of metadata, the orientation at its beginning: still few bytes are read."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(photo(), exif=exif.tobytes())
    segment = b"\xff\xed" + (50_002).to_bytes(2, "big") + bytes(50_000)
    at = data.index(b"\xff\xdb")
    path = tmp_path / "far.jpg"
    path.write_bytes(data[:at] + 3 * segment + data[at:])
    notes: list[Finding] = []
    assert read_header(path) == Header("jpeg", 61, 83, 3, 8, 6)
    assert decode_image(path.read_bytes(), path, notes).shape == (61, 83, 3)
    assert [n.code for n in notes] == ["exif-orientation"]


def test_twelve_bits_and_too_many_scans_are_refused() -> None:
    data = bytearray(saved(photo()))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(FileError) as caught:
        decode_image(bytes(data), "x.jpg")
    assert caught.value.code == "unsupported-format"
    data = saved(photo(), progressive=True)
    scan = data.rindex(b"\xff\xda")
    many = data[:scan] + data[scan:-2] * (jpeg.MAX_SCANS + 1) + b"\xff\xd9"
    with pytest.raises(FileError) as caught:
        decode_image(many, "x.jpg")
    assert caught.value.code == "too-large"
