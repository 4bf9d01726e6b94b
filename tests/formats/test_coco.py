"""COCO instances and panoptic, LabelMe and YOLO: what is drawn, in which order, and what is refused."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import pixelwise as pw
from pixelwise.errors import DataError, FormatError, LabelError, MissingError, PairError
from pixelwise.formats.opening import open as open_dataset
from tests.support.making import SIZE, picture, save

OLD_ARRAY = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
BOX = [1, 1, 9, 1, 9, 9, 1, 9]  # rows and columns 1..8
SMALL = [2, 2, 5, 2, 5, 5, 2, 5]  # rows and columns 2..4, inside BOX
HEIGHT, WIDTH = SIZE


def write_coco(root: Path, annotations: list[dict[str, Any]], name: str = "annotations/instances_val2017.json") -> Path:
    data = {
        "images": [
            {"id": 7, "file_name": "000000000007.jpg", "height": HEIGHT, "width": WIDTH},
            {"id": 9, "file_name": "000000000009.jpg", "height": HEIGHT, "width": WIDTH},
        ],
        "annotations": [{"id": k, "iscrowd": 0, "image_id": 7, **a} for k, a in enumerate(annotations)],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
    }
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    for image in (7, 9):
        save(root / f"val2017/{image:012d}.jpg", picture(image))
    return path


def square(values: list[int]) -> Any:
    x0, y0, x1, _, _, y1 = values[:6]
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_categories_by_id_background_first_and_images_without_annotations(tmp_path: Path) -> None:
    write_coco(tmp_path, [{"category_id": 18, "segmentation": [BOX]}])
    dataset = open_dataset(tmp_path)
    assert (dataset.format, dataset.classes.names) == ("coco", ("background", "person", "dog"))
    with_dog, empty = dataset["val2017"]
    assert np.array_equal(with_dog.label, square(BOX) * 2)
    assert np.array_equal(with_dog.instances, square(BOX) * 1)
    assert not empty.label.any()
    assert dataset["val2017"].sizes().tolist() == [[HEIGHT, WIDTH]] * 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_smaller_lies_on_top_whatever_the_order_of_the_file(tmp_path: Path, order: tuple[int, int]) -> None:
    both = [{"category_id": 1, "segmentation": [BOX]}, {"category_id": 18, "segmentation": [SMALL]}]
    write_coco(tmp_path, [both[k] for k in order])
    label = open_dataset(tmp_path)["val2017"][0].label
    assert np.array_equal(label, np.where(square(SMALL), 2, square(BOX) * 1))


def test_of_equal_areas_the_later_in_the_file_lies_on_top(tmp_path: Path) -> None:
    write_coco(tmp_path, [{"category_id": c, "segmentation": [BOX]} for c in (18, 1)])
    sample = open_dataset(tmp_path)["val2017"][0]
    assert np.array_equal(sample.label, square(BOX) * 1)
    assert np.array_equal(sample.instances, square(BOX) * 2)


def runs_of(mask: Any) -> list[int]:
    flat = np.concatenate([[0], mask.T.reshape(-1).astype(int), [-1]])
    changes = np.flatnonzero(np.diff(flat)) if flat[1] == 0 else np.concatenate([[0], np.flatnonzero(np.diff(flat))])
    return np.diff(np.concatenate([[0], changes])).tolist()


def test_a_hole_and_a_crowd_by_run_lengths(tmp_path: Path) -> None:
    ring = square(BOX) & ~square(SMALL)
    crowd = {"counts": runs_of(ring), "size": list(SIZE)}
    write_coco(tmp_path, [{"category_id": 1, "segmentation": crowd, "iscrowd": 1}])
    assert np.array_equal(open_dataset(tmp_path)["val2017"][0].label, ring * 1)
    void = open_dataset(tmp_path, crowd="void")["val2017"][0].label
    assert np.array_equal(void, np.where(ring, 255, 0))


@OLD_ARRAY
def test_it_equals_pycocotools(tmp_path: Path) -> None:
    mask = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(3)
    annotations = []
    for k in range(12):
        points = (rng.random((2, 5, 2)) * (WIDTH + 4, HEIGHT + 4) - 2).round(2).reshape(2, -1).tolist()
        rle = mask.merge(mask.frPyObjects(points, HEIGHT, WIDTH))
        crowd = {"size": list(SIZE), "counts": rle["counts"].decode()}
        annotations.append({"category_id": [1, 18][k % 2], "segmentation": crowd if k % 3 == 0 else points})
    path = write_coco(tmp_path, annotations)
    coco = pytest.importorskip("pycocotools.coco").COCO(path)
    found = [coco.annToMask(a) for a in coco.loadAnns(coco.getAnnIds(imgIds=[7]))]
    union = np.any(found, axis=0)
    sample = open_dataset(tmp_path)["val2017"][0]
    assert np.array_equal(sample.label > 0, union)
    alone = np.sum(found, axis=0) == 1
    for k, one in enumerate(found):
        own = alone & (one > 0)
        assert (sample.label[own] == [1, 2][k % 2]).all()
        assert (sample.instances[own] == k + 1).all()


GOOD = {"image_id": 9, "category_id": 1, "segmentation": [BOX]}


@pytest.mark.parametrize(
    ("annotation", "code", "message"),
    [
        ({"category_id": 5, "segmentation": [BOX]}, "unknown-class", "category_id 5 is none of"),
        ({"category_id": 1}, "bad-json", "no segmentation"),
        ({"category_id": 1, "segmentation": 3}, "bad-polygon", "neither polygons nor run lengths"),
        ({"category_id": 1, "segmentation": [[1, 2, 3, 4]]}, "bad-polygon", "a box or a line"),
        ({"category_id": 1, "segmentation": [1, 2, 3, 4, 5, 6]}, "bad-polygon", "expected a list of polygons"),
        ({"category_id": 1, "segmentation": {"counts": [5, 5]}}, "bad-rle", "size is None"),
        ({"category_id": 1, "segmentation": {"counts": [5, 5], "size": list(SIZE)}}, "bad-rle", "10 pixels"),
        ({"category_id": 1, "segmentation": {"counts": 1e300, "size": list(SIZE)}}, "bad-rle", "damaged run lengths"),
    ],
)
def test_a_damaged_annotation_is_a_fault_of_its_image(tmp_path: Path, annotation: Any, code: str, message: str) -> None:
    write_coco(tmp_path, [annotation, GOOD])
    split = open_dataset(tmp_path)["val2017"]
    with pytest.raises(LabelError, match=message) as caught:
        split[0]
    assert caught.value.code == code
    assert "instances_val2017.json (annotation 0 of 000000000007.jpg)" in str(caught.value.where)
    assert np.array_equal(split[1].label, square(BOX) * 1)
    assert [f.code for f in pw.check(tmp_path).errors] == [code]
    with pytest.warns(pw.PixelwiseWarning, match="'000000000007'"):
        (batch,) = pw.Loader(split, 2, on_error="skip")
    assert batch.real.tolist() == [False, True]


def test_an_annotation_of_no_image_is_an_error_of_the_split(tmp_path: Path) -> None:
    write_coco(tmp_path, [{"category_id": 1, "image_id": 8, "segmentation": [BOX]}, GOOD])
    (error,) = pw.check(tmp_path).errors
    assert error.code == "unknown-image"
    assert "annotation 0" in error.where
    write_coco(tmp_path, [{"category_id": 1, "image_id": 8, "segmentation": [BOX]}])
    with pytest.raises(LabelError, match="of 1 annotations, 0 are boxes alone, 1 belong to no image") as caught:
        open_dataset(tmp_path)["val2017"]
    assert caught.value.code == "no-regions"


def test_one_json_can_be_opened_and_images_be_elsewhere(tmp_path: Path) -> None:
    path = write_coco(tmp_path, [{"category_id": 1, "segmentation": [BOX]}], "mine.json")
    with pytest.raises(MissingError, match="choose their folder with images="):
        open_dataset(path)["mine"]
    assert len(open_dataset(path, images="val2017")["mine"]) == 2


def test_json_that_is_none(tmp_path: Path) -> None:
    path = write_coco(tmp_path, [])
    path.write_text("[1, 2")
    with pytest.raises(FormatError, match="not a JSON"):
        open_dataset(tmp_path)
    path.write_text('{"images": 3}')
    with pytest.raises(FormatError, match="lists of images and categories"):
        open_dataset(tmp_path)


def test_panoptic_ids_that_the_json_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    entry = {"image_id": 1, "file_name": "000000000001.png", "segments_info": [{"id": 66_051, "category_id": 4}]}
    data = {"images": [{"id": 1, "file_name": "000000000001.jpg"}], "annotations": [entry],
            "categories": [{"id": 4, "name": "cat", "color": [9, 9, 9]}]}  # fmt: skip
    (tmp_path / "annotations/panoptic_val2017.json").write_text(json.dumps(data))
    save(tmp_path / "val2017/000000000001.jpg", picture())
    pixels = np.zeros((*SIZE, 3), np.uint8)
    pixels[2:4, 3:5] = (3, 2, 1)  # 3 + 256 * 2 + 65536 * 1
    png = tmp_path / "annotations/panoptic_val2017/000000000001.png"
    save(png, pixels)
    sample = open_dataset(tmp_path)["val2017"][0]
    inside = pixels[..., 0] > 0
    assert np.array_equal(sample.label, np.where(inside, 0, 255))
    assert np.array_equal(sample.instances, np.where(inside, 66_051, 0))
    pixels[0, 5] = (4, 0, 0)
    save(png, pixels)
    with pytest.raises(LabelError, match="segment 4, first at x=5, y=0, is not in the JSON"):
        open_dataset(tmp_path)["val2017"][0]


def test_panoptic_and_its_detection_form_hold_the_same(trees: Path) -> None:
    root = trees / "coco_panoptic"
    panoptic = open_dataset(root)["examples"]
    boxes = open_dataset(root / "panoptic_coco_detection_format.json")["panoptic_coco_detection_format"]
    for a, b in zip(panoptic, boxes, strict=True):
        assert a.name == b.name
        assert np.array_equal(np.where(a.label == 255, 0, a.label.astype(int) + 1), b.label)


@pytest.mark.parametrize(
    ("key", "value"),
    [("images", 3), ("annotations", 3), ("categories", [{"id": 18, "name": "dog", "color": [10**30, 0, 0]}])],
)
def test_a_json_with_a_value_of_another_kind_is_refused_by_name(tmp_path: Path, key: str, value: Any) -> None:
    path = write_coco(tmp_path, [])
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(DataError, match=r"instances_val2017\.json"):
        open_dataset(tmp_path)["val2017"][0]


def check_left_out(path: Path, key: str, entry: Any, where: str) -> None:
    """A bad entry at the front of the list of a JSON is an error of the split, which has the other samples."""
    data = json.loads(path.read_text())
    path.write_text(json.dumps(data | {key: [entry, *data[key]]}))
    found = pw.check(path.parents[1])
    assert [(f.code, f.where) for f in found.errors] == [("bad-json", f"annotations/{path.name} ({where})")]
    assert "left out" in found.errors[0].what
    assert dict(found.splits) == {"val2017": len(data[key])}


@pytest.mark.parametrize("entry", [3, {"id": 5}, {"id": None, "file_name": "a.jpg"},
                                   {"id": float("nan"), "file_name": "a.jpg"}, {"id": "x", "file_name": "a.jpg"},
                                   {"id": 5, "file_name": ""}, {"id": 5, "file_name": 3},
                                   {"id": 5, "file_name": "a/../../x.jpg"},
                                   {"id": 5, "file_name": "..\\x.jpg"}])  # fmt: skip
def test_a_damaged_entry_of_an_image_is_left_out_and_named(tmp_path: Path, entry: Any) -> None:
    check_left_out(write_coco(tmp_path, [GOOD]), "images", entry, "images[0]")


def write_panoptic(root: Path) -> Path:
    path = write_coco(root, [], "annotations/panoptic_val2017.json")
    path.with_suffix("").mkdir()
    entries = [{"image_id": k, "file_name": f"{k:012d}.png", "segments_info": [{"id": 5, "category_id": 18}]}
               for k in (7, 9)]  # fmt: skip
    for entry in entries:
        save(path.with_suffix("") / str(entry["file_name"]), np.full((*SIZE, 3), (5, 0, 0), np.uint8))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": entries}))
    return path


@pytest.mark.parametrize("entry", [3, {"image_id": 7}, {"image_id": [], "file_name": "a.png"},
                                   {"image_id": 7, "file_name": "../a.png"}])  # fmt: skip
def test_a_damaged_entry_of_a_panoptic_json_is_left_out_and_named(tmp_path: Path, entry: Any) -> None:
    check_left_out(write_panoptic(tmp_path), "annotations", entry, "annotations[0]")


# -- LabelMe ------------------------------------------------------------------------------------------------


def test_labelme_draws_what_its_export_holds(trees: Path) -> None:
    root = trees / "labelme"
    drawn, exported = open_dataset(root / "data_annotated"), open_dataset(root / "data_dataset_voc")
    assert drawn.classes.names == exported.classes.names
    for a, b in zip(drawn["all"], exported["all"], strict=True):
        # The export was made by an older Pillow, whose polygons differ by single pixels of the outline.
        assert (a.label != b.label).sum() <= 2
    assert np.unique(drawn["all"][1].instances).tolist() == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10]  # shape 6 is ignored


def labelme(root: Path, shapes: list[dict[str, Any]], name: str = "a", **more: Any) -> None:
    save(root / f"{name}.jpg", picture())
    data = {"version": "5.0", "flags": {}, "shapes": shapes, "imagePath": f"{name}.jpg", **more}
    (root / f"{name}.json").write_text(json.dumps(data))


def test_labelme_shapes_in_order_with_one_class_list_for_all_files(tmp_path: Path) -> None:
    box = {"label": "zebra", "shape_type": "rectangle", "points": [[1, 1], [8, 6]]}
    top = {"label": "ant", "shape_type": "polygon", "points": [[2, 2], [6, 2], [6, 5]], "group_id": 4}
    rest = {"label": "ant", "shape_type": "circle", "points": [[12, 6], [12, 8]], "group_id": 4}
    labelme(tmp_path, [box, top, rest])
    labelme(tmp_path, [{"label": "moth", "points": [[0, 0], [3, 0], [3, 3]]}], "b")
    dataset = open_dataset(tmp_path)
    assert dataset.classes.names == ("_background_", "ant", "moth", "zebra")
    image = Image.new("L", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(image)
    draw.rectangle([1, 1, 8, 6], fill=3)
    draw.polygon([(2, 2), (6, 2), (6, 5)], fill=1, outline=1)
    draw.ellipse([10, 4, 14, 8], fill=1, outline=1)
    sample = dataset["all"][0]
    assert np.array_equal(sample.label, np.array(image))
    assert set(np.unique(sample.instances[sample.label == 1]).tolist()) == {2}  # one group, one object


def encoded(mask: Any) -> str:
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_labelme_masks_lie_where_their_points_say(tmp_path: Path) -> None:
    patch = np.array([[1, 0, 1], [0, 255, 1]], np.uint8)
    corner = np.ones((4, 4), np.uint8)
    shapes = [
        {"label": "ant", "shape_type": "mask", "points": [[2.0, 1.0], [4.9, 2.9]], "mask": encoded(patch)},
        {"label": "bee", "shape_type": "mask", "points": [[-2, -2], [1, 1]], "mask": encoded(corner)},
        {"label": "bee", "shape_type": "mask", "points": [[WIDTH - 2, HEIGHT - 1], [WIDTH + 1, HEIGHT + 2]],
         "mask": encoded(corner)},
        {"label": "bee", "shape_type": "mask", "points": [[-9, -9], [-6, -6]], "mask": encoded(corner)},
    ]  # fmt: skip
    labelme(tmp_path, shapes)
    sample = open_dataset(tmp_path)["all"][0]
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[1:3, 2:5] = patch > 0
    expected[:2, :2] = expected[-1:, -2:] = 2
    assert np.array_equal(sample.label, expected)
    assert np.unique(sample.instances).tolist() == [0, 1, 2, 3]


def test_labelme_refuses_what_it_cannot_draw(tmp_path: Path) -> None:
    labelme(tmp_path, [{"label": "x", "shape_type": "mask", "points": [[0, 0], [3, 3]]}])
    with pytest.raises(LabelError, match="not a mask of LabelMe"):
        open_dataset(tmp_path)["all"][0]
    for text, points, what in (
        ("=", [[0, 0], [3, 3]], "bad-mask"),  # no base64
        (base64.b64encode(b"GIF89a").decode(), [[0, 0], [3, 3]], "stored as GIF"),
        (encoded(np.ones((4, 3), np.uint8)), [[0, 0], [3, 3]], "bad-mask"),  # another size than its points
        (encoded(np.ones((4, 4), np.uint8)), [[0, 0]], "bad-mask"),
    ):
        labelme(tmp_path, [{"label": "x", "shape_type": "mask", "points": points, "mask": text}])
        with pytest.raises(DataError) as error:
            open_dataset(tmp_path)["all"][0]
        assert what in str(error.value)
    labelme(tmp_path, [{"label": "x", "shape_type": "oriented", "points": [[0, 0], [3, 3]]}])
    with pytest.raises(LabelError, match="a shape of type 'oriented' with 2 points"):
        open_dataset(tmp_path)["all"][0]
    labelme(tmp_path, [{"label": "x", "points": [[0, 0], [3, 3], [0, 3]]}], imageHeight=5, imageWidth=5)
    with pytest.raises(PairError):
        open_dataset(tmp_path)["all"][0]
    (tmp_path / "a.json").write_text('{"version": "5.0", "flags": {}, "shapes": 3}')
    with pytest.raises(FormatError, match="not a JSON of LabelMe"):
        open_dataset(tmp_path)["all"][0]


# -- YOLO ---------------------------------------------------------------------------------------------------


def yolo(root: Path, text: str, names: str = "names: [car, 'big truck']") -> None:
    (root / "data.yaml").write_text(f"path: .\ntrain: images/train\nval: images/val\nnc: 2\n{names}\n")
    for name in ("a", "b"):
        save(root / f"images/train/{name}.jpg", picture())
    (root / "labels/train").mkdir(parents=True, exist_ok=True)
    (root / "labels/train/a.txt").write_text(text)


def test_yolo_polygons_by_fractions_the_smaller_on_top(tmp_path: Path) -> None:
    def line(category: int, points: list[int]) -> str:
        return f"{category} " + " ".join(f"{v / (WIDTH if k % 2 == 0 else HEIGHT):.9f}" for k, v in enumerate(points))

    yolo(tmp_path, line(1, SMALL) + "\n" + line(0, BOX) + "\n")
    dataset = open_dataset(tmp_path)
    assert (dataset.format, dataset.classes.names) == ("yolo", ("background", "car", "big truck"))
    a, b = dataset["train"]
    assert np.array_equal(a.label, np.where(square(SMALL), 2, square(BOX) * 1))
    assert np.array_equal(a.instances, np.where(square(SMALL), 1, square(BOX) * 2))
    assert not b.label.any()  # no text file: no objects


@pytest.mark.parametrize(
    "names", ["names: [car, 'big truck']", "names:\n- car\n- big truck", "names:\n  0: car\n  1: 'big truck'  # two",
              'names: ["car",\n  "big truck"]'],
)  # fmt: skip
def test_yolo_names_as_tools_write_them(tmp_path: Path, names: str) -> None:
    yolo(tmp_path, "", names)
    assert open_dataset(tmp_path).classes.names == ("background", "car", "big truck")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0.5 0.5 0.2 0.2", "a box, not a polygon"),
        ("2 0.1 0.1 0.2 0.1 0.2 0.2", "class 2 is none of 0..1"),
        ("0 0.1 0.1 0.2 0.1 0.2", "5 numbers, expected three points or more"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.3", "7 numbers, expected pairs"),
        ("0 0.1 0.1 0.2 x 0.3 0.3", "something else than numbers"),
    ],
)
def test_yolo_lines_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    yolo(tmp_path, text)
    with pytest.raises(LabelError, match=message) as caught:
        open_dataset(tmp_path)["train"][0]
    assert caught.value.where is not None
    assert caught.value.where.endswith("a.txt:1")


def test_drawn_labels_load_like_others(tmp_path: Path) -> None:
    write_coco(tmp_path, [{"category_id": 1, "segmentation": [BOX]}])
    split = open_dataset(tmp_path)["val2017"]
    window = pw.Window(2, 3, 9, 12)
    part, whole = split.read(0, window), split[0]
    assert np.array_equal(part.image, whole.image[2:9, 3:12])
    assert np.array_equal(part.label, whole.label[2:9, 3:12])
    batch = next(iter(pw.Loader(split, batch_size=2, transforms=[pw.CenterCrop(8, 8)], threads=1)))
    assert batch.labels.shape == (2, 8, 8)
