"""Labels of packs hold class ids and void: checked when they are written, verified, and first read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..classes import ClassTable
from ..errors import LabelError


def check_class_ids(label: NDArray[Any], classes: ClassTable, where: object) -> None:
    """LabelError `class-out-of-range` unless the (H, W) label holds only ids of `classes` and its `ignore_index`."""
    ignore = classes.ignore_index
    what = f"the label is {label.dtype}"
    fix = f"labels hold 0..{len(classes) - 1} and ignore_index {ignore}, as uint8 or uint16"
    if label.dtype in (np.uint8, np.uint16):
        highest = int(np.iinfo(label.dtype).max)
        top = min(len(classes) - 1, highest)
        void = top if ignore is None or ignore > highest else ignore
        if not kernels.values.outside(label.reshape(-1), label.dtype.type(top), label.dtype.type(void)):
            return
        wrong = (label > top) & (label != void)
        what = f"{wrong.sum()} label pixels are not class ids, the first is {label[wrong][0]}"
    raise LabelError(what, code="class-out-of-range", where=where, fix=fix)
