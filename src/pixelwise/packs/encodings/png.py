"""Labels and instances as PNG, for every encoding that does not store them in its own way."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...codecs.decoding import decode_stored, stored_window
from ...codecs.png import encode_png
from ...errors import LabelError
from ...types import U8, Label, Size, Window


def encode_label(label: Label) -> bytes:
    """Class ids as a gray PNG of 8 or 16 bits."""
    return encode_png(label, level=4)  # half the time of level 6, a fifth larger


def decode_label(data: U8, size: Size, dtype: Any, where: object) -> Label:
    """(H, W) class ids of `dtype`; LabelError if they do not fit into it."""
    pixels = decode_stored(data.tobytes(), where).pixels
    if pixels.ndim != 2 or pixels.itemsize > np.dtype(dtype).itemsize:
        raise LabelError(
            f"the label decodes to {pixels.shape} {pixels.dtype}, expected (H, W) {np.dtype(dtype)}",
            code="unsupported-label-mode", where=where,
        )  # fmt: skip
    ids: Label = pixels.astype(dtype, copy=False)
    return ids


def label_window(data: U8, size: Size, dtype: Any, where: object, window: Window) -> Label | None:
    """A window of `decode_label`; None where the whole label is to be read: it is not of this size, or a wrong one."""
    stored = None
    if window.y0 < window.y1 and window.x0 < window.x1:
        stored = stored_window(data.tobytes(), where, window, size=size)
    if stored is None or stored.pixels.ndim != 2 or stored.pixels.itemsize > np.dtype(dtype).itemsize:
        return None
    ids: Label = stored.pixels.astype(dtype, copy=False)
    return ids


def encode_instances(instances: Any, where: object) -> bytes:
    """Object numbers as a gray PNG, or, if they are uint32, as an RGB one that means R + 256 G + 65536 B."""
    if instances.dtype != np.uint32:
        return encode_png(instances)
    # PNG has at most 16 bits per channel; COCO panoptic stores larger numbers in RGB the same way.
    if int(instances.max()) >= 1 << 24:
        raise LabelError(
            "object numbers of 2^24 or more do not fit in a PNG", code="unsupported-label-mode", where=where,
            fix='pack with encoding="raw"',
        )  # fmt: skip
    return encode_png(np.ascontiguousarray(instances.view(np.uint8).reshape(*instances.shape, 4)[..., :3]))


def decode_instances(data: U8, size: Size, where: object) -> Any:
    """(H, W) uint8, uint16 or uint32 object numbers."""
    pixels = decode_stored(data.tobytes(), where).pixels
    return pixels if pixels.ndim == 2 else pixels.astype(np.uint32) @ np.array([1, 256, 65_536], np.uint32)
