"""Class tables: the VOC color map, colors to ids and back, errors that say where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from pixelwise import VOC, ClassTable, voc_colormap
from pixelwise.errors import LabelError, UnknownNameError, UsageError


def test_voc_colormap_has_the_published_colors() -> None:
    colors = voc_colormap()
    assert colors.shape == (256, 3)
    assert colors[[0, 1, 2, 3, 15, 20, 255]].tolist() == [
        [0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [192, 128, 128], [0, 64, 128], [224, 224, 192],
    ]  # fmt: skip
    assert len(np.unique(colors, axis=0)) == 256


def test_voc_colormap_is_the_palette_of_the_real_files(real_voc_root: Path) -> None:
    with Image.open(real_voc_root / "SegmentationClass/2007_000032.png") as image:
        assert np.array_equal(np.array(image.getpalette()).reshape(-1, 3), voc_colormap())


def test_voc_names_and_spellings() -> None:
    assert len(VOC) == 21
    assert VOC.index("potted plant") == VOC.index("pottedplant") == 16
    assert VOC.index("tv/monitor") == 20
    assert VOC.name(255) == "void"
    with pytest.raises(UnknownNameError, match="no class named 'unicorn'"):
        VOC.index("unicorn")


@settings(max_examples=40)
@given(
    hnp.arrays(
        np.uint8,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=40),
        elements=st.sampled_from([*range(21), 255]),
    )
)
def test_encode_inverts_decode(label: np.ndarray) -> None:
    assert np.array_equal(VOC.encode(VOC.decode(label)), label)


@settings(max_examples=25)
@given(st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_any_table_is_exact(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    packed = rng.choice(1 << 24, size=n + 1, replace=False)
    colors = np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=1)
    table = ClassTable(
        tuple(map(str, range(n))), colors[:n], ignore_index=65_535, ignore_color=tuple(map(int, colors[n]))
    )
    label = rng.integers(0, n, (7, 13)).astype(np.uint16)
    label[0, 0] = 65_535
    assert np.array_equal(table.encode(table.decode(label)), label)
    assert ClassTable.from_dict(table.to_dict()) == table


@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 12), st.booleans())
def test_eight_at_once_equals_one_at_a_time(seed: int, size: int, run: int, unknown: bool) -> None:
    rng = np.random.default_rng(seed)
    label = np.repeat(rng.choice(np.array([0, 0, 7, 20, 255], np.uint8), size), run)[None]
    colors = VOC.decode(label)
    shifted = np.empty(colors.size + 1, np.uint8)[1:].reshape(colors.shape)  # unaligned: one at a time
    shifted[:] = colors
    assert np.array_equal(VOC.encode(colors), label)
    assert np.array_equal(VOC.encode(shifted), label)
    if unknown:
        x = int(rng.integers(label.size))
        colors[0, x] = shifted[0, x] = (1, 2, 3)
        for wrong in (colors, shifted):
            with pytest.raises(LabelError, match=f"x={x}, y=0"):
                VOC.encode(wrong)


def test_an_unknown_color_is_named_with_place_number_and_nearest_class() -> None:
    colors = VOC.decode(np.full((9, 11), 15, np.uint8))
    colors[4, 7] = colors[5, 2] = (193, 128, 128)
    with pytest.raises(LabelError) as caught:
        VOC.encode(colors, "somewhere.png")
    assert caught.value.code == "unknown-color"
    for part in (
        "somewhere.png",
        "(193, 128, 128)",
        "2 pixels",
        "x=7, y=4",
        "person (192, 128, 128), 1 away",
    ):
        assert part in str(caught.value)


def test_swapped_channels_are_recognized() -> None:
    colors = VOC.decode(np.array([[3, 12, 7]], np.uint8))[..., ::-1]
    with pytest.raises(LabelError, match="red and blue are swapped"):
        VOC.encode(colors)


def test_decode_refuses_what_is_no_class() -> None:
    with pytest.raises(LabelError, match="21 at x=1, y=0"):
        VOC.decode(np.array([[0, 21]]))


def test_stored_values_map_and_invert() -> None:
    table = ClassTable(("road", "sky"), values={7: 0, 23: 1, 0: 255, 1: 255})
    assert table.value_ids[[7, 23, 0, 2]].tolist() == [0, 1, 255, -1]
    assert table.id_values[[0, 1, 255]].tolist() == [7, 23, 0]


@pytest.mark.parametrize(
    "options",
    [
        {"names": ()},
        {"names": ("a", "a")},
        {"names": ("a",), "colors": np.zeros((2, 3))},
        {"names": ("a", "b"), "ignore_index": 1},
    ],
)
def test_impossible_tables_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        ClassTable(**options)  # type: ignore[arg-type]


def test_more_than_256_classes_need_16_bits_and_have_distinct_colors() -> None:
    table = ClassTable(tuple(map(str, range(3000))), ignore_index=65_535)
    assert table.dtype == np.uint16
    assert len(np.unique(table.colors, axis=0)) == 3000
