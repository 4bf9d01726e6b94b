"""Unpacking: every hostile archive has its outcome, nothing is written outside, an error leaves nothing."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.downloads import Limits, staging, unpack
from pixelwise.downloads.unpacking import scan
from pixelwise.errors import FileError, MissingError, PixelwiseError, SystemFault
from pixelwise.types import Finding


def make_tar(members: dict[str, bytes], **options: object) -> bytes:
    """A tar of regular files, in the order of the dict; a name that ends in / is a folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if name.endswith("/"):
                info.type = tarfile.DIRTYPE
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def one_member(info: tarfile.TarInfo, data: bytes = b"", **options: object) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as archive:  # type: ignore[call-overload]
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every path below `folder`: the bytes of a file, None for a folder."""
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() and not p.is_symlink() else None
        for p in sorted(folder.rglob("*"))
    }


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


TARS = [
    line.split("\t")
    for manifest in [Path(__file__).resolve().parents[3] / "shared" / "hostile" / "manifest.tsv"]
    if manifest.exists()
    for line in manifest.read_text().splitlines()
    if line.startswith("tars/")
]


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A destination's parent with sentinels around it: whatever is written outside changes this tree."""
    for folder in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
        folder.mkdir(exist_ok=True)
        (folder / "sentinel").write_bytes(b"untouched")
    (tmp_path / "outside").mkdir()
    return tmp_path


@pytest.mark.skipif(not TARS, reason="the shared hostile archives are not here")
@pytest.mark.parametrize(("name", "expect"), [(row[0], row[2]) for row in TARS])
def test_every_hostile_archive_has_its_outcome(name: str, expect: str, world: Path, hostile: Path) -> None:
    before = tree(world)
    destination = world / "a" / "b" / "out"
    notes: list[Finding] = []
    good = hashlib.md5((hostile / "tars" / "good_voc.tar").read_bytes()).hexdigest()
    hashes = {"md5": [good]} if expect == "error:hash-mismatch" else None
    if expect.startswith("error:"):
        # Of the hundred thousand files one in a hundred reaches the disk before the refusal: that is enough.
        few = (lambda path: path if path.endswith("00") else None) if "many" in name else None
        with pytest.raises(FileError) as caught:
            unpack(hostile / name, destination, notes=notes, hashes=hashes, select=few)
        assert caught.value.code == expect.removeprefix("error:")
        assert "\n" not in str(caught.value)
        assert str(caught.value).isprintable()
        assert tree(world) == before
    else:
        unpack(hostile / name, destination, notes=notes, hashes=hashes)
        warning = expect.removeprefix("ok").removeprefix("-warn:")
        assert {note.code for note in notes} == ({warning} if warning else set())
        after = tree(world)
        assert {k: v for k, v in after.items() if not k.startswith("a/b/out")} == before
        for path in destination.rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode == (0o755 if path.is_dir() else 0o644) & ~_umask()
    assert not Path("/tmp/evil_absolute.txt").exists()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_the_hostile_archives_that_are_good_unpack_to_what_tarfile_reads(hostile: Path, tmp_path: Path) -> None:
    for name in (
        "good_voc.tar",
        "good_voc.tar.gz",
        "good_voc.tar.bz2",
        "case_collision.tar",
        "win_reserved.tar",
    ):
        path = hostile / "tars" / name
        with tarfile.open(path) as archive:
            expected = {m.name: archive.extractfile(m).read() for m in archive if m.isreg()}  # type: ignore[union-attr]
        assert unpack(path, tmp_path / name) == len(expected)
        assert {k: v for k, v in tree(tmp_path / name).items() if v is not None} == expected


def test_many_members_unpack_under_a_raised_limit(hostile: Path) -> None:
    sizes, _ = scan(hostile / "tars" / "many_100k.tar.gz", lambda _: False, limits=Limits(members=200_000))
    assert len(sizes) == 100_000


NAMES = st.lists(
    st.text(
        st.characters(codec="utf-8", exclude_characters="/\\:\0", exclude_categories=("C", "Z")),
        min_size=1,
        max_size=80,
    ),
    min_size=1,
    max_size=4,
).map("/".join)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(NAMES, st.binary(max_size=2000), min_size=1, max_size=5),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    st.sampled_from(["", "gz", "bz2", "xz"]),
)
def test_what_tarfile_writes_comes_out_the_same(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, bytes], form: int, packed: str
) -> None:
    folder = tmp_path_factory.mktemp("round")
    data = make_tar(members, format=form)
    data = {"": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[packed](data)
    archive = write(folder / "archive", data)
    try:
        unpack(archive, folder / "out")
    except FileError as error:
        # Some generated names are no names: ".", "..", a file that is also a folder, beyond 255 bytes.
        assert error.code in (
            "path-escapes-root",
            "bad-name",
            "conflict",
            "name-too-long",
            "duplicate-member",
        )
        assert not (folder / "out").exists()
        return
    files = {k: v for k, v in tree(folder / "out").items() if v is not None}
    assert files == {"/".join(p for p in k.split("/") if p != "."): v for k, v in members.items()}
    assert scan(archive, lambda _: True)[1] == files


@pytest.mark.parametrize("packed", ["", "gz", "bz2", "xz"])
def test_an_archive_cut_anywhere_is_refused(tmp_path: Path, packed: str) -> None:
    data = make_tar({"a/1.txt": b"x" * 700, "a/2.txt": b"", "b.bin": os.urandom(1500)})[: 512 * 10]
    assert unpack(write(tmp_path / "whole", data), tmp_path / "out") == 3  # 3 headers, 2 + 0 + 3 payloads, 2 end
    data = {"": bytes, "gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[packed](data)
    for length in range(1, len(data), 11 if packed else 37):
        with pytest.raises(FileError) as caught:
            unpack(write(tmp_path / "cut", data[:length]), tmp_path / "cut_out")
        assert caught.value.code in (
            "truncated-archive",
            "not-an-archive",
            "corrupt-archive",
            "empty-archive",
        ), length
        if not packed and length >= 512:
            assert caught.value.code == "truncated-archive", length
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut", "out", "whole"]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 512 * 10 - 1), st.integers(1, 255), st.sampled_from(["", "gz"]))
def test_a_changed_byte_never_writes_outside_and_never_breaks_the_error_tree(
    tmp_path_factory: pytest.TempPathFactory, at: int, change: int, packed: str
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    data = bytearray(make_tar({"a/1.txt": b"x" * 700, "a/2.txt": b"", "b.bin": b"0123" * 375})[: 512 * 10])
    if packed:
        data = bytearray(gzip.compress(bytes(data), mtime=0))
    data[at % len(data)] ^= change
    archive = write(folder / "archive", bytes(data))
    try:
        unpack(archive, folder / "out")
    except PixelwiseError:
        assert not (folder / "out").exists()
    assert {p.name for p in folder.iterdir()} <= {"archive", "out"}


def record(key: str, value: str) -> str:
    """A pax record, with its length in front."""
    rest = f" {key}={value}\n"
    length = next(n for n in range(1000) if len(str(n)) + len(rest.encode()) == n)
    return f"{length}{rest}"


def pax(records: str) -> bytes:
    """A tar whose one file has a raw pax header."""
    head = tarfile.TarInfo("pax")
    head.type, head.size = b"x", len(records.encode())
    body = records.encode().ljust(-(-len(records) // 512) * 512, b"\0")
    return head.tobuf(tarfile.USTAR_FORMAT) + body + make_tar({"f": b"data"})


def test_malformed_headers_are_refused(tmp_path: Path) -> None:
    def code(data: bytes, **options: object) -> str:
        with pytest.raises(FileError) as caught:
            unpack(write(tmp_path / "t", data), tmp_path / "o", **options)  # type: ignore[arg-type]
        return caught.value.code

    assert code(pax("99 path=x\n")) == "corrupt-archive"
    assert code(pax("path=x\n")) == "corrupt-archive"
    assert code(pax("9 path=x")) == "corrupt-archive"
    for size in ("1e9", "-1", "", "\u0661", "9" * 30, " 4"):
        assert code(pax(record("size", size))) == "corrupt-archive", size
    assert code(pax(record("size", "9999999999"))) == "truncated-archive"
    assert code(pax(record("size", "9" * 18))) == "too-large"
    assert code(pax(record("path", "a\0b"))) == "bad-name"
    assert code(pax(record("path", ""))) == "bad-name"
    assert code(pax(record("GNU.sparse.size", "99999"))) == "too-large"
    negative = bytearray(make_tar({"f": b"x"}))
    negative[124:136] = b"\xff" * 12  # base 256: -1
    negative[148:156] = b" " * 8
    negative[148:156] = b"%06o\0 " % sum(negative[:512])
    assert code(bytes(negative)) == "corrupt-archive"
    assert code(make_tar({"a": b"1"})[:1024] + bytes(512) + make_tar({"b": b"2"})) == "corrupt-archive"
    assert code(make_tar({"p/q": b"1", "p": b"2"})) == "conflict"
    assert code(make_tar({"f": b"x"}), limits=Limits(bytes=100)) == "too-large"
    assert code(make_tar({f"{i}": b"" for i in range(12)}), limits=Limits(members=10)) == "too-many-members"
    assert code(gzip.compress(make_tar({"f": bytes(4 << 20)})), limits=Limits(ratio=10)) == "too-large"
    assert code(make_tar({"n" * 256: b""})) == "name-too-long"
    for name in ("a\u202egpj.exe", "a\x7f", "a\u2028b", "a\x85"):
        assert code(make_tar({name: b""})) == "bad-name"
    for name in ("a/../../b", "..", "/etc/x", "\\x", "C:x", "a\\..\\b", "//host/share"):
        assert code(make_tar({name: b""})) == "path-escapes-root"
    info = tarfile.TarInfo("caf\udce9")
    assert code(one_member(info, format=tarfile.GNU_FORMAT, errors="surrogateescape")) == "bad-name"


def test_a_bomb_behind_the_end_mark_is_stopped(tmp_path: Path) -> None:
    bomb = write(tmp_path / "b.tar.gz", gzip.compress(make_tar({"f": b"x"}) + bytes(200 << 20)))
    with pytest.raises(FileError) as caught:
        unpack(bomb, tmp_path / "out")
    assert caught.value.code == "too-large"


def test_selection_renames_and_leaves_out_but_still_checks(tmp_path: Path) -> None:
    archive = write(tmp_path / "t", make_tar({"top/": b"", "top/a/1": b"1", "top/2": b"2", "other": b"3"}))
    select = lambda path: path.removeprefix("top/") if path.startswith("top/") else None  # noqa: E731
    seen: list[tuple[int, int | None]] = []
    count = unpack(archive, tmp_path / "out", select=select, progress=lambda done, total: seen.append((done, total)))
    assert count == 2
    assert tree(tmp_path / "out") == {"a": None, "a/1": b"1", "2": b"2"}
    assert seen == sorted(seen)
    assert all(total == archive.stat().st_size for _, total in seen)
    write(archive, make_tar({"top/1": b"1", "../evil": b""}))
    with pytest.raises(FileError):
        unpack(archive, tmp_path / "out2", select=select)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "t"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_the_hash_is_that_of_the_whole_file(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    archive = write(tmp_path / "t", pack(make_tar({"a": b"1"})) + os.urandom(1 << 20))
    assert unpack(archive, tmp_path / "out", hashes={"sha1": [hashlib.sha1(archive.read_bytes()).hexdigest()]}) == 1
    with pytest.raises(FileError) as caught:
        unpack(archive, tmp_path / "out2", hashes={"sha1": ["0" * 40]})
    assert caught.value.code == "hash-mismatch"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "t"]


def test_an_existing_destination_is_not_touched(tmp_path: Path) -> None:
    archive = write(tmp_path / "t", make_tar({"a": b"new"}))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_bytes(b"mine")
    with pytest.raises(SystemFault) as caught:
        unpack(archive, tmp_path / "out")
    assert caught.value.code == "destination-exists"
    assert tree(tmp_path) == {"out": None, "out/a": b"mine", "t": archive.read_bytes()}


def test_what_a_killed_unpacking_left_is_removed(tmp_path: Path) -> None:
    staged = staging.fresh(tmp_path, "out", "unpacking")
    (staged / "tree").mkdir(parents=True)
    (staged / "tree" / "half").write_bytes(b"1")
    unpack(write(tmp_path / "t", make_tar({"a": b"1"})), tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "t"]


def test_a_missing_archive_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        unpack(tmp_path / "absent.tar", tmp_path / "out")
    with pytest.raises(FileError) as caught:
        unpack(tmp_path, tmp_path / "out")
    assert caught.value.code == "not-a-file"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "fifo")
        with pytest.raises(FileError):
            unpack(tmp_path / "fifo", tmp_path / "out")
        (tmp_path / "fifo").unlink()
    assert list(tmp_path.iterdir()) == []


def test_the_umask_is_respected_and_interruption_leaves_nothing(tmp_path: Path) -> None:
    archive = write(tmp_path / "t", make_tar({"a/b": b"1", "c": b"2"}))
    old = os.umask(0o077)
    try:
        unpack(archive, tmp_path / "out")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "out" / "a" / "b").stat().st_mode) == 0o600

    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpack(archive, tmp_path / "out2", progress=interrupt)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out", "t"]
