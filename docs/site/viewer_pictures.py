"""Make the pictures of docs/viewer.md and README.md again: the viewer in a browser, on the painted sample dataset.

    python docs/site/viewer_pictures.py [--browser /usr/bin/chromium] [--out docs]

Needs pixelwise[view] and playwright. The predictions are made here: shifted shapes, missed small objects and classes
that are mistaken for one another, the second run worse than the first. The same versions give the same pictures.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import pixelwise as pw

SIZE = {"width": 1280, "height": 760}
MOST = 150_000
"""No picture takes more bytes."""
MISTAKEN = (("cow", "horse"), ("cat", "dog"), ("sofa", "chair"), ("bus", "train"), ("motorbike", "bicycle"))


def predict(split: pw.Split, folder: Path, shift: int, least: float, wrong: int) -> None:
    """Predictions by a rule. shift: in pixels. least: smaller shares are missed. wrong: every so many images has it."""
    folder.mkdir()
    names = split.classes.index
    for k, sample in enumerate(split):
        assert sample.label is not None
        guess = np.roll(np.where(sample.label == 255, 0, sample.label), shift, axis=1)
        for c in np.unique(guess):
            if (guess == c).mean() < least:
                guess[guess == c] = 0
        for truth, predicted in MISTAKEN if k % wrong == 0 else ():
            guess[guess == names(truth)] = names(predicted)
        Image.fromarray(guess.astype(np.uint8)).save(folder / f"{sample.name}.png")


@contextmanager
def page_of(browser: Browser, viewer: pw.Viewer, state: str) -> Iterator[Page]:
    with browser.new_context(viewport=SIZE) as context:
        page = context.new_page()
        page.goto(viewer.url + state)
        page.locator("body[data-ready=yes][data-scored='2']").wait_for()
        yield page


def save(page: Page, path: Path) -> None:
    """What the page shows as JPEG, as good as MOST bytes allow."""
    page.mouse.move(0, 0) if "sample" not in path.stem else None
    page.wait_for_timeout(1500)  # until all thumbnails are there
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for quality in range(88, 40, -4):
        file = io.BytesIO()
        shot.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= MOST:
            break
    path.write_bytes(file.getvalue())
    print(f"{path}: {file.tell():,} bytes, quality {quality}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browser", default=which("chromium"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, sync_playwright() as driver:
        folder = Path(work)
        root = pw.sample(folder / "demo", count=96)
        val = pw.open(root)["val"]
        predict(val, folder / "new", 3, 0.004, 5)
        predict(val, folder / "old", 9, 0.02, 2)
        browser = driver.chromium.launch(executable_path=given.browser, args=["--no-sandbox"])
        runs = [folder / "new", folder / "old"]
        with pw.view(root, splits=["train", "val"], predictions=runs, port=0) as viewer:
            with page_of(browser, viewer, "#split=train") as page:
                save(page, given.out / "viewer-grid.jpg")
            first = viewer_number(viewer, val.names[2])
            with page_of(browser, viewer, f"#split=val&sample={first}&outlines=1") as page:
                page.locator("#stage[data-state=shown]").wait_for()
                page.mouse.move(760, 460)
                save(page, given.out / "viewer-sample.jpg")
            with page_of(browser, viewer, "#split=val&sort=score&layer=errors-0") as page:
                save(page, given.out / "viewer-errors.jpg")
            with page_of(browser, viewer, "#split=val&sort=score") as page:
                page.locator("#tab-confusion").click()
                page.locator("#confusion-run select").select_option("1")
                page.locator("#confusion .quiet", has_text=f"{len(val)} samples").wait_for()
                page.locator(".pairs button", has_text="person").first.click()
                save(page, given.out / "viewer-confusion.jpg")
        browser.close()


def viewer_number(viewer: pw.Viewer, name: str) -> int:
    """The number of the first entry of that name, as the page's address has it."""
    return next(i for i in range(viewer.count) if viewer._shown.entries.name(i) == name)


if __name__ == "__main__":
    main()
