"""Encoding: how a pack stores the pixels of a sample, as functions from pixels to bytes and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...codecs.jpeg_windows import stored_index
from ...types import U8, Finding, Label, Sample, Size, Window
from ..index import PARTS, Record, damaged
from . import png


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a pack stores pixels. Its functions are thread-safe, and decoding gives the pixels that were encoded.

    Encoders return bytes or a C-contiguous array. Decoders get these bytes as (n,) uint8, and raise a DataError that
    names `where` if the bytes cannot be decoded exactly.

    name: as in the manifest and in `pack(encoding=)`. about: what is stored, in a phrase for help texts.
    encode_image(image, file), decode_image(data, size, where, notes): (H, W, 3) uint8. file: an image file, whole,
    that any reader decodes to these pixels, or None; it is given if has_jpegs. size: (H, W). notes: collects what is
    odd but not wrong.
    encode_label(label), decode_label(data, size, dtype, where): (H, W) class ids of the class table's dtype.
    encode_instances(numbers, where), decode_instances(data, size, where): (H, W) uint8, uint16 or uint32.
    has_jpegs: image files are stored as they are, JPEG files with an index, so that windows of them are decoded alone.
    is_raw: the bytes are the pixels, row by row without gaps, so that windows are views of the mapped shard.
    """

    name: str
    about: str
    encode_image: Callable[[U8, bytes | None], Any]
    decode_image: Callable[[U8, Size, object, list[Finding] | None], U8]
    encode_label: Callable[[Label], Any] = png.encode_label
    decode_label: Callable[[U8, Size, Any, object], Label] = png.decode_label
    encode_instances: Callable[[Any, object], Any] = png.encode_instances
    decode_instances: Callable[[U8, Size, object], Any] = png.decode_instances
    is_raw: bool = False
    has_jpegs: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of its records."""
        return PARTS if self.has_jpegs else PARTS[:-1]

    @property
    def version(self) -> int:
        """Of the pack's format: 2 if there is an index of each JPEG file."""
        return 2 if self.has_jpegs else 1

    def encode(self, sample: Sample, file: bytes | None) -> Record:
        """The sample's bytes. Its arrays are C-contiguous; file: see `encode_image`."""
        label, instances = sample.label, sample.instances
        image = self.encode_image(sample.image, file)
        return Record(
            sample.size,
            image,
            None if label is None else self.encode_label(label),
            None if instances is None else self.encode_instances(instances, sample.name),
            stored_index(image, sample.size) if self.has_jpegs else None,
        )

    def decode(
        self, record: Record, name: str, dtype: Any, where: object,
        window: Window | None = None, notes: list[Finding] | None = None, part: U8 | None = None,
    ) -> Sample:  # fmt: skip
        """The sample of a record, or a window of it without instances. dtype: of labels. where: for messages. part: the
        window of the image, if it is decoded already.

        PackError `size-mismatch` if it does not decode to the record's size.
        """
        size = record.size
        image: Any = self.decode_image(record.image, size, where, notes) if part is None else None
        label_part = None
        if window is not None and record.label is not None and self.decode_label is png.decode_label:
            label_part = png.label_window(record.label, size, dtype, where, window)
        label: Any = None
        if record.label is not None and label_part is None:
            label = self.decode_label(record.label, size, dtype, where)
        instances: Any = None
        if record.instances is not None and window is None:
            instances = self.decode_instances(record.instances, size, where)
        for pixels in () if self.is_raw else (image, label, instances):  # raw pixels were shaped by the size
            if pixels is not None and pixels.shape[:2] != size:
                what = f"decodes to {pixels.shape[0]} x {pixels.shape[1]} pixels, the index says {size[0]} x {size[1]}"
                raise damaged(what, where, "size-mismatch")
        if window is None:
            return Sample(name, image, label, instances)
        if label_part is None and label is not None:
            label_part = window.cut(label)
        return Sample(name, window.cut(image) if part is None else part, label_part)
