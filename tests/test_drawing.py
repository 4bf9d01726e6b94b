"""The blocks that pictures are made of: overlay arithmetic, scaling, text, legend, page, saving."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixelwise import drawing
from pixelwise.classes import VOC, ClassTable, table_of
from pixelwise.drawing import Picture, blocks, pixels
from pixelwise.drawing.blocks import PAPER, STRAY, Style
from pixelwise.drawing.legend import class_color
from pixelwise.errors import PairError, SystemFault, UsageError

RNG = np.random.default_rng(0)


def image_of(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3)).astype(np.uint8)


# -- overlay --------------------------------------------------------------------------------------------


def test_overlay_is_the_weighted_mean_of_image_and_class_colour():
    image, label = image_of(7, 9), np.full((7, 9), 15, np.uint8)
    got = drawing.overlay(image, label, VOC, alpha=0.25, contour=False)
    want = np.floor(image * 0.75 + VOC.colors[15] * 0.25 + 0.5)
    np.testing.assert_array_equal(got, want)


def test_overlay_leaves_a_black_class_untouched_and_does_not_write_into_its_inputs():
    image, label = image_of(6, 8), np.zeros((6, 8), np.uint8)
    label[2:5, 2:5] = 3
    before = image.copy(), label.copy()
    got = drawing.overlay(image, label, VOC, contour=False)
    np.testing.assert_array_equal(got[label == 0], image[label == 0])
    assert (got[label == 3] != image[label == 3]).any()
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(label, before[1])


def test_overlay_alpha_0_is_the_image_and_alpha_1_the_colours():
    image, label = image_of(5, 6), np.full((5, 6), 4, np.uint8)
    np.testing.assert_array_equal(drawing.overlay(image, label, VOC, 0, contour=False), image)
    np.testing.assert_array_equal(drawing.overlay(image, label, VOC, 1, contour=False), VOC.decode(label))
    with pytest.raises(UsageError, match="alpha"):
        drawing.overlay(image, label, VOC, 1.5)


def test_contour_is_white_on_both_sides_of_a_change_and_nowhere_else():
    image, label = np.full((6, 10, 3), 90, np.uint8), np.zeros((6, 10), np.uint8)
    label[:, 5:] = 1
    got = drawing.overlay(image, label, VOC)
    assert (got[:, 4:6] == PAPER).all()
    assert not (got[:, :4] == PAPER).all(axis=2).any()
    assert not (got[:, 6:] == PAPER).all(axis=2).any()


def test_void_is_paler_than_the_image_and_hatched_where_it_is_wide():
    image, label = np.full((60, 60, 3), 40, np.uint8), np.zeros((60, 60), np.uint8)
    label[10:50, 10:50] = 255
    got = drawing.overlay(image, label, VOC)
    assert (got[label == 255] > 40).all()
    assert len(np.unique(got[20:40, 20:40, 0])) == 2  # veil and lines
    narrow = np.zeros((60, 60), np.uint8)
    narrow[10:14] = 255
    assert len(np.unique(drawing.overlay(image, narrow, VOC)[10:14, :, 0])) == 1


def test_an_overlay_of_a_label_of_another_size_is_refused():
    with pytest.raises(PairError, match=r"5x6.*6x5"):
        drawing.overlay(image_of(5, 6), np.zeros((6, 5), np.uint8), VOC)


def test_colorize_is_decode_for_good_labels_and_loud_for_strangers():
    label = RNG.integers(0, 21, (13, 17)).astype(np.uint8)
    label[3] = 255
    np.testing.assert_array_equal(drawing.colorize(label, VOC), VOC.decode(label))
    odd = np.array([[99, -1, 70_000, 1]], np.int64)
    got = drawing.colorize(odd, VOC)
    assert [tuple(c) for c in got[0]] == [STRAY, STRAY, STRAY, tuple(VOC.colors[1])]
    many = table_of([f"c{i}" for i in range(700)], ignore_index=65_535)
    wide = np.array([[699, 65_535]], np.uint16)
    np.testing.assert_array_equal(drawing.colorize(wide, many), many.decode(wide))


def test_error_map_is_red_exactly_where_wrong_outside_void():
    truth = np.zeros((40, 40), np.uint8)
    truth[:, 30:] = 255
    prediction = truth.copy()
    prediction[5:9, 5:9] = 7
    prediction[:, 30:] = 3
    got = drawing.error_map(np.full((40, 40, 3), 120, np.uint8), truth, prediction, 255).astype(int)
    red = got[..., 0] > got[..., 1] + 50
    wanted = np.zeros((40, 40), bool)
    wanted[5:9, 5:9] = True
    np.testing.assert_array_equal(red, wanted)
    everywhere = drawing.error_map(np.full((40, 40, 3), 120, np.uint8), truth, prediction, None).astype(int)
    assert (everywhere[:, 30:, 0] > everywhere[:, 30:, 1] + 50).all()


def test_instances_get_colours_of_their_own_and_the_ground_none():
    instances = np.zeros((20, 60), np.uint16)
    for i in range(5):
        instances[:, 10 * i + 10 :] = [1, 2, 9, 1000, 255][i]
    got = drawing.instance_overlay(np.full((20, 60, 3), 128, np.uint8), instances, 255)
    centres = [tuple(got[10, 10 * i + 5]) for i in range(6)]
    assert len(set(centres[:5])) == 5
    assert len(set(centres[0])) == 1  # grey
    assert all(len(set(c)) == 3 for c in centres[1:5])


# -- scaling --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "box", "want"),
    [
        ((375, 500), (500, 500), (375, 500)),
        ((500, 375), (500, 500), (500, 375)),
        ((1, 1), (500, 500), (64, 64)),
        ((100, 40), (500, 500), (500, 200)),
        ((300, 300), (500, 500), (300, 300)),
        ((1000, 2000), (500, 500), (250, 500)),
        ((1, 90_000), (500, 500), (1, 500)),
    ],
)
def test_fit_shrinks_into_the_box_and_grows_by_whole_factors(size, box, want):
    assert pixels.fit(size, box) == want


@given(
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)), st.tuples(st.integers(1, 900), st.integers(1, 900))
)
def test_fit_never_leaves_the_box(size, box):
    h, w = pixels.fit(size, box)
    assert 1 <= h <= box[0]
    assert 1 <= w <= box[1]


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(1, 60))
def test_scaled_label_is_nearest_by_pixel_centres(h, w, th, tw):
    label = np.arange(h * w, dtype=np.uint16).reshape(h, w)
    got = pixels.scaled_label(label, (th, tw))
    ys = [int((i + 0.5) * h / th + 1e-9) for i in range(th)]
    xs = [int((j + 0.5) * w / tw + 1e-9) for j in range(tw)]
    np.testing.assert_array_equal(got, label[np.ix_(ys, xs)])


def test_scaled_image_averages_areas_and_repeats_pixels():
    image = image_of(8, 12)
    small = pixels.scaled_image(image, (4, 6))
    want = image.reshape(4, 2, 6, 2, 3).mean(axis=(1, 3))
    assert np.abs(small - want).max() <= 0.5 + 1e-6
    np.testing.assert_array_equal(pixels.scaled_image(image, (16, 24)), image.repeat(2, 0).repeat(2, 1))
    assert pixels.scaled_image(image, (8, 12)) is image
    assert pixels.scaled_image(image_of(1, 500), (1, 100)).shape == (1, 100, 3)


# -- text -----------------------------------------------------------------------------------------------


def test_text_escapes_control_characters_and_keeps_one_line():
    shown, _ = blocks.typeset("a\x1b[31m\nb\u202ec\udcff", 20)
    assert shown == r"a\x1b[31m\nb\u202ec\udcff"
    assert blocks.text("a\nb", 20).height == blocks.line_height(20)


@given(st.text(max_size=300), st.integers(30, 400))
@settings(max_examples=40, deadline=None)
def test_text_never_grows_beyond_its_width(content, width):
    assert blocks.text(content, 20, max_width=width).width <= width + 1


def test_long_text_keeps_both_ends():
    name = "JPEGImages/" + "x" * 100_000 + "/2007_000032.jpg"
    shown, font = blocks.typeset(name, 22, 300)
    assert font.getlength(shown) <= 300
    assert shown.startswith("JPEG")
    assert shown.endswith("032.jpg")
    assert shown.count("…") == 1


def test_characters_that_no_font_knows_are_escaped(monkeypatch):
    blocks._knows.cache_clear()
    monkeypatch.setattr(blocks, "_FALLBACK_FONTS", ("no-such-font.ttf",))
    assert blocks.typeset("Straße", 20)[0] == r"Stra\xdfe"
    assert blocks.typeset("Strasse", 20)[0] == "Strasse"


# -- legend ---------------------------------------------------------------------------------------------


def test_shares_are_exact_the_largest_first_ties_by_id():
    label = np.zeros((10, 10), np.uint8)
    label[0, :5], label[1, :5], label[2] = 7, 3, 255
    assert drawing.shares(label) == [(0, 0.8), (255, 0.1), (3, 0.05), (7, 0.05)]


def test_shares_of_a_large_label_are_counted_in_pieces():
    label = np.zeros((3000, 3001), np.uint16)
    label[:, 1500:] = 40_000
    assert drawing.shares(label) == [(40_000, 1501 / 3001), (0, 1500 / 3001)]


@pytest.mark.parametrize(
    ("share", "want"),
    [(1, "100 %"), (0.9999, ">99.9 %"), (0.421, "42.1 %"), (0.00001, "<0.1 %"), (0, "0.0 %")],
)
def test_percent_never_rounds_to_nothing_or_to_all(share, want):
    assert drawing.percent(share) == want


def swatch_order(block: Image.Image, table: ClassTable) -> list[int]:
    """Ids by the first column at which the class's colour fills a swatch (full swatch columns only)."""
    drawn = np.asarray(block).astype(int)
    firsts = {}
    for i in [*range(len(table)), table.ignore_index]:
        color = np.array(class_color(i, table))
        columns = np.flatnonzero((drawn == color).all(axis=2).sum(axis=0) >= 14)
        if len(columns):
            firsts[i] = int(columns[0])
    return sorted(firsts, key=firsts.get)


def test_legend_keeps_the_order_given_and_puts_void_last():
    style = Style()
    present = [(255, "50 %"), (9, "30 %"), (15, ""), (2, "5 %")]
    assert swatch_order(drawing.legend(present, VOC, style, 1540), VOC) == [9, 15, 2, 255]


def test_a_legend_of_150_classes_is_cut_to_its_lines_and_width():
    style = Style()
    table = table_of([f"class number {i} with a name" for i in range(150)])
    present = [(i, "0.7 %") for i in range(150)]
    block = drawing.legend(present, table, style, style.inner)
    assert block.width <= style.inner
    assert block.height < 3 * blocks.line_height(style.px(blocks.SMALL))
    tall = drawing.legend(present, table, style, style.inner, max_lines=100)
    assert tall.height > 10 * block.height
    assert tall.width <= style.inner


def test_a_hostile_class_name_stays_inside_the_legend():
    table = table_of(["\x1b]0;evil\x07" * 50, "b" * 5000, "ok"])
    block = drawing.legend([(0, "50 %"), (1, "30 %"), (2, "20 %")], table, Style(), 700, max_lines=9)
    assert block.width <= 700


# -- page and picture -----------------------------------------------------------------------------------


def page() -> Picture:
    return drawing.page("Title", "subtitle", [blocks.frame(image_of(40, 60))], "footer", Style(800))


def test_a_page_has_the_width_asked_for_and_white_margins():
    drawn = np.asarray(page())
    assert drawn.shape[1] == 800
    assert drawn.dtype == np.uint8
    margin = Style(800).margin
    for edge in (drawn[:20], drawn[-20:], drawn[:, : margin - 1], drawn[:, -margin + 1 :]):
        assert (edge == 255).all()


def test_a_page_beyond_reason_is_refused_before_it_is_drawn():
    block = Image.new("L", (1, 400_000))
    with pytest.raises(UsageError, match="fewer samples"):
        drawing.page("t", "", [block], "f", Style())
    with pytest.raises(UsageError, match="wide"):
        Style(10)


def test_a_notebook_gets_a_png_at_the_density_of_the_page():
    picture = page()
    assert picture._repr_png_().startswith(b"\x89PNG\r\n\x1a\n")
    data, metadata = picture._repr_mimebundle_()
    assert data["image/png"] == picture._repr_png_()
    assert metadata["image/png"]["width"] == 400


def test_numpy_reads_the_pixels():
    picture = page()
    assert np.array(picture).shape == (*picture.size, 3)
    assert np.asarray(picture, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        np.array(picture, copy=False)


@pytest.mark.parametrize(
    ("suffix", "kind"), [("png", "PNG"), ("JPG", "JPEG"), ("webp", "WEBP"), ("tiff", "TIFF")]
)
def test_save_writes_what_the_suffix_says(tmp_path, suffix, kind):
    picture = page()
    path = picture.save(tmp_path / f"out.{suffix}")
    with Image.open(path) as again:
        assert again.format == kind
        assert again.size == picture.image.size
        if kind != "JPEG":
            np.testing.assert_array_equal(np.asarray(again.convert("RGB")), np.asarray(picture))


def test_save_is_deterministic_and_leaves_nothing_beside_it(tmp_path):
    picture = page()
    a, b = picture.save(tmp_path / "a.png"), picture.save(str(tmp_path / "b.png"))
    assert a.read_bytes() == b.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a.png", "b.png"]


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "sheet.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(
        Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(SystemFault, match="No space left"):
        page().save(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["sheet.png"]


def test_save_says_what_is_wrong_with_the_place(tmp_path):
    with pytest.raises(UsageError, match=r"\.png") as wrong:
        page().save(tmp_path / "sheet.gif")
    assert wrong.value.code == "bad-picture-suffix"
    with pytest.raises(SystemFault, match="exists") as missing:
        page().save(tmp_path / "nowhere" / "sheet.png")
    assert missing.value.code == "cannot-write"
    with pytest.raises(UsageError, match=r"\.png"):
        Picture(Image.new("RGB", (1, 20_000))).save(tmp_path / "long.webp")
