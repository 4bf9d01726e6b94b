"""Checks of a label: its size against the image's, and its values. Each takes a `Reading` and gives findings.

What decoding finds (unknown colors, values out of range, alpha, palettes, binary masks, one class, all void) comes from
`codecs` and `labels`, under the codes of their errors and notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..errors import PairError
from ..formats.regions import head_of
from ..labels import check_pair
from ..types import Bool, Finding
from .reading import Reading

MIXED_SHARE: Final = 0.1
MIXED_PIXELS: Final = 50
"""A label counts as interpolated if at least a tenth of all steps from pixel to pixel pass through a value between, and
at least 50 do, in the rows that are looked at (about 128). Measured on all rows: 400 labels of VOC 0, CamVid and
ADE20K at most 0.016; VOC without void after bilinear scaling, rotating, or JPEG of quality 95: 0.2 to 0.7 for 19 of 20
(the others hold class 1 only: no value is between).
"""


def interpolated(got: Reading) -> Iterator[Finding]:
    """`interpolated-label`: edges between two classes pass through the values of other classes."""
    if got.stored is None or (pixels := got.stored.pixels).ndim != 2 or min(pixels.shape) < 3 or got.classes.by_color:
        return
    if len(got.values) < 3 or any(f.code == "palette-conflict" for f in got.found):
        return  # two values have none between them; the indices of another palette have no order

    out = np.zeros(2, np.int64)
    void = _void(pixels, got)
    sampled = max(1, pixels.shape[0] // 128)
    kernels.image_measures.edges_between(pixels, void, sampled, out)
    steps, mixed = out.tolist()
    if sampled * mixed >= MIXED_PIXELS and mixed >= MIXED_SHARE * steps:
        count = int(mixed_pixels(pixels, int(void)).sum())
        what = f"{count:,} pixels have a value between those of their neighbors, as interpolation makes them"
        fix = "rebuild it from its source with nearest neighbor, and save it as PNG"
        yield Finding("interpolated-label", "error", got.label_where, what, fix)


def _void(pixels: NDArray[Any], got: Reading) -> Any:
    """The stored value of void, or a value that the label does not hold."""
    void = got.classes.ignore_index
    if void is not None and (value := int(got.classes.id_values[void])) <= np.iinfo(pixels.dtype).max:
        return pixels.dtype.type(value)
    absent = np.setdiff1d(np.arange(min(len(got.values) + 1, np.iinfo(pixels.dtype).max + 1)), got.values)
    return pixels.dtype.type(absent[0] if len(absent) else np.iinfo(pixels.dtype).max)


def mixed_pixels(pixels: NDArray[Any], void: int | None) -> Bool:
    """(H, W) bool: the pixels that `interpolated` counts, in plain NumPy, for pictures."""
    out = np.zeros(pixels.shape, bool)
    known = np.ones(pixels.shape, bool) if void is None else pixels != void
    for first, middle, last in ((np.s_[:, :-2], np.s_[:, 1:-1], np.s_[:, 2:]), (np.s_[:-2], np.s_[1:-1], np.s_[2:])):
        p, m, q = pixels[first], pixels[middle], pixels[last]
        out[middle] |= (((p < m) & (m < q)) | ((p > m) & (m > q))) & known[first] & known[middle] & known[last]
    return out


def inverted_values(got: Reading) -> Iterator[Finding]:
    """`inverted-label`: some values are not classes, but 255 - value is a class for every value."""
    if got.stored is None or got.label is not None or got.stored.pixels.ndim != 2:
        return
    seen = got.values
    ids = got.classes.value_ids
    if seen[-1] <= 255 and (ids[seen] < 0).any() and (ids[255 - seen] >= 0).all():
        what = f"255 - value is a class for every value (there are {', '.join(map(str, seen[:8]))})"
        yield Finding("inverted-label", "error", got.label_where, what, "invert the label: 255 - value")


def instances_agree(got: Reading) -> Iterator[Finding]:
    """`instance-mismatch`: the instance map contradicts the class map.

    Each object has one class; in VOC, object 0 is exactly class 0 and the void object exactly void.
    """
    objects, label, void = got.instances, got.label, got.classes.ignore_index
    if objects is None or label is None or objects.shape != label.shape or objects.ndim != 2:
        return
    wrong = contradictions(objects, label, void, got.format == "voc")
    if count := int(wrong.sum()):
        y, x = (int(v) for v in np.argwhere(wrong)[0])
        what = (f"{count:,} pixels contradict the class map, first at x={x}, y={y}: object {int(objects[y, x])} on "
                f"{got.classes.name(int(label[y, x]))}")  # fmt: skip
        yield Finding("instance-mismatch", "warning", got.instances_where, what, "correct one of the two maps")


def contradictions(objects: NDArray[Any], label: NDArray[Any], void: int | None, as_in_voc: bool) -> Bool:
    """(H, W) bool: the pixels at which an instance map contradicts the class map. An object has the class of most of
    its pixels.
    """
    wrong = np.zeros(label.shape, bool)
    if as_in_voc:
        wrong = ((objects == 0) != (label == 0)) | ((objects == void) != (label == void))
    pairs, counts = np.unique(objects.astype(np.int64) << 16 | label, return_counts=True)
    for number in np.unique(pairs >> 16).tolist():
        mine = pairs >> 16 == number
        if number not in (0, void) and mine.sum() > 1:
            most = int(pairs[mine][np.argmax(counts[mine])]) & 0xFFFF
            wrong |= (objects == number) & (label != most)
    return np.asarray(wrong)


def sizes_agree(got: Reading) -> Iterator[Finding]:
    """`size-mismatch`: label or instance map differ in size from the image; a hint if one was rotated."""
    if got.image is None:
        return
    label = got.label if got.stored is None else got.stored.pixels
    for pixels, where in ((label, got.label_where), (got.instances, got.instances_where)):
        try:
            if pixels is not None:
                check_pair(got.image.shape[:2], pixels.shape[:2], where)
        except PairError as error:
            yield Finding.from_error(error)


_SIZE = re.compile(rb"<size>(.{0,400}?)</size>", re.DOTALL)
_SIDE = rb"<%s>\s*(\d{1,9})\s*</%s>"


def annotation_agrees(got: Reading) -> Iterator[Finding]:
    """`size-mismatch`: VOC's `Annotations/NAME.xml` states another size than the image has."""
    if got.format != "voc" or got.image is None or got.subject.image is None:
        return
    image = Path(got.subject.image)
    path = image.parents[1] / "Annotations" / f"{image.stem}.xml"
    try:
        found = _SIZE.search(head_of(path, 65_536))
    except OSError:  # most datasets have no such files
        return
    sides = [] if found is None else [re.search(_SIDE % (k, k), found[1]) for k in (b"height", b"width")]
    stated = tuple(int(side[1]) for side in sides if side is not None)
    if len(stated) == 2 and min(stated) > 0 and stated != got.image.shape[:2]:
        height, width = got.image.shape[:2]
        what = f"it states {stated[0]} high and {stated[1]} wide, the image is {height} high and {width} wide"
        fix = "the annotation belongs to another version of the image: so may its label"
        yield Finding("size-mismatch", "warning", f"Annotations/{path.name}", what, fix)


CHECKS = (sizes_agree, annotation_agrees, interpolated, inverted_values, instances_agree)
