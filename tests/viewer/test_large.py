"""Large images: their tiles are the pixels that the dataset reads, at every scale, whatever they are stored in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.codecs.decoding import decode_image, decode_stored
from pixelwise.codecs.png import encode_png
from pixelwise.types import Window
from pixelwise.viewer import answers, measures, tiles
from pixelwise.viewer.large import Held
from pixelwise.viewer.tiles import Tiled, bands
from tests.support.tree import picture

pytest.importorskip("starlette", reason="needs pixelwise[view]")
pytest.importorskip("uvicorn", reason="needs pixelwise[view]")

SIZE = 1300, 1111
CLASSES = pw.ClassTable(tuple(f"class {i}" for i in range(900)), ignore_index=65_535)


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (answers, measures):
        monkeypatch.setattr(module, "LARGE", 100_000)
    monkeypatch.setattr(tiles, "_REDUCED", 100_000)
    monkeypatch.setattr(tiles, "_ROWS", 256)


def label_of(size: tuple[int, int] = SIZE) -> np.ndarray:
    ys, xs = np.mgrid[: size[0], : size[1]]
    return (ys // 50 * 30 + xs // 50).astype(np.uint16)


def painted(root: Path, kind: str) -> pw.Dataset:
    """A dataset of one sample; the label as the kind demands."""
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    suffix = {"jpeg": "jpg", "png": "png", "tiff": "tif"}[kind]
    options: dict[str, Any] = (
        {"compression": "tiff_lzw"} if kind == "tiff" else {"quality": 95} if kind == "jpeg" else {}
    )
    Image.fromarray(picture(1, SIZE)).save(root / f"images/a.{suffix}", **options)
    label = label_of()
    if kind == "tiff":
        Image.fromarray(label).save(root / "labels/a.tif", compression="tiff_adobe_deflate")
    else:
        (root / "labels/a.png").write_bytes(encode_png(label))
    ending = "tif" if kind == "tiff" else "png"
    text = f'[images]\npath = "images/{{name}}.{suffix}"\n[labels]\npath = "labels/{{name}}.{ending}"\n'
    text += 'kinds = ["tiff"]\n[classes]\nignore_index = 65535\n'
    text += "".join(f'[[class]]\nname = "class {i}"\n' for i in range(900))
    (root / "pixelwise.toml").write_text(text)
    return pw.open(root)


def of_kind(tmp_path: Path, kind: str) -> Any:
    if kind == "array":
        return pw.Split("all", CLASSES, pw.ArraySource([picture(1, SIZE)], [label_of()]))
    if kind in ("raw", "original"):
        pw.pack(painted(tmp_path / "files", "jpeg"), tmp_path / "a.pack", encoding=kind)
        return pw.open(tmp_path / "a.pack")
    return painted(tmp_path / "files", kind)


@contextmanager
def served_by(data: Any, **options: Any) -> Iterator[tuple[pw.Viewer, httpx.Client]]:
    """A viewer, and a client that has opened its address."""
    with (
        pw.view(data, port=0, **options) as viewer,
        httpx.Client(base_url=f"http://127.0.0.1:{viewer.port}", timeout=60) as client,
    ):
        client.get(viewer.url)
        yield viewer, client


@pytest.fixture(params=["jpeg", "png", "tiff", "array", "raw", "original"])
def served(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[pw.Viewer, httpx.Client, Any]]:
    data = of_kind(tmp_path, request.param)
    split = data if isinstance(data, pw.Split) else data[next(iter(data.splits))]
    with served_by(data) as (viewer, client):
        yield viewer, client, split[0]


def ids(answer: httpx.Response) -> np.ndarray:
    pixels = decode_stored(answer.content, "tile").pixels.astype(np.uint16)
    return pixels if pixels.ndim == 2 else pixels[..., 0] + 256 * pixels[..., 1]


def test_tiles_are_the_pixels_that_are_read(served: tuple[pw.Viewer, httpx.Client, Any]) -> None:
    viewer, client, sample = served
    row = client.get("/api/rows?numbers=0").json()[0]
    assert (row["size"], row["tiled"]) == (list(SIZE), True)
    image, label = np.zeros((*SIZE, 3), np.uint8), np.zeros(SIZE, np.uint16)
    for y in range(3):
        for x in range(3):
            place = np.s_[512 * y : 512 * y + 512, 512 * x : 512 * x + 512]
            image[place] = decode_image(client.get(f"/tile/0/image/0/{y}/{x}").content, "tile")
            label[place] = ids(client.get(f"/tile/0/label/0/{y}/{x}"))
    assert np.array_equal(image, sample.image)
    assert np.array_equal(label, sample.label)
    for level in (1, 2):
        found = ids(client.get(f"/tile/0/label/{level}/0/0"))
        size = tuple(min(512, -(-n // (1 << level))) for n in SIZE)
        assert found.shape == size
        ys, xs = (
            np.minimum((np.arange(n) << level) + (1 << level) - 1, whole - 1)
            for n, whole in zip(size, SIZE, strict=True)
        )
        blocks = sample.label[(np.arange(size[0]) << level)[:, None], np.arange(size[1]) << level]
        assert ((found == blocks) | (found == sample.label[ys[:, None], xs])).mean() > 0.99  # labels of 50 x 50 pixels
        seen = decode_image(client.get(f"/tile/0/image/{level}/0/0").content, "tile").astype(float)
        step = 1 << level
        part = sample.image[: step * 256, : step * 256].reshape(256, step, 256, step, 3).mean(axis=(1, 3))
        assert np.abs(seen[:256, :256] - part).mean() < 4  # JPEG
    for x, y in ((0, 0), (SIZE[1] - 1, SIZE[0] - 1), (517, 600)):
        found = client.get(f"/api/at/0?x={x}&y={y}&what=image,label,nothing").json()
        assert found == {"image": sample.image[y, x].tolist(), "label": int(sample.label[y, x])}
    small = client.get("/small/0/image")
    assert decode_image(small.content, "small").shape == (224, 191, 3)
    assert ids(client.get("/small/0/label")).shape == (224, 191)
    viewer._shown.measures.complete()
    counts = client.get("/api/facts/0").json()["counts"]
    values, pixels = np.unique(sample.label, return_counts=True)
    assert counts == {str(v): n for v, n in zip(values.tolist(), pixels.tolist(), strict=True)}
    for path in (
        "/tile/0/image/9/0/0",
        "/tile/0/image/0/3/0",
        "/tile/0/image/0/0/3",
        "/tile/1/image/0/0/0",
        "/tile/0/no/0/0/0",
    ):
        assert client.get(path).status_code == 404, path
    for query in (f"x={SIZE[1]}&y=0", f"x=0&y={SIZE[0]}", "x=-1&y=0", "x=a&y=0", ""):
        assert client.get("/api/at/0?" + query).status_code == 404, query


def test_tiles_of_a_run(tmp_path: Path) -> None:
    data = painted(tmp_path / "files", "tiff")
    truth = data["all"][0].label
    ids_ = np.roll(truth, 20, axis=0).astype(np.int32)
    ids_[:7] = 5000  # not a class
    shown = np.where(ids_ == 5000, 65_535, ids_)
    (tmp_path / "run").mkdir()
    np.save(tmp_path / "run/a.npy", ids_)
    with served_by(data, predictions=tmp_path / "run") as (_, client):
        cut = np.s_[:512, 512:1024]
        assert np.array_equal(ids(client.get("/tile/0/prediction-0/0/0/1")), shown[cut])
        expected = np.where(ids_ == 5000, 3, ids_ != truth)
        assert np.array_equal(ids(client.get("/tile/0/errors-0/0/0/1")), expected[cut])
        mark = (truth == 30) & (ids_ == 0)
        assert np.array_equal(ids(client.get("/tile/0/confused-0-30-0/0/0/0")), mark[:512, :512])
        found = client.get("/api/at/0?x=3&y=2&what=stored,prediction-0,errors-0,faulty-x").json()
        assert found == {"stored": 0, "prediction-0": 65_535, "errors-0": 3}


def test_a_tile_that_cannot_be_read_is_its_error(tmp_path: Path) -> None:
    data = painted(tmp_path / "files", "tiff")
    label = tmp_path / "files/labels/a.tif"
    label.write_bytes(label.read_bytes()[:-2000])
    with served_by(data) as (_, client):
        assert client.get("/tile/0/image/0/0/0").headers["content-type"] == "image/png"
        answer = client.get("/tile/0/label/0/0/0")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        assert answer.json()["code"] in ("truncated", "corrupt")
        assert "error" in client.get("/api/facts/0").json()


def test_a_tiff_beyond_the_limit_is_seen_in_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = painted(tmp_path / "files", "tiff")
    monkeypatch.setenv("PIXELWISE_MAX_PIXELS", "1000000")
    with pytest.raises(pw.DataError, match="the limit is 1,000,000"):
        data["all"][0]
    with served_by(data) as (viewer, client):
        viewer._shown.measures.complete()
        assert client.get("/api/rows?numbers=0").json()[0]["error"] is None
        assert client.get("/small/0/label").headers["content-type"] == "image/png"
        assert np.array_equal(ids(client.get("/tile/0/label/0/1/1")), label_of()[512:1024, 512:1024])


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(0, 4))
def test_tiles_cover_an_image_once(height: int, width: int, level: int) -> None:
    tiled = Tiled(lambda window: None, (height, width), Held(), ())
    step = 512 << level
    found = [
        w for y in range(-(-height // step) + 1) for x in range(-(-width // step) + 1)
        if (w := tiled.window(level, y, x)) is not None
    ]  # fmt: skip
    if level <= max(0, (max(height, width) - 1) // 512).bit_length():
        assert sum((w.y1 - w.y0) * (w.x1 - w.x0) for w in found) == height * width
    else:
        assert not found
    parts = list(bands(Window(0, 0, height, width), 1 << level))
    assert [w.y0 for w in parts] == [0, *(w.y1 for w in parts[:-1])]
    assert parts[-1].y1 == height


def test_what_is_held_is_bounded() -> None:
    held, made = Held(most=1000), []

    def make(k: int) -> np.ndarray:
        made.append(k)
        return np.zeros(600, np.uint8)

    for k in (0, 0, 1, 0, 2, 2, 3):
        held.get((k,), lambda k=k: make(k))
    assert made == [0, 1, 2, 3]
    assert sum(one.nbytes for one in held._known.values()) <= 1600
