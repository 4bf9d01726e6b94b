"""Formats of other packages come by entry points: found after ours, by name, and refused in one line if broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import pixelwise as pw
from pixelwise.dataset.splits import Splits
from pixelwise.errors import UnknownNameError, UsageError
from pixelwise.formats import opening
from pixelwise.formats.format import Format

TABLE = pw.ClassTable(("nothing", "something"))


def find(path: Path) -> Path | None:
    return path if (path / "mine.txt").is_file() else None


def load(root: Path, *, splits: int = 1) -> pw.Dataset:
    makers = {f"s{k}": lambda k=k: pw.Split(f"s{k}", TABLE, pw.ArraySource([])) for k in range(splits)}  # type: ignore[misc]
    return pw.Dataset(root, "mine", TABLE, Splits(makers))


MINE = Format("mine", "mine (mine.txt)", find, load)
NOT_A_FORMAT = "mine"
TAKEN = Format("voc", "mine (mine.txt)", find, load)

Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Entry points as an installed package would have them."""

    def call(*names: str) -> None:
        points = [EntryPoint(n.lower(), f"{__name__}:{n}", opening.GROUP) for n in names]
        monkeypatch.setattr(opening, "entry_points", lambda group: points if group == "pixelwise.formats" else [])
        opening.other_formats.cache_clear()

    yield call
    opening.other_formats.cache_clear()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/mine.txt").write_text("")
    return tmp_path


def test_a_format_of_another_package_opens(install: Install, root: Path) -> None:
    install("MINE")
    for opened in (pw.open(root), pw.open(root / "data"), pw.open(root, format="mine")):
        assert (opened.format, opened.root, list(opened.splits)) == ("mine", root / "data", ["s0"])
    assert list(pw.open(root, splits=2).splits) == ["s0", "s1"]
    with pytest.raises(UsageError, match="format mine has no such option"):
        pw.open(root, speed=2)


def test_ours_go_first(install: Install, root: Path) -> None:
    install("MINE")
    (root / "data/pixelwise.toml").write_text('[images]\npath = "{name}.jpg"\n[[class]]\nname = "a"\n')
    (root / "data/x.jpg").write_bytes(b"")
    assert pw.open(root / "data").format == "toml"
    assert pw.open(root / "data", format="mine").format == "mine"


def test_without_it_the_name_is_unknown(install: Install, root: Path) -> None:
    install()
    with pytest.raises(UnknownNameError, match="no format named 'mine'"):
        pw.open(root, format="mine")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("NOT_A_FORMAT", "must be a Format, got str"),
        ("TAKEN", "another format named 'voc'"),
        ("MISSING", "cannot be loaded"),
    ],
)
def test_a_broken_one_is_named(install: Install, root: Path, name: str, what: str) -> None:
    install(name)
    with pytest.raises(UsageError, match=what) as caught:
        pw.open(root)
    assert caught.value.code == "bad-format"
    assert "\n" not in str(caught.value)
