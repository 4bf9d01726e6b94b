"""Polygons and run lengths: pixel for pixel those of pycocotools, where it is installed; plain cases always."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.classes import ClassTable
from pixelwise.errors import LabelError
from pixelwise.formats.rasterize import LabelCanvas, Shape, area, polygon

OLD_ARRAY = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""pycocotools asks for arrays as NumPy 1 did."""
TABLE = ClassTable(("background", "thing"))


def drawn(size: tuple[int, int], shape: Shape) -> Any:
    canvas = LabelCanvas(size, TABLE, 0)
    canvas.add(shape)
    assert np.array_equal(canvas.instances, canvas.label.astype(np.uint16) * shape.number)
    again = LabelCanvas(size, TABLE, 0)  # a canvas is as clean after a shape as before
    again.add(shape)
    again.add(Shape(0, 0, (np.array([[0, 0], [size[1], 0], [size[1], size[0]], [0, size[0]]], np.float64),)))
    assert not again.label.any()
    return canvas.label


def test_a_rectangle_covers_the_pixels_whose_centers_it_holds() -> None:
    label = drawn((6, 8), Shape(1, 3, (polygon([2, 1, 5, 1, 5, 4, 2, 4], ""),)))
    expected = np.zeros((6, 8), np.uint8)
    expected[1:4, 2:5] = 1
    assert np.array_equal(label, expected)


def test_a_shape_of_two_polygons_is_their_union() -> None:
    two = Shape(1, 1, (polygon([0, 0, 3, 0, 3, 3, 0, 3], ""), polygon([2, 2, 6, 2, 6, 6, 2, 6], "")))
    label = drawn((7, 7), two)
    assert int(label.sum()) == 9 + 16 - 1
    assert area(two) == 25


def test_uncompressed_runs_go_down_the_columns() -> None:
    label = drawn((3, 4), Shape(1, 1, runs=np.array([4, 2, 5, 1])))
    expected = np.zeros(12, np.uint8)
    expected[[4, 5, 11]] = 1
    assert np.array_equal(label, expected.reshape(4, 3).T)


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        (Shape(1, 1, runs=np.array([3, 2])), "bad-rle"),
        (Shape(1, 1, runs=np.array([3, 20])), "bad-rle"),
        (Shape(1, 1, runs=np.array([13, -1])), "bad-rle"),
        (Shape(1, 1, runs=b"\x01"), "bad-rle"),
        (Shape(1, 1, runs=b"o"), "bad-rle"),
    ],
)
def test_damaged_runs_are_refused(shape: Shape, code: str) -> None:
    with pytest.raises(LabelError) as caught:
        drawn((3, 4), shape)
    assert caught.value.code == code


@pytest.mark.parametrize("values", [[], [1, 2, 3, 4], [1, 2, 3], ["a"] * 6, [0, 0, 1, 0, float("nan"), 1], [1e9] * 6])
def test_damaged_polygons_are_refused(values: Any) -> None:
    with pytest.raises(LabelError) as caught:
        polygon(values, "test")
    assert caught.value.code == "bad-polygon"


def test_polygons_as_pycocotools_drew_them() -> None:
    """Golden: made by pycocotools 2.0.11, `mask.frPyObjects` of polygons of all sorts, partly outside the image."""
    cases = json.loads((Path(__file__).parent / "polygons.json").read_text())
    assert len(cases) == 80
    for case in cases:
        size = (case["height"], case["width"])
        of_runs = drawn(size, Shape(1, 7, runs=case["counts"].encode()))
        of_points = drawn(size, Shape(1, 7, tuple(polygon(p, "") for p in case["polygons"])))
        assert np.array_equal(of_points, of_runs), case


coordinate = st.one_of(
    st.floats(-20, 80, allow_nan=False, width=32),
    st.integers(-5, 60).map(float),
    st.integers(-50, 600).map(lambda v: v / 10),
    st.integers(-50, 300).map(lambda v: v / 5 - 0.1),
)


@OLD_ARRAY
@settings(max_examples=300)
@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.lists(st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=10), min_size=1, max_size=3),
)
def test_polygons_are_pycocotools_own_pixels(height: int, width: int, parts: Any) -> None:
    mask = pytest.importorskip("pycocotools.mask")
    flat = [np.array(p).reshape(-1).tolist() for p in parts]
    flat = [p + p[:2] * (len(p) == 4) for p in flat]
    runs = mask.merge(mask.frPyObjects(flat, height, width))
    label = drawn((height, width), Shape(1, 7, tuple(polygon(p, "") for p in flat)))
    assert np.array_equal(label, mask.decode(runs))
    assert np.array_equal(drawn((height, width), Shape(1, 7, runs=runs["counts"])), mask.decode(runs))


@OLD_ARRAY
@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_run_lengths_of_any_mask(height: int, width: int, seed: int, share: float) -> None:
    mask = pytest.importorskip("pycocotools.mask")
    pixels = np.asfortranarray(np.random.default_rng(seed).random((height, width)) < share, dtype=np.uint8)
    runs = mask.encode(pixels)["counts"]
    assert np.array_equal(drawn((height, width), Shape(1, 1, runs=runs)), pixels)
    assert area(Shape(1, 1, runs=runs)) == pixels.sum()
