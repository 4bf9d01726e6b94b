"""pixelwise inside a Lightning fit: a TensorLoader is the training data, nothing else is needed.

    pip install 'pixelwise[torch]' lightning
    python examples/lightning_fit.py out

Paints 64 images into the folder and trains a few convolutions for two epochs. Shuffling, cropping and flipping are
addressed by (seed, epoch, sample), so that two runs see the same batches; Lightning moves them by `TensorBatch.to`.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import lightning
import torch
from torch import nn
from torch.nn import functional as F

import pixelwise as pw
from pixelwise.torch import TensorBatch, TensorLoader


class Segmenter(lightning.LightningModule):
    """Logits of every pixel by three convolutions; void counts in no loss."""

    def __init__(self, classes: pw.ClassTable) -> None:
        super().__init__()
        self.ignore_index = -100 if classes.ignore_index is None else classes.ignore_index
        widths = (3, 16, 32, len(classes))
        layers = [nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths)]
        self.network = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])

    def training_step(self, batch: TensorBatch, _index: int) -> torch.Tensor:
        """Cross-entropy of one batch."""
        loss = F.cross_entropy(self.network(batch.images), batch.labels, ignore_index=self.ignore_index)
        self.log("loss", loss, prog_bar=True, batch_size=len(batch))
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), 1e-3)


def main() -> None:
    """Paint, load, fit."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("lightning-out"))
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    voc = pw.open(pw.sample(options.folder, count=options.images))
    transforms = [pw.RandomCrop(128, pad_if_needed=True), pw.RandomHorizontalFlip(), pw.Normalize()]
    loader = pw.Loader(voc["train"], 8, transforms, shuffle=True, drop_last=True)
    trainer = lightning.Trainer(
        max_epochs=options.epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_model_summary=False, default_root_dir=options.folder,
    )  # fmt: skip
    trainer.fit(Segmenter(voc.classes), TensorLoader(loader))
    print(f"{trainer.global_step} steps, last loss {float(trainer.callback_metrics['loss']):.3f}")


if __name__ == "__main__":
    main()
