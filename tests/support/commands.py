"""Every command that has `--ray`, called in a folder where what they work on is."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

import pixelwise as pw
from tests.support.two_splits import write

CALLS: dict[str, list[str]] = {
    "check": ["data", "data --part 1/2 --save part.json"],
    "stats": ["data --json", "data --part 2/2 --save part.json"],
    "convert": ["data out"],
    "pack": ["data out", "data out --part 1/1"],
    "verify": ["given.pack --json"],
    "score": ["predictions data --boundary --json", "predictions data --part 1/2 --save part.json",
              "predictions data --objects --json", "soft data --probabilities --json", "results.json data"],
    "predict": ["net:model data -o out --window 16x16 --probabilities out-soft"],
    "submit": ["predictions data --split val -o out.json --benchmark coco-results"],
}  # fmt: skip
NET = "import numpy as np\n\ndef model(images):\n    return np.stack([0.5 - images[:, 0], images[:, 0]], axis=1)\n"


def furnish(place: Path) -> Path:
    """Write into the folder what the calls are about."""
    dataset = pw.open(write("coco", place / "data"))
    for sample in dataset["val"]:
        assert sample.label is not None
        file = place / f"predictions/{sample.name}.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, np.where(sample.label < 2, sample.label, 0)[::-1])
    (place / "net.py").write_text(NET)
    pw.pack(dataset, place / "given.pack")
    pw.submit(place / "predictions", dataset, place / "results.json", splits="val", benchmark="coco-results")
    flat = lambda images: np.stack([images[:, 0] * 0, images[:, 0]], axis=1)  # noqa: E731
    pw.predict(flat, dataset, splits="val", probabilities=place / "soft")
    return place


def outcome(call: Callable[[list[str]], tuple[int, str, str]], place: Path, words: list[str]) -> tuple[object, ...]:
    """The exit code, what was said, and what was written, of a command in the folder. What it wrote is removed."""
    before = set(place.rglob("*"))
    code, out, err = call(words)
    made = sorted((path for path in set(place.rglob("*")) - before), reverse=True)
    files = {}
    for path in made:
        if path.is_file() and path.suffix != ".pyc":
            files[str(path.relative_to(place))] = re.sub(rb'"seconds": [0-9.e-]+', b"", path.read_bytes())
        os.remove(path) if path.is_file() else path.rmdir()
    return code, re.sub(r'"seconds": [0-9.e-]+|[(]?[0-9.]+ s\b|[0-9,]+ samples/s', "", out), err, files
