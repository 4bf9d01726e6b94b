"""Datasets, their splits, the sources they read from, and datasets made from datasets.

    sources   files and arrays               splits   some samples in order
    dataset   Dataset                        mixing   remap, merge, subset, split, concat; lazy, on views
"""

from __future__ import annotations

from .dataset import Dataset
from .derived import concat
from .sources import ArraySource, Decoding, FileSource, PathRule
from .splits import Split, Splits

__all__ = [
    "ArraySource",
    "Dataset",
    "Decoding",
    "FileSource",
    "PathRule",
    "Split",
    "Splits",
    "concat",
]
