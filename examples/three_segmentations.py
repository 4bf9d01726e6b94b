"""Three things that are called segmentation, on one picture.

    python examples/three_segmentations.py [DATASET] [--split val] [--index 3] [-o three-segmentations.png]

*Image segmentation* divides the pixels into regions of like color. It needs no labels, and its regions have no names:
one object may fall into several, and one region may hold parts of several. *Semantic segmentation* gives every pixel a
class: two people side by side are one area of "person". *Instance segmentation* tells the objects apart, pixel by
pixel, but says nothing about what is no object.

Needs OpenCV for the regions: pip install opencv-python-headless.

DATASET: any dataset with instances: VOC, Cityscapes, COCO, LabelMe, YOLO ... By default one is painted.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

import pixelwise as pw
from pixelwise.drawing.blocks import beside, frame, stack, text
from pixelwise.drawing.legend import legend, percent, shares
from pixelwise.drawing.page import page
from pixelwise.drawing.pixels import borders, colorize, instance_overlay, scaled_image, scaled_label
from pixelwise.drawing.typesetting import BODY, QUIET, SMALL, Style


def regions(image: Any, color_radius: float = 22, like: int = 3) -> Any:
    """Regions of like color, without any label: (H, W) numbers from 0.

    Mean shift (Comaniciu and Meer, 2002) draws each pixel's color to that of its surroundings; a region is what then
    hangs together with steps of at most `like` levels.
    """
    flat = cv2.pyrMeanShiftFiltering(np.ascontiguousarray(image[..., ::-1]), 12, color_radius)
    height, width = image.shape[:2]
    mask = np.zeros((height + 2, width + 2), np.uint8)
    numbers = np.full((height, width), -1, np.int32)
    count = 0
    while (left := np.flatnonzero(numbers.reshape(-1) < 0)).size:
        y, x = divmod(int(left[0]), width)
        before = mask[1:-1, 1:-1].copy()
        # 255 in the mask alone, both diagonals off, differences to the neighbor.
        cv2.floodFill(flat, mask, (x, y), 0, (like,) * 3, (like,) * 3, 4 | cv2.FLOODFILL_MASK_ONLY | 255 << 8)
        numbers[mask[1:-1, 1:-1] != before] = count
        count += 1
    return numbers


def painted(image: Any, numbers: Any) -> Any:
    """Each region in its mean color, with white lines between them."""
    count = int(numbers.max()) + 1
    size = np.bincount(numbers.reshape(-1), minlength=count)[:, None]
    sums = np.stack([np.bincount(numbers.reshape(-1), image[..., c].reshape(-1), count) for c in range(3)], axis=1)
    out = (sums / size).astype(np.uint8)[numbers]
    out[borders(numbers)] = 255
    return out


def objects_in(sample: pw.Sample) -> int:
    """How many objects are told apart."""
    return 0 if sample.instances is None else len(np.unique(sample.instances))


def column(title: str, says: str, pixels: Any, below: Image.Image | None, style: Style, width: int) -> Image.Image:
    """A panel under its name."""
    blocks = [text(title, style.px(BODY)), text(says, style.px(SMALL), QUIET, width), frame(pixels)]
    return stack(blocks + ([] if below is None else [below]), style.px(10))


def draw(sample: pw.Sample, classes: pw.ClassTable) -> pw.Picture:
    """The page: the picture and its three segmentations."""
    if sample.label is None or sample.instances is None:
        raise SystemExit(f"{sample.name} has no {'label' if sample.label is None else 'instances'}: choose another")
    style = Style(2166)
    width = (style.inner - 3 * style.px(28)) // 4
    size = (round(sample.size[0] * width / sample.size[1]), width)
    image, label, numbers = (
        scaled_image(sample.image, size), scaled_label(sample.label, size), scaled_label(sample.instances, size)
    )  # fmt: skip
    void = np.zeros(size, bool) if classes.ignore_index is None else label == classes.ignore_index
    found = regions(image)
    large = int((np.bincount(found.reshape(-1)) >= 50).sum())
    numbers = np.where(void, 0, numbers)
    objects = int((np.unique(numbers) != 0).sum())
    names = [(i, percent(share)) for i, share in shares(sample.label)]
    panels = [
        column("Picture", sample.name, image, None, style, width),
        column("Image segmentation", f"{large} regions of like color, no names", painted(image, found), None, style,
               width),
        column("Semantic segmentation", "a class for every pixel", colorize(label, classes),
               legend(names, classes, style, width, max_lines=4), style, width),
        column("Instance segmentation", f"{objects} object{'s' * (objects != 1)} told apart",
               instance_overlay(image, numbers, void), None, style, width),
    ]  # fmt: skip
    return page("Three segmentations", "of one picture", [beside(panels, style.px(28))], "pixelwise", style)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path)
    parser.add_argument("--split")
    parser.add_argument("--index", type=int, help="default: the one of the first 24 with the most objects")
    parser.add_argument("-o", "--output", type=Path, default=Path("three-segmentations.png"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dataset = pw.open(args.dataset or pw.sample(folder, count=32))
        split = dataset[args.split or next(iter(dataset.splits))]
        sample = max(split[:24], key=objects_in) if args.index is None else split[args.index]
        draw(sample, dataset.classes).save(args.output)
    print(args.output)


if __name__ == "__main__":
    main()
