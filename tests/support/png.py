"""PNG files of every kind, by the specification and in plain Python; good ones to be taken apart and damaged."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
SIGNATURE = b"\x89PNG\r\n\x1a\n"
Chunks = list[tuple[bytes, bytes]]


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and CRC."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, bits: int = 8, color: int = 0, interlaced: bool = False) -> bytes:
    """The body of IHDR."""
    return struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, int(interlaced))


def chunks(data: bytes) -> Chunks:
    """The chunks of a PNG: kind and body of each."""
    found, at = [], 8
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    return found


def join(parts: Chunks) -> bytes:
    """A PNG of these chunks."""
    return SIGNATURE + b"".join(chunk(kind, body) for kind, body in parts)


def paeth(a: int, b: int, c: int) -> int:
    """As the specification writes it."""
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    if pa <= pb and pa <= pc:
        return a
    return b if pb <= pc else c


def predicted(kind: int, a: int, b: int, c: int) -> int:
    """What filter `kind` predicts from the bytes to the left, above, and above to the left."""
    return (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]


def filter_rows(rows: np.ndarray, bpp: int, kinds: list[int]) -> bytes:
    """(h, n) bytes to filtered rows."""
    if not any(kinds):
        return np.pad(rows, ((0, 0), (1, 0))).tobytes()
    out = bytearray()
    for y, row in enumerate(rows):
        kind = kinds[y % len(kinds)]
        out.append(kind)
        above = rows[y - 1] if y else np.zeros_like(row)
        for i, v in enumerate(row):
            left = int(row[i - bpp]) if i >= bpp else 0
            corner = int(above[i - bpp]) if i >= bpp else 0
            out.append((int(v) - predicted(kind, left, int(above[i]), corner)) & 255)
    return bytes(out)


def to_rows(samples: np.ndarray, bits: int) -> np.ndarray:
    """(h, w, c) samples to (h, n) bytes."""
    height, width = samples.shape[:2]
    if bits == 16:
        return samples.astype(">u2").reshape(height, -1).view(np.uint8)
    if bits == 8:
        return samples.astype(np.uint8).reshape(height, -1)
    each = ((samples[..., 0][..., None] >> np.arange(bits - 1, -1, -1)) & 1).astype(np.uint8)
    return np.packbits(each.reshape(height, width * bits), axis=1)


def write(samples: np.ndarray, color: int, bits: int, kinds: list[int], interlaced: bool, palette: Any = None,
          pieces: int = 1) -> bytes:  # fmt: skip
    """(h, w, c) samples as a PNG, its rows filtered by `kinds` in turn, its pixel stream in several IDAT chunks."""
    height, width, channels = samples.shape
    bpp = max(1, bits * channels // 8)
    parts = [samples[y::dy, x::dx] for y, x, dy, dx in PASSES] if interlaced else [samples]
    raw = b"".join(filter_rows(to_rows(p, bits), bpp, kinds) for p in parts if p.size)
    stream = zlib.compress(raw)
    step = -(-len(stream) // pieces)
    idat = [(b"IDAT", stream[i : i + step]) for i in range(0, len(stream), step)]
    plte = [(b"PLTE", palette.tobytes())] if palette is not None else []
    return join([(b"IHDR", header(width, height, bits, color, interlaced)), *plte, *idat, (b"IEND", b"")])
