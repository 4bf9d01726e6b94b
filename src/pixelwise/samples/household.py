"""Painters of furniture and things in a house. Each stands on y = 0 and is one unit high."""

# fmt: off
from __future__ import annotations

from math import cos, sin

from .canvas import Colour, Paint, Pen, mix, tone
from .shapes import Point, box, bumpy, ellipse, limb, poly, smooth

WOODS: tuple[Colour, ...] = ((150, 98, 56), (110, 66, 40), (196, 152, 100), (84, 56, 42), (224, 216, 204))
FABRICS: tuple[Colour, ...] = ((142, 40, 44), (70, 92, 120), (122, 128, 104), (196, 178, 148), (92, 84, 82),
    (60, 104, 100), (186, 120, 60), (110, 70, 96), )


def _pick(pen: Pen, options: tuple[Colour, ...]) -> Colour:
    r, g, b = options[int(pen.rng.integers(len(options)))]
    shift = pen.rng.uniform(-12, 12, 3)
    return (r + float(shift[0]), g + float(shift[1]), b + float(shift[2]))


def bottle(pen: Pen) -> None:
    """Wine, beer or water bottle: neck, shoulders, label, cap, highlight."""
    rng = pen.rng
    kind = int(rng.integers(3))
    glass = ((38, 72, 44), (104, 58, 24), (150, 190, 206))[kind]
    surface = Paint(glass, "grain", 0.04, round=0.8, gloss=0.45, fade=0.2)
    neck = (0.045, 0.045, 0.06)[kind]
    half: tuple[Point, ...]
    if kind < 2:
        half = (((neck, -0.98), (neck, -0.7), (0.13, -0.56), (0.145, -0.45), (0.145, -0.03), (0.12, 0.0)))
    else:
        half = (((neck, -0.95), (neck + 0.01, -0.84), (0.14, -0.68), (0.145, -0.55), (0.13, -0.4),
            (0.145, -0.25), (0.145, -0.03), (0.11, 0.0)))
    pen.fill(surface, poly(*half, *((-x, y) for x, y in reversed(half))))
    paper = _pick(pen, ((238, 232, 214), (190, 44, 40), (240, 200, 80), (60, 100, 170)))
    top = -0.4 if kind < 2 else -0.54
    pen.fill(Paint(paper, round=0.5, contrast=0.04), box(-0.146, top, 0.146, top + 0.26))
    print_ = Paint(tone(paper, 0.4) if sum(paper) > 400 else (240, 236, 224))
    pen.fill(print_, box(-0.09, top + 0.05, 0.09, top + 0.09), box(-0.07, top + 0.13, 0.07, top + 0.15),
        box(-0.05, top + 0.18, 0.05, top + 0.2))
    cap = Paint(_pick(pen, ((150, 30, 40), (40, 40, 44), (60, 110, 190), (214, 180, 80))), round=0.6,
        gloss=0.2)
    pen.fill(cap, box(-neck - 0.008, -1.0, neck + 0.008, -0.86 if kind == 0 else -0.94, 0.01))
    pen.fill(Paint((250, 252, 250), opacity=0.5, contrast=0, fade=0), limb(((-0.1, -0.5), (-0.1, -0.08)),
        (0.02, 0.02), bend=False))


def chair(pen: Pen) -> None:
    """A wooden chair seen at an angle: four legs, seat, back with slats or a cushion; or an office chair."""
    rng = pen.rng
    wood = Paint(_pick(pen, WOODS), "wood", 0.1, 0.5, round=0.5, fade=0.2)
    cloth = Paint(_pick(pen, FABRICS), "weave", 0.08, round=0.7, fade=0.2)
    if rng.random() < 0.25:
        dark = Paint((46, 46, 50), round=0.6, gloss=0.15)
        for x, y in ((-0.27, -0.04), (0.27, -0.04), (-0.14, 0.0), (0.16, 0.0), (0.0, -0.09)):
            pen.fill(dark, limb(((0, -0.16), (x, y - 0.03)), (0.06, 0.04), bend=False), ellipse(x, y - 0.025,
                0.035, 0.03))
        pen.fill(dark, box(-0.03, -0.42, 0.03, -0.12))
        pen.fill(cloth, smooth((-0.2, -0.98), (0.2, -0.98), (0.23, -0.8), (0.19, -0.56), (-0.19, -0.56),
            (-0.23, -0.8)))
        pen.fill(cloth.toned(1.1), smooth((-0.26, -0.48), (0.26, -0.48), (0.29, -0.4), (0.24, -0.36),
            (-0.24, -0.36), (-0.29, -0.4)))
        pen.fill(dark, limb(((-0.27, -0.42), (-0.33, -0.52), (-0.3, -0.6), (-0.2, -0.6)), (0.04,) * 4),
            limb(((0.27, -0.42), (0.33, -0.52), (0.3, -0.6), (0.2, -0.6)), (0.04,) * 4))
        return
    far = wood.toned(0.65)
    pen.fill(far, limb(((0.24, -0.5), (0.25, -0.1)), (0.05, 0.042), bend=False), limb(((-0.12, -0.5),
        (-0.12, -0.1)), (0.05, 0.042), bend=False))
    pen.fill(wood, limb(((-0.15, -0.48), (-0.17, -0.99)), (0.055, 0.05), bend=False), limb(((0.22, -0.48),
        (0.23, -0.99)), (0.055, 0.05), bend=False))
    if rng.random() < 0.5:
        for k in range(4):
            y = -0.95 + 0.1 * k
            pen.fill(wood.toned(0.92), smooth((-0.17, y - 0.03), (0.03, y - 0.045), (0.23, y - 0.03),
                (0.23, y + 0.03), (0.03, y + 0.018), (-0.17, y + 0.03)))
    elif rng.random() < 0.5:
        pen.fill(wood, box(-0.18, -0.98, 0.24, -0.9, 0.02), box(-0.15, -0.62, 0.22, -0.57))
        pen.fill(wood.toned(0.88), *(box(x, -0.92, x + 0.035, -0.58) for x in (-0.09, 0.01, 0.11)))
    else:
        pen.fill(cloth, box(-0.17, -0.98, 0.23, -0.62, 0.05))
    seat = cloth if rng.random() < 0.6 else wood
    pen.fill(seat.toned(1.08), poly((-0.15, -0.52), (0.25, -0.52), (0.32, -0.4), (-0.3, -0.4)))
    pen.fill(seat.toned(0.75), poly((-0.3, -0.405), (0.32, -0.405), (0.32, -0.355), (-0.3, -0.355)))
    pen.fill(wood, limb(((-0.275, -0.37), (-0.29, -0.02)), (0.055, 0.042), bend=False), limb(((0.295, -0.37),
        (0.31, -0.02)), (0.055, 0.042), bend=False))
    pen.fill(far, limb(((-0.28, -0.17), (0.3, -0.17)), (0.026, 0.026), bend=False))


def diningtable(pen: Pen) -> None:
    """A set table: wooden or with a cloth, rectangular or round, with plates, glasses and a bowl of fruit."""
    rng = pen.rng
    wood = Paint(_pick(pen, WOODS), "wood", 0.12, 0.8, fade=0.1)
    leg = Paint(wood.color, "wood", 0.1, 0.5, round=0.6)
    round_top, cloth = rng.random() < 0.35, rng.random() < 0.5
    linen = Paint(_pick(pen, ((236, 232, 222), (176, 60, 58), (110, 140, 170), (214, 200, 160))), "weave",
        0.05, fade=0.15, second=(240, 238, 230) if rng.random() < 0.4 else None, pattern="checks",
        pattern_scale=0.8)
    top = ellipse(0, -0.8, 1.0, 0.2) if round_top else poly((-0.74, -1.0), (0.74, -1.0), (1.06, -0.62),
        (-1.06, -0.62))
    if round_top:
        pen.fill(leg, limb(((0, -0.7), (0, -0.1)), (0.16, 0.2), bend=False), ellipse(0, -0.06, 0.42, 0.07))
        pen.fill(wood.toned(0.6), ellipse(0, -0.76, 1.0, 0.2))
        if cloth:
            pen.fill(linen.toned(0.78), bumpy(ellipse(0, -0.62, 0.97, 0.22), rng, 22, 0.02), box(-0.985, -0.8,
                0.985, -0.64))
    else:
        for x, far in ((-0.66, True), (0.66, True), (-0.96, False), (0.96, False)):
            pen.fill(leg.toned(0.55 if far else 0.95), limb(((x, -0.6), (x, -0.24 if far else -0.0)),
                (0.1, 0.075), bend=False))
        pen.fill(wood.toned(0.6), poly((-1.06, -0.63), (1.06, -0.63), (1.04, -0.52), (-1.04, -0.52)))
        if cloth:
            hem = [(x / 10 * 1.05, -0.36 + 0.025 * (-1) ** x) for x in range(10, -11, -1)]
            pen.fill(linen.toned(0.78), poly((-1.06, -0.63), (1.06, -0.63), *hem))
    pen.fill(linen if cloth else wood.toned(1.15), top)
    china = Paint((240, 240, 236), contrast=0.02, fade=0.15)
    for x, y in ((-0.55, -0.73), (0.5, -0.73), (-0.4, -0.9), (0.42, -0.9)):
        if rng.random() < 0.8:
            pen.fill(china.toned(0.75), ellipse(x, y + 0.008, 0.19, 0.052))
            pen.fill(china, ellipse(x, y, 0.185, 0.048))
            pen.fill(china.toned(0.9), ellipse(x, y + 0.002, 0.12, 0.028))
            food = _pick(pen, ((170, 110, 60), (120, 150, 70), (190, 70, 50)))
            pen.fill(Paint(food, "leaf", 0.15, 0.5, round=0.5), ellipse(x, y - 0.005, 0.08, 0.022))
            pen.line(Paint((180, 182, 186)), 0.014, (x + 0.23, y + 0.035), (x + 0.21, y - 0.04))
    pen.fill(china.toned(0.8), smooth((-0.16, -0.9), (0.16, -0.9), (0.09, -0.8), (-0.09, -0.8)))
    for x, y, c in ((-0.08, -0.92, (196, 50, 44)), (0.07, -0.92, (230, 150, 50)),
        (0.0, -0.96, (150, 170, 60))):
        pen.fill(Paint(c, round=0.9, gloss=0.2), ellipse(x, y, 0.075, 0.06))
    pen.fill(china.toned(0.9), smooth((-0.165, -0.9), (0, -0.885), (0.165, -0.9), (0.1, -0.81),
        (-0.1, -0.81)))


def sofa(pen: Pen) -> None:
    """Front view: back, two or three cushions, arm rests, feet, pillows."""
    rng = pen.rng
    colour = _pick(pen, FABRICS)
    cloth = Paint(colour, "weave", 0.07, round=0.6, fade=0.3)
    if rng.random() < 0.3:
        cloth = Paint(_pick(pen, ((98, 58, 38), (48, 44, 44), (160, 104, 62))), "rough", 0.04, round=0.7,
            gloss=0.15, fade=0.3)
    seats = int(rng.integers(2, 4))
    w = 0.42 * seats
    foot = Paint((66, 46, 34), round=0.5)
    pen.fill(foot, *(box(x - 0.05, -0.12, x + 0.05, 0.0, 0.01) for x in (-w - 0.1, w + 0.1)))
    pen.fill(cloth.toned(0.85), box(-w - 0.04, -1.0, w + 0.04, -0.2, 0.14))
    for k in range(seats):
        x = -w + 2 * w * k / seats
        pen.fill(cloth, box(x + 0.01, -0.96, x + 2 * w / seats - 0.01, -0.5, 0.1))
    pen.fill(cloth.toned(0.7), box(-w - 0.1, -0.34, w + 0.1, -0.08, 0.03))
    for k in range(seats):
        x = -w + 2 * w * k / seats
        pen.fill(cloth.toned(1.08), box(x + 0.01, -0.56, x + 2 * w / seats - 0.01, -0.3, 0.09))
    for side in (-1, 1):
        x0, x1 = sorted((side * (w - 0.02), side * (w + 0.24)))
        pen.fill(cloth.toned(0.95), box(x0, -0.7, x1, -0.06, 0.11))
    for x in (-w * 0.62, w * 0.6):
        if rng.random() < 0.7:
            pillow = Paint(_pick(pen, FABRICS), "weave", 0.06, round=0.9, second=(232, 226, 210)
                if rng.random() < 0.5 else None, pattern="bands", pattern_scale=0.7)
            s = 0.2
            turn = float(rng.uniform(-0.3, 0.3))
            c, q = cos(turn) * s, sin(turn) * s
            pen.fill(pillow, smooth(*((x + c * a - q * b, -0.68 + q * a + c * b) for a, b in ((-1, -1),
                (0, -0.85), (1, -1), (0.85, 0), (1, 1), (0, 0.85), (-1, 1), (-0.85, 0)))))


def tvmonitor(pen: Pen) -> None:
    """A flat television or monitor with a picture on, on its foot; or an old tube set."""
    rng = pen.rng
    black = Paint((28, 28, 31), contrast=0.04, round=0.2, gloss=0.1)
    old = rng.random() < 0.25
    if old:
        case = Paint(_pick(pen, ((176, 166, 148), (86, 66, 50), (70, 72, 76))), "grain", 0.05, round=0.4)
        pen.fill(case, box(-0.66, -1.0, 0.66, -0.04, 0.07))
        pen.fill(case.toned(0.55), box(-0.5, -0.06, -0.36, 0.0), box(0.36, -0.06, 0.5, 0.0))
        pen.fill(black, box(-0.58, -0.92, 0.4, -0.14, 0.1))
        screen = pen.on(poly((-0.54, -0.88), (0.36, -0.88), (0.36, -0.18), (-0.54, -0.18)))
        pen.fill(black, ellipse(0.53, -0.78, 0.06, 0.06), ellipse(0.53, -0.6, 0.06, 0.06))
        pen.fill(case.toned(0.5), *(box(0.46, y, 0.6, y + 0.02) for y in (-0.42, -0.36, -0.3, -0.24)))
    else:
        pen.fill(black.toned(1.3), box(-0.07, -0.2, 0.07, -0.03), ellipse(0, -0.025, 0.34, 0.03))
        pen.fill(black, box(-0.88, -1.0, 0.88, -0.14, 0.02))
        screen = pen.on(poly((-0.84, -0.965), (0.84, -0.965), (0.84, -0.2), (-0.84, -0.2)))
        pen.fill(Paint((90, 200, 120), contrast=0), ellipse(0.78, -0.17, 0.01, 0.01))
    show = int(rng.integers(4))
    if show == 0:
        screen.fill(Paint((120, 170, 220), "cloud", 0.08, fade=-0.4), box(0, 0, 1, 1))
        screen.fill(Paint((60, 110, 60), "grass", 0.15), poly((0, 0.62), (0.15, 0.55), (0.3, 0.53),
            (0.5, 0.6), (0.65, 0.61), (0.85, 0.52), (1, 0.5), (1, 1), (0, 1)))
        screen.fill(Paint((250, 230, 150)), ellipse(0.75, 0.22, 0.07, 0.11))
    elif show == 1:
        screen.fill(Paint((40, 60, 110), "cloud", 0.2), box(0, 0, 1, 1))
        screen.fill(Paint((226, 228, 232)), box(0.12, 0.14, 0.72, 0.8))
        screen.fill(Paint((60, 110, 190)), box(0.12, 0.14, 0.72, 0.22))
        screen.fill(Paint((140, 144, 150)), *(box(0.17, y, 0.17 + 0.07 * n, y + 0.03) for y, n in ((0.3, 7),
            (0.38, 5), (0.46, 6), (0.54, 3), (0.62, 6))))
    elif show == 2:
        screen.fill(Paint((34, 120, 60), "grass", 0.06), box(0, 0, 1, 1))
        screen.fill(Paint((236, 240, 236)), box(0.49, 0, 0.51, 1), box(0, 0.06, 1, 0.08), ellipse(0.5, 0.5,
            0.16, 0.25), holes=(ellipse(0.5, 0.5, 0.14, 0.22),))
        screen.fill(Paint((220, 60, 50)), *(box(x, y, x + 0.02, y + 0.09) for x, y in ((0.2, 0.3),
            (0.33, 0.6), (0.7, 0.4))))
    else:
        screen.fill(Paint((22, 24, 30), "cloud", 0.3, fade=-0.8), box(0, 0, 1, 1))
    screen.fill(Paint((255, 255, 255), opacity=0.1, contrast=0, fade=0), poly((0.55, 0), (0.8, 0), (0.45, 1),
        (0.2, 1)))


def pottedplant(pen: Pen) -> None:
    """A pot with broad leaves, sword leaves, a flowering bush or a small palm."""
    rng = pen.rng
    clay = Paint(_pick(pen, ((186, 100, 66), (206, 200, 190), (70, 84, 96), (150, 80, 58))), "grain", 0.08,
        round=0.6, fade=0.2)
    green = _pick(pen, ((62, 120, 52), (44, 96, 58), (98, 140, 62)))
    kind = int(rng.integers(4))
    top = -0.36

    def leaf(angle: float, length: float, width: float, shade: float, bend: float = 0.0, root: float = 0.0) -> None:
        dx, dy = sin(angle), -cos(angle)
        droop = bend * length * (1 if dx > 0 else -1)
        tip = (root + dx * length + droop, top + dy * length + abs(bend) * length * 0.7)
        mid = (root + dx * length * 0.55 + droop * 0.3, top + dy * length * 0.6)
        paint = Paint(tone(mix(green, (170, 190, 80), float(rng.uniform(0, 0.25))), shade), "fur", 0.08,
            round=0.35)
        pen.fill(paint, limb(((root, top), mid, tip), (width * 0.3, width, 0.01)))

    if kind == 2:
        for _ in range(90):
            a, d = float(rng.uniform(0, 6.283)), float(rng.uniform(0, 1)) ** 0.5
            x, y = 0.36 * d * cos(a), -0.66 + 0.3 * d * sin(a)
            shade = 0.6 + 0.5 * (0.5 - 0.5 * d * sin(a)) + float(rng.uniform(-0.12, 0.12))
            pen.fill(Paint(tone(green, shade), "leaf", 0.12, 0.6, round=0.5), ellipse(x, y, 0.075, 0.04,
                float(rng.uniform(0, 180))))
        petal = _pick(pen, ((214, 50, 70), (240, 200, 80), (226, 130, 180), (240, 236, 230)))
        for _ in range(12):
            a, d = float(rng.uniform(0, 6.283)), float(rng.uniform(0, 0.9))
            x, y = 0.36 * d * cos(a), -0.68 + 0.28 * d * sin(a)
            pen.fill(Paint(petal, round=0.4), *(ellipse(x + 0.028 * cos(k * 1.257),
                y + 0.028 * sin(k * 1.257), 0.026, 0.026) for k in range(5)))
            pen.fill(Paint((236, 190, 60)), ellipse(x, y, 0.015, 0.015))
    else:
        count, length, width, spread, bend = ((15, 0.56, 0.15, 1.25, 0.1), (13, 0.62, 0.085, 0.55, 0.0),
            (0, 0, 0, 0, 0), (18, 0.6, 0.07, 1.5, 0.3))[kind]
        for k in range(count):
            angle = spread * (2 * ((k * 7) % count) / (count - 1) - 1)
            leaf(angle, length * float(rng.uniform(0.75, 1.05)), width, 0.62 + 0.5 * k / count, bend,
                0.1 * angle / spread)
    pen.fill(Paint((70, 50, 38), "gravel", 0.15), ellipse(0, top, 0.2, 0.03))
    pen.fill(clay, poly((-0.2, top + 0.02), (0.2, top + 0.02), (0.15, -0.01), (0.12, 0.0), (-0.12, 0.0),
        (-0.15, -0.01)))
    pen.fill(clay.toned(1.12), box(-0.235, top - 0.01, 0.235, top + 0.075, 0.02))
