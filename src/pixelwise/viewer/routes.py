"""Routes: addresses to answers. Entries are known by number, the files of the page by a list: no address is a path."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import DataError, PixelwiseError, UsageError
from ..files.mapping import guarded
from . import pictures
from .answers import Shown
from .charts import chart_values
from .confused import Pair
from .entries import Item
from .pictures import Encoded
from .previews import DRAWS, Preview
from .selecting import Query, select

_STATIC: Final = Path(__file__).with_name("static")
_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_BYTES: Final = "application/octet-stream"
_MOST_ROWS: Final = 500
_KEEP: Final = {"cache-control": "private, max-age=3600"}
"""For pictures: their addresses hold a number that is another one for each server."""

Answer = Callable[[Request], Awaitable[Response]]


@cache
def page_files() -> dict[str, Encoded]:
    """The files of the page by name, read once."""
    return {p.name: Encoded(p.read_bytes(), _TYPES[p.suffix]) for p in _STATIC.iterdir() if p.suffix in _TYPES}


class _Json(JSONResponse):
    """JSON in ASCII: names that are not UTF-8 can be in it."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def application(shown: Shown, pool: Executor, alone: Executor) -> Starlette:
    """The ASGI application; Guard stands before it. pool: makes the answers. alone: one thread, for those that take
    arrays of all entries: the memory of these is used again in one thread, and kept by each of several.
    """
    answer, in_turn = partial(_answering, shown, pool), partial(_answering, shown, alone)

    def runs(request: Request) -> Response:
        return _Json([run.to_dict() for run in shown.runs])

    return Starlette(
        routes=[
            Route("/", answer(lambda request: _file("index.html")), methods=["GET"]),
            Route("/static/{name}", answer(lambda request: _file(request.path_params["name"])), methods=["GET"]),
            Route("/api/dataset", answer(lambda request: _Json(shown.overview())), methods=["GET"]),
            Route("/api/legend", answer(partial(_legend, shown)), methods=["GET"]),
            Route("/api/charts", in_turn(partial(_charts, shown)), methods=["GET"]),
            Route("/api/rows", answer(partial(_rows, shown)), methods=["GET"]),
            Route("/api/select", in_turn(partial(_selection, shown)), methods=["GET"]),
            Route("/api/runs", answer(runs), methods=["GET"]),
            Route("/api/confusion/{run:int}", answer(partial(_confusion, shown)), methods=["GET"]),
            Route("/api/findings", answer(partial(_findings, shown)), methods=["GET"]),
            Route("/api/facts/{number:int}", answer(partial(_facts, shown)), methods=["GET"]),
            Route("/api/plans/{number:int}", answer(partial(_plans, shown)), methods=["GET"]),
            Route("/plan/{number:int}/{draw:int}/{what}", answer(partial(_plan, shown)), methods=["GET"]),
            Route("/small/{number:int}/{what}", answer(partial(_picture, shown, True)), methods=["GET"]),
            Route("/whole/{number:int}/{what}", answer(partial(_picture, shown, False)), methods=["GET"]),
        ],
        exception_handlers={404: _nothing_here},
    )


def _answering(shown: Shown, pool: Executor, make: Callable[[Request], Response]) -> Answer:
    """Make answers on the threads of `pool`. An error of ours is an answer: what is wrong, in one line."""

    def work(request: Request) -> Response:
        try:
            with shown.measures.waiting(), guarded():
                return make(request)
        except UsageError as error:
            return _Json({"error": str(error)}, 400)
        except PixelwiseError as error:
            return _Json({"error": str(error)}, 500)

    async def run(request: Request) -> Response:
        return await asyncio.get_running_loop().run_in_executor(pool, work, request)

    return run


async def _nothing_here(request: Request, error: Exception) -> Response:
    return _Json({"error": "there is nothing at this address"}, 404)


def _missing(what: str) -> Response:
    return _Json({"error": what}, 404)


def _file(name: str) -> Response:
    found = page_files().get(name)
    return _missing("the page has no such file") if found is None else Response(found.data, media_type=found.type)


def _rows(shown: Shown, request: Request) -> Response:
    numbers = [int(v) for v in request.query_params.get("numbers", "").split(",") if re.fullmatch(r"\d{1,18}", v)]
    if len(numbers) > _MOST_ROWS or any(i >= len(shown.entries) for i in numbers):
        return _Json({"error": f"numbers must be up to {_MOST_ROWS} of 0..{len(shown.entries) - 1}"}, 400)
    return _Json(shown.rows(numbers))


def _legend(shown: Shown, request: Request) -> Response:
    return _of_split(shown, request, shown.legend)


def _charts(shown: Shown, request: Request) -> Response:
    return _of_split(shown, request, partial(chart_values, shown.entries, shown.measures))


def _of_split(shown: Shown, request: Request, find: Callable[[str | None], dict[str, Any]]) -> Response:
    name = request.query_params.get("split") or None
    if name is not None and all(name != split.name for split in shown.entries.splits):
        return _missing("no split of that name is shown")
    return _Json(find(name))


def _selection(shown: Shown, request: Request) -> Response:
    """The numbers of the selected entries, uint32 little-endian; a range without a gap is a header, not a list."""
    coded = None if shown.problems is None else shown.problems.numbers
    found = select(Query.of(request.query_params), shown.entries, shown.measures, shown.runs, coded)
    numbers = found.numbers
    if isinstance(numbers, range):
        return Response(media_type=_BYTES, headers={"x-range": f"{numbers.start}-{numbers.stop}"})
    return Response(numbers.astype("<u4").tobytes(), media_type=_BYTES)


def _confusion(shown: Shown, request: Request) -> Response:
    run = request.path_params["run"]
    if run >= len(shown.runs):
        return _missing("no such run")
    shown.runs[run].confused.start()
    return _Json(shown.runs[run].confused.to_dict())


def _findings(shown: Shown, request: Request) -> Response:
    return _Json([] if shown.problems is None else shown.problems.to_list())


def _facts(shown: Shown, request: Request) -> Response:
    number = request.path_params["number"]
    return _missing("no such entry") if number >= len(shown.entries) else _Json(shown.facts(number))


def _plans(shown: Shown, request: Request) -> Response:
    number, preview = request.path_params["number"], Preview.of(request.query_params)
    if number >= len(shown.entries):
        return _missing("no such entry")
    try:
        return _Json({"draws": preview.windows(shown.entries.entry(number))})
    except DataError as error:
        return _Json({"error": shown.said(error)})


def _plan(shown: Shown, request: Request) -> Response:
    """What a draw of a recipe is rendered to, or its error."""
    number, draw, what = (request.path_params[key] for key in ("number", "draw", "what"))
    preview = Preview.of(request.query_params)
    make = {"image": preview.image, "label": preview.label}.get(what)
    if number >= len(shown.entries) or draw >= DRAWS or make is None:
        return _missing("no such picture")
    try:
        found = make(shown.entries.entry(number), draw)
    except PixelwiseError as error:
        return _Json({"error": shown.said(error), "code": error.code})
    return Response(found.data, media_type=found.type, headers=_KEEP)


def _picture(shown: Shown, small: bool, request: Request) -> Response:
    """A picture, or, with status 200 as well, the error of what cannot be read: it stands where the picture would."""
    number, what = request.path_params["number"], request.path_params["what"]
    make = picture_maker(shown, number, what, small)
    if number >= len(shown.entries) or make is None:
        return _missing("no such picture")
    try:
        found = make(shown.entries.entry(number))
    except PixelwiseError as error:
        if what in ("image", "label"):
            shown.measures.fail(number, error)
        return _Json({"error": shown.said(error), "code": error.code})
    return Response(found.data, media_type=found.type, headers=_KEEP)


def picture_maker(shown: Shown, number: int, what: str, small: bool) -> Callable[[Item], Encoded] | None:
    """What makes a picture of an entry, by its name; None if there is no such picture."""
    kind, _, run = what.partition("-")
    if kind in ("prediction", "errors") and re.fullmatch(r"\d", run) and int(run) < len(shown.runs):
        read: Any = getattr(shown.runs[int(run)], kind)
        return lambda entry: pictures.ids_picture(_in_range(read(entry)), small=small)
    if kind == "confused" and (found := re.fullmatch(r"(\d)-(\d{1,5})-(\d{1,5})", run)):
        at, *pair = map(int, found.groups())
        mark = partial(shown.runs[at].marked, pair=Pair(*pair)) if at < len(shown.runs) else None
        return None if mark is None else lambda item: pictures.ids_picture(mark(item), small=small)
    problems = shown.problems
    if kind == "faulty" and problems is not None:
        return lambda item: pictures.ids_picture(problems.faulty(item, number, run, small=small))
    return _MAKERS.get((what, small))


def _in_range(ids: Any) -> Any:
    # What is not a class may have any number; the picture holds 0..65535.
    return ids if ids.dtype == np.uint8 else np.where((ids < 0) | (ids > 65_535), 65_535, ids).astype(np.uint16)


_MAKERS: Final[dict[tuple[str, bool], Callable[[Item], Encoded]]] = {
    ("image", True): pictures.thumbnail,
    ("image", False): pictures.exact_image,
    ("label", True): lambda entry: pictures.ids_picture(pictures.label_ids(entry), small=True),
    ("label", False): lambda entry: pictures.ids_picture(pictures.label_ids(entry)),
    ("instances", True): lambda item: pictures.ids_picture(pictures.instance_numbers(item), small=True),
    ("instances", False): lambda entry: pictures.ids_picture(pictures.instance_numbers(entry)),
    ("stored", False): pictures.stored_picture,
}
"""What there is of every entry, by name and whether it is small."""
