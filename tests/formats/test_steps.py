"""Trees of public repositories that no format, case or other test names, imitated with paint: the steps they take.

One step: `open` reads them right. Two: `init` without flags writes a description that does, and `open`. Three: the tree
says too little, so the error of `open` shows the right pairing among its candidates; `init` with it, and `open`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import pixelwise as pw
from pixelwise.cli import app
from pixelwise.errors import FormatError

SIZE = (40, 48)


class Written(NamedTuple):
    """A tree: the pixels and ids of each image, and how many steps it takes. images, labels: the pairing to choose."""

    ids: list[tuple[Any, Any]]
    steps: int
    images: str = ""
    labels: str = ""


def photo(seed: int) -> Any:
    rng = np.random.default_rng(seed)
    slopes = np.add.outer(np.arange(SIZE[0]), np.arange(SIZE[1]))[..., None]
    return (slopes + rng.integers(0, 120, (*SIZE, 3))).astype(np.uint8)


def ids(seed: int, classes: int) -> Any:
    label = np.zeros(SIZE, np.uint8)
    for k in range(1, classes):
        label[4 + 8 * k : 11 + 8 * k, 3 + seed : 18 + 2 * seed] = k
    return label


def save(path: Path, pixels: Any, palette: Any = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if palette is not None:
        image.putpalette(bytes(palette).ljust(768, b"\0"))
    image.save(path)


def pairs(
    root: Path, images: str, labels: str, keys: Any, stored: Any = (0, 1, 2),
    more: Callable[[Any, Any], None] | None = None,
) -> list[tuple[Any, Any]]:  # fmt: skip
    """Images and labels at templates. more(key, ids): writes what else belongs to a sample."""
    out = []
    table = np.asarray(stored, np.uint8)
    for seed, key in enumerate(keys):
        of = key if isinstance(key, tuple) else (key,)
        own = ids(seed, len(table))
        save(root / images.format(*of), photo(seed))
        save(root / labels.format(*of), table[own])
        with Image.open(root / images.format(*of)) as image:
            out.append((np.array(image.convert("RGB")), own))
        if more is not None:
            more(key, own)
    return out


COLORS = ((0, 0, 0), (108, 64, 20), (255, 229, 204))


def rescuenet(root: Path) -> Written:
    keys = [(s, n) for s in ("train", "val") for n in ("10778", "10781", "11122")]
    return Written(pairs(root, "{0}/{0}-org-img/{1}.jpg", "{0}/{0}-label-img/{1}_lab.png", keys, (0, 1, 7)), 1)


def suim(root: Path) -> Written:
    return Written(pairs(root, "train_val/images/{}.jpg", "train_val/masks/{}.bmp", ("d_r_1_", "f_r_97_", "w_r_12_"),
                         ((0, 0, 0), (0, 0, 255), (255, 255, 0))), 1)  # fmt: skip


def rugd(root: Path) -> Written:
    keys = [(p, n) for p in ("creek", "park-1") for n in ("00001", "00006", "00011")]
    return Written(pairs(root, "RUGD_frames-with-annotations/{0}/{0}_{1}.png", "RUGD_annotations/{0}/{0}_{1}.png", keys,
                         COLORS), 1)  # fmt: skip


def rellis(root: Path) -> Written:
    keys = [(s, f"frame00000{n}-158162465{n}_750") for s in ("00000", "00001", "00002") for n in range(3)]
    images, labels = "{}/pylon_camera_node/{}.jpg", "{}/pylon_camera_node_label_id/{}.png"
    return Written(pairs(root, images, labels, keys, (0, 1, 33)), 1)


def open_earth_map(root: Path) -> Written:
    keys = [(place, n) for place in ("aachen", "accra", "dolnoslaskie") for n in (1, 2, 10)]
    found = pairs(root, "{0}/images/{0}_{1}.tif", "{0}/labels/{0}_{1}.tif", keys, (0, 1, 2))
    return Written(found, 1)


def gta5(root: Path) -> Written:
    def paletted(key: Any, own: Any) -> None:
        save(root / f"labels/{key}.png", np.array([0, 7, 26], np.uint8)[own], range(200))

    return Written(pairs(root, "images/{}.png", "labels/{}.png", ("00001", "00002", "24966"), (0, 7, 26), paletted), 1)


def idd(root: Path) -> Written:
    keys = [(s, c, n) for s, c in (("train", 0), ("train", 105), ("val", 4)) for n in ("024541", "086341")]
    return Written(pairs(root, "leftImg8bit/{}/{}/{}_leftImg8bit.png", "gtFine/{}/{}/{}_gtFine_labelids.png", keys,
                         (0, 4, 255)), 1)  # fmt: skip


def acdc(root: Path) -> Written:
    def others(key: Any, own: Any) -> None:
        base = "gt/{}/{}/{}/{}_gt_".format(*key)
        save(root / f"{base}labelColor.png", np.asarray(COLORS, np.uint8)[own])
        save(root / f"{base}labelIds.png", np.array([0, 7, 26], np.uint8)[own])

    keys = [("fog", "train", "GOPR0475", f"GOPR0475_frame_00004{n}") for n in range(3)]
    keys += [("night", "val", "GOPR0356", f"GOPR0356_frame_00032{n}") for n in range(3)]
    images, labels = "rgb_anon/{}/{}/{}/{}_rgb_anon.png", "gt/{}/{}/{}/{}_gt_labelTrainIds.png"
    found = pairs(root, images, labels, keys, (0, 1, 2), others)
    return Written(found, 3, "rgb_anon/*/{split}/{path}_rgb_anon.png", "gt/*/{split}/{path}_gt_labelTrainIds.png")


def xview2(root: Path) -> Written:
    names = ("guatemala-volcano_00000000_pre", "guatemala-volcano_00000000_post", "hurricane-harvey_00000003_pre")
    keys = [f"{name}_disaster" for name in names]
    return Written(pairs(root, "train/images/{}.png", "train/targets/{}_target.png", keys, (0, 1, 2)), 1)


def levir_cd(root: Path) -> Written:
    def after(key: Any, own: Any) -> None:
        save(root / "{}/B/{}.png".format(*key), photo(100 + len(key[1])))

    keys = [(s, f"{s}_{n}") for s in ("train", "val") for n in (1, 2, 3)]
    found = pairs(root, "{}/A/{}.png", "{}/label/{}.png", keys, (0, 255), after)
    return Written(found, 3, "{split}/A/{name}.png", "{split}/label/{name}.png")


def landcover(root: Path) -> Written:
    names = ("M-33-20-D-c-4-2", "M-34-5-D-d-4-2", "N-33-60-D-c-4-2")
    return Written(pairs(root, "images/{}.tif", "masks/{}.tif", names), 1)


def fss_1000(root: Path) -> Written:
    keys = [(c, n) for c in ("ab_wheel", "abacus", "ak47") for n in (1, 2, 3)]
    return Written(pairs(root, "fewshot_data/{}/{}.jpg", "fewshot_data/{}/{}.png", keys, (0, 255)), 1)


def duts(root: Path) -> Written:
    keys = [(s, n) for s in ("TR", "TE") for n in ("ILSVRC2012_test_00000004", "n01440764_10040", "sun_aaa")]
    return Written(pairs(root, "DUTS-{0}/DUTS-{0}-Image/{1}.jpg", "DUTS-{0}/DUTS-{0}-Mask/{1}.png", keys, (0, 255)), 1)


def ecssd(root: Path) -> Written:
    return Written(pairs(root, "images/{}.jpg", "ground_truth_mask/{}.png", ("0001", "0002", "1000"), (0, 255)), 1)


def hrf(root: Path) -> Written:
    def field(key: Any, own: Any) -> None:
        save(root / f"mask/{key}_mask.tif", np.full((*SIZE, 3), 255, np.uint8))

    found = pairs(root, "images/{}.JPG", "manual1/{}.tif", ("01_dr", "01_g", "15_h"), (0, 255), field)
    return Written(found, 1)


def glas(root: Path) -> Written:
    keys = ["train_1", "train_2", "testA_1", "testB_1"]
    return Written(pairs(root, "{}.bmp", "{}_anno.bmp", keys, (0, 1, 2)), 1)


def shenzhen(root: Path) -> Written:
    names = ("CHNCXR_0001_0", "CHNCXR_0002_0", "CHNCXR_0327_1")
    return Written(pairs(root, "CXR_png/{}.png", "mask/{}_mask.png", names, (0, 255)), 1)


def montgomery(root: Path) -> Written:
    names = ("MCUCXR_0001_0", "MCUCXR_0002_0", "MCUCXR_0104_1")
    found = pairs(root, "MontgomerySet/CXR_png/{}.png", "MontgomerySet/x.png", names, (0, 1, 2))
    (root / "MontgomerySet/x.png").unlink()
    for name, (_, own) in zip(names, found, strict=True):
        for k, side in enumerate(("leftMask", "rightMask"), 1):
            save(root / f"MontgomerySet/ManualMask/{side}/{name}.png", ((own == k) * 255).astype(np.uint8))
    return Written(found, 1)


def phenobench(root: Path) -> Written:
    def instances(key: Any, own: Any) -> None:
        for kind in ("plant_instances", "leaf_instances"):
            save(root / f"PhenoBench/{key[0]}/{kind}/{key[1]}.png", own.astype(np.uint16) * 300)

    keys = [(s, f"05-15_00028_P003085{n}") for s in ("train", "val") for n in range(3)]
    return Written(pairs(root, "PhenoBench/{}/images/{}.png", "PhenoBench/{}/semantics/{}.png", keys, (0, 1, 2),
                         instances), 1)  # fmt: skip


def deepcrack(root: Path) -> Written:
    keys = [(s, n) for s in ("train", "test") for n in ("11111", "11112-1", "IMG_6526")]
    return Written(pairs(root, "{}_img/{}.jpg", "{}_lab/{}.png", keys, (0, 255)), 1)


def kolektor(root: Path) -> Written:
    keys = [(f"kos{k:02}", n) for k in (1, 2, 3) for n in range(4)]
    return Written(pairs(root, "{}/Part{}.jpg", "{}/Part{}_label.bmp", keys, (0, 255)), 1)


def neu_seg(root: Path) -> Written:
    keys = [(s, n) for s in ("training", "test") for n in ("000201", "000202", "000400")]
    return Written(pairs(root, "images/{}/{}.jpg", "annotations/{}/{}.png", keys, (0, 1, 2)), 1)


TREES = {f.__name__: f for f in (
    rescuenet, suim, rugd, rellis, open_earth_map, gta5, idd, acdc, xview2, levir_cd, landcover, fss_1000, duts, ecssd,
    hrf, glas, shenzhen, montgomery, phenobench, deepcrack, kolektor, neu_seg,
)}  # fmt: skip


def samples(dataset: pw.Dataset) -> Iterator[Any]:
    for split in dataset.splits:
        yield from dataset[split]


def right(dataset: pw.Dataset, written: Written) -> bool:
    """Whether every image has its label, in whatever numbers the classes have."""
    known = {image.tobytes(): own for image, own in written.ids}
    read = [(known.get(s.image.tobytes()), s.label) for s in samples(dataset)]
    if len(read) != len(known) or any(own is None or label is None for own, label in read):
        return False
    joined = np.concatenate([np.stack([own.reshape(-1), label.reshape(-1)]) for own, label in read], axis=1)
    found = np.unique(joined, axis=1)
    return bool(len(set(found[0])) == len(set(found[1])) == found.shape[1])


@pytest.mark.parametrize("tree", TREES)
def test_steps(tree: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    written = TREES[tree](root)
    try:
        opened = pw.open(root)
    except FormatError as error:
        opened, said = None, str(error)
    assert (opened is not None) == (written.steps == 1), said if opened is None else opened.notes
    if opened is not None:
        assert right(opened, written), [str(note) for note in opened.notes]
    flags = []
    if written.steps == 3:  # it must be asked which of several; the answer is among the candidates
        assert "several readings fit" in said
        assert f"{written.images} with {written.labels}" in said
        flags = ["--images", written.images, "--labels", written.labels]
    done = CliRunner().invoke(app, ["init", str(root), *flags, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["pairs"] == len(written.ids), done.output
    if opened is None or opened.format == "folders":
        assert right(pw.open(root), written), (root / "pixelwise.toml").read_text()
