"""Export: the chosen samples as one HTML file that needs no server, for a paper's page or a colleague.

The page is the same one, with what it would ask the server for as JSON inside. Images are JPEG, so that the file stays
small; labels, predictions and error maps are exact, but those of large images, which are made smaller.
"""

from __future__ import annotations

import base64
import json
import os
import re
from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl

import numpy as np
import simplejpeg

from ..errors import PixelwiseError
from ..files.writing import atomic_write
from . import pictures
from .answers import Shown
from .entries import Item
from .looks import Alike, Objects
from .making import picture_maker, tiled_picture
from .pictures import Encoded
from .routes import page_files
from .selecting import Query
from .tiles import reduction

_QUALITY: Final = 90
_WITHOUT: Final = {"findings": False, "recipes": [], "charts": False, "failed": []}
"""What needs a server."""
_SIDE: Final = 2048
"""Large images are made smaller until no side has more pixels."""
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def export_page(shown: Shown, path: str | os.PathLike[str], state: str, n: int) -> int:
    """Write the page with the first `n` of the samples that `state` chooses; returns how many those are.

    state: what the address of the page says after "#", such as "split=val&class=8&sort=-share". Waits until all that
    is needed is counted and scored. A picture that cannot be read is its error. SystemFault if the file cannot be
    written, UsageError `bad-query` for a state that is none.
    """
    values = dict(parse_qsl(state.lstrip("#")))
    split = values.get("split") or usual_split(shown)
    query = Query.of(values | {"split": "" if split == "*" else split})
    shown.measures.complete()
    if query.pair is not None and query.run < len(shown.runs):
        shown.runs[query.run].confused.complete()
    if query.alike or query.order == "alike":
        shown.alike.complete()
    if query.order == "objects":
        shown.objects.complete()
    numbers = np.asarray(shown.chosen(query).numbers)[:n].tolist()
    content = _content(shown, numbers)
    with atomic_write(path) as file:
        file.write(_html(shown.title, content).encode())
    return len(numbers)


def usual_split(shown: Shown) -> str:
    """The split that the page shows first: that of the runs, or else the first with samples."""
    splits = shown.entries.splits
    return splits[shown.runs[0].part].name if shown.runs else next(s.name for s in splits if len(s))


def _content(shown: Shown, numbers: list[int]) -> dict[str, Any]:
    """All that the page asks for, the samples numbered from 0."""
    found = shown.measures.counts()
    overview = shown.overview()
    parts = [shown.entries.part(i) for i in numbers]
    splits = [
        s | {"samples": parts.count(k), "start": next((at for at, p in enumerate(parts) if p == k), 0)}
        for k, s in enumerate(overview["splits"])
        if k in parts
    ]
    kinds = ["image", "label"] + [f"{kind}-{k}" for k in range(len(shown.runs)) for kind in ("prediction", "errors")]
    if overview["objects"]:
        kinds.insert(2, "instances")
    alike, objects = _looked(Alike, shown, numbers), _looked(Objects, shown, numbers)
    confusions = [run.confusion_of([i for i in numbers if run.covers(i)]) for run in shown.runs]
    for confusion in confusions:
        confusion.complete()
    pairs = [confusion.by_entry() for confusion in confusions]
    samples = []
    for at, number in enumerate(numbers):
        rows = found.entry == number
        samples.append(
            shown.facts(number)
            | {"number": at, "counts": dict(zip(found.id[rows].tolist(), found.pixels[rows].tolist(), strict=True))}
            | {"alike": alike[at], "objects": objects[at], "pairs": [each.get(number, {}) for each in pairs]}
            | {"ious": [run.ious(number) for run in shown.runs]}
            | {"tiled": False, "reduced": _reduction(shown, number)}
            | {"pictures": {kind: _picture(shown, number, kind) for kind in _kinds_of(shown, number, kinds)}}
        )
    return {
        "dataset": overview | {"splits": splits, "root": shown.title} | _WITHOUT,
        "runs": [run.to_dict() for run in shown.runs],
        "confusion": [confusion.to_dict() for confusion in confusions],
        "samples": samples,
    }


def _looked(kind: type[Alike] | type[Objects], shown: Shown, numbers: list[int]) -> list[float | None]:
    """What an order needs of these entries, None where there is nothing. Near duplicates are those among them."""
    looked = kind(shown.entries, numbers)
    looked.complete()
    return [None if np.isnan(key) else key for key in looked.keys()[numbers].tolist()]


def _reduction(shown: Shown, number: int) -> int:
    """How many times smaller the pictures of an entry are made."""
    size = shown.size(number)
    return reduction(size, _SIDE) if size is not None and shown.is_large(number) else 1


def _kinds_of(shown: Shown, number: int, kinds: list[str]) -> list[str]:
    labels = shown.entries.entry(number).split.has_labels
    return [
        kind
        for kind in kinds
        if kind == "image" or (labels and ("-" not in kind or shown.runs[int(kind[-1])].covers(number)))
    ]


def _picture(shown: Shown, number: int, kind: str) -> dict[str, str]:
    """The media type and the bytes in base 64, or the error."""
    try:
        found = _made(shown, number, kind)
    except PixelwiseError as error:
        return {"error": shown.said(error)}
    return {"type": found.type, "data": base64.b64encode(found.data).decode()}


def _made(shown: Shown, number: int, kind: str) -> Encoded:
    if shown.is_large(number):
        tiled = tiled_picture(shown, number, kind)
        assert tiled is not None
        return tiled.reduced(_SIDE)
    make = _jpeg if kind == "image" else picture_maker(shown, number, kind, small=False)
    assert make is not None
    return make(shown.entries.entry(number))


def _jpeg(item: Item) -> Encoded:
    image = np.ascontiguousarray(pictures.image_pixels(item))
    return Encoded(simplejpeg.encode_jpeg(image, quality=_QUALITY, colorspace="RGB"), "image/jpeg")


def _html(title: str, content: dict[str, Any]) -> str:
    """The page with its files inside. Modules become data URIs, which import each other by names of a map."""
    files = {name: found.data.decode() for name, found in page_files().items()}
    modules = {name: text for name, text in files.items() if name.endswith(".js")}
    imports = {f"pixelwise/{name}": _data_uri("text/javascript", _by_name(text)) for name, text in modules.items()}
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(title)}</title>\n"
        f'<link rel="icon" href="{_data_uri("image/svg+xml", files["icon.svg"])}">\n'
        f"<style>{files['view.css']}</style>\n"
        f'<script type="importmap">{_json({"imports": imports})}</script>\n'
        f'<script type="application/json" id="content">{_json(content)}</script>\n'
        '<script type="module">import "pixelwise/app.js";</script>\n'
    )
    page = re.sub(r"<title>.*?(?=</head>)", "", files["index.html"], flags=re.DOTALL)
    return page.replace("</head>", head + "</head>")


def _by_name(module: str) -> str:
    return re.sub(r'from "\./(\w+\.js)"', r'from "pixelwise/\1"', module)


def _data_uri(kind: str, text: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(text.encode()).decode()}"


def _json(value: object) -> str:
    """JSON that can stand inside a script element, whatever names it holds."""
    return json.dumps(value).replace("<", "\\u003c")
