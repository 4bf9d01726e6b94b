"""What a notebook displays: well-formed HTML with everything escaped, pictures inside, one short line per value."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.dataset.splits import Splits
from pixelwise.drawing.notebook import STRIP
from pixelwise.errors import DataError
from pixelwise.types import Displayed

EVIL = '<script>alert("x")</script>&\x1b[31m'


def made(
    count: int = 3, name: str = "train", table: pw.ClassTable | None = None, void: int | None = 255
) -> pw.Dataset:  # fmt: skip
    table = table or pw.ClassTable(("road", EVIL), ignore_index=void)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (20, 30, 3), np.uint8) for _ in range(count)]
    labels = [rng.choice([0, 1, void or 0], (20, 30)).astype(np.uint8) for _ in range(count)]
    split = pw.Split(name, table, pw.ArraySource(images, labels, [f"{EVIL}{i}" for i in range(count)]))
    return pw.Dataset(Path(EVIL), "arrays", table, Splits({name: lambda: split}))


def values(void: int | None = 255) -> dict[str, Displayed]:
    dataset = made(name=EVIL, void=void)
    split = dataset[EVIL]
    truth = split[0].label
    assert truth is not None
    plans = pw.Plans(np.array([[20, 30]]))
    pw.RandomRotation(30).plan(plans, lambda j: np.array([0.2]))
    return {
        "dataset": dataset,
        "split": split,
        "sample": split[0],
        "batch": next(iter(pw.Loader(split, 2, [pw.Normalize()]))),
        "classes": dataset.classes,
        "stats": pw.stats(dataset),
        "scores": pw.Confusion(2, class_names=("road", EVIL)).update(np.where(truth == 255, 0, truth), truth).scores(),
        "findings": pw.check(dataset),
        "plan": plans[0],
        "plans": plans,
        "loader": pw.Loader(split, 2, [pw.RandomCrop(8, 9), pw.Normalize()]),
        "confusion": pw.Confusion(dataset.classes).update(np.where(truth == 255, 0, 1 - truth), truth),
        "objects": pw.InstanceConfusion(dataset.classes).update(np.where(truth == 255, 0, truth), truth, truth % 3),
    }


KINDS = list(values())


def hexadecimal(color: Any) -> str:
    return "#" + "".join(f"{int(v):02x}" for v in color)


def parsed(html: str) -> ET.Element:
    """The HTML as a tree: it is XML apart from tags that are never closed."""
    return ET.fromstring(re.sub(r"(<img[^>]*)>", r"\1/>", html))


@pytest.mark.parametrize("kind", KINDS)
def test_html_is_well_formed_and_escaped(kind: str) -> None:
    value = values()[kind]
    html = value._repr_html_()
    tree = parsed(html)
    assert "<script" not in html
    assert "\x1b" not in html
    assert {node.tag for node in tree.iter()} <= set(
        "div p code table tr th td span figure img figcaption svg rect polygon circle".split()
    )
    assert repr(value).replace("\x1b", "\\x1b") == "".join(tree.find("p").itertext())


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_prints_one_short_line(kind: str) -> None:
    printed = repr(values()[kind])
    assert "\n" not in printed
    assert len(printed) < 300
    assert "array(" not in printed
    assert " object at 0x" not in printed


@pytest.mark.parametrize("kind", KINDS)
def test_rows_have_the_same_keys_and_plain_values(kind: str) -> None:
    rows = values()[kind].to_frame()
    assert rows or kind == "findings"
    for row in rows:
        assert list(row) == list(rows[0])
        assert all(v is None or type(v) in (str, int, float, bool) for v in row.values())


@pytest.mark.parametrize("kind", KINDS)
def test_pandas_and_polars_take_the_rows(kind: str) -> None:
    rows = values()[kind].to_frame()
    for library in ("pandas", "polars"):
        frames = pytest.importorskip(library, reason="the rows are tried with it where it is installed")
        assert frames.DataFrame(rows).shape == (len(rows), len(rows[0]) if rows else 0)


@pytest.mark.parametrize("void", [None, 255])
def test_every_class_has_its_color_and_so_has_void(void: int | None) -> None:
    """Also where a table has no void, of which every kind of value is displayed."""
    shown = values(void)
    htmls = {kind: value._repr_html_() for kind, value in shown.items()}
    for kind in ("classes", "stats"):
        rows, table = shown[kind].to_frame(), made(void=void).classes
        with_void = void is not None or kind == "stats"
        colors = [*table.colors.tolist(), *[table.ignore_color] * with_void]
        assert [row["color"] for row in rows] == [hexadecimal(color) for color in colors]
        chips = [node.get("style") or "" for node in parsed(htmls[kind]).iter("span")]
        assert [chip.rpartition("background:")[2] for chip in chips] == [row["color"] for row in rows]


def test_the_rows_of_counts_are_counted() -> None:
    table = pw.ClassTable(("a", "b", "c"))
    truth, prediction = np.array([[0, 0, 0, 1, 2, 255]]), np.array([[1, 1, 0, 1, 7, 0]])
    rows = pw.Confusion(table).update(prediction, truth).to_frame()
    assert [tuple(row.values()) for row in rows] == [
        ("a", 3, 1, 1, "b"), ("b", 1, 3, 1, None), ("c", 1, 0, 0, "outside the classes"),
    ]  # fmt: skip
    objects = pw.InstanceConfusion(table).update(prediction, truth, np.array([[1, 2, 2, 3, 4, 0]]))
    assert [tuple(row.values()) for row in objects.to_frame()] == [("a", 2, 3, 1), ("b", 1, 1, 1), ("c", 1, 1, 0)]


def pictures(html: str) -> list[Any]:
    found = re.findall(r'src="data:image/\w+;base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_the_pictures_of_a_sample_have_the_pixels() -> None:
    sample = made()["train"][0]
    image, label, overlay = pictures(sample._repr_html_())
    assert image.size == label.size == overlay.size == (270, 180)
    assert sample.label is not None
    colors = np.asarray(label.convert("RGB"))[4::9, 4::9]
    assert np.array_equal(colors, pw.VOC.palette[sample.label])


def test_a_strip_is_short() -> None:
    html = made(40)["train"]._repr_html_()
    assert len(pictures(html)) == STRIP
    assert f"and {40 - STRIP} more" in html


def test_what_cannot_be_read_is_shown_as_its_error() -> None:
    table = pw.ClassTable(("a",))
    bad = pw.Split("bad", table, pw.ArraySource([np.zeros((4, 4, 3), np.uint8)], [np.full((4, 4), 9, np.uint8)], ["x"]))

    def broken() -> pw.Split:
        raise DataError("the list is <broken>", code="bad-list")

    dataset = pw.Dataset(Path("here"), "arrays", table, Splits({"bad": lambda: bad, "broken": broken}))
    text = unescape(re.sub("<[^>]+>", "|", dataset._repr_html_()))
    assert "the list is <broken> [bad-list]" in text
    assert "value 9" in text


def test_a_batch_knows_its_classes() -> None:
    dataset = made(table=pw.ClassTable(("road", "car"), [[10, 20, 30], [200, 100, 50]]))
    loader = pw.Loader(dataset["train"], 2)
    batch = next(iter(loader))
    assert loader.classes == batch.classes == dataset.classes
    picture = np.asarray(pw.show(batch, columns=["label"]).image)
    assert ((picture == (200, 100, 50)).all(axis=-1)).sum() > 1000
