"""The findings of `check` as one page of HTML: counts, and for each problem pictures with the faulty pixels marked.

The page is a single file without scripts, which its content policy forbids; pictures are data URIs.
All text from the dataset is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..classes import ClassTable
from ..codecs.decoding import UNCOMMON_KINDS, decode_image, decode_stored
from ..codecs.stored import Stored
from ..drawing.page import data_uri
from ..drawing.pixels import blend, colorize, fit, scaled_image, scaled_label
from ..errors import PixelwiseError, printable, shown
from ..files.reading import read_bytes
from ..files.writing import atomic_write
from ..types import U8, Bool, Finding, Size
from .findings import SEVERITIES, Findings, Group, Subject, plural
from .labels import contradictions, mixed_pixels

PICTURES, LINES = 12, 500
"""Show at most this many findings of each problem with pictures, and this many as a line of text."""

_BOX: Final[Size] = (170, 220)
_MARK: Final = (255, 0, 90)


def html_report(found: Findings, pictures: int = PICTURES) -> str:
    """The page. pictures: at most this many findings of each problem are shown with pictures, read from their files."""
    name = "dataset" if found.root is None else found.root.name
    counts = [(s, found.count(s)) for s in SEVERITIES]
    chips = "".join(f'<span class="chip {s}"><b>{n:,}</b> {plural(s, n)}</span>' for s, n in counts)
    splits = "".join(f"<li>{_text(s)} <b>{n:,}</b></li>" for s, n in found.splits.items())
    contents = "".join(
        f'<li><a href="#g{k}"><i class="{g.severity}"></i>{_text(g.code)} <b>{g.count:,}</b></a></li>'
        for k, g in enumerate(found.groups)
    )
    groups = "\n".join(_group(k, g, found, pictures) for k, g in enumerate(found.groups))
    root = "" if found.root is None else f"<p class=root>{_text(shown(found.root))}</p>"
    nothing = "" if found.groups else "<p class=good>No problems found.</p>"
    style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>pixelwise check: {_text(name)}</title><style>{style}</style></head><body>
<header><h1>{_text(name)}</h1>{root}
<div class=chips>{chips}</div>
<ul class=splits>{splits}<li>read <b>{found.samples:,}</b> samples in <b>{found.seconds:.1f} s</b></li></ul></header>
{nothing}<nav><ul>{contents}</ul></nav>
<main>{groups}</main>
<footer>pixelwise check</footer></body></html>
"""


def _text(value: object) -> str:
    return escape(printable(value))


def _group(number: int, group: Group, found: Findings, pictures: int) -> str:
    # A fix that all findings share is shown once, above them.
    fixes = {f.fix for f in group.findings}
    common = f"<p class=fix>{_text(next(iter(fixes)))}</p>" if len(fixes) == 1 and any(fixes) else ""
    cards: list[str] = []
    lines: list[str] = []
    for k, (finding, subject) in enumerate(zip(group.findings[:LINES], group.subjects[:LINES], strict=True)):
        fix = "" if common or not finding.fix else f"<p class=fix>{_text(finding.fix)}</p>"
        words = f"<p class=where>{_text(finding.where)}</p><p>{_text(finding.what)}</p>{fix}"
        shown = list(_tiles(finding, subject, found)) if k < pictures else []
        if any(picture for _, picture in shown):
            tiles = "".join(_tile(*t) for t in shown)
            cards.append(f"<article><div class=tiles>{tiles}</div>{words}</article>")
        else:
            lines.append(f"<li>{words}</li>")
    more = group.count - min(len(group.findings), LINES)
    rest = f"<p class=more>and {more:,} more</p>" if more else ""
    listed = f"<ul class=lines>{''.join(lines)}</ul>" if lines else ""
    if cards and lines:
        listed = f"<details><summary>{len(lines):,} without pictures</summary>{listed}</details>"
    return (
        f'<section id="g{number}" class="{group.severity}"><h2><span>{_text(group.code)}</span> <b>{group.count:,}</b>'
        f" <em>{plural(group.severity, group.count)}</em></h2>{common}"
        f"<div class=cards>{''.join(cards)}</div>{listed}{rest}</section>"
    )


def _tile(caption: str, picture: Image.Image | None) -> str:
    if picture is None:
        return f"<figure><div class=none>cannot be shown</div><figcaption>{_text(caption)}</figcaption></figure>"
    source = data_uri(np.asarray(picture), exact=caption.startswith("label"))
    return (
        f'<figure><img alt="" src="{source}" width={picture.width} height={picture.height}>'
        f"<figcaption>{_text(caption)}</figcaption></figure>"
    )


def _tiles(finding: Finding, subject: Subject, found: Findings) -> Iterator[tuple[str, Image.Image | None]]:
    """(caption, picture) of the files that a finding is about."""
    if subject.image is not None:
        yield "image", _image(subject.image)
    if subject.other is not None:
        yield "the other", _image(subject.other)
        return
    if subject.label is None:
        return
    try:
        stored = decode_stored(read_bytes(subject.label), subject.label, None, UNCOMMON_KINDS)
    except PixelwiseError:
        yield "label, decoded as an image", _image(subject.label)
        return
    objects = None
    if finding.code == "instance-mismatch" and found.root is not None:
        objects = decode_stored(read_bytes(found.root / finding.where), finding.where).pixels
    mask, colors = faulty_pixels(finding.code, stored, found.classes, objects), as_stored(stored, found.classes)
    yield "label as stored", Image.fromarray(_small(colors))
    if mask is not None and mask.any():
        yield f"label, {int(mask.sum()):,} pixels marked", _marked(colors, mask)
    elif finding.code == "palette-conflict":
        yield "label as its indices are read", Image.fromarray(_small(_class_colors(stored, found.classes)))


def _image(path: str) -> Image.Image | None:
    try:
        image = decode_image(read_bytes(path), path, value_range=(0, 65_535))
    except PixelwiseError:
        return None
    return Image.fromarray(scaled_image(image, fit(image.shape[:2], _BOX)))


def as_stored(stored: Stored, classes: ClassTable) -> U8:
    """(H, W, 3) uint8 colors of a label: its own if it has a palette or colors, else those of its classes."""
    pixels: NDArray[Any] = stored.pixels
    if pixels.ndim == 3:
        pixels = pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)
        return np.ascontiguousarray(pixels[..., :3] if pixels.shape[2] > 2 else np.repeat(pixels[..., :1], 3, axis=2))
    if stored.palette is not None:
        colors = np.full((256, 3), 255, np.uint8)
        colors[: len(stored.palette)] = stored.palette
        return np.asarray(colors[pixels])
    return _class_colors(stored, classes)


def _class_colors(stored: Stored, classes: ClassTable) -> U8:
    ids = classes.value_ids[stored.pixels]
    return colorize(np.where(ids < 0, 65_536, ids), classes)


def _small(colors: U8) -> U8:
    size = fit(colors.shape[:2], _BOX)
    return np.ascontiguousarray(np.stack([scaled_label(colors[..., c], size) for c in range(3)], axis=-1))


def faulty_pixels(code: str, stored: Stored, classes: ClassTable, objects: NDArray[Any] | None = None) -> Bool | None:
    """(H, W) bool: the pixels of a label that a finding of this code is about, or None if it is about all."""
    pixels: NDArray[Any] = stored.pixels
    if pixels.ndim == 3:
        if code == "alpha-not-opaque" and pixels.shape[2] in (2, 4):
            return np.asarray(pixels[..., -1] < np.iinfo(pixels.dtype).max)
        if code == "unknown-color" and pixels.shape[2] >= 3:
            packed = pixels[..., 0].astype(np.uint32) | pixels[..., 1].astype(np.uint32) << 8
            packed |= pixels[..., 2].astype(np.uint32) << 16
            known = [r | g << 8 | b << 16 for r, g, b in classes.color_ids]
            return ~np.isin(packed, np.array(known, np.uint32))
        return None
    ids, void = classes.value_ids[pixels], classes.ignore_index
    if code in ("class-out-of-range", "inverted-label", "off-by-one"):
        return np.asarray(ids < 0)
    if code == "index-beyond-palette" and stored.palette is not None:
        return np.asarray(pixels >= len(stored.palette))
    if code == "interpolated-label":
        return mixed_pixels(pixels, None if void is None else int(classes.id_values[void]))
    if code == "instance-mismatch" and objects is not None and objects.shape == pixels.shape:
        return contradictions(objects, ids, void, as_in_voc=True)
    return None


def _marked(colors: U8, mask: Bool) -> Image.Image:
    """The label, scaled down and pale, with every pixel of the mask marked, even if it is smaller than a pixel."""
    small = blend(_small(colors), (255, 255, 255), 0.6)
    ys, xs = np.nonzero(mask)
    size = small.shape[:2]
    at = ys * size[0] // mask.shape[0], xs * size[1] // mask.shape[1]
    if size[0] >= mask.shape[0]:
        small[scaled_label(mask, size)] = _MARK
    small[at] = _MARK
    picture = Image.fromarray(small)
    if len(np.unique(at[0] * size[1] + at[1])) < 200:  # a few specks: draw a ring around them
        y0, y1, x0, x1 = (int(v) for v in (at[0].min(), at[0].max(), at[1].min(), at[1].max()))
        ImageDraw.Draw(picture).ellipse((x0 - 9, y0 - 9, x1 + 9, y1 + 9), outline=_MARK, width=2)
    return picture


def save_report(found: Findings, path: str | Path, pictures: int = PICTURES) -> Path:
    """Write the page, whole or not at all. Returns the path."""
    with atomic_write(path) as file:
        file.write(html_report(found, pictures).encode())
    return Path(path)
