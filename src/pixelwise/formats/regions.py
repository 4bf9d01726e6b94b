"""Annotations of labeling tools: images that a file states, with regions of named classes, as a split.

A tool's page reads its file into `Annotated`s; what follows is the same for all: where the images are, the class table,
the drawing. A bad region is a fault of its image, and every other image is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ..classes import ClassTable, Color, usual_void
from ..dataset.lists import LineOf
from ..dataset.sources import FileSource
from ..dataset.splits import Split
from ..errors import FileError, LabelError, MissingError, PixelwiseError
from ..files.reading import parse_json, read_bytes, read_head
from ..labels import check_pair
from ..types import Finding, Label, Size
from .class_files import classes_beside
from .class_tables import rgb
from .forms import Form
from .layers import same_shape
from .paths import leads_out, matches
from .rasterize import DrawnFrom, DrawnSource, LabelCanvas
from .stated import no_regions, place_of, plain, raise_first, shortened, without_parts, without_region

_MOST = 65_535
"""Objects of one image: their numbers are uint16."""


class Region(NamedTuple):
    """A region of the class `label`. order: of drawing, the lowest first, equal ones as they come. number: its object,
    or None for one of its own.
    """

    label: str
    form: Form
    where: str
    order: float = 0.0
    number: int | None = None


@dataclass(slots=True)
class Annotated:
    """An image as a file of annotations states it. name: the sample's, by default by its path. without: what is
    annotated without being a region, in words. relative: whether coordinates are parts of the width and height, so that
    an image that was scaled since still fits.
    """

    image: str
    where: str
    size: Size | None = None
    regions: list[Region] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    faults: list[PixelwiseError] = field(default_factory=list)
    name: str = ""
    relative: bool = False

    def add(self, read: Callable[[str], Region | None], what: str) -> None:
        """Read a region. read(where): it, or None if `what` is not one; what it raises is a fault of this image."""
        where = f"{self.where[:-1]}, {what})" if self.where.endswith(")") else f"{self.where} ({what})"
        try:
            if len(self.regions) >= _MOST:
                raise LabelError(f"more than {_MOST} regions in one image", code="bad-json", where=where)
            region = read(where)
        except PixelwiseError as error:
            self.faults.append(error)
            return
        if region is None:
            self.without.append(what)
        else:
            self.regions.append(region)


class RegionClasses(NamedTuple):
    """A class table, and the id of what no region covers."""

    table: ClassTable
    background: int


def classes_of(names: Sequence[str], colors: Sequence[Color] = ()) -> RegionClasses:
    """The classes of these names, and of background, which is the first unless it is one of them."""
    at = next((k for k, name in enumerate(names) if is_background(name)), None)
    if at is None:
        names, colors, at = ("background", *names), ((0, 0, 0), *colors) if colors else (), 0
    return RegionClasses(ClassTable(tuple(names), rgb(colors), usual_void(len(names))), at)


def classes_in(root: Path, entries: Iterable[Annotated]) -> RegionClasses:
    """The classes of a file of names beside the data, else all that occur, sorted: files that state none."""
    named = classes_beside(root)
    if named is not None:
        return classes_of(named.table.names)
    return classes_of(sorted({r.label for entry in entries for r in entry.regions}))


def is_background(name: str) -> bool:
    """Whether a class is what no region covers."""
    return name.strip("_").casefold() == "background"


def read_json(path: Path, tool: str) -> Any:
    """The content of a JSON of a tool. Raises as `read_bytes`, FormatError `bad-json`."""
    return parse_json(read_bytes(path), path, f"a JSON of {tool}", "export it again")


def some_files(root: Path, folder: str, ending: str, most: int = 8) -> list[Path]:
    """The first files with this ending in a folder below `root`, or in `root` itself if that is "".

    For recognition: a folder of a hundred thousand images is listed once for all formats.
    """
    prefix = f"{folder}/" if folder else ""
    return [root / m.path for m in islice(matches(root, f"{prefix}{{name}}.{ending}"), most)]


def head_of(path: Path, most: int = 1 << 14) -> bytes:
    """The first bytes of a file; nothing of a folder or a pipe, which is not a file of annotations."""
    try:
        return read_head(path, most)
    except FileError:
        return b""


# -- images -------------------------------------------------------------------------------------------------------


def find_images(
    root: Path, stated: Sequence[str], folders: Sequence[str], path: Path, chosen: str | None
) -> tuple[list[str], tuple[Finding, ...]]:
    """The path of each stated image relative to the root, and the note that leading parts are left out.

    folders: where they may be. chosen: the folder that the caller names. MissingError if none of them is there.
    """
    if not stated:
        return [], ()
    places = [chosen] if chosen is not None else folders
    found = place_of(root, places, stated)
    if found is None:
        what = f"the images are not in {' or '.join(places) or 'any usual folder'}: looked for {stated[0]}"
        raise MissingError(what, code="missing-file", where=path, fix="choose their folder with images=...")
    folder, skip = found
    prefix = "" if folder == "." else f"{folder}/"
    return [prefix + without_parts(s, skip) for s in stated], shortened(stated, skip, path)


def names_of(stated: Sequence[str]) -> list[str]:
    """The samples' names: the stated paths without their endings, unless these tell them apart."""
    paths = [plain(s).lstrip("/") for s in stated]
    names = [str(PurePosixPath(p).with_suffix("")) for p in paths]
    return names if len(set(names)) == len(names) else paths


def once(entries: Sequence[Annotated]) -> tuple[list[Annotated], list[Finding]]:
    """The entries that name an image which no earlier one has, and an error for each of the others."""
    seen: set[str] = set()
    good: list[Annotated] = []
    notes = []
    for entry in entries:
        image = plain(entry.image).lstrip("/")
        if not image.strip(". ") or "\0" in image or leads_out(image):
            code, what = "unknown-image", f"names no image of the dataset, but {entry.image!r:.80}"
        elif image in seen:
            code, what = "duplicate-id", f"the image {image} is stated twice"
        else:
            seen.add(image)
            good.append(entry)
            continue
        fix = "it is left out; correct it, or export it again"
        notes.append(Finding(code, "error", entry.where, what, fix))
    return good, notes


def path_text(value: Any) -> str:
    """A stated path, or "" for what is not text: an entry of which `once` says that it names no image."""
    return value if isinstance(value, str) else ""


# -- splits -------------------------------------------------------------------------------------------------------


def annotated_split(
    root: Path, name: str, entries: Sequence[Annotated], classes: RegionClasses, folders: Sequence[str], path: Path,
    chosen: str | None = None,
) -> Split:  # fmt: skip
    """The split of the images that the file at `path` annotates. LabelError `no-regions` if nothing is drawn."""
    entries, notes = once(entries)
    if entries and not any(e.regions or e.faults for e in entries):
        others = [w for e in entries for w in e.without]
        what = f"{len(others)} annotations that are not regions, such as {others[0]}" if others else "no annotation"
        raise no_regions(len(entries), what, path)
    stated = [e.image for e in entries]
    paths, said = find_images(root, stated, [f for f in folders if (root / f).is_dir()], path, chosen)
    names = [e.name for e in entries]
    names = names if all(names) and len(set(names)) == len(names) else names_of(stated)
    files = FileSource(root, names, classes.table, paths, listed=LineOf(path))
    source = DrawnSource(files, partial(_draw_entry, entries, classes), DrawnFrom(common=[path]))
    return Split(name, classes.table, source, notes=(*notes, *said))


def _draw_entry(
    entries: Sequence[Annotated], classes: RegionClasses, index: int, size: Size, notes: list[Finding] | None
) -> tuple[Label, Label]:
    return draw_regions(entries[index], classes, size, notes)


def draw_regions(
    entry: Annotated, classes: RegionClasses, size: Size, notes: list[Finding] | None
) -> tuple[Label, Label]:
    """The label and the object numbers, 1, 2, ... in the order of the file. Raises the first fault of the image."""
    if entry.size is not None and not (entry.relative and same_shape(size, entry.size)):
        check_pair(size, entry.size, entry.where)
    canvas = LabelCanvas(size, classes.table, classes.background)
    errors, shapes = list(entry.faults), []
    ids = {name: k for k, name in enumerate(classes.table.names)}
    numbered = [(n if r.number is None else r.number, r) for n, r in enumerate(entry.regions, 1)]
    for number, region in sorted(numbered, key=lambda pair: pair[1].order):
        try:
            if region.label not in ids:
                what = f"{region.label!r:.80} is none of the {len(ids)} classes"
                fix = "add it to the classes, or correct the annotation"
                raise LabelError(what, code="unknown-class", where=region.where, fix=fix)
            shape = region.form.shape(size, ids[region.label], number, region.where)
            canvas.add(shape, notes)
            shapes.append(shape)
        except PixelwiseError as error:
            errors.append(error)
    raise_first(errors, notes)
    if notes is not None:
        canvas.covered(shapes, notes)
        notes += without_region(entry.without, entry.where)
    return canvas.label, canvas.instances
