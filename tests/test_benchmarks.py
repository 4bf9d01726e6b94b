"""The benchmarks' own judgement: wrong pixels are found, statistics are right, accounting counts. No timings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.support.places import REPOSITORY

BENCHMARKS = REPOSITORY / "benchmarks"
SIZES = [(150, 200), (140, 220), (160, 190), (150, 200), (170, 210)]


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    """The modules of benchmarks/, which are no package: they run in interpreters where pixelwise is not installed."""
    before = dict(sys.modules)
    sys.path.insert(0, str(BENCHMARKS))
    import harness
    import jobs
    import peers.geometry
    import race
    import report
    import verify

    yield SimpleNamespace(harness=harness, jobs=jobs, verify=verify, report=report, race=race, geometry=peers.geometry)
    sys.path.remove(str(BENCHMARKS))
    for name in set(sys.modules) - set(before):
        file = getattr(sys.modules[name], "__file__", None)
        if isinstance(sys.modules[name], types.ModuleType) and file and Path(file).is_relative_to(BENCHMARKS):
            del sys.modules[name]


# -- statistics -----------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_summary_is_numpys(bench: Any, values: list[float]) -> None:
    found = bench.harness.summary(values)
    assert (found.low, found.high, found.n) == (min(values), max(values), len(values))
    expected = np.percentile(values, [25, 50, 75])
    assert np.allclose([found.quartiles[0], found.median, found.quartiles[1]], expected, rtol=1e-9, atol=1e-6)


def test_summary_in_another_unit(bench: Any) -> None:
    assert bench.harness.summary([1.0, 2.0, 4.0]).scaled(1000).median == 2000
    with pytest.raises(ValueError, match="no measurements"):
        bench.harness.summary([])


def test_compare_runs_candidates_in_turns_and_leaves_out_the_warm_up(bench: Any) -> None:
    order: list[str] = []
    found = bench.harness.compare(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=3, calls=2, warmup=1
    )
    assert order == ["a", "a", "b", "b"] * 4
    assert found["a"]["wall"].n == found["b"]["cpu"].n == 3


# -- processes ------------------------------------------------------------------------------------------------

linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")


@linux
def test_a_childs_memory_and_cpu_are_counted(bench: Any) -> None:
    code = """if True:
        import sys
        held = bytearray(b"x") * 80_000_000
        for _ in range(3_000_000): pass
        print(1, flush=True)
        sys.stdin.read()"""
    before = bench.harness.cpu_seconds()
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    with bench.harness.MemoryWatch(child.pid) as watch:
        child.stdout.readline()
        assert child.pid in bench.harness.process_tree(os.getpid())
        watch.sample()
        running = bench.harness.cpu_seconds()
        child.stdin.close()
        child.wait()
    child.stdout.close()
    assert watch.peak > 80_000_000
    assert 80_000_000 < watch.peak_anonymous <= watch.peak
    assert running - before > 0.02
    assert bench.harness.cpu_seconds() >= running - 0.02  # still counted when it is gone


def test_evicted_files_read_the_same(bench: Any, tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(os.urandom(100_000))
    before = file.read_bytes()
    bench.harness.evict([file])
    assert file.read_bytes() == before


# -- verification: crops --------------------------------------------------------------------------------------

Batch = tuple[NDArray[Any], NDArray[Any]]


@pytest.fixture(scope="module")
def crops(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small tree and a right batch of 8 crops of it, as a peer would deliver it."""
    root = tmp_path_factory.mktemp("tree")
    for folder in ("JPEGImages", "SegmentationClass"):
        (root / folder).mkdir()
    rng = np.random.default_rng(0)
    names = [f"s{k}" for k in range(len(SIZES))]
    for name, (height, width) in zip(names, SIZES, strict=True):
        coarse = Image.fromarray(rng.integers(0, 256, (height // 10, width // 10, 3), dtype=np.uint8))
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(root / f"JPEGImages/{name}.jpg", quality=92)
        label = np.repeat(np.repeat(rng.integers(0, 21, (height // 10, width // 10)), 10, 0), 10, 1).astype(np.uint8)
        label[40:60, 50:120] = 255
        Image.fromarray(label).save(root / f"SegmentationClass/{name}.png")
    data = bench.jobs.Data(root, root / "derived", tuple(names), (170, 220))
    job = replace(bench.jobs.JOBS[1], height=96, width=128, batch=8)
    pairs = bench.verify.sources(data)
    images, labels = [], []
    for k in (3, 1, 4, 0, 2, 4, 1, 0):
        image, label = pairs[k]
        y, x = rng.integers(0, image.shape[0] - 96 + 1), rng.integers(0, image.shape[1] - 128 + 1)
        images.append(image[y : y + 96, x : x + 128])
        labels.append(label[y : y + 96, x : x + 128])
    levels = np.stack(images).astype(np.float32)
    normal = (levels / 255 - np.array(bench.jobs.MEAN, np.float32)) / np.array(bench.jobs.STD, np.float32)
    right = np.ascontiguousarray(normal.transpose(0, 3, 1, 2)), np.stack(labels)

    def judge(change: Callable[[NDArray[Any], NDArray[Any]], Batch], job: Any = job) -> Any:
        return bench.verify.check(job, data, *change(right[0].copy(), right[1].copy()))

    return SimpleNamespace(judge=judge, job=job, levels=levels.astype(np.uint8))


def test_a_right_batch_is_right(crops: Any) -> None:
    verdict = crops.judge(lambda x, y: (x, y))
    assert verdict.right, str(verdict)
    assert crops.judge(lambda x, y: (x, np.where(y == 255, -1, y.astype(np.int64)))).right  # void as -1
    as_bytes = replace(crops.job, dtype="uint8")
    assert crops.judge(lambda x, y: (crops.levels, y), as_bytes).right
    assert crops.judge(lambda x, y: (crops.levels.transpose(0, 3, 1, 2), y), as_bytes).right


def test_lost_void_is_noted_and_void_as_a_class_is_wrong(crops: Any) -> None:
    verdict = crops.judge(lambda x, y: (x, np.where(y == 255, 0, y)))
    assert verdict.right
    assert "void became background" in str(verdict)
    assert "void pixels of class" in str(crops.judge(lambda x, y: (x, np.where(y == 255, 7, y))))


def shifted(x: NDArray[Any], y: NDArray[Any]) -> Batch:
    return x, np.roll(y, 1, axis=2)


def one_pixel(x: NDArray[Any], y: NDArray[Any]) -> Batch:
    y[2, 5, 7] = (y[2, 5, 7] + 1) % 21 if y[2, 5, 7] != 255 else 255
    y[3, 95, 127] = (y[3, 95, 127] + 1) % 21 if y[3, 95, 127] != 255 else 255
    return x, y


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (shifted, "differs from its window"),
        (one_pixel, "differs from its window in 1 pixels"),
        (lambda x, y: (x, y[::-1].copy()), "differs from its window"),
        (lambda x, y: (x[:, ::-1].copy(), y), "no window of any source"),
        (lambda x, y: (x[..., ::-1].copy(), y), "no window of any source"),
        (lambda x, y: (x * 0.9, y), "no window of any source"),
        (lambda x, y: (np.zeros_like(x), y), "no window of any source"),
        (lambda x, y: (x.astype(np.float64), y), "images are float64"),
        (lambda x, y: (x[:7], y), "images are float32"),
        (lambda x, y: (x, y.astype(np.float32)), "labels are float32"),
        (lambda x, y: (x[[3] * 8], y[[3] * 8]), "crops are not random"),
        (lambda x, y: (x[[3, 7, 1, 6, 4, 0, 2, 5]], y[[3, 7, 1, 6, 4, 0, 2, 5]]), "not shuffled"),
    ],
    ids=["label-shifted", "one-label-pixel", "labels-of-others", "bgr", "image-flipped", "scaled-values", "black",
         "float64", "too-few", "float-labels", "always-the-same", "list-order"],
)  # fmt: skip
def test_wrong_batches_are_found(crops: Any, change: Callable[..., Batch], complaint: str) -> None:
    verdict = crops.judge(change)
    assert not verdict.right
    assert complaint in str(verdict)


# -- verification: scale, flip, padding -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def ramp(bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A right batch of job 3 on the ramp tree."""
    job = bench.jobs.JOBS[3]
    folder = tmp_path_factory.mktemp("ramp")
    data = bench.jobs.Data.load(bench.jobs.prepare(folder, folder, ["ramp"])["ramp"])
    image, label = bench.verify.sources(data)[0]
    rng = np.random.default_rng(1)
    done = [bench.geometry.cut(job, image, label, rng.random(4)) for _ in range(job.batch)]
    return job, np.stack([d[0] for d in done]).astype(np.float32), np.stack([d[1] for d in done]).astype(np.int64)


def test_a_right_augmented_batch_is_right(bench: Any, ramp: Any) -> None:
    verdict = bench.verify.check_augmented(*ramp)
    assert verdict.right, str(verdict)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda x, y: (x, y[:, :, ::-1]), "do not belong together"),
        (lambda x, y: (x, np.roll(y, 8, axis=1)), "do not belong together"),
        (lambda x, y: (x, np.roll(y, 8, axis=2)), "do not belong together"),
        (lambda x, y: (x, np.where(y == 255, 3, y)), "neither void nor background"),
        (lambda x, y: (x[:, ::-1], y[:, ::-1]), "turned over"),
        (lambda x, y: (x[[0] * 32], y[[0] * 32]), "scales run from|are flipped"),
    ],
    ids=["only-label-flipped", "label-down", "label-right", "padding-as-class", "upside-down", "never-drawn"],
)
def test_wrong_augmented_batches_are_found(bench: Any, ramp: Any, change: Callable[..., Batch], complaint: str) -> None:
    import re

    job, levels, classes = ramp
    verdict = bench.verify.check_augmented(job, *change(levels, classes))
    assert not verdict.right
    assert re.search(complaint, str(verdict))


# -- the report -----------------------------------------------------------------------------------------------


def a_row(rates: list[float], cpu: float, *, first: float = 0.2, right: bool = True) -> dict[str, Any]:
    run = {"rates": rates, "cpu_ms": [cpu], "first_batch_s": first, "first_epoch_s": 1.0, "import_s": 0.1, "busy": 0.1}
    return {"runs": [run], "cold": [], "right": right, "pixels": "right", "prepare_s": 0.0,
            "peak": 100 << 20, "peak_anonymous": 90 << 20}  # fmt: skip


def test_targets_are_judged_by_the_medians(bench: Any) -> None:
    report = bench.report
    floors = {report.FILL: {"cpu_ms": 0.1, "wall_ms": 0.1}, report.JPEG: {"cpu_ms": 1.0, "wall_ms": 1.0},
              report.PNG: {"cpu_ms": 0.2, "wall_ms": 0.2}}  # fmt: skip
    moved = {"read_files": 1, "read_window": 1, "written": 1}
    job = {
        "title": "made up",
        "floors": [{"threads": 2, "bytes": moved, "floors": floors}],
        "peers": {
            report.FILES: a_row([900, 1000, 1100], 1.44),
            report.PACK: a_row([6000], 0.25, first=0.7),
            report.DALI: a_row([500], 3.0),
            report.TORCHVISION: a_row([9000], 3.0, right=False),
        },
    }
    lines = report.target_table({1: job})
    by_name = {line.split("|")[1].strip(): line for line in lines[2:]}
    assert "| 2.00x | met |" in by_name[f"files against {report.DALI}"]
    assert "| 12.00x | met |" in by_name[f"pack against {report.DALI}"]
    assert "| 1.20x | **missed** |" in by_name["CPU of files over decoding alone"]
    assert "| 2.50x | **missed** |" in by_name["CPU of the pack over filling the output"]
    assert "| 0.70s | **missed** |" in by_name["first batch from the pack, after import"]
    assert "not measured" in by_name[f"files against {report.TORCHVISION}"]  # wrong pixels set no mark
    assert "not measured" in by_name[f"pack against {report.FFCV}"]


def test_races_of_several_jobs_join(bench: Any) -> None:
    def race(number: int, repeats: int) -> dict[str, Any]:
        job = {"title": f"job {number}", "floors": [], "peers": {bench.report.PACK: a_row([6000], 0.25)}}
        machine = {"date": "today", "cpu": "a cpu", "cores": 2, "memory_mb": 1, "system": "Linux", "python": "3",
                   "load": 0.1 if number == 1 else 2.0}
        return {
            "machine": machine, "versions": {f"peer {number}": {}}, "absent": {},
            "data": {"root": "VOC", "images": {str(number): 10 * number}},
            "options": {"threads": 2, "epochs": 3, "repeats": repeats, "copies": 4}, "jobs": {str(number): job},
        }  # fmt: skip

    text = bench.report.markdown(bench.report.join([race(3, 3), race(1, 2)]))
    assert text.index("## Job 1: job 1 (10 images") < text.index("## Job 3: job 3 (30 images")
    assert "2 or 3 rounds of 3 measured epochs" in text
    assert "- peer 1" in text
    assert "- peer 3" in text
    assert "load 2.0 before the race, others used 0.1 to 0.1 cores; **the machine was shared" in text
    assert "shared: these" not in bench.report.markdown(bench.report.join([race(1, 2)]))


def test_a_jitter_that_does_nothing_is_found(bench: Any) -> None:
    levels = np.full((8, 20, 30, 3), 200, np.float32)
    assert not bench.verify.check_jitter(levels).right
    assert bench.verify.check_jitter(levels * np.linspace(0.6, 1.2, 8, dtype=np.float32)[:, None, None, None]).right


def test_last_words_of_a_traceback(bench: Any) -> None:
    text = "Traceback (most recent call last):\n  File x\nModuleNotFoundError: No module named 'ffcv'\nnote\n"
    assert bench.race.last_words(text) == "ModuleNotFoundError: No module named 'ffcv'"


@linux
def test_the_race_runs_end_to_end(voc_root: Path, tmp_path: Path) -> None:
    out = tmp_path / "race"
    command = [sys.executable, str(BENCHMARKS / "race.py"), "--jobs", "1", "--repeats", "1", "--epochs", "1"]
    copies = 1 if len(list((voc_root / "JPEGImages").iterdir())) > 100 else 4  # two batches at least
    command += ["--copies", str(copies), "--only", "pixelwise, files,FFCV raw", "--root", str(voc_root)]
    command += ["--work", str(tmp_path / "work"), "--out", str(out), "--python", "ffcv=/nowhere/python"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.with_suffix(".json").read_text())
    row = found["jobs"]["1"]["peers"]["pixelwise, files"]
    assert row["right"], row["pixels"]
    assert len(row["runs"][0]["rates"]) == 1
    assert row["peak"] > 50 << 20
    assert "/nowhere/python" in found["absent"]["FFCV raw"]
    text = out.with_suffix(".md").read_text()
    assert "| pixelwise, files | **" in text
    assert "## Targets" in text
