"""A network trained on the CPU beside the loader: who gets the cores?

    python benchmarks/bench_trainer.py --data WORK/real/data.json [--rounds 3] [--steps 24]

Steps of a small network on batches of job 1, 8 images each, from the pack and from the files. "apart": loading and
training, each by itself on all cores, added. Otherwise the loader loads while the network trains, with so many threads
of each. Milliseconds a step, medians over all rounds, in turns. Needs torch.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from pathlib import Path
from typing import Any

import harness
import torch
from jobs import JOBS, Data
from peers import pixelwise_pack
from torch import nn

import pixelwise as pw
from pixelwise.torch import TensorLoader

BATCH = 8


def network() -> nn.Module:
    """Three convolutions at a quarter of the size."""
    layers: list[nn.Module] = []
    for inputs, outputs, stride in ((3, 16, 4), (16, 32, 1), (32, 21, 1)):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Trainer:
    """A step of training, with so many threads of torch."""

    def __init__(self) -> None:
        self.model = network()
        self.optimizer = torch.optim.SGD(self.model.parameters(), 1e-3)

    def step(self, images: Any, labels: Any) -> None:
        """One step; labels at the size of the logits."""
        loss = nn.functional.cross_entropy(self.model(images), labels[:, ::4, ::4].long(), ignore_index=255)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()


def loader(split: Any, threads: int) -> TensorLoader:
    job = JOBS[1]
    steps = [pw.RandomCrop(job.height, job.width), pw.Normalize(pw.IMAGENET_MEAN, pw.IMAGENET_STD)]
    return TensorLoader(
        pw.Loader(split, BATCH, steps, shuffle=True, drop_last=True, seed=0, threads=threads, small="drop")
    )


def beside(split: Any, steps: int, threads: int, torch_threads: int) -> list[float]:
    """Milliseconds of each step while the next batches are loaded."""
    torch.set_num_threads(torch_threads)
    trainer, out = Trainer(), []
    batches = itertools.chain.from_iterable(itertools.repeat(loader(split, threads)))
    for k in range(steps + 4):
        began = time.perf_counter()
        images, labels = next(batches)
        trainer.step(images, labels)
        if k >= 4:  # both have warmed up
            out.append(1000 * (time.perf_counter() - began))
    return out


def apart(split: Any, steps: int, cores: int) -> list[float]:
    """Milliseconds to load a batch alone on all cores, and those of a step on all cores, added."""
    torch.set_num_threads(cores)
    trainer = Trainer()
    source = loader(split, cores)
    began, kept = time.perf_counter(), []
    for images, labels in itertools.islice(source, steps):
        kept.append((images.clone(), labels.clone()))
    loading = 1000 * (time.perf_counter() - began) / len(kept)
    out = []
    for k, (images, labels) in enumerate(kept):
        began = time.perf_counter()
        trainer.step(images, labels)
        if k >= 4:
            out.append(loading + 1000 * (time.perf_counter() - began))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="data.json that race.py prepared")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    data, cores = Data.load(args.data), os.cpu_count() or 1
    pixelwise_pack.prepare(JOBS[1], data, "raw")
    splits = {
        "pack": pw.open(pixelwise_pack.pack_path(data, "raw"))["train"],
        "files": pw.open(data.root)["train"],
    }
    ways = list(dict.fromkeys([(cores, cores), (1, cores), (max(1, cores - 1), 1), (1, max(1, cores - 1))]))
    found: dict[str, list[float]] = {}
    for _ in range(args.rounds):
        for name, split in splits.items():
            found.setdefault(f"{name}, apart", []).extend(apart(split, args.steps, cores))
            for threads, torch_threads in ways:
                key = f"{name}, {threads} of the loader, {torch_threads} of torch"
                found.setdefault(key, []).extend(beside(split, args.steps, threads, torch_threads))
    print(f"milliseconds a step of {BATCH} images, {cores} cores, load {os.getloadavg()[0]:.1f}")
    results = {name: harness.summary(values) for name, values in found.items()}
    for name, value in results.items():
        print(f"{name:40} {value}")
    if args.out:
        harness.write_json(args.out, "trainer", results)


if __name__ == "__main__":
    main()
