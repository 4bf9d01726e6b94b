"""demo, info, load, show, download: make, describe, batch, look at and get a dataset."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer

from ..arguments import check_count
from ..dataset.dataset import Dataset
from ..dataset.splits import Split
from ..downloads.getting import download as download_dataset
from ..errors import DataError, UnknownNameError
from ..formats.opening import open as open_dataset
from ..loading.loader import Loader
from ..transforms.color import Normalize
from ..transforms.geometry import RandomCrop
from ..transforms.plans import Transform
from ..transforms.recipes import RECIPES
from ..transforms.turns import RandomHorizontalFlip
from ..types import Batch
from .console import out, parse_size, progress, progress_steps, table

PathArgument = Annotated[
    Path, typer.Argument(help="The dataset: its folder, or a folder above it.", show_default=False)
]
LabelsOption = Annotated[
    str | None,
    typer.Option("--labels", help="Folder or kind of the labels, such as SegmentationClassAug.", show_default=False),
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="The format, where it is not recognized or two fit.", show_default=False),
]


def open_path(path: Path, labels: str | None, format: str | None = None) -> Dataset:
    """The dataset at `path`, with other labels or another format where they are named."""
    options: dict[str, Any] = {} if labels is None else {"labels": labels}
    return open_dataset(path, format=format, **options)


def demo(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to work.")] = Path("pixelwise-demo"),
) -> None:
    """Make a sample dataset, read it, batch it, draw it: all of pixelwise in half a minute, offline."""
    from .. import sample, show

    started = perf_counter()
    with progress("painting the sample dataset") as update:
        root = sample(directory, count=96, seed=0, progress=update)
    out.print(f"Sample dataset of 96 painted scenes in {root} ({perf_counter() - started:.1f} s).\n")
    dataset = open_dataset(root)
    _print_info(dataset)
    out.print("\nThree epochs of shuffled training batches, cropped to 320x480, flipped and normalized:\n")
    transforms: list[Transform] = [RandomCrop(320, 480), RandomHorizontalFlip(), Normalize()]
    _print_run(_run(dataset["train"], transforms, batch=32, epochs=3, threads=None, output="float32"))
    picture = directory / "contact-sheet.png"
    show(dataset["val"], n=5).save(picture)
    out.print(f"\nContact sheet: {picture}")
    out.print(
        f"\nTry next:\n  pixelwise info {root}\n  pixelwise show {root} -n 8 -o sheet.png\n"
        f"  pixelwise load {root} --split train --size 320x480 --batch 32 --epochs 3"
    )


def info(path: PathArgument, labels: LabelsOption = None, format: FormatOption = None) -> None:
    """Say what a dataset is: format, classes, splits, counts, image sizes."""
    _print_info(open_path(path, labels, format))


def _print_info(dataset: Dataset) -> None:
    classes = dataset.classes
    out.print(f"{dataset.format} dataset at {dataset.root}", markup=False)
    for step in dataset.history:
        out.print(f"  {step}", markup=False)
    void = "no void" if classes.ignore_index is None else f"{classes.ignore_index} is void"
    out.print(f"{len(classes)} classes ({void}): {', '.join(classes.names)}\n", markup=False)
    rows = table("split", ">samples", "labels", "sizes (height x width)")
    notes = [f"note: {note}" for note in dataset.notes]
    for name in dataset.splits:
        try:
            split = dataset[name]
            rows.add_row(name, str(len(split)), "yes" if split.has_labels else "no", _sizes(split))
            notes += [f"note: {note}" for note in split.notes]
        except DataError as error:  # one broken list must not hide the other splits
            rows.add_row(name, "?", "?", "")
            notes.append(f"error: {error}")
    out.print(rows)
    for note in dict.fromkeys(notes):
        out.print(note, markup=False)


def _sizes(split: Split) -> str:
    sizes = split.sizes()
    if not len(sizes):
        return ""
    common = Counter(map(tuple, sizes.tolist())).most_common(2)
    low, high = sizes.min(axis=0), sizes.max(axis=0)
    most = ", ".join(f"{h}x{w} ({100 * n / len(sizes):.0f} %)" for (h, w), n in common)
    return most if len(common) == 1 else f"{most}; {low[0]}..{high[0]} x {low[1]}..{high[1]}"


def load(
    path: PathArgument,
    split: Annotated[
        str | None, typer.Option(help="The split; default train, or the first.", show_default=False)
    ] = None,
    size: Annotated[str, typer.Option(help="Crop, HEIGHTxWIDTH; 'whole' loads whole images.")] = "320x480",
    batch: Annotated[int, typer.Option(help="Images a batch.")] = 32,
    epochs: Annotated[int, typer.Option(help="How often to go through the split.")] = 1,
    threads: Annotated[int | None, typer.Option(help="Threads; default: one per core.", show_default=False)] = None,
    output: Annotated[str, typer.Option(help="float32, uint8 or uint8-hwc.")] = "float32",
    labels: LabelsOption = None,
    format: FormatOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Load training batches and say how fast, and what a training would wait for."""
    crop: list[Transform] = [] if size == "whole" else [RandomCrop(parse_size(size))]
    transforms = [*crop, RandomHorizontalFlip(), Normalize()]
    dataset = open_path(path, labels, format)
    if split is None:
        split = "train" if "train" in dataset.splits else next(iter(dataset.splits))
    result = _run(dataset[split], transforms, batch, epochs, threads, output)
    if as_json:
        out.print_json(json.dumps(result))
    else:
        _print_run(result)


def _run(
    split: Split, transforms: Sequence[Transform], batch: int, epochs: int, threads: int | None, output: Any
) -> dict[str, Any]:
    check_count("epochs", epochs)
    started = perf_counter()
    loader = Loader(split, batch, transforms, shuffle=True, threads=threads, output=output)
    first, rates, images = 0.0, [], 0
    shapes: dict[str, Any] = {}
    with progress("loading batches") as update:
        for _ in range(epochs):
            begun, count = perf_counter(), 0
            for b in loader:
                first = first or perf_counter() - started
                count += len(b)
                images += len(b)
                shapes = shapes or _shapes(b)
                update(images, epochs * loader._order.n)
            rates.append(count / (perf_counter() - begun))
    timing = loader.timing()
    return {
        "split": split.name, "samples": len(split), "dropped_too_small": len(loader.dropped),
        "batches": len(loader), **shapes,
        "seconds_to_first_batch": round(first, 3), "images_per_second": [round(r, 1) for r in rates],
        "threads": loader.threads, "waiting_for": timing.slowest,
        "thread_seconds": {k: round(getattr(timing, k), 3) for k in ("reading", "decoding", "rendering", "idle")},
    }  # fmt: skip


def _shapes(batch: Batch) -> dict[str, Any]:
    arrays = {"images": batch.images} if batch.labels is None else {"images": batch.images, "labels": batch.labels}
    return {k: v for n, a in arrays.items() for k, v in ((n, [*a.shape]), (f"{n}_dtype", str(a.dtype)))}


def _print_run(result: dict[str, Any]) -> None:
    used = result["samples"] - result["dropped_too_small"]
    small = f", {result['dropped_too_small']} dropped because they are smaller than the crop" * bool(
        result["dropped_too_small"]
    )
    out.print(f"read {used} of {result['samples']} samples of {result['split']!r}{small}", markup=False)
    if not result["batches"]:
        out.print("no batches")
        return
    rows = table("", "")
    for name in ("images", "labels"):
        if name in result:
            rows.add_row(name, f"{' x '.join(map(str, result[name]))} {result[name + '_dtype']}")
    rows.add_row("batches", f"{result['batches']} an epoch")
    rows.add_row("first batch", f"after {result['seconds_to_first_batch']:.2f} s")
    rows.add_row("speed", f"{np.median(result['images_per_second']):,.0f} images/s on {result['threads']} threads")
    seconds = ", ".join(f"{k} {v:.2f} s" for k, v in result["thread_seconds"].items())
    rows.add_row("threads spent", seconds)
    rows.add_row("", f"your training is waiting for: {result['waiting_for']}")
    rows.show_header = False
    out.print(rows)


def show(
    path: PathArgument,
    n: Annotated[int, typer.Option("-n", help="How many samples.")] = 5,
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture to write (.png).")] = Path("sheet.png"),
    split: Annotated[str | None, typer.Option(help="The split; default the first.", show_default=False)] = None,
    seed: Annotated[int | None, typer.Option(help="Draw samples at random.", show_default=False)] = None,
    recipe: Annotated[
        str | None, typer.Option(help=f"Show what a recipe draws: {', '.join(RECIPES)}.", show_default=False)
    ] = None,
    draws: Annotated[int, typer.Option(help="With --recipe: draws of each sample.")] = 4,
    labels: LabelsOption = None,
    format: FormatOption = None,
) -> None:
    """Draw a contact sheet: images, labels in class colors, overlays, with a legend of the classes."""
    from .. import show as draw
    from .. import show_plans

    dataset = open_path(path, labels, format)
    chosen = dataset[next(iter(dataset.splits)) if split is None else split]
    if recipe is None:
        draw(chosen, n=n, seed=seed, title=f"{dataset.root.name}  ·  {chosen.name}").save(output)
    elif recipe in RECIPES:
        show_plans(chosen, RECIPES[recipe](), n, draws=draws, seed=seed, title=recipe).save(output)
    else:
        raise UnknownNameError(
            f"no recipe named {recipe!r}", code="unknown-recipe", fix=f"the recipes are: {', '.join(RECIPES)}"
        )
    out.print(f"{min(n, len(chosen))} of {len(chosen)} samples of {chosen.name!r}: {output}", markup=False)


def download(
    name: Annotated[str, typer.Argument(help="voc2012, or voc2007 to voc2011.", show_default=False)],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The folder for VOCdevkit/VOC...")],
    archive: Annotated[
        Path | None, typer.Option(help="Unpack this file, which you got yourself.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Unpack all, not only what segmentation needs.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the archive.")] = False,
    mirror: Annotated[list[str] | None, typer.Option(help="A URL instead of the known ones; repeat for more.")] = None,
) -> None:
    """Download a dataset: resumed after any interruption, verified before it is unpacked."""
    try:
        with progress_steps(name) as update:
            root = download_dataset(
                name, directory, archive=archive, everything=everything, keep_archive=keep, mirrors=mirror,
                progress=update, say=lambda text: out.print(text, markup=False),
            )  # fmt: skip
    except KeyboardInterrupt:
        print("pixelwise: interrupted; run the same command again to resume", file=sys.stderr)
        sys.exit(130)
    out.print(f"Open it with pixelwise info {root}", markup=False)


COMMANDS = (demo, info, load, show, download)
