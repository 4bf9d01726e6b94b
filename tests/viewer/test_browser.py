"""The page in a real browser: what is on the screen, what keys and filters do, and that nothing else is asked for."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.codecs.decoding import decode_image
from pixelwise.codecs.png import encode_png
from pixelwise.drawing.pixels import borders
from tests.support.many import many
from tests.support.tree import picture
from tests.support.voc import paint_voc

pytest.importorskip("starlette", reason="needs pixelwise[view]")
pytest.importorskip("uvicorn", reason="needs pixelwise[view]")
playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
expect = playwright.expect
expect.set_options(timeout=20_000)  # of a machine that does other things too
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def page_of(browser: Any, viewer: pw.Viewer, state: str = "", **context: Any) -> Iterator[Any]:
    """The page of a viewer, ready; nothing on its console, and no request to another host."""
    own = f"http://127.0.0.1:{viewer.port}/"
    said: list[str] = []
    elsewhere: list[str] = []
    with browser.new_context(viewport={"width": 1280, "height": 800}, **context) as opened:
        page = opened.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda r: None if r.url.startswith((own, "blob:", "data:")) else elsewhere.append(r.url))
        page.goto(viewer.url + state)
        page.locator("body[data-ready=yes]").wait_for()
        yield page
        assert not said
        assert not elsewhere


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = paint_voc(tmp_path_factory.mktemp("seen") / "VOC2012", 12)
    image = made / "JPEGImages/2008_000001.jpg"
    image.write_bytes(image.read_bytes()[:2000])
    (made / "SegmentationClass/2008_000002.png").write_bytes(encode_png(np.full((500, 375), 77, np.uint8)))
    return made


@pytest.fixture(scope="module")
def viewer(root: Path) -> Iterator[pw.Viewer]:
    with pw.view(root, splits=["train", "val"], port=0) as served:
        yield served


def cells(page: Any) -> list[int]:
    """The numbers of the entries that are seen, in their order."""
    found = page.locator(".cell").evaluate_all("all => all.map(c => [+c.dataset.position, +c.dataset.number])")
    return [number for _, number in sorted(found)]


def until(page: Any, found: Callable[[], bool]) -> None:
    """Wait for what no attribute says, at most 20 s. The page's policy forbids `wait_for_function`."""
    for _ in range(200):
        if found():
            return
        page.wait_for_timeout(100)
    assert found()


def pixels(page: Any, selector: str) -> np.ndarray:
    """The pixels of an image or a canvas as the browser has them, (H, W, 4) uint8."""
    read = """async (seen) => {
      const picture = await createImageBitmap(seen, {colorSpaceConversion: "none", premultiplyAlpha: "none"});
      const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
      context.drawImage(picture, 0, 0);
      const {data} = context.getImageData(0, 0, picture.width, picture.height);
      let text = "";
      for (const byte of data) text += String.fromCharCode(byte);
      return [picture.height, picture.width, btoa(text)];
    }"""
    height, width, text = page.locator(selector).evaluate(read)
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)


# -- exact ----------------------------------------------------------------------------------------------------


def spread(n: int) -> np.ndarray:
    return np.stack([np.arange(n) * 7 % 256, 255 - np.arange(n) % 256, np.arange(n) * 31 % 251], axis=-1).astype(
        np.uint8
    )


def test_all_256_ids_are_exact(browser: Any) -> None:
    label = np.arange(256, dtype=np.uint8).reshape(16, 16)
    table = pw.ClassTable(tuple(f"class {i}" for i in range(255)), spread(255))
    split = pw.Split("all", table, pw.ArraySource([picture(0, (16, 16))], [label]))
    with pw.view(split, port=0) as viewer, page_of(browser, viewer, "#sample=0&opacity=1") as page:
        page.locator("#stage[data-state=shown]").wait_for()
        seen = pixels(page, "#world .fill")
        assert np.array_equal(seen[..., :3], table.decode(label))
        assert (seen[..., 3] == 255).all()
        assert np.array_equal(pixels(page, "#world .image")[..., :3], split[0].image)
        box = page.locator("#world").bounding_box()
        for i in range(0, 256, 5):
            y, x = divmod(i, 16)
            page.mouse.move(box["x"] + (x + 0.5) * box["width"] / 16, box["y"] + (y + 0.5) * box["height"] / 16)
            expect(page.locator("#pointer .chip")).to_have_attribute("data-id", str(i))
        # What is painted on the screen itself, at eight screen pixels for each.
        screen = page.locator("#world").screenshot()
        shot = decode_image(screen, "screenshot")
        step = shot.shape[0] / 16
        centers = ((np.arange(16) + 0.5) * step).astype(int)
        assert np.array_equal(shot[centers[:, None], centers], table.decode(label))


def test_ids_beyond_255_are_exact(browser: Any) -> None:
    label = np.arange(600, dtype=np.uint16).reshape(20, 30)
    table = pw.ClassTable(tuple(f"class {i}" for i in range(600)), ignore_index=65_535)
    split = pw.Split("all", table, pw.ArraySource([picture(0, (20, 30))], [label]))
    with pw.view(split, port=0) as viewer, page_of(browser, viewer, "#sample=0&opacity=1") as page:
        page.locator("#stage[data-state=shown]").wait_for()
        assert np.array_equal(pixels(page, "#world .fill")[..., :3], table.decode(label))
        box = page.locator("#world").bounding_box()
        page.mouse.move(box["x"] + 29.5 * box["width"] / 30, box["y"] + 19.5 * box["height"] / 20)
        expect(page.locator("#pointer .chip")).to_have_attribute("data-id", "599")


def test_stored_values_are_shown_beside_the_class(browser: Any, tmp_path: Path) -> None:
    table = pw.ClassTable(("road", "car"), values={7: 0, 26: 1, 3: 255})
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    Image.fromarray(picture(0, (8, 8))).save(tmp_path / "images/a.png")
    stored = np.full((8, 8), 7, np.uint8)
    stored[:, 4:], stored[6:] = 26, 3
    (tmp_path / "labels/a.png").write_bytes(encode_png(stored))
    data = pw.open(tmp_path, classes=table)
    with pw.view(data, port=0) as viewer, page_of(browser, viewer, "#sample=0") as page:
        page.locator("#stage[data-state=shown]").wait_for()
        box = page.locator("#world").bounding_box()
        for y, x, id, value in ((0, 0, 0, 7), (0, 7, 1, 26), (7, 7, 255, 3)):
            page.mouse.move(box["x"] + (x + 0.5) * box["width"] / 8, box["y"] + (y + 0.5) * box["height"] / 8)
            expect(page.locator("#pointer")).to_have_attribute("data-at", f"{x},{y}")
            expect(page.locator("#pointer .chip")).to_have_attribute("data-id", str(id))
            expect(page.locator("#pointer")).to_have_attribute("data-stored", str(value))


def test_a_palette_shows_the_colors_of_the_classes(browser: Any, viewer: pw.Viewer, root: Path) -> None:
    label = pw.open(root)["train"][0].label
    with page_of(browser, viewer, "#sample=0&opacity=1") as page:
        page.locator("#stage[data-state=shown]").wait_for()
        assert np.array_equal(pixels(page, "#world .fill")[..., :3], pw.VOC.decode(label))
        page.locator("#legend li[data-id='255'] .swatch").click()  # void off
        expect(page.locator("#legend li[data-id='255'] .swatch")).to_have_attribute("aria-pressed", "false")
        until(page, lambda: np.array_equal(pixels(page, "#world .fill")[..., 3] == 0, label == 255))
        page.keyboard.press("[")  # below full opacity, black lets the image through
        clear = (label == 255) | (label == 0)
        until(page, lambda: np.array_equal(pixels(page, "#world .fill")[..., 3] == 0, clear))


def test_objects_have_colors_of_their_own(browser: Any, viewer: pw.Viewer, root: Path) -> None:
    objects = pw.open(root)["train"][0].instances
    with page_of(browser, viewer, "#sample=0&layer=instances") as page:
        page.locator("#stage[data-state=shown][data-layer=instances]").wait_for()
        seen = pixels(page, "#world .fill")
        assert np.array_equal(seen[..., 3] == 0, objects == 0)
        colors = {tuple(seen[objects == value][0]) for value in (1, 2, 255)}
        assert len(colors) == 3


def test_outlines_are_the_borders_between_classes(browser: Any, viewer: pw.Viewer, root: Path) -> None:
    label = pw.open(root)["train"][0].label
    with page_of(browser, viewer, "#sample=0&outlines=1") as page:
        page.locator("#world .lines").wait_for()
        assert np.array_equal(pixels(page, "#world .lines")[..., 3] > 0, borders(label))


def test_a_large_image_in_tiles(browser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pixelwise.viewer.answers.LARGE", 1_000_000)
    height, width = 1500, 2100
    ys, xs = np.mgrid[:height, :width]
    label = (ys // 50 * 42 + xs // 50).astype(np.uint16)
    table = pw.ClassTable(tuple(f"class {i}" for i in range(1260)), ignore_index=65_535)
    split = pw.Split("all", table, pw.ArraySource([picture(0, (height, width))], [label]))
    with pw.view(split, port=0) as viewer, page_of(browser, viewer, "#sample=0&opacity=1") as page:
        page.locator("#stage[data-large][data-state=shown]").wait_for()
        stage = page.locator("#stage")
        box = stage.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        for _ in range(40):
            page.mouse.wheel(0, -200)
        expect(stage).to_have_attribute("data-zoom", "64.000")
        page.locator(".tile.layer canvas").last.wait_for()
        page.wait_for_timeout(500)
        page.wait_for_timeout(300)
        page.mouse.move(x + 150, y + 3)
        expect(page.locator("#pointer")).to_have_attribute("data-at", re.compile("^10(49|5[0-9]),7[45][0-9]$"))
        page.wait_for_timeout(500)
        page.mouse.move(x + 3, y + 3)  # the middle stayed where it was
        page.wait_for_timeout(500)
        at = [int(v) for v in page.locator("#pointer").get_attribute("data-at").split(",")]
        assert abs(at[0] - 1050) < 3
        assert abs(at[1] - 750) < 3
        expect(page.locator("#pointer .chip")).to_have_attribute("data-id", str(label[at[1], at[0]]))
        expect(page.locator("#pointer")).to_contain_text("image " + ", ".join(map(str, split[0].image[at[1], at[0]])))
        shot = decode_image(stage.screenshot(), "screenshot")
        seen = shot[int(y - box["y"]) + 3, int(x - box["x"]) + 3]
        assert seen.tolist() == table.colors[label[at[1], at[0]]].tolist()
        assert page.locator(".tile").count() < 30
        before = page.locator("#pointer").get_attribute("data-at")
        page.mouse.down()
        page.mouse.move(x + 130, y + 3, steps=4)
        page.mouse.up()
        page.mouse.move(x + 2, y + 3)
        expect(page.locator("#pointer")).not_to_have_attribute("data-at", before)
        page.keyboard.press("w")
        expect(page.locator("#divider")).to_be_visible()
        page.keyboard.press("0")
        page.locator(".tile").first.wait_for()


# -- the grid -------------------------------------------------------------------------------------------------


def test_the_legend_counts_and_filters(browser: Any, viewer: pw.Viewer, root: Path) -> None:
    counts = pw.count_classes(root, splits="val")
    with page_of(browser, viewer, "#split=val") as page:
        expect(page.locator("body")).to_have_attribute("data-counted", "12")
        for id in (0, 1, 8, 20):
            shown = page.locator(f"#legend li[data-id='{id}'] .numbers")
            assert shown.inner_text() == str(np.count_nonzero(counts[:, id]))
        page.locator("#legend li[data-id='8'] .class").click()
        wanted = [12 + i for i in np.flatnonzero(counts[:, 8])]
        expect(page.locator("#grid")).to_have_attribute("data-total", str(len(wanted)))
        until(page, lambda: cells(page) == wanted)
        assert "class=8" in page.url
        page.locator("#sort").select_option("share")
        expect(page.locator("#descending")).to_have_attribute("aria-pressed", "true")
        share = counts[:, 8] / counts.sum(axis=1)
        until(page, lambda: cells(page) == sorted(wanted, key=lambda i: -share[i - 12]))
        page.go_back()
        page.go_back()
        expect(page.locator("#grid")).to_have_attribute("data-total", "12")


def test_charts_open_what_they_count(browser: Any, viewer: pw.Viewer, root: Path) -> None:
    counts = pw.count_classes(root, splits="val")
    both = np.flatnonzero((counts[:, 1] > 0) & (counts[:, 8] > 0))
    assert len(both)
    sizes = pw.open(root)["val"].sizes().min(axis=1)
    with page_of(browser, viewer, "#split=val") as page:
        expect(page.locator("body")).to_have_attribute("data-counted", "12")
        page.locator("#tab-charts").click()
        page.get_by_label(f"aeroplane and cat: {len(both)} sample").first.click()
        expect(page.locator("#grid")).to_have_attribute("data-total", str(len(both)))
        until(page, lambda: cells(page) == [12 + i for i in both])
        page.locator(".bars button", has_text=re.compile("^281")).click()
        expect(page.locator("#grid")).to_have_attribute("data-total", str(np.count_nonzero(sizes == 281)))
        assert "low=281" in page.url


def test_what_stands_beside_a_bar_is_whole(browser: Any) -> None:
    split = many(1_000_000)
    with pw.view(split, port=0) as viewer, page_of(browser, viewer) as page:
        until(page, lambda: int(page.locator("body").get_attribute("data-counted") or 0) > 0)
        page.locator("#tab-charts").click()
        line = page.locator(".bars > *", has_text="1,000,000")
        line.wait_for()
        side = page.locator("#side").bounding_box()
        box = line.locator(".value").bounding_box()
        assert box["x"] + box["width"] <= side["x"] + side["width"]
        assert line.locator(".value").evaluate("e => e.scrollWidth <= e.clientWidth")


def test_a_sample_outside_of_the_filter_says_so(browser: Any, viewer: pw.Viewer) -> None:
    with page_of(browser, viewer, "#split=val&sample=0") as page:
        expect(page.locator("#name")).to_have_text("2008_000000 · not among the 12 chosen")
    with page_of(browser, viewer, "#split=train&sample=0") as page:
        expect(page.locator("#name")).to_have_text("2008_000000 · 1 of 12")


def test_the_classes_of_a_sample_come_first(browser: Any, viewer: pw.Viewer, root: Path) -> None:
    label = pw.open(root)["train"][5].label
    with page_of(browser, viewer, "#split=train&sample=5") as page:
        there = np.unique(label).tolist()
        until(page, lambda: shown_first(page, len(there)) == there)
        page.keyboard.press("Escape")
        until(page, lambda: shown_first(page, 21) == list(range(21)))


def shown_first(page: Any, n: int) -> list[int]:
    """The ids of the first classes of the legend, from top to bottom."""
    read = "all => all.map(e => [+e.getAttribute('aria-posinset'), +e.dataset.id])"
    return [id for _, id in sorted(page.locator("#legend li[data-id]").evaluate_all(read))][:n]


def test_search_and_the_address(browser: Any, viewer: pw.Viewer) -> None:
    with page_of(browser, viewer) as page:
        expect(page.locator("#grid")).to_have_attribute("data-total", "12")
        page.keyboard.press("/")
        page.keyboard.type("_00000")
        page.keyboard.type("7")
        expect(page.locator("#grid")).to_have_attribute("data-total", "1")
        until(page, lambda: cells(page) == [7])
        assert "token" not in page.url
        sent = page.url
        page.goto("about:blank")
        page.goto(sent)
        expect(page.locator("#grid")).to_have_attribute("data-total", "1")
        expect(page.locator("#text")).to_have_value("_000007")
        page.keyboard.press("Escape")
        page.keyboard.press("c")
        expect(page.locator("#grid")).to_have_attribute("data-total", "12")
        page.locator("#text").fill("nothing like it")
        expect(page.locator("#empty")).to_be_visible()


def test_what_cannot_be_read_is_shown_in_its_place(browser: Any, viewer: pw.Viewer) -> None:
    with page_of(browser, viewer) as page:
        image = page.locator(".cell[data-number='1'] .why")
        expect(image).to_contain_text(re.compile("2008_000001.jpg.*truncated"))
        label = page.locator(".cell[data-number='2'] .why")
        expect(label).to_contain_text("value 77 is not a class")
        expect(page.locator(".cell[data-number='2'][data-loaded]")).to_be_visible()  # its image is whole
        page.locator("#more summary").click()
        page.locator("#broken").check()
        expect(page.locator("#grid")).to_have_attribute("data-total", "2")
        page.locator(".cell[data-number='1']").click()
        expect(page.locator("#problem")).to_contain_text("truncated")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#problem")).to_contain_text("value 77 is not a class")
        page.keyboard.press("ArrowRight")  # the last one
        expect(page.locator("#name")).to_contain_text("2 of 2")


def test_a_million_entries(browser: Any) -> None:
    with pw.view(many(1_000_000), port=0) as viewer, page_of(browser, viewer) as page:
        grid = page.locator("#grid")
        expect(grid).to_have_attribute("data-total", "1000000")
        page.locator(".cell[data-number='0'][data-covered]").wait_for()
        assert page.locator(".cell").count() < 100
        grid.press("End")
        page.locator(".cell[data-number='999999'][data-covered]").wait_for()
        expect(page.locator(".cell[data-current] .name")).to_have_text("sample_0999999")
        grid.press("ArrowLeft")
        expect(page.locator(".cell[data-current]")).to_have_attribute("data-number", "999998")
        first = cells(page)[0]
        page.mouse.move(800, 500)
        page.mouse.wheel(0, -400)  # as far as the wheel says, not as far as the bar moves
        until(page, lambda: first > cells(page)[0])
        page.wait_for_timeout(400)  # the bar is set right afterwards, and moves nothing
        assert 0 < first - cells(page)[0] < 30
        assert page.locator(".cell").count() < 100
        grid.evaluate("g => { g.scrollTop = g.scrollHeight / 2; }")
        until(page, lambda: 450_000 < cells(page)[0] < 550_000)
        page.keyboard.press("/")
        page.keyboard.type("0777777")
        expect(grid).to_have_attribute("data-total", "1")
        until(page, lambda: cells(page) == [777_777])


# -- keys -----------------------------------------------------------------------------------------------------


def test_keys(browser: Any, viewer: pw.Viewer) -> None:
    with page_of(browser, viewer) as page:
        page.locator("#grid").focus()
        for key, number in (("ArrowRight", 1), ("l", 2), ("j", 6), ("k", 2), ("h", 1), ("End", 11), ("Home", 0)):
            page.keyboard.press(key)
            expect(page.locator(".cell[data-current]")).to_have_attribute("data-number", str(number))
        page.keyboard.press("Enter")
        expect(page.locator("body")).to_have_attribute("data-mode", "sample")
        expect(page.locator("#stage")).to_have_attribute("data-state", "shown")
        fitted = page.locator("#stage").get_attribute("data-zoom")
        page.keyboard.press("+")
        assert float(page.locator("#stage").get_attribute("data-zoom")) == pytest.approx(1.5 * float(fitted), rel=0.01)
        page.keyboard.press("0")
        assert page.locator("#stage").get_attribute("data-zoom") == fitted
        page.keyboard.down(" ")
        expect(page.locator("#world .layer")).to_be_hidden()
        page.keyboard.up(" ")
        expect(page.locator("#world .layer")).to_be_visible()
        page.keyboard.press("w")
        expect(page.locator("#divider")).to_be_visible()
        page.keyboard.press("o")
        expect(page.locator("#outlines")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("5")
        expect(page.locator("#legend li[data-id='5'] .swatch")).to_have_attribute("aria-pressed", "false")
        page.keyboard.press("a")
        expect(page.locator("#legend li[data-id='5'] .swatch")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("t")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#keys")).to_be_hidden()
        page.keyboard.press("Escape")
        expect(page.locator("body")).to_have_attribute("data-mode", "grid")
        expect(page.locator(".cell[data-current]")).to_have_attribute("data-number", "0")


def test_previous_and_next_stay_within_the_filter(browser: Any, viewer: pw.Viewer, root: Path) -> None:
    counts = pw.count_classes(root, splits="val")
    wanted = [12 + i for i in np.flatnonzero(counts[:, 8])]
    assert len(wanted) > 1
    with page_of(browser, viewer, f"#split=val&class=8&sample={wanted[0]}") as page:
        page.keyboard.press("ArrowRight")
        expect(page.locator("#name")).to_contain_text(f"2 of {len(wanted)}")
        assert f"sample={wanted[1]}" in page.url


# -- predictions ----------------------------------------------------------------------------------------------


def test_predictions_and_their_errors(browser: Any, root: Path, tmp_path: Path) -> None:
    split = pw.open(root)["val"]
    for k, name in enumerate(("good", "bad")):
        (tmp_path / name).mkdir()
        for i in range(12):
            ids = np.roll(split[i].label, 3 + 40 * k, axis=1)
            ids[ids == 255] = 0
            (tmp_path / name / f"{split.names[i]}.png").write_bytes(encode_png(ids))
    scored = [pw.score(tmp_path / name, split) for name in ("good", "bad")]
    runs = [tmp_path / "good", tmp_path / "bad"]
    with pw.view(root, splits="val", predictions=runs, port=0) as viewer, page_of(browser, viewer) as page:
        expect(page.locator("body")).to_have_attribute("data-scored", "2")
        expect(page.locator("#scores")).to_contain_text(f"good mIoU {100 * scored[0].scores.miou:.2f} %")
        texts = page.locator("#legend li[data-id='8'] .numbers span").all_inner_texts()
        assert texts[1:] == [f"{100 * s.scores.iou[8]:.1f}" for s in scored]
        page.locator("#sort").select_option("score-1")
        until(page, lambda: cells(page)[0] == scored[1].worst(1)[0].position)
        page.locator("#legend li[data-id='8'] .class").click()
        page.locator("#sort").select_option("iou-1")
        agreed, truth, predicted, _ = scored[1].confusion.images.totals[:, :, 8].T
        order = np.argsort(agreed / np.maximum(truth + predicted - agreed, 1), kind="stable")
        worst_first = [i for i in order.tolist() if (split[i].label == 8).any()]
        until(page, lambda: cells(page) == worst_first)
        assert "IoU of cat: bad" in page.locator("#sort option:checked").inner_text()
        page.keyboard.press("c")
        page.locator("#sort").select_option("score-1")
        until(page, lambda: cells(page)[0] == scored[1].worst(1)[0].position)
        page.locator("#layer").select_option("errors-1")
        page.locator(".cell[data-current]").click()
        page.locator("#stage[data-state=shown][data-layer='errors-1']").wait_for()
        at = scored[1].worst(1)[0].position
        truth = split[at].label
        found = np.roll(truth, 43, axis=1)
        found[found == 255] = 0
        seen = pixels(page, "#world .fill")
        assert np.array_equal(seen[..., 3] == 0, (found == truth) & (truth != 255))
        wrong = (found != truth) & (truth != 255)
        assert (seen[wrong][:, :3] == (214, 39, 40)).all()
        page.keyboard.press("v")
        expect(page.locator("#layer")).to_have_value("label")
        page.keyboard.press("Escape")
        page.set_viewport_size({"width": 390, "height": 844})
        page.locator("#classes").click()
        page.locator("#legend li[data-id='0'] .label").wait_for()
        cut = "all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent)"
        assert page.locator("#legend .label, .heads span").evaluate_all(cut) == []


def test_the_confusion_opens_its_samples(browser: Any, root: Path, tmp_path: Path) -> None:
    split = pw.open(root)["val"]
    for i in range(len(split)):
        ids = np.where(split[i].label == 255, 0, split[i].label).astype(np.uint8)
        if i in (4, 7):
            ids[(ids == 0) & (np.arange(ids.shape[0]) < 20 * i)[:, None]] = 12
        (tmp_path / f"{split.names[i]}.png").write_bytes(encode_png(ids))
    with pw.view(root, splits="val", predictions=tmp_path, port=0) as viewer, page_of(browser, viewer) as page:
        page.locator("#tab-confusion").click()
        expect(page.locator(".pairs button")).to_have_count(1)
        cell = page.locator(".confusion [data-pair='0-0']")
        cell.focus()
        page.keyboard.press("End")  # dog is the last of the classes that were confused, if no other is seen
        while not page.locator(".confusion [data-pair='0-12']").evaluate("e => e === document.activeElement"):
            page.keyboard.press("ArrowLeft")
        expect(page.locator("#confusion .said")).to_contain_text("truth background, predicted dog")
        page.keyboard.press("Enter")
        expect(page.locator("#grid")).to_have_attribute("data-total", "2")
        until(page, lambda: cells(page) == [7, 4])
        expect(page.locator("#layer")).to_have_value("confused")
        assert "pair=0-12" in page.url
        page.locator("#grid").focus()
        page.keyboard.press("Enter")
        page.locator("#stage[data-state=shown][data-layer='confused-0-0-12']").wait_for()
        rows = (np.arange(split[7].label.shape[0]) < 140)[:, None]
        assert np.array_equal(pixels(page, "#world .fill")[..., 3] > 0, (split[7].label == 0) & rows)
        page.keyboard.press("Escape")
        page.locator("#chips .remove").click()
        expect(page.locator("#grid")).to_have_attribute("data-total", "12")
        expect(page.locator("#layer")).to_have_value("label")


def test_the_windows_of_a_recipe(browser: Any, viewer: pw.Viewer) -> None:
    with page_of(browser, viewer, "#sample=0") as page:
        page.locator("#stage[data-state=shown]").wait_for()
        page.locator("#recipe").select_option("deeplab-voc")
        expect(page.locator(".windows polygon")).to_have_count(16)
        expect(page.locator(".draw")).to_have_count(16)
        before = page.locator(".windows polygon").first.get_attribute("points")
        page.locator(".draw").nth(3).hover()
        expect(page.locator(".windows polygon[data-on]")).to_have_count(1)
        page.locator("#seed").fill("5")
        expect(page.locator(".windows polygon").first).not_to_have_attribute("points", before)
        assert "recipe=deeplab-voc" in page.url
        page.locator("#epoch").fill("16")
        expect(page.locator(".draw .note").first).to_have_text("epoch 16")
        page.get_by_label("size 1 of 2").fill("100")
        page.get_by_label("size 1 of 2").press("Tab")
        page.get_by_label("size 2 of 2").fill("140")
        page.get_by_label("size 2 of 2").press("Enter")
        expect(page.locator(".draw").first).to_have_attribute("title", re.compile("to 100x140"))
        assert "set=1.size" in page.url
        page.get_by_label("size 1 of 2").fill("-3")
        page.get_by_label("size 1 of 2").press("Tab")
        expect(page.locator("#draws .bad")).to_contain_text("size")
        page.locator("#draws form button").click()
        expect(page.locator(".draw").first).to_have_attribute("title", re.compile("to 513x513"))
        page.locator("#draws form").blur()
        page.keyboard.press("ArrowRight")  # the next sample cannot be read
        expect(page.locator("#problem")).to_contain_text("truncated")
        expect(page.locator(".windows polygon")).to_have_count(0)


# -- looks ----------------------------------------------------------------------------------------------------


def test_a_table_of_many_classes(browser: Any) -> None:
    table = pw.ClassTable(tuple(f"kind {i}" for i in range(31_500)), ignore_index=65_535)
    labels = [
        np.array([[7, 12_000], [31_499, 65_535]], np.uint16).repeat(8, 0).repeat(8, 1),
        np.full((16, 16), 9, "u2"),
    ]
    split = pw.Split("all", table, pw.ArraySource([picture(i, (16, 16)) for i in range(2)], labels))
    with pw.view(split, port=0) as viewer, page_of(browser, viewer) as page:
        rows = page.locator("#legend li[data-id]")
        expect(page.locator("body")).to_have_attribute("data-counted", "2")
        expect(rows.first).to_have_attribute("data-id", "7")  # those that occur come first
        seen = rows.evaluate_all("all => all.map(row => +row.dataset.id)")
        assert seen[:7] == [7, 9, 12_000, 31_499, 65_535, 0, 1]
        assert len(seen) < 200
        page.locator("#legend").evaluate("list => { list.scrollTop = list.scrollHeight; }")
        page.locator("#legend li[data-id='31498']").wait_for()
        assert rows.count() < 200
        page.locator("#find").fill("kind 3149")
        expect(page.locator("#legend")).to_have_attribute("data-listed", "11")
        page.locator("#legend li[data-id='31499'] .swatch").click(modifiers=["Shift"])
        assert page.url.endswith("off=0-31498,65535")
        page.reload()
        page.locator("#legend li[data-id='7'] .swatch[aria-pressed=false]").wait_for()
        page.locator("#legend li[data-id='12000'] .class").click()
        expect(page.locator("#grid")).to_have_attribute("data-total", "1")
        page.locator("#tab-charts").click()
        expect(page.locator("#charts .bars").first.locator("button")).to_have_count(4)


CONTRASTS = """() => {
  const paint = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgba = text => {
    paint.clearRect(0, 0, 1, 1); paint.fillStyle = text; paint.fillRect(0, 0, 1, 1);
    return [...paint.getImageData(0, 0, 1, 1).data];
  };
  const linear = v => v <= 10 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const behind = e => {
    for (; e; e = e.parentElement) { const c = rgba(getComputedStyle(e).backgroundColor); if (c[3] > 250) return c; }
    return [255, 255, 255];
  };
  const found = [];
  for (const e of document.querySelectorAll("body *")) {
    const style = getComputedStyle(e), said = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!e.checkVisibility() || e.closest("#stage, .matrix, button:disabled")) continue;
    const name = `${e.tagName}#${e.id}.${e.className} ${e.textContent.slice(0, 30)}`;
    if (said) found.push([name, ratio(rgba(style.color), behind(e)), 4.5]);
    const edged = e.matches("select, input[type=search], input[type=number]");
    if (edged) found.push([name + " edge", ratio(rgba(style.borderTopColor), behind(e.parentElement)), 3]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrasts_are_those_of_wcag_aa(browser: Any, root: Path, tmp_path: Path, scheme: str) -> None:
    split = pw.open(root)["val"]
    for i in range(12):
        (tmp_path / f"{split.names[i]}.png").write_bytes(encode_png(np.minimum(split[i].label, 20)))
    options: Any = {"predictions": tmp_path, "findings": pw.check(root), "port": 0}
    with pw.view(root, **options) as viewer, page_of(browser, viewer, color_scheme=scheme) as page:
        expect(page.locator("body")).to_have_attribute("data-scored", "1")
        page.locator("#more summary").click()
        screens = ["#tab-charts", "#tab-confusion", "#tab-findings", "#findings .problem", "#chips .remove", "#help"]
        page.locator("#legend li[data-id='0'] .class").click()
        for button in [*screens, "#keys button", "#chips .remove", "#tab-classes", ".cell", None]:
            page.wait_for_timeout(150)
            measured = page.evaluate(CONTRASTS)
            assert len(measured) > 20
            assert not [(name, round(ratio, 2)) for name, ratio, least in measured if ratio < least]
            if button:
                page.locator(button).first.click()
        page.locator("#recipe").select_option("deeplab-voc")
        page.locator("#draws form").wait_for()
        assert not [one for one in page.evaluate(CONTRASTS) if one[1] < one[2]]


def test_a_recipe_on_a_phone(browser: Any, viewer: pw.Viewer) -> None:
    with page_of(browser, viewer, "#sample=0") as page:
        page.set_viewport_size({"width": 390, "height": 780})
        page.locator("#stage[data-state=shown]").wait_for()
        page.locator("#recipe").select_option("deeplab-voc")
        page.locator("#seed").fill("3")
        page.locator("#epoch").fill("2")
        expect(page.locator(".draw .note").first).to_have_text("epoch 2")
        page.get_by_label("size 1 of 2").fill("100")
        page.get_by_label("size 1 of 2").press("Tab")
        expect(page.locator(".draw").first).to_have_attribute("title", re.compile("to 100x513"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        right = "all => Math.max(...all.filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect().right))"
        assert page.locator("#bar button, #bar select, #bar input").evaluate_all(right) <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_spills_over(browser: Any, viewer: pw.Viewer, scheme: str, width: int) -> None:
    with page_of(browser, viewer, color_scheme=scheme) as page:
        page.set_viewport_size({"width": width, "height": 780})
        for state in ("#", "#sample=0"):
            page.goto(page.url.split("#")[0] + state)
            page.reload()
            page.locator("body[data-ready=yes]").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if state == "#":
                page.locator("#more summary").click()
            right = "all => Math.max(...all.filter(e => e.checkVisibility()).map(e => e.getBoundingClientRect().right))"
            assert page.locator("#bar button, #bar select, #bar input").evaluate_all(right) <= width
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(255, 255, 255)") == (scheme == "light")


def test_every_control_has_a_name(browser: Any, viewer: pw.Viewer) -> None:
    with page_of(browser, viewer) as page:
        for control in page.locator("button:visible, select:visible, input:visible").all():
            named = control.evaluate(
                "e => (e.textContent || e.ariaLabel || [...(e.labels ?? [])].map(l => l.textContent).join('')).trim()"
            )
            assert named, control.evaluate("e => e.outerHTML")


# -- findings and files ---------------------------------------------------------------------------------------


def test_findings(browser: Any, root: Path) -> None:
    with pw.view(root, findings=pw.check(root), port=0) as viewer, page_of(browser, viewer) as page:
        page.locator("#tab-findings").click()
        page.locator("section[data-code='class-out-of-range'] .problem").click()
        expect(page.locator("#grid")).to_have_attribute("data-total", "2")  # in train and in trainval
        page.locator(".finding:visible").first.click()
        page.locator("#stage[data-state=shown][data-layer='faulty-class-out-of-range']").wait_for()
        seen = pixels(page, "#world .fill")
        assert (seen == (255, 0, 90, 255)).all()
        expect(page.locator("#facts")).to_contain_text("value 77 is not a class")
        page.keyboard.press("Escape")
        page.keyboard.press("c")
        expect(page.locator("#grid")).to_have_attribute("data-total", "48")


def test_an_exported_page_has_confusion_duplicates_and_large_images(
    browser: Any, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = pw.open(root)["val"]
    (tmp_path / "run").mkdir()
    for i in range(12):
        ids = np.minimum(split[i].label, 21).astype(np.uint8)
        ids[:40][ids[:40] == 0] = 12 if i in (4, 6) else 0
        (tmp_path / f"run/{split.names[i]}.png").write_bytes(encode_png(ids))
    images = [split[i].image for i in (0, 3, 0)] + [np.tile(split[3].image, (5, 8, 1))]
    labels = [split[i].label for i in (0, 3, 0)] + [np.tile(split[3].label, (5, 8))]
    alike = pw.Split("alike", pw.VOC, pw.ArraySource(images, labels))
    monkeypatch.setattr("pixelwise.viewer.answers.LARGE", 1_000_000)
    with pw.view(root, splits="val", predictions=tmp_path / "run", port=0) as viewer:
        viewer.export(tmp_path / "page.html", n=8)
    with pw.view(alike, port=0) as viewer:
        viewer.export(tmp_path / "alike.html")
    said: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    page.locator("body[data-ready=yes]").wait_for()
    page.locator("#tab-confusion").click()
    page.locator(".pairs [data-pair='0-12']").click()
    expect(page.locator("#grid")).to_have_attribute("data-total", "2")
    until(page, lambda: set(cells(page)) == {4, 6})
    page.locator(".cell[data-number='4']").click()
    page.locator("#stage[data-state=shown][data-layer='confused-0-0-12']").wait_for()
    rows = (np.arange(split[4].label.shape[0]) < 40)[:, None]
    assert np.array_equal(pixels(page, "#world .fill")[..., 3] > 0, (split[4].label == 0) & rows)
    page.goto((tmp_path / "alike.html").as_uri() + "#alike=1&opacity=1")
    page.locator("body[data-ready=yes]").wait_for()
    until(page, lambda: cells(page) == [0, 2])
    page.goto((tmp_path / "alike.html").as_uri() + "#sample=3&opacity=1")
    page.reload()
    page.locator("#stage[data-state=shown]").wait_for()
    expect(page.locator("#facts")).to_contain_text("shown here at 1/")
    height, width = labels[3].shape
    step = 2 if max(height, width) <= 4096 else 4
    shown = pixels(page, "#world .fill")
    assert shown.shape[:2] == (-(-height // step), -(-width // step))
    assert shown[10, 20, :3].tolist() == pw.VOC.colors[labels[3][10 * step + step // 2, 20 * step + step // 2]].tolist()
    assert not said
    page.close()


def test_an_exported_page_opens_from_its_file(browser: Any, root: Path, tmp_path: Path) -> None:
    with pw.view(root, port=0) as viewer:
        viewer.export(tmp_path / "page.html", "split=train", n=4)
    said: list[str] = []
    asked: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((tmp_path / "page.html").as_uri() + "#opacity=1")
    page.locator("body[data-ready=yes]").wait_for()
    until(page, lambda: cells(page) == [0, 1, 2, 3])
    expect(page.locator(".cell[data-number='1'] .why")).to_contain_text("truncated")
    page.locator("#legend li[data-id='0'] .class").click()
    expect(page.locator("#grid")).to_have_attribute("data-total", "3")  # the label of one cannot be read
    page.locator(".cell[data-number='3']").click()
    page.locator("#stage[data-state=shown]").wait_for()
    label = pw.open(root)["train"][3].label
    assert np.array_equal(pixels(page, "#world .fill")[..., :3], pw.VOC.decode(label))
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    page.locator("#text").fill("000002")
    expect(page.locator("#grid")).to_have_attribute("data-total", "1")
    assert not said
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == [(tmp_path / "page.html").as_uri()]
    page.close()
