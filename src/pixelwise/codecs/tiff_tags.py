"""The tags of a TIFF: its first directory, each number read when it is asked for and never more than are needed."""

from __future__ import annotations

import struct
from typing import Final

from .encoded import EncodedFile

_TYPES: Final = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
"""The integer types of tag values, as struct formats."""
_SIZES: Final = {2: 1, 5: 8, 7: 1, 10: 8, 11: 4, 12: 8} | {kind: struct.calcsize(form) for kind, form in _TYPES.items()}
"""Bytes of a number of each type."""
_MOST_TAGS: Final = 4096


class Directory:
    """The first directory of a TIFF or BigTIFF.

    order: "<" or ">". more_pages: whether another directory follows. claimed: bytes that the tags claim to hold, needed
    or not. Of two tags of a number the first counts. FileError `truncated` or `corrupt` if it is not
    whole; `numbers` raises the same.
    """

    def __init__(self, file: EncodedFile) -> None:
        self._file = file
        head = file.fetch(0, 16)
        self.order = order = "<" if head[:2] == b"II" else ">"
        big = head[2:4] in (b"+\0", b"\0+")
        if len(head) < (16 if big else 8):
            raise file.error("truncated", "the file ends inside its header")
        size, inline, counter, word = (20, 8, "Q", "Q") if big else (12, 4, "H", "I")
        (at,) = struct.unpack_from(order + word, head, 8 if big else 4)
        width = struct.calcsize(order + counter)
        start = file.fetch(at, width)
        if len(start) < width:
            raise file.error("truncated", f"the directory at byte {at} is not there")
        (count,) = struct.unpack(order + counter, start)
        if count > _MOST_TAGS:
            raise file.error("corrupt", f"the directory has {count} entries")
        end = count * size
        block = file.fetch(at + width, end + inline)
        if len(block) < end + inline:
            raise file.error("truncated", "the file ends inside its directory")
        self._entries: dict[int, tuple[str, int, bytes]] = {}
        self.claimed: int = 0
        for entry in range(0, end, size):
            tag, kind = struct.unpack_from(order + "HH", block, entry)
            (n,) = struct.unpack_from(order + word, block, entry + 4)
            self.claimed += n * _SIZES.get(kind, 0)
            if kind in _TYPES and n > 0:
                self._entries.setdefault(tag, (_TYPES[kind], n, block[entry + size - inline : entry + size]))
        self.more_pages: bool = struct.unpack_from(order + word, block, end)[0] != 0

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def count(self, tag: int) -> int:
        """How many numbers the tag claims to have."""
        return self._entries[tag][1] if tag in self._entries else 0

    def first(self, tag: int, default: int = 0) -> int:
        """The first number of a tag, or `default` if it is not there."""
        return self.numbers(tag, 1)[0] if tag in self._entries else default

    def numbers(self, tag: int, most: int) -> tuple[int, ...]:
        """The numbers of a tag, at most `most` of them, however many it claims; () if it is not there."""
        form, count, field = self._entries.get(tag, ("B", 0, b""))
        whole = struct.calcsize(form) * count
        form = f"{self.order}{min(count, most)}{form}"
        if whole > len(field):
            (at,) = struct.unpack(self.order + ("Q" if len(field) == 8 else "I"), field)
            field = self._file.fetch(at, struct.calcsize(form))
            if len(field) < struct.calcsize(form):
                raise self._file.error("truncated", "the file ends inside its directory")
        return struct.unpack_from(form, field)
