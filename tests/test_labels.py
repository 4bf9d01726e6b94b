"""The one rule from stored pixels to class ids: exact or refused; and palettes that show renumbered indices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pixelwise.classes import VOC, ClassTable, voc_colormap
from pixelwise.codecs.png import encode_png
from pixelwise.codecs.stored import Stored
from pixelwise.dataset.sources import Decoding
from pixelwise.errors import FileError, LabelError, PairError
from pixelwise.kernels.values import map_values, outside
from pixelwise.labels import check_pair, count_values, to_ids
from pixelwise.types import Finding

CITY = ClassTable(("road", "sky", "car"), values={7: 0, 23: 1, 26: 2, 0: 255, 255: 255})
MANY = ClassTable(tuple(f"c{i}" for i in range(400)), ignore_index=65_535)


def gray(pixels: object, bits: int = 8) -> Stored:
    return Stored("png", np.array(pixels, np.uint16 if bits == 16 else np.uint8), None, bits)


def code_of(stored: Stored, table: ClassTable = VOC, **options: bool) -> str:
    with pytest.raises(LabelError) as caught:
        to_ids(stored, table, "x.png", **options)
    assert str(caught.value).startswith("x.png: ")
    return caught.value.code


def notes_of(stored: Stored, table: ClassTable = VOC) -> list[str]:
    notes: list[Finding] = []
    to_ids(stored, table, "x.png", notes)
    return [n.code for n in notes]


# -- values -------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9000), st.sampled_from([np.uint8, np.uint16]), st.integers(0, 300),
       st.integers(0, 300), st.integers(0, 3))  # fmt: skip
def test_outside_kernel_equals_numpy(seed: int, n: int, dtype: type, top: int, ignore: int, stray: int) -> None:
    limit = np.iinfo(dtype).max
    top, ignore = min(top, limit), min(ignore, limit)
    rng = np.random.default_rng(seed)
    values = rng.integers(0, top + 1, n).astype(dtype)
    values[rng.random(n) < 0.1] = ignore
    values[rng.integers(0, n, stray)] = rng.integers(0, limit + 1, stray)
    assert outside(values, dtype(top), dtype(ignore)) == bool(((values > top) & (values != ignore)).any())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 500), st.sampled_from([np.uint8, np.uint16]), st.booleans())
def test_mapping_kernels_equal_numpy(seed: int, n: int, dtype: type, holes: bool) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, np.iinfo(dtype).max + 1, n).astype(dtype)
    ids = rng.integers(-1 if holes else 0, 250, 65_536).astype(np.int32)
    out = np.zeros(n, np.uint8)
    assert map_values(values, ids, out) == bool((ids[values] >= 0).all())
    assert np.array_equal(out, ids[values].astype(np.uint8))


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3), st.sampled_from([np.uint8, np.uint16, np.int64]), st.booleans())
def test_counting_values_equals_numpy(data: bytes, repeat: int, dtype: type, wide: bool) -> None:
    values = np.repeat(np.frombuffer(data, np.uint8), 1 + 8 * repeat).astype(dtype)
    values = values * 257 if wide and dtype is not np.uint8 else values
    for pixels in (values, values[1:], values.reshape(-1, 1).repeat(3, axis=1)[:, ::2]):
        found, counts = count_values(pixels)
        assert (found.dtype, counts.dtype) == (np.int64, np.int64)
        wanted = np.unique(pixels, return_counts=True)
        assert (found.tolist(), counts.tolist()) == (wanted[0].tolist(), wanted[1].tolist())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([VOC, CITY, MANY, ClassTable(("a", "b"), ignore_index=None)]),
       st.sampled_from([8, 16]), st.booleans())  # fmt: skip
def test_values_become_ids_exactly_or_raise(seed: int, table: ClassTable, bits: int, valid: bool) -> None:
    rng = np.random.default_rng(seed)
    limit = (1 << bits) - 1
    known = np.flatnonzero(table.value_ids[: limit + 1] >= 0)
    pixels = rng.choice(known, (7, 9))
    if not valid:
        pixels[rng.integers(7), rng.integers(9)] = rng.integers(0, limit + 1)
    stored = gray(pixels, bits)
    wanted = table.value_ids[pixels]
    if (wanted >= 0).all():
        ids = to_ids(stored, table, "x")
        assert ids.dtype == table.dtype
        assert np.array_equal(ids, wanted)
    else:
        assert code_of(stored, table) == "class-out-of-range"


def test_a_label_that_needs_no_change_is_not_copied() -> None:
    stored = gray([[0, 20], [255, 3]])
    assert np.shares_memory(to_ids(stored, VOC, "x"), stored.pixels)


def test_the_message_of_a_stray_value() -> None:
    pixels = np.zeros((5, 8), np.uint8)
    pixels[2, 3] = pixels[4, 4] = 77
    pixels[0, 7] = 30
    with pytest.raises(LabelError) as caught:
        to_ids(gray(pixels), VOC, "dir/a.png")
    assert str(caught.value) == (
        "dir/a.png: value 77 is not a class: 2 pixels, first at x=3, y=2; 2 such values in all (30..77), 3 pixels; "
        "classes are 0..20 and 255 (void); correct the label, or give the class table this value "
        "[class-out-of-range]"
    )
    with pytest.raises(LabelError, match="multiples of 257"):
        to_ids(gray(np.array([[0, 257 * 15]]), 16), VOC, "x")


# -- colors and alpha --------------------------------------------------------------------------------------


def test_colors() -> None:
    ids = np.array([[0, 15], [255, 20]], np.uint8)
    colors = VOC.palette[ids]
    opaque = np.dstack([colors, np.full((2, 2), 255, np.uint8)])
    for pixels in (colors, opaque):
        assert np.array_equal(to_ids(Stored("png", pixels, None, 8), VOC, "x"), ids)
    opaque[1, 0, 3] = 254
    assert code_of(Stored("png", opaque, None, 8)) == "alpha-not-opaque"
    assert code_of(Stored("png", colors + 1, None, 8)) == "unknown-color"
    assert code_of(Stored("png", colors.astype(np.uint16), None, 16)) == "unsupported-label-mode"


def test_gray_with_alpha() -> None:
    for dtype, bits in ((np.uint8, 8), (np.uint16, 16)):
        pixels = np.dstack([np.array([[3, 4]]), np.full((1, 2), np.iinfo(dtype).max)]).astype(dtype)
        assert to_ids(Stored("png", pixels, None, bits), VOC, "x").tolist() == [[3, 4]]
        pixels[0, 1, 1] -= 1
        with pytest.raises(LabelError, match="first at x=1, y=0"):
            to_ids(Stored("png", pixels, None, bits), VOC, "x")


# -- labels that are colors -----------------------------------------------------------------------------------

GRAYS = ClassTable(
    ("road", "background", "sky", "white"), colors=np.array([(128, 64, 128), (0, 0, 0), (85, 85, 85), (255, 255, 255)]),
    values={},
)  # fmt: skip
BITS = [1, 2, 4, 8, 16]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_one_label_in_every_kind_of_file_reads_equal_or_is_refused(seed: int, only_gray: bool) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    grays = rng.choice([0, 17, 51, 85, 119, 170, 204, 255, *rng.integers(0, 256, 4).tolist()], n)
    colors = np.where(rng.random((n, 1)) < (1.1 if only_gray else 0.5), grays[:, None], rng.integers(0, 256, (n, 3)))
    colors = np.unique(colors, axis=0)
    rng.shuffle(colors)
    table = ClassTable(tuple(f"c{i}" for i in range(len(colors))), colors, values={})
    ids = rng.integers(0, len(colors), (int(rng.integers(1, 9)), int(rng.integers(1, 9))))
    rgb = table.colors[ids]

    def read(data: bytes) -> list[list[int]]:
        return np.asarray(Decoding().label(data, table, "x.png")).tolist()

    assert read(encode_png(rgb)) == ids.tolist()
    order = rng.permutation(len(colors))  # the indices say nothing
    assert read(encode_png(np.argsort(order)[ids].astype(np.uint8), table.colors[order])) == ids.tolist()
    gray = (rgb == rgb[..., :1]).all()
    for bits in BITS:
        values = rgb[..., 0].astype(np.uint32) * (2**bits - 1)
        if gray and not (values % 255).any():
            stored = Stored("png", (values // 255).astype(np.uint16 if bits == 16 else np.uint8), None, bits)
            assert to_ids(stored, table, "x.png").tolist() == ids.tolist()
    if len(colors) < 256:  # the same label as class numbers: read as the colors that it would be, or refused
        stored = Stored("png", ids.astype(np.uint8), None, 8)
        if all((v, v, v) in table.color_ids for v in np.unique(ids).tolist()):
            assert (table.decode(to_ids(stored, table, "x.png")) == ids[..., None]).all()
        else:
            assert code_of(stored, table) == "unknown-color"


@pytest.mark.parametrize("bits", BITS)
def test_a_black_gray_label_is_the_class_of_black(bits: int) -> None:
    black = gray(np.zeros((3, 4)), bits)
    assert (to_ids(black, GRAYS, "x.png") == GRAYS.index("background")).all()
    white = gray(np.full((3, 4), 2**bits - 1), bits)
    assert (to_ids(white, GRAYS, "x.png") == GRAYS.index("white")).all()
    if bits >= 8:
        with_alpha = Stored("png", np.dstack([black.pixels, white.pixels]), None, bits)
        assert (to_ids(with_alpha, GRAYS, "x.png") == GRAYS.index("background")).all()


def test_class_numbers_among_colors_are_refused_with_the_reason() -> None:
    with pytest.raises(LabelError) as caught:
        to_ids(gray([[0, 1], [1, 3]]), GRAYS, "x.png")
    assert caught.value.code == "unknown-color"
    assert "the gray value 1 is (1, 1, 1), which is not a class: 2 pixels, first at x=1, y=0" in str(caught.value)
    assert "2 such values in all, 3 pixels" in str(caught.value)
    assert "values" in str(caught.value)
    for wide in ([[0, 7]], [[255]], [[256]]):  # an 8-bit value in 16 bits is nearly black, and no color of 8 bits
        assert code_of(gray(wide, 16), GRAYS) == "unknown-color"
    beyond = with_palette([[0, 2]], np.array([(0, 0, 0), (128, 64, 128)], np.uint8))
    assert code_of(beyond, GRAYS) == "unknown-color"


def test_a_table_of_colors_survives_as_data() -> None:
    again = ClassTable.from_dict(GRAYS.to_dict())
    assert again == GRAYS
    assert again.by_color
    assert not ClassTable(("a",)).by_color
    assert not CITY.by_color
    assert notes_of(gray([[0, 1]], 1), GRAYS) == []


# -- palettes -----------------------------------------------------------------------------------------------


def with_palette(pixels: object, palette: np.ndarray) -> Stored:
    return Stored("png", np.array(pixels, np.uint8), np.ascontiguousarray(palette, np.uint8), 8)


def test_every_compacted_palette_is_refused() -> None:
    """An editor keeps only the used colors and renumbers: refused whenever an index changed its class."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        used = np.sort(rng.choice(21, rng.integers(1, 21), replace=False))
        if rng.random() < 0.5:
            used = np.append(used, 255)
        new = rng.permutation(len(used)) if rng.random() < 0.5 else np.arange(len(used))
        palette = VOC.palette[used][np.argsort(new)]
        stored = with_palette(new[None, :], palette)
        if np.array_equal(new, used):
            assert np.array_equal(to_ids(stored, VOC, "x")[0], used)
        else:
            assert code_of(stored) == "palette-conflict"


@pytest.mark.parametrize(
    "palette",
    [
        np.repeat(np.arange(256)[:, None], 3, 1),  # gray
        np.random.default_rng(1).integers(1, 127, (256, 3)),  # colors of nothing
        np.vstack([voc_colormap(21), np.zeros((235, 3))]),  # padded with black, so that void looks like background
        np.vstack([voc_colormap(255), [[255, 255, 255]]]),  # void in white
    ],
)
def test_palettes_that_say_nothing_else_are_noted(palette: np.ndarray) -> None:
    ids = np.array([[0, 1, 7], [15, 20, 255]], np.uint8)
    stored = with_palette(ids, palette)
    assert np.array_equal(to_ids(stored, VOC, "x"), ids)
    assert notes_of(stored) == ["palette-differs"]


def test_the_tables_own_palette_raises_no_note() -> None:
    for n in (256, 21):
        assert notes_of(with_palette([[0, 1, 20]], voc_colormap(n))) == []
    assert notes_of(with_palette([[0, 1, 255]], voc_colormap(21))) == ["index-beyond-palette"]


def test_one_exchange_is_a_recolored_palette_but_not_in_a_small_table() -> None:
    palette = voc_colormap()
    palette[[7, 15]] = palette[[15, 7]]
    assert notes_of(with_palette([[0, 7, 15]], palette)) == ["palette-differs"]
    palette[[1, 2]] = palette[[2, 1]]
    assert code_of(with_palette([[0, 7, 15]], palette)) == "palette-conflict"
    two = ClassTable(("no", "yes"))
    assert code_of(with_palette([[0, 1]], two.colors[::-1]), two) == "palette-conflict"


def test_the_palette_of_a_table_with_values() -> None:
    palette = np.zeros((256, 3), np.uint8)
    palette[[7, 23, 26]] = CITY.colors
    palette[[0, 255]] = CITY.ignore_color
    assert to_ids(with_palette([[7, 23, 26, 0]], palette), CITY, "x").tolist() == [[0, 1, 2, 255]]
    palette[[7, 23, 26]] = CITY.colors[[1, 2, 0]]
    assert code_of(with_palette([[7, 23]], palette), CITY) == "palette-conflict"


def test_the_check_can_be_left_out() -> None:
    stored = with_palette([[0, 1]], VOC.palette[[0, 15]])
    assert code_of(stored) == "palette-conflict"
    assert to_ids(stored, VOC, "x", check_palette=False).tolist() == [[0, 1]]


def test_a_value_without_class_and_a_color_without_class() -> None:
    palette = np.random.default_rng(1).integers(1, 127, (256, 3))
    assert code_of(with_palette([[0, 99]], palette)) == "palette-conflict"
    assert code_of(with_palette([[0, 99]], voc_colormap())) == "class-out-of-range"
    assert code_of(with_palette([[0, 99]], np.repeat(np.arange(256)[:, None], 3, 1))) == "class-out-of-range"


# -- content ------------------------------------------------------------------------------------------------


def test_content_notes() -> None:
    assert notes_of(gray([[255, 255]])) == ["no-valid-pixels"]
    assert notes_of(gray([[3, 255]])) == ["single-class"]
    assert notes_of(gray([[3, 4]])) == []
    assert notes_of(gray([[0, 255]])) == ["binary-mask"]
    assert notes_of(gray([[0, 1]], bits=1)) == ["binary-mask"]
    binary = ClassTable(("no", "yes"), values={0: 0, 255: 1})
    assert notes_of(gray([[0, 255]]), binary) == []
    assert notes_of(gray([[0, 1]], bits=1), ClassTable(("no", "yes"))) == []


def test_pairs() -> None:
    check_pair((3, 4), (3, 4), "x")
    with pytest.raises(PairError, match="EXIF") as caught:
        check_pair((3, 4), (4, 3), "x")
    assert caught.value.code == "size-mismatch"
    with pytest.raises(PairError, match="the label is 3 high and 5 wide, its image 3 high and 4 wide"):
        check_pair((3, 4), (3, 5), "x")


# -- files --------------------------------------------------------------------------------------------------


def test_kinds_that_the_format_must_allow(tmp_path: Path) -> None:
    ids = np.array([[0, 15, 255], [20, 7, 7]], np.uint8)
    for name, array in (("a.npy", ids), ("b.npy", ids.astype(np.int64)), ("c.npy", np.asfortranarray(ids))):
        np.save(tmp_path / name, array)
    image = Image.fromarray(ids)
    image.save(tmp_path / "a.tif")
    image.save(tmp_path / "a.bmp")
    indexed = image.copy()
    indexed.putpalette(voc_colormap().reshape(-1).tolist())
    indexed.save(tmp_path / "a.gif", optimize=False)
    indexed.save(tmp_path / "compacted.gif")
    image.convert("RGB").save(tmp_path / "a.webp", lossless=False)
    allow = frozenset({"npy", "tiff", "bmp", "gif", "webp"})
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(FileError) as refused:
            Decoding().label(path.read_bytes(), VOC, path)
        assert refused.value.code == "unsupported-format"
        if (code := {"a.webp": "lossy-label", "compacted.gif": "palette-conflict"}.get(path.name)) is not None:
            with pytest.raises(LabelError) as caught:  # Pillow renumbers the colors of a GIF unless told not to
                Decoding(allow).label(path.read_bytes(), VOC, path)
            assert caught.value.code == code
        else:
            assert np.array_equal(Decoding(allow).label(path.read_bytes(), VOC, path), ids), path


def test_labels_of_a_voc_tree(voc_root: Path) -> None:
    for path in sorted((voc_root / "SegmentationClass").glob("*.png"))[::8]:
        notes: list[Finding] = []
        label = Decoding().label(path.read_bytes(), VOC, path, notes)
        with Image.open(path) as opened:
            assert np.array_equal(label, np.array(opened))
            colors = np.array(opened.convert("RGB"))
        assert np.array_equal(Decoding().label(encode_png(colors), VOC, "rgb.png"), label)
        assert {n.code for n in notes} <= {"single-class"}


def test_the_chapters_pixels(real_voc_root: Path) -> None:
    """The textbook prints rows 105..114, columns 130..139 of this label."""
    path = real_voc_root / "SegmentationClass" / "2007_000032.png"
    rows = Decoding().label(path.read_bytes(), VOC, path)[105:115, 130:140]
    printed = ["0000000001", "0000000111", "0000001111", "0000011111", "0000011111",
               "0000111111", "0000011111", "0000011111", "0000001111", "0000000011"]  # fmt: skip
    with_void = np.array([[int(c) for c in row] for row in printed], np.uint8)
    assert np.array_equal(np.where(rows == 255, 0, rows), with_void)
    assert (rows == 255).any()
