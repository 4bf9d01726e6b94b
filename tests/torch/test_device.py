"""DeviceLoader on the CPU: the batches of the Loader, labels equal. On a GPU it is the same code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.packing import random_sample, table

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'pixelwise[torch]'")

import pixelwise as pw  # noqa: E402
from pixelwise.torch import DeviceLoader  # noqa: E402

CROP = pw.RandomCrop(23, 31, pad_if_needed=True)
LISTS: dict[str, Sequence[Any]] = {
    "nothing": [],
    "crop and flips": [CROP, pw.RandomHorizontalFlip(p=0.5), pw.RandomVerticalFlip(p=0.5), pw.Normalize()],
    "resize": [pw.Resize(30, 41), pw.Normalize()],
    "resized crop": [pw.RandomResizedCrop(24, 24), pw.Normalize()],
    "scale": [pw.RandomScale((0.5, 2.0)), CROP, pw.Normalize()],
    "quarter turns": [pw.RandomRotate90(), CROP],
    "rotation": [pw.RandomRotation(30), CROP, pw.Normalize()],
    "affine": [pw.RandomAffine(15, scale=(0.6, 1.5), shear=10), CROP, pw.Normalize()],
    "colors": [CROP, pw.ColorJitter(0.4, 0.4, 0.4, 0.1), pw.Normalize()],
    "gamma and gray": [CROP, pw.RandomGamma((0.5, 2.0)), pw.RandomGrayscale(p=0.5), pw.Normalize()],
    "channels": [CROP, pw.RandomChannelPermutation(p=0.5)],
    "pad": [pw.Pad(7), pw.CenterCrop(13, 15)],
}


def split(classes: int = 5, labels: bool = True) -> pw.Split:
    """Noise of several sizes."""
    rng, ids = np.random.default_rng(0), table(classes)
    sizes = [(37, 50), (1, 1), (1, 9), (8, 1), (40, 23), (61, 33), (24, 24)]
    samples = [random_sample(rng, f"s{k}", size, ids, labels) for k, size in enumerate(sizes)]
    found = [s.label for s in samples]
    source = pw.ArraySource([s.image for s in samples], found if labels else None, [s.name for s in samples])
    return pw.Split("train", ids, source)


def loader(of: pw.Split, transforms: Sequence[Any], **options: Any) -> pw.Loader:
    return pw.Loader(of, 3, transforms, shuffle=True, seed=5, small="pad", **options)


def compare(of: pw.Split, transforms: Sequence[Any]) -> None:
    plain, ours = loader(of, transforms), DeviceLoader(loader(of, transforms), "cpu")
    for _ in range(2):
        for expected, got in zip(plain, ours, strict=True):
            assert got.names == expected.names
            assert got.sizes.numpy().tolist() == expected.sizes.tolist()
            assert np.abs(got.images.numpy() - expected.images).max() < 1e-5
            if expected.labels is None:
                assert got.labels is None
            else:
                assert got.labels is not None
                assert np.array_equal(got.labels.numpy(), expected.labels)


@pytest.mark.parametrize("name", LISTS)
def test_batches_are_those_of_the_loader(name: str) -> None:
    compare(split(), LISTS[name])


def test_wide_labels_and_none() -> None:
    compare(split(300), LISTS["scale"])
    compare(split(labels=False), LISTS["scale"])


def test_files(voc_root: Path) -> None:
    train = pw.open(voc_root)["train"][:6]
    compare(train, [pw.RandomScale((0.5, 1.5)), pw.RandomCrop(64, 80, pad_if_needed=True), pw.Normalize()])


def test_a_split_that_does_not_fit_is_refused_with_both_sizes() -> None:
    with pytest.raises(pw.PixelwiseError, match=r"take 0\.00 GB, cpu has room for 0\.00 GB") as caught:
        DeviceLoader(loader(split(), []), "cpu", limit=1000)
    assert caught.value.code == "too-large"


@pytest.mark.parametrize("step", [pw.RandomErasing(p=1.0), pw.Mosaic(16, 16), pw.GaussianBlur(p=1.0)])
def test_what_changes_pixels_is_refused(step: Any) -> None:
    with pytest.raises(pw.PixelwiseError, match="TensorLoader"):
        next(iter(DeviceLoader(loader(split(), [CROP, step]), "cpu")))


def test_resuming() -> None:
    whole = DeviceLoader(loader(split(), LISTS["scale"]), "cpu")
    batches = [b.images for b in whole]
    for k in range(len(batches)):
        first = DeviceLoader(loader(split(), LISTS["scale"]), "cpu")
        it = iter(first)
        for _ in range(k):
            next(it)
        second = DeviceLoader(loader(split(), LISTS["scale"]), "cpu")
        second.load_state_dict(first.state_dict())
        assert all(torch.equal(a.images, b) for a, b in zip(second, batches[k:], strict=True))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu() -> None:
    for transforms in LISTS.values():
        host, device = (DeviceLoader(loader(split(), transforms), d) for d in ("cpu", "cuda"))
        for a, b in zip(host, device, strict=True):
            assert (a.images - b.images.cpu()).abs().max() < 1e-5
            assert a.labels is not None
            assert b.labels is not None
            assert torch.equal(a.labels, b.labels.cpu())
