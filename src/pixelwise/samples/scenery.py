"""What is behind and around the things: skies, grounds, trees, houses, rooms, shadows, and the camera."""

# fmt: off
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..types import U8
from .canvas import Canvas, Colour, Paint, Pen, tone
from .shapes import box, bumpy, ellipse, limb, poly, smooth
from .texture import F32, SIDE, crop, tiles


@dataclass(frozen=True, slots=True)
class Mood:
    """Time of day. zenith, low: colours of the sky. cloud, cover: colour and share of cloud. tint: of all light."""

    zenith: Colour
    low: Colour
    cloud: Colour
    cover: float
    tint: Colour


MOODS = (
    Mood((70, 126, 196), (178, 208, 232), (248, 248, 246), 0.35, (1.03, 1.0, 0.96)),
    Mood((96, 148, 206), (202, 220, 232), (250, 248, 242), 0.6, (1.0, 1.0, 1.0)),
    Mood((158, 170, 182), (208, 212, 214), (228, 230, 230), 0.9, (0.95, 0.98, 1.02)),
    Mood((88, 108, 160), (246, 190, 130), (250, 206, 160), 0.45, (1.1, 0.98, 0.86)),
)


def _lookup(tile: F32, u: F32, v: F32, border: int = cv2.BORDER_REFLECT) -> F32:
    """`tile` sampled at columns u and rows v, linearly."""
    return np.asarray(cv2.remap(tile, u, v, cv2.INTER_LINEAR, borderMode=border), np.float32)


def sky(canvas: Canvas, rng: np.random.Generator, mood: Mood, horizon: int) -> None:
    """Sky from the top to row `horizon`, clouds smaller towards the horizon."""
    width = canvas.size[1]
    t = np.linspace(0, 1, horizon, dtype=np.float32)[:, None, None] ** np.float32(0.8)
    base = np.array(mood.zenith, np.float32) * (1 - t) + np.array(mood.low, np.float32) * t
    rows = np.linspace(0, 1, horizon, dtype=np.float32) ** np.float32(1.6)
    y0, x0 = rng.integers(0, SIDE // 2, 2)
    v = np.repeat((rows * 330 + np.float32(y0))[:, None], width, 1)
    u = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :] * (190 + 300 * rows[:,
        None]) + np.float32(x0 + 260)
    puff = _lookup(tiles()["cloud"], u.astype(np.float32), v.astype(np.float32))
    share = np.clip(puff * 0.8 + (mood.cover * 2 - 1), 0, 1)[..., None]
    body = np.array(mood.cloud, np.float32) * (0.94 + 0.05 * np.clip(puff, -1, 1))[..., None]
    canvas.pixels[:horizon] = base + share * 0.9 * (body - base)


def ground(canvas: Canvas, rng: np.random.Generator, horizon: int, texture: str, near: Colour, far: Colour, *,
           contrast: float = 0.2, density: float = 1.0, top: int | None = None) -> None:
    """A level plane from row `top` (the horizon if not given) to the bottom, its texture in perspective."""
    height, width = canvas.size
    first = max(horizon + 2, horizon + 2 if top is None else top)
    rows = np.arange(first, height, dtype=np.float32)
    depth = (height - horizon) / (rows - horizon)
    u = (np.arange(width, dtype=np.float32)[None, :] - width / 2) * depth[:,
        None] * np.float32(density) + SIDE / 2
    v = np.repeat((depth * np.float32(220 * density) + np.float32(rng.integers(0, 300)))[:, None], width, 1)
    noise = _lookup(tiles()[texture], u.astype(np.float32), v.astype(np.float32))
    # Far rows skip over many texels: fade the texture there instead of showing an alias of it.
    noise *= (np.float32(contrast) * np.minimum(1, 2.2 / (depth * max(density, 0.4))))[:, None]
    patches = crop(rng, "rough", height - first, width, 1.0)
    t = np.clip((rows - horizon) / (height - horizon), 0, 1)[:, None, None]
    base = np.array(far, np.float32) * (1 - t) + np.array(near, np.float32) * t
    canvas.pixels[first:] = base * (1 + noise + 0.05 * patches)[..., None]
    if top is None:
        canvas.pixels[horizon : horizon + 2] = far


def _pen(canvas: Canvas, rng: np.random.Generator, haze: float = 0.0, color: Colour = (200, 212, 222)) -> Pen:
    return Pen(canvas, np.eye(3), rng, 100.0, haze, color)


def hills(canvas: Canvas, rng: np.random.Generator, horizon: int, color: Colour, high: float, haze: float) -> None:
    """A soft ridge along the horizon, up to `high` pixels."""
    width = canvas.size[1]
    xs = np.linspace(-30, width + 30, 9)
    ridge = [(float(x), horizon - high * float(rng.uniform(0.25, 1))) for x in xs]
    pen = _pen(canvas, rng, haze)
    ground = horizon + 6
    pen.fill(Paint(color, "leaf", 0.14, 0.5, fade=0.2), smooth((-60, ground), *ridge, (width + 60, ground)))


def trees(canvas: Canvas, rng: np.random.Generator, base: float, high: float, count: int, haze: float) -> None:
    """A row of broad-leaved trees and bushes standing on row `base`."""
    width = canvas.size[1]
    pen = _pen(canvas, rng, haze)
    which = int(rng.choice(4, p=(0.35, 0.35, 0.2, 0.1)))
    green = ((74, 112, 52), (54, 92, 50), (106, 122, 60), (128, 104, 56))[which]
    for k in range(count):
        x = width * (k + float(rng.uniform(0.1, 0.9))) / count
        h = high * float(rng.uniform(0.6, 1.1))
        trunk = h * 0.07
        pen.fill(Paint((86, 66, 50), "wood", 0.2), limb(((x, base - h * 0.5), (x, base)),
            (trunk, trunk * 1.4), bend=False))
        color = tone(green, float(rng.uniform(0.8, 1.15)))
        for dx, dy, r in ((-0.16, -0.52, 0.22), (0.17, -0.5, 0.22), (0, -0.72, 0.26)):
            crown = bumpy(ellipse(x + dx * h, base + dy * h, r * h, r * h * 0.85), rng, 11, 0.05 * h)
            pen.fill(Paint(color, "leaf", 0.26, max(h / 140, 0.4), round=0.55, fade=0.35), crown)


def houses(canvas: Canvas, rng: np.random.Generator, base: float, high: float) -> None:
    """A row of house fronts from edge to edge, standing on row `base`."""
    width = canvas.size[1]
    pen = _pen(canvas, rng, 0.08)
    x = -float(rng.uniform(0, 60))
    while x < width:
        w = float(rng.uniform(0.5, 0.9)) * high
        top = base - high * float(rng.uniform(0.75, 1.15))
        brick = rng.random() < 0.45
        wall = ((150, 92, 74), (178, 140, 112), (196, 184, 160), (168, 168, 164),
            (206, 196, 176))[int(rng.integers(2) if brick else rng.integers(2, 5))]
        pen.fill(Paint(wall, "brick" if brick else "rough", 0.12 if brick else 0.06, 0.35 if brick else 0.6),
            box(x, top, x + w, base))
        pen.fill(Paint(tone(wall, 0.6), "rough", 0.1), box(x - 2, top - 5, x + w + 2, top + 3))
        floors, across = max(2, round((base - top) / 52)), max(2, round(w / 42))
        if rng.random() < 0.6:
            floors -= 1
            _shop(pen, x, x + w, base - (base - top) / (floors + 1), base, tone(wall, 0.8))
            ground_floor = (base - top) / (floors + 1)
        else:
            ground_floor = 0.0
        for i in range(floors):
            for j in range(across):
                wx, wy = x + w * (j + 0.28) / across, top + (base - ground_floor - top) * (i + 0.22) / floors
                ww, wh = w * 0.44 / across, (base - ground_floor - top) * 0.56 / floors
                pen.fill(Paint(tone(wall, 1.25)), box(wx - 2, wy - 2, wx + ww + 2, wy + wh + 3))
                pane = Paint((74, 88, 100), "cloud", 0.3, fade=0.4).toned(float(rng.uniform(0.7, 1.4)))
                pen.fill(pane, box(wx, wy, wx + ww, wy + wh))
                pen.fill(Paint(tone(wall, 1.25)), box(wx + ww / 2 - 0.8, wy, wx + ww / 2 + 0.8, wy + wh))
        x += w + 1


def _shop(pen: Pen, x0: float, x1: float, y0: float, y1: float, wall: Colour) -> None:
    """A shop window with a door, a sign and often a striped awning."""
    rng, w, h = pen.rng, x1 - x0, y1 - y0
    r, g, b = (float(v) for v in rng.uniform(-30, 30, 3) + rng.uniform(60, 130))
    pen.fill(Paint((r, g, b), fade=0.1), box(x0 + w * 0.04, y0 + h * 0.08, x1 - w * 0.04, y1))
    pane = Paint((92, 104, 108), "cloud", 0.3, 0.4, fade=0.4)
    pen.fill(pane, box(x0 + w * 0.1, y0 + h * 0.32, x0 + w * 0.62, y1 - h * 0.14), box(x0 + w * 0.7,
        y0 + h * 0.32, x1 - w * 0.1, y1 - h * 0.05))
    pen.fill(Paint((232, 226, 208)), *(box(x0 + w * (0.2 + 0.1 * k), y0 + h * 0.15, x0 + w * (0.26 + 0.1 * k),
        y0 + h * 0.24) for k in range(6)))
    if rng.random() < 0.5:
        cloth = Paint((232, 228, 216), "weave", 0.04, second=(r, g, b), pattern="bands", pattern_scale=0.8)
        pen.fill(cloth, poly((x0 + w * 0.08, y0 + h * 0.28), (x1 - w * 0.08, y0 + h * 0.28),
            (x1 - w * 0.02, y0 + h * 0.5), (x0 + w * 0.02, y0 + h * 0.5)))
    pen.fill(Paint(wall), box(x0, y0 - h * 0.02, x1, y0 + h * 0.06))


def hedge(canvas: Canvas, rng: np.random.Generator, base: float, high: float) -> None:
    """A clipped hedge from edge to edge, its foot on row `base`."""
    width = canvas.size[1]
    green = ((74, 112, 52), (58, 96, 54), (104, 122, 62))[int(rng.integers(3))]
    outline = bumpy(box(-30, base - high, width + 30, base), rng, 60, high * 0.12)
    _pen(canvas, rng).fill(Paint(green, "leaf", 0.28, 0.7, fade=0.6), outline)


def fence(canvas: Canvas, rng: np.random.Generator, base: float, high: float) -> None:
    """Posts and two rails along row `base`."""
    width = canvas.size[1]
    pen = _pen(canvas, rng)
    wood = Paint((142, 124, 100), "wood", 0.15, 0.4, round=0.3)
    for f in (0.4, 0.8):
        pen.fill(wood, box(-5, base - high * f - high * 0.05, width + 5, base - high * f + high * 0.05))
    x = float(rng.uniform(0, high))
    while x < width:
        pen.fill(wood.toned(0.9), box(x - high * 0.06, base - high, x + high * 0.06, base + 2))
        x += high * 1.6


def room(canvas: Canvas, rng: np.random.Generator, edge: int) -> None:
    """Wall, skirting board and floor meeting at row `edge`, with a window, pictures, a lamp or shelves."""
    height, width = canvas.size
    pen = _pen(canvas, rng)
    wall = ((206, 196, 178), (176, 190, 186), (196, 176, 160), (164, 176, 192), (214, 206, 186),
        (150, 160, 140))[int(rng.integers(6))]
    papered = rng.random() < 0.35
    pen.fill(Paint(wall, "rough", 0.016, 1.0, fade=0.12, second=tone(wall, 0.9) if papered else None,
        pattern="bands", pattern_scale=2.2), box(-2, -2, width + 2, edge + 2))
    floor = int(rng.integers(3))
    horizon = edge - int(0.25 * height)
    wood = ((172, 122, 76), (128, 86, 54), (196, 160, 116))[int(rng.integers(3))]
    if floor < 2:
        ground(canvas, rng, horizon, "planks", wood, tone(wood, 0.85), contrast=0.13, density=1.2, top=edge)
    else:
        carpet = ((150, 140, 128), (122, 96, 92), (110, 122, 118))[int(rng.integers(3))]
        ground(canvas, rng, horizon, "grain", carpet, tone(carpet, 0.85), contrast=0.16, density=0.8,
            top=edge)
    pen.fill(Paint(tone(wall, 1.25)), box(-2, edge - height * 0.03, width + 2, edge + 2))
    side = float(rng.choice([0.2, 0.8]))
    if rng.random() < 0.6:
        _window(pen, width * side, height * 0.06, width * 0.17, edge - height * 0.16)
    else:
        _shelves(pen, width * side, height * 0.1, width * 0.15, edge * 0.8)
    for k in range(int(rng.integers(1, 4))):
        _picture(pen, width * (1 - side) + (k - 1) * width * 0.19, height * float(rng.uniform(0.12, 0.18)),
            height * 0.1)
    if rng.random() < 0.6:
        rug = ((160, 60, 56), (70, 90, 120), (190, 170, 130))[int(rng.integers(3))]
        y = edge + (height - edge) * 0.55
        pen.fill(Paint(rug, "weave", 0.12, second=tone(rug, 1.3), pattern="checks", pattern_scale=1.5),
            ellipse(width / 2, y, width * 0.36, (height - edge) * 0.3))
    # Light falls from the window's side.
    slope = np.linspace(1.12, 0.8, width, dtype=np.float32)
    canvas.pixels *= (slope if side < 0.5 else slope[::-1])[None, :, None]


def _window(pen: Pen, x: float, y0: float, half: float, y1: float) -> None:
    frame = Paint((232, 230, 222), contrast=0.03)
    pen.fill(frame, box(x - half - 6, y0 - 6, x + half + 6, y1 + 8))
    pen.fill(Paint((196, 220, 238), "cloud", 0.08, fade=-0.1), box(x - half, y0, x + half, y1))
    pen.fill(Paint((116, 150, 96), "leaf", 0.25, 0.7, fade=0.2), bumpy(box(x - half, y1 - (y1 - y0) * 0.35,
        x + half, y1), pen.rng, 14, 4))
    pen.fill(frame, box(x - 2.5, y0, x + 2.5, y1), box(x - half, (y0 + y1) / 2 - 2.5, x + half,
        (y0 + y1) / 2 + 2.5), box(x - half - 6, y1, x + half + 6, y1 + 8))
    cloth = Paint(((196, 96, 80), (220, 210, 190), (110, 130, 160))[int(pen.rng.integers(3))], "weave", 0.06,
        fade=0.2)
    for s in (-1, 1):
        for k in range(4):
            cx = x + s * (half + 4 - k * half * 0.1)
            pen.fill(cloth.toned(0.8 + 0.12 * (k % 2)), limb(((cx, y0 - 8), (cx + s * 4, y1 + 10)),
                (half * 0.14, half * 0.18), bend=False))


def _shelves(pen: Pen, x: float, y0: float, half: float, y1: float) -> None:
    wood = Paint((130, 92, 60), "wood", 0.12, 0.5)
    rng = pen.rng
    pen.fill(wood.toned(0.6), box(x - half, y0, x + half, y1))
    for k in range(4):
        shelf = y0 + (y1 - y0) * (k + 1) / 4
        at = x - half + 5
        while at < x + half - 12:
            w, h = float(rng.uniform(4, 10)), float(rng.uniform(0.5, 0.8)) * (y1 - y0) / 4
            r, g, b = (float(v) for v in rng.uniform(-26, 26, 3) + rng.uniform(60, 180))
            pen.fill(Paint((r, g, b), fade=0.2), box(at, shelf - h, at + w, shelf))
            at += w + 0.5
        pen.fill(wood, box(x - half, shelf - 3, x + half, shelf + 3))
    pen.fill(wood, box(x - half - 3, y0 - 3, x + half + 3, y0 + 3), box(x - half - 3, y0, x - half + 2, y1),
        box(x + half - 2, y0, x + half + 3, y1))


def _picture(pen: Pen, x: float, y: float, r: float) -> None:
    rng = pen.rng
    w, h = r * float(rng.uniform(0.6, 1.1)), r * float(rng.uniform(0.7, 1.1))
    pen.fill(Paint((92, 70, 48) if rng.random() < 0.6 else (36, 36, 38), "wood", 0.1, 0.4), box(x - w - 4,
        y - h + 6, x + w + 4, y + h + 14))
    a, b = (tuple(float(v) for v in rng.uniform(-34, 34, 3) + rng.uniform(70, 200)) for _ in range(2))
    pen.fill(Paint((a[0], a[1], a[2]), "spots", 0.1, 0.4, second=(b[0], b[1], b[2]), share=0.4,
        pattern="cloud", pattern_scale=0.25), box(x - w, y - h + 10, x + w, y + h + 10))


def shadow(canvas: Canvas, x: float, y: float, rx: float, ry: float, strength: float) -> None:
    """Darken the ground under a thing: a soft ellipse around pixel (x, y)."""
    height, width = canvas.size
    x0, x1 = max(int(x - rx * 1.9), 0), min(int(x + rx * 1.9) + 1, width)
    y0, y1 = max(int(y - ry * 1.9), 0), min(int(y + ry * 1.9) + 1, height)
    if x0 >= x1 or y0 >= y1:
        return
    dx = ((np.arange(x0, x1, dtype=np.float32) + 0.5 - x) / rx) ** 2
    dy = ((np.arange(y0, y1, dtype=np.float32) + 0.5 - y) / ry) ** 2
    dark = np.float32(strength) * np.exp(-1.6 * (dy[:, None] + dx[None, :]) ** 1.3)
    canvas.pixels[y0:y1, x0:x1] *= (1 - dark)[..., None]


def reflect(canvas: Canvas, rng: np.random.Generator, y: int, strength: float) -> None:
    """Mirror what was painted since the last `finish` at row `y` into the water below, broken by ripples."""
    height, width = canvas.size
    deep = min(height - y, y)
    if deep < 2:
        return
    down = np.arange(deep, dtype=np.float32)
    sway = crop(rng, "ripple", deep, width, 0.5) * (1 + down[:, None] * np.float32(0.06))
    u = (np.arange(width, dtype=np.float32)[None, :] + sway * 2).astype(np.float32)
    v = np.repeat((y - 1 - down * np.float32(1.25))[:, None], width, 1).astype(np.float32) + sway
    seen = _lookup(canvas.pixels, u, v, cv2.BORDER_REPLICATE)
    cover = _lookup(canvas.cover, u, v, cv2.BORDER_CONSTANT)
    share = (cover * np.float32(strength) * (1 - down / deep)[:, None])[..., None]
    area = canvas.pixels[y : y + deep]
    free = (1 - canvas.cover[y : y + deep])[..., None]
    area += share * free * (seen * np.float32(0.8) - area)


def develop(canvas: Canvas, rng: np.random.Generator, mood: Mood, grain: float) -> U8:
    """The camera: lens softness, exposure, tint, vignette and sensor noise. (H, W, 3) uint8."""
    height, width = canvas.size
    light = np.asarray(cv2.GaussianBlur(canvas.pixels, (0, 0), float(rng.uniform(0.45, 0.65))), np.float32)
    light *= np.array(mood.tint, np.float32) * np.float32(rng.uniform(0.96, 1.16))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :] ** 2
    light *= (1 - np.float32(rng.uniform(0.05, 0.14)) * (x + y))[..., None]
    noise = rng.standard_normal((height, width, 1), dtype=np.float32)
    colour = cv2.resize(rng.standard_normal(((height + 1) // 2, (width + 1) // 2, 3), dtype=np.float32),
        (width, height))
    light += np.float32(grain) * (noise + 0.4 * colour)
    return np.clip(np.rint(light), 0, 255).astype(np.uint8)
