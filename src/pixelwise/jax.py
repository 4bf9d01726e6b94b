"""pixelwise with JAX, Flax and Grain. Needs the extra `pixelwise[jax]`.

    from pixelwise.jax import ArrayLoader

    loader = pw.Loader(train, 32, transforms, shuffle=True, drop_last=True, output="float32-hwc")
    for images, labels in ArrayLoader(loader): ...

ArrayLoader: a Loader's batches as arrays of JAX, on one device or sharded over many. GrainSource: a split as a source
for Grain's own pipelines.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .arguments import check_count
from .dataset.splits import Split
from .errors import MissingExtraError, UsageError
from .hints import answering, hinted, lacking
from .loading.batch import Batch
from .loading.handing import HandsOut
from .loading.left_out import Small
from .loading.loader import Loader
from .loading.outputs import is_packed
from .transforms.plans import Transform
from .types import F32, labels_of

if find_spec("jax") is None:
    raise MissingExtraError("pixelwise.jax needs JAX, which is not installed", fix="pip install 'pixelwise[jax]'")

import jax

__all__ = ["ArrayBatch", "ArrayLoader", "GrainSource"]

if not TYPE_CHECKING:  # which knows the names
    __getattr__ = lacking(__name__, __all__)


@partial(
    jax.tree_util.register_dataclass, data_fields=["images", "labels", "indices", "sizes", "real"], meta_fields=[]
)
@answering
@dataclass(frozen=True, slots=True, eq=False)
class ArrayBatch:
    """A batch as arrays of JAX: a pytree, which `jax.jit` takes. Unpacks as `images, labels`.

    images, labels: as the Loader makes them, see `Batch`; labels are None without labels. indices: (B,) int32
    positions in the split, which has the names. sizes: (B, 2) int32. real: (B,) bool.
    """

    images: jax.Array
    labels: jax.Array | None
    indices: jax.Array
    sizes: jax.Array
    real: jax.Array

    def __iter__(self) -> Iterator[jax.Array]:
        """Images and labels. UsageError `no-labels` without labels."""
        return iter((self.images, labels_of(self.labels, "the batch", "batch.images")))

    def __repr__(self) -> str:
        arrays = {"images": self.images, "labels": self.labels}
        words = (f"{name} {tuple(a.shape)} {a.dtype}" for name, a in arrays.items() if a is not None)
        return f"ArrayBatch({', '.join(words)})"


@hinted
class ArrayLoader(HandsOut):
    """A Loader whose batches are arrays of JAX, copied to the devices while the batches before them train.

        loader = pw.Loader(train, 32, transforms, shuffle=True, drop_last=True, output="float32-hwc")
        for images, labels in ArrayLoader(loader): ...

    loader: any Loader; Flax and Keras want its output "float32-hwc", (B, H, W, 3). "uint8-hwc" moves a quarter of the
    bytes, and the device normalizes. sharding: a `jax.sharding.Sharding` of the first axis, such as
    `NamedSharding(mesh, PartitionSpec("data"))`: the arrays are global then, each process gives the share that its
    Loader has. Without one they are on JAX's default device. dtype: of the images, such as `jax.numpy.bfloat16`; by
    default as they are, and float32 from uint8. prefetch: batches that are on their way to the devices.

    Iterating, `len`, `state_dict` and `load_state_dict` are as in Loader; a batch counts as handed out only when the
    caller has it. UsageError `uneven-batch` if a batch cannot be divided among the devices.
    """

    def __init__(self, loader: Loader, sharding: Any = None, *, dtype: Any = None, prefetch: int = 2) -> None:
        super().__init__(loader)
        if sharding is not None and not isinstance(sharding, jax.sharding.Sharding):
            raise UsageError(f"sharding must be a jax.sharding.Sharding, got {type(sharding).__name__}")
        self.sharding: jax.sharding.Sharding | None = sharding
        self.dtype: Any = _float_type(dtype)
        self.prefetch: int = check_count("prefetch", prefetch)
        _check_division(loader, sharding)
        shape = (3,) if is_packed(loader.output) else (3, 1, 1)
        scale, bias = (f.astype(np.float32).reshape(shape) for f in self._factors())
        self._finish = jax.jit(partial(_finished, scale, bias, self.dtype))

    def __repr__(self) -> str:
        where = jax.devices()[0] if self.sharding is None else self.sharding
        return f"ArrayLoader({self.loader!r} on {where})"

    def __iter__(self) -> Iterator[ArrayBatch]:
        ahead: deque[tuple[ArrayBatch, dict[str, Any]]] = deque()
        for batch in self.loader:
            ahead.append((self._upload(batch), self.loader.state_dict()))
            if len(ahead) > self.prefetch:
                yield self._handed(*ahead.popleft())
        while ahead:
            yield self._handed(*ahead.popleft())

    def _handed(self, batch: ArrayBatch, state: dict[str, Any]) -> ArrayBatch:
        self._state = state
        return batch

    def _upload(self, batch: Batch) -> ArrayBatch:
        # Positions and sizes fit in 32 bits, and JAX makes 64 bits 32 anyway.
        images = self._put(batch.images)
        if images.dtype == np.uint8 or self.dtype is not None:
            images = self._finish(images)
        labels = None if batch.labels is None else self._put(batch.labels)
        small = (batch.indices.astype(np.int32), batch.sizes.astype(np.int32), batch.real)
        return ArrayBatch(images, labels, *map(self._put, small))

    def _put(self, array: NDArray[Any]) -> jax.Array:
        if self.sharding is None:
            return jax.device_put(array)
        return jax.make_array_from_process_local_data(self.sharding, array)


def _finished(scale: F32, bias: F32, dtype: Any, images: Any) -> Any:
    """Images normalized if they are bytes, and of the dtype."""
    if images.dtype == np.uint8:
        images = images.astype(np.float32) * scale + bias
    return images if dtype is None else images.astype(dtype)


def _float_type(dtype: Any) -> Any:
    if dtype is None:
        return None
    try:
        found = jax.numpy.dtype(dtype)
    except TypeError:
        found = None
    if found is None or not jax.numpy.issubdtype(found, np.floating):
        raise UsageError(f"dtype must be a type of floats such as jax.numpy.bfloat16, got {dtype!r}")
    return found


def _check_division(loader: Loader, sharding: Any) -> None:
    """UsageError `uneven-batch` if a batch of the loader cannot be divided along the first axis."""
    if not isinstance(sharding, jax.sharding.NamedSharding) or not sharding.spec or sharding.spec[0] is None:
        return
    axes = sharding.spec[0] if isinstance(sharding.spec[0], tuple) else (sharding.spec[0],)
    parts = int(np.prod([sharding.mesh.shape[axis] for axis in axes]))
    for number in (numbers := loader.global_batches):
        if number % parts:
            what = f"a global batch of {number} samples cannot be divided among {parts} devices"
            whole = number == numbers[0]
            fix = f"choose a batch_size that {parts} divides" if whole else "pass the Loader drop_last=True"
            raise UsageError(what, code="uneven-batch", fix=fix)


@hinted
class GrainSource:
    """A split as a random-access source for Grain: item i is {"image", "label", "index"}, arrays of one sample.

        grain.MapDataset.source(GrainSource(train, transforms, epochs=90, shuffle=True)).batch(32)

    image: (H, W, 3) float32, or as `output` says. label: (H, W) class ids, if there are labels. index: its position
    in the split. The items are those of a Loader with batches of one: epoch after epoch, in its order, with its random
    numbers, so Grain's own shuffle and repeat are not needed. epochs: how many there are. The other arguments are those
    of the Loader. Thread-safe, pickles; Grain keeps the state.
    """

    def __init__(
        self, split: Split, transforms: Sequence[Transform] = (), *, epochs: int = 1, shuffle: bool = False,
        seed: int = 0, small: Small = "warn", output: Literal["float32-hwc", "uint8-hwc", "float32"] = "float32-hwc",
        label_dtype: str | None = None,
    ) -> None:  # fmt: skip
        self.epochs: int = check_count("epochs", epochs)
        self.loader: Loader = Loader(
            split, 1, transforms, shuffle=shuffle, seed=seed, small=small, output=output, label_dtype=label_dtype,
            shard=(0, 1),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.loader) * self.epochs

    def __repr__(self) -> str:
        return f"GrainSource({len(self.loader)} samples of {self.loader.split.name!r}, {self.epochs} epochs)"

    def __getitem__(self, index: int) -> dict[str, NDArray[Any]]:
        """Raises IndexError beyond the last item."""
        if not 0 <= index < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        batch = self.loader.read(*divmod(int(index), len(self.loader)))
        found = {"image": batch.images[0], "index": batch.indices[0]}
        return found if batch.labels is None else found | {"label": batch.labels[0]}
