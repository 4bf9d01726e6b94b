"""Commands that take a dataset take the same options, every command prints JSON, errors name options, and work is done
where --ray says.
"""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

import pixelwise as pw
from pixelwise.cli import app
from tests.support.commands import CALLS, furnish, outcome
from tests.support.pools import Pickling
from tests.support.program import run, run_here
from tests.support.tree import Tree

COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
OF_A_DATASET = ("info", "load", "show", "check", "stats", "pack", "convert", "predict", "score", "submit", "view")


def options(command: str) -> set[str]:
    return {o for p in COMMANDS[command].params for o in p.opts if o.startswith("--")}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_json(command: str) -> None:
    assert "--json" in options(command)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_a_dataset_take_the_same_options(command: str) -> None:
    takes_one = any(p.metavar == "DATASET" for p in COMMANDS[command].params)
    assert takes_one == (command in OF_A_DATASET)
    assert not takes_one or {"--split", "--labels", "--format"} <= options(command)


def test_options_are_named_as_pythons_arguments() -> None:
    same = {"check": pw.check, "stats": pw.stats, "pack": pw.pack, "convert": pw.convert, "predict": pw.predict,
            "score": pw.score, "submit": pw.submit, "verify": pw.verify, "download": pw.download,
            "view": pw.view}  # fmt: skip
    for command, verb in same.items():
        for option in "threads classes images overwrite encoding protocol batch_size stored_values".split():
            if option in inspect.signature(verb).parameters:
                assert f"--{option.replace('_', '-')}" in options(command), (command, option)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tree = Tree(tmp_path / "VOC2012")
    return tree.root


def test_json_of_the_commands(root: Path, tmp_path: Path) -> None:
    names = pw.open(root)["val"].names
    (tmp_path / "predictions").mkdir()
    for name in names:
        label = pw.open(root)["val"][list(names).index(name)].label
        assert label is not None
        np.save(tmp_path / "predictions" / f"{name}.npy", np.where(label == 255, 0, label))
    calls: dict[str, list[object]] = {
        "info": [root], "load": [root, "--size", "8x8", "--batch-size", 2], "show": [root, "-o", tmp_path / "s.png"],
        "check": [root], "stats": [root], "pack": [root, tmp_path / "a.pack"], "verify": [tmp_path / "a.pack"],
        "view": [root, "--export", tmp_path / "page.html"], "convert": [root, tmp_path / "out"],
        "score": [tmp_path / "predictions", root],
    }  # fmt: skip
    for command, arguments in calls.items():
        done = run(command, *arguments, "--json")
        assert done.returncode == 0, (command, done.stderr)
        assert isinstance(json.loads(done.stdout), dict), command


@pytest.mark.parametrize("command", ["info", "check", "stats", "pack"])
def test_an_ambiguous_dataset_is_opened_with_the_option_that_the_message_names(
    command: str, root: Path, tmp_path: Path
) -> None:
    (root / "annotations").mkdir()
    shutil.copytree(root / "JPEGImages", root / "train")
    found = [{"id": 1, "file_name": "s00.jpg", "height": 9, "width": 9}]
    (root / "annotations/instances_train.json").write_text(
        json.dumps({"images": found, "annotations": [], "categories": [{"id": 1, "name": "a"}]})
    )
    target = [tmp_path / "a.pack"] if command == "pack" else []
    done = run(command, root, *target)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "choose with --format voc" in done.stderr
    assert run(command, root, *target, "--format", "voc").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["load", "{root}", "--batch-size", "0"], "--batch-size must be a whole number"),
        (["check", "{root}", "--labels", "SegmentationClassAug"], "choose another with --labels"),
        (["convert", "{root}", "{root}/../x", "--to", "png"], "--to must be one of"),
    ],
)
def test_messages_name_the_option(root: Path, arguments: list[str], message: str) -> None:
    done = run(*(a.replace("{root}", str(root)) for a in arguments))
    assert done.returncode in (1, 2)
    assert message in done.stderr, done.stderr


# -- work elsewhere ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--overlap 0.5 --blend uniform", "--overlap and --blend: only with --window; add --window"),
        ("--stride 8x8", "--stride: only with --window"),
        ("--window 16x16 --stride 8x8 --overlap 0.5", "--stride does not go with --overlap; leave that out"),
        ("--window 16x16 --sigma 0.2", "--sigma: only with --blend gaussian"),
        ("--interpolation bicubic", "--interpolation: only with --scale"),
    ],
)
def test_predict_refuses_what_it_would_pass_over(root: Path, tmp_path: Path, options: str, message: str) -> None:
    done = run("predict", "no:model", root, "-o", tmp_path / "out", *options.split())
    assert (done.returncode, message in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "out").exists()


def test_every_command_that_has_ray_is_called() -> None:
    assert {command for command in COMMANDS if "--ray" in options(command)} == CALLS.keys()


class OnePickles(Pickling):
    """In place of a Ray cluster: every command joins one at an address."""

    def __init__(self, address: str) -> None:
        super().__init__()
        assert address == "there"
        JOINED.append(self)

    def __enter__(self) -> OnePickles:
        return self

    def __exit__(self, *_: object) -> None:
        pass


JOINED: list[OnePickles] = []


@pytest.mark.parametrize("command", CALLS)
def test_work_is_done_where_ray_says(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = furnish(tmp_path / "place")
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr("pixelwise.ray.RayPool", OnePickles)
    for words in CALLS[command]:
        here = outcome(lambda given: run_here(monkeypatch, capsys, *given), place, [command, *words.split()])
        assert here[0] == 0, here
        JOINED.clear()
        with monkeypatch.context() as patch:
            patch.setattr("pixelwise.threads._on_threads", None)  # no work stays here
            there = outcome(
                lambda given: run_here(monkeypatch, capsys, *given, "--ray", "there"), place, [command, *words.split()]
            )
        assert there == here
        (pool,) = JOINED
        assert pool.works, words


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = run_here(monkeypatch, capsys, "stats", tmp_path, "--ray", "auto")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "pip install 'pixelwise[ray]'" in done.stderr
