"""Every value, color or layer of all labels, counted."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...classes import Color
from ...codecs.decoding import UNCOMMON_KINDS, decode_numbers, decode_stored
from ...errors import DataError, FormatError
from ...files.reading import read_bytes
from ...labels import count_values
from ...threads import in_order, with_progress
from ...types import Progress
from ..layers import inside_of
from ..paths import template_regex
from .matching import Key
from .pairing import TreeReading

MOST_VALUES: Final = 65_536
MOST_COLORS: Final = 1024
"""Labels with more colors than this are pictures, were blended, or hold numbers of objects in their channels."""
_PART: Final = 1 << 22
"""Pixels that are counted at a time: sorting all of a large label would take ten times its memory."""


class Share(NamedTuple):
    """What one label holds. counts: pixels of each value, or of each color as (r, g, b)."""

    kind: str
    mode: str
    bits: int
    counts: dict[Any, int]
    palette: dict[int, Color]
    nodata: float | None = None


@dataclass(slots=True)
class Values:
    """The values or colors of the labels, with counts of pixels and files.

    mode: "values", or "colors" for three channels; wide: they have 16 bits. one_bit: all of them are masks of one bit.
    channels: of red, green and blue, how many files have each value. nodata: what the files declare as no data.
    failed: why some cannot be read.
    """

    files: int = 0
    mode: str = ""
    wide: bool = False
    one_bit: bool = False
    kinds: set[str] = field(default_factory=set)
    pixels: Counter[Any] = field(default_factory=Counter)
    where: Counter[Any] = field(default_factory=Counter)
    channels: tuple[Counter[int], ...] = field(default_factory=lambda: (Counter(), Counter(), Counter()))
    palettes: dict[int, set[Color]] = field(default_factory=lambda: defaultdict(set))
    nodata: set[float] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)

    def add(self, share: Share) -> None:
        """Count one label."""
        self.files += 1
        self.kinds.add(share.kind)
        self.wide |= share.mode == "colors" and share.bits > 8
        self.one_bit = share.bits == 1 and (self.one_bit or self.files == 1)
        self.nodata |= set() if share.nodata is None else {share.nodata}
        for value, count in share.counts.items():
            self.pixels[value] += count
            self.where[value] += 1
        for value, color in share.palette.items():
            self.palettes[value].add(color)
        if share.mode == "colors":
            for k in range(3):
                self.channels[k].update({color[k] for color in share.counts})
        self.mode = share.mode


def count_labels(
    root: Path, paths: Sequence[str], threads: int | None = None, progress: Progress | None = None
) -> Values:  # fmt: skip
    """The values of all labels. FormatError `no-labels`, `no-dataset` if none can be read."""
    failed: list[str] = []
    parts: dict[str, Values] = defaultdict(Values)
    for share in with_progress(in_order(partial(_share, root), paths, threads), len(paths), progress):
        if isinstance(share, str):
            failed.append(share)
            continue
        parts[share.mode].add(share)
        most = MOST_COLORS * 64 if share.mode == "colors" else MOST_VALUES
        if len(parts[share.mode].pixels) > most:
            raise FormatError(f"more than {most} different {share.mode} in {parts[share.mode].files} labels",
                              code="no-labels", where=root,
                              fix="these are pictures, or labels that were resized or compressed")  # fmt: skip
    if not parts:
        what = f"none of {len(paths)} labels can be read: {failed[0] if failed else 'there are none'}"
        raise FormatError(what, code="no-dataset", where=root)
    if len(parts) == 1:
        (seen,) = parts.values()
    else:
        seen = _majority(parts["colors"], parts["values"], failed)
    seen.failed = failed
    return seen


def _majority(colors: Values, values: Values, failed: list[str]) -> Values:
    """What most labels hold, colors or values. If the others are not the same colors, `failed` says so."""
    if colors.files < values.files:
        failed.insert(0, f"labels that hold colors ({colors.files}), where most hold values ({values.files})")
        return values
    shown: dict[int, set[Color]] = {v: values.palettes[v] if values.palettes else {(v, v, v)} for v in values.pixels}
    if any(len(each) != 1 or not each <= colors.pixels.keys() for each in shown.values()):
        failed.insert(0, f"labels that hold values ({values.files}), where others hold colors ({colors.files})")
        return colors
    colors.files += values.files
    colors.kinds |= values.kinds
    for v, (color,) in shown.items():
        colors.pixels[color] += values.pixels[v]
        colors.where[color] += values.where[v]
    return colors


def _share(root: Path, path: str) -> Share | str:
    try:
        data = read_bytes(root / path)
        kind, numbers, stored = decode_numbers(data, root / path, allow=UNCOMMON_KINDS)
        nodata = _nodata(root / path) if kind == "tiff" else None
        if numbers.ndim == 3 and numbers.shape[2] >= 3:
            if numbers.shape[2] > 4 or numbers.dtype not in (np.uint8, np.uint16):
                return f"{path}: a label of {numbers.shape[2]} bands of {numbers.dtype}"
            return Share(kind, "colors", 8 * numbers.itemsize, _colors(numbers), {})
        if numbers.dtype not in (np.uint8, np.uint16):
            return Share(kind, "values", 8 * numbers.itemsize, _reals(numbers), {}, nodata)
        if stored is None:
            stored = decode_stored(data, root / path, allow=UNCOMMON_KINDS)  # which says what is wrong with them
        values, counts = (a.tolist() for a in count_values(numbers if numbers.ndim == 2 else numbers[..., 0]))
        colors = [] if stored.palette is None else stored.palette.tolist()
        palette = {v: (colors[v][0], colors[v][1], colors[v][2]) for v in values if v < len(colors)}
        return Share(kind, "values", stored.bits, dict(zip(values, counts, strict=True)), palette, nodata)
    except DataError as error:
        return str(error)


def _colors(pixels: NDArray[Any]) -> dict[Any, int]:
    def keys(rows: NDArray[Any]) -> NDArray[Any]:
        red, green, blue = (rows[..., k].astype(np.int64) for k in range(3))
        return red | green << 16 | blue << 32

    counted = _in_parts(pixels, keys, MOST_COLORS * 64)
    return {(k & 0xFFFF, k >> 16 & 0xFFFF, k >> 32): count for k, count in counted}


def _reals(pixels: NDArray[Any]) -> dict[Any, int]:
    return {_plain(v): count for v, count in _in_parts(pixels, lambda rows: rows, MOST_VALUES)}


def _in_parts(
    pixels: NDArray[Any], keys: Callable[[NDArray[Any]], NDArray[Any]], most: int
) -> list[tuple[Any, int]]:
    """The keys of all pixels, ascending, with their counts: as `numpy.unique` of them, some rows at a time. Where there
    are more than `most`, those that were found until then.
    """
    step = max(1, _PART // max(1, pixels[:1].size))
    found, counts = np.unique(keys(pixels[:step]), return_counts=True)
    for y in range(step, len(pixels), step):
        if len(found) > most:
            break
        more, of_more = np.unique(keys(pixels[y : y + step]), return_counts=True)
        found, place = np.unique(np.concatenate([found, more]), return_inverse=True)
        sums = np.zeros(len(found), np.int64)
        np.add.at(sums, place, np.concatenate([counts, of_more]))
        counts = sums
    return list(zip(found.tolist(), counts.tolist(), strict=True))


def _plain(value: float) -> float | int:
    return int(value) if value == value and abs(value) < 1e15 and value == int(value) else value


def _nodata(path: Path) -> float | None:
    """The value that a TIFF declares as no data (GDAL's tag 42113, https://gdal.org/drivers/raster/gtiff.html)."""
    from PIL.TiffImagePlugin import TiffImageFile

    try:
        with TiffImageFile(path) as image:  # Image.open would refuse a large one
            text = str(image.tag_v2.get(42113, "")).strip("\0 ")
        return _plain(float(text)) if text else None
    except Exception:  # Pillow's parsers raise whatever an odd file makes them raise; the pixels are read by ours
        return None


# -- layers -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class LayerCounts:
    """Of labels in layers. pixels, where: of each text of {class}, its pixels and in how many images it is.

    twice: pixels in layers of several classes; images: how many images have a layer; most: files per image.
    """

    pixels: Counter[str] = field(default_factory=Counter)
    where: Counter[str] = field(default_factory=Counter)
    total: int = 0
    twice: int = 0
    images: int = 0
    most: int = 0
    kinds: set[str] = field(default_factory=set)
    sizes: set[float] = field(default_factory=set)
    failed: list[str] = field(default_factory=list)


class _LayerShare(NamedTuple):
    pixels: dict[str, int]
    total: int
    twice: int
    files: int
    kinds: frozenset[str]
    size: tuple[int, int]
    failed: tuple[str, ...]


def count_layers(
    root: Path, reading: TreeReading, keys: Sequence[Key], threads: int | None = None, progress: Progress | None = None
) -> LayerCounts:  # fmt: skip
    """The layers of these images."""
    found = [(key[1], tuple(reading.labels.files[key])) for key in keys]
    rows = [(files, tuple(_class_text(reading, name, p) for p in files)) for name, files in found]
    out = LayerCounts()
    for share in with_progress(in_order(partial(_layer_share, root), rows, threads), len(rows), progress):
        out.failed += share.failed
        out.images += 1
        out.total += share.total
        out.twice += share.twice
        out.most = max(out.most, share.files)
        out.kinds |= share.kinds
        for text, count in share.pixels.items():
            out.pixels[text] += count
            out.where[text] += 1
    if len(out.failed) == sum(len(files) for files, _ in rows):
        raise FormatError(f"none of {len(rows)} labels can be read: {out.failed[0]}", code="no-dataset", where=root)
    return out


def _class_text(reading: TreeReading, name: str, path: str) -> str:
    """What {class} stands for in the path of a sample's label."""
    template, texts = reading.labels.template, reading.labels.texts
    found = [m for short in (True, False) if (m := template_regex(template, texts, short).fullmatch(path))]
    m = next((m for m in found if m["name"] == name), found[0] if found else None)
    return "" if m is None else m.groupdict().get("layer") or ""


def _layer_share(root: Path, row: tuple[tuple[str, ...], tuple[str, ...]]) -> _LayerShare:
    by_class: dict[str, Any] = {}
    kinds, failed = set(), []
    size = (0, 0)
    for path, text in zip(*row, strict=True):
        try:
            stored = decode_stored(read_bytes(root / path), root / path, allow=UNCOMMON_KINDS)
            inside = inside_of(stored, root / path)
        except DataError as error:
            failed.append(str(error))
            continue
        kinds.add(stored.kind)
        size = inside.shape[:2]
        known = by_class.get(text)
        if known is not None and known.shape != inside.shape:
            failed.append(f"{path}: its size {inside.shape} differs from that of the image's other layers")
            continue
        by_class[text] = inside if known is None else known | inside
    alike = [m for m in by_class.values() if m.shape == size]
    twice = int((np.sum(alike, axis=0) > 1).sum()) if len(alike) > 1 else 0
    pixels = {text: int(m.sum()) for text, m in by_class.items()}
    return _LayerShare(pixels, size[0] * size[1], twice, len(row[0]), frozenset(kinds), size, tuple(failed))


# -- images -------------------------------------------------------------------------------------------------


def value_span(root: Path, paths: Sequence[str]) -> tuple[float, float] | None:
    """The smallest and largest number in some image files of more than 8 bits; None if they cannot be read."""
    spans = []
    for path in paths:
        try:
            numbers = decode_numbers(read_bytes(root / path), root / path, allow=UNCOMMON_KINDS).pixels
        except DataError:
            continue
        finite = numbers[np.isfinite(numbers)] if numbers.dtype.kind == "f" else numbers
        if finite.size:
            spans.append((float(finite.min()), float(finite.max())))
    return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else None


def channel_of_classes(seen: Values) -> tuple[str, str | None, str] | None:
    """The channel that holds the class if colors are not classes, the one or two that number objects, and why.

    Classes come again in other files; colors of objects are those of one file each.
    """
    if seen.mode != "colors" or len(seen.pixels) < 2:
        return None
    sets = [{c[k] for c in seen.pixels} for k in range(3)]
    single = [k for k in range(3) if len(sets[k]) > 1]
    if len(single) == 1 and (seen.wide or sets[single[0]] <= set(range(64))) and sets.count({0}) == 2:
        return "RGB"[single[0]], None, "the other channels are 0 in all labels"
    own = sum(n == 1 for n in seen.where.values())
    best = min(single, key=lambda k: (len(sets[k]), k)) if single else None
    if best is None or not (seen.wide or (seen.files > 1 and own > 0.6 * len(seen.pixels))):
        return None
    if len(sets[best]) > 128 or (2 * len(sets[best]) > len(seen.pixels) and not seen.wide):
        return None
    others = [k for k in range(3) if k != best and len(sets[k]) > 1]
    factor = 65_536 if seen.wide else 256
    numbers = " + ".join("RGB"[k] + (f" * {factor**n}" if n else "") for n, k in enumerate(others)) or None
    what = f"{len(seen.pixels)} colors, {own} of them in one label only, but {len(sets[best])} values in this channel"
    return "RGB"[best], numbers, what


def by_channel(seen: Values, channel: str) -> Values:
    """The counts of one channel of labels in colors."""
    k = "RGB".index(channel)
    out = Values(seen.files, "values", kinds=seen.kinds, where=seen.channels[k], failed=seen.failed)
    for color, count in seen.pixels.items():
        out.pixels[color[k]] += count
    return out


def natural_classes(texts: Sequence[str]) -> Mapping[str, str]:
    """Class names for layer texts: without the numbers that only sort folders, if they stay different."""
    plain = {t: re.sub(r"^\d+[.)_\- ]+(?=\D)", "", t).strip() or t for t in texts}
    return plain if len(set(plain.values())) == len(plain) else {t: t for t in texts}
