"""Small datasets to pack, and what a pack must be equal to."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import pixelwise as pw
from pixelwise.classes import ClassTable
from pixelwise.codecs.png import encode_png
from pixelwise.dataset.dataset import Dataset
from pixelwise.dataset.splits import Split, Splits
from pixelwise.packs.index import checksum
from pixelwise.types import Clock, Finding, Sample, Window
from tests.support.jpeg import encode_jpeg


@dataclass
class ArraySource:
    """Samples in memory, instances included. Not a `Source`: any object with these five members will do for a Split."""

    samples: list[Sample]
    has_labels: bool
    reads: list[int] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return [s.name for s in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def sizes(self, indices: Any = None) -> Any:
        chosen = range(len(self)) if indices is None else indices.tolist()
        return np.array([self.samples[i].size for i in chosen], np.int64).reshape(-1, 2)

    def read(
        self,
        index: int,
        window: Window | None = None,
        *,
        clock: Clock | None = None,
        notes: list[Finding] | None = None,
    ) -> Sample:
        self.reads.append(index)
        return self.samples[index] if window is None else self.samples[index].cut(window)


def table(classes: int) -> ClassTable:
    """Classes named c0, c1, ...; void is 255, or 65535 if there are more."""
    return ClassTable(tuple(f"c{i}" for i in range(classes)), ignore_index=255 if classes <= 255 else 65_535)


def random_sample(rng: np.random.Generator, name: str, size: tuple[int, int], classes: ClassTable, labels: bool = True,
                  instances: Any = None) -> Sample:  # fmt: skip
    """Noise as image, ids and void as label, and instances of the dtype given."""
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    ids = np.append(np.arange(len(classes)), classes.ignore_index)
    label = rng.choice(ids, size).astype(classes.dtype) if labels else None
    objects = None if instances is None else rng.integers(0, 200, size).astype(instances)
    return Sample(name, image, label, objects)


def dataset_of(source: Any, classes: ClassTable, splits: dict[str, list[int] | None]) -> Dataset:
    """A dataset of one source; None stands for all of it."""
    makers = {
        name: (lambda name=name, chosen=chosen: Split(
            name, classes, source, None if chosen is None else np.array(chosen, np.int64)))
        for name, chosen in splits.items()
    }  # fmt: skip
    return Dataset(Path("memory"), "arrays", classes, Splits(makers))


def small(count: int = 9, seed: int = 0, size: tuple[int, int] = (21, 34), classes: int = 5) -> Dataset:
    """`count` samples of one size in the splits train, val and all."""
    rng, ids = np.random.default_rng(seed), table(classes)
    samples = [random_sample(rng, f"s{i:03d}", size, ids) for i in range(count)]
    half = count // 2
    splits: dict[str, list[int] | None] = {"train": list(range(half)), "val": list(range(half, count)), "all": None}
    return dataset_of(ArraySource(samples, True), ids, splits)


def pack_of_uneven(place: Path, count: int) -> Path:
    """A pack of original bytes at `place`: `count` samples of three widths, in several shards."""
    rng, classes = np.random.default_rng(0), table(4)
    samples = [random_sample(rng, f"{k:03}", (16, 16 + k % 3), classes) for k in range(count)]
    source = pw.ArraySource([s.image for s in samples], [s.label for s in samples], names=[s.name for s in samples])
    pw.pack(pw.Split("train", classes, source), place, encoding="original", shard_bytes=30_000)
    return place


def voc_tree(root: Path, count: int = 12, seed: int = 0) -> Path:
    """A VOC folder of small pictures, a third of them with instances, and a test split without labels."""
    rng = np.random.default_rng(seed)
    for name in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"):
        (root / name).mkdir(parents=True)
    names = [f"2007_{i:06d}" for i in range(count)]
    for i, name in enumerate(names):
        height, width = rng.integers(20, 60, 2).tolist()
        image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        (root / f"JPEGImages/{name}.jpg").write_bytes(encode_jpeg(image))
        label = rng.choice([0, 3, 20, 255], (height, width)).astype(np.uint8)
        if i < count - 2:
            (root / f"SegmentationClass/{name}.png").write_bytes(encode_png(label, pw.VOC.palette))
        if i % 3 == 0:
            (root / f"SegmentationObject/{name}.png").write_bytes(encode_png(label % 7, pw.VOC.palette))
    lists = {"train": names[: count // 2], "val": names[count // 2 : -2], "trainval": names[:-2], "test": names[-2:]}
    for split, chosen in lists.items():
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("".join(f"{n}\n" for n in chosen))
    return root


def assert_equal(a: Split, b: Split) -> None:
    """The same samples in the same order: names, sizes, pixels, dtypes."""
    assert list(a.names) == list(b.names)
    assert len(a) == len(b)
    assert a.has_labels == b.has_labels
    np.testing.assert_array_equal(a.sizes(), b.sizes())
    for x, y in zip(a, b, strict=True):
        assert_same(x, y)


def assert_same(x: Sample, y: Sample) -> None:
    """Two samples are equal in every pixel and dtype."""
    assert x.name == y.name
    for p, q in ((x.image, y.image), (x.label, y.label), (x.instances, y.instances)):
        assert (p is None) == (q is None)
        if p is not None and q is not None:
            assert p.dtype == q.dtype
            np.testing.assert_array_equal(p, q)


def tree(root: Path) -> dict[str, bytes]:
    """Every file below `root`, and its bytes."""
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def read_all(split: Any) -> int:
    """A number that only the right pixels give. Here, where a process of its own can import it."""
    return sum(checksum(np.ascontiguousarray(s.image)) + checksum(np.ascontiguousarray(s.label)) for s in split)
