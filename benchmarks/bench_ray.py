"""CPU seconds of check, stats, score and pack on four local Ray nodes, one of them killed midway, against one process.

    python benchmarks/bench_ray.py [--root VOC2012] [--copies 12] [--rounds 3] [--verbs check,stats] [--out FILE.json]

The results are compared first: equal in every value, and packs in every byte. Every job runs on a third of the images
and on all of them, so that what a job pays once and what it pays per image show apart. Counted are the driver and the
workers, with what the killed one had done in vain; apart from these Ray's own processes (raylets, the head), and what
a worker costs until it has begun and has done each job once on a dozen images. Needs Linux's /proc and
`pip install 'pixelwise[ray]'`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import harness
import numpy as np
from bench_headers import copies
from PIL import Image
from race import find_root

import pixelwise as pw

os.environ |= {
    "RAY_memory_monitor_refresh_ms": "0",  # it looks at the memory of all that runs on the machine
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "3",
}
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}
NODES = 4
SHARD = 8_000_000

Job = Callable[[Path, Path, dict[str, Any]], Any]
"""Does a job on a tree, with a folder of its own and options, and gives what must be equal."""


# -- the jobs ---------------------------------------------------------------------------------------------------------


def check(tree: Path, work: Path, options: dict[str, Any]) -> Any:
    return {k: v for k, v in pw.check(tree, **options).to_dict().items() if k != "seconds"}


def stats(tree: Path, work: Path, options: dict[str, Any]) -> Any:
    return pw.stats(tree, **options)


def score(tree: Path, work: Path, options: dict[str, Any]) -> Any:
    found = pw.score(tree.parent / "predictions", tree, splits="train", **options)
    return found.to_dict(), found.confusion.images.totals.tobytes(), found.confusion.counts.tobytes()


def pack(tree: Path, work: Path, options: dict[str, Any]) -> Any:
    pw.pack(tree, work / "pack", encoding="original", shard_bytes=SHARD, **options)
    files = sorted(p for p in (work / "pack").rglob("*") if p.is_file())
    return [(str(p.relative_to(work)), p) for p in files]


JOBS: dict[str, Job] = {"check": check, "stats": stats, "score": score, "pack": pack}


def content(found: Any) -> Any:
    """Of packs, what the bytes are: that is not part of the job, so it is not timed."""
    if isinstance(found, list):
        return [(name, hashlib.sha256(path.read_bytes()).hexdigest()) for name, path in found]
    return found


def data_of(root: Path, folder: Path, count: int) -> Path:
    """A VOC tree with every training image `count` times, or its first dozen for 0, and predictions beside it."""
    tree = copies(root, folder / "VOC2012", max(1, count))
    names = (tree / "ImageSets/Segmentation/train.txt").read_text().split()
    if count == 0:
        names = names[:12]
        (tree / "ImageSets/Segmentation/train.txt").write_text("".join(f"{name}\n" for name in names))
        for path in (*(tree / "JPEGImages").iterdir(), *(tree / "SegmentationClass").iterdir()):
            if path.stem not in names:
                path.unlink()
    (folder / "predictions").mkdir()
    made: dict[str, Path] = {}
    for name in names:
        target = folder / f"predictions/{name}.png"
        if (first := made.setdefault(name.rpartition("_")[0], target)) != target:
            shutil.copyfile(first, target)
            continue
        with Image.open(tree / f"SegmentationClass/{name}.png") as image:
            ids = np.roll(np.asarray(image), 3, axis=1)
        Image.fromarray(np.where(ids == 255, 0, ids).astype(np.uint8)).save(target)
    return tree


# -- the cluster ------------------------------------------------------------------------------------------------------


class Cluster:
    """Four nodes on this machine, warm, and what their processes have used."""

    def __init__(self, tiny: Path) -> None:
        import ray
        from ray.cluster_utils import Cluster as Local

        from pixelwise.ray import RayPool

        self._ray, self._tiny, self._seen = ray, tiny, dict[int, tuple[bool, float]]()
        self._local = Local(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        self._nodes = [self._local.add_node(**NODE) for _ in range(NODES - 1)]
        self.pool = RayPool(self._local.address)
        self._warm()

    def used(self) -> tuple[float, float]:
        """CPU seconds of all workers, and of Ray's own processes, those that are gone included."""
        for pid in harness.process_tree(os.getpid()):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
                stat = Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                continue
            ticks = stat[stat.rindex(")") + 2 :].split()[11:13]
            worker = line.startswith(b"ray::") or b"default_worker.py" in line
            if pid != os.getpid():
                self._seen[pid] = worker, sum(map(int, ticks)) / harness.TICKS
        return sum(s for worker, s in self._seen.values() if worker), sum(s for w, s in self._seen.values() if not w)

    def kill(self) -> None:
        """Kill a node at once, with its worker."""
        self.used()
        self._local.remove_node(self._nodes.pop(), allow_graceful=False)

    def mend(self) -> float:
        """Another node in place of one that was killed; CPU seconds until its worker is warm."""
        before = self.used()[0]
        while len(self._alive()) >= NODES:  # until the death is noticed
            time.sleep(0.1)
        self._nodes += [self._local.add_node(**NODE) for _ in range(NODES - 1 - len(self._nodes))]
        self._warm()
        return self.used()[0] - before

    def _alive(self) -> list[str]:
        return [node["NodeID"] for node in self._ray.nodes() if node["Alive"]]

    def _warm(self) -> None:
        """Each worker does each job once."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        jobs, tiny = list(JOBS.values()), self._tiny

        def run() -> None:
            for job in jobs:
                with tempfile.TemporaryDirectory() as work:
                    job(tiny, Path(work), {"threads": 1})

        remote = self._ray.remote(num_cpus=1)(run)
        self._ray.get([
            remote.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)).remote()
            for node in self._alive()
        ])  # fmt: skip

    def close(self) -> None:
        self._ray.shutdown()
        self._local.shutdown()


class Killer:
    """As `progress`: kills a node when a third is done."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.killed = cluster, False

    def __call__(self, done: int, total: int) -> None:
        if not self.killed and done >= total // 3:
            self.killed = True
            self.cluster.kill()


def measured(job: Job, tree: Path, cluster: Cluster, kill: bool, right: Any) -> dict[str, float]:
    """A job on the cluster: CPU seconds of driver and workers, of Ray's own processes, and seconds by the clock."""
    killer = Killer(cluster) if kill else None
    with tempfile.TemporaryDirectory() as work:
        workers, own = cluster.used()
        began, driver = time.perf_counter(), time.process_time()
        found = job(tree, Path(work), {"pool": cluster.pool, "progress": killer})
        wall, driver = time.perf_counter() - began, time.process_time() - driver
        workers_after, own_after = cluster.used()
        if content(found) != content(right):
            raise SystemExit(f"{job.__name__}: the results differ: {content(found)}, expected {content(right)}")
        if killer is not None and not killer.killed:
            raise SystemExit("no node was killed: take more images")
    workers = workers_after - workers
    return {"cpu": driver + workers, "driver": driver, "own": own_after - own, "wall": wall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--copies", type=int, default=12, help="of each of the training images, a multiple of 3")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--verbs", default=",".join(JOBS))
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        root = find_root(args.root, Path(folder))
        sizes = {"part": max(1, args.copies // 3), "all": args.copies}
        trees = {size: data_of(root, Path(folder) / size, n) for size, n in sizes.items()}
        count = {size: len(pw.open(tree)["train"]) for size, tree in trees.items()}
        cluster = stack.enter_context(closing(Cluster(data_of(root, Path(folder) / "tiny", 0))))
        starts: list[float] = []
        for _ in range(args.rounds):
            for name in args.verbs.split(","):
                for size, tree in trees.items():
                    with tempfile.TemporaryDirectory() as work:
                        began, cpu = time.perf_counter(), time.process_time()
                        right = JOBS[name](tree, Path(work), {})
                        alone = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - began}
                        there = measured(JOBS[name], tree, cluster, False, right)
                        runs = {f"{size} alone": alone, f"{size} Ray": there}
                        if size == "all":
                            runs["all killed"] = measured(JOBS[name], tree, cluster, True, right)
                            starts.append(cluster.mend())
                    for run, values in runs.items():
                        for what, value in values.items():
                            rows.setdefault(name, {}).setdefault(f"{run} {what}", []).append(value)
        idle = cluster.used()[1]
        time.sleep(5)
        idle = (cluster.used()[1] - idle) / 5
    found = {name: {what: harness.summary(v) for what, v in row.items()} for name, row in rows.items()}
    print(f"{count['all']:,} images, {NODES} nodes of one core on {harness.machine()['cores']} cores; CPU seconds, "
          "medians (and ratios of the single rounds); per 1,000 images: by the difference to "
          f"{count['part']:,} images")  # fmt: skip
    thousands = (count["all"] - count["part"]) / 1000
    for name, row in found.items():
        ratio, killed = (
            harness.summary(np.divide(rows[name][f"all {run} cpu"], rows[name]["all alone cpu"]))
            for run in ("Ray", "killed")
        )
        cpu = {run: row[f"all {run} cpu"].median - row[f"part {run} cpu"].median for run in ("alone", "Ray")}
        slopes = [seconds / thousands for seconds in cpu.values()]
        print(f"{name:6s} one process {row['all alone cpu'].median:.2f} s, Ray / it {ratio}, a node killed {killed}, "
              f"per 1,000 images {slopes[0]:.3f} and {slopes[1]:.3f} s ({slopes[1] / slopes[0]:.2f}), "
              f"driver {row['all Ray driver'].median:.2f} s, Ray's own {row['all Ray own'].median:.2f} s, "
              f"by the clock {row['all alone wall'].median:.1f}, {row['all Ray wall'].median:.1f}, "
              f"{row['all killed wall'].median:.1f} s")  # fmt: skip
    begun = harness.summary(starts)
    print(f"a worker until it is warm {begun} s; Ray's own processes at rest {idle:.3f} s per second")
    if args.out:
        harness.write_json(args.out, "ray", {"jobs": found, "warm": begun, "images": count, "idle": idle})


if __name__ == "__main__":
    main()
