"""Windows of pictures too large to be sent whole, read without the rest of the file where that is possible.

By window: TIFF files (see `codecs.decode_window`), baseline JPEG files, packs whose pixels are stored as they are, and
arrays. Memory then follows the window, whatever the size of the image. Other files have to be read whole; what was
decoded is held for the next tile, and given up for the next picture.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from ..codecs.decoding import decode_window, read_header, stored_window
from ..codecs.jpeg_windows import JpegIndex, JpegReader
from ..codecs.stored import Stored
from ..dataset.sources import ArraySource, FileSource, image_file_of
from ..errors import FileError
from ..files.mapping import MappedFile
from ..files.reading import open_regular, read_bytes
from ..labels import to_ids
from ..types import U8, Label, Window
from .entries import Item
from .pictures import image_pixels, label_ids, label_path, stored_label

_HELD: Final = 256 << 20
"""Hold at most so many bytes of whole pictures, and the newest one."""


class Held:
    """What had to be decoded whole, the last used ones. Thread-safe; what one thread makes, others wait for."""

    def __init__(self, most: int = _HELD) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[object, ...], Any] = OrderedDict()
        self._making: dict[tuple[object, ...], threading.Lock] = {}

    def get(self, key: tuple[object, ...], make: Callable[[], Any]) -> Any:
        """What `make` gave for this key, an array or something with `nbytes`. Raises as it does.

        `make` may itself get something, of another key.
        """
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._known:
                    self._known.move_to_end(key)
                    return self._known[key]
            made = make()
            with self._lock:
                while self._known and sum(one.nbytes for one in self._known.values()) > self._most:
                    self._making.pop(self._known.popitem(last=False)[0], None)
                self._known[key] = made
                return made


class Large:
    """Windows of the pictures of entries. Thread-safe. held: what had to be decoded whole."""

    def __init__(self) -> None:
        self.held: Held = Held()

    def image(self, item: Item, window: Window) -> U8:
        """(h, w, 3) uint8 RGB of a window of the image. Raises as reading it does."""
        source, key = item.split.source, ("image", id(item.split), item.at)
        found = image_file_of(source, item.split.position(item.at))
        if found is None:
            pixels: U8 = self._of_source(item, window).image
            return pixels
        path, decoding = found[0].path(found[0].images, found[1]), found[0].decoding
        kind = read_header(path).kind
        if kind == "tiff":
            with _mapped(path) as data:
                part = decode_window(data, path, window, decoding.value_range, decoding.bands)
            if part is not None:
                return part
        if kind == "jpeg" and (part := self._of_jpeg(path, key, window)) is not None:
            return part
        whole: U8 = self.held.get(key, lambda: image_pixels(item))
        return window.cut(whole)

    def label(self, item: Item, window: Window) -> Label:
        """(h, w) class ids of a window of the label. Raises as reading it does."""
        path, source = label_path(item), item.split.source
        if path is None and image_file_of(source, item.split.position(item.at)) is None:
            found: Label = self._of_source(item, window).label
            return found
        if (stored := self._stored(item, window)) is not None:
            assert isinstance(source, FileSource)
            return to_ids(stored, item.split.classes, path, None, source.decoding.check_palette)
        whole: Label = self.held.get(("label", id(item.split), item.at), lambda: label_ids(item))
        return window.cut(whole)

    def stored(self, item: Item, window: Window) -> NDArray[Any]:
        """(h, w) or (h, w, channels) values of a window of the label's file, which there must be."""
        if (part := self._stored(item, window)) is not None:
            return part.pixels
        path = label_path(item)
        assert path is not None
        key = ("stored", id(item.split), item.at)
        return window.cut(self.held.get(key, lambda: stored_label(item, path).pixels))

    def whole(self, item: Item, what: str, window: Window, make: Callable[[Item], NDArray[Any]]) -> NDArray[Any]:
        """A window of what `make` gives, which is held. what: its name."""
        return window.cut(self.held.get((what, id(item.split), item.at), lambda: make(item)))

    def _of_source(self, item: Item, window: Window) -> Any:
        split, source = item.split, item.split.source
        if getattr(source, "is_raw", False) or isinstance(source, ArraySource):
            return split.read(item.at, window)
        return self.held.get(("sample", id(split), item.at), lambda: _Whole(split.read(item.at))).cut(window)

    def _of_jpeg(self, path: str, key: tuple[object, ...], window: Window) -> U8 | None:
        """A window of a JPEG file, or None if the kernels do not take it."""
        header, reader = read_header(path), JpegReader()
        size = header.height, header.width

        def made() -> _Indexed:
            data = read_bytes(path)
            found = reader.read_and_index(data, Window(0, 0, 1, 1), size)
            return _Indexed(data, None if found is None else found[1])

        known = self.held.get(("index", *key), made)
        return None if known.index is None else reader.read(known.data, window, known.index)

    def _stored(self, item: Item, window: Window) -> Stored | None:
        path, source = label_path(item), item.split.source
        if path is None or not isinstance(source, FileSource) or not source.decoding.plain_labels:
            return None
        if read_header(path).kind != "tiff":
            return None
        with _mapped(path) as data:
            return stored_window(data, path, window, source.decoding.allow)


class _Whole:
    """A decoded sample, of which windows are cut."""

    def __init__(self, sample: Any) -> None:
        self._sample = sample
        self.nbytes = sample.image.nbytes + (0 if sample.label is None else sample.label.nbytes)

    def cut(self, window: Window) -> Any:
        return self._sample.cut(window)


class _Indexed:
    """The bytes of a JPEG file and the index of its scan, or None."""

    def __init__(self, data: bytes, index: JpegIndex | None) -> None:
        self.data, self.index = data, index
        self.nbytes = len(data) + (0 if index is None else index.nbytes)


@contextmanager
def _mapped(path: str) -> Iterator[memoryview]:
    """The file as memory that is read when it is touched."""

    def cut() -> FileError:
        return FileError("the file was cut while it was read", code="truncated", where=path, fix="copy it again")

    with open_regular(path) as descriptor:
        mapped = MappedFile(descriptor, os.fstat(descriptor).st_size, Path(path), cut)
    yield memoryview(mapped.data)  # type: ignore[arg-type, unused-ignore]  # arrays are buffers
