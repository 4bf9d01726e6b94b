"""Scenes: places as drawings and a table, what appears together in them, and the picture and label of a scene."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..classes import VOC
from ..types import U8, Size
from . import painting, things
from .drawings import Pen, parse
from .painting import Paint

VOID, VOID_WIDTH = 255, 5  # pixels between two labeled regions, as in VOC2012
MIN_PIXELS = 80  # that every object shows, or the scene is composed again

PAINTS = things.PAINTS | {
    "hill": Paint("94a69d 98a898 8a9c94", "leaf", 0.12, 0.5, fade=0.2),
    "foliage": Paint("4a7034 365c32 6a7a3c 806838", "leaf", 0.26, 1.3, round=0.55, fade=0.35, grows=True),
    "hedge": Paint("4a7034 3a6036 687a3e", "leaf", 0.28, 0.8, fade=0.6),
    "brick": Paint("965c4a b28c70 a06450 c49676", "brick", 0.13, 0.7),
    "plaster": Paint("c4b8a0 a8a8a4 cec4b0 b8a890", "rough", 0.06, 0.6),
    "wall": Paint("cec4b2 b0beba c4b0a0 a4b0c0 d6ceba 96a08c", "rough", 0.016, fade=0.12),
    "wallpaper": Paint("cec4b2/bab0a0 b0beba/9eaba7 c4b0a0/b09e90 a4b0c0/949eae 96a08c/87907e", "rough", 0.016,
                       pattern="bands", share=0.5, size=1.8),
    "art": Paint("5a8a8a/c8a880 a86a5a/e0d0a0 6a6a9a/b8c0c8 7a8a5a/d8c8a8", "spots", 0.1, pattern="cloud", share=0.45),
    "rug": Paint("a03c38/be6a60 465a78/7a8ca6 beaa82/d8c8a6", "weave", 0.12, pattern="checks", share=0.5, size=1.2),
    # Grounds: near and far color.
    "pasture": Paint("62863a/8d986a 7c8e42/9aa278 968e54/a8a480", "grass", 0.3, 0.9),
    "concrete": Paint("969694/a0a09e", "grain", 0.1),
    "paving": Paint("b0a89e/a09a92 bca890/aa9e8c", "tiles", 0.1, 1.2),
    "asphalt": Paint("626266/707072", "gravel", 0.12, 1.1),
    "lake": Paint("526e80/72858f 5c7a86/7c8f94 4a6474/6c7f88", "ripple", 0.22, 1.1),
    "parquet": Paint("ac7a4c/926841 805636/6d492e c4a074/a78863", "planks", 0.13, 0.8),
    "worktop": Paint("9e7048/866040 78787a/666668 cec6ba/b0a89e", "rough", 0.1),
}

SCENERY = """
hills: hill blob -95,-3 -80,10 -60,5 -38,16 -15,9 8,18 30,8 52,14 74,6 95,-3
hills: hill blob -95,-3 -78,4 -55,12 -30,7 -5,5 18,11 42,19 66,9 95,-3
tree: wood*55 bar 7 10 / 0,50 0,0; foliage oval 17,51 22 19 0 11 5 mirror; foliage oval 0,72 26 22 0 12 5
meadow|railway: @hills; 70% @tree 0,-1 22 tone 115 scatter 8 80,.5
meadowmarks: 50% wood*90 box -95,-7 95,-6 box -95,-3 95,-2 box -91,-10.5 -90,-1 repeat 13 15,0
lowland|airfield: @tree 0,-1 11 tone 125 scatter 22 80,.3
water: @hills tone 90; 60% @tree 0,-1 9 tone 120 scatter 24 80,.3
street: @tree 0,1 55 tone 105 scatter 6 75,1; @tree 0,0 22 scatter 12 80,.5
street: @house -92,0 62; @house -55,0 62; @house -18,0 62; @house 19,0 62; @house 56,0 62
house: plaster? box 0,0 58,108; plaster*60 box -1,106 59,110; plaster*125 box 4,22 16,39 repeat 3 19,0 repeat 4 0,21;
  pane?*85 box 5,23 15,37 repeat 3 19,0 repeat 4 0,21; white box 9.6,23 10.4,37 repeat 3 19,0 repeat 4 0,21; @shop
house: brick? box 0,0 58,92; brick*60 box -1,90 59,94; brick*150 box 5,22 19,40 repeat 2 28,0 repeat 3 0,23; pane?*85
    box 6.5,23.5 17.5,38.5 repeat 2 28,0 repeat 3 0,23; white box 6.5,30.6 17.5,31.4 repeat 2 28,0 repeat 3 0,23; @shop
shop: fabric? box 2,0 56,19; pane? box 5,3 52,12; white box 9,14 12,17 repeat 7 5,0; 50% pillow box 2,9 56,14
shop: fabric? box 6,0 17,16 box 40,0 51,16; pane? box 22,4 35,16
streetmarks: white*80 box -95,-9.5 95,-7.8 box -94,-30 -75,-28.3 repeat 6 34,0
living|dining: wallpaper|wall box -95,0 95,70; white box -95,0 95,3; @window -43,0; @picture 8,36; @picture 27,36
window: white box -14,13 14,54; pane*160 box -12.5,15 12.5,53; hedge oval 0,16 15 9 0 9 1 less box -20,-20 20,15;
  white box -.6,15 .6,53 box -12,33 12,34 box -16,11 16,13; @curtain -13,0; @curtain 13,0 flip
curtain: fabric*80 bar 3 3.6 / 3,55 3,9 repeat 2 -5,0; fabric bar 3 3.6 / .5,55 .5,9 repeat 2 -5,0
window: wood*60 box -12,12 12,52; fabric? box -11,13 -8.7,20 repeat 9 2.45,0 repeat 4 0,10; wood box -13,51 13,53 box
    -13,11 13,12.2 repeat 4 0,10 box -13,11 -11.6,53 mirror
picture: wood? box -8,-6 8,6; art? box -7,-5 7,5
picture: wood? box -6,-7 6,7; art? box -5,-6 5,6
livingmarks|diningmarks: 60% rug oval 0,-19 46 10
patio: brick|plaster box -95,-1 95,110; 30% hedge oval 0,0 95 24 0 70 1.5; 40% hedge oval 0,0 95 12 0 80 1.2
counter: paving|wall box -95,-1 95,110
airfieldmarks: amber*85 poly -95,-30 95,-32 95,-30.5 -95,-28
livingtvmonitor: wood*80 box -98,-54 98,-4; wood box -94,-49 -2,-9 1 mirror; wood*115 poly -94,6 94,6 102,-4 -102,-4
railwaytrain: asphalt*150 poly -700,36 320,2 320,-50 -700,30; @sleeper; @sleeper -40,1.9 94.3; @sleeper -75,3.6 89.3;
  @sleeper -107,5.2 84.7; @sleeper -136,6.6 80.6; metal poly -700,34 320,-5 320,-9 poly -700,33 320,-26 320,-31
sleeper: wood*55 poly 300,5 312,4.6 330,-10 314,-9.5
"""
"""In these drawings 100 is the height of the picture, x = 0 its middle, and y = 0 the row where the ground begins."""
DRAWINGS = parse(things.THINGS + SCENERY)
LIFTS = {"livingtvmonitor": 0.54}  # how far above the floor, in its heights


class Spot(NamedTuple):
    """Where things stand: side by side, or at `x`.

    rows: of their feet, as shares of the height. tallest: the height of the tallest, and meter: the most that a meter
    may take, as such shares. fill: how much of the width they take. least: the height of the others as a share of the
    tallest. x: of the width, from either side in turns. by: the thing from whose foot x and rows count, in its heights.
    """

    rows: tuple[float, float]
    tallest: float = 0.72
    fill: float = 1.0
    meter: float = 9.0
    least: float = 0.28
    x: tuple[float, float] | None = None
    by: str = ""
    on: str = "land"


class Place(NamedTuple):
    """A place called NAME; the drawing NAME is behind its ground, NAMEmarks on it, and NAMECLASS under a thing.

    edge: the row where the ground begins, as a share of the height; rise: how far above it the ground would vanish.
    grounds: paints, and how far below the edge they begin. spots: by class, "" for all others.
    """

    edge: tuple[float, float]
    grounds: dict[str, float]
    spots: dict[str, Spot]
    rise: float = 0.0


FLYING = Spot((0.14, 0.28), 0.15, on="air")
ASIDE = Spot((0.92, 0.98), 0.5, x=(0.1, 0.3))
BACK = Spot((0.74, 0.84), 0.5)

PLACES = {
    "sky": Place((1, 1), {}, {"": Spot((0.6, 0.8), 0.5, on="air")}),
    "lowland": Place((0.84, 0.94), {"pasture": 0}, {"": FLYING, "aeroplane": Spot((0.55, 0.75), 0.3, 0.9, on="air")}),
    "airfield": Place((0.42, 0.5), {"pasture": 0, "concrete": 0.12}, {"": Spot((0.7, 0.8), 0.5), "person": ASIDE}, 0.2),
    "meadow": Place((0.3, 0.45), {"pasture": 0}, {"": Spot((0.78, 0.95)), "bird": FLYING}),
    "water": Place((0.38, 0.5), {"lake": 0}, {"": Spot((0.66, 0.84), 0.62, 0.9, on="water"), "bird": FLYING}),
    "street": Place((0.54, 0.62), {"paving": 0, "asphalt": 0.08}, {"": Spot((0.78, 0.95), 0.66, 1.2, 0.26)}, 0.2),
    "railway": Place((0.4, 0.48), {"pasture": 0}, {"train": Spot((0.74, 0.8), 0.5, 1.3, x=(0.62, 0.76)), "": ASIDE}),
    "patio": Place((0.55, 0.66), {"paving": 0}, {"": Spot((0.82, 0.95), 0.68, 0.95)}, 0.28),
    "living": Place((0.6, 0.68), {"parquet": 0}, {"sofa": BACK, "chair": BACK, "tvmonitor": BACK,
                                                 "": Spot((0.9, 0.98), 0.74, 0.9, 0.42)}, 0.25),
    "dining": Place((0.52, 0.6), {"parquet": 0}, {
        "diningtable": Spot((0.88, 0.94), 0.42, 0.57, x=(0.44, 0.56)),
        "bottle": Spot((0.68, 0.8), x=(0.08, 0.3), by="diningtable"),
        "chair": Spot((-0.08, 0.16), x=(1.05, 1.3), by="diningtable"),
        "": Spot((0.3, 0.3), x=(0, 0.5), by="diningtable")}, 0.25),
    "counter": Place((0.62, 0.72), {"worktop": 0}, {"": Spot((0.8, 0.93), 0.62, least=1.0)}, 0.33),
}

KINDS = {
    "aeroplane": (5.0, 1.9, 1.75), "bicycle": (1.1, 0.88, 0.88), "bird": (0.35, 0.8, 0.6), "boat": (6.0, 0.62, 0.7),
    "bottle": (0.34, 0.15, 0.15), "bus": (3.0, 2.1, 0.7), "car": (1.5, 1.5, 1.5), "cat": (0.6, 0.7, 0.7),
    "chair": (0.95, 0.32, 0.34), "cow": (1.5, 0.7, 1.0), "diningtable": (0.78, 1.06, 1.06), "dog": (0.7, 0.65, 0.8),
    "horse": (2.1, 0.55, 0.72), "motorbike": (1.15, 1.02, 1.02), "person": (1.75, 0.26, 0.26),
    "pottedplant": (0.9, 0.45, 0.45), "sheep": (1.0, 0.7, 0.9), "sofa": (0.85, 1.3, 1.3), "train": (3.8, 3.2, 0.5),
    "tvmonitor": (0.7, 0.9, 0.9),
}
"""Of each class the height in meters, and how far it reaches to the left and to the right, in its heights."""

CASTS = (
    "lowland aeroplane bird?", "water boat bird boat?", "street bus car person?", "meadow cow horse person? cow?",
    "street bicycle motorbike person? person?", "meadow sheep dog sheep? sheep? person?",
    "living sofa tvmonitor cat? dog? person? pottedplant?", "dining diningtable chair bottle bottle? person? chair?",
    "railway train person person?", "patio pottedplant cat chair? bicycle? person? bird?",
)
"""A place and its things, some of them optional (?). All 20 classes are in CASTS; VARIANTS are for variety."""

VARIANTS = (
    "airfield aeroplane person? person?", "water boat boat? bird?", "street car person? dog? car?",
    "street bus person? bicycle?", "meadow horse person dog?", "sky bird bird? bird?",
    "counter bottle bottle tvmonitor? bottle? pottedplant?", "counter tvmonitor cat bottle?",
    "living sofa person dog? pottedplant? tvmonitor?", "living chair dog pottedplant? cat? sofa?",
)


class Composition(NamedTuple):
    """image: (H, W, 3) uint8. label, instances: (H, W) uint8, void 255. names, boxes: of instance k + 1; a box is
    (x0, y0, x1, y1), half open, of the visible part without the void border.
    """

    image: U8
    label: U8
    instances: U8
    names: list[str]
    boxes: list[tuple[int, int, int, int]]


class Actor(NamedTuple):
    """A thing in a scene: its foot is at pixel (x, y), scale is its height in pixels; more depth is nearer."""

    name: str
    x: float
    y: float
    scale: float
    flip: bool
    depth: float
    on: str


def compose(cast: str, size: Size, seed: tuple[int, ...]) -> Composition:
    """Paint one scene of (height, width). The same arguments give the same picture, in any thread."""
    place, *names = cast.split()
    for attempt in range(24):
        rng = np.random.default_rng([*seed, attempt])
        spare = 0.35 if attempt < 6 else 0
        chosen = [name.strip("?") for name in names if not name.endswith("?") or rng.random() < spare]
        composition = _paint(place, chosen[:5], size, rng)
        if composition is not None:
            return composition
    raise AssertionError(f"no composition of {cast} in {size} shows every object (seed {seed})")


def _paint(where: str, names: list[str], size: Size, rng: np.random.Generator) -> Composition | None:
    height, width = size
    place = PLACES[where]
    canvas = painting.Canvas(height, width, rng)
    pen = Pen(canvas, PAINTS, DRAWINGS)
    edge = int(height * rng.uniform(*place.edge))
    horizon = edge - int(height * place.rise)
    scenery = pen.at(width / 2, edge, height, flip=bool(rng.random() < 0.5))
    painting.sky(canvas, edge)
    scenery.draw(where)
    for paint, below in place.grounds.items():
        painting.ground(canvas, PAINTS[paint], horizon, edge + int(below * height))
    scenery.draw(where + "marks")
    if place.rise > 0.2:  # a room, into which light falls from one side
        canvas.pixels *= np.linspace(1.12, 0.8, width, dtype=np.float32)[:: rng.choice([-1, 1]), None]
    painting.soften(canvas.pixels, 0.9)
    actors = sorted(_actors(place, names, size, horizon, rng), key=lambda actor: actor.depth)
    actors = [actor._replace(y=actor.y - LIFTS.get(where + actor.name, 0) * actor.scale) for actor in actors]
    for actor in actors:
        pen.at(actor.x, actor.y, actor.scale, actor.flip).draw(where + actor.name)
    canvas.cover[:] = 0  # the scenery belongs to no object
    for number, actor in enumerate(actors, 1):
        _perform(pen, actor)
        canvas.owner[canvas.cover >= 0.5] = number
        canvas.cover[:] = 0
    return _finish(painting.develop(canvas), canvas.owner, [actor.name for actor in actors])


def _actors(place: Place, names: list[str], size: Size, horizon: int, rng: np.random.Generator) -> Iterator[Actor]:
    """Where everything stands."""
    groups: dict[Spot, list[str]] = {}
    for index in rng.permutation(len(names)):
        groups.setdefault(place.spots.get(names[index], place.spots[""]), []).append(names[index])
    done: dict[str, Actor] = {}
    for spot in sorted(groups, key=lambda spot: spot.by):
        apart = _apart(spot, groups[spot], size, done.get(spot.by), rng)
        for actor in apart if spot.x else _line_up(spot, groups[spot], size, horizon, rng):
            done[actor.name] = actor
            yield actor


def _apart(spot: Spot, names: list[str], size: Size, anchor: Actor | None, rng: np.random.Generator) -> Iterator[Actor]:
    """Things on the left and the right of the picture or of another thing."""
    height, width = size
    side = int(rng.choice([-1, 1]))
    for name in names:
        side = -side
        meters, left, right = KINDS[name]
        x, y = side * rng.uniform(*spot.x), rng.uniform(*spot.rows)  # type: ignore[misc]
        if anchor:
            front = name == "bottle"
            x, y = anchor.x + x * anchor.scale, anchor.y - y * anchor.scale
            scale = min(anchor.scale / KINDS[spot.by][0] * meters * (1.3 if front else 1.05), 0.8 * y)
            yield Actor(name, x, y, scale, side > 0, anchor.y + 0.5 if front else y, spot.on)
        else:
            scale = min(height * spot.tallest, width * spot.fill / (left + right)) * rng.uniform(0.88, 1.08)
            yield Actor(name, x % 1 * width, y * height, scale, side < 0, y * height, spot.on)


def _line_up(spot: Spot, names: list[str], size: Size, horizon: int, rng: np.random.Generator) -> Iterator[Actor]:
    """Things side by side, sized by their meters, nearer ones lower and larger."""
    height, width = size
    kinds = np.array([KINDS[name] for name in names])
    tall = np.maximum(kinds[:, 0], spot.least * kinds[:, 0].max())
    wide = tall * kinds[:, 1:].sum(axis=1)
    scale = min(height * spot.tallest / tall.max(), height * spot.meter)
    scale = min(scale, width * spot.fill * rng.uniform(0.85, 1.08) / wide.sum())
    gap = (width - scale * wide.sum()) / (len(names) + 1)
    middles = np.cumsum(wide * scale + gap) - wide * scale / 2 + rng.uniform(-0.3, 0.3, len(names)) * max(gap, 12)
    for name, high, middle, (_, left, right) in zip(names, tall * scale, middles, kinds, strict=True):
        y = height * rng.uniform(*spot.rows)
        near = (y - horizon) / (np.mean(spot.rows) * height - horizon) if spot.on != "air" else rng.uniform(0.85, 1.15)
        flip = bool(rng.random() < 0.5)
        # The middle of the thing stays in the picture; its foot may be elsewhere.
        x = np.clip(middle, 0.07 * width, 0.93 * width) + high * (right - left) / 2 * (1 if flip else -1)
        yield Actor(name, x, y, high * near, flip, np.inf if spot.on == "air" else y, spot.on)


def _perform(pen: Pen, actor: Actor) -> None:
    """Shadow, thing, mirror image."""
    name, x, y, scale, flip, _, on = actor
    _, left, right = KINDS[name]
    if on == "land":
        reach = (left + right) / 2 * scale
        shift = (right - left) / 2 * (-1 if flip else 1) - 0.12 * pen.canvas.light[0]
        deep = min(max(scale * 0.05, reach * 0.08), scale * 0.09)
        painting.shadow(pen.canvas, x + shift * scale, y - 0.02 * scale, reach, deep)
    turn = pen.canvas.rng.uniform(-9, 9) if on == "air" else 0.0
    pen.at(x, y, scale, flip, turn).draw("flyingbird" if (name, on) == ("bird", "air") else name)
    if on == "water":
        painting.mirror(pen.canvas, round(y))


def _finish(image: U8, owner: U8, names: list[str]) -> Composition | None:
    """Void between regions, boxes; None if an object is hardly visible."""
    lowest = highest = np.pad(owner, (VOID_WIDTH // 2 + 1, VOID_WIDTH // 2), mode="edge")
    for _ in range(VOID_WIDTH):  # squares of one pixel more each time
        lowest, highest = np.minimum(lowest[1:], lowest[:-1]), np.maximum(highest[1:], highest[:-1])
        lowest, highest = np.minimum(lowest[:, 1:], lowest[:, :-1]), np.maximum(highest[:, 1:], highest[:, :-1])
    instances = np.where(lowest != highest, VOID, owner).astype(np.uint8)
    ids = np.full(256, VOID, np.uint8)
    ids[0] = 0
    boxes = []
    for number, name in enumerate(names, 1):
        if np.count_nonzero(instances == number) < MIN_PIXELS:
            return None
        ids[number] = VOC.names.index(name)
        rows, columns = (np.flatnonzero((owner == number).any(axis=axis)) for axis in (1, 0))
        boxes.append((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
    return Composition(image, ids[instances], instances, names, boxes)
