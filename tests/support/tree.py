"""A small good dataset in VOC's layout, painted for tests: into it faults are planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pixelwise.classes import VOC, ClassTable
from pixelwise.codecs.png import encode_png
from tests.support.jpeg import encode_jpeg

SIZE = (48, 64)


def picture(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """An (H, W, 3) picture of colored discs, unlike that of any other seed."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    out = np.full((*size, 3), random.integers(0, 256, 3), np.uint8)
    for _ in range(25):
        cy, cx, r = random.uniform(0, size[0]), random.uniform(0, size[1]), random.uniform(4, 16)
        out[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = random.integers(0, 256, 3)
    return out


def mask(*classes: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """An (H, W) label: background, and a void-framed block of each class."""
    out = np.zeros(size, np.uint8)
    step = size[1] // max(1, len(classes))
    for k, c in enumerate(classes):
        out[8:40, k * step + 2 : (k + 1) * step - 2] = 255
        out[10:38, k * step + 4 : (k + 1) * step - 4] = c
    return out


class Tree:
    """A VOC folder with `count` pairs, the last third of them for validation. Its methods plant files."""

    def __init__(self, root: Path, count: int = 9, table: ClassTable = VOC) -> None:
        self.root = root
        self.table = table
        for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
            (root / folder).mkdir(parents=True)
        self.names = [f"s{i:02d}" for i in range(count)]
        for i, name in enumerate(self.names):
            self.image(name, picture(i))
            self.label(name, mask(1, 15) if len(table) > 2 else mask(1))
        cut = 2 * count // 3
        self.list("train", self.names[:cut])
        self.list("val", self.names[cut:])

    def image(self, name: str, pixels: NDArray[np.uint8] | bytes) -> Path:
        """Write an image: pixels as JPEG, or these bytes."""
        path = self.root / "JPEGImages" / f"{name}.jpg"
        path.write_bytes(pixels if isinstance(pixels, bytes) else encode_jpeg(pixels, 95))
        return path

    def label(self, name: str, pixels: NDArray[np.uint8] | bytes, folder: str = "SegmentationClass") -> Path:
        """Write a label: ids as a palette PNG, or these bytes."""
        path = self.root / folder / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pixels if isinstance(pixels, bytes) else encode_png(pixels, self.table.palette))
        return path

    def list(self, split: str, names: list[str] | bytes) -> Path:
        """Write a split's list: names, or these bytes."""
        path = self.root / "ImageSets/Segmentation" / f"{split}.txt"
        path.write_bytes(names if isinstance(names, bytes) else "".join(n + "\n" for n in names).encode())
        return path
