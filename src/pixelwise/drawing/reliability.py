"""The reliability diagram: how often pixels are right, by how sure the model is."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from ..classes import Color
from ..errors import UsageError
from ..types import F64, I64
from .blocks import blank, text
from .page import Picture, page
from .typesetting import INK, LINE, QUIET, SMALL, STANDARD_WIDTH, Style

_BAR: Color = (96, 150, 205)
_GAP: Color = (238, 112, 84)


def reliability_plot(
    edges: F64,
    pixels: I64,
    confidence: F64,
    accuracy: F64,
    *,
    title: str = "Confidence and accuracy",
    subtitle: str = "",
    width: int = STANDARD_WIDTH,
) -> Picture:
    """Accuracy of the pixels in each bin of confidence as bars, the gap to their mean confidence in red.

    edges: (B + 1,) from 0 to 1. pixels, confidence, accuracy: (B,) as in a `Calibration`; bins without pixels are
    empty. UsageError for other shapes.
    """
    if not (len(edges) - 1 == len(pixels) == len(confidence) == len(accuracy)):
        raise UsageError(f"expected {len(edges) - 1} bins, got {len(pixels)}, {len(confidence)}, {len(accuracy)}")
    style = Style(width)
    footer = "pixelwise  ·  bars: how often it is right  ·  red: the gap to what it says  ·  line: no gap"
    return page(title, subtitle, [_diagram(edges, pixels, confidence, accuracy, style)], footer, style)


def _diagram(edges: F64, pixels: I64, confidence: F64, accuracy: F64, style: Style) -> Image.Image:
    px = style.px
    left, below, height = px(80), px(50), style.inner // 2
    across = style.inner - left - px(20)
    out = blank(style.inner, height + below)
    draw = ImageDraw.Draw(out)

    def place(x: float, y: float) -> tuple[int, int]:
        return left + round(x * across), round((1 - y) * (height - 1))

    for tick in range(0, 101, 20):
        (_, y), (x, _) = place(0, tick / 100), place(tick / 100, 0)
        draw.line((left, y, left + across, y), LINE, px(2))
        label = text(f"{tick} %", px(SMALL), QUIET)
        out.paste(label, (left - label.width - px(10), min(max(y - label.height // 2, 0), height - label.height)))
        out.paste(label, (min(x - label.width // 2, style.inner - label.width), height + px(10)))
    for k, n in enumerate(pixels):
        if not n or np.isnan(accuracy[k]):
            continue
        (x0, _), (x1, _) = place(float(edges[k]), 0), place(float(edges[k + 1]), 0)
        _, held = place(0, float(accuracy[k]))
        _, said = place(0, float(confidence[k]))
        draw.rectangle((x0 + px(2), held, x1 - px(2), height - 1), _BAR)
        if held != said:
            draw.rectangle((x0 + px(2), min(held, said), x1 - px(2), max(held, said)), None, _GAP, px(4))
    draw.line((*place(0, 0), *place(1, 1)), INK, px(2))
    return out
