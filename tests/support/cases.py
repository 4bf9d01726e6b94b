"""Small datasets as people really have them, each after a public report: `CASES` has a maker for each.

What each must give is said in tests/formats/test_cases.py. Every label is `IDS`, or shows what `IDS` does.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.making import save
from tests.support.tree import picture

SIZE = (60, 80)
IDS = np.zeros(SIZE, np.uint8)
"""(60, 80) class ids: background 0 and two rectangles, 1 and 2."""
IDS[5:25, 5:40] = 1
IDS[30:55, 20:70] = 2
SQUARE = [5, 5, 40, 5, 40, 25, 5, 25]
"""A polygon around the pixels of class 1."""


def image(path: Path, seed: int = 0) -> None:
    """A picture, its kind by the ending."""
    save(path, picture(seed, SIZE))


def text(path: Path, content: str) -> None:
    """A text file, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


# -- exports of CVAT ------------------------------------------------------------------------------------------


def _cvat(colors: Any, suffix: str = "jpg", objects: bool = False) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        table = np.array([(0, 0, 0), *colors], np.uint8)
        for i in range(3):
            image(root / f"JPEGImages/f{i}.{suffix}", i)
            save(root / f"SegmentationClass/f{i}.png", table[IDS])
            if objects:
                own = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0)], np.uint8)
                save(root / f"SegmentationObject/f{i}.png", own[IDS])
        text(root / "ImageSets/Segmentation/default.txt", "f0\nf1\nf2\n")
        rows = "".join(f"{n}:{r},{g},{b}::\n" for n, (r, g, b) in zip(("bolt", "nut"), colors, strict=True))
        text(root / "labelmap.txt", "# label:color_rgb:parts:actions\nbackground:0,0,0::\n" + rows)

    return make


# -- a mask for each class ------------------------------------------------------------------------------------


def _layers(images: str, masks: str) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        for i in range(3):
            image(root / images.format(i=i), i)
            for k, name in ((1, "bolt"), (2, "nut")):
                save(root / masks.format(i=i, name=name), np.where(k == IDS, 255, 0).astype(np.uint8))

    return make


# -- annotation files -----------------------------------------------------------------------------------------


def _labelme(named: str, other: bool = False) -> Callable[[Path], None]:
    def make(root: Path) -> None:
        shape = {"label": "bolt", "points": [[5, 5], [40, 5], [40, 25]], "shape_type": "polygon"}
        size = {"imageHeight": SIZE[0], "imageWidth": SIZE[1]}
        data = {"version": "5.4.1", "imagePath": named, "imageData": None, "shapes": [shape], **size}
        text(root / "ann/a.json", json.dumps(data))
        image(root / "images/a.jpg")
        if other:
            save(root / "ann/a.jpg", np.broadcast_to(np.array([255, 0, 0], np.uint8), (*SIZE, 3)))

    return make


def coco(*segmentations: Any, **stated: Any) -> Callable[[Path], None]:
    """One image, and an annotation of each segmentation; ids from 0. stated: of the image, if it differs."""

    def make(root: Path) -> None:
        image(root / "images/a.jpg")
        shown = {"id": 1, "file_name": "a.jpg", "width": SIZE[1], "height": SIZE[0], **stated}
        each = {"image_id": 1, "category_id": 1, "iscrowd": 0, "area": 9, "bbox": [5, 5, 35, 20]}
        annotations = [{**each, "id": i, "segmentation": s} for i, s in enumerate(segmentations)]
        categories = [{"id": 1, "name": "bolt"}]
        data = {"images": [shown], "categories": categories, "annotations": annotations}
        text(root / "ann.json", json.dumps(data))

    return make


def _run_lengths(root: Path) -> None:
    image(root / "train_images/s.jpg")
    text(root / "train.csv", "ImageId_ClassId,EncodedPixels\ns.jpg_1,301 20 361 20\ns.jpg_2,\n")


def _yolo(root: Path) -> None:
    for k, split in enumerate(("train", "val")):
        for i in range(3):
            image(root / f"{split}/images/{i}.jpg", 10 * k + i)
            text(root / f"{split}/labels/{i}.txt", "0 0.1 0.1 0.5 0.1 0.5 0.5\n")
    text(root / "data.yaml", "names: [bolt]\n")
    text(root / "val/images/1.jpg", "broken")
    text(root / "val/labels/2.txt", "7 0 0 1 0 1 1\n")


# -- folders and endings --------------------------------------------------------------------------------------


def _endings(root: Path) -> None:
    for i, ending in enumerate(("JPG", "jpg", "JPEG", "jpeg")):
        image(root / f"images/p{i}.{ending}", i)
        save(root / f"masks/p{i}.{'PNG' if i % 2 else 'png'}", IDS)


def _gifs(root: Path) -> None:
    for i in range(4):
        image(root / f"train/c_{i:02d}.jpg", i)
        save(root / f"train_masks/c_{i:02d}_mask.gif", IDS * 100)


def _semantic_and_instance(root: Path) -> None:
    for i in range(3):
        ids = np.choose(IDS, [7, 11, 26]).astype(np.uint8)
        image(root / f"training/image_2/{i:06d}_10.png", i)
        save(root / f"training/semantic/{i:06d}_10.png", ids)
        save(root / f"training/instance/{i:06d}_10.png", ids.astype(np.uint16) * 256)


def _leftovers(root: Path) -> None:
    image(root / "JPEGImages/p.jpg")
    save(root / "SegmentationClass/p.png", IDS)
    text(root / "ImageSets/Segmentation/train.txt", "p\n")
    text(root / "ImageSets/Segmentation/val.txt", "")
    text(root / "ImageSets/Segmentation/._train.txt", "\0\5\x16\7")


def _test_images(root: Path) -> None:
    image(root / "train/0.png")
    image(root / "test/0.png", 1)
    save(root / "train_masks/0.png", IDS)


# -- channels, bands and numbers ------------------------------------------------------------------------------


def _camera(root: Path) -> None:
    for i in range(3):
        image(root / f"rgb/{i}.png", i)
        save(root / f"seg/{i}.png", np.dstack([IDS * 7, IDS * 0, IDS * 0]))


def _camera_16_bits(root: Path) -> None:
    for i in range(3):
        image(root / f"RGB/{i}.png", i)
        ids = IDS.astype(np.uint16)
        path = root / f"LABELS/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png_of_16_bits(np.dstack([ids, ids * 20 + i, ids * 0])))


def png_of_16_bits(pixels: Any) -> bytes:
    """(H, W, 3) uint16 as a PNG, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _four_bands(root: Path) -> None:
    for i in range(3):
        save(root / f"images/{i}.tif", np.random.default_rng(i).integers(0, 255, (*SIZE, 4), np.uint8))
        save(root / f"masks/{i}.png", IDS)


def _no_data(root: Path) -> None:
    for i in range(3):
        image(root / f"images/{i}.jpg", i)
        save(root / f"masks/{i}.tif", np.where(IDS == 0, np.int32(-9999), IDS.astype(np.int32)))


# -- colors ---------------------------------------------------------------------------------------------------

COLORS = np.array([(0, 0, 0), (128, 64, 128), (64, 64, 0)], np.uint8)


def _class_dict(root: Path) -> None:
    image(root / "images/0.png")
    save(root / "masks/0.png", COLORS[IDS])
    text(root / "class_dict.csv", "name,r,g,b\nvoid,0,0,0\nroad,128,64,128\npole,64,64,0\n")


def _gray_black(root: Path) -> None:
    paths = '[images]\npath = "images/{name}.jpg"\n[labels]\npath = "masks/{name}.png"\n'
    classes = '[[class]]\nname = "road"\ncolor = [128, 64, 128]\n[[class]]\nname = "background"\ncolor = [0, 0, 0]\n'
    text(root / "pixelwise.toml", paths + classes)
    for i in range(2):
        image(root / f"images/{i}.jpg", i)
    save(root / "masks/0.png", COLORS[np.minimum(IDS, 1)])
    save(root / "masks/1.png", np.zeros(SIZE, np.uint8))


CASES: dict[str, Callable[[Path], None]] = {
    "r01": _cvat([(48, 112, 32), (176, 112, 32)]),
    "r02": _cvat([(128, 0, 0), (0, 128, 0)]),
    "r57": _cvat([(48, 112, 32), (176, 112, 32)], suffix="png", objects=True),
    "r04": _layers("images/ab-part{i}.jpg", "export/task-{i}-annotation-{i}-by-1-tag-{name}-0.png"),
    "r05": _layers("images/part{i}.jpg", "masks/part{i}_class_{name}.png"),
    "r08": _labelme("..\\images\\a.jpg"),
    "r08b": _labelme("../images/a.jpg", other=True),
    "r10": _run_lengths,
    "r11": _endings,
    "r15": _gifs,
    "r17": _camera,
    "r19": _camera_16_bits,
    "r21": coco([SQUARE], [[4, 30, 60, 55]], [[1, 2, 3, 4]]),
    "r23": coco([SQUARE, [50, 30, 50, 35]]),
    "r25": coco(SQUARE),
    "r26": coco([], []),
    "r27": coco([[10 * v for v in SQUARE]], width=800, height=600),
    "r30": _yolo,
    "r36": _semantic_and_instance,
    "r37": _leftovers,
    "r40": _four_bands,
    "r41": _no_data,
    "r55": _class_dict,
    "r58": _gray_black,
    "r59": _test_images,
}
"""After (r01) cvat#2390, (r02) cvat#5246, (r57) a real export of CVAT, (r04) label-studio#3697, (r05)
Rectlabel-support#268, (r08) labelme#1725, (r08b) supervision#2581, (r10) Severstal's train.csv, (r11) anomalib#3058,
(r15) Carvana and DRIVE, (r17) CARLA, (r19) SYNTHIA, (r21) cocoapi#348, (r23) tensorpack#1041, (r25) supervision#205,
(r26) label-studio#5898, (r27) coco-annotator#359, (r30) datumaro#59, (r36) Pytorch-UNet#226, (r37) trees unpacked on
macOS, (r40) segmentation_models.pytorch#22, (r41) rasterio#1927, (r55) ultralytics#22330 and Kaggle's CamVid,
(r58) a real copy of CamVid, (r59) an example of Keras."""
