"""Pools that work leaves the process for."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any


class Pickling:
    """Everything that goes in or out is pickled, as between processes: the work, each item, each result or error."""

    def __init__(self) -> None:
        self.works: set[str] = set()

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        sent = pickle.dumps(work)
        self.works.add(getattr(work, "func", work).__name__)
        for item in items:
            try:
                result = pickle.dumps(pickle.loads(sent)(pickle.loads(pickle.dumps(item))))
            except Exception as error:
                raise pickle.loads(pickle.dumps(error)) from None
            yield pickle.loads(result)
