"""Windows of label files: equal to cutting the whole label, for every kind of PNG. What has changed is not trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.codecs.decoding import decode_stored, stored_window
from pixelwise.codecs.label_windows import LabelWindows
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


def test_what_was_read_travels_to_no_other_process() -> None:
    import pickle

    known = LabelWindows(3)
    known.add(1, b"data")
    again = pickle.loads(pickle.dumps(known))
    assert again.read(1, b"data", "a", pw.Window(0, 0, 1, 1), (1, 1), frozenset()) is None
    assert len(again._digests) == 3
