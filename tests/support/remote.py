"""Packs in a store on this machine, for tests that read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import pixelwise as pw
from tests.support.stores import ObjectStore, variables

BUCKET = "bucket"


@contextmanager
def store_with(patch: pytest.MonkeyPatch, **packs: Path) -> Iterator[ObjectStore]:
    """A store with copies of these packs; s3:// is this store, and nothing is waited for long."""
    pytest.importorskip("obstore", reason="pixelwise[remote] is not installed")
    patch.setattr("pixelwise.packs.remote.volume._PAUSE", 0.01)
    patch.setattr(
        "pixelwise.packs.remote.store.RETRIES",
        {
            "max_retries": 3, "retry_timeout": timedelta(seconds=8),
            "backoff": {"init_backoff": timedelta(seconds=0.01), "max_backoff": timedelta(seconds=0.1), "base": 2},
        },
    )  # fmt: skip
    with ObjectStore() as store:
        for name, value in {**variables(store.origin), "AWS_TIMEOUT": "1s"}.items():
            patch.setenv(name, value)
        for name, folder in packs.items():
            store.put_folder(f"{BUCKET}/{name}.pack", folder)
        yield store


def address(name: str) -> str:
    return f"s3://{BUCKET}/{name}.pack"


def many_blocks(patch: pytest.MonkeyPatch, block: int = 6000) -> None:
    """Small blocks, so that small packs have many."""
    patch.setattr("pixelwise.packs.volume.BLOCK_BYTES", block)


def names(loader: Any) -> list[tuple[str, ...]]:
    return [batch.names for batch in loader]


def opened_remote(name: str, **options: Any) -> pw.Dataset:
    return pw.open(address(name), **options)
