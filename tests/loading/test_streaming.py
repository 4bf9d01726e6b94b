"""Streaming stores write what plain ones write, and no locked instruction stands between them."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixelwise as pw
from pixelwise import kernels
from pixelwise.loading.buffers import aligned, last_level_cache
from pixelwise.loading.render import Renderer, Slot
from tests.support.rendering import noise, plan


def rendered(transforms: Any, output: str, streaming: bool, monkeypatch: pytest.MonkeyPatch, seed: int) -> Any:
    """A batch in aligned memory, by streaming or by plain stores."""
    samples = noise([(37, 150), (90, 70), (64, 128), (1, 1)], seed)
    plans = plan(transforms, samples, seed)
    h, w = plans.size.max(axis=0).tolist()
    shape = (4, h, w, 3) if output == "uint8-hwc" else (4, 3, h, w)
    kind = np.dtype("float32" if output == "float32" else "uint8")
    size = int(np.prod(shape)) * kind.itemsize
    images = aligned(size).view(kind).reshape(shape)
    images[:] = 77
    monkeypatch.setattr("pixelwise.loading.render.last_level_cache", lambda: 0 if streaming else 1 << 40)
    renderer = Renderer(plans, Slot(images, None), output, 255)  # type: ignore[arg-type]
    addresses = np.array([s.image.ctypes.data for s in samples])
    renderer.write_mapped(0, 4, addresses)
    return images


@given(st.sampled_from(["float32", "uint8", "uint8-hwc"]), st.integers(1, 140), st.integers(1, 90), st.integers(0, 99))
def test_equal_to_plain_stores(output: str, width: int, height: int, seed: int) -> None:
    crop = pw.RandomCrop(height, width, pad_if_needed=True)
    transforms = [crop, pw.RandomHorizontalFlip(p=0.5), pw.RandomVerticalFlip(p=0.5)]
    if output == "float32":
        transforms.append(pw.Normalize())
    with pytest.MonkeyPatch.context() as patch:
        streamed, plain = (rendered(transforms, output, how, patch, seed) for how in (True, False))
    assert np.array_equal(streamed, plain)


@pytest.mark.parametrize("name", ["render_float", "render_planar", "render_packed"])
def test_no_lock_in_the_loop(name: str) -> None:
    kernel = getattr(kernels.copy, name)
    fresh = numba.njit(nogil=True, boundscheck=False, error_model="numpy", fastmath=True)(kernel.py_func)
    kinds = kernel.signatures or pytest.skip("not compiled in this process")
    fresh.compile(kinds[0])
    (text,) = fresh.inspect_asm().values()
    body = text[: text.find("NRT_decref:")]
    if "movnt" not in body:
        pytest.skip("this machine's streaming stores have another name")
    # One is the fence at the end.
    assert sum(line.split()[:1] == ["lock"] for line in body.splitlines()) <= 1


def test_the_last_level_cache_is_known() -> None:
    assert 1 << 18 <= last_level_cache() <= 1 << 32
