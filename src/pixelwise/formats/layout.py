"""A dataset's layout as data, and the one engine that opens it.

A format is a page: where images and labels are (path templates), what splits there are (folders or lists), how labels
are stored (class table, kinds of files). No format has reading code of its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ..classes import ClassTable
from ..dataset.dataset import Dataset
from ..dataset.lists import LineOf, SplitList, parse_list
from ..dataset.sources import Decoding, FileSource, PathRule, Source
from ..dataset.splits import Split, Splits
from ..errors import FormatError, MissingError, UnknownNameError
from ..files.reading import read_bytes
from ..hints import meant
from ..types import Finding
from .class_tables import table
from .format import Format
from .layers import LayerDrawing, LayerFile, Layers, find_layers, layer_notes, natural
from .naming import any_in_colors, are_colors, by_color, name_classes
from .paths import SAMPLE_FIELDS, Match, fill, first, glob_of, hidden_notes, matches, rule, split_names, spread
from .rasterize import DrawnSource

SPLIT_NAMES = re.compile(
    r"(?i)(train(ing)?(_extra)?|val(id|idation)?|test(ing)?|train[_-]?val|test-?(dev|std))(20\d\d)?"
)
"""What splits are called on disk. The years of COCO's splits belong to their names."""
_PLAIN = {
    "training": "train", "validation": "val", "valid": "val", "testing": "test", "train_val": "trainval",
    "tr": "train", "vd": "val", "te": "test",
}  # fmt: skip
_NUMBERED = re.compile(r"[a-z0-9]{1,2}[.)] *(\w+?)( set| data)?")  # "a. Training Set"
_ORDER = ("train", "val", "trainval", "test")


@dataclass(frozen=True, slots=True)
class Coding:
    """One way in which a dataset's labels are stored.

    labels: the template of the label files, or None if there are none. classes: a table, the name of one in `tables/`,
    or a function of the dataset's folder. instances: the template of the object numbers. channels: 3 if labels are
    colors, 1 if they are values; None if that does not distinguish this coding from others. layers: how several label
    files per image become one label, if `labels` has {class} or {object}. by_order: the names of labels and images have
    nothing in common; sorted by their numbers, the first belongs to the first. beside: whether a file of class names
    beside the data goes before `classes`.
    """

    labels: str | None
    classes: ClassTable | str | Callable[[Path], ClassTable]
    instances: str | None = None
    channels: int | None = None
    decoding: Decoding = Decoding()  # noqa: RUF009
    layers: Layers | None = None
    by_order: bool = False
    beside: bool = True

    def table(self, root: Path) -> ClassTable:
        """The class table, for the dataset at `root`."""
        if isinstance(self.classes, str):
            return table(self.classes)
        return self.classes if isinstance(self.classes, ClassTable) else self.classes(root)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of a dataset are.

    images: the template of the image files. codings: the ways of storing labels by name; the first whose files are
    found is the default. lists: the template of the split lists; without it, {split} in `images` makes the splits, and
    without that there is one split, `only`. columns: whether names in the lists are followed by more, and `#`
    begins a comment. names: a pattern of the samples' base names, if the folders' names are
    common. needs: further files or folders that must exist. unlabeled: splits that have no labels. splits: whether a
    name found for {split} is that of a split. common: whether folders and names are so common that other data may have
    them, too; a note says then whose class names they got. accepts: what else must be so of the folder, looked at last.
    """

    images: str
    codings: Mapping[str, Coding]
    lists: str | None = None
    names: str | None = None
    columns: bool = False
    needs: Sequence[str] = ()
    only: str = "all"
    unlabeled: Sequence[str] = ()
    splits: Callable[[str], bool] = field(default=lambda name: SPLIT_NAMES.fullmatch(name) is not None)
    common: bool = False
    accepts: Callable[[Path], bool] | None = None

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """What base names must match."""
        return None if self.names is None else re.compile(self.names)

    def fits(self, root: Path) -> bool:
        """Whether the dataset at `root` is laid out like this: folders, names and kinds of labels are found."""
        if any(not (root / n).exists() for n in self.needs):
            return False
        if self.lists is not None and not self.list_paths(root):
            return False
        images = (fill(self.images, split=name, star="*") for name in self.split_names(root, self.images))
        found = any(first(root, i, self.pattern) for i in images) and self.coding(root) is not None
        return found and (self.accepts is None or self.accepts(root))

    def split_names(self, root: Path, template: str) -> list[str]:
        """What {split} stands for in `template`; [""] if it does not occur."""
        if "{split}" not in template:
            return [""]
        return [name for name in split_names(root, template) if self.splits(name)]

    def list_paths(self, root: Path) -> dict[str, str]:
        """The split lists' paths by what {split} stands for, or by their file names."""
        if self.lists is None:
            return {}
        found = {m.split or Path(m.path).stem: m.path for m in matches(root, self.lists)}
        return {n: path for n, path in found.items() if "{split}" not in self.lists or self.splits(n)}

    def coding(self, root: Path) -> str | None:
        """The name of the first coding whose files are found."""
        return next((name for name, coding in self.codings.items() if self._has(root, coding)), None)

    def _has(self, root: Path, coding: Coding) -> bool:
        if coding.labels is None:
            return True
        if coding.channels is not None:
            some = self.some_labels(root, coding)
            return bool(some) and any_in_colors(some) == (coding.channels == 3)
        names = self.split_names(root, coding.labels)
        return any(first(root, fill(coding.labels, split=name, star="*")) is not None for name in names)

    def some_labels(self, root: Path, coding: Coding) -> list[Path]:
        """Up to eight label files of each split, spread over the first of them."""
        names = [] if coding.labels is None else self.split_names(root, coding.labels)
        found = (spread(root, fill(coding.labels or "", split=name, star="*")) for name in names)
        return [root / m.path for split in found for m in split]


def load(
    root: Path, format: str, layout: Layout, *, labels: str | None = None, classes: ClassTable | None = None
) -> Dataset:
    """The dataset at `root`, laid out as `layout` says.

    labels: which of the codings; by default the first whose files are found. classes: another class table.
    """
    name = labels or layout.coding(root)
    if name is None or name not in layout.codings:
        fix = f"{meant(name, layout.codings)}labels= is one of {', '.join(layout.codings)}"
        what = f"{format} has no labels of the kind {name!r}"
        raise UnknownNameError(what, code="unknown-labels", where=root, fix=fix)
    coding = layout.codings[name]
    if not layout._has(root, coding):
        fix = f"they would be {coding.labels}; choose another kind with labels=..."
        raise MissingError(f"no labels of the kind {name!r}", code="missing-file", where=root, fix=fix)
    opened = _Opened(root, layout, coding, classes or coding.table(root))
    makers = opened.makers()
    if not makers:
        raise FormatError("no split has any samples", code="no-dataset", where=root)
    notes = () if layout.lists is None else hidden_notes(root, glob_of(layout.lists))
    return Dataset(root, format, opened.classes, Splits({n: makers[n] for n in sorted(makers, key=rank)}), notes)


def rank(name: str) -> tuple[int, str]:
    """The key that sorts splits: train, val, trainval, test, each with a year or without; then others by name."""
    plain = name.rstrip("0123456789")
    return (_ORDER.index(plain) if plain in _ORDER else len(_ORDER), name)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A layout at a place, with the coding and the classes that were chosen."""

    root: Path
    layout: Layout
    coding: Coding
    classes: ClassTable

    def makers(self) -> dict[str, Callable[[], Split]]:
        layout = self.layout
        if layout.lists is not None:
            lists = layout.list_paths(self.root)
            return {(s := plain_split(n, lists)): partial(self.listed, s, n, path) for n, path in lists.items()}
        names = layout.split_names(self.root, layout.images)
        if names == [""]:
            return {layout.only: partial(self.found, layout.only, "")}
        return {(s := plain_split(n, names)): partial(self.found, s, n) for n in names}

    def found(self, name: str, on_disk: str) -> Split:
        """A split of all images in its folders."""
        template = fill(self.layout.images, split=on_disk, star="*")
        wanted = self.layout.pattern or re.compile(".*", re.DOTALL)
        images = [m for m in matches(self.root, template) if wanted.fullmatch(m.name.rpartition("/")[2])]
        images = self._without_labels(images, template, on_disk)
        names = [m.name for m in images]
        if len(set(names)) < len(names):  # the same name in several folders, or with several extensions
            names = [f"{m.star}/{m.name}" if m.star else m.path.rpartition(".")[0] for m in images]
        exact = rule(template)
        paths = [m.path for m in images] if exact is None else PathRule(names, exact)
        notes: list[Finding] = []
        return Split(name, self.classes, self._source(on_disk, images, names, paths, notes), notes=tuple(notes))

    def _without_labels(self, images: list[Match], template: str, split: str) -> list[Match]:
        """The images without the files that are labels of others, if both are in one folder: x.png and x_mask.png."""
        labels = (self.coding.labels or "").replace("{split}", split)
        if not labels or labels.rpartition("/")[0] != template.rpartition("/")[0] or labels == template:
            return images
        names = {m.name for m in images}
        taken = {m.path for m in matches(self.root, labels) if m.name in names}
        return [m for m in images if m.path not in taken]

    def listed(self, name: str, on_disk: str, path: str) -> Split:
        """A split that a list names."""
        notes: list[Finding] = []
        where = self.root / path
        data = read_bytes(where)
        data = _names_alone(data) if self.layout.columns else data
        listed = _relative(self.root, parse_list(data, where, notes))
        template = fill(self.layout.images, split=on_disk, star="*")
        exact, names = rule(template), listed.names
        images = listed.images or (PathRule(names, exact) if exact else _by_name(self.root, template, names))
        rows = [Match("", n, on_disk) for n in names]
        source = self._source(on_disk, rows, names, images, notes, listed.labels, LineOf(where, listed.lines))
        return Split(name, self.classes, source, notes=tuple(notes))

    def _source(
        self, split: str, samples: Sequence[Match], names: Sequence[str], images: PathRule | Sequence[str],
        notes: list[Finding], labels: PathRule | Sequence[str] | None = None,
        listed: Callable[[int], str] | None = None,
    ) -> Source:  # fmt: skip
        coding = self.coding
        layered = coding.layers is not None and split not in self.layout.unlabeled
        if layered and (files := self._layers(split, samples, images, notes)) is not None:
            assert coding.layers is not None
            source = FileSource(self.root, names, self.classes, images, listed=listed, decoding=coding.decoding)
            drawing = LayerDrawing(self.root, images, files, names, coding.layers, self.classes, coding.decoding)
            return DrawnSource(source, drawing, drawing.paths, f"layers {coding.layers}")
        if not samples and coding.labels is not None:  # the labels of no samples are all there
            labels = []
        elif not labels and split not in self.layout.unlabeled and coding.layers is None:
            labels = self._paths(coding.labels, split, samples)
        numbers = self._paths(coding.instances, split, samples)
        return FileSource(self.root, names, self.classes, images, labels, numbers, listed, coding.decoding)

    def _layers(
        self, split: str, samples: Sequence[Match], images: PathRule | Sequence[str], notes: list[Finding]
    ) -> list[list[LayerFile]] | None:
        """The layers of each sample, or None if the split has none."""
        assert self.coding.layers is not None
        # * is free here: several files belong to an image, and what it stands for may differ between them.
        template, names = (self.coding.labels or "").replace("{split}", split), [s.name for s in samples]
        known = set() if self.coding.by_order else set(names)
        in_folders = self._in_folders(template)
        names = [_called(s, in_folders) for s in samples]
        pictures = {images[i] for i in range(len(images))}
        found, stray = find_layers(self.root, template, self.coding.layers, known, pictures, in_folders)
        if not found:
            return None
        if self.coding.by_order:
            found = {n: found[of] for n, of in self._in_order(names, list(found), template).items()}
        notes += layer_notes(template, names, found, stray)
        return [found.get(name, []) for name in names]

    def _in_folders(self, labels: str) -> bool:
        """Whether * is a folder in the templates of images and labels: the same one, so that it tells samples apart."""
        return all(re.search(r"(^|/)\*/", template) is not None for template in (self.layout.images, labels))

    def _in_order(self, names: Sequence[str], labels: Sequence[str], template: str) -> dict[str, str]:
        """The label's name of each sample's name, both sorted by the numbers in them."""
        if len(names) != len(labels):
            what = f"pair = 'order', but there are {len(names)} images and {len(labels)} names of labels"
            fix = "pair them by {name} or {number}, or remove what has no partner"
            raise FormatError(what, code="bad-pairing", where=self.root / template, fix=fix)
        return dict(zip(sorted(names, key=natural), sorted(labels, key=natural), strict=True))

    def _paths(self, template: str | None, split: str, samples: Sequence[Match]) -> PathRule | Sequence[str] | None:
        """The samples' files by this template, or None if the split has none, such as the labels of a test split."""
        filled = fill(template or "", split=split, star="*")
        if template is None or first(self.root, filled) is None:
            return None
        if self.coding.by_order:
            found = {m.name: m.path for m in matches(self.root, filled)}
            order = self._in_order([s.name for s in samples], list(found), filled)
            return [found[order[s.name]] for s in samples]
        names = [s.name for s in samples]
        if (exact := rule(filled)) is not None:
            return PathRule(names, exact)
        if "{ext}" in filled or "{number}" in filled:
            in_folders = self._in_folders(filled)
            return _by_name(self.root, filled, [_called(s, in_folders) for s in samples], in_folders)
        patterns = (rule(fill(template, split=split, star=s.star)) or "{}" for s in samples)
        return [p.replace("{}", s.name) for p, s in zip(patterns, samples, strict=True)]


def plain_split(name: str, others: Iterable[str]) -> str:
    """The usual name of a split, unless another split has it."""
    plain = _word(name)
    return plain if [_word(o) for o in others].count(plain) == 1 else name


def _names_alone(data: bytes) -> bytes:
    """A list without what follows the name in each line, and without comments."""
    lines = (line.split(b"#", 1)[0].split() for line in data.splitlines())
    return b"\n".join(words[0] if words else b"" for words in lines)


def _word(name: str) -> str:
    found = _NUMBERED.fullmatch(name.lower())
    word = found[1] if found else name.lower()
    return _PLAIN.get(word, word)


def _called(of: Match, in_folders: bool) -> str:
    """What tells a sample apart: its name, after the folder that * stands for if there are several."""
    return f"{of.star}/{of.name}" if in_folders else of.name


def _by_name(root: Path, template: str, names: Sequence[str], in_folders: bool = False) -> list[str]:
    """The path of each name's file; if there is none, the path that it would have, for the message."""
    found = {_called(m, in_folders): m.path for m in matches(root, template)}
    usual = next(iter(found.values()), "x.png").rpartition(".")[2]

    def missing(name: str) -> str:
        path = template.replace("{ext}", usual)
        if in_folders:
            folder, name = name.split("/", 1)
            path = path.replace("*", folder, 1)
        for placeholder in SAMPLE_FIELDS:
            path = path.replace(placeholder, name)
        return path

    return [found.get(n) or missing(n) for n in names]


def _relative(root: Path, listed: SplitList) -> SplitList:
    """A two-column list whose paths begin elsewhere (`/SegNet/CamVid/train/...`), made relative to the dataset."""
    if not listed.images or not listed.labels:
        return listed
    parts = listed.images[0].split("/")
    skip = next((k for k in range(len(parts)) if os.path.exists(root / Path(*parts[k:]))), 0)
    images, labels = (["/".join(p.split("/")[skip:]) for p in paths] for paths in (listed.images, listed.labels))
    return SplitList(listed.names, listed.lines, images, labels)


def with_or_without_splits(
    images: str, labels: str, kind: str, classes: ClassTable | str, names: str, common: bool = False
) -> list[Layout]:
    """Two layouts with the one coding `kind`: with these templates, and without {split}/ for a single folder."""
    templates = ((images, labels), (images.replace("{split}/", ""), labels.replace("{split}/", "")))
    return [Layout(i, {kind: Coding(la, classes)}, names=names, common=common) for i, la in templates]


def laid_out(name: str, looks_like: str, *layouts: Layout) -> Format:
    """The format whose files are found in one of these layouts."""
    return Format(name, looks_like, partial(_find, layouts), partial(_load, name, looks_like, layouts))


def _fitting(layouts: Sequence[Layout], root: Path) -> Layout | None:
    return next((layout for layout in layouts if layout.fits(root)), None)


def _find(layouts: Sequence[Layout], path: Path) -> Path | None:
    return path if path.is_dir() and _fitting(layouts, path) is not None else None


def _load(
    name: str, looks_like: str, layouts: Sequence[Layout], root: Path, *, labels: str | None = None,
    classes: ClassTable | None = None,
) -> Dataset:  # fmt: skip
    """labels: one of the codings, by default the first that is found. classes: instead of the format's class table."""
    layout = next((la for la in layouts if labels in la.codings and la.fits(root)), None) or _fitting(layouts, root)
    if layout is None:
        raise FormatError(f"not {looks_like}", code="no-dataset", where=root)
    coding = layout.codings.get(labels or layout.coding(root) or "")
    if coding is None:
        return load(root, name, layout, labels=labels)  # raises
    by_values = coding.decoding.channels is not None
    in_colors = not by_values and (coding.channels == 3 or are_colors(layout.some_labels(root, coding)))
    notes: tuple[Finding, ...] = ()
    if classes is not None:
        table = by_color(classes) if in_colors and classes.values is None else classes
    elif coding.beside:
        table, notes = name_classes(root, name, coding.table(root), in_colors)
    else:
        table = by_color(coding.table(root)) if in_colors else coding.table(root)
    if layout.common and classes is None and not any(note.code == "class-file" for note in notes):
        what = f"the class names are those of {name}, which the names of folders and files alone suggest"
        fix = "if these are other data, name their classes: class_names.txt here, a pixelwise.toml, or classes="
        notes = (*notes, Finding("assumed-names", "note", str(root), what, fix))
    return replace(load(root, name, layout, labels=labels, classes=table), notes=notes)
