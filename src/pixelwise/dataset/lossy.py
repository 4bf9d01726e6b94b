"""Labels that were saved as JPEG: what the pixels probably were, on demand, and how many of them are doubtful."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..codecs.decoding import decode_image
from ..codecs.stored import Stored, from_integers
from ..types import Finding

Lossy = Literal["threshold", "nearest"]
JPEG_START = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Rounding:
    """Each pixel becomes the nearest of some colors, by the distance in RGB.

    colors: (r, g, b) each. values: the stored value of each, or None if labels are colors.
    """

    colors: tuple[tuple[int, int, int], ...]
    values: tuple[int, ...] | None = None

    def of(self, data: bytes, where: object, notes: list[Finding] | None = None) -> Stored:
        """A JPEG's bytes as stored samples. Notes `doubtful-pixels` if any pixel is more than half as far from its
        color as from the next: compression moves pixels at borders, and nobody can know where they belong.
        """
        pixels = decode_image(data, where, notes)
        packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        found, of, counts = np.unique(packed, return_inverse=True, return_counts=True)
        rgb = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.float64)
        away = np.sqrt(((rgb[:, None] - np.array(self.colors, np.float64)[None]) ** 2).sum(axis=2))
        nearest = away.argmin(axis=1)
        if notes is not None and len(self.colors) > 1:
            first, second = np.sort(away, axis=1)[:, :2].T
            count, total = int(counts[first > second / 2].sum()), packed.size
            if count:
                what = f"{count} of {total} pixels ({100 * count / total:.2g} %) of this JPEG are between two values"
                fix = "they became the nearest; restore the label from its source"
                notes.append(Finding("doubtful-pixels", "warning", str(where), what, fix))
        shape = pixels.shape[:2]
        if self.values is not None:
            return from_integers("jpeg", np.array(self.values, np.int64)[nearest][of].reshape(shape), where)
        colors = np.array(self.colors, np.uint8)[nearest][of].reshape(*shape, 3)
        return Stored("jpeg", np.ascontiguousarray(colors), None, 8)
