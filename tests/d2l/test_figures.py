"""The chapter's figures: what is drawn, read back from matplotlib."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pixelwise as pw
from pixelwise import d2l

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is an extra: pip install 'pixelwise[plot]'")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    with matplotlib.rc_context():
        yield
    plt.close("all")


def drawn(axes: Any) -> list[np.ndarray]:
    return [np.asarray(ax.get_images()[0].get_array()) for ax in axes if ax.get_images()]


def test_show_images_gives_axes() -> None:
    axes = d2l.show_images([np.zeros((4, 4, 3), np.uint8)] * 5, 2, 3, titles=list("abcde"))
    assert axes.shape == (6,)
    assert [ax.get_title() for ax in axes] == ["a", "b", "c", "d", "e", ""]
    assert len(drawn(axes)) == 5
    assert axes[0].figure.get_size_inches().tolist() == [4.5, 3.0]
    assert d2l.show_images([np.zeros((4, 4))], 1, 1, scale=2)[0].figure.get_size_inches().tolist() == [2.0, 2.0]


def test_every_order_of_the_axes_is_drawn_alike() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    planes = image.transpose(2, 0, 1)
    given = [image, planes, planes.view(d2l.Planes), planes.view(d2l.Planes).permute(1, 2, 0), image.tolist()]
    assert all(np.array_equal(found, image) for found in drawn(d2l.show_images(given, 1, 5)))
    gray = [image[..., 0], image[..., :1], planes[:1]]
    assert all(np.array_equal(found, image[..., 0]) for found in drawn(d2l.show_images(gray, 1, 3)))


def test_tensors_are_drawn() -> None:
    torch = pytest.importorskip("torch", reason="torch is an extra: pip install 'pixelwise[torch]'")
    planes = torch.rand(3, 5, 7, requires_grad=True)
    found = drawn(d2l.show_images([planes, planes.permute(1, 2, 0)], 1, 2))
    assert np.array_equal(found[0], found[1])
    assert found[0].shape == (5, 7, 3)


def test_boxes_are_frames() -> None:
    (ax,) = d2l.show_images([np.zeros((40, 50, 3), np.uint8)], 1, 1)
    d2l.show_boxes(ax, np.array([[1.0, 2, 11, 22], [0, 0, 49, 39], [3, 3, 3, 3]]), ["cat", "dog"], ["w", "r"])
    frames = [(*p.get_xy(), p.get_width(), p.get_height(), p.get_edgecolor()[:3]) for p in ax.patches]
    white, red = (1.0, 1.0, 1.0), (1.0, 0.0, 0.0)
    assert frames == [(1, 2, 10, 20, white), (0, 0, 49, 39, red), (3, 3, 0, 0, white)]
    assert [(t.get_text(), t.get_color()) for t in ax.texts] == [("cat", "k"), ("dog", "w")]
    d2l.show_boxes(ax, np.zeros((0, 4)))
    d2l.show_boxes(ax, [[1, 2, 3, 4]], labels="one", colors="b")
    assert len(ax.patches) == 4


def test_set_figsize() -> None:
    d2l.set_figsize()
    assert plt.figure().get_size_inches().tolist() == [3.5, 2.5]
    d2l.set_figsize((2, 3))
    assert plt.figure().get_size_inches().tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    "call",
    [
        lambda: d2l.show_images([np.zeros((5, 5, 2))], 1, 1),
        lambda: d2l.show_images([np.zeros(4)], 1, 1),
        lambda: d2l.show_images(["picture.jpg"], 1, 1),
        lambda: d2l.show_images([], 0, 3),
        lambda: d2l.show_images([], 1, 1, scale=0),
        lambda: d2l.show_boxes(None, [1, 2, 3, 4]),
        lambda: d2l.show_boxes(None, [[1, 2, 3]]),
        lambda: d2l.set_figsize((0, 1)),
        lambda: d2l.set_figsize(3),
    ],
)
def test_what_cannot_be_drawn_is_refused(call: Callable[[], Any]) -> None:
    with pytest.raises(pw.UsageError):
        call()


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for call in (lambda: d2l.show_images([], 1, 1), d2l.set_figsize):
        with pytest.raises(pw.UsageError, match=r"pip install 'pixelwise\[plot\]'"):
            call()
