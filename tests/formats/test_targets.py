"""convert to COCO, YOLO, LabelMe, run lengths and Hugging Face: every pixel comes back, to us and to others."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.classes import ClassTable
from pixelwise.dataset.dataset import Dataset
from pixelwise.dataset.sources import ArraySource, Source
from pixelwise.dataset.splits import Split, Splits
from pixelwise.errors import FormatError, PixelwiseWarning, UsageError
from pixelwise.formats import converting
from pixelwise.formats.converting import convert
from pixelwise.formats.tracing import trace
from pixelwise.formats.unfinished import CONVERSION, FRAGMENTS
from pixelwise.types import Sample

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
NEW = ("coco", "coco-panoptic", "yolo", "labelme", "rle-csv", "huggingface", "huggingface-imagefolder")
FORMATS = {
    "coco": "coco", "coco-panoptic": "coco_panoptic", "yolo": "yolo", "labelme": "labelme", "rle-csv": "rle_csv",
    "huggingface": "hf_parquet", "huggingface-imagefolder": "hf_imagefolder",
}  # fmt: skip
SIZES = ((1, 1), (1, 17), (23, 1), (31, 45), (64, 37))


def painted(size: tuple[int, int], classes: int, void: int | None, seed: int) -> Any:
    """A label with holes, a hole in a hole, touching objects, single pixels, a border that touches itself, void."""
    rng = np.random.default_rng(seed)
    height, width = size
    label = np.zeros(size, np.uint16 if classes > 255 else np.uint8)
    for _ in range(9):
        y0, x0 = int(rng.integers(0, height)), int(rng.integers(0, width))
        y1, x1 = y0 + int(rng.integers(1, 24)), x0 + int(rng.integers(1, 24))
        label[y0:y1, x0:x1] = rng.integers(0, classes)
        label[y0 + 3 : y1 - 3, x0 + 3 : x1 - 3] = rng.integers(0, classes)
        label[y0 + 5 : y1 - 5, x0 + 5 : x1 - 5] = 1
    for k in range(min(height, width) // 3):  # pixels that touch at corners
        label[k, k] = classes - 1
    for y, x in rng.integers(0, size, (12, 2)).tolist():
        label[y, x] = rng.integers(0, classes)
    if void is not None:
        label[: height // 4, width // 2 :] = void
        label[height - 1, width - 1] = void
    return label


class Painted(Source):
    """Arrays with instances."""

    def __init__(self, images: list[Any], labels: list[Any], names: list[str], numbers: list[Any] | None) -> None:
        super().__init__(names, has_labels=True)
        self.images, self.labels, self.numbers = images, labels, numbers

    def sizes(self, indices: Any = None) -> Any:
        found = np.array([label.shape for label in self.labels], np.int64)
        return found if indices is None else found[indices]

    def _whole(self, index: int, clock: Any, notes: Any, *, instances: bool) -> Sample:
        numbers = None if self.numbers is None else self.numbers[index]
        return Sample(self.names[index], self.images[index], self.labels[index], numbers)


def made(classes: int = 5, background: int | None = 0, void: bool = True, instances: bool = False) -> Dataset:
    names = [f"c {i}" for i in range(classes)]
    if background is not None:
        names[background] = "background"
    table = ClassTable(tuple(names), ignore_index=255 if classes <= 255 else 65_535)
    splits = {}
    for n, split in enumerate(("train", "val")):
        labels = [painted(s, classes, table.ignore_index if void else None, 10 * n + k) for k, s in enumerate(SIZES)]
        rng = np.random.default_rng(n)
        images = [rng.integers(0, 256, (*s, 3), np.uint8) for s in SIZES]
        numbers = [_numbers(label, table) for label in labels] if instances else None
        source = Painted(images, labels, [f"{split}{k}" for k in range(len(SIZES))], numbers)
        splits[split] = Split(split, table, source)
    return Dataset(Path("memory"), "arrays", table, Splits({n: (lambda s=s: s) for n, s in splits.items()}))


def _numbers(label: Any, table: ClassTable) -> Any:
    """Objects in several pieces: the columns of each class in bands of 8; none of background and void."""
    bands = np.arange(label.shape[1])[None, :] // 8 % 3 + 1
    out = (label.astype(np.uint16) * 4 + bands).astype(np.uint16)
    out[(label == 0) | (label == table.ignore_index)] = 0
    return out


def equal(a: Dataset, b: Dataset, instances: bool = False) -> None:
    """Names, class names, images and labels; instances up to their numbers."""
    assert a.classes.names == b.classes.names
    assert list(a.splits) == list(b.splits)
    for split in a.splits:
        assert list(a[split].names) == list(b[split].names)
        for x, y in zip(a[split], b[split], strict=True):
            assert np.array_equal(x.image, y.image)
            assert np.array_equal(x.label, y.label), (split, x.name)
            if instances:
                things = x.instances > 0
                pairs = np.unique(np.stack([x.instances[things], y.instances[things]]), axis=1)
                assert len(set(pairs[0])) == len(set(pairs[1])) == pairs.shape[1]


CASES = {
    "background": {}, "300 classes": {"classes": 300}, "background in the middle": {"background": 2},
    "no background": {"background": None}, "no void": {"void": False}, "objects": {"instances": True},
    "256 classes": {"classes": 256, "background": None},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("to", NEW)
def test_every_pixel_comes_back(tmp_path: Path, to: Any, case: str) -> None:
    options: dict[str, Any] = dict(CASES[case])
    if to == "yolo" and options.get("background", 0) is not None:
        options["void"] = False
    source = made(**options)
    back = convert(source, tmp_path / "out", to, threads=2)
    assert back.format == FORMATS[to]
    equal(source, back, instances="instances" in options and "huggingface" not in to)
    assert np.array_equal(back.classes.colors, source.classes.colors)
    if to != "labelme" or options.get("background", 0) is not None:  # LabelMe always has a background
        equal(source, pw.open(tmp_path / "out"))
    assert not (tmp_path / "out" / FRAGMENTS).exists()
    assert [f.code for f in pw.open(tmp_path / "out").notes] == []


@pytest.mark.parametrize("seed", range(20))
def test_outlines_are_those_of_the_pixels(seed: int) -> None:
    from pycocotools import mask as masks

    from pixelwise.formats.tracing import joined_path, run_lengths

    rng = np.random.default_rng(seed)
    label = rng.integers(0, 3, rng.integers(1, 30, 2)).astype(np.uint8)
    numbers = (rng.integers(0, 3, label.shape) * (label > 0)).astype(np.uint16) if seed % 2 else None
    left = label.copy()
    for of in trace(label, numbers, label == 0):
        x0, y0, x1, y1 = of.box
        inside = np.zeros(label.shape, bool)
        inside[y0:y1, x0:x1] = of.mask()
        assert inside.sum() == of.area
        assert (left[inside] == of.category).all()
        left[inside] = 0
        flat = [joined_path(p).reshape(-1).astype(float).tolist() for p in of.parts]
        assert np.array_equal(masks.decode(masks.merge(masks.frPyObjects(flat, *label.shape))) > 0, inside)
        coded = {"counts": run_lengths(of.mask(), of.box, label.shape), "size": list(label.shape)}
        assert np.array_equal(masks.decode(masks.frPyObjects(coded, *label.shape)) > 0, inside)
    assert not left.any()


# -- read by others -----------------------------------------------------------------------------------------


def test_coco_is_that_of_pycocotools(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    source = made(instances=True)
    convert(source, tmp_path / "out", "coco")
    coco = COCO(tmp_path / "out/annotations/instances_val.json")
    names = {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}
    for sample, image in zip(source["val"], coco.loadImgs(coco.getImgIds()), strict=True):
        label = np.zeros_like(sample.label)
        covered = np.zeros(label.shape, int)
        for annotation in coco.loadAnns(coco.getAnnIds([image["id"]])):
            mask = coco.annToMask(annotation) > 0
            covered += mask
            assert mask.sum() == annotation["area"]
            rows, columns = np.nonzero(mask)
            x, y, w, h = annotation["bbox"]
            assert (x, y, x + w, y + h) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            void = names[annotation["category_id"]] == "void"
            assert void == bool(annotation["iscrowd"])
            label[mask] = 255 if void else source.classes.index(names[annotation["category_id"]])
        assert covered.max() <= 1
        assert np.array_equal(label, sample.label)


def test_panoptic_by_the_documented_formula(tmp_path: Path) -> None:
    source = made(instances=True)
    convert(source, tmp_path / "out", "coco-panoptic")
    data = json.loads((tmp_path / "out/annotations/panoptic_val.json").read_bytes())
    names = {c["id"]: c["name"] for c in data["categories"]}
    assert {c["name"] for c in data["categories"] if not c["isthing"]} == {"background"}
    for sample, entry in zip(source["val"], data["annotations"], strict=True):
        pixels = np.asarray(Image.open(tmp_path / "out/annotations/panoptic_val" / entry["file_name"])).astype(int)
        ids = pixels[..., 0] + 256 * pixels[..., 1] + 256 * 256 * pixels[..., 2]
        label = np.full(ids.shape, 255)
        for segment in entry["segments_info"]:
            inside = ids == segment["id"]
            assert inside.sum() == segment["area"]
            rows, columns = np.nonzero(inside)
            x, y, w, h = segment["bbox"]
            assert (x, y, x + w, y + h) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            label[inside] = source.classes.index(names[segment["category_id"]])
        assert np.array_equal(label, sample.label)


@pytest.mark.parametrize("classes", [5, 300])
def test_panoptic_by_the_official_evaluation(tmp_path: Path, classes: int) -> None:
    evaluation = pytest.importorskip("panopticapi.evaluation")
    convert(made(classes, instances=True), tmp_path / "out", "coco-panoptic")
    folder = tmp_path / "out/annotations/panoptic_val"
    data = json.loads(folder.with_suffix(".json").read_bytes())
    categories = {c["id"]: c for c in data["categories"]}
    both = [(a, a) for a in data["annotations"]]
    counted = evaluation.pq_compute_single_core(0, both, str(folder), str(folder), categories)
    for thing in (None, True, False):
        assert counted.pq_average(categories, isthing=thing)[0]["pq"] == 1.0


def test_yolo_as_ultralytics_fills_it(tmp_path: Path) -> None:
    """Its polygon2mask (data/utils.py) cuts corners to whole numbers and calls fillPoly: that loses no pixel of ours,
    and adds only those that touch the outline. Its own function gave the same when it was run on these files (8.4.190:
    369 pixels more than 880, none less).
    """
    import cv2
    from pycocotools import mask as masks

    source = made(void=False)
    convert(source, tmp_path / "out", "yolo")
    for sample in source["val"]:
        height, width = sample.label.shape
        for line in (tmp_path / f"out/labels/val/{sample.name}.txt").read_text().splitlines():
            category, *numbers = line.split()
            corners = np.array(numbers, float).reshape(-1, 2) * [width, height]
            cut = np.array(numbers, np.float32).reshape(-1, 2) * np.array([width, height], np.float32)
            filled = np.zeros((height, width), np.uint8)
            cv2.fillPoly(filled, [cut.astype(np.int32)], color=1)
            near = np.zeros((height, width), np.uint8)
            cv2.fillPoly(near, [np.round(corners).astype(np.int32)], color=1)
            assert np.array_equal(filled, near), "a corner that is cut to the pixel before"
            inside = sample.label == int(category) + 1
            ours = masks.decode(masks.frPyObjects([corners.reshape(-1).tolist()], height, width))[..., 0]
            assert (inside[ours > 0]).all()
            assert (filled[ours > 0] == 1).all()
            assert (cv2.dilate(ours, np.ones((3, 3), np.uint8))[filled > 0] > 0).all()


@pytest.mark.parametrize("side", [1, 3, 7, 17, 49, 640, 1023, 4096, 99_991])
def test_no_reader_gets_less_than_a_corner(side: int) -> None:
    from pixelwise.formats.targets.yolo import _fractions

    corners = np.arange(side + 1) if side < 5000 else np.random.default_rng(0).integers(0, side + 1, 5000)
    path = np.stack([corners, corners[::-1]], axis=1).astype(np.int32)
    texts = _fractions(path, side, side).split()
    for dtype in (np.float32, np.float64):
        read = np.array(texts, dtype).reshape(-1, 2) * dtype(side)
        assert np.array_equal(read.astype(np.int32), path)
        assert (read - path).max() < 0.1
    assert max(map(float, texts)) <= 1


def test_metadata_by_pyarrow_and_labels_by_pillow(tmp_path: Path) -> None:
    from pyarrow import json as arrow_json

    source = made(classes=300)
    convert(source, tmp_path / "out", "huggingface-imagefolder")
    rows = arrow_json.read_json(tmp_path / "out/val/metadata.jsonl").to_pylist()
    assert json.loads((tmp_path / "out/id2label.json").read_bytes())["299"] == "c 299"
    for sample, row in zip(source["val"], rows, strict=True):
        with Image.open(tmp_path / "out/val" / row["label_file_name"]) as label:
            assert np.array_equal(np.asarray(label), sample.label)
        with Image.open(tmp_path / "out/val" / row["file_name"]) as image:
            assert np.array_equal(np.asarray(image), sample.image)


def test_parquet_by_pyarrow_and_pillow(tmp_path: Path) -> None:
    """What `datasets` needs: its features in the metadata, structs of bytes and path, file names with the split."""
    import io

    from pyarrow import parquet

    source = made(classes=300)
    convert(source, tmp_path / "out", "huggingface")
    table = parquet.read_table(tmp_path / "out/data/val-00000-of-00001.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features == {"image": {"_type": "Image"}, "label": {"_type": "Image"}}
    assert str(table.schema.field("label").type) == "struct<bytes: binary, path: string>"
    for sample, row in zip(source["val"], table.to_pylist(), strict=True):
        assert row["image"]["path"] == f"{sample.name}.png"
        for pixels, column in ((sample.image, "image"), (sample.label, "label")):
            with Image.open(io.BytesIO(row[column]["bytes"])) as image:
                assert np.array_equal(np.asarray(image), pixels)


def test_parquet_is_cut_into_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pixelwise.formats.targets import parquet

    monkeypatch.setattr(parquet, "_SHARD_BYTES", 5000)
    source = made()
    equal(source, convert(source, tmp_path / "out", "huggingface"))
    names = sorted(p.name for p in (tmp_path / "out/data").iterdir())
    assert "train-00001-of-00002.parquet" in names
    with pytest.raises(UsageError, match="the split 'a-b'") as caught:
        both = Dataset(source.root, "arrays", source.classes, Splits({"a-b": lambda: source["train"]}))
        convert(both, tmp_path / "b", "huggingface")
    assert caught.value.code == "bad-name"


def test_datasets_reads_the_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    source = made(classes=300)
    convert(source, tmp_path / "out", "huggingface")
    read = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert list(read) == ["train", "val"]
    for sample, row in zip(source["val"], read["val"], strict=True):
        assert np.array_equal(np.asarray(row["image"]), sample.image)
        assert np.array_equal(np.asarray(row["label"]), sample.label)


def test_run_lengths_by_the_rule_of_kaggle(tmp_path: Path) -> None:
    import csv

    source = made()
    convert(source, tmp_path / "out", "rle-csv")
    labels = {f"{s.name}.png": np.zeros_like(s.label) for s in source["val"]}
    with (tmp_path / "out/val.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            flat = labels[row["ImageId"]].reshape(-1, order="F").copy()
            numbers = [int(n) for n in row["EncodedPixels"].split()]
            for start, length in zip(numbers[::2], numbers[1::2], strict=True):
                flat[start - 1 : start - 1 + length] = int(row["ClassId"])
            labels[row["ImageId"]] = flat.reshape(labels[row["ImageId"]].shape, order="F")
    for sample in source["val"]:
        assert np.array_equal(labels[f"{sample.name}.png"], sample.label)


# -- what a format cannot hold ------------------------------------------------------------------------------


def test_void_in_yolo_is_refused_or_made_background_on_demand(tmp_path: Path) -> None:
    source = made()
    with pytest.raises(UsageError, match=r"pixels are void, which YOLO cannot store; void='background'") as caught:
        convert(source, tmp_path / "a", "yolo")
    assert caught.value.code == "cannot-hold"
    back = convert(source, tmp_path / "b", "yolo", void="background")
    for x, y in zip(source["val"], back["val"], strict=True):
        assert np.array_equal(np.where(x.label == 255, 0, x.label), y.label)
    with pytest.raises(UsageError, match="no class is called that"):
        convert(made(background=None), tmp_path / "c", "yolo", void="background")


@pytest.mark.parametrize("to", NEW)
def test_splits_without_labels(tmp_path: Path, to: Any) -> None:
    source = made(void=False)
    bare = Split("test", source.classes, ArraySource([np.zeros((3, 4, 3), np.uint8)], None, ["x"]))
    both = Dataset(source.root, "arrays", source.classes, Splits({"train": lambda: source["train"],
                                                                  "test": lambda: bare}))  # fmt: skip
    back = convert(both, tmp_path / "out", to)
    assert (back["test"].has_labels, len(back["test"])) == (False, 1)
    assert list(back["test"].names) == ["x"]
    assert np.array_equal(back["test"][0].image, np.zeros((3, 4, 3)))
    assert pw.open(tmp_path / "out").splits.keys() == {"train", "test"}
    for x, y in zip(source["train"], pw.open(tmp_path / "out")["train"], strict=True):
        assert np.array_equal(x.label, y.label)
    before = files(tmp_path / "out")
    convert(both, tmp_path / "out", to)
    assert files(tmp_path / "out") == before
    assert list(convert(both, tmp_path / "one", to, splits="train").splits) == ["train"]


def test_a_split_without_labels_that_labelme_cannot_know_as_one(tmp_path: Path) -> None:
    source = made(void=False)
    bare = Split("extra", source.classes, ArraySource([np.zeros((3, 4, 3), np.uint8)], None, ["x"]))
    both = Dataset(source.root, "arrays", source.classes, Splits({"train": lambda: source["train"],
                                                                  "extra": lambda: bare}))  # fmt: skip
    with pytest.raises(UsageError, match="the split extra has no labels") as caught:
        convert(both, tmp_path / "out", "labelme")
    assert caught.value.code == "cannot-hold"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", [t for t in NEW if t != "labelme"])
def test_samples_in_folders(tmp_path: Path, to: Any) -> None:
    source = made(void=False)
    labels = [s.label for s in source["train"]]
    images = [s.image for s in source["train"]]
    nested = Split("train", source.classes, ArraySource(images, labels, [f"town/{k}" for k in range(len(labels))]))
    back = convert(nested, tmp_path / "out", to)
    assert list(back["train"].names) == list(nested.names)
    assert all(np.array_equal(a, s.label) for a, s in zip(labels, back["train"], strict=True))
    with pytest.raises(UsageError, match="LabelMe has all images of a split in one"):
        convert(nested, tmp_path / "flat", "labelme")


# -- begun, stopped, there already --------------------------------------------------------------------------


@pytest.mark.parametrize("to", NEW)
def test_stopped_it_goes_on_and_ends_the_same(tmp_path: Path, to: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = made(void=False)
    convert(source, tmp_path / "whole", to)
    left, place = [3], converting._place_image

    def failing(*args: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        place(*args)

    monkeypatch.setattr(converting, "_place_image", failing)
    with pytest.raises(KeyboardInterrupt):
        convert(source, tmp_path / "out", to, threads=1)
    with pytest.raises(FormatError) as caught:
        pw.open(tmp_path / "out")
    assert caught.value.code == "unfinished-conversion"
    written: list[Any] = []
    monkeypatch.setattr(converting, "_place_image", lambda *a: (written.append(a[0]), place(*a)))
    equal(source, convert(source, tmp_path / "out", to, threads=1))
    assert len(written) == 7
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    written.clear()
    equal(source, convert(source, tmp_path / "out", to))
    assert not written
    with pytest.raises(UsageError, match="not empty"):
        convert(made(void=False, classes=6), tmp_path / "out", to)


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_the_mark_says_when_it_is_complete(tmp_path: Path) -> None:
    convert(made(), tmp_path / "out", "coco")
    assert json.loads((tmp_path / "out" / CONVERSION).read_bytes())["complete"] is True


def test_missing_files_are_left_out_on_demand(tmp_path: Path) -> None:
    tree = convert(made(void=False), tmp_path / "tree").root
    (tree / "labels/train1.png").unlink()
    (tree / "images/val0.png").unlink()
    with pytest.raises(pw.PixelwiseError, match=r"train1|val0"):
        convert(tree, tmp_path / "a", "coco")
    with pytest.warns(PixelwiseWarning, match="2 samples without their files are left out, such as train/train1"):
        back = convert(tree, tmp_path / "b", "coco", skip_missing=True)
    assert [len(back[s]) for s in back.splits] == [4, 4]


@pytest.mark.parametrize("to", NEW)
def test_images_are_linked_and_the_source_is_left_alone(tmp_path: Path, to: Any) -> None:
    tree = convert(made(void=False), tmp_path / "tree").root
    before = files(tree)
    if to == "huggingface":
        with pytest.raises(UsageError, match="within its own files, so they cannot be links"):
            convert(tree, tmp_path / "out", to, images="symlink")
        return
    back = convert(tree, tmp_path / "out", to, images="symlink")
    equal(pw.open(tree), back)
    assert any(p.is_symlink() for p in (tmp_path / "out").rglob("*"))
    assert files(tree) == before
    shutil.rmtree(tmp_path / "out")
    assert os.listdir(tmp_path) == ["tree"]
