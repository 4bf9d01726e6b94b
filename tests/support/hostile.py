"""A collection of bad and odd files, with the outcome that each must have.

`make` writes the kinds that matter most, in the layout of the larger collection among the shared data: folders of
images, labels and lists, a good tree of six pairs, and manifest.tsv with a row per file.
"""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pixelwise.classes import VOC
from tests.support.png import Chunks, chunks, header, join, write
from tests.support.tree import Tree, picture

SIZE = (37, 50)  # of the image that every label belongs to
NAMES = [f"2007_{i:06d}" for i in range(1, 7)]
File = tuple[str, str, bytes]  # name, expected outcome, content


def rows(hostile: Path, folder: str) -> list[dict[str, str]]:
    """The rows of a collection's manifest about one of its folders: path, kind, expect, note."""
    with open(hostile / "manifest.tsv", encoding="utf-8", newline="") as file:
        found = [r for r in csv.DictReader(file, delimiter="\t") if r["path"].startswith(folder + "/")]
    assert {r["path"] for r in found} == {f"{folder}/{p.name}" for p in (hostile / folder).iterdir()}
    # The manifest of the shared collection spells the codes in British English.
    return [{**r, "expect": r["expect"].replace("colour", "color").replace("grey", "gray")} for r in found]


def make(root: Path) -> Path:
    """Write the collection."""
    lines = ["path\tkind\texpect\tnote"]
    for folder, files in (("images", images()), ("labels", labels()), ("lists", lists())):
        (root / folder).mkdir(parents=True)
        for name, expect, data in files:
            (root / folder / name).write_bytes(data)
            lines.append(f"{folder}/{name}\tmade\t{expect}\t")
    (root / "manifest.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    tree = Tree(root / "voc_good/VOCdevkit/VOC2012", 0)
    for i, name in enumerate(NAMES):
        tree.image(name, picture(i, SIZE))
        tree.label(name, truth())
    tree.list("train", NAMES[:4])
    tree.list("val", NAMES[4:])
    return root


def truth() -> np.ndarray:
    """(37, 50) uint8: three objects with void around them."""
    ids = np.zeros(SIZE, np.uint8)
    for k, index in enumerate((7, 15, 20)):
        ids[6:30, 16 * k + 2 : 16 * k + 15] = 255
        ids[8:28, 16 * k + 4 : 16 * k + 13] = index
    return ids


def saved(pixels: Any, kind: str = "PNG", mode: str | None = None, **options: Any) -> bytes:
    """A file by Pillow."""
    out = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(pixels))
    (image if mode is None else image.convert(mode)).save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int) -> bytes:
    """An EXIF block."""
    block = Image.Exif()
    block[0x0112] = orientation
    return block.tobytes()


# -- images ---------------------------------------------------------------------------------------------------


def images() -> Iterator[File]:
    """Image files."""
    pixels = picture(0, SIZE)
    png, jpeg = saved(pixels), saved(pixels, "JPEG", quality=90)
    yield from _not_images(jpeg)
    yield from _other_kinds(pixels, png, jpeg)
    for how, data in (("baseline", jpeg), ("progressive", saved(pixels, "JPEG", quality=90, progressive=True))):
        for percent in (1, 25, 50, 95):
            yield f"cut_{how}_{percent}.jpg", "error:truncated", data[: max(3, len(data) * percent // 100)]
        yield f"cut_{how}_end.jpg", "ok-warn:missing-eoi", data[:-2]
    for percent in (5, 50, 90):
        yield f"cut_{percent}.png", "error:truncated", png[: len(png) * percent // 100]
    yield "no_iend.png", "ok-warn:missing-iend", png[:-12]
    yield "trailing.jpg", "ok", jpeg + bytes(range(200))
    yield "two.jpg", "ok", jpeg + jpeg
    scan, stream = jpeg.index(b"\xff\xda") + 14, png.index(b"IDAT") + 4
    for k in range(8):
        yield f"flipped_{k}.jpg", "any-no-crash", _flipped(jpeg, scan + (len(jpeg) - scan) * k // 8)
        yield f"flipped_header_{k}.jpg", "any-no-crash", _flipped(jpeg, 4 + scan * k // 8)
        yield f"flipped_{k}.png", "error:crc", _flipped(png, stream + (len(png) - stream - 16) * k // 8)
    yield from _bombs(pixels, jpeg)


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


def _not_images(jpeg: bytes) -> Iterator[File]:
    yield "empty.jpg", "error:empty-file", b""
    yield "empty.png", "error:empty-file", b""
    yield "one_byte.jpg", "error:not-an-image", b"\xff"
    yield "start_only.jpg", "error:truncated", b"\xff\xd8"
    yield "page.jpg", "error:not-an-image", b"<!DOCTYPE html><title>404 Not Found</title>"
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1234\n"
    yield "pointer.jpg", "error:git-lfs-pointer", pointer
    yield "zeros.jpg", "error:not-an-image", bytes(4096)
    yield "zipped.jpg", "error:not-an-image", gzip.compress(jpeg)
    yield "newline.jpg", "error:not-an-image", b"\n" + jpeg
    yield "text_mode.png", "error:not-an-image", saved(picture(0, SIZE)).replace(b"\r\n", b"\n")


def _other_kinds(pixels: np.ndarray, png: bytes, jpeg: bytes) -> Iterator[File]:
    for kind in ("WEBP", "GIF", "BMP", "TIFF"):
        yield f"{kind.lower()}_inside.jpg", "error:unsupported-format", saved(pixels, kind)
    yield "png_inside.jpg", "ok-warn:extension-mismatch", png
    yield "jpeg_inside.png", "ok-warn:extension-mismatch", jpeg
    for mode in ("L", "CMYK"):
        yield f"mode_{mode}.jpg", "ok", saved(pixels, "JPEG", mode)
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield f"mode_{mode}.png", "ok", saved(pixels, mode=mode)
    yield "mode_16.png", "ok", write(pixels[..., :1].astype(int) * 257, 0, 16, [0], False)
    for k, name in enumerate(("444", "422", "420")):
        yield f"sampled_{name}.jpg", "ok", saved(pixels, "JPEG", subsampling=k)
    yield "progressive.jpg", "ok", saved(pixels, "JPEG", progressive=True)
    yield "restarts.jpg", "ok", saved(pixels, "JPEG", restart_marker_rows=1)
    for height, width in ((1, 1), (7, 1), (1, 9), (8, 8), (16, 17), (65, 33)):
        yield f"{height}x{width}.jpg", "ok", saved(picture(1, (height, width)), "JPEG")
    for value in (1, 3, 6, 8):
        expect = "ok" if value == 1 else "ok-warn:exif-orientation"
        yield f"orientation_{value}.jpg", expect, saved(pixels, "JPEG", exif=exif(value))
    yield "orientation_9.jpg", "ok-warn:exif-invalid", saved(pixels, "JPEG", exif=exif(9))
    yield "exif_of_zeros.jpg", "ok", saved(pixels, "JPEG", exif=b"Exif\0\0" + bytes(60))
    second = [Image.fromarray(picture(2, SIZE))]
    yield "animated.png", "ok-warn:animated", saved(pixels, save_all=True, append_images=second)


def _bombs(pixels: np.ndarray, jpeg: bytes) -> Iterator[File]:
    stream = zlib.compressobj(9)
    line = bytes(1 + 30_000 // 8)
    rows = b"".join(stream.compress(line * 1000) for _ in range(30)) + stream.flush()
    yield "bomb_30000x30000_1bit.png", "error:too-large", _png(header(30_000, 30_000, 1), rows)
    row = zlib.compress(bytes(1 + 3 * 60_000))
    yield "bomb_60000x60000_hdr_only.png", "error:too-large", _png(header(60_000, 60_000, 8, 2), row)
    most = (1 << 31) - 1
    yield "bomb_int32max.png", "error:too-large", _png(header(most, most, 8, 2), row)
    yield "bomb_uint32.png", "error:corrupt", _png(header(most + 1, 1), row)
    yield "bomb_1x2000000.png", "error:too-large-side", _png(header(1, 2_000_000), zlib.compress(bytes(4_000_000)))
    yield "no_width.png", "error:corrupt", _png(header(0, 5), row)
    at = jpeg.index(b"\xff\xc0") + 5
    huge = jpeg[:at] + (65_500).to_bytes(2, "big") * 2 + jpeg[at + 4 :]
    yield "bomb_65500x65500.jpg", "error:too-large", huge
    text = zlib.compress(bytes(64 << 20), 9)
    head, *rest = chunks(saved(pixels))
    yield "bomb_ztxt_64MB.png", "ok", join([head, (b"zTXt", b"Comment\0\0" + text), *rest])
    yield "bomb_iccp_64MB.png", "ok", join([head, (b"iCCP", b"profile\0\0" + text), *rest])


def _png(head: bytes, stream: bytes) -> bytes:
    return join([(b"IHDR", head), (b"IDAT", stream), (b"IEND", b"")])


# -- labels ---------------------------------------------------------------------------------------------------


def labels() -> Iterator[File]:
    """Label files, and good_expected.npy with the class ids of those that are good."""
    ids = truth()
    out = io.BytesIO()
    np.save(out, ids)
    yield "good_expected.npy", "ok", out.getvalue()
    yield from _good_labels(ids)
    yield from _palettes(ids)
    yield from _values(ids)
    yield from _colors(ids)
    yield from _damaged_labels(chunks(_indexed(ids)))
    for name, shape in (("transposed", (50, 37)), ("minus1", (37, 49)), ("half", (18, 25)), ("double", (74, 100))):
        yield f"size_{name}.png", "error:size-mismatch", _indexed(np.resize(ids, shape))
    for name, index in (("all_ignore", 255), ("all_background", 0), ("all_class20", 20)):
        code = "no-valid-pixels" if index == 255 else "single-class"
        yield f"{name}.png", f"ok-warn:{code}", _indexed(np.full(SIZE, index, np.uint8))
    for kind, suffix in (("GIF", "gif"), ("BMP", "bmp"), ("TIFF", "tif")):
        yield f"label.{suffix}", "error:unsupported-format", saved(ids, kind)


def _indexed(ids: np.ndarray, palette: Any = VOC.palette, bits: int = 8, interlaced: bool = False) -> bytes:
    return write(ids[..., None].astype(int), 3, bits, [0], interlaced, palette)


def _with(data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """The PNG with these chunks before its pixels."""
    parts = chunks(data)
    at = [kind for kind, _ in parts].index(b"IDAT")
    return join([*parts[:at], *more, *parts[at:]])


def _good_labels(ids: np.ndarray) -> Iterator[File]:
    colors = VOC.decode(ids)
    gray, indexed = saved(ids), _indexed(ids)
    opaque = np.dstack([colors, np.full(SIZE, 255, np.uint8)])
    good = {
        "indexed": indexed, "gray": gray, "rgb": saved(colors), "rgba": saved(opaque),
        "gray_alpha": saved(np.dstack([ids, opaque[..., 3]])), "p8": indexed,
        "p8_interlaced": _indexed(ids, interlaced=True), "gray_interlaced": write(ids[..., None], 0, 8, [0], True),
        "gray16": write(ids[..., None].astype(int), 0, 16, [0], False),
        "no_background": _with(indexed, (b"tRNS", b"\0")), "invisible": _with(indexed, (b"tRNS", bytes(256))),
        "faint": _with(indexed, (b"tRNS", bytes(range(256)))), "key15": _with(gray, (b"tRNS", b"\0\x0f")),
        "gamma": _with(gray, (b"gAMA", (100_000).to_bytes(4, "big"))),
        "srgb": _with_early(indexed, (b"gAMA", (45_455).to_bytes(4, "big")), (b"sRGB", b"\0")),
        "significant": _with_early(indexed, (b"sBIT", b"\5\5\5")),
        "profile": _with_early(indexed, (b"iCCP", b"profile\0\0" + zlib.compress(bytes(300)))),
        "filtered": write(ids[..., None], 0, 8, [0, 1, 2, 3, 4], False),
        "pieces": write(ids[..., None], 0, 8, [0], False, pieces=9),
        "optimized": saved(ids, optimize=True),
    }  # fmt: skip
    for name, data in good.items():
        yield f"{name}.png", "ok", data
    columns = np.broadcast_to(np.arange(50), SIZE) // 10
    for bits in (1, 2, 4):
        for name, interlaced in (("", False), ("_interlaced", True)):
            few = (columns * 3 + 1) % min(21, 1 << bits)
            yield f"p{bits}{name}.png", "ok", _indexed(few, VOC.palette[: 1 << bits], bits, interlaced)
    yield "orientation.png", "ok-warn:exif-orientation", _with(indexed, (b"eXIf", exif(6).removeprefix(b"Exif\0\0")))
    frames = [Image.fromarray(np.roll(ids, 1, axis=0))]
    yield "animated.png", "ok-warn:animated", saved(ids, save_all=True, append_images=frames)


def _with_early(data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    """The PNG with these chunks before its palette."""
    head, *rest = chunks(data)
    return join([head, *more, *rest])


def _palettes(ids: np.ndarray) -> Iterator[File]:
    yield "palette_short.png", "ok-warn:index-beyond-palette", _indexed(ids, VOC.palette[:21])
    gray = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    yield "palette_gray.png", "ok-warn:palette-differs", _indexed(ids, gray)
    swapped = VOC.palette.copy()
    swapped[[7, 15]] = swapped[[15, 7]]
    yield "palette_swapped.png", "ok-warn:palette-differs", _indexed(ids, swapped)
    # The picture is the same and the indices are not: what an editor makes of a palette image.
    order = np.arange(256)
    order[1:21] = order[20:0:-1]
    yield "palette_reversed.png", "error:palette-conflict", _indexed(order[ids], VOC.palette[order])
    used, compact = np.unique(ids, return_inverse=True)
    for bits in (4, 8):
        data = _indexed(compact.reshape(SIZE), VOC.palette[used], bits)
        yield f"palette_compact_{bits}.png", "error:palette-conflict", data
    parts = [p for p in chunks(_indexed(ids)) if p[0] != b"PLTE"]
    yield "palette_none.png", "error:corrupt", join(parts)


def _values(ids: np.ndarray) -> Iterator[File]:
    beyond = ids.copy()
    beyond[4, 4] = 37
    yield "index37.png", "error:class-out-of-range", _indexed(beyond)
    yield "index37_short.png", "error:class-out-of-range", _indexed(beyond, VOC.palette[:21])
    for value in (21, 254):
        beyond[4, 4] = value
        yield f"gray{value}.png", "error:class-out-of-range", saved(beyond)
    wide = ids[..., None].astype(int)
    wide[4, 4] = 1000
    yield "gray16_1000.png", "error:class-out-of-range", write(wide, 0, 16, [0], False)
    yield "gray16_scaled.png", "error:class-out-of-range", write(ids[..., None].astype(int) * 257, 0, 16, [0], False)
    yield "L_0_255_binary.png", "ok-warn:binary-mask", saved(np.where(ids == 15, 255, 0).astype(np.uint8))
    yield "mode1_binary.png", "ok-warn:binary-mask", write((ids == 15)[..., None].astype(int), 0, 1, [0], False)


def _colors(ids: np.ndarray) -> Iterator[File]:
    colors = VOC.decode(ids)
    for name, color in (("other", (1, 2, 3)), ("near", (193, 128, 128))):
        changed = colors.copy()
        changed[4, 4] = color
        yield f"color_{name}.png", "error:unknown-color", saved(changed)
    small = Image.fromarray(colors).resize((25, 18), Image.Resampling.BILINEAR)
    resized = small.resize((50, 37), Image.Resampling.BILINEAR)
    yield "color_resized.png", "error:unknown-color", saved(np.array(resized))
    yield "color_bgr.png", "error:unknown-color", saved(colors[..., ::-1])
    yield "color_16.png", "error:unsupported-label-mode", write(colors.astype(int) * 257, 2, 16, [0], False)
    yield "label_as.jpg", "error:lossy-label", saved(ids, "JPEG")
    yield "jpeg_inside.png", "error:lossy-label", saved(ids, "JPEG")
    for name, alpha in (("half", np.full(SIZE, 128)), ("void", np.where(ids == 255, 0, 255))):
        data = saved(np.dstack([colors, alpha.astype(np.uint8)]))
        yield f"alpha_{name}.png", "error:alpha-not-opaque", data


def _damaged_labels(parts: Chunks) -> Iterator[File]:
    """Files made of the chunks of a good one: IHDR, PLTE, IDAT, IEND."""
    head, palette, (_, stream), end = parts
    good, raw = join(parts), zlib.decompress(stream)
    line = SIZE[1] + 1

    def pixels(data: bytes) -> bytes:
        return join([head, palette, (b"IDAT", data), end])

    yield "empty.png", "error:empty-file", b""
    for percent in (10, 50, 90, 99):
        yield f"cut_{percent}.png", "error:truncated", good[: len(good) * percent // 100]
    yield "crc.png", "error:crc", _flipped(good, good.index(b"IDAT") + 20)
    yield "crc_header.png", "error:crc", _flipped(good, 30)
    yield "adler.png", "error:crc", pixels(_flipped(stream, len(stream) - 1))
    yield "rows_short.png", "error:truncated", pixels(zlib.compress(raw[: 20 * line]))
    yield "rows_extra.png", "ok-warn:extra-data", pixels(zlib.compress(raw + bytes(5 * line)))
    yield "stream_cut.png", "error:truncated", pixels(stream[: len(stream) // 2])
    yield "filter_5.png", "error:corrupt", pixels(zlib.compress(b"\5" + raw[1:]))
    yield "palette_odd.png", "error:corrupt", join([head, (b"PLTE", palette[1][:-1]), *parts[2:]])
    yield "palette_late.png", "error:corrupt", join([head, parts[2], palette, end])
    yield "critical.png", "error:corrupt", join([head, (b"ABCD", b"x"), *parts[1:]])
    yield "apple.png", "error:unsupported-format", join([(b"CgBI", bytes(4)), *parts])
    half = len(stream) // 2
    split = [head, palette, (b"IDAT", stream[:half]), (b"tEXt", b"a\0b"), (b"IDAT", stream[half:]), end]
    yield "idat_gap.png", "ok-warn:chunk-order", join(split)


# -- lists ----------------------------------------------------------------------------------------------------


def lists() -> Iterator[File]:
    """Split lists of the good tree. Some name files that a test puts beside the six pairs."""
    names = "".join(f"{n}\n" for n in NAMES)
    plain = names.encode()

    def also(line: str) -> bytes:
        return plain + line.encode() + b"\n"

    def each(form: Callable[[str], str]) -> bytes:
        return "".join(form(n) + "\n" for n in NAMES).encode()

    found = {
        "good": plain, "no_final_newline": plain[:-1], "crlf": plain.replace(b"\n", b"\r\n"),
        "cr_only": plain.replace(b"\n", b"\r"), "bom": b"\xef\xbb\xbf" + plain,
        "blank_lines": b"\n" + plain.replace(b"\n", b"\n\n"), "trailing_spaces": plain.replace(b"\n", b" \t\n"),
        "two_columns": each(lambda n: f"/JPEGImages/{n}.jpg /SegmentationClassAug/{n}.png"),
        "subdir": each(lambda n: f"sub/{n}"), "unicode_nfc": also("café_猫_\U0001f408"),
        "spaces_in_name": also("my image 01"), "html_name": also("<img src=x onerror=alert(1)>"),
        "dash_name": also("-rf"),
    }  # fmt: skip
    refused = {
        "utf16le": ("list-encoding", names.encode("utf-16")), "latin1": ("list-encoding", plain + b"caf\xe9\n"),
        "binary": ("list-encoding", bytes(range(128, 256)) * 4),
        "duplicates": ("duplicate-id", plain + "".join(f"{n}\n" for n in NAMES[:2]).encode()),
        "empty": ("empty-list", b""), "only_blank": ("empty-list", b"\n \n\t\n"),
        "voc_class_list": ("list-two-columns", each(lambda n: f"{n} {'-1' if n[-1] in '135' else ' 1'}")),
        "dotdot": ("path-escapes-root", also("../../outside")), "absolute": ("path-escapes-root", also("/etc/passwd")),
        "nul_byte": ("list-control-char", also("2007\x00_000001")),
        "ansi_escape": ("list-control-char", also("\x1b[31mred")),
    }  # fmt: skip
    missing = {
        "missing_id": "2007_000099", "backslash": "sub\\2007_000001", "unicode_nfd": "cafe\u0301_猫_\U0001f408",
        "case_mismatch": "2007_00000A", "comment": "# the first six", "long_line": "x" * 5000,
        "shell_meta": "$(touch evil); `touch evil`",
    }  # fmt: skip
    for name, data in found.items():
        yield f"{name}.txt", "ok", data
    for name, (code, data) in refused.items():
        yield f"{name}.txt", f"error:{code}", data
    for name, line in missing.items():
        yield f"{name}.txt", "error:missing-file", also(line)
    yield "with_extension.txt", "ok-warn:extension-in-list", each(lambda n: f"{n}.jpg")


def copy_good_tree(hostile: Path, to: Path) -> Path:
    """A copy of the collection's good tree, to be written into."""
    return Path(shutil.copytree(hostile / "voc_good/VOCdevkit/VOC2012", to / "VOC2012"))
