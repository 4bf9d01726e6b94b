"""Each check returns the canonical value, or says "NAME must be ..., got ...". Arrays come in by one entrance."""

from __future__ import annotations

import array
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import pixelwise as pw
from pixelwise.arguments import (
    as_array,
    check_choice,
    check_count,
    check_number,
    check_numbers,
    check_probability,
    check_range,
    check_seed,
    check_several,
    check_size,
    check_whole,
)
from pixelwise.errors import LabelError, PixelwiseError, ScoreError, UsageError

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        (lambda: check_choice("x", "b", ("a", "b")), "b"),
        (lambda: check_choice("x", None, (None, "b")), None),
        (lambda: check_whole("x", np.uint8(7), -3, 7), 7),
        (lambda: check_count("x", np.int64(1)), 1),
        (lambda: check_seed((1 << 64) - 1), (1 << 64) - 1),
        (lambda: check_number("x", 2), 2.0),
        (lambda: check_number("x", np.float32(0.5), 0, 1), 0.5),
        (lambda: check_probability(1), 1.0),
        (lambda: check_numbers("x", np.array([1, 2, 3]), 3), (1.0, 2.0, 3.0)),
        (lambda: check_range("x", [1, 2]), (1.0, 2.0)),
        (lambda: check_range("x", 20, around=0.0), (-20.0, 20.0)),
        (lambda: check_range("x", 0.4, 0.0, around=1.0), (0.6, 1.4)),
        (lambda: check_range("x", 3, 0.0, around=1.0), (0.0, 4.0)),
        (lambda: check_range("x", (3, 4), 0.0, around=1.0), (3.0, 4.0)),
        (lambda: check_range("x", 1.5, 0.0, 2.0, single=True), (1.5, 1.5)),
        (lambda: check_size("x", 320, 480), (320, 480)),
        (lambda: check_size("x", [320, np.int32(480)]), (320, 480)),
        (lambda: check_size("x", np.array([320, 480])), (320, 480)),
        (lambda: check_size("x", 512), (512, 512)),
        (lambda: check_several("x", "person", "names", str.isalpha), ("person",)),
        (lambda: check_several("x", range(2), "ids", lambda v: v >= 0), (0, 1)),
    ],
)
def test_what_fits_comes_back_in_canonical_form(value: Callable[[], Any], canonical: Any) -> None:
    found = value()
    assert found == canonical
    assert type(found) is type(canonical)
    if isinstance(found, tuple):
        assert [type(v) for v in found] == [type(v) for v in canonical]


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: check_choice("x", "c", ("a", "b")), "one of 'a', 'b', got 'c'"),
        *((lambda v=v: check_count("x", v), "a whole number, at least 1, got ") for v in (0, 1.5, "1", True, None)),
        (lambda: check_whole("x", 300, 0, 255), "a whole number in 0..255, got 300"),
        (lambda: check_number("x", NAN), "a number, got nan"),
        (lambda: check_number("x", True, 0, 2), "a number in 0..2, got True"),
        (lambda: check_number("x", "1", high=2.0), "a number, at most 2, got '1'"),
        (lambda: check_numbers("x", (1, 2), 3, low=0.0), "3 numbers, at least 0, got (1, 2)"),
        (lambda: check_numbers("x", 5, 2), "2 numbers, got 5"),
        (lambda: check_range("x", (2, 1)), "a pair (low, high), got (2, 1)"),
        (lambda: check_range("x", (0, INF)), "a pair (low, high), got (0, inf)"),
        (lambda: check_range("x", (0, 2), 0.0, 1.0), "a pair (low, high) in 0..1, got (0, 2)"),
        (lambda: check_range("x", 0.5), "a pair (low, high), got 0.5"),
        (lambda: check_range("x", "ab"), "a pair (low, high), got 'ab'"),
        (lambda: check_range("x", -1, around=0.0), "a pair (low, high), or one number x for -x..x, got -1"),
        (lambda: check_range("x", "1", around=1.0), "a pair (low, high), or one number x for 1 - x..1 + x, got '1'"),
        (lambda: check_range("x", None, single=True), "a pair (low, high), or one number, got None"),
        (lambda: check_several("x", (), "ids", lambda v: v >= 0 if v else False), "ids, got ()"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_style(check: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check()
    assert caught.value.message.startswith(f"x must be {message}")
    assert caught.value.code == "bad-argument"


@pytest.mark.parametrize("seed", [-1, 1 << 64, 1.5, "0", True])
def test_a_seed_is_a_64_bit_integer(seed: object) -> None:
    with pytest.raises(UsageError, match=r"seed must be a whole number in 0\.\.2\^64-1, got"):
        check_seed(seed)


@pytest.mark.parametrize("size", [0, 2.5, True, 10**20, (1, 2, 3), (1, 0), "12", None, ((1, 2), 3), np.array(3.5)])
def test_a_size_is_two_whole_numbers_above_zero(size: Any) -> None:
    with pytest.raises(UsageError, match="size must be height and width"):
        check_size("size", size)
    with pytest.raises(UsageError, match="size must be height and width"):
        check_size("size", size, 5)


# -- units ----------------------------------------------------------------------------------------------------


def test_a_number_in_another_unit_is_refused_with_the_conversion() -> None:
    for call, fix in (
        (lambda: pw.Normalize((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
         "mean is in 0..1 here: (123.675, 116.28, 103.53) / 255 = (0.485, 0.456, 0.406); "
         "std is in 1e-06..1 here: (58.395, 57.12, 57.375) / 255 = (0.229, 0.224, 0.225)"),
        (lambda: pw.RandomHorizontalFlip(p=50), "p is in 0..1 here: 50 / 100 = 0.5"),
        (lambda: pw.RandomBrightness((80, 120)), "brightness is in 0..10 here: (80, 120) / 100 = (0.8, 1.2)"),
        (lambda: pw.RandomRotation(np.pi / 6), "degrees is in degrees here: 0.523599 * 180 / pi = 30"),
        (lambda: pw.RandomHue(18), "hue is in -0.5..0.5 here: 18 / 360 = 0.05, or for OpenCV's 180 half degrees "
                                   "18 / 180 = 0.1"),
        (lambda: pw.RandomRotate90(270), "turns are quarters here: 270 / 90 = 3"),
        (lambda: pw.BoundaryConfusion(2, dilation_ratio=2), "dilation_ratio is in 0..1 here: 2 / 100 = 0.02"),
        (lambda: pw.Tiling(overlap=33), "overlap is in 0..1 here: 33 / 100 = 0.33"),
        (lambda: pw.Tiling(scales=(50, 100)), "scales is in 0..16 here: (50, 100) / 100 = (0.5, 1)"),
        (lambda: pw.RepeatFactor(np.ones((2, 2), int), threshold=50), "(?)"),
        (lambda: pw.bootstrap(pw.Confusion(2, per_image=True).update([0, 1], [0, 1]), level=95),
         "level is in 0..1 here: 95 / 100 = 0.95"),
        (lambda: loader(fill=(0.485, 0.456, 0.406)), "fill is in 0..255 here, in whole numbers: (124, 116, 104)"),
        (lambda: loader(fill=(1.0, 1.0, 1.0)), "fill is in 0..255 here, in whole numbers: (255, 255, 255)"),
        (lambda: loader(fill=(123.675, 116.28, 103.53)), "fill is in 0..255 here, in whole numbers: (124, 116, 104)"),
        (lambda: pw.ClassTable(("a", "b"), colors=[(0.0, 0.5, 1.0)] * 2), "(?)"),
        (lambda: DATASET.split({"a": 80, "b": 20}), "ratios is in 0..1 here: (80, 20) / 100 = (0.8, 0.2)"),
    ):  # fmt: skip
        with pytest.raises(UsageError) as caught:
            call()
        assert fix in (caught.value.fix, "(?)")
    assert loader(fill=(1, 1, 1)).fill == (1, 1, 1)
    assert loader(fill=np.array([0, 0, 0])).fill == (0, 0, 0)


@pytest.mark.parametrize("angle", [0.5, 1, 0.1, 2.5, 30, 45.0, 90, 3.1, 0.25, 180, 6.283, 1.571, (0, 360), (-0.75, 8)])
def test_small_angles_are_degrees(angle: Any) -> None:
    assert pw.RandomRotation(angle)


@pytest.mark.parametrize("whole", range(1, 181, 7))
def test_radians_of_whole_degrees_are_refused(whole: int) -> None:
    radians = float(np.deg2rad(whole))
    for angle in (radians, (-radians, radians), float(np.float32(radians))):
        for call in (lambda a: pw.RandomRotation(a), lambda a: pw.RandomAffine(a), lambda a: pw.RandomAffine(shear=a)):
            with pytest.raises(UsageError, match=f"= {whole}"):
                call(angle)


# -- arrays ---------------------------------------------------------------------------------------------------

TABLE = pw.ClassTable(("a", "b", "c"))
TRUTH = np.array([[0, 1, 2, 255, 0], [2, 2, 1, 0, 1], [1, 0, 0, 2, 255]], np.uint8)
IDS = np.where(TRUTH == 255, 1, TRUTH)[::-1].copy()
IMAGE = np.random.default_rng(0).integers(0, 256, (*TRUTH.shape, 3), np.uint8)
DATASET = pw.Dataset(  # for what is refused before anything is read
    ".",
    "arrays",
    TABLE,
    {"all": pw.Split("all", TABLE, pw.ArraySource([IMAGE], [TRUTH]))},  # type: ignore[arg-type]
)


def loader(**options: Any) -> pw.Loader:
    return pw.Loader(DATASET["all"], 1, **options)


class Offers:
    """What other libraries have: an array behind `__array__` alone, or `__dlpack__` alone."""

    def __init__(self, values: np.ndarray, how: str) -> None:
        if how == "array":
            self.__class__ = type("OffersArray", (Offers,), {"__array__": lambda self, *_, **__: values})
        else:
            protocol = {
                "__dlpack__": lambda self, **o: values.__dlpack__(**o), "__dlpack_device__": lambda self: (1, 0),
            }  # fmt: skip
            self.__class__ = type("OffersDlpack", (Offers,), protocol)


class OnDevice(Offers):
    """As CuPy's arrays: no conversion but by `get`."""

    def __init__(self, values: np.ndarray) -> None:
        def refuse(self: object, *_: object, **__: object) -> Any:
            raise TypeError("Implicit conversion to a NumPy array is not allowed.")

        more = {"__array__": refuse, "__dlpack__": refuse, "get": lambda self: values}
        self.__class__ = type("OnDevice", (Offers,), more)


def tensor(values: np.ndarray, **options: Any) -> Any:
    torch = pytest.importorskip("torch", reason="tensors are one kind of array")
    made = torch.from_numpy(np.ascontiguousarray(values if values.flags.writeable else values.copy()))
    return made.to(**options) if options else made


def masked(values: np.ndarray, at: Any = False) -> Any:
    return np.ma.masked_array(values, mask=np.broadcast_to(at, values.shape))


def itself() -> list[Any]:
    inside: list[Any] = []
    inside.append(inside)
    return inside


def strided(a: np.ndarray) -> np.ndarray:
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    return wide[..., ::2]


INTEGERS: dict[str, Callable[[np.ndarray], Any]] = {
    **{d: lambda a, d=d: a.astype(d) for d in ("u1", "u2", "i2", "u4", "i4", "i8", "u8", ">i4", ">u2", ">u8")},
    "fortran": np.asfortranarray, "strided": strided, "list": lambda a: a.tolist(), "rows": list,
    "tuple": lambda a: tuple(a.tolist()), "memory": lambda a: memoryview(np.ascontiguousarray(a)),
    "offers array": lambda a: Offers(a, "array"), "offers dlpack": lambda a: Offers(np.ascontiguousarray(a), "dlpack"),
    "on a device": OnDevice, "pillow": lambda a: Image.fromarray(np.ascontiguousarray(a)),
    "nothing masked": masked, "rows, nothing masked": lambda a: [masked(r) for r in a],
    "tensor": tensor, "tensor i8": lambda a: tensor(a.astype(np.int64)),
    "rows of tensors": lambda a: [tensor(r) for r in a],
}  # fmt: skip
"""Arrays of integers: every door takes them as it takes the plain one."""

NOT_ARRAYS: dict[str, Callable[[np.ndarray], Any]] = {
    "None": lambda a: None, "text": lambda a: "21", "bytes": lambda a: b"21", "dict": lambda a: {0: a},
    "set": lambda a: {1, 2}, "generator": lambda a: (r for r in a), "object": lambda a: object(),
    "class": lambda a: int, "objects": lambda a: a.astype(object), "texts": lambda a: a.astype(str),
    "complex": lambda a: a.astype(complex),
    "dates": lambda a: a.astype("datetime64[s]"), "fields": lambda a: np.zeros(a.shape, "u1,u1"),
    "ragged": lambda a: [[1, 2], [3]], "itself": lambda a: itself(), "list of None": lambda a: [None],
    "large": lambda a: [[2**70]], "nan": lambda a: a * np.nan, "masked": lambda a: masked(a, a == a.max()),
    "rows, masked": lambda a: [masked(r, True) for r in a], "masked element": lambda a: [[np.ma.masked]],
    "empty": lambda a: [], "scalar": lambda a: 1, "zero size": lambda a: a[:0], "one less": lambda a: a[1:],
    "more axes": lambda a: a[None, None, None], "negative": lambda a: a.astype(np.int64) - 2**62,
    "huge": lambda a: a.astype(np.uint64) + np.uint64(2**63), "characters": lambda a: array.array("u", "abc"),
    "meta": lambda a: tensor(a, device="meta"), "sparse": lambda a: tensor(a).to_sparse(),
    "complex tensor": lambda a: tensor(a.astype(np.complex64)),
}  # fmt: skip
"""What is no array of this door's kind, or odd: a result or an error with a code, and never another exception."""


def model_of(output: Any) -> Any:
    split = pw.Split("one", TABLE, pw.ArraySource([IMAGE], [IDS]))
    total = pw.Confusion(TABLE)
    pw.predict(lambda images: output, split, confusion=total)
    return total.counts


LOGITS = np.ascontiguousarray(np.moveaxis(np.eye(3, dtype=np.float32)[IDS], -1, 0))
DOORS: dict[str, tuple[np.ndarray, Callable[[Any], Any]]] = {
    "prediction": (IDS, lambda a: pw.Confusion(3).update(a, TRUTH).counts),
    "truth": (TRUTH, lambda a: pw.Confusion(3).update(IDS, a).counts),
    "truth of many classes": (TRUTH, lambda a: pw.Confusion(300, 400).update(IDS, a).counts),
    "no void": (IDS, lambda a: pw.Confusion(3, None).update(IDS, a).counts),
    "images": (TRUTH, lambda a: pw.Confusion(TABLE, per_image=True).update(IDS[None], [a], ["x"]).images.totals),
    "trimap": (TRUTH, lambda a: np.asarray(pw.trimap(a, 1)).astype(np.int64)),
    "trimap of void": (TRUTH, lambda a: np.asarray(pw.trimap(a, 1, around="void")).astype(np.int64)),
    "boundary truth": (TRUTH, lambda a: pw.BoundaryConfusion(3, width=1).update(IDS, a).iou),
    "boundary prediction": (IDS, lambda a: pw.BoundaryConfusion(TABLE, width=1).update(a, TRUTH).iou),
    "label in memory": (TRUTH, lambda a: pw.Split("s", TABLE, pw.ArraySource([IMAGE], [a]))[0].label),
    "image in memory": (IMAGE, lambda a: pw.Split("s", TABLE, pw.ArraySource([a], [TRUTH]))[0].image),
    "images in memory": (IMAGE[None], lambda a: pw.ArraySource(a, [TRUTH]).read(0).image),
    "labels to count": (TRUTH, lambda a: pw.count_classes(pw.Split("s", TABLE, pw.ArraySource([IMAGE], [a])))),
    "labels to index": (TRUTH, lambda a: pw.class_index(pw.Split("s", TABLE, pw.ArraySource([IMAGE], [a]))).counts),
    "shown image": (IMAGE, lambda a: np.asarray(pw.show(pw.Sample("x", a, TRUTH), classes=TABLE).image)),
    "shown label": (TRUTH, lambda a: np.asarray(pw.show(pw.Sample("x", IMAGE, a), classes=TABLE).image)),
    "decode": (TRUTH, TABLE.decode),
    "encode": (TABLE.decode(TRUTH), TABLE.encode),
    "plug-in image": (IMAGE, lambda a: next(iter(loader(transforms=[pw.Apply(lambda _, label: (a, label))]))).images),
    "plug-in label": (TRUTH, lambda a: next(iter(loader(transforms=[pw.Apply(lambda image, _: (image, a))]))).labels),
    "counts of a sampler": (np.arange(6).reshape(2, 3), lambda a: pw.RareClassSampling(a).class_probabilities),
    "colors of classes": (TABLE.colors, lambda a: pw.ClassTable(TABLE.names, a).colors),
}  # fmt: skip
FLOAT_DOORS: dict[str, tuple[np.ndarray, Callable[[Any], Any]]] = {
    "logits": (LOGITS, lambda a: pw.Confusion(3).update(a, TRUTH).counts),
    "logits of a batch": (LOGITS[None], lambda a: pw.Confusion(3).update(a, TRUTH[None]).counts),
    "output of a model": (LOGITS[None], model_of),
}
FLOATS: dict[str, Callable[[np.ndarray], Any]] = {
    **{d: lambda a, d=d: a.astype(d) for d in ("f2", "f4", "f8", "g", ">f4")},
    "list": lambda a: a.tolist(), "offers array": lambda a: Offers(a, "array"), "nothing masked": masked,
    "strided": strided, "tensor": tensor, "grad": lambda a: tensor(a).requires_grad_(),
    "bfloat16": lambda a: tensor(a, dtype=sys.modules["torch"].bfloat16) if "torch" in sys.modules else a,
    "negative bit": lambda a: tensor(a * 1j).conj().imag * -1, "on a device": OnDevice,
    "planes": lambda a: [tensor(p).requires_grad_() for p in a],
}  # fmt: skip


def equal(door: Callable[[Any], Any], given_: Any, plain: np.ndarray) -> None:
    found, expected = np.asarray(door(given_)), np.asarray(door(plain))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", INTEGERS)
@pytest.mark.parametrize("name", DOORS)
def test_every_door_takes_every_kind_of_array(name: str, kind: str) -> None:
    plain, door = DOORS[name]
    if (kind == "pillow" and plain.dtype != np.uint8) or (plain.ndim > 3 and kind == "pillow"):
        pytest.skip("no picture")
    equal(door, INTEGERS[kind](plain), plain)


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("name", FLOAT_DOORS)
def test_every_door_takes_every_kind_of_floats(name: str, kind: str) -> None:
    plain, door = FLOAT_DOORS[name]
    equal(door, FLOATS[kind](plain), plain)


@pytest.mark.parametrize("kind", NOT_ARRAYS)
@pytest.mark.parametrize("name", [*DOORS, *FLOAT_DOORS])
def test_what_is_no_array_is_an_error_with_a_code(name: str, kind: str) -> None:
    plain, door = (DOORS | FLOAT_DOORS)[name]
    given_ = NOT_ARRAYS[kind](plain)
    try:
        door(given_)
    except PixelwiseError as error:
        assert error.code
        assert "\n" not in str(error)


@settings(max_examples=300)
@given(st.data())
def test_any_array_at_any_door_gives_a_result_or_an_error_with_a_code(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*DOORS, *FLOAT_DOORS]))
    plain, door = (DOORS | FLOAT_DOORS)[name]
    kinds = sorted(INTEGERS.keys() - {"pillow", "offers dlpack"})
    shape = data.draw(st.one_of(st.just(plain.shape), st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)))
    low, high = data.draw(st.sampled_from([(0, 3), (0, 256), (-3, 300), (-(2**63), 2**63 - 1)]))
    values = np.random.default_rng(data.draw(st.integers(0, 99))).integers(low, high, shape)
    with np.errstate(all="ignore"):
        values = values.astype(data.draw(st.sampled_from(["u1", "i1", "u2", "i8", "u8", "f2", "f4", "f8", "?"])))
        given_ = INTEGERS[data.draw(st.sampled_from(kinds))](values)
    try:
        door(given_)
    except PixelwiseError as error:
        assert error.code


def test_masked_pixels_of_a_truth_are_void_if_there_is_void() -> None:
    truth = masked(IDS, TRUTH == 255)
    expected = pw.Confusion(3).update(IDS, np.where(TRUTH == 255, 255, IDS))
    assert pw.Confusion(3).update(IDS, truth) == expected
    assert pw.Confusion(3).update(IDS, list(truth)) == expected
    assert pw.Confusion(3, -1).update(IDS, truth.astype(np.uint64)).void.sum() == 2
    assert pw.Confusion(3, 70_000).update(IDS, truth).void.sum() == 2
    assert np.array_equal(TABLE.decode(truth), TABLE.decode(np.where(TRUTH == 255, 255, IDS)))
    for door in (
        lambda: pw.Confusion(3, None).update(IDS, truth), lambda: pw.Confusion(3).update(truth, IDS),
        lambda: pw.ArraySource([IMAGE], [truth]), lambda: pw.BoundaryConfusion(3).update(truth, IDS),
        lambda: pw.ClassTable(("a", "b", "c"), ignore_index=None).decode(truth),
    ):  # fmt: skip
        with pytest.raises(UsageError) as caught:
            door()
        assert caught.value.code == "masked-array"


def test_no_ignore_index_is_no_number() -> None:
    for value in (-(2**63), 2**63 - 1, -1, 0xFFFF):
        with pytest.raises(LabelError, match="is not a class"):
            pw.Confusion(3, None).update(np.array([0]), np.array([value]))
        assert pw.Confusion(3, value).update(np.array([0]), np.array([value])).void.sum() == 1
    with pytest.raises(LabelError, match="value 18446744073709551615"):
        pw.Confusion(3, -1).update(np.array([0]), np.array([2**64 - 1], np.uint64))
    for classes in (3, 300):
        counted = pw.Confusion(classes, -1).update(np.array([2**64 - 1, 1], np.uint64), np.array([0, 1], np.uint64))
        assert (counted.matrix[0, -1], counted.matrix[1, 1]) == (1, 1)


@pytest.mark.parametrize("wrong", [255.9, "255", True, [255], 2**70, -(2**70), float("nan"), np.float32(255)])
def test_constructors_take_whole_numbers_only(wrong: Any) -> None:
    for make in (
        lambda: pw.Confusion(3, wrong), lambda: pw.BoundaryConfusion(3, wrong), lambda: pw.trimap(TRUTH, 1, wrong),
        lambda: pw.ClassTable(("a", "b"), ignore_index=wrong),
    ):  # fmt: skip
        with pytest.raises(UsageError):
            make()


@pytest.mark.parametrize("wrong", [0, True, 3.0, "21", None, 2**70, [3], 4097, float("nan")])
def test_a_number_of_classes_is_whole(wrong: Any) -> None:
    for kind in (pw.Confusion, pw.BoundaryConfusion):
        with pytest.raises(UsageError, match=r"num_classes must be a whole number|classes are too many"):
            kind(wrong)


def test_a_class_table_knows_number_names_and_void() -> None:
    table = pw.ClassTable(("sky", "sea"), ignore_index=7)
    for made in (pw.Confusion(table), pw.BoundaryConfusion(table).plain, pw.Confusion(table, 7)):
        assert (made.num_classes, made.ignore_index, made.class_names) == (2, 7, ("sky", "sea"))
    assert pw.Confusion(pw.ClassTable(("sky", "sea"), ignore_index=None)).ignore_index is None
    for other in (None, 9):
        with pytest.raises(UsageError, match="the class table has the ignore_index 7"):
            pw.Confusion(table, other)


def test_a_trimap_keeps_the_dtype_and_refuses_what_it_cannot_hold() -> None:
    for dtype in (np.uint8, np.int16, np.int64, np.uint64, np.int32):
        assert pw.trimap(TRUTH.astype(dtype), 1).dtype == dtype
    assert pw.trimap(TRUTH.astype(np.int64), 10**9, -100).shape == TRUTH.shape
    for dtype, value in ((np.uint8, 300), (np.uint8, -1), (np.int64, 2**63)):
        with pytest.raises(UsageError, match="does not fit"):
            pw.trimap(TRUTH.astype(dtype), 1, value)


def test_one_channel_needs_a_threshold() -> None:
    for classes in (1, 2):
        with pytest.raises(UsageError, match="threshold=0") as caught:
            pw.Confusion(classes).update(np.full((1, 4, 4), -9.0, np.float32), np.zeros((4, 4), np.uint8))
        assert caught.value.code == "one-channel"


def test_sums_do_not_wrap() -> None:
    values = {**pw.Confusion(2).to_dict(), "counts": [[2**62, 0, 0], [0, 0, 0], [0, 0, 0]]}
    half, same = pw.Confusion.from_dict(values), pw.Confusion.from_dict(values)
    for add in (lambda: half + same, lambda: half.__iadd__(same)):
        with pytest.raises(ScoreError, match="64-bit") as caught:
            add()
        assert caught.value.code == "too-many-pixels"
    assert half == same
    with pytest.raises(ScoreError):
        pw.Confusion.from_dict({**values, "counts": [[2**62, 2**62, 0], [0, 0, 0], [0, 0, 0]]})


def test_labels_in_memory_are_held_against_the_table() -> None:
    good, bad = np.array([[0, 2, 255]], np.uint8), np.array([[0, 3, 255]], np.uint8)
    images = [np.zeros((1, 3, 3), np.uint8)] * 2
    source = pw.ArraySource(images, [good, bad], names=["good", "bad"])
    split = pw.Split("s", TABLE, source)
    assert np.array_equal(split[0].label, good)
    for read in (
        lambda: split[1], lambda: split[1:][0], lambda: list(pw.Loader(split, 1)), lambda: pw.count_classes(split),
        lambda: pw.stats(split), lambda: pw.class_index(split), lambda: pw.show(split),
        lambda: pw.Split("s", pw.ClassTable(("a", "b", "c", "d"), ignore_index=9), source)[0],
    ):  # fmt: skip
        with pytest.raises(LabelError, match="is not a class") as caught:
            read()
        assert caught.value.code == "class-out-of-range"
    assert [f.code for f in pw.check(split) if f.severity == "error"] == ["class-out-of-range"]
    assert pw.Split("s", pw.ClassTable(("a", "b", "c", "d")), source)[1].label is not None
    with pytest.warns(pw.PixelwiseWarning, match="'bad'"):
        assert [b.real.all() for b in pw.Loader(split, 1, on_error="skip")] == [True, False]
    dataset = pw.Dataset(".", "arrays", TABLE, {"s": split}).merge_classes({"ab": ["a", "b"]})  # type: ignore[arg-type]
    with pytest.raises(LabelError, match="value 3"):
        dataset["s"][1]


def test_an_array_is_not_copied() -> None:
    for plain in (IMAGE, TRUTH.astype(np.int64), LOGITS):
        assert np.shares_memory(as_array("x", plain), plain)
        assert np.shares_memory(as_array("x", tensor(plain)), plain)


def test_the_entrance_keeps_bfloat16_exactly() -> None:
    torch = pytest.importorskip("torch", reason="NumPy has no bfloat16")
    values = torch.randn(1000).to(torch.bfloat16)
    assert np.array_equal(as_array("x", values), values.float().numpy())
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="JAX's types")
    assert as_array("x", np.array([1.5, -2], ml_dtypes.bfloat16)).tolist() == [1.5, -2.0]
    assert as_array("x", np.array([1, -2], ml_dtypes.int4)).tolist() == [1, -2]
