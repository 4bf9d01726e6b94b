"""Making: the pictures of an entry by their names in addresses: whole, small, or a window of a large one."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..types import Window
from . import pictures
from .answers import Shown
from .confused import Mistake
from .entries import Item
from .pictures import Encoded
from .runs import Run
from .tiles import Tiled

Reader = Callable[[Window], Any]
"""Gives the values of a window: (h, w) numbers, or (h, w, 3) uint8 of an image."""


def picture_maker(shown: Shown, number: int, what: str, small: bool) -> Callable[[Item], Encoded] | None:
    """What makes a picture of an entry, by its name; None if there is no such picture. small: as a thumbnail."""
    if small and shown.is_large(number):
        tiled = tiled_picture(shown, number, what)
        return None if tiled is None else lambda item: tiled.small()
    if (read := _of_run(shown, what)) is not None:
        return lambda item: pictures.ids_picture(read(item), small=small)
    kind, _, code = what.partition("-")
    problems = shown.problems
    if kind == "faulty" and problems is not None:
        return lambda item: pictures.ids_picture(problems.faulty(item, number, code, small=small))
    return _MAKERS.get((what, small))


def window_reader(shown: Shown, number: int, what: str) -> Reader | None:
    """What reads windows of a picture of an entry, by its name; None if there is no such picture.

    A reader raises as reading the picture does.
    """
    item, large, problems = shown.entries.entry(number), shown.large, shown.problems
    kind, _, code = what.partition("-")
    simple: dict[str, Reader] = {"image": partial(large.image, item), "label": partial(large.label, item)}
    if what in simple:
        return simple[what]
    if what == "stored":
        return partial(large.stored, item) if pictures.label_path(item) is not None else None
    if what == "instances":
        return lambda window: large.whole(item, what, window, pictures.instance_numbers)
    if kind == "faulty" and problems is not None:
        return lambda window: large.whole(item, what, window, lambda i: problems.faulty(i, number, code))
    run = _run_of(shown, what)
    if run is None:
        return None
    predicted: Reader = lambda w: large.whole(item, f"prediction-{run.root}", w, run.prediction)  # noqa: E731
    if kind == "prediction":
        return lambda window: _in_range(predicted(window))
    classes = item.split.classes
    if kind == "errors":
        void = classes.ignore_index
        return lambda w: pictures.marked_errors(predicted(w), large.label(item, w), len(classes), void)
    pair = _pair_of(what)
    return None if pair is None else lambda w: pair.marked(large.label(item, w), predicted(w), len(classes))


def tiled_picture(shown: Shown, number: int, what: str) -> Tiled | None:
    """A picture of an entry in tiles, by its name; None if there is no such picture."""
    size = shown.size(number)
    if size is None or (read := window_reader(shown, number, what)) is None:
        return None
    return Tiled(read, size, shown.large.held, (number, what))


def _of_run(shown: Shown, what: str) -> Callable[[Item], NDArray[Any]] | None:
    """What reads a picture that a run has part in, by its name."""
    kind, run = what.partition("-")[0], _run_of(shown, what)
    if run is None:
        return None
    if kind == "prediction":
        return lambda item: _in_range(run.prediction(item))
    if kind == "errors":
        return run.errors
    pair = _pair_of(what)
    return None if pair is None else lambda item: run.marked(item, pair)


def _run_of(shown: Shown, what: str) -> Run | None:
    found = re.fullmatch(r"(?:prediction|errors|confused)-(\d)(?:-\d{1,5}-\d{1,5})?", what)
    return shown.runs[int(found[1])] if found and int(found[1]) < len(shown.runs) else None


def _pair_of(what: str) -> Mistake | None:
    found = re.fullmatch(r"confused-\d-(\d+)-(\d+)", what)
    return None if found is None else Mistake(int(found[1]), int(found[2]))


def _in_range(ids: NDArray[Any]) -> NDArray[Any]:
    # What is not a class may have any number; the picture holds 0..65535.
    return ids if ids.dtype == np.uint8 else np.where((ids < 0) | (ids > 65_535), 65_535, ids).astype(np.uint16)


_MAKERS: Final[dict[tuple[str, bool], Callable[[Item], Encoded]]] = {
    ("image", True): pictures.thumbnail,
    ("image", False): pictures.exact_image,
    ("label", True): lambda entry: pictures.ids_picture(pictures.label_ids(entry), small=True),
    ("label", False): lambda entry: pictures.ids_picture(pictures.label_ids(entry)),
    ("instances", True): lambda item: pictures.ids_picture(pictures.instance_numbers(item), small=True),
    ("instances", False): lambda entry: pictures.ids_picture(pictures.instance_numbers(entry)),
    ("stored", False): pictures.stored_picture,
}
"""What there is of every entry, by name and whether it is small."""
