"""docs/trainers.md: every block of code is run against the real libraries, where they are installed."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pixelwise as pw
from tests.support.places import REPOSITORY

PAGE = (REPOSITORY / "docs/trainers.md").read_text("utf-8")
SECTIONS = {s.partition("\n")[0]: s for s in re.split(r"(?m)^## ", PAGE)}
PREAMBLE = re.findall(r"(?s)```python\n(.*?)```", PAGE.partition("\n## ")[0])[0]
NEEDED = {
    "PyTorch": "torch", "torch's DataLoader": "torch", "DDP and torchrun": "torch",
    "Training that continues with fewer processes": "torch", "Ray Train": "torch ray ray.train",
    "Lightning": "torch lightning",
    "accelerate": "torch accelerate", "Hugging Face Transformers": "torch transformers accelerate",
    "Networks: torchvision, timm, segmentation_models.pytorch": "torch torchvision timm segmentation_models_pytorch",
    "Losses of MONAI, scores of torchmetrics": "torch monai torchmetrics", "Keras 3": "torch keras",
    "JAX and Flax": "jax flax optax", "Grain": "jax grain",
}  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore")


def need(names: str) -> None:
    """Skip if a library is not there, or does not fit the others."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    for name in names.split():
        try:
            importlib.import_module(name)
        except Exception as error:
            pytest.skip(f"{name} cannot be imported: {str(error).splitlines()[0]}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trainers")


def run(section: str, folder: Path, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the section's blocks leave."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)  # where others use the cores too, tiny convolutions wait for threads
    patch.chdir(folder)
    patch.setenv("KERAS_HOME", str(folder))
    names: dict[str, Any] = {"__name__": "page"}
    code = re.findall(r"(?s)```python\n(.*?)```", SECTIONS[section])
    assert code
    for block in (PREAMBLE, *code):
        exec(compile(block, f"docs/trainers.md: {section}", "exec"), names)
    return names


def test_every_section_is_run() -> None:
    assert set(SECTIONS) - set(NEEDED) == {"# Use it with ..."}


@pytest.mark.parametrize("section", [s for s in NEEDED if " file=" not in SECTIONS[s]])
def test_the_code_of_the_page_runs(section: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need(NEEDED[section])
    names = run(section, folder, monkeypatch)
    if "metric" in names:
        ours = names["confusion"].scores("torchmetrics-macro").miou
        assert float(names["metric"].compute()) == pytest.approx(ours, abs=1e-6)
    if "state" in names:
        assert names["state"] == {"next_index": 1}
        assert names["batch"]["image"].shape == (4, 64, 96, 3)


def test_two_processes_of_torchrun_share_an_epoch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("torch")
    said = run_file("DDP and torchrun", folder, monkeypatch, *TORCHRUN, "2")  # both processes, perhaps mixed in a line
    assert sorted(re.findall(r"rank (\d) of 2", said)) == ["0", "1"]


SAY = 'os.write(1, " ".join(["batch", *batch.names, "\\n"]).encode())  # at once, as others write there too'
STOP = 'if loader.state_dict()["batch"] == 2 and dist.get_world_size() == 4: dist.barrier(); os._exit(1)'


def test_four_processes_of_torchrun_stop_and_two_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("torch")
    section, saved = "Training that continues with fewer processes", 'os.replace(f"{SAVED}.new", SAVED)\n'
    # As the page has it, but that each batch is told, and four processes end after the second.
    changed = (saved, f"{saved}        {SAY}\n        {STOP}\n")
    said = run_file(section, folder, monkeypatch, *TORCHRUN, "4", changed=changed, fails=True)
    said += run_file(section, folder, monkeypatch, *TORCHRUN, "2", changed=changed)
    alone = pw.Loader(pw.open(folder / "pixelwise-demo")["train"], 4, shuffle=True, drop_last=True)
    names = [b.names for epoch in range(2) for b in alone]
    shares = [n[k : k + 4 // w] for b, n in enumerate(names) for w in [4 if b < 2 else 2] for k in range(0, 4, 4 // w)]
    assert sorted(tuple(line.split()) for line in re.findall(r"batch (.*)", said)) == sorted(shares)


def test_ray_train_goes_on_with_fewer_workers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need(NEEDED["Ray Train"])
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "0")
    said = run_file("Ray Train", folder, monkeypatch)
    loader = pw.Loader(pw.open(folder / "pixelwise-demo")["train"], 4, shuffle=True, drop_last=True)
    last = [list(loader)[-1].names for _ in range(2)]
    assert re.findall(r"epoch (\d) (.*)", said) == [("1", " ".join(last[0][:2])), ("2", " ".join(last[1]))]


TORCHRUN = "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"


def run_file(
    section: str, folder: Path, patch: pytest.MonkeyPatch, *options: str,
    changed: tuple[str, str] = ("", ""), fails: bool = False,
) -> str:  # fmt: skip
    """What the section's file says as a program. changed: a text of it, and what is there instead."""
    patch.chdir(folder)
    exec(PREAMBLE, {})
    ((name, block),) = re.findall(r"(?s)```python file=(\S+)\n(.*?)```", SECTIONS[section])
    assert changed[0] in block
    (folder / name).write_text(block.replace(*changed) if changed[0] else block)
    path = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, *options, name], capture_output=True, text=True, check=False, timeout=300, env=environment
        )
        # At the end of a program with gloo, torch 2.13 aborts it now and then, without pixelwise as well.
        if "terminate called without an active exception" not in done.stderr:
            break
    assert (done.returncode != 0) == fails, done.stderr
    return done.stdout
