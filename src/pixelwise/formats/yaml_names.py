"""The `names` of a data.yaml, as labeling tools write it: a list or a mapping from numbers, in brackets or in lines.

No other YAML is read. One pass over the characters, without patterns that could go back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

Entry: TypeAlias = tuple[str | None, str, int]
"""The number of a name or None, the name, and its line."""


class YamlError(ValueError):
    """Names that are not written in one of these ways. line: where."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.line = line


def yaml_names(text: str) -> list[Entry] | None:
    """The names in their order, or None if there is no key `names`. YamlError otherwise."""
    lines = text.splitlines()
    starts = (n for n, line in enumerate(lines) if line.startswith("names") and line[5:].lstrip().startswith(":"))
    if (at := next(starts, None)) is None:
        return None
    first = _uncommented(lines[at][5:].lstrip()[1:])
    if first[:1] in ("[", "{"):
        entries = _flow("\n".join([first, *map(_uncommented, lines[at + 1 :])]), at + 1)
    elif first:
        raise YamlError(f"names are neither a list nor numbered: {first[:60]!r}", at + 1)
    else:
        entries = _block(lines, at + 1)
    if len({key is None for key, _, _ in entries}) > 1:
        raise YamlError("some names are numbered, others not", at + 1)
    return entries


def _uncommented(line: str) -> str:
    """A line without its comment: what follows # after a blank, outside quotes."""
    quote = ""
    for k, c in enumerate(line):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"" and (k == 0 or line[k - 1] in " \t[,{:-"):
            quote = c
        elif c == "#" and (k == 0 or line[k - 1] in " \t"):
            return line[:k].strip()
    return line.strip()


def _block(lines: Sequence[str], start: int) -> list[Entry]:
    """Lines of `- name` or `number: name`, up to the next key."""
    entries: list[Entry] = []
    for n in range(start, len(lines)):
        text = _uncommented(lines[n])
        if not text or text == "---":
            continue
        indented = lines[n][:1] in (" ", "\t")
        if text == "-" or text.startswith(("- ", "-\t")):
            entries.append((None, _unquoted(text[1:]), n + 1))
        elif indented:
            key, colon, name = text.partition(":")
            if not colon or not _unquoted(key).isdigit():
                raise YamlError(f"neither `- name` nor `number: name`: {text[:60]!r}", n + 1)
            entries.append((_unquoted(key), _unquoted(name), n + 1))
        else:
            break
    return entries


def _flow(text: str, line: int) -> list[Entry]:
    """`[first, second]` or `{0: first, 1: second}`, over several lines if need be."""
    numbered, close = text[0] == "{", "}" if text[0] == "{" else "]"
    parts, start, quote, fresh = [], 1, "", True
    for k in range(1, len(text)):
        c = text[k]
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"" and fresh:
            quote = c
        elif c in (",", close):
            parts.append(text[start:k])
            start = k + 1
            if c == close:
                break
        fresh = c in ",:" or (fresh and c.isspace())
    else:
        raise YamlError(f"no {close} at the end of names", line)
    entries: list[Entry] = []
    for part in filter(str.strip, parts):
        key, _, name = part.partition(":") if numbered else (None, "", part)
        entries.append((None if key is None else _unquoted(key), _unquoted(name), line))
    return entries


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
