"""What the loaders of torch and JAX share: the Loader whose batches they hand out in another form, and its state."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..classes import ClassTable
from ..errors import UsageError
from ..hints import answering
from ..types import F64
from .loader import Loader


@answering
class HandsOut:
    """Batches of `loader` in another form. A batch counts as handed out only when the caller has it: `_state` is the
    state of the Loader after that one.
    """

    def __init__(self, loader: Loader) -> None:
        if not isinstance(loader, Loader):
            raise UsageError(
                f"{_a(type(self).__name__)} takes a Loader, got {type(loader).__name__}",
                fix="make it with pixelwise.Loader(split, ...)",
            )  # fmt: skip
        self.loader: Loader = loader
        self._state: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.loader)

    @property
    def classes(self) -> ClassTable:
        """The class table of the labels."""
        return self.loader.classes

    def state_dict(self) -> dict[str, Any]:
        """As Loader.state_dict: the position after the last batch that the caller got. JSON values."""
        return dict(self._state or self.loader.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As Loader.load_state_dict."""
        self.loader.load_state_dict(state)
        self._state = None

    def _meant_by(self, name: str) -> str | None:
        """What to write instead of an attribute: the Loader has it."""
        return f"loader.loader.{name}" if "loader" in vars(self) and hasattr(self.loader, name) else None

    def _factors(self) -> tuple[F64, F64]:
        """Two (3,) float64: bytes times the first plus the second are normalized, (x / 255 - mean) / std."""
        mean, std = map(np.asarray, self.loader.normalize or ((0.0,) * 3, (1.0,) * 3))
        return 1 / (255 * std), -mean / std


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
