"""Trans10K, CARLA, Open Images, Label Studio's PNGs, Kvasir-SEG, Mapillary 1.1, ADE20K by its JSONs: labels equal what
was written, read without our code; and what is damaged is refused by name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.checks.checking import check
from pixelwise.errors import FileError, FormatError, LabelError, MissingError, PairError, UnknownNameError
from pixelwise.formats.class_tables import table
from tests.support.making import SIZE, colors, picture, save, values


def codes(found: Any) -> set[str]:
    return {f.code for f in found}


def read(path: Path) -> Any:
    with Image.open(path) as image:
        return np.array(image)


# -- Trans10K -----------------------------------------------------------------------------------------------------

RED_AND_WHITE = [(0, 0, 0), (255, 0, 0), (255, 255, 255)]


def trans10k(root: Path) -> None:
    for folder, name in (("train", "1"), ("validation/easy", "2"), ("validation/hard", "3"), ("test/easy", "4")):
        save(root / f"{folder}/images/{name}.jpg", picture(int(name)))
        save(root / f"{folder}/masks/{name}_mask.png", colors(RED_AND_WHITE, int(name))[0])


def test_trans10k_has_its_splits_in_two_layouts(tmp_path: Path) -> None:
    trans10k(tmp_path)
    dataset = pw.open(tmp_path)
    assert (dataset.format, dataset.classes.names) == ("trans10k", ("background", "things", "stuff"))
    assert {s: list(dataset[s].names) for s in dataset.splits} == {"train": ["1"], "val": ["2", "3"], "test": ["4"]}
    for split, folder in (("train", "train"), ("val", "validation/easy"), ("test", "test/easy")):
        sample = dataset[split][0]
        mean = read(tmp_path / f"{folder}/masks/{sample.name}_mask.png").mean(axis=2)  # as the official code has it
        assert np.array_equal(sample.label, np.select([mean == 85, mean == 255], [1, 2]))


def test_the_second_trans10k_has_twelve_values(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        save(tmp_path / f"{split}/images/7.jpg", picture())
        save(tmp_path / f"{split}/masks_12/7_mask.png", values(range(12)))
    dataset = pw.open(tmp_path)
    assert (dataset.format, list(dataset.splits)) == ("trans10k", ["train", "val", "test"])
    assert (dataset.classes.names[1], dataset.classes.names[11]) == ("shelf", "storage box")
    assert np.array_equal(dataset["val"][0].label, values(range(12)))
    with pytest.raises(UnknownNameError, match="labels= is one of 12"):
        pw.open(tmp_path, labels="3")


def test_trans10k_damaged(tmp_path: Path) -> None:
    trans10k(tmp_path)
    save(tmp_path / "validation/hard/masks/3_mask.png", colors([*RED_AND_WHITE, (254, 0, 0)], 3)[0])
    save(tmp_path / "train/images/8.jpg", picture(8))
    found = check(pw.open(tmp_path))
    assert {"unknown-color", "missing-file"} <= codes(found)
    assert any("3_mask.png" in f.where for f in found)


def test_two_plain_folders_of_splits_are_not_trans10k(tmp_path: Path) -> None:
    for split in ("train", "validation"):
        save(tmp_path / f"{split}/images/7.jpg", picture())
        save(tmp_path / f"{split}/masks/7_mask.png", values([0, 1]))
    assert pw.open(tmp_path).format == "folders"


# -- CARLA --------------------------------------------------------------------------------------------------------


def carla(root: Path, folders: tuple[str, str], tags: Any, version: str = "", names: Any = ("000100", "000101")) -> Any:
    """Images and labels as the simulator saves them: RGBA, tags in red, or the colors of a version."""
    out = []
    known = {0: (0, 0, 0)}
    if version:
        lines = [line for line in table_text(version) if not line.startswith("#")]
        known |= {int(v): tuple(map(int, c.split())) for v, c, _ in (line.split("\t") for line in lines)}
    for k, name in enumerate(names):
        stored = values(tags, k)
        stored.flat[: len(tags)] = tags
        rgb = np.array([known[t] for t in range(len(known))], np.uint8)[stored] if version else None
        pixels = rgb if rgb is not None else np.dstack([stored, stored * 0, stored * 0])
        save(root / folders[0] / f"{name}.png", picture(k))
        save(root / folders[1] / f"{name}.png", np.dstack([pixels, np.full(SIZE, 255, np.uint8)]))
        out.append(stored)
    return out


def table_text(version: str) -> list[str]:
    from importlib.resources import files

    return files("pixelwise.formats").joinpath("tables", f"carla_{version}.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize(("version", "count"), [("0.8", 13), ("0.9.10", 23), ("0.9.14", 29)])
def test_carla_tags_of_each_version(version: str, count: int, tmp_path: Path) -> None:
    stored = carla(tmp_path, ("rgb", "semantic_segmentation"), range(count))
    dataset = pw.open(tmp_path, labels=version)
    assert (dataset.format, len(dataset.classes)) == ("carla", count - 1)
    for sample, tags in zip(dataset["all"], stored, strict=True):
        assert np.array_equal(sample.label, np.where(tags == 0, 255, tags.astype(int) - 1))
    road = {"0.8": 7, "0.9.10": 7, "0.9.14": 1}[version]
    assert dataset.classes.index("road") == road - 1


def test_classes_are_called_by_their_tags_where_these_do_not_say_the_version(tmp_path: Path) -> None:
    stored = carla(tmp_path, ("rgb", "semantic_segmentation"), range(23))
    dataset = pw.open(tmp_path)
    warned = next(note for note in dataset.notes if note.code == "neutral-names")
    assert "tags of CARLA up to 22" in warned.what
    assert "labels=" in str(warned.fix)
    assert dataset.classes.names[21] == "tag 22"
    assert np.array_equal(dataset["all"][0].label, np.where(stored[0] == 0, 255, stored[0].astype(int) - 1))
    carla(tmp_path, ("rgb", "semantic_segmentation"), range(24))
    assert pw.open(tmp_path).classes.names[22] == "water"


def test_the_clients_of_carla_0_8_by_their_folders_with_a_note(tmp_path: Path) -> None:
    stored = carla(tmp_path / "episode_0000", ("CameraRGB", "CameraSemSeg"), range(13))
    carla(tmp_path / "episode_0001", ("CameraRGB", "CameraSemSeg"), range(13))
    dataset = pw.open(tmp_path)
    assert "assumed-names" in codes(dataset.notes)
    assert dataset["all"].names[0] == "0000/000100"
    assert np.array_equal(dataset["all"][1].label, np.where(stored[1] == 0, 255, stored[1].astype(int) - 1))


@pytest.mark.parametrize(("version", "count"), [("0.8", 13), ("0.9.10", 23), ("0.9.14", 29)])
def test_carla_colors_of_each_version(version: str, count: int, tmp_path: Path) -> None:
    stored = carla(tmp_path, ("CameraRGB", "CameraSeg"), range(count), version)
    dataset = pw.open(tmp_path)
    assert dataset.format == "carla"
    names = {int(v): n for v, _, n in (x.split("\t") for x in table_text(version) if not x.startswith("#"))}
    for sample, tags in zip(dataset["all"], stored, strict=True):
        read_names = np.array([*dataset.classes.names, *["(void) unlabeled"] * 300])[sample.label]
        wanted = np.vectorize(names.get)(tags)
        wanted[wanted == "vehicle"] = "car"
        assert np.array_equal(read_names, wanted)


def test_carla_damaged(tmp_path: Path) -> None:
    carla(tmp_path, ("rgb", "semantic_segmentation"), range(29), names=[f"{k:04}" for k in range(40)])
    pixels = read(tmp_path / "semantic_segmentation/0039.png")
    pixels[3, 4, 0] = 77
    save(tmp_path / "semantic_segmentation/0039.png", pixels)
    (tmp_path / "semantic_segmentation/0038.png").write_bytes(b"")
    dataset = pw.open(tmp_path, labels="0.9.14")
    with pytest.raises(LabelError, match=r"77"):
        dataset["all"]["0039"]
    with pytest.raises(FileError):
        dataset["all"]["0038"]


def test_a_red_channel_of_others_is_not_carla(tmp_path: Path) -> None:
    carla(tmp_path, ("rgb", "semantic"), [0, 1, 2])
    pixels = read(tmp_path / "semantic/000100.png")
    pixels[..., 1] = 3
    save(tmp_path / "semantic/000100.png", pixels)
    with pytest.raises(FormatError, match=r"to be confirmed: the labels are colors of classes, or a class in channel"):
        pw.open(tmp_path)


# -- Open Images --------------------------------------------------------------------------------------------------

HEADER = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks"
TABLE = "train-annotations-object-segmentation.csv"
CAR, CAT, OTHER = "/m/0k4j", "/m/01yrx", "/m/0zzz"


def rectangle(y0: int, y1: int, x0: int, x1: int, size: tuple[int, int] = SIZE) -> Any:
    mask = np.zeros(size, np.uint8)
    mask[y0:y1, x0:x1] = 255
    return mask


def open_images(root: Path, masks: str = "masks/{split}", images: str = "{split}", csv: str = "") -> dict[str, Any]:
    """Two images: a large car with a cat on it that comes first in the file, and a mask of another size."""
    rows, out = [], {}
    one = {"a": (CAT, rectangle(3, 6, 4, 9)), "b": (CAR, rectangle(1, 10, 2, 16))}
    two = {"c": (OTHER, np.kron(rectangle(2, 8, 1, 15), np.ones((2, 2), np.uint8)))}
    for name, objects in (("0001eeaf4aed83f9", one), ("f00cddfe521cf926", two)):
        label = np.zeros(SIZE, int)
        save(root / images.format(split="train") / f"{name}.jpg", picture(len(out)))
        for box, (mid, mask) in objects.items():
            file = f"{name}_{mid.replace('/', '')}_{box}.png"
            save(root / masks.format(split="train", c=name[0]) / file, mask)
            y, x = np.nonzero(mask)
            h, w = mask.shape
            edges = x.min() / w, (x.max() + 1) / w, y.min() / h, (y.max() + 1) / h
            rows.append(f"{file},{name},{mid},{box},{','.join(f'{e:.6f}' for e in edges)},0.9,")
        for mid, mask in sorted(objects.values(), key=lambda pair: -int((pair[1] > 0).sum())):
            step = mask.shape[0] // SIZE[0]
            label[mask[::step, ::step] > 0] = {CAT: 1, OTHER: 2, CAR: 3}[mid]
        out[name] = label
    path = root / (csv or TABLE)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    names = f"LabelName,DisplayName\n{CAR},Zebra car\n{CAT},Cat\n{OTHER},Thing\n/m/1,Unused\n"
    (path.parent / "oidv7-class-descriptions-boxable.csv").write_text(names)
    return out


@pytest.mark.parametrize(
    ("masks", "images", "csv"),
    [("masks/{split}", "{split}", ""), ("{split}-masks-{c}", "images/{split}", f"annotations/{TABLE}"),
     ("masks", "images", ""), ("{split}/masks", "{split}/images", f"train/{TABLE}")],
)  # fmt: skip
def test_open_images_masks_are_objects_the_smaller_on_top(masks: str, images: str, csv: str, tmp_path: Path) -> None:
    labels = open_images(tmp_path, masks, images, csv)
    if csv.startswith("train/"):
        (tmp_path / "train/oidv7-class-descriptions-boxable.csv").rename(tmp_path / "class-descriptions.csv")
    dataset = pw.open(tmp_path)
    assert (dataset.format, list(dataset.splits)) == ("open_images", ["train"])
    assert dataset.classes.names == ("background", "Cat", "Thing", "Zebra car")
    assert dataset["train"].names == list(labels)
    for sample in dataset["train"]:
        assert np.array_equal(sample.label, labels[sample.name])
        assert len(np.unique(sample.instances)) == len(np.unique(sample.label))


def test_open_images_as_fiftyone_keeps_them(tmp_path: Path) -> None:
    labels = open_images(tmp_path, "train/labels/masks/{c}", "train/data", "train/labels/segmentations.csv")
    (tmp_path / "train/labels/masks/f").rename(tmp_path / "train/labels/masks/F")
    (tmp_path / "train/metadata").mkdir()
    (tmp_path / "train/labels/oidv7-class-descriptions-boxable.csv").rename(tmp_path / "train/metadata/classes.csv")
    dataset = pw.open(tmp_path)
    for sample in dataset["train"]:
        assert np.array_equal(sample.label, labels[sample.name])


@pytest.mark.parametrize(("height", "width"), [(7, 11), (24, 34), (31, 43), (12, 17)])
def test_a_mask_of_another_size_is_taken_at_the_centers_of_pixels(height: int, width: int, tmp_path: Path) -> None:
    from pixelwise.formats.layers import _at_centers

    mask = values([0, 1], size=(height, width)).astype(bool)
    rows = [int((y + 0.5) * height / SIZE[0]) for y in range(SIZE[0])]
    columns = [int((x + 0.5) * width / SIZE[1]) for x in range(SIZE[1])]
    assert np.array_equal(_at_centers(mask, SIZE), [[mask[y, x] for x in columns] for y in rows])


def test_open_images_in_part_is_said(tmp_path: Path) -> None:
    open_images(tmp_path)
    save(tmp_path / "train/00aa.jpg", picture())
    (tmp_path / "train/f00cddfe521cf926.jpg").unlink()
    split = pw.open(tmp_path)["train"]
    assert split.names == ["0001eeaf4aed83f9"]
    assert {"unannotated-images", "unused-layers"} <= codes(split.notes)
    (tmp_path / "oidv7-class-descriptions-boxable.csv").unlink()
    dataset = pw.open(tmp_path)
    assert dataset.classes.names == ("background", "/m/01yrx", "/m/0k4j", "/m/0zzz")
    assert "neutral-names" in codes(dataset.notes)


def test_open_images_damaged(tmp_path: Path) -> None:
    open_images(tmp_path)
    table = tmp_path / TABLE
    whole = table.read_text()
    mask = next((tmp_path / "masks/train").glob("0001*_a.png"))
    save(mask, rectangle(0, 5, 0, 5, (12, 12)))
    with pytest.raises(PairError, match=r"size|12"):
        pw.open(tmp_path)["train"][0]
    mask.unlink()
    with pytest.raises(MissingError, match=r"_a\.png"):
        pw.open(tmp_path)["train"][0]
    table.write_text(whole + "x.png,0001eeaf4aed83f9\n")
    with pytest.raises(FormatError, match=r":5: 2 fields, expected 10"):
        pw.open(tmp_path)
    table.write_text(whole.replace("0001eeaf4aed83f9_m01yrx_a.png", "../secret.png"))
    with pytest.raises(FormatError, match="not the name of a mask"):
        pw.open(tmp_path)
    table.write_text(whole.replace("LabelName", "Name"))
    with pytest.raises(FormatError, match="no column LabelName"):
        pw.open(tmp_path)


# -- Label Studio's PNGs ------------------------------------------------------------------------------------------


def test_label_studio_brushes_as_png(tmp_path: Path) -> None:
    wanted = {}
    for task in (3, 12):
        save(tmp_path / f"images/photo_{task:03}.jpg", picture(task))
        label, numbers = np.zeros(SIZE, int), np.zeros(SIZE, int)
        marks = [("bolt", 0, rectangle(1, 5, 1, 9)), ("bolt", 1, rectangle(7, 9, 1, 5))]
        marks.append(("stop-nut", 0, rectangle(3, 8, 4, 12)))
        for n, (name, k, mask) in enumerate(marks, 1):
            save(tmp_path / f"task-{task}-annotation-{task + 1}-by-anna@x.org-tag-{name}-{k}.png", mask // 2)
            label[mask > 0], numbers[mask > 0] = (1 if name == "bolt" else 2), n
        wanted[f"photo_{task:03}"] = label, numbers
    dataset = pw.open(tmp_path)
    assert (dataset.format, dataset.classes.names) == ("label_studio_png", ("background", "bolt", "stop-nut"))
    for sample in dataset["all"]:
        assert np.array_equal(sample.label, wanted[sample.name][0])
        assert np.array_equal(sample.instances, wanted[sample.name][1])


def test_several_annotations_of_a_task_are_not_one_label(tmp_path: Path) -> None:
    for task in (1, 2):
        save(tmp_path / f"images/{task}.jpg", picture(task))
        save(tmp_path / f"export/task-{task}-annotation-5-by-1-tag-Car-0.png", rectangle(1, 5, 1, 9))
    save(tmp_path / "export/task-2-annotation-11-by-2-tag-Car-0.png", rectangle(6, 9, 1, 9))
    save(tmp_path / "images/9.jpg", picture(9))
    split = pw.open(tmp_path)["all"]
    assert codes(split.notes) == {"several-annotations", "unannotated-images"}
    assert np.array_equal(split["2"].label, rectangle(1, 5, 1, 9) > 0)


def test_tasks_that_are_not_the_numbers_of_images_are_to_be_confirmed(tmp_path: Path) -> None:
    for k, name in enumerate(("anna", "bert", "carl")):
        save(tmp_path / f"images/{name}.jpg", picture(k))
        save(tmp_path / f"export/task-{k + 98}-annotation-{k + 4}-by-1-tag-Car-0.png", rectangle(1, 5 + k, 1, 9))
    with pytest.raises(FormatError, match=r"to be confirmed.*in their order only"):
        pw.open(tmp_path)


def test_a_brush_of_another_size_is_refused(tmp_path: Path) -> None:
    for task in (1, 2):
        save(tmp_path / f"images/{task}.jpg", picture(task))
        save(tmp_path / f"task-{task}-annotation-5-by-1-tag-Car-0.png", rectangle(1, 5, 1, 9, (12, 16 + task)))
    found = check(pw.open(tmp_path))
    assert codes(f for f in found if f.severity == "error") == {"size-mismatch"}
    assert sum(f.code == "size-mismatch" for f in found) == 1


# -- polyps -------------------------------------------------------------------------------------------------------

POLYPS = ("cju0qkwl35piu0993l0dewei2", "cju0qoxqj9q6s0835b43399p4")


def test_kvasir_seg_has_masks_saved_as_jpeg(tmp_path: Path) -> None:
    for k, name in enumerate(POLYPS):
        save(tmp_path / f"images/{name}.jpg", picture(k, (60, 80)))
        save(tmp_path / f"masks/{name}.jpg", np.dstack([rectangle(8, 40, 16, 64 - 8 * k, (60, 80))] * 3))
    dataset = pw.open(tmp_path)
    assert (dataset.format, dataset.classes.names) == ("kvasir_seg", ("background", "polyp"))
    for sample in dataset["all"]:
        gray = read(tmp_path / f"masks/{sample.name}.jpg")[..., 0]
        assert np.array_equal(sample.label, gray > 127)
    save(tmp_path / f"masks/{POLYPS[0]}.jpg", picture(5, (60, 80)))
    assert "doubtful-pixels" in codes(check(dataset))
    (tmp_path / f"masks/{POLYPS[1]}.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(FileError):
        dataset["all"][1]


@pytest.mark.parametrize(
    ("images", "labels"),
    [("PNG/Original/{}.png", "PNG/Ground Truth/{}.png"), ("Original/{}.tif", "Ground Truth/{}.tif"),
     ("images/{}.png", "masks/{}.png"), ("TrainDataset/image/{}.png", "TrainDataset/mask/{}.png"),
     ("CVC-300/images/{}.png", "CVC-300/masks/{}.png")],
)  # fmt: skip
def test_sets_like_cvc_clinicdb_are_two_plain_folders(images: str, labels: str, tmp_path: Path) -> None:
    masks = {}
    for k, name in enumerate(("1", "2", "10")):
        save(tmp_path / images.format(name), picture(k, (60, 80)))
        masks[name] = rectangle(8, 40, 16 + k, 64, (60, 80))
        save(tmp_path / labels.format(name), masks[name])
    dataset = pw.open(tmp_path)
    assert (dataset.format, dataset.classes.names) == ("folders", ("background", "foreground"))
    samples = [s for split in dataset.splits for s in dataset[split]]
    assert len(samples) == 3
    for sample in samples:
        assert np.array_equal(sample.label, masks[sample.name] > 0)


# -- older forms --------------------------------------------------------------------------------------------------


def test_mapillary_1_1_without_its_config_by_its_palette(tmp_path: Path) -> None:
    known = table("mapillary_v1.2")
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(known)] = known.colors
    for split in ("training", "validation"):
        save(tmp_path / f"{split}/images/abc.jpg", picture())
        save(tmp_path / f"{split}/labels/abc.png", values(range(66)), palette)
        save(tmp_path / f"{split}/instances/abc.png", values(range(66)).astype(np.uint16) * 256)
    save(tmp_path / "testing/images/xyz.jpg", picture())
    dataset = pw.open(tmp_path)
    assert (dataset.format, list(dataset.splits)) == ("mapillary", ["train", "val", "test"])
    assert (dataset.classes.names[0], dataset.classes.names[64]) == ("Bird", "Ego Vehicle")
    stored = read(tmp_path / "training/labels/abc.png")
    assert np.array_equal(dataset["train"][0].label, np.where(stored == 65, 255, stored))
    save(tmp_path / "training/labels/abc.png", values(range(67)), palette)
    with pytest.raises(LabelError, match="66"):
        pw.open(tmp_path)["train"][0]


def test_folders_of_the_same_names_are_not_mapillary(tmp_path: Path) -> None:
    for split in ("training", "validation"):
        save(tmp_path / f"{split}/images/abc.jpg", picture())
        save(tmp_path / f"{split}/labels/abc.png", values([0, 1, 2]), [0, 0, 0, 9, 9, 9, 200, 100, 0])
    assert pw.open(tmp_path).format == "folders"


def ade20k(root: Path, name: str, objects: dict[int, str], seed: int = 0) -> Any:
    """An image of the full ADE20K without the index: the JSON has a number and a name for each object."""
    base = root / f"images/ADE/training/urban/street/{name}"
    stored = values([0, *objects], seed, dtype=np.int64)
    save(base.with_suffix(".jpg"), picture(seed))
    pixels = np.dstack([stored // 256 * 10, stored % 256, values(range(4), 1)]).astype(np.uint8)
    save(base.with_name(f"{name}_seg.png"), pixels)
    listed = [{"id": k, "name": n, "name_ndx": v, "parts": {}} for k, (v, n) in enumerate(objects.items())]
    base.with_suffix(".json").write_text(json.dumps({"annotation": {"filename": name, "object": listed}}))
    return stored


def test_the_full_ade20k_by_its_jsons(tmp_path: Path) -> None:
    first = ade20k(tmp_path, "ADE_train_00000001", {2978: "wall", 12: "airplane, aeroplane", 1395: "house"})
    second = ade20k(tmp_path, "ADE_train_00000002", {2978: "wall", 3: "sky"}, 1)
    dataset = pw.open(tmp_path)
    assert (dataset.format, len(dataset.classes)) == ("ade20k_full", 2978)
    names = {k: dataset.classes.names[k - 1] for k in (3, 12, 1395, 2978)}
    assert names == {3: "sky", 12: "airplane, aeroplane", 1395: "house", 2978: "wall"}
    assert dataset.classes.names[0] == "object 1"
    for sample, stored in zip(dataset["train"], (first, second), strict=True):
        assert np.array_equal(sample.label, np.where(stored == 0, 65_535, stored - 1))


def test_jsons_of_the_full_ade20k_damaged(tmp_path: Path) -> None:
    ade20k(tmp_path, "ADE_train_00000001", {7: "wall"})
    ade20k(tmp_path, "ADE_train_00000002", {7: "ceiling"})
    with pytest.raises(FormatError, match=r"object 7 is 'ceiling' here, and 'wall' in .*00000001\.json"):
        pw.open(tmp_path)
    broken = tmp_path / "images/ADE/training/urban/street/ADE_train_00000002.json"
    broken.write_text("{")
    with pytest.raises(FormatError, match="not a JSON of ADE20K"):
        pw.open(tmp_path)
    for path in broken.parent.glob("*.json"):
        path.unlink()
    with pytest.raises(FormatError, match=r"neither index_ade20k\.pkl nor the JSONs"):
        pw.open(tmp_path)
