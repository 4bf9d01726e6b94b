"""Laws that hold for every prediction: parts make the whole, order and names of classes do not matter, and so on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pixelwise.kernels.count import count_pairs
from pixelwise.metrics.confusion import Confusion
from pixelwise.metrics.counting import add_counts
from pixelwise.metrics.protocols import PROTOCOLS

PLAIN = [name for name, rule in PROTOCOLS.items() if rule.void == "left out" and rule.background == "averaged"]
"""The protocols that leave void out and know no background."""


@st.composite
def label_pairs(draw: st.DrawFn, most_classes: int = 6) -> tuple[int, np.ndarray, np.ndarray]:
    """(classes, prediction, truth): flat in places, as labels are, and with some void."""
    classes = draw(st.integers(1, most_classes))
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))
    seed = draw(st.integers(0, 2**32 - 1))
    flat = draw(st.integers(1, 20))
    rng = np.random.default_rng(seed)
    truth, prediction = (
        np.repeat(rng.integers(0, classes, -(-shape[0] * shape[1] // flat)), flat)[: shape[0] * shape[1]]
        for _ in range(2)
    )
    agree = rng.random(truth.size) < draw(st.floats(0, 1))
    prediction = np.where(agree, truth, prediction)
    truth = np.where(rng.random(truth.size) < draw(st.sampled_from([0, 0.2])), 255, truth)
    truth[0] = 0  # at least one pixel is scored
    return classes, prediction.astype(np.uint8).reshape(shape), truth.astype(np.uint8).reshape(shape)


def scored(confusion: Confusion) -> dict[str, dict[str, Any]]:
    return {name: confusion.scores(name).to_dict() for name in PROTOCOLS if not PROTOCOLS[name].over_images}


@settings(max_examples=60, deadline=None)
@given(label_pairs(), st.data())
def test_parts_make_the_whole(case: tuple[int, np.ndarray, np.ndarray], data: st.DataObject) -> None:
    classes, prediction, truth = case
    whole = Confusion(classes).update(prediction, truth)
    cut = data.draw(st.integers(0, len(truth)))
    upper = Confusion(classes).update(prediction[:cut], truth[:cut])
    lower = Confusion(classes).update(prediction[cut:], truth[cut:])
    assert upper + lower == whole
    assert lower + upper == whole
    upper += lower
    assert upper == whole
    assert Confusion(classes) + whole == whole
    assert Confusion.from_dict(whole.to_dict()) == whole


@settings(max_examples=60, deadline=None)
@given(label_pairs(), st.data())
def test_permuted_classes_permute_the_scores(case: tuple[int, np.ndarray, np.ndarray], data: st.DataObject) -> None:
    classes, prediction, truth = case
    order = np.array(data.draw(st.permutations(range(classes))))
    renamed = np.concatenate([order, np.arange(classes, 256)]).astype(np.uint8)
    before = Confusion(classes, per_image=True).update(prediction, truth)
    after = Confusion(classes, per_image=True).update(renamed[prediction], renamed[truth])
    for name in PLAIN:
        a, b = before.scores(name), after.scores(name)
        assert b.miou == pytest.approx(a.miou, abs=1e-14)
        assert b.pixel_accuracy == a.pixel_accuracy
        for field in ("iou", "accuracy", "precision", "dice", "counted"):
            assert np.array_equal(getattr(b, field)[order], getattr(a, field), equal_nan=field != "counted")


@settings(max_examples=40, deadline=None)
@given(label_pairs())
def test_the_truth_scores_one(case: tuple[int, np.ndarray, np.ndarray]) -> None:
    classes, _, truth = case
    perfect = np.where(truth == 255, 0, truth)
    confusion = Confusion(classes, per_image=True).update(perfect, truth)
    for name in PLAIN:
        scores = confusion.scores(name)
        assert scores.pixel_accuracy == 1
        assert (scores.iou[np.unique(truth[truth != 255])] == 1).all()
        if name != "ade20k":  # a class that is nowhere counts 0
            assert scores.miou == scores.mean_accuracy == scores.mean_dice == 1
        else:
            assert scores.miou == pytest.approx(len(np.unique(truth[truth != 255])) / classes)


@settings(max_examples=60, deadline=None)
@given(label_pairs())
def test_scores_lie_in_their_order(case: tuple[int, np.ndarray, np.ndarray]) -> None:
    classes, prediction, truth = case
    confusion = Confusion(classes, per_image=True).update(prediction, truth)
    for name in PROTOCOLS:
        scores = confusion.scores(name)
        known = ~np.isnan(scores.iou)
        assert (scores.iou[known] >= 0).all()
        assert (scores.iou[known] <= scores.dice[known] + 1e-15).all()
        assert np.allclose(scores.dice[known], 2 * scores.iou[known] / (1 + scores.iou[known]))
        assert np.isnan(scores.miou) or 0 <= scores.miou <= scores.mean_dice <= 1 + 1e-15
        assert not (scores.counted & ~known).any()
    assert confusion.scores("mmseg").miou <= confusion.scores("detectron2").miou + 1e-15
    assert confusion.scores("ade20k").miou <= confusion.scores("mmseg").miou + 1e-15
    assert confusion.scores("per-image-union").miou == pytest.approx(confusion.scores("mmseg").miou), "one image"


@settings(max_examples=40, deadline=None)
@given(label_pairs(), st.integers(0, 2**32 - 1))
def test_void_predictions_do_not_matter(case: tuple[int, np.ndarray, np.ndarray], seed: int) -> None:
    classes, prediction, truth = case
    other = np.random.default_rng(seed).integers(0, classes, truth.shape)
    changed = np.where(truth == 255, other, prediction)
    a = Confusion(classes, per_image=True).update(prediction, truth)
    b = Confusion(classes, per_image=True).update(changed, truth)
    assert np.array_equal(a.matrix, b.matrix)
    for name in PLAIN:
        assert a.scores(name).to_dict() == b.scores(name).to_dict()


@settings(max_examples=40, deadline=None)
@given(st.lists(label_pairs(1), min_size=1, max_size=6), st.data())
def test_order_and_threads_do_not_matter(cases: list[Any], data: st.DataObject) -> None:
    classes = 5
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    pairs = [(rng.integers(0, classes, t.shape), np.where(t == 255, 255, rng.integers(0, classes, t.shape)))
             for _, _, t in cases]  # fmt: skip
    first, second = Confusion(classes, per_image=True), Confusion(classes, per_image=True)
    for i, (prediction, truth) in enumerate(pairs):
        first.update(prediction, truth, names=str(i))
    order = data.draw(st.permutations(range(len(pairs))))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda i: second.update(*pairs[i], names=str(i)), order))
    assert np.array_equal(first.counts, second.counts)
    by_name = dict(zip(second.images.names, second.images.totals, strict=True))
    for name, totals in zip(first.images.names, first.images.totals, strict=True):
        assert np.array_equal(by_name[name], totals)


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(2, 9), st.integers(1, 9), st.integers(1, 9)),
        elements=st.sampled_from([-np.inf, -2.5, -0.0, 0.0, 1.0, 3.0, np.inf]),
    )
)
def test_logits_are_their_argmax(logits: np.ndarray) -> None:
    truth = np.zeros(logits.shape[1:], np.uint8)
    from_logits = Confusion(len(logits)).update(logits, truth)
    assert from_logits == Confusion(len(logits)).update(logits.argmax(axis=0), truth)


@settings(max_examples=80, deadline=None)
@given(
    classes=st.sampled_from([1, 2, 21, 254, 255]),
    ignore=st.sampled_from([None, 255, -1, 1000]),
    dtypes=st.tuples(*[st.sampled_from([np.uint8, np.uint16, np.int64])] * 2),
    n=st.integers(0, 200),
    flat=st.integers(1, 40),
    start=st.integers(0, 9),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_fast_kernel_counts_as_the_plain_one(
    classes: int, ignore: int | None, dtypes: tuple[Any, Any], n: int, flat: int, start: int, seed: int
) -> None:
    """Any values at all, also truth that is no class, runs of any length, starting at any address."""
    rng = np.random.default_rng(seed)
    arrays = []
    for dtype in dtypes:
        low, high = (-5, 70_000) if dtype == np.int64 else (0, np.iinfo(dtype).max)
        near = np.array([0, 1, classes - 1, classes, 254, 255], np.int64)
        values = np.where(rng.random(n) < 0.7, rng.choice(near, n), rng.integers(low, high + 1, n))
        arrays.append(np.repeat(values, flat)[start:].astype(dtype))
    prediction, truth = (np.concatenate([a[:1], a])[1:] for a in arrays)
    fast, plain = (np.zeros((classes + 2, classes + 1), np.int64) for _ in range(2))
    add_counts(prediction, truth, classes, ignore, fast)
    count_pairs(prediction, truth, classes, ignore is not None, ignore or 0, plain)
    assert np.array_equal(fast, plain)
    assert fast.sum() == len(truth)
