"""pixelwise, from its pack: the files once written as Arrow shards, of raw pixels or of the original
bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jobs import Data, Job

import pixelwise as pw

from .pixelwise_files import PACKAGES, batches

__all__ = ["PACKAGES", "load", "prepare"]


def pack_path(data: Data, variant: str) -> Path:
    return data.derived / f"{variant}.pack"


def prepare(job: Job, data: Data, variant: str) -> None:
    data.derived.mkdir(exist_ok=True)
    # A pack that is complete is left as it is; one of an earlier format is made anew.
    pw.pack(pw.open(data.root), pack_path(data, variant), splits=["train"], encoding=variant, overwrite=True)


def load(job: Job, data: Data, threads: int, variant: str) -> Callable[[], Iterable[tuple[Any, Any]]]:
    return batches(job, pw.open(pack_path(data, variant))["train"], threads)
