"""Plans: what a list of transforms adds up to for a batch, and what transforms share.

`Plans` holds the plans of B samples as arrays, so that a few NumPy calls plan a whole batch. A transform's
`plan(plans, uniform)` changes them in place. `uniform(j)` is its j-th random number of each sample, (B,) float64 in
[0, 1), always the same for the same (seed, epoch, sample, transform, j). No pixel is touched here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..hints import answering
from ..types import F64, I64, RGB, U8, Bool, Displayed, Interpolation, Label, Plan, Range, Rows, Sample, Window

Uniform: TypeAlias = Callable[[int], F64]


@dataclass(frozen=True, slots=True)
class Rendered:
    """One rendered sample, in its place in the batch. Written in place.

    image: (3, h, w) view, float32, float16 or uint8. label: (h, w) view, or None. unit: (3,) what a difference of 1 in
    RGB 0..1 is in the numbers of the image. fill: (3,) the fill color in the same numbers.
    """

    image: NDArray[Any]
    label: NDArray[Any] | None
    unit: F64
    fill: F64
    ignore_index: int


class After(Protocol):
    """What is done to sample k of the batch once it is rendered."""

    def __call__(self, k: int, rendered: Rendered) -> None: ...


Accept: TypeAlias = Callable[[NDArray[Any], int], bool]
Relabel: TypeAlias = Callable[[Sample], Label]


class Stage(Protocol):
    """What the renderer offers to a step between two stages."""

    @property
    def ignore_index(self) -> int: ...
    def render(
        self, plans: Plans, k: int, split: Others, position: int, relabel: Relabel | None = None
    ) -> tuple[U8, Label | None]:
        """Read sample `position` of the split and render it by plan k: (h, w, 3) uint8, and (h, w) or None.

        relabel: makes another label from the whole sample, instances included, before it is rendered.
        """
        ...


class PixelStep(Protocol):
    """What is done to sample k between two stages. Takes and returns (H, W, 3) uint8 and an (H, W) label or None."""

    def __call__(self, k: int, image: U8, label: Label | None, stage: Stage) -> tuple[U8, Label | None]: ...


class Others(Protocol):
    """Where a mix finds the other samples: a Split."""

    @property
    def names(self) -> Sequence[str]: ...
    def __len__(self) -> int: ...
    def sizes(self, positions: I64 | None = None) -> I64: ...
    def read(self, index: int, window: Window | None = None) -> Sample: ...


def _per_sample(values: Any, matrices: F64) -> F64:
    return np.reshape(values, (-1,) + (1,) * (matrices.ndim - 2))


@answering
class Plans(Displayed):
    """The plans of B samples while they are made.

    source, size: (B, 2) int64, (height, width) of the sources and of the outputs so far. matrix: (B, 2, 3) float64,
    output point to source point. tone: (B, 3, 256) float64, the value in 0..1 of each gray level per channel, linear
    between levels, or None for level / 255. color: (B, 3, 4) float64, applied to RGB in 0..1 after the tone curve, or
    None. normalize: the final (mean, std), or None. small: (B,) bool, True if a crop without padding did not fit.

    after: what is done to the rendered pixels, in order. options: (B, C, 2, 3), candidate matrices among which the
    label decides by `accept`, or None. stages: earlier plans, each with what is done to its pixels. samples: (B,) int64
    positions in the split, or None if unknown. split: where other samples come from, or None. named: the interpolation
    that a transform named, or None. drawn: (B,) int64, the class for which the sampler chose each sample, or None.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> plans = pw.Plans(np.array([[375, 500]]))
    >>> pw.CenterCrop(320, 480).plan(plans, uniform=None)
    >>> print(plans[0])
    rows 27..347, columns 10..490 of 375x500, to 320x480
    """

    __slots__ = (
        "accept", "after", "color", "drawn", "matrix", "named", "normalize", "options", "samples", "size", "small",
        "source", "split", "stages", "tone",
    )  # fmt: skip

    def __init__(self, sizes: I64, samples: I64 | None = None, split: Others | None = None) -> None:
        n = len(sizes)
        self.samples: I64 | None = samples
        self.split: Others | None = split
        self.drawn: I64 | None = None
        self.small: Bool = np.zeros(n, bool)
        self.after: list[After] = []
        self.stages: list[tuple[Plans, PixelStep]] = []
        self.normalize: tuple[RGB, RGB] | None = None
        self._start(np.array(sizes, np.int64))

    def _start(self, sizes: I64) -> None:
        n = len(sizes)
        self.source: I64 = sizes
        self.size: I64 = sizes.copy()
        self.matrix: F64 = np.zeros((n, 2, 3))
        self.matrix[:, 0, 0] = self.matrix[:, 1, 1] = 1.0
        self.named: Interpolation | None = None
        self.options: F64 | None = None
        self.accept: list[Accept] | None = None
        self.tone: F64 | None = None
        self.color: F64 | None = None

    def __len__(self) -> int:
        return len(self.size)

    def __repr__(self) -> str:
        stages = f", {len(self.stages) + 1} stages" if self.stages else ""
        return f"Plans({len(self)} samples{stages})"

    def only(self, k: int) -> Plans:
        """The plan of sample k as a batch of one. Steps after rendering still take it for sample k."""
        one = Plans(self.source[k : k + 1])
        for name in ("size", "matrix", "options", "tone", "color"):
            values = getattr(self, name)
            setattr(one, name, None if values is None else values[k : k + 1])
        one.accept = None if self.accept is None else self.accept[k : k + 1]
        one.normalize, one.named = self.normalize, self.named
        one.after = [lambda _, rendered, step=step: step(k, rendered) for step in self.after]
        return one

    def to_frame(self) -> Rows:
        """The plans: index, plan in words."""
        return [{"index": k, "plan": str(self[k])} for k in range(len(self))]

    def __getitem__(self, k: int) -> Plan:
        """Plan k as a value; if there are several stages, the last one."""
        (h, w), (oh, ow) = self.source[k].tolist(), self.size[k].tolist()
        row0, row1 = self.matrix[k].tolist()
        color, limits = self.folded_color(), self.limits()
        return Plan(
            (h, w), (oh, ow), (tuple(row0), tuple(row1)),
            None if color is None else tuple(tuple(row) for row in color[k].tolist()),
            None if self.tone is None else tuple(tuple(row) for row in self.tone[k].tolist()),
            None if limits is None else (tuple(limits[0].tolist()), tuple(limits[1].tolist())), self.interpolation,
        )  # fmt: skip

    # -- geometry ---------------------------------------------------------------------------------------------

    def window(self, y0: I64, x0: I64, height: I64 | int, width: I64 | int) -> None:
        """Keep rows y0..y0+height and columns x0..x0+width of the output so far. y0, x0: (B,) int64.

        A window is a view of the source, not a cut: outside the source there is padding, but a later step (a pad, a
        rotation, interpolation at the edge) may bring back source pixels around the window.
        """
        for m in self._matrices():
            m[..., 2] += m[..., 0] * _per_sample(x0, m) + m[..., 1] * _per_sample(y0, m)
        self.size[:, 0] = height
        self.size[:, 1] = width

    def mirror(self, which: Bool, axis: int) -> None:
        """Mirror the output so far of the samples in `which`, (B,) bool. axis: 0 left to right, 1 top to bottom."""
        extent = np.where(which, self.size[:, 1 - axis], 0)
        for m in self._matrices():
            m[..., 2] += m[..., axis] * _per_sample(extent, m)
            m[..., axis] *= _per_sample(np.where(which, -1.0, 1.0), m)

    @property
    def interpolation(self) -> Interpolation:
        """How images are interpolated; see `transforms.filters`."""
        return self.named or "area"

    def resize(self, size: I64, interpolation: Interpolation | None = None) -> None:
        """Scale the output so far to size (B, 2). The ratio is exactly old to new size, so the edges stay edges.

        interpolation: None for that of the other transforms. UsageError `bad-transforms` if they named another: pixels
        are interpolated once, for all of them.
        """
        if interpolation is not None and self.named not in (None, interpolation):
            what = f"two interpolations, {self.named!r} and {interpolation!r}, for pixels that are interpolated once"
            fix = "give all transforms that resize the same interpolation="
            raise UsageError(what, code="bad-transforms", fix=fix)
        self.named = interpolation or self.named
        ratio = self.size / size
        for m in self._matrices():
            m[..., 0] *= _per_sample(ratio[:, 1], m)
            m[..., 1] *= _per_sample(ratio[:, 0], m)
        self.size[:] = size

    def warp(self, inner: F64, size: I64 | None = None) -> None:
        """Compose with inner (B, 2, 3), which maps points of the new output to points of the output so far.

        size: (B, 2) of the new output; by default it stays.
        """
        for m in self._matrices():
            step = inner if m.ndim == 3 else inner[:, None]
            shift = m[..., :2] @ step[..., 2:] + m[..., 2:]
            m[..., :2] = m[..., :2] @ step[..., :2]
            m[..., 2:] = shift
        if size is not None:
            self.size[:] = size

    def choose_window(self, corners: I64, height: int, width: int, accept: Accept | list[Accept]) -> None:
        """Like `window`, but take the first of the corners (B, C, 2) whose label `accept`s, else the last.

        accept(label, ignore_index): whether this rendered label will do; a list has one for each sample. Labels are
        looked at when the sample is rendered; until then the plan holds the first corner.
        """
        if self.options is not None:
            raise UsageError("two crops choose by the label", code="bad-transforms", fix="keep one")
        linear = self.matrix[:, None, :, :2]
        self.options = np.tile(self.matrix[:, None], (1, corners.shape[1], 1, 1))
        self.options[..., 2] += (linear @ corners[:, :, ::-1, None])[..., 0]
        self.accept = accept if isinstance(accept, list) else [accept] * len(self)
        options, self.options = self.options, None
        self.window(corners[:, 0, 0], corners[:, 0, 1], height, width)
        self.options = options

    def _matrices(self) -> list[F64]:
        self._refuse_rendered("geometry")
        return [self.matrix] if self.options is None else [self.matrix, self.options]

    def stage(self, step: PixelStep) -> None:
        """Render what is planned so far to bytes, hand the pixels to `step`, and plan the rest on its result."""
        self._refuse_normalized("a plug-in or mix")
        done = Plans(self.source)
        for name in ("matrix", "size", "options", "accept", "tone", "color", "named"):
            setattr(done, name, getattr(self, name))
        done.after, self.after = self.after, []
        self.stages.append((done, step))
        self._start(done.size.copy())

    # -- color -----------------------------------------------------------------------------------------------

    def recolor(self, matrix: F64) -> None:
        """Apply matrix (B, 3, 4) to the colors so far."""
        self._before_normalize()
        self.color = matrix.copy() if self.color is None else compose_color(matrix, self.color)

    def curve(self, function: Callable[[F64], F64]) -> None:
        """Apply a curve to each channel: `function` maps (B, 3, 256) values in 0..1 to new ones.

        UsageError if the channels were mixed before: one curve per channel cannot express that.
        """
        self._before_normalize()
        values = np.broadcast_to(np.arange(256) / 255.0, (len(self), 3, 256)) if self.tone is None else self.tone
        if self.color is not None:
            diagonal = self.color[:, (0, 1, 2), (0, 1, 2)]
            if np.any(self.color[:, :, :3] != diagonal[:, :, None] * np.eye(3)):
                what = "a tone curve cannot follow a transform that mixes channels"
                fix = "put RandomGamma before ColorJitter, RandomHue and the like"
                raise UsageError(what, code="bad-transforms", fix=fix)
            values = values * diagonal[:, :, None] + self.color[:, :, 3:]
            self.color = None
        self.tone = function(np.clip(values, 0.0, 1.0))

    def _before_normalize(self) -> None:
        self._refuse_rendered("color")
        self._refuse_normalized("a color transform")

    def _refuse_rendered(self, what: str) -> None:
        if self.after:
            what = f"{what} cannot follow a change of rendered pixels"
            fix = "put GaussianBlur, GaussianNoise and RandomErasing after it"
            raise UsageError(what, code="bad-transforms", fix=fix)

    def _refuse_normalized(self, what: str) -> None:
        if self.normalize is not None:
            raise UsageError(f"{what} comes after Normalize", code="bad-transforms", fix="put Normalize last")

    def folded_color(self) -> F64 | None:
        """(B, 3, 4): color with the normalization folded in, or None if the pixels stay as they are (0..1)."""
        if self.normalize is None:
            return self.color
        mean, std = (np.array(v)[None, :, None] for v in self.normalize)
        color = np.zeros((len(self), 3, 4)) if self.color is None else self.color / std
        if self.color is None:
            color[:, (0, 1, 2), (0, 1, 2)] = 1.0 / std[0, :, 0]
        color[:, :, 3:] -= mean / std
        return color

    def limits(self) -> F64 | None:
        """(2, 3): what 0 and 1 become by the normalization; colors are clamped to it. None if none can leave it."""
        if self.color is None and self.tone is None:
            return None
        mean, std = ((0.0,) * 3, (1.0,) * 3) if self.normalize is None else self.normalize
        limits: F64 = (np.array([[0.0], [1.0]]) - np.array(mean)) / np.array(std)
        return limits


@runtime_checkable
class Transform(Protocol):
    """Anything that adds to plans. docs/transforms.md shows how to write one.

    A class need not inherit from it; if it does, type checkers know what a list of it and others is.
    """

    __slots__ = ()

    def plan(self, plans: Plans, uniform: Uniform) -> None:
        """Change the plans in place. uniform(j): (B,) float64 in [0, 1), the transform's j-th draw for each sample."""
        ...


def make_plans(
    transforms: Sequence[Transform], sizes: I64, uniform: Callable[[int, int], F64], samples: I64 | None = None,
    split: Others | None = None, drawn: I64 | None = None,
) -> Plans:  # fmt: skip
    """The plans of a batch.

    sizes: (B, 2) of the sources. uniform(t, j): the j-th draws of transform t. samples: (B,) positions in the split.
    split: where transforms of several samples find the others. drawn: (B,) the classes that a sampler drew.
    """
    plans = Plans(sizes, samples, split)
    plans.drawn = drawn
    for t, transform in enumerate(transforms):
        transform.plan(plans, lambda j, t=t: uniform(t, j))  # type: ignore[misc]
    return plans


# -- what transforms share ------------------------------------------------------------------------------------


def settle(transform: Transform, **fields: object) -> None:
    """Set the fields of a frozen dataclass in its `__init__`."""
    for name, value in fields.items():
        object.__setattr__(transform, name, value)


def check_transforms(transforms: Any) -> tuple[Transform, ...]:
    """A list, or another sequence, of transforms."""
    if isinstance(transforms, (str, bytes)) or not isinstance(transforms, Sequence):
        raise UsageError(
            f"transforms must be a list, got {type(transforms).__name__}", code="bad-transforms",
            fix="put it in brackets" if isinstance(transforms, Transform) else "such as [pw.RandomCrop(320, 480)]",
        )  # fmt: skip
    for t in transforms:
        if isinstance(t, type):
            raise UsageError(f"{t.__name__} is a class", code="bad-transforms", fix=f"give {t.__name__}(...)")
        if not isinstance(t, Transform):
            fix = "wrap a function in pw.Apply" if callable(t) else "docs/transforms.md lists the transforms"
            raise UsageError(f"not a transform: {t!r}", code="bad-transforms", fix=fix)
    return tuple(transforms)


def compose_color(outer: F64, inner: F64) -> F64:
    """The color matrix (B, 3, 4) that applies `inner`, then `outer`."""
    out: F64 = outer[:, :, :3] @ inner
    out[:, :, 3] += outer[:, :, 3]
    return out


def between(u: F64, bounds: Range) -> F64:
    """Uniform in the bounds, for u uniform in [0, 1)."""
    low, high = bounds
    return low + u * (high - low)


def log_between(u: F64, bounds: Range) -> F64:
    """In the bounds, with a uniform logarithm."""
    return np.exp(between(u, (log(bounds[0]), log(bounds[1]))))


def draw_integer(u: F64, number: I64 | int) -> I64:
    """Uniform in 0..number-1."""
    drawn: I64 = np.minimum((u * number).astype(np.int64), np.asarray(number) - 1)
    return drawn
