"""Images as (3, H, W), which the published edition has, and as (H, W, 3), which the first has and matplotlib draws."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

_CHANNELS = (1, 3, 4)


class Planes(np.ndarray[Any, np.dtype[Any]]):
    """A NumPy array that has `permute` and `numpy` besides, as a torch tensor has: so the PyTorch cells run on it.

    `torch.as_tensor` makes it a tensor without a copy.

    >>> planes = np.zeros((3, 4, 6), np.uint8).view(Planes)
    >>> planes.permute(1, 2, 0).shape, type(planes.numpy()).__name__
    ((4, 6, 3), 'ndarray')
    """

    def permute(self, *axes: Any) -> Planes:
        """The axes in this order, as a view: `transpose`, by the name that torch has for it."""
        return self.transpose(*axes)

    def numpy(self) -> NDArray[Any]:
        """The same memory as a plain array."""
        return self.view(np.ndarray)


def to_planes(image: NDArray[Any]) -> Planes:
    """(H, W, 3) to (3, H, W), as a view."""
    return image.transpose(2, 0, 1).view(Planes)


def to_array(name: str, value: Any) -> NDArray[Any]:
    """An array, tensor, picture or nested list as a plain NumPy array; memory is shared if it can be."""
    if isinstance(value, np.ma.MaskedArray):
        raise UsageError(f"{name} is a masked array: its mask would be lost", fix="fill it: array.filled(...)")
    if hasattr(value, "detach"):  # a tensor, which may be on a device or part of a graph
        value = value.detach().cpu()
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name} cannot be an array: {error}") from None


def is_channels_first(image: Any) -> bool:
    """Whether it is (C, H, W). The shape says so; if both ends could be channels, what has `permute` has them first."""
    shape = image.shape
    first = len(shape) == 3 and shape[0] in _CHANNELS
    return first and (shape[-1] not in _CHANNELS or hasattr(image, "permute"))


def channels_last(name: str, image: Any) -> NDArray[Any]:
    """(C, H, W) or (H, W, C) to (H, W, C), and (H, W) as it is: a view."""
    array = to_array(name, image)
    first = is_channels_first(image if hasattr(image, "permute") else array)
    return array.transpose(1, 2, 0) if first else array
