"""Scenes and objects: ADE20K scene parsing, COCO-Stuff, Pascal Context, NYU Depth v2, DAVIS, LIP, Oxford-IIIT Pet,
Carvana, FoodSeg103.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...classes import ClassTable
from ...dataset.sources import Decoding
from ..class_tables import rgb, table
from ..layout import Coding, Layout, laid_out, with_or_without_splits

ADE20K = laid_out(
    "ade20k",
    "ADE20K scene parsing (images/training/ADE_train_*.jpg and annotations/training/, or both without the splits)",
    *with_or_without_splits(
        "images/{split}/{name}.jpg", "annotations/{split}/{name}.png", "150", "ade20k", r"ADE_(train|val|test)_\d{8}"
    ),
)
"""http://sceneparsing.csail.mit.edu : 0 is everything outside the 150 classes, stored k is class k - 1."""

# The labels.txt of the dataset numbers from 1 what the labels store from 0.
_stuff = partial(Coding, classes="cocostuff", beside=False)
_STUFF = {"171": _stuff("stuffthingmaps/{split}/{name}.png")}
COCO_STUFF = laid_out(
    "coco_stuff",
    "COCO-Stuff pixel maps (SPLIT/*.jpg with stuffthingmaps/SPLIT/*.png, or images/ and annotations/)",
    Layout("{split}/{name}.jpg", _STUFF, names=r"\d{12}"),
    Layout("images/{split}/{name}.jpg", {"171": _stuff("annotations/{split}/{name}.png")}, names=r"\d{12}"),
    Layout("images/{split}/{name}.jpg", _STUFF, names=r"\d{12}"),
)
"""https://github.com/nightrome/cocostuff , the 164K release: stored value = id - 1, 255 is unlabeled."""


def _context_60(root: Path) -> ClassTable:
    some = table("pascal_context")
    return ClassTable(("background", *some.names), colors=rgb([(0, 0, 0), *some.colors.tolist()]))


_ANY_PALETTE = Decoding(check_palette=False)
_CONTEXT = partial(Coding, "SegmentationClassContext/{name}.png", decoding=_ANY_PALETTE)
PASCAL_CONTEXT = laid_out(
    "pascal_context",
    "Pascal Context (JPEGImages/, SegmentationClassContext/*.png, ImageSets/SegmentationContext/*.txt)",
    Layout(
        "JPEGImages/{name}.jpg",
        {"59": _CONTEXT("pascal_context"), "60": _CONTEXT(_context_60)},
        lists="ImageSets/SegmentationContext/{split}.txt",
    ),
)
"""https://cs.stanford.edu/~roozbeh/pascal-context , as PNG; background is void in the 59-class form."""

NYU = laid_out(
    "nyuv2",
    "NYU Depth v2 (images/bookstore_0001d_00001.jpg and annotations/, or image/{train,test}/ and seg40/)",
    Layout(
        "images/{name}.jpg",
        {"40": Coding("annotations/{name}.png", "nyuv2")},
        names=r"[a-z]+(_[a-z]+)*_\d{4}[a-z]?_\d{5}",
    ),
    Layout("image/{split}/{name}.{ext}", {"40": Coding("seg40/{split}/{name}.png", "nyuv2")}, names=r"\d{1,4}"),
)
"""https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html with the 40 classes of Gupta et al.; 0 is unlabeled."""

_FOREGROUND = ClassTable(("background", "object"), ignore_index=255, values={0: 0, 255: 1})
_OBJECTS = ClassTable(("background", "object"), values={0: 0, **dict.fromkeys(range(1, 255), 1), 255: 255})

_480P = "Annotations/480p/{path}.png"
DAVIS = laid_out(
    "davis",
    "DAVIS (JPEGImages/480p/SEQUENCE/*.jpg and Annotations/480p/SEQUENCE/*.png, five digits)",
    Layout(
        "JPEGImages/480p/{path}.jpg",
        {"2017": Coding(_480P, _OBJECTS, _480P, decoding=_ANY_PALETTE)},
        names=r"\d{5}",
        needs=("ImageSets/2017",),
    ),
    Layout("JPEGImages/480p/{path}.jpg", {"2016": Coding(_480P, _FOREGROUND, decoding=_ANY_PALETTE)}, names=r"\d{5}"),
    Layout(
        "JPEGImages/{path}.jpg",
        {"2016": Coding("Annotations/{path}.png", _FOREGROUND, decoding=_ANY_PALETTE)},
        names=r"\d{5}",
    ),
)
"""https://davischallenge.org : 2016 stores 0 and 255, 2017 the number of the object (instances); 255 is void there."""

_PARSING = "TrainVal_parsing_annotations/"
_PEOPLE = partial(Layout, "{split}_images/{name}.jpg", {"20": Coding("{split}_segmentations/{name}.png", "lip")})
LIP = laid_out(
    "lip",
    "Look into Person (train_images/ and train_segmentations/, or the folders TrainVal_images/ and "
    "TrainVal_parsing_annotations/)",
    _PEOPLE(names=r"\d+_\d+"),
    _PEOPLE(common=True),
    *(
        Layout(images + "{split}_images/{name}.jpg", {"20": Coding(labels + "{split}_segmentations/{name}.png", "lip")})
        for images, labels in (("TrainVal_images/", _PARSING), ("TrainVal_images/" * 2, _PARSING * 2))
    ),
)
"""http://sysu-hcp.net/lip : the values are the class ids."""

_PETS = ClassTable(("background", "pet"), values={1: 1, 2: 0, 3: 255})
_TRIMAP = ClassTable(("background", "pet", "boundary"), values={1: 1, 2: 0, 3: 2})
OXFORD_PET = laid_out(
    "oxford_pet",
    "Oxford-IIIT Pet (images/*.jpg, annotations/trimaps/*.png, annotations/trainval.txt and test.txt)",
    Layout(
        "images/{name}.jpg",
        {
            "2": Coding("annotations/trimaps/{name}.png", _PETS, decoding=_ANY_PALETTE, beside=False),
            "3": Coding("annotations/trimaps/{name}.png", _TRIMAP, decoding=_ANY_PALETTE, beside=False),
        },
        lists="annotations/{split}.txt",
        columns=True,
        needs=("annotations/trimaps",),
    ),
)
"""https://www.robots.ox.ac.uk/~vgg/data/pets : 1 is the pet, 2 the background, 3 not classified (its README)."""

_CAR = ClassTable(("background", "car"), values={0: 0, 1: 1, 255: 1})
CARVANA = laid_out(
    "carvana",
    "Carvana (train/0cdf5b5d0ce1_01.jpg and train_masks/0cdf5b5d0ce1_01_mask.gif)",
    Layout(
        "{split}/{name}.jpg",
        {
            "masks": Coding(
                "{split}_masks/{name}_mask.gif", _CAR, decoding=Decoding(frozenset({"gif"}), check_palette=False)
            )
        },
        names=r"[0-9a-f]{12}_\d\d",
    ),
)
"""https://www.kaggle.com/c/carvana-image-masking-challenge : GIFs of two indices, or of 0 and 255."""

FOODSEG103 = laid_out(
    "foodseg103",
    "FoodSeg103 (Images/img_dir/SPLIT/*.jpg and Images/ann_dir/SPLIT/*.png)",
    Layout(
        "Images/img_dir/{split}/{name}.jpg",
        {"104": Coding("Images/ann_dir/{split}/{name}.png", "foodseg103", decoding=_ANY_PALETTE, beside=False)},
        names=r"\d{8}",
    ),
)
"""https://xiongweiwu.github.io/foodseg103.html : the values are the class ids."""
