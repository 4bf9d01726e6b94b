"""Scores: count once in integers, then read by any named protocol."""

from .bootstrap import Bootstrap, Interval, bootstrap, paired_bootstrap
from .boundary import BoundaryConfusion, boundary_band, trimap
from .compare import Comparison, compare_protocols
from .confusion import Confusion, Images
from .counting import argmax_ids
from .protocols import CITYSCAPES_CATEGORIES, PROTOCOLS, Protocol
from .rates import Scores

__all__ = [
    "CITYSCAPES_CATEGORIES",
    "PROTOCOLS",
    "Bootstrap",
    "BoundaryConfusion",
    "Comparison",
    "Confusion",
    "Images",
    "Interval",
    "Protocol",
    "Scores",
    "argmax_ids",
    "bootstrap",
    "boundary_band",
    "compare_protocols",
    "paired_bootstrap",
    "trimap",
]
