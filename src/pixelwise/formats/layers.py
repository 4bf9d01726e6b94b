"""Labels in layers: several files per image, each with the pixels of one class or of one object."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from ..classes import ClassTable
from ..codecs.stored import Stored
from ..dataset.image_sizes import Paths
from ..dataset.sources import Decoding
from ..errors import LabelError
from ..files.reading import read_bytes
from ..labels import check_pair
from ..types import Bool, Finding, Label, Size
from .paths import matches

Overlap = Literal["last", "first", "void", "error"]


@dataclass(frozen=True, slots=True)
class Layers:
    """How files of one class or one object each become one label.

    classes: what {class} may stand for, and its class id, in the order in which layers are put on each other; the one
    text "" if the template has no {class}. rest: the id of pixels in no layer. overlap: of pixels in layers of several
    classes, "last": the later layer is on top, "first": the earlier, "void": they have no class, "error": refused.
    """

    classes: tuple[tuple[str, int], ...]
    rest: int
    overlap: Overlap = "last"

    @property
    def texts(self) -> tuple[str, ...]:
        """What {class} may stand for."""
        return tuple(text for text, _ in self.classes if text)


class LayerFile(NamedTuple):
    """A file of one layer: its path relative to the dataset, its class id, and whether it is one object."""

    path: str
    category: int
    is_object: bool


def find_layers(
    root: Path, template: str, layers: Layers, names: Collection[str], images: Collection[str] = (),
    in_folders: bool = False,
) -> tuple[dict[str, list[LayerFile]], list[str]]:
    """The layers of each sample by its name, in the order in which they are put on each other; and the paths of files
    that the template describes but whose {class} is none of the layers.

    names: of the samples. images: paths that may match the template and are not labels. in_folders: samples of the same
    name are distinguished by the folder that * stands for, which then comes first in their names.
    """
    ids, order = dict(layers.classes), {text: k for k, (text, _) in enumerate(layers.classes)}
    found = defaultdict(list)
    taken = set()
    for m in matches(root, template, layers.texts, names):
        if m.layer in ids and m.path not in images:
            name = f"{m.star}/{m.name}" if in_folders else m.name
            found[name].append((order[m.layer], natural(m.path), LayerFile(m.path, ids[m.layer], bool(m.object))))
            taken.add(m.path)
    stray = [m.path for m in matches(root, template) if m.path not in taken and m.path not in images]
    return {name: [file for _, _, file in sorted(files)] for name, files in found.items()}, stray


def natural(text: str) -> list[tuple[int, str]]:
    """The key that sorts text by the numbers in it: x2 before x10."""
    return [(int(t), "") if t.isdigit() else (-1, t) for t in re.split(r"(\d+)", text)]


@dataclass(frozen=True, slots=True)
class LayerDrawing:
    """Draws the label of sample i from its layers, for a DrawnSource. Thread-safe.

    images: the path of each image. files: the layers of each sample. scaled: whether layers may have another size than
    their image, of the same shape; then a pixel is inside if the layer's pixel at its center is. alpha: whether
    layers are alpha channels: what is above 0 is inside.
    """

    root: Path
    images: Paths
    files: Sequence[Sequence[LayerFile]]
    names: Sequence[str]
    layers: Layers
    table: ClassTable
    decoding: Decoding
    scaled: bool = False
    alpha: bool = False

    def paths(self, index: int) -> list[Path]:
        """The files that the label of sample `index` is drawn from; the image if there are none."""
        return [self.root / file.path for file in self.files[index]] or [self.root / self.images[index]]

    def __call__(self, index: int, size: Size, notes: list[Finding] | None) -> tuple[Label, Label | None]:
        """The label, and object numbers 1, 2, ... in the order of the layers if all of them are objects.

        Raises what reading a layer raises, PairError `size-mismatch`, LabelError `layer-values`, `layers-overlap`.
        """
        files = self.files[index]
        label: Any = np.full(size, self.layers.rest, self.table.dtype)
        numbers: Any = np.zeros(size, np.uint16 if len(files) < 1 << 16 else np.uint32)
        covered, twice = np.zeros(size, bool), np.zeros(size, bool)
        ordered = list(enumerate(files, 1))
        for number, file in reversed(ordered) if self.layers.overlap == "first" else ordered:
            path = self.root / file.path
            stored = self.decoding.stored(read_bytes(path), path, notes)
            alpha = self.alpha and stored.pixels.ndim == 2 and stored.palette is None
            inside = stored.pixels != 0 if alpha else inside_of(stored, path)
            if self.scaled and same_shape(size, inside.shape):
                inside = _at_centers(inside, size)
            check_pair(size, inside.shape, path)
            both = inside & covered & (label != file.category)
            if self.layers.overlap == "error" and both.any():
                raise self._overlap(label, both, file, path)
            twice |= both
            covered |= inside
            label[inside], numbers[inside] = file.category, number
        if self.layers.overlap == "void":
            label[twice] = self.table.padding_index
        self._note(index, int(twice.sum()), notes)
        return label, numbers if files and all(file.is_object for file in files) else None

    def _overlap(self, label: Any, both: Bool, file: LayerFile, path: Path) -> LabelError:
        y, x = (int(v) for v in np.argwhere(both)[0])
        other, own = self.table.name(int(label[y, x])), self.table.name(file.category)
        what = f"{int(both.sum())} pixels are in a layer of {other} and in one of {own}, first at x={x}, y={y}"
        fix = "correct the layers, or state a rule: overlap = 'last'"
        return LabelError(what, code="layers-overlap", where=path, fix=fix)

    def _note(self, index: int, twice: int, notes: list[Finding] | None) -> None:
        if notes is None:
            return
        name = self.names[index]
        if not self.files[index]:
            what = f"the image has no layer: every pixel is {self.table.name(self.layers.rest)}"
            fix = "correct if nothing is in it; otherwise its layers are missing or named differently"
            notes.append(Finding("no-layers", "warning", name, what, fix))
        if twice:
            rule = {"last": "the later class is used", "first": "the earlier class is used", "void": "they are void"}
            what = f"{twice} pixels are in layers of several classes; {rule[self.layers.overlap]}"
            notes.append(Finding("layers-overlap", "warning", name, what, "overlap = says what to do with them"))


def inside_of(stored: Stored, where: object) -> Bool:
    """(H, W): the pixels that a layer holds: those that are not 0. LabelError `layer-values` for several values."""
    pixels: Any = stored.pixels
    if pixels.ndim == 3:
        clear = pixels[..., -1] == 0 if pixels.shape[2] in (2, 4) else np.zeros(pixels.shape[:2], bool)
        colors = pixels[..., : pixels.shape[2] - (pixels.shape[2] in (2, 4))].astype(np.int64)
        pixels = (colors * (1 << 16) ** np.arange(colors.shape[2])).sum(axis=2)
        pixels[clear] = 0
    inside: Bool = pixels != 0
    values = pixels[inside]
    if values.size and (values != values[0]).any():
        count = len(np.unique(values))
        what = f"a layer with {count + 1} different values, expected 0 and one other"
        fix = "a layer is a mask of one class or object; describe a label of many classes without {class} and {object}"
        raise LabelError(what, code="layer-values", where=where, fix=fix)
    return inside


def same_shape(a: Size, b: Size) -> bool:
    """Whether two sizes are the same but for a factor, and rounding to pixels."""
    return abs(a[0] * b[1] - a[1] * b[0]) <= max(*a, *b)


def _at_centers(inside: Bool, size: Size) -> Bool:
    """The values at the centers of the pixels of an image of `size`."""
    rows, columns = (((2 * np.arange(n) + 1) * m) // (2 * n) for n, m in zip(size, inside.shape, strict=True))
    found: Bool = inside[rows[:, None], columns[None, :]]
    return found


def layer_notes(
    template: str, names: Sequence[str], found: Mapping[str, Sequence[LayerFile]], stray: Sequence[str]
) -> list[Finding]:
    """What is odd about a split's layers: files without an image, files of no class, images without a layer."""
    notes = []
    known = set(names)
    lost = sorted(name for name in found if name not in known)
    without = sum(name not in found for name in names)
    for code, count, what, fix in (
        ("unused-layers", len(stray), f"label files name none of the classes, such as {stray[:1]}", "add their class"),
        ("unused-layers", len(lost), f"names of labels have no image, such as {lost[:1]}", "restore the images"),
        ("no-layers", without, f"of {len(names)} images have no layer", "correct if nothing is in them"),
    ):
        if count:
            notes.append(Finding(code, "warning", template, f"{count} {what}", fix))
    return notes
