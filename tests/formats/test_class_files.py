"""The one reader of class names: each file as its tool writes it, and each way in which one can be wrong."""

from __future__ import annotations

import contextlib
import json
import random
import time
from pathlib import Path

import pytest

from pixelwise.errors import FormatError
from pixelwise.formats.class_files import CLASS_FILES, classes_beside, read_class_file

WRITTEN = {
    "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbolt:48,112,32::\nnut:1,2,3:head,foot:turn\n",
    "class_dict.csv": "name, r, g, b\nbackground, 0, 0, 0\nbolt, 48, 112, 32\nnut,1,2,3\n",
    "class_dict_seg.csv": "B,G,R,Class\n0,0,0,background\n32,112,48,bolt\n3,2,1,nut\n",
    "label_colors.txt": "0 0 0\tbackground\n48 112 32\t\tbolt\n1 2 3 nut\n",
    "_classes.csv": "Pixel Value, Class\n0, background\n1, bolt\n2, nut\n",
    "dataset_meta.json": json.dumps({
        "label_map": {"1": "bolt", "0": "background", "2": "nut"}, "background_label": "0",
        "segmentation_colors": [[0, 0, 0], [48, 112, 32], [1, 2, 3]],
    }),
    "meta.json": json.dumps({"classes": [{"title": "bolt", "color": "#307020"}, {"title": "nut", "color": "#010203"}]}),
    "id2label.json": json.dumps({"2": "nut", "0": "background", "1": {"name": "bolt"}}),
    "data.yaml": "path: .\nnames:  # three\n  0: background\n  1: 'bolt'\n\n  2: nut # last\nnc: 3\n",
    "dataset.yaml": "names: [background, \"bolt\",\n  nut]\n",
    "class_names.txt": "background\r\nbolt\r\nnut",
    "classes.txt": "2: nut\n0: background\n1: bolt\n",
    "labels.txt": "\ufeff__ignore__\nbackground\n\nbolt\nnut\n",
}  # fmt: skip
BY_COLOR = {"labelmap.txt", "class_dict.csv", "class_dict_seg.csv", "label_colors.txt"}
COLORED = BY_COLOR | {"dataset_meta.json", "meta.json"}


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_every_file_has_an_example() -> None:
    assert WRITTEN.keys() == CLASS_FILES.keys()


@pytest.mark.parametrize("name", WRITTEN)
def test_each_tool(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, WRITTEN[name])
    named = classes_beside(tmp_path)
    assert named is not None
    assert named.path == tmp_path / name
    assert sorted(named.table.names) == ["background", "bolt", "nut"]
    assert named.by_color == (name in BY_COLOR)
    assert named.colored == (name in COLORED)
    if named.colored:
        bolt, nut = (named.table.colors[named.table.index(n)].tolist() for n in ("bolt", "nut"))
        assert (bolt, nut) == ([48, 112, 32], [1, 2, 3])
    if not named.by_color:
        found = {n: int(named.table.id_values[named.table.index(n)]) for n in ("background", "bolt", "nut")}
        assert found == {"background": 0, "bolt": 1, "nut": 2}


@pytest.mark.parametrize("name", WRITTEN)
def test_names_are_found_whatever_their_case_and_place(tmp_path: Path, name: str) -> None:
    (tmp_path / "split").mkdir()
    write(tmp_path / "split", name.upper(), WRITTEN[name])
    assert classes_beside(tmp_path) is None
    named = classes_beside(tmp_path, also=(tmp_path / "nowhere", tmp_path / "split"))
    assert named is not None
    assert "nut" in named.table.names


def test_every_row_is_a_class_but_ignore(tmp_path: Path) -> None:
    table = read_class_file(write(tmp_path, "class_dict.csv", "name,r,g,b\nvoid,0,0,0\nunlabeled,1,1,1\n")).table
    assert table.names == ("void", "unlabeled")
    text = "background:0,0,0::\nignored:224,224,192::\n"
    assert read_class_file(write(tmp_path, "labelmap.txt", text)).table.names == ("background",)
    numbered = read_class_file(write(tmp_path, "id2label.json", '{"0": "a", "9": "__ignore__"}')).table
    assert numbered.names == ("a",)
    assert numbered.value_ids[[0, 1, 9]].tolist() == [0, -1, 255]


def test_numbers_with_gaps_keep_their_meaning(tmp_path: Path) -> None:
    for name, text in {
        "_classes.csv": "Pixel Value,Class\n3,a\n7,b\n",
        "id2label.json": '{"3": "a", "7": "b"}',
        "dataset_meta.json": '{"label_map": {"3": "a", "7": "b"}}',
        "data.yaml": "names: {3: a, 7: b}",
        "labels.txt": "3: a\n7: b\n",
    }.items():
        table = read_class_file(write(tmp_path, name, text)).table
        assert table.names == ("a", "b"), name
        assert table.value_ids[[0, 3, 7, 255]].tolist() == [-1, 0, 1, 255], name


def test_255_as_a_class(tmp_path: Path) -> None:
    table = read_class_file(write(tmp_path, "_classes.csv", "Pixel Value,Class\n0,a\n255,b\n")).table
    assert (table.names, table.ignore_index) == (("a", "b"), 65_535)
    assert table.value_ids[[0, 255]].tolist() == [0, 1]


WRONG = {
    "labelmap.txt": (
        ("bolt\n", ":1", "expected name:r,g,b"), ("a:1,2,3::\nb:1,2::\n", ":2", "three numbers"),
        ("a:1,2,3::\nb:::\n", ":2", "no color"), ("a:1,2,3::\nb:1,2,3::\n", ":2", "color"),
        ("a:1,2,3::\na:1,2,4::\n", ":2", "again"), (":1,2,3::\n", ":1", "without a name"),
        ("# none\n", "", "no classes"),
    ),
    "class_dict.csv": (
        ("a,0,0,0\nb,1,1,1\n", ":1", "header"), ("name,r,g,b\na,0,0,256\n", ":2", "0..255"),
        ("name,r,g,b\na,0,0\n", ":2", "columns"), ("name,r,g,b\n\na,-1,0,0\n", ":3", "whole number"),
        ("name,r,g,b,g\na,1,0,0,3\n", ":1", "header"), ("", ":1", "header"), ('name,r,g,b\n"a,1,2,3\n', "", "CSV"),
    ),
    "label_colors.txt": (("0 0 0\n", ":1", "r g b name"), ("0 0 x road\n", ":1", "whole number")),
    "_classes.csv": (
        ("Pixel Value,Class\nx,a\n", ":2", "whole number"), ("Pixel Value,Class\n1,a\n1,b\n", ":3", "value 1"),
        ("Pixel Value,Class\n70000,a\n", ":2", "whole number"),
    ),
    "dataset_meta.json": (
        ("{", "", "JSON"), ('{"label_map": {"x": "a"}}', "", "whole number"),
        ('{"label_map": {"0": "a"}, "segmentation_colors": ["red"]}', "[0]", "three numbers"),
        ('{"label_map": {"0": "a", "1": "b"}, "segmentation_colors": [[0, 0, 0]]}', "[1]", "no color"),
    ),
    "meta.json": (
        ('{"classes": [{"title": "a", "color": "red"}]}', "[0]", "#rrggbb"), ('{"classes": [{}]}', "[0]", "name"),
    ),
    "id2label.json": (
        ("[]", "", "object"), ('{"0": "a", "0": "b"}', "", "twice"), ('{"0": null}', "", "name"),
        ("[" * 9999, "", "JSON"),
    ),
    "data.yaml": (
        ("names: here", ":1", "neither"), ("names: [a, b", ":1", "no ]"), ("names: [a, a]", ":1", "again"),
        ("names:\n  - a\n  -\n", ":3", "without a name"), ("names:\n  0: a\n  x: b\n", ":3", "neither"),
        ("names:\n  - a\n  1: b\n", ":1", "some names"), ("names: {x: a}", ":1", "whole number"),
    ),
    "classes.txt": (
        ("a\nb\na\n", ":3", "again"), (b"a\nb\xff\n", ":2", "UTF-8"),
        ("a\n".encode("utf-16"), "", "UTF-16"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("name", "case"), [(n, c) for n, cases in WRONG.items() for c in cases])
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, name: str, case: tuple[str | bytes, str, str]) -> None:
    text, place, words = case
    path = write(tmp_path, name, text)
    with pytest.raises(FormatError) as caught:
        classes_beside(tmp_path)
    assert caught.value.code == "bad-class-table"
    assert str(caught.value.where).startswith(str(path))
    assert place in str(caught.value.where)
    assert words in caught.value.message


def test_files_of_these_names_that_are_something_else(tmp_path: Path) -> None:
    write(tmp_path, "meta.json", '{"created": 1}')
    write(tmp_path, "data.yaml", "nc: 3\n")
    write(tmp_path, "labels.txt", "masks/a.png\nmasks/b.png\n")
    assert classes_beside(tmp_path) is None


def test_two_files_that_disagree(tmp_path: Path) -> None:
    write(tmp_path, "labelmap.txt", WRITTEN["labelmap.txt"])
    write(tmp_path, "data.yaml", "names: [bolt, nut]")
    named = classes_beside(tmp_path)
    assert named is not None
    assert named.notes == ()
    write(tmp_path, "classes.txt", "background\nnut\nbolt\n")
    write(tmp_path, "id2label.json", "{")
    named = classes_beside(tmp_path)
    assert named is not None
    assert named.path.name == "labelmap.txt"
    assert [(n.code, n.severity, Path(n.where).name) for n in named.notes] == [
        ("class-files-differ", "warning", "id2label.json"), ("class-files-differ", "warning", "classes.txt"),
    ]  # fmt: skip


PIECES = [b"", b"\0", b"\n", b'"', b"[", b":", b",", b"9", b"\xc3", b"{"]


@pytest.mark.parametrize("name", WRITTEN)
def test_damaged_files_end_in_a_format_error(tmp_path: Path, name: str) -> None:
    rng = random.Random(name)
    for _ in range(150):
        data = bytearray(WRITTEN[name].encode())
        for _ in range(rng.randrange(1, 6)):
            at = rng.randrange(len(data))
            data[at : at + rng.randrange(3)] = rng.choice(PIECES)
        path = write(tmp_path, name, bytes(data))
        try:
            read_class_file(path)
        except FormatError as error:
            assert error.code == "bad-class-table"


BLANKS = " " * 600_000
LONG = ["names: [" + "'a" * 300_000, f"names:\n  - a{BLANKS}b\n", f"names: {BLANKS}", "names: {" + "0:" * 300_000]


@pytest.mark.parametrize("text", LONG, ids=["quotes", "blanks", "only blanks", "keys"])
def test_long_lines_cost_no_more_than_their_length(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, "data.yaml", text)
    began = time.process_time()
    with contextlib.suppress(FormatError):
        read_class_file(path)
    assert time.process_time() - began < 20  # a quadratic reader takes hours
