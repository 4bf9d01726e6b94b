"""Decoding alone: strict PNG labels and images against Pillow and OpenCV, JPEG against the bare decoder, headers.

    python benchmarks/bench_codecs.py [--root VOC2012] [--count 100] [--out FILE.json]

Targets: a VOC label (500x375, 8-bit palette, every checksum tested) in 0.12 ms; a 960x720 RGB PNG no slower than
OpenCV and Pillow; 20,000 headers a second. Pillow and OpenCV test fewer things; OpenCV gives a label's colors only.
The candidates run in turns in one process, so that their ratios hold on a busy machine; the times need a quiet one.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import harness
import numpy as np
import simplejpeg
from PIL import Image
from race import find_root

from pixelwise.classes import VOC
from pixelwise.codecs.decoding import decode_image, decode_stored, read_header
from pixelwise.codecs.png import encode_png
from pixelwise.dataset.sources import Decoding

Decoder = Callable[[bytes], Any]
CAMVID = Path(__file__).resolve().parents[2] / "shared/data/formats/camvid_rgb"


def pillow(data: bytes) -> Any:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def opencv(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def photos(jpegs: list[bytes]) -> list[bytes]:
    """RGB PNG of 960x720: real ones where the shared data is here, else enlarged JPEGs, saved by Pillow."""
    found = [p.read_bytes() for p in sorted(CAMVID.rglob("*.png"))] if CAMVID.is_dir() else []
    found = [data for data in found if len(data) > 200_000]
    for data in jpegs[: 0 if found else 8]:
        stream = io.BytesIO()
        Image.fromarray(cv2.resize(decode_image(data, "jpeg"), (960, 720))).save(stream, "PNG")
        found.append(stream.getvalue())
    return found


def race(title: str, files: list[bytes], decoders: dict[str, Decoder], rounds: int) -> dict[str, harness.Summary]:
    """Milliseconds a file of each decoder; printed with the ratio to the first."""

    def over(decode: Decoder) -> Callable[[], None]:
        def run() -> None:
            for data in files:
                decode(data)

        return run

    times = harness.compare({name: over(decode) for name, decode in decoders.items()}, rounds=rounds)
    result = {name: t["wall"].scaled(1000 / len(files)) for name, t in times.items()}
    print(f"{title}, {len(files)} files of {sum(map(len, files)) / len(files) / 1000:.1f} kB")
    first = next(iter(result.values())).median
    for name, milliseconds in result.items():
        print(f"  {name:34s} {milliseconds} ms, x{milliseconds.median / first:.2f}")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = find_root(args.root, Path(folder))
        paths = sorted((root / "JPEGImages").glob("*.jpg"))
        jpegs = [p.read_bytes() for p in paths[: args.count]]
        labels = [p.read_bytes() for p in sorted((root / "SegmentationClass").glob("*.png"))[: args.count]]
        sheets = [decode_stored(data, "label") for data in labels]
        results = {
            "label": race("palette label", labels, {
                "pixelwise, stored indices": lambda data: decode_stored(data, "label.png"),
                "pixelwise, class ids": lambda data: Decoding().label(data, VOC, "label.png"),
                "Pillow": pillow, "OpenCV (colors)": opencv,
            }, args.rounds),
            "png": race("RGB PNG of 960x720", photos(jpegs), {
                "pixelwise": lambda data: decode_image(data, "image.png"), "Pillow": pillow, "OpenCV": opencv,
            }, args.rounds),
            "jpeg": race("JPEG", jpegs, {
                "pixelwise": lambda data: decode_image(data, "image.jpg"),
                "simplejpeg alone": lambda data: simplejpeg.decode_jpeg(data, strict=True),
            }, args.rounds),
        }  # fmt: skip
        header = harness.compare({"read_header": lambda: [read_header(p) for p in paths]}, rounds=args.rounds)
        rate = len(paths) / header["read_header"]["wall"].median
        print(f"headers: {rate:,.0f} files/s, {len(paths)} files")
        sizes = [len(encode_png(s.pixels, s.palette)) for s in sheets]
        ratio = sum(sizes) / sum(map(len, labels))
        print(f"labels written again: {ratio:.3f} of the size of the files read")
    if args.out:
        harness.write_json(args.out, "codecs", {"milliseconds": results, "headers": rate, "label_size": ratio})


if __name__ == "__main__":
    main()
