"""Work on a Ray cluster of local nodes, some of which die: the results of one process, or one named error."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from tests.support.commands import CALLS, furnish, outcome
from tests.support.program import run
from tests.support.scripts import ran, scripts
from tests.support.two_splits import opened
from tests.support.voc import paint_voc

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")
NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}
"""Of these a machine of two cores can hold four."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_memory_monitor_refresh_ms", "0")  # it looks at the memory of all that runs on the machine
        patch.setenv("RAY_health_check_period_ms", "500")
        patch.setenv("RAY_health_check_failure_threshold", "3")
        made = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        for _ in range(2):
            made.add_node(**NODE)
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="module")
def pool(cluster: Any) -> Iterator[Any]:
    from pixelwise.ray import RayPool

    with RayPool(cluster.address) as made:
        yield made


@pytest.fixture(scope="module")
def voc(tmp_path_factory: pytest.TempPathFactory) -> pw.Dataset:
    root = paint_voc(tmp_path_factory.mktemp("voc") / "VOCdevkit/VOC2012", 30)
    return pw.open(root)


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def findings(found: Any) -> Any:
    return {k: v for k, v in found.to_dict().items() if k != "seconds"}


class Killer:
    """As `progress`: adds a node at first, and kills one when a third is done."""

    def __init__(self, cluster: Any) -> None:
        self.cluster, self.killed = cluster, False
        self.node = cluster.add_node(**NODE)

    def __call__(self, done: int, total: int) -> None:
        if not self.killed and done >= total // 3:
            self.killed = True
            self.cluster.remove_node(self.node, allow_graceful=False)


# -- the pool ---------------------------------------------------------------------------------------------------------


def test_results_are_in_order_and_items_are_taken_as_needed(pool: Any) -> None:
    def double(x: int) -> int:
        return 2 * x

    assert list(pool.map(double, range(200))) == list(range(0, 400, 2))
    assert list(pool.map(double, [])) == []
    taken = itertools.count()
    results = pool.map(double, taken)
    assert list(itertools.islice(results, 5)) == [0, 2, 4, 6, 8]
    results.close()
    assert next(taken) < 5000


def test_what_a_task_begins_itself_has_its_cores_only(pool: Any) -> None:
    from pixelwise.ray import RayModel
    from pixelwise.threads import default_threads

    assert list(pool.map(lambda x: default_threads(), [0])) == [pool.num_cpus]
    model = RayModel(lambda: default_threads, num_gpus=0, processes=1)
    assert list(pool.map_with(model, lambda made, x: made(), [0])) == [pool.num_cpus]


def test_an_error_of_the_work_is_a_result_at_its_place(pool: Any) -> None:
    def work(x: int) -> int:
        if x == 7:
            error = pw.DataError("is wrong", code="corrupt", where="a.png", fix="mend it")
            error.add_note("seen")
            raise error
        return x

    got = []
    with pytest.raises(pw.DataError) as caught:
        for value in pool.map(work, range(50)):
            got.append(value)
    assert got == list(range(7))
    assert (str(caught.value), caught.value.__notes__) == ("a.png: is wrong; mend it [corrupt]", ["seen"])


def test_an_error_that_does_not_pickle_is_named(pool: Any) -> None:
    def work(x: int) -> int:
        class OddError(Exception):
            def __init__(self, a: int, b: int) -> None:
                super().__init__("odd")

        raise OddError(1, 2)

    with pytest.raises(Exception, match="odd"):
        list(pool.map(work, [1]))


def test_a_process_that_always_dies_is_named_with_its_items(cluster: Any, pool: Any) -> None:
    from pixelwise.ray import RayPool

    def work(x: int) -> int:
        if x == 5:
            os._exit(1)
        return x

    got = []
    with pytest.raises(pw.SystemFault, match="items 4 to 5 failed on the cluster: ") as caught:
        for value in RayPool(cluster.address, chunk=2, retries=1).map(work, range(20)):
            got.append(value)
    assert caught.value.code == "cluster-task"
    assert got == [0, 1, 2, 3]


def test_a_process_that_dies_once_is_not_noticed(pool: Any, tmp_path: Path) -> None:
    mark = tmp_path / "died"

    def work(x: int) -> int:
        if x == 5 and not mark.exists():
            mark.touch()
            os._exit(1)
        return x

    assert list(pool.map(work, range(20))) == list(range(20))
    assert mark.exists()


def test_work_that_cannot_be_loaded_there_is_named(pool: Any) -> None:
    class Bad:
        def __reduce__(self) -> Any:
            return _missing, ()

        def __call__(self, x: int) -> int:
            return x

    def _missing() -> Any:
        raise ImportError("no module of that name")

    with pytest.raises(pw.SystemFault, match="install the same pixelwise on every machine") as caught:
        list(pool.map(Bad(), [1]))
    assert caught.value.code == "cluster-task"


def test_what_is_refused() -> None:
    from pixelwise.ray import RayPool

    for wrong in ({"chunk": 0}, {"retries": -1}, {"num_cpus": 0}):
        with pytest.raises(pw.UsageError):
            RayPool(**wrong)  # type: ignore[arg-type]


# -- the verbs, with a node that dies ---------------------------------------------------------------------------------


def test_check_and_statistics(cluster: Any, pool: Any, voc: pw.Dataset) -> None:
    killer = Killer(cluster)
    assert pw.stats(voc, pool=pool, progress=killer) == pw.stats(voc)
    assert killer.killed
    killer = Killer(cluster)
    assert findings(pw.check(voc, pool=pool, progress=killer)) == findings(pw.check(voc))
    assert killer.killed


def test_packs(cluster: Any, pool: Any, voc: pw.Dataset, tmp_path: Path) -> None:
    pw.pack(voc, tmp_path / "here", shard_bytes=3_000_000)
    killer = Killer(cluster)
    pw.pack(voc, tmp_path / "there", shard_bytes=3_000_000, pool=pool, progress=killer)
    assert killer.killed
    assert files(tmp_path / "there") == files(tmp_path / "here")
    assert not pw.verify(tmp_path / "there", pool=pool)


def test_scores(cluster: Any, pool: Any, voc: pw.Dataset, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for sample in voc["val"]:
        np.save(tmp_path / f"{sample.name}.npy", rng.integers(0, 21, sample.size, np.uint8))
    here = pw.score(tmp_path, voc, boundary=True)
    killer = Killer(cluster)
    there = pw.score(tmp_path, voc, boundary=True, pool=pool, progress=killer)
    assert killer.killed
    assert there.to_dict() == here.to_dict()
    assert (there.confusion, there.boundary) == (here.confusion, here.boundary)


def test_the_others(pool: Any, tmp_path: Path) -> None:
    dataset = opened("toml", tmp_path / "data")
    assert pw.count_classes(dataset, pool=pool).tolist() == pw.count_classes(dataset).tolist()
    pw.convert(dataset, tmp_path / "there", pool=pool)
    pw.convert(dataset, tmp_path / "here")
    assert files(tmp_path / "there").keys() == files(tmp_path / "here").keys()

    def model(images: Any) -> Any:
        return np.stack([0.5 - images[:, 0], images[:, 0] - 0.5], axis=1)

    for name, where in (("there", pool), ("here", None)):
        pw.predict(model, dataset, tmp_path / f"{name} predicted", pool=where)
    assert files(tmp_path / "there predicted") == files(tmp_path / "here predicted")


# -- models in processes of their own ---------------------------------------------------------------------------------


def bright() -> Any:
    """A model that is not sent: each process makes its own."""
    return lambda images: np.stack([images[:, c % 3] * (c % 5) - c for c in range(21)], axis=1)


@pytest.mark.parametrize("dies", ["a node", "a process"])
def test_predictions(cluster: Any, pool: Any, voc: pw.Dataset, dies: str, tmp_path: Path) -> None:
    from pixelwise.ray import RayModel

    mark = tmp_path / "died"

    def make() -> Any:
        model = bright()

        def once(images: Any) -> Any:
            if dies == "a process" and not mark.exists():
                mark.touch()
                os._exit(1)
            return model(images)

        return once

    options: dict[str, Any] = {"tiling": pw.Tiling((200, 200), scales=(0.5, 1.0)), "normalize": pw.Normalize()}
    split, here, there = voc["val"], *(pw.Confusion(voc.classes, per_image=True) for _ in range(2))
    pw.predict(bright(), split, tmp_path / "here", confusion=here, **options)
    killer = Killer(cluster) if dies == "a node" else None
    found = pw.predict(
        RayModel(make, num_gpus=0), split, tmp_path / "there", confusion=there, pool=pool, progress=killer, **options
    )
    assert mark.exists() if killer is None else killer.killed
    assert found.predicted + found.kept == len(split)
    assert files(tmp_path / "there") == files(tmp_path / "here")
    assert there.counts.tolist() == here.counts.tolist()
    assert sorted(there.images.names) == sorted(split.names)
    again = pw.predict(RayModel(make, num_gpus=0), split, tmp_path / "there", pool=pool, **options)
    assert (again.predicted, again.kept) == (0, len(split))


def test_models_that_cannot_be_made(pool: Any, voc: pw.Dataset, tmp_path: Path) -> None:
    from pixelwise.ray import RayModel

    def fails() -> Any:
        raise pw.DataError("no weights", code="corrupt", where="net.pt")

    def dies() -> Any:
        os._exit(1)

    def call(model: Any, pool: Any) -> None:
        pw.predict(model, voc["val"], tmp_path / "out", pool=pool)

    with pytest.raises(pw.DataError, match=r"net\.pt: no weights"):
        call(RayModel(fails, num_gpus=0), pool)
    with pytest.raises(pw.SystemFault, match="a model failed on the cluster: ") as caught:
        call(RayModel(dies, num_gpus=0, processes=1), pool)
    assert caught.value.code == "cluster-task"
    with pytest.raises(pw.UsageError, match=r"takes 1 GPU, the cluster has 0; pass RayModel\(num_gpus=0\)"):
        call(RayModel(bright), pool)
    with pytest.raises(pw.UsageError, match=r"predicts on a Ray cluster; pass pool=RayPool"):
        call(RayModel(bright, num_gpus=0), None)


@pytest.mark.parametrize("command", CALLS)
def test_commands(cluster: Any, command: str, tmp_path: Path) -> None:
    place = furnish(tmp_path / "place")
    for words in CALLS[command]:
        there, here = (
            outcome(lambda given, at=at: call(place, [*given, *at]), place, [command, *words.split()])  # type: ignore[misc]
            for at in (("--ray", cluster.address), ())
        )
        assert here[0] == 0, here
        assert there == here


def call(place: Path, words: list[str]) -> tuple[int, str, str]:
    done = run(*words, folder=place)
    return done.returncode, done.stdout, done.stderr


def test_no_cluster(tmp_path: Path) -> None:
    nowhere = run("stats", tmp_path, "--ray", "127.0.0.1:1")
    assert nowhere.returncode == 3, nowhere.stderr
    assert "there is no Ray cluster at 127.0.0.1:1: " in nowhere.stderr


def test_scripts_of_the_page(cluster: Any, voc: pw.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    torch.save(torch.nn.Conv2d(3, 21, 1), tmp_path / "net.pt")
    (tmp_path / "VOC2012").symlink_to(voc.root)
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    for code in scripts(with_ray=True):
        done = ran(code, tmp_path)
        assert done.returncode == 0, done.stderr
    assert not pw.verify(tmp_path / "voc.pack")
    assert len(list((tmp_path / "predictions").rglob("*.png"))) == len(voc["val"])
