"""download_extract, against a server on loopback."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import pixelwise as pw
from pixelwise import d2l
from pixelwise.downloads.archives import ARCHIVES
from pixelwise.errors import DownloadError, MissingError, UnknownNameError, UsageError
from tests.support.loopback import Loopback
from tests.support.tars import make_tar

HOME = "VOCdevkit/VOC2012"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Loopback, str]]:
    """A painted dataset of 12 as VOC's archive; the server and the archive's SHA-1. The working folder is new."""
    tree = pw.sample(tmp_path / "painted", count=12, seed=4)
    data = make_tar({p.relative_to(tree).as_posix(): p.read_bytes() for p in tree.rglob("*") if p.is_file()}, HOME)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(d2l.hub, "DATA_HUB", dict(d2l.DATA_HUB))
    monkeypatch.setattr(d2l, "DATA_HUB", d2l.hub.DATA_HUB)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with Loopback(data) as world:
        yield world, hashlib.sha1(data).hexdigest()


def test_an_archive_of_your_own(served: tuple[Loopback, str], tmp_path: Path) -> None:
    world, sha1 = served
    d2l.DATA_HUB["voc2012"] = (world.url("/voc.tar"), sha1)
    voc_dir = d2l.download_extract("voc2012", HOME)
    assert voc_dir == f"../data/{HOME}"
    assert len(d2l.read_voc_images(voc_dir, ["Segmentation/trainval.txt"])[0]) == 12
    assert (Path(voc_dir) / "pixelwise-sample.json").exists()  # all of it
    requests = len(world.seen)
    assert d2l.download_extract("voc2012", HOME) == voc_dir
    assert len(world.seen) == requests
    assert d2l.download_extract("voc2012", HOME, directory=tmp_path / "else") == str(tmp_path / "else" / HOME)


def test_the_loaders_get_it_as_the_chapters_do(served: tuple[Loopback, str]) -> None:
    world, sha1 = served
    d2l.DATA_HUB["voc2012"] = (world.url("/voc.tar"), sha1)
    for train, _ in (d2l.load_data_voc_segmentation(2, 200, 240), d2l.load_data_voc(2, (200, 240))):
        images, labels = next(iter(train))
        assert (images.shape, labels.shape) == ((2, 3, 200, 240), (2, 200, 240))


def test_the_chapters_own_entry_is_the_archive_that_pixelwise_knows(
    served: tuple[Loopback, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size, three hashes and all its mirrors are used."""
    world, sha1 = served
    official = ARCHIVES["voc2012"]
    assert d2l.DATA_HUB["voc2012"][1] in official.hashes["sha1"]
    assert d2l.DATA_HUB["voc2012"][0] in official.urls
    item = type(official)("voc2012", (world.url("/voc.tar"),), HOME, HOME, {"sha1": (sha1,)})
    monkeypatch.setitem(ARCHIVES, "voc2012", item)
    d2l.DATA_HUB["voc2012"] = (d2l.DATA_URL + "VOCtrainval_11-May-2012.tar", d2l.DATA_HUB["voc2012"][1])
    assert (Path(d2l.download_extract("voc2012", HOME)) / "pixelwise-sample.json").exists()


def test_what_is_there_is_used(served: tuple[Loopback, str], tmp_path: Path) -> None:
    (tmp_path / "data/VOCdevkit").mkdir(parents=True)
    (tmp_path / "data" / HOME).symlink_to(pw.sample(tmp_path / "other", count=4))
    assert len(d2l.read_voc_images(d2l.download_extract("voc2012", HOME), True)[0]) == 3
    assert not served[0].seen


def test_what_cannot_be_got(served: tuple[Loopback, str], tmp_path: Path) -> None:
    world, sha1 = served
    with pytest.raises(UnknownNameError, match="voc2012"):
        d2l.download_extract("voc2021", HOME)
    d2l.DATA_HUB["mine"] = (world.url("/voc.tar"), "0" * 40)
    with pytest.raises(UsageError, match="folder"):
        d2l.download_extract("mine")
    with pytest.raises(DownloadError, match="hash-mismatch"):
        d2l.download_extract("mine", HOME)
    assert not (tmp_path / "data" / HOME).exists()
    d2l.DATA_HUB["mine"] = (world.url("/voc.tar"), "")
    with pytest.raises(UsageError, match="hash"):
        d2l.download_extract("mine", HOME)
    d2l.DATA_HUB["mine"] = (world.url("/voc.tar"), sha1)
    with pytest.raises((MissingError, pw.DataError)):
        d2l.download_extract("mine", "VOCdevkit/VOC2007")
