"""Unpacking: every hostile archive has its outcome, nothing is written outside, an error leaves nothing."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import stat
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.downloads.archives import Archive
from pixelwise.downloads.getting import download
from pixelwise.downloads.unpack import checked_path, new_folder, open_archive
from pixelwise.errors import FileError, PixelwiseError
from tests.support.hostile import rows
from tests.support.places import SHARED
from tests.support.tars import make_tar

PACKERS: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, bz2.compress, lzma.compress]


def unpack(archive: Path, place: Path) -> set[str]:
    """Unpack all files as `download` would; the codes of the warnings."""
    with open_archive(archive) as contents, new_folder(place, replace=False) as folder:
        contents.extract({name: name for name in contents.files}, folder, lambda done, total: None)
        return {code for code, _ in contents.notes}


def refusal(archive: Path, data: bytes) -> str:
    """The code of the error for an archive of these bytes, which leaves nothing."""
    archive.write_bytes(data)
    with pytest.raises(FileError) as caught:
        unpack(archive, archive.with_name("refused"))
    assert not [p for p in archive.parent.iterdir() if "refused" in p.name]
    return caught.value.code


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every path below `folder`: the bytes of a file, None for a folder."""
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() and not p.is_symlink() else None
        for p in sorted(folder.rglob("*"))
    }


TARS = [(r["path"], r["expect"]) for r in rows(SHARED / "hostile", "tars")] if (SHARED / "hostile").exists() else []


@pytest.mark.skipif(not TARS, reason="needs the shared test data: hostile/tars")
@pytest.mark.parametrize(("name", "expect"), TARS)
def test_every_hostile_archive_has_its_outcome(name: str, expect: str, tmp_path: Path, shared_hostile: Path) -> None:
    """Each is given with its own hash, so that it reaches the unpacking. Sentinels show what is written outside."""
    for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b", tmp_path / "outside"):
        folder.mkdir(exist_ok=True)
        (folder / "sentinel").write_bytes(b"untouched")
    before = tree(tmp_path)
    pinned = shared_hostile / ("tars/good_voc.tar" if expect == "error:hash-mismatch" else name)
    hashes = {"sha256": (hashlib.sha256(pinned.read_bytes()).hexdigest(),)}
    item = Archive("hostile", ("http://nowhere.invalid/x.tar",), "VOCdevkit/VOC2012", "b/out", hashes)
    if expect.startswith("error:"):
        with pytest.raises(FileError) as caught:
            download(item, tmp_path / "a", archive=shared_hostile / name)
        assert caught.value.code == expect.removeprefix("error:")
        assert str(caught.value).isprintable()
        assert name in str(caught.value)
        assert tree(tmp_path) == before
    else:
        warning = expect.removeprefix("ok").removeprefix("-warn:")
        assert unpack(shared_hostile / name, tmp_path / "a/b/out") == ({warning} if warning else set())
        assert {k: v for k, v in tree(tmp_path).items() if not k.startswith("a/b/out")} == before
        with tarfile.open(shared_hostile / name) as archive:
            truth = {m.name: archive.extractfile(m).read() for m in archive if m.isreg()}  # type: ignore[union-attr]
        assert {k: v for k, v in tree(tmp_path / "a/b/out").items() if v is not None} == truth
        os.umask(mask := os.umask(0))
        for path in (tmp_path / "a/b/out").rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o777 if path.is_dir() else 0o666) & ~mask
    assert not Path("/tmp/evil_absolute.txt").exists()


@given(st.text(st.sampled_from("ab./\\:C\0\n\u202e\udce9\u00e9 "), max_size=12) | st.text(max_size=300), st.booleans())
def test_a_path_stays_inside_or_is_refused(name: str, folder: bool) -> None:
    try:
        path = checked_path(name, folder=folder)
    except FileError as error:
        assert error.code in ("bad-name", "path-escapes-root", "name-too-long")
        assert str(error).isprintable()
        return
    parts = path.split("/") if path else []
    assert not {"", ".", ".."} & set(parts)
    assert "\\" not in path
    assert path.isprintable()
    assert parts or folder
    assert os.path.normpath(name) == (path or ".")


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("path-escapes-root", ["a/../../b", "..", "/etc/x", "\\x", "C:x", "a\\..\\b", "//host/share"]),
        ("bad-name", ["a\u202egpj.exe", "a\x7f", "a\u2028b", "a\x85", "a\0b", "caf\udce9", "a\\b", "", ".", "./"]),
        ("name-too-long", ["n" * 256, "d/" * 32 + "f", "/".join(["n" * 200] * 6)]),
    ],
)
def test_paths_that_are_refused(code: str, names: list[str]) -> None:
    for name in names:
        with pytest.raises(FileError) as caught:
            checked_path(name, folder=False)
        assert caught.value.code == code, name


_CHARACTERS = st.characters(codec="utf-8", exclude_characters="/\\:\0", exclude_categories=("C", "Z"))
NAMES = st.lists(st.text(_CHARACTERS, min_size=1, max_size=80), min_size=1, max_size=4).map("/".join)


@settings(max_examples=40)
@given(
    st.dictionaries(NAMES, st.binary(max_size=2000), min_size=1, max_size=5),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.sampled_from(PACKERS),
)
def test_what_tarfile_writes_comes_out_the_same(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, bytes], form: int, pack: Callable[[bytes], bytes]
) -> None:
    folder = tmp_path_factory.mktemp("round")
    (folder / "archive").write_bytes(pack(make_tar(members, form=form)))
    try:
        unpack(folder / "archive", folder / "out")
    except FileError as error:
        # Some generated names are not names: ".", "..", a file that is also a folder, more than 255 bytes.
        assert error.code in ("path-escapes-root", "bad-name", "conflict", "name-too-long", "duplicate-member")
        assert not (folder / "out").exists()
        return
    files = {k: v for k, v in tree(folder / "out").items() if v is not None}
    assert files == {"/".join(p for p in k.split("/") if p != "."): v for k, v in members.items()}


@pytest.mark.parametrize("pack", PACKERS)
def test_an_archive_cut_anywhere_is_refused(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    data = make_tar({"a/1.txt": b"x" * 700, "a/2.txt": b"", "b.bin": os.urandom(1500)})[: 512 * 10]
    (tmp_path / "whole").write_bytes(data)
    unpack(tmp_path / "whole", tmp_path / "out")  # 3 headers, 2 + 0 + 3 blocks of payload, 2 of the end mark
    data = pack(data)
    for length in range(1, len(data), 37 if pack is bytes else 11):
        code = refusal(tmp_path / "cut", data[:length])
        if pack is bytes and length >= 512:
            assert code == "truncated-archive", length
        assert code in ("truncated-archive", "not-an-archive", "corrupt-archive"), length


@settings(max_examples=150)
@given(st.integers(0, 512 * 10 - 1), st.integers(1, 255), st.sampled_from(PACKERS))
def test_a_changed_byte_never_writes_outside_and_never_breaks_the_error_tree(
    tmp_path_factory: pytest.TempPathFactory, at: int, change: int, pack: Callable[[bytes], bytes]
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    data = bytearray(pack(make_tar({"a/1.txt": b"x" * 700, "a/2.txt": b"", "b.bin": b"0123" * 375})[: 512 * 10]))
    data[at % len(data)] ^= change
    (folder / "archive").write_bytes(data)
    try:
        unpack(folder / "archive", folder / "out")
    except PixelwiseError:
        assert not (folder / "out").exists()
    assert {p.name for p in folder.iterdir()} <= {"archive", "out"}


def test_damage_that_tarfile_accepts_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    negative = bytearray(make_tar({"f": b"x"}))
    negative[124:136] = b"\xff" * 12  # base 256: -1
    negative[148:156] = b" " * 8
    negative[148:156] = b"%06o\0 " % sum(negative[:512])
    assert refusal(archive, bytes(negative)) == "corrupt-archive"
    assert refusal(archive, make_tar({"a": b"1"})[:1024] + bytes(512) + make_tar({"b": b"2"})) == "corrupt-archive"
    assert refusal(archive, make_tar({"p/q": b"1", "p": b"2"})) == "conflict"
    assert refusal(archive, gzip.compress(make_tar({"f": bytes(4 << 20)}))) == "too-large"
    bomb = gzip.compress(make_tar({"f": b"x"}) + bytes(200 << 20))  # behind the end mark
    assert refusal(archive, bomb) == "too-large"


def test_two_names_that_the_disk_cannot_tell_apart(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(make_tar({"a": b"1", "b": b"2"}))
    with pytest.raises(FileError) as caught, open_archive(tmp_path / "t") as contents:
        contents.extract({"a": "same", "b": "same"}, tmp_path, lambda done, total: None)
    assert caught.value.code == "case-collision"
    assert (tmp_path / "same").read_bytes() == b"1"


def test_interruption_leaves_nothing_and_folders_are_replaced_whole(tmp_path: Path) -> None:
    place = tmp_path / "out"
    for replace in (False, True):
        with pytest.raises(KeyboardInterrupt), new_folder(place, replace=replace) as folder:
            (folder / "half").write_bytes(b"1")
            raise KeyboardInterrupt
        assert tree(tmp_path) == ({"out": None, "out/old": b"1"} if replace else {})
        place.mkdir(exist_ok=True)  # an empty folder is no obstacle
        with new_folder(place, replace=False) as folder:
            (folder / "old").write_bytes(b"1")
    with new_folder(place, replace=True) as folder:
        (folder / "new").write_bytes(b"2")
    assert tree(tmp_path) == {"out": None, "out/new": b"2"}


def header(**fields: object) -> bytes:
    info = tarfile.TarInfo("x")
    for key, value in fields.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT)


SPARSE_MAP = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
ENDLESS = {
    "pax header": header(type=tarfile.XHDTYPE, size=64 << 20) + bytes(64 << 20),
    "global pax header": header(type=tarfile.XGLTYPE, size=64 << 20) + bytes(64 << 20),
    "GNU name": header(type=tarfile.GNUTYPE_LONGNAME, size=64 << 20) + b"n" * (64 << 20),
    "GNU link": header(type=tarfile.GNUTYPE_LONGLINK, size=64 << 20) + b"n" * (64 << 20),
    "GNU sparse file": header(type=tarfile.GNUTYPE_SPARSE, size=1 << 40) + b"\1" * (64 << 20),
    "map of a sparse file": header(type=tarfile.XHDTYPE, size=len(SPARSE_MAP)) + SPARSE_MAP.ljust(512, b"\0")
    + header(size=64 << 20) + b"99999999\n" + b"1\n" * (32 << 20),
}  # fmt: skip


@pytest.mark.parametrize("what", ENDLESS)
def test_headers_that_claim_too_much_are_not_read(what: str, tmp_path: Path) -> None:
    """64 MB of a header from an archive of some kB: refused before they are in memory."""
    path = tmp_path / "x.tar.gz"
    data = gzip.compress(ENDLESS[what] + bytes(1024))
    assert len(data) < 300_000
    tracemalloc.start()
    try:
        assert refusal(path, data) in ("too-large", "corrupt-archive")
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
