"""JPEGs of every kind that pixelwise's own decoder takes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

from tests.support.tree import picture

SAMPLINGS = ("444", "422", "420", "Gray")


def encoded(pixels: Any, sampling: str = "420", quality: int = 90, **options: Any) -> bytes:
    """(H, W, 3) uint8 as a baseline JPEG. options: Pillow's, such as restart_marker_rows."""
    image = Image.fromarray(pixels)
    if sampling == "Gray":
        image = image.convert("L")
    out = io.BytesIO()
    chroma = {} if sampling == "Gray" else {"subsampling": f"4:{sampling[1]}:{sampling[2]}"}
    image.save(out, "JPEG", quality=quality, **chroma, **options)
    return out.getvalue()


def noise(size: tuple[int, int], seed: int = 0) -> Any:
    """(H, W, 3) uint8: every coefficient is large."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def kinds(seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """(what, file): every sampling with smooth and noisy pictures, restart markers, and own Huffman tables."""
    size = (53, 75)
    for sampling in SAMPLINGS:
        for name, pixels in (("smooth", picture(seed, size)), ("noisy", noise(size, seed))):
            yield f"{sampling} {name}", encoded(pixels, sampling)
            yield f"{sampling} {name} restarts", encoded(pixels, sampling, 60, restart_marker_blocks=3)
            yield f"{sampling} {name} rows", encoded(pixels, sampling, 100, restart_marker_rows=1, optimize=True)
    yield "by simplejpeg", simplejpeg.encode_jpeg(picture(seed, size), 95, "RGB", "420")
