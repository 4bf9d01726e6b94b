"""`open`: a dataset in any known format, recognized by its files."""

from __future__ import annotations

import importlib
import inspect
import os
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NoReturn

from ..dataset.dataset import Dataset
from ..dataset.splits import Split, Splits
from ..downloads.archives import ARCHIVES
from ..errors import LOG, FormatError, MissingError, UsageError, only_ours
from ..files.addresses import StorePath, located
from ..files.reading import check_exists
from ..hints import argument_meant, hinted, unknown_name
from ..types import Progress
from . import toml
from .format import Format
from .guessing import folders
from .known import (
    ade20k_full,
    aerial,
    carla,
    coco,
    cvat,
    datumaro,
    huggingface,
    label_studio,
    label_studio_png,
    labelme,
    medical,
    open_images,
    rle_csv,
    roboflow,
    scenes,
    segment_anything,
    street,
    supervisely,
    trans10k,
    via,
    voc,
    yolo,
)  # fmt: skip
from .misses import nearest_miss, no_dataset, not_a_dataset, what_is_there
from .paths import folders_read_once
from .unfinished import check_download, check_finished

_KNOWN = (
    voc.FORMAT, street.CITYSCAPES, street.CAMVID, street.BDD100K, street.MAPILLARY,
    street.KITTI, street.KITTI_ROAD, street.SYNTHIA, scenes.OXFORD_PET, scenes.CARVANA, scenes.FOODSEG103,
    carla.FORMAT, trans10k.FORMAT, aerial.UAVID, aerial.DEEPGLOBE, medical.DRIVE, medical.KVASIR_SEG,
    scenes.ADE20K, scenes.COCO_STUFF, scenes.PASCAL_CONTEXT, scenes.NYU, scenes.DAVIS, scenes.LIP,
    aerial.LOVEDA, aerial.POTSDAM, aerial.VAIHINGEN, aerial.ISAID, medical.CHASE_DB1, medical.SYNAPSE, medical.REFUGE,
    labelme.EXPORT, roboflow.ROBOFLOW, ade20k_full.FORMAT, coco.INSTANCES, coco.PANOPTIC, labelme.LABELME,
    huggingface.PARQUET, huggingface.IMAGEFOLDER, yolo.FORMAT, rle_csv.FORMAT, open_images.FORMAT,
    cvat.FORMAT, datumaro.FORMAT, label_studio.FORMAT, label_studio_png.FORMAT, supervisely.FORMAT, via.FORMAT,
    segment_anything.FORMAT,
)  # fmt: skip


def _of_packs(module: str, name: str) -> Any:
    # Packs are written from datasets of every format, so their room is above this one. What is needed from there to
    # open one is named here as an entry point names it.
    return getattr(importlib.import_module(f"..packs.{module}", __package__), name)


@cache
def known_formats() -> dict[str, Format]:
    """The formats of pixelwise by name."""
    return {format.name: format for format in (toml.FORMAT, _of_packs("opening", "PACK"), *_KNOWN, folders.FORMAT)}


@cache
def other_formats() -> dict[str, Format]:
    """The formats of other packages by name: the entry points of the group "pixelwise.formats".

    UsageError `bad-format` for one that cannot be loaded, is not a Format, or takes the name of another.
    """
    formats: dict[str, Format] = {}
    for entry in entry_points(group=GROUP):
        fix = f"uninstall or mend the package {entry.dist.name if entry.dist else entry.module}"
        try:
            found = entry.load()
        except Exception as error:
            what = f"the entry point {entry.name!r} cannot be loaded: {type(error).__name__}: {error}"
            raise UsageError(what, code="bad-format", where=entry.value, fix=fix) from error
        if not isinstance(found, Format):
            what = f"the entry point {entry.name!r} must be a Format, got {type(found).__name__}"
            raise UsageError(what, code="bad-format", where=entry.value, fix=fix)
        if found.name in known_formats() or found.name in formats:
            what = f"there is another format named {found.name!r}"
            raise UsageError(what, code="bad-format", where=entry.value, fix=fix)
        formats[found.name] = found
    return formats


GROUP = "pixelwise.formats"
"""The group of entry points in which other packages offer formats."""
_PACKED = (".tar", ".zip", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2", ".7z", ".rar")
"""The ends of the names of archives."""
_BELOW = 64
"""Search at most this many subfolders if the path itself is not a dataset."""


@hinted
def open(
    path: str | os.PathLike[str], *, format: str | None = None, cache: str | os.PathLike[str] | bool = False,
    download: str | os.PathLike[str] | bool = False, progress: Progress | None = None, **options: Any,
) -> Dataset:  # fmt: skip
    """Open the dataset or pack at `path`: its own folder, a folder above it, or a `.toml` or COCO `.json` about it.

        >>> voc = pw.open("VOCdevkit/VOC2012")
        >>> voc
        Dataset(voc at VOCdevkit/VOC2012: 21 classes; splits train, val, trainval)
        >>> voc["train"][0]
        Sample('2008_000000', image (375, 500, 3) uint8, label (375, 500) uint8, instances (375, 500) uint8)

    A folder with a `pixelwise.toml` is what that says. format: skips the recognition. cache: pack the dataset at its
    first use and read the pack from then on; True keeps packs in pixelwise's cache folder ($PIXELWISE_CACHE), or give
    a folder. Every source file is looked at each time (one `stat` per file), and the pack is rebuilt if one changed.
    progress: of packing, called with (records done, records in all). Other options belong to the format
    (`labels="SegmentationClassAug"` for VOC, `classes=` another class table, `source=True` for a pack, which refuses
    it if its source files changed).

    path may be the address of a pack in a store, "s3://bucket/voc.pack", also gs, az, http and https (needs
    pixelwise[remote], and takes credentials from the environment as obstore does). cache: then the folder in which
    blocks that were fetched are kept, by default memory; cache_bytes: at most so many; cache_encoding="raw": decoded.

    download: `path` may be the name of an archive, such as "voc2012"; it is downloaded once into this folder (True: a
    folder of that name here).

    Without a cache, lists are read when a split is asked for, and pixels when a sample is. Raises MissingError if
    there is nothing, FormatError if no format fits (it says what was looked for) or several do (it lists them),
    UnknownNameError for a format, UsageError for an option that does not exist, SystemFault for a store, PackError for
    a pack that is unfinished or damaged; with a cache also what `pack` raises.
    """
    if download is not False:
        from ..downloads.getting import download as get

        path = get(str(path), Path(str(path) if download is True else download))
    root = located(path)
    if isinstance(root, StorePath):
        return _load(_in_store(root, format), root, {"cache": cache, **options})
    if not os.path.exists(root):
        check_download(root)
        _check_archive(path)
    check_exists(root)
    check_finished(root)
    with folders_read_once():
        found, at = _recognize(root, format)
        check_finished(at)
        try:
            dataset = _load(found, at, options)
        except FormatError as error:
            if found is not folders.FORMAT or error.code != "no-dataset" or nearest_miss(at) is None:
                raise
            raise no_dataset(at, error.message) from error
    LOG.info("opened %s at %s", found.name, at)
    if cache is False:
        return dataset
    return _of_packs("caching", "cached")(dataset, cache, progress=progress)  # type: ignore[no-any-return]


def _in_store(root: StorePath, format: str | None) -> Format:
    if format not in (None, "pack"):
        what, fix = f"format={format!r} is not read from a store", "copy the dataset to a disk, or pack it"
        raise UsageError(what, code="remote-path", where=root, fix=fix)
    return _of_packs("remote.opening", "REMOTE")  # type: ignore[no-any-return]


def _check_archive(path: str | os.PathLike[str]) -> None:
    """MissingError for the name of what can be downloaded, if there is nothing of that name."""
    name = str(path).lower()
    if name in ARCHIVES:
        what, fix = "no such file or folder", f'open("{name}", download=True) downloads it into a folder of that name'
        raise MissingError(what, code="missing-file", where=path, fix=fix)


def _load(format: Format, root: Path, options: dict[str, Any]) -> Dataset:
    with _gate(format, root):
        try:
            dataset: Dataset = format.load(root, **options)
        except TypeError as error:
            if "unexpected keyword" in str(error):
                raise _unknown_option(format, options) from None
            raise
        made = dataset.splits
        return replace(dataset, splits=Splits({name: partial(_make, format, root, made, name) for name in made}))


def _unknown_option(format: Format, options: dict[str, Any]) -> UsageError:
    known = [name for name in inspect.signature(format.load).parameters if name not in ("root", "format", "layout")]
    stray = next((name for name in options if name not in known), next(iter(options)))
    fix = argument_meant(stray, known) or f"the options of {format.name} are: {', '.join(known) or 'none'}"
    return UsageError(f"format {format.name} has no such option: {stray!r}", code="unknown-argument", fix=fix)


def _make(format: Format, root: Path, splits: Splits, name: str) -> Split:
    with _gate(format, root):
        return splits[name]


def _gate(format: Format, root: Path) -> AbstractContextManager[None]:
    """Whatever goes wrong in a format's reader is a FormatError."""
    return only_ours(root, FormatError, "bad-dataset", f"not a sound {format.name} dataset")


def _recognize(root: Path, name: str | None) -> tuple[Format, Path]:
    """The one format that fits at `root`, or else in the folders below it, and where.

    Formats of other packages count only if none of pixelwise fits, or if they are named; plain folders only if nothing
    else does.
    """
    if name is not None:
        return _only(root, [_named(name)]) or _nothing(root, [_named(name)])
    ours = [f for f in known_formats().values() if f is not folders.FORMAT]
    found = _only(root, ours) or _only(root, list(other_formats().values()))
    if found is None:
        _check_part(root, ours)
        found = None if _find(folders.FORMAT, root) is None else (folders.FORMAT, root)
    return found or _nothing(root, ours)


def _named(name: str) -> Format:
    found = known_formats().get(name) or other_formats().get(name)
    if found is None:
        raise unknown_name("format", name, [*known_formats(), *other_formats()])
    return found


def _only(root: Path, formats: list[Format]) -> tuple[Format, Path] | None:
    for places in ([root], _folders_below(root)):
        found = [(f, at) for place in places for f in formats if (at := _find(f, place)) is not None]
        # What the owner wrote about a folder goes before what it looks like.
        found = [f for f in found if f[0] is toml.FORMAT] or found
        names = dict.fromkeys(f.name for f, _ in found)
        if len({at for _, at in found}) > 1:
            kind = "" if len(names) > 1 else found[0][0].name + " "
            shown = ", ".join(f"{at.name}/" if kind else f"{at.name}/ ({f.name})" for f, at in found[:8])
            what = f"holds several {kind}datasets: {shown}"
            raise FormatError(what, code="ambiguous-format", where=root, fix="open one of these folders")
        if len(names) > 1:
            what, fix = f"looks like {' and like '.join(names)}", f"choose with format={found[0][0].name!r}"
            raise FormatError(what, code="ambiguous-format", where=found[0][1], fix=fix)
        if found:
            return found[0]
    return None


def _find(format: Format, path: Path) -> Path | None:
    with _gate(format, path):
        return format.find(path)


def _folders_below(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))[:_BELOW]


def _check_part(root: Path, formats: list[Format]) -> None:
    """FormatError `no-dataset` for a folder inside a dataset."""
    for above in (root.parent, root.parent.parent):
        inside = next((f for f in formats if not f.anywhere and _find(f, above) == above), None)
        if inside is not None:
            what = f"is a part of a {inside.name} dataset; there is {what_is_there(root)}"
            raise FormatError(what, code="no-dataset", where=root, fix=f"open {above}")


def _nothing(root: Path, formats: list[Format]) -> NoReturn:
    if root.is_file() and len(formats) != 1:
        raise not_a_dataset(root)
    check_download(root)
    if len(formats) == 1:
        there = "a file" if root.is_file() else what_is_there(root)
        what = f"no dataset found; looked for {formats[0].looks_like}; there is {there}"
        raise FormatError(what, code="no-dataset", where=root)
    raise no_dataset(root)
