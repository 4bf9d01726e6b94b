"""Scenes: which things appear together, and the picture and the label that come out of it."""

# fmt: off
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..classes import VOC
from ..types import U8, Size
from . import scenery, stages
from .canvas import Canvas, Pen
from .stages import KINDS, Actor, Stage

VOID = 255
VOID_WIDTH = 5
"""Pixels between two labelled regions, as in VOC2012."""
MIN_PIXELS = 80
"""Every object shows at least so many labelled pixels, or the scene is composed anew."""


@dataclass(frozen=True, slots=True)
class Picture:
    """image: (H, W, 3) uint8. label, instances: (H, W) uint8, void 255. names, boxes: of instance k + 1.

    Boxes are (x0, y0, x1, y1), half open, of the visible part, without the void border.
    """

    image: U8
    label: U8
    instances: U8
    names: tuple[str, ...]
    boxes: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """What must appear, what may (each with probability 0.35), and the places where that happens."""

    stage: Callable[[Stage, list[str]], list[Actor]]
    must: tuple[str, ...]
    may: tuple[str, ...] = ()


CASTS = (
    Cast(stages.air, ("aeroplane",), ("bird",)),
    Cast(stages.water, ("boat", "bird"), ("boat",)),
    Cast(stages.street, ("bus", "car"), ("person",)),
    Cast(stages.street, ("bicycle", "motorbike"), ("person", "person")),
    Cast(stages.meadow, ("cow", "horse"), ("person", "cow")),
    Cast(stages.meadow, ("sheep", "dog"), ("sheep", "sheep", "person")),
    Cast(stages.living, ("sofa", "tvmonitor"), ("cat", "dog", "person", "pottedplant")),
    Cast(stages.dining, ("diningtable", "chair", "bottle"), ("bottle", "person", "chair")),
    Cast(stages.railway, ("train", "person"), ("person",)),
    Cast(stages.terrace, ("pottedplant", "cat"), ("chair", "bicycle", "person", "bird")),
)
"""Together all 20 classes; every run of ten images of a split walks through all of them."""

VARIANTS = (
    Cast(stages.airfield, ("aeroplane",), ("person", "person")),
    Cast(stages.water, ("boat",), ("boat", "bird")),
    Cast(stages.street, ("car",), ("person", "dog", "car")),
    Cast(stages.street, ("bus",), ("person", "bicycle")),
    Cast(stages.meadow, ("horse", "person"), ("dog",)),
    Cast(stages.air, ("bird",), ("bird", "bird")),
    Cast(stages.counter, ("bottle", "bottle"), ("tvmonitor", "bottle", "pottedplant")),
    Cast(stages.counter, ("tvmonitor", "cat"), ("bottle",)),
    Cast(stages.living, ("sofa", "person"), ("dog", "pottedplant", "tvmonitor")),
    Cast(stages.living, ("chair", "dog"), ("pottedplant", "cat", "sofa")),
)
"""Further scenes, for variety beyond the ones that guarantee the classes."""


def compose(cast: Cast, size: Size, seed: tuple[int, ...]) -> Picture:
    """Paint one scene of (height, width). The same arguments give the same picture, in any thread."""
    bare = replace(cast, may=())
    for attempt in range(24):
        picture = _paint(cast if attempt < 6 else bare, size, np.random.default_rng([*seed, attempt]))
        if picture is not None:
            return picture
    raise AssertionError(f"no composition of {cast.must} in {size} shows every object (seed {seed})")


def _paint(cast: Cast, size: Size, rng: np.random.Generator) -> Picture | None:
    mood = scenery.MOODS[int(rng.choice(4, p=(0.35, 0.3, 0.2, 0.15)))]
    light = (float(rng.choice([-1, 1]) * rng.uniform(0.25, 0.6)), -float(rng.uniform(0.55, 0.9)), 0.75)
    stage = Stage(Canvas.blank(*size, light), rng, mood)
    names = [*cast.must, *(n for n in cast.may if rng.random() < 0.35)]
    actors = cast.stage(stage, names[:5])
    stage.canvas.cover[:] = 0  # the scenery belongs to no object
    actors.sort(key=lambda a: a.y if a.depth is None else a.depth)
    for number, actor in enumerate(actors, 1):
        _perform(stage, actor)
        stage.canvas.finish(number)
    owner = stage.canvas.owner
    image = scenery.develop(stage.canvas, rng, mood, float(rng.uniform(3.2, 5.5)))
    return _finish(image, owner, [a.name for a in actors])


def _perform(stage: Stage, actor: Actor) -> None:
    """Shadow, thing, mirror image."""
    canvas, rng, kind = stage.canvas, stage.rng, KINDS[actor.name]
    pen = Pen.at(canvas, rng, actor.x, actor.y, actor.scale, flip=actor.flip, turn=actor.turn)
    if actor.on == "land":
        reach = (kind.left + kind.right) / 2 * actor.scale
        middle = actor.x + (kind.right - kind.left) / 2 * actor.scale * (-1 if actor.flip else 1)
        shift = -stage.canvas.light[0] * actor.scale * 0.12
        scenery.shadow(canvas, middle + shift, actor.y - 0.02 * actor.scale, reach,
            min(max(actor.scale * 0.05, reach * 0.08), actor.scale * 0.09), 0.6)
    (actor.pose or kind.paint)(pen)
    if actor.on == "water":
        scenery.reflect(canvas, rng, round(actor.y), 0.6)


def _finish(image: U8, owner: U8, names: list[str]) -> Picture | None:
    """Void between regions, boxes; None if an object is hardly visible."""
    kernel = np.ones((VOID_WIDTH + 1, VOID_WIDTH + 1), np.uint8)
    border = cv2.dilate(owner, kernel) != cv2.erode(owner, kernel)
    instances = np.where(border, VOID, owner).astype(np.uint8)
    ids = np.zeros(256, np.uint8)
    ids[VOID] = VOID
    boxes = []
    for number, name in enumerate(names, 1):
        if int(np.count_nonzero(instances == number)) < MIN_PIXELS:
            return None
        ids[number] = VOC.names.index(name)
        seen = owner == number
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        boxes.append((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))
    return Picture(image, ids[instances], instances, tuple(names), tuple(boxes))
