"""Work that is killed: nothing half, everything resumed equal, nothing left over. `.ci/kill` does it at every step."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.killer import WORKS
from tests.support.places import REPOSITORY


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("work", WORKS)
def test_kills_at_steps_and_at_random_instants(tmp_path: Path, work: str) -> None:
    killer = [sys.executable, "-m", "tests.support.killer", work, str(tmp_path), "12", "6", "1"]
    done = subprocess.run(killer, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    left = json.loads(done.stdout)["left"]
    middle = {"replace": "old", "sample": "nothing"}.get(work, "unfinished")  # a folder that appears whole is not begun
    assert left[f"killed, {middle}"] > 6, "kills must strike in the middle"
