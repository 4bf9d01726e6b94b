"""A dataset in each format that has splits: two splits whose samples have equal names and different pixels."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import pixelwise as pw
from pixelwise.classes import VOC
from pixelwise.dataset.splits import Splits
from pixelwise.formats.class_tables import table
from tests.support.making import save

SIZE = (24, 36)
NAMES = ("0", "1", "2")
Writer = Callable[[Path], None]


def picture(split: str, k: int) -> Any:
    """A picture of large blocks, so that no two look alike."""
    rng = np.random.default_rng([len(split), ord(split[0]), k])
    return rng.integers(0, 256, (6, 9, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)


def label(split: str, k: int, values: Any = (0, 1)) -> Any:
    """(24, 36): the first value, and a block of the second that differs from sample to sample."""
    out = np.full(SIZE, values[0], np.uint8)
    out[2 : 5 + 2 * k, 3 : 9 + (9 if split.startswith("v") else 0)] = values[1]
    return out


def _folders(images: str, labels: str, values: Any = (0, 1), splits: Any = ("train", "val"), names: Any = NAMES,
             palette: Any = None) -> Writer:  # fmt: skip
    def write(root: Path) -> None:
        for on_disk, split in zip(splits, ("train", "val"), strict=True):
            for k, name in enumerate(names):
                save(root / images.format(split=on_disk, name=name), picture(split, k))
                save(root / labels.format(split=on_disk, name=name), label(split, k, values), palette)

    return write


def _voc(root: Path) -> None:
    """Lists of two columns, with a folder for each split."""
    _folders("JPEGImages/{split}/{name}.jpg", "SegmentationClass/{split}/{name}.png", palette=VOC.palette)(root)
    lists = root / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for split in ("train", "val"):
        lines = [f"JPEGImages/{split}/{n}.jpg SegmentationClass/{split}/{n}.png\n" for n in NAMES]
        (lists / f"{split}.txt").write_text("".join(lines))


def _toml(root: Path) -> None:
    _folders("{split}/images/{name}.png", "{split}/masks/{name}.png")(root)
    text = '[images]\npath = "{split}/images/{name}.png"\n[labels]\npath = "{split}/masks/{name}.png"\n'
    (root / "pixelwise.toml").write_text(text + '[[class]]\nname = "ground"\n[[class]]\nname = "road"\n')


def _roboflow(root: Path) -> None:
    _folders("{split}/{name}.jpg", "{split}/{name}_mask.png", splits=("train", "valid"))(root)
    for split in ("train", "valid"):
        (root / split / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, crack\n")


def _ade20k_full(root: Path) -> None:
    import pickle

    for on_disk, split in (("training", "train"), ("validation", "val")):
        for k, name in enumerate(NAMES):
            save(root / f"images/ADE/{on_disk}/{name}.jpg", picture(split, k))
            red_green = np.dstack([np.zeros(SIZE, np.uint8), label(split, k, (1, 2)), np.zeros(SIZE, np.uint8)])
            save(root / f"images/ADE/{on_disk}/{name}_seg.png", red_green)
    (root / "index_ade20k.pkl").write_bytes(pickle.dumps({"objectnames": ["a", "b"]}))


def _square(split: str, k: int) -> list[int]:
    w = 18 + (9 if split == "val" else 0)
    return [2, 2, w, 2, w, 10 + k, 2, 10 + k]


def _coco(jsons: str, images: str) -> Writer:
    def write(root: Path) -> None:
        for split in ("train", "val"):
            listed, drawn = [], []
            for k, name in enumerate(NAMES):
                save(root / images.format(split=split) / f"{name}.jpg", picture(split, k))
                listed.append({"id": k + 1, "file_name": f"{name}.jpg", "height": SIZE[0], "width": SIZE[1]})
                drawn.append({"id": k + 1, "image_id": k + 1, "category_id": 1, "iscrowd": 0, "area": 1,
                              "bbox": [2, 2, 9, 9], "segmentation": [_square(split, k)]})  # fmt: skip
            path = root / jsons.format(split=split)
            path.parent.mkdir(parents=True, exist_ok=True)
            data = {"images": listed, "annotations": drawn, "categories": [{"id": 1, "name": "bolt"}]}
            path.write_text(json.dumps(data))

    return write


def _panoptic(root: Path) -> None:
    for split in ("train", "val"):
        images, annotations = [], []
        for k, name in enumerate(NAMES):
            stored = np.dstack([label(split, k, (7, 9)), np.zeros((*SIZE, 2), np.uint8)])
            save(root / f"{split}/{name}.jpg", picture(split, k))
            save(root / f"annotations/panoptic_{split}/{name}.png", stored)
            images.append({"id": k, "file_name": f"{name}.jpg", "height": SIZE[0], "width": SIZE[1]})
            segments = [{"id": 7, "category_id": 1, "iscrowd": 0}, {"id": 9, "category_id": 2, "iscrowd": 0}]
            annotations.append({"image_id": k, "file_name": f"{name}.png", "segments_info": segments})
        categories = [{"id": c, "name": n, "color": [c, 0, 0], "isthing": 1} for c, n in ((1, "a"), (2, "b"))]
        data = {"images": images, "annotations": annotations, "categories": categories}
        (root / f"annotations/panoptic_{split}.json").write_text(json.dumps(data))


def _yolo(images: str, labels: str) -> Writer:
    def write(root: Path) -> None:
        for split in ("train", "val"):
            for k, name in enumerate(NAMES):
                save(root / images.format(split=split) / f"{name}.jpg", picture(split, k))
                path = root / labels.format(split=split) / f"{name}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                points = np.array(_square(split, k)).reshape(-1, 2) / SIZE[::-1]
                path.write_text("0 " + " ".join(f"{v:.4f}" for v in points.reshape(-1)) + "\n")
        (root / "data.yaml").write_text("names: [bolt]\n")

    return write


def _cvat(root: Path) -> None:
    images = ""
    for split in ("Train", "Validation"):
        for k, name in enumerate(NAMES):
            short = "train" if split == "Train" else "val"
            save(root / f"images/{split}/{name}.png", picture(short, k))
            pairs = np.array(_square(short, k)).reshape(-1, 2).tolist()
            points = ";".join(f"{x},{y}" for x, y in pairs)
            images += f'<image id="{k}" name="{name}.png" subset="{split}" width="{SIZE[1]}" height="{SIZE[0]}">'
            images += f'<polygon label="bolt" points="{points}" z_order="0"/></image>'
    (root / "annotations.xml").write_text(f"<annotations><version>1.1</version>{images}</annotations>")


def _datumaro(root: Path) -> None:
    (root / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        items = []
        for k, name in enumerate(NAMES):
            save(root / f"images/{split}/{name}.png", picture(split, k))
            polygon = {"id": k, "type": "polygon", "label_id": 0, "points": _square(split, k), "z_order": 0, "group": 0}
            image = {"path": f"{name}.png", "size": list(SIZE)}
            items.append({"id": name, "image": image, "annotations": [polygon]})
        data = {"categories": {"label": {"labels": [{"name": "bolt"}]}}, "items": items}
        (root / f"annotations/{split}.json").write_text(json.dumps(data))


def _label_studio(root: Path) -> None:
    for split in ("train", "val"):
        tasks = []
        for k, name in enumerate(NAMES):
            save(root / f"images/{split}/{name}.png", picture(split, k))
            points = (np.array(_square(split, k)).reshape(-1, 2) / SIZE[::-1] * 100).tolist()
            drawn = {"type": "polygonlabels", "value": {"points": points, "polygonlabels": ["bolt"]}}
            results = [{**drawn, "original_height": SIZE[0], "original_width": SIZE[1], "image_rotation": 0}]
            address = f"/data/local-files/?d=some/images/{split}/{name}.png"
            tasks.append({"annotations": [{"result": results}], "data": {"image": address}})
        (root / f"{split}.json").write_text(json.dumps(tasks))


def _supervisely(root: Path) -> None:
    for split in ("train", "val"):
        (root / split / "ann").mkdir(parents=True)
        for k, name in enumerate(NAMES):
            save(root / f"{split}/img/{name}.png", picture(split, k))
            points = {"exterior": np.array(_square(split, k)).reshape(-1, 2).tolist(), "interior": []}
            objects = [{"classTitle": "bolt", "geometryType": "polygon", "points": points}]
            data = {"size": {"height": SIZE[0], "width": SIZE[1]}, "objects": objects}
            (root / split / f"ann/{name}.png.json").write_text(json.dumps(data))
    (root / "meta.json").write_text(json.dumps({"classes": [{"title": "bolt", "color": "#ff0000"}]}))


def _via(root: Path) -> None:
    for split in ("train", "val"):
        found = {}
        for k, name in enumerate(NAMES):
            save(root / f"{split}/{name}.png", picture(split, k))
            x, y = np.array(_square(split, k)).reshape(-1, 2).T.tolist()
            shape = {"name": "polygon", "all_points_x": x, "all_points_y": y}
            regions = [{"shape_attributes": shape, "region_attributes": {"kind": "bolt"}}]
            found[f"{name}.png9"] = {"filename": f"{name}.png", "size": 9, "regions": regions, "file_attributes": {}}
        (root / split / "via_region_data.json").write_text(json.dumps(found))


def _encoded(pixels: Any, kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def _parquet(root: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    root.mkdir(parents=True, exist_ok=True)
    for split in ("train", "val"):
        rows = {
            "image": [{"bytes": _encoded(picture(split, k), "JPEG"), "path": f"{n}.jpg"} for k, n in enumerate(NAMES)],
            "label": [{"bytes": _encoded(label(split, k), "PNG"), "path": f"{n}.png"} for k, n in enumerate(NAMES)],
        }
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        columns = {name: pa.array(values, kind) for name, values in rows.items()}
        parquet.write_table(pa.table(columns), root / f"{split}-00000-of-00001.parquet")
    (root / "id2label.json").write_text('{"0": "ground", "1": "road"}')


def _imagefolder(root: Path) -> None:
    _folders("{split}/{name}.jpg", "{split}/{name}_mask.png")(root)
    for split in ("train", "val"):
        lines = [json.dumps({"file_name": f"{n}.jpg", "label_file_name": f"{n}_mask.png"}) + "\n" for n in NAMES]
        (root / split / "metadata.jsonl").write_text("".join(lines))
    (root / "id2label.json").write_text('{"0": "ground", "1": "road"}')


_CAMVID = table("camvid").colors[:2]


def _camvid(root: Path) -> None:
    for split in ("train", "val"):
        for k in range(3):
            save(root / f"{split}/0016E5_{k}.png", picture(split, k))
            save(root / f"{split}_labels/0016E5_{k}_L.png", _CAMVID[label(split, k)])


_ADE = tuple(f"ADE_val_{k:08d}" for k in range(3))
_CITY = tuple(f"bonn/bonn_00000{k}_000019" for k in range(3))
WRITERS: dict[str, Writer] = {
    "voc": _voc,
    "toml": _toml,
    "ade20k": _folders("images/{split}/{name}.jpg", "annotations/{split}/{name}.png", (1, 2),
                       ("training", "validation"), _ADE),
    "ade20k_full": _ade20k_full,
    "cityscapes": _folders("leftImg8bit/{split}/{name}_leftImg8bit.png", "gtFine/{split}/{name}_gtFine_labelIds.png",
                           (7, 8), names=_CITY),
    "camvid": _camvid,
    "bdd100k": _folders("images/10k/{split}/{name}.jpg", "labels/sem_seg/masks/{split}/{name}.png"),
    "mapillary": _folders("{split}/images/{name}.jpg", "{split}/v1.2/labels/{name}.png",
                          splits=("training", "validation"), palette=table("mapillary_v1.2").colors.reshape(-1)),
    "coco_stuff": _folders("{split}2017/{name}.jpg", "stuffthingmaps/{split}2017/{name}.png",
                           names=("000000000001", "000000000002", "000000000003")),
    "lip": _folders("{split}_images/{name}.jpg", "{split}_segmentations/{name}.png"),
    "loveda": _folders("{split}/Rural/images_png/{name}.png", "{split}/Rural/masks_png/{name}.png", (1, 2),
                       ("Train", "Val")),
    "isaid": _folders("{split}/images/P000{name}.png", "{split}/Semantic_masks/P000{name}_instance_color_RGB.png"),
    "roboflow": _roboflow,
    "coco": _coco("annotations/instances_{split}.json", "{split}"),
    "coco beside": _coco("{split}/_annotations.coco.json", "{split}"),
    "coco_panoptic": _panoptic,
    "yolo": _yolo("images/{split}", "labels/{split}"),
    "yolo by split": _yolo("{split}/images", "{split}/labels"),
    "cvat": _cvat,
    "datumaro": _datumaro,
    "label_studio": _label_studio,
    "supervisely": _supervisely,
    "via": _via,
    "kitti": _folders("{split}/image_2/{name}.png", "{split}/semantic/{name}.png", (7, 8), ("training", "validation"),
                      ("000000_10", "000001_10", "000002_10")),
    "uavid": _folders("uavid_{split}/seq1/Images/00000{name}.png", "uavid_{split}/seq1/Labels/00000{name}.png"),
    "hf_parquet": _parquet,
    "hf_imagefolder": _imagefolder,
}  # fmt: skip
"""What writes each: the format's name, and a word if there are several ways."""
FORMATS = (*WRITERS, "pack", "arrays", "joined", "remapped")


def write(name: str, root: Path) -> Path:
    """The dataset in the format `name`, in the new folder `root`."""
    WRITERS[name](root)
    return root


def opened(name: str, root: Path) -> pw.Dataset:
    """The dataset in the format `name`, or made from another; splits train and val (or names with a year)."""
    if name in WRITERS:
        return pw.open(write(name, root))
    source = pw.open(write("toml", root / "source"))
    if name == "pack":
        return pw.pack(source, root / "pack")
    if name == "remapped":
        return source.remap({"road": "ground"}, ["ground", "more"])
    if name == "joined":
        return pw.concat([source])
    made: dict[str, pw.Split] = {}
    for split in ("train", "val"):
        samples = list(source[split])
        arrays = pw.ArraySource([s.image for s in samples], [s.label for s in samples], [s.name for s in samples])
        made[split] = pw.Split(split, source.classes, arrays)
    return dataset_of(root, made)


def dataset_of(root: Path, splits: dict[str, pw.Split]) -> pw.Dataset:
    """A dataset of these splits."""
    classes = next(iter(splits.values())).classes
    return pw.Dataset(root, "made", classes, Splits({k: lambda v=v: v for k, v in splits.items()}))  # type: ignore[misc]
