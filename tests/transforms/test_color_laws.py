"""Color: each transform against torchvision's definition, written down here in NumPy, and how far it differs."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import UsageError
from pixelwise.types import Sample
from tests.support.rendering import draw, noise, one, plan


def gray(image: np.ndarray) -> np.ndarray:
    """torchvision's rgb_to_grayscale, without rounding."""
    return image @ np.array([0.2989, 0.587, 0.114])


def hsv_shift(image: np.ndarray, shift: float) -> np.ndarray:
    """torchvision's adjust_hue, pixel by pixel."""

    def turned(rgb: np.ndarray) -> tuple[float, float, float]:
        h, s, v = colorsys.rgb_to_hsv(*rgb)
        return colorsys.hsv_to_rgb((h + shift) % 1.0, s, v)

    return np.apply_along_axis(turned, 2, image)


def ours(transform: Any, sample: Sample) -> np.ndarray:
    return (one([transform], sample)[0] / 255).transpose(1, 2, 0)


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 1.7])
def test_brightness_saturation_and_grayscale_are_torchvisions(factor: float) -> None:
    sample = noise([(13, 11)])[0]
    image = sample.image / 255
    brighter = np.clip(image * factor, 0, 1)
    np.testing.assert_allclose(ours(pw.RandomBrightness((factor, factor)), sample), brighter, atol=1e-5)
    blend = np.clip(factor * image + (1 - factor) * gray(image)[..., None], 0, 1)
    np.testing.assert_allclose(ours(pw.RandomSaturation((factor, factor)), sample), blend, atol=2e-4)
    grays = np.repeat(gray(image)[..., None], 3, 2)
    np.testing.assert_allclose(ours(pw.RandomGrayscale(p=1), sample), grays, atol=2e-4)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.2])
def test_gamma_is_torchvisions(gamma: float) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    sample = Sample("x", np.stack([levels, levels.T, 255 - levels], axis=2), levels)
    np.testing.assert_allclose(ours(pw.RandomGamma((gamma, gamma)), sample), (sample.image / 255) ** gamma, atol=1e-5)


@pytest.mark.parametrize("factor", [0.6, 1.4])
def test_contrast_differs_from_torchvisions_by_the_distance_of_the_mean_grays(factor: float) -> None:
    sample = noise([(30, 30)])[0]
    dim = Sample("x", sample.image // 3 + 60, sample.label)  # nothing leaves 0..1, so nothing is clamped
    image = dim.image / 255
    mean = gray(image).mean()
    theirs = factor * image + (1 - factor) * mean
    difference = ours(pw.RandomContrast((factor, factor)), dim) - theirs
    np.testing.assert_allclose(difference, (1 - factor) * (0.459 - mean), atol=5e-4)
    np.testing.assert_allclose(ours(pw.RandomContrast((factor, factor), about=mean), dim), theirs, atol=1e-4)


def test_contrast_on_photographs_differs_as_documented(real_voc_root: Any) -> None:
    import cv2

    paths = sorted((real_voc_root / "JPEGImages").glob("*.jpg"))[:40]
    assert len(paths) == 40
    means = np.array([gray(cv2.imread(str(p))[..., ::-1] / 255).mean() for p in paths])
    off = 0.4 * np.abs(means - 0.459)
    assert abs(off.mean() - 0.036) < 0.002
    assert abs(off.max() - 0.079) < 0.002


def test_three_jitters_together_on_photographs_differ_as_documented(real_voc_root: Any) -> None:
    """torchvision clamps after each step, and its contrast spreads about the image's own mean."""
    import cv2

    steps = [kind((1.4, 1.4)) for kind in (pw.RandomBrightness, pw.RandomContrast, pw.RandomSaturation)]
    off = []
    for path in sorted((real_voc_root / "JPEGImages").glob("*.jpg"))[:20]:
        image = cv2.imread(str(path))[..., ::-1].copy()
        sample = Sample("x", image, np.zeros(image.shape[:2], np.uint8))
        theirs = np.clip(1.4 * sample.image / 255, 0, 1)
        theirs = np.clip(1.4 * theirs - 0.4 * gray(theirs).mean(), 0, 1)
        theirs = np.clip(1.4 * theirs - 0.4 * gray(theirs)[..., None], 0, 1)
        found = (one(steps, sample)[0] / 255).transpose(1, 2, 0)
        off.append(np.abs(found - theirs).mean())
    assert abs(np.mean(off) - 0.036) < 0.001
    assert abs(np.max(off) - 0.097) < 0.001


def test_saturation_on_photographs_is_near_that_of_hsv(real_voc_root: Any) -> None:
    # The recipe of RandomPhotometricDistort scales S of HSV.
    import cv2

    off = []
    for path in sorted((real_voc_root / "JPEGImages").glob("*.jpg"))[:8]:
        image = cv2.imread(str(path))[::5, ::5, ::-1]
        hsv = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)
        for factor in (0.5, 1.5):
            scaled = hsv * np.array([1, factor, 1], np.float32)
            theirs = cv2.cvtColor(np.minimum(scaled, np.array([360, 1, 1], np.float32)), cv2.COLOR_HSV2RGB)
            sample = Sample("x", image.copy(), image[..., 0].copy())
            off.append(np.abs(ours(pw.RandomSaturation((factor, factor)), sample) - theirs).mean())
    assert abs(np.mean(off) - 0.012) < 0.002


def test_hue_is_torchvisions_at_thirds_and_near_it_between() -> None:
    sample = noise([(24, 24)])[0]
    soft = Sample("x", sample.image // 2 + 64, sample.label)
    image = soft.image / 255
    for third in (-1 / 3, 0.0, 1 / 3):
        np.testing.assert_allclose(ours(pw.RandomHue((third, third)), soft), hsv_shift(image, third), atol=1e-5)
    for share in (0.05, 0.1):
        turned = ours(pw.RandomHue((share, share)), soft)
        np.testing.assert_allclose(turned.mean(axis=2), image.mean(axis=2), atol=1e-5)
        # The two rules part by the colorfulness of the pixel: relative to its largest minus smallest channel.
        span = np.ptp(image, axis=2)[..., None] + 1e-9
        off = np.abs(turned - hsv_shift(image, share)) / span
        assert off.mean() < 0.16
        assert off[np.ptp(image, axis=2) > 0.05].max() < 0.4


def test_jitter_in_each_order_is_the_four_steps_in_that_order() -> None:
    from itertools import permutations

    from pixelwise.randomness import Draws

    n = 400
    sizes, at = np.full((n, 2), 4), np.arange(n)
    from pixelwise.transforms.plans import make_plans

    jitter = pw.ColorJitter(0.4, (0.5, 1.5), 0.4, 0.1)
    u = Draws(3, 0, at).uniform
    plans = make_plans([jitter], sizes, u)
    orders = list(permutations(range(4)))
    seen = set()
    for k in range(n):
        ranges = (jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue)
        b, c, s, h = (low + u(0, 1 + i)[k] * (high - low) for i, (low, high) in enumerate(ranges))
        kinds = (
            pw.RandomBrightness((b, b)),
            pw.RandomContrast((c, c)),
            pw.RandomSaturation((s, s)),
            pw.RandomHue((h, h)),
        )
        order = orders[int(u(0, 5)[k] * 24)]
        seen.add(order)
        steps = make_plans([kinds[i] for i in order], sizes[:1], Draws(0, 0, at[:1]).uniform)
        np.testing.assert_allclose(plans.color[k], steps.color[0], atol=1e-12)
    assert len(seen) == 24


def test_shuffle_gives_all_six_orders_equally() -> None:
    samples = noise([(1, 1)] * 6000)
    plans = plan([pw.RandomChannelPermutation(p=1.0)], samples)
    orders = plans.color[:, :, :3].argmax(axis=2)
    _, counts = np.unique(orders, axis=0, return_counts=True)
    assert len(counts) == 6
    assert ((counts - 1000) ** 2 / 1000).sum() < 20.5  # chi-square, 5 degrees of freedom: p = 0.001
    np.testing.assert_array_equal(plans.color[:, :, :3].sum(axis=(1, 2)), 3)


def test_distortion_does_each_step_half_of_the_time() -> None:
    samples = noise([(1, 1)] * 4000)
    color = plan([pw.RandomPhotometricDistort()], samples).color
    untouched = (color == np.eye(3, 4)).all(axis=(1, 2)).mean()
    assert abs(untouched - 1 / 16) < 0.02
    only = plan([pw.RandomPhotometricDistort(contrast=(1, 1), saturation=(1, 1), hue=0)], samples).color
    offset = only[:, 0, 3] * 255
    assert abs((offset == 0).mean() - 0.5) < 0.03
    assert -32 <= offset.min() < -31
    assert 31 < offset.max() <= 32
    contrast = plan([pw.RandomPhotometricDistort(0, (0.5, 1.5), (1, 1), 0)], samples).color
    np.testing.assert_array_equal(contrast[:, :, 3], 0)  # about black, as in the recipe, and not about gray


def test_colors_compose_as_step_by_step() -> None:
    sample = noise([(9, 9)])[0]
    soft = Sample("x", sample.image // 4 + 96, sample.label)
    chain = [
        pw.RandomGamma((1.2, 1.2)),
        pw.RandomBrightness((1.1, 1.1)),
        pw.RandomContrast((0.9, 0.9)),
        pw.RandomSaturation((1.2, 1.2)),
        pw.RandomHue((0.04, 0.04)),
        pw.Normalize(),
    ]
    plans = plan(chain, [soft])
    image = soft.image / 255
    image = image**1.2 * 1.1
    image = 0.9 * image + 0.1 * 0.458971
    image = 1.2 * image - 0.2 * (image @ [0.299, 0.587, 0.114])[..., None]
    image = np.einsum("kc,hwc->hwk", plan([pw.RandomHue((0.04, 0.04))], [soft]).color[0, :, :3], image)
    image = (image - np.array(plans.normalize[0])) / np.array(plans.normalize[1])
    np.testing.assert_allclose(draw(plans, [soft]).images[0].transpose(1, 2, 0), image, atol=2e-5)


def test_what_cannot_compose_is_refused() -> None:
    samples = noise([(4, 4)])
    with pytest.raises(UsageError, match="mixes channels"):
        plan([pw.RandomSaturation((0.5, 0.5)), pw.RandomGamma((2, 2))], samples)
    with pytest.raises(UsageError, match="after Normalize"):
        plan([pw.Normalize(), pw.RandomBrightness((1, 2))], samples)


def test_order_of_geometry_and_color_does_not_matter() -> None:
    samples = noise([(30, 40)] * 4)
    crop, jitter = pw.RandomCrop(20, 20, pad_if_needed=True), pw.RandomBrightness((0.7, 0.7))
    first = draw(plan([pw.RandomScale((0.7, 0.7)), crop, jitter], samples), samples)
    second = draw(plan([pw.RandomScale((0.7, 0.7)), crop, jitter, pw.RandomContrast((1, 1))], samples), samples)
    np.testing.assert_allclose(first.images, second.images, atol=1e-5)
