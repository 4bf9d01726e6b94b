"""Noise tiles that every surface is cut from: made once, then only cropped and scaled."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image

from ..types import F32

SIDE = 640
"""Tiles are SIDE x SIDE, with mean 0 and standard deviation 1, clipped to -3..3."""


def cut(rng: np.random.Generator, name: str, height: int, width: int, scale: float = 1.0) -> F32:
    """A random (height, width) piece of the tile `name`, its features enlarged `scale` times."""
    array, tile = tiles()[name]
    scale = max(scale, 0.25, height / SIDE, width / SIDE)
    rows, columns = height / scale, width / scale
    top, left = rng.random(2) * (SIDE - rows, SIDE - columns)
    if scale == 1:
        return array[int(top) : int(top) + height, int(left) : int(left) + width]
    box = (left, top, left + columns, top + rows)
    return np.asarray(tile.resize((width, height), Image.Resampling.BILINEAR, box))


@cache
def tiles() -> dict[str, tuple[F32, Image.Image]]:
    """All tiles by name, each as an array and as an image; the same in every run."""
    rng = np.random.default_rng(20120101)
    white = rng.standard_normal((SIDE, SIDE), dtype=np.float32)
    at = np.arange(SIDE, dtype=np.float32)
    bands = np.sign(np.sin(0.52 * at + 0.3)) + 0.1 * white
    made = {
        "grain": white + np.roll(white, 1, 0) + np.roll(white, 1, 1) + 0.6 * _noise(rng, "32 8", 0.7),
        "rough": _noise(rng, "64 32 16 8 4 2", 0.85),
        "cloud": _noise(rng, "256 128 64 32 16 8 4", 0.55),
        "spots": _noise(rng, "85 43 21", 0.35),
        "stripes": _noise(rng, "21 13", 0.4, 0.12),
        "fur": _noise(rng, "11 5 2.5", 1.0, 5.0),
        "wood": _noise(rng, "21 8 3.5", 0.8, 16.0),
        "grass": _noise(rng, "16 8 4 2", 1.0, 0.35),
        "ripple": _noise(rng, "32 16 8 4", 0.9, 3.5),
        "leaf": _cells(rng, 5.6, 1.0),
        "wool": _cells(rng, 10.8, 0.0),
        "gravel": _cells(rng, 5.1, 0.3),
        "brick": _bricks(rng, 20, 48, shift=24) + 0.25 * white,
        "tiles": _bricks(rng, 64, 64) + 0.15 * white,
        "planks": 1.4 * _bricks(rng, 64, 320, shift=128).T + _noise(rng, "16 8 4 2", 0.9, 0.04),
        "weave": np.outer(np.sin(2.1 * at), np.sin(1.7 * at)) + 0.6 * white,
        "bands": bands,
        "checks": bands + bands.T,
    }
    units = {name: np.clip((tile - tile.mean()) / tile.std(), -3, 3).astype(np.float32) for name, tile in made.items()}
    return {name: (unit, Image.fromarray(unit)) for name, unit in units.items()}


def _noise(rng: np.random.Generator, sizes: str, gain: float, stretch: float = 1.0) -> F32:
    """Random grids of such sizes in pixels, each `gain` times as strong as the one before, stretched along x."""
    total = np.zeros((SIDE, SIDE), np.float32)
    for octave, size in enumerate(map(float, sizes.split())):
        grid = rng.standard_normal([max(2, round(SIDE / s)) for s in (size, size * stretch)], dtype=np.float32)
        smooth = Image.fromarray(grid).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        total += np.float32(gain**octave) * np.asarray(smooth)
    return np.asarray(total / total.std())


def _cells(rng: np.random.Generator, size: float, uneven: float) -> F32:
    """Bumps around the points of a shaken grid, more or less `uneven` in their tones: wool, gravel, leaves."""
    across = round(SIDE / size)
    at = (np.indices((across, across)) + rng.random((2, across, across))).astype(np.float32)
    tone = rng.random((across, across), dtype=np.float32) * np.float32(2 * uneven)
    pixel = (np.arange(SIDE, dtype=np.float32) + 0.5) * np.float32(across / SIDE)
    nearest = np.full((SIDE, SIDE), 9, np.float32)
    for shift in np.ndindex(3, 3):
        cell = np.ix_(*(np.clip(pixel.astype(int) + d - 1, 0, across - 1) for d in shift))
        distance = np.hypot(pixel[:, None] - at[0][cell], pixel - at[1][cell]) + tone[cell]
        np.minimum(nearest, distance, out=nearest)
    return -nearest


def _bricks(rng: np.random.Generator, high: int, wide: int, shift: int = 0) -> F32:
    """Bricks of different tones with joints, every second row shifted."""
    tile = np.full((SIDE, SIDE), -1.6, np.float32)
    for row, y in enumerate(range(0, SIDE, high)):
        for column, x in enumerate(range(-shift if row % 2 else 0, SIDE, wide)):
            light = rng.uniform(-0.3, 0.5) + 0.4 * ((row + column) % 2)
            tile[y + 2 : y + high, max(x + 2, 0) : x + wide] = light
    return tile
