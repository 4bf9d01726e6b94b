"""Where the shared test data lies. Tests that need it skip, with the reason, where it is absent."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


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
