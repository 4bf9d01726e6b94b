"""Datasets made from datasets: labels as NumPy would change them, nothing read before it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixelwise as pw
from pixelwise.classes import ClassTable
from pixelwise.dataset.dataset import Dataset, concat
from pixelwise.dataset.sources import ArraySource
from pixelwise.dataset.splits import Split, Splits
from pixelwise.errors import UnknownNameError, UsageError

NAMES = ("background", "car", "bus", "tree", "person")


class Counting(ArraySource):
    """Counts what is read."""

    reads = 0

    def read(self, *args: Any, **options: Any) -> Any:
        Counting.reads += 1
        return super().read(*args, **options)


def made(
    counts: dict[str, int], names: Sequence[str] = NAMES, root: str = "set", void: int | None = 255, seed: int = 0
) -> Dataset:
    rng = np.random.default_rng(seed)
    table = ClassTable(tuple(names), ignore_index=void)
    allowed = [*range(len(names)), *([] if void is None else [void])]
    splits = {}
    for split, count in counts.items():
        images = [rng.integers(0, 256, (6, 7, 3), np.uint8) for _ in range(count)]
        labels = [rng.choice(allowed, (6, 7)).astype(np.uint8) for _ in range(count)]
        source = Counting(images, labels, [f"{split}{i:02d}" for i in range(count)])
        splits[split] = Split(split, table, source)
    return Dataset(Path(root), "arrays", table, Splits({n: (lambda s=s: s) for n, s in splits.items()}))


def test_remap_gives_new_ids_colors_and_void_and_reads_nothing_before() -> None:
    old = made({"train": 3})
    Counting.reads = 0
    new = old.remap({"bus": "car", "person": None})
    assert Counting.reads == 0
    assert new.classes.names == ("background", "car", "tree")
    assert new.classes.colors.tolist() == old.classes.colors[[0, 1, 3]].tolist()
    lut = np.full(256, 255)
    lut[:5] = [0, 1, 1, 2, 255]
    for a, b in zip(old["train"], new["train"], strict=True):
        assert np.array_equal(b.label, lut[a.label])
        assert np.array_equal(b.image, a.image)
        assert b.label.dtype == np.uint8
    part = new["train"].read(1, pw.Window(1, 2, 4, 6))
    assert np.array_equal(part.label, new["train"][1].label[1:4, 2:6])
    assert new.history == ("classes remapped: bus -> car, person -> void (3 classes)",)


def test_remap_to_a_table_of_another_order() -> None:
    old = made({"train": 2})
    table = ClassTable(("person", "vehicle", "background", "sky"))
    new = old.remap({"car": "vehicle", "bus": "vehicle", "tree": None}, table)
    lut = np.full(256, 255)
    lut[:5] = [2, 1, 1, 255, 0]
    assert new.classes is table
    assert np.array_equal(new["train"][0].label, lut[old["train"][0].label])
    by_names = old.remap({"car": "vehicle", "bus": "vehicle", "tree": None}, table.names)
    assert np.array_equal(by_names["train"][0].label, new["train"][0].label)


def test_classes_are_never_lost_in_silence() -> None:
    old = made({"train": 1})
    with pytest.raises(UsageError, match="'tree' has no place in the new table") as caught:
        old.remap({"car": "vehicle", "bus": "vehicle"}, ["background", "vehicle", "person"])
    assert caught.value.code == "unmapped-class"
    with pytest.raises(UnknownNameError, match="no class named 'tram'"):
        old.remap({"tram": "bus"})
    with pytest.raises(UsageError, match="no void"):
        old.remap({}, ClassTable(NAMES, ignore_index=None))


def test_merge_and_subset_of_classes() -> None:
    old = made({"train": 2})
    merged = old.merge_classes({"vehicle": ["car", "bus"]})
    assert merged.classes.names == ("background", "vehicle", "tree", "person")
    into = old.merge_classes({"car": ["bus"]})
    assert into.classes.names == ("background", "car", "tree", "person")
    assert np.array_equal(into["train"][0].label, merged["train"][0].label)
    kept = old.subset(classes=["tree", "car"])
    assert old.subset(classes="car").classes.names == ("car",)
    assert kept.classes.names == ("tree", "car")
    lut = np.full(256, 255)
    lut[[3, 1]] = [0, 1]
    assert np.array_equal(kept["train"][1].label, lut[old["train"][1].label])
    assert kept.history == ("classes kept: tree, car",)
    with pytest.raises(UsageError, match="merged twice"):
        old.merge_classes({"a": ["car"], "b": ["car"]})


def test_a_dataset_without_void_gets_one_when_classes_are_dropped() -> None:
    kept = made({"train": 1}, void=None).subset(classes=["car"])
    assert kept.classes.ignore_index == 255


def test_subset_of_names_keeps_the_order_and_names_what_is_missing() -> None:
    old = made({"train": 4, "val": 2})
    assert list(old.subset(names="val01")["val"].names) == ["val01"]
    new = old.subset(names=["val01", "train03", "train00"])
    assert {s: list(new[s].names) for s in new.splits} == {"train": ["train00", "train03"], "val": ["val01"]}
    assert np.array_equal(new["train"][1].label, old["train"][3].label)
    with pytest.raises(UnknownNameError, match="1 of 2 names are in no split, such as 'train09'"):
        old.subset(names=["train00", "train09"])


@given(st.integers(1, 60), st.integers(0, 5), st.integers(0, 100))
def test_splits_are_disjoint_complete_of_the_right_size_and_repeatable(count: int, seed: int, percent: int) -> None:
    old = made({"all": count})
    ratios = {"train": percent / 100, "val": 1 - percent / 100}
    one, two = old.split(ratios, seed), old.split(ratios, seed)
    parts = {s: list(one[s].names) for s in one.splits}
    assert {s: list(two[s].names) for s in two.splits} == parts
    assert sorted(n for own in parts.values() for n in own) == list(old["all"].names)
    assert abs(len(parts["train"]) - count * percent / 100) <= 0.5 + 1e-9
    assert parts["train"] == sorted(parts["train"])


def test_a_split_is_decided_by_name_and_seed_only() -> None:
    # Golden: SHA-256 of "0\0all00" and so on; a change would move the samples of every user.
    ten = made({"all": 10}).split({"train": 0.7, "val": 0.3})
    assert list(ten["val"].names) == GOLDEN
    assert list(made({"all": 10}).split({"train": 0.7, "val": 0.3}, seed=1)["val"].names) != GOLDEN
    more = made({"all": 12}).split({"train": 0.7, "val": 0.3})
    assert len(set(GOLDEN) - set(more["val"].names)) <= 2


GOLDEN = ["all01", "all07", "all08"]


def test_groups_stay_together_and_other_splits_stay() -> None:
    old = made({"train": 40, "test": 2})
    new = old.split({"fit": 0.5, "val": 0.5}, of="train", group=lambda name: name[:6])
    assert list(new.splits) == ["fit", "val", "test"]
    assert not {n[:6] for n in new["fit"].names} & {n[:6] for n in new["val"].names}
    with pytest.raises(UsageError, match="several splits: train, test"):
        old.split({"a": 1})
    with pytest.raises(UsageError, match="already"):
        old.split({"train": 0.5, "test": 0.5}, of="train")
    with pytest.raises(UsageError, match="add up to 1"):
        old.split({"a": 0.5, "b": 0.6}, of="train")


def test_concat_under_one_table_of_names() -> None:
    a = made({"train": 3, "val": 1}, root="first")
    b = made({"train": 2}, ("tree", "car"), root="second", seed=9)
    joined = concat([a.remap({"bus": "car"}), b], classes=["background", "tree", "car", "person"])
    assert {s: len(joined[s]) for s in joined.splits} == {"train": 5, "val": 1}
    assert joined["train"].names == ["0-first/train00", "0-first/train01", "0-first/train02",
                                     "1-second/train00", "1-second/train01"]  # fmt: skip
    lut = np.full(256, 255)
    lut[:2] = [1, 2]
    assert np.array_equal(joined["train"][4].label, lut[b["train"][1].label])
    assert np.array_equal(joined["train"][4].image, b["train"][1].image)
    assert joined["train"].sizes(np.array([4, 0])).tolist() == [[6, 7], [6, 7]]
    assert joined["val"].names == ["val00"]
    assert joined.history == (
        "first: classes remapped: bus -> car (4 classes)", "2 datasets joined: first, second",
    )  # fmt: skip
    batch = next(iter(pw.Loader(joined["train"], batch_size=5, transforms=[pw.CenterCrop(4, 4)], threads=2)))
    assert np.array_equal(batch.labels[3], joined["train"][3].label[1:5, 1:5])


def test_concat_needs_a_table_where_the_classes_differ() -> None:
    a, b = made({"train": 1}), made({"train": 1}, ("car", "bus"), root="other")
    with pytest.raises(UsageError, match="5 classes, other has 2 others"):
        concat([a, b])
    with pytest.raises(UsageError, match="'background' has no place"):
        concat([a, b], classes=["car", "bus", "tree", "person"])
    assert len(concat([a, a])["train"]) == 2


class Bare:
    """The least that a Split reads from: no base class, no origin, and a `read` with the arguments of its own."""

    names = ("a", "b")
    has_labels = True

    def __len__(self) -> int:
        return 2

    def sizes(self, indices: Any = None) -> Any:
        return np.full((2 if indices is None else len(indices), 2), (6, 7))

    def read(self, index: int, window: Any = None, *, clock: Any = None, notes: Any = None) -> pw.Sample:
        if clock is not None:
            clock.start()
        sample = pw.Sample(self.names[index], np.full((6, 7, 3), index, np.uint8), np.full((6, 7), index, np.uint8))
        return sample if window is None else sample.cut(window)


def test_a_source_of_ones_own_needs_no_base_class(tmp_path: Path) -> None:
    split = Split("train", pw.VOC, Bare())  # type: ignore[arg-type]
    dataset = Dataset(tmp_path, "own", pw.VOC, Splits({"train": lambda: split}))
    assert repr(split) == "Split('train': 2 samples, 21 classes, Bare)"
    assert [int(s.label[0, 0]) for s in concat([dataset, dataset])["train"]] == [0, 1, 0, 1]
    batch = next(iter(pw.Loader(split, 2, [pw.CenterCrop(4, 4)])))
    assert batch.labels[:, 0, 0].tolist() == [0, 1]
    assert pw.check(dataset).errors == ()
    assert pw.stats(dataset).pixels[:2].tolist() == [42, 42]
    assert list(pw.pack(dataset, tmp_path / "a.pack")["train"]) == list(split)
