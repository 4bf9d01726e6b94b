"""merge: the output, the files and the exit code of every command that saves parts; or one line that says what is wrong
with them. What a part cannot do is refused, not passed over.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

import pixelwise as pw
from pixelwise.cli import app
from pixelwise.cli.merging import REPORTS
from tests.support.program import Done, run_here
from tests.support.two_splits import write

Run = Callable[..., Done]
COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return lambda *arguments: run_here(monkeypatch, capsys, *arguments)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a dataset that has an error and a warning, and predictions; the current one."""
    root = write("voc", tmp_path / "data")
    (root / "JPEGImages/train/stray.jpg").write_bytes(b"")
    (root / "JPEGImages/train/1.jpg").write_bytes((root / "JPEGImages/train/0.jpg").read_bytes())
    for sample in pw.open(root)["val"]:
        assert sample.label is not None
        file = tmp_path / f"predictions/{sample.name}.npy"
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, sample.label[::-1])
    (root / "SegmentationClass/train/2.png").write_bytes(b"no PNG")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def arguments(command: str, place: Path) -> list[object]:
    """The dataset, after the predictions if the command scores some."""
    return [*([place / "predictions"] if command == "score" else []), place / "data"]


def parts(run: Run, command: str, place: Path, *options: object, n: int = 2, of: str = "part") -> list[Path]:
    made = [place / f"{of}-{k}.json" for k in range(1, n + 1)]
    for k, path in enumerate(made, 1):
        done = run(command, *arguments(command, place), *options, "--part", f"{k}/{n}", "--save", path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"part {k} of {n} of {command}: ")
    return made


# -- the whole --------------------------------------------------------------------------------------------------------

OF_A_PART = {
    "check": {}, "stats": {},
    "score": {"protocol": ["cityscapes"], "boundary": [], "stored_values": [], "masks": None, "threshold": None},
}  # fmt: skip
"""What parts take besides the dataset's options, with values; None where it does not fit this dataset."""
OF_A_REPORT: dict[str, list[object]] = {
    "limit": ["1"], "html": ["page.html"], "fail_on": ["warning"], "weights": ["enet"], "together": [],
    "plot": ["picture.png"], "intervals": [], "csv": ["table.csv"], "worst": ["2"], "output": ["sheet.png"],
}  # fmt: skip
OF_THE_WHOLE = {
    "published": ["voc2012"], "baseline": ["predictions"], "objects": [], "probabilities": [], "divisor": ["1000"],
    "thing": ["cat"], "activation": ["softmax"],
}  # fmt: skip
"""What neither a part nor merge can do."""


def options(command: str) -> dict[str, str]:
    return {p.name: max(p.opts, key=len) for p in COMMANDS[command].params if p.param_type_name == "option"}


def test_every_option_of_every_command_that_saves_parts_is_known() -> None:
    assert {c for c in COMMANDS if {"part", "save"} <= options(c).keys()} == OF_A_PART.keys() == REPORTS.keys()
    shared = {"part", "save", "split", "threads", "ray", "labels", "format", "as_json"}
    for command, own in OF_A_PART.items():
        assert options(command).keys() - shared - own.keys() - OF_THE_WHOLE.keys() == set(REPORTS[command])
    merged = {name for names in REPORTS.values() for name in names}
    assert options("merge").keys() - {"data", "save", "as_json"} == merged == OF_A_REPORT.keys()
    for command, names in REPORTS.items():
        assert all(options("merge")[name] == options(command)[name] for name in names)


def cases() -> Iterator[tuple[str, list[str], list[str]]]:
    """A command, options of its parts, and of the report."""
    for command in OF_A_PART:
        for form in ([], ["--json"]):
            yield command, [], form
            for name in REPORTS[command]:
                more = ["--worst", "2"] if name == "output" else []
                yield command, [], [options(command)[name], *map(str, OF_A_REPORT[name]), *more, *form]
        for name, values in OF_A_PART[command].items():
            if values is not None:
                yield command, [options(command)[name], *values], []
    yield "check", ["--split", "val"], []
    yield "stats", ["--split", "train"], ["--plot", "picture.png"]
    yield "score", ["--split", "val", "--threads", "1"], []


@pytest.mark.parametrize(("command", "own", "report"), [*cases()], ids=lambda v: "".join(v))
def test_merged_is_the_whole(command: str, own: list[str], report: list[str], run: Run, place: Path) -> None:
    saved = parts(run, command, place, *own)
    seen = []
    for call in ([command, *arguments(command, place), *own], ["merge", *saved]):
        done = run(*call, *report, "--save", "result.json")
        files = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file() and path not in saved}
        assert len(files) == 1 + sum(word.endswith((".html", ".png", ".csv")) for word in report) or "--worst" in report
        for name in files:
            (place / name).unlink()
        seen.append((done, files))
    (whole, its), (merged, others) = (
        (Done(done.returncode, quiet(done.stdout), done.stderr), {k: quiet(v) for k, v in files.items()})
        for done, files in seen
    )
    assert merged == whole
    assert others == its
    assert whole.returncode == (command != "score" and own != ["--split", "val"])


def quiet(text: Any) -> Any:
    """Without seconds."""
    if isinstance(text, bytes):
        return re.sub(rb'"seconds": ?[0-9.e-]+|[0-9.]+ s\b', b"", text)
    return re.sub(r'"seconds": [0-9.e-]+|checked in .* samples/s', "", text)


@pytest.mark.parametrize("command", OF_A_PART)
def test_what_is_about_the_whole_is_refused_for_a_part(command: str, run: Run, place: Path) -> None:
    for name, values in {**OF_A_REPORT, **OF_THE_WHOLE}.items():
        if name in options(command):
            words = [options(command)[name], *values]
            done = run(command, *arguments(command, place), *words, "--part", "1/2", "--save", "x.json")
            assert done.returncode == 2, words
            assert f"--part does not go with {words[0]}; a part is not reported; see pixelwise merge" in done.stderr
    assert not (place / "x.json").exists()


@pytest.mark.parametrize("command", OF_A_PART)
def test_what_is_about_another_command_is_refused(command: str, run: Run, place: Path) -> None:
    saved = parts(run, command, place)
    for name in OF_A_REPORT.keys() - set(REPORTS[command]):
        words = [options("merge")[name], *OF_A_REPORT[name]]
        done = run("merge", *saved, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"merging parts of {command} does not go with {words[0]}" in done.stderr


def test_what_means_nothing_without_another_option_is_refused(run: Run, place: Path) -> None:
    saved = parts(run, "score", place)
    for call in (["score", *arguments("score", place)], ["merge", *saved]):
        done = run(*call, "-o", "sheet.png")
        assert (done.returncode, done.stdout) == (2, "")
        assert "--output: only with --worst; add --worst, or leave that out" in done.stderr
    for name, needed in (("activation", "--probabilities"), ("divisor", "--objects"), ("thing", "--objects")):
        done = run("score", *arguments("score", place), f"--{name}", *OF_THE_WHOLE[name])
        assert (done.returncode, done.stdout) == (2, "")
        assert f"--{name}: only with {needed}" in done.stderr
    for kind in ("objects", "probabilities"):
        done = run("score", *arguments("score", place), f"--{kind}", "--boundary", "--html", "page.html")
        assert (done.returncode, done.stdout) == (2, "")
        assert f"--{kind} does not go with --boundary, --html; leave that out" in done.stderr


# -- parts that are no whole ------------------------------------------------------------------------------------------


def refused(done: Done, *said: str) -> None:
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    for words in said:
        assert words in done.stderr


@pytest.mark.parametrize("command", OF_A_PART)
def test_parts_that_do_not_belong_together(command: str, run: Run, place: Path) -> None:
    one, two, three = parts(run, command, place, n=3)
    refused(run("merge", one, three), f"1 of 3 parts of {command} are missing: 2; run each with --part 2/3")
    refused(run("merge", one, two, two, three), "part-2.json: is part 2 of 3, and so is", "[repeated-part]")
    other = parts(run, command, place, n=4, of="other")
    refused(run("merge", one, other[1], three), "other-2.json: is not of the job of", "of is 4, expected 3")
    for verb in OF_A_PART.keys() - {command}:
        others = parts(run, verb, place, n=3, of=verb)
        refused(run("merge", one, others[1], three), f"verb is '{verb}', expected '{command}'", "[other-part]")
    data = json.loads(two.read_text())
    two.write_text(json.dumps({**data, "version": 2}))
    refused(run("merge", one, two, three), "part-2.json: not a part: pixelwise-part version 2", "[bad-part]")
    two.write_text(json.dumps({**data, "first": data["first"] + 1}))
    refused(run("merge", one, two, three), "part-2.json: begins with sample", "run that part again [bad-part]")
    two.write_text("{}")
    refused(run("merge", one, two, three), "part-2.json: not a part", "[bad-part]")
    two.unlink()
    refused(run("merge", one, two, three), "part-2.json: no such file")


@pytest.mark.parametrize("command", OF_A_PART)
def test_parts_of_data_that_has_changed(command: str, run: Run, place: Path) -> None:
    one, _ = parts(run, command, place)
    label = place / "data/SegmentationClass/val/0.png"
    label.write_bytes((place / "data/SegmentationClass/val/2.png").read_bytes())
    _, two = parts(run, command, place, of="new")
    refused(run("merge", one, two), "new-2.json: is not of the job of", "data is", "[other-part]")


@pytest.mark.parametrize("command", ["check", "score"])
def test_the_data_itself_has_changed(command: str, run: Run, place: Path) -> None:
    saved = parts(run, command, place)
    (place / "data").rename(place / "moved")
    refused(run("merge", *saved), "data: ")
    whole = run(command, *arguments(command, place)[:-1], place / "moved", "--json")
    assert quiet(run("merge", *saved, "--data", place / "moved", "--json").stdout) == quiet(whole.stdout)
    shutil.copy(place / "moved/SegmentationClass/val/2.png", place / "moved/SegmentationClass/val/0.png")
    refused(run("merge", *saved, "--data", place / "moved"), "the parts are of other data: data is", "[other-part]")


def damages(values: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of a JSON value: of a list, the first and the last."""
    if at:
        yield at
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, value in pairs:
        if not isinstance(values, list) or key in (0, len(values) - 1):
            yield from damages(value, (*at, key))


@pytest.mark.parametrize("command", OF_A_PART)
def test_a_part_that_is_damaged_anywhere_is_one_line(command: str, run: Run, place: Path) -> None:
    (saved,) = parts(run, command, place, n=1)
    whole, refusals = json.loads(saved.read_text()), 0
    for at in damages(whole):
        for value in (None, "x", -1, [], {}, 1e300, "left out"):
            values = inner = deepcopy(whole)
            for key in at[:-1]:
                inner = inner[key]
            if value == "left out":
                del inner[at[-1]]
            else:
                inner[at[-1]] = value
            saved.write_text(json.dumps(values))
            done = run("merge", saved)
            assert done.returncode in (0, 1, 2), (at, value)
            if not done.stdout:
                refusals += 1
                assert done.stderr.count("\n") == 1, (at, value, done.stderr)
    assert refusals > 100
