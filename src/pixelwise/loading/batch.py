"""Batch: what a Loader yields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..classes import ClassTable
from ..hints import answering
from ..types import I64, Bool, Displayed, Rows, in_words, labels_of


@answering
@dataclass(frozen=True, slots=True, eq=False)
class Batch(Displayed):
    """What a Loader yields.

        >>> loader = pw.Loader(pw.open("VOCdevkit/VOC2012")["train"], 2)
        >>> batch = next(iter(loader))
        >>> batch
        Batch(2 samples, images (2, 3, 375, 500) float32, labels (2, 375, 500) uint8)
        >>> batch.sizes.tolist()
        [[375, 500], [333, 500]]
        >>> [labels.shape for images, labels in loader]
        [(2, 375, 500), (2, 500, 500)]

    images: (B, 3, H, W) float32, float16, bfloat16 or uint8, or (B, H, W, 3) for an output "-hwc". labels: (B, H, W)
    class ids, with `ClassTable.padding_index` for pixels without a class, or None for a split without labels. names: B
    sample names. indices: (B,) int64 positions in the split. sizes: (B, 2) int64, the height and width of each sample
    inside its slot; the rest is padding. real: (B,) bool, False for a sample that a shard repeats to fill its last
    batch, and for one that `on_error="skip"` left out. classes: the class table of the labels, if it is known.
    """

    images: NDArray[Any]
    labels: NDArray[Any] | None
    names: tuple[str, ...]
    indices: I64
    sizes: I64
    real: Bool = field(default_factory=lambda: np.ones(0, bool))
    classes: ClassTable | None = None

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.names)

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Images and labels. UsageError `no-labels` without labels."""
        return iter((self.images, labels_of(self.labels, "the batch", "batch.images")))

    def to_frame(self) -> Rows:
        """The samples: name, index, height, width, real."""
        real = self.real.tolist() or [True] * len(self)
        columns = zip(self.names, self.indices.tolist(), self.sizes.tolist(), real, strict=True)
        return [{"name": n, "index": i, "height": h, "width": w, "real": r} for n, i, (h, w), r in columns]

    def __repr__(self) -> str:
        return f"Batch({len(self)} samples{in_words({'images': self.images, 'labels': self.labels})})"
