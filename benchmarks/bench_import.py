"""Starting up: the import of pixelwise, and the time to the first batch of job 1 in a fresh process.

    python benchmarks/bench_import.py --data WORK/real/data.json [--out FILE.json]

import: `import pixelwise` in a fresh interpreter, less an empty one. first batch: from the end of the import. cold: the
data's files dropped from the page cache first. first run ever: compiled kernels have to be made (an empty cache of
numba's). Targets: import 0.3 s; first batch 0.5 s with kernels cached and data warm; 8 s for the very first run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness
from race import MARK

RUNNER = Path(__file__).resolve().parent / "runner.py"
HEAVY = ("numba", "torch", "matplotlib", "cv2", "pyarrow", "httpx", "rich", "typer")


def seconds(code: str) -> float:
    """Wall time of a fresh interpreter that runs `code`."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=harness.child_environment())
    return time.perf_counter() - began


def heavy_imports() -> list[str]:
    """Which of the heavy packages `import pixelwise` pulls in."""
    code = f"import sys, pixelwise; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    found: list[str] = json.loads(done.stdout.replace("'", '"'))
    return found


def first_batch(peer: str, data: Path, *options: str, cache: str | None = None) -> float:
    """Seconds to the first batch of job 1 in a fresh process."""
    environment = harness.child_environment(**({"NUMBA_CACHE_DIR": cache} if cache else {}))
    command = [sys.executable, str(RUNNER), peer, "--job", "1", "--data", str(data), "--epochs", "0", *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    line = next(text for text in done.stdout.splitlines() if text.startswith(MARK))
    value: float = json.loads(line[len(MARK) :])["first_batch_s"]
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="data.json that race.py prepared")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    pulled = heavy_imports()
    print(f"import pixelwise pulls in: {', '.join(pulled) or 'none of ' + ', '.join(HEAVY)}")
    for peer in ("pixelwise_files", "pixelwise_pack:raw"):
        prepare = [sys.executable, str(RUNNER), peer, "--job", "1", "--data", str(args.data), "--prepare"]
        subprocess.run(prepare, check=True, capture_output=True)
    found: dict[str, list[float]] = {}

    def add(name: str, value: float) -> None:
        found.setdefault(name, []).append(value)

    for turn in range(args.rounds + 1):
        if turn == 1:
            found.clear()  # the first round warms caches
        empty = seconds("pass")
        add("interpreter", empty)
        add("import pixelwise", seconds("import pixelwise") - empty)
        for source, peer in (("files", "pixelwise_files"), ("pack", "pixelwise_pack:raw")):
            add(f"first batch, {source}", first_batch(peer, args.data))
            add(f"first batch, {source}, cold", first_batch(peer, args.data, "--cold"))
    for source, peer in (("files", "pixelwise_files"), ("pack", "pixelwise_pack:raw")):
        for _ in range(2):
            with tempfile.TemporaryDirectory() as cache:
                add(f"first run ever, {source}", first_batch(peer, args.data, cache=cache))
    results = {name: harness.summary(values) for name, values in found.items()}
    for name, value in results.items():
        print(f"{name:28s} {value} s")
    if args.out:
        harness.write_json(args.out, "import", results, pulled_in=pulled)


if __name__ == "__main__":
    main()
