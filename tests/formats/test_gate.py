"""Whatever goes wrong in a format's reader, or in reading a sample of it, is an error of ours: for every format."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pixelwise as pw
from pixelwise.dataset.dataset import Dataset
from pixelwise.dataset.splits import Splits
from pixelwise.errors import FileError, FormatError, PixelwiseError
from pixelwise.formats.opening import known_formats
from tests.support.packing import small

opening = importlib.import_module("pixelwise.formats.opening")


def fail(*args: Any, **options: Any) -> Any:
    raise ZeroDivisionError("a fault in the reader")


def datasets(trees: Path) -> list[tuple[str, Dataset]]:
    found: dict[str, Dataset] = {}
    for folder in sorted(p for p in trees.rglob("*") if p.is_dir()):
        with suppress(PixelwiseError):  # no dataset, several of them, or one that needs an option
            dataset = pw.open(folder)
            if dataset.splits:
                found.setdefault(dataset.format, dataset)
    assert len(found) >= 12
    return sorted(found.items())


def swapped(monkeypatch: pytest.MonkeyPatch, name: str, **functions: Any) -> None:
    formats = {n: replace(f, **functions) if n == name else f for n, f in known_formats().items()}
    monkeypatch.setattr(opening, "known_formats", lambda: formats)


@pytest.mark.parametrize("name", known_formats())
@pytest.mark.parametrize("part", ["find", "load", "list"])
def test_a_reader_that_fails(name: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(root: Path) -> Dataset:
        return Dataset(root, name, pw.VOC, Splits({"train": fail, "val": lambda: small()["train"]}))

    functions: dict[str, Callable[..., Any]] = {"find": lambda path: path if path == tmp_path else None, "load": load}
    if part != "list":
        functions[part] = fail
    swapped(monkeypatch, name, **functions)
    with pytest.raises(FormatError, match=f"not a sound {name} dataset: ZeroDivisionError") as caught:
        pw.open(tmp_path, format=name)["train"]
    assert caught.value.code == "bad-dataset"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    if part == "list":  # which stops only those who use it
        assert len(pw.open(tmp_path, format=name)["val"]) == len(small()["train"])
        assert [f.code for f in pw.check(tmp_path, format=name).errors] == ["bad-dataset"]


def test_an_option_that_a_format_does_not_have_is_still_the_callers_fault(trees: Path) -> None:
    for name, dataset in datasets(trees):
        with pytest.raises(pw.UsageError, match="no such option"):
            pw.open(dataset.root, format=dataset.format, this_is_no_option=1), name


def test_a_sample_that_fails(trees: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, dataset in datasets(trees):
        split = dataset[next(iter(dataset.splits))]
        kind = type(split.source)
        method = "_load" if "_load" in vars(kind) else "_whole"
        with monkeypatch.context() as patch:
            patch.setattr(kind, method, fail)
            with pytest.raises(FileError) as caught:
                split[0]
        assert caught.value.code == "corrupt", folder
        assert caught.value.where
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        with pytest.raises(IndexError):
            split.source.read(len(split.source))
