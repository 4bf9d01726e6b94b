"""CARLA: the semantic segmentation camera, as its tags are saved or converted to the colors of Cityscapes.

https://carla.readthedocs.io/en/latest/ref_sensors : the tag is in the red channel, green and blue are 0. What tags
mean differs between versions, and the files do not say which wrote them: unless a tag does, classes are called by their
tags, with a warning. This needs code to tell tags from colors, and versions from each other.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np

from ...classes import ClassTable, Color
from ...codecs.decoding import decode_stored
from ...dataset.dataset import Dataset
from ...dataset.numbers import ChannelSum
from ...dataset.sources import Decoding
from ...errors import DataError
from ...files.reading import read_bytes
from ...types import Finding
from ..class_tables import table
from ..format import Format
from ..layout import Coding, Layout, laid_out

_VERSIONS: Final = ("0.9.14", "0.9.10", "0.8")
"""The first version of each table, the latest first."""
_MOST: Final = {"0.9.14": 28, "0.9.10": 22, "0.8": 12}
_OLD = "CameraRGB"
"""The folder of images of the clients before 0.9, and of data made with them."""
_FOLDERS: Final = (
    *((_OLD, labels) for labels in ("CameraSeg", "CameraSemSeg", "CameraSemantic", "CameraSegmentation")),
    ("rgb", "semantic_segmentation"), ("rgb", "semantic"), ("rgb", "sem"), ("rgb", "seg"),
    ("camera_rgb", "camera_semantic_segmentation"), ("sensor.camera.rgb", "sensor.camera.semantic_segmentation"),
)  # fmt: skip
_LOOKED_AT: Final = 8


_TAGS = ClassTable(tuple(f"tag {k}" for k in range(1, 29)), values={0: 255, **{k: k - 1 for k in range(1, 29)}})


def _colors(root: Path) -> ClassTable:
    """The colors of all versions: the same class has had up to three, and none has stood for two classes."""
    latest = table("carla_0.9.14")
    older: dict[Color, int] = {}
    for known in (table(f"carla_{version}") for version in _VERSIONS[1:]):
        ids = [latest.index("car" if name == "vehicle" else name) for name in known.names]
        older |= {(r, g, b): i for (r, g, b), i in zip(known.colors.tolist(), ids, strict=True)}
    return replace(latest, values={}, extra_colors={c: i for c, i in older.items() if c not in latest.color_ids})


def _codings(labels: str) -> dict[str, Coding]:
    red = Decoding(channels=ChannelSum.parse("R"))
    tags = {v: Coding(labels, f"carla_{v}", decoding=red, beside=False) for v in _VERSIONS}
    tags["tags"] = Coding(labels, _TAGS, decoding=red, beside=False)
    return {**tags, "colors": Coding(labels, _colors, beside=False)}


_LAYOUTS = [
    Layout(f"{above}{images}/{{name}}.{{ext}}", _codings(f"{above}{labels}/{{name}}.png"))
    for images, labels in _FOLDERS
    for above in ("", "{split}/", "episode_*/", "Town*/")
]
_LOOKS = "CARLA (CameraRGB/ with CameraSeg/, or rgb/ with semantic_segmentation/, of tags in red or its colors)"
_LAID_OUT = partial(laid_out, "carla", _LOOKS, *_LAYOUTS)


def _labels(root: Path) -> tuple[Layout, list[Any]] | None:
    """The layout that fits, and the pixels of some labels."""
    layout = next((la for la in _LAYOUTS if la.fits(root)), None)
    if layout is None:
        return None
    pixels = []
    for path in islice(layout.some_labels(root, layout.codings["colors"]), _LOOKED_AT):
        try:
            pixels.append(decode_stored(read_bytes(path), path).pixels)
        except DataError:
            continue  # what is wrong with it is said when it is read
    return layout, pixels


def _are_tags(pixels: Any) -> bool:
    """Whether only the red channel holds anything, and that are tags."""
    return pixels.ndim == 3 and pixels.shape[2] >= 3 and not pixels[..., 1:3].any() and int(pixels[..., 0].max()) < 29


def _are_colors(pixels: Any, known: ClassTable) -> bool:
    if pixels.ndim != 3 or pixels.shape[2] < 3:
        return False
    return {tuple(c) for c in np.unique(pixels[..., :3].reshape(-1, 3), axis=0).tolist()} <= known.color_ids.keys()


def _find(path: Path) -> Path | None:
    """`path` if such folders are there, and what is looked at are CARLA's tags or colors."""
    found = _labels(path) if path.is_dir() else None
    if found is None or not found[1]:
        return None
    known = _colors(path)
    fits = all(_are_tags(p) for p in found[1]) or all(_are_colors(p, known) for p in found[1])
    return path if fits else None


def _load(root: Path, *, labels: str | None = None, classes: ClassTable | None = None) -> Dataset:
    """labels: the version that wrote the tags ("0.9.14" and later, "0.9.10" to 0.9.13, "0.8" to 0.9.9), "tags" for
    neutral names, or "colors". classes: another table.
    """
    notes: tuple[Finding, ...] = ()
    found = _labels(root)
    if labels is None and found is not None and classes is None:
        labels, notes = _kind(root, *found)
    dataset = _LAID_OUT().load(root, labels=labels, classes=classes)
    return replace(dataset, notes=(*notes, *dataset.notes))


def _kind(root: Path, layout: Layout, pixels: list[Any]) -> tuple[str, tuple[Finding, ...]]:
    """Colors, or the version of the tags; "tags" if several versions have them."""
    if not all(_are_tags(p) for p in pixels):
        return "colors", ()
    most = max((int(p[..., 0].max()) for p in pixels), default=0)
    if most > _MOST["0.9.10"]:
        return "0.9.14", ()
    fix = "choose with labels= (--labels): 0.9.14 (and later), 0.9.10 (to 0.9.13) or 0.8 (to 0.9.9)"
    if _OLD in layout.images and most <= _MOST["0.8"]:
        what = f"no tag in {len(pixels)} labels is over 12, and a folder is called {_OLD}: tags are those of CARLA 0.8"
        return "0.8", (Finding("assumed-names", "note", str(root), what, f"if they are not, {fix}"),)
    what = f"tags of CARLA up to {most} mean other classes in other versions, and the files do not say which wrote them"
    return "tags", (Finding("neutral-names", "warning", str(root), what, fix),)


FORMAT = Format("carla", _LOOKS, _find, _load)
