"""From above: LoveDA, ISPRS Potsdam and Vaihingen, iSAID, UAVid, DeepGlobe."""

from __future__ import annotations

from functools import partial
from itertools import islice
from pathlib import Path

from ...classes import ClassTable
from ...codecs.decoding import decode_stored
from ...dataset.sources import Decoding
from ...errors import DataError
from ...files.reading import read_bytes
from ..class_tables import rgb
from ..layout import Coding, Layout, laid_out, with_or_without_splits
from ..paths import matches

LOVEDA = laid_out(
    "loveda",
    "LoveDA (Train/Rural/images_png/*.png and masks_png/, or mmsegmentation's img_dir/ and ann_dir/ of bare numbers)",
    Layout("{split}/*/images_png/{name}.png", {"7": Coding("{split}/*/masks_png/{name}.png", "loveda")}),
    *with_or_without_splits(
        "img_dir/{split}/{name}.png", "ann_dir/{split}/{name}.png", "7", "loveda", r"\d{1,4}", common=True
    ),
)
"""https://github.com/Junjue-Wang/LoveDA : 0 means no data, stored k is class k - 1."""

_NAMES = ("impervious surface", "building", "low vegetation", "tree", "car", "clutter")
_COLORS = [(255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0)]
_ISPRS = ClassTable(
    _NAMES, colors=rgb(_COLORS), ignore_color=(0, 0, 0), values={0: 255, **{i + 1: i for i in range(6)}, 255: 255},
    aliases={n.replace(" ", "_"): n for n in _NAMES if " " in n} | {"clutter/background": "clutter"},
)  # fmt: skip
"""The 6 classes and colors of the ISPRS 2D Semantic Labeling Contest; black is the eroded border, without a class.

Stored values are those of mmsegmentation's tools/dataset_converters/potsdam.py: 0 the border, k the class k - 1.
"""
_TIFF = Decoding(allow=frozenset({"tiff"}))
_TILES = partial(with_or_without_splits, "img_dir/{split}/{name}.png", "ann_dir/{split}/{name}.png", "6", _ISPRS)

POTSDAM = laid_out(
    "potsdam",
    "ISPRS Potsdam (2_Ortho_RGB/*_RGB.tif with 5_Labels_all/*_label.tif, or img_dir/ and ann_dir/ of "
    "2_10_0_0_512_512.png)",
    Layout(
        "2_Ortho_RGB/{name}_RGB.tif",
        {
            "colors": Coding("5_Labels_all/{name}_label.tif", _ISPRS, decoding=_TIFF),
            "no-boundary": Coding("5_Labels_all_noBoundary/{name}_label_noBoundary.tif", _ISPRS, decoding=_TIFF),
            "participants": Coding("5_Labels_for_participants/{name}_label.tif", _ISPRS, decoding=_TIFF),
        },
    ),
    *_TILES(r"\d{1,2}_\d{1,2}_\d+_\d+_\d+_\d+"),
)
"""https://www.isprs.org/education/benchmarks/UrbanSemLab/2d-sem-label-potsdam.aspx"""

_COMPLETE = "ISPRS_semantic_labeling_Vaihingen_ground_truth_COMPLETE"
VAIHINGEN = laid_out(
    "vaihingen",
    "ISPRS Vaihingen (top/top_mosaic_09cm_area*.tif with gts_for_participants/, or img_dir/ and ann_dir/ of "
    "area1_0_0_512_512.png)",
    Layout(
        "top/{name}.tif",
        {
            "colors": Coding("gts_for_participants/{name}.tif", _ISPRS, decoding=_TIFF),
            "complete": Coding(_COMPLETE + "/{name}.tif", _ISPRS, decoding=_TIFF),
        },
        names=r"top_mosaic_09cm_area\d+",
    ),
    *_TILES(r"area\d+_\d+_\d+_\d+_\d+"),
)
"""https://www.isprs.org/education/benchmarks/UrbanSemLab/2d-sem-label-vaihingen.aspx"""

_ISAID = r"P\d{4}(_\d+)*"
_MASKS = "{name}_instance_color_RGB.png"
ISAID = laid_out(
    "isaid",
    "iSAID (SPLIT/images/P*.png with SPLIT/Semantic_masks/*_instance_color_RGB.png, or img_dir/ and ann_dir/)",
    Layout("{split}/images/{name}.png", {"16": Coding("{split}/Semantic_masks/" + _MASKS, "isaid")}, names=_ISAID),
    Layout("img_dir/{split}/{name}.png", {"16": Coding("ann_dir/{split}/" + _MASKS, "isaid")}, names=_ISAID),
    Layout(
        "img_dir/{name}.png", {"16": Coding("ann_dir/" + _MASKS, "isaid")}, lists="splits/{split}.txt", names=_ISAID
    ),
)
"""https://captain-whu.github.io/iSAID : colors of the 15 classes and background, or their indices."""

_UAVID_TABLE = ClassTable(
    ("clutter", "building", "road", "static car", "tree", "low vegetation", "human", "moving car"),
    colors=rgb([
        (0, 0, 0), (128, 0, 0), (128, 64, 128), (192, 0, 192), (0, 128, 0), (128, 128, 0), (64, 64, 0), (64, 0, 128),
    ]),
)  # fmt: skip
"""The order and the colors of github.com/YeLyuUT/UAVidToolKit (colorTransformer.py)."""
UAVID = laid_out(
    "uavid",
    "UAVid (uavid_train/seq*/Images/*.png and seq*/Labels/*.png, or train/, valid/ and test/ instead)",
    *(
        Layout(
            folder + "/*/Images/{name}.png",
            {"8": Coding(folder + "/*/Labels/{name}.png", _UAVID_TABLE)},
            names=r"\d{6}",
        )
        for folder in ("uavid_{split}", "{split}")
    ),
)
"""https://uavid.nl : eight colors; clutter, black, is a class."""

_LAND = ClassTable(
    ("urban land", "agriculture land", "rangeland", "forest land", "water", "barren land"),
    colors=rgb([(0, 255, 255), (255, 255, 0), (255, 0, 255), (0, 255, 0), (0, 0, 255), (255, 255, 255)]),
    ignore_color=(0, 0, 0), values={}, aliases={"agricultural land": "agriculture land"},
)  # fmt: skip
_ROADS = ClassTable(("background", "road"), colors=rgb([(0, 0, 0), (255, 255, 255)]), values={0: 0, 255: 1})
_DEEPGLOBE_MASKS = "{split}/{name}_mask.png"
_LOOKED_AT = 8
"""Masks that are opened to see whether there are other colors than black and white."""


def _deepglobe(root: Path) -> ClassTable:
    """That of the land cover, or of the roads: their files have the same names."""
    for found in islice(matches(root, _DEEPGLOBE_MASKS), _LOOKED_AT):
        try:
            pixels = decode_stored(read_bytes(root / found.path), found.path).pixels
        except DataError:
            continue  # what is wrong with it is said when it is read
        if pixels.ndim == 3 and (pixels[..., :3] != pixels[..., :1]).any():
            return _LAND
    return _ROADS


DEEPGLOBE = laid_out(
    "deepglobe",
    "DeepGlobe land cover or roads (train/*_sat.jpg and train/*_mask.png)",
    Layout("{split}/{name}_sat.jpg", {"masks": Coding(_DEEPGLOBE_MASKS, _deepglobe)}, names=r"\d+"),
)
"""http://deepglobe.org/challenge.html : seven colors of land, of which black, unknown, is void; or black and white."""
