"""Every command in any encoding, width and pipe: no traceback, no cut number, no raw control character."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pixelwise.cli import console
from tests.support.tree import Tree, mask, picture

COMMANDS = (
    ("info", "{root}"), ("check", "{root}"), ("stats", "{root}", "--weights", "enet", "--together"),
    ("load", "{root}", "--size", "20x20"),
    ("show", "{root}", "-o", "{out}/sheet.png"), ("score", "{root}/SegmentationClass", "{root}", "--split", "val"),
    ("init", "{root}", "-o", "{out}/x.toml"), ("pack", "{root}", "{out}/x.pack"), ("verify", "{out}/x.pack"),
    ("convert", "{root}", "{out}/converted"), ("check", "{root}", "--json"), ("--help",), ("stats", "--help"),
)  # fmt: skip
HOSTILE = "s\x1b[31mred\u202eevil"


def run(folder: Path, root: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "pixelwise", *(w.format(root=root, out=folder) for w in words)]
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with findings, one of them about a file with a hostile name."""
    tree = Tree(tmp_path_factory.mktemp("terminals") / "voc")
    tree.image(HOSTILE, picture(50))
    tree.label(HOSTILE, mask(1))
    return tree.root


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
def test_no_command_fails_for_its_characters(root: Path, tmp_path: Path, encoding: str) -> None:
    for words in COMMANDS:
        done = run(tmp_path, root, *words, PYTHONIOENCODING=encoding)
        assert b"Traceback" not in done.stderr, (words, done.stderr)
        text = (done.stdout + done.stderr).decode(encoding)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text), words


def test_a_closed_pipe_is_not_a_failure(root: Path) -> None:
    command = [sys.executable, "-m", "pixelwise", "stats", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as stats:
        assert stats.stdout is not None
        assert stats.stderr is not None
        stats.stdout.close()
        assert stats.stderr.read() == b""
        assert stats.wait() == 141


def test_nothing_is_cut_in_a_pipe(root: Path, tmp_path: Path) -> None:
    for words in COMMANDS:
        assert "…".encode() not in run(tmp_path, root, *words, COLUMNS="40").stdout, words


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_columns_go_before_numbers_are_cut(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "out", console.Console(highlight=False, width=width))
    rows = console.Rows("class", ">pixels", "bar", ">share", spare=("bar", "share"))
    numbers = np.random.default_rng(0).integers(0, 10_000_000, 8).tolist()
    for n in numbers:
        rows.add("diningtable", f"{n:,}", ("█" * 40, "red"), f"{n / 1e5:.2f} %")
    rows.print()
    text = capsys.readouterr().out
    assert all(f"{n:,}" in text for n in numbers)
    assert ("█" in text) == (width >= 80)
    assert ("left out at this width" in " ".join(text.split())) == (width < 80)
