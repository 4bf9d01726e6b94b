"""Names are searched and ordered as Python would, and what is counted is what the labels hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pixelwise as pw
from pixelwise.viewer import measures
from pixelwise.viewer.entries import Entries
from tests.support.many import many

names = st.lists(st.text(st.characters(codec=None), max_size=90), min_size=1, max_size=20, unique=True)


def entries_of(chosen: list[str]) -> Entries:
    pixels = np.zeros((1, 1, 3), np.uint8)
    parts = [chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]]
    splits = [pw.Split(str(k), pw.VOC, pw.ArraySource([pixels] * len(p), names=p)) for k, p in enumerate(parts)]
    return Entries(splits, pw.VOC)


def folded(name: str) -> bytes:
    return name.replace("\n", " ").lower().encode("utf-8", "surrogatepass")


@given(names, st.data())
def test_a_search_finds_the_names_that_hold_the_text(chosen: list[str], data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(chosen))
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(part))] * 2)))
    found = entries_of(chosen)
    for text in (part[start:stop], part.upper(), data.draw(st.text(max_size=3))):
        expected = [folded(text) in folded(name) for name in chosen]
        assert found.named(text, range(len(chosen))).tolist() == expected


@given(names)
def test_names_are_ordered(chosen: list[str]) -> None:
    chosen = [name.replace("\0", "0") for name in chosen]
    order = np.argsort(entries_of(chosen).by_name).tolist()
    assert order == sorted(range(len(chosen)), key=lambda i: folded(chosen[i]))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_an_entry_is_in_its_split(lengths: list[int]) -> None:
    pixels = np.zeros((1, 1, 3), np.uint8)
    splits = [pw.Split(str(k), pw.VOC, pw.ArraySource([pixels] * n)) for k, n in enumerate(lengths)]
    found = Entries(splits, pw.VOC)
    places = [(split.name, at) for split, at in (found.entry(i) for i in range(len(found)))]
    assert places == [(str(k), at) for k, n in enumerate(lengths) for at in range(n)]
    with pytest.raises(IndexError):
        found.entry(len(found))


def test_more_classes_than_there_was_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "_USUAL", 0)
    split = many(700)
    found = measures.Measures(Entries([split, split[:5]], split.classes))
    found.complete()
    counts, table = found.counts(), pw.count_classes(split)
    for id in (0, 1, 8, 255):
        rows, pixels = counts.of(id)
        expected = table[:, min(id, 21)]
        expected = np.concatenate([expected, expected[:5]])
        assert rows.tolist() == np.flatnonzero(expected).tolist()
        assert pixels.tolist() == expected[expected > 0].tolist()
    assert found.held.tolist() == [*np.count_nonzero(table[:, :21], axis=1), *np.count_nonzero(table[:5, :21], axis=1)]
    assert found.images[1, :21].tolist() == np.count_nonzero(table[:5, :21], axis=0).tolist()
