"""What several loaders share that have no fused crop-and-normalize of their own: the fastest way without a
compiler to turn a uint8 window into normalized planes, and batch memory that is used again."""

from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
from jobs import MEAN, STD
from numpy.typing import NDArray

SCALE = [np.float32(1 / (255 * s)) for s in STD]
BIAS = [np.float32(m / s) for m, s in zip(MEAN, STD, strict=True)]


def normalize(window: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """(H, W, 3) uint8 -> (3, H, W) float32, written in place. cv2.split and two NumPy passes a plane: 0.3 ms
    for 320x480, where the broadcast expression takes 6 ms and torch 1."""
    for channel, plane in enumerate(cv2.split(window)):
        np.multiply(plane, SCALE[channel], out=out[channel], casting="unsafe")
        np.subtract(out[channel], BIAS[channel], out=out[channel])


class Ring:
    """`count` arrays handed out in turn: each is valid until `count - 1` others were taken. A fresh batch
    costs more in page faults than the decoding of its images. Thread-safe."""

    def __init__(self, count: int, shape: tuple[int, ...], dtype: Any) -> None:
        self._turn = itertools.cycle([np.empty(shape, dtype) for _ in range(count)])

    def take(self) -> NDArray[Any]:
        return next(self._turn)
