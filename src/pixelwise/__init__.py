"""pixelwise: semantic segmentation data, read exactly, batched fast, scored by the official protocols.

    import pixelwise as pw

    voc = pw.open("VOCdevkit/VOC2012")
    loader = pw.Loader(voc["train"], batch_size=32, shuffle=True, transforms=[pw.RandomCrop(320, 480), pw.Normalize()])
    for batch in loader: ...

Rooms are loaded when a name of theirs is first used, so that importing the package costs little.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checks import Findings as Findings
    from .checks import check as check
    from .classes import VOC as VOC
    from .classes import VOC_NAMES as VOC_NAMES
    from .classes import ClassTable as ClassTable
    from .classes import voc_colormap as voc_colormap
    from .counts.class_index import class_index as class_index
    from .counts.per_sample import count_classes as count_classes
    from .counts.stats import Stats as Stats
    from .counts.stats import stats as stats
    from .dataset import ArraySource as ArraySource
    from .dataset import Dataset as Dataset
    from .dataset import Split as Split
    from .dataset import concat as concat
    from .downloads import download as download
    from .drawing import Picture as Picture
    from .drawing.contact_sheet import show as show
    from .drawing.contact_sheet import show_plans as show_plans
    from .errors import DataError as DataError
    from .errors import PixelwiseError as PixelwiseError
    from .errors import SystemFault as SystemFault
    from .errors import UsageError as UsageError
    from .evaluation.predicting import Prediction as Prediction
    from .evaluation.predicting import predict as predict
    from .evaluation.scoring import Scoring as Scoring
    from .evaluation.scoring import score as score
    from .evaluation.submitting import Submission as Submission
    from .evaluation.submitting import submit as submit
    from .formats.converting import convert as convert
    from .loading.loader import Loader as Loader
    from .loading.samplers import RareClassSampling as RareClassSampling
    from .loading.samplers import RepeatFactor as RepeatFactor
    from .metrics import PROTOCOLS as PROTOCOLS
    from .metrics import BoundaryConfusion as BoundaryConfusion
    from .metrics import Confusion as Confusion
    from .metrics import Scores as Scores
    from .metrics import bootstrap as bootstrap
    from .metrics import compare_protocols as compare_protocols
    from .metrics import paired_bootstrap as paired_bootstrap
    from .metrics import trimap as trimap
    from .opening import open as open
    from .packs import pack as pack
    from .packs import verify as verify
    from .samples import sample as sample
    from .transforms import IMAGENET_MEAN as IMAGENET_MEAN
    from .transforms import IMAGENET_STD as IMAGENET_STD
    from .transforms import RECIPES as RECIPES
    from .transforms import Affine as Affine
    from .transforms import Apply as Apply
    from .transforms import Brightness as Brightness
    from .transforms import CenterCrop as CenterCrop
    from .transforms import ChannelShuffle as ChannelShuffle
    from .transforms import ColorJitter as ColorJitter
    from .transforms import Contrast as Contrast
    from .transforms import CopyPaste as CopyPaste
    from .transforms import CutMix as CutMix
    from .transforms import Gamma as Gamma
    from .transforms import GaussianBlur as GaussianBlur
    from .transforms import GaussianNoise as GaussianNoise
    from .transforms import Grayscale as Grayscale
    from .transforms import HorizontalFlip as HorizontalFlip
    from .transforms import Hue as Hue
    from .transforms import Mosaic as Mosaic
    from .transforms import Normalize as Normalize
    from .transforms import Pad as Pad
    from .transforms import PhotometricDistortion as PhotometricDistortion
    from .transforms import Plans as Plans
    from .transforms import RandomCrop as RandomCrop
    from .transforms import RandomErasing as RandomErasing
    from .transforms import RandomResizedCrop as RandomResizedCrop
    from .transforms import RandomScale as RandomScale
    from .transforms import Resize as Resize
    from .transforms import ResizeLongest as ResizeLongest
    from .transforms import ResizeShortest as ResizeShortest
    from .transforms import Rotate as Rotate
    from .transforms import Rotate90 as Rotate90
    from .transforms import Saturation as Saturation
    from .transforms import Transform as Transform
    from .transforms import VerticalFlip as VerticalFlip
    from .transforms import from_albumentations as from_albumentations
    from .transforms.class_crop import ClassCentredCrop as ClassCentredCrop
    from .transforms.class_crop import ClassIndex as ClassIndex
    from .types import Batch as Batch
    from .types import Finding as Finding
    from .types import Plan as Plan
    from .types import Sample as Sample
    from .types import Window as Window

__version__ = "0.1.0"

_ROOMS = {
    "census": "count_classes",
    "checks": "Findings check",
    "class_places": "ClassCentredCrop ClassIndex class_index",
    "classes": "ClassTable VOC VOC_NAMES voc_colormap",
    "conversion": "convert",
    "dataset": "ArraySource Dataset Split concat",
    "downloads": "download",
    "drawing": "Picture",
    "errors": "DataError PixelwiseError SystemFault UsageError",
    "loader": "Loader",
    "metrics": (
        "PROTOCOLS BoundaryConfusion Confusion Scores bootstrap compare_protocols paired_bootstrap "
        "trimap"
    ),
    "opening": "open",
    "packs": "pack verify",
    "prediction": "Prediction predict",
    "samples": "sample",
    "sampling": "RareClassSampling RepeatFactor",
    "scoring": "Scoring score",
    "showing": "show show_plans",
    "statistics": "Stats stats",
    "submission": "Submission submit",
    "transforms": (
        "IMAGENET_MEAN IMAGENET_STD RECIPES Affine Apply Brightness CenterCrop ChannelShuffle "
        "ColorJitter Contrast CopyPaste CutMix from_albumentations Gamma GaussianBlur GaussianNoise "
        "Grayscale HorizontalFlip Hue Mosaic Normalize Pad PhotometricDistortion Plans RandomCrop "
        "RandomErasing RandomResizedCrop RandomScale Resize ResizeLongest ResizeShortest Rotate Rotate90 "
        "Saturation Transform VerticalFlip"
    ),
    "types": "Batch Finding Plan Sample Window",
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names.split()}

__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
