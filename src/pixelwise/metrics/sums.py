"""What all counts of scoring share: they add, are equal if all their values are, and can be read back from a file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext
from copy import copy
from threading import Lock
from typing import Any, ClassVar, Self

from ..errors import ScoreError
from ..hints import answering
from ..results import SavedResult

_VERSION = 1


@answering
class Sum(SavedResult):
    """Counts that are summed. What is not one raises ScoreError `bad-confusion` from `from_dict` and `load`."""

    _kind, _code, _error = "a saved confusion", "bad-confusion", ScoreError
    _format: ClassVar[str]

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
    def _from_values(cls, data: Mapping[str, Any]) -> Self: ...

    def __add__(self, other: Self) -> Self:
        if not isinstance(other, type(self)):
            return NotImplemented
        out = self._empty()
        out += self
        out += other
        return out

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.to_dict() == other.to_dict()

    def __getstate__(self) -> dict[str, Any]:
        # Arrays as they are, not JSON values: a job in other processes sends one of these per image.
        with vars(self).get("_lock") or nullcontext():
            return {name: copy(value) for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock = Lock()

    def to_dict(self) -> dict[str, Any]:
        """The counts as JSON values; `from_dict` gives an equal object."""
        return {"format": self._format, "version": _VERSION, **self._values()}

    @classmethod
    def _of_values(cls, data: Mapping[str, Any]) -> Self:
        if (data["format"], data["version"]) != (cls._format, _VERSION):
            raise ValueError(f"{data['format']} version {data['version']}, expected {cls._format} {_VERSION}")
        return cls._from_values(data)
