"""Whatever goes wrong in a decoder is an error of ours, with its cause: for every kind, through every door."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pixelwise as pw
from pixelwise.codecs.decoding import (
    FILE_KINDS,
    UNCOMMON_KINDS,
    decode_image,
    decode_stored,
    parse_header,
    read_header,
)
from pixelwise.codecs.encoded import EncodedFile
from pixelwise.codecs.jpeg import JpegFile
from pixelwise.codecs.jpeg_windows import JpegWindows
from pixelwise.errors import FileError, PixelwiseError, SystemFault, only_ours
from tests.support.jpeg import encode_jpeg
from tests.support.tree import Tree, picture

FAULTS: list[tuple[Callable[[], BaseException], str]] = [
    (lambda: IndexError("index out of range"), "corrupt"),
    (lambda: OverflowError("too large"), "corrupt"),
    (lambda: RecursionError("deep"), "corrupt"),
    (lambda: StopIteration(), "corrupt"),
    (lambda: OSError("a library's own, without a number"), "corrupt"),
    (lambda: MemoryError(), "too-large"),
    (lambda: OSError(errno.EIO, "I/O error"), "unreadable"),
    (lambda: OSError(errno.EMFILE, "too many open files"), "unreadable"),
]


def small(kind: type[EncodedFile]) -> bytes:
    stream = io.BytesIO()
    pixels = np.arange(35, dtype=np.uint8).reshape(5, 7)
    if kind.kind == "npy":
        np.save(stream, pixels)
    else:
        Image.fromarray(pixels).save(stream, kind.kind.upper())
    return stream.getvalue()


@pytest.mark.parametrize("kind", FILE_KINDS)
@pytest.mark.parametrize(("fault", "code"), FAULTS)
def test_every_door(kind: type[EncodedFile], fault: Callable[[], BaseException], code: str, tmp_path: Path,
                    monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    path = tmp_path / f"x{kind.extensions[0]}"
    path.write_bytes(data := small(kind))
    raised: list[BaseException] = []

    def fail(*args: Any) -> Any:
        raised.append(fault())
        raise raised[-1]

    doors: list[tuple[str, Callable[[], Any]]] = [
        ("_read_header", lambda: read_header(path)), ("_read_header", lambda: parse_header(data, path)),
        ("image", lambda: decode_image(data, path, [])),
    ]  # fmt: skip
    if not kind.lossy:
        doors.append(("stored", lambda: decode_stored(data, path, [], UNCOMMON_KINDS)))
    for method, door in doors:
        with monkeypatch.context() as patch:
            patch.setattr(kind, method, fail)
            with pytest.raises(PixelwiseError) as caught:
                door()
        assert caught.value.code == code
        assert caught.value.where == str(path)
        assert caught.value.__cause__ is raised[-1]
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, SystemFault if code == "unreadable" else FileError)


@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_not_a_fault_of_the_file_passes(fault: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        raise fault

    monkeypatch.setattr(JpegFile, "image", fail)
    with pytest.raises(fault):
        decode_image(small(JpegFile), "x.jpg")


def test_our_errors_pass_unchanged_and_a_place_may_be_found_late() -> None:
    ours = FileError("a", code="b", where="c")
    with pytest.raises(FileError) as caught, only_ours("elsewhere"):
        raise ours
    assert caught.value is ours
    asked: list[str] = []
    with only_ours(lambda: asked.append("asked")):
        pass
    assert not asked
    with pytest.raises(FileError, match=r"^late: damaged: KeyError: 'x'") as caught, only_ours(lambda: "late"):
        raise KeyError("x")
    long = ValueError("y" * 9000)
    with pytest.raises(FileError) as caught, only_ours("z"):
        raise long
    assert len(str(caught.value)) < 400


def test_too_many_open_files_names_the_way_out() -> None:
    with pytest.raises(SystemFault, match="ulimit -n"), only_ours("x"):
        raise OSError(errno.EMFILE, "Too many open files")


# -- a file that only a gate holds back -------------------------------------------------------------------------


def cut_in_a_frame_header() -> bytes:
    """A JPEG without its end, whose last bytes are half a frame header."""
    return encode_jpeg(picture(1))[:-2] + b"\xff\xc0\x00\x11\x08\x00\x30\x00\x40\x03\x01"


@pytest.mark.parametrize("broken", ["half a frame header", "a decoder that fails"])
def test_one_bad_file_stops_nothing(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`check` lists it, `skip` skips it, the others are read; everything else raises a PixelwiseError with its name."""
    tree = Tree(tmp_path / "VOC2012", 6)
    if broken == "half a frame header":
        tree.image("s01", cut_in_a_frame_header())
    else:
        real = JpegFile.image

        def fail(file: JpegFile, *args: Any) -> Any:
            return 1 // 0 if "s01" in str(file.where) else real(file, *args)

        monkeypatch.setattr(JpegFile, "image", fail)
        monkeypatch.setattr(JpegWindows, "read", lambda *_: None)  # or kernels may decode it, once they are compiled
    train = pw.open(tree.root)["train"]
    with pytest.raises(FileError, match=r"s01\.jpg"):
        train[1]
    found = [f for f in pw.check(tree.root) if "s01" in f.where and f.severity == "error"]
    assert [f.code for f in found] in (["corrupt"], ["truncated"])
    loader = pw.Loader(train, 2, [pw.RandomCrop(16, 16)], on_error="skip", output="uint8")
    with pytest.warns(pw.PixelwiseWarning, match="'s01'"):
        names = [name for batch in loader for name, real in zip(batch.names, batch.real, strict=True) if real]
    assert sorted(names) == ["s00", "s02", "s03"]
    assert [name for name, _ in loader.skipped] == ["s01"]
    for work in (lambda: pw.stats(tree.root), lambda: pw.pack(tree.root, tmp_path / "pack")):
        with pytest.raises(PixelwiseError, match="s01"):
            work()
