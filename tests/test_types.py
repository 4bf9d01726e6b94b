"""The values that travel: what they print, and what makes two of them equal."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.dataset.splits import Splits


def sample() -> pw.Sample:
    return pw.Sample("a", np.zeros((4, 6, 3), np.uint8), np.zeros((4, 6), np.uint8))


def test_everything_prints_as_one_short_line() -> None:
    split = pw.Split("train", pw.VOC, pw.ArraySource([np.zeros((400, 600, 3), np.uint8)] * 3))
    plan = pw.Plan((10, 20), (4, 6), ((1.0, 0.0, 2.0), (0.0, 1.0, 3.0)), tone=((0.0,) * 256,) * 3)
    for value, printed in (
        (sample(), "Sample('a', image (4, 6, 3) uint8, label (4, 6) uint8)"),
        (split, "Split('train': 3 samples, 21 classes, no labels, ArraySource)"),
        (split.source, "ArraySource(3 samples, no labels)"),
        (next(iter(pw.Loader(split, 2))), "Batch(2 samples, images (2, 3, 400, 600) float32)"),
        (plan, "Plan(rows 3..7, columns 2..8 of 10x20, to 4x6, colors changed)"),
        (pw.Window(0, 1, 2, 3), "Window(y0=0, x0=1, y1=2, x1=3)"),
        (
            pw.Dataset(Path("here"), "arrays", pw.VOC, Splits({"train": lambda: split})),
            "Dataset(arrays at here: 21 classes; splits train)",
        ),
        (pw.VOC, "ClassTable(21 classes: background, aeroplane, bicycle, bird, ...; ignore_index=255)"),
    ):
        assert repr(value) == printed


def test_what_holds_arrays_prints_their_number_not_their_values() -> None:
    split = pw.Split("train", pw.VOC, pw.ArraySource([sample().image] * 3, [sample().label] * 3))
    counts = pw.count_classes(split)[:, :-1]
    confusion = pw.Confusion(21, per_image=True)
    for one in split:
        confusion.update(one.label, one.label)
    for value in (
        pw.RepeatFactor(counts), pw.RareClassSampling(counts), pw.Plans(np.array([[4, 6]])), split[1:].names,
        pw.class_index(split), pw.BoundaryConfusion(21), confusion, confusion.scores(), pw.bootstrap(confusion),
        pw.compare_protocols(confusion), pw.Loader(split, 2), pw.Tiling(512), pw.show(split, 1),
    ):  # fmt: skip
        assert "\n" not in repr(value)
        assert not re.search(r"array\(|object at 0x", repr(value))
        assert value == value
        assert value != 3


def test_samples_are_equal_by_name_and_pixels() -> None:
    one = sample()
    assert one == sample()
    assert one != replace(one, name="b")
    assert one != replace(one, image=one.image + 1)
    assert one != replace(one, label=None)
    assert one != replace(one, instances=one.label)
    assert one != "a"


def test_values_that_hold_arrays_can_be_compared() -> None:
    split = pw.Split("x", pw.VOC, pw.ArraySource([np.zeros((4, 6, 3), np.uint8)] * 3))
    batches = list(pw.Loader(split, 1))
    assert split[1:] != split[:2]
    assert batches[0] == batches[0]
    assert batches[0] != batches[1]


def test_a_finding_as_json_values() -> None:
    finding = pw.Finding("bad", "error", "a.png", "is bad")
    assert finding.to_dict() == {"code": "bad", "severity": "error", "where": "a.png", "what": "is bad", "fix": ""}


def test_a_window_cuts_views() -> None:
    window = pw.Window(1, 2, 3, 6)
    one = replace(sample(), instances=np.ones((4, 6), np.uint16))
    assert window.cut(one.image).shape == (2, 4, 3)
    part = one.cut(window)
    assert np.may_share_memory(part.image, one.image)
    assert part == pw.Sample("a", one.image[1:3, 2:6], one.label[1:3, 2:6])


def test_samples_and_batches_unpack() -> None:
    image, label = sample()
    assert image.shape == (4, 6, 3)
    assert label.shape == (4, 6)
    split = pw.Split("x", pw.VOC, pw.ArraySource([sample().image] * 3, [sample().label] * 3))
    for images, labels in pw.Loader(split, 3):
        assert images.shape == (3, 3, 4, 6)
        assert labels.shape == (3, 4, 6)


def test_unpacking_without_labels_says_so() -> None:
    split = pw.Split("x", pw.VOC, pw.ArraySource([sample().image] * 2))
    for value in (split[0], next(iter(pw.Loader(split, 2)))):
        with pytest.raises(pw.UsageError, match=r"no labels to unpack.*\.image.*no-labels"):
            _, _ = value
