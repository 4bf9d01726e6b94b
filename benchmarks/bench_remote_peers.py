"""The first epoch from a store that answers after 30 ms and sends 200 MB/s: pixelwise against the streaming loaders.

    python benchmarks/bench_remote_peers.py [--peers PYTHON] [--copies 8] [--rounds 3] [--out FILE.json]

--peers: an interpreter with webdataset, mosaicml-streaming, litdata, opencv and pixelwise. All read the same JPEG and
PNG bytes, each from its own format, from the store of the tests, which runs in a process of its own on this machine,
so its work is part of the load. Each run is a new process with an empty cache; loaders take turns. A batch of each is
judged by verify.py first, and every epoch must have every sample once.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import harness
import numpy as np
import verify
from bench_remote import parser_of, store_of
from jobs import JOBS, Data, prepare
from race import find_root

import pixelwise as pw

HERE = Path(__file__).resolve().parent
PEERS = ("webdataset", "streaming", "litdata")


def run(python: str, *arguments: object, timeout: float = 60) -> str:
    """What stored_peers.py prints. RuntimeError with the last of what it said, if it fails or takes too long."""
    command = [python, str(HERE / "stored_peers.py"), *map(str, arguments)]
    pipe = subprocess.PIPE
    options: dict[str, Any] = {"stdout": pipe, "stderr": pipe, "text": True, "env": harness.child_environment()}
    with subprocess.Popen(command, start_new_session=True, **options) as child:
        try:
            out, said = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)  # its workers hold Streaming's shared memory
            raise RuntimeError(f"no result after {timeout:.0f} s") from None
    if child.returncode:
        raise RuntimeError((said or out).strip()[-300:])
    return out


def verdict_of(python: str, loader: str, address: str, data: Data, place: Path) -> verify.Verdict:
    """Whether a batch of the loader has the pixels of the files."""
    batch = place / f"{loader}.npz"
    run(python, "read", loader, address, place / f"judged {loader}", "--batch-file", batch)
    found = np.load(batch)
    return verify.check(JOBS[1], data, found["images"], found["labels"])


def merged(runs: list[list[dict[str, float]]]) -> list[dict[str, Any]]:
    """Of each epoch, the median of each number, and smallest and largest rate."""
    epochs = []
    for rows in zip(*runs, strict=True):
        rates = [row["samples/s"] for row in rows]
        middle = {what: statistics.median(row[what] for row in rows) for what in rows[0]}
        epochs.append(middle | {"from": min(rates), "to": max(rates)})
    return epochs


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--peers", default=sys.executable, help="interpreter")
    parser.add_argument("--only", default=",".join(PEERS), help="peers, with commas")
    parser.add_argument("--workers", default="2", help="numbers of worker processes of the peers, with commas")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        tree = prepare(find_root(given.root, place), place / "trees", ["real"], copies=given.copies)["real"]
        data = Data.load(tree)
        size = sum(Path(p).stat().st_size for p in (*data.images(), *data.labels()))
        for peer in filter(None, given.only.split(",")):
            run(given.peers, "write", peer, tree, place / "objects/bench" / peer, timeout=300)
        with store_of(place / "objects", given.latency, given.rate) as origin:
            pw.pack(data.root, "s3://bench/voc.pack", encoding="original", splits="train")
            shards = len(list((place / "objects/bench/webdataset").glob("*.tar")))
            only = [peer for peer in PEERS if peer in given.only.split(",")]
            addresses = {name: f"s3://bench/{name}" for name in only} | {"pixelwise": "s3://bench/voc.pack"}
            if "webdataset" in only:  # it reads http by curl, s3 by a program
                addresses["webdataset"] = f"{origin}/bench/webdataset/{shards}"
            runners = [("pixelwise", 2)]
            runners += [(p, int(w)) for p in only for w in given.workers.split(",")]
            verdicts, failed = {}, {}
            for name in addresses:
                try:
                    verdicts[name] = str(verdict_of(given.peers, name, addresses[name], data, place))
                except RuntimeError as error:
                    failed[f"{name}, pixels"] = str(error)
            found: dict[str, list[dict[str, Any]]] = {}
            for turn in range(given.rounds):
                for name, workers in runners[turn % len(runners) :] + runners[: turn % len(runners)]:
                    title = name if name == "pixelwise" else f"{name}, {workers} workers"
                    try:
                        with tempfile.TemporaryDirectory(dir=place, ignore_cleanup_errors=True) as cache:
                            options = ("--workers", workers)
                            text = run(given.peers, "read", name, addresses[name], Path(cache) / "c", *options)
                    except RuntimeError as error:
                        failed[f"{title}, round {turn}"] = str(error)
                        continue
                    found.setdefault(title, []).append(json.loads(text.splitlines()[-1]))
    link = given.rate * 1e6 * len(data.names) / size
    print(f"{len(data.names)} samples, {size / 1e6:.0f} MB: the link gives {link:,.0f} samples/s")
    results = {}
    for title, runs in found.items():
        results[title] = {"versions": runs[0]["versions"], "epochs": merged([r["epochs"] for r in runs])}
        results[title]["pixels"] = verdicts.get(title.partition(",")[0], "not judged")
        print(title, results[title]["versions"], results[title]["pixels"])
        for k, row in enumerate(results[title]["epochs"], 1):
            print(f"    epoch {k}:", ", ".join(f"{what} {value:,.2f}" for what, value in row.items()))
    for title, why in failed.items():
        print(f"failed: {title}: {why}")
    if given.out is not None:
        harness.write_json(given.out, "remote peers", results, failed=failed, samples=len(data.names), bytes=size)


if __name__ == "__main__":
    main()
