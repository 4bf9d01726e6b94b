"""Padding is never a class: one value, whichever way a sample is rendered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.d2l import SegmentationDataset
from pixelwise.dataset.dataset import Dataset
from pixelwise.dataset.splits import Splits
from pixelwise.drawing.contact_sheet import _planned

PADDED = (pw.CenterCrop(9, 12, pad_if_needed=True),)
PARTNERS = (pw.Pad(2),)
MIXES = {
    "mosaic": pw.Mosaic(9, 12, p=1.0),
    "cutmix": pw.CutMix(p=1.0, transforms=PARTNERS),
    "copypaste": pw.CopyPaste(tuple(range(300)), p=1.0, transforms=PARTNERS),
}


def many(dtype: Any = np.uint16) -> pw.Split:
    """Two samples of 5 x 8 pixels in a table of 300 classes without void; class 255 is everywhere."""
    table = pw.ClassTable(tuple(f"c{i}" for i in range(300)), ignore_index=None)
    images, labels = [np.zeros((5, 8, 3), np.uint8)] * 2, [np.full((5, 8), 255, dtype)] * 2
    return pw.Split("train", table, pw.ArraySource(images, labels))


def inside_and_around(label: Any) -> tuple[set[int], set[int]]:
    """The values of a (9, 12) label on the 5 x 8 pixels in its middle, and around them."""
    inside = np.zeros((9, 12), bool)
    inside[2:7, 2:10] = True
    return set(np.unique(label[inside]).tolist()), set(np.unique(label[~inside]).tolist())


def test_the_padding_index_is_no_class() -> None:
    def index(classes: int, void: int | None) -> tuple[int, Any]:
        table = pw.ClassTable(tuple(map(str, range(classes))), ignore_index=void)
        return table.padding_index, table.dtype

    assert index(21, 255) == index(21, None) == index(255, None) == (255, np.uint8)
    assert index(21, 30) == (30, np.uint8)
    assert index(256, None) == index(300, None) == index(300, 65_535) == (65_535, np.uint16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_way_to_render_pads_with_it(dtype: Any, tmp_path: Path) -> None:
    split = many(dtype)
    expected = ({255}, {65_535})
    batch = next(iter(pw.Loader(split, 2, PADDED)))
    assert inside_and_around(batch.labels[0]) == expected
    packed = pw.pack(Dataset(tmp_path, "arrays", split.classes, Splits({"train": lambda: split})), tmp_path / "a.pack")
    assert inside_and_around(next(iter(pw.Loader(packed["train"], 2, PADDED))).labels[0]) == expected
    planned = _planned(split, PADDED, 0, 1, 0)
    assert inside_and_around(planned.renderings[0].label) == expected
    assert pw.show_plans(split, PADDED, 1, draws=1).image.size


def test_torchs_map_dataset_pads_with_it() -> None:
    pytest.importorskip("torch", reason="torch is an extra: pip install 'pixelwise[torch]'")
    from pixelwise.torch import as_map_dataset

    _, label = as_map_dataset(many(), PADDED)[0]
    assert inside_and_around(label.numpy()) == ({255}, {65_535})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", MIXES)
def test_mixes_pad_with_it(name: str, dtype: Any) -> None:
    transforms = [*PADDED, MIXES[name]]
    labels = [b.labels for seed in range(5) for b in pw.Loader(many(dtype), 2, transforms, seed=seed)]
    assert set(np.unique(np.stack(labels)).tolist()) == {255, 65_535}


def test_the_chapters_dataset_never_pads() -> None:
    """It leaves out what is smaller than the crop, and its table has no void."""
    images, labels = [np.zeros((5, 8, 3), np.uint8)] * 2, [np.zeros((5, 8, 3), np.uint8)] * 2
    assert len(SegmentationDataset(images, labels, 9, 12)) == 0
    assert set(np.unique(SegmentationDataset(images, labels, 5, 8)[0][1]).tolist()) == {0}
