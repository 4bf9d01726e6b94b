"""Predicting whole images: tiles equal the whole, at the image's size, resumable, in bounded memory."""

from __future__ import annotations

import json
import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.classes import ClassTable
from pixelwise.errors import ScoreError, UsageError
from pixelwise.evaluation.predicting import predict
from pixelwise.evaluation.scoring import score
from pixelwise.evaluation.tile_sums import TileSums
from pixelwise.evaluation.tiles import Tiling
from tests.support.program import run

CLASSES = 5
TABLE = ClassTable(tuple("abcde"))
_RNG = np.random.default_rng(0)
_LINEAR, _WAVE = (_RNG.normal(size=(CLASSES, 3)).astype(np.float32) for _ in range(2))


def per_pixel(images: np.ndarray) -> np.ndarray:
    """Logits of each pixel by itself."""
    x = images * 3 - 1
    planes = [sum(a * x[:, c] + b * np.sin(9 * x[:, c]) for c, (a, b) in enumerate(zip(line, w, strict=True)))
              for line, w in zip(_LINEAR, _WAVE, strict=True)]  # fmt: skip
    return np.stack(planes, axis=1).astype(np.float32)


def split_of(*sizes: tuple[int, int], labels: bool = True, seed: int = 0) -> pw.Split:
    rng = np.random.default_rng(seed)
    images = [rng.integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w in sizes]
    truths = [rng.integers(0, CLASSES, s).astype(np.uint8) for s in sizes]
    return pw.Split("val", TABLE, pw.ArraySource(images, truths if labels else None))


class Catch(pw.Confusion):
    """Takes labels in the place of a Confusion."""

    def __init__(self) -> None:
        super().__init__(CLASSES, 255)
        self.found: dict[str, np.ndarray] = {}

    def update(self, label: np.ndarray, truth: np.ndarray, name: str) -> None:
        self.found[name] = label


def confusion() -> pw.Confusion:
    return pw.Confusion(CLASSES, 255, per_image=True)


def labels(model: Any, split: pw.Split, tmp_path: Path, **options: Any) -> list[np.ndarray]:
    predict(model, split, tmp_path, **options)
    return [np.array(Image.open(tmp_path / f"{n}.png")) for n in split.names]


def direct(model: Any, split: pw.Split) -> list[np.ndarray]:
    """The argmax of the logits of each image by itself."""
    return [model(s.image.transpose(2, 0, 1)[None].astype(np.float32) / 255)[0].argmax(0) for s in split]


def test_whole_images_are_the_argmax_of_the_logits(tmp_path: Path) -> None:
    split = split_of((20, 31), (20, 31), (7, 9), (64, 130), (20, 31))
    for mine, theirs in zip(labels(per_pixel, split, tmp_path), direct(per_pixel, split), strict=True):
        assert (mine == theirs).mean() > 0.999  # 1 / 255 is rounded otherwise by the renderer
    assert labels(per_pixel, split, tmp_path / "again")[3].shape == (64, 130)


sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=60)
@given(
    image=sizes, window=sizes, overlap=st.floats(0, 0.9), blend=st.sampled_from(["uniform", "linear", "gaussian"]),
    flips=st.sampled_from([(), ("horizontal",), ("vertical",), ("vertical", "horizontal")]),
    average=st.sampled_from(["logits", "probabilities"]), batch=st.integers(1, 5), seed=st.integers(0, 99),
)  # fmt: skip
def test_tiles_equal_the_whole_exactly(image: Any, window: Any, overlap: float, blend: Any, flips: Any,
                                       average: Any, batch: int, seed: int) -> None:  # fmt: skip
    split = split_of(image, (image[1], image[0]), seed=seed)
    whole, tiled = Catch(), Catch()
    predict(per_pixel, split, confusion=whole, threads=1)  # type: ignore[arg-type]
    tiling = Tiling(window, overlap, blend, flips, average=average)
    predict(per_pixel, split, confusion=tiled, threads=1, tiling=tiling, batch_size=batch)  # type: ignore[arg-type]
    for name in split.names:
        assert np.array_equal(whole.found[name], tiled.found[name])


@settings(max_examples=60)
@given(
    image=sizes, window=sizes, overlap=st.floats(0, 0.95), blend=st.sampled_from(["uniform", "linear", "gaussian"]),
    scales=st.lists(st.floats(0.3, 3), min_size=1, max_size=3),
)  # fmt: skip
def test_weights_add_up_to_one_at_every_pixel(image: Any, window: Any, overlap: float, blend: Any, scales: Any) -> None:
    for size in (window, None):
        total = np.zeros(image)
        for tile in Tiling(size, overlap, blend, scales=scales).tiles(image):
            assert tile.weight_y.min() > 0
            assert tile.weight_x.min() > 0
            y1, x1 = tile.y0 + len(tile.weight_y), tile.x0 + len(tile.weight_x)
            total[tile.y0 : y1, tile.x0 : x1] += tile.weight_y[:, None] * tile.weight_x
        assert total == pytest.approx(np.full(image, len(scales)), abs=1e-12)


def test_neighbors_overlap_at_least_as_asked() -> None:
    tiling = Tiling((10, 10), 0.3)
    for length in range(10, 60):
        starts = sorted({t.x0 for t in tiling.tiles((10, length))})
        assert starts[0] == 0
        assert starts[-1] == length - 10
        assert all(b - a <= 7 for a, b in pairwise(starts))


# -- against a plain computation ----------------------------------------------------------------------------


def plain_sums(size: tuple[int, int], parts: Any, logits: Any, classes: int) -> np.ndarray:
    """The weighted sums of a whole image at once, logits interpolated by pixel centers, in NumPy."""
    total = np.zeros((classes, *size))
    for tile, values in zip(parts, logits, strict=True):
        values = values[:, :: -1 if tile.mirrored[0] else 1, :: -1 if tile.mirrored[1] else 1]
        axes = []
        for k, weight in enumerate((tile.weight_y, tile.weight_x)):
            n, side = values.shape[1 + k], tile.size[k]
            place = (np.arange(len(weight)) + 0.5) / tile.step[k] * (n / side) - 0.5
            taps = np.maximum(0, 1 - np.abs(np.clip(place, 0, n - 1)[:, None] - np.arange(n)))
            axes.append(taps * weight[:, None])
        part = np.einsum("yh,chw,xw->cyx", axes[0], values.astype(np.float64), axes[1])
        total[:, tile.y0 : tile.y0 + part.shape[1], tile.x0 : tile.x0 + part.shape[2]] += part
    return total


@settings(max_examples=40)
@given(
    image=sizes, window=st.one_of(st.none(), sizes), stride=st.sampled_from([1, 2, 3]),
    flips=st.sampled_from([(), ("horizontal", "vertical")]), scales=st.sampled_from([(1.0,), (0.5, 1.0, 1.7)]),
    blend=st.sampled_from(["uniform", "gaussian"]), seed=st.integers(0, 99),
)  # fmt: skip
def test_the_strip_gives_what_the_whole_sum_gives(image: Any, window: Any, stride: int, flips: Any, scales: Any,
                                                  blend: Any, seed: int) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    parts = Tiling(window, 0.4, blend, flips, scales).tiles(image)
    logits = [rng.normal(size=(3, -(-t.size[0] // stride), -(-t.size[1] // stride))).astype(np.float32) for t in parts]
    sums = TileSums("x", image, 3, parts, "logits", np.uint8)
    ended = [sums.add(tile, values) for tile, values in zip(parts, logits, strict=True)]
    assert ended == [False] * (len(parts) - 1) + [True]
    total = plain_sums(image, parts, logits, 3)
    top = np.sort(total, axis=0)
    sure = top[-1] - top[-2] > 1e-9
    assert np.array_equal(sums.label[sure], total.argmax(0)[sure])
    assert sure.mean() > 0.99


def test_small_logits_are_interpolated_as_torch_does(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="compared with torch's interpolation")

    def coarse(images: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(per_pixel(images)[:, :, ::8, ::8])

    split = split_of((61, 90))
    mine = labels(coarse, split, tmp_path, normalize=pw.Normalize((0, 0, 0), (1, 1, 1)))[0]
    logits = torch.from_numpy(coarse(split[0].image.transpose(2, 0, 1)[None].astype(np.float32) / 255)).double()
    # The logits stand for the whole input, so 8 x 12 of them cover 61 x 90 pixels.
    theirs = torch.nn.functional.interpolate(logits, size=(61, 90), mode="bilinear", align_corners=False)
    assert (mine == theirs[0].argmax(0).numpy()).mean() > 0.999


def test_scales_and_flips_average_views(tmp_path: Path) -> None:
    """A model that sees only left from right: mirrored views cancel it."""

    def sided(images: np.ndarray) -> np.ndarray:
        out = np.zeros((len(images), CLASSES, *images.shape[2:]), np.float32)
        out[:, 1] = np.linspace(-1, 1, images.shape[3])
        out[:, 2] = 0.01
        return out

    split = split_of((12, 40))
    assert set(np.unique(labels(sided, split, tmp_path / "a")[0])) == {1, 2}
    assert set(np.unique(labels(sided, split, tmp_path / "b", tiling=Tiling(flips=("horizontal",)))[0])) == {2}


def test_a_scale_shows_the_model_the_image_at_that_size(tmp_path: Path) -> None:
    seen = []

    def watch(images: np.ndarray) -> np.ndarray:
        seen.append(images.shape[2:])
        return per_pixel(images)

    predict(watch, split_of((40, 60)), confusion=confusion(), tiling=Tiling(scales=(0.5, 1.5), divisor=8))
    assert sorted(seen) == [(24, 32), (64, 96)]
    seen.clear()
    tiling = Tiling((16, 16), scales=(0.5,))
    predict(watch, split_of((40, 60)), confusion=confusion(), tiling=tiling, batch_size=1)
    assert set(seen) == {(16, 16)}
    assert len(seen) == 2 * 3  # each window shows 32 x 32 pixels


def test_tiles_of_several_images_share_batches() -> None:
    sizes_seen = []

    def watch(images: np.ndarray) -> np.ndarray:
        sizes_seen.append(len(images))
        return per_pixel(images)

    small = split_of(*[(20, 20 + i) for i in range(9)])
    predict(watch, small, confusion=confusion(), tiling=Tiling((32, 32)), batch_size=4)
    assert sizes_seen == [4, 4, 1]
    sizes_seen.clear()
    mixed = split_of(*[(20, 20 + i % 2) for i in range(12)])
    predict(watch, mixed, confusion=confusion(), batch_size=3)
    assert sizes_seen == [3, 3, 3, 3]


def test_the_model_runs_in_the_callers_thread() -> None:
    seen = set()

    def watch(images: np.ndarray) -> np.ndarray:
        seen.add(threading.get_ident())
        return per_pixel(images)

    predict(watch, split_of((20, 20), (30, 30)), confusion=confusion(), threads=3)
    assert seen == {threading.get_ident()}


# -- writing, scoring, resuming -----------------------------------------------------------------------------


def test_writing_and_scoring_in_one_pass(tmp_path: Path) -> None:
    split = split_of((20, 31), (33, 17), (9, 50))
    both = confusion()
    done = predict(per_pixel, split, tmp_path / "p", confusion=both, tiling=Tiling((16, 16)))
    assert (done.predicted, done.kept, done.replaced) == (3, 0, ())
    assert done.confusion is both
    assert repr(done) == f"Prediction({tmp_path / 'p'}: 3 images predicted, 0 kept)"
    assert json.loads(done.save(tmp_path / "done.json").read_text()) == done.to_dict()
    assert np.array_equal(score(tmp_path / "p", split).confusion.counts, both.counts)


def test_a_stopped_run_continues(tmp_path: Path) -> None:
    split = split_of(*[(20, 20)] * 8)
    calls = []

    def fails(images: np.ndarray) -> np.ndarray:
        calls.append(len(images))
        if len(calls) == 4:
            raise RuntimeError("no more power")
        return per_pixel(images)

    with pytest.raises(RuntimeError, match="power"):
        predict(fails, split, tmp_path / "p", batch_size=1, tag="net")
    assert len(list((tmp_path / "p").glob("*.png"))) == 3
    with pytest.raises(pw.PixelwiseError) as caught:
        pw.open(tmp_path / "p")
    assert caught.value.code == "unfinished-predictions"
    whole, continued = confusion(), confusion()
    predict(per_pixel, split, confusion=whole)
    done = predict(per_pixel, split, tmp_path / "p", batch_size=1, tag="net", confusion=continued)
    assert (done.predicted, done.kept) == (5, 3)
    assert np.array_equal(continued.counts, whole.counts)
    assert not list((tmp_path / "p").glob(".*.part"))
    with pytest.raises(pw.PixelwiseError) as caught:
        pw.open(tmp_path / "p")
    assert caught.value.code == "no-dataset", "finished, and no dataset"


def test_a_folder_is_finished_when_all_ranks_are(tmp_path: Path) -> None:
    split, folder = split_of(*[(20, 20)] * 5), tmp_path / "p"
    predict(per_pixel, split, folder, shard=(1, 2))
    with pytest.raises(pw.PixelwiseError, match="predict again") as caught:
        pw.open(folder)
    assert caught.value.code == "unfinished-predictions"
    with pytest.raises(pw.PixelwiseError, match="run it again"):
        score(folder, split)
    predict(per_pixel, split, folder, shard=(0, 2))
    predict(per_pixel, split, folder, shard=(1, 2))  # the first one again, which finds all its files
    with pytest.raises(pw.PixelwiseError) as caught:
        pw.open(folder)
    assert caught.value.code == "no-dataset", "finished, and no dataset"


def test_damaged_files_are_predicted_again(tmp_path: Path) -> None:
    split = split_of((20, 20), (20, 20), (20, 20))
    predict(per_pixel, split, tmp_path / "p")
    path = tmp_path / "p" / "1.png"
    good = path.read_bytes()
    path.write_bytes(good[:-9])
    done = predict(per_pixel, split, tmp_path / "p")
    assert (done.predicted, done.kept, done.replaced) == (1, 2, ("1",))
    assert path.read_bytes() == good


def test_other_predictions_are_not_continued(tmp_path: Path) -> None:
    split = split_of((20, 20))
    predict(per_pixel, split, tmp_path / "p", tag="first")
    for options in ({"tag": "second"}, {"tag": "first", "tiling": Tiling((8, 8))}):
        with pytest.raises(UsageError) as caught:
            predict(per_pixel, split, tmp_path / "p", **options)  # type: ignore[arg-type]
        assert caught.value.code == "other-prediction"
    (tmp_path / "p" / ".pixelwise-prediction.json").write_text("[]")
    with pytest.raises(UsageError, match="made with a different"):
        predict(per_pixel, split, tmp_path / "p", tag="first")
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "0.png").touch()
    with pytest.raises(UsageError) as caught:
        predict(per_pixel, split, tmp_path / "q")
    assert caught.value.code == "not-empty"


def test_wrong_models_are_named() -> None:
    split = split_of((20, 20))
    for model, what in (
        (lambda x: x, "expected float logits"),
        (lambda x: per_pixel(x).argmax(1), "expected float logits"),
        (lambda x: per_pixel(x)[:, :, 0], "expected float logits"),
        (lambda x: per_pixel(np.concatenate([x, x])), "expected float logits"),
    ):
        with pytest.raises(UsageError, match=what):
            predict(model, split, confusion=confusion())

    def diverged(images: np.ndarray) -> np.ndarray:
        out = per_pixel(images)
        out[:, :, 13, 4] = np.nan
        return out

    with pytest.raises(ScoreError, match="row 13") as caught:
        predict(diverged, split, confusion=confusion())
    assert caught.value.where == "0"


@pytest.mark.parametrize(
    "options",
    [{"window": (0, 4)}, {"overlap": 1.0}, {"blend": "cubic"}, {"flips": ("left",)}, {"scales": ()}, {"scales": (0,)},
     {"average": "median"}, {"divisor": 0}, {"divisor": 32, "window": (40, 64)}, {"window": (4, 4.5)},
     {"flips": ("vertical", "vertical")}],
)  # fmt: skip
def test_wrong_tilings(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Tiling(**options)


def test_wrong_calls() -> None:
    with pytest.raises(UsageError, match="out="):
        predict(per_pixel, split_of((20, 20)))
    with pytest.raises(UsageError, match="must be callable"):
        predict("model.pt", split_of((20, 20)), confusion=confusion())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="at least 1"):
        predict(per_pixel, split_of((20, 20)), confusion=confusion(), threads=0)
    with pytest.raises(UsageError, match="batch_size"):
        predict(per_pixel, split_of((20, 20)), confusion=confusion(), batch_size=0)
    with pytest.raises(UsageError, match="a path, a Dataset or a Split"):
        predict(per_pixel, 5, confusion=confusion())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no labels"):
        predict(per_pixel, split_of((20, 20), labels=False), confusion=confusion())
    with pytest.raises(UsageError, match="classes"):
        predict(per_pixel, split_of((20, 20)), confusion=pw.Confusion(4))


def test_names_must_stay_inside_the_folder(tmp_path: Path) -> None:
    source = pw.ArraySource([np.zeros((4, 4, 3), np.uint8)], names=["../../x"])
    with pytest.raises(UsageError, match="leads out"):
        predict(per_pixel, pw.Split("val", TABLE, source), tmp_path / "p")


def test_more_than_256_classes(tmp_path: Path) -> None:
    table = ClassTable(tuple(f"c{i}" for i in range(300)), ignore_index=65535)

    def wide(images: np.ndarray) -> np.ndarray:
        out = np.zeros((len(images), 300, *images.shape[2:]), np.float32)
        out[:, 290] = 1
        return out

    split = pw.Split("val", table, pw.ArraySource([np.zeros((9, 8, 3), np.uint8)]))
    assert set(np.unique(labels(wide, split, tmp_path)[0])) == {290}


# -- the command --------------------------------------------------------------------------------------------

_MODULE = """
import numpy as np

def net(images):
    out = np.zeros((len(images), 21, *images.shape[2:]), np.float32)
    out[:, 15] = images[:, 0]
    return out

broken = 3
"""


def test_the_command(tmp_path: Path) -> None:
    root = pw.sample(tmp_path / "s", count=4, seed=1)
    (tmp_path / "mine.py").write_text(_MODULE)
    done = run("predict", "mine:net", root, "-o", "p", "--window", "128x160", "--flip", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 images predicted, 0 kept" in done.stdout
    again = run("predict", "mine:net", root, "-o", "p", "--window", "128x160", "--flip", folder=tmp_path)
    assert "0 images predicted, 1 kept" in again.stdout
    val = pw.open(root)["val"]
    ids = np.array(Image.open(tmp_path / "p" / f"{val.names[0]}.png"))
    mean = 0.485 * 255  # what ImageNet's normalization makes 0
    assert np.array_equal(ids == 15, val[0].image[..., 0] > mean)
    for name, what in (("mine:broken", "cannot be called"), ("nothing:net", "cannot import"), ("mine", "MODULE:NAME")):
        refused = run("predict", name, root, "-o", "q", folder=tmp_path)
        assert refused.returncode == 2
        assert what in refused.stderr


# -- memory -------------------------------------------------------------------------------------------------

_PEAK = """
import sys, resource
import numpy as np
import pixelwise as pw
from pixelwise.classes import ClassTable
from pixelwise import predict

height, width = int(sys.argv[1]), int(sys.argv[2])

def model(x):
    return np.concatenate([x, 1 - x[:, :1], x[:, 1:2] * 2 - x[:, :1], x[:, :2] - 0.2, x], axis=1)

def run(height, width):
    image = np.zeros((height, width, 3), np.uint8)
    image[::7, ::5] = 200
    truth = np.zeros((height, width), np.uint8)
    split = pw.Split("val", ClassTable(tuple("abcdefghij")), pw.ArraySource([image], [truth]))
    confusion = pw.Confusion(10)
    predict(model, split, confusion=confusion, tiling=pw.Tiling((256, 256)), batch_size=4, threads=2)
    return confusion

run(300, 300)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
confusion = run(height, width)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(before, after, int(confusion.counts.sum()))
"""


def peak(height: int, width: int) -> int:
    """Bytes of memory that predicting an image of that size takes at its peak, its own pixels and labels left out."""
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(height), str(width)], capture_output=True, text=True, check=True
    )
    before, after, pixels = map(int, done.stdout.split())
    assert pixels == height * width
    return 1024 * (after - before) - 5 * height * width  # image 3, truth 1, ids 1


@pytest.mark.skipif("sys.platform != 'linux'", reason="peak memory in kilobytes is Linux's")
def test_memory_grows_with_the_strip_not_with_the_image() -> None:
    low, high = peak(1500, 2500), peak(6000, 2500)
    strip, logits = 256 * 2500 * 10 * 8, 4 * 6000 * 2500 * 10
    assert high < 4 * strip + 60e6
    assert high - low < 40e6  # four times the rows
    assert high < logits / 4
