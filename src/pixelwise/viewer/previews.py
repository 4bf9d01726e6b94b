"""Previews: what a recipe makes of one entry: the window of each draw in the source, and what it is rendered to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from typing import Any, Final, NamedTuple, cast, get_args, get_type_hints

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ..drawing.pixels import scaled_image
from ..errors import PairError, UnknownNameError, UsageError
from ..loading.left_out import fitting
from ..loading.render import render_one
from ..randomness import Draws
from ..transforms.color import Normalize
from ..transforms.plans import Transform, make_plans
from ..transforms.recipes import RECIPES, RecipeName
from ..types import U8, Plan
from .entries import Item
from .pictures import Encoded, ids_picture, small_size

DRAWS: Final = 16
"""How many draws are shown: those of as many epochs of a Loader."""
_MOST_PIXELS: Final = 1 << 25
"""The largest output that is drawn."""


class _Drawn(NamedTuple):
    plan: Plan
    image: U8
    label: NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class Preview:
    """A recipe by its name, the seed of its draws and the first epoch. They are those of a Loader with this seed.

    changes: what differs from the recipe, as in "0.scale=0.5,1.5;1.pad_if_needed=1;2.longest=": a transform by its
    place, a field and its numbers, or its word.
    """

    recipe: str
    seed: int
    epoch: int = 0
    changes: str = ""

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Preview:
        """The preview of an address. UnknownNameError `unknown-recipe`, UsageError `bad-query` for no seed."""
        recipe = values.get("recipe", "")
        if recipe not in RECIPES:
            fix = f"the recipes are: {', '.join(RECIPES)}"
            raise UnknownNameError(f"no recipe named {recipe!r}", code="unknown-recipe", fix=fix)
        numbers = {name: values.get(name, "0") or "0" for name in ("seed", "epoch")}
        for name, text in numbers.items():
            if not re.fullmatch(r"\d{1,18}", text):
                raise UsageError(f"{name} must be a whole number from 0 on, got {text!r}", code="bad-query")
        return cls(recipe, int(numbers["seed"]), int(numbers["epoch"]), values.get("set", "")[:2000])

    def transforms(self) -> list[Transform]:
        """The recipe with its changes. UsageError `bad-query` for what it lacks, and as the transforms raise."""
        made = RECIPES[cast("RecipeName", self.recipe)]()
        for at, name, value in map(_change, filter(None, self.changes.split(";"))):
            if at >= len(made) or all(name != field.name for field in _fields(made[at])):
                raise UsageError(f"the recipe {self.recipe!r} has no {at}.{name}", code="bad-query")
            kept: Any = {field.name: getattr(made[at], field.name) for field in _fields(made[at])}
            kept[name] = _like(kept[name], value, f"{type(made[at]).__name__}.{name}")
            make: Any = type(made[at])
            made[at] = make(**kept)
        return made

    def to_list(self) -> list[dict[str, Any]]:
        """The transforms as JSON values: name, what they do, and the fields that can be changed; not `Normalize`, which
        is not seen. kind: "bool", "int", "number", or "choice" with its words; values: one or more, none for None.
        """
        return [
            {
                "at": at, "name": type(one).__name__, "text": (type(one).__doc__ or "").split("\n")[0],
                "fields": [
                    {"name": field.name} | _described(one, field)
                    for field in _fields(one)
                ],
            }
            for at, one in enumerate(self.transforms())
            if not isinstance(one, Normalize)
        ]  # fmt: skip

    def windows(self, item: Item) -> list[dict[str, Any]]:
        """For each draw its plan in words, and the corners of its output in the source as (x, y).

        PairError `image-too-small` if a Loader would leave the sample out, and what reading it raises.
        """
        plans = [self._drawn(item, draw).plan for draw in range(self.epoch, self.epoch + DRAWS)]
        return [{"text": str(plan), "corners": [list(c) for c in plan.corners], "size": plan.size} for plan in plans]

    def image(self, item: Item, draw: int) -> Encoded:
        """What a draw is rendered to, small, as JPEG; without normalization."""
        image = self._drawn(item, draw).image
        small = np.ascontiguousarray(scaled_image(image, small_size(image.shape[:2])))
        return Encoded(simplejpeg.encode_jpeg(small, quality=85, colorspace="RGB"), "image/jpeg")

    def label(self, item: Item, draw: int) -> Encoded:
        """The class ids of a draw, small, as PNG. UsageError `no-labels` if there are none."""
        label = self._drawn(item, draw).label
        if label is None:
            raise UsageError("the sample has no label", code="no-labels", where=item.split.names[item.at])
        return ids_picture(label, small=True)

    def _drawn(self, item: Item, draw: int) -> _Drawn:
        split, index = item
        transforms, at = self.transforms(), np.array([index], np.int64)
        try:
            fitting(split.select(at), transforms, "error")
        except PairError as error:
            error.where = split.names[index]
            raise
        plans = make_plans(transforms, split.sizes(at), Draws(self.seed, draw, at).uniform, at, split)
        height, width = plans.size[0].tolist()
        if height * width > _MOST_PIXELS:
            what = f"the output would be {height} x {width} pixels"
            raise UsageError(what, code="bad-query", fix=f"the page draws at most {_MOST_PIXELS:,} pixels")
        image, label = render_one(split, index, plans, split.classes.padding_index)  # may move a crop: see the label
        return _Drawn(plans[0], image, label)


def _fields(transform: Transform) -> tuple[Field[Any], ...]:
    shown: Any = transform  # those of recipes are dataclasses
    return fields(shown)


def _described(transform: Transform, field: Field[Any]) -> dict[str, Any]:
    """A value as a control: its kind, and its numbers or its word."""
    value, type = getattr(transform, field.name), str(field.type)
    if isinstance(value, str):
        words = get_args(get_type_hints(transform.__class__.__init__)[field.name])
        return {"kind": "choice", "values": [value], "choices": list(words), "optional": False}
    each = value if isinstance(value, tuple) else () if value is None else (value,)
    whole = all(isinstance(v, int) for v in each) and "float" not in type and "Range" not in type
    kind = "bool" if isinstance(value, bool) else "int" if whole else "number"
    return {"kind": kind, "values": list(each), "optional": "None" in type}


def _change(text: str) -> tuple[int, str, tuple[float, ...] | str]:
    found = re.fullmatch(r"(\d{1,3})\.(\w{1,40})=([-+.,e\d]{0,200}|[a-z]{1,40})", text)
    if found is None:
        raise UsageError(f"a change is as in 0.scale=0.5,1.5, got {text!r}", code="bad-query")
    if found[3].isalpha() and found[3] != "e":
        return int(found[1]), found[2], found[3]
    try:
        numbers = tuple(float(v) for v in found[3].split(",")) if found[3] else ()
    except ValueError:
        raise UsageError(f"{found[3]!r} are not numbers", code="bad-query") from None
    return int(found[1]), found[2], numbers


def _like(old: Any, given: tuple[float, ...] | str, name: str) -> Any:
    """Numbers as the type of value that a field has; a word as it is, which the transform checks."""
    if isinstance(old, str) != isinstance(given, str):
        raise UsageError(f"{name} takes {'a word' if isinstance(old, str) else 'numbers'}", code="bad-query")
    if isinstance(given, str):
        return given
    if not given and (old is None or isinstance(old, int)) and not isinstance(old, bool):
        return None
    count = len(old) if isinstance(old, tuple) else 1
    if len(given) != count:
        raise UsageError(f"{name} takes {count} numbers, got {len(given)}", code="bad-query")
    if isinstance(old, bool):
        return bool(given[0])
    # Whole numbers stay whole: a size of 256.0 is none. One that is not is left to the transform to refuse.
    numbers = tuple(int(v) if v.is_integer() else v for v in given)
    return numbers if isinstance(old, tuple) else numbers[0]
