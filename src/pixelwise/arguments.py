"""Checks of arguments. Each returns the value in its one canonical form, or raises UsageError `bad-argument`.

The message is always "NAME must be ..., got ...". If the value is right in another unit that is customary for it, the
message has it converted. Arrays of every library come in by `as_array`, and nowhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from math import degrees, inf, isfinite
from typing import Any, NamedTuple, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import PixelwiseError, UsageError
from .hints import briefly, meant
from .types import Range, Size

T = TypeVar("T")

LONGEST = 10_000_000
"""The largest height or width that an argument may ask for, in pixels."""


class Unit(NamedTuple):
    """Another unit in which users have a number. per: how many of it are 1 here."""

    per: int


PERCENT = Unit(100)
LEVELS = Unit(255)
DEGREES = Unit(360)
"""Of a circle, of which 1 is the whole."""
HALF_DEGREES = Unit(180)
"""As OpenCV counts hue in bytes."""
MOST_FACTOR = 10.0
"""The largest factor of a color: what is above it is in percent."""
MOST_SCALE = 16.0
"""The largest factor of a size, likewise."""


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether it is an integer, and not True or False."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a finite number, and not True or False."""
    return (is_whole(value) or isinstance(value, (float, np.floating))) and isfinite(value)


def check_choice(name: str, value: Any, choices: Sequence[T]) -> T:
    """The value, which must be one of the choices."""
    is_array = hasattr(value, "shape")  # comparing one gives many answers
    if is_array or value not in choices:
        raise _wrong(name, f"one of {', '.join(map(repr, choices))}", value, meant(value, map(str, choices)).strip())
    return value  # type: ignore[no-any-return]


def check_whole(name: str, value: Any, low: int = 0, high: int | None = None) -> int:
    """A whole number in low..high, both included."""
    if not is_whole(value) or value < low or (high is not None and value > high):
        raise _wrong(name, f"a whole number{_within(low, inf if high is None else high)}", value)
    return int(value)


def check_count(name: str, value: Any) -> int:
    """A whole number, at least 1."""
    return check_whole(name, value, 1)


def check_seed(seed: Any) -> int:
    """A whole number in 0..2^64-1."""
    if not is_whole(seed) or not 0 <= seed < 1 << 64:
        raise _wrong("seed", "a whole number in 0..2^64-1", seed)
    return int(seed)


def check_number(name: str, value: Any, low: float = -inf, high: float = inf, unit: Unit | None = None) -> float:
    """A finite number in low..high, both included. unit: the one in which users have it if it is beyond `high`."""
    if not is_number(value) or not low <= value <= high:
        raise _wrong(name, f"a number{_within(low, high)}", value, conversion(name, value, low, high, unit))
    return float(value)


def check_share(name: str, value: Any, low: float = 0.0, high: float = 1.0) -> float:
    """A share of a whole, in low..high and not in percent."""
    return check_number(name, value, low, high, PERCENT)


def check_open_share(name: str, value: Any) -> float:
    """A share above 0 and below 1, and not in percent."""
    if not is_number(value) or not 0 < value < 1:
        raise _wrong(name, "a number between 0 and 1", value, conversion(name, value, 0.0, 1.0, PERCENT))
    return float(value)


def check_probability(p: Any) -> float:
    """`p`, a number in 0..1."""
    return check_share("p", p)


def check_numbers(
    name: str, value: Any, count: int, low: float = -inf, high: float = inf, unit: Unit | None = None
) -> tuple[float, ...]:
    """`count` finite numbers, each in low..high. unit: as in `check_number`."""
    values = _listed(value)
    if len(values) != count or not all(is_number(v) and low <= v <= high for v in values):
        raise _wrong(name, f"{count} numbers{_within(low, high)}", value, conversion(name, value, low, high, unit))
    return tuple(float(v) for v in values)


def check_range(
    name: str, value: Any, low: float = -inf, high: float = inf, *, around: float | None = None, single: bool = False,
    unit: Unit | None = None,
) -> Range:  # fmt: skip
    """A pair (first, last) with low <= first <= last <= high.

    around: a number x may stand for the pair around - x..around + x, cut off at `low`. single: a number may stand for
    itself twice. unit: as in `check_number`.
    """
    pair, instead = _listed(value), ""
    if around is not None:
        instead = f", or one number x for {around:g} - x..{around:g} + x" if around else ", or one number x for -x..x"
        if is_number(value) and value >= 0:
            pair = (max(low, around - float(value)), around + float(value))
    elif single:
        instead = ", or one number"
        if is_number(value):
            pair = (value, value)
    if len(pair) != 2 or not all(map(is_number, pair)) or not low <= pair[0] <= pair[1] <= high:
        expected = f"a pair (low, high){_within(low, high)}{instead}"
        raise _wrong(name, expected, value, conversion(name, value, low, high, unit))
    return float(pair[0]), float(pair[1])


def check_degrees(name: str, value: Any, most: float) -> Range:
    """A pair (low, high) of degrees in -most..most, or one number x for -x..x. Radians are refused: a fraction of pi
    whose degrees are whole, which nobody means as degrees.
    """
    found = check_range(name, value, -most, most, around=0.0)
    for angle in found:
        thousandths, turned = 1000 * angle, degrees(angle)
        if abs(angle) < 7 and abs(thousandths - round(thousandths)) > 1e-6 and abs(turned - round(turned)) < 2e-4:
            fix = f"{name} is in degrees here: {abs(angle):.6g} * 180 / pi = {abs(turned):.6g}"
            raise _wrong(name, "in degrees, not in radians", value, fix)
    return found


def conversion(name: str, value: Any, low: float, high: float, unit: Unit | None) -> str | None:
    """In words, the value divided by the unit, if all its numbers are in low..high then and some are not now."""
    given = _listed(value)
    numbers = given or (value,)
    if unit is None or not all(map(is_number, numbers)) or max(map(abs, numbers)) <= high:
        return None
    here = [n / unit.per for n in numbers]
    if not all(low <= n <= high for n in here):
        return None
    was, now = (", ".join(f"{n:.6g}" for n in row) for row in (numbers, here))
    was, now = (f"({row})" if given else row for row in (was, now))
    return f"{name} is{_within(low, high)} here: {was} / {unit.per} = {now}"


def check_size(name: str, size: Any, width: Any = None) -> Size:
    """(height, width) in pixels, from one pair, from two whole numbers, or from one for a square."""
    given = size if width is None else (size, width)
    pair = (given, given) if is_whole(given) else _listed(given)
    if len(pair) != 2 or not all(is_whole(side) and 1 <= side <= LONGEST for side in pair):
        raise _wrong(name, f"height and width, whole numbers in 1..{LONGEST}", given)
    return int(pair[0]), int(pair[1])


def check_several(name: str, value: Any, expected: str, fits: Callable[[Any], bool]) -> tuple[Any, ...]:
    """One value or several that fit, at least one; as a tuple."""
    values = _listed(value) or (value,)
    if not all(map(fits, values)):
        raise _wrong(name, expected, value)
    return values


def _listed(value: Any) -> tuple[Any, ...]:
    """The elements of a sequence; () for anything else."""
    if isinstance(value, (str, bytes)):
        return ()
    try:
        return tuple(value)
    except TypeError:
        return ()


def _within(low: float, high: float) -> str:
    first, last = (str(v) if isinstance(v, int) else f"{v:g}" for v in (low, high))
    if high < inf:
        return f" in {first}..{last}" if low > -inf else f", at most {last}"
    return f", at least {first}" if low > -inf else ""


def _wrong(name: str, expected: str, value: object, fix: str | None = None) -> UsageError:
    return UsageError(f"{name} must be {expected}, got {briefly(value)}", fix=fix)


# -- arrays ---------------------------------------------------------------------------------------------------


def as_array(name: str, value: Any, *, void: int | None = None) -> NDArray[Any]:
    """`value` as a NumPy array of booleans, integers or floats in native byte order, without a copy if it can be.

    value: an array of NumPy, of torch (on any device; gradients stay behind), of JAX or of any library that offers
    `__array__` or `__dlpack__`; a number; or lists of these. bfloat16 and other floats that NumPy does not have become
    float32, exactly. void: what masked pixels become. Raises UsageError `masked-array` for masked pixels without
    `void`, `bad-array` for anything else.
    """
    try:
        found = _array_of(name, value, void)
        if found.dtype.isbuiltin == 2:  # the types of ml_dtypes, which JAX uses
            found = found.astype(np.float32 if "float" in found.dtype.name else np.dtype(found.dtype.name[:-1] + "8"))
        if found.dtype.kind not in "biuf":
            raise _no_array(name, value, f"its elements are {found.dtype}")
    except (PixelwiseError, MemoryError):
        raise
    except Exception as error:  # what other libraries raise can be anything
        raise _no_array(name, value, str(error).partition("\n")[0]) from None
    return found if found.dtype.isnative else found.astype(found.dtype.newbyteorder("="))


def as_ids(name: str, value: Any, *, void: int | None = None) -> NDArray[Any]:
    """`value` as an array of integers, by `as_array`; booleans are 0 and 1. UsageError `bad-array` for floats."""
    found = as_array(name, value, void=void)
    if found.dtype.kind == "f":
        raise UsageError(f"{name} must be integer class ids, got {found.dtype} {found.shape}", code="bad-array")
    return found.astype(np.uint8) if found.dtype.kind == "b" else found


def as_bytes(name: str, value: Any, shape: str) -> NDArray[np.uint8]:
    """`value` as an array of uint8, by `as_array`: integers of any type in 0..255. shape: in words, for messages.

    UsageError `bad-array` for other numbers; colors in 0..1 are named as such.
    """
    found = as_array(name, value)
    if found.dtype == np.uint8:
        return found
    got = f"{name} must be {shape} uint8, got {found.shape} {found.dtype}"
    if found.dtype.kind == "f":
        in_unit = bool(found.size and found.min() >= 0 and found.max() <= 1)
        fix = "colors are in 0..255 here: (255 * colors).round().astype(numpy.uint8)" if in_unit else None
        raise UsageError(got, code="bad-array", fix=fix)
    if found.size and (found.min() < 0 or found.max() > 255):
        raise UsageError(f"{got} with values {found.min()}..{found.max()}", code="bad-array")
    return found.astype(np.uint8)


def stray_id(ids: NDArray[Any], classes: int, ignore_index: int | None) -> str | None:
    """The first id that is neither a class 0..classes-1 nor `ignore_index`, its place and how many there are, in words.

    ids: integers of any shape; the last two axes are rows and columns, one before them images.
    """
    bad = (ids < 0) | (ids >= classes)
    if ignore_index is not None:
        bad &= ids != ignore_index
    if not bad.any():
        return None
    first = np.argwhere(bad)[0].tolist()
    place = f"x={first[-1]}, y={first[-2]}" if ids.ndim in (2, 3) else f"index {first}"
    place += f" of image {first[0]}" if ids.ndim == 3 else ""
    void = "" if ignore_index is None else f" or ignore_index {ignore_index}"
    return (
        f"value {int(ids[tuple(first)])} at {place} is not a class (0..{classes - 1}){void}; "
        f"{int(bad.sum())} such pixels"
    )


def _array_of(name: str, value: Any, void: int | None) -> NDArray[Any]:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _of_tensor(name, value)
    if isinstance(value, np.ma.MaskedArray):
        return _unmasked(name, value, void)
    if value is None or isinstance(value, (str, bytes, dict, set, frozenset)):
        raise _no_array(name, value, "it has no numbers in order")
    if isinstance(value, (list, tuple)) and not all(isinstance(v, (bool, int, float, np.generic)) for v in value):
        return np.stack([_array_of(name, v, void) for v in value])
    try:
        found: NDArray[Any] = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):
        if not hasattr(value, "__dlpack__"):
            raise
        found = np.asarray(value.get()) if hasattr(value, "get") else np.from_dlpack(value)  # `get`: CuPy's, to the CPU
    return np.from_dlpack(value) if found.dtype == object and hasattr(value, "__dlpack__") else found


def _of_tensor(name: str, tensor: Any) -> NDArray[Any]:
    if tensor.device.type == "meta":
        raise _no_array(name, tensor, "a tensor on the device 'meta' has no values")
    dense = tensor.detach().cpu().resolve_conj().resolve_neg()
    if dense.is_floating_point() and dense.dtype.itemsize < 4:
        dense = dense.float()  # exact; NumPy has no bfloat16
    found: NDArray[Any] = dense.numpy()
    return found


def _unmasked(name: str, masked: np.ma.MaskedArray[Any, Any], void: int | None) -> NDArray[Any]:
    mask, values = np.ma.getmaskarray(masked), np.asarray(masked.data)
    if not mask.any():
        return values
    if void is None:
        raise UsageError(
            f"{name} is a masked array with {int(mask.sum())} masked pixels", code="masked-array",
            fix="masked pixels have no class: give them one, such as void in a truth: array.filled(255)",
        )  # fmt: skip
    kind = np.promote_types(values.dtype, np.min_scalar_type(void))
    if kind.kind == "f" and values.dtype.kind in "iu":  # of uint64 and a negative void
        kind = np.dtype(np.int64)
        if (values[~mask] > np.iinfo(np.int64).max).any():
            raise _no_array(name, masked, f"its values and {void} fit into no integer type")
    out = values.astype(kind)
    out[mask] = void
    return out


def _no_array(name: str, value: object, why: str) -> UsageError:
    kind = type(value)
    owner = "" if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]}."
    return UsageError(f"{name} must be an array of numbers, got {owner}{kind.__qualname__}: {why}", code="bad-array")
