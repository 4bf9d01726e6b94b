"""The examples run, from nothing to scores."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from tests.support.places import REPOSITORY

EXAMPLES = REPOSITORY / "examples"


def test_train_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="torch is an extra: pip install 'pixelwise[torch]'")
    pytest.importorskip("matplotlib", reason="matplotlib is an extra: pip install 'pixelwise[plot]'")
    arguments = ["train_torch.py", str(tmp_path), "--count", "8", "--epochs", "2", "--batch", "3"]
    monkeypatch.setattr(sys, "argv", arguments)
    runpy.run_path(str(EXAMPLES / "train_torch.py"), run_name="__main__")
    assert "mean of" in capsys.readouterr().out
    found = json.loads((tmp_path / "scores.json").read_text())
    val = pw.open(tmp_path / "data")["val"]
    assert found["scores"]["miou"] == pw.score(tmp_path / "predictions", val).scores.miou
    background = np.zeros(21)
    for sample in val:
        assert sample.label is not None
        known = sample.label != 255
        background += [(sample.label[known] == c).sum() for c in range(21)]
    shown = background > 0
    assert found["all_background_miou"] == pytest.approx(background[0] / background.sum() / shown.sum())
    for name in ("loss.png", "worst.png", "confusion.png"):
        assert np.array(Image.open(tmp_path / name)).std() > 5


@pytest.mark.filterwarnings("ignore")  # Lightning's own, of torch
def test_lightning_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("lightning", reason="Lightning is not installed")
    monkeypatch.setattr(sys, "argv", ["lightning_fit.py", str(tmp_path / "out"), "--images", "24", "--epochs", "1"])
    runpy.run_path(str(EXAMPLES / "lightning_fit.py"), run_name="__main__")
    assert "2 steps, last loss" in capsys.readouterr().out
