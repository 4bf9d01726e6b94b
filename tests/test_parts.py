"""Parts put together are the whole, in every value; anything else is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixelwise as pw
from pixelwise.parts import run_of
from tests.support.program import run
from tests.support.two_splits import opened, write

Parts = list[Path]


def findings(found: Any) -> Any:
    return {k: v for k, v in found.to_dict().items() if k != "seconds"}


def saved(verb: Any, folder: Path, n: int, *arguments: Any, **options: Any) -> Parts:
    """The files of n parts, written and read in another order than their own."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for k in reversed(range(1, n + 1)):
        part = verb(*arguments, part=(k, n), **options)
        made.append(part.save(folder / f"part-{k}.json"))
        assert pw.Part.load(made[-1]).to_dict() == part.to_dict()
    return made


@given(st.integers(0, 10_000), st.integers(1, 300))
def test_runs_follow_each_other_and_have_equal_lengths(total: int, n: int) -> None:
    runs = [run_of((k, n), total) for k in range(1, n + 1)]
    assert [i for run in runs for i in run] == list(range(total))
    assert max(map(len, runs)) - min(map(len, runs)) <= 1


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A dataset with a copy of an image, a missing image, a label of another size, and a stray file."""
    root = write("voc", tmp_path / "data")
    images = root / "JPEGImages"
    (images / "val/1.jpg").write_bytes((images / "train/0.jpg").read_bytes())
    (images / "train/2.jpg").unlink()
    (images / "train/stray.jpg").write_bytes(b"")
    (root / "SegmentationClass/val/2.png").write_bytes(b"no PNG")
    return root


@pytest.mark.parametrize("n", [1, 2, 4, 11])
def test_parts_of_a_check_are_its_findings(damaged: Path, tmp_path: Path, n: int) -> None:
    whole = pw.check(damaged)
    assert len(whole.groups) >= 3
    merged = pw.merge(saved(pw.check, tmp_path / "parts", n, damaged))
    assert findings(merged) == findings(whole)
    dataset = pw.open(damaged)
    some = [pw.check(dataset, splits="val", part=(k, n)) for k in range(1, n + 1)]
    assert findings(pw.merge(some, data=pw.open(damaged)["val"])) != findings(whole)


@pytest.mark.parametrize("name", ["toml", "yolo", "coco", "hf_parquet", "pack", "arrays", "joined"])
def test_parts_of_every_source(name: str, tmp_path: Path) -> None:
    dataset = opened(name, tmp_path / "data")
    assert pw.merge(saved(pw.stats, tmp_path / "stats", 3, dataset)) == pw.stats(dataset)
    assert findings(pw.merge(saved(pw.check, tmp_path / "check", 3, dataset), dataset)) == findings(pw.check(dataset))


@pytest.mark.parametrize("n", [1, 2, 5, 20])
def test_parts_of_statistics(damaged: Path, tmp_path: Path, n: int) -> None:
    (damaged / "ImageSets/Segmentation/odd.txt").write_bytes(b"a\na\n")
    whole = pw.stats(damaged, on_error="skip")
    merged = pw.merge(saved(pw.stats, tmp_path / "parts", n, damaged, on_error="skip"))
    assert merged == whole
    assert list(merged.sizes) == list(whole.sizes)
    assert len(whole.skipped) == 3


@pytest.mark.parametrize("n", [1, 2, 4])
def test_parts_of_scores(tmp_path: Path, n: int) -> None:
    dataset = opened("toml", tmp_path / "data")
    folder = tmp_path / "predictions"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for sample in dataset["val"]:
        np.save(folder / f"{sample.name}.npy", rng.integers(0, 2, sample.size, np.uint8))
    whole = pw.score(folder, tmp_path / "data", boundary=True)
    merged = pw.merge(saved(pw.score, tmp_path / "parts", n, folder, tmp_path / "data", boundary=True))
    assert merged.to_dict() == whole.to_dict()
    assert merged.confusion == whole.confusion
    assert merged.boundary == whole.boundary
    assert merged.files == whole.files
    assert merged.intervals().to_dict() == whole.intervals().to_dict()
    with pytest.raises(pw.UsageError, match="give one of them"):
        pw.score(folder, dataset, part=(1, 2), shard=(0, 2))


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    write("toml", tmp_path / "data")
    return sorted(saved(pw.stats, tmp_path / "parts", 4, tmp_path / "data"))


def test_gaps_and_overlaps_are_refused(parts: Parts, tmp_path: Path) -> None:
    with pytest.raises(pw.DataError, match=r"2 of 4 parts of stats are missing: 2, 3; run each with --part 2/4") as e:
        pw.merge([parts[0], parts[3]])
    assert e.value.code == "missing-part"
    with pytest.raises(pw.DataError, match=r"is part 1 of 4, and so is .*part-1.json; give each part once") as e:
        pw.merge([*parts, parts[0]])
    assert e.value.code == "repeated-part"
    with pytest.raises(pw.UsageError, match="got none"):
        pw.merge([])


def test_parts_of_other_jobs_are_refused(parts: Parts, tmp_path: Path) -> None:
    data = tmp_path / "data"
    others = {
        "of is 3, expected 4": pw.stats(data, part=(2, 3)),
        "verb is 'check', expected 'stats'": pw.check(data, part=(2, 4)),
        "on_error is 'skip', expected 'raise'": pw.stats(data, part=(2, 4), on_error="skip"),
        "samples is 3, expected 6": pw.stats(data, part=(2, 4), splits="val"),
    }
    for what, other in others.items():
        with pytest.raises(pw.DataError, match=what) as caught:
            pw.merge([parts[0], other, *parts[2:]])
        assert caught.value.code == "other-part"
    label = next((data / "val/masks").iterdir())
    label.write_bytes((data / "train/masks/2.png").read_bytes())
    with pytest.raises(pw.DataError, match="data is"):
        pw.merge([parts[0], pw.stats(data, part=(2, 4)), *parts[2:]])


def test_the_data_must_be_that_of_the_parts(tmp_path: Path) -> None:
    dataset, other = opened("toml", tmp_path / "a"), opened("voc", tmp_path / "b")
    parts = [pw.check(dataset, part=(k, 2)) for k in (1, 2)]
    with pytest.raises(pw.UsageError, match="do not say how their dataset is opened; pass data="):
        pw.merge(parts)
    with pytest.raises(pw.DataError, match="the parts are of other data"):
        pw.merge(parts, other)
    assert findings(pw.merge(parts, dataset)) == findings(pw.check(dataset))


def test_a_dataset_that_was_moved(tmp_path: Path) -> None:
    write("toml", tmp_path / "a")
    parts = saved(pw.check, tmp_path / "parts", 2, tmp_path / "a", splits=["val"])
    (tmp_path / "a").rename(tmp_path / "b")
    merged, whole = pw.merge(parts, tmp_path / "b"), pw.check(tmp_path / "b", splits=["val"])
    assert [str(f) for f in merged] == [str(f) for f in whole]


@pytest.mark.parametrize("part", [(0, 4), (5, 4), (1, 0), "3/16", (1.0, 2), 3, (1, 2, 3)])
def test_parts_are_counted_from_1(part: Any) -> None:
    with pytest.raises(pw.UsageError, match="part must be"):
        pw.stats("nowhere", part=part)


def test_damaged_files_of_parts_are_refused(parts: Parts) -> None:
    text = parts[1].read_text()
    values = json.loads(text)
    for damage in (
        {"version": 2}, {"verb": "pack"}, {"number": 0}, {"first": -1}, {"first": 0}, {"about": None}, {"share": [1]},
        {"share": {}}, {"seconds": "x"}, {"number": True},
    ):  # fmt: skip
        parts[1].write_text(json.dumps({**values, **damage}))
        with pytest.raises(pw.DataError):
            pw.merge(parts)
    parts[1].write_text(text[: len(text) // 2])
    with pytest.raises(pw.DataError) as caught:
        pw.merge(parts)
    assert (caught.value.code, caught.value.where) == ("bad-part", str(parts[1]))


def test_a_damaged_share_of_a_check(tmp_path: Path) -> None:
    write("toml", tmp_path / "data")
    part = pw.check(tmp_path / "data", part=(1, 1)).to_dict()
    for share in ([], [[1]], None, [[None] * 10] * 6, part["share"][:-1]):
        with pytest.raises(pw.DataError) as caught:
            pw.merge([pw.Part.from_dict({**part, "share": share})])
        assert caught.value.code == "bad-part"


# -- the command line -------------------------------------------------------------------------------------------------


def test_the_commands(damaged: Path, tmp_path: Path) -> None:
    for verb in ("check", "stats"):
        for k in (1, 2):
            done = run(verb, damaged, "--part", f"{k}/2", "--save", tmp_path / f"{verb}-{k}.json")
            assert (done.returncode, done.stderr) == (0, "")
            assert done.stdout.startswith(f"part {k} of 2 of {verb}: ")
        files = sorted(tmp_path.glob(f"{verb}-*.json"))
        whole, merged = run(verb, damaged, "--json"), run("merge", *files, "--json", "--save", tmp_path / "out.json")
        assert (merged.returncode, merged.stderr) == (whole.returncode, whole.stderr) == (1, whole.stderr)
        ours, theirs = json.loads(merged.stdout), json.loads(whole.stdout)
        assert {**ours, "seconds": 0} == {**theirs, "seconds": 0}
        assert (tmp_path / "out.json").exists()
    done = run("merge", tmp_path / "check-1.json")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "1 of 2 parts of check are missing: 2" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--part", "3/2", "--save", "x.json"], "--part must be K/N with 1 <= K <= N, such as 3/16, got '3/2'"),
        (["--part", "1/2"], "--part needs a file to save the part to; add --save part-1.json"),
    ],
)
def test_wrong_options(options: list[str], message: str, tmp_path: Path) -> None:
    done = run("stats", write("toml", tmp_path / "data"), *options)
    assert done.returncode == 2
    assert message in done.stderr
