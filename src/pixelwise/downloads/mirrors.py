"""One file from one of several mirrors over HTTP: resumed, retried, measured, and verified by its hash."""

from __future__ import annotations

import email.utils
import random
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import DownloadError
from .partial import CHUNK, Part

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for. Times in seconds.

    connect: for a connection. stall: without any byte. min_speed: bytes a second over `window`, below which
    an attempt is broken off. attempts: in a row without progress, for each mirror. backoff: before the
    second attempt; it doubles up to `longest_backoff`, and half of it is random, so that many clients do
    not return together. longest_retry_after: a server that asks for more is given up. redirects: followed
    at most.
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


@dataclass(frozen=True, slots=True)
class Order:
    """What to fetch: the mirrors in order, and what is known of the file.

    size: in bytes, or None. hashes: algorithm -> accepted hex digests. by_hand: the advice for when every
    mirror failed. need: called with the bytes still to come once a server told the size that was not known.
    """

    urls: Sequence[str]
    size: int | None
    hashes: Mapping[str, Collection[str]]
    by_hand: str
    need: Callable[[int], None] = lambda _: None


class _Again(Exception):  # noqa: N818 (a signal inside this room)
    """This attempt failed; the same mirror may do better."""

    def __init__(self, what: str, code: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.code, self.wait = code, wait


class _GiveUp(Exception):  # noqa: N818
    """This mirror will not do better."""

    def __init__(self, what: str, code: str) -> None:
        super().__init__(what)
        self.code = code


def fetch(
    order: Order,
    part: Part,
    *,
    patience: Patience,
    progress: Callable[[int, int | None], None] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Complete `part` from the mirrors of `order`, in their order, and verify size and hash.

    A mirror goes on where another one stopped: the hash of the whole decides. Bytes that turn out wrong are
    thrown away, and where they came in pieces the same mirror is asked once more for all of it. Memory is
    bounded. Raises DownloadError when no mirror delivered: it names them all with what each said; its code
    is theirs where they agree (`not-found`, `hash-mismatch`, `stalled`, ...), else `no-mirror`. SystemFault
    for the disk.
    """
    import httpx

    failures: list[tuple[str, str, str]] = []
    timeout = httpx.Timeout(patience.stall, connect=patience.connect)
    agent = {"User-Agent": "pixelwise", "Accept-Encoding": "identity"}
    try:
        client = httpx.Client(follow_redirects=True, max_redirects=patience.redirects, timeout=timeout, headers=agent)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise DownloadError(
            f"the proxy of the environment cannot be used: {_reason(error)}",
            code="bad-proxy",
            fix="correct HTTP_PROXY, HTTPS_PROXY and ALL_PROXY",
        ) from None
    with client:
        for url in order.urls:
            try:
                _from_mirror(client, url, part, order, patience, progress, say)
                return
            except _GiveUp as failure:
                failures.append((shown(url), str(failure), failure.code))
                say(f"{shown(url)}: {failure}")
    codes = {code for _, _, code in failures}
    kept = f"; {part.size:,} bytes are kept for the next run" if part.size else ""
    raise DownloadError(
        "no mirror delivered the file: " + "; ".join(f"{url}: {what}" for url, what, _ in failures) + kept,
        code=codes.pop() if len(codes) == 1 else "no-mirror",
        fix=order.by_hand,
    )


def shown(url: str) -> str:
    """A URL without its user name and password."""
    return re.sub(r"(?<=//)[^/@]*@", "", url)


def _from_mirror(
    client: httpx.Client,
    url: str,
    part: Part,
    order: Order,
    patience: Patience,
    progress: Callable[[int, int | None], None] | None,
    say: Callable[[str], None],
) -> None:
    failed = 0
    from_scratch = False
    while True:
        before = part.size
        try:
            if part.size > (order.size or part.size):
                part.restart()
            if order.size is None or part.size < order.size:
                if not failed:
                    say(f"downloading {shown(url)}" + (f" from byte {part.size:,}" if part.size else ""))
                _attempt(client, url, part, order, patience, progress)
            wrong = _mismatch(part, order)
            if wrong is None:
                return
            pieces = part.responses
            part.restart()
            if pieces < 2 or from_scratch:
                raise _GiveUp(wrong, "hash-mismatch")
            from_scratch = True
            say(f"{wrong}; the pieces did not fit together, so all of it is fetched again")
        except _Again as failure:
            # A hundredth of the file counts as progress: a line that breaks all the time still gets there.
            enough = order.size // 100 if order.size else CHUNK
            failed = 1 if part.size - before > enough else failed + 1
            if failed >= (min(2, patience.attempts) if failure.code == "unreachable" else patience.attempts):
                times = "once" if failed == 1 else f"{failed} times"
                raise _GiveUp(f"{failure} ({times})", failure.code) from None
            wait = failure.wait
            if wait is None:
                longest = min(patience.backoff * 2 ** (failed - 1), patience.longest_backoff)
                wait = longest * random.uniform(0.5, 1.0)
            if wait:
                say(f"{shown(url)}: {failure}; trying again in {wait:.1f} s")
                time.sleep(wait)


def _mismatch(part: Part, order: Order) -> str | None:
    for name, digest in part.digests().items():
        if digest not in order.hashes[name]:
            return f"the {name.upper()} is {digest}, expected {' or '.join(order.hashes[name])}"
    return None


def _attempt(
    client: httpx.Client,
    url: str,
    part: Part,
    order: Order,
    patience: Patience,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    import httpx

    try:
        with client.stream("GET", url, headers=_range(url, part, order)) as response:
            total = _accept(response, url, part, order, patience)
            if response.status_code != 416:
                _receive(response, url, part, patience, progress, total)
    except httpx.ConnectError as error:
        raise _Again(f"no connection ({_reason(error)})", "unreachable") from None
    except httpx.ConnectTimeout:
        raise _Again(f"no connection in {patience.connect:g} s", "unreachable") from None
    except httpx.TimeoutException:
        raise _Again(f"no byte for {patience.stall:g} s", "stalled") from None
    except (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError) as error:
        raise _Again(f"the connection broke off ({_reason(error)})", "broken-off") from None
    except httpx.TooManyRedirects:
        raise _GiveUp(f"more than {patience.redirects} redirects", "redirects") from None
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # UnicodeError: no host name
        raise _GiveUp(_reason(error), "bad-url") from None


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def _range(url: str, part: Part, order: Order) -> dict[str, str]:
    """The headers that ask for the rest: If-Range where the part's own server is asked again."""
    if not part.size:
        return {}
    headers = {"Range": f"bytes={part.size}-"}
    if part.source.get("url") == url and "validator" in part.source:
        headers["If-Range"] = part.source["validator"]
    elif not order.hashes:
        # Nothing would tell whether the pieces fit together.
        part.restart()
        return {}
    return headers


def _accept(response: httpx.Response, url: str, part: Part, order: Order, patience: Patience) -> int | None:
    """Judge status and headers; the size of the whole file where it is known. Raises _Again and _GiveUp.

    A 416 that returns means that the part is complete.
    """
    status = response.status_code
    if status == 416 and part.size:
        whole = re.fullmatch(r"bytes \*/([0-9]+)", response.headers.get("Content-Range", ""))
        if whole and int(whole[1]) == part.size and order.size in (None, part.size):
            return part.size
        if whole and order.size not in (None, int(whole[1])):
            raise _GiveUp(f"has {int(whole[1]):,} bytes, expected {order.size:,}", "wrong-size")
        part.restart()
        raise _Again("the server has no such range (416); starting again", "http-416", wait=0.0)
    if status in (408, 429) or status >= 500:
        raise _retry_later(response, patience)
    if status not in (200, 206) or (status == 206 and not part.size):
        code = "not-found" if status in (404, 410) else f"http-{status}"
        raise _GiveUp(f"{status} {response.reason_phrase}".strip(), code)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _GiveUp(f"sends {response.headers['Content-Encoding']} although asked not to", "encoded")
    if response.headers.get("Content-Type", "").startswith(("text/html", "application/xhtml")):
        raise _GiveUp("an HTML page instead of the archive", "html-page")
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() and length.isascii() else None
    if status == 206:
        total = _range_total(response, url, part)
    if order.size is not None and total not in (None, order.size):
        raise _GiveUp(f"has {total:,} bytes, expected {order.size:,}", "wrong-size")
    if order.size is None and total is not None:
        order.need(total - (part.size if status == 206 else 0))
    return total if total is not None else order.size


def _range_total(response: httpx.Response, url: str, part: Part) -> int | None:
    span = re.fullmatch(r"bytes ([0-9]+)-[0-9]+/([0-9]+|\*)", response.headers.get("Content-Range", ""))
    new, old = response.headers.get("ETag"), part.source.get("etag")
    changed = part.source.get("url") == url and None not in (new, old) and new != old
    if span is None or int(span[1]) != part.size or changed:
        part.restart()
        what = "the file changed on the server" if changed else "the server sent another range than asked for"
        raise _Again(f"{what}; starting again", "wrong-range", wait=0.0)
    return None if span[2] == "*" else int(span[2])


def _retry_later(response: httpx.Response, patience: Patience) -> Exception:
    what = f"{response.status_code} {response.reason_phrase}".strip()
    code = f"http-{response.status_code}"
    wait = _retry_after(response.headers.get("Retry-After", ""))
    if wait is not None and wait > patience.longest_retry_after:
        return _GiveUp(f"{what}, come back in {wait:,.0f} s", code)
    return _Again(what, code, wait)


def _retry_after(value: str) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date."""
    if re.fullmatch("[0-9]{1,9}", value.strip()):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _receive(
    response: httpx.Response,
    url: str,
    part: Part,
    patience: Patience,
    progress: Callable[[int, int | None], None] | None,
    total: int | None,
) -> None:
    chunks = _measured(response.iter_raw(), patience)
    first = next(chunks, b"")
    if response.status_code == 200:
        if re.match(rb"\s*<(!doctype\s+html|html)", first[:200], re.IGNORECASE):
            raise _GiveUp("an HTML page instead of the archive", "html-page")
        if part.size:
            part.restart()
    part.began(_source(url, response))
    data: bytes | None = first
    while data is not None:
        if total is not None and part.size + len(data) > total:
            part.restart()
            raise _GiveUp(f"sends more than the {total:,} bytes that were announced", "wrong-size")
        part.write(data)
        if progress is not None:
            progress(part.size, total)
        data = next(chunks, None)
    if total is not None and part.size < total:
        raise _Again(f"ended at {part.size:,} of {total:,} bytes", "broken-off")


def _source(url: str, response: httpx.Response) -> dict[str, str]:
    """What identifies the file on this server; a weak ETag does not (RFC 9110, 8.8.1)."""
    etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    source = {"url": url}
    if etag:
        source["etag"] = etag
    validator = etag if etag and not etag.startswith("W/") else modified
    if validator:
        source["validator"] = validator
    return source


def _measured(chunks: Iterator[bytes], patience: Patience) -> Iterator[bytes]:
    """The chunks; _Again when over a whole window fewer than `min_speed` bytes a second came."""
    since, received = time.monotonic(), 0
    for chunk in chunks:
        yield chunk
        received += len(chunk)
        spent = time.monotonic() - since
        if spent >= patience.window:
            if received < patience.min_speed * spent:
                raise _Again(f"only {received / spent:,.0f} bytes a second", "too-slow")
            since, received = time.monotonic(), 0
