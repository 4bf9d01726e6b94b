"""All protocols on one confusion, side by side, and why their numbers differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import PixelwiseError
from ..hints import hinted
from ..results import Result, in_percent
from .confusion import Confusion
from .protocols import MEANING, PROTOCOLS, Protocol, ProtocolName
from .rates import Totals
from .scores import Scores


class Reason(NamedTuple):
    """Why numbers differ. cause: what is in these predictions. effects: what is made of it -> by which protocols."""

    cause: str
    effects: dict[str, tuple[str, ...]]

    def __str__(self) -> str:
        return "\n".join([f"- {self.cause}", *(f"    {k}: {', '.join(v)}" for k, v in self.effects.items())])


@dataclass(frozen=True, slots=True)
class ProtocolComparison(Result):
    """The scores of every protocol. scores: by protocol, in the order of `PROTOCOLS`. refused: by protocol, why it
    gives no number. reasons: what in these predictions makes the numbers that there are differ. `str()` is a table.
    """

    scores: dict[ProtocolName, Scores]
    refused: dict[ProtocolName, str]
    reasons: tuple[Reason, ...]

    def __repr__(self) -> str:
        found = ", ".join(f"{name} {in_percent(scores.miou)} %" for name, scores in self.scores.items())
        return f"ProtocolComparison(mIoU: {found}; {len(self.refused)} refused)"

    def __str__(self) -> str:
        width = max(len(name) for name in PROTOCOLS)
        lines = [f"{'protocol':<{width}}  mIoU %  pixel accuracy %  mIoU is the"]
        for name in PROTOCOLS:
            if name in self.refused:
                lines.append(f"{name:<{width}}       -                 -  {self.refused[name]}")
            else:
                s = self.scores[name]
                miou, accuracy = in_percent(s.miou), in_percent(s.pixel_accuracy)
                lines.append(f"{name:<{width}}  {miou:>6}  {accuracy:>16}  {s.average}")
        return "\n".join([*lines, "", "Why they differ:", *(str(reason) for reason in self.reasons)])


@hinted
def compare_protocols(confusion: Confusion) -> ProtocolComparison:
    """Score `confusion` by every protocol. ScoreError `nothing-scored` for an empty one.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> truth = np.array([0, 0, 0, 0, 1, 1])
    >>> confusion = pw.Confusion(3).update(prediction=np.array([0, 0, 0, 2, 1, 1]), truth=truth)
    >>> compared = pw.compare_protocols(confusion)
    >>> round(compared.scores["voc"].miou, 3), round(compared.scores["detectron2"].miou, 3)
    (0.583, 0.875)
    >>> print(compared.reasons[0])  # doctest: +ELLIPSIS
    - classes that are predicted, but absent from the truth: 2
        IoU 0, averaged: voc, cityscapes, ade20k, ... kitti, void-as-background
        not averaged: detectron2, coco-stuff
    """
    confusion.scores("mmseg")  # refuses an empty confusion
    scores, refused = {}, {}
    for name in PROTOCOLS:
        try:
            scores[name] = confusion.scores(name)
        except PixelwiseError as error:
            refused[name] = f"{error.message}; {error.fix}" if error.code == "needs-per-image" else error.message
    return ProtocolComparison(scores, refused, tuple(_reasons(confusion, [PROTOCOLS[name] for name in scores])))


def _reasons(confusion: Confusion, rules: Sequence[Protocol]) -> Iterable[Reason]:
    counts, names = confusion.counts, np.array(confusion.class_names)
    totals, of_each = Totals.of(counts), [p for p in rules if not p.pooled]
    outside, void = int(totals.outside.sum()), int(counts[-1].sum())
    invented = (totals.truth == 0) & (totals.predicted > 0)
    nowhere = (totals.truth == 0) & (totals.predicted == 0)
    if invented.any():
        cause = f"classes that are predicted, but absent from the truth: {_shortened(names[invented])}"
        yield Reason(cause, _grouped(of_each, lambda p: _absent(p, 1)))
    if nowhere.any():
        cause = f"classes that are neither in the truth nor predicted: {_shortened(names[nowhere])}"
        yield Reason(cause, _grouped(of_each, lambda p: _absent(p, 0)))
    if outside:
        cause = f"{outside:,} pixels are predicted outside the classes"
        yield Reason(cause, _grouped(rules, lambda p: MEANING["outside"][p.outside]))
    if void:
        yield Reason(f"{void:,} pixels of the truth are void", _grouped(rules, lambda p: MEANING["void"][p.void]))
    roles = _grouped(rules, lambda p: MEANING["background"][p.background_role(len(names))])
    if len(roles) > 1:
        yield Reason(f"class 0, {names[0]}, may be a background", roles)
    yield Reason("what is averaged", _grouped(rules, lambda p: MEANING["average"][p.average]))


def _absent(rule: Protocol, union: int) -> str:
    # What becomes of a class that is absent from the truth and predicted in `union` pixels.
    if not rule.averaged(np.int64(0), np.int64(union)):
        return "not averaged"
    return "IoU 1, averaged" if rule.counted == "empty is right" and not union else "IoU 0, averaged"


def _grouped(rules: Sequence[Protocol], effect: Callable[[Protocol], str]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for protocol in rules:
        groups.setdefault(effect(protocol), []).append(protocol.name)
    return {text: tuple(names) for text, names in groups.items()}


def _shortened(names: Any) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
