"""The command line: what it prints, one-line errors, exit codes, nothing odd when the output is no terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import pixelwise as pw
from tests.support.program import run_here


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pw.sample(tmp_path_factory.mktemp("cli") / "s", count=40, seed=2)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def call(*arguments: object) -> tuple[int, str, str]:
        return run_here(monkeypatch, capsys, *arguments)

    return call


def test_info(run, root: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = run("info", root)
    assert (code, err) == (0, "")
    for part in ("voc dataset", "21 classes (255 is void)", "train", "30", "val", "10"):
        assert part in out


def test_a_broken_list_does_not_hide_the_other_splits(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    again = pw.sample(tmp_path / "s", count=4, seed=2)
    (again / "ImageSets/Segmentation/odd.txt").write_bytes(b"a\na\n")
    code, out, _ = run("info", again, "--format", "voc")
    assert code == 1, "it printed an error"
    assert "train" in out
    assert "duplicate-id" in out.replace("\n", "")


def test_a_recipe_of_a_file_is_loaded_and_drawn(run, root: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    recipe, picture = tmp_path / "mine.toml", tmp_path / "sheet.png"
    recipe.write_text('[[transform]]\nname = "RandomCrop"\nsize = [64, 96]\n')
    code, out, _ = run("load", root, "--recipe", recipe, "--batch-size", 4, "--json")
    assert code == 0
    assert json.loads(out)["images"] == [4, 3, 64, 96]
    assert run("show", root, "-n", 1, "--recipe", recipe, "-o", picture)[0] == 0
    assert picture.stat().st_size > 1000
    code, _, err = run("load", root, "--recipe", recipe, "--size", "8x8")
    assert code == 2
    assert "--size and --recipe" in err
    assert run("load", root, "--recipe", "deeplab")[0] == 2


def test_load_prints_and_gives_json(run, root: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run("load", root, "--split", "trainval", "--size", "200x240", "--batch-size", 8)
    assert code == 0
    assert "8 x 3 x 200 x 240 float32" in out
    assert "training waits for:" in out
    code, out, err = run("load", root, "--size", "320x480", "--batch-size", 4, "--json", "--output", "uint8-hwc")
    result = json.loads(out)
    assert err.startswith(f"pixelwise: warning: {result['dropped_too_small']} of 30 samples of 'train' are smaller")
    assert err.count("\n") == 1
    assert "--small pad" in err
    assert result["images"] == [4, 320, 480, 3]
    assert result["samples"] == 30
    assert 0 < result["dropped_too_small"] < 30
    assert result["images_per_second"][0] > 0


def test_load_without_a_batch_is_an_error_of_one_line(run, root: Path) -> None:  # type: ignore[no-untyped-def]
    for arguments in (("--size", "2000x2000"), ("--size", "2000x2000", "--small", "drop")):
        code, out, err = run("load", root, *arguments)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert "no-batches" in err
        assert "2000x2000 (height x width)" in err
    code, out, err = run("load", root, "--size", "480x320", "--batch-size", 1)
    assert (code, err.count("\n")) == (0, 1)
    assert "with height and width swapped, 320x480 (height x width), it would be 5" in err
    assert run("load", root, "--size", "480x320", "--batch-size", 1, "--small", "drop")[::2] == (0, "")
    assert run("load", root, "--size", "480x320", "--small", "pad")[::2] == (0, "")
    assert run("load", root, "--size", "480x320", "--small", "error")[0] == 1
    assert run("load", root, "--small", "few")[0] == 2


def test_load_takes_the_first_split_where_there_is_no_train(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    again = pw.sample(tmp_path / "s", count=4, seed=2)
    for name in ("train", "trainval"):
        (again / f"ImageSets/Segmentation/{name}.txt").unlink()
    code, out, _ = run("load", again, "--size", "whole", "--batch-size", 1)
    assert code == 0
    assert "read 1 of 1 samples of 'val'" in out
    code, _, err = run("load", again, "--split", "train")
    assert (code, "the splits are: val" in err) == (2, True)


def test_load_whole_images(run, root: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run("load", root, "--size", "whole", "--batch-size", 2)
    assert code == 0
    assert "2 x 3 x " in out


def test_show_writes_a_picture(run, root: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = run("show", root, "-n", 2, "-o", tmp_path / "sheet.png")
    assert code == 0
    assert "2 of" in out
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.size[0] > 800


def test_show_draws_what_a_recipe_does(run, root: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, _, err = run("show", root, "-n", 2, "--recipe", "deeplab-voc", "--draws", 3, "-o", tmp_path / "plans.png")
    assert (code, err) == (0, "")
    with Image.open(tmp_path / "plans.png") as picture:
        assert picture.size[0] > 800
    assert run("show", root, "--recipe", "nonsense")[0] == 2


def test_demo_does_everything(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    code, out, err = run("demo")
    assert (code, err) == (0, "")
    for part in ("32 x 3 x 320 x 480 float32", "32 x 320 x 480 uint8", "images/s", "first batch", "Try next:"):
        assert part in out
    assert (tmp_path / "pixelwise-demo/contact-sheet.png").exists()
    again = run("demo")
    assert again[0] == 0


def test_warmup_compiles_and_leaves_nothing(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, out, err = run("warmup", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["seconds"] > 0
    assert list(tmp_path.iterdir()) == []
    kernels = Path(pw.__file__).parent / "kernels"
    if os.access(kernels, os.W_OK) and "NUMBA_CACHE_DIR" not in os.environ:
        kept = {path.name.split("-")[0] for path in (kernels / "__pycache__").glob("*.nbc")}
        assert {"copy.render_colored", "jpeg.read_window", "polygon.outline", "count.argmax"} <= kept


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["info", "{tmp}/nothing"], 1, "no such file or folder"),
        (["info", "{tmp}"], 1, "no dataset found"),
        (["load", "{root}", "--split", "tarin"], 2, "the splits are: train, val"),
        (["load", "{root}", "--size", "320"], 2, "HEIGHTxWIDTH"),
        (["load", "{root}", "--batch-size", "0"], 2, "--batch-size must be"),
        (["load", "{root}", "--epochs", "0"], 2, "--epochs must be"),
        (["load", "{root}", "--size", "9" * 20 + "x3"], 2, "size must be height and width"),
        (["pack", "{root}", "{tmp}/a.pack", "--threads", "-1"], 2, "--threads must be a whole number, at least 1"),
        (["load", "{root}", "--output", "int4"], 2, "--output must be one of"),
        (["show", "{root}", "-o", "{tmp}/no/such/folder/x.png"], 3, "cannot be written"),
        (["show", "{root}", "-o", "{tmp}/x.xyz"], 2, "xyz"),
        (["demo", "{root}/VOCdevkit"], 2, "not empty"),
    ],
)
def test_errors_are_one_line_with_the_right_code(  # type: ignore[no-untyped-def]
    run, root: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    root = root.parents[1]
    got, _, err = run(*(a.format(tmp=tmp_path, root=root) for a in arguments))
    assert got == code, err
    assert message in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["info"], ["load", "x", "--nonsense"], ["show", "x", "-n", "many"]]
)
def test_wrong_usage_is_exit_2(run, arguments: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert run(*arguments)[0] == 2


def test_damage_stops_loading_with_the_files_name(run, root: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    again = pw.sample(tmp_path / "s", count=8, seed=2)
    victim = sorted((again / "JPEGImages").iterdir())[0]
    victim.write_bytes(victim.read_bytes()[:2000])
    code, _, err = run("load", again, "--split", "trainval", "--size", "whole", "--batch-size", 2)
    assert code == 1
    assert victim.name in err
    assert err.count("\n") == 1


def _start(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-m", "pixelwise", *map(str, arguments)],
        capture_output=True, text=True, env=environment, timeout=120, **options,  # type: ignore[call-overload]
    )  # fmt: skip


def test_as_a_process_without_terminal(root: Path) -> None:
    done = _start("info", root)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr
    assert _start("--version").stdout.startswith("pixelwise ")
    failed = _start("info", root / "nothing\x1b[2J")
    assert failed.returncode == 1
    assert "\x1b" not in failed.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
def test_a_closed_pipe_says_nothing(root: Path) -> None:
    code = f"{sys.executable} -m pixelwise info {root} | head -c 1"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.stderr) == ("v", "")
