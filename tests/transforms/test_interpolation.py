"""Interpolation of images: against torch, torchvision and Pillow, and every fast path against the plain one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.errors import UsageError
from pixelwise.types import Sample
from tests.support.packages import torchvision
from tests.support.rendering import IGNORE, ODD_SIZES, draw, noise, one, plain, plan, planes

MODES = {"antialias": "bilinear", "bicubic": "bicubic"}
"""What torch calls them, with antialias=True."""
SIDE = st.integers(1, 40)
SIZE = st.tuples(SIDE, SIDE)
SEED = st.integers(0, 2**32)
HOW = st.sampled_from(sorted(MODES))
each = pytest.mark.parametrize("how", sorted(MODES))
laws = settings(max_examples=60, deadline=None)


def by_torch(image: np.ndarray, new: tuple[int, int], how: str) -> np.ndarray:
    """(H, W, 3) uint8 to (3, h, w), 0..255, what is beyond clamped."""
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    there = torch.nn.functional.interpolate(tensor, size=new, mode=MODES[how], align_corners=False, antialias=True)
    return there[0].clamp(0, 255).numpy()


@laws
@given(SIZE, st.tuples(SIDE, st.integers(2, 40)), HOW, SEED)
def test_resizing_is_torchs(size: tuple[int, int], new: tuple[int, int], how: Any, seed: int) -> None:
    # To a width of 1, torch 2.13 repeats the first row; Pillow below does not.
    sample = noise([size], seed % 1000)[0]
    image, _ = one([pw.Resize(*new, interpolation=how)], sample)
    assert np.abs(image - by_torch(sample.image, new, how)).max() / 255 < 1e-5


@laws
@given(SIZE, SIZE, HOW, SEED)
def test_resizing_is_pillows_in_floats(size: tuple[int, int], new: tuple[int, int], how: Any, seed: int) -> None:
    # One side after the other, each with Pillow's filter: what it does when nothing is rounded between.
    sample = noise([size], seed % 1000)[0]
    image, _ = one([pw.Resize(*new, interpolation=how)], sample)
    kind = getattr(Image.Resampling, MODES[how].upper())
    for c in range(3):
        there = Image.fromarray(sample.image[..., c].astype(np.float32)).resize(new[::-1], kind)
        assert np.abs(image[c] - np.clip(np.asarray(there), 0, 255)).max() < 0.01


@each
@pytest.mark.parametrize("new", [(19, 23), (37, 50), (61, 33), (7, 111), (1, 1)])
def test_resizing_bytes_is_pillows_within_one_level(how: Any, new: tuple[int, int]) -> None:
    # Pillow rounds to bytes after each side; within 64..191 it has nothing to clamp there, which would be more.
    sample = noise([(37, 50)])[0]
    sample = Sample("", sample.image // 2 + 64, sample.label)
    out = draw(plan([pw.Resize(*new, interpolation=how)], [sample]), [sample], "uint8-hwc").images[0]
    there = Image.fromarray(sample.image).resize(new[::-1], getattr(Image.Resampling, MODES[how].upper()))
    assert np.abs(out.astype(int) - np.asarray(there)).max() <= 1


def test_photographs_are_pillows_within_one_level(voc_root: Path) -> None:
    sample = pw.open(voc_root)["train"][0]
    for new in ((224, 224), (123, 457), (500, 700)):
        step = pw.Resize(*new, interpolation="antialias")
        out = draw(plan([step], [sample]), [sample], "uint8-hwc").images[0]
        there = np.asarray(Image.fromarray(sample.image).resize(new[::-1], Image.Resampling.BILINEAR))
        assert np.abs(out.astype(int) - there).max() <= 1


def test_resizing_is_torchvisions() -> None:
    sample = noise([(37, 50)])[0]
    image = np.ascontiguousarray(sample.image.transpose(2, 0, 1))
    cases = [(how, new) for how in MODES for new in ((19, 23), (40, 90), (61, 33), (7, 111))]
    options = [{"size": list(new), "interpolation": MODES[how], "antialias": True} for how, new in cases]
    floats = torchvision([("resize", image.astype(np.float32) / 255, o) for o in options])
    levels = torchvision([("resize", image, o) for o in options])
    for (how, new), of_floats, of_levels in zip(cases, floats, levels, strict=True):
        ours, _ = one([pw.Resize(*new, interpolation=how)], sample)
        assert np.abs(ours / 255 - of_floats.clip(0, 1)).max() < 1e-5
        if how == "antialias":  # the cubic is clamped between its passes there
            assert np.abs(ours - of_levels).max() < 1.01


def test_enlarging_by_antialias_is_todays_area() -> None:
    samples = noise([(37, 50), (8, 1), (1, 1)])
    area, antialias = (
        draw(plan([pw.Resize(53, 60, interpolation=how)], samples), samples).images for how in ("area", "antialias")
    )
    np.testing.assert_allclose(area, antialias, atol=1e-6)


# -- every path ------------------------------------------------------------------------------------------------


def scaling(how: Any) -> Any:
    return st.one_of(
        st.builds(pw.RandomScale, st.just((0.3, 2.5)), interpolation=st.just(how)),
        st.builds(pw.Resize, SIDE, SIDE, interpolation=st.just(how)),
        st.builds(pw.ResizeShortest, SIDE, interpolation=st.just(how)),
        st.builds(pw.ResizeLongest, SIDE, interpolation=st.just(how)),
        st.builds(pw.RandomResizedCrop, SIDE, SIDE, interpolation=st.just(how)),
    )


OTHER = st.one_of(
    st.builds(pw.RandomCrop, SIDE, SIDE, pad_if_needed=st.just(True)),
    st.builds(pw.Pad, st.integers(0, 5)),
    st.builds(pw.RandomHorizontalFlip, p=st.just(0.5)),
    st.builds(pw.RandomVerticalFlip, p=st.just(0.5)),
    st.builds(pw.RandomRotate90),
    st.builds(pw.RandomAffine, st.just(40), st.just((0.1, 0.1)), st.just((0.5, 2.0)), st.just(20), st.just(9)),
)
CHAIN = HOW.flatmap(lambda how: st.tuples(scaling(how), st.lists(st.one_of(scaling(how), OTHER), max_size=3)))
OUTPUTS = ("float32", "float16", "uint8", "uint8-hwc")


@laws
@given(CHAIN, st.lists(SIZE, min_size=1, max_size=3), SEED, st.sampled_from(OUTPUTS), st.booleans(), st.booleans())
def test_rendering_equals_the_reference(
    chain: Any, sizes: Any, seed: int, output: Any, mapped: bool, wide: bool
) -> None:
    # Windows of the pixels, or addresses of all; colors after it; labels as the reference has them.
    samples = noise(sizes, seed % 1000, np.uint16 if wide else np.uint8)
    steps = [chain[0], *chain[1], pw.RandomGamma((0.5, 2.0), p=0.5), pw.RandomSaturation(0.4, p=0.5)]
    plans = plan(steps, samples, seed)
    out = draw(plans, samples, output, mapped)
    unit, most = {"float32": (255.0, 0.01), "float16": (255.0, 0.13)}.get(output, (1.0, 0.51))
    for k, s in enumerate(samples):
        image, label = plain(plans, k, s)
        h, w = plans.size[k]
        assert np.abs(planes(out, k, plans, output) * unit - image * 255).max() < most
        np.testing.assert_array_equal(out.labels[k, :h, :w], label)
        assert (out.labels[k, h:] == IGNORE).all()


@laws
@given(SIZE, SIZE, SIZE, HOW, st.booleans(), SEED)
def test_a_crop_after_a_resize_is_a_crop_of_the_result(
    size: Any, new: Any, crop: Any, how: Any, flip: bool, seed: int
) -> None:
    sample, after = noise([size], seed % 1000)[0], [pw.RandomHorizontalFlip(p=1)] * flip
    resize, cut = pw.Resize(*new, interpolation=how), pw.CenterCrop(*crop, pad_if_needed=True)
    plans = plan([resize, cut, *after], [sample], seed)
    whole = draw(plan([resize], [sample], seed), [sample], "uint8-hwc")
    result = Sample("", whole.images[0], whole.labels[0])
    expected = draw(plan([cut, *after], [result], seed), [result], "uint8-hwc")
    got = draw(plans, [sample], "uint8-hwc")
    assert np.abs(got.images.astype(int) - expected.images).max() <= 1  # a half is rounded either way
    area = draw(plan([pw.Resize(*new), cut, *after], [sample], seed), [sample])
    np.testing.assert_array_equal(got.labels, area.labels)


@each
def test_only_the_window_is_needed(how: Any) -> None:
    sizes = np.array([[1000, 1000]])
    plans = pw.Plans(sizes)
    for step in (pw.Resize(500, 500, interpolation=how), pw.CenterCrop(100, 100)):
        step.plan(plans, None)
    y0, x0, y1, x1 = plans[0].window
    assert y1 - y0 == x1 - x0 <= 200 + 2 * 5


@each
def test_labels_are_those_of_area(how: Any) -> None:
    samples = noise(ODD_SIZES)
    for step in (pw.Resize, pw.RandomResizedCrop):
        area, other = (draw(plan([step(30, 41, interpolation=i)], samples), samples).labels for i in ("area", how))
        np.testing.assert_array_equal(area, other)


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pw.Split]:
    """The same samples from files, from packs of decoded pixels and of the files' own bytes, and from memory."""
    root = tmp_path_factory.mktemp("interpolation")
    files = pw.open(pw.sample(root / "voc", count=12))["train"]
    read = [files[i] for i in range(len(files))]
    memory = pw.ArraySource([s.image for s in read], [s.label for s in read], [s.name for s in read])
    found = {"files": files, "memory": pw.Split("train", files.classes, memory)}
    for encoding in ("raw", "original"):
        packed = pw.pack(root / "voc", root / f"{encoding}.pack", encoding=encoding)
        found[encoding] = pw.open(packed.root)["train"]
    return found


STEPS = {
    "resize": lambda how: [pw.Resize(90, 140, interpolation=how), pw.Normalize()],
    "scale, crop, flip": lambda how: [
        pw.RandomScale((0.3, 1.6), interpolation=how), pw.RandomCrop(64, 80, pad_if_needed=True),
        pw.RandomHorizontalFlip(), pw.ColorJitter(0.3, 0.3, 0.3), pw.Normalize(),
    ],
    "resized crop": lambda how: [pw.RandomResizedCrop(50, 60, interpolation=how)],
    "rotated": lambda how: [pw.ResizeShortest(80, interpolation=how), pw.RandomRotation(20), pw.CenterCrop(50, 60)],
    "two stages": lambda how: [
        pw.ResizeLongest(120, interpolation=how), pw.RandomCrop(60, 60, pad_if_needed=True), pw.CutMix(),
        pw.RandomScale((0.5, 0.9)), pw.CenterCrop(32, 32, pad_if_needed=True),
    ],
}  # fmt: skip


@each
@pytest.mark.parametrize("name", STEPS)
def test_batches_are_the_same_from_everywhere(forms: dict[str, pw.Split], name: str, how: Any) -> None:
    steps, first = STEPS[name](how), None
    for form, split in forms.items():
        loader = pw.Loader(split, 3, steps, shuffle=True, seed=3, threads=2, small="pad")
        for _ in range(2):  # the second epoch reads windows of JPEG files by their index
            found = [(b.images.copy(), b.labels.copy()) for b in loader]
        if first is None:
            first = found
        for (images, labels), (others, other_labels) in zip(first, found, strict=True):
            np.testing.assert_array_equal(images, others, err_msg=form)
            np.testing.assert_array_equal(labels, other_labels)
    if name == "two stages":
        return
    split, (loader, other) = forms["memory"], (
        pw.Loader(forms["files"], 3, steps, shuffle=True, seed=3, small="pad") for _ in range(2)
    )
    for batch, (indices, _, plans) in zip(loader, other.plans(), strict=True):
        for k, index in enumerate(indices.tolist()):
            image, label = plain(plans, k, split[index])
            h, w = plans.size[k]
            assert batch.indices[k] == index
            assert np.abs(batch.images[k, :, :h, :w] - image).max() < 1e-4
            np.testing.assert_array_equal(batch.labels[k, :h, :w], label)


def test_lanes_render_alike(forms: dict[str, pw.Split]) -> None:
    steps = STEPS["resize"]("antialias")
    one_by_one = {b.names[0]: b.images.copy() for b in pw.Loader(forms["raw"], 1, steps)}
    for batch in pw.Loader(forms["raw"], 1, steps, shuffle=True, order="lanes"):
        np.testing.assert_array_equal(batch.images, one_by_one[batch.names[0]])


@each
@pytest.mark.parametrize("name", ["resize", "scale, crop, flip", "resized crop", "rotated"])
def test_a_device_loader_gives_the_loaders_batches(forms: dict[str, pw.Split], name: str, how: Any) -> None:
    pytest.importorskip("torch")
    from pixelwise.torch import DeviceLoader

    plain, device = (pw.Loader(forms["memory"], 4, STEPS[name](how), shuffle=True, seed=1) for _ in range(2))
    for expected, got in zip(plain, DeviceLoader(device, "cpu"), strict=True):
        assert np.abs(got.images.numpy() - expected.images).max() < 1e-5
        np.testing.assert_array_equal(got.labels.numpy(), expected.labels)


# -- what is asked for -----------------------------------------------------------------------------------------


def test_pixels_are_interpolated_once_so_two_ways_are_refused() -> None:
    samples = noise([(20, 30)])
    with pytest.raises(UsageError, match="two interpolations") as caught:
        plan([pw.Resize(9, 9, interpolation="bicubic"), pw.RandomScale((0.5, 2))], samples)
    assert caught.value.code == "bad-transforms"
    split = pw.Split("one", pw.VOC, pw.ArraySource([s.image for s in samples], [s.label % 3 for s in samples]))
    steps = [pw.Resize(9, 9, interpolation="bicubic"), pw.CutMix(), pw.Resize(5, 5)]  # rendered between: not once
    assert next(iter(pw.Loader(split, 1, steps))).images.shape == (1, 3, 5, 5)


@pytest.mark.parametrize("step", [pw.Resize, pw.RandomResizedCrop])
@pytest.mark.parametrize(("wrong", "fix"), [("bilinear", "'antialias'"), ("lanczos", ""), (2, ""), (None, "")])
def test_what_there_is_not_is_refused(step: Any, wrong: Any, fix: str) -> None:
    with pytest.raises(UsageError, match="interpolation must be one of 'area', 'antialias', 'bicubic'") as caught:
        step(8, 9, interpolation=wrong)
    assert fix in str(caught.value)


def test_a_plan_says_how() -> None:
    plans = plan([pw.Resize(9, 9, interpolation="bicubic")], noise([(20, 30)]))
    assert "bicubic" in str(plans[0])
    assert "area" not in str(plan([pw.Resize(9, 9)], noise([(20, 30)]))[0])
