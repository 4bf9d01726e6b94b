"""Small trees for the tests of formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = (12, 17)


def save(path: Path, pixels: Any, palette: Any = None) -> None:
    """An image file by Pillow, its folders made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if palette is not None:
        # All 256 entries: Pillow renumbers indices beyond a shorter palette when it saves.
        image.putpalette(np.asarray(palette, np.uint8).tobytes().ljust(768, b"\0"))
    image.save(path)


def picture(seed: int = 0, size: tuple[int, int] = SIZE) -> Any:
    """(H, W, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def values(among: Any, seed: int = 0, size: tuple[int, int] = SIZE, dtype: Any = np.uint8) -> Any:
    """(H, W) of the values in `among`."""
    return np.random.default_rng(seed).choice(np.asarray(among), size).astype(dtype)


def colors(among: Any, seed: int = 0, size: tuple[int, int] = SIZE) -> tuple[Any, Any]:
    """(H, W, 3) of the colors in `among`, and (H, W) which of them each pixel has."""
    which = np.random.default_rng(seed).integers(0, len(among), size)
    return np.asarray(among, np.uint8)[which], which
