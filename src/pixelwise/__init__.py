"""pixelwise: semantic segmentation data, read exactly, batched fast, scored by the official protocols.

    import pixelwise as pw

    voc = pw.open("VOCdevkit/VOC2012")
    loader = pw.Loader(voc["train"], batch_size=32, shuffle=True, transforms=[pw.RandomCrop(320, 480), pw.Normalize()])
    for batch in loader: ...

Rooms are loaded when a name of theirs is first used, so that importing the package costs little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .classes import VOC as VOC
    from .classes import VOC_NAMES as VOC_NAMES
    from .classes import ClassTable as ClassTable
    from .classes import voc_colormap as voc_colormap
    from .dataset import Dataset as Dataset
    from .dataset import Split as Split
    from .drawing import Picture as Picture
    from .errors import DataError as DataError
    from .errors import PixelwiseError as PixelwiseError
    from .errors import SystemFault as SystemFault
    from .errors import UsageError as UsageError
    from .loader import Loader as Loader
    from .opening import open as open
    from .packs import pack as pack
    from .packs import verify as verify
    from .samples import sample as sample
    from .showing import show as show
    from .transforms import IMAGENET_MEAN as IMAGENET_MEAN
    from .transforms import IMAGENET_STD as IMAGENET_STD
    from .transforms import CenterCrop as CenterCrop
    from .transforms import HorizontalFlip as HorizontalFlip
    from .transforms import Normalize as Normalize
    from .transforms import RandomCrop as RandomCrop
    from .types import Batch as Batch
    from .types import Finding as Finding
    from .types import Plan as Plan
    from .types import Sample as Sample
    from .types import Window as Window

__version__ = "0.1.0"

_ROOMS = {
    "classes": "ClassTable VOC VOC_NAMES voc_colormap",
    "dataset": "Dataset Split",
    "drawing": "Picture",
    "errors": "PixelwiseError DataError UsageError SystemFault",
    "loader": "Loader",
    "opening": "open",
    "packs": "pack verify",
    "samples": "sample",
    "showing": "show",
    "transforms": "IMAGENET_MEAN IMAGENET_STD CenterCrop HorizontalFlip Normalize RandomCrop",
    "types": "Batch Finding Plan Sample Window",
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
