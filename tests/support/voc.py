"""A VOC tree of painted pairs in the sizes of photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pixelwise.classes import VOC, VOC_NAMES
from tests.support.tree import picture

CLASSES = (1, 5, 8, 12, 15, 20)
SIZES = [(375, 500), (333, 500), (500, 375), (375, 500), (281, 500), (332, 500)]
ANNOTATION = "<annotation><object><name>{}</name><bndbox>{}</bndbox></object></annotation>"


def paint_voc(root: Path, count: int = 24) -> Path:
    """`count` pairs for training and `count` for validation, with two objects in each and void around them."""
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "Annotations", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    names = [f"2008_{i:06d}" for i in range(2 * count)]
    for i, name in enumerate(names):
        size = SIZES[i % len(SIZES)]
        Image.fromarray(picture(i, size)).save(root / f"JPEGImages/{name}.jpg", quality=90)
        label, objects = discs(i, size)
        for folder, ids in (("SegmentationClass", label), ("SegmentationObject", objects)):
            image = Image.fromarray(ids).convert("P")
            image.putpalette(VOC.palette.tobytes())
            image.save(root / folder / f"{name}.png", optimize=True)
        y, x = np.nonzero(objects == 1)
        box = "".join(
            f"<{tag}>{value + 1}</{tag}>"
            for tag, value in (("xmin", x.min()), ("ymin", y.min()), ("xmax", x.max()), ("ymax", y.max()))
        )
        kind = VOC_NAMES[label[y[0], x[0]]]
        (root / f"Annotations/{name}.xml").write_text(ANNOTATION.format(kind, box))
    lists = {"train": names[:count], "val": names[count:], "trainval": names}
    for split, chosen in lists.items():
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("".join(f"{n}\n" for n in chosen))
    return root


def discs(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Class ids and object numbers of a large disc and a small one in front of it."""
    rng = np.random.default_rng(seed)
    label, objects = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    y, x = np.mgrid[: size[0], : size[1]]
    for k, radius in ((1, 90), (2, 40)):
        cy, cx = rng.uniform(100, size[0] - 100), rng.uniform(100, size[1] - 100)
        far = np.hypot(y - cy, x - cx) + 6 * np.sin(np.arctan2(y - cy, x - cx) * 5)
        for ids, index in ((label, CLASSES[(seed + seed // 6 + 2 * k) % 6]), (objects, k)):
            ids[far < radius + 5] = 255
            ids[far < radius] = index
    return label, objects
