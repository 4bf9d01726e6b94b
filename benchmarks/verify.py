"""Are the pixels of a batch right? Judged against a plain Pillow and NumPy decode, for a loader that is not
asked which sample or which window it delivered.

`check_crops`: each image is looked for in the decoded sources by a small patch, then the whole window is
compared and the label of that very window must be equal. `check_augmented`: on the ramp tree (jobs.py) the
color of a pixel says where in the source it came from, and so which class its label must have. `check_jitter`: colors
vary from image to image; the windows of such a job are checked without jitter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jobs import IGNORE, MEAN, SCALE, STD, Data, Job
from numpy.typing import NDArray
from PIL import Image

PATCH = 24
# JPEG decoders differ where one smooths the color planes or rounds more exactly than the other: FFCV's is 1 to
# 1.6 levels from Pillow's in the mean of a VOC image, the other peers' are equal to it. The pixels of another
# image are 30 to 80 levels away, all of them; an image that is one pixel off is found by its label too.
MEAN_LEVELS = 3.0
CLOSE_LEVELS, CLOSE_SHARE = 12, 0.97


@dataclass(frozen=True, slots=True)
class Verdict:
    """problems: what is wrong, one sentence each; none: the pixels are right. notes: what is worth saying."""

    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        return "; ".join(("right",) * self.right + self.problems + self.notes)


def check(job: Job, data: Data, images: NDArray[np.generic], labels: NDArray[np.generic]) -> Verdict:
    """The verdict on one batch as a peer delivered it."""
    try:
        levels, classes = as_levels(job, images, labels)
    except ValueError as error:
        return Verdict((str(error),))
    if job.jitter:
        return check_jitter(levels)
    return check_augmented(job, levels, classes) if job.augment else check_crops(job, data, levels, classes)


def as_levels(
    job: Job, images: NDArray[np.generic], labels: NDArray[np.generic]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The batch as (B, H, W, 3) float32 color levels 0..255 and (B, H, W) int64 classes, void as 255 (-1 is
    taken for void). ValueError where shape or dtype are not the job's."""
    area = (job.height, job.width)
    forms = [(job.batch, 3, *area)] + ([(job.batch, *area, 3)] if job.dtype == "uint8" else [])
    if images.dtype != job.dtype or images.shape not in forms:
        raise ValueError(f"images are {images.dtype}{list(images.shape)}, expected {job.dtype}{list(forms[0])}")
    if labels.dtype.kind not in "ui" or labels.size != job.batch * area[0] * area[1]:
        raise ValueError(f"labels are {labels.dtype}{list(labels.shape)}, expected integers {[job.batch, *area]}")
    levels = images.astype(np.float32)
    if images.shape[-1] != 3 or images.shape[1] == 3:
        levels = levels.transpose(0, 2, 3, 1)
    if job.dtype == "float32":
        levels = (levels * np.array(STD, np.float32) + np.array(MEAN, np.float32)) * 255
    classes = labels.reshape(job.batch, *area).astype(np.int64)
    return levels, np.where(classes == -1, IGNORE, classes)


# -- crops of real images ------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def sources(data: Data) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Every different image of the tree with its label, by Pillow. Copies of one image count once. The last tree's are
    kept in memory."""
    seen: dict[bytes, int] = {}
    for k, path in enumerate(data.images()):
        seen.setdefault(Path(path).read_bytes(), k)
    images, labels = data.images(), data.labels()
    return [(np.asarray(Image.open(images[k]).convert("RGB")), np.array(Image.open(labels[k]))) for k in seen.values()]


def locate(
    image: NDArray[np.float32], candidates: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]], tries: int = 6
) -> tuple[int, int, int]:
    """(source, y, x) of the window that is most like `image`: its most detailed patch is looked for in the green
    channel of every source, and the whole windows of the best `tries` are compared, since sources may share a part."""
    height, width = image.shape[:2]
    green = np.clip(np.rint(image[..., 1]), 0, 255).astype(np.uint8)
    corners = [(height * a // 4, width * b // 4) for a in (1, 2, 3) for b in (1, 2, 3)]
    py, px = max(corners, key=lambda c: float(green[c[0] : c[0] + PATCH, c[1] : c[1] + PATCH].std()))
    patch = np.ascontiguousarray(green[py : py + PATCH, px : px + PATCH])
    found = []
    for k, (source, _) in enumerate(candidates):
        rows, columns = source.shape[0] - height, source.shape[1] - width
        if rows < 0 or columns < 0:
            continue
        area = np.ascontiguousarray(source[py : py + rows + PATCH, px : px + columns + PATCH, 1])
        low, _, (x, y), _ = cv2.minMaxLoc(cv2.matchTemplate(area, patch, cv2.TM_SQDIFF))
        found.append((low, k, y, x))
    places = [(k, y, x) for _, k, y, x in sorted(found)[:tries]] or [(0, 0, 0)]

    def apart(place: tuple[int, int, int]) -> float:
        k, y, x = place
        there = candidates[k][0][y : y + height, x : x + width]
        return float(np.abs(image - there).mean()) if min(y, x) >= 0 and there.shape == image.shape else float("inf")

    def beside(place: tuple[int, int, int]) -> tuple[int, int, int]:
        k, y, x = place
        return min(((k, y + down, x + across) for down in (-1, 0, 1) for across in (-1, 0, 1)), key=apart)

    best = min(places, key=apart)
    # Where colors were compressed once more, the patch may be likest a pixel beside its place.
    while apart(near := beside(best)) < apart(best):
        best = near
    return best


def check_crops(
    job: Job, data: Data, levels: NDArray[np.float32], classes: NDArray[np.int64], most: int | None = None
) -> Verdict:
    """Are images and labels the same windows of the tree's files? Looks at `most` images (8 of large ones,
    else all)."""
    candidates = sources(data)
    count = min(job.batch, most or (6 if job.height > 400 else job.batch))
    problems, places, apart, void_lost = [], [], [], False
    for i in range(count):
        k, y, x = place = locate(levels[i], candidates)
        places.append(place)
        window = (slice(y, y + job.height), slice(x, x + job.width))
        distance = np.abs(levels[i] - candidates[k][0][window])
        apart.append(float(distance.mean()))
        close = float((distance <= CLOSE_LEVELS).mean())
        if apart[-1] > MEAN_LEVELS or close < CLOSE_SHARE:
            problems.append(
                f"image {i} is no window of any source: the likest is {apart[-1]:.1f} levels away, "
                f"{close:.1%} of it close"
            )
            continue
        truth = candidates[k][1][window]
        void = truth == IGNORE
        wrong = (classes[i] != truth) & ~void
        if wrong.any():
            at_y, at_x = np.argwhere(wrong)[0]
            problems.append(
                f"label {i} differs from its window in {int(wrong.sum())} pixels, first at x={at_x}, "
                f"y={at_y}: {classes[i, at_y, at_x]} instead of {truth[at_y, at_x]}"
            )
        kept = classes[i][void]
        if not (kept == IGNORE).all():
            void_lost = True
            if not np.isin(kept, (0, IGNORE)).all():
                problems.append(f"label {i} has void pixels of class {np.unique(kept).tolist()}")
    offsets = {(y, x) for _, y, x in places}
    if count > 4 and len(offsets) < count // 4:
        problems.append(f"crops are not random: {len(offsets)} different places in {count} images")
    order = [k for k, _, _ in places]
    if count > 4 and order == sorted(order):
        problems.append("the order is not shuffled")
    notes = [f"{np.mean(apart):.2f} levels from Pillow, {count} images"] + ["void became background"] * void_lost
    return Verdict(_shortened(problems), tuple(notes))


# -- scale, flip and padding on the ramp ---------------------------------------------------------------------


def check_augmented(job: Job, levels: NDArray[np.float32], classes: NDArray[np.int64]) -> Verdict:
    """Do colors and classes of the ramp agree in every image, are scales and flips in range, is padding
    void?"""
    problems, flips, scales, worst, padded = [], 0, [], 0.0, 0
    for i, (image, label) in enumerate(zip(levels, classes, strict=True)):
        padding = image[..., 2] < 170  # blue is 200 in the ramp, 104 (the mean) or less in padding
        inside = cv2.erode((image[..., 2] > 185).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        outside = cv2.erode(padding.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        if not inside.any():
            problems.append(f"image {i} shows nothing of its source")
            continue
        across, down = (image[..., 0] - 20) / 210, (image[..., 1] - 20) / 210
        column, row = np.floor(7 * across), np.floor(3 * down)
        # Within half a source pixel of a border between classes the nearest label may be either; 8-bit color
        # and JPEG blur the position by about two pixels more.
        near = (np.abs(7 * across - np.rint(7 * across)) < 0.06) | (np.abs(3 * down - np.rint(3 * down)) < 0.03)
        sure = inside & ~near & (column >= 0) & (column < 7) & (row >= 0) & (row < 3)
        wrong = float((label[sure] != (7 * row + column)[sure]).mean()) if sure.any() else 1.0
        worst = max(worst, wrong)
        if wrong > 0.01:
            problems.append(f"label {i} and its image do not belong together in {wrong:.1%} of the pixels")
        if outside.any():
            padded += 1
            if not np.isin(label[outside], (IGNORE, 0)).all():
                problems.append(f"the padding of label {i} is neither void nor background")
        slope_x, slope_y = _slope(image[..., 0], inside, 1), _slope(image[..., 1], inside, 0)
        flips += slope_x < 0
        scales.append((210 / 500) / max(abs(slope_x), 1e-6))
        if abs(210 / 375 / max(slope_y, 1e-6) / scales[-1] - 1) > 0.05:
            problems.append(f"image {i} is scaled differently in height and width, or turned over")
    if not job.batch / 5 < flips < job.batch * 4 / 5:
        problems.append(f"{flips} of {job.batch} images are flipped")
    if scales and not (SCALE[0] * 0.93 < min(scales) < 1 < max(scales) < SCALE[1] * 1.07):
        problems.append(f"scales run from {min(scales):.2f} to {max(scales):.2f}, not within {SCALE[0]} to {SCALE[1]}")
    note = f"labels off {worst:.2%} at most, {flips} flips, {padded} padded"
    return Verdict(_shortened(problems), (note,))


def check_jitter(levels: NDArray[np.float32]) -> Verdict:
    """Do the colors of the ramp vary? Its blue is 200 in every image; where windows lie is checked without jitter."""
    blues = [float(np.percentile(image[..., 2], 90)) for image in levels]
    spread = float(np.std(blues))
    problems = [] if spread > 5 else [f"colors do not vary: the blue of images is {spread:.1f} levels apart"]
    return Verdict(tuple(problems), (f"blue varies by {spread:.0f} levels",))


def _slope(values: NDArray[np.float32], inside: NDArray[np.bool_], axis: int) -> float:
    # Mean change of color per output pixel along an axis, where both neighbors show the source.
    both = np.take(inside, range(1, inside.shape[axis]), axis) & np.take(inside, range(inside.shape[axis] - 1), axis)
    return float(np.diff(values, axis=axis)[both].mean()) if both.any() else 0.0


def _shortened(problems: Sequence[str], most: int = 3) -> tuple[str, ...]:
    extra = len(problems) - most
    return tuple(problems[:most]) + ((f"and {extra} more",) if extra > 0 else ())
