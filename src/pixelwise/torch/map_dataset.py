"""A split as a map-style dataset, for torch's own DataLoader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from ..arguments import check_seed, check_whole
from ..dataset.splits import Split
from ..errors import DataError, UsageError
from ..hints import answering, hinted
from ..loading.left_out import Small, fitting, normalize_of
from ..loading.render import FILL, render_one
from ..randomness import Draws
from ..transforms.plans import Transform, check_transforms, make_plans
from .mappings import check_keys


@answering
class MapDataset(torch.utils.data.Dataset[Any]):  # type: ignore[misc]  # torch is not followed by the type checker
    """A split as a map-style dataset, for torch's own DataLoader. Made by `as_map_dataset`."""

    def __init__(
        self, split: Split, transforms: Sequence[Transform], seed: int, small: Small, keys: tuple[str, str] | None
    ) -> None:
        if not isinstance(split, Split):
            raise UsageError(
                f"as_map_dataset() takes a Split, got {type(split).__name__}",
                fix='pass dataset["train"], or the split of a Loader',
            )  # fmt: skip
        self.transforms: tuple[Transform, ...] = check_transforms(transforms)
        self.seed: int = check_seed(seed)
        self.keys: tuple[str, str] | None = None if keys is None else check_keys(keys)
        self._pad_small = small == "pad"
        kept = fitting(split, self.transforms, small)
        self._indices = np.arange(len(split)) if kept is None else kept
        self.split = split
        if not len(split):
            raise DataError(f"the split {split.name!r} is empty", code="no-batches", fix="choose another split")
        # Shared memory, so that workers which outlive an epoch see `set_epoch` too. -1: never set.
        self._epoch = torch.full((1,), -1, dtype=torch.int64).share_memory_()
        self._reads: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._indices)

    def __repr__(self) -> str:
        return f"MapDataset({len(self)} of {len(self.split)} samples of {self.split.name!r})"

    @property
    def dropped(self) -> list[str]:
        """Names of the samples that are left out because they are smaller than a crop."""
        names = self.split.names
        return [names[i] for i in np.setdiff1d(np.arange(len(self.split)), self._indices).tolist()]

    def set_epoch(self, epoch: int) -> None:
        """Random draws are those of this epoch from now on, in this process and in all workers."""
        self._epoch[0] = check_whole("epoch", epoch, 0, (1 << 32) - 1)

    def __getitem__(self, index: int) -> Any:
        """(image (3, H, W) float32, label (H, W) int64), or a dict of both by their keys."""
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        index = int(self._indices[index])
        at = np.array([index])
        draws = Draws(self.seed, self._draw_epoch(index), at)
        plans = make_plans(self.transforms, self.split.sizes(at), draws.uniform, at, self.split)
        if plans.small[0] and not self._pad_small:
            what = "a crop without padding follows a random change of size, so it does not always fit"
            raise UsageError(what, code="bad-transforms", fix="give the crop pad_if_needed=True")
        ignore = self.split.classes.padding_index
        image, label = render_one(self.split, index, plans, ignore, "float32", label_dtype=np.int64)
        if label is None:
            raise UsageError(f"the split {self.split.name!r} has no labels", code="no-labels")
        return self._item(torch.from_numpy(image), torch.from_numpy(label))

    def collate(self, items: Sequence[Any]) -> Any:
        """Items as a batch: images (B, 3, H, W), labels (B, H, W). For images of different sizes, as `collate_fn`.

        Smaller ones are padded to the largest at the right and the bottom, as a Loader does: with the fill color, and
        with the id that is ignored.
        """
        pairs = [item if self.keys is None else [item[key] for key in self.keys] for item in items]
        height, width = (max(label.shape[axis] for _, label in pairs) for axis in (0, 1))
        images = self._fill().view(1, 3, 1, 1).repeat(len(pairs), 1, height, width)
        labels = torch.full((len(pairs), height, width), self.split.classes.padding_index, dtype=torch.int64)
        for k, (image, label) in enumerate(pairs):
            h, w = label.shape
            images[k, :, :h, :w] = image
            labels[k, :h, :w] = label
        return self._item(images, labels)

    def _item(self, image: torch.Tensor, label: torch.Tensor) -> Any:
        return (image, label) if self.keys is None else dict(zip(self.keys, (image, label), strict=True))

    def _fill(self) -> torch.Tensor:
        """The normalized color of padding, (3,) float32."""
        mean, std = normalize_of(self.transforms) or ((0.0,) * 3, (1.0,) * 3)
        return torch.tensor([(f / 255 - m) / s for f, m, s in zip(FILL, mean, std, strict=True)], dtype=torch.float32)

    def _draw_epoch(self, index: int) -> int:
        if int(self._epoch[0]) >= 0:
            return int(self._epoch[0])
        self._reads[index] = self._reads.get(index, -1) + 1
        worker = torch.utils.data.get_worker_info()
        base = 0 if worker is None else worker.seed - worker.id  # torch gives its workers another base seed each epoch
        return int(base + self._reads[index]) % (1 << 32)


@hinted
def as_map_dataset(
    split: Split, transforms: Sequence[Transform] = (), *, seed: int = 0, small: Small = "warn",
    keys: tuple[str, str] | None = None,
) -> MapDataset:  # fmt: skip
    """A split for torch's DataLoader: item i is (image (3, H, W) float32, label (H, W) int64).

    keys: names of the image and the label: items are dicts then, as Hugging Face's Trainer wants them for
    `keys=("pixel_values", "labels")`. If images differ in size, pass the DataLoader `collate_fn=dataset.collate`.

    small: what becomes of images that are smaller than a crop, as for a Loader: "warn" and "drop" leave them out, so
    the items are fewer, see `dropped`. Processes do not share the items by themselves: use torch's DistributedSampler.

    For those who must use it; `TensorLoader` is faster. Randomness is addressed by (seed, epoch, sample), so workers
    never repeat each other's draws, under fork and spawn. Call `set_epoch` at each epoch, as for a
    DistributedSampler, to make runs repeatable; without it each read of a sample makes new random draws.
    """
    return MapDataset(split, transforms, seed, small, keys)
