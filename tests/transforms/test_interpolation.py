"""Interpolation of images: against torch, torchvision and Pillow, and every fast path against the plain one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.errors import UsageError
from pixelwise.types import Sample
from tests.support.rendering import IGNORE, ODD_SIZES, draw, noise, one, plain, plan, planes

MODES = {"antialias": "bilinear", "bicubic": "bicubic"}
"""What torch calls them, with antialias=True."""
SIDE = st.integers(1, 40)
SIZE = st.tuples(SIDE, SIDE)
SEED = st.integers(0, 2**32)
HOW = st.sampled_from(sorted(MODES))
each = pytest.mark.parametrize("how", sorted(MODES))
laws = settings(max_examples=60, deadline=None)


def by_torch(image: np.ndarray, new: tuple[int, int], how: str) -> np.ndarray:
    """(H, W, 3) uint8 to (3, h, w), 0..255, what is beyond clamped."""
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    there = torch.nn.functional.interpolate(tensor, size=new, mode=MODES[how], align_corners=False, antialias=True)
    return there[0].clamp(0, 255).numpy()


@laws
@given(SIZE, SIZE, HOW, SEED)
def test_resizing_is_torchs(size: tuple[int, int], new: tuple[int, int], how: Any, seed: int) -> None:
    sample = noise([size], seed % 1000)[0]
    image, _ = one([pw.Resize(*new, interpolation=how)], sample)
    assert np.abs(image - by_torch(sample.image, new, how)).max() / 255 < 1e-5
