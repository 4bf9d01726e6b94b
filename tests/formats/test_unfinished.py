"""What a stopped download leaves is known by `open`, and nothing else is taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

import pixelwise as pw
from pixelwise.downloads.archives import ARCHIVES
from pixelwise.errors import FormatError, MissingError

VOC = ARCHIVES["voc2012"]


def code(path: Path) -> str:
    with pytest.raises((FormatError, MissingError)) as caught:
        pw.open(path)
    if caught.value.code == "unfinished-download":
        assert "download" in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("kind", ["part", "lock"])
def test_a_stopped_download_says_how_to_continue(tmp_path: Path, kind: str) -> None:
    (tmp_path / f".{VOC.filename}.{kind}").touch()
    for place in (tmp_path, tmp_path / VOC.home):
        with pytest.raises(FormatError, match=f"pixelwise download voc2012 {tmp_path}") as caught:
            pw.open(place)
        assert caught.value.code == "unfinished-download"


def test_an_archive_of_ones_own_and_a_folder_that_is_being_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/.mine.tar.gz.part").touch()
    (tmp_path / f"b/.VOC2012.{32 * '0'}.unpacking/tree").mkdir(parents=True)
    assert code(tmp_path / "a") == code(tmp_path / "b") == "unfinished-download"


@pytest.mark.parametrize("name", [".notes.lock", ".cache", f".a.png.{32 * '0'}.part", "mine.tar.part"])
def test_other_hidden_files_are_no_download(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert code(tmp_path) == "no-dataset"
    assert code(tmp_path / "other") == "missing-file"


def test_a_dataset_beside_an_old_lock_opens(tmp_path: Path) -> None:
    pw.sample(tmp_path, 1)
    (tmp_path / f".{VOC.filename}.lock").touch()
    assert pw.open(tmp_path).format == pw.open(tmp_path / VOC.home).format == "voc"
