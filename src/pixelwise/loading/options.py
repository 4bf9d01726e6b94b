"""Checks of a Loader's arguments and states, before anything is read."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arguments import check_choice, is_number, is_whole
from ..classes import ClassTable
from ..errors import UsageError
from ..transforms.plans import Transform
from .samplers import Sampler


def check_fill(fill: Any) -> tuple[int, int, int]:
    """An RGB color."""
    values = tuple(fill) if isinstance(fill, (tuple, list, np.ndarray)) else ()
    if len(values) != 3 or not all(is_whole(v) and 0 <= v <= 255 for v in values):
        fix = None
        if len(values) == 3 and all(is_number(v) and 0 <= v <= 255 for v in values):
            # (1.0, 1.0, 1.0) is white for whoever writes floats, and (1, 1, 1) nearly black for whoever writes bytes.
            factor = 255 if max(values) <= 1 else 1
            color = tuple(round(factor * float(v)) for v in values)
            fix = f"fill is in 0..255 here, in whole numbers: {color}"
        raise UsageError(f"fill must be an RGB color, three whole numbers in 0..255, got {fill!r}", fix=fix)
    return int(values[0]), int(values[1]), int(values[2])


def check_timeout(timeout: Any) -> float | None:
    """Seconds, more than 0, or None."""
    if timeout is None or (is_number(timeout) and timeout > 0):
        return None if timeout is None else float(timeout)
    raise UsageError(f"timeout must be a number of seconds above 0, or None, got {timeout!r}")


def check_label_dtype(label_dtype: Any, classes: ClassTable) -> np.dtype[Any]:
    """The dtype of the labels: None is the class table's own. Refuse one that cannot hold its ids."""
    check_choice("label_dtype", label_dtype, (None, "uint8", "uint16", "int32", "int64"))
    dtype = np.dtype(label_dtype or classes.dtype)
    if dtype.itemsize == 1 and classes.dtype == np.uint16:
        raise UsageError("uint8 cannot hold the ids of this class table", fix='label_dtype="int64"')
    return dtype


def check_sampler(sampler: Any, samples: int, classes: int) -> None:
    """Refuse what is not a sampler or None, and counts of other samples or classes, which would choose wrong images."""
    if sampler is None:
        return
    if isinstance(sampler, type) or not isinstance(sampler, Sampler):
        raise UsageError(f"sampler must be a Sampler, got {sampler!r}", fix="see RareClassSampling and RepeatFactor")
    counts = getattr(sampler, "counts", None)
    if counts is not None and np.shape(counts) != (samples, classes):
        raise UsageError(
            f"the sampler has counts {np.shape(counts)}, expected {samples} samples and {classes} classes",
            fix="count the split that is loaded, without void: count_classes(split)[:, :-1]",
        )  # fmt: skip


def check_crops(transforms: tuple[Transform, ...], sampler: Any) -> tuple[Transform, ...]:
    """The transforms. Refuse a crop that looks for the class that a sampler drew, if none draws classes."""
    if hasattr(sampler, "classes") or not any(getattr(t, "min_class_pixels", 0) for t in transforms):
        return transforms
    what = "RandomCrop(min_class_pixels=) looks for the class that the sampler drew, and no sampler draws one"
    fix = "give the Loader sampler=pw.RareClassSampling(counts); RandomClassCrop draws a class by itself"
    raise UsageError(what, code="bad-transforms", fix=fix)


def check_order(order: Any, shuffle: bool, sampler: Any) -> None:
    """Refuse an order that does not exist, and lanes where there is nothing to shuffle, or not every sample comes."""
    check_choice("order", order, ("auto", "shuffled", "lanes"))
    if order == "lanes" and (sampler is not None or not shuffle):
        what = 'order="lanes" shuffles all samples, so it needs shuffle=True and no sampler'
        raise UsageError(what, fix='pass shuffle=True, or order="shuffled" with a sampler')


def check_state(state: Any, fingerprint: str, batches: int) -> tuple[int, int]:
    """(epoch, batch) of a Loader's state that belongs to the loader of this fingerprint."""
    if not isinstance(state, dict) or not {"epoch", "batch", "fingerprint"} <= set(state):
        raise UsageError(f"a state has epoch, batch and fingerprint, got {state!r}", code="other-state")
    theirs, ours = str(state["fingerprint"]).split("; ", 7), fingerprint.split("; ", 7)
    different = [f"{a} there, {b} here" for a, b in zip(theirs, ours, strict=False) if a != b]
    if different or len(theirs) != len(ours):
        raise UsageError(f"the state is from another loader: {'; '.join(different)}", code="other-state")
    for name, last in (("epoch", (1 << 32) - 1), ("batch", batches)):
        if not is_whole(state[name]) or not 0 <= state[name] <= last:
            raise UsageError(
                f"{name} must be a whole number in 0..{last}, got {state[name]!r}", code="bad-state",
                fix="pass what state_dict() returned",
            )  # fmt: skip
    return int(state["epoch"]), int(state["batch"])
