"""The command line in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def run(*arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`pixelwise ...`, in `folder`."""
    command = [sys.executable, "-m", "pixelwise", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
