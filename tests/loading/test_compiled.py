"""Batches do not depend on whether the kernels were compiled in this process or loaded from their cache."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import hashlib
import numpy as np, pixelwise as pw

rng = np.random.default_rng(0)
images = [rng.integers(0, 256, (375, 500, 3)).astype(np.uint8) for _ in range(12)]
labels = [rng.integers(0, 9, (375, 500)).astype(np.uint8) for _ in range(12)]
split = pw.Split("all", pw.VOC, pw.ArraySource(images, labels))
digest = hashlib.sha256()
for transforms in (
    [pw.RandomAffine(10, scale=(0.8, 1.2), shear=5), pw.CenterCrop(180, 200), pw.Normalize()],
    [pw.RandomScale((0.4, 2.0)), pw.RandomCrop(164, 170, pad_if_needed=True), pw.RandomGamma((0.7, 1.4))],
):
    for batch in pw.Loader(split, 3, transforms, seed=5, threads=1):
        digest.update(batch.images.tobytes() + batch.labels.tobytes())
print(digest.hexdigest())
"""


def test_compiled_and_cached_kernels_give_the_same_bytes(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert any(tmp_path.rglob("*.nbc")), "the second run must load what the first compiled"
