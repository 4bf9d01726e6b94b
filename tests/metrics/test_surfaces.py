"""Distances between contours: against scipy, MONAI, medpy, and loops over pixels."""

from __future__ import annotations

import importlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import pixelwise as pw
from pixelwise import kernels
from pixelwise.errors import ScoreError, UsageError
from pixelwise.metrics.contours import Comparison, border_map, change_band, contours, pixels_of
from tests.support import plain_contours


def imported(name: str) -> Any:
    """A package that is an oracle, or a skip; what it warns of at import is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(name.partition(".")[0])
        return importlib.import_module(name)


def blobs(seed: int, classes: int, size: tuple[int, int] = (60, 90)) -> np.ndarray:
    """Smooth regions of some classes, which touch the image's edge."""
    rng = np.random.default_rng(seed)
    planes = ndimage.gaussian_filter(rng.random((classes, *size)), (0, 6, 6))
    return planes.argmax(axis=0).astype(np.uint8)


def guess(truth: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    out = np.roll(truth, rng.integers(-3, 4, 2), (0, 1))
    out[rng.random(truth.shape) < 0.01] = 0
    return out


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 200), st.sampled_from([0.001, 0.01, 0.3]),
    st.sampled_from([1.0, 2.5, 0.7, 100.0]), st.sampled_from([1.0, 2.5, 0.7]),
)  # fmt: skip
def test_distances_are_those_of_scipy(
    seed: int, height: int, width: int, share: float, down: float, across: float
) -> None:
    rng = np.random.default_rng(seed)
    others, points = rng.random((height, width)) < share, rng.random((height, width)) < 0.5
    both = Comparison(pixels_of(points), pixels_of(others))
    found = np.sqrt(both.distances(1, (down, across)).squares[: points.sum()])
    if not others.any():
        assert (found == np.inf).all()
        assert both.near(1, 2.5) == (points.sum(), 0, 0, 0)
        return
    expected = ndimage.distance_transform_edt(~others, sampling=(down, across))[points]
    assert np.allclose(found, expected, rtol=1e-14, atol=0)
    whole = ndimage.distance_transform_edt(~others)[points]
    squares, first = both.distances(1)
    assert first == points.sum()
    assert np.array_equal(np.sqrt(squares[:first]), whole), "exact for whole steps"
    back = ndimage.distance_transform_edt(~points)[others] if first else np.full(others.sum(), np.inf)
    assert np.array_equal(np.sqrt(squares[first:]), back)
    for limit in (1.0, 2.5, 28.5, 29.0, 60.0):
        limited = np.sqrt(both.distances(1, limit=limit).squares[:first])
        assert np.array_equal(limited[whole <= limit], whole[whole <= limit])
        assert (limited[whole > limit] > limit).all()
        expected = first, others.sum(), (whole <= limit).sum(), (back <= limit).sum()
        assert both.near(1, limit) == expected


def test_images_of_more_rows_than_16_bits_count() -> None:
    points, others = np.zeros((2, 66_000, 3), bool)
    points[5, 1], others[65_990, 2] = True, True
    assert Comparison(pixels_of(points), pixels_of(others)).distances(1).squares.tolist() == [65_985**2 + 1] * 2


@settings(max_examples=120, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 150), st.sampled_from([2, 3, 300]),
    st.sampled_from(["noise", "blocks"]),
)  # fmt: skip
def test_surfaces_are_those_of_the_plain_path(seed: int, height: int, width: int, classes: int, kind: str) -> None:
    """Bit for bit, for bytes and for wider ids, with void and with predictions outside the classes."""
    rng = np.random.default_rng(seed)
    values = np.array([0, 1, classes - 1, 1000])
    step = 1 if kind == "noise" else 5
    truth, prediction = (
        np.repeat(np.repeat(rng.integers(0, n, (height, width)), step, 0), step, 1)[:height, :width] for n in (4, 4)
    )
    prediction, truth = values[np.where(rng.random(truth.shape) < 0.6, truth, prediction)], values[truth]
    steps = tuple(float(v) for v in rng.choice([1.0, 0.7, 2.3], 2))
    tolerance, percentile = float(rng.choice([0.0, 1.0, 3.5])), float(rng.choice([1.0, 50.0, 95.0, 100.0]))
    options: Any = {"spacing": steps, "tolerance": tolerance, "percentile": percentile}
    confusion = pw.SurfaceConfusion(classes, 1000, boundary=float(rng.choice([0.01, 0.2, 2.0, 40.0])), **options)
    if (truth != 1000).any():
        confusion.update(prediction, truth)
        expected = plain_contours.surface_row(prediction, truth, classes, 1000, confusion)
        assert np.array_equal(confusion._rows[0], expected, equal_nan=True)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 200), st.integers(1, 230))
def test_bands_and_contours_are_those_of_the_plain_path(seed: int, height: int, width: int, reach: int) -> None:
    rng = np.random.default_rng(seed)
    label = (rng.integers(0, 3, (height, width)) * (rng.random((height, width)) < rng.choice([0.01, 0.5]))).astype("u1")
    for w in (reach, 1 + reach % 4):
        assert np.array_equal(change_band(label, w), plain_contours.change_band(label, w))
    found = contours(label)
    for words, image_edge in ((found.bits, True), (found.inner, False)):
        bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(bool)
        expected = sum(plain_contours.inner_edge(label == c, image_edge) for c in range(3))
        assert np.array_equal(bits[:, :width], expected)
        assert not bits[:, width:].any()
        assert found.size >= expected.sum()


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 200), st.sampled_from([1.0, 2.5, 28.5, 29.0, 50.0])
)  # fmt: skip
def test_contours_without_the_edge_are_those_built_alone(seed: int, height: int, width: int, limit: float) -> None:
    """A class after another, as they are counted: what is kept of a plane is what would be made anew."""
    rng = np.random.default_rng(seed)
    sides = [rng.integers(0, 3, (height, width)).astype(rng.choice(["u1", "u2"])) for _ in range(2)]
    sides[1] = np.where(rng.random((height, width)) < 0.7, *sides).astype(sides[0].dtype)
    both = Comparison(*map(contours, sides))
    for c in (1, 0, 2, 7):
        both.distances(c)
        masks = [plain_contours.inner_edge(side == c, False) for side in sides]
        there, back = plain_contours.distances(*masks), plain_contours.distances(*masks[::-1])
        assert both.near(None, limit) == (len(there), len(back), (there <= limit).sum(), (back <= limit).sum())


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.floats(0, 1e6) | st.integers(0, 30).map(float) | st.integers(1020, 1030).map(float), min_size=2),
    st.integers(1, 2**32), st.floats(0.01, 100),
)  # fmt: skip
def test_percentiles_are_those_of_numpy(values: list[float], first: int, share: float) -> None:
    squares, roots = np.array(values), np.sqrt(values)
    first = 1 + first % (len(values) - 1) if len(values) > 2 else 1
    counts, found = np.zeros((3, kernels.distance.COUNTED), np.int64), np.empty(3)
    kernels.distance.percentiles(squares, first, share / 100, np.empty_like(squares), counts, found)
    assert found.tolist() == [np.percentile(part, share) for part in (roots[:first], roots[first:], roots)]


@pytest.mark.parametrize("seed", range(5))
def test_edges_are_those_of_scipy(seed: int) -> None:
    mask = blobs(seed, 3) == 1
    assert np.array_equal(plain_contours.inner_edge(mask, True), mask ^ ndimage.binary_erosion(mask))
    assert np.array_equal(plain_contours.inner_edge(mask, False), mask ^ ndimage.binary_erosion(mask, border_value=1))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(5))
def test_monai_surfaces(seed: int) -> None:
    torch, metrics = imported("torch"), imported("monai.metrics")
    truth = blobs(seed, 4)
    prediction = guess(truth, seed)
    spacing, tolerance = (0.8, 1.7), 2.0
    ours = pw.SurfaceConfusion(4, spacing=spacing, tolerance=tolerance).update(prediction, truth).scores()
    p, t = (torch.from_numpy(np.stack([a == c for c in range(4)])[None]).float() for a in (prediction, truth))
    options = {"include_background": True, "spacing": spacing}
    hd = metrics.compute_hausdorff_distance(p, t, percentile=95, **options)[0].numpy()
    assert np.allclose(ours.hausdorff, hd, rtol=5e-6)
    average = metrics.compute_average_surface_distance(p, t, symmetric=True, **options)[0].numpy()
    assert np.allclose(ours.mean_distance, average, rtol=5e-6)
    unit = pw.SurfaceConfusion(4, tolerance=tolerance, percentile=100).update(prediction, truth).scores()
    dice = metrics.compute_surface_dice(p, t, [tolerance] * 4, include_background=True)[0].numpy()
    assert np.allclose(unit.surface_dice, dice, rtol=5e-6)
    largest = metrics.compute_hausdorff_distance(p, t, include_background=True)[0].numpy()
    assert np.allclose(unit.hausdorff, largest, rtol=5e-6)


@pytest.mark.parametrize("seed", range(5))
def test_medpy_surfaces(seed: int) -> None:
    binary = imported("medpy.metric.binary")
    truth = blobs(seed, 3)
    prediction, spacing = guess(truth, seed), (1.3, 0.6)
    ours = pw.SurfaceConfusion(3, spacing=spacing).update(prediction, truth).scores()
    largest = pw.SurfaceConfusion(3, spacing=spacing, percentile=100).update(prediction, truth).scores()
    for c in range(3):
        masks = prediction == c, truth == c
        assert ours.hausdorff_pooled[c] == pytest.approx(binary.hd95(*masks, voxelspacing=spacing), rel=1e-13)
        assert largest.hausdorff[c] == pytest.approx(binary.hd(*masks, voxelspacing=spacing), rel=1e-13)


def boundary_f_by_loops(prediction: np.ndarray, truth: np.ndarray, c: int, limit: float) -> float:
    """Csurka et al. 2013, section 3, pixel by pixel."""

    def contour(mask: np.ndarray) -> list[tuple[int, int]]:
        height, width = mask.shape
        out = []
        for y, x in np.argwhere(mask):
            sides = [(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)]
            if any(0 <= v < height and 0 <= u < width and not mask[v, u] for v, u in sides):
                out.append((int(y), int(x)))
        return out

    ours, theirs = contour(prediction == c), contour(truth == c)

    def share(points: list[tuple[int, int]], others: list[tuple[int, int]]) -> float:
        near = [any((y - v) ** 2 + (x - u) ** 2 <= limit**2 for v, u in others) for y, x in points]
        return sum(near) / len(near)

    precision, recall = share(ours, theirs), share(theirs, ours)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@pytest.mark.parametrize("boundary", [0.0075, 0.03, 3])
def test_boundary_f_by_loops(boundary: float) -> None:
    truths = [blobs(k, 3, (40, 50)) for k in (0, 3)]
    predictions = [guess(t, k) for k, t in enumerate(truths)]
    confusion = pw.SurfaceConfusion(3, boundary=boundary)
    for p, t in zip(predictions, truths, strict=True):
        confusion.update(p, t)
    limit = boundary if boundary >= 1 else boundary * float(np.hypot(40, 50))
    expected = np.array(
        [[boundary_f_by_loops(p, t, c, limit) for c in range(3)] for p, t in zip(predictions, truths, strict=True)]
    )
    found = confusion.scores()
    assert np.allclose(found.boundary_f, expected.mean(axis=0), rtol=1e-13)
    assert found.mean_boundary_f == pytest.approx(expected.mean(), rel=1e-13)


def test_classes_that_one_side_misses() -> None:
    truth, prediction = np.zeros((2, 8, 9), int)
    truth[2:4, 2:4] = 1
    prediction[5:7, 5:7] = 2
    found = pw.SurfaceConfusion(4).update(prediction, truth).scores()
    assert found.missed.tolist() == [0, 1, 1, 0]
    assert np.isnan(found.hausdorff[1:]).all()
    assert found.surface_dice[1:3].tolist() == found.boundary_f[1:3].tolist() == [0, 0]
    assert np.isnan(found.surface_dice[3])
    full = pw.SurfaceConfusion(2).update(np.zeros((4, 4), int), np.ones((4, 4), int)).scores()
    assert full.boundary_f.tolist() == [0, 0], "without the image's edge neither has a contour"
    assert pw.SurfaceConfusion(2).update(truth, truth).scores().boundary_f.tolist() == [1, 1]
    without = pw.SurfaceConfusion(4, exclude_background=True).update(prediction, truth).scores()
    assert np.isnan(without.surface_dice[0])


def test_void_is_in_neither_mask() -> None:
    truth = blobs(2, 3)
    prediction = guess(truth, 2)
    void = np.zeros(truth.shape, bool)
    void[10:20] = True
    marked = np.where(void, 255, truth)
    found = pw.SurfaceConfusion(3).update(prediction, marked).scores()
    other = pw.SurfaceConfusion(4).update(np.where(void, 3, prediction), np.where(void, 3, truth)).scores()
    assert np.array_equal(found.hausdorff, other.hausdorff[:3])


def test_surfaces_merge_and_are_saved(tmp_path: Path) -> None:
    truths = [blobs(k, 3) for k in range(3)]
    whole, parts = pw.SurfaceConfusion(4, spacing=(1, 2)), [pw.SurfaceConfusion(4, spacing=(1, 2)) for _ in truths]
    for k, (t, part) in enumerate(zip(truths, parts, strict=True)):
        whole.update(guess(t, k), t, f"image{k}")
        part.update(guess(t, k), t, f"image{k}")
    assert parts[0] + parts[1] + parts[2] == whole
    assert pw.SurfaceConfusion.load(whole.save(tmp_path / "surfaces.json")) == whole
    json.dumps(whole.scores().to_dict(), allow_nan=False)
    assert "HD95" in str(whole.scores())
    with pytest.raises(ScoreError, match="counted before"):
        whole.update(truths[0], truths[0], "image0")
    assert len(whole.plain.images.totals) == 3


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: pw.SurfaceConfusion(2, spacing=(1,)), "two numbers"),
        (lambda: pw.SurfaceConfusion(2, spacing=(1, 0)), "spacing must be a number above 0"),
        (lambda: pw.SurfaceConfusion(2, tolerance=-1), "tolerance must be a number from 0"),
        (lambda: pw.SurfaceConfusion(2, percentile=101), "at most 100"),
        (lambda: pw.SurfaceConfusion(2, boundary=0), "boundary must be"),
        (lambda: pw.SurfaceConfusion(2).scores(), "no image"),
        (lambda: pw.SurfaceConfusion(2).update([0], [0]), "one image"),
        (lambda: pw.SurfaceConfusion(2).__iadd__(pw.SurfaceConfusion(2, tolerance=2)), "different options"),
    ],
)
def test_wrong_surfaces(call: Any, says: str) -> None:
    with pytest.raises((ScoreError, UsageError), match=says):
        call()


def test_the_border_map_by_hand() -> None:
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    assert border_map(mask).astype(int).tolist() == [[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
