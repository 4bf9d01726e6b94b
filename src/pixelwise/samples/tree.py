"""The sample dataset as a VOC2012 tree on disk."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..arguments import check_count, check_seed
from ..classes import VOC
from ..codecs.png import encode_png
from ..errors import SystemFault, UsageError
from ..files.addresses import local_path
from ..files.reading import read_bytes
from ..files.writing import is_temporary, remove_temporaries, temporary_folder
from ..hints import hinted
from ..threads import in_order, with_progress
from ..types import Progress, Size
from .scenes import CASTS, VARIANTS, Composition, compose
from .textures import tiles

VERSION = 2
"""Raised whenever the same seed gives other bytes than before."""
MANIFEST = "pixelwise-sample.json"
FOLDERS = ("JPEGImages", "SegmentationClass", "SegmentationObject", "Annotations", "ImageSets/Segmentation")
COMMON_SIZES: tuple[Size, ...] = ((375, 500),) * 12 + ((333, 500),) * 3 + ((334, 500), (332, 500), (335, 500))
SMALL_SIZES: tuple[Size, ...] = ((281, 500), (300, 400), (318, 480), (240, 320))


@hinted
def sample(path: str | os.PathLike[str], count: int = 64, seed: int = 0, *, progress: Progress | None = None) -> Path:
    """Paint a sample dataset into the folder `path` and return its `VOCdevkit/VOC2012`.

        >>> pw.open(pw.sample("painted", count=4))
        Dataset(voc at painted/VOCdevkit/VOC2012: 21 classes; splits train, val, trainval)

    count: number of images, every fourth of them in `val`; from 40 on, all 20 classes are in both splits. seed: the
    same seed gives the same bytes (with the same versions of NumPy, Pillow and zlib-ng); a larger count only adds
    images. progress: called in this thread with (images done, count). Most images are 375x500 (height, width); a few
    are upright or smaller, and a few labels are stored as RGB colors instead of palette indices.

    The folder must be new or empty, or hold this very sample, which is then left as it is. The dataset appears at once
    when all is written; an interrupted call leaves nothing behind. Raises UsageError `not-empty`, `not-a-folder` or
    `bad-argument`, SystemFault `cannot-write`. Thread-safe.
    """
    check_count("count", count)
    check_seed(seed)
    root = local_path(path, "sample")
    manifest = {"maker": "pixelwise.sample", "version": VERSION, "count": int(count), "seed": int(seed)}
    target = root / "VOCdevkit" / "VOC2012"
    try:
        if not _complete(target, manifest):
            _write(root, manifest, progress)
    except OSError as error:
        if not _complete(target, manifest):  # or another process was faster
            fix = "choose a folder that you may write to, with a few MB free"
            message = f"the sample cannot be written: {error.strerror or error}"
            raise SystemFault(message, code="cannot-write", where=error.filename or root, fix=fix) from error
    return target


def _complete(target: Path, manifest: dict[str, Any]) -> bool:
    """Whether `target` is the sample that the manifest describes, with every file."""
    try:
        same = json.loads(read_bytes(target / MANIFEST)) == manifest
        return same and {len(os.listdir(target / folder)) for folder in FOLDERS[:4]} == {manifest["count"]}
    except (OSError, ValueError):
        return False


def _write(root: Path, manifest: dict[str, Any], progress: Progress | None) -> None:
    if root.exists() and not root.is_dir():
        raise UsageError("is a file, not a folder", code="not-a-folder", where=root, fix="name a new or empty folder")
    remove_temporaries(root)
    if root.exists() and not all(map(is_temporary, os.listdir(root))):  # of another call at the same time
        message = "the folder is not empty, and it does not hold this very sample (count, seed and version)"
        fix = "name a new or empty folder, or delete this one"
        raise UsageError(message, code="not-empty", where=root, fix=fix)
    made = [folder for folder in (root, *root.parents) if not folder.exists()]
    root.mkdir(parents=True, exist_ok=True)
    try:
        with temporary_folder(root / "VOCdevkit") as unfinished:
            voc = unfinished / "VOC2012"
            for folder in FOLDERS:
                (voc / folder).mkdir(parents=True)
            _paint_all(voc, manifest["count"], manifest["seed"], progress)
            (voc / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
            os.rename(unfinished, root / "VOCdevkit")
    except BaseException:
        for empty in made:
            with suppress(OSError):  # someone else has put something there
                empty.rmdir()
        raise


def _paint_all(voc: Path, count: int, seed: int, progress: Progress | None) -> None:
    tiles()  # once here, or every thread would start by making its own
    for _ in with_progress(in_order(partial(_write_sample, voc, seed), range(count)), count, progress):
        pass
    for split, members in (("train", {False}), ("val", {True}), ("trainval", {False, True})):
        names = [name_of(index) for index in range(count) if in_val(index) in members]
        (voc / FOLDERS[4] / f"{split}.txt").write_bytes("".join(f"{name}\n" for name in names).encode())


def name_of(index: int) -> str:
    """The name of image `index` (from 0): 2026_000001 and on."""
    return f"2026_{index + 1:06d}"


def in_val(index: int) -> bool:
    """Whether image `index` belongs to `val`; all others belong to `train`."""
    return index % 4 == 3


def stored_as_rgb(index: int) -> bool:
    """Whether the label of image `index` is stored as RGB colors."""
    return index % 19 in (4, 11)


def size_of(index: int, seed: int) -> Size:
    """(height, width) of image `index`: about one in six too small for a crop of 320x480, as in VOC2012."""
    rng = np.random.default_rng([seed, index, 1])
    # 13 and 9 share no factor with 4, so both splits get upright and small images.
    if index % 13 == 5:
        return (500, 375) if rng.random() < 0.7 else (500, 333)
    sizes = SMALL_SIZES if index % 9 == 7 else COMMON_SIZES
    return sizes[int(rng.integers(len(sizes)))]


def composition_of(index: int, seed: int) -> Composition:
    """Image `index` and its label: of ten images of a split, each has another one of CASTS or, in turn, VARIANTS."""
    val = in_val(index)
    block, slot = divmod(index // 4 if val else index - index // 4, 10)
    order = np.random.default_rng([seed, block, int(val), 2]).permutation(10)
    cast = (VARIANTS if block % 2 == 1 else CASTS)[int(order[slot])]
    return compose(cast, size_of(index, seed), (seed, index, 3))


def _write_sample(voc: Path, seed: int, index: int) -> None:
    painted, name = composition_of(index, seed), name_of(index)
    Image.fromarray(painted.image).save(voc / "JPEGImages" / f"{name}.jpg", quality=95)  # the tables of VOC2012
    label = encode_png(VOC.decode(painted.label)) if stored_as_rgb(index) else encode_png(painted.label, VOC.palette)
    (voc / "SegmentationClass" / f"{name}.png").write_bytes(label)
    (voc / "SegmentationObject" / f"{name}.png").write_bytes(encode_png(painted.instances, VOC.palette))
    (voc / "Annotations" / f"{name}.xml").write_text(_annotation(painted, name), "utf-8")


def _annotation(painted: Composition, name: str) -> str:
    """VOC's XML: boxes with inclusive corners counted from 1."""
    height, width = painted.label.shape
    things = "".join(
        f"<object><name>{kind}</name><pose>Unspecified</pose><difficult>0</difficult>"
        f"<truncated>{int(x0 == 0 or y0 == 0 or x1 == width or y1 == height)}</truncated>"
        f"<bndbox><xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>\n"
        for kind, (x0, y0, x1, y1) in zip(painted.names, painted.boxes, strict=True)
    )
    return (
        f"<annotation>\n<folder>VOC2012</folder><filename>{name}.jpg</filename><segmented>1</segmented>\n"
        "<source><database>pixelwise sample</database><annotation>painted</annotation><image>painted</image></source>\n"
        f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>\n{things}</annotation>\n"
    )
