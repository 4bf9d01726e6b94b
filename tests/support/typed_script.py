"""What a user writes, as the type checkers read it: everything here passes mypy --strict and pyright strict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pixelwise as pw


def training(root: Path) -> pw.Loader:
    dataset = pw.open(root)
    crop = pw.RandomCrop(320, 480, pad_if_needed=True)
    flip = pw.RandomHorizontalFlip(p=0.5)
    transforms = [pw.RandomScale((0.5, 2.0)), crop, flip, pw.Normalize()]
    return pw.Loader(dataset["train"], 16, transforms, shuffle=True, output="float16", small="drop", seed=3)


def epoch(loader: pw.Loader) -> int:
    pixels = 0
    for images, labels in loader:
        pixels += int((labels != 255).sum()) + images.shape[0]
    for batch in loader:
        if batch.labels is not None and batch.classes is not None:
            pixels += len(batch.classes) + len(batch.names)
    state = loader.state_dict()
    loader.load_state_dict(state)
    return pixels


def look(root: Path) -> list[str]:
    dataset = pw.open(root, format="voc")
    names: list[str] = []
    for name, split in dataset.items():
        names.append(f"{name}: {len(split)} of {len(dataset)}")
        for sample in split[:2]:
            image, label = sample
            height, width = sample.size
            names.append(f"{sample.name} {height}x{width} {image.dtype} {label.dtype}")
    sample = dataset["train"]["2008_000000"]
    picture = pw.show(sample, classes=dataset.classes, columns=["image", "overlay"])
    picture.save("sheet.png")
    rows = dataset.classes.to_frame()
    return names + [str(row["name"]) for row in rows]


def count(root: Path) -> NDArray[np.float64]:
    counted = pw.stats(root, splits=["train", "val"], on_error="skip")
    weights = counted.weights("median-frequency")
    total = counted + counted
    assert total.samples == 2 * counted.samples
    mean, std = counted.mean, counted.std
    pw.Normalize(mean, std)
    return weights


def problems(root: Path) -> list[str]:
    found = pw.check(root)
    serious = [f"{finding.where}: {finding.what}" for finding in found if finding.severity == "error"]
    return serious if serious else [found.summary]


def model(images: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.zeros((len(images), 21, *images.shape[2:]), np.float32)


def evaluated(root: Path, out: Path) -> float:
    dataset = pw.open(root)
    pw.predict(model, dataset["val"], out, tiling=pw.Tiling((512, 512), overlap=0.5))
    scoring = pw.score(out, dataset, "voc", splits="val")
    confusion = pw.Confusion(dataset.classes, per_image=True)
    for sample in dataset["val"]:
        if sample.label is not None:
            confusion.update(sample.label, sample.label, names=sample.name)
    interval = pw.bootstrap(confusion, "cityscapes", resamples=100)
    compared = pw.compare_protocols(confusion)
    print(interval, compared, confusion.scores("ade20k").miou)
    return scoring.scores.miou


def recipe() -> list[pw.Transform]:
    return [pw.RandomRotation(10), *pw.RECIPES["deeplab-voc"]()]


def packed(root: Path) -> pw.Dataset:
    made = pw.pack(root, "voc.pack", encoding="raw")
    pw.verify(made.root)
    merged = made.merge_classes({"vehicle": ["car", "bus"]})
    return merged.split({"train": 0.8, "val": 0.2}, seed=1)


def caught(root: Path) -> str:
    try:
        return pw.open(root)["train"].name
    except pw.DataError as error:
        return f"{error.code}: {error.where}"
    except pw.PixelwiseError as error:
        return error.fix or str(error)


class Gray:
    """A transform of one's own."""

    def plan(self, plans: pw.Plans, uniform: object) -> None:
        plans.recolor(np.tile(np.eye(3, 4), (len(plans), 1, 1)))


if __name__ == "__main__":
    here = Path("VOCdevkit/VOC2012")
    print(epoch(training(here)), look(here), count(here), problems(here), evaluated(here, Path("out")), caught(here))
    print(len(recipe()), packed(here))
