"""COCO: instances as polygons or run lengths, and panoptic PNGs with a JSON.

Objects are those of the instance map, else connected regions of one class. An object's polygons are the borders of its
pixels; one with a hole is run lengths, because polygons of COCO are united. The JSON's `info` holds the class table and
what no annotation covers, so that our reader gives the same ids; to others it is a text. Void is what no annotation
covers if no class is background, else a crowd of a category `void`; in panoptic PNGs it is segment 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ...classes import ClassTable
from ...codecs.png import encode_png
from ...files.writing import atomic_write
from ...types import Sample
from ..tracing import Traced, run_lengths
from .target import (
    FRAGMENT,
    Ending,
    SampleJob,
    Target,
    background_of,
    cannot_hold,
    dumped,
    objects,
    uncovered,
    void_of,
    write_file,
    write_json,
)  # fmt: skip

_MOST = 65_535


class Instances(Target):
    """annotations/instances_SPLIT.json, and SPLIT/ of images."""

    images = "{split}/{path}.{ext}"
    labels = FRAGMENT
    result = "annotations/instances_{split}.json"

    def write_label(self, root: Path, job: SampleJob, sample: Sample, table: ClassTable, ext: str) -> None:
        """The annotations without their ids. UsageError `cannot-hold` for more objects than can be numbered."""
        label: Any = sample.label
        found = objects(label, sample.instances, table)
        if len(found) > _MOST:
            what = f"{len(found)} connected regions, and COCO's are numbered up to {_MOST}"
            raise cannot_hold(what, job.called, "choose coco-panoptic, or index")
        height, width = label.shape
        entries = [_annotation(o, table, (height, width)) for o in found]
        write_json(job.place(root, FRAGMENT), {"size": [height, width], "annotations": entries})

    def finish(self, end: Ending) -> None:
        """A JSON for each split; one without labels has no annotations."""
        has_void = any(
            a["category_id"] == _void_category(end.table)
            for split in end.labeled for _, _, f in end.fragments(split) for a in f["annotations"]
        )  # fmt: skip
        listed = categories(end.table, background_of(end.table))
        if has_void:
            named = "void" if "void" not in end.table.names else "__ignore__"
            listed.append({"id": _void_category(end.table), "name": named, "supercategory": "void"})
        for split in end.splits:
            path = end.root / self.result.replace("{split}", split)
            head = {"info": information(end, void=_void_category(end.table) if has_void else None)}
            write_parts(path, {**head, "categories": listed}, *_entries(end, split))


def _entries(end: Ending, split: str) -> tuple[dict[str, Any], Iterable[dict[str, Any]] | None]:
    """The lists of a split's JSON: images, and annotations one by one, or None if it has no labels."""
    images = image_entries(end, split)
    if split not in end.labeled:
        return {"images": images}, None

    def annotations() -> Iterable[dict[str, Any]]:
        n = 0
        for image, (_, _, fragment) in zip(images, end.fragments(split), strict=True):
            for entry in fragment["annotations"]:
                n += 1
                yield {"id": n, "image_id": image["id"], **entry}

    return {"images": images}, annotations()


def image_entries(end: Ending, split: str) -> list[dict[str, Any]]:
    """The images of a split, with ids from 1 on."""
    jobs = end.splits[split]
    out = []
    sizes = [job.of.sizes(np.array([job.index]))[0].tolist() for job, _ in jobs]
    for n, ((job, ext), (height, width)) in enumerate(zip(jobs, sizes, strict=True), 1):
        out.append({"id": n, "file_name": f"{job.name}.{ext}", "height": height, "width": width})
    return out


def _void_category(table: ClassTable) -> int:
    return len(table) + 1


def categories(table: ClassTable, without: int | None = None) -> list[dict[str, Any]]:
    """The categories of the classes but one, with ids from 1 on in the order of the classes."""
    ids = [i for i in range(len(table)) if i != without]
    return [
        {"id": _category(table, i, without), "name": table.names[i], "supercategory": table.names[i],
         "color": table.colors[i].tolist()}
        for i in ids
    ]  # fmt: skip


def _category(table: ClassTable, index: int, without: int | None) -> int:
    if index == table.ignore_index:
        return _void_category(table)
    return index + (without is None or index < without)


def information(end: Ending, **more: Any) -> dict[str, Any]:
    """The `info` of a JSON: where it is from, and what its categories do not say."""
    table = end.table
    kept = ClassTable(table.names, table.colors, table.ignore_index, table.ignore_color)
    said = f"Converted from {end.source.root} ({end.source.format}) by pixelwise."
    return {
        "description": " ".join([said, *end.source.history]),
        "pixelwise": {"classes": kept.to_dict(), "uncovered": uncovered(table), **more},
    }


def _annotation(of: Traced, table: ClassTable, size: tuple[int, int]) -> dict[str, Any]:
    if of.has_holes:
        region: Any = {"size": list(size), "counts": run_lengths(of.mask(), of.box, size)}
    else:
        region = [path.reshape(-1).tolist() for (path,) in of.parts]
    x0, y0, x1, y1 = of.box
    void = of.category == table.ignore_index
    return {
        "category_id": _category(table, of.category, background_of(table)), "iscrowd": int(void), "area": of.area,
        "bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": region,
    }  # fmt: skip


def write_parts(
    path: Path, head: dict[str, Any], lists: dict[str, Any], annotations: Iterable[dict[str, Any]] | None
) -> None:
    """Write a JSON whose annotations are never all in memory, one per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, alone=False) as file:
        file.write(dumped({**head, **lists})[:-1].encode())
        if annotations is not None:
            file.write(b',\n"annotations":[')
            for n, entry in enumerate(annotations):
                file.write((",\n" * (n > 0) + dumped(entry)).encode())
            file.write(b"]")
        file.write(b"}\n")


# -- panoptic -----------------------------------------------------------------------------------------------


class Panoptic(Target):
    """annotations/panoptic_SPLIT.json and a folder of PNGs of that name, and SPLIT/ of images.

    A segment is an object of the instance map, or all pixels of a class that have no number there.
    """

    images = "{split}/{path}.{ext}"
    labels = FRAGMENT
    result = "annotations/panoptic_{split}.json"

    def write_label(self, root: Path, job: SampleJob, sample: Sample, table: ClassTable, ext: str) -> None:
        """The PNG of R + 256 G + 65536 B, and the segments."""
        label: Any = sample.label
        keys = label.astype(np.int64)
        if sample.instances is not None:
            keys |= sample.instances.astype(np.int64) << 16
        void = void_of(label, table)
        values, of = np.unique(keys, return_inverse=True)
        stuff = values >> 16 == 0
        order = np.lexsort((values, stuff))  # things first, so that they keep their numbers if those are 1, 2, ...
        void_keys = values & 0xFFFF == (-1 if table.ignore_index is None else table.ignore_index)
        ids = np.zeros(len(values), np.int64)
        kept = order[~void_keys[order]]
        ids[kept] = np.arange(1, len(kept) + 1)
        if len(kept) >= 1 << 24:
            what = f"{len(kept)} segments, and their ids have 24 bits"
            raise cannot_hold(what, job.called, "choose index")
        segments = ids[of].reshape(label.shape)
        assert not segments[void].any()
        pixels = np.stack([segments & 255, segments >> 8 & 255, segments >> 16], axis=2).astype(np.uint8)
        write_file(job.place(root, "annotations/panoptic_{split}/{path}.png"), encode_png(pixels))
        found = _segments(segments, values[kept])
        write_json(job.place(root, FRAGMENT), {"segments_info": found})

    def finish(self, end: Ending) -> None:
        """A JSON for each split; one without labels has no annotations."""
        things = {
            s["category_id"] for split in end.labeled for _, _, f in end.fragments(split) for s in f["segments_info"]
            if s.get("thing")
        }  # fmt: skip
        listed = [{**c, "isthing": int(c["id"] in things)} for c in categories(end.table)]
        for split in end.splits:
            images = image_entries(end, split)

            def annotations(split: str = split, images: list[dict[str, Any]] = images) -> Iterable[dict[str, Any]]:
                for image, (job, _, fragment) in zip(images, end.fragments(split), strict=True):
                    segments = [{k: v for k, v in s.items() if k != "thing"} for s in fragment["segments_info"]]
                    yield {"image_id": image["id"], "file_name": f"{job.name}.png", "segments_info": segments}

            path = end.root / self.result.replace("{split}", split)
            head = {"info": information(end), "categories": listed}
            write_parts(path, head, {"images": images}, annotations() if split in end.labeled else None)


def _segments(segments: Any, keys: Any) -> list[dict[str, Any]]:
    """The entries of the segments 1, 2, ... of a PNG. keys: of each, its class and its number above 16 bits."""
    flat = segments.reshape(-1)
    order = np.argsort(flat, kind="stable")
    starts = np.searchsorted(flat[order], np.arange(1, len(keys) + 1))
    if not len(keys):
        return []
    rows, columns = np.divmod(order, segments.shape[1])
    low = [np.minimum.reduceat(v, starts) for v in (columns, rows)]
    high = [np.maximum.reduceat(v, starts) + 1 for v in (columns, rows)]
    boxes = np.stack([*low, high[0] - low[0], high[1] - low[1]], axis=1).tolist()
    areas = np.diff(starts, append=len(flat)).tolist()
    return [
        {"id": n, "category_id": (key & 0xFFFF) + 1, "area": area, "bbox": box, "iscrowd": 0, "thing": key >> 16 > 0}
        for n, (key, area, box) in enumerate(zip(keys.tolist(), areas, boxes, strict=True), 1)
    ]


INSTANCES_JSON = Instances()
PANOPTIC_PNGS = Panoptic()
