"""Scoring folders: every image once, at its own size, or nothing at all, with every problem named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.classes import ClassTable
from pixelwise.dataset.dataset import Dataset
from pixelwise.errors import LabelError, MissingError, ScoreError, UsageError
from pixelwise.evaluation.prediction_files import SHOWN, find_files, write_prediction
from pixelwise.evaluation.scoring import score
from tests.support.program import run


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return pw.open(pw.sample(tmp_path_factory.mktemp("scoring") / "s", count=16, seed=5))


@pytest.fixture(scope="module")
def val(dataset: Dataset) -> pw.Split:
    return dataset["val"]


def guess(label: np.ndarray, i: int) -> np.ndarray:
    """A prediction that is wrong in its own way for each image."""
    out = np.where(label == 255, 0, label).astype(np.uint8)
    out = np.roll(out, (3 + i, 5), (0, 1))
    out[:20, : 40 + 10 * i] = i % 21
    return out


@pytest.fixture
def folder(val: pw.Split, tmp_path: Path) -> Path:
    for i, sample in enumerate(val):
        assert sample.label is not None
        write_prediction(tmp_path / "p" / f"{sample.name}.png", guess(sample.label, i), val.classes)
    return tmp_path / "p"


def counted(val: pw.Split) -> pw.Confusion:
    confusion = pw.Confusion(21, 255, class_names=val.classes.names, per_image=True)
    for i, sample in enumerate(val):
        assert sample.label is not None
        confusion.update(guess(sample.label, i), sample.label, sample.name)
    return confusion


def plain_counts(val: pw.Split) -> np.ndarray:
    """Truth by prediction, by NumPy alone."""
    out = np.zeros((21, 21), np.int64)
    for i, sample in enumerate(val):
        known = sample.label != 255
        np.add.at(out, (sample.label[known], guess(sample.label, i)[known]), 1)
    return out


def test_a_folder_scores_as_its_pixels(val: pw.Split, folder: Path) -> None:
    result = score(folder, val)
    assert np.array_equal(result.confusion.matrix[:, :21], plain_counts(val))
    assert result.confusion == counted(val)
    assert result.scores.miou == counted(val).scores("voc").miou
    assert "mean of" in str(result)
    assert json.loads(result.save(folder.parent / "scores.json").read_text())["images"] == len(val)
    assert repr(result) == f"Scoring(val, {len(val)} images, mIoU {100 * result.scores.miou:.2f} % by voc)"


def test_a_path_and_a_dataset_score_as_their_split(dataset: Dataset, val: pw.Split, folder: Path) -> None:
    for data, splits in ((dataset.root, None), (dataset, "val"), (str(dataset.root), ["val"])):
        assert score(folder, data, splits=splits).confusion == counted(val)


def test_several_splits_score_as_one(dataset: Dataset, val: pw.Split, folder: Path) -> None:
    for sample in dataset["train"]:
        write_prediction(folder / f"{sample.name}.png", np.zeros_like(sample.label), val.classes)
    result = score(folder, dataset, "mmseg", splits=["val", "train"])
    assert len(result.confusion.images.names) == len(val) + len(dataset["train"])
    assert result.split.name == "val+train"


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(val: pw.Split, folder: Path, threads: int) -> None:
    assert score(folder, val, threads=threads).confusion == counted(val)


def _rewrite(folder: Path, val: pw.Split, kind: str) -> None:
    for path in list(folder.glob("*.png")):
        ids = np.array(Image.open(path))
        if kind == "npy":
            np.save(path.with_suffix(".npy"), ids.astype(np.int64))
            path.unlink()
        elif kind == "gray":
            Image.fromarray(ids).save(path)
        elif kind == "gray16":
            Image.fromarray(ids.astype(np.uint16)).save(path)
        elif kind == "color":
            Image.fromarray(val.classes.decode(ids)).save(path)


@pytest.mark.parametrize("kind", ["npy", "gray", "gray16", "color"])
def test_every_coding_of_ids_scores_alike(val: pw.Split, folder: Path, kind: str) -> None:
    _rewrite(folder, val, kind)
    assert score(folder, val).confusion == counted(val)


def test_a_pack_scores_as_its_files(dataset: Dataset, val: pw.Split, folder: Path, tmp_path: Path) -> None:
    for encoding in ("raw", "original"):
        pw.pack(dataset, tmp_path / encoding, encoding=encoding)
        assert score(folder, pw.open(tmp_path / encoding)["val"]).confusion == counted(val)


def test_boundary_iou_comes_with_it(val: pw.Split, folder: Path) -> None:
    bands = pw.BoundaryConfusion(21, 255)
    for i, sample in enumerate(val):
        bands.update(guess(sample.label, i), sample.label)
    result = score(folder, val, boundary=True)
    assert result.boundary is not None
    assert result.boundary.miou == bands.miou
    assert "boundary mIoU" in str(result)


# -- what is wrong ------------------------------------------------------------------------------------------


def test_missing_and_extra_predictions_are_named(val: pw.Split, folder: Path) -> None:
    first, second = val.names[0], val.names[1]
    (folder / f"{first}.png").rename(folder / f"{first}x.png")
    (folder / f"{second}.png").unlink()
    with pytest.raises(ScoreError) as caught:
        score(folder, val)
    notes = "\n".join(caught.value.__notes__)
    assert caught.value.code == "bad-predictions"
    assert f"{first}.png: no such prediction" in notes
    assert f"{second}.png: no such prediction" in notes
    assert f"{first}x.png: no sample of the split has this name" in notes


def test_one_problem_is_told_by_itself(val: pw.Split, folder: Path) -> None:
    path = folder / f"{val.names[2]}.png"
    path.unlink()
    with pytest.raises(ScoreError, match="no such prediction") as caught:
        score(folder, val)
    assert caught.value.code == "missing-prediction"
    assert caught.value.where == str(path)
    path.with_suffix(".jpg").touch()
    with pytest.raises(ScoreError, match="differs in extension"):
        score(folder, val)


def test_two_files_of_one_sample(val: pw.Split, folder: Path) -> None:
    np.save(folder / f"{val.names[0]}.npy", np.zeros((2, 2), np.uint8))
    with pytest.raises(ScoreError) as caught:
        score(folder, val)
    assert caught.value.code == "two-predictions"


def test_many_problems_are_counted(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    names = [f"n{i}" for i in range(SHOWN + 5)]
    with pytest.raises(ScoreError, match=f"{SHOWN + 5} problems") as caught:
        find_files(tmp_path / "empty", names)
    assert len(caught.value.__notes__) == SHOWN + 1
    assert caught.value.__notes__[-1] == "and 5 more"
    assert caught.value.code == "missing-prediction"


def test_wrong_sizes_and_damage_are_all_named_and_nothing_is_scored(val: pw.Split, folder: Path) -> None:
    small, cut, color = (folder / f"{val.names[i]}.png" for i in (0, 1, 2))
    Image.fromarray(np.zeros((10, 12), np.uint8)).save(small)
    cut.write_bytes(cut.read_bytes()[:-40])
    shape = np.array(Image.open(color)).shape
    Image.fromarray(np.full((*shape, 3), (77, 3, 9), np.uint8)).save(color)
    with pytest.raises(ScoreError) as caught:
        score(folder, val)
    notes = "\n".join(caught.value.__notes__)
    assert "3 problems" in str(caught.value)
    for code in ("wrong-size", "truncated", "unknown-color"):
        assert f"[{code}]" in notes


def test_a_transposed_prediction_is_a_wrong_size(val: pw.Split, folder: Path) -> None:
    path = folder / f"{val.names[0]}.png"
    Image.fromarray(np.array(Image.open(path)).T.copy()).save(path)
    with pytest.raises(ScoreError, match="its sample is") as caught:
        score(folder, val)
    assert caught.value.code == "wrong-size"


def _stray(folder: Path, val: pw.Split, value: int, where: str) -> tuple[Path, np.ndarray]:
    """One pixel of the first prediction becomes `value`, where the truth has a class or is void."""
    path = folder / f"{val.names[0]}.png"
    ids = np.array(Image.open(path))
    truth = val[0].label
    assert truth is not None
    y, x = np.argwhere((truth == 255) == (where == "void"))[3]
    ids[y, x] = value
    Image.fromarray(ids).save(path)
    return path, ids


@pytest.mark.parametrize("value", [21, 255])
@pytest.mark.parametrize(
    ("protocol", "where", "refused"),
    [
        ("voc", "class", True),
        ("voc", "void", True),
        ("torchmetrics-macro", "class", True),
        ("torchmetrics-macro", "void", False),
        ("cityscapes", "class", False),
        ("mmseg", "class", False),
        ("detectron2", "class", False),
    ],
)
def test_out_of_range_predictions_as_the_protocol_says(
    val: pw.Split, folder: Path, value: int, protocol: str, where: str, refused: bool
) -> None:
    path, ids = _stray(folder, val, value, where)
    if refused:
        with pytest.raises(ScoreError) as caught:
            score(folder, val, protocol)
        assert caught.value.code == "prediction-out-of-range"
        assert caught.value.where == str(path)
        return
    result = score(folder, val, protocol)
    expected = pw.Confusion(21, 255, class_names=val.classes.names, per_image=True)
    for i, sample in enumerate(val):
        expected.update(ids if i == 0 else guess(sample.label, i), sample.label, sample.name)
    assert result.confusion == expected
    assert result.scores.outside == (where == "class")


def test_a_renumbered_palette_is_refused(val: pw.Split, folder: Path) -> None:
    path = folder / f"{val.names[0]}.png"
    ids = np.array(Image.open(path))
    ids[:50] = 15
    used, dense = np.unique(ids, return_inverse=True)
    picture = Image.fromarray(dense.reshape(ids.shape).astype(np.uint8), "P")
    picture.putpalette(val.classes.palette[used].tobytes())
    picture.save(path)
    with pytest.raises(LabelError, match="palette-conflict"):
        score(folder, val)


def test_stored_values(tmp_path: Path) -> None:
    table = ClassTable(("road", "car"), values={7: 0, 26: 1, 0: 255})
    truth = np.array([[0, 1, 255], [1, 1, 0]], np.uint8)
    split = pw.Split("val", table, pw.ArraySource([np.zeros((2, 3, 3), np.uint8)], [truth], names=["city/a"]))
    (tmp_path / "city").mkdir()
    ids = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
    Image.fromarray(ids).save(tmp_path / "city" / "a.png")
    by_id = score(tmp_path, split, "cityscapes")
    Image.fromarray(np.array([7, 26], np.uint8)[ids]).save(tmp_path / "city" / "a.png")
    assert score(tmp_path, split, "cityscapes", stored_values=True).confusion == by_id.confusion
    for protocol in ("voc", "cityscapes"):  # cityscapes would count 7 and 26 as misses
        with pytest.raises(ScoreError, match=r"\d+ is a stored label value, not a class id \(0..1\)") as caught:
            score(tmp_path, split, protocol)
        assert caught.value.code == "stored-values"
    Image.fromarray(np.array([0, 99], np.uint8)[ids]).save(tmp_path / "city" / "a.png")
    assert score(tmp_path, split, "cityscapes").scores.outside == 2


def test_wrong_calls(val: pw.Split, dataset: Dataset, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no such folder"):
        score(tmp_path / "nowhere", val)
    with pytest.raises(UsageError, match="a path, a Dataset or a Split"):
        score(folder, 5)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no split named"):
        score(folder, dataset, splits="validation")
    with pytest.raises(UsageError, match="no protocol"):
        score(folder, val, "iou")
    bare = pw.Split("test", val.classes, pw.ArraySource([np.zeros((2, 3, 3), np.uint8)]))
    with pytest.raises(UsageError, match="no labels"):
        score(folder, bare)


# -- what comes of it ---------------------------------------------------------------------------------------


def test_the_worst_images(val: pw.Split, folder: Path) -> None:
    result = score(folder, val)
    means = {}
    for i, sample in enumerate(val):
        ids, truth = guess(sample.label, i), sample.label
        known = truth != 255
        shown = set(truth[known]) | set(ids[known])
        ious = [
            ((ids == c) & (truth == c)).sum() / ((((ids == c) | (truth == c)) & known).sum()) for c in sorted(shown)
        ]
        means[sample.name] = float(np.mean(ious))
    found = result.worst(3)
    assert [w.name for w in found] == sorted(means, key=lambda n: means[n])[:3]
    assert [w.miou for w in found] == pytest.approx(sorted(means.values())[:3], abs=1e-12)
    assert [val.names[w.position] for w in found] == [w.name for w in found]
    sheet = result.worst_sheet(2)
    assert sheet.size[0] > 400
    assert result.plot().size[0] > 400


def test_what_is_not_a_class_is_drawn_as_void_without_a_void_class(tmp_path: Path) -> None:
    image, truth = np.zeros((60, 80, 3), np.uint8), np.zeros((60, 80), np.uint8)
    drawn = []
    for name, table in (("none", pw.ClassTable(("a", "b"), ignore_index=None)), ("void", pw.ClassTable(("a", "b")))):
        split = pw.Split("val", table, pw.ArraySource([image], [truth], names=["x"]))
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "x.npy", np.full((60, 80), 7))
        result = score(tmp_path / name, split, "mmseg")
        drawn.append(np.asarray(result.worst_sheet()))
        best = np.asarray(result.worst_sheet(best=True))
        assert not np.array_equal(best[:100], drawn[0][:100]), "the best are called so"
        assert np.array_equal(best[100:], drawn[0][100:])
    assert np.array_equal(*drawn)


def test_a_path_takes_the_options_of_open(dataset: Dataset, val: pw.Split, folder: Path) -> None:
    assert score(folder, dataset.root, labels="SegmentationClass").confusion == score(folder, val).confusion
    with pytest.raises(UsageError, match=r"format voc has no such option: .*'thread'"):
        score(folder, dataset.root, thread=2)
    for data in (dataset, val):
        with pytest.raises(UsageError, match=r"score\(\) has no argument thread; .* only with a path"):
            score(folder, data, thread=2)


def test_compared_with_a_baseline(val: pw.Split, folder: Path, tmp_path: Path) -> None:
    better = tmp_path / "better"
    shutil.copytree(folder, better)
    for i, sample in enumerate(val):
        assert sample.label is not None
        half = guess(sample.label, i)
        half[:100] = np.where(sample.label == 255, 0, sample.label)[:100]
        write_prediction(better / f"{sample.name}.png", half, val.classes)
    difference = score(better, val).compare(score(folder, val))
    assert difference.miou.value == pytest.approx(score(better, val).scores.miou - score(folder, val).scores.miou)
    assert difference.miou.low > 0
    assert difference.images == len(val)


# -- the command --------------------------------------------------------------------------------------------


def test_the_command(dataset: Dataset, val: pw.Split, folder: Path, tmp_path: Path) -> None:
    done = run("score", folder, dataset.root, "--plot", tmp_path / "c.png", "--worst", 3, "-o", tmp_path / "w.png",
               "--baseline", folder, "--intervals", "--json")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["scores"]["miou"] == counted(val).scores("voc").miou
    assert found["scores"]["protocol"] == "voc"
    assert len(found["worst"]) == 3
    assert found["baseline"]["difference"]["miou"]["value"] == 0
    assert np.array(Image.open(tmp_path / "c.png")).shape[0] > 400
    assert np.array(Image.open(tmp_path / "w.png")).shape[0] > 400
    (folder / f"{val.names[0]}.png").unlink()
    (folder / f"{val.names[1]}.png").unlink()
    refused = run("score", folder, dataset.root)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr.count("no such prediction") == 2
    assert refused.stderr.splitlines()[-1].startswith("pixelwise: ")
    assert run("score", folder, dataset.root, "--protocol", "best").returncode == 2
