"""Routes: addresses to answers. Entries are known by number, the files of the page by a list: no address is a path."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import DataError, PixelwiseError, UsageError
from ..files.mapping import guarded
from ..types import Window
from .answers import Shown
from .charts import chart_values
from .making import picture_maker, tiled_picture, window_reader
from .pictures import Encoded
from .previews import Preview
from .selecting import Query

_STATIC: Final = Path(__file__).with_name("static")
_TYPES: Final = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_BYTES: Final = "application/octet-stream"
_PLACE: Final = "{level:int}/{row:int}/{column:int}"
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


def application(shown: Shown, pool: Executor, alone: Executor, few: Executor) -> Starlette:
    """The ASGI application; Guard stands before it. pool: makes the answers. alone: one thread, for those that take
    arrays of all entries: the memory of these is used again in one thread, and kept by each of several. few: some
    threads, for tiles: the first of an image may take seconds, and nothing else must wait for it.
    """
    answer, in_turn, in_tiles = (partial(_answering, shown, each) for each in (pool, alone, few))

    def runs(request: Request) -> Response:
        return _Json([run.to_dict() for run in shown.runs])

    return Starlette(
        routes=[  # those asked for most come first: each route before the right one is tried
            Route("/small/{number:int}/{what}", answer(partial(_picture, shown, True)), methods=["GET"]),
            Route("/tile/{number:int}/{what}/" + _PLACE, in_tiles(partial(_tile, shown)), methods=["GET"]),
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
            Route("/api/recipe", answer(_recipe), methods=["GET"]),
            Route("/api/plans/{number:int}", answer(partial(_plans, shown)), methods=["GET"]),
            Route("/plan/{number:int}/{draw:int}/{what}", answer(partial(_plan, shown)), methods=["GET"]),
            Route("/api/at/{number:int}", in_tiles(partial(_at, shown)), methods=["GET"]),
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
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work, request)
        except BaseException:
            if not shown.closing:
                raise
            return _Json({"error": "the server was closed"}, 503)  # nobody hears it, but uvicorn logs no traceback

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
    numbers = shown.chosen(Query.of(request.query_params)).numbers
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


def _recipe(request: Request) -> Response:
    """The parameters of a recipe, or the error of a change: what was typed is to be corrected, as in `_plans`."""
    preview = Preview.of(request.query_params)
    try:
        return _Json({"transforms": preview.to_list()})
    except UsageError as error:
        return _Json({"error": str(error)})


def _plans(shown: Shown, request: Request) -> Response:
    number, preview = request.path_params["number"], Preview.of(request.query_params)
    if number >= len(shown.entries):
        return _missing("no such entry")
    try:
        return _Json({"draws": preview.windows(shown.entries.entry(number))})
    except (DataError, UsageError) as error:
        return _Json({"error": shown.said(error)})


def _plan(shown: Shown, request: Request) -> Response:
    """What a draw of a recipe is rendered to, or its error."""
    number, draw, what = (request.path_params[key] for key in ("number", "draw", "what"))
    preview = Preview.of(request.query_params)
    make = {"image": preview.image, "label": preview.label}.get(what)
    if number >= len(shown.entries) or draw >= 1 << 31 or make is None:
        return _missing("no such picture")
    try:
        found = make(shown.entries.entry(number), draw)
    except PixelwiseError as error:
        return _Json({"error": shown.said(error), "code": error.code})
    return Response(found.data, media_type=found.type, headers=_KEEP)


def _picture(shown: Shown, small: bool, request: Request) -> Response:
    """A picture, or, with status 200 as well, the error of what cannot be read: it stands where the picture would."""
    number, what = request.path_params["number"], request.path_params["what"]
    if number >= len(shown.entries) or (make := picture_maker(shown, number, what, small)) is None:
        return _missing("no such picture")
    return _encoded(shown, number, what, lambda: make(shown.entries.entry(number)))


def _tile(shown: Shown, request: Request) -> Response:
    """A tile of a large picture, or its error."""
    number, level, row, column = (request.path_params[key] for key in ("number", "level", "row", "column"))
    what = request.path_params["what"]
    tiled = tiled_picture(shown, number, what) if number < len(shown.entries) else None
    if tiled is None or (window := tiled.window(level, row, column)) is None:
        return _missing("no such tile")
    return _encoded(shown, number, what, lambda: tiled.tile(window, level))


def _at(shown: Shown, request: Request) -> Response:
    """What is at a pixel, by the names of pictures; without those that cannot be read."""
    number, given = request.path_params["number"], request.query_params
    x, y = (int(v) if re.fullmatch(r"\d{1,9}", v) else -1 for v in (given.get("x", ""), given.get("y", "")))
    size = shown.size(number) if number < len(shown.entries) else None
    if size is None or not (0 <= y < size[0] and 0 <= x < size[1]):
        return _missing("no such pixel")
    out: dict[str, Any] = {}
    for what in given.get("what", "").split(",")[:9]:
        with suppress(PixelwiseError):
            if (read := window_reader(shown, number, what)) is not None:
                out[what] = read(Window(y, x, y + 1, x + 1))[0, 0].tolist()
    return _Json(out)


def _encoded(shown: Shown, number: int, what: str, make: Callable[[], Encoded]) -> Response:
    try:
        found = make()
    except PixelwiseError as error:
        if what in ("image", "label"):
            shown.measures.fail(number, error)
        return _Json({"error": shown.said(error), "code": error.code})
    return Response(found.data, media_type=found.type, headers=_KEEP)
