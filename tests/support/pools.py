"""Pools that work leaves the process for."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import get_context
from pathlib import Path
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


class Dying:
    """The first work that would rename a file dies right before, in a process of its own, and is done again by another.

    left: what was in `folder` then, and had not been there before.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.left: set[Path] = set()

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            if not self.left:
                before = set(self.folder.rglob("*"))
                killed = get_context("spawn").Process(target=_killed_at_rename, args=(work, item))
                killed.start()
                killed.join(60)
                if killed.exitcode == 9:
                    self.left = {p for p in self.folder.rglob("*") if p.is_file()} - before
            yield work(item)


def _killed_at_rename(work: Callable[[Any], Any], item: Any) -> None:
    os.replace = lambda *_: os._exit(9)  # type: ignore[assignment]
    work(item)
