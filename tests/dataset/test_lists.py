"""Split lists: every hostile one has its outcome, and nothing is lost or gained."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixelwise as pw
from pixelwise.dataset.lists import parse_list
from pixelwise.errors import ListError, PixelwiseError
from tests.support.hostile import copy_good_tree, rows

# Names that the lists use and that are no part of the good tree: files of these names are put beside the others.
EXTRA = [f"sub/2007_{i:06d}" for i in range(1, 7)] + [
    "café_猫_\U0001f408", "my image 01", "2007_00000a", "<img src=x onerror=alert(1)>", "-rf",
]  # fmt: skip


def _tree(hostile: Path, tmp_path: Path) -> Path:
    root = copy_good_tree(hostile, tmp_path)
    shutil.copytree(root / "SegmentationClass", root / "SegmentationClassAug")
    for name in EXTRA:
        for folder, suffix in (("JPEGImages", ".jpg"), ("SegmentationClass", ".png")):
            target = root / folder / (name + suffix)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(root / folder / f"2007_000001{suffix}", target)
    return root


def test_every_hostile_list_has_its_outcome(hostile: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = _tree(hostile, tmp_path)
    cases = rows(hostile, "lists")
    wrong = []
    for row in cases:
        shutil.copy(hostile / row["path"], root / "ImageSets/Segmentation/case.txt")
        try:
            split = pw.open(root)["case"]
            assert len(list(split)) == len(split)
            outcome = "ok" if not split.notes else "ok-warn:" + ",".join(n.code for n in split.notes)
        except PixelwiseError as error:
            outcome = f"error:{error.code}"
            message = str(error) + "".join(getattr(error, "__notes__", []))
            assert message.isprintable(), row["path"]
            assert "case.txt" in message, (row["path"], message)
        # The manifest is older than the rule that an empty list is a split of no samples, with a note.
        expected = row["expect"].replace("error:empty-list", "ok-warn:empty-list")
        if outcome != expected:
            wrong.append((row["path"], expected, outcome))
    assert not wrong
    with capsys.disabled():
        print(f"\n{len(cases)} hostile lists have the outcome that the manifest names")
    assert len(cases) == 32


@pytest.mark.parametrize(
    ("name", "hint"),
    [("case_mismatch", "differs in case"), ("unicode_nfd", "differs in unicode form"), ("comment", "no comments"),
     ("backslash", "separate folders by /"), ("missing_id", "restore the file")],
)  # fmt: skip
def test_a_missing_file_says_what_is_near(hostile: Path, tmp_path: Path, name: str, hint: str) -> None:
    root = _tree(hostile, tmp_path)
    shutil.copy(hostile / f"lists/{name}.txt", root / "ImageSets/Segmentation/case.txt")
    with pytest.raises(FileNotFoundError) as caught:
        list(pw.open(root)["case"])
    assert hint in str(caught.value)


NAME = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="/\\.:"),
    min_size=1,
    max_size=12,
)


@given(
    st.lists(NAME, min_size=1, max_size=20, unique=True),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.booleans(),
)
def test_names_survive_any_line_end(names: list[str], end: str, bom: bool, final: bool) -> None:
    data = (b"\xef\xbb\xbf" if bom else b"") + (end.join(names) + end * final).encode()
    assert list(parse_list(data, "list").names) == names


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    try:
        listed = parse_list(data, "list")
    except ListError as error:
        assert str(error).isprintable()
    else:
        assert len(listed.names) == len(set(listed.names)) == len(listed.lines)


def test_two_columns_of_paths_count_from_the_root() -> None:
    listed = parse_list(b"/JPEGImages/a.jpg /Aug/a.png\nJPEGImages/b.jpg Aug/b.png\n", "list")
    assert (listed.names, listed.labels) == (["a", "b"], ["Aug/a.png", "Aug/b.png"])


def test_two_columns_with_equal_file_names_keep_their_folders() -> None:
    listed = parse_list(b"x/a.jpg l/x.png\ny/a.jpg l/y.png\n", "list")
    assert listed.names == ["x/a", "y/a"]
