"""Every bad and odd file has the outcome that its manifest names. Rows of lists/ are tested with the lists."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pixelwise.classes import VOC
from pixelwise.codecs.decoding import decode_image, decode_stored, parse_header, read_header
from pixelwise.codecs.png import encode_png
from pixelwise.dataset.sources import Decoding
from pixelwise.errors import DataError, FileError
from pixelwise.labels import check_pair
from pixelwise.types import Finding
from tests.support.hostile import rows
from tests.support.png import header, join

IMAGE_SIZE = (37, 50)  # the image that every label of the collection belongs to
OTHER_CONTENT = {  # labels whose values are, on purpose, not those of good_expected.npy
    "p1", "p2", "p4", "p1_interlaced", "p2_interlaced", "p4_interlaced", "p4_index_beyond", "L_0_255_binary",
    "mode1_binary", "all_ignore", "all_background", "all_class20",
}  # fmt: skip


def outcome(expected: str, code: str | None, notes: list[Finding]) -> str | None:
    """What is wrong with the outcome, or None."""
    got = f"error:{code}" if code else "ok" + (f"-warn:{','.join(n.code for n in notes)}" if notes else "")
    if expected == "any-no-crash" or got == expected:
        return None
    return f"expected {expected}, got {got}"


def test_images(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = rows(hostile, "images")
    wrong = []
    for row in cases:
        data, notes, code = (hostile / row["path"]).read_bytes(), [], None
        try:
            image = decode_image(data, hostile / row["path"], notes)
            header = parse_header(data, row["path"])
            assert image.shape == (header.height, header.width, 3)
            assert image.dtype == np.uint8
            assert image.flags.c_contiguous
            assert read_header(hostile / row["path"]) == header
        except DataError as error:
            code = error.code
            assert row["path"] in str(error)
            assert "\n" not in str(error)
        if problem := outcome(row["expect"], code, notes):
            wrong.append(f"{row['path']}: {problem}")
    with capsys.disabled():
        print(f"\nhostile images: {len(cases)} rows run")
    assert not wrong, "\n".join(wrong)
    assert len(cases) >= 90


def test_labels(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = [r for r in rows(hostile, "labels") if not r["path"].endswith(".npy")]
    truth = np.load(hostile / "labels" / "good_expected.npy")
    wrong, equal = [], 0
    for row in cases:
        path, notes, code = hostile / row["path"], [], None
        try:
            label = Decoding().label(path.read_bytes(), VOC, path, notes)
            check_pair(IMAGE_SIZE, label.shape, path)
            assert label.dtype == VOC.dtype
            if path.stem not in OTHER_CONTENT:
                equal += 1
                assert np.array_equal(label, truth), row["path"]
        except DataError as error:
            code = error.code
            assert row["path"] in str(error)
            assert error.fix or code in ("class-out-of-range",), str(error)
        if problem := outcome(row["expect"], code, notes):
            wrong.append(f"{row['path']}: {problem}")
    with capsys.disabled():
        print(f"\nhostile labels: {len(cases)} rows run, {equal} equal to the true indices")
    assert not wrong, "\n".join(wrong)
    assert len(cases) >= 70
    assert equal >= 20


def test_labels_without_notes_raise_the_same(hostile: Path) -> None:
    """The hot path asks for no notes: it must refuse exactly what the checking path refuses."""
    for row in rows(hostile, "labels"):
        if row["path"].endswith(".npy") or "size" in row["expect"]:
            continue
        path, code = hostile / row["path"], None
        try:
            Decoding().label(path.read_bytes(), VOC, path)
        except DataError as error:
            code = error.code
        expected = row["expect"].removeprefix("error:") if row["expect"].startswith("error:") else None
        assert code == expected, row["path"]


def test_odd_contents_of_labels(hostile: Path) -> None:
    """The rows whose pixels are not the usual label, against Pillow where it reads the stored values."""
    for name in ("p1", "p2", "p4", "p1_interlaced", "p2_interlaced", "p4_interlaced", "all_class20"):
        data = (hostile / "labels" / f"{name}.png").read_bytes()
        assert np.array_equal(Decoding().label(data, VOC, name), np.array(Image.open(io.BytesIO(data)))), name
    one = Decoding().label((hostile / "labels" / "mode1_binary.png").read_bytes(), VOC, "mode1_binary")
    assert np.unique(one).tolist() == [0, 1]


def test_pngsuite(shared_hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted((shared_hostile / "pngsuite").glob("*.png"))
    for path in files:
        data = path.read_bytes()
        if path.name.startswith("x"):
            with pytest.raises(FileError):
                decode_stored(data, path)
            continue
        notes: list[Finding] = []
        stored = decode_stored(data, path, notes)
        image = decode_image(data, path)
        assert {n.code for n in notes} <= {"exif-orientation"}, path
        if stored.bits == 16:  # Pillow cuts RGB to its high bytes; OpenCV keeps all 16 bits
            oracle = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            colors = oracle if oracle.ndim == 2 else oracle[..., 2::-1]
            ours = stored.pixels if stored.pixels.ndim == 3 else stored.pixels[..., None]
            wanted = colors if colors.ndim == 3 else colors[..., None]
            count = 1 if stored.mode.startswith("gray") else 3
            assert np.array_equal(ours[..., :count], wanted[..., :count]), path
            if stored.mode.endswith("a"):
                assert np.array_equal(ours[..., -1], oracle[..., 3]), path
            exact = wanted[..., :count].astype(np.float64) * 255 / 65535
            assert np.abs(image - exact).max() <= 0.5, path
            continue
        with Image.open(path) as opened:
            opened.load()
            if stored.mode == "palette" or stored.bits == 8:
                assert np.array_equal(stored.pixels, np.array(opened)), path
            assert np.array_equal(image, np.array(opened.convert("RGBA").convert("RGB"))), path
    bad = sum(p.name.startswith("x") for p in files)
    with capsys.disabled():
        print(f"\npngsuite: {len(files) - bad} valid files read, {bad} corrupt ones refused")
    assert (len(files) - bad, bad) == (161, 14)


@pytest.mark.parametrize("name", ["bomb_30000x30000_1bit.png", "bomb_60000x60000_hdr_only.png", "bomb_int32max.png",
                                  "bomb_65500x65500.jpg", "bomb_1x2000000.png", "bomb_ztxt_64MB.png",
                                  "bomb_iccp_64MB.png"])  # fmt: skip
def test_bombs_take_no_memory(hostile: Path, name: str) -> None:
    """Refused, or passed over, in a few times the file's own size. NumPy's and zlib-ng's buffers are traced."""
    path = hostile / "images" / name
    data = path.read_bytes()
    decode_image(encode_png(np.zeros((2, 2), np.uint8)), "warm.png")  # compiling a kernel takes memory too
    tracemalloc.start()
    try:
        decode_image(data, path)
    except FileError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1_000_000


def test_stream_that_inflates_beyond_its_image_is_cut() -> None:
    """A small header with a 256 MB pixel stream: only one byte too many is ever inflated."""
    stream = zlib.compressobj(9)
    body = b"".join(stream.compress(bytes(1 << 20)) for _ in range(256)) + stream.flush()
    data = join([(b"IHDR", header(10, 10)), (b"IDAT", body), (b"IEND", b"")])
    notes: list[Finding] = []
    decode_stored(data, "warm.png")
    tracemalloc.start()
    stored = decode_stored(data, "bomb.png", notes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert stored.pixels.shape == (10, 10)
    assert [n.code for n in notes] == ["extra-data"]
    assert peak < 1_000_000
