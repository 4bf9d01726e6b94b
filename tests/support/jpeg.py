"""JPEG files for tests."""

from __future__ import annotations

import numpy as np
import simplejpeg
from numpy.typing import NDArray


def encode_jpeg(image: NDArray[np.uint8], quality: int = 90) -> bytes:
    """JPEG bytes of an (H, W, 3) RGB or (H, W) gray uint8 image, chroma at half size."""
    pixels = np.ascontiguousarray(image)
    if pixels.ndim == 2:
        return bytes(simplejpeg.encode_jpeg(pixels[:, :, None], quality, "GRAY", "Gray"))
    return bytes(simplejpeg.encode_jpeg(pixels, quality, "RGB", "420"))
