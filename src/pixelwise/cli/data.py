"""demo, info, load, show, download: make, describe, batch, look at and get a dataset."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from threading import Timer
from time import perf_counter
from typing import Annotated, Any, Final, NamedTuple, cast

import numpy as np
from typer import Argument, Exit, Option

from ..arguments import check_count
from ..codecs.pair_windows import prepare_kernels
from ..dataset.dataset import Dataset
from ..dataset.splits import Split
from ..downloads.getting import download as download_dataset
from ..errors import PixelwiseError, UsageError, shown
from ..formats.given import as_dataset, as_split
from ..formats.opening import open as open_dataset
from ..loading.batch import Batch
from ..loading.loader import Loader
from ..transforms.color import Normalize
from ..transforms.geometry import RandomCrop
from ..transforms.plans import Transform
from ..transforms.recipe_files import read_recipe
from ..transforms.recipes import RECIPES, RecipeName
from ..transforms.turns import RandomHorizontalFlip
from .console import Rows, answer, complain, parse_size, print_json, progress, say
from .options import DatasetPath, FormatOption, JsonOption, LabelsOption, SplitOption, ThreadsOption, opened

TRAINING: Final[list[Transform]] = [
    RandomCrop(320, 480, pad_if_needed=True), RandomHorizontalFlip(), Normalize(),
]  # fmt: skip
_RECIPE: Final = Option(
    metavar="RECIPE", help=f"Transforms: {', '.join(RECIPES)}, or a FILE.toml.", autocompletion=lambda: [*RECIPES]
)
_BATCH: Final = 32  # of the demo
_ERRORS: Final = 5  # of a split, one by one; `check` lists all


def demo(
    directory: Annotated[Path, Argument(metavar="[DIR]", help="Where to work.")] = Path("pixelwise-demo"),
    as_json: JsonOption = False,
) -> None:
    """Make a sample dataset, read it, batch it, draw it: all of pixelwise in half a minute, offline."""
    from .. import sample, show

    started = perf_counter()
    with progress("painting the sample dataset") as update:
        root = sample(directory, count=96, seed=0, progress=update)
    seconds, short = perf_counter() - started, shown(root)
    dataset = open_dataset(root)
    if not as_json:
        say(f"Sample dataset of 96 painted scenes in {short} ({seconds:.1f} s).\n")
        _print_info(dataset, [_SplitInfo.of(dataset, name) for name in dataset.splits])
    seconds_to_compile = _compile(dataset["train"], TRAINING, quietly=as_json)
    if not as_json:
        say("\nThree epochs of shuffled training batches, cropped to 320x480, flipped and normalized:\n")
    result = _run(dataset["train"], TRAINING, batch_size=_BATCH, epochs=3, threads=None, output="float32")
    if not as_json:
        _print_run(result)
    picture = show(dataset["val"], n=5).save(directory / "contact-sheet.png")
    answer(
        as_json,
        {
            "path": str(root), "seconds_to_paint": round(seconds, 1),
            "seconds_to_compile": round(seconds_to_compile, 1), "load": result, "picture": str(picture),
        },
        f"\nContact sheet: {picture}\n\nTry next:\n  pixelwise info {short}\n"
        f"  pixelwise show {short} -n 8 -o sheet.png\n"
        f"  pixelwise load {short} --split train --size 320x480 --batch-size 32 --epochs 3",
    )


def _compile(split: Split, transforms: Sequence[Transform], quietly: bool = False) -> float:
    """Render a batch, so that what is timed next has its kernels. Says so if it takes a second. Returns the seconds."""
    started, waiting = perf_counter(), Timer(1.0, say, ["\nCompiling, once for this machine ..."])
    waiting.daemon = True
    if not quietly:
        waiting.start()
    try:
        prepare_kernels()
        next(iter(Loader(split, _BATCH, transforms, shuffle=True, small="pad")))
    finally:
        waiting.cancel()
    return perf_counter() - started


def info(
    path: DatasetPath,
    split: SplitOption = None, labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Describe a dataset: format, classes, splits, counts, image sizes. Exit 1 if a part of it cannot be read."""
    dataset = as_dataset(opened(path, labels, format), split, verb="info")
    found = [_SplitInfo.of(dataset, name) for name in dataset.splits]
    if as_json:
        print_json(_described(dataset, found))
    else:
        _print_info(dataset, found)
    if any(s.errors for s in found):
        raise Exit(1)


class _SplitInfo(NamedTuple):
    """A split as far as it can be read: split is None if its list cannot be; sizes are those of the readable images."""

    name: str
    split: Split | None
    sizes: list[tuple[int, int]]
    errors: list[str]

    @classmethod
    def of(cls, dataset: Dataset, name: str) -> _SplitInfo:
        try:  # one broken list must not hide the other splits
            split = dataset[name]
        except PixelwiseError as error:
            return cls(name, None, [], [str(error)])
        try:
            sizes, errors = split.readable_sizes()
        except PixelwiseError as error:  # the disk fails, not the data
            return cls(name, split, [], [str(error)])
        known = [(h, w) for h, w in sizes.tolist() if h]
        return cls(name, split, known, [_with_notes(error) for error in errors.values()])


def _with_notes(error: PixelwiseError) -> str:
    return "; ".join([str(error), *getattr(error, "__notes__", [])])


def _described(dataset: Dataset, found: Sequence[_SplitInfo]) -> dict[str, Any]:
    splits: dict[str, Any] = {}
    notes = [note.to_dict() for note in dataset.notes]
    for name, split, sizes, errors in found:
        if split is None:
            splits[name] = {"error": errors[0]}
            continue
        common = Counter(sizes).most_common()
        splits[name] = {
            "samples": len(split), "labels": split.has_labels,
            "sizes": [{"height": h, "width": w, "images": n} for (h, w), n in common],
        } | ({"error": errors[0], "unreadable": len(errors)} if errors else {})  # fmt: skip
        notes += [note.to_dict() for note in split.notes]
    return {
        "root": str(dataset.root), "format": dataset.format, "history": list(dataset.history),
        "classes": list(dataset.classes.names), "ignore_index": dataset.classes.ignore_index,
        "splits": splits, "notes": notes,
    }  # fmt: skip


def _print_info(dataset: Dataset, found: Sequence[_SplitInfo]) -> None:
    classes = dataset.classes
    say(f"{dataset.format} dataset at {shown(dataset.root)}")
    for step in dataset.history:
        say(f"  {step}")
    void = "no void" if classes.ignore_index is None else f"{classes.ignore_index} is void"
    say(f"{len(classes)} classes ({void}): {', '.join(classes.names)}\n")
    rows = Rows("split", ">samples", "labels", "sizes (height x width)")
    notes = [f"note: {note}" for note in dataset.notes]
    for name, split, sizes, errors in found:
        if split is None:
            rows.add(name, "?", "?", "")
        else:
            rows.add(name, str(len(split)), "yes" if split.has_labels else "no", _common_sizes(sizes))
            notes += [f"note: {note}" for note in split.notes]
        notes += [f"error: {error}" for error in errors[:_ERRORS]]
        if len(errors) > _ERRORS:
            notes.append(f"error: {len(errors) - _ERRORS:,} more images of {name} cannot be read; see pixelwise check")
    rows.print()
    for note in dict.fromkeys(notes):
        say(note)


def _common_sizes(sizes: Sequence[tuple[int, int]]) -> str:
    if not sizes:
        return ""
    common = Counter(sizes).most_common(2)
    (low_h, high_h), (low_w, high_w) = ((min(sides), max(sides)) for sides in zip(*sizes, strict=True))
    most = ", ".join(f"{h}x{w} ({100 * n / len(sizes):.0f} %)" for (h, w), n in common)
    return most if len(common) == 1 else f"{most}; {low_h}..{high_h} x {low_w}..{high_w}"


def load(
    path: DatasetPath,
    split: SplitOption = None,
    size: Annotated[str | None, Option(help="Crop, HEIGHTxWIDTH (320x480); 'whole' loads whole images.")] = None,
    recipe: Annotated[str | None, _RECIPE] = None,
    batch_size: Annotated[int, Option(help="Images per batch.")] = 32,
    epochs: Annotated[int, Option(help="How often to go through the split.")] = 1,
    output: Annotated[str, Option(help="float32, float16, bfloat16, uint8, float32-hwc or uint8-hwc.")] = "float32",
    small: Annotated[str, Option(help="Images smaller than the crop: warn, drop, pad or error.")] = "warn",
    threads: ThreadsOption = None,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Load training batches and report how fast, and what training would wait for."""
    if recipe is not None and size is not None:
        raise UsageError("--size and --recipe both say how images are cropped", fix="leave one of them out")
    crop: list[Transform] = [] if size == "whole" else [RandomCrop(parse_size(size or "320x480"))]
    transforms = [*crop, RandomHorizontalFlip(), Normalize()] if recipe is None else _transforms_of(recipe)
    chosen = as_split(opened(path, labels, format), split, verb="load", prefer=("train",))
    result = _run(chosen, transforms, batch_size, epochs, threads, output, small)
    if as_json:
        print_json(result)
    else:
        _print_run(result)


def _transforms_of(recipe: str) -> list[Transform]:
    return read_recipe(recipe) if recipe.endswith(".toml") else RECIPES[cast("RecipeName", recipe)]()


def _run(
    split: Split, transforms: Sequence[Transform], batch_size: int, epochs: int, threads: int | None, output: Any,
    small: Any = "warn",
) -> dict[str, Any]:
    check_count("epochs", epochs)
    started = perf_counter()
    loader = Loader(split, batch_size, transforms, shuffle=True, threads=threads, output=output, small=small)
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
    dropped = result["dropped_too_small"]
    small = f", {dropped} dropped because they are smaller than the crop" if dropped else ""
    say(f"read {result['samples'] - dropped} of {result['samples']} samples of {result['split']!r}{small}")
    rows = Rows("", "", header=False)
    for name in ("images", "labels"):
        if name in result:
            rows.add(name, f"{' x '.join(map(str, result[name]))} {result[name + '_dtype']}")
    rows.add("batches", f"{result['batches']} per epoch")
    rows.add("first batch", f"after {result['seconds_to_first_batch']:.2f} s")
    rows.add("speed", f"{np.median(result['images_per_second']):,.0f} images/s on {result['threads']} threads")
    rows.add("threads spent", ", ".join(f"{k} {v:.2f} s" for k, v in result["thread_seconds"].items()))
    rows.add("", f"training waits for: {result['waiting_for']}")
    rows.print()


def show(
    path: DatasetPath,
    n: Annotated[int, Option("-n", help="How many samples.")] = 5,
    output: Annotated[Path, Option("-o", "--output", help="The picture to write (.png).")] = Path("sheet.png"),
    split: SplitOption = None,
    seed: Annotated[int | None, Option(help="Choose samples at random.")] = None,
    recipe: Annotated[str | None, _RECIPE] = None,
    draws: Annotated[int, Option(help="With --recipe: draws per sample.")] = 4,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Draw a contact sheet: images, labels in class colors, overlays, with a legend of the classes."""
    from ..drawing.contact_sheet import show as draw
    from ..drawing.contact_sheet import show_plans

    dataset = opened(path, labels, format)
    chosen = as_split(dataset, split, verb="show")
    if recipe is None:
        draw(chosen, n=n, seed=seed, title=f"{dataset.root.name}  ·  {chosen.name}").save(output)
    else:
        show_plans(chosen, _transforms_of(recipe), n, draws=draws, seed=seed, title=Path(recipe).stem).save(output)
    shown = min(n, len(chosen))
    found = {"split": chosen.name, "samples": len(chosen), "shown": shown, "picture": str(output)}
    answer(as_json, found, f"{shown} of {len(chosen)} samples of {chosen.name!r}: {output}")


def download(
    name: Annotated[str, Argument(help="voc2012, or voc2007 to voc2011.")],
    directory: Annotated[Path, Argument(metavar="DIR", help="Where to put VOCdevkit/VOC...")],
    archive: Annotated[Path | None, Option(help="Unpack this file, which you got yourself.")] = None,
    everything: Annotated[bool, Option("--all", help="Unpack all, not only what segmentation needs.")] = False,
    keep: Annotated[bool, Option("--keep", help="Keep the archive.")] = False,
    mirror: Annotated[list[str] | None, Option(help="A URL instead of the known ones; repeat for more.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Download a dataset: resumed after any interruption, verified before it is unpacked."""
    try:
        with progress(name, "bytes") as update:
            root = download_dataset(
                name, directory, archive=archive, everything=everything, keep_archive=keep, mirrors=mirror,
                progress=update, say=lambda text: None if as_json else say(text),
            )  # fmt: skip
    except KeyboardInterrupt:
        complain("pixelwise: interrupted; run the same command again to resume")
        sys.exit(130)
    answer(as_json, {"name": name, "path": str(root)}, f"Open it with pixelwise info {shown(root)}")


COMMANDS = (demo, info, load, show, download)
