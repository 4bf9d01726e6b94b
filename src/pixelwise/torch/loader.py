"""A Loader's batches as tensors on a device.

On the CPU the images are the batch's own memory: nothing is copied. On a GPU the next batch is copied while this one
trains, from pinned memory, on a stream of its own; uint8 images are normalized there, which moves a quarter of the
bytes. The CUDA path has not been run on a GPU yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import UsageError
from ..hints import answering, hinted
from ..loading.batch import Batch
from ..loading.handing import HandsOut
from ..loading.loader import Loader
from ..loading.outputs import is_packed
from ..types import labels_of


@answering
@dataclass(frozen=True, slots=True, eq=False)
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

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Images and labels. UsageError `no-labels` without labels."""
        return iter((self.images, labels_of(self.labels, "the batch", "batch.images")))

    def __repr__(self) -> str:
        arrays = {"images": self.images, "labels": self.labels}
        words = (f", {n} {tuple(a.shape)} {str(a.dtype)[6:]}" for n, a in arrays.items() if a is not None)
        return f"TensorBatch({len(self)} samples{''.join(words)} on {self.images.device})"

    def to(self, device: Any, non_blocking: bool = False) -> TensorBatch:
        """The same batch with images and labels on `device`. Lightning moves batches by this method."""
        labels = None if self.labels is None else self.labels.to(device, non_blocking=non_blocking)
        return replace(self, images=self.images.to(device, non_blocking=non_blocking), labels=labels)


@hinted
class TensorLoader(HandsOut):
    """A Loader whose batches are tensors on `device`.

    loader: any Loader; `output="uint8"` makes the device normalize. device: default the CPU. dtype: of the images,
    such as torch.bfloat16. label_dtype: of the labels, torch.int64 as the losses want it; None keeps the loader's.
    channels_last: memory format of the images. Iterating, `len`, `state_dict` and `load_state_dict` as in Loader;
    a batch counts as handed out only when the caller has it, so a state never skips the batch that is under way.
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
        super().__init__(loader)
        for name, kind in (("dtype", dtype), ("label_dtype", label_dtype or torch.int64)):
            if not isinstance(kind, torch.dtype):
                raise UsageError(f"{name} is a torch.dtype such as torch.int64, got {kind!r}")
        self.device: torch.device = torch.device(device)
        self.dtype: torch.dtype = dtype
        self.label_dtype: torch.dtype | None = label_dtype
        self.channels_last: bool = channels_last
        self._scale, self._bias = (
            torch.tensor(f, dtype=torch.float32, device=self.device).view(1, 3, 1, 1) for f in self._factors()
        )
        if self.device.type == "cuda":
            loader.use_memory(_pinned)

    def __repr__(self) -> str:
        return f"TensorLoader({self.loader!r} on {self.device})"

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
            for tensor in (batch.images, batch.labels):
                if tensor is not None:
                    tensor.record_stream(current)
            self._state = state
            yield batch
            event.synchronize()
            del host

    def _tensors(self, batch: Batch) -> TensorBatch:
        if self.loader.output == "bfloat16":  # torch knows that of ml_dtypes by its bits only
            images = torch.from_numpy(batch.images.view(np.int16)).view(torch.bfloat16)
        else:
            images = torch.from_numpy(batch.images)
        if is_packed(self.loader.output):
            images = images.permute(0, 3, 1, 2)
        labels = batch.labels
        if labels is not None:
            # torch knows uint16 by name only: most of its operations refuse it.
            labels = torch.from_numpy(labels.astype(np.int32) if labels.dtype == np.uint16 else labels)
        rest = (torch.from_numpy(array) for array in (batch.indices, batch.sizes, batch.real))
        return TensorBatch(images, labels, batch.names, *rest)

    def _finish(self, batch: TensorBatch) -> TensorBatch:
        images = batch.images
        if images.dtype == torch.uint8:
            images = torch.addcmul(self._bias, images.to(torch.float32), self._scale)
        memory = torch.channels_last if self.channels_last else torch.preserve_format
        labels = batch.labels
        if labels is not None and self.label_dtype is not None:
            labels = labels.to(self.label_dtype)
        return replace(batch, images=images.to(self.dtype, memory_format=memory), labels=labels)


def _pinned(size: int) -> NDArray[np.uint8]:
    memory: NDArray[np.uint8] = torch.empty(size, dtype=torch.uint8, pin_memory=True).numpy()
    return memory
