"""The site: what it is made from is complete, and its checks find what is wrong. `.ci/docs` builds it."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import pixelwise as pw
from docs.site import checking, codes, docstrings, reference
from pixelwise import errors
from tests.support.places import REPOSITORY


def test_the_reference_has_every_public_name_once() -> None:
    pages = reference.groups()
    listed = [f"{page.module}.{name}" for page in pages for name in page.names]
    assert len(listed) == len(set(listed))
    assert {name for name in listed if name.count(".") == 1} == {f"pixelwise.{name}" for name in pw.__all__}
    assert {"pixelwise.torch", "pixelwise.d2l", "pixelwise.ray"} <= {page.module for page in pages}
    for module in reference.submodules():
        assert {n for n in listed if n.rpartition(".")[0] == module} == {
            f"{module}.{name}" for name in reference.public_names(module)
        }


def test_pages_of_the_reference_are_files_of_their_own_on_every_disk() -> None:
    files = [page.file.lower() for page in reference.groups()]
    assert len(files) == len(set(files))


# -- codes ----------------------------------------------------------------------------------------------------


def test_every_literal_code_is_on_the_page() -> None:
    """Counted in another way: every string after `code=`, and every first field of a Finding."""
    written = set()
    for path in (REPOSITORY / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                values = [k.value for k in node.keywords if k.arg == "code"]
                if isinstance(node.func, ast.Name) and node.func.id == "Finding":
                    values += node.args[:1]
                written |= {v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)}
    assert len(written) > 100
    assert written <= codes.all_codes().keys()


def test_every_code_is_a_section_with_what_is_said() -> None:
    page = reference.error_page()
    for code, places in codes.all_codes().items():
        assert f"\n{code}\n{'-' * len(code)}\n" in page
        assert places
        assert all(p.message or p.fix for p in places), code


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("truncated", "FileError", "declares … bytes"), ("missing-extra", "MissingExtraError", "not installed"),
        ("unknown-split", "UnknownNameError", "no split named …"), ("crc", "FileError", "checksum"),
        ("near-duplicate", "warning", ""), ("http-…", "DownloadError", "come back in … s"),
        ("io-error", "SystemFault", ""), ("duplicate-image", "error", ""),
        ("bad-statistics", "DataError", "not statistics: …"), ("samples-skipped", "PixelwiseWarning", "skipped"),
        ("corrupt-archive", "FileError", "the archive is damaged: …"), ("not-an-archive", "FileError", "tar archive"),
    ],
)  # fmt: skip
def test_ways_in_which_a_code_is_given(code: str, kind: str, words: str) -> None:
    said = codes.all_codes()[code]
    assert any(words in s.message for s in said)
    assert kind in {s.kind for s in said}


def test_exit_codes_are_those_of_the_classes() -> None:
    assert [codes.exit_code(k) for k in ("FileError", "UsageError", "DownloadError", "note")] == [1, 2, 3, None]
    assert codes.exit_code("PixelwiseWarning") is None
    assert {"PixelwiseError", "DataError", "SystemFault"} <= codes.KINDS.keys() <= vars(errors).keys()


def test_a_code_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "room.py").write_text("def f(x):\n    raise DataError('no', code=x.upper())\n")
    monkeypatch.setattr(codes, "SOURCE", tmp_path)
    with pytest.raises(codes.UnresolvedError, match=r"room.py:2: x.upper\(\)"):
        codes.all_codes.__wrapped__()


# -- docstrings -----------------------------------------------------------------------------------------------


def test_arguments_become_a_list() -> None:
    text = "Do it.\n\nSome words, n: rows, e.g. (n: 3).\n\na: first. b, c: others; n: 5."
    assert docstrings.as_rst(text, ["a", "b", "c", "n"]) == [
        "Do it.", "", "Some words, n: rows, e.g. (n: 3).", "",
        ":param a: first.", ":param b,c: others;", ":param n: 5.", "",
    ]  # fmt: skip


def test_a_paragraph_may_begin_before_its_arguments_and_a_list_may_run_over_lines() -> None:
    text = "All of it. size: in\npixels.\n\n- mode: how,\n  or not at all.\n- a plain line"
    assert docstrings.as_rst(text, ["size", "mode"]) == [
        "All of it.", "", ":param size: in pixels.", ":param mode: how, or not at all.", "", "- a plain line", "",
    ]  # fmt: skip


def test_examples_and_special_characters_are_kept() -> None:
    text = "Use `a_b`s of *args |x|.\n\n    >>> f(1)\n    2\n\n>>> g()\n[3]\n\nAnd:\n\n    x = 1\n\n    y = 2"
    assert docstrings.as_rst(text) == [
        "Use ``a_b``\\ s of \\*args \\|x\\|.", "", ".. code-block:: pycon", "", "   >>> f(1)", "   2", "",
        ".. code-block:: pycon", "", "   >>> g()", "   [3]", "",
        "And:", "", ".. code-block:: python", "", "   x = 1", "", "   y = 2", "",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["Loader", "score", "show", "Tiling"])
def test_nothing_of_a_docstring_is_lost(name: str) -> None:
    thing = getattr(pw, name)
    lines = docstrings.as_rst(thing.__doc__, docstrings.argument_names(thing))
    words = " ".join(lines).replace("\\", "").replace("`", "").replace(",", " ").split()
    missing = set(inspect.cleandoc(thing.__doc__).replace("`", "").replace(",", " ").split()) - set(words)
    assert {w for w in missing if not w.endswith(":") and w != "-"} == set()


# -- the checks of the built site -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ('<a href="b.html#there">x</a><a href="#here"></a><i id="here"></i><a href="https://d2l.ai/a_b"></a>', None),
        ('<a href="gone.html"></a>', "links to gone.html, which is not there"),
        ('<a href="b.html#no"></a>', "links to b.html#no, a place which is not there"),
        ('<a href="https://"></a>', "links to https://, which is not an address"),
        ('<a href="http://a b.org"></a>', "which is not an address"),
        ('<a href="javascript:go()"></a>', "which is of another kind"),
        ('<script src="https://cdn.example.com/x.js"></script>', "loads https://cdn.example.com/x.js"),
        ('<link rel="stylesheet" href="//fonts.example.com/a.css">', "loads //fonts.example.com/a.css"),
        ('<img src="gone.png">', "loads gone.png, which is not there"),
        ('<img srcset="b.html 1x, http://e.org/a.png 2x">', "loads http://e.org/a.png"),
        ('<p style="background: url(https://e.org/a.png)">', "a style loads https://e.org/a.png"),
        ('<img src="data:image/png;base64,AA=="><link rel="canonical" href="https://e.org/">', None),
    ],
)
def test_the_checks_find_what_is_wrong(
    page: str, found: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.html").write_text(page)
    (tmp_path / "b.html").write_text('<a name="there"></a>')
    monkeypatch.setattr(checking, "_undocumented", lambda _folder: iter(()))
    said = [*checking.problems(tmp_path)]
    assert said == [] if found is None else len(said) == 1
    assert found is None or (said[0].startswith("a.html: ") and said[0].endswith(found))


def test_a_style_sheet_that_loads_from_elsewhere_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    style = '@import "https://e.org/f.css"; p { background: url(x.png); src: url("http://e.org/f") }'
    (tmp_path / "a.css").write_text(style)
    monkeypatch.setattr(checking, "_undocumented", lambda _folder: iter(()))
    assert [*checking.problems(tmp_path)] == ["a.css: loads https://e.org/f.css", "a.css: loads http://e.org/f"]


# -- tutorials ------------------------------------------------------------------------------------------------


def test_every_tutorial_is_a_script_with_a_title() -> None:
    scripts = sorted((REPOSITORY / "docs" / "gallery").glob("*.py"))
    assert len(scripts) >= 5
    for script in scripts:
        title, line, *_ = (ast.get_docstring(ast.parse(script.read_text("utf-8"))) or "").splitlines()
        assert line == "=" * len(title), script
