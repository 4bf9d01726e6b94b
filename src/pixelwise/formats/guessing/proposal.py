"""A first pixelwise.toml for a tree that has none: what was chosen and why, and every value of the labels, counted."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ...codecs.decoding import read_header
from ...dataset.lists import parse_list
from ...errors import DataError, FormatError, ListError, PixelwiseError
from ...files.reading import read_bytes
from ...types import Progress
from ..class_files import Named, classes_beside
from ..paths import SAMPLE_FIELDS, Match, matches, visible
from ..toml import comment, text_of
from .classes import class_lines, layer_lines
from .content import look
from .counting import (
    MOST_COLORS,
    LayerCounts,
    Values,
    by_channel,
    channel_of_classes,
    count_labels,
    count_layers,
    value_span,
)
from .inventory import MOST_FILES, role_of
from .matching import ImageSet, Key
from .pairing import LabelSet, TreeReading, TreeSurvey, survey

_IMAGES_FOR_RANGE: Final = 64
"""How many images are read for the range of their values."""


@dataclass(slots=True)
class Proposal:
    """A description of a tree. text: of the pixelwise.toml. report: what was chosen and why, a line each. doubts: what
    a person has to confirm. reading: the images and labels that were chosen.
    """

    text: str
    reading: TreeReading
    report: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def propose(
    root: Path, images: str | None = None, labels: str | None = None, threads: int | None = None,
    progress: Progress | None = None,
) -> Proposal:  # fmt: skip
    """A description of the tree at `root`, whose every stored value, color or layer was counted over all labels.

    images, labels: path templates, if the files cannot be found by their names. Raises FormatError `no-dataset` if no
    images with labels are found, with what is there, `no-labels`.
    """
    found = survey(root, MOST_FILES)
    reading = chosen(found, images, labels)
    return describe(found, reading, threads, progress, divide=True)


def chosen(found: TreeSurvey, images: str | None = None, labels: str | None = None) -> TreeReading:
    """The best reading, or that of the given templates. FormatError `no-dataset`."""
    if images and labels:
        return given(found, images, labels)
    if not found.readings:
        raise nothing(found)
    return found.readings[0]


def given(found: TreeSurvey, images: str, labels: str) -> TreeReading:
    """The reading of two templates. FormatError `no-dataset` for one that no file matches."""
    for template in (images, labels):
        if not any(f in template for f in SAMPLE_FIELDS):
            raise FormatError(f"no {{name}} in {template!r}", code="bad-template", where=found.root,
                              fix="a template is a path below the folder, with {name}: 'masks/{name}.png'")  # fmt: skip
    folders = all(re.search(r"(^|/)\*/", template) is not None for template in (images, labels))
    paths: dict[Key, str] = {(_set_of(m, folders), m.name): m.path for m in matches(found.root, images)}
    files: dict[Key, list[str]] = defaultdict(list)
    texts = set()
    own = set(paths.values())
    for m in matches(found.root, labels, names={n for _, n in paths}):
        splits = [_set_of(m, folders)]
        if "{split}" in images and "{split}" not in labels:
            splits = [s for s, n in paths if n == m.name and s.partition("/")[2] == splits[0].partition("/")[2]] or [""]
        elif "{split}" not in images:
            splits = [_set_of(m._replace(split=""), folders)]
        for split in [] if m.path in own else splits:
            files[split, m.name].append(m.path)
        texts.add(m.layer)
    for template, there in ((images, paths), (labels, files)):
        if not there:
            raise FormatError(f"no file matches {template!r}", code="no-dataset", where=found.root,
                              fix=f"there is {_there(found)}; a template is a path below the folder, with {{name}}: "
                              "'masks/{name}.png'")  # fmt: skip
    if not any(key in paths for key in files):
        first = f"such as {min(paths)[1]!r} and {min(files)[1]!r}"
        raise FormatError(f"no image of {images!r} has a label of {labels!r}: no name is the same, {first}",
                          code="no-dataset", where=found.root, fix="{name} must be the same text in both")  # fmt: skip
    layered = "{class}" in labels or "{object}" in labels
    seen = found.look(next(iter(files.values()))[0])
    return TreeReading(
        ImageSet(images, paths), LabelSet(labels, dict(files), layered, tuple(sorted(texts - {""}))), 0, seen
    )


def _set_of(of: Match, folders: bool) -> str:
    """The split of a file; if * stands for a folder in both templates, with that behind it, as in a Key."""
    return f"{of.split}/{of.star}" if folders else of.split


def nothing(found: TreeSurvey) -> FormatError:
    """The error of a tree without a reading: the nearest miss, what is there, what to do."""
    fix = "say where they are: pixelwise init FOLDER --images 'photos/{name}.jpg' --labels 'masks/{name}.png'"
    if found.problems:
        near = found.problems[0]
        code = "too-large" if near.look.what == "too-large" else "no-dataset"
        names = f"{near.pairs} name{'s' * (near.pairs != 1)}"
        what = f"{near.images.template} and {near.labels.template} have {names} in common (such as "
        what += f"{near.example}), but the labels cannot be read: {near.problem}"
        fix = near.look.fix or f"restore the labels from their source; {fix}"
        return FormatError(what, code=code, where=found.root, fix=fix)
    what = "no images and labels with matching names found"
    return FormatError(f"{what}; there is {_there(found)}", code="no-dataset", where=found.root, fix=fix)


def _there(found: TreeSurvey) -> str:
    groups = [g for g in found.groups if not g.deep]
    listed = [f"{g.shown} ({len(g.entries):,})" for g in sorted(groups, key=lambda g: -len(g.entries))[:6]]
    more = f" and {len(groups) - 6} more groups" if len(groups) > 6 else ""
    return (", ".join(listed) + more) or "no image file"


# -- the text -----------------------------------------------------------------------------------------------


def describe(
    found: TreeSurvey, reading: TreeReading, threads: int | None = None, progress: Progress | None = None, *,
    divide: bool, most: int | None = None,
) -> Proposal:  # fmt: skip
    """The description of a reading. divide: whether one split is divided by ratios if nothing else makes splits. most:
    of how many samples the labels are read, by default all.
    """
    root, made = found.root, Proposal("", reading)
    keys = sorted(reading.labels.files)
    if most is not None and len(keys) > most:
        made.report.append(f"values counted in {most:,} of {len(keys):,} labels; `pixelwise init` counts all")
        keys = [keys[k * len(keys) // most] for k in range(most)]
    unlabeled = _unlabeled(reading)
    images = {k: p for k, p in reading.images.paths.items() if k[0].partition("/")[0] not in unlabeled}
    missing = sum(key not in reading.labels.files for key in images) if not reading.by_order else 0
    label_lines = ["[labels]", f"path = {text_of(reading.labels.template)}"]
    if reading.labels.layers:
        layers = count_layers(root, reading, keys, threads, progress)
        label_lines += _layer_keys(reading, layers, made)
        classes, counted, failed = layer_lines(reading, layers), layers.images, layers.failed
    else:
        named = _names_beside(root, reading, made)
        seen = count_labels(root, sorted({p for key in keys for p in reading.labels.files[key]}), threads, progress)
        seen, lines = _value_keys(root, reading, seen, made)
        label_lines += lines
        if not any(line.startswith("instances") for line in lines):
            label_lines += _instance_lines(found, reading)
        classes, counted, failed = class_lines(seen, named, made.doubts), seen.files, seen.failed
    label_lines += _scale_line(root, reading)
    if reading.by_order:
        label_lines.append('pair = "order"  # ASSUMED: the names agree in nothing; compare some before you train')
        made.doubts.append(f"{reading.images.template} and {reading.labels.template} agree in their order only")
    made.report = [*_report(found, reading, missing), *made.report, *(f"not read: {f}" for f in failed[:5])]
    lines = [
        "# Written by `pixelwise init`: what the files are and every value of the labels, counted. Name the classes,",
        "# say which values are void, and check the splits. All keys: docs/formats.md.",
        f"# {len(reading.images.paths):,} images, {reading.pairs:,} with a label; {counted:,} labels read.",
        *map(comment, made.report),
        "",
        "[images]",
        f"path = {text_of(reading.images.template)}",
        *_image_lines(root, sorted(reading.images.paths.values()), made),
        "",
        *label_lines,
        "",
        *_split_lines(root, reading, unlabeled, divide),
        *classes,
    ]
    made.text = "\n".join(lines) + "\n"
    return made


def _names_beside(root: Path, reading: TreeReading, made: Proposal) -> Named | None:
    """What a file beside the data, or in the folder of the labels or images, calls the classes."""
    folders = [_fixed_folder(t) for t in (reading.labels.template, reading.images.template)]
    named = classes_beside(root, also=[root / f for above in folders for f in (above, above.rpartition("/")[0])])
    if named is not None:
        made.report.append(f"class names from {named.path.relative_to(root).as_posix()}")
        made.report += [str(note) for note in named.notes]
    return named


def _fixed_folder(template: str) -> str:
    """The folder of a template up to its first field."""
    return re.split(r"[{*]", template)[0].rpartition("/")[0]


def _unlabeled(reading: TreeReading) -> list[str]:
    """The splits without any label."""
    splits, labeled = ({s.partition("/")[0] for s, _ in k} for k in (reading.images.paths, reading.labels.files))
    return sorted(splits - labeled) if "{split}" in reading.images.template else []


def _scale_line(root: Path, reading: TreeReading) -> list[str]:
    """`scale`, if the first image is larger than its label by a whole factor."""
    images = reading.images.paths
    pairs = [(images[key], files[0]) for key, files in sorted(reading.labels.files.items()) if key in images]
    try:
        image, label = (read_header(root / p) for p in pairs[0])
    except (PixelwiseError, IndexError):
        return []
    factor = image.height // max(1, label.height)
    if factor < 2 or (image.height, image.width) != (factor * label.height, factor * label.width):
        return []
    return [f"scale = {factor}  # a pixel of a label stands for {factor} x {factor} pixels of its image"]


def _layer_keys(reading: TreeReading, layers: LayerCounts, made: Proposal) -> list[str]:
    out = []
    if uncommon := sorted(layers.kinds - {"png"}):
        out.append(f"kinds = {text_of(uncommon)}")
    out.append('rest = "background"  # the class of pixels in no layer')
    what = f"{layers.twice:,} pixels are in layers of several classes"
    out.append(f'overlap = "last"  # {what}; the class listed last is on top. Or "first", "void", "error"')
    made.report.append(f"layers: {what}; there the class listed last is used, and background where no layer is")
    return out


def _value_keys(root: Path, reading: TreeReading, seen: Values, made: Proposal) -> tuple[Values, list[str]]:
    out = []
    if uncommon := sorted(seen.kinds - {"png"}):
        out.append(f"kinds = {text_of(uncommon)}")
    channel = channel_of_classes(seen)
    if channel is not None:
        name, objects, why = channel
        out.append(f"channel = {text_of(name)}  {comment(why)}")
        if objects is not None:
            out += ["# the other channels number objects:", f"instances = {text_of(reading.labels.template)}",
                    f"instance_channel = {text_of(objects)}"]  # fmt: skip
            if not seen.wide:  # colors of classes have 8 bits
                made.doubts.append(f"the labels are colors of classes, or a class in channel {name}: {why}")
        seen = by_channel(seen, name)
    elif seen.mode == "colors" and len(seen.pixels) > MOST_COLORS:
        what = f"more than {MOST_COLORS} different colors in {seen.files} labels"
        fix = "these are pictures, or labels that were resized or compressed"
        raise FormatError(what, code="no-labels", where=root, fix=fix)
    elif seen.wide:
        what, fix = "colors with 16 bits per channel", "say which channel is the class: channel = 'R' in pixelwise.toml"
        raise FormatError(f"the labels hold {what}", code="no-labels", where=root, fix=fix)
    if any(len(colors) > 1 for colors in seen.palettes.values()):
        out.append('palette = "ignore"  # the palettes differ from file to file')
    return seen, out


def _instance_lines(found: TreeSurvey, reading: TreeReading) -> list[str]:
    """`instances`, if objects are numbered in files of their own."""
    others = [r for r in found.readings if r is not reading and role_of(r.labels.template) == "instances"
              and r.images.template == reading.images.template and not r.labels.layers]  # fmt: skip
    if not others:
        return []
    other = others[0]
    out = [f"instances = {text_of(other.labels.template)}"]
    if other.look.mode == "colors":
        out.append('instance_channel = "R + G * 256 + B * 65536"')
    return out


def _image_lines(root: Path, paths: Sequence[str], made: Proposal) -> list[str]:
    try:
        header = read_header(root / paths[0])
    except (PixelwiseError, IndexError):
        return []
    out = []
    if header.bits > 8:
        out += _range_line(root, paths, header.bits, made)
    if header.kind == "tiff" and (header.channels > 3 or header.channels == 2):
        what = f"{header.channels} bands, {min(3, header.channels)} read"
        out.append(f"# bands = [0, 1, 2]  # of {header.channels}: which are red, green and blue, counted from 0")
        made.report.append(f"the images have {what}; choose with bands = [...]")
    return out


def _range_line(root: Path, paths: Sequence[str], bits: int, made: Proposal) -> list[str]:
    step = max(1, len(paths) // _IMAGES_FOR_RANGE)
    some = paths[::step][:_IMAGES_FOR_RANGE]
    span = value_span(root, some)
    if span is None:
        return [f"# value_range = [0, {2**bits - 1}]  # {bits} bits: say which values are black and white"]
    low, high = span
    seen = f"values {low:g}..{high:g} in {len(some)} of {len(paths)} images"
    if low < 0 or high != int(high) or high > 65_535:
        made.doubts.append(f"which values of the images are black and white: {seen}")
        white = high if high > low else low + 1
        return [f"value_range = [{low:g}, {white:g}]  # {seen}: say which are black and white"]
    most = 2 ** max(8, int(high).bit_length()) - 1
    if most == 65_535 and bits == 16:
        return [] if not paths[0].lower().endswith((".tif", ".tiff")) else [f"value_range = [0, 65535]  # {seen}"]
    made.report.append(f"{bits} bits per sample, {seen}: {most} is white")
    return [f"value_range = [0, {most}]  # {seen}: what is black, what is white"]


# -- splits -------------------------------------------------------------------------------------------------


def _split_lines(root: Path, reading: TreeReading, unlabeled: Sequence[str], divide: bool) -> list[str]:
    if "{split}" in reading.images.template:
        return ["[splits]", f"unlabeled = {text_of(list(unlabeled))}", ""] if unlabeled else []
    names = _sample_names(reading)
    lists = defaultdict(list)
    for path in visible(root, "**/*.txt")[:200]:
        try:
            listed = parse_list(read_bytes(path), path)
        except (DataError, ListError):
            continue
        if listed.names and sum(n in names for n in listed.names) > len(listed.names) // 2:
            lists[path.with_stem("{split}").relative_to(root).as_posix()].append(path.stem)
    if lists:
        template, stems = max(lists.items(), key=lambda item: len(item[1]))
        return ["[splits]", f"lists = {text_of(template)}  {comment(', '.join(stems))}", ""]
    if not divide:
        return []
    return ["[splits]", "# no lists found: ratios divide the samples by a seed; delete this for one split, `all`",
            "ratios = {train = 0.8, val = 0.2}", "seed = 0", *_group_line(sorted(names)), ""]  # fmt: skip


def _sample_names(reading: TreeReading) -> set[str]:
    """The names that samples get: those of several folders have the folder's in front if they are not unique."""
    keys = list(reading.images.paths)
    names = {name for _, name in keys}
    return names if len(names) == len(keys) else {f"{s.partition('/')[2]}/{n}" if "/" in s else n for s, n in keys}


def _group_line(names: Sequence[str]) -> list[str]:
    """`group`, if the names are those of frames or slices: few beginnings, each with many names."""
    for pattern in ("^.*/", "^.*[_. -]", "^[^0-9]+"):
        begins = {found[0] for n in names if (found := re.match(pattern, n))}
        if len(names) >= 8 and 2 <= len(begins) <= len(names) // 4 and all(re.match(pattern, n) for n in names):
            what = f"{len(begins)} beginnings of names, such as {min(begins)}: frames of a film belong into one split"
            return [f"# group = {text_of(pattern)}  {comment(what)}"]
    return []


# -- why ----------------------------------------------------------------------------------------------------


def _report(found: TreeSurvey, reading: TreeReading, missing: int) -> list[str]:
    """What was chosen, what else would fit, and what was left out."""
    out = [f"chosen: {reading}"]
    if missing:
        out.append(f"{missing:,} images have no label")
    if reading.strays:
        out.append(f"{reading.strays:,} label files have no image")
    for other in found.readings[:8]:
        if other is not reading and role_of(other.labels.template) == "instances":
            out.append(
                f"also there: {other.labels.template} ({other.pairs} pairs), by its name the objects: `instances`"
            )
        elif other is not reading:
            out.append(f"also fits: {other}")
    for other in found.problems[:8]:
        out.append(f"fits by name, cannot be read: {other}: {other.problem}")
    used = {*reading.images.paths.values(), *(p for files in reading.labels.files.values() for p in files)}
    told = {p for r in [*found.readings[:8], *found.problems[:8]] for files in r.labels.files.values() for p in files}
    for group in (g for g in found.groups if not g.deep and "*/" not in g.before):
        left = [e.path for e in group.entries if e.path not in used and e.path not in told]
        if left:
            by_name = {"other": "by its name not a label", "instances": "by its name objects"}
            kind, seen = by_name.get(role_of(group.shown), ""), look(found.root, left[0])
            why = kind or ("pictures" if seen.what == "picture" else seen.reason or "no image has these names")
            out.append(f"left out: {group.shown} ({len(left):,} files, such as {left[0]}): {why}")
    return out
