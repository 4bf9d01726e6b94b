"""A user's script passes the strict type checkers, and they find what is misspelt."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest

import pixelwise as pw
from pixelwise.metrics.protocols import ProtocolName
from pixelwise.transforms.recipes import RecipeName
from tests.support.places import REPOSITORY

SCRIPTS = REPOSITORY / "tests/support"
MISSPELT = {
    "pw.RandomCropp(3, 3)": "RandomCropp",
    'pw.Confusion(2).scores("vocc")': "vocc",
    'pw.RECIPES["deeplab"]': "deeplab",
    'pw.Stats.empty(pw.VOC).weights("median")': "median",
    'pw.open("x").clases': "clases",
    'pw.Loader(pw.open("x")["train"], 4, num_workers=3)': "num_workers",
    'pw.Loader(pw.open("x")["train"], 4, output="float")': "float",
}


def mypy(*files: Path) -> str:
    pytest.importorskip("mypy", reason="mypy is in the extra dev")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(REPOSITORY / "pyproject.toml"), *files]
    environment = os.environ | {"MYPYPATH": str(REPOSITORY / "src")}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, check=False)
    return done.stdout + done.stderr


def pyright_program() -> str:
    program = shutil.which("pyright") or os.environ.get("PYRIGHT")
    if program is None:
        pytest.skip("pyright is not installed: pip install pyright")
    return program


def pyright(folder: Path, *files: Path) -> str:
    config = f'{{"typeCheckingMode": "strict", "extraPaths": ["{REPOSITORY / "src"}"]}}'
    (folder / "pyrightconfig.json").write_text(config)
    for file in files:
        shutil.copy(file, folder)
    command = [pyright_program(), "--pythonpath", sys.executable, "-p", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def wrong(folder: Path) -> Path:
    path = folder / "wrong.py"
    path.write_text("import pixelwise as pw\n" + "".join(f"{line}\n" for line in MISSPELT))
    return path


@pytest.fixture(scope="module")
def of_mypy(tmp_path_factory: pytest.TempPathFactory) -> str:
    return mypy(SCRIPTS / "typed_script.py", SCRIPTS / "typed_torch.py", wrong(tmp_path_factory.mktemp("typing")))


def test_mypy_finds_nothing_in_a_users_script(of_mypy: str) -> None:
    assert "Found" in of_mypy
    assert "typed_" not in of_mypy


@pytest.mark.parametrize(("number", "word"), [*enumerate(MISSPELT.values(), 2)])
def test_mypy_finds_what_is_misspelt(number: int, word: str, of_mypy: str) -> None:
    found = [line for line in of_mypy.splitlines() if f"wrong.py:{number}:" in line]
    assert any(word in line for line in found), of_mypy


def test_pyright_finds_nothing_in_a_users_script(tmp_path: Path) -> None:
    scripts = [SCRIPTS / "typed_script.py"] + [SCRIPTS / "typed_torch.py"] * (find_spec("torch") is not None)
    assert "0 errors" in (said := pyright(tmp_path, *scripts)), said


def test_pyright_finds_what_is_misspelt(tmp_path: Path) -> None:
    wrong(tmp_path)
    said = pyright(tmp_path)
    for number, _ in enumerate(MISSPELT, 2):
        assert f"wrong.py:{number}:" in said, said


def test_what_pyright_has_to_infer_is_little(tmp_path: Path) -> None:
    options = ["--pythonpath", sys.executable, "--verifytypes", "pixelwise", "--ignoreexternal", "--outputjson"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    done = subprocess.run(
        [pyright_program(), *options], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    known = json.loads(done.stdout)["typeCompleteness"]
    unknown = [symbol["name"] for symbol in known["symbols"] if symbol["isExported"] and not symbol["isTypeKnown"]]
    assert known["exportedSymbolCounts"]["withKnownType"] > 4000
    assert known["completenessScore"] >= 0.99, unknown


def test_the_names_for_type_checkers_are_those_that_there_are() -> None:
    assert set(get_args(ProtocolName)) == set(pw.PROTOCOLS)
    assert set(get_args(RecipeName)) == set(pw.RECIPES)
