"""Medicine: CHASE DB1, DRIVE, Kvasir-SEG, Synapse multi-organ, REFUGE."""

from __future__ import annotations

from ...classes import ClassTable
from ...dataset.lossy import Rounding
from ...dataset.sources import Decoding
from ..class_tables import rgb
from ..layout import Coding, Layout, laid_out, with_or_without_splits

_VESSEL = ClassTable(("background", "vessel"), colors=rgb([(0, 0, 0), (255, 255, 255)]), values={0: 0, 1: 1})

CHASE_DB1 = laid_out(
    "chase_db1",
    "CHASE DB1 (Image_01L.jpg and Image_01L_1stHO.png in one folder)",
    Layout(
        "{name}.jpg",
        {"first": Coding("{name}_1stHO.png", _VESSEL), "second": Coding("{name}_2ndHO.png", _VESSEL)},
        names=r"Image_\d{2}[LR]",
    ),
)
"""https://blogs.kingston.ac.uk/retinal/chasedb1 : 1-bit masks by two observers."""

_WHITE_VESSEL = ClassTable(_VESSEL.names, colors=_VESSEL.colors, values={0: 0, 1: 1, 255: 1})
_GIF = Decoding(frozenset({"gif"}), check_palette=False)
DRIVE = laid_out(
    "drive",
    "DRIVE (training/images/21_training.tif and training/1st_manual/21_manual1.gif, test/ likewise)",
    Layout(
        "{split}/images/{name}_*.tif",
        {
            "first": Coding("{split}/1st_manual/{name}_manual1.gif", _WHITE_VESSEL, decoding=_GIF),
            "second": Coding("{split}/2nd_manual/{name}_manual2.gif", _WHITE_VESSEL, decoding=_GIF),
        },
        names=r"\d\d",
    ),
)
"""https://drive.grand-challenge.org : GIFs of 0 and 255, or of two indices."""

_POLYP = ClassTable(("background", "polyp"), colors=_VESSEL.colors, values={0: 0, 255: 1})
KVASIR_SEG = laid_out(
    "kvasir_seg",
    "Kvasir-SEG (images/cju0qkwl35piu0993l0dewei2.jpg and masks/ with JPEGs of the same names)",
    Layout(
        "images/{name}.jpg",
        {
            "masks": Coding(
                "masks/{name}.jpg", _POLYP,
                decoding=Decoding(rounding=Rounding(((0, 0, 0), (255, 255, 255)), (0, 255))), beside=False,
            )
        },
        names=r"cj[0-9a-z]{23}",
    ),
)  # fmt: skip
"""https://datasets.simula.no/kvasir-seg : masks of 0 and 255 saved as JPEG, so each pixel is the nearer of both."""

_ORGANS = ClassTable(
    ("background", "aorta", "gallbladder", "left kidney", "right kidney", "liver", "pancreas", "spleen", "stomach"),
    colors=rgb([
        (0, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 0), (0, 255, 255), (255, 0, 255), (255, 255, 0), (60, 255, 255),
        (240, 240, 240),
    ]),
)  # fmt: skip

SYNAPSE = laid_out(
    "synapse",
    "Synapse multi-organ slices (img_dir/case0005_slice000.jpg and ann_dir/, with or without splits)",
    *with_or_without_splits(
        "img_dir/{split}/{name}.jpg", "ann_dir/{split}/{name}.png", "9", _ORGANS, r"case\d{4}_slice\d{3}"
    ),
)
"""https://www.synapse.org/#!Synapse:syn3193805 as the 8 organs that TransUNet (Chen et al., 2021) made PNGs of."""

_EYE = ClassTable(
    ("background", "optic cup", "optic disc"), colors=rgb([(0, 0, 0), (6, 230, 230), (56, 59, 120)]),
    extra_colors={(1, 1, 1): 1, (2, 2, 2): 2},
)  # fmt: skip
"""The values are the ids; mmsegmentation's tool writes them as gray RGB: (1, 1, 1), (2, 2, 2)."""

REFUGE = laid_out(
    "refuge",
    "REFUGE as prepared by mmsegmentation (img_dir/g0001.png and ann_dir/, with or without splits)",
    *with_or_without_splits(
        "img_dir/{split}/{name}.{ext}", "ann_dir/{split}/{name}.png", "3", _EYE, r"(pseudo_)?[gnTV]\d{4}"
    ),
)
"""https://refuge.grand-challenge.org"""
