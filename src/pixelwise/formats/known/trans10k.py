"""Trans10K: things and stuff that are transparent, and its second version with twelve classes.

https://github.com/xieenze/Segment_Transparent_Objects : train/, and easy/ and hard/ within validation/ and test/; masks
are red and white. https://github.com/xieenze/Trans2Seg : masks_12/ beside images/, values are the class ids. This needs
code because the splits of the first are laid out in two ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...classes import ClassTable
from ...dataset.dataset import Dataset
from ...dataset.sources import Decoding
from ...dataset.splits import Splits
from ...errors import FormatError, UnknownNameError
from ...hints import meant
from ..class_tables import rgb
from ..format import Format
from ..layout import SPLIT_NAMES, Coding, Layout, load, plain_split, rank
from ..paths import visible

_THREE = ClassTable(
    ("background", "things", "stuff"), colors=rgb([(0, 0, 0), (255, 0, 0), (255, 255, 255)]), values={}
)  # fmt: skip
_TWELVE = ClassTable(
    ("background", "shelf", "jar or tank", "freezer", "window", "glass door", "eyeglass", "cup", "floor glass",
     "glass bowl", "water bottle", "storage box")
)  # fmt: skip
_LEVELS = ("easy", "hard")
_CODINGS = {"12": "masks_12", "3": "masks"}
_LOOKS = "Trans10K (train/images/, train/masks/, validation/easy/images/ and so on; or train/masks_12/)"


def _coding(kind: str, above: str) -> Coding:
    table, decoding = (_TWELVE, Decoding(check_palette=False)) if kind == "12" else (_THREE, Decoding())
    return Coding(f"{above}{_CODINGS[kind]}/{{name}}_mask.png", table, decoding=decoding, beside=False)


def _splits(root: Path, kind: str) -> Mapping[str, str]:
    """The folders of splits that have images, and what is between them and images/: "" or "*/"."""
    found = {}
    for folder in visible(root, "*/"):
        if SPLIT_NAMES.fullmatch(folder.name) and (folder / "images").is_dir():
            found[folder.name] = ""
        elif SPLIT_NAMES.fullmatch(folder.name) and any((folder / v / "images").is_dir() for v in _LEVELS):
            found[folder.name] = "*/"
    return found if any(visible(root / n, f"{above}{_CODINGS[kind]}") for n, above in found.items()) else {}


def _kinds(root: Path) -> list[str]:
    """The kinds of masks that are there: in folders of these names alone they are those of any data."""
    return [kind for kind in _CODINGS if (of := _splits(root, kind)) and (kind == "12" or "*/" in of.values())]


def _find(path: Path) -> Path | None:
    """`path` if it has masks_12/, or easy/ and hard/ images in a split."""
    return path if path.is_dir() and _kinds(path) else None


def _load(root: Path, *, labels: str | None = None, classes: ClassTable | None = None) -> Dataset:
    """labels: "12" or "3" classes; by default the first that is there. classes: another table."""
    known = [kind for kind in _CODINGS if _splits(root, kind)]
    kind = labels or next(iter(known), None)
    if kind is None:
        raise FormatError(f"not {_LOOKS}", code="no-dataset", where=root)
    if kind not in known:
        fix = f"{meant(kind, known)}labels= is one of {', '.join(known)}"
        raise UnknownNameError(f"Trans10K has no labels of the kind {kind!r} here", code="unknown-labels", where=root,
                               fix=fix)  # fmt: skip
    found = _splits(root, kind)
    parts = {above: _layout(kind, above, [n for n, a in found.items() if a == above]) for above in found.values()}
    opened = [load(root, "trans10k", layout, labels=kind, classes=classes) for layout in parts.values()]
    of = {plain_split(name, found): next(d for d in opened if plain_split(name, found) in d.splits) for name in found}
    makers = {name: partial(of[name].splits.__getitem__, name) for name in sorted(of, key=rank)}
    return replace(opened[0], splits=Splits(makers))


def _layout(kind: str, above: str, names: list[str]) -> Layout:
    coding = _coding(kind, f"{{split}}/{above}")
    return Layout(f"{{split}}/{above}images/{{name}}.jpg", {kind: coding}, splits=names.__contains__)


FORMAT = Format("trans10k", _LOOKS, _find, _load)
