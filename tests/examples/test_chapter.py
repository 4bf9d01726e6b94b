"""The notebook of the chapter is what its script makes, and every one of its cells runs."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.places import REPOSITORY
from tests.support.voc import paint_voc

pytest.importorskip("matplotlib", reason="matplotlib is an extra: pip install 'pixelwise[plot]'")
SCRIPT = REPOSITORY / "examples/make_chapter.py"
STORED = json.loads((REPOSITORY / "examples/chapter.ipynb").read_text("utf-8"))
# What the chapter prints for the first training image of VOC2012.
CHAPTER = """
0000000001 0000000111 0000001111 0000011111 0000011111 0000111111 0000011111 0000011111 0000001111 0000000011
""".split()


@pytest.fixture(scope="module")
def maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_chapter", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def texts(notebook: Any) -> list[list[str]]:
    """What each cell prints and gives, as text."""
    found = []
    for cell in notebook["cells"]:
        outputs = cell.get("outputs", [])
        found.append(["".join(o.get("text") or o["data"].get("text/plain", "")) for o in outputs])
    return found


def pictures(notebook: Any) -> list[int]:
    """How many pictures each cell gives."""
    cells = [cell.get("outputs", []) for cell in notebook["cells"]]
    return [sum("image/png" in output.get("data", {}) for output in outputs) for outputs in cells]


def test_the_notebook_is_what_the_script_makes(maker: Any) -> None:
    made = maker.notebook()
    assert [cell["source"] for cell in made["cells"]] == [cell["source"] for cell in STORED["cells"]], (
        "run python examples/make_chapter.py"
    )
    assert texts(made) == texts(STORED)
    assert pictures(made) == pictures(STORED)
    assert sum(pictures(made)) >= 7


def test_it_is_small_and_well_formed() -> None:
    assert (REPOSITORY / "examples/chapter.ipynb").stat().st_size < 600_000
    assert (STORED["nbformat"], STORED["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in STORED["cells"]]
    assert len(set(ids)) == len(ids)
    counts = [cell["execution_count"] for cell in STORED["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert all(not output.get("ename") for cell in STORED["cells"] for output in cell.get("outputs", []))


def test_it_runs_on_real_files(maker: Any, real_voc_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOC_DIR", "")
    said = [text for cell in texts(maker.notebook(str(real_voc_root))) for text in cell]
    arrays = [text for text in said if "'aeroplane'" in text]
    assert len(arrays) == 2  # of both editions
    for text in arrays:
        digits = "".join(c for c in text.partition("dtype")[0] if c in "01")
        assert [digits[i : i + 10] for i in range(0, 100, 10)] == CHAPTER
    assert sum("(10, 3, 320, 480)" in text and "(10, 320, 480)" in text for text in said) == 4


def test_it_runs_on_a_tree_of_voc(maker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On painted files in place of real ones, so that a clone without those tests it, too."""
    monkeypatch.setenv("VOC_DIR", "")
    root = paint_voc(tmp_path / "VOCdevkit/VOC2012", 30)
    assert pictures(maker.notebook(str(root))) == pictures(STORED)


def test_the_command_writes_what_cells_give(maker: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = "\n# %% [markdown]\n# Text\n#\n# more\n# %%\na = 1\na + 1\n# %%\nprint('x')\n3;\n# %%\nNone\n"
    monkeypatch.setattr(maker, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["make_chapter.py", "-o", str(tmp_path / "a.ipynb")])
    maker.main()
    made = json.loads((tmp_path / "a.ipynb").read_text("utf-8"))
    assert "".join(made["cells"][0]["source"]) == "Text\n\nmore"
    assert texts(made) == [[], ["2"], ["x\n"], []]


def test_a_cell_that_fails_stops_the_script(maker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maker, "PAGE", "\n# %%\n1 / 0\n")
    before = Path.cwd()
    with pytest.raises(ZeroDivisionError):
        maker.notebook()
    assert Path.cwd() == before
