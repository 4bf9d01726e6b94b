"""Folders with an image over the limit of pixels, and large labels that are guessed from some of their rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin
from typer.testing import CliRunner

import pixelwise as pw
from pixelwise.cli import app
from pixelwise.codecs.decoding import UNCOMMON_KINDS, decode_numbers, glance
from pixelwise.codecs.png import encode_png
from pixelwise.errors import DataError, FormatError, PackError, PixelwiseError
from pixelwise.formats.guessing import content, counting
from pixelwise.formats.guessing.content import look
from tests.support.making import picture

SMALL, LARGE = (40, 50), (90, 110)
LIMIT = "4500"
"""Twice the small ones, since a pixel of WebP counts as two; less than half of the large ones."""
KINDS = ("png", "tif", "bmp", "gif", "webp", "npy")
NAMED = "the header declares 90 x 110 pixels, the limit is (4,500|2,250) in all; if the image is really that large, "
NAMED += "set the environment variable PIXELWISE_MAX_PIXELS=(9900|19800)"


def save(path: Path, pixels: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, pixels)
    elif path.suffix == ".webp":
        Image.fromarray(pixels).convert("RGB").save(path, lossless=True)
    else:
        Image.fromarray(pixels).save(path)


def label(size: tuple[int, int]) -> Any:
    out = np.zeros(size, np.uint8)
    out[size[0] // 3 : size[0] // 2, 3:20], out[size[0] // 2 : size[0] // 2 + 9] = 1, 2
    return out


def folders(root: Path, kind: str, small: str = "ab", large: str = "c") -> None:
    """Images and labels; of `large` both are over the limit."""
    for k, name in enumerate(small + large):
        size = LARGE if name in large else SMALL
        save(root / f"images/{name}.jpg", picture(k, size))
        save(root / f"masks/{name}.{kind}", label(size))


def run(*args: object) -> tuple[int, str]:
    """The exit code of a command, and what it says in one line."""
    done = CliRunner().invoke(app, [str(a) for a in args])
    error = done.exception if isinstance(done.exception, PixelwiseError) else None
    return getattr(error, "exit_code", done.exit_code), " ".join(f"{done.output} {error or ''}".split())


@pytest.fixture(autouse=True)
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", LIMIT)
    monkeypatch.setenv("COLUMNS", "400")


@pytest.mark.parametrize("large", ["c", "a"])  # the first file is looked at for the layout, the last one is not
@pytest.mark.parametrize("kind", KINDS)
def test_one_that_is_too_large_is_named_with_the_limit_at_every_door(kind: str, large: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    folders(root, kind, "abc".replace(large, ""), large)
    dataset = pw.open(root)
    assert [n for n in dataset.notes if re.search(f"not read: .*masks.{large}.{kind}: {NAMED}", n.what)]
    assert [f.code for f in pw.check(dataset).errors] == ["too-large"] * 2
    others = [s for s in range(3) if dataset["all"].names[s] != large]
    assert all(np.array_equal(np.unique(dataset["all"][s].label), [0, 1, 2]) for s in others)  # type: ignore[arg-type]
    for args in (("check", root), ("stats", root), ("pack", root, tmp_path / "a.pack")):
        code, said = run(*args)
        assert code == 1
        assert "PIXELWISE_MAX_PIXELS=" in said
        assert "the limit is 4,500 in all" in said  # that of the image
    with pytest.raises(PackError):
        pw.open(tmp_path / "a.pack")
    code, said = run("init", root, "-o", tmp_path / "mine.toml")
    assert code == 0
    assert re.search(NAMED, said)
    assert re.search(NAMED, (tmp_path / "mine.toml").read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_where_all_are_too_large_the_largest_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    folders(tmp_path, kind, "", "abc")
    if kind != "npy":  # whose size is not read for a guess
        save(tmp_path / f"masks/a.{kind}", label((80, 90)))
    with pytest.raises(FormatError, match=f"3 names in common .* cannot be read: {NAMED}") as caught:
        pw.open(tmp_path)
    assert caught.value.code == "too-large"
    assert "restore" not in str(caught.value)
    for args in (("check", tmp_path), ("stats", tmp_path), ("init", tmp_path), ("view", tmp_path)):
        code, said = run(*args)
        assert code == 1
        assert re.search(NAMED, said)
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", str(caught.value.fix).rpartition("=")[2])
    assert len(pw.open(tmp_path)["all"]) == 3


def test_the_viewer_says_it_in_place_of_the_picture(tmp_path: Path) -> None:
    pytest.importorskip("starlette", reason="needs pixelwise[view]")
    httpx = pytest.importorskip("httpx")
    folders(tmp_path, "png")
    with pw.view(tmp_path, port=0) as viewer, httpx.Client(base_url=f"http://127.0.0.1:{viewer.port}") as client:
        client.get(viewer.url)
        assert client.get("/whole/0/image").headers["content-type"].startswith("image/")
        for what in ("whole/2/image", "whole/2/label", "small/2/image"):
            assert "PIXELWISE_MAX_PIXELS=9900" in client.get(f"/{what}").json()["error"]


def test_layers_of_one_large_image_do_not_change_what_layers_are(tmp_path: Path) -> None:
    for k, name in enumerate(("a", "b", "c")):
        size = SMALL if name != "a" else LARGE
        save(tmp_path / f"images/{name}.jpg", picture(k, size))
        for n, text in enumerate(("bolt", "nut")):
            mask = np.zeros(size, np.uint8)
            mask[5 + 10 * n : 12 + 10 * n, 5:20] = 255
            save(tmp_path / f"masks/{name}_{text}.png", mask)
    dataset = pw.open(tmp_path)
    assert dataset.classes.names == ("background", "bolt", "nut")
    assert {f.code for f in pw.check(dataset).errors} == {"too-large"}


# -- guesses from some of the rows --------------------------------------------------------------------------------


TIFFS: dict[str, dict[str, Any]] = {
    "strips": {"compression": "tiff_adobe_deflate", "tiffinfo": {278: 8}},
    "plain": {"tiffinfo": {278: 1}},
    "one strip": {"compression": "tiff_lzw", "tiffinfo": {278: 700}},
}


def tiff(path: Path, pixels: Any, how: str) -> bytes:
    options = TIFFS[how]
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in options["tiffinfo"].items():
        info[tag] = value
    Image.fromarray(pixels).save(path, **{**options, "tiffinfo": info})
    return path.read_bytes()


@pytest.mark.parametrize("how", TIFFS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32, "rgb"])
def test_a_glance_at_a_tiff_is_rows_from_all_over(
    how: str, dtype: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "1000000")
    shape = (700, 60, 3) if dtype == "rgb" else (700, 60)
    pixels = np.random.default_rng(0).integers(0, 250, shape).astype(np.uint8 if dtype == "rgb" else dtype)
    data = tiff(tmp_path / "a.tif", pixels, how)
    seen = glance(data, "a.tif", UNCOMMON_KINDS)
    whole = decode_numbers(data, "a.tif", UNCOMMON_KINDS)
    assert np.array_equal(whole.pixels, pixels)
    if how == "one strip":
        assert seen is None
        return
    assert seen is not None
    assert (seen.kind, seen.pixels.dtype, seen.pixels.shape[1:]) == (whole.kind, whole.pixels.dtype, pixels.shape[1:])
    tops = [k * 696 // 15 for k in range(16)]
    assert np.array_equal(seen.pixels, np.concatenate([pixels[y : y + 4] for y in tops]))
    assert (seen.stored is None) == (whole.stored is None)


@pytest.mark.parametrize(("bits", "palette"), [(8, False), (8, True), (16, False)])
def test_a_glance_at_a_png_is_its_first_rows(bits: int, palette: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "10000000")
    pixels = np.random.default_rng(0).integers(0, 200, (3000, 1000)).astype(np.uint8 if bits == 8 else np.uint16)
    colors = np.random.default_rng(1).integers(0, 256, (256, 3), np.uint8) if palette else None
    seen = glance(encode_png(pixels, colors, level=1), "a.png")
    if bits == 16:
        assert seen is None
        return
    assert seen is not None
    assert seen.stored is not None
    assert np.array_equal(seen.pixels, pixels[:2098])
    assert (seen.stored.palette is not None) == palette


def large_files() -> dict[str, Any]:
    """(H, W) or (H, W, 3) pixels by what they are."""
    ys, xs = np.indices((1700, 1500))
    blocks = ((ys // 90 + xs // 70) % 7).astype(np.uint8)
    disc = (((ys - 1500) ** 2 + (xs - 700) ** 2 < 100**2) * 255).astype(np.uint8)  # in the last rows only
    late = blocks.copy()
    late[:1600] = 0
    colors = np.random.default_rng(0).integers(0, 256, (7, 3), np.uint8)
    return {"classes": blocks, "classes in the last rows": late, "mask": disc, "empty": np.zeros_like(disc),
            "full": np.full_like(disc, 1), "wide": blocks.astype(np.uint16) * 300, "colors": colors[blocks],
            "photo": picture(0, (1700, 1500)), "gray photo": picture(0, (1700, 1500))[..., 0],
            "real": (ys * 0.37 + xs).astype(np.float32), "negative": blocks.astype(np.int32) - 1}  # fmt: skip


@pytest.mark.parametrize("kind", ["png", "strips", "plain", "one strip", "npy", "jpg"])
@pytest.mark.parametrize("what", large_files())
def test_a_large_file_is_what_it_is_when_read_whole(
    what: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "10000000")
    pixels = large_files()[what]
    if kind in TIFFS:
        tiff(path := tmp_path / "a.tif", pixels, kind)
    elif pixels.dtype != np.uint8 and kind in ("png", "jpg") and not (kind == "png" and what == "wide"):
        pytest.skip("cannot hold such numbers")
    elif kind == "png":
        (path := tmp_path / "a.png").write_bytes(encode_png(pixels, level=1))
    else:
        save(path := tmp_path / f"a.{kind}", pixels)
    whole = look(tmp_path, path.name)
    monkeypatch.setattr(content, "_LARGE", 1 << 16)
    partly = look(tmp_path, path.name)
    of = [(one.what, one.mode, one.is_layer, one.kind, one.inside is None) for one in (whole, partly)]
    assert of[0] == of[1]
    if whole.inside is not None:
        assert np.array_equal(whole.inside, partly.inside)  # type: ignore[arg-type]


@given(st.lists(st.lists(st.sampled_from([0.0, 1.5, -2.0, float("nan"), 7.0]), min_size=3, max_size=3), min_size=1))
def test_counts_in_parts_are_those_of_all_at_once(rows: list[list[float]]) -> None:
    pixels = np.array(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "_PART", 6)
        parts = counting._in_parts(pixels, lambda some: some, 100)
        colors = counting._colors(np.nan_to_num(pixels).astype(np.int8).astype(np.uint8)[:, None])
    found, counts = np.unique(pixels, return_counts=True)
    assert str(parts) == str(list(zip(found.tolist(), counts.tolist(), strict=True)))
    assert sum(colors.values()) == len(rows)
    assert all(colors[tuple(np.uint8(v) for v in np.nan_to_num(row).astype(np.int8))] for row in pixels)


def test_a_large_tiff_says_what_is_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where Pillow's own limit, which is for pixels, is less."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[42113] = "-9999"
    Image.fromarray(label(SMALL).astype(np.int32)).save(tmp_path / "a.tif", tiffinfo=info)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert counting._nodata(tmp_path / "a.tif") == -9999
    (tmp_path / "b.tif").write_bytes(b"II*\0")
    assert counting._nodata(tmp_path / "b.tif") is None


def test_a_damaged_label_among_others_is_still_named(tmp_path: Path) -> None:
    folders(tmp_path, "png", "ab", "")
    (tmp_path / "masks/a.png").write_bytes((tmp_path / "masks/a.png").read_bytes()[:60])
    with pytest.raises(DataError, match=r"cannot be read: .*copy or download it again"):
        pw.open(tmp_path)
