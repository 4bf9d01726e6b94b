"""Bounds of intervals from resamples: percentile and BCa."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, Literal

import numpy as np

from ..types import F64

Method = Literal["percentile", "bca"]
_NORMAL = NormalDist()


def bounds(value: Any, drawn: F64, left_out: F64 | None, level: float) -> tuple[Any, Any]:
    """The lower and upper bound of `value`, floats, or (C,) if it is.

    drawn: (B,) or (B, C), the value of each resample; NaN is left out. left_out: (N,) or (N, C), the value without each
    image, for BCa (Efron and Tibshirani 1993, chapter 14); None for the percentile interval (chapter 13).
    """
    if drawn.ndim == 2:
        columns = range(drawn.shape[1])
        found = [bounds(value[c], drawn[:, c], None if left_out is None else left_out[:, c], level) for c in columns]
        return np.array([low for low, _ in found]), np.array([high for _, high in found])
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return float("nan"), float("nan")
    tails = (1 - level) / 2, (1 + level) / 2
    if left_out is not None:
        tails = _corrected(float(value), known, left_out[~np.isnan(left_out)], tails)
    low, high = (float(np.percentile(known, 100 * tail)) for tail in tails)
    return low, high


def _corrected(value: float, drawn: F64, left_out: F64, tails: tuple[float, float]) -> tuple[float, float]:
    # Bias by the share of resamples below the value, acceleration by the jackknife.
    below = (float((drawn < value).mean()) + float((drawn <= value).mean())) / 2
    if not 0 < below < 1:
        return tails  # all resamples are on one side: there is no correction
    bias = _NORMAL.inv_cdf(below)
    apart = left_out.mean() - left_out if len(left_out) else np.zeros(1)
    spread = float((apart**2).sum()) ** 1.5
    acceleration = float((apart**3).sum()) / (6 * spread) if spread else 0.0
    out = []
    for tail in tails:
        z = bias + _NORMAL.inv_cdf(tail)
        out.append(_NORMAL.cdf(bias + z / (1 - acceleration * z)))
    return out[0], out[1]
