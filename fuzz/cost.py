"""How much work and memory an input takes, without a clock: the same on every machine, however busy."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

MOST_LINES = 2_000_000
"""Lines of Python that an input may take: about a second, untraced."""
MOST_BYTES = 64 << 20
"""Memory that an input may take, as far as Python and NumPy know of it."""


class Cost(NamedTuple):
    """lines: of Python that were run. peak: the most bytes that were held at once."""

    lines: int
    peak: int


def cost(work: Callable[[], Any]) -> Cost:
    """Run `work` and count."""
    lines, before = 0, sys.gettrace()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    tracemalloc.start()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return Cost(lines, peak)
