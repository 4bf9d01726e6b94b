"""Downloading from a server that misbehaves, killed at any instant, on a full disk, by several processes at once."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from pixelwise.downloads import getting, unpack
from pixelwise.downloads.archives import ARCHIVES, Archive
from pixelwise.downloads.getting import download
from pixelwise.downloads.http import Patience
from pixelwise.errors import DownloadError, FileError, MissingError, SystemFault, UnknownNameError, UsageError
from tests.support import loopback
from tests.support.loopback import Behavior, Loopback, chunked, cut, drip, good, html, redirect, shifted, stall, status
from tests.support.tars import make_tar

HURRY = Patience(stall=0.3, min_speed=2000.0, window=0.3, attempts=3, backoff=0.01, longest_wait=1.5)
ROOT = "VOCdevkit/VOC2012"
IDS = [f"2007_{i:06d}" for i in range(12)]
TRAIN, VAL = IDS[:5], IDS[5:8]


def voc_files() -> dict[str, bytes]:
    """A VOC tree: 12 images, 8 of them in the segmentation lists."""
    rng = random.Random(0)
    files = {f"Annotations/{i}.xml": f"<a>{i}</a>".encode() for i in IDS}
    files |= {f"JPEGImages/{i}.jpg": rng.randbytes(rng.randint(15_000, 40_000)) for i in IDS}
    files |= {f"Segmentation{kind}/{i}.png": rng.randbytes(900) for kind in ("Class", "Object") for i in TRAIN + VAL}
    files["ImageSets/Main/train.txt"] = "\n".join(IDS).encode()
    files["ImageSets/Segmentation/train.txt"] = "".join(f"{i}\n" for i in TRAIN).encode()
    files["ImageSets/Segmentation/val.txt"] = "".join(f"{i}\r\n" for i in VAL).encode()
    return files


ALL = voc_files()
NEEDED = {
    k: v
    for k, v in ALL.items()
    if k.startswith(("Segmentation", "ImageSets/Seg")) or k.split("/")[-1].split(".")[0] in TRAIN + VAL
}
TAR = make_tar(ALL, ROOT)
HALF = f"bytes={len(TAR) // 2}-"


def entry(*urls: str, data: bytes = TAR, size: int | None = -1, root: str = ROOT, **changes: Any) -> Archive:
    hashes = {"md5": (hashlib.md5(data).hexdigest(),), "sha1": (hashlib.sha1(data).hexdigest(),)}
    return Archive(
        "voc2012", urls, root, ROOT, **({"size": len(data) if size == -1 else size, "hashes": hashes} | changes)
    )


def content(folder: Path) -> dict[str, bytes]:
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    files.pop(getting.MARK, None)
    return files


def left(directory: Path) -> list[str]:
    """What is in the directory beside the dataset."""
    names = [p.relative_to(directory) for p in directory.rglob("*") if p.is_file() or p.name.startswith(".")]
    return sorted(str(name) for name in names if not str(name).startswith(ROOT))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(TAR) as world:
        yield world


def get(directory: Path, *urls: str, **options: Any) -> list[str]:
    """Download as `pixelwise download` would; what it said. The result is compared with the truth."""
    said: list[str] = []
    item = entry(*urls, **{k: options.pop(k) for k in ("data", "size", "hashes", "root") if k in options})
    place = download(item, directory, patience=HURRY, **{"say": said.append} | options)
    assert place == directory / ROOT
    assert content(place) == (ALL if options.get("everything") else NEEDED)
    return said


def refused(directory: Path, *urls: str, **options: Any) -> DownloadError:
    with pytest.raises(DownloadError) as caught:
        get(directory, *urls, **options)
    assert not (directory / ROOT).exists()
    text = str(caught.value)
    assert "\n" not in text
    assert "--archive FILE" in text
    assert all(url in text for url in urls)
    return caught.value


def failing(directory: Path, error: type[Exception] = FileError, **options: Any) -> str:
    """The code of an error that is not about the network."""
    with pytest.raises(error) as caught:
        get(directory, options.pop("url", "http://nowhere.invalid/voc.tar"), **options)
    return caught.value.code  # type: ignore[attr-defined, no-any-return]


def stop_at(size: float) -> Callable[[int, int | None], None]:
    def progress(done: int, total: int | None) -> None:
        if done >= size:
            raise KeyboardInterrupt

    return progress


# -- the good way -----------------------------------------------------------------------------------------------------


def test_what_segmentation_needs_arrives_and_a_second_call_does_nothing(server: Loopback, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    get(tmp_path, server.url(), progress=lambda done, total: seen.append((done, total)))
    assert left(tmp_path) == []
    assert seen[0][0] > 0
    assert (len(TAR), len(TAR)) in seen
    mark = json.loads((tmp_path / ROOT / getting.MARK).read_text())
    assert (mark["everything"], mark["files"]) == (False, len(NEEDED))
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    assert "is there already" in get(tmp_path, server.url())[0]
    assert len(server.seen) == 1
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


def test_everything_replaces_what_segmentation_needs_and_stays(server: Loopback, tmp_path: Path) -> None:
    get(tmp_path, server.url(), keep_archive=True)
    assert left(tmp_path) == ["voc.tar"]
    get(tmp_path, server.url(), everything=True)
    get(tmp_path, server.url(), everything=True)
    assert len(server.seen) == 1  # the kept archive was used
    said: list[str] = []
    download(entry(server.url()), tmp_path, say=said.append)
    assert "is there already" in said[0]
    assert content(tmp_path / ROOT) == ALL


@pytest.mark.parametrize("root", [ROOT, "TrainVal/" + ROOT])
def test_neither_order_nor_an_extra_folder_of_the_archive_matters(tmp_path: Path, root: str) -> None:
    names = random.Random(1).sample(list(ALL), len(ALL))
    data = make_tar({name: ALL[name] for name in names}, root)
    (tmp_path / "mine.tar").write_bytes(data)
    get(tmp_path / "d", "http://nowhere.invalid/x", root=root, data=data, archive=tmp_path / "mine.tar")


def test_memory_is_bounded(tmp_path: Path) -> None:
    big = make_tar(ALL | {"JPEGImages/big.jpg": bytes(48 << 20)}, ROOT)
    with Loopback(big) as server:
        tracemalloc.start()
        try:
            get(tmp_path, server.url(), data=big)
            assert tracemalloc.get_traced_memory()[1] < 12 << 20
        finally:
            tracemalloc.stop()


def test_the_table_is_whole() -> None:
    assert list(ARCHIVES) == [f"voc{year}" for year in range(2012, 2006, -1)]
    for name, archive in ARCHIVES.items():
        assert archive.name == name
        assert all(url.endswith(archive.filename) for url in archive.urls)
        assert archive.home == f"VOCdevkit/VOC{name[3:]}"
        assert archive.root.endswith(archive.home)
        for algorithm, digests in archive.hashes.items():
            assert all(len(bytes.fromhex(d)) == hashlib.new(algorithm).digest_size for d in digests)
    assert ARCHIVES["voc2012"].size == 1_999_639_040
    with pytest.raises(UnknownNameError):
        download("voc1999", "x")
    for hashes in ({}, {"md5": ()}, {"md6": ("0" * 32,)}):
        with pytest.raises(UsageError):
            entry("http://127.0.0.1/voc.tar", hashes=hashes)


# -- servers: what is recovered from, and what is refused -------------------------------------------------------------

RECOVERED: dict[str, tuple[list[Behavior], list[float | None] | None]] = {
    "cut early": ([cut(0.1), good()], [None, 0.1]),
    "cut late": ([cut(0.99), good()], [None, 0.99]),
    "cut all the time": ([*[cut(i / 20) for i in range(1, 20)], good()], [None, *[i / 20 for i in range(1, 20)]]),
    "no ranges": ([cut(0.7, ranges=False), cut(0.8, ranges=False), good(ranges=False)], [None, 0.7, 0.8]),
    "reset": ([cut(0.5, rst=True), good()], None),  # which may also destroy what was on its way
    "range before": ([cut(0.5), shifted(-512), good()], [None, 0.5, None]),
    "range behind": ([cut(0.5), shifted(7), good()], [None, 0.5, None]),
    "416": ([cut(0.5), status(416), good()], [None, 0.5, None]),
    "stall": ([stall(0.5), good()], [None, 0.5]),
    "odd Retry-After": ([status(500, Retry_After="soon"), good()], [None, None]),
} | {str(code): ([status(code)] * 2 + [good()], [None] * 3) for code in (500, 502, 503, 504, 429, 408)}


@pytest.mark.parametrize("case", RECOVERED)
def test_recovered(server: Loopback, tmp_path: Path, case: str) -> None:
    plan, starts = RECOVERED[case]
    server.plan(*plan)
    start = time.monotonic()
    get(tmp_path, server.url())
    assert time.monotonic() - start < 2.5
    if starts:
        assert server.ranges() == [None if f is None else f"bytes={int(len(TAR) * f)}-" for f in starts]


PAGE = ["html-page", "wrong-size"]
REFUSED: dict[str, tuple[Behavior, list[str], int]] = {
    "dead": (status(404), ["not-found"], 1),
    "forbidden": (status(403), ["http-403"], 1),
    "busy": (status(503), ["http-503"], 3),
    "stall": (stall(0.0), ["stalled"], 3),
    "drip": (drip(), ["too-slow"], 3),
    "loop": (redirect("/voc.tar"), ["redirects"], 6),
    "not http": (redirect("file:///etc/passwd"), ["bad-url"], 1),
    "page": (html(), PAGE, 1),
    "page in disguise": (html("application/x-tar"), PAGE, 1),
    "compressed": (good(Content_Encoding="gzip"), ["encoded"], 1),
    "longer": (loopback.length(len(TAR) + 1000), ["wrong-size"], 1),
    "shorter": (loopback.length(len(TAR) - 1000), ["wrong-size"], 1),
    "more than expected": (chunked(TAR + b"more"), ["wrong-size"], 1),
    "less than expected": (chunked(TAR[:-512]), ["broken-off", "hash-mismatch"], 3),
    "wrong": (chunked(TAR[:1000] + b"?" + TAR[1001:]), ["hash-mismatch"], 1),
    "page, size unknown": (html("application/x-tar"), ["html-page"], 1),
    "longer, size unknown": (loopback.length(len(TAR) + 1000), ["broken-off", "wrong-size", "http-416"], 3),
    "shorter, size unknown": (loopback.length(len(TAR) - 1000), ["hash-mismatch"], 1),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_and_the_next_mirror_delivers(server: Loopback, tmp_path: Path, case: str) -> None:
    behavior, codes, requests = REFUSED[case]
    size = None if "unknown" in case else len(TAR)
    server.plan(behavior)
    start = time.monotonic()
    assert refused(tmp_path, server.url(), size=size).code in codes
    assert time.monotonic() - start < 5
    assert len(server.seen) <= requests
    assert server.seen[0][1]["Accept-Encoding"] == "identity"
    with Loopback(TAR) as mirror:
        get(tmp_path, server.url(), mirror.url(), size=size)
    assert left(tmp_path) == []


def test_a_later_call_resumes_where_any_mirror_stopped(server: Loopback, tmp_path: Path) -> None:
    server.plan(cut(0.5), status(404), path="/a.tar")
    server.plan(html("application/x-tar"), path="/b.tar")  # neither these cost what has arrived ...
    server.plan(status(416, Content_Range="bytes */1000"), path="/c.tar")
    error = refused(tmp_path, *(server.url(f"/{x}.tar") for x in "abc"))
    assert "bytes are kept for the next run" in error.message
    assert error.code == "no-mirror"
    assert left(tmp_path) == [".a.tar.part"]
    server.plan(good(), path="/d.tar")
    get(tmp_path, server.url("/a.tar"), server.url("/d.tar"))
    assert server.ranges() == [None, *[HALF] * 5]
    assert left(tmp_path) == []


def test_pieces_of_different_files_are_fetched_again(server: Loopback, tmp_path: Path) -> None:
    server.body = bytes(len(TAR))
    server.plan(cut(0.5), status(404))
    refused(tmp_path, server.url())
    server.body = TAR
    server.plan(good())
    assert any("did not fit together" in line for line in get(tmp_path, server.url()))
    assert server.ranges() == [None, HALF, HALF, None]


def test_416_ends_a_download_of_unknown_size(server: Loopback, tmp_path: Path) -> None:
    server.plan(chunked(TAR), good())
    with pytest.raises(KeyboardInterrupt):
        get(tmp_path, server.url(), size=None, progress=stop_at(len(TAR)))
    get(tmp_path, server.url(), size=None)
    assert server.ranges() == [None, f"bytes={len(TAR)}-"]


@pytest.mark.parametrize("share", [0.01, 0.6, 1.0])
def test_ctrl_c_leaves_a_state_that_is_resumed(server: Loopback, tmp_path: Path, share: float) -> None:
    with pytest.raises(KeyboardInterrupt):
        get(tmp_path, server.url(), progress=stop_at(len(TAR) * share))
    assert not (tmp_path / ROOT).exists()
    get(tmp_path, server.url())
    assert left(tmp_path) == []
    assert len(server.seen) == (1 if share == 1.0 else 2)
    assert all(asked is not None for asked in server.ranges()[1:])


def test_the_last_error_names_every_mirror_and_the_way_by_hand(server: Loopback, tmp_path: Path) -> None:
    server.plan(status(404), path="/a.tar")
    server.plan(html(), path="/b.tar")
    server.plan(status(503), path="/c.tar")
    error = refused(tmp_path, *(server.url(f"/{x}.tar") for x in "abc"))
    assert (error.code, error.exit_code) == ("no-mirror", 3)
    assert all(part in error.message for part in ("404", "HTML page", "503", "(3 times)"))
    assert error.fix is not None
    assert f"{len(TAR):,} bytes" in error.fix
    assert hashlib.md5(TAR).hexdigest() in error.fix
    assert left(tmp_path) == []
    server.plan(good(), path="/d.tar")
    server.body = TAR[:-1] + b"?"
    error = refused(tmp_path, server.url("/d.tar"))
    assert all(hashlib.md5(data).hexdigest() in error.message for data in (server.body, TAR))


def test_addresses_that_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback(b"") as closed:
        url = closed.url()
    assert refused(tmp_path, url).code == "unreachable"
    assert refused(tmp_path, "ftp://127.0.0.1/voc.tar").code == "bad-url"
    for bad in ("voc.tar", "http://127.0.0.1:99999/voc.tar", f"http://{'a' * 70}.invalid/voc.tar"):
        assert refused(tmp_path, bad).code in ("bad-url", "unreachable")
    with pytest.raises(DownloadError) as caught:
        get(tmp_path, url.replace("//", "//user:secret@"))
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:1")
    assert failing(tmp_path, DownloadError, url="http://voc.invalid/voc.tar") == "bad-proxy"


def test_retry_after_is_honored_up_to_a_limit(server: Loopback, tmp_path: Path) -> None:
    server.plan(status(503, Retry_After="1"), good())
    start = time.monotonic()
    get(tmp_path / "a", server.url())
    assert 1.0 <= time.monotonic() - start < 3
    server.plan(status(503, Retry_After=formatdate(time.time() + 3600, usegmt=True)), path="/busy.tar")
    said = get(tmp_path / "b", server.url("/busy.tar"), server.url())
    assert [path for path, _ in server.seen][-2:] == ["/busy.tar", "/voc.tar"]
    assert any("come back in 3,6" in line or "come back in 3,5" in line for line in said)


def test_mirrors_redirects_and_several_accepted_hashes(server: Loopback, tmp_path: Path) -> None:
    server.plan(redirect("/voc.tar"), path="/pub/voc.tar")
    hashes = {"md5": ("0" * 32, hashlib.md5(TAR).hexdigest())}
    get(tmp_path, "http://127.0.0.1:1/voc.tar", mirrors=[server.url("/pub/")], hashes=hashes)
    assert [path for path, _ in server.seen] == ["/pub/voc.tar", "/voc.tar"]


# -- an archive at hand, folders that are there, no room --------------------------------------------------------------


def test_an_archive_by_hand_is_verified_before_it_is_unpacked(tmp_path: Path) -> None:
    mine, place = tmp_path / "mine.tar", tmp_path / "e"
    mine.write_bytes(TAR)
    get(tmp_path / "d", "http://nowhere.invalid/voc.tar", archive=mine)
    assert mine.read_bytes() == TAR
    for data, code in ((TAR[:-1], "wrong-size"), (b"x" + TAR[1:], "hash-mismatch")):
        mine.write_bytes(data)
        assert failing(place, archive=mine) == code
    assert failing(place, MissingError, archive=tmp_path / "absent") == "missing-file"
    assert failing(place, archive=tmp_path) == "not-a-file"
    mine.write_bytes(TAR)
    mine.chmod(0)
    if not os.access(mine, os.R_OK):
        assert failing(place, SystemFault, archive=mine) == "permission-denied"
    mine.chmod(0o600)
    for data, code in ((b"<html>", "not-an-archive"), (make_tar({"a": b""}, ROOT), "missing-lists")):
        mine.write_bytes(data)
        assert failing(place, archive=mine, data=data) == code
    assert not list(place.rglob(".*"))


def test_what_others_put_there_is_not_touched(server: Loopback, tmp_path: Path) -> None:
    (tmp_path / "voc.tar").write_bytes(b"half")
    (tmp_path / ROOT).mkdir(parents=True)
    assert "left alone" in get(tmp_path, server.url())[0]  # an empty folder is no obstacle
    assert (tmp_path / "voc.tar").read_bytes() == b"half"
    shutil.rmtree(tmp_path / ROOT)
    (tmp_path / ROOT).mkdir()
    (tmp_path / ROOT / "thesis.doc").write_bytes(b"mine")
    assert failing(tmp_path, SystemFault, url=server.url()) == "destination-exists"
    for folder in ("ImageSets/Segmentation", "JPEGImages"):
        (tmp_path / ROOT / folder).mkdir(parents=True)
    said: list[str] = []
    download(entry(server.url()), tmp_path, say=said.append)
    assert "not verified" in said[0]
    assert len(server.seen) == 1
    assert (tmp_path / ROOT / "thesis.doc").exists()


def test_the_disk_is_asked_before_anything_is_fetched(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=2 * len(TAR) - 1)
    monkeypatch.setattr(getting.shutil, "disk_usage", lambda path: usage)
    assert failing(tmp_path, SystemFault, url=server.url()) == "disk-full"
    assert server.seen == []
    assert failing(tmp_path, SystemFault, url=server.url(), size=None) == "disk-full"
    assert left(tmp_path) == []
    (tmp_path / "voc.tar").write_bytes(TAR)
    usage = usage._replace(free=len(TAR) // 4)
    assert failing(tmp_path, SystemFault, url=server.url()) == "disk-full"  # before anything is unpacked
    assert left(tmp_path) == ["voc.tar"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs with room for the archive and some of its files."""
    path = tmp_path / "small"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={len(TAR) + 100_000}", "none", str(path)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small tmpfs cannot be mounted here")
    yield path
    subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_is_said_and_leaves_a_state_that_is_resumed(
    server: Loopback, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(small_disk)._replace(free=1 << 40)
    monkeypatch.setattr(getting.shutil, "disk_usage", lambda path: usage)
    # While unpacking: the archive fits, its files do not.
    assert failing(small_disk, SystemFault, url=server.url()) == "disk-full"
    assert not (small_disk / ROOT).exists()
    assert left(small_disk) == [".voc.tar.part"]
    # While downloading.
    (small_disk / ".voc.tar.part").unlink()
    (small_disk / "ballast").write_bytes(bytes(300_000))
    assert failing(small_disk, SystemFault, url=server.url()) == "disk-full"
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    get(small_disk, server.url())
    assert int((server.ranges()[-1] or "bytes=0-")[6:-1]) > 50_000


# -- processes --------------------------------------------------------------------------------------------------------


def start_process(code: str, directory: Path, *urls: str) -> subprocess.Popen[str]:
    """Start Python with `run(directory=...)` that downloads."""
    item = entry(*urls)
    head = f"""
import os, sys
from pathlib import Path
from pixelwise.downloads.archives import Archive
from pixelwise.downloads.getting import download
from pixelwise.downloads.http import Patience
ITEM = Archive("voc2012", {item.urls!r}, {item.root!r}, {item.home!r}, {item.hashes!r}, {item.size!r})
PATIENCE = Patience(stall=30.0, backoff=0.01, window=5.0)
def run(directory={str(directory)!r}, **options):
    return download(ITEM, directory, patience=PATIENCE, **options)
"""
    code = head + textwrap.dedent(code)
    return subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return out.strip()


def test_a_file_size_limit_is_said(server: Loopback, tmp_path: Path) -> None:
    code = f"""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, ({len(TAR) // 2}, {len(TAR) // 2}))
        from pixelwise.errors import SystemFault
        try:
            run()
        except SystemFault as error:
            print(error.code)
    """
    assert finish(start_process(code, tmp_path, server.url())) == "disk-full"
    get(tmp_path, server.url())
    assert server.ranges()[-1] == HALF


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
    deaths = sorted({1 + (total - 1) * i // (KILLED - 1) for i in range(KILLED)})
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
def test_kill_9_at_many_instants(server: Loopback, tmp_path: Path) -> None:
    code = f"BASE, KILLED = {str(tmp_path)!r}, 24\n" + textwrap.dedent(KILLS)
    total, deaths = json.loads(finish(start_process(code, tmp_path, server.url())))
    assert total > 100
    assert all(status == 9 for _, status, _ in deaths[:-1])
    assert not any(there for _, _, there in deaths[:14])
    for folder in ["dry", "again", *(f"kill{k}" for k in range(len(deaths)))]:
        assert content(tmp_path / folder / ROOT) == NEEDED, folder
        assert left(tmp_path / folder) == [], folder


def test_several_processes_at_once_share_one_download(server: Loopback, tmp_path: Path) -> None:
    """The destination is watched meanwhile: it is absent, then complete."""
    gate = threading.Event()

    def slow(r: loopback.Request) -> None:
        gate.wait(30)
        good()(r)

    server.plan(slow, good())
    processes = [start_process("run(say=print)", tmp_path, server.url()) for _ in range(3)]
    first = [process.stdout.readline() for process in processes if process.stdout]
    assert sorted(line.split()[0] for line in first) == ["another", "another", "downloading"]
    gate.set()
    seen = set()
    while any(process.poll() is None for process in processes):
        if (tmp_path / ROOT).exists():
            seen.add(len(content(tmp_path / ROOT)))
        time.sleep(0.001)
    for process in processes:
        finish(process)
    assert seen == {len(NEEDED)}
    assert len(server.seen) == 1
    assert content(tmp_path / ROOT) == NEEDED
    assert left(tmp_path) == []


def test_a_killed_process_blocks_nobody_and_the_next_one_resumes(server: Loopback, tmp_path: Path) -> None:
    server.plan(stall(0.5, seconds=30), good())
    first = start_process("run(say=print)", tmp_path, server.url())
    part = tmp_path / ".voc.tar.part"
    while first.poll() is None and not (part.exists() and part.stat().st_size == len(TAR) // 2):
        time.sleep(0.01)
    second = start_process("run(say=print)", tmp_path, server.url())
    assert second.stdout is not None
    assert second.stdout.readline().startswith("another process")
    time.sleep(0.2)
    first.kill()
    first.communicate()
    finish(second)
    assert server.ranges() == [None, HALF]
    assert content(tmp_path / ROOT) == NEEDED
    assert left(tmp_path) == []


def test_a_dataset_that_is_there_waits_for_nobody_and_what_was_left_goes(server: Loopback, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        get(tmp_path, server.url(), everything=True, progress=stop_at(len(TAR) // 2))
    part, lock = tmp_path / ".voc.tar.part", tmp_path / ".voc.tar.lock"
    kept = part.read_bytes()
    get(tmp_path, server.url())
    assert server.ranges()[1] is not None
    part.write_bytes(kept)  # newer than the dataset: of an interrupted download of everything
    lock.touch()
    (tmp_path / "VOCdevkit/.VOC2012.0.unpacking/tree").mkdir(parents=True)
    get(tmp_path, server.url())
    assert left(tmp_path) == [".voc.tar.part"]
    os.utime(part, (0, 0))  # older: what the dataset was made from
    with getting._locked(lock, busy=None) as locked:
        assert locked
        get(tmp_path, server.url())
    assert left(tmp_path) == [".voc.tar.part"]
    get(tmp_path, server.url())
    assert left(tmp_path) == []


def test_a_lock_that_vanishes_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, path = getting._flock, tmp_path / "lock"

    def slow(fd: int) -> None:
        path.unlink()  # the previous owner is done
        monkeypatch.setattr(getting, "_flock", real)
        real(fd)

    monkeypatch.setattr(getting, "_flock", slow)
    with getting._locked(path, busy=lambda: None) as locked:
        assert locked
        assert path.exists()
    assert not path.exists()


def no_lock(fd: int) -> None:
    raise OSError(errno.ENOSYS, "Function not implemented")


@pytest.mark.parametrize("lock", [no_lock, lambda fd: None])
def test_two_without_locks_do_not_harm_each_other(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock: Callable[[int], None]
) -> None:
    """On some network file systems locks fail, or succeed without effect: names and hashes have to do."""
    monkeypatch.setattr(getting, "_flock", lock)
    with pytest.raises(KeyboardInterrupt):  # a part for both to resume
        get(tmp_path, server.url(), progress=stop_at(len(TAR) // 2))
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
    assert left(tmp_path) == []


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_folder_that_is_taken_away_while_it_is_filled_never_appears(
    server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    steps: list[str] = []

    def delete_one(folder: Path) -> None:
        next(p for p in Path(folder).rglob("*") if p.is_file()).unlink()

    def progress(done: int, total: int | None) -> None:
        if steps[-1].startswith("unpacking") and done >= share * (total or 0):
            with monkeypatch.context() as slow:
                slow.setattr(unpack.shutil, "rmtree", delete_one)  # as if the deletion had just begun
                unpack.discard(tmp_path / ROOT)

    assert failing(tmp_path, SystemFault, url=server.url(), say=steps.append, progress=progress) == "io-error"
    assert not (tmp_path / ROOT).exists()
    get(tmp_path, server.url())
    assert left(tmp_path) == []


def test_bytes_that_change_on_the_disk_are_found(server: Loopback, tmp_path: Path) -> None:
    def tamper(done: int, total: int | None) -> None:
        with open(tmp_path / ".voc.tar.part", "r+b") as file:
            file.seek(9)
            file.write(b"\0\1\2")

    assert refused(tmp_path, server.url(), progress=tamper).code == "hash-mismatch"
    assert left(tmp_path) == []
