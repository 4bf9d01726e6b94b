"""Mutated JPEGs under guard pages: a read or write outside a buffer ends the process. Run as a program by its test.

Every buffer of the reader is exactly as large as it asks for and ends where memory ends, or begins where it begins.
"""

from __future__ import annotations

import ctypes
import mmap
import random
import sys
from typing import Any

import numpy as np
import simplejpeg

from pixelwise.codecs import jpeg_windows
from pixelwise.codecs.jpeg_windows import JpegIndex, JpegReader
from pixelwise.types import U8, Window
from tests.support.jpeg_kinds import kinds

PAGE = mmap.PAGESIZE
_kept: list[Any] = []
_ends = [True]
"""Whether buffers end at a guard page, or begin at one."""


def guarded(size: int) -> U8:
    """`size` bytes at a multiple of 64, between pages that must not be touched."""
    libc = ctypes.CDLL(None, use_errno=True)
    room = -(-max(size, 1) // PAGE) * PAGE
    memory = mmap.mmap(-1, room + 2 * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for page in (start, start + PAGE + room):
        assert libc.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(PAGE), 0) == 0
    _kept.append(memory)
    at = PAGE + (room - size if _ends[0] else 0)
    return np.frombuffer(memory, np.uint8)[at : at + size]


class Guarded(JpegReader):
    """A reader whose memory is made anew for every file, exactly as large as it must be."""

    def _make_room(self, n: int, h: int, w: int) -> None:
        del _kept[self.own :]
        self._clean, self._planes = (guarded(-(-size // 64) * 64) for size in self._needed(n, h, w))

    def __init__(self) -> None:
        super().__init__()
        self.own = len(_kept)


def mutated(data: bytes, draw: random.Random) -> bytes:
    """The file with one fault."""
    out = bytearray(data)
    kind = draw.randrange(6)
    at = draw.randrange(2, len(out))
    if kind == 0:
        out[at] ^= 1 << draw.randrange(8)
    elif kind == 1:  # the header is small, and most of what can go wrong is in it
        out[draw.randrange(2, min(700, len(out)))] = draw.choice((0, 1, 0x11, 0x22, 0x7F, 0xC4, 0xD0, 0xFF))
    elif kind == 2:
        del out[at:]
    elif kind == 3:
        out[at:at] = draw.randbytes(draw.randrange(1, 9))
    elif kind == 4:
        del out[at : at + draw.randrange(1, 9)]
    else:
        out[at : at + 4] = draw.choice((b"\xff\x00\xff\x00", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xd0\xff\xd1"))
    return bytes(out)


def strict(data: bytes) -> U8 | None:
    """What libjpeg-turbo decodes without a warning."""
    try:
        return simplejpeg.decode_jpeg(data, "RGB", strict=True)  # type: ignore[no-any-return]
    except ValueError:
        return None


def main(count: int, seed: int) -> None:
    """Decode `count` mutated files, whole, as windows and with their own and mutated indices."""
    draw = random.Random(seed)
    jpeg_windows._aligned = guarded
    files = [data for _, data in kinds(seed)]
    readers = []
    for ends in (True, False):
        _ends[0] = ends
        readers.append((ends, Guarded()))
    taken = 0
    for k in range(count):
        _ends[0], reader = readers[k % 2]
        good = files[k % len(files)]
        data = mutated(good, draw)
        memory = guarded(len(data))
        memory[:] = np.frombuffer(data, np.uint8)
        try:
            height, width = simplejpeg.decode_jpeg_header(data)[:2]
        except ValueError:
            height, width = 40, 56
        if height * width > 1_000_000:
            continue
        whole = Window(0, 0, height, width)
        pixels = reader.read(memory, whole, to_end=True)
        if pixels is not None:
            taken += 1
            assert np.array_equal(strict(data), pixels), "what was taken differs from libjpeg-turbo"
        y, x = draw.randrange(height), draw.randrange(width)
        part = Window(y, x, draw.randint(y + 1, height), draw.randint(x + 1, width))
        reader.read(memory, part)
        made = reader.read_and_index(good, Window(0, 0, 1, 1), simplejpeg.decode_jpeg_header(good)[:2])
        assert made is not None
        index = JpegIndex(made[1].positions.copy(), made[1].levels.copy())
        reader.read(memory, part, index)
        index.positions.reshape(-1)[draw.randrange(index.positions.size)] = draw.getrandbits(draw.choice((8, 16, 32)))
        reader.read(memory, part, index)
        reader.read(good, Window(0, 0, 1, 1), index)
    print(f"{count} mutants, {taken} taken, all of them equal")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
