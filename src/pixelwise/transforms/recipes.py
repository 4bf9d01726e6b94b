"""The lists of transforms that papers and their code use, each with its source, ready for a Loader.

    from pixelwise.transforms import recipes
    loader = pw.Loader(voc["train"], 16, recipes.deeplab_voc(), shuffle=True, drop_last=True)

By name, as on the command line: `pw.RECIPES["deeplab-voc"]()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from ..hints import ByName
from .color import Normalize, RandomPhotometricDistort
from .geometry import CenterCrop, RandomCrop, RandomScale, ResizeShortest
from .plans import Transform
from .turns import RandomHorizontalFlip


def deeplab_voc(crop: int = 513) -> list[Transform]:
    """DeepLab v2, v3 and v3+ on Pascal VOC: scale 0.5 to 2, padded crop 513 x 513, flip.

    L.-C. Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation" (2017), section 4.1; code:
    tensorflow/models/research/deeplab, min_scale_factor 0.5, max_scale_factor 2, train_crop_size 513. There the factor
    is a multiple of 0.25 and colors go to -1..1; here it is uniform, and ImageNet's mean and deviation are used.
    """
    return [RandomScale((0.5, 2.0)), RandomCrop(crop, pad_if_needed=True), RandomHorizontalFlip(), Normalize()]


def cityscapes(height: int = 512, width: int = 1024) -> list[Transform]:
    """Cityscapes as mmsegmentation trains it: scale 0.5 to 2, crop 512 x 1024, flip, photometric distortion.

    open-mmlab/mmsegmentation, configs/_base_/datasets/cityscapes.py: RandomResize (2048, 1024) by 0.5 to 2, RandomCrop
    with cat_max_ratio 0.75, RandomFlip 0.5, PhotoMetricDistortion.
    """
    crop = RandomCrop(height, width, pad_if_needed=True, max_class_ratio=0.75)
    return [RandomScale((0.5, 2.0)), crop, RandomHorizontalFlip(), RandomPhotometricDistort(), Normalize()]


def ade20k(crop: int = 512) -> list[Transform]:
    """ADE20K as mmsegmentation trains it: shorter side 512, scale 0.5 to 2, crop 512 x 512, flip, distortion.

    open-mmlab/mmsegmentation, configs/_base_/datasets/ade20k.py: RandomResize (2048, 512) by 0.5 to 2, which bounds the
    longer side by 2048 before scaling, RandomCrop with cat_max_ratio 0.75, RandomFlip 0.5, PhotoMetricDistortion.
    """
    window = RandomCrop(crop, pad_if_needed=True, max_class_ratio=0.75)
    resize = ResizeShortest(crop, longest=4 * crop)
    return [resize, RandomScale((0.5, 2.0)), window, RandomHorizontalFlip(), RandomPhotometricDistort(), Normalize()]


def whole_image() -> list[Transform]:
    """Evaluation on whole images at their own size, as the benchmarks score them; use batch_size=1."""
    return [Normalize()]


def center_crop(height: int = 512, width: int | None = None) -> list[Transform]:
    """The middle height x width (default square), padded if the image is smaller: quick validation while training.

    It leaves pixels out, so its scores are not those of a benchmark.
    """
    return [CenterCrop(height, width, pad_if_needed=True), Normalize()]


RecipeName: TypeAlias = Literal["deeplab-voc", "cityscapes", "ade20k", "whole-image", "center-crop"]
RECIPES: Mapping[RecipeName, Callable[[], list[Transform]]] = ByName(
    "recipe",
    {
        "deeplab-voc": deeplab_voc,
        "cityscapes": cityscapes,
        "ade20k": ade20k,
        "whole-image": whole_image,
        "center-crop": center_crop,
    },
)
"""The recipes by the names that the command line uses. UnknownNameError `unknown-recipe` for another name."""
