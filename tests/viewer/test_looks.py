"""Near duplicates and numbers of objects: what an order needs of the images themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

import pixelwise as pw
from pixelwise.viewer.answers import Shown
from pixelwise.viewer.entries import Entries
from pixelwise.viewer.looks import Alike, Objects
from pixelwise.viewer.measures import Measures
from pixelwise.viewer.selecting import Query
from tests.support.voc import paint_voc


def scene(seed: int, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    """Smooth blobs, as different from each other as photographs are."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (9, 11, 3)).astype(np.uint8)
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)


def shown(split: pw.Split, dataset: Any = None) -> Shown:
    entries = Entries([split], split.classes)
    return Shown(dataset or pw.Dataset("arrays", Path(), split.classes, {}), entries, Measures(entries))


def test_near_duplicates_are_grouped_as_check_finds_them() -> None:
    first, second = scene(1), scene(2)
    smaller = cv2.resize(first, (200, 150), interpolation=cv2.INTER_AREA)
    brighter = np.clip(first.astype(int) + 4, 0, 255).astype(np.uint8)
    blank = np.full((50, 50, 3), 7, np.uint8)
    images = [scene(3), second, first, scene(4), smaller, second.copy(), brighter, blank, blank.copy()]
    split = pw.Split("all", pw.VOC, pw.ArraySource(images))
    alike = Alike(Entries([split], pw.VOC))
    assert np.isnan(alike._grouped()).all()
    alike.complete()
    groups = alike.keys()
    assert groups[[2, 4, 6]].tolist() == [0, 0, 0]
    assert groups[[1, 5]].tolist() == [1, 1]
    assert np.isnan(groups[[0, 3, 7, 8]]).all()
    page = shown(split)
    page.alike.complete()
    assert list(page.chosen(Query(alike=True, order="alike")).numbers) == [2, 4, 6, 1, 5]
    assert list(page.chosen(Query(order="alike")).numbers) == [2, 4, 6, 1, 5, 0, 3, 7, 8]


def test_objects_are_counted_without_void(tmp_path: Path) -> None:
    data = pw.open(paint_voc(tmp_path / "VOC2012", 6))
    split = data["train"]
    objects = Objects(Entries([split], split.classes))
    objects.complete()
    expected = []
    for sample in (split[i] for i in range(len(split))):
        inside = sample.instances[sample.label != 255]
        expected.append(len(set(inside.tolist()) - {0}))
    assert objects.keys().tolist() == expected
    page = shown(split, data)
    page.objects.complete()
    order = np.argsort(-np.array(expected), kind="stable").tolist()
    assert list(page.chosen(Query(order="objects", descending=True)).numbers) == order
