"""Every public function that takes `pool=`, found by looking: the same in every byte in a pool that pickles everything,
in processes, and with data that is damaged. Those that work on a dataset and take none are listed with the reason.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise.formats.guessing.proposal import propose
from pixelwise.results import Result
from pixelwise.threads import in_order, run_in
from tests.support.places import REPOSITORY
from tests.support.pools import Dying, Pickling
from tests.support.two_splits import opened, write

IDS = ("toml", "voc", "bdd100k", "yolo", "coco", "hf_parquet", "hf_imagefolder", "pack", "arrays", "joined", "remapped")
"""Formats, and datasets made from others, with class ids of two classes or more in their labels."""
OBJECTS = ("coco", "coco_panoptic")


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def model(classes: int, images: Any) -> Any:
    """Logits of so many classes, of each pixel by itself."""
    return np.stack([images[:, c % 3] * (c % 5) - c for c in range(classes)], axis=1)


class Given:
    """A dataset, and what is made of it for the functions to work on, on threads."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.root, self.dataset = name, root, opened(name, root / "data")
        self.split = list(self.dataset.splits)[-1]
        self.model = partial(model, len(self.dataset.classes))

    def path(self, name: str) -> Path:
        (self.root / "given").mkdir(exist_ok=True)
        return self.root / "given" / name

    def prediction(self, sample: pw.Sample) -> Any:
        """The truth turned upside down, without void."""
        return np.where(sample.label < len(self.dataset.classes), sample.label, 0)[::-1]

    @cached_property
    def predictions(self) -> Path:
        folder = self.path("predictions")
        for sample in self.dataset[self.split]:
            file = folder / f"{sample.name}.npy"
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, self.prediction(sample))
        return folder

    @cached_property
    def numbered(self) -> Path:
        """Segments: class * 1000 + 1."""
        for file in self.predictions.rglob("*.npy"):
            to = self.path("numbered") / file.relative_to(self.predictions)
            to.parent.mkdir(parents=True, exist_ok=True)
            np.save(to, np.load(file).astype(np.uint32) * 1000 + 1)
        return self.path("numbered")

    @cached_property
    def probabilities(self) -> Path:
        pw.predict(self.model, self.dataset, splits=self.split, probabilities=self.path("probabilities"))
        return self.path("probabilities")

    @cached_property
    def begun(self) -> Path:
        """Predictions of which one is missing, as an interrupted `predict` leaves them."""
        out = self.path("begun")
        pw.predict(self.model, self.dataset, out, splits=self.split)
        next(out.rglob("*.png")).unlink()
        return out

    @cached_property
    def packed(self) -> Path:
        pw.pack(self.dataset, self.path("pack"))
        return self.path("pack")

    def results(self, form: str, suffix: str) -> Path:
        """The predictions as one file."""
        out = self.path(form + suffix)
        if not out.exists():
            pw.submit(self.predictions, self.dataset, out, splits=self.split, benchmark=form)
        return out


@dataclass(frozen=True)
class Call:
    """What a function is called with. seen: what is comparable of its result; besides it, the files that it writes are
    compared. options: what it takes besides a pool."""

    arguments: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)
    seen: Callable[[Any], Any] = lambda result: result.to_dict()


@dataclass(frozen=True)
class Way:
    """A way to call a public function. name: of the function. formats: of datasets that it can be called with."""

    name: str
    formats: tuple[str, ...]
    call: Callable[[Given, Path], Call]

    @property
    def function(self) -> Any:
        module, _, name = self.name.rpartition(".")
        return getattr(importlib.import_module(module), name)

    def outcome(self, given: Given, out: Path, pool: pw.Pool | None, errors: bool = False) -> str:
        """What the function gives, writes and says of its progress; with `errors`, also what it raises instead.

        out: a folder for what it writes.
        """
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        call, done = self.call(given, out), list[Any]()
        options = {**call.options, "pool": pool}
        if "progress" in inspect.signature(self.function).parameters:
            options["progress"] = lambda *numbers: done.append(numbers)
        try:
            found = call.seen(self.function(*call.arguments, **options))
        except pw.PixelwiseError as error:
            if not errors:
                raise
            return f"error: {type(error)} {error} {error.where} {error.fix} {getattr(error, '__notes__', [])} {done}"
        return re.sub(r"'seconds': [0-9.e-]+", "", repr((found, files(out), done)))


WAYS: list[Way] = []


def way(name: str, *formats: str) -> Callable[[Callable[[Given, Path], Call]], None]:
    """Adds a way to call `pixelwise.NAME`."""
    return lambda call: WAYS.append(Way(f"pixelwise.{name}", formats or IDS, call))


def arrays(dataset: pw.Dataset) -> Any:
    return {k: [(s.name, s.image.tobytes(), s.label.tobytes()) for s in split] for k, split in dataset.splits.items()}


way("check")(lambda given, out: Call((given.dataset,)))
way("check")(lambda given, out: Call((given.dataset,), {"part": (1, 2)}))
way("stats")(lambda given, out: Call((given.dataset,)))
way("stats")(lambda given, out: Call((given.dataset,), {"on_error": "skip", "part": (2, 3)}))
way("count_classes")(lambda given, out: Call(
    (given.dataset,), {"splits": [*given.dataset.splits]}, lambda counts: counts.tolist()
))  # fmt: skip
way("class_index")(lambda given, out: Call((given.dataset,), {}, lambda index: index.positions.tolist()))
way("convert")(lambda given, out: Call((given.dataset, out / "new"), {}, arrays))
way("convert", "toml", "coco", "pack")(lambda given, out: Call((given.dataset, out / "new"), {"to": "coco"}, arrays))
way("pack")(lambda given, out: Call((given.dataset, out / "new"), {"shard_bytes": 9000}, arrays))
way("pack", "toml", "voc")(lambda given, out: Call(
    (given.dataset, out / "new"), {"shard_bytes": 9000, "encoding": "original", "part": (1, 2)}, repr
))  # fmt: skip
way("verify", "toml", "voc")(lambda given, out: Call((given.packed,), {}, lambda found: (found.records, [*found])))


def predicted(made: pw.Prediction) -> Any:
    assert made.confusion is not None
    return made.to_dict(), made.confusion.to_dict()


@way("predict")
def _(given: Given, out: Path) -> Call:
    """In tiles, into files of labels and of probabilities, counted."""
    options = {"splits": given.split, "batch_size": 2, "tiling": pw.Tiling((16, 16), flips=("horizontal",)),
               "probabilities": out / "probabilities", "confusion": pw.Confusion(given.dataset.classes)}  # fmt: skip
    return Call((given.model, given.dataset, out / "new"), options, predicted)


@way("predict", "toml", "coco", "pack")
def _(given: Given, out: Path) -> Call:
    """What was begun is read, counted and continued."""
    shutil.copytree(given.begun, out / "new")
    options = {"splits": given.split, "confusion": pw.Confusion(given.dataset.classes)}
    return Call((given.model, given.dataset, out / "new"), options, predicted)


def scored(result: pw.Scoring) -> Any:
    bands = None if result.boundary is None else result.boundary.to_dict()
    return result.to_dict(), result.confusion.to_dict(), bands


way("score")(lambda given, out: Call(
    (given.predictions, given.dataset), {"splits": given.split, "boundary": True}, scored
))  # fmt: skip
way("score", "toml", "pack")(lambda given, out: Call(
    (given.predictions, given.dataset), {"splits": given.split, "part": (2, 2)}
))  # fmt: skip
way("score", "toml", "coco")(lambda given, out: Call(
    (given.results("coco-results", ".json"), given.dataset), {"splits": given.split}, scored
))  # fmt: skip
way("score", "voc", "coco")(lambda given, out: Call(
    (given.results("rle-csv", ".csv"), given.dataset), {"splits": given.split}, scored
))  # fmt: skip
way("score_probabilities")(lambda given, out: Call(
    (given.probabilities, given.dataset), {"splits": given.split}, lambda made: (made.to_dict(), made.counts.to_dict())
))  # fmt: skip


def objects(result: pw.ObjectScoring) -> Any:
    return result.to_dict(), result.counts.to_dict()


way("score_objects", *OBJECTS)(lambda given, out: Call((given.predictions, given.dataset), {}, objects))
way("score_objects", *OBJECTS)(lambda given, out: Call((given.numbered, given.dataset), {"divisor": 1000}, objects))
way("score_objects", *OBJECTS)(lambda given, out: Call(
    (given.results("coco-results", ".json"), given.dataset), {}, objects
))  # fmt: skip
way("score_objects", "coco_panoptic")(lambda given, out: Call(
    (given.root / "data/annotations/panoptic_val.json", given.dataset), {}, objects
))  # fmt: skip


def to(form: str | None, name: str) -> Callable[[Given, Path], Call]:
    return lambda given, out: Call(
        (given.predictions, given.dataset, out / name), {"splits": given.split, "benchmark": form}
    )


way("submit", "voc")(to(None, "made.tar"))
way("submit", "voc", "coco", "yolo")(to("rle-csv", "made.csv"))
way("submit", "toml", "coco", "pack")(to("coco-results", "made.json"))


@way("to_huggingface", "voc", "coco", "pack")
def _(given: Given, out: Path) -> Call:
    datasets = pytest.importorskip("datasets", reason="pixelwise[hf] is not installed")

    def rows(made: Any) -> Any:
        kept = datasets.Image(decode=False)
        return {n: list(s.cast_column("image", kept).cast_column("label", kept)) for n, s in made.items()}

    return Call((given.dataset,), {}, rows)


# -- all of them are here ---------------------------------------------------------------------------------------------

WITHOUT = {
    "pixelwise.Loader": "renders into memory of this process, by kernels on all cores; ranks share its epochs",
    "pixelwise.open": "lists files; the pack that cache=True makes is that of pack(pool=)",
    "pixelwise.sample": "paints a small dataset",
    "pixelwise.download": "is as fast as the network",
    "pixelwise.concat": "reads nothing",
    "pixelwise.show": "draws a few samples",
    "pixelwise.show_plans": "draws a few samples",
    "pixelwise.view": "serves what is asked for, from this process",
    "pixelwise.torch.MapDataset": "is read by the workers of a DataLoader",
    "pixelwise.torch.as_map_dataset": "is read by the workers of a DataLoader",
    "pixelwise.jax.GrainSource": "is read by the workers of Grain",
}
"""Why other public functions that are given a dataset, threads or progress take no pool."""
MODULES = ("pixelwise", "pixelwise.torch", "pixelwise.d2l", "pixelwise.jax", "pixelwise.keras", "pixelwise.ray")


def public_functions() -> Iterator[tuple[str, inspect.Signature]]:
    """The public functions, classes but those of results, and methods of public classes, that have a signature."""
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except pw.PixelwiseError:  # an extra that is not installed
            continue
        own = [n for n, v in vars(module).items() if getattr(v, "__module__", None) == name and n[0] != "_"]
        for member in getattr(module, "__all__", own):
            value = getattr(module, member)
            named = {f"{name}.{member}": value}
            if inspect.isclass(value):
                named |= {f"{name}.{member}.{k}": getattr(value, k) for k in dir(value) if k[0] != "_"}
            for each, function in named.items():
                if callable(function) and not (inspect.isclass(function) and issubclass(function, Result)):
                    try:
                        yield each, inspect.signature(function)
                    except ValueError:  # of a type of Python itself
                        continue


def test_every_public_function_that_takes_a_pool_is_tried_and_others_say_why_not() -> None:
    with_pool, without = set(), set()
    for name, signature in public_functions():
        given = {n: str(p.annotation) for n, p in signature.parameters.items()}
        if "pool" in given:
            with_pool.add(name)
        elif {"threads", "progress"} & given.keys() or re.search(r"\b(Data|Split|Dataset)\b", " ".join(given.values())):
            without.add(name)
    assert len(with_pool) > 10
    assert with_pool == {way.name for way in WAYS}, "each of them has a way here, and takes a pool"
    for page in ("api", "scale"):
        text = (REPOSITORY / f"docs/{page}.md").read_text()
        (listed,) = re.findall(r"`check`, `stats`, `score`, `score_objects`[^.]*?`predict`", text)
        assert {f"pixelwise.{n}" for n in re.findall(r"`(\w+)`", listed)} == with_pool, page
    assert without <= WITHOUT.keys(), "give it pool=, or say why not"
    assert not {name for name, _ in public_functions()} & WITHOUT.keys() - without, "these are no longer so"


# -- the same everywhere ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Given]:
    """The datasets by the names of their formats."""
    made: dict[str, Given] = {}

    def get(name: str) -> Given:
        if name not in made:
            made[name] = Given(name, tmp_path_factory.mktemp(name))
        return made[name]

    return get


def label(way: Way) -> str:
    return f"{way.name.rpartition('.')[2]}-{WAYS.index(way)}"


@pytest.mark.parametrize("way", WAYS, ids=label)
def test_the_same_in_a_pool_that_pickles(way: Way, given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in way.formats:
        data, pool = given(name), Pickling()
        here = way.outcome(data, tmp_path / "out", None)
        with monkeypatch.context() as patch:
            patch.setattr("pixelwise.threads._on_threads", None)  # no work stays here
            there = way.outcome(data, tmp_path / "out", pool)
        assert there == here, name
        assert pool.works, f"no work of {name} went through the pool"


def test_the_same_in_processes(given: Any, tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for way in WAYS:
            if "coco" in way.formats:
                data = given("coco")
                assert way.outcome(data, tmp_path / "out", pool) == way.outcome(data, tmp_path / "out", None), way


@pytest.mark.parametrize("name", ["voc", "yolo", "hf_imagefolder", "coco", "coco_panoptic"])
def test_errors_and_findings_are_the_same(name: str, tmp_path: Path) -> None:
    given = Given(name, tmp_path)
    ways = [way for way in WAYS if name in way.formats]
    for way in ways:
        (tmp_path / "before" / label(way)).mkdir(parents=True)
        way.call(given, tmp_path / "before" / label(way))  # what is given to it is made before the damage
    of, at = given.dataset[given.split].source.image_file(1)
    Path(of.path(of.images, at)).write_bytes(b"")
    for made in (tmp_path / "given").iterdir():
        largest = made if made.is_file() else max(made.rglob("*.*"), key=lambda file: file.stat().st_size)
        largest.write_bytes(largest.read_bytes()[:-20])
    failed = set()
    for way in ways:
        here, there = (way.outcome(given, tmp_path / "out", pool, errors=True) for pool in (None, Pickling()))
        assert there == here, way
        failed |= {way.name} if here.startswith("error") else set()
    assert len(failed) >= (1 if name == "coco_panoptic" else 5)


@pytest.mark.parametrize("way", {way.name: way for way in reversed(WAYS)}.values(), ids=label)
def test_what_is_not_a_pool_is_refused_before_anything_is_written(way: Way, given: Any, tmp_path: Path) -> None:
    pool: Any = 4
    with pytest.raises(pw.UsageError, match=r"a pool has a method map\(work, items\), got int; pass an executor"):
        way.outcome(given(way.formats[0]), tmp_path / "out", pool)
    assert not files(tmp_path / "out")


@pytest.mark.parametrize("name", ["pack", "convert"])
def test_what_a_process_that_died_had_begun_is_not_left(name: str, given: Any, tmp_path: Path) -> None:
    way = next(way for way in WAYS if way.name == f"pixelwise.{name}" and "toml" in way.formats)
    here, pool = way.outcome(given("toml"), tmp_path / "out", None), Dying(tmp_path / "out")
    assert way.outcome(given("toml"), tmp_path / "out", pool) == here
    assert [p.suffix for p in pool.left] == [".part"]
    assert not [p for p in pool.left if p.exists()]


def test_what_another_process_that_predicted_into_the_folder_had_begun_is_not_left(given: Any, tmp_path: Path) -> None:
    of, left = given("toml"), tmp_path / f".0.png.{'a' * 32}.part"
    pw.predict(of.model, of.dataset[of.split], tmp_path, progress=lambda *_: left.touch())
    assert not left.exists()


# -- work that has no `pool=` of its own, in the pool of who calls ----------------------------------------------------


def test_sizes_sample_and_init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelwise.dataset.image_sizes._CHUNK", 2)
    here, pool = pw.sample(tmp_path / "a", count=8, seed=3), Pickling()
    with run_in(pool):
        there = pw.sample(tmp_path / "b", count=8, seed=3)
    assert files(there) == files(here)
    sizes = pw.open(here)["train"].sizes().tolist()
    with run_in(pool):
        assert pw.open(here)["train"].sizes().tolist() == sizes
    root = write("toml", tmp_path / "toml")
    proposed = propose(root)
    with run_in(pool):
        assert propose(root) == proposed
    assert {"_write_sample", "_look", "_share"} <= pool.works


def test_in_order_gives_what_a_pool_gives_and_ends_with_the_block() -> None:
    pool = Pickling()
    with run_in(pool), run_in(None):
        assert list(in_order(abs, [-1, 2, -3])) == [1, 2, 3]
    assert pool.works == {"abs"}
    assert list(in_order(lambda x: x + 1, [1, 2])) == [2, 3]


def test_a_pool_whose_processes_end_is_one_named_error(given: Any) -> None:
    dying = ProcessPoolExecutor(1, get_context("spawn"), initializer=os._exit, initargs=(1,))
    with dying as pool, pytest.raises(pw.SystemFault, match="a process of the pool ended; put what makes") as caught:
        pw.stats(given("toml").dataset, pool=pool)
    assert caught.value.code == "broken-pool"


class Breaking(ThreadPoolExecutor):
    """An executor that breaks after some items."""

    def submit(self, *arguments: Any, **options: Any) -> Any:
        self.left = getattr(self, "left", 3) - 1
        if self.left < 0:
            raise BrokenProcessPool
        return super().submit(*arguments, **options)


@pytest.mark.parametrize("verb", ["pack", "convert", "predict"])
def test_what_a_broken_pool_has_written_is_continued(verb: str, given: Any, tmp_path: Path) -> None:
    data = given("toml")
    arguments = (data.model, data.dataset) if verb == "predict" else (data.dataset,)
    options = {"shard_bytes": 3000} if verb == "pack" else {}
    getattr(pw, verb)(*arguments, tmp_path / "whole", **options)
    with Breaking(1) as pool, pytest.raises(pw.SystemFault, match="a process of the pool ended"):
        getattr(pw, verb)(*arguments, tmp_path / "new", pool=pool, **options)
    getattr(pw, verb)(*arguments, tmp_path / "new", **options)
    assert files(tmp_path / "new") == files(tmp_path / "whole")
