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

from tests.support.places import REPOSITORY

PAGE = (REPOSITORY / "docs/trainers.md").read_text("utf-8")
SECTIONS = {s.partition("\n")[0]: s for s in re.split(r"(?m)^## ", PAGE)}
PREAMBLE = re.findall(r"(?s)```python\n(.*?)```", PAGE.partition("\n## ")[0])[0]
NEEDED = {
    "PyTorch": "torch", "torch's DataLoader": "torch", "DDP and torchrun": "torch", "Lightning": "torch lightning",
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


@pytest.mark.parametrize("section", [s for s in NEEDED if s != "DDP and torchrun"])
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
    monkeypatch.chdir(folder)
    exec(PREAMBLE, {})
    (block,) = re.findall(r"(?s)```python file=ddp.py\n(.*?)```", SECTIONS["DDP and torchrun"])
    (folder / "ddp.py").write_text(block)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "ddp.py"]
    path = os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    said = done.stdout  # of both processes, perhaps mixed within a line
    assert sorted(re.findall(r"rank (\d) of 2", said)) == ["0", "1"]
