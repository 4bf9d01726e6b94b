"""The rooms: docs/design.md lists them and their floors; imports go only downwards, nothing heavy is imported early."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support.places import REPOSITORY

SOURCE = REPOSITORY / "src" / "pixelwise"
TESTS = REPOSITORY / "tests"
MAP = (REPOSITORY / "docs" / "design.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d+) \| `([\w/]+)` \| (.+) \|$", MAP, re.MULTILINE)
FLOOR = {room.rstrip("/"): int(floor) for floor, room, _ in ROWS}
FILES = sorted(p for p in SOURCE.rglob("*.py") if p != SOURCE / "__init__.py")
TREES = {path: ast.parse(path.read_text("utf-8")) for path in FILES}
ROOM_FACES = [p for p in FILES if p.name == "__init__.py"]

ONLY_IN = {
    "torch": {"torch"}, "matplotlib": {"d2l"}, "starlette": {"viewer"}, "uvicorn": {"viewer"}, "ray": {"ray"},
    "jax": {"jax"}, "keras": {"keras"}, "obstore": {"packs"}, "datasets": {"formats"},
    "cv2": set(), "pyarrow": {"formats"},
}  # fmt: skip
MAY_IMPORT = {
    "torch": "its names are public there",
    "d2l": "so are its",
    "kernels": "it loads its modules lazily",
    "cli": "the program",
    "transforms": "it says where its names are",
    "metrics": "so does it",
}
NOT_ROOMS = {"support": "what tests share", "examples": "of examples/"}
TOP = 32
"""At most this many entries at the top of the package."""
LINES, FUNCTION_LINES = 420, 60


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> list[tuple[str, bool, int]]:
    """(room or top-level package, whether it is ours, line) of every import in the file, lazy ones too."""
    package = ["pixelwise", *path.relative_to(SOURCE).parts[:-1]]
    found = []
    for node in ast.walk(TREES[path]):
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


# -- the map --------------------------------------------------------------------------------------------------


def test_the_map_has_every_room_and_no_other() -> None:
    there = {p.name + "/" * p.is_dir() for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    listed = [room if room.endswith("/") else f"{room}.py" for _, room, _ in ROWS]
    assert sorted(listed) == sorted(there - {"__init__.py"}), "a new room gets a row, with its floor, in docs/design.md"
    assert [int(floor) for floor, _, _ in ROWS] == sorted((int(floor) for floor, _, _ in ROWS), reverse=True)
    assert len(FLOOR) - 1 <= TOP  # without __main__


@pytest.mark.parametrize("face", ROOM_FACES, ids=lambda p: p.parent.name)
def test_a_room_lists_its_modules_and_imports_nothing(face: Path) -> None:
    text = face.read_text("utf-8")
    inside = {p.stem for p in face.parent.glob("*.py")} | {p.parent.name for p in face.parent.glob("*/__init__.py")}
    for module in inside - {"__init__", "__main__"}:
        assert re.search(rf"\b{module}\b", text), f"{name_of(face)} does not say what {module} is"
    if room_of(face) not in MAY_IMPORT:
        assert len(TREES[face].body) == 1, f"{name_of(face)} has more than a docstring"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_downwards(path: Path) -> None:
    room = room_of(path)
    for name, ours, line in imports(path):
        if ours and name != room and name in FLOOR:  # other names are public: `from .. import show`
            assert FLOOR[name] < FLOOR[room], f"{path}:{line}: {room} imports {name} of its own floor or above"
        elif not ours and name in ONLY_IN:
            assert room in ONLY_IN[name], f"{path}:{line}: only {ONLY_IN[name]} may import {name}"


def test_tests_mirror_the_rooms() -> None:
    folders = {p.name for p in TESTS.iterdir() if any(p.glob("*.py"))}
    assert folders - set(NOT_ROOMS) <= {room.rstrip("/") for _, room, _ in ROWS if room.endswith("/")}
    outside = {p.stem for p in TESTS.glob("test_*.py")}
    others = "install trainers architecture language docstrings documents benchmarks fuzz killed typing site systems"
    others += " pools"
    assert outside <= {f"test_{what}" for what in (*FLOOR, *others.split())}, "a test of a folder's room is in a folder"
    assert not [p for p in TESTS.glob("*/*.py") if not p.name.startswith("test_") and p.parent.name != "support"]


# -- sizes and names ------------------------------------------------------------------------------------------


def test_no_module_and_no_function_is_long() -> None:
    long = [name_of(path) for path in FILES if len(path.read_text("utf-8").splitlines()) > LINES]
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= FUNCTION_LINES:
                long.append(f"{name_of(path)}: {node.name}")
    assert not long


ALIKE = {
    "CHECKS": "the checks of a module",
    "FORMAT": "the format of a module",
    "of_parts": "how the parts of a verb become its result, which `merge` calls by this name",
    "load": "the function that loads a format",
    "MANIFEST": "the name of a manifest's file",
    "PAINTS": "paints of things, and of scenes with their things",
    "T": "any type",
    "R": "any type of results",
}
"""Names that several modules define, and what they mean in each of them."""


def test_a_name_means_one_thing() -> None:
    found = defaultdict(list)
    for path, tree in TREES.items():
        if room_of(path) in ("cli", "kernels"):  # a command is named as the function that it calls; a kernel is always
            continue  # called by its module
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names = [node.name]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            else:
                names = [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
            for name in names:
                if not name.startswith("_"):
                    found[name].append(name_of(path))
    twice = {name: places for name, places in found.items() if len(set(places)) > 1}  # overloads are in one place
    assert set(twice) == set(ALIKE), {name: places for name, places in twice.items() if name not in ALIKE}


# -- what importing costs -------------------------------------------------------------------------------------


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "torch jax keras ml_dtypes ray obstore matplotlib cv2 numba pyarrow PIL httpx rich typer simplejpeg".split()
    heavy += ["starlette", "uvicorn"]
    assert python(f"import sys, pixelwise; print([m for m in {heavy} if m in sys.modules])") == "[]"


def test_a_file_is_not_read_where_a_value_error_means_bad_contents() -> None:
    """Our errors are ValueErrors: "no such file" would become "not a JSON: no such file"."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            caught = [ast.unparse(h.type) for h in node.handlers if h.type] if isinstance(node, ast.Try) else []
            if any("ValueError" in c and "OSError" not in c and "PixelwiseError" not in c for c in caught):
                body = "\n".join(map(ast.unparse, node.body))  # type: ignore[attr-defined]
                assert not re.search(r"\b(read_bytes|read_head|read_header|open_regular)\(", body), (path, node.lineno)


def test_every_public_name_is_there_and_is_not_a_module() -> None:
    code = (
        "import pixelwise, types, importlib, pkgutil\n"
        "for m in pkgutil.iter_modules(pixelwise.__path__):\n"
        "    if m.name not in ('__main__', 'torch', 'jax', 'keras'): importlib.import_module('pixelwise.' + m.name)\n"
        "bad = [n for n in pixelwise.__all__ if isinstance(getattr(pixelwise, n), types.ModuleType)]\n"
        "print(bad, len(pixelwise.__all__) > 20)"
    )
    assert python(code) == "[] True"


def test_no_folder_of_tests_stands_in_for_a_package() -> None:
    """With tests/ on the path, `import torch` finds tests/torch where torch is not installed."""
    assert str(REPOSITORY / "tests") not in sys.path
