"""The [classes] and [[class]] lines of a proposal: every value, color or layer with its share of the pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ..toml import comment, text_of
from .counting import LayerCounts, Values, natural_classes
from .pairing import Reading

_NO_DATA: Final = (-9999, -99999, -32768, -2147483648, -999, -99)
"""What geographic files usually hold where there is no data."""


def layer_lines(reading: Reading, layers: LayerCounts) -> list[str]:
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


def class_lines(root: Path, seen: Values, doubts: list[str]) -> list[str]:
    """The lines of labels that hold values or colors."""
    values = sorted(seen.pixels, key=lambda v: (v != v, v))
    void = [] if seen.mode == "colors" else _void(seen, values)
    binary = _binary(seen, [v for v in values if v not in void])
    lines = ["[classes]"]
    if len(values) - len(void) > 255:
        lines.append("ignore_index = 65535")
    if void:
        shares = "; ".join(f"{_shown(v)}: {_share(seen, v)}" for v in void)
        lines.append(f"ignore_values = [{', '.join(map(_shown, void))}]  # {_reason(seen, void)}? {shares}")
    elif seen.mode == "values":
        lines.append("# ignore_values = [255]  # values without a class")
    else:
        lines.append("# ignore_colors = [[0, 0, 0]]  # colors without a class")
    for value in values:
        if not any(value is v or value == v for v in void):
            lines += ["", "[[class]]", *_one(value, seen, binary.get(value)), f"# {_share(seen, value)}"]
    return lines


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


def _one(value: Any, seen: Values, name: str | None) -> list[str]:
    if seen.mode == "colors":
        color = list(value)
        return [f"name = {text_of(name or 'color ' + ' '.join(map(str, color)))}", f"color = {text_of(color)}"]
    out = [f"name = {text_of(name or f'value {_shown(value)}')}", f"values = [{_shown(value)}]"]
    if (known := seen.palettes.get(value)) and all(len(c) == 1 for c in seen.palettes.values()):
        out.append(f"color = {text_of(list(next(iter(known))))}")
    return out


def _shown(value: Any) -> str:
    return "nan" if value != value else repr(value)


def _share(seen: Values, value: Any) -> str:
    share = 100 * seen.pixels[value] / sum(seen.pixels.values())
    return f"{seen.pixels[value]:,} pixels ({share:.3g} %) in {seen.where[value]:,} of {seen.files:,} labels"
