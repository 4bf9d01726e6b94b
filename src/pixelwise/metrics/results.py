"""What the results of scoring share: JSON values, and a file of them."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..files import atomic_write


class Result(ABC):
    """A result: `repr` is one line, `str` a table if there is one, `to_dict` gives JSON values, `save` a file."""

    __slots__ = ()

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values; a number that does not exist is None."""

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write `to_dict()` as JSON, completely or not at all. Returns the path. SystemFault if that fails."""
        with atomic_write(path) as file:
            file.write(json.dumps(self.to_dict(), allow_nan=False).encode())
        return Path(path)


def json_values(value: Any) -> Any:
    """`value` with arrays and tuples as lists and NaN as None."""
    if isinstance(value, np.ndarray):
        return json_values(value.tolist())
    if isinstance(value, Mapping):
        return {key: json_values(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_values(v) for v in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def in_percent(value: float) -> str:
    """A fraction in percent with two decimals, "-" for NaN."""
    return "-" if np.isnan(value) else f"{100 * value:.2f}"
