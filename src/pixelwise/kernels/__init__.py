"""The numba kernels: array in, array out, `out=` given by the caller, no checks, no Python objects.

Every kernel releases the GIL and is cached on disk, so that only the first run ever compiles it. Callers check shapes
and dtypes; a kernel that is handed wrong ones reads or writes foreign memory. There is one module per subject. A module
is imported, and numba with it, when it is first used: write `from .. import kernels` at the top of a file, and
`kernels.values.outside(...)` at the call. `compiling` has the decorator. `bus_error` is a signal handler.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import blend as blend
    from . import blur as blur
    from . import bus_error as bus_error
    from . import color as color
    from . import copy as copy
    from . import count as count
    from . import distance as distance
    from . import edges as edges
    from . import filtering as filtering
    from . import image_measures as image_measures
    from . import inflate as inflate
    from . import jobs as jobs
    from . import jpeg as jpeg
    from . import jpeg_color as jpeg_color
    from . import jpeg_header as jpeg_header
    from . import jpeg_scan as jpeg_scan
    from . import jpeg_symbols as jpeg_symbols
    from . import jpeg_transform as jpeg_transform
    from . import lanes as lanes
    from . import objects as objects
    from . import ordering as ordering
    from . import pair as pair
    from . import place as place
    from . import png as png
    from . import polygon as polygon
    from . import random as random
    from . import rows as rows
    from . import scale as scale
    from . import shade as shade
    from . import tiff as tiff
    from . import trace as trace
    from . import values as values
    from . import warp as warp
    from . import words as words


def __getattr__(name: str) -> ModuleType:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f".{name}", __name__)
