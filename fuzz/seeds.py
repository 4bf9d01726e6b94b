"""Inputs to begin with: good ones of every variety, and the known kinds of bad ones.

`python -m fuzz.seeds` writes corpus/, which is committed, so that a run does not depend on the versions of the
libraries that write the files.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from tests.support import hostile
from tests.support.png import header, join, write
from tests.support.tars import make_tar

from . import CORPUS

Inputs = Iterator[tuple[str, bytes]]
PIXELS = (np.arange(9 * 11 * 3).reshape(9, 11, 3) * 7 % 251).astype(np.uint8)


def seeds_of(target: str) -> dict[str, bytes]:
    """The committed corpus of a target, and the files of its kind that the tests make."""
    found = {path.name: path.read_bytes() for path in sorted((CORPUS / target).iterdir())}
    files = {"split_list": hostile.lists}.get(target)
    if target in ("png", "jpeg", "tiff", "rare"):
        endings = {"png": ".png", "jpeg": ".jpg", "tiff": ".tif"}
        made = (f for f in (*hostile.images(), *hostile.labels()) if len(f[2]) < 20_000)
        found |= {name: data for name, _, data in made if name.endswith(endings.get(target, (".gif", ".bmp", ".jpg")))}
    elif files is not None:
        found |= {name: data for name, _, data in files()}
    return found


def saved(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    """A small file by Pillow."""
    out = io.BytesIO()
    Image.fromarray(PIXELS).convert(mode).save(out, kind, **options)
    return out.getvalue()


# -- images ---------------------------------------------------------------------------------------------------


def png() -> Inputs:
    """PNG."""
    for color, bits, channels in ((0, 1, 1), (0, 16, 1), (2, 8, 3), (3, 4, 1), (4, 8, 2), (6, 16, 4)):
        samples = PIXELS[..., :1].astype(int).repeat(channels, 2) % (1 << bits)
        palette = PIXELS.reshape(-1, 3)[:16] if color == 3 else None
        yield f"color{color}_{bits}", write(samples, color, bits, [0, 1, 2, 3, 4], False, palette)
    yield "interlaced", write(PIXELS.astype(int), 2, 8, [4], True)
    exif = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
    pixels = (b"IDAT", zlib.compress(bytes(12)))
    yield "exif", join([(b"IHDR", header(2, 4)), (b"eXIf", exif), pixels, (b"IEND", b"")])
    whole = join([(b"IHDR", header(2, 4)), (b"eXIf", exif), pixels])
    yield "exif_of_4_gb", whole.replace(struct.pack(">I", len(exif)) + b"eXIf", b"\xff\xff\xff\xf0eXIf")
    yield "no_pixels_in_many_chunks", join([(b"IHDR", header(2, 4)), *[(b"IDAT", b"")] * 60, pixels, (b"IEND", b"")])
    yield "too_short_for_its_size", join([(b"IHDR", header(900, 900, 16, 6)), pixels, (b"IEND", b"")])
    yield "empty_stream", join([(b"IHDR", header(2, 4)), (b"IDAT", b""), (b"IEND", b"")])


def jpeg() -> Inputs:
    """JPEG."""
    plain, progressive = saved("JPEG", quality=20), saved("JPEG", quality=20, progressive=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    yield from {
        "plain": plain,
        "gray": saved("JPEG", "L", quality=20),
        "cmyk": saved("JPEG", "CMYK", quality=20),
        "progressive": progressive,
        "exif": saved("JPEG", quality=20, exif=exif.tobytes()),
        "restarts": saved("JPEG", quality=20, restart_marker_blocks=1),
    }.items()
    # A frame header that the end of the file cuts, behind a whole scan: at every length.
    frame = progressive[progressive.index(b"\xff\xc2") :][:19]
    for length in (3, 9, 11, 14):
        yield f"frame_cut_at_{length}", progressive[:-2] + frame[:length]
    yield "cut_in_frame", plain[: plain.index(b"\xff\xc0") + 12]
    at = plain.index(b"\xff\xdb")
    yield "fill_bytes", plain[:at] + b"\xff" * 3000 + plain[at:]
    yield "junk_between", plain[:at] + b"junk\xff\0" + plain[at:]
    profile = b"\xff\xe2" + struct.pack(">H", 40) + b"ICC_PROFILE\0\3\2" + bytes(24)
    yield "broken_profile", plain[:2] + profile + plain[2:]
    size = struct.pack(">HH", *PIXELS.shape[:2])
    yield "too_short_for_its_size", plain.replace(size, struct.pack(">HH", 1000, 1000))
    scan = progressive.rindex(b"\xff\xda")
    yield "many_scans", progressive[:-2] + progressive[scan:-2] * 20 + b"\xff\xd9"


def tiff_file(
    tags: dict[int, tuple[int, list[int]]], body: bytes = b"", big: bool = False, at: int | None = None
) -> bytes:
    """A TIFF of these tags (number: type, values); `body` begins at byte 16. at: where the directory is said to be."""
    word, inline = ("Q", 8) if big else ("I", 4)
    start = 16 + len(body)
    far_at = start + struct.calcsize(f"<{'Q' if big else 'H'}") + len(tags) * (20 if big else 12) + inline
    directory, far = struct.pack("<Q" if big else "<H", len(tags)), b""
    for tag in sorted(tags):
        kind, values = tags[tag]
        data = struct.pack(f"<{len(values)}{ {3: 'H', 4: 'I', 16: 'Q'}[kind] }", *values)
        directory += struct.pack(f"<HH{word}", tag, kind, len(values))
        directory += data.ljust(inline, b"\0") if len(data) <= inline else struct.pack(f"<{word}", far_at + len(far))
        far += data if len(data) > inline else b""
    place = start if at is None else at
    head = b"II+\0" + struct.pack("<HHQ", 8, 0, place) if big else b"II*\0" + struct.pack("<IQ", place, 0)
    return head + body + directory + bytes(inline) + far


def _tags(height: int, width: int, size: int, **more: list[int]) -> dict[int, tuple[int, list[int]]]:
    tags = {256: [width], 257: [height], 258: [8], 259: [1], 262: [1], 277: [1], 278: [height], 273: [16], 279: [size]}
    return {
        tag: (4, values) for tag, values in (tags | {int(k[1:]): v for k, v in more.items()}).items() if values != [-1]
    }


def tiff() -> Inputs:
    """TIFF."""
    for compression in ("raw", "tiff_lzw", "packbits", "tiff_deflate", "jpeg"):
        yield compression, saved("TIFF", compression=compression)
    for mode in ("1", "P", "RGBA", "CMYK"):
        yield f"mode_{mode}", saved("TIFF", mode)
    yield "group4", saved("TIFF", "1", compression="group4")
    body, stream = bytes(range(48)), zlib.compress(bytes(16 * 16))
    yield "plain", tiff_file(_tags(6, 8, 48), body)
    yield "big", tiff_file(_tags(6, 8, 48), body, big=True)
    for name, at in (("64", (1 << 64) - 1), ("63", (1 << 63) - 1)):
        yield f"directory_at_2_{name}", tiff_file(_tags(6, 8, 48), body, big=True, at=at)
    yield "bits_of_count_0", tiff_file(_tags(6, 8, 48, t258=[]), body)
    yield "more_offsets", tiff_file(_tags(6, 8, 48, t273=[16, 16, 16], t279=[48, 48, 48]), body)
    tiles = {"t322": [16], "t323": [16], "t259": [8], "t273": [-1], "t279": [-1]}
    shared = _tags(32, 64, 0, **tiles, t324=[16] * 8, t325=[len(stream)] * 8)
    yield "shared_tiles", tiff_file(shared, stream)
    yield (
        "huge_tile",
        tiff_file(
            _tags(1, 1, 0, **tiles | {"t322": [1 << 14], "t323": [1 << 14]}, t324=[16], t325=[len(stream)]), stream
        ),
    )
    yield (
        "huge_counts",
        tiff_file(_tags(6, 8, 48), body).replace(struct.pack("<HHI", 258, 4, 1), struct.pack("<HHI", 258, 4, 1 << 26)),
    )
    floats = np.linspace(-1, 1, 12, dtype="<f4").tobytes()
    yield "floats", tiff_file(_tags(3, 4, 48, t258=[32], t339=[3], t317=[3]), floats)
    yield (
        "planar",
        tiff_file(
            _tags(6, 8, 0, t258=[8] * 4, t277=[4], t284=[2], t262=[2], t338=[1], t273=[16] * 4, t279=[48] * 4), body
        ),
    )


def npy() -> Inputs:
    """NPY."""
    for name, array in {
        "u1": PIXELS[..., 0],
        "i8": PIXELS[..., 0].astype(np.int64),
        "fortran": np.asfortranarray(PIXELS[..., 0]),
        "rgb": PIXELS,
        "bool": PIXELS[..., 0] > 9,
        "float": PIXELS[..., 0].astype(np.float32),
        "record": np.zeros((2, 2), [("a", "u1")]),
        "empty": np.zeros((0, 3), np.uint8),
    }.items():
        out = io.BytesIO()
        np.save(out, array)
        yield name, out.getvalue()
    for name, version, text in (
        ("brackets", (1, 0), "(" * 90),
        ("deep", (1, 0), "[" * 9000),
        ("version_3_1", (3, 1), "{}"),
        ("version_9_9", (9, 9), "{}"),
        ("huge", (1, 0), "{'descr': '|u1', 'fortran_order': False, 'shape': (100000000000, 100000000000), }"),
        ("minus", (2, 0), "{'descr': '|u1', 'fortran_order': False, 'shape': (-3, 4), }"),
        ("dtype", (1, 0), "{'descr': '|u1, (3,)', 'fortran_order': False, 'shape': (3, 4), }"),
        ("object", (1, 0), "{'descr': '|O', 'fortran_order': False, 'shape': (3, 4), }"),
        ("no_dict", (1, 0), "17"),
        ("not_closed", (1, 0), "{'descr': '| 50), }"),
    ):
        size = struct.pack("<H" if version[0] == 1 else "<I", len(text))
        yield name, b"\x93NUMPY" + bytes(version) + size + text.encode("latin-1")


def rare() -> Inputs:
    """GIF, BMP and WebP."""
    more = [Image.fromarray(np.roll(PIXELS, k, 0)) for k in (1, 2)]
    gif = saved("GIF", save_all=True, append_images=more)
    yield from {
        "gif": saved("GIF", "P"),
        "gif_frames": gif,
        "bmp": saved("BMP"),
        "bmp_palette": saved("BMP", "P"),
        "webp": saved("WEBP"),
        "webp_lossless": saved("WEBP", lossless=True),
        "webp_alpha": saved("WEBP", "RGBA"),
        "webp_frames": saved("WEBP", save_all=True, append_images=more),
    }.items()
    yield "gif_cut_at_once", b"GIF89a?"
    second = gif.index(b"\x21\xf9", gif.index(b"\x21\xf9") + 1)
    for length in (2, 5, 9, 14):
        yield f"gif_second_frame_{length}", gif[: second + length]
    yield "gif_damaged_second_frame", gif[: second + 8] + b"\x2c" + b"\xff" * 30
    yield (
        "bmp_lines",
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 62, 40, 9, 9, 1, 8, 1, 0, 0, 0, 2, 0) + b"\xff\0" * 9,
    )
    yield "webp_small_chunks", b"RIFF\xff\xff\xff\xffWEBPVP8X" + struct.pack("<I", 10) + bytes(10) + b"EXIF\0\0\0\0" * 9


# -- texts ----------------------------------------------------------------------------------------------------


def split_list() -> Inputs:
    """Lists."""
    yield from {
        "good": b"a\nb\n",
        "pairs": b"images/a.jpg labels/a.png\n",
        "utf16": "a\nb".encode("utf-16"),
        "up": b"../a\n",
        "classes": b"a -1\nb  1\n",
        "control": b"a\x1b[31m\n",
        "nothing": b" \n\n",
        "twice": b"a\na\n",
        "latin": b"\xe9\n",
        "endings": b"a\rb\r\nc\n",
        "long": b"x" * 5000,
    }.items()


def toml() -> Inputs:
    """pixelwise.toml."""
    start = "[images]\npath = 'images/{name}.png'\n"
    rest = "[labels]\npath = 'labels/{name}.png'\n[[class]]\nname = 'a'\n[[class]]\nname = 'b'\n"
    ratios = "[splits]\nratios = {train = 0.5, val = 0.5}\n"
    texts = {
        "good": start + rest,
        "ratios": start + ratios + "group = '^[^_]+'\n" + rest,
        "no_range": start + "value_range = []\n" + rest,
        "two_bands": start + "bands = [1, 2]\n" + rest,
        "name_twice": start.replace("{name}", "{name}/{name}") + rest,
        "star_twice": start.replace("{name}", "*{name}*") + rest,
        "name_list": start + "[[class]]\nname = [[3, 4]]\n",
        "class_text": start + "class = ['a']\n",
        "group_that_repeats": start + ratios + f"group = '((a+)+)+$'\n{rest}",
        "bad_group": start + ratios + "group = '(?<=x)'\n" + rest,
        "deep": "x = " + "[" * 3000,
        "numbers": start + "[[class]]\nname = 'a'\nvalues = [99999999999999999999]\n",
        "colors": start + "[[class]]\nname = 'a'\ncolor = [256, 0, -1]\n",
        "path_number": "[images]\npath = 5\n",
        "ratio_text": start + "[splits]\nratios = 'x'\n" + rest,
        "kinds": start + rest + "[labels.kinds]\nx = 1\n",
    }
    for name, text in texts.items():
        yield name, text.encode()


def yaml() -> Inputs:
    """data.yaml."""
    texts = {
        "inline": "names: [one, 'two']\n",
        "dashes": "names:\n- one\n- two  # second\n",
        "numbers": "names:\n  0: one\n  1: two\n",
        "spaces": "names:\n- a" + " " * 300 + "b\n",
        "empty": "names:\n",
        "nothing": "path: .\n",
        "twice": "names: [a, a]\n",
        "anchors": "names: &a [*a]\n",
        "tag": "names: !!python/object/apply:os.system [true]\n",
    }
    for name, text in texts.items():
        yield name, text.encode()


def yolo() -> Inputs:
    """A text of polygons."""
    texts = {
        "good": "0 0.1 0.1 0.9 0.1 0.5 0.9\n1 0 0 1 0 1 1 0 1\n",
        "box": "0 0.5 0.5 0.1 0.1\n",
        "odd": "0 0.1 0.1 0.9\n",
        "digits": "9" * 5000 + " 0.1 0.1 0.9 0.1 0.5 0.9\n",
        "not_numbers": "0 nan nan inf -inf 1 1\n",
        "words": "zero a b c d e f\n",
        "outside": "0 -5 -5 9 -5 5 9\n",
        "point": "0 0.5 0.5 0.5 0.5 0.5 0.5\n",
        "exponents": "0 1e-400 1e400 0 0 1 1\n",
    }
    for name, text in texts.items():
        yield name, text.encode()


def coco() -> Inputs:
    """A JSON of COCO."""
    image = {"id": 1, "file_name": "a.png", "width": 8, "height": 6}
    triangle = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [[0, 0, 7, 0, 7, 5]]}
    runs = {**triangle, "segmentation": {"size": [6, 8], "counts": [8, 20, 20]}}
    base = {"images": [image], "categories": [{"id": 1, "name": "one"}], "annotations": [triangle]}

    def with_image(**changed: Any) -> bytes:
        return json.dumps({**base, "images": [{**image, **changed}]}).encode()

    def with_entry(entry: Any, **changed: Any) -> bytes:
        return json.dumps({**base, "annotations": [{**entry, **changed}]}).encode()

    yield "good", json.dumps(base).encode()
    yield "runs", with_entry(runs)
    yield "no_name", with_image(file_name="")
    yield "long_name", with_image(file_name="a" * 300 + ".png")
    yield "zero_in_name", with_image(file_name="a\0.png")
    yield "id_infinite", with_image(id=float("inf"))
    yield "many", json.dumps({**base, "annotations": [triangle] * 300}).encode()
    yield "not_finite", with_entry(triangle, segmentation=[[float("nan"), 0, float("inf"), 0, 1e300, 5]])
    yield "point", with_entry(triangle, segmentation=[[1, 1]])
    yield "box_only", with_entry(triangle, segmentation=[], bbox=[0, 0, 5, 5])
    yield "runs_not_whole", with_entry(runs, segmentation={"size": [6, 8], "counts": [8.7, 39.3]})
    yield "runs_damaged", with_entry(runs, segmentation={"size": [6, 8], "counts": "0\x7f~~~~~~~~"})
    yield "runs_huge", with_entry(runs, segmentation={"size": [1 << 40, 1 << 40], "counts": [1 << 80]})
    yield "deep", b'{"images": ' + b"[" * 5_000
    yield "categories_odd", json.dumps({**base, "categories": [{"id": "x", "name": None}, 5]}).encode()


def labelme() -> Inputs:
    """A JSON of LabelMe."""
    shape = {"label": "x", "points": [[0, 0], [7, 0], [7, 5]], "group_id": None, "shape_type": "polygon"}
    base = {"version": "5.0", "imagePath": "a.png", "imageHeight": 6, "imageWidth": 8, "shapes": [shape]}
    for name, changed in {
        "good": {},
        "group_list": {"group_id": [1, 2]},
        "type_list": {"shape_type": ["polygon"]},
        "no_label": {"label": None},
        "circle": {"shape_type": "circle", "points": [[3, 3], [5, 3]]},
        "line": {"shape_type": "line", "points": [[0, 0]]},
        "not_finite": {"points": [[float("nan"), 0], [float("inf"), 1], [1e300, 3]]},
        "points_text": {"points": "abc"},
        "mask": {"shape_type": "mask", "points": [[0, 0], [2, 2]], "mask": "iVBORw0KGgo="},
        "points_flat": {"points": [1, 2, 3]},
    }.items():
        yield name, json.dumps({**base, "shapes": [{**shape, **changed}]}).encode()
    yield "shapes_of_text", json.dumps({**base, "shapes": ["abc", "def"]}).encode()
    yield "shapes_object", json.dumps({**base, "shapes": {"a": 1}}).encode()
    yield "deep", b'{"shapes": ' + b"[" * 5_000
    yield "path_number", json.dumps({**base, "imagePath": 7}).encode()


def cvat() -> Inputs:
    """The XML of CVAT."""
    labels = "<meta><labels><label><name>one</name><color>#ff0000</color></label></labels></meta>"
    polygon = '<polygon label="one" points="0,0;7,0;7,5" z_order="1"/>'
    mask = '<mask label="one" rle="2, 3, 4" left="1" top="1" width="3" height="3" z_order="0"/>'
    ellipse = '<ellipse label="one" cx="4" cy="3" rx="2" ry="1" rotation="30"/>'
    for name, inside in {
        "good": polygon + mask + ellipse,
        "box": '<box label="one" xtl="0" ytl="0" xbr="3" ybr="3"/>',
        "points_not_finite": polygon.replace("7,0", "nan,1e400"),
        "points_none": polygon.replace("0,0;7,0;7,5", ""),
        "order_text": polygon.replace('"1"', '"x"'),
        "other_label": polygon.replace("one", "two"),
        "runs_huge": mask.replace("2, 3, 4", "9" * 400),
        "mask_huge": mask.replace('"3"', '"99999999"'),
        "mask_outside": mask.replace('left="1"', 'left="-9"'),
        "ellipse_huge": ellipse.replace('rx="2"', 'rx="1e300"'),
        "many": polygon * 300,
    }.items():
        image = f'<image id="0" name="a.png" width="8" height="6">{inside}</image>'
        yield name, f"<annotations>{labels}{image}</annotations>".encode()
    yield "no_name", f'<annotations>{labels}<image width="x"/></annotations>'.encode()
    yield "entities", b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><annotations>&b;</annotations>'
    yield "track", b"<annotations><track/></annotations>"
    yield "deep", b"<annotations>" * 3_000


def datumaro() -> Inputs:
    """A JSON of Datumaro."""
    polygon = {"id": 0, "type": "polygon", "label_id": 0, "points": [0, 0, 7, 0, 7, 5], "z_order": 1, "group": 1}
    mask = {"id": 1, "type": "mask", "label_id": 1, "rle": {"counts": [8, 20, 20], "size": [6, 8]}, "z_order": 0}
    base = {"categories": {"label": {"labels": [{"name": "one"}, {"name": "two"}]}}}
    for name, drawn in {
        "good": [polygon, mask],
        "ellipse": [{**polygon, "type": "ellipse", "points": [1, 1, 5, 4]}],
        "box": [{**polygon, "type": "bbox", "bbox": [0, 0, 3, 3]}],
        "label_text": [{**polygon, "label_id": "one"}],
        "label_beyond": [{**polygon, "label_id": 1 << 80}],
        "order_text": [{**polygon, "z_order": "x"}],
        "group_list": [{**polygon, "group": [1]}],
        "not_finite": [{**polygon, "points": [float("nan"), 0, float("inf"), 0, 1e300, 5]}],
        "runs_huge": [{**mask, "rle": {"counts": [1 << 80], "size": [1 << 40, 1 << 40]}}],
        "runs_damaged": [{**mask, "rle": {"counts": "0\x7f~~~~", "size": [6, 8]}}],
        "not_a_list": 7,
    }.items():
        item = {"id": "a", "image": {"path": "a.png", "size": [6, 8]}, "annotations": drawn}
        yield name, json.dumps({**base, "items": [item]}).encode()
    yield "items_odd", json.dumps({**base, "items": [7, {}, {"id": "../a"}, {"image": {"path": [1]}}]}).encode()
    yield "labels_odd", json.dumps({"categories": {"label": [7]}, "items": []}).encode()
    yield "deep", b'{"categories": {"label": ' + b"[" * 5_000


def label_studio() -> Inputs:
    """The JSON of Label Studio."""
    size = {"original_height": 6, "original_width": 8, "image_rotation": 0}
    area: dict[str, Any] = {"points": [[0, 0], [90, 0], [90, 90]], "polygonlabels": ["one"]}
    polygon = {"type": "polygonlabels", "value": area}
    oval = {"x": 50, "y": 50, "radiusX": 20, "radiusY": 9, "ellipselabels": ["two"]}
    ellipse = {"type": "ellipselabels", "value": oval}
    painted = {"type": "brushlabels", "value": {"rle": [0, 0, 0, 192, 57, 27, 223], "brushlabels": ["one"]}}
    for name, result in {
        "good": [{**polygon, **size}, {**ellipse, **size}],
        "brush": [{**painted, **size}],
        "brush_text": [{**painted, **size, "value": {"rle": "abc", "brushlabels": ["one"]}}],
        "brush_numbers": [{**painted, **size, "value": {"rle": [1e9, -3], "brushlabels": ["one"]}}],
        "size_huge": [{**painted, **size, "original_height": 1 << 40}],
        "not_finite": [{**polygon, "value": {**area, "points": [[float("nan"), 1e400], [0, 0], [1, 1]]}}],
        "points_flat": [{**polygon, "value": {**area, "points": [1, 2, 3]}}],
        "labels_odd": [{**polygon, "value": {**area, "polygonlabels": [[1], {}]}}],
        "turned": [{**polygon, **size, "image_rotation": 90}],
        "rectangle": [{"type": "rectanglelabels", "value": {"x": 1, "y": 1, "width": 9, "height": 9}}],
        "results_odd": [7, None, [], {"value": 3}],
    }.items():
        task = {"id": 1, "annotations": [{"result": result}], "data": {"image": "/data/upload/1/0a1b2c3d-a.png"}}
        yield name, json.dumps([task]).encode()
    yield "min", json.dumps([{"image": "b.png", "annotation_id": 3, "tag": [{**area, **size}]}]).encode()
    yield "tasks_odd", json.dumps([{"annotations": [3], "data": 5}, 7, {"data": {"image": "http://[x/a.png"}}]).encode()
    yield "deep", b'[{"annotations": ' + b"[" * 5_000


def brush() -> Inputs:
    """Packed run lengths of RGBA, 6 x 8."""

    def packed(*tokens: str, total: int = 192, word: int = 7) -> bytes:
        bits = f"{total:032b}{word:05b}" + "".join(f"{s - 1:04b}" for s in (3, 4, 8, 16)) + "".join(tokens)
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")

    run, white, clear = f"110{99:08b}", f"{255:08b}", f"{0:08b}"
    rest = f"110{91:08b}"
    yield "good", packed(run, white, rest, clear)
    yield "single_words", packed(run, white, f"010{91:08b}", *[white, clear] * 46)
    yield "longest", packed(f"111{191:016b}", white)
    yield "beyond", packed(f"111{65535:016b}", white)
    yield "too_short", packed(run)
    yield "cut_in_words", packed(run, white, f"010{91:08b}", white)
    yield "other_total", packed(run, white, total=(1 << 32) - 1)
    yield "other_word", packed(run, white, word=31)
    yield "header_only", packed()[:6]
    yield "nothing", b""


def supervisely() -> Inputs:
    """A JSON of Supervisely."""
    points = {"exterior": [[0, 0], [7, 0], [7, 5]], "interior": [[[3, 1], [5, 1], [5, 3]]]}
    polygon = {"classTitle": "one", "geometryType": "polygon", "points": points}
    png = base64.b64encode(zlib.compress(saved("PNG", "L"))).decode()
    bitmap = {"classTitle": "one", "geometryType": "bitmap", "bitmap": {"data": png, "origin": [1, 1]}}
    zeros = base64.b64encode(zlib.compress(bytes(1 << 20))).decode()
    for name, objects in {
        "good": [polygon, bitmap],
        "line": [{**polygon, "geometryType": "line"}],
        "no_title": [{**polygon, "classTitle": None}],
        "points_list": [{**polygon, "points": [[0, 0], [7, 0], [7, 5]]}],
        "hole_odd": [{**polygon, "points": {**points, "interior": [7]}}],
        "not_finite": [{**polygon, "points": {"exterior": [[float("nan"), 0], [1e400, 0], [7, 5]]}}],
        "bitmap_far": [{**bitmap, "bitmap": {"data": png, "origin": [-99999999, 99999999]}}],
        "bitmap_odd": [{**bitmap, "bitmap": {"data": "AAAA", "origin": [0, 0]}}],
        "bitmap_bomb": [{**bitmap, "bitmap": {"data": zeros, "origin": [0, 0]}}],
        "bitmap_list": [{**bitmap, "bitmap": [1]}],
        "objects_odd": [7, None, []],
    }.items():
        yield name, json.dumps({"size": {"height": 6, "width": 8}, "objects": objects}).encode()
    yield "size_text", json.dumps({"size": "6x8", "objects": []}).encode()
    yield "deep", b'{"objects": ' + b"[" * 5_000


def via() -> Inputs:
    """A JSON or CSV of VIA."""
    polygon = {"name": "polygon", "all_points_x": [0, 7, 7], "all_points_y": [0, 0, 5]}
    circle = {"name": "circle", "cx": 4, "cy": 3, "r": 2}

    def whole(*shapes: Any, **attributes: Any) -> dict[str, Any]:
        of = attributes or {"class": "one"}
        regions = [{"shape_attributes": s, "region_attributes": of} for s in shapes]
        return {"a.png1": {"filename": "a.png", "size": 1, "regions": regions, "file_attributes": {}}}

    for name, data in {
        "good": whole(polygon, circle),
        "rectangle": whole({"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3}),
        "ellipse": whole({"name": "ellipse", "cx": 4, "cy": 3, "rx": 3, "ry": 1, "theta": 0.5}),
        "not_finite": whole({**circle, "r": float("nan")}, {**circle, "cx": 1e300}),
        "points_odd": whole({**polygon, "all_points_x": [1, [2], None]}),
        "points_fewer": whole({**polygon, "all_points_x": [1]}),
        "boxes": whole(polygon, **{"class": {"one": True, "two": True}}),
        "attributes": whole(polygon, a="1", b="2"),
        "project": {"_via_img_metadata": whole(polygon), "_via_attributes": {"region": {"class": {"options": [1]}}}},
        "project_odd": {"_via_img_metadata": 7, "_via_attributes": 7},
        "regions_odd": {"a": {"filename": "a.png", "regions": [7, {}, {"shape_attributes": 3}]}, "b": 7},
    }.items():
        yield name, json.dumps(data).encode()
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
    row = 'a.png,1,"{}",1,0,"{""name"":""circle"",""cx"":4,""cy"":3,""r"":2}","{""class"":""one""}"\n'
    yield "csv", (header + row).encode()
    yield "csv_cut", (header + row[:40]).encode()
    yield "csv_deep", (header + f'a.png,1,"{{}}",1,0,{"[" * 5_000},"{{}}"\n').encode()
    yield "deep", b'{"_via_img_metadata": ' + b"[" * 5_000


def segment_anything() -> Inputs:
    """A JSON of SA-1B."""
    mask = {"id": 1, "segmentation": {"size": [6, 8], "counts": [8, 20, 20]}}
    for name, listed in {
        "good": [mask, {"segmentation": {"size": [6, 8], "counts": "8d0d0"}}],
        "damaged": [{"segmentation": {"size": [6, 8], "counts": "0\x7f~~"}}],
        "huge": [{"segmentation": {"size": [1 << 40, 1], "counts": [1 << 80]}}],
        "longer": [{"segmentation": {"size": [6, 8], "counts": [1 << 39, 1 << 39]}}],
        "other_size": [{"segmentation": {"size": [3, 3], "counts": [9]}}],
        "none": [{}],
        "odd": [7, None],
        "many": [mask] * 200,
    }.items():
        yield name, json.dumps({"image": {"height": 6, "width": 8}, "annotations": listed}).encode()
    yield "no_size", json.dumps({"image": 7, "annotations": [mask]}).encode()
    yield "deep", b'{"image": ' + b"[" * 5_000


def tar() -> Inputs:
    """Tar archives."""
    good = make_tar({"a/b.txt": b"hello", "c.txt": bytes(600)})
    yield "good", good
    yield "gzip", gzip.compress(good, mtime=0)
    yield "long_names", make_tar({"d/" * 30 + "x" * 120: b""}, form=tarfile.GNU_FORMAT)
    yield "pax", make_tar({"ü" * 120: b"1"}, form=tarfile.PAX_FORMAT)
    yield "cut", good[:700]

    def member(**fields: Any) -> bytes:
        info = tarfile.TarInfo("x")
        for key, value in fields.items():
            setattr(info, key, value)
        return info.tobuf(tarfile.GNU_FORMAT)

    for name, data in {
        "link": member(type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        "device": member(type=tarfile.CHRTYPE),
        "huge_header": member(type=tarfile.XHDTYPE, size=1 << 40),
        "huge_name": member(type=tarfile.GNUTYPE_LONGNAME, size=1 << 40),
        "sparse": member(type=tarfile.GNUTYPE_SPARSE, size=1 << 40),
        "huge": member(size=1 << 60),
    }.items():
        yield name, gzip.compress(data + bytes(1024), mtime=0)
    records = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
    yield (
        "sparse_map",
        member(type=tarfile.XHDTYPE, size=len(records))
        + records.ljust(512, b"\0")
        + member(size=512)
        + (b"999999999\n1\n1\n".ljust(512, b"1") + bytes(1024)),
    )


# -- packs ----------------------------------------------------------------------------------------------------


def npz() -> Inputs:
    """NPZ: of one array and of others, and what zip files can be."""
    label = (PIXELS[:6, :8, 0] > 99).astype(np.uint8)
    for name, arrays in {
        "good": {"a": label},
        "wide": {"a": label.astype(np.int64)},
        "two": {"a": label, "b": label},
        "none": {},
        "float": {"a": label.astype(np.float32)},
        "object": {"a": np.array([label, None], object)},
    }.items():
        out = io.BytesIO()
        np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
        yield name, out.getvalue()
        if name == "good":
            yield "cut", out.getvalue()[:-40]
            yield "crc", out.getvalue().replace(struct.pack("<I", zlib.crc32(_npy(label))), b"\1\2\3\4")
    for name, method, data in (
        ("bomb", zipfile.ZIP_DEFLATED, bytes(1 << 22)), ("text", zipfile.ZIP_STORED, b"no array"),
        ("lzma", zipfile.ZIP_LZMA, _npy(label)), ("bzip2", zipfile.ZIP_BZIP2, _npy(label)),
    ):  # fmt: skip
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            archive.writestr("a.npy", data)
        yield name, out.getvalue()
        if name == "text":
            yield "encrypted", out.getvalue().replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0")


def _npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def probabilities() -> Inputs:
    """Probabilities, and what is none."""
    share = PIXELS[:6, :8, 0] / np.float32(255)
    for name, array in {
        "one": share,
        "plane": share[None].astype(np.float16),
        "two": np.stack([1 - share, share]),
        "wide": np.stack([1 - share, share]).astype(np.float64),
        "logits": 40 * share - 20,
        "huge": (share - 0.5) * np.float32(3e38),
        "nan": np.where(share > 0.5, np.nan, share),
        "infinite": np.where(share > 0.5, -np.inf, np.inf),
        "three": np.stack([share] * 3),
        "other_size": share[:3],
        "ids": (share > 0.5).astype(np.uint8),
        "big_endian": share.astype(">f4"),
        "fortran": np.asfortranarray(share),
        "long": share.astype(np.longdouble),
    }.items():
        yield name, _npy(array)
    yield "cut", _npy(share)[:-9]
    yield "header", _npy(share)[:40]


def results() -> Inputs:
    """COCO results, panoptic predictions, CSVs."""
    entry = {"image_id": 1, "category_id": 1, "score": 0.5, "segmentation": [[0, 0, 7, 0, 7, 5]]}
    runs = {**entry, "segmentation": {"size": [6, 8], "counts": [8, 20, 20]}}
    for name, data in {
        "good": [entry, runs],
        "packed": [{**entry, "segmentation": {"size": [6, 8], "counts": "8d0d0"}}],
        "named": [{**entry, "image_id": "a"}, {**runs, "image_id": "b", "score": None}],
        "none": [],
        "no_list": {"annotations": [entry]},
        "not_objects": [1, None, [], "a"],
        "no_score": [{k: v for k, v in entry.items() if k != "score"}],
        "infinite": [{**entry, "score": float("inf")}],
        "nan": [{**entry, "score": float("nan")}],
        "other_image": [{**entry, "image_id": 99}],
        "image_list": [{**entry, "image_id": [1]}],
        "image_true": [{**entry, "image_id": True, "category_id": True}],
        "category_text": [{**entry, "category_id": "one"}],
        "size_huge": [{**runs, "segmentation": {"size": [1 << 40, 1 << 40], "counts": [1 << 80]}}],
        "size_other": [{**runs, "segmentation": {"size": [8, 6], "counts": [8, 20, 20]}}],
        "counts_damaged": [{**runs, "segmentation": {"size": [6, 8], "counts": "0\x7f~~~~"}}],
        "points": [{**entry, "segmentation": [[float("nan"), 0, 1e300, 0, 5, 5]]}],
        "many": [entry] * 200,
        "panoptic": {"annotations": [{"image_id": 1, "file_name": "a.png", "segments_info": [{"id": 1}]}]},
    }.items():
        yield name, json.dumps(data).encode()
    yield "deep", b"[" * 5_000
    yield "csv", b"ImageId,EncodedPixels\na,1 3 7 2\nb,\n"
    yield "csv_classes", b"ImageId,ClassId,EncodedPixels\na,1,1 3\na,9,1 3\nb,one,48 9\n"
    yield "csv_damaged", b"ImageId,EncodedPixels\na,1 3 2 2\nb,x\na\n"


def _packed() -> tuple[bytes, list[bytes]]:
    from .targets import _pack

    root, fields = _pack()
    return json.dumps(fields).encode(), [(root / fields["data"] / t["file"]).read_bytes() for t in fields["tables"]]


def manifest() -> Inputs:
    """Manifests of packs."""
    data, _ = _packed()
    fields = json.loads(data)
    yield "good", data
    for name, changed in {
        "color_256": {"classes": {**fields["classes"], "colors": [[256, 0, 0], [0, 0, 0]]}},
        "color_huge": {"classes": {**fields["classes"], "colors": [[1 << 80, 0, 0], [0, 0, 0]]}},
        "void_huge": {"classes": {**fields["classes"], "ignore_index": 1 << 80}},
        "version_list": {"version": [1]},
        "records_huge": {"records": 1 << 80},
        "shards_none": {"shards": []},
        "tables_twice": {"tables": fields["tables"] * 2},
        "data_up": {"data": "../../etc"},
        "splits_text": {"splits": "train"},
        "format_other": {"format": None},
    }.items():
        yield name, json.dumps({**fields, **changed}).encode()
    yield "deep", b'{"format": ' + b"[" * 5_000
    yield "list", b"[1]"


def tables() -> Inputs:
    """Tables of packs: the first byte is the number of the table."""
    for k, data in enumerate(_packed()[1]):
        yield f"good_{k}", bytes([k]) + data
        yield f"cut_{k}", bytes([k]) + data[: len(data) // 2]
        yield f"other_{k}", bytes([(k + 1) % 3]) + data
    yield "not_arrow", b"\0ARROW1 or something like it"


MAKERS: dict[str, Callable[[], Inputs]] = {
    f.__name__: f
    for f in (
        png, jpeg, tiff, npy, rare, split_list, toml, yaml, yolo, coco, labelme, cvat, datumaro, label_studio, brush,
        supervisely, via, segment_anything, tar, manifest, tables, npz, probabilities, results,
    )
}  # fmt: skip


def main() -> None:
    """Write the corpus anew."""
    for name, make in MAKERS.items():
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        for old in (CORPUS / name).iterdir():
            old.unlink()
        for label, data in make():
            (CORPUS / name / label).write_bytes(data)


if __name__ == "__main__":
    main()
