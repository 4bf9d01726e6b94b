"""Every number that users have in another unit is refused, with the conversion; a new argument is listed here."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import UsageError
from pixelwise.transforms.recipes import RECIPES
from tests.support.transform_table import NEEDED, PUBLIC

PERCENT_P = [50, 100, 1.5]
FACTORS = [40, 20, 5, (60, 140), (50, 150)]  # percent
SCALES = [(50, 200), (90, 110), (2048, 512), (512, 2048)]  # percent, and mmsegmentation's sizes
SHARES = [(2, 33), (8, 100), (20, 80)]
LEVELS = [(0, 25), 25, (10.0, 50.0)]
RADIANS = [np.pi / 6, (-np.pi / 4, np.pi / 4), np.deg2rad(10), (0, np.float32(np.pi / 2))]

REFUSED: dict[str, list[Any]] = {
    "CenterCrop.size": [(0.5, 0.5), 0.5], "ColorJitter.brightness": FACTORS, "ColorJitter.contrast": FACTORS,
    "ColorJitter.hue": [18, (-18, 18), 10], "ColorJitter.saturation": FACTORS, "GaussianBlur.sigma": [(10, 500)],
    "GaussianNoise.sigma": LEVELS, "Mosaic.center": [(25, 75), (160, 480)], "Mosaic.size": [(0.5, 0.5)],
    "Normalize.mean": [(123.675, 116.28, 103.53), (127.5,) * 3, (104, 117, 124), (123.675, 0.456, 0.406)],
    "Normalize.std": [(58.395, 57.12, 57.375), (127.5,) * 3, (255, 255, 255)],
    "Pad.bottom": [0.1], "Pad.divisor": [0.5], "Pad.left": [0.1], "Pad.padding": [0.1], "Pad.right": [0.1],
    "Pad.size": [(0.5, 0.5)], "Pad.top": [0.1], "RandomAffine.degrees": RADIANS,
    "RandomAffine.scale": [(90, 110), (50, 150)], "RandomAffine.shear": RADIANS[2:],
    "RandomAffine.shear_y": RADIANS[2:],
    "RandomAffine.translate": [(10, 10), (50, 100), (20, 0)], "RandomBrightness.brightness": FACTORS,
    "RandomClassCrop.size": [(0.5, 0.5)], "RandomContrast.about": [117, 46], "RandomContrast.contrast": FACTORS,
    "RandomCrop.max_class_ratio": [75], "RandomCrop.min_class_pixels": [0.5], "RandomCrop.size": [(0.5, 0.5), 0.8],
    "RandomErasing.ratio": [(30, 330)], "RandomErasing.scale": SHARES, "RandomGamma.gamma": [(80, 120)],
    "RandomHue.hue": [18, (-18, 18), 180], "RandomPhotometricDistort.brightness": [32, (-32, 32)],
    "RandomPhotometricDistort.contrast": FACTORS, "RandomPhotometricDistort.hue": [18],
    "RandomPhotometricDistort.saturation": FACTORS, "RandomResizedCrop.ratio": [(75, 133)],
    "RandomResizedCrop.scale": SHARES, "RandomResizedCrop.size": [(0.5, 0.5)], "RandomRotate90.turns": [90, 180, -90],
    "RandomRotation.degrees": RADIANS, "RandomSaturation.saturation": FACTORS, "RandomScale.scale": SCALES,
    "Resize.size": [(0.5, 0.5)], "ResizeLongest.size": [0.5], "ResizeShortest.longest": [0.5],
    "ResizeShortest.size": [0.5],
}  # fmt: skip
"""The values that an argument has in another unit."""

CONVERTED = {
    "ColorJitter.brightness": "/ 100 =", "GaussianNoise.sigma": "/ 255 =", "Mosaic.center": "/ 100 =",
    "Normalize.mean": "/ 255 =", "Normalize.std": "/ 255 =", "RandomAffine.degrees": "180 / pi =",
    "RandomAffine.scale": "/ 100 =", "RandomAffine.translate": "/ 100 =", "RandomBrightness.brightness": "/ 100 =",
    "RandomContrast.about": "/ 255 =", "RandomCrop.max_class_ratio": "/ 100 =", "RandomErasing.ratio": "/ 100 =",
    "RandomErasing.scale": "/ 100 =", "RandomGamma.gamma": "/ 100 =", "RandomHue.hue": "/ 360 =",
    "RandomPhotometricDistort.brightness": "/ 255 =", "RandomResizedCrop.scale": "/ 100 =",
    "RandomRotate90.turns": "/ 90 =", "RandomRotation.degrees": "180 / pi =", "RandomScale.scale": "/ 100 =",
}  # fmt: skip
"""What the message of the first value has."""

NO_NUMBERS = {
    "p", "width", "function", "seeded", "new_labels", "lock", "name", "classes", "transforms", "instances", "log",
    "pad_if_needed", "index", "label", "interpolation",
}  # fmt: skip
"""Arguments that are no numbers with a unit, and those that are tested for all (p) or belong to another (width)."""


def make(argument: str, value: Any) -> Any:
    name, key = argument.split(".")
    return PUBLIC[name](**{k: v for k, v in NEEDED.get(name, {}).items() if k != key}, **{key: value})


def test_every_numeric_argument_of_every_transform_is_here() -> None:
    given = {name: inspect.signature(made).parameters for name, made in PUBLIC.items()}
    assert {f"{name}.{a}" for name in given for a in given[name] if a not in NO_NUMBERS} == set(REFUSED)


@pytest.mark.parametrize("argument", REFUSED)
def test_other_units_are_refused(argument: str) -> None:
    for value in REFUSED[argument]:
        with pytest.raises(UsageError, match=argument.partition(".")[2]) as caught:
            make(argument, value)
        assert "\n" not in str(caught.value)
    if argument in CONVERTED:
        with pytest.raises(UsageError) as caught:
            make(argument, REFUSED[argument][0])
        assert CONVERTED[argument] in str(caught.value)


@pytest.mark.parametrize("name", sorted(n for n in PUBLIC if "p" in inspect.signature(PUBLIC[n]).parameters))
def test_a_probability_is_not_in_percent(name: str) -> None:
    for p in PERCENT_P:
        with pytest.raises(UsageError, match=r"p is in 0\.\.1 here: .* / 100 = "):
            PUBLIC[name](**NEEDED.get(name, {}), p=p)


def test_what_is_used_is_still_taken() -> None:
    """Arguments in papers, in torchvision's examples, in mmsegmentation, nnU-Net and SimCLR."""
    for recipe in RECIPES.values():
        assert recipe()
    assert [
        pw.Normalize((0, 0, 0), (1, 1, 1)), pw.Normalize((0.5,) * 3, (0.5,) * 3),
        pw.Normalize((0, 0, 0), (1 / 255,) * 3),
        pw.ColorJitter(0.8, 0.8, 0.8, 0.2), pw.ColorJitter(2, 2, 2, 0.5), pw.ColorJitter((0.5, 3)),
        pw.RandomBrightness((0, 10)), pw.RandomGamma((0.7, 1.5)), pw.RandomScale((0.1, 2)), pw.RandomScale((0.25, 4)),
        pw.RandomRotation(180), pw.RandomRotation((0, 360)), pw.RandomRotation(0.5), pw.RandomRotation(3.14),
        pw.RandomAffine(10, (0.1, 0.1), (0.9, 1.1), 10), pw.RandomErasing((0.02, 0.33), (0.3, 3.3)),
        pw.GaussianNoise(sigma=0.1), pw.GaussianBlur(sigma=(0.1, 5)), pw.RandomHue(0.5), pw.RandomRotate90(-3),
        pw.RandomResizedCrop(224, scale=(0.08, 1)), pw.RandomCrop(512, max_class_ratio=0.75), pw.RandomAffine(
            translate=(1, 1)), pw.RandomPhotometricDistort(32 / 255, (0.5, 1.5), (0.5, 1.5), 18 / 180),
    ]  # fmt: skip
