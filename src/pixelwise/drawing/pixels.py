"""The pixels of drawings: labels in color, overlays, error maps, scaling. Arrays in, new arrays out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..arguments import check_number
from ..classes import ClassTable, Color
from ..errors import PairError
from ..types import F32, I64, U8, Bool, Size
from .typesetting import PAPER, STRAY, WRONG

MAX_ZOOM = 64


def fit(size: Size, box: Size) -> Size:
    """The size at which an image of `size` is drawn inside `box`: shrunk to fit, or enlarged by a whole factor, at most
    `MAX_ZOOM`, so that pixels stay squares.
    """
    (h, w), (box_h, box_w) = size, box
    factor = min(box_h / h, box_w / w)
    if factor >= 1:
        factor = min(int(factor), MAX_ZOOM)
    return (max(1, round(h * factor)), max(1, round(w * factor)))


def scaled_image(image: U8, size: Size) -> U8:
    """The (H, W, 3) uint8 image at `size`: means of the areas that pixels cover, or repeated pixels if it grows."""
    if image.shape[:2] == size:
        return image
    if size[0] >= image.shape[0] and size[1] >= image.shape[1]:
        return _picked(image, size)
    image = np.ascontiguousarray(image)
    (row, down), (column, across) = (_shares(old, new) for old, new in zip(image.shape, size, strict=False))
    out = np.empty((*size, 3), np.uint8)
    sums, line = np.empty(3 * image.shape[1], np.float32), np.empty((3, size[1]), np.float32)
    kernels.scale.shrink(image.ctypes.data, image.strides[0], row, down, 3 * column, across, sums, line, out)
    return out


def _shares(old: int, new: int) -> tuple[I64, F32]:
    """Of `new` equal parts of a line of `old` pixels: the first pixel that each touches, and its share of each pixel
    from there on, (new, pixels).
    """
    side = old / new
    begin = np.arange(new) * side
    most = min(math.ceil(side) + 1, old)
    first = np.minimum(begin.astype(np.int64), old - most)
    pixel = first[:, None] + np.arange(most)
    covered = np.minimum(pixel + 1, (begin + side)[:, None]) - np.maximum(pixel, begin[:, None])
    return first, (np.maximum(covered, 0) / side).astype(np.float32)


def scaled_label(label: NDArray[Any], size: Size) -> NDArray[Any]:
    """The (H, W) label at `size`, nearest by pixel centers. No new value appears."""
    return label if label.shape == size else _picked(label, size)


def _picked(pixels: NDArray[Any], size: Size) -> NDArray[Any]:
    # In integers: the center (i + 0.5) * source / target is in exactly this source pixel.
    rows, columns = ((2 * np.arange(t) + 1) * s // (2 * t) for t, s in zip(size, pixels.shape, strict=False))
    return np.asarray(pixels[rows[:, None], columns])


def colorize(label: NDArray[Any], table: ClassTable) -> U8:
    """Class colors of a label, (H, W) -> (H, W, 3) uint8, exactly those of the table.

    An id that is not in the table gets `STRAY`; `ClassTable.decode` is the strict one.
    """
    colors = np.full((65_537, 3), STRAY, np.uint8)
    colors[: len(table)] = table.colors
    if table.ignore_index is not None:
        colors[table.ignore_index] = table.ignore_color
    ids = np.asarray(label)
    if ids.dtype not in (np.uint8, np.uint16):
        ids = np.where((ids < 0) | (ids > 65_535), 65_536, ids).astype(np.int64)
    return np.asarray(colors[ids])


def void_in(label: NDArray[Any], ignore_index: int | None) -> Bool:
    """(H, W) bool: the void pixels of a label."""
    return np.zeros(label.shape, bool) if ignore_index is None else np.asarray(label == ignore_index)


def borders(label: NDArray[Any]) -> Bool:
    """(H, W) bool: the pixels on both sides of every change of ids: lines two pixels wide."""
    out = np.zeros(label.shape, bool)
    down, right = label[1:] != label[:-1], label[:, 1:] != label[:, :-1]
    out[1:] |= down
    out[:-1] |= down
    out[:, 1:] |= right
    out[:, :-1] |= right
    return out


def blend(image: U8, colors: U8 | Color, alpha: float | F32) -> U8:
    """`image * (1 - alpha) + colors * alpha`, rounded. alpha: one number, or (H, W)."""
    weight = np.asarray(alpha, np.float32)[..., None]
    mixed = image.astype(np.float32) * (1 - weight) + np.asarray(colors, np.float32) * weight
    return np.asarray((mixed + 0.5).astype(np.uint8))


def overlay(image: U8, label: NDArray[Any], table: ClassTable, alpha: float = 0.55, contour: bool = True) -> U8:
    """The image tinted with the class colors of its label: (H, W, 3) uint8, a new array.

    alpha: the weight of the color. A class whose color is black (the background of VOC) leaves the image as it
    is. Void is veiled in white. contour: white lines between classes, left out if the label is all specks. PairError
    if the sizes differ.
    """
    same_size(image, label)
    check_number("alpha", alpha, 0, 1)
    colors = colorize(label, table)
    out = blend(image, colors, np.where(colors.any(axis=2), alpha, 0).astype(np.float32))
    void = void_in(label, table.ignore_index)
    out[void] = image[void]
    lines = borders(label) & ~void
    if contour and lines.mean() < 0.25:  # a label of specks would become all lines
        out[lines] = PAPER
    return hatched(out, void)


def hatched(image: U8, where: Bool) -> U8:
    """The image under a white veil where the mask is true, with slanted lines where the mask is wide.

    A narrow mask, such as the void around the objects of VOC, becomes a plain pale line.
    """
    if not where.any():
        return image
    wide = np.pad(where, 4, constant_values=True)  # true where all of 9 x 9 pixels are
    for step in (1, 2, 4, 1):
        wide = wide[step:] & wide[:-step]
        wide = wide[:, step:] & wide[:, :-step]
    y, x = np.ogrid[: where.shape[0], : where.shape[1]]
    weight = np.where(where, 0.75, 0).astype(np.float32)
    weight[wide & ((x + y) % 8 < 3)] = 0.3
    return blend(image, PAPER, weight)


def gray(image: U8, strength: float = 0.75) -> U8:
    """The image in pale grays (luma of ITU-R BT.601), as a background for marks."""
    luma = image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    pale = (255 - (255 - luma) * strength + 0.5).astype(np.uint8)
    return np.repeat(pale[..., None], 3, axis=2)


def error_map(image: U8, prediction: NDArray[Any], truth: NDArray[Any], ignore_index: int | None) -> U8:
    """A prediction on the pale image: wrong pixels red, right ones gray, those that are void in the truth veiled."""
    same_size(image, prediction)
    same_size(image, truth)
    void, ground = void_in(truth, ignore_index), gray(image)
    wrong = (truth != prediction) & ~void
    return hatched(np.where(wrong[..., None], blend(ground, WRONG, 0.8), ground), void)


def instance_overlay(image: U8, instances: NDArray[Any], void: Bool, alpha: float = 0.6) -> U8:
    """The pale image with each object in its own color. 0 is not an object; pixels of `void` are veiled."""
    same_size(image, instances)
    values, rank = np.unique(instances, return_inverse=True)
    rank = rank.reshape(instances.shape)
    chosen = neighbor_colors(rank, len(values))
    colors = np.array([PAPER if v == 0 else c for v, c in zip(values, chosen, strict=True)], np.uint8)
    objects = (instances != 0) & ~void
    out = blend(gray(image), colors[rank], np.where(objects, alpha, 0).astype(np.float32))
    out[borders(instances) & objects] = PAPER
    return hatched(out, void)


def neighbor_colors(regions: NDArray[Any], count: int, near: int = 8) -> list[Color]:
    """A color for each region 0..count-1 of (H, W) numbers, far from those of the regions at most `near` pixels away.

    A region keeps `instance_color` of its number unless a neighbor's is alike: objects that touch must not look one.
    """
    beside: list[set[int]] = [set() for _ in range(count)]
    for step in (1, near):
        for a, b in ((regions[step:], regions[:-step]), (regions[:, step:], regions[:, :-step])):
            pairs = a.astype(np.int64).reshape(-1) * count + b.reshape(-1)
            for pair in np.unique(pairs).tolist():
                one, other = divmod(pair, count)
                if one != other:
                    beside[one].add(other)
                    beside[other].add(one)
    chosen: list[Color] = []
    for k in range(count):
        taken = [chosen[other] for other in beside[k] if other < k]
        options = [instance_color(k + n) for n in range(24)]
        away = [min((sum(abs(a - b) for a, b in zip(option, t, strict=True)) for t in taken), default=999)
                for option in options]  # fmt: skip
        far = next((o for o, distance in zip(options, away, strict=True) if distance >= 200), None)
        chosen.append(options[int(np.argmax(away))] if far is None else far)
    return chosen


def instance_color(index: int) -> Color:
    """A color for each number; neighbors in number are far apart in hue (steps of the golden angle), and those that are
    near in hue, three or five numbers apart, in lightness.
    """
    import colorsys

    hue = (0.58 + index * 0.381966) % 1.0
    r, g, b = colorsys.hls_to_rgb(hue, (0.36, 0.6)[index % 2], 0.75)
    return (round(255 * r), round(255 * g), round(255 * b))


def same_size(image: U8, label: NDArray[Any], where: object = None) -> None:
    """PairError `size-mismatch` if image and label differ in height or width."""
    if image.shape[:2] != label.shape:
        message = f"the image is {image.shape[0]}x{image.shape[1]}, the label {'x'.join(map(str, label.shape))}"
        fix = "they must have the same height and width"
        raise PairError(message, code="size-mismatch", where=where, fix=fix)
