"""One record: a sample's bytes in the form in which a pack stores them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from ..codecs.decoding import parse_header
from ..codecs.png import encode_png
from ..dataset.sources import FileSource
from ..errors import LabelError, PairError
from ..files import read_bytes
from ..types import Sample
from .index import checksum
from .inventory import Inventory


@dataclass(frozen=True, slots=True)
class Record:
    """The bytes of one record, and their CRC-32 in the order image, label, instances."""

    image: Any
    label: Any
    instances: Any
    crc: int

    @property
    def parts(self) -> tuple[Any, Any, Any]:
        return self.image, self.label, self.instances


def fetch(inventory: Inventory, record: int) -> Record:
    """Read one record's sample and bring it into the form that is stored. Thread-safe."""
    source, index = inventory.sources[inventory.source[record]], int(inventory.index[record])
    sample = source.read(index)
    expected = tuple(inventory.sizes[record].tolist())
    if sample.size != expected:
        raise PairError(
            f"has {sample.size[0]} x {sample.size[1]} pixels, its source promised {expected[0]} x {expected[1]}",
            code="size-mismatch", where=sample.name,
        )  # fmt: skip
    if sample.label is None and source.has_labels:
        raise PairError("has no label, its source promised one", code="missing-label", where=sample.name)
    label: Any = None if sample.label is None else np.ascontiguousarray(sample.label)
    if label is not None and not (type(source) is FileSource and source.classes is inventory.dataset.classes):
        label = _ids(inventory, sample)  # files were just checked against the same table
    image: Any = np.ascontiguousarray(sample.image)
    instances: Any = None if sample.instances is None else _object_numbers(sample)
    if inventory.encoding == "original":
        image = _original(source, index, image)
        label = None if label is None else encode_png(label, level=4)  # half the time of level 6, a fifth larger
        instances = None if instances is None else _encode_numbers(instances, sample.name)
    inventory.check_unchanged(record)
    crc = 0
    for part in (image, label, instances):
        crc = crc if part is None else checksum(part, crc)
    return Record(image, label, instances, crc)


def _ids(inventory: Inventory, sample: Sample) -> NDArray[Any]:
    classes = inventory.dataset.classes
    label: NDArray[Any] = np.ascontiguousarray(sample.label)
    if label.dtype in (np.uint8, np.uint16):
        top = min(len(classes) - 1, int(np.iinfo(label.dtype).max))
        ignore = classes.ignore_index
        if ignore is None or ignore > np.iinfo(label.dtype).max:
            ignore = top
        if not kernels.values.outside(label.reshape(-1), label.dtype.type(top), label.dtype.type(ignore)):
            return label.astype(classes.dtype, copy=False)
    raise LabelError(
        f"the label ({label.dtype}) holds values that are no class", code="class-out-of-range", where=sample.name,
        fix=f"labels hold 0..{len(classes) - 1} and ignore_index {classes.ignore_index}, as uint8 or uint16",
    )  # fmt: skip


def _object_numbers(sample: Sample) -> NDArray[Any]:
    found: NDArray[Any] = np.ascontiguousarray(sample.instances)
    if found.shape != sample.size or found.dtype not in (np.uint8, np.uint16, np.uint32):
        raise LabelError(
            f"instances must be (H, W) uint8, uint16 or uint32, got {found.shape} {found.dtype}",
            code="unsupported-label-mode", where=sample.name,
        )  # fmt: skip
    return found


def _original(source: Any, index: int, image: NDArray[Any]) -> bytes:
    # A file's bytes are kept where any reader gets the same pixels from them; else the pixels, as PNG.
    if type(source) is FileSource and source.decoding.plain_images:
        path = source.path(source.images, index)
        data = read_bytes(path)
        header = parse_header(data, path)
        if header.kind in ("jpeg", "png") and header.bits <= 8 and (header.height, header.width) == image.shape[:2]:
            return data
    return encode_png(image)


def _encode_numbers(instances: NDArray[Any], where: str) -> bytes:
    # PNG has at most 16 bits a sample; larger numbers go into RGB, as COCO panoptic does: R + 256 G + 65536 B.
    if instances.dtype != np.uint32:
        return encode_png(instances)
    if int(instances.max()) >= 1 << 24:
        raise LabelError(
            "instances of 2^24 or more fit in no PNG", code="unsupported-label-mode", where=where,
            fix='pack with encoding="raw"',
        )  # fmt: skip
    return encode_png(np.ascontiguousarray(instances.view(np.uint8).reshape(*instances.shape, 4)[..., :3]))
