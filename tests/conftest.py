"""Where the shared test data lies. Tests that need it skip, with the reason, where it is absent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from support.hostile import read_manifest
from support.places import SHARED

# The first example of a test may compile a kernel, so no single example has a deadline.
settings.register_profile("pixelwise", deadline=None, max_examples=60)
settings.load_profile("pixelwise")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests remember nothing in the user's own cache folder; the programs that they start neither."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIXELWISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def _need(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"shared test data is not here: {path.relative_to(SHARED.parent)}")
    return path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test data beside the repository."""
    return _need(SHARED)


@pytest.fixture(scope="session")
def voc_root(shared: Path) -> Path:
    """400 real Pascal VOC2012 pairs in the official layout."""
    return _need(shared / "data" / "VOCdevkit" / "VOC2012")


@pytest.fixture(scope="session")
def hostile(shared: Path) -> Path:
    """Bad and odd files, with the outcome each must have in manifest.tsv."""
    return _need(shared / "hostile")


@pytest.fixture(scope="session")
def manifest(hostile: Path) -> list[dict[str, str]]:
    """The rows of the manifest: path, kind, expect, note."""
    return read_manifest(hostile)
