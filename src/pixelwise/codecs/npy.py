"""NPY: labels saved by `numpy.save`."""

from __future__ import annotations

import io
import math
import re
import tokenize
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import LabelError
from .encoded import EncodedFile
from .stored import LabelNumbers, Stored, from_integers

_READ_1, _READ_2 = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
_VERSIONS = {(1, 0): _READ_1, (2, 0): _READ_2, (3, 0): _READ_2}
"""How headers are read. Version 3 differs from 2 in the encoding of names of fields, which no label has."""


class NpyFile(EncodedFile):
    """A label as (H, W), (H, W, 3) or (H, W, 4) integers 0..65535 or booleans. Not an image format."""

    kind = "npy"
    signature: ClassVar[re.Pattern[bytes]] = re.compile(rb"\x93NUMPY")
    extensions: ClassVar[tuple[str, ...]] = (".npy",)

    def stored(self) -> Stored:
        """The array as uint8 if its values fit, else as uint16.

        FileError `corrupt`, `unsupported-format`, `truncated`, `too-large`, `too-large-side`; LabelError
        `class-out-of-range`.
        """
        return from_integers(self.kind, self._array("uib"), self.where)

    def numbers(self) -> LabelNumbers:
        """The array, also of real or negative numbers. FileError as `stored`."""
        array, stored = self._array("uibf"), None
        with suppress(LabelError):
            stored = None if array.dtype.kind == "f" else from_integers(self.kind, array, self.where)
        return LabelNumbers(self.kind, array, stored)

    def _array(self, kinds: str) -> NDArray[Any]:
        """The array, new, whose dtype must be of one of these kinds."""
        stream = io.BytesIO(self.data)
        version: Any = tuple(self.data[6:8])
        if version not in _VERSIONS:
            raise self.unsupported(f"NPY version {'.'.join(map(str, version))}", "save it again with numpy.save")
        stream.seek(8)
        try:
            shape, is_fortran, dtype = _VERSIONS[version](stream)
        # NumPy evaluates the header as a Python literal, and so meets all that can be wrong with one.
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError) as error:
            said = str(error).partition("\n")[0][:80]
            raise self.error("corrupt", f"damaged NPY header: {said}") from None
        if dtype.kind not in kinds or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))):
            raise self.unsupported(f"an array of shape {shape} and type {dtype}, expected (H, W) integers")
        self.check_size(shape[0], shape[1])
        count, at = math.prod(shape), stream.tell()
        have, expected = len(self.data) - at, count * dtype.itemsize
        if have < expected:
            raise self.error("truncated", f"the file holds {have} of {expected} bytes of pixels")
        return np.frombuffer(self.data, dtype, count, at).reshape(shape, order="F" if is_fortran else "C").copy()
