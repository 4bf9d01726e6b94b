"""Batches as torch tensors. Needs the extra `pixelwise[torch]`.

    from pixelwise.torch import TensorLoader

    for images, labels in TensorLoader(loader, device="cuda"): ...

On the CPU the images are the batch's own memory: nothing is copied. On a GPU the next batch travels while this one
trains, from pinned memory, on a stream of its own; uint8 images are normalized there, which moves a quarter of the
bytes. The CUDA path has not been run on a GPU yet: it is marked so until it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .arguments import is_whole
from .dataset.splits import Split
from .errors import ScoreError, UsageError
from .loading.loader import Loader
from .loading.render import Renderer, Slot
from .metrics.confusion import Confusion
from .randomness import Draws, check_seed
from .transforms.plans import Transform, check_transforms, make_plans
from .transforms.plugin import Apply, Pair
from .types import U8, Batch, Label


@dataclass(frozen=True, slots=True)
class TensorBatch:
    """images: (B, 3, H, W) float. labels: (B, H, W), or None. The rest as in `Batch`. Unpacks as `images, labels`."""

    images: torch.Tensor
    labels: torch.Tensor | None
    names: tuple[str, ...]
    indices: torch.Tensor
    sizes: torch.Tensor
    real: torch.Tensor

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[torch.Tensor | None]:
        return iter((self.images, self.labels))

    def to(self, device: Any, non_blocking: bool = False) -> TensorBatch:
        """The same batch with images and labels on `device`. Lightning moves batches by this method."""
        labels = None if self.labels is None else self.labels.to(device, non_blocking=non_blocking)
        return replace(self, images=self.images.to(device, non_blocking=non_blocking), labels=labels)


class TensorLoader:
    """A Loader whose batches are tensors on `device`.

    loader: any Loader; `output="uint8"` makes the device normalize. device: default the CPU. dtype: of the images,
    such as torch.bfloat16. label_dtype: of the labels, torch.int64 as the losses want it; None keeps the loader's.
    channels_last: memory format of the images. Iterating, `len`, `state_dict` and `load_state_dict` as in Loader;
    a batch counts as handed out only when the caller has it, so a state never skips the batch that is travelling.
    """

    def __init__(
        self,
        loader: Loader,
        device: Any = "cpu",
        *,
        dtype: torch.dtype = torch.float32,
        label_dtype: torch.dtype | None = torch.int64,
        channels_last: bool = False,
    ) -> None:
        if not isinstance(loader, Loader):
            raise UsageError(
                f"a TensorLoader takes a Loader, got {type(loader).__name__}",
                fix="make it with pixelwise.Loader(split, ...)",
            )  # fmt: skip
        for name, kind in (("dtype", dtype), ("label_dtype", label_dtype or torch.int64)):
            if not isinstance(kind, torch.dtype):
                raise UsageError(f"{name} is a torch.dtype such as torch.int64, got {kind!r}")
        self.loader = loader
        self.device = torch.device(device)
        self.dtype = dtype
        self.label_dtype = label_dtype
        self.channels_last = channels_last
        mean, std = loader.normalize or ((0.0,) * 3, (1.0,) * 3)
        # (x / 255 - mean) / std as one multiplication and one addition a pixel.
        self._scale = torch.tensor([1 / (255 * s) for s in std], device=self.device).view(1, 3, 1, 1)
        self._bias = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], device=self.device).view(1, 3, 1, 1)
        self._state: dict[str, Any] | None = None
        if self.device.type == "cuda":
            loader.use_memory(_pinned)

    def __len__(self) -> int:
        return len(self.loader)

    def state_dict(self) -> dict[str, Any]:
        """As Loader.state_dict: the position after the last batch that the caller got."""
        return dict(self._state or self.loader.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As Loader.load_state_dict."""
        self.loader.load_state_dict(state)
        self._state = None

    def __iter__(self) -> Iterator[TensorBatch]:
        return self._ahead() if self.device.type == "cuda" else self._direct()

    def _direct(self) -> Iterator[TensorBatch]:
        for batch in self.loader:
            self._state = self.loader.state_dict()
            yield self._finish(self._tensors(batch).to(self.device))

    def _ahead(self) -> Iterator[TensorBatch]:
        """One batch ahead: it is copied and normalized on a side stream while the caller's kernels run."""
        stream = torch.cuda.Stream(self.device)
        batches = iter(self.loader)

        def upload() -> tuple[Any, ...] | None:
            batch = next(batches, None)
            if batch is None:
                return None
            state, host = self.loader.state_dict(), self._tensors(batch)
            with torch.cuda.stream(stream):
                on_device = self._finish(host.to(self.device, non_blocking=True))
            # `host` stays referenced until the copy is done: its memory must not be written before.
            return on_device, state, host, stream.record_event()

        coming = upload()
        while coming is not None:
            (batch, state, host, event), coming = coming, upload()
            current = torch.cuda.current_stream(self.device)
            current.wait_event(event)
            for tensor in batch:
                if tensor is not None:
                    tensor.record_stream(current)
            self._state = state
            yield batch
            event.synchronize()
            del host

    def _tensors(self, batch: Batch) -> TensorBatch:
        images = torch.from_numpy(batch.images)
        if self.loader.output == "uint8-hwc":
            images = images.permute(0, 3, 1, 2)
        labels = None if batch.labels is None else torch.from_numpy(_signed(batch.labels))
        return TensorBatch(
            images,
            labels,
            batch.names,
            torch.from_numpy(batch.indices),
            torch.from_numpy(batch.sizes),
            torch.from_numpy(batch.real),
        )

    def _finish(self, batch: TensorBatch) -> TensorBatch:
        images = batch.images
        if images.dtype == torch.uint8:
            images = torch.addcmul(self._bias, images.to(torch.float32), self._scale)
        memory = torch.channels_last if self.channels_last else torch.preserve_format
        images = images.to(self.dtype, memory_format=memory)
        labels = batch.labels
        if labels is not None and self.label_dtype is not None:
            labels = labels.to(self.label_dtype)
        return replace(batch, images=images, labels=labels)


def _pinned(size: int) -> NDArray[np.uint8]:
    memory: NDArray[np.uint8] = torch.empty(size, dtype=torch.uint8, pin_memory=True).numpy()
    return memory


def _signed(labels: NDArray[Any]) -> NDArray[Any]:
    # torch knows uint16 by name only: most of its operations refuse it.
    return labels.astype(np.int32) if labels.dtype == np.uint16 else labels


class MapDataset(torch.utils.data.Dataset):  # type: ignore[misc]  # torch is not followed by the type checker
    """A split as a map-style dataset, for torch's own DataLoader. Made by `as_map_dataset`."""

    def __init__(self, split: Split, transforms: Sequence[Transform], seed: int) -> None:
        if not isinstance(split, Split):
            raise UsageError(f"a Split is read, got {type(split).__name__}")
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
        if not is_whole(epoch) or not 0 <= epoch < 1 << 32:
            raise UsageError(f"epoch is a whole number in 0..2^32-1, got {epoch!r}")
        self._epoch[0] = epoch

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if not 0 <= index < len(self):
            raise IndexError(f"sample {index} of {len(self)}")
        at = np.array([index])
        draws = Draws(self.seed, self._draw_epoch(index), at)
        plans = make_plans(self.transforms, self.split.sizes(at), draws.uniform, at, self.split)
        if plans.small[0]:
            raise UsageError(
                f"{self.split.names[index]!r} is smaller than the crop",
                code="image-too-small",
                fix="give the crop pad_if_needed=True",
            )
        height, width = plans.size[0].tolist()
        slot = Slot(np.empty((1, 3, height, width), np.float32), np.empty((1, height, width), np.int64))
        renderer = Renderer(plans, slot, "float32", self.split.classes.padding_index)
        sample = self.split.read(index, renderer.window(0))
        if sample.label is None:
            raise UsageError(f"the split {self.split.name!r} has no labels", code="no-labels")
        renderer.write(0, sample)
        assert slot.labels is not None
        return torch.from_numpy(slot.images[0]), torch.from_numpy(slot.labels[0])

    def _draw_epoch(self, index: int) -> int:
        if int(self._epoch[0]) >= 0:
            return int(self._epoch[0])
        worker = torch.utils.data.get_worker_info()
        if worker is not None:  # torch gives its workers another base seed each epoch
            return int(worker.seed - worker.id + self._count(index)) % (1 << 32)
        return self._count(index)

    def _count(self, index: int) -> int:
        self._reads[index] = self._reads.get(index, -1) + 1
        return self._reads[index]


def as_map_dataset(split: Split, transforms: Sequence[Transform] = (), *, seed: int = 0) -> MapDataset:
    """A split for torch's DataLoader: item i is (image (3, H, W) float32, label (H, W) int64).

    For those who must use it; `TensorLoader` is faster. Randomness is addressed by (seed, epoch, sample), so workers
    never repeat each other's draws, under fork and spawn. Call `set_epoch` at each epoch, as for a
    DistributedSampler, to make runs repeatable; without it every reading of a sample draws anew.
    """
    return MapDataset(split, transforms, seed)


# -- predicting and scoring ---------------------------------------------------------------------------------


class TorchModel:
    """A torch module as `pixelwise.predict` takes it. Made by `as_model`."""

    def __init__(self, module: torch.nn.Module, device: torch.device, dtype: torch.dtype | None) -> None:
        self.module = module
        self.device = device
        self.dtype = dtype

    def __call__(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 3, H, W) float32 to (B, C, h, w) float32 logits."""
        was_training = self.module.training
        self.module.eval()
        try:
            with torch.inference_mode(), torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
                found = self.module(torch.from_numpy(images).to(self.device))
        finally:
            self.module.train(was_training)
        logits: NDArray[np.float32] = _logits_of(found).to(torch.float32).cpu().numpy()
        return logits


def _logits_of(found: Any) -> torch.Tensor:
    # torchvision gives {"out": ...}, Transformers an object with .logits.
    if isinstance(found, torch.Tensor):
        return found
    logits = found.get("out") if isinstance(found, dict) else getattr(found, "logits", None)
    if isinstance(logits, torch.Tensor):
        return logits
    raise UsageError(
        f"the module gave a {type(found).__name__}, expected a tensor, a dict with 'out', or an object with .logits",
        code="bad-model",
        fix="wrap it so that it returns its logits",
    )


def as_model(module: torch.nn.Module, device: Any = "cpu", dtype: torch.dtype | None = None) -> TorchModel:
    """A torch module as a model for `pixelwise.predict`: from arrays to arrays, without gradients, in eval mode.

    device: where it runs; the module is moved there. dtype: of autocast, such as torch.bfloat16, or None for none.
    Its training mode is as before after each call. UsageError `bad-model` where it gives no tensor, no dict with
    "out" and nothing with `.logits`.
    """
    device = torch.device(device)
    return TorchModel(module.to(device), device, dtype)


def all_reduce(confusion: Confusion, group: Any = None) -> Confusion:
    """The sum of the confusions of all processes of a torch.distributed group, the same in each; a new Confusion.

    Every process must call it, with a confusion of the same options. The integers are summed exactly, so scores equal
    those of one process, given that no image is counted twice: drop what only fills a batch, `update(ids[real],
    labels[real])` with `real` of the Batch. With `per_image=True` and names a repeated image is found: ScoreError
    `counted-twice`, in every process; images come in the order of their names. UsageError `confusions-differ`.
    """
    world = torch.distributed.get_world_size(group)
    mine: Any = confusion.images if confusion.per_image else ((), ())
    options = (confusion.num_classes, confusion.ignore_index, confusion.names, confusion.per_image)
    everyone: list[Any] = [None] * world
    torch.distributed.all_gather_object(everyone, (options, *mine), group=group)
    if any(theirs != options for theirs, _, _ in everyone):
        raise UsageError(
            f"the processes have different confusions: {sorted({str(o) for o, _, _ in everyone})}",
            code="confusions-differ",
        )
    # NCCL moves only what lies on a GPU.
    device = "cuda" if torch.distributed.get_backend(group) == "nccl" else "cpu"
    counts = torch.from_numpy(confusion.counts).to(device)
    torch.distributed.all_reduce(counts, group=group)
    images = [image for _, names, totals in everyone for image in zip(names or [""] * len(totals), totals, strict=True)]
    named = sorted(images, key=lambda image: image[0])
    if twice := [a for (a, _), (b, _) in pairwise(named) if a == b and a]:
        raise ScoreError(
            f"{len(twice)} images are counted in two processes, first {twice[0]!r}",
            code="counted-twice",
            where=twice[0],
            fix="update with those samples of a batch only that are `real`",
        )
    return Confusion.from_dict(
        {
            **confusion.to_dict(),
            "counts": counts.cpu().numpy(),
            "image_names": [name for name, _ in named if name],
            "image_totals": [rows for _, rows in named],
        }
    )


def from_torchvision(transform: Any, p: float = 1.0) -> Apply:
    """A torchvision.transforms.v2 transform, seeded from addressed randomness.

    It gets a tv_tensors.Image and a tv_tensors.Mask, so that it treats the label as one. torch's generator is global:
    it is seeded for the call and set back, one thread at a time.
    """

    def call(image: U8, label: Label | None, seed: int) -> Pair:
        from torchvision import tv_tensors  # type: ignore[import-not-found,unused-ignore]

        picture = tv_tensors.Image(torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if label is None:
                done, mask = transform(picture), None
            else:
                done, mask = transform(picture, tv_tensors.Mask(torch.from_numpy(label.astype(np.int64))))
        pixels = np.ascontiguousarray(done.numpy().transpose(1, 2, 0))
        return pixels, None if mask is None else mask.numpy()

    return Apply(call, p, seeded=True, lock=True, name=repr(transform))
