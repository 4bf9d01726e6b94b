"""Sizes from headers: right, read once, remembered between runs, and never believed when a file has changed."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pixelwise.codecs.png import encode_png
from pixelwise.dataset import image_sizes
from pixelwise.dataset.image_sizes import FEWEST, HeaderSizes
from pixelwise.dataset.sources import PathRule
from pixelwise.errors import FileError, MissingError

COUNT = FEWEST + 44


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of sizes (1 + i % 17, 1 + i % 29)."""
    root = tmp_path_factory.mktemp("images")
    for i in range(COUNT):
        (root / f"i{i}.png").write_bytes(encode_png(np.zeros(truth()[i], np.uint8)))
    return root


def truth() -> Any:
    i = np.arange(COUNT)
    return np.stack([1 + i % 17, 1 + i % 29], axis=1)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIXELWISE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose headers were read."""
    seen: list[str] = []
    real = image_sizes.read_header

    def read(path: Any) -> Any:
        seen.append(os.path.basename(path))
        return real(path)

    monkeypatch.setattr(image_sizes, "read_header", read)
    return seen


def plainly(index: int, read: Any, path: str) -> Any:
    return read(path)


def sizes(root: Path, count: int = COUNT) -> HeaderSizes:
    return HeaderSizes(f"{root}{os.sep}", PathRule([f"i{i}" for i in range(count)], "{}.png"), plainly)


def test_all_some_and_none(images: Path, scanned: list[str]) -> None:
    one = sizes(images)
    np.testing.assert_array_equal(one(np.array([5, 3, 5])), truth()[[5, 3, 5]])
    assert scanned == ["i3.png", "i5.png"]
    assert one(np.zeros(0, np.int64)).shape == (0, 2)
    np.testing.assert_array_equal(one(), truth())
    np.testing.assert_array_equal(one(), truth())
    assert sorted(scanned) == sorted(f"i{i}.png" for i in range(COUNT))
    assert one().dtype == np.int64


def test_remembered_between_runs(images: Path, scanned: list[str]) -> None:
    sizes(images)()
    scanned.clear()
    np.testing.assert_array_equal(sizes(images)(), truth())
    assert scanned == []
    np.testing.assert_array_equal(sizes(images, COUNT - 1)(), truth()[:-1])  # another list is another memory
    assert len(scanned) == COUNT - 1


def test_short_lists_leave_nothing_behind(images: Path, cache: Path) -> None:
    sizes(images, FEWEST - 1)()
    assert not cache.exists()


def test_a_file_that_changed_is_read_again(images: Path, scanned: list[str]) -> None:
    sizes(images)()
    path = images / "i7.png"
    before = path.read_bytes(), path.stat()
    scanned.clear()
    try:
        path.write_bytes(encode_png(np.zeros((2, 3), np.uint8)))
        expected = truth()
        expected[7] = 2, 3
        np.testing.assert_array_equal(sizes(images)(), expected)
        assert scanned == ["i7.png"]
        scanned.clear()
        np.testing.assert_array_equal(sizes(images)(), expected)
        assert scanned == [], "the new size is remembered"
    finally:
        path.write_bytes(before[0])


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "longer", "folder"])
def test_a_damaged_memory_is_ignored(images: Path, cache: Path, scanned: list[str], damage: str) -> None:
    sizes(images)()
    (path,) = (cache / "sizes").iterdir()
    data = bytearray(path.read_bytes())
    if damage == "folder":
        path.unlink()
        path.mkdir()
    elif damage == "flip":
        data[40] ^= 1
        path.write_bytes(data)
    else:
        path.write_bytes({"cut": data[:-8], "empty": b"", "longer": data + b"x"}[damage])
    scanned.clear()
    np.testing.assert_array_equal(sizes(images)(), truth())
    assert len(scanned) == COUNT


def test_a_cache_that_cannot_be_written_is_no_error(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PIXELWISE_CACHE", str(tmp_path / "file"))
    np.testing.assert_array_equal(sizes(images)(), truth())


def test_missing_and_broken_files_are_named(images: Path, tmp_path: Path) -> None:
    names = [f"i{i}" for i in range(3)] + ["none"]
    with pytest.raises(MissingError, match="none"):
        HeaderSizes(f"{images}{os.sep}", PathRule(names, "{}.png"), plainly)()
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(FileError, match=r"bad\.png"):
        HeaderSizes(f"{tmp_path}{os.sep}", ["bad.png"], plainly)()


def test_many_threads(images: Path) -> None:
    one = sizes(images)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda k: one(np.arange(COUNT)[k:]), range(8)):
            np.testing.assert_array_equal(found, truth()[-len(found) :])


def test_it_pickles(images: Path) -> None:
    one = sizes(images)
    one()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(one))(), truth())


def test_memory_an_image_is_small(images: Path) -> None:
    one = sizes(images)
    one()
    held = sum(v.nbytes for v in vars(one).values() if isinstance(v, np.ndarray))
    assert held == 25 * COUNT
