"""The pages: their links lead somewhere, and the recipes of CONTRIBUTING.md cannot be followed halfway unnoticed."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import pixelwise as pw
from pixelwise.formats import known
from pixelwise.formats.format import Format
from pixelwise.formats.opening import known_formats
from pixelwise.metrics.protocols import PROTOCOLS
from pixelwise.packs.encodings.table import ENCODINGS
from tests.support.places import REPOSITORY
from tests.support.remote import store_with
from tests.support.scripts import ran, scripts
from tests.support.voc import paint_voc

PAGES = [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md"), REPOSITORY / "benchmarks/README.md"]
OURS = ("src/", "tests/", "docs/", "benchmarks/", "examples/", ".ci/")


def read(name: str) -> str:
    return (REPOSITORY / name).read_text("utf-8")


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"(?m)^#+ (.+)$", page.read_text("utf-8"))
    return {re.sub(r"[^a-z0-9_ -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            path, _, anchor = target.partition("#")
            other = (page.parent / path) if path else page
            assert other.exists(), target
            assert not anchor or anchor in anchors(other), target


@pytest.mark.parametrize("page", PAGES[:-1], ids=lambda p: p.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    for path in re.findall(r"`([\w./-]+/[\w./-]*)`", page.read_text("utf-8")):
        if path.startswith(OURS) and "ROOM" not in path:
            assert (REPOSITORY / path).exists(), path


def test_every_page_is_reached_from_the_readme() -> None:
    text = read("README.md")
    for page in REPOSITORY.glob("docs/*.md"):
        assert f"docs/{page.name})" in text


# -- the recipes ----------------------------------------------------------------------------------------------


def formats_of_the_pages() -> Iterator[tuple[str, Format]]:
    for module in pkgutil.iter_modules(known.__path__, "pixelwise.formats.known."):
        for thing in vars(importlib.import_module(module.name)).values():
            if isinstance(thing, Format):
                yield module.name, thing


def test_every_format_is_in_the_list() -> None:
    listed = list(known_formats().values())
    for module, found in formats_of_the_pages():
        assert found in listed, f"{module}: {found.name} is not in _KNOWN of formats/opening.py"


@pytest.mark.parametrize("name", known_formats())
def test_every_format_has_a_test(name: str) -> None:
    texts = [path.read_text("utf-8") for room in ("formats", "packs") for path in REPOSITORY.glob(f"tests/{room}/*.py")]
    assert any(f'"{name}"' in text for text in texts), "a small tree of it, in tests/formats"


@pytest.mark.parametrize("name", PROTOCOLS)
def test_every_protocol_is_on_the_page(name: str) -> None:
    assert f"| `{name}` |" in read("docs/scores.md")


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_is_on_the_page(name: str) -> None:
    assert f"| `{name}` |" in read("docs/pack.md")


def test_every_public_name_is_on_a_page_and_no_other() -> None:
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"(?m)^\| (`.+?) \|", read("docs/api.md")))))
    transforms = set(re.findall(r"(?m)^\| `(\w+)\(", read("docs/transforms.md")))
    rest = set(pw.__all__) - transforms - {"from_albumentations"}
    assert named == rest, "docs/api.md lists the public names"


@pytest.mark.parametrize("name", ["README.md", "docs/compare.md"])
def test_speeds_are_those_of_the_race(name: str) -> None:
    """The first job of benchmarks/results/race.md; two pages once had those of two races."""
    job = read("benchmarks/results/race.md").partition("## Job 1")[2].partition("\n## ")[0]
    measured = set(re.findall(r"\| \*\*([\d,]+)\*\* ", job))
    table = re.search(r"(?m)^\| \| images/s \|\n\|[-|]+\n((?:\|.*\n)+)", read(name))
    assert table is not None
    said = [n for row in table[1].splitlines() for n in re.findall(r"\d[\d,]*", row.rsplit("|", 2)[1])]
    assert len(said) > 8
    assert set(said) <= measured


def test_the_ten_lines_of_the_readme_print_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed = re.findall(r"(?s)```python\n(.*?)```\n\n```\n(.*?)```", read("README.md"))[0]
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    assert capsys.readouterr().out == printed
    assert sum(map(bool, code.splitlines())) <= 11


def test_the_scripts_about_scale_run_as_they_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pw.pack(paint_voc(tmp_path / "VOC2012", 4), tmp_path / "pack", encoding="original")
    with store_with(monkeypatch, voc=tmp_path / "pack"):
        pool, store = (ran(code, tmp_path) for code in scripts(with_ray=False))
    assert (pool.returncode, store.returncode) == (0, 0), pool.stderr + store.stderr
    assert pool.stdout == f"{pw.check(tmp_path / 'VOC2012')}\n"
