"""The loader: the same batches whatever the threads, resumable at every step, and threads that always end."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixelwise as pw
from pixelwise.dataset.sources import ArraySource
from pixelwise.dataset.splits import Split
from pixelwise.errors import FileError, PairError, UsageError
from pixelwise.loading.reference import render_plain
from pixelwise.types import Sample
from tests.support.places import REPOSITORY

TRANSFORMS = (pw.RandomCrop(5, 7, pad_if_needed=True), pw.RandomHorizontalFlip(p=0.5), pw.Normalize())


def make_split(n: int = 13, seed: int = 0, low: int = 1, high: int = 17, labels: bool = True) -> Split:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(low, high, (n, 2))
    images = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in sizes]
    truth = [rng.choice(np.array([*range(21), 255], np.uint8), (h, w)) for h, w in sizes] if labels else None
    return Split("toy", pw.VOC, ArraySource(images, truth))


def batches(loader: pw.Loader) -> list[tuple[np.ndarray, np.ndarray, list[int]]]:
    return [(b.images.copy(), b.labels.copy(), b.indices.tolist()) for b in loader]


def same(a: list[tuple[np.ndarray, np.ndarray, list[int]]], b: list[tuple[np.ndarray, np.ndarray, list[int]]]) -> bool:
    return len(a) == len(b) and all(
        x.tobytes() == u.tobytes() and y.tobytes() == v.tobytes() and i == j
        for (x, y, i), (u, v, j) in zip(a, b, strict=True)
    )


def no_threads() -> bool:
    for _ in range(100):
        if not [t for t in threading.enumerate() if t.name.startswith("pixelwise-")]:
            return True
        time.sleep(0.02)
    return False


# -- what a batch holds ---------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), st.integers(1, 5), st.booleans())
def test_batches_are_what_the_plans_say(seed: int, batch_size: int, cropped: bool) -> None:
    split = make_split(7, seed)
    loader = pw.Loader(
        split,
        batch_size,
        TRANSFORMS if cropped else (pw.RandomHorizontalFlip(), pw.Normalize()),
        shuffle=True,
        seed=seed,
    )
    seen = []
    for k, batch in enumerate(loader):
        indices, _, plans = loader._plan(0, k)
        assert batch.indices.tolist() == indices.tolist()
        seen += batch.indices.tolist()
        for n, index in enumerate(indices.tolist()):
            sample = split[index]
            image, label = render_plain(sample, plans[n], 255)
            h, w = batch.sizes[n]
            assert np.abs(batch.images[n, :, :h, :w] - image).max() < 1e-5
            assert np.array_equal(batch.labels[n, :h, :w], label)
            assert (batch.labels[n, h:] == 255).all()
            assert (batch.labels[n, :, w:] == 255).all()
            assert batch.names[n] == sample.name
    assert sorted(seen) == list(range(7))


@pytest.mark.parametrize("output", ["uint8", "uint8-hwc"])
def test_uint8_output_holds_the_pixels(output: str) -> None:
    split = make_split(4, low=9, high=12)
    batch = next(iter(pw.Loader(split, 4, [pw.RandomCrop(4, 6), pw.RandomHorizontalFlip(p=1.0)], output=output)))
    plans = pw.Loader(split, 4, [pw.RandomCrop(4, 6), pw.RandomHorizontalFlip(p=1.0)])._plan(0, 0)[2]
    for n in range(4):
        image = np.rint(render_plain(split[n], plans[n], 255)[0] * 255)
        got = batch.images[n] if output == "uint8" else batch.images[n].transpose(2, 0, 1)
        assert batch.images.dtype == np.uint8
        assert np.array_equal(got, image)


def test_float16_output_is_float32_rounded() -> None:
    whole, half = (next(iter(pw.Loader(make_split(4), 4, TRANSFORMS, output=o))).images for o in ("float32", "float16"))
    assert half.dtype == np.float16
    assert np.array_equal(half, whole.astype(np.float16))


def test_float_output_without_normalize_is_in_0_to_1() -> None:
    split = make_split(1, low=9, high=12)
    batch = next(iter(pw.Loader(split, 1)))
    assert np.allclose(batch.images[0], split[0].image.transpose(2, 0, 1) / 255, atol=1e-7)


def test_different_sizes_are_padded_and_the_sizes_given() -> None:
    split = make_split(5)
    batch = next(iter(pw.Loader(split, 5)))
    assert batch.images.shape[2:] == tuple(batch.sizes.max(axis=0))
    assert batch.sizes.tolist() == [list(s.size) for s in split]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_label_dtypes(dtype: str) -> None:
    split = make_split(3, low=6, high=8)
    wide = next(iter(pw.Loader(split, 3, label_dtype=dtype))).labels
    assert wide.dtype == dtype
    assert np.array_equal(wide, next(iter(pw.Loader(split, 3))).labels)


def test_a_split_without_labels_loads_images() -> None:
    batch = next(iter(pw.Loader(make_split(3, labels=False), 3, TRANSFORMS)))
    assert batch.labels is None


def test_16_bit_labels() -> None:
    table = pw.ClassTable(tuple(map(str, range(1000))), ignore_index=65_535)
    label = np.arange(1000, dtype=np.uint16).reshape(25, 40)
    split = Split("wide", table, ArraySource([np.zeros((25, 40, 3), np.uint8)], [label]))
    batch = next(iter(pw.Loader(split, 1, [pw.RandomHorizontalFlip(p=1.0), pw.CenterCrop(25, 44, pad_if_needed=True)])))
    assert np.array_equal(batch.labels[0, :, 2:42], label[:, ::-1])
    assert (batch.labels[0, :, :2] == 65_535).all()
    with pytest.raises(UsageError, match="uint8 cannot hold"):
        pw.Loader(split, 1, label_dtype="uint8")


# -- small images ---------------------------------------------------------------------------------------------


def test_small_images_are_dropped_and_counted() -> None:
    split = make_split(30)
    fits = [i for i, s in enumerate(split) if s.size[0] >= 5 and s.size[1] >= 7]
    with pytest.warns(pw.PixelwiseWarning, match="smaller than the crop"):
        loader = pw.Loader(split, 4, [pw.RandomCrop(5, 7)])
    assert sorted(i for b in loader for i in b.indices.tolist()) == fits
    assert len(loader.dropped) == 30 - len(fits) > 0
    assert f"{len(fits)} of 30 samples" in repr(loader)


def test_small_images_are_padded_or_refused_on_demand() -> None:
    split = make_split(30)
    assert sum(len(b) for b in pw.Loader(split, 4, [pw.RandomCrop(5, 7)], small="pad")) == 30
    with pytest.raises(PairError, match="smaller than the crop"):
        pw.Loader(split, 4, [pw.RandomCrop(5, 7)], small="error")


# -- the same batches, always ---------------------------------------------------------------------------------


def test_threads_do_not_change_a_byte() -> None:
    runs = [batches(pw.Loader(make_split(), 3, TRANSFORMS, shuffle=True, seed=9, threads=t, prefetch=p))
            for t, p in ((1, 1), (2, 2), (8, 5))]  # fmt: skip
    assert same(runs[0], runs[1])
    assert same(runs[0], runs[2])


def test_seeds_and_epochs_differ() -> None:
    loader = pw.Loader(make_split(), 3, TRANSFORMS, shuffle=True, seed=9)
    first, second = batches(loader), batches(loader)
    assert not same(first, second)
    assert not same(first, batches(pw.Loader(make_split(), 3, TRANSFORMS, shuffle=True, seed=10)))
    assert sorted(i for _, _, k in second for i in k) == list(range(13))


@pytest.mark.parametrize(
    "options",
    [{"shuffle": True}, {"drop_last": True}, {"shuffle": True, "threads": 5},
     {"sampler": pw.RareClassSampling(np.arange(13 * 21).reshape(13, 21))},
     {"sampler": pw.RepeatFactor(np.eye(13, 21, dtype=int), threshold=0.5), "shuffle": True}],
)  # fmt: skip
def test_resuming_at_every_batch_gives_exactly_the_rest(options: dict[str, object]) -> None:
    whole = pw.Loader(make_split(), 3, TRANSFORMS, seed=1, **options)
    all_batches = batches(whole) + batches(whole)
    for stop in range(len(all_batches)):
        loader = pw.Loader(make_split(), 3, TRANSFORMS, seed=1, **options)
        left = stop
        while left > 0:  # consume `stop` batches, over the end of an epoch where need be
            for _ in loader:
                left -= 1
                if left == 0:
                    break
        resumed = pw.Loader(make_split(), 3, TRANSFORMS, seed=1, **{**options, "threads": 1})
        resumed.load_state_dict(loader.state_dict())
        rest = batches(resumed)
        if stop < len(whole):
            rest += batches(resumed)
        assert same(rest, all_batches[stop:]), stop


def test_resuming_under_another_world_gives_the_same_samples() -> None:
    split = make_split(29)

    def ranks(world: int) -> list[pw.Loader]:
        return [
            pw.Loader(split, 8 // world, TRANSFORMS, shuffle=True, seed=4, shard=(r, world), threads=1 + r % 2)
            for r in range(world)
        ]

    alone = pw.Loader(split, 8, TRANSFORMS, shuffle=True, seed=4)
    whole = [(b.indices, b.images.copy()) for b in alone]
    for there in (1, 2, 4, 8):
        stopped = ranks(there)[-1]
        for stop, _ in enumerate(stopped, 1):
            state = stopped.state_dict()
            if stop == len(whole):
                break
            for world in (1, 2, 4, 8):
                others = ranks(world)
                for rank in others:
                    rank.load_state_dict(state)
                for (indices, images), *parts in zip(whole[stop:], *others, strict=True):
                    real = np.concatenate([p.real for p in parts])
                    assert np.array_equal(np.concatenate([p.indices for p in parts])[real], indices)
                    assert np.array_equal(np.concatenate([p.images for p in parts])[real], images)


def test_a_state_of_another_loader_is_refused_with_the_difference() -> None:
    state = pw.Loader(make_split(), 3, TRANSFORMS).state_dict()
    for other, difference in (
        (pw.Loader(make_split(), 3, TRANSFORMS, seed=1), "seed 0 there, seed 1 here"),
        (pw.Loader(make_split(), 4, TRANSFORMS), "global batch 3 there, global batch 4 here"),
        (pw.Loader(make_split(12), 3, TRANSFORMS), "samples 13 there, samples 12 here"),
        (pw.Loader(make_split(), 3, TRANSFORMS[:1]), "transforms"),
    ):
        with pytest.raises(UsageError, match=difference):
            other.load_state_dict(state)


@pytest.mark.parametrize(
    "wrong",
    [{"batch": 6}, {"batch": -1}, {"batch": "1"}, {"batch": 1.5}, {"batch": None}, {"epoch": -1}, {"epoch": 1 << 32}],
)
def test_a_state_that_is_no_position_is_refused(wrong: dict[str, object]) -> None:
    loader = pw.Loader(make_split(), 3, TRANSFORMS)
    with pytest.raises(UsageError, match=next(iter(wrong))):
        loader.load_state_dict({**loader.state_dict(), **wrong})
    assert len(batches(loader)) == 5


def test_a_state_after_the_last_batch_is_the_next_epoch() -> None:
    loader, other = (pw.Loader(make_split(), 3, TRANSFORMS, shuffle=True) for _ in range(2))
    list(loader)
    other.load_state_dict({**loader.state_dict(), "epoch": 0, "batch": 5})
    assert same(batches(loader), batches(other))


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"small": "pad"}, {"sampler": True}])
def test_nothing_to_load_is_an_error(options: dict[str, object]) -> None:
    empty = make_split()[:0]
    if options.pop("sampler", None):
        options["sampler"] = pw.RepeatFactor(np.ones((0, 21), int))
    with pytest.raises(pw.DataError, match="is empty") as caught:
        pw.Loader(empty, 2, TRANSFORMS, **options)  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.exit_code) == ("no-batches", 1)


@pytest.mark.parametrize("view", [np.s_[::-1], np.s_[:, ::-1], np.s_[::2, ::3]])
@pytest.mark.parametrize("output", ["float32", "float16", "float32-hwc", "uint8", "uint8-hwc"])
@pytest.mark.parametrize("crop", [pw.RandomCrop(8, 9), pw.RandomAffine(30)])
def test_arrays_need_not_be_contiguous(view: tuple[slice, ...], output: str, crop: pw.Transform) -> None:
    rng = np.random.default_rng(0)
    image, label = rng.integers(0, 256, (40, 60, 3), np.uint8)[view], rng.integers(0, 21, (40, 60), np.uint16)[view]

    def load(image: np.ndarray, label: np.ndarray) -> pw.Batch:
        source = ArraySource([image], [label])
        return next(iter(pw.Loader(Split("s", pw.VOC, source), 1, [crop], output=output)))  # type: ignore[arg-type]

    got, plain = load(image, label), load(np.ascontiguousarray(image), np.ascontiguousarray(label))
    assert np.array_equal(got.images, plain.images)
    assert np.array_equal(got.labels, plain.labels)


# -- ends -----------------------------------------------------------------------------------------------------


def test_threads_end_however_the_iteration_ends() -> None:
    loader = pw.Loader(make_split(40), 2, TRANSFORMS, threads=3)
    for _ in loader:
        break
    gc.collect()
    assert no_threads()
    iterator = iter(loader)
    next(iterator)
    del iterator
    gc.collect()
    assert no_threads()
    with pytest.raises(KeyError):
        for _ in loader:
            raise KeyError("from the user's loop")
    gc.collect()
    assert no_threads()
    assert len(list(loader)) == len(loader)
    assert no_threads()


def test_two_iterations_at_once_do_not_disturb_each_other() -> None:
    a, b = (pw.Loader(make_split(), 3, TRANSFORMS, shuffle=True, seed=s) for s in (1, 2))
    alone = batches(pw.Loader(make_split(), 3, TRANSFORMS, shuffle=True, seed=2))
    mixed = [(y.images.copy(), y.labels.copy(), y.indices.tolist()) for _, y in zip(a, b, strict=True)]
    assert same(mixed, alone)
    twice = [(x.epoch, len(list(x))) for x in (a, a)]
    assert twice[0][1] == twice[1][1] == len(a)


class Faulty(ArraySource):
    """Fails at one sample, as a damaged file would."""

    def __init__(self, inner: ArraySource, at: int, error: Exception) -> None:
        super().__init__(inner.images, inner.labels)
        self.at, self.error = at, error

    def read(self, index: int, *args: object, **options: object) -> Sample:
        if index == self.at:
            raise self.error
        return super().read(index, *args, **options)


@pytest.mark.parametrize("error", [FileError("cut off", code="truncated", where="x/7.jpg"), ZeroDivisionError("odd")])
def test_an_error_keeps_its_type_and_names_the_sample(error: Exception) -> None:
    split = make_split()
    loader = pw.Loader(Split("toy", pw.VOC, Faulty(split.source, 7, error)), 3, TRANSFORMS, threads=3)
    with pytest.raises(type(error)) as caught:
        list(loader)
    assert "'7'" in str(caught.value) + "".join(caught.value.__notes__)
    assert no_threads()


def test_damaged_samples_are_skipped_on_demand_and_named() -> None:
    error = FileError("cut off", code="truncated", where="x/7.jpg")
    loader = pw.Loader(Split("toy", pw.VOC, Faulty(make_split().source, 7, error)), 3, TRANSFORMS, on_error="skip")
    with pytest.warns(pw.PixelwiseWarning, match=r"1 of 13 samples of 'toy' could not be read and were skipped: '7'"):
        real = np.concatenate([b.real for b in loader])
    assert np.flatnonzero(~real).tolist() == [7]
    assert [name for name, _ in loader.skipped] == ["7"]
    with pytest.warns(pw.PixelwiseWarning, match="skipped"):  # in each epoch, and only of that epoch
        batch = list(loader)[2]
    assert (batch.labels[1] == 255).all()


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_at_once_and_cleanly(tmp_path: Path) -> None:
    code = (
        "import signal, sys; sys.path[:0] = ['tests', 'tests/loading']\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell ignores it for its background jobs
        "from test_loader import *\n"
        "loader = pw.Loader(make_split(50), 2, TRANSFORMS, threads=3)\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        "    for b in loader: pass\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert "KeyboardInterrupt" in errors
    assert process.returncode in (1, -signal.SIGINT, 130)


# -- memory ---------------------------------------------------------------------------------------------------


def test_memory_comes_back_only_when_nobody_looks_into_it() -> None:
    loader = pw.Loader(make_split(60, low=9, high=10), 2, [pw.CenterCrop(8, 8)])
    kept = [b.images[0, 0] for b in loader]  # views of views
    copies = [v.copy() for v in kept]
    list(loader)
    assert all(np.array_equal(a, b) for a, b in zip(kept, copies, strict=True))


def test_memory_is_reused() -> None:
    loader = pw.Loader(make_split(60, low=9, high=10), 2, [pw.CenterCrop(8, 8)])
    addresses = set()
    for batch in loader:
        addresses.add(batch.images.__array_interface__["data"][0])
        del batch
    assert len(addresses) <= loader.prefetch + 3


# -- wrong calls ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 0}, {"batch_size": 2.5}, {"threads": 0}, {"shard": (2, 2)}, {"small": "keep"}, {"output": "int8"},
     {"transforms": [print]}, {"seed": -1}, {"prefetch": 0}, {"transforms": pw.Normalize()}, {"transforms": None},
     {"transforms": [pw.Normalize]}, {"shard": 3}, {"shard": (0, 1.5)}, {"shard": (0,)}, {"fill": (300, 0, 0)},
     {"fill": (1, 2)}, {"fill": "red"}, {"sampler": "rare"}, {"sampler": pw.RepeatFactor},
     {"sampler": pw.RepeatFactor(np.ones((13, 22), int))}, {"sampler": pw.RareClassSampling(np.ones((12, 21), int))}],
)  # fmt: skip
def test_wrong_options_are_refused_at_once(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        pw.Loader(make_split(), **{"batch_size": 2, **options})  # type: ignore[arg-type]


def test_timing_names_the_slow_stage() -> None:
    loader = pw.Loader(make_split(40), 2, TRANSFORMS)
    list(loader)
    timing = loader.timing()
    assert (timing.batches, timing.samples) == (20, 40)
    assert timing.slowest in ("reading", "decoding", "rendering", "nothing")
    assert timing.rendering > 0
