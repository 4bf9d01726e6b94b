"""The jobs of the race, and the data that all peers read.

    job 1   crop 320x480 at a random place, float32 CHW, normalized, batches of 32
    job 2   the same crop, uint8, batches of 32
    job 3   random scale 0.5 to 2, padded crop 320x480, flip, float32 CHW, normalized, batches of 32
    job 4   images of 1024x2048, crop 512x1024, float32 CHW, normalized, batches of 8
    job 5   the textbook chapter's whole load_data_voc_segmentation at its size, 1,464 and 1,449 images
    job 6   DeepLab's recipe: scale 0.5 to 2, padded crop 513x513, flip, color jitter, normalized, batches of 16

`prepare` makes what the jobs read in a work folder: a VOC tree with copies of the training images that are at
least as large as the crop (copies of files, so that an epoch is long enough to time and no file is smaller in
the page cache than in life), the labels once more as gray PNG and as .npy for the loaders that cannot read
palette indices, a tree of large images tiled from real ones, and a ramp tree, whose labels follow from the
colors, to check job 3; for job 5, a tree of the chapter's size with small images and a validation list.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
IGNORE = 255
SCALE = (0.5, 2.0)
FLIP = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """One task, the same for every peer. `fill` is the padding's color (the mean, so that it normalizes to
    zero)."""

    number: int
    title: str
    height: int = 320
    width: int = 480
    batch: int = 32
    dtype: Literal["float32", "uint8"] = "float32"
    augment: bool = False  # random scale and flip before a padded crop
    jitter: float = 0.0  # of brightness, contrast and saturation: factors from 1 - jitter to 1 + jitter
    fill: tuple[int, int, int] = (124, 116, 104)


JOBS = {
    1: Job(1, "crop 320x480, float32 CHW normalized, batch 32"),
    2: Job(2, "crop 320x480, uint8, batch 32", dtype="uint8"),
    3: Job(3, "scale 0.5 to 2, padded crop 320x480, flip, float32 CHW normalized, batch 32", augment=True),
    4: Job(4, "images 1024x2048, crop 512x1024, float32 CHW normalized, batch 8", height=512, width=1024, batch=8),
    5: Job(5, "the chapter's load_data_voc_segmentation, crop 320x480, float32, batch 32"),
    6: Job(
        6, "scale 0.5 to 2, padded crop 513x513, flip, color jitter 0.4, float32 CHW normalized, batch 16",
        513, 513, 16, augment=True, jitter=0.4,
    ),
}


@dataclass(frozen=True, slots=True)
class Data:
    """A VOC tree that the peers read: the training list, and the largest height and width in it.

    root: the tree. derived: where peers put what they make of it. names: the training list.
    """

    root: Path
    derived: Path
    names: tuple[str, ...]
    largest: tuple[int, int]

    def images(self) -> list[str]:
        """Path of every image, in the order of the list."""
        return [f"{self.root}/JPEGImages/{name}.jpg" for name in self.names]

    def labels(self, kind: Literal["palette", "gray", "npy"] = "palette") -> list[str]:
        """Path of every label: VOC's own palette PNG, the same as gray PNG, or as .npy."""
        folder, suffix = {
            "palette": (self.root / "SegmentationClass", "png"),
            "gray": (self.derived / "gray", "png"),
            "npy": (self.derived / "npy", "npy"),
        }[kind]
        return [f"{folder}/{name}.{suffix}" for name in self.names]

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), default=str))

    @staticmethod
    def load(path: Path | str) -> Data:
        values = json.loads(Path(path).read_text())
        return Data(Path(values["root"]), Path(values["derived"]), tuple(values["names"]), tuple(values["largest"]))


def prepare(source: Path, work: Path, trees: Iterable[str], *, copies: int = 4, large: int = 240) -> dict[str, Path]:
    """Make these of the trees "real", "large", "ramp", "chapter", unless they are there: {name: path of its Data}.

    source: a VOC2012 folder. copies: how often each training image appears in "real". large: number of large images.
    """
    makers: dict[str, Callable[[Path], Data]] = {
        "real": lambda folder: _copies(source, folder, copies),
        "large": lambda folder: _large(source, folder, large),
        "ramp": _ramp,
        "chapter": lambda folder: _chapter(source, folder),
    }
    stamp = json.dumps({"source": str(source.resolve()), "copies": copies, "large": large})
    found = {}
    for name in trees:
        folder = work / name
        found[name] = folder / "data.json"
        made_of = folder / "made-of.json"  # written last: a tree without it was never finished
        if not made_of.exists() or made_of.read_text() != stamp:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            makers[name](folder).save(found[name])
            made_of.write_text(stamp)
    return found


def data_of(job: Job) -> str:
    """Which of the prepared trees the job reads."""
    return {4: "large", 5: "chapter"}.get(job.number, "real")


def check_data_of(job: Job) -> str:
    """Which of the prepared trees the job's pixels are checked on."""
    return "ramp" if job.augment else data_of(job)


# -- making the trees ----------------------------------------------------------------------------------------


def _listed(source: Path, split: str) -> list[str]:
    return (source / f"ImageSets/Segmentation/{split}.txt").read_text().split()


def _tree(folder: Path, names: list[str], largest: tuple[int, int]) -> Data:
    # Lists for a tree whose JPEGImages and SegmentationClass are written already; derived labels beside it.
    from PIL import Image

    lists = folder / "VOC2012/ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for split in ("train", "val", "trainval"):
        (lists / f"{split}.txt").write_text("".join(f"{n}\n" for n in (names[:1] if split == "val" else names)))
    data = Data(folder / "VOC2012", folder / "derived", tuple(names), largest)

    def derive(paths: tuple[str, str, str]) -> None:
        import numpy as np

        palette, gray, npy = paths
        values = np.array(Image.open(palette))
        Image.fromarray(values).save(gray)
        np.save(npy, values)

    for kind in ("gray", "npy"):
        (data.derived / kind).mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        list(pool.map(derive, zip(data.labels(), data.labels("gray"), data.labels("npy"), strict=True)))
    return data


def _folders(folder: Path) -> tuple[Path, Path]:
    images, labels = folder / "VOC2012/JPEGImages", folder / "VOC2012/SegmentationClass"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    return images, labels


def _copies(source: Path, folder: Path, copies: int) -> Data:
    from PIL import Image

    images, labels = _folders(folder)
    crop = JOBS[1]
    names, largest = [], (0, 0)
    for name in _listed(source, "train"):
        width, height = Image.open(source / f"JPEGImages/{name}.jpg").size
        if height >= crop.height and width >= crop.width:
            names.append(name)
            largest = (max(largest[0], height), max(largest[1], width))
    for name in names:
        for copy in range(copies):
            shutil.copyfile(source / f"JPEGImages/{name}.jpg", images / f"{name}_{copy}.jpg")
            shutil.copyfile(source / f"SegmentationClass/{name}.png", labels / f"{name}_{copy}.png")
    return _tree(folder, [f"{name}_{copy}" for copy in range(copies) for name in names], largest)


def _large(source: Path, folder: Path, count: int, height: int = 1024, width: int = 2048) -> Data:
    import numpy as np
    from PIL import Image

    images, labels = _folders(folder)
    names = _listed(source, "train")
    palette = Image.open(source / f"SegmentationClass/{names[0]}.png").getpalette()

    def make(k: int) -> str:
        rng = np.random.default_rng(k)
        image, label = np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint8)
        y = 0
        while y < height:
            x, row = 0, height - y
            while x < width:
                name = names[rng.integers(len(names))]
                tile = np.asarray(Image.open(source / f"JPEGImages/{name}.jpg").convert("RGB"))[
                    : height - y, : width - x
                ]
                classes = np.array(Image.open(source / f"SegmentationClass/{name}.png"))[: height - y, : width - x]
                h, w = classes.shape
                image[y : y + h, x : x + w], label[y : y + h, x : x + w] = tile, classes
                x, row = x + w, min(row, h)
            y += row
        Image.fromarray(image).save(images / f"large_{k:04d}.jpg", quality=92)
        _save_palette(label, palette, labels / f"large_{k:04d}.png")
        return f"large_{k:04d}"

    with ThreadPoolExecutor() as pool:
        made = list(pool.map(make, range(count)))
    return _tree(folder, made, (height, width))


def _ramp(folder: Path, count: int = 64, height: int = 375, width: int = 500) -> Data:
    """Red rises to the right, green downwards, blue is 200: a pixel's color says where it came from and so
    which class it has (7 columns by 3 rows of them). See verify.check_augmented."""
    import numpy as np
    from PIL import Image

    images, labels = _folders(folder)
    across, down = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    image = np.empty((height, width, 3), np.uint8)
    image[..., 0] = np.rint(20 + 210 * across)
    image[..., 1] = np.rint(20 + 210 * down)[:, None]
    image[..., 2] = 200
    label = (7 * np.floor(3 * down).astype(np.uint8)[:, None] + np.floor(7 * across).astype(np.uint8)).astype(np.uint8)
    palette = [v for i in range(256) for v in (i, i, i)]
    names = [f"ramp_{k:03d}" for k in range(count)]
    for name in names:
        Image.fromarray(image).save(images / f"{name}.jpg", quality=96, subsampling=0)
        _save_palette(label, palette, labels / f"{name}.png")
    return _tree(folder, names, (height, width))


def _chapter(source: Path, folder: Path, train: int = 1464, val: int = 1449) -> Data:
    """As many files as VOC2012 has, small images among them: the source's, copied until there are enough."""
    images, labels = _folders(folder)
    lists = folder / "VOC2012/ImageSets/Segmentation"
    lists.mkdir(parents=True)
    made: dict[str, list[str]] = {}
    for split, count in (("train", train), ("val", val)):
        originals = _listed(source, split)
        made[split] = []
        for k in range(count):
            original, name = originals[k % len(originals)], f"{split}_{k:04d}"
            shutil.copyfile(source / f"JPEGImages/{original}.jpg", images / f"{name}.jpg")
            shutil.copyfile(source / f"SegmentationClass/{original}.png", labels / f"{name}.png")
            made[split].append(name)
        (lists / f"{split}.txt").write_text("".join(f"{name}\n" for name in made[split]))
    return Data(folder / "VOC2012", folder / "derived", tuple(made["train"]), (500, 500))


def _save_palette(label, palette, path: Path) -> None:  # type: ignore[no-untyped-def]
    from PIL import Image

    image = Image.frombytes("P", label.shape[::-1], label.tobytes())
    image.putpalette(palette)
    image.save(path)
