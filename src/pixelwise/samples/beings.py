"""Painters of people and animals. Each stands on y = 0, is one unit high and looks to the right."""

# fmt: off
from __future__ import annotations

from .canvas import Colour, Paint, Pen, mix, tone
from .shapes import Point, box, bumpy, ellipse, limb, poly, smooth

SKIN: tuple[Colour, ...] = ((240, 200, 172), (222, 172, 138), (190, 136, 100), (141, 92, 62), (96, 62, 44))
CLOTH: tuple[Colour, ...] = ((176, 42, 46), (40, 74, 140), (44, 110, 84), (214, 172, 60), (226, 222, 214),
    (52, 54, 62), (120, 70, 120), (212, 112, 60), (110, 150, 190), (150, 152, 150), )
EYE = Paint((18, 16, 16), contrast=0, fade=0)


def _pick(pen: Pen, options: tuple[Colour, ...]) -> Colour:
    r, g, b = options[int(pen.rng.integers(len(options)))]
    shift = pen.rng.uniform(-12, 12, 3)
    return (float(max(r + shift[0], 8)), float(max(g + shift[1], 8)), float(max(b + shift[2], 8)))


def _leg(pen: Pen, fur: Paint, hoof: Paint, points: tuple[Point, ...], widths: tuple[float, ...], foot: float) -> None:
    pen.fill(fur, limb(points, widths))
    x, y = points[-1]
    pen.fill(hoof, smooth((x - foot * 0.5, y), (x - foot * 0.45, y - foot * 0.7),
        (x + foot * 0.4, y - foot * 0.7), (x + foot * 0.95, y), (x, y + foot * 0.08)))


def person(pen: Pen) -> None:
    """Front view: hair, face, shirt, arms, trousers or skirt, shoes; standing, walking or waving."""
    rng = pen.rng
    skin = Paint(_pick(pen, SKIN), contrast=0.03, round=0.8, fade=0.1)
    shirt = Paint(_pick(pen, CLOTH), "weave", 0.06, round=0.7, second=_pick(pen, CLOTH) if rng.random() < 0.3
        else None, pattern="bands", share=0.4, pattern_scale=0.5)
    legs = Paint(_pick(pen, ((48, 62, 98), (58, 56, 54), (120, 104, 84), (84, 92, 104))), "weave", 0.08,
        round=0.8)
    shoes = Paint(_pick(pen, ((42, 36, 34), (200, 198, 192), (120, 60, 40))), round=0.8)
    hair = Paint(_pick(pen, ((38, 28, 24), (92, 60, 36), (190, 150, 90), (120, 116, 112), (24, 22, 24))),
        "fur", 0.2, round=0.6)
    stride = float(rng.choice([0.0, 0.03, 0.07]))
    long_hair, skirt = rng.random() < 0.4, rng.random() < 0.3
    if long_hair:
        pen.fill(hair, smooth((-0.075, -0.93), (0, -1.0), (0.075, -0.93), (0.085, -0.78), (0, -0.74),
            (-0.085, -0.78)))
    under = skin if skirt else legs
    for side in (-1, 1):
        hip, foot = side * 0.052, side * (0.06 + stride)
        knee = (hip + foot) / 2 + 0.012 * side
        pen.fill(under, limb(((hip, -0.5), (knee, -0.27), (foot, -0.04)), (0.115, 0.085, 0.058)))
        pen.fill(shoes, smooth((foot - 0.035, -0.045), (foot + 0.03, -0.045),
            (foot + 0.035 + 0.025 * side, 0), (foot - 0.035 + 0.025 * side, 0)))
    if skirt:
        pen.fill(legs, smooth((-0.085, -0.55), (0.085, -0.55), (0.14, -0.29), (0.0, -0.265), (-0.14, -0.29)))
    wave = rng.random() < 0.25
    for side in (-1, 1):
        hand = (0.2 + stride, -0.47) if not (wave and side == 1) else (0.27, -0.98)
        elbow = (0.165, -0.62) if not (wave and side == 1) else (0.25, -0.76)
        arm = ((0.105 * side, -0.785), (elbow[0] * side, elbow[1]), (hand[0] * side, hand[1]))
        pen.fill(skin, limb(arm, (0.06, 0.05, 0.036)), ellipse(hand[0] * side, hand[1] + 0.015, 0.026, 0.034))
        pen.fill(shirt, limb(arm[:2] if rng.random() < 0.5 else arm, (0.085, 0.066), bend=False))
    pen.fill(skin, box(-0.034, -0.88, 0.034, -0.78))
    pen.fill(shirt, smooth((-0.05, -0.825), (0.05, -0.825), (0.125, -0.795), (0.115, -0.66), (0.092, -0.56),
        (0.1, -0.46), (0, -0.445), (-0.1, -0.46), (-0.092, -0.56), (-0.115, -0.66), (-0.125, -0.795)))
    pen.fill(skin, smooth((0, -0.985), (0.055, -0.955), (0.06, -0.905), (0.035, -0.855), (0, -0.84),
        (-0.035, -0.855), (-0.06, -0.905), (-0.055, -0.955)))
    pen.fill(hair, smooth((-0.066, -0.9), (-0.072, -0.955), (-0.035, -0.998), (0.035, -0.998),
        (0.072, -0.955), (0.066, -0.9), (0.05, -0.948), (0, -0.958), (-0.05, -0.948)))
    for side in (-1, 1):
        pen.fill(EYE, ellipse(side * 0.023, -0.915, 0.0075, 0.006))
    pen.fill(Paint((150, 70, 66), contrast=0, fade=0), ellipse(0, -0.873, 0.017, 0.0055))


def horse(pen: Pen) -> None:
    """Arched neck, long legs, mane and tail; sometimes grazing."""
    rng = pen.rng
    coat = Paint(_pick(pen, ((122, 72, 40), (70, 44, 30), (168, 118, 70), (206, 200, 190), (52, 44, 42))),
        "fur", 0.06, round=0.9, gloss=0.12, fade=0.3)
    dark = Paint(tone(coat.color, 0.35) if rng.random() < 0.7 else (226, 214, 190), "fur", 0.2, round=0.5)
    hoof = Paint((48, 42, 40))
    far = coat.toned(0.62)
    step = float(rng.uniform(-0.07, 0.07))
    _leg(pen, far, hoof, ((-0.34, -0.46), (-0.29 + step, -0.28), (-0.36 + step, -0.18),
        (-0.33 + step, -0.03)), (0.16, 0.08, 0.045, 0.04), 0.05)
    _leg(pen, far, hoof, ((0.3, -0.46), (0.34 - step, -0.25), (0.35 - step, -0.03)), (0.12, 0.055, 0.04),
        0.05)
    pen.fill(dark, limb(((-0.44, -0.64), (-0.54, -0.52), (-0.53, -0.22)), (0.04, 0.09, 0.03)))
    low = rng.random() < 0.35
    neck = ((0.26, -0.6), (0.46, -0.5), (0.6, -0.26)) if low else ((0.24, -0.6), (0.4, -0.74), (0.5, -0.93))
    x, y = neck[-1]
    body = smooth((0.39, -0.6), (0.34, -0.69), (0.22, -0.72), (0.02, -0.665), (-0.2, -0.69), (-0.34, -0.71),
        (-0.45, -0.62), (-0.45, -0.5), (-0.34, -0.42), (-0.1, -0.385), (0.12, -0.39), (0.3, -0.43))
    pen.fill(coat, body, limb(neck, (0.27, 0.2, 0.12)))
    mane = [(px - 0.055, py - 0.045) for px, py in neck]
    pen.fill(dark, limb(mane, (0.05, 0.1, 0.06)))
    nose = (x + 0.12, y + 0.22) if low else (x + 0.18, y + 0.17)
    mid = ((x + nose[0]) / 2 + 0.015, (y + nose[1]) / 2)
    pen.fill(coat, limb(((x - 0.01, y), mid, nose), (0.13, 0.105, 0.072)))
    pen.fill(coat, smooth((x - 0.05, y - 0.03), (x - 0.04, y - 0.11), (x + 0.0, y - 0.04)), smooth((x + 0.0,
        y - 0.04), (x + 0.025, y - 0.11), (x + 0.05, y - 0.02)))
    pen.fill(dark, smooth((x - 0.03, y - 0.07), (x + 0.05, y - 0.045), (x + 0.075, y + 0.03),
        (x + 0.01, y - 0.01)))
    pen.fill(EYE, ellipse(x + 0.06, y + 0.035, 0.013, 0.012))
    pen.fill(coat.toned(0.5), ellipse(nose[0] + 0.01, nose[1] + 0.012, 0.032, 0.026, 40))
    _leg(pen, coat, hoof, ((-0.37, -0.5), (-0.35 - step, -0.3), (-0.43 - step, -0.19), (-0.4 - step, -0.03)),
        (0.2, 0.1, 0.05, 0.042), 0.055)
    _leg(pen, coat, hoof, ((0.26, -0.48), (0.25 + step, -0.26), (0.26 + step, -0.03)), (0.15, 0.065, 0.042),
        0.055)


def cow(pen: Pen) -> None:
    """Square body with patches, horns, pink muzzle, udder, tufted tail."""
    rng = pen.rng
    kind = int(rng.integers(3))
    base, patch = (((232, 228, 220), (36, 32, 32)), ((236, 226, 210), (136, 74, 42)), ((150, 92, 54),
        (226, 214, 196)))[kind]
    hide = Paint(base, "fur", 0.05, round=0.75, fade=0.3, second=patch, share=0.45 if kind < 2 else 0.12,
        pattern_scale=max(pen.scale / 330, 0.3))
    plain = Paint(patch if kind < 2 else base, "fur", 0.06, round=0.8)
    hoof, pink = Paint((50, 44, 42)), Paint((222, 158, 146), round=0.8)
    leg = Paint(base, "fur", 0.05, round=0.7)
    for x in (-0.42, 0.42):
        _leg(pen, leg.toned(0.6), hoof, ((x, -0.4), (x + 0.01, -0.2), (x, -0.03)), (0.15, 0.085, 0.065), 0.06)
    pen.fill(plain, limb(((-0.62, -0.84), (-0.68, -0.6), (-0.66, -0.34)), (0.035, 0.03, 0.025)),
        ellipse(-0.66, -0.27, 0.035, 0.08))
    pen.fill(pink, smooth((-0.36, -0.36), (-0.3, -0.24), (-0.2, -0.23), (-0.16, -0.36)))
    low = rng.random() < 0.4
    hx, hy = (0.86, -0.3) if low else (0.84, -0.84)
    body = smooth((0.5, -0.88), (0.2, -0.87), (-0.1, -0.84), (-0.42, -0.9), (-0.6, -0.86), (-0.64, -0.66),
        (-0.56, -0.44), (-0.3, -0.33), (0.1, -0.29), (0.4, -0.35), (0.6, -0.52), (0.62, -0.74))
    pen.fill(hide, body, limb(((0.45, -0.68), (0.66, -0.58 if low else -0.72), (hx - 0.02, hy - 0.02)),
        (0.46, 0.36, 0.22)))
    for x in (-0.5, 0.46):
        _leg(pen, leg, hoof, ((x, -0.44), (x - 0.01, -0.2), (x, -0.03)), (0.2, 0.095, 0.07), 0.065)
    horn = Paint((224, 212, 184), round=0.6)
    pen.fill(horn, limb(((hx - 0.05, hy - 0.1), (hx - 0.07, hy - 0.19), (hx + 0.0, hy - 0.25)),
        (0.05, 0.038, 0.01)), limb(((hx + 0.06, hy - 0.1), (hx + 0.1, hy - 0.18), (hx + 0.06, hy - 0.25)),
        (0.05, 0.038, 0.01)))
    pen.fill(plain, smooth((hx - 0.08, hy - 0.07), (hx - 0.2, hy - 0.12), (hx - 0.22, hy - 0.04),
        (hx - 0.1, hy + 0.0)))
    pen.fill(plain, smooth((hx - 0.1, hy - 0.12), (hx + 0.08, hy - 0.13), (hx + 0.12, hy),
        (hx + 0.15, hy + 0.14), (hx + 0.06, hy + 0.21), (hx - 0.03, hy + 0.14), (hx - 0.09, hy + 0.02)))
    if kind < 2:
        pen.fill(Paint(base), smooth((hx + 0.03, hy - 0.12), (hx + 0.09, hy - 0.11), (hx + 0.13, hy + 0.08),
            (hx + 0.06, hy + 0.08)))
    pen.fill(pink, ellipse(hx + 0.095, hy + 0.16, 0.075, 0.06, 20))
    pen.fill(EYE, ellipse(hx + 0.01, hy - 0.03, 0.018, 0.018), ellipse(hx + 0.13, hy + 0.15, 0.014, 0.012))


def sheep(pen: Pen) -> None:
    """A woolly cloud on thin legs, with a smooth face and hanging ears."""
    rng = pen.rng
    wool = Paint(_pick(pen, ((232, 226, 210), (214, 204, 186), (240, 238, 230))), "wool", 0.1,
        max(pen.scale / 130, 0.5), round=0.8, fade=0.3)
    face = Paint(_pick(pen, ((52, 46, 44), (226, 214, 200), (96, 80, 70))), "fur", 0.06, round=0.8)
    for x, factor in ((-0.34, 0.6), (0.3, 0.6), (-0.42, 1.0), (0.38, 1.0)):
        _leg(pen, face.toned(factor), Paint((30, 28, 28)), ((x, -0.36), (x, -0.18), (x, -0.03)),
            (0.12, 0.075, 0.06), 0.06)
    pen.fill(wool, ellipse(-0.62, -0.52, 0.07, 0.13, 15))
    low = rng.random() < 0.45
    hx, hy = (0.72, -0.2) if low else (0.66, -0.82)
    body = bumpy(ellipse(-0.02, -0.57, 0.6, 0.31), rng, 26, 0.05)
    pen.fill(wool, body, bumpy(ellipse(0.5, -0.56 if low else -0.68, 0.2, 0.2), rng, 12, 0.04))
    pen.fill(face, limb(((hx - 0.03, hy - 0.03), (hx + 0.17, hy + 0.12)), (0.21, 0.13), bend=False))
    pen.fill(face.toned(0.85), smooth((hx - 0.06, hy - 0.05), (hx - 0.2, hy + 0.01), (hx - 0.2, hy + 0.08),
        (hx - 0.05, hy + 0.04)))
    pen.fill(wool, bumpy(ellipse(hx - 0.05, hy - 0.11, 0.11, 0.07), rng, 8, 0.03))
    pen.fill(Paint((240, 236, 220), contrast=0), ellipse(hx + 0.055, hy - 0.005, 0.022, 0.02))
    pen.fill(EYE, ellipse(hx + 0.06, hy - 0.003, 0.013, 0.015), ellipse(hx + 0.2, hy + 0.12, 0.018, 0.012,
        40))


DOGS: tuple[tuple[Colour, Colour, float], ...] = (((196, 142, 84), (232, 214, 186), 0.15), ((62, 44, 36),
    (150, 96, 56), 0.12), ((228, 222, 212), (96, 64, 44), 0.3), ((146, 94, 56), (240, 232, 220), 0.25), ((44,
    42, 44), (226, 222, 216), 0.2), ((214, 182, 132), (214, 182, 132), 0.1), )


def dog(pen: Pen) -> None:
    """Long snout, hanging ears, collar, raised tail; standing or sitting."""
    rng = pen.rng
    base, patch, share = DOGS[int(rng.integers(len(DOGS)))]
    fur = Paint(base, "fur", 0.08, 0.7, round=0.85, fade=0.25, second=patch, share=share,
        pattern_scale=max(pen.scale / 300, 0.3))
    far, plain = fur.toned(0.62), Paint(base, "fur", 0.08, 0.7, round=0.8)
    sit = rng.random() < 0.4
    if sit:
        hx, hy = 0.16, -0.82
        pen.fill(far, limb(((-0.3, -0.08), (-0.48, -0.1), (-0.56, -0.28)), (0.1, 0.08, 0.04)))
        pen.fill(far, limb(((0.14, -0.4), (0.2, -0.03)), (0.12, 0.08), bend=False), ellipse(0.23, -0.03, 0.07,
            0.03))
        pen.fill(fur, smooth((0.16, -0.74), (0.24, -0.5), (0.16, -0.22), (0.0, -0.04), (-0.3, -0.03),
            (-0.36, -0.2), (-0.26, -0.42), (-0.06, -0.7)))
        pen.fill(fur, ellipse(-0.2, -0.17, 0.17, 0.15), ellipse(-0.08, -0.035, 0.13, 0.04))
        pen.fill(fur, limb(((0.12, -0.46), (0.1, -0.04)), (0.15, 0.09), bend=False), ellipse(0.14, -0.035,
            0.075, 0.038))
    else:
        hx, hy = 0.5, -0.84
        step = float(rng.uniform(-0.08, 0.08))
        tail = ((-0.46, -0.62), (-0.62, -0.72), (-0.66, -0.92)) if rng.random() < 0.7 else ((-0.46, -0.6),
            (-0.6, -0.5), (-0.68, -0.36))
        pen.fill(fur, limb(tail, (0.1, 0.075, 0.035)))
        pen.fill(far, limb(((-0.34, -0.46), (-0.3 + step, -0.24), (-0.36 + step, -0.04)), (0.16, 0.08, 0.06)),
            limb(((0.32, -0.46), (0.36 - step, -0.04)), (0.12, 0.065), bend=False), ellipse(-0.33 + step,
            -0.03, 0.06, 0.03), ellipse(0.39 - step, -0.03, 0.06, 0.03))
        pen.fill(fur, smooth((0.42, -0.68), (0.2, -0.7), (-0.1, -0.66), (-0.4, -0.68), (-0.5, -0.58),
            (-0.46, -0.44), (-0.2, -0.4), (0.1, -0.34), (0.34, -0.36), (0.44, -0.5)), limb(((0.3, -0.56),
            (0.4, -0.7), (hx - 0.02, hy)), (0.3, 0.24, 0.2)))
        pen.fill(fur, limb(((-0.4, -0.52), (-0.4 - step, -0.26), (-0.47 - step, -0.16),
            (-0.44 - step, -0.04)), (0.22, 0.11, 0.07, 0.065)), ellipse(-0.41 - step, -0.03, 0.07, 0.032))
        pen.fill(fur, limb(((0.28, -0.48), (0.26 + step, -0.04)), (0.17, 0.075), bend=False),
            ellipse(0.3 + step, -0.03, 0.07, 0.032))
    collar = Paint(_pick(pen, ((190, 40, 40), (40, 90, 180), (40, 150, 90))), round=0.5)
    pen.fill(collar, limb(((hx - 0.14, hy + 0.06), (hx + 0.06, hy + 0.17)), (0.05, 0.05), bend=False))
    pen.fill(plain, ellipse(hx, hy, 0.135, 0.125), limb(((hx + 0.04, hy + 0.01), (hx + 0.25, hy + 0.07)),
        (0.17, 0.1), bend=False))
    muzzle = Paint(mix(base, (240, 230, 215), 0.5), "fur", 0.1, round=0.7)
    pen.fill(muzzle, limb(((hx + 0.16, hy + 0.06), (hx + 0.25, hy + 0.08)), (0.1, 0.085), bend=False))
    pen.fill(Paint((24, 20, 20), round=0.6, gloss=0.3), ellipse(hx + 0.285, hy + 0.045, 0.034, 0.03))
    pen.fill(EYE, ellipse(hx + 0.075, hy - 0.025, 0.018, 0.019))
    ear = Paint(tone(base, 0.62), "fur", 0.14, round=0.6)
    pen.fill(ear, smooth((hx - 0.06, hy - 0.12), (hx + 0.02, hy - 0.08), (hx - 0.0, hy + 0.08),
        (hx - 0.07, hy + 0.14), (hx - 0.13, hy + 0.04)))


CATS: tuple[tuple[Colour, Colour, str, float], ...] = (
    ((206, 134, 70), (150, 82, 34), "stripes", 0.4), ((146, 140, 130), (78, 72, 68), "stripes", 0.42),
    ((52, 48, 50), (40, 36, 38), "spots", 0.3), ((232, 226, 216), (190, 130, 76), "spots", 0.25),
    ((120, 118, 124), (104, 102, 108), "spots", 0.3),
)


def cat(pen: Pen) -> None:
    """Sitting and facing us, or lying: round head, two pointed ears, bright eyes, whiskers, long tail."""
    rng = pen.rng
    base, second, pattern, share = CATS[int(rng.integers(len(CATS)))]
    fur = Paint(base, "fur", 0.14, round=0.85, fade=0.2, second=second, share=share, pattern=pattern,
        pattern_scale=max(pen.scale / 350, 0.25))
    pale = Paint(mix(base, (246, 240, 232), 0.65), "fur", 0.1, round=0.7)
    lying = rng.random() < 0.4
    if lying:
        pen = pen.sized(0.68)
        hx, hy, s = 0.78, -0.66, 1.15
        pen.fill(fur, limb(((-0.7, -0.12), (-1.06, -0.1), (-1.22, -0.3), (-1.14, -0.52)),
            (0.14, 0.14, 0.12, 0.07)))
        pen.fill(fur, smooth((0.74, -0.5), (0.5, -0.6), (0.1, -0.56), (-0.4, -0.62), (-0.76, -0.46),
            (-0.84, -0.16), (-0.66, -0.02), (0.2, -0.0), (0.76, -0.03), (0.88, -0.24)))
        pen.fill(fur.toned(0.88), smooth((-0.5, -0.52), (-0.24, -0.34), (-0.26, -0.1), (-0.5, 0.0),
            (-0.78, -0.06), (-0.82, -0.3)), ellipse(-0.3, -0.05, 0.2, 0.055))
        pen.fill(pale, limb(((0.6, -0.1), (1.12, -0.06)), (0.16, 0.13), bend=False), limb(((0.5, -0.06),
            (0.98, -0.03)), (0.13, 0.11), bend=False))
    else:
        hx, hy, s = 0.0, -0.76, 1.0
        side = float(rng.choice([-1, 1]))
        pen.fill(fur, limb(((side * 0.2, -0.05), (side * 0.42, -0.06), (side * 0.5, -0.24),
            (side * 0.44, -0.4)), (0.1, 0.1, 0.085, 0.05)))
        pen.fill(fur, smooth((0.0, -0.66), (0.15, -0.6), (0.2, -0.36), (0.29, -0.14), (0.24, -0.01), (0, 0.0),
            (-0.24, -0.01), (-0.29, -0.14), (-0.2, -0.36), (-0.15, -0.6)))
        pen.fill(pale, smooth((0.0, -0.58), (0.08, -0.5), (0.06, -0.3), (0, -0.24), (-0.06, -0.3),
            (-0.08, -0.5)))
        for x in (-0.075, 0.075):
            pen.fill(fur.toned(0.94), limb(((x, -0.36), (x, -0.05)), (0.13, 0.1), bend=False))
            pen.fill(pale, ellipse(x, -0.035, 0.07, 0.04))
    inner = Paint((206, 140, 132), round=0.4)
    for f in (-1, 1):
        ear = [(hx + f * 0.19 * s, hy - 0.01 * s), (hx + f * 0.2 * s, hy - 0.24 * s),
            (hx + f * 0.03 * s, hy - 0.13 * s)]
        pen.fill(fur, poly(*ear))
        cx, cy = sum(p[0] for p in ear) / 3, sum(p[1] for p in ear) / 3
        pen.fill(inner, poly(*((cx + (x - cx) * 0.55, cy + (y - cy) * 0.55) for x, y in ear)))
    pen.fill(fur, ellipse(hx, hy, 0.205 * s, 0.165 * s))
    pen.fill(pale, ellipse(hx - 0.042 * s, hy + 0.075 * s, 0.062 * s, 0.05 * s), ellipse(hx + 0.042 * s,
        hy + 0.075 * s, 0.062 * s, 0.05 * s))
    iris = Paint(_pick(pen, ((196, 190, 60), (120, 190, 110), (110, 170, 210))), contrast=0, fade=0)
    for f in (-1, 1):
        pen.fill(iris, ellipse(hx + f * 0.085 * s, hy - 0.025 * s, 0.04 * s, 0.035 * s))
        pen.fill(EYE, ellipse(hx + f * 0.085 * s, hy - 0.025 * s, 0.014 * s, 0.033 * s))
        for k in (-1, 0, 1):
            pen.line(Paint((240, 238, 232), opacity=0.7), 0.006 * s, (hx + f * 0.09 * s, hy + 0.07 * s),
                (hx + f * 0.25 * s, hy + (0.065 + 0.035 * k) * s))
    pen.fill(Paint((214, 128, 124), contrast=0), poly((hx - 0.025 * s, hy + 0.035 * s),
        (hx + 0.025 * s, hy + 0.035 * s), (hx, hy + 0.06 * s)))


BIRDS: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((232, 232, 230), (128, 136, 146), (232, 176, 60)), ((42, 42, 50), (30, 30, 36), (40, 38, 40)),
    ((176, 70, 52), (96, 72, 60), (70, 60, 50)), ((60, 108, 170), (44, 72, 120), (50, 46, 44)),
    ((132, 104, 76), (92, 70, 52), (196, 160, 90)), ((214, 184, 70), (90, 96, 60), (220, 140, 60)),
)


def bird(pen: Pen) -> None:
    """On thin legs: round breast, folded wing, pointed beak and tail."""
    body, wing, bill = BIRDS[int(pen.rng.integers(len(BIRDS)))]
    feather = Paint(body, "fur", 0.08, round=0.9, fade=0.2)
    beak = Paint(bill, contrast=0.03, round=0.4)
    for x in (-0.04, 0.06):
        pen.line(beak.toned(0.8), 0.03, (x, -0.26), (x + 0.03, -0.02))
        pen.line(beak.toned(0.8), 0.028, (x - 0.03, -0.015), (x + 0.1, -0.015))
    pen.fill(Paint(wing, "fur", 0.1, round=0.5), poly((-0.3, -0.46), (-0.78, -0.26), (-0.74, -0.16),
        (-0.22, -0.32)))
    pen.fill(feather, smooth((0.1, -0.8), (0.34, -0.66), (0.34, -0.42), (0.16, -0.22), (-0.12, -0.22),
        (-0.4, -0.36), (-0.3, -0.54), (-0.04, -0.7)), ellipse(0.24, -0.82, 0.17, 0.16))
    pen.fill(Paint(mix(body, (250, 240, 226), 0.5), "fur", 0.06, round=0.6), smooth((0.3, -0.64),
        (0.32, -0.44), (0.16, -0.26), (0.06, -0.32), (0.14, -0.5)))
    pen.fill(Paint(wing, "fur", 0.2, 0.7, round=0.6), smooth((0.1, -0.62), (0.1, -0.42), (-0.2, -0.32),
        (-0.56, -0.26), (-0.3, -0.52)))
    pen.fill(beak, poly((0.38, -0.87), (0.6, -0.79), (0.38, -0.75)))
    pen.fill(Paint((236, 230, 210), contrast=0, fade=0), ellipse(0.29, -0.85, 0.034, 0.034))
    pen.fill(EYE, ellipse(0.295, -0.85, 0.024, 0.024))


def flying_bird(pen: Pen) -> None:
    """In the air, seen from the side: wings raised or lowered, spread tail."""
    rng = pen.rng
    body, wing, bill = BIRDS[int(rng.integers(len(BIRDS)))]
    feather = Paint(body, "fur", 0.08, round=0.9, fade=0.3)
    span = Paint(wing, "fur", 0.16, round=0.35, fade=0.35)
    up = -1.0 if rng.random() < 0.65 else 0.8

    def spread(x: float, reach: float, paint: Paint) -> None:
        tip = -0.5 + up * reach
        pen.fill(paint, smooth((x + 0.22, -0.5), (x + 0.16, -0.5 + up * reach * 0.5), (x - 0.1, tip),
            (x - 0.3, tip * 0.98 - 0.01), (x - 0.3, -0.5 + up * reach * 0.62),
            (x - 0.24, -0.5 + up * reach * 0.3), (x - 0.16, -0.46)))
        for k in range(5):
            f = 0.45 + 0.12 * k
            pen.fill(paint, limb(((x - 0.1, -0.5 + up * reach * f * 0.8),
                (x - 0.44 + 0.02 * k, -0.5 + up * reach * (f + 0.08))), (0.07, 0.02), bend=False))

    spread(0.18, 0.56, span.toned(0.7))
    pen.fill(span, poly((-0.4, -0.52), (-0.86, -0.6), (-0.9, -0.48), (-0.82, -0.38), (-0.36, -0.44)))
    pen.fill(feather, smooth((0.62, -0.56), (0.4, -0.64), (0.0, -0.62), (-0.46, -0.5), (-0.1, -0.36),
        (0.3, -0.38), (0.52, -0.46)), ellipse(0.54, -0.57, 0.13, 0.11))
    pen.fill(Paint(bill, round=0.4), poly((0.64, -0.61), (0.86, -0.54), (0.64, -0.51)))
    spread(0.08, 0.62, span)
    pen.fill(EYE, ellipse(0.59, -0.59, 0.02, 0.02))
