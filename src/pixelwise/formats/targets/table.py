"""The targets of `convert` by name."""

from __future__ import annotations

from collections.abc import Mapping

from .coco import INSTANCES_JSON, PANOPTIC_PNGS
from .imagefolder import IMAGE_FOLDER
from .labelme import LABELME_SHAPES
from .masks import CITYSCAPES_FOLDERS, INDEX_FOLDERS, VOC_FOLDERS
from .parquet import PARQUET_ROWS
from .rle_table import RUN_LENGTHS
from .target import Target
from .yolo import YOLO_TEXTS

TARGETS: Mapping[str, Target] = {
    "index": INDEX_FOLDERS,
    "voc": VOC_FOLDERS,
    "cityscapes": CITYSCAPES_FOLDERS,
    "coco": INSTANCES_JSON,
    "coco-panoptic": PANOPTIC_PNGS,
    "yolo": YOLO_TEXTS,
    "labelme": LABELME_SHAPES,
    "rle-csv": RUN_LENGTHS,
    "huggingface": PARQUET_ROWS,
    "huggingface-imagefolder": IMAGE_FOLDER,
}
