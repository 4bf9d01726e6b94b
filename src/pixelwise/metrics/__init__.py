"""Metrics: count once in integers, then score by any named protocol.

    confusion  truth by prediction, counted         counting   arrays to the counting kernels
    protocols  what each one does, as data          rates      the formulas behind all of them
    scores     what users read of a confusion       compare    all protocols side by side
    boundary   boundary IoU, trimaps                bootstrap  intervals, paired differences
    sums       counts that add, and can be saved    image_scores  of each image, and the worst
    instances  every object alike: iIoU, mIoU^K    surfaces   HD95, surface Dice, boundary F
    contours   of masks, and their distances        davis      J and F of objects in videos
    panoptic   segments that match: panoptic quality  average_precision  of objects with scores
    probabilities  at every threshold; calibration  intervals  bounds from resamples
    ranking    many runs compared
"""

from typing import TYPE_CHECKING

from ..hints import lacking

if not TYPE_CHECKING:  # many look here for pixelwise.Confusion
    __getattr__ = lacking(__name__)
