"""Transforms: each is a frozen dataclass that adds to the plans of a batch.

plans: what a list of transforms adds up to. geometry, turns, color: what composes into the plan's matrix and color.
filters: how images are interpolated. class_crop: crops that show a class, and their index. after: changes of rendered
pixels. mixing: several samples. plugin: other people's transforms. recipes: the lists that papers use.
recipe_files: lists of your own. docs/transforms.md is the page about them.
"""

from typing import TYPE_CHECKING

from ..hints import lacking

if not TYPE_CHECKING:  # many look here for pixelwise.RandomCrop
    __getattr__ = lacking(__name__)
