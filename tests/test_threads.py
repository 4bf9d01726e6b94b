"""The ordered map on threads."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelwise.errors import UsageError
from pixelwise.threads import default_threads, in_order, run_in, thread_count


@given(st.lists(st.integers()), st.integers(1, 5), st.integers(1, 5))
def test_equals_map(items: list[int], threads: int, ahead: int) -> None:
    assert list(in_order(lambda x: x * 2, items, threads, ahead)) == [x * 2 for x in items]


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_an_endless_input_is_read_only_as_far_as_needed(workers: int) -> None:
    """Also in an executor of the caller's, whose own `map` reads all of it at once."""
    seen: list[int] = []
    with ThreadPoolExecutor(workers) if workers else nullcontext() as pool, run_in(pool):
        results = in_order(lambda x: seen.append(x) or x, itertools.count(), threads=2, ahead=3)
        assert list(itertools.islice(results, 10)) == list(range(10))
        results.close()  # type: ignore[attr-defined]
    assert len(seen) <= 10 + 3 * max(2, workers)


def test_an_error_comes_at_its_place_and_threads_end() -> None:
    def work(x: int) -> int:
        time.sleep(0.001 * (5 - x % 5))
        return 1 // (x - 7)

    got, before = [], set(threading.enumerate())
    with pytest.raises(ZeroDivisionError):
        for value in in_order(work, range(100), threads=4):
            got.append(value)
    assert len(got) == 7
    assert not [t for t in threading.enumerate() if t.name.startswith("pixelwise-map") and t not in before]


@pytest.mark.parametrize("threads", [0, -3])
def test_fewer_than_one_thread_is_refused(threads: int) -> None:
    assert thread_count(None) == default_threads()
    with pytest.raises(UsageError, match="at least 1"):
        list(in_order(abs, [1], threads))
