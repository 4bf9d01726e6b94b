"""The public transforms, and the arguments that each of them cannot do without."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

import pixelwise as pw
from pixelwise.dataset.sources import ArraySource
from pixelwise.dataset.splits import Split

PUBLIC = {
    name: getattr(pw, name)
    for name in pw.__all__
    if inspect.isclass(getattr(pw, name)) and hasattr(getattr(pw, name), "plan") and name != "Transform"
}


def _keep(image: Any, label: Any) -> Any:
    return image, label


INDEX = pw.class_index(Split("one", pw.VOC, ArraySource([np.zeros((9, 9, 3), np.uint8)], [np.zeros((9, 9), np.uint8)])))
NEEDED: dict[str, dict[str, Any]] = {
    "Apply": {"function": _keep},
    "CenterCrop": {"size": (8, 9)},
    "CopyPaste": {"classes": 3},
    "Mosaic": {"size": (8, 9)},
    "RandomBrightness": {"brightness": 0.4},
    "RandomClassCrop": {"size": (8, 9), "index": INDEX},
    "RandomContrast": {"contrast": 0.4},
    "RandomCrop": {"size": (8, 9)},
    "RandomGamma": {"gamma": (0.5, 2)},
    "RandomHue": {"hue": 0.1},
    "RandomResizedCrop": {"size": (8, 9)},
    "RandomRotation": {"degrees": 20},
    "RandomSaturation": {"saturation": 0.4},
    "RandomScale": {"scale": (0.5, 2)},
    "Resize": {"size": (8, 9)},
    "ResizeLongest": {"size": 8},
    "ResizeShortest": {"size": 8},
}
"""The arguments without a default; a new transform that has some is added here."""
