"""How the tutorials are run: their order, and the pictures that they show."""

from __future__ import annotations

import ast
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst

from pixelwise import Picture

HOME = os.getcwd()
WORK = shutil.copytree(Path(__file__).resolve().parents[1] / "gallery", Path(tempfile.mkdtemp()) / "work")
"""A copy of the tutorials: each makes its files in the folder that it is in."""
ORDER = ["chapter.py", "own_data.py", "train.py", "two_scores.py", "leak.py"]


class InOrder:
    """The sort key of the tutorials: the given order, then all others."""

    def __init__(self, _folder: str) -> None:
        pass

    def __call__(self, name: str) -> tuple[int, str]:
        """Place, then name."""
        return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def pictures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Save a Picture that is the last line of a cell, as a notebook displays it."""
    body = ast.parse(block[1]).body
    shown = block_vars["example_globals"].get("___")
    if not body or not isinstance(body[-1], ast.Expr) or not isinstance(shown, Picture):
        return ""
    path = next(block_vars["image_path_iterator"])
    shown.save(path)
    return figure_rst([path], gallery_conf["src_dir"], fig_titles="What the code above shows")


def work_there(_conf: dict[str, Any], _script: str, when: str) -> None:
    """Be in `WORK` also while values are displayed, so that their paths are short."""
    os.chdir(WORK if when == "before" else HOME)
