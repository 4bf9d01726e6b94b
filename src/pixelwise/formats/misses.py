"""What comes nearest to a dataset where none was found: a known layout without one of its parts, an archive, a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from ..codecs.decoding import read_header
from ..errors import FormatError, PixelwiseError, printable, shown
from ..files.reading import read_head
from .paths import visible


class KnownTree(NamedTuple):
    """What a dataset is called, and some of its parts as glob patterns; those that are folders end with a slash."""

    name: str
    parts: tuple[str, ...]


KNOWN_PARTS: Final = (
    KnownTree("VOC", ("JPEGImages/", "SegmentationClass/", "ImageSets/Segmentation/*.txt")),
    KnownTree("Cityscapes", ("leftImg8bit/", "gtFine/")),
    KnownTree("CamVid", ("701_StillsRaw_full/", "LabeledApproved_full/")),
    KnownTree("CamVid", ("train/", "train_labels/", "val_labels/", "test_labels/")),
    KnownTree("CamVid", ("train/", "trainannot/", "valannot/", "testannot/")),
    KnownTree("CamVid", ("train/[0-9]*TP_*.png", "train_labels/")),
    KnownTree("ADE20K", ("images/training/ADE_*.jpg", "annotations/training/")),
    KnownTree("ADE20K", ("ADEChallengeData2016/images/", "ADEChallengeData2016/annotations/")),
    KnownTree("the full ADE20K", ("index_ade20k.pkl", "images/ADE/")),
    KnownTree("BDD100K", ("images/10k/", "labels/sem_seg/masks/")),
    KnownTree("Mapillary Vistas", ("training/images/", "training/v[12].*/labels/", "config_v*.json")),
    KnownTree("KITTI semantics", ("training/image_2/", "training/semantic/")),
    KnownTree("SYNTHIA", ("RGB/", "GT/LABELS/")),
    KnownTree("CARLA", ("CameraRGB/", "CameraSeg/")),
    KnownTree("Trans10K", ("train/images/", "train/masks_12/", "validation/masks_12/")),
    KnownTree("COCO", ("train2017/", "val2017/", "annotations/instances_*.json")),
    KnownTree("COCO panoptic", ("val2017/", "annotations/panoptic_*.json", "annotations/panoptic_*/")),
    KnownTree("COCO-Stuff", ("stuffthingmaps/", "images/")),
    KnownTree("Pascal Context", ("JPEGImages/", "SegmentationClassContext/", "ImageSets/SegmentationContext/*.txt")),
    KnownTree("DAVIS", ("JPEGImages/480p/", "Annotations/480p/")),
    KnownTree("Look into Person", ("train_images/", "train_segmentations/")),
    KnownTree("Look into Person", ("TrainVal_images/", "TrainVal_parsing_annotations/")),
    KnownTree("LoveDA", ("Train/Rural/images_png/", "Train/Rural/masks_png/")),
    KnownTree("ISPRS Potsdam", ("2_Ortho_RGB/", "5_Labels_all/")),
    KnownTree("ISPRS Vaihingen", ("top/", "gts_for_participants/")),
    KnownTree("Oxford-IIIT Pet", ("images/", "annotations/trimaps/", "annotations/trainval.txt")),
    KnownTree("DRIVE", ("training/images/", "training/1st_manual/")),
    KnownTree("FoodSeg103", ("Images/img_dir/", "Images/ann_dir/")),
    KnownTree("LabelMe's export", ("class_names.txt", "SegmentationClassNpy/", "JPEGImages/")),
    KnownTree("YOLO", ("data.yaml", "images/train/", "labels/train/")),
    KnownTree("CVAT", ("annotations.xml", "images/")),
    KnownTree("Hugging Face Parquet", ("data/*.parquet", "id2label.json")),
)
_COMMON: Final = frozenset({"train/", "images/", "top/", "JPEGImages/", "RGB/", "images/train/", "val2017/"})
"""Parts that say nothing alone."""
_ARCHIVES: Final = (
    (0, b"PK\x03\x04", "zip"), (0, b"PK\x05\x06", "zip"), (0, b"\x1f\x8b", "gzip"), (0, b"BZh", "bzip2"),
    (0, b"\xfd7zXZ\x00", "xz"), (0, b"7z\xbc\xaf\x27\x1c", "7z"), (0, b"Rar!", "rar"), (0, b"(\xb5/\xfd", "zstd"),
    (257, b"ustar", "tar"),
)  # fmt: skip
_ENDINGS: Final = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar", ".tar.zst")


def nearest_miss(root: Path) -> str | None:
    """`looks like CamVid, but train_labels/ is missing`: of the known layouts that of which the most is there."""
    best: tuple[float, str] | None = None
    for known in KNOWN_PARTS:
        there = [part for part in known.parts if _is_there(root, part)]
        missing = [part for part in known.parts if part not in there]
        if not missing or not set(there) - _COMMON:
            continue
        points = len(there) / len(known.parts)
        if best is None or points > best[0]:
            are = "is" if len(missing) == 1 else "are"
            best = points, f"looks like {known.name}, but {_listed(missing)} {are} missing"
    return None if best is None else best[1]


def _is_there(root: Path, part: str) -> bool:
    plain = part.rstrip("/")
    if "*" not in part and "[" not in part:
        return (root / plain).is_dir() if part.endswith("/") else (root / plain).is_file()
    return any(p.is_dir() == part.endswith("/") for p in visible(root, plain))


def _listed(parts: Iterable[str]) -> str:
    listed = [*parts]
    return ", ".join(listed[:-1]) + " and " * (len(listed) > 1) + listed[-1]


def archive_kind(path: Path) -> str | None:
    """What kind of archive a file is, by its bytes, or None."""
    head = read_head(path, 512)
    return next((kind for at, magic, kind in _ARCHIVES if head[at : at + len(magic)] == magic), None)


def not_a_dataset(path: Path) -> FormatError:
    """The error of a file that is not a description of a dataset: what it is."""
    fix = "open the dataset's folder"
    if (kind := archive_kind(path)) is not None:
        what, fix = f"is an archive ({kind}), not a dataset", "unpack it, and open the folder"
    elif path.suffix.lower() in (".npy", ".npz"):
        what = "is an array, not a dataset"
    else:
        try:
            what = f"is an image ({read_header(path).kind}), not a dataset"
        except PixelwiseError:
            what = "is a file that describes no dataset: those are a pixelwise.toml, and a JSON of COCO"
    return FormatError(what, code="no-dataset", where=path, fix=fix)


def what_is_there(root: Path) -> str:
    """The first entries of a folder."""
    entries = sorted(e.name + "/" * e.is_dir() for e in root.iterdir())
    listed = ", ".join(printable(e) for e in entries[:6])
    return (listed + (f" and {len(entries) - 6} more" if len(entries) > 6 else "")) or "an empty folder"


def no_dataset(root: Path, why: str = "") -> FormatError:
    """The error of a folder without a dataset: the nearest miss, what is there, what to do. why: what else is known."""
    near = nearest_miss(root)
    packed = [e.name for e in sorted(root.iterdir()) if e.name.lower().endswith(_ENDINGS)]
    what = "; ".join(filter(None, [near or "no dataset found", why or f"there is {what_is_there(root)}"]))
    fix = f"describe it: pixelwise init {shown(root)}; `pixelwise formats` lists what is known"
    if packed:
        fix = f"unpack {printable(packed[0])}, and open the folder; or {fix}"
    elif near:
        fix = f"restore what is missing; or {fix}"
    return FormatError(what, code="no-dataset", where=root, fix=fix)
