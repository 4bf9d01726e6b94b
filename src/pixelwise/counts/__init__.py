"""Counts: how many pixels of each class a dataset shows, and where they are.

    per_sample  classes by sample              stats        totals, sizes, weights; saved, merged, compared
    published   known counts of known datasets class_index  where each class is, for crops around it
"""

from __future__ import annotations

from .class_index import class_index
from .per_sample import count_classes
from .stats import Stats, stats

__all__ = ["Stats", "class_index", "count_classes", "stats"]
