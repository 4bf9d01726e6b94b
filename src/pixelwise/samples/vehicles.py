"""Painters of vehicles. Each stands on y = 0, is one unit high and drives to the right."""

# fmt: off
from __future__ import annotations

from itertools import pairwise
from math import cos, sin

from .canvas import Colour, Paint, Pen, tone
from .shapes import box, ellipse, limb, poly, ring, smooth

LACQUER: tuple[Colour, ...] = ((172, 34, 38), (34, 66, 128), (212, 214, 216), (40, 42, 46), (150, 156, 162),
    (228, 190, 66), (52, 110, 78), (196, 102, 44), (120, 160, 196), (110, 40, 56), )
RUBBER = Paint((34, 34, 36), "grain", 0.12)
METAL = Paint((176, 180, 186), contrast=0.06, round=0.6, gloss=0.25)
GLASS = Paint((92, 118, 136), "cloud", 0.16, fade=0.6)
LAMP = Paint((250, 244, 214), contrast=0.02)


def lacquer(pen: Pen) -> Colour:
    """The colour of a car."""
    r, g, b = LACQUER[int(pen.rng.integers(len(LACQUER)))]
    shift = pen.rng.uniform(-14, 14, 3)
    return (r + float(shift[0]), g + float(shift[1]), b + float(shift[2]))


def _wheel(pen: Pen, x: float, y: float, radius: float, spokes: int = 5) -> None:
    pen.fill(RUBBER, ellipse(x, y, radius, radius))
    pen.fill(METAL.toned(0.9), ellipse(x, y, radius * 0.64, radius * 0.64))
    pen.fill(RUBBER.toned(1.4), ellipse(x, y, radius * 0.5, radius * 0.5))
    turn = float(pen.rng.uniform(0, 360))
    for k in range(spokes):
        pen.fill(METAL, ellipse(x, y, radius * 0.54, radius * 0.1, turn + k * 360 / spokes)[10:31])
    pen.fill(METAL.toned(0.7), ellipse(x, y, radius * 0.15, radius * 0.15))


def car(pen: Pen) -> None:
    """Side view: saloon, hatchback or off-road car."""
    rng = pen.rng
    body = Paint(lacquer(pen), contrast=0.025, round=0.5, gloss=0.2, fade=0.5)
    kind = int(rng.integers(3))
    w, front, rear = 1.48, 1.05, -1.08
    roof = (((-1.2, -0.62), (-0.9, -0.68), (-0.62, -0.96), (-0.1, -1.0), (0.25, -0.95), (0.66, -0.66)),
        ((-1.36, -0.6), (-1.22, -0.92), (-0.6, -1.0), (0.05, -0.99), (0.3, -0.93), (0.7, -0.64)), ((-1.4,
        -0.62), (-1.36, -0.94), (-0.9, -1.0), (0.1, -1.0), (0.4, -0.95), (0.68, -0.66)), )[kind]
    shell = smooth(*roof, (1.1, -0.6), (1.42, -0.5), (w, -0.34), (1.46, -0.16), (1.2, -0.12), (-1.3, -0.12),
        (-w, -0.2), (-w, -0.42), (-1.42, -0.58))
    pen.fill(Paint((26, 26, 28)), box(-1.3, -0.2, 1.3, -0.06, 0.04))
    pen.fill(body, shell)
    left = min(p[0] for p in roof[:3]) + (0.34 if kind == 0 else 0.16)
    glass = smooth((left + 0.08, -0.64), (left + 0.22, -0.86), (-0.5, -0.925), (0.02, -0.925), (0.24, -0.88),
        (0.54, -0.65), (0.4, -0.61), (left + 0.2, -0.61))
    pen.fill(GLASS, glass)
    for x in (-0.28,) if kind == 0 else (-0.28, -0.88):
        pen.fill(body.toned(0.85), poly((x - 0.03, -0.95), (x + 0.03, -0.95), (x + 0.05, -0.6),
            (x - 0.04, -0.6)))
    pen.fill(Paint((225, 235, 240), opacity=0.35, contrast=0), poly((0.02, -0.9), (0.12, -0.9), (0.3, -0.64),
        (0.16, -0.64)))
    seam = Paint(tone(body.color, 0.5), opacity=0.7)
    for x in (-0.9, -0.26, 0.5):
        pen.line(seam, 0.014, (x, -0.6), (x + 0.04, -0.2))
    pen.line(seam, 0.012, (-1.4, -0.46), (1.36, -0.42))
    for x in (-0.44, 0.2):
        pen.fill(METAL, box(x, -0.54, x + 0.14, -0.51, 0.01))
    pen.fill(body.toned(0.8), ellipse(0.62, -0.64, 0.09, 0.055))
    pen.fill(LAMP, smooth((1.26, -0.5), (1.42, -0.46), (1.44, -0.37), (1.28, -0.4)))
    pen.fill(Paint((190, 26, 26)), smooth((-1.46, -0.54), (-1.34, -0.54), (-1.36, -0.42), (-1.48, -0.42)))
    pen.fill(Paint((48, 48, 52)), box(1.18, -0.2, 1.48, -0.12, 0.03), box(-1.48, -0.2, -1.2, -0.12, 0.03))
    for x in (rear + 0.14, front - 0.12):
        pen.fill(Paint((22, 22, 24)), ellipse(x, -0.2, 0.28, 0.27))
        _wheel(pen, x, -0.22, 0.22)


def _coach_side(face: Pen, body: Paint, stripe: Colour, windows: int, top: float, bottom: float) -> None:
    """The long side of a bus or a railway coach, in its unit square."""
    face.fill(body, box(0, 0, 1, 1))
    face.fill(Paint(stripe, contrast=0.03), box(0, 0.66, 1, 0.8))
    gap = 1 / windows
    for k in range(windows):
        face.fill(Paint((24, 28, 32)), box(k * gap + gap * 0.06, top - 0.02, (k + 1) * gap - gap * 0.06,
            bottom + 0.02))
        face.fill(GLASS.toned(float(face.rng.uniform(0.7, 1.25))), box(k * gap + gap * 0.1, top,
            (k + 1) * gap - gap * 0.1, bottom))
    face.fill(body.toned(0.55), box(0, 0.95, 1, 1))


def bus(pen: Pen) -> None:
    """Three-quarter view, one or two decks: a long side of windows, doors, a front with windscreen and sign."""
    rng = pen.rng
    double = rng.random() < 0.3
    colour = lacquer(pen) if not double else (186.0, 30.0, 34.0)
    body = Paint(colour, contrast=0.02, fade=0.25)
    stripe = (236.0, 234.0, 226.0) if sum(colour) < 420 else (40.0, 90.0, 150.0)
    length = 1.35 if double else 2.1
    back = 0.8 if double else 0.7
    side_quad = poly((-length, -back), (0.1, -1.0), (0.1, -0.06), (-length, -0.14))
    front_quad = poly((0.1, -1.0), (0.62, -0.95), (0.62, -0.09), (0.1, -0.06))
    pen.fill(RUBBER, box(-length + 0.1, -0.2, 0.5, -0.04))
    side, front = pen.on(side_quad), pen.on(front_quad)
    if double:
        _coach_side(side, body, stripe, 6, 0.12, 0.34)
        for k in range(6):
            side.fill(GLASS.toned(0.8), box(k / 6 + 0.015, 0.52, (k + 1) / 6 - 0.015, 0.74))
    else:
        _coach_side(side, body, stripe, 8, 0.16, 0.54)
    for x in (0.86, 0.4):
        side.fill(Paint((30, 32, 36)), box(x, 0.2 if not double else 0.5, x + 0.1, 0.93))
        side.fill(GLASS, box(x + 0.01, 0.23 if not double else 0.53, x + 0.045, 0.88), box(x + 0.055, 0.23
            if not double else 0.53, x + 0.09, 0.88))
    front.fill(body.toned(0.86), box(0, 0, 1, 1, 0.05))
    sign = Paint((26, 26, 28))
    front.fill(sign, box(0.12, 0.03, 0.88, 0.13))
    front.fill(Paint((250, 180, 60)), *(box(x, 0.055, x + 0.07, 0.105) for x in (0.2, 0.3, 0.44, 0.54, 0.64)))
    if double:
        front.fill(GLASS, box(0.08, 0.16, 0.92, 0.38, 0.03))
    front.fill(GLASS.toned(1.15), box(0.07, 0.46 if double else 0.16, 0.93, 0.72 if double else 0.58, 0.04))
    front.fill(sign, box(0.49, 0.46 if double else 0.16, 0.51, 0.7 if double else 0.58))
    front.fill(LAMP, ellipse(0.16, 0.83, 0.09, 0.045), ellipse(0.84, 0.83, 0.09, 0.045))
    front.fill(sign, box(0.3, 0.8, 0.7, 0.86, 0.02), box(0, 0.93, 1, 1))
    for x, y in ((-length * 0.78, -0.13), (-0.32, -0.1)):
        _wheel(pen, x, y, 0.115 if not double else 0.1)
    pen.fill(Paint((40, 40, 44)), box(0.63, -0.86, 0.68, -0.68, 0.02), box(0.02, -0.88, 0.07, -0.7, 0.02))


def train(pen: Pen) -> None:
    """Three-quarter view of a long train: sloping nose, band of windows, stripe, coaches behind."""
    rng = pen.rng
    colour = lacquer(pen)
    body = Paint(colour if rng.random() < 0.5 else (226, 226, 222), contrast=0.02, round=0.0, fade=0.3)
    stripe = (200.0, 36.0, 40.0) if body.color[0] > 200 or body.color[2] > 100 else (234.0, 230.0, 220.0)
    far = 4.2
    steel = Paint((120, 112, 106), "grain", 0.15)
    pen.fill(Paint((60, 56, 54)), poly((-far, -0.33), (0.42, -0.14), (0.36, 0.0), (-far, -0.27)))
    ends = [-0.28, -1.25, -2.0, -2.62, -3.2]

    def level(x: float, y: float) -> float:
        # All lengthwise edges meet at one vanishing point on the left.
        share = (x + 7.0) / 6.72
        return -0.34 + (y + 0.34) * share if y < 0 else 0.0

    for x1, x0 in pairwise(ends):
        quad = poly((x0, level(x0, -1.0)), (x1 - 0.025, level(x1, -1.0)), (x1 - 0.025, level(x1, -0.13)),
            (x0, level(x0, -0.13)))
        _coach_side(pen.on(quad), body, stripe, 5, 0.2, 0.5)
        pen.fill(body.toned(0.5), poly((x1 - 0.03, level(x1, -0.96)), (x1 + 0.01, level(x1, -0.96)),
            (x1 + 0.01, level(x1, -0.16)), (x1 - 0.03, level(x1, -0.16))))
    nose = smooth((-0.28, -1.0), (-0.02, -0.98), (0.24, -0.84), (0.46, -0.5), (0.5, -0.26), (0.42, -0.1),
        (0.1, -0.08), (-0.28, -0.1), (-0.3, -0.5))
    shell = Paint(body.color, contrast=0.02, round=0.6, gloss=0.12, fade=0.4)
    pen.fill(shell, nose, box(-0.32, -0.998, -0.1, -0.1))
    pen.fill(Paint(stripe, round=0.4), poly((-0.32, -0.42), (0.48, -0.38), (0.5, -0.27), (-0.32, -0.29)))
    pen.fill(Paint((22, 26, 30)), smooth((-0.02, -0.88), (0.17, -0.81), (0.34, -0.56), (0.16, -0.57),
        (0.0, -0.62)))
    pen.fill(GLASS.toned(1.1), smooth((0.01, -0.84), (0.16, -0.78), (0.3, -0.59), (0.16, -0.6),
        (0.03, -0.65)))
    pen.fill(Paint((30, 30, 34)), box(-0.25, -0.82, -0.1, -0.52, 0.02))
    pen.fill(GLASS, box(-0.23, -0.8, -0.12, -0.55, 0.02))
    pen.fill(LAMP, ellipse(0.42, -0.33, 0.045, 0.035), ellipse(0.2, -0.32, 0.05, 0.035))
    pen.fill(Paint((36, 34, 34)), poly((-0.3, -0.14), (0.46, -0.14), (0.36, -0.02), (-0.3, -0.04)))
    for x in (-0.2, 0.1, -1.05, -0.55):
        pen.fill(steel.toned(0.5), ellipse(x, level(x, -0.085), 0.07, 0.07))
    pen.line(Paint((52, 52, 56)), 0.018, (-0.75, level(-0.75, -1.0)), (-0.6, -1.13), (-0.82, -1.2),
        (-0.45, -1.2))


def bicycle(pen: Pen) -> None:
    """Two spoked wheels, diamond frame, handlebar, saddle, pedals."""
    rng = pen.rng
    frame = Paint(lacquer(pen), contrast=0.03, round=0.5, gloss=0.2)
    black = Paint((30, 30, 32), round=0.4)
    r, rear, front = 0.335, -0.52, 0.54
    turn = float(rng.uniform(0, 20))
    for x in (rear, front):
        pen.fill(Paint((150, 154, 158), opacity=0.18, contrast=0.02), ellipse(x, -r, r * 0.95, r * 0.95))
        for k in range(9):
            pen.fill(Paint((196, 198, 202), opacity=0.7, contrast=0), limb(((x, -r), tuple(ellipse(x, -r,
                r * 0.95, r * 0.95, k * 40 + turn)[0])), (0.008, 0.008), bend=False))
        outline, hole = ring(x, -r, r, r * 0.86)
        pen.fill(RUBBER, outline, holes=(hole,))
        outline, hole = ring(x, -r, r * 0.87, r * 0.83)
        pen.fill(METAL, outline, holes=(hole,))
        pen.fill(METAL, ellipse(x, -r, 0.035, 0.035))
    crank, seat, head = (-0.06, -0.3), (-0.2, -0.76), (0.36, -0.8)
    tube = 0.045
    sporty = rng.random() < 0.5
    low = (0.4, -0.66)
    for a, b, w in ((crank, seat, tube), (crank, low, tube * 1.15), (seat, head if sporty else (0.38, -0.7),
        tube) if sporty else ((-0.16, -0.5), low, tube), ((rear, -r), crank, tube * 0.7), ((rear, -r),
        (-0.18, -0.68), tube * 0.7), (head, (0.43, -0.62), tube * 1.2)):
        pen.fill(frame, limb((a, b), (w, w), bend=False))
    pen.fill(frame, limb(((0.43, -0.62), (0.48, -0.45), (front, -r)), (tube, tube * 0.9, tube * 0.7)))
    pen.fill(METAL, limb((seat, (-0.235, -0.88)), (0.032, 0.032), bend=False), limb((head, (0.33, -0.92)),
        (0.034, 0.034), bend=False))
    pen.fill(black, smooth((-0.37, -0.93), (-0.22, -0.915), (-0.09, -0.9), (-0.12, -0.87), (-0.26, -0.86),
        (-0.36, -0.88)))
    bar = ((0.33, -0.92), (0.47, -0.93), (0.53, -0.86), (0.46, -0.8)) if sporty else ((0.34, -0.92),
        (0.3, -1.0), (0.18, -0.97))
    pen.fill(black, limb(bar, (0.036,) * len(bar)))
    outline, hole = ring(*crank, 0.095, 0.065)
    pen.fill(black, outline, holes=(hole,))
    angle = float(rng.uniform(0, 3))
    for sign in (1, -1):
        end = (crank[0] + sign * 0.15 * cos(angle), crank[1] + sign * 0.15 * sin(angle))
        pen.fill(METAL.toned(0.8), limb((crank, end), (0.03, 0.025), bend=False))
        pen.fill(black, box(end[0] - 0.055, end[1] - 0.016, end[0] + 0.055, end[1] + 0.016))
    if rng.random() < 0.5:
        arc = ellipse(rear, -r, r * 1.08, r * 1.08, 0, 190, 320)[::3]
        pen.fill(frame, limb([(float(x), float(y)) for x, y in arc], (0.025, 0.025), bend=False))


def motorbike(pen: Pen) -> None:
    """Two thick tyres, engine, tank, seat, fork, exhaust, headlight."""
    rng = pen.rng
    body = Paint(lacquer(pen), contrast=0.02, round=0.8, gloss=0.3, fade=0.3)
    black, engine = Paint((34, 34, 38), round=0.5), Paint((120, 122, 128), "grain", 0.2, round=0.4)
    r, rear, front = 0.3, -0.66, 0.72
    for x in (rear, front):
        outline, hole = ring(x, -r, r, r * 0.62)
        pen.fill(Paint((70, 72, 76), contrast=0.1, opacity=0.75), ellipse(x, -r, r * 0.66, r * 0.66))
        pen.fill(RUBBER, outline, holes=(hole,))
        outline, hole = ring(x, -r, r * 0.66, r * 0.57)
        pen.fill(METAL, outline, holes=(hole,))
        for k in range(5):
            end = ellipse(x, -r, r * 0.6, r * 0.6, k * 72)[0]
            pen.fill(METAL, limb(((x, -r), (float(end[0]), float(end[1]))), (0.05, 0.035), bend=False))
        pen.fill(METAL.toned(0.6), ellipse(x, -r, 0.085, 0.085))
    pen.fill(black, limb(((rear, -r), (-0.1, -0.38)), (0.09, 0.12), bend=False))
    pen.fill(METAL, limb(((front, -r), (0.48, -0.84)), (0.075, 0.065), bend=False))
    pen.fill(engine, smooth((-0.24, -0.56), (0.3, -0.6), (0.36, -0.3), (0.2, -0.16), (-0.2, -0.16),
        (-0.3, -0.34)))
    for k in range(5):
        pen.line(engine.toned(0.45), 0.02, (-0.02, -0.54 + 0.05 * k), (0.28, -0.56 + 0.05 * k))
    pen.fill(METAL, ellipse(-0.06, -0.27, 0.1, 0.1))
    pen.fill(METAL.toned(1.2), limb(((0.24, -0.32), (0.16, -0.12), (-0.3, -0.13), (-0.98, -0.26)),
        (0.06, 0.06, 0.075, 0.1)))
    pen.fill(black, limb(((0.4, -0.66), (-0.3, -0.56)), (0.09, 0.09), bend=False))
    pen.fill(body, smooth((0.46, -0.78), (0.26, -0.87), (0.02, -0.82), (-0.16, -0.68), (0.1, -0.58),
        (0.4, -0.64)))
    pen.fill(body, smooth((-0.5, -0.72), (-0.86, -0.84), (-1.02, -0.82), (-0.84, -0.68), (-0.46, -0.58),
        (-0.24, -0.6)))
    pen.fill(black, smooth((-0.1, -0.72), (-0.34, -0.7), (-0.6, -0.8), (-0.82, -0.86), (-0.8, -0.78),
        (-0.5, -0.66), (-0.16, -0.63)))
    if rng.random() < 0.55:
        pen.fill(body, smooth((0.42, -0.92), (0.62, -0.86), (0.72, -0.72), (0.56, -0.58), (0.34, -0.5),
            (0.36, -0.7)))
        pen.fill(Paint((170, 190, 200), opacity=0.6), smooth((0.36, -1.0), (0.44, -1.0), (0.6, -0.86),
            (0.42, -0.88)))
    pen.fill(black, limb(((0.46, -0.86), (0.36, -0.97), (0.24, -0.95)), (0.045, 0.04, 0.05)))
    pen.fill(LAMP, ellipse(0.63, -0.76, 0.075, 0.085))
    arc = [(float(x), float(y)) for x, y in ellipse(front, -r, r * 1.08, r * 1.08, 0, 215, 320)[::4]]
    pen.fill(body, limb(arc, (0.07, 0.07), bend=False))
    pen.fill(Paint((200, 30, 30)), ellipse(-1.0, -0.79, 0.04, 0.035))
