"""The largest difference between scores and the official programs: what the tests with an oracle compare, measured.

    python benchmarks/differences.py [pytest options]

It runs those tests of tests/metrics and tests/evaluation, and notes for each the largest difference that
`pytest.approx`, `numpy.allclose` and `numpy.array_equal` have seen in it. Oracles whose package is not installed are
skipped, and said so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCALAR: Any = type(pytest.approx(1.0))
ROOT = Path(__file__).resolve().parents[1]
FILES = ("conventions", "image_scores", "metrics", "bands", "surfaces", "instances", "panoptic", "average_precision",
         "davis", "probabilities")  # fmt: skip
ORACLES = ("official", "oracle", "monai", "medpy", "torchmetrics", "scikit", "sklearn", "segmentation_models",
           "authors", "cityscapesscripts", "panopticapi", "pycocotools", "by_loops", "davis", "agree", "protocol",
           "plain_path", "coco", "curve", "ece")  # fmt: skip


class Recorder:
    """Notes what is compared while a test runs."""

    def __init__(self) -> None:
        self.largest: dict[str, float] = {}
        self.skipped: dict[str, str] = {}
        self._now = ""

    def note(self, found: Any, expected: Any) -> None:
        """The largest difference of two results; NaN and infinity in both are none."""
        try:
            a, b = np.broadcast_arrays(np.asarray(found, np.float64), np.asarray(expected, np.float64))
        except (TypeError, ValueError):
            return
        known = np.isfinite(a) & np.isfinite(b)
        off = float(np.abs(a[known] - b[known]).max(initial=0))
        self.largest[self._now] = max(self.largest.get(self._now, 0), off)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Compare with ears open."""
        self._now = item.nodeid.partition("[")[0].rpartition("/")[2]
        equal: Callable[..., bool] = SCALAR.__eq__

        def approx(it: Any, actual: Any) -> bool:
            self.note(actual, it.expected)
            return equal(it, actual)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SCALAR, "__eq__", approx)
            for name in ("allclose", "array_equal"):
                patch.setattr(np, name, self._listening(getattr(np, name)))
            return (yield)

    def _listening(self, compare: Callable[..., bool]) -> Callable[..., bool]:
        def both(a: Any, b: Any, *given: Any, **options: Any) -> bool:
            self.note(a, b)
            return compare(a, b, *given, **options)

        return both

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep why a test was skipped."""
        if report.skipped and isinstance(report.longrepr, tuple):
            self.skipped[report.nodeid.partition("[")[0].rpartition("/")[2]] = report.longrepr[2]


def main() -> int:
    """Run the tests, print the table."""
    recorder = Recorder()
    files = [str(ROOT / "tests" / "metrics" / f"test_{name}.py") for name in FILES]
    files.append(str(ROOT / "tests" / "evaluation" / "test_object_scoring.py"))
    code = pytest.main(["-q", "--no-header", "-k", " or ".join(ORACLES), *files, *sys.argv[1:]], [recorder])
    print("\nlargest difference")
    for name, off in sorted(recorder.largest.items()):
        print(f"  {off:8.1e}  {name}")
    for name, why in sorted(recorder.skipped.items()):
        print(f"  skipped   {name}: {why.removeprefix('Skipped: ')}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
