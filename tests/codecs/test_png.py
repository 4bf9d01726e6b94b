"""The strict PNG reader against Pillow, a plain unfilter, and random damage."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixelwise.codecs.decoding import decode_image, decode_stored
from pixelwise.codecs.png import encode_png
from pixelwise.errors import FileError, UsageError
from pixelwise.kernels.png import unfilter, unpack
from pixelwise.types import Finding
from tests.support.png import predicted, to_rows, write

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
KINDS = [(0, b) for b in (1, 2, 4, 8, 16)] + [(2, 8), (2, 16)] + [(3, b) for b in (1, 2, 4, 8)] + [
    (4, 8), (4, 16), (6, 8), (6, 16)]  # fmt: skip


def plain_unfilter(raw: bytes, height: int, n: int, bpp: int) -> np.ndarray:
    """Plain Python: filtered rows to (h, n) bytes; the reference of the kernel."""
    out = np.zeros((height + 1, n + bpp), np.int64)  # a row above and a pixel to the left, all zero
    for y in range(height):
        kind = raw[y * (n + 1)]
        for i in range(n):
            guess = predicted(kind, *(int(v) for v in (out[y + 1, i], out[y, i + bpp], out[y, i])))
            out[y + 1, i + bpp] = (raw[y * (n + 1) + 1 + i] + guess) & 255
    return out[1:, bpp:].astype(np.uint8)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[bytes, np.ndarray, int, int, np.ndarray | None]:
    color, bits = draw(st.sampled_from(KINDS))
    height, width = draw(st.integers(1, 19)), draw(st.integers(1, 19))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    samples = rng.integers(0, 1 << bits, (height, width, CHANNELS[color]))
    if draw(st.booleans()):  # smooth, so that predictions do not wrap all the time
        samples = np.sort(samples, axis=1)
    palette = rng.integers(0, 256, (1 << bits, 3), np.uint8) if color == 3 else None
    kinds = draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))
    data = write(samples, color, bits, kinds, draw(st.booleans()), palette, draw(st.integers(1, 3)))
    return data, samples, color, bits, palette


@settings(max_examples=150, deadline=None)
@given(pictures())
def test_every_kind_reads_exactly(case: tuple[bytes, np.ndarray, int, int, np.ndarray | None]) -> None:
    data, samples, _, bits, palette = case
    notes: list[Finding] = []
    stored = decode_stored(data, "x.png", notes)
    assert stored.bits == bits
    assert stored.pixels.dtype == (np.uint16 if bits == 16 else np.uint8)
    assert np.array_equal(stored.pixels, samples[..., 0] if samples.shape[2] == 1 else samples)
    assert (stored.palette is None) == (palette is None)
    assert not notes
    image = decode_image(data, "x.png")
    assert image.shape == (*samples.shape[:2], 3)
    if palette is not None:
        assert np.array_equal(image, palette[samples[..., 0]])
    elif bits <= 8:
        colors = samples[..., :1] if samples.shape[2] < 3 else samples[..., :3]
        assert np.array_equal(image, np.broadcast_to(colors * 255 // ((1 << bits) - 1), image.shape))
    with Image.open(io.BytesIO(data)) as opened:
        if bits == 8:
            assert np.array_equal(stored.pixels, np.array(opened))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(1, 24), st.sampled_from([1, 2, 3, 4, 6, 8]), st.integers(0, 2**32), st.data())
def test_unfilter_kernel_equals_plain(height: int, pixels: int, bpp: int, seed: int, data: st.DataObject) -> None:
    rng = np.random.default_rng(seed)
    raw = rng.integers(0, 256, (height, 1 + pixels * bpp), np.uint8)
    raw[:, 0] = data.draw(st.lists(st.integers(0, 4), min_size=height, max_size=height))
    out = np.empty((height, pixels * bpp), np.uint8)
    frozen = np.frombuffer(raw.tobytes(), np.uint8)
    assert unfilter(frozen, bpp, np.zeros(pixels * bpp, np.uint8), out) == -1
    assert np.array_equal(out, plain_unfilter(raw.tobytes(), height, pixels * bpp, bpp))


def test_unfilter_names_the_row_of_an_unknown_filter() -> None:
    raw = np.zeros((5, 4), np.uint8)
    raw[3, 0] = 5
    out = np.empty((5, 3), np.uint8)
    assert unfilter(np.frombuffer(raw.tobytes(), np.uint8), 1, np.zeros(3, np.uint8), out) == 3


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("width", [1, 2, 3, 7, 8, 9, 31])
def test_unpack_kernel_equals_plain(bits: int, width: int) -> None:
    samples = np.random.default_rng(width).integers(0, 1 << bits, (3, width, 1))
    out = np.empty((3, width), np.uint8)
    unpack(to_rows(samples, bits), bits, out)
    assert np.array_equal(out, samples[..., 0])


@settings(max_examples=300, deadline=None)
@given(pictures(), st.data())
def test_damage_is_never_silent(case: tuple[bytes, np.ndarray, int, int, Any], data: st.DataObject) -> None:
    """A changed, missing or added byte: the same pixels, or an error; never other pixels."""
    original, *_ = case
    at = data.draw(st.integers(0, len(original) - 1))
    how = data.draw(st.sampled_from(["flip", "cut", "drop", "double"]))
    if how == "flip":
        damaged = bytearray(original)
        damaged[at] ^= 1 << data.draw(st.integers(0, 7))
        damaged = bytes(damaged)
    elif how == "cut":
        damaged = original[:at]
    elif how == "drop":
        damaged = original[:at] + original[at + 1 :]
    else:
        damaged = original[:at] + original[at : at + 1] + original[at:]
    try:
        stored = decode_stored(damaged, "x.png")
    except FileError:
        return
    truth = decode_stored(original, "x.png")
    assert np.array_equal(stored.pixels, truth.pixels)
    assert (stored.palette is None) == (truth.palette is None)
    if stored.palette is not None:
        assert np.array_equal(stored.palette, truth.palette)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 33), st.integers(1, 33), st.sampled_from(["palette", "gray", "gray16", "rgb"]),
       st.integers(0, 9), st.integers(0, 2**32))  # fmt: skip
def test_what_is_written_reads_back(height: int, width: int, kind: str, level: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    palette = rng.integers(0, 256, (256, 3), np.uint8) if kind == "palette" else None
    shape = (height, width, 3) if kind == "rgb" else (height, width)
    pixels = rng.integers(0, 65_536 if kind == "gray16" else 256, shape).astype(
        np.uint16 if kind == "gray16" else np.uint8)  # fmt: skip
    data = encode_png(pixels, palette, level)
    notes: list[Finding] = []
    stored = decode_stored(data, "x.png", notes)
    assert np.array_equal(stored.pixels, pixels)
    assert stored.pixels.dtype == pixels.dtype
    assert not notes
    with Image.open(io.BytesIO(data)) as opened:
        assert np.array_equal(np.array(opened), pixels)
        if palette is not None:
            assert np.array_equal(stored.palette, palette)
            assert opened.getpalette() == palette.reshape(-1).tolist()


def test_writing_from_views_and_wrong_arrays() -> None:
    base = np.arange(48, dtype=np.uint8).reshape(6, 8)
    assert np.array_equal(decode_stored(encode_png(base[::2, ::-1]), "x").pixels, base[::2, ::-1])
    assert np.array_equal(decode_stored(encode_png(base.T), "x").pixels, base.T)
    for wrong in (base.astype(np.int32), base.reshape(2, 3, 8), base[:0], base.astype(np.float32)):
        with pytest.raises(UsageError):
            encode_png(wrong)
    with pytest.raises(UsageError, match="beyond the palette"):
        encode_png(base, np.zeros((4, 3), np.uint8))
    with pytest.raises(UsageError):
        encode_png(base, np.zeros((4, 4), np.uint8))


def test_labels_are_written_small(voc_root: Path) -> None:
    """Not larger than the files of VOC themselves, which were optimized, by more than a few per cent."""
    ours = theirs = 0
    for path in sorted((voc_root / "SegmentationClass").glob("*.png"))[:20]:
        data = path.read_bytes()
        stored = decode_stored(data, path)
        ours, theirs = ours + len(encode_png(stored.pixels, stored.palette)), theirs + len(data)
    assert ours < 1.15 * theirs


def test_labels_equal_pillow(voc_root: Path) -> None:
    paths = sorted((voc_root / "SegmentationClass").glob("*.png"))
    assert len(paths) >= 48
    for path in paths:
        notes: list[Finding] = []
        stored = decode_stored(path.read_bytes(), path, notes)
        with Image.open(path) as opened:
            assert np.array_equal(stored.pixels, np.array(opened)), path
            assert stored.palette is not None
            assert np.array_equal(stored.palette.reshape(-1), opened.getpalette()), path
        assert not notes


def test_the_pngs_of_every_format_equal_pillow(trees: Path) -> None:
    paths = sorted(trees.rglob("*.png"))
    seen = 0
    for path in paths:
        data = path.read_bytes()
        if not data:
            continue
        stored, image = decode_stored(data, path), decode_image(data, path, value_range=(0, 65_535))
        with Image.open(path) as opened:
            if opened.mode in ("L", "P", "RGB", "RGBA", "LA"):
                seen += 1
                if stored.bits == 8:
                    assert np.array_equal(stored.pixels, np.array(opened)), path
                assert np.array_equal(image, np.array(opened.convert("RGBA").convert("RGB"))), path
    assert seen > 50


@pytest.mark.parametrize("most", [1, 255, 1023, 4095])
def test_twelve_bits_in_sixteen_ask_for_their_range(most: int) -> None:
    data = encode_png(np.linspace(0, most, 90).astype(np.uint16).reshape(9, 10))
    said = f"no value above {most}.*nearly black; say what is white: value_range"
    with pytest.raises(FileError, match=said) as caught:
        decode_image(data, "x.png")
    assert caught.value.code == "value-range-needed"
    assert decode_image(data, "x.png", value_range=(0, most)).max() == 255
    assert decode_image(data, "x.png", value_range=(0, 65_535)).max() == round(most * 255 / 65_535)
    assert not decode_image(encode_png(np.zeros((2, 3), np.uint16)), "x.png").any()
    assert decode_image(encode_png(np.full((2, 3), 4096, np.uint16)), "x.png").max() == 16


def test_sixteen_bits_are_scaled_by_their_full_range() -> None:
    ramp = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    image = decode_image(encode_png(ramp), "x.png")
    exact = np.rint(ramp.astype(np.float64) * 255 / 65_535)
    assert np.array_equal(image, np.repeat(exact[..., None], 3, axis=2).astype(np.uint8))
    narrow = decode_image(encode_png(ramp), "x.png", value_range=(100, 355))
    assert np.array_equal(narrow[..., 0], np.clip(ramp.astype(int) - 100, 0, 255))
    with pytest.raises(UsageError, match="must rise"):
        decode_image(encode_png(ramp), "x.png", value_range=(5, 5))


def test_an_index_beyond_the_palette_is_no_color() -> None:
    data = write(np.array([[[0], [1], [2]]]), 3, 8, [0], False, np.zeros((2, 3), np.uint8))
    assert decode_stored(data, "x.png").pixels.tolist() == [[0, 1, 2]]
    with pytest.raises(FileError, match="index 2 at x=2, y=0"):
        decode_image(data, "x.png")


def test_transparent_images_are_noted() -> None:
    pixels = np.full((2, 3, 4), 200)
    notes: list[Finding] = []
    decode_image(write(pixels, 6, 8, [0], False), "x.png", notes)
    assert [n.code for n in notes] == ["alpha-dropped"]
    notes.clear()
    pixels[..., 3] = 255
    assert np.all(decode_image(write(pixels, 6, 8, [0], False), "x.png", notes) == 200)
    assert not notes


def test_data_after_the_end_is_noted() -> None:
    data = encode_png(np.zeros((2, 2), np.uint8)) + b"more"
    notes: list[Finding] = []
    decode_stored(data, "x.png", notes)
    assert [n.code for n in notes] == ["trailing-data"]


def test_limits_can_be_moved() -> None:
    data = encode_png(np.zeros((20, 30), np.uint8))
    with pytest.raises(FileError) as caught:
        decode_stored(data, "x.png", max_pixels=599)
    assert caught.value.code == "too-large"
    assert decode_stored(data, "x.png", max_pixels=600).pixels.shape == (20, 30)


def test_arrays_belong_to_the_caller() -> None:
    for pixels in (np.zeros((4, 5), np.uint8), np.zeros((4, 5), np.uint16), np.zeros((4, 5, 3), np.uint8)):
        data = encode_png(pixels)
        for array in (decode_stored(data, "x").pixels, decode_image(data, "x")):
            assert array.flags.writeable
            assert array.flags.c_contiguous
            array[:] = 7
        assert not decode_stored(data, "x").pixels.any()
