"""One file from one of several mirrors over HTTP: resumed, retried, timed out, and verified by its hash."""

from __future__ import annotations

import contextlib
import email.utils
import hashlib
import json
import random
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DownloadError
from ..types import Progress

if TYPE_CHECKING:
    import httpx

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server. Times in seconds.

    connect: for a connection. stall: without any byte. min_speed: bytes per second over `window`, below which
    an attempt is broken off. attempts: in a row without progress, per mirror. backoff: before the second
    attempt; it doubles up to `longest_backoff`, and half of it is random, so that many clients do not return
    together. longest_retry_after: a server that asks for more is given up. redirects: followed at most.
    """

    connect: float = 15.0
    stall: float = 30.0
    min_speed: float = 1024.0
    window: float = 60.0
    attempts: int = 5
    backoff: float = 1.0
    longest_backoff: float = 30.0
    longest_retry_after: float = 120.0
    redirects: int = 5


class Part:
    """A partial file, and a note beside it that identifies the server's file its bytes came from.

    pieces: the number of responses that the bytes came from; several may not fit together.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.note = path, path.with_name(path.name + ".json")
        self.pieces = 2 if self.size else 0  # power may have failed before an earlier run's bytes reached the disk

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def source(self) -> dict[str, str]:
        """The note: `url`, `etag`, and `validator` for If-Range."""
        try:
            return dict(json.loads(self.note.read_text()))
        except (OSError, ValueError, TypeError):
            return {}

    def remove(self) -> None:
        """Discard all bytes."""
        self.note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        self.pieces = 0


def mismatch(path: Path, hashes: Mapping[str, Collection[str]], progress: Progress) -> str | None:
    """What is wrong with the hashes of the file, as a sentence; None if all of them are accepted ones."""
    hashers = {name: hashlib.new(name, usedforsecurity=False) for name in hashes}
    size = path.stat().st_size
    with open(path, "rb") as file:
        while data := file.read(CHUNK):
            for hasher in hashers.values():
                hasher.update(data)
            progress(file.tell(), size)
    for name, hasher in hashers.items():
        if hasher.hexdigest() not in hashes[name]:
            return f"the {name.upper()} is {hasher.hexdigest()}, expected {' or '.join(hashes[name])}"
    return None


class _Failure(Exception):  # noqa: N818 (a signal inside this module)
    """An attempt failed. again: the same mirror may do better, after `wait` seconds (None: the usual pause)."""

    def __init__(self, what: str, code: str, *, again: bool = False, wait: float | None = None) -> None:
        super().__init__(what)
        self.code, self.again, self.wait = code, again, wait


@dataclass(frozen=True, slots=True)
class Transfer:
    """Complete `part` from the mirrors `urls`, in their order, and verify it.

    size: in bytes, or None. hashes: algorithm -> accepted hex digests. need: called with the number of bytes
    still to come once a server has announced a size that was not known.
    """

    part: Part
    urls: Sequence[str]
    size: int | None
    hashes: Mapping[str, Collection[str]]
    patience: Patience
    progress: Progress
    say: Callable[[str], None]
    need: Callable[[int], None]

    def run(self, name: str, by_hand: str) -> None:
        """Raise DownloadError, about `name` and with the advice `by_hand`, if no mirror delivers.

        A mirror resumes where the previous one stopped: the hash of the whole decides. Wrong bytes are
        discarded, and if they came in pieces, the same mirror is asked once more for all of them. The error
        lists what each mirror answered; its code is theirs if they agree (`not-found`, `hash-mismatch`,
        `stalled`, ...), otherwise `no-mirror`.
        """
        failures: list[tuple[str, str]] = []
        with self._client() as client:
            for url in self.urls:
                try:
                    self._from_mirror(client, url)
                    return
                except _Failure as failure:
                    failures.append((f"{_shown(url)}: {failure}", failure.code))
                    self.say(failures[-1][0])
        what = "no mirror delivered the file: " + "; ".join(line for line, _ in failures)
        if self.part.size:
            what += f"; {self.part.size:,} bytes are kept for the next run"
        codes = {code for _, code in failures}
        raise DownloadError(what, code=codes.pop() if len(codes) == 1 else "no-mirror", where=name, fix=by_hand)

    def _client(self) -> httpx.Client:
        import httpx

        timeout, most = httpx.Timeout(self.patience.stall, connect=self.patience.connect), self.patience.redirects
        agent = {"User-Agent": "pixelwise", "Accept-Encoding": "identity"}
        try:
            return httpx.Client(follow_redirects=True, max_redirects=most, timeout=timeout, headers=agent)
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            what = f"the proxy in the environment cannot be used: {_reason(error)}"
            fix = "correct HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"
            raise DownloadError(what, code="bad-proxy", fix=fix) from None

    def _from_mirror(self, client: httpx.Client, url: str) -> None:
        part, failed, from_scratch = self.part, 0, False
        while True:
            before = part.size
            if self.size is not None and before > self.size:
                part.remove()
            try:
                if part.size != self.size:
                    if not failed:
                        self.say(f"downloading {_shown(url)}" + (f" from byte {part.size:,}" if part.size else ""))
                    self._attempt(client, url)
            except _Failure as failure:
                # A hundredth of the file counts as progress: a line that keeps breaking still gets there.
                enough = self.size // 100 if self.size else CHUNK
                failed = 1 if part.size - before > enough else failed + 1
                self._pause(failure, failed, url)
                continue
            self.say("verifying the download")
            wrong = mismatch(part.path, self.hashes, self.progress)
            if wrong is None:
                return
            in_pieces = part.pieces > 1
            part.remove()
            if not in_pieces or from_scratch:
                raise _Failure(wrong, "hash-mismatch")
            from_scratch = True
            self.say(f"{wrong}; the pieces did not fit together, so all of it is fetched again")

    def _pause(self, failure: _Failure, failed: int, url: str) -> None:
        """Wait before the next attempt; raise a failure that is final."""
        patience = self.patience
        if not failure.again:
            raise failure
        if failed >= (min(2, patience.attempts) if failure.code == "unreachable" else patience.attempts):
            raise _Failure(f"{failure} ({'once' if failed == 1 else f'{failed} times'})", failure.code)
        wait = failure.wait
        if wait is None:
            wait = min(patience.backoff * 2 ** (failed - 1), patience.longest_backoff) * random.uniform(0.5, 1.0)
        if wait:
            self.say(f"{_shown(url)}: {failure}; trying again in {wait:.1f} s")
            time.sleep(wait)

    def _attempt(self, client: httpx.Client, url: str) -> None:
        import httpx

        source, headers = self.part.source, dict[str, str]()
        if self.part.size:
            headers["Range"] = f"bytes={self.part.size}-"
            if source.get("url") == url and "validator" in source:
                headers["If-Range"] = source["validator"]
        try:
            with client.stream("GET", url, headers=headers) as response:
                total = self._accept(response, url)
                if response.status_code != 416:
                    self._receive(response, url, total)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Failure(f"no connection ({_reason(error)})", "unreachable", again=True) from None
        except httpx.TimeoutException:
            raise _Failure(f"no byte for {self.patience.stall:g} s", "stalled", again=True) from None
        except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError) as error:
            raise _Failure(f"the connection broke off ({_reason(error)})", "broken-off", again=True) from None
        except httpx.TooManyRedirects:
            raise _Failure(f"more than {self.patience.redirects} redirects", "redirects") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # UnicodeError: not a host name
            raise _Failure(_reason(error), "bad-url") from None

    def _accept(self, response: httpx.Response, url: str) -> int | None:
        """Judge status and headers; the size of the whole file if known. A 416 that returns means: complete."""
        status, headers, have = response.status_code, response.headers, self.part.size
        length = headers.get("Content-Length", "")
        total = int(length) if re.fullmatch("[0-9]{1,18}", length) else None
        if status in (408, 429) or status >= 500:
            raise _retry_later(response, self.patience)
        if status != 200 and not (have and status in (206, 416)):
            code = "not-found" if status in (404, 410) else f"http-{status}"
            raise _Failure(f"{status} {response.reason_phrase}".strip(), code)
        if headers.get("Content-Encoding", "identity") != "identity":
            raise _Failure(f"sends {headers['Content-Encoding']} although asked not to", "encoded")
        if status != 416 and headers.get("Content-Type", "").startswith(("text/html", "application/xhtml")):
            raise _Failure("an HTML page instead of the archive", "html-page")
        if status != 200:
            total = self._range_total(response, url)
        if self.size is not None and total not in (None, self.size):
            raise _Failure(f"has {total:,} bytes, expected {self.size:,}", "wrong-size")
        if self.size is None and total is not None:
            self.need(total - (0 if status == 200 else have))
        return total if total is not None else self.size

    def _range_total(self, response: httpx.Response, url: str) -> int | None:
        """The size of the whole file, from the Content-Range of a 206 or 416."""
        text, have, source = response.headers.get("Content-Range", ""), self.part.size, self.part.source
        if response.status_code == 416:
            whole = re.fullmatch(r"bytes \*/([0-9]{1,18})", text)
            if whole and (int(whole[1]) == have or self.size not in (None, int(whole[1]))):
                return int(whole[1])
            what, code = "the server has no such range (416)", "http-416"
        else:
            span = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)", text)
            new, old = response.headers.get("ETag"), source.get("etag")
            changed = source.get("url") == url and None not in (new, old) and new != old
            if span and int(span[1]) == have and not changed:
                return None if span[2] == "*" else int(span[2])
            what = "the file changed on the server" if changed else "the server sent another range than asked for"
            code = "wrong-range"
        self.part.remove()
        raise _Failure(f"{what}; starting again", code, again=True, wait=0.0)

    def _receive(self, response: httpx.Response, url: str, total: int | None) -> None:
        part, chunks = self.part, _measured(response.iter_raw(), self.patience)
        data: bytes | None = next(chunks, b"")
        if response.status_code == 200:
            if re.match(rb"\s*<(!doctype\s+html|html)", data[:200] if data else b"", re.IGNORECASE):
                raise _Failure("an HTML page instead of the archive", "html-page")
            part.remove()
        size = part.size
        part.pieces += 1
        with open(part.path, "ab", buffering=0) as file:
            part.note.write_text(json.dumps(_source(url, response)))
            while data is not None and (total is None or size + len(data) <= total):
                view = memoryview(data)
                while view:  # a disk that fills up takes a part of it
                    view = view[file.write(view) :]
                size += len(data)
                self.progress(size, total)
                data = next(chunks, None)
        if data is not None:
            part.remove()
            raise _Failure(f"sends more than the {total:,} bytes that were announced", "wrong-size")
        if total is not None and size < total:
            raise _Failure(f"ended at {size:,} of {total:,} bytes", "broken-off", again=True)


def _shown(url: str) -> str:
    """The URL without user name and password."""
    return re.sub(r"(?<=//)[^/@]*@", "", url)


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _source(url: str, response: httpx.Response) -> dict[str, str]:
    """What identifies the file on this server; a weak ETag does not (RFC 9110, 8.8.1)."""
    etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    validator = etag if etag and not etag.startswith("W/") else modified
    return {k: v for k, v in (("url", url), ("etag", etag), ("validator", validator)) if v}


def _retry_later(response: httpx.Response, patience: Patience) -> _Failure:
    what, code = f"{response.status_code} {response.reason_phrase}".strip(), f"http-{response.status_code}"
    asked, wait = response.headers.get("Retry-After", "").strip(), None
    if re.fullmatch("[0-9]{1,9}", asked):
        wait = float(asked)
    with contextlib.suppress(ValueError):  # a date
        wait = max(0.0, email.utils.parsedate_to_datetime(asked).timestamp() - time.time())
    if wait is not None and wait > patience.longest_retry_after:
        return _Failure(f"{what}, come back in {wait:,.0f} s", code)
    return _Failure(what, code, again=True, wait=wait)


def _measured(chunks: Iterator[bytes], patience: Patience) -> Iterator[bytes]:
    """The chunks; _Failure if fewer than `min_speed` bytes per second came over a whole window."""
    since, received = time.monotonic(), 0
    for chunk in chunks:
        yield chunk
        received += len(chunk)
        spent = time.monotonic() - since
        if spent >= patience.window:
            if received < patience.min_speed * spent:
                raise _Failure(f"only {received / spent:,.0f} bytes per second", "too-slow", again=True)
            since, received = time.monotonic(), 0
