"""What the results of scoring share: JSON values, and a file of them."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from ..errors import ScoreError
from ..files import atomic_write, read_bytes

_VERSION = 1


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


class Sum(Result, ABC):
    """Counts that are summed: they add, are equal if all their values are, and can be read back from a file."""

    _format: ClassVar[str]
    __hash__ = None  # type: ignore[assignment]

    @abstractmethod
    def __iadd__(self, other: Self) -> Self: ...

    @abstractmethod
    def _empty(self) -> Self:
        """One of the same options that has counted nothing."""

    @abstractmethod
    def _values(self) -> dict[str, Any]:
        """What `_from_values` makes an equal one of, as JSON values."""

    @classmethod
    @abstractmethod
    def _from_values(cls, data: Mapping[str, Any], where: object) -> Self: ...

    def __add__(self, other: Self) -> Self:
        if not isinstance(other, type(self)):
            return NotImplemented
        out = self._empty()
        out += self
        out += other
        return out

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.to_dict() == other.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON values; `from_dict` gives an equal object."""
        return {"format": self._format, "version": _VERSION, **self._values()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: object = None) -> Self:
        """One from the values of `to_dict`. ScoreError `bad-confusion` for anything else."""
        try:
            if (data["format"], data["version"]) != (cls._format, _VERSION):
                raise ValueError(f"{data['format']} version {data['version']}, expected {cls._format} {_VERSION}")
            return cls._from_values(data, where)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, ScoreError) and error.code == "bad-confusion":
                raise
            raise ScoreError(f"is not a saved confusion: {error}", code="bad-confusion", where=where) from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """One from a file that `save` wrote. MissingError, or ScoreError `bad-confusion` for another file."""
        data = read_bytes(path)
        try:
            values = json.loads(data)
        except ValueError as error:
            raise ScoreError(f"is not JSON: {error}", code="bad-confusion", where=path) from None
        return cls.from_dict(values, where=path)


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
