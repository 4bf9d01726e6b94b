"""Windows of labels and of pairs: equal to cutting the whole, for every PNG. What has changed is not trusted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.codecs import pair_windows
from pixelwise.codecs.decoding import decode_stored, stored_window
from pixelwise.codecs.pair_windows import PairWindows
from pixelwise.codecs.png import PngFile
from pixelwise.errors import FileError, LabelError, PairError
from tests.codecs.test_png import pictures
from tests.support.png import chunks, join


@given(case=pictures(), data=st.data())
def test_a_window_is_cut_from_the_whole(case: tuple[Any, ...], data: st.DataObject) -> None:
    file = case[0]
    whole = decode_stored(file, "a.png")
    height, width = whole.pixels.shape[:2]
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    window = pw.Window(y0, x0, data.draw(st.integers(y0 + 1, height)), data.draw(st.integers(x0 + 1, width)))
    found = stored_window(file, "a.png", window, size=(height, width))
    if found is None:
        assert file[28] == 1  # interlaced
        return
    assert np.array_equal(found.pixels, window.cut(whole.pixels))
    assert found.pixels.dtype == whole.pixels.dtype
    assert (found.mode, found.bits, found.transparent) == (whole.mode, whole.bits, whole.transparent)
    assert stored_window(file, "a.png", window, size=(height + 1, width)) is None


@pytest.mark.parametrize("window", [(0, 0, 0, 5), (0, 0, 5, 9), (3, 3, 11, 5), (-1, 0, 4, 4), (5, 5, 4, 6)])
def test_a_window_that_is_not_within_the_image_is_refused(window: tuple[int, int, int, int]) -> None:
    from pixelwise.codecs.png import encode_png

    with pytest.raises(FileError):
        stored_window(encode_png(np.zeros((10, 8), np.uint8)), "a.png", pw.Window(*window))


def test_rows_below_the_window_are_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    from pixelwise.codecs import png

    seen: list[int] = []
    real = png._Stream.take

    def take(self: Any, size: int) -> Any:
        seen.append(size)
        return real(self, size)

    monkeypatch.setattr(png._Stream, "take", take)
    data = png.encode_png(np.random.default_rng(0).integers(0, 9, (400, 300), np.uint8))
    stored_window(data, "a.png", pw.Window(10, 5, 50, 40))
    assert sum(seen) == 50 * 301


def test_damage_is_found_in_whatever_is_read() -> None:
    from pixelwise.codecs.png import encode_png

    parts = chunks(encode_png(np.random.default_rng(0).integers(0, 9, (400, 300), np.uint8)))
    (k,) = [k for k, (kind, _) in enumerate(parts) if kind == b"IDAT"]
    half = parts[k][1][: len(parts[k][1]) // 2]
    cut = join([*parts[:k], (b"IDAT", half), *parts[k + 1 :]])
    assert stored_window(cut, "a.png", pw.Window(0, 0, 20, 20)) is not None  # which LabelWindows never asks for
    with pytest.raises(FileError, match="the stream holds"):
        stored_window(cut, "a.png", pw.Window(300, 0, 400, 20))
    whole = join(parts)
    with pytest.raises(FileError, match="checksum"):
        stored_window(whole[:-40] + b"?" + whole[-39:], "a.png", pw.Window(0, 0, 20, 20))


# -- in a split --------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return Path(pw.sample(tmp_path / "voc", count=10))


def whole_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    real = PngFile.stored

    def stored(self: PngFile) -> Any:
        seen.append(str(self.where))
        return real(self)

    monkeypatch.setattr(PngFile, "stored", stored)
    return seen


def test_each_label_is_read_whole_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RGB labels too, of which the sample has some."""
    split, window = pw.open(root)["train"], pw.Window(3, 7, 40, 61)
    plain = [window.cut(sample.label) for sample in split]  # type: ignore[arg-type]
    seen = whole_reads(monkeypatch)
    for _ in range(3):
        for k in range(len(split)):
            assert np.array_equal(split.read(k, window).label, plain[k])  # type: ignore[arg-type]
    assert len(seen) == len(split)


def known(split: pw.Split) -> dict[int, Any]:
    return split.source._windows._known  # type: ignore[attr-defined, no-any-return]


@pytest.mark.skipif(not pair_windows._POSSIBLE, reason="one step is for Linux")
def test_pairs_are_read_in_one_step_from_their_second_sight(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = pw.open(root)["train"]
    window = pw.Window(3, 7, 40, 61)
    plain = [split[k] for k in range(len(split))]
    for k in range(len(split)):
        split.read(k, window)
    files = [(root / f"SegmentationClass/{name}.png").read_bytes() for name in split.names]
    one_step = [decode_stored(data, "a.png").pixels.ndim == 2 for data in files]
    assert sum(one_step) > len(split) / 2
    assert sorted(known(split)) == [k for k, yes in enumerate(one_step) if yes]
    monkeypatch.setattr("pixelwise.dataset.sources.read_bytes", None)
    for k in known(split):
        for window in (pw.Window(3, 7, 40, 61), pw.Window(0, 0, *plain[k].size), pw.Window(9, 9, 10, 10)):
            found = split.read(k, window)
            assert np.array_equal(found.image, window.cut(plain[k].image))
            assert np.array_equal(found.label, window.cut(plain[k].label))  # type: ignore[arg-type]
            assert found.label.dtype == plain[k].label.dtype  # type: ignore[union-attr]


def pngs(rng: np.random.Generator, size: tuple[int, int]) -> list[bytes]:
    """Labels of 8 bits as PNGs of every filter, level and strategy, in one chunk and in many, flat and noisy."""
    import zlib

    from tests.support.png import chunk, filter_rows, header

    out = []
    for kinds in ([0], [1], [2], [3], [4], [0, 1, 2, 3, 4]):
        for k, strategy in enumerate((0, 1, 2, 3, 4)):
            values = rng.integers(0, 21, size, np.uint8)
            if k % 2:
                values = np.sort(values, axis=1)
            packer = zlib.compressobj([0, 1, 6, 9, 4][k], zlib.DEFLATED, 15, 9, strategy)
            raw = filter_rows(values, 1, kinds)
            stream = packer.compress(raw) + packer.flush()
            step = len(stream) if k < 3 else 11
            parts = [stream[i : i + step] for i in range(0, len(stream), step)]
            color = 3 if k == 1 else 0
            palette = chunk(b"PLTE", pw.VOC.palette.tobytes()) if color else b""
            head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header(size[1], size[0], 8, color)) + palette
            out.append(head + b"".join(chunk(b"IDAT", p) for p in parts) + chunk(b"IEND", b""))
    return out


@pytest.mark.skipif(not pair_windows._POSSIBLE, reason="one step is for Linux")
@pytest.mark.parametrize("size", [(1, 1), (1, 70), (33, 1), (40, 57)])
def test_every_filter_and_every_kind_of_block(size: tuple[int, int]) -> None:
    reader = pair_windows.PairReader()
    rng = np.random.default_rng(sum(size))
    for data in pngs(rng, size):
        values = decode_stored(data, "a.png").pixels
        ids = rng.permutation(256).astype(np.uint8)
        lut = reader.learn(data, ids[values])
        assert lut is not None
        assert np.array_equal(lut[values], ids[values])
        wrong = ids[values]
        wrong[-1, -1] ^= 1
        if (values == values[-1, -1]).sum() > 1:
            assert reader.learn(data, wrong) is None


@pytest.mark.skipif(not pair_windows._POSSIBLE, reason="one step is for Linux")
def test_whatever_a_label_holds_no_byte_leaves_its_buffer() -> None:
    """As in a damaged or forged file: a fault or values, and what lies behind the buffers is as it was."""
    from pixelwise import kernels

    rng = np.random.default_rng(5)
    size, tables = (40, 57), kernels.inflate.memory()
    room = size[0] * (size[1] + 1) + kernels.inflate.SLACK
    faults = 0
    for data in pngs(rng, size) * 12:
        changed = np.frombuffer(data, np.uint8).copy()
        for _ in range(int(rng.integers(1, 4))):
            changed[rng.integers(33, len(changed))] = rng.integers(0, 256)
        changed = changed[: int(rng.integers(50, len(changed) + 1))]
        n = len(changed)
        source = np.concatenate([changed, np.zeros(kernels.pair.FILE_PAD, np.uint8)])
        stream, rows = np.full(n + kernels.pair.FILE_PAD + 8, 77, np.uint8), np.full(room + 8, 77, np.uint8)
        out = np.zeros(size, np.uint8)
        fault = kernels.pair.label_window(
            source.ctypes.data, n, np.array(size, np.int64), 0, 0, *size, np.arange(256, dtype=np.uint8),
            stream.ctypes.data, rows, np.zeros(size[1], np.uint8), tables.ctypes.data, out,
        )  # fmt: skip
        faults += fault != 0
        assert (stream[-8:] == 77).all()
        assert (rows[-8:] == 77).all()
    assert faults > 100


@given(data=st.binary(max_size=300), at=st.integers(0, 299), bit=st.integers(0, 7))
def test_a_digest_tells_one_changed_bit(data: bytes, at: int, bit: int) -> None:
    reader = pair_windows.PairReader()
    first = reader.digest(data)
    assert first == reader.digest(data)
    assert first != reader.digest(data + b"\0")
    if at < len(data):
        changed = bytearray(data)
        changed[at] ^= 1 << bit
        assert first != reader.digest(bytes(changed))


@pytest.mark.skipif(not pair_windows._POSSIBLE, reason="one step is for Linux")
@pytest.mark.parametrize("change", ["removed", "grown", "cut", "fifo", "folder", "other"])
@pytest.mark.parametrize("folder", ["JPEGImages", "SegmentationClass"])
def test_files_that_are_no_longer_there_or_others_are_read_in_the_plain_way(
    root: Path, change: str, folder: str
) -> None:
    split, window = pw.open(root)["train"], pw.Window(0, 0, 8, 8)
    for k in range(len(split)):
        split.read(k, window)
    k = next(iter(known(split)))
    (path,) = (root / folder).glob(f"{split.names[k]}.*")
    good = path.read_bytes()
    path.unlink()
    if change == "grown":
        path.write_bytes(good + b"\0" * 50)
    elif change == "cut":
        path.write_bytes(good[:-50])
    elif change == "fifo":
        os.mkfifo(path)
    elif change == "folder":
        path.mkdir()
    elif change == "other":
        other = next(j for j in known(split) if j != k)
        path.write_bytes(next((root / folder).glob(f"{split.names[other]}.*")).read_bytes())
    fresh = pw.open(root)["train"]
    outcomes = []
    for one in (split, split, fresh):
        try:
            found = one.read(k, window)
            outcomes.append((found.image.tobytes(), found.label.tobytes()))  # type: ignore[union-attr]
        except pw.PixelwiseError as error:
            outcomes.append(str(error))  # type: ignore[arg-type]
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_what_was_read_travels_to_no_other_process(root: Path) -> None:
    import pickle

    split = pw.open(root)["train"]
    for k in range(len(split)):
        split.read(k, pw.Window(0, 0, 8, 8))
    again = pickle.loads(pickle.dumps(split.source._windows))  # type: ignore[attr-defined]
    assert isinstance(again, PairWindows)
    assert not again._known
    assert len(again._tried) == len(split.source.names)


def test_loaders_give_the_same_batches_in_every_epoch(root: Path, tmp_path: Path) -> None:
    split = pw.open(root)["train"]
    packs = [pw.pack(root, tmp_path / e, encoding=e)["train"] for e in ("raw", "original")]
    steps = [pw.RandomScale((0.5, 2.0)), pw.RandomCrop(64, 48, pad_if_needed=True), pw.RandomHorizontalFlip()]
    loaders = [pw.Loader(s, 2, steps, seed=4, shuffle=True) for s in (split, *packs)]
    for _ in range(3):
        for batches in zip(*loaders, strict=True):
            for other in batches[1:]:
                assert np.array_equal(batches[0].labels, other.labels)
                assert np.array_equal(batches[0].images, other.images)


def test_a_label_that_has_changed_is_read_whole_again(root: Path) -> None:
    split, window = pw.open(root)["train"], pw.Window(0, 0, 8, 8)
    path = root / f"SegmentationClass/{split.names[0]}.png"
    for _ in range(2):
        split.read(0, window)
    good = path.read_bytes()
    path.write_bytes(good[:-40] + bytes([good[-40] ^ 1]) + good[-39:])
    for _ in range(2):
        with pytest.raises(pw.DataError):
            split.read(0, window)
    path.write_bytes(good)
    split.read(0, window)
    height, width = split.sizes()[0].tolist()
    Image.fromarray(np.ones((height + 1, width), np.uint8)).save(path)
    with pytest.raises(PairError, match="the label is"):
        split.read(0, window)
    wrong = np.zeros((height, width), np.uint8)
    wrong[-1, -1] = 77  # below and beside the window
    Image.fromarray(wrong).save(path)
    for _ in range(2):
        with pytest.raises(LabelError):
            split.read(0, window)


def test_an_image_that_has_changed_its_size_no_longer_fits_its_label(root: Path) -> None:
    split, window = pw.open(root)["train"], pw.Window(0, 0, 8, 8)
    path = root / f"JPEGImages/{split.names[0]}.jpg"
    for _ in range(2):
        split.read(0, window)
    Image.open(path).crop((0, 0, 50, 40)).save(path)
    for _ in range(2):
        with pytest.raises(PairError, match="the label is"):
            split.read(0, window)


def test_tiff_labels_are_read_in_windows_too(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    rng = np.random.default_rng(1)
    for name in "abc":
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(tmp_path / f"images/{name}.png")
        Image.fromarray(rng.integers(0, 3, (40, 60), np.uint8)).save(tmp_path / f"labels/{name}.tif")
    split = next(iter(pw.open(tmp_path).splits.values()))
    window = pw.Window(9, 3, 33, 50)
    for _ in range(3):
        for k in range(3):
            assert np.array_equal(split.read(k, window).label, window.cut(split[k].label))  # type: ignore[arg-type]




def test_a_program_may_end_while_the_kernels_are_made_ready(root: Path) -> None:
    """At any instant of it: LLVM aborts a process in which a thread ends while it calls into Python."""
    lines = f"""
import sys, time
import pixelwise as pw
from pixelwise.codecs import jpeg_windows
jpeg_windows._PATIENCE = 1
split = pw.open({str(root)!r})["train"]
for k in range(4):
    split.read(k % len(split), pw.Window(0, 0, 8, 8))
time.sleep(float(sys.argv[1]))
"""
    running = [subprocess.Popen([sys.executable, "-c", lines, str(wait)]) for wait in (0, 0.15)]
    assert [process.wait(120) for process in running] == [0, 0]
