"""`view`: serve a dataset to the browser from this process. Viewer: the server, until it is closed."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..arguments import check_count, is_whole
from ..checks.findings import Findings
from ..dataset.dataset import Dataset
from ..dataset.splits import Split
from ..errors import PixelwiseError, SystemFault, UsageError
from ..evaluation.prediction_files import Holding, holding
from ..formats.given import Data, SplitNames, as_dataset
from ..hints import hinted
from ..metrics.protocols import ProtocolName, protocol_named
from ..threads import default_threads
from .answers import Shown
from .entries import Entries
from .large import Large
from .measures import Measures
from .problems import Problems
from .runs import Run, run_names

if TYPE_CHECKING:
    import uvicorn

PORT: Final = 8017
_TRIED: Final = 100
"""Ports after the wanted one that are tried if it is taken."""


@hinted
def view(
    data: Data,
    *,
    splits: SplitNames = None,
    predictions: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    protocol: ProtocolName = "voc",
    stored_values: bool = False,
    masks: bool = False,
    threshold: float | None = None,
    findings: Findings | str | os.PathLike[str] | None = None,
    port: int = PORT,
    **options: Any,
) -> Viewer:
    """Show a dataset in the browser: a grid of all samples, one of them in full, predictions beside the truth.

        viewer = pw.view("VOCdevkit/VOC2012")       # returns at once
        viewer.url                                  # open this address; in a notebook, the viewer shows itself
        viewer.close()

    data: a Dataset, a Split or the path of one (`options` are those of `pixelwise.open`). splits: the name or names of
    the splits to show, by default all that can be read. predictions: a folder of predictions or a file of results, or
    several to compare; they are of the one split that is shown, else of "val", else of the first, and are scored by
    `protocol`. stored_values, masks, threshold: as in `score`. findings: of `check`, or the file that they were saved
    in: they become a filter, and their pixels are marked. port: where to listen; the next free one if it is taken.

    Listens on 127.0.0.1 only, and answers only whoever has opened `url`, which holds a secret. Never writes into the
    dataset. Names are known at once, sizes and counts are found in the background. Raises UsageError `missing-extra`
    without `pip install 'pixelwise[view]'`, `empty-dataset` if there is no sample to show, and what opening raises.
    """
    _need_packages()
    protocol_named(protocol)
    dataset = as_dataset(data, splits, verb="view", **options)
    found = findings if findings is None or isinstance(findings, Findings) else Findings.load(findings)
    holds = holding(dataset.classes, stored_values, masks, threshold)
    return Viewer(_shown(dataset, _paths(predictions), protocol, holds, found), port)


@hinted
class Viewer:
    """A server that shows a dataset. `url`: the address to open. Use it in a `with`, or call `close`, to end it.

    It ends with the program, too. In a notebook, its last line shows the page in a frame.
    """

    def __init__(self, shown: Shown, port: int) -> None:
        from .guard import Guard
        from .routes import application

        if not isinstance(shown, Shown):
            raise UsageError("a Viewer is made by view()", fix="call pixelwise.view(data)")
        self._shown = shown
        self._framed = False
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]
        threads = (default_threads() + 2, 1, 4)
        self._pools = [ThreadPoolExecutor(n, thread_name_prefix="pixelwise-view") for n in threads]
        guard = Guard(application(shown, *self._pools), self.port, lambda: self._framed)
        self.url: str = f"http://127.0.0.1:{self.port}/?token={guard.token}"
        self._server = _server(guard)
        self._thread = threading.Thread(target=self._serve, name="pixelwise-view", daemon=True)
        self._scoring = threading.Thread(target=self._score, name="pixelwise-view-scores", daemon=True)
        self._thread.start()
        shown.measures.start()
        self._scoring.start()

    @property
    def title(self) -> str:
        """What the page is called."""
        return self._shown.title

    @property
    def count(self) -> int:
        """How many samples are shown."""
        return len(self._shown.entries)

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def _score(self) -> None:
        for run in self._shown.runs:
            run.find_scores()
        if not self._shown.closing:
            self._shown.prepare_orders()

    def export(self, path: str | os.PathLike[str], state: str = "", *, n: int = 50) -> int:
        """Write the page as one HTML file with the first `n` of the samples that `state` chooses; how many there are.

        state: what the address of the page says after "#": `viewer.export("dogs.html", "class=12&sort=-share")`.
        It needs no server and asks for nothing. Images become JPEG, all else is exact. Waits until all is counted and
        scored. UsageError `bad-query` for a state that is none, SystemFault if the file cannot be written.
        """
        from .exporting import export_page

        self._scoring.join()
        return export_page(self._shown, path, state, check_count("n", n))

    def wait(self) -> None:
        """Return when the server has ended."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def close(self) -> None:
        """End the server and what it does in the background, within 2 seconds."""
        self._shown.closing = True
        for run in self._shown.runs:
            run.stop()
        for looked in (self._shown.alike, self._shown.objects):
            looked.stop()
        self._server.should_exit = True
        self._shown.measures.stop(0.5)
        self._thread.join(1.0)
        self._server.force_exit = True
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        self._thread.join(0.5)
        self._socket.close()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Viewer({self.count:,} sample{'s' * (self.count != 1)} of {self.title!r} at {self.url})"

    def _repr_html_(self) -> str:
        # A cookie of 127.0.0.1 is not sent in a frame of a page of localhost: the frame takes the page's own name.
        self._framed = True
        url, name = escape(self.url), f"pixelwise-{self.port}"
        return (
            f'<iframe id="{name}" width="100%" height="640" style="border:0" title="pixelwise"></iframe>'
            f'<p><a href="{url}" target="_blank" rel="noopener">open in a tab of its own</a></p><script>'
            f'document.getElementById("{name}").src = "{self.url}".replace("127.0.0.1", '
            f'location.hostname === "localhost" ? "localhost" : "127.0.0.1")</script>'
        )


def _need_packages() -> None:
    try:
        import starlette
        import uvicorn  # noqa: F401
    except ImportError as error:
        what = f"the viewer is served by starlette and uvicorn: {error.name} is not installed"
        raise UsageError(what, code="missing-extra", fix="pip install 'pixelwise[view]'") from None
    del starlette


def _paths(predictions: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    each = [predictions] if isinstance(predictions, (str, os.PathLike)) else list(predictions)
    roots = [Path(p).absolute() for p in each]
    for root in roots:
        if not root.exists():
            raise UsageError("no such predictions", code="missing-file", where=root, fix="check the path")
    if len(roots) > 9:
        raise UsageError(f"up to 9 folders of predictions are compared, got {len(roots)}", fix="give fewer")
    return roots


def _shown(dataset: Dataset, roots: list[Path], protocol: str, holds: Holding, found: Findings | None) -> Shown:
    splits: list[Split] = []
    failed: dict[str, str] = {}
    for name in dataset.splits:
        try:
            splits.append(dataset[name])
        except PixelwiseError as error:  # one broken list must not hide the other splits
            failed[name] = str(error)
    if not any(len(split) for split in splits):
        what = next(iter(failed.values()), "no split has a sample")
        raise UsageError(f"nothing to show: {what}", code="empty-dataset", where=dataset.root)
    entries = Entries(splits, dataset.classes)
    part = next((k for k, split in enumerate(splits) if split.name == "val"), 0)
    if roots and not splits[part].has_labels:
        what = f"the split {splits[part].name!r} has no labels to hold predictions against"
        raise UsageError(what, code="no-labels", fix="choose a split with labels")
    runs = [Run(r, n, entries, part, protocol, holds) for r, n in zip(roots, run_names(roots), strict=True)]
    problems = None if found is None else Problems(found, entries)
    large = Large()
    return Shown(dataset, entries, Measures(entries, large), tuple(runs), problems, failed, large)


def _bound(port: int) -> socket.socket:
    """A socket that listens on 127.0.0.1, at `port` or the next free one."""
    if not is_whole(port) or not 0 <= port < 65_536:
        raise UsageError(f"port must be in 0..65535, got {port!r}", fix="leave it out for the usual one")
    for wanted in range(port, min(port + _TRIED, 65_536)):
        # Only for a socket that says TCP does asyncio set TCP_NODELAY; without it each answer takes 40 ms.
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        with suppress(OSError):
            # A port can be used again at once after its last server; one that listens is not shared by this.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(("127.0.0.1", wanted))
            made.listen(256)
            return made
        made.close()
    what = f"ports {port} to {port + _TRIED - 1} are taken"
    raise SystemFault(what, code="port-taken", where="127.0.0.1", fix="choose another: port=0 takes any free one")


def _server(app: Any) -> uvicorn.Server:
    import uvicorn

    return uvicorn.Server(
        uvicorn.Config(
            app, http="auto", ws="none", loop="asyncio", lifespan="off", log_config=None, access_log=False,
            server_header=False, timeout_keep_alive=30, timeout_graceful_shutdown=1, proxy_headers=False,
        )
    )  # fmt: skip
