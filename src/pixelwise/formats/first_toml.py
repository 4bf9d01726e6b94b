"""A first pixelwise.toml for a tree that has none: its files and label values, counted, for the owner to name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..classes import Color
from ..codecs.decoding import UNCOMMON_KINDS, decode_stored, read_header
from ..codecs.stored import Stored
from ..dataset.lists import parse_list
from ..errors import DataError, FormatError, ListError
from ..files import read_bytes
from ..labels import count_values
from ..threads import in_order
from ..types import Progress
from .find_pairs import Pairing, find_pairing, pairing_of
from .paths import Match, matches, split_names, visible
from .toml import comment, text_of

MOST_VALUES = 65_536
MOST_COLORS = 1024
"""Labels with more colors than this are pictures, or were blended."""


@dataclass(slots=True)
class LabelValues:
    """The stored values of the labels, or their colors as r | g << 8 | b << 16, with counts of pixels and files."""

    files: int = 0
    mode: str = ""
    kinds: set[str] = field(default_factory=set)
    pixels: Counter[int] = field(default_factory=Counter)
    where: Counter[int] = field(default_factory=Counter)
    palettes: dict[int, set[Color]] = field(default_factory=lambda: defaultdict(set))
    failed: list[str] = field(default_factory=list)

    def add(self, stored: Stored) -> None:
        """Count one label."""
        mode = "colors" if stored.pixels.ndim == 3 and stored.pixels.shape[2] >= 3 else "values"
        if self.mode not in ("", mode):
            raise FormatError("some labels hold colors, others values", code="mixed-labels")
        self.mode = mode
        self.files += 1
        self.kinds.add(stored.kind)
        pixels: Any = stored.pixels if stored.pixels.ndim == 2 or mode == "colors" else stored.pixels[..., 0]
        if mode == "colors":
            rgb = pixels[..., :3].astype(np.uint32)
            pixels = rgb[..., 0] | rgb[..., 1] << 8 | rgb[..., 2] << 16
        values, counts = count_values(pixels)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self.pixels[value] += count
            self.where[value] += 1
            if stored.palette is not None and value < len(stored.palette):
                r, g, b = stored.palette[value].tolist()
                self.palettes[value].add((r, g, b))
        most = MOST_COLORS if mode == "colors" else MOST_VALUES
        if len(self.pixels) > most:
            raise FormatError(f"more than {most} different {mode} in {self.files} labels", code="no-labels",
                              fix="these are pictures, or labels that were resized or compressed")  # fmt: skip


def propose(
    root: Path, images: str | None = None, labels: str | None = None, threads: int | None = None,
    progress: Progress | None = None,
) -> str:  # fmt: skip
    """The text of a pixelwise.toml for the tree at `root`: every stored value or color, counted over all labels.

    images, labels: path templates, if the files cannot be found by their names. Raises FormatError `no-dataset` if no
    images with labels are found, `mixed-labels`, `no-labels`.
    """
    pairing = pairing_of(root, images, labels) if images and labels else find_pairing(root)
    if pairing is None:
        fix = "say where they are, such as --images 'photos/{name}.jpg' --labels 'masks/{name}.png'"
        raise FormatError("no images and labels with matching names found", code="no-dataset", where=root, fix=fix)
    paths = [m.path for m in matches(root, pairing.labels)]
    if not paths:
        raise FormatError(f"no file matches {pairing.labels!r}", code="no-dataset", where=root,
                          fix="a template is a path below the folder, with {name}: 'masks/{name}.png'")  # fmt: skip
    seen = LabelValues()

    for n, stored in enumerate(in_order(partial(_read, root), paths, threads), 1):
        if isinstance(stored, str):
            seen.failed.append(stored)
        else:
            seen.add(stored)
        if progress is not None:
            progress(n, len(paths))
    if not seen.files:
        raise FormatError(f"none of {len(paths)} labels can be read: {seen.failed[0]}", code="no-dataset", where=root)
    return _text(root, pairing, seen)


def _read(root: Path, path: str) -> Stored | str:
    try:
        return decode_stored(read_bytes(root / path), root / path, allow=UNCOMMON_KINDS)
    except DataError as error:
        return str(error)


def _text(root: Path, pairing: Pairing, seen: LabelValues) -> str:
    splits = set(split_names(root, pairing.labels))
    images = [m for m in matches(root, pairing.images) if not m.split or m.split in splits]
    agreed = all(len(colors) == 1 for colors in seen.palettes.values())
    lines = [
        "# Written by `pixelwise init`: what the files are and every value of the labels, counted. Name the classes,",
        "# say which values are void, and check the splits. All keys: docs/formats.md.",
        f"# {len(images):,} images, {pairing.pairs:,} with a label; {seen.files:,} labels read.",
        *(comment(f"not read: {f}") for f in seen.failed[:5]),
        "",
        "[images]",
        f"path = {text_of(pairing.images)}",
        *_image_lines(root, images),
        "",
        "[labels]",
        f"path = {text_of(pairing.labels)}",
    ]
    if uncommon := sorted(seen.kinds - {"png"}):
        lines.append(f"kinds = {text_of(uncommon)}")
    if seen.palettes and not agreed:
        lines.append('palette = "ignore"  # the palettes differ from file to file')
    lines += ["", *_split_lines(root, pairing, images), *_class_lines(seen, agreed)]
    return "\n".join(lines) + "\n"


def _image_lines(root: Path, images: Sequence[Match]) -> list[str]:
    try:
        header = read_header(root / images[0].path)
    except (DataError, IndexError):
        return []
    out = []
    if header.bits > 8:
        most = 2**header.bits - 1
        out.append(f"# value_range = [0, {most}]  # {header.bits} bits: say which values are black and white")
    if header.channels > 4 or header.channels == 2:
        out.append(f"# bands = [0, 1, 2]  # of {header.channels}: say which are red, green and blue")
    return out


def _split_lines(root: Path, pairing: Pairing, images: Sequence[Match]) -> list[str]:
    if "{split}" in pairing.images:
        return []
    names = {m.name for m in images}
    lists = defaultdict(list)
    for path in visible(root, "**/*.txt")[:200]:
        try:
            listed = parse_list(read_bytes(path), path)
        except (DataError, ListError):
            continue
        if sum(n in names for n in listed.names) > len(listed.names) // 2:
            lists[path.with_stem("{split}").relative_to(root).as_posix()].append(path.stem)
    if lists:
        template, stems = max(lists.items(), key=lambda item: len(item[1]))
        return ["[splits]", f"lists = {text_of(template)}  {comment(', '.join(stems))}", ""]
    return ["[splits]", "# no lists found: ratios divide the samples by a seed; delete this for one split, `all`",
            "ratios = {train = 0.8, val = 0.2}", "seed = 0", ""]  # fmt: skip


def _class_lines(seen: LabelValues, agreed: bool) -> list[str]:
    total = sum(seen.pixels.values())
    values = sorted(seen.pixels)
    void = 255 if seen.mode == "values" and 255 in values and len(values) > 2 else None
    lines = ["[classes]"]
    if len(values) - (void is not None) > 255:
        lines.append("ignore_index = 65535")
    if void is not None:
        lines.append(f"ignore_values = [{void}]  # {_share(seen, void, total)}; void in most datasets: is it here?")
    elif seen.mode == "values":
        lines.append("# ignore_values = [255]  # values without a class")
    else:
        lines.append("# ignore_colors = [[0, 0, 0]]  # colors without a class")
    for value in values:
        if value != void:
            lines += ["", "[[class]]", *_one(value, seen, agreed), f"# {_share(seen, value, total)}"]
    return lines


def _one(value: int, seen: LabelValues, agreed: bool) -> list[str]:
    if seen.mode == "colors":
        color = [value & 255, value >> 8 & 255, value >> 16]
        return [f"name = {text_of('color ' + ' '.join(map(str, color)))}", f"color = {text_of(color)}"]
    out = [f"name = {text_of(f'value {value}')}", f"values = [{value}]"]
    if agreed and seen.palettes.get(value):
        out.append(f"color = {text_of(list(next(iter(seen.palettes[value]))))}")
    return out


def _share(seen: LabelValues, value: int, total: int) -> str:
    share = 100 * seen.pixels[value] / total
    return f"{seen.pixels[value]:,} pixels ({share:.3g} %) in {seen.where[value]:,} of {seen.files:,} labels"
