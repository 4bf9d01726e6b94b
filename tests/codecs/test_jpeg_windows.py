"""The own JPEG decoder against libjpeg-turbo: equal in every pixel, or it takes nothing."""

from __future__ import annotations

import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st

import pixelwise as pw
from pixelwise.codecs import jpeg_windows
from pixelwise.codecs.jpeg_windows import JpegReader, JpegWindows
from pixelwise.types import Window
from tests.support.jpeg_kinds import SAMPLINGS, encoded, kinds, noise
from tests.support.places import REPOSITORY
from tests.support.tree import picture

READER = JpegReader()


def truth(data: bytes) -> Any:
    return simplejpeg.decode_jpeg(data, "RGB", strict=True)


def compare(data: bytes, window: Window | None = None) -> None:
    """Every way to read the window, or the whole image, gives libjpeg-turbo's pixels."""
    pixels = truth(data)
    size = pixels.shape[:2]
    made = READER.read_and_index(data, Window(0, 0, *size), size)
    assert made is not None
    assert np.array_equal(made[0], pixels)
    window = window or Window(0, 0, *size)
    for index, to_end in ((None, False), (None, True), (made[1], False)):
        got = READER.read(data, window, index, to_end=to_end)
        assert got is not None
        assert np.array_equal(got, window.cut(pixels))


@pytest.mark.parametrize(("kind", "data"), list(kinds()), ids=[kind for kind, _ in kinds()])
def test_every_kind(kind: str, data: bytes) -> None:
    compare(data)


@given(
    st.sampled_from(SAMPLINGS), st.integers(1, 70), st.integers(1, 70), st.integers(1, 100), st.booleans(),
    st.integers(0, 5), st.data(),
)  # fmt: skip
def test_any_size_quality_and_window(
    sampling: str, height: int, width: int, quality: int, noisy: bool, restarts: int, draw: st.DataObject
) -> None:
    size = height, width
    pixels = noise(size) if noisy else picture(height, size)
    data = encoded(pixels, sampling, quality, **({"restart_marker_blocks": restarts} if restarts else {}))
    y, x = draw.draw(st.integers(0, height - 1)), draw.draw(st.integers(0, width - 1))
    window = Window(y, x, draw.draw(st.integers(y + 1, height)), draw.draw(st.integers(x + 1, width)))
    if sampling in ("422", "420") and width < 5:  # libjpeg enlarges such narrow chroma without its filter
        assert READER.read(data, window) is None
    else:
        compare(data, window)


def test_real_photographs(voc_root: Path) -> None:
    random = np.random.default_rng(0)
    for path in sorted((voc_root / "JPEGImages").glob("*.jpg"))[:40]:
        data = path.read_bytes()
        height, width = simplejpeg.decode_jpeg_header(data)[:2]
        y, x = int(random.integers(height)), int(random.integers(width))
        window = Window(y, x, int(random.integers(y, height)) + 1, int(random.integers(x, width)) + 1)
        compare(data, window)


def test_other_kinds_are_left_to_others() -> None:
    progressive = encoded(picture(0), progressive=True)
    for data in (progressive, *(simplejpeg.encode_jpeg(picture(0), 90, "RGB", kind) for kind in ("411", "440"))):
        assert READER.read(data, Window(0, 0, 8, 8)) is None


def test_a_window_outside_the_image_is_not_read() -> None:
    data = encoded(picture(0, (20, 30)))
    for window in (Window(0, 0, 21, 30), Window(0, 0, 20, 31), Window(-1, 0, 5, 5), Window(0, 0, 0, 5)):
        assert READER.read(data, window) is None


def test_damage_below_the_window_is_found_by_reading_to_the_end() -> None:
    data = encoded(noise((160, 64)))
    cut = data[: len(data) * 2 // 3] + b"\xff\xd9"
    window = Window(0, 0, 8, 64)
    assert READER.read(cut, window) is not None
    assert READER.read(cut, window, to_end=True) is None
    assert READER.read_and_index(cut, window, (160, 64)) is None


def test_nothing_is_taken_that_libjpeg_refuses(hostile: Path) -> None:
    taken = 0
    for path in sorted(p for p in hostile.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg") and p.is_file()):
        data = path.read_bytes()
        try:
            height, width = simplejpeg.decode_jpeg_header(data)[:2]
        except ValueError:
            height, width = 8, 8
        if height * width > 4_000_000:
            continue
        got = READER.read(data, Window(0, 0, height, width), to_end=True)
        if got is not None:
            taken += 1
            assert np.array_equal(got, truth(data)), path
    assert taken


@pytest.mark.skipif(sys.platform != "linux", reason="guard pages are made by mprotect")
def test_mutated_files_stay_inside_their_memory() -> None:
    program = [sys.executable, "-m", "tests.support.jpeg_guard", "1500", "0"]
    done = subprocess.run(program, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "all of them equal" in done.stdout


# -- files that are read again and again ----------------------------------------------------------------------


@pytest.fixture
def windows() -> JpegWindows:
    jpeg_windows.READERS.prepare()
    return JpegWindows()


def test_a_file_is_indexed_at_first_sight_and_then_read_by_window(windows: JpegWindows) -> None:
    data = encoded(noise((160, 64)))
    window = Window(70, 3, 101, 60)
    for _ in range(2):
        got = windows.read(0, data, "a.jpg", window)
        assert got is not None
        assert np.array_equal(got[0], window.cut(truth(data)))
        assert got[1] == (160, 64)


def test_a_file_that_changed_is_read_anew(windows: JpegWindows) -> None:
    window = Window(70, 3, 101, 60)
    for seed in range(3):
        data = encoded(noise((160, 64), seed))
        got = windows.read(0, data, "a.jpg", window)
        assert got is not None
        assert np.array_equal(got[0], window.cut(truth(data)))


def test_damage_outside_the_window_is_seen_at_first_sight(windows: JpegWindows) -> None:
    data = encoded(noise((160, 64)))
    assert windows.read(0, data[: len(data) * 2 // 3] + b"\xff\xd9", "a.jpg", Window(0, 0, 8, 8)) is None


def test_indices_are_capped_and_pickled_without_them() -> None:
    jpeg_windows.READERS.prepare()
    windows = JpegWindows(limit=1)
    for number in range(3):
        data = encoded(noise((60, 64), number))
        got = windows.read(number, data, "a.jpg", Window(0, 0, 60, 64))
        assert got is not None
        assert np.array_equal(got[0], truth(data))
    assert len(windows._known) == 1
    assert not pickle.loads(pickle.dumps(windows))._known


def test_libjpeg_serves_until_the_kernels_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    readers = jpeg_windows.Readers(jpeg_windows.JpegReader)
    monkeypatch.setattr(jpeg_windows, "READERS", readers)
    data = encoded(noise((60, 64)))
    windows = JpegWindows()
    assert all(windows.read(0, data, "a.jpg", Window(0, 0, 9, 9)) is None for _ in range(jpeg_windows._PATIENCE))
    assert not readers._begun
    windows.read(0, data, "a.jpg", Window(0, 0, 9, 9))
    assert readers._begun
    while not readers._ready:
        time.sleep(0.01)
    assert windows.read(0, data, "a.jpg", Window(0, 0, 9, 9)) is not None


def test_samples_of_files_are_the_same_either_way(voc_root: Path) -> None:
    split = pw.open(voc_root)["train"]
    window = Window(11, 40, 200, 290)
    whole = [split[i].cut(window) for i in range(6)]
    jpeg_windows.READERS.prepare()
    for _ in range(2):
        assert [split.read(i, window) for i in range(6)] == whole
