"""TIFF: any bands and bits exactly, by hand-built files and by Pillow's and OpenCV's writers (libtiff)."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixelwise.codecs.decoding import decode_image, decode_stored, decode_window, parse_header, stored_window
from pixelwise.codecs.header import Header
from pixelwise.codecs.tiff import TiffFile
from pixelwise.errors import DataError, FileError
from pixelwise.types import Finding, Window

ALLOW = frozenset({"tiff"})


def build(
    pixels: np.ndarray, order: str = "<", photometric: int = 1, planar: int = 1, rows: int | None = None,
    tile: tuple[int, int] | None = None, deflate: bool = False, extra: tuple[int, ...] = (), big: bool = False,
    predictor: int = 1,
) -> bytes:  # fmt: skip
    """A TIFF as the specification describes it."""
    height, width, bands = pixels.shape
    dtype = pixels.dtype.newbyteorder(order)
    planes = [pixels[..., k : k + 1] for k in range(bands)] if planar == 2 else [pixels]
    pieces = []
    for plane in planes:
        if tile:
            th, tw = tile
            padded = np.pad(plane, ((0, -height % th), (0, -width % tw), (0, 0)))
            pieces += [padded[y : y + th, x : x + tw] for y in range(0, height, th) for x in range(0, width, tw)]
        else:
            step = rows or height
            pieces += [plane[y : y + step] for y in range(0, height, step)]
    if predictor == 2:
        pieces = [np.diff(p, axis=1, prepend=np.zeros_like(p[:, :1])) for p in pieces]
    blobs = [p.astype(dtype).tobytes() for p in pieces]
    if deflate:
        blobs = [zlib.compress(b) for b in blobs]
    start = 16 if big else 8
    offsets = np.cumsum([start] + [len(b) for b in blobs]).tolist()
    form = {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]
    tags: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]), 257: ("I", [height]), 258: ("H", [pixels.dtype.itemsize * 8] * bands),
        259: ("H", [8 if deflate else 1]), 262: ("H", [photometric]), 277: ("H", [bands]), 284: ("H", [planar]),
        317: ("H", [predictor]), 339: ("H", [form] * bands),
    }  # fmt: skip
    if extra:
        tags[338] = ("H", list(extra))
    if tile:
        tags |= {322: ("I", [tile[1]]), 323: ("I", [tile[0]])}
        tags |= {324: ("I", offsets[:-1]), 325: ("I", [len(b) for b in blobs])}
    else:
        tags |= {278: ("I", [rows or height]), 273: ("I", offsets[:-1]), 279: ("I", [len(b) for b in blobs])}
    at = offsets[-1]
    word, counter, inline = ("Q", "Q", 8) if big else ("I", "H", 4)
    directory_size = struct.calcsize(order + counter) + len(tags) * (12 if not big else 20) + inline
    directory, far = struct.pack(order + counter, len(tags)), b""
    for tag in sorted(tags):
        code, values = tags[tag]
        body = struct.pack(f"{order}{len(values)}{code}", *values)
        directory += struct.pack(f"{order}HH{word}", tag, {"H": 3, "I": 4}[code], len(values))
        if len(body) > inline:
            directory += struct.pack(order + word, at + directory_size + len(far))
            far += body
        else:
            directory += body.ljust(inline, b"\0")
    directory += bytes(inline)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    head += struct.pack(order + "HHQ", 8, 0, at) if big else struct.pack(order + "I", at)
    return head + b"".join(blobs) + directory + far


def samples(data: bytes) -> np.ndarray:
    return TiffFile(data, "x.tif").samples()


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"]), st.integers(1, 9), st.integers(1, 40),
    st.integers(1, 40), st.sampled_from("<>"), st.sampled_from([1, 2]), st.booleans(), st.booleans(), st.booleans(),
    st.integers(1, 12), st.integers(0, 2**32), st.booleans(),
)  # fmt: skip
def test_every_layout_reads_exactly(
    kind: str, bands: int, height: int, width: int, order: str, planar: int, tiled: bool, deflate: bool, big: bool,
    rows: int, seed: int, predict: bool,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, bands, np.dtype(kind).itemsize), np.uint8).view(kind)[..., 0]
    if kind[0] == "f":
        pixels = rng.normal(0, 1e3, (height, width, bands)).astype(kind)
    predictor = 2 if predict and kind[0] != "f" else 1
    data = build(pixels, order, 1, planar, rows, (16, 32) if tiled else None, deflate, (), big, predictor)
    assert np.array_equal(samples(data), pixels)
    assert parse_header(data, "x") == Header("tiff", height, width, bands, 8 * pixels.dtype.itemsize)


def photo(height: int, width: int, dtype: Any) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    wave = np.stack([x * y, x * 7 + y, (x // 5) * 900], -1).astype(np.float64)
    scale = np.iinfo(dtype).max / wave.max()
    return (wave * scale).astype(dtype)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_pillows_files(compression: str | None, mode: str) -> None:
    colors = photo(211, 307, np.uint8)  # large enough that LZW fills its table and clears it
    image = Image.fromarray(colors[..., 0].astype(np.uint16) * 200) if mode == "I;16" else Image.fromarray(colors)
    image = image.quantize(50) if mode == "P" else image if mode == "I;16" else image.convert(mode)
    stream = io.BytesIO()
    image.save(stream, "TIFF", compression=compression)
    data = stream.getvalue()
    stored = decode_stored(data, "x.tif", allow=ALLOW)
    assert np.array_equal(stored.pixels, np.array(image).astype(stored.pixels.dtype))
    if mode == "P":
        assert stored.palette is not None
        assert np.array_equal(stored.palette[: stored.pixels.max() + 1].reshape(-1),
                              image.getpalette()[: 3 * (int(stored.pixels.max()) + 1)])  # fmt: skip
    if mode != "I;16":
        assert np.array_equal(decode_image(data, "x.tif"), np.array(image.convert("RGB")))


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_opencvs_files(compression: int, dtype: str) -> None:
    """OpenCV's writer goes through libtiff with a predictor."""
    pixels = photo(157, 203, np.uint16).astype(dtype)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression]
    if compression in (5, 8):
        options += [cv2.IMWRITE_TIFF_PREDICTOR, 3 if dtype == "f4" else 2]
    ok, coded = cv2.imencode(".tif", pixels[..., ::-1], options)
    assert ok
    assert np.array_equal(samples(coded.tobytes()), pixels)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_keep_their_values(bits: int) -> None:
    values = np.random.default_rng(bits).integers(0, 1 << bits, (5, 13)).astype(np.uint8)
    packed = np.packbits(((values[..., None] >> np.arange(bits - 1, -1, -1)) & 1).reshape(5, -1), axis=1)
    data = build(packed[..., None])
    data = data.replace(struct.pack("<HHII", 256, 4, 1, packed.shape[1]), struct.pack("<HHII", 256, 4, 1, 13))
    data = data.replace(struct.pack("<HHIHH", 258, 3, 1, 8, 0), struct.pack("<HHIHH", 258, 3, 1, bits, 0))
    assert np.array_equal(decode_stored(data, "x.tif", allow=ALLOW).pixels, values)


def test_ranges_and_bands_are_never_guessed() -> None:
    wide = photo(9, 11, np.uint16)
    with pytest.raises(FileError) as caught:
        decode_image(build(wide, photometric=2), "x.tif")
    assert caught.value.code == "value-range-needed"
    image = decode_image(build(wide, photometric=2), "x.tif", value_range=(1000, 50_000))
    exact = np.clip((wide.astype(float) - 1000) * 255 / 49_000, 0, 255)
    assert np.abs(image - exact).max() <= 0.5 + 1e-9

    bands = np.random.default_rng(0).integers(0, 256, (9, 11, 8)).astype(np.uint8)
    with pytest.raises(FileError) as caught:
        decode_image(build(bands), "x.tif")
    assert caught.value.code == "bands-needed"
    assert np.array_equal(decode_image(build(bands), "x.tif", bands=(6, 3, 0)), bands[..., [6, 3, 0]])
    with pytest.raises(FileError, match="the file has 8"):
        decode_image(build(bands), "x.tif", bands=(8, 0, 0))

    floats = np.random.default_rng(0).normal(0, 1, (9, 11, 1)).astype(np.float32)
    image = decode_image(build(floats), "x.tif", value_range=(-2, 2))
    assert np.abs(image[..., 0] - np.clip((floats[..., 0] + 2) * 63.75, 0, 255)).max() <= 0.5 + 1e-5
    floats[3, 4] = np.nan
    with pytest.raises(FileError) as caught:
        decode_image(build(floats), "x.tif", value_range=(-2, 2))
    assert caught.value.code == "not-finite"


def test_colors_of_plain_files() -> None:
    rgb = photo(9, 11, np.uint8)
    assert np.array_equal(decode_image(build(rgb, photometric=2), "x.tif"), rgb)
    four = np.dstack([rgb, np.full((9, 11), 9, np.uint8)])
    notes: list[Finding] = []
    assert np.array_equal(decode_image(build(four, photometric=2, extra=(2,)), "x.tif", notes), rgb)
    assert [n.code for n in notes] == ["alpha-dropped"]
    notes.clear()
    assert np.array_equal(decode_image(build(four, photometric=2, extra=(0,)), "x.tif", notes), rgb)  # infrared
    assert [(n.code, n.what) for n in notes] == [("bands-unread", "4 bands, 3 read (0..2)")]
    notes.clear()
    four = np.dstack([rgb, photo(9, 11, np.uint8)[..., 0]])  # near infrared that a writer calls alpha, of either kind
    for alpha in (1, 2):
        assert np.array_equal(decode_image(build(four, photometric=2, extra=(alpha,)), "x.tif", notes), rgb)
    assert [n.code for n in notes] == ["bands-unread"] * 2
    assert "declared as alpha, but holds a picture" in notes[0].what
    gray = rgb[..., :1]
    assert np.array_equal(decode_image(build(gray), "x.tif"), np.repeat(gray, 3, 2))
    assert np.array_equal(decode_image(build(gray, photometric=0), "x.tif"), 255 - np.repeat(gray, 3, 2))


def test_labels_in_tiff() -> None:
    wide = np.array([[[0], [7]], [[65_535], [3]]], np.uint32)
    assert np.array_equal(decode_stored(build(wide), "x.tif", allow=ALLOW).pixels, wide[..., 0])
    below, real = wide.astype(np.int32) - 1, wide.astype(np.float32)
    for bad, code in ((below, "class-out-of-range"), (real, "unsupported-format")):
        with pytest.raises(DataError) as caught:
            decode_stored(build(bad), "x.tif", allow=ALLOW)
        assert caught.value.code == code
    stream = io.BytesIO()
    Image.fromarray(photo(32, 32, np.uint8)).save(stream, "TIFF", compression="jpeg")
    with pytest.raises(DataError) as caught:
        decode_stored(stream.getvalue(), "x.tif", allow=ALLOW)
    assert caught.value.code == "lossy-label"
    assert decode_image(stream.getvalue(), "x.tif").shape == (32, 32, 3)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([None, "tiff_lzw", "packbits", "tiff_deflate"]))
def test_damage_raises_data_errors_only(seed: int, cut: bool, compression: str | None) -> None:
    """TIFF has no checksums, so a flipped bit may give other pixels; but never a crash or another error."""
    rng = np.random.default_rng(seed)
    stream = io.BytesIO()
    Image.fromarray(photo(23, 29, np.uint8)).save(stream, "TIFF", compression=compression)
    data = bytearray(stream.getvalue())
    if cut:
        data = data[: rng.integers(4, len(data))]
    else:
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(4, len(data))] = rng.integers(0, 256)
    try:
        decode_image(bytes(data), "x.tif", max_pixels=1_000_000)
    except DataError as error:
        assert "x.tif" in str(error)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits", "tiff_deflate"])
def test_every_cut_of_the_pixels_is_refused(compression: str | None) -> None:
    stream = io.BytesIO()
    Image.fromarray(photo(23, 29, np.uint8)).save(stream, "TIFF", compression=compression)
    data = stream.getvalue()
    for length in range(8, len(data), 7):
        with pytest.raises(FileError):
            decode_image(data[:length], "x.tif")


def test_tags_without_numbers_are_as_if_absent() -> None:
    pixels = photo(9, 11, np.uint8)[..., :1]
    for tag in (256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 339):
        for code in (3, 4):
            data = build(pixels).replace(struct.pack("<HHI", tag, code, 1), struct.pack("<HHI", tag, code, 0))
            try:
                decode_image(data, "x.tif")
            except FileError as error:
                assert error.code in ("corrupt", "unsupported-format")


def test_limits_hold_before_memory_is_taken() -> None:
    import tracemalloc

    data = build(np.zeros((4, 4, 8), np.float64))
    for tag in (256, 257):
        data = data.replace(struct.pack("<HHII", tag, 4, 1, 4), struct.pack("<HHII", tag, 4, 1, 22_000))
    tracemalloc.start()
    with pytest.raises(FileError) as caught:
        decode_image(data, "x.tif", value_range=(0, 1), bands=(0, 1, 2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.code == "too-large"  # 484 Mpx pass, 64 bytes a pixel do not
    assert peak < 1_000_000


# -- lenient, with a note ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("gray", [False, True])
def test_associated_alpha_is_divided(dtype: Any, gray: bool) -> None:
    rng, top = np.random.default_rng(3), np.iinfo(dtype).max
    alpha = rng.choice([0, 1, top // 3, top - 1, top], (9, 11, 1)).astype(dtype)
    colors = (rng.integers(0, top + 1, (9, 11, 1 if gray else 3)) * (alpha / top)).astype(dtype)
    pixels = np.dstack([colors, alpha])
    data = build(pixels, photometric=1 if gray else 2, extra=(1,))
    notes: list[Finding] = []
    image = decode_image(data, "x.tif", notes, (0, top))
    assert [n.code for n in notes] == ["alpha-divided"]
    wanted = np.where(alpha == 0, 0, np.minimum(colors.astype(np.int64) * top // np.maximum(alpha, 1), top))
    assert np.array_equal(image, np.broadcast_to((wanted * 255 / top + 0.5).astype(np.uint8), image.shape))
    if dtype == np.uint8 and not gray:
        with Image.open(io.BytesIO(data)) as opened:
            assert np.array_equal(image, np.array(opened.convert("RGBA"))[..., :3])
    opaque = build(np.dstack([colors, np.full_like(alpha, top)]), photometric=1 if gray else 2, extra=(1,))
    notes.clear()
    exact = np.broadcast_to((colors.astype(np.int64) * 255 / top + 0.5).astype(np.uint8), image.shape)
    assert np.array_equal(decode_image(opaque, "x.tif", notes, (0, top)), exact)
    assert not notes
    assert np.array_equal(decode_image(data, "x.tif", None, (0, top), (0, 0, 0))[..., 0], exact[..., 0])  # as asked for


def test_labels_where_zero_is_white_keep_their_values() -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    notes: list[Finding] = []
    stored = decode_stored(build(values, photometric=0), "x.tif", notes, ALLOW)
    assert np.array_equal(stored.pixels, values[..., 0])
    assert [n.code for n in notes] == ["white-is-zero"]
    notes.clear()
    decode_stored(build(values), "x.tif", notes, ALLOW)
    assert not notes


@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_more_offsets_than_tiles(tile: tuple[int, int] | None) -> None:
    pixels = photo(40, 20, np.uint8)
    good = build(pixels, photometric=2, rows=8, tile=tile)
    count = 3 * 2 if tile else 5
    # The image is cut to its first row of strips or tiles; the offsets stay as they are.
    height = 16 if tile else 8
    data = good.replace(struct.pack("<HHII", 257, 4, 1, 40), struct.pack("<HHII", 257, 4, 1, height))
    notes: list[Finding] = []
    assert np.array_equal(decode_image(data, "x.tif", notes), pixels[:height])
    assert [n.code for n in notes] == ["extra-data"]
    assert str(count) in notes[0].what
    fewer = good.replace(struct.pack("<HHII", 257, 4, 1, 40), struct.pack("<HHII", 257, 4, 1, 400))
    with pytest.raises(FileError):
        decode_image(fewer, "x.tif")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_window_is_that_part_of_the_whole(data: st.DataObject) -> None:
    height, width = data.draw(st.tuples(st.integers(1, 70), st.integers(1, 70)))
    bands = data.draw(st.sampled_from([1, 3]))
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16]))
    pixels = np.random.default_rng(0).integers(0, 250, (height, width, bands)).astype(dtype)
    tile = data.draw(st.sampled_from([None, (16, 16), (32, 16)]))
    options: Any = {"planar": data.draw(st.sampled_from([1, 2])), "deflate": data.draw(st.booleans())}
    rows = None if tile else data.draw(st.integers(1, height))
    file = build(pixels, photometric=2 if bands == 3 else 1, tile=tile, rows=rows, **options)
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    window = Window(y0, x0, data.draw(st.integers(y0 + 1, height)), data.draw(st.integers(x0 + 1, width)))
    limits = (0.0, 255.0) if dtype is np.uint16 else None
    seen = decode_window(memoryview(file), "window.tif", window, limits)
    assert np.array_equal(seen, window.cut(decode_image(file, "whole.tif", None, limits)))
    found = stored_window(file, "window.tif", window, ALLOW)
    assert found is not None
    assert np.array_equal(found.pixels, window.cut(decode_stored(file, "whole.tif", None, ALLOW).pixels))


def test_a_window_of_what_is_over_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    file = build(np.arange(6400, dtype=np.uint8).reshape(80, 80, 1), tile=(16, 16))
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "1000")
    with pytest.raises(FileError, match="the limit is 1,000"):
        decode_image(file, "large.tif")
    assert decode_window(file, "large.tif", Window(40, 40, 60, 60)) is not None
    with pytest.raises(FileError, match="the limit is 1,000"):
        decode_window(file, "large.tif", Window(0, 0, 80, 80))
    with pytest.raises(FileError, match="not within the file's 80 x 80 pixels"):
        decode_window(file, "large.tif", Window(70, 70, 90, 80))


def test_what_is_only_read_whole_has_no_windows() -> None:
    out = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(out, "TIFF", compression="jpeg")
    assert decode_window(out.getvalue(), "jpeg.tif", Window(0, 0, 4, 4)) is None
    rgba = build(np.zeros((8, 8, 4), np.uint8), photometric=2, extra=(2,))
    assert decode_window(rgba, "alpha.tif", Window(0, 0, 4, 4)) is None
    out = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(out, "GIF")
    assert decode_window(out.getvalue(), "a.gif", Window(0, 0, 4, 4)) is None
    assert stored_window(out.getvalue(), "a.gif", Window(0, 0, 4, 4), frozenset({"gif"})) is None
