"""Noise tiles that every surface is cut from: made once, then only cropped and scaled."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

F32 = NDArray[np.float32]

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
        "leaf": _cells(rng, 7.3, leaves=True),
        "wool": _cells(rng, 10.8),
        "gravel": _cells(rng, 5.1),
        "brick": _bricks(rng),
        "weave": _waves(2.1, 1.7) + 0.6 * white,
        "bands": np.sign(_waves(0, 0.52)) + 0.1 * white,
        "checks": np.sign(_waves(0.52, 0)) + np.sign(_waves(0, 0.52)) + 0.1 * white,
        "planks": _planks(rng),
        "tiles": _squares(rng) + 0.15 * white,
    }
    return {name: (unit := _unit(tile), Image.fromarray(unit)) for name, tile in made.items()}


def _unit(tile: NDArray[np.floating]) -> F32:
    return np.clip((tile - tile.mean()) / tile.std(), -3, 3).astype(np.float32)


def _noise(rng: np.random.Generator, sizes: str, gain: float, stretch: float = 1.0) -> F32:
    """Random grids of such sizes in pixels, each `gain` times as strong as the one before, stretched along x."""
    total = np.zeros((SIDE, SIDE), np.float32)
    for octave, size in enumerate(map(float, sizes.split())):
        grid = rng.standard_normal([max(2, round(SIDE / s)) for s in (size, size * stretch)], dtype=np.float32)
        smooth = Image.fromarray(grid).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        total += np.float32(gain**octave) * np.asarray(smooth)
    return _unit(total)


def _cells(rng: np.random.Generator, size: float, leaves: bool = False) -> F32:
    """Bumps around the points of an uneven grid: wool, gravel; or long patches that each have a tone: leaves."""
    across = round(SIDE / size)
    at = (np.indices((across, across)) + rng.random((2, across, across))).astype(np.float32)
    angle = rng.uniform(0, np.pi, (across, across)).astype(np.float32)
    tone = rng.random((across, across), dtype=np.float32)
    pixel = (np.arange(SIDE, dtype=np.float32) + 0.5) * np.float32(across / SIDE)
    nearest = np.full((SIDE, SIDE), 9, np.float32)
    shown = np.zeros((SIDE, SIDE), np.float32)
    for dy, dx in np.ndindex(3, 3):
        cell = np.ix_(*(np.clip(pixel.astype(int) + d - 1, 0, across - 1) for d in (dy, dx)))
        down, right = pixel[:, None] - at[0][cell], pixel - at[1][cell]
        if leaves:
            sine, cosine = np.sin(angle)[cell], np.cos(angle)[cell]
            down, right = 1.7 * (cosine * down - sine * right), cosine * right + sine * down
        distance = down * down + right * right
        shown = np.where(distance < nearest, tone[cell], shown)
        nearest = np.minimum(nearest, distance)
    return shown - 0.5 * nearest if leaves else -np.sqrt(nearest)


def _waves(down: float, across: float) -> F32:
    """Products of sines; a rate of 0 leaves its direction flat."""
    at = np.arange(SIDE, dtype=np.float32)
    rows, columns = (np.sin(at * rate + 0.3) if rate else np.ones_like(at) for rate in (down, across))
    return rows[:, None] * columns


def _bricks(rng: np.random.Generator) -> F32:
    tile = np.full((SIDE, SIDE), -1.6, np.float32)
    for row, y in enumerate(range(0, SIDE, 20)):
        for x in range(-24 if row % 2 else 0, SIDE, 48):
            tile[y + 2 : y + 20, max(x + 2, 0) : x + 48] = rng.uniform(-0.3, 0.9)
    return tile + 0.25 * rng.standard_normal(tile.shape, dtype=np.float32)


def _planks(rng: np.random.Generator) -> F32:
    """Boards along y, 64 wide: a wooden floor."""
    grain = _noise(rng, "16 8 4 2", 0.9, 0.04)
    for x in range(0, SIDE, 64):
        y = -int(rng.integers(300))
        while y < SIDE:
            end = y + int(rng.integers(220, 420))
            grain[max(y, 0) : end, x : x + 64] += rng.uniform(-1.6, 1.6)
            grain[max(end - 3, 0) : end, x : x + 64] -= 2.5
            y = end
        grain[:, x : x + 3] -= 2.5
    return grain


def _squares(rng: np.random.Generator) -> F32:
    """Floor tiles with joints."""
    tones = rng.uniform(-0.5, 0.5, (SIDE // 64, SIDE // 64)) + np.indices((SIDE // 64, SIDE // 64)).sum(0) % 2
    tile = np.kron(tones, np.ones((64, 64))).astype(np.float32)
    for edge in range(3):
        tile[edge::64] = -1.2
        tile[:, edge::64] = -1.2
    return tile
