"""Transforms: each is a frozen dataclass that adds to the plans of a batch.

plans: what a list of transforms adds up to. geometry, colour: what composes into the plan's matrix and colour.
after: what is done to rendered pixels. mixing: several samples. plugin: other people's transforms. recipes: the lists
that papers use.
"""

from .after import GaussianBlur as GaussianBlur
from .after import GaussianNoise as GaussianNoise
from .after import RandomErasing as RandomErasing
from .colour import IMAGENET_MEAN as IMAGENET_MEAN
from .colour import IMAGENET_STD as IMAGENET_STD
from .colour import Brightness as Brightness
from .colour import ChannelShuffle as ChannelShuffle
from .colour import ColorJitter as ColorJitter
from .colour import Contrast as Contrast
from .colour import Gamma as Gamma
from .colour import Grayscale as Grayscale
from .colour import Hue as Hue
from .colour import Normalize as Normalize
from .colour import PhotometricDistortion as PhotometricDistortion
from .colour import Saturation as Saturation
from .geometry import Affine as Affine
from .geometry import CenterCrop as CenterCrop
from .geometry import HorizontalFlip as HorizontalFlip
from .geometry import Pad as Pad
from .geometry import RandomCrop as RandomCrop
from .geometry import RandomResizedCrop as RandomResizedCrop
from .geometry import RandomScale as RandomScale
from .geometry import Resize as Resize
from .geometry import ResizeLongest as ResizeLongest
from .geometry import ResizeShortest as ResizeShortest
from .geometry import Rotate as Rotate
from .geometry import Rotate90 as Rotate90
from .geometry import VerticalFlip as VerticalFlip
from .mixing import CopyPaste as CopyPaste
from .mixing import CutMix as CutMix
from .mixing import Mosaic as Mosaic
from .plans import F64 as F64
from .plans import I64 as I64
from .plans import Plans as Plans
from .plans import Transform as Transform
from .plans import Uniform as Uniform
from .plans import make_plans as make_plans
from .plugin import Apply as Apply
from .plugin import from_albumentations as from_albumentations
from .recipes import RECIPES as RECIPES
