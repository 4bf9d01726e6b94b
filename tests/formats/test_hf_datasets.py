"""Datasets of Hugging Face's own library: equal pixels in both directions, class names found, errors by code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw

datasets = pytest.importorskip("datasets", reason="Hugging Face's datasets is an extra: pip install 'pixelwise[hf]'")
pytestmark = pytest.mark.filterwarnings("ignore")

TABLE = pw.ClassTable(("rest", "cat", "dog"))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def picture(k: int) -> np.ndarray:
    return np.random.default_rng(k).integers(0, 256, (9 + k, 7, 3), np.uint8)


def values(k: int, kinds: Any = (0, 1, 2, 255)) -> np.ndarray:
    return np.random.default_rng(k).choice(np.array(kinds, np.uint8), (9 + k, 7))


def made(label: Any = None, feature: Any = None, n: int = 3, **more: Any) -> Any:
    """A dataset of pictures in memory, with a column of labels called mask."""
    columns = {"image": [Image.fromarray(picture(k)) for k in range(n)]}
    columns["mask"] = [Image.fromarray(values(k)) for k in range(n)] if label is None else label
    features = {"image": datasets.Image(), "mask": feature or datasets.Image()} | {k: f for k, (_, f) in more.items()}
    return datasets.Dataset.from_dict(columns | {k: v for k, (v, _) in more.items()}, datasets.Features(features))


def equal(one: pw.Split, other: pw.Split) -> None:
    assert list(one.names) == list(other.names)
    assert one.sizes().tolist() == other.sizes().tolist()
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.label, b.label)


def test_there_and_back_every_pixel_is_equal(tmp_path: Path) -> None:
    voc = pw.open(pw.sample(tmp_path / "voc", count=6, seed=1))
    theirs = pw.to_huggingface(voc)
    assert isinstance(theirs, datasets.DatasetDict)
    back = pw.from_huggingface(theirs)
    assert back.classes.names == voc.classes.names
    assert list(back) == list(voc)
    for name in voc:
        equal(back[name], voc[name])
        for row, sample in zip(theirs[name], voc[name], strict=True):  # as their decoder reads it
            assert np.array_equal(np.array(row["image"]), sample.image)
            assert np.array_equal(np.array(row["label"]), sample.label)
            assert row["classes"] == [i for i in np.unique(sample.label).tolist() if i != 255]
    one = pw.to_huggingface(voc["val"])
    assert isinstance(one, datasets.Dataset)
    equal(pw.from_huggingface(one)["val"], voc["val"])


def test_other_voids_and_many_classes() -> None:
    many = pw.ClassTable(tuple(map(str, range(300))), ignore_index=400)
    for table in (pw.ClassTable(("a", "b"), ignore_index=7), many):
        label = np.array([[0, 1, table.ignore_index, len(table) - 1]], np.uint16)
        split = pw.Split("train", table, pw.ArraySource([np.zeros((1, 4, 3), np.uint8)], [label], names=["a/b"]))
        back = pw.from_huggingface(pw.to_huggingface(split))["train"]
        void = 255 if len(table) < 256 else 65_535
        assert back[0].label.tolist() == [[0, 1, void, len(table) - 1]]
        assert list(back.names) == ["a/b"]


def test_saved_and_loaded_and_in_another_process(tmp_path: Path) -> None:
    split = pw.from_huggingface(made(), classes=TABLE)["train"]
    pw.to_huggingface(split).save_to_disk(str(tmp_path / "saved"))
    loaded = pw.from_huggingface(datasets.load_from_disk(str(tmp_path / "saved")))
    assert loaded.classes.names == TABLE.names
    for a, b in zip(split, loaded["train"], strict=True):
        assert np.array_equal(a.label, b.label)
    equal(pickle.loads(pickle.dumps(loaded["train"])), loaded["train"])
    loader = pw.Loader(loaded["train"], 3, [pw.RandomCrop(8, 8, pad_if_needed=True)], threads=3)
    assert next(iter(loader)).images.shape == (3, 3, 8, 8)


def test_rows_in_another_order_and_files_on_disk(tmp_path: Path) -> None:
    for k in range(3):
        Image.fromarray(picture(k)).save(tmp_path / f"p{k}.png")
    files = [str(tmp_path / f"p{k}.png") for k in range(3)]
    data = datasets.Dataset.from_dict({"image": files, "label": [Image.fromarray(values(k)) for k in range(3)]})
    data = data.cast_column("image", datasets.Image()).cast_column("label", datasets.Image()).select([2, 0])
    split = pw.from_huggingface(data, classes=TABLE)["train"]
    assert list(split.names) == ["p2", "p0"]
    for sample, k in zip(split, (2, 0), strict=True):
        assert np.array_equal(sample.image, picture(k))
        assert np.array_equal(sample.label, values(k))


def test_a_palette_is_indices() -> None:
    masks = []
    for k in range(3):
        mask = Image.fromarray(values(k), "L").convert("P")
        mask.putdata(values(k).reshape(-1).tolist())
        mask.putpalette(pw.voc_colormap(256).reshape(-1).tolist())
        masks.append(mask)
    split = pw.from_huggingface(made(masks), classes=TABLE)["train"]
    assert all(np.array_equal(sample.label, values(k)) for k, sample in enumerate(split))


@pytest.mark.parametrize("inner", ["ClassLabel", "Value"])
def test_labels_as_rows_of_integers(inner: str) -> None:
    of = datasets.ClassLabel(names=list(TABLE.names)) if inner == "ClassLabel" else datasets.Value("uint8")
    grids = [values(k, (0, 1, 2)).tolist() for k in range(3)]
    data = made(grids, datasets.List(datasets.List(of)))
    found = pw.from_huggingface(data, classes=None if inner == "ClassLabel" else TABLE.names)
    assert found.classes.names == TABLE.names
    assert all(np.array_equal(sample.label, values(k, (0, 1, 2))) for k, sample in enumerate(found["train"]))


def test_class_names_are_found_or_asked_for() -> None:
    names = datasets.List(datasets.ClassLabel(names=["x", "y", "z"]))
    assert pw.from_huggingface(made(kinds=([[0]] * 3, names))).classes.names == ("x", "y", "z")
    scene = datasets.ClassLabel(names=["street", "room"])  # of whole images: not what the pixels are
    for data in (made(), made(scene=([0] * 3, scene)), made(a=([[0]] * 3, names), b=([[0]] * 3, names))):
        with pytest.raises(pw.DataError, match="nothing says what the label values mean") as caught:
            pw.from_huggingface(data)
        assert caught.value.code == "no-class-table"
    odd = made([Image.fromarray(values(k, (0, 5))) for k in range(3)])
    for id2label in ({0: "rest", 5: "cat"}, {"0": "rest", "5": "cat"}):
        found = pw.from_huggingface(odd, classes=id2label)
        assert found.classes.names == ("rest", "cat")
        assert np.array_equal(found["train"][1].label, values(1, (0, 5)) // 5)
    with pytest.raises(pw.DataError, match="value 5 is not a class"):
        pw.from_huggingface(odd, classes=TABLE)["train"][0]


def test_splits_by_their_names() -> None:
    data = datasets.DatasetDict({"train": made(), "validation": made(n=1)})
    assert list(pw.from_huggingface(data, classes=TABLE)) == ["train", "val"]
    both = datasets.DatasetDict({"val": made(), "validation": made(n=1)})
    assert [len(s) for s in pw.from_huggingface(both, classes=TABLE).values()] == [3, 1]


@pytest.mark.parametrize("first", ["train", "test"])
def test_a_split_without_labels_there_and_back(first: str) -> None:
    images = [picture(k) for k in range(2)]
    splits = {"train": pw.Split("train", TABLE, pw.ArraySource(images, [values(k) for k in range(2)])),
              "test": pw.Split("test", TABLE, pw.ArraySource(images))}  # fmt: skip
    theirs = {name: pw.to_huggingface(splits[name]) for name in sorted(splits, reverse=first == "train")}
    back = pw.from_huggingface(datasets.DatasetDict(theirs))
    assert (next(iter(back)), back["test"].has_labels) == (first, False)
    assert [np.array_equal(s.image, i) for s, i in zip(back["test"], images, strict=True)] == [True, True]
    assert [np.array_equal(s.label, values(k)) for k, s in enumerate(back["train"])] == [True, True]
    other = theirs["train"].rename_column("label", "mask")  # not without labels: they are elsewhere
    with pytest.raises(pw.DataError, match="the split 'test' has no column 'label'"):
        pw.from_huggingface(datasets.DatasetDict({"train": theirs["train"], "test": other}))


def test_what_is_wrong_is_said() -> None:
    data = made(text=(["a"] * 3, datasets.Value("string")))
    none = data.remove_columns(["image", "mask"])
    for call, code in (
        (lambda: pw.from_huggingface(data.to_iterable_dataset()), "bad-argument"),
        (lambda: pw.from_huggingface("cats"), "bad-argument"),
        (lambda: pw.from_huggingface(datasets.DatasetDict()), "bad-argument"),
        (lambda: pw.from_huggingface(data, image="imag"), "unknown-column"),
        (lambda: pw.from_huggingface(data, label="msk"), "unknown-column"),
        (lambda: pw.from_huggingface(data, label="text"), "bad-argument"),
        (lambda: pw.from_huggingface(data, image="text"), "bad-argument"),
        (lambda: pw.from_huggingface(none, classes=TABLE), "no-dataset"),
        (lambda: pw.to_huggingface(pw.Split("a b-c", TABLE, pw.ArraySource([picture(0)], [values(0)]))), "bad-name"),
    ):
        with pytest.raises(pw.PixelwiseError) as caught:
            call()
        assert caught.value.code == code, caught.value
    empty = made([None, *[Image.fromarray(values(k)) for k in (1, 2)]])
    with pytest.raises(pw.DataError) as caught:
        pw.from_huggingface(empty, classes=TABLE)["train"][0]
    assert (caught.value.code, caught.value.where) == ("missing-file", "row 0")


def turned(folder: Path) -> pw.Dataset:
    """One image whose EXIF asks readers to turn it."""
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    for k in range(2):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(picture(k)).save(folder / f"images/{k}.jpg", quality=90, **({"exif": exif} if k else {}))
        Image.fromarray(values(k, (0, 1, 2))).save(folder / f"masks/{k}.png")
    (folder / "classes.txt").write_text("rest\ncat\ndog\n")
    return pw.open(folder)


@pytest.mark.parametrize("to", ["memory", "huggingface", "huggingface-imagefolder"])
def test_an_image_that_their_reader_turns_fits_its_label(to: Any, tmp_path: Path) -> None:
    data = turned(tmp_path / "data")
    (name,) = data
    if to == "memory":
        theirs = pw.to_huggingface(data)[name]
        rows = [(row["image"], row["label"]) for row in theirs]
        kinds = [Image.open(io.BytesIO(r["image"]["bytes"])).format
                 for r in theirs.cast_column("image", datasets.Image(decode=False))]  # fmt: skip
        assert kinds == ["JPEG", "PNG"]
    else:
        root = pw.convert(data, tmp_path / "out", to).root
        kind = "parquet" if to == "huggingface" else "imagefolder"
        place = {"data_files": str(root / "data/*.parquet")} if to == "huggingface" else {"data_dir": str(root)}
        loaded = datasets.load_dataset(kind, split="train", cache_dir=str(tmp_path / "cache"), **place)
        rows = [(row["image"], row["label"]) for row in loaded]
    assert len(rows) == 2
    for (image, label), sample in zip(rows, data[name], strict=True):
        assert np.array_equal(np.array(image), sample.image)
        assert np.array_equal(np.array(label), sample.label)
