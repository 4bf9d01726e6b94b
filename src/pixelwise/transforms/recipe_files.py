"""A recipe of your own: a TOML file that lists transforms, for Python and for the command line."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from ..errors import FormatError, UsageError
from ..files.reading import read_bytes
from ..hints import ByName, hinted
from . import after, color, geometry, mixing, turns
from .plans import Transform

_TRANSFORMS: Final = MappingProxyType(
    ByName(
        "transform",
        {
            name: kind
            for module in (geometry, turns, color, mixing, after)
            for name, kind in vars(module).items()
            if isinstance(kind, type) and issubclass(kind, Transform) and kind.__module__ == module.__name__
        },
    )
)  # without those that a file cannot hold: Apply takes a function, RandomClassCrop an index


@hinted
def read_recipe(path: str | os.PathLike[str]) -> list[Transform]:
    """The transforms that a TOML file lists, in its order, for a Loader, `show_plans` and `--recipe FILE.toml`.

    Each is a section [[transform]] with its `name` and its arguments, by their names in Python; a pair is an array.

    Raises FormatError `bad-recipe`, which names the file and the transform, for what is not such a list, and
    MissingError, FileError or SystemFault where the file cannot be read.
    """
    text = read_bytes(path)
    try:
        data = tomllib.loads(text.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"not valid TOML: {error}", code="bad-recipe", where=path) from None
    listed = data.get("transform")
    if set(data) != {"transform"} or not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        fix = 'begin each transform with a line [[transform]], and write name = "RandomCrop" and its arguments below it'
        raise FormatError("not a list of transforms and nothing else", code="bad-recipe", where=path, fix=fix)
    made: list[Transform] = []
    for number, one in enumerate(listed, 1):
        name = one.pop("name", None)
        try:
            if name is None:
                raise UsageError("it has no name", fix='write name = "RandomCrop", or another transform')
            made.append(_TRANSFORMS[name](**{key: _plain(value) for key, value in one.items()}))
        except (UsageError, TypeError) as error:
            raise _about(Path(path), f"transform {number}" + (f", {name}" if name else ""), error) from None
    return made


def _plain(value: Any) -> Any:
    """What Python would be given: a tuple for an array."""
    return tuple(map(_plain, value)) if isinstance(value, list) else value


def _about(path: Path, which: str, error: Exception) -> FormatError:
    if isinstance(error, UsageError):
        return FormatError(f"{which}: {error.message}", code="bad-recipe", where=path, fix=error.fix)
    return FormatError(f"{which}: {error}", code="bad-recipe", where=path)
