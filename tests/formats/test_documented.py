"""docs/formats.md names every format, and what it says about tables is so."""

from __future__ import annotations

import re
import tomllib

import numpy as np
import pytest

from pixelwise.formats.class_tables import table
from pixelwise.formats.opening import known_formats
from pixelwise.formats.toml import _KEYS
from tests.support.places import REPOSITORY

PAGE = REPOSITORY / "docs/formats.md"
COUNTS = {"cityscapes": 19, "ade20k": 150, "camvid": 31, "cocostuff": 171, "mapillary_v1.2": 65, "mapillary_v2.0": 123,
          "loveda": 7, "isaid": 16, "nyuv2": 40, "lip": 20, "pascal_context": 59,
          "foodseg103": 104, "synthia": 22, "carla_0.8": 12, "carla_0.9.10": 22, "carla_0.9.14": 28}  # fmt: skip


@pytest.mark.parametrize("name", known_formats())
def test_every_format_has_a_row(name: str) -> None:
    assert re.search(rf"(?m)^\| \[.*`{name}`", PAGE.read_text("utf-8"))


def test_the_description_shows_every_key() -> None:
    example = tomllib.loads(re.search(r"```toml\n(.+?)```", PAGE.read_text(), re.S)[1])  # type: ignore[index]
    for section, keys in _KEYS.items():
        if section:
            part = example[section][0] if section == "class" else example[section]
            assert set(part) == keys


@pytest.mark.parametrize(("name", "count"), COUNTS.items())
def test_tables_have_as_many_classes_as_the_page_says(name: str, count: int) -> None:
    known = table(name)
    assert len(known) == len(set(known.names)) == count
    for index in range(count):  # every id can be written and read back
        assert known.value_ids[known.id_values[index]] == index
    twice = {"ade20k", "mapillary_v2.0", "pascal_context"}
    if name not in twice:
        assert len(np.unique(known.colors, axis=0)) == count
