"""Noise tiles that every surface of the scenes is cut from: made once, then only cropped and scaled."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

SIDE = 1024
"""Tiles are SIDE x SIDE float32, mean 0, standard deviation 1, clipped to -3..3."""


def _unit(tile: NDArray[np.float32]) -> F32:
    tile = tile - tile.mean()
    return np.asarray(np.clip(tile / tile.std(), -3, 3), np.float32)


def _octaves(rng: np.random.Generator, cells: tuple[int, ...], gain: float, across: float = 1.0) -> F32:
    """Random grids of growing fineness, each `gain` times as strong as the one before.

    `across` > 1 stretches the pattern along x.
    """
    out = np.zeros((SIDE, SIDE), np.float32)
    strength = 1.0
    for n in cells:
        grid = rng.standard_normal((n, max(2, round(n / across))), dtype=np.float32)
        out += strength * cv2.resize(grid, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        strength *= gain
    return _unit(out)


def _cells(rng: np.random.Generator, points: int) -> F32:
    """Rounded bumps around random points: wool, gravel."""
    seeds = np.full((SIDE, SIDE), 255, np.uint8)
    seeds[rng.integers(0, SIDE, points), rng.integers(0, SIDE, points)] = 0
    distance = cv2.distanceTransform(seeds, cv2.DIST_L2, 3)
    return _unit(-np.minimum(distance, np.float32(np.percentile(distance, 97))))


def _leaves(rng: np.random.Generator, count: int, size: float) -> F32:
    """Overlapping small leaves of different brightness."""
    tile = np.zeros((SIDE, SIDE), np.float32)
    for x, y, angle, long, value in rng.random((count, 5)):
        axes = (int(size * (0.6 + long)) + 1, int(size * (0.25 + 0.3 * long)) + 1)
        cv2.ellipse(tile, (int(x * SIDE), int(y * SIDE)), axes, angle * 360, 0, 360, float(value), -1)
    return _unit(tile)


def _bricks(rng: np.random.Generator) -> F32:
    tile = np.full((SIDE, SIDE), -1.6, np.float32)
    for row, y in enumerate(range(0, SIDE, 20)):
        for x in range(-24 if row % 2 else 0, SIDE, 48):
            tile[y + 2 : y + 20, max(x + 2, 0) : max(x + 48, 0)] = rng.uniform(-0.3, 0.9)
    return _unit(tile + 0.25 * rng.standard_normal(tile.shape, dtype=np.float32))


def _weave(rng: np.random.Generator) -> F32:
    at = np.arange(SIDE, dtype=np.float32)
    cloth = np.sin(at * 2.1)[:, None] * np.sin(at * 1.7)[None, :]
    return _unit(cloth + 0.8 * rng.standard_normal(cloth.shape, dtype=np.float32))


def _planks(rng: np.random.Generator) -> F32:
    """Boards along y, 64 wide, with grain: a wooden floor."""
    grain = _octaves(rng, (64, 128, 256, 512), 0.9, 0.04)
    for x in range(0, SIDE, 64):
        y = -int(rng.integers(0, 300))
        while y < SIDE:
            length = int(rng.integers(220, 420))
            grain[max(y, 0) : max(y + length, 0), x : x + 64] += rng.uniform(-1.6, 1.6)
            y += length
            grain[max(y - 3, 0) : max(y, 0), x : x + 64] -= 2.5
        grain[:, x : x + 3] -= 2.5
    return _unit(grain)


def _tiles(rng: np.random.Generator) -> F32:
    """Square floor tiles with joints."""
    tones = rng.uniform(-0.5, 0.5, (SIDE // 64, SIDE // 64)).astype(np.float32)
    tones += (np.indices(tones.shape).sum(0) % 2).astype(np.float32)
    tile = np.kron(tones, np.ones((64, 64), np.float32))
    for edge in (0, 1, 2):
        tile[edge::64] = -1.2
        tile[:, edge::64] = -1.2
    return _unit(tile + 0.15 * rng.standard_normal(tile.shape, dtype=np.float32))


def _bands(rng: np.random.Generator, checked: bool) -> F32:
    """Straight woven stripes, or checks."""
    at = np.sign(np.sin(np.arange(SIDE, dtype=np.float32) * 0.52 + 0.3))
    cloth = at[None, :] + (at[:, None] if checked else np.float32(0))
    return _unit(cloth + 0.1 * rng.standard_normal((SIDE, SIDE), dtype=np.float32))


@cache
def tiles() -> dict[str, F32]:
    """All noise tiles by name, the same in every run; do not write to them. Made once, in under half a second."""
    rng = np.random.default_rng(20120101)
    white = rng.standard_normal((SIDE, SIDE), dtype=np.float32)
    return {
        "grain": _unit(cv2.GaussianBlur(white, (0, 0), 0.8) + 0.25 * _octaves(rng, (32, 128), 0.7)),
        "rough": _octaves(rng, (16, 32, 64, 128, 256, 512), 0.85),
        "cloud": _octaves(rng, (4, 8, 16, 32, 64, 128, 256), 0.55),
        "spots": _octaves(rng, (12, 24, 48), 0.35),
        "stripes": _octaves(rng, (48, 80), 0.4, 0.12),
        "fur": _octaves(rng, (96, 200, 400), 1.0, 5.0),
        "wood": _octaves(rng, (48, 128, 300), 0.8, 16.0),
        "grass": _octaves(rng, (64, 128, 256, 512), 1.0, 0.35),
        "ripple": _octaves(rng, (32, 64, 128, 256), 0.9, 3.5),
        "leaf": _leaves(rng, 30_000, 5.0),
        "wool": _cells(rng, 9_000),
        "gravel": _cells(rng, 40_000),
        "brick": _bricks(rng),
        "weave": _weave(rng),
        "bands": _bands(rng, checked=False),
        "checks": _bands(rng, checked=True),
        "planks": _planks(rng),
        "tiles": _tiles(rng),
    }


def crop(rng: np.random.Generator, name: str, height: int, width: int, scale: float = 1.0) -> F32:
    """A random (height, width) float32 cut of the tile `name`, its features enlarged `scale` times."""
    tile = tiles()[name]
    scale = max(scale, 0.25, height / SIDE, width / SIDE)
    h, w = max(2, int(height / scale)), max(2, int(width / scale))
    h, w = min(h, SIDE), min(w, SIDE)
    y, x = (int(v) for v in rng.integers(0, (SIDE - h + 1, SIDE - w + 1)))
    part = tile[y : y + h, x : x + w]
    if (h, w) == (height, width):
        return part
    return np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
