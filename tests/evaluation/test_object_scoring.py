"""Predicted objects through the public door: against pycocotools, panopticapi's statements, and arrays."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.errors import PixelwiseError, UsageError
from pixelwise.evaluation.object_scoring import _ways
from pixelwise.evaluation.prediction_files import IDS
from pixelwise.metrics.average_precision import AveragePrecision
from pixelwise.metrics.panoptic import PanopticScores
from tests.metrics.test_panoptic import SIZE, panopticapi, scene
from tests.support.program import run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools'
NAMES = ("dog", "cat", "boat")


def images_of(root: Path, folder: str, count: int, size: tuple[int, int]) -> list[dict[str, Any]]:
    (root / folder).mkdir(parents=True)
    listed = []
    for k in range(count):
        Image.new("RGB", size[::-1]).save(root / folder / f"{k:05}.png")
        listed.append({"id": 7 * (count - k), "file_name": f"{k:05}.png", "height": size[0], "width": size[1]})
    return listed


def coco(root: Path, seed: int, count: int = 5) -> tuple[Path, list[dict[str, Any]]]:
    """A dataset of COCO instances, polygons and run lengths that overlap and crowds; and results for it."""
    masks = pytest.importorskip("pycocotools.mask")
    rng = np.random.default_rng(seed)
    size = (90, 120)
    listed = images_of(root, "val", count, size)
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []

    def coded(mask: np.ndarray) -> dict[str, Any]:
        found = masks.encode(np.asfortranarray(mask.astype(np.uint8)))
        return {"size": list(size), "counts": found["counts"].decode()}

    for image in listed:
        for _ in range(rng.integers(1, 7)):
            y, x = rng.integers(0, 70), rng.integers(0, 100)
            height, width = rng.integers(4, 60), rng.integers(4, 60)
            mask = np.zeros(size, bool)
            mask[y : y + height, x : x + width] = True
            corners = [x, y, x + width, y, x + width, y + height, x, y + height]
            polygon = [float(v) + float(rng.random()) / 3 for v in corners]
            crowd, category = int(rng.random() < 0.15), int(rng.choice([3, 5, 9]))
            segmentation: Any = coded(mask) if crowd or rng.random() < 0.5 else [polygon]
            drawn = mask if isinstance(segmentation, dict) else masks.decode(
                masks.merge(masks.frPyObjects(segmentation, *size)))  # fmt: skip
            entry = {"id": len(annotations) + 1, "image_id": image["id"], "category_id": category, "iscrowd": crowd}
            box = [int(x), int(y), int(width), int(height)]
            annotations.append(entry | {"segmentation": segmentation, "area": int(drawn.sum()), "bbox": box})
            for _ in range(rng.integers(0, 3)):
                moved = np.roll(mask, rng.integers(-5, 6, 2), (0, 1))
                kind = category if rng.random() < 0.9 else 3
                found = {"image_id": image["id"], "category_id": kind, "segmentation": coded(moved)}
                results.append(found | {"score": float(np.round(rng.random(), 2))})
    categories = [{"id": k, "name": name} for k, name in zip((3, 5, 9), NAMES, strict=True)]
    path = root / "annotations" / "instances_val.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"images": listed, "annotations": annotations, "categories": categories}))
    return path, results


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_pycocotools(tmp_path: Path, seed: int) -> None:
    path, results = coco(tmp_path / "data", seed)
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    file = tmp_path / "results.json"
    file.write_text(json.dumps(results))
    found = pw.score_objects(file, tmp_path / "data").scores
    assert isinstance(found, AveragePrecision)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        official = COCOeval(truth, truth.loadRes(str(file)), "segm")
        official.evaluate()
        official.accumulate()
        official.summarize()
    names = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    ours = [getattr(found, name) for name in names]
    expected = [np.nan if v == -1 else v for v in official.stats[:6]]
    assert np.allclose(ours, expected, rtol=0, atol=1e-12, equal_nan=True)
    assert np.isnan(found.by_class[0]), "background has no object"


def panoptic(root: Path, seed: int, count: int = 3) -> tuple[Path, list[Any]]:
    """A panoptic dataset with crowds, and predictions for it in a file of their own; the scenes as arrays."""
    listed = images_of(root, "data/val", count, SIZE)
    scenes = [scene(100 * seed + k) for k in range(count)]
    categories = [{"id": 10 + c, "name": f"c{c}", "isthing": int(c in (2, 3, 4))} for c in range(6)]

    def write(path: Path, k: int, of: Any, numbers: Any, crowd: Any, void: int) -> dict[str, Any]:
        path.mkdir(parents=True, exist_ok=True)
        ids, segments = np.zeros(SIZE, np.uint32), []
        for c in range(6):
            keys = np.where(of == c, numbers * 2 * (c in (2, 3, 4)) + crowd, -1)
            for key in np.unique(keys[keys >= 0]).tolist():
                ids[keys == key] = 300 * len(segments) + 1
                segments.append({"id": 300 * len(segments) + 1, "category_id": 10 + c, "iscrowd": key % 2})
        assert not ids[of >= void].any()
        pixels = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=-1).astype(np.uint8)
        Image.fromarray(pixels).save(path / f"{k:05}.png")
        return {"image_id": listed[k]["id"], "file_name": f"{k:05}.png", "segments_info": segments}

    truth, guesses = [], []
    for k, (p, pn, t, tn, crowd) in enumerate(scenes):
        truth.append(write(root / "data/annotations/panoptic_val", k, t, tn, crowd & np.isin(t, (2, 3, 4)), 200))
        guesses.append(write(root / "guesses", k, p, pn, np.zeros(SIZE, int), 200))
    whole = {"images": listed, "annotations": truth, "categories": categories}
    (root / "data/annotations/panoptic_val.json").write_text(json.dumps(whole))
    (root / "guesses.json").write_text(json.dumps({"annotations": guesses}))
    return root / "guesses.json", scenes


@pytest.mark.parametrize("seed", range(3))
def test_panoptic_quality_is_that_of_panopticapi(tmp_path: Path, seed: int) -> None:
    file, scenes = panoptic(tmp_path, seed)
    scenes = [(p, pn, t, tn, crowd & np.isin(t, (2, 3, 4))) for p, pn, t, tn, crowd in scenes]
    found = pw.score_objects(file, tmp_path / "data").scores
    assert isinstance(found, PanopticScores)
    official = panopticapi(scenes, 6, (2, 3, 4))
    for c in range(6):
        iou, tp, fp, fn = official[c]
        assert (found.hits[c], found.false[c], found.missed[c]) == (tp, fp, fn)
        if tp + fp + fn:
            assert found.pq[c] == pytest.approx(iou / (tp + 0.5 * fp + 0.5 * fn), abs=1e-12)
    assert found.things_pq == pytest.approx(np.nanmean(found.pq[2:5]))


def test_iiou_of_a_folder(tmp_path: Path) -> None:
    coco(tmp_path / "data", 1)
    split = pw.open(tmp_path / "data")["val"]
    expected = pw.InstanceConfusion(split.classes)
    (tmp_path / "guesses").mkdir()
    for sample in split:
        assert sample.label is not None
        guess = np.roll(sample.label, 3, 1)
        np.save(tmp_path / "guesses" / f"{sample.name}.npy", guess)
        expected.update(guess, sample.label, sample.instances, sample.name)
    found = pw.score_objects(tmp_path / "guesses", split)
    assert found.counts == expected
    assert "iIoU" in str(found)
    said = run("score", tmp_path / "guesses", tmp_path / "data", "--objects", "--json")
    scores = json.loads(said.stdout)["scores"]
    assert scores["miiou"] == pytest.approx(expected.scores().miiou)


def test_results_of_objects_against_instance_maps_of_another_dataset(tmp_path: Path) -> None:
    """Of a dataset without a COCO JSON, images are named as samples are, and categories are class ids."""
    masks = pytest.importorskip("pycocotools.mask")
    table = pw.ClassTable(("background", "car"))
    label = np.zeros((2, 20, 30), np.uint8)
    label[:, 3:9, 4:12] = label[:, 12:16, 20:28] = 1
    numbers = np.where(label > 0, 1 + (np.arange(30) > 15), 0).astype(np.uint8)

    class Numbered(pw.ArraySource):
        def read(self, index: int, *given: Any, **options: Any) -> pw.Sample:
            return replace(super().read(index, *given, **options), instances=numbers[index])

    source = Numbered(list(np.zeros((2, 20, 30, 3), np.uint8)), list(label), names=["a", "b"])
    split = pw.Split("val", table, source)
    results = []
    for name, n in (("a", 1), ("a", 2), ("b", 1)):
        coded = masks.encode(np.asfortranarray((numbers[0] == n).astype(np.uint8)))
        segmentation = {"size": [20, 30], "counts": coded["counts"].decode()}
        results.append({"image_id": name, "category_id": 1, "score": 0.5, "segmentation": segmentation})
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results))
    found = pw.score_objects(file, split).scores
    assert isinstance(found, AveragePrecision)
    assert found.ar == 0.75
    assert pw.score(file, split).confusion.matrix[1].tolist() == [4 * 8, 6 * 8 * 2 + 4 * 8, 0]


def test_classes_of_results_and_of_run_lengths(tmp_path: Path) -> None:
    """`score` draws results, the best on top; a CSV that `submit` wrote scores as the folder that it was made of."""
    _, results = coco(tmp_path / "data", 3)
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results))
    split = pw.open(tmp_path / "data")["val"]
    scored = pw.score(file, split)
    masks = pytest.importorskip("pycocotools.mask")
    ids = {3: 1, 5: 2, 9: 3}
    expected = pw.Confusion(split.classes, per_image=True)
    folder = tmp_path / "guesses"
    folder.mkdir()
    listed = json.loads((tmp_path / "data/annotations/instances_val.json").read_text())["images"]
    for image, sample in zip(listed, split, strict=True):
        drawn = np.zeros(sample.size, np.uint8)
        own = [r for r in results if r["image_id"] == image["id"]]
        for r in sorted(own, key=lambda r: r["score"]):
            drawn[masks.decode(r["segmentation"]) > 0] = ids[r["category_id"]]
        expected.update(drawn, sample.label, sample.name)
        Image.fromarray(drawn).save(folder / f"{sample.name}.png")
    assert scored.confusion == expected
    pw.submit(folder, split, tmp_path / "runs.csv", benchmark="rle-csv")
    assert pw.score(tmp_path / "runs.csv", split).confusion == expected
    assert pw.score(folder, split).confusion == expected
    for name in ("results.json", "runs.csv"):
        said = run("score", tmp_path / name, tmp_path / "data", "--json")
        assert json.loads(said.stdout)["scores"]["miou"] == pytest.approx(expected.scores().miou)
    scored.worst_sheet(2).save(tmp_path / "worst.png")


RESULT = {"image_id": 7, "category_id": 3, "score": 0.5, "segmentation": [[1, 1, 9, 1, 9, 9]]}


@pytest.mark.parametrize(
    ("name", "text", "objects", "code"),
    [
        ("r.json", "{", True, "bad-json"),
        ("r.json", "{}", True, "bad-json"),
        ("r.json", "{}", False, "bad-json"),
        ("r.json", "[3]", True, "bad-json"),
        ("r.json", json.dumps([RESULT | {"image_id": 8}]), True, "extra-prediction"),
        ("r.json", json.dumps([RESULT | {"image_id": [8]}]), True, "extra-prediction"),
        ("r.json", json.dumps([RESULT | {"category_id": 4}]), False, "unknown-class"),
        ("r.json", json.dumps([RESULT | {"score": "high"}]), True, "bad-json"),
        ("r.json", '[{"image_id": 7, "category_id": 3, "score": NaN, "segmentation": []}]', True, "bad-json"),
        ("r.json", json.dumps([{k: v for k, v in RESULT.items() if k != "score"}]), True, "bad-json"),
        ("r.json", json.dumps([RESULT | {"segmentation": [1, 2, 3, 4]}]), False, "bad-polygon"),
        ("r.json", json.dumps([RESULT | {"segmentation": {"size": [9, 9], "counts": "1"}}]), True, "size-mismatch"),
        ("r.json", json.dumps([RESULT | {"segmentation": {"size": [9], "counts": "1"}}]), True, "bad-rle"),
        ("r.csv", "a,b\n1,2\n", False, "bad-csv"),
        ("r.csv", "ImageId,ClassId,EncodedPixels\n00000.png,1,1 2\n", False, "missing-prediction"),
        ("r.csv", "ImageId,ClassId,EncodedPixels\nx.png,1,1 2\n", False, "bad-predictions"),
        ("r.txt", "", False, "bad-suffix"),
        (None, None, False, "missing-file"),
        (None, None, True, "missing-file"),
    ],
)
def test_bad_results(tmp_path: Path, name: str | None, text: str | None, objects: bool, code: str) -> None:
    pytest.importorskip("pycocotools")
    coco(tmp_path / "data", 0, 2)
    path = tmp_path / (name or "none.json")
    if text is not None:
        path.write_text(text)
    with pytest.raises(PixelwiseError) as error:
        pw.score_objects(path, tmp_path / "data") if objects else pw.score(path, tmp_path / "data")
    assert error.value.code == code, str(error.value)


def test_bad_panoptic_predictions(tmp_path: Path) -> None:
    file, _ = panoptic(tmp_path, 1, 2)
    good = json.loads(file.read_text())["annotations"]
    cases: list[tuple[Any, str]] = [
        ({"annotations": 3}, "bad-json"),
        ({"annotations": good[:1]}, "missing-prediction"),
        ({"annotations": [*good, good[0]]}, "two-predictions"),
        ({"annotations": [*good, good[0] | {"image_id": 99}]}, "extra-prediction"),
        ({"annotations": [good[0] | {"file_name": "../x.png"}, good[1]]}, "bad-name"),
        ({"annotations": [good[0] | {"file_name": "none.png"}, good[1]]}, "missing-file"),
        ({"annotations": [good[0] | {"segments_info": 3}, good[1]]}, "bad-json"),
        ({"annotations": [good[0] | {"segments_info": []}, good[1]]}, "unknown-segment"),
        ({"annotations": [4, *good]}, "bad-json"),
    ]
    for data, code in cases:
        file.write_text(json.dumps(data))
        with pytest.raises(PixelwiseError) as error:
            pw.score_objects(file, tmp_path / "data")
        assert error.value.code == code, str(error.value)


def test_a_dataset_without_objects(tmp_path: Path) -> None:
    split = pw.Split("val", pw.ClassTable(("a", "b")), pw.ArraySource([np.zeros((2, 2, 3), np.uint8)],
                     [np.zeros((2, 2), np.uint8)], names=["x"]))  # fmt: skip
    np.save(tmp_path / "x.npy", np.zeros((2, 2), np.uint8))
    with pytest.raises(PixelwiseError, match="no object numbers"):
        pw.score_objects(tmp_path, split)


def numbered(table: pw.ClassTable, names: list[str], labels: list[Any], numbers: list[Any]) -> pw.Split:
    """A split of arrays whose samples have object numbers."""

    class Numbered(pw.ArraySource):
        def read(self, index: int, *given: Any, **options: Any) -> pw.Sample:
            return replace(super().read(index, *given, **options), instances=numbers[index])

    images = [np.zeros((*label.shape, 3), np.uint8) for label in labels]
    return pw.Split("val", table, Numbered(images, labels, names))


def segments_json(root: Path, names: list[str], scenes: list[Any], classes: Any) -> Path:
    """Panoptic predictions of scenes, as COCO has them; a class is called `classes[c]`."""
    (root / "guesses").mkdir()
    entries = []
    for k, (name, (p, pn, *_)) in enumerate(zip(names, scenes, strict=True)):
        keys = np.where(np.isin(p, list(classes)), 100 * p.astype(np.int64) + pn, -1)
        ids, segments = np.zeros(p.shape, np.uint32), []
        for number, key in enumerate(np.unique(keys[keys >= 0]).tolist(), 1):
            ids[keys == key] = 700 * number
            segments.append({"id": 700 * number, "category_id": int(classes[key // 100])})
        pixels = np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=-1).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"guesses/{k}.png")
        entries.append({"image_id": name, "file_name": f"{k}.png", "segments_info": segments})
    (root / "guesses.json").write_text(json.dumps({"annotations": entries}))
    return root / "guesses.json"


@pytest.mark.parametrize("suffix", [".json", ".png", ".npy"])
def test_panoptic_quality_of_any_dataset_with_objects(tmp_path: Path, suffix: str) -> None:
    """By panopticapi's statements; pixels of things without a number are a crowd."""
    things, table = (2, 3, 4), pw.ClassTable([f"c{c}" for c in range(6)])
    scenes = [(p, np.where(np.isin(p, things), pn, 0), *rest) for p, pn, *rest in (scene(k) for k in range(4))]
    scenes = [(p, pn, t, np.where(crowd, 0, tn), crowd & np.isin(t, things)) for p, pn, t, tn, crowd in scenes]
    names = [f"x/{k}a" for k in range(4)]
    split = numbered(table, names, [s[2].astype(np.uint8) for s in scenes], [s[3] for s in scenes])
    options: dict[str, Any] = {"things": ["c2", 3, 4]}
    if suffix == ".json":
        path = segments_json(tmp_path, [names[0], "1a", *names[2:]], scenes, range(6))
    else:
        path = tmp_path / "guesses"
        (path / "x").mkdir(parents=True)
        options["divisor"] = 100
        for name, (p, pn, *_) in zip(names, scenes, strict=True):
            of = np.where(p < 6, 100 * p + pn, 25_500)
            if suffix == ".npy":
                np.save(path / name, of)
            else:
                Image.fromarray(of.astype(np.uint16)).save(path / f"{name}.png")
    found = pw.score_objects(path, split, **options).scores
    assert isinstance(found, PanopticScores)
    official = panopticapi(scenes, 6, things)
    assert found.hits.sum() > 5
    for c in range(6):
        iou, tp, fp, fn = official[c]
        assert (found.hits[c], found.false[c], found.missed[c]) == (tp, fp, fn)
        if tp + fp + fn:
            assert found.pq[c] == pytest.approx(iou / (tp + 0.5 * fp + 0.5 * fn), abs=1e-12)


def test_options_that_mean_nothing_here_are_refused(tmp_path: Path) -> None:
    table, truth = pw.ClassTable(("a", "b")), np.zeros((4, 5), np.uint8)
    truth[:, 2:] = 1
    split = numbered(table, ["x"], [truth], [truth])
    (tmp_path / "ids").mkdir()
    np.save(tmp_path / "ids/x.npy", truth * 11)
    (tmp_path / "r.json").write_text("[]")
    file = segments_json(tmp_path, ["x"], [(truth, truth)], {0: 0, 1: 1})
    cases: list[tuple[Path, dict[str, Any]]] = [
        (tmp_path / "ids", {"things": ["b"]}), (tmp_path / "r.json", {"things": ["b"]}),
        (tmp_path / "r.json", {"divisor": 10}), (file, {"divisor": 10}), (file, {"masks": True}),
        (tmp_path / "ids", {"divisor": 10, "threshold": 0.5}), (tmp_path / "ids", {"divisor": 0}),
    ]  # fmt: skip
    for path, options in cases:
        with pytest.raises(UsageError):
            pw.score_objects(path, split, **options)
    said = run("score", tmp_path / "ids", tmp_path, "--divisor", "10")
    assert said.returncode == 2
    assert "--divisor: only with --objects; add --objects" in said.stderr


def test_bad_files_of_numbers_are_named(tmp_path: Path) -> None:
    truth = np.zeros((4, 5), np.uint8)
    split, path = numbered(pw.ClassTable(("a", "b")), ["x"], [truth], [truth]), tmp_path / "x.npy"
    np.save(path, truth)
    for cut in (b"", b"\x93NUMPY", path.read_bytes()[:-3]):
        path.write_bytes(cut)
        with pytest.raises(PixelwiseError, match=r"x\.npy"):
            pw.score_objects(tmp_path, split, divisor=10)
    for wrong in (truth.astype(np.float32), truth[:2], truth[None].repeat(3, 0), truth + np.uint8(90)):
        np.save(path, wrong)
        with pytest.raises(PixelwiseError, match=r"x\.npy"):
            pw.score_objects(tmp_path, split, divisor=10)


def test_the_work_of_segments_can_be_pickled(tmp_path: Path) -> None:
    """For pools of processes."""
    truth = np.zeros((4, 5), np.uint8)
    split = pw.Split("val", pw.ClassTable(("a", "b")), pw.ArraySource([np.zeros((4, 5, 3), np.uint8)], [truth], ["x"]))
    np.save(tmp_path / "x.npy", truth)
    for divisor in (None, 10):
        _, work = _ways(tmp_path, split, IDS, divisor, None)
        pickle.loads(pickle.dumps(work))
    file = segments_json(tmp_path, ["x"], [(truth, truth)], {0: 0, 1: 1})
    pickle.loads(pickle.dumps(_ways(file, split, IDS, None, None)[1]))


def test_panoptic_predictions_of_cityscapes(tmp_path: Path) -> None:
    """Frames and label ids are theirs, as the official script has them."""
    from pixelwise.metrics.protocols import CITYSCAPES_CLASSES

    label_ids = {7: 0, 24: 11, 26: 13}
    table = pw.ClassTable(CITYSCAPES_CLASSES, values={**label_ids, 255: 255})
    truth = np.zeros((8, 12), np.uint8)
    numbers = np.full((8, 12), 7, np.uint16)
    for n, x in enumerate((1, 5)):
        truth[2:6, x : x + 3], numbers[2:6, x : x + 3] = 13, 26_000 + n
    truth[:2, 9:], numbers[:2, 9:] = 11, 24  # a group
    split = numbered(table, ["ulm/ulm_000001_000019"], [truth], [numbers])
    guess = truth.copy()
    guess[2:6, 1] = 0
    objects = np.where(guess == 13, numbers % 1000 + 1, 0)
    path = segments_json(tmp_path, ["ulm_000001_000019"], [(guess, objects)], {0: 7, 11: 24, 13: 26})
    with pytest.raises(PixelwiseError):
        pw.score_objects(path, split)
    found = pw.score_objects(path, split, stored_values=True).scores
    assert isinstance(found, PanopticScores)
    assert found.hits[[0, 11, 13]].tolist() == [1, 0, 2]
    assert (found.false.sum(), found.missed.sum()) == (0, 0), "what lies in a group is not counted"
    assert found.sq[13] == pytest.approx((8 / 12 + 1) / 2)
    folder = tmp_path / "numbered"
    folder.mkdir()
    Image.fromarray((np.array([7, *[0] * 10, 24, 0, 26])[guess] * 1000 + objects).astype(np.uint16)).save(
        folder / "ulm_000001_000019.png"
    )
    again = pw.score_objects(folder, split, divisor=1000, stored_values=True).scores
    assert str(again) == str(found)
    with pytest.raises(PixelwiseError, match="of class 24, of which there is none") as error:
        pw.score_objects(folder, split, divisor=1000)
    assert error.value.code == "prediction-out-of-range"
