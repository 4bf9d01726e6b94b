"""Laws of geometry: nothing pulls image and label apart, and nothing is resampled but by the one rule."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.transforms.plans import Plans
from pixelwise.types import Sample
from tests.support.rendering import IGNORE, draw, noise, one, plain, plan, planes

SIDE = st.integers(1, 40)
SIZE = st.tuples(SIDE, SIDE)
SEED = st.integers(0, 2**32)
EXACT = st.one_of(
    st.builds(pw.RandomCrop, SIDE, SIDE, pad_if_needed=st.just(True)),
    st.builds(pw.CenterCrop, SIDE, SIDE, pad_if_needed=st.just(True)),
    st.builds(pw.Pad, st.integers(0, 5), top=st.integers(0, 5), right=st.integers(0, 5), divisor=st.integers(1, 8)),
    st.builds(pw.RandomHorizontalFlip, p=st.sampled_from([0.5, 1.0])),
    st.builds(pw.RandomVerticalFlip, p=st.sampled_from([0.5, 1.0])),
    st.builds(pw.RandomRotate90),
)
SCALING = st.one_of(
    st.builds(pw.RandomScale, st.just((0.4, 2.5)), log=st.booleans()),
    st.builds(pw.Resize, SIDE, SIDE),
    st.builds(pw.ResizeShortest, SIDE, st.one_of(st.none(), SIDE)),
    st.builds(pw.ResizeLongest, SIDE),
    st.builds(pw.RandomResizedCrop, SIDE, SIDE),
)
WARPING = st.one_of(
    st.builds(pw.RandomRotation, st.just(180)),
    st.builds(pw.RandomAffine, st.just(40), st.just((0.1, 0.1)), st.just((0.5, 2.0)), st.just(20), st.just(9)),
)
CHAIN = st.lists(st.one_of(EXACT, SCALING, WARPING), max_size=4)
laws = settings(max_examples=60, deadline=None)


@laws
@given(CHAIN, st.lists(SIZE, min_size=1, max_size=3), SEED)
def test_rendering_equals_the_reference(chain: list[Any], sizes: list[tuple[int, int]], seed: int) -> None:
    samples = noise(sizes, seed % 1000)
    plans = plan(chain, samples, seed)
    out = draw(plans, samples)
    for k, s in enumerate(samples):
        image, label = plain(plans, k, s)
        h, w = plans.size[k]
        assert np.abs(planes(out, k, plans) - image).max() * 255 < 0.01
        np.testing.assert_array_equal(out.labels[k, :h, :w], label)
        assert set(np.unique(out.labels[k])) <= set(np.unique(s.label)) | {IGNORE}


def coordinates(h: int, w: int) -> Sample:
    """Red is the column, green the row, 8 gray levels per pixel; the label counts the pixels."""
    y, x = np.mgrid[0:h, 0:w]
    image = np.stack([8 * x, 8 * y, np.zeros_like(x)], axis=2).astype(np.uint8)
    return Sample("coordinates", image, (y * w + x).astype(np.uint16))


@laws
@given(CHAIN, st.tuples(st.integers(2, 31), st.integers(2, 31)), SEED)
def test_image_and_label_stay_aligned_within_half_a_pixel(chain: list[Any], size: tuple[int, int], seed: int) -> None:
    h, w = size
    sample = coordinates(h, w)
    plans = plan(chain, [sample], seed)
    out = draw(plans, [sample])
    image, label = planes(out, 0, plans) * 255 / 8, out.labels[0][: plans.size[0, 0], : plans.size[0, 1]].astype(int)
    # Away from the edge an average over a box is its middle; at the edge its pixels repeat.
    margin_y, margin_x = (np.ceil(side / 2) for side in plans[0].box)
    y, x = label // w, label % w
    inner = (label != IGNORE) & (x >= margin_x) & (x < w - margin_x) & (y >= margin_y) & (y < h - margin_y)
    if h * w > IGNORE:
        inner &= plain(plans, 0, Sample("", sample.image, np.ones((h, w), np.uint16)))[1] == 1
    assert np.abs(image[0] - x)[inner].max(initial=0) <= 0.5 + 1e-3
    assert np.abs(image[1] - y)[inner].max(initial=0) <= 0.5 + 1e-3


EXACT_TURN = st.one_of(map(st.builds, (pw.RandomHorizontalFlip, pw.RandomVerticalFlip, pw.RandomRotate90)))
TURNING = st.lists(EXACT_TURN, max_size=2)
PLAIN_SCALING = st.one_of(st.builds(pw.RandomScale, st.just((0.4, 2.5))), st.builds(pw.Resize, SIDE, SIDE))
WINDOW = st.one_of(
    st.builds(pw.RandomCrop, SIDE, SIDE, pad_if_needed=st.just(True)),
    st.builds(pw.CenterCrop, SIDE, SIDE, pad_if_needed=st.just(True)),
    st.builds(pw.Pad, SIDE),
)


@laws
@given(TURNING, PLAIN_SCALING, TURNING, WINDOW, TURNING, SIZE, SEED)
def test_fused_equals_step_by_step(
    first: list[Any], scaling: Any, second: list[Any], window: Any, third: list[Any], size: Any, seed: int
) -> None:
    # One step resamples, so that doing the steps one after another in float64 loses nothing. One step is a window,
    # the last except flips, since a window is a view: a later step may bring back what is around it.
    sample = noise([size], seed % 1000)[0]
    chain = [*first, scaling, *second, window, *third]
    plans = plan(chain, [sample], seed)
    fused = planes(draw(plans, [sample]), 0, plans) * 255
    image: np.ndarray = sample.image.astype(np.float64)
    padded = np.zeros(size, np.uint8)  # 1 where a step made padding
    fill = np.array([124.0, 116.0, 104.0])
    so_far = Plans(np.array([size]))
    for t, transform in enumerate(chain):
        step = Plans(so_far.size.copy())
        transform.plan(step, lambda j, t=t: _uniform(seed, t, j))
        transform.plan(so_far, lambda j, t=t: _uniform(seed, t, j))
        part = Sample("", image, padded)  # type: ignore[arg-type]
        stepped, padded = plain(step, 0, part)
        padded[padded == IGNORE] = 1
        image = np.where(padded[..., None] == 1, fill, stepped.transpose(1, 2, 0) * 255)
    _, label = plain(plans, 0, Sample("", sample.image, np.zeros(size, np.uint8)))
    np.testing.assert_array_equal(label == IGNORE, padded == 1)
    assert np.abs(fused - image.transpose(2, 0, 1)).max() < 0.01


def _uniform(seed: int, transform: int, draw_: int) -> np.ndarray:
    from pixelwise.randomness import Draws

    return Draws(seed, 0, np.arange(1)).uniform(transform, draw_)


@laws
@given(st.lists(st.one_of(EXACT, SCALING, WARPING), min_size=3, max_size=3), SIZE, SEED)
def test_plans_compose_associatively(three: list[Any], size: tuple[int, int], seed: int) -> None:
    def planned(start: np.ndarray, steps: list[int]) -> tuple[np.ndarray, np.ndarray]:
        plans = Plans(start)
        for t in steps:
            three[t].plan(plans, lambda j, t=t: _uniform(seed, t, j))
        return np.concatenate([plans.matrix[0], [[0, 0, 1]]]), plans.size.copy()

    whole, size_of_whole = planned(np.array([size]), [0, 1, 2])
    first, a = planned(np.array([size]), [0])
    second, b = planned(a, [1])
    third, c = planned(b, [2])
    ab, _ = planned(np.array([size]), [0, 1])
    bc, _ = planned(a, [1, 2])
    np.testing.assert_array_equal(c, size_of_whole)
    for grouped in (ab @ third, first @ bc, first @ second @ third):
        np.testing.assert_allclose(grouped, whole, atol=1e-9, rtol=1e-9)


@laws
@given(SIZE, SEED)
def test_flip_twice_and_four_turns_are_the_identity(size: tuple[int, int], seed: int) -> None:
    sample = noise([size], seed % 1000)[0]
    across, down, turn = pw.RandomHorizontalFlip(p=1), pw.RandomVerticalFlip(p=1), pw.RandomRotate90
    for chain in (
        [across] * 2,
        [down] * 2,
        [turn(1)] * 4,
        [turn(1), turn(3)],
        [turn(2), across, down],
        [pw.Resize(*size)],
        [],
    ):
        image, label = one(chain, sample)
        np.testing.assert_allclose(image, sample.image.transpose(2, 0, 1), atol=1e-4)
        np.testing.assert_array_equal(label, sample.label)


@laws
@given(SIZE, st.integers(0, 3))
def test_quarter_turns_are_exact(size: tuple[int, int], turns: int) -> None:
    sample = noise([size])[0]
    image, label = one([pw.RandomRotate90(turns)], sample)
    np.testing.assert_array_equal(label, np.rot90(sample.label, turns))
    np.testing.assert_allclose(image.transpose(1, 2, 0), np.rot90(sample.image, turns), atol=1e-4)


@laws
@given(SIZE, SEED)
def test_crop_of_flip_is_flip_of_mirrored_crop(size: tuple[int, int], seed: int) -> None:
    sample = noise([size], seed % 1000)[0]
    rng = np.random.default_rng(seed)
    h, w = (int(rng.integers(1, n + 1)) for n in size)
    y, x = int(rng.integers(size[0] - h + 1)), int(rng.integers(size[1] - w + 1))
    for scale in ([], [pw.Resize(2 * size[0], 3 * size[1])]):
        start = plan(scale, [sample])
        one_way, other_way = (plan(scale, [sample]) for _ in range(2))
        one_way.mirror(np.array([True]), 0)
        one_way.window(np.array([y]), np.array([x]), h, w)
        other_way.window(np.array([y]), start.size[:, 1] - x - w, h, w)
        other_way.mirror(np.array([True]), 0)
        first, second = draw(one_way, [sample]), draw(other_way, [sample])
        np.testing.assert_allclose(first.images, second.images, atol=1e-6)
        np.testing.assert_array_equal(first.labels, second.labels)


@laws
@given(SIZE, SIZE)
def test_nearest_is_that_of_torch_and_pillow(size: tuple[int, int], new: tuple[int, int]) -> None:
    sample = noise([size])[0]
    _, label = one([pw.Resize(*new)], sample)
    # Both round: a point on the edge between two pixels, within float32, may fall to either.
    on_edge = [
        np.abs(p - np.rint(p)) < 1e-4 for p in ((np.arange(n) + 0.5) * o / n for o, n in zip(size, new, strict=True))
    ]
    certain = ~(on_edge[0][:, None] | on_edge[1][None, :])
    pillow = np.asarray(Image.fromarray(sample.label).resize(new[::-1], Image.Resampling.NEAREST))
    np.testing.assert_array_equal(label[certain], pillow[certain])
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(sample.label)[None, None].float()
    exact = torch.nn.functional.interpolate(tensor, size=new, mode="nearest-exact")[0, 0].numpy()
    np.testing.assert_array_equal(label[certain], exact[certain])


def test_a_point_on_the_edge_is_not_lost_to_fused_arithmetic() -> None:
    # 1.44 * 12.5 - 18 is 0 if the product is rounded, and below 0 if it is fused with the difference.
    sample = noise([(1, 5)])[0]
    plans = plan([], [sample])
    plans.matrix[0] = [[1.44, 0, -18], [0, 1, 0]]
    plans.size[0] = 1, 25
    for turn in (0.0, 1e-300):  # the second goes through the kernels for any matrix
        plans.matrix[0, 0, 1] = turn
        expected = plain(plans, 0, sample)[1]
        assert expected[0, 12] == sample.label[0, 0]
        np.testing.assert_array_equal(draw(plans, [sample]).labels[0], expected)


def test_nearest_on_the_edge_takes_the_right_pixel_as_torch_and_pillow_do() -> None:
    sample = noise([(64, 96)])[0]
    _, label = one([pw.Resize(32, 48)], sample)
    np.testing.assert_array_equal(label, sample.label[1::2, 1::2])
    pillow = np.asarray(Image.fromarray(sample.label).resize((48, 32), Image.Resampling.NEAREST))
    np.testing.assert_array_equal(label, pillow)


@pytest.mark.parametrize("new", [(74, 100), (90, 61), (37, 50), (200, 333)])
def test_enlarging_is_the_bilinear_of_opencv_and_torch(new: tuple[int, int]) -> None:
    sample = noise([(37, 50)])[0]
    image, _ = one([pw.Resize(*new)], sample)
    opencv = cv2.resize(sample.image.astype(np.float32), new[::-1], interpolation=cv2.INTER_LINEAR)
    assert np.abs(image - opencv.transpose(2, 0, 1)).max() < 0.05
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(sample.image).permute(2, 0, 1)[None].double()
    there = torch.nn.functional.interpolate(tensor, size=new, mode="bilinear", align_corners=False)[0].numpy()
    assert np.abs(image - there).max() < 0.01


def test_rotation_is_the_bilinear_of_grid_sample_within_one_level() -> None:
    torch = pytest.importorskip("torch")
    sample = noise([(61, 83)])[0]
    plans = plan([pw.RandomRotation((23, 23))], [sample])
    image, label = one([pw.RandomRotation((23, 23))], sample)
    (a, b, c), (d, e, f) = plans[0].matrix
    y, x = np.mgrid[0:61, 0:83] + 0.5
    grid = np.stack([2 * (a * x + b * y + c) / 83 - 1, 2 * (d * x + e * y + f) / 61 - 1], axis=2)
    tensor = torch.from_numpy(sample.image).permute(2, 0, 1)[None].double()
    there = torch.nn.functional.grid_sample(
        tensor, torch.from_numpy(grid)[None], mode="bilinear", padding_mode="border", align_corners=False
    )[0].numpy()
    assert np.abs(image - there)[:, label != IGNORE].max() < 1.0
    # OpenCV rounds source points to 1/32 pixel: on noise it is off by more than a level, which is why it is not used.
    pixels = np.array([[a, b, c + (a + b) / 2 - 0.5], [d, e, f + (d + e) / 2 - 0.5]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    smooth = sample.image.astype(np.float32)
    opencv = cv2.warpAffine(smooth, pixels, (83, 61), flags=how, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(image - opencv.transpose(2, 0, 1))[:, label != IGNORE].max() < 255 * 4 / 32


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 6, 7, 8])
def test_shrinking_does_not_alias(factor: int) -> None:
    # A zone plate: rings whose frequency rises to the edge, where it is beyond what the small image can hold.
    n = 840
    y, x = np.mgrid[0:n, 0:n] - (n - 1) / 2
    plate = np.rint(127.5 + 127.5 * np.cos(np.pi / n * (x**2 + y**2))).astype(np.uint8)
    sample = Sample("plate", np.repeat(plate[..., None], 3, axis=2), np.zeros((n, n), np.uint8))
    m = n // factor
    image = one([pw.Resize(m, m)], sample)[0][0]
    pillow = {
        name: np.asarray(Image.fromarray(plate).resize((m, m), getattr(Image.Resampling, name)), np.float64)
        for name in ("BOX", "BILINEAR", "NEAREST")
    }
    blocks = plate.reshape(m, factor, m, factor).mean(axis=(1, 3))
    assert np.abs(image - blocks).max() < 0.001
    assert np.abs(image - pillow["BOX"]).max() <= 1.0  # Pillow rounds after each of its two passes
    # Where the rings are finer than the new pixels, what should remain is flat gray.
    v, u = np.mgrid[0:m, 0:m] - (m - 1) / 2
    radius = np.hypot(u, v)
    beyond = (radius > 0.75 * m / factor) & (radius < m / 2)
    rest = {name: p[beyond].std() for name, p in pillow.items()} | {"ours": image[beyond].std()}
    assert rest["ours"] < 0.35 * rest["NEAREST"], rest
    assert rest["ours"] <= rest["BOX"] * 1.01
    turned = one([pw.RandomRotate90(1), pw.Resize(m, m)], sample)[0][0]
    assert np.abs(turned - np.rot90(image)).max() < 0.01
