"""Numbers in a label file that are not yet the stored values: composed of several channels, negative, or not whole."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..codecs.stored import Stored, from_integers
from ..errors import LabelError, UsageError
from ..labels import count_values

_CHANNELS = "RGBA"
_TERM = re.compile(r"(?:(\d+)\s*\*\s*)?([RGBA])(?:\s*//\s*(\d+))?(?:\s*\*\s*(\d+))?")


@dataclass(frozen=True, slots=True)
class ChannelSum:
    """One number per pixel from the channels of a file: the sum of `channel // divisor * factor`.

    terms: (channel 0..3, divisor, factor) each. `str()` is the expression.

    >>> ChannelSum.parse("R // 10 * 256 + G")
    ChannelSum(terms=((0, 10, 256), (1, 1, 1)))
    """

    terms: tuple[tuple[int, int, int], ...]

    @classmethod
    def parse(cls, text: object) -> ChannelSum:
        """From text such as "R", "R + 256*G" or "R // 10 * 256 + G". UsageError for anything else."""
        terms = []
        for part in str(text).split("+"):
            found = _TERM.fullmatch(part.strip())
            if found is None or "0" in (found[3], found[1], found[4]):
                what = f"a channel is written as R, G, B, A or a sum such as 'R + 256*G', got {text!r}"
                raise UsageError(what, fix="the operations are +, * and // with whole numbers")
            terms.append((_CHANNELS.index(found[2]), int(found[3] or 1), int(found[1] or 1) * int(found[4] or 1)))
        return cls(tuple(terms))

    def __str__(self) -> str:
        texts = []
        for channel, divisor, factor in self.terms:
            text = _CHANNELS[channel] + (f" // {divisor}" if divisor > 1 else "")
            texts.append(text + (f" * {factor}" if factor > 1 else ""))
        return " + ".join(texts)

    def of(self, stored: Stored, where: object) -> NDArray[np.int64]:
        """(H, W) int64. LabelError `unsupported-label-mode` for a file that lacks a channel."""
        pixels: NDArray[Any] = stored.pixels
        if stored.palette is not None:
            pixels = stored.palette[np.minimum(pixels, len(stored.palette) - 1)]
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        if channels < 3 or max(t[0] for t in self.terms) >= channels:
            what = f"the file has {channels} channel{'s' * (channels > 1)}, the number is made from {self}"
            fix = "describe the labels without a channel, or restore this one from its source"
            raise LabelError(what, code="unsupported-label-mode", where=where, fix=fix)
        out = np.zeros(pixels.shape[:2], np.int64)
        for channel, divisor, factor in self.terms:
            out += pixels[..., channel].astype(np.int64) // divisor * factor
        return out


Codes = tuple[tuple[float, int], ...]


def codes_for(values: Iterable[float]) -> Codes:
    """(number, stored value) for each number that is not a whole one in 0..65535: free values, from 65535 down.

    >>> codes_for([0, 1, -9999, 0.5])
    ((-9999.0, 65535), (0.5, 65534))
    """
    listed = [float(v) for v in values]
    odd = sorted({v for v in listed if not _is_plain(v) and v == v}) + [float("nan")] * any(v != v for v in listed)
    used, free, out = {int(v) for v in listed if _is_plain(v)}, 65_535, []
    for value in odd:
        while free in used:
            free -= 1
        out.append((value, free))
        free -= 1
    return tuple(out)


def _is_plain(value: float) -> bool:
    return value == value and 0 <= value <= 65_535 and value == int(value)


def code_of(value: float, codes: Codes) -> int:
    """The stored value of a number that `codes_for` was given."""
    if _is_plain(value):
        return int(value)
    return next(code for number, code in codes if number == value or (number != number and value != value))


def from_numbers(kind: str, values: NDArray[Any], codes: Codes, where: object) -> Stored:
    """Stored values from (H, W) numbers of any type: whole ones in 0..65535 as they are, others by their code.

    LabelError `class-out-of-range` for a number that is neither.
    """
    if values.ndim != 2:
        what = f"{values.shape[2]} channels, expected one number per pixel"
        raise LabelError(what, code="unsupported-label-mode", where=where, fix="say which: channel = 'R'")
    if values.dtype in (np.uint8, np.uint16):
        return Stored(kind, values, None, 8 * values.itemsize)
    with np.errstate(invalid="ignore"):
        plain = (values >= 0) & (values <= 65_535)
        if values.dtype.kind == "f":
            plain &= values == np.floor(values)
    out: NDArray[Any] = np.where(plain, values, 0).astype(np.uint16)
    for number, code in codes:
        # Compared in the file's own type: float32 has no 0.1, and a GIS writes -3.4e38 as its nearest.
        own = values == values.dtype.type(number) if _fits(number, values.dtype) else np.zeros(values.shape, bool)
        here = np.isnan(values) if number != number and values.dtype.kind == "f" else own
        out[here], plain[here] = code, True
    if not plain.all():
        y, x = (int(v) for v in np.argwhere(~plain)[0])
        what = f"value {values[y, x]} is not a class: {int((~plain).sum())} pixels, first at x={x}, y={y}"
        fix = "list it under the values of a class, or under ignore_values"
        raise LabelError(what, code="class-out-of-range", where=where, fix=fix)
    return from_integers(kind, out, where)


def _fits(number: float, dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "f":
        return number == number
    info = np.iinfo(dtype)
    return number == number and number == np.floor(number) and info.min <= number <= info.max


def object_numbers(values: NDArray[Any]) -> Any:
    """(H, W) numbers of objects in the smallest of uint8, uint16 and uint32; numbers beyond 32 bits are renumbered."""
    most = int(values.max())
    if most > 0xFFFF_FFFF or int(values.min()) < 0:
        found, _ = count_values(values)
        values, most = np.searchsorted(found, values), len(found)
    return values.astype(np.uint8 if most < 1 << 8 else np.uint16 if most < 1 << 16 else np.uint32)
