"""Drawings are written as text, one surface or part after the other, and painted by a pen.

    bicycle: @wheel -52,33 33 sway 90; @wheel 54,33 33 sway 90; lacquer bar 5 / -6,30 40,66; @handlebar
    wheel: rubber oval 0,0 100 less oval 0,0 86; metal*80 bar 2 / 0,0 95,0 spin 9; 40% lamp? box -9,20 9,30

A surface is a paint (or one of several: `wood|cloth`) and the outlines that it fills; x is to the right and y upwards,
and a thing stands on y = 0 and is 100 high. `poly` and `blob` go straight or smoothly through points, `bar W ... /` and
`limb W ... /` are bands along straight lines or a curve, their width given at each point; `box X0,Y0 X1,Y1 [RADIUS]`;
`oval X,Y RX [RY [TURN [BUMPS DEPTH]]]` (perhaps with scallops). After an outline, `mirror` adds its mirror image at
x = 0, `repeat N DX,DY` copies it, `spin N` turns copies around the origin, `fan N DEGREES` spreads them; what follows
`less` is a hole. After a paint, `*80` is 80 % of its brightness (over 100 %: toward white), `/` its second color, `?`
a color picked again for each outline. `@NAME X,Y SIZE` is a part: a drawing of that name there, SIZE % as large; if
several have the name, any of them. After it, `flip`, `turn` and `sway` (at random, up to so much) in degrees, `tone
PERCENT`, and `scatter N RX,RY` or `on` with the corners of a quadrilateral, clockwise from the top left, onto which the
square from 0 to 100 is drawn in perspective. `40%` before a surface or part leaves it out in the other 60 %.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..types import F32, F64
from .painting import Canvas, Paint


class Row(NamedTuple):
    """A surface or, with the mark "@", a part; numbers: of a part, by word, "" for those that place it."""

    chance: float
    names: list[str]
    mark: str
    tone: float
    outlines: list[F64]
    holes: list[F64]
    numbers: dict[str, list[float]]


def parse(text: str) -> dict[str, list[list[Row]]]:
    """The drawings of a text, by name."""
    drawings: dict[str, list[list[Row]]] = {}
    for names, rows in re.findall(r"^([\w|]+):([^:]*)$", text, re.MULTILINE):
        for name in names.split("|"):
            drawings.setdefault(name, []).append([_row(row.replace(",", " ")) for row in rows.split(";")])
    return drawings


def _row(text: str) -> Row:
    match = re.fullmatch(r"\s*(?:(\d+)%)?\s*(@?)([a-z|]+)([/?]?)\*?(\d*)(.*)", text, re.DOTALL)
    assert match, f"not a surface or part: {text}"
    chance, part, names, mark, tone, rest = match.groups()
    words = [(word, [[float(number) for number in group.split()] for group in groups.split("/")])
             for word, groups in re.findall(r"([a-z]*)([^a-z]*)", rest)]  # fmt: skip
    shapes: tuple[list[F64], list[F64]] = ([], []) if part else _shapes(words[1:-1])
    numbers = {word: groups[0] for word, groups in words[:-1]}
    return Row(int(chance or 100) / 100, names.split("|"), part or mark, int(tone or 100) / 100, *shapes, numbers)


def _shapes(words: list[tuple[str, list[list[float]]]]) -> tuple[list[F64], list[F64]]:
    """The outlines and the holes of a surface, from its words and the groups of numbers after each."""
    shapes: tuple[list[F64], list[F64]] = ([], [])
    last: list[F64] = []
    into = 0
    for word, groups in words:
        count, *step = groups[0] or [0]
        more: list[F64] = []
        if word == "less":
            into = 1
        elif word == "mirror":
            more = [shape * (-1, 1) for shape in last]
        elif word == "repeat":
            more = [shape + np.multiply(k, step) for k in range(1, int(count)) for shape in last]
        elif word == "spin":
            more = [shape @ _placed(turn=-360 * k / count)[:2, :2] for k in range(1, int(count)) for shape in last]
        elif word == "fan":  # leaves of a palm, left and right in turns
            del shapes[into][-len(last) :]
            turns = ((k / count, _placed(turn=step[0] * (1 - 2 * (0.618 * k % 1)))) for k in range(int(count)))
            last, more = [], [shape @ turn[:2, :2] * (1 - 0.3 * share) for share, turn in turns for shape in last]
        else:
            last, more = [], [_outline(word, groups)]
        last = last + more
        shapes[into].extend(more)
    return shapes


def _outline(word: str, groups: list[list[float]]) -> F64:
    """The (N, 2) points of an outline."""
    if word in ("box", "oval"):
        return _box(*groups[0]) if word == "box" else _oval(*groups[0])
    points = np.reshape(groups[-1], (-1, 2))
    if word == "blob":
        return _spline(np.concatenate([points[-1:], points, points[:2]]))
    if word == "limb":
        before, after = 2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1]
        points = np.concatenate([_spline(np.concatenate([before, points, after])), points[-1:]])
    return points if word == "poly" else _band(points, groups[0])


def _spline(points: F64) -> F64:
    """Catmull-Rom through points[1:-1]; the first and the last point only give the direction."""
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    a, b, c, d = (points[i : len(points) - 3 + i, None] for i in range(4))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.asarray(curve.reshape(-1, 2))


def _oval(x: float, y: float, rx: float, ry: float = 0, turn: float = 0, bumps: float = 0, depth: float = 0) -> F64:
    around = np.linspace(0, 2 * np.pi, int(bumps) * 8 or 40, endpoint=False)
    swell = depth * np.abs(np.sin(around * bumps / 2)) * (1 + 0.35 * np.sin(5 * around + bumps))
    ring = np.stack([(rx + swell) * np.cos(around), ((ry or rx) + swell) * np.sin(around)], axis=1)
    return np.asarray(ring @ _placed(turn=turn)[:2, :2].T + (x, y))


def _box(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> F64:
    corners = np.array([(x1, y1), (x0, y1), (x0, y0), (x1, y0)])
    inner = np.clip(corners, (x0 + radius, y0 + radius), (x1 - radius, y1 - radius))
    return (_oval(0, 0, radius).reshape(4, 10, 2) + inner[:, None]).reshape(-1, 2) if radius else corners


def _band(line: F64, widths: Sequence[float]) -> F64:
    half = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, len(widths)), widths)[:, None] / 2
    along = np.gradient(line, axis=0)
    along *= half / np.hypot(along[:, :1], along[:, 1:])
    normal = along[:, ::-1] * (-1, 1)
    bow = np.linspace(np.pi / 2, -np.pi / 2, 9)[1:-1, None]
    start, end = (line[i] + sign * (np.cos(bow) * along[i] + np.sin(bow) * normal[i]) for i, sign in ((0, -1), (-1, 1)))
    return np.concatenate([line + normal, end, (line - normal)[::-1], start])


@dataclass(slots=True)
class Pen:
    """Paints drawings at one place.

    matrix: (3, 3), from the drawing's units to pixels. tone: brightness. picked: the colors of the thing, by paint.
    """

    canvas: Canvas
    paints: Mapping[str, Paint]
    drawings: Mapping[str, list[list[Row]]]
    matrix: F64 = field(default_factory=lambda: np.eye(3))
    tone: float = 1.0
    picked: dict[str, F32] = field(default_factory=dict)

    def at(self, x: float, y: float, height: float, flip: bool = False, turn: float = 0.0) -> Pen:
        """A pen for a new thing that stands on pixel (x, y) and is `height` pixels high; turn in degrees."""
        matrix = _placed(x, y) @ np.diag([1, -1, 1]) @ _placed(size=height / 100, turn=turn, flip=flip)
        return replace(self, matrix=matrix, picked={})

    def draw(self, name: str) -> None:
        """Paint one of the drawings of that name, if there are any."""
        variants = self.drawings.get(name, [[]])
        for row in variants[int(self.canvas.rng.integers(len(variants)))]:
            if self.canvas.rng.random() >= row.chance:
                continue
            if row.mark == "@":
                for pen in self._copies(row.numbers):
                    pen.draw(row.names[0])
            else:
                for shapes in [[shape] for shape in row.outlines] if row.mark == "?" else [row.outlines]:
                    self._fill(row, shapes)

    def _fill(self, row: Row, outlines: list[F64]) -> None:
        name = row.names[int(self.canvas.rng.integers(len(row.names)))]
        if row.mark == "?" or name not in self.picked:
            self.picked[name] = self.paints[name].pick(self.canvas.rng)
        colors, tone = self.picked[name], self.tone * row.tone
        colors = colors * tone if tone <= 1 else 255 - (255 - colors) / tone
        colors = (colors[::-1] if row.mark == "/" else colors).astype(np.float32)
        shapes, holes = ([self._pixels(shape) for shape in group] for group in (outlines, row.holes))
        grown = abs(np.linalg.det(self.matrix[:2, :2])) ** 0.5 / 3
        self.canvas.fill(self.paints[name], colors, grown, shapes, holes)

    def _pixels(self, shape: F64) -> F64:
        moved = shape @ self.matrix[:, :2].T + self.matrix[:, 2]
        return np.asarray(moved[:, :2] / moved[:, 2:])

    def _copies(self, numbers: Mapping[str, list[float]]) -> Iterator[Pen]:
        """A pen for each copy of a part."""
        if "on" in numbers:
            yield replace(self, matrix=self.matrix @ _onto(np.reshape(numbers["on"], (4, 2))))
            return
        given = numbers.get("", [])
        x, y, size = given + [0.0, 0.0, 100.0][len(given) :]
        tone, light = self.tone * numbers.get("tone", [100])[0] / 100, 1.0
        count, *reach = numbers.get("scatter", [1])
        for _ in range(int(count)):
            turn = numbers.get("turn", [0])[0] + numbers.get("sway", [0])[0] * self.canvas.rng.uniform(-1, 1)
            place = _placed(x, y, size / 100, turn, "flip" in numbers)
            if reach:
                angle, far = self.canvas.rng.uniform(0, 2 * np.pi), self.canvas.rng.uniform() ** 0.5
                dx, dy = far * np.cos(angle), far * np.sin(angle)
                place = _placed(reach[0] * dx, reach[1] * dy) @ place @ _placed(size=self.canvas.rng.uniform(0.75, 1.1))
                light = 0.85 + 0.25 * dy + self.canvas.rng.uniform(-0.1, 0.1)
            yield replace(self, matrix=self.matrix @ place, tone=tone * light)


def _placed(x: float = 0, y: float = 0, size: float = 1, turn: float = 0, flip: bool = False) -> F64:
    """The matrix that flips, scales, turns by degrees and moves, in this order."""
    sine, cosine = size * np.sin(np.radians(turn)), size * np.cos(np.radians(turn))
    return np.array([[cosine, -sine, x], [sine, cosine, y], [0, 0, 1]]) @ np.diag([-1 if flip else 1, 1, 1])


def _onto(quad: F64) -> F64:
    """The homography that takes the square from 0 to 100 to the corners, clockwise from the top left."""
    rows = []
    for (u, v), (x, y) in zip(((0, 100), (100, 100), (100, 0), (0, 0)), quad, strict=True):
        rows += [(u, v, 1, 0, 0, 0, -u * x, -v * x), (0, 0, 0, u, v, 1, -u * y, -v * y)]
    return np.append(np.linalg.solve(np.array(rows), quad.ravel()), 1).reshape(3, 3)
