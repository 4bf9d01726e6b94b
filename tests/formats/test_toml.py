"""pixelwise.toml, the proposal of one, and Hugging Face's forms."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.classes import ClassTable
from pixelwise.errors import FileError, FormatError, LabelError
from pixelwise.formats.guessing import proposal
from pixelwise.formats.opening import open as open_dataset
from pixelwise.formats.toml import _matches
from tests.support.making import SIZE, colors, picture, save, values

TOML = """
[images]
path = "photos/{name}.{ext}"
[labels]
path = "masks/{name}_m.png"
[classes]
ignore_values = [9]
[[class]]
name = "rest"
values = [0]
[[class]]
name = "road"
values = [3, 4]
color = [1, 2, 3]
"""


GROUPED = "[splits]\nratios = {train = 0.5, val = 0.5}\ngroup = 'GROUP'\n" + TOML


def tree(root: Path, toml: str = TOML, count: int = 10) -> Any:
    stored = values([0, 3, 4, 9])
    for i in range(count):
        save(root / f"photos/{i:03d}.{'jpg' if i % 2 else 'png'}", picture(i))
        save(root / f"masks/{i:03d}_m.png", stored)
    (root / "pixelwise.toml").write_text(toml)
    return stored


def test_values_void_and_images_of_several_kinds(tmp_path: Path) -> None:
    stored = tree(tmp_path)
    dataset = open_dataset(tmp_path)
    assert (dataset.format, dataset.classes.names) == ("toml", ("rest", "road"))
    assert dataset.classes.colors[1].tolist() == [1, 2, 3]
    assert dataset["all"].names == [f"{i:03d}" for i in range(10)]
    expected = np.select([stored == 0, stored == 9], [0, 255], 1)
    for sample in dataset["all"]:
        assert np.array_equal(sample.label, expected)
    assert np.array_equal(dataset["all"][0].image, picture(0))
    assert open_dataset(tmp_path / "pixelwise.toml")["all"].names == dataset["all"].names


def test_what_the_owner_says_goes_before_what_a_tree_looks_like(tmp_path: Path) -> None:
    save(tmp_path / "train_images/1.jpg", picture())
    save(tmp_path / "train_segmentations/1.png", values([0, 1]))
    assert open_dataset(tmp_path).format == "lip"
    (tmp_path / "pixelwise.toml").write_text(
        '[images]\npath = "{split}_images/{name}.jpg"\n[labels]\npath = "{split}_segmentations/{name}.png"\n'
        '[[class]]\nname = "a"\n[[class]]\nname = "b"\n'
    )
    dataset = open_dataset(tmp_path)
    assert (dataset.format, list(dataset.splits), dataset.classes.names) == ("toml", ["train"], ("a", "b"))


def test_ratios_with_a_seed_and_groups_that_stay_together(tmp_path: Path) -> None:
    ratios = "[splits]\nratios = {train = 0.7, val = 0.3}\nseed = 5\n"
    tree(tmp_path, ratios + TOML)
    dataset = open_dataset(tmp_path)
    assert [len(dataset[s]) for s in ("train", "val")] == [7, 3]
    assert not set(dataset["train"].names) & set(dataset["val"].names)
    assert "divided by seed 5" in dataset.history[0]
    (tmp_path / "pixelwise.toml").write_text(ratios.replace("seed = 5", "seed = 5\ngroup = '^..'") + TOML)
    assert len(open_dataset(tmp_path)["train"]) == 10  # all names begin with 00: one group


PATTERNS = ["^[^_]+", "[0-9]+", "a|ab", "(a+)(b?)", "^", "$", "b$", "x*", "(?i)A.", ".*_", "_(.)", "[ab]{2,3}", "z"]


@given(st.lists(st.text("ab_x09Z.é\n", min_size=1, max_size=9), min_size=1, max_size=9), st.sampled_from(PATTERNS))
def test_groups_are_those_of_any_regular_expression(names: list[str], pattern: str) -> None:
    """The text that Python's own engine finds, for what both know ($ is the end for RE2, also behind a last line)."""
    found = [re.search(pattern.replace("$", r"\Z"), name) for name in names]
    expected = [name if f is None else f[0] for f, name in zip(found, names, strict=True)]
    assert _matches(pattern, names, Path("pixelwise.toml")) == expected


def test_a_pattern_that_would_never_end_ends(tmp_path: Path) -> None:
    """With Python's engine this takes longer than the universe lasts."""
    name = "a" * 200 + "_"
    save(tmp_path / f"photos/{name}.png", picture())
    save(tmp_path / f"masks/{name}_m.png", values([0, 3]))
    (tmp_path / "pixelwise.toml").write_text(GROUPED.replace("GROUP", "((a+)+)+$"))
    assert sum(len(split) for split in open_dataset(tmp_path).splits.values()) == 1


def test_lists_and_splits_without_labels(tmp_path: Path) -> None:
    tree(tmp_path, '[splits]\nlists = "{split}.lst"\nunlabeled = ["hidden"]\n' + TOML)
    (tmp_path / "fit.lst").write_text("003\n001\n")
    (tmp_path / "hidden.lst").write_text("000\n")
    dataset = open_dataset(tmp_path)
    assert dataset["fit"].names == ["003", "001"]
    assert dataset["hidden"][0].label is None


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("x = [", "not valid TOML"),
        ("", "images.*is missing"),
        ("images = 3", r"images is not a section; begin it with a line \[images\]"),
        ("images = {path = '{name}.png'}\n[class]\nname = 'a'", r"class is not a section; begin it with a line \[\[cl"),
        (TOML.replace("ignore_values", "ignored"), r"unknown key in \[classes\]: 'ignored'; the keys are"),
        (TOML.replace("values = [0]", ""), "'rest' has no values, others have"),
        (TOML.replace("[3, 4]", "[0, 4]"), "stored value 0 has two meanings"),
        (TOML.replace("photos/", "../photos/"), "leads out of the dataset's folder; set root"),
        (TOML.replace("{name}.{ext}", "x.png"), "no {name}"),
        (TOML.replace("[1, 2, 3]", "[1, 2, 300]"), "three numbers 0..255"),
        (TOML.replace('"road"', '"rest"'), "names appear twice"),
        ("[splits]\nratios = {train = 0.7}\n" + TOML, "add up to 1"),
        ("[splits]\nratios = 3\n" + TOML, "table of shares"),
        (TOML.replace("[0]", '["a"]'), "wrong kind"),
        (TOML.replace("[labels]", "value_range = []\n[labels]"), r"value_range is a list of 2 numbers, got \[\]"),
        (TOML.replace("[labels]", "value_range = 3\n[labels]"), "value_range is a list of 2 numbers, got 3"),
        (TOML.replace("[labels]", "bands = [1, 2]\n[labels]"), r"bands is a list of 3 numbers, got \[1, 2\]"),
        ("x = " + "[" * 5000, "not valid TOML"),
        (GROUPED.replace("GROUP", "(?<=a)b"), "invalid perl operator.*write it in the syntax of RE2"),
        (GROUPED.replace("GROUP", "("), "missing \\)"),
        (GROUPED.replace("GROUP", "a)(b"), "unexpected \\)"),
    ],
)
def test_mistakes_are_told_with_the_file(tmp_path: Path, toml: str, message: str) -> None:
    tree(tmp_path, toml, 2)
    with pytest.raises(FormatError, match=message) as caught:
        open_dataset(tmp_path)
    assert caught.value.code == "bad-description"
    assert str(caught.value.where).endswith("pixelwise.toml")


def test_sixteen_bits_only_with_a_range(tmp_path: Path) -> None:
    gray = np.linspace(0, 4095, SIZE[0] * SIZE[1]).reshape(SIZE).astype(np.uint16)
    text = '[images]\npath = "i/{name}.tif"\n[labels]\npath = "l/{name}.png"\n[[class]]\nname = "a"\n'
    save(tmp_path / "i/x.tif", gray)
    save(tmp_path / "l/x.png", np.zeros(SIZE, np.uint8))
    (tmp_path / "pixelwise.toml").write_text(text)
    with pytest.raises(FileError) as caught:
        open_dataset(tmp_path)["all"][0]
    assert caught.value.code == "value-range-needed"
    (tmp_path / "pixelwise.toml").write_text(text.replace('.tif"\n', '.tif"\nvalue_range = [0, 4095]\n'))
    image = open_dataset(tmp_path)["all"][0].image
    assert np.abs(image[..., 0].astype(float) - gray * (255 / 4095)).max() <= 0.5


@pytest.mark.parametrize(("kind", "options"), [("png", {}), ("tif", {}), ("bmp", {}), ("webp", {"lossless": True}),
                                               ("jpg", {"quality": 95})])  # fmt: skip
def test_every_image_kind(tmp_path: Path, kind: str, options: Any) -> None:
    (tmp_path / "i").mkdir()
    Image.fromarray(picture()).save(tmp_path / f"i/x.{kind}", **options)
    save(tmp_path / "l/x.png", np.zeros(SIZE, np.uint8))
    (tmp_path / "pixelwise.toml").write_text(
        '[images]\npath = "i/{name}.{ext}"\n[labels]\npath = "l/{name}.png"\n[[class]]\nname = "a"\n'
    )
    image = open_dataset(tmp_path)["all"][0].image
    with Image.open(tmp_path / f"i/x.{kind}") as expected:
        assert np.abs(image.astype(int) - np.array(expected.convert("RGB"))).max() <= (1 if kind == "jpg" else 0)


@pytest.mark.parametrize("kind", ["npy", "tif", "bmp"])
def test_label_kinds_must_be_declared(tmp_path: Path, kind: str) -> None:
    stored = values([0, 1])
    save(tmp_path / "i/x.png", picture())
    (tmp_path / "l").mkdir()
    if kind == "npy":
        np.save(tmp_path / "l/x.npy", stored.astype(np.int64))
    else:
        save(tmp_path / f"l/x.{kind}", stored)
    name = {"tif": "tiff"}.get(kind, kind)
    text = f'[images]\npath = "i/{{name}}.png"\n[labels]\npath = "l/{{name}}.{kind}"\nkinds = []\n' + (
        '[[class]]\nname = "a"\n[[class]]\nname = "b"\n'
    )
    (tmp_path / "pixelwise.toml").write_text(text)
    with pytest.raises(FileError, match="does not expect"):
        open_dataset(tmp_path)["all"][0]
    (tmp_path / "pixelwise.toml").write_text(text.replace("kinds = []", f'kinds = ["{name}"]'))
    assert np.array_equal(open_dataset(tmp_path)["all"][0].label, stored)


# -- the proposal -------------------------------------------------------------------------------------------


def propose(*arguments: Any) -> str:
    return proposal.propose(*arguments).text


def opened(root: Path, text: str) -> Any:
    (root / "pixelwise.toml").write_text(text)
    return open_dataset(root)


def test_a_proposal_counts_every_value_and_opens_at_once(tmp_path: Path) -> None:
    stored = values([0, 7, 200])
    for split, n in (("train", 3), ("val", 2)):
        for i in range(n):
            save(tmp_path / f"pics/{split}/{split}{i}.jpg", picture(i))
            save(tmp_path / f"truth/{split}/{split}{i}_seg.png", stored)
    text = propose(tmp_path)
    dataset = opened(tmp_path, text)
    assert {s: len(dataset[s]) for s in dataset.splits} == {"train": 3, "val": 2}
    assert dataset.classes.names == ("value 0", "value 7", "value 200")
    assert np.array_equal(dataset["val"][1].label, np.searchsorted([0, 7, 200], stored))
    assert f"# {5 * int((stored == 7).sum()):,} pixels" in text
    assert "in 5 of 5 labels" in text


def test_colors_palettes_and_void_are_proposed_as_they_are(tmp_path: Path) -> None:
    pixels, _ = colors([(9, 8, 7), (0, 0, 0), (255, 0, 1)])
    save(tmp_path / "a/img/x.png", picture())
    save(tmp_path / "a/gt/x.png", pixels)
    dataset = opened(tmp_path / "a", propose(tmp_path / "a"))
    assert np.array_equal(dataset.classes.decode(dataset[next(iter(dataset.splits))][0].label), pixels)
    stored = values([0, 1, 255])
    for i in range(2):
        save(tmp_path / f"b/img/{i}.jpg", picture())
        save(tmp_path / f"b/gt/{i}.png", stored, [(5 * i) % 256, 1, 2, 3, 4, 5])
    text = propose(tmp_path / "b")
    assert 'palette = "ignore"' in text
    assert "ignore_values = [255]" in text
    label = opened(tmp_path / "b", text)["train"][0].label
    assert np.array_equal(label, stored)


def test_lists_beside_the_images_are_found(trees: Path, tmp_path: Path) -> None:
    root = trees / "mmseg_pseudo/pseudo_dataset"
    text = propose(root)
    assert 'lists = "splits/{split}.txt"  # train, val' in text
    (tmp_path / "mine.toml").write_text(f"root = {json.dumps(str(root))}\n{text}")
    dataset = open_dataset(tmp_path / "mine.toml")
    assert {s: len(dataset[s]) for s in dataset.splits} == {"train": 4, "val": 1}
    for sample in dataset["train"]:
        with Image.open(root / f"gts/{sample.name}_gt.png") as image:
            assert np.array_equal(sample.label, np.array(image))


def test_more_than_255_values_make_16_bit_classes(trees: Path, tmp_path: Path) -> None:
    root = trees / "mmseg_pseudo/pseudo_nyu_dataset"
    text = propose(root, "images/{name}.jpg", "annotations/{name}.png")
    (tmp_path / "mine.toml").write_text(f"root = {json.dumps(str(root))}\n{text}".replace("ratios", "# ratios"))
    dataset = open_dataset(tmp_path / "mine.toml")
    sample = dataset["all"][0]
    with Image.open(root / f"annotations/{sample.name}.png") as image:
        stored = np.array(image)
    assert len(dataset.classes) == 849
    assert sample.label.dtype == np.uint16
    assert np.array_equal(np.unique(stored)[sample.label], stored)


def test_nothing_to_propose(tmp_path: Path) -> None:
    save(tmp_path / "a/x.jpg", picture())
    with pytest.raises(FormatError, match="no images and labels with matching names"):
        propose(tmp_path)
    save(tmp_path / "b/x.png", picture(1, (60, 60)))
    with pytest.raises(FormatError, match="resized or compressed"):
        propose(tmp_path, "a/{name}.jpg", "b/{name}.png")


# -- Hugging Face -------------------------------------------------------------------------------------------


def encoded(pixels: Any, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def parquet(root: Path, split: str, count: int, label: str = "annotation", rows: int = 2) -> None:
    import pyarrow as pa
    from pyarrow import parquet as pq

    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = [{"bytes": encoded(picture(i)), "path": f"{split}_{i}.png"} for i in range(count)]
    labels = [{"bytes": encoded(values([0, 1, 5], i)), "path": None} for i in range(count)]
    columns = {"image": pa.array(images, kind), label: pa.array(labels, kind), "extra": list(range(count))}
    (root / "data").mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), root / f"data/{split}-00000-of-00001.parquet", row_group_size=rows)


@pytest.mark.parametrize("label", ["annotation", "mask", "semantic"])
def test_parquet_rows_are_samples(tmp_path: Path, label: str) -> None:
    parquet(tmp_path, "train", 5, label)
    parquet(tmp_path, "validation", 1, label)
    with pytest.raises(FormatError, match="nothing says what the label values mean"):
        open_dataset(tmp_path)
    (tmp_path / "id2label.json").write_text('{"0": "rest", "1": "cat", "5": "dog"}')
    dataset = open_dataset(tmp_path)
    assert (dataset.format, list(dataset.splits)) == ("hf_parquet", ["train", "val"])
    split = dataset["train"]
    assert split.names == [f"train_{i}" for i in range(5)]
    for i in (4, 0, 2, 3, 1):
        assert np.array_equal(split[i].image, picture(i))
        assert np.array_equal(split[i].label, np.searchsorted([0, 1, 5], values([0, 1, 5], i)))
    assert split.sizes().tolist() == [list(SIZE)] * 5
    part = split.read(3, pw.Window(1, 2, 5, 9))
    assert np.array_equal(part.label, split[3].label[1:5, 2:9])
    batch = next(iter(pw.Loader(split, batch_size=5, transforms=[pw.RandomCrop(8, 8)], threads=2)))
    assert batch.images.shape == (5, 3, 8, 8)


@pytest.mark.parametrize("damage", ["cut", "alone", "middle", "columns", "names"])
def test_parquet_files_that_are_damaged_or_unlike(tmp_path: Path, damage: str) -> None:
    import pyarrow as pa
    from pyarrow import parquet as pq

    parquet(tmp_path, "train", 2)
    first, second = (tmp_path / f"data/train-0000{k}-of-00001.parquet" for k in (0, 1))
    second.write_bytes(first.read_bytes())
    (tmp_path / "id2label.json").write_text('{"0": "rest", "1": "cat", "5": "dog"}')
    if damage in ("cut", "alone"):
        first.write_bytes(first.read_bytes()[:-50])
        if damage == "alone":
            second.unlink()
        with pytest.raises(FileError, match=f"{first.name}: not a readable Parquet file: .*download it again"):
            _ = open_dataset(tmp_path)["train"]
    elif damage == "middle":
        second.write_bytes(second.read_bytes()[:20] + b"x" * 180 + second.read_bytes()[200:])
        split = open_dataset(tmp_path)["train"]
        assert split[1].label is not None
        with pytest.raises(FileError, match=f"{second.name}: not a readable Parquet file"):
            split[2]
    elif damage == "columns":
        table = pq.read_table(second)
        pq.write_table(table.rename_columns(["image", "other", "extra"]), second)
        with pytest.raises(FormatError, match=f"{second.name}: has no column 'annotation', which {first.name} has"):
            _ = open_dataset(tmp_path)["train"]
    else:
        table = pq.read_table(second)
        images = pa.array([{"bytes": v["bytes"]} for v in table["image"].to_pylist()])
        pq.write_table(table.set_column(0, "image", images), second)
        assert open_dataset(tmp_path)["train"].names == [f"{i:06d}" for i in range(4)]


def test_parquet_values_that_no_class_has(tmp_path: Path) -> None:
    parquet(tmp_path, "train", 1)
    table = ClassTable(("a", "b"))
    with pytest.raises(LabelError, match="value 5 is not a class") as caught:
        open_dataset(tmp_path, classes=table)["train"][0]
    assert "row 0" in str(caught.value.where)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_imagefolder_with_metadata(tmp_path: Path, kind: str) -> None:
    rows = []
    for i in range(3):
        save(tmp_path / f"train/images/{i}.jpg", picture(i))
        save(tmp_path / f"train/masks/{i}.png", values([0, 1], i))
        rows.append({"file_name": f"images/{i}.jpg", "mask_file_name": f"masks/{i}.png", "text": "a, b"})
    lines = [json.dumps(r) for r in rows]
    if kind == "csv":
        lines = ["file_name,mask_file_name,text", *(f'{r["file_name"]},{r["mask_file_name"]},"a, b"' for r in rows)]
    (tmp_path / f"train/metadata.{kind}").write_text("\n".join(lines) + "\n")
    dataset = open_dataset(tmp_path, classes=ClassTable(("a", "b")))
    assert dataset.format == "hf_imagefolder"
    assert dataset["train"].names == ["images/0", "images/1", "images/2"]
    assert np.array_equal(dataset["train"][2].label, values([0, 1], 2))
