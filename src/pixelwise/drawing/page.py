"""The finished page, and the picture that it becomes."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UsageError
from ..files.writing import atomic_write
from ..hints import answering
from ..types import U8, Size
from .blocks import blank, stack, text
from .typesetting import BODY, INK, LINE, QUIET, SMALL, TITLE, Style

_SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
_KINDS: dict[str, tuple[int, dict[str, Any]]] = {
    "PNG": (2**31 - 1, {}), "JPEG": (65_500, {"quality": 92, "subsampling": 0}), "WEBP": (16_383, {"lossless": True}),
    "TIFF": (2**31 - 1, {"compression": "tiff_lzw"}),
}  # fmt: skip
"""The most pixels per side that a format holds, and how Pillow writes it."""


@answering
@dataclass(frozen=True, slots=True, repr=False)
class Picture:
    """A drawn page. A notebook displays it, `save` writes it, `numpy.array` gives its (H, W, 3) uint8 pixels.

    image: the Pillow image, RGB, owned by the picture. density: pixels per point of a screen; a notebook shows the
    picture that much smaller, so that it is sharp on dense screens.
    """

    image: Image.Image
    density: float = 2.0

    @property
    def size(self) -> Size:
        """(height, width) in pixels."""
        return (self.image.height, self.image.width)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture in the format of the suffix: png, jpg, webp or tiff. Returns the path.

        Readers see the old file or the whole new one, and the bytes depend on the picture alone. UsageError for
        another suffix (`bad-picture-suffix`) or more pixels than the format holds (`picture-too-large`), SystemFault
        `cannot-write` if the file cannot be written.
        """
        path = Path(path)
        kind = _SUFFIXES.get(path.suffix.lower())
        if kind is None:
            message = f"the suffix of a picture must be one of {', '.join(_SUFFIXES)}, got {path.suffix!r}"
            raise UsageError(message, code="bad-picture-suffix", where=path)
        data = self._encoded(kind)
        with atomic_write(path) as file:
            file.write(data)
        return path

    def _encoded(self, kind: str) -> bytes:
        limit, options = _KINDS[kind]
        if max(self.size) > limit:
            size = f"{self.size[0]}x{self.size[1]} (height x width)"
            raise UsageError(f"{kind} holds at most {limit} pixels per side, got {size}", code="picture-too-large",
                             fix="save it as .png, or draw fewer samples")  # fmt: skip
        out = io.BytesIO()
        self.image.save(out, kind, **options)
        return out.getvalue()

    def __repr__(self) -> str:
        return f"Picture({self.image.height}x{self.image.width})"

    def _repr_png_(self) -> bytes:
        return self._encoded("PNG")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        width = round(self.image.width / self.density)
        return {"image/png": self._repr_png_()}, {"image/png": {"width": width}}

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("the pixels of a Picture are always copied")
        return np.array(self.image, dtype)


def data_uri(pixels: U8, *, exact: bool = False) -> str:
    """(H, W, 3) uint8 as the address of an image in HTML: a PNG if its colors must stay exact, else a JPEG."""
    kind, options = ("png", {"optimize": True}) if exact else ("jpeg", {"quality": 82})
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(data.getvalue()).decode()}"


def page(title: str, subtitle: str, body: Sequence[Image.Image], footer: str, style: Style, gap: float = 40) -> Picture:
    """The blocks of `body` from top to bottom under a title, above a footer, between generous margins.

    The page becomes wider than its style if a block is. UsageError `picture-too-large` for too many pixels.
    """
    px = style.px
    inner = max([style.inner, *(block.width for block in body)])
    head = [text(title, px(TITLE), INK, inner)]
    if subtitle:
        head.append(text(subtitle, px(BODY), QUIET, inner))
    rule = Image.new("RGB", (inner, px(2)), LINE)
    foot = stack([rule, text(footer, px(SMALL), QUIET, inner)], px(18))
    content = stack([stack(head, px(6)), *body, foot], px(gap))
    out = blank(inner + 2 * style.margin, content.height + 2 * px(56))
    out.paste(content, (style.margin, px(56)))
    return Picture(out, density=2 * max(1.0, style.scale))
