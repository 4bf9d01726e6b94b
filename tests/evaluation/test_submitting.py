"""Archives for the servers: their layout and numbers, complete and checked, and scored equal when read back."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.classes import VOC_NAMES, ClassTable
from pixelwise.errors import ScoreError, UsageError
from pixelwise.evaluation.prediction_files import write_prediction
from pixelwise.evaluation.scoring import score
from pixelwise.evaluation.submitting import BENCHMARKS, submit
from pixelwise.formats.tracing import compressed
from pixelwise.metrics.protocols import CITYSCAPES_CLASSES
from tests.support.program import run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools'
CITYSCAPES = ClassTable(CITYSCAPES_CLASSES, colors=np.arange(57).reshape(19, 3).astype(np.uint8))
ADE20K = ClassTable(["wall", *(f"c{i}" for i in range(149))])
NAMES = {
    "voc2012": ("2008_000001", "2009_004859"),
    "cityscapes": ("berlin/berlin_000000_000019", "bonn/bonn_000012_000019"),
    "ade20k": ("ADE_test_00000001", "ADE_test_00000002"),
}
TABLES = {"voc2012": pw.VOC, "cityscapes": CITYSCAPES, "ade20k": ADE20K}
SUFFIX = {"voc2012": ".tar.gz", "cityscapes": ".zip", "ade20k": ".zip"}


def made(name: str, tmp_path: Path, split_name: str = "test") -> tuple[pw.Split, Path, list[np.ndarray]]:
    """A split of two images, and a folder of predictions in which every class occurs."""
    table, names = TABLES[name], NAMES[name]
    rng = np.random.default_rng(3)
    images = [rng.integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w in ((30, 40), (25, 19))]
    truths = [rng.integers(0, len(table), i.shape[:2]).astype(np.uint8) for i in images]
    ids = [rng.integers(0, len(table), i.shape[:2]).astype(np.uint8) for i in images]
    for i, label in enumerate(ids):
        label.reshape(-1)[: len(table)] = np.arange(len(table))
        write_prediction(tmp_path / "p" / f"{names[i]}.png", label, table)
    return pw.Split(split_name, table, pw.ArraySource(images, truths, list(names))), tmp_path / "p", ids


def unpacked(path: Path) -> dict[str, Image.Image]:
    """The PNGs of an archive as a server sees them, by other code than ours."""
    folder = path.parent / "unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as box:
            box.extractall(folder)
    else:
        with tarfile.open(path) as tar:
            tar.extractall(folder, filter="data")
    found = {}
    for file in sorted(folder.rglob("*.png")):
        with Image.open(file) as image:
            image.load()
            found[file.relative_to(folder).as_posix()] = image
    return found


@pytest.mark.parametrize("competition", ["comp5", "comp6"])
@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz"])
def test_voc2012(tmp_path: Path, competition: Any, suffix: str) -> None:
    split, folder, ids = made("voc2012", tmp_path)
    done = submit(folder, split, tmp_path / f"s{suffix}", competition=competition)
    found = unpacked(done.path)
    names = [f"results/VOC2012/Segmentation/{competition}_test_cls/{n}.png" for n in NAMES["voc2012"]]
    assert list(found) == names == list(done.members)
    for image, label in zip(found.values(), ids, strict=True):
        assert image.mode == "P"
        assert np.array_equal(np.array(image), label)
        palette = np.array(image.getpalette()).reshape(-1, 3)
        assert np.array_equal(palette, pw.VOC.palette[: len(palette)])
    assert done.size == done.path.stat().st_size
    assert repr(done) == f"Submission({done})"
    assert json.loads(done.save(tmp_path / "done.json").read_text())["members"] == names


def test_cityscapes_gets_its_label_ids(tmp_path: Path) -> None:
    split, folder, ids = made("cityscapes", tmp_path)
    found = unpacked(submit(folder, split, tmp_path / "s.zip").path)
    assert list(found) == ["berlin_000000_000019_pred_labelIds.png", "bonn_000012_000019_pred_labelIds.png"]
    # Two of cityscapesscripts' helpers/labels.py, and the order of all.
    lut = BENCHMARKS["cityscapes"].values
    assert (lut[CITYSCAPES_CLASSES.index("road")], lut[CITYSCAPES_CLASSES.index("bicycle")]) == (7, 33)
    assert (np.diff(lut.astype(int)) > 0).all()
    for image, label in zip(found.values(), ids, strict=True):
        assert image.mode == "L"
        assert np.array_equal(np.array(image), lut[label])


def test_the_label_ids_are_those_of_the_format() -> None:
    tables = pytest.importorskip("pixelwise.formats.class_tables", reason="the table of the Cityscapes format")
    table = tables.table("cityscapes")
    assert table.names == CITYSCAPES_CLASSES
    assert np.array_equal(table.id_values[:19], BENCHMARKS["cityscapes"].values)
    ade = tables.table("ade20k")
    assert np.array_equal(ade.id_values[:150], BENCHMARKS["ade20k"].values)


def test_ade20k_gets_class_plus_one(tmp_path: Path) -> None:
    split, folder, ids = made("ade20k", tmp_path)
    found = unpacked(submit(folder, split, tmp_path / "s.zip", benchmark="ade20k").path)
    assert list(found) == ["ADE_test_00000001.png", "ADE_test_00000002.png"]
    for image, label in zip(found.values(), ids, strict=True):
        assert np.array_equal(np.array(image), label.astype(int) + 1)


@pytest.mark.parametrize("name", list(TABLES))
def test_what_is_read_back_scores_equal(tmp_path: Path, name: str) -> None:
    split, folder, _ = made(name, tmp_path)
    before = score(folder, split, "mmseg")
    found = unpacked(submit(folder, split, tmp_path / f"s{SUFFIX[name]}").path)
    values = BENCHMARKS[name].values
    again = tmp_path / "again"
    for sample, image in zip(split.names, found.values(), strict=True):
        (again / sample).parent.mkdir(parents=True, exist_ok=True)
        ids = np.searchsorted(values, np.array(image))
        np.save(again / f"{sample}.npy", ids)
    after = score(again, split, "mmseg")
    assert after.confusion == before.confusion
    assert after.scores.miou == before.scores.miou


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".zip"])
def test_equal_predictions_give_equal_bytes(tmp_path: Path, suffix: str) -> None:
    split, folder, _ = made("ade20k" if suffix == ".zip" else "voc2012", tmp_path)
    a, b = (submit(folder, split, tmp_path / f"{k}{suffix}", threads=k).path.read_bytes() for k in (1, 2))
    assert a == b


def test_a_real_dataset_and_its_pack(tmp_path: Path) -> None:
    dataset = pw.open(pw.sample(tmp_path / "s", count=8, seed=2))
    val = dataset["val"]
    for sample in val:
        assert sample.label is not None
        write_prediction(tmp_path / "p" / f"{sample.name}.png", np.where(sample.label == 255, 0, sample.label), pw.VOC)
    done = submit(tmp_path / "p", dataset.root, tmp_path / "s.tar", splits="val")
    assert done.members[0] == f"results/VOC2012/Segmentation/comp6_val_cls/{val.names[0]}.png"
    pw.pack(dataset, tmp_path / "pack")
    packed = submit(tmp_path / "p", tmp_path / "pack", tmp_path / "packed.tar", splits="val")
    assert packed.path.read_bytes() == done.path.read_bytes()
    told = run("submit", tmp_path / "p", dataset.root, "--split", "val", "-o", tmp_path / "c.tar")
    assert told.returncode == 0, told.stderr
    assert "2 predictions for Pascal VOC2012" in told.stdout
    assert (tmp_path / "c.tar").read_bytes() == done.path.read_bytes()
    (tmp_path / "p" / f"{val.names[0]}.png").unlink()
    refused = run("submit", tmp_path / "p", dataset.root, "--split", "val", "-o", tmp_path / "d.tar")
    assert refused.returncode == 1
    assert "no such prediction" in refused.stderr
    assert not (tmp_path / "d.tar").exists()


# -- what is refused ----------------------------------------------------------------------------------------


def _nothing_left(tmp_path: Path) -> bool:
    return {p.name for p in tmp_path.iterdir()} == {"p"}


@pytest.mark.parametrize(
    ("value", "code"), [(21, "prediction-out-of-range"), (255, "prediction-out-of-range"), (None, "wrong-size")]
)
def test_nothing_is_written_where_one_is_wrong(tmp_path: Path, value: int | None, code: str) -> None:
    split, folder, ids = made("voc2012", tmp_path)
    bad = ids[1][:-1] if value is None else ids[1].copy()
    if value is not None:
        bad[5, 6] = value
    Image.fromarray(bad).save(folder / f"{split.names[1]}.png")
    with pytest.raises(ScoreError) as caught:
        submit(folder, split, tmp_path / "s.tar")
    assert caught.value.code == code
    assert _nothing_left(tmp_path)


def test_incomplete_predictions(tmp_path: Path) -> None:
    split, folder, _ = made("voc2012", tmp_path)
    (folder / f"{split.names[0]}.png").unlink()
    with pytest.raises(ScoreError) as caught:
        submit(folder, split, tmp_path / "s.tar")
    assert caught.value.code == "missing-prediction"
    assert _nothing_left(tmp_path)


def test_wrong_calls(tmp_path: Path) -> None:
    split, folder, _ = made("voc2012", tmp_path)
    for options, target, what in (
        ({}, "s.zip", "takes .tar"),
        ({"benchmark": "coco"}, "s.tar", "the benchmarks are"),
        ({"benchmark": "cityscapes"}, "s.zip", "not those of Cityscapes"),
        ({"competition": "comp7"}, "s.tar", "'comp5', 'comp6'"),
    ):
        with pytest.raises(UsageError, match=what):
            submit(folder, split, tmp_path / target, **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no splits"):
        submit(folder, pw.Dataset(folder, "voc", split.classes, {}), tmp_path / "s.tar")  # type: ignore[arg-type]
    other = pw.Split("test", ClassTable(VOC_NAMES[::-1]), split.source)
    with pytest.raises(UsageError, match="no benchmark has"):
        submit(folder, other, tmp_path / "s.tar")
    assert _nothing_left(tmp_path)


def test_names_that_are_no_frames(tmp_path: Path) -> None:
    split, folder, _ = made("cityscapes", tmp_path)
    source = pw.ArraySource(split.source.images, names=["a", "b"])  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="CITY_SEQUENCE_FRAME"):
        submit(folder, pw.Split("test", CITYSCAPES, source), tmp_path / "s.zip")


@pytest.mark.parametrize("names", [("background", "salt"), ("salt", "background"), ("a", "background", "b", "c")])
def test_run_lengths_by_the_rule_of_kaggle(names: tuple[str, ...], tmp_path: Path) -> None:
    rng, table, rest = np.random.default_rng(5), ClassTable(names), names.index("background")
    ids = [rng.integers(0, len(names), (7, 11)).astype(np.uint8), np.full((3, 5), rest, np.uint8)]
    for k, label in enumerate(ids):
        write_prediction(tmp_path / f"p/x{k}.png", label, table)
    images = [np.zeros((*i.shape, 3), np.uint8) for i in ids]
    split = pw.Split("test", table, pw.ArraySource(images, None, ["x0", "x1"]))
    done = submit(tmp_path / "p", split, tmp_path / "out.csv", benchmark="rle-csv")
    assert "2 predictions for a CSV of run lengths, 0.0 MB, read back equal" in str(done)
    header, *rows = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    assert header == (["ImageId", "EncodedPixels"] if len(names) == 2 else ["ImageId", "ClassId", "EncodedPixels"])
    assert rows[-1] == ["x1", *[""] * (len(header) - 1)]
    flat = np.full(77, rest)
    for row in rows[:-1]:
        numbers = list(map(int, row[-1].split()))
        for start, length in zip(numbers[::2], numbers[1::2], strict=True):
            flat[start - 1 : start - 1 + length] = int(row[1]) if len(names) > 2 else 1 - rest
    assert np.array_equal(flat.reshape(7, 11, order="F"), ids[0])
    with pytest.raises(UsageError, match=r"rle-csv is a \.csv"):
        submit(tmp_path / "p", split, tmp_path / "out.zip", benchmark="rle-csv")
    with pytest.raises(UsageError, match="no class is called background"):
        bare = pw.Split("test", ClassTable(("a", "b")), split.source)
        submit(tmp_path / "p", bare, tmp_path / "b.csv", benchmark="rle-csv")
    (tmp_path / "p/x1.png").unlink()
    for out, form in (("c.csv", "rle-csv"), ("c.json", "coco-results")):
        with pytest.raises(ScoreError):
            submit(tmp_path / "p", split, tmp_path / out, benchmark=form)
        assert not (tmp_path / out).exists()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=40))
def test_run_lengths_are_compressed_as_cocos(counts: list[int]) -> None:
    masks = pytest.importorskip("pycocotools.mask")
    size = [sum(counts) or 1, 1]
    counts = counts if sum(counts) else [1]
    assert masks.frPyObjects({"size": size, "counts": counts}, *size)["counts"].decode() == compressed(counts)


@pytest.mark.parametrize("names", [("background", "salt"), ("a", "background", "b"), ("a", "b")])
@pytest.mark.parametrize("seed", range(3))
def test_coco_results(names: tuple[str, ...], seed: int, tmp_path: Path) -> None:
    """Of odd sizes and of one pixel: pycocotools decodes the same pixels, and the file scores as the folder does."""
    masks = pytest.importorskip("pycocotools.mask")
    rng, table = np.random.default_rng(seed), ClassTable(names)
    rest = names.index("background") if "background" in names else None
    ids = [rng.integers(0, len(names), size).astype(np.uint8) for size in ((7, 11), (1, 1), (64, 129), (3, 5))]
    ids[3][:] = rest or 0
    for k, label in enumerate(ids):
        write_prediction(tmp_path / f"p/x{k}.png", label, table)
    images = [np.zeros((*i.shape, 3), np.uint8) for i in ids]
    truth = [rng.integers(0, len(names), i.shape).astype(np.uint8) for i in ids]
    split = pw.Split("val", table, pw.ArraySource(images, truth, [f"x{k}" for k in range(4)]))
    done = submit(tmp_path / "p", split, tmp_path / "out.json", benchmark="coco-results")
    assert "4 predictions for COCO results, 0.0 MB, read back equal" in str(done)
    found = json.loads((tmp_path / "out.json").read_text())
    drawn = {f"x{k}": np.full(i.shape, 0 if rest is None else rest) for k, i in enumerate(ids)}
    for entry in found:
        assert entry["category_id"] != rest
        drawn[entry["image_id"]][masks.decode(entry["segmentation"]) > 0] = entry["category_id"]
    assert all(np.array_equal(drawn[f"x{k}"], i) for k, i in enumerate(ids))
    assert pw.score(tmp_path / "out.json", split).confusion == pw.score(tmp_path / "p", split).confusion
    with pytest.raises(UsageError, match=r"coco-results is a \.json"):
        submit(tmp_path / "p", split, tmp_path / "out.csv", benchmark="coco-results")


def test_coco_results_have_the_ids_of_the_dataset(tmp_path: Path) -> None:
    """`loadRes` of pycocotools takes them; a class without a category, such as background, is what nothing covers."""
    coco = pytest.importorskip("pycocotools.coco")
    Image.new("RGB", (9, 5)).save(tmp_path / "i.jpg")
    data = {
        "images": [{"id": 41, "file_name": "i.jpg", "height": 5, "width": 9}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 8, "name": "dog"}],
        "annotations": [{"id": 1, "image_id": 41, "category_id": 8, "iscrowd": 0, "area": 4, "bbox": [0, 0, 2, 2],
                         "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]}],
    }  # fmt: skip
    (tmp_path / "val").mkdir()
    (tmp_path / "i.jpg").rename(tmp_path / "val/i.jpg")
    (tmp_path / "annotations").mkdir()
    path = tmp_path / "annotations/instances_val.json"
    path.write_text(json.dumps(data))
    split = pw.open(tmp_path)["val"]
    label = np.zeros((5, 9), np.uint8)
    label[:2, :3], label[3:, 4:] = split.classes.names.index("dog"), split.classes.names.index("cat")
    write_prediction(tmp_path / f"p/{split.names[0]}.png", label, split.classes)
    out = tmp_path / "out.json"
    submit(tmp_path / "p", split, out, benchmark="coco-results")
    with contextlib.redirect_stdout(io.StringIO()):
        results = coco.COCO(str(path)).loadRes(str(out))
    assert {(a["image_id"], a["category_id"], a["area"]) for a in results.anns.values()} == {(41, 8, 6), (41, 3, 10)}
    assert pw.score(out, split).confusion == pw.score(tmp_path / "p", split).confusion

