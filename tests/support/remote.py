"""Packs in a store on this machine, for tests that read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import pixelwise as pw
from tests.support.packing import read_all, small
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


def packs_of(place: Path, count: int, shard_bytes: int) -> dict[str, Path]:
    """A small dataset packed by each encoding, in several shards."""
    for name in ("raw", "original"):
        pw.pack(small(count), place / name, encoding=name, shard_bytes=shard_bytes)
    return {name: place / name for name in ("raw", "original")}


def address(name: str) -> str:
    return f"s3://{BUCKET}/{name}.pack"


def many_blocks(patch: pytest.MonkeyPatch, block: int = 6000) -> None:
    """Small blocks, so that small packs have many."""
    patch.setattr("pixelwise.packs.volume.BLOCK_BYTES", block)


def at_store(patch: pytest.MonkeyPatch, origin: str, block: int) -> None:
    """In a process whose environment is that of an earlier test."""
    many_blocks(patch, block)
    for name, value in variables(origin).items():
        patch.setenv(name, value)


def read_of(name: str, origin: str, block: int, options: dict[str, Any]) -> int:
    """The pixels of all samples as a number, read by a process of its own."""
    with pytest.MonkeyPatch.context() as patch:
        at_store(patch, origin, block)
        return read_all(pw.open(address(name), **options)["all"])


def read_for_ever(name: str, origin: str, block: int, options: dict[str, Any], said: Any) -> None:
    """Open and read, again and again, telling the name of each sample."""
    with pytest.MonkeyPatch.context() as patch:
        at_store(patch, origin, block)
        while True:
            for sample in pw.open(address(name), **options)["all"]:
                said.send(sample.name)


def names(loader: Any) -> list[tuple[str, ...]]:
    return [batch.names for batch in loader]


def opened_remote(name: str, **options: Any) -> pw.Dataset:
    return pw.open(address(name), **options)
