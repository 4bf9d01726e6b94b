"""view: a dataset in the browser."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, cast

from typer import Option

from ..metrics.protocols import PROTOCOLS, ProtocolName
from ..viewer.viewing import PORT
from ..viewer.viewing import view as serve
from .console import answer
from .evaluate import Masks, ScoreThreshold, StoredValues
from .options import DatasetPath, FormatOption, JsonOption, LabelsOption, SplitOption, opened


def view(
    path: DatasetPath,
    predictions: Annotated[
        list[Path] | None, Option(help="A folder of predictions, or a file of results; repeat to compare.")
    ] = None,
    protocol: Annotated[str, Option(help=f"Of their scores: {', '.join(PROTOCOLS)}.")] = "voc",
    findings: Annotated[Path | None, Option(help="Findings to look at: the file of check --save.")] = None,
    export: Annotated[Path | None, Option(help="Write the chosen samples to this .html and end.")] = None,
    choose: Annotated[str, Option(help="With --export: what the page's address says after #.")] = "",
    n: Annotated[int, Option("-n", help="With --export: how many samples at most.")] = 50,
    port: Annotated[int, Option(help="Where to listen; the next free port if it is taken.")] = PORT,
    stored_values: StoredValues = False,
    masks: Masks = False,
    threshold: ScoreThreshold = None,
    split: SplitOption = None, labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Show a dataset in the browser: all samples, one in full, predictions. On this machine only, until Ctrl-C."""
    dataset = opened(path, labels, format)
    with serve(
        dataset,
        splits=split,
        predictions=predictions or (),
        protocol=cast("ProtocolName", protocol),
        stored_values=stored_values,
        masks=masks,
        threshold=threshold,
        findings=findings,
        port=port,
    ) as viewer:
        if export is not None:
            count = viewer.export(export, choose, n=n)
            answer(as_json, {"samples": count, "page": str(export)}, f"{count:,} samples: {export}")
            return
        many = "s" * (viewer.count != 1)
        text = f"{viewer.count:,} sample{many} of {viewer.title}. Open this address; Ctrl-C ends.\n\n  {viewer.url}\n"
        answer(as_json, {"samples": viewer.count, "url": viewer.url, "port": viewer.port}, text)
        with suppress(KeyboardInterrupt):
            viewer.wait()


COMMANDS = (view,)
