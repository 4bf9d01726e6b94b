"""The examples in docstrings are right. They find `pw` and `np`, and a small VOC tree in the working folder."""

from __future__ import annotations

import doctest
import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from tests.support.places import REPOSITORY
from tests.support.voc import paint_voc

SOURCE = REPOSITORY / "src"
WITH_EXAMPLES = [
    ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]
MOST_USED = """
open Dataset Split Sample ClassTable Loader Batch check stats show pack verify convert sample score predict Confusion
RandomCrop Normalize count_classes
""".split()


class Finder(doctest.DocTestFinder):
    """Finds the examples of decorated functions, too, whose wrappers are of another module."""

    def _from_module(self, module: Any, thing: Any) -> bool:
        return super()._from_module(module, inspect.unwrap(thing) if inspect.isfunction(thing) else thing)


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint_voc(tmp_path_factory.mktemp("voc") / "VOCdevkit/VOC2012", 4).parent


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples(module: str, painted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("VOCdevkit").symlink_to(painted)
    tested = importlib.import_module(module)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for test in Finder().find(tested, module, extraglobs={"pw": pw, "np": np}):
        runner.run(test)
    assert runner.tries > 0
    assert runner.failures == 0


@pytest.mark.parametrize("name", MOST_USED)
def test_the_most_used_names_have_examples(name: str) -> None:
    thing = getattr(pw, name)
    assert ">>> " in f"{thing.__doc__} {sys.modules[thing.__module__].__doc__}"
