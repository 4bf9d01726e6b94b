"""pixelwise: semantic segmentation data, read exactly, batched fast, scored by the official protocols.

    import pixelwise as pw

    voc = pw.open("VOCdevkit/VOC2012")
    crop = pw.RandomCrop(320, 480, pad_if_needed=True)
    loader = pw.Loader(voc["train"], batch_size=32, shuffle=True, transforms=[crop, pw.Normalize()])
    for batch in loader: ...

The public names are listed in `__init__.pyi`. A module is loaded when one of its names is first used, so importing
the package costs little.
"""

import importlib
import re
from pathlib import Path

__version__ = "0.1.0"

_MODULE_OF = {
    name: module
    for module, name in re.findall(
        r"^from (\S+) import (\w+)", Path(__file__).with_suffix(".pyi").read_text("utf-8"), re.MULTILINE
    )
}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        from .hints import unknown_attribute

        raise unknown_attribute(name, __all__)
    value = globals()[name] = getattr(importlib.import_module(_MODULE_OF[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return __all__
