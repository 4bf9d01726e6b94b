"""Every verb takes a path, a Dataset or a Split, and `splits` as a name or several; and says what else it was given."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw


def model(images: np.ndarray) -> np.ndarray:
    """Logits of 21 classes: background everywhere."""
    logits = np.zeros((len(images), 21, *images.shape[2:]), np.float32)
    logits[:, 0] = 1
    return logits


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pw.sample(tmp_path_factory.mktemp("given") / "s", count=8, seed=1)


@pytest.fixture(scope="module")
def predictions(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each label as its own prediction, without void."""
    folder = tmp_path_factory.mktemp("predictions")
    for sample in pw.open(root)["trainval"]:
        assert sample.label is not None
        np.save(folder / f"{sample.name}.npy", np.where(sample.label == 255, 0, sample.label))
    return folder


@pytest.fixture
def call(predictions: Path, tmp_path: Path) -> Callable[..., Any]:
    """Call a verb in a fresh folder; what it says of how many samples it worked on."""

    def run(verb: str, data: Any, **options: Any) -> int:
        out = tmp_path / "out"
        shutil.rmtree(out, ignore_errors=True)
        if verb == "score":
            chosen = tmp_path / "chosen"
            shutil.rmtree(chosen, ignore_errors=True)
            chosen.mkdir()
            wanted = options.get("splits", "val")
            names = data.names if isinstance(data, pw.Split) else [
                n for s in ([wanted] if isinstance(wanted, str) else wanted) for n in pw.open(
                    data.root if isinstance(data, pw.Dataset) else data)[s].names
            ]
            for name in names:
                shutil.copy(predictions / f"{name}.npy", chosen)
            return len(pw.score(chosen, data, **options).confusion.image_names or ())
        results: dict[str, Callable[[], Any]] = {
            "check": lambda: pw.check(data, **options).samples,
            "stats": lambda: pw.stats(data, **options).samples,
            "count_classes": lambda: len(pw.count_classes(data, **options)),
            "class_index": lambda: len(pw.class_index(data, **options)),
            "pack": lambda: sum(len(s) for s in pw.pack(data, out, **options).splits.values()),
            "convert": lambda: sum(len(s) for s in pw.convert(data, out, **options).splits.values()),
            "predict": lambda: pw.predict(model, data, out, **options).predicted,
            "show": lambda: int(pw.show(data, **options).subtitle.split(" of ")[1].split()[0]),
            "show_plans": lambda: int(pw.show_plans(data, [pw.CenterCrop(50)], **options).subtitle.split()[0]),
        }
        return int(results[verb]())

    return run


ALL = ("check", "stats", "pack", "convert")
ONE = ("count_classes", "class_index", "predict", "score")
