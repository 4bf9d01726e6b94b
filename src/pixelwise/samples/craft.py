"""Painters of boats and aeroplanes. Each rests on y = 0, is one unit high and points to the right."""

# fmt: off
from __future__ import annotations

from dataclasses import replace

import numpy as np

from .canvas import Colour, Paint, Pen, tone
from .shapes import Outline, box, ellipse, limb, poly, smooth
from .vehicles import GLASS, METAL, RUBBER, lacquer


def _hull(pen: Pen, colour: Colour, outline: Outline, stripe: Colour) -> None:
    pen.fill(Paint(colour, "grain", 0.05, round=0.5, gloss=0.1, fade=0.5), outline)
    top = float(outline[:, 1].min())
    left, right = float(outline[:, 0].min()), float(outline[:, 0].max())
    pen.fill(Paint(stripe), poly((left * 0.97, top + 0.07), (right * 0.95, top + 0.05),
        (right * 0.93, top + 0.075), (left * 0.96, top + 0.095)))


def boat(pen: Pen) -> None:
    """A sailing boat, or a fishing boat with a cabin."""
    rng = pen.rng
    colour, white = lacquer(pen), (236.0, 234.0, 226.0)
    wood = Paint((132, 92, 58), "wood", 0.12, round=0.5)
    if rng.random() < 0.65:
        _hull(pen, colour if rng.random() < 0.5 else white, smooth((-0.4, -0.17), (0.1, -0.16), (0.5, -0.19),
            (0.44, -0.1), (0.36, 0.0), (-0.3, 0.01), (-0.4, -0.06)), (40, 60, 110))
        cloth = Paint(white if rng.random() < 0.7 else colour, "weave", 0.04, round=0.25, fade=0.2)
        pen.fill(Paint(white, round=0.5), smooth((-0.18, -0.17), (-0.14, -0.23), (0.12, -0.23),
            (0.18, -0.17)))
        pen.fill(wood, box(-0.012, -1.0, 0.016, -0.16), limb(((0.0, -0.24), (-0.38, -0.25)), (0.022, 0.02),
            bend=False))
        pen.fill(cloth, smooth((-0.02, -0.97), (-0.025, -0.6), (-0.025, -0.27), (-0.2, -0.265),
            (-0.38, -0.28), (-0.28, -0.52), (-0.13, -0.8)))
        pen.fill(cloth.toned(0.9), smooth((0.03, -0.9), (0.16, -0.66), (0.3, -0.42), (0.46, -0.22),
            (0.24, -0.24), (0.06, -0.27), (0.035, -0.6)))
        for k in range(3):
            y = -0.42 - 0.16 * k
            pen.line(Paint((170, 168, 160), opacity=0.6), 0.006, (-0.03, y), (-0.3 - (y + 0.42) * 0.5,
                y + 0.02))
        pen.fill(Paint((200, 40, 40)), poly((0.0, -1.0), (-0.1, -0.975), (0.0, -0.95)))
    else:
        pen = pen.sized(0.72)
        pen.fill(wood, box(-0.42, -0.98, -0.38, -0.3), box(0.5, -0.8, 0.53, -0.3))
        for x in (-0.9, 0.86):
            pen.line(Paint((70, 66, 60)), 0.01, (-0.4, -0.95), (x, -0.34))
        cabin = Paint(white, contrast=0.03, fade=0.25)
        pen.fill(cabin, box(-0.36, -0.66, 0.24, -0.28))
        pen.fill(Paint(tone(colour, 0.9)), box(-0.42, -0.7, 0.32, -0.65, 0.01))
        pen.fill(GLASS.toned(0.7), *(box(x, -0.6, x + 0.12, -0.46, 0.01) for x in (-0.3, -0.13, 0.06)))
        _hull(pen, colour, smooth((-0.9, -0.34), (-0.3, -0.3), (0.4, -0.32), (1.02, -0.46), (0.9, -0.2),
            (0.74, 0.0), (-0.7, 0.02), (-0.88, -0.12)), white)
        for x in (-0.5, 0.0, 0.5):
            pen.fill(Paint((40, 38, 38), round=0.7), ellipse(x, -0.19, 0.06, 0.07))


def _livery(pen: Pen) -> tuple[Paint, Paint, Paint]:
    """Paint of the skin, the tail and the wings."""
    light = pen.rng.random() < 0.7
    skin = Paint((232, 234, 238) if light else (186, 190, 198), contrast=0.02, round=0.9, gloss=0.1,
        fade=0.35)
    return skin, Paint(lacquer(pen), contrast=0.03, fade=0.3), Paint((176, 182, 190), contrast=0.05,
        fade=0.4)


def aeroplane(pen: Pen) -> None:
    """In the air, side view: an airliner with engines, or a small propeller plane."""
    (_propeller_plane if pen.rng.random() < 0.35 else _airliner)(pen)


def parked_aeroplane(pen: Pen) -> None:
    """On the ground: an airliner on its wheels, or a small propeller plane."""
    if pen.rng.random() < 0.35:
        _propeller_plane(pen)
        return
    lifted = replace(pen, matrix=pen.matrix @ np.array([[1, 0, 0], [0, 1, -0.04], [0, 0, 1.0]]))
    for x in (1.3, -0.12, 0.06):
        pen.fill(METAL.toned(0.7), box(x - 0.015, -0.4, x + 0.015, -0.05))
        pen.fill(RUBBER, ellipse(x - 0.035, -0.045, 0.045, 0.045), ellipse(x + 0.035, -0.045, 0.045, 0.045))
    _airliner(lifted)


def _propeller_plane(pen: Pen) -> None:
    skin, fin, wing = _livery(pen)
    pen.fill(wing.toned(0.75), poly((0.05, -0.72), (0.4, -0.8), (0.66, -0.98), (0.4, -1.0)))
    pen.fill(fin, smooth((-1.18, -0.55), (-1.26, -0.95), (-1.06, -0.97), (-0.82, -0.58)))
    pen.fill(skin, smooth((0.9, -0.5), (0.7, -0.64), (0.42, -0.7), (0.2, -0.84), (-0.2, -0.84), (-0.5, -0.66),
        (-1.2, -0.58), (-1.2, -0.5), (-0.4, -0.36), (0.4, -0.3), (0.8, -0.36)))
    pen.fill(GLASS, smooth((0.38, -0.68), (0.18, -0.8), (-0.16, -0.8), (-0.3, -0.64)))
    pen.fill(skin, box(-0.02, -0.82, 0.03, -0.62))
    pen.fill(fin, poly((0.86, -0.46), (-1.18, -0.55), (-1.18, -0.5), (0.8, -0.38)))
    pen.fill(fin, poly((-1.28, -0.64), (-0.9, -0.6), (-0.96, -0.5), (-1.5, -0.46)))
    pen.fill(fin.toned(0.9), poly((0.42, -0.92), (-0.06, -0.92), (-0.66, -0.52), (-0.5, -0.46),
        (-0.14, -0.5)))
    pen.fill(Paint((60, 62, 66)), limb(((0.2, -0.34), (0.3, -0.1)), (0.04, 0.04), bend=False), limb(((0.62,
        -0.36), (0.66, -0.12)), (0.035, 0.035), bend=False))
    for x in (0.3, 0.68):
        pen.fill(RUBBER, ellipse(x, -0.09, 0.09, 0.09))
    pen.fill(Paint((60, 60, 64), round=0.7), ellipse(0.93, -0.48, 0.06, 0.07))
    pen.fill(Paint((70, 72, 78), opacity=0.35, contrast=0), ellipse(0.96, -0.48, 0.03, 0.4))


def _airliner(pen: Pen) -> None:
    skin, fin, wing = _livery(pen)
    pen.fill(wing.toned(0.7), poly((0.3, -0.52), (-0.1, -0.5), (-0.62, -0.86), (-0.5, -0.88)))
    pen.fill(fin, smooth((-1.5, -0.56), (-1.82, -0.98), (-1.58, -1.0), (-1.12, -0.6)))
    body = smooth((1.72, -0.44), (1.62, -0.54), (1.38, -0.62), (0.6, -0.63), (-0.8, -0.62), (-1.5, -0.57),
        (-1.76, -0.52), (-1.3, -0.42), (-0.7, -0.35), (0.6, -0.34), (1.4, -0.35), (1.66, -0.39))
    pen.fill(skin, body)
    pen.fill(fin, poly((-1.66, -0.48), (1.64, -0.47), (1.66, -0.43), (-1.4, -0.435)))
    for k in range(24):
        x = -1.0 + k * 0.096
        pen.fill(Paint((58, 72, 90), contrast=0), box(x, -0.555, x + 0.045, -0.5, 0.02))
    pen.fill(GLASS.toned(0.6), smooth((1.6, -0.535), (1.42, -0.6), (1.36, -0.56), (1.5, -0.51)))
    pen.fill(fin.toned(0.85), poly((-1.16, -0.52), (-1.46, -0.52), (-1.9, -0.64), (-1.72, -0.66)))
    pen.fill(METAL, smooth((0.34, -0.36), (0.3, -0.24), (0.02, -0.22), (-0.1, -0.3), (0.0, -0.38)))
    pen.fill(Paint((40, 42, 46)), ellipse(0.325, -0.3, 0.03, 0.065))
    pen.fill(wing, poly((0.46, -0.42), (-0.22, -0.4), (-1.0, -0.02), (-0.84, 0.0), (-0.1, -0.24)))
    pen.fill(fin, poly((-0.84, 0.0), (-1.0, -0.02), (-1.06, -0.14), (-0.98, -0.14)))
