"""NPY: labels saved by `numpy.save`."""

from __future__ import annotations

import io
import math
import re
import tokenize
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .encoded import EncodedFile
from .stored import Stored, from_integers


class NpyFile(EncodedFile):
    """A label as (H, W), (H, W, 3) or (H, W, 4) integers 0..65535 or booleans. Not an image format."""

    kind = "npy"
    signature = re.compile(rb"\x93NUMPY")
    extensions = (".npy",)

    def stored(self) -> Stored:
        """The array as uint8 if its values fit, else as uint16.

        FileError `corrupt`, `unsupported-format`, `truncated`, `too-large`, `too-large-side`; LabelError
        `class-out-of-range`.
        """
        return from_integers(self.kind, self._array("uib"), self.where)

    def numbers(self) -> NDArray[Any]:
        """The array, also of real or negative numbers. FileError as `stored`."""
        return self._array("uibf")

    def _array(self, kinds: str) -> NDArray[Any]:
        """The array, whose dtype must be of one of these kinds."""
        stream = io.BytesIO(self.data)
        try:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(stream)
        except (ValueError, tokenize.TokenError) as error:  # NumPy tokenizes a header that it cannot evaluate
            raise self.error("corrupt", f"damaged NPY header: {error}") from None
        if dtype.kind not in kinds or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))):
            raise self.unsupported(f"an array of shape {shape} and type {dtype}, expected (H, W) integers")
        self.check_size(shape[0], shape[1])
        expected, have = math.prod(shape) * dtype.itemsize, len(self.data) - stream.tell()
        if have < expected:
            raise self.error("truncated", f"the file holds {have} of {expected} bytes of pixels")
        stream.seek(0)
        return np.asarray(np.load(stream, allow_pickle=False))
