"""`pixelwise check` and `pixelwise stats`: what they print, write and return."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner, Result

from pixelwise.checks.checking import check
from pixelwise.cli import check as cli_check
from pixelwise.counts.stats import Stats
from pixelwise.errors import UnknownNameError, UsageError
from tests.support.tree import Tree, mask

app = typer.Typer()
for command in cli_check.COMMANDS:
    app.command()(command)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "VOC2012")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=True)


def test_check_a_good_dataset(tree: Tree) -> None:
    done = run("check", tree.root)
    assert done.exit_code == 0
    assert "9 samples (train 6, val 3): no problems" in done.output


def test_check_errors_and_warnings(tree: Tree, tmp_path: Path) -> None:
    tree.label("s00", b"\xff")
    assert run("check", tree.root).exit_code == 1
    tree.label("s00", mask(15))  # a warning only, and a true one
    tree.image("s01", tree.image("s02", (tree.root / "JPEGImages/s01.jpg").read_bytes()).read_bytes())
    done = run("check", tree.root, "--save", tmp_path / "found.json", "--html", tmp_path / "found.html")
    assert done.exit_code == 0, done.output
    assert run("check", tree.root, "--fail-on", "warning").exit_code == 1
    assert json.loads((tmp_path / "found.json").read_text())["counts"] == {"error": 0, "warning": 1, "note": 0}
    assert "duplicate-image" in (tmp_path / "found.html").read_text()


def test_check_some_splits(tree: Tree) -> None:
    tree.label("s08", b"\xff")
    assert run("check", tree.root, "--split", "train").exit_code == 0
    assert run("check", tree.root, "--split", "train", "--split", "val").exit_code == 1
    assert isinstance(run("check", tree.root, "--split", "tarin").exception, UnknownNameError)
    assert check(tree.root, splits="train").splits == {"train": 6}
    assert isinstance(run("check", tree.root, "--fail-on", "note").exception, UsageError)


def test_check_shows_the_first_of_many(tree: Tree) -> None:
    for name in tree.names:
        tree.image(name, b"")
    done = run("check", tree.root)
    assert "error: empty-file (9)" in done.output
    assert "and 4 more" in done.output
    assert done.output.count("copy or download it again") == 1
    assert "more" not in run("check", tree.root, "--limit", "0").output


def test_stats(tree: Tree, tmp_path: Path) -> None:
    done = run("stats", tree.root, "--split", "train", "--weights", "enet", "--together", "--plot", tmp_path / "p.png",
               "--save", tmp_path / "s.json", "--published", "voc2012")  # fmt: skip
    assert done.exit_code == 0, done.output
    for text in ("aeroplane", "void", "enet", "mean RGB", "48x64 (100 %)", "A subset of what was published"):
        assert text in done.output
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.width > 1000
    assert Stats.load(tmp_path / "s.json").samples == 6


def test_stats_as_json(tree: Tree) -> None:
    done = run("stats", tree.root, "--json", "--published", "voc2012")
    data = json.loads(done.output)
    assert (data["samples"], data["published"]["verdict"]) == (9, "subset")
    assert set(data["weights"]) == {"inverse-frequency", "median-frequency", "enet", "effective-number"}
    assert len(data["weights"]["enet"]) == 21


def test_stats_refuses_wrong_names_before_it_counts(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_check, "count", lambda *_, **__: pytest.fail("counted"))
    assert isinstance(run("stats", tree.root, "--weights", "focal").exception, UnknownNameError)
    assert isinstance(run("stats", tree.root, "--published", "nothing").exception, UnknownNameError)


@pytest.mark.parametrize("command", ["check", "stats"])
def test_fewer_than_one_thread(tree: Tree, command: str) -> None:
    assert isinstance(run(command, tree.root, "--threads", -1).exception, UsageError)
    assert run("check", tree.root, "--limit", -1).exit_code == 2
