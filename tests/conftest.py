"""What all tests share: hypothesis' profile, a cache folder of their own, and the data that they read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from pixelwise.codecs.pair_windows import prepare_kernels
from tests.support import format_trees
from tests.support import hostile as hostile_files
from tests.support.places import SHARED
from tests.support.voc import paint_voc

# The first example of a test may compile a kernel, so no single example has a deadline.
settings.register_profile("pixelwise", deadline=None, max_examples=60)
settings.load_profile("pixelwise")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests remember nothing in the user's own cache folder; the programs that they start neither."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIXELWISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _kernels_are_ready() -> None:
    """Compiling them in a thread of its own, as Loaders do, would exchange the warning filters of a test meanwhile."""
    prepare_kernels()


# -- data -----------------------------------------------------------------------------------------------------
#
# Tests run on small data that they make, so that a plain clone runs them too, and on the shared data beside the
# repository if it is there. The few that are about facts of real files skip without it.

PLACES = ["made", "shared"] if SHARED.exists() else ["made"]


def _shared(place: str) -> Path:
    if not (SHARED / place).exists():
        pytest.skip(f"needs the shared test data: {place}")
    return SHARED / place


@pytest.fixture(scope="session", params=PLACES)
def trees(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small dataset in each of many formats."""
    if request.param == "shared":
        return _shared("data/formats")
    return format_trees.make(tmp_path_factory.mktemp("trees"))


@pytest.fixture(scope="session", params=PLACES)
def hostile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bad and odd files, with the outcome each must have in manifest.tsv."""
    if request.param == "shared":
        return _shared("hostile")
    return hostile_files.make(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def shared_hostile() -> Path:
    """The shared collection of bad and odd files."""
    return _shared("hostile")


@pytest.fixture(scope="session")
def voc_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pascal VOC2012 in its official layout: 400 real pairs if the shared data is here, else 48 painted ones."""
    if SHARED.exists():
        return _shared("data/VOCdevkit/VOC2012")
    return paint_voc(tmp_path_factory.mktemp("voc") / "VOC2012")


@pytest.fixture(scope="session")
def real_voc_root() -> Path:
    """400 real Pascal VOC2012 pairs, for what is only true of those."""
    return _shared("data/VOCdevkit/VOC2012")
