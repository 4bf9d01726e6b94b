"""formats, convert, init, pack, verify: what is known; a dataset in another form; a first description of your own."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

from typer import Argument, Exit, Option

from ..dataset.dataset import Dataset
from ..errors import MissingError, UsageError, printable
from ..files.addresses import as_written
from ..files.writing import atomic_write
from ..formats.converting import convert as convert_dataset
from ..formats.guessing.proposal import propose
from ..formats.opening import known_formats, other_formats
from ..formats.targets.table import TARGETS
from ..formats.toml import FILE, described, text_of
from ..packs.encodings.table import ENCODINGS
from ..packs.verifying import verify as verify_pack
from ..packs.volume import bytes_of_pack
from ..packs.writing import pack as pack_dataset
from .console import answer, progress
from .options import (
    DatasetPath,
    FormatOption,
    JsonOption,
    LabelsOption,
    RayOption,
    SplitOption,
    ThreadsOption,
    opened,
    parse_part,
)

ENCODING_HELP = " ".join(f"{e.name}: {e.about}." for e in ENCODINGS.values())
PackPath = Annotated[Path, Argument(metavar="OUT", help="The pack: a folder of its own.")]


def formats(as_json: JsonOption = False) -> None:
    """List every known format: its name, and the files by which it is recognized."""
    found = {**known_formats(), **other_formats()}
    width = max(map(len, found))
    lines = [f"{name:{width}}  {printable(format.looks_like)}" for name, format in found.items()]
    answer(as_json, {name: format.looks_like for name, format in found.items()}, "\n".join(lines))


def convert(
    path: DatasetPath,
    output: Annotated[Path, Argument(metavar="OUT", help="The new folder.")],
    to: Annotated[str, Option("--to", help=f"{', '.join(TARGETS)}.")] = "index",
    classes: Annotated[str | None, Option(help="Classes to keep, by commas; all others become void.")] = None,
    images: Annotated[str, Option(help="copy, symlink or hardlink.")] = "copy",
    void: Annotated[str, Option(help="keep, or background for a format that has no void.")] = "keep",
    skip_missing: Annotated[bool, Option("--skip-missing", help="Leave out samples without their files.")] = False,
    split: SplitOption = None, threads: ThreadsOption = None, ray: RayOption = None,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Write a dataset in the files of another format, every label equal. If interrupted, run it again."""
    dataset = opened(path, labels, format)
    kept = None if classes is None else [c.strip() for c in classes.split(",") if c.strip()]
    wanted: Any = {"to": to, "images": images, "void": void, "skip_missing": skip_missing}
    with progress("converting") as update:
        made = convert_dataset(dataset, output, classes=kept, splits=split, threads=threads, progress=update, **wanted)
    splits = {name: len(made[name]) for name in made.splits}
    counts = ", ".join(f"{n} {name}" for name, n in splits.items())
    found = {"path": str(output), "to": to, "splits": splits, "classes": list(made.classes.names)}
    answer(as_json, found, f"{dataset.format} -> {to}: {counts}; {len(made.classes)} classes; {output}")


def init(
    path: Annotated[Path, Argument(metavar="FOLDER", help="Your files.")],
    output: Annotated[Path | None, Option("-o", "--output", help="By default beside the data.")] = None,
    images: Annotated[str | None, Option(help="Where the images are: 'photos/{name}.jpg'.")] = None,
    labels: Annotated[str | None, Option(help="Where the labels are: 'masks/{name}.png'.")] = None,
    dry_run: Annotated[bool, Option("--dry-run", help="Print the file instead of writing it.")] = False,
    picture: Annotated[Path | None, Option("--show", metavar="PNG", help="Draw what it proposes.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at the files of a dataset of your own and write a first pixelwise.toml to be completed."""
    if (images is None) != (labels is None):
        raise UsageError("--images and --labels go together: got only one of them")
    if not path.is_dir():
        raise MissingError("no such folder", code="missing-file", where=path, fix="check the path")
    target = path / FILE if output is None else output
    if target.exists() and not dry_run:
        raise UsageError("there is a file already", code="exists", where=target, fix="edit it, or move it away")
    with progress("counting", "labels") as update:
        proposal = propose(path, images, labels, progress=update)
    if picture is not None:
        _draw(proposal.text, path, picture)
    text = proposal.text
    if target.parent.absolute() != path.absolute():
        text = f"root = {text_of(str(path.absolute()))}\n\n{text}"
    if not dry_run:
        with atomic_write(target) as file:
            file.write(text.encode())
    found, where = text.count("[[class]]"), printable(target)
    chosen = {"images": proposal.reading.images.template, "labels": proposal.reading.labels.template}
    data = {"path": str(target), "classes": found, "pairs": proposal.reading.pairs, **chosen,
            "report": proposal.report, "confirm": proposal.doubts, "text": text}  # fmt: skip
    said = [printable(line) for line in proposal.report] + [f"to be confirmed: {printable(d)}" for d in proposal.doubts]
    end = text if dry_run else f"{where}: {found} classes; name them, then: pixelwise info {where}"
    answer(as_json, data, "\n".join([*said, end]))


def _draw(text: str, root: Path, picture: Path) -> None:
    """A few samples of what a description says, of the first split with labels."""
    from .. import show

    made = described(text.encode(), root / FILE, "toml")
    splits = [made[name] for name in made.splits]
    show(next((s for s in splits if s.has_labels and len(s)), splits[0]), n=4).save(picture)


def pack(
    path: DatasetPath,
    target: PackPath,
    encoding: Annotated[str, Option(help=ENCODING_HELP)] = "raw",
    overwrite: Annotated[bool, Option("--overwrite", help="Replace another pack, mend this one.")] = False,
    part: Annotated[str | None, Option("--part", metavar="K/N", help="Only every N-th shard.")] = None,
    split: SplitOption = None, threads: ThreadsOption = None, ray: RayOption = None,
    labels: LabelsOption = None, format: FormatOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Pack a dataset for fast reading. If interrupted, run it again."""
    own, target = parse_part(part), as_written(target)
    dataset = opened(path, labels, format)
    settings: Any = {"splits": split, "encoding": encoding, "threads": threads, "overwrite": overwrite}
    started = perf_counter()
    with progress("packing", "samples") as update:
        packed: Dataset | None = pack_dataset(dataset, target, progress=update, part=own, **settings)
    if packed is None:
        said = f"{target}: part {part} is written; the part that finds all others there finishes the pack"
        return answer(as_json, {"path": str(target), "part": part, "complete": False}, said)
    seconds = perf_counter() - started
    target, size = packed.root, bytes_of_pack(packed.root)
    splits = {name: len(packed[name]) for name in packed.splits}
    counts = ", ".join(f"{name} {n}" for name, n in splits.items())
    found = {"path": str(target), "encoding": encoding, "bytes": size, "splits": splits, "seconds": seconds}
    return answer(as_json, found, f"{target}: {size / 1e6:,.1f} MB, splits {counts} ({seconds:.1f} s)")


def verify(
    target: PackPath,
    check_source: Annotated[bool, Option("--check-source", help="Also: have its source files changed?")] = False,
    source: Annotated[Path | None, Option(help="Where the source is now.")] = None,
    threads: ThreadsOption = None,
    ray: RayOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read every byte of a pack and name what is damaged, by shard and record. Exit 1 if anything is."""
    target = as_written(target)
    with progress("verifying", "samples") as update:
        found = verify_pack(target, source=source or check_source, threads=threads, progress=update)
    problems = f"{len(found)} problem{'s' * (len(found) > 1)}" if found else "every record is as it was packed"
    answer(as_json, found.to_dict(), "\n".join([*map(str, found), f"{target}: {problems}"]))
    if found:
        raise Exit(1)


COMMANDS = (formats, convert, init, pack, verify)
