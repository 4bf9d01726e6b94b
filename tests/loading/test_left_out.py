"""Whatever leaves samples out says so: too small, the last batch, the ranks, a sampler, what cannot be read."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.errors import DataError, PairError, UsageError

CROPS = sorted(
    name for name in pw.__all__
    if hasattr(getattr(pw, name), "plan") and "pad_if_needed" in inspect.signature(getattr(pw, name)).parameters
)  # fmt: skip
SIZES = [(20, 40)] * 7 + [(40, 20)] * 2 + [(10, 10)]


def split_of(sizes: list[tuple[int, int]] = SIZES) -> pw.Split:
    images = [np.zeros((*size, 3), np.uint8) for size in sizes]
    return pw.Split("train", pw.VOC, pw.ArraySource(images, [np.zeros(size, np.uint8) for size in sizes]))


@dataclass(frozen=True)
class OwnCrop:
    """A crop of somebody else's, without a size that could be swapped."""

    pad_if_needed: bool = False

    def plan(self, plans: pw.Plans, uniform: Any) -> None:
        """Keep 20 x 40 at the top left."""
        plans.small |= (plans.size < (20, 40)).any(axis=1)
        plans.window(np.zeros(len(plans), int), np.zeros(len(plans), int), 20, 40)


def test_the_crops_are_known() -> None:
    assert CROPS == ["CenterCrop", "RandomCrop"]


@pytest.mark.parametrize("before", [[], [pw.RandomHorizontalFlip()], [pw.ResizeShortest(20)], [pw.Pad(0)]], ids=str)
@pytest.mark.parametrize("name", CROPS)
def test_a_crop_that_drops_says_so_once_and_what_else_would_be(name: str, before: list[Any]) -> None:
    split = split_of() if not before else split_of([(s, t) for s, t in SIZES if min(s, t) == 20])
    transforms = [*before, getattr(pw, name)(40, 20)]
    with pytest.warns(pw.PixelwiseWarning) as said:
        loader = pw.Loader(split, 1, transforms)
    assert len(said) == 1
    assert said[0].filename == __file__  # the caller's line, not one of pixelwise
    left = len(split) - 2
    assert str(said[0].message).startswith(
        f"{left} of {len(split)} samples of 'train' are smaller than the crop of 40x20 (height x width) and left out; "
        f"with height and width swapped, 20x40 (height x width), it would be {left - 5}; "
    )
    assert 'small="pad"' in str(said[0].message)
    assert "pad_if_needed=True" in str(said[0].message)
    assert said[0].message.code == "samples-dropped"
    assert f"2 of {len(split)} samples of 'train', {left} dropped as too small; 2 batches of 1" in repr(loader)
    assert len(loader.dropped) == left
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sum(map(len, loader)) == 2
        assert repr(pw.Loader(split, 1, transforms, small="drop")) == repr(loader)
        for padded in (
            pw.Loader(split, 1, transforms, small="pad"),
            pw.Loader(split, 1, [*before, getattr(pw, name)(40, 20, pad_if_needed=True)]),
        ):
            assert sum(map(len, padded)) == len(split)
    with pytest.raises(PairError, match="swapped") as caught:
        pw.Loader(split, 1, transforms, small="error")
    assert caught.value.code == "image-too-small"


def test_the_right_order_gets_no_advice_to_swap() -> None:
    for crop in (pw.RandomCrop(20, 40), pw.CenterCrop(20, 20), OwnCrop()):
        with pytest.warns(pw.PixelwiseWarning, match="left out") as said:
            pw.Loader(split_of(), 1, [crop])
        assert "swapped" not in str(said[0].message)


@pytest.mark.parametrize("small", ["warn", "drop", "error"])
@pytest.mark.parametrize("name", CROPS)
def test_no_batch_is_an_error(name: str, small: Any) -> None:
    with pytest.raises(DataError, match=r"10 of 10 samples .*90x90 \(height x width\)") as caught:
        pw.Loader(split_of(), 1, [getattr(pw, name)(90)], small=small)
    assert caught.value.code == ("image-too-small" if small == "error" else "no-batches")
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batch_size": 11, "drop_last": True}, "10 samples of 'train' are less than one batch of 11"),
        ({"batch_size": 6, "drop_last": True, "shard": (1, 2)}, "12 .6 for each of 2 ranks."),
        ({"batch_size": 3, "drop_last": True, "transforms": [pw.RandomCrop(40, 20)], "small": "drop"}, "2 samples"),
    ],
)
def test_a_batch_larger_than_the_split_is_an_error_with_drop_last(options: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        pw.Loader(split_of(), **options)
    assert caught.value.code == "no-batches"
    assert "drop_last=False" in str(caught.value)
    assert len(pw.Loader(split_of(), **options | {"drop_last": False})) == 1


def test_repr_says_what_every_epoch_leaves_out() -> None:
    split = split_of()
    for options, says in (
        ({"batch_size": 4}, "3 batches of 4)"),
        ({"batch_size": 4, "drop_last": True}, "2 batches of 4, 2 left over in each epoch)"),
        ({"batch_size": 5, "drop_last": True}, "2 batches of 5)"),
        ({"batch_size": 3, "shard": (0, 3)}, "2 batches of 3, 2 repeated to fill the last one; rank 0 of 3 by shard)"),
        ({"batch_size": 3, "shard": (1, 3), "drop_last": True},
         "1 batches of 3, 1 left over in each epoch; rank 1 of 3 by shard)"),
        ({"batch_size": 5, "shard": (0, 2)}, "1 batches of 5; rank 0 of 2 by shard)"),
    ):  # fmt: skip
        loader = pw.Loader(split, **options)  # type: ignore[arg-type]
        assert repr(loader).endswith(says)
        ranks = [
            pw.Loader(split, **options | {"shard": (r, loader.ranks.world)})  # type: ignore[arg-type]
            for r in range(loader.ranks.world)
        ]
        real = [i for rank in ranks for b in rank for i in b.indices[b.real].tolist()]
        left = int(says.split(" left over")[0].split()[-1]) if "left over" in says else 0
        repeated = int(says.split(" repeated")[0].split()[-1]) if "repeated" in says else 0
        assert len(real) == len(set(real)) == 10 - left
        assert sum(len(b) for rank in ranks for b in rank) == 10 - left + repeated


def test_repr_says_what_a_sampler_never_draws() -> None:
    counts = np.zeros((10, 21), int)
    counts[:, 0], counts[:4, 3] = 5, 4000
    counts[0, 0] = 4000
    loader = pw.Loader(split_of(), 2, sampler=pw.RareClassSampling(counts, temperature=1.0), seed=3)
    assert repr(loader) == (
        "Loader(10 draws by RareClassSampling from 10 of 10 samples of 'train'; 5 batches of 2, 6 never drawn)"
    )
    drawn = {i for _ in range(40) for b in loader for i in b.indices.tolist()}
    assert drawn == {0, 1, 2, 3}
    repeats = pw.RepeatFactor(np.eye(10, 21, dtype=int), threshold=0.5)
    assert "22 draws by RepeatFactor from 10 of 10" in repr(pw.Loader(split_of(), 2, sampler=repeats))


def test_a_ratio_of_classes_leaves_nothing_out() -> None:
    loader = pw.Loader(split_of(), 4, [pw.RandomCrop(8, 8, max_class_ratio=0.1)])
    assert sum(map(len, loader)) == 10


def test_swapped_sides_on_voc_are_said(voc_root: Path) -> None:
    train = pw.open(voc_root)["train"]
    sizes = train.sizes()
    swapped, right = ((sizes < np.array(crop)).any(axis=1).sum() for crop in ((480, 320), (320, 480)))
    with pytest.warns(pw.PixelwiseWarning, match=f"{swapped} of {len(train)} samples.* it would be {right}; "):
        pw.Loader(train, 1, [pw.RandomCrop(480, 320)])


def test_show_plans_shows_what_a_loader_would_load() -> None:
    with pytest.warns(pw.PixelwiseWarning, match="3 of 10 samples of 'train' are smaller"):
        assert pw.show_plans(split_of(), [pw.CenterCrop(20, 40)], n=10, draws=1).size
    with pytest.raises(DataError) as caught:
        pw.show_plans(split_of(), [pw.CenterCrop(90)])
    assert caught.value.code == "no-batches"


def test_a_warning_says_it_in_one_line() -> None:
    warning = pw.PixelwiseWarning("a\nb", "c", "d")
    assert str(warning) == "a\\nb; d [c]"
    with pytest.raises(UsageError, match="small must be one of 'warn', 'drop', 'pad', 'error', got 'keep'"):
        pw.Loader(split_of(), 1, small="keep")  # type: ignore[arg-type]
