"""Canvas and Pen: outlines become shaded, textured pixels and, from the same mask, the label."""

# fmt: off
from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import U8
from .shapes import Outline, limb
from .texture import F32, crop

Colour = tuple[float, float, float]

OVERSAMPLING = 3
"""Masks are drawn three times as fine and averaged: 10 levels of coverage at an edge."""


def tone(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor < 1) or lighter (factor > 1, towards white)."""
    if factor <= 1:
        return (colour[0] * factor, colour[1] * factor, colour[2] * factor)
    return mix(colour, (255.0, 255.0, 255.0), 1 - 1 / factor)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of b, the rest of a."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


@dataclass(frozen=True, slots=True)
class Paint:
    """A surface. Colours are 0..255.

    texture, contrast, scale: noise tile, its strength (share of brightness) and its size. round: 0 flat .. 1
    as full as a ball. gloss: strength of the highlight. fade: how much darker the bottom is than the top.
    second, share, pattern: a second colour on about `share` of the surface, where that tile is high.
    opacity: how much hides what is behind it (the label counts glass and spokes as the thing).
    """

    color: Colour
    texture: str = "grain"
    contrast: float = 0.05
    scale: float = 1.0
    round: float = 0.0
    gloss: float = 0.0
    fade: float = 0.15
    second: Colour | None = None
    share: float = 0.5
    pattern: str = "spots"
    pattern_scale: float = 1.0
    opacity: float = 1.0

    def toned(self, factor: float) -> Paint:
        """The same surface, darker or lighter."""
        second = None if self.second is None else tone(self.second, factor)
        return replace(self, color=tone(self.color, factor), second=second)


@dataclass(slots=True)
class Canvas:
    """What has been painted so far.

    pixels: (H, W, 3) float32, 0..255, RGB. owner: (H, W) uint8, the number of the visible object, 0 is none.
    cover: (H, W) float32 coverage of the object being painted. light: unit vector towards the light, y down.
    """

    pixels: F32
    owner: U8
    cover: F32
    light: tuple[float, float, float]

    @classmethod
    def blank(cls, height: int, width: int, light: tuple[float, float, float]) -> Canvas:
        """A black canvas without objects."""
        x, y, z = light
        n = (x * x + y * y + z * z) ** 0.5
        cover = np.zeros((height, width), np.float32)
        pixels = np.zeros((height, width, 3), np.float32)
        return cls(pixels, cover.astype(np.uint8), cover, (x / n, y / n, z / n))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return (self.owner.shape[0], self.owner.shape[1])

    def finish(self, number: int) -> None:
        """All painted since the last call is object `number`: it owns what it covers by half or more."""
        self.owner[self.cover >= 0.5] = number
        self.cover[:] = 0


@dataclass(slots=True)
class Pen:
    """Paints outlines given in a painter's own units.

    matrix: (3, 3) homography from those units to pixels (a thing stands on y = 0, one unit high, y down).
    scale: pixels per unit. haze: share of `haze_color` mixed in, for distance.
    """

    canvas: Canvas
    matrix: NDArray[np.float64]
    rng: np.random.Generator
    scale: float
    haze: float = 0.0
    haze_color: Colour = (200.0, 210.0, 220.0)

    @classmethod
    def at(
        cls, canvas: Canvas, rng: np.random.Generator, x: float, y: float, scale: float, *,
        flip: bool = False, turn: float = 0.0, haze: float = 0.0,
    ) -> Pen:  # fmt: skip
        """A pen whose origin is pixel (x, y); `turn` in radians, applied after the flip."""
        c, s = np.cos(turn) * scale, np.sin(turn) * scale
        f = -1.0 if flip else 1.0
        return cls(canvas, np.array([[c * f, -s, x], [s * f, c, y], [0, 0, 1]]), rng, scale, haze)

    def sized(self, factor: float) -> Pen:
        """A pen for the same place whose unit is `factor` of this one's."""
        matrix = self.matrix @ np.diag([factor, factor, 1.0])
        return replace(self, matrix=matrix, scale=self.scale * factor)

    def on(self, quad: Outline) -> Pen:
        """A pen for a flat face: its unit square is the quad, given clockwise from the top left corner."""
        unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        face = cv2.getPerspectiveTransform(unit, quad.astype(np.float32))
        side = float(np.hypot(*(quad[3] - quad[0])))
        return replace(self, matrix=self.matrix @ face, scale=self.scale * side)

    def pixels_of(self, outline: Outline) -> Outline:
        """The outline in pixels."""
        p = outline @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.asarray(p[:, :2] / p[:, 2:])

    def fill(self, paint: Paint, *shapes: Outline, holes: tuple[Outline, ...] = ()) -> None:
        """Paint the union of the shapes, less the holes."""
        polygons = [self.pixels_of(s) for s in shapes]
        height, width = self.canvas.size
        every = np.concatenate(polygons)
        x0, y0 = np.maximum(np.floor(every.min(axis=0)).astype(int) - 1, 0)
        x1, y1 = np.minimum(np.ceil(every.max(axis=0)).astype(int) + 2, (width, height))
        if x1 - x0 < 1 or y1 - y0 < 1:
            return
        corner = np.array([x0, y0], np.float64)
        alpha = _coverage(polygons, [self.pixels_of(h) for h in holes], corner, (y1 - y0, x1 - x0))
        colours = self._surface(paint, alpha)
        if self.haze:
            colours += self.haze * (np.array(self.haze_color, np.float32) - colours)
        area = (slice(y0, y1), slice(x0, x1))
        target = self.canvas.pixels[area]
        target += (alpha * np.float32(paint.opacity))[..., None] * (colours - target)
        cover = self.canvas.cover[area]
        cover += alpha * (1 - cover)

    def line(self, paint: Paint, width: float, *points: tuple[float, float]) -> None:
        """A straight-edged band through the points."""
        for a, b in pairwise(points):
            self.fill(paint, limb((a, b), (width, width), bend=False))

    def _surface(self, paint: Paint, alpha: F32) -> F32:
        height, width = alpha.shape
        rng = self.rng
        shade = 1 + np.float32(paint.contrast) * crop(rng, paint.texture, height, width, paint.scale)
        if paint.fade:
            shade *= np.linspace(1 + paint.fade / 2, 1 - paint.fade / 2, height, dtype=np.float32)[:, None]
        shine = None
        if paint.round:
            light, shine = _relief(alpha, paint.round, self.canvas.light)
            shade *= light
        colours = shade[..., None] * np.array(paint.color, np.float32)
        if paint.second is not None:
            where = crop(rng, paint.pattern, height, width, paint.pattern_scale)
            level = np.float32(np.quantile(where[::4, ::4], 1 - paint.share))
            share = np.clip((where - level) * 6 + 0.5, 0, 1)[..., None]
            colours += share * (shade[..., None] * np.array(paint.second, np.float32) - colours)
        if shine is not None and paint.gloss:
            colours += (255 * paint.gloss) * shine[..., None]
        return colours


def _coverage(polygons: list[Outline], holes: list[Outline], corner: Outline, size: tuple[int, int]) -> F32:
    """How much of each pixel the polygons cover, 0..1."""
    n = OVERSAMPLING
    fine = np.zeros((size[0] * n, size[1] * n), np.uint8)
    for group, value in ((polygons, 255), (holes, 0)):
        for p in group:
            # OpenCV puts pixel centres at whole numbers; 4 bits of fraction.
            points = np.round(((p - corner) * n - 0.5) * 16).astype(np.int32)
            cv2.fillPoly(fine, [points], value, shift=4)
    coarse = cv2.resize(fine, (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(coarse.astype(np.float32) * np.float32(1 / 255))


def _relief(alpha: F32, fullness: float, light: tuple[float, float, float]) -> tuple[F32, F32]:
    """Brightness factor and highlight of a surface that bulges towards the viewer, from its outline alone."""
    inside = cv2.copyMakeBorder((alpha >= 0.5).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)[1:-1, 1:-1]
    radius = max(float(depth.max()), 1.0)
    t = np.minimum(depth / radius, 1)
    height = np.sqrt(t * (2 - t)) * (radius * fullness)
    height = cv2.GaussianBlur(height, (0, 0), max(radius * 0.18, 0.6))
    hx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    hy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    x, y, z = light
    facing = (z - x * hx - y * hy) / np.sqrt(1 + hx * hx + hy * hy)
    # 0.45 of the light comes from all sides; a flat surface keeps its colour.
    brightness = 0.45 + 0.55 * np.maximum(facing, 0) / z
    return np.clip(brightness, 0.3, 1.45).astype(np.float32), (np.maximum(facing, 0) ** 24).astype(np.float32)
