"""protocols, recipes: what there is by name."""

from __future__ import annotations

from ..metrics.protocols import MEANING, PROTOCOLS
from ..transforms.recipes import RECIPES
from .console import Rows, print_json, say
from .options import JsonOption


def protocols(as_json: JsonOption = False) -> None:
    """List the scoring protocols: what each does with void, misses and absent classes."""
    fields = ("outside", "counted", "average", "void")
    if as_json:
        print_json({name: {f: getattr(p, f) for f in (*fields, "source")} for name, p in PROTOCOLS.items()})
        return
    rows = Rows("protocol", *fields, "source", spare=("source", "void", "average"))
    for name, protocol in PROTOCOLS.items():
        rows.add(name, *(getattr(protocol, field) for field in fields), protocol.source)
    rows.print()
    for field in ("outside", "counted"):
        say()
        meaning = Rows(field, "what it means")
        for value, words in MEANING[field].items():
            meaning.add(value, words)
        meaning.print()


def recipes(as_json: JsonOption = False) -> None:
    """List the recipes of transforms by name: what `--recipe` of `show` and `load` takes and `pw.RECIPES` has."""
    made: dict[str, list[str]] = {name: [repr(transform) for transform in make()] for name, make in RECIPES.items()}
    if as_json:
        print_json(made)
        return
    rows = Rows("recipe", "transforms")
    for name, transforms in made.items():
        for k, transform in enumerate(transforms):
            rows.add("" if k else name, transform)
    rows.print()


COMMANDS = (protocols, recipes)
