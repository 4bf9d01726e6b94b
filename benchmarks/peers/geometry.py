"""Random crop, and random scale with flip and padded crop, for loaders that take any Python function: decoded
arrays in, one window out. The augmented form is a single cv2.warpAffine of the pixels of the window only."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from jobs import FLIP, IGNORE, SCALE, Job
from numpy.typing import NDArray

U8 = NDArray[np.uint8]


def cut(job: Job, image: U8, label: U8, uniform: Any) -> tuple[U8, U8]:
    """The job's window of an image and its label. uniform: four numbers in [0, 1), which decide."""
    height, width = label.shape
    if job.augment:
        return _augmented(job, image, label, uniform)
    y = int(uniform[0] * (height - job.height + 1))
    x = int(uniform[1] * (width - job.width + 1))
    window = (slice(y, y + job.height), slice(x, x + job.width))
    return image[window], label[window]


def _augmented(job: Job, image: U8, label: U8, uniform: Any) -> tuple[U8, U8]:
    height, width = label.shape
    scale = SCALE[0] + (SCALE[1] - SCALE[0]) * uniform[2]
    scaled_h, scaled_w = round(height * scale), round(width * scale)
    y = int(uniform[0] * (max(scaled_h - job.height, 0) + 1))
    x = int(uniform[1] * (max(scaled_w - job.width, 0) + 1))
    fy, fx = scaled_h / height, scaled_w / width
    # From source to output pixel centers, which lie at +0.5.
    matrix = np.array([[fx, 0, 0.5 * fx - 0.5 - x], [0, fy, 0.5 * fy - 0.5 - y]])
    if uniform[3] < FLIP:
        matrix[0] = -matrix[0]
        matrix[0, 2] += job.width - 1
    size = (job.width, job.height)
    constant = cv2.BORDER_CONSTANT
    image = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=constant, borderValue=job.fill)
    label = cv2.warpAffine(label, matrix, size, flags=cv2.INTER_NEAREST, borderMode=constant, borderValue=IGNORE)
    return image, label
