"""Outlines: (N, 2) float64 arrays of x, y in the painter's own units, y pointing down."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, radians, sin

import numpy as np
from numpy.typing import NDArray

Outline = NDArray[np.float64]
Point = tuple[float, float]


def poly(*points: Point) -> Outline:
    """Straight edges through the points."""
    return np.array(points, np.float64)


def _spline(points: Outline, steps: int) -> Outline:
    """Catmull-Rom through points[1:-1]; the first and the last point only give the direction."""
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    p0, p1, p2, p3 = (points[i : len(points) - 3 + i, None, :] for i in range(4))
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    return np.asarray(curve.reshape(-1, 2))


def smooth(*points: Point, steps: int = 8) -> Outline:
    """A closed smooth outline through the points."""
    p = np.array(points, np.float64)
    return _spline(np.concatenate([p[-1:], p, p[:2]]), steps)


def curve(*points: Point, steps: int = 8) -> Outline:
    """An open smooth line through the points."""
    p = np.array(points, np.float64)
    line = _spline(np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]]), steps)
    return np.concatenate([line, p[-1:]])


def ellipse(
    x: float, y: float, rx: float, ry: float, turn: float = 0.0, start: float = 0, end: float = 360
) -> Outline:
    """Ellipse or elliptic arc (a pie without its centre); angles in degrees, clockwise on the picture."""
    a = np.radians(np.linspace(start, end, 40))
    px, py = rx * np.cos(a), ry * np.sin(a)
    c, s = cos(radians(turn)), sin(radians(turn))
    return np.stack([x + c * px - s * py, y + s * px + c * py], axis=1)


def box(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> Outline:
    """A rectangle, with round corners if `radius` > 0."""
    if radius <= 0:
        return poly((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    r = min(radius, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
    corners = ((x1 - r, y1 - r, 0), (x0 + r, y1 - r, 90), (x0 + r, y0 + r, 180), (x1 - r, y0 + r, 270))
    return np.concatenate([ellipse(x, y, r, r, 0, a, a + 90)[::6] for x, y, a in corners])


def limb(points: Sequence[Point], widths: Sequence[float], bend: bool = True) -> Outline:
    """A band along a line, its width given at each point, with round ends: legs, necks, tubes."""
    line = curve(*points) if bend and len(points) > 2 else np.array(points, np.float64)
    at = np.linspace(0, len(widths) - 1, len(line))
    half = np.interp(at, np.arange(len(widths)), np.asarray(widths)) / 2
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) * half[:, None]

    def cap(i: int, sign: float) -> Outline:
        a = np.linspace(-np.pi / 2, np.pi / 2, 9)[1:-1, None]
        return np.asarray(line[i] + sign * half[i] * np.cos(a) * along[i] + np.sin(a) * normal[i] * sign)

    return np.concatenate([line + normal, cap(-1, 1.0)[::-1], (line - normal)[::-1], cap(0, -1.0)[::-1]])


def ring(x: float, y: float, outer: float, inner: float) -> tuple[Outline, Outline]:
    """The outline and the hole of a ring."""
    return ellipse(x, y, outer, outer), ellipse(x, y, inner, inner)


def bumpy(outline: Outline, rng: np.random.Generator, bumps: int, depth: float) -> Outline:
    """The outline with `bumps` scallops of about `depth`, as wool and foliage have."""
    closed = np.concatenate([outline, outline[:1]])
    step = np.hypot(*np.diff(closed, axis=0).T)
    length = np.concatenate([[0], np.cumsum(step)])
    at = np.linspace(0, length[-1], bumps * 8, endpoint=False)
    p = np.stack([np.interp(at, length, closed[:, i]) for i in (0, 1)], axis=1)
    centre = p.mean(axis=0)
    out = p - centre
    out /= np.maximum(np.hypot(out[:, 0], out[:, 1]), 1e-9)[:, None]
    height = np.repeat(rng.uniform(0.5, 1.3, bumps), 8)
    wave = np.abs(np.sin(np.arange(len(p)) / 8 * np.pi))
    return np.asarray(p + out * (height * depth * wave)[:, None])
