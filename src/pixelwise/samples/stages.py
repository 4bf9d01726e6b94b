"""The places where scenes happen: each paints its scenery and says where the things stand."""

# fmt: off
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

import cv2
import numpy as np

from . import beings, craft, household, scenery, vehicles
from .canvas import Canvas, Paint, Pen, mix, tone
from .shapes import Outline, box, poly


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of thing that looks to the right. metres: its height. left, right: its reach, in heights."""

    paint: Callable[[Pen], None]
    metres: float
    left: float
    right: float


KINDS = {
    "aeroplane": Kind(craft.aeroplane, 5.0, 1.9, 1.75),
    "bicycle": Kind(vehicles.bicycle, 1.1, 0.88, 0.88),
    "bird": Kind(beings.bird, 0.35, 0.8, 0.6),
    "boat": Kind(craft.boat, 6.0, 0.62, 0.7),
    "bottle": Kind(household.bottle, 0.34, 0.15, 0.15),
    "bus": Kind(vehicles.bus, 3.0, 2.1, 0.7),
    "car": Kind(vehicles.car, 1.5, 1.5, 1.5),
    "cat": Kind(beings.cat, 0.5, 0.7, 0.7),
    "chair": Kind(household.chair, 0.95, 0.32, 0.34),
    "cow": Kind(beings.cow, 1.5, 0.7, 1.0),
    "diningtable": Kind(household.diningtable, 0.78, 1.06, 1.06),
    "dog": Kind(beings.dog, 0.7, 0.65, 0.8),
    "horse": Kind(beings.horse, 2.1, 0.55, 0.72),
    "motorbike": Kind(vehicles.motorbike, 1.15, 1.02, 1.02),
    "person": Kind(beings.person, 1.75, 0.26, 0.26),
    "pottedplant": Kind(household.pottedplant, 0.9, 0.45, 0.45),
    "sheep": Kind(beings.sheep, 1.0, 0.7, 0.9),
    "sofa": Kind(household.sofa, 0.85, 1.3, 1.3),
    "train": Kind(vehicles.train, 3.8, 3.2, 0.5),
    "tvmonitor": Kind(household.tvmonitor, 0.7, 0.9, 0.9),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """One thing in one scene: pixel (x, y) is where it stands, `scale` its height in pixels.

    pose: a painter other than the kind's. depth: the row that decides the drawing order, if not y. on: what
    is below it: a shadow on land, a mirror image on water, nothing in the air.
    """

    name: str
    x: float
    y: float
    scale: float
    flip: bool = False
    turn: float = 0.0
    pose: Callable[[Pen], None] | None = None
    depth: float | None = None
    on: Literal["land", "water", "air"] = "land"


@dataclass(slots=True)
class Stage:
    """A scene being set: the canvas, this scene's randomness and its light."""

    canvas: Canvas
    rng: np.random.Generator
    mood: scenery.Mood

    @property
    def height(self) -> int:
        """Of the picture, in pixels."""
        return self.canvas.size[0]

    @property
    def width(self) -> int:
        """Of the picture, in pixels."""
        return self.canvas.size[1]

    def row(self, low: float, high: float) -> int:
        """A random row between two shares of the height."""
        return int(self.height * self.rng.uniform(low, high))

    def blur(self, sigma: float) -> None:
        """Put what is painted so far out of focus."""
        cv2.GaussianBlur(self.canvas.pixels, (0, 0), sigma, dst=self.canvas.pixels)


def _line_up(stage: Stage, names: list[str], horizon: int, base: tuple[float, float], fill: float = 1.0,
             tallest: float = 0.72) -> list[Actor]:
    """Actors side by side on level ground, sized by their metres, nearer ones lower and larger.

    base: the rows between which they stand, as shares of the height. fill: how much of the width they take.
    """
    rng, width, height = stage.rng, stage.width, stage.height
    names = [names[i] for i in rng.permutation(len(names))]
    kinds = [KINDS[n] for n in names]
    metres = [max(k.metres, 0.28 * max(o.metres for o in kinds)) for k in kinds]
    wide = [m * (k.left + k.right) for m, k in zip(metres, kinds, strict=True)]
    scale = min(width * fill * float(rng.uniform(0.85, 1.08)) / sum(wide), height * tallest / max(metres))
    middle = horizon + (sum(base) / 2 * height - horizon)
    actors = []
    gap = (width - scale * sum(wide)) / (len(names) + 1)
    x = gap
    for name, kind, m, w in zip(names, kinds, metres, wide, strict=True):
        y = height * float(rng.uniform(*base))
        size = m * scale * (y - horizon) / (middle - horizon)
        flip = bool(rng.random() < 0.5)
        # The middle of the thing stays in the picture; its origin may lie elsewhere.
        middle_x = x + scale * w / 2 + float(rng.uniform(-0.3, 0.3)) * max(gap, 12)
        middle_x = min(max(middle_x, 0.07 * width), 0.93 * width)
        at = middle_x + scale * m * (kind.right - kind.left) / 2 * (1 if flip else -1)
        actors.append(Actor(name, at, y, size, flip))
        x += w * scale + gap
    return actors


def _birds(stage: Stage, count: int, low: float, high: float, size: float) -> list[Actor]:
    """Flying birds side by side, between two shares of the height."""
    rng = stage.rng
    out = []
    for k in range(count):
        scale = stage.height * size * float(rng.uniform(0.8, 1.2)) / count**0.5
        x = stage.width * (0.12 + 0.76 * (k + float(rng.uniform(0.25, 0.75))) / count)
        y = stage.height * float(rng.uniform(low, high))
        flip, turn = bool(rng.random() < 0.5), float(rng.uniform(-0.2, 0.2))
        out.append(Actor("bird", x, y, scale, flip, turn, beings.flying_bird, inf, "air"))
    return out


def _onlooker(stage: Stage, *, left: bool) -> Actor:
    """A person near the camera, on one side."""
    rng = stage.rng
    side = float(rng.uniform(0.1, 0.3))
    x, y = stage.width * (side if left else 1 - side), stage.height * float(rng.uniform(0.92, 0.98))
    return Actor("person", x, y, stage.height * float(rng.uniform(0.4, 0.52)), bool(rng.random() < 0.5))


def meadow(stage: Stage, names: list[str]) -> list[Actor]:
    """Grass, hills, trees, perhaps a fence."""
    rng, horizon = stage.rng, stage.row(0.3, 0.45)
    scenery.sky(stage.canvas, rng, stage.mood, horizon)
    scenery.hills(stage.canvas, rng, horizon, (96, 120, 92), stage.height * 0.2, 0.5)
    green = ((98, 134, 58), (124, 142, 66), (150, 142, 84))[int(rng.choice(3, p=(0.5, 0.35, 0.15)))]
    scenery.ground(stage.canvas, rng, horizon, "grass", green, mix(green, (175.0, 175.0, 175.0), 0.4),
        contrast=0.3, density=1.1)
    if rng.random() < 0.7:
        scenery.trees(stage.canvas, rng, horizon + 4, stage.height * 0.22, int(rng.integers(4, 9)), 0.2)
    if rng.random() < 0.5:
        scenery.fence(stage.canvas, rng, horizon + stage.height * 0.1, stage.height * 0.09)
    stage.blur(0.9)
    ground = [n for n in names if n != "bird"]
    actors = _line_up(stage, ground, horizon - stage.height // 5, (0.78, 0.95))
    return actors + _birds(stage, names.count("bird"), 0.2, 0.32, 0.14)


def air(stage: Stage, names: list[str]) -> list[Actor]:
    """Only sky and a strip of land or nothing below."""
    rng = stage.rng
    horizon = stage.height if rng.random() < 0.5 else stage.row(0.84, 0.94)
    scenery.sky(stage.canvas, rng, stage.mood, horizon)
    if horizon < stage.height:
        scenery.ground(stage.canvas, rng, horizon, "leaf", (92, 108, 62), (120, 130, 104), contrast=0.2)
        scenery.trees(stage.canvas, rng, horizon + 5, stage.height * 0.12, 12, 0.3)
    stage.blur(1.2)
    if "aeroplane" not in names:
        return _birds(stage, len(names), 0.45, 0.8, 0.5)
    scale, y = stage.width * float(rng.uniform(0.21, 0.29)), stage.height * float(rng.uniform(0.55, 0.75))
    x, flip, turn = stage.width * float(rng.uniform(0.4,
        0.6)), bool(rng.random() < 0.5), float(rng.uniform(-0.22, 0.08))
    plane = Actor("aeroplane", x, y, scale, flip, turn, on="air")
    return [plane, *_birds(stage, names.count("bird"), 0.17, 0.28, 0.15)]


def airfield(stage: Stage, names: list[str]) -> list[Actor]:
    """Concrete, grass, a far tree line."""
    rng, horizon = stage.rng, stage.row(0.42, 0.5)
    scenery.sky(stage.canvas, rng, stage.mood, horizon)
    scenery.trees(stage.canvas, rng, horizon + 3, stage.height * 0.1, 12, 0.4)
    scenery.ground(stage.canvas, rng, horizon, "grass", (116, 136, 70), (140, 150, 106), contrast=0.25)
    scenery.ground(stage.canvas, rng, horizon, "grain", (150, 150, 148), (160, 160, 158), contrast=0.1,
        top=horizon + stage.height // 8)
    pen = Pen(stage.canvas, np.eye(3), rng, 100.0)
    y = horizon + stage.height * 0.42
    pen.fill(Paint((226, 206, 96), contrast=0.06), poly((-5, y), (stage.width + 5, y - 8),
        (stage.width + 5, y - 3), (-5, y + 6)))
    stage.blur(0.9)
    planes = _line_up(stage, ["aeroplane"], horizon - stage.height // 5, (0.7, 0.82), 1.0, 0.5)
    people = [_onlooker(stage, left=k % 2 == 0) for k in range(names.count("person"))]
    return [*(replace(a, pose=craft.parked_aeroplane) for a in planes), *people]


def street(stage: Stage, names: list[str]) -> list[Actor]:
    """House fronts or trees, a pavement, a road with a dashed line."""
    rng, height, width = stage.rng, stage.height, stage.width
    horizon = stage.row(0.36, 0.42)
    kerb = stage.row(0.62, 0.7)
    scenery.sky(stage.canvas, rng, stage.mood, kerb)
    if rng.random() < 0.7:
        scenery.houses(stage.canvas, rng, kerb - height * 0.08, height * 0.62)
    else:
        scenery.trees(stage.canvas, rng, kerb - height * 0.06, height * 0.55, 5, 0.1)
        scenery.trees(stage.canvas, rng, kerb - height * 0.05, height * 0.22, 12, 0.0)
    scenery.ground(stage.canvas, rng, horizon, "tiles", (176, 168, 158), (160, 154, 146), contrast=0.08,
        density=0.8, top=kerb - int(height * 0.08))
    scenery.ground(stage.canvas, rng, horizon, "gravel", (98, 98, 102), (112, 112, 114), contrast=0.12,
        density=0.9, top=kerb)
    pen = Pen(stage.canvas, np.eye(3), rng, 100.0)
    pen.fill(Paint((188, 184, 176), "grain", 0.1), box(-5, kerb - 2, width + 5, kerb + height * 0.014))
    x, y = -float(rng.uniform(0, 60)), height * float(rng.uniform(0.86, 0.93))
    while x < width:
        pen.fill(Paint((222, 220, 208), "grain", 0.08), box(x, y, x + width * 0.13, y + height * 0.016))
        x += width * 0.24
    stage.blur(0.9)
    return _line_up(stage, names, horizon, (0.78, 0.95), 1.2, 0.66)


def water(stage: Stage, names: list[str]) -> list[Actor]:
    """A lake or the sea, with a far shore."""
    rng, horizon = stage.rng, stage.row(0.38, 0.5)
    scenery.sky(stage.canvas, rng, stage.mood, horizon)
    if rng.random() < 0.7:
        scenery.hills(stage.canvas, rng, horizon, (84, 106, 92), stage.height * 0.22, 0.4)
        if rng.random() < 0.6:
            scenery.trees(stage.canvas, rng, horizon + 3, stage.height * 0.09, 14, 0.3)
    low = stage.mood.low
    blue = (low[0] * 0.35 + 20, low[1] * 0.4 + 30, low[2] * 0.42 + 36)
    scenery.ground(stage.canvas, rng, horizon, "ripple", blue, mix(blue, (160.0, 160.0, 160.0), 0.25),
        contrast=0.22, density=0.9)
    stage.blur(0.8)
    afloat = [n for n in names if n != "bird"]
    actors = _line_up(stage, afloat, horizon - stage.height // 12, (0.66, 0.84), 0.9, 0.62)
    boats = [replace(a, on="water") for a in actors]
    return boats + _birds(stage, names.count("bird"), 0.18, 0.34, 0.16)


def railway(stage: Stage, names: list[str]) -> list[Actor]:
    """A track through the country, people on the near side."""
    rng, height, width = stage.rng, stage.height, stage.width
    horizon = stage.row(0.4, 0.48)
    scenery.sky(stage.canvas, rng, stage.mood, horizon)
    scenery.hills(stage.canvas, rng, horizon, (96, 116, 92), height * 0.2, 0.45)
    scenery.trees(stage.canvas, rng, horizon + 4, height * 0.26, int(rng.integers(5, 9)), 0.15)
    scenery.ground(stage.canvas, rng, horizon, "grass", (112, 126, 66), (130, 140, 96), contrast=0.28)
    flip = bool(rng.random() < 0.5)
    scale = min(height * 0.5, width * 0.36) * float(rng.uniform(0.9, 1.1))
    x = width * float(rng.uniform(0.62, 0.76))
    if flip:
        x = width - x
    y = height * float(rng.uniform(0.74, 0.8))
    pen = Pen.at(stage.canvas, rng, x, y, scale, flip=flip)
    pen.fill(Paint((150, 140, 128), "gravel", 0.2, 0.6), poly((-7, -0.36), (3.2, -0.02), (3.2, 0.5),
        (-7, -0.3)))
    for k in range(26):
        at = 3.0 * (0.83**k)
        pen.fill(Paint((104, 84, 68), "wood", 0.15, 0.4), _sleeper(at))
    for a, b in ((-0.02, 0.11), (0.1, 0.32)):
        pen.fill(Paint((150, 146, 144)), poly((-7, -0.34), (3.2, a + 0.07), (3.2, a + 0.1), (-7, -0.335)),
            poly((-7, -0.33), (3.2, b), (3.2, b + 0.035), (-7, -0.325)))
    stage.blur(0.8)
    people = [_onlooker(stage, left=not flip) for _ in range(names.count("person"))]
    return [Actor("train", x, y, scale, flip), *people]


def _sleeper(at: float) -> Outline:
    """A railway sleeper `at` units right of the train's nose; all lengthwise lines meet at x = -7."""
    s0, s1 = (at + 7.0) / 6.72, (at + 0.12 + 7.0) / 6.72
    return poly((at, -0.34 + 0.29 * s0), (at + 0.12, -0.34 + 0.29 * s1), (at + 0.3, -0.34 + 0.44 * s1),
        (at + 0.14, -0.34 + 0.44 * s0))


def terrace(stage: Stage, names: list[str]) -> list[Actor]:
    """A sunny wall and paving."""
    rng, height = stage.rng, stage.height
    edge = stage.row(0.55, 0.66)
    pen = Pen(stage.canvas, np.eye(3), rng, 100.0)
    brick = rng.random() < 0.5
    wall = ((176, 110, 86), (196, 150, 118)) if brick else ((214, 200, 170), (196, 190, 182))
    pen.fill(Paint(wall[int(rng.integers(2))], "brick" if brick else "rough", 0.13 if brick else 0.04, 0.8),
        box(-2, -2, stage.width + 2, edge + 2))
    scenery.ground(stage.canvas, rng, edge - height // 4, "tiles", (188, 172, 148), (170, 158, 140),
        contrast=0.1, density=0.9, top=edge)
    if rng.random() < 0.5:
        scenery.hedge(stage.canvas, rng, edge + height * 0.02, height * float(rng.uniform(0.12, 0.3)))
    stage.blur(0.9)
    return _line_up(stage, names, edge - height // 3, (0.82, 0.95), 0.95, 0.68)


def living(stage: Stage, names: list[str]) -> list[Actor]:
    """A room with a sofa against the wall, a television on a cabinet, animals and plants on the floor."""
    rng, height, width = stage.rng, stage.height, stage.width
    edge = stage.row(0.6, 0.68)
    scenery.room(stage.canvas, rng, edge)
    stage.blur(0.8)
    names = [names[i] for i in rng.permutation(len(names))]
    back = [n for n in names if n in ("sofa", "tvmonitor", "chair", "diningtable")]
    front = [n for n in names if n not in back]
    actors = _line_up(stage, back, edge - height // 3, (0.74, 0.84), 1.0, 0.5) if back else []
    for k, actor in enumerate(actors):
        if actor.name == "tvmonitor":
            actors[k] = _on_cabinet(stage, actor)
    for k, name in enumerate(front):
        kind = KINDS[name]
        tall = height * {"person": 0.74, "pottedplant": 0.44, "bottle": 0.3}.get(name,
            0.34) * float(rng.uniform(0.9, 1.15))
        slot = (k + float(rng.uniform(0.3, 0.7))) / len(front)
        actors.append(Actor(name, width * (0.06 + 0.88 * slot), height * float(rng.uniform(0.9, 0.99)),
            min(tall, width * 0.9 / (kind.left + kind.right)), bool(rng.random() < 0.5)))
    return actors


def _on_cabinet(stage: Stage, actor: Actor) -> Actor:
    """The actor lifted onto a low cabinet, which is painted under it."""
    pen = Pen.at(stage.canvas, stage.rng, actor.x, actor.y, actor.scale)
    wood = Paint(((120, 82, 54), (206, 198, 184), (70, 56, 50))[int(stage.rng.integers(3))], "wood", 0.1, 0.8)
    scenery.shadow(stage.canvas, actor.x, actor.y, actor.scale, actor.scale * 0.12, 0.5)
    pen.fill(wood.toned(0.8), box(-0.98, -0.5, 0.98, 0.0))
    pen.fill(wood, box(-0.94, -0.45, -0.02, -0.05, 0.01), box(0.02, -0.45, 0.94, -0.05, 0.01))
    pen.fill(wood.toned(1.15), poly((-0.94, -0.6), (0.94, -0.6), (1.02, -0.5), (-1.02, -0.5)))
    pen.fill(Paint((60, 52, 46)), box(-0.08, -0.28, -0.05, -0.2), box(0.05, -0.28, 0.08, -0.2))
    return replace(actor, y=actor.y - 0.54 * actor.scale)


def dining(stage: Stage, names: list[str]) -> list[Actor]:
    """A table in the middle of a room, chairs at its sides, bottles on it."""
    rng, height, width = stage.rng, stage.height, stage.width
    edge = stage.row(0.52, 0.6)
    scenery.room(stage.canvas, rng, edge)
    stage.blur(0.8)
    scale = min(height * 0.42, width * 0.27) * float(rng.uniform(0.9, 1.1))
    x, y = width * float(rng.uniform(0.44, 0.56)), height * float(rng.uniform(0.88, 0.94))
    metre = scale / KINDS["diningtable"].metres
    actors = [Actor("diningtable", x, y, scale)]
    side = 1.0 if rng.random() < 0.5 else -1.0
    bottles = 0
    for name in names:
        size = KINDS[name].metres * metre
        if name == "bottle":
            bottles += 1
            at = (0.0, -0.28, 0.26)[bottles % 3]
            foot = y - scale * float(rng.uniform(0.68, 0.8))
            actors.append(Actor(name, x + at * scale, foot, size * 1.35, depth=y + 0.5))
        elif name in ("chair", "pottedplant"):
            actors.append(Actor(name, x + side * scale * float(rng.uniform(1.05, 1.3)),
                y - height * float(rng.uniform(-0.03, 0.07)), size * 1.1, side > 0))
            side = -side
        elif name != "diningtable":
            actors.append(Actor(name, x + float(rng.uniform(-0.5, 0.5)) * scale, y - height * 0.12,
                size * 0.95))
    return actors


def counter(stage: Stage, names: list[str]) -> list[Actor]:
    """A kitchen counter or shelf seen from near: bottles, a screen, a plant, a cat."""
    rng, height, width = stage.rng, stage.height, stage.width
    edge = stage.row(0.62, 0.72)
    pen = Pen(stage.canvas, np.eye(3), rng, 100.0)
    tiled = rng.random() < 0.5
    wall = ((196, 206, 200), (206, 192, 170), (176, 186, 200))[int(rng.integers(3))]
    pen.fill(Paint(wall, "tiles" if tiled else "rough", 0.07 if tiled else 0.02, 0.9, fade=0.15), box(-2, -2,
        width + 2, edge + 2))
    top = ((158, 112, 72), (120, 120, 122), (206, 198, 186))[int(rng.integers(3))]
    scenery.ground(stage.canvas, rng, edge - height // 3, "planks" if top[0] == 158 else "rough", top,
        tone(top, 0.85), contrast=0.1, top=edge)
    stage.blur(1.2)
    actors = []
    order = [names[i] for i in rng.permutation(len(names))]
    shares = {"bottle": 0.62, "tvmonitor": 0.56, "pottedplant": 0.6, "cat": 0.55}
    wide = [shares[n] * (KINDS[n].left + KINDS[n].right + 0.12) for n in order]
    size = min(height * float(rng.uniform(0.85, 1.05)), width * 0.98 / sum(wide))
    x = (width - size * sum(wide)) / 2
    for name, w in zip(order, wide, strict=True):
        x += w * size / 2
        actors.append(Actor(name, x, height * float(rng.uniform(0.8, 0.93)),
            size * shares[name] * float(rng.uniform(0.92, 1.05))))
        x += w * size / 2
    return actors
