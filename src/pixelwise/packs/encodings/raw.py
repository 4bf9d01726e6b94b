"""raw: the pixels as they are. Samples and windows are views of the mapped shard; nothing is copied or decoded."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...types import U8, Finding, Label, Size
from .encoding import Encoding


def _image(image: U8, file: bytes | None) -> U8:
    return image


def _view_image(data: U8, size: Size, where: object, notes: list[Finding] | None) -> U8:
    return data.reshape(*size, 3)


def _label(label: Label) -> Label:
    return label


def _view_label(data: U8, size: Size, dtype: Any, where: object) -> Label:
    return np.ndarray(size, dtype, data)


def _instances(instances: Any, where: object) -> Any:
    return instances


def _view_instances(data: U8, size: Size, where: object) -> Any:
    dtype = {1: np.uint8, 2: np.uint16, 4: np.uint32}[len(data) // (size[0] * size[1])]
    return data.view(dtype).reshape(size)


RAW = Encoding(
    "raw", "pixels, fastest", _image, _view_image, _label, _view_label, _instances, _view_instances, is_raw=True
)
