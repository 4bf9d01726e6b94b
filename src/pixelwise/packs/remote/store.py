"""Store: one folder of an object store, by obstore, whose errors become ours.

obstore retries what may pass (5xx, 429, lost connections, bodies that break off) with growing pauses, and gives up
after a time; so whatever a store does ends in bytes or in one error. Credentials, endpoints and timeouts come from the
environment variables that obstore knows (AWS_..., GOOGLE_..., AZURE_...).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from ...errors import MissingError, MissingExtraError, PackError, SystemFault, UsageError
from ...files.addresses import StorePath

RETRIES: Final[dict[str, Any]] = {
    "max_retries": 6,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=5), "base": 2},
}
"""At most about six seconds of pauses, and no new attempt after a minute. An attempt ends after obstore's 30 seconds,
or those of AWS_TIMEOUT and its like.
"""
CHUNK: Final = 8 << 20
"""Bytes of a part of an upload, and of a large file that is fetched in parts. S3 takes parts of 5 MB to 5 GB, at most
10,000 of them (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html): 80 GB.
"""

_used_by: int | None = None
"""The process in which obstore's threads are: after a fork the child waits for them forever, even with a new store."""


class Chunk(NamedTuple):
    """Bytes of an object. data: they support the buffer protocol. tag, size: ETag and size of the whole object."""

    data: Any
    tag: str | None
    size: int


class Tag(NamedTuple):
    """Which object is meant, in a put on a condition: S3 and Azure compare the ETag, Google's store the generation."""

    e_tag: str | None
    version: str | None


class Store:
    """The objects below an address. Thread-safe; made again in each process (`__reduce__`).

    Every method raises MissingError for what is not there, SystemFault `store-refused` if the credentials do not
    suffice, `store-failed` after the last attempt, PackError `store-changed` if an object is not the one that was asked
    for, UsageError `forked-store` in a process that was forked after another store was used.
    """

    def __init__(self, root: StorePath) -> None:
        self.root = root
        text = str(root)
        options: dict[str, Any] = {}
        if text.startswith("http:"):
            options["client_options"] = {"allow_http": True}
        with self._named(root):
            self._store = _obstore().store.from_url(text, retry_config=RETRIES, **options)

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.root,)

    def read(self, path: Path) -> bytes:
        """A whole object, which may be large: its parts are fetched one after the other."""
        first = self.get(path, 0, CHUNK)
        parts = [first.data]
        for start in range(CHUNK, first.size, CHUNK):
            parts.append(self.get(path, start, min(start + CHUNK, first.size), first.tag).data)
        return b"".join(map(bytes, parts))

    def get(self, path: Path, start: int, stop: int, tag: str | None = None) -> Chunk:
        """Bytes start..stop of an object, fewer where it ends. tag: refuse an object with another ETag."""
        options: dict[str, Any] = {"range": (start, stop)}
        if tag is not None and not tag.startswith("W/"):  # If-Match compares strong ones only (RFC 9110, 13.1.1)
            options["if_match"] = tag
        with self._named(path):
            found = _obstore().get(self._store, self._key(path), options=options)
            data, meta = found.bytes(), found.meta
        if tag is not None and meta["e_tag"] not in (tag, None):
            raise changed(path)
        if len(data) != min(stop, meta["size"]) - start:
            what = f"gave {len(data)} bytes of the {stop - start} that were asked for"
            raise SystemFault(what, code="store-failed", where=path, fix="try again; look at the store")
        return Chunk(data, meta["e_tag"], meta["size"])

    def head(self, path: Path) -> tuple[int, Tag] | None:
        """Size of an object, and what tells it from one that replaces it; None if there is none."""
        try:
            with self._named(path):
                meta = _obstore().head(self._store, self._key(path))
        except MissingError:
            return None
        return meta["size"], Tag(meta["e_tag"], meta["version"])

    def names(self) -> list[str]:
        """The objects and folders right below the address."""
        with self._named(self.root):
            found = _obstore().list_with_delimiter(self._store)
        return [p.rpartition("/")[2] for p in (*(o["path"] for o in found["objects"]), *found["common_prefixes"])]

    def below(self, folder: str) -> list[Path]:
        """All objects in a folder, and below it."""
        with self._named(self.root / folder):
            pages = list(_obstore().list(self._store, f"{folder}/"))
        return [self.root / meta["path"] for page in pages for meta in page]

    def upload(self, path: Path, file: Path) -> None:
        """Put a file, in parts: it appears when all of it is there."""
        with self._named(path):
            _obstore().put(self._store, self._key(path), file, chunk_size=CHUNK, max_concurrency=4)

    def put(self, path: Path, data: bytes, replaces: Tag | None = None) -> bool:
        """Put a small object in place of the one that `replaces` tells, or of none. False if another is there."""
        obstore = _obstore()
        mode: Any = "create" if replaces is None else {k: v for k, v in replaces._asdict().items() if v is not None}
        try:
            with self._named(path, passing=(obstore.exceptions.AlreadyExistsError, _failed("Precondition"))):
                obstore.put(self._store, self._key(path), data, mode=mode, use_multipart=False)
        except (obstore.exceptions.AlreadyExistsError, _failed("Precondition")):
            return False
        return True

    def delete(self, paths: list[Path]) -> None:
        """Delete objects; those that are gone already are passed over."""
        for path in paths:
            try:
                with self._named(path):
                    _obstore().delete(self._store, self._key(path))
            except MissingError:
                continue

    def _key(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    @contextmanager
    def _named(self, where: Path, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
        """The errors of obstore, named."""
        global _used_by
        check_not_forked(where)
        _used_by = os.getpid()
        try:
            yield
        except passing:
            raise
        except Exception as error:
            raise _ours_of(error, where) from error


def check_not_forked(where: object) -> None:
    """UsageError `forked-store` in a process that was forked from one that has used a store."""
    if _used_by not in (None, os.getpid()):
        what = "this process was forked from one that reads from a store, and would wait forever"
        fix = 'start processes by "spawn": multiprocessing.get_context("spawn"), multiprocessing_context="spawn"'
        raise UsageError(what, code="forked-store", where=where, fix=f"{fix}; or use threads, as TensorLoader does")


def changed(where: object) -> PackError:
    """The error for an object that was replaced while the pack was in use."""
    return PackError("was replaced while it was in use", code="store-changed", where=where, fix="open the pack again")


def _obstore() -> Any:
    try:
        import obstore
    except ImportError:
        what, fix = "packs in stores need obstore", "pip install 'pixelwise[remote]'"
        raise MissingExtraError(what, fix=fix) from None
    return obstore


def _failed(name: str) -> type[Exception]:
    kind: type[Exception] = getattr(_obstore().exceptions, f"{name}Error")
    return kind


def _ours_of(error: Exception, where: Path) -> Exception:
    kind, said = type(error).__name__, _first_line(error)
    if isinstance(error, (MissingExtraError, UsageError, PackError, SystemFault, MissingError)):
        return error
    if isinstance(error, FileNotFoundError):
        return MissingError("the store has no such object", code="missing-file", where=where, fix="check the address")
    if kind in ("PermissionDeniedError", "UnauthenticatedError"):
        fix = "check the credentials in the environment (AWS_..., GOOGLE_..., AZURE_...) and the permissions"
        return SystemFault(f"the store refuses: {said}", code="store-refused", where=where, fix=fix)
    if kind == "PreconditionError":
        return changed(where)
    if isinstance(error, NotImplementedError) or kind == "NotSupportedError" or "non-partial response" in said:
        what, fix = f"the store cannot do this: {said}", "take a server with ranges to read, and s3, gs or az to write"
        return SystemFault(what, code="store-refused", where=where, fix=fix)
    fix = "check the address, the network and the environment of obstore (AWS_ENDPOINT_URL ...), and try again"
    return SystemFault(f"the store failed: {said}", code="store-failed", where=where, fix=fix)


def _first_line(error: Exception) -> str:
    """What it says, without obstore's long debug text, and without what follows a ? in an address."""
    line = str(error).partition("\n")[0].strip() or type(error).__name__
    return re.sub(r"\?[^\s]*", "", line)[:300]
