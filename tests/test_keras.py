"""KerasLoader under Keras itself, in a process of its own for each backend: Keras keeps the first."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import pixelwise as pw
from tests.support.places import REPOSITORY

pytestmark = pytest.mark.skipif(find_spec("keras") is None, reason="Keras is an extra: pip install 'pixelwise[keras]'")

SCRIPT = """
import sys
import keras
import numpy as np
import pixelwise as pw
from pixelwise.keras import KerasLoader

train = pw.open(sys.argv[1])["trainval"]
transforms = [pw.RandomCrop(32, 48, pad_if_needed=True), pw.RandomHorizontalFlip(), pw.Normalize()]
make = lambda **options: pw.Loader(train, 4, transforms, shuffle=True, seed=3, **options)
seen = []

class Spy(KerasLoader):
    def __getitem__(self, index):
        batch = super().__getitem__(index)
        seen.append((self.epoch, index, batch))
        return batch

net = keras.Sequential([keras.Input((32, 48, 3)), keras.layers.Conv2D(21, 1)])
net.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255))
loader = Spy(make(output="float32-hwc"))
loss = net.fit(loader, epochs=2, verbose=0).history["loss"]
assert np.isfinite(loss).all(), loss
last = loader.epoch
assert last in (2, 3)  # Keras looks at one before it trains
trained = sorted((e, i) for e, i, _ in seen if e >= last - 2)
assert trained == [(e, i) for e in (last - 2, last - 1) for i in range(len(loader))], trained
plain = make(output="float32-hwc")
for epoch in range(last):
    for index, batch in enumerate(plain):
        for images, labels in (b for e, i, b in seen if (e, i) == (epoch, index)):
            assert np.array_equal(images, batch.images)
            assert np.array_equal(labels, batch.labels)
assert net.predict(KerasLoader(make(output="float32-hwc")), verbose=0).shape == (len(train), 32, 48, 21)
for wrong, code in ((lambda: KerasLoader(make()), "wrong-layout"), (lambda: KerasLoader(train), "bad-argument")):
    try:
        wrong()
    except pw.UsageError as error:
        assert error.code == code, error
    else:
        raise AssertionError(code)
print("done")
"""


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_fit_gets_every_batch_of_every_epoch_once(backend: str, tmp_path: Path) -> None:
    if find_spec(backend) is None:
        pytest.skip(f"the backend {backend} is not installed")
    data = pw.sample(tmp_path / "data", count=12, seed=1)
    path = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")])
    own = {"KERAS_BACKEND": backend, "KERAS_HOME": str(tmp_path), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(data)]
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, check=False, timeout=300)
    assert done.stdout.strip().endswith("done"), done.stderr[-2000:]
