"""What all results share: JSON values, a file of them, and the way back."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from .errors import DataError, reason
from .files.reading import read_bytes
from .files.writing import atomic_write
from .hints import answering


@answering
class Result:
    """A result: `repr` is one line, `str` a table if there is one, `to_dict` gives JSON values, `save` a file."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values; a number that does not exist is None."""
        return {field.name: json_values(getattr(self, field.name)) for field in fields(self)}  # type: ignore[arg-type]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write `to_dict()` as JSON, completely or not at all. Returns the path. SystemFault if that fails."""
        with atomic_write(path) as file:
            file.write(json.dumps(self.to_dict(), allow_nan=False).encode())
        return Path(path)


@answering
class SavedResult(Result, ABC):
    """A result that can be read back: `load` what `save` wrote, or `from_dict` the values of `to_dict`."""

    __slots__ = ()

    _kind: ClassVar[str]
    _code: ClassVar[str]
    _error: ClassVar[type[DataError]] = DataError

    @classmethod
    @abstractmethod
    def _of_values(cls, data: Mapping[str, Any]) -> Self:
        """The result of the values of `to_dict`; for others any of the errors that `from_dict` catches."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: object = None) -> Self:
        """A result equal to the one that `to_dict` gave the values of. DataError for any others."""
        try:
            return cls._of_values(data)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise cls._not_one(error, where) from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote. DataError for another file, MissingError if there is none."""
        text = read_bytes(path)
        try:
            data = json.loads(text)
        except ValueError as error:
            raise cls._not_one(error, path) from None
        return cls.from_dict(data, path)

    @classmethod
    def _not_one(cls, error: Exception, where: object) -> DataError:
        return cls._error(f"not {cls._kind}: {reason(error)}", code=cls._code, where=where)


def json_values(value: Any) -> Any:
    """`value` with arrays and tuples as lists, paths as text, results and named tuples as dicts, and NaN as None."""
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "_asdict"):
        return json_values(value._asdict())
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
