"""Several samples in one. Partners are chosen, placed and augmented by addressed randomness.

What comes before a mix in the list is rendered to bytes, the partners are read, rendered and put in, and what comes
after it is planned on the result. So a mix costs one more rendering and the reading of its partners, in the threads of
the Loader.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..arguments import PERCENT, check_probability, check_range, check_several, check_size, is_whole
from ..errors import UsageError
from ..hints import hinted
from ..randomness import Draws
from ..types import F64, I64, U8, Label, Range, Sample, Size
from .geometry import place
from .plans import Plans, Relabel, Stage, Transform, Uniform, between, check_transforms, draw_integer, settle

_OWN_DRAWS = 16  # of a mix itself; those from here on are for its partners' transforms, 256 each
_MOST_IDS = 65_536  # of uint16 labels


@dataclass(frozen=True, slots=True)
class _Partners:
    """One partner for each sample: its position in the split, and how it is rendered."""

    positions: I64
    plans: Plans

    def draw(self, k: int, stage: Stage, labeled: bool, relabel: Relabel | None = None) -> tuple[U8, Label | None]:
        split = self.plans.split
        if split is None:
            raise UsageError("a mix needs the split that partners come from", code="bad-transforms", fix="use a Loader")
        image, label = stage.render(self.plans, k, split, int(self.positions[k]), relabel)
        if labeled and label is None:
            raise UsageError(f"the partner {split.names[int(self.positions[k])]!r} has no label", code="no-labels")
        return image, label


def _partners(plans: Plans, which: F64, transforms: Sequence[Transform], uniform: Uniform, group: int = 0) -> _Partners:
    """Uniformly chosen partners, with `transforms` applied; a sample may be its own partner."""
    split = plans.split
    positions = draw_integer(which, 1 if split is None else len(split))
    sizes = plans.source if split is None else split.sizes(positions)
    partners = Plans(sizes, positions, split)
    for t, transform in enumerate(transforms):
        first = _OWN_DRAWS + 256 * (t + group * len(transforms))
        transform.plan(partners, lambda j, first=first: uniform(first + j))  # type: ignore[misc]
    if partners.stages or partners.normalize is not None:
        what = "partners take geometry, color and what comes after them, but no Normalize, mix or plug-in"
        raise UsageError(what, code="bad-transforms", fix="put those after the mix in the Loader's list")
    return _Partners(positions, partners)


def _crop(plans: Plans, size: I64, u: F64, v: F64) -> None:
    """Cut or pad to size (B, 2), at a uniformly drawn place."""
    corner = place(plans.size - size, u, v)
    plans.window(corner[:, 0], corner[:, 1], size[:, 0], size[:, 1])


@hinted
@dataclass(frozen=True, slots=True)
class CutMix(Transform):
    """Replace a rectangle of image and label by the same rectangle of another sample, with probability p.

    The share of the area that is replaced is uniform in 0..1 (alpha = 1 in Yun et al., "CutMix", ICCV 2019). The
    rectangle has the shape of the output and a uniform center; what sticks out is cut off. The partner is drawn
    uniformly from the split, goes through `transforms`, and is then cut or padded to the output's size at a uniform
    place. torchvision's CutMix takes whole batches and mixes labels of images.
    """

    transforms: tuple[Transform, ...]
    p: float

    def __init__(self, transforms: Sequence[Transform] = (), *, p: float = 1.0) -> None:
        settle(self, transforms=check_transforms(transforms), p=check_probability(p))

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 to 6: whether, partner, share, center (row, column), place of the partner."""
        chosen = uniform(0) < self.p
        partners = _partners(plans, uniform(1), self.transforms, uniform)
        _crop(partners.plans, plans.size, uniform(5), uniform(6))
        center = np.stack([uniform(3), uniform(4)], axis=1) * plans.size
        half = np.sqrt(uniform(2))[:, None] * plans.size / 2
        low = np.clip(np.rint(center - half), 0, plans.size).astype(np.int64)
        high = np.clip(np.rint(center + half), 0, plans.size).astype(np.int64)

        def mix(k: int, image: U8, label: Label | None, stage: Stage) -> tuple[U8, Label | None]:
            (y0, x0), (y1, x1) = low[k].tolist(), high[k].tolist()
            if chosen[k] and y0 < y1 and x0 < x1:
                other, classes = partners.draw(k, stage, label is not None)
                image[y0:y1, x0:x1] = other[y0:y1, x0:x1]
                if label is not None and classes is not None:
                    label[y0:y1, x0:x1] = classes[y0:y1, x0:x1]
            return image, label

        plans.stage(mix)


@hinted
@dataclass(frozen=True, slots=True)
class CopyPaste(Transform):
    """Paste the pixels of chosen classes from another sample, with their labels, with probability p.

    classes: one class id or several (Ghiasi et al., "Simple Copy-Paste", CVPR 2021, with classes for objects). The
    partner is drawn, transformed and cut as in `CutMix`. The edges are hard.

    instances: paste objects instead of all pixels of the classes, as the paper does: each object of these classes in
    the partner by a fair coin. Its whole instance map is read for that; UsageError `no-instances` if it has none.
    """

    classes: tuple[int, ...]
    transforms: tuple[Transform, ...]
    instances: bool
    p: float

    def __init__(
        self, classes: int | Sequence[int], transforms: Sequence[Transform] = (), *, instances: bool = False,
        p: float = 1.0,
    ) -> None:  # fmt: skip
        settle(
            self, classes=tuple(map(int, check_several("classes", classes, "class ids in 0..65535", _is_id))),
            transforms=check_transforms(transforms), instances=bool(instances), p=check_probability(p),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 to 4: whether, partner, place of the partner (row, column), and the key of the objects' coins."""
        chosen = uniform(0) < self.p
        partners = _partners(plans, uniform(1), self.transforms, uniform)
        _crop(partners.plans, plans.size, uniform(2), uniform(3))
        keys = (uniform(4) * 2.0**53).astype(np.int64)
        wanted = np.zeros(_MOST_IDS, bool)
        wanted[list(self.classes)] = True

        def mix(k: int, image: U8, label: Label | None, stage: Stage) -> tuple[U8, Label | None]:
            if label is None:
                raise UsageError("CopyPaste needs labels", code="no-labels")
            if chosen[k]:
                objects = partial(_some_objects, int(keys[k]), stage.ignore_index) if self.instances else None
                other, classes = partners.draw(k, stage, True, objects)
                # Padding of the partner holds `ignore_index`, which is never a class, whatever was asked for.
                mask = wanted[classes] & (np.asarray(classes) != stage.ignore_index)
                image[mask] = other[mask]
                label[mask] = np.asarray(classes)[mask]
            return image, label

        plans.stage(mix)


def _is_id(value: Any) -> bool:
    return is_whole(value) and 0 <= value < _MOST_IDS


def _some_objects(key: int, ignore_index: int, sample: Sample) -> Label:
    """The label with about half of the objects; everything else is `ignore_index`."""
    if sample.instances is None or sample.label is None:
        what = f"the partner {sample.name!r} has no instance map"
        raise UsageError(what, code="no-instances", fix="use instances=False")
    numbers, number_at = np.unique(sample.instances, return_inverse=True)
    coins = Draws(key, 0, numbers.astype(np.int64)).uniform(0, 0) < 0.5
    kept = coins[number_at].reshape(sample.label.shape)
    label: Label = np.where(kept, sample.label, np.min_scalar_type(ignore_index).type(ignore_index))
    return label


@hinted
@dataclass(frozen=True, slots=True)
class Mosaic(Transform):
    """Four samples around a point, in an output of height x width, with probability p.

    After Bochkovskiy et al., "YOLOv4" (2020). The point is drawn uniformly, at shares of height and width from
    `center`. The sample itself fills the upper left part; three partners, drawn uniformly from the split and put
    through `transforms`, fill the others. Each is cut or padded to its part at a uniform place; without a mosaic the
    sample is cut or padded to height x width.
    """

    size: Size
    center: Range
    transforms: tuple[Transform, ...]
    p: float

    def __init__(
        self, size: int | Size, width: int | None = None, *, center: Range = (0.25, 0.75),
        transforms: Sequence[Transform] = (), p: float = 1.0,
    ) -> None:  # fmt: skip
        settle(
            self, size=check_size("size", size, width), center=check_range("center", center, 0.0, 1.0, unit=PERCENT),
            transforms=check_transforms(transforms), p=check_probability(p),
        )  # fmt: skip

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Draws 0 to 4: whether, the point, place of the sample; 5, 8, 11: the partners, each followed by its place."""
        chosen, whole = uniform(0) < self.p, np.array(self.size)
        point = np.stack([between(uniform(1), self.center), between(uniform(2), self.center)], axis=1) * whole
        point = np.clip(np.floor(point + 0.5).astype(np.int64), 1, np.maximum(whole - 1, 1))
        corner = place(plans.size - np.where(chosen[:, None], point, whole), uniform(3), uniform(4))
        plans.window(corner[:, 0], corner[:, 1], *self.size)
        parts = []
        for part, (down, across) in enumerate(((0, 1), (1, 0), (1, 1))):
            far = np.array([down, across], bool)
            first, size = np.where(far, point, 0), np.maximum(np.where(far, whole - point, point), 1)
            u = 5 + 3 * part
            partners = _partners(plans, uniform(u), self.transforms, uniform, part)
            _crop(partners.plans, size, uniform(u + 1), uniform(u + 2))
            parts.append((first, partners))

        def mix(k: int, image: U8, label: Label | None, stage: Stage) -> tuple[U8, Label | None]:
            for first, partners in parts if chosen[k] else ():
                other, classes = partners.draw(k, stage, label is not None)
                (y, x), (h, w) = first[k].tolist(), other.shape[:2]
                h, w = min(h, self.size[0] - y), min(w, self.size[1] - x)
                image[y : y + h, x : x + w] = other[:h, :w]
                if label is not None and classes is not None:
                    label[y : y + h, x : x + w] = classes[:h, :w]
            return image, label

        plans.stage(mix)
