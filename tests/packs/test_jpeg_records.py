"""Windows of the JPEG files in a pack: decoded alone, equal to what the files give, with the same errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.codecs.jpeg_windows import _READERS, JpegIndex, JpegReader, JpegWindows, stored_index
from pixelwise.errors import FileError
from pixelwise.packs.encodings.original import ORIGINAL
from pixelwise.packs.encodings.table import ENCODINGS
from pixelwise.packs.volume import Volume
from pixelwise.packs.writing import pack
from tests.support.jpeg import encode_jpeg


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    _READERS.prepare()
    return Path(pw.sample(tmp_path_factory.mktemp("voc"), count=12))


STEPS: list[Any] = [
    [pw.RandomCrop(40, 70), pw.RandomHorizontalFlip(), pw.Normalize()],
    [pw.RandomResizedCrop(50, 60)],
    [pw.CenterCrop(33, 31)],
]


@pytest.mark.parametrize("steps", STEPS)
def test_windows_are_those_of_the_files(
    root: Path, steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(root, tmp_path / "a.pack", encoding="original")
    packed = pw.open(tmp_path / "a.pack")["train"]
    seen: list[bool] = []
    real = JpegWindows.read

    def read(self: JpegWindows, *args: Any) -> Any:
        found = real(self, *args)
        seen.append(found is not None)
        return found

    monkeypatch.setattr(JpegWindows, "read", read)
    loaders = [pw.Loader(split, 4, steps, seed=5, shuffle=True) for split in (pw.open(root)["train"], packed)]
    for _ in range(3):
        for ours, theirs in zip(*loaders, strict=True):
            assert np.array_equal(ours.images, theirs.images)
            assert np.array_equal(ours.labels, theirs.labels)
    assert all(seen)
    assert len(seen) >= 3 * len(packed)


@pytest.mark.parametrize("verify", [True, False])
def test_a_damaged_file_in_a_pack_has_the_same_error_in_every_epoch(root: Path, tmp_path: Path, verify: bool) -> None:
    """A pack takes bytes as they are only if they decode; so a file is cut here as if the disk had lost its end.

    Its CRC tells, wherever the window is; without looking at that, whoever needs what is lost.
    """
    pack(root, tmp_path / "a.pack", encoding="original")
    split = pw.open(tmp_path / "a.pack", verify=verify)["train"]
    volume = volume_of(split)
    row = int(split.source.rows()[0])  # type: ignore[attr-defined]
    volume.index["image_bytes"][row] //= 2
    height = int(volume.index["height"][row])
    windows = [pw.Window(height - 20, 0, height, 20), *[pw.Window(0, 0, 20, 20)] * verify]
    for window in windows * 2:
        with pytest.raises(pw.DataError, match=r"CRC" if verify else r"truncated|corrupt|ends"):
            split.read(0, window)


def test_an_image_of_another_size_than_the_index_says(root: Path, tmp_path: Path) -> None:
    pack(root, tmp_path / "a.pack", encoding="original")
    split = pw.open(tmp_path / "a.pack", verify=False)["train"]
    volume = split.source.volume  # type: ignore[attr-defined]
    row = int(split.source.rows()[0])  # type: ignore[attr-defined]
    volume.index["height"][row] -= 8
    with pytest.raises(pw.DataError, match="the index says"):
        split.read(0, pw.Window(0, 0, 20, 20))


def mixed(tmp_path: Path) -> Path:
    """A VOC folder of a JPEG (a), a progressive one (b) and a gray one (c), 40x50."""
    root = tmp_path / "voc"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    (root / "JPEGImages/a.jpg").write_bytes(encode_jpeg(image, 90))
    Image.fromarray(image).save(root / "JPEGImages/b.jpg", progressive=True)
    Image.fromarray(image[..., 0]).save(root / "JPEGImages/c.jpg")
    for name in "abc":
        label = Image.fromarray(np.full((40, 50), 15, np.uint8))
        label.putpalette(pw.VOC.palette.tobytes())
        label.save(root / f"SegmentationClass/{name}.png")
    (root / "ImageSets/Segmentation/train.txt").write_text("a\nb\nc\n")
    return root


def test_gray_files_and_progressive_ones_are_read_too(tmp_path: Path) -> None:
    root = mixed(tmp_path)
    pack(root, tmp_path / "a.pack", encoding="original")
    packed, files = pw.open(tmp_path / "a.pack")["train"], pw.open(root)["train"]
    for k in range(3):
        for _ in range(2):
            window = pw.Window(3, 5, 20, 40)
            assert np.array_equal(packed.read(k, window).image, files[k].image[3:20, 5:40])


# -- the index that a pack keeps of each JPEG file ---------------------------------------------------------------


def volume_of(split: pw.Split) -> Volume:
    volume: Volume = split.source.volume  # type: ignore[attr-defined]
    return volume


def test_each_jpeg_file_has_its_index_and_other_files_have_none(tmp_path: Path) -> None:
    root = mixed(tmp_path)
    packed = pack(root, tmp_path / "a.pack", encoding="original")
    volume = volume_of(packed["train"])
    assert volume.manifest.to_bytes() == (tmp_path / "a.pack/manifest.json").read_bytes()
    found = {}
    for row, name in enumerate(volume.names):
        record = volume.record(row)
        expected = stored_index(record.image, record.size)
        found[name] = expected is not None
        assert (None if record.jpeg_index is None else record.jpeg_index.tobytes()) == expected
    assert found == {"a": True, "b": False, "c": True}  # the kernels do not take progressive files
    assert not pw.verify(tmp_path / "a.pack")


def test_with_an_index_no_file_is_read_to_its_end(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed, files = pack(root, tmp_path / "a.pack", encoding="original")["train"], pw.open(root)["train"]

    def refused(*args: Any, **options: Any) -> Any:
        raise AssertionError("read to its end")

    monkeypatch.setattr(JpegReader, "read_and_index", refused)
    window = pw.Window(5, 30, 60, 91)
    for k in range(len(packed)):
        assert np.array_equal(packed.read(k, window).image, window.cut(files[k].image))


def test_packs_of_version_1_have_no_index_and_the_same_pixels(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as old:
        old.setitem(ENCODINGS, "original", replace(ORIGINAL, has_jpegs=False))  # type: ignore[arg-type]
        pack(root, tmp_path / "old.pack", encoding="original")
    assert b'"version": 1' in (tmp_path / "old.pack/manifest.json").read_bytes()
    new = pack(root, tmp_path / "new.pack", encoding="original")["train"]
    old_one = pw.open(tmp_path / "old.pack")["train"]
    assert volume_of(new).manifest.fingerprint != volume_of(old_one).manifest.fingerprint
    assert (volume_of(old_one).index["jpeg_index_offset"] == -1).all()
    assert not pw.verify(tmp_path / "old.pack")
    loaders = [pw.Loader(split, 4, STEPS[0], seed=3, shuffle=True) for split in (new, old_one)]
    for _ in range(2):
        for ours, theirs in zip(*loaders, strict=True):
            assert np.array_equal(ours.images, theirs.images)
            assert np.array_equal(ours.labels, theirs.labels)


def test_verify_names_a_record_whose_index_is_that_of_another_file(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = JpegIndex(np.zeros((3, 2), np.uint32), np.zeros((3, 2, 3), np.int16)).to_bytes()
    monkeypatch.setattr("pixelwise.packs.encodings.encoding.stored_index", lambda data, size: other)
    pack(root, tmp_path / "a.pack", encoding="original")
    findings = list(pw.verify(tmp_path / "a.pack"))
    assert {f.code for f in findings} == {"pack-damaged"}
    assert all("not the one of its JPEG file" in f.what for f in findings)
    assert len(findings) == 12


@pytest.mark.parametrize("index", [b"", b"1234567", b"\0" * 8, b"\xff" * 40, b"\1\0\0\0\1\0\0\0" + bytes(10)])
def test_an_index_that_is_none_leaves_the_file_to_another_decoder(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: bytes
) -> None:
    """Whatever a faulty program has written there: right pixels, from the whole file."""
    real = stored_index
    monkeypatch.setattr("pixelwise.packs.encodings.encoding.stored_index", lambda d, s: index or real(d, s)[:-1])  # type: ignore[index]
    packed, files = pack(root, tmp_path / "a.pack", encoding="original")["train"], pw.open(root)["train"]
    window = pw.Window(5, 30, 60, 91)
    for k in range(3):
        assert np.array_equal(packed.read(k, window).image, window.cut(files[k].image))


def test_an_image_over_the_limit_of_pixels_is_refused_by_its_window_too(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = pack(root, tmp_path / "a.pack", encoding="original")["train"]
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "100")
    with pytest.raises(FileError, match="the limit is 100"):
        packed.read(0, pw.Window(0, 0, 5, 5))


@given(
    rows=st.integers(1, 9), entries=st.integers(1, 9), seed=st.integers(0, 99), cut=st.integers(0, 30),
    added=st.integers(0, 3),
)  # fmt: skip
def test_an_index_survives_its_bytes_and_no_other_bytes_are_one(
    rows: int, entries: int, seed: int, cut: int, added: int
) -> None:
    rng = np.random.default_rng(seed)
    positions = rng.integers(0, 1 << 32, (rows, entries), np.uint32)
    levels = rng.integers(-32768, 32768, (rows, entries, 3), np.int16)
    data = np.frombuffer(JpegIndex(positions, levels).to_bytes(), np.uint8)
    found = JpegIndex.from_bytes(data)
    assert found is not None
    assert np.array_equal(found.positions, positions)
    assert np.array_equal(found.levels, levels)
    if cut:
        assert JpegIndex.from_bytes(data[:-cut]) is None
    if added:
        assert JpegIndex.from_bytes(np.append(data, np.zeros(added, np.uint8))) is None
