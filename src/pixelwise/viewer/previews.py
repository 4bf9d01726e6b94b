"""Previews: what a recipe makes of one entry: the window of each draw in the source, and what it is rendered to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from ..drawing.pixels import scaled_image
from ..errors import PairError, UnknownNameError, UsageError
from ..loading.left_out import fitting
from ..loading.render import render_one
from ..randomness import Draws
from ..transforms.plans import make_plans
from ..transforms.recipes import RECIPES, RecipeName
from ..types import U8, Plan
from .entries import Item
from .pictures import Encoded, ids_picture, small_size

DRAWS: Final = 16
"""How many draws are shown: those of the epochs 0 to 15 of a Loader."""


class _Drawn(NamedTuple):
    plan: Plan
    image: U8
    label: NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class Preview:
    """A recipe by its name, and the seed of its draws. They are those of a Loader with this seed."""

    recipe: str
    seed: int

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Preview:
        """The preview of an address. UnknownNameError `unknown-recipe`, UsageError `bad-query` for no seed."""
        recipe, seed = values.get("recipe", ""), values.get("seed", "0") or "0"
        if recipe not in RECIPES:
            fix = f"the recipes are: {', '.join(RECIPES)}"
            raise UnknownNameError(f"no recipe named {recipe!r}", code="unknown-recipe", fix=fix)
        if not re.fullmatch(r"\d{1,18}", seed):
            raise UsageError(f"seed must be a whole number from 0 on, got {seed!r}", code="bad-query")
        return cls(recipe, int(seed))

    def windows(self, item: Item) -> list[dict[str, Any]]:
        """For each draw its plan in words, and the corners of its output in the source as (x, y).

        PairError `image-too-small` if a Loader would leave the sample out, and what reading it raises.
        """
        plans = [self._drawn(item, draw).plan for draw in range(DRAWS)]
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
        transforms, at = RECIPES[cast("RecipeName", self.recipe)](), np.array([index], np.int64)
        try:
            fitting(split.select(at), transforms, "error")
        except PairError as error:
            error.where = split.names[index]
            raise
        plans = make_plans(transforms, split.sizes(at), Draws(self.seed, draw, at).uniform, at, split)
        image, label = render_one(split, index, plans, split.classes.padding_index)  # may move a crop: see the label
        return _Drawn(plans[0], image, label)
