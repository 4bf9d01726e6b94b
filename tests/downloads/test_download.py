"""Downloading against a server that misbehaves, killed at any instant, on a full disk, by two at once."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
import tracemalloc
from collections.abc import Collection, Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from support.loopback import (
    Loopback,
    Request,
    chunked,
    cut,
    drip,
    good,
    html,
    length,
    range_lie,
    redirect,
    stall,
    status,
)

from pixelwise.downloads import ARCHIVES, Archive, Patience, download, obtain, partial, staging
from pixelwise.errors import DownloadError, FileError, MissingError, SystemFault, UnknownNameError

MARK = obtain.MARK
HURRY = Patience(
    connect=2.0, stall=0.3, min_speed=2000.0, window=0.3, attempts=3, backoff=0.01, longest_backoff=0.02,
    longest_retry_after=1.5, redirects=3,
)  # fmt: skip
ROOT = "VOCdevkit/VOC2012"
IDS = [f"2007_{i:06d}" for i in range(12)]
TRAIN, VAL = IDS[:5], IDS[5:8]


def voc_files() -> dict[str, bytes]:
    """A VOC tree: 12 images, 8 of them in the segmentation lists."""
    rng = random.Random(0)
    files = {f"Annotations/{i}.xml": f"<a>{i}</a>".encode() for i in IDS}
    files |= {f"JPEGImages/{i}.jpg": rng.randbytes(rng.randint(15_000, 40_000)) for i in IDS}
    files |= {f"SegmentationClass/{i}.png": rng.randbytes(900) for i in TRAIN + VAL}
    files |= {f"SegmentationObject/{i}.png": rng.randbytes(900) for i in TRAIN + VAL}
    files["ImageSets/Main/train.txt"] = "\n".join(IDS).encode()
    files["ImageSets/Segmentation/train.txt"] = "".join(f"{i}\n" for i in TRAIN).encode()
    files["ImageSets/Segmentation/val.txt"] = "".join(f"{i}\r\n" for i in VAL).encode()
    return files


def make_archive(files: dict[str, bytes], root: str = ROOT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"{root}/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


ALL = voc_files()
NEEDED = {
    k: v
    for k, v in ALL.items()
    if k.startswith(("Segmentation", "ImageSets/Seg")) or k.split("/")[-1].split(".")[0] in TRAIN + VAL
}
TAR = make_archive(ALL)


def hashes_of(data: bytes) -> dict[str, tuple[str, ...]]:
    return {"md5": (hashlib.md5(data).hexdigest(),), "sha1": (hashlib.sha1(data).hexdigest(),)}


def entry(*urls: str, data: bytes = TAR, size: int | None = len(TAR), root: str = ROOT, **changes: object) -> Archive:
    options = {"size": size, "hashes": hashes_of(data)} | changes
    return Archive("voc2012", urls, root, ROOT, **options)  # type: ignore[arg-type]


def content(folder: Path) -> dict[str, bytes]:
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    files.pop(MARK, None)
    return files


def left(directory: Path) -> list[str]:
    """What is in the directory beside the dataset."""
    return sorted(
        str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file() and directory / ROOT not in p.parents
    )


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(TAR) as world:
        yield world


def get(directory: Path, *urls: str, **options: object) -> list[str]:
    """Download as `pixelwise download` would; what it said. The result is compared with the truth."""
    said: list[str] = []
    changes = {k: options.pop(k) for k in ("data", "size", "hashes", "root") if k in options}
    item = entry(*urls, **changes)  # type: ignore[arg-type]
    place = download(item, directory, patience=HURRY, say=said.append, **options)  # type: ignore[arg-type]
    assert place == directory / ROOT
    assert content(place) == (ALL if options.get("everything") else NEEDED)
    return said


def refused(directory: Path, *urls: str, **options: object) -> DownloadError:
    with pytest.raises(DownloadError) as caught:
        get(directory, *urls, **options)
    assert not (directory / ROOT).exists()
    text = str(caught.value)
    assert "\n" not in text
    assert "--archive FILE" in text
    for url in urls:
        assert url in text
    return caught.value


# -- the good way ---------------------------------------------------------------------------------------------------


def test_what_segmentation_needs_arrives_and_nothing_else_is_left(server: Loopback, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    get(tmp_path, server.url(), progress=lambda done, total: seen.append((done, total)))
    assert left(tmp_path) == []
    assert seen[0][0] > 0
    assert (len(TAR), len(TAR)) in seen
    mark = json.loads((tmp_path / ROOT / MARK).read_text())
    assert mark["everything"] is False
    assert mark["files"] == len(NEEDED)


def test_a_second_call_does_nothing_and_says_so(server: Loopback, tmp_path: Path) -> None:
    get(tmp_path, server.url())
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    said = get(tmp_path, server.url())
    assert len(server.seen) == 1
    assert "is there already" in said[0]
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_everything_replaces_what_segmentation_needs_and_stays(server: Loopback, tmp_path: Path) -> None:
    get(tmp_path, server.url(), keep_archive=True)
    assert left(tmp_path) == ["voc.tar"]
    get(tmp_path, server.url(), everything=True)
    assert len(server.seen) == 1  # the kept archive was used
    get(tmp_path, server.url(), everything=True)
    said: list[str] = []
    download(entry(server.url()), tmp_path, say=said.append)
    assert "is there already" in said[0]
    assert content(tmp_path / ROOT) == ALL


def test_the_dataset_moves_out_of_an_extra_folder_of_the_archive(server: Loopback, tmp_path: Path) -> None:
    server.body = make_archive(ALL, "TrainVal/" + ROOT)
    get(tmp_path, server.url(), root="TrainVal/" + ROOT, data=server.body, size=len(server.body))


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_archive_does_not_matter(tmp_path: Path, seed: int) -> None:
    names = list(ALL)
    random.Random(seed).shuffle(names)
    data = make_archive({name: ALL[name] for name in names})
    (tmp_path / "mine.tar").write_bytes(data)
    get(tmp_path / "d", "http://nowhere.invalid/x", data=data, size=len(data), archive=tmp_path / "mine.tar")


def test_memory_is_bounded(tmp_path: Path) -> None:
    big = make_archive(ALL | {"JPEGImages/big.jpg": bytes(48 << 20)})
    with Loopback(big) as server:
        tracemalloc.start()
        try:
            get(tmp_path, server.url(), data=big, size=len(big))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 12 << 20


def test_the_table_is_whole() -> None:
    assert list(ARCHIVES) == [f"voc{year}" for year in range(2012, 2006, -1)]
    for name, archive in ARCHIVES.items():
        assert archive.name == name
        assert all(url.endswith(archive.filename) for url in archive.urls)
        assert archive.home == f"VOCdevkit/VOC{name[3:]}"
        assert archive.root.endswith(archive.home)
        for algorithm, digests in archive.hashes.items():
            size = hashlib.new(algorithm).digest_size
            assert digests
            assert all(len(bytes.fromhex(d)) == size for d in digests)
    assert ARCHIVES["voc2012"].size == 1_999_639_040
    assert ARCHIVES["voc2012"].urls[1].startswith("http://d2l-data.")
    with pytest.raises(UnknownNameError):
        download("voc1999", "x")


# -- interruptions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("rst", [False, True])
def test_a_broken_connection_is_resumed(server: Loopback, tmp_path: Path, fraction: float, rst: bool) -> None:
    server.plan(cut(fraction, rst=rst), good())
    get(tmp_path, server.url())
    first, second = server.ranges()
    assert first is None
    if not rst:  # a reset may also destroy what was on its way
        assert second == f"bytes={int(len(TAR) * fraction)}-"
        assert server.seen[1][1]["If-Range"] == '"v1"'


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.99])
def test_a_later_process_resumes(server: Loopback, tmp_path: Path, fraction: float) -> None:
    server.plan(cut(fraction), status(404))
    error = refused(tmp_path, server.url())
    assert "are kept for the next run" in error.message
    assert len(left(tmp_path)) == 2
    server.plan(good())
    get(tmp_path, server.url())
    assert server.ranges()[-1] == f"bytes={int(len(TAR) * fraction)}-"
    assert left(tmp_path) == []


def test_last_modified_serves_where_the_etag_is_weak(server: Loopback, tmp_path: Path) -> None:
    date = formatdate(1_000_000_000, usegmt=True)
    server.plan(cut(0.4, etag='W/"weak"'), good(etag='W/"weak"'))
    get(tmp_path / "a", server.url())
    assert "If-Range" not in server.seen[1][1]
    server.seen.clear()
    server.plan(stall(0), good(etag='W/"weak"', modified=date))
    server.plan(cut(0.4, etag=None), good(etag=None, modified=date))
    get(tmp_path / "b", server.url())


def test_a_line_that_breaks_all_the_time_still_gets_there(server: Loopback, tmp_path: Path) -> None:
    server.plan(*[cut(i / 20) for i in range(1, 20)], good())
    get(tmp_path, server.url())
    assert len(server.seen) == 20


def test_one_mirror_goes_on_where_another_stopped(server: Loopback, tmp_path: Path) -> None:
    server.plan(cut(0.6), status(404), path="/a.tar")
    server.plan(good(etag='"other"'), path="/b.tar")
    get(tmp_path, server.url("/a.tar"), server.url("/b.tar"))
    assert server.ranges() == [None, f"bytes={int(len(TAR) * 0.6)}-", f"bytes={int(len(TAR) * 0.6)}-"]


def test_a_server_without_ranges_begins_again(server: Loopback, tmp_path: Path) -> None:
    server.plan(cut(0.7, ranges=False), cut(0.8, ranges=False), good(ranges=False))
    get(tmp_path, server.url())
    assert len(server.seen) == 3


def test_a_changed_etag_begins_again(server: Loopback, tmp_path: Path) -> None:
    old = bytes(reversed(TAR))
    server.body = old
    server.plan(cut(0.5, etag='"v0"'), status(404))
    refused(tmp_path, server.url())
    server.body = TAR
    server.plan(good(etag='"v1"'))
    get(tmp_path, server.url())
    assert server.seen[-1][1]["If-Range"] == '"v0"'


@pytest.mark.parametrize("lie", [range_lie('"v2"'), range_lie(shift=-512), range_lie(shift=7)])
def test_a_wrong_206_is_not_appended(server: Loopback, tmp_path: Path, lie: object) -> None:
    server.plan(cut(0.5), lie, good())  # type: ignore[arg-type]
    get(tmp_path, server.url())
    assert server.ranges()[-1] is None


def test_pieces_that_do_not_fit_are_fetched_again(server: Loopback, tmp_path: Path) -> None:
    server.body = bytes(len(TAR))
    server.plan(cut(0.5), status(404))
    refused(tmp_path, server.url())
    server.body = TAR
    server.plan(good())
    said = get(tmp_path, server.url())  # same ETag, other bytes
    assert any("did not fit together" in line for line in said)


def test_416_begins_again_or_ends(server: Loopback, tmp_path: Path) -> None:
    server.plan(cut(0.5), status(416), good())
    get(tmp_path / "a", server.url())
    assert server.ranges() == [None, f"bytes={len(TAR) // 2}-", None]
    # Everything came, but the size was not known: the server says that there is no more.
    server.plan(chunked(TAR), good())
    with pytest.raises(KeyboardInterrupt):
        get(tmp_path / "b", server.url(), size=None, progress=_stop_at(len(TAR)))
    get(tmp_path / "b", server.url(), size=None)
    assert server.ranges()[-1] == f"bytes={len(TAR)}-"


def _stop_at(size: int) -> object:
    def progress(done: int, total: int | None) -> None:
        if done >= size:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 1.0])
def test_ctrl_c_leaves_a_state_that_is_resumed(server: Loopback, tmp_path: Path, share: float) -> None:
    with pytest.raises(KeyboardInterrupt):
        get(tmp_path, server.url(), progress=_stop_at(int(len(TAR) * share)))
    assert not (tmp_path / ROOT).exists()
    get(tmp_path, server.url())
    assert left(tmp_path) == []
    assert len(server.seen) == (1 if share == 1.0 else 2)
    assert all(asked is not None for asked in server.ranges()[1:])


# -- servers that lie, stall, and refuse ----------------------------------------------------------------------------


def test_a_dead_link_is_asked_once_and_the_mirror_delivers(server: Loopback, tmp_path: Path) -> None:
    server.plan(status(404), path="/dead.tar")
    said = get(tmp_path, server.url("/dead.tar"), server.url("/voc.tar"))
    assert [path for path, _ in server.seen] == ["/dead.tar", "/voc.tar"]
    assert any("404" in line for line in said)


def test_the_last_error_names_every_mirror_and_the_way_by_hand(server: Loopback, tmp_path: Path) -> None:
    server.plan(status(404), path="/a.tar")
    server.plan(html(), path="/b.tar")
    server.plan(status(503), path="/c.tar")
    error = refused(tmp_path, *(server.url(f"/{x}.tar") for x in "abc"))
    assert error.code == "no-mirror"
    assert error.exit_code == 3
    for part in ("404", "HTML page", "503", "(3 times)"):
        assert part in error.message
    assert error.fix is not None
    assert f"{len(TAR):,} bytes" in error.fix
    assert hashlib.md5(TAR).hexdigest() in error.fix
    assert left(tmp_path) == []
    assert len(server.seen) == 5


def test_nobody_listens(tmp_path: Path) -> None:
    with Loopback(b"") as closed:
        url = closed.url()
    assert refused(tmp_path, url).code == "unreachable"
    assert refused(tmp_path, "ftp://127.0.0.1/voc.tar").code == "bad-url"
    for bad in ("voc.tar", "http://127.0.0.1:99999/voc.tar", f"http://{'a' * 70}.invalid/voc.tar"):
        assert refused(tmp_path, bad).code in ("bad-url", "unreachable")


def test_a_proxy_that_cannot_be_used_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:1")
    with pytest.raises(DownloadError) as caught:
        get(tmp_path, "http://voc.invalid/voc.tar")
    assert caught.value.code == "bad-proxy"


def test_passwords_in_mirrors_are_not_shown(server: Loopback, tmp_path: Path) -> None:
    server.plan(status(403))
    with pytest.raises(DownloadError) as caught:
        get(tmp_path, server.url().replace("//", "//user:secret@"))
    assert "secret" not in str(caught.value)
    assert caught.value.code == "http-403"


@pytest.mark.parametrize("code", [500, 502, 503, 504, 429, 408])
def test_temporary_refusals_are_tried_again(server: Loopback, tmp_path: Path, code: int) -> None:
    server.plan(status(code), status(code), good())
    get(tmp_path, server.url())
    assert len(server.seen) == 3
    server.plan(status(code))
    assert refused(tmp_path / "no", server.url()).code == f"http-{code}"
    assert len(server.seen) == 6


def test_retry_after_is_honoured_up_to_a_limit(server: Loopback, tmp_path: Path) -> None:
    server.plan(status(503, Retry_After="1"), good())
    start = time.monotonic()
    get(tmp_path / "a", server.url())
    assert 1.0 <= time.monotonic() - start < 3
    server.plan(status(503, Retry_After=formatdate(time.time() + 3600, usegmt=True)), path="/busy.tar")
    server.plan(good(), path="/voc.tar")
    said = get(tmp_path / "b", server.url("/busy.tar"), server.url())
    assert [path for path, _ in server.seen][-2:] == ["/busy.tar", "/voc.tar"]
    assert any("come back in 3,6" in line or "come back in 3,5" in line for line in said)
    server.plan(status(500, Retry_After="soon"), good())
    get(tmp_path / "c", server.url())


def test_a_stall_times_out_and_is_resumed(server: Loopback, tmp_path: Path) -> None:
    server.plan(stall(0.5), good())
    start = time.monotonic()
    get(tmp_path, server.url())
    assert time.monotonic() - start < 2.5
    assert server.ranges()[1] == f"bytes={len(TAR) // 2}-"
    server.plan(stall(0.0))
    assert refused(tmp_path / "no", server.url()).code == "stalled"


def test_a_drip_is_broken_off(server: Loopback, tmp_path: Path) -> None:
    server.plan(drip())
    start = time.monotonic()
    error = refused(tmp_path, server.url())
    assert error.code == "too-slow"
    assert "bytes a second" in error.message
    assert time.monotonic() - start < 5


def test_redirects_are_followed_but_not_for_ever_and_only_to_http(server: Loopback, tmp_path: Path) -> None:
    server.plan(redirect("/voc.tar"), path="/old.tar")
    get(tmp_path / "a", server.url("/old.tar"))
    server.plan(redirect("/loop.tar"), path="/loop.tar")
    server.seen.clear()
    assert refused(tmp_path / "b", server.url("/loop.tar")).code == "redirects"
    assert len(server.seen) == HURRY.redirects + 1
    (tmp_path / "secret").write_bytes(TAR)
    server.plan(redirect(f"file://{tmp_path}/secret"), path="/file.tar")
    assert refused(tmp_path / "c", server.url("/file.tar")).code == "bad-url"


@pytest.mark.parametrize("kind", ["text/html", "application/x-tar"])
def test_a_page_with_status_200_is_no_archive(server: Loopback, tmp_path: Path, kind: str) -> None:
    server.plan(html(kind))
    for size in (len(TAR), None):
        error = refused(tmp_path, server.url(), size=size)
        assert error.code in ("html-page", "wrong-size")
    assert error.code == "html-page"
    assert len(server.seen) == 2


def test_a_page_does_not_cost_what_has_arrived(server: Loopback, tmp_path: Path) -> None:
    server.plan(cut(0.5), html("application/x-tar"))
    refused(tmp_path, server.url())
    server.plan(good())
    get(tmp_path, server.url())
    assert server.ranges()[-1] == f"bytes={len(TAR) // 2}-"


def test_a_lying_length_is_refused(server: Loopback, tmp_path: Path) -> None:
    for value in (len(TAR) + 1000, len(TAR) - 1000):
        server.plan(length(value), path="/lie.tar")
        error = refused(tmp_path, server.url("/lie.tar"))
        assert error.code == "wrong-size"
        assert f"{value:,}" in error.message
        assert f"{len(TAR):,}" in error.message
    # Where the size is not known the announced one is believed, and the hash decides.
    server.plan(length(len(TAR) + 1000), path="/lie.tar")
    assert refused(tmp_path, server.url("/lie.tar"), size=None).code in (
        "broken-off",
        "wrong-size",
        "http-416",
    )
    server.plan(length(len(TAR) - 1000), path="/lie.tar")
    assert refused(tmp_path, server.url("/lie.tar"), size=None).code == "hash-mismatch"
    server.plan(chunked(TAR + b"more"), path="/lie.tar")
    assert refused(tmp_path, server.url("/lie.tar")).code == "wrong-size"
    server.plan(chunked(TAR[:-512]), path="/lie.tar")
    assert refused(tmp_path, server.url("/lie.tar")).code in ("broken-off", "hash-mismatch")
    get(tmp_path, server.url("/lie.tar"), server.url("/voc.tar"))


def test_a_server_that_compresses_is_refused(server: Loopback, tmp_path: Path) -> None:
    server.plan(good(Content_Encoding="gzip"))
    assert refused(tmp_path, server.url()).code == "encoded"
    assert server.seen[0][1]["Accept-Encoding"] == "identity"


def test_a_wrong_hash_never_reaches_the_unpacking(server: Loopback, tmp_path: Path) -> None:
    wrong = bytearray(TAR)
    wrong[1000] ^= 1
    server.body = bytes(wrong)
    error = refused(tmp_path, server.url())
    assert error.code == "hash-mismatch"
    assert hashlib.md5(wrong).hexdigest() in error.message
    assert hashlib.md5(TAR).hexdigest() in error.message
    assert left(tmp_path) == []
    with Loopback(TAR) as mirror:
        get(tmp_path, server.url(), mirror.url())
    assert len(server.seen) == 2


def test_any_of_several_accepted_hashes_will_do(server: Loopback, tmp_path: Path) -> None:
    get(tmp_path, server.url(), hashes={"md5": ("0" * 32, hashlib.md5(TAR).hexdigest())})


def test_mirrors_replace_the_table(server: Loopback, tmp_path: Path) -> None:
    get(tmp_path, "http://127.0.0.1:1/voc.tar", mirrors=[server.url("/pub/")])
    assert server.seen[0][0] == "/pub/voc.tar"


# -- an archive at hand, folders that are there, no room ------------------------------------------------------------


def test_an_archive_by_hand_is_verified_before_it_is_unpacked(tmp_path: Path) -> None:
    mine = tmp_path / "mine.tar"
    mine.write_bytes(TAR)
    get(tmp_path / "d", "http://nowhere.invalid/voc.tar", archive=mine)
    assert mine.read_bytes() == TAR
    for data, code in ((TAR[:-1], "wrong-size"), (b"x" + TAR[1:], "hash-mismatch")):
        mine.write_bytes(data)
        with pytest.raises(FileError) as caught:
            get(tmp_path / "e", "http://nowhere.invalid/voc.tar", archive=mine)
        assert caught.value.code == code
    with pytest.raises(MissingError):
        get(tmp_path / "e", "http://nowhere.invalid/voc.tar", archive=tmp_path / "absent")
    with pytest.raises(FileError, match="is a folder"):
        get(tmp_path / "e", "http://nowhere.invalid/voc.tar", archive=tmp_path)
    with pytest.raises(FileError) as caught:
        get(tmp_path / "e", "http://x/voc.tar", archive=_written(tmp_path, b"<html>"), size=None, hashes={})
    assert caught.value.code == "not-an-archive"
    with pytest.raises(FileError) as caught:
        get(
            tmp_path / "e",
            "http://x/voc.tar",
            archive=_written(tmp_path, make_archive({"a": b""})),
            size=None,
            hashes={},
        )
    assert caught.value.code == "missing-lists"
    assert not list((tmp_path / "e").rglob("*.*"))


def _written(folder: Path, data: bytes) -> Path:
    (folder / "w.tar").write_bytes(data)
    return folder / "w.tar"


def test_a_wrong_archive_in_the_directory_is_left_alone(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "voc.tar").write_bytes(b"half")
    said = get(tmp_path, server.url())
    assert "left alone" in said[0]
    assert (tmp_path / "voc.tar").read_bytes() == b"half"


def test_folders_of_others_are_not_touched(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / ROOT).mkdir(parents=True)
    (tmp_path / ROOT / "thesis.doc").write_bytes(b"mine")
    with pytest.raises(SystemFault) as caught:
        get(tmp_path, server.url())
    assert caught.value.code == "destination-exists"
    for folder in ("ImageSets/Segmentation", "JPEGImages"):
        (tmp_path / ROOT / folder).mkdir(parents=True)
    said: list[str] = []
    download(entry(server.url()), tmp_path, say=said.append)
    assert "not verified" in said[0]
    assert server.seen == []
    shutil.rmtree(tmp_path / ROOT)
    (tmp_path / ROOT).mkdir()
    get(tmp_path, server.url())


def test_the_disk_is_asked_before_anything_is_fetched(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.disk_usage

    def small(path: object) -> object:
        return real(path)._replace(free=2 * len(TAR) - 1)  # type: ignore[type-var]

    monkeypatch.setattr(staging.shutil, "disk_usage", small)
    with pytest.raises(SystemFault) as caught:
        get(tmp_path, server.url())
    assert caught.value.code == "disk-full"
    assert server.seen == []
    with pytest.raises(SystemFault) as caught:
        get(tmp_path, server.url(), size=None)
    assert caught.value.code == "disk-full"
    assert not (tmp_path / ROOT).exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs with room for the archive and some of its files."""
    path = tmp_path / "small"
    path.mkdir()
    size = len(TAR) + 100_000
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(path)], capture_output=True, check=False
    ) if shutil.which("mount") else None  # fmt: skip
    if done is None or done.returncode:
        pytest.skip("a small tmpfs cannot be mounted here")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_is_said_and_leaves_a_state_that_is_resumed(
    server: Loopback, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, 0, 1 << 40))  # type: ignore[attr-defined]
    # While unpacking: the archive fits, its files do not.
    with pytest.raises(SystemFault) as caught:
        get(small_disk, server.url())
    assert caught.value.code == "disk-full"
    assert caught.value.exit_code == 3
    assert not (small_disk / ROOT).exists()
    assert len(left(small_disk)) == 2
    # While downloading.
    shutil.rmtree(small_disk / "VOCdevkit")
    for path in small_disk.iterdir():
        path.unlink()
    (small_disk / "ballast").write_bytes(bytes(300_000))
    with pytest.raises(SystemFault) as caught:
        get(small_disk, server.url())
    assert caught.value.code == "disk-full"
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    get(small_disk, server.url())
    start = server.ranges()[-1]
    assert start is not None
    assert int(start[6:-1]) > 50_000


def test_a_file_size_limit_is_said(server: Loopback, tmp_path: Path) -> None:
    code = f"""
        import resource, sys
        resource.setrlimit(resource.RLIMIT_FSIZE, ({len(TAR) // 2}, {len(TAR) // 2}))
        from pixelwise.errors import SystemFault
        try:
            run()
        except SystemFault as error:
            print(error.code)
    """
    assert in_process(code, tmp_path, server.url()) == "disk-full"
    get(tmp_path, server.url())
    assert server.ranges()[-1] == f"bytes={len(TAR) // 2}-"


# -- processes ------------------------------------------------------------------------------------------------------


def start_process(code: str, directory: Path, *urls: str) -> subprocess.Popen[str]:
    """Start Python with `run(directory=...)` that downloads."""
    item = entry(*urls)
    head = f"""
import os, sys
from pathlib import Path
from pixelwise.downloads import Archive, Patience, download
ITEM = Archive("voc2012", {item.urls!r}, {item.root!r}, {item.home!r}, {item.size!r}, {dict(item.hashes)!r})
PATIENCE = Patience(stall=30.0, backoff=0.01, window=5.0)
def run(directory={str(directory)!r}, **options):
    return download(ITEM, directory, patience=PATIENCE, **options)
"""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", head + textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )


def in_process(code: str, directory: Path, *urls: str) -> str:
    process = start_process(code, directory, *urls)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out.strip()


KILLS = """
    import json, httpx
    PHASE = {"counting": False, "n": 0, "die": -1}
    def tick(*_):
        if PHASE["counting"]:
            PHASE["n"] += 1
            if PHASE["n"] == PHASE["die"]:
                os.kill(os.getpid(), 9)
    WATCHED = ("open", "os.", "shutil.", "socket.")
    sys.addaudithook(lambda event, args: tick() if event.startswith(WATCHED) else None)
    def child(directory, die):
        # A process of its own that kills itself with -9 at its event number `die`.
        pid = os.fork()
        if pid == 0:
            PHASE.update(counting=True, n=0, die=die)
            try:
                run(directory, progress=tick)
                PHASE["counting"] = False
                os.write(PIPE[1], f"{PHASE['n']}\\n".encode())
            except BaseException as error:
                os.write(2, repr(error).encode())
                os._exit(9)
            os._exit(0)
        return os.waitpid(pid, 0)[1]
    PIPE = os.pipe()
    base = Path(BASE)
    assert child(str(base / "dry"), -1) == 0
    total = int(os.read(PIPE[0], 100))
    deaths = sorted({1 + (total - 1) * i // 19 for i in range(20)})
    out = []
    for k, die in enumerate(deaths):
        folder = base / f"kill{k}"
        status = child(str(folder), die)
        out.append([die, status, (folder / "VOCdevkit/VOC2012").exists()])
        assert child(str(folder), -1) == 0, k
    # And one directory that is killed again and again, each time a little later.
    again = base / "again"
    for die in deaths[:-4]:
        child(str(again), die)
    assert child(str(again), -1) == 0
    print(json.dumps([total, out]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill_9_at_twenty_instants(server: Loopback, tmp_path: Path) -> None:
    server.plan(good(), good())
    code = f"BASE = {str(tmp_path)!r}\n" + textwrap.dedent(KILLS)
    total, deaths = json.loads(in_process(code, tmp_path, server.url()))
    assert total > 100
    assert len(deaths) == 20
    assert all(status == 9 for _, status, _ in deaths[:-1])
    assert not any(there for _, _, there in deaths[:12])
    for folder in ["dry", "again", *(f"kill{k}" for k in range(20))]:
        assert content(tmp_path / folder / ROOT) == NEEDED, folder
        assert left(tmp_path / folder) == [], folder


def test_what_a_killed_process_leaves_is_never_half_a_dataset(server: Loopback, tmp_path: Path) -> None:
    """Watch the destination while another process unpacks: it is absent, then complete."""
    process = start_process("run()", tmp_path, server.url())
    place, seen = tmp_path / ROOT, set()
    while process.poll() is None:
        if place.exists():
            seen.add(len(content(place)))
        time.sleep(0.001)
    process.communicate()
    assert process.returncode == 0
    assert seen <= {len(NEEDED)}
    assert content(place) == NEEDED


def test_two_processes_at_once_share_one_download(server: Loopback, tmp_path: Path) -> None:
    gate = threading.Event()

    def slow(r: Request) -> None:
        gate.wait(30)
        good()(r)

    server.plan(slow, good())
    processes = [start_process("run(say=print)", tmp_path, server.url()) for _ in range(3)]
    first = [process.stdout.readline() for process in processes if process.stdout]
    assert sorted(line.split()[0] for line in first) == ["another", "another", "downloading"]
    gate.set()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert len(server.seen) == 1
    assert content(tmp_path / ROOT) == NEEDED
    assert left(tmp_path) == []


def test_two_without_locks_do_not_harm_each_other(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where locks succeed in silence, as on some network file systems, names and hashes have to do."""
    monkeypatch.setattr(staging, "_lock", lambda fd: None)
    server.plan(cut(0.5), status(404))
    refused(tmp_path, server.url())  # a part for both to pick up
    server.plan(good())
    failures: list[BaseException] = []

    def one() -> None:
        for _ in range(4):
            try:
                download(entry(server.url()), tmp_path, patience=HURRY)
                return
            except (FileError, SystemFault):
                time.sleep(random.random() / 10)  # disturbed by the other one, and said so
            except BaseException as error:
                failures.append(error)
                return

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert not (tmp_path / ROOT).exists() or content(tmp_path / ROOT) == NEEDED
    get(tmp_path, server.url())


def test_what_several_killed_runs_left_goes_in_the_end(server: Loopback, tmp_path: Path) -> None:
    for size in (100, 5000, 70_000):
        staging.fresh(tmp_path, "voc.tar", "part").write_bytes(TAR[:size])
    get(tmp_path, server.url())
    assert server.ranges() == ["bytes=70000-"]
    assert left(tmp_path) == []
    whole, half = (staging.fresh(tmp_path, "voc.tar", "part") for _ in range(2))
    whole.write_bytes(TAR)
    half.write_bytes(TAR[:100_000])
    get(tmp_path, server.url())
    assert [whole.exists(), half.exists()] == [False, True]  # the half may be of --all
    get(tmp_path, server.url(), everything=True)
    assert server.ranges()[1:] == ["bytes=100000-"]
    assert left(tmp_path) == []


def test_a_mirror_with_a_shorter_file_does_not_cost_what_has_arrived(server: Loopback, tmp_path: Path) -> None:
    server.plan(cut(0.9), status(404), path="/a.tar")
    server.plan(status(416, Content_Range="bytes */1000"), path="/b.tar")
    refused(tmp_path, server.url("/a.tar"), server.url("/b.tar"))
    server.plan(good(), path="/a.tar")
    get(tmp_path, server.url("/a.tar"))
    assert server.ranges()[-1] == f"bytes={int(len(TAR) * 0.9)}-"


def test_a_folder_that_is_taken_away_while_it_is_filled_never_appears(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_lock", lambda fd: None)

    def delete_one(folder: Path, ignore_errors: bool) -> None:
        next(p for p in Path(folder).rglob("*") if p.is_file()).unlink()

    for share in (0.3, 0.6, 0.9):
        steps: list[str] = []

        def progress(done: int, total: int | None, share: float = share, steps: list[str] = steps) -> None:
            if steps[-1].startswith("unpacking") and done >= share * len(TAR):
                with monkeypatch.context() as slow:
                    slow.setattr(staging.shutil, "rmtree", delete_one)  # as if the deletion had just begun
                    staging.discard_abandoned((tmp_path / ROOT).parent, "VOC2012", "unpacking")

        with pytest.raises(SystemFault):
            download(entry(server.url()), tmp_path, patience=HURRY, say=steps.append, progress=progress)
        assert not (tmp_path / ROOT).exists()
    get(tmp_path, server.url())
    assert left(tmp_path) == []


def test_a_file_system_without_locks(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(fd: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(staging, "_lock", none)
    with pytest.raises(KeyboardInterrupt):
        get(tmp_path, server.url(), progress=_stop_at(len(TAR) // 2))
    (part,) = staging.leftovers(tmp_path, "voc.tar", "part")
    os.utime(part, (0, 0))  # only time tells that nobody owns it
    get(tmp_path, server.url())
    assert server.ranges()[1] is not None


def test_of_two_that_begin_at_the_same_moment_one_steps_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, others = partial._new_part, []

    def together(folder: Path, name: str, algorithms: Collection[str]) -> partial.Part:
        others.append(real(folder, name, algorithms))
        threading.Timer(0.3, others[0].close).start()
        return real(folder, name, algorithms)

    monkeypatch.setattr(partial, "_new_part", together)
    part = partial.own_part(tmp_path, "voc.tar", ["md5"], quiet=60, finished=lambda: False, say=lambda _: None)
    assert part is not None
    assert [part.path] == [other.path for other in others]
    assert left(tmp_path) == [part.path.name]
    part.close()


def test_a_part_whose_owner_hangs_is_not_waited_for(server: Loopback, tmp_path: Path) -> None:
    part = staging.fresh(tmp_path, "voc.tar", "part")
    part.touch()
    lock = staging.hold(part)
    assert lock is not None
    os.utime(part, (0, 0))
    get(tmp_path, server.url())
    assert part.exists()
    staging.release(lock)


def test_the_work_of_another_host_is_left_until_it_is_old(tmp_path: Path) -> None:
    foreign = tmp_path / ".VOC2012.another-host.abc.unpacking"
    foreign.mkdir()
    staging.discard_abandoned(tmp_path, "VOC2012", "unpacking")
    assert foreign.exists()
    os.utime(foreign, (0, 0))
    staging.discard_abandoned(tmp_path, "VOC2012", "unpacking")
    assert not foreign.exists()


def test_a_file_that_changes_under_the_unpacking_is_found(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = obtain.fetch

    def tampered(order: object, part: partial.Part, **options: object) -> None:
        real(order, part, **options)  # type: ignore[arg-type]
        with open(part.path, "r+b") as file:
            file.seek(TAR.index(ALL[f"JPEGImages/{IDS[0]}.jpg"]) + 9)
            file.write(b"\0\1\2")

    monkeypatch.setattr(obtain, "fetch", tampered)
    with pytest.raises(FileError) as caught:
        get(tmp_path, server.url())
    assert caught.value.code == "hash-mismatch"
    assert left(tmp_path) == []
    assert not (tmp_path / ROOT).exists()
