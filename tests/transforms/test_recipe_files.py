"""Recipes in TOML files."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import pixelwise as pw
from pixelwise.errors import FormatError
from tests.support.places import REPOSITORY
from tests.support.transform_table import NEEDED, PUBLIC

IN_PYTHON_ONLY = {"Apply", "RandomClassCrop"}


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def test_the_file_of_the_page(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs/transforms.md").read_text("utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert pw.read_recipe(written(tmp_path, text)) == [
        pw.RandomScale((0.5, 2)), pw.RandomCrop(320, 480, pad_if_needed=True), pw.Normalize()
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(PUBLIC.keys() - IN_PYTHON_ONLY))
def test_every_transform_can_be_written(name: str, tmp_path: Path) -> None:
    arguments = NEEDED.get(name, {})
    lines = [f"{key} = {toml(value)}" for key, value in arguments.items()]
    path = written(tmp_path, "\n".join(["[[transform]]", f'name = "{name}"', *lines]))
    assert pw.read_recipe(path) == [PUBLIC[name](**arguments)]


def test_a_recipe_of_a_paper_written_out_is_itself(tmp_path: Path) -> None:
    recipe = pw.RECIPES["cityscapes"]()
    sections = []
    for one in recipe:
        given = {f.name: getattr(one, f.name) for f in fields(one) if f.init}  # type: ignore[arg-type]
        if "height" in given:
            given["size"] = (given.pop("height"), given.pop("width"))
        lines = [f"{key} = {toml(value)}" for key, value in given.items() if value is not None]
        sections += ["[[transform]]", f'name = "{type(one).__name__}"', *lines]
    assert pw.read_recipe(written(tmp_path, "\n".join(sections))) == recipe


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[transform]", "not valid TOML"), ("", "not a list of transforms"),
        ("[transform]\nname = 'Pad'", "begin each"),
        ("transform = [1]", "begin each"), ("[[transform]]\nname = 'Pad'\n[other]", "nothing else"),
        ("[[transform]]\nsize = 3", "transform 1: it has no name"),
        ("[[transform]]\nname = 'RandomCropp'", "transform 1, RandomCropp: .*did you mean 'RandomCrop'"),
        ("[[transform]]\nname = 'Apply'", "transform 1, Apply: no transform named 'Apply'"),
        ("[[transform]]\nname = 3", "transform 1, 3: "),
        ("[[transform]]\nname = ['Pad']", "transform 1, "),
        ("[[transform]]\nname = 'Pad'\n[[transform]]\nname = 'RandomCrop'\nsizes = 3", "RandomCrop: .*size"),
        ("[[transform]]\nname = 'RandomCrop'\nsize = 'x'", "transform 1, RandomCrop: "),
        ("[[transform]]\nname = 'RandomCrop'", "transform 1, RandomCrop: .*size"),
        ("[[transform]]\nname = 'RandomRotation'\ndegrees = 2026-01-01", "transform 1, RandomRotation: "),
    ],
)  # fmt: skip
def test_what_is_no_recipe_is_said(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=said) as refused:
        pw.read_recipe(written(tmp_path, text))
    assert refused.value.code == "bad-recipe"
    assert "mine.toml" in str(refused.value)
