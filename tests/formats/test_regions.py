"""Regions that a label does not show, and sizes that annotations state: in every format of annotations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import LabelError, PairError
from tests.support.format_trees import run_lengths
from tests.support.making import save
from tests.support.two_splits import write as write_splits

HEIGHT, WIDTH = 40, 60
Shape = tuple[str, list[tuple[float, float]]]
Trees = Callable[[Path, list[list[Shape]], tuple[int, int]], None]


def square(name: str, x: float, y: float, side: float = 12) -> Shape:
    return name, [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]


def _images(root: Path, folder: str, count: int) -> None:
    for k in range(count):
        random = np.random.default_rng(k)
        save(root / folder / f"{k}.jpg", random.integers(0, 256, (10, 15, 3), np.uint8).repeat(4, 0).repeat(4, 1))


def _coco(root: Path, shapes: list[list[Shape]], stated: tuple[int, int]) -> None:
    _images(root, "train", len(shapes))
    images = [{"id": k, "file_name": f"{k}.jpg", "height": stated[0], "width": stated[1]} for k in range(len(shapes))]
    annotations: list[dict[str, Any]] = []
    for k, own in enumerate(shapes):
        for name, points in own:
            flat = [[v for point in points for v in point]] if points else []
            annotations.append({"id": len(annotations), "image_id": k, "category_id": "ab".index(name) + 1,
                                "iscrowd": 0, "bbox": [1, 1, 5, 5], "segmentation": flat})  # fmt: skip
    categories = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    (root / "annotations").mkdir()
    text = json.dumps({"images": images, "annotations": annotations, "categories": categories})
    (root / "annotations/instances_train.json").write_text(text)


def _labelme(root: Path, shapes: list[list[Shape]], stated: tuple[int, int]) -> None:
    _images(root, ".", len(shapes))
    for k, own in enumerate(shapes):
        listed = [{"label": n, "points": p, "shape_type": "polygon", "group_id": None} for n, p in own if p]
        data = {"version": "5.0", "flags": {}, "shapes": listed, "imagePath": f"{k}.jpg", "imageData": None,
                "imageHeight": stated[0], "imageWidth": stated[1]}  # fmt: skip
        (root / f"{k}.json").write_text(json.dumps(data))


def _yolo(root: Path, shapes: list[list[Shape]], stated: tuple[int, int]) -> None:
    _images(root, "images/train", len(shapes))
    (root / "labels/train").mkdir(parents=True)
    (root / "data.yaml").write_text("train: images/train\nnames: [a, b]\n")
    for k, own in enumerate(shapes):
        lines = [" ".join([str("ab".index(n)), *(f"{x / WIDTH} {y / HEIGHT}" for x, y in p)]) for n, p in own if p]
        (root / f"labels/train/{k}.txt").write_text("".join(line + "\n" for line in lines))


def _rle_csv(root: Path, shapes: list[list[Shape]], stated: tuple[int, int]) -> None:
    _images(root, "train", len(shapes))
    rows = ["ImageId_ClassId,EncodedPixels"]
    for k, own in enumerate(shapes):
        for name, points in own:
            mask = np.zeros((HEIGHT, WIDTH), bool)
            if points:
                (x0, y0), (x1, y1) = points[0], points[2]
                mask[int(y0) : int(y1), int(x0) : int(x1)] = True
            runs = np.cumsum([0, *run_lengths(mask)])
            pairs = [f"{a + 1} {b - a}" for a, b in zip(runs[1::2].tolist(), runs[2::2].tolist(), strict=False)]
            rows.append(f"{k}.jpg_{'ab'.index(name) + 1},{' '.join(pairs)}")
    (root / "train.csv").write_text("\n".join(rows) + "\n")


def _cvat(root: Path, shapes: list[list[Shape]], stated: tuple[int, int]) -> None:
    _images(root, "images", len(shapes))
    images = ""
    for k, own in enumerate(shapes):
        images += f'<image id="{k}" name="{k}.jpg" width="{stated[1]}" height="{stated[0]}">'
        for name, points in own:
            text = ";".join(f"{x},{y}" for x, y in points)
            images += f'<polygon label="{name}" points="{text}" z_order="0"/>' if points else (
                f'<box label="{name}" xtl="1" ytl="1" xbr="9" ybr="9" z_order="0"/>')  # fmt: skip
        images += "</image>"
    (root / "annotations.xml").write_text(f"<annotations><version>1.1</version>{images}</annotations>")


def _datumaro(root: Path, shapes: list[list[Shape]], stated: tuple[int, int]) -> None:
    _images(root, "images/train", len(shapes))
    items = []
    for k, own in enumerate(shapes):
        drawn: list[dict[str, Any]] = []
        for name, points in own:
            what = {"type": "polygon", "points": [v for p in points for v in p]} if points else {
                "type": "bbox", "bbox": [1, 1, 8, 8]}  # fmt: skip
            drawn.append({"id": len(drawn), "label_id": "ab".index(name), "z_order": 0, "group": 0, **what})
        items.append({"id": str(k), "image": {"path": f"{k}.jpg", "size": list(stated)}, "annotations": drawn})
    (root / "annotations").mkdir()
    data = {"categories": {"label": {"labels": [{"name": "a"}, {"name": "b"}]}}, "items": items}
    (root / "annotations/train.json").write_text(json.dumps(data))


def _supervisely(root: Path, shapes: list[list[Shape]], stated: tuple[int, int]) -> None:
    _images(root, "train/img", len(shapes))
    (root / "train/ann").mkdir()
    for k, own in enumerate(shapes):
        objects = [{"classTitle": n, "geometryType": "polygon", "points": {"exterior": p, "interior": []}} if p else
                   {"classTitle": n, "geometryType": "rectangle", "points": {"exterior": [[1, 1], [9, 9]]}}
                   for n, p in own]  # fmt: skip
        data = {"size": {"height": stated[0], "width": stated[1]}, "objects": objects}
        (root / f"train/ann/{k}.jpg.json").write_text(json.dumps(data))
    (root / "meta.json").write_text(json.dumps({"classes": [{"title": n, "color": "#ff0000"} for n in "ab"]}))


def _label_studio(root: Path, shapes: list[list[Shape]], stated: tuple[int, int]) -> None:
    _images(root, "images", len(shapes))
    tasks = []
    for k, own in enumerate(shapes):
        results: list[dict[str, Any]] = []
        for name, points in own:
            value: dict[str, Any] = {"x": 1, "y": 1, "width": 9, "height": 9, "rectanglelabels": [name]}
            if points:
                value = {"points": [[x / WIDTH * 100, y / HEIGHT * 100] for x, y in points], "polygonlabels": [name]}
            results.append({"type": next(key for key in value if key.endswith("labels")), "value": value,
                            "original_height": stated[0], "original_width": stated[1]})  # fmt: skip
        tasks.append({"annotations": [{"result": results}], "data": {"image": f"/data/images/{k}.jpg"}})
    (root / "export.json").write_text(json.dumps(tasks))


def _via(root: Path, shapes: list[list[Shape]], stated: tuple[int, int]) -> None:
    _images(root, ".", len(shapes))
    found = {}
    for k, own in enumerate(shapes):
        regions = []
        for name, points in own:
            x, y = zip(*points, strict=True) if points else ((), ())
            shape = {"name": "polygon", "all_points_x": x, "all_points_y": y} if points else {
                "name": "point", "cx": 4, "cy": 4}  # fmt: skip
            regions.append({"shape_attributes": shape, "region_attributes": {"kind": name}})
        found[f"{k}.jpg9"] = {"filename": f"{k}.jpg", "size": 9, "regions": regions, "file_attributes": {}}
    (root / "via_region_data.json").write_text(json.dumps(found))


TREES: dict[str, Trees] = {
    "coco": _coco, "labelme": _labelme, "yolo": _yolo, "rle_csv": _rle_csv, "cvat": _cvat, "datumaro": _datumaro,
    "supervisely": _supervisely, "label_studio": _label_studio, "via": _via,
}  # fmt: skip
IN_PIXELS = [name for name in TREES if name not in ("rle_csv", "yolo", "label_studio")]
"""Formats whose regions may reach beyond the image."""
STATED = [*(name for name in IN_PIXELS if name != "via"), "label_studio"]
"""Formats that state the size of an image."""
GOOD = [square("a", 4, 5), square("b", 30, 20)]


def tree(name: str, root: Path, shapes: list[list[Shape]], stated: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    TREES[name](root, shapes, stated)
    return root


def codes(found: pw.Findings) -> set[str]:
    return {f.code for f in found if f.code not in ("class-absent", "missing-folder", "single-class")}


@pytest.mark.parametrize("name", TREES)
def test_a_good_tree_has_no_finding(name: str, tmp_path: Path) -> None:
    dataset = pw.open(tree(name, tmp_path, [GOOD, GOOD[:1], GOOD]))
    assert dataset.format == name
    assert not codes(pw.check(dataset)), str(pw.check(dataset))
    (split,) = dataset.splits.values()
    a, b = (len(dataset.classes) - 2, len(dataset.classes) - 1)
    label = split[0].label
    assert label is not None
    side = 13 if name == "labelme" else 12  # LabelMe draws the outline, too
    assert (int((label == a).sum()), int((label == b).sum())) == (side**2, side**2)


@pytest.mark.parametrize("name", TREES)
def test_a_region_that_another_covers_is_a_finding(name: str, tmp_path: Path) -> None:
    covered = [square("a", 4, 5), square("b", 4, 5)]
    found = pw.check(tree(name, tmp_path, [GOOD, covered, GOOD]))
    assert codes(found) == {"covered-region"}, str(found)
    assert len(found) - len([f for f in found if f.code == "missing-folder"]) == 1


@pytest.mark.parametrize("name", IN_PIXELS)
def test_a_region_outside_is_a_finding(name: str, tmp_path: Path) -> None:
    beyond = [square("a", WIDTH + 9, 5), square("b", 30, 20)]
    assert codes(pw.check(tree(name, tmp_path / "1", [GOOD, beyond, GOOD]))) == {"empty-region"}
    partly = [square("a", WIDTH - 4, 5), square("b", 30, 20)]
    assert codes(pw.check(tree(name, tmp_path / "2", [GOOD, partly, GOOD]))) == {"region-outside"}


@pytest.mark.parametrize("name", ["yolo", "label_studio"])
def test_fractions_outside_are_an_error(name: str, tmp_path: Path) -> None:
    beyond = [square("a", WIDTH + 9, 5), square("b", 30, 20)]
    found = pw.check(tree(name, tmp_path, [GOOD, beyond, GOOD]))
    assert [f.code for f in found.errors] == ["bad-polygon"]


@pytest.mark.parametrize("name", IN_PIXELS)
def test_regions_that_are_all_outside_are_an_error(name: str, tmp_path: Path) -> None:
    beyond = [square("a", WIDTH + 9, 5), square("b", 5, HEIGHT + 9)]
    found = pw.check(tree(name, tmp_path, [beyond, beyond, beyond]))
    assert [f.code for f in found.errors] == ["no-regions"], str(found)
    assert "3 images" in found.errors[0].what


@pytest.mark.parametrize("name", TREES)
def test_annotations_without_any_region_are_an_error(name: str, tmp_path: Path) -> None:
    root = tree(name, tmp_path, [[("a", [])], [("b", [])]])
    found = pw.check(root)
    assert "no-regions" in {f.code for f in found.errors}, str(found)
    with pytest.raises(LabelError, match="no region drawn in 2 of 2 images"):
        next(iter(pw.open(root).splits.values()))


def test_panoptic_annotations_without_any_segment_are_an_error(tmp_path: Path) -> None:
    path = write_splits("coco_panoptic", tmp_path) / "annotations/panoptic_val.json"
    data = json.loads(path.read_text())
    for entry in data["annotations"]:
        entry["segments_info"] = []
    path.write_text(json.dumps(data))
    assert "no-regions" in {f.code for f in pw.check(tmp_path).errors}


@pytest.mark.parametrize("name", [*(name for name in IN_PIXELS if name != "labelme"), "label_studio"])
def test_what_is_annotated_without_a_region_is_seen(name: str, tmp_path: Path) -> None:
    found = pw.check(tree(name, tmp_path, [GOOD, [("a", [])], GOOD]))
    assert codes(found) == {"no-region"}, str(found)
    assert not found.errors


# -- sizes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STATED)
def test_a_stated_size_is_held_against_the_image(name: str, tmp_path: Path) -> None:
    root = tree(name, tmp_path, [GOOD, GOOD], stated=(400, 500))
    (split,) = pw.open(root).splits.values()
    with pytest.raises(PairError, match=r"400.*500.*40.*60|40.*60.*400.*500") as caught:
        split[0]
    assert caught.value.code == "size-mismatch"
    assert [f.code for f in pw.check(root).errors] == ["size-mismatch"] * 2


def test_percent_fit_an_image_that_was_scaled(tmp_path: Path) -> None:
    root = tree("label_studio", tmp_path, [GOOD, GOOD], stated=(401, 600))
    assert not pw.check(root).errors


def test_a_panoptic_size_is_held_against_the_image(tmp_path: Path) -> None:
    path = write_splits("coco_panoptic", tmp_path) / "annotations/panoptic_val.json"
    data = json.loads(path.read_text())
    data["images"][1]["width"] = 360
    path.write_text(json.dumps(data))
    assert [f.code for f in pw.check(tmp_path).errors] == ["size-mismatch"]


def test_run_lengths_of_another_size_are_refused(tmp_path: Path) -> None:
    root = tree("rle_csv", tmp_path, [GOOD, GOOD])
    save(root / "train/1.jpg", np.zeros((20, 30, 3), np.uint8))
    assert "bad-rle" in {f.code for f in pw.check(root).errors}


@pytest.mark.parametrize(
    ("size", "bad"),
    [("<width>36</width><height>24</height><depth>3</depth>", False), ("<height>240</height><width>360</width>", True),
     ("<width>0</width><height>0</height>", False), ("", False)],
)  # fmt: skip
def test_the_size_in_vocs_xml_is_held_against_the_image(size: str, bad: bool, tmp_path: Path) -> None:
    root = write_splits("voc", tmp_path)
    for split in ("train", "val"):  # VOC's own layout: one folder
        for path in (root / f"JPEGImages/{split}").iterdir():
            path.rename(root / f"JPEGImages/{split}{path.name}")
            label = root / f"SegmentationClass/{split}/{path.stem}.png"
            label.rename(root / f"SegmentationClass/{split}{path.stem}.png")
        (root / f"ImageSets/Segmentation/{split}.txt").write_text("".join(f"{split}{k}\n" for k in range(3)))
    (root / "Annotations").mkdir()
    (root / "Annotations/val1.xml").write_text(f"<annotation><size>{size}</size></annotation>")
    found = [f for f in pw.check(root) if f.code == "size-mismatch"]
    assert [f.where for f in found] == ["Annotations/val1.xml"] * bad
