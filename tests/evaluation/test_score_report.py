"""Reports: the page, the table, rows for data frames, flat dicts for loggers, many runs compared."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.errors import UsageError
from tests.support.program import run

RUNS = ("good", "fair", "bad")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sample, and three folders of predictions that are shifted by 1, 4 and 9 pixels."""
    folder = tmp_path_factory.mktemp("report")
    made = pw.sample(folder / "s", count=24, seed=5)
    val = pw.open(made)["val"]
    for name, by in zip(RUNS, (1, 4, 9), strict=True):
        (folder / name).mkdir()
        for sample in val:
            ids = np.where(sample.label == 255, 0, sample.label).astype(np.uint8)
            Image.fromarray(np.roll(ids, by, 1)).save(folder / name / f"{sample.name}.png")
    return folder


@pytest.fixture(scope="module")
def scorings(root: Path) -> dict[str, pw.Scoring]:
    return {name: pw.score(root / name, root / "s", "mmseg") for name in RUNS}


def test_the_page(scorings: dict[str, pw.Scoring], tmp_path: Path) -> None:
    scoring = scorings["bad"]
    page = scoring.save_html(tmp_path / "scores.html").read_text("utf-8")
    assert f"mIoU {100 * scoring.scores.miou:.2f} %" in page
    for name in pw.VOC_NAMES:
        assert f"<td>{name}</td>" in page
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert page.count("data:image/png;base64,") == 3
    assert "torchmetrics-macro" in page
    assert len(re.findall(r"<i style=\"height:", page)) == 20
    assert page.count("<table>") == page.count("</table>") == 1


def test_the_page_escapes_names(tmp_path: Path) -> None:
    table = pw.ClassTable(("<b>x</b>", "y & z"))
    source = pw.ArraySource([np.zeros((4, 5, 3), np.uint8)], [np.eye(4, 5, dtype=np.uint8)], names=["<i>"])
    (tmp_path / "p").mkdir()
    np.save(tmp_path / "p" / "<i>.npy", np.eye(4, 5, dtype=np.uint8))
    page = pw.score(tmp_path / "p", pw.Split("<u>", table, source)).save_html(tmp_path / "a.html").read_text("utf-8")
    assert "&lt;b&gt;x&lt;/b&gt;" in page
    assert "y &amp; z" in page
    assert "<b>x" not in page
    assert "<u>" not in page


def test_the_table(scorings: dict[str, pw.Scoring], tmp_path: Path) -> None:
    scoring = scorings["fair"]
    with scoring.save_csv(tmp_path / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows[:-1]] == list(pw.VOC_NAMES)
    assert float(rows[0]["IoU"]) == pytest.approx(100 * scoring.scores.iou[0])
    assert float(rows[-1]["IoU"]) == pytest.approx(100 * scoring.scores.miou)
    assert sum(int(row["pixels"]) for row in rows[:-1]) == int(rows[-1]["pixels"]) == scoring.scores.pixels


def test_rows_and_flat_dicts() -> None:
    scores = pw.Confusion(3, class_names=("a", "b", "c")).update([0, 1, 1], [0, 0, 1]).scores("mmseg")
    assert scores.rows()[2] == {"class": "c", "IoU": None, "accuracy": None, "precision": None, "Dice": None}
    assert scores.rows()[0]["IoU"] == 50
    assert scores.rows()[-1]["IoU"] == 50
    flat = scores.flat("val/")
    assert flat["val/mIoU"] == 50
    assert set(flat) == {"val/mIoU", "val/pixel accuracy", "val/mean Dice", "val/IoU/a", "val/IoU/b"}


def test_many_runs(scorings: dict[str, pw.Scoring]) -> None:
    runs = {name: scorings[name].confusion for name in ("bad", "good", "fair")}
    found = pw.compare_runs(runs, "per-image", resamples=300)
    assert found.names == RUNS
    rows = found.rows()
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert rows[0]["difference"] is None
    paired = pw.paired_bootstrap(runs["good"], runs["bad"], "per-image", resamples=300)
    assert rows[2]["difference"] == pytest.approx(100 * paired.miou.value)
    assert rows[2]["low"] == pytest.approx(100 * paired.miou.low)
    assert rows[2]["clear"]
    assert "  *" in str(found)
    json.dumps(found.to_dict(), allow_nan=False)
    rare = pw.compare_runs(runs, "mmseg", resamples=100)
    assert not any(row["clear"] for row in rare.rows()), "classes in few images"
    assert "compare by per-image" in str(rare)
    with pytest.raises(UsageError, match="at least two"):
        pw.compare_runs({"good": runs["good"]})


def test_best_is_worst_backwards(scorings: dict[str, pw.Scoring]) -> None:
    scoring = scorings["bad"]
    assert scoring.best(3) == scoring.worst(len(scoring.split))[::-1][:3]


def test_the_command(root: Path) -> None:
    files = ("--html", "r.html", "--csv", "r.csv")
    others = ("--baseline", "fair", "--baseline", "bad")
    done = run("score", "good", "s", "--protocol", "per-image", *others, *files, folder=root)
    assert done.returncode == 0, done.stderr
    assert "less than the first" in done.stdout
    assert (root / "r.html").stat().st_size > 10_000
    assert (root / "r.csv").read_text().startswith("class,IoU,accuracy")
    one = run("score", "good", "s", "--baseline", "bad", folder=root)
    assert "good less bad" in one.stdout
