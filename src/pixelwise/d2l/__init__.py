"""The chapter "Semantic Segmentation and the Dataset" of Dive into Deep Learning, by the names of both its editions.

    from pixelwise import d2l
    from pixelwise.d2l.mxnet import gluon, image, np, npx    # where the chapter has: from mxnet import ...

The chapter's cells run with these import lines and a `voc_dir` of your own; so do those of its sibling about boxes that
read and draw. Everything is NumPy, and neither MXNet nor torch is needed; tensors are taken wherever arrays are.

The first edition (2019, MXNet's gluon) takes files of ImageSets/, and images are (H, W, 3). The published edition (what
d2l.ai shows today) takes `is_train`, and images are `Planes`: (3, H, W) with `permute`, as its PyTorch cells have them.
Its MXNet cells run on them as well. Where the editions have one name for two things, the type of the argument decides.

    read_voc_images             a list of files: (images, names)         True or False: (features, labels)
    first edition               read_voc_seg_labels, read_voc_detection_labels, VOC_SEG_COLORS, build_colormap,
                                colors_to_indices, segmentation_rand_crop, SegmentationDataset, DataLoader,
                                load_data_voc_segmentation
    published edition           VOC_COLORMAP, voc_colormap2label, voc_label_indices, voc_rand_crop, VOCSegDataset,
                                load_data_voc
    both                        VOC_CLASSES, RGB_MEAN, RGB_STD, DATA_HUB, DATA_URL, download_extract, set_figsize,
                                show_images, show_boxes, get_dataloader_workers

If the chapter's function loses information, so does the one here; its docstring says so and names what to prefer.

    colors    colors to classes           datasets  random crops, batches        mxnet     the chapter's `from mxnet`
    reading   files of VOC                figures   matplotlib                   planes    (3, H, W) and (H, W, 3)
    hub       download_extract
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..hints import lacking
from .colors import (
    VOC_CLASSES,
    VOC_COLORMAP,
    VOC_SEG_COLORS,
    build_colormap,
    colors_to_indices,
    voc_colormap2label,
    voc_label_indices,
)
from .datasets import (
    RGB_MEAN,
    RGB_STD,
    DataLoader,
    SegmentationDataset,
    VOCSegDataset,
    get_dataloader_workers,
    load_data_voc,
    load_data_voc_segmentation,
    segmentation_rand_crop,
    voc_rand_crop,
)
from .figures import set_figsize, show_boxes, show_images
from .hub import DATA_HUB, DATA_URL, download_extract
from .planes import Planes
from .reading import read_voc_detection_labels, read_voc_images, read_voc_seg_labels

__all__ = [
    "DATA_HUB",
    "DATA_URL",
    "RGB_MEAN",
    "RGB_STD",
    "VOC_CLASSES",
    "VOC_COLORMAP",
    "VOC_SEG_COLORS",
    "DataLoader",
    "Planes",
    "SegmentationDataset",
    "VOCSegDataset",
    "build_colormap",
    "colors_to_indices",
    "download_extract",
    "get_dataloader_workers",
    "load_data_voc",
    "load_data_voc_segmentation",
    "read_voc_detection_labels",
    "read_voc_images",
    "read_voc_seg_labels",
    "segmentation_rand_crop",
    "set_figsize",
    "show_boxes",
    "show_images",
    "voc_colormap2label",
    "voc_label_indices",
    "voc_rand_crop",
]

if not TYPE_CHECKING:  # which knows the names
    __getattr__ = lacking(__name__, __all__)
