"""A small dataset in each of many formats, painted. The folders are named as those of the shared data."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pixelwise.classes import VOC, VOC_NAMES
from pixelwise.formats.class_tables import table
from tests.support.making import save
from tests.support.tree import picture

SIZE = (40, 56)


def make(root: Path) -> Path:
    """Write all of them."""
    for part in (_ade20k, _camvid, _one_object, _panoptic, _labelme, _street, _people_and_land, _medical, _odd):
        part(root)
    return root


def blocks(among: Any, seed: int = 0, dtype: Any = np.uint8) -> Any:
    """(40, 56) of the values in `among`, in blocks of 3x3 pixels; another seed starts with another value."""
    y, x = np.indices(SIZE) // 3
    return np.asarray(among)[(y * 19 + x + 7 * seed) % len(among)].astype(dtype)


def pair(image: Path, label: Path, stored: Any, palette: Any = None) -> None:
    """An image and a label file; images of other names or folders have other pixels."""
    save(image, picture(zlib.crc32("/".join(image.parts[-2:]).encode()), SIZE))
    save(label, stored, palette)


def _ade20k(root: Path) -> None:
    for i in (1, 2, 3):
        name, at = f"ADE_val_{i:08d}", root / "ade20k"
        pair(at / f"images/{name}.jpg", at / f"annotations/{name}.png", blocks(range(151), i))


def _camvid(root: Path) -> None:
    colors = np.array([*table("camvid").colors.tolist(), (0, 0, 0)], np.uint8)
    for split, count in (("train", 10), ("val", 4)):
        for i in range(count):
            at, name = root / "camvid_rgb", f"0006R0_{split}_{i}"
            stored = colors[blocks(range(len(colors)), i)]
            pair(at / f"{split}/{name}.png", at / f"{split}_labels/{name}_L.png", stored)
    for split in ("train", "val", "test"):
        at, names = root / "camvid_index", [f"0016E5_{split}_{i}" for i in range(4)]
        for i, name in enumerate(names):
            pair(at / f"{split}/{name}.png", at / f"{split}annot/{name}.png", blocks(range(12), i))
        lines = [f"/SegNet/CamVid/{split}/{n}.png /SegNet/CamVid/{split}annot/{n}.png\n" for n in names]
        (at / f"{split}.txt").write_text("".join(lines))
    for i in range(4):
        at, name = root / "camvid_16bit", f"0001TP_00{i}"
        pair(at / f"images/{name}.png", at / f"labels/{name}_L.png", blocks(range(12), i, np.uint16))


def _one_object(root: Path) -> None:
    for name in ("Image_01L", "Image_01R"):
        at = root / "chase_1bit"
        pair(at / f"{name}.jpg", at / f"{name}_1stHO.png", blocks([False, True, False], dtype=bool))
    for i in range(2):
        at, name = root / "davis_binary", f"{i:05d}"
        pair(at / f"JPEGImages/{name}.jpg", at / f"Annotations/{name}.png", blocks([0, 0, 255], i))


def _panoptic(root: Path) -> None:
    at = root / "coco_panoptic"
    categories = [{"id": c, "name": n, "color": [c, 255 - c, 5], "isthing": 1}
                  for c, n in ((1, "person"), (18, "dog"), (184, "tree"))]  # fmt: skip
    images, annotations, runs = [], [], []
    for image_id in (142238, 439180):
        name = f"{image_id:012d}"
        segments = {3_937_500: 184, 70_000: 1, 300: 18, 4_260_062: 1}
        ids = blocks([*segments, 0], image_id, np.int64)
        stored = np.dstack([ids % 256, ids // 256 % 256, ids // 65_536]).astype(np.uint8)
        pair(at / f"input_images/{name}.jpg", at / f"panoptic_examples/{name}.png", stored)
        images.append({"id": image_id, "file_name": f"{name}.jpg", "height": SIZE[0], "width": SIZE[1]})
        info = [{"id": s, "category_id": c, "iscrowd": 0} for s, c in segments.items()]
        annotations.append({"image_id": image_id, "file_name": f"{name}.png", "segments_info": info})
        runs += [{"id": len(runs) + k, "image_id": image_id, "category_id": c, "iscrowd": 0,
                  "segmentation": {"size": list(SIZE), "counts": run_lengths(ids == s)}}
                 for k, (s, c) in enumerate(segments.items())]  # fmt: skip
    for name, found in (("panoptic_examples", annotations), ("panoptic_coco_detection_format", runs)):
        text = json.dumps({"images": images, "annotations": found, "categories": categories})
        (at / f"{name}.json").write_text(text)


def run_lengths(mask: Any) -> list[int]:
    """COCO's uncompressed run lengths: columns from the left, the first run is outside."""
    flat = np.concatenate([[False], mask.T.reshape(-1)])
    ends = [*np.flatnonzero(flat[1:] != flat[:-1]).tolist(), mask.size]
    return np.diff([0, *ends]).tolist()


def _labelme(root: Path) -> None:
    at = root / "labelme"
    for name, count in (("2011_000003", 3), ("2011_000006", 10), ("2011_000025", 4)):
        shapes = [_triangle(k, "__ignore__" if k == 5 else VOC_NAMES[2 * k + 1]) for k in range(count)]
        save(at / f"data_annotated/{name}.jpg", picture(count, SIZE))
        save(at / f"data_dataset_voc/JPEGImages/{name}.jpg", picture(count, SIZE))
        text = json.dumps({"version": "5.0", "flags": {}, "shapes": shapes, "imagePath": f"{name}.jpg"})
        (at / f"data_annotated/{name}.json").write_text(text)
        drawn = Image.new("L", SIZE[::-1])
        for shape in shapes:
            index = 255 if shape["label"] == "__ignore__" else VOC_NAMES.index(shape["label"])
            ImageDraw.Draw(drawn).polygon([tuple(p) for p in shape["points"]], fill=index, outline=index)
        ids = np.array(drawn)
        save(at / f"data_dataset_voc/SegmentationClass/{name}.png", ids, VOC.palette)
        (at / "data_dataset_voc/SegmentationClassNpy").mkdir(exist_ok=True)
        stored = np.where(ids == 255, -1, ids).astype(np.int32)
        np.save(at / f"data_dataset_voc/SegmentationClassNpy/{name}.npy", stored)
    names = "\n".join(["_background_", *VOC_NAMES[1:]])
    (at / "labels.txt").write_text(f"__ignore__\n{names}\n")
    (at / "data_dataset_voc/class_names.txt").write_text(f"{names}\n")


def _triangle(k: int, label: str) -> dict[str, Any]:
    y, x = 20 * (k // 5) + 2, 11 * (k % 5) + 1
    return {"label": label, "shape_type": "polygon", "points": [[x, y], [x + 8, y + 4], [x + 3, y + 15]]}


def _street(root: Path) -> None:
    at = root / "mmseg_pseudo/pseudo_cityscapes_dataset"
    name = "frankfurt/frankfurt_000000_000294"
    base = f"{at}/gtFine/val/{name}_gtFine_"
    pair(at / f"leftImg8bit/val/{name}_leftImg8bit.png", Path(f"{base}labelIds.png"), blocks(range(34)))
    save(Path(f"{base}labelTrainIds.png"), blocks([*range(19), 255]))
    ids = blocks(range(34), dtype=np.uint16)
    things = np.isin(ids, (24, 26))
    save(Path(f"{base}instanceIds.png"), np.where(things, ids * 1000 + 1, ids).astype(np.uint16))
    at = root / "mmseg_pseudo/pseudo_bdd100k_dataset"
    for split in ("train", "val"):
        for i in range(3):
            name = f"{split}/{split}-{i}"
            label = at / f"labels/sem_seg/masks/{name}.png"
            pair(at / f"images/10k/{name}.jpg", label, blocks([*range(19), 255], i))
    at = root / "mmseg_pseudo/pseudo_mapillary_dataset"
    save(at / "images/__CRyF.jpg", picture(0, SIZE))
    for version, count in (("v1.2", 65), ("v2.0", 123)):
        palette = table(f"mapillary_{version}").colors
        save(at / f"{version}/__CRyF.png", blocks(range(count)), palette.reshape(-1))


def _people_and_land(root: Path) -> None:
    at = root / "mmseg_pseudo"
    for split in ("train", "val"):
        lip = at / "pseudo_lip_dataset"
        pair(lip / f"{split}_images/684_{split}.jpg", lip / f"{split}_segmentations/684_{split}.png", blocks(range(20)))
    names = {"loveda": ["0", "1", "2"], "potsdam": ["2_10_0_0_512_512"], "vaihingen": ["area1_0_0_512_512"]}
    for kind, tiles in names.items():
        for i, name in enumerate(tiles):
            tree = at / f"pseudo_{kind}_dataset"
            stored = blocks(range(8 if kind == "loveda" else 7), i)
            pair(tree / f"img_dir/{name}.png", tree / f"ann_dir/{name}.png", stored)


def _medical(root: Path) -> None:
    at = root / "mmseg_pseudo/pseudo_synapse_dataset"
    for i in range(2):
        name = f"case0005_slice00{i}"
        pair(at / f"img_dir/{name}.jpg", at / f"ann_dir/{name}.png", blocks(range(9), i))
    at = root / "mmseg_pseudo/pseudo_refuge_dataset"
    gray = np.repeat(blocks(range(3))[..., None], 3, axis=2)
    pair(at / "img_dir/pseudo_g0001.png", at / "ann_dir/pseudo_g0001.png", gray)


def _odd(root: Path) -> None:
    """Empty files; depths in place of labels; labels without images; a dataset in no known format."""
    at = root / "mmseg_pseudo"
    for split, name in (("train", "P0000_0_896_1536_2432"), ("val", "P0000_0_896_1024_1920")):
        isaid = at / "pseudo_isaid_dataset"
        files = (f"img_dir/{name}.png", f"ann_dir/{name}_instance_color_RGB.png")
        for place, text in ((files[0], ""), (files[1], ""), (f"splits/{split}.txt", f"{name}\n")):
            (isaid / place).parent.mkdir(parents=True, exist_ok=True)
            (isaid / place).write_text(text)
    depths = np.resize([0, *range(1485, 1485 + 848)], SIZE).astype(np.uint16)
    nyu = at / "pseudo_nyu_dataset"
    pair(nyu / "images/bookstore_0001d_00001.jpg", nyu / "annotations/bookstore_0001d_00001.png", depths)
    save(at / "pseudo_hsidrive20_dataset/annotations/test/nf1111_577_TC.png", blocks(range(10)))
    plain = at / "pseudo_dataset"
    names = [f"{i:05d}" for i in range(5)]
    for i, name in enumerate(names):
        pair(plain / f"imgs/{name}_img.jpg", plain / f"gts/{name}_gt.png", blocks(range(4), i), VOC.palette)
    (plain / "splits").mkdir()
    (plain / "splits/train.txt").write_text("".join(f"{n}\n" for n in names[:4]))
    (plain / "splits/val.txt").write_text(f"{names[4]}\n")
