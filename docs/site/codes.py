"""The codes of errors, warnings and findings, and what is said with each: read from the source of pixelwise.

    found = all_codes()        # {"truncated": [Said(kind="FileError", message="...", fix="...", room="codecs"), ...]}

Nothing is listed by hand. A code is a string that reaches a place where a code is expected: an argument `code=`, the
argument of a function whose parameter is called `code`, the first field of a Finding, a class attribute `_code`. What
is only known while running, such as the number in `http-404`, is shown as "…".
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pixelwise
from pixelwise import errors

SOURCE = Path(pixelwise.__file__).parent
UNKNOWN = "…"
"""Stands for what is only known while running."""
KINDS = {
    name: kind for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, (errors.PixelwiseError, errors.PixelwiseWarning))
}  # fmt: skip
FOREIGN = ("warnings.warn", "LOG.warning", "LOG.error")
"""Functions of Python that have the name of one of ours."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Said(NamedTuple):
    """One place that uses a code. kind: the class of the error, or the severity of the finding ("" if neither is
    written there). message, fix: as in the source, with "…" for what is filled in. room: of the package.
    """

    kind: str
    message: str
    fix: str
    room: str


class UnresolvedError(Exception):
    """A place whose code cannot be read from the source."""


@lru_cache
def all_codes() -> dict[str, list[Said]]:
    """Every code in the order of the alphabet, with the places that use it. UnresolvedError if one cannot be read."""
    found: dict[str, set[Said]] = defaultdict(set)
    paths = sorted(SOURCE.rglob("*.py"))
    modules = [_Module(path) for path in paths if "kernels" not in path.parts]  # which raise nothing
    helpers = _helpers(modules)
    for module in modules:
        for code, said in module.uses(helpers):
            found[code].add(said)
    return {code: sorted(found[code]) for code in sorted(found)}


def exit_code(kind: str) -> int | None:
    """The exit code of the command line for a class of errors; None for warnings and findings."""
    return getattr(KINDS.get(kind), "exit_code", None)


class _Helper(NamedTuple):
    """A function that takes a code: where among its arguments, what it makes of it, and its defaults that are text."""

    place: int | None
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    defaults: dict[str, str]
    is_method: bool = False


def _helpers(modules: list[_Module]) -> dict[str, list[_Helper]]:
    """The functions with a parameter `code` by their names; a class goes by its own name, not by `__init__`."""
    helpers: dict[str, list[_Helper]] = defaultdict(list)
    for module in modules:
        for function, owner in module.functions:
            names = [a.arg for a in (*function.args.posonlyargs, *function.args.args)]
            every = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
            if not any(a.arg == "code" and _name(a.annotation) == "str" for a in every if a.annotation):
                continue
            bound = [n for n in names if n not in ("self", "cls")]
            place = bound.index("code") if "code" in bound else None
            name = owner if function.name == "__init__" and owner else function.name
            kinds = (owner,) if name in KINDS and owner else _kinds_in(function) or module.late_kinds(name == owner)
            if not kinds and name != owner:
                continue  # it looks for findings of a code, and makes none
            is_method = bool(owner) and name != owner
            helpers[name].append(_Helper(place, tuple(bound), kinds, _defaults(function), is_method))
    helpers["Finding"] = [_Helper(0, ("code", "severity", "where", "what", "fix"), (), {})]
    for name in KINDS:
        helpers.setdefault(name, [_Helper(None, ("message",), (name,), {})])
    return helpers


def _defaults(function: Function) -> dict[str, str]:
    places = [*function.args.posonlyargs, *function.args.args]
    pairs = [*zip(places[::-1], function.args.defaults[::-1], strict=False),
             *zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)]  # fmt: skip
    texts = {a.arg: d.value for a, d in pairs if isinstance(d, ast.Constant) and isinstance(d.value, str)}
    return {name: text for name, text in texts.items() if text}


def _kinds_in(function: Function) -> tuple[str, ...]:
    """The errors that a helper makes, or the severity of its finding."""
    kinds = []
    for call in (n for n in ast.walk(function) if isinstance(n, ast.Call)):
        name = _name(call.func)
        if name in KINDS:
            kinds.append(name)
        elif name == "Finding" and isinstance(call.args[1], ast.Constant):
            kinds.append(str(call.args[1].value))
    for argument, default in zip(function.args.args[::-1], function.args.defaults[::-1], strict=False):
        if argument.arg == "kind" and _name(default) in KINDS:
            kinds.append(_name(default))
    return tuple(dict.fromkeys(kinds))


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


class _Module:
    """One file: its functions, and its uses of codes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        self.tree = ast.parse(path.read_text("utf-8"))
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self.functions = [
            (node, owner.name if isinstance(owner := self.parents[node], ast.ClassDef) else "")
            for node in ast.walk(self.tree) if isinstance(node, Function)
        ]  # fmt: skip

    def late_kinds(self, is_class: bool) -> tuple[str, ...]:
        """For a private exception of this file: the errors that it becomes, which take their code from it."""
        made = [n for n in ast.walk(self.tree) if isinstance(n, ast.Call) and _name(n.func) in KINDS]
        late = [_name(n.func) for n in made for k in n.keywords if k.arg == "code" and isinstance(k.value, ast.Name)]
        return tuple(dict.fromkeys(late)) if is_class else ()

    def uses(self, helpers: dict[str, list[_Helper]]) -> Iterator[tuple[str, Said]]:
        """Every (code, what is said with it) of the file."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield from self._of_call(node, helpers)
            elif isinstance(node, ast.Assign):
                yield from self._of_class(node)

    def _of_class(self, node: ast.Assign) -> Iterator[tuple[str, Said]]:
        """`_code` of a class; beside it may be `_kind`, the words of its message, and `_error`, its class."""
        if not isinstance(node.targets[0], ast.Tuple) or not isinstance(node.value, ast.Tuple):
            return
        fields = {_name(t): v for t, v in zip(node.targets[0].elts, node.value.elts, strict=True)}
        if "_code" in fields:
            kind = _name(fields["_error"]) if "_error" in fields else "DataError"
            message = f"not {self._text(fields['_kind'], node)}: {UNKNOWN}"
            for code, _ in self._values(fields["_code"], node):
                yield code, Said(kind, message, "", self.room)

    def _of_call(self, call: ast.Call, helpers: dict[str, list[_Helper]]) -> Iterator[tuple[str, Said]]:
        name = _name(call.func)
        given = {k.arg: k.value for k in call.keywords if k.arg}
        if name == "unknown_name":
            yield from self._of_name(call)
        function = self._function_of(call)
        if function is not None and function.name == "unknown_name":
            return
        matching = [h for h in helpers.get(name, ()) if "code" in given or "code" in h.defaults or _reaches(h, call)]
        is_method = isinstance(call.func, ast.Attribute)
        if not matching or any(isinstance(a, ast.Starred) for a in call.args) or ast.unparse(call.func) in FOREIGN:
            return
        helper = min(matching, key=lambda h: h.is_method != is_method)
        value = given.get("code") or (call.args[helper.place] if _reaches(helper, call) else None)  # type: ignore[index]
        if value is not None and self._is_own_parameter(value, call):
            return  # the callers are looked at instead
        codes = [(helper.defaults["code"], call)] if value is None else self._values(value, call)
        fields = {**dict(zip(helper.names, call.args, strict=False)), **given}
        kinds: list[str] = [*helper.kinds]
        if "severity" in fields and not self._is_own_parameter(fields["severity"], call):
            kinds = [text for text, _ in self._values(fields["severity"], call)]
        if "kind" in given:
            kinds = [_name(given["kind"])]
        for code, at in codes:
            texts = {n: self._text(fields[n], at) for n in ("message", "what", "fix") if n in fields}
            texts = {**helper.defaults, **texts}
            message = texts.get("message") or texts.get("what", "")
            if name == "only_ours":
                message += f": {UNKNOWN}"  # what the exception says
            for kind in kinds or [""]:
                yield code, Said(kind, message.strip("; "), texts.get("fix", "").strip("; "), self.room)

    def _of_name(self, call: ast.Call) -> Iterator[tuple[str, Said]]:
        """`hints.unknown_name(kind, ...)`, whose code ends in the last word of the kind."""
        first = call.args[0]
        kinds = [k.value for k in (first,) if isinstance(k, ast.Constant)] or self._by_name_kinds()
        for kind in kinds:
            said = Said("UnknownNameError", f"no {kind} named {UNKNOWN}", f"did you mean {UNKNOWN}?", self.room)
            yield f"unknown-{str(kind).split()[-1]}", said

    @staticmethod
    @lru_cache
    def _by_name_kinds() -> list[str]:
        """The kinds of all `ByName` of the package, which call `unknown_name` with their own kind."""
        calls = [
            n for path in SOURCE.rglob("*.py") for n in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(n, ast.Call) and _name(n.func) == "ByName" and n.args
        ]  # fmt: skip
        return sorted({str(call.args[0].value) for call in calls if isinstance(call.args[0], ast.Constant)})

    # -- values of expressions --------------------------------------------------------------------------------

    def _values(self, node: ast.expr, at: ast.AST) -> list[tuple[str, ast.AST]]:
        """The strings that an expression may be, each with the place where it is written."""
        if isinstance(node, ast.Constant):
            return [(node.value, at)] if isinstance(node.value, str) and node.value else []
        if isinstance(node, ast.JoinedStr):
            return [(self._text(node, at), at)]
        if isinstance(node, ast.IfExp):
            return [*self._values(node.body, at), *self._values(node.orelse, at)]
        if isinstance(node, ast.BoolOp):
            return [found for value in node.values for found in self._values(value, at)]
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            for assigned in self._assigned(_name(node.value), at):
                if isinstance(assigned, ast.Tuple):
                    return self._values(assigned.elts[node.slice.value], at)  # type: ignore[index]
            return []  # out of a file: findings that were saved
        if isinstance(node, ast.Name):
            assigned = self._assigned(node.id, at)
            if assigned:
                return [found for value in assigned for found in self._values(value, value)]
        if isinstance(node, ast.Call) and _name(node.func) == "pop":
            return []  # one of several errors, each of which is made elsewhere
        if isinstance(node, ast.Attribute) and node.attr in ("code", "_code"):
            return []  # of another error or class, likewise
        raise UnresolvedError(f"{self.path}:{node.lineno}: {ast.unparse(node)}")

    def _function_of(self, node: ast.AST) -> Function | None:
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, Function):
                return node
        return None

    def _is_own_parameter(self, node: ast.expr, at: ast.AST) -> bool:
        function = self._function_of(at)
        if not isinstance(node, ast.Name) or function is None:
            return False
        arguments = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        return node.id in {a.arg for a in arguments}

    def _assigned(self, name: str, at: ast.AST) -> list[ast.expr]:
        """What is assigned to a name: in the function, by its loops over literal rows, or in the module."""
        function = self._function_of(at)
        places: list[ast.AST] = [*([function] if function else []), self.tree]
        for place in places:
            found: list[ast.expr] = []
            nodes = ast.walk(place) if isinstance(place, Function) else iter(self.tree.body)
            for node in nodes:
                if isinstance(node, ast.Assign):
                    found += _matching(node.targets[0], node.value, name)
                elif isinstance(node, ast.AnnAssign) and node.value is not None:
                    found += _matching(node.target, node.value, name)
                elif isinstance(node, ast.For) and isinstance(node.iter, (ast.Tuple, ast.List)):
                    found += [v for row in node.iter.elts for v in _matching(node.target, row, name)]
            if found:
                return found
        return []

    def _may_precede(self, first: ast.AST, then: ast.AST) -> bool:
        """False if the two are in different branches of one `if`."""
        branches: list[dict[ast.AST, str]] = []
        for node in (first, then):
            taken = {}
            while node in self.parents:
                above = self.parents[node]
                if isinstance(above, ast.If):
                    taken[above] = "body" if node in above.body else "orelse"
                node = above
            branches.append(taken)
        return all(branches[1].get(condition, branch) == branch for condition, branch in branches[0].items())

    def _text(self, node: ast.expr, at: ast.AST, depth: int = 0) -> str:
        """The words of an expression, with "…" for all that is not a constant."""
        if isinstance(node, ast.Constant):
            return str(node.value) if node.value is not None else ""
        if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name):
            return self._text(node.value, at, depth)
        if isinstance(node, ast.JoinedStr):
            text = "".join(self._text(part, at, depth) for part in node.values)
            return text.replace(UNKNOWN * 2, UNKNOWN)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._text(node.left, at, depth) + self._text(node.right, at, depth)
        if isinstance(node, ast.IfExp):
            texts = [t for t in (self._text(n, at, depth) for n in (node.body, node.orelse)) if t]
            return " | ".join(dict.fromkeys(texts))
        if isinstance(node, ast.Name) and depth < 2 and not self._is_own_parameter(node, at):
            near = [v for v in self._assigned(node.id, at) if v.lineno <= node.lineno and self._may_precede(v, at)]
            near = [v for v in near if self.parents[v] is self.parents[at]] or near  # of the same row or statement
            if near:
                last = max(near, key=lambda v: v.lineno)
                return self._text(last, last, depth + 1)
        return UNKNOWN


def _reaches(helper: _Helper, call: ast.Call) -> bool:
    return helper.place is not None and len(call.args) > helper.place


def _matching(target: ast.AST, value: ast.expr, name: str) -> list[ast.expr]:
    """The part of an assigned value that goes to `name`."""
    if _name(target) == name and isinstance(target, ast.Name):
        return [value]
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        return [v for t, part in zip(target.elts, value.elts, strict=True) for v in _matching(t, part, name)]
    return []
