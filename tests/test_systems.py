"""Systems other than the one that the tests run on, as far as that can be seen from here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.places import REPOSITORY


def test_nothing_of_posix_is_needed(tmp_path: Path) -> None:
    script = REPOSITORY / "tests/support/without_posix.py"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    modules, batches = (int(word) for word in done.stdout.split() if word.isdigit())
    assert modules > 280
    assert batches > 0
