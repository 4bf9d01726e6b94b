"""Probabilities: written in strips from the same pass, read back, thresholds, ensembles, calibration."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.classes import ClassTable
from pixelwise.errors import DataError, ScoreError, UsageError
from pixelwise.evaluation.predicting import predict
from tests.support.program import run

SIZES = ((40, 50), (33, 21), (40, 50), (70, 64))


def split_of(classes: int, *sizes: tuple[int, int]) -> pw.Split:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w in sizes]
    truths = [rng.integers(0, classes, s).astype(np.uint8) for s in sizes]
    for truth in truths:
        truth[:3] = 255
    return pw.Split("val", ClassTable(tuple("abcdefgh"[:classes])), pw.ArraySource(images, truths))


class Net:
    """Logits of each pixel by itself; counts how many pixels it sees."""

    def __init__(self, channels: int) -> None:
        self.weights = np.random.default_rng(1).normal(size=(channels, 3)) * 4
        self.seen = 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        self.seen += images.shape[0] * images.shape[2] * images.shape[3]
        return np.einsum("kc,bchw->bkhw", self.weights, images - 0.5).astype(np.float32)


_WINDOWS, _SCALES = pw.Tiling(window=(24, 24), flips=("horizontal",)), pw.Tiling(window=(32, 16), scales=(1.0, 1.5))
TILINGS = (pw.Tiling(), _WINDOWS, _SCALES)


@pytest.mark.parametrize("tiling", TILINGS, ids=("whole", "windows", "scales"))
def test_probabilities_are_the_softmax_of_the_blended_logits(tiling: pw.Tiling, tmp_path: Path) -> None:
    split, net = split_of(4, *SIZES), Net(4)
    confusion = pw.Confusion(4, per_image=True)
    alone = Net(4)
    predict(alone, split, tmp_path / "ids", tiling=tiling)
    predict(net, split, tmp_path / "out", tiling=tiling, probabilities=tmp_path / "p", confusion=confusion)
    assert net.seen == alone.seen, "no second pass"
    for i, sample in enumerate(split):
        found = np.load(tmp_path / "p" / f"{split.names[i]}.npy")
        assert found.dtype == np.float16
        assert found.shape == (4, *sample.size)
        if len(tiling.scales) == 1:
            logits = net(sample.image.astype(np.float32).transpose(2, 0, 1)[None] / 255)[0].astype(np.float64)
            weights = np.exp(logits - logits.max(axis=0))
            assert np.abs(found - weights / weights.sum(axis=0)).max() < 1e-3
        assert np.abs(found.astype(np.float64).sum(axis=0) - 1).max() < 2e-3
    names = sorted(p.name for p in (tmp_path / "p").iterdir())
    assert names == sorted(f"{n}.npy" for n in split.names), "no temporary file is left"
    scored = pw.score_probabilities(tmp_path / "p", split)
    assert abs(scored.scores.miou - confusion.scores("mmseg").miou) < 2e-3
    json.dumps(scored.to_dict(), allow_nan=False)
    assert "ECE" in str(scored)
    scored.plot().save(tmp_path / "reliability.png")


def test_averaged_probabilities_are_written_as_they_are(tmp_path: Path) -> None:
    split, net = split_of(3, (40, 50)), Net(3)
    tiling = pw.Tiling(window=(24, 24), average="probabilities")
    predict(net, split, probabilities=tmp_path / "p", tiling=tiling)
    found = np.load(tmp_path / "p" / f"{split.names[0]}.npy").astype(np.float64)
    assert np.abs(found.sum(axis=0) - 1).max() < 2e-3


@pytest.mark.parametrize("tiling", TILINGS[:2], ids=("whole", "windows"))
@pytest.mark.parametrize("threshold", [0.0, 0.37])
def test_one_channel(tiling: pw.Tiling, threshold: float, tmp_path: Path) -> None:
    split, net = split_of(2, *SIZES), Net(1)
    confusion = pw.Confusion(2)
    options: Any = {"threshold": threshold, "tiling": tiling, "confusion": confusion}
    predict(net, split, tmp_path / "ids", probabilities=tmp_path / "p", **options)
    expected = pw.Confusion(2)
    for i, sample in enumerate(split):
        logits = net(sample.image.astype(np.float32).transpose(2, 0, 1)[None] / 255)[0]
        expected.update((logits[0] > np.float64(threshold)).astype(int), sample.label)
        found = np.load(tmp_path / "p" / f"{split.names[i]}.npy")
        assert found.shape == (1, *sample.size)
        assert np.abs(found[0] - 1 / (1 + np.exp(-logits[0].astype(np.float64)))).max() < 1e-3
    assert confusion == expected
    assert pw.score(tmp_path / "ids", split).confusion.matrix.tolist() == expected.matrix.tolist()
    chosen = float(1 / (1 + np.exp(-threshold)))
    scored = pw.score_probabilities(tmp_path / "p", split, threshold=chosen)
    assert abs(scored.scores.miou - expected.scores("mmseg").miou) < 2e-3
    best = scored.best()
    assert best.dice[1] >= scored.counts.at(0.5).dice[1]


def test_the_mean_of_several_runs(tmp_path: Path) -> None:
    split = split_of(3, *SIZES)
    nets = [Net(3), Net(3)]
    nets[1].weights[:] = nets[1].weights[::-1]
    for k, net in enumerate(nets):
        predict(net, split, probabilities=tmp_path / str(k))
    scored = pw.score_probabilities([tmp_path / "0", tmp_path / "1"], split)
    expected = pw.Confusion(3)
    for i, sample in enumerate(split):
        both = [np.load(tmp_path / str(k) / f"{split.names[i]}.npy").astype(np.float64) for k in (0, 1)]
        expected.update(np.mean(both, axis=0).argmax(axis=0), sample.label)
    assert scored.confusion.matrix.tolist() == expected.matrix.tolist()


def test_masks_that_overlap_are_written_by_sigmoid(tmp_path: Path) -> None:
    split, net = split_of(3, (40, 50)), Net(3)
    predict(net, split, probabilities=tmp_path / "p", activation="sigmoid")
    logits = net(split[0].image.astype(np.float32).transpose(2, 0, 1)[None] / 255)[0].astype(np.float64)
    found = np.load(tmp_path / "p" / f"{split.names[0]}.npy")
    assert np.abs(found - 1 / (1 + np.exp(-logits))).max() < 1e-3


def test_a_run_continues_where_a_file_is_missing(tmp_path: Path) -> None:
    split, net = split_of(3, *SIZES), Net(3)
    options: Any = {"probabilities": tmp_path / "p"}
    predict(net, split, tmp_path / "ids", **options)
    before = {p.name: p.read_bytes() for p in (tmp_path / "p").iterdir()}
    (tmp_path / "p" / f"{split.names[1]}.npy").unlink()
    done = predict(net, split, tmp_path / "ids", **options)
    assert (done.predicted, done.kept) == (1, 3)
    assert {p.name: p.read_bytes() for p in (tmp_path / "p").iterdir()} == before


def test_a_failure_leaves_no_half_file(tmp_path: Path) -> None:
    split, net = split_of(3, (90, 50)), Net(3)

    def fails(images: np.ndarray) -> np.ndarray:
        out = net(images)
        if net.seen > 4000:
            raise ZeroDivisionError
        return out

    with pytest.raises(ZeroDivisionError):
        predict(fails, split, probabilities=tmp_path / "p", tiling=pw.Tiling(window=(24, 24)), batch_size=1)
    assert not list((tmp_path / "p").iterdir())


def test_memory_is_that_of_a_strip(tmp_path: Path) -> None:
    size = (2000, 600)
    split = pw.Split("val", ClassTable(tuple("abcd")), pw.ArraySource([np.zeros((*size, 3), np.uint8)]))
    net, tiling = Net(4), pw.Tiling(window=(64, 600), overlap=0.0)
    predict(net, split_of(4, (64, 600)), probabilities=tmp_path / "warm", tiling=tiling)
    tracemalloc.start()
    predict(net, split, probabilities=tmp_path / "p", tiling=tiling, batch_size=1, threads=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "p" / f"{split.names[0]}.npy").stat().st_size > 4 * 2 * 2000 * 600
    assert peak < 4 * 2 * 2000 * 600, "less than the file"


def test_memory_does_not_grow_with_the_planes_of_an_image(tmp_path: Path) -> None:
    """An image of four times the rows takes its own pixels and ids more, not the probabilities of its rows."""
    width, classes = 600, 8
    net, tiling = Net(classes), pw.Tiling(window=(64, width), overlap=0.25)
    peaks = {}
    for height in (64, 1000, 4000):  # the first one warms
        source = pw.ArraySource([np.zeros((height, width, 3), np.uint8)])
        split = pw.Split("val", ClassTable(tuple("abcdefgh")), source)
        tracemalloc.start()
        predict(net, split, probabilities=tmp_path / str(height), tiling=tiling, batch_size=1, threads=1)
        peaks[height] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    more = (4000 - 1000) * width
    assert peaks[4000] - peaks[1000] < 6 * more, "3 bytes of colors and one id a pixel, and room for the tiles' records"
    assert 2 * classes * more > 2.5 * 6 * more, "what the file holds more"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"threshold": 0.5}, "two classes, the split has 3"),
        ({"activation": "tanh"}, "activation must be"),
        ({"activation": "sigmoid", "tiling": pw.Tiling(average="probabilities")}, "softmax over the classes"),
    ],
)
def test_wrong_calls(options: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        predict(Net(3), split_of(3, (8, 9)), probabilities=tmp_path / "p", **options)


def test_wrong_calls_of_one_channel(tmp_path: Path) -> None:
    split = split_of(2, (8, 9))
    with pytest.raises(UsageError, match="one plane for two"):
        predict(Net(1), split, tmp_path / "a")
    with pytest.raises(UsageError, match="one channel has no softmax"):
        predict(Net(1), split, tmp_path / "a", threshold=0.0, activation="softmax")
    with pytest.raises(UsageError, match="threshold must be a number"):
        predict(Net(1), split, tmp_path / "a", threshold="0")  # type: ignore[arg-type]
    with pytest.raises(ScoreError, match=r"expected 0\.\.1") as error:
        predict(Net(2), split, probabilities=tmp_path / "p", activation="none")
    assert error.value.code == "not-probabilities"


@pytest.mark.parametrize(
    ("array", "code"),
    [
        (np.zeros((3, 8, 8)), "wrong-size"),
        (np.zeros((2, 8, 9)), "wrong-size"),
        (np.zeros((3, 8, 9), int), "unsupported-format"),
        (np.full((3, 8, 9), 7.0), "prediction-out-of-range"),
        (b"no array", "corrupt"),
        (None, "missing-prediction"),
    ],
)
def test_wrong_files(array: Any, code: str, tmp_path: Path) -> None:
    split = split_of(3, (8, 9))
    folder = tmp_path / "p"
    folder.mkdir()
    path = folder / f"{split.names[0]}.npy"
    if isinstance(array, bytes):
        path.write_bytes(array)
    elif array is not None:
        np.save(path, array)
    with pytest.raises(DataError) as error:
        pw.score_probabilities(folder, split)
    assert error.value.code == code


def test_the_command_line(tmp_path: Path) -> None:
    root = pw.sample(tmp_path / "s", count=6, seed=1)
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "W = np.random.default_rng(0).normal(size=(21, 3))\n"
        "def net(x):\n"
        "    return np.einsum('kc,bchw->bkhw', W, x).astype(np.float32)\n"
    )
    done = run("predict", "mine:net", root, "-o", "ids", "--probabilities", "p", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    done = run("score", "p", root, "--probabilities", "--protocol", "mmseg", "--plot", "r.png", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ECE" in done.stdout
    assert (tmp_path / "r.png").exists()
    refused = run("score", "p", root, "--probabilities", "--intervals", folder=tmp_path)
    assert refused.returncode == 2
    assert "--probabilities does not go with --intervals" in refused.stderr


def binary(folder: Path, count: int = 3) -> tuple[pw.Split, list[np.ndarray]]:
    """Two classes, and logits of one channel for each image as float32 NPY."""
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, 2, (20 + k, 30)).astype(np.uint8) for k in range(count)]
    labels[0][:2] = 255
    logits = [np.where(label == 1, 1.0, -1.0) + rng.normal(0, 1.5, label.shape) for label in labels]
    source = pw.ArraySource([np.zeros((*label.shape, 3), np.uint8) for label in labels], labels)
    split = pw.Split("val", pw.ClassTable(("ground", "road")), source)
    folder.mkdir()
    for k, (name, plane) in enumerate(zip(split.names, logits, strict=True)):
        np.save(folder / f"{name}.npy", plane.astype(np.float32)[None] if k else plane.astype(np.float32))
    return split, [plane.astype(np.float32) for plane in logits]


@pytest.mark.parametrize("threshold", [0, 0.7, -0.3])
def test_scores_above_a_threshold(tmp_path: Path, threshold: float) -> None:
    split, logits = binary(tmp_path / "logits")
    expected = pw.Confusion(split.classes, per_image=True)
    for sample, plane in zip(split, logits, strict=True):
        expected.update((plane > threshold).astype(np.uint8), sample.label, sample.name)
    found = pw.score(tmp_path / "logits", split, threshold=threshold)
    assert found.confusion == expected
    both, wrong = expected.matrix[1, 1], expected.matrix[0, 1] + expected.matrix[1, 0]
    assert found.scores.foreground_iou == both / (both + wrong)
    assert found.scores.foreground_dice == pytest.approx(2 * both / (2 * both + wrong))
    assert f"foreground IoU {100 * both / (both + wrong):.2f} %" in str(found)
    found.worst_sheet(2).save(tmp_path / "worst.png")
    parts = [pw.score(tmp_path / "logits", split, threshold=threshold, part=(k, 2)) for k in (1, 2)]
    assert pw.merge(parts, data=split).confusion == expected


def test_logits_become_probabilities(tmp_path: Path) -> None:
    split, logits = binary(tmp_path / "logits")
    (tmp_path / "soft").mkdir()
    (tmp_path / "two").mkdir()
    for name, plane in zip(split.names, logits, strict=True):
        np.save(tmp_path / "soft" / f"{name}.npy", (1 / (1 + np.exp(-plane.astype(np.float64))))[None])
        np.save(tmp_path / "two" / f"{name}.npy", np.stack([np.zeros_like(plane), plane]))
    plain = pw.score_probabilities(tmp_path / "soft", split)
    found = pw.score_probabilities(tmp_path / "logits", split, activation="sigmoid")
    assert (found.confusion, found.counts) == (plain.confusion, plain.counts)
    both = pw.score_probabilities([tmp_path / "two", tmp_path / "two"], split, activation="softmax")
    assert both.curve("road").average_precision == pytest.approx(plain.curve("road").average_precision, abs=1e-3)
    with pytest.raises(ScoreError):
        pw.score_probabilities(tmp_path / "logits", split)
    with pytest.raises(UsageError, match="no softmax"):
        pw.score_probabilities(tmp_path / "logits", split, activation="softmax")
    with pytest.raises(UsageError, match="two channels"):
        pw.score(tmp_path / "two", split, threshold=0)
    with pytest.raises(UsageError, match="one of them"):
        pw.score(tmp_path / "logits", split, threshold=0, masks=True)
    with pytest.raises(UsageError, match="must be a number"):
        pw.score(tmp_path / "logits", split, threshold="high")  # type: ignore[arg-type]
    logits[1][3, 4] = np.nan
    np.save(tmp_path / "logits" / f"{split.names[1]}.npy", logits[1])
    with pytest.raises(ScoreError, match="NaN at x=4, y=3"):
        pw.score(tmp_path / "logits", split, threshold=0)
