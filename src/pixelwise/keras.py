"""pixelwise with Keras 3, on any backend. Needs the extra `pixelwise[keras]`, and a backend.

    from pixelwise.keras import KerasLoader

    model.fit(KerasLoader(pw.Loader(train, 32, transforms, shuffle=True, output="float32-hwc")), epochs=10)
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from .arguments import check_count
from .errors import MissingExtraError, UsageError
from .hints import hinted, lacking
from .loading.loader import Loader
from .loading.outputs import is_packed

if find_spec("keras") is None:
    raise MissingExtraError("pixelwise.keras needs Keras, which is not installed", fix="pip install 'pixelwise[keras]'")

try:
    import keras
except ImportError as error:
    what = f"the backend of Keras cannot be imported: {error}"
    raise MissingExtraError(what, fix="set KERAS_BACKEND to torch, jax or tensorflow, whichever is installed") from None

__all__ = ["KerasLoader"]

if not TYPE_CHECKING:  # which knows the names
    __getattr__ = lacking(__name__, __all__)


@hinted
class KerasLoader(keras.utils.PyDataset):  # type: ignore[misc]  # Keras is not followed by the type checker
    """A Loader as `fit`, `evaluate` and `predict` of Keras take it: a `keras.utils.PyDataset` of (images, labels).

    loader: its output is "float32-hwc", or "uint8-hwc" for a model that rescales; "float32" where
    `keras.config.image_data_format()` is "channels_first": UsageError `wrong-layout` otherwise. Pixels of void have
    `classes.ignore_index`: `keras.losses.SparseCategoricalCrossentropy(ignore_class=255)`. workers: threads that make
    batches, by default those of the Loader. The first `fit` of a compiled
    model looks at an epoch before it trains: it trains on those from 1 on.

    Each of Keras's epochs is the next one of the Loader, in its order if it shuffles; `fit(shuffle=True)`, which is
    Keras's default, permutes the batches besides. epoch: the number of the epoch, which may be set to resume.
    """

    def __init__(self, loader: Loader, workers: int | None = None) -> None:
        if not isinstance(loader, Loader):
            raise UsageError(
                f"a KerasLoader takes a Loader, got {type(loader).__name__}",
                fix="make it with pixelwise.Loader(split, ...)",
            )  # fmt: skip
        layout = "channels_last" if is_packed(loader.output) else "channels_first"
        if (wanted := keras.config.image_data_format()) != layout:
            fix = f'pass the Loader output="{"float32-hwc" if wanted == "channels_last" else "float32"}"'
            what = f"Keras's image_data_format is {wanted!r}, the Loader's output {loader.output!r} is {layout}"
            raise UsageError(what, code="wrong-layout", fix=fix)
        workers = loader.threads if workers is None else check_count("workers", workers)
        super().__init__(workers=workers, max_queue_size=max(workers, loader.prefetch))
        self.loader = loader
        self.epoch: int = 0

    def __len__(self) -> int:
        return len(self.loader)

    def __repr__(self) -> str:
        return f"KerasLoader({self.loader!r}, epoch {self.epoch})"

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Batch `index` of the epoch: (images, labels), or (images,) without labels."""
        batch = self.loader.read(self.epoch, int(index))
        return (batch.images,) if batch.labels is None else (batch.images, batch.labels)

    def on_epoch_end(self) -> None:
        """The next epoch begins."""
        self.epoch += 1
