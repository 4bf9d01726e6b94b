"""The chapter's figures, with matplotlib: the extra `pixelwise[plot]`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..arguments import check_count, check_number, check_numbers
from ..errors import MissingExtraError, UsageError
from ..hints import hinted
from .planes import channels_last, to_array


@hinted
def set_figsize(figsize: tuple[float, float] = (3.5, 2.5)) -> None:
    """The size (width, height) in inches of the figures that follow, in matplotlib's settings."""
    _pyplot().rcParams["figure.figsize"] = check_numbers("figsize", figsize, 2, 0.1)


@hinted
def show_images(
    imgs: Sequence[Any], num_rows: int, num_cols: int, titles: Sequence[str] | None = None, scale: float = 1.5
) -> Any:
    """The first images in a grid: the (num_rows * num_cols,) matplotlib axes.

    imgs: (H, W, 3) or (3, H, W), uint8 or float in 0..1, or (H, W); arrays or tensors. scale: inches per image.
    `pixelwise.show` draws images with labels, classes and overlays.
    """
    rows, columns = check_count("num_rows", num_rows), check_count("num_cols", num_cols)
    size = columns * check_number("scale", scale, 0.01), rows * scale
    pictures = [_picture(i, image) for i, image in zip(range(rows * columns), imgs, strict=False)]
    _, axes = _pyplot().subplots(rows, columns, figsize=size, squeeze=False)
    axes = axes.flatten()
    for i, ax in enumerate(axes):
        ax.axis("off")
        if i < len(pictures):
            ax.imshow(pictures[i])
            if titles is not None and i < len(titles):
                ax.set_title(titles[i])
    return axes


def _picture(index: int, image: Any) -> Any:
    pixels = channels_last(f"image {index}", image)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if (pixels.ndim != 2 and (pixels.ndim != 3 or pixels.shape[2] not in (3, 4))) or pixels.dtype.kind not in "buif":
        what = f"image {index} must be (H, W, 3), (3, H, W) or (H, W) numbers, got {pixels.shape} {pixels.dtype}"
        raise UsageError(what)
    return pixels


@hinted
def show_boxes(axes: Any, bboxes: Any, labels: Any = None, colors: Any = None) -> None:
    """Draw boxes into matplotlib axes.

    bboxes: (n, 4) xmin, ymin, xmax, ymax in pixels. labels: one text per box, or one for the first. colors:
    matplotlib's, used in turn; default b, g, r, m, c.
    """
    boxes = to_array("bboxes", bboxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype.kind not in "iuf":
        raise UsageError(f"bboxes must be (n, 4) numbers, got {boxes.shape} {boxes.dtype}")
    texts, paints = _listed(labels, []), _listed(colors, ["b", "g", "r", "m", "c"])
    for i, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
        paint = paints[i % len(paints)]
        frame = _pyplot().Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=paint, linewidth=2)
        axes.add_patch(frame)
        if i < len(texts):
            ink = "k" if paint == "w" else "w"
            box = {"facecolor": paint, "linewidth": 0}
            axes.text(x0, y0, texts[i], va="center", ha="center", fontsize=9, color=ink, bbox=box)


def _listed(value: Any, default: list[Any]) -> list[Any]:
    if value is None:
        return default
    return list(value) or default if isinstance(value, (list, tuple)) else [value]


def _pyplot() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        what = "the chapter's figures are drawn with matplotlib, which is not installed"
        raise MissingExtraError(what, fix="pip install 'pixelwise[plot]'") from None
    return plt
