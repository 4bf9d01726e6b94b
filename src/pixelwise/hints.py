"""Mistakes are met with the answer: the nearest name, what other libraries call a thing, what an argument is called.

`unknown_name` and `ByName` are for names in data, `unknown_attribute` for those of a module, `hinted` for arguments,
`answering` for what objects lack. hints.txt has the names of other libraries.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Set
from difflib import get_close_matches
from dis import opname
from functools import cache, wraps
from inspect import isfunction
from itertools import islice
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn, TypeVar

import numpy as np

from .errors import PixelwiseError, UnknownNameError, UnsupportedError, UsageError

T = TypeVar("T")
Name = TypeVar("Name", bound=str)
Called = TypeVar("Called", bound=Callable[..., Any])

_FOREIGN: Final = Path(__file__).with_suffix(".txt")
_OPERATIONS: Final = {
    "[]": ("__getitem__", "cannot be indexed"), "next": ("__next__", "is not an iterator"),
    "len": ("__len__", "has no len()"), "()": ("__call__", "cannot be called"), "+": ("__add__", "cannot be added"),
}  # fmt: skip


@cache
def _foreign() -> dict[str, dict[str, str]]:
    """The sections of hints.txt: what other libraries call a thing -> what does it here."""
    found: dict[str, dict[str, str]] = {}
    for line in re.split(r"\n(?=\S)", _FOREIGN.read_text("utf-8")):
        names, _, answer = line.partition("\n    ")
        if head := re.match(r"\[([\w. ]+)\]", names):
            sections = [found.setdefault(name, {}) for name in head[1].split()]
            waiting = list[str]()
        elif answer:
            for section in sections:
                section.update(dict.fromkeys([*waiting, *names.split()], answer.strip()))
            waiting = []
        elif found:
            waiting += names.split()
    return found


def nearest(name: object, names: Iterable[str]) -> str | None:
    """The name that was probably meant, or None. Case and signs do not matter, and a part stands for the whole."""
    known = [*islice(names, 20_000)]  # among millions, the search would take longer than looking for oneself
    folded = {_folded(n): n for n in reversed(known)}
    wanted = _folded(name)
    if wanted in folded:
        return folded[wanted]
    begun = [n for n in folded if len(wanted) >= 2 and n.startswith(wanted)]
    begins = sorted((n for n in folded if len(n) >= 3 and wanted.startswith(n)), key=len, reverse=True)
    inside = [n for n in folded if len(wanted) >= 3 and wanted in n]
    found = [*get_close_matches(wanted, folded, 1, 0.65), *begins, *begun, *inside]
    return folded[found[0]] if wanted and found else None


def _folded(name: object) -> str:
    return re.sub(r"[\W_]", "", str(name).casefold())


def unknown_name(kind: str, name: object, names: Iterable[str], *, where: object = None) -> UnknownNameError:
    """The error for a name that does not exist. kind: such as "split"; its last word is in the code, too. names: those
    that do exist.
    """
    known = [*names]
    attribute = {"sample": "Split", "split": "Dataset"}.get(kind, "")  # which dicts elsewhere have as keys
    instead = _foreign().get(f"attributes.{attribute}", {}).get(str(name)) if nearest(name, known) is None else None
    listed = ", ".join(known[:50]) + (f" and {len(known) - 50:,} more" if len(known) > 50 else "")
    said = f"the {kind}{'es' if kind.endswith('s') else 's'} are: {listed or 'none'}"
    code = f"unknown-{kind.split()[-1]}"
    fix = instead or meant(name, known) + said
    return UnknownNameError(f"no {kind} named {name!r}", code=code, fix=fix, where=where)


def meant(name: object, names: Iterable[str]) -> str:
    """"did you mean 'train'? ", to go before a list of the names, or nothing if no name is near."""
    near = nearest(name, names)
    return "" if near is None or near == name else f"did you mean {near!r}? "


class ByName(dict[Name, T]):
    """Things of one kind by their names. UnknownNameError for any other name."""

    def __init__(self, kind: str, things: Mapping[Name, T]) -> None:
        super().__init__(things)
        self.kind = kind

    def __missing__(self, name: object) -> NoReturn:
        raise unknown_name(self.kind, name, self)


def unknown_attribute(name: str, names: Iterable[str], module: str = "pixelwise") -> AttributeError | ImportError:
    """The error for a name that a module does not have: called by its `__getattr__`. names: those that were meant."""
    if name.startswith("__"):
        return AttributeError(f"module {module!r} has no attribute {name!r}")
    known = [*names]
    near = nearest(name, known)
    where = f"it is pixelwise.{name}" if name in known else _foreign()["names"].get(name)
    answer = where or ("docs/api.md lists the names" if near is None else f"did you mean {near!r}?")
    answer = answer.replace("{name}", name)
    caller = sys._getframe(1)
    while caller.f_code.co_name in ("__getattr__", "lacks") and caller.f_back:
        caller = caller.f_back
    if opname[caller.f_code.co_code[caller.f_lasti]] == "IMPORT_FROM":  # of an AttributeError, nothing would be shown
        return ImportError(f"cannot import name {name!r} from {module!r}; {answer}", name=module)
    return AttributeError(f"module {module!r} has no attribute {name!r}; {answer}")


def lacking(module: str, names: Iterable[str] = ()) -> Callable[[str], NoReturn]:
    """The `__getattr__` of a module. names: those that it has, besides which those of the package may be meant."""

    def lacks(name: str) -> NoReturn:
        raise unknown_attribute(name, [*names, *vars(sys.modules["pixelwise"])["__all__"]], module)

    return lacks


class LackingError(AttributeError):
    """An object has no such attribute. What to write instead is looked up when it is shown: many only ask."""

    name = property(lambda self: None, lambda self, value: None)
    """By which Python 3.12 would add a suggestion of its own."""

    def __init__(self, holder: object, attribute: str) -> None:
        super().__init__(attribute)
        self._holder, self._attribute = holder, attribute

    def __reduce__(self) -> tuple[Any, ...]:
        return AttributeError, (str(self),)

    def __str__(self) -> str:
        kind, name = type(self._holder), self._attribute
        known = _public(self._holder)
        own = getattr(self._holder, "_meant_by", None)
        said = (own and own(name)) or _of_kind("attributes", kind).get(name)
        if said is None:
            near = nearest(name, known)
            said = f"did you mean {near!r}?" if near else f"it has {', '.join(known)}"
        return f"{kind.__name__} has no attribute {name!r}; {said}"


LackingError.__name__ = LackingError.__qualname__ = "AttributeError"  # as which tracebacks show it
LackingError.__module__ = "builtins"


def _public(holder: object) -> list[str]:
    return [n for n in dir(holder) if not n.startswith("_")]


def _of_kind(section: str, kind: type) -> dict[str, str]:
    """The table of a class, with those of its bases."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        found |= _foreign().get(f"{section}.{one.__name__}", {})
    return found


# -- arguments ------------------------------------------------------------------------------------------------


def hinted(called: Called) -> Called:
    """A function or class that holds its arguments against its annotations and says what to write instead.

    UsageError `unknown-argument` for a name that it does not have, `wrong-arguments` for one that is missing, and
    `bad-argument` for one of a wrong kind, if the annotation is in `CHECKED`. A type checker sees the function itself.
    A class is also `answering`.
    """
    if isinstance(called, type):
        called.__init__ = _hinted(called.__init__, called.__name__, _checks_of(called.__init__))  # type: ignore[misc]
        answering(called)
        return called
    return _hinted(called, called.__name__, _checks_of(called))


def answering(kind: type[T]) -> type[T]:
    """A class whose objects say what to write instead of an attribute, an operation or an argument that they lack.

    `repr` and `str` of them never raise. Type checkers do not see any of it.
    """

    def lacks(self: object, name: str) -> NoReturn:
        if name.startswith("_"):  # of copies and pickles that are not finished, and of those who only ask
            raise AttributeError(name)
        if any(name in vars(k) for k in type(self).__mro__):
            object.__getattribute__(self, name)  # a property that fails: its own error again
        raise LackingError(self, name)

    if "__getattr__" not in vars(kind):
        kind.__getattr__ = lacks  # type: ignore[attr-defined]
    for sign in _of_kind("operations", kind):
        if not any(_OPERATIONS[sign][0] in vars(k) for k in kind.__mro__):
            setattr(kind, _OPERATIONS[sign][0], _refusing(sign))
            if sign == "len":  # or `if sample` would ask for it
                kind.__bool__ = lambda self: True  # type: ignore[attr-defined]
    for name, value in [*vars(kind).items()]:
        if isfunction(value) and not hasattr(value, "__wrapped__") and (name == "__init__" or name[0] != "_"):
            said = kind.__name__ if name == "__init__" else f"{kind.__name__}.{name}"
            setattr(kind, name, _hinted(value, said, _checks_of(value, {"Mapping", "None"})))
        elif name == "__new__":  # of a NamedTuple, which has no __init__
            kind.__new__ = staticmethod(_hinted(value.__func__, kind.__name__, {}))  # type: ignore[method-assign]
    for name, plain in (("__repr__", object.__repr__), ("__str__", object.__str__)):
        if (shows := getattr(kind, name)) is not plain:
            setattr(kind, name, _never_raising(shows))
    return kind


def _never_raising(shows: Callable[[Any], str]) -> Callable[[Any], str]:
    """For objects whose `__init__` raised: debuggers and pages of tracebacks show them."""

    @wraps(shows)
    def show(self: object) -> str:
        try:
            return shows(self)
        except Exception as error:
            return f"<{type(self).__name__}, incomplete: {type(error).__name__}>"

    return show


def _refusing(sign: str) -> Callable[..., NoReturn]:
    def refuse(self: object, *args: object, **options: object) -> NoReturn:
        kind, what = type(self), _OPERATIONS[sign][1]
        if sign == "[]":
            what += f"{'' if hasattr(kind, '__iter__') else ' or iterated'}, got {briefly(args[0])}"
        raise UnsupportedError(f"{kind.__name__} {what}", fix=_of_kind("operations", kind)[sign])

    return refuse


def _hinted(function: Called, name: str, checks: dict[str, tuple[Kind, ...]]) -> Called:
    places = [*inspect.signature(function).parameters] if checks else []

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if checks:
            _check_kinds((*zip(places, args, strict=False), *options.items()), checks)
        try:
            return function(*args, **options)
        except TypeError as error:
            if isinstance(error, PixelwiseError) or error.__traceback__ is None or error.__traceback__.tb_next:
                raise  # from inside the function, not from calling it
            problem = _wrong_call(function, name, args, options)
            if problem is None:
                raise
            raise problem from None

    return call  # type: ignore[return-value]


def _check_kinds(given: Iterable[tuple[str, object]], checks: dict[str, tuple[Kind, ...]]) -> None:
    for argument, value in given:
        check = checks.get(argument)
        if check is not None and not any(kind.fits(value) for kind in check):
            expected = " or ".join(dict.fromkeys(kind.words for kind in check))
            raise UsageError(f"{argument} must be {expected}, got {briefly(value)}")


class Kind(NamedTuple):
    """A kind of argument: whether a value is of it, and its name in messages."""

    fits: Callable[[Any], bool]
    words: str


def _ours(name: str, words: str) -> Kind:
    # By the name of the class, since classes are far above.
    def fits(value: Any) -> bool:
        return any(k.__name__ == name and k.__module__.startswith("pixelwise") for k in type(value).__mro__)

    return Kind(fits, words)


def _several(words: str) -> Kind:
    def fits(value: Any) -> bool:
        numbers = isinstance(value, np.ndarray) and value.dtype.kind in "biufc"
        return isinstance(value, Iterable) and not isinstance(value, (str, os.PathLike)) and not numbers

    return Kind(fits, words)


CHECKED: Final[dict[str, Kind]] = {
    "None": Kind(lambda value: value is None, "None"),
    "bool": Kind(lambda value: isinstance(value, (bool, np.bool_)) or (type(value) is int and value in (0, 1)),
                 "True or False"),
    "int": Kind(lambda value: isinstance(value, Integral), "a whole number"),
    "float": Kind(lambda value: isinstance(value, Real), "a number"),
    "str": Kind(lambda value: isinstance(value, str), "a string"),
    "os.PathLike[str]": Kind(lambda value: isinstance(value, os.PathLike), "a path"),
    "Progress": Kind(callable, "a function of (done, total)"),
    "Mapping": Kind(lambda value: isinstance(value, Mapping), "a dict"),
    "Sequence[str]": _several("a list of names"),
    "Iterable[str]": _several("a list of names"),
    "tuple[str, ...]": _several("a list of names"),
    "Sequence[Dataset]": Kind(lambda value: isinstance(value, (list, tuple)), "a list of datasets"),
    "Sequence[Flip]": _several("a list"),
    "Sequence[Column]": _several("a list of columns"),
    "Confusion": _ours("Confusion", "a Confusion"),
    "ClassTable": _ours("ClassTable", "a ClassTable"),
    "Tiling": _ours("Tiling", "a Tiling"),
    "Archive": _ours("Archive", "an Archive"),
}
"""The annotations that are checked. Numbers are checked where they are used, where their range is known."""


def _checks_of(function: Callable[..., Any], kinds: Set[str] | None = None) -> dict[str, tuple[Kind, ...]]:
    """The kinds of each argument whose annotation says it completely, by these kinds or any."""
    out = {}
    for name, annotation in function.__annotations__.items():
        parts = re.sub(r"^Mapping\[.*\]", "Mapping", str(annotation)).split(" | ")
        if set(parts) <= (kinds or CHECKED.keys()) and not set(parts) <= {"int", "float", "None"} and name != "return":
            path = {"str", "os.PathLike[str]"} <= set(parts)
            out[name] = tuple(CHECKED[p]._replace(words="a path") if path and p == "str" else CHECKED[p] for p in parts)
    return out


def briefly(value: object) -> str:
    """A value in a message: its `repr` if that is short and of one line, else its type."""
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__} {tuple(shape)}"
    said = repr(value)
    return said if len(said) <= 80 and "\n" not in said else f"{said[:60].splitlines()[0]}... ({type(value).__name__})"


def _wrong_call(
    function: Callable[..., Any], name: str, args: tuple[Any, ...], options: dict[str, Any]
) -> UsageError | None:
    """What is wrong with the arguments; None if they fit."""
    signature = inspect.signature(function)
    known = {n: p for n, p in signature.parameters.items() if n not in ("self", "_cls")}
    if stray := [n for n in options if n not in known]:
        listed = ", ".join(n for n in known if not n.startswith("_"))
        fix = argument_meant(stray[0], known) or f"the arguments are: {listed or 'none'}"
        return UsageError(f"{name}() has no argument {stray[0]!r}", code="unknown-argument", fix=fix)
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        plain = (p.replace(annotation=inspect.Parameter.empty) for p in known.values())
        fix = _foreign()["calls"].get(name) or f"call it as {name}{inspect.Signature([*plain])}"
        return UsageError(f"{name}(): {error}", code="wrong-arguments", fix=fix)
    return None


def argument_meant(name: str, known: Iterable[str]) -> str | None:
    """What to write instead of an argument that does not exist, or None. known: the arguments that do."""
    near = nearest(name, known)
    elsewhere = _foreign()["arguments"].get(name)
    if elsewhere and (near is None or _folded(near) != _folded(name)):
        return elsewhere
    return None if near is None else f"did you mean {near}=?"
