"""What decoding costs is bounded by the pixels that are asked for: never by what a file claims, or says many times.

Nothing here is a time. Memory is traced, and work is counted: lines, bytes inflated, calls of the system.
"""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fuzz.cost import MOST_BYTES, MOST_LINES, cost
from fuzz.seeds import tiff_file
from pixelwise.codecs import jpeg, png, tiff
from pixelwise.codecs.decoding import UNCOMMON_KINDS, decode_image, decode_stored, parse_header, read_header
from pixelwise.codecs.header import MAX_PIXELS, MAX_PIXELS_VARIABLE, pixel_limit
from pixelwise.codecs.png import encode_png
from pixelwise.codecs.tiff import TiffFile
from pixelwise.errors import FileError, UsageError
from pixelwise.types import Finding
from tests.support.png import header, join, write

Tags = dict[int, tuple[int, list[int]]]


def saved(kind: str, size: tuple[int, int] = (48, 64), mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size[::-1]).save(out, kind, **options)
    return out.getvalue()


def refusal(data: bytes, decode: Callable[..., Any] = decode_image, **options: Any) -> FileError:
    with pytest.raises(FileError) as caught:
        decode(data, "x", **options)
    return caught.value


# -- the limit of pixels ----------------------------------------------------------------------------------------


def test_the_limit_is_raised_by_the_environment_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode_png(np.zeros((30, 40), np.uint8))
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, "1000")
    error = refusal(data)
    assert error.code == "too-large"
    assert f"set the environment variable {MAX_PIXELS_VARIABLE}=1200" in str(error)
    assert decode_image(data, "x", max_pixels=1200).shape == (30, 40, 3)
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, str(error.fix).rpartition("=")[2])
    assert decode_image(data, "x").shape == (30, 40, 3)
    monkeypatch.delenv(MAX_PIXELS_VARIABLE)
    assert pixel_limit() == MAX_PIXELS == 50_000_000 > 6000 * 6000  # Potsdam's tiles
    assert pixel_limit(7) == 7


@pytest.mark.parametrize("text", ["0", "-5", "many", "1e9"])
def test_a_limit_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, text)
    with pytest.raises(UsageError, match=MAX_PIXELS_VARIABLE):
        decode_image(encode_png(np.zeros((3, 4), np.uint8)), "x")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP"])
def test_what_the_message_names_is_enough(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(kind)
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, "500")
    monkeypatch.setenv(MAX_PIXELS_VARIABLE, str(refusal(data).fix).rpartition("=")[2])
    assert decode_image(data, "x").shape == (48, 64, 3)


def test_deep_samples_count_by_their_bytes() -> None:
    deep = write(np.zeros((30, 40, 4), int), 6, 16, [0], False)
    assert refusal(deep, max_pixels=1200).code == "too-large"
    assert decode_image(deep, "x", max_pixels=2400).shape == (30, 40, 3)


# -- JPEG -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"mode": "L"}, {"mode": "CMYK"}])
def test_a_jpeg_needs_a_bit_for_each_block(options: dict[str, Any]) -> None:
    """The emptiest files that libjpeg-turbo writes pass; the same bytes cannot be of a larger image."""
    data = saved("JPEG", (800, 1200), quality=1, optimize=True, **options)
    assert decode_image(data, "x").shape == (800, 1200, 3)
    claimed = data.replace(struct.pack(">HH", 800, 1200), struct.pack(">HH", 6000, 8000))
    tracemalloc.start()
    error = refusal(claimed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (error.code, "cannot hold 6000 x 8000" in str(error)) == ("truncated", True)
    assert peak < 1_000_000


def test_scans_count_by_the_blocks_that_they_visit() -> None:
    data = saved("JPEG", (1600, 2000), "L", quality=30, progressive=True)
    scan = data.rindex(b"\xff\xda")
    blocks = 200 * 250
    allowed = (jpeg._FREE_VISITS + jpeg._MOST_VISITS * blocks) // blocks
    many = data[:scan] + data[scan:-2] * allowed + data[-2:]
    error = refusal(many)
    assert (error.code, "decompression bomb" in str(error)) == ("too-large", True)
    assert decode_image(data, "x").shape == (1600, 2000, 3)


@pytest.mark.parametrize(
    "between", [b"\xff" * 500_000, b"\xff\xd3" * 250_000, b"\xff\xe5\0\2" * 125_000, b"junk" * 125_000]
)
def test_half_a_megabyte_before_the_frame_is_passed_over(between: bytes, tmp_path: Path) -> None:
    whole = saved("JPEG")
    at = whole.index(b"\xff\xdb")
    data = whole[:at] + between + whole[at:]
    (tmp_path / "x.jpg").write_bytes(data)
    took = cost(lambda: decode_image(data, "x"))
    assert took.lines < MOST_LINES
    assert took.peak < 4_000_000
    read, calls = os.read, []
    os.read = lambda *args: calls.append(args) or read(*args)  # type: ignore[func-returns-value]
    try:
        assert read_header(tmp_path / "x.jpg") == parse_header(data, "x") == parse_header(whole, "x")
    finally:
        os.read = read
    assert len(calls) < 300  # some kB each time, not a segment


# -- TIFF -------------------------------------------------------------------------------------------------------


def tags(height: int, width: int, bands: int = 1, bits: int = 8, compression: int = 8, **more: list[int]) -> Tags:
    values = {
        256: [width],
        257: [height],
        258: [bits] * bands,
        259: [compression],
        262: [2 if bands > 2 else 1],
        277: [bands],
    }
    return {tag: (4, v) for tag, v in (values | {int(k[1:]): v for k, v in more.items()}).items()}


@pytest.fixture
def inflated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each call of the inflater gave."""
    given: list[int] = []
    real = tiff.zlib_ng.decompressobj

    class Counting:
        def __init__(self) -> None:
            self.inner = real()

        def decompress(self, *args: Any) -> bytes:
            out = self.inner.decompress(*args)
            given.append(len(out))
            return out

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    monkeypatch.setattr(tiff.zlib_ng, "decompressobj", Counting)
    return given


def test_tiles_that_share_a_stream_cost_what_the_image_does(inflated: list[int]) -> None:
    """Twenty tiles of 16,384 x 16,384, of which the image has one row."""
    side, count = 16_384, 20
    stream = zlib.compress(bytes(1 << 24), 9)
    data = tiff_file(
        tags(1, side * count, t322=[side], t323=[side], t324=[16] * count, t325=[len(stream)] * count), stream
    )
    took = cost(lambda: decode_image(data, "x"))
    assert sum(inflated) <= count * (side + 1)
    assert took.peak < MOST_BYTES


@pytest.mark.parametrize("bits", [8, 64])
def test_a_tile_of_a_one_pixel_image(bits: int, inflated: list[int]) -> None:
    stream = zlib.compress(bytes(1 << 22), 9)
    data = tiff_file(tags(1, 1, bits=bits, t322=[1 << 14], t323=[1 << 14], t324=[16], t325=[len(stream)]), stream)
    took = cost(lambda: decode_image(data, "x", value_range=(0, 1)))
    assert sum(inflated) <= (1 << 14) * 8 + 1
    assert took.peak < 1_000_000
    wider = tiff_file(tags(1, 1, bits=bits, t322=[1 << 28], t323=[16], t324=[16], t325=[len(stream)]), stream)
    assert refusal(wider, value_range=(0, 1)).code == "corrupt"


def test_a_stream_of_nothing_is_cut_to_what_a_tile_may_take(
    inflated: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty blocks of Deflate take time and give nothing; tiles that share a megabyte of them would take it each."""
    stream = b"\0\0\0\xff\xff" * 100_000 + zlib.compress(bytes(256))[2:]
    data = tiff_file(tags(16, 160, t322=[16], t323=[16], t324=[16] * 10, t325=[len(stream)] * 10), b"\x78\x9c" + stream)
    places = TiffFile(data, "x")
    assert places.header
    assert max(len(p) for p in places._places(places._grid(1), 8)) < 1000
    assert refusal(data).code == "truncated"


def test_usual_tiles_are_read_whole_and_their_checksums_looked_at() -> None:
    stream = bytearray(zlib.compress(bytes(range(256))))
    four = {"t322": [16], "t323": [16], "t324": [16] * 4, "t325": [len(stream)] * 4}
    assert decode_image(tiff_file(tags(20, 20, **four), bytes(stream)), "x").shape == (20, 20, 3)
    stream[-1] ^= 1
    assert refusal(tiff_file(tags(20, 20, **four), bytes(stream))).code == "corrupt"


def test_tags_are_read_as_far_as_they_are_needed(tmp_path: Path) -> None:
    body = bytes(range(48))
    whole = tags(6, 8, compression=1, t278=[6], t273=[16] * 200_000, t279=[48] * 200_000)
    data = tiff_file(whole, body)
    path = tmp_path / "x.tif"
    path.write_bytes(data)
    notes: list[Finding] = []
    took = cost(lambda: decode_image(data, path, notes))
    assert took.peak < 500_000
    assert [n.code for n in notes] == ["extra-data"]
    assert np.array_equal(decode_image(data, path)[..., 0], np.arange(48).reshape(6, 8))
    assert cost(lambda: read_header(path)).peak < 100_000
    many = tiff_file(
        {**{t: (4, [0] * 1000) for t in range(700, 1300)}, **tags(6, 8, compression=1, t273=[16], t279=[48])}, body
    )
    assert cost(lambda: decode_image(many, path)).peak < 500_000


def test_strips_and_tiles_are_counted_before_they_are_read() -> None:
    count = MAX_PIXELS // tiff._PIECE + 1
    data = tiff_file(tags(count, 1, compression=1, t278=[1], t273=[16] * count, t279=[1] * count), bytes(8))
    error = refusal(data)
    assert (error.code, "strips or tiles" in str(error)) == ("too-large", True)
    assert int(str(error.fix).rpartition("=")[2]) >= count * tiff._PIECE


@pytest.mark.parametrize("compression", [1, 5, 8, 32_773])
def test_bytes_that_cannot_hold_a_strip_take_no_memory(compression: int) -> None:
    data = tiff_file(tags(7000, 7000, compression=compression, t278=[7000], t273=[16], t279=[40]), bytes(40))
    tracemalloc.start()
    error = refusal(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.code == "truncated"
    assert peak < 1_000_000


def test_pillow_is_not_given_what_costs_too_much() -> None:
    """Compressions that Pillow unpacks: the same bounds of tiles and tags hold before it is asked."""
    huge = tiff_file(tags(1, 1, compression=7, t322=[1 << 14], t323=[1 << 14], t324=[16], t325=[64]), bytes(64))
    assert "far more than the image" in str(refusal(huge))
    claims = {**tags(6, 8, compression=7, t273=[16], t279=[64]), **{t: (4, [0] * 40) for t in range(700, 730)}}
    data = tiff_file(claims, bytes(64)).replace(struct.pack("<HHI", 700, 4, 40), struct.pack("<HHI", 700, 4, 1 << 26))
    assert "far more than the image" in str(refusal(data))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 30), st.sampled_from([1, 3]), st.sampled_from([8, 16]), st.integers(0, 2**32),
       st.integers(1, 400), st.booleans())  # fmt: skip
def test_blocks_of_a_strip_are_the_strip(
    height: int, width: int, bands: int, bits: int, seed: int, block: int, lzw: bool
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 1 << bits, (height, width, bands)).astype(f"<u{bits // 8}")
    stream = zlib.compress(pixels.tobytes())
    data = tiff_file(tags(height, width, bands, bits, 8, t278=[height], t273=[16], t279=[len(stream)]), stream)
    old, tiff._BLOCK = tiff._BLOCK, block
    try:
        assert np.array_equal(TiffFile(data, "x").samples(), pixels)
    finally:
        tiff._BLOCK = old


# -- PNG --------------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([(0, 1), (0, 16), (2, 8), (3, 4), (6, 16), (4, 8)]),
       st.booleans(), st.integers(0, 2**32), st.integers(1, 300))  # fmt: skip
def test_blocks_of_rows_are_the_rows(height: int, width: int, kind: tuple[int, int], interlaced: bool, seed: int,
                                     block: int) -> None:  # fmt: skip
    color, bits = kind
    rng = np.random.default_rng(seed)
    samples = rng.integers(0, 1 << bits, (height, width, {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[color]))
    palette = rng.integers(0, 256, (1 << bits, 3), np.uint8) if color == 3 else None
    data = write(samples, color, bits, [4, 3, 2, 1, 0], interlaced, palette, 2)
    old, png._BLOCK = png._BLOCK, block
    try:
        pixels = decode_stored(data, "x").pixels
    finally:
        png._BLOCK = old
    assert np.array_equal(pixels, samples[..., 0] if samples.shape[2] == 1 else samples)
    assert np.array_equal(pixels, decode_stored(data, "x").pixels)


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_large_png_takes_little_beyond_its_pixels(interlaced: bool) -> None:
    side = 5600  # 94 MB of pixels
    stream = zlib.compressobj(1)
    rows = [(side, side)] if not interlaced else [
        (len(range(y, side, dy)), len(range(x, side, dx))) for y, x, dy, dx in png._ADAM7
    ]  # fmt: skip
    body = b"".join(stream.compress(bytes(1 + 3 * width) * height) for height, width in rows) + stream.flush()
    data = join([(b"IHDR", header(side, side, 8, 2, interlaced)), (b"IDAT", body), (b"IEND", b"")])
    decode_image(encode_png(np.zeros((2, 2, 3), np.uint8)), "warm.png")
    tracemalloc.start()
    decode_image(data, "x.png", [])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * side * side + MOST_BYTES


def test_a_chunk_takes_no_more_memory_than_is_there(tmp_path: Path) -> None:
    parts = [
        (b"IHDR", header(2, 4)),
        (b"eXIf", b"II*\0" + bytes(40)),
        (b"IDAT", zlib.compress(bytes(12))),
        (b"IEND", b""),
    ]
    data = join(parts).replace(struct.pack(">I", 44) + b"eXIf", b"\xff\xff\xff\xf0eXIf")
    path = tmp_path / "x.png"
    path.write_bytes(data + bytes(3000))
    assert cost(lambda: read_header(path)).peak < 100_000


# -- the others -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["GIF", "BMP", "WEBP"])
def test_pillows_pixels_are_handed_over_in_parts(kind: str) -> None:
    """Pillow's own memory is not traced; the copies that it makes on the way to NumPy are."""
    data = saved(kind, (3000, 3000), **({"lossless": True} if kind == "WEBP" else {}))
    decode_image(data, "x", [])
    tracemalloc.start()
    decode_image(data, "x", [])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 27_000_000 + (len(data) + 36_000_000 if kind == "WEBP" else 0) + 16_000_000


def test_frames_are_not_counted() -> None:
    """A megabyte of frames: the second says that there are several."""
    frames = [Image.fromarray(np.full((2, 2), k % 256, np.uint8)) for k in range(2000)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=50)
    notes: list[Finding] = []
    decode_image(saved("GIF", mode="P"), "warm", [])
    few, many = (cost(lambda d=d: decode_image(d, "x", notes)) for d in (saved("GIF", mode="P"), out.getvalue()))
    assert many.lines < few.lines + 1000
    assert [n.code for n in notes] == ["animated"]


def test_a_damaged_second_frame_is_noted_and_the_first_read() -> None:
    frames = [Image.fromarray(np.full((9, 11), k, np.uint8)) for k in (1, 200)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=50)
    data = out.getvalue()
    second = data.index(b"\x21\xf9", data.index(b"\x21\xf9") + 1)
    for cut in range(second + 1, len(data)):
        notes: list[Finding] = []
        stored = decode_stored(data[:cut], "x", notes, UNCOMMON_KINDS)
        assert np.array_equal(stored.pixels, decode_stored(data, "x", None, UNCOMMON_KINDS).pixels)
        assert {n.code for n in notes} <= {"animated", "trailing-data"}


def test_npy_claims_take_no_memory() -> None:
    text = "{'descr': '|u1', 'fortran_order': False, 'shape': (7000, 7000), }"
    data = b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode()
    tracemalloc.start()
    assert refusal(data, decode_stored, allow=UNCOMMON_KINDS).code == "truncated"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
