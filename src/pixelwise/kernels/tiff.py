"""The two codes of TIFF that our libraries cannot undo: LZW and PackBits (TIFF 6.0, sections 13 and 9)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compiling import jit


@jit
def unpack_bits(data: Any, out: Any) -> int:
    """PackBits: data (n,) uint8 -> out (m,) uint8. Returns the number of bytes written, at most m."""
    at, done = 0, 0
    while at < data.shape[0] and done < out.shape[0]:
        code = np.int64(data[at])
        at += 1
        if code < 128:
            n = min(code + 1, data.shape[0] - at, out.shape[0] - done)
            for k in range(n):
                out[done + k] = data[at + k]
            at += n
            done += n
        elif code > 128 and at < data.shape[0]:
            n = min(257 - code, out.shape[0] - done)
            for k in range(n):
                out[done + k] = data[at]
            at += 1
            done += n
    return done


@jit
def unpack_lzw(data: Any, start: Any, length: Any, out: Any) -> int:
    """LZW as TIFF writes it (codes of 9 to 12 bits, high bits first, each width ending one code early).

    data (n,) uint8 -> out (m,) uint8. start, length: (4097,) int64 scratch: the text of each code as a position in
    `out`, which has it already. Returns the number of bytes written, at most m, or -1 for an unknown code.
    """
    acc, bits, at, done = np.uint64(0), 0, 0, 0
    width, free, old = 9, 258, np.int64(-1)
    while done < out.shape[0]:
        while bits < width:
            if at >= data.shape[0]:
                return done
            acc = (acc << np.uint64(8)) | np.uint64(data[at])
            at += 1
            bits += 8
        code = np.int64((acc >> np.uint64(bits - width)) & np.uint64((1 << width) - 1))
        bits -= width
        if code == 257:
            return done
        if code == 256:
            width, free, old = 9, 258, np.int64(-1)
            continue
        here = done
        if code < 256:
            out[done] = code
            done += 1
        elif code < free and old >= 0:
            n = min(length[code], out.shape[0] - done)
            for k in range(n):  # forward: the text may overlap its own end, as in "aaa"
                out[done + k] = out[start[code] + k]
            done += n
        else:
            return -1
        # The next free code means this text and the first byte of the next one, which will follow it in `out`.
        if free < 4096:
            start[free] = here
            length[free] = done - here + 1
            free += 1
        old = code
        if free >= (1 << width) and width < 12:
            width += 1
    return done
