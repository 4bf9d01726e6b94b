"""NPY labels: integers 0..65535, exactly or refused."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pixelwise.codecs.decoding import decode_image, decode_stored, parse_header
from pixelwise.errors import DataError, FileError

ALLOW = frozenset({"npy"})


def saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", ">u4", "i8"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_integers_are_read_exactly(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).integers(0, 2 if dtype == "?" else 120, shape).astype(dtype)
    stored = decode_stored(saved(array), "a.npy", allow=ALLOW)
    assert np.array_equal(stored.pixels, array)
    assert stored.pixels.dtype == (np.uint16 if dtype == "i2" else np.uint8)


@pytest.mark.parametrize(
    ("array", "code"),
    [
        (np.zeros((2, 3), np.float32), "unsupported-format"),
        (np.zeros(6, np.uint8), "unsupported-format"),
        (np.array([[-1, 0]]), "class-out-of-range"),
        (np.array([[70_000, 0]]), "class-out-of-range"),
        (np.array([[None, 0]], dtype=object), "unsupported-format"),
        (np.zeros((0, 3), np.uint8), "corrupt"),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray, code: str) -> None:
    with pytest.raises(DataError) as caught:
        decode_stored(saved(array), "a.npy", allow=ALLOW)
    assert caught.value.code == code


def test_a_cut_file_is_refused() -> None:
    with pytest.raises(FileError) as caught:
        decode_stored(saved(np.zeros((20, 30), np.uint8))[:-1], "a.npy", allow=ALLOW)
    assert caught.value.code == "truncated"


@pytest.mark.parametrize("at", range(6, 128))
def test_a_damaged_header_is_refused(at: int) -> None:
    """Also one that NumPy cannot even tokenize: its dictionary without an end."""
    data = bytearray(saved(np.zeros((20, 30), np.uint8)))
    for value in b"('{\0\xff":
        data[at] = value
        try:
            decode_stored(bytes(data), "a.npy", allow=ALLOW)
        except DataError as error:
            assert error.code in ("corrupt", "unsupported-format", "truncated", "too-large"), value


def test_it_is_not_an_image() -> None:
    data = saved(np.zeros((20, 30, 3), np.uint8))
    for read in (decode_image, parse_header):
        with pytest.raises(FileError, match="NPY is not an image format") as caught:
            read(data, "a.npy")
        assert caught.value.code == "unsupported-format"
