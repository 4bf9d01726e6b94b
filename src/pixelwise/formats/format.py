"""What a format is to `open`: a name, the files it is known by, and two functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..dataset.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Format:
    """A format of datasets on disk.

    name: what `format=` and `Dataset.format` say. looks_like: the files it is known by, in words, for messages.
    find(path): the dataset's folder if `path` looks like this format, else None; it looks at names of files, opens few
    and raises only DataErrors. load(root, **options): the Dataset in a folder that `find` gave. anywhere: whether its
    files may be above any folder without that folder's being a part of the dataset, such as a pixelwise.toml.

    Another package offers a format by an entry point of the group "pixelwise.formats" that names such an object:

        [project.entry-points."pixelwise.formats"]
        mine = "my_package.formats:FORMAT"
    """

    name: str
    looks_like: str
    find: Callable[[Path], Path | None]
    load: Callable[..., Dataset]
    anywhere: bool = False
