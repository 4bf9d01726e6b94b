"""Checks of a built site: python -m docs.site.checking FOLDER

Every link inside the site leads to a page and a place that are there. Links to the world are well formed; they are not
fetched. Nothing that a page loads comes from elsewhere: no font, script, style or picture. Every public name is in the
index of objects that other projects link by.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .reference import groups

LOADED = {
    ("link", "href"), ("script", "src"), ("img", "src"), ("img", "srcset"), ("source", "srcset"), ("iframe", "src"),
    ("video", "src"), ("audio", "src"), ("object", "data"), ("embed", "src"), ("use", "href"),
}  # fmt: skip
"""Attributes whose address is fetched when a page is shown."""
NOT_FETCHED = {"next", "prev", "index", "search", "genindex", "canonical", "author", "copyright"}
"""What `rel` of a <link> says that only links."""


class Page(HTMLParser):
    """The addresses in a page, and the places in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.styles: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.places |= {str(given[name]) for name in ("id", "name") if name in given}
        if given.get("style"):
            self.styles.append(str(given["style"]))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        for name, value in attrs:
            only_links = tag == "link" and given.get("rel") in NOT_FETCHED
            if (tag, name) in LOADED and value and not only_links:
                parts = [part.split()[0] for part in value.split(",")] if name == "srcset" else [value]
                self.loaded += parts if not value.startswith("data:") else []


def problems(folder: Path) -> Iterator[str]:
    """Everything that is wrong with the site in `folder`."""
    pages = {path.resolve(): Page(path) for path in sorted(folder.rglob("*.html"))}
    for path, page in pages.items():
        where = path.relative_to(folder.resolve())
        for address in page.loaded:
            yield from (f"{where}: loads {address}" for _ in [0] if _is_foreign(address))
            if not _is_foreign(address) and not (path.parent / unquote(urlsplit(address).path)).exists():
                yield f"{where}: loads {address}, which is not there"
        for address in page.links:
            yield from (f"{where}: {said}" for said in _wrong_link(address, path, pages))
        for style in page.styles:
            yield from (f"{where}: a style loads {address}" for address in _foreign_in(style))
    for path in sorted(folder.rglob("*.css")):
        for address in _foreign_in(path.read_text("utf-8", "replace")):
            yield f"{path.relative_to(folder)}: loads {address}"
    yield from _undocumented(folder)


def _is_foreign(address: str) -> bool:
    return bool(urlsplit(address).netloc) or address.startswith("//")


def _foreign_in(style: str) -> list[str]:
    found = re.findall(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)", style)
    return [address for pair in found for address in pair if address and _is_foreign(address)]


def _wrong_link(address: str, path: Path, pages: dict[Path, Page]) -> Iterator[str]:
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        is_host = re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?", parts.netloc)
        if not is_host or re.search(r"[\s<>\"{}|\\^`]", address):
            yield f"links to {address}, which is not an address"
        return
    if parts.scheme:
        if parts.scheme not in ("mailto", "data"):
            yield f"links to {address}, which is of another kind"
        return
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.exists():
        yield f"links to {address}, which is not there"
    elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].places:
        yield f"links to {address}, a place which is not there"


def _undocumented(folder: Path) -> Iterator[str]:
    from sphinx.util.inventory import InventoryFile

    inventory = InventoryFile.loads((folder / "objects.inv").read_bytes(), uri="")
    there = {name for kind, entries in inventory.data.items() if kind.startswith("py:") for name in entries}
    for group in groups():
        yield from (f"{group.module}.{n} is not documented" for n in group.names if f"{group.module}.{n}" not in there)


def main() -> None:
    """Print all problems; exit 1 if there are any."""
    folder = Path(sys.argv[1])
    found = [*problems(folder)]
    print(*found, sep="\n", end="\n" * bool(found))
    print(f"{len([*folder.rglob('*.html')])} pages, {len(found)} problems")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
