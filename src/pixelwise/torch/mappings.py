"""Batches as mappings from names to tensors, for trainers that call `model(**batch)`: Hugging Face's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from ..errors import UsageError
from ..hints import hinted
from .loader import TensorLoader


@hinted
class MappingLoader:
    """A TensorLoader whose batches are dicts, {"pixel_values": images, "labels": labels}.

        for batch in MappingLoader(TensorLoader(loader)): model(**batch).loss

    keys: the names of images and labels. Iterating, `len`, `state_dict` and `load_state_dict` are as in TensorLoader.
    UsageError `no-labels` for batches without labels.
    """

    def __init__(self, loader: TensorLoader, keys: tuple[str, str] = ("pixel_values", "labels")) -> None:
        if not isinstance(loader, TensorLoader):
            raise UsageError(
                f"a MappingLoader takes a TensorLoader, got {type(loader).__name__}",
                fix="make it with TensorLoader(loader)",
            )  # fmt: skip
        self.loader, self.keys = loader, check_keys(keys)

    def __len__(self) -> int:
        return len(self.loader)

    def __repr__(self) -> str:
        return f"MappingLoader({self.loader!r}, keys {', '.join(self.keys)})"

    def state_dict(self) -> dict[str, Any]:
        """As TensorLoader.state_dict."""
        return self.loader.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As TensorLoader.load_state_dict."""
        self.loader.load_state_dict(state)

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        return (dict(zip(self.keys, batch, strict=True)) for batch in self.loader)


def check_keys(keys: Any) -> tuple[str, str]:
    """The names of images and labels: two that differ."""
    names = tuple(keys) if isinstance(keys, (tuple, list)) else ()
    if len(names) != 2 or not all(isinstance(name, str) for name in names) or names[0] == names[1]:
        raise UsageError(f"keys must be two names, of images and of labels, got {keys!r}")
    return names
