"""JPEG: the same pixels as libjpeg-turbo gives, and no pixels at all from a file that ends early."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg
from PIL import Image

from pixelwise.codecs import jpeg
from pixelwise.codecs.decoding import decode_image, decode_preview, parse_header, read_header
from pixelwise.codecs.header import Header
from pixelwise.codecs.png import encode_png
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


# -- damage outside of the pixels -------------------------------------------------------------------------------


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


OUTSIDE = {
    "a part of a color profile": segment(0xE2, b"ICC_PROFILE\0\3\2" + bytes(40)),
    "a color profile twice": 2 * segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(40)),
    "junk": b"junk",
    "junk with a stuffed byte": b"\0\xff\0\1",
    "a later JFIF": segment(0xE0, b"JFIF\0\7\1\0\0\1\0\1\0\0"),
    "all of it": b"ab" + segment(0xE2, b"ICC_PROFILE\0\3\2" + bytes(40)) + b"c" + segment(0xFE, b"hello") + b"\0\0",
}
"""What libjpeg-turbo warns of, although no pixel depends on it."""


@pytest.mark.parametrize("what", OUTSIDE)
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "L"}, {"mode": "CMYK"}])
@pytest.mark.parametrize("end", [True, False])
def test_damage_outside_of_the_pixels_is_a_note(what: str, options: dict[str, object], end: bool) -> None:
    good = saved(photo(), **options)  # type: ignore[arg-type]
    pixels, size = decode_image(good, "x.jpg"), len(good) - 2 * (not end)
    markers = b"\xff\xdb", b"\xff\xc4", b"\xff\xda", b"\xff\xc0", b"\xff\xc2"
    for at in (i for i in range(2, len(good)) if good[i : i + 2] in markers):
        data = good[:at] + OUTSIDE[what] + good[at:size]
        if what.startswith(("junk", "all")) and _is_after_a_scan(good, at):
            continue  # there it could be what is left of damaged pixels
        notes: list[Finding] = []
        assert np.array_equal(decode_image(data, "x.jpg", notes), pixels)
        codes = [n.code for n in notes]
        assert codes == ["bad-metadata"] * ("bad-metadata" in codes) + ["missing-eoi"] * (not end)
        assert np.array_equal(decode_image(data, "x.jpg"), pixels)
        assert parse_header(data, "x.jpg") == parse_header(good, "x.jpg")
        with Image.open(io.BytesIO(data)) as opened:
            if what != "a later JFIF" and end:
                assert np.abs(pixels.astype(int) - np.array(opened.convert("RGB")).astype(int)).max() <= 2


def _is_after_a_scan(data: bytes, at: int) -> bool:
    """Whether coefficients come right before byte `at`."""
    scan = data.rfind(b"\xff\xda", 0, at)
    return scan >= 0 and not any(scan < data.rfind(bytes([0xFF, m]), 0, at) for m in (0xC4, 0xDB, 0xFE, 0xE2))


def test_the_notes_say_what_is_wrong() -> None:
    good = saved(photo())
    at = good.index(b"\xff\xdb")
    for between, said in ((b"junk", "4 extraneous bytes"), (OUTSIDE["a part of a color profile"], "bad ICC marker")):
        notes: list[Finding] = []
        decode_image(good[:at] + between + good[at:], "x.jpg", notes)
        assert [n.code for n in notes] == ["bad-metadata"]
        assert said in notes[0].what


def test_damage_to_the_pixels_is_still_refused_beside_damaged_metadata() -> None:
    """Leaving metadata out never makes a damaged scan, or a table that is cut short, into pixels."""
    good = saved(photo(), quality=90)
    at = good.index(b"\xff\xdb")
    noisy = good[:at] + OUTSIDE["a part of a color profile"] + good[at:]
    scan = noisy.index(b"\xff\xda") + 14
    refused = 0
    for k in range(40):
        flipped = bytearray(noisy)
        flipped[scan + (len(noisy) - scan - 2) * k // 40] ^= 0x55
        alone = bytearray(good)
        alone[scan - (len(noisy) - len(good)) + (len(noisy) - scan - 2) * k // 40] ^= 0x55
        outcomes = []
        for data in (bytes(flipped), bytes(alone)):
            try:
                outcomes.append(decode_image(data, "x.jpg").tobytes())
            except FileError as error:
                outcomes.append(error.code)
        assert outcomes[0] == outcomes[1]
        refused += isinstance(outcomes[0], str)
    assert refused > 5
    table = good.index(b"\xff\xc4") + 2
    short = good[:table] + bytes([good[table], good[table + 1] - 3]) + good[table + 2 :]
    with pytest.raises(FileError):
        decode_image(short, "x.jpg")
    for length in range(at, len(noisy) - 2, 17):
        with pytest.raises(FileError):
            decode_image(noisy[:length], "x.jpg")


# -- previews -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(61, 83), (480, 640), (700, 90), (8, 8)])
def test_a_preview_covers_the_square_it_is_fitted_into(size: tuple[int, int]) -> None:
    image = np.repeat(np.repeat(photo(*(max(1, n // 8) for n in size)), 8, axis=0), 8, axis=1)[: size[0], : size[1]]
    data = saved(image, quality=95, subsampling=0)
    whole = decode_image(data, "x.jpg")
    for side in (16, 100, 10_000):
        small = decode_preview(data, "x.jpg", side)
        factor = min(1.0, side / max(whole.shape[:2]))
        assert all(have >= round(n * factor) for have, n in zip(small.shape[:2], whole.shape[:2], strict=True))
        assert all(have <= n for have, n in zip(small.shape[:2], whole.shape[:2], strict=True))
        exact = cv2.resize(whole, small.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(small.astype(int) - exact).mean() < 6


@pytest.mark.parametrize("progressive", [False, True])
def test_a_preview_is_refused_where_the_image_is(progressive: bool) -> None:
    data = saved(photo(24, 40), quality=60, progressive=progressive)
    rng = np.random.default_rng(0)
    cuts = [data[:length] for length in range(1, len(data), 7)]
    flipped = []
    for _ in range(60):
        broken = bytearray(data)
        broken[int(rng.integers(2, len(data)))] ^= int(rng.integers(1, 256))
        flipped.append(bytes(broken))
    for broken in (*cuts, *flipped):
        outcomes = []
        for read in (decode_image, lambda data, where: decode_preview(data, where, 8)):
            try:
                read(broken, "x.jpg")
                outcomes.append("read")
            except FileError as error:
                outcomes.append(error.code)
        assert outcomes[0] == outcomes[1]


def test_a_preview_of_other_kinds_is_the_image() -> None:
    data = encode_png(photo())
    assert np.array_equal(decode_preview(data, "x.png", 8), decode_image(data, "x.png"))
