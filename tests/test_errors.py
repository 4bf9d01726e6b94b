"""Errors between processes, and paths as people read them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from pixelwise import errors
from pixelwise.errors import PixelwiseError, UsageError, shown


def kinds(base: type[PixelwiseError] = PixelwiseError) -> list[type[PixelwiseError]]:
    """The class and all that are made from it."""
    return [base, *(kind for below in base.__subclasses__() for kind in kinds(below))]


@pytest.mark.parametrize("kind", kinds())
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_pickles_with_notes_and_cause(kind: type[PixelwiseError], protocol: int) -> None:
    assert len(kinds()) > 12
    error = kind("half a file", code="truncated", where=Path("/data/a.png"), fix="copy it again")
    error.add_note("listed in train.txt")
    error.__cause__ = ZeroDivisionError("by zero")
    for _ in range(2):  # also once more, from there
        error = pickle.loads(pickle.dumps(error, protocol))
        assert type(error) is kind
        assert (error.message, error.code, error.where, error.fix) == (
            "half a file", "truncated", "/data/a.png", "copy it again",
        )  # fmt: skip
        assert str(error) == "/data/a.png: half a file; copy it again [truncated]"
        assert error.__notes__ == ["listed in train.txt"]
        assert str(error.__cause__) == "ZeroDivisionError: by zero"


def test_an_error_without_place_notes_or_cause_pickles() -> None:
    error = pickle.loads(pickle.dumps(UsageError("no")))
    assert (error.where, error.fix, error.__cause__, getattr(error, "__notes__", [])) == (None, None, None, [])


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("{}", "."), ("{}/a/b.png", "a/b.png"), ("{}/a.txt:3: no such file", "a.txt:3: no such file"),
        ("listed in {}/a b.txt, {}/c", "listed in a b.txt, c"), ("'{}/a'", "'a'"), ("({}/a)", "(a)"),
        ("/mnt{}/a", "/mnt{}/a"), ("{}2/a", "{}2/a"), ("nothing", "nothing"), ("{}/", "{}/"),
    ],
)  # fmt: skip
def test_paths_below_the_current_directory_are_short(
    text: str, short: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = Path.cwd()
    assert shown(text.replace("{}", str(here))) == short.replace("{}", str(here))


def test_at_the_top_and_nowhere_paths_are_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert shown("/data/a.png") == "/data/a.png"
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert errors.shown("/data/a.png") == "/data/a.png"
