"""What the command line lists, completes, and leaves out when it is to be quiet; and what it logs."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import pixelwise as pw
from pixelwise.cli import app, main
from pixelwise.cli.console import be_quiet


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pixelwise", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)


@pytest.mark.parametrize(("command", "names"), [("protocols", pw.PROTOCOLS), ("recipes", pw.RECIPES)])
def test_lists_have_every_name(command: str, names: dict[str, object], monkeypatch: pytest.MonkeyPatch,
                               capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    for options in ((), ("--json",)):
        monkeypatch.setattr(sys, "argv", ["pixelwise", command, *options])
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code
        out = capsys.readouterr().out
        assert all(name in out for name in names)
        if options:
            assert list(json.loads(out)) == list(names)


@pytest.mark.parametrize("command", get_command(app).commands.values(), ids=lambda c: c.name)  # type: ignore[attr-defined]
def test_every_command_gives_json(command: Any) -> None:
    assert "--json" in {name for option in command.params for name in option.opts}


def test_the_version_in_short() -> None:
    assert run("-V").stdout == f"pixelwise {pw.__version__}\n"


def test_quiet_leaves_warnings_out_and_errors_in(tmp_path: Path) -> None:
    root = pw.sample(tmp_path / "s", count=6, seed=2)
    command = ("load", root, "--size", "340x490", "--batch-size", 2)
    assert "warning" in run(*command).stderr
    done = run("--quiet", *command)
    assert (done.returncode, done.stderr) == (0, "")
    assert "images/s" in done.stdout
    assert "no such file" in run("-q", "info", tmp_path / "nowhere").stderr


def test_quiet_is_for_one_call_only(monkeypatch: pytest.MonkeyPatch) -> None:
    be_quiet(True)
    monkeypatch.setattr(sys, "argv", ["pixelwise", "recipes", "--json"])
    with pytest.raises(SystemExit):
        main()
    from pixelwise.cli.console import is_quiet

    assert not is_quiet()


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("pixelwise rec", "recipes"),
        ("pixelwise show x --recipe deep", "deeplab-voc"),
        ("pixelwise info x --format ade", "ade20k"),
    ],
)
def test_a_shell_completes(words: str, completed: str) -> None:
    count = str(len(words.split()) - 1)
    code = "import sys; sys.argv[0] = 'pixelwise'; from pixelwise.cli import app; app(prog_name='pixelwise')"
    environment = os.environ | {"_PIXELWISE_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": count}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert completed in done.stdout.split()


def test_what_happens_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = pw.sample(tmp_path / "s", count=4, seed=2)
    with caplog.at_level(logging.INFO, "pixelwise"):
        dataset = pw.open(root)
        Path(root / "JPEGImages" / f"{dataset['train'].names[0]}.jpg").write_bytes(b"no image")
        with pytest.warns(pw.PixelwiseWarning, match="skipped"):
            list(pw.Loader(pw.open(root)["train"], 2, [pw.CenterCrop(40)], on_error="skip"))
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert ("INFO", f"opened voc at {root}") in said
    assert any(level == "INFO" and "epoch 0 of train" in text for level, text in said)
    assert any(level == "WARNING" and text.startswith("skipped:") for level, text in said)


def test_the_demo_says_how_long_it_compiled_and_does_not_count_it(tmp_path: Path) -> None:
    done = run("demo", tmp_path / "demo", "--json")
    result = json.loads(done.stdout)
    assert result["seconds_to_compile"] >= 0
    assert "ompiling" not in done.stdout
    assert len(result["load"]["images_per_second"]) == 3
