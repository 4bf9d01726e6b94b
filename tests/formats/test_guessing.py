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
from support.making import picture, save, values
from typer.testing import CliRunner

import pixelwise as pw
from pixelwise.cli import app
from pixelwise.errors import FormatError
from pixelwise.formats.guessing.proposal import propose

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


def pairs(root: Path, of: str, label: str, names: Any = NAMES, stored: Any = None, palette: Any = None) -> dict[str, Any]:
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


def splits_below_and_a_test_without_labels(root: Path) -> Tree:
    out: dict[str, Any] = {s: pairs(root, f"Photos/{s}/{{}}.JPG", f"Annotations/{s}/{{}}.png") for s in ("train", "val")}
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
    return Tree(["value 0", "value 7", "value 14"], {"all": pairs(root, "CameraRGB/{}.png", "CameraSeg/{}.png", stored=stored)})


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
        png16(root / f"GT/LABELS/{name}.png", np.dstack([ids(i), ids(i) * 0, ids(i).astype(int) * 300 + i]).astype(np.uint16))
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
        two_tails_in_one_folder, splits_above, splits_below_and_a_test_without_labels, masks_named_after_the_split,
        endings_of_all_spellings, gif_masks, prefixes, cities, a_folder_per_sample, labelme_export,
        semantic_beside_instance_depth_and_preview, masks_of_0_and_255, colors, with_void, negative_numbers,
        real_numbers_with_a_nodata_tag, class_in_the_red_channel, objects_in_the_other_channels,
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


@pytest.mark.parametrize("make", TREES.values(), ids=TREES)
def test_it_opens_at_once_or_asks(make: Callable[[Path], Tree], tmp_path: Path) -> None:
    tree = make(tmp_path)
    if tree.ask:
        with pytest.raises(FormatError, match="to be confirmed.*pixelwise init"):
            pw.open(tmp_path)
        return
    dataset = pw.open(tmp_path)
    assert dataset.format == "folders"
    assert any(n.code == "guessed-layout" and n.what.startswith("chosen: ") for n in dataset.notes)
    check(dataset, tree)
    split = dataset[next(iter(dataset.splits))]
    assert pickle.loads(pickle.dumps(split.source))[0].label is None if not split.has_labels else True
    assert not [f for f in pw.check(dataset) if f.severity == "error"]


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
