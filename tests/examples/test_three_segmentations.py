"""The example runs, and its regions are what it says."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import pixelwise as pw
from tests.support.places import REPOSITORY

EXAMPLE = REPOSITORY / "examples/three_segmentations.py"


def test_the_example_draws_its_page(tmp_path: Path) -> None:
    subprocess.run([sys.executable, EXAMPLE, "--index", "1", "-o", "page.png"], cwd=tmp_path, check=True)
    with Image.open(tmp_path / "page.png") as page:
        assert page.width > 1500


def test_the_picture_in_the_documents_has_the_colors_of_the_classes() -> None:
    """It was once reduced to 200 colors, and a bottle had none of them."""
    with Image.open(REPOSITORY / "docs/three-segmentations.png") as page:
        pixels = np.asarray(page.convert("RGB"))
    for name in ("chair", "diningtable", "bottle"):
        assert (pixels == pw.VOC.colors[pw.VOC.index(name)]).all(axis=2).sum() > 1000, name


def test_regions_are_areas_of_one_color() -> None:
    spec = importlib.util.spec_from_file_location("three_segmentations", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    image = np.zeros((60, 80, 3), np.uint8)
    image[:, 40:] = (200, 30, 30)
    image[20:40, 10:30] = (30, 200, 30)
    image[20:40, 50:70] = (30, 200, 30)  # the same color elsewhere is another region
    numbers = module.regions(image)
    centers = [numbers[5, 5], numbers[30, 20], numbers[5, 60], numbers[30, 60]]
    assert len(set(centers)) == 4
    assert (np.bincount(numbers.reshape(-1)) >= 50).sum() == 4
    assert module.painted(image, numbers)[30, 20].tolist() == [30, 200, 30]
