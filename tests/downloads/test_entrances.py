"""The ways to a download: the command, open, and the chapter's loader; against a server on loopback."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

import pixelwise as pw
from pixelwise import d2l
from pixelwise.cli import main
from pixelwise.downloads.archives import ARCHIVES, Archive
from pixelwise.errors import UsageError
from tests.support.loopback import Loopback
from tests.support.tars import make_tar

ROOT = "VOCdevkit/VOC2012"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """A painted dataset of 12, packed as VOC's archive is, on loopback in place of the real one."""
    tree = pw.sample(tmp_path / "painted", count=12, seed=4)
    files = {p.relative_to(tree).as_posix(): p.read_bytes() for p in tree.rglob("*") if p.is_file()}
    data = make_tar(files, ROOT)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Loopback(data) as world:
        hashes = {"sha1": (hashlib.sha1(data).hexdigest(),)}
        item = Archive("voc2012", (world.url("/voc.tar"),), ROOT, ROOT, size=len(data), hashes=hashes)
        monkeypatch.setitem(ARCHIVES, "voc2012", item)
        yield world


def test_open_downloads_once(served: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = pw.open("voc2012", download=True)
    assert len(first["trainval"]) == 12
    requests = len(served.seen)
    assert len(pw.open("voc2012", download=True)["train"]) == 9
    assert len(pw.open("voc2012")["train"]) == 9
    assert len(served.seen) == requests
    assert len(pw.open("voc2012", download=tmp_path / "elsewhere")["val"]) == 3


def test_the_chapters_loader_downloads(served: Loopback, tmp_path: Path) -> None:
    train, _ = d2l.load_data_voc_segmentation(2, 200, 240, tmp_path / "data" / ROOT, download=True)
    images, labels = next(iter(train))
    assert images.shape == (2, 3, 200, 240)
    assert labels.shape == (2, 200, 240)
    with pytest.raises(UsageError, match="VOCdevkit/VOC2012"):
        d2l.load_data_voc_segmentation(2, 200, 240, tmp_path / "x", download=True)


def test_the_command(
    served: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["pixelwise", "download", "voc2012", str(tmp_path / "d")])
    for _ in range(2):
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        assert (stop.value.code or 0, said.err) == (0, "")
        assert f"pixelwise info {tmp_path / 'd' / ROOT}" in said.out.replace("\n", "")
    assert "already" in said.out
