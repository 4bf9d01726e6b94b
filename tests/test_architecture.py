"""The rooms: imports go only downwards, and importing the package loads nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from support.places import REPOSITORY

SOURCE = REPOSITORY / "src" / "pixelwise"

FLOORS = [
    {"errors", "types", "kernels"},
    {"arguments"},
    {"files", "threads"},
    {"randomness", "classes", "codecs", "downloads", "results"},
    {"labels"},
    {"transforms", "metrics"},
    {"dataset"},
    {"loading"},
    {"formats"},
    {"packs", "drawing", "samples"},
    {"counts"},
    {"checks", "evaluation"},
    {"d2l", "torch"},
    {"cli"},
    {"__main__"},
]
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
ONLY_IN = {"torch": {"torch"}, "matplotlib": {"d2l"}}


def _room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _imports(path: Path) -> list[tuple[str, bool, int]]:
    """(room or top-level package, whether it is ours, line) of every import in the file, lazy ones too."""
    package = ["pixelwise", *path.relative_to(SOURCE).parts[:-1]]
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [a.name.split(".") for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
            names = [base] if len(base) > 1 else [[*base, a.name] for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module).split(".")]
        else:
            continue
        found += [
            (n[1] if n[0] == "pixelwise" and len(n) > 1 else n[0], n[0] == "pixelwise", node.lineno) for n in names
        ]
    return found


FILES = sorted(p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_downwards(path: Path) -> None:
    room = _room(path)
    assert room in FLOOR, f"the room {room} has no floor: add it to FLOORS"
    for name, ours, line in _imports(path):
        if ours and name != room and name not in ("__version__", "pixelwise"):
            target = name if name in FLOOR else None
            if target is None:  # `from .. import show`: a public function, reached by its room
                continue
            assert FLOOR[target] < FLOOR[room], f"{path}:{line}: {room} imports {name} of its own floor or above"
        elif not ours and name in ONLY_IN:
            assert room in ONLY_IN[name], f"{path}:{line}: only {ONLY_IN[name]} may import {name}"


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "torch matplotlib cv2 numba pyarrow PIL httpx rich typer simplejpeg".split()
    assert _python(f"import sys, pixelwise; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_every_public_name_is_there_and_is_no_module() -> None:
    code = (
        "import pixelwise, types, importlib, pkgutil\n"
        "for m in pkgutil.iter_modules(pixelwise.__path__):\n"
        "    if m.name not in ('__main__', 'torch'): importlib.import_module('pixelwise.' + m.name)\n"
        "bad = [n for n in pixelwise.__all__ if isinstance(getattr(pixelwise, n), types.ModuleType)]\n"
        "print(bad, len(pixelwise.__all__) > 20)"
    )
    assert _python(code) == "[] True"
