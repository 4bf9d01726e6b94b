"""A split as a map-style dataset, for torch's own DataLoader."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..arguments import check_seed, check_whole
from ..dataset.splits import Split
from ..errors import UsageError
from ..loading.render import render_one
from ..randomness import Draws
from ..transforms.plans import Transform, check_transforms, make_plans


class MapDataset(torch.utils.data.Dataset):  # type: ignore[misc]  # torch is not followed by the type checker
    """A split as a map-style dataset, for torch's own DataLoader. Made by `as_map_dataset`."""

    def __init__(self, split: Split, transforms: Sequence[Transform], seed: int) -> None:
        if not isinstance(split, Split):
            raise UsageError(f"as_map_dataset() takes a Split, got {type(split).__name__}")
        self.split = split
        self.transforms = check_transforms(transforms)
        self.seed = check_seed(seed)
        # Shared memory, so that workers which outlive an epoch see `set_epoch` too. -1: never set.
        self._epoch = torch.full((1,), -1, dtype=torch.int64).share_memory_()
        self._reads: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.split)

    def set_epoch(self, epoch: int) -> None:
        """Random draws are those of this epoch from now on, in this process and in all workers."""
        self._epoch[0] = check_whole("epoch", epoch, 0, (1 << 32) - 1)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        at = np.array([index])
        draws = Draws(self.seed, self._draw_epoch(index), at)
        plans = make_plans(self.transforms, self.split.sizes(at), draws.uniform, at, self.split)
        if plans.small[0]:
            what = f"{self.split.names[index]!r} is smaller than the crop"
            raise UsageError(what, code="image-too-small", fix="give the crop pad_if_needed=True")
        ignore = self.split.classes.padding_index
        image, label = render_one(self.split, index, plans, ignore, "float32", label_dtype=np.int64)
        if label is None:
            raise UsageError(f"the split {self.split.name!r} has no labels", code="no-labels")
        return torch.from_numpy(image), torch.from_numpy(label)

    def _draw_epoch(self, index: int) -> int:
        if int(self._epoch[0]) >= 0:
            return int(self._epoch[0])
        self._reads[index] = self._reads.get(index, -1) + 1
        worker = torch.utils.data.get_worker_info()
        base = 0 if worker is None else worker.seed - worker.id  # torch gives its workers another base seed each epoch
        return int(base + self._reads[index]) % (1 << 32)


def as_map_dataset(split: Split, transforms: Sequence[Transform] = (), *, seed: int = 0) -> MapDataset:
    """A split for torch's DataLoader: item i is (image (3, H, W) float32, label (H, W) int64).

    For those who must use it; `TensorLoader` is faster. Randomness is addressed by (seed, epoch, sample), so workers
    never repeat each other's draws, under fork and spawn. Call `set_epoch` at each epoch, as for a
    DistributedSampler, to make runs repeatable; without it each read of a sample makes new random draws.
    """
    return MapDataset(split, transforms, seed)
