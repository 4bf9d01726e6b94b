"""Every tree opens, and its labels equal an independent reading by Pillow and NumPy."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.checks.checking import check
from pixelwise.errors import FileError, FormatError, LabelError
from pixelwise.formats.opening import open as open_dataset

Reading = Callable[[Path, str, str], Any]


def png(path: Path) -> Any:
    """The stored samples: palette indices, gray, or RGB."""
    with Image.open(path) as image:
        return np.array(image)


def through(path: Path, mapping: dict[int, int]) -> Any:
    lut = np.full(65_536, -1, np.int64)
    lut[list(mapping)] = list(mapping.values())
    return lut[png(path)]


SHIFTED = {0: 255, **{i: i - 1 for i in range(1, 151)}}
SEGNET = {**{i: i for i in range(11)}, 11: 255}
CITY_TRAIN = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
"""The label ids of the 19 train ids, in order (Cordts et al., 2016)."""
CITY = {**dict.fromkeys(range(34), 255), **{v: k for k, v in enumerate(CITY_TRAIN)}}
CAMVID = {
    (64, 128, 64): "Animal", (192, 0, 128): "Archway", (0, 128, 192): "Bicyclist", (0, 128, 64): "Bridge",
    (128, 0, 0): "Building", (64, 0, 128): "Car", (64, 0, 192): "CartLuggagePram", (192, 128, 64): "Child",
    (192, 192, 128): "Column_Pole", (64, 64, 128): "Fence", (128, 0, 192): "LaneMkgsDriv",
    (192, 0, 64): "LaneMkgsNonDriv", (128, 128, 64): "Misc_Text", (192, 0, 192): "MotorcycleScooter",
    (128, 64, 64): "OtherMoving", (64, 192, 128): "ParkingBlock", (64, 64, 0): "Pedestrian", (128, 64, 128): "Road",
    (128, 128, 192): "RoadShoulder", (0, 0, 192): "Sidewalk", (192, 128, 128): "SignSymbol", (128, 128, 128): "Sky",
    (64, 128, 192): "SUVPickupTruck", (0, 0, 64): "TrafficCone", (0, 64, 64): "TrafficLight", (192, 64, 128): "Train",
    (128, 128, 0): "Tree", (192, 128, 192): "Truck_Bus", (64, 0, 64): "Tunnel", (192, 192, 0): "VegetationMisc",
    (64, 192, 0): "Wall",
}  # fmt: skip


def camvid_colors(root: Path, split: str, name: str) -> Any:
    pixels = png(root / f"{split}_labels/{name}_L.png")
    out = np.full(pixels.shape[:2], -1)
    out[(pixels == 0).all(axis=2)] = 255
    for k, color in enumerate(CAMVID):
        out[(pixels == color).all(axis=2)] = k
    return out


def panoptic(root: Path, split: str, name: str) -> Any:
    """panopticapi's rule: id = R + 256 G + 65536 B, then the category of the segment; 0 is void."""
    data = json.loads((root / "panoptic_examples.json").read_text())
    order = {c["id"]: k for k, c in enumerate(sorted(data["categories"], key=lambda c: c["id"]))}
    entry = next(a for a in data["annotations"] if a["file_name"] == f"{name}.png")
    pixels = png(root / f"panoptic_examples/{name}.png").astype(np.int64)
    ids = pixels[..., 0] + 256 * pixels[..., 1] + 65536 * pixels[..., 2]
    out = np.full(ids.shape, -1)
    out[ids == 0] = 255
    for segment in entry["segments_info"]:
        out[ids == segment["id"]] = order[segment["category_id"]]
    return out


M = "mmseg_pseudo/pseudo_{}_dataset".format
ISPRS = {0: 255, **{i + 1: i for i in range(6)}}
TREES: list[tuple[str, str, dict[str, str], dict[str, int], Reading]] = [
    ("ade20k", "ade20k", {}, {"all": 3}, lambda r, s, n: through(r / f"annotations/{n}.png", SHIFTED)),
    ("camvid_rgb", "camvid", {}, {"train": 10, "val": 4}, camvid_colors),
    ("camvid_index", "camvid", {}, {"train": 4, "val": 4, "test": 4},
     lambda r, s, n: through(r / f"{s}annot/{n}.png", SEGNET)),
    ("camvid_index", "camvid", {"labels": "12"}, {"train": 4, "val": 4, "test": 4},
     lambda r, s, n: png(r / f"{s}annot/{n}.png")),
    ("camvid_16bit", "camvid", {}, {"all": 4}, lambda r, s, n: through(r / f"labels/{n}_L.png", SEGNET)),
    ("chase_1bit", "chase_db1", {}, {"all": 2}, lambda r, s, n: png(r / f"{n}_1stHO.png")),
    ("davis_binary", "davis", {}, {"all": 2}, lambda r, s, n: through(r / f"Annotations/{n}.png", {0: 0, 255: 1})),
    ("coco_panoptic", "coco_panoptic", {}, {"examples": 2}, panoptic),
    ("labelme/data_dataset_voc", "labelme_voc", {}, {"all": 3}, lambda r, s, n: png(r / f"SegmentationClass/{n}.png")),
    ("labelme/data_dataset_voc", "labelme_voc", {"labels": "npy"}, {"all": 3},
     lambda r, s, n: np.load(r / f"SegmentationClassNpy/{n}.npy") & 255),
    (M("cityscapes"), "cityscapes", {}, {"val": 1},
     lambda r, s, n: through(r / f"gtFine/{s}/{n}_gtFine_labelIds.png", CITY)),
    (M("cityscapes"), "cityscapes", {"labels": "trainIds"}, {"val": 1},
     lambda r, s, n: png(r / f"gtFine/{s}/{n}_gtFine_labelTrainIds.png")),
    (M("bdd100k"), "bdd100k", {}, {"train": 3, "val": 3},
     lambda r, s, n: png(r / f"labels/sem_seg/masks/{s}/{n}.png")),
    (M("lip"), "lip", {}, {"train": 1, "val": 1}, lambda r, s, n: png(r / f"{s}_segmentations/{n}.png")),
    (M("loveda"), "loveda", {}, {"all": 3}, lambda r, s, n: through(r / f"ann_dir/{n}.png", SHIFTED)),
    (M("potsdam"), "potsdam", {}, {"all": 1}, lambda r, s, n: through(r / f"ann_dir/{n}.png", ISPRS)),
    (M("vaihingen"), "vaihingen", {}, {"all": 1}, lambda r, s, n: through(r / f"ann_dir/{n}.png", ISPRS)),
    (M("mapillary"), "mapillary", {}, {"all": 1}, lambda r, s, n: png(r / f"v1.2/{n}.png")),
    (M("mapillary"), "mapillary", {"labels": "v2.0"}, {"all": 1}, lambda r, s, n: png(r / f"v2.0/{n}.png")),
    (M("synapse"), "synapse", {}, {"all": 2}, lambda r, s, n: png(r / f"ann_dir/{n}.png")),
    (M("refuge"), "refuge", {}, {"all": 1}, lambda r, s, n: png(r / f"ann_dir/{n}.png")[..., 0]),
]  # fmt: skip


@pytest.fixture(params=TREES, ids=[f"{t[0].rpartition('/')[2]}-{t[2].get('labels', '')}" for t in TREES])
def tree(request: pytest.FixtureRequest, trees: Path) -> tuple[Any, ...]:
    place, *rest = request.param
    return (trees / place, *rest)


def test_a_tree_opens_and_its_labels_equal_an_independent_reading(tree: Any) -> None:
    root, name, options, counts, read = tree
    dataset = open_dataset(root, **options)
    assert dataset.format == name
    assert {s: len(dataset[s]) for s in dataset.splits} == counts
    for split in dataset.splits:
        for sample in dataset[split]:
            expected = read(root, split, sample.name)
            assert sample.label is not None
            assert sample.label.dtype == np.uint8
            assert np.array_equal(sample.label, expected), sample.name
            assert sample.image.shape == (*expected.shape, 3)
    assert open_dataset(root, format=name, **options).classes == dataset.classes


def test_a_tree_can_be_shown_and_loaded(tree: Any) -> None:
    root, _, options, _, _ = tree
    dataset = open_dataset(root, **options)
    split = dataset[next(iter(dataset.splits))]
    picture = pw.show(split, n=2)
    assert min(picture.image.size) > 50
    transforms = [pw.RandomCrop(64, 64, pad_if_needed=True), pw.Normalize()]
    (batch, *_) = pw.Loader(split, batch_size=1, transforms=transforms, threads=1)
    assert batch.images.shape == (1, 3, 64, 64)
    allowed = {*range(len(dataset.classes)), dataset.classes.ignore_index, 255}
    assert set(np.unique(batch.labels).tolist()) <= allowed


def test_a_tree_checks_without_errors(tree: Any) -> None:
    root, _, options, _, _ = tree
    found = check(open_dataset(root, **options))
    assert [str(f) for f in getattr(found, "findings", found) if f.severity == "error"] == []


def test_the_trees_without_a_label_reading_of_their_own(trees: Path) -> None:
    root = trees / "mmseg_pseudo"
    isaid = open_dataset(root / "pseudo_isaid_dataset")
    assert isaid.format == "isaid"
    with pytest.raises(FileError, match="empty") as caught:
        isaid["train"][0]
    assert caught.value.code == "empty-file"
    nyu = open_dataset(root / "pseudo_nyu_dataset")  # its 16-bit PNGs are depths in millimeters
    with pytest.raises(LabelError, match="848 such values in all"):
        nyu["all"][0]
    with pytest.raises(FormatError, match="annotations/"):
        open_dataset(root / "pseudo_hsidrive20_dataset")  # labels without images
    with pytest.raises(FormatError, match="holds several datasets") as several:
        open_dataset(root)
    assert several.value.code == "ambiguous-format"


def test_cityscapes_instances_are_those_of_the_file(trees: Path) -> None:
    root = trees / "mmseg_pseudo/pseudo_cityscapes_dataset"
    sample = open_dataset(root)["val"][0]
    stored = png(root / f"gtFine/val/{sample.name}_gtFine_instanceIds.png")
    assert sample.instances is not None
    assert np.array_equal(sample.instances, stored)
    things = sample.instances > 1000
    names = open_dataset(root).classes.names
    assert {names[i] for i in np.unique(sample.label[things])} == {"person", "car"}  # ids 24 and 26


def test_cityscapes_labels_equal_cityscapesscripts(trees: Path) -> None:
    labels = pytest.importorskip("cityscapesscripts.helpers.labels")
    root = trees / "mmseg_pseudo/pseudo_cityscapes_dataset"
    table = open_dataset(root).classes
    assert {i: t.trainId for i, t in labels.id2label.items() if i >= 0} == {
        i: int(table.value_ids[i]) for i in range(34)
    }
    assert [labels.trainId2label[k].name for k in range(19)] == list(table.names)
    assert [labels.trainId2label[k].color for k in range(19)] == [tuple(c) for c in table.colors.tolist()]


def test_every_table_has_colors_and_values_of_its_own(trees: Path) -> None:
    for place, _, options, _, _ in TREES:
        classes = open_dataset(trees / place, **options).classes
        assert len(set(classes.names)) == len(classes)
        ids = np.array([*classes.color_ids.values()]) if classes.by_color else classes.value_ids
        assert set(ids[ids >= 0].tolist()) >= set(range(len(classes)))


def test_a_wrong_format_says_what_was_looked_for_and_what_is_there(trees: Path) -> None:
    with pytest.raises(FormatError, match=r"looked for Cityscapes \(leftImg8bit.*there is annotations/, images/"):
        open_dataset(trees / "ade20k", format="cityscapes")
    with pytest.raises(pw.UsageError, match="labels= is one of 11, 12"):
        open_dataset(trees / "camvid_index", labels="trainIds")
