"""Sliding windows as MONAI and mmsegmentation place and weigh them."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.classes import ClassTable
from pixelwise.errors import UsageError
from pixelwise.evaluation.tile_sums import TileSums
from pixelwise.evaluation.tiles import Tiling
from tests.support.oracles import mmseg_windows

SIDE = st.integers(1, 60)
CLASSES = 4
_RNG = np.random.default_rng(0)
_FILTERS = _RNG.normal(size=(CLASSES, 3, 5, 5)).astype(np.float32)


def net(images: Any) -> np.ndarray:
    """A network that sees 5 x 5 pixels, with zeros around what it is given: windows differ at their edges."""
    torch = pytest.importorskip("torch")
    there = torch.nn.functional.conv2d(torch.as_tensor(images), torch.from_numpy(_FILTERS), padding=2)
    return there.numpy()


def image_of(size: tuple[int, int], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def ours(image: np.ndarray, tiling: Tiling, folder: Any) -> tuple[np.ndarray, np.ndarray]:
    """Blended logits, (C, H, W) float64, and the ids that `predict` writes."""
    tiles, logits = tiling.tiles(image.shape[:2]), np.zeros((CLASSES, *image.shape[:2]))
    sums = TileSums("x", image.shape[:2], CLASSES, tiles, "logits", np.uint8)

    def keep(first: int, means: np.ndarray) -> None:
        logits[:, first : first + means.shape[1]] = means

    sums.give(keep, tiling.views)
    pixels = image.transpose(2, 0, 1).astype(np.float32) / 255
    for t in tiles:
        sums.add(t, net(pixels[None, :, t.y0 : t.y0 + t.size[0], t.x0 : t.x0 + t.size[1]].copy())[0])
    split = pw.Split("val", ClassTable(tuple("abcd")), pw.ArraySource([image]))
    pw.predict(net, split, folder, tiling=tiling)
    return logits, np.array(Image.open(folder / f"{split.names[0]}.png"))


def monai(image: np.ndarray, window: Any, overlap: float, mode: str, sigma: float) -> np.ndarray:
    """MONAI's blended logits, float32."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("monai", reason="compared with MONAI: pip install monai")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        infer = importlib.import_module("monai.inferers").sliding_window_inference
        tensor = torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32) / 255)
        found = infer(
            tensor, window, 3, lambda x: torch.from_numpy(net(x)), overlap=overlap, mode=mode, sigma_scale=sigma
        )
    return found[0].numpy()


@pytest.mark.parametrize(
    ("size", "window", "overlap"),
    [((61, 83), (24, 32), 0.25), ((61, 83), (24, 32), 0.5), ((40, 40), (40, 13), 0.0), ((33, 90), (32, 32), 0.625),
     ((50, 51), (17, 50), 0.9), ((20, 31), (20, 31), 0.25), ((97, 41), (40, 41), 1 / 3)],
)  # fmt: skip
@pytest.mark.parametrize(("mode", "sigma"), [("constant", 0.125), ("gaussian", 0.125), ("gaussian", 0.3)])
def test_monai(tmp_path: Any, size: Any, window: Any, overlap: float, mode: str, sigma: float) -> None:
    image = image_of(size, sum(size))
    theirs = monai(image, window, overlap, mode, sigma)
    gaussian = {"blend": "gaussian", "sigma": sigma, "floor": 1e-3} if mode == "gaussian" else {"blend": "uniform"}
    soft, labels = ours(image, Tiling(window, overlap, placement="stride", **gaussian), tmp_path)
    assert np.abs(soft - theirs).max() < 2e-5  # of logits up to 20, in their float32
    best = np.sort(theirs, axis=0)
    sure = best[-1] - best[-2] > 2e-5
    assert sure.mean() > 0.999
    np.testing.assert_array_equal(labels[sure], theirs.argmax(axis=0)[sure])


def test_without_the_floor_or_the_stride_it_is_not_monais(tmp_path: Any) -> None:
    image = image_of((61, 83), 0)
    theirs = monai(image, (24, 32), 0.25, "gaussian", 0.125)
    for k, options in enumerate(({"placement": "even", "floor": 1e-3}, {"placement": "stride"})):
        soft, _ = ours(image, Tiling((24, 32), 0.25, "gaussian", **options), tmp_path / str(k))
        assert np.abs(soft - theirs).max() > 0.01


@settings(max_examples=200)
@given(st.tuples(SIDE, SIDE), st.tuples(SIDE, SIDE), st.data())
def test_windows_are_mmsegmentations(image: Any, window: Any, data: Any) -> None:
    window = (min(window[0], image[0]), min(window[1], image[1]))
    stride = tuple(data.draw(st.integers(1, side)) for side in window)
    tiles = Tiling(window, blend="uniform", stride=stride, placement="stride").tiles(image)
    found = [(t.y0, t.x0, t.y0 + len(t.weight_y), t.x0 + len(t.weight_x)) for t in tiles]
    assert sorted(found) == sorted(mmseg_windows(image, window, stride))
    count = np.zeros(image)
    for y0, x0, y1, x1 in found:
        count[y0:y1, x0:x1] += 1
    for t in tiles:  # each window counts 1 of those that show a pixel
        here = count[t.y0 : t.y0 + len(t.weight_y), t.x0 : t.x0 + len(t.weight_x)]
        np.testing.assert_allclose(t.weight_y[:, None] * t.weight_x, 1 / here)


@settings(max_examples=60)
@given(
    st.tuples(SIDE, SIDE), st.tuples(SIDE, SIDE), st.floats(0, 0.9), st.floats(0.05, 1),
    st.sampled_from(["even", "stride"]), st.sampled_from([(1.0,), (0.5, 1.7)]),
)  # fmt: skip
def test_floored_weights_add_up_to_one(image: Any, window: Any, overlap: float, sigma: float, placement: Any,
                                       scales: Any) -> None:  # fmt: skip
    total = np.zeros(image)
    tiling = Tiling(window, overlap, "gaussian", scales=scales, placement=placement, sigma=sigma, floor=1e-3)
    for tile in tiling.tiles(image):
        assert tile.floored is not None
        weights = tile.floored.at(tile.y0, tile.x0)
        assert weights.shape == (len(tile.weight_y), len(tile.weight_x))
        total[tile.y0 : tile.y0 + weights.shape[0], tile.x0 : tile.x0 + weights.shape[1]] += weights
    np.testing.assert_allclose(total, len(scales), atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [{"stride": (8, 8)}, {"window": (8, 8), "stride": (9, 8)}, {"window": (8, 8), "stride": 0},
     {"placement": "random"}, {"sigma": 0}, {"floor": 2}, {"interpolation": "linear"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Tiling(**options)


def test_scaled_images_are_interpolated_as_asked(tmp_path: Any) -> None:
    torch = pytest.importorskip("torch")
    image, seen = image_of((40, 60), 1), []

    def model(images: np.ndarray) -> np.ndarray:
        seen.append(images.copy())
        return net(images)

    split = pw.Split("val", ClassTable(tuple("abcd")), pw.ArraySource([image]))
    pw.predict(model, split, tmp_path / "ids", tiling=Tiling(scales=(0.5,), interpolation="antialias"))
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    there = torch.nn.functional.interpolate(tensor, size=(20, 30), mode="bilinear", antialias=True)
    assert np.abs(seen[0] - there.numpy()).max() < 1e-5
