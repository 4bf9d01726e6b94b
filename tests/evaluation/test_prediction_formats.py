"""Prediction files as people have them: names of Cityscapes, NPZ, masks of 0 and 255, gray in three channels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.classes import ClassTable
from pixelwise.errors import FileError, LabelError, ScoreError, UsageError
from pixelwise.evaluation.prediction_files import holding
from pixelwise.viewer.entries import Entries
from pixelwise.viewer.runs import Run
from tests.support.program import run

TRUTH = np.array([[0, 1, 255], [1, 1, 0]], np.uint8)
IDS = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
FRAMES = ("aachen/aachen_000000_000019", "ulm/ulm_000001_000019")


def split_of(names: tuple[str, ...], classes: tuple[str, ...] = ("road", "car")) -> pw.Split:
    images = [np.zeros((2, 3, 3), np.uint8)] * len(names)
    return pw.Split("val", ClassTable(classes), pw.ArraySource(images, [TRUTH] * len(names), names=list(names)))


def plain(split: pw.Split) -> pw.Confusion:
    out = pw.Confusion(split.classes, per_image=True)
    for name in split.names:
        out.update(IDS, TRUTH, name)
    return out


@pytest.mark.parametrize(
    "files",
    [
        ("aachen/aachen_000000_000019.png", "ulm/ulm_000001_000019.png"),
        ("aachen_000000_000019.png", "ulm_000001_000019_pred_labelTrainIds.png"),
        ("a/b/aachen_000000_000019_leftImg8bit.png", "ulm_000001_000019.png"),
    ],
)
def test_frames_of_cityscapes_by_the_official_pattern(files: tuple[str, str], tmp_path: Path) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(IDS).save(tmp_path / file)
    split = split_of(FRAMES)
    assert pw.score(tmp_path, split).confusion == plain(split)
    entries = Entries([split], split.classes)
    run = Run(tmp_path, "run", entries, 0, "mmseg", holding(split.classes, False, False, None))
    assert [run.prediction(entries.entry(k)).tolist() for k in range(2)] == [IDS.tolist()] * 2


def test_two_files_of_one_frame(tmp_path: Path) -> None:
    for file in ("aachen_000000_000019.png", "aachen_000000_000019_color.png", "ulm_000001_000019.png"):
        Image.fromarray(IDS).save(tmp_path / file)
    with pytest.raises(ScoreError) as error:
        pw.score(tmp_path, split_of(FRAMES))
    assert error.value.code == "two-predictions"


def test_other_names_are_not_taken_for_frames(tmp_path: Path) -> None:
    split = split_of(("a", "b"))
    for file in ("a_000000_000019.png", "b.png"):
        Image.fromarray(IDS).save(tmp_path / file)
    with pytest.raises(ScoreError) as error:
        pw.score(tmp_path, split)
    assert "[missing-prediction]" in "\n".join(error.value.__notes__)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(save: object, tmp_path: Path) -> None:
    split = split_of(("seq/00000", "seq/00001"))
    (tmp_path / "seq").mkdir()
    save(tmp_path / "seq" / "00000.npz", IDS)  # type: ignore[operator]
    np.save(tmp_path / "seq" / "00001.npy", IDS)
    assert pw.score(tmp_path, split).confusion == plain(split)


def test_wrong_npz(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, IDS, IDS)
    with pytest.raises(FileError, match="holds 2 arrays"):
        pw.score(tmp_path, split_of(("a",)))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FileError, match="not a readable NPZ"):
        pw.score(tmp_path, split_of(("a",)))
    np.savez_compressed(path, np.zeros(60_000_000, np.float64))
    with pytest.raises(FileError) as error:
        pw.score(tmp_path, split_of(("a",)))
    assert error.value.code in ("too-large", "unsupported-format")


@pytest.mark.parametrize("protocol", ["voc", "mmseg"])
def test_masks_of_0_and_255(protocol: str, tmp_path: Path) -> None:
    split = split_of(("a",))
    Image.fromarray(IDS * 255).save(tmp_path / "a.png")
    with pytest.raises(ScoreError, match="masks=True") as error:
        pw.score(tmp_path, split, protocol)
    assert error.value.code == "mask-values"
    result = pw.score(tmp_path, split, protocol, masks=True)
    assert result.confusion == plain(split)
    result.worst_sheet(1)
    Image.fromarray(IDS).save(tmp_path / "a.png")
    with pytest.raises(ScoreError, match=r"holds \[0, 1\], expected 0 and 255"):
        pw.score(tmp_path, split, protocol, masks=True)
    with pytest.raises(UsageError, match="one of them"):
        pw.score(tmp_path, split, protocol, masks=True, stored_values=True)
    with pytest.raises(UsageError, match="masks are for two classes"):
        pw.score(tmp_path, split_of(("a",), ("a", "b", "c")), protocol, masks=True)


def test_void_in_a_prediction_is_not_a_mask(tmp_path: Path) -> None:
    """255 only where the truth is void, and no car: a prediction, not a mask."""
    Image.fromarray(np.where(TRUTH == 255, 255, 0).astype(np.uint8)).save(tmp_path / "a.png")
    assert pw.score(tmp_path, split_of(("a",)), "mmseg").scores.iou[1] == 0


def test_a_mask_that_hits_nothing_is_named_as_one(tmp_path: Path) -> None:
    """Where the truth is void, nothing tells a mask from void that was predicted, so `voc` says what it may be."""
    Image.fromarray(np.where(TRUTH == 255, 255, 0).astype(np.uint8)).save(tmp_path / "a.png")
    n = int((TRUTH == 255).sum())
    with pytest.raises(ScoreError, match=rf"{n} pixels are 255 and all others 0, as in a mask; .*masks=True") as error:
        pw.score(tmp_path, split_of(("a",)), "voc")
    assert error.value.code == "prediction-out-of-range"


def test_ids_in_three_channels(tmp_path: Path) -> None:
    Image.fromarray(np.repeat(IDS[..., None] + 1, 3, axis=2)).save(tmp_path / "a.png")
    with pytest.raises(LabelError, match="save one channel") as error:
        pw.score(tmp_path, split_of(("a",)))
    assert error.value.code == "gray-rgb"


def test_masks_on_the_command_line(tmp_path: Path) -> None:
    assert "--masks" in run("score", "--help", folder=tmp_path).stdout


# -- every form of predictions, at every door ----------------------------------------------------------------

TWO = ClassTable(("background", "car"), values={11: 0, 26: 1, 255: 255})
FORMS: dict[str, dict[str, object]] = {
    "ids": {}, "palette": {}, "npy": {}, "npz": {}, "results": {}, "runs": {},
    "stored values": {"stored_values": True}, "masks": {"masks": True}, "numbers": {"threshold": 0.5},
}  # fmt: skip


class Numbered(pw.ArraySource):
    """Its cars are one object of each image."""

    def read(self, index: int, *args: Any, **options: Any) -> pw.Sample:
        return replace(super().read(index, *args, **options), instances=np.where(TRUTH == 1, 7, 0))


def of_two() -> pw.Split:
    images = [np.zeros((2, 3, 3), np.uint8)] * 2
    return pw.Split("val", TWO, Numbered(images, [TRUTH] * 2, names=["a", "b"]))


def written(form: str, root: Path) -> Path:
    """The predictions of both samples in a form."""
    if form == "results":
        runs = [{"size": [2, 3], "counts": [1, 1 + 1, 1, 1, 1]}]
        objects = [{"image_id": n, "category_id": 1, "segmentation": s, "score": 1} for n in "ab" for s in runs]
        (root / "all.json").write_text(json.dumps(objects))
        return root / "all.json"
    if form == "runs":
        (root / "all.csv").write_text("ImageId,EncodedPixels\na,2 2 5 1\nb,2 2 5 1\n")
        return root / "all.csv"
    for name in "ab":
        file = root / f"{name}.png"
        if form in ("ids", "masks", "stored values"):
            values = {"ids": IDS, "masks": IDS * 255, "stored values": np.array([11, 26], np.uint8)[IDS]}[form]
            Image.fromarray(values).save(file)
        elif form == "palette":
            picture = Image.fromarray(IDS, mode="P")
            picture.putpalette(TWO.palette.tobytes())
            picture.save(file)
        elif form == "npz":
            np.savez(root / name, IDS)
        else:
            np.save(root / name, IDS if form == "npy" else np.where(IDS, 0.6, 0.5).astype(np.float32)[None])
    return root


def by_door(door: str, predictions: Path, split: pw.Split, how: dict[str, Any]) -> object:
    if door == "score":
        return pw.score(predictions, split, "mmseg", **how).confusion
    if door == "score_objects":
        return str(pw.score_objects(predictions, split, **how))
    if door == "submit":
        out = predictions.parent / f"{predictions.name}.out.csv"
        pw.submit(predictions, split, out, benchmark="rle-csv", **how)
        return out.read_bytes()
    holds = holding(split.classes, *(how.get(k, v) for k, v in (("stored_values", False), ("masks", False))),
                    how.get("threshold"))  # fmt: skip
    run = Run(predictions, "run", Entries([split], split.classes), 0, "mmseg", holds)
    run.find_scores()
    assert run.error == ""
    assert run.scoring is not None
    return [run.prediction(run._entries.entry(k)).tolist() for k in range(2)], run.scoring.confusion


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("door", ["score", "score_objects", "submit", "view"])
def test_every_door_reads_every_form(door: str, form: str, tmp_path: Path) -> None:
    if door == "score_objects" and form in ("results", "runs"):
        pytest.skip("a file of results is scored as objects")
    for folder in ("plain", "other"):
        (tmp_path / folder).mkdir()
    split = of_two()
    expected = by_door(door, written("npy", tmp_path / "plain"), split, {})
    assert by_door(door, written(form, tmp_path / "other"), split, dict(FORMS[form])) == expected


@pytest.mark.parametrize("command", ["score", "submit", "view"])
def test_every_command_that_takes_predictions_says_what_they_hold(command: str) -> None:
    text = run(command, "--help").stdout
    for option in ("--stored-values", "--masks", "--threshold"):
        assert option in text, option
