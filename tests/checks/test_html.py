"""The page of findings: it holds itself, runs nothing, and marks the pixels that are wrong."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pixelwise.checks.checking import check
from pixelwise.checks.html import faulty_pixels, html_report, save_report
from pixelwise.classes import VOC
from pixelwise.codecs.decoding import decode_stored
from pixelwise.codecs.png import encode_png
from tests.support.tree import Tree, mask, picture

EVIL = "<img src=x onerror=alert(1)>"


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path / "VOC2012")


def test_names_from_the_dataset_run_nothing(tree: Tree) -> None:
    tree.image(EVIL, b"")
    tree.label(EVIL, mask(1, 15))
    tree.list("train", [*tree.names[:6], EVIL])
    page = Page(html_report(check(tree.root)))
    assert f"JPEGImages/{EVIL}.jpg" in page.text
    assert {tag for tag, _ in page.tags} <= set(
        "html head meta title style body header h1 h2 p div span b em i ul li nav a main section article figure img "
        "figcaption footer details summary".split()
    )
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("src") or "data:").startswith("data:image/") or tag != "img"
        assert (attributes.get("href") or "#").startswith("#")
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_counts_and_pictures(tree: Tree) -> None:
    label = mask(1, 15)
    label[5, 6] = 40
    tree.label("s00", label)
    tree.image("s01", b"")
    text = html_report(check(tree.root))
    page = Page(text)
    words = " ".join(page.text)
    assert "class-out-of-range" in words
    assert "label, 1 pixels marked" in words
    sources = [a["src"] for t, a in page.tags if t == "img"]
    assert len(sources) == 4  # image, label and marked label of s00; label of s01, whose image is empty
    for source in sources:
        data = base64.b64decode(str(source).partition(",")[2])
        Image.open(io.BytesIO(data)).verify()
    assert not re.search(r"https?://", text)


def test_the_faulty_pixel_is_marked(tree: Tree) -> None:
    label = mask(1, 15)
    label[5, 6] = 40
    tree.label("s00", label)
    page = Page(html_report(check(tree.root)))
    marked = [a["src"] for t, a in page.tags if t == "img"][-1]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(str(marked).partition(",")[2]))).convert("RGB"))
    zoom = pixels.shape[0] // 48
    assert (pixels[5 * zoom : 6 * zoom, 6 * zoom : 7 * zoom] == (255, 0, 90)).all()
    assert not (pixels[20 * zoom :, :] == (255, 0, 90)).all(axis=2).any()


@pytest.mark.parametrize("code", ["unknown-color", "alpha-not-opaque", "class-out-of-range", "interpolated-label"])
def test_which_pixels_are_faulty(code: str) -> None:
    if code == "unknown-color":
        pixels = VOC.decode(mask(1, 15))
        pixels[3, 4] = (1, 2, 3)
        wanted = [[3, 4]]
    elif code == "alpha-not-opaque":
        out = io.BytesIO()
        alpha = np.full((48, 64, 4), 255, np.uint8)
        alpha[7, 8, 3] = 0
        Image.fromarray(alpha).save(out, "PNG")
        assert np.argwhere(faulty_pixels(code, decode_stored(out.getvalue(), "x.png"), VOC)).tolist() == [[7, 8]]
        return
    else:
        pixels = np.zeros((48, 64), np.uint8)
        pixels[:, 30:] = 10
        pixels[9, 30] = 40 if code == "class-out-of-range" else 5
        wanted = [[9, 30]]
    mask_ = faulty_pixels(code, decode_stored(encode_png(pixels), "x.png"), VOC)
    assert mask_ is not None
    assert np.argwhere(mask_).tolist() == wanted


def test_a_problem_that_is_everywhere_stays_a_page(tree: Tree, tmp_path: Path) -> None:
    tree.list("train", [f"gone{i}" for i in range(2000)])
    path = save_report(check(tree.root), tmp_path / "report.html")
    text = path.read_text()
    assert "and 3,500 more" in text
    assert len(text) < 500_000


def test_no_problems(tree: Tree) -> None:
    assert "No problems found." in html_report(check(tree.root))


def test_duplicates_are_shown_side_by_side(tree: Tree) -> None:
    tree.image("s01", picture(0))
    assert "the other" in html_report(check(tree.root))
