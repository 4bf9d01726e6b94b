"""The viewer: first page, memory, filters, orders and frames at a million entries; thumbnails, classes, large images.

    python benchmarks/bench_view.py [--root VOC2012] [--entries 1000000] [--browser /usr/bin/chromium]

Needs pixelwise[view] and playwright. The million repeats 8 small samples in memory under a million names; thumbnails
are of real files, asked for over six connections as browsers do. Server and browser share the machine's cores. A frame
counts as long from 50 ms on; of such a frame, "script" is the longest of our own functions in it.
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from race import find_root

import pixelwise as pw

REPOSITORY = Path(__file__).resolve().parents[1]
SERVER = """
import sys; sys.path.insert(0, sys.argv[1])
import pixelwise as pw
data = __import__("tests.support.many").support.many.many(int(sys.argv[3])) if sys.argv[2] == "many" else sys.argv[2]
viewer = pw.view(data, port=0)
{more}
print(viewer.url, flush=True); viewer.wait()
"""
RATED = """
import numpy as np, tempfile, pathlib
from pixelwise.viewer.looks import Alike
from pixelwise.viewer.runs import Run
pairs = zip(*[(s.image, s.label) for s in data[:8]])
few, folder = pw.Split("few", data.classes, pw.ArraySource(*pairs)), tempfile.mkdtemp()
for name, s in zip(few.names, few): np.save(f"{folder}/{name}.npy", s.label % 21)
shown, rng = viewer._shown, np.random.default_rng(0)
shown.runs = tuple(Run(pathlib.Path(folder), name, shown.entries, 0, "voc", False) for name in ("new", "old"))
for run in shown.runs: run.scoring, run._scores = pw.score(folder, few), rng.random(len(data))
group = np.full(len(data), np.nan)
group[rng.permutation(len(data))[: len(data) // 5]] = np.arange(len(data) // 5) // 2
alike = Alike(shown.entries); alike.stop(); alike.counted, alike._groups = len(data), (len(data), group)
shown.__dict__["alike"] = alike
shown.prepare_orders()
"""
WATCH = """() => {
  window.long = [];
  const took = e => [e.duration, Math.max(0, ...e.scripts.map(s => s.duration))];
  const note = list => window.long.push(...list.getEntries().map(took));
  new PerformanceObserver(note).observe({type: "long-animation-frame"});
}"""
SCROLL = """async ([id, by]) => {
  const scrolled = document.getElementById(id), gaps = [];
  let last = performance.now();
  for (let i = 0; i < 120; i++) {
    scrolled.scrollTop += by;
    await new Promise(requestAnimationFrame);
    gaps.push(performance.now() - last); last = performance.now();
  }
  return gaps;
}"""
RECOLOR = """async (number) => {
  const {recolor, values} = await import("/static/png.js");
  const png = new Uint8Array(await (await fetch(`/whole/${number}/label`)).arrayBuffer());
  const times = [];
  for (let i = 0; i < 20; i++) {
    const began = performance.now();
    recolor(png, new Uint8Array(768).fill(i), new Uint8Array(256).fill(255));
    times.push(performance.now() - began);
  }
  return [png.length, times];
}"""


class Server:
    """`view` in a process of its own. data: a path, or "many" for a source of `entries` names. more: its last lines."""

    def __init__(self, data: str, entries: int = 0, more: str = "") -> None:
        began = time.perf_counter()
        command = [sys.executable, "-c", SERVER.replace("{more}", more), str(REPOSITORY), data]
        command.append(str(entries))
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.seconds = time.perf_counter() - began

    def memory(self) -> float:
        """Resident megabytes now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def opened(browser: Browser, url: str) -> tuple[Page, float]:
    """The page, once the first row of labels is on it, and the seconds that took."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(f"({WATCH})()")
    began = time.perf_counter()
    page.goto(url)
    page.locator(".cell[data-position='3'][data-covered][data-loaded]").wait_for()
    return page, time.perf_counter() - began


def frames(page: Page, what: str, milliseconds: int = 800) -> None:
    """Wait, and print the longest frame since the last call, and the longest script in one."""
    page.wait_for_timeout(milliseconds)
    found = page.evaluate("() => window.long.splice(0)")
    frame, script = (max((one[k] for one in found), default=0) for k in (0, 1))
    print(f"  {what}: " + (f"longest frame {frame:.0f} ms, script {script:.0f} ms" if found else "no frame over 50 ms"))


def filtered(page: Page, query: str) -> float:
    """Milliseconds from asking the server to having the list."""
    page.goto(page.url.split("#")[0] + "#" + query)
    page.wait_for_timeout(1500)
    return float(page.locator("body").get_attribute("data-select-ms") or "nan")


def thumbnails(url: str, what: str, count: int, connections: int = 6) -> float:
    """Thumbnails per second."""
    host, _, token = url.removeprefix("http://").partition("/?token=")
    first = http.client.HTTPConnection(host)
    first.request("GET", "/?token=" + token)
    cookie = str(first.getresponse().getheader("set-cookie")).split(";")[0]

    def ask(start: int) -> None:
        connection = http.client.HTTPConnection(host)
        for i in range(start, count, connections):
            connection.request("GET", f"/small/{i % 200}/{what}", headers={"Cookie": cookie})
            connection.getresponse().read()

    began = time.perf_counter()
    threads = [threading.Thread(target=ask, args=(k,)) for k in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count / (time.perf_counter() - began)


def of_a_million(browser: Browser, entries: int) -> None:
    server = Server("many", entries)
    page, seconds = opened(browser, server.url)
    print(f"{entries:,} entries: address after {server.seconds:.2f} s with starting Python, first page {seconds:.2f} s")
    print(f"memory with the first page: {server.memory():.0f} MB")
    frames(page, "opening")
    gaps = page.evaluate(SCROLL, ["grid", 60])
    print(f"scrolling: {1000 / np.mean(gaps):.0f} frames/s, worst {max(gaps):.0f} ms")
    frames(page, "scrolling")
    for query in ("text=99999", "class=8", "low=100", "sort=-name"):
        print(f"filter {query}: {filtered(page, query):.0f} ms")
    frames(page, "filters")
    page.goto(server.url)
    page.locator(f"body[data-counted='{entries}']").wait_for(timeout=300_000)
    print(f"memory when all are counted: {server.memory():.0f} MB")
    for query in ("class=8,0&sort=-share", "class=8&share=0.1", "low=100&high=120", "sort=-classes", "sort=-share"):
        print(f"filter {query}: {filtered(page, query):.0f} ms")
    page.locator("#tab-charts").click()
    frames(page, "filters and charts of all", 3000)
    page.close()
    server.close()


def of_a_million_rated(browser: Browser, entries: int) -> None:
    """Filters and orders by two runs and by near duplicates, a fifth of the entries in pairs.

    The server is handed random scores and groups: to score a million files and to compare a million images is not what
    is measured here. Orders by scores are made when a run is scored, before the page asks; others when it asks.
    """
    server = Server("many", entries, RATED)
    page, _ = opened(browser, server.url)
    page.wait_for_timeout(2000)
    for query in ("score=50", "sort=score", "sort=-change", "score=50&sort=-score", "text=99&sort=change"):
        print(f"filter {query}: {filtered(page, query):.0f} ms")
    for query in ("alike=1", "sort=alike", "alike=1&sort=-alike"):
        print(f"filter {query}: {filtered(page, query):.0f} ms")
    frames(page, "filters by runs and near duplicates")
    page.close()
    server.close()


def of_files(root: Path) -> None:
    server = Server(str(root))
    time.sleep(3)  # until it has counted
    for what in ("image", "label"):
        cpu, rate = server.cpu(), thumbnails(server.url, what, 1200)
        cpu = (server.cpu() - cpu) / 1200
        print(f"{what} thumbnails: {rate:.0f}/s, server {1000 * cpu:.2f} ms of CPU each, HTTP included")
    server.close()


def of_a_large_label(browser: Browser) -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 19, (64, 128)).astype(np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    source: Any = pw.ArraySource([np.zeros((1024, 2048, 3), np.uint8)], [label])
    with pw.view(pw.Split("one", pw.VOC, source), port=0) as viewer:
        page = browser.new_page()
        page.goto(viewer.url)
        size, times = page.evaluate(RECOLOR, 0)
        print(f"colors of a label of 2048 x 1024 ({size:,} bytes): {np.median(times):.2f} ms by its palette")


def of_many_classes(browser: Browser, classes: int = 31_500) -> None:
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, classes, (12, 16)).astype(np.uint16).repeat(40, 0).repeat(40, 1) for _ in range(60)]
    images = [rng.integers(0, 256, (480, 640, 3), np.uint8) for _ in range(60)]
    table = pw.ClassTable(tuple(f"class {i}" for i in range(classes)), ignore_index=65_535)
    split = pw.Split("val", table, pw.ArraySource(images, labels))
    with tempfile.TemporaryDirectory() as folder:
        for name, label in zip(split.names, labels, strict=True):
            np.save(f"{folder}/{name}.npy", np.roll(label, 50, axis=1))
        with pw.view(split, predictions=folder, port=0) as viewer:
            page, seconds = opened(browser, viewer.url)
            print(f"{classes:,} classes: first page {seconds:.2f} s")
            frames(page, "opening")
            page.evaluate(SCROLL, ["legend", 400])
            frames(page, "scrolling the legend")
            page.locator("#find").fill("123")
            frames(page, "searching a class")
            page.locator("#legend li .class").first.click()
            page.locator("#legend li .swatch").first.click(modifiers=["Shift"])
            frames(page, "a class as filter, only its color")
            page.keyboard.press("Escape")
            page.keyboard.press("c")
            for tab in ("charts", "confusion"):
                page.locator(f"#tab-{tab}").click()
                frames(page, tab, 2500)
            page.locator(".pairs button").first.click()
            page.locator(".cell").first.click()
            frames(page, "samples of a pair, the first opened", 2000)
            page.close()


def of_a_large_image(browser: Browser, height: int, width: int) -> None:
    """One sample in memory: what the server and the page do, not a file format."""
    image = np.add.outer(np.arange(height) // 64, np.arange(width) // 64).astype(np.uint8)
    source = pw.ArraySource([np.broadcast_to(image[..., None], (height, width, 3))], [image % 21])
    with pw.view(pw.Split("one", pw.VOC, source), port=0) as viewer:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(f"({WATCH})()")
        began = time.perf_counter()
        page.goto(viewer.url + "#sample=0")
        page.locator("#stage[data-state=shown]").wait_for()
        print(f"an image of {height:,} x {width:,}: seen after {time.perf_counter() - began:.2f} s")
        frames(page, "opening", 2000)
        page.mouse.move(800, 400)
        frames(page, "pointing", 1500)
        for _ in range(30):
            page.mouse.wheel(0, -120)
            page.wait_for_timeout(30)
        frames(page, "zooming in")
        page.mouse.down()
        page.mouse.move(300, 200, steps=40)
        page.mouse.up()
        frames(page, "dragging")
        page.keyboard.press("o")
        frames(page, "outlines", 2000)
        page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--browser", default=which("chromium"))
    given = parser.parse_args()
    print("load:", *os.getloadavg())
    with tempfile.TemporaryDirectory() as folder:
        of_files(find_root(given.root, Path(folder)))
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=given.browser, args=["--no-sandbox"])
        of_a_million(browser, given.entries)
        of_a_million_rated(browser, given.entries)
        of_a_large_label(browser)
        of_many_classes(browser)
        of_a_large_image(browser, 4000, 3900)  # the largest that is not shown in tiles
        of_a_large_image(browser, 12_000, 12_000)
        browser.close()


if __name__ == "__main__":
    main()
