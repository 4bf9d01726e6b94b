"""Many runs on the same images: a table, their rank, and which differences are more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UsageError
from ..hints import hinted
from ..results import Result, in_percent
from .bootstrap import Bootstrap, paired_bootstrap
from .confusion import Confusion
from .intervals import Method
from .protocols import ProtocolName
from .scores import Scores


@dataclass(frozen=True, slots=True, eq=False)
class RunComparison(Result):
    """Runs from the best mIoU to the worst. `str()` is a table, `rows()` one dict per run.

    names: of the runs, in this order. scores: of each. behind: of each but the first, its difference to the first,
    paired by image.
    """

    names: tuple[str, ...]
    scores: tuple[Scores, ...]
    behind: tuple[Bootstrap, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Rank, run and scores in percent, and the difference to the first with its interval; for pandas.DataFrame."""
        out = []
        for k, (name, scores) in enumerate(zip(self.names, self.scores, strict=True)):
            found = None if k == 0 else self.behind[k - 1]
            row = {"rank": k + 1, "run": name, "mIoU": 100 * scores.miou, "accuracy": 100 * scores.pixel_accuracy}
            for key in ("value", "low", "high"):
                value = float("nan") if found is None else 100 * float(getattr(found.miou, key))
                row["difference" if key == "value" else key] = None if np.isnan(value) else value
            row["clear"] = found is not None and found.miou_holds and bool(found.miou.excludes_zero)
            out.append(row)
        return out

    def __repr__(self) -> str:
        found = zip(self.names, self.scores, strict=True)
        return f"RunComparison({', '.join(f'{n} {in_percent(s.miou)} %' for n, s in found)})"

    def __str__(self) -> str:
        width = max(3, *(len(name) for name in self.names))
        lines = [f"   {'run':<{width}}  mIoU %  accuracy %  less than the first"]
        for row in self.rows():
            apart = ""
            if row["difference"] is not None:
                apart = f"{row['difference']:+.2f}"
                if row["low"] is not None:
                    apart += f" ({row['low']:+.2f} to {row['high']:+.2f})" + ("  *" if row["clear"] else "")
            cells = f"{row['mIoU']:>6.2f}  {row['accuracy']:>10.2f}  {apart}"
            lines.append(f"{row['rank']:>2} {row['run']:<{width}}  {cells}".rstrip())
        lines.append("* the interval of the paired difference excludes 0")
        if any(not found.miou_holds for found in self.behind):
            lines.append("no star for mIoU over classes in fewer than 20 images: compare by per-image")
        return "\n".join(lines)


@hinted
def compare_runs(
    runs: Mapping[str, Confusion],
    protocol: ProtocolName = "voc",
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    method: Method = "percentile",
) -> RunComparison:
    """Rank the confusions of several runs on the same images, by name.

    All need `per_image=True` and the same images; see `paired_bootstrap`, whose errors are raised. UsageError for fewer
    than two runs. With many runs some intervals exclude 0 by chance.

    >>> import numpy as np
    >>> import pixelwise as pw
    >>> runs = {}
    >>> for name, wrong in (("old", 4), ("new", 1)):
    ...     runs[name] = pw.Confusion(2, per_image=True)
    ...     for k in range(30):
    ...         truth = np.repeat([0, 1], 10)
    ...         _ = runs[name].update(np.where(np.arange(20) < wrong + k % 3, 1, truth), truth, str(k))
    >>> pw.compare_runs(runs)
    RunComparison(new 81.67 %, old 58.33 %)
    """
    if not isinstance(runs, Mapping) or len(runs) < 2:
        raise UsageError("compare_runs takes a dict of at least two runs", fix="give {name: confusion, ...}")
    scores = {str(name): confusion.scores(protocol) for name, confusion in runs.items()}
    order = sorted(scores, key=lambda name: -scores[name].miou)
    known = {str(name): confusion for name, confusion in runs.items()}
    options: Any = {"resamples": resamples, "level": level, "seed": seed, "method": method}
    behind = [paired_bootstrap(known[order[0]], known[name], protocol, **options) for name in order[1:]]
    return RunComparison(tuple(order), tuple(scores[name] for name in order), tuple(behind))
