"""BMP, WebP and GIF: damage raises pixelwise's errors only, whatever Pillow raises."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pixelwise.codecs.decoding import UNCOMMON_KINDS, decode_image, decode_stored, parse_header
from pixelwise.errors import DataError


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "BMP"])
def test_every_cut_and_many_flips(kind: str) -> None:
    """Of an animation too, if the kind has any: Pillow counts its frames only when asked."""
    frames = [Image.fromarray(np.random.default_rng(k).integers(0, 4, (9, 11), np.uint8) * 60) for k in range(3)]
    stream = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    if kind == "BMP":
        frames[0].save(stream, kind)
    else:
        frames[0].save(stream, kind, save_all=True, append_images=frames[1:], **options)
    data = stream.getvalue()
    rng = np.random.default_rng(0)
    damaged = [data[:length] for length in range(len(data))]
    for _ in range(300):
        flipped = bytearray(data)
        flipped[rng.integers(len(data))] = rng.integers(256)
        damaged.append(bytes(flipped))
    for case in damaged:
        for work in (
            lambda case: decode_image(case, "a", [], max_pixels=100_000),
            lambda case: decode_stored(case, "a", [], UNCOMMON_KINDS, 100_000),
            lambda case: parse_header(case, "a", []),
        ):
            try:
                work(case)
            except DataError as error:
                assert str(error).startswith("a: ")
