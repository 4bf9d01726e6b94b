"""Samples that are left out: those smaller than a crop, and what is said about it. Never without a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import is_dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from ..arguments import check_choice
from ..dataset.splits import Split
from ..errors import DataError, PairError, warn
from ..transforms.plans import Transform, make_plans
from ..types import F64, I64, RGB, Bool
from .holes import Holes
from .samplers import Order

Small: TypeAlias = Literal["warn", "drop", "pad", "error"]


def no_draws(n: int) -> Any:
    """Draws that are all 0, for n samples: what a random scale makes of them then is its smallest factor."""

    def uniform(transform: int, draw: int) -> F64:
        return np.zeros(n)

    return uniform


def normalize_of(transforms: Sequence[Transform]) -> tuple[RGB, RGB] | None:
    """(mean, std) of the Normalize among the transforms."""
    return make_plans(transforms, np.ones((1, 2), np.int64), no_draws(1), np.zeros(1, np.int64)).normalize


def fitting(split: Split | Holes, transforms: Sequence[Transform], small: Any) -> I64 | None:
    """The positions of the samples that are large enough for every crop; None if all are, or small ones are padded.

    small: "warn" leaves small ones out with a warning `samples-dropped`, "drop" without one; "pad" keeps them, "error"
    raises PairError `image-too-small`. DataError `no-batches` if all are left out.
    """
    check_choice("small", small, ("warn", "drop", "pad", "error"))
    if small == "pad" or not any(_may_drop(t) for t in transforms):
        return None
    sizes = split.sizes()
    too_small = _too_small(transforms, sizes)
    if isinstance(split, Holes) and not too_small.all():
        height, width = sizes[np.argmin(too_small)].tolist()
        split.size = height, width
        too_small[split.holes(np.arange(len(sizes)))] = False
    count = int(too_small.sum())
    if not count:
        return None
    name = split.split.name if isinstance(split, Holes) else split.name
    k = int(np.argmax(too_small))
    first = f"the first is {sizes[k, 0]}x{sizes[k, 1]} (height x width)"
    what = f"{count} of {len(sizes)} samples of {name!r} are smaller than the crop of {_crops(transforms)}"
    fix = _remedy(transforms, sizes, count)
    if small == "error":
        raise PairError(f"{what}; {first}", code="image-too-small", where=split.names[k], fix=fix)
    if count == len(sizes):
        raise DataError(f"no sample is left: {what}; {first}", code="no-batches", fix=fix)
    if small == "warn":
        warn(f"{what} and left out", code="samples-dropped", fix=f'{fix}; small="drop" leaves them out in silence')
    return np.flatnonzero(~too_small)


def check_batches(split: Split, order: Order) -> None:
    """DataError `no-batches` if an epoch has none."""
    if len(order):
        return
    if not len(split):
        raise DataError(f"no batch: the split {split.name!r} is empty", code="no-batches", fix="choose another split")
    size = order.batch_size * order.world
    of = "" if order.world == 1 else f" ({order.batch_size} for each of {order.world} ranks)"
    raise DataError(
        f"no batch: {order.n} samples of {split.name!r} are less than one batch of {size}{of}, and drop_last is True",
        code="no-batches", fix="choose a smaller batch_size, or drop_last=False",
    )  # fmt: skip


def said_of(order: Order) -> str:
    """What an epoch leaves out or repeats besides small samples, for `repr`."""
    size = order.batch_size * order.world
    rest = order.n % size
    never = getattr(order.sampler, "left_out", 0)
    words = [f"{never} never drawn"] if never else []
    if rest and order.drop_last:
        words.append(f"{rest} left over in each epoch")
    elif filled := -rest % order.world:
        words.append(f"{filled} repeated to fill the last one")
    return "".join(f", {word}" for word in words)


def _may_drop(transform: Transform) -> bool:
    return getattr(transform, "pad_if_needed", True) is False


def _too_small(transforms: Sequence[Transform], sizes: I64) -> Bool:
    return make_plans(transforms, sizes, no_draws(len(sizes)), np.arange(len(sizes))).small


def _crops(transforms: Sequence[Transform]) -> str:
    return ", ".join(_by(t) for t in transforms if _may_drop(t))


def _by(transform: Any) -> str:
    size = getattr(transform, "size", None)
    return type(transform).__name__ if size is None else f"{size[0]}x{size[1]} (height x width)"


def _remedy(transforms: Sequence[Transform], sizes: I64, count: int) -> str:
    """What to do: height and width are often swapped."""
    pad = 'small="pad" pads them, or pad_if_needed=True of the crop'
    turned = [_swapped(t) if _may_drop(t) else t for t in transforms]
    fewer = int(_too_small(turned, sizes).sum())
    if fewer >= count:
        return pad
    return f"with height and width swapped, {_crops(turned)}, it would be {fewer}; {pad}"


def _swapped(transform: Any) -> Any:
    if is_dataclass(transform) and not isinstance(transform, type) and len(getattr(transform, "size", ())) == 2:
        return replace(transform, size=transform.size[::-1])  # type: ignore[attr-defined]
    return transform
