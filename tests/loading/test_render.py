"""The fast paths of the Renderer equal the reference, for every output and every kind of plan."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise import kernels
from pixelwise.loading.render import FILL, Renderer
from pixelwise.transforms.color import (
    ColorJitter,
    Normalize,
    RandomBrightness,
    RandomGamma,
    RandomGrayscale,
    RandomPhotometricDistort,
)
from pixelwise.transforms.geometry import Pad, RandomCrop, RandomResizedCrop, RandomScale, Resize
from pixelwise.transforms.turns import (
    RandomAffine,
    RandomHorizontalFlip,
    RandomRotate90,
    RandomRotation,
    RandomVerticalFlip,
)
from tests.support.rendering import IGNORE, ODD_SIZES, draw, noise, plain, plan, planes, slot

CROP = RandomCrop(20, 30, pad_if_needed=True)
LISTS = {
    "crop and flips": [CROP, RandomHorizontalFlip(), RandomVerticalFlip()],
    "scale": [RandomScale((0.3, 3.0)), RandomCrop(33, 44, pad_if_needed=True), RandomHorizontalFlip()],
    "resize": [Resize(31, 17)],
    "resized crop": [RandomResizedCrop(24, 40)],
    "rotate": [RandomRotation(180)],
    "quarter turns": [RandomRotate90(), CROP],
    "affine": [RandomScale((0.5, 2)), RandomAffine(30, (0.2, 0.2), (0.3, 3), 20, 10), CROP],
    "color of a copy": [ColorJitter(0.4, 0.4, 0.4, 0.1), CROP],
    "tone": [RandomGamma((0.5, 2)), RandomGrayscale(p=0.5), RandomScale((0.5, 2))],
    "distortion": [RandomPhotometricDistort(), Pad(3, divisor=8)],
    "normalized": [RandomScale((0.5, 2)), RandomBrightness((0.5, 1.5)), Normalize()],
    "only normalized": [CROP, Normalize()],
}


@pytest.mark.parametrize("mapped", [False, True], ids=["windows", "mapped"])
@pytest.mark.parametrize("name", LISTS)
def test_float_equals_the_reference(name: str, mapped: bool) -> None:
    samples = noise(ODD_SIZES * 3, seed=1, dtype=np.uint16 if mapped else np.uint8)
    plans = plan(LISTS[name], samples)
    out = draw(plans, samples, "float32", mapped)
    for k, s in enumerate(samples):
        image, label = plain(plans, k, s)
        h, w = plans.size[k]
        np.testing.assert_allclose(planes(out, k, plans), image, atol=2e-5, rtol=2e-6)
        np.testing.assert_array_equal(out.labels[k, :h, :w], label)
        assert (out.labels[k, h:] == IGNORE).all()
        assert (out.labels[k, :, w:] == IGNORE).all()


@pytest.mark.parametrize("output", ["uint8", "uint8-hwc"])
@pytest.mark.parametrize("name", [n for n in LISTS if "normalized" not in n])
def test_bytes_are_the_reference_rounded(name: str, output: str) -> None:
    samples = noise(ODD_SIZES * 2, seed=2)
    plans = plan(LISTS[name], samples)
    out = draw(plans, samples, output)
    for k, s in enumerate(samples):
        image, label = plain(plans, k, s)
        h, w = plans.size[k]
        assert np.abs(planes(out, k, plans) - image * 255.0).max() <= 0.5001
        np.testing.assert_array_equal(out.labels[k, :h, :w], label)


def test_float16_is_float32_rounded() -> None:
    samples = noise(ODD_SIZES * 2, seed=3)
    for name in ("scale", "normalized", "only normalized", "affine"):
        plans = plan(LISTS[name], samples)
        wide, half = draw(plans, samples).images, draw(plans, samples, "float16", mapped=True).images
        np.testing.assert_array_equal(half, wide.astype(np.float16))


@pytest.mark.parametrize("mapped", [False, True], ids=["windows", "mapped"])
@pytest.mark.parametrize("name", LISTS)
def test_interleaved_floats_are_the_planes(name: str, mapped: bool) -> None:
    samples = noise(ODD_SIZES * 2, seed=4)
    plans = plan(LISTS[name], samples)
    wide, pixels = (draw(plans, samples, output, mapped).images for output in ("float32", "float32-hwc"))  # type: ignore[arg-type]
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels.transpose(0, 3, 1, 2), wide)


def test_bfloat16_is_float32_rounded() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="NumPy has no bfloat16")
    samples = noise(ODD_SIZES * 2, seed=3)
    for name in ("scale", "normalized", "only normalized", "affine"):
        plans = plan(LISTS[name], samples)
        wide, half = draw(plans, samples).images, draw(plans, samples, "bfloat16", mapped=True).images
        assert half.dtype == ml_dtypes.bfloat16
        np.testing.assert_array_equal(half.view(np.uint16), wide.astype(ml_dtypes.bfloat16).view(np.uint16))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=50))
def test_bfloat16_rounds_every_number_as_ml_dtypes_does(values: list[float]) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="NumPy has no bfloat16")
    wide, bits = np.array(values, np.float32), np.zeros(len(values), np.uint16)
    kernels.shade.to_bfloat16(wide, bits)
    with np.errstate(over="ignore"):
        assert np.array_equal(bits, wide.astype(ml_dtypes.bfloat16).view(np.uint16))


def test_normalization_is_left_out_of_bytes() -> None:
    samples = noise([(9, 7)])
    plain_bytes = draw(plan([RandomBrightness((0.5, 0.5))], samples), samples, "uint8").images
    np.testing.assert_array_equal(
        draw(plan([RandomBrightness((0.5, 0.5)), Normalize()], samples), samples, "uint8").images, plain_bytes
    )


def test_padding_is_fill_through_the_colors() -> None:
    samples = noise([(4, 4)])
    plans = plan([Pad(2), RandomBrightness((0.5, 0.5)), Normalize()], samples)
    mean, std = (np.array(v) for v in plans.normalize)
    expected = (np.array(FILL) / 255 * 0.5 - mean) / std
    np.testing.assert_allclose(draw(plans, samples).images[0, :, 0, 0], expected, atol=1e-6)
    for list_ in ([Pad(2)], [Pad(2), RandomRotation((10, 10))], [Pad(2), Resize(16, 16)]):
        assert tuple(draw(plan(list_, samples), samples, "uint8").images[0, :, 0, 0]) == FILL


def test_colors_are_clamped_once_at_the_end() -> None:
    samples = noise([(16, 16)])
    there_and_back = draw(plan([RandomBrightness((4, 4)), RandomBrightness((0.25, 0.25))], samples), samples)
    np.testing.assert_allclose(there_and_back.images[0], samples[0].image.transpose(2, 0, 1) / 255, atol=1e-6)
    bright = draw(plan([RandomBrightness((4, 4))], samples), samples).images
    assert bright.max() == 1.0


def test_fill_makes_a_slot_padding() -> None:
    samples = noise([(5, 6), (5, 6)])
    for transforms in ([], [Resize(7, 9)], [RandomRotation((20, 20))]):
        plans = plan(transforms, samples)
        out = slot(plans)
        Renderer(plans, out, "float32", IGNORE).fill(1)
        np.testing.assert_allclose(
            out.images[1], np.broadcast_to(np.array(FILL)[:, None, None] / 255, out.images[1].shape)
        )
        assert (out.labels[1] == IGNORE).all()
        assert (out.images[0] == 77).all()


def test_windows_are_those_of_the_plan_and_small() -> None:
    samples = noise([(400, 500)] * 20)
    for transforms in (
        [RandomCrop(40, 50)],
        [RandomScale((0.5, 2)), RandomCrop(40, 50)],
        [RandomAffine(9), RandomCrop(40, 50)],
    ):
        plans = plan(transforms, samples)
        renderer = Renderer(plans, slot(plans), "float32", IGNORE)
        for k in range(20):
            y0, x0, y1, x1 = window = renderer.window(k)
            assert window == plans[k].window
            assert (y1 - y0) * (x1 - x0) <= (2 * 40 + 20) * (2 * 50 + 20)


def test_an_image_not_in_rows_without_gaps_is_read_right() -> None:
    sample = noise([(12, 10)])[0]
    strange = type(sample)("x", sample.image[:, ::-1][:, ::-1], np.asfortranarray(sample.label))
    reversed_ = type(sample)("x", sample.image[:, ::-1], sample.label[:, ::-1])
    for transforms in ([], [Resize(9, 9)]):
        plans = plan(transforms, [sample])
        expected = draw(plans, [sample])
        out = slot(plans)
        Renderer(plans, out, "float32", IGNORE).write(0, strange)
        np.testing.assert_array_equal(out.images, expected.images)
        np.testing.assert_array_equal(out.labels, expected.labels)
        Renderer(plans, out, "float32", IGNORE).write(0, reversed_)
        np.testing.assert_allclose(out.images, expected.images[..., ::-1], atol=1e-6)
