"""Exports of labeling tools, written here from masks: labels equal them, and one bad region is a fault of its image."""

from __future__ import annotations

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from tests.support.making import SIZE, picture, save

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""pycocotools asks for arrays as NumPy 1 did."""

TRIANGLE = [2.2, 1.4, 15.1, 3.6, 7.8, 10.8]


def drawn(points: Any) -> Any:
    """The pixels that pycocotools gives a polygon."""
    coco_mask = pytest.importorskip("pycocotools.mask")
    flat = [float(v) for v in np.reshape(points, -1)]
    out: Any = coco_mask.decode(coco_mask.frPyObjects([flat], *SIZE))[..., 0].astype(bool)
    return out


def blob(seed: int, height: int, width: int) -> Any:
    """A mask with corners of both values."""
    return np.random.default_rng(seed).integers(0, 2, (height, width)).astype(bool)


def codes(dataset: Any) -> set[str]:
    return {f.code for f in pw.check(dataset) if f.severity == "error"}


# -- CVAT ---------------------------------------------------------------------------------------------------------


def box_runs(mask: Any) -> str:
    """Runs along the rows, outside first."""
    out, value, count = [], False, 0
    for pixel in mask.reshape(-1):
        if pixel != value:
            out.append(count)
            value, count = pixel, 0
        count += 1
    return ", ".join(map(str, [*out, count]))


def cvat(root: Path, *images: str) -> None:
    label = "<label><name>{}</name><color>{}</color><attributes/></label>"
    labels = label.format("bolt", "#ff0000") + label.format("nut", "#0000ff")
    meta = f"<meta><task><name>t</name><labels>{labels}</labels></task></meta>"
    body = "".join(f'<image id="{k}" name="{name}.png" width="17" height="12">{inside}</image>'
                   for k, (name, inside) in enumerate(zip("abcd"[: len(images)], images, strict=True)))  # fmt: skip
    (root / "annotations.xml").write_text(f"<annotations><version>1.1</version>{meta}{body}</annotations>")
    for k, name in enumerate("abcd"[: len(images)]):
        save(root / f"images/{name}.png", picture(k))


def test_cvat_draws_by_z_order(tmp_path: Path) -> None:
    mask = blob(0, 5, 7)
    points = ";".join(f"{x},{y}" for x, y in np.reshape(TRIANGLE, (-1, 2)))
    over = f'<polygon label="bolt" source="manual" occluded="0" points="{points}" z_order="2"/>'
    under = f'<mask label="nut" rle="{box_runs(mask)}" left="4" top="2" width="7" height="5" z_order="1"/>'
    box = '<box label="nut" xtl="1" ytl="1" xbr="4" ybr="4" z_order="3"/>'
    cvat(tmp_path, over + under + box, "")
    dataset = pw.open(tmp_path)
    assert (dataset.format, dataset.classes.names) == ("cvat", ("background", "bolt", "nut"))
    assert dataset.classes.colors.tolist() == [[0, 0, 0], [255, 0, 0], [0, 0, 255]]
    expected, objects = np.zeros(SIZE, int), np.zeros(SIZE, int)
    expected[2:7, 4:11][mask] = 2
    objects[2:7, 4:11][mask] = 2
    expected[drawn(TRIANGLE)] = objects[drawn(TRIANGLE)] = 1
    sample, empty = dataset["all"]
    assert np.array_equal(sample.label, expected)
    assert np.array_equal(sample.instances, objects)
    assert not empty.label.any()
    assert "no-region" in {f.code for f in pw.check(dataset)}


@pytest.mark.parametrize(
    "bad",
    [
        '<polygon label="bolt" points="1,1;5,nan;3,4"/>',
        '<polygon label="bolt" points="1,1;5"/>',
        '<polygon label="bolt" points="1e300,1;5,5;3,4"/>',
        '<polygon label="bolt" points="1,1;5,5;3,4" z_order="x"/>',
        '<polygon label="rust" points="1,1;5,1;3,4"/>',
        '<mask label="nut" rle="3, -5, 7" left="0" top="0" width="3" height="3"/>',
        '<mask label="nut" rle="9" left="16" top="0" width="3" height="3"/>',
        '<mask label="nut" rle="8" left="0" top="0" width="3" height="3"/>',
        '<mask label="nut" rle="1" left="0" top="0" width="99999999" height="99999999"/>',
        '<ellipse label="nut" cx="1" cy="1" rx="-3" ry="2"/>',
    ],
)
def test_a_bad_region_of_cvat(bad: str, tmp_path: Path) -> None:
    cvat(tmp_path, '<polygon label="bolt" points="1,1;9,1;9,8"/>', bad)
    train = pw.open(tmp_path)["all"]
    assert train[0].label.any()
    with pytest.raises(pw.PixelwiseError, match=r"annotations.xml \(b.png, \w+ 1\)"):
        train[1]
    assert len(pw.check(tmp_path).errors) == 1


@pytest.mark.parametrize("text", ["<annotations>", "<!DOCTYPE x><annotations/>", "<annotations><track/></annotations>",
                                  "<annotations>" * 100_000])  # fmt: skip
def test_no_xml_of_cvat(text: str, tmp_path: Path) -> None:
    (tmp_path / "annotations.xml").write_text(text)
    with pytest.raises(pw.PixelwiseError, match=r"annotations\.xml"):
        pw.open(tmp_path, format="cvat")


def test_subsets_of_a_project_of_cvat_are_splits(tmp_path: Path) -> None:
    ellipse = '<ellipse label="nut" cx="8" cy="6" rx="4" ry="2" rotation="30"/>'
    image = f'<image id="0" name="a.png" subset="{{}}" width="17" height="12">{ellipse}</image>'
    text = "".join(image.format(s) for s in ("Validation", "Train"))
    (tmp_path / "annotations.xml").write_text(f"<annotations>{text}</annotations>")
    for k, split in enumerate(("Train", "Validation")):
        save(tmp_path / f"images/{split}/a.png", picture(k))
    dataset = pw.open(tmp_path)
    assert list(dataset.splits) == ["train", "val"]
    y, x = np.indices(SIZE) + 0.5
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    inside = (((x - 8) * c + (y - 6) * s) / 4) ** 2 + (((y - 6) * c - (x - 8) * s) / 2) ** 2 <= 1
    assert np.array_equal(dataset["train"][0].label, inside)
    assert not np.array_equal(dataset["train"][0].image, dataset["val"][0].image)


def test_an_image_without_a_name_is_left_out(tmp_path: Path) -> None:
    image = '<image id="{}" name="{}" width="17" height="12"><polygon label="nut" points="1,1;9,1;9,8"/></image>'
    text = "".join(image.format(k, name) for k, name in enumerate(("", "../a.png", "a.png", "a.png", "/")))
    (tmp_path / "annotations.xml").write_text(f"<annotations>{text}</annotations>")
    save(tmp_path / "images/a.png", picture())
    assert pw.open(tmp_path)["all"].names == ["a"]
    assert len(pw.check(tmp_path).errors) == 4


# -- Datumaro -----------------------------------------------------------------------------------------------------


def counts(mask: Any) -> list[int]:
    """COCO's run lengths: down the columns, outside first."""
    return [int(v) for v in box_runs(mask.T).split(",")]


def datumaro(root: Path, split: str, *annotations: Any) -> None:
    labels = {"labels": [{"name": n, "parent": "", "attributes": []} for n in ("bolt", "nut")]}
    colors = {"colormap": [{"label_id": k, "r": 9 + k, "g": 8, "b": 7} for k in range(2)]}
    items = []
    for k, name in enumerate("ab"):
        save(root / f"images/{split}/{name}.png", picture(k))
        media = {"path": f"{name}.png", "size": list(SIZE)}
        items.append({"id": name, "image": media, "annotations": list(annotations) if name == "a" else []})
    (root / "annotations").mkdir(exist_ok=True)
    data = {"info": {}, "categories": {"label": labels, "mask": colors}, "items": items}
    (root / f"annotations/{split}.json").write_text(json.dumps(data))


def test_datumaro_draws_by_z_order_and_groups_are_objects(tmp_path: Path) -> None:
    mask = blob(1, *SIZE)
    runs = {"counts": counts(mask), "size": list(SIZE)}
    polygon = {"id": 1, "type": "polygon", "label_id": 0, "points": TRIANGLE, "z_order": 1, "group": 5}
    under = {"id": 2, "type": "mask", "label_id": 1, "rle": runs, "z_order": 0, "group": 5}
    box = {"id": 3, "type": "bbox", "label_id": 1, "bbox": [1, 1, 4, 4]}
    for split in ("val", "train"):
        datumaro(tmp_path, split, polygon, under, box)
    dataset = pw.open(tmp_path)
    assert (dataset.format, list(dataset.splits)) == ("datumaro", ["train", "val"])
    assert dataset.classes.names == ("background", "bolt", "nut")
    assert dataset.classes.colors.tolist() == [[0, 0, 0], [9, 8, 7], [10, 8, 7]]
    expected = np.where(mask, 2, 0)
    expected[drawn(TRIANGLE)] = 1
    sample, empty = dataset["train"]
    assert np.array_equal(sample.label, expected)
    assert np.array_equal(sample.instances, expected > 0)
    assert not empty.label.any()


@pytest.mark.parametrize(
    "bad",
    [
        {"type": "polygon", "label_id": 7, "points": TRIANGLE},
        {"type": "polygon", "label_id": None, "points": TRIANGLE},
        {"type": "polygon", "label_id": 0, "points": "1,2,3"},
        {"type": "polygon", "label_id": 0, "points": [1, 2, 3, 4, 5, float("nan")]},
        {"type": "polygon", "label_id": 0, "points": [1, 2, 3, 4, 5, 10**400]},
        {"type": "polygon", "label_id": 0, "points": [1, 2, 3, 4, 5, 6], "z_order": [[]]},
        {"type": "mask", "label_id": 0, "rle": {"counts": "~~", "size": [12, 17]}},
        {"type": "mask", "label_id": 0, "rle": {"counts": [3], "size": [12, 1e300]}},
        {"type": "mask", "label_id": 0, "rle": [[[[]]]]},
        {"type": "ellipse", "label_id": 0, "points": [1, 1]},
        [],
    ],
)
def test_a_bad_annotation_of_datumaro(bad: Any, tmp_path: Path) -> None:
    datumaro(tmp_path, "train", bad)
    train = pw.open(tmp_path)["train"]
    with pytest.raises(pw.PixelwiseError, match=r"train.json \(a.png, annotations\[0\]\)"):
        train[0]
    assert len(pw.check(tmp_path).errors) == 1


# -- Label Studio -------------------------------------------------------------------------------------------------


def packed(alpha: Any) -> list[int]:
    """RGBA of a brush, packed bit by bit: runs of one value, and stretches of different ones."""
    flat = np.stack([alpha // 2, alpha // 3, alpha, alpha], axis=-1).reshape(-1).tolist()
    sizes = (3, 4, 8, 16)
    bits = f"{len(flat):032b}{7:05b}" + "".join(f"{s - 1:04b}" for s in sizes)
    i = 0
    while i < len(flat):
        run = 1
        while i + run < len(flat) and flat[i + run] == flat[i]:
            run += 1
        repeated = run > 3
        length = min(run, 1 << 16) if repeated else min(5, len(flat) - i)
        which = next(k for k, s in enumerate(sizes) if length <= 1 << s)
        bits += f"{int(repeated)}{which:02b}{length - 1:0{sizes[which]}b}"
        bits += "".join(f"{v:08b}" for v in ([flat[i]] if repeated else flat[i : i + length]))
        i += length
    bits += "0" * (-len(bits) % 8)
    return [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]


def result(label: str = "bolt", **value: Any) -> dict[str, Any]:
    kind = "brushlabels" if "rle" in value else "polygonlabels"
    return {"id": label, "type": kind, "from_name": "tag", "to_name": "image", "image_rotation": 0,
            "original_width": SIZE[1], "original_height": SIZE[0], "value": {**value, kind: [label]}}  # fmt: skip


def label_studio(root: Path, *results: Any) -> None:
    tasks = []
    for k, name in enumerate(("a", "b b")):
        save(root / f"images/{name}.png", picture(k))
        address = f"/data/upload/3/0a1b2c3d-{name.replace(' ', '%20')}.png"
        annotations = [{"id": 5, "was_cancelled": True, "result": []}, {"id": 6, "result": list(results) * (k == 0)}]
        tasks.append({"id": 40 + k, "annotations": annotations, "data": {"image": address}, "predictions": []})
    (root / "project-1.json").write_text(json.dumps(tasks))


def test_label_studio_brushes_and_polygons(tmp_path: Path) -> None:
    alpha = np.random.default_rng(3).choice([0, 0, 0, 255, 7], SIZE)
    alpha[3:9] = 255
    percent = np.reshape(TRIANGLE, (-1, 2)) / (SIZE[1], SIZE[0]) * 100
    box = {"id": "x", "type": "rectanglelabels", "value": {"x": 1, "y": 2, "width": 3, "height": 4}}
    label_studio(tmp_path, result("nut", rle=packed(alpha), format="rle"), result(points=percent.tolist()), box)
    dataset = pw.open(tmp_path)
    assert (dataset.format, dataset.classes.names) == ("label_studio", ("background", "bolt", "nut"))
    expected, objects = np.where(alpha > 0, 2, 0), np.where(alpha > 0, 1, 0)
    expected[drawn(TRIANGLE)], objects[drawn(TRIANGLE)] = 1, 2
    sample, other = dataset["all"]
    assert (sample.name, other.name) == ("a", "b b")
    assert np.array_equal(sample.label, expected)
    assert np.array_equal(sample.instances, objects)


def test_images_of_label_studio_by_their_folders(tmp_path: Path) -> None:
    label_studio(tmp_path, result(points=[[0, 0], [90, 0], [50, 50]]))
    for k, folder in enumerate(("left", "right")):
        save(tmp_path / f"images/{folder}/a.png", picture(7 + k))
    with pytest.raises(pw.PixelwiseError, match=r"a\.png\): its image may be"):
        pw.open(tmp_path)["all"][0]
    assert pw.open(tmp_path)["all"][1].name == "b b"
    assert np.array_equal(pw.open(tmp_path, images="images/right")["all"][0].image, picture(8))


@pytest.mark.parametrize("seed", range(20))
def test_brushes_that_are_cut_or_changed_end_in_an_error_or_a_mask(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    good = packed(rng.choice([0, 255], SIZE))
    cut = good[: int(rng.integers(0, len(good) - 1))]
    changed = list(good)
    changed[int(rng.integers(0, len(good)))] ^= 1 << int(rng.integers(0, 8))
    for data in (cut, changed):
        label_studio(tmp_path, result(rle=data, format="rle"))
        try:
            assert set(np.unique(pw.open(tmp_path)["all"][0].label)) <= {0, 1}
            assert data is changed
        except pw.PixelwiseError as error:
            assert error.code == "bad-rle"


@pytest.mark.parametrize(
    "bad",
    [
        result(rle=[0] * 20),
        result(rle="abc"),
        result(rle=[300, -1]),
        result(rle=[255] * 64),
        result(points=[[0, 0], [400, 0], [50, 50]]),
        result(points=[[0, 0], [1, "x"], [50, 50]]),
        result(points=[[0, 0, 0]]),
        {**result(points=[[0, 0], [90, 0], [50, 50]]), "image_rotation": 90},
        {**result(rle=packed(np.zeros(SIZE, int))), "original_width": 10**9},
        {"type": "polygonlabels", "value": {"points": [[0, 0], [90, 0], [50, 50]], "polygonlabels": ["a", "b"]}},
        {"type": "brush", "value": {"rle": packed(np.zeros(SIZE, int))}},
        7,
    ],
)
def test_a_bad_result_of_label_studio(bad: Any, tmp_path: Path) -> None:
    label_studio(tmp_path, bad)
    split = pw.open(tmp_path)["all"]
    with pytest.raises(pw.PixelwiseError, match=r"project-1.json \(.*a.png, result\[0\]\)"):
        split[0]
    assert len(pw.check(tmp_path).errors) == 1


# -- Supervisely --------------------------------------------------------------------------------------------------


def bitmap(mask: Any, x: int, y: int) -> dict[str, Any]:
    out = io.BytesIO()
    image = Image.fromarray(mask.astype(np.uint8))
    image.putpalette([0, 0, 0, 255, 255, 255])
    image.save(out, "PNG", transparency=0)
    data = base64.b64encode(zlib.compress(out.getvalue())).decode()
    return {"classTitle": "nut", "geometryType": "bitmap", "bitmap": {"data": data, "origin": [x, y]}}


def supervisely(root: Path, split: str, *objects: Any) -> None:
    classes = [
        {"title": "bolt", "shape": "any", "color": "#FF0000"},
        {"title": "nut", "shape": "bitmap", "color": "#0000FF"},
    ]
    (root / "meta.json").write_text(json.dumps({"classes": classes, "tags": []}))
    for k, name in enumerate("ab"):
        save(root / f"{split}/img/{name}.png", picture(k))
        ann = {"size": {"height": SIZE[0], "width": SIZE[1]}, "tags": [], "objects": list(objects) * (k == 0)}
        (root / f"{split}/ann").mkdir(parents=True, exist_ok=True)
        (root / f"{split}/ann/{name}.png.json").write_text(json.dumps(ann))


def test_supervisely_bitmaps_and_polygons_with_holes(tmp_path: Path) -> None:
    mask = blob(5, 6, 8)
    outer, inner = [[0, 0], [16, 0], [16, 11], [0, 11]], [[4, 3], [9, 3], [9, 8], [4, 8]]
    ring = {"classTitle": "bolt", "geometryType": "polygon", "points": {"exterior": outer, "interior": [inner]}}
    line = {"classTitle": "bolt", "geometryType": "line", "points": {"exterior": outer, "interior": []}}
    for split in ("test", "train"):
        supervisely(tmp_path, split, ring, bitmap(mask, 7, 2), line)
    dataset = pw.open(tmp_path)
    assert (dataset.format, list(dataset.splits)) == ("supervisely", ["train", "test"])
    assert dataset.classes.names == ("background", "bolt", "nut")
    expected = (drawn(outer) & ~drawn(inner)).astype(int)
    expected[2:8, 7:15][mask] = 2
    sample, empty = dataset["train"]
    assert np.array_equal(sample.label, expected)
    assert np.array_equal(sample.instances, expected)
    assert not empty.label.any()


@pytest.mark.parametrize(
    "bad",
    [
        {"classTitle": "rust", "geometryType": "polygon", "points": {"exterior": [[0, 0], [5, 0], [5, 5]]}},
        {"classTitle": "bolt", "geometryType": "polygon", "points": {"exterior": [[0, 0], [5, 0], [5, 1e99]]}},
        {"classTitle": "bolt", "geometryType": "polygon", "points": [[0, 0], [5, 0], [5, 5]]},
        {"classTitle": "bolt", "geometryType": "polygon", "points": {"exterior": [], "interior": 3}},
        {"classTitle": "bolt", "geometryType": "bitmap", "bitmap": {"data": "????", "origin": [0, 0]}},
        {"classTitle": "bolt", "geometryType": "bitmap", "bitmap": {"data": "eJw=", "origin": [0, 0]}},
        {"classTitle": "bolt", "geometryType": "bitmap", "bitmap": {"data": "", "origin": [0, "x"]}},
        {"classTitle": "bolt", "geometryType": "bitmap",
         "bitmap": {"data": base64.b64encode(zlib.compress(bytes(1 << 24))).decode(), "origin": [0, 0]}},
        {"geometryType": "bitmap"},
        None,
    ],
)  # fmt: skip
def test_a_bad_object_of_supervisely(bad: Any, tmp_path: Path) -> None:
    supervisely(tmp_path, "train", bad)
    split = pw.open(tmp_path)["train"]
    with pytest.raises(pw.PixelwiseError, match=r"a.png.json \(objects\[0\]\)"):
        split[0]
    assert len(pw.check(tmp_path).errors) == 1


def test_a_bitmap_that_reaches_beyond_the_image_is_cut_with_a_note(tmp_path: Path) -> None:
    mask = np.ones((6, 8), bool)
    supervisely(tmp_path, "train", bitmap(mask, -3, 9), bitmap(mask, 400, -90))
    (tmp_path / "train/ann/b.png.json").write_text("[" * 100_000)
    expected = np.zeros(SIZE, int)
    expected[9:, :5] = 2
    assert np.array_equal(pw.open(tmp_path)["train"][0].label, expected)
    found = pw.check(tmp_path)
    assert {"region-outside", "empty-region"} <= {f.code for f in found}
    assert [f.code for f in found.errors] == ["bad-json"]


# -- VIA ----------------------------------------------------------------------------------------------------------

VIA = [
    {"name": "polygon", "all_points_x": TRIANGLE[::2], "all_points_y": TRIANGLE[1::2]},
    {"name": "rect", "x": 1, "y": 2, "width": 4, "height": 3},
    {"name": "circle", "cx": 12, "cy": 6, "r": 3.5},
    {"name": "ellipse", "cx": 6, "cy": 8, "rx": 5, "ry": 2},
    {"name": "point", "cx": 1, "cy": 1},
]


def via_expected() -> Any:
    y, x = np.indices(SIZE) + 0.5
    out = np.where(drawn(TRIANGLE), 1, 0)
    out[2:5, 1:5] = 2
    out[(x - 12) ** 2 + (y - 6) ** 2 <= 3.5**2] = 1
    out[((x - 6) / 5) ** 2 + ((y - 8) / 2) ** 2 <= 1] = 2
    return out


def via(root: Path, shapes: Any = VIA, kind: str = "json") -> None:
    for k, name in enumerate("ab"):
        save(root / f"{name}.png", picture(k))
    regions = [
        {"shape_attributes": s, "region_attributes": {"kind": ("bolt", "nut")[n % 2]}} for n, s in enumerate(shapes)
    ]
    if kind == "csv":
        rows = ["filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"]
        for n, region in enumerate(regions):
            cells = [json.dumps(region[k]).replace('"', '""') for k in ("shape_attributes", "region_attributes")]
            rows.append(f'a.png,9,"{{}}",{len(regions)},{n},"{cells[0]}","{cells[1]}"')
        (root / "via_export_csv.csv").write_text("\n".join([*rows, 'b.png,9,"{}",0,0,"{}","{}"']))
        return
    images = {f"{n}.png9": {"filename": f"{n}.png", "size": 9, "regions": r, "file_attributes": {}}
              for n, r in (("a", regions), ("b", []))}  # fmt: skip
    if kind == "project":
        options = {"kind": {"type": "dropdown", "options": {"bolt": "", "nut": ""}}}
        images = {"_via_settings": {}, "_via_img_metadata": images, "_via_attributes": {"region": options, "file": {}}}
    (root / "via.json").write_text(json.dumps(images))


@pytest.mark.parametrize("kind", ["json", "csv", "project"])
def test_via_regions(kind: str, tmp_path: Path) -> None:
    via(tmp_path, kind=kind)
    dataset = pw.open(tmp_path)
    assert (dataset.format, dataset.classes.names) == ("via", ("background", "bolt", "nut"))
    sample, empty = dataset["all"]
    assert np.array_equal(sample.label, via_expected())
    assert not empty.label.any()


def test_a_bad_row_of_a_csv_of_via_is_a_fault_of_its_image(tmp_path: Path) -> None:
    via(tmp_path, kind="csv")
    path = tmp_path / "via_export_csv.csv"
    path.write_text(path.read_text().replace('b.png,9,"{}",0,0,"{}","{}"', 'b.png,9,"{}",1,0,"{""name"":","{}"'))
    split = pw.open(tmp_path)["all"]
    assert np.array_equal(split[0].label, via_expected())
    with pytest.raises(pw.PixelwiseError, match=r"csv \(b.png, regions\[0\]\)"):
        split[1]


def test_via_in_folders_of_splits_and_the_attribute_of_the_class(tmp_path: Path) -> None:
    for split in ("train", "val"):
        via(tmp_path / split)
    data = json.loads((tmp_path / "val/via.json").read_text())
    for region in data["a.png9"]["regions"]:
        region["region_attributes"]["size"] = {"small": True, "big": False}
    (tmp_path / "val/via.json").write_text(json.dumps(data))
    with pytest.raises(pw.PixelwiseError, match="several attributes: kind, size"):
        pw.open(tmp_path)
    dataset = pw.open(tmp_path, attribute="kind")
    assert list(dataset.splits) == ["train", "val"]
    assert np.array_equal(dataset["val"][0].label, via_expected())
    with pytest.raises(pw.UsageError, match="one of kind, size"):
        pw.open(tmp_path, attribute="color")


@pytest.mark.parametrize(
    "bad",
    [
        {"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2, 3]},
        {"name": "polygon", "all_points_x": [1, 2, None], "all_points_y": [1, 2, 3]},
        {"name": "circle", "cx": 1, "cy": 1},
        {"name": "circle", "cx": 1, "cy": 1, "r": 1e12},
        {"name": "ellipse", "cx": "x", "cy": 1, "rx": 1, "ry": 2},
        {"name": "rect", "x": 1, "y": 1, "width": float("inf"), "height": 2},
        [1],
    ],
)
def test_a_bad_region_of_via(bad: Any, tmp_path: Path) -> None:
    via(tmp_path, [bad])
    split = pw.open(tmp_path)["all"]
    with pytest.raises(pw.PixelwiseError, match=r"via.json \(a.png, regions\[0\]\)"):
        split[0]
    assert len(pw.check(tmp_path).errors) == 1


# -- Segment Anything ---------------------------------------------------------------------------------------------


def test_segment_anything_masks_are_objects_the_smaller_on_top(tmp_path: Path) -> None:
    small, large = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    small[3:6, 4:9] = large[1:9, 2:15] = True
    listed = [{"id": 10 + k, "area": 1, "segmentation": {"size": list(SIZE), "counts": counts(m)}}
              for k, m in enumerate((small, large))]  # fmt: skip
    for k, found in ((1, listed), (2, [{"segmentation": {"size": [3, 3], "counts": "xx"}}])):
        save(tmp_path / f"sa_{k}.jpg", picture(k))
        image = {"image_id": k, "width": SIZE[1], "height": SIZE[0], "file_name": f"sa_{k}.jpg"}
        (tmp_path / f"sa_{k}.json").write_text(json.dumps({"image": image, "annotations": found}))
    dataset = pw.open(tmp_path)
    assert (dataset.format, dataset.classes.names) == ("segment_anything", ("background", "object"))
    split = dataset["all"]
    assert np.array_equal(split[0].label, large)
    assert np.array_equal(split[0].instances, np.where(small, 1, np.where(large, 2, 0)))
    with pytest.raises(pw.PixelwiseError, match=r"sa_2.json \(annotations\[0\]\)"):
        split[1]
    assert len(pw.check(tmp_path).errors) == 1


def test_splits_pickle(tmp_path: Path) -> None:
    import pickle

    via(tmp_path)
    split = pw.open(tmp_path)["all"]
    assert np.array_equal(pickle.loads(pickle.dumps(split))[0].label, via_expected())


# -- LabelMe ------------------------------------------------------------------------------------------------------


def test_labelme_reads_the_image_in_the_json_if_it_is_not_a_file(tmp_path: Path) -> None:
    shape = {"label": "bolt", "points": [[2, 2], [9, 2], [9, 8]], "shape_type": "polygon"}
    out = io.BytesIO()
    Image.fromarray(picture(1)).save(out, "PNG")
    embedded = base64.b64encode(out.getvalue()).decode()
    for name, data in (("a", None), ("b", embedded), ("c", embedded[:100]), ("d", "?"), ("e", embedded)):
        content = {"version": "5.4.1", "flags": {}, "shapes": [shape], "imagePath": f"{name}.png", "imageData": data}
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    save(tmp_path / "a.png", picture(2))
    save(tmp_path / "e.png", picture(3))
    split = pw.open(tmp_path)["all"]
    assert split.names == ["a", "b", "c", "d", "e"]
    for k, seed in ((0, 2), (1, 1), (4, 3)):
        assert np.array_equal(split[k].image, picture(seed))
        assert split[k].label.sum() == split[0].label.sum() > 0
    for k in (2, 3):
        with pytest.raises(pw.PixelwiseError, match=r"[cd]\.json"):
            split[k]
    good = split.select(np.array([0, 1, 4]))
    assert good.sizes().tolist() == [list(SIZE)] * 3
    assert sorted(f.where for f in pw.check(tmp_path).errors) == ["c.json", "d.json"]
    for encoding in ("raw", "original"):
        packed = pw.pack(good, tmp_path.parent / f"{tmp_path.name}-{encoding}", encoding=encoding)
        assert np.array_equal(packed["all"][1].image, picture(1))
    written = pw.convert(good, tmp_path.parent / f"{tmp_path.name}-converted")
    assert np.array_equal(written["all"][1].image, picture(1))


# -- whose files they are -----------------------------------------------------------------------------------------

SHAPE = {"label": "a", "points": [[1, 1], [9, 1], [9, 8]]}
OTHERS = {
    "a.json": {"version": "5.0", "flags": {}, "shapes": [SHAPE], "imagePath": "a.png"},
    "_annotations.createml.json": [{"image": "a.png", "annotations": [{"label": "a", "coordinates": {"x": 1}}]}],
    "annotations/instances_train.json": {"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]},
    "annotations/train.json": {"info": {}, "categories": [{"id": 1, "name": "a"}], "items": []},
    "meta.json": {"classes": [{"title": "a", "color": "#ff0000"}]},
}


@pytest.mark.parametrize("path", OTHERS)
def test_files_of_other_tools_are_not_taken(path: str, tmp_path: Path) -> None:
    from pixelwise.formats.opening import known_formats

    save(tmp_path / "a.png", picture())
    (tmp_path / path).parent.mkdir(exist_ok=True)
    (tmp_path / path).write_text(json.dumps(OTHERS[path]))
    mine = ("cvat", "datumaro", "label_studio", "supervisely", "via", "segment_anything")
    assert [name for name in mine if known_formats()[name].find(tmp_path) is not None] == []
