"""The scores of a folder of predictions as one page of HTML, and as a table of CSV.

The page is a single file without scripts, which its content policy forbids; pictures are data URIs. All names are
escaped.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import printable
from ..metrics.compare import compare_protocols
from ..metrics.image_scores import image_scores
from ..results import in_percent

if TYPE_CHECKING:
    from ..drawing.page import Picture
    from .scoring import Scoring

SHOWN_IMAGES = 8
"""The worst and the best images on the page."""

_STYLE = """
:root{--bg:#fff;--ink:#1b1f26;--quiet:#69717e;--line:#e2e5ea;--bar:#6096cd}
@media(prefers-color-scheme:dark){:root{--bg:#14171c;--ink:#e6e8eb;--quiet:#949ba6;--line:#2b3038}}
body{margin:0 auto;max-width:1180px;padding:32px 28px 60px;background:var(--bg);color:var(--ink)}
body{font:15px/1.5 system-ui,sans-serif}
h1{margin:0;font-size:30px}h2{margin:34px 0 8px;font-size:20px}p{color:var(--quiet)}
table{border-collapse:collapse;width:100%}td,th{padding:3px 12px;border-bottom:1px solid var(--line);text-align:right}
td:first-child,th:first-child{text-align:left}td.bar{width:30%}td.bar i{display:block;height:12px;background:var(--bar)}
tr.mean td{font-weight:600}pre{overflow-x:auto;font-size:13px}img{max-width:100%}
.bins{display:flex;align-items:flex-end;height:160px;gap:2px;border-bottom:1px solid var(--line)}
.bins i{flex:1;background:var(--bar)}.ends{display:flex;justify-content:space-between;color:var(--quiet)}
@media(max-width:640px){body{padding:20px 14px}table{font-size:12px}td,th{padding:3px 4px}
td:first-child{overflow-wrap:anywhere}td.bar,th:last-child{display:none}}
"""


def score_page(scoring: Scoring) -> str:
    """The page: classes, confusion matrix, images from the worst to the best, and every protocol."""
    scores, name = scoring.scores, _text(scoring.split.name)
    per_image = image_scores(scoring.confusion)
    known = per_image.images[~np.isnan(per_image.images)]
    worst, best = scoring.worst_sheet(SHOWN_IMAGES), scoring.worst_sheet(SHOWN_IMAGES, best=True)
    table = _table(("class", "IoU %", "accuracy %", "precision %", "Dice %", "IoU, 0 to 100 %"), _class_rows(scoring))
    images, accuracy, dice = len(scoring.split), in_percent(scores.pixel_accuracy), in_percent(scores.mean_dice)
    parts = [
        f"<h1>{name}: mIoU {in_percent(scores.miou)} %</h1><p>{images:,} images, by {_text(scores.protocol)}, "
        f"{_text(scores.average)}; pixel accuracy {accuracy} %, mean Dice {dice} %</p><h2>Classes</h2>{table}",
        f"<h2>Confusion</h2>{_picture(scoring.plot(), 'confusion matrix')}",
        f"<h2>Images</h2>{_histogram(known)}<pre>{_text(per_image)}</pre>",
        f"<h2>The worst</h2>{_picture(worst, 'the worst images')}<h2>The best</h2>{_picture(best, 'the best images')}",
        f"<h2>Every protocol, and why they differ</h2><pre>{_text(compare_protocols(scoring.confusion))}</pre>",
    ]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>pixelwise score: {name}</title><style>{_STYLE}</style></head><body>
{"".join(parts)}
<p>pixelwise score</p></body></html>
"""


def score_csv(scoring: Scoring) -> str:
    """A row per class and one of means, in percent: IoU, accuracy, precision, Dice, and pixels of the truth."""
    rows = scoring.scores.rows()
    truth = scoring.confusion.matrix.sum(axis=1)
    for row, pixels in zip(rows, [*truth.tolist(), int(truth.sum())], strict=True):
        row["pixels"] = pixels
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _class_rows(scoring: Scoring) -> list[list[str]]:
    out = []
    for row in scoring.scores.rows():
        cells = [_text(row["class"])]
        values = [row[k] for k in ("IoU", "accuracy", "precision", "Dice")]
        cells += ["-" if v is None else f"{v:.2f}" for v in values]
        out.append([*cells, f'<i style="width:{values[0] or 0:.1f}%"></i>'])
    return out


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{h}</th>" for h in head)
    lines = [
        f"<tr{' class=mean' if k == len(rows) - 1 else ''}>"
        + "".join(f"<td{' class=bar' if c == len(row) - 1 else ''}>{cell}</td>" for c, cell in enumerate(row))
        + "</tr>"
        for k, row in enumerate(rows)
    ]
    return f"<table><tr>{top}</tr>{''.join(lines)}</table>"


def _histogram(values: Any) -> str:
    counts = np.histogram(values, bins=20, range=(0, 1))[0]
    largest = max(1, int(counts.max()))
    bars = "".join(
        f'<i style="height:{100 * n / largest:.1f}%" title="{5 * k} to {5 * k + 5} %: {n}"></i>'
        for k, n in enumerate(counts.tolist())
    )
    ends = "<div class=ends><span>0 %</span><span>mIoU of an image</span><span>100 %</span></div>"
    return f"<div class=bins>{bars}</div>{ends}"


def _picture(picture: Picture, alt: str) -> str:
    out = io.BytesIO()
    picture.image.save(out, "PNG")
    return f'<img alt="{alt}" src="data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}">'


def _text(value: object) -> str:
    return "\n".join(escape(printable(line)) for line in str(value).split("\n"))
