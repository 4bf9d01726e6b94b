"""A function per parser: takes any bytes, and lets nothing but a PixelwiseError pass."""

from __future__ import annotations

import atexit
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import pixelwise as pw
from pixelwise.codecs.decoding import (
    UNCOMMON_KINDS,
    decode_image,
    decode_preview,
    decode_stored,
    parse_header,
    read_header,
)
from pixelwise.codecs.pair_windows import PairReader
from pixelwise.codecs.png import encode_png
from pixelwise.dataset.lists import parse_list
from pixelwise.downloads.unpack import open_archive
from pixelwise.errors import PixelwiseError
from pixelwise.packs.index import checksum
from pixelwise.packs.manifest import MANIFEST

MAX_PIXELS = 1 << 20
"""The limit of pixels while fuzzing: inputs that are honestly large say nothing, and take time."""
_SIZE = (6, 8)

Target = Callable[[bytes], None]
TARGETS: dict[str, Target] = {}


def target(function: Target) -> Target:
    """Put a function into the table, by its name."""
    TARGETS[function.__name__] = function
    return function


# -- files in memory ------------------------------------------------------------------------------------------


def _decode(data: bytes, name: str) -> None:
    """Every door for a file's bytes. The header from a file must be that from memory."""
    path = _folder("files") / name
    path.write_bytes(data)
    read: list[Any] = []
    for header in (lambda: read_header(path), lambda: parse_header(data, path)):
        try:
            read.append(header())
        except PixelwiseError as error:
            read.append(error.code)
    assert read[0] == read[1], f"{read[0]} from the file, {read[1]} from memory"
    for notes in (None, []):
        with suppress(PixelwiseError):
            image = decode_image(data, path, notes, (0, 255), None, MAX_PIXELS)
            assert image.shape == (read[1].height, read[1].width, 3)
            assert image.dtype == np.uint8
            assert image.flags.c_contiguous
        with suppress(PixelwiseError):
            decode_stored(data, path, notes, UNCOMMON_KINDS, MAX_PIXELS)
    with suppress(PixelwiseError):
        decode_image(data, path, [], (0, 255), (0, 1, 2), MAX_PIXELS)
    with suppress(PixelwiseError):
        small = decode_preview(data, path, 32, MAX_PIXELS)
        assert max(small.shape[:2]) >= min(32, max(read[1].height, read[1].width))


@target
def png(data: bytes) -> None:
    """PNG, and the kernel that reads labels again."""
    _decode(data, "x.png")
    with suppress(PixelwiseError):
        header = parse_header(data, "x.png")
        if header.height * header.width > MAX_PIXELS:
            return
        ids = np.zeros((header.height, header.width), np.uint8)
        with suppress(PixelwiseError):
            pixels = decode_stored(data, "x.png").pixels
            ids = pixels if pixels.shape == ids.shape and pixels.dtype == ids.dtype else ids
        _label_reader().learn(data, ids)


@cache
def _label_reader() -> PairReader:
    return PairReader()


@target
def jpeg(data: bytes) -> None:
    """JPEG."""
    _decode(data, "x.jpg")


@target
def tiff(data: bytes) -> None:
    """TIFF and BigTIFF."""
    _decode(data, "x.tif")


@target
def npy(data: bytes) -> None:
    """NPY."""
    _decode(data, "x.npy")


@target
def rare(data: bytes) -> None:
    """GIF, BMP, WebP, and whatever else the first bytes say."""
    _decode(data, "unnamed")


@target
def split_list(data: bytes) -> None:
    """Lists of samples."""
    with suppress(PixelwiseError):
        found = parse_list(data, "train.txt", [])
        assert len(set(found.names)) == len(found.names) == len(found.lines)


# -- files of a dataset ---------------------------------------------------------------------------------------


@cache
def _folder(name: str) -> Path:
    """A folder for a target of this process, gone at its end."""
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(f"-fuzz-{name}", dir=memory if os.access(memory, os.W_OK) else None))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def _png(value: int, channels: int = 3) -> bytes:
    return encode_png(np.full((*_SIZE, 3) if channels == 3 else _SIZE, value, np.uint8))


def _put(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def _read(path: Path, **options: Any) -> None:
    """Open a dataset and read some of it."""
    with suppress(PixelwiseError):
        dataset = pw.open(path, **options)
        for name in dataset.splits:
            with suppress(PixelwiseError):
                split = dataset[name]
                for index in range(min(2, len(split))):
                    with suppress(PixelwiseError):
                        split.read(index, notes=[])
                with suppress(PixelwiseError):
                    split.sizes()


@cache
def _tree(kind: str) -> Path:
    """A small dataset without the file that is fuzzed."""
    images = {"coco": "train/a.png", "labelme": "a.png", "yolo": "images/train/a.png", "toml": "images/a.png"}
    files = {images[kind]: _png(9), images[kind].replace("a.png", "b.png"): _png(7)}
    if kind == "yolo":
        files |= {"data.yaml": b"names: [one, two]\n", "labels/train/a.txt": b"0 0.1 0.1 0.9 0.1 0.5 0.9\n"}
    if kind == "toml":
        files |= {"labels/a.png": _png(1, 1), "labels/b.png": _png(0, 1)}
    return _put(_folder(kind), files)


@target
def toml(data: bytes) -> None:
    """pixelwise.toml."""
    root = _put(_tree("toml"), {"pixelwise.toml": data})
    _read(root, format="toml")


@target
def yaml(data: bytes) -> None:
    """data.yaml of YOLO."""
    _read(_put(_tree("yolo"), {"data.yaml": data}), format="yolo")


@target
def yolo(data: bytes) -> None:
    """The text file of an image."""
    root = _put(_tree("yolo"), {"data.yaml": b"names: [one, two]\n", "labels/train/a.txt": data})
    _read(root, format="yolo")


@target
def coco(data: bytes) -> None:
    """The JSON of a split."""
    _read(_put(_tree("coco"), {"annotations/instances_train.json": data}), format="coco")


@target
def labelme(data: bytes) -> None:
    """The JSON of an image."""
    _read(_put(_tree("labelme"), {"a.json": data}), format="labelme")


def _tool(name: str, path: str, data: bytes, *images: str, **files: bytes) -> None:
    """Read the export of a labeling tool. path: of the file that is fuzzed."""
    root = _folder(name)
    if not (root / images[0]).exists():
        _put(root, {image: _png(9 - k) for k, image in enumerate(images)} | files)
    _read(_put(root, {path: data}), format=name)


@target
def cvat(data: bytes) -> None:
    """The XML of CVAT."""
    _tool("cvat", "annotations.xml", data, "images/a.png", "images/b.png")


@target
def datumaro(data: bytes) -> None:
    """A JSON of Datumaro."""
    _tool("datumaro", "annotations/train.json", data, "images/train/a.png", "images/train/b.png")


@target
def label_studio(data: bytes) -> None:
    """The JSON of Label Studio."""
    _tool("label_studio", "tasks.json", data, "images/a.png", "images/b.png")


@target
def brush(data: bytes) -> None:
    """The run lengths of a brush of Label Studio."""
    value = {"rle": list(data), "format": "rle", "brushlabels": ["one"]}
    result = {"type": "brushlabels", "original_height": _SIZE[0], "original_width": _SIZE[1], "value": value}
    label_studio(json.dumps([{"data": {"image": "a.png"}, "annotations": [{"result": [result]}]}]).encode())


@target
def supervisely(data: bytes) -> None:
    """The JSON of an image of Supervisely."""
    meta = json.dumps({"classes": [{"title": "one", "color": "#ff0000"}]}).encode()
    _tool("supervisely", "train/ann/a.png.json", data, "train/img/a.png", **{"meta.json": meta})


@target
def via(data: bytes) -> None:
    """A JSON of VIA, or a CSV."""
    root = _folder("via")
    (root / ("via.csv" if data[:1] == b"{" else "via.json")).unlink(missing_ok=True)
    _tool("via", "via.json" if data[:1] == b"{" else "via.csv", data, "a.png", "b.png")


@target
def segment_anything(data: bytes) -> None:
    """A JSON of SA-1B."""
    _tool("segment_anything", "sa_1.json", data, "sa_1.jpg")


@target
def tar(data: bytes) -> None:
    """An archive, every file of it read."""
    path = _folder("tar") / "x.tar"
    path.write_bytes(data)
    with suppress(PixelwiseError), open_archive(path) as contents:
        for name in contents.files:
            with contents.open(name) as file:
                while file.read(1 << 16):
                    pass


# -- predictions ----------------------------------------------------------------------------------------------


@cache
def _split() -> pw.Split:
    """Two samples of two classes, whose first prediction is fuzzed."""
    labels = [np.zeros(_SIZE, np.uint8), np.ones(_SIZE, np.uint8)]
    source = pw.ArraySource([np.zeros((*_SIZE, 3), np.uint8)] * 2, labels, ["a", "b"])
    return pw.Split("val", pw.ClassTable(("background", "one")), source)


def _predicted(name: str, file: str, data: bytes) -> Path:
    good = io.BytesIO()
    np.save(good, np.zeros(_SIZE, np.uint8 if name == "npz" else np.float32))
    return _put(_folder(name), {"b.npy": good.getvalue(), file: data})


@target
def npz(data: bytes) -> None:
    """A prediction in an NPZ."""
    with suppress(PixelwiseError):
        pw.score(_predicted("npz", "a.npz", data), _split(), threads=1)


@target
def probabilities(data: bytes) -> None:
    """Probabilities or logits in an NPY, by every door that reads them."""
    root, split = _predicted("probabilities", "a.npy", data), _split()
    for activation in ("none", "softmax", "sigmoid"):
        with suppress(PixelwiseError):
            pw.score_probabilities(root, split, threads=1, activation=activation)  # type: ignore[arg-type]
    with suppress(PixelwiseError):
        pw.score(root, split, threshold=0.5, threads=1)


class _Numbered(pw.ArraySource):
    def read(self, index: int, *given: Any, **options: Any) -> pw.Sample:
        sample = super().read(index, *given, **options)
        return replace(sample, instances=np.ones(sample.size, np.uint8))


@target
def results(data: bytes) -> None:
    """COCO results, panoptic predictions, and a CSV of run lengths, by what the bytes look like."""
    split = _split()
    path = _put(_folder("results"), {"x.json": data, "x.csv": data})
    numbered = replace(split, source=_Numbered(split.source.images, split.source.labels, ["a", "b"]))
    for file in ("x.json", "x.csv"):
        with suppress(PixelwiseError):
            pw.score(path / file, split, threads=1)
    with suppress(PixelwiseError):
        pw.score_objects(path / "x.json", numbered, threads=1)
    root = _put(_tree("coco"), {"annotations/instances_train.json": _coco_truth()})
    with suppress(PixelwiseError):
        pw.score_objects(path / "x.json", root, format="coco", splits="train", threads=1)


def _coco_truth() -> bytes:
    images = [{"id": k, "file_name": f"{name}.png"} for k, name in enumerate("ab", 1)]
    triangle = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [[0, 0, 7, 0, 7, 5]]}
    whole = {"images": images, "categories": [{"id": 1, "name": "one"}], "annotations": [triangle]}
    return json.dumps(whole).encode()


# -- packs ----------------------------------------------------------------------------------------------------


@cache
def _pack() -> tuple[Path, dict[str, Any]]:
    root, table = _folder("pack") / "pack", pw.ClassTable(("one", "two"))
    images = [np.full((*_SIZE, 3), k, np.uint8) for k in range(2)]
    labels = [np.full(_SIZE, k, np.uint8) for k in range(2)]
    pw.pack(pw.Split("train", table, pw.ArraySource(images, labels, ["a", "b"])), root)
    return root, json.loads((root / MANIFEST).read_bytes())


def _signed(fields: dict[str, Any]) -> bytes:
    """A manifest with its checksum mended, so that what is behind it is reached."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return json.dumps({**fields, "crc32": checksum(text.encode())}).encode()


@target
def manifest(data: bytes) -> None:
    """The manifest of a pack, as it is and with a right checksum."""
    root, _ = _pack()
    _read(_put(root, {MANIFEST: data}))
    with suppress(ValueError, RecursionError):
        fields = json.loads(data)
        if isinstance(fields, dict):
            fields.pop("crc32", None)
            _read(_put(root, {MANIFEST: _signed(fields)}))


@target
def tables(data: bytes) -> None:
    """The tables of a pack, with sizes and checksums that agree. The first byte says which."""
    root, whole = _pack()
    if not data:
        return
    fields = {k: v for k, v in json.loads(json.dumps(whole)).items() if k != "crc32"}
    entry = fields["tables"][data[0] % len(fields["tables"])]
    place = root / fields["data"] / entry["file"]
    before = place.read_bytes()
    try:
        place.write_bytes(data[1:])
        entry |= {"bytes": len(data) - 1, "crc32": checksum(data[1:])}
        _read(_put(root, {MANIFEST: _signed(fields)}))
    finally:
        place.write_bytes(before)
