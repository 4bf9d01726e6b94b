"""Scenes and objects: ADE20K scene parsing, COCO-Stuff, Pascal Context, NYU Depth v2, DAVIS, LIP."""

from __future__ import annotations

from pathlib import Path

from ...classes import ClassTable
from ...dataset.sources import Decoding
from ..class_tables import rgb, table
from ..layout import Coding, Layout, laid_out

ADE20K = laid_out(
    "ade20k",
    "ADE20K scene parsing (images/training/ADE_train_*.jpg and annotations/training/, or both without the splits)",
    (
        Layout(
            "images/{split}/{name}.jpg", {"150": Coding("annotations/{split}/{name}.png", "ade20k")},
            names=r"ADE_(train|val|test)_\d{8}",
        ),
        Layout(
            "images/{name}.jpg", {"150": Coding("annotations/{name}.png", "ade20k")},
            names=r"ADE_(train|val|test)_\d{8}",
        ),
    ),
)  # fmt: skip
"""http://sceneparsing.csail.mit.edu : 0 is everything outside the 150 classes, stored k is class k - 1."""

COCO_STUFF = laid_out(
    "coco_stuff",
    "COCO-Stuff pixel maps (SPLIT/*.jpg with stuffthingmaps/SPLIT/*.png, or images/ and annotations/)",
    (
        Layout(
            "{split}/{name}.jpg", {"171": Coding("stuffthingmaps/{split}/{name}.png", "cocostuff")}, names=r"\d{12}"
        ),
        Layout(
            "images/{split}/{name}.jpg", {"171": Coding("annotations/{split}/{name}.png", "cocostuff")},
            names=r"\d{12}",
        ),
        Layout(
            "images/{split}/{name}.jpg", {"171": Coding("stuffthingmaps/{split}/{name}.png", "cocostuff")},
            names=r"\d{12}",
        ),
    ),
)  # fmt: skip
"""https://github.com/nightrome/cocostuff , the 164K release: stored value = id - 1, 255 is unlabeled."""


def _context_60(root: Path) -> ClassTable:
    some = table("pascal_context")
    return ClassTable(("background", *some.names), colors=rgb([(0, 0, 0), *some.colors.tolist()]))


PASCAL_CONTEXT = laid_out(
    "pascal_context",
    "Pascal Context (JPEGImages/, SegmentationClassContext/*.png, ImageSets/SegmentationContext/*.txt)",
    (
        Layout(
            "JPEGImages/{name}.jpg",
            {
                "59": Coding("SegmentationClassContext/{name}.png", "pascal_context",
                             decoding=Decoding(check_palette=False)),
                "60": Coding("SegmentationClassContext/{name}.png", _context_60,
                             decoding=Decoding(check_palette=False)),
            },
            lists="ImageSets/SegmentationContext/{split}.txt",
        ),
    ),
)  # fmt: skip
"""https://cs.stanford.edu/~roozbeh/pascal-context , as PNG; background is void in the 59-class form."""

NYU = laid_out(
    "nyuv2",
    "NYU Depth v2 (images/bookstore_0001d_00001.jpg and annotations/, or image/{train,test}/ and seg40/)",
    (
        Layout(
            "images/{name}.jpg", {"40": Coding("annotations/{name}.png", "nyuv2")},
            names=r"[a-z]+(_[a-z]+)*_\d{4}[a-z]?_\d{5}",
        ),
        Layout(
            "image/{split}/{name}.{ext}", {"40": Coding("seg40/{split}/{name}.png", "nyuv2")}, names=r"\d{1,4}"
        ),
    ),
)  # fmt: skip
"""https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html with the 40 classes of Gupta et al.; 0 is unlabeled."""

_FOREGROUND = ClassTable(("background", "object"), ignore_index=255, values={0: 0, 255: 1})
_OBJECTS = ClassTable(("background", "object"), values={0: 0, **dict.fromkeys(range(1, 255), 1), 255: 255})
_ANY = Decoding(check_palette=False)

DAVIS = laid_out(
    "davis",
    "DAVIS (JPEGImages/480p/SEQUENCE/*.jpg and Annotations/480p/SEQUENCE/*.png, five digits)",
    (
        Layout(
            "JPEGImages/480p/{path}.jpg",
            {"2017": Coding("Annotations/480p/{path}.png", _OBJECTS, "Annotations/480p/{path}.png", decoding=_ANY)},
            names=r"\d{5}", needs=("ImageSets/2017",),
        ),
        Layout(
            "JPEGImages/480p/{path}.jpg", {"2016": Coding("Annotations/480p/{path}.png", _FOREGROUND, decoding=_ANY)},
            names=r"\d{5}",
        ),
        Layout(
            "JPEGImages/{path}.jpg", {"2016": Coding("Annotations/{path}.png", _FOREGROUND, decoding=_ANY)},
            names=r"\d{5}",
        ),
    ),
)  # fmt: skip
"""https://davischallenge.org : 2016 stores 0 and 255, 2017 the number of the object (instances); 255 is void there."""

LIP = laid_out(
    "lip",
    "Look into Person (train_images/ and train_segmentations/, or the folders TrainVal_images/ and "
    "TrainVal_parsing_annotations/)",
    (
        Layout("{split}_images/{name}.jpg", {"20": Coding("{split}_segmentations/{name}.png", "lip")}),
        Layout(
            "TrainVal_images/{split}_images/{name}.jpg",
            {"20": Coding("TrainVal_parsing_annotations/{split}_segmentations/{name}.png", "lip")},
        ),
        Layout(
            "TrainVal_images/TrainVal_images/{split}_images/{name}.jpg",
            {"20": Coding(
                "TrainVal_parsing_annotations/TrainVal_parsing_annotations/{split}_segmentations/{name}.png", "lip"
            )},
        ),
    ),
)  # fmt: skip
"""http://sysu-hcp.net/lip : the values are the class ids."""
