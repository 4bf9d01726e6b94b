"""What the images of a batch can be: the outputs of a Loader, their arrays, and those that are made from planes.

The kernels write float32 in planes, and uint8 either way. The other outputs are converted from planes of float32, image
by image, while those are in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..arguments import check_choice
from ..errors import MissingExtraError

Output: TypeAlias = Literal["float32", "float16", "bfloat16", "uint8", "float32-hwc", "uint8-hwc"]
"""The type of the images, (B, 3, H, W), or (B, H, W, 3) where it ends with "-hwc"."""

ToArray: TypeAlias = Callable[[tuple[int, ...], Any], NDArray[Any]]


def check_output(output: Any) -> None:
    """Refuse an output that does not exist, and one whose type is not installed."""
    check_choice("output", output, get_args(Output))
    image_dtype(output)


def image_array(output: Output, n: int, height: int, width: int, array: ToArray = np.empty) -> NDArray[Any]:
    """An array for the images of a batch, by `array(shape, dtype)`."""
    return array((n, height, width, 3) if is_packed(output) else (n, 3, height, width), image_dtype(output))


def is_packed(output: Output) -> bool:
    """Whether the three values of a pixel are side by side: (B, H, W, 3)."""
    return output.endswith("-hwc")


def image_dtype(output: Output) -> np.dtype[Any]:
    """The type of the images. NumPy has no bfloat16, ml_dtypes has: MissingExtraError if it is not installed."""
    if output != "bfloat16":
        return np.dtype(output.removesuffix("-hwc"))
    if find_spec("ml_dtypes") is None:
        what = "NumPy has no bfloat16, and ml_dtypes, which adds it, is not installed"
        raise MissingExtraError(what, fix="pip install 'pixelwise[bfloat16]'")
    found: np.dtype[Any] = np.dtype(import_module("ml_dtypes").bfloat16)
    return found


def _to_half(planes: NDArray[Any], image: NDArray[Any]) -> None:
    kernels.shade.to_half(planes.reshape(-1), image.reshape(-1).view(np.uint16))


def _to_bfloat16(planes: NDArray[Any], image: NDArray[Any]) -> None:
    kernels.shade.to_bfloat16(planes.reshape(-1), image.reshape(-1).view(np.uint16))


def _to_pixels(planes: NDArray[Any], image: NDArray[Any]) -> None:
    kernels.shade.to_pixels(planes, image)


FROM_PLANES: Final[dict[str, Callable[[NDArray[Any], NDArray[Any]], None]]] = {
    "float16": _to_half, "bfloat16": _to_bfloat16, "float32-hwc": _to_pixels,
}  # fmt: skip
"""The outputs that are made from an image as planes of float32, (3, H, W), and how."""
