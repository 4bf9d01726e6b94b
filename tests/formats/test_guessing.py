"""Trees of no known format, after what people have: opened at once, or described by `init` and opened then.

Every tree is written from ids, and every label that is read must say the same, by the names of the classes.
"""

from __future__ import annotations

import json
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin
from typer.testing import CliRunner

import pixelwise as pw
from pixelwise.cli import app
from pixelwise.errors import FormatError, LabelError
from pixelwise.formats.guessing.proposal import propose
from tests.support.making import picture, save, values

SIZE = (24, 33)
NAMES = ("0", "1", "2")


class Tree(NamedTuple):
    """What a tree holds: names of classes by id, and the ids of each sample by split and name (None: no label)."""

    names: list[str]
    samples: dict[str, dict[str, Any]]
    objects: bool = False
    ask: bool = False  # a person has to confirm something: `open` refuses


VALUES = ["value 0", "value 1", "value 2"]
PARTS = ["background", "bolt", "nut"]


def ids(seed: int, size: tuple[int, int] = SIZE) -> Any:
    """(H, W) of 0, 1, 2 in blocks that differ by seed, so that a wrong pairing is seen."""
    y, x = np.indices(size)
    return ((y // 5 * 7 + x // 4 + seed) % 3).astype(np.uint8)


def image(path: Path, seed: int, size: tuple[int, int] = SIZE) -> None:
    save(path, picture(zlib.crc32(f"{seed}/{'/'.join(path.parts[-4:])}".encode()), size))


def pairs(
    root: Path, of: str, label: str, names: Any = NAMES, stored: Any = None, palette: Any = None
) -> dict[str, Any]:
    """Images and labels by patterns with {}."""
    out = {}
    for i, name in enumerate(names):
        image(root / of.replace("{}", name), i)
        save(root / label.replace("{}", name), ids(i) if stored is None else stored[ids(i)], palette)
        out[name] = ids(i)
    return out


def layers(path: Callable[[str], Path], seed: int, names: Any = PARTS[1:], size: tuple[int, int] = SIZE) -> Any:
    """A mask of 0 and 255 per class."""
    for k, name in enumerate(names, 1):
        save(path(name), np.where(ids(seed, size) == k, 255, 0).astype(np.uint8))
    return ids(seed, size)


def png16(path: Path, pixels: Any) -> None:
    """(H, W, 3) uint16 as PNG, which Pillow cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


# -- one label per image ------------------------------------------------------------------------------------


def imgs_and_gts(root: Path) -> Tree:
    return Tree(VALUES, {"all": pairs(root, "imgs/{}.jpg", "gts/{}.png")})


def voc_folders_without_lists(root: Path) -> Tree:
    colors = [0, 0, 0, 128, 0, 0, 0, 128, 0]
    return Tree(VALUES, {"all": pairs(root, "JPEGImages/{}.jpg", "SegmentationClass/{}.png", palette=colors)})


def mask_beside_photo(root: Path) -> Tree:
    return Tree(VALUES, {"all": pairs(root, "{}.jpg", "{}_mask.png", ("a", "bee", "sea"))})


def label_beside_image_of_the_same_kind(root: Path) -> Tree:
    return Tree(VALUES, {"all": pairs(root, "data/{}.png", "data/{}_label.png", ("s1", "s2", "s10"))})


def two_tails_in_one_folder(root: Path) -> Tree:
    return Tree(VALUES, {"all": pairs(root, "{}_rgb.png", "{}_gt.png", ("s1", "s2", "s10"))})


def splits_above(root: Path) -> Tree:
    return Tree(VALUES, {s: pairs(root, f"{d}/img/{{}}.png", f"{d}/ann/{{}}.png", (s + "1", s + "2"))
                         for s, d in (("train", "training"), ("val", "validation"))})  # fmt: skip


def a_split_of_two_words(root: Path) -> Tree:
    return Tree(VALUES, {s: pairs(root, f"{d}/images/{{}}.jpg", f"{d}/masks/{{}}.bmp", (s + "1", s + "2"))
                         for s, d in (("trainval", "train_val"), ("test", "TEST"))})  # fmt: skip


def splits_below_and_a_test_without_labels(root: Path) -> Tree:
    out: dict[str, Any] = {
        s: pairs(root, f"Photos/{s}/{{}}.JPG", f"Annotations/{s}/{{}}.png") for s in ("train", "val")
    }
    image(root / "Photos/test/7.JPG", 7)
    return Tree(VALUES, {**out, "test": {"7": None}})


def masks_named_after_the_split(root: Path) -> Tree:
    out: dict[str, Any] = {"train": pairs(root, "train/{}.png", "train_masks/{}.png")}
    image(root / "test/0.png", 5)
    return Tree(VALUES, {**out, "test": {"0": None}})


def endings_of_all_spellings(root: Path) -> Tree:
    out = {}
    for i, (a, b) in enumerate((("JPG", "png"), ("jpg", "PNG"), ("JPEG", "png"), ("jpeg", "Png"))):
        (root / "pics").mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(i, SIZE)).save(root / f"pics/p{i}.{a}", "JPEG")
        (root / "labels").mkdir(exist_ok=True)
        Image.fromarray(ids(i)).save(root / f"labels/p{i}.{b}", "PNG")
        out[f"p{i}"] = ids(i)
    return Tree(VALUES, {"all": out})


def gif_masks(root: Path) -> Tree:
    stored = np.array([0, 90, 180], np.uint8)
    out = pairs(root, "images/{}_training.tif", "1st_manual/{}_manual1.gif", ("21", "22", "23"), stored)
    return Tree(["value 0", "value 90", "value 180"], {"all": out})


def prefixes(root: Path) -> Tree:
    return Tree(VALUES, {"all": pairs(root, "images/img_{}.png", "masks/mask_{}.png", ("001", "002", "010"))})


def cities(root: Path) -> Tree:
    names = ("ulm/ulm_0", "ulm/ulm_1", "bonn/bonn_0")
    return Tree(VALUES, {"train": pairs(root, "rgb/train/{}.png", "semantic/train/{}_sem.png", names)})


def a_folder_per_sample(root: Path) -> Tree:
    return Tree(VALUES, {"all": pairs(root, "{}/image.png", "{}/mask.png", ("x1", "x2", "x3"))})


def labelme_export(root: Path) -> Tree:
    names = ("x1_json", "x2_json", "x3_json")
    return Tree(VALUES, {"all": pairs(root, "{}/img.png", "{}/label.png", names)})


def semantic_beside_instance_depth_and_preview(root: Path) -> Tree:
    out = pairs(root, "training/image_2/{}.png", "training/semantic/{}.png", ("000_10", "001_10"))
    for i, name in enumerate(out):
        save(root / f"training/instance/{name}.png", (ids(i).astype(np.uint16) * 256 + i))
        save(root / f"training/depth/{name}.png", np.arange(SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE))
        save(root / f"training/semantic_rgb/{name}.png", np.array([(0, 0, 0), (9, 9, 9), (99, 0, 0)], np.uint8)[ids(i)])
    return Tree(VALUES, {"train": out}, objects=True)


def masks_of_0_and_255(root: Path) -> Tree:
    stored = np.array([0, 255, 0], np.uint8)
    out = pairs(root, "image/{}.jpg", "mask/{}.png", stored=stored)
    return Tree(["background", "foreground"], {"all": {n: (v == 1).astype(int) for n, v in out.items()}})


def colors(root: Path) -> Tree:
    stored = np.array([(0, 0, 0), (60, 16, 152), (226, 169, 41)], np.uint8)
    out = pairs(root, "images/{}.jpg", "masks/{}.png", stored=stored)
    return Tree(["color 0 0 0", "color 60 16 152", "color 226 169 41"], {"all": out})


def with_void(root: Path) -> Tree:
    out = pairs(root, "img/{}.jpg", "seg/{}.png", stored=np.array([0, 5, 255], np.uint8))
    return Tree(["value 0", "value 5", "void"], {"all": out})


def negative_numbers(root: Path) -> Tree:
    out = {}
    for i, name in enumerate(NAMES):
        image(root / f"tiles/{name}.jpg", i)
        save(root / f"masks/{name}.tif", np.where(ids(i) == 0, np.int32(-9999), ids(i).astype(np.int32)))
        out[name] = ids(i)
    return Tree(["void", "value 1", "value 2"], {"all": out})


def real_numbers_with_a_nodata_tag(root: Path) -> Tree:
    out = {}
    for i, name in enumerate(NAMES):
        image(root / f"images/{name}.jpg", i)
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[42113] = "77"
        (root / "labels").mkdir(exist_ok=True)
        stored = np.array([77, 1.5, 2], np.float32)[ids(i)]
        Image.fromarray(stored).save(root / f"labels/{name}.tif", tiffinfo=tags)
        out[name] = ids(i)
    return Tree(["void", "value 1.5", "value 2"], {"all": out})


def class_in_the_red_channel(root: Path) -> Tree:
    stored = np.array([(0, 0, 0), (7, 0, 0), (14, 0, 0)], np.uint8)
    return Tree(
        ["value 0", "value 7", "value 14"], {"all": pairs(root, "img/{}.png", "seg/{}.png", stored=stored)}
    )


def objects_in_the_other_channels(root: Path) -> Tree:
    out = {}
    for i, name in enumerate(NAMES):
        image(root / f"rgb/{name}.png", i)
        objects = (ids(i).astype(int) * 40 + 3 * i + 1) % 256
        save(root / f"semantic/{name}.png", np.dstack([ids(i), objects, objects // 2 + i]).astype(np.uint8))
        out[name] = ids(i)
    return Tree(VALUES, {"all": out}, objects=True, ask=True)


def sixteen_bits_per_channel(root: Path) -> Tree:
    out = {}
    for i, name in enumerate(NAMES):
        image(root / f"RGB/{name}.png", i)
        png16(
            root / f"GT/LABELS/{name}.png",
            np.dstack([ids(i), ids(i) * 0, ids(i).astype(int) * 300 + i]).astype(np.uint16),
        )
        out[name] = ids(i)
    return Tree(VALUES, {"all": out}, objects=True)


def labels_of_half_the_size(root: Path) -> Tree:
    out = {}
    for i, name in enumerate(NAMES):
        image(root / f"images/{name}.jpg", i, (2 * SIZE[0], 2 * SIZE[1]))
        save(root / f"labels/{name}.png", ids(i))
        out[name] = ids(i).repeat(2, axis=0).repeat(2, axis=1)
    return Tree(VALUES, {"all": out})


# -- several labels per image -------------------------------------------------------------------------------


def a_file_per_class(root: Path) -> Tree:
    out = {}
    for i, name in enumerate(("part0", "part1", "part_10")):
        image(root / f"photos/{name}.jpg", i)
        out[name] = layers(lambda c, n=name: root / f"masks/{n}_class_{c}.png", i)  # type: ignore[misc]
    return Tree(PARTS, {"all": out})


def a_folder_per_class(root: Path) -> Tree:
    out = {}
    for i, name in enumerate(NAMES):
        image(root / f"images/{name}.jpg", i)
        out[name] = layers(lambda c, n=name: root / f"masks/{c}/{n}.png", i)  # type: ignore[misc]
    return Tree(PARTS, {"all": out})


def lesions(root: Path) -> Tree:
    out: dict[str, Any] = {"train": {}, "test": {}}
    for split, folder in (("train", "a. Training Set"), ("test", "b. Testing Set")):
        for i in range(2):
            name = f"IDRiD_{i + 2 * (split == 'test'):02d}"
            image(root / f"1. Original Images/{folder}/{name}.jpg", i)
            of = {"Haemorrhages": "2. Haemorrhages/{}_HE.tif", "Microaneurysms": "1. Microaneurysms/{}_MA.tif"}
            for k, c in enumerate(of, 1):
                mask = np.dstack([np.where(ids(i) == k, 255, 0)] + [np.zeros(SIZE, int)] * 2).astype(np.uint8)
                save(root / f"2. All Segmentation Groundtruths/{folder}/{of[c].replace('{}', name)}", mask)
            out[split][name] = ids(i)
    return Tree(["background", "Haemorrhages", "Microaneurysms"], out)


def nuclei(root: Path) -> Tree:
    out: dict[str, Any] = {"train": {}, "test": {}}
    for i in range(3):
        name = f"00ae{i}f65c{i}9b"
        image(root / f"stage1_train/{name}/images/{name}.png", i)
        where = np.zeros(SIZE, np.uint8)
        for k in range(1 + 2 * i):
            mask = np.zeros(SIZE, np.uint8)
            mask[3 * k : 3 * k + 2, i : 9 + 2 * i] = 255
            save(root / f"stage1_train/{name}/masks/{zlib.crc32(bytes([i, k])):08x}ab{k}.png", mask)
            where |= mask // 255
        out["train"][name] = where
        image(root / f"stage1_test/t{name}/images/t{name}.png", i + 5)
        out["test"][f"t{name}"] = None
    return Tree(["background", "object"], out, objects=True)


def objects_numbered_in_a_folder_per_image(root: Path) -> Tree:
    out = {}
    for i, name in enumerate(("a", "b", "c")):
        image(root / f"images/{name}.png", i)
        where = np.zeros(SIZE, np.uint8)
        for k in range(2 + i):
            mask = np.zeros(SIZE, np.uint8)
            mask[4 * k : 4 * k + 3, 2 + i : 20] = 255
            save(root / f"masks/{name}/{k}.png", mask)
            where |= mask // 255
        out[name] = where
    return Tree(["background", "object"], {"all": out}, objects=True)


def faces(root: Path) -> Tree:
    out = {}
    for i in range(4):
        image(root / f"CelebA-HQ-img/{i}.jpg", i, (2 * SIZE[0], 2 * SIZE[1]))
        layers(lambda c, i=i: root / f"CelebAMask-HQ-mask-anno/{i // 2}/{i:05d}_{c}.png", i, ("hair", "l_eye"))  # type: ignore[misc]
        out[str(i)] = ids(i).repeat(2, axis=0).repeat(2, axis=1)
    return Tree(["background", "hair", "l_eye"], {"all": out})


def label_studio(root: Path) -> Tree:
    out = {}
    for i in range(3):
        image(root / f"images/3f2a9{i}bc-part{i}.jpg", i)
        layers(lambda c, i=i: root / f"export/task-{i}-annotation-{i + 4}-by-1-tag-{c}-0.png", i, ("bolt", "stop-nut"))  # type: ignore[misc]
        out[str(i)] = ids(i)
    return Tree(["background", "bolt", "stop-nut"], {"all": out})


def label_studio_of_other_numbers(root: Path) -> Tree:
    out = {}
    for i, name in enumerate(("anna", "bert", "carl")):
        image(root / f"images/{name}.jpg", i)
        layers(lambda c, i=i: root / f"export/task-{i + 98}-annotation-{i + 4}-by-1-tag-{c}-0.png", i)  # type: ignore[misc]
        out[name] = ids(i)
    return Tree(PARTS, {"all": out}, ask=True)


TREES = {
    f.__name__: f
    for f in (
        imgs_and_gts, voc_folders_without_lists, mask_beside_photo, label_beside_image_of_the_same_kind,
        two_tails_in_one_folder, splits_above, a_split_of_two_words, splits_below_and_a_test_without_labels,
        masks_named_after_the_split, endings_of_all_spellings, gif_masks, prefixes, cities, a_folder_per_sample,
        labelme_export, semantic_beside_instance_depth_and_preview, masks_of_0_and_255, colors, with_void,
        negative_numbers, real_numbers_with_a_nodata_tag, class_in_the_red_channel, objects_in_the_other_channels,
        sixteen_bits_per_channel, labels_of_half_the_size, a_file_per_class, a_folder_per_class, lesions, nuclei,
        objects_numbered_in_a_folder_per_image, faces, label_studio, label_studio_of_other_numbers,
    )
}  # fmt: skip


def check(dataset: pw.Dataset, tree: Tree) -> None:
    """Every label says what was written, in the words of the class table."""
    got = {s: {n.rpartition("/")[2]: n for n in dataset[s].names} for s in dataset.splits}
    assert {s: sorted(names) for s, names in got.items()} == {
        s: sorted(n.rpartition("/")[2] for n in names) for s, names in tree.samples.items()
    }
    for split, samples in tree.samples.items():
        wanted = {n.rpartition("/")[2]: label for n, label in samples.items()}
        for sample in dataset[split]:
            label = wanted[sample.name.rpartition("/")[2]]
            if label is None:
                assert sample.label is None
                continue
            assert sample.label is not None
            said = np.vectorize(dataset.classes.name)(sample.label)
            assert np.array_equal(said, np.array(tree.names)[label]), sample.name
            assert (sample.instances is not None) == tree.objects
            if sample.instances is not None:
                assert len(np.unique(sample.instances)) > 1


PLAIN = {name: make for name, make in TREES.items() if make is not label_studio}  # that is a format of its own


@pytest.mark.parametrize("make", PLAIN.values(), ids=PLAIN)
def test_it_opens_at_once_or_asks(make: Callable[[Path], Tree], tmp_path: Path) -> None:
    tree = make(tmp_path)
    if tree.ask:
        with pytest.raises(FormatError, match=r"to be confirmed.*pixelwise init"):
            pw.open(tmp_path)
        return
    dataset = pw.open(tmp_path)
    assert dataset.format == "folders"
    assert any(n.code == "guessed-layout" and n.what.startswith("chosen: ") for n in dataset.notes)
    check(dataset, tree)
    split = dataset[next(iter(dataset.splits))]
    assert pickle.loads(pickle.dumps(split.source))[0].label is None if not split.has_labels else True
    assert not [f for f in pw.check(dataset) if f.severity == "error"]


def test_of_many_labels_some_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelwise.formats.guessing.folders.MOST_LABELS", 4)
    for k in range(8):
        save(tmp_path / f"images/{k}.png", picture(k))
        save(tmp_path / f"masks/{k}.png", values([0, 1, 5] if k == 3 else [0, 1, 2], k))
    dataset = pw.open(tmp_path)
    said = "values counted in 4 of 8 labels; `pixelwise init` counts all"
    assert said in [n.what for n in dataset.notes]
    split = dataset["all"]
    assert split[4].label is not None
    with pytest.raises(LabelError, match="value 5 is not a class"):
        split[3]
    assert ["3.png" in f.where for f in pw.check(dataset).errors] == [True]
    whole = propose(tmp_path)
    assert "values = [5]" in whole.text
    assert not [line for line in whole.report if "values counted" in line]


@pytest.mark.parametrize("make", TREES.values(), ids=TREES)
def test_init_describes_it(make: Callable[[Path], Tree], tmp_path: Path) -> None:
    tree = make(tmp_path / "data")
    done = CliRunner().invoke(app, ["init", str(tmp_path / "data"), "-o", str(tmp_path / "mine.toml"), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["pairs"] == sum(label is not None for s in tree.samples.values() for label in s.values())
    assert bool(found["confirm"]) == tree.ask
    text = (tmp_path / "mine.toml").read_text()
    assert all(f"# {line}" in text for line in found["report"])
    (tmp_path / "mine.toml").write_text(text.replace("ratios =", "# ratios =").replace("seed =", "# seed ="))
    check(pw.open(tmp_path / "mine.toml"), tree)


# -- names of classes ---------------------------------------------------------------------------------------


def named_colors(root: Path) -> Tree:
    stored = np.array([(0, 0, 0), (128, 64, 128), (64, 64, 0)], np.uint8)
    (root / "class_dict.csv").write_text("name,r,g,b\nvoid,0,0,0\nroad,128,64,128\nrare,1,2,3\npole,64,64,0\n")
    return Tree(["void", "road", "pole"], {"all": pairs(root, "images/{}.png", "masks/{}.png", stored=stored)})


def named_values(root: Path) -> Tree:
    (root / "masks").mkdir()
    (root / "masks/classes.txt").write_text("background\nbolt\nnut\nwasher\n")
    return Tree(PARTS, {"all": pairs(root, "images/{}.png", "masks/{}.png")})


def named_palette(root: Path) -> Tree:
    (root / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nnut:0,128,0::\nbackground:0,0,0::\nbolt:128,0,0::\n"
    )
    palette = [0, 0, 0, 128, 0, 0, 0, 128, 0]
    return Tree(PARTS, {"all": pairs(root, "images/{}.png", "masks/{}.png", palette=palette)})


@pytest.mark.parametrize(("make", "names"), [(named_colors, ("void", "road", "rare", "pole")),
                                             (named_values, (*PARTS, "washer")),
                                             (named_palette, ("nut", "background", "bolt"))])  # fmt: skip
def test_names_beside_the_data_in_their_order(make: Any, names: Any, tmp_path: Path) -> None:
    tree = make(tmp_path)
    dataset = pw.open(tmp_path)
    assert dataset.classes.names == names
    check(dataset, tree)
    assert any("class names from" in n.what for n in dataset.notes)


def test_names_that_do_not_fit_are_not_taken(tmp_path: Path) -> None:
    pairs(tmp_path, "images/{}.png", "masks/{}.png")
    (tmp_path / "classes.txt").write_text("bolt\nnut\n")
    with pytest.raises(
        FormatError, match=r"classes.txt does not name 1 of the labels' values, such as 2.*pixelwise init"
    ):
        pw.open(tmp_path)


# -- what does not fit --------------------------------------------------------------------------------------


def test_two_sets_of_labels_are_shown_and_not_chosen_between(tmp_path: Path) -> None:
    pairs(tmp_path, "images/{}.png", "masks_a/{}.png")
    pairs(tmp_path, "images/{}.png", "masks_b/{}.png")
    with pytest.raises(FormatError) as caught:
        pw.open(tmp_path)
    error = caught.value
    assert error.code == "ambiguous-layout"
    assert "1. images/{name}.png with masks_a/{name}.png (3 pairs, such as images/0.png with masks_a/0.png)" in str(
        error
    )
    assert "2. images/{name}.png with masks_b/{name}.png (3 pairs" in str(error)
    assert "pixelwise init" in str(error)
    text = propose(tmp_path, "images/{name}.png", "masks_b/{name}.png").text
    assert 'path = "masks_b/{name}.png"' in text
    assert "# also fits: images/{name}.png with masks_a/{name}.png (3 pairs" in text


def test_two_observers_are_not_layers_of_one_label(tmp_path: Path) -> None:
    for i, name in enumerate(("eye_01", "eye_02")):
        image(tmp_path / f"eyes/{name}.jpg", i)
        for observer in ("1stHO", "2ndHO"):
            save(tmp_path / f"eyes/{name}_{observer}.png", np.where(ids(i) == 1, 255, 0).astype(np.uint8))
    with pytest.raises(FormatError, match=r"several readings fit.*1stHO.*2ndHO"):
        pw.open(tmp_path)


def test_masks_saved_as_jpeg_are_named_with_the_reason(tmp_path: Path) -> None:
    for i, name in enumerate(NAMES):
        image(tmp_path / f"images/{name}.jpg", i)
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(np.where(ids(i) == 1, 255, 0).astype(np.uint8)).save(tmp_path / f"masks/{name}.jpg", quality=75)
    what = r"images/\{name\}.jpg and masks/\{name\}.jpg have 3 names in common .* cannot be read: a mask saved as JPEG"
    with pytest.raises(FormatError, match=what) as caught:
        pw.open(tmp_path)
    assert caught.value.code == "no-dataset"
    pairs(tmp_path, "images/{}.jpg", "labels/{}.png")
    assert any("fits by name, cannot be read: images/{name}.jpg with masks/{name}.jpg (3 pairs" in line
               for line in propose(tmp_path).report)  # fmt: skip


def test_numbers_that_cannot_be_classes_are_named_with_the_reason(tmp_path: Path) -> None:
    for i, name in enumerate(NAMES):
        image(tmp_path / f"images/{name}.jpg", i)
        (tmp_path / "labels").mkdir(exist_ok=True)
        height = np.random.default_rng(i).random(SIZE, np.float32)
        Image.fromarray(height).save(tmp_path / f"labels/{name}.tif")
    with pytest.raises(FormatError, match=r"cannot be read: .* different real numbers of float32"):
        pw.open(tmp_path)


@pytest.mark.parametrize("files", [["a/x.jpg", "b/y.png"], ["a.jpg"], ["images/1.jpg", "masks/2.png"], ["masks/1.png"]])
def test_nothing_fits_and_what_is_there_is_said(files: list[str], tmp_path: Path) -> None:
    for i, path in enumerate(files):
        image(tmp_path / path, i)
    with pytest.raises(FormatError) as caught:
        pw.open(tmp_path)
    assert caught.value.code == "no-dataset"
    assert "pixelwise init" in str(caught.value)
    with pytest.raises(FormatError, match=r"no images and labels with matching names found; there is .*\(1\)"):
        propose(tmp_path)


def test_a_part_of_a_known_dataset_is_still_that(tmp_path: Path) -> None:
    out = pairs(tmp_path, "JPEGImages/{}.jpg", "SegmentationClass/{}.png")
    (tmp_path / "ImageSets/Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets/Segmentation/train.txt").write_text("\n".join(out))
    assert pw.open(tmp_path).format == "voc"
    for part in ("JPEGImages", "SegmentationClass"):
        with pytest.raises(FormatError, match="is a part of a voc dataset"):
            pw.open(tmp_path / part)


def test_patterns_that_match_nothing_or_nothing_in_common(tmp_path: Path) -> None:
    pairs(tmp_path, "a/{}.jpg", "b/x{}.png")
    for images, labels, message in (
        ("c/{name}.jpg", "b/{name}.png", r"no file matches 'c/\{name\}.jpg'; there is a/\*.jpg \(3\), b/\*.png \(3\)"),
        ("a/{name}.jpg", "b/{name}.png", "no name is the same, such as '0' and 'x0'"),
        ("a/*.jpg", "b/{name}.png", r"no \{name\} in 'a/\*.jpg'"),
    ):
        with pytest.raises(FormatError, match=message):
            propose(tmp_path, images, labels)
    for labels in ("b/x{name}.png", "b/x{number}.png"):
        assert propose(tmp_path, "a/{name}.jpg", labels).reading.pairs == 3


def test_a_field_that_comes_again(tmp_path: Path) -> None:
    pairs(tmp_path, "{}/images/{}.png", "{}/masks/{}_m.png", ("u", "v"))
    image(tmp_path / "u/images/v.png", 3)  # not the image of u
    arguments = ["init", str(tmp_path), "--images", "{name}/images/{name}.png", "--labels", "{name}/masks/{name}_m.png"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    (tmp_path / "pixelwise.toml").write_text((tmp_path / "pixelwise.toml").read_text().replace("ratios", "# ratios"))
    assert pw.open(tmp_path)["all"].names == ["u", "v"]


def test_a_dry_run_prints_and_writes_nothing(tmp_path: Path) -> None:
    pairs(tmp_path, "images/{}.png", "masks/{}.png")
    done = CliRunner().invoke(app, ["init", str(tmp_path), "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "chosen: images/{name}.png with masks/{name}.png (3 pairs" in done.output
    assert '[labels]\npath = "masks/{name}.png"' in done.output
    assert not (tmp_path / "pixelwise.toml").exists()


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    pairs(tmp_path, "images/{}.png", "masks/{}.png")
    for i, name in enumerate((*NAMES, "3")):
        image(tmp_path / f"depth/{name}.png", i)
        image(tmp_path / f"images/{name}.png", i)
    image(tmp_path / "logo/logo.png", 9)
    report = propose(tmp_path).report
    assert "1 images have no label" in report
    assert any(line.startswith("left out: logo/*.png (1 files, such as logo/logo.png)") for line in report)
    assert any("depth/*.png" in line or "depth/{name}.png" in line for line in report)


# -- layers -------------------------------------------------------------------------------------------------

LAYERS = """
[images]
path = "images/{name}.png"
[labels]
path = "masks/{name}_{class}.png"
rest = "background"
RULE
[[class]]
name = "background"
[[class]]
name = "bolt"
[[class]]
name = "nut"
layers = ["nut", "big nut"]
"""


def overlapping(root: Path, rule: str = "") -> Path:
    """x: bolt in columns 0..9, nut in 5..14, big nut in 20..24; y: nothing."""
    for name in ("x", "y"):
        image(root / f"images/{name}.png", 0 if name == "x" else 1)
    for layer, a, b in (("bolt", 0, 10), ("nut", 5, 15), ("big nut", 20, 25)):
        mask = np.zeros(SIZE, np.uint8)
        mask[:, a:b] = 255
        save(root / f"masks/x_{layer}.png", mask)
    (root / "pixelwise.toml").write_text(LAYERS.replace("RULE", rule))
    return root


@pytest.mark.parametrize(("rule", "middle"), [("", 2), ('overlap = "last"', 2), ('overlap = "first"', 1),
                                              ('overlap = "void"', 255)])  # fmt: skip
def test_the_rule_where_layers_overlap(rule: str, middle: int, tmp_path: Path) -> None:
    dataset = pw.open(overlapping(tmp_path, rule))
    row = np.zeros(SIZE[1], int)
    row[:5], row[5:10], row[10:15], row[20:25] = 1, middle, 2, 2
    notes: list[pw.Finding] = []
    sample = dataset["all"].read(0, notes=notes)
    assert sample.label is not None
    assert (sample.label == row).all()
    assert [n.code for n in notes] == ["layers-overlap"]
    assert f"{5 * SIZE[0]} pixels" in notes[0].what
    assert not dataset["all"][1].label.any()  # type: ignore[union-attr]
    assert [n.code for n in dataset["all"].notes] == ["no-layers"]
    assert {f.code for f in pw.check(dataset)} >= {"layers-overlap", "no-layers"}


def test_overlaps_may_be_refused(tmp_path: Path) -> None:
    dataset = pw.open(overlapping(tmp_path, 'overlap = "error"'))
    with pytest.raises(
        pw.PixelwiseError, match="120 pixels are in a layer of bolt and in one of nut, first at x=5, y=0"
    ):
        dataset["all"][0]


def test_layers_that_are_none(tmp_path: Path) -> None:
    overlapping(tmp_path)
    save(tmp_path / "masks/x_washer.png", np.zeros(SIZE, np.uint8))
    save(tmp_path / "masks/z_bolt.png", np.zeros(SIZE, np.uint8))
    notes = {n.what for n in pw.open(tmp_path)["all"].notes}
    assert "1 label files name none of the classes, such as ['masks/x_washer.png']" in notes
    assert "1 names of labels have no image, such as ['z']" in notes
    save(tmp_path / "masks/x_nut.png", values([0, 7, 9], size=SIZE))
    with pytest.raises(pw.PixelwiseError, match=r"x_nut.png: a layer with 3 different values"):
        pw.open(tmp_path)["all"][0]
    save(tmp_path / "masks/x_nut.png", np.zeros((5, 5), np.uint8))
    with pytest.raises(pw.PixelwiseError, match=r"x_nut.png: the label is 5 high and 5 wide, its image 24 high"):
        pw.open(tmp_path)["all"][0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('rest = "background"', 'rest = "sky"', "no class named 'sky'"),
        ("RULE", 'overlap = "top"', "overlap must be one of 'last', 'first', 'void', 'error'"),
        ("RULE", 'instances = "i/{name}.png"', r"the instances of labels in layers come from \{object\}"),
        ('"big nut"', '"bolt"', "the layer 'bolt' has two meanings"),
        ("_{class}", "_{object}", r"has no \{class\}, but 3 classes have layers"),
        ("_{class}", "", r"rest is for labels in layers; put \{class\} or \{object\} into"),
        ("RULE", 'channel = "X"', "a channel is written as R, G, B, A or a sum"),
        ("RULE", "scale = 0", "scale must be a whole number in 1..64"),
        ("RULE", 'pair = "any"', "pair is 'name' or 'order', got 'any'"),
    ],
)
def test_mistakes_in_a_description(old: str, new: str, message: str, tmp_path: Path) -> None:
    overlapping(tmp_path)
    (tmp_path / "pixelwise.toml").write_text(LAYERS.replace(old, new).replace("RULE", ""))
    with pytest.raises(FormatError, match=message) as caught:
        pw.open(tmp_path)
    assert caught.value.code == "bad-description"


def test_layers_convert_pack_and_count_like_one_label(tmp_path: Path) -> None:
    a_file_per_class(tmp_path / "data")
    dataset = pw.open(tmp_path / "data")
    made = pw.convert(dataset, tmp_path / "made")
    packed = pw.pack(dataset, tmp_path / "packed")
    for other in (made, packed):
        assert list(other["all"]) == list(dataset["all"])
    assert np.array_equal(pw.count_classes(made["all"]), pw.count_classes(dataset["all"]))


# -- numbers ------------------------------------------------------------------------------------------------


def test_sums_of_channels(tmp_path: Path) -> None:
    objects = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE)
    image(tmp_path / "i/x.png", 0)
    save(tmp_path / "l/x.png", np.dstack([objects % 256, objects // 256, ids(1) * 10 + 3]).astype(np.uint8))
    (tmp_path / "pixelwise.toml").write_text(
        '[images]\npath = "i/{name}.png"\n[labels]\npath = "l/{name}.png"\nchannel = "B // 10"\n'
        'instances = "l/{name}.png"\ninstance_channel = "R + 256*G"\n[[class]]\nname = "a"\n[[class]]\nname = "b"\n'
        '[[class]]\nname = "c"\n'
    )
    sample = pw.open(tmp_path)["all"][0]
    assert np.array_equal(sample.label, ids(1))  # type: ignore[arg-type]
    assert np.array_equal(sample.instances, objects)  # type: ignore[arg-type]
    save(tmp_path / "l/x.png", ids(1))
    with pytest.raises(pw.PixelwiseError, match="the file has 1 channel, the number is made from B // 10"):
        pw.open(tmp_path)["all"][0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64])
def test_numbers_are_exact_or_refused(dtype: Any, tmp_path: Path) -> None:
    among = np.array([3, -7, 70_000] if np.dtype(dtype).kind == "i" else [3, -0.25, np.nan]).astype(dtype)
    image(tmp_path / "i/x.png", 0)
    (tmp_path / "l").mkdir()
    np.save(tmp_path / "l/x.npy", among[ids(0)])
    listed = ", ".join(str(v) for v in among[1:].tolist())
    text = (f'[images]\npath = "i/{{name}}.png"\n[labels]\npath = "l/{{name}}.npy"\nkinds = ["npy"]\n[classes]\n'
            f'ignore_values = [{listed.split(", ")[1]}]\n[[class]]\nname = "a"\nvalues = [3]\n[[class]]\nname = "b"\n'
            f'values = [{listed.split(", ")[0]}]\n')  # fmt: skip
    (tmp_path / "pixelwise.toml").write_text(text)
    assert np.array_equal(pw.open(tmp_path)["all"][0].label, np.array([0, 1, 255])[ids(0)])  # type: ignore[arg-type]
    (tmp_path / "pixelwise.toml").write_text(text.replace("values = [3]", "values = [4]"))
    with pytest.raises(pw.PixelwiseError, match=r"value 3(.0)? is not a class"):
        pw.open(tmp_path)["all"][0]


def test_images_of_twelve_bits_get_their_range(tmp_path: Path) -> None:
    for i, name in enumerate(NAMES):
        gray = np.random.default_rng(i).integers(0, 3000, SIZE).astype(np.uint16)
        gray[0, 0] = 3000
        save(tmp_path / f"images/{name}.{'tif' if i == 1 else 'png'}", gray)
        save(tmp_path / f"labels/{name}.png", ids(i))
    dataset = pw.open(tmp_path)
    assert any("4095 is white" in n.what for n in dataset.notes)
    assert all(s.image.max() == round(3000 * 255 / 4095) for s in dataset["all"])


def test_more_than_four_bands_are_asked_for(tmp_path: Path) -> None:
    for i, name in enumerate(NAMES):
        save(tmp_path / f"images/{name}.tif", np.dstack([picture(i, SIZE), picture(i + 9, SIZE)[..., 0]]))
        save(tmp_path / f"labels/{name}.png", ids(i))
    dataset = pw.open(tmp_path)
    assert any("4 bands, 3 read; choose with bands" in n.what for n in dataset.notes)
    assert "bands-unread" in {f.code for f in pw.check(dataset)}
    text = propose(tmp_path).text.replace("# bands = [0, 1, 2]", "bands = [3, 1, 0]").replace("ratios", "# ratios")
    (tmp_path / "pixelwise.toml").write_text(text)
    chosen = pw.open(tmp_path)
    assert np.array_equal(chosen["all"][0].image, np.dstack([picture(9, SIZE)[..., 0], picture(0, SIZE)[..., 1::-1]]))
    assert "bands-unread" not in {f.code for f in pw.check(chosen)}


def test_the_proposal_is_drawn_and_numbers_in_lists_are_left_out(tmp_path: Path) -> None:
    pairs(tmp_path / "d", "images/{}.jpg", "annotations/{}.png", ("Abyssinian_1", "beagle_2", "pug_10"))
    for split, names in (("train", ("Abyssinian_1", "pug_10")), ("test", ("beagle_2",))):
        text = "".join(f"{n} {k + 1} 1 2\n" for k, n in enumerate(names))
        (tmp_path / f"d/annotations/{split}.txt").write_text(text)
    done = CliRunner().invoke(app, ["init", str(tmp_path / "d"), "--show", str(tmp_path / "p.png")])
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "p.png") as drawn:
        assert min(drawn.size) > 50
    dataset = pw.open(tmp_path / "d")
    assert {s: list(dataset[s].names) for s in dataset.splits} == {
        "train": ["Abyssinian_1", "pug_10"], "test": ["beagle_2"]}  # fmt: skip
    assert "columns-in-list" in [f.code for f in dataset["train"].notes]
