"""Windows of the JPEG files in a pack: decoded alone, equal to what the files give, with the same errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.codecs.jpeg_windows import _READERS, JpegWindows
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


def test_a_damaged_file_in_a_pack_has_the_same_error_in_every_epoch(root: Path, tmp_path: Path) -> None:
    """A pack takes bytes as they are only if they decode; so a file is cut here as if the disk had lost its end."""
    from pixelwise.packs.volume import Volume

    pack(root, tmp_path / "a.pack", encoding="original")
    split = pw.open(tmp_path / "a.pack", verify=False)["train"]
    volume: Volume = split.source.volume  # type: ignore[attr-defined]
    row = int(split.source.rows()[0])  # type: ignore[attr-defined]
    volume.index["image_bytes"][row] //= 2
    for _ in range(2):
        with pytest.raises(pw.DataError, match=r"truncated|corrupt|ends"):
            split.read(0, pw.Window(0, 0, 20, 20))


def test_an_image_of_another_size_than_the_index_says(root: Path, tmp_path: Path) -> None:
    pack(root, tmp_path / "a.pack", encoding="original")
    split = pw.open(tmp_path / "a.pack", verify=False)["train"]
    volume = split.source.volume  # type: ignore[attr-defined]
    row = int(split.source.rows()[0])  # type: ignore[attr-defined]
    volume.index["height"][row] -= 8
    with pytest.raises(pw.DataError, match="the index says"):
        split.read(0, pw.Window(0, 0, 20, 20))


def test_gray_files_and_progressive_ones_are_read_too(tmp_path: Path) -> None:
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
    pack(root, tmp_path / "a.pack", encoding="original")
    packed, files = pw.open(tmp_path / "a.pack")["train"], pw.open(root)["train"]
    for k in range(3):
        for _ in range(2):
            window = pw.Window(3, 5, 20, 40)
            assert np.array_equal(packed.read(k, window).image, files[k].image[3:20, 5:40])
