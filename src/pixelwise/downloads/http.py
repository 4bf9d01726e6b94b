"""One file from one of several mirrors over HTTP: resumed, retried, timed out, and verified by its hash."""

from __future__ import annotations

import email.utils
import itertools
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from ..errors import DownloadError
from ..types import Progress
from .archives import Archive

_CONNECT = 15.0  # seconds
_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server; times in seconds.

    stall: without any byte. min_speed: bytes per second over `window`; a slower attempt is broken off. attempts: in
    a row without progress, per mirror. backoff: before the second attempt, then doubled; half of it is random, so
    that many clients do not return together. longest_wait: a server that asks for a longer one is given up.
    """

    stall: float = 30.0
    min_speed: float = 1024.0
    window: float = 60.0
    attempts: int = 5
    backoff: float = 1.0
    longest_wait: float = 120.0


class _Failure(Exception):  # noqa: N818 (a signal inside this module)
    """An attempt failed. again: the same mirror may do better, after `wait` seconds (None: the usual pause)."""

    def __init__(self, what: str, code: str, *, again: bool = False, wait: float | None = None) -> None:
        super().__init__(what)
        self.code, self.again, self.wait = code, again, wait


@dataclass
class Transfer:
    """The transfer of `item` into the file `part`. need: called with the bytes to come once known."""

    item: Archive
    part: Path
    patience: Patience
    progress: Progress
    say: Callable[[str], None]
    need: Callable[[int], None]

    def __post_init__(self) -> None:
        # Do the bytes come from several responses? Those of an earlier run may also have been lost by a power failure.
        self.pieced: bool = self.have > 0

    @property
    def have(self) -> int:
        """Bytes so far."""
        return self.part.stat().st_size if self.part.exists() else 0

    def run(self, urls: Sequence[str], by_hand: str) -> None:
        """Complete `part` from the mirrors `urls`, in their order, and verify it.

        A mirror resumes where the previous one stopped: the hash of the whole decides. Wrong bytes are
        discarded, and if they came in pieces, the same mirror is asked once more for all of them.

        Raises DownloadError, with the advice `by_hand`, if no mirror delivers. It lists what each mirror answered;
        its code is theirs if they agree (`not-found`, `hash-mismatch`, `stalled`, ...), otherwise `no-mirror`.
        """
        if self.item.size is not None:
            self.need(max(0, self.item.size - self.have))
        failures, codes = list[str](), set[str]()
        with _client(self.patience.stall) as client:
            for url in urls:
                try:
                    self._from_mirror(client, url)
                    return
                except _Failure as failure:
                    failures.append(f"{_shown(url)}: {failure}")
                    codes.add(failure.code)
                    self.say(failures[-1])
        what = "no mirror delivered the file: " + "; ".join(failures)
        if self.have:
            what += f"; {self.have:,} bytes are kept for the next run"
        code = codes.pop() if len(codes) == 1 else "no-mirror"
        raise DownloadError(what, code=code, where=self.item.name, fix=by_hand)

    def _from_mirror(self, client: httpx.Client, url: str) -> None:
        for last in (False, True):
            self._complete(client, url)
            self.say("verifying the download")
            wrong = self.item.mismatch(self.part, self.progress)
            if wrong is None:
                return
            self.part.unlink(missing_ok=True)
            if last or not self.pieced:
                raise _Failure(wrong, "hash-mismatch")
            self.say(f"{wrong}; the pieces did not fit together, so all of it is fetched again")

    def _complete(self, client: httpx.Client, url: str) -> None:
        size, failed = self.item.size, 0
        if size is not None and self.have > size:
            self.part.unlink(missing_ok=True)
        while (have := self.have) != size:
            if not failed:
                self.say(f"downloading {_shown(url)}" + (f" from byte {have:,}" if have else ""))
            try:
                self._attempt(client, url)
                break
            except _Failure as failure:
                # A hundredth of the file counts as progress: a line that keeps breaking still gets there.
                failed = 1 if self.have - have > (size // 100 if size else 1 << 20) else failed + 1
                self._pause(failure, failed, url)

    def _pause(self, failure: _Failure, failed: int, url: str) -> None:
        """Wait before the next attempt; raise a failure that is final."""
        patience, wait = self.patience, failure.wait
        if not failure.again:
            raise failure
        if failed >= (min(2, patience.attempts) if failure.code == "unreachable" else patience.attempts):
            raise _Failure(f"{failure} ({'once' if failed == 1 else f'{failed} times'})", failure.code)
        if wait is None:
            wait = min(patience.backoff * 2 ** (failed - 1), patience.longest_wait) * random.uniform(0.5, 1.0)
        if wait:
            self.say(f"{_shown(url)}: {failure}; trying again in {wait:.1f} s")
            time.sleep(wait)

    def _attempt(self, client: httpx.Client, url: str) -> None:
        headers = {"Range": f"bytes={self.have}-"} if self.have else {}
        try:
            with client.stream("GET", url, headers=headers) as response:
                total = self._accept(response)
                if response.status_code != 416:
                    self._receive(response, total)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Failure(f"no connection ({_reason(error)})", "unreachable", again=True) from None
        except httpx.TimeoutException:
            raise _Failure(f"no byte for {self.patience.stall:g} s", "stalled", again=True) from None
        except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError) as error:
            raise _Failure(f"the connection broke off ({_reason(error)})", "broken-off", again=True) from None
        except httpx.TooManyRedirects:
            raise _Failure(f"more than {_REDIRECTS} redirects", "redirects") from None
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # UnicodeError: not a host name
            raise _Failure(_reason(error), "bad-url") from None

    def _accept(self, response: httpx.Response) -> int | None:
        """Judge status and headers; the size of the whole file if known. A 416 that returns means: complete."""
        status, headers, have, size = response.status_code, response.headers, self.have, self.item.size
        said, code = f"{status} {response.reason_phrase}".strip(), f"http-{status}"
        if status in (408, 429) or status >= 500:
            wait = _seconds(headers.get("Retry-After", "").strip())
            if wait is not None and wait > self.patience.longest_wait:
                raise _Failure(f"{said}, come back in {wait:,.0f} s", code)
            raise _Failure(said, code, again=True, wait=wait)
        if status != 200 and not (have and status in (206, 416)):
            raise _Failure(said, "not-found" if status in (404, 410) else code)
        if headers.get("Content-Encoding", "identity") != "identity":
            raise _Failure(f"sends {headers['Content-Encoding']} although asked not to", "encoded")
        if status != 416 and headers.get("Content-Type", "").startswith(("text/html", "application/xhtml")):
            raise _Failure("an HTML page instead of the archive", "html-page")
        if status == 200:
            start, total = None, _whole(headers.get("Content-Length", ""))
        else:  # the range is `*` in a 416: it would begin at the end
            span = re.fullmatch("bytes (?:([0-9]+)-[0-9]+|[*])/([0-9]+|[*])", headers.get("Content-Range", ""))
            start, total = (_whole(span[1] or span[2]), _whole(span[2])) if span else (None, None)
        if size is not None and total not in (None, size):
            raise _Failure(f"has {total:,} bytes, expected {size:,}", "wrong-size")
        if status != 200 and start != have:
            self.part.unlink(missing_ok=True)
            what = f"{said}: not the range that was asked for; starting again"
            raise _Failure(what, code if status == 416 else "wrong-range", again=True, wait=0.0)
        if size is None and total is not None:
            self.need(total - (start or 0))
        return size if total is None else total

    def _receive(self, response: httpx.Response, total: int | None) -> None:
        patience, chunks, fresh = self.patience, response.iter_raw(), response.status_code == 200
        since, received = time.monotonic(), 0
        first = next(chunks, b"")
        if fresh and re.match(rb"\s*<(!doctype\s+html|html)", first[:200], re.IGNORECASE):
            raise _Failure("an HTML page instead of the archive", "html-page")
        size = 0 if fresh else self.have
        self.pieced = size > 0
        with open(self.part, "wb" if fresh else "ab") as file:
            for data in itertools.chain([first], chunks):
                size += len(data)
                if total is not None and size > total:
                    break
                file.write(data)
                file.flush()
                self.progress(size, total)
                received, spent = received + len(data), time.monotonic() - since
                if spent >= patience.window:
                    if received < patience.min_speed * spent:
                        raise _Failure(f"only {received / spent:,.0f} bytes per second", "too-slow", again=True)
                    since, received = time.monotonic(), 0
        if total is not None and size > total:
            self.part.unlink(missing_ok=True)
            raise _Failure(f"sends more than the {total:,} bytes that were announced", "wrong-size")
        if total is not None and size < total:
            raise _Failure(f"ended at {size:,} of {total:,} bytes", "broken-off", again=True)


def _client(stall: float) -> httpx.Client:
    agent = {"User-Agent": "pixelwise", "Accept-Encoding": "identity"}
    timeout = httpx.Timeout(stall, connect=_CONNECT)
    try:
        return httpx.Client(follow_redirects=True, max_redirects=_REDIRECTS, timeout=timeout, headers=agent)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        what = f"the proxy in the environment cannot be used: {_reason(error)}"
        raise DownloadError(what, code="bad-proxy", fix="correct HTTP_PROXY, HTTPS_PROXY and ALL_PROXY") from None


def _shown(url: str) -> str:
    """The URL without user name and password."""
    return re.sub(r"(?<=//)[^/@]*@", "", url)


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,18}", text) else None


def _seconds(retry_after: str) -> float | None:
    """The wait that the header asks for, as a number or a date; None if it is neither."""
    if (number := _whole(retry_after)) is not None:
        return number
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None
