"""`open`: a dataset in any known format, recognized by its files."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..dataset.dataset import Dataset
from ..errors import FormatError, MissingError, UnknownNameError, UsageError, printable
from ..types import Progress
from . import toml
from .known import ade20k_full, aerial, coco, huggingface, labelme, medical, roboflow, scenes, street, voc, yolo
from .layout import Family


class Format(NamedTuple):
    """What `open` needs of a format.

    looks_like: the files it is known by. find(path): the dataset's folder where `path` looks like it, else None.
    load(root, **options): the dataset.
    """

    looks_like: str
    find: Callable[[Path], Path | None]
    load: Callable[..., Dataset]


def _families(*families: Family) -> Iterator[tuple[str, Format]]:
    for family in families:
        yield family.name, Format(family.looks_like, family.find, family.load)


def _of_packs(name: str, *args: Any, **options: Any) -> Any:
    """A function of packs.opening. Packs are above formats; they are opened as a format of another package would be."""
    return getattr(importlib.import_module("..packs.opening", __package__), name)(*args, **options)


FORMATS: dict[str, Format] = {
    "toml": Format(toml.LOOKS_LIKE, toml.find, toml.load),
    "pack": Format("a pack (manifest.json)", partial(_of_packs, "find"), partial(_of_packs, "load")),
    "voc": Format(voc.LOOKS_LIKE, voc.find, voc.load),
    **dict(
        _families(
            street.CITYSCAPES, street.CAMVID, street.BDD100K, street.MAPILLARY,
            scenes.ADE20K, scenes.COCO_STUFF, scenes.PASCAL_CONTEXT, scenes.NYU, scenes.DAVIS, scenes.LIP,
            aerial.LOVEDA, aerial.POTSDAM, aerial.VAIHINGEN, aerial.ISAID,
            medical.CHASE_DB1, medical.SYNAPSE, medical.REFUGE, labelme.EXPORT, roboflow.ROBOFLOW,
        )
    ),
    "ade20k_full": Format(ade20k_full.LOOKS_LIKE, ade20k_full.find, ade20k_full.load),
    "coco": Format(coco.LOOKS_LIKE, coco.find, coco.load),
    "coco_panoptic": Format(coco.PANOPTIC_LOOKS_LIKE, coco.find_panoptic, coco.load_panoptic),
    "labelme": Format(labelme.LOOKS_LIKE, labelme.find, labelme.load),
    "hf_parquet": Format(huggingface.PARQUET_LOOKS_LIKE, huggingface.find_parquet, huggingface.load_parquet),
    "hf_imagefolder": Format(huggingface.FOLDER_LOOKS_LIKE, huggingface.find_folder, huggingface.load_folder),
    "yolo": Format(yolo.LOOKS_LIKE, yolo.find, yolo.load),
}  # fmt: skip
"""Every format by its name."""

_ANYWHERE = ("toml", "pack", "hf_parquet", "hf_imagefolder", "labelme", "yolo", "coco")
"""Formats whose files may lie above any folder without its being a part of them."""
_BELOW = 64
"""So many folders below a path are looked into where the path itself is no dataset."""


def open(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    cache: str | os.PathLike[str] | bool = False,
    download: str | os.PathLike[str] | bool = False,
    progress: Progress | None = None,
    **options: Any,
) -> Dataset:
    """Open the dataset or pack at `path`: its own folder, a folder above it, or a `.toml` or COCO `.json` about it.

    A folder with a `pixelwise.toml` is what that says. format: skips the recognition. cache: pack the dataset at its
    first use and read the pack from then on; True keeps packs in pixelwise's cache folder ($PIXELWISE_CACHE), or give
    a folder. Every source file is looked at each time (one `stat` per file), and the pack is rebuilt if one changed.
    progress: of packing, called with (records done, records in all). Other options belong to the format
    (`labels="SegmentationClassAug"` for VOC, `classes=` another class table, `source=True` for a pack, which refuses
    it if its source files changed).

    download: `path` may be the name of an archive, such as "voc2012"; it is downloaded once into this folder (True: a
    folder of that name here).

    Without a cache, lists are read when a split is asked for, and pixels when a sample is. Raises MissingError if
    there is nothing, FormatError if no format fits (it says what was looked for) or several do (it lists them),
    UnknownNameError for a format, UsageError for an option that does not exist, PackError for a pack that is
    unfinished or damaged; with a cache also what `pack` raises.
    """
    if download is not False:
        from ..downloads import download as get

        path = get(str(path), Path(str(path) if download is True else download))
    root = Path(path)
    if not root.exists():
        raise MissingError("no such file or folder", code="missing-file", where=root, fix="check the path")
    if format is not None and format not in FORMATS:
        raise UnknownNameError(
            f"no format named {format!r}", code="unknown-format", fix=f"the formats are: {', '.join(FORMATS)}"
        )
    name, at = _recognize(root, list(FORMATS) if format is None else [format])
    try:
        dataset: Dataset = FORMATS[name].load(at, **options)
    except TypeError as error:
        if "unexpected keyword" in str(error):
            raise UsageError(f"format {name} has no such option: {error}") from None
        raise
    if cache is False:
        return dataset
    cached = importlib.import_module("..packs.caching", __package__).cached
    return cached(dataset, cache, progress=progress)  # type: ignore[no-any-return]


def _recognize(root: Path, wanted: list[str]) -> tuple[str, Path]:
    """The one format that fits at `root`, or else in the folders below it, and where."""
    for places in ([root], _folders_below(root)):
        found = [(name, at) for place in places for name in wanted if (at := FORMATS[name].find(place)) is not None]
        # What the owner wrote about a folder goes before what it looks like.
        found = [f for f in found if f[0] == "toml"] or found
        names = dict.fromkeys(name for name, _ in found)
        if len(names) > 1 and len({at for _, at in found}) > 1:
            shown = ", ".join(f"{at.name}/ ({name})" for name, at in found[:8])
            raise FormatError(f"holds several datasets: {shown}", code="ambiguous-format", where=root,
                              fix="open one of these folders")  # fmt: skip
        if len(names) > 1:
            raise FormatError(
                f"looks like {' and like '.join(names)}", code="ambiguous-format", where=found[0][1],
                fix=f"choose with format={found[0][0]!r}",
            )  # fmt: skip
        if len(found) > 1:
            raise FormatError(
                f"holds several {found[0][0]} datasets: {', '.join(at.name + '/' for _, at in found[:8])}",
                code="ambiguous-format", where=root, fix="open one of these folders",
            )  # fmt: skip
        if found:
            return found[0]
    raise _nothing(root, wanted)


def _folders_below(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))[:_BELOW]


def _nothing(root: Path, wanted: list[str]) -> FormatError:
    there = f"there is {_listing(root)}"
    if len(wanted) == 1:
        return FormatError(f"no dataset found; looked for {FORMATS[wanted[0]].looks_like}; {there}",
                           code="no-dataset", where=root)  # fmt: skip
    telling = [name for name in wanted if name not in _ANYWHERE]
    for above in (root.parent, root.parent.parent):
        inside = next((name for name in telling if FORMATS[name].find(above) == above), None)
        if inside is not None:
            return FormatError(f"is a part of a {inside} dataset; {there}", code="no-dataset", where=root,
                               fix=f"open {above}")  # fmt: skip
    return FormatError(
        f"no dataset found; looked for the files of {', '.join(wanted)}; {there}",
        code="no-dataset", where=root,
        fix="format= says which files one of them needs; `pixelwise init` describes a layout of your own",
    )  # fmt: skip


def _listing(root: Path) -> str:
    if root.is_file():
        return "a file"
    entries = sorted(e.name + "/" * e.is_dir() for e in root.iterdir())
    shown = ", ".join(printable(e) for e in entries[:6])
    return (shown + (f" and {len(entries) - 6} more" if len(entries) > 6 else "")) or "an empty folder"
