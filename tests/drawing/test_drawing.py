"""The blocks that pictures are made of: overlay arithmetic, scaling, text, legend, page, saving."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image
from scipy import ndimage

from pixelwise.classes import VOC, ClassTable
from pixelwise.drawing import blocks, pixels, typesetting
from pixelwise.drawing.charts import confusion_plot, stats_plot
from pixelwise.drawing.legend import class_color, class_name, legend, percent, shares
from pixelwise.drawing.page import Picture, page
from pixelwise.drawing.pixels import colorize, error_map, instance_color, instance_overlay, neighbor_colors, overlay
from pixelwise.drawing.sheets import Planned, Rendering, Scored, _compared, _with_windows, plan_sheet, worst_sheet
from pixelwise.drawing.typesetting import PAPER, STRAY, Style
from pixelwise.errors import PairError, SystemFault, UsageError

RNG = np.random.default_rng(0)


def image_of(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3)).astype(np.uint8)


# -- overlay --------------------------------------------------------------------------------------------


def test_overlay_is_the_weighted_mean_of_image_and_class_color():
    image, label = image_of(7, 9), np.full((7, 9), 15, np.uint8)
    got = overlay(image, label, VOC, alpha=0.25, contour=False)
    want = np.floor(image * 0.75 + VOC.colors[15] * 0.25 + 0.5)
    np.testing.assert_array_equal(got, want)


def test_overlay_leaves_a_black_class_untouched_and_does_not_write_into_its_inputs():
    image, label = image_of(6, 8), np.zeros((6, 8), np.uint8)
    label[2:5, 2:5] = 3
    before = image.copy(), label.copy()
    got = overlay(image, label, VOC, contour=False)
    np.testing.assert_array_equal(got[label == 0], image[label == 0])
    assert (got[label == 3] != image[label == 3]).any()
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(label, before[1])


def test_overlay_alpha_0_is_the_image_and_alpha_1_the_colors():
    image, label = image_of(5, 6), np.full((5, 6), 4, np.uint8)
    np.testing.assert_array_equal(overlay(image, label, VOC, 0, contour=False), image)
    np.testing.assert_array_equal(overlay(image, label, VOC, 1, contour=False), VOC.decode(label))
    with pytest.raises(UsageError, match="alpha"):
        overlay(image, label, VOC, 1.5)


def test_contour_is_white_on_both_sides_of_a_change_and_nowhere_else():
    image, label = np.full((6, 10, 3), 90, np.uint8), np.zeros((6, 10), np.uint8)
    label[:, 5:] = 1
    got = overlay(image, label, VOC)
    assert (got[:, 4:6] == PAPER).all()
    assert not (got[:, :4] == PAPER).all(axis=2).any()
    assert not (got[:, 6:] == PAPER).all(axis=2).any()


def test_void_is_paler_than_the_image_and_hatched_where_it_is_wide():
    image, label = np.full((60, 60, 3), 40, np.uint8), np.zeros((60, 60), np.uint8)
    label[10:50, 10:50] = 255
    got = overlay(image, label, VOC)
    assert (got[label == 255] > 40).all()
    assert len(np.unique(got[20:40, 20:40, 0])) == 2  # veil and lines
    narrow = np.zeros((60, 60), np.uint8)
    narrow[10:14] = 255
    assert len(np.unique(overlay(image, narrow, VOC)[10:14, :, 0])) == 1


def test_the_veil_has_lines_four_pixels_inside_of_the_mask_and_at_the_edge_of_the_image():
    rng = np.random.default_rng(0)
    image = np.zeros((31, 47, 3), np.uint8)
    for share in (0.5, 0.02, 0.002):
        where = rng.random((31, 47)) >= share
        wide = ndimage.binary_erosion(where, np.ones((9, 9)), border_value=1)
        y, x = np.indices(where.shape)
        lines = wide & ((x + y) % 8 < 3)
        got = pixels.hatched(image, where)[..., 0]
        assert set(got[lines].tolist()) <= {76, 77}
        assert set(got[where & ~lines].tolist()) <= {191}
        assert not got[~where].any()


def test_an_overlay_of_a_label_of_another_size_is_refused():
    with pytest.raises(PairError, match=r"5x6.*6x5"):
        overlay(image_of(5, 6), np.zeros((6, 5), np.uint8), VOC)


def test_colorize_is_decode_for_good_labels_and_loud_for_strangers():
    label = RNG.integers(0, 21, (13, 17)).astype(np.uint8)
    label[3] = 255
    np.testing.assert_array_equal(colorize(label, VOC), VOC.decode(label))
    odd = np.array([[99, -1, 70_000, 1]], np.int64)
    got = colorize(odd, VOC)
    assert [tuple(c) for c in got[0]] == [STRAY, STRAY, STRAY, tuple(VOC.colors[1])]
    many = ClassTable([f"c{i}" for i in range(700)], ignore_index=65_535)
    wide = np.array([[699, 65_535]], np.uint16)
    np.testing.assert_array_equal(colorize(wide, many), many.decode(wide))


def test_error_map_is_red_exactly_where_wrong_outside_void():
    truth = np.zeros((40, 40), np.uint8)
    truth[:, 30:] = 255
    prediction = truth.copy()
    prediction[5:9, 5:9] = 7
    prediction[:, 30:] = 3
    got = error_map(np.full((40, 40, 3), 120, np.uint8), prediction, truth, 255).astype(int)
    red = got[..., 0] > got[..., 1] + 50
    wanted = np.zeros((40, 40), bool)
    wanted[5:9, 5:9] = True
    np.testing.assert_array_equal(red, wanted)
    everywhere = error_map(np.full((40, 40, 3), 120, np.uint8), prediction, truth, None).astype(int)
    assert (everywhere[:, 30:, 0] > everywhere[:, 30:, 1] + 50).all()


def test_instances_get_colors_of_their_own_and_the_ground_none():
    instances = np.zeros((20, 60), np.uint16)
    for i in range(5):
        instances[:, 10 * i + 10 :] = [1, 2, 9, 1000, 255][i]
    got = instance_overlay(np.full((20, 60, 3), 128, np.uint8), instances, instances == 255)
    centers = [tuple(got[10, 10 * i + 5]) for i in range(6)]
    assert len(set(centers[:5])) == 5
    assert len(set(centers[0])) == 1  # gray
    assert all(len(set(c)) == 3 for c in centers[1:5])


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


@given(st.tuples(st.integers(1, 3000), st.integers(1, 3000)), st.tuples(st.integers(1, 900), st.integers(1, 900)))
def test_fit_never_leaves_the_box(size, box):
    h, w = pixels.fit(size, box)
    assert 1 <= h <= box[0]
    assert 1 <= w <= box[1]


@settings(max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(1, 60))
def test_scaled_label_is_nearest_by_pixel_centers(h, w, th, tw):
    label = np.arange(h * w, dtype=np.uint16).reshape(h, w)
    got = pixels.scaled_label(label, (th, tw))
    ys = [int((i + 0.5) * h / th + 1e-9) for i in range(th)]
    xs = [int((j + 0.5) * w / tw + 1e-9) for j in range(tw)]
    np.testing.assert_array_equal(got, label[np.ix_(ys, xs)])


@pytest.mark.parametrize(
    ("old", "new"), [((60, 83), (7, 31)), ((9, 500), (9, 77)), ((40, 41), (39, 40)), ((5, 90), (8, 11))]
)
def test_a_pixel_of_a_shrunk_image_is_the_mean_of_its_area(old, new):
    """By a sum that is exact: every pixel is repeated until the new size divides the old one."""
    image = image_of(*old)
    image.flags.writeable = False
    many = image.repeat(new[0], 0).repeat(new[1], 1).astype(np.float64)
    want = many.reshape(new[0], old[0], new[1], old[1], 3).mean(axis=(1, 3))
    assert np.abs(pixels.scaled_image(image, new) - want).max() <= 0.5 + 1e-4


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
    shown = typesetting.typeset("a\x1b[31m\nb\u202ec\udcff", 20).content
    assert shown == r"a\x1b[31m\nb\u202ec\udcff"
    assert blocks.text("a\nb", 20).height == typesetting.line_height(20)


@given(st.text(max_size=300), st.integers(30, 400))
@settings(max_examples=40, deadline=None)
def test_text_never_grows_beyond_its_width(content, width):
    assert blocks.text(content, 20, max_width=width).width <= width + 1


def test_long_text_keeps_both_ends():
    name = "JPEGImages/" + "x" * 100_000 + "/2007_000032.jpg"
    line = typesetting.typeset(name, 22, 300)
    assert 250 < line.width <= 300
    assert line.content.startswith("JPEG")
    assert line.content.endswith("032.jpg")
    assert line.content.count("…") == 1


def test_characters_that_no_font_knows_are_escaped(monkeypatch):
    monkeypatch.setattr(typesetting, "_FALLBACK_FONTS", ("no-such-font.ttf",))
    typesetting._font_for.cache_clear()
    try:
        assert typesetting.typeset("Straße 中", 20).content == r"Stra\xdfe \u4e2d"
        assert typesetting.typeset("Strasse", 20).content == "Strasse"
    finally:
        typesetting._font_for.cache_clear()


def test_a_line_takes_each_character_from_a_font_that_knows_it(monkeypatch):
    monkeypatch.setattr(typesetting, "_font_for", lambda c: "DejaVuSans.ttf" if ord(c) > 127 else "")
    if typesetting._font("DejaVuSans.ttf", 20) is None:
        pytest.skip("DejaVu Sans is not installed")
    line = typesetting._line("aßßb", 20)
    assert [piece for piece, _ in line.pieces] == ["a", "ßß", "b"]
    assert blocks.text("aßßb", 20).width == int(np.ceil(line.width)) + 1


# -- legend ---------------------------------------------------------------------------------------------


def test_shares_are_exact_the_largest_first_ties_by_id():
    label = np.zeros((10, 10), np.uint8)
    label[0, :5], label[1, :5], label[2] = 7, 3, 255
    assert shares(label) == [(0, 0.8), (255, 0.1), (3, 0.05), (7, 0.05)]


def test_shares_of_a_large_label_are_counted_in_pieces():
    label = np.zeros((3000, 3001), np.uint16)
    label[:, 1500:] = 40_000
    assert shares(label) == [(40_000, 1501 / 3001), (0, 1500 / 3001)]


@pytest.mark.parametrize(
    ("share", "want"),
    [(1, "100 %"), (0.9999, ">99.9 %"), (0.421, "42.1 %"), (0.00001, "<0.1 %"), (0, "0.0 %")],
)
def test_percent_never_rounds_to_nothing_or_to_all(share, want):
    assert percent(share) == want


def swatch_order(block: Image.Image, table: ClassTable) -> list[int]:
    """Ids by the first column at which the class's color fills a swatch (full swatch columns only)."""
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
    assert swatch_order(legend(present, VOC, style, 1540), VOC) == [9, 15, 2, 255]


def test_a_legend_of_150_classes_is_cut_to_its_lines_and_width():
    style = Style()
    table = ClassTable([f"class number {i} with a name" for i in range(150)])
    present = [(i, "0.7 %") for i in range(150)]
    block = legend(present, table, style, style.inner)
    assert block.width <= style.inner
    assert block.height < 3 * typesetting.line_height(style.px(typesetting.SMALL))
    tall = legend(present, table, style, style.inner, max_lines=100)
    assert tall.height > 10 * block.height
    assert tall.width <= style.inner


def test_a_hostile_class_name_stays_inside_the_legend():
    table = ClassTable(["\x1b]0;evil\x07" * 50, "b" * 5000, "ok"])
    block = legend([(0, "50 %"), (1, "30 %"), (2, "20 %")], table, Style(), 700, max_lines=9)
    assert block.width <= 700


# -- page and picture -----------------------------------------------------------------------------------


def a_page() -> Picture:
    return page("Title", "subtitle", [blocks.frame(image_of(40, 60))], "footer", Style(800))


def test_a_page_has_the_width_asked_for_and_white_margins():
    drawn = np.asarray(a_page())
    assert drawn.shape[1] == 800
    assert drawn.dtype == np.uint8
    margin = Style(800).margin
    for edge in (drawn[:20], drawn[-20:], drawn[:, : margin - 1], drawn[:, -margin + 1 :]):
        assert (edge == 255).all()


def test_a_page_beyond_reason_is_refused_before_it_is_drawn():
    drawn = []

    def endless():
        while True:
            drawn.append(Image.new("RGB", (10_000, 1000)))
            yield drawn[-1]

    with pytest.raises(UsageError, match="fewer samples"):
        blocks.stack(endless())
    assert len(drawn) == 11
    with pytest.raises(UsageError, match="width must be"):
        Style(10)


def test_a_notebook_gets_a_png_at_the_density_of_the_page():
    picture = a_page()
    assert picture._repr_png_().startswith(b"\x89PNG\r\n\x1a\n")
    data, metadata = picture._repr_mimebundle_()
    assert data["image/png"] == picture._repr_png_()
    assert metadata["image/png"]["width"] == 400


def test_numpy_reads_the_pixels():
    picture = a_page()
    assert np.array(picture).shape == (*picture.size, 3)
    assert np.asarray(picture, np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copied"):
        np.array(picture, copy=False)


@pytest.mark.parametrize(("suffix", "kind"), [("png", "PNG"), ("JPG", "JPEG"), ("webp", "WEBP"), ("tiff", "TIFF")])
def test_save_writes_what_the_suffix_says(tmp_path, suffix, kind):
    picture = a_page()
    path = picture.save(tmp_path / f"out.{suffix}")
    with Image.open(path) as again:
        assert again.format == kind
        assert again.size == picture.image.size
        if kind != "JPEG":
            np.testing.assert_array_equal(np.asarray(again.convert("RGB")), np.asarray(picture))


def test_save_is_deterministic_and_leaves_nothing_beside_it(tmp_path):
    picture = a_page()
    a, b = picture.save(tmp_path / "a.png"), picture.save(str(tmp_path / "b.png"))
    assert a.read_bytes() == b.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a.png", "b.png"]


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "sheet.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(SystemFault, match="No space left"):
        a_page().save(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["sheet.png"]


def test_save_says_what_is_wrong_with_the_place(tmp_path):
    with pytest.raises(UsageError, match=r"\.png") as wrong:
        a_page().save(tmp_path / "sheet.gif")
    assert wrong.value.code == "bad-picture-suffix"
    with pytest.raises(SystemFault, match="exists") as missing:
        a_page().save(tmp_path / "nowhere" / "sheet.png")
    assert missing.value.code == "cannot-write"
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file" / "sheet.png", tmp_path / "zero\0byte.png"):
        with pytest.raises(SystemFault, match="cannot be written"):
            a_page().save(place)
    with pytest.raises(UsageError, match=r"\.png"):
        Picture(Image.new("RGB", (1, 20_000))).save(tmp_path / "long.webp")


# -- charts ------------------------------------------------------------------------------------------------


def place_of(picture, color):
    """(row, column) of the middle of the pixels of a color."""
    return np.argwhere((picture == color).all(axis=-1)).mean(axis=0)


def test_dots_are_where_the_logarithm_is_and_stand_in_order():
    table = ClassTable(["a", "b", "c", "d"], colors=[(200, 0, 0), (0, 200, 0), (0, 0, 200), (9, 9, 9)])
    drawn = np.asarray(stats_plot([1_000, 100_000, 10_000, 0], table))
    (row_a, a), (row_b, b), (row_c, c) = (place_of(drawn, tuple(table.colors[i])) for i in range(3))
    assert row_b < row_c < row_a  # the largest first
    assert not (drawn == (9, 9, 9)).all(axis=-1).any()
    assert b - c == pytest.approx(c - a, abs=2)
    assert c - a > 100
    in_order = np.asarray(stats_plot([1_000, 100_000, 10_000, 0], table, by_size=False))
    rows = [place_of(in_order, tuple(table.colors[i]))[0] for i in range(3)]
    assert rows == sorted(rows)


def test_void_is_the_last_dot_and_not_in_the_shares(monkeypatch):
    from pixelwise.drawing import charts

    said = []
    monkeypatch.setattr(charts, "text", lambda c, *a: said.append(c) or blocks.text(c, *a))
    counts = np.zeros(21, np.int64)
    counts[[0, 15]] = 750, 250
    drawn = np.asarray(stats_plot(counts, VOC, void=10**6))
    assert {"75.0 %", "25.0 %", "1,000,000"} <= set(said)
    assert any(str(c).startswith("19 of 21 classes are absent: aeroplane, ") for c in said)
    (void_row, void), (row, person) = (place_of(drawn, c) for c in (VOC.ignore_color, tuple(VOC.colors[15])))
    assert void_row > row
    assert void > person


@pytest.mark.parametrize("n", [1, 21, 150])
def test_charts_carry_any_number_of_classes(n):
    table = ClassTable([f"class with the name {i} " + "x" * i for i in range(n)])
    counts = np.arange(n) ** 4
    assert stats_plot(counts, table, void=5).image.width == typesetting.STANDARD_WIDTH
    assert stats_plot(np.zeros(n, int), table).image.width == typesetting.STANDARD_WIDTH
    matrix = np.add.outer(counts, np.arange(n))
    plot = confusion_plot(matrix, table)
    assert plot._repr_png_() == confusion_plot(matrix, table)._repr_png_()


def test_confusion_is_blue_on_the_diagonal_red_beside_it_and_gray_without_truth():
    table = ClassTable(["a", "b", "c"], colors=[(1, 1, 1), (2, 2, 2), (3, 3, 3)])
    drawn = np.asarray(confusion_plot([[75, 25, 0], [0, 100, 0], [0, 0, 0]], table)).astype(int)
    from pixelwise.drawing.charts import AGREE, DIFFER, _shade

    def places(color):
        return np.argwhere((drawn == np.array(color)).all(axis=2))

    (full,) = _shade(np.array([1.0]), AGREE)
    (three_quarters,) = _shade(np.array([0.75]), AGREE)
    (quarter,) = _shade(np.array([0.25]), DIFFER)
    bb, aa, ab = (np.median(places(c), axis=0) for c in (full, three_quarters, quarter))
    assert bb[0] > aa[0]
    assert ab[0] == pytest.approx(aa[0], abs=2)
    assert ab[1] == pytest.approx(bb[1], abs=2)
    absent = places((240, 242, 245))
    assert absent[:, 0].min() > places(full)[:, 0].min()
    assert len(absent) > 3 * 60 * 60


def test_a_column_of_strangers_is_drawn_only_where_there_are_some():
    table = ClassTable(["a", "b"])
    square = np.asarray(confusion_plot([[3, 1], [0, 4]], table))
    np.testing.assert_array_equal(square, confusion_plot([[3, 1, 0], [0, 4, 0]], table))
    assert not np.array_equal(square, confusion_plot([[3, 1, 1], [0, 4, 0]], table))


@pytest.mark.parametrize("wrong", [[1, 2], [[1, 2, 3]], [[0.5, 1], [1, 1]], [[-1, 1], [1, 1]]])
def test_wrong_matrices_and_counts_are_refused(wrong):
    table = ClassTable(["a", "b"])
    with pytest.raises(UsageError, match="confusion matrix of 2"):
        confusion_plot(wrong, table)
    with pytest.raises(UsageError, match=r"counts of 2 classes must be \(2,\) whole numbers"):
        stats_plot([1, 2, 3] if np.ndim(wrong) == 1 else wrong, table)


# -- sheets ------------------------------------------------------------------------------------------------


def test_worst_sheet_shows_truth_prediction_and_errors_side_by_side():
    image, truth = image_of(300, 350), np.zeros((300, 350), np.uint8)
    truth[100:200, 100:200] = 8
    prediction = np.roll(truth, 30, axis=1)
    drawn = np.asarray(worst_sheet([Scored("one", image, prediction, truth, 0.4)], VOC))
    tiles = [image, VOC.decode(truth), VOC.decode(prediction), error_map(image, prediction, truth, 255)]
    step = (Style().inner - 3 * 20) // 4 + 20
    x = Style().margin + 1
    y = next(y for y in range(len(drawn) - 300) if (drawn[y, x : x + 350] == image[0]).all())
    for k, tile in enumerate(tiles):
        np.testing.assert_array_equal(drawn[y : y + 300, x + k * step : x + k * step + 350], tile)


def test_shares_below_a_scored_row_are_of_the_pixels_that_count():
    truth = np.array([[0, 0, 8, 255]], np.uint8)
    prediction = np.array([[0, 3, 3, 9]], np.int64)
    assert _compared(prediction, truth, 255) == [
        (0, "66.7 %, predicted 33.3 %"),
        (8, "33.3 %, predicted none"),
        (3, "none, predicted 66.7 %"),
    ]
    assert _compared(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8), 255) == []


def test_predictions_that_are_no_class_are_drawn_and_named():
    truth = np.zeros((50, 60), np.uint8)
    prediction = np.full((50, 60), -3)
    drawn = np.asarray(worst_sheet([Scored("odd", image_of(50, 60), prediction, truth, 0.0)], VOC))
    assert (drawn == STRAY).all(axis=2).sum() > 50 * 60
    assert class_name(-3, VOC) == "id -3 (no class)"
    with pytest.raises(PairError, match="odd"):
        worst_sheet([Scored("odd", image_of(50, 60), prediction[1:], truth, 0.0)], VOC)


@pytest.mark.parametrize("sheet", [worst_sheet, plan_sheet])
def test_an_empty_sheet_is_refused(sheet):
    with pytest.raises(UsageError, match="no sample to show"):
        sheet([], VOC)


@pytest.mark.parametrize("n", [0, 1, 2, 4, 8, 25])
def test_plan_sheet_draws_windows_and_renderings_on_the_page(n):
    image, label = image_of(120, 160), np.zeros((120, 160), np.uint8)
    square = np.array([[10, 10], [90, 10], [90, 90], [10, 90]], float)
    draws = [Rendering(square + 5 * k, image_of(80, 80), label[:80, :80]) for k in range(n)]
    picture = plan_sheet([Planned("p", image, label, draws)], VOC)
    assert picture.image.width == typesetting.STANDARD_WIDTH
    if n:
        shown = np.asarray(picture)
        assert (shown == np.array(pixels.instance_color(n - 1))).all(axis=2).sum() > 500


def test_a_window_is_drawn_where_it_lies_even_outside_the_image():
    image = np.full((100, 200, 3), 90, np.uint8)
    window = np.array([[-50, -20], [50, -20], [50, 60], [-50, 60]], float)
    drawn = _with_windows(Planned("p", image, None, [Rendering(window, image, None)]), 500, None, Style())
    scale = 500 / 250  # from x = -50 to 200
    assert drawn.shape == (240, 500, 3)
    line = (drawn == np.array(pixels.instance_color(0))).all(axis=2)
    assert line[120, round(100 * scale) - 3 : round(100 * scale) + 4].any()  # the right side, x = 50
    assert line[round(80 * scale) - 3 : round(80 * scale) + 4, 100].any()  # the bottom, y = 60
    assert not line[120, 240:].any()
    assert (drawn[230, 480] == 90).all()
    assert (drawn[10, 480] != 90).all()


def test_a_window_larger_than_the_image_keeps_its_four_sides():
    image = np.full((100, 200, 3), 90, np.uint8)
    window = np.array([[-40, -30], [240, -30], [240, 330], [-40, 330]], float)
    drawn = _with_windows(Planned("p", image, None, [Rendering(window, image, None)]), 500, None, Style())
    line = (drawn == np.array(pixels.instance_color(0))).all(axis=2)
    for side in (line[:8], line[-8:], line[:, :8].T, line[:, -8:].T):
        assert (side.any(axis=0).mean(), side.sum(axis=0).max()) >= (0.9, 2)


def test_a_window_far_away_does_not_shrink_the_image_to_nothing():
    image = np.full((100, 100, 3), 90, np.uint8)
    window = np.array([[1e9, 1e9], [2e9, 1e9], [2e9, 2e9], [1e9, 2e9]])
    drawn = _with_windows(Planned("p", image, None, [Rendering(window, image, None)]), 300, None, Style())
    assert (drawn == 90).all(axis=2).sum() > 100 * 100


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=24)))
@settings(max_examples=30, deadline=None)
def test_no_label_whatever_stops_a_drawing(label):
    image = np.zeros((*label.shape, 3), np.uint8)
    for drawn in (
        overlay(image, label, VOC),
        error_map(image, label, label[::-1], 255),
        instance_overlay(image, label, label == 255),
    ):
        assert drawn.shape == image.shape
        assert drawn.dtype == np.uint8
    assert sum(share for _, share in shares(label)) == pytest.approx(1)


def test_objects_that_touch_never_look_alike() -> None:
    rng = np.random.default_rng(3)
    seeds = rng.uniform(0, 80, (40, 2))
    y, x = np.mgrid[:80, :80]
    regions = np.hypot(y[..., None] - seeds[:, 0], x[..., None] - seeds[:, 1]).argmin(axis=-1)
    colors = neighbor_colors(regions, 40)
    for a, b in ((regions[1:], regions[:-1]), (regions[:, 1:], regions[:, :-1])):
        for one, other in {(int(i), int(k)) for i, k in zip(a.flat, b.flat, strict=True) if i != k}:
            assert sum(abs(p - q) for p, q in zip(colors[one], colors[other], strict=True)) > 100
    apart = np.zeros((20, 60), int)
    apart[:, 50:] = 1
    apart[5:15, 5:15] = 2
    assert neighbor_colors(apart, 3)[0] == instance_color(0)


def test_many_absent_classes_are_one_line() -> None:
    table = ClassTable(tuple(f"class {i}" for i in range(60)))
    few = stats_plot(np.r_[np.full(55, 10), np.zeros(5, int)], table)
    many = stats_plot(np.r_[np.full(5, 10), np.zeros(55, int)], table)
    assert many.size[0] < few.size[0] / 3
    assert stats_plot(np.zeros(60, int), table).size[0] < many.size[0]
