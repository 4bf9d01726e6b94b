"""What Sphinx needs to know about pixelwise: pages that are made, docstrings, names in signatures and in prose."""

from __future__ import annotations

import builtins
import importlib
import re
from functools import lru_cache
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from .codes import SOURCE
from .docstrings import argument_names, as_rst
from .reference import COPIES, DOCS, FOLDER, aliases, groups, loaded, write_pages

_CALL = re.compile(r"(?:pw\.|pixelwise\.)?((?:torch\.|d2l\.|ray\.|jax\.|keras\.)?[A-Za-z_]\w*(?:\.\w+)?)(?:\(.*\))?")


@lru_cache
def targets() -> dict[str, str]:
    """The public objects by the names under which they are found: "Loader" and "pixelwise.loading.loader.Loader"."""
    found: dict[str, str] = {}
    for group in groups():
        module = loaded(group.module)
        for name in group.names:
            full, thing = f"{group.module}.{name}", getattr(module, name)
            for key in (full, full.removeprefix("pixelwise."), name):
                found.setdefault(key, full)
            if getattr(thing, "__module__", None) and hasattr(thing, "__qualname__"):
                found.setdefault(f"{thing.__module__}.{thing.__qualname__}", full)
    return found


class LinkNames(SphinxPostTransform):
    """A public name in code, such as `Loader` or `pw.open(path)`, leads to the reference."""

    default_priority = 5

    def run(self, **_: Any) -> None:
        domain = self.env.domains.python_domain
        for literal in [*self.document.findall(nodes.literal)]:
            match = _CALL.fullmatch(literal.astext())
            if match is None or isinstance(literal.parent, (nodes.reference, nodes.title)) or literal["classes"]:
                continue
            name, _, member = match[1].rpartition(".")
            full = targets().get(match[1]) or (f"{targets()[name]}.{member}" if name in targets() else None)
            if full is None or full not in domain.objects:
                continue
            entry = domain.objects[full]
            if entry.docname == self.env.docname:
                address = f"#{entry.node_id}"
            else:
                address = self.app.builder.get_relative_uri(self.env.docname, entry.docname) + f"#{entry.node_id}"
            link = nodes.reference("", "", internal=True, refuri=address, reftitle=full)
            literal.replace_self(link)
            link += literal


def resolve(_app: Sphinx, env: Any, node: Any, text: Any) -> Any:
    """A name in a signature: public ones by their public name, others as text, if they exist at all."""
    target, domain = node.get("reftarget", ""), env.domains.python_domain
    if node.get("refdomain") != "py":
        return None
    short = target.rpartition(".")[2]
    full = targets().get(target) or (short if short in aliases() else None)
    if full in domain.objects:
        return domain.resolve_xref(env, node["refdoc"], _app.builder, "obj", full, node, text)
    return text if _exists(target) or _exists(f"{node.get('py:module', '')}.{target}") else None


_NOT_INSTALLED = ("torch.", "ray.", "jax.", "keras.", "starlette.", "uvicorn.", "pandas.", "polars.", "datasets.")


@lru_cache
def _exists(name: str) -> bool:
    """Whether a dotted name is a class or function that can be imported, of any package."""
    parts = name.split(".")
    if name.startswith(_NOT_INSTALLED) or hasattr(builtins, name) or parts[-1] in _words():
        return True
    for k in range(len(parts) - 1, 0, -1):
        try:
            thing: Any = importlib.import_module(".".join(parts[:k]))
        except ImportError:
            continue
        for part in parts[k:]:
            thing = getattr(thing, part, None)
        return thing is not None
    return False


@lru_cache
def _words() -> set[str]:
    """The classes and type variables of all modules of pixelwise, public or not."""
    texts = (path.read_text("utf-8") for path in SOURCE.rglob("*.py"))
    return {name for text in texts for name in re.findall(r"(?m)^(?:class )?(\w+)(?=[(:]| = TypeVar)", text)}


def signature(_app: Sphinx, _what: str, _name: str, _thing: Any, _options: Any, arguments: str, result: str) -> Any:
    """Short names for types stay as they are written in the source (Sphinx 9 wraps them inside of others)."""
    return tuple(text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text) for text in (arguments, result))


def docstring(_app: Sphinx, _what: str, _name: str, thing: Any, _options: Any, lines: list[str]) -> None:
    """Replace the lines of a docstring by reStructuredText."""
    lines[:] = as_rst("\n".join(lines), argument_names(thing))


def without_empty_globs(_app: Sphinx, _name: str, source: list[str]) -> None:
    """Pages that may come later, such as docs/use-with/*.md, are in a table of contents as soon as there are any."""
    globs = re.compile(r"(?m)^([\w/-]*\*)\n")
    source[0] = globs.sub(lambda m: m[0] if any(DOCS.glob(f"{m[1]}.md")) else "", source[0])


def lead_to_copies(_app: Sphinx, document: str, source: list[str]) -> None:
    """A link from a page in docs/ to one outside, of which the site has a copy, leads to the copy."""
    if "/" not in document:
        for file, page in COPIES.items():
            source[0] = source[0].replace(f"](../{file}", f"]({FOLDER}/{page}")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", lambda _app: write_pages())
    app.connect("autodoc-process-docstring", docstring)
    app.connect("autodoc-process-signature", signature)
    app.connect("missing-reference", resolve)
    app.connect("source-read", without_empty_globs)
    app.connect("source-read", lead_to_copies)
    app.add_post_transform(LinkNames)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
