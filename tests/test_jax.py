"""pixelwise.jax under JAX itself: one device, several, two processes; Grain's state at every step."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from tests.support.places import REPOSITORY

jax = pytest.importorskip("jax", reason="JAX is an extra: pip install 'pixelwise[jax]'")

from pixelwise.jax import ArrayLoader, GrainSource  # noqa: E402

TRANSFORMS = (pw.RandomCrop(16, 24, pad_if_needed=True), pw.RandomHorizontalFlip(), pw.Normalize())
SHARDED = """
import sys
import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
import pixelwise as pw
from pixelwise.jax import ArrayLoader

root, rank, world, port = sys.argv[1], *map(int, sys.argv[2:])
if world > 1:
    jax.distributed.initialize(f"127.0.0.1:{port}", world, rank)
train = pw.open(root)["trainval"]
sharding = NamedSharding(jax.make_mesh((len(jax.devices()),), ("data",)), PartitionSpec("data"))

def make(size, **options):
    crop = pw.RandomCrop(16, 24, pad_if_needed=True)
    return pw.Loader(train, size, [crop, pw.Normalize()], shuffle=True, output="float32-hwc", **options)

loader = make(8 // world, drop_last=True)
assert loader.ranks[:2] == (rank, world), loader
kept = list(ArrayLoader(loader, sharding))
whole = list(make(8, drop_last=True, shard=(0, 1)))
assert len(kept) == len(whole) == 1
for got, expected in zip(kept, whole):
    assert got.images.shape == (8, 16, 24, 3) and got.images.sharding == sharding
    for array, plain in ((got.images, expected.images), (got.labels, expected.labels), (got.indices, expected.indices)):
        for shard in array.addressable_shards:
            assert np.array_equal(shard.data, plain[shard.index])
for size, last in ((6, True), (8, False)):
    try:
        ArrayLoader(make(size // world, drop_last=last), sharding)
    except pw.UsageError as error:
        assert error.code == "uneven-batch", error
    else:
        raise AssertionError(size)
print("done")
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pw.sample(tmp_path_factory.mktemp("jax") / "s", count=13, seed=1)


@pytest.fixture(scope="module")
def split(root: Path) -> pw.Split:
    return pw.open(root)["trainval"]


def loader(split: pw.Split, **options: Any) -> pw.Loader:
    return pw.Loader(split, 3, TRANSFORMS, shuffle=True, seed=3, **options)


def test_arrays_that_are_kept_stay_what_they_were(split: pw.Split) -> None:
    arrays = ArrayLoader(loader(split, output="float32-hwc"))
    kept = [(batch, np.array(batch.images)) for _ in range(3) for batch in arrays]
    plain = loader(split, output="float32-hwc")
    for batch, copy in kept:
        assert np.array_equal(batch.images, copy)
    for (batch, _), expected in zip(kept, (b for _ in range(3) for b in plain), strict=True):
        images, labels = batch
        assert np.array_equal(images, expected.images)
        assert np.array_equal(labels, expected.labels)
        assert np.array_equal(batch.sizes, expected.sizes)
        assert np.array_equal(batch.real, expected.real)


def test_a_batch_is_a_pytree(split: pw.Split) -> None:
    batch = next(iter(ArrayLoader(loader(split))))
    shapes = jax.jit(lambda b: b)(batch)
    assert repr(shapes) == "ArrayBatch(images (3, 3, 16, 24) float32, labels (3, 16, 24) uint8)"
    assert len(jax.tree.leaves(batch)) == 5


@pytest.mark.parametrize("output", ["uint8", "uint8-hwc"])
def test_bytes_are_normalized_on_the_device(split: pw.Split, output: str) -> None:
    for batch, plain in zip(ArrayLoader(loader(split, output=output)), loader(split), strict=True):
        images = np.asarray(batch.images)
        images = images.transpose(0, 3, 1, 2) if output.endswith("hwc") else images
        assert images.dtype == np.float32
        np.testing.assert_allclose(images, plain.images, atol=2e-6)


def test_bfloat16_by_the_loader_and_by_the_device(split: pw.Split) -> None:
    for one, other in zip(
        ArrayLoader(loader(split, output="bfloat16")), ArrayLoader(loader(split), dtype=jax.numpy.bfloat16), strict=True
    ):
        assert one.images.dtype == jax.numpy.bfloat16
        assert bool((one.images == other.images).all())
    for wrong in ("int32", "x", object()):
        with pytest.raises(pw.UsageError, match="dtype must be"):
            ArrayLoader(loader(split), dtype=wrong)
    with pytest.raises(pw.UsageError, match="takes a Loader"):
        ArrayLoader(split)  # type: ignore[arg-type]
    with pytest.raises(pw.UsageError, match="sharding must be"):
        ArrayLoader(loader(split), "data")


def test_resuming_at_every_batch_in_spite_of_reading_ahead(split: pw.Split) -> None:
    whole = [np.array(b.images) for b in ArrayLoader(loader(split))]
    for k in range(len(whole)):
        first = ArrayLoader(loader(split))
        iterator = iter(first)
        for _ in range(k):
            next(iterator)
        state = first.state_dict() if k else loader(split).state_dict()
        second = ArrayLoader(loader(split))
        second.load_state_dict(state)
        rest = list(second)
        assert len(rest) == len(whole) - k
        assert all(np.array_equal(a.images, b) for a, b in zip(rest, whole[k:], strict=True))


@pytest.mark.parametrize(("world", "devices"), [(1, 4), (2, 2)])
def test_global_arrays_over_devices_and_processes(root: Path, world: int, devices: int) -> None:
    path = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")])
    own = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}", "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SHARDED, str(root), str(rank), str(world), str(port)], env=os.environ | own,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(world)
    ]  # fmt: skip
    for process in running:
        out, error = process.communicate(timeout=300)
        assert out.strip().endswith("done"), error[-2000:]


def test_items_for_grain_are_the_samples_of_a_loader(split: pw.Split) -> None:
    source = GrainSource(split, TRANSFORMS, epochs=2, shuffle=True, seed=3)
    plain = pw.Loader(split, 1, TRANSFORMS, shuffle=True, seed=3, output="float32-hwc")
    assert len(source) == 2 * len(split)
    for k, batch in enumerate(b for _ in range(2) for b in plain):
        item = source[k]
        assert np.array_equal(item["image"], batch.images[0])
        assert np.array_equal(item["label"], batch.labels[0])
        assert item["index"] == batch.indices[0]
    for beyond in (-1, len(source)):
        with pytest.raises(IndexError):
            source[beyond]


@pytest.mark.skipif(find_spec("grain") is None, reason="Grain is not installed")
@pytest.mark.filterwarnings("ignore")
def test_grain_resumes_at_every_step(split: pw.Split) -> None:
    import grain

    source = GrainSource(split, TRANSFORMS, epochs=2, shuffle=True)
    made = grain.MapDataset.source(source).batch(4).to_iter_dataset()
    iterator, found, states = iter(made), [], []
    while True:
        states.append(iterator.get_state())
        item = next(iterator, None)
        if item is None:
            break
        found.append(item)
    assert len(found) == -(-len(source) // 4)
    for k in range(len(found)):
        again = iter(made)
        again.set_state(states[k])
        assert np.array_equal(next(again)["image"], found[k]["image"])
