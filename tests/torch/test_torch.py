"""The torch adapter on the CPU. The CUDA path needs a GPU and is not run here."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'pixelwise[torch]'")

import pixelwise as pw  # noqa: E402
from pixelwise.torch import MappingLoader, TensorLoader, as_map_dataset  # noqa: E402

TRANSFORMS = (pw.RandomCrop(40, 60, pad_if_needed=True), pw.RandomHorizontalFlip(p=0.5), pw.Normalize())


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> pw.Split:
    return pw.open(pw.sample(tmp_path_factory.mktemp("torch") / "s", count=12, seed=1))["trainval"]


def loader(split: pw.Split, **options: object) -> pw.Loader:
    return pw.Loader(split, 4, TRANSFORMS, shuffle=True, seed=3, **options)  # type: ignore[arg-type]


def test_images_are_the_batchs_own_memory(split: pw.Split) -> None:
    plain = [b.images.copy() for b in loader(split)]
    it = iter(TensorLoader(loader(split, label_dtype="int64")))
    first = next(it)
    assert first.images.data_ptr() % 8 == 0
    numpy_view = first.images.numpy()
    assert not numpy_view.flags.owndata
    assert np.array_equal(numpy_view, plain[0])
    assert first.labels is not None
    assert first.labels.dtype == torch.int64


def test_a_tensor_keeps_its_memory(split: pw.Split) -> None:
    tensors = TensorLoader(loader(split, prefetch=1))
    kept = [images for _ in range(4) for images, _ in tensors]
    copies = [t.clone() for t in kept]
    for _ in tensors:
        pass
    assert all(torch.equal(a, b) for a, b in zip(kept, copies, strict=True))


@pytest.mark.parametrize("output", ["uint8", "uint8-hwc"])
def test_normalizing_on_the_device_equals_normalizing_in_the_kernel(split: pw.Split, output: str) -> None:
    for a, b in zip(TensorLoader(loader(split)), TensorLoader(loader(split, output=output)), strict=True):
        assert torch.allclose(a.images, b.images, atol=2e-6)
        assert a.labels is not None
        assert b.labels is not None
        assert torch.equal(a.labels, b.labels)


def test_dtypes_and_memory_formats(split: pw.Split) -> None:
    batch = next(iter(TensorLoader(loader(split), dtype=torch.bfloat16, label_dtype=None, channels_last=True)))
    assert batch.images.dtype == torch.bfloat16
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.labels is not None
    assert batch.labels.dtype == torch.uint8
    assert batch.to("cpu").names == batch.names


def test_resuming(split: pw.Split) -> None:
    whole = [b.images.clone() for b in TensorLoader(loader(split))]
    tensors = TensorLoader(loader(split))
    next(iter(tensors))
    resumed = TensorLoader(loader(split))
    resumed.load_state_dict(tensors.state_dict())
    rest = [b.images for b in resumed]
    assert len(rest) == len(whole) - 1
    assert all(torch.equal(a, b) for a, b in zip(rest, whole[1:], strict=True))


@pytest.mark.parametrize(("workers", "context"), [(0, None), (2, "fork"), (2, "spawn")])
def test_map_dataset_under_torchs_own_loader(split: pw.Split, workers: int, context: str | None) -> None:
    dataset = as_map_dataset(split, TRANSFORMS, seed=3)
    dataset.set_epoch(0)
    plain = {int(i): (b.images[k].copy(), b.labels[k]) for b in loader(split) for k, i in enumerate(b.indices)}
    theirs = torch.utils.data.DataLoader(
        dataset, batch_size=1, num_workers=workers, multiprocessing_context=context, persistent_workers=workers > 0
    )
    first = list(theirs)
    for i, (image, label) in enumerate(first):
        assert np.array_equal(image[0].numpy(), plain[i][0])
        assert np.array_equal(label[0].numpy(), plain[i][1])
    dataset.set_epoch(1)
    assert any(not torch.equal(a[0], b[0]) for a, b in zip(first, theirs, strict=True))


def test_map_dataset_without_epochs_still_draws_anew(split: pw.Split) -> None:
    dataset = as_map_dataset(split, TRANSFORMS)
    assert not torch.equal(dataset[0][0], dataset[0][0])


def test_a_map_dataset_leaves_out_what_a_loader_leaves_out(split: pw.Split) -> None:
    heights = split.sizes()[:, 0]
    crop, fewer = [pw.RandomCrop(int(heights.max()), 60)], int((heights < heights.max()).sum())
    with pytest.warns(pw.PixelwiseWarning, match=f"{fewer} of 12 samples") as said:
        dataset = as_map_dataset(split, crop)
    assert len(said) == 1
    assert len(dataset) == 12 - fewer
    assert dataset.dropped == pw.Loader(split, 2, crop, small="drop").dropped
    assert {tuple(dataset[i][1].shape) for i in range(len(dataset))} == {(heights.max(), 60)}
    assert len(as_map_dataset(split, crop, small="pad")) == 12
    assert as_map_dataset(split, crop, small="pad")[int(np.argmin(heights))][0].shape == (3, heights.max(), 60)
    with pytest.raises(pw.DataError, match="smaller than the crop") as caught:
        as_map_dataset(split, crop, small="error")
    assert caught.value.code == "image-too-small"
    for nothing in (lambda: as_map_dataset(split, [pw.RandomCrop(4000, 4000)]), lambda: as_map_dataset(split[:0])):
        with pytest.raises(pw.DataError) as caught:
            nothing()
        assert caught.value.code == "no-batches"


def test_padding_of_many_classes_without_void_is_no_class() -> None:
    table = pw.ClassTable(tuple(map(str, range(300))), ignore_index=None)
    label = np.full((4, 5), 299, np.uint16)
    one = pw.Split("one", table, pw.ArraySource([np.zeros((4, 5, 3), np.uint8)], [label]))
    for transforms in ([pw.Pad(1)], [pw.Apply(lambda image, label: (image, label)), pw.Pad(1)]):
        dataset, batch = as_map_dataset(one, transforms), next(iter(pw.Loader(one, 1, transforms)))
        found = dataset[0][1].numpy()
        assert (found[1:-1, 1:-1] == 299).all()
        assert set(np.unique(found)) == {299, 65_535}
        assert np.array_equal(found, batch.labels[0])


def test_interleaved_and_bfloat16_outputs_are_tensors(split: pw.Split) -> None:
    plain = next(iter(TensorLoader(loader(split))))
    pixels = next(iter(TensorLoader(loader(split, output="float32-hwc"))))
    assert torch.equal(pixels.images, plain.images)
    assert pixels.images.is_contiguous(memory_format=torch.channels_last)
    pytest.importorskip("ml_dtypes", reason="NumPy has no bfloat16")
    half = next(iter(TensorLoader(loader(split, output="bfloat16"), dtype=torch.bfloat16)))
    assert torch.equal(half.images, plain.images.to(torch.bfloat16))


def test_batches_as_mappings(split: pw.Split) -> None:
    made = MappingLoader(TensorLoader(loader(split)))
    assert len(made) == len(loader(split))
    for found, (images, labels) in zip(made, TensorLoader(loader(split)), strict=True):
        assert list(found) == ["pixel_values", "labels"]
        assert torch.equal(found["pixel_values"], images)
        assert torch.equal(found["labels"], labels)
    assert made.state_dict()["epoch"] == 1
    item = as_map_dataset(split, TRANSFORMS, keys=("a", "b"))[0]
    assert {name: tuple(tensor.shape) for name, tensor in item.items()} == {"a": (3, 40, 60), "b": (40, 60)}
    for keys in (("a",), ("a", "a"), "ab", (1, 2)):
        with pytest.raises(pw.UsageError, match="keys must be two names"):
            MappingLoader(TensorLoader(loader(split)), keys)  # type: ignore[arg-type]
    with pytest.raises(pw.UsageError, match="takes a TensorLoader"):
        MappingLoader(loader(split))  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", [None, ("a", "b")])
@pytest.mark.parametrize("transforms", [[], [pw.Normalize()]])
def test_collate_pads_as_a_loader_does(split: pw.Split, keys: tuple[str, str] | None, transforms: list) -> None:
    dataset = as_map_dataset(split, transforms, keys=keys)
    found = next(iter(torch.utils.data.DataLoader(dataset, batch_size=6, collate_fn=dataset.collate)))
    images, labels = found if keys is None else (found["a"], found["b"])
    batch = next(iter(pw.Loader(split, 6, transforms)))
    assert len({tuple(size) for size in batch.sizes.tolist()}) > 1
    assert np.abs(images.numpy() - batch.images).max() < 1e-6
    assert np.array_equal(labels.numpy(), batch.labels)


def test_a_loader_that_was_pickled_goes_its_own_way(split: pw.Split) -> None:
    for make in (
        lambda: loader(split), lambda: TensorLoader(loader(split)), lambda: MappingLoader(TensorLoader(loader(split))),
    ):  # fmt: skip
        one = make()
        next(iter(one))
        other = pickle.loads(pickle.dumps(one))
        assert other.state_dict() == one.state_dict()
        other.load_state_dict(one.state_dict())
        assert len(list(other)) == len(one) - 1
        assert one.state_dict()["batch"] == 1


def test_what_is_no_loader_split_or_type_is_refused(split: pw.Split) -> None:
    for wrong in (
        lambda: TensorLoader(split), lambda: TensorLoader(loader(split), dtype="float16"),
        lambda: as_map_dataset(loader(split)), lambda: as_map_dataset(split, pw.Normalize()),
        lambda: as_map_dataset(split).set_epoch(-1),
    ):  # fmt: skip
        with pytest.raises(pw.UsageError):
            wrong()  # type: ignore[no-untyped-call]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # its own
def test_lightning_fits(split: pw.Split, tmp_path: Path) -> None:
    lightning = pytest.importorskip("lightning", reason="Lightning is not installed")

    class Module(lightning.LightningModule):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(3, 21, 1)

        def training_step(self, batch: object, _: int) -> object:
            images, labels = batch  # type: ignore[misc]
            return torch.nn.functional.cross_entropy(self.layer(images), labels, ignore_index=255)

        def configure_optimizers(self) -> object:
            return torch.optim.SGD(self.parameters(), 0.01)

    trainer = lightning.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(Module(), TensorLoader(loader(split)))
    assert trainer.global_step == 2 * len(loader(split))


TORCH_MISTAKES = {
    "tensors.dataset": "TensorLoader has no attribute 'dataset'; loader.loader.split is what it reads",
    "tensors.batch_size": "TensorLoader has no attribute 'batch_size'; loader.loader.batch_size",
    "tensors.set_epoch(1)": "each iteration is the next epoch",
    "next(tensors)": "TensorLoader is not an iterator; next(iter(loader)) is its first batch",
    "tensors[0]": "TensorLoader cannot be indexed, got 0; ",
    "batch['images']": "TensorBatch cannot be indexed, got 'images'; batch.images and batch.labels are the tensors",
    "batch.mask": "TensorBatch has no attribute 'mask'; labels has them",
    "batch.cuda()": "to(device) moves it",
    "TensorLoader(split, batch_size=4)": "pw.Loader has that",
    "as_map_dataset(loader(split))": 'takes a Split, got Loader; pass dataset["train"], or the split of a Loader',
    "as_model(3)": "as_model() takes a torch.nn.Module, got 3",
    "as_model(torch.nn.Conv2d(3, 2, 1)).eval()": "it is in eval mode while it predicts",
    "next(iter(DataLoader(loader(split))))": "torch's DataLoader takes pixelwise.torch.as_map_dataset(split)",
    "pixelwise.torch.Dataset": "it is pixelwise.Dataset",
}
"""What is written, and a part of what is said."""


@pytest.mark.parametrize("mistake", TORCH_MISTAKES)
def test_a_mistake_with_torch_is_met_with_the_answer(split: pw.Split, mistake: str) -> None:
    tensors = TensorLoader(loader(split))
    names = globals() | {"split": split, "tensors": tensors, "batch": next(iter(tensors)), "pixelwise": pw}
    exec("import pixelwise.torch\nfrom torch.utils.data import DataLoader\nfrom pixelwise.torch import as_model", names)
    with pytest.raises((pw.PixelwiseError, AttributeError)) as caught:
        exec(mistake, names)
    assert TORCH_MISTAKES[mistake] in str(caught.value)
    assert "\n" not in str(caught.value)
