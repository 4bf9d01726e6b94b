"""Fuzz one target: `python -m fuzz.running png --seconds 60`. Exit 1 if an input raised, or took too much.

With atheris (pixelwise[fuzz]) inputs are led by the branches that they take; without it, `mutating` damages the seeds.
What fails is written to the folder of `--found` under the name of the target; put it into seeds.py once it is mended.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from . import ROOT
from .mutating import mutants
from .seeds import seeds_of

SECONDS, MEGABYTES = 1.0, 64
"""Most CPU seconds and memory of an input, beyond what the largest image under the fuzzer's limit takes."""


def main() -> None:
    """Run one target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--found", type=Path, default=ROOT / "fuzz" / "found")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's, about what is damaged
    try:
        import atheris
    except ImportError:
        _by_mutating(args)
    else:
        _by_atheris(args, atheris)


def _target(name: str) -> Any:
    from .targets import MAX_PIXELS, TARGETS

    os.environ["PIXELWISE_MAX_PIXELS"] = str(MAX_PIXELS)
    return TARGETS[name]


def _by_mutating(args: argparse.Namespace) -> None:
    work, seeds = _target(args.target), [*seeds_of(args.target).values()]
    for data in seeds:  # kernels are compiled now
        work(data)
    runs, failed, end = 0, 0, time.monotonic() + args.seconds
    for data in mutants(seeds, args.seed):
        memory, started = _peak(), time.process_time()
        problem = ""
        try:
            work(data)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        if not problem and (took := time.process_time() - started) > SECONDS:
            problem = f"{took:.2f} CPU seconds"
        if not problem and (more := _peak() - memory) > MEGABYTES:
            problem = f"{more:.0f} MB"
        runs += 1
        if problem:
            failed += 1
            print(f"{args.target}: {problem}: {_keep(args.found, args.target, data)}", flush=True)
        if failed >= 20 or time.monotonic() > end:
            break
    print(f"{args.target}: {runs:,} inputs, {failed} failed")
    sys.exit(failed > 0)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _keep(found: Path, name: str, data: bytes) -> Path:
    path = found / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _by_atheris(args: argparse.Namespace, atheris: Any) -> None:
    corpus = args.found / "corpora" / args.target
    corpus.mkdir(parents=True, exist_ok=True)
    for name, data in seeds_of(args.target).items():
        (corpus / f"seed-{name}").write_bytes(data)
    with atheris.instrument_imports(include=["pixelwise"]):
        work = _target(args.target)
    for path in corpus.glob("seed-*"):
        work(path.read_bytes())
    options = [
        f"-max_total_time={args.seconds}", f"-artifact_prefix={args.found}/{args.target}-", "-timeout=5",
        "-rss_limit_mb=2048", "-max_len=20000", f"-seed={args.seed + 1}", "-verbosity=0", "-print_final_stats=1",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], work)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
