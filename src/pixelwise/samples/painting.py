"""The canvas: outlines become shaded, textured pixels and, from the same mask, the label. Around them light and air."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..types import F32, F64, U8
from .textures import SIDE, cut, tiles

FINE = 4  # masks are drawn so many times as fine and averaged

MOODS = np.array([
    [(70, 126, 196), (178, 208, 232), (248, 248, 246), (1.03, 1.0, 0.96), (0.35, 0, 0)],  # a fine day
    [(96, 148, 206), (202, 220, 232), (250, 248, 242), (1.0, 1.0, 1.0), (0.6, 0, 0)],  # clouds
    [(158, 170, 182), (208, 212, 214), (228, 230, 230), (0.95, 0.98, 1.02), (0.9, 0, 0)],  # overcast
    [(88, 108, 160), (246, 190, 130), (250, 206, 160), (1.1, 0.98, 0.86), (0.45, 0, 0)],  # evening
], np.float32)  # fmt: skip
"""Colors of the zenith, of the sky above the horizon and of clouds, the tint of all light, and the share of clouds."""


@dataclass(frozen=True, slots=True)
class Paint:
    """A surface.

    colors: "RRGGBB RRGGBB/RRGGBB ...", of which each thing gets one; after the slash a second color, which covers the
    `share` of the surface on which the tile `pattern` is highest. texture, contrast, scale: noise tile, its strength as
    a share of brightness, its size. round: from 0, flat, to 1, as full as a ball. gloss: of the highlight. fade: how
    much darker the bottom is than the top. size: of the pattern, for a thing 300 pixels high. opacity: how much it
    hides (glass still counts as the thing). grows: the texture's size follows the thing's, too.
    """

    colors: str
    texture: str = "grain"
    contrast: float = 0.05
    scale: float = 1.0
    round: float = 0.0
    gloss: float = 0.0
    fade: float = 0.15
    pattern: str = "spots"
    share: float = 0.0
    size: float = 1.0
    opacity: float = 1.0
    grows: bool = False

    def pick(self, rng: np.random.Generator) -> F32:
        """One of the colors, a little off if there is a choice, and its second color: (2, 3)."""
        options = self.colors.split()
        first, _, second = options[int(rng.integers(len(options)))].partition("/")
        pair = np.array([list(bytes.fromhex(color)) for color in (first, second or first)], np.float32)
        if len(options) > 1:
            pair *= rng.uniform(0.93, 1.07) * rng.uniform(0.97, 1.03, 3)
        return pair


class Canvas:
    """What has been painted so far.

    pixels: (H, W, 3) float32, RGB, 0 to 255. owner: (H, W) uint8, the number of the visible object, 0 is none.
    cover: (H, W) float32, coverage of the object being painted. light: toward the light, x, y down, z to the viewer.
    """

    def __init__(self, height: int, width: int, rng: np.random.Generator) -> None:
        self.pixels: F32 = np.zeros((height, width, 3), np.float32)
        self.owner: U8 = np.zeros((height, width), np.uint8)
        self.cover: F32 = np.zeros((height, width), np.float32)
        self.rng = rng
        self.mood: F32 = MOODS[rng.choice(4, p=(0.35, 0.3, 0.2, 0.15))]
        light = np.array([rng.choice([-1, 1]) * rng.uniform(0.25, 0.6), -rng.uniform(0.55, 0.9), 0.75], np.float32)
        self.light: F32 = light / np.linalg.norm(light)

    def fill(self, paint: Paint, colors: F32, grown: float, outlines: list[F64], holes: list[F64]) -> None:
        """Paint the union of the outlines less the holes; all in pixels, y down. grown: the scale of patterns."""
        every = np.concatenate(outlines)
        size = np.array(self.owner.shape[::-1])
        margin = 40 if paint.round else 0  # what is round continues beyond the edge, or it would bend there
        low = np.maximum(np.floor(every.min(axis=0)) - 1, -margin).astype(int)
        high = np.minimum(np.ceil(every.max(axis=0)) + 2, size + margin).astype(int)
        (x0, y0), (x1, y1) = np.maximum(low, 0), np.minimum(high, size)
        if x1 <= x0 or y1 <= y0:
            return
        alpha = _coverage([shape - low for shape in outlines], [shape - low for shape in holes], high - low)
        surface = self._surface(paint, colors, grown, alpha, outlines[0])
        inside = (slice(y0 - low[1], y1 - low[1]), slice(x0 - low[0], x1 - low[0]))
        alpha, surface = alpha[inside], surface[inside]
        target, cover = self.pixels[y0:y1, x0:x1], self.cover[y0:y1, x0:x1]
        surface -= target
        surface *= (alpha * np.float32(paint.opacity))[..., None]
        target += surface
        cover += alpha * (1 - cover)

    def _surface(self, paint: Paint, colors: F32, grown: float, alpha: F32, shape: F64) -> F32:
        height, width = alpha.shape
        scale = paint.scale * (grown if paint.grows else 1)
        if paint.texture in ("fur", "wood") and height > width:  # the grain runs along a leg
            shade = cut(self.rng, paint.texture, width, height, scale).T * paint.contrast
        else:
            shade = cut(self.rng, paint.texture, height, width, scale) * paint.contrast
        shade += np.linspace(1 + paint.fade / 2, 1 - paint.fade / 2, height, dtype=np.float32)[:, None]
        facing = _relief(alpha, shape, paint.round, self.light) if paint.round and min(height, width) > 4 else None
        if facing is not None:  # 0.45 of the light comes from all sides; a flat surface keeps its color
            shade *= np.clip(0.45 + 0.55 / self.light[2] * facing, 0.3, 1.45)
        surface: F32 = shade[..., None] * colors[0]
        if paint.share:
            pattern = cut(self.rng, paint.pattern, height, width, paint.size * grown)
            level = np.quantile(pattern[::4, ::4], 1 - paint.share)
            share = np.clip((pattern - np.float32(level)) * 6 + np.float32(0.5), 0, 1)
            surface += (share * shade)[..., None] * (colors[1] - colors[0])
        if paint.gloss and facing is not None:
            surface += (255 * np.float32(paint.gloss) * facing**24)[..., None]
        return surface


def _coverage(outlines: list[F64], holes: list[F64], size: NDArray[np.int64]) -> F32:
    """How much of each pixel the outlines cover, from 0 to 1."""
    fine = Image.new("L", tuple((size * FINE).tolist()))
    draw = ImageDraw.Draw(fine)
    for group, value in ((outlines, 255), (holes, 0)):
        for shape in group:
            draw.polygon((shape * FINE - 0.5).ravel().tolist(), fill=value)
    return np.asarray(fine.reduce(FINE), np.float32) * np.float32(1 / 255)


def _blur(image: F32, radius: int) -> F32:
    """The mean over squares of 2 radius + 1 pixels a side, zeros around; for each axis by differences of sums."""
    for _ in range(2):
        total = np.zeros((len(image) + 2 * radius + 1, image.shape[1]), np.float32)
        np.cumsum(image, axis=0, out=total[radius + 1 : -radius])
        total[-radius:] = total[-radius - 1]
        image = ((total[2 * radius + 1 :] - total[: -2 * radius - 1]) / np.float32(2 * radius + 1)).T
    return image


def _relief(alpha: F32, shape: F64, fullness: float, light: F32) -> F32:
    """How much each pixel of a surface that bulges toward the viewer faces the light, from its outline alone."""
    step = np.roll(shape, -1, 0) - shape
    area = abs(np.sum(shape[:, 0] * step[:, 1] - shape[:, 1] * step[:, 0])) / 2
    half = max(1.4 * area / np.hypot(*step.T).sum(), 1)  # 0.7 of a disc's radius, 0.7 of the width of a long band
    radius = int(np.clip(round(half / 2), 1, 80))
    dome = _blur(_blur(alpha, radius), radius) * np.float32(half * fullness)
    dy, dx = np.zeros_like(dome), np.zeros_like(dome)
    dy[1:-1] = dome[2:] - dome[:-2]
    dx[:, 1:-1] = dome[:, 2:] - dome[:, :-2]
    return np.asarray(np.maximum(light[2] - light[0] * dx - light[1] * dy, 0) / np.sqrt(1 + dx * dx + dy * dy))


def sky(canvas: Canvas, horizon: int) -> None:
    """Sky from the top to row `horizon`, its clouds smaller toward the horizon."""
    zenith, low, cloud, _, (cover, _, _) = canvas.mood
    width = canvas.owner.shape[1]
    base = zenith + np.linspace(0, 1, horizon, dtype=np.float32)[:, None, None] ** np.float32(0.8) * (low - zenith)
    # A level ceiling of clouds, three times as far away at the horizon as at the top.
    slope, across, along = -0.67 / horizon, 0.34 * 500 / width, 180.0
    middle, start = SIDE / 2, float(canvas.rng.uniform(-170, 60))
    view = (across, middle * slope, middle - across * width / 2, 0, start * slope, along + start, 0, slope)
    seen = tiles()["cloud"][1].transform((width, horizon), Image.Transform.PERSPECTIVE, view, Image.Resampling.BILINEAR)
    puff = np.asarray(seen, np.float32)[..., None]
    share = np.clip(puff * 0.8 + (cover * 2 - 1), 0, 1) * np.float32(0.9)
    canvas.pixels[:horizon] = base + share * (cloud * (0.94 + 0.05 * np.clip(puff, -1, 1)) - base)


def ground(canvas: Canvas, paint: Paint, horizon: int, top: int) -> None:
    """A level plane from row `top` to the bottom that vanishes at row `horizon`; the second color is the far one."""
    height, width = canvas.owner.shape
    near, far = paint.pick(canvas.rng)
    rows = np.arange(top, height, dtype=np.float32)
    depth = (height - horizon) / (rows - horizon + 1)
    across = (np.arange(width, dtype=np.float32) - width / 2) * depth[:, None] / np.float32(paint.scale) + SIDE / 2
    along = depth * np.float32(220 / paint.scale) + np.float32(canvas.rng.integers(300))
    # Beyond its edge the tile continues as its mirror image.
    u, v = (SIDE - 1 - abs(at.astype(np.int32) % (2 * SIDE - 2) - (SIDE - 1)) for at in (across, along))
    noise = tiles()[paint.texture][0].ravel().take(v[:, None] * SIDE + u)
    # Far rows skip over many texels: fade the texture there instead of showing an alias of it.
    noise *= (np.float32(paint.contrast) * np.minimum(1, 2.2 * max(paint.scale, 1) / depth))[:, None]
    noise += 0.05 * cut(canvas.rng, "rough", height - top, width)
    nearness = ((rows - horizon) / (height - horizon))[:, None, None]
    canvas.pixels[top:] = (far + nearness * (near - far)) * (1 + noise)[..., None]


def soften(pixels: F32, sigma: float) -> None:
    """Put the pixels out of focus, by as many passes of three taps as it takes."""
    passes = int(np.ceil(2 * sigma * sigma))
    side = np.float32(sigma * sigma / 2 / passes)
    for _ in range(passes):
        for image in (pixels, pixels.swapaxes(0, 1)):
            change = (image[:-1] - image[1:]) * side
            image[1:] += change
            image[:-1] -= change


def shadow(canvas: Canvas, x: float, y: float, rx: float, ry: float) -> None:
    """Darken the ground under a thing: a soft ellipse around pixel (x, y)."""
    height, width = canvas.owner.shape
    x0, x1 = np.clip((int(x - 1.9 * rx), int(x + 1.9 * rx) + 1), 0, width)
    y0, y1 = np.clip((int(y - 1.9 * ry), int(y + 1.9 * ry) + 1), 0, height)
    across = ((np.arange(x0, x1, dtype=np.float32) + 0.5 - x) / rx) ** 2
    down = ((np.arange(y0, y1, dtype=np.float32) + 0.5 - y) / ry) ** 2
    canvas.pixels[y0:y1, x0:x1] *= (1 - 0.6 * np.exp(-1.6 * (down[:, None] + across) ** 1.3))[..., None]


def mirror(canvas: Canvas, y: int) -> None:
    """Mirror the object that is being painted at row `y` into the water below, broken by ripples."""
    height, width = canvas.owner.shape
    deep = min(height - y, int(y / 1.25))
    down = np.arange(deep, dtype=np.float32)[:, None]
    sway = cut(canvas.rng, "ripple", deep, width, 0.5) * (1 + 0.06 * down)
    rows = np.clip(y - 1 - 1.25 * down + sway, 0, y - 1).astype(int)
    columns = np.clip(np.arange(width) + 2 * sway, 0, width - 1).astype(int)
    share = canvas.cover[rows, columns] * (1 - canvas.cover[y : y + deep]) * (0.6 - 0.6 * down / deep)
    area = canvas.pixels[y : y + deep]
    area += share[..., None] * (canvas.pixels[rows, columns] * np.float32(0.8) - area)


def develop(canvas: Canvas) -> U8:
    """The camera: lens softness, exposure, tint, vignette and sensor noise. (H, W, 3) uint8."""
    height, width = canvas.owner.shape
    light, rng = canvas.pixels, canvas.rng
    soften(light, rng.uniform(0.45, 0.65))
    light *= canvas.mood[3] * np.float32(rng.uniform(0.96, 1.16))
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) ** 2 for n in (height, width))
    light *= (1 - np.float32(rng.uniform(0.05, 0.14)) * (x + y[:, None]))[..., None]
    grain = np.float32(rng.uniform(3.2, 5.5))
    light += grain * rng.standard_normal((height, width, 1), dtype=np.float32)
    coarse = 0.35 * grain * rng.standard_normal(((height + 1) // 2, (width + 1) // 2, 3), dtype=np.float32)
    light += coarse.repeat(2, 0)[:height].repeat(2, 1)[:, :width]
    return np.asarray(np.clip(light + np.float32(0.5), 0, 255), np.uint8)
