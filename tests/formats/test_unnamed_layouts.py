"""Layouts of public repositories that no format names, imitated with paint: `init` without flags pairs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.errors import FormatError
from pixelwise.formats.guessing.proposal import propose

SIZE = (40, 48)


def photo(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)).save(path)


def painted(seed: int, values: tuple[int, ...]) -> Any:
    label = np.full(SIZE, values[0], np.uint8)
    for k, value in enumerate(values[1:]):
        label[5 + 9 * k : 14 + 9 * k, 3 + seed : 20 + 2 * seed] = value
    return label


# images, labels, names, values. Each is what a repository's own README shows.
LAYOUTS = {
    "crack500": ("traincrop/{}.jpg", "traincrop/{}.png", ("20160222_081011_1_361", "20160222_081031_1_721"), (0, 255)),
    "inria aerial": ("train/images/{}.tif", "train/gt/{}.tif", ("austin1", "vienna10", "kitsap3"), (0, 255)),
    "massachusetts": ("png/train/{}.png", "png/train_labels/{}.png", ("22678915_15", "22678930_15"), (0, 255)),
    "isic": ("ISIC2018_Task1-2_Training_Input/{}.jpg", "ISIC2018_Task1_Training_GroundTruth/{}_segmentation.png",
             ("ISIC_0000000", "ISIC_0000001", "ISIC_0000010"), (0, 255)),
    "leaf": ("A1/{}_rgb.png", "A1/{}_label.png", ("plant001", "plant002", "plant010"), (0, 1, 2)),
    "helen": ("images/{}.jpg", "labels/{}.png", ("100032540_1", "10405146_1", "232194_1"), (0, 1, 2, 3)),
    "floodnet": ("train-org-img/{}.jpg", "train-label-img/{}_lab.png", ("10165", "6279", "7577"), (0, 1, 5, 9)),
    "aeroscapes": ("JPEGImages/{}.jpg", "SegmentationClass/{}.png", ("000001_001", "000001_002", "041004_017"),
                   (0, 3, 7)),
    "semantic drone": ("dataset/original_images/{}.jpg", "dataset/label_images_semantic/{}.png", ("000", "001", "598"),
                       (0, 1, 2, 22)),
    "clothing": ("images/{}.jpg", "segmentations/{}.png", ("img_0001", "img_0002", "img_0010"), (0, 4, 11)),
    "gid": ("image_RGB/{}.tif", "label_5classes/{}_label.png", ("GF2_PMS1_L1A01", "GF2_PMS2_L1A02"), (0, 1, 2)),
    "cell tracking": ("01/t{}.png", "01_GT/SEG/man_seg{}.png", ("000", "001", "012"), (0, 1, 2)),
    "bsds-like": ("data/imgs/{}.jpg", "data/targets/{}-mask.png", ("12003", "100075", "8023"), (0, 1)),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_init_pairs_them_or_says_why_not(layout: str, tmp_path: Path) -> None:
    images, labels, names, values = LAYOUTS[layout]
    for k, name in enumerate(names):
        photo(tmp_path / images.format(name), k)
        place = tmp_path / labels.format(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(painted(k, values)).save(place)
    try:
        made = propose(tmp_path)
    except FormatError as error:
        assert error.code == "no-dataset"
        assert "--images" in str(error)
        pytest.fail(str(error))
    pairs = {made.reading.images.paths[key]: files for key, files in made.reading.labels.files.items()}
    assert pairs == {images.format(n): [labels.format(n)] for n in names}, made.reading
    (tmp_path / "pixelwise.toml").write_text(made.text)
    dataset = pw.open(tmp_path)
    read = [sample for split in dataset.splits for sample in dataset[split]]
    assert len(read) == len(names)
    stored = dataset.classes.values or {v: v for v in range(len(dataset.classes))}
    for sample in read:
        k = next(i for i, n in enumerate(names) if n in sample.name or sample.name in n)
        wanted = np.vectorize(lambda v: stored[int(v)])(painted(k, values))
        assert np.array_equal(sample.label, wanted)
