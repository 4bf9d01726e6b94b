"""Runs: folders of predictions, scored in the background exactly as `score` does."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, MissingError, PixelwiseError
from ..evaluation.prediction_files import SUFFIXES, Holding, PredictionFile, file_of, read_prediction
from ..evaluation.result_files import predictions_of
from ..evaluation.scoring import Scoring, score
from ..metrics.protocols import ProtocolName
from ..metrics.rates import ratio
from ..results import json_values
from ..types import F64, I64, U8, Label, Size
from .confused import Confused, Mistake
from .entries import Entries, Item
from .pictures import label_ids, marked_errors


class Run:
    """The predictions of one split. Thread-safe.

    name: what the page calls it. root: the folder, or the file of results. holds: what the files hold. part: the number
    of the split. protocol: of the scores. The scores are those of `score`, or there are none and `error` says why.
    """

    def __init__(self, root: Path, name: str, entries: Entries, part: int, protocol: str, holds: Holding) -> None:
        self.root: Path = root
        self.name: str = name
        self.part: int = part
        self.protocol: str = protocol
        self.done: int = 0
        self.error: str = ""
        self.scoring: Scoring | None = None
        self._entries = entries
        self._scores: F64 = np.full(len(entries), np.nan)
        self._holds = holds
        self._stop = threading.Event()
        self.confused: Confused = self.confusion_of(range(*entries.starts[part : part + 2]))

    def confusion_of(self, within: Sequence[int]) -> Confused:
        """What counts the confusion of the entries `within`."""
        entries = self._entries
        return Confused(lambda i: self._both(entries.entry(i)), within, Item(entries.splits[self.part], 0))

    def covers(self, number: int) -> bool:
        """Whether entry `number` is in the split of this run."""
        starts = self._entries.starts
        return bool(starts[self.part] <= number < starts[self.part + 1])

    def prediction(self, entry: Item) -> NDArray[Any]:
        """(H, W) class ids; a pixel that is not a class keeps another number. Raises as `read_prediction`."""
        split, index = entry
        height, width = split.sizes(np.array([index]))[0].tolist()
        return self._read(entry, (height, width))

    def errors(self, entry: Item) -> U8:
        """(H, W) uint8: see `pictures.marked_errors`."""
        (truth, ids), classes = self._both(entry), entry.split.classes
        return marked_errors(ids, truth, len(classes), classes.ignore_index)

    def marked(self, entry: Item, pair: Mistake) -> U8:
        """(H, W) uint8: 1 where the pixels of the pair are."""
        return pair.marked(*self._both(entry), len(entry.split.classes))

    def _both(self, entry: Item) -> tuple[Label, NDArray[Any]]:
        truth = label_ids(entry)
        return truth, self._read(entry, (truth.shape[0], truth.shape[1]))

    def _read(self, entry: Item, size: Size) -> NDArray[Any]:
        return read_prediction(self._file(entry), entry.split.classes, size, self._holds)

    def _file(self, entry: Item) -> PredictionFile:
        if not self.root.is_dir():
            return self._listed[entry.at]
        path = file_of(self.root, entry.split.names[entry.at])
        found = next((p for suffix in SUFFIXES if (p := path.with_name(path.name[:-4] + suffix)).exists()), None)
        if found is not None:
            return found
        try:
            return self._listed[entry.at]  # a frame of Cityscapes, whose file has more than its name
        except DataError:  # of the folder; this one file is missing
            fix = "predict all samples of the split"
            raise MissingError("no such prediction", code="missing-prediction", where=path, fix=fix) from None

    @cached_property
    def _listed(self) -> Sequence[PredictionFile]:
        return predictions_of(self.root, self._entries.splits[self.part])

    # -- scores -----------------------------------------------------------------------------------------------

    def find_scores(self) -> None:
        """Score the run, in the thread that calls this; `stop` ends it."""
        split = self._entries.splits[self.part]
        try:
            protocol = cast("ProtocolName", self.protocol)
            held: dict[str, Any] = {"threshold": self._holds.threshold}
            held |= {"stored_values": self._holds.values == "stored values", "masks": self._holds.values == "masks"}
            found = score(self.root, split, protocol, threads=1, progress=self._count, **held)
            start = self._entries.starts[self.part]
            self._scores[start : start + len(split)] = found.image_miou()
            self.scoring = found
        except PixelwiseError as error:
            notes: list[str] = getattr(error, "__notes__", [])
            self.error = "\n".join([str(error), *notes])
        except _StoppedError:
            pass

    def stop(self) -> None:
        """End what is counted in the background at the next image."""
        self._stop.set()
        self.confused.stop()

    def _count(self, done: int, total: int | None) -> None:
        self.done = done
        if self._stop.is_set():
            raise _StoppedError

    def scores(self) -> F64:
        """(n,) float64 mean IoU (0..1) of each entry over the classes in its truth or prediction; NaN if unknown."""
        return self._scores

    def class_scores(self, id: int) -> F64:
        """(n,) float64 IoU (0..1) of a class in each entry; NaN if unknown, or if truth and prediction lack it."""
        out = np.full(len(self._entries), np.nan)
        if self.scoring is not None and id < len(self._entries.classes):
            start, totals = self._entries.starts[self.part], self.scoring.confusion.images.totals
            out[start : start + len(totals)] = _iou(totals[:, :, id].T)
        return out

    def ious(self, number: int) -> dict[int, float]:
        """The IoU (0..1) of each class that is in the truth or the prediction of an entry, as far as they are known."""
        if self.scoring is None or not self.covers(number):
            return {}
        found = _iou(self.scoring.confusion.images.totals[number - self._entries.starts[self.part]])
        known = np.flatnonzero(~np.isnan(found))
        return dict(zip(known.tolist(), found[known].tolist(), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """What the page shows of the run: progress, then the scores by class, the numbers of `score`."""
        split = self._entries.splits[self.part]
        found = None if self.scoring is None else json_values(self.scoring.scores.to_dict())
        return {
            "name": self.name, "split": split.name, "protocol": self.protocol, "error": self.error,
            "done": self.done, "total": len(split), "scores": found,
        }  # fmt: skip


def _iou(totals: I64) -> F64:
    """(k,) float64 from (4, k) totals as in `ImageTotals`; NaN where there is nothing to divide by."""
    agreed, truth, predicted, _ = totals
    return ratio(agreed, truth + predicted - agreed, np.nan)


class _StoppedError(Exception):
    pass


def run_names(roots: Sequence[Path]) -> Iterator[str]:
    """A name for each folder: its own, or, where two share that, as much of their paths as tells them apart."""
    for root in roots:
        others = [r for r in roots if r != root]
        parts = next((k for k in range(1, len(root.parts)) if all(r.parts[-k:] != root.parts[-k:] for r in others)), 1)
        yield "/".join(root.parts[-parts:])
