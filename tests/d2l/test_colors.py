"""From colors to classes, against a plain loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pixelwise as pw
from pixelwise import d2l


def test_names_and_constants() -> None:
    assert list(pw.VOC_NAMES) == d2l.VOC_CLASSES
    assert (d2l.VOC_CLASSES[16], d2l.VOC_CLASSES[20]) == ("pottedplant", "tvmonitor")
    assert d2l.VOC_SEG_COLORS[1] == [128, 0, 0]
    assert d2l.VOC_COLORMAP == d2l.VOC_SEG_COLORS
    assert len(d2l.VOC_COLORMAP) == 21
    assert (d2l.RGB_MEAN.dtype, d2l.RGB_STD.shape) == (np.float32, (3,))


def test_every_public_name_is_there() -> None:
    assert sorted(d2l.__all__, key=str.lower) == sorted(set(d2l.__all__), key=str.lower)
    assert all(hasattr(d2l, name) for name in d2l.__all__)
    listed = set(pw.d2l.__doc__.replace(",", " ").split())
    assert set(d2l.__all__) - {"Planes"} <= listed


def test_both_tables_are_the_same() -> None:
    first, published = d2l.build_colormap(), d2l.voc_colormap2label()
    assert (first.dtype, published.dtype) == (np.int32, np.int64)
    assert np.array_equal(first, published)
    assert np.count_nonzero(first) == 20


COLORS = st.lists(st.tuples(*[st.integers(0, 255)] * 3), unique=True, max_size=40)


@given(COLORS, st.data())
def test_any_colors_against_a_plain_loop(colors: list[tuple[int, int, int]], data: st.DataObject) -> None:
    size = data.draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=7))
    known = data.draw(hnp.arrays(np.int64, size, elements=st.integers(0, len(colors))))
    palette = np.array([*colors, (1, 2, 3)], np.uint8)
    picture = palette[known]
    plain = [[colors.index(tuple(c)) if tuple(c) in colors else 0 for c in row] for row in picture.tolist()]
    table = d2l.build_colormap(colors) if colors else np.zeros(256**3, np.int32)
    assert d2l.colors_to_indices(picture, table).tolist() == plain
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1)).view(d2l.Planes)
    assert d2l.voc_label_indices(planes, table).tolist() == plain
    assert d2l.colors_to_indices(picture.astype(np.int64).tolist(), table).tolist() == plain


def test_tensors_are_taken() -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'pixelwise[torch]'")
    picture = pw.VOC.colors[np.arange(21).reshape(3, 7)]
    table = torch.as_tensor(d2l.voc_colormap2label())
    found = d2l.voc_label_indices(torch.as_tensor(picture).permute(2, 0, 1), table)
    assert np.array_equal(found, np.arange(21).reshape(3, 7))


@pytest.mark.parametrize(
    "colors",
    [
        [(1, 2)],
        [(1, 2, 300)],
        [(-1, 0, 0)],
        [(0.5, 0, 0)],
        [(0, 0, 0)] * 257,
        [(1, 2, 3)] * 2,
        [],
        None,
        [(1, 2, 3), 4],
    ],
)
def test_a_colormap_is_of_rgb_bytes(colors: Any) -> None:
    with pytest.raises(pw.UsageError, match="colors"):
        d2l.build_colormap(colors)


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.full((4, 4, 3), -1), np.full((4, 4, 3), 256),
        np.zeros((4, 4, 3), bool), np.zeros((2, 4, 4, 3), np.uint8), np.ma.masked_all((4, 4, 3), np.uint8), None, "red",
    ],
    ids=range(9),
)  # fmt: skip
def test_colors_of_another_kind_are_refused(wrong: Any) -> None:
    with pytest.raises(pw.UsageError, match="colors"):
        d2l.colors_to_indices(wrong, np.zeros(256**3, np.uint8))


def test_a_table_of_another_size_is_refused() -> None:
    with pytest.raises(pw.UsageError, match="one entry per color"):
        d2l.colors_to_indices(np.zeros((4, 4, 3), np.uint8), np.zeros(256, np.uint8))
