"""Pack over and over in a child that is killed at a random instant; say what each kill left. Prints JSON.

    python pack_killer.py FOLDER KILLS SEED

Odd turns pack into a new folder, or continue there; even turns replace a finished pack by another. After each kill the
target must be refused as unfinished, or be one of the whole packs, old or new, every record right.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import pixelwise as pw
from pixelwise.errors import DataError
from pixelwise.packs.index import checksum

sys.path.insert(0, str(Path(__file__).parents[1]))  # it is run as a program

from support.packing import small

SHARD_BYTES = 40_000
COUNT = 60


def pixels(split: pw.Split) -> int:
    """A number that only the right pixels give."""
    return sum(checksum(s.image.tobytes()) for s in split)


def seconds_to_pack(out: Path) -> float:
    began = time.perf_counter()
    pack(out, 1)
    return time.perf_counter() - began


def pack(out: Path, seed: int) -> None:
    pw.pack(DATASETS[seed], out, shard_bytes=SHARD_BYTES, overwrite=True, threads=2)


def killed(out: Path, seed: int, after: float) -> bool:
    """Pack in a child, killed after so many seconds. Whether it was killed before its end."""
    child = os.fork()
    if child == 0:
        try:
            pack(out, seed)
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def state(out: Path) -> str:
    """ "nothing", "unfinished", "1" or "2": the whole pack of that dataset. Anything else ends the program."""
    try:
        dataset = pw.open(out)
    except DataError as error:
        if error.code == "unfinished-pack":
            return "unfinished"
        if not out.exists() or not any(out.iterdir()):
            return "nothing"
        raise
    found = pw.verify(out)
    if found:
        raise SystemExit(f"a readable pack is damaged: {found.findings[0]}")
    value = pixels(dataset["all"])
    return next(str(seed) for seed, truth in TRUTH.items() if truth == value)


DATASETS = {seed: small(COUNT, seed) for seed in (1, 2)}
TRUTH = {seed: pixels(dataset["all"]) for seed, dataset in DATASETS.items()}


def main() -> None:
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(int(sys.argv[3]))
    whole = min(seconds_to_pack(folder / f"time{k}.pack") for k in range(3))
    left: Counter[str] = Counter()
    count, turn = 0, 0
    while count < kills:
        turn += 1
        replaces = turn % 2 == 0
        out = folder / f"turn{turn}.pack"
        if replaces:
            pack(out, 1)
        for _ in range(3):  # the second and third continue what the first left
            early = killed(out, 2, rng.uniform(0, 1.3 * whole))
            now = state(out)
            count += early
            left[("replacing, " if replaces else "new, ") + ("killed, " if early else "done, ") + now] += 1
            assert now == "2" or early
            assert now in ("1", "2") or not replaces
        pack(out, 2)
        assert state(out) == "2"
    print(json.dumps({"kills": count, "seconds": whole, "left": left}))


if __name__ == "__main__":
    main()
