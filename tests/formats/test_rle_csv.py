"""Run lengths in a CSV against masks that were encoded by counting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from tests.support.making import picture, save

SIZE = (12, 17)


def encoded(mask: Any, by_rows: bool = False) -> str:
    """Starts and lengths, from 1, of the runs of True down the columns, or along the rows."""
    flat = np.concatenate([[0], (mask if by_rows else mask.T).reshape(-1).astype(np.int8), [0]])
    edges = np.flatnonzero(np.diff(flat))
    return " ".join(f"{a + 1} {b - a}" for a, b in edges.reshape(-1, 2).tolist())


@pytest.mark.parametrize("order", ["column", "row"])
def test_labels_equal_the_masks(order: str, tmp_path: Path) -> None:
    label = np.random.default_rng(0).integers(0, 3, SIZE)
    save(tmp_path / "train_images/a.png", picture(1))
    rows = "".join(f"a.png,{k},{encoded(label == k, order == 'row')}\n" for k in (1, 2))
    (tmp_path / "train.csv").write_text("ImageId,ClassId,EncodedPixels\n" + rows)
    dataset = pw.open(tmp_path, format="rle_csv", order=order)
    assert dataset.format == "rle_csv"
    assert dataset.classes.names == ("background", "1", "2")
    assert np.array_equal(dataset["train"][0].label, label)


def test_a_bad_row_is_a_fault_of_its_image(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / f"train_images/{name}.png", picture(len(name)))
    (tmp_path / "train.csv").write_text("ImageId,EncodedPixels\na.png,1 5 3 2\nb.png,1 5\n")
    train = pw.open(tmp_path)["train"]
    with pytest.raises(pw.PixelwiseError, match=r"train.csv:2.*begins before"):
        train[0]
    assert int((train[1].label == 1).sum()) == 5
