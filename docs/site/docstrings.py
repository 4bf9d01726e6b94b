"""Docstrings of pixelwise as reStructuredText for autodoc.

They are plain text: paragraphs, indented examples, and arguments as sentences that begin with their name and a colon,

    n: rows at most. seed: None takes the first n samples; a number takes n at random.

which become a list of parameters here. Everything else is kept as it is, with its special characters escaped.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from typing import Any

_LIST = re.compile(r"^[-*] ")
_CODE = re.compile(r"`([^`]+)`")


def as_rst(docstring: str, known: Sequence[str] = ()) -> list[str]:
    """The lines of a docstring. known: names of arguments and fields, which are looked for at the starts of sentences.
    All of them become one list, where the first is.
    """
    lines: list[str] = []
    fields: list[str] = []
    place = 0
    for block in _blocks(inspect.cleandoc(docstring)):
        before, said = _block(block, known)
        lines += [*before, ""] if before else []
        if said and not fields:
            place = len(lines)
        fields += said
    return [*lines[:place], *fields, *([""] if fields else []), *lines[place:]]


def argument_names(thing: Any) -> list[str]:
    """The arguments of a function or class, and the fields of a class."""
    try:
        names = [*inspect.signature(thing).parameters]
    except (TypeError, ValueError):
        names = []
    fields = [name for base in getattr(thing, "__mro__", ()) for name in getattr(base, "__annotations__", {})]
    return [*dict.fromkeys([*names, *fields])]


def arguments_in(text: str, known: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """What a paragraph says before its first argument, and (names, what is said) of each argument."""
    if not known:
        return text, []
    name = "|".join(map(re.escape, known))
    start = re.compile(rf"(?:^|(?<=[.;)\"] ))((?:{name})(?:, (?:{name}))*): ")
    found = [*start.finditer(text)]
    ends = [*(m.start() for m in found[1:]), len(text)]
    said = [(m[1], text[m.end() : end].strip()) for m, end in zip(found, ends, strict=False)]
    return (text[: found[0].start()].strip() if found else text), said


def _blocks(text: str) -> Iterator[list[str]]:
    """Paragraphs, and examples: whatever is indented, with its empty lines, or begins with the prompt of Python."""
    block: list[str] = []
    for line in text.splitlines():
        inside = bool(block) and (_is_example(block[0]))
        if not line.strip():
            if inside and block[0].startswith(" "):
                block.append("")
                continue
            if block:
                yield block
            block = []
            continue
        follows = bool(block) and (_LIST.match(block[0]) or (inside and block[0].startswith(">>> ")))
        other = inside and line.startswith(">>> ") and block[0].startswith(" ")
        if block and (other or (inside != _is_example(line) and not follows)):
            yield _trimmed(block)
            block = []
        block.append(line)
    if block:
        yield _trimmed(block)


def _trimmed(block: list[str]) -> list[str]:
    while block and not block[-1]:
        block.pop()
    return block


def _is_example(line: str) -> bool:
    return line.startswith((" ", ">>> "))


def _block(block: list[str], known: Sequence[str]) -> tuple[list[str], list[str]]:
    """The lines of a block, and of the parameters in it."""
    if _LIST.match(block[0]):
        return _list(block, known)
    if _is_example(block[0]):
        example = inspect.cleandoc("\n".join(["", *block])).splitlines()
        kind = "pycon" if example[0].startswith(">>> ") else _language(example)
        return [f".. code-block:: {kind}", "", *(f"   {line}" if line else "" for line in example)], []
    before, said = arguments_in(" ".join(line.strip() for line in block), known)
    return ([escaped(before)] if before else []), _fields(said)


def _language(example: list[str]) -> str:
    try:
        compile("\n".join(example).replace(": ...", ": pass"), "example", "exec")
    except SyntaxError:
        return "text"
    return "python"


def _list(block: list[str], known: Sequence[str]) -> tuple[list[str], list[str]]:
    items: list[list[str]] = []
    for line in block:
        if _LIST.match(line):
            items.append([line[2:]])
        else:
            items[-1].append(line.strip())
    lines, fields = [], []
    for before, said in (arguments_in(" ".join(item), known) for item in items):
        lines += [f"- {escaped(before)}"] if before else []
        fields += _fields(said)
    return lines, fields


def _fields(said: list[tuple[str, str]]) -> list[str]:
    return [f":param {names.replace(' ', '')}: {escaped(text)}" for names, text in said]


def escaped(text: str) -> str:
    """A line of plain text: what is in single backquotes is code, every other character stands for itself."""
    parts = _CODE.split(text)
    out = []
    for k, part in enumerate(parts):
        if k % 2:
            out.append(f"``{part}``")
        else:
            out.append(re.sub(r"([\\*_|`\[\]<>])", r"\\\1", part))
    for k in range(1, len(out), 2):  # markup must stand between spaces or punctuation
        if out[k - 1] and re.search(r"\w$", out[k - 1]):
            out[k - 1] += "\\ "
        if out[k + 1] and re.match(r"\w", out[k + 1]):
            out[k + 1] = "\\ " + out[k + 1]
    return "".join(out)
