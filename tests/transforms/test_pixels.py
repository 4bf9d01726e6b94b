"""Transforms that work on pixels: after the pass, between two passes, and with other samples."""

from __future__ import annotations

import re
from typing import Any

import cv2
import numpy as np
import pytest
from scipy import ndimage, stats

import pixelwise as pw
from pixelwise.errors import UsageError
from pixelwise.loading.render import FILL, Renderer
from pixelwise.randomness import Draws
from pixelwise.transforms import recipes
from pixelwise.transforms.after import GaussianBlur, GaussianNoise, RandomErasing
from pixelwise.transforms.color import Normalize, RandomBrightness
from pixelwise.transforms.geometry import CenterCrop, RandomCrop, RandomScale, Resize
from pixelwise.transforms.mixing import CopyPaste, CutMix, Mosaic
from pixelwise.transforms.plans import make_plans
from pixelwise.transforms.plugin import Apply, from_albumentations
from pixelwise.transforms.turns import RandomHorizontalFlip
from pixelwise.types import Sample, Window
from tests.support.rendering import IGNORE, draw, noise, plan, planes, slot

OUTPUTS = ("float32", "float16", "float32-hwc", "uint8", "uint8-hwc")


# -- after the pass -------------------------------------------------------------------------------------------


def test_blur_is_opencvs_and_does_not_touch_the_label() -> None:
    samples = noise([(30, 41), (22, 50)])
    plans = plan([GaussianBlur(sigma=1.3), Normalize()], samples)
    out = draw(plans, samples)
    mean, std = (np.array(v)[:, None, None] for v in plans.normalize)
    for k, s in enumerate(samples):
        blurred = cv2.GaussianBlur(s.image.astype(np.float32), (13, 13), 1.3, borderType=cv2.BORDER_REFLECT_101)
        expected = (blurred.transpose(2, 0, 1) / 255 - mean) / std
        np.testing.assert_allclose(planes(out, k, plans), expected, atol=1e-4)
        h, w = s.size
        np.testing.assert_array_equal(out.labels[k, :h, :w], s.label)
        assert (out.labels[k, h:] == IGNORE).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 2), (33, 20)])
@pytest.mark.parametrize("sigma", [0.1, 1.0, 7.5, 100.0])
def test_blur_is_the_gaussian_to_4_deviations_for_any_size(size: tuple[int, int], sigma: float) -> None:
    (sample,) = noise([size])
    radius = int(np.ceil(4 * sigma))
    for output in OUTPUTS:
        plans = plan([GaussianBlur(sigma=sigma)], [sample])
        blurred = planes(draw(plans, [sample], output), 0, plans)
        unit = 1 if "uint8" in output else 255
        exact = sample.image.astype(np.float64).transpose(2, 0, 1)
        for axis in (1, 2):
            exact = ndimage.gaussian_filter1d(exact, sigma, axis, mode="mirror", radius=radius)
        rounding = 0.5 if "uint8" in output else 0.13 if output == "float16" else 0
        assert np.abs(blurred * unit - exact).max() <= rounding + 1e-3


@pytest.mark.parametrize("output", OUTPUTS)
def test_noise_has_its_deviation_in_every_output(output: Any) -> None:
    gray = Sample("x", np.full((120, 160, 3), 128, np.uint8), np.zeros((120, 160), np.uint8))
    list_ = [GaussianNoise(sigma=0.05)] + [Normalize()] * ("float" in output)
    plans = plan(list_, [gray])
    out = draw(plans, [gray], output)
    unit = 255.0 if "uint8" in output else 1 / np.array(plans.normalize[1])[:, None, None]
    plain = draw(plan(list_[1:], [gray]), [gray], output)
    added = (planes(out, 0, plans) - planes(plain, 0, plans)) / unit
    assert abs(added.std() - 0.05) < 0.001
    assert abs(added.mean()) < 0.001
    if output == "float32":
        assert stats.kstest(added.reshape(-1)[::7] / 0.05, "norm").pvalue > 1e-3
        assert abs(np.corrcoef(added[0].reshape(-1), added[1].reshape(-1))[0, 1]) < 0.03
        assert abs(np.corrcoef(added[:, :, 1:].reshape(-1), added[:, :, :-1].reshape(-1))[0, 1]) < 0.03


def test_noise_is_addressed() -> None:
    samples = noise([(20, 30)] * 3)
    plans = plan([GaussianNoise(sigma=0.1)], samples)
    first, again = draw(plans, samples).images, draw(plans, samples, mapped=True).images
    np.testing.assert_array_equal(first, again)
    other = draw(plan([GaussianNoise(sigma=0.1)], samples, seed=1), samples).images
    assert (other != first).mean() > 0.99
    sizes = np.array([(20, 30)])
    alone = make_plans([GaussianNoise(sigma=0.1)], sizes, Draws(0, 0, np.array([2])).uniform)
    np.testing.assert_array_equal(draw(alone, samples[2:]).images[0], first[2])


@pytest.mark.parametrize("label", ["ignore", "keep"])
def test_erasing_fills_one_rectangle(label: Any) -> None:
    samples = noise([(60, 80)] * 200)
    samples = [Sample(s.name, np.maximum(s.image, 130), s.label % 20) for s in samples]  # nothing has the fill color
    plans = plan([RandomErasing(p=0.6, label=label)], samples)
    out = draw(plans, samples, "uint8")
    erased = (out.images == np.array(FILL, np.uint8)[:, None, None]).all(axis=1)
    happened = erased.any(axis=(1, 2))
    assert stats.binomtest(int(happened.sum()), 200, 0.6).pvalue > 1e-3
    for k in np.flatnonzero(happened):
        rows, columns = np.flatnonzero(erased[k].any(1)), np.flatnonzero(erased[k].any(0))
        assert erased[k].sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert 0.015 <= erased[k].mean() <= 0.35
        expected = np.where(erased[k], IGNORE, samples[k].label) if label == "ignore" else samples[k].label
        np.testing.assert_array_equal(out.labels[k], expected)
    share = erased[happened].mean(axis=(1, 2))
    assert stats.kstest(share, stats.uniform(0.02, 0.31).cdf).pvalue > 1e-3


def test_nothing_may_follow_that_would_undo_them() -> None:
    samples = noise([(9, 9)])
    for after in (RandomHorizontalFlip(p=1), Resize(3, 3), RandomBrightness((1, 2)), RandomCrop(2, 2)):
        with pytest.raises(UsageError, match="rendered pixels"):
            plan([RandomErasing(), after], samples)


# -- between two passes ---------------------------------------------------------------------------------------


def test_a_plug_in_stands_where_it_stands_in_the_list() -> None:
    samples = noise([(30, 40), (51, 33)])

    def invert(image: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert image.shape == (20, 20, 3)
        return 255 - image, label

    crop, flip = RandomCrop(20, 20), RandomHorizontalFlip(p=1)
    chain = [crop, flip, Apply(invert), Resize(40, 40), Normalize()]
    for mapped in (False, True):
        plans = plan(chain, samples)
        out = draw(plans, samples, mapped=mapped)
        cut = draw(plan([crop, flip], samples), samples, "uint8-hwc")
        middle = [Sample("", 255 - cut.images[k], cut.labels[k]) for k in range(2)]
        expected = draw(plan([Resize(40, 40), Normalize()], middle), middle)
        np.testing.assert_allclose(out.images, expected.images, atol=1e-6)
        np.testing.assert_array_equal(out.labels, expected.labels)


def test_two_plug_ins_and_probability() -> None:
    samples = noise([(8, 8)] * 100)
    seen: list[int] = []

    def note(image: np.ndarray, label: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        seen.append(seed)
        return image // 2, label

    chain = [Apply(note, seeded=True, p=0.5), Apply(note, seeded=True)]
    out = draw(plan(chain, samples), samples, "uint8-hwc")
    assert 130 < len(seen) < 170
    assert len(set(seen)) == len(seen)
    before, seen[:] = list(seen), []
    np.testing.assert_array_equal(draw(plan(chain, samples), samples, "uint8-hwc").images, out.images)
    assert seen == before


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda i, la: (i[:-1], la), "returned an image"),
        (lambda i, la: (i / 255, la), "returned an image"),
        (lambda i, la: (i, la[:, 1:]), "returned a label"),
        (lambda i, la: (i, None), "returned a label"),
        (lambda i, la: (i, cv2.resize(cv2.resize(la, (4, 4)), la.shape[::-1])), "not there"),
        (lambda i, la: i, "expected"),
    ],
)
def test_what_a_plug_in_gives_back_is_checked(function: Any, message: str) -> None:
    samples = [Sample("x", np.zeros((9, 9, 3), np.uint8), np.tile(np.array([0, 90, 200] * 3, np.uint8), (9, 1)))]
    with pytest.raises(UsageError, match=message) as caught:
        draw(plan([Apply(function)], samples), samples)
    assert caught.value.code == "bad-plugin"


def test_an_albumentations_transform_is_seeded_by_address() -> None:
    class Flip:  # the interface of an Albumentations transform
        def set_random_seed(self, seed: int) -> None:
            self.rng = np.random.default_rng(seed)

        def __call__(self, *, image: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
            return (
                {"image": image[:, ::-1], "mask": mask[:, ::-1]}
                if self.rng.random() < 0.5
                else {"image": image, "mask": mask}
            )

        def __repr__(self) -> str:
            return "Flip()"

    samples = noise([(6, 7)] * 60)
    list_ = [from_albumentations(Flip())]
    assert "0x" not in repr(list_)
    out = draw(plan(list_, samples), samples)
    flipped = np.array([np.array_equal(out.labels[k], s.label[:, ::-1]) for k, s in enumerate(samples)])
    assert 15 < flipped.sum() < 45
    np.testing.assert_array_equal(draw(plan(list_, samples), samples).images, out.images)
    backwards = slot(plan(list_, samples))
    renderer = Renderer(plan(list_, samples), backwards, "float32", IGNORE)
    for k in reversed(range(60)):
        renderer.write(k, samples[k])
    np.testing.assert_array_equal(backwards.images, out.images)


# -- the label chooses ----------------------------------------------------------------------------------------


def test_the_crop_that_is_not_all_one_class() -> None:
    label = np.zeros((100, 100), np.uint8)
    label[:, 80:] = 3
    samples = [Sample("x", np.zeros((100, 100, 3), np.uint8), label)] * 200
    free, wanted = RandomCrop(20, 20), RandomCrop(20, 20, max_class_ratio=0.75)
    for chain in ([], [RandomHorizontalFlip()], [Resize(50, 60)]):
        out = draw(plan([wanted, *chain], samples), samples, mapped=True)
        most = np.array([np.bincount(la.reshape(-1)).max() / la.size for la in out.labels])
        assert (
            most < 0.75
        ).mean() > 0.7  # one window in nine or so will do: 1 - (8/9) ** 10 is 0.69, and more near edges
        plain = draw(plan([free, *chain], samples), samples)
        assert (np.array([np.bincount(la.reshape(-1)).max() / la.size for la in plain.labels]) < 0.75).mean() < 0.3
        np.testing.assert_array_equal(draw(plan([wanted, *chain], samples), samples).labels, out.labels)


def test_the_chosen_window_is_the_first_that_will_do_and_image_follows() -> None:
    samples = [Sample(s.name, s.image, (s.label > 150).astype(np.uint8)) for s in noise([(40, 50)] * 30)]
    for s in samples:
        s.image[..., 0] = s.label * 200
    crop = RandomCrop(4, 4, max_class_ratio=0.7)
    plans = plan([crop], samples)
    options = plans.options.copy()
    out = draw(plans, samples, "uint8")
    np.testing.assert_array_equal(out.images[:, 0], out.labels * 200)
    for k, s in enumerate(samples):
        tried = [s.label[int(y) : int(y) + 4, int(x) : int(x) + 4] for x, y in options[k, :, :, 2]]
        good = [t for t in tried if 0.3 < t.mean() < 0.7 or (t.min() != t.max() and max(t.mean(), 1 - t.mean()) < 0.7)]
        np.testing.assert_array_equal(out.labels[k], good[0] if good else tried[-1])


# -- several samples ------------------------------------------------------------------------------------------


class Several:
    """A split of samples in memory."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples
        self.names = [s.name for s in samples]

    def __len__(self) -> int:
        return len(self.samples)

    def sizes(self, positions: Any = None) -> np.ndarray:
        return np.array([self.samples[i].size for i in positions])

    def read(self, index: int, window: Window | None = None) -> Sample:
        s = self.samples[index]
        if window is None:
            return s
        y0, x0, y1, x1 = window
        return Sample(s.name, s.image[y0:y1, x0:x1].copy(), s.label[y0:y1, x0:x1].copy())


def flat(n: int) -> Several:
    """Sample i has label i and color (10 i, 10 i, 10 i): each pixel shows where it comes from."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(20, 60, (n, 2))
    images = [np.full((h, w, 3), 10 * i, np.uint8) for i, (h, w) in enumerate(sizes)]
    return Several([Sample(f"{i}", image, image[..., 0] // 10) for i, image in enumerate(images)])


def mixed(chain: list[Any], split: Several, n: int, seed: int = 0) -> Any:
    at = np.arange(n) % len(split)
    plans = make_plans(chain, split.sizes(at), Draws(seed, 0, np.arange(n)).uniform, at, split)
    return draw(plans, [split.samples[i] for i in at], "uint8")


@pytest.mark.parametrize(
    "mix",
    [CutMix(), CutMix([RandomScale((0.5, 2)), RandomHorizontalFlip()]), Mosaic(32, 48), CopyPaste((3, 5, 7))],
    ids=["cutmix", "cutmix augmented", "mosaic", "copypaste"],
)
def test_image_and_label_are_mixed_alike(mix: Any) -> None:
    split = flat(12)
    out = mixed([RandomCrop(32, 48, pad_if_needed=True), mix], split, 60)
    inside = out.labels != IGNORE
    np.testing.assert_array_equal(out.images[:, 0][inside], 10 * out.labels[inside])
    assert (out.images[:, 0][~inside] == FILL[0]).all()
    np.testing.assert_array_equal(mixed([RandomCrop(32, 48, pad_if_needed=True), mix], split, 60).images, out.images)
    counts = [len(np.unique(la[la != IGNORE])) for la in out.labels]
    assert max(counts) == (4 if isinstance(mix, Mosaic) else 2)
    if isinstance(mix, CopyPaste):
        for k, la in enumerate(out.labels):
            assert set(np.unique(la)) <= {k % 12, 3, 5, 7, IGNORE}


def test_cutmix_share_and_partners_are_uniform() -> None:
    split = Several(
        [Sample(f"{i}", np.zeros((50, 50, 3), np.uint8), np.full((50, 50), i, np.uint8)) for i in range(10)]
    )
    n = 2000
    plans = make_plans([CutMix()], np.full((n, 2), 50), Draws(0, 0, np.arange(n)).uniform, np.zeros(n, np.int64), split)
    base = Sample("base", np.zeros((50, 50, 3), np.uint8), np.full((50, 50), 77, np.uint8))
    out = draw(plans, [base] * n, "uint8")
    partner = np.array([la[la != 77][:1].sum() if (la != 77).any() else -1 for la in out.labels])
    assert stats.chisquare(np.bincount(partner[partner >= 0], minlength=10)).pvalue > 1e-3
    share = (out.labels != 77).mean(axis=(1, 2))
    # What sticks out of the share drawn is lost: the mean is that of the clipped rectangle.
    u, c = np.random.default_rng(0).random((200_000, 1)), np.random.default_rng(1).random((200_000, 2))
    half = np.sqrt(u) / 2
    expected = (np.minimum(c + half, 1) - np.maximum(c - half, 0)).prod(axis=1)
    assert stats.ks_2samp(share, np.rint(expected * 2500) / 2500).statistic < 0.05


@pytest.mark.parametrize("transforms", [(), (RandomHorizontalFlip(p=1.0), RandomScale((0.7, 1.5)))])
def test_copypaste_of_objects_takes_each_by_a_fair_coin(transforms: tuple[Any, ...]) -> None:
    # Quarters are objects 1, 2 (class 3), 300 (class 5) and void; the image shows which object a pixel belongs to.
    objects = np.kron(np.array([[1, 2], [300, 0]]), np.ones((20, 20), int)).astype(np.uint16)
    label = np.array([IGNORE, 3, 3], np.uint8)[np.minimum(objects, 2)]
    label[objects == 300] = 5
    image = np.repeat((objects % 256)[..., None], 3, axis=2).astype(np.uint8)
    split = Several([Sample("a", image, label, objects)])
    n = 800
    plans = make_plans(
        [CopyPaste((3,), transforms, instances=True)], np.full((n, 2), 40), Draws(0, 0, np.arange(n)).uniform,
        np.zeros(n, np.int64), split,
    )  # fmt: skip
    base = Sample("base", np.full((40, 40, 3), 99, np.uint8), np.full((40, 40), 77, np.uint8))
    out = draw(plans, [base] * n, "uint8")
    assert set(np.unique(out.labels)) == {3, 77}
    assert (out.images[:, 0][out.labels == 77] == 99).all()
    if not transforms:
        first, second = (out.labels[:, :20, side] == 3 for side in (slice(20), slice(20, 40)))
        assert (first.all(axis=(1, 2)) == first.any(axis=(1, 2))).all()
        coins = np.array([first[:, 0, 0], second[:, 0, 0]])
        np.testing.assert_array_equal(out.images[:, 0, 0, 0], np.where(coins[0], 1, 99))
        assert stats.chisquare(np.bincount(2 * coins[0] + coins[1], minlength=4)).pvalue > 1e-3


def test_copypaste_of_objects_needs_an_instance_map() -> None:
    with pytest.raises(UsageError, match="no instance map"):
        mixed([RandomCrop(32, 48, pad_if_needed=True), CopyPaste(3, instances=True)], flat(4), 4)
    for wrong in ((), ("cat",), (1.5,), "3", (70_000,)):
        with pytest.raises(UsageError, match="classes must be"):
            CopyPaste(wrong)  # type: ignore[arg-type]


def test_a_mix_without_a_split_says_so() -> None:
    samples = noise([(9, 9)])
    with pytest.raises(UsageError, match="split"):
        draw(plan([CutMix()], samples), samples)
    with pytest.raises(UsageError, match="Normalize"):
        plan([CutMix([Normalize()])], samples)
    with pytest.raises(UsageError):
        CopyPaste(())


# -- recipes and words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(recipes.RECIPES))
def test_recipes_render(name: str) -> None:
    samples = noise([(90, 120), (300, 200)])
    plans = plan(recipes.RECIPES[name](), samples)
    out = draw(plans, samples)
    assert np.isfinite(out.images).all()
    assert plans.normalize is not None


def test_a_plan_in_words() -> None:
    samples = noise([(375, 500)])
    assert str(plan([CenterCrop(320, 480)], samples)[0]) == "rows 27..347, columns 10..490 of 375x500, to 320x480"
    crop = CenterCrop(800, 100, pad_if_needed=True)
    words = str(plan([Resize(750, 1000), RandomHorizontalFlip(p=1), crop, RandomBrightness((2, 2))], samples)[0])
    for part in ("scaled by 2 down and 2 across", "mirrored left-right", "to 800x100", "padded", "colors changed"):
        assert part in words


@pytest.mark.parametrize("flip", [None, "left-right", "upside down"])
@pytest.mark.parametrize("draw", [0.1, 0.5001, 0.9])
def test_a_plan_says_which_flip_and_which_turn(flip: str | None, draw: float) -> None:
    """A flip and a small turn were once a turn of nearly 180 degrees, "mirrored"."""
    plans = pw.Plans(np.array([[40, 60]]))
    if flip is not None:
        one = pw.RandomHorizontalFlip(p=1) if flip == "left-right" else pw.RandomVerticalFlip(p=1)
        one.plan(plans, lambda j: np.array([0.0]))
    plain = pw.Plans(np.array([[40, 60]]))
    for each in (plans, plain):
        pw.RandomRotation(30).plan(each, lambda j: np.array([draw]))
    said, turned = (re.search(r"(?:mirrored ([a-z -]+), )?turned by (\S+) degrees", str(p[0])) for p in (plans, plain))
    assert said is not None
    assert turned is not None
    assert said[1] == flip
    assert turned[1] is None
    assert abs(float(said[2])) == pytest.approx(abs(float(turned[2])))
    assert abs(float(said[2])) <= 30
