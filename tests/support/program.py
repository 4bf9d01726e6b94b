"""The command line, in a process of its own or in this one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from pixelwise.cli import main


class Done(NamedTuple):
    """What a command said."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`pixelwise ...`, in `folder`."""
    command = [sys.executable, "-m", "pixelwise", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def run_here(patch: pytest.MonkeyPatch, said: pytest.CaptureFixture[str], *arguments: object) -> Done:
    """`pixelwise ...` in this process, which is faster. said: pytest's capsys."""
    patch.setattr(sys, "argv", ["pixelwise", *map(str, arguments)])
    said.readouterr()
    code = 0
    try:
        main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    return Done(code, *said.readouterr())
