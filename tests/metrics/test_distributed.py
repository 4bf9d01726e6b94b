"""Several processes score as one: integers are summed exactly, no image counts twice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'pixelwise[torch]'")

import pixelwise as pw  # noqa: E402
from pixelwise.errors import UsageError  # noqa: E402
from pixelwise.torch import as_model  # noqa: E402

# Each process opens the data, takes its shard, and scores a stand-in for a model; the files are how they meet.
WORKER = """
import sys
import numpy as np
import torch
import pixelwise as pw
from pixelwise.errors import PixelwiseError
from pixelwise.torch import all_reduce

rank, world, root, meet, modes = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
torch.set_num_threads(1)
torch.distributed.init_process_group("gloo", init_method=f"file://{meet}/rendezvous", rank=rank, world_size=world)
split = pw.open(root)["trainval"]
for mode in modes.split(","):
    confusion = pw.Confusion(21 + (mode == "differ" and rank == 1), 255, per_image=mode != "counts")
    fill = 0
    for batch in pw.Loader(split, 3, shard=(rank, world), threads=1):
        for k in range(len(batch)):
            fill += not batch.real[k]
            if batch.real[k] or mode == "twice":
                h, w = batch.sizes[k]
                guess = (np.rint(batch.images[k, 0, :h, :w] * 255) // 13).astype(np.uint8)
                confusion.update(guess, batch.labels[k, :h, :w], batch.names[k])
    try:
        all_reduce(confusion).save(f"{meet}/{mode}-{rank}.json")
        print(fill)
    except PixelwiseError as error:
        print(error.code)
torch.distributed.destroy_process_group()
"""


def processes(world: int, root: Path, meet: Path, modes: str) -> list[list[str]]:
    """What each of `world` processes printed, a line a mode."""
    started = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", WORKER, *map(str, (rank, world, root, meet, modes))],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for rank in range(world)
    ]  # fmt: skip
    ended = [p.communicate(timeout=240) for p in started]
    assert [p.returncode for p in started] == [0] * world, "\n".join(err[-2000:] for _, err in ended)
    return [out.split() for out, _ in ended]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pw.sample(tmp_path_factory.mktemp("ranks") / "s", count=11, seed=4)


def single(root: Path, per_image: bool) -> pw.Confusion:
    """One process, image by image."""
    out = pw.Confusion(21, 255, per_image=per_image)
    for sample in pw.open(root)["trainval"]:
        assert sample.label is not None
        out.update(sample.image[..., 0] // 13, sample.label, sample.name)
    return out


def check(root: Path, meet: Path, world: int, mode: str, fill: list[str]) -> None:
    # 11 images do not divide by 2 x 3 nor by 4 x 3: the last batches are filled with images counted elsewhere.
    assert sum(map(int, fill)) > 0
    totals = [pw.Confusion.load(meet / f"{mode}-{rank}.json") for rank in range(world)]
    expected = single(root, mode == "images")
    for total in totals:
        assert np.array_equal(total.counts, expected.counts)
        assert total.scores("mmseg").to_dict() == expected.scores("mmseg").to_dict()
        assert total == totals[0]
    if mode == "images":
        assert totals[0].images.names == tuple(sorted(expected.images.names))
        order = np.argsort(np.array(expected.images.names))
        assert np.array_equal(totals[0].images.totals, expected.images.totals[order])


def test_two_processes_score_as_one_and_tell_what_is_wrong(root: Path, tmp_path: Path) -> None:
    printed = processes(2, root, tmp_path, "images,twice,differ")
    check(root, tmp_path, 2, "images", [lines[0] for lines in printed])
    assert [lines[1:] for lines in printed] == [["counted-twice", "confusions-differ"]] * 2


def test_four_processes_score_as_one(root: Path, tmp_path: Path) -> None:
    check(root, tmp_path, 4, "counts", [lines[0] for lines in processes(4, root, tmp_path, "counts")])


# -- torch modules as models --------------------------------------------------------------------------------


class Net(torch.nn.Module):  # type: ignore[misc]
    """A convolution with batch normalization, so that training and evaluating differ."""

    def __init__(self, wrap: str = "tensor") -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3, padding=1, stride=2)
        self.norm = torch.nn.BatchNorm2d(4)
        self.wrap = wrap

    def forward(self, x: torch.Tensor) -> object:
        """Logits in the wrapping asked for."""
        out = self.norm(self.conv(x))
        return {
            "tensor": out, "dict": {"aux": out + 1, "out": out}, "list": [out], "tuple": (out, out + 1), "none": (),
            "logits": {"loss": 0, "logits": out}, "both": {"logits": out + 1, "out": out},
            "ModelOutput": ModelOutput(loss=torch.zeros(()), logits=out), "other dict": {"masks": out},
            "object": SimpleNamespace(logits=out), "bfloat16": out.to(torch.bfloat16), "meta": out.to("meta"),
        }[self.wrap]  # fmt: skip


class ModelOutput(OrderedDict):  # type: ignore[type-arg]
    """As transformers' class of this name: an ordered dictionary whose items are attributes, too."""

    def __getattr__(self, name: str) -> object:
        """The item of that name."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def test_a_module_as_model() -> None:
    torch.manual_seed(0)
    net = Net().train()
    images = np.random.default_rng(0).random((2, 3, 10, 12), np.float32)
    logits = as_model(net)(images)
    assert net.training
    assert (logits.dtype, logits.shape) == (np.float32, (2, 4, 5, 6))
    with torch.no_grad():
        assert np.array_equal(logits, net.eval()(torch.from_numpy(images)).numpy())
    for net.wrap in ("dict", "tuple", "logits", "both", "ModelOutput", "object"):
        assert np.array_equal(as_model(net)(images), logits)
    net.wrap = "bfloat16"
    assert np.allclose(as_model(net)(images), logits, atol=0.1)
    half = as_model(net, dtype=torch.bfloat16)(images)
    assert half.dtype == np.float32
    assert not np.array_equal(half, logits)
    assert np.allclose(half, logits, atol=0.1)
    for net.wrap in ("list", "none", "other dict"):
        with pytest.raises(UsageError, match="logits") as caught:
            as_model(net)(images)
        assert caught.value.code == "bad-model"
    net.wrap = "meta"
    with pytest.raises(UsageError, match="meta"):
        as_model(net)(images)


def test_a_model_of_transformers() -> None:
    transformers = pytest.importorskip("transformers", reason="its models give a ModelOutput")
    sizes = {"hidden_sizes": [8, 16, 24, 32], "depths": [1] * 4, "num_attention_heads": [1] * 4}
    config = transformers.SegformerConfig(num_labels=21, decoder_hidden_size=16, **sizes)
    net = transformers.SegformerForSemanticSegmentation(config)
    assert as_model(net)(np.zeros((1, 3, 64, 64), np.float32)).shape == (1, 21, 16, 16)


def test_a_module_predicts_a_split() -> None:
    torch.manual_seed(0)
    table = pw.ClassTable(("a", "b", "c", "d"))
    images = [np.random.default_rng(i).integers(0, 256, (20, 30 + i, 3)).astype(np.uint8) for i in range(3)]
    split = pw.Split("val", table, pw.ArraySource(images, [i[..., 0] % 4 for i in images]))
    total = pw.Confusion(4)
    from pixelwise.evaluation.predicting import predict

    with pytest.raises(UsageError, match="as_model") as caught:
        predict(Net(), split, confusion=total)
    assert caught.value.code == "bad-model"
    predict(as_model(Net()), split, confusion=total, tiling=pw.Tiling(window=(16, 16)))
    assert total.counts.sum() == sum(i[..., 0].size for i in images)
    assert json.dumps(total.scores("mmseg").to_dict())
