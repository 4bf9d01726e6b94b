"""The search for close pairs finds exactly those that comparing all with all finds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.checks.similar import DETAIL, NEAR, NEAR_DETAIL, close_pairs, equal_groups, hashes
from pixelwise.kernels.image_measures import cell_sums


def all_with_all(coarse: np.ndarray, fine: np.ndarray, chosen: np.ndarray) -> list[list[int]]:
    found = []
    for i in range(len(coarse)):
        for j in range(i + 1, len(coarse)):
            distance = int(coarse[i] ^ coarse[j]).bit_count()
            both = sum(int(v).bit_count() for v in (*fine[i], *fine[j]))
            differ = sum(int(a ^ b).bit_count() for a, b in zip(fine[i], fine[j], strict=True))
            if chosen[i] and chosen[j] and distance <= NEAR and both >= DETAIL and differ <= NEAR_DETAIL * both:
                found.append([i, j, distance])
    return found


@given(st.integers(0, 2**32 - 1), st.integers(0, 40))
@settings(max_examples=40)
def test_all_close_pairs_are_found(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    parents = random.integers(0, 1 << 63, 6).astype(np.uint64)
    details = random.integers(0, 1 << 63, (6, 4)).astype(np.uint64)
    details[0] = 0  # a picture without detail
    own = random.integers(0, 6, count)
    coarse, fine = parents[own].copy(), details[own].copy()
    for k in range(count):
        for bit in random.integers(0, 64, random.integers(0, 5)):
            coarse[k] ^= np.uint64(1) << np.uint64(bit)
        for bit in random.integers(0, 64, random.integers(0, 40)):
            fine[k, bit % 4] ^= np.uint64(1) << np.uint64(bit)
    chosen = random.random(count) < 0.9
    assert close_pairs(coarse, fine, chosen).tolist() == all_with_all(coarse, fine, chosen)


def test_equal_groups() -> None:
    keys = np.array([5, 1, 5, 2, 1, 5, 9], np.uint64)
    chosen = np.array([True, True, True, True, True, True, False])
    assert [g.tolist() for g in equal_groups(keys, chosen)] == [[1, 4], [0, 2, 5]]
    assert list(equal_groups(keys, np.zeros(7, bool))) == []


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 9))
@settings(max_examples=30)
def test_cell_sums(height: int, width: int, seed: int) -> None:
    rows = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    ys, xs = np.arange(17) * height // 16, np.arange(19) * width // 18
    out = np.full((16, 18), -1, np.int64)
    cell_sums(rows, ys, xs, out)
    for i in range(16):
        for j in range(18):
            assert out[i, j] == rows[ys[i] : ys[i + 1], xs[j] : xs[j + 1]].sum()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (480, 640)])
def test_hashes_of_any_size(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    first = hashes(image)
    assert hashes(image.copy()).exact == first.exact
    other = image.copy()
    other[-1, -1, -1] ^= 1
    assert hashes(other).exact != first.exact
    assert hashes(np.ascontiguousarray(image.reshape(-1, 1, 3))).exact != first.exact or size[1] == 1
    assert bool(first.fine.any()) == (size == (480, 640))
