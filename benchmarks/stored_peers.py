"""One loader that streams from a store, in a process of its own: pixelwise, WebDataset, MosaicML Streaming or LitData.

    python benchmarks/stored_peers.py write webdataset DATA.json FOLDER
    python benchmarks/stored_peers.py read webdataset ADDRESS CACHE [--epochs 2] [--workers 2] [--batch-file FILE.npz]

`write` puts the bytes of the JPEG and PNG files into the loader's own format; `read` prints, as JSON, samples per
second of each epoch, the seconds until its first batch, the CPU milliseconds per sample of the whole process tree and
how many different samples came. Batches are random crops 320x480, flipped at random, normalized, float32. With
--batch-file, one batch that is not flipped is saved for verify.py.

The peers decode with OpenCV, the fastest of the usual decoders here, in workers that hand over uint8; the batch is
normalized in the process that receives it, which is faster than sending float32 between processes.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import harness
import numpy as np
from jobs import FLIP, JOBS, MEAN, STD, Data

JOB = JOBS[1]
PACKAGES = {
    "pixelwise": ("pixelwise", "obstore"), "webdataset": ("webdataset",), "streaming": ("mosaicml-streaming", "boto3"),
    "litdata": ("litdata", "boto3"),
}  # fmt: skip
"""Whose versions are told. The loader's own name is what is imported before the clock starts."""
SHARD = 8_000_000
"""Bytes of a shard of the peers. Their defaults are 64 MB and more: a few shards of a dataset as small as this one,
which would leave their workers little to fetch at once.
"""
Batches = Callable[[], Iterable[tuple[Any, Any, Iterable[str]]]]
"""Starts an epoch: (B, 3, H, W) float32, (B, H, W) labels, names."""


class Windows:
    """The bytes of an image and its label as a window: (320, 480, 3) uint8 RGB, (320, 480) uint8."""

    def __init__(self, flips: bool) -> None:
        self.chance = FLIP if flips else 0.0

    def __call__(self, jpeg: bytes, png: bytes, name: str) -> tuple[Any, Any, str]:
        from PIL import Image

        rng = np.random.default_rng()
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
        label = np.asarray(Image.open(io.BytesIO(png)))  # OpenCV turns class ids into the palette's colors
        y = rng.integers(image.shape[0] - JOB.height + 1)
        x = rng.integers(image.shape[1] - JOB.width + 1)
        window = np.s_[y : y + JOB.height, x : x + JOB.width]
        turn = np.s_[:, ::-1] if rng.random() < self.chance else np.s_[:, :]
        return np.ascontiguousarray(image[window][turn]), np.ascontiguousarray(label[window][turn]), name


def normalized(loader: Iterable[Any]) -> Iterator[tuple[Any, Any, Iterable[str]]]:
    """The batches of a torch DataLoader of Windows, as float32, in memory that is used again."""
    levels = np.arange(256, dtype=np.float32)[None, :, None] / 255
    table = ((levels - np.array(MEAN, np.float32)) / np.array(STD, np.float32)).astype(np.float32)
    out = np.empty((JOB.batch, 3, JOB.height, JOB.width), np.float32)
    for images, labels, names in loader:
        for k, image in enumerate(np.asarray(images)):
            np.copyto(out[k], cv2.LUT(image, table).transpose(2, 0, 1))
        yield out[: len(images)], labels, names


def samples_of(data: Data) -> Iterator[tuple[str, bytes, bytes]]:
    for name, image, label in zip(data.names, data.images(), data.labels(), strict=True):
        yield name, Path(image).read_bytes(), Path(label).read_bytes()


# -- pixelwise --------------------------------------------------------------------------------------------------------


def read_pixelwise(address: str, cache: Path, workers: int, flips: bool) -> Batches:
    import pixelwise as pw

    split = pw.open(address, cache=cache)["train"]
    flip = [pw.RandomHorizontalFlip()] if flips else []
    steps = [pw.RandomCrop(JOB.height, JOB.width), *flip, pw.Normalize(MEAN, STD)]
    loader = pw.Loader(split, JOB.batch, steps, shuffle=True, seed=0)
    return lambda: ((b.images, b.labels, b.names) for b in loader)


# -- WebDataset: a buffer of 1,000 samples, as its documentation has -------------------------------------------------


def write_webdataset(data: Data, folder: Path) -> None:
    import webdataset as wds

    with wds.ShardWriter(f"{folder}/%05d.tar", maxsize=SHARD, maxcount=10**6) as writer:
        for name, jpeg, png in samples_of(data):
            writer.write({"__key__": name, "jpg": jpeg, "png": png})


def read_webdataset(address: str, cache: Path, workers: int, flips: bool) -> Batches:
    import webdataset as wds

    first, _, last = address.rpartition("/")  # .../FOLDER/COUNT
    shards = f"{first}/{{00000..{int(last) - 1:05}}}.tar"
    window = Windows(flips)
    dataset = (
        wds.WebDataset(shards, shardshuffle=int(last), nodesplitter=wds.split_by_node, seed=int(time.time()))
        .shuffle(1000)
        .to_tuple("jpg", "png", "__key__")
        .map(lambda sample: window(*sample))
        .batched(JOB.batch)
    )
    loader = wds.WebLoader(dataset, batch_size=None, num_workers=workers, persistent_workers=True)
    return lambda: normalized(loader)


# -- MosaicML Streaming: its default shuffle ----------------------------------------------------------------


def write_streaming(data: Data, folder: Path) -> None:
    from streaming import MDSWriter

    columns = {"name": "str", "jpeg": "bytes", "png": "bytes"}
    with MDSWriter(out=str(folder), columns=columns, exist_ok=True, size_limit=SHARD) as writer:
        for name, jpeg, png in samples_of(data):
            writer.write({"name": name, "jpeg": jpeg, "png": png})


def read_streaming(address: str, cache: Path, workers: int, flips: bool) -> Batches:
    from streaming import StreamingDataset
    from streaming.base.util import clean_stale_shared_memory
    from torch.utils.data import DataLoader

    window = Windows(flips)

    class Mds(StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, at: Any) -> Any:
            found = super().__getitem__(at)
            return window(found["jpeg"], found["png"], found["name"])

    clean_stale_shared_memory()  # of a run that ended in the middle, which is taken for this one's otherwise
    dataset = Mds(remote=address, local=str(cache), shuffle=True, batch_size=JOB.batch)
    for stream in dataset.streams:
        # The connection that fetched the index would be inherited by all workers, who then read each other's answers:
        # shards arrive mixed up over plain http.
        stream._downloader.clean_up()
    loader: Any = DataLoader(dataset, JOB.batch, num_workers=workers, persistent_workers=True)
    return lambda: normalized(loader)


# -- LitData: its default downloads ahead -----------------------------------------------------------------------------


def packed_sample(sample: tuple[str, str, str]) -> dict[str, Any]:
    name, image, label = sample
    return {"name": name, "jpeg": Path(image).read_bytes(), "png": Path(label).read_bytes()}


def write_litdata(data: Data, folder: Path) -> None:
    import litdata

    inputs = list(zip(data.names, data.images(), data.labels(), strict=True))
    litdata.optimize(packed_sample, inputs, str(folder), chunk_bytes=SHARD, num_workers=2)


def read_litdata(address: str, cache: Path, workers: int, flips: bool) -> Batches:
    import litdata
    from litdata.streaming import downloader

    downloader._OBSTORE_CLIENT_OPTIONS["allow_http"] = True  # no option of it reaches a store that has no https

    window = Windows(flips)

    class Chunks(litdata.StreamingDataset):  # type: ignore[misc]
        def __getitem__(self, at: Any) -> Any:
            found = super().__getitem__(at)
            return window(found["jpeg"], found["png"], found["name"])

    options = {"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}
    dataset = Chunks(address, cache_dir=str(cache), shuffle=True, storage_options=options)
    loader = litdata.StreamingDataLoader(dataset, batch_size=JOB.batch, num_workers=workers, persistent_workers=True)
    return lambda: normalized(loader)


# -- measuring --------------------------------------------------------------------------------------------------------


def measure(make: Callable[[], Batches], epochs: int) -> list[dict[str, float]]:
    """One row per epoch. The first begins before the dataset is opened."""
    rows, start = [], None
    for _ in range(epochs):
        began, worked, first = time.perf_counter(), harness.cpu_seconds(), 0.0
        start = start or make()
        names: list[str] = []
        for _images, _labels, some in start():
            first = first or time.perf_counter() - began
            names += some
        seconds = time.perf_counter() - began
        rows.append({
            "samples/s": len(names) / seconds, "first batch s": first, "samples": len(names),
            "CPU ms": 1000 * (harness.cpu_seconds() - worked) / len(names), "different": len(set(names)),
        })  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=("write", "read"))
    parser.add_argument("loader", choices=tuple(PACKAGES))
    parser.add_argument("source")
    parser.add_argument("place", type=Path, help="where it is written, or the folder of the cache")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--batch-file", type=Path)
    given = parser.parse_args()
    cv2.setNumThreads(0)  # the workers are the threads
    given.place.mkdir(parents=True, exist_ok=True)
    if given.verb == "write":
        globals()[f"write_{given.loader}"](Data.load(given.source), given.place)
        return

    def make() -> Batches:
        return globals()[f"read_{given.loader}"](given.source, given.place, given.workers, given.batch_file is None)

    if given.batch_file is not None:
        for k, (images, labels, _) in enumerate(make()()):  # to the end: left before it, Streaming's workers hang
            if k == 0:
                np.savez(given.batch_file, images=np.asarray(images), labels=np.asarray(labels))
        return
    importlib.import_module(given.loader)
    rows = measure(make, given.epochs)
    print(json.dumps({"versions": harness.versions(*PACKAGES[given.loader]), "epochs": rows}), flush=True)


if __name__ == "__main__":
    main()
