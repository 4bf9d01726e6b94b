"""Published counts of known datasets, to compare what is on disk with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Published:
    """splits: samples by split. counted: the split whose pixels were counted. pixels: of each class, the last void.

    source: where the numbers come from.
    """

    splits: Mapping[str, int]
    counted: str
    pixels: tuple[int, ...]
    source: str


VOC2012: Final = Published(
    splits={"train": 1464, "val": 1449, "trainval": 2913},
    counted="train",
    pixels=(
        182_014_429, 1_780_580, 758_311, 2_232_247, 1_514_260, 1_517_186, 4_375_622, 3_494_749, 6_752_515, 2_861_091,
        2_060_925, 3_381_632, 4_344_951, 2_283_739, 2_888_641, 11_995_853, 1_670_340, 2_254_463, 3_612_229, 3_984_238,
        2_349_235, 14_335_564,
    ),
    source="https://github.com/meetps/pytorch-semseg/issues/46; split sizes: the VOC2012 development kit",
)
"""Pixel counts of the 1,464 training labels of Pascal VOC2012."""

PUBLISHED: Final = {"voc2012": VOC2012}
"""Name -> published counts."""
