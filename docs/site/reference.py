"""The pages of the reference, written into docs/reference/, which is not kept: one for each section of docs/api.md and
of docs/transforms.md, for each public submodule, for the words in signatures, and for the codes of errors.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pixelwise

from .codes import SOURCE, UNKNOWN, Said, all_codes, exit_code
from .docstrings import as_rst, escaped

DOCS = Path(__file__).resolve().parents[1]
FOLDER = "reference"
MISSING = [name for name in ("torch", "ray", "jax", "keras", "grain", "datasets") if find_spec(name) is None]
"""Packages of extras that are not installed."""
COPIES = {
    "CHANGELOG.md": "changes.md", "CONTRIBUTING.md": "contributing.md", "benchmarks/README.md": "benchmarks.md",
    "benchmarks/results/race.md": "race.md",
}  # fmt: skip
"""Pages outside of docs/ that the site has, too."""
_ROW = re.compile(r"(?m)^\| (`.+?) \|")


class Group(NamedTuple):
    """One page: its file, its title, the module whose names they are, and the names."""

    file: str
    title: str
    module: str
    names: tuple[str, ...]


def submodules() -> list[str]:
    """The public submodules: those that docs/api.md names, such as pixelwise.torch."""
    found = re.findall(r"`(pixelwise\.[a-z]\w*(?:\.[a-z]\w*)*)`", (DOCS / "api.md").read_text("utf-8"))
    return [name for name in dict.fromkeys(found) if _is_module(name)]


def _is_module(name: str) -> bool:
    path = SOURCE.joinpath(*name.split(".")[1:])
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def public_names(module: str) -> tuple[str, ...]:
    """What a public module offers: its `__all__`, or else the public classes and functions that it defines."""
    path = SOURCE.joinpath(*module.split(".")[1:])
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    body = ast.parse(path.read_text("utf-8")).body
    for node in body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return tuple(sorted(ast.literal_eval(node.value)))
    names = (node.name for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef)))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def loaded(module: str) -> Any:
    """The module; what it needs and is not installed is replaced by something without content."""
    from sphinx.ext.autodoc.mock import mock  # only to build pages; to list names, nothing is needed

    with mock(MISSING):
        return importlib.import_module(module)


@lru_cache
def groups() -> list[Group]:
    """All pages, in the order in which they are read."""
    pages = [*_sections("api.md", "", "`(\\w+)`"), *_sections("transforms.md", "transforms-", "^`(\\w+)\\(")]
    listed = {name for page in pages for name in page.names}
    if loose := sorted(set(pixelwise.__all__) - listed):  # such as from_albumentations, which is in a sentence
        pages.append(Group("transforms-of-other-libraries", "Transforms of other libraries", "pixelwise", tuple(loose)))
    for module in submodules():
        pages.append(Group(module.replace(".", "-"), module, module, public_names(module)))
    return pages


def _sections(file: str, prefix: str, name: str) -> Iterator[Group]:
    text = (DOCS / file).read_text("utf-8")
    for part in re.split(r"(?m)^##+ ", text)[1:]:
        title, _, body = part.partition("\n")
        names = [n for cell in _ROW.findall(body) for n in re.findall(name, cell) if n in pixelwise.__all__]
        if names:
            slug = prefix + re.sub(r"\W+", "-", title.lower()).strip("-")
            full = f"Transforms: {title[0].lower()}{title[1:]}" if prefix else title
            yield Group(slug, full, "pixelwise", tuple(names))


def write_pages() -> None:
    """Write all pages into docs/reference/; those that are as they were keep their time."""
    pages = {f"{g.file}.rst": _page(g) for g in groups()}
    pages["types.rst"] = _types_page()
    pages["error-codes.rst"] = error_page()
    pages["index.rst"] = _index()
    pages["start.txt"] = copied("README.md", "docs")
    pages |= {page: copied(file, f"docs/{FOLDER}") for file, page in COPIES.items()}
    folder = DOCS / FOLDER
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        if not (folder / name).exists() or (folder / name).read_text("utf-8") != text:
            (folder / name).write_text(text, "utf-8")


def copied(file: str, place: str) -> str:
    """The text of a page outside of docs/, for a page in the folder `place`.

    Links to what the site does not have become plain text.
    """
    site = {**{name: f"docs/{FOLDER}/{page}" for name, page in COPIES.items()}, "README.md": "docs/index.md"}

    def led(match: re.Match[str]) -> str:
        shown, target, anchor = match[1], match[2], match[3] or ""
        path = os.path.normpath(os.path.join(os.path.dirname(file), target))
        path = site.get(path, path)
        if not path.startswith("docs/"):
            return shown.lstrip("![").rstrip("]")
        return f"{shown}({os.path.relpath(path, place)}{anchor})"

    text = (DOCS.parent / file).read_text("utf-8")
    return re.sub(r"(!?\[[^\]]*\])\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)", led, text)


def _title(text: str, line: str = "=") -> list[str]:
    return [text, line * len(text), ""]


def _index() -> str:
    lines = [
        *_title("Reference"), "Every public name, with its arguments, errors and an example.", "",
        ".. toctree::", "   :maxdepth: 1", "", "   All public names on one page <../api>",
        *(f"   {page.file}" for page in groups()), "   types", "   error-codes", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _page(group: Group) -> str:
    module = loaded(group.module)
    lines = [*_title(group.title), f".. py:currentmodule:: {group.module}", ""]
    if group.module != "pixelwise":
        lines += [f".. py:module:: {group.module}", "", *as_rst(module.__doc__ or "")]
    for name in group.names:
        thing = getattr(module, name)
        lines += _title(name, "-") if len(group.names) > 1 else []
        full = f"{group.module}.{name}"
        if inspect.isclass(thing):
            foreign = [base.__name__ for base in thing.__mro__ if not base.__module__.startswith("pixelwise")]
            lines += [f".. autoclass:: {full}", "   :members:", f"   :inherited-members: {', '.join(foreign)}", ""]
        elif callable(thing):
            lines += [f".. autofunction:: {full}", ""]
        else:
            lines += _data(name, group.module, thing)
    return "\n".join(lines)


def _data(name: str, module: str, value: Any) -> list[str]:
    """A constant: its docstring stands below its assignment, in the module that makes it."""
    lines = [f".. py:data:: {name}", f"   :type: {_kind_of(value)}", ""]
    said = _said_below(name, module)
    shown = repr(value)
    if isinstance(value, tuple) and len(shown) < 900:
        said += ["", f"``{shown}``"]
    elif hasattr(value, "keys"):
        said += ["", ", ".join(f"``{key}``" for key in value)]
    return [*lines, *(f"   {line}" if line else "" for line in said), ""]


def _kind_of(value: Any) -> str:
    kind = type(value)
    if hasattr(value, "keys"):
        return "collections.abc.Mapping"
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _said_below(name: str, module: str) -> list[str]:
    folder = SOURCE.joinpath(*module.split(".")[1:])
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]:
        body = ast.parse(path.read_text("utf-8")).body
        for node, after in pairwise(body):
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else None
            if isinstance(target, ast.Name) and target.id == name and isinstance(said, str):
                return as_rst(said)
    return []


# -- the words in signatures ----------------------------------------------------------------------------------


@lru_cache
def aliases() -> dict[str, str]:
    """The names for types that signatures use, and what they stand for."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias" and node.value:
                name, value = ast.unparse(node.target), node.value
            elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Literal["):
                name, value = ast.unparse(node.targets[0]), node.value
            else:
                continue
            if not name.startswith("_"):
                found[name] = ast.unparse(value)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _types_page() -> str:
    about = "Short names for types. They are not public; write the types themselves."
    lines = [*_title("Words in signatures"), about, ""]
    for name, value in aliases().items():
        lines += [f".. py:type:: {name}", "   :no-contents-entry:", "", f"   ``{value}``", ""]
    return "\n".join(lines)


# -- the codes of errors --------------------------------------------------------------------------------------

_ROOMS = {
    "checks": "check", "cli": "the command line", "codecs": "reading a file", "counts": "counting", "torch": "torch",
    "d2l": "the chapter", "dataset": "datasets", "downloads": "downloads", "drawing": "drawing", "files": "files",
    "evaluation": "predictions and scores", "formats": "opening and converting", "labels": "labels", "ray": "Ray",
    "loading": "loading", "metrics": "scores", "packs": "packs", "parts": "parts", "viewer": "the viewer",
    "transforms": "transforms", "hints": "calls", "arguments": "calls", "classes": "class tables", "errors": "calls",
}  # fmt: skip
_ABOUT = f"""\
Each error, warning and finding of ``pixelwise check`` has a code, which is printed in brackets at its end, is its
attribute ``code``, and does not change. This page is made from the source: what is said with each code, and the remedy
after the arrow. **{UNKNOWN}** is filled in when it happens. An error ends the command line with the exit code that is
given; a finding has a severity instead.
"""


def error_page() -> str:
    """The page of all codes, as reStructuredText."""
    lines = [*_title("Error codes"), *_ABOUT.splitlines(), ""]
    for code, places in all_codes().items():
        lines += [*_title(code, "-"), f".. rst-class:: code-kinds\\n\\n{_kinds(places)}".replace("\\n", "\n"), ""]
        said = dict.fromkeys((p.message, p.fix) for p in places if p.message not in ("", UNKNOWN) or p.fix)
        for message, fix in said:
            arrow = f" → *{escaped(fix)}*" if fix.strip(UNKNOWN) and "``" not in escaped(fix) else ""
            arrow = arrow or (f" → {escaped(fix)}" if fix.strip(UNKNOWN) else "")
            lines.append(f"- {escaped(message)}{arrow}")
        lines.append("")
    return "\n".join(lines)


def _kinds(places: Sequence[Said]) -> str:
    parts = []
    for kind in dict.fromkeys(p.kind for p in places if p.kind):
        number = exit_code(kind)
        parts.append(f"``{kind}``" + (f", exit code {number}" if number is not None else ""))
    rooms = dict.fromkeys(_ROOMS.get(p.room, p.room) for p in places)
    return f"{' · '.join(parts) or 'finding'} · {', '.join(rooms)}"
