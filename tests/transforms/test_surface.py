"""Every public transform follows the rules at the top of docs/transforms.md, and is on that page."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pickle
import pkgutil
import re
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise import transforms
from pixelwise.dataset.sources import ArraySource
from pixelwise.dataset.splits import Split
from pixelwise.errors import UsageError
from pixelwise.transforms.plans import make_plans
from tests.support.places import REPOSITORY
from tests.support.transform_table import NEEDED, PUBLIC

PAGE = (REPOSITORY / "docs" / "transforms.md").read_text()
MODULES = [importlib.import_module(m.name) for m in pkgutil.iter_modules(transforms.__path__, "pixelwise.transforms.")]
# Classes of torchvision.transforms.v2 (0.24) that change pixels.
TORCHVISION = """
AugMix AutoAugment CenterCrop ColorJitter CutMix ElasticTransform FiveCrop GaussianBlur GaussianNoise Grayscale JPEG
MixUp Normalize Pad RGB RandAugment RandomAdjustSharpness RandomAffine RandomAutocontrast RandomChannelPermutation
RandomCrop RandomEqualize RandomErasing RandomGrayscale RandomHorizontalFlip RandomInvert RandomIoUCrop
RandomPerspective RandomPhotometricDistort RandomPosterize RandomResize RandomResizedCrop RandomRotation
RandomShortestSize RandomSolarize RandomVerticalFlip RandomZoomOut Resize ScaleJitter TenCrop TrivialAugmentWide
""".split()
TORCHVISION_P = {
    "RandomErasing": 0.5,
    "RandomGrayscale": 0.1,
    "RandomHorizontalFlip": 0.5,
    "RandomPhotometricDistort": 0.5,
    "RandomVerticalFlip": 0.5,
}


each = pytest.mark.parametrize("name", sorted(PUBLIC))


def example(name: str, **more: Any) -> Any:
    return PUBLIC[name](**NEEDED.get(name, {}), **more)


def parameters(name: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(PUBLIC[name]).parameters)


@each
def test_name_says_whether_it_draws_unless_torchvision_or_a_paper_named_it(name: str) -> None:
    drawn = []

    def uniform(_: int, draw: int) -> np.ndarray:
        drawn.append(draw)
        return np.zeros(1)

    make_plans([example(name)], np.array([[20, 30]]), uniform, np.array([0]))
    if name not in (*TORCHVISION, "CopyPaste", "Mosaic", "Apply"):
        assert name.startswith("Random") == bool(drawn)


@each
def test_p_is_last_and_given_by_name(name: str) -> None:
    given = parameters(name)
    assert ("p" in given) == (name in TORCHVISION_P or "p" in {f.name for f in fields(PUBLIC[name])})
    if "p" in given:
        assert list(given)[-1] == "p"
        assert given["p"].kind is inspect.Parameter.KEYWORD_ONLY
        assert given["p"].default == TORCHVISION_P.get(name, 1.0)
        assert repr(example(name, p=1)) == repr(example(name, p=1.0))
        for wrong in (-0.1, 1.1, "x", None):
            with pytest.raises(UsageError, match="p must be"):
                example(name, p=wrong)


@each
def test_fields_are_the_arguments_in_canonical_form(name: str) -> None:
    one = example(name)
    assert [f.name for f in fields(one)] == [argument for argument in parameters(name) if argument != "width"]
    again = replace(one)
    assert again == one
    assert hash(again) == hash(one)
    if name not in ("Apply", "RandomClassCrop"):  # they show a function's name, and an index
        assert eval(repr(one), vars(pw) | PUBLIC) == one
        assert pickle.loads(pickle.dumps(one)) == one
    for f in fields(one):
        if f.type == "Range":
            assert [type(v) for v in getattr(one, f.name)] == [float, float]
        with pytest.raises(AttributeError):
            setattr(one, f.name, None)


@each
def test_a_range_is_a_pair(name: str) -> None:
    for f in fields(PUBLIC[name]):
        if f.type == "Range":
            given = {k: v for k, v in NEEDED.get(name, {}).items() if k != f.name}
            pair = (0.3, 0.4)
            assert getattr(PUBLIC[name](**given, **{f.name: pair}), f.name) == pair
            for wrong in ((0.4, 0.3), (0.3,), (0.3, 0.4, 0.5), "ab", (float("nan"), 1), None, -1):
                with pytest.raises(UsageError, match=rf"{f.name} must be a pair \(low, high\)"):
                    PUBLIC[name](**given, **{f.name: wrong})
            if "float" not in str(parameters(name)[f.name].annotation):
                with pytest.raises(UsageError, match=r"got 0\.3"):
                    PUBLIC[name](**given, **{f.name: 0.3})


@pytest.mark.parametrize(
    ("number", "pair"),
    [
        (pw.RandomRotation(20), pw.RandomRotation((-20, 20))),
        (pw.RandomAffine(20, shear=5, shear_y=6), pw.RandomAffine((-20, 20), shear=(-5, 5), shear_y=(-6, 6))),
        (pw.RandomBrightness(0.4), pw.RandomBrightness((0.6, 1.4))),
        (pw.RandomContrast(0.4), pw.RandomContrast((0.6, 1.4))),
        (pw.RandomSaturation(1.5), pw.RandomSaturation((0, 2.5))),
        (pw.RandomHue(0.1), pw.RandomHue((-0.1, 0.1))),
        (pw.ColorJitter(0.4, 0.4, 0.4, 0.1), pw.ColorJitter((0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.1, 0.1))),
        (
            pw.RandomPhotometricDistort(0.1, 0.5, 0.5, 0.1),
            pw.RandomPhotometricDistort((-0.1, 0.1), (0.5, 1.5), (0.5, 1.5), (-0.1, 0.1)),
        ),
        (pw.GaussianBlur(sigma=1.5), pw.GaussianBlur(sigma=(1.5, 1.5))),
        (pw.GaussianNoise(sigma=0.1), pw.GaussianNoise(sigma=(0.1, 0.1))),
    ],
)
def test_one_number_means_what_it_means_in_torchvision(number: Any, pair: Any) -> None:
    assert number == pair
    assert repr(number) == repr(pair)


@each
def test_a_size_is_a_pair_or_two_numbers_and_one_is_a_square(name: str) -> None:
    more = {k: v for k, v in NEEDED.get(name, {}).items() if k != "size"}
    if "width" not in parameters(name):
        return
    one = PUBLIC[name](8, 9, **more)
    assert one.size == (8, 9)
    assert one == PUBLIC[name]((8, 9), **more) == PUBLIC[name](size=[8, 9], **more)
    if name != "Resize":
        assert PUBLIC[name](8, **more) == PUBLIC[name](8, 8, **more)
    for wrong in (0, 2.5, True, 10**20, "8", (8, 9, 10)):
        with pytest.raises(UsageError, match="size must be"):
            PUBLIC[name](wrong, **more)
        with pytest.raises(UsageError, match="size must be"):
            PUBLIC[name](8, wrong, **more)


def test_resize_to_one_number_is_refused_with_the_name_of_the_other() -> None:
    with pytest.raises(UsageError, match=r"ResizeShortest\(512\)"):
        pw.Resize(512)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("RandomScale", {"scale": (0, 1)}),
        ("RandomResizedCrop", {"scale": (0, 2)}),
        ("RandomCrop", {"max_class_ratio": 1.5}),
        ("ResizeShortest", {"size": 0}),
        ("ResizeShortest", {"size": 8, "longest": 1.5}),
        ("RandomAffine", {"scale": (0, 1)}),
        ("RandomAffine", {"shear": (0, 90)}),
        ("RandomAffine", {"translate": (-1, 0)}),
        ("RandomAffine", {"translate": 3}),
        ("RandomAffine", {"translate": ("a", 1)}),
        ("RandomRotate90", {"turns": "x"}),
        ("RandomRotate90", {"turns": 0.5}),
        ("Pad", {"padding": 1.5}),
        ("Pad", {"padding": -1}),
        ("Pad", {"divisor": 0}),
        ("Normalize", {"mean": 0.5}),
        ("Normalize", {"mean": (float("nan"),) * 3}),
        ("Normalize", {"std": (0, 1, 1)}),
        ("RandomContrast", {"about": float("nan")}),
        ("RandomHue", {"hue": (-0.6, 0)}),
        ("ColorJitter", {"hue": 0.7}),
        ("ColorJitter", {"brightness": -1}),
        ("RandomErasing", {"label": "drop"}),
        ("CopyPaste", {"classes": ()}),
        ("CopyPaste", {"classes": 70_000}),
        ("RandomClassCrop", {"classes": ()}),
        ("Apply", {"function": 3}),
    ],
)
def test_a_wrong_argument_is_named_with_what_it_must_be(name: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{list(wrong)[-1]} must be .*got ") as caught:
        PUBLIC[name](**NEEDED.get(name, {}) | wrong)
    assert caught.value.code == "bad-argument"


# -- the lists that a new transform must be in ----------------------------------------------------------------


def test_every_transform_of_the_package_is_public() -> None:
    found = {
        name
        for module in MODULES
        for name, thing in vars(module).items()
        if inspect.isclass(thing) and thing.__module__ == module.__name__ and hasattr(thing, "plan")
    }
    assert found - {"Transform"} == set(PUBLIC), "list it in src/pixelwise/__init__.pyi"


@each
def test_every_transform_is_on_the_page_with_its_arguments(name: str) -> None:
    row = re.search(rf"^\| `{name}\((.*?)\)` \|", PAGE, re.MULTILINE)
    assert row, f"{name} has no row in docs/transforms.md"
    signature = row[1]
    for argument in parameters(name).values():
        assert re.search(rf"(^|, ){argument.name}(=|,|$)", signature), f"{argument} is not in {row[0]}"
    named = [p.name for p in parameters(name).values() if p.kind is inspect.Parameter.KEYWORD_ONLY]
    assert ("*, " in signature) == bool(named)
    assert signature.partition("*, ")[2].startswith(named[0] if named else "")


def test_the_code_on_the_page_runs() -> None:
    scope: dict[str, Any] = {}
    split = Split("one", pw.VOC, ArraySource([np.zeros((40, 50, 3), np.uint8)], [np.zeros((40, 50), np.uint8)]))
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for block in blocks:
        exec(block, scope)
        assert len(next(iter(pw.Loader(split, 1, scope["train"])))) == 1
    assert len(blocks) == 3


def test_the_examples_in_the_docstrings_are_true() -> None:
    results = [doctest.testmod(module) for module in MODULES]
    assert sum(r.failed for r in results) == 0
    assert sum(r.attempted for r in results) > 15
    for thing in (*(PUBLIC[n] for n in ("RandomCrop", "RandomScale", "RandomHorizontalFlip", "Normalize", "ColorJitter",
                                        "Apply")), pw.Plans):  # fmt: skip
        assert ">>> " in str(thing.__doc__)
