"""pixelwise with torch. Needs the extra `pixelwise[torch]`.

    from pixelwise.torch import TensorLoader

    for images, labels in TensorLoader(loader, device="cuda"): ...

TensorLoader: a Loader's batches as tensors. MappingLoader: the same as dicts. DeviceLoader: the same, rendered on the
device from a split that is there. as_map_dataset: a split for torch's own DataLoader. as_model: a module for
`pixelwise.predict`. all_reduce: a Confusion over all processes. from_torchvision: a transform of torchvision v2.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..errors import MissingExtraError

if find_spec("torch") is None:
    raise MissingExtraError("pixelwise.torch needs torch, which is not installed", fix="pip install 'pixelwise[torch]'")

from ..hints import lacking
from .device import DeviceLoader
from .distributed import all_reduce
from .loader import TensorBatch, TensorLoader
from .map_dataset import MapDataset, as_map_dataset
from .mappings import MappingLoader
from .models import TorchModel, as_model
from .torchvision import from_torchvision

__all__ = [
    "DeviceLoader",
    "MapDataset",
    "MappingLoader",
    "TensorBatch",
    "TensorLoader",
    "TorchModel",
    "all_reduce",
    "as_map_dataset",
    "as_model",
    "from_torchvision",
]

if not TYPE_CHECKING:  # which knows the names
    __getattr__ = lacking(__name__, __all__)
