"""Other people's transforms: any callable on pixels, in its place in the list, with addressed randomness.

What comes before it in the list is rendered to bytes first, and what comes after it is planned on its result. So each
plug-in costs one more rendering.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..arguments import as_array, as_bytes, check_probability
from ..errors import UsageError
from ..hints import hinted
from ..labels import count_values
from ..types import U8, Label
from .plans import Plans, Stage, Transform, Uniform, settle

Pair = tuple[NDArray[Any], NDArray[Any] | None]


@hinted
@dataclass(frozen=True, slots=True)
class Apply(Transform):
    """Let `function(image, label)` change the pixels; it returns (image, label).

    image: (H, W, 3) uint8 RGB; label: (H, W) class ids with `ignore_index` for padding, or None; both may be written
    in place. With `seeded` it is called as function(image, label, seed), with an integer in 0..2^32-1 that depends on
    the address only. It must use no other randomness, and be thread-safe unless `lock`: then one thread at a time
    runs it. name: stands for the function in the Loader's fingerprint, by default its qualified name. p: the
    probability to call it.

    UsageError `bad-plugin` if the size changes, the types change, or the label gets a value that it did not have and
    that is not `ignore_index`; `new_labels` allows that (pasting objects, for instance).

    >>> import pixelwise as pw
    >>> def invert(image, label):
    ...     return 255 - image, label
    >>> pw.Apply(invert, p=0.2)
    Apply(seeded=False, new_labels=False, lock=False, name='invert', p=0.2)
    """

    function: Callable[..., Pair] = field(repr=False)
    seeded: bool
    new_labels: bool
    lock: bool
    name: str
    p: float

    def __init__(
        self, function: Callable[..., Pair], *, seeded: bool = False, new_labels: bool = False, lock: bool = False,
        name: str = "", p: float = 1.0,
    ) -> None:  # fmt: skip
        if not callable(function):
            raise UsageError(f"function must be callable, got {function!r}")
        kind = type(function)
        settle(
            self, function=function, seeded=bool(seeded), new_labels=bool(new_labels), lock=bool(lock),
            name=name or getattr(function, "__qualname__", f"{kind.__module__}.{kind.__qualname__}"),
            p=check_probability(p),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 and 1: whether, and the seed."""
        chosen, seeds = uniform(0) < self.p, (uniform(1) * 2.0**32).astype(np.int64)

        def step(k: int, image: U8, label: Label | None, stage: Stage) -> tuple[U8, Label | None]:
            if not chosen[k]:
                return image, label
            shape, before = image.shape, None if label is None else count_values(label)[0]
            extra = (int(seeds[k]),) if self.seeded else ()
            with _ONE_AT_A_TIME if self.lock else nullcontext():
                got = self.function(image, label, *extra)
            return self._checked(got, shape, label, before, stage.ignore_index)

        plans.stage(step)

    def _checked(
        self, got: Any, shape: tuple[int, ...], label: Label | None, before: NDArray[Any] | None, ignore_index: int
    ) -> tuple[U8, Label | None]:
        name = self.name
        if not isinstance(got, tuple) or len(got) != 2:
            raise UsageError(f"{name} returned {type(got).__name__}, expected (image, label)", code="bad-plugin")
        what = "an image"
        try:
            image = as_bytes("image", got[0], f"{shape}")
            what = "a label"
            new = None if got[1] is None else as_array("label", got[1], void=ignore_index)
        except UsageError as error:
            raise UsageError(f"{name} returned {what}: {error.message}", code="bad-plugin", fix=error.fix) from None
        if image.shape != shape:
            what = f"{name} returned an image {image.shape}, expected {shape}"
            raise UsageError(what, code="bad-plugin", fix="change the size by transforms of pixelwise")
        if label is None or before is None:
            return image, None
        if new is None or new.shape != label.shape or new.dtype.kind not in "ui":
            what = "None" if new is None else f"{new.shape} {new.dtype}"
            raise UsageError(f"{name} returned a label {what}, expected {label.shape} {label.dtype}", code="bad-plugin")
        values, _ = count_values(new)
        strange = values[~np.isin(values, [*before.tolist(), ignore_index])].tolist()
        if strange and not self.new_labels:
            what = f"{name} made label values that were not there: {strange[:5]}"
            fix = "do not interpolate labels; if the values are intended, allow them: new_labels=True"
            raise UsageError(what, code="bad-plugin", fix=fix)
        return image, cast(Label, new.astype(label.dtype, copy=False))


_ONE_AT_A_TIME = Lock()


@hinted
def from_albumentations(transform: Any, *, p: float = 1.0) -> Apply:
    """An Albumentations (or AlbumentationsX) transform or Compose, seeded from addressed randomness.

    It is called with `image` and `mask`, by one thread at a time because it holds its own random generator. p: the
    probability to call it.
    """

    def call(image: U8, label: Label | None, seed: int) -> Pair:
        if hasattr(transform, "set_random_seed"):  # from 1.4.19 on: generators of its own
            transform.set_random_seed(seed)
        else:  # before: the global ones
            random.seed(seed)
            np.random.seed(seed)
        if label is None:
            return np.ascontiguousarray(transform(image=image)["image"]), None
        done = transform(image=image, mask=label)
        return np.ascontiguousarray(done["image"]), np.ascontiguousarray(done["mask"])

    return Apply(call, seeded=True, lock=True, name=repr(transform), p=p)
