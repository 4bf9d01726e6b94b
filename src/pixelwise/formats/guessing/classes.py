"""The [classes] and [[class]] lines of a proposal: every value, color or layer with its share of the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..class_files import Named
from ..toml import comment, text_of
from .counting import LayerCounts, Values, natural_classes
from .pairing import TreeReading

_NO_DATA: Final = (-9999, -99999, -32768, -2147483648, -999, -99)
"""What geographic files usually hold where there is no data."""


def layer_lines(reading: TreeReading, layers: LayerCounts) -> list[str]:
    """The lines of labels in layers: background first, then a class per text of {class}."""
    texts = reading.labels.texts
    names = natural_classes(texts)
    images = layers.images
    lines = ["[classes]", "# ignore_layers = []  # layers of pixels without a class", "", "[[class]]",
             'name = "background"', "# what no layer covers"]  # fmt: skip
    if not texts:
        share = f"{sum(layers.pixels.values()):,} pixels, up to {layers.most} objects in one of {images:,} images"
        return [*lines, "", "[[class]]", 'name = "object"', comment(share)]
    for text in texts:
        name = names[text]
        lines += ["", "[[class]]", f"name = {text_of(name if name != 'background' else 'background layer')}"]
        lines += [f"layers = {text_of([text])}"] if name != text or name == "background" else []
        percent = 100 * layers.pixels[text] / max(1, layers.total)
        share = f"{layers.pixels[text]:,} pixels ({percent:.3g} %)"
        lines.append(comment(f"{share} in {layers.where[text]:,} of {images:,} images"))
    return lines


def class_lines(seen: Values, named: Named | None, doubts: list[str]) -> list[str]:
    """The lines of labels that hold values or colors. named: what a file beside the data calls the classes."""
    values = sorted(seen.pixels, key=lambda v: (v != v, v))
    void = [] if seen.mode == "colors" else _void(seen, values)
    binary = _binary(seen, [v for v in values if v not in void])
    rows = [(binary.get(v, ""), [v]) for v in values if not any(v is o or v == o for o in void)]
    if named is not None:
        rows, void = _by_file(seen, named, values, void, doubts)
    lines = ["[classes]"]
    if len(rows) > 255:
        lines.append("ignore_index = 65535")
    if void:
        shares = "; ".join(f"{_shown(v)}: {_share(seen, v)}" for v in void if v in seen.pixels)
        key, shown = ("ignore_colors", list(void)) if seen.mode == "colors" else ("ignore_values", void)
        lines.append(f"{key} = [{', '.join(map(_shown, shown))}]  # {_reason(seen, void)}? {shares}")
    elif seen.mode == "values":
        lines.append("# ignore_values = [255]  # values without a class")
    else:
        lines.append("# ignore_colors = [[0, 0, 0]]  # colors without a class")
    for name, own in rows:
        lines += ["", "[[class]]", *_one(own, seen, name), *(f"# {_share(seen, v)}" for v in own if v in seen.pixels)]
        lines += ["# in no label"] if not any(v in seen.pixels for v in own) else []
    return lines


def _by_file(
    seen: Values, named: Named, values: Sequence[Any], void: list[Any], doubts: list[str]
) -> tuple[list[tuple[str, list[Any]]], list[Any]]:
    """A row for each class that the file names, in its order, then for values that it does not name; and the void."""
    table, where = named.table, named.path.name
    ids = {v: i for v in values if (i := _id_of(v, seen, named)) is not None}
    stored: dict[int, list[Any]] = {i: [v for v in values if ids.get(v) == i] for i in range(len(table))}
    unnamed = [v for v in values if v not in ids and not any(v is o or v == o for o in void)]
    if not any(stored.values()) or (seen.mode == "colors" and not named.colored):
        doubts.append(f"{where} names {len(table)} classes, but none of the labels' {seen.mode}")
        return [("", [v]) for v in values if not any(v is o or v == o for o in void)], void
    if unnamed:
        doubts.append(f"{where} does not name {len(unnamed)} of the labels' {seen.mode}, such as {_shown(unnamed[0])}")
    colors = [(r, g, b) for r, g, b in table.colors.tolist()]
    own = {i: next((v for v, k in (table.values or {i: i}).items() if k == i), i) for i in range(len(table))}
    rows = [(name, stored[i] or [colors[i] if seen.mode == "colors" else own[i]]) for i, name in enumerate(table.names)]
    ignored = [v for v, i in ids.items() if i == table.ignore_index]
    return [*rows, *(("", [v]) for v in unnamed)], [*ignored, *(v for v in void if v not in ids)]


def _id_of(value: Any, seen: Values, named: Named) -> int | None:
    """The class id of a stored value or color by the file's table, or None."""
    table = named.table
    if seen.mode == "colors":
        return table.color_ids.get(value) if named.colored else None
    if value != value or value != int(value) or not 0 <= value <= 65_535:
        return None
    if not named.by_color:
        found = int(table.value_ids[int(value)])
        # 255 is void in most datasets, whether or not a list of names says so.
        return None if found < 0 or found == table.ignore_index else found
    palette = seen.palettes.get(value)
    color = next(iter(palette)) if palette and len(palette) == 1 else (int(value),) * 3
    return table.color_ids.get(color)


def _void(seen: Values, values: Sequence[Any]) -> list[Any]:
    """The values that are probably no class: what the files declare as no data, NaN, negative ones, 255."""
    nodata = [v for v in values if v in seen.nodata or v != v or v in _NO_DATA or v < 0 or abs(v) > 1e30]
    rest = [v for v in values if v not in nodata and v == v]
    return nodata + [255] * (255 in rest and len(rest) > 2 and not nodata)


def _reason(seen: Values, void: Sequence[Any]) -> str:
    if any(v in seen.nodata for v in void):
        return "declared as no data by the files"
    return "void in most datasets: is it here" if void == [255] else "no data"


def _binary(seen: Values, values: Sequence[Any]) -> dict[Any, str]:
    """Names for masks of nothing and something."""
    masks = ([0, 255], [(0, 0, 0), (255, 255, 255)])
    if values in masks or (seen.one_bit and values == [0, 1]):
        return {values[0]: "background", values[1]: "foreground"}
    return {}


def _one(own: Sequence[Any], seen: Values, name: str) -> list[str]:
    if seen.mode == "colors":
        color = list(own[0])
        return [f"name = {text_of(name or 'color ' + ' '.join(map(str, color)))}", f"color = {text_of(color)}"]
    out = [f"name = {text_of(name or f'value {_shown(own[0])}')}", f"values = [{', '.join(map(_shown, own))}]"]
    if (known := seen.palettes.get(own[0])) and all(len(c) == 1 for c in seen.palettes.values()):
        out.append(f"color = {text_of(list(next(iter(known))))}")
    return out


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return text_of(list(value))
    return "nan" if value != value else repr(value)


def _share(seen: Values, value: Any) -> str:
    share = 100 * seen.pixels[value] / sum(seen.pixels.values())
    return f"{seen.pixels[value]:,} pixels ({share:.3g} %) in {seen.where[value]:,} of {seen.files:,} labels"
