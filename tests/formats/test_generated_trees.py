"""Layouts and codings that are not among the real trees, made small: labels equal what was written."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.classes import ClassTable
from pixelwise.errors import FormatError, LabelError, MissingError, UnknownNameError, UsageError
from pixelwise.formats.class_tables import table
from pixelwise.formats.opening import known_formats
from pixelwise.formats.opening import open as open_dataset
from tests.support.making import colors, picture, save, values


def through(stored: Any, mapping: dict[int, int]) -> Any:
    return np.vectorize(mapping.__getitem__)(stored)


def test_cityscapes_colors_coarse_labels_and_a_test_split(tmp_path: Path) -> None:
    train = table("cityscapes").colors.tolist()
    pixels, which = colors([*train, (0, 0, 0), (111, 74, 0), (0, 0, 90)])
    for split, city in (("train", "aachen"), ("train", "bochum"), ("test", "berlin"), ("train_extra", "augsburg")):
        save(tmp_path / f"leftImg8bit/{split}/{city}/{city}_000000_000019_leftImg8bit.png", picture(1))
    for city in ("aachen", "bochum"):
        base = tmp_path / f"gtFine/train/{city}/{city}_000000_000019_gtFine_"
        save(Path(f"{base}color.png"), np.dstack([pixels, np.full(which.shape, 255, np.uint8)]))
        save(Path(f"{base}labelIds.png"), values(range(34)))
    save(tmp_path / "gtCoarse/train_extra/augsburg/augsburg_000000_000019_gtCoarse_labelIds.png", values([0, 7, 26]))
    dataset = open_dataset(tmp_path, labels="color")
    assert list(dataset.splits) == ["train", "test", "train_extra"]
    assert dataset["train"].names == ["aachen/aachen_000000_000019", "bochum/bochum_000000_000019"]
    assert np.array_equal(dataset["train"][1].label, np.where(which < 19, which, 255))
    assert dataset["test"][0].label is None
    coarse = open_dataset(tmp_path, labels="coarse")["train_extra"][0]
    assert np.array_equal(coarse.label, through(values([0, 7, 26]), {0: 255, 7: 0, 26: 13}))
    with pytest.raises(MissingError, match="trainIds"):
        open_dataset(tmp_path, labels="trainIds")


def test_ade20k_with_its_splits(tmp_path: Path) -> None:
    stored = values(range(151))
    for split, name in (("training", "ADE_train_00000001"), ("validation", "ADE_val_00000001")):
        save(tmp_path / f"images/{split}/{name}.jpg", picture())
        save(tmp_path / f"annotations/{split}/{name}.png", stored)
    dataset = open_dataset(tmp_path)
    assert (dataset.format, list(dataset.splits)) == ("ade20k", ["train", "val"])
    assert np.array_equal(dataset["val"][0].label, (stored.astype(int) - 1) % 256)
    assert (dataset.classes.names[0], dataset.classes.names[149]) == ("wall", "flag")


class Code:
    """What a hostile pickle would hold."""

    def __reduce__(self) -> Any:
        return print, ("this must not run",)


def test_the_full_ade20k_by_its_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = values(range(701), dtype=np.int64)
    pixels = np.dstack([objects // 256 * 10, objects % 256, values(range(4), 1)]).astype(np.uint8)
    save(tmp_path / "images/ADE/training/urban/street/ADE_train_00016869.jpg", picture())
    save(tmp_path / "images/ADE/training/urban/street/ADE_train_00016869_seg.png", pixels)
    names = [f"thing {k}" for k in range(1, 700)] + ["thing 1"]
    (tmp_path / "index_ade20k.pkl").write_bytes(pickle.dumps({"objectnames": names, "more": np.arange(3)}))
    dataset = open_dataset(tmp_path)
    assert (dataset.format, len(dataset.classes), dataset.classes.names[699]) == ("ade20k_full", 700, "thing 1 (700)")
    sample = dataset["train"][0]
    assert sample.name == "urban/street/ADE_train_00016869"
    assert np.array_equal(sample.label, np.where(objects == 0, 65_535, objects - 1))
    assert np.array_equal(sample.instances, pixels[..., 2])
    (tmp_path / "index_ade20k.pkl").write_bytes(pickle.dumps({"objectnames": ["a"], "x": Code()}))
    with pytest.raises(FormatError, match=r"it holds builtins\.print"):
        open_dataset(tmp_path)
    assert capsys.readouterr().out == ""


def test_camvid_as_it_is_distributed(tmp_path: Path) -> None:
    known = table("camvid")
    pixels, which = colors([*known.colors.tolist(), (0, 0, 0)])
    save(tmp_path / "701_StillsRaw_full/0016E5_00390.png", picture())
    save(tmp_path / "LabeledApproved_full/0016E5_00390_L.png", pixels)
    sample = open_dataset(tmp_path)["all"][0]
    assert np.array_equal(sample.label, np.where(which < len(known), which, 255))
    assert len(known) == 31


def test_coco_stuff_and_its_missing_ids(tmp_path: Path) -> None:
    stored = values([0, 10, 12, 89, 91, 181, 255])
    save(tmp_path / "val2017/000000000139.jpg", picture())
    save(tmp_path / "stuffthingmaps/val2017/000000000139.png", stored)
    dataset = open_dataset(tmp_path)
    assert dataset.format == "coco_stuff"
    names = dataset.classes.names
    expected = ["person", "fire hydrant", "stop sign", "toothbrush", "banner", "wood"]
    ids = {v: names.index(n) for v, n in zip((0, 10, 12, 89, 91, 181), expected, strict=True)}
    assert len(names) == 171
    assert np.array_equal(dataset["val2017"][0].label, through(stored, {**ids, 255: 255}))


def test_pascal_context_59_and_60(tmp_path: Path) -> None:
    stored = values(range(60))
    save(tmp_path / "JPEGImages/2008_000002.jpg", picture())
    save(tmp_path / "SegmentationClassContext/2008_000002.png", stored, np.arange(768) % 251)
    (tmp_path / "ImageSets/SegmentationContext").mkdir(parents=True)
    (tmp_path / "ImageSets/SegmentationContext/train.txt").write_text("2008_000002\n")
    dataset = open_dataset(tmp_path)
    assert dataset.format == "pascal_context"
    assert np.array_equal(dataset["train"][0].label, (stored.astype(int) - 1) % 256)
    sixty = open_dataset(tmp_path, labels="60")
    assert np.array_equal(sixty["train"][0].label, stored)
    assert sixty.classes.names[:3] == ("background", "aeroplane", "bag")


def test_mapillary_by_its_own_config(tmp_path: Path) -> None:
    config = {
        "labels": [
            {"name": "a--bird", "readable": "Bird", "color": [1, 2, 3], "evaluate": True},
            {"name": "b--curb", "readable": "Curb", "color": [4, 5, 6], "evaluate": True},
            {"name": "void--unlabeled", "readable": "Unlabeled", "color": [0, 0, 0], "evaluate": False},
        ]
    }
    (tmp_path / "config_v2.0.json").write_text(json.dumps(config))
    stored = values(range(3))
    save(tmp_path / "training/images/abc.jpg", picture())
    save(tmp_path / "training/v2.0/labels/abc.png", stored, [1, 2, 3, 4, 5, 6, 0, 0, 0])
    save(tmp_path / "training/v2.0/instances/abc.png", stored.astype(np.uint16) * 256)
    dataset = open_dataset(tmp_path)
    assert dataset.classes.names == ("Bird", "Curb")
    assert dataset.classes.colors.tolist() == [[1, 2, 3], [4, 5, 6]]
    sample = dataset["train"][0]
    assert np.array_equal(sample.label, np.where(stored < 2, stored, 255))
    assert np.array_equal(sample.instances, stored.astype(np.uint16) * 256)
    (tmp_path / "config_v2.0.json").write_text("{}")
    with pytest.raises(FormatError, match="not a config of Mapillary"):
        open_dataset(tmp_path)


def test_loveda_with_cities_of_two_kinds(tmp_path: Path) -> None:
    stored = values(range(8))
    for split, place, name in (("Train", "Rural", "0"), ("Train", "Urban", "1366"), ("Val", "Rural", "2522")):
        save(tmp_path / f"{split}/{place}/images_png/{name}.png", picture())
        save(tmp_path / f"{split}/{place}/masks_png/{name}.png", stored)
    save(tmp_path / "Test/Urban/images_png/4191.png", picture())
    dataset = open_dataset(tmp_path)
    assert {s: list(dataset[s].names) for s in dataset.splits} == {
        "train": ["0", "1366"], "val": ["2522"], "test": ["4191"],
    }  # fmt: skip
    assert np.array_equal(dataset["train"][1].label, (stored.astype(int) - 1) % 256)
    assert dataset["test"][0].label is None


@pytest.mark.parametrize(
    ("images", "labels"),
    [("img_dir/train/{}.png", "ann_dir/train/{}.png"), ("img_dir/{}.png", "ann_dir/{}.png"),
     ("train_images/{}.jpg", "train_segmentations/{}.png")],
)  # fmt: skip
def test_whose_names_are_assumed_is_said_where_any_data_may_look_like_this(
    tmp_path: Path, images: str, labels: str
) -> None:
    for k in (1, 2):
        save(tmp_path / images.format(k), picture())
        save(tmp_path / labels.format(k), values([0, 1, 2]))
    assert "assumed-names" in [f.code for f in pw.check(tmp_path).notes]
    (tmp_path / "class_names.txt").write_text("ground\nmelon\nplum\n")
    dataset = open_dataset(tmp_path)
    assert dataset.classes.names == ("ground", "melon", "plum")
    assert "assumed-names" not in [f.code for f in pw.check(dataset)]


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_potsdam_as_tiff_of_colors(tmp_path: Path, compression: str | None) -> None:
    six = [(255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0), (0, 0, 0)]
    pixels, which = colors(six)
    for folder, ending, array in (("2_Ortho_RGB", "RGB", picture()), ("5_Labels_all", "label", pixels)):
        (tmp_path / folder).mkdir()
        Image.fromarray(array).save(tmp_path / folder / f"top_potsdam_2_10_{ending}.tif", compression=compression)
    sample = open_dataset(tmp_path)["all"][0]
    assert sample.name == "top_potsdam_2_10"
    assert np.array_equal(sample.image, picture())
    assert np.array_equal(sample.label, np.where(which < 6, which, 255))


def test_isaid_colors(tmp_path: Path) -> None:
    known = table("isaid").colors.tolist()
    pixels, which = colors(known)
    save(tmp_path / "train/images/P0000.png", picture())
    save(tmp_path / "train/Semantic_masks/P0000_instance_color_RGB.png", pixels)
    assert np.array_equal(open_dataset(tmp_path)["train"][0].label, which)


def test_bdd100k_colors_where_chosen(tmp_path: Path) -> None:
    pixels, which = colors(table("cityscapes").colors.tolist())
    save(tmp_path / "images/10k/train/a.jpg", picture())
    save(tmp_path / "labels/sem_seg/masks/train/a.png", which.astype(np.uint8))
    save(tmp_path / "labels/sem_seg/colormaps/train/a.png", pixels)
    assert np.array_equal(open_dataset(tmp_path)["train"][0].label, which)
    assert np.array_equal(open_dataset(tmp_path, labels="colormaps")["train"][0].label, which)


def test_nyuv2_forty_classes_in_sixteen_bits(tmp_path: Path) -> None:
    stored = values(range(41), dtype=np.uint16)
    save(tmp_path / "images/kitchen_0001a_00007.jpg", picture())
    save(tmp_path / "annotations/kitchen_0001a_00007.png", stored)
    dataset = open_dataset(tmp_path)
    assert np.array_equal(dataset["all"][0].label, (stored.astype(int) - 1) % 256)
    assert (dataset.classes.names[0], dataset.classes.names[39]) == ("wall", "otherprop")


def test_davis_2017_objects_are_instances(tmp_path: Path) -> None:
    stored = values([0, 1, 2, 255])
    save(tmp_path / "JPEGImages/480p/bear/00000.jpg", picture())
    save(tmp_path / "Annotations/480p/bear/00000.png", stored, [0, 0, 0, 128, 0, 0, 0, 128, 0])
    (tmp_path / "ImageSets/2017").mkdir(parents=True)
    sample = open_dataset(tmp_path)["all"][0]
    assert sample.name == "bear/00000"
    assert np.array_equal(sample.label, through(stored, {0: 0, 1: 1, 2: 1, 255: 255}))
    assert np.array_equal(sample.instances, stored)


def test_roboflow_masks_and_their_csv(tmp_path: Path) -> None:
    stored = values([0, 1, 3])
    for split in ("train", "valid"):
        save(tmp_path / split / "a_jpg.rf.0a1b.jpg", picture())
        save(tmp_path / split / "a_jpg.rf.0a1b_mask.png", stored)
        (tmp_path / split / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, crack\n3, spall\n")
    dataset = open_dataset(tmp_path)
    assert (dataset.format, list(dataset.splits)) == ("roboflow", ["train", "val"])
    assert dataset.classes.names == ("background", "crack", "spall")
    assert np.array_equal(dataset["val"][0].label, through(stored, {0: 0, 1: 1, 3: 2}))
    (tmp_path / "valid/_classes.csv").write_text("Pixel Value, Class\n0, other\n1, crack\n3, spall\n")
    with pytest.raises(FormatError, match="its classes are not those of"):
        open_dataset(tmp_path)


def test_kitti_semantics_and_road(tmp_path: Path) -> None:
    stored = values(range(34))
    semantics, road = tmp_path / "semantics", tmp_path / "road"
    for split in ("training", "testing"):
        save(semantics / f"{split}/image_2/000000_10.png", picture())
    save(semantics / "training/semantic/000000_10.png", stored)
    save(semantics / "training/instance/000000_10.png", stored.astype(np.uint16) * 256 + 1)
    dataset = open_dataset(semantics)
    assert (dataset.format, list(dataset.splits)) == ("kitti", ["train", "test"])
    city = np.full(34, 255)
    city[[7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]] = range(19)
    sample = dataset["train"][0]
    assert np.array_equal(sample.label, city[stored])
    assert np.array_equal(sample.instances, stored.astype(int) * 256 + 1)
    assert dataset["test"][0].label is None
    pixels, which = colors([(255, 0, 0), (255, 0, 255), (0, 0, 0)])
    for kind in ("um", "uu"):
        save(road / f"training/image_2/{kind}_000000.png", picture())
        save(road / f"training/gt_image_2/{kind}_road_000000.png", pixels)
    save(road / "training/gt_image_2/um_lane_000000.png", pixels[::-1])
    dataset = open_dataset(road)
    assert (dataset.format, dataset["train"].names) == ("kitti_road", ["um/000000", "uu/000000"])
    assert np.array_equal(dataset["train"][0].label, np.where(which < 2, which, 255))
    save(road / "training/gt_image_2/uu_road_000000.png", np.full_like(pixels, 7))
    with pytest.raises(LabelError, match="7"):
        open_dataset(road)["train"][1]


def test_synthia_has_classes_and_objects_in_channels_of_sixteen_bits(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    classes, objects = values(range(23), dtype=np.uint16), values(range(900), 1, dtype=np.uint16)
    save(tmp_path / "RGB/0000000.png", picture())
    (tmp_path / "GT/LABELS").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "GT/LABELS/0000000.png"), np.dstack([objects * 0, objects, classes]))  # BGR
    dataset = open_dataset(tmp_path)
    assert (dataset.format, dataset.classes.names[2], dataset.classes.names[21]) == ("synthia", "road", "lane marking")
    sample = dataset["all"][0]
    assert np.array_equal(sample.label, np.where(classes == 0, 255, classes - 1))
    assert np.array_equal(sample.instances, objects)


@pytest.mark.parametrize("folders", [("uavid_train", "uavid_val"), ("train", "valid")])
def test_uavid_colors(folders: tuple[str, str], tmp_path: Path) -> None:
    eight = [(0, 0, 0), (128, 0, 0), (128, 64, 128), (192, 0, 192), (0, 128, 0), (128, 128, 0), (64, 64, 0)]
    eight.append((64, 0, 128))
    pixels, which = colors(eight)
    for folder in folders:
        for sequence in ("seq1", "seq2"):
            save(tmp_path / f"{folder}/{sequence}/Images/000000.png", picture())
            save(tmp_path / f"{folder}/{sequence}/Labels/000000.png", pixels)
    dataset = open_dataset(tmp_path)
    assert (dataset.format, list(dataset.splits)) == ("uavid", ["train", "val"])
    assert dataset["val"].names == ["seq1/000000", "seq2/000000"]
    assert np.array_equal(dataset["val"][1].label, which)


def test_deepglobe_land_cover_and_roads(tmp_path: Path) -> None:
    land = [(0, 255, 255), (255, 255, 0), (255, 0, 255), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)]
    for place, among in (("land", land), ("roads", [(0, 0, 0), (255, 255, 255)])):
        pixels, which = colors(among)
        save(tmp_path / f"{place}/train/119_sat.jpg", picture())
        save(tmp_path / f"{place}/train/119_mask.png", pixels)
        save(tmp_path / f"{place}/valid/7_sat.jpg", picture())
        dataset = open_dataset(tmp_path / place)
        assert dataset.format == "deepglobe"
        assert np.array_equal(dataset["train"][0].label, np.where(which == 6, 255, which))
        assert dataset["val"][0].label is None
    assert dataset.classes.names == ("background", "road")


def test_oxford_pet_lists_have_more_columns(tmp_path: Path) -> None:
    stored = values([1, 2, 3])
    for name in ("Abyssinian_100", "yorkshire_terrier_9"):
        save(tmp_path / f"images/{name}.jpg", picture())
        save(tmp_path / f"annotations/trimaps/{name}.png", stored)
    (tmp_path / "annotations/list.txt").write_text("#Image CLASS-ID SPECIES BREED ID\nAbyssinian_100 1 1 1\n")
    (tmp_path / "annotations/trainval.txt").write_text("Abyssinian_100 1 1 1\n")
    (tmp_path / "annotations/test.txt").write_text("yorkshire_terrier_9 37 2 25\n")
    dataset = open_dataset(tmp_path)
    assert (dataset.format, list(dataset.splits)) == ("oxford_pet", ["trainval", "test"])
    assert dataset["test"].names == ["yorkshire_terrier_9"]
    assert np.array_equal(dataset["test"][0].label, through(stored, {1: 1, 2: 0, 3: 255}))
    assert np.array_equal(open_dataset(tmp_path, labels="3")["test"][0].label, through(stored, {1: 1, 2: 0, 3: 2}))


def test_carvana_and_drive_have_gifs(tmp_path: Path) -> None:
    stored = values([0, 1])
    car, eye = tmp_path / "car", tmp_path / "eye"
    for split in ("train", "test"):
        save(car / f"{split}/0cdf5b5d0ce1_01.jpg", picture())
    save(car / "train_masks/0cdf5b5d0ce1_01_mask.gif", stored, [0, 0, 0, 255, 255, 255])
    dataset = open_dataset(car)
    assert (dataset.format, dataset["train"].names) == ("carvana", ["0cdf5b5d0ce1_01"])
    assert np.array_equal(dataset["train"][0].label, stored)
    assert dataset["test"][0].label is None
    for split, name in (("training", "21_training"), ("test", "01_test")):
        save(eye / f"{split}/images/{name}.tif", picture())
        save(eye / f"{split}/mask/{name}_mask.gif", stored * 0)
        save(eye / f"{split}/1st_manual/{name[:2]}_manual1.gif", stored * 255)
    save(eye / "test/2nd_manual/01_manual2.gif", 255 - stored * 255)
    dataset = open_dataset(eye)
    assert (dataset.format, dataset["train"].names, dataset["test"].names) == ("drive", ["21"], ["01"])
    assert np.array_equal(dataset["train"][0].label, stored)
    assert np.array_equal(open_dataset(eye, labels="second")["test"][0].label, 1 - stored)


def test_foodseg103_values(tmp_path: Path) -> None:
    stored = values(range(104))
    save(tmp_path / "Images/img_dir/train/00000048.jpg", picture())
    save(tmp_path / "Images/ann_dir/train/00000048.png", stored)
    dataset = open_dataset(tmp_path)
    assert (dataset.format, dataset.classes.names[103]) == ("foodseg103", "other ingredients")
    assert np.array_equal(dataset["train"][0].label, stored)


def test_another_class_table_for_any_layout(tmp_path: Path) -> None:
    save(tmp_path / "train_images/1.jpg", picture())
    save(tmp_path / "train_segmentations/1.png", values([0, 13]))
    assert open_dataset(tmp_path).format == "lip"
    own = ClassTable(("rest", "face"), values={0: 0, 13: 1})
    sample = open_dataset(tmp_path, classes=own)["train"][0]
    assert np.array_equal(sample.label, values([0, 13]) == 13)


def test_hidden_files_and_other_names_do_not_count(tmp_path: Path) -> None:
    save(tmp_path / "train_images/1.jpg", picture())
    save(tmp_path / "train_segmentations/1.png", values([0, 1]))
    (tmp_path / "train_images/._1.jpg").write_bytes(b"macOS")
    (tmp_path / "train_images/notes.txt").write_text("x")
    assert open_dataset(tmp_path)["train"].names == ["1"]


def test_links_in_circles_end(tmp_path: Path) -> None:
    save(tmp_path / "leftImg8bit/train/aachen/a_leftImg8bit.png", picture())
    save(tmp_path / "gtFine/train/aachen/a_gtFine_labelIds.png", values([7]))
    (tmp_path / "leftImg8bit/train/aachen/again").symlink_to("..")
    (tmp_path / "leftImg8bit/train/bochum").symlink_to("aachen")
    assert open_dataset(tmp_path)["train"].names == ["aachen/a", "bochum/a"]


def test_two_formats_that_fit_are_an_error_that_lists_them(tmp_path: Path) -> None:
    save(tmp_path / "train_images/1.jpg", picture())
    save(tmp_path / "train_segmentations/1.png", values([0, 1]))
    save(tmp_path / "Image_01L.jpg", picture())
    save(tmp_path / "Image_01L_1stHO.png", values([0, 1]))
    with pytest.raises(FormatError, match=r"looks like lip and like chase_db1.*choose with format='lip'") as caught:
        open_dataset(tmp_path)
    assert caught.value.code == "ambiguous-format"
    assert open_dataset(tmp_path, format="chase_db1")["all"].names == ["Image_01L"]


def test_a_folder_above_the_dataset_is_enough_but_not_above_two(tmp_path: Path) -> None:
    save(tmp_path / "lip/train_images/1.jpg", picture())
    save(tmp_path / "lip/train_segmentations/1.png", values([0, 1]))
    (tmp_path / "other").mkdir()
    assert open_dataset(tmp_path).root == tmp_path / "lip"
    save(tmp_path / "more/train_images/1.jpg", picture())
    save(tmp_path / "more/train_segmentations/1.png", values([0, 1]))
    with pytest.raises(FormatError, match="holds several lip datasets: lip/, more/"):
        open_dataset(tmp_path)


def test_options_and_formats_that_do_not_exist(tmp_path: Path) -> None:
    save(tmp_path / "train_images/1.jpg", picture())
    save(tmp_path / "train_segmentations/1.png", values([0, 1]))
    with pytest.raises(UsageError, match="no such option"):
        open_dataset(tmp_path, crowd="void")
    with pytest.raises(UnknownNameError, match="the formats are"):
        open_dataset(tmp_path, format="lop")


@pytest.mark.parametrize("name", known_formats())
def test_an_empty_folder_is_told_what_each_format_needs(tmp_path: Path, name: str) -> None:
    with pytest.raises(FormatError, match="an empty folder") as caught:
        open_dataset(tmp_path, format=name)
    assert known_formats()[name].looks_like in caught.value.message
