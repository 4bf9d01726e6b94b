"""This checkout against another commit, job by job, in turns: is anything slower, and are the batches equal?

    python benchmarks/bench_commits.py v0.1.0 --jobs 1,2,3 --rounds 5

The commit is checked out beside, and its own benchmarks/runner.py runs it. The first batches of two epochs of both
sides, for the same seed, are compared byte for byte before anything is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import harness
import numpy as np
from jobs import JOBS, data_of, prepare
from race import MARK, find_root, last_words

HERE = Path(__file__).resolve().parent
PEERS = ("pixelwise_files", "pixelwise_pack:raw")


def run(tree: Path, peer: str, job: int, data: Path, threads: int, *options: str) -> dict[str, Any]:
    """One process of the checkout's runner.py."""
    command = [sys.executable, str(tree / "benchmarks/runner.py"), peer, "--job", str(job), "--data", str(data)]
    done = subprocess.run(
        [*command, "--threads", str(threads), *options],
        capture_output=True, text=True, env=harness.child_environment(PYTHONPATH=str(tree / "src")),
    )  # fmt: skip
    found = [line[len(MARK) :] for line in done.stdout.splitlines() if line.startswith(MARK)]
    if not found:
        sys.exit(f"{tree}: {peer}, job {job}: {last_words(done.stderr)}")
    result: dict[str, Any] = json.loads(found[-1])
    return result


def same_batches(trees: list[Path], peer: str, job: int, data: Path, threads: int) -> bool:
    """Whether both sides give the same bytes."""
    seen = []
    for tree in trees:
        with tempfile.TemporaryDirectory() as folder:
            run(tree, peer, job, data, threads, "--dump", folder, "--epochs", "1")
            seen.append([np.load(f"{folder}/{what}{k}.npy") for k in (0, 1) for what in ("images", "labels")])
    return all(np.array_equal(a, b) for a, b in zip(*seen, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--jobs", default="1,2,3")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--root", type=Path, help="a VOC2012 folder")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "pixelwise-commits")
    args = parser.parse_args()
    other = args.work / "tree"
    git = ["git", "-C", str(HERE.parent), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--force", "--detach", str(other), args.commit], check=True)
    trees, numbers = [HERE.parent, other], [int(n) for n in args.jobs.split(",")]
    try:
        data = prepare(find_root(args.root, args.work), args.work, sorted({data_of(JOBS[n]) for n in numbers}))
        print(f"{harness.machine()}, load {os.getloadavg()[0]:.2f}")
        print(f"| job | peer | {args.commit} | now | now / {args.commit} | batches |\n|---|---|---|---|---|---|")
        for n in numbers:
            for peer in PEERS:
                where = data[data_of(JOBS[n])]
                for tree in trees:
                    run(tree, peer, n, where, args.threads, "--prepare")
                equal = same_batches(trees, peer, n, where, args.threads)
                rates: dict[Path, list[float]] = {tree: [] for tree in trees}
                for turn in range(args.rounds):
                    for tree in trees if turn % 2 else reversed(trees):
                        rates[tree] += run(tree, peer, n, where, args.threads, "--epochs", str(args.epochs))["rates"]
                old, new = harness.summary(rates[other]), harness.summary(rates[trees[0]])
                verdict = "equal" if equal else "DIFFERENT"
                print(f"| {n} | {peer} | {old} | {new} | {new.median / old.median:.3f} | {verdict} |", flush=True)
        print(f"load {os.getloadavg()[0]:.2f}")
    finally:
        subprocess.run([*git, "remove", "--force", str(other)], check=True)


if __name__ == "__main__":
    main()
