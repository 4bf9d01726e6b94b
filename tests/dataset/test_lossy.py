"""Masks saved as JPEG: refused, or rounded on demand, with a count of the pixels that may be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.errors import FormatError, LabelError

HEAD = "[images]\npath = 'images/{name}.png'\n[labels]\npath = 'masks/{name}.jpg'\n"
BINARY = "[[class]]\nname = 'rest'\nvalues = [0]\n[[class]]\nname = 'thing'\nvalues = [255]\n"
THREE = "".join(f"[[class]]\nname = 'c{v}'\nvalues = [{v}]\n" for v in (0, 90, 200))
COLORED = "".join(f"[[class]]\nname = 'c{k}'\ncolor = {list(c)}\n" for k, c in enumerate([(0, 0, 0), (200, 0, 0)]))


def tree(root: Path, label: Any, text: str, **how: Any) -> Path:
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    Image.new("RGB", label.shape[1::-1], (3, 5, 7)).save(root / "images/a.png")
    Image.fromarray(label).save(root / "masks/a.jpg", **({"quality": 80} | how))
    (root / "pixelwise.toml").write_text(text)
    return root


def blocks(*values: int) -> Any:
    """Areas as large as the blocks of a JPEG, so that compression moves little."""
    return np.repeat(np.repeat(np.array([values, values[::-1]], np.uint8), 16, 0), 16, 1)


@pytest.mark.parametrize(("lossy", "classes", "values"), [
    ("threshold", BINARY, (0, 255)), ("nearest", BINARY, (255, 0)), ("nearest", THREE, (0, 90, 200)),
])  # fmt: skip
def test_each_pixel_becomes_the_nearest_value(lossy: str, classes: str, values: Any, tmp_path: Path) -> None:
    stored = blocks(*values)
    tree(tmp_path, stored, HEAD + f"lossy = '{lossy}'\n" + classes)
    label = pw.open(tmp_path)["all"][0].label
    assert np.array_equal(np.array(sorted(values))[label], stored)


def test_colors(tmp_path: Path) -> None:
    stored = np.stack([blocks(0, 200), blocks(0, 0), blocks(0, 0)], axis=2)
    tree(tmp_path, stored, HEAD + "lossy = 'nearest'\n" + COLORED, quality=95, subsampling=0)
    assert np.array_equal(pw.open(tmp_path)["all"][0].label, blocks(0, 1))


def test_doubtful_pixels_are_counted_in_each_file(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None], 16, 0)
    tree(tmp_path, ramp, HEAD + "lossy = 'threshold'\n" + BINARY, quality=100)
    (found,) = [f for f in pw.check(tmp_path) if f.code == "doubtful-pixels"]
    with Image.open(tmp_path / "masks/a.jpg") as image:
        gray = np.asarray(image).astype(int)
    count = int((np.minimum(gray, 255 - gray) > np.maximum(gray, 255 - gray) / 2).sum())
    assert found.what.startswith(f"{count} of {gray.size} pixels (3")
    label = pw.open(tmp_path)["all"][0].label
    assert np.array_equal(label, gray >= 128)


def test_without_it_they_are_refused(tmp_path: Path) -> None:
    tree(tmp_path, blocks(0, 255), HEAD + BINARY)
    with pytest.raises(LabelError) as caught:
        pw.open(tmp_path)["all"][0]
    assert caught.value.code == "lossy-label"


@pytest.mark.parametrize(("text", "message"), [
    (HEAD + "lossy = 'often'\n" + BINARY, "lossy"),
    (HEAD + "lossy = 'threshold'\n" + THREE, "'threshold' makes 0 and 255, but the values are .*'nearest'"),
    (HEAD + "lossy = 'nearest'\n[[class]]\nname = 'a'\n", "needs the values or colors"),
    (HEAD + "lossy = 'nearest'\n[[class]]\nname = 'a'\nvalues = [300]\n", "for values in 0..255"),
])  # fmt: skip
def test_mistakes(text: str, message: str, tmp_path: Path) -> None:
    tree(tmp_path, blocks(0, 255), text)
    with pytest.raises(FormatError, match=message) as caught:
        pw.open(tmp_path)
    assert caught.value.code == "bad-description"
