"""The viewer over a pack in a store shows what it shows of the pack on the disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pixelwise as pw
from tests.support.packing import voc_tree
from tests.support.program import run
from tests.support.remote import address, store_with


def test_a_pack_in_a_store_is_shown_as_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("starlette", reason="pixelwise[view] is not installed")
    pw.pack(voc_tree(tmp_path / "VOC2012"), tmp_path / "a.pack", encoding="original")
    with store_with(monkeypatch, a=tmp_path / "a.pack"):
        pages = []
        for place in (tmp_path / "a.pack", address("a")):
            done = run("view", place, "--split", "trainval", "--export", tmp_path / "page.html")
            assert done.returncode == 0, done.stderr
            assert "10 samples" in done.stdout
            page = (tmp_path / "page.html").read_text("utf-8")
            assert all(f"2007_{k:06}" in page for k in range(10))
            pages.append(re.sub(r'"version": "[0-9a-f]+"', "", page))  # tells addresses of pictures apart
        assert pages[0] == pages[1]
        nothing = run("view", address("b"))
    assert nothing.returncode != 0
    assert "there is no pack: no manifest.json; check the address" in nothing.stderr
